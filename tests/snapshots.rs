//! The catalogue: every scenario runs, its expectations hold, and its snapshot, the text NAME.txt beside it, is what
//! the run gives. insta holds the same text under `snapshots/`; the two are equal.

use onerouter_tests::{sim, source};
use scenarios::{outcome::ScenarioOutcome, run, snapshot};
use std::path::{Path, PathBuf};

/// Runs the whole catalogue once; each scenario with the path of its file.
fn catalogue() -> Vec<(PathBuf, ScenarioOutcome)> {
    let paths = sim::catalogue();
    let plans = scenarios::plans(&paths).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let batch = run::run_all(&plans, 2, &|_, _| {}).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    assert_eq!(batch.scenarios.len(), paths.len());
    paths.into_iter().zip(batch.scenarios).collect()
}

/// "docker/outside.ron" is called `docker__outside` by insta.
fn name_of(path: &Path) -> String {
    let inner = path.strip_prefix(source::root().join("scenarios")).expect("a file of the catalogue");
    inner.with_extension("").to_string_lossy().replace(['/', '\\'], "__")
}

fn insta_file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("snapshots/{name}.snap"))
}

#[test]
fn every_scenario_holds_and_equals_its_snapshots() {
    let all = catalogue();
    assert!(all.len() >= 6, "{} scenarios", all.len());
    let mut failures = Vec::new();
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    for (path, outcome) in &all {
        let name = name_of(path);
        for v in outcome.points.iter().flat_map(|p| &p.verdicts).filter(|v| !v.holds) {
            failures.push(format!("{}: {} is {} {}", v.place, v.text, v.measured, v.cause));
        }
        let text = snapshot::text(outcome);
        match std::fs::read_to_string(snapshot::path_of(path)) {
            Ok(beside) if beside == text => {}
            Ok(_) => failures.push(format!("{name}: NAME.txt differs; `onerouter run --snapshots update` writes it")),
            Err(e) => failures.push(format!("{name}: NAME.txt: {e}")),
        }
        settings.bind(|| {
            // insta shows the difference itself; the next scenario is still looked at.
            let checked = std::panic::catch_unwind(|| insta::assert_snapshot!(name.clone(), text));
            if checked.is_err() {
                failures.push(format!("{name}: insta's snapshot differs; INSTA_UPDATE=always writes it"));
            }
        });
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Compares the files themselves: neither of the two can go its own way.
#[test]
fn both_files_hold_the_same_text() {
    let mut names = Vec::new();
    for path in sim::catalogue() {
        let name = name_of(&path);
        let beside = std::fs::read_to_string(snapshot::path_of(&path)).unwrap_or_else(|e| panic!("{name}.txt: {e}"));
        let insta = std::fs::read_to_string(insta_file(&name)).unwrap_or_else(|e| panic!("{name}.snap: {e}"));
        // A .snap begins with a header between two lines of dashes.
        let body = insta.strip_prefix("---\n").and_then(|t| t.split_once("\n---\n")).map(|t| t.1);
        assert_eq!(body.map(str::trim_end), Some(beside.trim_end()), "{name}");
        assert!(!beside.is_empty() && beside.ends_with('\n'), "{name}.txt");
        names.push(format!("{name}.snap"));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("snapshots");
    for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let file = entry.file_name().into_string().unwrap();
        // What insta would write instead, after a failure, is no snapshot yet.
        assert!(names.contains(&file) || file.ends_with(".snap.new"), "snapshots/{file} belongs to no scenario");
    }
}
