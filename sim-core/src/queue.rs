//! The pending alarms of the nodes of one thread. Their order is a property of the data, not of who ran first:
//! (time, node, class, source). A message from a link sorts before the node's own alarms of the same time;
//! messages sort by link and by their number on it; own alarms by the order in which the node set them.

pub use crate::pending::Pending;
use crate::{digest::Digest, engine::Exhausted, time::Time};

/// The place of an event in the order of everything that is pending. A link has one alarm at a time, for the next of its
/// messages, so the link alone orders them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub at: Time,
    /// node (20 bits) · class (1 bit, a link's message 0, own alarm 1) · link, or count of own alarms (43 bits)
    order: u64,
}

impl Key {
    /// After everything else.
    pub(crate) const NEVER: Key = Key { at: Time::MAX, order: u64::MAX };

    #[inline]
    pub(crate) fn word(self) -> u128 {
        u128::from(self.at.ps()) << 64 | u128::from(self.order)
    }

    /// The node that it belongs to.
    #[inline]
    pub fn node(self) -> usize {
        (self.order >> NODE) as usize
    }

    /// That of the next message of link `link` into node `node`.
    #[inline]
    pub(crate) fn message(at: Time, node: u32, link: u32) -> Key {
        Key { at, order: (u64::from(node) << NODE) | u64::from(link) }
    }
}

const NODE: u32 = 44;
const OWN: u64 = 1 << 43;
/// Nodes of one world at most.
pub const NODES: usize = 1 << 20;
/// More events than this of one node at one instant are a loop without time.
pub const INSTANT_LIMIT: u64 = 20_000_000;

/// One node's side of it: its clock, its count of alarms, its digest.
pub struct Queue {
    /// The node's number and class, in their place within a key.
    base: u64,
    now: Time,
    set: u64,
    taken: u64,
    /// Events at [`Queue::now`].
    instant: u64,
    limit: u64,
    digest: Digest,
    inline: bool,
}

impl Queue {
    pub fn new(node: u32) -> Self {
        Queue {
            base: u64::from(node) << NODE | OWN,
            now: Time::ZERO,
            set: 0,
            taken: 0,
            instant: 0,
            limit: u64::MAX,
            digest: Digest::default(),
            inline: true,
        }
    }
    /// The time of the event taken last.
    #[inline]
    pub fn now(&self) -> Time {
        self.now
    }
    /// Events taken so far, inline ones included.
    #[inline]
    pub fn taken(&self) -> u64 {
        self.taken
    }
    /// The digest of the order of all events taken so far.
    pub fn digest(&self) -> Digest {
        self.digest
    }
    /// With `false`, [`Queue::may_continue`] always says no: every step goes through the heap.
    pub fn set_inline(&mut self, inline: bool) {
        self.inline = inline;
    }
    /// This node may take so many events in all.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }
    /// A budget is used up.
    #[inline(always)]
    pub(crate) fn is_exhausted(&self) -> bool {
        self.taken > self.limit || self.instant > INSTANT_LIMIT
    }
    /// A budget is used up: events in all, or events at one instant.
    #[inline]
    pub fn exhausted(&self) -> Option<Exhausted> {
        let (what, limit) = if self.taken > self.limit {
            ("events in a run", self.limit)
        } else if self.instant > INSTANT_LIMIT {
            ("events at one instant", INSTANT_LIMIT)
        } else {
            return None;
        };
        Some(Exhausted { what, limit, at: self.now })
    }
    /// Sets one of the node's own alarms.
    ///
    /// # Panics
    /// If `at` lies in the past: time never runs backwards.
    #[inline]
    pub fn set<E: Copy + Default>(&mut self, pending: &mut Pending<E>, at: Time, event: E) {
        assert!(at >= self.now, "an alarm was set in the past: {at:?} < {:?}", self.now);
        pending.push(Key { at, order: self.base | self.set }, event);
        self.set += 1;
    }

    /// As [`Queue::set`], for an alarm that is likely to come after all that were set like this, on any node.
    ///
    /// # Panics
    /// If `at` lies in the past.
    #[inline]
    pub fn set_timer<E: Copy + Default>(&mut self, pending: &mut Pending<E>, at: Time, event: E) {
        assert!(at >= self.now, "an alarm was set in the past: {at:?} < {:?}", self.now);
        pending.push_timer(Key { at, order: self.base | self.set }, event);
        self.set += 1;
    }

    /// Sets the alarm for the next message of link `link`.
    ///
    /// # Panics
    /// If `at` lies in the past.
    #[inline]
    pub fn message<E: Copy + Default>(&mut self, pending: &mut Pending<E>, at: Time, link: u32, event: E) {
        assert!(at >= self.now, "a message arrived in the past: {at:?} < {:?}", self.now);
        pending.message(at, (self.base >> NODE) as u32, link, event);
    }

    /// May work that would be due at `at` go on without the heap? Yes only if it would be popped next anyway,
    /// without a tie: strictly before the head and the horizon. Then it takes the number and is absorbed into
    /// the digest just as the alarm would have been, so the digest is the same with inlining off.
    #[inline]
    pub fn may_continue<E: Copy + Default>(&mut self, pending: &Pending<E>, at: Time, horizon: Time) -> bool {
        if !self.inline || at >= horizon || at >= pending.head() || self.is_exhausted() {
            return false;
        }
        let key = Key { at, order: self.base | self.set };
        self.set += 1;
        self.take(key);
        true
    }

    /// The event with this key begins.
    ///
    /// # Panics
    /// If time ran backwards.
    #[inline]
    pub fn take(&mut self, key: Key) {
        assert!(key.at >= self.now, "time ran backwards: {:?} < {:?}", key.at, self.now);
        self.instant = if key.at == self.now { self.instant + 1 } else { 0 };
        self.now = key.at;
        self.taken += 1;
        self.digest.absorb(key.at.ps());
        self.digest.absorb(key.order);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Node {
        q: Queue,
        pending: Pending<u32>,
    }

    impl Node {
        fn new() -> Node {
            Node { q: Queue::new(0), pending: Pending::default() }
        }
        fn set(&mut self, at: u64, e: u32) {
            self.q.set(&mut self.pending, Time::from_ps(at), e);
        }
        fn message(&mut self, at: u64, link: u32, e: u32) {
            self.q.message(&mut self.pending, Time::from_ps(at), link, e);
        }
        fn pop(&mut self) -> Option<u32> {
            let (key, e) = self.pending.pop_before(Time::MAX)?;
            self.q.take(key);
            Some(e)
        }
    }

    #[test]
    fn order_is_time_class_source_count() {
        let mut n = Node::new();
        n.set(5, 10);
        n.message(5, 3, 3);
        n.message(5, 2, 2);
        n.message(5, 1, 1);
        n.set(5, 11);
        n.set(4, 0);
        let all: Vec<u32> = std::iter::from_fn(|| n.pop()).collect();
        assert_eq!(all, [0, 1, 2, 3, 10, 11]);
    }

    #[test]
    fn inline_and_heap_give_one_digest() {
        let t = Time::from_ps;
        let run = |inline: bool| {
            let mut n = Node::new();
            n.q.set_inline(inline);
            n.set(1, 1);
            n.set(9, 9);
            n.pop();
            if !n.q.may_continue(&n.pending, t(3), Time::MAX) {
                n.set(3, 3);
                n.pop();
            }
            assert!(!n.q.may_continue(&n.pending, t(9), Time::MAX), "a tie goes through the heap");
            n.pop();
            (n.q.digest(), n.q.taken())
        };
        assert_eq!(run(true), run(false));
    }

    #[test]
    #[should_panic(expected = "in the past")]
    fn the_past_is_refused() {
        let mut n = Node::new();
        n.set(7, 0);
        n.pop();
        n.set(6, 0);
    }
}
