//! Integer distributions, without a unit: picoseconds, bytes or whatever the caller means.

use crate::rng::{StreamId, Streams};

/// What a random quantity may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dist {
    /// Always the same; draws nothing from the stream.
    Constant(u64),
    /// Each whole number from the first to the last, both included, equally often. Given the wrong way round, the
    /// two are exchanged.
    Uniform(u64, u64),
    /// The gaps of a Poisson process: mean and standard deviation are both `mean`. At most about 37 × `mean`.
    Exponential { mean: u64 },
    /// One of some values, by weight.
    Empirical(Quantiles),
}

/// Values with cumulated weights. At least one weight is not 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quantiles {
    /// (value, sum of the weights up to and with this one), ascending in both.
    steps: Vec<(u64, u64)>,
    total: u64,
}

impl Quantiles {
    /// From (value, weight), in any order.
    ///
    /// # Errors
    /// All weights are 0, or their sum needs more than 64 bits.
    pub fn new(mut weighted: Vec<(u64, u64)>) -> Result<Quantiles, &'static str> {
        weighted.retain(|(_, weight)| *weight > 0);
        weighted.sort_unstable();
        let mut total: u64 = 0;
        for (_, weight) in &mut weighted {
            total = total.checked_add(*weight).ok_or("the sum of the weights needs more than 64 bits")?;
            *weight = total;
        }
        if total == 0 {
            return Err("no value has a weight above 0");
        }
        Ok(Quantiles { steps: weighted, total })
    }

    /// (value, weight), ascending, those without weight left out.
    pub fn weighted(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let before = std::iter::once(0).chain(self.steps.iter().map(|s| s.1));
        self.steps.iter().zip(before).map(|((value, upto), before)| (*value, upto - before))
    }

    #[inline]
    fn draw(&self, streams: &mut Streams, id: StreamId) -> u64 {
        let ticket = streams.below(id, self.total);
        self.steps[self.steps.partition_point(|(_, upto)| *upto <= ticket)].0
    }

    fn mean(&self) -> u64 {
        let sum = self.weighted().fold(0_u128, |sum, (v, w)| sum.saturating_add(u128::from(v) * u128::from(w)));
        u64::try_from(sum / u128::from(self.total)).unwrap_or(u64::MAX)
    }
}

impl Dist {
    /// One value. Every variant but `Constant` draws at least once from the stream.
    #[inline]
    pub fn draw(&self, streams: &mut Streams, id: StreamId) -> u64 {
        match self {
            Dist::Constant(value) => *value,
            Dist::Uniform(a, b) => {
                let (low, high) = (*a.min(b), *a.max(b));
                match (high - low).checked_add(1) {
                    Some(n) => low + streams.below(id, n),
                    None => streams.next(id),
                }
            }
            Dist::Exponential { mean } => exponential(*mean, streams.next(id)),
            Dist::Empirical(table) => table.draw(streams, id),
        }
    }

    /// The mean of all draws, rounded down.
    pub fn mean(&self) -> u64 {
        match self {
            Dist::Constant(value) => *value,
            Dist::Uniform(a, b) => a.min(b) + a.abs_diff(*b) / 2,
            Dist::Exponential { mean } => *mean,
            Dist::Empirical(table) => table.mean(),
        }
    }
}

/// `mean` × -ln(u) with u uniform in (0, 1] from the upper 53 of `bits`.
///
/// The logarithm is libm's, whose version is pinned: the standard library's may differ between systems. Its result
/// is taken over as a fixed-point number of 32 fractional bits, and the rest is integer arithmetic.
#[inline]
fn exponential(mean: u64, bits: u64) -> u64 {
    const STEP: f64 = 1.0 / (1_u64 << 53) as f64;
    const ONE: f64 = (1_u64 << 32) as f64;
    let u = ((bits >> 11) + 1) as f64 * STEP;
    let times = (-libm::log(u) * ONE) as u64;
    let value = (u128::from(mean) * u128::from(times) + (1 << 31)) >> 32;
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draws(dist: &Dist, n: usize) -> Vec<u64> {
        let mut s = Streams::new(11);
        let id = s.named("dist");
        (0..n).map(|_| dist.draw(&mut s, id)).collect()
    }

    fn mean(values: &[u64]) -> u64 {
        (values.iter().map(|v| u128::from(*v)).sum::<u128>() / values.len() as u128) as u64
    }

    #[test]
    fn values_are_pinned() {
        // The same on every machine: a change here changes every random run.
        assert_eq!(draws(&Dist::Exponential { mean: 100_000_000 }, 4), [34_135_582, 33_263_758, 977_059, 166_750_101]);
        assert_eq!(draws(&Dist::Uniform(10, 19), 6), [17, 17, 19, 11, 14, 13]);
        let e = Dist::Empirical(Quantiles::new(vec![(5, 1), (1, 8), (3, 1)]).unwrap());
        assert_eq!(draws(&e, 6), [1, 1, 5, 1, 1, 1]);
        assert_eq!(exponential(1_000_000, 1 << 63), 693_147, "ln 2");
    }

    #[test]
    fn exponential_has_its_mean_and_its_tail() {
        // One draw from the middle of each of 10^6 equal parts of the range: the mean without the luck.
        let part = u64::MAX / 1_000_000;
        let sum: u128 = (0..1_000_000).map(|i| u128::from(exponential(100_000_000, part * i + part / 2))).sum();
        assert!(((sum / 1_000_000) as u64).abs_diff(100_000_000) < 100, "0.0001 %: {sum}");
        // With luck: the standard deviation of a mean of 16 × 10^6 draws is 0.025 %.
        let n = 16_000_000;
        let values = draws(&Dist::Exponential { mean: 100_000_000 }, n);
        assert!(mean(&values).abs_diff(100_000_000) < 100_000, "0.1 %: {}", mean(&values));
        let beyond = |k: u64| values.iter().filter(|v| **v > k * 100_000_000).count();
        // n × e^-k; a standard deviation is the square root of that.
        for (k, expected) in [(1, 5_886_071_u64), (2, 2_165_365), (5, 107_807), (10, 726)] {
            let off = (beyond(k) as u64).abs_diff(expected);
            assert!(off * off < 16 * expected, "beyond {k} means: {} for {expected}", beyond(k));
        }
    }

    #[test]
    fn exponential_ends() {
        assert_eq!(exponential(1_000, u64::MAX), 0, "u = 1");
        assert_eq!(exponential(1_000, 0), 36_737, "u = 2^-53");
        assert_eq!(exponential(u64::MAX, 0), u64::MAX, "no overflow");
        assert_eq!(exponential(0, 0), 0);
    }

    #[test]
    fn uniform_holds_both_ends() {
        let values = draws(&Dist::Uniform(3, 5), 3_000);
        assert_eq!([3, 4, 5].map(|v| values.contains(&v)), [true; 3]);
        assert!(values.iter().all(|v| (3..=5).contains(v)));
        assert_eq!(draws(&Dist::Uniform(5, 3), 100), draws(&Dist::Uniform(3, 5), 100));
        assert_eq!(draws(&Dist::Uniform(9, 9), 2), [9, 9]);
        assert_eq!(draws(&Dist::Uniform(0, u64::MAX), 9).len(), 9);
        assert_eq!(Dist::Uniform(0, u64::MAX).mean(), u64::MAX / 2);
    }

    #[test]
    fn empirical_follows_its_weights() {
        let table = Quantiles::new(vec![(40, 1), (7, 0), (10, 3)]).unwrap();
        assert_eq!(table.weighted().collect::<Vec<_>>(), [(10, 3), (40, 1)]);
        let dist = Dist::Empirical(table);
        assert_eq!(dist.mean(), 17);
        let values = draws(&dist, 400_000);
        let tens = values.iter().filter(|v| **v == 10).count();
        assert!(tens.abs_diff(300_000) < 1_400, "{tens}");
        assert!(values.iter().all(|v| *v == 10 || *v == 40));
    }

    #[test]
    fn empirical_refuses_what_it_cannot_draw_from() {
        assert!(Quantiles::new(vec![]).is_err());
        assert!(Quantiles::new(vec![(1, 0)]).is_err());
        assert!(Quantiles::new(vec![(1, u64::MAX), (2, 1)]).is_err());
    }

    #[test]
    fn a_constant_draws_nothing() {
        let mut s = Streams::new(1);
        let id = s.named("x");
        let mut untouched = s.clone();
        assert_eq!(Dist::Constant(42).draw(&mut s, id), 42);
        assert_eq!(s.next(id), untouched.next(id));
    }
}
