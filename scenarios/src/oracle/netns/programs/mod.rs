//! The scenario's programs with real sockets, on one core: each makes the system calls that the simulator's program of
//! the same name makes, at the same scenario times. One thread runs them all, in the order in which they become
//! ready, each until it blocks, as a core's run queue would.

mod calls;
mod frames;
mod ping;
mod tcp;

use super::{spaces::Spaces, sys};
use crate::verify::job::{App, FlowSeen, Load, Task, tag};
use calls::{errno_name, options, payload};
use ping::Pinging;
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque, btree_map::Entry},
    io,
    os::fd::OwnedFd,
};

/// What a step ends with; times are ns since scenario time 0.
enum Next {
    /// There is more to do at once.
    Again,
    /// Blocks until its socket has something, or until then.
    Wait(Option<i64>),
    /// Sleeps until then, whatever arrives.
    Sleep(i64),
    Done,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    Waiting,
    Sleeping,
    Done,
}

/// A program and where it stands.
struct Program {
    task: Task,
    sock: Option<OwnedFd>,
    state: State,
    /// Its timer; any other that rings is stale.
    due: Option<i64>,
    sent: u64,
    /// Requests without an answer: number, and when they are given up.
    open: VecDeque<(u32, i64)>,
    /// A datagram to be answered: its bytes, and who sent it.
    answer: Option<(Vec<u8>, (u32, u16))>,
    /// The flow of the datagram that a receiver works on.
    held: Option<u32>,
    /// Spans that chance decided, used up so far: of service, of thinking.
    used: usize,
    /// When clients that think will ask.
    asks: BinaryHeap<Reverse<i64>>,
    /// When an attempt to connect is given up.
    give_up: i64,
    ping: Pinging,
}

/// What `recvfrom` gives: how many bytes, and who sent them.
type Datagram = io::Result<(usize, (u32, u16))>;

/// All of them.
pub struct Programs {
    all: Vec<Program>,
    ready: VecDeque<usize>,
    timers: BTreeMap<(i64, u64), usize>,
    armed: u64,
    poll: sys::Poll,
    pub flows: Vec<FlowSeen>,
    /// The latest that a packet left after its meant time, ns.
    pub late: i64,
    buffer: Vec<u8>,
}

impl Programs {
    /// # Errors
    /// The kernel's.
    pub fn new(tasks: &[Task]) -> io::Result<Programs> {
        let program = |task: &Task| Program {
            task: task.clone(),
            sock: None,
            state: State::Sleeping,
            due: None,
            sent: 0,
            open: VecDeque::new(),
            answer: None,
            held: None,
            used: 0,
            asks: BinaryHeap::new(),
            give_up: 0,
            ping: Pinging::default(),
        };
        let flows = tasks.iter().map(|t| t.flow as usize).max().unwrap_or(0);
        let mut programs = Programs {
            all: tasks.iter().map(program).collect(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            armed: 0,
            poll: sys::Poll::new()?,
            flows: vec![FlowSeen::default(); flows],
            late: 0,
            buffer: vec![0; 1 << 16],
        };
        for (i, task) in tasks.iter().enumerate() {
            programs.arm(i, task.start_ns as i64);
        }
        Ok(programs)
    }

    fn arm(&mut self, i: usize, at: i64) {
        self.armed += 1;
        self.all[i].due = Some(at);
        self.timers.insert((at, self.armed), i);
    }

    /// The earliest timer.
    pub fn head(&self) -> Option<i64> {
        self.timers.keys().next().map(|k| k.0)
    }

    /// Has every sender sent all that it has?
    pub fn all_sent(&self) -> bool {
        self.all.iter().all(|p| match &p.task.app {
            App::Ping { count, .. } => p.sent >= *count || p.state == State::Done,
            App::Send { times, .. } => p.sent >= times.len() as u64 || p.state == State::Done,
            App::Requests { count, .. } => p.sent >= *count || p.state == State::Done,
            App::Connect { .. } => p.state == State::Done,
            App::Frames { frames, .. } => p.sent >= frames.len() as u64 || p.state == State::Done,
            App::Sink { .. } | App::Echo { .. } => true,
        })
    }

    /// Runs whoever is ready until all block. On one host a program runs until it blocks, as it would on one core;
    /// hosts take turns, call by call.
    ///
    /// # Errors
    /// What is no answer of the network's but ours to know: no more descriptors, no such namespace.
    pub fn run(&mut self, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<()> {
        let mut running: BTreeMap<usize, usize> = BTreeMap::new();
        loop {
            self.ring(clock());
            // Whoever is ready and whose host is idle.
            let mut rest = VecDeque::new();
            while let Some(i) = self.ready.pop_front() {
                let host = self.all[i].task.host;
                match running.entry(host) {
                    Entry::Vacant(v) => drop(v.insert(i)),
                    Entry::Occupied(_) => rest.push_back(i),
                }
            }
            self.ready = rest;
            if running.is_empty() {
                return Ok(());
            }
            for (host, i) in running.clone() {
                let due = match self.step(i, spaces, clock)? {
                    Next::Again => None,
                    Next::Wait(due) => Some((State::Waiting, due)),
                    Next::Sleep(due) => Some((State::Sleeping, Some(due))),
                    Next::Done => Some((State::Done, None)),
                };
                let Some((state, due)) = due else { continue };
                running.remove(&host);
                self.all[i].state = state;
                if let Some(due) = due {
                    self.arm(i, due);
                }
            }
            self.collect(0)?;
        }
    }

    /// Timers that are due wake their programs.
    fn ring(&mut self, now: i64) {
        while let Some((key, i)) = self.timers.first_key_value().map(|(k, i)| (*k, *i)).filter(|(k, _)| k.0 <= now) {
            self.timers.remove(&key);
            let p = &mut self.all[i];
            if p.due == Some(key.0) && matches!(p.state, State::Waiting | State::Sleeping) {
                (p.state, p.due) = (State::Ready, None);
                self.ready.push_back(i);
            }
        }
    }

    /// Waits at most `ns` for something to arrive; whoever waits for it becomes ready.
    ///
    /// # Errors
    /// The kernel's.
    pub fn collect(&mut self, ns: i64) -> io::Result<()> {
        for key in self.poll.wait(ns)? {
            let p = &mut self.all[key as usize];
            if p.state == State::Waiting {
                (p.state, p.due) = (State::Ready, None);
                self.ready.push_back(key as usize);
            }
        }
        Ok(())
    }

    /// Is somebody ready?
    pub fn has_work(&self) -> bool {
        !self.ready.is_empty()
    }

    fn failed(&mut self, flow: u32, e: &io::Error) {
        self.failed_with(flow, e.raw_os_error().unwrap_or(0));
    }

    fn failed_with(&mut self, flow: u32, errno: i32) {
        if let Some(f) = self.flow(flow) {
            *f.errors.entry(errno_name(errno)).or_default() += 1;
        }
    }

    fn flow(&mut self, flow: u32) -> Option<&mut FlowSeen> {
        self.flows.get_mut((flow as usize).checked_sub(1)?)
    }

    /// A socket with the options, where it belongs; bound if `bind` says so.
    fn open(&mut self, i: usize, spaces: &Spaces) -> io::Result<Result<(), io::Error>> {
        let task = &self.all[i].task;
        spaces.enter(task.host, &task.ns)?;
        let (kind, proto) = match &task.app {
            App::Ping { .. } => (libc::SOCK_RAW, libc::IPPROTO_ICMP),
            App::Connect { .. } => (libc::SOCK_STREAM, 0),
            _ => (libc::SOCK_DGRAM, 0),
        };
        let fd = sys::socket(sys::AF_INET, kind, proto)?;
        let (opts, bind) = match &task.app {
            App::Ping { opts, src, .. } => (opts, (*src, 0)),
            App::Send { opts, bind, .. } | App::Requests { opts, bind, .. } => (opts, *bind),
            App::Sink { opts, addr, port, .. } | App::Echo { opts, addr, port, .. } => (opts, (*addr, *port)),
            App::Connect { opts, bind, .. } => (opts, *bind),
            // Opens its own kind.
            App::Frames { .. } => return Ok(Ok(())),
        };
        if matches!(task.app, App::Ping { .. }) {
            calls::only_answers(&fd)?;
        }
        let done = match options(&fd, opts) {
            // There is no such device: an answer like any other.
            Err(e) if e.raw_os_error() == Some(libc::ENODEV) => Err(e),
            Err(e) => return Err(e),
            Ok(()) if bind == (0, 0) => Ok(()),
            Ok(()) => sys::bind(&fd, bind),
        };
        if kind != libc::SOCK_STREAM {
            self.poll.add(&fd, i as u64)?;
        }
        self.all[i].sock = Some(fd);
        Ok(done)
    }

    fn step(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        match &self.all[i].task.app {
            App::Ping { .. } => self.ping(i, spaces, clock),
            App::Send { .. } => self.send(i, spaces, clock),
            App::Sink { .. } => self.sink(i, spaces, clock),
            App::Echo { .. } => self.echo(i, spaces, clock),
            App::Requests { .. } => self.requests(i, spaces, clock),
            App::Connect { .. } => self.tcp(i, spaces, clock),
            App::Frames { .. } => self.frames(i, spaces, clock),
        }
    }

    /// The next of the spans that chance decided, ns; `None`: there is no chance in it.
    fn span(&mut self, i: usize) -> Option<i64> {
        let p = &mut self.all[i];
        let spans = match &p.task.app {
            App::Sink { service, .. } | App::Echo { service, .. } => service,
            App::Requests { load: Load::Thinking(_, think), .. } => think,
            _ => return None,
        };
        let span = *spans.get(p.used % spans.len().max(1))?;
        p.used += 1;
        Some(span as i64)
    }

    /// A client thinks.
    fn think(&mut self, i: usize, now: i64) {
        if let Some(span) = self.span(i) {
            self.all[i].asks.push(Reverse(now + span));
        }
    }

    /// What the program's socket has; `None`: nothing.
    fn read(&mut self, i: usize) -> Option<Datagram> {
        let fd = self.all[i].sock.as_ref()?;
        match sys::receive(fd, &mut self.buffer) {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => None,
            done => Some(done),
        }
    }

    fn sent_late(&mut self, flow: u32, by: i64) {
        self.late = self.late.max(by);
        if let Some(f) = self.flow(flow) {
            f.sent += 1;
        }
    }

    fn send(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        let p = &self.all[i];
        let flow = p.task.flow;
        let App::Send { dst, port, size, times, each, .. } = &p.task.app else { return Ok(Next::Done) };
        let ((size, dst), port) = (each.get(p.sent as usize).copied().unwrap_or((*size, *dst)), *port);
        let Some(due) = times.get(p.sent as usize).map(|t| *t as i64) else { return Ok(Next::Done) };
        let now = clock();
        if due > now {
            return Ok(Next::Sleep(due));
        }
        if self.all[i].sock.is_none()
            && let Err(e) = self.open(i, spaces)?
        {
            self.failed(flow, &e);
            return Ok(Next::Done);
        }
        let seq = self.all[i].sent as u32;
        self.sent_late(flow, now - due);
        self.all[i].sent += 1;
        let Some(fd) = &self.all[i].sock else { return Ok(Next::Done) };
        let done = sys::send(fd, &payload(flow, seq, size), Some((dst, port)));
        let chosen = if seq == 0 { sys::port(fd).ok() } else { None };
        if let (Some(port), Some(f)) = (chosen, self.flow(flow)) {
            f.port = port;
        }
        if let Err(e) = done {
            self.failed(flow, &e);
        }
        Ok(Next::Again)
    }

    fn sink(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        if self.all[i].sock.is_none() && self.open(i, spaces)?.is_err() {
            return Ok(Next::Done);
        }
        if let Some(flow) = self.all[i].held.take()
            && let Some(f) = self.flow(flow)
        {
            f.received += 1;
        }
        match self.read(i) {
            Some(Ok((n, _))) => {
                let flow = tag(&self.buffer[..n]).map_or(0, |t| t.0);
                if let Some(span) = self.span(i) {
                    self.all[i].held = Some(flow);
                    return Ok(Next::Sleep(clock() + span));
                }
                if let Some(f) = self.flow(flow) {
                    f.received += 1;
                }
                Ok(Next::Again)
            }
            Some(Err(_)) => Ok(Next::Again),
            None => Ok(Next::Wait(None)),
        }
    }

    fn echo(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        if self.all[i].sock.is_none() && self.open(i, spaces)?.is_err() {
            return Ok(Next::Done);
        }
        if let Some((mut bytes, mut to)) = self.all[i].answer.take() {
            if let App::Echo { reply, forward, .. } = self.all[i].task.app {
                bytes.resize(reply.map_or(bytes.len(), |n| n as usize), 0);
                to = forward.unwrap_or(to);
            }
            if let Some(fd) = &self.all[i].sock {
                // An answer that can't be sent is nobody's error.
                let _ = sys::send(fd, &bytes, Some(to));
            }
            return Ok(Next::Again);
        }
        match self.read(i) {
            Some(Ok((n, from))) => {
                self.all[i].answer = Some((self.buffer[..n].to_vec(), from));
                Ok(self.span(i).map_or(Next::Again, |span| Next::Sleep(clock() + span)))
            }
            Some(Err(_)) => Ok(Next::Again),
            None => Ok(Next::Wait(None)),
        }
    }

    fn requests(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        let flow = self.all[i].task.flow;
        let App::Requests { to, size, count, timeout_ns, .. } = self.all[i].task.app else { return Ok(Next::Done) };
        if self.all[i].sock.is_none() {
            let opened = self.open(i, spaces)?;
            if let App::Requests { load: Load::Thinking(n, _), .. } = self.all[i].task.app {
                (0..n).for_each(|_| self.think(i, clock()));
            }
            let Some(fd) = &self.all[i].sock else { return Ok(Next::Done) };
            return Ok(match opened.and_then(|()| sys::connect(fd, to)) {
                Ok(()) => {
                    let port = sys::port(fd).unwrap_or(0);
                    if let Some(f) = self.flow(flow) {
                        f.port = port;
                    }
                    Next::Again
                }
                Err(e) => {
                    self.failed(flow, &e);
                    Next::Done
                }
            });
        }
        match self.read(i) {
            Some(Ok((n, _))) => {
                self.answered(i, n, clock());
                return Ok(Next::Again);
            }
            Some(Err(e)) => {
                self.failed(flow, &e);
                return Ok(Next::Again);
            }
            None => {}
        }
        let now = clock();
        while self.all[i].open.front().is_some_and(|o| o.1 <= now) {
            self.all[i].open.pop_front();
            self.think(i, now);
        }
        let p = &mut self.all[i];
        let give_up = p.open.front().map(|o| o.1);
        if p.sent >= count {
            return Ok(give_up.map_or(Next::Done, |at| Next::Wait(Some(at))));
        }
        let App::Requests { load, .. } = &p.task.app else { return Ok(Next::Done) };
        let due = match load {
            Load::Open(times) => times.get(p.sent as usize).map(|t| *t as i64),
            Load::Closed(n) => (p.open.len() < *n as usize).then_some(now),
            Load::Thinking(..) => p.asks.peek().map(|t| t.0),
        };
        match due.filter(|d| *d <= now) {
            None => Ok(Next::Wait([due, give_up].into_iter().flatten().min())),
            Some(due) => {
                let seq = p.sent as u32;
                p.sent += 1;
                p.asks.pop();
                self.sent_late(flow, now - due);
                let Some(fd) = &self.all[i].sock else { return Ok(Next::Done) };
                match sys::send(fd, &payload(flow, seq, size), None) {
                    Ok(_) => self.all[i].open.push_back((seq, due + timeout_ns as i64)),
                    Err(e) => {
                        self.failed(flow, &e);
                        self.think(i, now);
                    }
                }
                Ok(Next::Again)
            }
        }
    }

    /// An answer of `n` bytes was read; one whose request was given up counts for nothing.
    fn answered(&mut self, i: usize, n: usize, now: i64) {
        let p = &mut self.all[i];
        let at = match tag(&self.buffer[..n]) {
            Some((_, seq)) => p.open.iter().position(|o| o.0 == seq),
            None => (!p.open.is_empty()).then_some(0),
        };
        let Some(at) = at else { return };
        p.open.remove(at);
        let flow = p.task.flow;
        self.think(i, now);
        if let Some(f) = self.flow(flow) {
            f.received += 1;
        }
    }
}
