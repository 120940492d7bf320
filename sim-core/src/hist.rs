//! Histograms. (contract; to be written)

/// Octave-sparse log-linear histogram of integers: values are kept to at least 3 significant digits' worth of
/// buckets (128 or more sub-buckets per octave); only touched octaves take memory; merging adds counts exactly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hist;

impl Hist {
    pub fn record(&mut self, _value: u64) {}
    pub fn merge(&mut self, _other: &Hist) {}
    pub fn count(&self) -> u64 {
        0
    }
    /// Exact.
    pub fn min(&self) -> Option<u64> {
        None
    }
    /// Exact.
    pub fn max(&self) -> Option<u64> {
        None
    }
    /// Exact sum divided by count, rounded to nearest.
    pub fn mean(&self) -> Option<u64> {
        None
    }
    /// The smallest recorded value v such that at least `per_million` / 1,000,000 of all values are ≤ v's bucket.
    pub fn quantile(&self, _per_million: u64) -> Option<u64> {
        None
    }
    /// (lower bound of the bucket, upper bound inclusive, count), ascending, only non-empty ones.
    pub fn buckets(&self) -> Vec<(u64, u64, u64)> {
        vec![]
    }
}
