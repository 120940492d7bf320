//! net/ipv4/ip_forward.c, and `ip_error` for what can't be routed.

use super::{At, Cx, Errno, Kernel, PktType, Reason, SkBuff, icmp, ip_input, ip_output, mib::M, route::Dst};

/// `ip_forward`, in the kernel's order of checks (IP-11 to 17).
pub(super) fn ip_forward(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, dst: Dst) {
    cx.at(At::IpForward, &skb);
    if skb.meta.pkt_type != PktType::Host {
        return cx.drop(k, skb, At::IpForward, Reason::NOT_SPECIFIED);
    }
    let Some(ip) = skb.frame.ip4() else {
        return cx.drop(k, skb, At::IpForward, Reason::NOT_SPECIFIED);
    };
    let (ttl, len, df) = (ip.ttl, u32::from(ip.len), ip.df());
    if ttl <= 1 {
        k.net_of(skb.meta.dev).mib[M::IpInHdrErrors] += 1;
        cx.note(&skb, || format!("ttl {ttl}: exceeded"));
        icmp::icmp_send(k, cx, &mut skb, icmp::TIME_EXCEEDED, icmp::EXC_TTL, 0);
        return cx.drop(k, skb, At::IpForward, Reason::IP_INHDR);
    }
    k.net_of(skb.meta.dev).mib[M::IpForwDatagrams] += 1;
    let mtu = if dst.mtu != 0 { dst.mtu } else { k.devs[dst.dev].mtu };
    if len > mtu && df {
        k.net_of(skb.meta.dev).mib[M::IpFragFails] += 1;
        cx.note(&skb, || format!("{len} bytes, mtu {mtu}, DF is set: fragmentation needed"));
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::FRAG_NEEDED, mtu);
        return cx.drop(k, skb, At::IpForward, Reason::PKT_TOO_BIG);
    }
    if let Some(ip) = skb.frame.ip4_mut() {
        ip.ttl = ttl - 1;
    }
    cx.note(&skb, || format!("≈ ttl {ttl} → {}", ttl - 1));
    if dst.redirect {
        icmp::send_redirect(k, cx, &mut skb, dst.nexthop);
    }
    // NF FORWARD would be called here. IPSTATS: OutRequests does not count forwarded packets (IP-18).
    ip_output::ip_output(k, cx, skb, dst);
}

/// `ip_error` (RT-36, 37).
pub(super) fn ip_error(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, errno: Errno) {
    cx.at(At::IpError, &skb);
    let rx = skb.meta.dev;
    if !ip_input::forwards(k, &skb) {
        let mib = &mut k.net_of(rx).mib;
        let reason = if errno == Errno::ENETUNREACH {
            mib[M::IpExtInNoRoutes] += 1;
            Reason::IP_INNOROUTES
        } else {
            mib[M::IpInAddrErrors] += 1;
            Reason::IP_INADDRERRORS
        };
        return cx.drop(k, skb, At::IpError, reason);
    }
    let (code, reason) = match errno {
        Errno::EHOSTUNREACH => (icmp::HOST_UNREACH, Reason::NOT_SPECIFIED),
        Errno::ENETUNREACH => {
            k.net_of(rx).mib[M::IpExtInNoRoutes] += 1;
            (icmp::NET_UNREACH, Reason::IP_INNOROUTES)
        }
        Errno::EACCES => (icmp::PKT_FILTERED, Reason::NOT_SPECIFIED),
        _ => return cx.drop(k, skb, At::IpError, Reason::NOT_SPECIFIED),
    };
    let src = skb.frame.ip4().map_or(0, |ip| ip.src);
    if icmp::error_allowed(k, cx, rx, src) {
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, code, 0);
    }
    cx.drop(k, skb, At::IpError, reason);
}
