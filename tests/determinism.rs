//! Law 1: the same files and the same seed give the same results, whatever the number of threads, and whether a core
//! runs to completion or every step goes through the queue.

use onerouter_tests::{
    lab::{self, player, script},
    sim, source,
};
use scenarios::run;
use sim_core::time::{Span, Time};
use sim_models::{cost::Costs, kernel::At, world::World};

/// Two hosts and a wire for each of `flows`, each with a Poisson flow of its own.
fn pairs(flows: &[&str]) -> String {
    let mut text = "(title: \"pairs\", hosts: {".to_owned();
    for f in flows {
        for (host, addr) in [("l", "10.0.0.1"), ("r", "10.0.0.2")] {
            text += &format!(
                "\"{f}{host}\": (namespaces: {{\"root\": (devices: {{\"eth0\": Physical(rate: \"10gbit\", \
                 addresses: [\"{addr}/24\"])}})}}),"
            );
        }
    }
    text += "}, wires: [";
    for f in flows {
        text += &format!("(between: [\"{f}l/root/eth0\", \"{f}r/root/eth0\"], delay: \"5us\"),");
    }
    text += "], traffic: {";
    for f in flows {
        text += &format!(
            "\"{f}\": Udp(from: \"{f}l/root\", to: \"{f}r/root\", address: \"10.0.0.2:7000\", rate: \"50k/s\", \
             arrivals: Poisson, count: 2000),"
        );
    }
    text + "})"
}

#[test]
fn threads_change_nothing() {
    let paths = sim::catalogue();
    let plans = scenarios::plans(&paths).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let all = |jobs| {
        let batch = run::run_all(&plans, jobs, &|_, _| {}).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
        format!("{batch:?}")
    };
    let (one, eight) = (all(1), all(8));
    assert!(one == eight, "--jobs 1 and --jobs 8 give different results");
    assert!(one == all(1), "two runs give different results");
}

/// Hosts joined by wires, spread over threads: the whole outcome is that of one thread, to the last byte.
#[test]
fn threads_inside_a_run_change_nothing() {
    let plan = sim::plan(&pairs(&["a", "b", "c", "d", "e"]));
    let run = |threads| {
        format!("{:?}", run::simulate(&plan, 0, 1, true, threads).unwrap_or_else(|d| panic!("{}", sim::shown(&d))))
    };
    let one = run(1);
    for threads in [2, 3, 16] {
        assert!(one == run(threads), "{threads} threads give another result than one");
    }
    // Ten hosts in a row, where most windows are not worth it.
    let text = onerouter_tests::source::text("tests/benches/chain8-wires.ron").unwrap_or_default();
    let plan = sim::plan(&text);
    let run = |threads| {
        format!("{:?}", run::simulate(&plan, 0, 1, true, threads).unwrap_or_else(|d| panic!("{}", sim::shown(&d))))
    };
    assert!(run(1) == run(2));
}

/// Run to completion and the plain queue: the same events at the same times in the same order, in every lab that the
/// simulator can play.
#[test]
fn the_queue_alone_gives_the_same_digest() {
    let mut played = 0;
    for name in lab::names() {
        let script = script::parse(&lab::read(&name, "setup.sh").unwrap()).unwrap();
        let costs = || Costs::flat("unit", 1);
        let (Ok(a), Ok(b)) = (player::play(&script, costs(), true), player::play(&script, costs(), false)) else {
            continue;
        };
        assert_eq!(a.digest, b.digest, "{name}");
        assert_eq!(a.trace, b.trace, "{name}");
        played += 1;
    }
    assert!(played >= 15, "only {played} labs were played");
}

#[test]
fn the_queue_alone_gives_the_same_digest_over_wires() {
    let run = |inline: bool| {
        let mut world =
            sim::world(&sim::file("tests/benches/chain8-wires.ron").replace("count: 10000", "count: 500"), 1);
        world.hosts.iter_mut().for_each(|h| h.cx.queue.set_inline(inline));
        world.run_until(Time::ZERO + Span::from_ms(100)).unwrap();
        (world.digest(), world.events(), world.crossings())
    };
    assert_eq!(run(true), run(false));
}

#[test]
fn one_more_consumer_of_random_numbers_shifts_no_other_stream() {
    let alone = sim::outcome(&pairs(&["a", "b"]), 7);
    let with = sim::outcome(&pairs(&["a", "b", "c"]), 7);
    assert_eq!((alone.flows.len(), with.flows.len()), (2, 3));
    for (x, y) in alone.flows.iter().zip(&with.flows) {
        assert_eq!(x.received, 2000);
        assert_eq!(format!("{x:?}"), format!("{y:?}"), "flow {}", x.name);
    }
}

#[test]
fn the_seed_decides_what_is_random_and_only_that() {
    let text = pairs(&["a"]);
    let (one, again, two) = (sim::outcome(&text, 1), sim::outcome(&text, 1), sim::outcome(&text, 2));
    assert_eq!(format!("{one:?}"), format!("{again:?}"));
    assert_ne!(one.digest, two.digest);
    let constant = text.replace("arrivals: Poisson", "arrivals: Constant");
    let latencies = |seed| format!("{:?}", sim::outcome(&constant, seed).flows[0].latency);
    assert_eq!(latencies(1), latencies(2));
}

/// The short ways of packets (`kernel/shortcut.rs`) and the plain queue: whatever can be counted is the same, in every
/// scenario of the catalogue and every bench.
#[test]
fn short_ways_change_nothing() {
    let mut files = sim::catalogue();
    let benches = ["chain8-wires", "chain8-veth", "bridge32", "bridge32-veth", "subnets20"];
    files.extend(benches.map(|n| source::root().join(format!("tests/benches/{n}.ron"))));
    let mut forwarded = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        // A script or a trace in a file of its own would be looked for beside this test.
        if text.contains(".sh\"") || text.contains(".csv\"") {
            continue;
        }
        let text = text.replace("count: 10000", "count: 300").replace("count: 1000", "count: 30");
        let run = |short: bool| {
            let mut world = sim::world(&text, 1);
            if !short {
                world.take_no_shortcuts();
            }
            world.run_until(Time::ZERO + Span::from_s(2)).unwrap();
            world
        };
        let (short, long) = (run(true), run(false));
        let seen = |w: &World| {
            let mut seen = vec![format!("{:x} {} {} {:?}", w.digest(), w.events(), w.crossings(), w.ledger())];
            for h in &w.hosts {
                seen.push(format!("{} {:?} {:?}", h.name, h.cx.obs.hops, h.cx.obs.copied));
                seen.extend(
                    h.kernel.nets.iter().map(|n| format!("{} {:?}", n.name, n.mib.nonzero().collect::<Vec<_>>())),
                );
                seen.extend(h.kernel.devs.iter().map(|(_, d)| format!("{} {:?}", d.name(), d.stats)));
            }
            seen
        };
        assert_eq!(seen(&short), seen(&long), "{}", file.display());
        forwarded += short.hosts.iter().map(|h| h.cx.obs.hops[At::IpForward as usize]).sum::<u64>();
    }
    assert!(forwarded > 5_000, "{forwarded} packets were forwarded");
}
