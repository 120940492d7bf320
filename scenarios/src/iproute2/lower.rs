//! A request back into the line that makes it: for scripts made of scenarios, and for saying what was asked.

use super::{Command, Op, neigh, value};
use sim_models::drivers::{
    Config,
    veth::{Peer, VethConfig},
};
use sim_models::kernel::rtnl::{
    Brd, FdbState, How, IfAddr, LinkAttrs, RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteSpec, RouteType,
    RtProto, RtnlOp, RuleAction, RuleSpec,
};
use sim_models::kernel::show_rule::ipproto_name;
use sim_models::packet::Ip4Addr;
use std::fmt::{self, Write};

impl fmt::Display for Command {
    /// The line that asks for it, `ip -n NS` or `ip netns exec NS` included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ns = self.ns.as_deref();
        match &self.op {
            Op::Rtnl(op) => f.write_str(&line(ns, op)),
            Op::NewNs(name) => write!(f, "{} netns add {}", ip(ns), quoted(name)),
            Op::DelNs(name) => write!(f, "{} netns del {}", ip(ns), quoted(name)),
        }
    }
}

/// The line of `ip`, `bridge` or `sysctl` that asks for `op`; [`super::parse`] reads it back to the same. One kind of
/// request has no line: a change of a device's own settings and of its settings as a port, both at once; the line
/// then has the former only.
pub fn to_command(op: &RtnlOp) -> String {
    line(None, op)
}

fn ip(ns: Option<&str>) -> String {
    match ns {
        Some(ns) => format!("ip -n {}", quoted(ns)),
        None => "ip".to_owned(),
    }
}

/// As a shell needs it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-./:=+%@,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn line(ns: Option<&str>, op: &RtnlOp) -> String {
    let ip = ip(ns);
    match op {
        RtnlOp::NewLink { name, attrs, config } => {
            format!(
                "{ip} link add{} dev {}{} type {}{}",
                attrs.link.as_ref().map(|link| format!(" link {}", quoted(link))).unwrap_or_default(),
                quoted(name),
                attributes(attrs),
                config.kind(),
                settings(config)
            )
        }
        RtnlOp::SetLink { name, attrs } => set_link(&ip, name, attrs),
        RtnlOp::DelLink { name } => format!("{ip} link del dev {}", quoted(name)),
        RtnlOp::NewAddr { dev, addr } => format!("{ip} addr add {} dev {}", address(addr), quoted(dev)),
        RtnlOp::DelAddr { dev, addr } => format!("{ip} addr del {} dev {}", address(addr), quoted(dev)),
        RtnlOp::NewRoute { route, how } => format!("{ip} route {} {}", how_word(*how), self::route(route, false)),
        RtnlOp::DelRoute { route } => format!("{ip} route del {}", self::route(route, true)),
        RtnlOp::NewRule { rule } => format!("{ip} rule add{}", self::rule(rule, false)),
        RtnlOp::DelRule { rule } => format!("{ip} rule del{}", self::rule(rule, true)),
        RtnlOp::NewNeigh { dev, dst, lladdr, state, how } => {
            let lladdr = lladdr.map(|mac| format!(" lladdr {mac}")).unwrap_or_default();
            let (dst, how, nud) = (Ip4Addr(*dst), how_word(*how), neigh::state_name(*state));
            format!("{ip} neigh {how} {dst}{lladdr} dev {} nud {nud}", quoted(dev))
        }
        RtnlOp::DelNeigh { dev, dst } => format!("{ip} neigh del {} dev {}", Ip4Addr(*dst), quoted(dev)),
        RtnlOp::Proxy { dev, dst, add } => {
            let verb = if *add { "add" } else { "del" };
            format!("{ip} neigh {verb} proxy {} dev {}", Ip4Addr(*dst), quoted(dev))
        }
        RtnlOp::NewFdb { dev, mac, state } => {
            format!("{} fdb add {mac} dev {} master {}", bridge(ns), quoted(dev), fdb_state(*state))
        }
        RtnlOp::NewRemote { dev, mac, dst, port, vni, state, how } => {
            let (how, dev, to) = (how_word(*how), quoted(dev), remote(*dst, *port, *vni));
            format!("{} fdb {how} {mac} dev {dev}{to} {}", bridge(ns), fdb_state(*state))
        }
        RtnlOp::DelRemote { dev, mac, dst, port, vni } => {
            format!("{} fdb del {mac} dev {}{}", bridge(ns), quoted(dev), remote(*dst, *port, *vni))
        }
        RtnlOp::DelFdb { dev, mac } => format!("{} fdb del {mac} dev {} master", bridge(ns), quoted(dev)),
        RtnlOp::Sysctl { key, value } => {
            let within = ns.map(|ns| format!("ip netns exec {} ", quoted(ns))).unwrap_or_default();
            format!("{within}sysctl -qw {}", quoted(&format!("{key}={value}")))
        }
    }
}

fn bridge(ns: Option<&str>) -> String {
    ip(ns).replacen("ip", "bridge", 1)
}

fn fdb_state(state: FdbState) -> &'static str {
    match state {
        FdbState::Local => "permanent",
        FdbState::Static => "static",
        FdbState::Dynamic => "dynamic",
    }
}

/// Where a tunnel's entry leads, with a blank in front.
fn remote(dst: Option<u32>, port: Option<u16>, vni: Option<u32>) -> String {
    let mut s = String::new();
    if let Some(dst) = dst {
        put(&mut s, format_args!(" dst {}", Ip4Addr(dst)));
    }
    if let Some(port) = port {
        put(&mut s, format_args!(" port {port}"));
    }
    if let Some(vni) = vni {
        put(&mut s, format_args!(" vni {vni}"));
    }
    s
}

fn how_word(how: How) -> &'static str {
    match how {
        How::Add => "add",
        How::Append => "append",
        How::Prepend => "prepend",
        How::Replace => "replace",
        How::Change => "change",
    }
}

/// Writing to a string can't fail.
fn put(line: &mut String, text: fmt::Arguments<'_>) {
    let _ = line.write_fmt(text);
}

fn on_off(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// What may be said of any device, each with a blank in front.
fn attributes(a: &LinkAttrs) -> String {
    let mut s = String::new();
    if let Some(mac) = a.address {
        put(&mut s, format_args!(" address {mac}"));
    }
    for (word, value) in [("mtu", a.mtu), ("txqueuelen", a.txqueuelen)] {
        if let Some(n) = value {
            put(&mut s, format_args!(" {word} {n}"));
        }
    }
    for (word, value) in [("arp", a.arp), ("promisc", a.promisc), ("allmulticast", a.allmulticast)] {
        if let Some(on) = value {
            put(&mut s, format_args!(" {word} {}", on_off(on)));
        }
    }
    match &a.master {
        Some(Some(master)) => put(&mut s, format_args!(" master {}", quoted(master))),
        Some(None) => s.push_str(" nomaster"),
        None => {}
    }
    if let Some(ns) = &a.netns {
        put(&mut s, format_args!(" netns {}", quoted(ns)));
    }
    if let Some(up) = a.up {
        s.push_str(if up { " up" } else { " down" });
    }
    s
}

fn pairs<'a>(all: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    // An empty value is that of a word which stands for itself.
    all.map(|(word, value)| match value {
        "" => format!(" {word}"),
        // Two numbers.
        range if word == "srcport" => format!(" {word} {range}"),
        value => format!(" {word} {}", quoted(value)),
    })
    .collect()
}

/// A driver's settings that are not as they would be anyway, each with a blank in front. A kernel without some feature
/// refuses even to be told its default.
fn settings(config: &Config) -> String {
    if let Config::Veth(VethConfig { peer: Some(peer) }) = config {
        return self::peer(peer);
    }
    let default = Config::of_kind(config.kind()).map(|c| c.shown()).unwrap_or_default();
    let shown = config.shown();
    pairs(shown.iter().filter(|s| !default.contains(s)).map(|(word, value)| (*word, value.as_str())))
}

fn peer(peer: &Peer) -> String {
    let mut s = " peer".to_owned();
    if let Some(name) = &peer.name {
        put(&mut s, format_args!(" name {}", quoted(name)));
    }
    s.push_str(&attributes(&peer.attrs));
    if let Some(ns) = &peer.netns {
        put(&mut s, format_args!(" netns {}", quoted(ns)));
    }
    s
}

fn set_link(ip: &str, name: &str, a: &LinkAttrs) -> String {
    let mut line = format!("{ip} link set dev {}", quoted(name));
    if let Some(new) = &a.rename {
        put(&mut line, format_args!(" name {}", quoted(new)));
    }
    line.push_str(&attributes(a));
    let args = |list: &[(String, String)]| pairs(list.iter().map(|(w, v)| (w.as_str(), v.as_str())));
    if !a.kind_args.is_empty() {
        put(&mut line, format_args!(" type {}{}", kind_with(&a.kind_args), args(&a.kind_args)));
    } else if !a.slave_args.is_empty() {
        put(&mut line, format_args!(" type bridge_slave{}", args(&a.slave_args)));
    }
    line
}

/// The first kind of device that has all these settings.
fn kind_with(args: &[(String, String)]) -> &'static str {
    let has = |kind: &str| {
        let words = Config::of_kind(kind).filter(Config::is_virtual).map(|c| c.words()).unwrap_or_default();
        args.iter().all(|(word, _)| words.iter().any(|w| w.0 == word))
    };
    Config::KINDS.iter().map(|k| k.1).find(|kind| has(kind)).unwrap_or("bridge")
}

fn address(a: &IfAddr) -> String {
    let mut s = Ip4Addr(a.local).to_string();
    if let Some(peer) = a.peer {
        put(&mut s, format_args!(" peer {}/{}", Ip4Addr(peer), a.len));
    } else if a.len != IfAddr::ANY_LEN {
        put(&mut s, format_args!("/{}", a.len));
    }
    match a.broadcast {
        Some(Brd::Addr(addr)) => put(&mut s, format_args!(" brd {}", Ip4Addr(addr))),
        Some(Brd::Plus) => s.push_str(" brd +"),
        None => {}
    }
    if let Some(scope) = a.scope {
        put(&mut s, format_args!(" scope {}", scope.name()));
    }
    if a.noprefixroute {
        s.push_str(" noprefixroute");
    }
    s
}

fn route(r: &RouteSpec, delete: bool) -> String {
    let mut s = String::new();
    if r.kind != RouteType::Unicast {
        put(&mut s, format_args!("{} ", r.kind.name()));
    }
    if r.dst.len == 0 && r.dst.addr == 0 {
        s.push_str("default")
    } else {
        put(&mut s, format_args!("{}", r.dst))
    }
    if let Some(via) = r.via {
        put(&mut s, format_args!(" via {}", Ip4Addr(via)));
    }
    if let Some(dev) = &r.dev {
        put(&mut s, format_args!(" dev {}", quoted(dev)));
    }
    if let Some(src) = r.src {
        put(&mut s, format_args!(" src {}", Ip4Addr(src)));
    }
    if r.metric != 0 {
        put(&mut s, format_args!(" metric {}", r.metric));
    }
    if let Some(id) = r.table {
        table(&mut s, id);
    }
    if r.proto != if delete { RtProto::Unspec } else { RtProto::Boot } {
        put(&mut s, format_args!(" proto {}", value::protocol_name(r.proto)));
    }
    if let Some(scope) = r.scope {
        put(&mut s, format_args!(" scope {}", scope.name()));
    }
    if r.tos != 0 {
        put(&mut s, format_args!(" tos {:#x}", r.tos));
    }
    if r.mtu != 0 || r.mtu_lock {
        put(&mut s, format_args!(" mtu {}{}", if r.mtu_lock { "lock " } else { "" }, r.mtu));
    }
    if r.advmss != 0 {
        put(&mut s, format_args!(" advmss {}", r.advmss));
    }
    if r.hoplimit != 0 {
        put(&mut s, format_args!(" hoplimit {}", r.hoplimit));
    }
    if r.onlink {
        s.push_str(" onlink");
    }
    for hop in &r.nexthops {
        s.push_str(" nexthop");
        if let Some(via) = hop.via {
            put(&mut s, format_args!(" via {}", Ip4Addr(via)));
        }
        if let Some(dev) = &hop.dev {
            put(&mut s, format_args!(" dev {}", quoted(dev)));
        }
        if hop.weight != 1 {
            put(&mut s, format_args!(" weight {}", hop.weight));
        }
        if hop.onlink {
            s.push_str(" onlink");
        }
    }
    s
}

fn table(s: &mut String, id: u32) {
    match id {
        RT_TABLE_LOCAL => s.push_str(" table local"),
        RT_TABLE_MAIN => s.push_str(" table main"),
        RT_TABLE_DEFAULT => s.push_str(" table default"),
        id => put(s, format_args!(" table {id}")),
    }
}

/// A rule's selectors and action, each with a blank in front.
fn rule(r: &RuleSpec, delete: bool) -> String {
    let mut s = String::new();
    if r.not {
        s.push_str(" not");
    }
    for (word, p) in [("from", r.from), ("to", r.to)] {
        if p.len != 0 {
            put(&mut s, format_args!(" {word} {p}"));
        }
    }
    if r.tos != 0 {
        put(&mut s, format_args!(" tos {:#x}", r.tos));
    }
    match (r.mark, r.mask) {
        (0, 0) => {}
        (mark, u32::MAX) if mark != 0 => put(&mut s, format_args!(" fwmark {mark:#x}")),
        (mark, mask) => put(&mut s, format_args!(" fwmark {mark:#x}/{mask:#x}")),
    }
    for (word, dev) in [("iif", &r.iif), ("oif", &r.oif)] {
        if let Some(dev) = dev {
            put(&mut s, format_args!(" {word} {}", quoted(dev)));
        }
    }
    if let Some((from, to)) = r.uid {
        put(&mut s, format_args!(" uidrange {from}-{to}"));
    }
    if r.ipproto != 0 {
        put(&mut s, format_args!(" ipproto {}", ipproto_name(r.ipproto)));
    }
    for (word, ports) in [("sport", r.sport), ("dport", r.dport)] {
        if let Some((from, to)) = ports {
            put(&mut s, format_args!(" {word} {from}-{to}"));
        }
    }
    match r.action {
        Some(RuleAction::Goto(pref)) => put(&mut s, format_args!(" goto {pref}")),
        Some(RuleAction::Nop) => s.push_str(" nop"),
        Some(RuleAction::Blackhole) => s.push_str(" blackhole"),
        Some(RuleAction::Unreachable) => s.push_str(" unreachable"),
        Some(RuleAction::Prohibit) => s.push_str(" prohibit"),
        Some(RuleAction::Lookup) if delete => s.push_str(" unicast"),
        Some(RuleAction::Lookup) | None => {}
    }
    if r.table != 0 {
        table(&mut s, r.table);
    }
    if let Some(len) = r.suppress {
        put(&mut s, format_args!(" suppress_prefixlength {len}"));
    }
    if r.proto != RtProto::Unspec {
        put(&mut s, format_args!(" proto {}", value::protocol_name(r.proto)));
    }
    if let Some(pref) = r.pref {
        put(&mut s, format_args!(" pref {pref}"));
    }
    s
}
