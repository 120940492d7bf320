//! From a scenario to a world: an ordered list of requests, each with its place in the file, and the one door that
//! takes them or refuses.

mod setup;

use crate::{
    diagnostic::{Diagnostic, arrange},
    iproute2,
    names::{DevRef, Names, PortRef},
    read::{At, Place},
    source::Source,
    spec::Scenario,
    values::Text,
};
use indexmap::IndexSet;
use sim_core::time::{Span, Time};
use sim_models::{
    cost::Costs,
    drivers::phy::PhyConfig,
    kernel::{Cx, Kernel, NsId, RtnlOp, linkwatch},
    switch::Settings,
    world::{End, World},
};
use std::sync::Arc;

pub(crate) use setup::step;
pub use setup::{Act, Phase, Placed, Target, before_cables, with_cables};

/// At most so many refusals of one host are reported.
const MAX_REFUSALS: usize = 50;

/// A world that stands, and where each request that made it is written.
pub struct Built {
    pub world: World,
    pub places: Places,
}

/// By host and number of the request.
#[derive(Debug)]
pub struct Places {
    source: Arc<Source>,
    of_host: Vec<Vec<(Place, Option<Arc<Source>>)>>,
}

impl Places {
    /// "outside.ron:31", the line that made a table's entry; `None` if the kernel itself did.
    pub fn line(&self, host: usize, origin: u32) -> Option<String> {
        let (place, file) = self.of_host.get(host)?.get(origin as usize)?;
        Some(Self::line_in(file.as_ref().unwrap_or(&self.source), *place))
    }

    /// "outside.ron:31", the line of a place of the scenario.
    pub fn line_at(&self, place: Place) -> String {
        Self::line_in(&self.source, place)
    }

    fn line_in(source: &Arc<Source>, place: Place) -> String {
        let (file, range) = source.original(place.range);
        let name = file.path.rsplit('/').next().unwrap_or(&file.path);
        format!("{name}:{}", file.line_column(range.start).0)
    }

    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Number of the next request of `host`.
    pub fn add(&mut self, host: usize, p: &Placed) -> u32 {
        let list = &mut self.of_host[host];
        list.push((p.place, p.file.clone()));
        list.len() as u32 - 1
    }
}

/// Builds the world at time 0: everything set up, carriers up, link states settled.
///
/// # Errors
/// What a kernel refuses, with its own words, and the line that asked for it.
pub fn build(source: &Arc<Source>, s: &Scenario, costs: Costs, seed: u64) -> Result<Built, Vec<Diagnostic>> {
    build_in(World::new(costs, seed), source, s)
}

/// The same in a world that is empty yet.
///
/// # Errors
/// As [`build`].
pub fn build_in(world: World, source: &Arc<Source>, s: &Scenario) -> Result<Built, Vec<Diagnostic>> {
    build_all(world, source, s, None)
}

/// Is told of each request to a kernel, when it was carried out or refused.
pub type Told<'t> = &'t mut dyn FnMut(&Kernel, &Placed, &Result<(), String>);

/// The same, but a refusal is only told: as on a real machine, the next command is tried nevertheless.
///
/// # Errors
/// Lines that are not of iproute2's language.
pub fn build_telling(
    source: &Arc<Source>,
    s: &Scenario,
    costs: Costs,
    seed: u64,
    told: Told,
) -> Result<Built, Vec<Diagnostic>> {
    build_all(World::new(costs, seed), source, s, Some(told))
}

fn build_all(
    mut world: World,
    source: &Arc<Source>,
    s: &Scenario,
    mut told: Option<Told>,
) -> Result<Built, Vec<Diagnostic>> {
    let names = Names::new(s);
    let mut sink = Vec::new();
    let of_host = names.hosts.iter().map(|_| Vec::new()).collect();
    let mut places = Places { source: Arc::clone(source), of_host };
    for h in &names.hosts {
        let cores = h.host.and_then(|h| h.cores.as_ref()).map_or(1, |c| c.value);
        let hz = h.host.and_then(|h| h.hz.as_ref()).map_or(250, |h| h.value);
        world.add_host(h.name, cores, hz);
    }
    switches(&names, s, &mut world, source, &mut sink);
    let mut doors: Vec<Door> = names.hosts.iter().map(|_| Door::default()).collect();
    for (host, door) in doors.iter_mut().enumerate() {
        let ask: Asker = &mut |out| before_cables(&names, host, s, out);
        apply(&names, &mut world, host, &mut places, (&mut *door, &mut told), ask);
    }
    if doors.iter().all(|d| d.refused.is_empty()) {
        cables(&names, s, &mut world, source, &mut sink);
    }
    for (host, door) in doors.iter_mut().enumerate() {
        let ask: Asker = &mut |out| {
            sink.extend(with_cables(source, &names, host, out).err().into_iter().flatten());
        };
        apply(&names, &mut world, host, &mut places, (&mut *door, &mut told), ask);
        world.hosts[host].at(Time::ZERO, linkwatch::settle);
        sink.append(&mut door.diagnostics);
    }
    world.fit();
    places.of_host.iter_mut().for_each(Vec::shrink_to_fit);
    if sink.is_empty() {
        return Ok(Built { world, places });
    }
    arrange(&mut sink);
    Err(sink)
}

/// What a host's door has refused so far: what depends on it is not asked for.
#[derive(Default)]
struct Door {
    /// Namespaces where something was refused, and in which phase.
    refused: Vec<(Target, Phase)>,
    /// Devices that could not be made.
    missing: IndexSet<(Target, String)>,
    diagnostics: Vec<Diagnostic>,
}

impl Door {
    /// Would this request fail only because an earlier one did?
    fn follows(&self, p: &Placed) -> bool {
        if self.diagnostics.len() >= MAX_REFUSALS
            || self.refused.iter().any(|(ns, phase)| *ns == p.ns && *phase < p.phase)
        {
            return true;
        }
        let dev = match &p.act {
            Act::Rtnl(RtnlOp::SetLink { name, .. }) => name,
            Act::Rtnl(RtnlOp::NewAddr { dev, .. } | RtnlOp::NewNeigh { dev, .. } | RtnlOp::Proxy { dev, .. }) => dev,
            _ => return false,
        };
        !self.missing.is_empty() && self.missing.contains(&(p.ns.clone(), dev.clone()))
    }

    fn refuse(&mut self, p: &Placed, d: Diagnostic) {
        self.diagnostics.push(d);
        self.refused.push((p.ns.clone(), p.phase));
        if let Act::Rtnl(RtnlOp::NewLink { name, .. }) = &p.act {
            self.missing.insert((p.ns.clone(), name.clone()));
        }
    }
}

/// Calls what it is given with one request after the other.
type Asker<'a> = &'a mut dyn FnMut(&mut dyn FnMut(Placed));

/// Carries out what `ask` asks for, one request after the other.
fn apply(
    names: &Names,
    world: &mut World,
    host: usize,
    places: &mut Places,
    (door, told): (&mut Door, &mut Option<Told>),
    ask: Asker,
) {
    world.hosts[host].at(Time::ZERO, |k, cx| {
        ask(&mut |p| {
            if door.follows(&p) {
                return;
            }
            cx.origin = places.add(host, &p);
            let done = carry_out(k, cx, &p.ns, &p.act);
            if let Some(told) = told {
                told(k, &p, &done);
            } else if let Err(why) = done {
                door.refuse(&p, refusal(&places.source, names, &p, &why));
            }
        });
    });
}

/// One request to a kernel.
///
/// # Errors
/// Its words, or `ip`'s if it does not get that far.
pub fn carry_out(k: &mut Kernel, cx: &mut Cx, ns: &Target, act: &Act) -> Result<(), String> {
    let ns = match ns {
        Target::Number(n) => NsId(*n),
        Target::Named(name) => k
            .ns_by_name(name)
            .ok_or_else(|| format!("Cannot open network namespace \"{name}\": No such file or directory"))?,
    };
    match act {
        Act::Rtnl(op) => k.rtnl(cx, ns, op).map_err(|e| e.to_string()),
        Act::NewNs(name) if k.ns_by_name(name).is_some() => {
            Err(format!("Cannot create namespace file \"/run/netns/{name}\": File exists"))
        }
        Act::NewNs(name) => {
            k.new_ns(cx, name);
            Ok(())
        }
        Act::DelNs(name) if k.del_ns(cx, name) => Ok(()),
        Act::DelNs(name) => {
            Err(format!("Cannot remove namespace file \"/run/netns/{name}\": No such file or directory"))
        }
    }
}

/// A request as a command line.
pub(crate) fn asked(act: &Act) -> String {
    match act {
        Act::Rtnl(op) => iproute2::to_command(op),
        Act::NewNs(name) => format!("ip netns add {name}"),
        Act::DelNs(name) => format!("ip netns del {name}"),
    }
}

/// What a kernel did not want.
pub(crate) fn refusal(source: &Arc<Source>, names: &Names, p: &Placed, why: &str) -> Diagnostic {
    let why = why.strip_prefix("Error: ").unwrap_or(why);
    let why = why.strip_prefix("RTNETLINK answers: ").unwrap_or(why).trim_end_matches('.');
    let asked = asked(&p.act);
    let source = p.file.as_ref().unwrap_or(source);
    let d = Diagnostic::new(source, p.place.range, format!("the kernel refuses: {why}"));
    d.help(format!("asked in {}: {asked}", names.path(p.at))).number(p.place.number())
}

/// Plugs in every wire; a scenario that was checked has only good ones.
fn cables(names: &Names, s: &Scenario, world: &mut World, source: &Arc<Source>, sink: &mut Vec<Diagnostic>) {
    for wire in s.wires.iter() {
        let ends: Vec<Option<End>> = wire.between.iter().map(|p| end(names, world, p)).collect();
        match ends[..] {
            [Some(a), Some(b)] => world.wire(a, b, wire.delay.value.0),
            _ => sink.push(Diagnostic::new(source, wire.between.place.range, "this wire has no two NICs")),
        }
    }
}

/// The external switches, after all hosts.
fn switches(names: &Names, s: &Scenario, world: &mut World, source: &Arc<Source>, sink: &mut Vec<Diagnostic>) {
    for (i, (entry, switch)) in s.switches.iter().enumerate() {
        let (switch, usual) = (switch.get(), Settings::default());
        let span = |of: &Option<At<Text<Span>>>, usual| of.as_ref().map_or(usual, |s| s.value.0);
        let settings = Settings {
            latency: span(&switch.latency, usual.latency),
            ageing: span(&switch.ageing, usual.ageing),
            buffer: switch.buffer.as_ref().map_or(usual.buffer, |b| b.value as usize),
        };
        let number = world.add_switch(&entry.name, settings);
        for (n, port) in switch.ports.iter().enumerate() {
            let at = PortRef { switch: i, port: n };
            let here = |path: &At<String>| matches!(names.port(path), Some(Ok(p)) if p == at);
            let wire = s.wires.iter().find(|w| w.between.iter().any(here));
            let rate = wire.and_then(|w| w.rate.as_ref()).or(switch.rate.as_ref());
            let rate = rate.map_or_else(|| PhyConfig::default().rate, |r| r.value.0);
            if let Err(e) = world.add_port(number, port, rate) {
                sink.push(Diagnostic::new(source, port.place.range, e.to_string()));
            }
        }
    }
}

/// The device that a cable's end names, HOST/NS/DEV or SWITCH/PORT.
pub(crate) fn end(names: &Names, world: &World, path: &str) -> Option<End> {
    if let Some(port) = names.port(path) {
        let PortRef { switch, port } = port.ok()?;
        let host = names.hosts.len() + switch;
        let dev = world.hosts[host].kernel.dev_by_name(NsId::ROOT, names.switches[switch].1[port])?;
        return Some(End { host, dev });
    }
    let DevRef { host, ns, .. } = names.dev(path).ok()?;
    let name = path.rsplit('/').next()?;
    let dev = world.hosts[host].kernel.dev_by_name(NsId(ns as u32), name)?;
    Some(End { host, dev })
}
