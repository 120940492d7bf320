//! `results.json`: every figure of a report. Names carry units; picoseconds are whole numbers. One scenario a line, so
//! that two results can be compared line by line.

use std::io::{self, Write};

use indexmap::IndexMap;
use scenarios::outcome::{FollowedOutcome, RunOutcome, Verdict, Why};
use serde::Serialize;
use sim_core::hist::Hist;

use crate::{
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, load},
    plot::{sweep, timeline},
    version,
};

mod topology;
use topology::{TopologyJson, topology_json};

/// Changes with every change of a name or meaning below.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct ScenarioJson<'f> {
    path: &'f str,
    name: &'f str,
    title: &'f str,
    profile: &'f str,
    profile_origin: &'f str,
    status: &'static str,
    points: Vec<PointJson<'f>>,
    curves: Vec<CurveJson<'f>>,
    /// At the end of the first run.
    topology: Option<TopologyJson<'f>>,
    text: &'f str,
}

#[derive(Serialize)]
struct PointJson<'f> {
    label: &'f str,
    values: &'f IndexMap<String, String>,
    status: &'static str,
    verdicts: Vec<VerdictJson<'f>>,
    flows: Vec<FlowJson<'f>>,
    drops: Vec<DropJson<'f>>,
    stages: Vec<StageJson<'f>>,
    /// Of the first seed.
    followed: Vec<FollowedJson<'f>>,
    not_followed: &'f str,
    ledger: LedgerJson,
    runs: Vec<RunJson<'f>>,
}

#[derive(Serialize)]
struct VerdictJson<'f> {
    place: &'f str,
    text: &'f str,
    holds: bool,
    measured: &'f str,
    cause: &'f str,
}

#[derive(Serialize)]
struct FlowJson<'f> {
    name: &'f str,
    kind: &'f str,
    measure: &'f str,
    seeds: usize,
    sent: u64,
    received: u64,
    lost: u64,
    expected: u64,
    in_flight: u64,
    /// Each of several receivers.
    receivers: &'f IndexMap<&'f str, u64>,
    received_bytes: u64,
    active_ps: u64,
    errors: &'f IndexMap<&'f str, u64>,
    warmup: Option<WarmupJson<'f>>,
    latency: LatencyJson,
    /// Half the width of the mean's 95 % interval, and how it was found.
    mean_margin_ps: Option<u64>,
    mean_method: &'static str,
    percentiles: Vec<PercentileJson>,
    cdf: Vec<BucketJson>,
    series: SeriesJson,
}

#[derive(Serialize)]
struct WarmupJson<'f> {
    method: &'f str,
    left_out: u64,
    unsettled_runs: usize,
}

/// A flow along a sweep; `knee` is the value where it is, null if there is none or it was not reached.
#[derive(Serialize)]
struct CurveJson<'f> {
    flow: &'f str,
    path: &'f str,
    fixed: String,
    knee: Option<&'f str>,
    knee_method: &'static str,
    points: Vec<CurvePointJson<'f>>,
}

#[derive(Serialize)]
struct CurvePointJson<'f> {
    value: &'f str,
    mean_ps: Option<u64>,
    mean_margin_ps: Option<u64>,
    p50_ps: Option<u64>,
    p99_ps: Option<u64>,
    carried_per_1000_s: Option<u64>,
    power_per_million: Option<u64>,
}

/// Null throughout where nothing was received.
#[derive(Serialize)]
struct LatencyJson {
    count: u64,
    min_ps: Option<u64>,
    mean_ps: Option<u64>,
    p50_ps: Option<u64>,
    p90_ps: Option<u64>,
    p99_ps: Option<u64>,
    p99_9_ps: Option<u64>,
    max_ps: Option<u64>,
}

#[derive(Serialize)]
struct PercentileJson {
    per_million: u64,
    latency_ps: u64,
    seeds_mean_ps: Option<u64>,
    seeds_margin_ps: Option<u64>,
}

#[derive(Serialize)]
struct BucketJson {
    from_ps: u64,
    to_ps: u64,
    count: u64,
    count_up_to: u64,
}

#[derive(Serialize)]
struct SeriesJson {
    slot_ps: u64,
    slots: Vec<SlotJson>,
}

#[derive(Serialize)]
struct SlotJson {
    from_ps: u64,
    sent: u64,
    received: u64,
    received_bytes: u64,
    min_ps: Option<u64>,
    p50_ps: Option<u64>,
    p99_ps: Option<u64>,
    max_ps: Option<u64>,
}

#[derive(Serialize)]
struct DropJson<'f> {
    reason: &'f str,
    place: &'f str,
    hop: &'f str,
    count: u64,
    first_ps: u64,
    meaning: &'f str,
}

#[derive(Serialize)]
struct StageJson<'f> {
    hop: &'f str,
    count: u64,
    core_ps: u64,
}

#[derive(Serialize)]
struct FollowedJson<'f> {
    flow: &'f str,
    packet: u32,
    per_million: Option<u64>,
    dropped: Option<[&'f str; 2]>,
    total_ps: u64,
    stages: IndexMap<&'static str, u64>,
}

#[derive(Serialize)]
struct LedgerJson {
    born: u64,
    delivered: u64,
    consumed: u64,
    dropped: u64,
    in_flight: u64,
}

#[derive(Serialize)]
struct RunJson<'f> {
    seed: u64,
    /// Hexadecimal: JSON's numbers do not hold 64 bits everywhere.
    digest: String,
    events: u64,
    crossings: u64,
    ended_ps: u64,
    fault: Option<&'f str>,
    ledger: LedgerJson,
    flows: Vec<RunFlowJson<'f>>,
    walk: &'f str,
    state: &'f str,
}

#[derive(Serialize)]
struct RunFlowJson<'f> {
    name: &'f str,
    sent: u64,
    received: u64,
    lost: u64,
    latency: LatencyJson,
}

/// Writes all figures as JSON.
pub fn write(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "{{\"format\":{FORMAT},\"program\":\"{}\",\"scenarios\":[", version::program())?;
    for (i, scenario) in figures.scenarios.iter().enumerate() {
        serde_json::to_writer(&mut *to, &scenario_json(scenario))?;
        writeln!(to, "{}", if i + 1 < figures.scenarios.len() { "," } else { "" })?;
    }
    writeln!(to, "]}}")
}

fn scenario_json<'f>(scenario: &'f ScenarioFigures) -> ScenarioJson<'f> {
    let outcome = scenario.outcome;
    ScenarioJson {
        path: scenario.path(),
        name: &scenario.name,
        title: &outcome.title,
        profile: &outcome.profile,
        profile_origin: &outcome.profile_origin,
        status: scenario.status().word(),
        points: scenario.points.iter().map(point_json).collect(),
        curves: sweep::curves(scenario).into_iter().map(curve_json).collect(),
        topology: scenario.topology.as_ref().map(|(t, _)| topology_json(t)),
        text: &outcome.text,
    }
}

fn curve_json(curve: sweep::Curve<'_>) -> CurveJson<'_> {
    let load = curve.load.as_ref();
    let points = curve.at.iter().enumerate().map(|(i, p)| {
        let (mean, [p50_ps, p99_ps]) = (p.flow.mean, [500_000, 990_000].map(|q| p.flow.percentile(q)));
        CurvePointJson {
            value: p.text,
            mean_ps: mean.map(|m| m.mean_ps),
            mean_margin_ps: mean.and_then(|m| m.margin_ps),
            p50_ps,
            p99_ps,
            carried_per_1000_s: load.map(|l| l.carried[i]),
            power_per_million: load.map(|l| l.power[i]),
        }
    });
    CurveJson {
        flow: curve.flow,
        path: curve.path,
        knee: load.and_then(|l| l.knee).map(|i| curve.at[i].text),
        knee_method: if load.is_some() { load::METHOD } else { "" },
        points: points.collect(),
        fixed: curve.fixed,
    }
}

fn point_json<'f>(point: &'f PointFigures) -> PointJson<'f> {
    let verdict = |v: &'f Verdict| VerdictJson {
        place: &v.place,
        text: &v.text,
        holds: v.holds,
        measured: &v.measured,
        cause: &v.cause,
    };
    let drops = point.drops.iter().map(|d| DropJson {
        reason: &d.reason,
        place: &d.place,
        hop: &d.hop,
        count: d.count,
        first_ps: d.first_ps,
        meaning: &d.meaning,
    });
    let stages = point.stages.iter().map(|(hop, (count, core_ps))| StageJson { hop, count: *count, core_ps: *core_ps });
    PointJson {
        label: &point.outcome.label,
        values: &point.outcome.values,
        status: point.status.word(),
        verdicts: point.outcome.verdicts.iter().map(verdict).collect(),
        flows: point.flows.iter().map(flow_json).collect(),
        drops: drops.collect(),
        stages: stages.collect(),
        followed: point.outcome.runs.iter().take(1).flat_map(|r| &r.followed).map(followed_json).collect(),
        not_followed: point.outcome.runs.first().map_or("", |r| &r.not_followed),
        ledger: ledger_json(point.ledger),
        runs: point.outcome.runs.iter().map(run_json).collect(),
    }
}

fn followed_json(f: &FollowedOutcome) -> FollowedJson<'_> {
    let (per_million, dropped) = match &f.why {
        Why::Percentile(p) => (Some(*p), None),
        Why::Dropped { reason, place } => (None, Some([reason.as_str(), place.as_str()])),
    };
    let stages = f.stages.iter().map(|(stage, ps)| (stage.name(), *ps)).collect();
    FollowedJson { flow: &f.flow, packet: f.packet, per_million, dropped, total_ps: f.total_ps, stages }
}

fn flow_json<'f>(flow: &'f FlowFigures) -> FlowJson<'f> {
    let percentile = |p: &crate::figures::Percentile| PercentileJson {
        per_million: p.per_million,
        latency_ps: p.latency_ps,
        seeds_mean_ps: p.spread.map(|s| s.mean),
        seeds_margin_ps: p.spread.map(|s| s.margin),
    };
    FlowJson {
        name: &flow.name,
        kind: &flow.kind,
        measure: &flow.measure,
        seeds: flow.seeds,
        sent: flow.sent,
        received: flow.received,
        lost: flow.lost,
        expected: flow.expected,
        in_flight: flow.in_flight,
        receivers: &flow.receivers,
        received_bytes: flow.bytes,
        active_ps: flow.active_ps,
        errors: &flow.errors,
        warmup: flow.warmup.as_ref().map(|w| WarmupJson {
            method: &w.method,
            left_out: w.messages,
            unsettled_runs: w.unsettled,
        }),
        mean_margin_ps: flow.mean.and_then(|m| m.margin_ps),
        mean_method: flow.mean.map_or("", |m| m.method),
        latency: latency_json(&flow.latency),
        percentiles: flow.percentiles.iter().map(percentile).collect(),
        cdf: cdf_json(&flow.latency),
        series: SeriesJson { slot_ps: flow.series.width().ps(), slots: slots_json(flow) },
    }
}

fn latency_json(hist: &Hist) -> LatencyJson {
    LatencyJson {
        count: hist.count(),
        min_ps: hist.min(),
        mean_ps: hist.mean(),
        p50_ps: hist.quantile(500_000),
        p90_ps: hist.quantile(900_000),
        p99_ps: hist.quantile(990_000),
        p99_9_ps: hist.quantile(999_000),
        max_ps: hist.max(),
    }
}

fn cdf_json(hist: &Hist) -> Vec<BucketJson> {
    let mut count_up_to = 0u64;
    let buckets = hist.buckets().into_iter().map(|(from_ps, to_ps, count)| {
        count_up_to = count_up_to.saturating_add(count);
        BucketJson { from_ps, to_ps, count, count_up_to }
    });
    buckets.collect()
}

fn slots_json(flow: &FlowFigures) -> Vec<SlotJson> {
    let slots = timeline::slots(flow).map(|(from_ps, slot)| SlotJson {
        from_ps,
        sent: slot.sent,
        received: slot.received,
        received_bytes: slot.bytes,
        min_ps: slot.latency.min(),
        p50_ps: slot.latency.quantile(500_000),
        p99_ps: slot.latency.quantile(990_000),
        max_ps: slot.latency.max(),
    });
    slots.collect()
}

fn ledger_json([born, delivered, consumed, dropped, in_flight]: [u64; 5]) -> LedgerJson {
    LedgerJson { born, delivered, consumed, dropped, in_flight }
}

fn run_json(run: &RunOutcome) -> RunJson<'_> {
    let flows = run.flows.iter().map(|f| RunFlowJson {
        name: &f.name,
        sent: f.sent,
        received: f.received,
        lost: f.lost,
        latency: latency_json(&f.latency),
    });
    RunJson {
        seed: run.seed,
        digest: format!("{:016x}", run.digest),
        events: run.events,
        crossings: run.crossings,
        ended_ps: run.ended_ps,
        fault: run.fault.as_deref(),
        ledger: ledger_json(run.ledger),
        flows: flows.collect(),
        walk: &run.walk_text,
        state: &run.state_text,
    }
}
