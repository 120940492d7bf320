//! The way of a packet to its next hop (`ip_finish_output2`, `neigh_output`, `neigh_resolve_output`).

use super::{
    super::{At, Cx, DevId, Kernel, Reason, SkBuff, dev, ip_output::Out, rtnl::Nud},
    state, table,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{Ip4Addr, Mac};
use sim_core::time::Time;

/// Sends an IP packet to `nexthop` on `out`: with the link-layer address at hand, or after asking for it.
#[inline]
pub(in crate::kernel) fn neigh_output(k: &mut Kernel, cx: &mut Cx, out: &Out, mut skb: SkBuff) {
    cx.at(At::NeighOutput, &skb);
    // ARP-27: one entry for everything on loopback.
    let nexthop = if out.loopback { 0 } else { out.dst.nexthop };
    let dev = out.dst.dev;
    let n = match k.neigh4.find(dev, nexthop) {
        Some(n) => n,
        None => match table::create(k, cx, dev, nexthop, false) {
            Some(n) => n,
            None => {
                cx.xmit_dropped = true;
                cx.drop(k, skb, At::IpFinishOutput, Reason::NEIGH_CREATEFAIL);
                return;
            }
        },
    };
    let e = k.neigh4.entry(n);
    // The cached header is used as long as the state is connected: the entry is not even touched (NEIGH-23).
    if table::is_connected(e.state) && !skb.meta.traced && !out.loopback {
        skb.frame.dst = e.mac;
        skb.frame.src = out.mac;
        return dev::dev_queue_xmit(k, cx, skb);
    }
    // Loopback forgets nothing (DEV-36), and what waits for ARP must know its way.
    skb.meta.dst = Some(out.dst);
    resolve_output(k, cx, n, skb);
}

#[inline]
fn note_entry(k: &Kernel, cx: &mut Cx, n: u32, skb: &SkBuff) {
    if !skb.meta.traced {
        return;
    }
    let e = k.neigh4.entry(n);
    cx.asked(skb, e.origin, || {
        let mac = if table::is_valid(e.state) { format!(" lladdr {}", e.mac) } else { String::new() };
        format!("? neigh {} dev {}{mac} {}", Ip4Addr(e.ip), k.devs[e.dev].name(), e.state.name())
    });
}

/// `neigh_resolve_output`
fn resolve_output(k: &mut Kernel, cx: &mut Cx, n: u32, mut skb: SkBuff) {
    note_entry(k, cx, n, &skb);
    let fresh = matches!(k.neigh4.entry(n).state, Nud::None | Nud::Failed);
    // A connected entry is not touched; others hear of every packet.
    if table::is_connected(k.neigh4.entry(n).state) || state::event_send(k, cx, n) {
        let e = k.neigh4.entry(n);
        let (out, mac) = (e.dev, e.mac);
        return neigh_xmit_to(k, cx, out, mac, skb);
    }
    if k.neigh4.entry(n).state == Nud::Failed {
        return cx.drop(k, skb, At::NeighOutput, Reason::NEIGH_FAILED);
    }
    skb.meta.since = cx.clock.ps();
    cx.note(&skb, || "the packet waits in the entry; ARP asks".to_owned());
    enqueue(k, cx, n, skb);
    if fresh {
        state::probe(k, cx, n);
    }
}

/// Is the link-layer address of `ip` known? If not, it is asked for now.
pub(in crate::kernel) fn is_known(k: &mut Kernel, cx: &mut Cx, dev: DevId, ip: u32) -> bool {
    let Some(n) = table::find_or_create(k, cx, dev, ip) else { return false };
    let state = k.neigh4.entry(n).state;
    if table::is_valid(state) {
        return true;
    }
    if matches!(state, Nud::None | Nud::Failed) {
        state::event_send(k, cx, n);
        if k.neigh4.entry(n).state == Nud::Incomplete {
            state::probe(k, cx, n);
        }
    }
    false
}

/// The queue of an unresolved entry is bounded in bytes of truesize: the oldest goes first (NEIGH-6, 7).
fn enqueue(k: &mut Kernel, cx: &mut Cx, n: u32, skb: SkBuff) {
    let limit = k.devs[k.neigh4.entry(n).dev].cold.neigh.unres_qlen_bytes;
    let size = skb.meta.truesize;
    loop {
        let e = &mut k.neigh4.entries[n as usize];
        if e.queue_bytes + size <= limit || mutated(Mutation::NeighQueueUnlimited) {
            break;
        }
        let Some(oldest) = e.queue.pop_front() else { break };
        e.queue_bytes = e.queue_bytes.saturating_sub(oldest.meta.truesize);
        cx.drop(k, oldest, At::NeighOutput, Reason::NEIGH_QUEUEFULL);
    }
    let e = &mut k.neigh4.entries[n as usize];
    e.queue_bytes += size;
    e.queue.push_back(skb);
}

/// A packet that waited goes on, by the output function of the entry's new state.
pub(super) fn resolved(k: &mut Kernel, cx: &mut Cx, n: u32, skb: SkBuff) {
    let waited = cx.clock.since(Time::from_ps(skb.meta.since));
    k.neigh4.entries[n as usize].used = cx.jiffies() as i64;
    cx.at(At::NeighOutput, &skb);
    cx.note(&skb, || format!("waited {waited} for the answer"));
    resolve_output(k, cx, n, skb);
}

/// Writes the Ethernet header and gives the frame to its device.
#[inline]
pub fn neigh_xmit_to(k: &mut Kernel, cx: &mut Cx, out: DevId, mac: Mac, mut skb: SkBuff) {
    skb.frame.dst = mac;
    skb.frame.src = k.devs[out].mac;
    skb.meta.dev = out;
    dev::dev_queue_xmit(k, cx, skb);
}
