//! Where a generated world's decisions come from: one named stream per world, so that a world depends on nothing but
//! its seed and number.

use sim_core::rng::{StreamId, Streams};

/// Decisions of one world.
pub(super) struct Chance {
    streams: Streams,
    id: StreamId,
}

impl Chance {
    /// Decisions of world `number` of the batch that `seed` stands for.
    pub fn new(seed: u64, number: u64) -> Chance {
        let mut streams = Streams::new(seed);
        let id = streams.named(&format!("random world {number}"));
        Chance { streams, id }
    }

    /// Uniform in `0..n`; 0 if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        self.streams.below(self.id, n as u64) as usize
    }

    /// Uniform in `low..=high`.
    pub fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below((high - low + 1) as usize) as u32
    }

    /// True in `percent` of 100 cases.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.below(100) < percent as usize
    }

    /// One of a list that is not empty.
    pub fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }

    /// One of a list, `None` if it is empty.
    pub fn maybe<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        if list.is_empty() { None } else { Some(self.pick(list)) }
    }

    /// One of a list by weights; at least one weight is not 0.
    pub fn weighted<T: Copy>(&mut self, list: &[(u32, T)]) -> T {
        let sum: u32 = list.iter().map(|w| w.0).sum();
        let mut n = self.below(sum as usize) as u32;
        for (weight, what) in list {
            if n < *weight {
                return *what;
            }
            n -= weight;
        }
        list[0].1
    }

    /// The list in another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.below(i + 1));
        }
    }
}
