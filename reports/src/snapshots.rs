//! `run --snapshots`: the text beside each scenario, compared or written.

use std::fmt::Write;

use scenarios::{
    outcome::Batch,
    snapshot::{self, Compared},
};

use crate::{args::Snapshots, cli, paint::Paint, units};

/// Compares or writes all snapshots; what to say about it, and the exit code.
pub fn handle(what: Snapshots, batch: &Batch, paint: Paint) -> (String, u8) {
    match what {
        Snapshots::Check => check(batch, paint),
        Snapshots::Update => update(batch, paint),
    }
}

/// A missing snapshot is a difference; if all are missing, nothing could be compared.
fn check(batch: &Batch, paint: Paint) -> (String, u8) {
    let (mut same, mut differ, mut missing) = (0, 0, 0);
    let mut out = String::new();
    let mark = paint.bad("✖");
    for scenario in &batch.scenarios {
        let path = units::printable(&scenario.path);
        match snapshot::compare(scenario) {
            Compared::Same => same += 1,
            Compared::Differs(diff) => {
                differ += 1;
                let _ = writeln!(out, "  {mark} snapshot of {path} differs: - of the file, + of this run");
                for line in diff.lines() {
                    let line = units::printable(line);
                    let line = match line.chars().next() {
                        Some('-') => paint.bad(&line),
                        Some('+') => paint.good(&line),
                        _ => line,
                    };
                    let _ = writeln!(out, "    {line}");
                }
            }
            Compared::Missing(why) => {
                missing += 1;
                let _ = writeln!(out, "  {mark} snapshot of {path}: {}", units::printable(&why));
            }
        }
    }
    let _ = write!(out, "snapshots: {same} the same, {differ} differ, {missing} missing");
    out.push_str(if differ + missing > 0 { "; --snapshots update writes them\n" } else { "\n" });
    let code = match (same, differ, missing) {
        (_, 0, 0) => 0,
        (0, 0, _) => cli::NOTHING,
        _ => cli::FAILED,
    };
    (out, code)
}

fn update(batch: &Batch, paint: Paint) -> (String, u8) {
    let (mut same, mut written) = (0, 0);
    let (mut out, mut code) = (String::new(), 0);
    for scenario in &batch.scenarios {
        match snapshot::update(scenario) {
            Ok(true) => written += 1,
            Ok(false) => same += 1,
            Err(error) => {
                code = cli::BAD_INPUT;
                let path = units::printable(&scenario.path);
                let _ = writeln!(out, "  {} cannot write the snapshot of {path}: {error}", paint.bad("✖"));
            }
        }
    }
    let _ = writeln!(out, "snapshots: {written} written, {same} unchanged");
    (out, code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    #[test]
    fn written_then_the_same_then_different() {
        let folder = std::env::temp_dir().join(format!("onerouter-snapshots-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut scenario = fixture::odd();
        scenario.path = folder.join("odd.ron").to_str().unwrap().to_owned();
        let batch = Batch { scenarios: vec![scenario] };
        let run = |what| handle(what, &batch, Paint::Plain);
        assert_eq!(run(Snapshots::Check).1, cli::NOTHING);
        assert_eq!(run(Snapshots::Update), ("snapshots: 1 written, 0 unchanged\n".to_owned(), 0));
        assert_eq!(run(Snapshots::Update), ("snapshots: 0 written, 1 unchanged\n".to_owned(), 0));
        assert_eq!(run(Snapshots::Check), ("snapshots: 1 the same, 0 differ, 0 missing\n".to_owned(), 0));
        std::fs::write(folder.join("odd.txt"), "another\u{1b}[2J\n").unwrap();
        let (text, code) = run(Snapshots::Check);
        assert_eq!(code, cli::FAILED);
        assert!(text.contains("- another\u{FFFD}[2J") && !text.contains('\u{1b}'), "{text}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
