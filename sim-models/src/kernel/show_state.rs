//! The tables of a namespace as `ip -j` and `bridge -j` print them (iproute2 6.1), object by object.

use super::{
    Kernel, NetDevice, NsId,
    addr::Ifa,
    fib::Rule,
    netdevice::DevId,
    rtnl::{Nud, RtProto, RuleAction},
    show_addr::{flag_names, qdisc_name},
    show_json::{Json, list, text},
    show_route::table_name,
    show_rule::ipproto_name,
};
use crate::{
    drivers::{self, Config, Kind},
    packet::{Ip4Addr, Mac, Prefix},
};

/// `ip -j link` in `ns`; `details`: `ip -j -d link`.
pub fn ip_link_json(k: &Kernel, ns: NsId, details: bool) -> Vec<Json> {
    k.net(ns).devs.iter().map(|d| link(k, *d, true, details)).collect()
}

/// `ip -j -4 addr` in `ns` without the link layer, devices without an address left out, as iproute2 does it.
pub fn ip_addr_json(k: &Kernel, ns: NsId) -> Vec<Json> {
    let net = k.net(ns);
    let with = net.devs.iter().filter(|d| !net.addrs.on(**d).is_empty());
    with.map(|d| {
        let mut j = link(k, *d, false, false);
        let all = net.addrs.on(*d).iter().map(|i| ifa(i, k.devs[*d].name()).to_string());
        j.put("addr_info", list(all));
        j
    })
    .collect()
}

/// What `ip link` and `ip addr` have in common. `layer2`: with the link-layer address.
fn link(k: &Kernel, dev: DevId, layer2: bool, details: bool) -> Json {
    let d = &k.devs[dev];
    let other = drivers::other_end(k, dev).and_then(|o| k.devs.get(o));
    let mut j = Json::default();
    j.num("ifindex", d.ifindex);
    match other {
        Some(o) if o.ns == d.ns => j.say("link", o.name()),
        Some(o) => j.num("link_index", o.ifindex),
        None => {}
    }
    j.say("ifname", d.name());
    j.put("flags", list(flag_names(d, other).into_iter().map(text)));
    j.num("mtu", d.mtu);
    j.say("qdisc", qdisc_name(d));
    if let Some(master) = d.master.and_then(|m| k.devs.get(m)) {
        j.say("master", master.name());
    }
    j.say("operstate", d.shown_operstate().name());
    if layer2 {
        j.say("linkmode", "DEFAULT");
    }
    j.say("group", "default");
    j.num("txqlen", d.cold.tx_queue_len);
    if layer2 {
        let (kind, brd) = if d.is_loopback() { ("loopback", Mac::ZERO) } else { ("ether", Mac::BROADCAST) };
        j.say("link_type", kind);
        j.say("address", d.mac.to_string());
        j.say("broadcast", brd.to_string());
        if other.is_some_and(|o| o.ns != d.ns) {
            j.num("link_netnsid", 0_u32);
        }
        if details {
            self::details(k, d, &mut j);
        }
    }
    j
}

/// What `-d` adds.
fn details(k: &Kernel, d: &NetDevice, j: &mut Json) {
    j.num("promiscuity", d.cold.promiscuity);
    j.num("allmulti", d.cold.allmulti);
    j.num("min_mtu", d.cold.min_mtu);
    j.num("max_mtu", d.cold.max_mtu);
    let kind = Config::KINDS.iter().map(|k| k.1).find(|kind| *kind == d.kind.name());
    if let Some(kind) = kind.filter(|_| !d.is_loopback() && !matches!(d.kind, Kind::Physical(_))) {
        let mut info = Json::default();
        info.say("info_kind", kind);
        if d.master.and_then(|m| k.devs.get(m)).is_some_and(|m| matches!(m.kind, Kind::Bridge(_))) {
            info.say("info_slave_kind", "bridge");
        }
        j.put("linkinfo", info.to_string());
    }
    j.say("inet6_addr_gen_mode", "eui64");
    // A veth has a queue for each core.
    let queues = if matches!(d.kind, Kind::Veth(_)) { k.cpus.len() as u32 } else { 1 };
    j.num("num_tx_queues", queues);
    j.num("num_rx_queues", queues);
    let sizes = [
        ("gso_max_size", 65_536_u32),
        ("gso_max_segs", 65_535),
        ("tso_max_size", 524_280),
        ("tso_max_segs", 65_535),
        ("gro_max_size", 65_536),
    ];
    sizes.into_iter().for_each(|(name, v)| j.num(name, v));
}

fn ifa(i: &Ifa, dev: &str) -> Json {
    let mut j = Json::default();
    j.say("family", "inet");
    j.say("local", Ip4Addr(i.local).to_string());
    if i.address != i.local {
        j.say("address", Ip4Addr(i.address).to_string());
    }
    j.num("prefixlen", i.len);
    if let Some(brd) = i.broadcast {
        j.say("broadcast", Ip4Addr(brd).to_string());
    }
    j.say("scope", i.scope.name());
    if i.secondary {
        j.set("secondary", true);
    }
    if i.noprefixroute {
        j.set("noprefixroute", true);
    }
    j.say("label", i.label(dev));
    j.num("valid_life_time", u32::MAX);
    j.num("preferred_life_time", u32::MAX);
    j
}

/// `ip -j rule` in `ns`.
pub fn ip_rule_json(k: &Kernel, ns: NsId) -> Vec<Json> {
    let v4 = &k.net(ns).v4;
    let there = |pref| v4.policy().is_some_and(|p| p.has(pref));
    v4.rules_now().iter().map(|r| rule(r, there)).collect()
}

fn rule(r: &Rule<u32>, there: impl Fn(u32) -> bool) -> Json {
    let s = &r.spec;
    let mut j = Json::default();
    j.num("priority", s.pref.unwrap_or(0));
    if s.not {
        j.put("not", "null".to_owned());
    }
    let mut prefix = |names: [&'static str; 2], p: Prefix<u32>, all: bool| {
        if p.len != 0 {
            j.say(names[0], Ip4Addr(p.addr).to_string());
            if p.len != 32 {
                j.num(names[1], p.len);
            }
        } else if all {
            j.say(names[0], "all");
        }
    };
    prefix(["src", "srclen"], s.from, true);
    prefix(["dst", "dstlen"], s.to, false);
    selectors(&mut j, r);
    match s.action {
        Some(RuleAction::Lookup) | None => j.say("table", table_name(s.table)),
        Some(RuleAction::Goto(pref)) => {
            j.num("goto", pref);
            if !there(pref) {
                j.put("unresolved", "null".to_owned());
            }
        }
        Some(RuleAction::Nop) => j.put("nop", "null".to_owned()),
        Some(RuleAction::Blackhole) => j.say("action", "blackhole"),
        Some(RuleAction::Unreachable) => j.say("action", "unreachable"),
        Some(RuleAction::Prohibit) => j.say("action", "prohibit"),
    }
    if let Some(len) = s.suppress {
        j.num("suppress_prefixlen", len);
    }
    if !matches!(s.proto, RtProto::Unspec | RtProto::Kernel) {
        j.say("protocol", s.proto.name());
    }
    j
}

/// What a rule asks besides addresses.
fn selectors(j: &mut Json, r: &Rule<u32>) {
    let s = &r.spec;
    if s.tos != 0 {
        j.say("tos", format!("{:#04x}", s.tos));
    }
    if (s.mark, s.mask) != (0, 0) {
        let hex = |v: u32| if v == 0 { "0".to_owned() } else { format!("{v:#x}") };
        j.say("fwmark", hex(s.mark));
        if s.mask != u32::MAX {
            j.say("fwmask", hex(s.mask));
        }
    }
    for (name, lost, dev, found) in
        [("iif", "iif_detached", &s.iif, r.iif.is_some()), ("oif", "oif_detached", &s.oif, r.oif.is_some())]
    {
        if let Some(dev) = dev {
            j.say(name, dev);
            if !found {
                j.put(lost, "null".to_owned());
            }
        }
    }
    if let Some((from, to)) = s.uid {
        j.num("uid_start", from);
        j.num("uid_end", to);
    }
    if s.ipproto != 0 {
        j.say("ipproto", ipproto_name(s.ipproto));
    }
    for (name, first, last, ports) in
        [("sport", "sport_start", "sport_end", s.sport), ("dport", "dport_start", "dport_end", s.dport)]
    {
        match ports {
            Some((from, to)) if from == to => j.num(name, from),
            Some((from, to)) => {
                j.num(first, from);
                j.num(last, to);
            }
            None => {}
        }
    }
}

/// `ip -j neigh` in `ns`, by device and address.
pub fn ip_neigh_json(k: &Kernel, ns: NsId) -> Vec<Json> {
    let mut rows: Vec<(u32, u32, Json)> = Vec::new();
    for e in k.neigh4.iter() {
        let Some(d) = k.devs.get(e.dev).filter(|d| d.ns == ns) else { continue };
        // `ip neigh` leaves out NOARP and NONE.
        if matches!(e.state, Nud::Noarp | Nud::None) {
            continue;
        }
        let mut j = Json::default();
        j.say("dst", Ip4Addr(e.ip).to_string());
        j.say("dev", d.name());
        if !matches!(e.state, Nud::Incomplete | Nud::Failed) {
            j.say("lladdr", e.mac.to_string());
        }
        j.put("state", list([text(e.state.name())]));
        rows.push((d.ifindex, e.ip, j));
    }
    rows.sort_by_key(|r| (r.0, r.1));
    rows.into_iter().map(|r| r.2).collect()
}

/// `bridge -j fdb` in `ns`: the bridges' entries, of the lines that `bridge fdb` prints. `now`: ticks.
pub fn bridge_fdb_json(k: &Kernel, ns: NsId, now: u64) -> Vec<Json> {
    let lines = drivers::bridge::fdb_lines(k, ns, now);
    lines.iter().map(|l| fdb(l)).collect()
}

fn fdb(line: &str) -> Json {
    let words: Vec<&str> = line.split_whitespace().collect();
    let behind = |word: &str| words.iter().position(|w| *w == word).and_then(|i| words.get(i + 1)).copied();
    let mut j = Json::default();
    j.say("mac", words.first().copied().unwrap_or_default());
    if let Some(dev) = behind("dev") {
        j.say("ifname", dev);
    }
    if let Some(vlan) = behind("vlan") {
        j.put("vlan", vlan.to_owned());
    }
    j.put("flags", list([]));
    if let Some(master) = behind("master") {
        j.say("master", master);
    }
    let state = words.last().copied().filter(|w| matches!(*w, "permanent" | "static" | "stale"));
    j.say("state", state.unwrap_or_default());
    j
}
