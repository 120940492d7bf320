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
/// measures lie in is fetched once for all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    flow: u32,
    /// Payload; [`SENT`]: it was sent.
    bytes: u32,
    /// When it was read, or was meant to be sent.
    at: Time,
    /// Picoseconds.
    born: u64,
}

const SENT: u32 = u32::MAX;
const TOGETHER: usize = 16;

/// A packet of `flow` was handed to the kernel at the meant time `at`.
#[inline]
pub fn sent(cx: &mut Cx, flow: u32, at: Time) {
    measure(cx, Message { flow, bytes: SENT, at, born: 0 });
}

/// A packet of `flow`, born at `born`, was read now.
#[inline]
pub fn received(cx: &mut Cx, flow: u32, born: u64, bytes: u32) {
    measure(cx, Message { flow, bytes, at: cx.clock, born });
}

#[inline]
fn measure(cx: &mut Cx, m: Message) {
    if cx.obs.messages.len() >= TOGETHER {
        settle(cx);
    }
    cx.obs.messages.push(m);
}

/// Measures what waits to be measured: before anybody looks at a flow.
#[inline(never)]
pub(crate) fn settle(cx: &mut Cx) {
    let mut messages = std::mem::take(&mut cx.obs.messages);
    messages.reserve_exact(TOGETHER);
    for m in messages.drain(..) {
        let s = stat(cx, m.flow);
        if m.bytes == SENT { s.sent(m.at) } else { s.received(&m) }
    }
    cx.obs.messages = messages;
}

impl FlowStat {
    fn sent(&mut self, at: Time) {
        self.sent += 1;
        self.first.get_or_insert(at);
        self.series.sent(at);
    }

    fn received(&mut self, m: &Message) {
        let latency = m.at.since(Time::from_ps(m.born));
        self.received += 1;
        self.bytes += u64::from(m.bytes);
        self.last = Some(m.at);
        if m.at < self.measure_from {
            self.left_out += 1;
            return;
        }
        self.series.received(m.at, latency, u64::from(m.bytes));
        if self.left_out < self.skip {
            self.left_out += 1;
            return;
        }
        self.batches.record(latency.ps());
        if self.latency.record(latency.ps()) {
            self.exemplars.push(Exemplar { latency, born: Time::from_ps(m.born), read: m.at });
        }
    }
}

/// A system call of `flow` failed.
pub fn failed(cx: &mut Cx, flow: u32, e: Errno) {
    *stat(cx, flow).errors.entry(e).or_default() += 1;
}
