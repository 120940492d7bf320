//! Each rule hides what it says, and nothing beside it.

use super::super::{
    job::{App, DropSeen, FlowSeen, Job, JobHost, SockOpts},
    shot::Shot,
    tiers::{self, Clock, Tiers},
};
use super::*;

const A: &str = "02:00:00:00:00:0a";
const B: &str = "02:00:00:00:00:0b";

fn host() -> Vec<JobHost> {
    vec![JobHost::new("h1", false)]
}

/// A flow to port 7000 that lets the kernel choose its port, and a second one with a port of its own.
fn job() -> Job {
    let send = |bind, times: &[u64]| App::Send {
        dst: 0x0a00_0002,
        port: 7000,
        bind,
        size: 64,
        times: times.to_vec(),
        each: Vec::new(),
        opts: SockOpts::default(),
    };
    let task = |flow, app| Task { host: 0, ns: "a".into(), flow, start_ns: 0, app };
    // Both send at once: nobody promises an order between them.
    let to = (0x0a00_0002, 80);
    let connect = App::Connect { to, bind: (0, 0), times: Vec::new(), wait_ns: 0, opts: SockOpts::default() };
    let tasks = vec![task(1, send((0, 0), &[0, 1])), task(2, send((0, 4000), &[0, 1])), task(3, connect)];
    Job { hosts: host(), tasks, ..Job::default() }
}

/// A segment from a without data, as its bytes lie on the wire.
fn segment(sport: u16, dport: u16, flags: u8) -> Vec<u8> {
    let mut b = bytes(1, 2, sport, dport);
    (b[17], b[23]) = (40, 6);
    b.truncate(14 + 20 + 4);
    b.extend([0; 8]);
    b.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    b
}

/// A datagram of 64 bytes from a, as its bytes lie on the wire.
fn bytes(id: u16, sum: u16, sport: u16, dport: u16) -> Vec<u8> {
    let mut b = vec![2, 0, 0, 0, 0, 0x0b, 2, 0, 0, 0, 0, 0x0a, 8, 0];
    b.extend([0x45, 0, 0, 92]);
    b.extend(id.to_be_bytes());
    b.extend([0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    for word in [sport, dport, 72, sum] {
        b.extend(word.to_be_bytes());
    }
    b.resize(106, 0);
    b
}

fn frame(bytes: Vec<u8>, at_ns: i64) -> super::super::job::Seen {
    let (len, ns, dev) = (bytes.len() as u32, "a".to_owned(), "eth0".to_owned());
    super::super::job::Seen { host: 0, ns, dev, way: 4, at_ns, len, bytes }
}

fn record(frames: Vec<Vec<u8>>, port: u16) -> Record {
    let frames = frames.into_iter().enumerate().map(|(i, b)| frame(b, i as i64)).collect();
    let flows = vec![FlowSeen { port, ..FlowSeen::default() }, FlowSeen::default()];
    Record { frames, flows, drops: Some(Vec::new()), ..Record::default() }
}

/// A configuration BPDU with its message age in 1/256 s and its maximal age in seconds.
fn bpdu(age: u8, max_age: u8) -> Record {
    let mut b = vec![1, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0, 0x0a, 0, 38, 0x42, 0x42, 3];
    b.resize(52, 0);
    (b[45], b[46]) = (age, max_age);
    record(vec![b], 0)
}

fn compared(a: &Record, b: &Record) -> Tiers {
    let job = job();
    let side = |r: &Record| of_kernel(r, &job.tasks, |_| None);
    tiers::tiers(&job, &side(a), &side(b), &[], Clock { exact: false, noise: 0 })
}

fn same(a: &Record, b: &Record) -> bool {
    compared(a, b).differences.is_empty()
}

fn space(change: impl FnOnce(&mut Space)) -> Record {
    let mut space = Space { ns: "a".into(), ..Space::default() };
    space.addr = vec![
        "2: eth0@if3: <UP> mtu 1500 qdisc noqueue state UP group default qlen 1000".into(),
        format!("    link/ether {A} brd ff:ff:ff:ff:ff:ff link-netns b"),
        "    inet 10.0.0.1/24 scope global eth0".into(),
    ];
    space.neigh =
        vec![format!("10.0.0.2 dev eth0 lladdr {B} REACHABLE"), format!("10.0.0.3 dev eth0 lladdr {A} STALE")];
    space.fdb = vec![format!("{A} dev v1 master br0"), format!("{B} dev v2 master br0")];
    change(&mut space);
    Record { spaces: vec![space], drops: Some(Vec::new()), ..Record::default() }
}

fn dropped(reason: &str, place: &str, count: u64) -> Record {
    let d = DropSeen { host: 0, ns: "a".into(), reason: reason.into(), place: place.into(), dev: "eth0".into(), count };
    Record { drops: Some(vec![d]), ..Record::default() }
}

fn nothing_dropped() -> Record {
    Record { drops: Some(Vec::new()), ..Record::default() }
}

/// The same, of rules for tables.
fn hides_in_tables(rule: Rule) -> (bool, Vec<bool>) {
    let line = |change: fn(&mut Space)| same(&space(|_| ()), &space(change));
    match rule {
        Rule::NeighState => {
            let not = vec![
                line(|s| s.neigh[0] = s.neigh[0].replace("REACHABLE", "FAILED")),
                line(|s| s.neigh[0] = s.neigh[0].replace("REACHABLE", "PERMANENT")),
                line(|s| s.neigh[0] = s.neigh[0].replace(B, A)),
            ];
            (line(|s| s.neigh[0] = s.neigh[0].replace("REACHABLE", "PROBE")), not)
        }
        Rule::LinkNumber => {
            let not = vec![
                line(|s| s.addr[0] = s.addr[0].replace("eth0", "eth1")),
                line(|s| s.addr[0] = s.addr[0].replace("1500", "1400")),
            ];
            (line(|s| s.addr[0] = s.addr[0].replace("2: eth0@if3", "7: eth0@if9")), not)
        }
        Rule::LinkQdisc => {
            let not = vec![line(|s| s.addr[0] = s.addr[0].replace("state UP", "state DOWN"))];
            (line(|s| s.addr[0] = s.addr[0].replace("noqueue", "pfifo_fast")), not)
        }
        // A device whose lower one is in sight; another state.
        Rule::LinkLower => {
            let state = |line: &str, from: &str, to: &str| {
                let of = |state: &str| space(|s| s.addr[0] = line.replace("state UP", &format!("state {state}")));
                same(&of(from), &of(to))
            };
            let (far, near) = ("2: v0@if3: <UP> mtu 1500 state UP", "2: v0@v1: <UP> mtu 1500 state UP");
            let not = vec![state(near, "LOWERLAYERDOWN", "DOWN"), state(far, "LOWERLAYERDOWN", "UP")];
            (state(far, "LOWERLAYERDOWN", "DOWN"), not)
        }
        Rule::AddrMac => {
            let not = vec![line(|s| s.addr[2] = s.addr[2].replace("10.0.0.1", "10.0.0.9"))];
            (line(|s| s.addr[1] = s.addr[1].replace(A, B)), not)
        }
        Rule::Sorted => {
            let not = vec![
                line(|s| s.fdb[0] = s.fdb[0].replace("v1", "v2")),
                line(|s| s.fdb.truncate(1)),
                line(|s| s.route.push("default via 10.0.0.1 dev eth0".into())),
            ];
            (line(|s| s.fdb.reverse()) && line(|s| s.neigh.reverse()), not)
        }
        Rule::FdbVlan => {
            let not = vec![
                line(|s| s.fdb.push(format!("{A} dev v3 vlan 1 master br0"))),
                line(|s| s.fdb.push(format!("{A} dev v1 vlan 2 master br0 permanent"))),
                line(|s| s.fdb.push(format!("{A} dev v1 master br0 permanent"))),
            ];
            (line(|s| s.fdb.push(format!("{A} dev v1 vlan 1 master br0 permanent"))), not)
        }
        _ => unreachable!("no rule for tables"),
    }
}

/// The same, of rules for drops.
/// What a rule hides, and what it must not.
fn hides(rule: Rule) -> (bool, Vec<bool>) {
    let one = || record(vec![bytes(1, 2, 33000, 7000)], 33000);
    let with = |id, sum, sport, dport| record(vec![bytes(id, sum, sport, dport)], sport);
    let changed = |i: usize, to: u8| {
        let mut b = bytes(1, 2, 33000, 7000);
        b[i] = to;
        record(vec![b], 33000)
    };
    match rule {
        // TTL, TOS, the lack of DF.
        Rule::IpId => {
            let not = [changed(22, 63), changed(15, 4), changed(20, 0)];
            (same(&one(), &with(9, 2, 33000, 7000)), not.iter().map(|r| same(&one(), r)).collect())
        }
        // The addresses that the sum is about.
        Rule::Checksum => (same(&one(), &with(1, 7, 33000, 7000)), vec![same(&one(), &changed(29, 9))]),
        // The other port, the flags.
        Rule::TcpSport => {
            let of = |sport, dport, flags| record(vec![segment(sport, dport, flags)], 0);
            let not = vec![
                same(&of(33000, 80, 2), &of(33000, 81, 2)),
                same(&of(33000, 80, 2), &of(33000, 80, 4)),
                same(&of(33000, 81, 2), &of(44000, 81, 2)),
            ];
            let both = same(&of(33000, 80, 2), &of(44000, 80, 2)) && same(&of(80, 33000, 4), &of(80, 44000, 4));
            (both, not)
        }
        // The other port; a port that the kernel did not choose; a port that a scenario names.
        Rule::UdpSport => {
            let named = |sport| record(vec![bytes(1, 2, sport, 7000)], 0);
            let not = vec![
                same(&one(), &with(1, 2, 33000, 7001)),
                same(&one(), &record(vec![bytes(1, 2, 33001, 7000)], 33000)),
                same(&named(4000), &named(4001)),
            ];
            (same(&one(), &with(1, 2, 44000, 7000)), not)
        }
        // No age at all, the root's maximal age.
        Rule::StpAge => {
            let not = vec![same(&bpdu(246, 20), &bpdu(0, 20)), same(&bpdu(246, 20), &bpdu(246, 6))];
            (same(&bpdu(246, 20), &bpdu(254, 20)), not)
        }
        Rule::NeighState | Rule::LinkNumber | Rule::LinkQdisc => hides_in_tables(rule),
        Rule::FdbVlan | Rule::LinkLower | Rule::AddrMac | Rule::Sorted => hides_in_tables(rule),
        Rule::DropPing | Rule::DropUnborn | Rule::DropReasm | Rule::DropStp | Rule::DropVersion => hides_in_drops(rule),
        Rule::OrderFlow => {
            let x = || bytes(1, 2, 33000, 7000);
            let y = |ttl| {
                let mut b = bytes(1, 2, 4000, 7000);
                b[22] = ttl;
                b
            };
            let of = |frames| record(frames, 33000);
            let good = of(vec![x(), y(64), y(63)]);
            // Within a flow order counts, and so does each frame.
            let not = vec![same(&good, &of(vec![x(), y(63), y(64)])), same(&good, &of(vec![x(), y(64)]))];
            (same(&good, &of(vec![y(64), x(), y(63)])), not)
        }
    }
}

fn hides_in_drops(rule: Rule) -> (bool, Vec<bool>) {
    match rule {
        Rule::DropVersion => {
            let of = |r: &Record| of_kernel(r, &[], crate::verify::job::tag);
            let told = |reason: &str, release: &str| {
                let d = as_of(&of(&dropped(reason, "ip_rcv_core", 1)), release).drops;
                d.into_iter().flatten().map(|d| d.reason).collect::<Vec<_>>()
            };
            let not = vec![
                told("IP_LOCALNET", "6.18.44") == ["NOT_SPECIFIED"],
                told("IP_RPFILTER", "6.12.117") == ["NOT_SPECIFIED"],
            ];
            (told("IP_LOCALNET", "6.12.117") == ["NOT_SPECIFIED"], not)
        }
        Rule::DropStp => {
            let not = vec![
                same(&dropped("NOT_SPECIFIED", "br_forward", 1), &nothing_dropped()),
                same(&dropped("UNHANDLED_PROTO", "stp_pdu_rcv", 1), &nothing_dropped()),
            ];
            (same(&dropped("NOT_SPECIFIED", "stp_pdu_rcv", 3), &nothing_dropped()), not)
        }
        Rule::DropPing => {
            let not = vec![
                same(&dropped("NO_SOCKET", "__udp4_lib_rcv", 1), &nothing_dropped()),
                same(&dropped("SOCKET_RCVBUFF", "ping_rcv", 1), &nothing_dropped()),
                same(&dropped("NOT_SPECIFIED", "icmp_rcv", 1), &nothing_dropped()),
            ];
            let is = |place| same(&dropped("NO_SOCKET", place, 3), &nothing_dropped());
            (is("ping_rcv") && is("icmp_rcv"), not)
        }
        Rule::DropUnborn => {
            let not = vec![
                same(&dropped("IP_OUTNOROUTES", "ip_error", 1), &nothing_dropped()),
                same(&dropped("PKT_TOO_BIG", "ip_forward", 1), &nothing_dropped()),
                same(&dropped("SOCKET_RCVBUFF", "udp_sendmsg", 1), &nothing_dropped()),
            ];
            let unborn = [
                ("IP_OUTNOROUTES", "udp_sendmsg"),
                ("PKT_TOO_BIG", "raw_sendmsg"),
                ("NOT_SPECIFIED", "packet_sendmsg"),
            ];
            (unborn.iter().all(|(why, at)| same(&dropped(why, at, 1), &nothing_dropped())), not)
        }
        Rule::DropReasm => {
            let not = vec![same(&dropped("DUP_FRAG", "ip_defrag", 1), &nothing_dropped())];
            (same(&dropped("FRAG_REASM_TIMEOUT", "ip_expire", 2), &nothing_dropped()), not)
        }
        _ => unreachable!("{} is not about drops", rule.name()),
    }
}

#[test]
fn every_rule_hides_what_it_says_and_nothing_beside_it() {
    for rule in Rule::ALL {
        let (hidden, shown) = hides(*rule);
        assert!(hidden, "{} does not hide what it is for", rule.name());
        assert!(!shown.is_empty());
        for (i, hidden) in shown.iter().enumerate() {
            assert!(!hidden, "{} hides too much: case {i}", rule.name());
        }
    }
}

#[test]
fn rules_are_counted() {
    let job = job();
    let side =
        of_kernel(&record(vec![bytes(1, 2, 33000, 7000), bytes(2, 3, 33000, 7000)], 33000), &job.tasks, |_| None);
    assert_eq!([Rule::IpId, Rule::UdpSport, Rule::NeighState].map(|r| side.counts.get(r)), [2, 1, 0]);
    let shots: Vec<&Shot> = side.shots.iter().collect();
    assert!(shots.iter().all(|s| s.what.to_string().contains("udp 0>7000")));
}

#[test]
fn a_device_keeps_all_but_its_numbers() {
    let mut counts = Counts::default();
    let line = "2: eth0@if3: <BROADCAST,UP> mtu 1400 qdisc noqueue state UP group default qlen 1000";
    assert_eq!(device(line, &mut counts), "eth0 <BROADCAST,UP> mtu 1400 state UP group default qlen 1000");
    assert_eq!(counts.get(Rule::LinkQdisc), 1);
}
