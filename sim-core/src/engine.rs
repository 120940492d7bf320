//! The loop over many nodes. A node may run on alone up to its *horizon*: the earliest time at which a message
//! from another node could still reach it. What it sends is handed over afterwards, in the order of sending.

use crate::time::{Span, Time};

/// Something with alarms of its own, that sends messages over links.
pub trait Node {
    /// What travels over links.
    type Message;
    /// What all nodes of one thread share without any effect on results (free lists).
    type Shared;

    /// The time of the next own event, [`Time::MAX`] if none is pending.
    fn head(&self) -> Time;

    /// Runs every event strictly before `horizon`. Each message sent goes into `out` with its arrival time, and
    /// lowers the horizon to that arrival plus `lookahead`, since an answer can't come sooner.
    ///
    /// # Errors
    /// A budget of the node's own is used up.
    fn advance(
        &mut self,
        horizon: Time,
        lookahead: Span,
        shared: &mut Self::Shared,
        out: &mut Vec<Sent<Self::Message>>,
    ) -> Result<(), Exhausted>;

    /// A message arrives at `at` by `link`.
    fn receive(&mut self, at: Time, link: u32, message: Self::Message);

    /// Events taken so far.
    fn taken(&self) -> u64;
}

/// A message on its way.
pub struct Sent<M> {
    /// When it arrives.
    pub at: Time,
    /// The receiving node's index.
    pub to: u32,
    /// The link, numbered over the whole world.
    pub link: u32,
    pub message: M,
}

/// A budget was used up: the run is stopped with an error instead of going on for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exhausted {
    pub what: &'static str,
    pub limit: u64,
    pub at: Time,
}

impl std::fmt::Display for Exhausted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "more than {} {} at {} ps", self.limit, self.what, self.at.ps())
    }
}
impl std::error::Error for Exhausted {}

/// Winner tree over the nodes' heads: the earliest and the second earliest in a few comparisons.
struct Heads {
    leaves: usize,
    /// Node 1 is the root; leaf `i` is at `leaves + i`. Each holds the index of its winner.
    winner: Vec<u32>,
    head: Vec<Time>,
}

impl Heads {
    fn new(heads: impl Iterator<Item = Time>) -> Heads {
        let mut head: Vec<Time> = heads.collect();
        let leaves = head.len().next_power_of_two().max(2);
        head.resize(leaves, Time::MAX);
        let mut winner = vec![0; 2 * leaves];
        for (i, w) in winner[leaves..].iter_mut().enumerate() {
            *w = i as u32;
        }
        let mut tree = Heads { leaves, winner, head };
        for n in (1..leaves).rev() {
            tree.play(n);
        }
        tree
    }

    #[inline]
    fn play(&mut self, n: usize) {
        let (a, b) = (self.winner[2 * n], self.winner[2 * n + 1]);
        // Of equal heads the lower index wins: a < b, since leaves stand in order.
        self.winner[n] = if self.head[b as usize] < self.head[a as usize] { b } else { a };
    }

    #[inline]
    fn set(&mut self, i: usize, head: Time) {
        if self.head[i] == head {
            return;
        }
        self.head[i] = head;
        let mut n = (self.leaves + i) / 2;
        while n >= 1 {
            self.play(n);
            n /= 2;
        }
    }

    fn first(&self) -> (usize, Time) {
        let i = self.winner[1] as usize;
        (i, self.head[i])
    }

    /// The earliest head among all nodes but the first.
    #[inline]
    fn second(&self) -> Time {
        let mut n = self.leaves + self.winner[1] as usize;
        let mut best = Time::MAX;
        while n > 1 {
            let rival = self.head[self.winner[n ^ 1] as usize];
            best = best.min(rival);
            n /= 2;
        }
        best
    }
}

/// Runs all nodes on this thread until nothing is due before `until`. `lookahead` is the least delay of any link.
///
/// # Errors
/// More than `max_events` events were taken, or a node's own budget is used up.
pub fn run<N: Node>(
    nodes: &mut [N],
    shared: &mut N::Shared,
    lookahead: Span,
    until: Time,
    max_events: u64,
) -> Result<(), Exhausted> {
    let mut heads = Heads::new(nodes.iter().map(Node::head));
    let mut out = Vec::new();
    let mut total: u64 = nodes.iter().map(Node::taken).sum();
    loop {
        let (i, at) = heads.first();
        if at >= until {
            return Ok(());
        }
        // With no room between nodes the earliest one may still take what is due at its own head.
        let others = heads.second();
        let horizon = until.min((others + lookahead).max(at + Span::from_ps(1)));
        let before = nodes[i].taken();
        nodes[i].advance(horizon, lookahead, shared, &mut out)?;
        total += nodes[i].taken() - before;
        heads.set(i, nodes[i].head());
        for s in out.drain(..) {
            let to = s.to as usize;
            nodes[to].receive(s.at, s.link, s.message);
            heads.set(to, nodes[to].head());
        }
        if total > max_events {
            return Err(Exhausted { what: "events in a run", limit: max_events, at });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Queue;

    /// Passes a counter round the ring, one picosecond of work each, ten of wire.
    struct Hop {
        queue: Queue<u64>,
        me: u32,
        ring: u32,
        log: Vec<(u64, u64)>,
    }
    impl Node for Hop {
        type Message = u64;
        type Shared = ();
        fn head(&self) -> Time {
            self.queue.head()
        }
        fn taken(&self) -> u64 {
            self.queue.taken()
        }
        fn advance(&mut self, h: Time, look: Span, _: &mut (), out: &mut Vec<Sent<u64>>) -> Result<(), Exhausted> {
            let mut horizon = h;
            while let Some((key, n)) = self.queue.pop_before(horizon) {
                self.log.push((key.at.ps(), n));
                let at = key.at + Span::from_ps(10);
                horizon = horizon.min(at + look);
                out.push(Sent { at, to: (self.me + 1) % self.ring, link: self.me, message: n + 1 });
            }
            Ok(())
        }
        fn receive(&mut self, at: Time, link: u32, message: u64) {
            self.queue.message(at, link, message, message);
        }
    }

    fn ring(n: u32) -> Vec<Hop> {
        (0..n).map(|me| Hop { queue: Queue::default(), me, ring: n, log: vec![] }).collect()
    }

    #[test]
    fn messages_arrive_in_time_order() {
        let mut nodes = ring(3);
        nodes[0].queue.set(Time::ZERO, 0);
        nodes[1].queue.set(Time::from_ps(4), 100);
        run(&mut nodes, &mut (), Span::from_ps(10), Time::from_ps(60), 1000).unwrap();
        assert_eq!(nodes[0].log, [(0, 0), (24, 102), (30, 3), (54, 105)]);
        assert_eq!(nodes[1].log, [(4, 100), (10, 1), (34, 103), (40, 4)]);
    }

    #[test]
    fn a_budget_ends_an_endless_run() {
        let mut nodes = ring(1);
        nodes[0].queue.set(Time::ZERO, 0);
        let err = run(&mut nodes, &mut (), Span::from_ps(10), Time::MAX, 50).unwrap_err();
        assert_eq!(err.limit, 50);
    }

    #[test]
    fn the_tree_knows_first_and_second() {
        let t = Time::from_ps;
        let mut h = Heads::new([5, 3, 9, 3, 7].map(t).into_iter());
        assert_eq!((h.first(), h.second()), ((1, t(3)), t(3)));
        h.set(1, t(20));
        assert_eq!((h.first(), h.second()), ((3, t(3)), t(5)));
        h.set(3, Time::MAX);
        assert_eq!((h.first(), h.second()), ((0, t(5)), t(7)));
    }
}
