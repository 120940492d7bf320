//! Routes in the words of `ip route` (iproute2 6.1), without the blank that it leaves at the end of each line.

use super::{
    Kernel, NsId,
    fib::{Hit, Leg, Route},
    rtnl::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteType, RtProto, Scope},
    show_json::{Json, list, text},
    sysctl::ConfBits,
};
use crate::packet::{Ip4Addr, Prefix};
use std::fmt::Write as _;

/// iproute2's names of protocols (rt_protos).
const PROTOS: &[(u8, &str)] = &[
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (99, "openr"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

impl RtProto {
    /// `RTPROT_*`.
    pub const fn number(self) -> u8 {
        match self {
            RtProto::Unspec => 0,
            RtProto::Kernel => 2,
            RtProto::Boot => 3,
            RtProto::Static => 4,
            RtProto::Other(n) => n,
        }
    }

    /// By iproute2's name or by number.
    pub fn from_name(name: &str) -> Option<RtProto> {
        let number = match PROTOS.iter().find(|p| p.1 == name) {
            Some(p) => p.0,
            None => name.parse().ok()?,
        };
        Some(match number {
            0 => RtProto::Unspec,
            2 => RtProto::Kernel,
            3 => RtProto::Boot,
            4 => RtProto::Static,
            n => RtProto::Other(n),
        })
    }

    /// As iproute2 prints it.
    pub fn name(self) -> String {
        let n = self.number();
        PROTOS.iter().find(|p| p.0 == n).map_or_else(|| n.to_string(), |p| p.1.to_owned())
    }
}

pub(super) fn table_name(table: u32) -> String {
    match table {
        RT_TABLE_LOCAL => "local".to_owned(),
        RT_TABLE_MAIN => "main".to_owned(),
        RT_TABLE_DEFAULT => "default".to_owned(),
        n => n.to_string(),
    }
}

/// "default", "10.0.0.1", "10.0.0.0/8"
fn destination(p: Prefix<u32>) -> String {
    match p.len {
        0 => "default".to_owned(),
        32 => Ip4Addr(p.addr).to_string(),
        _ => p.to_string(),
    }
}

/// `ip -4 route show table TABLE` in `ns`, one line a route and one for each of several next hops; table 0: all of them,
/// each named (`table all`).
pub fn ip_route_lines(k: &Kernel, ns: NsId, table: u32) -> Vec<String> {
    shown(k, ns, table).into_iter().flat_map(|r| route_lines(k, r, table == 0)).collect()
}

/// `ip -j -4 route show table TABLE`
pub fn ip_route_json(k: &Kernel, ns: NsId, table: u32) -> Vec<Json> {
    shown(k, ns, table).into_iter().map(|r| route_json(k, r, table == 0)).collect()
}

fn shown(k: &Kernel, ns: NsId, table: u32) -> Vec<&Route<u32>> {
    let v4 = &k.net(ns).v4;
    match table {
        0 => v4.tables().into_iter().flat_map(|t| v4.routes(t)).collect(),
        t => v4.routes(t),
    }
}

/// A route with all its next hops.
pub fn route_lines(k: &Kernel, r: &Route<u32>, all: bool) -> Vec<String> {
    let mut lines = vec![route_line(k, r, all)];
    for l in r.legs.iter().flatten() {
        let mut line = "\tnexthop".to_owned();
        if let Some(gw) = l.gw {
            line += &format!(" via {}", Ip4Addr(gw));
        }
        line += &format!(" dev {} weight {}", k.devs.get(l.dev).map_or("?", |d| d.name()), l.weight);
        leg_flags(k, l).iter().for_each(|f| line += &format!(" {f}"));
        lines.push(line);
    }
    lines
}

fn leg_flags(k: &Kernel, l: &Leg<u32>) -> Vec<&'static str> {
    let ignored = k.devs.get(l.dev).is_some_and(|d| d.conf.has(ConfBits::IGNORE_LINKDOWN));
    let all = [(l.dead || (l.linkdown && ignored), "dead"), (l.onlink, "onlink"), (l.linkdown, "linkdown")];
    all.into_iter().filter(|f| f.0).map(|f| f.1).collect()
}

/// Flags of the route as a whole: those of its only next hop, or `linkdown` if several lost their carrier at one time.
fn flags(k: &Kernel, r: &Route<u32>) -> Vec<&'static str> {
    if r.legs.is_some() {
        return if r.linkdown { vec!["linkdown"] } else { Vec::new() };
    }
    let ignored = k.devs.get(r.dev).is_some_and(|d| d.conf.has(ConfBits::IGNORE_LINKDOWN));
    let all = [(r.linkdown && ignored, "dead"), (r.onlink, "onlink"), (r.linkdown, "linkdown")];
    all.into_iter().filter(|f| f.0).map(|f| f.1).collect()
}

/// One line of `ip route`, without the lines of several next hops; `all`: with the table, unless that is main.
pub fn route_line(k: &Kernel, r: &Route<u32>, all: bool) -> String {
    let mut line = match r.kind {
        RouteType::Unicast => destination(r.prefix),
        kind => format!("{} {}", kind.name(), destination(r.prefix)),
    };
    // Writing to a String cannot fail.
    let mut word = |w: std::fmt::Arguments<'_>| line.write_fmt(format_args!(" {w}")).unwrap_or(());
    if r.tos != 0 {
        word(format_args!("tos {:#04x}", r.tos));
    }
    if let Some(gw) = r.gw.filter(|_| r.legs.is_none()) {
        word(format_args!("via {}", Ip4Addr(gw)));
    }
    if let Some(dev) = k.devs.get(r.dev).filter(|_| r.legs.is_none()) {
        word(format_args!("dev {}", dev.name()));
    }
    if all && r.table != RT_TABLE_MAIN {
        word(format_args!("table {}", table_name(r.table)));
    }
    if r.proto != RtProto::Boot {
        word(format_args!("proto {}", r.proto.name()));
    }
    if r.scope != Scope::Universe {
        word(format_args!("scope {}", r.scope.name()));
    }
    if let Some(src) = r.prefsrc {
        word(format_args!("src {}", Ip4Addr(src)));
    }
    if r.metric != 0 {
        word(format_args!("metric {}", r.metric));
    }
    for flag in flags(k, r) {
        word(format_args!("{flag}"));
    }
    line += &metrics_text(&r.hit());
    line
}

/// " mtu lock 1300 advmss 1000 hoplimit 7"
pub(super) fn metrics_text(h: &Hit<u32>) -> String {
    let mut text = String::new();
    if h.mtu != 0 {
        text += &format!(" mtu {}{}", if h.mtu_lock { "lock " } else { "" }, h.mtu);
    }
    if h.advmss != 0 {
        text += &format!(" advmss {}", h.advmss);
    }
    if h.hoplimit != 0 {
        text += &format!(" hoplimit {}", h.hoplimit);
    }
    text
}

/// The list with one object that `ip -j` prints under "metrics".
pub(super) fn metrics_json(h: &Hit<u32>) -> Option<String> {
    let all = [("mtu", h.mtu), ("advmss", h.advmss), ("hoplimit", h.hoplimit.into())];
    let mut j = Json::default();
    all.into_iter().filter(|m| m.1 != 0).for_each(|(name, v)| j.num(name, v));
    (!j.fields().is_empty()).then(|| list([j.to_string()]))
}

/// One route as `ip -j route` has it.
pub fn route_json(k: &Kernel, r: &Route<u32>, all: bool) -> Json {
    let mut j = Json::default();
    if r.kind != RouteType::Unicast {
        j.say("type", r.kind.name());
    }
    j.say("dst", destination(r.prefix));
    if r.tos != 0 {
        j.say("tos", format!("{:#04x}", r.tos));
    }
    if let Some(gw) = r.gw.filter(|_| r.legs.is_none()) {
        j.say("gateway", Ip4Addr(gw).to_string());
    }
    if let Some(dev) = k.devs.get(r.dev).filter(|_| r.legs.is_none()) {
        j.say("dev", dev.name());
    }
    if all && r.table != RT_TABLE_MAIN {
        j.say("table", table_name(r.table));
    }
    if r.proto != RtProto::Boot {
        j.say("protocol", r.proto.name());
    }
    if r.scope != Scope::Universe {
        j.say("scope", r.scope.name());
    }
    if let Some(src) = r.prefsrc {
        j.say("prefsrc", Ip4Addr(src).to_string());
    }
    if r.metric != 0 {
        j.num("metric", r.metric);
    }
    j.put("flags", list(flags(k, r).into_iter().map(text)));
    if let Some(m) = metrics_json(&r.hit()) {
        j.put("metrics", m);
    }
    if let Some(legs) = &r.legs {
        let leg = |l: &Leg<u32>| {
            let mut j = Json::default();
            if let Some(gw) = l.gw {
                j.say("gateway", Ip4Addr(gw).to_string());
            }
            j.say("dev", k.devs.get(l.dev).map_or("?", |d| d.name()));
            j.num("weight", l.weight);
            j.put("flags", list(leg_flags(k, l).into_iter().map(text)));
            j.to_string()
        };
        j.put("nexthops", list(legs.iter().map(leg)));
    }
    j
}
