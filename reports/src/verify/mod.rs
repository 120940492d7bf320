//! What `verify` found, as text and as JSON.

pub mod json;
pub mod text;

use scenarios::verify::{Comparison, Verdict};

/// All points of one scenario file.
#[derive(Debug)]
pub struct Verified {
    /// As given on the command line.
    pub path: String,
    /// In order of the points; none is left out.
    pub points: Vec<Comparison>,
}

/// How many scenarios ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub agreed: usize,
    pub differed: usize,
    pub unstable: usize,
    pub not_comparable: usize,
}

impl Verified {
    /// The point that speaks for the scenario: the worst one. What can't be compared at one point counts only if no
    /// point can be.
    pub fn worst(&self) -> Option<&Comparison> {
        let rank = |c: &&Comparison| match &c.verdict {
            Verdict::Differs(tier) => (0, *tier),
            Verdict::Unstable => (1, 0),
            Verdict::Agrees(tier) => (2, *tier),
            Verdict::NotComparable(_) => (3, 0),
        };
        self.points.iter().min_by_key(rank)
    }
}

/// Adds up the scenarios' verdicts.
pub fn sums(all: &[Verified]) -> Sums {
    let mut sums = Sums::default();
    for worst in all.iter().filter_map(Verified::worst) {
        match worst.verdict {
            Verdict::Agrees(_) => sums.agreed += 1,
            Verdict::Differs(_) => sums.differed += 1,
            Verdict::Unstable => sums.unstable += 1,
            Verdict::NotComparable(_) => sums.not_comparable += 1,
        }
    }
    sums
}
