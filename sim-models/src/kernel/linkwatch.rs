//! net/core/link_watch.c: a carrier change flips the bit at once, but what follows from it (operational state, noop
//! qdisc, the linkdown mark of routes, the state of a bridge port, neighbours) is left to a worker (DEV-13). Urgent
//! events are worked on as soon as the request that caused them is done; all others of the whole host together at
//! most once a second (DEV-14, 15).

use super::{
    Cx, DevId, Kernel, addr, neigh,
    netdevice::OperState,
    sysctl::ConfBits,
    timer::{self, Timer, TimerId},
};
use crate::drivers::{self, Event};

/// Events that wait, and when the next batch may run.
#[derive(Default)]
pub struct LinkWatch {
    /// `lweventlist`, oldest first.
    pending: Vec<DevId>,
    /// `linkwatch_nextevent`: before this tick only urgent events are worked on.
    next: u64,
    /// `LW_URGENT`: an urgent event came since the last batch.
    urgent: bool,
    /// The worker is to run at once.
    due: bool,
    /// The worker is to run later: core and timer.
    later: Option<(u32, TimerId)>,
    /// [`settle`] was called: time runs. Before that each request is followed by as much time as it takes.
    running: bool,
}

/// `MAX_DO_DEV_PER_LOOP`
const BATCH: u32 = 100;

/// `netif_carrier_on`
pub fn netif_carrier_on(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    set_carrier(k, cx, dev, true);
}

/// `netif_carrier_off`
pub fn netif_carrier_off(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    set_carrier(k, cx, dev, false);
}

fn set_carrier(k: &mut Kernel, cx: &mut Cx, dev: DevId, on: bool) {
    let d = &mut k.devs[dev];
    if d.carrier != on {
        d.carrier = on;
        fire_event(k, cx, dev);
    }
}

/// `linkwatch_fire_event`
fn fire_event(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    let urgent = is_urgent(k, dev);
    let waits = &mut k.devs[dev].cold.linkwatch;
    if !*waits {
        *waits = true;
        k.linkwatch.pending.push(dev);
    } else if !urgent {
        return;
    }
    schedule(k, cx, urgent);
}

/// `linkwatch_urgent_event` (DEV-14): the number of the other end is compared even if that end lives in another
/// namespace, so a veth pair with equal numbers is never urgent when it loses its carrier (DEV-15).
fn is_urgent(k: &Kernel, dev: DevId) -> bool {
    let d = &k.devs[dev];
    d.is_up() && (d.ifindex != d.cold.iflink || (d.carrier && d.noop))
}

/// `linkwatch_schedule_work`
fn schedule(k: &mut Kernel, cx: &mut Cx, urgent: bool) {
    if k.linkwatch.urgent {
        return;
    }
    let wait = if urgent { 0 } else { k.linkwatch.next.saturating_sub(cx.jiffies()) };
    k.linkwatch.urgent = urgent;
    if wait == 0 || !k.linkwatch.running {
        cancel(k);
        k.linkwatch.due = true;
    } else if k.linkwatch.later.is_none() && !k.linkwatch.due {
        let id = timer::add_timer(k, cx, Timer::Linkwatch, wait);
        k.linkwatch.later = Some((cx.cpu, id));
    }
}

fn cancel(k: &mut Kernel) {
    if let Some((cpu, id)) = k.linkwatch.later.take() {
        timer::del_timer(k, cpu, id);
    }
}

/// The worker, if it is to run at once: called when a request is done.
pub(crate) fn work(k: &mut Kernel, cx: &mut Cx) {
    if !k.linkwatch.running {
        return drain(k, cx);
    }
    while std::mem::take(&mut k.linkwatch.due) {
        let urgent_only = k.linkwatch.next > cx.jiffies();
        run_queue(k, cx, urgent_only);
    }
}

/// The worker's timer fired.
pub(crate) fn run(k: &mut Kernel, cx: &mut Cx) {
    k.linkwatch.later = None;
    k.linkwatch.due = true;
    work(k, cx);
}

/// Setup is over: works on everything that waits, and on what follows from that, as if seconds had passed. From now on
/// events wait as long as they do in the kernel. Once is enough.
pub fn settle(k: &mut Kernel, cx: &mut Cx) {
    if !k.linkwatch.running {
        drain(k, cx);
        k.linkwatch.running = true;
    }
}

fn drain(k: &mut Kernel, cx: &mut Cx) {
    while !k.linkwatch.pending.is_empty() {
        for dev in std::mem::take(&mut k.linkwatch.pending) {
            do_dev(k, cx, dev);
        }
    }
    (k.linkwatch.urgent, k.linkwatch.due) = (false, false);
}

/// `__linkwatch_run_queue`: one batch.
fn run_queue(k: &mut Kernel, cx: &mut Cx, urgent_only: bool) {
    let second = u64::from(k.hz);
    let now = cx.jiffies();
    let mut budget = if urgent_only { 2 * BATCH } else { BATCH };
    if !urgent_only {
        k.linkwatch.next = now + second;
    }
    k.linkwatch.urgent = false;
    let mut rest = Vec::new();
    for dev in std::mem::take(&mut k.linkwatch.pending) {
        if budget == 0 {
            rest.push(dev);
        } else if urgent_only && !is_urgent(k, dev) {
            k.linkwatch.pending.push(dev);
        } else {
            do_dev(k, cx, dev);
            budget -= 1;
        }
    }
    k.linkwatch.pending.splice(0..0, rest);
    if !k.linkwatch.pending.is_empty() {
        schedule(k, cx, false);
    }
}

/// `linkwatch_do_dev`
fn do_dev(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    k.changed();
    let state = default_operstate(k, dev);
    let Some(d) = k.devs.get_mut(dev) else {
        return;
    };
    d.cold.linkwatch = false;
    d.operstate = state;
    if d.is_up() {
        // dev_activate, dev_deactivate (DEV-18).
        d.noop = !d.carrier;
        netdev_state_change(k, cx, dev);
    }
}

/// `linkwatch_sync_dev`: who asks for a link by name (as every `ip … dev NAME` does first) sees its state settled.
pub fn sync_dev(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if k.devs[dev].cold.linkwatch {
        k.linkwatch.pending.retain(|d| *d != dev);
        do_dev(k, cx, dev);
    }
}

/// The device goes away: it waits no longer.
pub(crate) fn forget(k: &mut Kernel, dev: DevId) {
    if k.devs[dev].cold.linkwatch {
        k.devs[dev].cold.linkwatch = false;
        k.linkwatch.pending.retain(|d| *d != dev);
    }
}

/// `default_operstate` (DEV-11): the other end is looked up by its number in the device's own namespace.
fn default_operstate(k: &Kernel, dev: DevId) -> OperState {
    let Some(d) = k.devs.get(dev) else {
        return OperState::NotPresent;
    };
    if d.carrier {
        return OperState::Up;
    }
    if d.cold.iflink == d.ifindex {
        return OperState::Down;
    }
    match k.dev_by_index(d.ns, d.cold.iflink) {
        Some(lower) if !k.devs[lower].carrier => OperState::LowerLayerDown,
        _ => OperState::Down,
    }
}

/// `netdev_state_change`: tells routes, neighbours and the bridge that something about an up device changed
/// (`NETDEV_CHANGE`).
pub(crate) fn netdev_state_change(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    let d = &k.devs[dev];
    if !d.is_up() {
        return;
    }
    let usable = d.carrier || d.oper_up();
    // arp_netdev_event: without IPv4 there is no arp_evict_nocarrier to ask, and neighbours go.
    let evict = d.conf.has(ConfBits::ARP_EVICT_NOCARRIER) || !d.conf.has(ConfBits::IN_DEVICE);
    let evict = evict && !d.carrier;
    addr::on_carrier(k, cx, dev, usable);
    if evict {
        neigh::flush_dev(k, cx, dev, false);
    }
    if let Some(master) = k.devs[dev].master {
        drivers::notify(k, cx, master, dev, Event::Change);
    }
}
