//! The requests that set up a host, in the order in which they are made.

use crate::{
    diagnostic::Diagnostic,
    iproute2::Op,
    names::{DevRef, Names, NetNames, NsRef},
    read::{At, Entry, Place},
    requests,
    source::Source,
    spec::{Device, PEER, Scenario},
    values::Word,
};
use indexmap::{IndexMap, IndexSet};
use sim_models::{
    drivers::{
        Config,
        veth::{Peer, VethConfig},
    },
    kernel::{RtnlOp, rtnl::LinkAttrs},
};
use std::sync::Arc;

/// The order of setup. Nothing of a phase is asked for before all of the earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Namespaces,
    /// Of all and default, and those of no device.
    Sysctls,
    Loopback,
    /// What the boot finds: NICs. Their cables are plugged in after it.
    Physical,
    Devices,
    Enslave,
    Addresses,
    Up,
    DeviceSysctls,
    Routes,
    Rules,
    Neighbours,
    Commands,
    /// The host's script.
    Script,
    /// A step of the timeline.
    Timeline,
}

/// The namespace of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    Number(u32),
    /// By `ip -n NAME`.
    Named(String),
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "requests are few and live shortly")]
pub enum Act {
    NewNs(String),
    DelNs(String),
    Rtnl(RtnlOp),
}

/// A request and where it is written.
#[derive(Clone, Debug)]
pub struct Placed {
    pub phase: Phase,
    pub ns: Target,
    /// The namespace that it is written in.
    pub at: NsRef,
    pub place: Place,
    /// The file that `place` lies in, if it is not the scenario.
    pub file: Option<Arc<Source>>,
    pub act: Act,
}

/// Takes requests of one namespace.
struct To<'o> {
    at: NsRef,
    phase: Phase,
    file: Option<Arc<Source>>,
    out: &'o mut dyn FnMut(Placed),
}

impl To<'_> {
    fn ask(&mut self, place: Place, op: RtnlOp) {
        self.act(place, Target::Number(self.at.ns as u32), Act::Rtnl(op));
    }
    fn act(&mut self, place: Place, ns: Target, act: Act) {
        (self.out)(Placed { phase: self.phase, ns, at: self.at, place, file: self.file.clone(), act });
    }
    fn set(&mut self, place: Place, name: &str, attrs: LinkAttrs) {
        self.ask(place, RtnlOp::SetLink { name: name.to_owned(), attrs });
    }
}

/// Calls `f` for each namespace of a host.
fn each<'s>(
    names: &Names<'s>,
    host: usize,
    phase: Phase,
    out: &mut dyn FnMut(Placed),
    mut f: impl FnMut(&mut To, &NetNames<'s>),
) {
    for (ns, net) in names.hosts[host].nets.iter().enumerate().filter(|(_, net)| !net.made) {
        let at = NsRef { host, ns };
        f(&mut To { at, phase, file: None, out: &mut *out }, net);
    }
}

/// Everything up to the NICs, after which cables are plugged in: namespaces; sysctls of no device; `lo` up; NICs.
pub fn before_cables(names: &Names, host: usize, s: &Scenario, out: &mut dyn FnMut(Placed)) {
    let written = names.hosts[host].host.map(|h| &h.namespaces.entries);
    let place_of: IndexMap<&str, Place> = written.into_iter().flatten().map(|e| (e.name.as_str(), e.place)).collect();
    let place = |name: &str| place_of.get(name).copied().unwrap_or_default();
    let at = NsRef { host, ns: 0 };
    for net in names.hosts[host].nets.iter().skip(1).filter(|net| !net.made) {
        let act = Act::NewNs(net.name.to_owned());
        out(Placed { phase: Phase::Namespaces, ns: Target::Number(0), at, place: place(net.name), file: None, act });
    }
    each(names, host, Phase::Sysctls, out, |to, net| {
        for (entry, value) in net.net.iter().flat_map(|n| n.sysctls.iter()).filter(|(e, _)| !is_of_device(&e.name)) {
            to.ask(entry.place, sysctl(&entry.name, value));
        }
    });
    each(names, host, Phase::Loopback, out, |to, net| {
        let lo = net.net.and_then(|n| n.devices.entries.iter().find(|e| e.name == "lo"));
        if lo.and_then(|e| e.value.as_ref()).is_none_or(Device::is_up) {
            to.set(lo.map_or_else(|| place(net.name), |e| e.place), "lo", up());
        }
    });
    let rates = wire_rates(names, s);
    each(names, host, Phase::Physical, out, |to, net| {
        for (dev, (entry, d)) in net.net.iter().flat_map(|n| n.devices.entries.iter()).map(with_value).enumerate() {
            let Some(d) = d.filter(|d| d.variant == "Physical") else { continue };
            let Ok(Some(mut config)) = d.config() else { continue };
            let me = DevRef { host, ns: to.at.ns, dev };
            if let Some(rate) = rates.get(&me)
                && !d.settings.iter().any(|(word, _)| *word == "rate")
            {
                // A rate was read from the file: the driver knows it by the same words.
                let _ = config.set("rate", rate);
            }
            to.ask(entry.place, RtnlOp::NewLink { name: entry.name.clone(), attrs: first_attrs(d), config });
        }
    });
}

/// A rate said of a wire is its NICs'.
fn wire_rates(names: &Names, s: &Scenario) -> IndexMap<DevRef, String> {
    let wires = s.wires.iter().filter_map(|w| w.rate.as_ref().map(|r| (w, format!("{:#}", r.value.0))));
    wires
        .flat_map(|(w, rate)| w.between.iter().filter_map(|p| names.dev(p).ok()).map(move |d| (d, rate.clone())))
        .collect()
}

/// The rest: devices in the order of the file; ports; addresses; up; sysctls of devices; routes; rules; neighbours; commands.
///
/// # Errors
/// What is not of iproute2's language.
pub fn with_cables(
    source: &Arc<Source>,
    names: &Names,
    host: usize,
    out: &mut dyn FnMut(Placed),
) -> Result<(), Vec<Diagnostic>> {
    let mut bad = Vec::new();
    devices(names, host, out);
    each(names, host, Phase::Enslave, out, enslave);
    each(names, host, Phase::Addresses, out, |to, net| {
        for (entry, d) in net.net.iter().flat_map(|n| n.devices.iter()) {
            for a in d.addresses.iter() {
                match requests::address(source, a, &entry.name) {
                    Ok(list) => send(to, a.place, list),
                    Err(d) => bad.push(d),
                }
            }
        }
    });
    each(names, host, Phase::Up, out, |to, net| {
        for (entry, d) in net.net.iter().flat_map(|n| n.devices.iter()).filter(|(e, _)| e.name != "lo") {
            let attrs = last_attrs(d);
            if attrs != LinkAttrs::default() {
                to.set(entry.place, &entry.name, attrs);
            }
        }
    });
    each(names, host, Phase::DeviceSysctls, out, device_sysctls);
    let mut lines = |phase, pick: fn(&crate::spec::Namespace) -> &[At<String>], read: Reader| {
        each(names, host, phase, out, |to, net| {
            for line in net.net.into_iter().flat_map(pick) {
                match read(source, line) {
                    Ok(list) => send(to, line.place, list),
                    Err(d) => bad.push(d),
                }
            }
        });
    };
    lines(Phase::Routes, |n| &n.routes, requests::route);
    lines(Phase::Rules, |n| &n.rules, requests::rule);
    lines(Phase::Neighbours, |n| &n.neighbours, requests::neighbour);
    lines(Phase::Commands, |n| &n.commands, requests::command);
    script(names, host, out);
    if bad.is_empty() { Ok(()) } else { Err(bad) }
}

/// Devices in the order of the file; one that is made on another waits until that one is there. It is asked for where the
/// other one is, from where it may go to a namespace of its own.
fn devices(names: &Names, host: usize, out: &mut dyn FnMut(Placed)) {
    let mut waiting: Vec<(NsRef, &Entry<Device>, &Device)> = Vec::new();
    for (ns, net) in names.hosts[host].nets.iter().enumerate().filter(|(_, net)| !net.made) {
        let at = NsRef { host, ns };
        waiting.extend(net.net.iter().flat_map(|n| n.devices.iter()).map(|(entry, d)| (at, entry, d)));
    }
    // What is not waited for is there, or never will be.
    let mut missing: IndexSet<(usize, &str)> = waiting.iter().map(|(at, e, _)| (at.ns, e.name.as_str())).collect();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut later = Vec::new();
        for (at, entry, d) in std::mem::take(&mut waiting) {
            let link = d.link.as_ref().and_then(|l| names.link(at, l).ok());
            let name_of = |l: DevRef| names.hosts[host].nets[l.ns].devices[l.dev].0;
            if link.is_some_and(|l| missing.contains(&(l.ns, name_of(l)))) {
                later.push((at, entry, d));
                continue;
            }
            missing.swap_remove(&(at.ns, entry.name.as_str()));
            let Some(config) = virtual_config(names, at, d) else { continue };
            let mut attrs = first_attrs(d);
            let ns = link.map_or(at.ns, |l| l.ns);
            attrs.link = link.map(|l| name_of(l).into());
            attrs.netns = (ns != at.ns).then(|| names.net(at).name.to_owned());
            let op = RtnlOp::NewLink { name: entry.name.clone(), attrs, config };
            let mut to = To { at, phase: Phase::Devices, file: None, out: &mut *out };
            to.act(entry.place, Target::Number(ns as u32), Act::Rtnl(op));
        }
        if later.len() == before {
            // Each waits for another: the kernel will say that there is no such device.
            missing.clear();
        }
        waiting = later;
    }
}

/// The host's script, in `root`.
fn script(names: &Names, host: usize, out: &mut dyn FnMut(Placed)) {
    let Some(script) = names.hosts[host].host.map(|h| &h.read_script) else { return };
    let at = NsRef { host, ns: 0 };
    let mut to = To { at, phase: Phase::Script, file: script.file.clone(), out };
    for line in &script.lines {
        send(&mut to, line.place, line.requests.clone());
    }
}

type Reader = fn(&Arc<Source>, &At<String>) -> Result<Vec<requests::Request>, Diagnostic>;

/// A step of the timeline as requests.
///
/// # Errors
/// It is not of iproute2's language.
pub(crate) fn step(
    source: &Arc<Source>,
    names: &Names,
    at: NsRef,
    run: &At<String>,
) -> Result<Vec<Placed>, Diagnostic> {
    let mut list = Vec::new();
    let mut out = |p| list.push(p);
    let mut to = To { at, phase: Phase::Timeline, file: None, out: &mut out };
    send(&mut to, run.place, requests::command(source, run)?);
    let net = names.net(at);
    if net.made {
        // Its number is the kernel's choice.
        list.iter_mut()
            .filter(|p| matches!(p.ns, Target::Number(_)))
            .for_each(|p| p.ns = Target::Named(net.name.to_owned()));
    }
    Ok(list)
}

fn send(to: &mut To, place: Place, list: Vec<requests::Request>) {
    for r in list {
        let ns = r.ns.map_or(Target::Number(to.at.ns as u32), Target::Named);
        let act = match r.op {
            Op::Rtnl(op) => Act::Rtnl(op),
            Op::NewNs(name) => Act::NewNs(name),
            Op::DelNs(name) => Act::DelNs(name),
        };
        to.act(place, ns, act);
    }
}

fn with_value(e: &Entry<Device>) -> (&Entry<Device>, Option<&Device>) {
    (e, e.value.as_ref())
}

fn up() -> LinkAttrs {
    LinkAttrs { up: Some(true), ..LinkAttrs::default() }
}

fn sysctl(key: &str, value: &At<Word>) -> RtnlOp {
    RtnlOp::Sysctl { key: key.to_owned(), value: value.value.0.clone() }
}

/// "net.ipv4.conf.eth0.rp_filter": it can only be set when the device is there.
fn is_of_device(key: &str) -> bool {
    let key = key.replace('/', ".");
    let of = |tree: &str| key.strip_prefix(tree).map(|rest| !rest.starts_with("all.") && !rest.starts_with("default."));
    of("net.ipv4.conf.").or_else(|| of("net.ipv4.neigh.")).unwrap_or(false)
}

/// What `ip link add` is told of the device itself.
fn first_attrs(d: &Device) -> LinkAttrs {
    LinkAttrs {
        address: d.mac.as_ref().map(|m| m.value.0),
        mtu: d.mtu.as_ref().map(|m| m.value),
        txqueuelen: d.txqueuelen.as_ref().map(|q| q.value),
        ..LinkAttrs::default()
    }
}

/// What `ip link set` is told at last: flags, and up.
fn last_attrs(d: &Device) -> LinkAttrs {
    let flag = |f: &Option<At<bool>>| f.as_ref().map(|f| f.value);
    LinkAttrs {
        up: d.is_up().then_some(true),
        arp: flag(&d.arp),
        promisc: flag(&d.promisc),
        allmulticast: flag(&d.allmulticast),
        ..LinkAttrs::default()
    }
}

/// What `ip link add` makes: `None` for what is there anyway, or comes with another.
fn virtual_config(names: &Names, at: NsRef, d: &Device) -> Option<Config> {
    if d.variant == PEER {
        return None;
    }
    let config = d.config().ok()??;
    let Some(path) = &d.peer else { return config.is_virtual().then_some(config) };
    let found = names.dev_of_host(at.host, path).ok()?;
    let net = names.net(NsRef { host: found.host, ns: found.ns });
    let attrs = names.device(found).map(first_attrs).unwrap_or_default();
    let (name, netns) = (Some(net.devices[found.dev].0.to_owned()), Some(net.name.to_owned()));
    Some(Config::Veth(VethConfig { peer: Some(Box::new(Peer { name, netns, attrs })) }))
}

fn enslave(to: &mut To, net: &NetNames) {
    let master = |name: &str| LinkAttrs { master: Some(Some(name.to_owned())), ..LinkAttrs::default() };
    let devices = || net.net.iter().flat_map(|n| n.devices.iter());
    for (entry, d) in devices() {
        for port in d.ports.iter() {
            to.set(port.place, port, master(&entry.name));
        }
    }
    let ports: IndexSet<&str> = devices().flat_map(|(_, d)| d.ports.iter().map(|p| p.value.as_str())).collect();
    for (entry, d) in devices() {
        if let Some(m) = &d.master
            && !ports.contains(entry.name.as_str())
        {
            to.set(m.place, &entry.name, master(m));
        }
        for (word, value) in d.bridge_slave.iter() {
            let slave_args = vec![(word.name.clone(), value.value.0.clone())];
            to.set(word.place, &entry.name, LinkAttrs { slave_args, ..LinkAttrs::default() });
        }
    }
}

fn device_sysctls(to: &mut To, net: &NetNames) {
    let Some(net) = net.net else { return };
    for (entry, value) in net.sysctls.iter().filter(|(e, _)| is_of_device(&e.name)) {
        to.ask(entry.place, sysctl(&entry.name, value));
    }
    for (device, d) in net.devices.iter() {
        for (entry, value) in d.sysctls.iter() {
            // Slashes, since a device's name may hold dots.
            let key = match entry.name.contains(['.', '/']) {
                true => entry.name.clone(),
                false => format!("net/ipv4/conf/{}/{}", device.name, entry.name),
            };
            to.ask(entry.place, sysctl(&key, value));
        }
    }
}
