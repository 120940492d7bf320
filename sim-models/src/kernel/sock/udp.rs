//! net/ipv4/udp.c: sending, lookup on receive, buffer accounting, errors.

use super::{
    IcmpError, PmtuDisc, Received, SockId, again,
    lookup::{self, Tuple},
    no_route, truesize,
};
use crate::mutation::{Mutation, on as mutated};
use crate::{
    apps,
    kernel::{
        At, Cx, DevId, Errno, Kernel, NsId, Reason, SkBuff,
        fib::Key,
        icmp,
        ip_forward::rt_tos2priority,
        ip_output,
        mib::M,
        route::{self, DstKind},
        rtnl::RouteType,
        shortcut,
    },
    packet::{
        Ip4, Ip4Addr, L4, Net, Quote, Tag,
        frame::{IP_DF, IP_HLEN, IPPROTO_UDP},
    },
};

/// Bytes of a UDP header.
pub const UDP_HLEN: u16 = 8;
/// The largest payload (UDP-02), bytes.
pub const MAX_PAYLOAD: u32 = 65_507;

/// `connect`: sets the peer; a wildcard socket gets the source address that routing chooses (SOCK-34).
///
/// # Errors
/// No route, no free port; EACCES for a broadcast address without `SO_BROADCAST`.
pub fn connect(k: &mut Kernel, cx: &mut Cx, id: SockId, addr: u32, port: u16) -> Result<(), Errno> {
    // `inet_dgram_connect` gives it a port, which it keeps even if there is no route.
    if k.sockets.get(id).is_some_and(|s| s.port == 0) {
        lookup::bind(k, id, 0, 0)?;
    }
    let s = k.sockets.get(id).ok_or(Errno::EINVAL)?;
    let ns = s.ns;
    let flow = s.flow_to(addr, port);
    let broadcast = s.opts.broadcast;
    cx.work(At::IpRouteOutput);
    let rt = route::ip_route_output(k, ns, &flow, cx.jiffies()).inspect_err(|e| no_route(k, ns, *e))?;
    if rt.dst.kind == DstKind::Broadcast && !broadcast {
        return Err(Errno::EACCES);
    }
    again::settle_one(k, cx, id);
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    s.again = None;
    (s.peer, s.peer_port) = (rt.to, port);
    k.sockets.changed();
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    if s.src_addr == 0 {
        s.src_addr = rt.src;
    }
    if s.rcv_addr == 0 {
        lookup::rehash(k, id, rt.src);
    }
    Ok(())
}

/// `sendto` (`udp_sendmsg`, UDP-01 to 07): `to` `None` sends to the connected peer. All the way to the device happens
/// inside this call; the receive side runs in the softirq after it.
///
/// # Errors
/// As `sendto(2)`: a pending `sk_err`, EMSGSIZE, no route, EACCES for broadcast, ENOBUFS for a full neighbour table.
#[allow(clippy::too_many_arguments, reason = "a system call's arguments")]
#[inline]
pub fn sendto(
    k: &mut Kernel,
    cx: &mut Cx,
    id: SockId,
    to: Option<(u32, u16)>,
    len: u32,
    tag: Tag,
    traced: bool,
) -> Result<u32, Errno> {
    if let (Some(to), false) = (to, traced)
        && let Some(dropped) = again::take(k, cx, id, to, len, tag)
    {
        return if dropped { discarded_again(k, cx, id, len) } else { Ok(len) };
    }
    udp_sendmsg(k, cx, id, to, len, tag, traced)
}

/// The long way.
#[allow(clippy::too_many_arguments, reason = "a system call's arguments")]
fn udp_sendmsg(
    k: &mut Kernel,
    cx: &mut Cx,
    id: SockId,
    to: Option<(u32, u16)>,
    len: u32,
    tag: Tag,
    traced: bool,
) -> Result<u32, Errno> {
    if len > MAX_PAYLOAD {
        return Err(Errno::EMSGSIZE);
    }
    if k.sockets.get(id).is_some_and(|s| s.port == 0) {
        lookup::bind(k, id, 0, 0)?;
    }
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    if let Some(e) = s.err.take() {
        return Err(e);
    }
    let (addr, port) = to.unwrap_or((s.peer, s.peer_port));
    if port == 0 {
        return Err(if to.is_some() { Errno::EINVAL } else { Errno::EDESTADDRREQ });
    }
    let (ns, opts, sport) = (s.ns, s.opts, s.port);
    let flow = s.flow_to(addr, port);
    let mut skb = cx.alloc();
    skb.meta.traced = traced || cx.obs.follows_too(&tag);
    skb.meta.dev = k.net(ns).devs[0];
    skb.frame.payload.tag = tag;
    skb.frame.payload.len = len;
    cx.at(At::UdpSendmsg, &skb);
    cx.copy(At::UdpSendmsg, len);
    cx.at(At::IpRouteOutput, &skb);
    let mut rt = match route::ip_route_output_sock(k, cx, id, ns, &flow) {
        Ok(rt) => rt,
        Err(e) => {
            no_route(k, ns, e);
            return give_up(k, cx, skb, e);
        }
    };
    route::tell_output(k, cx, &skb, ns, &flow, rt.src);
    if rt.dst.kind == DstKind::Broadcast && !opts.broadcast {
        return give_up(k, cx, skb, Errno::EACCES);
    }
    let total = len + u32::from(UDP_HLEN + IP_HLEN);
    let Some(df) = dont_fragment(k, &mut rt.dst, total, opts.pmtudisc) else {
        return give_up(k, cx, skb, Errno::EMSGSIZE);
    };
    let net = k.net_mut(ns);
    net.mib[M::UdpOutDatagrams] += 1;
    net.ip_id = net.ip_id.wrapping_add(1);
    let (ip_id, default_ttl) = (net.ip_id, net.conf.ip_default_ttl);
    let ttl = match opts.ttl {
        Some(ttl) => ttl,
        None if rt.dst.kind == DstKind::Multicast => 1,
        None if rt.hoplimit != 0 => rt.hoplimit,
        None => default_ttl,
    };
    let ip =
        Ip4 { src: rt.src, dst: rt.to, len: total as u16, id: ip_id, frag: df, ttl, tos: opts.tos, proto: IPPROTO_UDP };
    again::learn(k, cx, id, &rt, (&ip, port), len);
    skb.frame.net = Net::Ip4(ip, L4::Udp { sport, dport: port });
    skb.meta.sock = Some(id);
    skb.meta.mark = opts.mark;
    skb.meta.priority = rt_tos2priority(opts.tos);
    skb.meta.truesize = truesize(len);
    skb.meta.dev = rt.dst.dev;
    if ip_output::ip_send_skb(k, cx, skb, rt.dst) { discarded(k, ns, opts.recverr, len) } else { Ok(len) }
}

#[cold]
fn discarded_again(k: &mut Kernel, cx: &mut Cx, id: SockId, len: u32) -> Result<u32, Errno> {
    again::discarded(k, cx, id);
    let s = k.sockets.get(id).ok_or(Errno::EINVAL)?;
    let (ns, recverr) = (s.ns, s.opts.recverr);
    discarded(k, ns, recverr, len)
}

/// The datagram got no further than the first device: counted, and told to those who ask for errors (`IP_RECVERR`).
#[cold]
fn discarded(k: &mut Kernel, ns: NsId, recverr: bool, len: u32) -> Result<u32, Errno> {
    let mib = &mut k.net_mut(ns).mib;
    mib[M::UdpOutDatagrams] -= 1;
    if recverr {
        return Err(Errno::ENOBUFS);
    }
    mib[M::UdpSndbufErrors] += 1;
    Ok(len)
}

/// The DF flag of a packet of `total` bytes (IP-24, 25, UDP-03); `None`: it is refused. Who does not believe in learned
/// MTUs goes by the device's.
#[inline]
pub(super) fn dont_fragment(k: &Kernel, dst: &mut route::Dst, total: u32, how: PmtuDisc) -> Option<u16> {
    if matches!(how, PmtuDisc::Probe | PmtuDisc::Interface | PmtuDisc::Omit) {
        dst.mtu = 0;
    }
    let mtu = dst.mtu(k);
    if mutated(Mutation::DfLost) {
        return Some(0);
    }
    match how {
        PmtuDisc::Dont | PmtuDisc::Omit => Some(0),
        PmtuDisc::Want if total > mtu || dst.locked => Some(0),
        PmtuDisc::Do | PmtuDisc::Probe | PmtuDisc::Interface if total > mtu => None,
        PmtuDisc::Interface => Some(0),
        PmtuDisc::Want | PmtuDisc::Do | PmtuDisc::Probe => Some(IP_DF),
    }
}

/// The datagram never came to be: the sender has its error.
fn give_up(k: &Kernel, cx: &mut Cx, skb: SkBuff, e: Errno) -> Result<u32, Errno> {
    cx.note(&skb, || format!("sendto: {}", e.text()));
    let reason = if e == Errno::EMSGSIZE { Reason::PKT_TOO_BIG } else { Reason::IP_OUTNOROUTES };
    cx.drop(k, skb, At::UdpSendmsg, reason);
    Err(e)
}

/// `inet_iif`: the device that a packet counts as having come in by: one to oneself, by the owner of the address
/// (SOCK-24).
#[inline]
pub(super) fn inet_iif(k: &Kernel, ns: NsId, dev: DevId, daddr: u32) -> DevId {
    if !k.devs[dev].is_loopback() {
        return dev;
    }
    k.net(ns).v4.find(&Key::to(daddr)).ok().filter(|hit| hit.kind == RouteType::Local).map_or(dev, |hit| hit.dev)
}

/// `udp_rcv` (SOCK-30 to 43).
pub(in crate::kernel) fn udp_rcv(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    cx.at(At::UdpRcv, &skb);
    let dev = skb.meta.dev;
    let ns = k.devs[dev].ns;
    let Net::Ip4(ip, l4) = &skb.frame.net else {
        return cx.drop(k, skb, At::UdpRcv, Reason::NOT_SPECIFIED);
    };
    let Some((sport, dport)) = l4.ports() else {
        return cx.drop(k, skb, At::UdpRcv, Reason::NOT_SPECIFIED);
    };
    let dev = inet_iif(k, ns, dev, ip.dst);
    let t = Tuple { saddr: ip.src, sport, daddr: ip.dst, dport, dev };
    if matches!(skb.meta.dst.map(|d| d.kind), Some(DstKind::Broadcast | DstKind::Multicast)) {
        // `udp4_csum_init`: the sum of a short datagram is looked at before anything else.
        if bad_sum(&skb) && skb.frame.net_len() - u32::from(IP_HLEN) <= CHECKSUM_BREAK {
            count_bad_sum(k, ns);
            return cx.drop(k, skb, At::UdpRcv, Reason::UDP_CSUM);
        }
        return deliver_group(k, cx, ns, skb, &t);
    }
    let found = k.net(ns).sockets.as_ref().and_then(|table| table.udp(&k.sockets, &t));
    if let Some(id) = found {
        cx.note(&skb, || socket_text(k, id));
        shortcut::found(k, &skb, id);
        return queue_rcv(k, cx, id, skb);
    }
    if bad_sum(&skb) {
        count_bad_sum(k, ns);
        return cx.drop(k, skb, At::UdpRcv, Reason::UDP_CSUM);
    }
    cx.note(&skb, || format!("? no socket listens on {}:{}", Ip4Addr(t.daddr), t.dport));
    k.net_mut(ns).mib[M::UdpNoPorts] += 1;
    if !mutated(Mutation::IcmpSilent) {
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::PORT_UNREACH, 0);
    }
    cx.drop(k, skb, At::UdpRcv, Reason::NO_SOCKET);
}

/// Bytes from the UDP header on (`CHECKSUM_BREAK`).
const CHECKSUM_BREAK: u32 = 76;

/// A wrong checksum is noticed where nobody listens, or where the datagram is read.
fn bad_sum(skb: &SkBuff) -> bool {
    matches!(skb.frame.net, Net::Ip4(_, L4::Wrong(_)))
}

#[cold]
fn count_bad_sum(k: &mut Kernel, ns: NsId) {
    let mib = &mut k.net_mut(ns).mib;
    mib[M::UdpInCsumErrors] += 1;
    mib[M::UdpInErrors] += 1;
}

fn socket_text(k: &Kernel, id: SockId) -> String {
    match k.sockets.get(id) {
        Some(s) => format!("? listening: socket {}:{}", Ip4Addr(s.rcv_addr), s.port),
        None => String::new(),
    }
}

/// `__udp4_lib_mcast_deliver`: every matching socket gets a copy (SOCK-39, 40).
fn deliver_group(k: &mut Kernel, cx: &mut Cx, ns: NsId, skb: SkBuff, t: &Tuple) {
    let ids = k.net(ns).sockets.as_ref().map(|table| table.udp_all(&k.sockets, t)).unwrap_or_default();
    if ids.is_empty() {
        k.net_mut(ns).mib[M::UdpIgnoredMulti] += 1;
        cx.note(&skb, || format!("? no socket listens on {}:{}", Ip4Addr(t.daddr), t.dport));
        return cx.drop(k, skb, At::UdpRcv, Reason::NOT_SPECIFIED);
    }
    for id in ids {
        let copy = cx.clone_skb(&skb);
        queue_rcv(k, cx, id, copy);
    }
    cx.consume(skb);
}

/// `udp_rcv` for a socket that is known already.
#[inline]
pub(in crate::kernel) fn udp_rcv_to(k: &mut Kernel, cx: &mut Cx, id: SockId, skb: SkBuff) {
    cx.work(At::UdpRcv);
    queue_rcv(k, cx, id, skb);
}

/// `__udp_enqueue_schedule_skb` (UDP-20, 21).
#[inline]
fn queue_rcv(k: &mut Kernel, cx: &mut Cx, id: SockId, mut skb: SkBuff) {
    if k.sockets.get(id).is_some_and(|s| s.encap) {
        return crate::drivers::vxlan::rcv(k, cx, skb);
    }
    cx.at(At::SockQueueRcv, &skb);
    let size = skb.meta.truesize;
    let Some(s) = k.sockets.get_mut(id) else {
        return cx.drop(k, skb, At::SockQueueRcv, Reason::NO_SOCKET);
    };
    if s.rmem != 0 && s.rmem + size > s.rcvbuf && !mutated(Mutation::RcvbufUnlimited) {
        return receive_buffer_full(k, cx, id, skb);
    }
    s.rmem += size;
    skb.meta.since = cx.clock.ps();
    let owner = s.owner;
    s.queue.push_back(skb);
    if let Some(task) = owner {
        apps::sock_ready(k, cx, task);
    }
}

#[cold]
fn receive_buffer_full(k: &mut Kernel, cx: &mut Cx, id: SockId, skb: SkBuff) {
    let mib = &mut k.net_of(skb.meta.dev).mib;
    mib[M::UdpRcvbufErrors] += 1;
    mib[M::UdpInErrors] += 1;
    if let Some(s) = k.sockets.get_mut(id) {
        s.drops += 1;
        let (rmem, rcvbuf) = (s.rmem, s.rcvbuf);
        cx.note(&skb, || format!("receive buffer: {rmem} of {rcvbuf} bytes in use"));
    }
    cx.drop(k, skb, At::SockQueueRcv, Reason::SOCKET_RCVBUFF);
}

/// Would `recvfrom` find something, a datagram or an error?
#[inline]
pub fn is_readable(k: &Kernel, id: SockId) -> bool {
    k.sockets.get(id).is_some_and(|s| !s.queue.is_empty() || s.err.is_some())
}

/// `recvfrom` without waiting: a datagram, or a pending error, or nothing.
///
/// # Errors
/// `sk_err`, reported once.
pub fn recvfrom(k: &mut Kernel, cx: &mut Cx, id: SockId) -> Result<Option<Received>, Errno> {
    let Some(s) = k.sockets.get_mut(id) else { return Err(Errno::EINVAL) };
    if let Some(e) = s.err.take() {
        return Err(e);
    }
    let Some(skb) = s.queue.pop_front() else { return Ok(None) };
    // UDP-26, 27: the reader takes the whole queue over, and gives memory back late.
    if s.reader == 0 {
        s.reader = s.queue.len() + 1;
    }
    s.reader -= 1;
    s.deficit += skb.meta.truesize;
    // Only UDP gives back late.
    if s.deficit >= s.rcvbuf >> 2 || s.reader == 0 || s.proto != super::Proto::Udp {
        s.rmem = s.rmem.saturating_sub(s.deficit);
        s.deficit = 0;
    }
    let ns = s.ns;
    let udp = s.proto == super::Proto::Udp;
    if bad_sum(&skb) {
        count_bad_sum(k, ns);
        cx.drop(k, skb, At::RecvMsg, Reason::UDP_CSUM);
        return recvfrom(k, cx, id);
    }
    cx.at(At::RecvMsg, &skb);
    cx.copy(At::RecvMsg, skb.frame.payload.len);
    if udp {
        k.net_mut(ns).mib[M::UdpInDatagrams] += 1;
    }
    let got = read(&skb);
    cx.delivered(skb);
    Ok(Some(got))
}

fn read(skb: &SkBuff) -> Received {
    let mut got = Received {
        from: 0,
        port: 0,
        to: 0,
        len: skb.frame.payload.len,
        ttl: 0,
        tag: skb.frame.payload.tag,
        icmp: (0, 0, 0),
        traced: skb.meta.traced,
    };
    if let Net::Ip4(ip, l4) = &skb.frame.net {
        (got.from, got.to, got.ttl) = (ip.src, ip.dst, ip.ttl);
        match l4 {
            L4::Udp { sport, .. } => got.port = *sport,
            L4::Icmp(i) => got.icmp = (i.kind, i.code, i.rest),
            _ => {}
        }
    }
    got
}

/// `__udp4_lib_err`: an ICMP error about a datagram that was sent from here (UDP-40 to 45).
pub(in crate::kernel) fn udp_err(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: DevId, q: &Quote, err: IcmpError) {
    let L4::Udp { sport, dport } = q.l4 else { return };
    let t = Tuple { saddr: q.ip.dst, sport: dport, daddr: q.ip.src, dport: sport, dev };
    let Some(id) = k.net(ns).sockets.as_ref().and_then(|table| table.udp(&k.sockets, &t)) else {
        k.net_mut(ns).mib[M::IcmpInErrors] += 1;
        return;
    };
    if learn(k, cx, ns, dev, id, &q.ip, err) {
        return;
    }
    let Some(s) = k.sockets.get_mut(id) else { return };
    let (errno, fatal) = err.errno();
    if s.opts.recverr {
        s.errqueue.push_back(err);
    } else if !fatal || s.peer == 0 {
        return;
    }
    s.err = Some(errno);
    if let Some(task) = s.owner {
        apps::sock_ready(k, cx, task);
    }
}

/// What a socket's packets teach about their destination: a smaller MTU, a better gateway (`ipv4_sk_update_pmtu`,
/// `ipv4_sk_redirect`). True: that is all that there is to it.
pub(super) fn learn(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: DevId, id: SockId, sent: &Ip4, err: IcmpError) -> bool {
    let Some(s) = k.sockets.get(id) else { return true };
    let how = s.opts.pmtudisc;
    // Ports are not asked for.
    let flow = route::Flow { src: sent.src, sport: 0, ..s.flow_to(sent.dst, 0) };
    match (err.kind, err.code) {
        (icmp::DEST_UNREACH, icmp::FRAG_NEEDED) => {
            if !matches!(how, PmtuDisc::Interface | PmtuDisc::Omit) {
                route::update_pmtu(k, cx, ns, &flow, err.info);
            }
            how == PmtuDisc::Dont
        }
        (icmp::REDIRECT, _) => {
            route::do_redirect(k, cx, ns, dev, &flow, err.from, err.info);
            true
        }
        _ => false,
    }
}
