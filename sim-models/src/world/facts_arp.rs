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
