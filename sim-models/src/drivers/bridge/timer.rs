//! The bridge's own timers: armed, moved and deleted as often as its protocols like.

use super::{state, state_mut, stp};
use crate::kernel::{
    Cx, DevId, Kernel, linkwatch,
    timer::{self, Timer, TimerId},
};
use std::collections::BTreeMap;

/// Which timer of a bridge; numbers are ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum BrTimer {
    Hello,
    Tcn,
    TopologyChange,
    MessageAge(u16),
    ForwardDelay(u16),
    Hold(u16),
}

impl BrTimer {
    /// The port that it goes away with.
    fn port(self) -> Option<u16> {
        match self {
            BrTimer::Hello | BrTimer::Tcn | BrTimer::TopologyChange => None,
            BrTimer::MessageAge(no) | BrTimer::ForwardDelay(no) | BrTimer::Hold(no) => Some(no),
        }
    }
}

struct Armed {
    /// Tells this arming from those before it: a timer of the same tick may delete or move one that is on its way.
    serial: u32,
    cpu: u32,
    id: TimerId,
}

/// What is armed.
#[derive(Default)]
pub(super) struct Timers {
    armed: BTreeMap<BrTimer, Armed>,
    serial: u32,
}

/// `mod_timer`: `what` is to go off at tick `expires`.
pub(super) fn mod_timer(k: &mut Kernel, cx: &mut Cx, br: DevId, what: BrTimer, expires: u64) {
    let now = cx.jiffies();
    let timers = &mut state_mut(k, br).timers;
    if let Some(a) = timers.armed.get(&what).filter(|a| a.cpu == cx.cpu) {
        let (cpu, id, timer) = (a.cpu, a.id, Timer::Bridge(br, what, a.serial));
        if k.cpus[cpu as usize].wheel.holds(id, timer) {
            k.cpus[cpu as usize].wheel.modify(id, expires, now);
            return timer::set_alarm(k, cx);
        }
    }
    del_timer(k, br, what);
    let timers = &mut state_mut(k, br).timers;
    timers.serial = timers.serial.wrapping_add(1);
    let serial = timers.serial;
    let id = timer::add_timer(k, cx, Timer::Bridge(br, what, serial), expires.saturating_sub(now));
    state_mut(k, br).timers.armed.insert(what, Armed { serial, cpu: cx.cpu, id });
}

/// `del_timer`
pub(super) fn del_timer(k: &mut Kernel, br: DevId, what: BrTimer) {
    if let Some(a) = state_mut(k, br).timers.armed.remove(&what) {
        let wheel = &mut k.cpus[a.cpu as usize].wheel;
        if wheel.holds(a.id, Timer::Bridge(br, what, a.serial)) {
            wheel.del(a.id);
        }
    }
}

/// `timer_pending`
pub(super) fn pending(k: &Kernel, br: DevId, what: BrTimer) -> bool {
    state(k, br).timers.armed.contains_key(&what)
}

/// Deletes all, or those of one port.
pub(super) fn del_all(k: &mut Kernel, br: DevId, port: Option<u16>) {
    let all: Vec<BrTimer> = state(k, br).timers.armed.keys().copied().collect();
    for what in all.into_iter().filter(|t| port.is_none() || t.port() == port) {
        del_timer(k, br, what);
    }
}

/// The wheel says that a timer is due.
pub(crate) fn fire(k: &mut Kernel, cx: &mut Cx, br: DevId, what: BrTimer, serial: u32) {
    if !k.devs.get(br).is_some_and(|d| matches!(d.kind, super::Kind::Bridge(_))) {
        return;
    }
    let armed = &mut state_mut(k, br).timers.armed;
    if armed.get(&what).is_none_or(|a| a.serial != serial) {
        return;
    }
    armed.remove(&what);
    match what {
        BrTimer::Hello => stp::hello_timer_expired(k, cx, br),
        BrTimer::Tcn => stp::tcn_timer_expired(k, cx, br),
        BrTimer::TopologyChange => stp::topology_change_timer_expired(k, br),
        BrTimer::MessageAge(no) => stp::message_age_timer_expired(k, cx, br, no),
        BrTimer::ForwardDelay(no) => stp::forward_delay_timer_expired(k, cx, br, no),
        BrTimer::Hold(no) => stp::hold_timer_expired(k, cx, br, no),
    }
    linkwatch::work(k, cx);
}

/// `round_jiffies`: the nearest whole second of the kernel's clock, a little apart from those of other cores; further
/// than a quarter past a second counts for the next one.
pub(super) fn round_jiffies(k: &Kernel, cx: &mut Cx, expires: u64) -> u64 {
    let (hz, skew) = (u64::from(k.hz), u64::from(cx.cpu) * 3);
    let past = (expires + skew) % hz;
    let second = expires + skew - past + if past < hz / 4 { 0 } else { hz };
    let rounded = second.saturating_sub(skew);
    if rounded > cx.jiffies() { rounded } else { expires }
}
