//! A datagram like the socket's last one: to the same place, as long. All that `udp_sendmsg`, routing and `ip_output`
//! decide about it is known and holds until something is configured, so it is billed for those hops in one sum and
//! counted in one place, as packets that come in are (`kernel/shortcut.rs`). [`settle`] adds the counts up.
//!
//! Results are those of the long way, to the bit. A feature that looks at what is sent, or lets it depend on more, has to
//! say so in [`learn`] or [`take`].

use super::{SockId, truesize};
use crate::kernel::{
    At, Cx, Kernel, NsId, PktType, SkBuff, dev,
    ip_forward::rt_tos2priority,
    mib::M,
    route::{DstKind, Way},
    skb::Meta,
};
use crate::packet::{Frame, Ip4, L4, Mac, Net, Payload, Tag};
use sim_core::time::Span;

/// The way of a socket's last datagram.
pub(in crate::kernel) struct Again {
    generation: u32,
    to: (u32, u16),
    len: u32,
    neigh: u32,
    sport: u16,
    /// Those that are not added up yet.
    packets: u32,
    ns: NsId,
    out_ns: NsId,
    mac: Mac,
    ip: Ip4,
    way: Way,
    cost: Span,
    mark: u32,
}

impl Again {
    pub(super) fn forget(&mut self) {
        self.generation = 0;
    }
}

const HOPS: [At; 5] = [At::UdpSendmsg, At::IpRouteOutput, At::IpOutput, At::IpFinishOutput, At::NeighOutput];

/// The datagram `ip` of `len` bytes goes the long way `way` to port `dport`: if the one before it did,
/// too, the next one may take the short one.
#[inline]
pub(super) fn learn(k: &mut Kernel, cx: &mut Cx, id: SockId, way: &Way, (ip, dport): (&Ip4, u16), len: u32) {
    let Some(s) = k.sockets.get_mut(id) else { return };
    let before = std::mem::replace(&mut s.last, ((ip.dst, dport), len));
    if before == s.last {
        learn_it(k, cx, id, way, (ip, dport), len);
    }
}

#[cold]
fn learn_it(k: &mut Kernel, cx: &mut Cx, id: SockId, way: &Way, (ip, dport): (&Ip4, u16), len: u32) {
    settle_one(k, cx, id);
    let d = &k.devs[way.dst.dev];
    let mtu = if way.dst.mtu != 0 { way.dst.mtu } else { d.mtu };
    // A deliberate fault sits somewhere on the long way.
    let unusual = cfg!(feature = "mutations") || k.routes.is_off() || d.is_loopback();
    if unusual || way.dst.kind != DstKind::Unicast || u32::from(ip.len) > mtu {
        return;
    }
    let (out_ns, mac) = (d.ns, d.mac);
    let (Some(neigh), Some(s)) = (k.neigh4.find(way.dst.dev, way.dst.nexthop), k.sockets.get_mut(id)) else { return };
    if !k.nets[s.ns.0 as usize].exceptions.is_empty() {
        return;
    }
    let fixed = HOPS.iter().fold(Span::ZERO, |sum, at| sum + cx.costs.fixed(*at));
    let again = Again {
        generation: k.generation,
        // Not `way.to`, which an unset address has turned into.
        to: (ip.dst, dport),
        len,
        neigh,
        sport: s.port,
        packets: 0,
        ns: s.ns,
        out_ns,
        mac,
        ip: *ip,
        way: *way,
        cost: fixed + cx.costs.per_byte(At::UdpSendmsg, len),
        mark: s.opts.mark,
    };
    match &mut s.again {
        Some(old) => **old = again,
        None => s.again = Some(Box::new(again)),
    }
}

/// Sends a datagram the short way, if there is one. `None`: it has to go the long way; else whether it got no further
/// than the first device.
#[inline]
pub(super) fn take(k: &mut Kernel, cx: &mut Cx, id: SockId, to: (u32, u16), len: u32, tag: Tag) -> Option<bool> {
    let s = k.sockets.get_mut(id)?;
    let a = s.again.as_deref_mut()?;
    if a.generation != k.generation || a.to != to || a.len != len || s.err.is_some() || cx.obs.looks_closely() {
        return None;
    }
    let e = k.neigh4.entry(a.neigh);
    if !e.is_connected_to(a.way.dst.dev, a.way.dst.nexthop) {
        return None;
    }
    let ns = &mut k.nets[a.ns.0 as usize];
    ns.ip_id = ns.ip_id.wrapping_add(1);
    let net = Net::Ip4(Ip4 { id: ns.ip_id, ..a.ip }, L4::Udp { sport: a.sport, dport: to.1 });
    let mut b = cx.thread.shared.take();
    b.frame = Frame { id: cx.next_id(), dst: e.mac, src: a.mac, vlan: None, net, payload: Payload { len, tag } };
    b.meta = Meta {
        dev: a.way.dst.dev,
        sock: Some(id),
        mark: a.mark,
        priority: rt_tos2priority(a.ip.tos),
        truesize: truesize(len),
        pkt_type: PktType::Host,
        ..Meta::default()
    };
    cx.obs.ledger.born += 1;
    cx.clock += a.cost;
    if a.packets == 0 {
        k.routes.senders.push(id);
    }
    a.packets += 1;
    cx.xmit_dropped = false;
    dev::dev_queue_xmit(k, cx, SkBuff(b));
    Some(cx.xmit_dropped)
}

/// What was lost at the first device counts elsewhere, too.
#[cold]
pub(super) fn discarded(k: &mut Kernel, cx: &mut Cx, id: SockId) {
    settle_one(k, cx, id);
    let ns = k.sockets.get(id).and_then(|s| s.again.as_ref()).map(|a| a.out_ns);
    if let Some(ns) = ns {
        k.net_mut(ns).mib[M::IpOutDiscards] += 1;
    }
}

/// Adds up what was sent by short ways: before anybody looks at counters.
pub(in crate::kernel) fn settle(k: &mut Kernel, cx: &mut Cx) {
    while let Some(id) = k.routes.senders.pop() {
        settle_one(k, cx, id);
    }
}

/// The same for one socket.
pub(super) fn settle_one(k: &mut Kernel, cx: &mut Cx, id: SockId) {
    let Some(a) = k.sockets.get_mut(id).and_then(|s| s.again.as_mut()) else { return };
    let n = u64::from(std::mem::take(&mut a.packets));
    if n == 0 {
        return;
    }
    let (ns, out_ns, bytes) = (a.ns, a.out_ns, n * u64::from(a.ip.len));
    cx.obs.copied[At::UdpSendmsg as usize] += n * u64::from(a.len);
    for at in HOPS {
        cx.obs.hops[at as usize] += n;
    }
    k.net_mut(ns).mib[M::UdpOutDatagrams] += n;
    let mib = &mut k.net_mut(out_ns).mib;
    mib[M::IpOutRequests] += n;
    mib[M::IpOutTransmits] += n;
    mib[M::IpExtOutOctets] += bytes;
}
