//! A long row of values, kept as the sums of equally many neighbours: what can be said of its mean although neighbours
//! depend on each other, and where its beginning ends.

/// Values of a first batch, the 5 of MSER-5.
const FIRST: u64 = 5;
/// Batches that an interval is made of.
const GROUPS: usize = 32;
/// Two-sided 95 % quantile of Student's t for `GROUPS` - 1 degrees of freedom, in thousandths.
const T95: f64 = 2.040;

/// Sums of so many consecutive values each, at most `limit` of them: then neighbours are added up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    per: u64,
    limit: usize,
    sums: Vec<u64>,
    /// The batch that is being filled: how many, and their sum.
    open: (u64, u64),
    /// Rows of several sources came together: there is no order any more.
    mixed: bool,
}

/// A mean, and half the width of its 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    pub mean: u64,
    pub margin: u64,
}

/// How many values belong to the beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Truncation {
    /// Values to leave out.
    pub values: u64,
    /// Values in a batch: 5, or more in a long row.
    pub per: u64,
    /// False: the best place to cut lies in the second half, so the row is too short to tell.
    pub settled: bool,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches::new(256)
    }
}

impl Batches {
    /// `limit` is made even.
    pub fn new(limit: usize) -> Batches {
        Batches { per: FIRST, limit: limit.max(2).next_multiple_of(2), sums: Vec::new(), open: (0, 0), mixed: false }
    }

    #[inline]
    pub fn record(&mut self, value: u64) {
        self.open.0 += 1;
        self.open.1 = self.open.1.saturating_add(value);
        if self.open.0 == self.per {
            self.close();
        }
    }

    fn close(&mut self) {
        if self.sums.len() == self.limit {
            self.sums = self.sums.chunks(2).map(|p| p.iter().fold(0, |a: u64, b| a.saturating_add(*b))).collect();
            self.per *= 2;
            // The open batch holds half as many as it needs now.
            return;
        }
        self.sums.push(self.open.1);
        self.open = (0, 0);
    }

    /// Takes in another row. Of two that both have values nothing can be said any more.
    pub fn merge(&mut self, other: &Batches) {
        if other.mixed || other.count() == 0 {
            if other.mixed {
                *self = other.clone();
            }
        } else if self.count() == 0 && !self.mixed {
            *self = other.clone();
        } else {
            *self = Batches { mixed: true, ..Batches::new(self.limit) };
        }
    }

    /// Values so far.
    pub fn count(&self) -> u64 {
        self.sums.len() as u64 * self.per + self.open.0
    }

    /// The mean, with an interval by the method of batch means: 32 batches of consecutive values, long enough to hardly
    /// depend on each other, are taken for independent (Student's t). What does not fill a batch is left out at the
    /// beginning. `None` with fewer than 320 values.
    pub fn interval(&self) -> Option<Interval> {
        let group = self.sums.len() / GROUPS;
        if group < 2 || self.mixed {
            return None;
        }
        let used = &self.sums[self.sums.len() - group * GROUPS..];
        let values = (group as u64 * self.per) as f64;
        let means: Vec<f64> = used.chunks(group).map(|g| g.iter().map(|s| *s as f64).sum::<f64>() / values).collect();
        let (mean, margin) = student(&means);
        Some(Interval { mean: (mean + 0.5) as u64, margin: (margin + 0.5) as u64 })
    }

    /// MSER-5 (White 1997): leaves out the first batches such that the standard error of the mean of the rest, taken as
    /// if its batches were independent, is least; at most half of all.
    pub fn mser(&self) -> Truncation {
        let n = self.sums.len();
        if n < 10 || self.mixed {
            return Truncation { values: 0, per: self.per, settled: false };
        }
        // Around the mean of all, so that squares don't swallow what matters.
        let centre = self.sums.iter().map(|s| *s as f64).sum::<f64>() / n as f64;
        let (mut sum, mut squares) = (0.0, 0.0);
        let (mut best, mut best_of_all) = ((f64::INFINITY, 0), (f64::INFINITY, 0));
        for (i, s) in self.sums.iter().enumerate().rev() {
            let y = *s as f64 - centre;
            sum += y;
            squares += y * y;
            let m = (n - i) as f64;
            let error = (squares - sum * sum / m) / (m * m);
            // The last few batches agree by chance.
            if n - i >= 5 && error <= best_of_all.0 {
                best_of_all = (error, i);
            }
            if i <= n / 2 && error <= best.0 {
                best = (error, i);
            }
        }
        Truncation { values: best.1 as u64 * self.per, per: self.per, settled: best_of_all.1 <= n / 2 }
    }
}

/// Mean and half the 95 % interval of `GROUPS` values. Sums, quotients and a root: the same on every machine.
fn student(means: &[f64]) -> (f64, f64) {
    let n = means.len() as f64;
    let mean = means.iter().sum::<f64>() / n;
    let squares: f64 = means.iter().map(|m| (m - mean) * (m - mean)).sum();
    (mean, T95 * (squares / (n - 1.0) / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn of(limit: usize, values: impl IntoIterator<Item = u64>) -> Batches {
        let mut b = Batches::new(limit);
        values.into_iter().for_each(|v| b.record(v));
        b
    }

    #[test]
    fn neighbours_are_added_up_when_there_are_too_many() {
        let b = of(4, 0..39);
        assert_eq!(
            (b.per, b.sums.as_slice(), b.open),
            (10, [45, 145, 245].as_slice(), (9, 30 + 31 + 32 + 33 + 34 + 35 + 36 + 37 + 38))
        );
        assert_eq!(b.count(), 39);
        let long = of(256, (0..1_000_000).map(|i| i % 7));
        assert!(long.sums.len() <= 256 && long.count() == 1_000_000);
    }

    #[test]
    fn the_interval_of_independent_values_covers_their_mean() {
        let mut covered = 0;
        for seed in 0..200 {
            let mut s = Streams::new(seed);
            let id = s.named("x");
            let i = of(256, (0..10_000).map(|_| s.below(id, 2_000_001))).interval().unwrap();
            covered += u32::from(i.mean.abs_diff(1_000_000) <= i.margin);
            // 577,350 / √10,000 × 2.04 = 11,778, ± an eighth (of 31 degrees of freedom), three times.
            assert!((7_000..17_000).contains(&i.margin), "{i:?}");
        }
        assert!((180..=199).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn what_depends_on_its_neighbours_has_a_wider_interval() {
        // Each value 100 times: as good as a hundredth of them.
        let mut s = Streams::new(5);
        let id = s.named("x");
        let drawn: Vec<u64> = (0..1_000).map(|_| s.below(id, 2_000_001)).collect();
        let wide = of(256, drawn.iter().flat_map(|v| [*v; 100])).interval().unwrap();
        assert!((25_000..50_000).contains(&wide.margin), "{wide:?}: 37,000 is right, 3,700 would be blind");
    }

    #[test]
    fn mser_finds_where_the_beginning_ends() {
        let mut s = Streams::new(1);
        let id = s.named("x");
        // A beginning of 300 values ten times as large.
        let row: Vec<u64> = (0..5_000).map(|i| s.below(id, 1_000) * if i < 300 { 10 } else { 1 }).collect();
        let cut = of(65_536, row).mser();
        assert!(cut.settled && (280..=330).contains(&cut.values), "{cut:?}");
        // None: little is lost.
        let flat = of(65_536, (0..5_000).map(|_| s.below(id, 1_000))).mser();
        assert!(flat.settled && flat.values < 1_000, "{flat:?}");
        // One that goes on to rise never settles.
        assert!(!of(65_536, (0..5_000).map(|i| i * i)).mser().settled);
        assert_eq!(of(8, 0..4).mser(), Truncation { values: 0, per: 5, settled: false });
        assert_eq!(of(64, [7; 500]).mser().values, 0, "equal values");
    }

    #[test]
    fn two_rows_are_none() {
        let (mut a, b) = (Batches::default(), of(256, 0..1_000));
        a.merge(&b);
        assert_eq!(a, b);
        a.merge(&Batches::default());
        assert_eq!(a, b);
        a.merge(&b);
        assert_eq!((a.interval(), a.mser().settled), (None, false));
        let mut c = b.clone();
        c.merge(&a);
        assert_eq!(c.interval(), None);
    }
}
