//! What is measured of each traffic entry.

use crate::kernel::{Cx, Errno};
use indexmap::IndexMap;
use sim_core::{
    batch::Batches,
    hist::Hist,
    series::Series,
    time::{Span, Time},
};

pub use super::pace::Pace;

/// Measures of one flow on one host; added up over hosts at the end.
#[derive(Clone, Debug, Default)]
pub struct FlowStat {
    pub sent: u64,
    pub received: u64,
    /// Payload received.
    pub bytes: u64,
    /// Picoseconds.
    pub latency: Hist,
    /// The same values in their order.
    pub batches: Batches,
    pub series: Series,
    /// Time of the first send and of the last receive.
    pub first: Option<Time>,
    pub last: Option<Time>,
    /// What system calls gave back.
    pub errors: IndexMap<Errno, u64>,
    /// The first message of each bucket of `latency`.
    pub exemplars: Vec<Exemplar>,
    /// Warm-up: receives before this time are not measured, nor are the first `skip`.
    pub measure_from: Time,
    pub skip: u64,
    /// How many were not measured.
    pub left_out: u64,
}

/// A message that stands for those of about its latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exemplar {
    pub latency: Span,
    pub born: Time,
    /// When the process had it.
    pub read: Time,
}

impl FlowStat {
    /// The message whose latency is nearest to `latency`; of several the one that was read first.
    pub fn exemplar(&self, latency: Span) -> Option<&Exemplar> {
        self.exemplars.iter().min_by_key(|e| (e.latency.ps().abs_diff(latency.ps()), e.read))
    }

    pub fn merge(&mut self, o: &FlowStat) {
        self.sent += o.sent;
        self.received += o.received;
        self.bytes += o.bytes;
        self.latency.merge(&o.latency);
        self.batches.merge(&o.batches);
        self.left_out += o.left_out;
        self.exemplars.extend_from_slice(&o.exemplars);
        self.series.merge(&o.series);
        self.first = [self.first, o.first].into_iter().flatten().min();
        self.last = [self.last, o.last].into_iter().flatten().max();
        for (e, n) in &o.errors {
            *self.errors.entry(*e).or_default() += n;
        }
    }
}

/// The flow's measures on this host.
#[inline]
pub fn stat(cx: &mut Cx, flow: u32) -> &mut FlowStat {
    let i = flow as usize - 1;
    if cx.obs.flows.len() <= i {
        cx.obs.flows.resize_with(i + 1, FlowStat::default);
    }
    &mut cx.obs.flows[i]
}

/// A message that was sent or received. So many are put together and measured one after the other: what a flow's
/// measures lie in is fetched once for all of them, and what they have in common is counted once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    flow: u32,
    /// Payload.
    bytes: u32,
    /// When it was read, or was meant to be sent.
    at: Time,
    /// Picoseconds.
    born: u64,
}

/// What waits to be measured: what was sent, and what was received.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    sent: Vec<Message>,
    received: Vec<Message>,
}

const TOGETHER: usize = 16;

/// A packet of `flow` was handed to the kernel at the meant time `at`.
#[inline]
pub fn sent(cx: &mut Cx, flow: u32, at: Time) {
    if cx.obs.messages.sent.len() >= TOGETHER {
        settle(cx);
    }
    cx.obs.messages.sent.push(Message { flow, bytes: 0, at, born: 0 });
}

/// A packet of `flow`, born at `born`, was read now.
#[inline]
pub fn received(cx: &mut Cx, flow: u32, born: u64, bytes: u32) {
    if cx.obs.messages.received.len() >= TOGETHER {
        settle(cx);
    }
    cx.obs.messages.received.push(Message { flow, bytes, at: cx.clock, born });
}

/// Measures what waits to be measured: before anybody looks at a flow.
#[inline(never)]
pub(crate) fn settle(cx: &mut Cx) {
    let Messages { mut sent, mut received } = std::mem::take(&mut cx.obs.messages);
    for run in sent.chunk_by(|a, b| a.flow == b.flow) {
        stat(cx, run[0].flow).sent(run);
    }
    for run in received.chunk_by(|a, b| a.flow == b.flow) {
        stat(cx, run[0].flow).received(run);
    }
    for list in [&mut sent, &mut received] {
        list.clear();
        list.reserve_exact(TOGETHER);
    }
    cx.obs.messages = Messages { sent, received };
}

impl Message {
    #[inline]
    fn latency(&self) -> Span {
        self.at.since(Time::from_ps(self.born))
    }
}

impl FlowStat {
    /// These were sent.
    fn sent(&mut self, run: &[Message]) {
        self.sent += run.len() as u64;
        self.first.get_or_insert(run[0].at);
        self.series.sent_all(run.iter().map(|m| m.at));
    }

    /// These were received.
    fn received(&mut self, run: &[Message]) {
        // Several cores don't read in the order of time.
        if run.len() > 1 && run.iter().any(|m| m.at < self.measure_from) {
            return run.chunks(1).for_each(|one| self.received(one));
        }
        self.received += run.len() as u64;
        self.last = run.last().map(|m| m.at);
        self.bytes += run.iter().map(|m| u64::from(m.bytes)).sum::<u64>();
        let early = run.iter().take_while(|m| m.at < self.measure_from).count();
        self.left_out += early as u64;
        let run = &run[early..];
        self.series.received_all(run.iter().map(|m| (m.at, m.latency(), u64::from(m.bytes))));
        let skipped = (self.skip.saturating_sub(self.left_out) as usize).min(run.len());
        self.left_out += skipped as u64;
        let run = &run[skipped..];
        run.iter().for_each(|m| self.batches.record(m.latency().ps()));
        for equal in run.chunk_by(|a, b| a.latency() == b.latency()) {
            let Message { at: read, born, .. } = equal[0];
            let latency = equal[0].latency();
            if self.latency.record_times(latency.ps(), equal.len() as u64) {
                self.exemplars.push(Exemplar { latency, born: Time::from_ps(born), read });
            }
        }
    }
}

/// A system call of `flow` failed.
pub fn failed(cx: &mut Cx, flow: u32, e: Errno) {
    *stat(cx, flow).errors.entry(e).or_default() += 1;
}
