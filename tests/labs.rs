//! The labs recorded on a real kernel, played in the simulator. What must be equal: every frame on every device in
//! order, its length, TOS and echo id, the order of frames across the devices of a namespace, every result line, and
//! every final table and counter. The rules of the normalisation are named and counted in the output.

use onerouter_tests::lab::{
    self,
    compare::{self, Difference},
    player::{self, Played},
    raw,
    rules::{self, Counts},
    script, trace,
};
use sim_models::cost::Costs;

/// Labs that the simulator reproduces wholly. A lab that joins them stays.
const REPRODUCED: [&str; 21] = [
    "arp_fail",
    "arp_fail_fast",
    "bridge3",
    "closed_port_rst",
    "concurrent",
    "delay_probe",
    "docker_fwd0",
    "docker_fwd1",
    "fdb_age",
    "mtu",
    "mtu_bridge_nonf",
    "multi_ip",
    "proxy_arp",
    "proxy_arp_d0",
    "reject_routes",
    "ttl",
    "veth_ping",
    "weakhost_announce2",
    "weakhost_default",
    "weakhost_ignore1",
    "weakhost_ignore2",
];

/// Labs whose senders start at one moment: rule order.flow.
const CONCURRENT: [&str; 1] = ["concurrent"];

fn play(name: &str, costs: Costs) -> Result<Played, String> {
    let script = script::parse(&lab::read(name, "setup.sh")?).map_err(|e| e.to_string())?;
    player::play(&script, costs, true)
}

/// What differs between the simulator and the recording, and what was normalised on the way.
fn differences(name: &str, costs: Costs) -> Result<(Vec<Difference>, Counts), String> {
    let mut played = play(name, costs)?;
    let mut recorded = trace::parse(&lab::read(name, "trace.txt")?)?;
    if CONCURRENT.contains(&name) {
        for frames in recorded.frames.values_mut().chain(played.trace.frames.values_mut()) {
            rules::by_flow(frames, &mut played.counts);
        }
        return Ok((compare::differences(&recorded, &played.trace), played.counts));
    }
    let mut found = compare::differences(&recorded, &played.trace);
    let recorded = raw::frames(&lab::read(name, "state.json")?)?;
    for (ns, kernel) in &recorded {
        let simulated = played.raw.get(ns).map_or(&[][..], Vec::as_slice);
        let lines = |all: &[raw::RawFrame]| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        found.extend(compare::lines(&format!("all devices of {ns}"), &lines(kernel), &lines(simulated)));
    }
    Ok((found, played.counts))
}

fn reproduces(name: &str) {
    for costs in [Costs::flat("zero", 0), Costs::flat("unit", 1), Costs::flat("slow", 2_000)] {
        let profile = costs.name.clone();
        let (found, counts) = differences(name, costs).unwrap_or_else(|e| panic!("{name}: {e}"));
        println!("{name}, profile {profile}: normalised\n{counts}");
        let shown: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{name}, profile {profile}: {} blocks differ\n{}", found.len(), shown.join("\n"));
    }
}

macro_rules! labs {
    ($($name:ident),*) => { $(#[test] fn $name() { reproduces(stringify!($name)); })* };
}
labs!(veth_ping, bridge3, multi_ip, closed_port_rst, ttl, docker_fwd0, docker_fwd1);

/// Plays all labs and lists which are reproduced; those that were stay so.
#[test]
fn no_lab_is_lost() {
    let mut reproduced = Vec::new();
    for name in lab::names() {
        let verdict = match differences(&name, Costs::flat("unit", 1)) {
            Ok((found, _)) if found.is_empty() => {
                reproduced.push(name.clone());
                "reproduced".to_owned()
            }
            Ok((found, _)) => {
                for d in &found {
                    println!("{name}: {d}");
                }
                let blocks: Vec<&str> = found.iter().map(|d| d.block.as_str()).collect();
                format!("not yet: {} differ", blocks.join(", "))
            }
            Err(e) => format!("not yet: {e}"),
        };
        println!("{name:<20} {verdict}");
    }
    let lost: Vec<&&str> = REPRODUCED.iter().filter(|l| !reproduced.iter().any(|r| r == **l)).collect();
    assert!(lost.is_empty(), "no longer reproduced: {lost:?}");
    let new: Vec<&String> = reproduced.iter().filter(|r| !REPRODUCED.contains(&r.as_str())).collect();
    assert!(new.is_empty(), "reproduced now, to be added to REPRODUCED: {new:?}");
}
