//! The figures of one flow.

use indexmap::IndexMap;
use scenarios::outcome::{FlowOutcome, RunOutcome};
use sim_core::{hist::Hist, series::Series};

use crate::spread;

/// One traffic entry at one point, or several taken together; all seeds together.
#[derive(Debug)]
pub struct FlowFigures<'b> {
    pub name: String,
    /// "Ping", "Udp", "Requests".
    pub kind: String,
    /// "one way" or "round trip".
    pub measure: String,
    /// Unique in the point.
    pub slug: String,
    /// Each seed's run, and this flow in it; empty for flows taken together.
    pub runs: Vec<(&'b RunOutcome, &'b FlowOutcome)>,
    /// Seeds that were run.
    pub seeds: usize,
    pub sent: u64,
    pub received: u64,
    pub lost: u64,
    /// How many should have been received: more than were sent where each has several receivers.
    pub expected: u64,
    /// On their way at the end.
    pub in_flight: u64,
    /// Each of several receivers with what it has read.
    pub receivers: IndexMap<&'b str, u64>,
    pub bytes: u64,
    /// Sum over the seeds, picoseconds.
    pub active_ps: u64,
    pub errors: IndexMap<&'b str, u64>,
    pub latency: Hist,
    /// `None`: nothing was received.
    pub mean: Option<Mean>,
    /// What was left out at the beginning of each run.
    pub warmup: Option<Warmup>,
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

/// The mean latency, and how far it may be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mean {
    pub mean_ps: u64,
    /// Half the width of its 95 % interval.
    pub margin_ps: Option<u64>,
    /// How that was found: [`OVER_SEEDS`], [`BATCH_MEANS`], or nothing.
    pub method: &'static str,
}

/// Runs with different seeds are independent: the interval of their means.
pub const OVER_SEEDS: &str = "Student t over seeds";
/// Of one run: the interval of the means of long batches of its messages.
pub const BATCH_MEANS: &str = "batch means, 32, Student t";

/// What was left out of the latencies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warmup {
    /// "MSER-5", "until 10ms".
    pub method: String,
    /// Messages, all seeds together.
    pub messages: u64,
    /// In how many runs the method found no end of the beginning.
    pub unsettled: usize,
}

/// A limit on a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub per_million: u64,
    pub limit_ps: u64,
    /// The percentile should be above it, not below.
    pub above: bool,
}

impl Target {
    /// An outcome does not say on which side of its limit a percentile should be; whether it holds and what was measured
    /// do.
    pub(super) fn of(per_million: u64, limit_ps: u64, holds: bool, latency: &Hist) -> Target {
        let is_below = latency.quantile(per_million).is_none_or(|ps| ps < limit_ps);
        let received = latency.count() > 0;
        Target { per_million, limit_ps, above: received && is_below != holds }
    }
}

impl<'b> FlowFigures<'b> {
    /// Nothing yet of a flow like `first`.
    pub(super) fn empty(first: &FlowOutcome, slug: String) -> FlowFigures<'b> {
        FlowFigures {
            name: first.name.clone(),
            kind: first.kind.clone(),
            measure: first.measure.clone(),
            slug,
            runs: Vec::new(),
            seeds: 0,
            sent: 0,
            received: 0,
            lost: 0,
            expected: 0,
            in_flight: 0,
            receivers: IndexMap::new(),
            bytes: 0,
            active_ps: 0,
            errors: IndexMap::new(),
            latency: Hist::default(),
            mean: None,
            warmup: None,
            series: Series::default(),
            percentiles: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Takes in one seed.
    pub(super) fn add(&mut self, run: &'b RunOutcome, flow: &'b FlowOutcome) {
        self.runs.push((run, flow));
        self.seeds += 1;
        self.sent = self.sent.saturating_add(flow.sent);
        self.received = self.received.saturating_add(flow.received);
        self.lost = self.lost.saturating_add(flow.lost);
        self.expected = self.expected.saturating_add(flow.expected);
        self.in_flight = self.in_flight.saturating_add(flow.in_flight);
        for (at, read) in &flow.receivers {
            let sum = self.receivers.entry(at).or_default();
            *sum = sum.saturating_add(*read);
        }
        if let Some(cut) = &flow.warmup {
            let none = || Warmup { method: cut.method.clone(), messages: 0, unsettled: 0 };
            let all = self.warmup.get_or_insert_with(none);
            all.messages = all.messages.saturating_add(cut.messages);
            all.unsettled += usize::from(!cut.settled);
        }
        self.bytes = self.bytes.saturating_add(flow.bytes);
        self.active_ps = self.active_ps.saturating_add(flow.active_ps);
        for (name, count) in &flow.errors {
            let sum = self.errors.entry(name).or_default();
            *sum = sum.saturating_add(*count);
        }
        self.latency.merge(&flow.latency);
        self.series.merge(&flow.series);
    }

    /// All seeds are in.
    pub(super) fn finish(&mut self, limits: &[(u64, u64, bool)]) {
        let seeds: Vec<&Hist> = self.runs.iter().map(|(_, flow)| &flow.latency).collect();
        self.percentiles = percentiles(&self.latency, &seeds);
        self.mean = self.mean();
        let target =
            |(per_million, limit, holds): &(u64, u64, bool)| Target::of(*per_million, *limit, *holds, &self.latency);
        self.targets = limits.iter().map(target).collect();
        self.targets.sort();
        self.targets.dedup();
    }

    fn mean(&self) -> Option<Mean> {
        let mean_ps = self.latency.mean()?;
        let each: Vec<u64> = self.runs.iter().filter_map(|(_, flow)| flow.latency.mean()).collect();
        if let Some(s) = spread::of(&each) {
            return Some(Mean { mean_ps, margin_ps: Some(s.margin), method: OVER_SEEDS });
        }
        let batches = self.runs.first().and_then(|(_, flow)| flow.batch_mean);
        let method = if batches.is_some() { BATCH_MEANS } else { "" };
        Some(Mean { mean_ps, margin_ps: batches.map(|b| b.margin), method })
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
}

/// Percentiles from 0 on that `n` samples can tell apart, parts per million: eighteen a decade of 1/(1 − p), so that
/// 50, 90, 99 … are among them.
fn grid(n: u64) -> Vec<u64> {
    let mut grid = Vec::new();
    let mut step = 50_000;
    let mut at = 0;
    while step > 0 {
        // 0, 5, … 85, then 90, 90.5, … 98.5, then 99 and so on.
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

/// The percentiles of all samples, each with how it varies over the seeds.
pub(super) fn percentiles(all: &Hist, seeds: &[&Hist]) -> Vec<Percentile> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_side_of_a_limit_follows_from_what_was_measured() {
        let mut latency = Hist::default();
        latency.record(50);
        let above = |limit, holds| Target::of(500_000, limit, holds, &latency).above;
        assert_eq!([above(80, true), above(80, false), above(20, true), above(20, false)], [false, true, true, false]);
        assert!(!Target::of(500_000, 80, false, &Hist::default()).above, "nothing was received");
    }

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
