//! The simulator's side of a comparison: the same requests and programs in virtual time, and on the way the [`Job`]
//! that asks the same of a real kernel.

use super::{
    job::{App as JobApp, Ask, DropSeen, FarNic, FlowSeen, Job, JobHost, Load as JobLoad, Missing, Step, Task, What},
    programs::{Drawn, job_app, socket_options},
    shot::{Shot, whatever},
    space,
    switches::{self, Switches},
};
use crate::{
    build::{self, Act, Built, Placed, Target, carry_out},
    diagnostic::Diagnostic,
    iproute2, load,
    names::{DevRef, Names},
    plan::Plan,
    profile,
    spec::Scenario,
    steps, traffic,
};
use sim_core::time::{PS_PER_S, Span, Time};
use sim_models::{
    apps::{App, TaskId},
    drivers::{Config, veth::VethConfig},
    kernel::{Cx, Kernel, NsId, PktType, RtnlOp, linkwatch, observe::Captured, rtnl::LinkAttrs},
    packet::{Mac, Net, encode::encode},
    world::World,
};
use std::collections::BTreeMap;

/// Timed traffic is compared up to so many packets of a flow.
pub const MOST_PACKETS: u64 = 1000;
/// So many frames, and more on their way at the end, are a storm: on a real machine nobody else would get anything done.
const STORM: usize = 10_000;
/// Events of a comparison at most.
const MAX_EVENTS: u64 = 50_000_000;
/// The clock is looked at so often to see whether all is done.
const GLANCE: Span = Span::from_ms(1);
/// Packets that are still on their way are waited for so long.
const LINGER: Span = Span::from_s(60);
/// Nothing may happen for so long after the end, besides the granule of a timer as old as the run.
const CALM: Span = Span::from_ms(20);
const NS: u64 = 1000;

/// What the simulator did, in the form in which a record of a kernel is compared with it.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub answers: Vec<Option<String>>,
    /// What each request was, for people.
    pub asked: Vec<String>,
    /// Namespace → frames of all its devices, in order.
    pub shots: Vec<Shot>,
    pub spaces: Vec<super::job::Space>,
    pub flows: Vec<FlowSeen>,
    pub drops: Vec<DropSeen>,
    /// Names of the flows.
    pub names: Vec<String>,
    /// A packet was delivered, or dropped on purpose, on another device than its first one.
    pub travelled: bool,
    /// What happened that no kernel can do.
    pub missing: Option<Missing>,
}

/// Both halves.
pub struct Simulated {
    pub job: Job,
    pub seen: Seen,
}

/// Runs one point of a plan with at most `packets` of each flow, and writes down what to ask of a kernel.
///
/// # Errors
/// Mistakes of the scenario.
pub fn simulate(plan: &Plan, point: usize, seed: u64, packets: u64) -> Result<Simulated, Vec<Diagnostic>> {
    let source = plan.points[point].source(&plan.source);
    let scenario = load::read(&source)?;
    let costs = profile::load(scenario.profile_name()).map_err(|e| vec![Diagnostic::of_file(&source.path, e)])?;
    let names = Names::new(&scenario);
    let mut script = Script::new(&names, &scenario);
    let told: build::Told = &mut |k, p, done| script.told(k, p, done);
    let Built { mut world, .. } = build::build_telling(&source, &scenario, costs, seed, told)?;
    world.max_events = MAX_EVENTS;
    let steps = steps::steps(&source, &names, &scenario)?;
    let fault = |e: String| vec![Diagnostic::of_file(&source.path, e)];
    // What the setup has sent belongs to it.
    world.run_until(Time::ZERO).map_err(|e| fault(e.to_string()))?;
    script.tasks(&scenario, &mut world, packets);
    let before = space::counters(&world);
    for h in &mut world.hosts {
        h.cx.obs.capture = Some(Vec::new());
        h.kernel.tapped = true;
    }
    let end = script.run(&mut world, &steps, scenario.duration.as_ref().map(|d| Time::ZERO + d.value.0));
    let end = end.map_err(fault)?;
    world.check_laws().map_err(fault)?;
    Ok(script.finish(&mut world, end, &before))
}

/// Writes down the job while the simulator runs.
struct Script<'n> {
    names: &'n Names<'n>,
    /// NIC → the other end of its wire.
    wires: BTreeMap<DevRef, DevRef>,
    switches: Switches,
    /// NICs that were asked for, with what `ip link add` says of them.
    nics: BTreeMap<DevRef, String>,
    job: Job,
    seen: Seen,
    /// Requests of the step that is being taken.
    step: Option<Vec<Ask>>,
    last: Time,
    /// Senders that wait for answers.
    closed: Vec<(usize, TaskId)>,
    /// The scenario's `net.core.rmem_default`: no namespace has it, sockets are told.
    rcvbuf: BTreeMap<usize, u32>,
}

impl<'n> Script<'n> {
    fn new(names: &'n Names<'n>, s: &Scenario) -> Script<'n> {
        let mut wires = BTreeMap::new();
        for w in s.wires.iter() {
            let ends: Vec<DevRef> = w.between.iter().filter_map(|p| names.dev(p).ok()).collect();
            if let [a, b] = ends[..] {
                wires.extend([(a, b), (b, a)]);
            }
        }
        let host = |h: &crate::names::HostNames| JobHost::new(h.name, false);
        let job = Job { hosts: names.hosts.iter().map(host).collect(), ..Job::default() };
        let mut script = Script {
            names,
            wires,
            switches: Switches::new(names, s),
            nics: BTreeMap::new(),
            job,
            seen: Seen::default(),
            step: None,
            last: Time::ZERO,
            closed: Vec::new(),
            rcvbuf: BTreeMap::new(),
        };
        script.job.hosts.extend(names.switches.iter().map(|s| JobHost::new(s.0, true)));
        for ask in script.switches.setup() {
            script.ask(ask, None, "external switch".to_owned());
        }
        script
    }

    /// One more request, with the simulator's answer and what people call it.
    fn ask(&mut self, ask: Ask, answer: Option<String>, shown: String) {
        self.seen.answers.push(answer);
        self.seen.asked.push(shown);
        match &mut self.step {
            Some(step) => step.push(ask),
            None => self.job.setup.push(ask),
        }
    }

    /// A kernel of the simulator has carried out a request, or refused it.
    fn told(&mut self, k: &Kernel, p: &Placed, done: &Result<(), String>) {
        let host = p.at.host;
        let ns = match &p.ns {
            Target::Number(n) => self.names.hosts[host].nets[*n as usize].name.to_owned(),
            Target::Named(name) => name.clone(),
        };
        let what = match &p.act {
            Act::NewNs(name) => What::NewNs(name.clone()),
            Act::DelNs(name) => What::DelNs(name.clone()),
            Act::Rtnl(op) => self.what(k, host, &ns, op),
        };
        let port = match &what {
            What::Nic { far: Some(far), .. } if self.job.hosts[far.host].is_switch => Some(far.clone()),
            _ => None,
        };
        let shown = format!("{}/{ns}: {}", self.job.hosts[host].name, shown(&p.act));
        self.ask(Ask { host, ns, what }, done.as_ref().err().cloned(), shown);
        if let Some(far) = port {
            self.ask(switches::plug_in(far.host, &far.name), None, "external switch".to_owned());
        }
    }

    fn what(&mut self, k: &Kernel, host: usize, ns: &str, op: &RtnlOp) -> What {
        let line = |tool: &str, op: &RtnlOp| {
            let line = iproute2::to_command(op);
            line.strip_prefix(tool).unwrap_or(&line).trim_start().to_owned()
        };
        match op {
            RtnlOp::Sysctl { key, value } if key.replace('/', ".") == "net.core.rmem_default" => {
                if let Ok(bytes) = value.trim().parse() {
                    self.rcvbuf.insert(host, bytes);
                }
                What::Nothing
            }
            RtnlOp::Sysctl { key, value } => What::Sysctl { key: key.clone(), value: value.clone() },
            RtnlOp::NewFdb { .. } | RtnlOp::DelFdb { .. } | RtnlOp::NewRemote { .. } | RtnlOp::DelRemote { .. } => {
                What::Bridge(line("bridge", op))
            }
            RtnlOp::NewLink { name, attrs, config } if !config.is_virtual() => self.nic(k, (host, ns), name, attrs),
            RtnlOp::NewLink { name, attrs, config } => {
                let op = with_macs(k, ns, name, attrs, config);
                let mut line = line("ip", &op);
                if matches!(config, Config::Bridge(_)) && !line.contains(" mcast_snooping ") {
                    // A snooping bridge reports its own groups at random times, and nothing here speaks IGMP.
                    line.push_str(" mcast_snooping 0");
                }
                What::Ip(line)
            }
            _ => What::Ip(line("ip", op)),
        }
    }

    /// A NIC is one end of a veth pair; the pair is made with its second end.
    fn nic(&mut self, k: &Kernel, (host, ns): (usize, &str), name: &str, attrs: &LinkAttrs) -> What {
        let mut args = String::new();
        if let Some(mac) = mac_of(k, ns, name) {
            args.push_str(&format!(" address {mac}"));
        }
        for (word, value) in [("mtu", attrs.mtu), ("txqueuelen", attrs.txqueuelen)] {
            if let Some(n) = value {
                args.push_str(&format!(" {word} {n}"));
            }
        }
        let me = self.names.dev(&format!("{}/{ns}/{name}", self.job.hosts[host].name)).ok();
        let other = me.and_then(|me| self.wires.get(&me).copied());
        if let Some(far) = me.and_then(|me| self.switches.port(me)) {
            return What::Nic { name: name.to_owned(), args, far: Some(far) };
        }
        let Some((me, other)) = me.zip(other) else { return What::Nic { name: name.to_owned(), args, far: None } };
        let Some(far_args) = self.nics.get(&other).cloned() else {
            self.nics.insert(me, args);
            return What::NicIsThere;
        };
        let path = self.names.dev_path(other);
        let words: Vec<&str> = path.split('/').collect();
        let far = FarNic { host: other.host, ns: words[1].to_owned(), name: words[2].to_owned(), args: far_args };
        What::Nic { name: name.to_owned(), args, far: Some(far) }
    }

    /// Starts the programs, and writes them down as they are.
    fn tasks(&mut self, s: &Scenario, world: &mut World, packets: u64) {
        traffic::start(self.names, s, world);
        for (host, h) in world.hosts.iter_mut().enumerate() {
            let rcvbuf = self.rcvbuf.get(&host).copied();
            let options = |o: &_, device: Option<&str>| socket_options(o, device, rcvbuf);
            let ids: Vec<(TaskId, NsId, Option<Time>)> = h.kernel.tasks.iter().collect();
            // Random times are drawn here, and then by the programs themselves once more.
            let drawn = h.cx.rng.clone();
            for (id, ns, start) in ids {
                let Some(app) = h.kernel.tasks.app_mut(id) else { continue };
                let drawn = Drawn { packets, flows: s.traffic.entries.len() as u64, cx: &mut h.cx };
                let Some((flow, app, last)) = job_app(app, start.unwrap_or(Time::ZERO), drawn, &options) else {
                    continue;
                };
                let waits = |load: &JobLoad| matches!(load, JobLoad::Closed(_) | JobLoad::Thinking(..));
                if matches!(&app, JobApp::Requests { load, .. } if waits(load)) || matches!(app, JobApp::Connect { .. })
                {
                    self.closed.push((host, id));
                }
                let start = start.unwrap_or(Time::ZERO);
                let last = last.map_or(start, |l| l.max(start));
                self.last = self.last.max(last);
                let ns = h.kernel.net(ns).name.clone();
                self.job.tasks.push(Task { host, ns, flow, start_ns: start.ps() / NS, app });
            }
            h.cx.rng = drawn;
        }
        self.seen.names = s.traffic.names().map(str::to_owned).collect();
        // Servers of all hosts stand ready before anyone asks; of one start time those started first go first.
        self.job.tasks.sort_by_key(|t| (t.start_ns, t.flow != 0));
    }

    /// Runs to the end: everything is sent, nothing is on its way, and no timer is due right after. Or to `end`.
    fn run(&mut self, world: &mut World, steps: &[steps::Step], end: Option<Time>) -> Result<Time, String> {
        let mut now = Time::ZERO;
        for step in steps.iter().filter(|s| end.is_none_or(|end| s.at < end)) {
            self.until(world, &mut now, step.at)?;
            self.step = Some(Vec::new());
            world.hosts[step.host].at(step.at, |k, cx| {
                for p in &step.asked {
                    // A request may take a device or its name away.
                    self.drain(step.host, k, cx);
                    let done = carry_out(k, cx, &p.ns, &p.act);
                    self.told(k, p, &done);
                }
                // As the oracles do: when linkwatch would come to it depends on all namespaces of a machine.
                linkwatch::sync_all(k, cx);
            });
            let asks = self.step.take().unwrap_or_default();
            self.job.steps.push(Step { at_ns: step.at.ps() / NS, asks });
        }
        if let Some(end) = end {
            self.until(world, &mut now, end)?;
            return Ok(now);
        }
        let last = self.last.max(now);
        self.until(world, &mut now, last)?;
        let limit = now + LINGER;
        let all_sent = |w: &World| self.closed.iter().all(|(h, t)| w.hosts[*h].kernel.tasks.is_done(*t));
        while now < limit && (!all_sent(world) || world.ledger().1 > 0) {
            let next = now + GLANCE.max(Span::from_ps(now.ps() / 64));
            self.until(world, &mut now, next)?;
        }
        // Never within a granule of a timer.
        loop {
            let seen = frames(world);
            let ended = now;
            let calm = CALM + granule(now.since(Time::ZERO));
            self.until(world, &mut now, ended + calm)?;
            if frames(world) == seen || now >= limit {
                self.job.calm_ns = calm.ps() / NS;
                return Ok(ended);
            }
        }
    }

    fn until(&self, world: &mut World, now: &mut Time, t: Time) -> Result<(), String> {
        if t > *now {
            world.run_until(t).map_err(|e| e.to_string())?;
            *now = t;
        }
        Ok(())
    }

    /// Takes over the frames captured since the last time, with the names that their devices have now.
    fn drain(&mut self, host: usize, k: &Kernel, cx: &mut Cx) {
        let captured = cx.obs.capture.replace(Vec::new()).unwrap_or_default();
        self.seen.shots.extend(captured.iter().map(|c| shot(host, k, c)));
    }

    fn finish(mut self, world: &mut World, end: Time, before: &space::Before) -> Simulated {
        self.job.end_ns = end.ps() / NS;
        let now = end + Span::from_ps(self.job.calm_ns * NS);
        let hosts = self.names.hosts.len();
        for (i, h) in world.hosts.iter_mut().take(hosts).enumerate() {
            self.drain(i, &h.kernel, &mut h.cx);
        }
        if world.ledger().1 > 0 && self.seen.shots.len() > STORM {
            self.seen.missing = Some(Missing::HostWideLimit("cores: frames go round for ever".to_owned()));
        }
        if world.hosts[hosts..].iter().any(|h| h.cx.obs.drops.iter().next().is_some()) {
            self.seen.missing = Some(Missing::DeviceType("external switch whose buffer is full".to_owned()));
        }
        self.seen.spaces = space::spaces(world, now, before);
        self.seen.spaces.retain(|s| s.host < hosts);
        self.seen.flows = flows(world, self.seen.names.len());
        for shot in &self.seen.shots {
            shot.note_port(&self.job.tasks, &mut self.seen.flows);
        }
        self.note_silent_ports(world);
        for (i, h) in world.hosts.iter().take(hosts).enumerate() {
            for (place, lost) in &h.cx.obs.drops {
                let (reason, at) = (place.reason.name().to_owned(), place.at.name().to_owned());
                let (ns, dev) = (lost.ns.clone(), lost.dev.clone());
                self.seen.drops.push(DropSeen { host: i, ns, reason, place: at, dev, count: lost.count });
            }
        }
        self.seen.travelled = travelled(&self.job, &self.seen);
        Simulated { job: self.job, seen: self.seen }
    }
}

impl Script<'_> {
    /// The ports of senders none of whose packets ever reached a device.
    fn note_silent_ports(&mut self, world: &World) {
        for h in &world.hosts {
            for app in h.kernel.tasks.apps() {
                let (flow, bound, socket) = match app {
                    App::UdpSend(u) => (u.flow, u.bind.1, u.socket()),
                    App::Requests(r) => (r.flow, r.bind.1, r.socket()),
                    _ => continue,
                };
                let Some(seen) = self.seen.flows.get_mut(flow as usize - 1).filter(|f| f.port == 0) else { continue };
                let socket = socket.and_then(|s| h.kernel.sockets.get(s));
                seen.port = socket.filter(|_| bound == 0).map_or(0, |s| s.port);
            }
        }
    }
}

/// Was a packet delivered after it had passed two devices, or thrown away in a namespace that nobody sends from?
fn travelled(job: &Job, seen: &Seen) -> bool {
    let mut first = BTreeMap::new();
    let far = seen.shots.iter().any(|s| {
        let at = (s.host, s.ns.as_str(), s.dev.as_str());
        s.packet().is_some_and(|packet| *first.entry(packet).or_insert(at) != at)
    });
    let sends = |host: usize, ns: &str| job.tasks.iter().any(|t| t.flow != 0 && (t.host, t.ns.as_str()) == (host, ns));
    far && seen.flows.iter().any(|f| f.received > 0) || seen.drops.iter().any(|d| !sends(d.host, &d.ns))
}

/// How late a timer of that length may ring, with 250 ticks a second (TIME-2, 3).
pub fn granule(t: Span) -> Span {
    let ms = t.ps() / (PS_PER_S / 1000);
    Span::from_ms(match ms {
        0..252 => 4,
        252..2_016 => 32,
        2_016..16_128 => 256,
        16_128..129_024 => 2_048,
        _ => 16_384,
    })
}

fn frames(world: &World) -> usize {
    world.hosts.iter().filter_map(|h| h.cx.obs.capture.as_ref()).map(Vec::len).sum()
}

fn shot(host: usize, k: &Kernel, c: &Captured) -> Shot {
    let path = k.path(c.dev);
    let dev = path.rsplit('/').next().unwrap_or_default().to_owned();
    let way = match c.pkt_type {
        PktType::Host | PktType::Loopback => 0,
        PktType::Broadcast => 1,
        PktType::Multicast => 2,
        PktType::OtherHost => 3,
        PktType::Outgoing => 4,
    };
    let tag = c.frame.payload.tag;
    let tag = (tag.flow != 0).then_some((tag.flow, tag.seq));
    let at_ns = i64::try_from(c.time.ps() / NS).unwrap_or(i64::MAX);
    let (ns, len) = (&k.net(c.ns).name, c.frame.len());
    if let Net::Raw(_) = c.frame.net {
        let mut bytes = Vec::new();
        encode(&c.frame, &mut bytes);
        return Shot::of(host, ns, &dev, way, at_ns, &whatever(&bytes, len), len, None);
    }
    Shot::of(host, ns, &dev, way, at_ns, &c.frame, len, tag)
}

fn flows(world: &World, count: usize) -> Vec<FlowSeen> {
    let mut all = vec![FlowSeen::default(); count];
    for (i, f) in all.iter_mut().enumerate() {
        for s in world.hosts.iter().filter_map(|h| h.cx.obs.flows.get(i)) {
            f.sent += s.sent;
            f.received += s.received;
            for (e, n) in &s.errors {
                *f.errors.entry(e.name().to_owned()).or_default() += n;
            }
        }
    }
    all
}

/// A request in the words of the tool.
fn shown(act: &Act) -> String {
    match act {
        Act::Rtnl(op) => iproute2::to_command(op),
        Act::NewNs(name) => format!("ip netns add {name}"),
        Act::DelNs(name) => format!("ip netns del {name}"),
    }
}

fn mac_of(k: &Kernel, ns: &str, dev: &str) -> Option<Mac> {
    let dev = k.dev_by_name(k.ns_by_name(ns)?, dev)?;
    k.devs.get(dev).map(|d| d.mac)
}

/// The same request with the addresses that the simulator gave where it says none: a real kernel would draw
/// them.
fn with_macs(k: &Kernel, ns: &str, name: &str, attrs: &LinkAttrs, config: &Config) -> RtnlOp {
    let (mut attrs, mut config) = (attrs.clone(), config.clone());
    // A bridge takes its own from its ports, a VLAN device that of the device below.
    if !matches!(config, Config::Bridge(_) | Config::Vlan(_)) && attrs.address.is_none() {
        attrs.address = mac_of(k, attrs.netns.as_deref().unwrap_or(ns), name);
    }
    if let Config::Veth(VethConfig { peer: Some(peer) }) = &mut config
        && peer.attrs.address.is_none()
        && let Some(name) = &peer.name
    {
        peer.attrs.address = mac_of(k, peer.netns.as_deref().unwrap_or(ns), name);
    }
    RtnlOp::NewLink { name: name.to_owned(), attrs, config }
}
