//! The order of the checks in `ip_forward`, and what is left of a packet behind it.

use super::facts_kit::*;

fn via_r(f: &mut Facts, a: NsId, dst: Mac, packet: (Ip4, L4)) {
    f.inject(a, "eth0", m(0x0a), dst, Net::Ip4(packet.0, packet.1));
}

fn counted<const N: usize>(f: &Facts, ns: NsId, which: [M; N]) -> [u64; N] {
    which.map(|c| f.mib(ns, c))
}

/// IP-11, IP-12, RT-42: a unicast packet in an L2 broadcast frame is for this host or for nobody.
#[test]
fn broadcast_frames_stay() {
    let (mut f, a, r, _) = routed();
    f.run(1);
    via_r(&mut f, a, Mac::BROADCAST, udp_packet("10.0.0.1", "10.1.0.2", 64, 10));
    assert_eq!(f.drops(), ["NOT_SPECIFIED ip_forward eth0 1"]);
    assert_eq!(counted(&f, r, [M::IpInReceives, M::IpForwDatagrams, M::IcmpOutMsgs]), [1, 0, 0]);
    let s = f.socket(r, "0.0.0.0", 7000);
    via_r(&mut f, a, Mac::BROADCAST, udp_packet("10.0.0.1", "10.1.0.254", 64, 10));
    assert_eq!(f.recv(s), Ok(Some(10)));
    // IP-1: another host's frame is not even counted.
    via_r(&mut f, a, m(0x99), udp_packet("10.0.0.1", "10.1.0.2", 64, 10));
    assert_eq!(f.drops()[1], "OTHERHOST ip_rcv eth0 1");
    assert_eq!(f.mib(r, M::IpInReceives), 2);
}

/// IP-9, IP-13, IP-14, IP-17: TTL 1 and 0 end here, quoted as they came; before any MTU, behind the routing decision; what
/// is for this host may have any TTL.
#[test]
fn ttl() {
    let (mut f, a, r, _) = routed();
    f.l.op(0, r, RtnlOp::SetLink { name: "eth1".into(), attrs: LinkAttrs { mtu: Some(600), ..LinkAttrs::default() } });
    f.run(1);
    for (ttl, to, len, says) in [
        (1, "10.1.0.2", 10, "ttl-exceeded/0 [IP 10.0.0.1>10.1.0.2 ttl=1 len=38 proto=17 udp 4000>7000]"),
        (0, "10.1.0.2", 10, "ttl-exceeded/0 [IP 10.0.0.1>10.1.0.2 ttl=0 len=38 proto=17 udp 4000>7000]"),
        (1, "10.1.0.2", 1_000, "ttl-exceeded/0 [IP 10.0.0.1>10.1.0.2 ttl=1 len=1028 proto=17 udp 4000>7000]"),
        (1, "99.0.0.1", 10, "unreach/0 [IP 10.0.0.1>99.0.0.1 ttl=1 len=38 proto=17 udp 4000>7000]"),
        (1, "10.0.0.254", 10, "unreach/3 [IP 10.0.0.1>10.0.0.254 ttl=1 len=38 proto=17 udp 4000>7000]"),
    ] {
        f.clear();
        via_r(&mut f, a, m(0x1a), udp_packet("10.0.0.1", to, ttl, len));
        let last = f.lines(a, "eth0", "icmp").pop().unwrap_or_default();
        assert!(last.ends_with(says), "{last}");
    }
    assert_eq!(counted(&f, r, [M::IpInHdrErrors, M::IpForwDatagrams]), [3, 0]);
}

/// IP-15, ICMP-18, IP-39: too big with DF; the MTU of the device or of the route; counted as forwarded all the same.
#[test]
fn too_big() {
    for of_route in [false, true] {
        let (mut f, a, r, b) = routed();
        if of_route {
            let route = RouteSpec { via: Some(ip("10.1.0.2")), mtu: 1_000, ..RouteSpec::to(prefix("10.2.0.0/16")) };
            f.l.op(0, r, RtnlOp::NewRoute { route, how: How::Add });
            f.l.addr(0, b, "lo", "10.2.0.2/32");
        } else {
            f.l.route(0, r, "10.2.0.0/16", "10.1.0.2");
            f.l.addr(0, b, "lo", "10.2.0.2/32");
            let attrs = LinkAttrs { mtu: Some(1_000), ..LinkAttrs::default() };
            f.l.op(0, r, RtnlOp::SetLink { name: "eth1".into(), attrs });
        }
        f.run(1);
        let big = |frag, len| {
            let (h, l4) = udp_packet("10.0.0.1", "10.2.0.2", 64, len);
            (Ip4 { frag, ..h }, l4)
        };
        via_r(&mut f, a, m(0x1a), big(IP_DF, 973));
        let says = f.lines(a, "eth0", "unreach/4 mtu=1000 [IP 10.0.0.1>10.2.0.2 ttl=64 len=1001 proto=17 DF");
        assert_eq!(says.len(), 1, "{of_route}");
        assert_eq!(counted(&f, r, [M::IpForwDatagrams, M::IpFragFails, M::IpOutTransmits]), [1, 1, 1]);
        assert_eq!(f.drops(), ["PKT_TOO_BIG ip_forward eth0 1"]);
        via_r(&mut f, a, m(0x1a), big(IP_DF, 972));
        via_r(&mut f, a, m(0x1a), big(0, 973));
        let came = f.lines(b, "eth0", "in  IP");
        assert_eq!(came.len(), 3);
        // 1000 - 20 = 980, rounded down to 976 bytes of payload.
        assert!(came[1].contains("len=996 proto=17 frag=0+"), "{}", came[1]);
        assert!(came[2].contains("len=25 proto=17 frag=976"), "{}", came[2]);
    }
}

/// IP-16, IP-17, IP-18: one TTL less and nothing else changed; a neighbour's failure quotes what was sent on.
#[test]
fn what_is_left() {
    let (mut f, a, r, b) = routed();
    f.run(1);
    f.socket(b, "0.0.0.0", 7000);
    let odd = |to| {
        let (h, l4) = udp_packet("10.0.0.1", to, 64, 10);
        (Ip4 { frag: IP_DF, tos: 0x2b, id: 4_711, ..h }, l4)
    };
    via_r(&mut f, a, m(0x1a), odd("10.1.0.2"));
    let Some(Frame { net: Net::Ip4(h, _), src, dst, .. }) = f.frames(b, "eth0").into_iter().find(|x| x.len() == 52)
    else {
        panic!("it arrives")
    };
    assert_eq!(h, Ip4 { ttl: 63, ..odd("10.1.0.2").0 });
    assert_eq!((src, dst), (m(0x1b), m(0x0b)));
    assert_eq!(
        counted(&f, r, [M::IpForwDatagrams, M::IpOutRequests, M::IpOutTransmits, M::IpExtOutOctets]),
        [1, 0, 1, 38]
    );
    f.clear();
    via_r(&mut f, a, m(0x1a), odd("10.1.0.99"));
    f.run(3_200);
    let quote = "[IP 10.0.0.1>10.1.0.99 ttl=63 len=38 proto=17 DF udp 4000>7000]";
    assert_eq!(
        f.lines(a, "eth0", "unreach"),
        [format!("in  IP 10.0.0.254>10.0.0.1 ttl=64 len=66 proto=1 icmp unreach/1 {quote}")]
    );
}

/// IP-16, QD-07: the priority, which picks the band of pfifo_fast, follows the TOS.
#[test]
fn priority_by_tos() {
    use crate::kernel::ip_forward::rt_tos2priority;
    assert_eq!([0, 0x08, 0x10, 0x18, 0xb8, 0x2b].map(rt_tos2priority), [0, 2, 6, 4, 4, 2]);
}

/// RT-31, RT-33, RT-39, RT-40: addresses that can't be, and directed broadcasts, which end at the first router.
#[test]
fn martians_and_broadcasts() {
    let (mut f, a, r, b) = routed();
    f.run(1);
    for (src, dst) in [
        ("224.0.0.1", "10.1.0.2"),
        ("255.255.255.255", "10.1.0.2"),
        ("0.0.0.0", "10.1.0.2"),
        ("10.0.0.1", "0.0.0.0"),
        ("127.0.0.1", "10.1.0.2"),
        ("10.0.0.1", "127.0.0.1"),
        ("10.1.0.254", "10.1.0.2"),
    ] {
        via_r(&mut f, a, m(0x1a), udp_packet(src, dst, 64, 10));
    }
    let lost = f.drops();
    assert_eq!(
        lost,
        [
            "IP_INVALID_SOURCE ip_rcv eth0 3",
            "IP_INVALID_DEST ip_rcv eth0 1",
            "IP_LOCALNET ip_rcv eth0 2",
            "IP_LOCAL_SOURCE ip_rcv eth0 1"
        ]
    );
    assert_eq!(counted(&f, r, [M::IpInReceives, M::IpInHdrErrors, M::IpInAddrErrors, M::IcmpOutMsgs]), [7, 0, 0, 0]);
    let s = f.socket(r, "0.0.0.0", 7000);
    via_r(&mut f, a, m(0x1a), udp_packet("10.0.0.1", "10.1.0.255", 64, 11));
    assert_eq!((f.recv(s), f.mib(r, M::IpExtInBcastPkts)), (Ok(Some(11)), 1));
    assert_eq!(f.lines(b, "eth0", "IP"), [""; 0]);
    f.sysctl(r, "conf.eth0.rp_filter", "1");
    via_r(&mut f, a, m(0x1a), udp_packet("10.1.0.77", "10.1.0.2", 64, 10));
    assert_eq!(f.drops()[4], "IP_RPFILTER ip_rcv eth0 1");
    assert_eq!(f.mib(r, M::TcpExtIPReversePathFilter), 1);
}
