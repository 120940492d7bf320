//! Flows as tasks: servers first, then who asks them.

use crate::{
    names::{Names, NsRef},
    read::At,
    spec::{
        Arrivals, Broadcast, Frames, Ping, PmtuDisc, Replay, Requests, Scenario, Server, Socket, TcpConnect, Traffic,
        Udp,
    },
    values::{Law, Text, Warmup},
};
use indexmap::IndexMap;
use sim_core::{
    dist::Dist,
    time::{Span, Time},
    units::{Bytes, PerSecond},
};
use sim_models::{
    apps::{
        self, App, TaskId,
        flow::{self, Pace},
        frames,
        pace::{self, OnOff},
        ping,
        requests::{self, Load, Thinking},
        tcp_connect,
        udp_echo::UdpEcho,
        udp_send::UdpSend,
        udp_sink::UdpSink,
    },
    kernel::{Cx, NsId, sock},
    world::World,
};

/// Bytes of payload where a scenario says nothing, and what `ping` sends.
const PAYLOAD: u32 = 64;
const PING_DATA: u32 = 56;

/// The sending side of a flow.
#[derive(Clone, Copy, Debug)]
pub struct Sender {
    pub host: usize,
    pub task: TaskId,
    /// When its last packet is meant to be sent; `None`: that depends on answers.
    pub last: Option<Time>,
}

/// Starts every flow of the scenario. Flow number i of the file is i + 1 in packets' tags.
pub fn start(names: &Names, s: &Scenario, world: &mut World) -> Vec<Sender> {
    let mut starter = Starter { names, world, started: vec![0; names.hosts.len()] };
    servers(&mut starter, s);
    let measure_from = match s.warmup.as_ref().map(|w| w.value.0) {
        Some(Warmup::Until(span)) => Time::ZERO + span,
        Some(Warmup::Mser5) | None => Time::ZERO,
    };
    let mut senders = Vec::new();
    for (i, (entry, t)) in s.traffic.iter().enumerate() {
        let number = i as u32 + 1;
        let from = place(names, Some(t.from()));
        let receivers = t.to().into_iter().map(|to| place(names, Some(to)));
        for at in receivers.chain([from]).flatten() {
            flow::stat(&mut starter.world.hosts[at.host].cx, number).measure_from = measure_from;
        }
        let Some(from) = from else { continue };
        let b = Builder { cx: &mut starter.world.hosts[from.host].cx, number, name: &entry.name, t };
        let start = b.start();
        let (app, last) = match t {
            Traffic::Ping(p) => b.ping(names, p),
            Traffic::Udp(u) => b.udp(u),
            Traffic::Requests(r) => b.requests(r),
            Traffic::Broadcast(c) => b.broadcast(c),
            Traffic::Replay(r) => b.replay(r),
            Traffic::TcpConnect(c) => b.connect(c),
            Traffic::Frames(f) => b.frames(f),
        };
        let task = starter.spawn(from, app, start);
        senders.push(Sender { host: from.host, task, last });
    }
    senders
}

/// Every server once, in the order of the flows that want them.
fn servers(starter: &mut Starter, s: &Scenario) {
    let names = starter.names;
    let mut wanted: IndexMap<(NsRef, u16), (Server, bool)> = IndexMap::new();
    for (_, t) in s.traffic.iter() {
        let many = t.to().len() > 1;
        for (at, port, server) in t.servers() {
            let Some(at) = place(names, Some(at)) else { continue };
            wanted.entry((at, port)).or_insert((server, false)).1 |= many;
        }
    }
    for ((at, port), (server, many)) in wanted {
        let name = format!("service of {}:{port}", names.path(at));
        let cx = &mut starter.world.hosts[at.host].cx;
        let app = server_app(server, port, many, |law| drawn(cx, law, &name));
        starter.spawn(at, app, Time::ZERO);
    }
}

fn place(names: &Names, path: Option<&At<String>>) -> Option<NsRef> {
    names.ns(path?).ok()
}

struct Starter<'w, 's> {
    names: &'w Names<'s>,
    world: &'w mut World,
    /// Tasks started on each host: they take its cores in turn.
    started: Vec<u32>,
}

impl Starter<'_, '_> {
    fn spawn(&mut self, at: NsRef, app: App, start: Time) -> TaskId {
        let n = self.started[at.host];
        self.started[at.host] += 1;
        // The number of one that a script made is the kernel's choice.
        let net = self.names.net(at);
        let made = net.made.then_some(net.name);
        self.world.hosts[at.host].at(Time::ZERO, |k, cx| {
            let on = n % k.cpus.len() as u32;
            let ns = made.and_then(|name| k.ns_by_name(name)).unwrap_or(NsId(at.ns as u32));
            apps::spawn(k, cx, ns, on, app, start)
        })
    }
}

fn server_app(server: Server, port: u16, many: bool, mut law: impl FnMut(Law) -> pace::Law) -> App {
    match server {
        Server::Sink { listen, service } => {
            let mut app = UdpSink::new(listen, port);
            app.service = service.map(law);
            app.tally = many.then(Vec::new);
            App::UdpSink(Box::new(app))
        }
        Server::Echo { listen, reply, service } => {
            let mut app = UdpEcho::new(listen, port, reply.map(|r| r as u32));
            app.service = service.map(law);
            App::UdpEcho(Box::new(app))
        }
        Server::Relay { service, to } => {
            let mut app = UdpEcho::new(0, port, None);
            app.service = service.map(&mut law);
            app.forward = Some((to.address, to.port));
            App::UdpEcho(Box::new(app))
        }
    }
}

/// The law of a scenario, with a stream of its own.
fn drawn(cx: &mut Cx, law: Law, name: &str) -> pace::Law {
    let dist = match law {
        Law::Constant(span) => Dist::Constant(span.ps()),
        Law::Exponential(mean) => Dist::Exponential { mean: mean.ps() },
    };
    pace::Law { dist, stream: cx.rng.named(name) }
}

fn bytes(size: Option<&At<Text<Bytes>>>, default: u32) -> u32 {
    size.map_or(default, |s| s.value.0.0 as u32)
}

/// Makes the sending program of one flow.
struct Builder<'b> {
    cx: &'b mut Cx,
    /// In packets' tags.
    number: u32,
    name: &'b str,
    t: &'b Traffic,
}

/// A program, and when its last packet is meant to be sent; `None`: that depends on answers.
type Made = (App, Option<Time>);

impl Builder<'_> {
    fn start(&self) -> Time {
        Time::ZERO + self.t.start().map_or(Span::ZERO, |s| s.value.0)
    }

    /// Socket options, the device to bind to, the address and port to bind.
    fn socket(&self, usual: sock::Options) -> (sock::Options, Option<String>, (u32, u16)) {
        let plain = Socket::default();
        let s = self.t.socket().map_or(&plain, |s| &s.value);
        let opts = sock::Options {
            broadcast: s.broadcast.as_ref().map_or(usual.broadcast, |b| b.value),
            pmtudisc: s.pmtudisc.as_ref().map_or(usual.pmtudisc, |p| match p.value {
                PmtuDisc::Dont => sock::PmtuDisc::Dont,
                PmtuDisc::Want => sock::PmtuDisc::Want,
                PmtuDisc::Do => sock::PmtuDisc::Do,
            }),
            ttl: self.t.ttl().map(|t| t.value),
            tos: s.tos.as_ref().map_or(usual.tos, |t| t.value),
            mark: s.mark.as_ref().map_or(usual.mark, |m| m.value),
            recverr: s.recverr.as_ref().map_or(usual.recverr, |r| r.value),
            ..usual
        };
        let source = s.source.as_ref().map_or(0, |a| a.value.0.0);
        let port = self.t.source_port().map_or(0, |p| p.value);
        (opts, s.device.as_ref().map(|d| d.value.clone()), (source, port))
    }

    fn law(&mut self, law: Law, what: &str) -> pace::Law {
        drawn(self.cx, law, &format!("{what} of {}", self.name))
    }

    /// The times of sending, and when the last one is expected.
    fn pace(&mut self, rate: PerSecond, n: u64) -> (Pace, Time) {
        let start = self.start();
        let last = start + rate.interval().times(n);
        let millirate = (rate.millionths() / 1000).max(1);
        match self.t.arrivals().map(|a| &a.value) {
            None | Some(Arrivals::Constant) => (Pace::Constant { start, millirate }, last),
            Some(Arrivals::Poisson) => {
                let stream = self.cx.rng.named(&format!("arrivals of {}", self.name));
                let mean = Dist::Exponential { mean: rate.interval().ps() };
                (Pace::Poisson { next: start, mean, stream }, last)
            }
            Some(Arrivals::OnOff(o)) => {
                let (on, off) = (o.on.value.0, o.off.value.0);
                // As many bursts as it takes, and the silence between them.
                let bursts = rate.interval().times(n).ps() / on.mean().ps().max(1);
                let last = last + off.mean().times(bursts);
                let (on, off) = (self.law(on, "bursts"), self.law(off, "silence"));
                (Pace::OnOff(Box::new(OnOff::new(start, millirate, on, off))), last)
            }
        }
    }

    fn ping(self, names: &Names, p: &Ping) -> Made {
        let to = || place(names, p.to.as_ref()).and_then(|at| names.first_address(at)).map_or(0, |(a, _)| a);
        let address = p.address.as_ref().map_or_else(to, |a| a.value.0.0);
        let mut app = ping::Ping::new(self.number, address, p.count.value);
        app.size = bytes(p.size.as_ref(), PING_DATA);
        app.interval = p.interval.as_ref().map_or(app.interval, |i| i.value.0);
        // Each ping process has an identifier of its own, and none has 0.
        app.id = ((self.number - 1) % u32::from(u16::MAX)) as u16 + 1;
        (app.opts, app.device, (app.src, _)) = self.socket(app.opts);
        let last = self.start() + app.interval.times(p.count.value.saturating_sub(1));
        (App::Ping(Box::new(app)), Some(last))
    }

    /// A program that sends datagrams, not built to its end yet.
    fn sender(&self, size: Option<&At<Text<Bytes>>>, count: u64, pace: Pace, usual: sock::Options) -> UdpSend {
        let to = self.t.endpoint().map_or((0, 0), |(e, _)| (e.address, e.port));
        let mut app = UdpSend::new(self.number, to, bytes(size, PAYLOAD), count, pace);
        (app.opts, app.device, app.bind) = self.socket(usual);
        app
    }

    fn udp(mut self, u: &Udp) -> Made {
        let (pace, last) = self.pace(u.rate.value.0, u.count.value);
        let mut app = self.sender(u.size.as_ref(), u.count.value, pace, sock::Options::default());
        if let Some(first) = u.through.first() {
            (app.dst, app.port) = (first.address.address, first.address.port);
        }
        (App::UdpSend(Box::new(app)), Some(last))
    }

    fn broadcast(mut self, b: &Broadcast) -> Made {
        let (pace, last) = self.pace(b.rate.value.0, b.count.value);
        let usual = sock::Options { broadcast: true, ..sock::Options::default() };
        (App::UdpSend(Box::new(self.sender(b.size.as_ref(), b.count.value, pace, usual))), Some(last))
    }

    fn replay(self, r: &Replay) -> Made {
        let (start, packets) = (self.start(), &r.read.packets);
        let last = start + packets.last().map_or(Span::ZERO, |p| p.after);
        let pace = Pace::Trace { start, packets: packets.clone() };
        let mut app = self.sender(None, packets.len() as u64, pace, sock::Options::default());
        app.trace = Some(packets.clone());
        (App::UdpSend(Box::new(app)), Some(last))
    }

    fn connect(self, c: &TcpConnect) -> Made {
        let to = (c.address.0.0.address, c.address.0.0.port);
        let wait = c.timeout.as_ref().map_or(Span::from_s(3_600), |t| t.value.0);
        let mut app = tcp_connect::TcpConnect::new(to, 0, wait);
        app.flow = self.number;
        app.count = c.count.value;
        let interval = c.interval.as_ref().map_or(Span::from_s(1), |i| i.value.0);
        app.pace = Pace::every(self.start(), interval);
        (app.opts, app.device, app.bind) = self.socket(app.opts);
        (App::TcpConnect(Box::new(app)), None)
    }

    fn frames(self, f: &Frames) -> Made {
        let each = f.frames.value.iter().map(|text| &text.value.0);
        let frames: Vec<_> = each.filter_map(|f| Some((f.bytes.clone().into(), f.frame.clone()?))).collect();
        let interval = f.interval.as_ref().map_or(Span::from_s(1), |i| i.value.0);
        let last = self.start() + interval.times((frames.len() as u64).saturating_sub(1));
        let pace = Pace::every(self.start(), interval);
        (App::Frames(Box::new(frames::Frames::new(self.number, &f.device.value, frames.into(), pace))), Some(last))
    }

    fn requests(mut self, r: &Requests) -> Made {
        let (load, last) = match (&r.rate, &r.concurrency) {
            (Some(rate), _) => {
                let (pace, last) = self.pace(rate.value.0, r.count.value);
                (Load::Open(pace), Some(last))
            }
            (None, n) => {
                let n = n.as_ref().map_or(1, |n| n.value);
                let load = match &r.think {
                    None => Load::Closed(n),
                    Some(think) => Load::Thinking(Thinking::new(n, self.law(think.value.0, "think"))),
                };
                (load, None)
            }
        };
        let to = (r.address.address, r.address.port);
        let mut app = requests::Requests::new(self.number, to, bytes(r.size.as_ref(), PAYLOAD), r.count.value, load);
        (app.opts, app.device, app.bind) = self.socket(app.opts);
        (App::Requests(Box::new(app)), last)
    }
}
