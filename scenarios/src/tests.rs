//! Scenarios from text to verdict.

use crate::{
    build::{self, Act, Placed, Target},
    diagnostic::Diagnostic,
    iproute2, load,
    names::Names,
    outcome::{Batch, Row, RunOutcome, Verdict},
    plan::{self, Plan},
    run, snapshot,
    source::Source,
};
use std::sync::Arc;

fn planned(text: &str) -> Plan {
    let source = Arc::new(Source::new("dir/x.ron", text.to_owned()));
    plan::plan(&source).unwrap_or_else(|e| panic!("{}", all(&e)))
}

fn all(list: &[Diagnostic]) -> String {
    list.iter().map(|d| d.render(false) + "\n\n").collect()
}

fn ran(text: &str) -> Batch {
    run::run_all(&[planned(text)], 2, &|_, _| {}).unwrap_or_else(|e| panic!("{}", all(&e)))
}

/// The only run of the only point.
fn one(text: &str) -> (RunOutcome, Vec<Verdict>) {
    let mut batch = ran(text);
    let mut point = batch.scenarios.remove(0).points.remove(0);
    let run = point.runs.remove(0);
    assert_eq!(run.fault, None);
    (run, point.verdicts)
}

/// The verdicts as "✔ measured" or "✖ measured | cause".
fn verdicts(list: &[Verdict]) -> Vec<String> {
    let show = |v: &Verdict| match v.holds {
        true => format!("✔ {}", v.measured),
        false => format!("✖ {} | {}", v.measured, v.cause),
    };
    list.iter().map(show).collect()
}

const PAIR: &str = r#"title: "x", hosts: {"h1": (namespaces: {
    "a": (devices: {"eth0": Veth(peer: "b/eth0", addresses: ["10.0.0.1/24"])}),
    "b": (devices: {"eth0": Peer(addresses: ["10.0.0.2/24"])})})}"#;

const TWO_HOSTS: &str = r#"title: "x", hosts: {"h[1..2]": (namespaces: {"root": (devices: {
      "eth0": Physical(addresses: ["10.0.0.{i}/24"])})})},
    wires: [(between: ["h1/root/eth0", "h2/root/eth0"], delay: "100us", rate: "1gbit")]"#;

fn requests(text: &str) -> Vec<String> {
    let source = Arc::new(Source::new("x.ron", text.to_owned()));
    let scenario = load::read(&source).unwrap_or_else(|e| panic!("{}", all(&e)));
    let names = Names::new(&scenario);
    let mut lines = Vec::new();
    let mut out = |p: Placed| {
        let ns = match &p.ns {
            Target::Number(n) => names.hosts[0].nets[*n as usize].name.to_owned(),
            Target::Named(name) => name.clone(),
        };
        let line = match &p.act {
            Act::Rtnl(op) => iproute2::to_command(op),
            Act::NewNs(name) => format!("ip netns add {name}"),
            Act::DelNs(name) => format!("ip netns del {name}"),
        };
        let (at, _) = source.line_column(p.place.range.start);
        lines.push(format!("{at} {ns}: {line}"));
    };
    build::before_cables(&names, 0, &scenario, &mut out);
    build::with_cables(&source, &names, 0, &mut out).unwrap_or_else(|e| panic!("{}", all(&e)));
    lines
}

#[test]
fn a_host_is_set_up_in_the_order_of_the_one_door() {
    let lines = requests(
        r#"(title: "x", hosts: {"h1": (namespaces: {
"c1": (devices: {"eth0": Peer(mac: "02:00:00:00:00:02", mtu: 1400, addresses: ["172.17.0.2/16"])},
  routes: ["default via 172.17.0.1"]),
"root": (sysctls: {"net.ipv4.ip_forward": 1, "net.ipv4.conf.docker0.rp_filter": 2},
  devices: {
    "docker0": Bridge(ports: ["veth1"], stp_state: 0, addresses: ["172.17.0.1/16"]),
    "veth1": Veth(peer: "c1/eth0", mtu: 1400, bridge_slave: {"hairpin": "on"}),
    "d0": Dummy(up: false, master: "docker0", sysctls: {"rp_filter": 1}),
    "eth0": Physical(rate: "1gbit", addresses: ["192.0.2.10/24 brd +"])},
  neighbours: ["192.0.2.1 dev eth0 lladdr 02:00:00:00:00:09"],
  commands: ["ip -n c1 link set lo mtu 1500; ip netns add late"])})})"#,
    );
    let want = [
        "2 root: ip netns add c1",
        "4 root: sysctl -qw net.ipv4.ip_forward=1",
        "4 root: ip link set dev lo up",
        "2 c1: ip link set dev lo up",
        "9 root: ip link add dev eth0 type phy rate 1gbit",
        "6 root: ip link add dev docker0 type bridge",
        "7 root: ip link add dev veth1 mtu 1400 type veth peer name eth0 address 02:00:00:00:00:02 mtu 1400 netns c1",
        "8 root: ip link add dev d0 type dummy",
        "6 root: ip link set dev veth1 master docker0",
        "7 root: ip link set dev veth1 type bridge_slave hairpin on",
        "8 root: ip link set dev d0 master docker0",
        "6 root: ip addr add 172.17.0.1/16 dev docker0",
        "9 root: ip addr add 192.0.2.10/24 brd + dev eth0",
        "2 c1: ip addr add 172.17.0.2/16 dev eth0",
        "6 root: ip link set dev docker0 up",
        "7 root: ip link set dev veth1 up",
        "9 root: ip link set dev eth0 up",
        "2 c1: ip link set dev eth0 up",
        "4 root: sysctl -qw net.ipv4.conf.docker0.rp_filter=2",
        "8 root: sysctl -qw net/ipv4/conf/d0/rp_filter=1",
        "3 c1: ip route add default via 172.17.0.1",
        "10 root: ip neigh add 192.0.2.1 lladdr 02:00:00:00:00:09 dev eth0 nud permanent",
        "11 c1: ip link set dev lo mtu 1500",
        "11 root: ip netns add late",
    ];
    assert_eq!(lines, want);
}

#[test]
fn what_is_sent_is_measured_and_judged() {
    let (run, v) = one(&format!(
        r#"({PAIR}, profile: "unit", traffic: {{
            "ping": Ping(from: "h1/a", to: "h1/b", count: 5, interval: "1ms"),
            "udp": Udp(from: "h1/a", to: "h1/b", address: "10.0.0.2:5000", rate: "1k/s", arrivals: Poisson, count: 50, start: "10ms"),
            "no": Udp(from: "h1/a", address: "10.0.0.2:5001", rate: "1k/s", count: 5, start: "10ms"),
            "open": Requests(from: "h1/b", to: "h1/a", address: "10.0.0.1:80", rate: "1k/s", count: 20, size: 10, reply: 1000),
            "closed": Requests(from: "h1/b", to: "h1/a", address: "10.0.0.1:80", concurrency: 3, count: 20, reply: 1000),
            "refused": Requests(from: "h1/b", address: "10.0.0.1:81", concurrency: 1, count: 2, start: "1s")}},
          expect: [Delivered(of: "ping", exactly: 5), Delivered(of: "udp", at_least: "100%"), Lost(of: "no", exactly: 5),
            Drops(reason: "NO_SOCKET", exactly: 6, at: "h1/b"), Drops(reason: "NO_SOCKET", at_least: 7),
            Errors(of: "refused", errno: "ECONNREFUSED", at_least: 1), Delivered(of: "open", at_most: 19),
            Latency(of: "ping", p: "50", below: "1us"), Latency(of: "ping", p: "100", above: "1us")])"#
    ));
    let flows: Vec<_> =
        run.flows.iter().map(|f| (f.name.as_str(), f.measure.as_str(), f.sent, f.received, f.lost)).collect();
    assert_eq!(
        flows,
        [
            ("ping", "round trip", 5, 5, 0),
            ("udp", "one way", 50, 50, 0),
            ("no", "one way", 5, 0, 5),
            ("open", "round trip", 20, 20, 0),
            ("closed", "round trip", 20, 20, 0),
            ("refused", "round trip", 2, 0, 2),
        ]
    );
    assert_eq!(run.flows[3].bytes, 20_000, "a reply has the size that was asked for");
    let v = verdicts(&v);
    assert_eq!(v[..3], ["✔ 5 of 5 (100%)", "✔ 50 of 50 (100%)", "✔ 5 of 5 (100%)"]);
    assert!(v[3].starts_with("✖ 5 | lost: NO_SOCKET 5 at h1/b/eth0"), "{v:?}");
    assert!(v[4].starts_with('✔') || v[4].starts_with("✖ 7"), "{v:?}");
    assert!(v[5].starts_with('✔'), "{v:?}");
    assert!(v[6].starts_with("✖ 20 of 20 (100%)"), "{v:?}");
    assert!(
        v[7].starts_with('✔') && v[8].ends_with(" ns | lost: NO_SOCKET 5 at h1/b/eth0, NO_SOCKET 2 at h1/a/eth0"),
        "{v:?}"
    );
    let [born, delivered, consumed, dropped, flying] = run.ledger;
    assert_eq!((born, flying), (delivered + consumed + dropped, 0));
}

#[test]
fn a_cable_takes_its_delay_and_the_rate_of_the_wire() {
    let (run, _) = one(&format!(
        r#"({TWO_HOSTS}, profile: "zero", traffic: {{
            "p": Ping(from: "h1/root", to: "h2/root", count: 2, interval: "10ms", size: 958)}})"#
    ));
    // 958 bytes of data, 8 of ICMP, 20 of IP, 14 of Ethernet, 24 on the line: 1024 bytes at 1 Gb/s, there and back.
    let round_trip = 2 * (100_000_000 + 1024 * 8_000);
    assert_eq!(run.flows[0].latency.min(), Some(round_trip));
    assert_eq!(run.stages.get("napi_poll").map(|s| s.1), Some(0), "nothing costs anything");
}

#[test]
fn the_timeline_changes_the_world_at_its_time() {
    let (run, v) = one(&format!(
        r#"({TWO_HOSTS}, traffic: {{"p": Ping(from: "h1/root", to: "h2/root", count: 10, interval: "100ms")}},
            timeline: [
              (at: "750ms", in: "h2/root", run: "ip link set eth0 up"),
              (at: "350ms", in: "h2/root", run: "ip link set eth0 down")],
            expect: [Lost(of: "p", exactly: 4)])"#
    ));
    assert!(v[0].holds, "{:?} {:?}", v[0], run.drops);
}

#[test]
fn a_command_that_is_refused_in_the_run_is_shown_at_its_line() {
    let text = format!(
        "({PAIR},\n timeline: [(at: \"1s\", in: \"h1/a\", run: \"ip route del 10.9.0.0/16\")], duration: \"2s\")"
    );
    let bad = run::run_all(&[planned(&text)], 1, &|_, _| {}).unwrap_err();
    assert_eq!((bad.len(), bad[0].line_column()), (1, Some((4, 42))));
    assert_eq!(bad[0].title, "the kernel refuses: No such process");
    assert_eq!(bad[0].help.as_deref(), Some("asked in h1/a: ip route del 10.9.0.0/16"));
}

#[test]
fn a_duration_ends_the_run_and_what_flies_is_not_lost() {
    let (run, _) = one(&format!(
        r#"({TWO_HOSTS}, duration: "1050us", traffic: {{
            "u": Udp(from: "h1/root", to: "h2/root", address: "10.0.0.2:9", rate: "10k/s", count: 1000)}})"#
    ));
    let f = &run.flows[0];
    assert_eq!(run.ended_ps, 1_050_000_000);
    assert!(
        f.sent > f.received && f.received > 0 && f.lost == 0,
        "sent {} received {} lost {}",
        f.sent,
        f.received,
        f.lost
    );
    let (run, _) = one(&format!(
        r#"({PAIR}, warmup: "1s", traffic: {{"p": Ping(from: "h1/a", to: "h1/b", count: 15, interval: "100ms")}})"#
    ));
    assert_eq!((run.flows[0].received, run.flows[0].latency.count()), (15, 5));
}

#[test]
fn points_and_seeds_stand_in_order_whatever_the_threads() {
    let text = format!(
        r#"({PAIR}, vars: {{"n": 1}}, seed: 7, seeds: 3, traffic: {{"u": Requests(from: "h1/a", to: "h1/b",
            address: "10.0.0.2:80", rate: "5k/s", arrivals: Poisson, count: "{{n*100}}")}},
          expect: [Delivered(of: "u", exactly: 100, when: {{"n": 1}}), Delivered(of: "u", exactly: 200, when: {{"n": 2}})],
          sweep: {{"vars.n": [1, 2]}})"#
    );
    let plans = [planned(&text), planned(&text)];
    let seen = std::sync::Mutex::new(Vec::new());
    let batch = |jobs| {
        let progress = |done, of| seen.lock().unwrap().push((done, of));
        run::run_all(&plans, jobs, &progress).unwrap_or_else(|e| panic!("{}", all(&e)))
    };
    let (a, b) = (batch(1), batch(4));
    assert_eq!(format!("{a:?}"), format!("{b:?}"));
    let seen = seen.into_inner().unwrap();
    assert_eq!((seen.len(), seen.iter().filter(|s| **s == (12, 12)).count()), (24, 2));
    let points = &a.scenarios[0].points;
    assert_eq!(points.iter().map(|p| p.label.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(
        points[1].runs.iter().map(|r| (r.seed, r.flows[0].sent)).collect::<Vec<_>>(),
        [(7, 200), (8, 200), (9, 200)]
    );
    assert_eq!(verdicts(&points[1].verdicts), ["✔ 200 of 200 (100%)"]);
    let digests: std::collections::BTreeSet<u64> = points.iter().flat_map(|p| &p.runs).map(|r| r.digest).collect();
    assert_eq!(digests.len(), 6, "every run is another one");
    assert!(points[1].runs[0].walk_text.contains("DELIVERED") && points[1].runs[1].walk_text.is_empty());
}

#[test]
fn the_snapshot_tells_the_first_run_in_full_and_the_others_in_a_line() {
    let batch = ran(&format!(
        r#"({PAIR}, seeds: 2, traffic: {{"p": Ping(from: "h1/a", to: "h1/b", count: 3, interval: "1ms")}},
            expect: [Drops(exactly: 0)])"#
    ));
    let text = snapshot::text(&batch.scenarios[0]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("x.txt: run 0 (seed 1, kvm-6.18-"), "{text}");
    for want in [
        "IP 10.0.0.1 > 10.0.0.2: ICMP echo request",
        "═ h1/a ⇒ h1/b",
        "  route      10.0.0.0/24 dev eth0 proto kernel scope link src 10.0.0.1",
        "Icmp.InEchos 3",
        "drops        none",
        "flow    p  sent 3 lost 0  n 3 min ",
        "run 1 (seed 2)  p  sent 3 lost 0 p99 ",
        "holds  Drops(exactly: 0): 0",
    ] {
        assert!(text.contains(want), "no {want:?} in\n{text}");
    }
    assert!(text.ends_with('\n') && !text.contains(" \n"), "{text}");
}

#[test]
fn a_packet_is_followed_and_names_the_lines_that_made_its_way() {
    let plan = planned(&format!(
        "({TWO_HOSTS},\n traffic: {{\"a\": Ping(from: \"h1/root\", to: \"h2/root\", count: 3, interval: \"1ms\"),\n \
         \"u\": Udp(from: \"h1/root\", address: \"10.0.0.2:9\", rate: \"1k/s\", count: 3)}})"
    ));
    let walk = |flow, n| run::follow(&plan, 0, flow, n, false).unwrap_or_else(|e| panic!("{}", all(&e)));
    let journey = walk(Some("u"), 2).expect("a packet");
    assert_eq!(journey.head.verdict, "DROPPED NO_SOCKET");
    let places: Vec<&str> = journey
        .rows
        .iter()
        .filter_map(|r| match r {
            Row::Hop(h) => h.place.as_deref(),
            Row::Ask { place, .. } | Row::Note { place, .. } => place.as_deref(),
            _ => None,
        })
        .collect();
    assert!(places.contains(&"x.ron:2"), "the address of line 2 made the route: {places:?}");
    assert!(walk(None, 0).is_some_and(|j| j.head.packet.contains("ICMP echo request")));
    assert!(walk(Some("u"), 3).is_none(), "there are three packets");
    let bad = run::follow(&plan, 0, Some("ü"), 0, false).unwrap_err();
    assert_eq!(bad[0].title, "there is no flow `ü`");
}

#[test]
fn many_containers_are_built_without_a_quadratic_step() {
    let begun = std::time::Instant::now();
    let plan = planned(
        r#"(title: "x", vars: {"n": 30000}, hosts: {"h1": (namespaces: {
            "root": (devices: {"veth[1..n]": Veth(peer: "c{i}/eth0"), "br0": Bridge(addresses: ["172.16.0.1/12"])}),
            "c[1..n]": (devices: {"eth0": Peer(addresses: ["172.17.{i/250}.{i%250+2}/12"])}, routes: ["default via 172.16.0.1"])})})"#,
    );
    assert!(run::try_build(&plan).is_empty());
    // Some two seconds when nothing else runs; with a step that takes each name for each name it would be minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn a_step_that_may_fail_is_answered_and_the_run_goes_on() {
    let step = |run: &str, may: &str| format!("(at: \"1ms\", in: \"h1/a\", run: \"{run}\"{may})");
    let may = ", may_fail: true";
    let (dup, ok) = ("ip addr add 10.0.0.1/24 dev eth0; ip link set eth0 mtu 20", "ip addr add 10.0.1.1/24 dev eth0");
    let of = |steps: String| ran(&format!("({PAIR}, timeline: [{steps}], duration: \"2ms\")"));
    let batch = of([step(dup, may), step(ok, may), step("ip link set eth0 mtu 1400", "")].join(","));
    let run = &batch.scenarios[0].points[0].runs[0];
    let answers: Vec<(&str, Option<&str>)> =
        run.answers.iter().map(|a| (a.asked.as_str(), a.refusal.as_deref())).collect();
    assert_eq!(
        answers,
        [
            ("ip addr add 10.0.0.1/24 dev eth0", Some("Error: ipv4: Address already assigned.")),
            ("ip link set dev eth0 mtu 20", Some("Error: mtu less than device minimum.")),
            ("ip addr add 10.0.1.1/24 dev eth0", None),
        ]
    );
    assert_eq!((run.answers[0].at_ps, run.answers[0].place.as_str()), (1_000_000_000, "h1/a"));
    assert!(run.state_text.ends_with("mtu less than device minimum.\n"), "{}", run.state_text);
    let strict = planned(&format!("({PAIR}, timeline: [{}], duration: \"2ms\")", step(dup, "")));
    let refused = all(&run::simulate(&strict, 0, 1, false).unwrap_err());
    assert!(refused.contains("the kernel refuses: ipv4: Address already assigned"), "{refused}");
}
