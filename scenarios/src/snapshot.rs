//! NAME.txt beside NAME.ron: what a scenario gave, as one text. The first run in full (walk of the first packet, final
//! tables, counters, latencies), every other run in one line. Compared byte for byte.

use crate::outcome::{FlowOutcome, RunOutcome, ScenarioOutcome};
use sim_core::time::Span;
use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

/// So many of the other runs are listed at most.
const MAX_LINES: usize = 1000;
/// So many lines of a difference are shown at most.
const MAX_DIFF: usize = 60;

/// Where the snapshot of a scenario file lies.
pub fn path_of(scenario: &Path) -> PathBuf {
    scenario.with_extension("txt")
}

/// The snapshot's text.
pub fn text(s: &ScenarioOutcome) -> String {
    let file = s.path.rsplit('/').next().unwrap_or(&s.path);
    let name = file.strip_suffix(".ron").unwrap_or(file);
    let runs = s.points.iter().flat_map(|p| p.runs.iter().map(move |r| (p.label.as_str(), r)));
    let mut out = String::new();
    for (i, (label, run)) in runs.enumerate() {
        let point = if label.is_empty() { String::new() } else { format!("{label}, ") };
        if i == 0 {
            let _ = writeln!(
                out,
                "{name}.txt: run 0 ({point}seed {}, {}), digest {:016x}",
                run.seed, s.profile, run.digest
            );
            first(&mut out, run);
        } else if i <= MAX_LINES {
            let _ =
                writeln!(out, "run {i} ({point}seed {}){}  digest {:016x}", run.seed, flows_in_line(run), run.digest);
        } else {
            let all: usize = s.points.iter().map(|p| p.runs.len()).sum();
            let _ = writeln!(out, "and {} more runs", all - i);
            break;
        }
    }
    for v in s.points.iter().flat_map(|p| p.verdicts.iter().map(move |v| (p, v))) {
        let (p, v) = v;
        let point = if p.label.is_empty() { String::new() } else { format!("{}: ", p.label) };
        let holds = if v.holds { "holds " } else { "FAILS " };
        let _ = writeln!(out, "{holds} {point}{}: {}", v.text, v.measured);
    }
    out
}

fn first(out: &mut String, run: &RunOutcome) {
    for (title, text) in [("walk", &run.walk_text), ("state", &run.state_text)] {
        if !text.is_empty() {
            let _ = writeln!(out, "\n{title}");
            for line in text.lines() {
                let _ = writeln!(out, "{}", line.trim_end());
            }
        }
    }
    let [born, delivered, consumed, dropped, flying] = run.ledger;
    let _ = writeln!(
        out,
        "\nframes  born {born} = delivered {delivered} + consumed {consumed} + dropped {dropped} + in flight {flying}"
    );
    for f in &run.flows {
        let _ = writeln!(out, "flow    {}{}", f.name, measures(f, true));
    }
    if let Some(fault) = &run.fault {
        let _ = writeln!(out, "FAULT   {fault}");
    }
    out.push('\n');
}

/// "  sent 10 lost 0  n 10 min 1us p50 …"
fn measures(f: &FlowOutcome, all: bool) -> String {
    let mut text = format!("  sent {} lost {}", f.sent, f.lost);
    let ps = |ps: Option<u64>| Span::from_ps(ps.unwrap_or(0)).to_string();
    if f.latency.count() > 0 {
        let at = |per_million| ps(f.latency.quantile(per_million));
        if all {
            let (n, min, max) = (f.latency.count(), ps(f.latency.min()), ps(f.latency.max()));
            let _ = write!(text, "  n {n} min {min} p50 {} p90 {} ", at(500_000), at(900_000));
            let _ = write!(text, "p99 {} p99.9 {} max {max}", at(990_000), at(999_000));
        } else {
            let _ = write!(text, " p99 {}", at(990_000));
        }
    }
    for (errno, n) in &f.errors {
        let _ = write!(text, "  {errno} {n}");
    }
    text
}

/// The first few flows of a run.
fn flows_in_line(run: &RunOutcome) -> String {
    let mut text = String::new();
    for f in run.flows.iter().take(4) {
        let _ = write!(text, "  {}{}", f.name, measures(f, false));
    }
    if run.flows.len() > 4 {
        let _ = write!(text, "  and {} more flows", run.flows.len() - 4);
    }
    text
}

/// What a comparison with the file gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compared {
    Same,
    /// There is no file, or it can't be read: why.
    Missing(String),
    /// The lines that differ: `-` of the file, `+` of this run.
    Differs(String),
}

/// Compares with the file beside the scenario.
pub fn compare(s: &ScenarioOutcome) -> Compared {
    let path = path_of(Path::new(&s.path));
    match std::fs::read(&path) {
        Err(e) => Compared::Missing(format!("{}: {e}", path.display())),
        Ok(bytes) if bytes == text(s).as_bytes() => Compared::Same,
        Ok(bytes) => Compared::Differs(diff(&String::from_utf8_lossy(&bytes), &text(s))),
    }
}

/// Writes the file, if it is not the same already; true if it was written.
///
/// # Errors
/// The file system's.
pub fn update(s: &ScenarioOutcome) -> std::io::Result<bool> {
    if compare(s) == Compared::Same {
        return Ok(false);
    }
    let path = path_of(Path::new(&s.path));
    // Never half a file: it is written beside and moved.
    let beside = path.with_extension("txt.new");
    let written = std::fs::write(&beside, text(s)).and_then(|()| std::fs::rename(&beside, &path));
    if written.is_err() {
        // What is half written is of no use, and may be what fills the disk.
        let _ = std::fs::remove_file(&beside);
    }
    written.map(|()| true)
}

/// Lines taken away (`-`) and put in (`+`), with a line of what is around them.
pub fn diff(old: &str, new: &str) -> String {
    let (a, b): (Vec<&str>, Vec<&str>) = (old.split('\n').collect(), new.split('\n').collect());
    let front = a.iter().zip(&b).take_while(|(x, y)| x == y).count();
    let most = a.len().min(b.len()) - front;
    let back = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(x, y)| x == y).count();
    let (old, new) = (&a[front..a.len() - back], &b[front..b.len() - back]);
    let mut lines = Vec::new();
    if front > 0 {
        lines.push(format!("  {}", a[front - 1]));
    }
    lines.extend(edits(old, new));
    if back > 0 {
        lines.push(format!("  {}", a[a.len() - back]));
    }
    let hidden = lines.len().saturating_sub(MAX_DIFF);
    lines.truncate(MAX_DIFF);
    if hidden > 0 {
        lines.push(format!("  … and {hidden} more lines"));
    }
    lines.join("\n")
}

/// Longest common subsequence; of texts too different for that, all of the one and all of the other.
fn edits(a: &[&str], b: &[&str]) -> Vec<String> {
    let (n, m) = (a.len(), b.len());
    let minus = |l: &&str| format!("- {l}");
    let plus = |l: &&str| format!("+ {l}");
    if n.saturating_mul(m) > 4_000_000 {
        return a.iter().map(minus).chain(b.iter().map(plus)).collect();
    }
    let mut longest = vec![0_u32; (n + 1) * (m + 1)];
    let at = |i: usize, j: usize| i * (m + 1) + j;
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            longest[at(i, j)] = match a[i] == b[j] {
                true => longest[at(i + 1, j + 1)] + 1,
                false => longest[at(i + 1, j)].max(longest[at(i, j + 1)]),
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, Vec::new());
    while i < n || j < m {
        if i < n && j < m && a[i] == b[j] {
            out.push(format!("  {}", a[i]));
            (i, j) = (i + 1, j + 1);
        } else if j == m || (i < n && longest[at(i + 1, j)] >= longest[at(i, j + 1)]) {
            out.push(minus(&a[i]));
            i += 1;
        } else {
            out.push(plus(&b[j]));
            j += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_what_changed_and_a_line_around() {
        assert_eq!(diff("a\nb\nc\nd\n", "a\nb\nx\nd\n"), "  b\n- c\n+ x\n  d");
        assert_eq!(diff("a\n", "a\nb\n"), "  a\n+ b\n  ");
        assert_eq!(diff("a\nb\nc\nd\ne", "b\nc\nX\ne"), "- a\n  b\n  c\n- d\n+ X\n  e");
        let long = |c: &str| (0..5000).map(|i| format!("{c}{i}\n")).collect::<String>();
        let text = diff(&long("a"), &long("b"));
        assert!(text.lines().count() == MAX_DIFF + 1 && text.ends_with("more lines"));
    }

    #[test]
    fn a_snapshot_is_written_once_and_compared() {
        let dir = std::env::temp_dir().join(format!("onerouter-snapshot-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let s = ScenarioOutcome {
            path: dir.join("x.ron").to_string_lossy().into_owned(),
            title: "x".into(),
            text: String::new(),
            profile: "unit".into(),
            profile_origin: String::new(),
            points: vec![],
        };
        assert!(matches!(compare(&s), Compared::Missing(_)));
        assert!(update(&s).unwrap());
        assert_eq!(compare(&s), Compared::Same);
        assert!(!update(&s).unwrap());
        std::fs::write(dir.join("x.txt"), "old").unwrap();
        assert!(matches!(compare(&s), Compared::Differs(d) if d.starts_with("- old")));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
