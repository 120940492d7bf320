//! Requests and their answers: round trips, in an open loop (meant times) or a closed one (so many at once).

use super::{
    Env, Next,
    flow::{self, Pace},
    pace::Law,
};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{Options, Proto, SockId, udp},
    },
    packet::Tag,
};
use sim_core::time::{Span, Time};
use std::{
    cmp::Reverse,
    collections::{BinaryHeap, VecDeque},
};

/// `Requests(…)` of a scenario, the client.
pub struct Requests {
    /// Number of the flow in the scenario, plus 1.
    pub flow: u32,
    pub to: (u32, u16),
    pub bind: (u32, u16),
    pub opts: Options,
    /// `SO_BINDTODEVICE`, by name.
    pub device: Option<String>,
    /// Bytes of a request.
    pub size: u32,
    pub count: u64,
    pub load: Load,
    /// A request without an answer for so long is given up.
    pub timeout: Span,
    sock: Option<SockId>,
    sent: u64,
    due: Option<Time>,
    /// Sequence number and time of giving up, in order of sending.
    open: VecDeque<(u32, Time)>,
}

/// Who decides when a request is sent.
pub enum Load {
    Open(Pace),
    /// So many are on their way at any time.
    Closed(u32),
    /// So many clients, each of which thinks before it asks.
    Thinking(Thinking),
}

/// Clients of a closed loop: each thinks, asks, waits for its answer, thinks again.
pub struct Thinking {
    pub clients: u32,
    pub think: Law,
    /// When those that think will ask.
    asks: BinaryHeap<Reverse<Time>>,
}

impl Thinking {
    pub fn new(clients: u32, think: Law) -> Thinking {
        Thinking { clients, think, asks: BinaryHeap::new() }
    }

    /// One more client thinks.
    fn begin(&mut self, cx: &mut Cx) {
        let asks = cx.clock + self.think.draw(cx);
        self.asks.push(Reverse(asks));
    }
}

impl Requests {
    /// Its socket, once it has one.
    pub fn socket(&self) -> Option<SockId> {
        self.sock
    }

    pub fn new(flow: u32, to: (u32, u16), size: u32, count: u64, load: Load) -> Requests {
        Requests {
            flow,
            to,
            bind: (0, 0),
            opts: Options::default(),
            device: None,
            size,
            count,
            load,
            timeout: Span::from_s(1),
            sock: None,
            sent: 0,
            due: None,
            open: VecDeque::new(),
        }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            return match self.connect(k, cx, env) {
                Ok(()) => Next::Again,
                Err(e) => {
                    flow::failed(cx, self.flow, e);
                    Next::Done
                }
            };
        };
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                self.answer(cx, &got.tag, got.len);
                return Next::Again;
            }
            Ok(None) => {}
            Err(e) => {
                flow::failed(cx, self.flow, e);
                return Next::Again;
            }
        }
        while self.open.front().is_some_and(|o| o.1 <= cx.clock) {
            self.open.pop_front();
            self.over(cx);
        }
        if self.sent < self.count {
            let due = self.next_due(cx);
            if due.is_some_and(|d| d <= cx.clock) {
                return self.send(k, cx, s, due.unwrap_or(cx.clock));
            }
            let give_up = self.open.front().map(|o| o.1);
            return Next::Wait([due, give_up].into_iter().flatten().min());
        }
        match self.open.front() {
            Some(o) => Next::Wait(Some(o.1)),
            None => Next::Done,
        }
    }

    /// When the next request may go; `None`: when an answer comes or one is given up.
    fn next_due(&mut self, cx: &mut Cx) -> Option<Time> {
        match &mut self.load {
            Load::Open(pace) => {
                if self.due.is_none() {
                    self.due = Some(pace.next(cx, self.sent));
                }
                self.due
            }
            Load::Closed(n) => (self.open.len() < *n as usize).then_some(cx.clock),
            Load::Thinking(t) => t.asks.peek().map(|t| t.0),
        }
    }

    /// A request was answered, or given up, or could not be sent.
    fn over(&mut self, cx: &mut Cx) {
        if let Load::Thinking(t) = &mut self.load {
            t.begin(cx);
        }
    }

    fn send(&mut self, k: &mut Kernel, cx: &mut Cx, s: SockId, born: Time) -> Next {
        let seq = self.sent as u32;
        cx.work(At::Syscall);
        let tag = Tag { flow: self.flow, seq, born: born.ps() };
        let traced = cx.obs.follow == Some((self.flow, seq));
        flow::sent(cx, self.flow, born);
        self.sent += 1;
        self.due = None;
        if let Load::Thinking(t) = &mut self.load {
            t.asks.pop();
        }
        match udp::sendto(k, cx, s, None, self.size, tag, traced) {
            Ok(_) => self.open.push_back((seq, born + self.timeout)),
            Err(e) => {
                flow::failed(cx, self.flow, e);
                self.over(cx);
            }
        }
        Next::Again
    }

    /// An answer that comes after its request was given up counts as lost.
    fn answer(&mut self, cx: &mut Cx, tag: &Tag, len: u32) {
        if let Some(i) = self.open.iter().position(|o| o.0 == tag.seq) {
            self.open.remove(i);
            flow::received(cx, self.flow, tag.born, len);
            self.over(cx);
        }
    }

    fn connect(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Result<(), Errno> {
        let options = (self.opts, self.device.as_deref());
        let s = super::open(k, env, (Proto::Udp, Some(env.id)), options, self.bind)?;
        udp::connect(k, cx, s, self.to.0, self.to.1)?;
        if let Load::Thinking(t) = &mut self.load {
            (0..t.clients).for_each(|_| t.begin(cx));
        }
        self.sock = Some(s);
        Ok(())
    }
}
