//! Broken scenario files: every mistake of a file is reported, at its place. Each file under `bad/` carries a line
//! `// error LINE:COLUMN: text` for every message, which begins with that text.

use scenarios::{check, diagnostic::Diagnostic};
use std::path::{Path, PathBuf};

fn bad_files() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("bad");
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir)
        .expect("tests/bad is there")
        .map(|e| e.expect("a directory entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "ron"))
        .collect();
    files.sort();
    files
}

/// "12:5: text" of each expected message, in order of place.
fn expected(text: &str) -> Vec<String> {
    text.lines().filter_map(|l| l.trim_start().strip_prefix("// error ")).map(|l| l.trim_end().to_owned()).collect()
}

fn found(d: &Diagnostic) -> String {
    match d.line_column() {
        Some((line, column)) => format!("{line}:{column}: {}", d.headline()),
        None => format!("file: {}", d.headline()),
    }
}

#[test]
fn every_mistake_of_every_bad_file_is_reported_at_its_place() {
    let files = bad_files();
    assert!(files.len() >= 25, "only {} bad files", files.len());
    let mut wrong = String::new();
    for file in &files {
        let text = String::from_utf8_lossy(&std::fs::read(file).expect("a readable file")).into_owned();
        let wanted = expected(&text);
        let report = check(std::slice::from_ref(file));
        let got: Vec<String> = report.diagnostics.iter().map(found).collect();
        let same = got.len() == wanted.len() && got.iter().zip(&wanted).all(|(g, w)| g.starts_with(w.as_str()));
        if !same || wanted.is_empty() {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            wrong += &format!("{name}: found\n");
            got.iter().for_each(|g| wrong += &format!("// error {g}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn ten_mistakes_give_ten_messages_with_excerpts() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("bad/ten.ron");
    let report = check(&[file]);
    assert!(report.diagnostics.len() >= 10, "{}", report.diagnostics.len());
    for d in &report.diagnostics {
        let text = d.render(false);
        let (line, column) = d.line_column().expect("a place");
        assert!(text.starts_with("error: ") && text.contains(&format!("bad/ten.ron:{line}:{column}\n")), "{text}");
        assert!(text.contains('^') && !text.contains('\u{1b}'), "{text}");
    }
    let all: Vec<String> = report.diagnostics.iter().map(|d| d.render(false)).collect();
    assert!(all.iter().any(|t| t.ends_with("help: did you mean `veth1`?")), "{}", all.join("\n\n"));
}

#[test]
fn what_is_no_scenario_at_all_is_said_in_one_message() {
    let dir = std::env::temp_dir().join(format!("onerouter-diagnostics-{}", std::process::id()));
    std::fs::create_dir_all(dir.join("empty")).expect("a directory");
    let big = dir.join("big.ron");
    std::fs::File::create(&big).and_then(|f| f.set_len(100 << 20)).expect("a file of 100 MB");
    let deep = dir.join("deep.ron");
    std::fs::write(&deep, "(".repeat(500_000) + &")".repeat(500_000)).expect("a file");
    let cases = [
        (dir.join("empty"), "there is no scenario in this directory"),
        (dir.join("gone.ron"), "can't read it: No such file or directory"),
        (big, "the file is larger than 16 MB"),
        (deep, "brackets are nested deeper than 64"),
    ];
    for (path, want) in cases {
        let report = check(std::slice::from_ref(&path));
        let first = report.diagnostics.first().map(|d| d.title.as_str());
        assert_eq!(first, Some(want), "{}", path.display());
        assert!(report.diagnostics.len() <= 2 && report.files.is_empty());
        assert!(report.diagnostics.iter().all(|d| d.render(true).len() < 2000));
    }
    std::fs::remove_dir_all(&dir).expect("nobody else uses it");
}
