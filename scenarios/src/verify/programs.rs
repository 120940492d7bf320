//! The simulator's programs as data that an oracle can run.

use super::job::{App as JobApp, Load as JobLoad, SockOpts};
use sim_core::time::Time;
use sim_models::{
    apps::{App, flow::Pace, requests::Load},
    kernel::{Cx, DevId, sock},
};

const NS: u64 = 1000;

pub fn socket_options(o: &sock::Options, devs: &[(DevId, String)], rcvbuf: Option<u32>) -> SockOpts {
    SockOpts {
        broadcast: o.broadcast,
        reuseaddr: o.reuseaddr,
        pmtudisc: match o.pmtudisc {
            sock::PmtuDisc::Dont => 0,
            sock::PmtuDisc::Want => 1,
            sock::PmtuDisc::Do => 2,
        },
        ttl: o.ttl,
        tos: o.tos,
        mark: o.mark,
        device: o.device.and_then(|d| devs.iter().find(|(id, _)| *id == d)).map(|d| d.1.clone()),
        recverr: o.recverr,
        rcvbuf,
    }
}

/// A program as data, cut to `packets` on both sides, and when its last packet is meant to be sent.
pub fn job_app(
    app: &mut App,
    start: Time,
    packets: u64,
    draws: &mut Cx,
    options: &dyn Fn(&sock::Options) -> SockOpts,
) -> Option<(u32, JobApp, Option<Time>)> {
    let server = SockOpts { pmtudisc: 1, ..options(&sock::Options::default()) };
    Some(match app {
        App::Ping(p) => {
            p.count = p.count.min(packets);
            let (interval_ns, linger_ns) = (p.interval.ps() / NS, p.linger.ps() / NS);
            let opts = options(&p.opts);
            let last = start + p.interval.times(p.count.saturating_sub(1));
            let (dst, src, size, count, id) = (p.dst, p.src, p.size, p.count, p.id);
            let app = JobApp::Ping { dst, src, size, count, interval_ns, linger_ns, id, opts };
            (p.flow, app, Some(last))
        }
        App::UdpSend(u) => {
            u.count = u.count.min(packets);
            let (times, last) = times(&u.pace, u.count, draws);
            let (dst, port, bind, size) = (u.dst, u.port, u.bind, u.size);
            (u.flow, JobApp::Send { dst, port, bind, size, times, opts: options(&u.opts) }, last)
        }
        App::Requests(r) => {
            r.count = r.count.min(packets);
            let (load, last) = match &r.load {
                Load::Open(pace) => {
                    let (times, last) = times(pace, r.count, draws);
                    (JobLoad::Open(times), last)
                }
                Load::Closed(n) => (JobLoad::Closed(*n), None),
            };
            let (to, bind, size, count) = (r.to, r.bind, r.size, r.count);
            let (timeout_ns, opts) = (r.timeout.ps() / NS, options(&r.opts));
            (r.flow, JobApp::Requests { to, bind, size, count, load, timeout_ns, opts }, last)
        }
        App::UdpSink(s) => (0, JobApp::Sink { addr: s.addr, port: s.port, opts: server }, None),
        App::UdpEcho(e) => {
            let opts = SockOpts { reuseaddr: true, ..server };
            (0, JobApp::Echo { addr: e.addr, port: e.port, reply: e.reply, opts }, None)
        }
        // No scenario starts any other.
        App::UdpOnce(_) | App::TcpConnect(_) => return None,
    })
}

fn times(pace: &Pace, count: u64, draws: &mut Cx) -> (Vec<u64>, Option<Time>) {
    let mut pace = pace.clone();
    let times: Vec<Time> = (0..count).map(|i| pace.next(draws, i)).collect();
    (times.iter().map(|t| t.ps() / NS).collect(), times.last().copied())
}
