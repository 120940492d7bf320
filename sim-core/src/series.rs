//! Bounded time series.

use crate::{
    hist::Hist,
    time::{Span, Time},
};

/// Counts and latencies by time, in at most [`Series::LIMIT`] slots of equal width. The width is a microsecond at
/// first; when time runs past the last slot, neighbours are merged and the width doubles. So it depends on the latest
/// time alone, and merging series never depends on the order.
#[derive(Clone, Default)]
pub struct Series {
    /// The width is 2^`doublings` microseconds.
    doublings: u32,
    /// As many as were touched, from time 0 on, are in use; those behind them are empty and wait to be used again, since
    /// a run that goes on is to allocate nothing.
    slots: Vec<Slot>,
    used: usize,
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.doublings == other.doublings && self.slots() == other.slots()
    }
}
impl Eq for Series {}

impl std::fmt::Debug for Series {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Series").field("doublings", &self.doublings).field("slots", &self.slots()).finish()
    }
}

/// One slot of a series.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// Messages sent, messages received, payload bytes received.
    pub sent: u64,
    pub received: u64,
    pub bytes: u64,
    /// Latencies of those received, picoseconds.
    pub latency: Hist,
}

impl Slot {
    /// Takes in what `other` counted.
    pub fn merge(&mut self, other: &Slot) {
        self.sent = self.sent.saturating_add(other.sent);
        self.received = self.received.saturating_add(other.received);
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.latency.merge(&other.latency);
    }

    fn clear(&mut self) {
        (self.sent, self.received, self.bytes) = (0, 0, 0);
        self.latency.clear();
    }
}

impl Series {
    /// At most this many slots.
    pub const LIMIT: usize = 256;
    const FIRST_WIDTH: Span = Span::from_us(1);

    /// A message was sent at `at`.
    pub fn sent(&mut self, at: Time) {
        self.sent_all([at].into_iter());
    }

    /// Messages were sent at these times.
    pub fn sent_all(&mut self, times: impl Iterator<Item = Time>) {
        let mut times = times.peekable();
        while let Some(at) = times.next() {
            let (slot, ends) = self.slot(at);
            let mut n = 1;
            while times.next_if(|t| at <= *t && t.ps() < ends).is_some() {
                n += 1;
            }
            slot.sent = slot.sent.saturating_add(n);
        }
    }

    /// A message with `bytes` of payload was received at `at`, `latency` after it was sent.
    pub fn received(&mut self, at: Time, latency: Span, bytes: u64) {
        self.received_all([(at, latency, bytes)].into_iter());
    }

    /// Messages were received: when, how long after they were sent, and how many bytes.
    pub fn received_all(&mut self, messages: impl Iterator<Item = (Time, Span, u64)>) {
        let mut messages = messages.peekable();
        while let Some((at, latency, mut bytes)) = messages.next() {
            let (slot, ends) = self.slot(at);
            let (mut n, mut value, mut equal) = (1, latency.ps(), 1);
            while let Some((_, latency, more)) = messages.next_if(|m| at <= m.0 && m.0.ps() < ends) {
                n += 1;
                bytes = bytes.saturating_add(more);
                if latency.ps() == value {
                    equal += 1;
                } else {
                    slot.latency.record_times(value, equal);
                    (value, equal) = (latency.ps(), 1);
                }
            }
            slot.latency.record_times(value, equal);
            slot.received = slot.received.saturating_add(n);
            slot.bytes = slot.bytes.saturating_add(bytes);
        }
    }

    /// Width of a slot. Slot i holds what happened from i × width on, up to and without (i + 1) × width.
    pub fn width(&self) -> Span {
        Span::from_ps(Self::FIRST_WIDTH.ps() << self.doublings)
    }

    /// From time 0 on; those after the last one touched are left out.
    pub fn slots(&self) -> &[Slot] {
        &self.slots[..self.used]
    }

    /// Takes in all that `other` counted.
    pub fn merge(&mut self, other: &Series) {
        while self.doublings < other.doublings {
            self.double();
        }
        let narrower = self.doublings - other.doublings;
        for (i, slot) in other.slots().iter().enumerate() {
            self.at_index(i >> narrower).merge(slot);
        }
    }

    /// Merges neighbours until there are at most `slots` (at least one): less detail, less memory, the same counts.
    pub fn coarsen(&mut self, slots: usize) {
        while self.used > slots.max(1) {
            self.double();
        }
        self.slots.truncate(self.used);
        self.slots.shrink_to_fit();
    }

    /// The slot that `at` lies in, and where it ends, picoseconds.
    #[inline]
    fn slot(&mut self, at: Time) -> (&mut Slot, u64) {
        let first = at.ps() / Self::FIRST_WIDTH.ps();
        while first >> self.doublings >= Self::LIMIT as u64 {
            self.double();
        }
        let i = first >> self.doublings;
        let ends = (u128::from(i + 1) * u128::from(Self::FIRST_WIDTH.ps())) << self.doublings;
        (self.at_index(i as usize), u64::try_from(ends).unwrap_or(u64::MAX))
    }

    #[inline]
    fn at_index(&mut self, i: usize) -> &mut Slot {
        if i >= self.used {
            self.grow(i);
        }
        &mut self.slots[i]
    }

    #[cold]
    fn grow(&mut self, i: usize) {
        if i >= self.slots.len() {
            self.slots.resize_with(i + 1, Slot::default);
        }
        self.used = i + 1;
    }

    #[cold]
    fn double(&mut self) {
        let pairs = self.used.div_ceil(2);
        for i in 0..pairs {
            let (first, second) = self.slots.split_at_mut(2 * i + 1);
            if 2 * i + 1 < self.used {
                first[2 * i].merge(&second[0]);
            }
            self.slots.swap(i, 2 * i);
        }
        self.slots[pairs..self.used].iter_mut().for_each(Slot::clear);
        self.used = pairs;
        self.doublings += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn us(n: u64) -> Time {
        Time::ZERO + Span::from_us(n)
    }

    #[test]
    fn time_past_the_end_doubles_the_width() {
        let mut s = Series::default();
        s.sent(us(0));
        s.sent(us(1));
        s.received(us(255), Span::from_us(9), 100);
        assert_eq!((s.width(), s.slots().len()), (Span::from_us(1), 256));
        s.received(us(1_000_000), Span::from_us(11), 50);
        assert_eq!(s.width(), Span::from_us(4096));
        assert_eq!(s.slots().len(), 245);
        let first = &s.slots()[0];
        assert_eq!((first.sent, first.received, first.bytes), (2, 1, 100));
        assert_eq!(first.latency.max(), Some(9_000_000));
        assert_eq!((s.slots()[244].received, s.slots()[244].latency.min()), (1, Some(11_000_000)));
    }

    #[test]
    fn the_end_of_time_fits() {
        let mut s = Series::default();
        s.sent(Time::MAX);
        s.sent(Time::ZERO);
        assert!(s.slots().len() <= Series::LIMIT);
        assert_eq!(s.slots().iter().map(|s| s.sent).sum::<u64>(), 2);
    }

    #[test]
    fn coarsening_keeps_the_counts_and_may_come_before_or_after_merging() {
        let of = |from: u64| {
            let mut s = Series::default();
            (0..200).for_each(|i| s.received(us(from + i), Span::from_us(i), 10));
            s
        };
        let (mut early, mut late) = (of(0), of(0));
        early.coarsen(16);
        assert_eq!((early.slots().len(), early.width()), (13, Span::from_us(16)));
        early.merge(&of(50));
        late.merge(&of(50));
        late.coarsen(16);
        early.coarsen(16);
        assert_eq!(early, late);
        assert_eq!(early.slots().iter().map(|s| s.received).sum::<u64>(), 400);
        early.coarsen(0);
        assert_eq!(early.slots().len(), 1);
    }

    #[test]
    fn merging_is_counting_in_any_order() {
        let mut rng = Streams::new(9);
        let id = rng.named("series");
        let events: Vec<(Time, Span)> = (0..2_000)
            .map(|_| (Time::from_ps(rng.next(id) >> rng.below(id, 40)), Span::from_ps(rng.below(id, 1 << 30))))
            .collect();
        let of = |events: &[(Time, Span)]| {
            let mut s = Series::default();
            for (at, latency) in events {
                s.sent(*at);
                s.received(*at, *latency, 64);
            }
            s
        };
        let all = of(&events);
        assert_eq!(all.slots().iter().map(|s| s.latency.count()).sum::<u64>(), 2_000);
        for cut in [0, 1, 17, 1_000, 2_000] {
            let (a, b) = (of(&events[..cut]), of(&events[cut..]));
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b);
            ba.merge(&a);
            assert_eq!((&ab, &ba), (&all, &all));
        }
    }
}
