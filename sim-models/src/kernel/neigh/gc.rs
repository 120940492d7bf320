//! `neigh_periodic_work`: every `base_reachable_time` / 2 it looks for entries that nobody uses (NEIGH-18), and every
//! 300 s it draws the reachable times anew (NEIGH-10).
//!
//! Below `gc_thresh1` the kernel's worker finds nothing to collect, so here it sleeps until that many entries exist; it
//! wakes on the same 15 s grid, counted from time 0. The draws that it would have made meanwhile are made up for when
//! somebody next asks for a reachable time.

use super::{Entry, table};
use crate::kernel::{
    Cx, Kernel,
    rtnl::Nud,
    timer::{self, Timer},
};

/// Ticks between two looks.
fn interval(k: &Kernel) -> u64 {
    let base = k.nets.first().map_or(30_000, |root| root.conf.neigh.base_reachable_ms);
    (super::ticks(k.hz, base) / 2).max(1)
}

/// Sees to it that the worker runs if there is something for it to look at.
pub(super) fn arm(k: &mut Kernel, cx: &mut Cx) {
    if k.neigh4.gc_armed || k.neigh4.len() < k.neigh4.gc_thresh1 as usize {
        return;
    }
    k.neigh4.gc_armed = true;
    let every = interval(k);
    let delay = every - cx.jiffies() % every;
    timer::add_timer(k, cx, Timer::NeighGc, delay);
}

/// The worker's timer fired.
pub fn periodic_work(k: &mut Kernel, cx: &mut Cx) {
    let now = cx.jiffies() as i64;
    k.neigh4.gc_armed = false;
    redraw(k, cx);
    if k.neigh4.len() >= k.neigh4.gc_thresh1 as usize {
        for n in 0..k.neigh4.slots() {
            if k.neigh4.is_live(n) && is_stale(k, n, now) {
                table::release(k, cx, n);
            }
        }
    }
    arm(k, cx);
}

/// FAILED, or not used for `gc_stale_time`; entries with a timer and an administrator's stay.
fn is_stale(k: &mut Kernel, n: u32, now: i64) -> bool {
    let hz = i64::from(k.hz);
    let stale = i64::from(k.devs[k.neigh4.entry(n).dev].cold.neigh.gc_stale_s) * hz;
    let e: &mut Entry = &mut k.neigh4.entries[n as usize];
    if e.state == Nud::Permanent || table::in_timer(e.state) {
        return false;
    }
    e.used = e.used.max(e.confirmed);
    e.state == Nud::Failed || now >= e.used + stale
}

/// Draws reachable times anew as often as the worker would have done until now: when it finds that more than 300 s have
/// passed since it did so last.
#[inline]
pub(super) fn redraw(k: &mut Kernel, cx: &mut Cx) {
    if cx.jiffies() as i64 > k.neigh4.last_rand + 300 * i64::from(k.hz) {
        make_up_for(k, cx);
    }
}

#[cold]
fn make_up_for(k: &mut Kernel, cx: &mut Cx) {
    let now = cx.jiffies() as i64;
    let every = interval(k) as i64;
    loop {
        let look = ((k.neigh4.last_rand + 300 * i64::from(k.hz)) / every + 1) * every;
        if look > now {
            return;
        }
        k.neigh4.last_rand = look;
        crate::kernel::sysctl::redraw_reachable(k, cx);
    }
}
