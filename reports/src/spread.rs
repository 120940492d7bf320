//! How far a figure may be trusted: its 95 % interval over repetitions with different seeds.

/// Mean over the repetitions, and half the width of the mean's 95 % interval (Student's t), in the figure's unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    pub mean: u64,
    pub margin: u64,
}

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom, in thousandths.
const T95: [u64; 30] = [
    12_706, 4_303, 3_182, 2_776, 2_571, 2_447, 2_365, 2_306, 2_262, 2_228, 2_201, 2_179, 2_160, 2_145, 2_131, 2_120,
    2_110, 2_101, 2_093, 2_086, 2_080, 2_074, 2_069, 2_064, 2_060, 2_056, 2_052, 2_048, 2_045, 2_042,
];
/// For more degrees of freedom than the table has: slightly wide up to 60, right beyond.
const T95_MANY: u64 = 2_000;

/// `None` with fewer than two values. Only sums, products, quotients and a square root, all of which IEEE 754 rounds
/// the same way everywhere.
pub fn of(values: &[u64]) -> Option<Spread> {
    let n = values.len();
    if n < 2 {
        return None;
    }
    let sum: u128 = values.iter().map(|v| u128::from(*v)).sum();
    let mean = (sum + n as u128 / 2) / n as u128;
    let squares: f64 = values.iter().map(|v| (*v as f64 - mean as f64) * (*v as f64 - mean as f64)).sum();
    let deviation = (squares / (n - 1) as f64 / n as f64).sqrt();
    let t = T95.get(n - 2).copied().unwrap_or(T95_MANY);
    let margin = deviation * t as f64 / 1000.0;
    // A cast from float saturates: an absurd spread is the largest number, not a wrapped one.
    Some(Spread { mean: mean as u64, margin: (margin + 0.5) as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn students_interval() {
        // Values 10, 12, 14: mean 12, s = 2, s/√3 = 1.1547, t(2) = 4.303 → 4.97.
        assert_eq!(of(&[10_000, 12_000, 14_000]), Some(Spread { mean: 12_000, margin: 4_969 }));
        assert_eq!(of(&[7, 7, 7, 7]), Some(Spread { mean: 7, margin: 0 }));
        assert_eq!(of(&[7]), None);
        assert_eq!(of(&[u64::MAX, 0]).map(|s| s.mean), Some(u64::MAX / 2 + 1));
    }
}
