//! The simulator's programs as data, for a real kernel: what they ask, and every time that chance decides.

use super::job::{App as JobApp, Load as JobLoad, SockOpts};
use sim_core::time::Time;
use sim_models::{
    apps::{
        App,
        flow::Pace,
        pace::{Law, Packet},
        requests::Load,
    },
    kernel::{Cx, sock},
};

const NS: u64 = 1000;
/// Times that are drawn for one server at most.
const MOST_DRAWS: u64 = 100_000;

/// What random times are drawn with, and for how many packets.
pub(super) struct Drawn<'d> {
    /// Of each flow at most.
    pub packets: u64,
    pub flows: u64,
    pub cx: &'d mut Cx,
}

impl Drawn<'_> {
    fn times(&mut self, pace: &Pace, count: u64) -> (Vec<u64>, Option<Time>) {
        let mut pace = pace.clone();
        let times: Vec<Time> = (0..count).map(|i| pace.next(self.cx, i)).collect();
        (times.iter().map(|t| t.ps() / NS).collect(), times.last().copied())
    }

    /// As many as may be needed.
    fn spans(&mut self, law: &Law, count: u64) -> Vec<u64> {
        (0..count).map(|_| law.draw(self.cx).ps() / NS).collect()
    }

    /// How long a server works on each of all messages.
    fn service(&mut self, law: Option<&Law>) -> Vec<u64> {
        let most = self.packets.saturating_mul(self.flows).min(MOST_DRAWS);
        law.map(|law| self.spans(law, most)).unwrap_or_default()
    }
}

/// Socket options as data; `device` by name.
pub(super) fn socket_options(o: &sock::Options, device: Option<&str>, rcvbuf: Option<u32>) -> SockOpts {
    SockOpts {
        broadcast: o.broadcast,
        reuseaddr: o.reuseaddr,
        pmtudisc: match o.pmtudisc {
            sock::PmtuDisc::Dont => 0,
            sock::PmtuDisc::Want => 1,
            sock::PmtuDisc::Do => 2,
            sock::PmtuDisc::Probe => 3,
            sock::PmtuDisc::Interface => 4,
            sock::PmtuDisc::Omit => 5,
        },
        ttl: o.ttl,
        tos: o.tos,
        mark: o.mark,
        device: device.map(str::to_owned),
        recverr: o.recverr,
        rcvbuf,
    }
}

/// A program as data, cut to `packets` on both sides, and when its last packet is meant to be sent.
pub(super) fn job_app(
    app: &mut App,
    start: Time,
    mut drawn: Drawn,
    options: &dyn Fn(&sock::Options, Option<&str>) -> SockOpts,
) -> Option<(u32, JobApp, Option<Time>)> {
    let server = SockOpts { pmtudisc: 1, ..options(&sock::Options::default(), None) };
    let packets = drawn.packets;
    Some(match app {
        App::Ping(p) => {
            p.count = p.count.min(packets);
            let (interval_ns, linger_ns) = (p.interval.ps() / NS, p.linger.ps() / NS);
            let opts = options(&p.opts, p.device.as_deref());
            let last = start + p.interval.times(p.count.saturating_sub(1));
            let (dst, src, size, count, id) = (p.dst, p.src, p.size, p.count, p.id);
            let app = JobApp::Ping { dst, src, size, count, interval_ns, linger_ns, id, opts };
            (p.flow, app, Some(last))
        }
        App::UdpSend(u) => {
            u.count = u.count.min(packets);
            let (times, last) = drawn.times(&u.pace, u.count);
            let (dst, port, bind, size) = (u.dst, u.port, u.bind, u.size);
            let own = |p: &Packet| (p.size, p.dst.unwrap_or(dst));
            let each = u.trace.iter().flat_map(|t| t.iter().take(u.count as usize)).map(own).collect();
            let opts = options(&u.opts, u.device.as_deref());
            (u.flow, JobApp::Send { dst, port, bind, size, times, each, opts }, last)
        }
        App::Requests(r) => {
            r.count = r.count.min(packets);
            let (load, last) = match &r.load {
                Load::Open(pace) => {
                    let (times, last) = drawn.times(pace, r.count);
                    (JobLoad::Open(times), last)
                }
                Load::Closed(n) => (JobLoad::Closed(*n), None),
                Load::Thinking(t) => {
                    let think = drawn.spans(&t.think, r.count + u64::from(t.clients));
                    (JobLoad::Thinking(t.clients, think), None)
                }
            };
            let (to, bind, size, count) = (r.to, r.bind, r.size, r.count);
            let (timeout_ns, opts) = (r.timeout.ps() / NS, options(&r.opts, r.device.as_deref()));
            (r.flow, JobApp::Requests { to, bind, size, count, load, timeout_ns, opts }, last)
        }
        App::UdpSink(s) => {
            let service = drawn.service(s.service.as_ref());
            (0, JobApp::Sink { addr: s.addr, port: s.port, service, opts: server }, None)
        }
        App::UdpEcho(e) => {
            let opts = SockOpts { reuseaddr: true, ..server };
            let (addr, port, reply, forward) = (e.addr, e.port, e.reply, e.forward);
            let service = drawn.service(e.service.as_ref());
            (0, JobApp::Echo { addr, port, reply, service, forward, opts }, None)
        }
        App::TcpConnect(t) => {
            t.count = t.count.min(packets);
            let (times, _) = drawn.times(&t.pace, t.count);
            let (wait_ns, opts) = (t.wait.ps() / NS, options(&t.opts, t.device.as_deref()));
            (t.flow, JobApp::Connect { to: t.to, bind: t.bind, times, wait_ns, opts }, None)
        }
        App::Frames(f) => {
            f.frames = f.frames.iter().take(packets as usize).cloned().collect();
            let (times, last) = drawn.times(&f.pace, f.frames.len() as u64);
            let frames = f.frames.iter().map(|(bytes, _)| hex(bytes)).collect();
            (f.flow, JobApp::Frames { device: f.device.clone(), frames, times }, last)
        }
        // No scenario starts any other.
        App::UdpOnce(_) => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
