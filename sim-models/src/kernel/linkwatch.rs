//! net/core/link_watch.c: a carrier change flips the bit at once, but what follows from it (operational state, noop
//! qdisc, the linkdown mark of routes, the state of a bridge port, neighbours) is left to a worker (DEV-13). Urgent
//! events are worked on as soon as the request that caused them is done; all others of the whole host together at
//! most once a second (DEV-14, 15).

use super::{
    Cx, DevId, Kernel, addr, boot, neigh,
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

impl LinkWatch {
    /// Is the setup over?
    pub(crate) fn is_running(&self) -> bool {
        self.running
    }
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
        boot::link(k, cx, dev, on);
        fire_event(k, cx, dev);
    }
}

/// `linkwatch_fire_event`
pub(crate) fn fire_event(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
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
    d.is_up() && (d.ifindex != drivers::iflink(k, dev) || lag(k, dev) || (d.carrier && d.noop))
}

/// `netif_is_lag_port`, `netif_is_lag_master`
fn lag(k: &Kernel, dev: DevId) -> bool {
    let d = &k.devs[dev];
    d.kind.is_lag() || d.master.and_then(|m| k.devs.get(m)).is_some_and(|m| m.kind.is_lag())
}

/// `netif_stacked_transfer_operstate`: `upper` has a carrier exactly if `lower` has.
pub fn stacked_transfer_operstate(k: &mut Kernel, cx: &mut Cx, lower: DevId, upper: DevId) {
    let on = k.devs[lower].carrier;
    set_carrier(k, cx, upper, on);
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

/// The worker, if it is to run at once: called when a request is done, or a protocol has changed a carrier.
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
        k.log.ready();
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

/// Somebody asks for every link of the host by its number, namespace by namespace, twice: once for those that follow
/// from others.
pub fn sync_all(k: &mut Kernel, cx: &mut Cx) {
    for _ in 0..2 {
        for ns in 0..k.nets.len() {
            let mut devs = k.nets[ns].devs.clone();
            devs.sort_by_key(|d| k.devs.get(*d).map(|d| d.ifindex));
            for dev in devs {
                if k.devs.get(dev).is_some() {
                    sync_dev(k, cx, dev);
                }
            }
        }
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
    let iflink = drivers::iflink(k, dev);
    if iflink == d.ifindex {
        return OperState::Down;
    }
    match k.dev_by_index(d.ns, iflink) {
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
    drivers::notify_all(k, cx, dev, Event::Change);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rtnl::testing::Lab;

    /// Three ports whose peers have equal and unequal numbers.
    fn bridge() -> Lab {
        let mut lab = Lab::new();
        lab.run(
            "a link add p1 type veth peer name q1 netns b
             a link add br0 type bridge
             a link add p2 type veth peer name q2 netns b
             a link add p3 type veth peer name q3 netns b
             a link set p1 up master br0\n a link set p2 up master br0\n a link set p3 up master br0
             b link set q1 up\n b link set q2 up\n b link set q3 up\n a link set br0 up",
        );
        lab
    }

    fn ports(lab: &Lab) -> Vec<String> {
        ["p1", "p2", "p3"].map(|p| lab.port("a", p)).into()
    }

    /// DEV-14, DEV-15: equal numbers (2 and 2) are not urgent, and wait for the next batch, a second after the last.
    #[test]
    fn equal_numbers_lag() {
        let mut lab = bridge();
        lab.at(5_000);
        let numbers = |lab: &Lab| {
            let d = &lab.k.devs[lab.dev("a", "p1")];
            (d.ifindex, drivers::iflink(&lab.k, lab.dev("a", "p1")))
        };
        assert_eq!(numbers(&lab), (2, 2));
        assert_eq!(ports(&lab), ["forwarding", "forwarding", "forwarding"]);
        // The first batch since long runs at once, and the next is due at 6 s.
        lab.run("b link set q1 down\n b link set q1 up");
        assert_eq!(lab.port("a", "p1"), "forwarding");
        lab.at(5_400);
        lab.run("b link set q1 down\n b link set q2 down\n b link set q3 down");
        assert_eq!(ports(&lab), ["forwarding", "disabled", "disabled"]);
        let p1 = lab.dev("a", "p1");
        assert!(!lab.k.devs[p1].carrier && !lab.k.devs[p1].noop, "the bit flips at once, the qdisc later");
        assert_eq!(lab.state("a", "br0"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
        assert!(lab.k.linkwatch.later.is_some());
        lab.at(6_000);
        run(&mut lab.k, &mut lab.cx);
        assert_eq!(lab.port("a", "p1"), "disabled");
        assert!(lab.k.devs[p1].noop);
        // The bridge's own loss of carrier is not urgent either.
        assert_eq!(lab.state("a", "br0"), "BROADCAST,MULTICAST,UP UP");
        lab.at(7_000);
        run(&mut lab.k, &mut lab.cx);
        assert_eq!(lab.state("a", "br0"), "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN");
        assert!(lab.k.linkwatch.later.is_none());
    }

    /// Whoever names the device has its state settled first.
    #[test]
    fn naming_a_device_settles_it() {
        let mut lab = bridge();
        lab.at(5_000);
        lab.run("b link set q1 down\n b link set q1 up");
        lab.at(5_400);
        lab.run("b link set q1 down");
        assert_eq!(lab.port("a", "p1"), "forwarding");
        lab.run("a link set p1 txqueuelen 5");
        assert_eq!(lab.port("a", "p1"), "disabled");
    }

    /// An up end of a new pair that is not looked at yet: UNKNOWN, and RUNNING for that reason.
    #[test]
    fn before_the_first_look() {
        let mut lab = Lab::new();
        lab.at(5_000);
        lab.run("a link add x up type veth peer name y");
        assert_eq!(lab.state("a", "x"), "NO-CARRIER,BROADCAST,MULTICAST,UP LOWERLAYERDOWN");
        lab.run("a link add v up type veth peer name w");
        assert_eq!(lab.state("a", "v"), "BROADCAST,MULTICAST,UP UNKNOWN");
        // Carrier on, with the qdisc still noop, is urgent, and takes all that is urgent by now with it.
        lab.run("a link set w up");
        assert_eq!(lab.state("a", "v"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
    }

    /// A batch is at most a hundred devices.
    #[test]
    fn batches_are_limited() {
        let mut lab = Lab::new();
        for i in 0..75 {
            lab.run(&format!("a link add x{i} type veth peer name y{i} netns b"));
            lab.run(&format!("a link set x{i} up\n b link set y{i} up"));
        }
        lab.at(10_000);
        // Equal numbers everywhere: 75 lose their carrier at a time when batches are to wait.
        lab.k.linkwatch.next = lab.cx.jiffies() + 250;
        for i in 0..75 {
            lab.run(&format!("b link set y{i} down"));
        }
        assert_eq!(lab.k.linkwatch.pending.len(), 150);
        lab.at(11_000);
        run(&mut lab.k, &mut lab.cx);
        assert_eq!(lab.k.linkwatch.pending.len(), 50);
        lab.at(12_000);
        run(&mut lab.k, &mut lab.cx);
        assert!(lab.k.linkwatch.pending.is_empty());
    }
}
