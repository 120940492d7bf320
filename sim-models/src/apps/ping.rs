//! iputils' ping: echo requests at an interval, and a wait for the last answer.

use super::{Env, Next, flow};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel, icmp,
        sock::{self, IcmpError, Options, Proto, SockId, raw, udp},
    },
    packet::Tag,
};
use sim_core::time::{Span, Time};

/// What is asked, and what came of it.
pub struct Ping {
    /// Number of the flow in the scenario plus 1, or 0 for none.
    pub flow: u32,
    pub dst: u32,
    /// `-I ADDRESS`; 0: by routing.
    pub src: u32,
    /// `-s`: bytes of data.
    pub size: u32,
    /// `-c`
    pub count: u64,
    /// `-i`
    pub interval: Span,
    /// `-W`: how long to wait for the last answer if there was none yet.
    pub linger: Span,
    /// `-e`
    pub id: u16,
    pub opts: Options,
    /// `-I DEVICE`
    pub device: Option<String>,
    /// In order of arrival.
    pub events: Vec<Event>,
    pub sent: u64,
    pub received: u64,
    /// The first send failed, as ping reports it before anything else.
    pub error: Option<Errno>,
    /// Keep `events`.
    pub verbose: bool,
    sock: Option<SockId>,
    start: Time,
    next: Time,
    /// Virtual time of sending by sequence number, for the last few.
    last_send: Time,
    longest: Span,
    errors: u64,
}

/// One line of ping's output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// "64 bytes from FROM: icmp_seq=SEQ ttl=TTL time=…"
    Reply { from: u32, seq: u16, ttl: u8, bytes: u32, rtt: Span },
    /// "From FROM icmp_seq=… Destination …"
    Error(IcmpError),
    /// "ping: sendmsg: …"
    Send(Errno),
}

impl Ping {
    pub fn new(flow: u32, dst: u32, count: u64) -> Ping {
        Ping {
            flow,
            dst,
            src: 0,
            size: 56,
            count,
            interval: Span::from_s(1),
            linger: Span::from_s(10),
            id: 7,
            opts: Options { recverr: true, ..Options::default() },
            device: None,
            events: Vec::new(),
            sent: 0,
            received: 0,
            error: None,
            verbose: false,
            sock: None,
            start: Time::ZERO,
            next: Time::ZERO,
            last_send: Time::ZERO,
            longest: Span::ZERO,
            errors: 0,
        }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            let options = (self.opts, self.device.as_deref());
            let opened = super::open(k, env, (Proto::RawIcmp, Some(env.id)), options, (0, 0));
            let s = match opened.and_then(|s| sock::lookup::may_bind(k, env.ns, self.src).map(|()| s)) {
                Ok(s) => s,
                Err(e) => {
                    self.error = Some(e);
                    if self.flow != 0 {
                        flow::failed(cx, self.flow, e);
                    }
                    return Next::Done;
                }
            };
            if let Some(sk) = k.sockets.get_mut(s) {
                (sk.port, sk.src_addr, sk.rcv_addr) = (self.id, self.src, self.src);
            }
            self.sock = Some(s);
            (self.start, self.next) = (cx.clock, cx.clock);
            return Next::Again;
        };
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                self.reply(cx, &got);
                return self.read_on(k, cx, s);
            }
            Ok(None) => {}
            Err(_) => return Next::Again,
        }
        if let Some(e) = k.sockets.get_mut(s).and_then(|s| s.errqueue.pop_front()) {
            self.errors += 1;
            if self.flow != 0 {
                flow::failed(cx, self.flow, e.errno().0);
            }
            if self.verbose {
                self.events.push(Event::Error(e));
            }
            return self.read_on(k, cx, s);
        }
        if self.sent < self.count && cx.clock >= self.next {
            return self.send(k, cx, s);
        }
        self.rest(k, cx)
    }

    fn send(&mut self, k: &mut Kernel, cx: &mut Cx, s: SockId) -> Next {
        let begun = cx.clock;
        cx.work(At::Syscall);
        let seq = self.sent as u32;
        let tag = Tag { flow: self.flow, seq, born: begun.ps() };
        let traced = self.flow != 0 && cx.obs.follow == Some((self.flow, seq));
        if self.flow != 0 {
            flow::sent(cx, self.flow, begun);
        }
        let echo = (self.id, (self.sent + 1) as u16);
        let result = raw::send_echo(k, cx, s, self.dst, echo, self.size, tag, traced);
        self.sent += 1;
        self.last_send = begun;
        self.next = begun + self.interval;
        if let Err(e) = result {
            self.error.get_or_insert(e);
            if self.flow != 0 {
                flow::failed(cx, self.flow, e);
            }
            if self.verbose {
                self.events.push(Event::Send(e));
            }
        }
        Next::Again
    }

    fn reply(&mut self, cx: &mut Cx, got: &sock::Received) {
        if got.icmp.0 != icmp::ECHO_REPLY {
            return;
        }
        self.received += 1;
        let rtt = cx.clock.since(Time::from_ps(got.tag.born));
        self.longest = self.longest.max(rtt);
        if self.flow != 0 {
            flow::received(cx, self.flow, got.tag.born, got.len);
        }
        if self.verbose {
            let seq = got.icmp.2 as u16;
            self.events.push(Event::Reply { from: got.from, seq, ttl: got.ttl, bytes: got.len + 8, rtt });
        }
    }

    /// More may have come with what was just read.
    fn read_on(&mut self, k: &mut Kernel, cx: &mut Cx, s: SockId) -> Next {
        let more = k.sockets.get(s).is_some_and(|s| !s.errqueue.is_empty()) || udp::is_readable(k, s);
        if more { Next::Again } else { self.rest(k, cx) }
    }

    /// Waits for the next send, or for the last answers.
    fn rest(&mut self, k: &mut Kernel, cx: &mut Cx) -> Next {
        if self.sent < self.count {
            return Next::Wait(Some(self.next));
        }
        let end =
            self.last_send + if self.received > 0 { self.longest.times(2).max(self.interval) } else { self.linger };
        if self.received + self.errors >= self.count || cx.clock >= end {
            if let Some(s) = self.sock {
                sock::close(k, cx, s);
            }
            return Next::Done;
        }
        Next::Wait(Some(end))
    }
}
