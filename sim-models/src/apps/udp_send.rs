//! Sends datagrams at meant times, whatever becomes of them (an open loop).

use super::{
    Env, Next,
    flow::{self, Pace},
    pace::Packet,
};
use crate::{
    kernel::{
        At, Cx, Errno, Kernel,
        sock::{Options, Proto, SockId, udp},
    },
    packet::Tag,
};
use sim_core::time::Time;
use std::sync::Arc;

/// `Udp(…)` of a scenario, its sending side.
pub struct UdpSend {
    /// Number of the flow in the scenario, plus 1.
    pub flow: u32,
    pub dst: u32,
    pub port: u16,
    /// More destinations to choose from at random: (stream, list).
    pub others: Option<(sim_core::rng::StreamId, Vec<u32>)>,
    /// Address and port to bind; 0 leaves it to the kernel.
    pub bind: (u32, u16),
    pub opts: Options,
    /// `SO_BINDTODEVICE`, by name.
    pub device: Option<String>,
    /// Bytes of payload.
    pub size: u32,
    pub count: u64,
    pub pace: Pace,
    /// Size and destination of each packet, where they differ.
    pub trace: Option<Arc<[Packet]>>,
    state: State,
}

#[derive(Default)]
struct State {
    sock: Option<SockId>,
    done: u64,
    /// The meant time of the next packet.
    due: Option<Time>,
}

impl UdpSend {
    pub fn new(flow: u32, to: (u32, u16), size: u32, count: u64, pace: Pace) -> UdpSend {
        UdpSend {
            flow,
            dst: to.0,
            port: to.1,
            others: None,
            bind: (0, 0),
            opts: Options::default(),
            device: None,
            size,
            count,
            pace,
            trace: None,
            state: State::default(),
        }
    }

    /// Its socket, once it has one.
    pub fn socket(&self) -> Option<SockId> {
        self.state.sock
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        if self.state.done >= self.count {
            return Next::Done;
        }
        let due = match self.state.due {
            Some(d) => d,
            None => self.pace.next(cx, self.state.done),
        };
        self.state.due = Some(due);
        if due > cx.clock {
            return Next::Sleep(due);
        }
        let sock = match self.open(k, env) {
            Ok(s) => s,
            Err(e) => {
                flow::failed(cx, self.flow, e);
                return Next::Done;
            }
        };
        cx.work(At::Syscall);
        let seq = self.state.done as u32;
        let tag = Tag { flow: self.flow, seq, born: due.ps() };
        let mut size = self.size;
        let dst = match (&self.trace, &self.others) {
            (Some(trace), _) => {
                let packet = trace.get(seq as usize);
                size = packet.map_or(size, |p| p.size);
                packet.and_then(|p| p.dst).unwrap_or(self.dst)
            }
            (None, Some((stream, list))) => list[cx.rng.below(*stream, list.len() as u64) as usize],
            (None, None) => self.dst,
        };
        let traced = cx.obs.follow == Some((self.flow, seq));
        flow::sent(cx, self.flow, due);
        if let Err(e) = udp::sendto(k, cx, sock, Some((dst, self.port)), size, tag, traced) {
            flow::failed(cx, self.flow, e);
        }
        self.state.done += 1;
        if self.state.done >= self.count {
            return Next::Done;
        }
        let due = self.pace.next(cx, self.state.done);
        self.state.due = Some(due);
        if due > cx.clock { Next::Sleep(due) } else { Next::Again }
    }

    fn open(&mut self, k: &mut Kernel, env: Env) -> Result<SockId, Errno> {
        if let Some(s) = self.state.sock {
            return Ok(s);
        }
        let s = super::open(k, env, (Proto::Udp, None), (self.opts, self.device.as_deref()), self.bind)?;
        self.state.sock = Some(s);
        Ok(s)
    }
}
