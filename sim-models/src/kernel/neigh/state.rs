//! The state machine: what an answer, a timer or an administrator does to an entry (NEIGH-1 to 17).

use super::{
    super::{
        At, Cx, Kernel, Reason, arp, icmp,
        rtnl::Nud,
        timer::{self, Timer},
    },
    Entry, Parms, gc,
    table::{in_timer, is_connected, is_valid},
    ticks,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::Mac;
use sim_core::time::Time;

/// A new address replaces a known one.
pub const UPDATE_OVERRIDE: u32 = 1;
/// Asked for by an administrator: NOARP and PERMANENT entries may change, too.
pub const UPDATE_ADMIN: u32 = 2;

fn parms(k: &Kernel, n: u32) -> &Parms {
    &k.devs[k.neigh4.entry(n).dev].cold.neigh
}

fn entry(k: &mut Kernel, n: u32) -> &mut Entry {
    &mut k.neigh4.entries[n as usize]
}

/// Arms the entry's timer for tick `at`.
pub(super) fn arm(k: &mut Kernel, cx: &mut Cx, n: u32, at: i64) {
    let now = cx.jiffies() as i64;
    let late = if mutated(Mutation::NeighTimerLate) { u64::from(k.hz) } else { 0 };
    let id = timer::add_timer(k, cx, Timer::Neigh(n), (at - now).max(0) as u64 + late);
    entry(k, n).timer = Some((cx.cpu, id));
}

pub(super) fn del_timer(k: &mut Kernel, n: u32) {
    if let Some((cpu, id)) = entry(k, n).timer.take() {
        timer::del_timer(k, cpu, id);
    }
}

/// RETRANS_TIME, at least HZ/100.
fn retrans(k: &Kernel, n: u32) -> i64 {
    ticks(k.hz, parms(k, n).retrans_ms).max(u64::from(k.hz) / 100) as i64
}

/// `__neigh_event_send`: a packet is about to go to this neighbour. True: it may be sent now, with the known address.
/// False: it was taken into the entry's queue (NEIGH-3, 6, 11).
pub(super) fn event_send(k: &mut Kernel, cx: &mut Cx, n: u32) -> bool {
    let now = cx.jiffies() as i64;
    let hz = k.hz;
    let e = entry(k, n);
    e.used = now;
    match e.state {
        Nud::Permanent | Nud::Noarp | Nud::Reachable | Nud::Delay | Nud::Probe => true,
        Nud::Stale => {
            e.state = Nud::Delay;
            e.updated = now;
            let wait = i64::from(parms(k, n).delay_probe_s) * i64::from(hz);
            del_timer(k, n);
            arm(k, cx, n, now + wait);
            true
        }
        Nud::Incomplete => false,
        Nud::None | Nud::Failed => {
            let p = parms(k, n);
            let first = p.ucast_solicit;
            let nobody = p.mcast_solicit + p.app_solicit == 0;
            let e = entry(k, n);
            if nobody {
                // mcast_solicit=0: nobody may be asked, the entry has failed before anything is sent.
                (e.state, e.updated) = (Nud::Failed, now);
                return false;
            }
            e.state = Nud::Incomplete;
            e.probes = first;
            e.updated = now;
            let at = now + retrans(k, n);
            del_timer(k, n);
            arm(k, cx, n, at);
            false
        }
    }
}

/// `neigh_probe`: one request, about the newest packet that waits (ARP-24).
pub(super) fn probe(k: &mut Kernel, cx: &mut Cx, n: u32) {
    arp::solicit(k, cx, n);
    entry(k, n).probes += 1;
}

/// `neigh_timer_handler` (NEIGH-4, 9, 12).
pub fn neigh_timer(k: &mut Kernel, cx: &mut Cx, n: u32) {
    let now = cx.jiffies() as i64;
    entry(k, n).timer = None;
    if !in_timer(k.neigh4.entry(n).state) {
        return;
    }
    gc::redraw(k, cx);
    let p = parms(k, n);
    let reachable = ticks(k.hz, p.reachable_ms) as i64;
    let delay = i64::from(p.delay_probe_s) * i64::from(k.hz);
    let ask = retrans(k, n);
    let e = entry(k, n);
    let mut next = now + ask;
    match e.state {
        Nud::Reachable if now <= e.confirmed + reachable => next = e.confirmed + reachable,
        Nud::Reachable if now <= e.used + delay => {
            (e.state, e.updated) = (Nud::Delay, now);
            next = now + delay;
        }
        Nud::Reachable => (e.state, e.updated) = (Nud::Stale, now),
        Nud::Delay if now <= e.confirmed + delay || mutated(Mutation::NeighNeverStale) => {
            (e.state, e.updated) = (Nud::Reachable, now);
            next = e.confirmed + reachable;
        }
        Nud::Delay => (e.state, e.updated, e.probes) = (Nud::Probe, now, 0),
        _ => {}
    }
    let (state, probes) = (e.state, e.probes);
    let asking = matches!(state, Nud::Incomplete | Nud::Probe);
    if asking && probes >= max_probes(k, n, state) {
        entry(k, n).state = Nud::Failed;
        invalidate(k, cx, n);
        return;
    }
    if in_timer(state) {
        arm(k, cx, n, next.max(now + i64::from(k.hz) / 100));
    }
    if asking {
        probe(k, cx, n);
    }
}

fn max_probes(k: &Kernel, n: u32, state: Nud) -> u32 {
    let p = parms(k, n);
    if mutated(Mutation::ArpTriesOnce) {
        return 1;
    }
    p.ucast_solicit + p.app_solicit + if state == Nud::Probe { p.mcast_resolicit } else { p.mcast_solicit }
}

/// `neigh_invalidate`: the neighbour did not answer; every packet that waits comes to an end with an ICMP host
/// unreachable to its source (NEIGH-5, ICMP-23).
fn invalidate(k: &mut Kernel, cx: &mut Cx, n: u32) {
    entry(k, n).updated = cx.jiffies() as i64;
    while k.neigh4.entry(n).state == Nud::Failed {
        let e = entry(k, n);
        let Some(mut skb) = e.queue.pop_front() else { break };
        e.queue_bytes = e.queue_bytes.saturating_sub(skb.meta.truesize);
        let waited = cx.clock.since(Time::from_ps(skb.meta.since));
        cx.note(&skb, || format!("ARP asked 3 times, no answer for {waited}"));
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::HOST_UNREACH, 0);
        cx.drop(k, skb, At::NeighOutput, Reason::NEIGH_FAILED);
    }
}

/// `__neigh_update` (NEIGH-17): new state `new`, and the address if one was learned.
pub fn neigh_update(k: &mut Kernel, cx: &mut Cx, n: u32, mac: Option<Mac>, new: Nud, flags: u32) {
    gc::redraw(k, cx);
    let now = cx.jiffies() as i64;
    let base = ticks(k.hz, parms(k, n).base_reachable_ms) as i64;
    let reachable = ticks(k.hz, parms(k, n).reachable_ms) as i64;
    let e = entry(k, n);
    let old = e.state;
    if flags & UPDATE_ADMIN == 0 && matches!(old, Nud::Noarp | Nud::Permanent) {
        return;
    }
    if !is_valid(new) {
        e.state = new;
        del_timer(k, n);
        if matches!(old, Nud::Incomplete | Nud::Probe) && new == Nud::Failed {
            invalidate(k, cx, n);
        }
        return;
    }
    let Some(mac) = mac.or(is_valid(old).then_some(e.mac)) else { return };
    let same = is_valid(old) && mac == e.mac;
    if is_connected(new) {
        e.confirmed = now;
    }
    let mut new = new;
    if is_valid(old) {
        if !same && flags & UPDATE_OVERRIDE == 0 {
            return;
        }
        if same && new == Nud::Stale && flags & UPDATE_ADMIN == 0 {
            new = old;
        }
    }
    // What an invalid entry still holds of an old address does not count as known.
    let moved = !same;
    if new != old || moved {
        e.updated = now;
    }
    if moved {
        e.mac = mac;
        if !is_connected(new) {
            e.confirmed = now - 2 * base;
        }
    }
    if new == old {
        return;
    }
    e.state = new;
    if new == Nud::Probe {
        e.probes = 0;
    }
    del_timer(k, n);
    if in_timer(new) {
        arm(k, cx, n, now + if new == Nud::Reachable { reachable } else { 0 });
    }
    if !is_valid(old) {
        release_queue(k, cx, n);
    }
}

/// The address became known: what waits goes out in order, before anything later (NEIGH-8).
fn release_queue(k: &mut Kernel, cx: &mut Cx, n: u32) {
    while is_valid(k.neigh4.entry(n).state) {
        let e = entry(k, n);
        let Some(skb) = e.queue.pop_front() else { break };
        e.queue_bytes = e.queue_bytes.saturating_sub(skb.meta.truesize);
        super::output::resolved(k, cx, n, skb);
    }
}
