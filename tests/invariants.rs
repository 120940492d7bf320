//! What holds in every run: conservation, isolation of namespaces, semantics that don't depend on costs, order within
//! a flow, and no allocation on the steady path.

use onerouter_tests::{
    counting,
    lab::{self, player, script},
    sim, source,
};
use scenarios::run;
use sim_core::time::{Span, Time};
use sim_models::{cost::Costs, kernel::PktType};

/// Law 2, for every point of every scenario of the catalogue: every frame ever born is delivered, consumed, dropped with
/// a reason, or in flight at the end.
#[test]
fn frames_are_conserved() {
    let plans = scenarios::plans(&sim::catalogue()).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let batch = run::run_all(&plans, 2, &|_, _| {}).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let mut runs = 0;
    for s in &batch.scenarios {
        for r in s.points.iter().flat_map(|p| &p.runs) {
            assert_eq!(r.fault, None, "{}", s.path);
            let [born, ends @ ..] = r.ledger;
            assert!(born > 0, "{}", s.path);
            assert_eq!(born, ends.iter().sum::<u64>(), "{}: {:?}", s.path, r.ledger);
            let lost: u64 = r.drops.iter().map(|d| d.count).sum();
            assert_eq!(lost, r.ledger[3], "{}: drops by reason", s.path);
            runs += 1;
        }
    }
    assert!(runs > 10, "{runs} runs");
}

/// Law 4, second half: without overload the cost of a hop changes when things happen, not what happens.
#[test]
fn costs_change_no_fate() {
    let text = sim::file("scenarios/bridge/three.ron");
    let of = |profile: &str| {
        let text = text.replacen("(title:", &format!("(profile: \"{profile}\", title:"), 1);
        let r = sim::outcome(&text, 3);
        let flows: Vec<(u64, u64, u64)> = r.flows.iter().map(|f| (f.sent, f.received, f.bytes)).collect();
        (flows, r.ledger, r.drops.len(), r.crossings)
    };
    assert_eq!(of("zero"), of("unit"));
    assert_eq!(of("zero"), of("kvm-6.18-v1"));
}

/// Law 3: a namespace more, full of settings of its own, changes nothing in the others.
#[test]
fn a_namespace_sees_only_its_own_tables() {
    let text = lab::read("docker_fwd1", "setup.sh").unwrap();
    let stranger = "mkns x y\npair x eth0 02:00:00:00:0f:01 y eth0 02:00:00:00:0f:02\n\
                    ip -n x addr add 172.18.0.2/24 dev eth0; ip -n y addr add 172.19.0.2/16 dev eth0\n\
                    ip -n x route add blackhole 172.19.0.0/24\nsysc x net.ipv4.ip_forward=1\n\
                    br y br1 02:00:00:00:ff:01\n# --- actions";
    let other = text.replacen("# --- actions", stranger, 1);
    assert_ne!(text, other);
    let play = |text: &str| player::play(&script::parse(text).unwrap(), Costs::flat("unit", 1), true).unwrap();
    let (alone, mut with) = (play(&text), play(&other));
    for ns in ["x", "y"] {
        let silent = with.trace.state.shift_remove(ns).unwrap();
        assert!(silent.neigh.is_empty() && silent.snmp.is_empty(), "{ns}: {silent}");
    }
    assert_eq!(alone.trace, with.trace);
}

/// Packets of one flow arrive in the order in which they were sent.
#[test]
fn a_flow_stays_in_order() {
    for file in ["tests/benches/chain8-veth.ron", "tests/benches/chain8-wires.ron"] {
        let text = sim::file(file).replace("count: 10000", "count: 300");
        let mut world = sim::world(&text, 1);
        world.hosts.iter_mut().for_each(|h| h.cx.obs.capture = Some(Vec::new()));
        world.run_until(Time::ZERO + Span::from_ms(50)).unwrap();
        world.check_laws().unwrap();
        let end = world.hosts.last_mut().unwrap();
        let seen = end.cx.obs.capture.take().unwrap();
        let last = end.kernel.path(seen.last().unwrap().dev);
        let arrived: Vec<u32> = seen
            .iter()
            .filter(|c| end.kernel.path(c.dev) == last && c.pkt_type != PktType::Outgoing)
            .filter(|c| c.frame.payload.tag.flow == 1)
            .map(|c| c.frame.payload.tag.seq)
            .collect();
        assert_eq!(arrived, (0..300).collect::<Vec<_>>(), "{file}");
    }
}

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

#[test]
fn the_counter_counts() {
    let n = counting::allocations(|| drop(std::hint::black_box(vec![1_u8; 100])));
    assert_eq!(n, 1);
    assert_eq!(counting::allocations(|| ()), 0);
}

/// Allocations and device crossings in 100 ms of virtual time, once ARP is through and every queue has been as long as
/// it gets. A time series doubles the width of its slots at 131 and 262 ms: not in between.
fn steady(text: &str) -> (u64, u64) {
    let mut world = sim::world(text, 1);
    world.run_until(Time::ZERO + Span::from_ms(140)).unwrap();
    let before = world.crossings();
    let n = counting::allocations(|| world.run_until(Time::ZERO + Span::from_ms(240)).unwrap());
    (n, world.crossings() - before)
}

/// However far a packet goes, it costs no allocation: every bench workload. The engine prepares itself once in each call:
/// so much is allowed, for all packets together; and that a queue is longer than ever before, where arrivals are random.
#[test]
fn the_steady_path_allocates_nothing() {
    let benches = source::files().into_iter().filter(|f| f.starts_with("tests/benches/") && f.ends_with(".ron"));
    for file in benches {
        // Nothing is measured before the end of the warm-up.
        let text = sim::file(&file).replacen("(title:", "(warmup: \"1s\", title:", 1);
        let text = text.replace("count: 10000", "count: 1000").replace("count: 1000", "count: 100000");
        let (n, crossings) = steady(&text);
        assert!(crossings > 5_000, "{file}: {crossings} crossings");
        assert!(n <= 4 + crossings / 100_000, "{file}: {n} allocations in {crossings} crossings");
    }
}

/// What is measured takes memory by time, not by packet: a series has at most 256 slots, whose number halves whenever
/// time has doubled.
#[test]
fn measuring_allocates_by_time_and_not_by_packet() {
    let text = sim::file("tests/benches/chain8-wires.ron").replace("10000)", "1000000)");
    let of = |rate: &str| steady(&text.replace("100k/s", rate));
    let ((few, crossings), (many, four_times)) = (of("25k/s"), of("100k/s"));
    assert!(four_times > 3 * crossings, "{four_times} crossings against {crossings}");
    assert!(few <= 256 && many <= few + 4, "{many} allocations in {four_times} crossings, {few} in {crossings}");
}
