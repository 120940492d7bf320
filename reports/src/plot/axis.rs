//! Axes: from values to pixels, and where the ticks stand. Only IEEE arithmetic and the pinned `libm`: a picture has
//! the same bytes on every machine.

use crate::units::{self, Unit};

#[derive(Clone, Debug, PartialEq)]
pub struct Tick {
    pub value: f64,
    /// Empty: a grid line without a label.
    pub label: String,
}

#[derive(Clone, Debug)]
pub struct Axis {
    lo: f64,
    hi: f64,
    log: bool,
    /// Pixels of `lo` and `hi`; they may run backwards, as on a y axis.
    from: f64,
    to: f64,
    pub ticks: Vec<Tick>,
    pub title: String,
}

impl Axis {
    /// Pixels of `value`; outside the axis it stops at its ends.
    pub fn at(&self, value: f64) -> f64 {
        let (v, lo, hi) = if self.log {
            (libm::log10(value.max(self.lo)), libm::log10(self.lo), libm::log10(self.hi))
        } else {
            (value, self.lo, self.hi)
        };
        let part = if hi > lo { ((v - lo) / (hi - lo)).clamp(0.0, 1.0) } else { 0.5 };
        self.from + part * (self.to - self.from)
    }
    pub fn holds(&self, value: f64) -> bool {
        (self.lo..=self.hi).contains(&value)
    }
    /// Moves the ends to other pixels.
    pub fn on(self, from: f64, to: f64) -> Axis {
        Axis { from, to, ..self }
    }

    /// Latencies between `min` and `max` picoseconds; logarithmic if the largest is four times the smallest or more.
    pub fn latency(min: u64, max: u64, what: &str) -> Axis {
        Axis::latency_log_from(4.0, min, max, what)
    }

    /// The same with another ratio from which on it is logarithmic.
    pub fn latency_log_from(ratio: f64, min: u64, max: u64, what: &str) -> Axis {
        let (lo, hi) = (min as f64, max as f64);
        if min > 0 && hi / lo >= ratio {
            return Axis::log_latency(lo, hi, what);
        }
        let pad = if max == 0 {
            1_000.0
        } else if max == min {
            (hi * 0.05).max(1.0)
        } else {
            (hi - lo) * 0.06
        };
        let floor = if lo < hi * 0.3 { 0.0 } else { (lo - pad).max(0.0) };
        Axis::time(floor, hi + pad, 5, what)
    }

    /// A linear axis with ticks given.
    pub fn linear(lo: f64, hi: f64, ticks: Vec<Tick>, title: &str) -> Axis {
        Axis { lo, hi, log: false, from: 0.0, to: 1.0, ticks, title: title.to_owned() }
    }

    /// Picoseconds, linear, labelled in one unit.
    pub fn time(lo: f64, hi: f64, ticks: usize, what: &str) -> Axis {
        let step = nice_step(hi - lo, ticks).max(1.0);
        let unit = Unit::for_max(hi as u64);
        let decimals = decimals(step / unit.ps() as f64);
        let label = |v: f64| units::fixed(v as u64, unit.ps(), decimals);
        let ticks = linear_ticks(lo, hi, step, label);
        Axis { lo, hi, log: false, from: 0.0, to: 1.0, ticks, title: format!("{what}, {}", unit.name()) }
    }

    fn log_latency(min: f64, max: f64, what: &str) -> Axis {
        // Room of a twenty-fifth of the axis at both ends.
        let room = libm::exp10(libm::log10(max / min) / 25.0);
        let (lo, hi) = (min / room, max * room);
        let unit = Unit::for_max(max as u64);
        let each_its_own = hi / lo > 2_000.0;
        let label = |v: f64| {
            let unit = if each_its_own { Unit::for_value(v as u64) } else { unit };
            let decimals = decimals(v / unit.ps() as f64);
            let number = units::fixed(v as u64, unit.ps(), decimals);
            if each_its_own { format!("{number} {}", unit.name()) } else { number }
        };
        let ticks = log_ticks(lo, hi, label);
        let title = if each_its_own { format!("{what}, log") } else { format!("{what}, {}, log", unit.name()) };
        Axis { lo, hi, log: true, from: 0.0, to: 1.0, ticks, title }
    }

    /// Events a second, from 0.
    pub fn rate(max: f64, ticks: usize) -> Axis {
        let hi = if max > 0.0 { max * 1.08 } else { 1.0 };
        let (one, name) = match hi {
            h if h < 2e3 => (1.0, "/s"),
            h if h < 2e6 => (1e3, "k/s"),
            _ => (1e6, "M/s"),
        };
        let step = nice_step(hi, ticks);
        let decimals = decimals(step / one);
        // Thousandths are fine enough for a label, and whole numbers print the same everywhere.
        let label = |v: f64| units::fixed((v / one * 1e6 + 0.5) as u64, 1_000_000, decimals);
        let ticks = linear_ticks(0.0, hi, step, label);
        Axis { lo: 0.0, hi, log: false, from: 0.0, to: 1.0, ticks, title: format!("load, {name}") }
    }

    /// Shares from 0 to `max` (at most 1), as per cent.
    pub fn share(max: f64, ticks: usize, what: &str) -> Axis {
        let hi = if max > 0.0 { max } else { 1.0 };
        let step = nice_step(hi, ticks);
        let decimals = decimals(step * 100.0);
        let label = |v: f64| units::fixed((v * 1e8 + 0.5) as u64, 1_000_000, decimals);
        let ticks = linear_ticks(0.0, hi, step, label);
        Axis { lo: 0.0, hi, log: false, from: 0.0, to: 1.0, ticks, title: format!("{what}, %") }
    }

    /// Percentiles as decades of 1/(1 − p), from 0 to `per_million` and a bit further, where the maximum has its place:
    /// 100 % is infinitely far.
    pub fn percentiles(per_million: u64, what: &str) -> Axis {
        let last = decades(per_million);
        let end = (last + 0.35).max(1.0);
        let marks = [0, 500_000, 900_000, 990_000, 999_000, 999_900, 999_990];
        let ticks = marks.iter().map(|p| Tick { value: decades(*p), label: units::percentile(*p) });
        let maximum = Tick { value: end, label: "max".to_owned() };
        let ticks = ticks.filter(|t| t.value <= last).chain([maximum]).collect();
        Axis { lo: 0.0, hi: end, log: false, from: 0.0, to: 1.0, ticks, title: format!("{what}, %") }
    }

    /// Any values with labels given; logarithmic if they span much and none is 0 or less.
    pub fn labelled(ticks: Vec<Tick>, title: &str) -> Axis {
        let lo = ticks.iter().map(|t| t.value).fold(f64::INFINITY, f64::min);
        let hi = ticks.iter().map(|t| t.value).fold(f64::NEG_INFINITY, f64::max);
        let log = lo > 0.0 && hi / lo >= 10.0;
        let (lo, hi) = if !(lo.is_finite() && hi.is_finite()) {
            (0.0, 1.0)
        } else if lo == hi {
            (lo - 1.0, hi + 1.0)
        } else if log {
            let room = libm::exp10(libm::log10(hi / lo) / 20.0);
            (lo / room, hi * room)
        } else {
            (lo - (hi - lo) * 0.05, hi + (hi - lo) * 0.05)
        };
        Axis { lo, hi, log, from: 0.0, to: 1.0, ticks, title: title.to_owned() }
    }
}

/// log10(1/(1 − p)).
pub fn decades(per_million: u64) -> f64 {
    6.0 - libm::log10((1_000_000 - per_million.min(999_999)) as f64)
}

/// 1, 2 or 5 times a power of ten, such that about `ticks` of it make up `span`.
fn nice_step(span: f64, ticks: usize) -> f64 {
    let raw = span / ticks.max(1) as f64;
    if !(raw.is_finite() && raw > 0.0) {
        return 1.0;
    }
    let mut power = 1.0;
    while power * 10.0 <= raw {
        power *= 10.0;
    }
    while power > raw {
        power /= 10.0;
    }
    match raw / power {
        r if r < 1.5 => power,
        r if r < 3.5 => 2.0 * power,
        r if r < 7.5 => 5.0 * power,
        _ => 10.0 * power,
    }
}

/// Digits after the point that a multiple of `step` needs; at most nine.
fn decimals(step: f64) -> usize {
    let mut decimals = 0;
    let mut step = step;
    while step < 0.999_999 && decimals < 9 {
        step *= 10.0;
        decimals += 1;
    }
    decimals
}

fn linear_ticks(lo: f64, hi: f64, step: f64, label: impl Fn(f64) -> String) -> Vec<Tick> {
    let first = libm::ceil(lo / step - 1e-9);
    let count = (libm::floor(hi / step + 1e-9) - first).clamp(0.0, 50.0) as u32;
    let value = |i: u32| (first + f64::from(i)) * step;
    (0..=count).map(value).filter(|v| *v <= hi).map(|value| Tick { value, label: label(value) }).collect()
}

/// The densest usual choice of ticks that is not crowded.
fn log_ticks(lo: f64, hi: f64, label: impl Fn(f64) -> String) -> Vec<Tick> {
    const CROWDED: usize = 7;
    let choices: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];
    let within = |multiples: &[f64]| -> Vec<f64> {
        let mut values = Vec::new();
        let mut power = 1.0;
        while power * 10.0 <= lo {
            power *= 10.0;
        }
        while power <= hi {
            values.extend(multiples.iter().map(|m| m * power).filter(|v| (lo..=hi).contains(v)));
            power *= 10.0;
        }
        values
    };
    let all: Vec<Vec<f64>> = choices.iter().map(|c| within(c)).collect();
    let chosen = all.iter().find(|c| c.len() <= CROWDED).or(all.last());
    let Some(chosen) = chosen else { return Vec::new() };
    // More than seven decades: a label on every second or third, a line on each.
    let every = chosen.len().div_ceil(CROWDED).max(1);
    let tick = |(i, value): (usize, &f64)| Tick {
        value: *value,
        label: if i.is_multiple_of(every) { label(*value) } else { String::new() },
    };
    chosen.iter().enumerate().map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|t| t.label.as_str()).collect()
    }

    #[test]
    fn narrow_latencies_are_linear() {
        let axis = Axis::latency(24_900_000, 26_100_000, "latency");
        assert!(!axis.log);
        assert_eq!(axis.title, "latency, us");
        assert_eq!(labels(&axis), ["25.0", "25.2", "25.4", "25.6", "25.8", "26.0"]);
    }

    #[test]
    fn wide_latencies_are_logarithmic() {
        let axis = Axis::latency(24_900_000, 380_000_000, "latency");
        assert!(axis.log);
        assert_eq!(axis.title, "latency, us, log");
        assert_eq!(labels(&axis), ["50", "100", "200"]);
    }

    #[test]
    fn very_wide_latencies_carry_a_unit_at_each_tick() {
        let axis = Axis::latency(900_000, 3_100_000_000_000, "latency");
        assert_eq!(labels(&axis), ["1 us", "10 us", "100 us", "1 ms", "10 ms", "100 ms", "1 s"]);
    }

    #[test]
    fn degenerate_latencies_have_an_axis() {
        for (min, max) in [(0, 0), (1, 1), (0, 1), (5_000_000, 5_000_000), (1, u64::MAX), (0, u64::MAX)] {
            let axis = Axis::latency(min, max, "latency").on(300.0, 20.0);
            assert!((2..=60).contains(&axis.ticks.len()), "{min} {max}: {:?}", axis.ticks);
            for value in [min, max] {
                assert!((20.0..=300.0).contains(&axis.at(value as f64)), "{min} {max}");
            }
            assert!(axis.holds(max as f64));
        }
    }

    #[test]
    fn percentiles_stand_at_equal_decades() {
        let axis = Axis::percentiles(999_985, "percentile").on(0.0, 100.0);
        assert_eq!(labels(&axis), ["0", "50", "90", "99", "99.9", "99.99", "max"]);
        let at: Vec<f64> = axis.ticks.iter().map(|t| axis.at(t.value)).collect();
        assert!(((at[3] - at[2]) - (at[4] - at[3])).abs() < 1e-9);
        assert_eq!(labels(&Axis::percentiles(500_000, "percentile")), ["0", "50", "max"]);
    }

    #[test]
    fn rates_begin_at_zero() {
        let axis = Axis::rate(12_345.0, 3);
        assert_eq!((labels(&axis), axis.title.as_str()), (vec!["0", "5", "10"], "load, k/s"));
        assert_eq!(labels(&Axis::rate(0.0, 2)), ["0.0", "0.5", "1.0"]);
    }
}
