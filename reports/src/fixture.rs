//! Outcomes made up for tests: plausible ones, and ones that break pictures.

use scenarios::outcome::{Batch, DropOutcome, FlowOutcome, PointOutcome, RunOutcome, ScenarioOutcome, Verdict};
use sim_core::{
    hist::Hist,
    rng::Streams,
    series::Series,
    time::{Span, Time},
};

pub const US: u64 = 1_000_000;

/// A flow with latencies around `base_us` and a tail, sent evenly at `rate` a second.
pub fn flow(name: &str, seed: u64, n: u64, rate: u64, base_us: u64, lost: u64) -> FlowOutcome {
    let mut rng = Streams::new(seed);
    let id = rng.named(name);
    let (mut latency, mut series) = (Hist::default(), Series::default());
    let interval = 1_000_000_000_000 / rate;
    for i in 0..n {
        let at = Time::from_ps(i * interval);
        series.sent(at);
        if lost > 0 && i % (n / lost).max(1) == 7 {
            continue;
        }
        // A minimum of queueing: geometric tail, and now and then a spike.
        let mut wait = rng.below(id, base_us * US / 10);
        while rng.below(id, 100) < 35 {
            wait += rng.below(id, base_us * US / 4);
        }
        if rng.below(id, 2_000) == 0 {
            wait += base_us * US * 4;
        }
        let took = Span::from_ps(base_us * US + wait);
        latency.record(took.ps());
        series.received(at + took, took, 64);
    }
    let received = latency.count();
    FlowOutcome {
        name: name.to_owned(),
        kind: "Requests".to_owned(),
        measure: "round trip".to_owned(),
        sent: n,
        received,
        lost: n - received,
        expected: n,
        latency,
        series,
        bytes: received * 64,
        active_ps: n * interval,
        ..FlowOutcome::default()
    }
}

/// A flow with exactly these latencies, a millisecond apart.
pub fn flow_of(name: &str, latencies: &[u64]) -> FlowOutcome {
    let (mut latency, mut series) = (Hist::default(), Series::default());
    for (i, took) in latencies.iter().enumerate() {
        let at = Time::from_ps(i as u64 * 1_000 * US);
        series.sent(at);
        series.received(at + Span::from_ps(*took), Span::from_ps(*took), 56);
        latency.record(*took);
    }
    let n = latencies.len() as u64;
    FlowOutcome {
        name: name.to_owned(),
        kind: "Ping".to_owned(),
        measure: "round trip".to_owned(),
        sent: n,
        received: n,
        lost: 0,
        expected: n,
        latency,
        series,
        bytes: n * 56,
        active_ps: n * 1_000 * US,
        ..FlowOutcome::default()
    }
}

pub fn run(seed: u64, flows: Vec<FlowOutcome>) -> RunOutcome {
    let lost: u64 = flows.iter().map(|f| f.lost).sum();
    let sent: u64 = flows.iter().map(|f| f.sent).sum();
    let mut drops = Vec::new();
    if lost > 0 {
        drops.push(DropOutcome {
            reason: "CPU_BACKLOG".to_owned(),
            meaning: "The core's backlog queue was full (net.core.netdev_max_backlog).".to_owned(),
            hop: "enqueue_to_backlog".to_owned(),
            place: "h1/root/veth1".to_owned(),
            count: lost,
            first_ps: 70 * US + seed * US,
        });
    }
    RunOutcome {
        seed,
        digest: 0x5f0c_19a2_e7b4_d836 ^ seed,
        events: sent * 12,
        crossings: sent * 4,
        ended_ps: 1_000_000 * US,
        flows,
        drops,
        answers: Vec::new(),
        stages: [("udp_sendmsg", 900u64), ("ip_rcv", 120), ("ip_forward", 420), ("udp_rcv", 700)]
            .into_iter()
            .map(|(hop, ns)| (hop.to_owned(), (sent, sent * ns * 1000)))
            .collect(),
        ledger: [sent, sent - lost, 0, lost, 0],
        walk_text: "walk web 0   h2/root udp_sendmsg · ip_route_output 172.17.0.0/16 via 192.0.2.10\n".to_owned(),
        state_text: "h1/root      default via 192.0.2.1 dev eth0\n".to_owned(),
        topology: None,
        followed: Vec::new(),
        not_followed: String::new(),
        timeline: Vec::new(),
        fault: None,
    }
}

pub fn point(label: &str, values: &[(&str, &str)], runs: Vec<RunOutcome>, verdicts: Vec<Verdict>) -> PointOutcome {
    let values = values.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    PointOutcome { label: label.to_owned(), values, runs, verdicts }
}

pub fn verdict(holds: bool, text: &str, measured: &str, cause: &str, target: Option<(&str, u64, u64)>) -> Verdict {
    Verdict {
        place: "scenarios/docker/outside.ron:14:52".to_owned(),
        text: text.to_owned(),
        holds,
        measured: measured.to_owned(),
        cause: cause.to_owned(),
        target: target.map(|(flow, p, limit)| (flow.to_owned(), p, limit)),
    }
}

pub fn scenario(path: &str, title: &str, points: Vec<PointOutcome>) -> ScenarioOutcome {
    ScenarioOutcome {
        path: path.to_owned(),
        title: title.to_owned(),
        text: format!("// teaches something\n(title: \"{title}\",\n hosts: {{}})\n"),
        profile: "kvm-6.18-v1".to_owned(),
        profile_origin: "measured on Linux 6.18, one virtual machine with 2 cores, 2026-07".to_owned(),
        points,
    }
}

/// The two points of `docker/outside.ron` in the documentation: one holds, one fails.
pub fn outside() -> ScenarioOutcome {
    let at = |rate: u64, base: u64, lost: u64, holds: bool, label: &str| {
        let runs = (1..=10).map(|seed| run(seed, vec![flow("web", seed, 2_000, rate, base, lost)])).collect();
        let verdicts = vec![
            verdict(true, "Delivered(of: \"web\", at_least: \"97%\")", "98.2 %", "", None),
            verdict(
                holds,
                "Latency(of: \"web\", p: \"99\", below: \"80us\")",
                if holds { "41.7 us" } else { "96.5 us" },
                if holds { "" } else { "lost: CPU_BACKLOG 412 at h1/root/veth1" },
                Some(("web", 990_000, 80 * US)),
            ),
            verdict(true, "Drops(reason: \"NO_SOCKET\", exactly: 0)", "0", "", None),
        ];
        point(label, &[("traffic.web.rate", label)], runs, verdicts)
    };
    let points = vec![at(10_000, 25, 0, true, "10k/s"), at(100_000, 40, 41, false, "100k/s")];
    scenario("scenarios/docker/outside.ron", "Container on a bridge, asked from outside", points)
}

/// A sweep with many points.
pub fn chain() -> ScenarioOutcome {
    let points = (1..=8u64).map(|r| {
        let runs = (1..=3).map(|seed| run(seed, vec![flow("probe", seed, 500, 1_000, 8 + 3 * r, 0)])).collect();
        let text = r.to_string();
        point(&text, &[("hosts.r.count", &text)], runs, Vec::new())
    });
    scenario("scenarios/routing/chain.ron", "Latency against the number of routers", points.collect())
}

/// Everything that can be wrong with data.
pub fn odd() -> ScenarioOutcome {
    let flows = vec![
        flow_of("nothing", &[]),
        flow_of("one", &[24_900_000]),
        flow_of("equal", &[24_900_000; 500]),
        flow_of("zero", &[0; 50]),
        flow_of("two", &[24_900_000, 3_000_000_000_000]),
        flow_of("wild", &(0..60).map(|i| 1u64 << i).collect::<Vec<_>>()),
        flow_of(
            "a name with <b>markup</b> & \"quotes\" that goes on and on and on and on, far beyond any line",
            &[7, 9],
        ),
    ];
    let mut one = point("", &[], vec![run(1, flows)], Vec::new());
    // Seven of a kind would be shown as one.
    one.runs[0].flows[0].kind = "Udp".to_owned();
    one.runs[0].fault = Some("ledger of h1: 10 born, 9 accounted for".to_owned());
    scenario("scenarios/odd.ron", "Odd <data>", vec![one])
}

pub fn batch() -> Batch {
    Batch { scenarios: vec![outside(), chain(), odd()] }
}
