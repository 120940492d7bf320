//! What is learned about single destinations, and routes with several next hops.

use super::facts_kit::*;
use crate::kernel::{
    route::{Get, route_get},
    rtnl::NextHop,
};

/// What `ip route get DST` prints, as one line; `expires` without the number.
fn get(f: &mut Facts, ns: NsId, dst: &str) -> String {
    // A tick or two have passed since it was learned, as for anybody who types.
    f.now += sim_core::time::Span::from_ms(8);
    f.l.w.run_until(f.now).unwrap();
    let now = f.now;
    let get = Get { dst: ip(dst), ..Get::default() };
    f.l.w.hosts[0].at(now, |k, cx| match route_get(k, cx, ns, &get) {
        Ok(got) => got.lines(k, ns).join("").replace("    cache", " cache"),
        Err(e) => e.to_string(),
    })
}

/// The MTU of r's way to b.
fn narrow(f: &mut Facts, r: NsId, mtu: u32) {
    f.l.op(0, r, RtnlOp::SetLink { name: "eth1".into(), attrs: LinkAttrs { mtu: Some(mtu), ..LinkAttrs::default() } });
}

/// IP-33, IP-35: the packet that meets the narrow link is lost, its sender has EMSGSIZE once, and the next one is cut
/// to what the router said. IP-36: that holds 600 s and is not renewed before half of it has passed.
#[test]
fn a_path_mtu_is_learned() {
    let (mut f, a, r, b) = routed();
    narrow(&mut f, r, 1_000);
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    f.connect(s, "10.1.0.2", 7000).unwrap();
    assert_eq!(f.sendto(s, "", 0, 1_400), Ok(1_400));
    assert_eq!(f.sendto(s, "", 0, 1_400), Err(Errno::EMSGSIZE));
    assert_eq!(f.sendto(s, "", 0, 1_400), Ok(1_400));
    assert_eq!(f.lines(b, "eth0", "in ").iter().filter(|l| l.contains("proto=17")).count(), 2);
    let line = "10.1.0.2 via 10.0.0.254 dev eth0 src 10.0.0.1 uid 0 cache expires 599sec mtu 1000";
    assert_eq!(get(&mut f, a, "10.1.0.2"), line);
    // Other destinations of the same route know nothing of it, and the router has learned nothing.
    assert_eq!(get(&mut f, a, "10.1.0.3"), "10.1.0.3 via 10.0.0.254 dev eth0 src 10.0.0.1 uid 0 cache");
    assert_eq!(get(&mut f, r, "10.1.0.2"), "10.1.0.2 dev eth1 src 10.1.0.254 uid 0 cache");
    f.run(200_000);
    assert!(get(&mut f, a, "10.1.0.2").ends_with("cache expires 399sec mtu 1000"));
    f.run(601_000);
    assert!(get(&mut f, a, "10.1.0.2").ends_with("uid 0 cache"));
}

/// IP-34: less than `min_pmtu` is not believed: 552 then, and DF is set no more (IP-25).
#[test]
fn a_tiny_path_mtu_is_locked() {
    let (mut f, a, r, b) = routed();
    narrow(&mut f, r, 300);
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    f.connect(s, "10.1.0.2", 7000).unwrap();
    assert_eq!(f.sendto(s, "", 0, 400), Ok(400));
    assert_eq!(f.sendto(s, "", 0, 400), Err(Errno::EMSGSIZE));
    assert_eq!(f.sendto(s, "", 0, 400), Ok(400));
    assert!(get(&mut f, a, "10.1.0.2").ends_with("expires 599sec mtu lock 552"));
    assert!(f.lines(a, "eth0", "out").last().is_some_and(|l| !l.contains(" DF ")));
    assert_eq!(f.lines(b, "eth0", "in ").iter().filter(|l| l.contains("proto=17")).count(), 2);
}

/// IP-38: a path MTU follows the device's: it goes down with it, and up if it was the same.
#[test]
fn a_path_mtu_follows_the_device() {
    let (mut f, a, r, _) = routed();
    narrow(&mut f, r, 1_000);
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    f.connect(s, "10.1.0.2", 7000).unwrap();
    f.sendto(s, "", 0, 1_400).unwrap();
    let mtu = |f: &mut Facts, mtu| {
        let attrs = LinkAttrs { mtu: Some(mtu), ..LinkAttrs::default() };
        f.l.op(0, a, RtnlOp::SetLink { name: "eth0".into(), attrs });
        get(f, a, "10.1.0.2").rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!([mtu(&mut f, 1_400), mtu(&mut f, 900), mtu(&mut f, 1_500)], ["1000", "900", "1500"]);
}

/// IP-39: a route's own MTU counts for what is sent from here; locked, nobody learns another and DF is left out.
#[test]
fn the_mtu_of_a_route() {
    let (mut f, a, r, _) = routed();
    narrow(&mut f, r, 600);
    let to = |net: &str, lock| RouteSpec {
        via: Some(ip("10.0.0.254")),
        mtu: 1_000,
        mtu_lock: lock,
        ..RouteSpec::to(prefix(net))
    };
    f.l.op(0, a, RtnlOp::NewRoute { route: to("10.1.0.0/24", true), how: How::Add });
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    f.connect(s, "10.1.0.2", 7000).unwrap();
    assert_eq!(f.sendto(s, "", 0, 800), Ok(800));
    assert!(f.lines(a, "eth0", "out").last().is_some_and(|l| !l.contains(" DF ")));
    assert_eq!(get(&mut f, a, "10.1.0.2"), "10.1.0.2 via 10.0.0.254 dev eth0 src 10.0.0.1 uid 0 cache mtu lock 1000");
}

/// `ip_no_pmtu_disc`: 1 believes nothing and falls back to 552, 2 does not even look, and new sockets don't set DF.
#[test]
fn without_discovery() {
    for (mode, cache) in [("1", " expires 599sec mtu lock 552"), ("2", ""), ("3", "")] {
        let (mut f, a, r, _) = routed();
        narrow(&mut f, r, 1_000);
        f.sysctl(a, "ip_no_pmtu_disc", mode);
        f.run(1);
        let s = f.socket(a, "0.0.0.0", 4000);
        f.connect(s, "10.1.0.2", 7000).unwrap();
        assert_eq!(f.sendto(s, "", 0, 1_400), Ok(1_400));
        assert!(get(&mut f, a, "10.1.0.2").ends_with(&format!("uid 0 cache{cache}")), "{mode}");
    }
}

/// a, two routers r (10.0.0.254) and q (10.0.0.253) on one link; r's way to 20.0.0.0/8 is q.
fn two_routers() -> (Facts, NsId, NsId) {
    let (mut f, a, r, _) = routed();
    f.l.route(0, r, "20.0.0.0/8", "10.0.0.77");
    f.neighbour(r, "eth0", "10.0.0.77", 0x77);
    f.neighbour(a, "eth0", "10.0.0.77", 0x77);
    f.run(1);
    (f, a, r)
}

/// ICMP-31, RT-28: a redirect of the gateway in use is believed, for that destination and 300 s, if the new gateway's
/// address on the link is known.
#[test]
fn redirects_are_believed() {
    let (mut f, a, _) = two_routers();
    let s = f.socket(a, "0.0.0.0", 4000);
    f.sendto(s, "20.0.0.1", 7000, 10).unwrap();
    assert_eq!(
        get(&mut f, a, "20.0.0.1"),
        "20.0.0.1 via 10.0.0.77 dev eth0 src 10.0.0.1 uid 0 cache <redirected> expires 299sec"
    );
    assert_eq!(get(&mut f, a, "20.0.0.2"), "20.0.0.2 via 10.0.0.254 dev eth0 src 10.0.0.1 uid 0 cache");
    f.clear();
    f.sendto(s, "20.0.0.1", 7000, 10).unwrap();
    let sent = f.frames(a, "eth0");
    assert_eq!(sent[0].dst, m(0x77));
    f.run(301_000);
    assert!(get(&mut f, a, "20.0.0.1").contains("via 10.0.0.254 "));
}

/// ICMP-31, ICMP-32: not with `accept_redirects=0`; a router believes one only if `all` and the device do.
#[test]
fn redirects_are_ignored() {
    for (key, value) in [("conf.all.accept_redirects", "0"), ("conf.eth0.forwarding", "1")] {
        let (mut f, a, _) = two_routers();
        f.sysctl(a, "conf.eth0.accept_redirects", "0");
        f.sysctl(a, key, value);
        let s = f.socket(a, "0.0.0.0", 4000);
        f.sendto(s, "20.0.0.1", 7000, 10).unwrap();
        assert!(get(&mut f, a, "20.0.0.1").ends_with("uid 0 cache"), "{key}");
    }
    // Without shared media the new gateway must be a known one.
    let (mut f, a, _) = two_routers();
    f.sysctl(a, "conf.all.shared_media", "0");
    f.sysctl(a, "conf.eth0.shared_media", "0");
    let s = f.socket(a, "0.0.0.0", 4000);
    f.sendto(s, "20.0.0.1", 7000, 10).unwrap();
    assert!(get(&mut f, a, "20.0.0.1").ends_with("uid 0 cache"));
    f.l.route(0, a, "30.0.0.0/8", "10.0.0.77");
    f.run(100);
    f.sendto(s, "20.0.0.1", 7000, 10).unwrap();
    assert!(get(&mut f, a, "20.0.0.1").contains("<redirected>"));
}

/// An echo reply's sender learns, too, though no socket sent it.
#[test]
fn echo_replies_learn() {
    let (mut f, a, r, b) = routed();
    narrow(&mut f, r, 1_000);
    f.run(1);
    // DF is not set on replies: the router cuts, and nobody is told.
    let (h, _) = udp_packet("10.1.0.2", "10.0.0.1", 9, 8);
    let quote = Some(Box::new(crate::packet::Quote {
        ip: Ip4 { src: ip("10.0.0.1"), dst: ip("10.1.0.2"), proto: IPPROTO_ICMP, ..h },
        l4: L4::Icmp(Icmp { kind: 0, code: 0, rest: 0, quote: None }),
        tag: Tag::default(),
    }));
    let l4 = L4::Icmp(Icmp { kind: 3, code: 4, rest: 900, quote });
    f.receive(a, "eth0", m(0x1a), Net::Ip4(Ip4 { len: 56, proto: IPPROTO_ICMP, ..h }, l4));
    assert!(get(&mut f, a, "10.1.0.2").ends_with("expires 599sec mtu 900"));
    assert_eq!(f.mib(b, M::IcmpInMsgs), 0);
}

/// RT-15, RT-16, RT-17: packets of one pair of addresses take one next hop; one that is down takes none, comes back
/// with its device, and one without carrier is left out only with `ignore_routes_with_linkdown`.
#[test]
fn several_next_hops() {
    let (mut f, a, r, _) = routed();
    let c = f.l.ns(0, "c");
    f.pair((a, "eth1", 0x0c, "10.2.0.1/24"), (c, "eth0", 0x1c, "10.2.0.254/24"));
    let hop = |via: &str, weight| NextHop { via: Some(ip(via)), dev: None, weight, onlink: false };
    let nexthops = vec![hop("10.0.0.254", 1), hop("10.2.0.254", 3)];
    let route = RouteSpec { nexthops, ..RouteSpec::to(prefix("50.0.0.0/8")) };
    f.l.op(0, a, RtnlOp::NewRoute { route, how: How::Add });
    f.sysctl(a, "fib_multipath_hash_seed", "7");
    f.run(1);
    let ways = |f: &mut Facts| {
        let of = |n: u32| format!("50.0.{}.{}", n >> 8, n & 255);
        let via = (1..=400).filter(|n| get(f, a, &of(*n)).contains("via 10.0.0.254")).count();
        (via, 400 - via)
    };
    let (first, second) = ways(&mut f);
    assert!((70..130).contains(&first), "a quarter of 400: {first} and {second}");
    assert_eq!(ways(&mut f), (first, second));
    let link = |f: &mut Facts, up| {
        let attrs = LinkAttrs { up: Some(up), ..LinkAttrs::default() };
        f.l.op(0, a, RtnlOp::SetLink { name: "eth1".into(), attrs });
    };
    link(&mut f, false);
    assert_eq!(ways(&mut f), (400, 0));
    link(&mut f, true);
    f.run(2_000);
    assert_eq!(ways(&mut f), (first, second));
    let _ = r;
}
