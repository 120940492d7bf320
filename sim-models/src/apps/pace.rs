//! When packets are meant to be sent, and other times that are drawn.

use crate::kernel::Cx;
use sim_core::{
    dist::Dist,
    rng::StreamId,
    time::{PS_PER_S, Span, Time},
};
use std::sync::Arc;

/// A span with its law and the stream that it is drawn from.
#[derive(Clone, Debug)]
pub struct Law {
    /// Picoseconds.
    pub dist: Dist,
    pub stream: StreamId,
}

impl Law {
    #[inline]
    pub fn draw(&self, cx: &mut Cx) -> Span {
        Span::from_ps(self.dist.draw(&mut cx.rng, self.stream))
    }
}

/// When packets are meant to be sent.
#[derive(Clone, Debug)]
pub enum Pace {
    /// Packet i at start + i / rate, exactly: `per` seconds' worth of packets, in units of 1/1,000 packet a second.
    Constant { start: Time, millirate: u64 },
    /// Exponential gaps of this mean, ps, from a stream of the flow's own.
    Poisson { next: Time, mean: Dist, stream: StreamId },
    /// Bursts and silence in turn.
    OnOff(Box<OnOff>),
    /// Packet i at its own time after `start`.
    Trace { start: Time, packets: Arc<[Packet]> },
}

/// A packet of a recorded trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Since the start.
    pub after: Span,
    /// Bytes of payload.
    pub size: u32,
    /// Where it goes, if not where all go.
    pub dst: Option<u32>,
}

/// A source that sends at a constant rate while it is on, and nothing while it is off; it begins on. A burst's first
/// packet leaves when the burst begins.
#[derive(Clone, Debug)]
pub struct OnOff {
    millirate: u64,
    on: Law,
    off: Law,
    burst: Time,
    /// When the burst is over; `None`: nothing was sent yet.
    end: Option<Time>,
    /// Packets of this burst so far.
    sent: u64,
}

impl OnOff {
    /// `millirate`: packets a second while it is on, times 1,000.
    pub fn new(start: Time, millirate: u64, on: Law, off: Law) -> OnOff {
        OnOff { millirate, on, off, burst: start, end: None, sent: 0 }
    }

    fn next(&mut self, cx: &mut Cx) -> Time {
        let mut end = match self.end {
            Some(end) => end,
            None => self.burst + self.on.draw(cx),
        };
        loop {
            let t = self.burst + after(self.sent, self.millirate);
            if t < end {
                self.sent += 1;
                self.end = Some(end);
                return t;
            }
            self.burst = end + self.off.draw(cx);
            if self.burst == Time::MAX {
                return Time::MAX;
            }
            end = self.burst + self.on.draw(cx);
            self.sent = 0;
        }
    }
}

/// When packet `i` of a constant rate leaves, after the first. Most rates have a whole interval: no long division then.
#[inline]
fn after(i: u64, millirate: u64) -> Span {
    const SECOND: u64 = PS_PER_S * 1000;
    let millirate = millirate.max(1);
    let interval = SECOND / millirate;
    if interval * millirate == SECOND
        && let Some(ps) = i.checked_mul(interval)
    {
        return Span::from_ps(ps);
    }
    let ps = u128::from(i) * u128::from(SECOND) / u128::from(millirate);
    Span::from_ps(u64::try_from(ps).unwrap_or(u64::MAX))
}

impl Pace {
    /// Every `interval`.
    pub fn every(start: Time, interval: Span) -> Pace {
        let millirate = u128::from(PS_PER_S) * 1000 / u128::from(interval.ps().max(1));
        Pace::Constant { start, millirate: u64::try_from(millirate).unwrap_or(u64::MAX) }
    }

    /// The meant time of packet `i`; asked for in order, once each.
    #[inline]
    pub fn next(&mut self, cx: &mut Cx, i: u64) -> Time {
        match self {
            Pace::Constant { start, millirate } => *start + after(i, *millirate),
            Pace::Poisson { next, mean, stream } => {
                if i > 0 {
                    *next += Span::from_ps(mean.draw(&mut cx.rng, *stream));
                }
                *next
            }
            Pace::OnOff(o) => o.next(cx),
            Pace::Trace { start, packets } => packets.get(i as usize).map_or(Time::MAX, |p| *start + p.after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Costs;
    use sim_core::rng::Streams;

    fn cx() -> Cx {
        Cx::new(0, 250, Costs::flat("zero", 0), Streams::new(3))
    }

    fn us(n: u64) -> Time {
        Time::ZERO + Span::from_us(n)
    }

    fn times(pace: &mut Pace, n: u64) -> Vec<u64> {
        let mut cx = cx();
        (0..n).map(|i| pace.next(&mut cx, i).ps() / 1_000_000).collect()
    }

    fn constant(us: u64) -> Law {
        Law { dist: Dist::Constant(us * 1_000_000), stream: cx().rng.named("x") }
    }

    #[test]
    fn bursts_and_silence_in_turn() {
        // 100,000/s while on: 0, 10, 20 us of each 25 us, then 75 us of nothing.
        let mut pace = Pace::OnOff(Box::new(OnOff::new(us(5), 100_000_000, constant(25), constant(75))));
        assert_eq!(times(&mut pace, 8), [5, 15, 25, 105, 115, 125, 205, 215]);
        // A burst as long as a gap holds one packet: the one at its end belongs to nobody.
        let mut pace = Pace::OnOff(Box::new(OnOff::new(us(0), 100_000_000, constant(10), constant(1))));
        assert_eq!(times(&mut pace, 4), [0, 11, 22, 33]);
    }

    #[test]
    fn drawn_bursts_have_their_share_of_time() {
        let mut cx = cx();
        let mut law =
            |name: &str, us: u64| Law { dist: Dist::Exponential { mean: us * 1_000_000 }, stream: cx.rng.named(name) };
        let (on, off) = (law("on", 100), law("off", 300));
        let mut pace = Pace::OnOff(Box::new(OnOff::new(us(0), 1_000_000_000, on, off)));
        let last = (0..200_000).map(|i| pace.next(&mut cx, i)).last().unwrap();
        // A burst of mean 100 us holds 1 / (1 - e^(-1/100)) = 100.5 packets, one of them at its very start, each 400 us.
        let expected = 200_000.0 / 100.5 * 400.0;
        let seen = last.ps() as f64 / 1e6;
        assert!((seen / expected - 1.0).abs() < 0.06, "{seen} us for {expected}");
    }

    #[test]
    fn a_trace_is_played_as_it_is() {
        let packet = |us: u64| Packet { after: Span::from_us(us), size: 1, dst: None };
        let mut pace = Pace::Trace { start: us(100), packets: [0, 7, 7, 30].map(packet).to_vec().into() };
        assert_eq!(times(&mut pace, 4), [100, 107, 107, 130]);
        assert_eq!(pace.next(&mut cx(), 4), Time::MAX);
    }
}
