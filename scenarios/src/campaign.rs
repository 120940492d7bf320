//! Many runs in bounded memory: what differs little from run to run is kept once for each point, and the course of time
//! the coarser, the more points there are. What is kept of a run does not grow with its packets.

use crate::{outcome::RunOutcome, plan::Plan};
use indexmap::IndexMap;
use sim_core::series::Series;
use std::sync::{Mutex, PoisonError};

/// Up to so many runs everything is kept.
const FEW_RUNS: usize = 256;
/// Slots of time series in all.
const SLOTS: usize = 16_384;
/// Walk and final tables are kept of so many points of a scenario.
const TEXTS: usize = 64;

/// What the later seeds of a point have added to its first run.
#[derive(Default)]
struct Sum {
    series: Vec<Series>,
    stages: IndexMap<String, (u64, u64)>,
}

/// Sums for each point of each plan.
pub struct Campaign {
    sums: Vec<Vec<Mutex<Sum>>>,
    /// Nothing is summed: there are few runs.
    few: bool,
    /// Slots of a flow's series at most.
    slots: usize,
}

impl Campaign {
    pub fn new(plans: &[Plan]) -> Campaign {
        let points: usize = plans.iter().map(|p| p.points.len()).sum();
        let runs: usize = plans.iter().map(|p| p.points.len() * p.seeds.len()).sum();
        let sums = plans.iter().map(|p| p.points.iter().map(|_| Mutex::default()).collect());
        Campaign { sums: sums.collect(), few: runs <= FEW_RUNS, slots: SLOTS / points.max(1) }
    }

    /// Takes out of a run what is kept once for its point. Sums of integers: whoever comes first, the result is the same.
    pub fn take(&self, plan: usize, point: usize, first: bool, run: &mut RunOutcome) {
        if self.few {
            return;
        }
        let slots = (self.slots / run.flows.len().max(1)).clamp(2, Series::LIMIT);
        run.flows.iter_mut().for_each(|f| f.series.coarsen(slots));
        if first {
            if point >= TEXTS {
                (run.walk_text, run.state_text) = (String::new(), String::new());
            }
            return;
        }
        let mut sum = self.sums[plan][point].lock().unwrap_or_else(PoisonError::into_inner);
        let flows = run.flows.len().max(sum.series.len());
        sum.series.resize_with(flows, Series::default);
        for (all, flow) in sum.series.iter_mut().zip(&mut run.flows) {
            all.merge(&std::mem::take(&mut flow.series));
            all.coarsen(slots);
        }
        for (hop, (count, ps)) in std::mem::take(&mut run.stages) {
            let all = sum.stages.entry(hop).or_default();
            *all = (all.0.saturating_add(count), all.1.saturating_add(ps));
        }
    }

    /// Gives a point's first run what was taken out of the others.
    pub fn give(&self, plan: usize, point: usize, runs: &mut [RunOutcome]) {
        let Some(first) = runs.first_mut() else { return };
        let mut sum = self.sums[plan][point].lock().unwrap_or_else(PoisonError::into_inner);
        let slots = (self.slots / first.flows.len().max(1)).clamp(2, Series::LIMIT);
        for (flow, series) in first.flows.iter_mut().zip(std::mem::take(&mut sum.series)) {
            flow.series.merge(&series);
            flow.series.coarsen(slots);
        }
        // A hop that the first run lacks goes to the end; the threads' order must not show there.
        let mut new: Vec<(String, (u64, u64))> = Vec::new();
        for (hop, (count, ps)) in std::mem::take(&mut sum.stages) {
            match first.stages.get_mut(&hop) {
                Some(all) => *all = (all.0.saturating_add(count), all.1.saturating_add(ps)),
                None => new.push((hop, (count, ps))),
            }
        }
        new.sort();
        first.stages.extend(new);
    }
}
