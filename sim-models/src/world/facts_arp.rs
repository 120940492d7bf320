//! Who answers for which address, and what is learned from whom.

use super::facts_kit::*;
use ArpOp::{Reply, Request};

const BCAST: Mac = Mac::BROADCAST;

fn known(f: &Facts, ns: NsId) -> Vec<String> {
    f.neigh(ns)
}

/// ARP-6: a duplicate address probe is answered by unicast, with 0.0.0.0 as target, and teaches nothing.
#[test]
fn duplicate_address_probe() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Request, 0x0b, "0.0.0.0", "10.0.0.1", BCAST);
    assert_eq!(f.lines(b, "eth0", "in "), ["in  10.0.0.1 is-at 0a >0b"]);
    let Net::Arp(reply) = f.frames(b, "eth0")[1].net else { panic!("an ARP reply") };
    assert_eq!((reply.tpa, reply.tha), (0, m(0x0b)));
    assert_eq!(known(&f, a), [""; 0]);
    f.sysctl(a, "conf.eth0.arp_ignore", "8");
    f.clear();
    f.arp(b, Request, 0x0b, "0.0.0.0", "10.0.0.1", BCAST);
    assert_eq!(f.lines(b, "eth0", "in "), [""; 0]);
}

/// ARP-7: no answer to our own address as sender, nor to a sender that the reverse path check refuses; without the check
/// even a sender from nowhere is answered and known.
#[test]
fn senders_are_validated() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Request, 0x0b, "10.0.0.1", "10.0.0.1", BCAST);
    f.sysctl(a, "conf.eth0.rp_filter", "1");
    f.arp(b, Request, 0x0b, "1.2.3.4", "10.0.0.1", BCAST);
    assert_eq!((f.lines(b, "eth0", "in "), known(&f, a)), (vec![], vec![]));
    f.sysctl(a, "conf.eth0.rp_filter", "0");
    f.arp(b, Request, 0x0b, "1.2.3.4", "10.0.0.1", BCAST);
    assert_eq!(f.lines(b, "eth0", "in "), ["in  10.0.0.1 is-at 0a >0b"]);
    // The answer is no IP packet: the entry stays as it is.
    assert_eq!(known(&f, a), ["1.2.3.4 dev eth0 lladdr 02:00:00:00:00:0b STALE"]);
}

/// ARP-8, ARP-9, ARP-21: another MAC that asks replaces the old one at once.
#[test]
fn a_request_overrides() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.1", BCAST);
    f.arp(b, Request, 0x0c, "10.0.0.2", "10.0.0.1", BCAST);
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0c STALE"]);
    let replies: Vec<Frame> = f.frames(a, "eth0").into_iter().filter(|x| x.src == m(0x0a)).collect();
    assert_eq!(replies.len(), 2);
    let Net::Arp(r) = replies[1].net else { panic!("an ARP reply") };
    let asked = Arp { op: Reply, sha: m(0x0a), spa: ip("10.0.0.1"), tha: m(0x0c), tpa: ip("10.0.0.2") };
    assert_eq!((r, replies[1].dst, replies[1].len()), (asked, m(0x0c), 42));
}

/// ARP-10, ARP-18, ARP-19: an address of another interface, even a down one, is answered with the receiving interface's
/// MAC; broadcast addresses are nobody's; and what `arp_ignore` makes of it.
#[test]
fn which_addresses_are_ours() {
    let (mut f, a, b) = two();
    let c = f.l.ns(0, "c");
    f.pair((a, "eth1", 0x2a, "10.5.0.1/24"), (c, "eth0", 0x0c, "10.5.0.2/24"));
    f.l.op(0, a, RtnlOp::SetLink { name: "eth1".into(), attrs: LinkAttrs { up: Some(false), ..LinkAttrs::default() } });
    f.run(1);
    let asked = |f: &mut Facts, ignore: &str, spa: &str, tpa: &str| {
        f.sysctl(a, "conf.eth0.arp_ignore", ignore);
        f.clear();
        f.arp(b, Request, 0x0b, spa, tpa, BCAST);
        f.lines(b, "eth0", "in ").len() == 1
    };
    assert!(asked(&mut f, "0", "10.0.0.2", "10.5.0.1"));
    assert!(!asked(&mut f, "0", "10.0.0.2", "10.0.0.255"));
    assert!(!asked(&mut f, "1", "10.0.0.2", "10.5.0.1"));
    assert!(asked(&mut f, "1", "10.0.0.2", "10.0.0.1"));
    assert!(asked(&mut f, "1", "10.9.0.2", "10.0.0.1"));
    assert!(!asked(&mut f, "2", "10.9.0.2", "10.0.0.1"));
    assert!(asked(&mut f, "2", "10.0.0.2", "10.0.0.1"));
    assert!(asked(&mut f, "3", "10.0.0.2", "10.5.0.1"));
    assert!(!asked(&mut f, "8", "10.0.0.2", "10.0.0.1"));
}

/// ARP-11: a proxy answers for what it would forward out of another device, never for the asker's own link.
#[test]
fn proxies() {
    let (mut f, a, r, _) = routed();
    f.sysctl(r, "conf.eth0.proxy_arp", "1");
    f.sysctl(r, "neigh.eth0.proxy_delay", "0");
    f.run(1);
    f.arp(a, Request, 0x0a, "10.0.0.1", "10.1.0.77", BCAST);
    f.arp(a, Request, 0x0a, "10.0.0.1", "10.0.0.77", BCAST);
    assert_eq!(f.lines(a, "eth0", "in "), ["in  10.1.0.77 is-at 1a >0a"]);
    assert_eq!(known(&f, r), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a STALE"]);
    f.sysctl(r, "ip_forward", "0");
    f.arp(a, Request, 0x0a, "10.0.0.1", "10.1.0.77", BCAST);
    assert_eq!(f.lines(a, "eth0", "in ").len(), 1);
}

/// ARP-13: who says something unasked stays unknown, unless `arp_accept` is set.
#[test]
fn unasked_news() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Reply, 0x0b, "10.0.0.2", "10.0.0.1", m(0x0a));
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.2", BCAST);
    assert_eq!(known(&f, a), [""; 0]);
    f.sysctl(a, "conf.eth0.arp_accept", "1");
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.9", BCAST);
    assert_eq!(known(&f, a), [""; 0], "neither a reply nor gratuitous");
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.2", BCAST);
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b STALE"]);
    f.sysctl(a, "conf.eth0.arp_accept", "2");
    f.arp(b, Reply, 0x0b, "10.7.0.2", "10.0.0.1", m(0x0a));
    assert_eq!(known(&f, a).len(), 1, "2: only from a subnet of the interface");
}

/// ARP-14, ARP-15: within `locktime` of the last change a reply does not override, a gratuitous one does.
#[test]
fn locktime() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.1", BCAST);
    f.arp(b, Reply, 0x0c, "10.0.0.2", "10.0.0.1", m(0x0a));
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b STALE"]);
    f.arp(b, Request, 0x0d, "10.0.0.2", "10.0.0.2", BCAST);
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0d STALE"]);
    f.run(1_001);
    f.arp(b, Reply, 0x0c, "10.0.0.2", "10.0.0.1", m(0x0a));
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0d STALE"], "exactly 1 s is not more");
    f.run(1_201);
    f.arp(b, Reply, 0x0c, "10.0.0.2", "10.0.0.1", m(0x0a));
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0c REACHABLE"]);
}

/// ARP-16, ARP-17: a request for somebody else refreshes a known sender; a broadcast reply resolves, but only to STALE,
/// which the packets that waited make DELAY.
#[test]
fn news_by_the_way() {
    let (mut f, a, b) = two();
    f.run(1);
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.1", BCAST);
    f.run(1_500);
    f.arp(b, Request, 0x0c, "10.0.0.2", "10.0.0.99", BCAST);
    assert_eq!(known(&f, a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0c STALE"]);
    f.burst(1, a, "10.0.0.7", 10, 1);
    f.settle();
    f.clear();
    f.arp(b, Reply, 0x07, "10.0.0.7", "10.0.0.1", BCAST);
    assert_eq!(known(&f, a)[1], "10.0.0.7 dev eth0 lladdr 02:00:00:00:00:07 DELAY");
    assert_eq!(f.lines(a, "eth0", "IP").len(), 1);
}

/// ARP-20: with `arp_filter` only where the way back to the sender leads out of the same device.
#[test]
fn filter() {
    let (mut f, a, b) = two();
    let c = f.l.ns(0, "c");
    f.pair((a, "eth1", 0x2a, "10.5.0.1/24"), (c, "eth0", 0x0c, "10.5.0.2/24"));
    f.sysctl(a, "conf.eth0.arp_filter", "1");
    f.run(1);
    f.arp(b, Request, 0x0b, "10.5.0.9", "10.0.0.1", BCAST);
    assert_eq!((f.lines(b, "eth0", "in ").len(), f.mib(a, M::TcpExtArpFilter)), (0, 1));
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.1", BCAST);
    assert_eq!((f.lines(b, "eth0", "in ").len(), f.mib(a, M::TcpExtArpFilter)), (1, 1));
}

/// ARP-23, ARP-24: which of our addresses asks: the packet's own under `arp_announce` 0, one of the target's subnet
/// under 1, the primary one under 2; 0.0.0.0 if the host has none at all.
#[test]
fn whose_address_asks() {
    for (announce, src, asks) in [
        ("0", "10.6.0.1", "10.6.0.1"),
        ("0", "10.0.0.22", "10.0.0.22"),
        ("1", "10.6.0.1", "10.0.0.1"),
        ("1", "10.0.0.22", "10.0.0.22"),
        ("2", "10.0.0.22", "10.0.0.1"),
    ] {
        let (mut f, a, _) = two();
        f.l.addr(0, a, "eth0", "10.0.0.22/24");
        f.l.addr(0, a, "lo", "10.6.0.1/32");
        f.sysctl(a, "conf.eth0.arp_announce", announce);
        f.run(1);
        let s = f.socket(a, src, 9);
        assert_eq!(f.sendto(s, "10.0.0.9", 9, 1), Ok(1));
        assert_eq!(
            f.lines(a, "eth0", "who-has"),
            [format!("out who-has 10.0.0.9 tell {asks} >ff")],
            "{announce} {src}"
        );
    }
    let mut f = Facts::new();
    let (a, b) = (f.l.ns(0, "a"), f.l.ns(0, "b"));
    f.l.pair(0, (a, "eth0"), (b, "eth0"));
    let dev = Some("eth0".to_owned());
    f.l.op(0, a, RtnlOp::NewRoute { route: RouteSpec { dev, ..RouteSpec::to(prefix("10.0.0.0/24")) }, how: How::Add });
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 9);
    assert_eq!(f.sendto(s, "10.0.0.9", 9, 1), Ok(1));
    assert_eq!(f.lines(a, "eth0", "who-has"), ["out who-has 10.0.0.9 tell 0.0.0.0 >ff"]);
    // Questions to a daemon in user space are not seen on the line.
    f.sysctl(a, "neigh.eth0.app_solicit", "9");
    assert_eq!(f.sendto(s, "10.0.0.8", 9, 1), Ok(1));
    assert_eq!(f.lines(a, "eth0", "10.0.0.8"), [""; 0]);
}

/// ARP-11: an entry of `ip neigh add proxy` does for one address what proxy_arp does for all; proxy_arp_pvlan answers
/// where the way leads back to the asker's own link, but not about the asker itself.
#[test]
fn other_proxies() {
    let (mut f, a, r, _) = routed();
    f.sysctl(r, "neigh.eth0.proxy_delay", "0");
    let proxy = |add| RtnlOp::Proxy { dev: "eth0".into(), dst: ip("10.1.0.77"), add };
    f.l.op(0, r, proxy(true));
    f.l.op(0, r, proxy(true));
    f.run(1);
    for target in ["10.1.0.77", "10.1.0.78", "10.0.0.78"] {
        f.arp(a, Request, 0x0a, "10.0.0.1", target, BCAST);
    }
    assert_eq!(f.lines(a, "eth0", "in "), ["in  10.1.0.77 is-at 1a >0a"]);
    f.l.op(0, r, proxy(false));
    f.sysctl(r, "conf.eth0.proxy_arp_pvlan", "1");
    f.clear();
    for target in ["10.1.0.77", "10.0.0.78", "10.0.0.1"] {
        f.arp(a, Request, 0x0a, "10.0.0.1", target, BCAST);
    }
    assert_eq!(f.lines(a, "eth0", "in "), ["in  10.0.0.78 is-at 1a >0a"]);
    let gone = f.l.w.hosts[0].at(f.now, |k, cx| k.rtnl(cx, r, &proxy(false)));
    assert_eq!(gone.unwrap_err().to_string(), "RTNETLINK answers: No such file or directory");
}

/// ARP-12: a broadcast request is answered after a random part of `proxy_delay`, a unicast one at once; no more than
/// `proxy_qlen` wait.
#[test]
fn proxies_wait() {
    let (mut f, a, r, _) = routed();
    f.sysctl(r, "conf.eth0.proxy_arp", "1");
    f.run(1);
    f.arp(a, Request, 0x0a, "10.0.0.1", "10.1.0.77", m(0x1a));
    assert_eq!(f.lines(a, "eth0", "in ").len(), 1);
    f.clear();
    for i in 0..70 {
        f.arp(a, Request, 0x0a, "10.0.0.1", &format!("10.1.0.{}", 100 + i), BCAST);
    }
    assert!(f.lines(a, "eth0", "in ").len() < 5);
    assert_eq!(f.drops(), ["NOT_SPECIFIED arp_rcv eth0 4"], "65 wait, one was answered meanwhile");
    f.run(900);
    let times: Vec<u64> = f
        .seen(a, "eth0")
        .iter()
        .filter(|l| l.contains("is-at"))
        .map(|l| l.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert_eq!(times.len(), 66);
    assert!(times[0] < 100 && *times.last().unwrap() > 700 && *times.last().unwrap() <= 840, "{times:?}");
    // Whoever waits when the device goes down gets nothing.
    f.arp(a, Request, 0x0a, "10.0.0.1", "10.1.0.99", BCAST);
    f.l.op(0, r, RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { up: Some(false), ..LinkAttrs::default() } });
    f.run(2_000);
    assert_eq!(f.l.w.hosts[0].in_flight(), 0);
}

/// ARP-1, ARP-4, ARP-5: whose packets are not looked at, and which are bad.
#[test]
fn not_looked_at() {
    let (mut f, a, b) = two();
    f.sysctl(a, "conf.eth0.arp_accept", "1");
    f.run(1);
    // For another MAC address: consumed, no drop.
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.2", m(0x77));
    assert_eq!((known(&f, a), f.drops()), (vec![], vec![]));
    for (spa, tpa) in [("10.0.0.2", "224.0.0.5"), ("10.0.0.2", "127.0.0.1")] {
        f.arp(b, Request, 0x0b, spa, tpa, BCAST);
    }
    f.sysctl(a, "conf.eth0.drop_gratuitous_arp", "1");
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.2", BCAST);
    assert_eq!((known(&f, a), f.drops()), (vec![], vec!["NOT_SPECIFIED arp_rcv eth0 3".to_owned()]));
    f.sysctl(a, "conf.eth0.drop_gratuitous_arp", "0");
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.2", BCAST);
    assert_eq!(known(&f, a).len(), 1);
    f.l.op(
        0,
        a,
        RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { arp: Some(false), ..LinkAttrs::default() } },
    );
    f.arp(b, Request, 0x0b, "10.0.0.2", "10.0.0.1", BCAST);
    assert_eq!((known(&f, a), f.lines(b, "eth0", "in ")), (vec![], vec![]));
}

/// ARP-25, BR-7: a device that comes up or gets another MAC says so only with `arp_notify`: one request for itself an
/// address.
#[test]
fn notify() {
    let (mut f, a, _) = two();
    f.l.addr(0, a, "eth0", "10.0.0.22/24");
    f.run(1);
    let set = |f: &mut Facts, attrs: LinkAttrs| f.l.op(0, a, RtnlOp::SetLink { name: "eth0".into(), attrs });
    let mac = |n| LinkAttrs { address: Some(m(n)), ..LinkAttrs::default() };
    let up = |on| LinkAttrs { up: Some(on), ..LinkAttrs::default() };
    set(&mut f, mac(0x3a));
    set(&mut f, up(false));
    set(&mut f, up(true));
    assert_eq!(f.lines(a, "eth0", "who-has"), [""; 0]);
    f.sysctl(a, "conf.eth0.arp_notify", "1");
    let both = ["out who-has 10.0.0.1 tell 10.0.0.1 >ff", "out who-has 10.0.0.22 tell 10.0.0.22 >ff"];
    set(&mut f, mac(0x4a));
    assert_eq!(f.lines(a, "eth0", "who-has"), both);
    let Net::Arp(arp) = f.frames(a, "eth0")[0].net else { panic!("an ARP request") };
    assert_eq!((arp.sha, arp.tha), (m(0x4a), Mac::ZERO));
    set(&mut f, up(false));
    f.clear();
    set(&mut f, up(true));
    f.settle();
    assert_eq!(f.lines(a, "eth0", "who-has"), both);
}

/// ARP-22, NEIGH-22: broadcast without a target MAC while nothing is known; about the gateway of a route that has one,
/// about the destination of one that has none, an entry each.
#[test]
fn who_is_asked_for() {
    let (mut f, a, _) = two();
    f.l.route(0, a, "10.9.0.0/16", "10.0.0.254");
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 9);
    for to in ["10.9.1.1", "10.9.1.2", "10.0.0.7"] {
        assert_eq!(f.sendto(s, to, 9, 1), Ok(1));
    }
    let asks = ["out who-has 10.0.0.254 tell 10.0.0.1 >ff", "out who-has 10.0.0.7 tell 10.0.0.1 >ff"];
    assert_eq!(f.lines(a, "eth0", "who-has"), asks);
    let Net::Arp(arp) = f.frames(a, "eth0")[0].net else { panic!("an ARP request") };
    assert_eq!(arp.tha, Mac::ZERO);
    assert_eq!(known(&f, a), ["10.0.0.7 dev eth0 INCOMPLETE", "10.0.0.254 dev eth0 INCOMPLETE"]);
}

/// ARP-26: groups, broadcast addresses and devices without ARP need nobody to ask.
#[test]
fn addresses_that_are_known() {
    let (mut f, a, _) = two();
    let dev = Some("eth0".to_owned());
    f.l.op(0, a, RtnlOp::NewRoute { route: RouteSpec { dev, ..RouteSpec::to(prefix("224.0.0.0/4")) }, how: How::Add });
    f.run(1);
    let s = f.socket_as(a, "0.0.0.0", 9, Options { broadcast: true, ..Options::default() }).unwrap();
    for (to, mac) in [("239.129.2.3", Mac([1, 0, 0x5e, 1, 2, 3])), ("10.0.0.255", BCAST)] {
        f.clear();
        assert_eq!(f.sendto(s, to, 9, 1), Ok(1));
        assert_eq!(f.frames(a, "eth0")[0].dst, mac);
    }
    f.l.op(
        0,
        a,
        RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { arp: Some(false), ..LinkAttrs::default() } },
    );
    f.clear();
    assert_eq!(f.sendto(s, "10.0.0.9", 9, 1), Ok(1));
    assert_eq!((f.frames(a, "eth0")[0].dst, f.lines(a, "eth0", "who-has")), (m(0x0a), vec![]), "its own");
}
