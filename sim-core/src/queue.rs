//! The pending alarms of one node. Their order is a property of the data, not of who ran first:
//! (time, class, source, n). A message from a link sorts before the node's own alarms of the same time;
//! messages sort by link and by their number on it; own alarms by the order in which the node set them.

use crate::{digest::Digest, time::Time};
use std::{cmp::Ordering, collections::BinaryHeap, collections::binary_heap::PeekMut};

/// The place of an event in its node's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub at: Time,
    /// class (1 bit, a link's message 0, own alarm 1) · link (23 bits) · count (40 bits); own: count (63 bits)
    order: u64,
}

const OWN: u64 = 1 << 63;
/// Links are numbered 0 to `LINKS - 1`.
pub const LINKS: u32 = 1 << 23;

struct Entry<E>(Key, E);
impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<E> Eq for Entry<E> {}
impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<E> Ord for Entry<E> {
    /// Reversed: the standard heap gives its greatest, we want the earliest.
    fn cmp(&self, other: &Self) -> Ordering {
        other.0.cmp(&self.0)
    }
}

/// Alarms, never what is on its way: `E` is a small `Copy` value that says who is to be woken.
pub struct Queue<E> {
    now: Time,
    set: u64,
    taken: u64,
    digest: Digest,
    pending: BinaryHeap<Entry<E>>,
    inline: bool,
}

impl<E: Copy> Default for Queue<E> {
    fn default() -> Self {
        Queue { now: Time::ZERO, set: 0, taken: 0, digest: Digest::default(), pending: BinaryHeap::new(), inline: true }
    }
}

impl<E: Copy> Queue<E> {
    /// The time of the event taken last.
    pub fn now(&self) -> Time {
        self.now
    }
    /// Events taken so far, inline ones included.
    pub fn taken(&self) -> u64 {
        self.taken
    }
    /// How many alarms are pending.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }
    /// The digest of the order of all events taken so far.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// With `false`, [`Queue::may_continue`] always says no: every step goes through the heap.
    pub fn set_inline(&mut self, inline: bool) {
        self.inline = inline;
    }
    /// The time of the earliest pending event; [`Time::MAX`] if there is none.
    #[inline]
    pub fn head(&self) -> Time {
        self.pending.peek().map_or(Time::MAX, |e| e.0.at)
    }

    /// Sets one of the node's own alarms.
    ///
    /// # Panics
    /// If `at` lies in the past: time never runs backwards.
    #[inline]
    pub fn set(&mut self, at: Time, event: E) {
        assert!(at >= self.now, "an alarm was set in the past: {at:?} < {:?}", self.now);
        self.pending.push(Entry(Key { at, order: OWN | self.set }, event));
        self.set += 1;
    }

    /// Sets the alarm for message `count` of link `link`.
    ///
    /// # Panics
    /// If `at` lies in the past.
    #[inline]
    pub fn message(&mut self, at: Time, link: u32, count: u64, event: E) {
        assert!(at >= self.now, "a message arrived in the past: {at:?} < {:?}", self.now);
        debug_assert!(link < LINKS && count < 1 << 40);
        self.pending.push(Entry(Key { at, order: (u64::from(link) << 40) | count }, event));
    }

    /// Takes the earliest event if it lies strictly before `horizon`.
    #[inline]
    pub fn pop_before(&mut self, horizon: Time) -> Option<(Key, E)> {
        let top = self.pending.peek_mut()?;
        if top.0.at >= horizon {
            return None;
        }
        let Entry(key, event) = PeekMut::pop(top);
        self.take(key);
        Some((key, event))
    }

    /// May work that would be due at `at` go on without the heap? Yes only if it would be popped next anyway,
    /// without a tie: strictly before the head and the horizon. Then it takes the number and is absorbed into
    /// the digest just as the alarm would have been, so the digest is the same with inlining off.
    #[inline]
    pub fn may_continue(&mut self, at: Time, horizon: Time) -> bool {
        if !self.inline || at >= horizon || at >= self.head() {
            return false;
        }
        let key = Key { at, order: OWN | self.set };
        self.set += 1;
        self.take(key);
        true
    }

    #[inline]
    fn take(&mut self, key: Key) {
        assert!(key.at >= self.now, "time ran backwards: {:?} < {:?}", key.at, self.now);
        self.now = key.at;
        self.taken += 1;
        self.digest.absorb(key.at.ps());
        self.digest.absorb(key.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(q: &mut Queue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| q.pop_before(Time::MAX)).map(|(_, e)| e).collect()
    }

    #[test]
    fn order_is_time_class_source_count() {
        let t = Time::from_ps;
        let mut q = Queue::default();
        q.set(t(5), 10);
        q.message(t(5), 2, 0, 3);
        q.message(t(5), 1, 1, 2);
        q.message(t(5), 1, 0, 1);
        q.set(t(5), 11);
        q.set(t(4), 0);
        assert_eq!(drain(&mut q), [0, 1, 2, 3, 10, 11]);
    }

    #[test]
    fn inline_and_heap_give_one_digest() {
        let t = Time::from_ps;
        let run = |inline: bool| {
            let mut q = Queue::default();
            q.set_inline(inline);
            q.set(t(1), 1);
            q.set(t(9), 9);
            q.pop_before(Time::MAX);
            if !q.may_continue(t(3), Time::MAX) {
                q.set(t(3), 3);
                q.pop_before(Time::MAX);
            }
            assert!(!q.may_continue(t(9), Time::MAX), "a tie goes through the heap");
            q.pop_before(Time::MAX);
            (q.digest(), q.taken())
        };
        assert_eq!(run(true), run(false));
    }

    #[test]
    fn horizon_is_strict() {
        let mut q = Queue::default();
        q.set(Time::from_ps(7), ());
        assert!(q.pop_before(Time::from_ps(7)).is_none());
        assert!(q.pop_before(Time::from_ps(8)).is_some());
    }

    #[test]
    #[should_panic(expected = "in the past")]
    fn the_past_is_refused() {
        let mut q = Queue::default();
        q.set(Time::from_ps(7), ());
        q.pop_before(Time::MAX);
        q.set(Time::from_ps(6), ());
    }
}
