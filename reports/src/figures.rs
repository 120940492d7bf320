//! Every figure of a report, computed once from the outcomes; text, page, JSON and CSV only write them down, so they
//! cannot disagree.

use indexmap::IndexMap;
use scenarios::outcome::{Batch, FlowOutcome, PointOutcome, ScenarioOutcome};
use sim_core::{hist::Hist, series::Series};

use crate::{names, spread};

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
}

/// One point of a sweep, all its seeds together.
#[derive(Debug)]
pub struct PointFigures<'b> {
    pub outcome: &'b PointOutcome,
    /// Unique in the scenario; empty where nothing is swept.
    pub slug: String,
    pub status: Status,
    pub flows: Vec<FlowFigures<'b>>,
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

/// One traffic entry at one point, all seeds together.
#[derive(Debug)]
pub struct FlowFigures<'b> {
    /// The first seed's; name, kind and measure are the same for all.
    pub first: &'b FlowOutcome,
    /// Unique in the point.
    pub slug: String,
    /// Seeds that were run.
    pub seeds: usize,
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    pub bytes: u64,
    /// Sum over the seeds, picoseconds.
    pub active_ps: u64,
    pub errors: IndexMap<&'b str, u64>,
    pub latency: Hist,
    pub series: Series,
    /// On a grid of about twenty a decade of 1/(1 − p), as far as the number of samples carries.
    pub percentiles: Vec<Percentile>,
    /// Limits that expectations set on this flow's latency.
    pub targets: Vec<Target>,
}

/// A value below which `per_million` of all latencies lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile {
    pub per_million: u64,
    pub latency_ps: u64,
    /// Mean over the seeds and half the width of its 95 % interval; `None` with fewer than two seeds.
    pub spread: Option<spread::Spread>,
}

/// A limit on a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub per_million: u64,
    pub limit_ps: u64,
    pub holds: bool,
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
            ScenarioFigures { outcome, name, slug, points }
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
        let mut drops: Vec<DropFigure> = Vec::new();
        let mut stages: IndexMap<&str, (u64, u64)> = IndexMap::new();
        let mut ledger = [0u64; 5];
        let mut slugs = names::Slugs::default();
        for run in &outcome.runs {
            for flow in &run.flows {
                flows
                    .entry(&flow.name)
                    .or_insert_with(|| FlowFigures::empty(flow, slugs.take(&flow.name, "flow")))
                    .add(flow);
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
        let flows = flows.into_values().map(|flow| flow.finish(outcome)).collect();
        PointFigures { outcome, slug, status: status(outcome), flows, drops: merged(drops), stages, ledger }
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

impl<'b> FlowFigures<'b> {
    fn empty(first: &'b FlowOutcome, slug: String) -> FlowFigures<'b> {
        FlowFigures {
            first,
            slug,
            seeds: 0,
            sent: 0,
            received: 0,
            lost: 0,
            bytes: 0,
            active_ps: 0,
            errors: IndexMap::new(),
            latency: Hist::default(),
            series: Series::default(),
            percentiles: Vec::new(),
            targets: Vec::new(),
        }
    }

    fn add(&mut self, flow: &'b FlowOutcome) {
        self.seeds += 1;
        self.sent = self.sent.saturating_add(flow.sent);
        self.received = self.received.saturating_add(flow.received);
        self.lost = self.lost.saturating_add(flow.lost);
        self.bytes = self.bytes.saturating_add(flow.bytes);
        self.active_ps = self.active_ps.saturating_add(flow.active_ps);
        for (name, count) in &flow.errors {
            let sum = self.errors.entry(name).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.latency.merge(&flow.latency);
        self.series.merge(&flow.series);
    }

    fn finish(mut self, point: &PointOutcome) -> FlowFigures<'b> {
        let name = self.first.name.as_str();
        let seeds: Vec<&Hist> =
            point.runs.iter().flat_map(|r| &r.flows).filter(|f| f.name == name).map(|f| &f.latency).collect();
        self.percentiles = percentiles(&self.latency, &seeds);
        for verdict in &point.verdicts {
            if let Some((flow, per_million, limit_ps)) = &verdict.target
                && flow == name
            {
                let target = Target { per_million: *per_million, limit_ps: *limit_ps, holds: verdict.holds };
                self.targets.push(target);
            }
        }
        self.targets.sort();
        self.targets.dedup();
        self
    }

    /// The percentile at `per_million`, also where the grid does not reach; `None` without samples.
    pub fn percentile(&self, per_million: u64) -> Option<u64> {
        self.latency.quantile(per_million)
    }
    /// Half the width of the 95 % interval over seeds at a percentile of the grid.
    pub fn margin(&self, per_million: u64) -> Option<u64> {
        let found = self.percentiles.iter().find(|p| p.per_million == per_million)?;
        found.spread.map(|s| s.margin)
    }
    /// "round trip" begins with a small letter in the outcome; at the head of an axis or a cell it stays so.
    pub fn measure(&self) -> &str {
        &self.first.measure
    }
}

/// Percentiles from 0 on that `n` samples can tell apart, parts per million: nineteen a decade of 1/(1 − p), so that
/// 50, 90, 99 … are among them.
pub fn grid(n: u64) -> Vec<u64> {
    let mut grid = Vec::new();
    let mut step = 50_000;
    let mut at = 0;
    while step > 0 {
        // Twenty steps of a decade less the two of the next: 0, 5, … 85, then 90, 90.5, …
        for _ in 0..18 {
            grid.push(at);
            at += step;
        }
        step /= 10;
    }
    // The largest percentile with at least one sample above it, and at least the median.
    grid.retain(|p| *p <= 500_000 || u128::from(1_000_000 - p) * u128::from(n) >= 1_000_000);
    grid
}

fn percentiles(all: &Hist, seeds: &[&Hist]) -> Vec<Percentile> {
    if all.count() == 0 {
        return Vec::new();
    }
    let at = |per_million| {
        let each: Vec<u64> = seeds.iter().filter_map(|h| h.quantile(per_million)).collect();
        let latency_ps = all.quantile(per_million)?;
        Some(Percentile { per_million, latency_ps, spread: spread::of(&each) })
    };
    grid(all.count()).into_iter().filter_map(at).collect()
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

#[cfg(test)]
mod tests {
    #[test]
    fn the_grid_has_the_percentiles_that_tables_show_and_stops_where_samples_do() {
        let grid = super::grid(1_000_000);
        for p in [0, 500_000, 900_000, 990_000, 999_000, 999_900] {
            assert!(grid.contains(&p), "{p}");
        }
        assert!(grid.windows(2).all(|w| w[0] < w[1]));
        assert_eq!(super::grid(1).last(), Some(&500_000));
        assert_eq!(super::grid(0).last(), Some(&500_000));
        assert_eq!(super::grid(10).last(), Some(&900_000));
        assert_eq!(super::grid(100).last(), Some(&990_000));
        assert_eq!(super::grid(u64::MAX).last(), Some(&999_985));
    }
}
