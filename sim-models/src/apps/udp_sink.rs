//! Receives datagrams and answers nothing; what it reads is measured.

use super::{Env, Next, flow, pace::Law};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{self, Proto, Received, SockId, lookup, udp},
    },
    packet::Tag,
};

/// Binds `addr:port` and reads for ever.
pub struct UdpSink {
    pub addr: u32,
    pub port: u16,
    /// How long it works on each, one after the other, without needing the core; latency counts to the end of it.
    pub service: Option<Law>,
    /// How many it has read of each flow, by the flow's number minus 1; counted only if asked for.
    pub tally: Option<Vec<u64>>,
    sock: Option<SockId>,
    /// What it works on.
    held: Option<Received>,
    /// `bind` failed.
    pub error: Option<Errno>,
}

impl UdpSink {
    pub fn new(addr: u32, port: u16) -> UdpSink {
        UdpSink { addr, port, service: None, tally: None, sock: None, held: None, error: None }
    }

    pub(super) fn holds(&self) -> Option<Tag> {
        self.held.map(|h| h.tag)
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            let s = sock::socket(k, env.ns, Proto::Udp, Some(env.id));
            self.error = lookup::bind(k, s, self.addr, self.port).err();
            self.sock = Some(s);
            return if self.error.is_some() { Next::Done } else { Next::Again };
        };
        if let Some(got) = self.held.take() {
            self.count(cx, &got);
        }
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                if let Some(law) = &self.service {
                    self.held = Some(got);
                    return Next::Sleep(cx.clock + law.draw(cx));
                }
                self.count(cx, &got);
                // The next call finds nothing and blocks.
                if udp::is_readable(k, s) { Next::Again } else { Next::Wait(None) }
            }
            Ok(None) => Next::Wait(None),
            Err(_) => Next::Again,
        }
    }

    #[inline]
    fn count(&mut self, cx: &mut Cx, got: &Received) {
        let flow = got.tag.flow;
        if flow == 0 {
            return;
        }
        flow::received(cx, flow, got.tag.born, got.len);
        if let Some(tally) = &mut self.tally {
            let i = flow as usize - 1;
            if tally.len() <= i {
                tally.resize(i + 1, 0);
            }
            tally[i] += 1;
        }
    }
}
