//! Integer time. One byte at every usual line rate from 10 Mbit/s to 1.6 Tbit/s is a whole number of picoseconds.

use std::ops::{Add, AddAssign, Sub};

/// Picoseconds in a second.
pub const PS_PER_S: u64 = 1_000_000_000_000;

/// A point in virtual time: picoseconds since time 0. Range: 0 to about 213 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

/// A length of virtual time in picoseconds. Range: 0 to about 213 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(u64);

/// A data rate in bits a second. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Time {
    pub const ZERO: Time = Time(0);
    /// Later than anything that happens: "never".
    pub const MAX: Time = Time(u64::MAX);

    pub const fn from_ps(ps: u64) -> Time {
        Time(ps)
    }
    /// Picoseconds since time 0.
    pub const fn ps(self) -> u64 {
        self.0
    }
    /// The span since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

impl Span {
    pub const ZERO: Span = Span(0);
    pub const MAX: Span = Span(u64::MAX);

    pub const fn from_ps(ps: u64) -> Span {
        Span(ps)
    }
    pub const fn from_ns(ns: u64) -> Span {
        Span(ns.saturating_mul(1_000))
    }
    pub const fn from_us(us: u64) -> Span {
        Span(us.saturating_mul(1_000_000))
    }
    pub const fn from_ms(ms: u64) -> Span {
        Span(ms.saturating_mul(1_000_000_000))
    }
    pub const fn from_s(s: u64) -> Span {
        Span(s.saturating_mul(PS_PER_S))
    }
    /// Picoseconds.
    pub const fn ps(self) -> u64 {
        self.0
    }
    /// `self` × `n`, at most [`Span::MAX`].
    pub const fn times(self, n: u64) -> Span {
        Span(self.0.saturating_mul(n))
    }
}

impl Rate {
    /// `bits` a second; `None` for 0.
    pub const fn from_bits_per_s(bits: u64) -> Option<Rate> {
        if bits == 0 { None } else { Some(Rate(bits)) }
    }
    /// Bits a second.
    pub const fn bits_per_s(self) -> u64 {
        self.0
    }
    /// How long `bytes` take at this rate, rounded to the nearest picosecond.
    pub fn span_of(self, bytes: u64) -> Span {
        let ps = (u128::from(bytes) * 8 * u128::from(PS_PER_S) + u128::from(self.0) / 2) / u128::from(self.0);
        Span(u64::try_from(ps).unwrap_or(u64::MAX))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    #[inline]
    fn add(self, d: Span) -> Time {
        Time(self.0.saturating_add(d.0))
    }
}
impl AddAssign<Span> for Time {
    #[inline]
    fn add_assign(&mut self, d: Span) {
        self.0 = self.0.saturating_add(d.0);
    }
}
impl Add for Span {
    type Output = Span;
    #[inline]
    fn add(self, d: Span) -> Span {
        Span(self.0.saturating_add(d.0))
    }
}
impl AddAssign for Span {
    #[inline]
    fn add_assign(&mut self, d: Span) {
        self.0 = self.0.saturating_add(d.0);
    }
}
impl Sub for Span {
    type Output = Span;
    /// Zero if `d` is longer.
    #[inline]
    fn sub(self, d: Span) -> Span {
        Span(self.0.saturating_sub(d.0))
    }
}
