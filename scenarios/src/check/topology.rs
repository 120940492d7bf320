//! Devices and cables: names, ends of veths, ports, addresses of requests.

use super::Checker;
use crate::{
    diagnostic::Diagnostic,
    names::{DevRef, NoSuch, NsRef, bad_dev_name},
    read::{At, Entry},
    requests,
    spec::{Device, Namespace, PEER, Scenario, Wire},
};
use indexmap::{IndexMap, IndexSet};

pub(super) fn check(c: &mut Checker, s: &Scenario) {
    let (mut peers, mut known) = (Peers::default(), Known::default());
    for host in 0..c.names.hosts.len() {
        for ns in 0..c.names.hosts[host].nets.len() {
            let at = NsRef { host, ns };
            let Some(net) = c.names.net(at).net else { continue };
            for (dev, entry) in net.devices.entries.iter().enumerate() {
                device(c, at, DevRef { host, ns, dev }, entry, &mut peers);
            }
            ports(c, at, net);
            texts(c, net, &mut known);
        }
    }
    unclaimed(c, &peers);
    switches(c, s);
    wires(c, s);
}

fn switches(c: &mut Checker, s: &Scenario) {
    for (entry, switch) in s.switches.iter() {
        c.name(entry.place, "switch", &entry.name);
        if c.names.host(&entry.name).is_ok() {
            c.say(entry.place, format!("there is a host of the name `{}`, too", entry.name), "", None);
        }
        let switch = switch.get();
        let mut known = IndexSet::new();
        for port in switch.ports.iter().filter(|p| p.ok) {
            let name = crate::values::short(&port.value);
            if let Some(why) = bad_dev_name(&port.value).or((port.value == "lo").then_some("every box has one")) {
                c.say(port.place, format!("`{name}` can't be the name of a port: {why}"), "", None);
            } else if !known.insert(port.value.as_str()) {
                c.say(port.place, format!("port `{name}` is there twice"), "", None);
            }
        }
        if let Some(buffer) = switch.buffer.as_ref().filter(|b| b.ok && !(1..=1_000_000).contains(&b.value)) {
            let title = format!("a buffer of {} frames is out of range: 1 to 1000000", buffer.value);
            c.say(buffer.place, title, "", None);
        }
    }
}

/// Which veth has which peer.
#[derive(Default)]
struct Peers {
    /// Peer → its veth.
    of: IndexMap<DevRef, DevRef>,
}

fn device(c: &mut Checker, at: NsRef, me: DevRef, entry: &Entry<Device>, peers: &mut Peers) {
    if let Some(why) = bad_dev_name(&entry.name) {
        let name = crate::values::short(&entry.name);
        c.say(entry.place, format!("`{name}` can't be the name of a device: {why}"), "", None);
    }
    let Some(d) = &entry.value else { return };
    let is_lo = entry.name == "lo";
    if is_lo != (d.variant == "Loopback") {
        let (title, help) = if is_lo {
            ("`lo` is the loopback device that every namespace has", "lo: Loopback(…)")
        } else {
            ("the loopback device of a namespace is called `lo`", "for a device that leads nowhere, Dummy(…)")
        };
        c.say(entry.place, title, "", Some(help.to_owned()));
    }
    if let Err((place, why)) = d.config() {
        c.say(place, why, "", None);
    }
    if let Some(path) = &d.peer {
        veth(c, at, me, path, peers);
    }
    link(c, at, me, entry, d);
}

/// The device that another is made on: any of the host but itself.
fn link(c: &mut Checker, at: NsRef, me: DevRef, entry: &Entry<Device>, d: &Device) {
    let Some(path) = &d.link else { return };
    let Some(text) = path.get() else { return };
    match c.names.link(at, text) {
        Ok(found) if found == me => c.say(path.place, format!("`{}` can't be made on itself", entry.name), "", None),
        Ok(_) => {}
        Err(e) => c.no_such(path.place, &format!("link of `{}`: ", entry.name), e, "no such device"),
    }
}

/// A veth's other end has to be written as a `Peer`, and belong to no other.
fn veth(c: &mut Checker, at: NsRef, me: DevRef, path: &At<String>, peers: &mut Peers) {
    let Some(text) = path.get() else { return };
    let written = || format!("its other end is written as \"{}\": {PEER}(…)", text.rsplit('/').next().unwrap_or(text));
    let found = match c.names.dev_of_host(at.host, text) {
        Ok(found) => found,
        Err(mut e) => {
            e.help = e.help.or_else(|| Some(written()));
            let own = format!("peer of `{}`: ", c.names.dev_path(me));
            return c.no_such(path.place, &own, e, "no such device");
        }
    };
    let Some(other) = c.names.device(found) else { return };
    let (own, there) = (c.names.dev_path(me), c.names.dev_path(found));
    if other.variant != PEER {
        let title = format!("peer of `{own}`: `{there}` is a {}", other.variant);
        return c.say(path.place, title, &format!("expected a {PEER}"), Some(written()));
    }
    if let Some(first) = peers.of.get(&found) {
        let title = format!("`{there}` is the peer of `{}` already", c.names.dev_path(*first));
        return c.say(path.place, title, "a veth has two ends", None);
    }
    peers.of.insert(found, me);
}

/// A `Peer` that no veth names would never be made.
fn unclaimed(c: &mut Checker, peers: &Peers) {
    for host in 0..c.names.hosts.len() {
        let h = &c.names.hosts[host];
        // A veth that could not be read may be the one.
        let hidden = h.host.is_none_or(|h| h.namespaces.partial)
            || h.nets.iter().any(|n| {
                let veth = |d: &Device| d.variant == "Veth" && d.peer.as_ref().is_none_or(|p| !p.ok);
                n.devices.iter().any(|(_, d)| d.is_none_or(veth)) || n.net.is_some_and(|n| n.devices.partial)
            });
        if hidden {
            continue;
        }
        for (ns, net) in h.nets.iter().enumerate() {
            let Some(written) = net.net else { continue };
            for (dev, entry) in written.devices.entries.iter().enumerate() {
                let me = DevRef { host, ns, dev };
                let is_peer = entry.value.as_ref().is_some_and(|d| d.variant == PEER);
                if is_peer && !peers.of.contains_key(&me) && !refused_claim(c, me) {
                    let path = c.names.dev_path_in_host(me);
                    let title = format!("no veth of host `{}` has `{path}` as its peer", h.name);
                    c.say(entry.place, title, "", Some(format!("its other end is Veth(peer: \"{path}\")")));
                }
            }
        }
    }
}

/// A veth pointed at it and something else was wrong: one message is enough.
fn refused_claim(c: &Checker, me: DevRef) -> bool {
    let path = c.names.dev_path_in_host(me);
    let host = &c.names.hosts[me.host];
    host.nets.iter().flat_map(|n| &n.devices).any(|(_, d)| {
        let peer = d.and_then(|d| d.peer.as_ref()).and_then(At::get);
        peer.is_some_and(|p| p.ends_with(&path) && *p != path)
    })
}

/// Ports and masters are devices of the same namespace, and a port has one master.
fn ports(c: &mut Checker, at: NsRef, net: &Namespace) {
    let mut master_of: IndexMap<usize, &str> = IndexMap::new();
    for (entry, d) in net.devices.iter() {
        for port in d.ports.iter() {
            let Some(name) = port.get() else { continue };
            let found = match c.names.dev_in(at, name) {
                Ok(found) => found,
                Err(e) => {
                    // "`veht1` is not a device of …": whose port it should be stands between.
                    let kind = d.variant.to_lowercase();
                    let title = e.title.replacen('`', "port `", 1);
                    let title = title.replacen("` is", &format!("` of {kind} `{}` is", entry.name), 1);
                    c.no_such(port.place, "", NoSuch { title, ..e }, "no such device");
                    continue;
                }
            };
            if *name == entry.name {
                c.say(port.place, format!("`{name}` can't be a port of itself"), "", None);
            } else if let Some(first) = master_of.get(&found.dev) {
                let title = format!("`{name}` is a port of `{first}` already");
                c.say(port.place, title, "a device has one master", None);
            } else {
                master_of.insert(found.dev, &entry.name);
            }
        }
    }
    for (entry, d) in net.devices.iter() {
        let Some(master) = d.master.as_ref() else { continue };
        let Some(name) = master.get() else { continue };
        if let Err(e) = c.names.dev_in(at, name) {
            c.no_such(master.place, &format!("master of `{}`: ", entry.name), e, "no such device");
        } else if *name == entry.name {
            c.say(master.place, format!("`{name}` can't be a port of itself"), "", None);
        } else if let Some(own) = c.names.dev_in(at, &entry.name).ok().and_then(|d| master_of.get(&d.dev))
            && own != name
        {
            c.say(
                master.place,
                format!("`{}` is a port of `{own}` already", entry.name),
                "a device has one master",
                None,
            );
        }
    }
}

/// How a kind of line is read.
type ReadLine<'r> = dyn Fn(&At<String>) -> Result<Vec<requests::Request>, Diagnostic> + 'r;

/// What is written in iproute2's language has to be of that language.
fn texts(c: &mut Checker, net: &Namespace, known: &mut Known) {
    let source = c.source;
    let mut bad: Vec<Diagnostic> = Vec::new();
    let mut each = |lines: &[At<String>], read: &ReadLine| {
        bad.extend(lines.iter().filter(|l| known.is_new(l)).filter_map(|l| read(l).err()));
    };
    for (entry, d) in net.devices.iter() {
        each(&d.addresses, &|a| requests::address(source, a, &entry.name));
    }
    each(&net.routes, &|r| requests::route(source, r));
    each(&net.rules, &|r| requests::rule(source, r));
    each(&net.neighbours, &|n| requests::neighbour(source, n));
    each(&net.commands, &|l| requests::command(source, l));
    c.sink.append(&mut bad);
}

/// A line that a range repeats without a change is looked at once.
#[derive(Default)]
struct Known {
    last: IndexMap<u32, String>,
}

impl Known {
    fn is_new(&mut self, line: &At<String>) -> bool {
        if line.place.number().is_none() {
            return true;
        }
        match self.last.get_mut(&line.place.range.start) {
            Some(last) if *last == line.value => false,
            Some(last) => {
                last.clone_from(&line.value);
                true
            }
            None => self.last.insert(line.place.range.start, line.value.clone()).is_none(),
        }
    }
}

fn wires(c: &mut Checker, s: &Scenario) {
    let mut used: IndexMap<DevRef, String> = IndexMap::new();
    let mut plugged = IndexSet::new();
    for wire in s.wires.iter() {
        let Some(between) = wire.between.get() else { continue };
        if between.len() != 2 {
            // One that could not be read is reported already.
            let unread = between.iter().any(|e| !e.ok) || c.sink.iter().any(|d| d.is_within(wire.between.place.range));
            if !unread {
                let title = format!("a wire has two ends, not {}", between.len());
                c.say(
                    wire.between.place,
                    title,
                    "",
                    Some("more NICs meet in a switch: `switches: {\"sw1\": Switch(ports: […])}`".to_owned()),
                );
            }
            continue;
        }
        for end in between.iter() {
            match end.get().and_then(|path| c.names.port(path)) {
                Some(Ok(port)) if !plugged.insert(port) => {
                    c.say(end.place, format!("`{}` has a wire already", end.value), "a port has one cable", None);
                    continue;
                }
                Some(Ok(_)) => continue,
                Some(Err(e)) => {
                    c.no_such(end.place, "", e, "");
                    continue;
                }
                None => {}
            }
            wire_end(c, wire, end, &mut used);
        }
    }
}

fn wire_end(c: &mut Checker, wire: &Wire, end: &At<String>, used: &mut IndexMap<DevRef, String>) {
    let Some(found) = c.resolve(end, |names, path| names.dev(path)) else { return };
    let path = c.names.dev_path(found);
    if let Some(d) = c.names.device(found) {
        if d.variant != "Physical" {
            let title = format!("a wire can't end at `{path}`: it is a {}", d.variant);
            let help = "a cable goes into a Physical NIC; inside a host a Veth does the same".to_owned();
            return c.say(end.place, title, "expected a Physical", Some(help));
        }
        if let (Some(own), Some(rate)) = (d.settings.iter().find(|(w, _)| *w == "rate"), &wire.rate)
            && let (Some(own), Some(rate)) = (own.1.get(), rate.get())
            && own.parse() != Ok(rate.0)
        {
            let title = format!("`{path}` runs at {}, the wire at {}", own.0, rate.0);
            c.say(end.place, title, "", Some("leave out one of the two".to_owned()));
        }
    }
    if used.insert(found, path.clone()).is_some() {
        c.say(end.place, format!("`{path}` has a wire already"), "a NIC has one cable", None);
    }
}
