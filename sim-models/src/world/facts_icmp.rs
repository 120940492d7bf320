//! Which errors are sent, from which address, about what, and how many.

use super::facts_kit::*;
use crate::packet::Quote;

fn errors(f: &Facts, ns: NsId, dev: &str) -> Vec<String> {
    f.lines(ns, dev, "icmp").into_iter().filter(|l| l.starts_with("in")).collect()
}

/// A packet from a by r's eth0, as it is.
fn via_r(f: &mut Facts, a: NsId, packet: (Ip4, L4)) {
    f.inject(a, "eth0", m(0x0a), m(0x1a), Net::Ip4(packet.0, packet.1));
}

/// ICMP-1: no error about what came as an L2 broadcast, about a later fragment, about an error; about an echo there is.
#[test]
fn no_error_about() {
    let (mut f, a, b) = two();
    f.run(1);
    let (h, l4) = udp_packet("10.0.0.1", "10.0.0.2", 64, 10);
    f.inject(a, "eth0", m(0x0a), Mac::BROADCAST, Net::Ip4(h, l4.clone()));
    assert_eq!((f.mib(b, M::UdpNoPorts), f.mib(b, M::IcmpOutMsgs)), (1, 0));
    f.inject(a, "eth0", m(0x0a), m(0x0b), Net::Ip4(h, l4));
    assert_eq!((f.mib(b, M::UdpNoPorts), f.mib(b, M::IcmpOutMsgs)), (2, 1));

    let (mut f, a, r, _) = routed();
    f.run(1);
    let (h, l4) = udp_packet("10.0.0.1", "10.1.0.2", 1, 16);
    via_r(&mut f, a, (Ip4 { frag: 2, ..h }, L4::None));
    let icmp = |kind, quote| {
        let l4 = L4::Icmp(Icmp { kind, code: 0, rest: 0, quote });
        (Ip4 { proto: IPPROTO_ICMP, ..h }, l4)
    };
    via_r(&mut f, a, icmp(3, Some(Box::new(Quote { ip: h, l4, tag: Tag::default() }))));
    assert_eq!((f.mib(r, M::IpInHdrErrors), f.mib(r, M::IcmpOutMsgs)), (2, 0));
    via_r(&mut f, a, icmp(8, None));
    assert_eq!((f.mib(r, M::IpInHdrErrors), f.mib(r, M::IcmpOutTimeExcds)), (3, 1));
}

/// ICMP-3, ICMP-4, ICMP-5: from the address of the way back, or with `icmp_errors_use_inbound_ifaddr` of the way in; TTL
/// 64, DF clear, the TOS of the packet under 0xc0.
#[test]
fn source_and_header() {
    let (mut f, a, r, b) = routed();
    f.run(1);
    let packet = || {
        let (h, l4) = udp_packet("10.1.0.2", "10.1.0.99", 1, 10);
        (Ip4 { tos: 0x28, frag: IP_DF, ..h }, l4)
    };
    via_r(&mut f, a, packet());
    f.sysctl(r, "icmp_errors_use_inbound_ifaddr", "1");
    via_r(&mut f, a, packet());
    let quote = "[IP 10.1.0.2>10.1.0.99 ttl=1 len=38 proto=17 DF udp 4000>7000]";
    assert_eq!(
        errors(&f, b, "eth0"),
        ["10.1.0.254", "10.0.0.254"]
            .map(|src| format!("in  IP {src}>10.1.0.2 ttl=64 len=66 proto=1 icmp ttl-exceeded/0 {quote}"))
    );
    let last = f.frames(b, "eth0").pop().unwrap();
    let Net::Ip4(h, _) = last.net else { panic!("IP") };
    assert_eq!((h.tos, h.frag), (0xc8, 0));
    // What goes to one of our own addresses is answered by that address.
    f.sysctl(r, "icmp_errors_use_inbound_ifaddr", "0");
    f.clear();
    via_r(&mut f, a, udp_packet("10.0.0.1", "10.1.0.254", 1, 10));
    assert!(errors(&f, a, "eth0")[0].starts_with("in  IP 10.1.0.254>10.0.0.1 ttl=64 len=66 proto=1 icmp unreach/3"));
}

/// ICMP-6: 576 bytes at most; the route's or the device's MTU if that is less.
#[test]
fn quotes() {
    for (len, mtu, total) in [(100, 1500, 156), (520, 1500, 576), (1_400, 1500, 576), (1_400, 300, 300)] {
        let (mut f, a, b) = two();
        f.run(1);
        f.l.op(
            0,
            b,
            RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { mtu: Some(mtu), ..LinkAttrs::default() } },
        );
        let (h, l4) = udp_packet("10.0.0.1", "10.0.0.2", 64, len);
        // Straight into b's stack: its device would not take more than its MTU.
        f.receive(b, "eth0", m(0x0a), Net::Ip4(h, l4));
        let error = &errors(&f, a, "eth0")[0];
        assert!(error.starts_with(&format!("in  IP 10.0.0.2>10.0.0.1 ttl=64 len={total} ")), "{error}");
    }
}

/// ICMP-10, SOCK-45: six at once to one host, then one a second.
#[test]
fn six_at_once() {
    let (mut f, a, b) = two();
    f.run(1);
    f.burst(1, a, "10.0.0.2", 10, 20);
    f.run(2);
    assert_eq!((errors(&f, a, "eth0").len(), f.mib(b, M::IcmpOutRateLimitHost)), (6, 14));
    assert_eq!((f.mib(b, M::UdpNoPorts), f.mib(b, M::IcmpOutDestUnreachs)), (20, 6));
    f.run(1_300);
    f.burst(2, a, "10.0.0.2", 10, 20);
    f.run(1_301);
    assert_eq!(errors(&f, a, "eth0").len(), 7);
    // Type 3 is not limited if the mask says so.
    f.sysctl(b, "icmp_ratemask", "6160");
    f.burst(3, a, "10.0.0.2", 10, 20);
    f.run(1_302);
    assert_eq!(errors(&f, a, "eth0").len(), 27);
}

/// ICMP-9, ICMP-25, ICMP-26, SOCK-77: echo requests are answered from the address that was asked, TOS and all but with DF
/// clear, also in an L2 broadcast frame; without limit, unless the mask has a bit for type 0.
#[test]
fn echo() {
    let (mut f, a, b) = two();
    f.run(1);
    let ask = |f: &mut Facts, dst| {
        let (h, _) = udp_packet("10.0.0.1", "10.0.0.2", 9, 56);
        let l4 = L4::Icmp(Icmp { kind: 8, code: 0, rest: 7 << 16 | 1, quote: None });
        f.inject(a, "eth0", m(0x0a), dst, Net::Ip4(Ip4 { tos: 0x2b, frag: IP_DF, proto: IPPROTO_ICMP, ..h }, l4));
    };
    ask(&mut f, Mac::BROADCAST);
    assert_eq!(errors(&f, a, "eth0"), ["in  IP 10.0.0.2>10.0.0.1 ttl=64 len=84 proto=1 icmp echo-reply/0 seq=1"]);
    assert_eq!(f.frames(a, "eth0").last().and_then(Frame::ip4).map(|h| h.tos), Some(0x2b));
    (0..20).for_each(|_| ask(&mut f, m(0x0b)));
    assert_eq!(f.mib(b, M::IcmpOutEchoReps), 21);
    f.sysctl(b, "icmp_ratemask", "6169");
    (0..20).for_each(|_| ask(&mut f, m(0x0b)));
    assert_eq!((f.mib(b, M::IcmpOutEchoReps), f.mib(b, M::IcmpOutRateLimitHost)), (27, 14));
    f.sysctl(b, "icmp_ratemask", "6168");
    f.sysctl(b, "icmp_echo_ignore_all", "1");
    ask(&mut f, m(0x0b));
    assert_eq!((f.mib(b, M::IcmpOutEchoReps), f.mib(b, M::IcmpInEchos), f.drops()), (27, 42, vec![]));
}

/// ICMP-10, ICMP-11: to oneself only the namespace's budget counts: about 50 of 600 at once, of random cost.
#[test]
fn the_budget_of_the_namespace() {
    let (mut f, a, _) = two();
    f.run(1);
    for i in 0..4 {
        f.burst(i + 1, a, &format!("10.0.0.{}", 100 + i), 10, 150);
    }
    f.run(3_100);
    let (sent, held) = (f.mib(a, M::IcmpOutDestUnreachs), f.mib(a, M::IcmpOutRateLimitGlobal));
    assert_eq!((sent + held, f.mib(a, M::IcmpOutRateLimitHost)), (600, 0));
    assert!((25..100).contains(&sent), "{sent}");
}

/// RT-37: what can't be routed pays twice from the same bucket: two answers to twenty, and the third is held back.
#[test]
fn unroutable_pays_twice() {
    let (mut f, a, r, _) = routed();
    f.run(1);
    f.burst(1, a, "99.0.0.9", 10, 20);
    f.run(2);
    assert_eq!((errors(&f, a, "eth0").len(), f.mib(r, M::IcmpOutRateLimitHost)), (2, 1));
    assert_eq!((f.mib(r, M::IpExtInNoRoutes), f.drops().len()), (20, 1));
}

/// ICMP-13, ICMP-15, SOCK-43: closed port and unknown protocol.
#[test]
fn nobody_there() {
    let (mut f, a, b) = two();
    f.run(1);
    f.burst(1, a, "10.0.0.2", 10, 1);
    f.run(2);
    let (h, _) = udp_packet("10.0.0.1", "10.0.0.2", 64, 10);
    f.inject(a, "eth0", m(0x0a), m(0x0b), Net::Ip4(Ip4 { proto: 99, ..h }, L4::None));
    let got = errors(&f, a, "eth0");
    assert!(
        got[0].contains("unreach/3 [") && got[1].contains("unreach/2 [IP 10.0.0.1>10.0.0.2 ttl=64 len=38 proto=99")
    );
    assert_eq!(f.drops(), ["NO_SOCKET udp_rcv eth0 1", "IP_NOPROTO ip_local_deliver eth0 1"]);
    let counted = [M::IpInReceives, M::IpInDelivers, M::IpInUnknownProtos, M::UdpNoPorts].map(|c| f.mib(b, c));
    assert_eq!(counted, [2, 1, 1, 1]);
}

/// ICMP-17, RT-36, RT-38: each kind of route has its own error; a blackhole has none; who may forward is decided by the
/// device that the packet came in by.
#[test]
fn kinds_of_routes() {
    let (mut f, a, r, _) = routed();
    for (kind, to) in [
        (RouteType::Unreachable, "99.1.0.0/16"),
        (RouteType::Prohibit, "99.2.0.0/16"),
        (RouteType::Blackhole, "99.3.0.0/16"),
        (RouteType::Throw, "99.4.0.0/16"),
    ] {
        f.route_of(r, kind, to);
    }
    f.sysctl(r, "icmp_ratelimit", "0");
    f.run(1);
    for (i, to) in ["99.1.0.1", "99.2.0.1", "99.3.0.1", "99.4.0.1", "99.5.0.1"].iter().enumerate() {
        f.burst(i as u32 + 1, a, to, 10, 1);
        let ms = 1_000 * (i as u64 + 1);
        f.run(ms);
    }
    let got: Vec<String> = errors(&f, a, "eth0")
        .iter()
        .map(|l| {
            let (head, quote) = l.split_once(" [IP 10.0.0.1>").unwrap();
            format!("{} {}", head.rsplit_once(' ').unwrap().1, quote.split_once(' ').unwrap().0)
        })
        .collect();
    assert_eq!(got, ["unreach/1 99.1.0.1", "unreach/13 99.2.0.1", "unreach/0 99.4.0.1", "unreach/0 99.5.0.1"]);
    assert_eq!(f.mib(r, M::IpExtInNoRoutes), 2);
    f.sysctl(r, "conf.eth0.forwarding", "0");
    f.burst(9, a, "10.1.0.2", 10, 1);
    f.run(6_000);
    assert_eq!((errors(&f, a, "eth0").len(), f.mib(r, M::IpInAddrErrors)), (4, 1));
}

/// ICMP-23, UDP-44: a connected UDP socket hears nothing of a neighbour that does not answer; with `IP_RECVERR` it does.
#[test]
fn unreachable_is_not_fatal() {
    let (mut f, a, _) = two();
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    let opts = Options { recverr: true, ..Options::default() };
    let told = f.socket_as(a, "0.0.0.0", 4001, opts).unwrap();
    for s in [s, told] {
        f.connect(s, "10.0.0.9", 7000).unwrap();
        assert_eq!(f.sendto(s, "", 0, 5), Ok(5));
    }
    f.run(3_100);
    assert_eq!(f.recv(s), Ok(None));
    assert_eq!(f.recv(told), Err(Errno::EHOSTUNREACH));
    assert_eq!(f.recv(told), Ok(None));
}

/// ICMP-21, ICMP-22: a redirect to who could have asked the next hop itself, the packet is forwarded all the same; paced
/// at 40, 80, 160 … ms, nine at most.
#[test]
fn redirects() {
    let (mut f, a, r, _) = routed();
    f.l.route(0, r, "20.0.0.0/8", "10.0.0.77");
    f.neighbour(r, "eth0", "10.0.0.77", 0x77);
    f.run(1);
    let pace = Pace::every(f.now, sim_core::time::Span::from_ms(4));
    let mut app = UdpSend::new(1, (ip("20.0.0.1"), 7000), 10, 4_000, pace);
    app.opts = Options { ttl: Some(9), ..Options::default() };
    let now = f.now;
    f.l.spawn(0, a, App::UdpSend(Box::new(app)), now);
    f.run(16_100);
    let told: Vec<String> = f.seen(r, "eth0").into_iter().filter(|l| l.contains("redirect")).collect();
    assert_eq!(told.len(), 9);
    assert!(told[0].contains("IP 10.0.0.254>10.0.0.1 ttl=64 len=66 proto=1 icmp redirect/1 gw=10.0.0.77 [IP"));
    assert!(told[0].contains("ttl=8"), "{}", told[0]);
    let at: Vec<u64> = told.iter().map(|l| l.split_once(' ').unwrap().0.parse().unwrap()).collect();
    let gaps: Vec<u64> = at.windows(2).map(|w| w[1] - w[0]).collect();
    // Strictly later than 20 ms << n, on packets that come each tick.
    assert_eq!(gaps, [44, 84, 164, 324, 644, 1_284, 2_564, 5_124]);
    assert_eq!(f.mib(r, M::IpForwDatagrams), 4_000);
}
