//! `verify` on a terminal: a few lines for each scenario, the sums last.

use super::{Sums, Verified, sums};
use crate::{
    paint::Paint,
    units::{count, thousands},
};
use scenarios::verify::{Comparison, Verdict, mask::Rule, tiers::Difference};
use std::fmt::Write as _;

/// Differences of one scenario that are shown.
const SHOWN: usize = 6;
/// Widths of the first two columns.
const PATH: usize = 30;
const VERDICT: usize = 21;

/// All scenarios, what differs where, the tiers that were reached, and the sums.
pub fn results(all: &[Verified], oracle: &str, paint: Paint) -> String {
    let s = sums(all);
    found(all, oracle, paint) + &tiers(all) + &last_line(s)
}

/// All scenarios, and what differs where.
pub fn found(all: &[Verified], oracle: &str, paint: Paint) -> String {
    let width = all.iter().map(|v| v.path.chars().count()).max().unwrap_or(0).max(PATH);
    let mut out = String::new();
    for v in all {
        let Some(worst) = v.worst() else { continue };
        let points = v.points.len();
        scenario(&mut out, v, worst, width, oracle, paint);
        for other in v.points.iter().filter(|c| !std::ptr::eq(*c, worst) && is_bad(c)) {
            let _ = writeln!(out, "{:width$}  also at {}: {}", "", other.label, verdict(other));
        }
        if points > 1 {
            let agree = v.points.iter().filter(|c| matches!(c.verdict, Verdict::Agrees(_))).count();
            let text = format!("{agree} of {points} points agree");
            let _ = writeln!(out, "{:width$}  {}", "", paint.dim(&text));
        }
    }
    out
}

/// "A agreed, D differed, U unstable, N not comparable"
pub fn last_line(s: Sums) -> String {
    format!(
        "{} agreed, {} differed, {} unstable, {} not comparable\n",
        s.agreed, s.differed, s.unstable, s.not_comparable
    )
}

fn is_bad(c: &Comparison) -> bool {
    matches!(c.verdict, Verdict::Differs(_) | Verdict::Unstable)
}

/// "agrees (T6)"
pub fn verdict(c: &Comparison) -> String {
    match &c.verdict {
        Verdict::Agrees(tier) => format!("agrees (T{tier})"),
        Verdict::Differs(tier) => format!("differs (T{tier})"),
        Verdict::Unstable => "unstable".to_owned(),
        Verdict::NotComparable(_) => "not comparable here".to_owned(),
    }
}

fn scenario(out: &mut String, v: &Verified, c: &Comparison, width: usize, oracle: &str, paint: Paint) {
    let text = format!("{:VERDICT$}", verdict(c));
    let text = if is_bad(c) { paint.bad(&text) } else { paint.good(&text) };
    let point = if c.label.is_empty() { String::new() } else { format!("at {}: ", c.label) };
    let summary = match &c.verdict {
        Verdict::Agrees(_) => agreed(c),
        Verdict::Differs(_) => differed(c),
        Verdict::Unstable => {
            let first = c.unstable.first();
            let what = first.map_or_else(String::new, |d| format!(": {} {}", d.place, d.what));
            format!("two kernel runs differ ({0} of {0} tries){what}", c.tries)
        }
        Verdict::NotComparable(why) if oracle == "netns" => format!("{why}     try --oracle uml"),
        Verdict::NotComparable(why) => why.to_string(),
    };
    let _ = writeln!(out, "{:width$}  {text} {point}{summary}", v.path);
    match &c.verdict {
        Verdict::Agrees(_) => {
            let masked: Vec<String> =
                c.tiers.counts.iter().map(|(rule, n)| format!("{} {}", rule.name(), thousands(n))).collect();
            let text = format!("pinned: {}     masked: {}", c.pins.join(", "), masked.join(", "));
            let _ = writeln!(out, "{:width$}  {}", "", paint.dim(&text));
            for (tier, why) in &c.tiers.skipped {
                let _ = writeln!(out, "{:width$}  {}", "", paint.dim(&format!("T{tier} not compared: {why}")));
            }
        }
        Verdict::Differs(_) => differences(out, v, c, &c.tiers.differences, ["kernel", "simulator"]),
        Verdict::Unstable => differences(out, v, c, &c.unstable, ["first run", "second run"]),
        Verdict::NotComparable(_) => {}
    }
}

fn agreed(c: &Comparison) -> String {
    let t = &c.tiers;
    let order = if t.total_order { " in total order" } else { " in order of each flow" };
    format!(
        "{} on {}{order}, {}, {}, {}, {} {}",
        count(t.frames as usize, "frame", "frames"),
        count(t.devices as usize, "device", "devices"),
        count(t.tables as usize, "table", "tables"),
        count(t.counters as usize, "counter", "counters"),
        count(t.drops as usize, "drop", "drops"),
        count(t.timers as usize, "timer", "timers"),
        if t.exact { "to the tick" } else { "within a granule" },
    )
}

fn differed(c: &Comparison) -> String {
    let Some(first) = c.tiers.differences.first() else { return String::new() };
    let good: Vec<String> = (1..=6)
        .filter(|t| !c.tiers.skipped.contains_key(t) && !c.tiers.differences.iter().any(|d| d.tier == *t))
        .map(|t| format!("T{t}"))
        .collect();
    let agree = if good.is_empty() { String::new() } else { format!("; {} agree", good.join(" ")) };
    format!("first at {}, {}{agree}", first.place, first.what)
}

/// Side by side, what differs marked.
fn differences(out: &mut String, v: &Verified, c: &Comparison, list: &[Difference], sides: [&str; 2]) {
    for (i, d) in list.iter().take(SHOWN).enumerate() {
        if i > 0 {
            let _ = writeln!(out, "  T{} {}: {}", d.tier, d.place, d.what);
        }
        let _ = writeln!(out, "  {:<10} {}", sides[0], d.kernel);
        let _ = writeln!(out, "  {:<10} {}", sides[1], d.simulator);
        let (from, len) = mark(&d.kernel, &d.simulator);
        let _ = writeln!(out, "  {:<10} {}{}", "", " ".repeat(from), "^".repeat(len));
        if !d.stage.is_empty() {
            let _ = writeln!(out, "  {:<10} {}", "stage", d.stage);
        }
        if let Some((flow, packet)) = d.packet
            && let Some(name) = c.flows.get(flow as usize - 1)
        {
            let _ = writeln!(out, "  see: onerouter walk {} --flow {name} --packet {packet}", v.path);
        }
    }
    if list.len() > SHOWN {
        let _ = writeln!(out, "  and {} more", count(list.len() - SHOWN, "difference", "differences"));
    }
}

/// Where two lines begin to differ, and the length of the word in the second that differs.
fn mark(a: &str, b: &str) -> (usize, usize) {
    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let b: Vec<char> = b.chars().collect();
    let from = (0..same.min(b.len())).rev().find(|i| b[*i] == ' ').map_or(0, |i| i + 1);
    let len = b[from..].iter().take_while(|c| **c != ' ').count().max(1);
    (from, len)
}

/// "tiers: 31 T6, 7 T3"
fn tiers(all: &[Verified]) -> String {
    let mut list = Vec::new();
    for tier in (1..=6).rev() {
        let n = all.iter().filter(|v| v.worst().is_some_and(|c| c.verdict == Verdict::Agrees(tier))).count();
        if n > 0 {
            list.push(format!("{n} T{tier}"));
        }
    }
    if list.is_empty() { String::new() } else { format!("tiers: {}\n", list.join(", ")) }
}

/// A table of all scenarios in Markdown, and the sums.
pub fn markdown(all: &[Verified], oracle: &str) -> String {
    let release = all.iter().filter_map(Verified::worst).find(|c| !c.release.is_empty());
    let release = release.map_or("?", |c| &c.release);
    let mut out = format!(
        "| scenario | {oracle}, Linux {release} | frames | devices | counters | drops |\n|---|---|---|---|---|---|\n"
    );
    for v in all {
        let Some(worst) = v.worst() else { continue };
        let name = v.path.trim_start_matches("./").trim_end_matches(".ron");
        let name = name.strip_prefix("scenarios/").unwrap_or(name);
        let why = match &worst.verdict {
            Verdict::NotComparable(why) => format!(": {why}"),
            _ => String::new(),
        };
        let points = if v.points.len() > 1 { format!(", {} points", v.points.len()) } else { String::new() };
        let sum = |of: fn(&Comparison) -> u64| thousands(v.points.iter().map(of).sum());
        let _ = writeln!(
            out,
            "| {name} | {}{why}{points} | {} | {} | {} | {} |",
            verdict(worst),
            sum(|c| c.tiers.frames),
            thousands(worst.tiers.devices),
            sum(|c| c.tiers.counters),
            sum(|c| c.tiers.drops)
        );
    }
    out + "\n" + &last_line(sums(all))
}

/// The rules that may leave something out, one line each.
pub fn rules() -> String {
    Rule::ALL.iter().map(|r| format!("{:<13} {}\n", r.name(), r.doc())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_stands_under_the_word_that_differs() {
        assert_eq!(mark("out a ttl=64 len=84", "out a ttl=63 len=84"), (6, 6));
        assert_eq!(mark("nothing", "out a"), (0, 3));
        assert_eq!(mark("same", "same"), (0, 4));
    }

    #[test]
    fn the_last_line_has_its_form() {
        let s = Sums { agreed: 38, differed: 1, unstable: 1, not_comparable: 1 };
        assert_eq!(last_line(s), "38 agreed, 1 differed, 1 unstable, 1 not comparable\n");
    }
}
