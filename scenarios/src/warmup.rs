//! The beginning of a run, which is left out of the latencies. What MSER-5 leaves out is known when a run is over: it is
//! played once to find out and, since runs are deterministic, once more to measure.

use crate::{
    diagnostic::Diagnostic,
    load,
    outcome::{FlowOutcome, WarmupOutcome},
    plan::Plan,
    run::{How, play},
    spec::Scenario,
    values::Warmup,
};
use sim_core::batch::{Batches, Truncation};
use sim_models::{apps::flow::FlowStat, world::World};

/// Batches that MSER-5 looks at: of 5 messages in runs of up to 327,680, of 10 in those up to twice as long, and so on.
const BATCHES: usize = 65_536;

/// What is left out of what a flow has received on a host.
#[derive(Clone, Copy, Debug)]
pub struct Cut {
    host: usize,
    /// Number of the flow in the scenario, from 0.
    flow: usize,
    found: Truncation,
}

/// What MSER-5 leaves out, where the scenario asks for it.
///
/// # Errors
/// As a run's.
pub(crate) fn cuts(plan: &Plan, point: usize, seed: u64, how: &How) -> Result<Vec<Cut>, Vec<Diagnostic>> {
    let source = plan.points[point].source(&plan.source);
    let scenario = load::read(&source)?;
    if !matches!(scenario.warmup.as_ref().map(|w| w.value.0), Some(Warmup::Mser5)) {
        return Ok(Vec::new());
    }
    let played = play(plan, point, seed, &How { cuts: None, ..*how })?;
    let mut cuts = Vec::new();
    for (host, h) in played.built.world.hosts.iter().enumerate() {
        for (flow, stat) in h.cx.obs.flows.iter().enumerate().filter(|(_, s)| s.latency.count() > 0) {
            cuts.push(Cut { host, flow, found: stat.batches.mser() });
        }
    }
    Ok(cuts)
}

/// Readies the measures of a world that has not run yet; `None`: the cuts are to be found.
pub(crate) fn prepare(world: &mut World, cuts: Option<&[Cut]>) {
    let Some(cuts) = cuts else {
        let all = world.hosts.iter_mut().flat_map(|h| &mut h.cx.obs.flows);
        return all.for_each(|f| f.batches = Batches::new(BATCHES));
    };
    for cut in cuts {
        let flows = &mut world.hosts[cut.host].cx.obs.flows;
        if flows.len() <= cut.flow {
            flows.resize_with(cut.flow + 1, FlowStat::default);
        }
        flows[cut.flow].skip = cut.found.values;
    }
}

/// Says of each flow what was left out, and how that was found.
pub(crate) fn tell(s: &Scenario, world: &World, cuts: &[Cut], flows: &mut [FlowOutcome]) {
    let Some(warmup) = s.warmup.as_ref().map(|w| w.value.0) else { return };
    for (i, flow) in flows.iter_mut().enumerate() {
        let messages = world.hosts.iter().filter_map(|h| h.cx.obs.flows.get(i)).map(|f| f.left_out).sum();
        let mut own = cuts.iter().filter(|c| c.flow == i);
        let (method, settled) = match warmup {
            Warmup::Until(span) => (format!("until {span}"), true),
            Warmup::Mser5 => ("MSER-5".to_owned(), own.all(|c| c.found.settled)),
        };
        flow.warmup = Some(WarmupOutcome { method, messages, settled });
    }
}
