//! Where the time of single messages went. A run is deterministic: which message stands for a percentile is known when
//! it is over, and a second run follows it. Until then a message costs nothing but its place in the histogram.

use crate::{
    outcome::{DropOutcome, FollowedOutcome, RunOutcome, Stage, Why},
    walk,
};
use sim_core::time::{Span, Time};
use sim_models::{
    apps::flow::FlowStat,
    kernel::{
        At,
        observe::{Step, StepKind},
    },
    world::World,
};

/// Whose messages are followed, parts per million.
pub const PERCENTILES: [u64; 4] = [500_000, 900_000, 990_000, 999_000];
/// So many flows of a run, and kinds of loss.
const FLOWS: usize = 6;
const DROPS: usize = 8;
/// A second run of more events is not worth its time.
const EVENTS: u64 = 2_000_000;

/// A message to follow.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Number of the flow in the scenario plus 1.
    flow: u32,
    born: Time,
    /// When it is over.
    end: Time,
    why: Why,
}

/// Which messages of the run that `world` just played are to be followed, and why not all.
pub fn wanted(world: &World, outcome: &RunOutcome) -> (Vec<Wanted>, String) {
    let mut wanted = Vec::new();
    for i in 0..outcome.flows.len().min(FLOWS) {
        let mut sum = FlowStat::default();
        world.hosts.iter().filter_map(|h| h.cx.obs.flows.get(i)).for_each(|f| sum.merge(f));
        for p in PERCENTILES {
            // Of few messages the high percentiles are one and the same.
            let enough = sum.latency.count() >= 1_000_000 / (1_000_000 - p);
            let Some(latency) = sum.latency.quantile(p).filter(|_| enough || p == 500_000) else { continue };
            let Some(e) = sum.exemplar(Span::from_ps(latency)) else { continue };
            let why = Why::Percentile(p);
            wanted.push(Wanted { flow: i as u32 + 1, born: e.born, end: e.read, why });
        }
    }
    let mut lost = 0;
    for h in &world.hosts {
        for (place, first) in h.cx.obs.drops.iter().filter(|(_, l)| l.first_tag.flow != 0) {
            lost += 1;
            if lost > DROPS {
                continue;
            }
            let (reason, place) = (place.reason.name().to_owned(), format!("{}/{}/{}", h.name, first.ns, first.dev));
            let born = Time::from_ps(first.first_tag.born);
            wanted.push(Wanted {
                flow: first.first_tag.flow,
                born,
                end: first.first,
                why: Why::Dropped { reason, place },
            });
        }
    }
    let mut notes = Vec::new();
    if outcome.flows.len() > FLOWS {
        notes.push(format!("messages of the first {FLOWS} of {} flows are followed", outcome.flows.len()));
    }
    if lost > DROPS {
        notes.push(format!("the first {DROPS} of {lost} kinds of loss are followed"));
    }
    // Of a run of many events, only what happened early enough.
    let whole = outcome.ended_ps.max(1);
    let affordable = u128::from(whole) * u128::from(EVENTS) / u128::from(outcome.events.max(1));
    let before = wanted.len();
    wanted.retain(|w| u128::from(w.end.ps()) <= affordable);
    if wanted.len() < before {
        notes.push(format!(
            "{} of {before} messages lie beyond the first {EVENTS} events of the run and are not followed",
            before - wanted.len()
        ));
    }
    (wanted, notes.join("; "))
}

/// Asks `world`, which has not run yet, to follow them; until when it has to run.
pub fn ask(world: &mut World, wanted: &[Wanted]) -> Time {
    let mut list: Vec<(u32, u64)> = wanted.iter().map(|w| (w.flow, w.born.ps())).collect();
    list.sort_unstable();
    list.dedup();
    for h in &mut world.hosts {
        h.cx.obs.also.clone_from(&list);
    }
    wanted.iter().map(|w| w.end).max().unwrap_or(Time::ZERO) + Span::from_us(1)
}

/// What was seen of them. `place` gives the scenario line of a request; `names` are the flows'.
pub fn seen(
    world: &World,
    wanted: &[Wanted],
    names: &[String],
    place: &dyn Fn(usize, u32) -> Option<String>,
) -> Vec<FollowedOutcome> {
    let one = |w: &Wanted| {
        let own = |s: &Step| (s.tag.flow, s.tag.born) == (w.flow, w.born.ps());
        let steps = walk::steps(world, own);
        let packet = steps.first()?.1.tag.seq;
        // A drop is the last thing that is told of it; else what was read last.
        let is_lost = matches!(w.why, Why::Dropped { .. });
        let stages = if is_lost { Vec::new() } else { stages(steps.iter().map(|s| s.1), w.born) };
        let total = if is_lost { w.end.since(w.born).ps() } else { stages.iter().map(|s| s.1).sum() };
        let journey = walk::journey_of(world, own, place)?;
        Some(FollowedOutcome {
            flow: names.get(w.flow as usize - 1)?.clone(),
            packet,
            why: w.why.clone(),
            total_ps: total,
            stages,
            journey,
        })
    };
    wanted.iter().filter_map(one).collect()
}

/// The time from `born` to the last delivery, cut at the message's steps: what a hop was billed is its stage's, what
/// lies between two hops is the wait before the second.
fn stages<'s>(steps: impl Iterator<Item = &'s Step> + Clone, born: Time) -> Vec<(Stage, u64)> {
    let Some(last) = steps.clone().filter(|s| matches!(s.what, StepKind::Delivered)).last() else { return Vec::new() };
    let mut spent = [0u64; Stage::ALL.len()];
    let mut t = born;
    let mut previous: Option<At> = None;
    for s in steps.take_while(|s| s.time <= last.time) {
        let gap = s.time.max(t).since(t).ps();
        let (wait, work) = match &s.what {
            StepKind::Hop { at, cost, .. } => (wait_before(*at, previous), Some((*at, *cost))),
            StepKind::Landed => (Stage::Wire, None),
            _ => (previous.map_or(Stage::SendWait, stage_of), None),
        };
        spent[wait as usize] += gap;
        t = t.max(s.time);
        if let Some((at, cost)) = work {
            let end = (s.time + cost).min(last.time).max(t);
            spent[stage_of(at) as usize] += end.since(t).ps();
            t = end;
            previous = Some(at);
        }
    }
    Stage::ALL.iter().zip(spent).filter(|(_, ps)| *ps > 0).map(|(s, ps)| (*s, ps)).collect()
}

/// What a message waits for before it comes to `at`, the hop before being `previous`.
fn wait_before(at: At, previous: Option<At>) -> Stage {
    match (at, previous) {
        (_, None) => Stage::SendWait,
        (At::RecvMsg, _) => Stage::SocketWait,
        (At::Irq | At::Softirq | At::NapiPoll | At::NetifReceiveSkb, _) => Stage::SoftirqWait,
        (At::PhyXmit, _) => Stage::Queue,
        // The server has read it, and answers.
        (_, Some(At::RecvMsg)) => Stage::Send,
        (_, Some(At::NeighOutput)) => Stage::Neighbour,
        // Bytes that the hop before copied.
        (_, Some(previous)) => stage_of(previous),
    }
}

fn stage_of(at: At) -> Stage {
    match at {
        At::Syscall | At::UdpSendmsg | At::PingSendmsg | At::TcpConnect | At::IcmpSend | At::IcmpReply => Stage::Send,
        At::NeighOutput | At::ArpSend | At::ArpRcv => Stage::Neighbour,
        At::BrHandleFrame | At::BrPassFrameUp | At::BrDevXmit | At::BrForward => Stage::Bridge,
        At::IpRouteOutput
        | At::IpRcv
        | At::IpRouteInput
        | At::IpForward
        | At::IpOutput
        | At::IpFinishOutput
        | At::IpError
        | At::IpFragment
        | At::IpLocalDeliver
        | At::IpDefrag => Stage::Route,
        At::IcmpRcv | At::UdpRcv | At::TcpRcv | At::TcpSendReset | At::SockQueueRcv | At::RecvMsg => Stage::Receive,
        At::Wakeup | At::ContextSwitch => Stage::SocketWait,
        // Every driver's own hop, and what the core does for each frame.
        _ => Stage::Driver,
    }
}

/// The walk of the first message that was lost like `d`, if it was followed.
pub fn of_drop<'r>(run: &'r RunOutcome, d: &DropOutcome) -> Option<&'r FollowedOutcome> {
    let same = |w: &Why| matches!(w, Why::Dropped { reason, place } if *reason == d.reason && *place == d.place);
    run.followed.iter().find(|f| same(&f.why))
}

#[cfg(test)]
mod tests {
    use crate::{
        outcome::{Stage, Why},
        plan, run,
        source::Source,
    };
    use std::sync::Arc;

    const TEXT: &str = r#"(title: "x", hosts: {
      "h1": (namespaces: {"root": (sysctls: {"net.ipv4.ip_forward": 1}, devices: {"eth0": Physical(addresses: ["192.0.2.1/24"]),
         "v": Veth(peer: "c/eth0", addresses: ["10.0.0.1/24"])}),
        "c": (devices: {"eth0": Peer(addresses: ["10.0.0.2/24"])}, routes: ["default via 10.0.0.1"])}),
      "h2": (namespaces: {"root": (devices: {"eth0": Physical(addresses: ["192.0.2.2/24"])}, routes: ["default via 192.0.2.1"])})},
     wires: [(between: ["h1/root/eth0", "h2/root/eth0"], delay: "50us")],
     traffic: {"rr": Requests(from: "h2/root", to: "h1/c", address: "10.0.0.2:7/udp", rate: "20k/s", arrivals: Poisson, count: 2000),
       "closed": Udp(from: "h2/root", address: "10.0.0.2:9/udp", rate: "1k/s", count: 20)})"#;

    #[test]
    fn the_stages_of_a_followed_message_add_up_to_the_percentile_it_stands_for() {
        let plan = plan::plan(&Arc::new(Source::new("x.ron", TEXT.to_owned()))).expect("a good scenario");
        let batch = run::run_all(&[plan], 1, &|_, _| {}).expect("a world that stands");
        let run = &batch.scenarios[0].points[0].runs[0];
        assert_eq!(run.not_followed, "");
        let flow = &run.flows[0];
        let mut seen = Vec::new();
        for f in &run.followed {
            let Why::Percentile(p) = f.why else { continue };
            seen.push(p);
            let wanted = flow.latency.quantile(p).expect("it has some");
            assert_eq!(f.stages.iter().map(|s| s.1).sum::<u64>(), f.total_ps);
            // A bucket of the histogram is less than 1/128 of its values wide.
            assert!(f.total_ps.abs_diff(wanted) <= wanted / 128, "p {p}: {} for {wanted}", f.total_ps);
            let of = |stage| f.stages.iter().find(|s| s.0 == stage).map_or(0, |s| s.1);
            assert!(of(Stage::Wire) >= 100_000_000, "there and back over 50 us: {:?}", f.stages);
            assert!(of(Stage::Route) > 0 && of(Stage::Bridge) == 0, "{:?}", f.stages);
            assert!(f.journey.head.packet.starts_with("IP 192.0.2.2"), "{}", f.journey.head.packet);
        }
        assert_eq!(seen, super::PERCENTILES);
        let lost = run.followed.iter().find(|f| f.flow == "closed").expect("nobody listens on port 9");
        assert_eq!(lost.why, Why::Dropped { reason: "NO_SOCKET".to_owned(), place: "h1/c/eth0".to_owned() });
        assert_eq!((lost.packet, lost.journey.head.verdict.as_str()), (0, "DROPPED NO_SOCKET"));
        assert!(super::of_drop(run, run.drops.iter().find(|d| d.reason == "NO_SOCKET").expect("counted")).is_some());
    }

    #[test]
    fn many_runs_keep_one_course_of_time_for_each_point_and_every_count() {
        let text = TEXT.replace("count: 2000", "count: 20").replace("})\"#", "})");
        let text =
            format!("{}, sweep: {{\"traffic.rr.rate\": [\"10k/s\", \"20k/s\"]}}, seeds: 150)", &text[..text.len() - 1]);
        let plan = plan::plan(&Arc::new(Source::new("x.ron", text))).expect("a good scenario");
        let plans = [plan];
        let of = |jobs| run::run_all(&plans, jobs, &|_, _| {}).expect("a world that stands");
        let (one, two) = (of(1), of(2));
        for (a, b) in one.scenarios[0].points.iter().zip(&two.scenarios[0].points) {
            let sent: u64 = a.runs[0].flows[0].series.slots().iter().map(|s| s.sent).sum();
            assert_eq!(sent, 150 * 20);
            assert!(a.runs[1..].iter().all(|r| r.flows[0].series.slots().is_empty() && r.stages.is_empty()));
            assert_eq!(a.runs[0].flows[0].series, b.runs[0].flows[0].series);
            assert_eq!(a.runs[0].stages, b.runs[0].stages);
            assert!(a.runs[0].stages["udp_sendmsg"].0 >= 150 * 20);
        }
    }
}
