//! Routes in the words of `ip route` (iproute2 6.1), without the blank that it leaves at the end of each line.

use super::{
    Kernel, NsId,
    fib::Route,
    rtnl::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteType, RtProto, Scope},
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

/// `ip -4 route show table TABLE` in `ns`, one line a route; table 0: all of them, each named (`table all`).
pub fn ip_route_lines(k: &Kernel, ns: NsId, table: u32) -> Vec<String> {
    let v4 = &k.net(ns).v4;
    if table != 0 {
        return v4.routes(table).into_iter().map(|r| route_line(k, r, false)).collect();
    }
    v4.tables().into_iter().flat_map(|t| v4.routes(t)).map(|r| route_line(k, r, true)).collect()
}

/// One line of `ip route`; `all`: with the table, unless that is main.
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
    if let Some(gw) = r.gw {
        word(format_args!("via {}", Ip4Addr(gw)));
    }
    if let Some(dev) = k.devs.get(r.dev) {
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
    let ignored = k.devs.get(r.dev).is_some_and(|d| d.conf.has(ConfBits::IGNORE_LINKDOWN));
    for (set, flag) in [(r.linkdown && ignored, "dead"), (r.onlink, "onlink"), (r.linkdown, "linkdown")] {
        if set {
            word(format_args!("{flag}"));
        }
    }
    if r.mtu != 0 {
        word(format_args!("mtu {}", r.mtu));
    }
    line
}
