//! A server: sends every datagram back to its sender, from the address that routing chooses.

use super::{Env, Next};
use crate::kernel::{
    At, Cx, Errno, Kernel,
    sock::{self, Proto, Received, SockId, lookup, udp},
};

/// Binds `addr:port`; answers with as many bytes as came, or with `reply` bytes.
pub struct UdpEcho {
    pub addr: u32,
    pub port: u16,
    pub reply: Option<u32>,
    sock: Option<SockId>,
    answer: Option<Received>,
    /// `bind` failed.
    pub error: Option<Errno>,
    /// Answers that could not be sent.
    pub failed: u64,
}

impl UdpEcho {
    pub fn new(addr: u32, port: u16, reply: Option<u32>) -> UdpEcho {
        UdpEcho { addr, port, reply, sock: None, answer: None, error: None, failed: 0 }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            let s = sock::socket(k, env.ns, Proto::Udp, Some(env.id));
            if let Some(s) = k.sockets.get_mut(s) {
                s.opts.reuseaddr = true;
            }
            self.error = lookup::bind(k, s, self.addr, self.port).err();
            self.sock = Some(s);
            return if self.error.is_some() { Next::Done } else { Next::Again };
        };
        if let Some(got) = self.answer.take() {
            cx.work(At::Syscall);
            let len = self.reply.unwrap_or(got.len);
            if udp::sendto(k, cx, s, Some((got.from, got.port)), len, got.tag, got.traced).is_err() {
                self.failed += 1;
            }
            return Next::Again;
        }
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                self.answer = Some(got);
                Next::Again
            }
            Ok(None) => Next::Wait(None),
            Err(_) => Next::Again,
        }
    }
}
