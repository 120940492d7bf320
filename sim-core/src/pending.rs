//! Everything that is pending on the nodes of one thread, in order.
//!
//! The earliest few lie sorted, latest first, so that taking one is a `pop` and setting one mostly a short shift. What
//! does not fit lies behind them in a [`Calendar`].

use crate::{calendar::Calendar, queue::Key, time::Time};

/// How many of the earliest events lie sorted in front at most.
pub(crate) const NEAR: usize = 32;

/// An event and its place in the order.
#[derive(Clone, Copy)]
pub(crate) struct Entry<E>(pub Key, pub E);

impl<E> Entry<E> {
    /// The order as one number.
    #[inline]
    pub fn word(&self) -> u128 {
        self.0.word()
    }
}

/// What is pending. Alarms, never what is on its way: `E` is a small `Copy` value that says who is to be woken.
pub struct Pending<E> {
    near: Vec<Entry<E>>,
    /// What is in `near` comes before this, what is in `far` does not.
    edge: u128,
    far: Calendar<E>,
}

impl<E> Default for Pending<E> {
    fn default() -> Self {
        Pending { near: Vec::new(), edge: u128::MAX, far: Calendar::default() }
    }
}

impl<E: Copy> Pending<E> {
    /// The time of the earliest event; [`Time::MAX`] if there is none.
    #[inline]
    pub fn head(&self) -> Time {
        self.near.last().map_or(Time::MAX, |e| e.0.at)
    }
    pub fn len(&self) -> usize {
        self.near.len() + self.far.len()
    }
    pub fn is_empty(&self) -> bool {
        self.near.is_empty()
    }

    /// Takes the earliest event if it lies strictly before `horizon`.
    #[inline]
    pub fn pop_before(&mut self, horizon: Time) -> Option<(Key, E)> {
        let top = self.near.last()?;
        if top.0.at >= horizon {
            return None;
        }
        let Entry(key, event) = *top;
        self.near.pop();
        if self.near.is_empty() && self.edge != u128::MAX {
            self.edge = self.far.refill(&mut self.near);
        }
        Some((key, event))
    }

    #[inline]
    pub(crate) fn push(&mut self, key: Key, event: E) {
        let new = Entry(key, event);
        let word = new.word();
        if word >= self.edge {
            return self.far.push(new);
        }
        // Most are due soon: a few steps from the end, where the earliest lies.
        let mut place = self.near.len();
        self.near.push(new);
        let near = &mut self.near[..];
        while place > 0 {
            let before = near[place - 1];
            if before.word() > word {
                break;
            }
            near[place] = before;
            place -= 1;
        }
        near[place] = new;
        if near.len() > NEAR {
            self.spill();
        }
    }

    /// The later half goes behind.
    #[cold]
    fn spill(&mut self) {
        if self.edge == u128::MAX {
            self.far.begin_at(self.near[NEAR / 2].0.at);
        }
        self.far.spilled();
        self.edge = self.near[NEAR / 2 - 1].word();
        for e in self.near.drain(..NEAR / 2) {
            self.far.push(e);
        }
    }

    /// Sets the alarm for the next message of link `link` into node `node`.
    #[inline]
    pub fn message(&mut self, at: Time, node: u32, link: u32, event: E) {
        self.push(Key::message(at, node, link), event);
    }

    /// Hands everything out, in no order.
    pub(crate) fn deal(&mut self, mut give: impl FnMut(Key, E)) {
        self.edge = u128::MAX;
        let far = &mut self.far;
        self.near.drain(..).for_each(|Entry(key, event)| give(key, event));
        far.drain(|Entry(key, event)| give(key, event));
    }

    /// Takes over all that a node set while nobody ran it.
    pub fn adopt(&mut self, other: &mut Pending<E>) {
        other.deal(|key, event| self.push(key, event));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Against an ordered map: `increment` gives from a random number how far ahead the next event lies.
    fn compare(most: usize, steps: u64, increment: impl Fn(u64) -> u64) {
        let (mut p, mut model, mut seed, mut now) = (Pending::default(), BTreeMap::new(), 7_u64, 0);
        for step in 0..steps {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // The crowd grows and shrinks.
            let grows = step / (most as u64 * 4) % 2 == 0;
            if (model.len() < most && seed >> 40 & 3 < if grows { 3 } else { 1 }) || model.is_empty() {
                let at = now + increment(seed >> 20);
                let link = (seed >> 44) as u32;
                if model.insert((at, link), step).is_none() {
                    p.message(Time::from_ps(at), 0, link, step);
                } else {
                    // The pair is taken: as before.
                    let key = Key::message(Time::from_ps(at), 0, link);
                    let mut all = Vec::new();
                    p.deal(|k, e| all.push((k, if k == key { step } else { e })));
                    all.into_iter().for_each(|(k, e)| p.push(k, e));
                }
            } else {
                let (key, e) = p.pop_before(Time::MAX).unwrap();
                let ((at, _), want) = model.pop_first().unwrap();
                assert_eq!((key.at.ps(), e), (at, want), "step {step}");
                now = at;
            }
            assert_eq!(p.len(), model.len());
            assert_eq!(p.head().ps(), model.first_key_value().map_or(u64::MAX, |(k, _)| k.0));
        }
    }

    #[test]
    fn any_load_comes_out_in_order() {
        for most in [3, 40, 300, 5_000] {
            compare(most, 60_000, |r| r % 1_000);
            compare(most, 60_000, |r| r % 100_000_000);
            compare(most, 60_000, |_| 5_000_000);
            compare(most, 60_000, |_| 0);
            // Soon, and much later.
            compare(most, 60_000, |r| if r & 7 == 0 { 30_000_000_000_000 } else { r % 3_000_000 });
            compare(most, 60_000, |r| (r & 0xfffff) << (r >> 20 & 31));
        }
    }

    #[test]
    fn the_end_of_time_is_a_time() {
        let mut p = Pending::default();
        for i in (0..100).rev() {
            p.message(Time::from_ps(u64::MAX - 1), 0, i, i);
        }
        p.message(Time::from_ps(1), 0, 0, 1000);
        let all: Vec<u32> = std::iter::from_fn(|| p.pop_before(Time::MAX)).map(|(_, e)| e).collect();
        assert_eq!(all[0], 1000);
        assert!(all[1..].iter().copied().eq(0..100));
    }

    #[test]
    fn adopted_and_dealt() {
        let (mut a, mut b) = (Pending::default(), Pending::default());
        for i in 0..1_000 {
            let into = if i % 3 == 0 { &mut a } else { &mut b };
            into.message(Time::from_ps(u64::from(i * 7919 % 1009) * 1_000_000), 0, i, i);
        }
        a.adopt(&mut b);
        assert_eq!((a.len(), b.len(), b.head()), (1_000, 0, Time::MAX));
        let times: Vec<u64> = std::iter::from_fn(|| a.pop_before(Time::MAX)).map(|(k, _)| k.at.ps()).collect();
        assert!(times.len() == 1_000 && times.is_sorted());
    }

    #[test]
    fn horizon_is_strict() {
        let mut p = Pending::default();
        p.message(Time::from_ps(7), 0, 0, 0);
        assert!(p.pop_before(Time::from_ps(7)).is_none());
        assert!(p.pop_before(Time::from_ps(8)).is_some());
    }
}
