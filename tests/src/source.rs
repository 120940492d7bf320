//! Looks at the repository's own source: which files it has, and what of a Rust file is code, comment or test.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// The top of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).unwrap_or_default()
}

/// Files of the repository, relative, with forward slashes, sorted: what git tracks or would track, else (no git, an
/// unpacked archive) all files but build and report folders.
pub fn files() -> Vec<String> {
    let root = root();
    let git = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(&root)
        .output()
        .ok()
        .filter(|o| o.status.success() && root.join(".git").exists());
    let mut files: Vec<String> = match git {
        Some(o) => String::from_utf8_lossy(&o.stdout).lines().map(str::to_owned).collect(),
        None => {
            let mut files = Vec::new();
            walk(&root, &root, &mut files);
            files
        }
    };
    files.retain(|f| root.join(f).is_file());
    files.sort();
    files.dedup();
    files
}

fn walk(root: &Path, dir: &Path, files: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for path in entries.filter_map(Result::ok).map(|e| e.path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() {
            if !["target", "onerouter-report", ".git"].contains(&name.as_ref()) {
                walk(root, &path, files);
            }
        } else if let Ok(path) = path.strip_prefix(root) {
            files.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
}

/// The text of a file of the repository; `None` if it is not UTF-8 (a picture).
pub fn text(file: &str) -> Option<String> {
    std::fs::read(root().join(file)).ok().and_then(|bytes| String::from_utf8(bytes).ok())
}

/// One Rust file, cut apart.
pub struct Rust {
    /// Comments and the contents of strings and character literals are blanks; lines and columns stay.
    pub code: String,
    /// The same without what stands under `#[cfg(test)]`.
    pub shipped: String,
    /// What stands under `#[cfg(test)]`, with its strings: tests name things in strings, too.
    pub tests: String,
    /// Lines that do not stand under `#[cfg(test)]`.
    pub lines: usize,
}

impl Rust {
    /// Cuts `text` apart.
    pub fn of(text: &str) -> Rust {
        let code = scrub(text);
        let (mut shipped, mut tests, mut test_lines) = (code.clone().into_bytes(), String::new(), 0);
        let mut from = 0;
        while let Some(i) = code[from..].find(CFG_TEST).map(|i| i + from) {
            let end = item_end(&code, i + CFG_TEST.len());
            shipped[i..end].iter_mut().filter(|b| **b != b'\n').for_each(|b| *b = b' ');
            tests.push_str(&text[i..end]);
            test_lines += text[i..end].lines().count();
            from = end;
        }
        let shipped = String::from_utf8(shipped).unwrap_or_default();
        Rust { lines: text.lines().count() - test_lines, code, shipped, tests }
    }

    /// (name, first line, number of lines) of every function with a body outside `#[cfg(test)]`.
    pub fn functions(&self) -> Vec<(String, usize, usize)> {
        let mut out = Vec::new();
        let code = &self.shipped;
        for (i, _) in code.match_indices("fn ") {
            let before = code[..i].chars().next_back();
            let name: String = code[i + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') || name.is_empty() {
                continue;
            }
            let end = item_end(code, i);
            if code[..end].ends_with('}') {
                let first = code[..i].matches('\n').count() + 1;
                out.push((name, first, code[i..end].matches('\n').count() + 1));
            }
        }
        out
    }
}

const CFG_TEST: &str = "#[cfg(test)]";

/// Where the item that begins at `from` ends: behind its `;`, or behind the brace that closes it.
fn item_end(code: &str, from: usize) -> usize {
    let (mut round, mut curly) = (0_i32, 0_i32);
    for (i, b) in code.bytes().enumerate().skip(from) {
        match b {
            b'(' | b'[' => round += 1,
            b')' | b']' => round -= 1,
            b'{' => curly += 1,
            b'}' => {
                curly -= 1;
                if curly <= 0 {
                    return i + 1;
                }
            }
            b';' if round == 0 && curly == 0 => return i + 1,
            _ => {}
        }
    }
    code.len()
}

/// Makes comments and the contents of literals blank.
pub fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut word = false;
    while let Some(c) = rest.chars().next() {
        // A prefix such as `r` or `br` begins a literal only where no identifier goes on.
        let len = if word && matches!(c, 'b' | 'r') { 0 } else { literal(rest) };
        if len > 0 {
            blank(&rest[..len], &mut out);
            word = false;
            rest = &rest[len..];
            continue;
        }
        word = c.is_alphanumeric() || c == '_';
        out.push(c);
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Keeps line ends and the number of bytes.
fn blank(text: &str, out: &mut String) {
    out.extend(text.bytes().map(|b| if b == b'\n' { '\n' } else { ' ' }));
}

/// Bytes of the comment or literal that `s` begins with; 0 if it begins with neither.
fn literal(s: &str) -> usize {
    if s.starts_with("//") {
        return s.find('\n').unwrap_or(s.len());
    }
    if s.starts_with("/*") {
        return block_comment(s);
    }
    let prefix = if s.starts_with("br") { 2 } else { usize::from(s.starts_with(['b', 'r'])) };
    let raw = s[..prefix].ends_with('r');
    let body = &s[prefix..];
    let hashes = if raw { body.len() - body.trim_start_matches('#').len() } else { 0 };
    if body[hashes..].starts_with('"') {
        let inner = &body[hashes + 1..];
        let len = if raw {
            let end = format!("\"{}", "#".repeat(hashes));
            inner.find(&end).map_or(inner.len(), |i| i + end.len())
        } else {
            quoted(inner, '"')
        };
        return prefix + hashes + 1 + len;
    }
    if !raw && let Some(inner) = body.strip_prefix('\'') {
        // 'a' and '\n' are characters, 'a is a lifetime.
        let mut chars = inner.chars();
        let (first, second) = (chars.next(), chars.next());
        if first == Some('\\') || second == Some('\'') {
            return prefix + 1 + quoted(inner, '\'');
        }
    }
    0
}

/// Bytes up to and with the closing quote.
fn quoted(inner: &str, quote: char) -> usize {
    let mut escaped = false;
    for (i, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return i + 1,
            _ => {}
        }
    }
    inner.len()
}

fn block_comment(s: &str) -> usize {
    let mut depth = 0;
    let mut i = 0;
    while i < s.len() {
        let here = &s.as_bytes()[i..];
        if here.starts_with(b"/*") {
            depth += 1;
            i += 2;
        } else if here.starts_with(b"*/") {
            depth -= 1;
            i += 2;
            if depth == 0 {
                return i;
            }
        } else {
            i += 1;
        }
    }
    s.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_comments_become_blanks() {
        for (text, code) in [
            ("a \"b}\\\"\" c // d", "a        c     "),
            ("x(r#\"}\"# , 'y', '\\'', b'{', 'a: loop)", "x(       ,    ,     ,     , 'a: loop)"),
            ("/* { /* } */ */ fn", "                fn"),
            ("attr\"x\"", "attr   "),
            ("r\"a\nb\"", "   \n   "),
        ] {
            let scrubbed = scrub(text);
            assert_eq!(scrubbed.len(), text.len(), "{text}");
            assert_eq!(scrubbed.trim_end(), code.trim_end(), "{text}");
        }
    }

    #[test]
    fn functions_and_tests_are_told_apart() {
        let text = "fn a(x: [u8; 3]) -> u8 {\n  if x { 1 } else { 2 }\n}\ntrait T { fn b(); }\n#[cfg(test)]\nmod tests {\n  \
                    fn c() {}\n}\n";
        let rust = Rust::of(text);
        assert_eq!(rust.functions(), [("a".to_owned(), 1, 3)]);
        assert_eq!(rust.lines, 4);
        assert!(rust.tests.contains("fn c") && !rust.shipped.contains("fn c") && rust.code.contains("fn c"));
    }

    #[test]
    fn the_repository_is_found() {
        let files = files();
        assert!(files.contains(&"Cargo.toml".to_owned()) && files.contains(&"tests/src/source.rs".to_owned()));
        assert!(!files.iter().any(|f| f.starts_with("target/")));
    }
}
