//! What the walk says of a route lookup.

use super::{Dst, In, NoRoute};
use crate::kernel::{
    Cx, Kernel, NetNs, Reason, SkBuff,
    fib::{Hit, Key},
    rtnl::{RouteType, RuleAction, Scope},
    show_rule::rule_line,
    sysctl::ConfBits,
};
use crate::packet::{Ip4Addr, L4, Net};

#[cold]
pub(super) fn tell(k: &Kernel, cx: &mut Cx, skb: &SkBuff, rx: In, dst: u32, src: u32, found: &Result<Dst, NoRoute>) {
    let net = k.net(rx.ns);
    let forwarding = u8::from(rx.conf.has(ConfBits::FORWARDING));
    let (filter, name) = (rx.conf.rp_filter(), k.devs[rx.dev].name());
    let (proto, ports) = match &skb.frame.net {
        Net::Ip4(ip, L4::Udp { sport, dport }) => (ip.proto, (*sport, *dport)),
        Net::Ip4(ip, _) => (ip.proto, (0, 0)),
        _ => (0, (0, 0)),
    };
    let tos = skb.frame.ip4().map_or(0, |ip| ip.tos);
    let mark = skb.meta.mark;
    let there = Key { src, iif: rx.ifindex, mark, tos, proto, sport: ports.0, dport: ports.1, ..Key::to(dst) };
    let back = Key { dst: src, src: dst, iif: 1, sport: ports.1, dport: ports.0, ..there };
    match (found, net.v4.lookup(&there), net.v4.lookup(&back)) {
        (Ok(_), Ok(hit), _) => cx.asked(skb, hit.origin, || {
            format!("? {}{}    forwarding={forwarding} rp_filter={filter}", rule_text(net, &there), route_text(k, &hit))
        }),
        (Ok(_), Err(_), _) => cx.note(skb, || "limited broadcast: for this host".to_owned()),
        (Err(NoRoute::Error(_)), Ok(hit), _) if forwarding == 0 => cx.asked(skb, hit.origin, || {
            format!("? {}, but {name} does not forward: net.ipv4.ip_forward=0", route_text(k, &hit))
        }),
        (Err(NoRoute::Error(errno)), _, _) => {
            cx.note(skb, || {
                format!("? {}no usable route to {}: {}", rule_text(net, &there), Ip4Addr(dst), errno.name())
            });
        }
        (Err(NoRoute::Martian(Reason::IP_RPFILTER)), _, Ok(hit)) => cx.asked(skb, hit.origin, || {
            let via = k.devs.get(hit.dev).map_or("-", |d| d.name());
            format!(
                "rp_filter={filter} on {name}: reverse path to {} is via {via}{}",
                Ip4Addr(src),
                by_rule(net, &back)
            )
        }),
        (Err(NoRoute::Martian(Reason::IP_RPFILTER)), _, Err(_)) => {
            cx.note(skb, || format!("rp_filter={filter} on {name}: no way back to {}", Ip4Addr(src)));
        }
        (Err(NoRoute::Martian(reason)), _, _) => cx.note(skb, || reason.doc().to_owned()),
    }
}

/// "main: 172.17.0.0/16 dev docker0", "local: local 172.17.0.2 dev eth0".
pub(in crate::kernel) fn route_text(k: &Kernel, hit: &Hit<u32>) -> String {
    let table = match hit.table {
        255 => "local".to_owned(),
        254 => "main".to_owned(),
        253 => "default".to_owned(),
        n => format!("table {n}"),
    };
    let kind = if hit.kind == RouteType::Unicast { String::new() } else { format!("{} ", hit.kind.name()) };
    let prefix = match (hit.prefix.len, hit.prefix.addr) {
        (0, _) => "default".to_owned(),
        (32, a) => Ip4Addr(a).to_string(),
        _ => hit.prefix.to_string(),
    };
    let via = match hit.gw {
        Some(gw) if hit.nh_scope == Scope::Link => format!(" via {}", Ip4Addr(gw)),
        _ => String::new(),
    };
    let dev = k.devs.get(hit.dev).map_or(String::new(), |d| format!(" dev {}", d.name()));
    format!("{table}: {kind}{prefix}{via}{dev}")
}

/// "rule 32764: from 10.0.0.1 lookup 100: ", of a rule that somebody made.
fn rule_text(net: &NetNs, key: &Key<u32>) -> String {
    let made = net.v4.rule_for(key).filter(|r| r.origin != 0 || r.spec.action != Some(RuleAction::Lookup));
    made.map_or_else(String::new, |r| format!("rule {}: ", rule_line(r).replacen(":\t", ": ", 1)))
}

fn by_rule(net: &NetNs, key: &Key<u32>) -> String {
    let text = rule_text(net, key);
    if text.is_empty() { text } else { format!(" ({})", text.trim_end_matches(": ")) }
}
