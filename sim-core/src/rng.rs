//! Named random streams: each consumer of chance has one of its own, so adding a consumer shifts no other.

use crate::digest::Digest;
use rand::{Rng, SeedableRng, rngs::Xoshiro256PlusPlus};
use std::collections::BTreeMap;

/// The streams of one node, made by name at build time, used by id.
#[derive(Clone, Debug, Default)]
pub struct Streams {
    seed: u64,
    ids: BTreeMap<String, StreamId>,
    generators: Vec<Xoshiro256PlusPlus>,
}

/// One stream of the [`Streams`] that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(pub u32);

impl Streams {
    /// All streams of a run derive from `seed`.
    pub fn new(seed: u64) -> Streams {
        Streams { seed, ..Streams::default() }
    }

    /// The stream called `name`, the same one each time it is asked for. Its own seed is a stable hash of
    /// (run seed, name).
    pub fn named(&mut self, name: &str) -> StreamId {
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        let mut hash = Digest::default();
        hash.absorb(self.seed);
        hash.absorb_text(name);
        let id = StreamId(u32::try_from(self.generators.len()).expect("fewer than 2^32 names fit into memory"));
        self.generators.push(Xoshiro256PlusPlus::seed_from_u64(hash.value()));
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// 64 uniform bits.
    ///
    /// # Panics
    /// If `id` was given by other streams that have more names.
    #[inline]
    pub fn next(&mut self, id: StreamId) -> u64 {
        self.generators[id.0 as usize].next_u64()
    }

    /// Uniform in `0..n`, without bias; 0 if `n` is 0.
    ///
    /// The method is Lemire's (2019): the high half of a 64 × 64 bit product, drawn again for the few low halves
    /// that would favour some results. It is spelled out here since a library may change its own.
    #[inline]
    pub fn below(&mut self, id: StreamId, n: u64) -> u64 {
        let mut product = u128::from(self.next(id)) * u128::from(n);
        if (product as u64) < n {
            let favoured = n.wrapping_neg() % n;
            while (product as u64) < favoured {
                product = u128::from(self.next(id)) * u128::from(n);
            }
        }
        (product >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_pinned() {
        // Computed by a second implementation of digest, seeding, generator and sampling. A change here changes every
        // random run: bump the program's version with it.
        let mut s = Streams::new(1);
        let id = s.named("chance");
        let got: Vec<u64> = (0..3).map(|_| s.next(id)).collect();
        assert_eq!(got, [17_265_812_282_562_366_761, 8_040_276_667_464_642_618, 7_511_606_509_753_970_438]);
        let got: Vec<u64> = (0..6).map(|_| s.below(id, 1000)).collect();
        assert_eq!(got, [308, 437, 774, 375, 267, 237]);
    }

    #[test]
    fn a_new_stream_shifts_no_other() {
        let draw = |extra: bool| {
            let mut s = Streams::new(7);
            let first = s.named("first");
            let between = extra.then(|| s.named("between"));
            let last = s.named("last");
            (0..100)
                .map(|_| {
                    if let Some(id) = between {
                        s.next(id);
                    }
                    (s.next(first), s.next(last))
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(draw(false), draw(true));
    }

    #[test]
    fn names_and_seeds_tell_streams_apart() {
        let first = |seed, name| {
            let mut s = Streams::new(seed);
            let id = s.named(name);
            s.next(id)
        };
        assert_ne!(first(1, "a"), first(1, "b"));
        assert_ne!(first(1, "a"), first(2, "a"));
        let mut s = Streams::new(1);
        let (a, b) = (s.named("a"), s.named("b"));
        assert_ne!(a, b);
        assert_eq!(s.named("a"), a, "the same name is the same stream");
    }

    #[test]
    fn below_is_in_range_and_even() {
        let mut s = Streams::new(3);
        let id = s.named("dice");
        let mut seen = [0_u32; 6];
        for _ in 0..600_000 {
            seen[s.below(id, 6) as usize] += 1;
        }
        // Standard deviation 289: five of them.
        assert!(seen.iter().all(|n| n.abs_diff(100_000) < 1_450), "{seen:?}");
        assert_eq!(s.below(id, 1), 0);
        assert_eq!(s.below(id, 0), 0);
        // Just over half the range: without rejection the lower results would come twice as often.
        let n = (1 << 63) + 1;
        let low = (0..40_000).filter(|_| s.below(id, n) < n / 2).count();
        assert!(low.abs_diff(20_000) < 500, "{low}");
    }
}
