//! Every figure of a report, computed once from the outcomes; text, page, JSON and CSV only write them down, so they
//! cannot disagree.

mod crowd;
mod flow;
pub mod load;

use std::collections::BTreeMap;

use indexmap::IndexMap;
use scenarios::outcome::{Batch, PointOutcome, ScenarioOutcome, TopologyOutcome};

use crate::{names, topology::Traffic};
use crowd::Shown;
pub use flow::{BATCH_MEANS, FlowFigures, Mean, Percentile, Target, Warmup};

/// The percentiles that tables show, parts per million.
pub const TABLE: [u64; 4] = [500_000, 900_000, 990_000, 999_000];

/// All of a batch.
#[derive(Debug)]
pub struct Figures<'b> {
    pub scenarios: Vec<ScenarioFigures<'b>>,
}

/// One scenario file.
#[derive(Debug)]
pub struct ScenarioFigures<'b> {
    pub outcome: &'b ScenarioOutcome,
    /// The path as short as it can be without two scenarios sharing one: "docker/outside.ron".
    pub name: String,
    /// Part of file names and anchors, unique in the batch: "docker-outside".
    pub slug: String,
    pub points: Vec<PointFigures<'b>>,
    /// What was plugged into what at the end of the first run, and what that carried.
    pub topology: Option<(&'b TopologyOutcome, Traffic)>,
}

/// One point of a sweep, all its seeds together.
#[derive(Debug)]
pub struct PointFigures<'b> {
    pub outcome: &'b PointOutcome,
    /// Unique in the scenario; empty where nothing is swept.
    pub slug: String,
    pub status: Status,
    /// Every flow, in order of the file.
    pub flows: Vec<FlowFigures<'b>>,
    /// Flows of a kind taken together where they are many.
    crowds: Vec<FlowFigures<'b>>,
    shown: Vec<Shown>,
    /// In order of reason, place, hop.
    pub drops: Vec<DropFigure>,
    /// Hop → (times run, core time in picoseconds), in path order.
    pub stages: IndexMap<&'b str, (u64, u64)>,
    /// Born, delivered, consumed, dropped, in flight at the end.
    pub ledger: [u64; 5],
}

/// What became of a point, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// The simulator broke a law or a budget: our bug, or a world without end.
    Fault,
    /// An expectation does not hold.
    Failed,
    /// All expectations hold.
    Holds,
    /// Nothing was expected.
    Unjudged,
}

impl Status {
    pub const fn mark(self) -> &'static str {
        match self {
            Status::Fault => "‼",
            Status::Failed => "✖",
            Status::Holds => "✔",
            Status::Unjudged => "○",
        }
    }
    pub const fn word(self) -> &'static str {
        match self {
            Status::Fault => "fault",
            Status::Failed => "failed",
            Status::Holds => "holds",
            Status::Unjudged => "unjudged",
        }
    }
}

/// Losses of one kind at one place, all seeds together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DropFigure {
    pub reason: String,
    pub place: String,
    pub hop: String,
    pub meaning: String,
    pub count: u64,
    /// The earliest of any seed, picoseconds.
    pub first_ps: u64,
}

impl<'b> Figures<'b> {
    pub fn of(batch: &'b Batch) -> Figures<'b> {
        let paths: Vec<&str> = batch.scenarios.iter().map(|s| s.path.as_str()).collect();
        let names = names::short(&paths);
        let mut slugs = names::Slugs::default();
        let scenarios = batch.scenarios.iter().zip(names).map(|(outcome, name)| {
            let slug = slugs.take(name.strip_suffix(".ron").unwrap_or(&name), "scenario");
            let mut point_slugs = names::Slugs::default();
            let alone = outcome.points.len() == 1;
            let points = outcome.points.iter().map(|point| {
                let slug = if alone && point.label.is_empty() {
                    String::new()
                } else {
                    point_slugs.take(&point.label, "point")
                };
                PointFigures::of(point, slug)
            });
            let points = points.collect();
            let first = outcome.points.first().and_then(|p| p.runs.first());
            let topology = first.and_then(|run| {
                let topology = run.topology.as_deref()?;
                Some((topology, Traffic::of(run, topology)))
            });
            ScenarioFigures { outcome, name, slug, points, topology }
        });
        Figures { scenarios: scenarios.collect() }
    }

    /// Points of that status.
    pub fn count(&self, status: Status) -> usize {
        self.scenarios.iter().flat_map(|s| &s.points).filter(|p| p.status == status).count()
    }
    /// All points.
    pub fn points(&self) -> usize {
        self.scenarios.iter().map(|s| s.points.len()).sum()
    }
    /// The worst status of any point.
    pub fn status(&self) -> Status {
        self.scenarios.iter().map(ScenarioFigures::status).min().unwrap_or(Status::Unjudged)
    }
}

impl ScenarioFigures<'_> {
    /// As given on the command line, but no absolute path, which would be this machine's and not the reader's.
    pub fn path(&self) -> &str {
        if self.outcome.path.starts_with('/') { &self.name } else { &self.outcome.path }
    }
    /// The worst status of any point.
    pub fn status(&self) -> Status {
        self.points.iter().map(|p| p.status).min().unwrap_or(Status::Unjudged)
    }
}

impl<'b> PointFigures<'b> {
    fn of(outcome: &'b PointOutcome, slug: String) -> PointFigures<'b> {
        let mut flows: IndexMap<&str, FlowFigures> = IndexMap::new();
        let limits = limits(outcome);
        let mut drops: Vec<DropFigure> = Vec::new();
        let mut stages: IndexMap<&str, (u64, u64)> = IndexMap::new();
        let mut ledger = [0u64; 5];
        let mut slugs = names::Slugs::default();
        for run in &outcome.runs {
            for flow in &run.flows {
                let figures =
                    flows.entry(&flow.name).or_insert_with(|| FlowFigures::empty(flow, slugs.take(&flow.name, "flow")));
                figures.add(run, flow);
            }
            drops.extend(run.drops.iter().map(|d| DropFigure {
                reason: d.reason.clone(),
                place: d.place.clone(),
                hop: d.hop.clone(),
                meaning: d.meaning.clone(),
                count: d.count,
                first_ps: d.first_ps,
            }));
            for (hop, (count, ps)) in &run.stages {
                let sum = stages.entry(hop).or_default();
                *sum = (sum.0.saturating_add(*count), sum.1.saturating_add(*ps));
            }
            for (sum, n) in ledger.iter_mut().zip(run.ledger) {
                *sum = sum.saturating_add(n);
            }
        }
        let mut flows: Vec<FlowFigures> = flows.into_values().collect();
        for flow in &mut flows {
            flow.finish(limits.get(flow.name.as_str()).map_or(&[], Vec::as_slice));
        }
        let (crowds, shown) = crowd::shown(&flows, &mut slugs);
        let (status, drops) = (status(outcome), merged(drops));
        PointFigures { outcome, slug, status, flows, crowds, shown, drops, stages, ledger }
    }

    /// What people are shown: every flow, or where those of a kind are many, all of them as one, then the worst of them.
    /// With each, whether it is such a worst one.
    pub fn shown(&self) -> impl Iterator<Item = (&FlowFigures<'b>, bool)> {
        self.shown.iter().map(|shown| match shown {
            Shown::Flow(i) => (&self.flows[*i], false),
            Shown::Crowd(i) => (&self.crowds[*i], false),
            Shown::Worst(i) => (&self.flows[*i], true),
        })
    }

    /// What the timeline did, picoseconds and command line.
    pub fn timeline(&self) -> &'b [(u64, String)] {
        self.outcome.runs.first().map_or(&[], |r| &r.timeline)
    }

    /// "seeds 1–10", "seed 7", "seeds 1, 5, 9", "12 seeds".
    pub fn seeds(&self) -> String {
        let seeds: Vec<u64> = self.outcome.runs.iter().map(|r| r.seed).collect();
        match seeds.as_slice() {
            [] => "no seed".to_owned(),
            [one] => format!("seed {one}"),
            [first, .., last] if seeds.windows(2).all(|w| w[0].checked_add(1) == Some(w[1])) => {
                format!("seeds {first}–{last}")
            }
            few if few.len() <= 4 => {
                let few: Vec<String> = few.iter().map(u64::to_string).collect();
                format!("seeds {}", few.join(", "))
            }
            many => format!("{} seeds", many.len()),
        }
    }
    /// (verdicts that hold, all verdicts).
    pub fn verdicts(&self) -> (usize, usize) {
        let all = &self.outcome.verdicts;
        (all.iter().filter(|v| v.holds).count(), all.len())
    }
}

/// Limits on latencies by flow: percentile, limit, whether it holds.
fn limits(point: &PointOutcome) -> BTreeMap<&str, Vec<(u64, u64, bool)>> {
    let mut limits: BTreeMap<&str, Vec<(u64, u64, bool)>> = BTreeMap::new();
    for verdict in &point.verdicts {
        if let Some((flow, per_million, limit_ps)) = &verdict.target {
            limits.entry(flow).or_default().push((*per_million, *limit_ps, verdict.holds));
        }
    }
    limits
}

fn merged(mut drops: Vec<DropFigure>) -> Vec<DropFigure> {
    drops.sort();
    drops.dedup_by(|next, kept| {
        let same = (&next.reason, &next.place, &next.hop) == (&kept.reason, &kept.place, &kept.hop);
        if same {
            kept.count = kept.count.saturating_add(next.count);
            kept.first_ps = kept.first_ps.min(next.first_ps);
        }
        same
    });
    drops
}

fn status(point: &PointOutcome) -> Status {
    if point.runs.iter().any(|r| r.fault.is_some()) {
        Status::Fault
    } else if point.verdicts.iter().any(|v| !v.holds) {
        Status::Failed
    } else if point.verdicts.is_empty() {
        Status::Unjudged
    } else {
        Status::Holds
    }
}
