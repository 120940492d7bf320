//! net/ipv4/raw.c for ICMP: what `ping` uses.

use super::{IcmpError, Proto, SockId, Socket, truesize};
use crate::mutation::{Mutation, on as mutated};
use crate::{
    apps,
    kernel::{
        At, Cx, DevId, Errno, Kernel, NsId, Reason, SkBuff, icmp,
        ip_forward::rt_tos2priority,
        ip_output,
        route::{self, DstKind},
    },
    packet::{
        Icmp, Ip4, Ip4Addr, L4, Net, Quote, Tag,
        frame::{IP_HLEN, IPPROTO_ICMP},
    },
};

/// Sends an echo request of `len` bytes of data with this id and sequence number.
///
/// # Errors
/// No route; EACCES for a broadcast address without `SO_BROADCAST`.
#[allow(clippy::too_many_arguments, reason = "a system call's arguments")]
pub fn send_echo(
    k: &mut Kernel,
    cx: &mut Cx,
    id: SockId,
    dst: u32,
    echo: (u16, u16),
    len: u32,
    tag: Tag,
    traced: bool,
) -> Result<(), Errno> {
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    if let Some(e) = s.err.take() {
        return Err(e);
    }
    let (ns, opts) = (s.ns, s.opts);
    // Type and code lie where others have their destination port.
    let flow = s.flow_to(dst, u16::from(icmp::ECHO) << 8);
    let mut skb = cx.alloc();
    skb.meta.traced = traced || cx.obs.follows_too(&tag);
    skb.meta.dev = k.net(ns).devs[0];
    skb.frame.payload.tag = tag;
    skb.frame.payload.len = len;
    cx.at(At::PingSendmsg, &skb);
    cx.copy(At::PingSendmsg, len);
    cx.at(At::IpRouteOutput, &skb);
    let rt = route::ip_route_output_sock(k, cx, id, ns, &flow);
    let rt = match rt {
        Ok(rt) if rt.dst.kind == DstKind::Broadcast && !opts.broadcast => Err(Errno::EACCES),
        other => other,
    };
    let rt = match rt {
        Ok(rt) => rt,
        Err(e) => {
            cx.note(&skb, || format!("sendto: {}", e.text()));
            cx.drop(k, skb, At::PingSendmsg, Reason::IP_OUTNOROUTES);
            return Err(e);
        }
    };
    route::tell_output(k, cx, &skb, ns, &flow, rt.src);
    let mut rt = rt;
    let total = len + 8 + u32::from(IP_HLEN);
    let Some(df) = super::udp::dont_fragment(k, &mut rt.dst, total, opts.pmtudisc) else {
        cx.note(&skb, || format!("sendto: {}", Errno::EMSGSIZE.text()));
        cx.drop(k, skb, At::PingSendmsg, Reason::PKT_TOO_BIG);
        return Err(Errno::EMSGSIZE);
    };
    let net = k.net_mut(ns);
    net.ip_id = net.ip_id.wrapping_add(1);
    let ttl = opts.ttl.unwrap_or(if rt.hoplimit != 0 { rt.hoplimit } else { net.conf.ip_default_ttl });
    let ip = Ip4 {
        src: rt.src,
        dst: rt.to,
        len: total as u16,
        id: net.ip_id,
        frag: df,
        ttl,
        tos: opts.tos,
        proto: IPPROTO_ICMP,
    };
    let rest = u32::from(echo.0) << 16 | u32::from(echo.1);
    skb.frame.net = Net::Ip4(ip, L4::Icmp(Icmp { kind: icmp::ECHO, code: 0, rest, quote: None }));
    skb.meta.dev = rt.dst.dev;
    skb.meta.sock = Some(id);
    skb.meta.priority = rt_tos2priority(opts.tos);
    skb.meta.truesize = truesize(len);
    icmp::count_out(k, ns, icmp::ECHO);
    if ip_output::ip_send_skb(k, cx, skb, rt.dst) && opts.recverr { Err(Errno::ENOBUFS) } else { Ok(()) }
}

/// Every raw ICMP socket of the namespace gets a clone of what it waits for: echo replies and errors (SOCK-75, 76;
/// iputils' `ICMP_FILTER` lets nothing else through). True if there is a raw socket for this protocol.
pub(in crate::kernel) fn raw_local_deliver(k: &mut Kernel, cx: &mut Cx, skb: &SkBuff) -> bool {
    let ns = k.devs[skb.meta.dev].ns;
    let Some(table) = k.net(ns).sockets.as_ref() else { return false };
    if table.raw().is_empty() {
        return false;
    }
    let Net::Ip4(ip, L4::Icmp(icmp)) = &skb.frame.net else { return false };
    if icmp.kind != icmp::ECHO_REPLY {
        return true;
    }
    let echo = (icmp.rest >> 16) as u16;
    let (src, dst) = (ip.src, ip.dst);
    let dev = super::udp::inet_iif(k, ns, skb.meta.dev, dst);
    let ids: Vec<SockId> = table
        .raw()
        .iter()
        .copied()
        .filter(|id| k.sockets.get(*id).is_some_and(|s| s.port == echo && hears(s, dst, src, dev)))
        .collect();
    for id in ids {
        let copy = cx.clone_skb(skb);
        cx.at(At::SockQueueRcv, &copy);
        cx.note(&copy, || format!("? raw socket, echo id {echo}, from {}", Ip4Addr(src)));
        queue(k, cx, id, copy);
    }
    true
}

/// `raw_v4_match`, all but the protocol.
fn hears(s: &Socket, local: u32, remote: u32, dev: DevId) -> bool {
    let device = s.opts.device.is_none_or(|d| d == dev);
    device && (s.peer == 0 || s.peer == remote) && (s.rcv_addr == 0 || s.rcv_addr == local)
}

fn queue(k: &mut Kernel, cx: &mut Cx, id: SockId, skb: SkBuff) {
    let Some(s) = k.sockets.get_mut(id) else {
        return cx.drop(k, skb, At::SockQueueRcv, Reason::NO_SOCKET);
    };
    // `sock_queue_rcv_skb`: unlike UDP, one packet may overshoot.
    if s.rmem >= s.rcvbuf {
        s.drops += 1;
        return cx.drop(k, skb, At::SockQueueRcv, Reason::SOCKET_RCVBUFF);
    }
    s.rmem += skb.meta.truesize;
    let owner = s.owner;
    s.queue.push_back(skb);
    if let Some(task) = owner {
        apps::sock_ready(k, cx, task);
    }
}

/// `raw_err`: an ICMP error about an echo request that was sent from here; ping sets `IP_RECVERR`.
pub(in crate::kernel) fn ping_err(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: DevId, q: &Quote, err: IcmpError) {
    let L4::Icmp(inner) = &q.l4 else { return };
    let echo = (inner.rest >> 16) as u16;
    let Some(table) = k.net(ns).sockets.as_ref() else { return };
    let ids: Vec<SockId> = table.raw().to_vec();
    for id in ids {
        // An error that is made here comes by lo: no socket hears of it that is bound to another device.
        if !k.sockets.get(id).is_some_and(|s| hears(s, q.ip.src, q.ip.dst, dev)) {
            continue;
        }
        if super::udp::learn(k, cx, ns, dev, id, &q.ip, err) {
            continue;
        }
        let Some(s) = k.sockets.get_mut(id) else { continue };
        // An error about what was sent from here comes by lo, which is not the device that the socket is bound to.
        if s.opts.device.is_some_and(|d| d != dev) {
            continue;
        }
        if s.port != echo || s.proto != Proto::RawIcmp || mutated(Mutation::ErrnoForgotten) {
            continue;
        }
        s.errqueue.push_back(err);
        if let Some(task) = s.owner {
            apps::sock_ready(k, cx, task);
        }
    }
}
