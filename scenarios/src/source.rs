//! A scenario file as text: read with limits, places in it, and texts made from it by splicing other values in.

use crate::diagnostic::Diagnostic;
use std::{
    collections::BTreeMap,
    fs::File,
    io::Read,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Bytes of the largest file that is read.
pub const MAX_BYTES: u64 = 16 << 20;

/// A stretch of a source's text, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Range {
    pub start: u32,
    pub end: u32,
}

impl Range {
    pub fn new(start: usize, end: usize) -> Range {
        Range { start: start as u32, end: end as u32 }
    }
    pub fn bytes(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A range of the text replaced by another value.
#[derive(Clone, Copy, Debug)]
struct Splice {
    /// What was there, in the original.
    old: Range,
    /// What is there now, in this text.
    new: Range,
    /// Where the new value stands in the original: in its sweep.
    from: Range,
}

/// One file's text.
#[derive(Debug)]
pub struct Source {
    /// As given, with forward slashes.
    pub path: String,
    pub text: String,
    lines: OnceLock<Vec<u32>>,
    /// The file that this text was made from by splicing.
    base: Option<(Arc<Source>, Vec<Splice>)>,
    /// What was spliced, for messages: "rate=10k/s"; empty for a file as it stands.
    pub variant: String,
    /// Files beside it that it names, read once.
    beside: Mutex<BTreeMap<String, Result<Arc<Source>, String>>>,
}

impl Source {
    pub fn new(path: &str, text: String) -> Source {
        Source {
            path: path.to_owned(),
            text,
            lines: OnceLock::new(),
            base: None,
            variant: String::new(),
            beside: Mutex::default(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, is no regular file, is larger than [`MAX_BYTES`] or is not UTF-8.
    pub fn read(path: &Path) -> Result<Source, Diagnostic> {
        let shown = shown_path(path);
        let fail = |title: String| Diagnostic::of_file(&shown, title);
        let meta = std::fs::metadata(path).map_err(|e| fail(format!("can't read the file: {}", reason(&e))))?;
        if !meta.is_file() {
            return Err(fail("not a regular file".to_owned()));
        }
        let too_big = || {
            fail("the file is larger than 16 MB".to_owned())
                .help("many similar things need few lines: a name may carry a range, \"c[1..1000]\"")
        };
        if meta.len() > MAX_BYTES {
            return Err(too_big());
        }
        let mut bytes = Vec::with_capacity(meta.len() as usize);
        let file = File::open(path).map_err(|e| fail(format!("can't open the file: {}", reason(&e))))?;
        file.take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(|e| fail(format!("can't read the file: {}", reason(&e))))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(too_big());
        }
        String::from_utf8(bytes).map(|text| Source::new(&shown, text)).map_err(|e| not_utf8(&shown, &e))
    }

    /// The same text with each range replaced: (what to replace, where its new value stands), both in this text.
    /// Ranges to replace must not overlap.
    pub fn splice(self: &Arc<Source>, variant: &str, edits: &[(Range, Range)]) -> Source {
        let mut edits = edits.to_vec();
        edits.sort_by_key(|(old, _)| old.start);
        let mut text = String::with_capacity(self.text.len() + 64);
        let mut splices = Vec::with_capacity(edits.len());
        let mut at = 0;
        for (old, from) in edits {
            text.push_str(&self.text[at..old.start as usize]);
            let start = text.len();
            text.push_str(&self.text[from.bytes()]);
            splices.push(Splice { old, new: Range::new(start, text.len()), from });
            at = old.end as usize;
        }
        text.push_str(&self.text[at..]);
        Source {
            path: self.path.clone(),
            text,
            lines: OnceLock::new(),
            base: Some((Arc::clone(self), splices)),
            variant: variant.to_owned(),
            beside: Mutex::default(),
        }
    }

    /// A file by its path from the folder of this one. It is read once, and stays as it was then.
    ///
    /// # Errors
    /// Why it can't be had.
    pub fn beside(&self, name: &str) -> Result<Arc<Source>, String> {
        if let Some((base, _)) = &self.base {
            return base.beside(name);
        }
        if name.is_empty() || Path::new(name).is_absolute() {
            return Err(format!("`{name}` is not a relative path"));
        }
        let mut known = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        let read = || {
            let folder = Path::new(&self.path).parent().unwrap_or(Path::new(""));
            Source::read(&folder.join(name)).map(Arc::new).map_err(|d| format!("`{name}`: {}", d.title))
        };
        known.entry(name.to_owned()).or_insert_with(read).clone()
    }

    /// Where `range` of this text stands in the file itself.
    pub fn original(self: &Arc<Source>, range: Range) -> (Arc<Source>, Range) {
        match &self.base {
            None => (Arc::clone(self), range),
            Some((base, splices)) => {
                let map = |at: u32, end: bool| back(splices, at, end);
                (Arc::clone(base), Range { start: map(range.start, false), end: map(range.end, true) })
            }
        }
    }

    /// Does `range` lie in a value that was spliced in? Then the value's own place says which point it is about.
    pub fn is_spliced(&self, range: Range) -> bool {
        let inside = |s: &Splice| s.new.start <= range.start && range.end <= s.new.end;
        self.base.as_ref().is_some_and(|(_, splices)| splices.iter().any(inside))
    }

    /// Line and column of a byte, both from 1; the column counts characters.
    pub fn line_column(&self, at: u32) -> (usize, usize) {
        let lines = self.line_starts();
        let line = lines.partition_point(|start| *start <= at).max(1);
        let start = lines[line - 1] as usize;
        let end = floor_boundary(&self.text, at as usize).max(start);
        (line, self.text[start..end].chars().count() + 1)
    }

    /// The text of a line, counted from 1, without its end.
    pub fn line(&self, line: usize) -> &str {
        let lines = self.line_starts();
        let Some(start) = line.checked_sub(1).and_then(|l| lines.get(l)) else { return "" };
        let end = lines.get(line).map_or(self.text.len(), |e| *e as usize);
        self.text[*start as usize..end].trim_end_matches(['\n', '\r'])
    }

    /// "file.ron:31:5"
    pub fn place(self: &Arc<Source>, range: Range) -> String {
        let (file, range) = self.original(range);
        let (line, column) = file.line_column(range.start);
        format!("{}:{line}:{column}", file.path)
    }

    fn line_starts(&self) -> &[u32] {
        self.lines.get_or_init(|| {
            let ends = self.text.bytes().enumerate().filter(|(_, b)| *b == b'\n').map(|(i, _)| i as u32 + 1);
            std::iter::once(0).chain(ends).collect()
        })
    }
}

/// Moves a position back to the text before the splices.
fn back(splices: &[Splice], at: u32, is_end: bool) -> u32 {
    let mut shifted = at;
    for s in splices {
        let inside = if is_end { at > s.new.start && at <= s.new.end } else { at >= s.new.start && at < s.new.end };
        if inside {
            return s.from.start + (at - s.new.start);
        }
        if at >= s.new.end {
            shifted = s.old.end + (at - s.new.end);
        }
    }
    shifted
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// How a path is shown: as given, with forward slashes.
pub fn shown_path(path: &Path) -> String {
    let text = path.to_string_lossy().replace('\\', "/");
    text.strip_prefix("./").map_or(text.clone(), str::to_owned)
}

/// The operating system's words, without its number.
fn reason(e: &std::io::Error) -> String {
    let text = e.to_string();
    match text.find(" (os error") {
        Some(i) => text[..i].to_owned(),
        None => text,
    }
}

fn not_utf8(path: &str, e: &std::string::FromUtf8Error) -> Diagnostic {
    let at = e.utf8_error().valid_up_to();
    let lossy = String::from_utf8_lossy(e.as_bytes()).into_owned();
    let source = Arc::new(Source::new(path, lossy));
    let byte = e.as_bytes().get(at).copied().unwrap_or(0);
    let end = source.text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
    Diagnostic::new(&source, Range::new(at, end), format!("byte 0x{byte:02x} is not UTF-8"))
        .label("here")
        .help("save the file in UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_and_in_characters() {
        let s = Source::new("x", "ab\nöäü x\n".to_owned());
        assert_eq!(s.line_column(0), (1, 1));
        assert_eq!(s.line_column(2), (1, 3));
        assert_eq!(s.line_column(3), (2, 1));
        assert_eq!(s.line_column(10), (2, 5));
        assert_eq!(s.line_column(12), (3, 1));
        assert_eq!((s.line(1), s.line(2), s.line(3), s.line(9)), ("ab", "öäü x", "", ""));
    }

    #[test]
    fn a_place_in_a_spliced_text_is_one_in_the_file() {
        let base = Arc::new(Source::new("x", "a: 1, b: 2, sweep: [100, 200]".to_owned()));
        // "a: 100, b: 2, sweep: …"
        let s = Arc::new(base.splice("a=100", &[(Range::new(3, 4), Range::new(20, 23))]));
        assert!(s.text.starts_with("a: 100, b: 2, sweep"));
        let of = |r: Range| s.original(r).1.bytes();
        assert_eq!(of(Range::new(0, 1)), 0..1);
        assert_eq!(of(Range::new(3, 6)), 20..23);
        assert_eq!(of(Range::new(8, 9)), 6..7);
        assert_eq!(&base.text[of(Range::new(11, 12))], "2");
    }

    #[test]
    fn what_is_no_text_file_is_refused() {
        let dir = std::env::temp_dir().join(format!("onerouter-source-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let err = Source::read(&dir).unwrap_err();
        assert_eq!(err.title, "not a regular file");
        let err = Source::read(&dir.join("none.ron")).unwrap_err();
        assert_eq!(err.title, "can't read the file: No such file or directory");
        let bad = dir.join("latin1.ron");
        std::fs::write(&bad, b"(title:\n \"caf\xe9\")").unwrap();
        let err = Source::read(&bad).unwrap_err();
        assert_eq!((err.title.as_str(), err.line_column()), ("byte 0xe9 is not UTF-8", Some((2, 6))));
        let big = dir.join("big.ron");
        File::create(&big).unwrap().set_len(100 << 20).unwrap();
        assert_eq!(Source::read(&big).unwrap_err().title, "the file is larger than 16 MB");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
