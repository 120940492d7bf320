//! Everything that is pending on the nodes of one thread, in order.
//!
//! The earliest few lie sorted, latest first, so that taking one is a `pop` and setting one mostly a short shift. Timers
//! of equal periods, which set themselves again and again, lie in a row of their own: what is later than all of it is
//! added to its end, or near it. What else does not fit in front lies behind in a [`Calendar`].

use crate::{calendar::Calendar, queue::Key, time::Time};
use std::collections::VecDeque;

/// How many of the earliest events lie sorted in front at most, a power of two; half of them go behind when there are more.
const NEAR: usize = 32;
/// How many of those behind come to the front at once, at most.
pub(crate) const BATCH: usize = 16;
/// What so many others come before is not due soon.
const SOON: usize = 6;
/// What luck the row begins with, and has at most; what it loses for each that comes too early.
const LUCK: i32 = 16;
const LUCKIEST: i32 = 64;
const UNLUCKY: i32 = 8;
/// How many of its events may be later than a new one.
const LATER: usize = 8;
/// So many events later a row that had no luck is tried again.
const REST: u32 = 16_384;

/// An event and its place in the order.
#[derive(Clone, Copy)]
pub(crate) struct Entry<E>(pub Key, pub E);

impl<E> Entry<E> {
    /// The order as one number.
    #[inline(always)]
    pub fn word(&self) -> u128 {
        self.0.word()
    }
}

/// What is pending. Alarms, never what is on its way: `E` is a small `Copy` value that says who is to be woken.
pub struct Pending<E> {
    /// Latest first, so many of them.
    near: [Entry<E>; NEAR],
    count: usize,
    /// The first of `row`; `u128::MAX` without one.
    first: u128,
    /// What is in `near` comes before this, what is in `far` does not. There is nothing in `far` if there is nothing in
    /// `near`.
    edge: u128,
    /// Earliest first.
    row: VecDeque<Entry<E>>,
    /// How well the row has done lately; below zero nothing is added to it.
    luck: i32,
    rest: u32,
    far: Calendar<E>,
    /// What comes to the front next, for a moment.
    batch: Vec<Entry<E>>,
}

impl<E: Copy + Default> Default for Pending<E> {
    fn default() -> Self {
        Pending {
            near: [Entry(Key::NEVER, E::default()); NEAR],
            count: 0,
            first: u128::MAX,
            edge: u128::MAX,
            row: VecDeque::new(),
            luck: LUCK,
            rest: 0,
            far: Calendar::default(),
            batch: Vec::new(),
        }
    }
}

impl<E: Copy + Default> Pending<E> {
    /// The time of the earliest event; [`Time::MAX`] if there is none.
    #[inline(always)]
    pub fn head(&self) -> Time {
        let near = if self.count == 0 { u64::MAX } else { self.near[(self.count - 1) % NEAR].0.at.ps() };
        Time::from_ps(near.min((self.first >> 64) as u64))
    }
    pub fn len(&self) -> usize {
        self.count + self.row.len() + self.far.len()
    }
    pub fn is_empty(&self) -> bool {
        self.count == 0 && self.row.is_empty()
    }

    /// Takes the earliest event if it lies strictly before `horizon`.
    #[inline(always)]
    pub fn pop_before(&mut self, horizon: Time) -> Option<(Key, E)> {
        let last = self.count.wrapping_sub(1);
        let Entry(key, event) = self.near[last % NEAR];
        if self.count == 0 || key.word() > self.first {
            return self.pop_row(horizon);
        }
        if key.at >= horizon {
            return None;
        }
        self.count = last;
        if last == 0 && self.edge != u128::MAX {
            self.refill();
        }
        Some((key, event))
    }

    #[inline(never)]
    fn pop_row(&mut self, horizon: Time) -> Option<(Key, E)> {
        if self.row.front()?.0.at >= horizon {
            return None;
        }
        let Entry(key, event) = self.row.pop_front()?;
        self.first = self.row.front().map_or(u128::MAX, Entry::word);
        Some((key, event))
    }

    /// `near` is empty: the next few.
    #[inline(never)]
    fn refill(&mut self) {
        let mut next = std::mem::take(&mut self.batch);
        self.edge = self.far.refill(&mut next);
        self.count = next.len();
        self.near[..next.len()].copy_from_slice(&next);
        next.clear();
        self.batch = next;
    }

    #[inline]
    pub(crate) fn push(&mut self, key: Key, event: E) {
        let new = Entry(key, event);
        let word = new.word();
        let mut place = self.count;
        if word >= self.edge || place == NEAR {
            return self.push_far(new);
        }
        self.count = place + 1;
        // Most are due soon: a few steps from the end, where the earliest lies.
        let last = place.saturating_sub(SOON);
        while place > last {
            let before = self.near[(place - 1) % NEAR];
            if before.word() > word {
                self.near[place % NEAR] = new;
                return;
            }
            self.near[place % NEAR] = before;
            place -= 1;
        }
        self.near[place % NEAR] = new;
        if place > 0 {
            self.push_later(place, new);
        }
    }

    /// The new one lies at `place`, and may have to go on towards the later ones.
    #[inline(never)]
    fn push_later(&mut self, place: usize, new: Entry<E>) {
        let to = self.near[..place].partition_point(|e| e.word() > new.word());
        self.near.copy_within(to..place, to + 1);
        self.near[to] = new;
    }

    /// It belongs behind, or there are too many in front.
    #[inline(never)]
    fn push_far(&mut self, new: Entry<E>) {
        if new.word() < self.edge {
            self.spill();
            return self.push(new.0, new.1);
        }
        self.far.push(new);
    }

    /// As [`Pending::push`], for what is likely to come after all that was set like this before.
    #[inline]
    pub(crate) fn push_timer(&mut self, key: Key, event: E) {
        let new = Entry(key, event);
        if self.luck < 0 || self.row.back().is_none_or(|last| last.word() > new.word()) {
            return self.push_other_timer(new);
        }
        self.luck = (self.luck + 1).min(LUCKIEST);
        self.row.push_back(new);
    }

    /// It is not later than all of the row, or that is empty, or had no luck.
    #[inline(never)]
    fn push_other_timer(&mut self, new: Entry<E>) {
        if self.luck < 0 {
            self.rest += 1;
            if self.rest == REST {
                (self.luck, self.rest) = (LUCK, 0);
            }
            return self.push(new.0, new.1);
        }
        // A few may be later: those of the same time, or of long sleeps.
        let later = self.row.iter().rev().take(LATER).take_while(|e| e.word() > new.word()).count();
        if later == LATER {
            self.luck -= UNLUCKY;
            return self.push(new.0, new.1);
        }
        self.row.insert(self.row.len() - later, new);
        self.first = self.row.front().map_or(u128::MAX, Entry::word);
    }

    /// The later half goes behind.
    #[cold]
    fn spill(&mut self) {
        if self.edge == u128::MAX {
            self.far.begin_at(self.near[NEAR / 2].0.at);
        }
        self.far.spilled();
        self.edge = self.near[NEAR / 2 - 1].word();
        for e in &self.near[..NEAR / 2] {
            self.far.push(*e);
        }
        self.near.copy_within(NEAR / 2.., 0);
        self.count = NEAR / 2;
    }

    /// Sets the alarm for the next message of link `link` into node `node`.
    #[inline]
    pub fn message(&mut self, at: Time, node: u32, link: u32, event: E) {
        self.push(Key::message(at, node, link), event);
    }

    /// Hands everything out, in no order.
    pub(crate) fn deal(&mut self, mut give: impl FnMut(Key, E)) {
        (self.edge, self.first) = (u128::MAX, u128::MAX);
        let far = &mut self.far;
        let count = std::mem::take(&mut self.count);
        let front = self.near[..count].iter().copied().chain(self.row.drain(..));
        front.for_each(|Entry(key, event)| give(key, event));
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
            let grows = (step / (most as u64 * 4)).is_multiple_of(2);
            if (model.len() < most && seed >> 40 & 3 < if grows { 3 } else { 1 }) || model.is_empty() {
                let at = now + increment(seed >> 20);
                let link = (seed >> 44) as u32;
                if model.insert((at, link), step).is_none() {
                    let key = Key::message(Time::from_ps(at), 0, link);
                    if link.is_multiple_of(3) { p.push_timer(key, step) } else { p.push(key, step) }
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
