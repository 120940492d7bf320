//! net/ipv4/arp.c: who answers for which address, and what is learned from it.

use super::{
    At, Cx, DevId, Kernel, NetDevice, PktType, Reason, SkBuff, addr, boot, dev, fib,
    mib::M,
    neigh,
    netdevice::{IFF_LOOPBACK, IFF_NOARP, IFF_POINTOPOINT},
    route::{self, DstKind, NoRoute},
    rtnl::{Nud, RouteType, Scope},
    sysctl::ConfBits,
};
use crate::cpu;
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    Arp, ArpOp, Ip4Addr, Mac, Net,
    addr::{is_loopback, is_multicast},
    raw::Fault,
};

/// `arp_constructor`: the state and address that the kind of destination decides by itself (ARP-26).
pub(super) fn constructor(k: &Kernel, d: &NetDevice, ip: u32) -> (Nud, Mac) {
    let kind = k.net(d.ns).v4.addr_type(ip);
    if kind == RouteType::Multicast {
        (Nud::Noarp, Mac::of_multicast(ip))
    } else if d.flags & (IFF_NOARP | IFF_LOOPBACK) != 0 {
        (Nud::Noarp, d.mac)
    } else if kind == RouteType::Broadcast || d.flags & IFF_POINTOPOINT != 0 {
        (Nud::Noarp, Mac::BROADCAST)
    } else {
        (Nud::None, Mac::ZERO)
    }
}

/// `arp_solicit`: asks for entry `n`; broadcast, or unicast to the old address while probing (ARP-22 to 24).
pub(super) fn solicit(k: &mut Kernel, cx: &mut Cx, n: u32) {
    let e = k.neigh4.entry(n);
    let (out, target, probes) = (e.dev, e.ip, e.probes);
    let p = &k.devs[out].cold.neigh;
    let to = match probes.checked_sub(p.ucast_solicit) {
        None => e.mac,
        // These are questions to a daemon in user space: nothing goes out.
        Some(n) if n < p.app_solicit => return,
        Some(_) => Mac::BROADCAST,
    };
    let newest = e.newest().map(|skb| (skb.frame.ip4().map_or(0, |ip| ip.src), skb.meta.traced));
    let (asker, traced) = newest.unwrap_or((0, false));
    // 0.0.0.0 if the host has no address at all: it asks all the same.
    let src = source_for(k, out, target, asker);
    let skb = build(k, cx, out, ArpOp::Request, Mac::ZERO, target, src, to);
    send(k, cx, skb, traced);
}

/// Which of our addresses asks (ARP-23): by `arp_announce`.
fn source_for(k: &Kernel, out: DevId, target: u32, asker: u32) -> u32 {
    let d = &k.devs[out];
    let net = k.net(d.ns);
    let local = asker != 0 && net.v4.addr_type(asker) == RouteType::Local;
    let announced = match if mutated(Mutation::ArpAnnounceIgnored) { 0 } else { d.conf.arp_announce() } {
        0 => local,
        1 => local && net.addrs.on(out).iter().any(|a| same_subnet(a, target) && same_subnet(a, asker)),
        _ => false,
    };
    if announced { asker } else { addr::inet_select_addr(k, d.ns, Some(out), target, Scope::Link) }
}

fn same_subnet(a: &addr::Ifa, ip: u32) -> bool {
    crate::packet::Prefix::new(a.address, a.len).contains(ip)
}

#[allow(clippy::too_many_arguments, reason = "the fields of one ARP packet")]
fn build(k: &Kernel, cx: &mut Cx, out: DevId, op: ArpOp, tha: Mac, tpa: u32, spa: u32, to: Mac) -> SkBuff {
    let mut skb = cx.alloc();
    let sha = k.devs[out].mac;
    skb.frame.dst = to;
    skb.frame.src = sha;
    skb.frame.net = Net::Arp(Arp { op, sha, spa, tha, tpa });
    skb.meta.dev = out;
    skb
}

/// Sends `arp` in somebody else's name, from the MAC address that it gives as its sender's.
pub(crate) fn send_for(k: &mut Kernel, cx: &mut Cx, out: DevId, arp: Arp, to: Mac, traced: bool) {
    let mut skb = build(k, cx, out, arp.op, arp.tha, arp.tpa, arp.spa, to);
    skb.frame.src = arp.sha;
    skb.frame.net = Net::Arp(arp);
    send(k, cx, skb, traced);
}

fn send(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, traced: bool) {
    skb.meta.traced = traced;
    cx.at(At::ArpSend, &skb);
    dev::dev_queue_xmit(k, cx, skb);
}

/// Announces every address of `out`: sender and target are the same (ARP-25, `inetdev_send_gratuitous_arp`).
pub(crate) fn send_gratuitous(k: &mut Kernel, cx: &mut Cx, out: DevId) {
    let ips: Vec<u32> = k.net(k.devs[out].ns).addrs.on(out).iter().map(|a| a.local).collect();
    for ip in ips {
        let skb = build(k, cx, out, ArpOp::Request, Mac::ZERO, ip, ip, Mac::BROADCAST);
        send(k, cx, skb, false);
        // Within the request, before linkwatch works: a bridge port that is about to get its carrier does not take it.
        if k.linkwatch.is_running() {
            cpu::after_request(k, cx);
        }
    }
}

/// `arp_rcv`
pub(super) fn arp_rcv(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::ArpRcv, &skb);
    let d = &k.devs[skb.meta.dev];
    // ARP-1: consumed, not dropped.
    if d.flags & IFF_NOARP != 0 || matches!(skb.meta.pkt_type, PktType::OtherHost | PktType::Loopback) {
        return cx.consume(skb);
    }
    // ARP-2, and ARP-3 as far as kinds and operation go.
    let Net::Arp(arp) = skb.frame.net else {
        let short = matches!(&skb.frame.net, Net::Raw(raw) if raw.fault == Fault::ArpShort);
        let reason = if short { Reason::PKT_TOO_SMALL } else { Reason::NOT_SPECIFIED };
        return cx.drop(k, skb, At::ArpRcv, reason);
    };
    // ARP-3, ARP-4, ARP-5.
    let conf = d.conf;
    let bad = !conf.has(ConfBits::IN_DEVICE)
        || is_multicast(arp.tpa)
        || (is_loopback(arp.tpa) && !conf.has(ConfBits::ROUTE_LOCALNET))
        || (arp.spa == arp.tpa && conf.has(ConfBits::DROP_GRATUITOUS_ARP));
    if bad {
        return cx.drop(k, skb, At::ArpRcv, Reason::NOT_SPECIFIED);
    }
    process(k, cx, skb, arp, false);
}

/// `parp_redo`: a request has waited as long as a proxy is to wait.
pub(super) fn redo(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    match skb.frame.net {
        Net::Arp(arp) => process(k, cx, skb, arp, true),
        _ => cx.consume(skb),
    }
}

/// What became of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// It is done with, whether answered or not.
    Done,
    /// A proxy answers it later.
    Later,
    /// Nobody here answers: something may be learned from it.
    Unanswered,
}

/// `arp_process`, from the point where the packet is known to be sound. `late`: it has waited for a proxy.
fn process(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, arp: Arp, late: bool) {
    let rx = skb.meta.dev;
    // ARP-6: a duplicate address probe is answered and teaches nothing.
    if arp.spa == 0 {
        let ours = k.net_of(rx).v4.addr_type(arp.tpa) == RouteType::Local;
        if arp.op == ArpOp::Request && ours && !ignored(k, rx, arp.spa, arp.tpa) {
            reply(k, cx, &skb, rx, arp);
        }
        return cx.consume(skb);
    }
    let asked = if arp.op == ArpOp::Request { request(k, cx, &skb, rx, arp, late) } else { Asked::Unanswered };
    match asked {
        Asked::Later => return neigh::proxy::enqueue(k, cx, skb),
        Asked::Unanswered => learn(k, cx, &skb, rx, arp),
        Asked::Done => {}
    }
    cx.consume(skb);
}

/// A request whose target can be routed (ARP-7 to 12).
fn request(k: &mut Kernel, cx: &mut Cx, skb: &SkBuff, rx: DevId, arp: Arp, late: bool) -> Asked {
    let found = match route::input_lookup(k, rx, arp.tpa, arp.spa) {
        Ok(found) => found,
        Err(e) => {
            if let NoRoute::Martian(reason) = e {
                boot::martian(k, cx, skb, rx, (arp.tpa, arp.spa), reason);
            }
            return Asked::Unanswered;
        }
    };
    match found.kind {
        DstKind::Local => {
            let silent = ignored(k, rx, arp.spa, arp.tpa) || filtered(k, rx, arp.spa, arp.tpa);
            if silent {
                cx.note(skb, || format!("{} is ours, but arp_ignore or arp_filter says: silent", Ip4Addr(arp.tpa)));
            } else if neigh_event_ns(k, cx, rx, arp.spa, arp.sha).is_some() {
                cx.note(skb, || {
                    format!("{} is ours: answered with the MAC of {}", Ip4Addr(arp.tpa), k.devs[rx].name())
                });
                reply(k, cx, skb, rx, arp);
            }
            Asked::Done
        }
        DstKind::Unicast if k.devs[rx].conf.has(ConfBits::FORWARDING) => match proxy(k, rx, found.dev, arp) {
            Some(by) => {
                neigh_event_ns(k, cx, rx, arp.spa, arp.sha);
                if !late && skb.meta.pkt_type != PktType::Host && k.devs[rx].cold.neigh.proxy_delay_cs != 0 {
                    return Asked::Later;
                }
                cx.note(skb, || format!("{by}: answered for {}", Ip4Addr(arp.tpa)));
                reply(k, cx, skb, rx, arp);
                Asked::Done
            }
            None => Asked::Unanswered,
        },
        _ => Asked::Unanswered,
    }
}

/// Who has this host answer for somebody else (ARP-11), where the way to the target leads out of `out`: proxy_arp, and
/// entries of `ip neigh add proxy`, if it is another device; proxy_arp_pvlan, if it is the one that asks.
fn proxy(k: &Kernel, rx: DevId, out: DevId, arp: Arp) -> Option<&'static str> {
    let conf = k.devs[rx].conf;
    if out == rx {
        return (conf.has(ConfBits::PROXY_ARP_PVLAN) && arp.spa != arp.tpa).then_some("proxy_arp_pvlan");
    }
    if conf.has(ConfBits::PROXY_ARP) {
        return Some("proxy_arp");
    }
    k.neigh4.proxies.has(rx, arp.tpa).then_some("neigh proxy")
}

/// `neigh_event_ns`: the asker becomes known; overrides at once (ARP-8, 9).
fn neigh_event_ns(k: &mut Kernel, cx: &mut Cx, rx: DevId, ip: u32, mac: Mac) -> Option<u32> {
    let n = neigh::find_or_create(k, cx, rx, ip)?;
    if mutated(Mutation::ArpLearnsNothing) {
        return Some(n);
    }
    neigh::neigh_update(k, cx, n, Some(mac), Nud::Stale, neigh::UPDATE_OVERRIDE);
    Some(n)
}

fn reply(k: &mut Kernel, cx: &mut Cx, asked: &SkBuff, rx: DevId, arp: Arp) {
    let skb = build(k, cx, rx, ArpOp::Reply, arp.sha, arp.spa, arp.tpa, arp.sha);
    send(k, cx, skb, asked.meta.traced);
}

/// `arp_ignore` (ARP-19).
fn ignored(k: &Kernel, rx: DevId, sip: u32, tip: u32) -> bool {
    let net = k.net(k.devs[rx].ns);
    let here =
        |also_sender: bool| net.addrs.on(rx).iter().any(|a| a.local == tip && (!also_sender || same_subnet(a, sip)));
    if mutated(Mutation::ArpFirstAddressOnly) {
        return net.addrs.on(rx).first().is_none_or(|a| a.local != tip);
    }
    match if mutated(Mutation::ArpIgnoreIgnored) { 0 } else { k.devs[rx].conf.arp_ignore() } {
        1 => !here(false),
        2 => !here(true),
        3 => !net.devs.iter().any(|d| net.addrs.on(*d).iter().any(|a| a.local == tip && a.scope < Scope::Host)),
        8 => true,
        _ => false,
    }
}

/// `arp_filter` (ARP-20).
fn filtered(k: &mut Kernel, rx: DevId, sip: u32, tip: u32) -> bool {
    if !k.devs[rx].conf.has(ConfBits::ARP_FILTER) {
        return false;
    }
    let net = k.net(k.devs[rx].ns);
    let key = fib::Key { src: tip, ..fib::Key::to(sip) };
    // Without any route it is silent, too, and counts nothing.
    let Ok(hit) = net.v4.lookup(&key) else { return true };
    let elsewhere = hit.dev != rx;
    if elsewhere {
        k.net_of(rx).mib[M::TcpExtArpFilter] += 1;
    }
    elsewhere
}

/// ARP-13 to 17: replies, and requests that nobody here answers.
fn learn(k: &mut Kernel, cx: &mut Cx, skb: &SkBuff, rx: DevId, arp: Arp) {
    let is_reply = arp.op == ArpOp::Reply;
    let gratuitous = arp.spa == arp.tpa && (!is_reply || arp.tha == arp.sha) && unicast(k, rx, arp.spa);
    let known = k.neigh4.find(rx, arp.spa);
    let n = match known {
        Some(n) => n,
        None if accepts(k, rx, arp.spa) && (gratuitous || (is_reply && unicast(k, rx, arp.spa))) => {
            match neigh::find_or_create(k, cx, rx, arp.spa) {
                Some(n) => n,
                None => return,
            }
        }
        None => return,
    };
    let lock = i64::from(k.devs[rx].cold.neigh.locktime_cs) * i64::from(k.hz) / 100;
    let age = cx.jiffies() as i64 - k.neigh4.entry(n).updated;
    let flags = if age > lock || gratuitous { neigh::UPDATE_OVERRIDE } else { 0 };
    let direct = is_reply && skb.meta.pkt_type == PktType::Host;
    cx.note(skb, || format!("learned: {} is at {}", Ip4Addr(arp.spa), arp.sha));
    neigh::neigh_update(k, cx, n, Some(arp.sha), if direct { Nud::Reachable } else { Nud::Stale }, flags);
}

fn unicast(k: &Kernel, rx: DevId, ip: u32) -> bool {
    k.net(k.devs[rx].ns).v4.addr_type(ip) == RouteType::Unicast
}

/// `arp_accept` (ARP-13).
fn accepts(k: &Kernel, rx: DevId, sip: u32) -> bool {
    match k.devs[rx].conf.arp_accept() {
        0 => false,
        1 => true,
        _ => k.net(k.devs[rx].ns).addrs.on(rx).iter().any(|a| same_subnet(a, sip)),
    }
}
