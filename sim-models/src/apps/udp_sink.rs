//! Receives datagrams and answers nothing; what it reads is measured.

use super::{Env, Next, flow};
use crate::kernel::{
    At, Cx, Errno, Kernel,
    sock::{self, Proto, SockId, lookup, udp},
};

/// Binds `addr:port` and reads for ever.
pub struct UdpSink {
    pub addr: u32,
    pub port: u16,
    sock: Option<SockId>,
    /// `bind` failed.
    pub error: Option<Errno>,
}

impl UdpSink {
    pub fn new(addr: u32, port: u16) -> UdpSink {
        UdpSink { addr, port, sock: None, error: None }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some(s) = self.sock else {
            let s = sock::socket(k, env.ns, Proto::Udp, Some(env.id));
            self.error = lookup::bind(k, s, self.addr, self.port).err();
            self.sock = Some(s);
            return if self.error.is_some() { Next::Done } else { Next::Again };
        };
        match udp::recvfrom(k, cx, s) {
            Ok(Some(got)) => {
                cx.work(At::Syscall);
                if got.tag.flow != 0 {
                    flow::received(cx, got.tag.flow, got.tag.born, got.len);
                }
                // The next call finds nothing and blocks.
                if udp::is_readable(k, s) { Next::Again } else { Next::Wait(None) }
            }
            Ok(None) => Next::Wait(None),
            Err(_) => Next::Again,
        }
    }
}
