//! Histograms of integers that merge exactly.

/// Buckets per octave, as a power of two.
const SUB_BITS: u32 = 7;
/// Buckets per octave.
const SUB: usize = 1 << SUB_BITS;
/// Octave 0 holds 0 to 127; octave k holds 2^(k+6) to 2^(k+7) - 1.
const OCTAVES: usize = (64 - SUB_BITS + 1) as usize;
/// Up to this many different buckets a histogram is a short list.
const FEW: usize = 16;
const ABSENT: u8 = u8::MAX;

/// Octave-sparse log-linear histogram of integers.
///
/// Values below 256 have a bucket each; above, an octave has 128 buckets, so a bucket is less than 1/128 of its
/// values wide. Count, least, greatest and sum are exact. Each bucket also keeps the exact mean of its own values: where
/// they are all the same, as often in a deterministic run, quantiles are exact. Only touched octaves take memory, and
/// the first 16 different buckets only as much as a list of them. Merging adds integers, so the order of
/// recording and merging never shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist {
    count: u64,
    sum: u128,
    /// Meaningless while `count` is 0.
    min: u64,
    max: u64,
    cells: Cells,
}

/// How many values a bucket got, and by how much they exceed its lower bound in sum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Cell {
    count: u64,
    excess: u64,
}

/// The buckets. Which form it is depends on the set of buckets alone, never on the order they were touched in.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cells {
    /// Ascending.
    Few(Vec<(u16, Cell)>),
    Many(Box<Octaves>),
}

/// Whole octaves, in ascending order, `SUB` cells each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Octaves {
    /// Octave → its place in `cells`, or `ABSENT`.
    place: [u8; OCTAVES],
    cells: Vec<Cell>,
}

impl Default for Cells {
    fn default() -> Cells {
        Cells::Few(Vec::new())
    }
}

/// The bucket of `value`: octave × 128 + position.
#[inline]
fn bucket_of(value: u64) -> usize {
    let top = 63 - (value | (SUB as u64 - 1)).leading_zeros();
    let octave = top + 1 - SUB_BITS;
    // From octave 1 on the leading bit is implied by the octave.
    let shift = octave.saturating_sub(1);
    ((octave as usize) << SUB_BITS) | ((value >> shift) as usize & (SUB - 1))
}

/// The least and the greatest value of a bucket.
fn bounds_of(bucket: usize) -> (u64, u64) {
    let (octave, position) = (bucket >> SUB_BITS, (bucket & (SUB - 1)) as u64);
    if octave == 0 {
        return (position, position);
    }
    let shift = octave - 1;
    let low = (SUB as u64 | position) << shift;
    (low, low + ((1 << shift) - 1))
}

impl Cell {
    /// Saturating sums of integers still don't depend on the order.
    #[inline]
    fn add(&mut self, other: Cell) {
        self.count = self.count.saturating_add(other.count);
        self.excess = self.excess.saturating_add(other.excess);
    }
}

impl Octaves {
    fn new() -> Octaves {
        Octaves { place: [ABSENT; OCTAVES], cells: Vec::new() }
    }

    #[inline]
    fn cell(&mut self, bucket: usize) -> &mut Cell {
        let octave = bucket >> SUB_BITS;
        if self.place[octave] == ABSENT {
            self.touch(octave);
        }
        &mut self.cells[(usize::from(self.place[octave]) << SUB_BITS) | (bucket & (SUB - 1))]
    }

    #[cold]
    fn touch(&mut self, octave: usize) {
        let place = self.place[..octave].iter().filter(|p| **p != ABSENT).count();
        self.cells.splice(place * SUB..place * SUB, [Cell::default(); SUB]);
        self.place[octave] = place as u8;
        self.place[octave + 1..].iter_mut().filter(|p| **p != ABSENT).for_each(|p| *p += 1);
    }

    fn iter(&self) -> impl Iterator<Item = (usize, Cell)> + '_ {
        let present = self.place.iter().enumerate().filter(|(_, p)| **p != ABSENT);
        present.flat_map(|(octave, place)| {
            let cells = &self.cells[usize::from(*place) * SUB..][..SUB];
            cells.iter().enumerate().map(move |(i, c)| ((octave << SUB_BITS) | i, *c)).filter(|(_, c)| c.count > 0)
        })
    }
}

impl Hist {
    /// Takes in one value; true if it is the first one of its bucket.
    #[inline]
    pub fn record(&mut self, value: u64) -> bool {
        self.record_times(value, 1)
    }

    /// The same for the same value `n` times, at least once.
    #[inline]
    pub fn record_times(&mut self, value: u64, n: u64) -> bool {
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        } else {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
        self.count = self.count.saturating_add(n);
        self.sum += u128::from(value) * u128::from(n);
        let bucket = bucket_of(value);
        let shift = (bucket >> SUB_BITS).saturating_sub(1);
        self.add(bucket, Cell { count: n, excess: (value & ((1 << shift) - 1)).saturating_mul(n) })
    }

    /// Forgets everything but the room it took.
    pub(crate) fn clear(&mut self) {
        let mut cells = std::mem::take(&mut self.cells);
        if let Cells::Few(list) = &mut cells {
            list.clear();
            *self = Hist { cells, ..Hist::default() };
        } else {
            *self = Hist::default();
        }
    }

    /// True if the bucket was empty.
    #[inline]
    fn add(&mut self, bucket: usize, cell: Cell) -> bool {
        let own = match &mut self.cells {
            Cells::Many(octaves) => octaves.cell(bucket),
            Cells::Few(list) => match list.iter_mut().find(|(b, _)| usize::from(*b) >= bucket) {
                Some((b, own)) if usize::from(*b) == bucket => own,
                _ => {
                    self.add_new(bucket, cell);
                    return true;
                }
            },
        };
        let is_new = own.count == 0;
        own.add(cell);
        is_new
    }

    /// Do two values fall into the same bucket?
    pub fn alike(a: u64, b: u64) -> bool {
        bucket_of(a) == bucket_of(b)
    }

    /// A bucket that the short list lacks.
    #[cold]
    fn add_new(&mut self, bucket: usize, cell: Cell) {
        let Cells::Few(list) = &mut self.cells else { return };
        if list.len() < FEW {
            let at = list.partition_point(|(b, _)| usize::from(*b) < bucket);
            list.insert(at, (bucket as u16, cell));
            return;
        }
        let mut octaves = Box::new(Octaves::new());
        for (b, own) in list.iter() {
            octaves.cell(usize::from(*b)).add(*own);
        }
        octaves.cell(bucket).add(cell);
        self.cells = Cells::Many(octaves);
    }

    /// Takes in all values of `other`.
    pub fn merge(&mut self, other: &Hist) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            (self.min, self.max) = (other.min, other.max);
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.saturating_add(other.sum);
        other.each(|bucket, cell| {
            self.add(bucket, cell);
        });
    }

    /// Every non-empty bucket, ascending.
    fn each(&self, mut f: impl FnMut(usize, Cell)) {
        match &self.cells {
            Cells::Few(list) => list.iter().for_each(|(b, c)| f(usize::from(*b), *c)),
            Cells::Many(octaves) => octaves.iter().for_each(|(b, c)| f(b, c)),
        }
    }

    /// How many values.
    pub fn count(&self) -> u64 {
        self.count
    }
    /// Exact.
    pub fn min(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min)
    }
    /// Exact.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }
    /// Exact.
    pub fn sum(&self) -> u128 {
        self.sum
    }
    /// Exact sum divided by count, rounded to nearest.
    pub fn mean(&self) -> Option<u64> {
        let n = u128::from(self.count);
        (n > 0).then(|| ((self.sum + n / 2) / n) as u64)
    }

    /// The value of rank `per_million` / 1,000,000: of n values in ascending order the one numbered
    /// ⌈n × `per_million` / 10⁶⌉ from 1, or rather the mean, rounded to nearest, of all values in its bucket. It is off by
    /// less than 1/128 of itself, by nothing where the bucket's values are equal or below 256, and rises with rank. Ranks
    /// 1 and n give the exact least and greatest value; `per_million` above 10⁶ counts as 10⁶.
    pub fn quantile(&self, per_million: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let wanted = u128::from(self.count) * u128::from(per_million.min(1_000_000));
        let rank = wanted.div_ceil(1_000_000) as u64;
        if rank <= 1 {
            return Some(self.min);
        }
        if rank == self.count {
            return Some(self.max);
        }
        let (mut below, mut found) = (0_u64, None);
        self.each(|bucket, cell| {
            below = below.saturating_add(cell.count);
            if found.is_none() && below >= rank {
                let (low, high) = bounds_of(bucket);
                found = Some((low + cell.excess.saturating_add(cell.count / 2) / cell.count).min(high));
            }
        });
        found
    }

    /// (lower bound of the bucket, upper bound inclusive, count), ascending, only non-empty ones.
    pub fn buckets(&self) -> Vec<(u64, u64, u64)> {
        let mut all = Vec::new();
        self.each(|bucket, cell| {
            let (low, high) = bounds_of(bucket);
            all.push((low, high, cell.count));
        });
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn of(values: impl IntoIterator<Item = u64>) -> Hist {
        let mut h = Hist::default();
        values.into_iter().for_each(|v| {
            h.record(v);
        });
        h
    }

    /// Values of every size: a random number of random bits.
    fn wild(name: &str, n: usize) -> Vec<u64> {
        let mut s = Streams::new(5);
        let id = s.named(name);
        (0..n).map(|_| s.next(id) >> s.below(id, 64)).collect()
    }

    #[test]
    fn buckets_tile_the_integers() {
        let last = OCTAVES * SUB - 1;
        assert_eq!(bounds_of(0), (0, 0));
        assert_eq!(bounds_of(last).1, u64::MAX);
        for b in 0..last {
            let (low, high) = bounds_of(b);
            assert_eq!((bucket_of(low), bucket_of(high)), (b, b));
            assert_eq!(bounds_of(b + 1).0, high + 1);
            assert!(low < 256 || (high - low) < low / 128, "bucket {b}: {low} to {high}");
        }
    }

    #[test]
    fn an_empty_one_has_nothing_to_say() {
        let h = Hist::default();
        assert_eq!((h.count(), h.min(), h.max(), h.mean(), h.quantile(500_000)), (0, None, None, None, None));
        assert_eq!(h.buckets(), []);
    }

    #[test]
    fn totals_are_exact() {
        let values = wild("totals", 5_000);
        let h = of(values.iter().copied());
        let sum: u128 = values.iter().map(|v| u128::from(*v)).sum();
        assert_eq!(h.count(), 5_000);
        assert_eq!((h.min(), h.max()), (values.iter().copied().min(), values.iter().copied().max()));
        assert_eq!((h.sum(), h.mean()), (sum, Some(((sum + 2_500) / 5_000) as u64)));
        assert_eq!(h.buckets().iter().map(|b| b.2).sum::<u64>(), 5_000);
        assert_eq!(of([u64::MAX; 3]).mean(), Some(u64::MAX));
        assert_eq!(of([1, 2]).mean(), Some(2), "rounded to nearest, halves up");
    }

    #[test]
    fn quantiles_are_near_the_true_ones() {
        for name in ["a", "b", "c"] {
            let mut values = wild(name, 20_000);
            let h = of(values.iter().copied());
            values.sort_unstable();
            let mut before = 0;
            for p in (0..=1_000_000_usize).step_by(1_237) {
                let truth = values[(20_000 * p).div_ceil(1_000_000).max(1) - 1];
                let got = h.quantile(p as u64).unwrap();
                assert!(got.abs_diff(truth) <= truth / 128, "{p}: {got} for {truth}");
                assert!(got >= before, "rises with rank");
                before = got;
            }
        }
    }

    #[test]
    fn equal_values_come_back_exactly() {
        // 97 at 39.8 us, 2 at 41.7 us, 1 at 112.4 us, in picoseconds.
        let h = of([vec![39_812_345; 97], vec![41_700_001; 2], vec![112_400_000]].concat());
        let q = |per_million| h.quantile(per_million).unwrap();
        assert_eq!((q(0), q(500_000), q(970_000)), (39_812_345, 39_812_345, 39_812_345));
        assert_eq!((q(970_001), q(990_000), q(990_001)), (41_700_001, 41_700_001, 112_400_000));
        assert_eq!((q(1_000_000), q(u64::MAX)), (112_400_000, 112_400_000));
    }

    #[test]
    fn merging_is_recording_in_any_order() {
        let values = wild("merge", 3_000);
        for cut in [0, 1, 5, 15, 16, 17, 100, 2_999, 3_000] {
            for whole in [20, 3_000] {
                let (a, b) = values[..whole].split_at(cut.min(whole));
                let (mut ab, mut ba) = (of(a.iter().copied()), of(b.iter().copied()));
                let first = ab.clone();
                ab.merge(&ba);
                ba.merge(&first);
                let all = of(values[..whole].iter().rev().copied());
                assert_eq!(ab, all);
                assert_eq!(ba, all);
            }
        }
    }

    #[test]
    fn many_times_is_once_again_and_again() {
        for (value, n) in [(3, 1), (1_000_007, 5), (u64::MAX, 3), (u64::MAX / 3, u64::MAX)] {
            let mut many = of([7, 900]);
            assert!(many.record_times(value, n));
            if n < 10 {
                assert_eq!(many, of([7, 900].into_iter().chain((0..n).map(|_| value))));
            }
            assert!(!many.record_times(value, 1));
        }
    }

    #[test]
    fn only_touched_octaves_take_memory() {
        let few = of((0..10_000).map(|i| 1_000_000 + (i % 2) * 500_000));
        assert!(matches!(&few.cells, Cells::Few(list) if list.len() == 2));
        let one = of(1 << 20..(1 << 20) + 500_000);
        assert!(matches!(&one.cells, Cells::Many(o) if o.cells.len() == SUB), "2^20 to 2^20 + 500,000 is one octave");
        assert!(size_of::<Hist>() <= 80);
    }
}
