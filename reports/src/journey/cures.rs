//! What helps a packet that was lost, below its walk.

use scenarios::{
    cure::{Cures, Worth},
    outcome::JourneyHead,
};

use super::{WIDTH, wrap};
use crate::{counters, paint::Paint, units};

/// Failures beyond so many say nothing new.
const FAILURES: usize = 4;

/// Cures as text, each line ended: the cause, where to look on a real host, and each cure with what came of it.
pub fn render(cures: Option<&Cures>, head: &JourneyHead, paint: Paint) -> String {
    let mut text = String::new();
    let Some(cures) = cures else {
        text.push_str(" cures            none needed: it arrives, and is answered if an answer was asked for\n");
        return text;
    };
    let mut note = |label: &str, body: &str| {
        if body.is_empty() {
            return;
        }
        let label = format!(" {label:<16} ");
        for (i, line) in wrap(body, WIDTH - label.len()).into_iter().enumerate() {
            let left = if i == 0 { paint.strong(&label) } else { " ".repeat(label.len()) };
            text.push_str(&format!("{left}{line}\n"));
        }
    };
    note("why", &cures.why);
    let reason = head.verdict.strip_prefix("DROPPED ").unwrap_or_default();
    note("on a real host", counters::of(reason));
    if cures.tried.is_empty() {
        note("cures", "no command is known that could help");
        return text;
    }
    note("cures", "each run on a copy of this world:");
    let lines: Vec<String> = cures.tried.iter().map(commands).collect();
    let width = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0).min(WIDTH - 50);
    let failed = |t: &scenarios::cure::Tried| t.worth == Worth::Fails;
    let mut failures = 0;
    for (tried, line) in cures.tried.iter().zip(&lines) {
        failures += usize::from(failed(tried));
        if failures > FAILURES {
            continue;
        }
        let mark = match tried.worth {
            Worth::Works => paint.good("✔"),
            Worth::Partly => "◐".to_owned(),
            Worth::Fails => paint.bad("✖"),
        };
        let line = format!("   {mark} {line:<width$}  {}\n", units::printable(&tried.outcome));
        text.push_str(&line);
    }
    if failures > FAILURES {
        text.push_str(&format!("     and {} more that do not help\n", failures - FAILURES));
    }
    text
}

/// "h1/root   sysctl -w net.ipv4.ip_forward=1"
fn commands(tried: &scenarios::cure::Tried) -> String {
    let mut text = String::new();
    let mut place = "";
    for r in &tried.remedies {
        if !text.is_empty() {
            text.push_str("; ");
        }
        if r.place != place {
            place = &r.place;
            text.push_str(&format!("{place}  "));
        }
        text.push_str(&r.line);
    }
    units::printable(&text)
}
