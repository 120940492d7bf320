//! Connection attempts, one after the other: SYN, and whatever answers it.

use super::{
    Env, Next,
    flow::{self, Pace},
};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{self, Options, Proto, SockId, tcp},
    },
    packet::Tag,
};
use sim_core::time::{Span, Time};

/// Where to, and what came of it.
pub struct TcpConnect {
    /// Number of the flow in the scenario plus 1, or 0 for none.
    pub flow: u32,
    pub to: (u32, u16),
    /// Address and port to bind; 0 leaves it to the kernel.
    pub bind: (u32, u16),
    pub opts: Options,
    /// `SO_BINDTODEVICE`, by name.
    pub device: Option<String>,
    pub count: u64,
    /// When each attempt is meant to begin; not before the one before it is over.
    pub pace: Pace,
    /// An attempt that nothing ends is given up after so long.
    pub wait: Span,
    /// Of the last attempt.
    pub error: Option<Errno>,
    pub timed_out: bool,
    done: u64,
    due: Option<Time>,
    open: Option<(SockId, Tag)>,
    deadline: Time,
}

impl TcpConnect {
    /// A single attempt, at once.
    pub fn new(to: (u32, u16), port: u16, wait: Span) -> TcpConnect {
        TcpConnect {
            flow: 0,
            to,
            bind: (0, port),
            opts: Options { reuseaddr: true, ..Options::default() },
            device: None,
            count: 1,
            pace: Pace::Constant { start: Time::ZERO, millirate: 1 },
            wait,
            error: None,
            timed_out: false,
            done: 0,
            due: None,
            open: None,
            deadline: Time::ZERO,
        }
    }

    pub(super) fn holds(&self) -> Option<Tag> {
        self.open.map(|o| o.1)
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let Some((s, tag)) = self.open else {
            if self.done >= self.count {
                return Next::Done;
            }
            let due = match self.due {
                Some(due) => due,
                None => self.pace.next(cx, self.done),
            };
            self.due = Some(due);
            return if due > cx.clock { Next::Sleep(due) } else { self.begin(k, cx, env, due) };
        };
        cx.work(At::Syscall);
        if let Some(e) = sock::take_error(k, s) {
            if e == Errno::ECONNREFUSED && self.flow != 0 {
                // The far side has answered: a round trip.
                flow::received(cx, self.flow, tag.born, 0);
            }
            return self.end(k, cx, Some(e));
        }
        if cx.clock >= self.deadline {
            self.timed_out = true;
            return self.end(k, cx, None);
        }
        Next::Wait(Some(self.deadline))
    }

    fn begin(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env, due: Time) -> Next {
        cx.work(At::Syscall);
        let seq = self.done as u32;
        let tag = Tag { flow: self.flow, seq, born: due.ps() };
        let traced = self.flow != 0 && cx.obs.follow == Some((self.flow, seq));
        if self.flow != 0 {
            flow::sent(cx, self.flow, due);
        }
        self.due = None;
        self.deadline = cx.clock + self.wait;
        let (owner, options) = (Some(env.id), (self.opts, self.device.as_deref()));
        let begun = super::open(k, env, (Proto::Tcp(tcp::State::Closed), owner), options, self.bind);
        let begun = begun.and_then(|s| {
            self.open = Some((s, tag));
            tcp::connect(k, cx, s, self.to, (tag, traced))
        });
        match begun {
            Ok(()) => Next::Again,
            Err(e) => self.end(k, cx, Some(e)),
        }
    }

    /// An attempt is over.
    fn end(&mut self, k: &mut Kernel, cx: &mut Cx, e: Option<Errno>) -> Next {
        self.error = e;
        if let (Some(e), true) = (e, self.flow != 0) {
            flow::failed(cx, self.flow, e);
        }
        if let Some((s, _)) = self.open.take() {
            sock::close(k, cx, s);
        }
        self.done += 1;
        if self.done >= self.count { Next::Done } else { Next::Again }
    }
}
