//! The loop over the nodes of one thread. All that is pending lies in one heap, whose order does not depend on how nodes
//! are spread over threads; the node whose event is the earliest runs, and may run on as long as nothing else can come
//! first. What it sends is handed over when it stops.

use crate::{
    queue::{Pending, Queue},
    time::{Span, Time},
};

/// What the nodes of one thread have in common. It is lent to the node that runs; a node that does not run has an empty
/// one of its own, and what is set there waits until the thread adopts it.
// Two threads' must not share a cache line, nor the pair of lines that is fetched together.
#[repr(align(128))]
pub struct Thread<E, M, S> {
    pub pending: Pending<E>,
    /// What the running node sent, in order of sending.
    pub out: Vec<Sent<M>>,
    /// Without any effect on results: free lists.
    pub shared: S,
}

impl<E: Copy + Default, M, S: Default> Default for Thread<E, M, S> {
    fn default() -> Self {
        Thread { pending: Pending::default(), out: Vec::new(), shared: S::default() }
    }
}

/// The thread that a node is lent.
pub type ThreadOf<N> = Thread<<N as Node>::Event, <N as Node>::Message, <N as Node>::Shared>;

/// Something with alarms of its own, that sends messages over links.
pub trait Node {
    /// What can be due.
    type Event: Copy + Default;
    /// What travels over links.
    type Message;
    /// What all nodes of one thread share.
    type Shared;

    /// The node's clock, and the place where a thread is lent to it.
    fn parts(&mut self) -> (&mut Queue, &mut Box<ThreadOf<Self>>);

    /// Deals with `event`, and goes on alone with what follows from it where [`Queue::may_continue`] allows: never at
    /// or after `horizon`, nor at or after the arrival of anything that it sent.
    fn run(&mut self, at: Time, event: Self::Event, horizon: Time);

    /// A message will arrive by `link`: it is kept, and an alarm set in `pending` if it is the next of its link.
    fn receive(&mut self, sent: Sent<Self::Message>, pending: &mut Pending<Self::Event>);

    /// Tells of every link that leaves the node: where it leads, and the least time that a message is under way on it.
    fn links(&self, tell: &mut dyn FnMut(u32, Span));

    /// How much work the node is likely to be, in any unit.
    fn weight(&self) -> u64;
}

/// A message on its way.
pub struct Sent<M> {
    /// When it arrives.
    pub at: Time,
    /// The receiving node's index.
    pub to: u32,
    /// The link's number among those into that node.
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

/// Runs all nodes on this thread until nothing is due before `until`.
///
/// # Errors
/// More than `max_events` events were taken, or a node's own budget is used up.
pub fn run<N: Node>(
    nodes: &mut [N],
    thread: &mut Box<ThreadOf<N>>,
    until: Time,
    max_events: u64,
) -> Result<(), Exhausted> {
    let mut total = 0;
    for n in nodes.iter_mut() {
        let (q, own) = n.parts();
        thread.pending.adopt(&mut own.pending);
        total += q.taken();
    }
    // What was sent while no node ran: by a request from outside.
    for i in 0..nodes.len() {
        let sent = std::mem::take(&mut nodes[i].parts().1.out);
        for s in sent {
            nodes[s.to as usize].receive(s, &mut thread.pending);
        }
    }
    while let Some((key, event)) = thread.pending.pop_before(until) {
        let node = &mut nodes[key.node()];
        let (q, own) = node.parts();
        let before = q.taken();
        q.take(key);
        std::mem::swap(thread, own);
        node.run(key.at, event, until);
        let (q, own) = node.parts();
        std::mem::swap(thread, own);
        total += q.taken() - before;
        if total > max_events || q.is_exhausted() {
            let whole = Exhausted { what: "events in a run", limit: max_events, at: key.at };
            return Err(q.exhausted().unwrap_or(whole));
        }
        let Thread { pending, out, .. } = &mut **thread;
        // Mostly there is one: it is taken without the machinery of a drain.
        if let Some(s) = out.pop() {
            if !out.is_empty() {
                hand_over(nodes, out, pending);
            }
            nodes[s.to as usize].receive(s, pending);
        }
    }
    Ok(())
}

/// All but the last of what a node sent, in order.
#[inline(never)]
fn hand_over<N: Node>(nodes: &mut [N], out: &mut Vec<Sent<N::Message>>, pending: &mut Pending<N::Event>) {
    for s in out.drain(..) {
        nodes[s.to as usize].receive(s, pending);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes a counter round the ring, ten picoseconds of wire each.
    struct Hop {
        queue: Queue,
        thread: Box<ThreadOf<Hop>>,
        me: u32,
        ring: u32,
        log: Vec<(u64, u64)>,
    }
    impl Node for Hop {
        type Event = u64;
        type Message = u64;
        type Shared = ();
        fn parts(&mut self) -> (&mut Queue, &mut Box<ThreadOf<Hop>>) {
            (&mut self.queue, &mut self.thread)
        }
        fn run(&mut self, at: Time, n: u64, _: Time) {
            self.log.push((at.ps(), n));
            let at = at + Span::from_ps(10);
            self.thread.out.push(Sent { at, to: (self.me + 1) % self.ring, link: self.me, message: n + 1 });
        }
        fn receive(&mut self, s: Sent<u64>, pending: &mut Pending<u64>) {
            pending.message(s.at, self.me, s.link, s.message);
        }
        fn links(&self, tell: &mut dyn FnMut(u32, Span)) {
            tell((self.me + 1) % self.ring, Span::from_ps(10));
        }
        fn weight(&self) -> u64 {
            1
        }
    }

    fn ring(n: u32) -> Vec<Hop> {
        let hop = |me| Hop { queue: Queue::new(me), thread: Box::default(), me, ring: n, log: vec![] };
        (0..n).map(hop).collect()
    }

    fn start(h: &mut Hop, at: u64, n: u64) {
        h.queue.set(&mut h.thread.pending, Time::from_ps(at), n);
    }

    #[test]
    fn messages_arrive_in_time_order() {
        let mut nodes = ring(3);
        start(&mut nodes[0], 0, 0);
        start(&mut nodes[1], 4, 100);
        run(&mut nodes, &mut Box::default(), Time::from_ps(60), 1000).unwrap();
        assert_eq!(nodes[0].log, [(0, 0), (24, 102), (30, 3), (54, 105)]);
        assert_eq!(nodes[1].log, [(4, 100), (10, 1), (34, 103), (40, 4)]);
    }

    #[test]
    fn what_was_sent_from_outside_arrives() {
        let mut nodes = ring(2);
        nodes[0].thread.out.push(Sent { at: Time::from_ps(7), to: 1, link: 0, message: 5 });
        run(&mut nodes, &mut Box::default(), Time::from_ps(20), 1000).unwrap();
        assert_eq!((&nodes[0].log[..], &nodes[1].log[..]), (&[(17, 6)][..], &[(7, 5)][..]));
    }

    #[test]
    fn a_budget_ends_an_endless_run() {
        let mut nodes = ring(1);
        start(&mut nodes[0], 0, 0);
        let err = run(&mut nodes, &mut Box::default(), Time::MAX, 50).unwrap_err();
        assert_eq!(err.limit, 50);
    }
}
