//! `verify --json`: one object, scenarios in order, nothing left out.

use super::{Sums, Verified, sums};
use scenarios::{
    random::coverage::{Tally, Uncounted},
    verify::{Comparison, Verdict, tiers::Difference},
};
use serde::Serialize;
use std::collections::BTreeMap;

const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Root<'v> {
    format: u32,
    oracle: &'v str,
    agreed: usize,
    differed: usize,
    unstable: usize,
    not_comparable: usize,
    scenarios: Vec<ScenarioJson<'v>>,
    /// Of random worlds.
    #[serde(skip_serializing_if = "Option::is_none")]
    random: Option<RandomJson>,
}

#[derive(Serialize)]
struct RandomJson {
    seed: u64,
    counted: u64,
    drawn_again: BTreeMap<&'static str, u64>,
    /// Everything else is in so many counted worlds at least.
    floor: u64,
    coverage: Vec<ItemJson>,
    faults: Vec<String>,
}

#[derive(Serialize)]
struct ItemJson {
    item: String,
    worlds: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exception: Option<&'static str>,
}

#[derive(Serialize)]
struct ScenarioJson<'v> {
    path: &'v str,
    verdict: &'static str,
    points: Vec<PointJson<'v>>,
}

#[derive(Serialize)]
struct PointJson<'v> {
    label: &'v str,
    verdict: &'static str,
    /// The highest tier that agrees, or the lowest that differs.
    tier: Option<u8>,
    reason: Option<String>,
    kernel: &'v str,
    tries: u32,
    frames: u64,
    devices: u64,
    tables: u64,
    counters: u64,
    drops: u64,
    timers: u64,
    total_order: bool,
    pinned: &'v [String],
    masked: BTreeMap<&'static str, u64>,
    not_compared: BTreeMap<String, &'v str>,
    differences: &'v [Difference],
    unstable: &'v [Difference],
    late_ns: u64,
}

fn word(v: &Verdict) -> &'static str {
    match v {
        Verdict::Agrees(_) => "agrees",
        Verdict::Differs(_) => "differs",
        Verdict::Unstable => "unstable",
        Verdict::NotComparable(_) => "not comparable here",
    }
}

fn point(c: &Comparison) -> PointJson<'_> {
    let t = &c.tiers;
    PointJson {
        label: &c.label,
        verdict: word(&c.verdict),
        tier: match c.verdict {
            Verdict::Agrees(t) | Verdict::Differs(t) => Some(t),
            _ => None,
        },
        reason: match &c.verdict {
            Verdict::NotComparable(why) => Some(why.to_string()),
            _ => None,
        },
        kernel: &c.release,
        tries: c.tries,
        frames: t.frames,
        devices: t.devices,
        tables: t.tables,
        counters: t.counters,
        drops: t.drops,
        timers: t.timers,
        total_order: t.total_order,
        pinned: &c.pins,
        masked: t.counts.iter().map(|(r, n)| (r.name(), n)).collect(),
        not_compared: t.skipped.iter().map(|(t, why)| (format!("T{t}"), why.as_str())).collect(),
        differences: &t.differences,
        unstable: &c.unstable,
        late_ns: c.late_ns,
    }
}

fn scenario(v: &Verified) -> ScenarioJson<'_> {
    ScenarioJson {
        path: &v.path,
        verdict: v.worst().map_or("not comparable here", |c| word(&c.verdict)),
        points: v.points.iter().map(point).collect(),
    }
}

/// Everything as JSON.
///
/// # Errors
/// None that data of this form can give.
pub fn text(all: &[Verified], oracle: &str) -> serde_json::Result<String> {
    root(all, oracle, sums(all), None)
}

/// Random worlds as JSON: those that do not agree, and what all of them held.
///
/// # Errors
/// None that data of this form can give.
pub fn random(
    found: &[Verified],
    oracle: &str,
    s: Sums,
    (seed, tally, faults): (u64, &Tally, &[(u64, String)]),
) -> serde_json::Result<String> {
    let item =
        |r: scenarios::random::coverage::Row| ItemJson { item: r.item, worlds: r.worlds, exception: r.exception };
    let again = |why: Uncounted| (why.name(), tally.uncounted.get(&why).copied().unwrap_or(0));
    let random = RandomJson {
        seed,
        counted: tally.counted,
        drawn_again: Uncounted::ALL.into_iter().map(again).collect(),
        floor: tally.floor(),
        coverage: tally.rows().into_iter().map(item).collect(),
        faults: faults.iter().map(|(number, why)| format!("world {number}: {why}")).collect(),
    };
    root(found, oracle, s, Some(random))
}

fn root(all: &[Verified], oracle: &str, s: Sums, random: Option<RandomJson>) -> serde_json::Result<String> {
    let root = Root {
        format: FORMAT,
        oracle,
        agreed: s.agreed,
        differed: s.differed,
        unstable: s.unstable,
        not_comparable: s.not_comparable,
        scenarios: all.iter().map(scenario).collect(),
        random,
    };
    serde_json::to_string_pretty(&root)
}
