//! A connection attempt: SYN, and whatever answers it.

use super::{Env, Next};
use crate::kernel::{
    At, Cx, Errno, Kernel,
    sock::{self, Proto, SockId, lookup, tcp},
};
use sim_core::time::{Span, Time};

/// Where to, and what came of it.
pub struct TcpConnect {
    pub to: (u32, u16),
    /// 0: ephemeral.
    pub port: u16,
    pub wait: Span,
    pub error: Option<Errno>,
    pub timed_out: bool,
    sock: Option<SockId>,
    deadline: Time,
}

impl TcpConnect {
    pub fn new(to: (u32, u16), port: u16, wait: Span) -> TcpConnect {
        TcpConnect { to, port, wait, error: None, timed_out: false, sock: None, deadline: Time::ZERO }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        cx.work(At::Syscall);
        let Some(s) = self.sock else {
            let s = sock::socket(k, env.ns, Proto::Tcp(tcp::State::Closed), Some(env.id));
            self.sock = Some(s);
            if let Some(s) = k.sockets.get_mut(s) {
                s.opts.reuseaddr = true;
            }
            self.deadline = cx.clock + self.wait;
            let begun = lookup::bind(k, s, 0, self.port).and_then(|()| tcp::connect(k, cx, s, self.to.0, self.to.1));
            return match begun {
                Ok(()) => Next::Again,
                Err(e) => self.end(k, cx, Some(e)),
            };
        };
        if let Some(e) = sock::take_error(k, s) {
            return self.end(k, cx, Some(e));
        }
        if cx.clock >= self.deadline {
            self.timed_out = true;
            return self.end(k, cx, None);
        }
        Next::Wait(Some(self.deadline))
    }

    fn end(&mut self, k: &mut Kernel, cx: &mut Cx, e: Option<Errno>) -> Next {
        self.error = e;
        if let Some(s) = self.sock {
            sock::close(k, cx, s);
        }
        Next::Done
    }
}
