//! As much of TCP as a connection attempt to a closed port needs: the SYN and its retries, the RST that answers it.
//! Listening and data are not supported yet.

use super::{
    IcmpError, PmtuDisc, Proto, SockId, Socket,
    lookup::{self, Tuple},
    no_route, truesize,
};
use crate::{
    apps,
    kernel::{
        At, Cx, Errno, Kernel, NsId, Reason, SkBuff, icmp,
        ip_forward::rt_tos2priority,
        ip_output,
        mib::M,
        route::{self, DstKind, Flow},
        timer::{self, Timer, TimerId},
    },
    packet::{
        Ip4, Ip4Addr, L4, Net, Quote, Tag, Tcp,
        frame::{IP_DF, IP_HLEN, IPPROTO_TCP, TCP_ACK, TCP_RST, TCP_SYN},
    },
};

/// `sk_state`, the part that is modelled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    Closed,
    SynSent,
}

/// What a connection attempt remembers.
#[derive(Clone, Copy, Debug, Default)]
pub struct Probe {
    iss: u32,
    retries: u32,
    timer: Option<(u32, TimerId)>,
    /// Which attempt of which flow it is, and whether the walk follows it.
    tag: Tag,
    traced: bool,
}

/// Header of a SYN with the default options (TCP-01): MSS, SACK, timestamps, window scale.
const SYN_HLEN: u8 = 40;
/// `tcp_syn_retries` and `tcp_syn_linear_timeouts` (TCP-07).
const SYN_RETRIES: u32 = 6;
const LINEAR: u32 = 4;

/// `connect` (`tcp_v4_connect`): binds if needed and sends a SYN. The outcome arrives as `sk_err`.
///
/// # Errors
/// No route, no port, no free 4-tuple.
pub fn connect(
    k: &mut Kernel,
    cx: &mut Cx,
    id: SockId,
    (addr, port): (u32, u16),
    (tag, traced): (Tag, bool),
) -> Result<(), Errno> {
    let s = k.sockets.get(id).ok_or(Errno::EINVAL)?;
    let ns = s.ns;
    let flow = s.flow_to(addr, port);
    cx.work(At::IpRouteOutput);
    let rt = route::ip_route_output(k, ns, &flow, cx.jiffies()).inspect_err(|e| no_route(k, ns, *e))?;
    if matches!(rt.dst.kind, DstKind::Broadcast | DstKind::Multicast) {
        return Err(Errno::ENETUNREACH);
    }
    if k.sockets.get(id).is_some_and(|s| s.port == 0) {
        lookup::bind(k, id, 0, 0)?;
    }
    lookup::rehash(k, id, rt.src);
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    (s.peer, s.peer_port, s.src_addr) = (rt.to, port, rt.src);
    s.proto = Proto::Tcp(State::SynSent);
    s.tcp = Probe { iss: u32::from(s.port) << 16 | 1, tag, traced, ..Probe::default() };
    k.net_mut(ns).mib[M::TcpActiveOpens] += 1;
    send_syn(k, cx, id);
    Ok(())
}

fn send_syn(k: &mut Kernel, cx: &mut Cx, id: SockId) {
    let Some(s) = k.sockets.get(id) else { return };
    let (ns, retries) = (s.ns, s.tcp.retries);
    let (tag, traced) = (s.tcp.tag, s.tcp.traced || cx.obs.follows_too(&s.tcp.tag));
    let flow = s.flow_to(s.peer, s.peer_port);
    let header = Tcp {
        sport: s.port,
        dport: s.peer_port,
        seq: s.tcp.iss,
        ack: 0,
        flags: TCP_SYN,
        hlen: SYN_HLEN,
        window: 64_240,
    };
    let (ttl, tos, mark) = (s.opts.ttl, s.opts.tos, s.opts.mark);
    let fragments = s.opts.pmtudisc == PmtuDisc::Dont;
    let Ok(rt) = route::ip_route_output(k, ns, &flow, cx.jiffies()) else { return };
    let net = k.net_mut(ns);
    net.ip_id = net.ip_id.wrapping_add(1);
    let ttl = ttl.unwrap_or(rt.ttl(net.conf.ip_default_ttl));
    // What is sent again is no OutSegs.
    if retries == 0 {
        net.mib[M::TcpOutSegs] += 1;
    } else {
        net.mib[M::TcpRetransSegs] += 1;
        net.mib[M::TcpExtTCPSynRetrans] += 1;
    }
    let ip_id = net.ip_id;
    let mut skb = build(cx, header, rt.src, rt.to, ip_id, ttl, tos);
    if let (Net::Ip4(ip, _), true) = (&mut skb.frame.net, fragments) {
        ip.frag = 0;
    }
    skb.frame.payload.tag = tag;
    skb.meta.traced = traced;
    skb.meta.sock = Some(id);
    skb.meta.mark = mark;
    skb.meta.priority = rt_tos2priority(tos);
    skb.meta.dev = rt.dst.dev;
    cx.at(At::TcpConnect, &skb);
    // The timer of a neighbour that is asked now was armed before this one: it rings after it (TIME-9).
    ip_output::ip_local_out(k, cx, skb, rt.dst);
    again(k, cx, id);
}

/// Sets the timer for the next retry: 1 s for the first ones, then twice as long each time (TCP-07).
fn again(k: &mut Kernel, cx: &mut Cx, id: SockId) {
    let Some(retries) = k.sockets.get(id).map(|s| s.tcp.retries) else { return };
    let seconds = 1u64 << retries.saturating_sub(LINEAR);
    let ticks = seconds * u64::from(k.hz);
    let timer = timer::add_timer(k, cx, Timer::Tcp(id), ticks);
    if let Some(s) = k.sockets.get_mut(id) {
        s.tcp.timer = Some((cx.cpu, timer));
    }
}

/// Is a packet of this socket still in a queue below it (`skb_still_in_host_queue`)?
fn still_waits(k: &Kernel, id: SockId) -> bool {
    let mut found = false;
    let own: &mut dyn FnMut(&SkBuff) = &mut |skb| found |= skb.meta.sock == Some(id);
    k.neigh4.each_waiting(own);
    found
}

fn build(cx: &mut Cx, header: Tcp, src: u32, dst: u32, id: u16, ttl: u8, tos: u8) -> SkBuff {
    let mut skb = cx.alloc();
    let len = IP_HLEN + u16::from(header.hlen);
    let ip = Ip4 { src, dst, len, id, frag: IP_DF, ttl, tos, proto: IPPROTO_TCP };
    skb.frame.net = Net::Ip4(ip, L4::Tcp(header));
    skb.meta.truesize = truesize(0);
    skb
}

/// The retransmission timer of a SYN.
pub(crate) fn syn_timer(k: &mut Kernel, cx: &mut Cx, id: SockId) {
    let Some(s) = k.sockets.get_mut(id) else { return };
    s.tcp.timer = None;
    if s.proto != Proto::Tcp(State::SynSent) {
        return;
    }
    let ns = s.ns;
    s.tcp.retries += 1;
    let retries = s.tcp.retries;
    let mib = &mut k.net_mut(ns).mib;
    mib[M::TcpExtTCPTimeouts] += 1;
    if retries > SYN_RETRIES + LINEAR {
        mib[M::TcpExtTCPAbortOnTimeout] += 1;
        return fail(k, cx, id, Errno::ETIMEDOUT);
    }
    mib[M::TcpExtTcpTimeoutRehash] += 1;
    if still_waits(k, id) {
        // The last one has not left the host: it waits for ARP. Nothing is sent again (ICMP-23).
        k.net_mut(ns).mib[M::TcpExtTCPSpuriousRtxHostQueues] += 1;
        return again(k, cx, id);
    }
    let mib = &mut k.net_mut(ns).mib;
    // From the second on, what is lost was itself sent again.
    mib[M::TcpExtTCPLostRetransmit] += u64::from(retries > 1);
    send_syn(k, cx, id);
}

fn fail(k: &mut Kernel, cx: &mut Cx, id: SockId, why: Errno) {
    let Some(s) = k.sockets.get_mut(id) else { return };
    s.err = Some(why);
    s.proto = Proto::Tcp(State::Closed);
    let (ns, owner) = (s.ns, s.owner);
    if let Some((cpu, t)) = s.tcp.timer.take() {
        timer::del_timer(k, cpu, t);
    }
    k.net_mut(ns).mib[M::TcpAttemptFails] += 1;
    if let Some(task) = owner {
        apps::sock_ready(k, cx, task);
    }
}

/// A socket is closed: its timer goes with it.
pub(super) fn stop(k: &mut Kernel, s: &Socket) {
    if let Some((cpu, t)) = s.tcp.timer {
        timer::del_timer(k, cpu, t);
    }
}

/// `tcp_v4_rcv`: a RST for a connecting socket ends it; anything for no socket is answered by a RST (SOCK-50, 59).
pub(in crate::kernel) fn tcp_v4_rcv(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::TcpRcv, &skb);
    let dev = skb.meta.dev;
    let ns = k.devs[dev].ns;
    let Net::Ip4(ip, L4::Tcp(t)) = &skb.frame.net else {
        let mib = &mut k.net_mut(ns).mib;
        mib[M::TcpInSegs] += 1;
        mib[M::TcpInCsumErrors] += 1;
        mib[M::TcpInErrs] += 1;
        return cx.drop(k, skb, At::TcpRcv, Reason::TCP_CSUM);
    };
    let (ip, t) = (*ip, *t);
    k.net_mut(ns).mib[M::TcpInSegs] += 1;
    let tuple = Tuple { saddr: ip.src, sport: t.sport, daddr: ip.dst, dport: t.dport, dev };
    if let Some(id) = k.net(ns).sockets.as_ref().and_then(|table| table.tcp(&k.sockets, &tuple)) {
        let answers = k.sockets.get(id).is_some_and(|s| {
            s.proto == Proto::Tcp(State::SynSent) && t.flags & TCP_ACK != 0 && t.ack == s.tcp.iss.wrapping_add(1)
        });
        if answers && t.flags & TCP_RST != 0 {
            cx.note(&skb, || "connecting socket: connection refused".to_owned());
            fail(k, cx, id, Errno::ECONNREFUSED);
        }
        return cx.consume(skb);
    }
    cx.note(&skb, || format!("? no socket listens on {}:{}", Ip4Addr(ip.dst), t.dport));
    let local = matches!(skb.meta.dst.map(|d| d.kind), Some(DstKind::Local));
    if t.flags & TCP_RST == 0 && local {
        send_reset(k, cx, ns, (&ip, &t), (skb.frame.payload.tag, skb.meta.traced));
    }
    cx.drop(k, skb, At::TcpRcv, Reason::NO_SOCKET);
}

/// `tcp_v4_send_reset` (SOCK-59, 60).
fn send_reset(k: &mut Kernel, cx: &mut Cx, ns: NsId, (ip, t): (&Ip4, &Tcp), (tag, traced): (Tag, bool)) {
    let flow =
        Flow { src: ip.dst, tos: ip.tos, proto: IPPROTO_TCP, sport: t.dport, dport: t.sport, ..Flow::to(ip.src) };
    let rt = route::ip_route_output(k, ns, &flow, cx.jiffies());
    // Counted even if there is no way back.
    let net = k.net_mut(ns);
    net.mib[M::TcpOutSegs] += 1;
    net.mib[M::TcpOutRsts] += 1;
    let ttl = net.conf.ip_default_ttl;
    let Ok(rt) = rt else { return };
    let (seq, ack, flags) = if t.flags & TCP_ACK != 0 {
        (t.ack, 0, TCP_RST)
    } else {
        let syn = u32::from(t.flags & TCP_SYN != 0);
        (0, t.seq.wrapping_add(syn), TCP_RST | TCP_ACK)
    };
    let header = Tcp { sport: t.dport, dport: t.sport, seq, ack, flags, hlen: 20, window: 0 };
    let mut skb = build(cx, header, rt.src, rt.to, 0, ttl, ip.tos);
    skb.meta.dev = rt.dst.dev;
    skb.frame.payload.tag = tag;
    skb.meta.traced = traced;
    cx.at(At::TcpSendReset, &skb);
    ip_output::ip_local_out(k, cx, skb, rt.dst);
}

/// `tcp_v4_err`: while connecting, an error ends the attempt at once.
pub(in crate::kernel) fn tcp_v4_err(k: &mut Kernel, cx: &mut Cx, ns: NsId, skb: &SkBuff, q: &Quote, err: IcmpError) {
    let dev = skb.meta.dev;
    let L4::Tcp(t) = &q.l4 else { return };
    let tuple = Tuple { saddr: q.ip.dst, sport: t.dport, daddr: q.ip.src, dport: t.sport, dev };
    let Some(id) = k.net(ns).sockets.as_ref().and_then(|table| table.tcp(&k.sockets, &tuple)) else {
        k.net_mut(ns).mib[M::IcmpInErrors] += 1;
        return;
    };
    let too_big = (err.kind, err.code) == (icmp::DEST_UNREACH, icmp::FRAG_NEEDED);
    // The answer came within the system call itself, which has the socket locked: the attempt goes on.
    let owner = k.sockets.get(id).and_then(|s| s.owner);
    let locked = owner.is_some() && k.cpus[cx.cpu as usize].current() == owner;
    if locked && !too_big {
        k.net_mut(ns).mib[M::TcpExtLockDroppedIcmps] += 1;
    }
    if super::udp::learn(k, cx, ns, dev, id, &q.ip, err) {
        return;
    }
    let Some(s) = k.sockets.get_mut(id) else { return };
    let told = matches!(err.kind, icmp::DEST_UNREACH | icmp::TIME_EXCEEDED | icmp::PARAMETER_PROBLEM);
    if s.proto != Proto::Tcp(State::SynSent) || !told || too_big {
        return;
    }
    // A copy waits on the socket's error queue (`ip_icmp_error`), and goes with the socket.
    let copy = cx.clone_skb(skb);
    s.queue.push_back(copy);
    if locked {
        return;
    }
    // In SYN_SENT the kernel reports any of them at once (ICMP-23: EHOSTUNREACH after about 3 s of ARP).
    fail(k, cx, id, err.errno().0);
}
