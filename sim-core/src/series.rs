//! Bounded time series. (contract; to be written)

use crate::{hist::Hist, time::{Span, Time}};

/// Values by time in at most `LIMIT` slots of equal width; when time runs past the last slot, neighbours are merged
/// and the width doubles. Each slot keeps counts of two events and a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series;

/// One slot of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Packets sent, packets received, payload bytes received.
    pub sent: u64,
    pub received: u64,
    pub bytes: u64,
    /// Latencies of those received, picoseconds.
    pub latency: Hist,
}

impl Series {
    /// At most this many slots.
    pub const LIMIT: usize = 256;
    pub fn sent(&mut self, _at: Time) {}
    pub fn received(&mut self, _at: Time, _latency: Span, _bytes: u64) {}
    /// Width of a slot.
    pub fn width(&self) -> Span {
        Span::ZERO
    }
    pub fn slots(&self) -> &[Slot] {
        &[]
    }
    pub fn merge(&mut self, _other: &Series) {}
}
