//! Tables against a naive reference, against the kernel's answers, and against the clock.

use super::*;
use crate::kernel::{
    NsId,
    rtnl::{How, RtProto},
    testkit::{Lab, ip4, prefix},
};

/// A unicast route of main by no particular device.
fn to<A: Addr>(p: Prefix<A>) -> Route<A> {
    Route {
        prefix: p,
        table: RT_TABLE_MAIN,
        metric: 0,
        dev: DevId::NONE,
        gw: None,
        prefsrc: None,
        mtu: 0,
        origin: 0,
        kind: RouteType::Unicast,
        tos: 0,
        scope: Scope::Universe,
        nh_scope: Scope::Host,
        proto: RtProto::Boot,
        onlink: false,
        linkdown: false,
        ignore_linkdown: false,
        mtu_lock: false,
        advmss: 0,
        hoplimit: 0,
        legs: None,
        id: 0,
    }
}

/// Knuth's generator: enough for tests.
struct Lcg(u64);

impl Lcg {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// The definition: of all routes that fit, the longest prefix, then local before main, larger tos, smaller metric.
fn reference<'a>(all: &'a [Route<u32>], key: &Key<u32>) -> Option<&'a Route<u32>> {
    all.iter()
        .filter(|r| r.prefix.contains(key.dst) && (r.tos == 0 || r.tos == key.tos & 0x1c) && r.scope >= key.scope)
        .filter(|r| !(r.linkdown && r.ignore_linkdown) || r.kind >= RouteType::Blackhole)
        .max_by_key(|r| (r.prefix.len, r.table, r.tos, std::cmp::Reverse(r.metric)))
}

fn random_route(rng: &mut Lcg) -> Route<u32> {
    let len = [0, 8, 8, 16, 20, 24, 24, 25, 30, 32][rng.next(10) as usize];
    let dst = 0x0a00_0000 | (rng.next(4) << 16) as u32 | (rng.next(3) << 8) as u32 | rng.next(8) as u32;
    let kinds = [RouteType::Unicast, RouteType::Unicast, RouteType::Local, RouteType::Blackhole, RouteType::Throw];
    Route {
        table: [RT_TABLE_MAIN, RT_TABLE_MAIN, RT_TABLE_LOCAL][rng.next(3) as usize],
        metric: rng.next(3) as u32,
        tos: [0, 0, 0, 0x10, 0x08][rng.next(5) as usize],
        kind: kinds[rng.next(5) as usize],
        scope: [Scope::Universe, Scope::Link, Scope::Host][rng.next(3) as usize],
        linkdown: rng.next(8) == 0,
        ignore_linkdown: rng.next(2) == 0,
        ..to(Prefix::new(dst, len).network())
    }
}

#[test]
fn random_tables_answer_as_the_definition_does() {
    // RT-2, RT-6, RT-7, RT-8, RT-9; short lists and hash tables alike.
    for (seed, steps) in [(1, 6), (2, 12), (3, 30), (4, 200), (5, 600)] {
        let mut rng = Lcg(seed);
        let mut t = Tables::<u32>::default();
        let mut all: Vec<Route<u32>> = Vec::new();
        for step in 0..steps {
            let route = random_route(&mut rng);
            let id = |r: &Route<u32>| (r.prefix, r.table, r.tos, r.metric);
            if rng.next(4) == 0 {
                let m = Match { tos: route.tos, metric: route.metric, ..Match::new(route.prefix, route.table) };
                let found = all
                    .iter()
                    .enumerate()
                    .filter(|(_, r)| (r.prefix, r.table, r.tos) == (m.prefix, m.table, m.tos))
                    .filter(|(_, r)| m.metric == 0 || r.metric == m.metric)
                    .min_by_key(|(_, r)| r.metric);
                match (found.map(|f| f.0), t.delete(&m)) {
                    // Which number a route got is not the point.
                    (Some(i), Ok(gone)) => assert_eq!(Route { id: 0, ..gone }, all.remove(i)),
                    (None, Err(e)) => assert_eq!(e, Errno::ESRCH),
                    other => panic!("{other:?}"),
                }
            } else {
                let twice = all.iter().any(|r| id(r) == id(&route));
                let answer = t.insert(route.clone(), How::Add);
                assert_eq!(answer, if twice { Err(Errno::EEXIST) } else { Ok(()) });
                if !twice {
                    all.push(route);
                }
            }
            assert_eq!(t.len(), all.len());
            for _ in 0..10 {
                let key = Key {
                    tos: [0, 0x10, 0x12, 0x08][rng.next(4) as usize],
                    scope: [Scope::Universe, Scope::Universe, Scope::Link][rng.next(3) as usize],
                    ..Key::to(0x0a00_0000 | (rng.next(4) << 16 | rng.next(3) << 8 | rng.next(9)) as u32)
                };
                let expected = match reference(&all, &key) {
                    Some(r) if r.kind == RouteType::Blackhole => Err(Errno::EINVAL),
                    Some(r) if r.kind != RouteType::Throw => Ok((r.prefix, r.table, r.metric, r.kind)),
                    _ => Err(Errno::ENETUNREACH),
                };
                let got = t.lookup(&key).map(|h| (h.prefix, h.table, h.metric, h.kind));
                assert_eq!(got, expected, "seed {seed} step {step} {key:?}");
            }
        }
        let mut sorted = all.clone();
        sorted.sort_by_key(|r| (r.prefix.addr, 32 - r.prefix.len, u8::MAX - r.tos, r.metric));
        for table in [RT_TABLE_MAIN, RT_TABLE_LOCAL] {
            let expected: Vec<_> = sorted.iter().filter(|r| r.table == table).collect();
            // Which number a route got is not the point.
            let shown: Vec<_> = t.routes(table).into_iter().map(|r| Route { id: 0, ..r.clone() }).collect();
            assert_eq!(shown.iter().collect::<Vec<_>>(), expected);
        }
    }
}

#[test]
fn the_same_for_ipv6_addresses() {
    let mut t = Tables::<u128>::default();
    let p = |a: u128, len| Prefix::new(a.network(len), len);
    let base = 0x2001_0db8_u128 << 96;
    for i in 0..100_u128 {
        t.insert(to(p(base | i << 64, 64)), How::Add).expect("a route");
    }
    t.insert(to(p(0, 0)), How::Add).expect("a route");
    t.insert(to(p(base | 7 << 64 | 1, 128)), How::Add).expect("a route");
    let len = |dst| t.lookup(&Key::to(dst)).map(|h| h.prefix.len);
    assert_eq!(len(base | 7 << 64 | 1), Ok(128));
    assert_eq!(len(base | 7 << 64 | 2), Ok(64));
    assert_eq!(len(1), Ok(0));
}

#[test]
fn equal_prefixes_of_local_and_main() {
    // RT-2: local wins of equal prefixes; the longer prefix wins whatever its table.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            addr add 10.0.0.1/24 dev v0
            route add local 10.50.0.0/16 dev v0
            route add 10.50.0.0/16 via 10.0.0.2
            route add 10.50.1.0/24 via 10.0.0.2");
    let v4 = lab.v4();
    let at = |a| v4.lookup(&Key::to(ip4(a))).map(|h| (h.kind, h.table));
    assert_eq!(at("10.50.2.1"), Ok((RouteType::Local, RT_TABLE_LOCAL)));
    assert_eq!(at("10.50.1.1"), Ok((RouteType::Unicast, RT_TABLE_MAIN)));
    // The local table's own question is asked of both, too.
    assert_eq!(v4.addr_type(ip4("10.50.1.1")), RouteType::Unicast);
    assert_eq!(v4.addr_type(ip4("10.50.2.1")), RouteType::Local);
    let refused = Err("Error: Invalid prefsrc address.".to_owned());
    assert_eq!(lab.ip("route add 40.0.0.0/8 via 10.0.0.2 src 10.50.1.1"), refused);
    assert_eq!(lab.ip("route add 40.0.0.0/8 via 10.0.0.2 src 10.50.2.1"), Ok(()));
}

#[test]
fn types_answer_with_their_errors() {
    // RT-6, and table default is asked only after "nothing here" (seen: an error of main stays one).
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            route add blackhole 20.0.0.0/8
            route add unreachable 21.0.0.0/8
            route add prohibit 22.0.0.0/8
            route add throw 23.0.0.0/8");
    let at = |lab: &Lab, a| lab.v4().lookup(&Key::to(ip4(a))).map(|h| h.table);
    assert_eq!(at(&lab, "20.0.0.1"), Err(Errno::EINVAL));
    assert_eq!(at(&lab, "21.0.0.1"), Err(Errno::EHOSTUNREACH));
    assert_eq!(at(&lab, "22.0.0.1"), Err(Errno::EACCES));
    assert_eq!(at(&lab, "23.0.0.1"), Err(Errno::ENETUNREACH));
    assert_eq!(at(&lab, "30.0.0.1"), Err(Errno::ENETUNREACH));
    lab.ok("route add default dev v0 table default");
    assert_eq!(at(&lab, "20.0.0.1"), Err(Errno::EINVAL));
    assert_eq!(at(&lab, "21.0.0.1"), Err(Errno::EHOSTUNREACH));
    assert_eq!(at(&lab, "23.0.0.1"), Ok(RT_TABLE_DEFAULT));
    assert_eq!(at(&lab, "30.0.0.1"), Ok(RT_TABLE_DEFAULT));
}

#[test]
fn a_bound_device_skips_routes_by_others() {
    // RT-9, RT-10: on to the shorter prefix.
    let mut lab = Lab::new();
    let (v0, v1) = (lab.dev("v0"), lab.dev("v1"));
    lab.ok("link set v0 up
            link set v1 up
            route add 10.1.0.0/16 dev v0
            route add 10.1.2.0/24 dev v1
            route add 10.1.2.0/24 dev v0 metric 5
            route add default dev v0");
    let at = |oif, a| {
        let key = Key { oif, ..Key::to(ip4(a)) };
        lab.v4().lookup(&key).map(|h| (h.prefix.len, h.dev, h.metric))
    };
    assert_eq!(at(None, "10.1.2.3"), Ok((24, v1, 0)));
    assert_eq!(at(Some(v0), "10.1.2.3"), Ok((24, v0, 5)));
    assert_eq!(at(Some(v1), "10.1.3.3"), Err(Errno::ENETUNREACH));
    assert_eq!(at(Some(v0), "11.0.0.1"), Ok((0, v0, 0)));
}

#[test]
fn a_wanted_scope_skips_wider_routes() {
    // RT-9, RT-11.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            addr add 10.0.0.1/24 dev v0
            route add 10.0.0.128/25 via 10.0.0.2");
    let at = |scope, a| lab.v4().lookup(&Key { scope, ..Key::to(ip4(a)) }).map(|h| h.prefix.len);
    assert_eq!(at(Scope::Universe, "10.0.0.130"), Ok(25));
    assert_eq!(at(Scope::Link, "10.0.0.130"), Ok(24));
    assert_eq!(at(Scope::Host, "10.0.0.130"), Err(Errno::ENETUNREACH));
    assert_eq!(at(Scope::Host, "10.0.0.1"), Ok(32));
}

#[test]
fn linkdown_is_used_unless_told_otherwise() {
    // RT-9, RT-16: at once in both directions.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.dev("v1");
    lab.ok("link set v0 up
            link set v1 up
            addr add 10.0.0.1/24 dev v0
            addr add 10.1.0.1/24 dev v1
            route add default via 10.0.0.2
            route add default via 10.1.0.2 metric 7");
    let metric = |lab: &Lab| lab.v4().lookup(&Key::to(ip4("8.8.8.8"))).map(|h| h.metric);
    lab.carrier("v0", false);
    assert_eq!(metric(&lab), Ok(0));
    assert_eq!(lab.routes(RT_TABLE_MAIN)[0], "default via 10.0.0.2 dev v0 linkdown");
    lab.sysctl("net.ipv4.conf.v0.ignore_routes_with_linkdown", "1").expect("a key");
    assert_eq!(metric(&lab), Ok(7));
    assert_eq!(lab.routes(RT_TABLE_MAIN)[0], "default via 10.0.0.2 dev v0 dead linkdown");
    // A gateway is checked without regard to the carrier (RT-12).
    lab.ok("route add 50.0.0.0/8 via 10.0.0.9");
    assert_eq!(lab.routes(RT_TABLE_MAIN).last().expect("a line"), "50.0.0.0/8 via 10.0.0.9 dev v0 dead linkdown");
    lab.carrier("v0", true);
    assert_eq!(metric(&lab), Ok(0));
    lab.carrier("v0", false);
    lab.sysctl("net.ipv4.conf.v0.ignore_routes_with_linkdown", "0").expect("a key");
    lab.sysctl("net.ipv4.conf.all.ignore_routes_with_linkdown", "1").expect("a key");
    assert_eq!(metric(&lab), Ok(7));
    // Own addresses answer without a carrier.
    let own = lab.v4().lookup(&Key::to(ip4("10.0.0.1"))).map(|h| h.kind);
    assert_eq!(own, Ok(RouteType::Local));
}

#[test]
fn order_of_equal_prefixes() {
    // RT-7, RT-8: what `ip route` showed on 6.18 after the same requests.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            addr add 10.0.0.1/24 dev v0
            route replace 78.0.0.0/8 via 10.0.0.9
            route replace 78.0.0.0/8 via 10.0.0.9");
    let exists = Err("RTNETLINK answers: File exists".to_owned());
    assert_eq!(lab.ip("route append 78.0.0.0/8 via 10.0.0.9"), exists);
    lab.ok("route append 78.0.0.0/8 via 10.0.0.7
            route prepend 78.0.0.0/8 via 10.0.0.8");
    assert_eq!(lab.ip("route replace 78.0.0.0/8 via 10.0.0.7"), exists);
    assert_eq!(lab.ip("route add 78.0.0.0/8 via 10.0.0.5"), exists);
    lab.ok("route change 78.0.0.0/8 via 10.0.0.6");
    assert_eq!(
        lab.ip("route change 79.0.0.0/8 via 10.0.0.6"),
        Err("RTNETLINK answers: No such file or directory".to_owned())
    );
    lab.ok("route add 33.0.0.0/8 dev v0 tos 0x10
            route add 33.0.0.0/8 dev v0
            route add 33.0.0.0/8 dev v0 tos 0x08
            route add 33.0.0.0/8 dev v0 metric 3");
    let expected = [
        "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
        "33.0.0.0/8 tos 0x10 dev v0 scope link",
        "33.0.0.0/8 tos 0x08 dev v0 scope link",
        "33.0.0.0/8 dev v0 scope link",
        "33.0.0.0/8 dev v0 scope link metric 3",
        "78.0.0.0/8 via 10.0.0.6 dev v0",
        "78.0.0.0/8 via 10.0.0.9 dev v0",
        "78.0.0.0/8 via 10.0.0.7 dev v0",
    ];
    assert_eq!(lab.routes(RT_TABLE_MAIN), expected);
    // A deletion takes the first that fits: only tos 0 if none is given, then the smaller metric.
    lab.ok("route del 33.0.0.0/8
            route del 33.0.0.0/8
            route del 78.0.0.0/8 via 10.0.0.9");
    assert_eq!(lab.ip("route del 33.0.0.0/8"), Err("RTNETLINK answers: No such process".to_owned()));
    let expected = [
        "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
        "33.0.0.0/8 tos 0x10 dev v0 scope link",
        "33.0.0.0/8 tos 0x08 dev v0 scope link",
        "78.0.0.0/8 via 10.0.0.6 dev v0",
        "78.0.0.0/8 via 10.0.0.7 dev v0",
    ];
    assert_eq!(lab.routes(RT_TABLE_MAIN), expected);
}

#[test]
fn tos_is_matched_by_its_old_bits() {
    // RT-30: bits 0x1c of the packet; the route's own must equal them or be 0.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            route add 33.0.0.0/8 dev v0 tos 0x10 metric 1
            route add 33.0.0.0/8 dev v0 metric 2
            route add 34.0.0.0/8 dev v0 tos 0xfc");
    let at = |tos, a| lab.v4().lookup(&Key { tos, ..Key::to(ip4(a)) }).map(|h| h.metric);
    assert_eq!(at(0x10, "33.0.0.1"), Ok(1));
    assert_eq!(at(0xf2, "33.0.0.1"), Ok(1));
    assert_eq!(at(0x08, "33.0.0.1"), Ok(2));
    assert_eq!(at(0xfc, "34.0.0.1"), Err(Errno::ENETUNREACH));
}

#[test]
fn every_change_bumps_the_generation() {
    let mut lab = Lab::new();
    let v0 = lab.dev("v0");
    let mut last = lab.v4().genid;
    let mut bumped = |lab: &Lab, what: &str| {
        let now = lab.v4().genid;
        assert_ne!(now, last, "{what}");
        last = now;
    };
    for c in [
        "link set v0 up",
        "addr add 10.0.0.1/24 dev v0",
        "route add default via 10.0.0.2",
        "route replace default via 10.0.0.3",
        "route del default",
        "addr del 10.0.0.1/24 dev v0",
        "link set v0 down",
    ] {
        lab.ok(c);
        bumped(&lab, c);
    }
    lab.carrier("v0", false);
    bumped(&lab, "carrier");
    lab.sysctl("net.ipv4.ip_forward", "1").expect("a key");
    bumped(&lab, "ip_forward");
    lab.k.net_mut(NsId::ROOT).v4.flush_dev(v0, true, false);
    bumped(&lab, "flush");
}

#[test]
fn tables_are_dumped_in_the_order_of_their_hash() {
    // Seen: table 500 (low byte 244) before main, local last; of equal low bytes the newest first.
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            route add 1.0.0.0/8 dev v0 table 7
            route add 1.0.0.0/8 dev v0 table 500
            route add 1.0.0.0/8 dev v0
            route add 1.0.0.0/8 dev v0 table 263
            route add local 2.0.0.0/8 dev v0");
    assert_eq!(lab.v4().tables(), [263, 7, 500, 254, 255]);
    assert_eq!(lab.routes(0)[0], "1.0.0.0/8 dev v0 table 263 scope link");
}

#[test]
fn a_table_that_nobody_used() {
    // Seen on 6.18. An address is "broadcast" as long as there is no local table.
    let mut lab = Lab::new();
    lab.dev("v0");
    let missing = Err("Error: FIB table does not exist.".to_owned());
    assert_eq!(lab.ip("route del 10.0.0.0/8"), missing);
    lab.ok("link set v0 up");
    assert_eq!(
        lab.ip("route add 1.0.0.0/8 via 2.0.0.1 dev v0 onlink"),
        Err("Error: Nexthop has invalid gateway.".to_owned())
    );
    // The refused request has made main.
    assert_eq!(lab.ip("route del 9.0.0.0/8"), Err("RTNETLINK answers: No such process".to_owned()));
    assert_eq!(lab.ip("route del local 9.0.0.0/8"), missing);
    assert_eq!(lab.v4().addr_type(ip4("9.0.0.1")), RouteType::Broadcast);
    lab.ok("addr add 10.0.0.1/24 dev v0");
    assert_eq!(lab.v4().addr_type(ip4("9.0.0.1")), RouteType::Unicast);
}

#[test]
fn types_of_addresses() {
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.ok("link set v0 up
            addr add 10.0.0.1/24 dev v0
            route add blackhole 20.0.0.0/8");
    let v4 = lab.v4();
    for (a, kind) in [
        ("0.0.0.0", RouteType::Broadcast),
        ("255.255.255.255", RouteType::Broadcast),
        ("10.0.0.255", RouteType::Broadcast),
        ("224.0.0.1", RouteType::Multicast),
        ("239.255.255.255", RouteType::Multicast),
        ("10.0.0.1", RouteType::Local),
        ("10.0.0.0", RouteType::Unicast),
        ("0.0.0.5", RouteType::Unicast),
        ("20.0.0.1", RouteType::Unicast),
    ] {
        assert_eq!(v4.addr_type(ip4(a)), kind, "{a}");
    }
}

#[test]
fn a_hundred_thousand_routes() {
    let mut t = Tables::<u32>::default();
    let mut rng = Lcg(9);
    for i in 0..100_000_u32 {
        let p = Prefix::new(i << 12, 24).network();
        let route = Route { dev: DevId::NONE, metric: rng.next(1000) as u32, ..to(p) };
        t.insert(route.clone(), How::Add).expect("a route");
    }
    assert_eq!(t.len(), 100_000);
    let sum: u64 = (0..100_000_u32).map(|i| u64::from(t.lookup(&Key::to(i << 12 | 7)).expect("found").metric)).sum();
    assert!(sum > 0);
    for i in 0..100_000_u32 {
        t.delete(&Match::new(Prefix::new(i << 12, 24).network(), RT_TABLE_MAIN)).expect("a route");
    }
    assert!(t.is_empty());
    assert_eq!(prefix("10/8").addr, ip4("10.0.0.0"));
}
