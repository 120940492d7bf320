//! Whole paths through whole kernels. Profile *unit* (1 ns a hop) makes latency a count of hops.

use super::*;
use crate::{
    apps::{
        App,
        flow::{FlowStat, Pace},
        ping::Ping,
        udp_send::UdpSend,
        udp_sink::UdpSink,
    },
    drivers::{
        Config,
        veth::{Peer, VethConfig},
    },
    kernel::{
        At, NsId, RtnlOp,
        rtnl::{How, IfAddr, LinkAttrs, RouteSpec},
    },
    packet::{Ip4Addr, Prefix},
};
use sim_core::time::Span;

pub(crate) fn ip(s: &str) -> u32 {
    s.parse::<Ip4Addr>().expect("an address").0
}

pub(crate) fn prefix(s: &str) -> Prefix<u32> {
    let (a, l) = s.split_once('/').expect("a prefix");
    Prefix::new(ip(a), l.parse().expect("a length"))
}

/// Builds worlds by requests through the door.
pub(crate) struct Lab {
    pub w: World,
}

impl Lab {
    pub(crate) fn new(hosts: usize) -> Lab {
        let mut w = World::new(Costs::flat("unit", 1), 1);
        for h in 0..hosts {
            w.add_host(&format!("h{}", h + 1), 1, 250);
            w.hosts[h].at(Time::ZERO, |k, cx| {
                let lo =
                    RtnlOp::SetLink { name: "lo".into(), attrs: LinkAttrs { up: Some(true), ..LinkAttrs::default() } };
                k.rtnl(cx, NsId::ROOT, &lo).unwrap();
            });
        }
        Lab { w }
    }

    pub(crate) fn ns(&mut self, host: usize, name: &str) -> NsId {
        let ns = self.w.hosts[host].at(Time::ZERO, |k, cx| k.new_ns(cx, name));
        self.op(host, ns, RtnlOp::SetLink { name: "lo".into(), attrs: up() });
        ns
    }

    pub(crate) fn op(&mut self, host: usize, ns: NsId, op: RtnlOp) {
        self.w.hosts[host].at(Time::ZERO, |k, cx| k.rtnl(cx, ns, &op)).unwrap_or_else(|e| panic!("{op:?}: {e}"));
    }

    /// A veth pair, both ends up.
    pub(crate) fn pair(&mut self, host: usize, a: (NsId, &str), b: (NsId, &str)) {
        let netns = self.w.hosts[host].kernel.net(b.0).name.clone();
        let peer = Peer { name: Some(b.1.into()), netns: Some(netns), attrs: LinkAttrs::default() };
        let config = Config::Veth(VethConfig { peer: Some(Box::new(peer)) });
        self.op(host, a.0, RtnlOp::NewLink { name: a.1.into(), attrs: LinkAttrs::default(), config });
        self.op(host, a.0, RtnlOp::SetLink { name: a.1.into(), attrs: up() });
        self.op(host, b.0, RtnlOp::SetLink { name: b.1.into(), attrs: up() });
    }

    pub(crate) fn addr(&mut self, host: usize, ns: NsId, dev: &str, a: &str) {
        self.op(host, ns, RtnlOp::NewAddr { dev: dev.into(), addr: IfAddr::new(prefix(a)) });
    }

    pub(crate) fn route(&mut self, host: usize, ns: NsId, to: &str, via: &str) {
        let route = RouteSpec { via: Some(ip(via)), ..RouteSpec::to(prefix(to)) };
        self.op(host, ns, RtnlOp::NewRoute { route, how: How::Add });
    }

    pub(crate) fn sysctl(&mut self, host: usize, ns: NsId, key: &str, value: &str) {
        self.op(host, ns, RtnlOp::Sysctl { key: key.into(), value: value.into() });
    }

    pub(crate) fn spawn(&mut self, host: usize, ns: NsId, app: App, at: Time) {
        self.w.hosts[host].at(Time::ZERO, |k, cx| crate::apps::spawn(k, cx, ns, 0, app, at));
    }

    pub(crate) fn run(&mut self, s: u64) {
        self.w.run_until(Time::ZERO + Span::from_s(s)).unwrap();
        self.w.check_laws().unwrap();
    }

    pub(crate) fn flow(&self, n: usize) -> FlowStat {
        let mut sum = FlowStat::default();
        self.w.hosts.iter().filter_map(|h| h.cx.obs.flows.get(n - 1)).for_each(|f| sum.merge(f));
        sum
    }
}

pub(crate) fn up() -> LinkAttrs {
    LinkAttrs { up: Some(true), ..LinkAttrs::default() }
}

/// A chain of `n` routers in one host, veth between them; returns the sending and the receiving namespace.
pub(crate) fn veth_chain(n: u32) -> (Lab, NsId, NsId, u32) {
    let mut l = Lab::new(1);
    let ids: Vec<NsId> = (0..n + 2).map(|i| l.ns(0, &format!("n{i}"))).collect();
    for i in 0..=n as usize {
        l.pair(0, (ids[i], "right"), (ids[i + 1], "left"));
        l.addr(0, ids[i], "right", &format!("10.0.{i}.1/24"));
        l.addr(0, ids[i + 1], "left", &format!("10.0.{i}.2/24"));
    }
    for (i, ns) in ids.iter().take(n as usize + 1).enumerate() {
        if i > 0 {
            l.sysctl(0, *ns, "net.ipv4.ip_forward", "1");
        }
        l.route(0, *ns, "10.0.0.0/8", &format!("10.0.{i}.2"));
    }
    let end = ip(&format!("10.0.{n}.2"));
    (l, ids[0], ids[n as usize + 1], end)
}

/// NEIGH-16, ICMP-25: a ping over a veth pair; the first one waits for ARP.
#[test]
fn ping_over_veth() {
    let mut l = Lab::new(1);
    let (a, b) = (l.ns(0, "a"), l.ns(0, "b"));
    l.pair(0, (a, "eth0"), (b, "eth0"));
    l.addr(0, a, "eth0", "10.0.0.1/24");
    l.addr(0, b, "eth0", "10.0.0.2/24");
    l.spawn(0, a, App::Ping(Box::new(Ping::new(1, ip("10.0.0.2"), 3))), Time::ZERO + Span::from_ms(1));
    l.run(20);
    let f = l.flow(1);
    assert_eq!((f.sent, f.received), (3, 3));
    let k = &l.w.hosts[0].kernel;
    let lines = crate::kernel::neigh::neigh_lines(k, a);
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(l.w.hosts[0].cx.obs.drops.is_empty());
}

/// A datagram crosses every router of a chain and loses one TTL at each.
#[test]
fn chain_forwards() {
    let (mut l, a, b, end) = veth_chain(8);
    l.spawn(0, b, App::UdpSink(Box::new(UdpSink::new(0, 7000))), Time::ZERO);
    let pace = Pace::every(Time::ZERO + Span::from_ms(1), Span::from_us(20));
    l.spawn(0, a, App::UdpSend(Box::new(UdpSend::new(1, (end, 7000), 64, 1000, pace))), Time::ZERO);
    l.run(2);
    let f = l.flow(1);
    assert_eq!((f.sent, f.received), (1000, 1000));
    let hops = &l.w.hosts[0].cx.obs.hops;
    assert_eq!(hops[At::IpForward as usize], 8_000);
}

/// The digest does not depend on running to completion without the queue.
#[test]
fn inline_and_queue_only_agree() {
    let run = |inline: bool| {
        let (mut l, a, b, end) = veth_chain(3);
        l.w.hosts[0].cx.queue.set_inline(inline);
        l.spawn(0, b, App::UdpSink(Box::new(UdpSink::new(0, 7000))), Time::ZERO);
        let pace = Pace::every(Time::ZERO + Span::from_ms(1), Span::from_ns(100));
        l.spawn(0, a, App::UdpSend(Box::new(UdpSend::new(1, (end, 7000), 64, 500, pace))), Time::ZERO);
        l.run(10);
        (l.w.digest(), l.flow(1).latency)
    };
    assert_eq!(run(true), run(false));
}
