//! The neighbour state machine with exact times: HZ=250, wheel granules of 4, 32, 256 and 2,048 ms (TIME-2).

use super::facts_kit::*;

/// NEIGH-3, NEIGH-4, NEIGH-5, TIME-4: three broadcasts, the first at once; FAILED a granule after three seconds; the
/// packet comes back as a host unreachable from oneself through lo; the next packet asks again at once.
#[test]
fn nobody_answers() {
    let (mut f, a, _) = two();
    f.run(1);
    f.burst(1, a, "10.0.0.9", 10, 1);
    f.run(3_071);
    let asks = |ms: u64| format!("{ms} out who-has 10.0.0.9 tell 10.0.0.1 >ff");
    assert_eq!(f.seen(a, "eth0"), [asks(1), asks(1_024), asks(2_048)]);
    assert_eq!(f.neigh(a), ["10.0.0.9 dev eth0 INCOMPLETE"]);
    f.run(4_000);
    assert_eq!(f.neigh(a), ["10.0.0.9 dev eth0 FAILED"]);
    assert_eq!(f.drops(), ["NEIGH_FAILED neigh_output eth0 1"]);
    let quote = "[IP 10.0.0.1>10.0.0.9 ttl=64 len=38 proto=17 DF udp 32768>7000]";
    let error = format!("IP 10.0.0.1>10.0.0.1 ttl=64 len=66 proto=1 icmp unreach/1 {quote}");
    assert_eq!(f.seen(a, "lo"), [format!("3072 out {error}"), format!("3072 in  {error}")]);
    f.burst(2, a, "10.0.0.9", 10, 1);
    f.run(4_001);
    assert_eq!(f.seen(a, "eth0").last(), Some(&asks(4_000)));
    assert_eq!(f.neigh(a), ["10.0.0.9 dev eth0 INCOMPLETE"]);
}

/// NEIGH-3: `retrans_time_ms`, `mcast_solicit`; with nobody to ask the entry fails at once, without ICMP.
#[test]
fn how_often_and_how_long() {
    let (mut f, a, _) = two();
    f.sysctl(a, "neigh.eth0.retrans_time_ms", "100");
    f.sysctl(a, "neigh.eth0.mcast_solicit", "2");
    f.run(1);
    f.burst(1, a, "10.0.0.9", 10, 1);
    f.run(1_000);
    // 25 jiffies, each rounded up to the next.
    assert_eq!(f.lines(a, "eth0", "who-has").len(), 2);
    assert!(f.seen(a, "lo")[0].starts_with("208 out"), "{:?}", f.seen(a, "lo"));
    f.sysctl(a, "neigh.eth0.mcast_solicit", "0");
    f.burst(2, a, "10.0.0.8", 10, 1);
    f.run(1_001);
    assert_eq!(f.neigh(a), ["10.0.0.8 dev eth0 FAILED", "10.0.0.9 dev eth0 FAILED"]);
    assert_eq!(f.lines(a, "eth0", "10.0.0.8"), [""; 0]);
    assert_eq!(f.mib(a, M::IcmpOutDestUnreachs), 1);
}

/// NEIGH-6, NEIGH-7: how many datagrams wait depends on their buffers; the oldest make room for the newest.
#[test]
fn what_waits() {
    for (size, fit) in [(10, 256), (400, 166), (1_400, 92)] {
        let (mut f, a, _) = two();
        f.run(1);
        f.burst(1, a, "10.0.0.9", size, 300);
        f.run(2);
        assert_eq!(f.drops(), [format!("NEIGH_QUEUEFULL neigh_output eth0 {}", 300 - fit)]);
        f.run(3_500);
        assert_eq!(f.drops()[1], format!("NEIGH_FAILED neigh_output eth0 {fit}"));
    }
}

/// NEIGH-6, NEIGH-8: the newest 256 go out in their order once the second request is answered, before anything later.
#[test]
fn resolved_late() {
    let (mut f, a, b) = two();
    f.sysctl(b, "conf.eth0.arp_ignore", "8");
    f.run(1);
    f.burst(1, a, "10.0.0.2", 10, 300);
    f.run(500);
    f.sysctl(b, "conf.eth0.arp_ignore", "0");
    f.run(1_100);
    let got: Vec<u32> =
        f.frames(b, "eth0").iter().map(|x| x.payload.tag).filter(|t| t.flow == 1).map(|t| t.seq).collect();
    assert_eq!(got, (44..300).collect::<Vec<u32>>());
}

/// NEIGH-11, NEIGH-15, NEIGH-16: the asked one knows the asker as STALE, its answer makes that DELAY; nothing confirms
/// it, so a unicast request follows after 5 s (5.12 s on the wheel), and the answer makes it REACHABLE.
#[test]
fn first_exchange() {
    let (mut f, a, b) = two();
    f.run(1);
    let s = f.socket(b, "0.0.0.0", 7000);
    f.burst(1, a, "10.0.0.2", 10, 1);
    f.run(2);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b REACHABLE"]);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a STALE"]);
    assert_eq!(f.recv(s), Ok(Some(10)));
    assert_eq!(f.sendto(s, "10.0.0.1", 32_768, 10), Ok(10));
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a DELAY"]);
    f.run(5_119);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a DELAY"]);
    f.clear();
    f.run(5_121);
    assert_eq!(f.seen(b, "eth0"), ["5120 out who-has 10.0.0.1 tell 10.0.0.2 >0a", "5120 in  10.0.0.1 is-at 0a >0b"]);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a REACHABLE"]);
}

/// NEIGH-12, NEIGH-13: three unicast requests; packets still go to the old address meanwhile; then FAILED, and the next
/// packet is queued behind a broadcast.
#[test]
fn probes_in_vain() {
    let (mut f, a, b) = two();
    f.run(1);
    let s = f.socket(b, "0.0.0.0", 7000);
    f.burst(1, a, "10.0.0.2", 10, 1);
    f.run(2);
    assert_eq!(f.sendto(s, "10.0.0.1", 9, 10), Ok(10));
    f.sysctl(a, "conf.eth0.arp_ignore", "8");
    f.clear();
    f.run(6_500);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a PROBE"]);
    assert_eq!(f.sendto(s, "10.0.0.1", 9, 11), Ok(11));
    f.run(8_191);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 lladdr 02:00:00:00:00:0a PROBE"]);
    f.run(8_193);
    assert_eq!(f.neigh(b), ["10.0.0.1 dev eth0 FAILED"]);
    assert_eq!(f.sendto(s, "10.0.0.1", 9, 12), Ok(12));
    let probe = |ms: u64| format!("{ms} out who-has 10.0.0.1 tell 10.0.0.2 >0a");
    let sent: Vec<String> = f.seen(b, "eth0").into_iter().filter(|l| !l.contains("unreach")).collect();
    assert_eq!(
        sent,
        [
            probe(5_120),
            probe(6_144),
            "6500 out IP 10.0.0.2>10.0.0.1 ttl=64 len=39 proto=17 DF udp 7000>9".to_owned(),
            probe(7_168),
            "8193 out who-has 10.0.0.1 tell 10.0.0.2 >ff".to_owned(),
        ]
    );
}

/// NEIGH-9: REACHABLE ends a granule after `reachable_time`: in STALE if it was not used for 5 s, else in DELAY.
#[test]
fn reachable_ends() {
    for (base, unused) in [(30_000_u64, true), (4_000, false)] {
        let (mut f, a, b) = two();
        let d = f.dev(a, "eth0");
        f.l.w.hosts[0].kernel.devs[d].cold.neigh.reachable_ms = base as u32;
        f.sysctl(b, "neigh.eth0.delay_first_probe_time", "100");
        f.run(1);
        f.burst(1, a, "10.0.0.2", 10, 1);
        // 7,500 jiffies in granules of 512 end at 7,680; 1,000 in granules of 64 at 1,024.
        let end = if unused { 30_720 } else { 4_096 };
        f.run(end - 1);
        assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b REACHABLE"]);
        f.run(end + 1);
        let state = if unused { "STALE" } else { "DELAY" };
        assert_eq!(f.neigh(a), [format!("10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b {state}")]);
    }
}

/// NEIGH-10: drawn between half and one and a half of the base, for each device on its own.
#[test]
fn reachable_time_is_drawn() {
    let mut f = Facts::new();
    let mut drawn = Vec::new();
    for i in 0..20 {
        let (x, y) = (f.l.ns(0, &format!("x{i}")), f.l.ns(0, &format!("y{i}")));
        f.l.pair(0, (x, "eth0"), (y, "eth0"));
        let d = f.dev(x, "eth0");
        drawn.push(f.l.w.hosts[0].kernel.devs[d].cold.neigh.reachable_ms);
    }
    assert!(drawn.iter().all(|ms| (15_000..45_000).contains(ms)), "{drawn:?}");
    drawn.sort_unstable();
    drawn.dedup();
    assert!(drawn.len() > 15, "{drawn:?}");
}

/// NEIGH-9, NEIGH-23: packets that use the cached header don't count as use: under steady traffic the entry goes STALE,
/// and the next packet makes that DELAY.
#[test]
fn the_cached_header_is_no_use() {
    let (mut f, a, _) = two();
    let d = f.dev(a, "eth0");
    f.l.w.hosts[0].kernel.devs[d].cold.neigh.reachable_ms = 2_000;
    f.sysctl(a, "neigh.eth0.delay_first_probe_time", "1");
    f.run(1);
    let every = Pace::every(f.now, sim_core::time::Span::from_ms(100));
    let app = UdpSend::new(1, (ip("10.0.0.2"), 7000), 10, 25, every);
    let now = f.now;
    f.l.spawn(0, a, App::UdpSend(Box::new(app)), now);
    // 500 jiffies in granules of 8 end at 504: 2,016 ms.
    f.run(2_017);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b STALE"]);
    f.run(2_102);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b DELAY"]);
}

/// NEIGH-17: an administrator's entries change only by an administrator; the same MAC as STALE changes nothing; another
/// MAC needs leave.
#[test]
fn what_replaces_what() {
    let (mut f, a, b) = two();
    f.run(1);
    f.neighbour(a, "eth0", "10.0.0.2", 0x55);
    f.arp(b, ArpOp::Request, 0x0b, "10.0.0.2", "10.0.0.1", Mac::BROADCAST);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:55 PERMANENT"]);
    let set = |f: &mut Facts, mac: u8, state| {
        let (lladdr, how) = (Some(m(mac)), How::Replace);
        f.l.op(0, a, RtnlOp::NewNeigh { dev: "eth0".into(), dst: ip("10.0.0.2"), lladdr, state, how });
    };
    set(&mut f, 0x0b, Nud::Reachable);
    f.arp(b, ArpOp::Request, 0x0b, "10.0.0.2", "10.0.0.1", Mac::BROADCAST);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b REACHABLE"]);
    // Within locktime a reply from elsewhere is ignored, state and all.
    f.arp(b, ArpOp::Reply, 0x0c, "10.0.0.2", "10.0.0.1", m(0x0a));
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0b REACHABLE"]);
    set(&mut f, 0x0d, Nud::Noarp);
    f.arp(b, ArpOp::Request, 0x0b, "10.0.0.2", "10.0.0.1", Mac::BROADCAST);
    set(&mut f, 0x0d, Nud::Stale);
    assert_eq!(f.neigh(a), ["10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0d STALE"]);
}

/// NEIGH-20, NEIGH-21: what a device loses with its carrier, and what with its address; deleted while it is asked for,
/// an entry fails, and the packets hear of it; flushed, they are gone without a word.
#[test]
fn how_entries_end() {
    let up = |on| LinkAttrs { up: Some(on), ..LinkAttrs::default() };
    for evict in ["1", "0"] {
        let (mut f, a, b) = two();
        f.sysctl(a, "conf.eth0.arp_evict_nocarrier", evict);
        f.neighbour(a, "eth0", "10.0.0.9", 9);
        f.run(1);
        f.arp(b, ArpOp::Request, 0x0b, "10.0.0.2", "10.0.0.1", Mac::BROADCAST);
        f.l.op(0, b, RtnlOp::SetLink { name: "eth0".into(), attrs: up(false) });
        f.run(3_000);
        assert_eq!(f.neigh(a).len(), if evict == "1" { 1 } else { 2 });
        f.l.op(0, a, RtnlOp::SetLink { name: "eth0".into(), attrs: up(false) });
        assert_eq!(f.neigh(a), [""; 0], "permanent ones, too");
    }
    let (mut f, a, _) = two();
    f.run(1);
    f.burst(1, a, "10.0.0.9", 10, 1);
    f.burst(2, a, "10.0.0.8", 10, 1);
    f.run(2);
    f.l.op(0, a, RtnlOp::DelNeigh { dev: "eth0".into(), dst: ip("10.0.0.9") });
    f.settle();
    assert_eq!((f.mib(a, M::IcmpOutDestUnreachs), f.neigh(a).len()), (1, 1));
    let attrs = LinkAttrs { address: Some(m(0x77)), ..LinkAttrs::default() };
    f.l.op(0, a, RtnlOp::SetLink { name: "eth0".into(), attrs });
    f.settle();
    assert_eq!((f.mib(a, M::IcmpOutDestUnreachs), f.neigh(a).len()), (1, 0));
    assert_eq!(f.drops(), ["NEIGH_FAILED neigh_output eth0 1", "QUEUE_PURGE neigh_output eth0 1"]);
}

/// NEIGH-10: every reachable time is drawn anew when the worker finds that more than 300 s have passed, however few
/// neighbours there are.
#[test]
fn drawn_anew() {
    let (mut f, a, b) = two();
    let drawn = |f: &Facts| f.l.w.hosts[0].kernel.devs[f.dev(a, "eth0")].cold.neigh.reachable_ms;
    let first = drawn(&f);
    for (s, changed) in [(299, false), (314, false), (316, true)] {
        f.run(s * 1000);
        f.arp(b, ArpOp::Request, 0x0b, "10.0.0.2", "10.0.0.1", Mac::BROADCAST);
        assert_eq!(drawn(&f) != first, changed, "{s} s");
    }
}
