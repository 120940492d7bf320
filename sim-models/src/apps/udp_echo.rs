//! A server: works on each datagram for a while, then sends it back to its sender, from the address that routing
//! chooses, or on to somebody else.

use super::{Env, Next, pace::Law};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{Options, Proto, Received, SockId, udp},
    },
    packet::Tag,
};

/// Binds `addr:port`; answers with as many bytes as came, or with `reply` bytes.
pub struct UdpEcho {
    pub addr: u32,
    pub port: u16,
    pub reply: Option<u32>,
    /// How long it works on each, one after the other, without needing the core; not at all if `None`.
    pub service: Option<Law>,
    /// Where it sends them instead of back.
    pub forward: Option<(u32, u16)>,
    sock: Option<SockId>,
    answer: Option<Received>,
    /// `bind` failed.
    pub error: Option<Errno>,
    /// Answers that could not be sent.
    pub failed: u64,
}

impl UdpEcho {
    pub fn new(addr: u32, port: u16, reply: Option<u32>) -> UdpEcho {
        UdpEcho { addr, port, reply, service: None, forward: None, sock: None, answer: None, error: None, failed: 0 }
    }

    pub(super) fn holds(&self) -> Option<Tag> {
        self.answer.map(|a| a.tag)
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            let opts = Options { reuseaddr: true, ..Options::default() };
            match super::open(k, env, (Proto::Udp, Some(env.id)), (opts, None), (self.addr, self.port)) {
                Ok(s) => self.sock = Some(s),
                Err(e) => self.error = Some(e),
            }
            return if self.error.is_some() { Next::Done } else { Next::Again };
        };
        if let Some(got) = self.answer.take() {
            cx.work(At::Syscall);
            let len = self.reply.unwrap_or(got.len);
            let to = self.forward.unwrap_or((got.from, got.port));
            if udp::sendto(k, cx, s, Some(to), len, got.tag, got.traced).is_err() {
                self.failed += 1;
            }
            return Next::Again;
        }
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                self.answer = Some(got);
                match &self.service {
                    None => Next::Again,
                    Some(law) => Next::Sleep(cx.clock + law.draw(cx)),
                }
            }
            Ok(None) => Next::Wait(None),
            Err(_) => Next::Again,
        }
    }
}
