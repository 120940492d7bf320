//! net/bridge/br_input.c: a frame has come in by a port.

use super::{
    State, again, arp_proxy,
    fdb::{self, Key, Learned},
    forward::{self, Kind, Source},
    port::{self, PortState},
    state, state_mut, state_quiet,
};
use crate::kernel::{At, Cx, DevId, Kernel, PktType, Reason, SkBuff, dev, netdevice::IFF_PROMISC};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::Net;

/// What is done with a frame to 01:80:c2:00:00:0X.
enum Reserved {
    /// As with any other.
    Forward,
    /// It is for the port's own stack.
    Pass,
    Drop,
}

/// BR-22: without STP its frames are forwarded, pause frames never; LLDP and the rest stay, unless `group_fwd_mask`
/// says otherwise.
fn reserved(last: u8, mask: u16, stp: bool) -> Reserved {
    match last {
        0 if stp => Reserved::Pass,
        0 => Reserved::Forward,
        1 => Reserved::Drop,
        n if mask & (1 << n) != 0 => Reserved::Forward,
        _ => Reserved::Pass,
    }
}

/// `br_handle_frame`, the rx handler of a port (BR-21 to 25). Gives back what the port's own stack is to have.
#[inline]
pub(super) fn br_handle_frame(k: &mut Kernel, cx: &mut Cx, br: DevId, dev: DevId, mut skb: SkBuff) -> Option<SkBuff> {
    cx.at(At::BrHandleFrame, &skb);
    if skb.meta.pkt_type == PktType::Loopback {
        return Some(skb);
    }
    let (src, dst) = (Key::of(skb.frame.src), Key::of(skb.frame.dst));
    if !src.is_valid() {
        cx.drop(k, skb, At::BrHandleFrame, Reason::MAC_INVALID_SOURCE);
        return None;
    }
    let no = k.devs[dev].port;
    if let Some(last) = dst.reserved() {
        let b = state(k, br);
        match reserved(last, b.config.group_fwd_mask, b.stp.enabled) {
            Reserved::Forward => {}
            Reserved::Drop => {
                cx.drop(k, skb, At::BrHandleFrame, Reason::MAC_IEEE_MAC_CONTROL);
                return None;
            }
            Reserved::Pass => {
                let now = cx.jiffies();
                let what = state_mut(k, br).learn(no, src, now);
                note_learned(k, cx, br, no, &skb, what);
                return Some(skb);
            }
        }
    }
    if Key::of(k.devs[br].mac) == dst {
        skb.meta.pkt_type = PktType::Host;
    }
    br_handle_frame_finish(k, cx, br, no, src, dst, skb);
    None
}

impl State {
    /// The source of a frame is behind port `no` by which it came, if that port learns and `ageing_time` is not 0.
    #[inline]
    fn learn(&mut self, no: u16, src: Key, now: u64) -> Learned {
        match self.ports.get(no) {
            _ if mutated(Mutation::MacNotLearned) => Learned::Known,
            Some(p) if p.flags & port::LEARNING != 0 && p.state.learns() && self.hold != 0 => {
                self.fdb.update(src, no, now)
            }
            _ => Learned::Known,
        }
    }
}

/// `br_handle_frame_finish` (BR-24 to 31): port state, learn, look up; then forward or flood, and deliver here.
#[inline]
fn br_handle_frame_finish(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, src: Key, dst: Key, skb: SkBuff) {
    let now = cx.jiffies();
    let kind = Kind::of(dst);
    let b = state_quiet(k, br);
    if b.ports.get(no).is_some_and(|p| p.flags & port::LOCKED != 0)
        && b.fdb.find(src).is_none_or(|e| e.local() || e.port != no)
    {
        cx.note(&skb, || format!("the port is locked, and {} is not known to be behind it", skb.frame.src));
        return cx.drop(k, skb, At::BrHandleFrame, Reason::NOT_SPECIFIED);
    }
    let learned = b.learn(no, src, now);
    if learned != Learned::Known {
        b.version = b.version.wrapping_add(1).max(1);
    }
    let Some(from) = b.ports.get(no).filter(|p| p.state == PortState::Forwarding) else {
        note_learned(k, cx, br, no, &skb, learned);
        note_state(k, cx, br, no, &skb);
        return cx.drop(k, skb, At::BrHandleFrame, Reason::BRIDGE_INGRESS_STP_STATE);
    };
    let mut from = Source { port: no, isolated: from.flags & port::ISOLATED != 0, replied: false };
    let hit = if kind == Kind::Unicast { b.fdb.find(dst).map(|e| (e.port, e.local())) } else { None };
    note_learned(k, cx, br, no, &skb, learned);
    if matches!(skb.frame.net, Net::Arp(_)) && forward::looks_into_arp(k, br, port::LOOKS_INTO_ARP) {
        from.replied = arp_proxy::do_proxy_suppress(k, cx, br, no, &skb);
    }
    let promisc = k.devs[br].flags & IFF_PROMISC != 0;
    let left = match (kind, hit) {
        (Kind::Unicast, Some((to, local))) => {
            note_hit(k, cx, br, &skb);
            if !local && !promisc {
                again::learn(k, cx, br, (skb.meta.dev, from), to, (src, dst));
            }
            if local { Some(skb) } else { forward::br_forward(k, cx, br, to, from, skb, promisc, At::BrHandleFrame) }
        }
        (Kind::Unicast, None) => {
            note_miss(k, cx, br, &skb);
            forward::br_flood(k, cx, br, kind, from, skb, promisc, At::BrHandleFrame)
        }
        (Kind::Multicast | Kind::Broadcast, _) => {
            if kind == Kind::Multicast {
                k.devs[br].cold.multicast += 1;
            }
            forward::br_flood(k, cx, br, kind, from, skb, true, At::BrHandleFrame)
        }
    };
    if let Some(skb) = left {
        br_pass_frame_up(k, cx, br, skb);
    }
}

#[inline]
fn note_learned(k: &Kernel, cx: &mut Cx, br: DevId, no: u16, skb: &SkBuff, what: Learned) {
    if what != Learned::Known && skb.meta.traced {
        say_learned(k, cx, br, no, skb, what);
    }
}

/// Why nothing is forwarded.
#[cold]
fn note_state(k: &Kernel, cx: &mut Cx, br: DevId, no: u16, skb: &SkBuff) {
    let Some(p) = state(k, br).ports.get(no) else { return };
    let (port, br) = (k.devs[p.dev].name(), k.devs[br].name());
    cx.note(skb, || format!("port {no}({port}) of {br} is {}: it does not forward", p.state.name()));
}

#[cold]
fn say_learned(k: &Kernel, cx: &mut Cx, br: DevId, no: u16, skb: &SkBuff, what: Learned) {
    let name = |no: u16| state(k, br).ports.get(no).map_or(k.devs[br].name(), |p| k.devs[p.dev].name());
    let src = skb.frame.src;
    cx.note(skb, || match what {
        Learned::Own => format!("received on {} with own address as source address ({src})", name(no)),
        Learned::Moved(from) => format!("fdb: {src} moved from {} to {}", name(from), name(no)),
        Learned::New | Learned::Known => format!("fdb: learned {src} dev {} master {}", name(no), k.devs[br].name()),
    });
}

/// What the table says of the destination.
#[inline]
pub(super) fn note_hit(k: &Kernel, cx: &mut Cx, br: DevId, skb: &SkBuff) {
    if skb.meta.traced {
        say_hit(k, cx, br, skb);
    }
}

#[cold]
fn say_hit(k: &Kernel, cx: &mut Cx, br: DevId, skb: &SkBuff) {
    let (now, dst) = (cx.jiffies(), Key::of(skb.frame.dst));
    if let Some(e) = state(k, br).fdb.find(dst) {
        cx.note(skb, || {
            let age = if e.ages() { format!(", age {} s", fdb::age(now, e, k.hz)) } else { String::new() };
            format!("? fdb {}{age}", fdb::line(k, br, dst, e, now))
        });
    }
}

/// It says nothing.
#[inline]
pub(super) fn note_miss(k: &Kernel, cx: &mut Cx, br: DevId, skb: &SkBuff) {
    cx.note(skb, || format!("? fdb {}: no entry in {}", skb.frame.dst, k.devs[br].name()));
}

/// `br_pass_frame_up`: the frame is for this host, too; it goes on as received by the bridge device, which counts it
/// without its Ethernet header (BR-30).
#[inline]
pub(super) fn br_pass_frame_up(k: &mut Kernel, cx: &mut Cx, br: DevId, mut skb: SkBuff) {
    cx.at(At::BrPassFrameUp, &skb);
    let stats = &mut k.devs[br].stats;
    stats.rx_packets += 1;
    stats.rx_bytes += u64::from(skb.frame.net_len());
    skb.meta.dev = br;
    dev::netif_receive_skb(k, cx, skb);
}
