//! Expectations become verdicts: over all runs of a point together, each with its place in the file.

use crate::{
    outcome::{RunOutcome, Verdict},
    plan::Point,
    source::Source,
    spec::{Bounds, Expect, Expectation, Latency},
    values::{Amount, hundredths},
};
use sim_core::{hist::Hist, time::Span};
use std::sync::Arc;

/// Judges what is expected at `point`, whose text is `source`.
pub fn judge(source: &Arc<Source>, point: &Point, runs: &[RunOutcome]) -> Vec<Verdict> {
    let asked = point.expect.iter().filter(|e| {
        let fits = |(entry, value): (&crate::read::Entry<_>, &crate::read::At<crate::values::Word>)| {
            point.has(&entry.name, value) == Some(true)
        };
        e.ok && e.when().iter().all(fits)
    });
    asked.map(|e| verdict(source, e, runs)).collect()
}

fn verdict(source: &Arc<Source>, e: &Expectation, runs: &[RunOutcome]) -> Verdict {
    let mut v = Verdict {
        place: source.place(e.place.range),
        text: one_line(&source.text[e.place.range.bytes()], e.place.number()),
        holds: false,
        measured: String::new(),
        cause: String::new(),
        target: None,
    };
    match &e.value {
        Expect::Latency(l) => latency(&mut v, l, runs),
        other => counted(&mut v, other, runs),
    }
    if !v.holds && v.cause.is_empty() {
        v.cause = losses(runs);
    }
    v
}

/// As it is written, but on one line, and for which number of a range.
fn one_line(text: &str, number: Option<i64>) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match number {
        Some(n) => format!("{text}, number {n}"),
        None => text,
    }
}

fn latency(v: &mut Verdict, l: &Latency, runs: &[RunOutcome]) {
    let mut all = Hist::default();
    for f in runs.iter().flat_map(|r| &r.flows).filter(|f| f.name == *l.of.value) {
        all.merge(&f.latency);
    }
    let limit = l.below.as_ref().or(l.above.as_ref()).map(|t| t.value.0.ps());
    v.target = limit.map(|ps| (l.of.value.clone(), l.p.value.0.0, ps));
    let Some(ps) = all.quantile(l.p.value.0.0) else {
        v.measured = "nothing was received".to_owned();
        return;
    };
    v.measured = spaced(Span::from_ps(ps));
    v.holds =
        l.below.as_ref().is_none_or(|t| ps < t.value.0.ps()) && l.above.as_ref().is_none_or(|t| ps > t.value.0.ps());
}

/// "96.5 us"
fn spaced(span: Span) -> String {
    let text = span.to_string();
    match text.find(|c: char| c.is_ascii_alphabetic()) {
        Some(i) => format!("{} {}", &text[..i], &text[i..]),
        None => text,
    }
}

/// A number of packets: in each run if it is compared with a number, of all together if with a share.
fn counted(v: &mut Verdict, e: &Expect, runs: &[RunOutcome]) {
    let Some(bounds) = e.bounds() else { return };
    let counts: Vec<(u64, u64)> = runs.iter().map(|r| count(e, r)).collect();
    let (sum, of) = counts.iter().fold((0, 0), |(n, of), c| (n + c.0, of + c.1));
    let holds = |n: u64, of: u64, shares: bool| within(bounds, n, of, shares);
    v.holds = counts.iter().all(|(n, of)| holds(*n, *of, false)) && holds(sum, of, true);
    let (least, most) = (counts.iter().map(|c| c.0).min(), counts.iter().map(|c| c.0).max());
    v.measured = match (least, most) {
        (Some(a), Some(b)) if a == b => a.to_string(),
        (Some(a), Some(b)) => format!("{a} to {b}"),
        _ => "no run".to_owned(),
    };
    if of > 0 {
        let share = (u128::from(sum) * 1_000_000 / u128::from(of)) as u64;
        v.measured += &format!(" of {} ({}%)", of / counts.len().max(1) as u64, hundredths(share));
    }
}

/// What the expectation counts in a run, and of how many; 0: of no whole.
fn count(e: &Expect, r: &RunOutcome) -> (u64, u64) {
    let flow = |name: &str| r.flows.iter().find(|f| f.name == name);
    match e {
        Expect::Delivered(d) => flow(&d.of).map_or((0, 0), |f| (f.received, f.expected)),
        Expect::Lost(l) => flow(&l.of).map_or((0, 0), |f| (f.lost, f.expected)),
        Expect::Errors(x) => {
            let wanted = x.errno.as_ref().map(|e| e.value.as_str());
            let errors = flow(&x.of).into_iter().flat_map(|f| &f.errors);
            (errors.filter(|(name, _)| wanted.is_none_or(|w| w == *name)).map(|(_, n)| n).sum(), 0)
        }
        Expect::Drops(d) => {
            let drops = r.drops.iter().filter(|drop| {
                d.reason.as_ref().is_none_or(|w| w.value == drop.reason)
                    && d.at.as_ref().is_none_or(|at| is_at(&drop.place, at))
            });
            (drops.map(|drop| drop.count).sum(), 0)
        }
        Expect::Latency(_) => (0, 0),
    }
}

/// Is "h1/root/eth0" at "h1/root"?
fn is_at(place: &str, at: &str) -> bool {
    place.strip_prefix(at).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Do the bounds that are numbers, or those that are shares, hold?
fn within(b: Bounds, n: u64, of: u64, shares: bool) -> bool {
    // n of `of`, compared with millionths of it without rounding.
    let compare = |amount: Amount| match amount {
        Amount::Count(c) => (!shares).then(|| n.cmp(&c)),
        Amount::Share(s) => shares.then(|| (u128::from(n) * 1_000_000).cmp(&(u128::from(s) * u128::from(of)))),
    };
    let holds = |bound: Option<&crate::read::At<crate::values::Text<Amount>>>, fits: fn(std::cmp::Ordering) -> bool| {
        bound.and_then(|a| compare(a.value.0)).is_none_or(fits)
    };
    holds(b.exactly, std::cmp::Ordering::is_eq)
        && holds(b.at_least, std::cmp::Ordering::is_ge)
        && holds(b.at_most, std::cmp::Ordering::is_le)
}

/// "lost: CPU_BACKLOG 412 at h1/root/veth1", the largest first; empty if nothing was dropped.
fn losses(runs: &[RunOutcome]) -> String {
    let mut sums: indexmap::IndexMap<(&str, &str), u64> = indexmap::IndexMap::new();
    for d in runs.iter().flat_map(|r| &r.drops) {
        *sums.entry((&d.reason, &d.place)).or_default() += d.count;
    }
    sums.sort_by(|_, a, _, b| b.cmp(a));
    let shown: Vec<String> = sums.iter().take(3).map(|((reason, at), n)| format!("{reason} {n} at {at}")).collect();
    if shown.is_empty() { String::new() } else { format!("lost: {}", shown.join(", ")) }
}
