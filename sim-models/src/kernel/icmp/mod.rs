//! net/ipv4/icmp.c: echo, errors and their limits.

mod limits;

pub use limits::Limits;
pub(super) use limits::{error_allowed, redirect_allowed};

use super::{
    At, Cx, DevId, Kernel, NsId, PktType, Reason, SkBuff, ip_output,
    mib::M,
    route::{self, DstKind, Flow},
    rtnl::RouteType,
    sock,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    Icmp, Ip4, Ip4Addr, L4, Net, Quote,
    addr::is_loopback,
    frame::{IP_HLEN, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP},
};

pub const ECHO_REPLY: u8 = 0;
pub const DEST_UNREACH: u8 = 3;
pub const REDIRECT: u8 = 5;
pub const ECHO: u8 = 8;
pub const TIMESTAMP: u8 = 13;
pub const TIMESTAMP_REPLY: u8 = 14;
pub const TIME_EXCEEDED: u8 = 11;
pub const PARAMETER_PROBLEM: u8 = 12;
pub const NET_UNREACH: u8 = 0;
pub const HOST_UNREACH: u8 = 1;
pub const PROT_UNREACH: u8 = 2;
pub const PORT_UNREACH: u8 = 3;
pub const FRAG_NEEDED: u8 = 4;
pub const PKT_FILTERED: u8 = 13;
pub const REDIRECT_HOST: u8 = 1;
pub const EXC_TTL: u8 = 0;
pub const EXC_FRAGTIME: u8 = 1;
/// Bytes of an ICMP header.
const HLEN: u16 = 8;

/// Is it an error, which must never be answered by an error (ICMP-1 e)?
fn is_error(kind: u8) -> bool {
    !matches!(kind, ECHO_REPLY | ECHO | 13 | 14 | 15 | 16 | 17 | 18) || kind > 18
}

/// `__icmp_send`: an error about `skb` to its source, if all of ICMP-1 allows it. The packet itself stays with the
/// caller. `info`: the MTU of 3/4, the gateway of a redirect.
pub(super) fn icmp_send(k: &mut Kernel, cx: &mut Cx, skb: &mut SkBuff, kind: u8, code: u8, info: u32) {
    let Some(dst) = skb.meta.dst else { return };
    if skb.meta.pkt_type != PktType::Host || matches!(dst.kind, DstKind::Broadcast | DstKind::Multicast) {
        return;
    }
    let Net::Ip4(ip, l4) = &skb.frame.net else { return };
    if ip.offset() != 0 || matches!(l4, L4::Icmp(i) if is_error(i.kind)) {
        return;
    }
    let ip = *ip;
    // Where the packet came in decides whose tables answer; what was sent from here has come in nowhere.
    let dev = skb.meta.dev;
    let ns = k.devs[dev].ns;
    // What came in by lo asks neither budget.
    let limited = limits::is_limited(k, ns, kind, code) && !k.devs[dev].is_loopback();
    if limited && !limits::global_allow(k, cx, ns) {
        return;
    }
    // ICMP-3: from the address that was asked, if it is ours; else from the one that routing chooses.
    let ours = dst.kind == DstKind::Local;
    let ours = ours || mutated(Mutation::IcmpSourceWrong);
    let src = match (ours, k.net(ns).conf.icmp_errors_use_inbound_ifaddr) {
        (true, _) => ip.dst,
        (false, 0) => 0,
        // Of the device that it came in by; what was sent from here has come in by none.
        (false, _) => k
            .dev_by_index(ns, skb.meta.iif)
            .map_or(0, |rx| super::addr::inet_select_addr(k, ns, Some(rx), ip.src, super::rtnl::Scope::Link)),
    };
    let tos = if mutated(Mutation::IcmpTosWrong) { ip.tos } else { (ip.tos & 0x1e) | 0xc0 };
    let dport = u16::from(kind) << 8 | u16::from(code);
    let flow = Flow { src, tos, proto: IPPROTO_ICMP, dport, ..Flow::to(ip.src) };
    let Ok(rt) = route::ip_route_output(k, ns, &flow, cx.jiffies()) else { return };
    if limited && !peer_allow(k, cx, ns, &rt, ip.src) {
        return;
    }
    // ICMP-6; no room for more than a bare header: nothing is said.
    let mtu = rt.dst.mtu(k);
    let room = (mtu.min(576) as u16).saturating_sub(IP_HLEN + HLEN);
    if room <= IP_HLEN {
        return;
    }
    let quoted = ip.len.min(room);
    let quote = Box::new(Quote { ip, l4: l4.quoted(), tag: skb.frame.payload.tag });
    let answer = Icmp { kind, code, rest: info, quote: Some(quote) };
    let traced = skb.meta.traced;
    let text = skb.meta.traced.then(|| format!("ICMP {} goes to {}", name(kind, code), Ip4Addr(ip.src)));
    if let Some(text) = text {
        cx.note(skb, || text);
    }
    push(k, cx, ns, answer, quoted, &rt, tos, traced, At::IcmpSend);
}

/// `icmpv4_xrlim_allow`: the budget of the destination, unless it is ourselves; then the namespace's is charged.
fn peer_allow(k: &mut Kernel, cx: &mut Cx, ns: NsId, rt: &route::Route, to: u32) -> bool {
    let ok = k.devs[rt.dst.dev].is_loopback() || limits::host_allow(k, cx, ns, to);
    if ok {
        limits::global_consume(k, cx, ns);
    }
    ok
}

/// Builds an ICMP message of `len` bytes behind its header and sends it (`icmp_push_reply`, ICMP-33).
#[allow(clippy::too_many_arguments, reason = "the fields of one message")]
fn push(k: &mut Kernel, cx: &mut Cx, ns: NsId, icmp: Icmp, len: u16, rt: &route::Route, tos: u8, traced: bool, at: At) {
    let mut skb = cx.alloc();
    let net = k.net_mut(ns);
    net.ip_id = net.ip_id.wrapping_add(1);
    let (kind, id, ttl) = (icmp.kind, net.ip_id, rt.ttl(net.conf.ip_default_ttl));
    let ip = Ip4 { src: rt.src, dst: rt.to, len: IP_HLEN + HLEN + len, id, frag: 0, ttl, tos, proto: IPPROTO_ICMP };
    if let Some(q) = &icmp.quote {
        skb.frame.payload.tag = crate::packet::Tag { flow: 0, ..q.tag };
    }
    skb.frame.payload.len = u32::from(len);
    skb.frame.net = Net::Ip4(ip, L4::Icmp(icmp));
    skb.meta.dev = rt.dst.dev;
    skb.meta.traced = traced;
    skb.meta.truesize = sock::truesize(u32::from(len));
    count_out(k, ns, kind);
    cx.at(at, &skb);
    ip_output::ip_send_skb(k, cx, skb, rt.dst);
}

/// Counts an ICMP message that goes out (ICMP-33).
pub(super) fn count_out(k: &mut Kernel, ns: NsId, kind: u8) {
    let mib = &mut k.net_mut(ns).mib;
    mib[M::IcmpOutMsgs] += 1;
    let names = match kind {
        ECHO_REPLY => [M::IcmpOutEchoReps, M::IcmpMsgOutType0],
        DEST_UNREACH => [M::IcmpOutDestUnreachs, M::IcmpMsgOutType3],
        REDIRECT => [M::IcmpOutRedirects, M::IcmpMsgOutType5],
        ECHO => [M::IcmpOutEchos, M::IcmpMsgOutType8],
        TIME_EXCEEDED => [M::IcmpOutTimeExcds, M::IcmpMsgOutType11],
        PARAMETER_PROBLEM => [M::IcmpOutParmProbs, M::IcmpMsgOutType12],
        TIMESTAMP => [M::IcmpOutTimestamps, M::IcmpMsgOutType13],
        TIMESTAMP_REPLY => [M::IcmpOutTimestampReps, M::IcmpMsgOutType14],
        _ => return,
    };
    names.into_iter().for_each(|m| mib[m] += 1);
}

fn count_in(k: &mut Kernel, ns: NsId, kind: u8) {
    let mib = &mut k.net_mut(ns).mib;
    let names = match kind {
        ECHO_REPLY => [M::IcmpInEchoReps, M::IcmpMsgInType0],
        DEST_UNREACH => [M::IcmpInDestUnreachs, M::IcmpMsgInType3],
        REDIRECT => [M::IcmpInRedirects, M::IcmpMsgInType5],
        ECHO => [M::IcmpInEchos, M::IcmpMsgInType8],
        TIME_EXCEEDED => [M::IcmpInTimeExcds, M::IcmpMsgInType11],
        PARAMETER_PROBLEM => [M::IcmpInParmProbs, M::IcmpMsgInType12],
        TIMESTAMP => [M::IcmpInTimestamps, M::IcmpMsgInType13],
        TIMESTAMP_REPLY => [M::IcmpInTimestampReps, M::IcmpMsgInType14],
        _ => {
            let named = match kind {
                4 => Some(M::IcmpInSrcQuenchs),
                17 => Some(M::IcmpInAddrMasks),
                18 => Some(M::IcmpInAddrMaskReps),
                _ => None,
            };
            named.into_iter().for_each(|m| mib[m] += 1);
            return mib.count_icmp_in(kind);
        }
    };
    names.into_iter().for_each(|m| mib[m] += 1);
}

/// "time exceeded", "port unreachable", …
pub fn name(kind: u8, code: u8) -> &'static str {
    match (kind, code) {
        (ECHO_REPLY, _) => "echo reply",
        (ECHO, _) => "echo request",
        (DEST_UNREACH, NET_UNREACH) => "net unreachable",
        (DEST_UNREACH, HOST_UNREACH) => "host unreachable",
        (DEST_UNREACH, PROT_UNREACH) => "protocol unreachable",
        (DEST_UNREACH, PORT_UNREACH) => "port unreachable",
        (DEST_UNREACH, FRAG_NEEDED) => "fragmentation needed",
        (DEST_UNREACH, PKT_FILTERED) => "administratively prohibited",
        (DEST_UNREACH, _) => "destination unreachable",
        (REDIRECT, _) => "redirect",
        (TIME_EXCEEDED, EXC_FRAGTIME) => "fragment reassembly time exceeded",
        (TIME_EXCEEDED, _) => "time exceeded",
        _ => "message",
    }
}

/// `icmp_rcv` (ICMP-24 to 26).
pub(super) fn icmp_rcv(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::IcmpRcv, &skb);
    let ns = k.devs[skb.meta.dev].ns;
    let Net::Ip4(_, L4::Icmp(icmp)) = &skb.frame.net else {
        let mib = &mut k.net_mut(ns).mib;
        mib[M::IcmpInMsgs] += 1;
        mib[M::IcmpInCsumErrors] += 1;
        mib[M::IcmpInErrors] += 1;
        return cx.drop(k, skb, At::IcmpRcv, Reason::ICMP_CSUM);
    };
    let kind = icmp.kind;
    k.net_mut(ns).mib[M::IcmpInMsgs] += 1;
    count_in(k, ns, kind);
    let group = matches!(skb.meta.dst.map(|d| d.kind), Some(DstKind::Broadcast | DstKind::Multicast));
    if group {
        let ignored = matches!(kind, ECHO | TIMESTAMP) && k.net(ns).conf.icmp_echo_ignore_broadcasts != 0;
        if ignored || !matches!(kind, ECHO | TIMESTAMP | 17 | 18) {
            k.net_mut(ns).mib[M::IcmpInErrors] += 1;
            return cx.drop(k, skb, At::IcmpRcv, Reason::INVALID_PROTO);
        }
    }
    match kind {
        ECHO | TIMESTAMP => icmp_reply(k, cx, ns, skb),
        // The kernel's ping_rcv finds no ping socket: harmless, every raw-socket ping shows it.
        ECHO_REPLY => {
            if skb.meta.traced {
                cx.note(&skb, || "the raw socket has its copy; no ping socket".to_owned());
            }
            cx.consume(skb);
        }
        DEST_UNREACH | TIME_EXCEEDED | PARAMETER_PROBLEM | REDIRECT => icmp_unreach(k, cx, ns, skb),
        4 | 14..=18 => cx.consume(skb),
        _ => {
            k.net_mut(ns).mib[M::IcmpInErrors] += 1;
            cx.drop(k, skb, At::IcmpRcv, Reason::UNHANDLED_PROTO);
        }
    }
}

/// `icmp_echo`, `icmp_timestamp` and `icmp_reply`: the kernel answers by itself (ICMP-25, ICMP-28).
fn icmp_reply(k: &mut Kernel, cx: &mut Cx, ns: NsId, skb: SkBuff) {
    let Net::Ip4(ip, L4::Icmp(asked)) = &skb.frame.net else {
        return cx.consume(skb);
    };
    let (kind, len, what) = match asked.kind {
        // Three times of day, made up: they are payload.
        TIMESTAMP => (TIMESTAMP_REPLY, 12, "timestamp reply"),
        _ => (ECHO_REPLY, skb.frame.payload.len as u16, "echo reply"),
    };
    if kind == ECHO_REPLY && k.net(ns).conf.icmp_echo_ignore_all != 0 {
        return cx.consume(skb);
    }
    // Only with a bit for its type in `icmp_ratemask`: answers share the budgets of errors (ICMP-9).
    let limited = limits::is_limited(k, ns, kind, 0);
    if limited && !limits::global_allow(k, cx, ns) {
        return cx.consume(skb);
    }
    let local = k.net(ns).v4.addr_type(ip.dst) == RouteType::Local;
    let local = local && !mutated(Mutation::EchoSourceByRoute);
    let src = if local { ip.dst } else { 0 };
    let flow = Flow { src, tos: ip.tos, proto: IPPROTO_ICMP, ..Flow::to(ip.src) };
    let Ok(rt) = route::ip_route_output(k, ns, &flow, cx.jiffies()) else {
        return cx.consume(skb);
    };
    if limited && !peer_allow(k, cx, ns, &rt, ip.src) {
        return cx.consume(skb);
    }
    let (id, ttl) = {
        let net = k.net_mut(ns);
        net.ip_id = net.ip_id.wrapping_add(1);
        (net.ip_id, rt.ttl(net.conf.ip_default_ttl))
    };
    let ttl = if mutated(Mutation::EchoTtlCopied) { ip.ttl } else { ttl };
    let header = Ip4 { src: rt.src, dst: rt.to, id, frag: 0, ttl, len: IP_HLEN + HLEN + len, ..*ip };
    let reply = Icmp { kind, code: 0, rest: asked.rest, quote: None };
    let mut out = cx.alloc();
    out.frame.payload = skb.frame.payload;
    out.frame.payload.len = u32::from(len);
    out.frame.net = Net::Ip4(header, L4::Icmp(reply));
    out.meta.dev = rt.dst.dev;
    out.meta.traced = skb.meta.traced;
    out.meta.truesize = skb.meta.truesize;
    // Counted by the type of its route's flow, which is 0 for every reply (`fl4_icmp_type`): a timestamp's, too.
    count_out(k, ns, ECHO_REPLY);
    cx.at(At::IcmpReply, &out);
    cx.note(&out, || format!("{what}, {} > {}", Ip4Addr(rt.src), Ip4Addr(rt.to)));
    ip_output::ip_send_skb(k, cx, out, rt.dst);
    cx.consume(skb);
}

/// `icmp_unreach`, `icmp_redirect`: the protocol of the quoted packet hears of it (ICMP-29 to 31).
fn icmp_unreach(k: &mut Kernel, cx: &mut Cx, ns: NsId, skb: SkBuff) {
    if let Net::Ip4(outer, L4::Icmp(Icmp { kind, code, rest, quote: Some(q) })) = &skb.frame.net
        && let Some(info) = believed(k, ns, (*kind, *code), *rest, q.ip.proto)
    {
        let err = sock::IcmpError { kind: *kind, code: *code, info, from: outer.src };
        let dev = skb.meta.dev;
        match q.ip.proto {
            IPPROTO_UDP => sock::udp::udp_err(k, cx, ns, dev, q, err),
            IPPROTO_TCP => sock::tcp::tcp_v4_err(k, cx, ns, &skb, q, err),
            IPPROTO_ICMP => {
                icmp_err(k, cx, ns, dev, q, err);
                sock::raw::ping_err(k, cx, ns, dev, q, err);
            }
            _ => {}
        }
    }
    cx.consume(skb);
}

/// What an error's second word means: the MTU that a router reported, as far as `ip_no_pmtu_disc` lets one believe it (0
/// counts as less than any); `None`: the message is ignored.
fn believed(k: &Kernel, ns: NsId, what: (u8, u8), rest: u32, proto: u8) -> Option<u32> {
    if what != (DEST_UNREACH, FRAG_NEEDED) {
        return Some(rest);
    }
    match k.net(ns).conf.ip_no_pmtu_disc {
        0 => Some(rest & 0xffff),
        2 => None,
        // Only protocols that check who it comes from.
        3 => (proto == IPPROTO_TCP).then_some(rest & 0xffff),
        _ => Some(0),
    }
}

/// `icmp_err`: an error about an echo reply, which no socket sent.
fn icmp_err(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: DevId, q: &Quote, err: sock::IcmpError) {
    if !matches!(q.l4, L4::Icmp(Icmp { kind: ECHO_REPLY, .. })) {
        return;
    }
    let flow = Flow { src: q.ip.src, tos: q.ip.tos, proto: IPPROTO_ICMP, ..Flow::to(q.ip.dst) };
    match (err.kind, err.code) {
        (DEST_UNREACH, FRAG_NEEDED) => route::update_pmtu(k, cx, ns, &flow, err.info),
        (REDIRECT, _) => {
            route::do_redirect(k, cx, ns, dev, &flow, err.from, err.info);
        }
        _ => {}
    }
}

/// `ip_rt_send_redirect` (ICMP-21, 22): the sender could have asked `gateway` itself.
pub(super) fn send_redirect(k: &mut Kernel, cx: &mut Cx, skb: &mut SkBuff, gateway: u32) {
    let ns = k.devs[skb.meta.dev].ns;
    let src = skb.frame.ip4().map_or(0, |ip| ip.src);
    if is_loopback(src) || !redirect_allowed(k, cx, ns, src) {
        return;
    }
    icmp_send(k, cx, skb, REDIRECT, REDIRECT_HOST, gateway);
}
