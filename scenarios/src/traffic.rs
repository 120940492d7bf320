//! Flows as tasks: servers first, then who asks them.

use crate::{
    names::{Names, NsRef},
    read::At,
    spec::{Arrivals, Ping, Requests, Scenario, Server, Traffic, Udp},
    values::Text,
};
use indexmap::IndexSet;
use sim_core::{
    dist::Dist,
    time::{Span, Time},
    units::{Bytes, PerSecond},
};
use sim_models::{
    apps::{
        self, App, TaskId,
        flow::{self, Pace},
        ping,
        requests::{self, Load},
        udp_echo::UdpEcho,
        udp_send::UdpSend,
        udp_sink::UdpSink,
    },
    kernel::{Cx, NsId},
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
    let mut served = IndexSet::new();
    for (_, t) in s.traffic.iter() {
        let (Some(server), Some(at), Some(port)) = (t.server(), place(names, t.to()), t.port()) else { continue };
        if served.insert((at, port)) {
            starter.spawn(at, server_app(server, port), Time::ZERO);
        }
    }
    let measure_from = Time::ZERO + s.warmup.as_ref().map_or(Span::ZERO, |w| w.value.0);
    let mut senders = Vec::new();
    for (i, (entry, t)) in s.traffic.iter().enumerate() {
        let number = i as u32 + 1;
        let from = place(names, Some(t.from()));
        for at in [from, place(names, t.to())].into_iter().flatten() {
            flow::stat(&mut starter.world.hosts[at.host].cx, number).measure_from = measure_from;
        }
        let Some(from) = from else { continue };
        let cx = &mut starter.world.hosts[from.host].cx;
        let (app, start, last) = match t {
            Traffic::Ping(p) => ping_app(names, number, p),
            Traffic::Udp(u) => udp_app(cx, number, &entry.name, u),
            Traffic::Requests(r) => requests_app(cx, number, &entry.name, r),
        };
        let task = starter.spawn(from, app, start);
        senders.push(Sender { host: from.host, task, last });
    }
    senders
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

fn server_app(server: Server, port: u16) -> App {
    match server {
        Server::Sink { listen } => App::UdpSink(Box::new(UdpSink::new(listen, port))),
        Server::Echo { listen, reply } => App::UdpEcho(Box::new(UdpEcho::new(listen, port, reply.map(|r| r as u32)))),
    }
}

fn time_of(start: Option<&At<Text<Span>>>) -> Time {
    Time::ZERO + start.map_or(Span::ZERO, |s| s.value.0)
}

fn bytes(size: Option<&At<Text<Bytes>>>, default: u32) -> u32 {
    size.map_or(default, |s| s.value.0.0 as u32)
}

fn ping_app(names: &Names, number: u32, p: &Ping) -> (App, Time, Option<Time>) {
    let to = || place(names, p.to.as_ref()).and_then(|at| names.first_address(at)).map_or(0, |(a, _)| a);
    let address = p.address.as_ref().map_or_else(to, |a| a.value.0.0);
    let mut app = ping::Ping::new(number, address, p.count.value);
    app.size = bytes(p.size.as_ref(), PING_DATA);
    app.interval = p.interval.as_ref().map_or(app.interval, |i| i.value.0);
    app.opts.ttl = p.ttl.as_ref().map(|t| t.value);
    // Each ping process has an identifier of its own, and none has 0.
    app.id = ((number - 1) % u32::from(u16::MAX)) as u16 + 1;
    let start = time_of(p.start.as_ref());
    let last = start + app.interval.times(p.count.value.saturating_sub(1));
    (App::Ping(Box::new(app)), start, Some(last))
}

/// The times of sending, and when the last one is expected.
fn pace(
    cx: &mut Cx,
    name: &str,
    rate: PerSecond,
    arrivals: Option<&At<Arrivals>>,
    start: Time,
    n: u64,
) -> (Pace, Time) {
    let last = start + rate.interval().times(n);
    let pace = match arrivals.map(|a| a.value).unwrap_or_default() {
        Arrivals::Constant => Pace::Constant { start, millirate: (rate.millionths() / 1000).max(1) },
        Arrivals::Poisson => Pace::Poisson {
            next: start,
            mean: Dist::Exponential { mean: rate.interval().ps() },
            stream: cx.rng.named(&format!("arrivals of {name}")),
        },
    };
    (pace, last)
}

fn udp_app(cx: &mut Cx, number: u32, name: &str, u: &Udp) -> (App, Time, Option<Time>) {
    let start = time_of(u.start.as_ref());
    let (pace, last) = pace(cx, name, u.rate.value.0, u.arrivals.as_ref(), start, u.count.value);
    let to = (u.address.address, u.address.port);
    let mut app = UdpSend::new(number, to, bytes(u.size.as_ref(), PAYLOAD), u.count.value, pace);
    app.bind = (0, u.source_port.as_ref().map_or(0, |p| p.value));
    app.opts.ttl = u.ttl.as_ref().map(|t| t.value);
    (App::UdpSend(Box::new(app)), start, Some(last))
}

fn requests_app(cx: &mut Cx, number: u32, name: &str, r: &Requests) -> (App, Time, Option<Time>) {
    let start = time_of(r.start.as_ref());
    let (load, last) = match (&r.rate, &r.concurrency) {
        (Some(rate), _) => {
            let (pace, last) = pace(cx, name, rate.value.0, r.arrivals.as_ref(), start, r.count.value);
            (Load::Open(pace), Some(last))
        }
        (None, n) => (Load::Closed(n.as_ref().map_or(1, |n| n.value)), None),
    };
    let to = (r.address.address, r.address.port);
    let mut app = requests::Requests::new(number, to, bytes(r.size.as_ref(), PAYLOAD), r.count.value, load);
    app.opts.ttl = r.ttl.as_ref().map(|t| t.value);
    (App::Requests(Box::new(app)), start, last)
}
