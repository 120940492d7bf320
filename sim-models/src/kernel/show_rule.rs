//! Policy rules in the words of `ip rule` (iproute2 6.1).

use super::{
    Kernel, NsId,
    fib::Rule,
    rtnl::{RtProto, RuleAction},
    show_route::table_name,
};
use crate::packet::{Ip4Addr, Prefix};
use std::fmt::Write as _;

/// The protocols that iproute2 prints by name.
const PROTOS: &[(u8, &str)] = &[
    (1, "icmp"),
    (2, "igmp"),
    (4, "ipencap"),
    (6, "tcp"),
    (17, "udp"),
    (33, "dccp"),
    (41, "ipv6"),
    (47, "gre"),
    (50, "esp"),
    (51, "ah"),
    (58, "ipv6-icmp"),
    (103, "pim"),
    (132, "sctp"),
    (136, "udplite"),
];

/// `inet_proto_n2a`
pub fn ipproto_name(proto: u8) -> String {
    PROTOS.iter().find(|p| p.0 == proto).map_or_else(|| proto.to_string(), |p| p.1.to_owned())
}

/// `inet_proto_a2n`: a name or a number.
pub fn ipproto(name: &str) -> Option<u8> {
    PROTOS.iter().find(|p| p.1 == name).map(|p| p.0).or_else(|| name.parse().ok())
}

fn prefix(p: Prefix<u32>) -> String {
    if p.len == 32 { Ip4Addr(p.addr).to_string() } else { p.to_string() }
}

/// "53", "1000-2000"
fn range(r: (u16, u16)) -> String {
    if r.0 == r.1 { r.0.to_string() } else { format!("{}-{}", r.0, r.1) }
}

/// `ip rule show` in `ns`, one line a rule.
pub fn ip_rule_lines(k: &Kernel, ns: NsId) -> Vec<String> {
    let v4 = &k.net(ns).v4;
    let there = |pref| v4.policy().is_some_and(|p| p.has(pref));
    let line = |r: &Rule<u32>| match r.spec.action {
        Some(RuleAction::Goto(pref)) if !there(pref) => format!("{} [unresolved]", rule_line(r)),
        _ => rule_line(r),
    };
    v4.rules_now().iter().map(line).collect()
}

/// One line of `ip rule`, but for what it says of a `goto` that leads nowhere.
pub fn rule_line(r: &Rule<u32>) -> String {
    let s = &r.spec;
    let mut line = format!("{}:\t{}", s.pref.unwrap_or(0), if s.not { "not " } else { "" });
    // Writing to a String cannot fail.
    let mut put = |w: std::fmt::Arguments<'_>| line.write_fmt(w).unwrap_or(());
    match s.from.len {
        0 => put(format_args!("from all")),
        _ => put(format_args!("from {}", prefix(s.from))),
    }
    if s.to.len != 0 {
        put(format_args!(" to {}", prefix(s.to)));
    }
    if s.tos != 0 {
        put(format_args!(" tos {:#04x}", s.tos));
    }
    match (s.mark, s.mask) {
        (0, 0) => {}
        (mark, u32::MAX) => put(format_args!(" fwmark {mark:#x}")),
        // As C's `%#x` has it.
        (0, mask) => put(format_args!(" fwmark 0/{mask:#x}")),
        (mark, mask) => put(format_args!(" fwmark {mark:#x}/{mask:#x}")),
    }
    for (word, dev, there) in [("iif", &s.iif, r.iif.is_some()), ("oif", &s.oif, r.oif.is_some())] {
        if let Some(dev) = dev {
            put(format_args!(" {word} {dev}{}", if there { "" } else { " [detached]" }));
        }
    }
    if let Some((from, to)) = s.uid {
        put(format_args!(" uidrange {from}-{to}"));
    }
    if s.ipproto != 0 {
        put(format_args!(" ipproto {}", ipproto_name(s.ipproto)));
    }
    for (word, ports) in [("sport", s.sport), ("dport", s.dport)] {
        if let Some(ports) = ports {
            put(format_args!(" {word} {}", range(ports)));
        }
    }
    action(&mut put, s.action, s.table);
    if let Some(len) = s.suppress {
        put(format_args!(" suppress_prefixlength {len}"));
    }
    if !matches!(s.proto, RtProto::Unspec | RtProto::Kernel) {
        put(format_args!(" proto {}", s.proto.name()));
    }
    line
}

fn action(put: &mut impl FnMut(std::fmt::Arguments<'_>), action: Option<RuleAction>, table: u32) {
    match action {
        Some(RuleAction::Lookup) | None => put(format_args!(" lookup {}", table_name(table))),
        Some(RuleAction::Goto(pref)) => put(format_args!(" goto {pref}")),
        Some(RuleAction::Nop) => put(format_args!(" nop")),
        Some(RuleAction::Blackhole) => put(format_args!(" blackhole")),
        Some(RuleAction::Unreachable) => put(format_args!(" unreachable")),
        Some(RuleAction::Prohibit) => put(format_args!(" prohibit")),
    }
}
