//! Nodes of one world side by side on several threads, with the results of one.
//!
//! Nodes are cut into parts, a thread each, so that few links lie between parts. A message from one part to another is under
//! way for at least the *lookahead*. So each part promises: nothing of mine arrives anywhere before my next event plus the
//! lookahead; and each may run everything before what all others have promised. Promises grow while parts work: nobody
//! waits for the slowest of a round, only for whom it has left behind by a whole lookahead. What happens at a node, and in
//! which order, is a property of the data (see [`crate::queue`]), so digests are those of one thread.
//!
//! Whether it pays is judged by counting: the events that others dealt with meanwhile must be worth the exchange. Where
//! they are not, the world runs on one thread for a stretch before it is tried again. Nothing of this changes results.

use crate::{
    engine::{self, Exhausted, Node, Sent, ThreadOf},
    time::{Span, Time},
};
use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
};

/// What the nodes of a thread share, as far as threads even it out: a free list.
pub trait Spare: Default + Send {
    /// Things in it.
    fn len(&self) -> usize;
    /// `true`: there is nothing in it.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Gives away half of it.
    fn halve(&mut self) -> Self;
    /// Takes over all of `other`.
    fn join(&mut self, other: Self);
}

impl Spare for () {
    fn len(&self) -> usize {
        0
    }
    fn halve(&mut self) -> Self {}
    fn join(&mut self, _: Self) {}
}

/// Lookaheads between two looks at whether it pays, and at the free lists.
const STRETCH: u64 = 256;
/// Events that must be dealt with elsewhere meanwhile, per lookahead, to be worth an exchange (about a microsecond).
const WORTH: u64 = 10;
/// After a stretch that did not pay, so many lookaheads' time runs on one thread.
const PAUSE: u64 = 65_536;
/// Where it never pays, a rest grows to so many of these.
const MOST_PAUSES: u64 = 64;
/// A free list gives when it holds more, and takes when it holds less.
const RICH: usize = 1_024;
const POOR: usize = 128;
/// Events between two promises while there is work.
const OFTEN: u64 = 8;

/// How a world is spread over threads.
pub struct Team<N: Node> {
    /// Node → its part, and its place there.
    places: Vec<Place>,
    lookahead: Span,
    threads: Vec<Box<ThreadOf<N>>>,
    /// Before this it is not tried again.
    rest: Time,
    /// How long the next rest is, in [`PAUSE`]s.
    pauses: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    part: u32,
    index: u32,
}

/// What all threads see of one. On a pair of cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Board {
    /// Nothing that this part sends from now on arrives before, picoseconds. It only grows.
    promise: AtomicU64,
    /// Events so far.
    events: AtomicU64,
}

/// Messages from one part to another.
#[repr(align(128))]
struct Post<M> {
    full: AtomicBool,
    messages: Mutex<Vec<Sent<M>>>,
}

impl<M> Default for Post<M> {
    fn default() -> Self {
        Post { full: AtomicBool::new(false), messages: Mutex::default() }
    }
}

struct Common<M, S> {
    boards: Vec<Board>,
    /// By from · parts + to.
    post: Vec<Post<M>>,
    spare: Mutex<Vec<S>>,
    /// Why all are to come back: [`UNPAID`] or [`FAILED`]; 0: they are not.
    stop: AtomicU8,
}

const UNPAID: u8 = 1;
const FAILED: u8 = 2;

/// How a thread's work ended.
enum End {
    Done,
    /// It doesn't pay.
    Unpaid,
    /// A budget is used up: this thread's, or another's.
    Failed(Option<Exhausted>),
}

impl<N: Node> Team<N>
where
    N: Send,
    N::Event: Send,
    N::Message: Send,
    N::Shared: Spare,
{
    /// Spreads `nodes` over at most `threads` threads. `None` where there is nothing to spread: one node, one thread, or
    /// a link without delay between any two parts.
    pub fn new(nodes: &[N], threads: usize) -> Option<Team<N>> {
        let parts = threads.min(nodes.len());
        if parts < 2 {
            return None;
        }
        let places = places(nodes, parts);
        let mut lookahead = Span::MAX;
        for (n, node) in nodes.iter().enumerate() {
            node.links(&mut |to, least| {
                if places[n].part != places[to as usize].part {
                    lookahead = lookahead.min(least);
                }
            });
        }
        let threads = (0..parts).map(|_| Box::default()).collect();
        (lookahead > Span::ZERO).then_some(Team { places, lookahead, threads, rest: Time::ZERO, pauses: 1 })
    }

    /// As [`engine::run`], on the team's threads where that pays. Where it fails, what the nodes have done beyond the
    /// failure differs from one thread's: run it again with one.
    ///
    /// # Errors
    /// As [`engine::run`].
    pub fn run(
        &mut self,
        nodes: &mut [N],
        main: &mut Box<ThreadOf<N>>,
        until: Time,
        max_events: u64,
    ) -> Result<(), Exhausted> {
        for n in nodes.iter_mut() {
            main.pending.adopt(&mut n.parts().1.pending);
        }
        loop {
            let head = main.pending.head();
            if head >= until {
                return Ok(());
            }
            // Shorter than this, starting the threads costs more than they bring. Parts without links never wait.
            let unlinked = self.lookahead == Span::MAX;
            let worth_it = head + if unlinked { Span::from_ms(1) } else { self.windows(STRETCH) };
            if head < self.rest || worth_it > until {
                let stop = if worth_it > until { until } else { self.rest.min(until) };
                engine::run(nodes, main, stop, max_events)?;
                continue;
            }
            match self.windowed(nodes, main, until, max_events) {
                End::Done => return Ok(()),
                End::Failed(e) => {
                    let unknown = Exhausted { what: "events in a run", limit: max_events, at: main.pending.head() };
                    return Err(e.unwrap_or(unknown));
                }
                End::Unpaid => {
                    // It paid for a while, or it never does: then it is tried ever more seldom.
                    let paid = main.pending.head() >= head + self.windows(STRETCH * 16);
                    self.pauses = if paid { 1 } else { (self.pauses * 2).min(MOST_PAUSES) };
                    self.rest = main.pending.head() + self.windows(PAUSE * self.pauses);
                }
            }
        }
    }

    fn windows(&self, n: u64) -> Span {
        Span::from_ps(self.lookahead.ps().saturating_mul(n))
    }

    /// Hands out what is pending, lets the threads work, takes back what is left.
    fn windowed(&mut self, nodes: &mut [N], main: &mut Box<ThreadOf<N>>, until: Time, max_events: u64) -> End {
        let parts = self.threads.len();
        let taken = |nodes: &mut [N]| nodes.iter_mut().map(|n| n.parts().0.taken()).sum::<u64>();
        let budget = max_events.saturating_sub(taken(nodes));
        let first = (main.pending.head() + self.lookahead).ps();
        main.pending.deal(|key, event| {
            let part = self.places[key.node()].part;
            self.threads[part as usize].pending.push(key, event);
        });
        let board = |_| Board { promise: AtomicU64::new(first), events: AtomicU64::new(0) };
        let common = Common {
            boards: (0..parts).map(board).collect(),
            post: (0..parts * parts).map(|_| Post::default()).collect(),
            spare: Mutex::default(),
            stop: AtomicU8::new(0),
        };
        let mut shares: Vec<Vec<&mut N>> = (0..parts).map(|_| Vec::new()).collect();
        for (node, place) in nodes.iter_mut().zip(&self.places) {
            shares[place.part as usize].push(node);
        }
        let worker = |(me, (thread, nodes))| Worker {
            me,
            nodes,
            places: &self.places,
            thread,
            common: &common,
            until,
            lookahead: self.lookahead,
            budget,
            parts,
        };
        let mut workers: Vec<Worker<N>> = self.threads.iter_mut().zip(shares).enumerate().map(worker).collect();
        let ends: Vec<End> = std::thread::scope(|scope| {
            let last = workers.pop();
            let others: Vec<_> = workers.into_iter().map(|w| scope.spawn(move || w.work())).collect();
            let last = last.map(Worker::work);
            let join = |h: std::thread::ScopedJoinHandle<'_, End>| {
                h.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            others.into_iter().map(join).chain(last).collect()
        });
        for thread in &mut self.threads {
            main.pending.adopt(&mut thread.pending);
            main.shared.join(std::mem::take(&mut thread.shared));
        }
        // What was sent last, and nobody looked at any more.
        for post in common.post {
            for s in post.messages.into_inner().unwrap_or_else(PoisonError::into_inner) {
                nodes[s.to as usize].receive(s, &mut main.pending);
            }
        }
        let mut end = if taken(nodes) > max_events { End::Failed(None) } else { End::Done };
        for e in ends {
            match (e, &end) {
                (End::Done, _) | (End::Failed(None) | End::Unpaid, End::Failed(_)) => {}
                (e, _) => end = e,
            }
        }
        end
    }
}

/// Parts of about the same weight, grown along links: from the first node that has none yet, to what is linked to it, to
/// what is linked to that.
fn places<N: Node>(nodes: &[N], parts: usize) -> Vec<Place> {
    let total: u64 = nodes.iter().map(Node::weight).sum();
    let mut order = Vec::with_capacity(nodes.len());
    let mut known = vec![false; nodes.len()];
    for first in 0..nodes.len() {
        if std::mem::replace(&mut known[first], true) {
            continue;
        }
        let mut next = order.len();
        order.push(first);
        while next < order.len() {
            nodes[order[next]].links(&mut |to, _| {
                if !std::mem::replace(&mut known[to as usize], true) {
                    order.push(to as usize);
                }
            });
            next += 1;
        }
    }
    let mut places = vec![Place { part: 0, index: 0 }; nodes.len()];
    let (mut part, mut sum, mut sizes) = (0, 0, vec![0_u32; parts]);
    for (i, n) in order.into_iter().enumerate() {
        let left = nodes.len() - i;
        let due = sum * parts as u64 >= total * (part as u64 + 1) || left < parts - part;
        if due && part + 1 < parts && sizes[part] > 0 {
            part += 1;
        }
        sum += nodes[n].weight();
        places[n] = Place { part: part as u32, index: sizes[part] };
        sizes[part] += 1;
    }
    // A part's nodes in order of number, as they are handed out.
    let mut sizes = vec![0_u32; parts];
    for p in &mut places {
        p.index = sizes[p.part as usize];
        sizes[p.part as usize] += 1;
    }
    places
}

struct Worker<'t, N: Node> {
    me: usize,
    nodes: Vec<&'t mut N>,
    places: &'t [Place],
    thread: &'t mut Box<ThreadOf<N>>,
    common: &'t Common<N::Message, N::Shared>,
    until: Time,
    lookahead: Span,
    budget: u64,
    parts: usize,
}

impl<N: Node> Worker<'_, N>
where
    N::Shared: Spare,
{
    fn work(mut self) -> End {
        let _poison = Poison(&self.common.stop);
        let board = &self.common.boards[self.me];
        let (mut total, mut last, mut spins, mut look) = (0_u64, Time::ZERO, 0_u32, Look::default());
        loop {
            match self.common.stop.load(Ordering::Relaxed) {
                0 => {}
                UNPAID => return End::Unpaid,
                _ => return End::Failed(None),
            }
            // First the promises, then what was sent before they were made.
            let horizon = self.promised().min(self.until);
            self.collect();
            let (events, failure) = self.window(horizon);
            total += events;
            board.events.store(total, Ordering::Relaxed);
            let all: u64 = self.common.boards.iter().map(|b| b.events.load(Ordering::Relaxed)).sum();
            if failure.is_some() || all > self.budget {
                self.common.stop.store(FAILED, Ordering::Relaxed);
                return End::Failed(failure);
            }
            if horizon >= self.until {
                board.promise.store(u64::MAX, Ordering::Release);
                return End::Done;
            }
            self.promise(horizon);
            if horizon >= look.next {
                self.even_out();
                if !self.pays(&mut look, horizon) {
                    self.common.stop.store(UNPAID, Ordering::Relaxed);
                    return End::Unpaid;
                }
            }
            if events > 0 || horizon > last {
                (last, spins) = (horizon, 0);
            } else {
                spins += 1;
                if spins < 300 { std::hint::spin_loop() } else { std::thread::yield_now() }
            }
        }
    }

    /// What all others have promised.
    #[inline]
    fn promised(&self) -> Time {
        let others = self.common.boards.iter().enumerate().filter(|(i, _)| *i != self.me);
        Time::from_ps(others.map(|(_, b)| b.promise.load(Ordering::Acquire)).min().unwrap_or(u64::MAX))
    }

    /// Nothing is sent before the next event here, nor before what others may send here.
    #[inline]
    fn promise(&self, horizon: Time) {
        let next = self.thread.pending.head().min(horizon) + self.lookahead;
        self.common.boards[self.me].promise.store(next.ps(), Ordering::Release);
    }

    /// What others sent here.
    fn collect(&mut self) {
        for from in 0..self.parts {
            let post = &self.common.post[from * self.parts + self.me];
            if !post.full.load(Ordering::Relaxed) {
                continue;
            }
            let mut messages = lock(&post.messages);
            post.full.store(false, Ordering::Relaxed);
            for s in messages.drain(..) {
                let index = self.places[s.to as usize].index;
                self.nodes[index as usize].receive(s, &mut self.thread.pending);
            }
        }
    }

    /// Everything before `horizon`: how many events, and what was exhausted.
    fn window(&mut self, horizon: Time) -> (u64, Option<Exhausted>) {
        let (mut events, mut told) = (0, 0);
        while let Some((key, event)) = self.thread.pending.pop_before(horizon) {
            let node = &mut *self.nodes[self.places[key.node()].index as usize];
            let (q, own) = node.parts();
            let before = q.taken();
            q.take(key);
            std::mem::swap(self.thread, own);
            node.run(key.at, event, horizon);
            let (q, own) = node.parts();
            std::mem::swap(self.thread, own);
            events += q.taken() - before;
            if let Some(e) = q.exhausted() {
                return (events, Some(e));
            }
            let engine::Thread { pending, out, .. } = &mut **self.thread;
            for s in out.drain(..) {
                let to = self.places[s.to as usize];
                if to.part as usize == self.me {
                    self.nodes[to.index as usize].receive(s, pending);
                } else {
                    let post = &self.common.post[self.me * self.parts + to.part as usize];
                    let mut messages = lock(&post.messages);
                    messages.push(s);
                    post.full.store(true, Ordering::Relaxed);
                }
            }
            if events >= told + OFTEN {
                told = events;
                self.promise(horizon);
            }
        }
        (events, None)
    }

    /// The first thread judges for all, once in a stretch: were the events of others worth it?
    fn pays(&self, look: &mut Look, now: Time) -> bool {
        let begun = look.next > Time::ZERO;
        look.next = now + Span::from_ps(self.lookahead.ps().saturating_mul(STRETCH));
        if self.me != 0 {
            return true;
        }
        let events = |b: &Board| b.events.load(Ordering::Relaxed);
        look.seen.resize(self.parts, 0);
        let (mut all, mut most) = (0, 0);
        for (b, seen) in self.common.boards.iter().zip(&mut look.seen) {
            let new = events(b) - std::mem::replace(seen, events(b)).min(events(b));
            all += new;
            most = new.max(most);
        }
        !begun || all - most >= STRETCH * WORTH
    }

    /// One-way traffic fills the free list of one thread and empties the other's.
    fn even_out(&mut self) {
        let have = self.thread.shared.len();
        if have > RICH {
            let half = self.thread.shared.halve();
            lock(&self.common.spare).push(half);
        } else if have < POOR
            && let Some(more) = lock(&self.common.spare).pop()
        {
            self.thread.shared.join(more);
        }
    }
}

fn lock<T>(m: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When it was last looked whether it pays, and the events of each part then.
#[derive(Default)]
struct Look {
    next: Time,
    seen: Vec<u64>,
}

/// Lets the others go when a thread panics.
struct Poison<'b>(&'b AtomicU8);
impl Drop for Poison<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(FAILED, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{Pending, Queue};

    /// Sends a message on to a neighbour chosen by its value, and works on its own between.
    struct Mill {
        queue: Queue,
        thread: Box<ThreadOf<Mill>>,
        me: u32,
        all: u32,
        log: Vec<(u64, u64)>,
        panics_at: u64,
    }
    const DELAY: Span = Span::from_ps(1_000);

    impl Node for Mill {
        type Event = u64;
        type Message = u64;
        type Shared = ();
        fn parts(&mut self) -> (&mut Queue, &mut Box<ThreadOf<Mill>>) {
            (&mut self.queue, &mut self.thread)
        }
        fn run(&mut self, at: Time, n: u64, horizon: Time) {
            assert!(self.log.len() as u64 != self.panics_at, "asked to");
            self.log.push((at.ps(), n));
            let next = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let step = Span::from_ps(1 + (next >> 56));
            if next >> 62 == 0 {
                let to = (next >> 33) as u32 % self.all;
                self.thread.out.push(Sent { at: at + DELAY + step, to, link: self.me, message: next });
            } else if !self.queue.may_continue(&self.thread.pending, at + step, horizon) {
                self.queue.set(&mut self.thread.pending, at + step, next);
            } else {
                self.run(at + step, next, horizon);
            }
        }
        fn receive(&mut self, s: Sent<u64>, pending: &mut Pending<u64>) {
            // The count in the link's place: two messages of one link may be pending at a time here.
            pending.message(s.at, self.me, s.link << 20 | (s.message & 0xfffff) as u32, s.message);
        }
        fn links(&self, tell: &mut dyn FnMut(u32, Span)) {
            (0..self.all).for_each(|to| tell(to, DELAY));
        }
        fn weight(&self) -> u64 {
            1
        }
    }

    fn mills(n: u32, panics_at: u64) -> Vec<Mill> {
        let mill = |me| Mill { queue: Queue::new(me), thread: Box::default(), me, all: n, log: vec![], panics_at };
        let mut mills: Vec<Mill> = (0..n).map(mill).collect();
        for (i, m) in mills.iter_mut().enumerate() {
            for k in 0..20 {
                m.queue.set(&mut m.thread.pending, Time::from_ps(k), i as u64 * 77 + k);
            }
        }
        mills
    }

    #[test]
    fn any_number_of_threads_gives_the_steps_of_one() {
        let until = Time::from_ps(900_000);
        let mut one = mills(12, u64::MAX);
        engine::run(&mut one, &mut Box::default(), until, u64::MAX).unwrap();
        for threads in [2, 3, 40] {
            let mut many = mills(12, u64::MAX);
            let mut team = Team::new(&many, threads).unwrap();
            let mut main = Box::default();
            // In two goes, the second of which finds what the first left.
            team.run(&mut many, &mut main, Time::from_ps(400_000), u64::MAX).unwrap();
            team.run(&mut many, &mut main, until, u64::MAX).unwrap();
            for (a, b) in one.iter().zip(&many) {
                assert_eq!(a.log, b.log);
                assert_eq!(a.queue.digest(), b.queue.digest());
            }
        }
    }

    #[test]
    fn parts_are_balanced_and_whole() {
        for (n, parts) in [(2, 2), (3, 2), (7, 3), (64, 2), (5, 5)] {
            let places = places(&mills(n, 0), parts);
            let sizes: Vec<u32> =
                (0..parts as u32).map(|p| places.iter().filter(|x| x.part == p).count() as u32).collect();
            assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1, "{sizes:?}");
            for (p, size) in sizes.iter().enumerate() {
                let indices: Vec<u32> = places.iter().filter(|x| x.part == p as u32).map(|x| x.index).collect();
                assert_eq!(indices, (0..*size).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn a_budget_ends_it() {
        let mut many = mills(4, u64::MAX);
        let mut team = Team::new(&many, 2).unwrap();
        let err = team.run(&mut many, &mut Box::default(), Time::MAX, 100_000).unwrap_err();
        assert_eq!(err.limit, 100_000);
    }

    #[test]
    #[should_panic(expected = "asked to")]
    fn a_panic_gets_out() {
        let mut many = mills(4, 5_000);
        let mut team = Team::new(&many, 2).unwrap();
        let _ = team.run(&mut many, &mut Box::default(), Time::MAX, u64::MAX);
    }
}
