//! What a world looks like when its run is over: measures, losses, tables and counters.

use crate::{
    names::{Names, NsRef},
    outcome::{Answer, DropOutcome, FlowOutcome, RunOutcome},
    spec::{Scenario, Traffic},
};
use indexmap::IndexMap;
use sim_core::time::{Span, Time};
use sim_models::{
    apps::{App, flow::FlowStat},
    drivers::{Kind, bridge::fdb_lines, vxlan},
    kernel::{
        At, Kernel, NsId, neigh::neigh_lines, netns::Life, rtnl::RT_TABLE_MAIN, show_route::ip_route_lines,
        show_rule::ip_rule_lines,
    },
    world::{Host, World},
};
use std::fmt::Write as _;

/// Tables of so many namespaces are written out at most.
const MAX_TABLES: usize = 100;

/// Everything but the texts and the judgement of laws.
pub fn outcome(names: &Names, s: &Scenario, world: &World, seed: u64, ended: Time) -> RunOutcome {
    let (ledger, in_flight) = world.ledger();
    RunOutcome {
        seed,
        digest: world.digest(),
        events: world.events(),
        crossings: world.crossings(),
        ended_ps: ended.ps(),
        flows: flows(names, s, world),
        drops: drops(world),
        answers: Vec::new(),
        stages: stages(world),
        ledger: [ledger.born, ledger.delivered, ledger.consumed + ledger.merged, ledger.dropped, in_flight],
        walk_text: String::new(),
        state_text: String::new(),
        topology: None,
        followed: Vec::new(),
        not_followed: String::new(),
        timeline: Vec::new(),
        fault: None,
    }
}

/// Each flow's measures over all hosts. What is still on its way is not lost.
fn flows(names: &Names, s: &Scenario, world: &World) -> Vec<FlowOutcome> {
    let flying = world.messages_in_flight();
    s.traffic.iter().enumerate().map(|(i, (e, t))| flow(names, world, i, (&e.name, t), &flying)).collect()
}

fn flow(names: &Names, world: &World, i: usize, (name, t): (&str, &Traffic), flying: &[(u32, u32)]) -> FlowOutcome {
    let mut sum = FlowStat::default();
    for part in world.hosts.iter().filter_map(|h| h.cx.obs.flows.get(i)) {
        sum.merge(part);
    }
    let active = match (sum.first, sum.last) {
        (Some(first), Some(last)) => last.since(first).ps(),
        _ => 0,
    };
    let expected = sum.sent.saturating_mul(t.copies());
    let missing = expected.saturating_sub(sum.received);
    let number = i as u32 + 1;
    let own = &flying[flying.partition_point(|m| m.0 < number)..flying.partition_point(|m| m.0 <= number)];
    // Fragments of a message are one; copies for several receivers are several.
    let in_flight = match t.copies() {
        1 => own.chunk_by(|a, b| a == b).count() as u64,
        _ => own.len() as u64,
    };
    let in_flight = in_flight.min(missing);
    FlowOutcome {
        name: name.to_owned(),
        kind: t.kind().to_owned(),
        measure: t.measure().to_owned(),
        sent: sum.sent,
        received: sum.received,
        expected,
        lost: missing - in_flight,
        in_flight,
        receivers: receivers(names, world, i, t),
        batch_mean: sum.batches.interval(),
        warmup: None,
        latency: sum.latency,
        series: sum.series,
        bytes: sum.bytes,
        active_ps: active,
        errors: sum.errors.iter().map(|(e, n)| (e.name().to_owned(), *n)).collect(),
    }
}

/// What each of several receivers has read.
fn receivers(names: &Names, world: &World, i: usize, t: &Traffic) -> IndexMap<String, u64> {
    let (to, port) = (t.to(), t.endpoint().map(|(e, _)| e.port));
    if to.len() < 2 {
        return IndexMap::new();
    }
    let read = |at: NsRef| {
        let host = &world.hosts[at.host];
        let name = names.net(at).name;
        let sinks = host.kernel.tasks.in_spaces().filter_map(|(ns, app)| match app {
            App::UdpSink(s) if Some(s.port) == port && host.kernel.net(ns).name == name => s.tally.as_ref(),
            _ => None,
        });
        sinks.filter_map(|t| t.get(i)).sum()
    };
    to.into_iter().filter_map(|to| Some((to.value.clone(), read(names.ns(to).ok()?)))).collect()
}

fn drops(world: &World) -> Vec<DropOutcome> {
    let mut all: IndexMap<(String, &str, &str), DropOutcome> = IndexMap::new();
    for h in &world.hosts {
        for (what, lost) in &h.cx.obs.drops {
            let place = match h.switch() {
                Some(_) => format!("{}/{}", h.name, lost.dev),
                None => format!("{}/{}/{}", h.name, lost.ns, lost.dev),
            };
            let d = all.entry((place.clone(), what.reason.name(), what.at.name())).or_insert_with(|| DropOutcome {
                reason: what.reason.name().to_owned(),
                meaning: what.reason.doc().to_owned(),
                hop: what.at.name().to_owned(),
                place,
                count: 0,
                first_ps: lost.first.ps(),
            });
            d.count += lost.count;
            d.first_ps = d.first_ps.min(lost.first.ps());
        }
    }
    all.into_values().collect()
}

/// Hop → how often, and how much core time it was billed.
fn stages(world: &World) -> IndexMap<String, (u64, u64)> {
    let mut stages = IndexMap::new();
    for at in At::ALL {
        let i = *at as usize;
        let sum = |of: fn(&sim_models::kernel::observe::Observer) -> &[u64; At::COUNT]| -> u64 {
            world.hosts.iter().map(|h| of(&h.cx.obs)[i]).sum()
        };
        let (count, copied) = (sum(|o| &o.hops), sum(|o| &o.copied));
        if count > 0 {
            let costs = world.hosts.first().map(|h| &h.cx.costs);
            let fixed = costs.map_or(0, |c| c.fixed(*at).ps().saturating_mul(count));
            // One byte's price times all bytes: they may be more than 32 bits.
            let bytes = costs.map_or(0, |c| c.per_byte(*at, 1).ps().saturating_mul(copied));
            stages.insert(at.name().to_owned(), (count, fixed.saturating_add(bytes)));
        }
    }
    stages
}

/// Main tables, neighbours, forwarding databases, counters and drops of every namespace, in order.
pub fn tables(world: &World, ended: Time) -> String {
    let mut out = String::new();
    let hosts = || world.hosts.iter().filter(|h| h.switch().is_none());
    let all: usize = hosts().map(|h| h.kernel.nets.len()).sum();
    let mut shown = 0;
    for h in hosts() {
        let now = ended.ps() / (sim_core::time::PS_PER_S / u64::from(h.kernel.hz));
        for ns in (0..h.kernel.nets.len()).filter(|ns| h.kernel.nets[*ns].life != Life::Gone) {
            if shown < MAX_TABLES {
                namespace(&mut out, &h.name, &h.kernel, NsId(ns as u32), now);
            }
            shown += 1;
        }
    }
    if all > MAX_TABLES {
        let _ = writeln!(out, "and {} more namespaces", all - MAX_TABLES);
    }
    world.hosts.iter().for_each(|h| switch(&mut out, h, ended));
    let lost = drops(world);
    for d in &lost {
        let first = Span::from_ps(d.first_ps);
        let _ = writeln!(out, "drops        {} {} at {} in {}, first at {first}", d.count, d.reason, d.place, d.hop);
    }
    if lost.is_empty() {
        out.push_str("drops        none\n");
    }
    out
}

/// An external switch: who was heard where, and what went through its ports.
fn switch(out: &mut String, h: &Host, ended: Time) {
    let Some(switch) = h.switch() else { return };
    let _ = writeln!(out, "{}", h.name);
    let ports = h.kernel.devs.iter().filter(|(_, d)| !d.is_loopback()).map(|(_, d)| {
        let s = &d.stats;
        format!("{} rx {} {} tx {} {}", d.name(), s.rx_packets, s.rx_bytes, s.tx_packets, s.tx_bytes)
    });
    for (name, lines) in [("stations", switch.station_lines(&h.kernel, ended)), ("ports", ports.collect())] {
        for (i, line) in lines.iter().enumerate() {
            let _ = writeln!(out, "  {:<10} {line}", if i == 0 { name } else { "" });
        }
    }
}

/// What kernels refused of the requests that may fail.
pub fn refusals(answers: &[Answer]) -> String {
    let lines = answers.iter().filter_map(|a| {
        let why = a.refusal.as_ref()?;
        Some(format!("refused      {} {} {}: {why}\n", Span::from_ps(a.at_ps), a.place, a.asked))
    });
    lines.collect()
}

fn namespace(out: &mut String, host: &str, k: &Kernel, ns: NsId, now: u64) {
    let net = k.net(ns);
    let _ = writeln!(out, "{host}/{}", net.name);
    let mut table = |name: &str, lines: Vec<String>| {
        for (i, line) in lines.iter().enumerate() {
            let name = if i == 0 { name } else { "" };
            let _ = writeln!(out, "  {name:<10} {line}");
        }
    };
    table("route", ip_route_lines(k, ns, RT_TABLE_MAIN));
    if net.v4.policy().is_some() {
        table("rule", ip_rule_lines(k, ns).iter().map(|l| l.replacen('\t', " ", 1)).collect());
    }
    table("neigh", neigh_lines(k, ns));
    table("fdb", [fdb_lines(k, ns, now), vxlan::fdb_lines(k, ns)].concat());
    let counters: Vec<String> = net.mib.nonzero().map(|(name, v)| format!("{name} {v}")).collect();
    if !counters.is_empty() {
        table("counters", vec![counters.join("  ")]);
    }
    let devices = net.devs.iter().filter_map(|d| k.devs.get(*d)).filter(|d| {
        let s = &d.stats;
        s.rx_packets + s.tx_packets + u64::from(s.rx_dropped) + u64::from(s.tx_dropped) > 0
    });
    let lines = devices.map(|d| {
        let s = &d.stats;
        let mut line = format!("{} rx {} {} tx {} {}", d.name(), s.rx_packets, s.rx_bytes, s.tx_packets, s.tx_bytes);
        if matches!(d.kind, Kind::Veth(_)) && s.rx_bytes > 0 {
            // What a veth has received is what its peer has put into its memory (VETH-17).
            let _ = write!(line, " buffer {}", s.rx_bytes);
        }
        if s.rx_dropped > 0 || s.tx_dropped > 0 {
            let _ = write!(line, " dropped rx {} tx {}", s.rx_dropped, s.tx_dropped);
        }
        line
    });
    table("devices", lines.collect());
}
