//! One datagram, and perhaps one answer: a new socket, bind, connect, send, wait, close.

use super::{Env, Next};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{self, Options, Proto, SockId, lookup, udp},
    },
    packet::Tag,
};
use sim_core::time::{Span, Time};

/// What is to be sent, and what came of it.
pub struct UdpOnce {
    pub bind: (u32, u16),
    pub to: (u32, u16),
    /// Bytes.
    pub size: u32,
    /// How long to wait for an answer; zero: not at all.
    pub wait: Span,
    pub opts: Options,
    /// Bytes sent; bytes of the answer; the error that ended it.
    pub sent: Option<u32>,
    pub reply: Option<u32>,
    pub error: Option<Errno>,
    pub timed_out: bool,
    sock: Option<SockId>,
    deadline: Time,
}

impl UdpOnce {
    pub fn new(bind: (u32, u16), to: (u32, u16), size: u32, wait: Span, opts: Options) -> UdpOnce {
        UdpOnce {
            bind,
            to,
            size,
            wait,
            opts,
            sent: None,
            reply: None,
            error: None,
            timed_out: false,
            sock: None,
            deadline: Time::ZERO,
        }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        cx.work(At::Syscall);
        let Some(s) = self.sock else {
            return match self.send(k, cx, env) {
                Ok(()) => Next::Again,
                Err(e) => self.end(k, cx, Some(e)),
            };
        };
        if self.wait == Span::ZERO {
            return self.end(k, cx, None);
        }
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                self.reply = Some(got.len);
                self.end(k, cx, None)
            }
            Ok(None) if cx.clock >= self.deadline => {
                self.timed_out = true;
                self.end(k, cx, None)
            }
            Ok(None) => Next::Wait(Some(self.deadline)),
            Err(e) => self.end(k, cx, Some(e)),
        }
    }

    fn send(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Result<(), Errno> {
        let s = sock::socket(k, env.ns, Proto::Udp, Some(env.id));
        self.sock = Some(s);
        if let Some(s) = k.sockets.get_mut(s) {
            s.set_options(self.opts);
        }
        lookup::bind(k, s, self.bind.0, self.bind.1)?;
        udp::connect(k, cx, s, self.to.0, self.to.1)?;
        self.sent = Some(udp::sendto(k, cx, s, None, self.size, Tag::default(), false)?);
        self.deadline = cx.clock + self.wait;
        Ok(())
    }

    fn end(&mut self, k: &mut Kernel, cx: &mut Cx, e: Option<Errno>) -> Next {
        self.error = e;
        if let Some(s) = self.sock {
            sock::close(k, cx, s);
        }
        Next::Done
    }
}
