//! What the tests of kernel facts share: namespaces on veth pairs, crafted frames, system calls without a process, and a
//! capture that reads like a trace. Times are milliseconds of virtual time.

pub(super) use super::tests::{Lab, ip, prefix};
pub(super) use crate::{
    apps::{App, flow::Pace, udp_send::UdpSend},
    kernel::{
        Errno, NsId, PktType, RtnlOp,
        mib::M,
        rtnl::{How, LinkAttrs, Nud, RouteSpec, RouteType},
        sock::{self, Options, PmtuDisc, Proto, SockId, lookup, udp},
    },
    packet::{
        Arp, ArpOp, Frame, Icmp, Ip4, L4, Mac, Net, Tag,
        frame::{IP_DF, IP_HLEN, IPPROTO_ICMP, IPPROTO_UDP},
    },
};
use crate::{kernel::dev, packet::show::trace_line};
use sim_core::time::{Span, Time};

/// 02:00:00:00:00:NN
pub(super) fn m(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

pub(super) fn at(ms: u64) -> Time {
    Time::ZERO + Span::from_ms(ms)
}

/// One host, and how far it has run.
pub(super) struct Facts {
    pub l: Lab,
    pub now: Time,
}

/// a/eth0 (…0a, 10.0.0.1/24) and b/eth0 (…0b, 10.0.0.2/24).
pub(super) fn two() -> (Facts, NsId, NsId) {
    let mut f = Facts::new();
    let (a, b) = (f.l.ns(0, "a"), f.l.ns(0, "b"));
    f.pair((a, "eth0", 0x0a, "10.0.0.1/24"), (b, "eth0", 0x0b, "10.0.0.2/24"));
    (f, a, b)
}

/// a (10.0.0.1) – r (10.0.0.254 eth0, 10.1.0.254 eth1) – b (10.1.0.2), default routes to r, which forwards.
pub(super) fn routed() -> (Facts, NsId, NsId, NsId) {
    let mut f = Facts::new();
    let (a, r, b) = (f.l.ns(0, "a"), f.l.ns(0, "r"), f.l.ns(0, "b"));
    f.pair((a, "eth0", 0x0a, "10.0.0.1/24"), (r, "eth0", 0x1a, "10.0.0.254/24"));
    f.pair((b, "eth0", 0x0b, "10.1.0.2/24"), (r, "eth1", 0x1b, "10.1.0.254/24"));
    f.l.route(0, a, "0.0.0.0/0", "10.0.0.254");
    f.l.route(0, b, "0.0.0.0/0", "10.1.0.254");
    f.l.sysctl(0, r, "net.ipv4.ip_forward", "1");
    (f, a, r, b)
}

type Port<'a> = (NsId, &'a str, u8, &'a str);

impl Facts {
    pub(super) fn new() -> Facts {
        let mut l = Lab::new(1);
        l.w.hosts[0].cx.obs.capture = Some(Vec::new());
        Facts { l, now: Time::ZERO }
    }

    pub(super) fn pair(&mut self, a: Port<'_>, b: Port<'_>) {
        self.l.pair(0, (a.0, a.1), (b.0, b.1));
        for (ns, dev, mac, addr) in [a, b] {
            let attrs = LinkAttrs { address: Some(m(mac)), ..LinkAttrs::default() };
            self.l.op(0, ns, RtnlOp::SetLink { name: dev.into(), attrs });
            self.l.addr(0, ns, dev, addr);
        }
    }

    pub(super) fn run(&mut self, until_ms: u64) {
        self.now = at(until_ms);
        self.l.w.run_until(self.now).unwrap();
        self.l.w.check_laws().unwrap();
    }

    pub(super) fn sysctl(&mut self, ns: NsId, key: &str, value: &str) {
        self.l.sysctl(0, ns, &format!("net.ipv4.{key}"), value);
    }

    pub(super) fn route_of(&mut self, ns: NsId, kind: RouteType, to: &str) {
        let route = RouteSpec { kind, ..RouteSpec::to(prefix(to)) };
        self.l.op(0, ns, RtnlOp::NewRoute { route, how: How::Add });
    }

    /// `ip neigh add IP lladdr … nud permanent`
    pub(super) fn neighbour(&mut self, ns: NsId, dev: &str, addr: &str, mac: u8) {
        let (lladdr, state) = (Some(m(mac)), Nud::Permanent);
        self.l.op(0, ns, RtnlOp::NewNeigh { dev: dev.into(), dst: ip(addr), lladdr, state, how: How::Add });
    }

    pub(super) fn dev(&self, ns: NsId, name: &str) -> crate::kernel::DevId {
        self.l.w.hosts[0].kernel.dev_by_name(ns, name).unwrap()
    }

    /// `count` datagrams of `size` bytes as flow `flow`, the first now, 1 ns apart.
    pub(super) fn burst(&mut self, flow: u32, ns: NsId, to: &str, size: u32, count: u64) {
        self.burst_as(flow, ns, to, size, count, Options::default());
    }

    pub(super) fn burst_as(&mut self, flow: u32, ns: NsId, to: &str, size: u32, count: u64, opts: Options) {
        let mut app = UdpSend::new(flow, (ip(to), 7000), size, count, Pace::every(self.now, Span::from_ns(1)));
        app.opts = opts;
        let now = self.now;
        self.l.spawn(0, ns, App::UdpSend(Box::new(app)), now);
    }

    /// A UDP socket without a process, bound to `addr:port`.
    pub(super) fn socket(&mut self, ns: NsId, addr: &str, port: u16) -> SockId {
        self.socket_as(ns, addr, port, Options::default()).unwrap()
    }

    pub(super) fn socket_as(&mut self, ns: NsId, addr: &str, port: u16, opts: Options) -> Result<SockId, Errno> {
        let now = self.now;
        self.l.w.hosts[0].at(now, |k, _| {
            let s = sock::socket(k, ns, Proto::Udp, None);
            k.sockets.get_mut(s).unwrap().opts = opts;
            lookup::bind(k, s, ip(addr), port).map(|()| s)
        })
    }

    pub(super) fn connect(&mut self, s: SockId, to: &str, port: u16) -> Result<(), Errno> {
        let now = self.now;
        self.l.w.hosts[0].at(now, |k, cx| udp::connect(k, cx, s, ip(to), port))
    }

    /// `sendto` (or `send`, to ""), and everything that follows from it at once.
    pub(super) fn sendto(&mut self, s: SockId, to: &str, port: u16, len: u32) -> Result<u32, Errno> {
        let now = self.now;
        let to = (!to.is_empty()).then(|| (ip(to), port));
        let sent = self.l.w.hosts[0].at(now, |k, cx| udp::sendto(k, cx, s, to, len, Tag::default(), false));
        self.settle();
        sent
    }

    /// 100 µs pass.
    pub(super) fn settle(&mut self) {
        self.now += Span::from_us(100);
        self.l.w.run_until(self.now).unwrap();
        self.l.w.check_laws().unwrap();
    }

    /// How many bytes the next datagram has; `None`: nothing waits.
    pub(super) fn recv(&mut self, s: SockId) -> Result<Option<u32>, Errno> {
        let now = self.now;
        self.l.w.hosts[0].at(now, |k, cx| udp::recvfrom(k, cx, s)).map(|got| got.map(|r| r.len))
    }

    /// A frame leaves `dev` of `ns` now, whatever is in it; then everything that follows from it at once.
    pub(super) fn inject(&mut self, ns: NsId, name: &str, src: Mac, dst: Mac, net: Net) {
        let tx = self.dev(ns, name);
        let now = self.now;
        self.l.w.hosts[0].at(now, |k, cx| {
            let mut skb = cx.alloc();
            (skb.frame.src, skb.frame.dst) = (src, dst);
            if let Net::Ip4(h, l4) = &net {
                let l4_len = if matches!(l4, L4::None) { 0 } else { 8 };
                skb.frame.payload.len = u32::from(h.len - IP_HLEN) - l4_len;
            }
            skb.frame.net = net;
            skb.meta.dev = tx;
            dev::dev_queue_xmit(k, cx, skb);
        });
        self.settle();
    }

    /// A packet comes in by `dev` of `ns` now, addressed to it, past whatever its other end would refuse.
    pub(super) fn receive(&mut self, ns: NsId, name: &str, src: Mac, net: Net) {
        let rx = self.dev(ns, name);
        let now = self.now;
        self.l.w.hosts[0].at(now, |k, cx| {
            let mut skb = cx.alloc();
            (skb.frame.src, skb.frame.dst, skb.frame.net) = (src, k.devs[rx].mac, net);
            skb.meta.dev = rx;
            dev::netif_rx(k, cx, skb);
        });
        self.settle();
    }

    /// An ARP packet of `sha`/`spa` about `tpa`, from b's end of the pair.
    pub(super) fn arp(&mut self, ns: NsId, op: ArpOp, sha: u8, spa: &str, tpa: &str, dst: Mac) {
        let arp = Arp { op, sha: m(sha), spa: ip(spa), tha: Mac::ZERO, tpa: ip(tpa) };
        self.inject(ns, "eth0", m(sha), dst, Net::Arp(arp));
    }

    /// What a device has seen so far, one line a frame: "MS out who-has 10.0.0.2 tell 10.0.0.1 >ff" (the last byte of
    /// the destination MAC), "MS in  IP 10.0.0.1>10.0.0.2 …".
    pub(super) fn seen(&self, ns: NsId, name: &str) -> Vec<String> {
        let d = self.dev(ns, name);
        let all = self.l.w.hosts[0].cx.obs.capture.as_ref().unwrap();
        all.iter().filter(|c| c.dev == d).map(|c| line(c.time, c.pkt_type, &c.frame)).collect()
    }

    /// The same without times, and only lines with `word`.
    pub(super) fn lines(&self, ns: NsId, name: &str, word: &str) -> Vec<String> {
        let untimed = |l: String| l.split_once(' ').map(|l| l.1.to_owned()).unwrap();
        self.seen(ns, name).into_iter().map(untimed).filter(|l| l.contains(word)).collect()
    }

    /// Forgets what was seen.
    pub(super) fn clear(&mut self) {
        self.l.w.hosts[0].cx.obs.capture = Some(Vec::new());
    }

    /// The frames themselves.
    pub(super) fn frames(&self, ns: NsId, name: &str) -> Vec<Frame> {
        let d = self.dev(ns, name);
        let all = self.l.w.hosts[0].cx.obs.capture.as_ref().unwrap();
        all.iter().filter(|c| c.dev == d).map(|c| c.frame.clone()).collect()
    }

    pub(super) fn neigh(&self, ns: NsId) -> Vec<String> {
        crate::kernel::neigh::neigh_lines(&self.l.w.hosts[0].kernel, ns)
    }

    pub(super) fn mib(&self, ns: NsId, m: M) -> u64 {
        self.l.w.hosts[0].kernel.net(ns).mib[m]
    }

    /// Losses so far: "NO_SOCKET udp_rcv eth0 3".
    pub(super) fn drops(&self) -> Vec<String> {
        let lost = &self.l.w.hosts[0].cx.obs.drops;
        lost.iter().map(|(p, l)| format!("{} {} {} {}", p.reason.name(), p.at.name(), l.dev, l.count)).collect()
    }
}

fn line(time: Time, way: PktType, frame: &Frame) -> String {
    let ms = time.ps() / 1_000_000_000;
    let whole = trace_line(way, frame);
    let (direction, rest) = whole.split_at(3);
    let last = frame.dst.0[5];
    let what = match &frame.net {
        Net::Arp(a) if a.op == ArpOp::Request => {
            format!("who-has {} tell {} >{last:02x}", crate::packet::Ip4Addr(a.tpa), crate::packet::Ip4Addr(a.spa))
        }
        Net::Arp(a) => format!("{} is-at {:02x} >{last:02x}", crate::packet::Ip4Addr(a.spa), a.sha.0[5]),
        _ => rest.split_once(" IP ").map_or_else(|| rest.to_owned(), |r| format!("IP {}", r.1)),
    };
    format!("{ms} {direction} {what}")
}

/// An IPv4 header with a UDP header behind it and `len` bytes of payload.
pub(super) fn udp_packet(src: &str, dst: &str, ttl: u8, len: u16) -> (Ip4, L4) {
    let ip4 = Ip4 { src: ip(src), dst: ip(dst), len: len + 28, id: 77, frag: 0, ttl, tos: 0, proto: IPPROTO_UDP };
    (ip4, L4::Udp { sport: 4000, dport: 7000 })
}
