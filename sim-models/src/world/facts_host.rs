//! Loopback, the backlog, NICs with their rings and queues, and SYN retries.

use super::facts_kit::*;
use crate::{
    apps::{tcp_connect::TcpConnect, udp_sink::UdpSink},
    drivers::{Config, phy::PhyConfig},
    kernel::At,
    world::End,
};
use sim_core::time::Span;

/// DEV-35 to 38, CPU-15, ADDR-11: lo counts both ways alike, without Ethernet headers; no input lookup; down, nothing
/// reaches an own address, and nobody is told; the state of the other device does not matter.
#[test]
fn loopback() {
    let (mut f, a, _) = two();
    f.run(1);
    let r = f.socket(a, "0.0.0.0", 7000);
    let s = f.socket(a, "0.0.0.0", 9);
    for (to, n) in [("127.0.0.1", 1), ("10.0.0.1", 2), ("127.9.9.9", 3)] {
        assert_eq!((f.sendto(s, to, 7000, n), f.recv(r)), (Ok(n), Ok(Some(n))));
    }
    let lo = f.dev(a, "lo");
    let h = &f.l.w.hosts[0];
    let c = h.kernel.devs[lo].stats;
    assert_eq!((c.tx_packets, c.tx_bytes, c.rx_packets, c.rx_bytes), (3, 28 * 3 + 6, 3, 28 * 3 + 6));
    assert_eq!((h.cx.obs.hops[At::IpRouteInput as usize], h.cx.obs.hops[At::IpRcv as usize]), (0, 3));
    let set = |f: &mut Facts, dev: &str, up| {
        f.l.op(0, a, RtnlOp::SetLink { name: dev.into(), attrs: LinkAttrs { up: Some(up), ..LinkAttrs::default() } });
    };
    set(&mut f, "eth0", false);
    assert_eq!((f.sendto(s, "10.0.0.1", 7000, 4), f.recv(r)), (Ok(4), Ok(Some(4))));
    set(&mut f, "lo", false);
    assert_eq!((f.sendto(s, "10.0.0.1", 7000, 5), f.recv(r)), (Ok(5), Ok(None)));
    assert_eq!((f.sendto(s, "127.0.0.1", 7000, 5), f.recv(r)), (Ok(5), Ok(None)));
    assert_eq!(f.drops(), ["QDISC_DROP dev_queue_xmit lo 2"]);
    set(&mut f, "lo", true);
    assert_eq!((f.sendto(s, "127.0.0.1", 7000, 6), f.recv(r)), (Ok(6), Ok(Some(6))));
}

/// DEV-37: a fresh namespace has nothing, not even 127.0.0.1.
#[test]
fn a_fresh_namespace() {
    let mut f = Facts::new();
    let ns = f.l.w.hosts[0].at(at(0), |k, cx| k.new_ns(cx, "fresh"));
    let s = f.socket(ns, "0.0.0.0", 9);
    assert_eq!(f.sendto(s, "127.0.0.1", 7000, 1), Err(Errno::ENETUNREACH));
    assert_eq!(f.mib(ns, M::IpOutNoRoutes), 1);
    f.l.op(0, ns, RtnlOp::SetLink { name: "lo".into(), attrs: LinkAttrs { up: Some(true), ..LinkAttrs::default() } });
    assert_eq!(f.sendto(s, "127.0.0.1", 7000, 1), Ok(1));
}

/// VETH-8, CPU-05: `netdev_max_backlog` and one more wait in a core's backlog; what comes then is lost, to both ends.
#[test]
fn backlog() {
    let (mut f, a, b) = two();
    f.run(1);
    let (tx, rx) = (f.dev(a, "eth0"), f.dev(b, "eth0"));
    let now = f.now;
    f.l.w.hosts[0].at(now, |k, cx| {
        for _ in 0..1_010 {
            let mut skb = cx.alloc();
            (skb.frame.dst, skb.frame.src, skb.frame.net) = (m(0x0b), m(0x0a), Net::Other(0x88b5));
            skb.meta.dev = tx;
            crate::kernel::dev::dev_queue_xmit(k, cx, skb);
        }
    });
    f.settle();
    assert_eq!(f.drops(), ["CPU_BACKLOG netif_rx eth0 9", "UNHANDLED_PROTO netif_receive_skb eth0 1001"]);
    let k = &f.l.w.hosts[0].kernel;
    assert_eq!((k.cpus[0].dropped, k.cpus[0].processed), (9, 1_001));
    assert_eq!((k.devs[tx].stats.tx_dropped, k.devs[rx].stats.rx_dropped), (9, 9 + 1_001));
    // CPU-06: 300 to a run, three times.
    assert_eq!(k.cpus[0].time_squeeze, 3);
}

/// Two hosts, eth0 on each, 10 Mbit/s, a ring of 4 descriptors, 10 packets to a band.
fn wired() -> Lab {
    let mut l = Lab::new(2);
    let rate = "10mbit".parse().unwrap();
    for h in 0..2 {
        let config = Config::Physical(PhyConfig { rate, tx_ring: 4, rx_ring: 256 });
        let attrs = LinkAttrs { address: Some(m(h as u8 + 1)), txqueuelen: Some(10), ..LinkAttrs::default() };
        l.op(h, NsId::ROOT, RtnlOp::NewLink { name: "eth0".into(), attrs, config });
        l.op(
            h,
            NsId::ROOT,
            RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { up: Some(true), ..LinkAttrs::default() } },
        );
    }
    let [a, b] = [0, 1].map(|host| End { host, dev: l.w.hosts[host].kernel.dev_by_name(NsId::ROOT, "eth0").unwrap() });
    l.w.wire(a, b, Span::from_us(5));
    for h in 0..2 {
        l.addr(h, NsId::ROOT, "eth0", &format!("10.0.0.{}/24", h + 1));
        let (dst, lladdr) = (ip(&format!("10.0.0.{}", 2 - h)), Some(m(2 - h as u8)));
        l.op(h, NsId::ROOT, RtnlOp::NewNeigh { dev: "eth0".into(), dst, lladdr, state: Nud::Permanent, how: How::Add });
    }
    l.spawn(1, NsId::ROOT, App::UdpSink(Box::new(UdpSink::new(0, 7000))), at(0));
    l
}

fn sends(l: &mut Lab, flow: u32, count: u64, tos: u8, start: Span) {
    let pace = Pace::every(at(0) + start, Span::from_ns(1));
    let mut app = UdpSend::new(flow, (ip("10.0.0.2"), 7000), 1_000, count, pace);
    app.opts = Options { tos, ..Options::default() };
    l.spawn(0, NsId::ROOT, App::UdpSend(Box::new(app)), at(0) + start);
}

/// NIC-4, NIC-8, NIC-9, NIC-10: four in the ring, ten in the band, the rest is lost at the qdisc, which is no
/// `tx_dropped`; the line sets the pace.
#[test]
fn ring_and_qdisc() {
    let mut l = wired();
    sends(&mut l, 1, 100, 0, Span::from_ms(1));
    l.run(1);
    let flow = l.flow(1);
    assert_eq!((flow.sent, flow.received), (100, 14));
    let lost: Vec<_> = l.w.hosts[0].cx.obs.drops.iter().map(|(p, n)| (p.reason.name(), n.count)).collect();
    assert_eq!(lost, [("QDISC_OVERLIMIT", 86)]);
    let dev = l.w.hosts[0].kernel.dev_by_name(NsId::ROOT, "eth0").unwrap();
    let c = l.w.hosts[0].kernel.devs[dev].stats;
    assert_eq!((c.tx_packets, c.tx_bytes, c.tx_dropped), (14, 14 * 1_042, 0));
    // 1,042 bytes, 24 around them, 800 ns each, fourteen times.
    let last = flow.last.unwrap().since(at(1));
    let line = Span::from_ns(14 * 1_066 * 800) + Span::from_us(5);
    assert!(last >= line && last < line + Span::from_us(1), "{last:?}");
}

/// DEV-18: a NIC that is set down throws away what waits in its qdisc; what its ring has is on its way.
#[test]
fn down_empties_the_qdisc() {
    let mut l = wired();
    sends(&mut l, 1, 14, 0, Span::from_ms(1));
    l.w.run_until(at(2)).unwrap();
    let down = LinkAttrs { up: Some(false), ..LinkAttrs::default() };
    l.w.hosts[0]
        .at(at(2), |k, cx| k.rtnl(cx, NsId::ROOT, &RtnlOp::SetLink { name: "eth0".into(), attrs: down }))
        .unwrap();
    l.run(1);
    // 850 us a frame: one has left by then, four are in the ring again.
    assert_eq!(l.flow(1).received, 5);
    let lost: Vec<_> = l.w.hosts[0].cx.obs.drops.iter().map(|(p, n)| (p.reason.name(), n.count)).collect();
    assert_eq!(lost, [("QUEUE_PURGE", 9)]);
}

/// NIC-9, QD-07: low delay overtakes what waits in the other bands, not what the ring has.
#[test]
fn bands() {
    let mut l = wired();
    l.w.hosts[1].cx.obs.capture = Some(Vec::new());
    sends(&mut l, 1, 9, 0x08, Span::from_ms(1));
    sends(&mut l, 2, 2, 0, Span::from_us(1_100));
    sends(&mut l, 3, 2, 0x10, Span::from_us(1_200));
    l.run(1);
    let order: Vec<u32> = l.w.hosts[1].cx.obs.capture.iter().flatten().map(|c| c.frame.payload.tag.flow).collect();
    assert_eq!(order, [1, 1, 1, 1, 3, 3, 2, 2, 1, 1, 1, 1, 1]);
}

/// TCP-07: four more SYNs a second apart, then twice as long each time; given up about 131 s later (all on the wheel).
#[test]
fn syn_retries() {
    let (mut f, a, _) = two();
    f.neighbour(a, "eth0", "10.0.0.9", 0x99);
    f.run(1);
    let app = TcpConnect::new((ip("10.0.0.9"), 80), 4000, Span::from_s(200));
    let now = f.now;
    f.l.spawn(0, a, App::TcpConnect(Box::new(app)), now);
    f.run(135_167);
    assert_eq!(f.mib(a, M::TcpAttemptFails), 0);
    let syns: Vec<u64> = f.seen(a, "eth0").iter().map(|l| l.split_once(' ').unwrap().0.parse().unwrap()).collect();
    assert_eq!(syns, [1, 1_024, 2_048, 3_072, 4_096, 5_120, 7_136, 11_264, 19_456, 35_584, 69_632]);
    f.run(135_169);
    let which = [
        M::TcpAttemptFails,
        M::TcpOutSegs,
        M::TcpRetransSegs,
        M::TcpExtTCPSynRetrans,
        M::TcpExtTCPTimeouts,
        M::TcpExtTCPLostRetransmit,
        M::TcpExtTCPAbortOnTimeout,
    ];
    assert_eq!(which.map(|c| f.mib(a, c)), [1, 1, 10, 10, 11, 9, 1]);
    let error = (0..f.l.w.hosts[0].kernel.tasks.len() as u32).find_map(|t| {
        match f.l.w.hosts[0].kernel.tasks.app(crate::apps::TaskId(t)) {
            Some(App::TcpConnect(c)) => c.error,
            _ => None,
        }
    });
    assert_eq!(error, Some(Errno::ETIMEDOUT));
}

/// ICMP-23: a neighbour that does not answer ends the attempt with EHOSTUNREACH after about 3 s.
#[test]
fn syn_to_nobody() {
    let (mut f, a, _) = two();
    f.run(1);
    let app = TcpConnect::new((ip("10.0.0.9"), 80), 4000, Span::from_s(200));
    let now = f.now;
    f.l.spawn(0, a, App::TcpConnect(Box::new(app)), now);
    f.run(3_071);
    assert_eq!(f.mib(a, M::TcpAttemptFails), 0);
    f.run(3_073);
    let Some(App::TcpConnect(c)) = f.l.w.hosts[0].kernel.tasks.app(crate::apps::TaskId(0)) else { panic!("the task") };
    assert_eq!((c.error, f.mib(a, M::TcpAttemptFails)), (Some(Errno::EHOSTUNREACH), 1));
    // The SYN never left the neighbour's queue: none was sent again, and ARP asked three times, not six.
    assert_eq!([M::TcpRetransSegs, M::TcpExtTCPSpuriousRtxHostQueues].map(|c| f.mib(a, c)), [0, 3]);
    f.run(10_000);
    assert_eq!(f.seen(a, "eth0").iter().filter(|l| l.contains("10.0.0.9")).count(), 3);
}
