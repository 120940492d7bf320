//! net/bridge/br_forward.c and br_device.c: a frame leaves by one port or by many.

use super::{
    arp_proxy,
    fdb::Key,
    input::{note_hit, note_miss},
    port::{self, Port, PortState},
    state,
};
use crate::drivers::veth::{drop_unforwardable, is_skb_forwardable};
use crate::kernel::{At, Cx, DevId, Kernel, Reason, SkBuff, dev};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::Net;

/// Where a frame comes from.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// Port number; 0: the bridge device itself sends it.
    pub port: u16,
    pub isolated: bool,
    /// It is ARP, and has an answer or needs none (`proxyarp_replied`).
    pub replied: bool,
}

impl Source {
    const OWN: Source = Source { port: 0, isolated: false, replied: false };
}

/// `enum br_pkt_type`
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Unicast,
    Multicast,
    Broadcast,
}

impl Kind {
    #[inline]
    pub fn of(dst: Key) -> Kind {
        if !dst.is_group() {
            Kind::Unicast
        } else if dst == Key::BROADCAST {
            Kind::Broadcast
        } else {
            Kind::Multicast
        }
    }
}

/// `should_deliver` (BR-42, 43)
#[inline]
pub(super) fn should_deliver(no: u16, p: &Port, from: Source) -> bool {
    (no != from.port || p.flags & port::HAIRPIN != 0)
        && p.state == PortState::Forwarding
        && !(from.isolated && p.flags & port::ISOLATED != 0)
}

/// Which ports a flood leaves out (BR-44).
#[inline]
fn floods(p: &Port, kind: Kind, from: Source) -> bool {
    if p.flags & port::LOOKS_INTO_ARP != 0 && (from.replied || p.flags & port::PROXYARP != 0) {
        return false;
    }
    match kind {
        Kind::Unicast => p.flags & port::FLOOD != 0,
        Kind::Multicast => p.flags & port::MCAST_FLOOD != 0 || from.port == 0,
        Kind::Broadcast => p.flags & port::BCAST_FLOOD != 0 || from.port == 0,
    }
}

/// `__br_forward` and `br_dev_queue_push_xmit`: out of the port, unless the frame is too long for it (BR-46).
#[inline]
fn forward_to(k: &mut Kernel, cx: &mut Cx, to: DevId, mut skb: SkBuff) {
    skb.meta.dev = to;
    cx.at(At::BrForward, &skb);
    let d = &k.devs[to];
    if is_skb_forwardable(d.is_up(), d.mtu, &skb) {
        dev::dev_queue_xmit(k, cx, skb);
    } else {
        drop_unforwardable(k, cx, skb, At::BrForward, to);
    }
}

/// `deliver_clone`: a clone belongs to no socket.
#[inline]
fn deliver_clone(k: &mut Kernel, cx: &mut Cx, to: DevId, skb: &SkBuff) {
    let mut clone = cx.clone_skb(skb);
    clone.meta.sock = None;
    forward_to(k, cx, to, clone);
}

/// `br_forward`: to the one port behind which the destination is. With `local_rcv` the frame comes back. `at`: who
/// forwards, which is where the kernel sees a drop that `br_forward` ends with.
#[inline]
#[allow(
    clippy::too_many_arguments,
    reason = "what the kernel's function is given, its buffer's control block included"
)]
pub(super) fn br_forward(
    k: &mut Kernel,
    cx: &mut Cx,
    br: DevId,
    to: u16,
    from: Source,
    skb: SkBuff,
    local_rcv: bool,
    at: At,
) -> Option<SkBuff> {
    let target = state(k, br).ports.get(to).filter(|p| should_deliver(to, p, from)).map(|p| p.dev);
    match (target, local_rcv) {
        (Some(dev), false) => forward_to(k, cx, dev, skb),
        (Some(dev), true) => {
            deliver_clone(k, cx, dev, &skb);
            return Some(skb);
        }
        (None, true) => return Some(skb),
        (None, false) => cx.drop(k, skb, at, Reason::NOT_SPECIFIED),
    }
    None
}

/// `br_flood`: out of every port that may have it, the newest first; all but the last get a clone (BR-45). With
/// `local_rcv` the frame comes back. `at`: who floods.
#[allow(
    clippy::too_many_arguments,
    reason = "what the kernel's function is given, its buffer's control block included"
)]
pub(super) fn br_flood(
    k: &mut Kernel,
    cx: &mut Cx,
    br: DevId,
    kind: Kind,
    from: Source,
    skb: SkBuff,
    local_rcv: bool,
    at: At,
) -> Option<SkBuff> {
    cx.note(&skb, || {
        let n =
            state(k, br).ports.iter().filter(|(no, p)| floods(p, kind, from) && should_deliver(*no, p, from)).count();
        let plural = if n == 1 { "" } else { "s" };
        format!("flood to {n} port{plural}{}", if local_rcv { ", and up to this host" } else { "" })
    });
    let mut prev: Option<DevId> = None;
    for i in (0..state(k, br).ports.len()).rev() {
        let Some((no, p)) = state(k, br).ports.nth(i) else {
            break;
        };
        if i == 0 && mutated(Mutation::FloodMissesOnePort) {
            continue;
        }
        if !floods(p, kind, from) || !should_deliver(no, p, from) {
            continue;
        }
        if let Some(to) = prev.replace(p.dev) {
            deliver_clone(k, cx, to, &skb);
        }
    }
    match (prev, local_rcv) {
        (Some(to), false) => forward_to(k, cx, to, skb),
        (Some(to), true) => {
            deliver_clone(k, cx, to, &skb);
            return Some(skb);
        }
        (None, true) => return Some(skb),
        (None, false) => cx.drop(k, skb, at, Reason::NO_TX_TARGET),
    }
    None
}

/// Has any port one of these flags?
pub(super) fn looks_into_arp(k: &Kernel, br: DevId, flags: u16) -> bool {
    state(k, br).ports.iter().any(|(_, p)| p.flags & flags != 0)
}

/// `br_dev_xmit`: this host sends through the bridge device (BR-48). A frame to the bridge's own address is lost, one
/// to a port's own address leaves by that port (BR-49).
pub(super) fn br_dev_xmit(k: &mut Kernel, cx: &mut Cx, br: DevId, skb: SkBuff) {
    cx.at(At::BrDevXmit, &skb);
    let stats = &mut k.devs[br].stats;
    stats.tx_packets += 1;
    stats.tx_bytes += u64::from(skb.frame.len());
    let dst = Key::of(skb.frame.dst);
    let kind = Kind::of(dst);
    let mut own = Source::OWN;
    if matches!(skb.frame.net, Net::Arp(_)) && looks_into_arp(k, br, port::NEIGH_SUPPRESS) {
        own.replied = arp_proxy::do_proxy_suppress(k, cx, br, 0, &skb);
    }
    let hit = if kind == Kind::Unicast { state(k, br).fdb.find(dst).map(|e| e.port) } else { None };
    let left = match hit {
        Some(to) => {
            note_hit(k, cx, br, &skb);
            br_forward(k, cx, br, to, own, skb, false, At::BrDevXmit)
        }
        None => {
            if kind == Kind::Unicast {
                note_miss(k, cx, br, &skb);
            }
            br_flood(k, cx, br, kind, own, skb, false, At::BrDevXmit)
        }
    };
    // Whatever became of it at the ports: a bridge has sent it.
    cx.xmit_dropped = false;
    debug_assert!(left.is_none(), "what the host sends itself does not come back to it");
    if let Some(skb) = left {
        cx.consume(skb);
    }
}
