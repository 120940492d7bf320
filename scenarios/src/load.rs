//! From paths to files, and from a file's text to a scenario that makes sense, with every mistake on the way.

use crate::{
    check,
    diagnostic::{Diagnostic, arrange},
    plan::{Sweep, sweeps},
    read, script,
    source::{Source, shown_path},
    spec::Scenario,
    trace, tree,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Most scenario files of one call.
const MAX_FILES: usize = 100_000;

/// Reads a text as a scenario: syntax, then types, then meaning; nothing of the kernel yet. The scenario is whole only
/// if there is no diagnostic.
pub fn understand(source: &Arc<Source>) -> (Option<Scenario>, Vec<Sweep>, Vec<Diagnostic>) {
    let (root, mut sink) = tree::parse(source);
    let Some(root) = root else { return (None, Vec::new(), sink) };
    let mut scenario: Option<Scenario> = read::read(source, &root, &mut sink);
    if let Some(s) = &mut scenario {
        script::load(source, s, &mut sink);
        trace::load(source, s, &mut sink);
    }
    let sweeps = sweeps(source, &root, &mut sink);
    if let Some(s) = &scenario {
        check::meaning(source, s, &sweeps, &mut sink);
    }
    (scenario, sweeps, sink)
}

/// Reads a text that [`understand`] has found whole.
///
/// # Errors
/// It is not.
pub fn read(source: &Arc<Source>) -> Result<Scenario, Vec<Diagnostic>> {
    let (root, mut sink) = tree::parse(source);
    let mut scenario: Option<Scenario> = root.and_then(|root| read::read(source, &root, &mut sink));
    if let Some(s) = &mut scenario {
        script::load(source, s, &mut sink);
        trace::load(source, s, &mut sink);
    }
    match scenario {
        Some(scenario) if sink.is_empty() => Ok(scenario),
        _ => Err(sink),
    }
}

/// The scenario files under `paths`, sorted by path: a file as it is named, of a directory every `*.ron` in it.
///
/// # Errors
/// A path that does not exist, a directory that can't be read or holds no scenario: all of them.
pub fn files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Vec<Diagnostic>> {
    let (mut found, mut errors) = (Vec::new(), Vec::new());
    for path in paths {
        match std::fs::metadata(path) {
            Err(e) => {
                let text = e.to_string();
                let text = text.split(" (os error").next().unwrap_or_default();
                errors.push(Diagnostic::of_file(&shown_path(path), format!("can't read it: {text}")));
            }
            Ok(meta) if meta.is_dir() => {
                let before = (found.len(), errors.len());
                walk(path, 0, &mut found, &mut errors);
                if (found.len(), errors.len()) == before {
                    let d = Diagnostic::of_file(&shown_path(path), "there is no scenario in this directory");
                    errors.push(d.help("scenarios are files that end in .ron"));
                }
            }
            Ok(_) => found.push(path.clone()),
        }
    }
    if paths.is_empty() {
        errors.push(Diagnostic::of_file(".", "no scenario was named"));
    }
    if found.len() > MAX_FILES {
        errors.push(Diagnostic::of_file(&shown_path(&paths[0]), format!("more than {MAX_FILES} scenario files")));
    }
    found.sort();
    found.dedup();
    arrange(&mut errors);
    if errors.is_empty() { Ok(found) } else { Err(errors) }
}

/// Links to directories are not followed, so there are no circles.
fn walk(dir: &Path, depth: usize, found: &mut Vec<PathBuf>, errors: &mut Vec<Diagnostic>) {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) => return errors.push(Diagnostic::of_file(&shown_path(dir), format!("can't read the directory: {e}"))),
    };
    for entry in entries.flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        if kind.is_dir() && !hidden && depth < 64 && found.len() <= MAX_FILES {
            walk(&path, depth + 1, found, errors);
        } else if !kind.is_dir() && path.extension().is_some_and(|e| e == "ron") {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_searched_and_sorted() {
        let dir = std::env::temp_dir().join(format!("onerouter-load-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("b/.hidden")).unwrap();
        std::fs::create_dir_all(dir.join("a")).unwrap();
        std::fs::create_dir_all(dir.join("empty")).unwrap();
        for f in ["b/two.ron", "b/one.ron", "a/x.ron", "b/notes.txt", "b/.hidden/no.ron"] {
            std::fs::write(dir.join(f), "").unwrap();
        }
        let names =
            |r: Vec<PathBuf>| -> Vec<String> { r.iter().map(|p| shown_path(p.strip_prefix(&dir).unwrap())).collect() };
        assert_eq!(names(files(std::slice::from_ref(&dir)).unwrap()), ["a/x.ron", "b/one.ron", "b/two.ron"]);
        let named = files(&[dir.join("b/notes.txt"), dir.join("b"), dir.join("b/one.ron")]).unwrap();
        assert_eq!(names(named), ["b/notes.txt", "b/one.ron", "b/two.ron"]);
        let errors = files(&[dir.join("empty"), dir.join("gone")]).unwrap_err();
        let titles: Vec<&str> = errors.iter().map(|d| d.title.as_str()).collect();
        assert_eq!(titles, ["there is no scenario in this directory", "can't read it: No such file or directory"]);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
