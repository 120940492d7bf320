//! Flows: ends that exist, addresses that someone has, loads that make sense.

use super::Checker;
use crate::{
    diagnostic::{Diagnostic, did_you_mean},
    names::NsRef,
    read::{At, Entry, Place},
    spec::{Arrivals, Requests, Scenario, Server, Traffic},
    values::Text,
};
use indexmap::{IndexMap, IndexSet};
use sim_core::units::Bytes;
use sim_models::packet::Ip4Addr;

/// Most payload of a datagram: 65,535 less the headers of IP and UDP, or of IP and ICMP.
const MAX_PAYLOAD: u64 = 65_507;
/// Packets of a flow are numbered in 32 bits.
const MAX_COUNT: u64 = u32::MAX as u64;

pub(super) fn check(c: &mut Checker, s: &Scenario) {
    let held = held(c, s);
    let mut servers: IndexMap<(NsRef, u16), (&str, Server)> = IndexMap::new();
    for (entry, t) in s.traffic.iter() {
        if entry.name.is_empty() || entry.name.contains(['.', '/']) {
            let title = format!("`{}` can't be the name of a flow: it is empty or contains `.` or `/`", entry.name);
            c.say(entry.place, title, "", None);
        }
        let from = c.resolve(t.from(), |names, path| names.ns(path));
        let to: Vec<NsRef> = t.to().into_iter().filter_map(|to| c.resolve(to, |names, path| names.ns(path))).collect();
        c.within(t.count(), 1..=MAX_COUNT, "the count of packets");
        size(c, t.size());
        destination(c, entry, t, &to, &held);
        load(c, t);
        arrivals(c, t);
        kind(c, entry, t, &held);
        socket(c, t, from, &held);
        for (at, port, server) in t.servers() {
            if let Ok(at) = c.names.ns(at) {
                share(c, entry, server, (at, port), &mut servers);
            }
        }
    }
    timeline(c, s);
}

/// Every address that a device has from the start, or that a command speaks of.
struct Held {
    addresses: IndexSet<u32>,
    /// All commands, to look for an address that is added later.
    commands: String,
}

fn held(c: &Checker, s: &Scenario) -> Held {
    let mut held = Held { addresses: IndexSet::new(), commands: String::new() };
    for (_, net) in c.names.all() {
        let Some(net) = net.net else { continue };
        for (_, d) in net.devices.iter() {
            for a in d.addresses.iter() {
                held.addresses.extend(first_address(a));
                held.addresses.extend(last_address(a));
            }
        }
        net.commands.iter().for_each(|l| held.say(l));
    }
    s.hosts.iter().for_each(|(_, h)| held.say(&h.read_script.text));
    s.timeline.iter().for_each(|step| held.say(&step.run));
    held
}

impl Held {
    fn say(&mut self, line: &str) {
        self.commands.push_str(line);
        self.commands.push('\n');
    }
    fn has(&self, address: u32) -> bool {
        // Broadcast, multicast and loopback addresses are for whoever hears them.
        let special = address >> 28 >= 0xe || address >> 24 == 127 || address == 0;
        special || self.addresses.contains(&address) || self.commands.contains(&Ip4Addr(address).to_string())
    }
}

/// The address of "10.0.0.1/24 brd +".
pub(super) fn first_address(text: &str) -> Option<u32> {
    let word = text.split_whitespace().find(|w| *w != "local")?;
    word.split('/').next()?.parse::<Ip4Addr>().ok().map(|a| a.0)
}

/// The broadcast address of its network.
fn last_address(text: &str) -> Option<u32> {
    let word = text.split_whitespace().find(|w| *w != "local")?;
    let bits: u32 = word.split_once('/')?.1.parse().ok().filter(|bits| *bits <= 32)?;
    Some(first_address(text)? | u32::MAX.checked_shr(bits).unwrap_or(0))
}

fn size(c: &mut Checker, size: Option<&At<Text<Bytes>>>) {
    if let Some(size) = size.filter(|s| s.ok && s.value.0.0 > MAX_PAYLOAD) {
        let title = format!("a datagram holds at most {MAX_PAYLOAD} bytes, not {}", size.value.0.0);
        c.say(size.place, title, "", None);
    }
}

/// Somebody should have the address, if somebody is to receive there.
fn destination(c: &mut Checker, entry: &Entry<Traffic>, t: &Traffic, to: &[NsRef], held: &Held) {
    if let Traffic::Ping(p) = t
        && p.address.is_none()
    {
        match (&p.to, to.first()) {
            (None, _) => {
                let help = "`to` names a namespace, `address` an address".to_owned();
                c.say(entry.place, format!("`{}` pings nobody", entry.name), "expected `to` or `address`", Some(help));
            }
            (Some(path), Some(at)) if c.names.first_address(*at).is_none() => {
                let title = format!("`{}` has no address to ping", c.names.path(*at));
                c.say(path.place, title, "", Some("write `address`".to_owned()));
            }
            _ => {}
        }
    }
    if let (Some((address, place)), Some(to)) = (t.address(), to.first())
        && !matches!(t, Traffic::Broadcast(_) | Traffic::TcpConnect(_))
        && !held.has(address)
    {
        let title = format!("no namespace has the address {}", Ip4Addr(address));
        let known = c.names.first_address(*to).map(|(a, _)| format!("`{}` has {}", c.names.path(*to), Ip4Addr(a)));
        let help = known.unwrap_or_else(|| "if that is meant, leave out `to`".to_owned());
        c.say(place, title, "", Some(help));
    }
}

/// What is special about each kind.
fn kind(c: &mut Checker, entry: &Entry<Traffic>, t: &Traffic, held: &Held) {
    match t {
        Traffic::Udp(u) => {
            for r in u.through.iter() {
                c.resolve(&r.at, |names, path| names.ns(path));
                if let Some(to) = r.address.get().filter(|a| !held.has(a.address)) {
                    let title = format!("no namespace has the address {}", Ip4Addr(to.address));
                    c.say(r.address.place, title, "", None);
                }
            }
            if let (Some(service), None) = (&u.service, &u.to) {
                c.say(service.place, "there is no receiver that could work", "expected `to`", None);
            }
        }
        Traffic::Requests(r) => {
            if let (Some(service), None) = (&r.service, &r.to) {
                c.say(service.place, "there is no server that could work", "expected `to`", None);
            }
        }
        Traffic::Broadcast(b) => {
            let first: IndexSet<&str> = b.to.iter().map(|to| to.value.as_str()).collect();
            if b.to.ok && b.to.is_empty() {
                c.say(b.to.place, format!("`{}` has no receiver", entry.name), "", Some("`to` lists them".to_owned()));
            } else if first.len() < b.to.len() {
                c.say(b.to.place, "a receiver is there twice", "", None);
            }
        }
        Traffic::Replay(r) => {
            let Some(file) = &r.read.file else { return };
            for (dst, line) in r.read.named.iter().filter(|_| !r.to.is_empty()) {
                if !held.has(*dst) {
                    let title = format!("no namespace has the address {}", Ip4Addr(*dst));
                    c.sink.push(Diagnostic::new(file, *line, title));
                }
            }
        }
        Traffic::TcpConnect(t) => {
            if let Some(to) = &t.to {
                let help = "leave out `to`: whoever has the address answers with a RST";
                c.say(to.place, "a listening TCP socket is not supported yet", "", Some(help.to_owned()));
            }
        }
        Traffic::Frames(f) => {
            if f.frames.ok && f.frames.value.is_empty() {
                c.say(f.frames.place, format!("`{}` has no frame", entry.name), "", None);
            }
        }
        Traffic::Ping(_) => {}
    }
}

fn load(c: &mut Checker, t: &Traffic) {
    let every = match t {
        Traffic::Ping(p) => p.interval.as_ref(),
        Traffic::TcpConnect(t) => t.interval.as_ref(),
        Traffic::Frames(f) => f.interval.as_ref(),
        _ => None,
    };
    if let Some(i) = every.filter(|i| i.ok && i.value.0.ps() == 0) {
        c.say(i.place, "an interval of 0 leaves no time between packets", "", None);
    }
    if let Some(port) = t.source_port().filter(|p| p.ok && p.value == 0) {
        c.say(port.place, "port 0 leaves the choice to the kernel: leave it out", "", None);
    }
    if let Some(ttl) = t.ttl().filter(|t| t.ok && t.value == 0) {
        c.say(ttl.place, "a packet with TTL 0 is never sent", "", None);
    }
    if let Traffic::Requests(r) = t {
        requests(c, r);
    }
}

/// An open or a closed loop.
fn requests(c: &mut Checker, r: &Requests) {
    size(c, r.reply.as_ref());
    match (&r.rate, &r.concurrency) {
        (Some(rate), Some(_)) => {
            let title = "requests have a rate or a concurrency, not both";
            let help = "with a rate they are sent at their times, with a concurrency when an answer came";
            c.say(rate.place, title, "", Some(help.to_owned()));
        }
        (None, None) => c.say(r.count.place, "requests need a `rate` or a `concurrency`", "", None),
        (None, Some(n)) => {
            if n.ok && !(1..=10_000).contains(&n.value) {
                c.say(n.place, format!("concurrency {} is out of range: 1 to 10000", n.value), "", None);
            }
            if let Some(a) = &r.arrivals {
                c.say(a.place, "`arrivals` go with a `rate`", "answers decide when the next is sent", None);
            }
        }
        (Some(_), None) => {
            if let Some(think) = &r.think {
                c.say(think.place, "`think` goes with a `concurrency`", "nobody waits for an answer here", None);
            }
        }
    }
}

fn arrivals(c: &mut Checker, t: &Traffic) {
    if let Some(Arrivals::OnOff(o)) = t.arrivals().and_then(At::get)
        && o.on.get().is_some_and(|on| on.mean().ps() == 0)
    {
        c.say(o.on.place, "bursts of length 0 hold no packet", "", None);
    }
}

/// What the sending program asks of its socket: a device and an address that its namespace has.
fn socket(c: &mut Checker, t: &Traffic, from: Option<NsRef>, held: &Held) {
    let Some(from) = from else { return };
    if let Traffic::Frames(f) = t {
        return device(c, &f.device, from, held);
    }
    let Some(s) = t.socket().and_then(At::get) else { return };
    if let Some(name) = &s.device {
        device(c, name, from, held);
    }
    if let Some(source) = s.source.as_ref().filter(|a| a.ok && a.value.0.0 != 0 && !held.has(a.value.0.0)) {
        c.say(source.place, format!("no namespace has the address {}", Ip4Addr(source.value.0.0)), "", None);
    }
    if let (Traffic::Ping(_), Some(b)) = (t, &s.broadcast)
        && b.get() == Some(&true)
    {
        let title = "a ping to a broadcast address is not supported yet";
        c.say(b.place, title, "nobody answers one (icmp_echo_ignore_broadcasts)", None);
    }
}

/// The namespace has it, or a command makes it.
fn device(c: &mut Checker, name: &At<String>, from: NsRef, held: &Held) {
    if let Some(dev) = name.get()
        && c.names.dev(&format!("{}/{dev}", c.names.path(from))).is_err()
        && !held.commands.contains(dev.as_str())
    {
        let devices = c.names.net(from).net.map(|n| n.devices.names().map(str::to_owned).collect::<Vec<_>>());
        let near = did_you_mean(dev, devices.iter().flatten().map(String::as_str));
        c.say(name.place, format!("`{}` has no device `{dev}`", c.names.path(from)), "", near);
    }
}

/// Two flows may share a server, if they want the same one.
fn share<'s>(
    c: &mut Checker,
    entry: &'s Entry<Traffic>,
    server: Server,
    at: (NsRef, u16),
    servers: &mut IndexMap<(NsRef, u16), (&'s str, Server)>,
) {
    let Some((first, other)) = servers.get(&at) else {
        servers.insert(at, (&entry.name, server));
        return;
    };
    if server != *other {
        let title = format!(
            "`{}` and `{first}` want different servers on port {} of `{}`",
            entry.name,
            at.1,
            c.names.path(at.0)
        );
        let help = "give them different ports, or the same kind, `listen`, `reply` and `service`";
        c.say(entry.place, title, "", Some(help.to_owned()));
    }
}

fn timeline(c: &mut Checker, s: &Scenario) {
    let end = s.duration.as_ref().and_then(At::get).map(|d| d.0);
    for step in s.timeline.iter() {
        c.resolve(&step.r#in, |names, path| names.ns(path));
        if let (Some(at), Some(end)) = (step.at.get(), end)
            && at.0 >= end
        {
            c.say(step.at.place, format!("the run ends at {end}: this step is never taken"), "", None);
        }
        if let Err(d) = crate::requests::command(c.source, &step.run) {
            c.sink.push(d);
        }
    }
}

impl crate::names::Names<'_> {
    /// The first address of a namespace in order of the file, `lo` left out if there is another.
    pub fn first_address(&self, at: NsRef) -> Option<(u32, Place)> {
        let names = self.net(at);
        let script = self.hosts[at.host].host.and_then(|h| h.read_script.first_address(names.name));
        let by_script = || script.map(|a| (a, Place::default()));
        let Some(net) = names.net else { return by_script() };
        let devices = net.devices.iter();
        let (lo, others): (Vec<_>, Vec<_>) = devices.partition(|(e, _)| e.name == "lo");
        let addresses = others.into_iter().chain(lo).flat_map(|(_, d)| d.addresses.iter());
        addresses.filter(|a| a.ok).find_map(|a| first_address(a).map(|ip| (ip, a.place))).or_else(by_script)
    }
}
