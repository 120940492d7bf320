//! A frame like one before it: in by the same port, from and to the same stations. Where it goes is known until something
//! is configured or the table of stations changes, so no table is asked for it. Results are those of the long way, to the
//! bit: a feature that looks at frames on their way through the bridge, or lets them depend on more, has to say so in
//! [`learn`] or [`take`].

use super::{
    Kind, State,
    fdb::{Key, Learned},
    forward::{Source, should_deliver},
    port, state_quiet,
};
use crate::kernel::{At, Cx, DevId, Kernel, PktType, SkBuff, dev};
use crate::packet::{
    Net,
    frame::{ETH_HLEN, VLAN_HLEN},
};

/// Decisions made lately, by stations. Empty until the first frame is forwarded.
#[derive(Default)]
pub(super) struct Recent(Vec<Cached>);

/// One decision, and what it was made for.
// One cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Cached {
    src: Key,
    dst: Key,
    from: DevId,
    to: DevId,
    /// [`Kernel::generation`] and [`State::version`]; 0: nothing is known.
    generation: u32,
    version: u32,
    /// Longer frames go the long way, bytes.
    longest: u32,
    ifindex: u32,
    /// When the source was last noted down, in ticks.
    noted: u64,
    no: u16,
    learns: bool,
}

impl Recent {
    #[inline]
    fn slot(&self, src: Key, dst: Key) -> usize {
        let word = src.word() ^ dst.word().rotate_left(24);
        let i = (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & self.0.len().wrapping_sub(1);
        // Two places: that of the other half of the pair.
        match self.0.get(i) {
            Some(c) if c.src != src || c.dst != dst => beside(i),
            _ => i,
        }
    }
}

/// Out of line, so that the usual way does not wait for the comparison.
#[cold]
fn beside(i: usize) -> usize {
    i ^ 1
}

/// A frame from `src` to `dst` that came in by `dev` goes to port number `to` alone: those like it may take the short way.
#[inline(never)]
pub(super) fn learn(
    k: &mut Kernel,
    cx: &mut Cx,
    br: DevId,
    (dev, from): (DevId, Source),
    to: u16,
    (src, dst): (Key, Key),
) {
    // A deliberate fault sits somewhere on the long way.
    if cfg!(feature = "mutations") || k.routes.is_off() {
        return;
    }
    let (generation, noted, ifindex, no) = (k.generation, cx.jiffies(), k.devs[dev].ifindex, from.port);
    let target = super::state(k, br).ports.get(to).filter(|p| should_deliver(to, p, from));
    let Some(to) = target.map(|p| p.dev).filter(|to| k.devs[*to].is_up()) else { return };
    let mtu = k.devs[to].mtu;
    let b = state_quiet(k, br);
    // A locked port lets through only who is known to be behind it.
    if b.ports.get(no).is_some_and(|p| p.flags & port::LOCKED != 0) {
        return;
    }
    let Some(learns) = b.ports.get(no).map(|p| p.flags & port::LEARNING != 0 && p.state.learns() && b.ageing != 0)
    else {
        return;
    };
    if b.recent.0.is_empty() {
        let n = (b.ports.len() * 16).next_power_of_two().clamp(64, 4096);
        let none = Cached { generation: 0, ..Cached::new(src, dst, dev, to) };
        b.recent.0 = vec![none; n];
    }
    let slot = b.recent.slot(src, dst);
    let longest = mtu.saturating_add(ETH_HLEN + VLAN_HLEN);
    let version = b.version;
    b.recent.0[slot] =
        Cached { generation, version, longest, ifindex, noted, no, learns, ..Cached::new(src, dst, dev, to) };
}

impl Cached {
    fn new(src: Key, dst: Key, from: DevId, to: DevId) -> Cached {
        let (generation, version, longest, ifindex, noted, no, learns) = (0, 0, 0, 0, 0, 0, false);
        Cached { src, dst, from, to, generation, version, longest, ifindex, noted, no, learns }
    }
}

/// The short way of a frame that has arrived on `skb.dev`, a port of `br`. Gives back what has to go the long way.
#[inline]
pub(crate) fn take(k: &mut Kernel, cx: &mut Cx, br: DevId, mut skb: SkBuff) -> Option<SkBuff> {
    let generation = k.generation;
    let Kind::Bridge(b) = &mut k.devs[br].kind else { return Some(skb) };
    let b: &mut State = &mut b.0;
    let (src, dst) = (Key::of(skb.frame.src), Key::of(skb.frame.dst));
    let slot = b.recent.slot(src, dst);
    let Some(c) = b.recent.0.get_mut(slot) else { return Some(skb) };
    let m = &mut skb.0.meta;
    if c.src != src
        || c.dst != dst
        || c.from != m.dev
        || c.generation != generation
        || c.version != b.version
        || m.traced
        || m.pkt_type == PktType::Loopback
        || skb.0.frame.vlan.is_some()
        || !matches!(skb.0.frame.net, Net::Ip4(..))
        || skb.0.frame.len() > c.longest
        || cx.obs.looks_closely()
    {
        return Some(skb);
    }
    let now = cx.jiffies();
    if c.noted != now && c.learns {
        if b.fdb.update(src, c.no, now) != Learned::Known {
            return Some(skb);
        }
        c.noted = now;
    }
    (m.iif, m.dev) = (c.ifindex, c.to);
    cx.work(At::NetifReceiveSkb);
    cx.work(At::BrHandleFrame);
    cx.work(At::BrForward);
    dev::dev_queue_xmit(k, cx, skb);
    None
}
