//! net/ipv4/ip_forward.c, and `ip_error` for what can't be routed.

use super::{
    At, Cx, Errno, Kernel, PktType, Reason, SkBuff, icmp,
    ip_output::{self, Out},
    mib::M,
    route::{Dst, In},
    shortcut,
    sysctl::ConfBits,
};
use crate::mutation::{Mutation, on as mutated};

/// `rt_tos2priority`: `skb->priority`, which picks the band of pfifo_fast (QD-07).
#[inline]
pub(crate) fn rt_tos2priority(tos: u8) -> u32 {
    const PRIORITY: [u8; 16] = [0, 0, 0, 0, 2, 2, 2, 2, 6, 6, 6, 6, 4, 4, 4, 4];
    u32::from(PRIORITY[usize::from(tos >> 1 & 15)])
}

/// `ip_forward`, in the kernel's order of checks (IP-11 to 17).
#[inline]
pub(super) fn ip_forward(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, dst: Dst, rx: In) {
    cx.at(At::IpForward, &skb);
    if skb.meta.pkt_type != PktType::Host {
        return cx.drop(k, skb, At::IpForward, Reason::NOT_SPECIFIED);
    }
    let Some(ip) = skb.frame.ip4() else {
        return cx.drop(k, skb, At::IpForward, Reason::NOT_SPECIFIED);
    };
    let (ttl, len, df, tos) = (ip.ttl, u32::from(ip.len), ip.df(), ip.tos);
    if ttl <= 1 && !mutated(Mutation::TtlOneTooMany) {
        return ttl_exceeded(k, cx, skb, rx, dst, ttl);
    }
    k.net_mut(rx.ns).mib[M::IpForwDatagrams] += 1;
    let out = Out::by(k, dst);
    if len > out.mtu && df {
        return too_big(k, cx, skb, rx, &out);
    }
    if let Some(ip) = skb.frame.ip4_mut() {
        ip.ttl = if mutated(Mutation::TtlKept) { ttl } else { ttl.wrapping_sub(1) };
    }
    cx.note(&skb, || format!("≈ ttl {ttl} → {}", ttl.wrapping_sub(1)));
    if dst.redirect {
        skb.meta.dst = Some(dst);
        icmp::send_redirect(k, cx, &mut skb, dst.nexthop);
    }
    skb.meta.priority = rt_tos2priority(tos);
    shortcut::learn(k, cx, &skb, rx, dst, Some(&out));
    // NF FORWARD would be called here. IPSTATS: OutRequests does not count forwarded packets (IP-18).
    ip_output::ip_output(k, cx, skb, &out);
}

#[cold]
fn ttl_exceeded(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, rx: In, dst: Dst, ttl: u8) {
    skb.meta.dst = Some(dst);
    k.net_mut(rx.ns).mib[M::IpInHdrErrors] += 1;
    if mutated(Mutation::QuoteDecremented)
        && let Some(ip) = skb.frame.ip4_mut()
    {
        ip.ttl = ttl.wrapping_sub(1);
    }
    cx.note(&skb, || format!("ttl {ttl}: exceeded"));
    icmp::icmp_send(k, cx, &mut skb, icmp::TIME_EXCEEDED, icmp::EXC_TTL, 0);
    cx.drop(k, skb, At::IpForward, Reason::IP_INHDR);
}

#[cold]
fn too_big(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, rx: In, out: &Out) {
    let mtu = out.mtu;
    skb.meta.dst = Some(out.dst);
    k.net_mut(rx.ns).mib[M::IpFragFails] += 1;
    let len = skb.frame.net_len();
    cx.note(&skb, || format!("{len} bytes, mtu {mtu}, DF is set: fragmentation needed"));
    icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::FRAG_NEEDED, mtu);
    cx.drop(k, skb, At::IpForward, Reason::PKT_TOO_BIG);
}

/// `ip_error` (RT-36, 37).
pub(super) fn ip_error(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, errno: Errno, rx: In) {
    cx.at(At::IpError, &skb);
    if !rx.conf.has(ConfBits::FORWARDING) {
        let mib = &mut k.net_mut(rx.ns).mib;
        let reason = if errno == Errno::ENETUNREACH {
            mib[M::IpExtInNoRoutes] += 1;
            Reason::IP_INNOROUTES
        } else {
            mib[M::IpInAddrErrors] += 1;
            Reason::IP_INADDRERRORS
        };
        return cx.drop(k, skb, At::IpError, reason);
    }
    if errno == Errno::EHOSTUNREACH && mutated(Mutation::IcmpCodeWrong) {
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::NET_UNREACH, 0);
        return cx.drop(k, skb, At::IpError, Reason::NOT_SPECIFIED);
    }
    if errno == Errno::EINVAL && mutated(Mutation::BlackholeTells) {
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::HOST_UNREACH, 0);
    }
    let (code, reason) = match errno {
        Errno::EHOSTUNREACH => (icmp::HOST_UNREACH, Reason::NOT_SPECIFIED),
        Errno::ENETUNREACH => {
            k.net_mut(rx.ns).mib[M::IpExtInNoRoutes] += 1;
            (icmp::NET_UNREACH, Reason::IP_INNOROUTES)
        }
        Errno::EACCES => (icmp::PKT_FILTERED, Reason::NOT_SPECIFIED),
        _ => return cx.drop(k, skb, At::IpError, Reason::NOT_SPECIFIED),
    };
    let src = skb.frame.ip4().map_or(0, |ip| ip.src);
    if icmp::error_allowed(k, cx, rx.dev, src) {
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, code, 0);
    }
    cx.drop(k, skb, At::IpError, reason);
}
