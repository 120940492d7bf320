//! NET_RX: the poll list, weights and budgets, and ksoftirqd for what is too much (VETH-11 to 13, CPU-06, 07).

use super::{Cpu, IRQ, Napi, POLL, Runnable};
use crate::{
    drivers::phy,
    kernel::{At, Cx, DevId, Kernel, Reason, SkBuff, dev},
};
use sim_core::time::{Span, Time};

/// Packets for one device before the next one's turn (`dev_weight`), for all of one run (`netdev_budget`).
const WEIGHT: u32 = 64;
const BUDGET: u32 = 300;
/// Runs before ksoftirqd takes over, or so long.
const RESTARTS: u32 = 10;
const LONGEST: Span = Span::from_ms(2);

/// Where the softirq stands between two packets.
#[derive(Default)]
pub(super) struct State {
    /// It runs: since when, how many runs, packets left of this run's budget and of the device's weight.
    running: bool,
    since: Time,
    restarts: u32,
    budget: u32,
    weight: u32,
    /// ksoftirqd has the rest.
    deferred: bool,
}

impl State {
    #[inline]
    pub(super) fn deferred(&self) -> bool {
        self.deferred
    }
    pub(super) fn undefer(&mut self) {
        self.deferred = false;
        self.running = false;
    }
}

/// Queues a packet to this core's backlog and raises NET_RX (`enqueue_to_backlog`).
#[inline]
pub fn enqueue_backlog(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    let cpu = &mut k.cpus[cx.cpu as usize];
    cpu.backlog.push_back(skb);
    if !cpu.backlog_scheduled {
        cpu.backlog_scheduled = true;
        cpu.poll_list.push_back(Napi::Backlog);
        cpu.work |= POLL;
    }
    // A send from a task runs the softirq before the call returns (VETH-14), ksoftirqd or not.
    if cpu.softirq.deferred && cpu.current.is_some() {
        cpu.softirq.undefer();
    }
}

/// A task has sent something and goes on within its system call: what the packet has set off on this core comes first
/// (`do_softirq` at the end of `__dev_queue_xmit`, VETH-14). Nothing where a softirq runs already.
#[cold]
pub fn do_softirq(k: &mut Kernel, cx: &mut Cx) {
    let on = cx.cpu;
    let cpu = &k.cpus[on as usize];
    if cpu.softirq.running || cpu.softirq.deferred || cpu.current.is_none() {
        return;
    }
    while k.cpus[on as usize].work & POLL != 0 && !k.cpus[on as usize].softirq.deferred {
        net_rx(k, cx, on);
    }
}

/// The same after a request's own frame: what it sets off is done before anything that the request leaves to a worker.
pub(crate) fn after_request(k: &mut Kernel, cx: &mut Cx) {
    let on = cx.cpu;
    let cpu = &k.cpus[on as usize];
    if cpu.softirq.running || cpu.softirq.deferred || cpu.current.is_some() {
        return;
    }
    while k.cpus[on as usize].work & POLL != 0 && !k.cpus[on as usize].softirq.deferred {
        net_rx(k, cx, on);
    }
}

/// A NIC interrupts core `on`.
#[inline]
pub fn irq(k: &mut Kernel, on: u32, dev: DevId) {
    let cpu = &mut k.cpus[on as usize];
    cpu.irqs.push_back(dev);
    cpu.work |= IRQ;
}

#[inline]
pub(super) fn napi_schedule(cpu: &mut Cpu, dev: DevId) {
    cpu.poll_list.push_back(Napi::Dev(dev));
}

/// One packet of the first device on the poll list (`net_rx_action`, `process_backlog`).
#[inline]
pub(super) fn net_rx(k: &mut Kernel, cx: &mut Cx, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    if !cpu.softirq.running {
        cpu.softirq =
            State { running: true, since: cx.clock, restarts: 0, budget: BUDGET, weight: WEIGHT, deferred: false };
        cx.work(At::Softirq);
    }
    let Some(first) = cpu.poll_list.front().copied() else { return };
    let done = match first {
        Napi::Backlog => process_backlog(k, cx, on),
        Napi::Dev(dev) => {
            let got = phy::poll(k, cx, dev);
            if got {
                k.cpus[on as usize].processed += 1;
            }
            !got || (phy::rx_is_empty(k, dev) && !phy::poll(k, cx, dev))
        }
    };
    settle(k, cx, on, done);
}

/// A NET_RX run of one frame that a NIC has just received.
#[inline]
pub(super) fn direct(k: &mut Kernel, cx: &mut Cx, on: u32, skb: SkBuff) {
    let cpu = &mut k.cpus[on as usize];
    cpu.processed += 1;
    cpu.softirq =
        State { running: true, since: cx.clock, restarts: 0, budget: BUDGET - 1, weight: WEIGHT, deferred: false };
    cx.work(At::Softirq);
    phy::receive(k, cx, skb);
    let cpu = &mut k.cpus[on as usize];
    cpu.softirq.running = cpu.work & POLL != 0;
}

/// One packet of the backlog; true if nothing is left in it.
#[inline]
fn process_backlog(k: &mut Kernel, cx: &mut Cx, on: u32) -> bool {
    let cpu = &mut k.cpus[on as usize];
    if cpu.spliced == 0 {
        cpu.spliced = cpu.backlog.len();
    }
    let Some(skb) = cpu.backlog.pop_front() else {
        cpu.backlog_scheduled = false;
        return true;
    };
    cpu.spliced -= 1;
    cpu.processed += 1;
    dev::netif_receive_skb(k, cx, skb);
    let cpu = &mut k.cpus[on as usize];
    let empty = cpu.backlog.is_empty();
    if empty {
        cpu.backlog_scheduled = false;
    }
    empty
}

/// After a packet: whose turn is next, and is it time to stop?
#[inline]
fn settle(k: &mut Kernel, cx: &mut Cx, on: u32, done: bool) {
    let cpu = &mut k.cpus[on as usize];
    let s = &mut cpu.softirq;
    s.budget -= 1;
    s.weight -= 1;
    if done {
        cpu.poll_list.pop_front();
        s.weight = WEIGHT;
        if cpu.poll_list.is_empty() {
            cpu.work &= !POLL;
            s.running = false;
            return;
        }
    } else if s.weight == 0 {
        s.weight = WEIGHT;
        cpu.poll_list.rotate_left(1);
    }
    if s.budget == 0 {
        cpu.time_squeeze += 1;
        s.budget = BUDGET;
        s.restarts += 1;
        if s.restarts >= RESTARTS || cx.clock.since(s.since) >= LONGEST {
            s.deferred = true;
            s.running = false;
            if !cpu.run.contains(&Runnable::Ksoftirqd) {
                cpu.make_runnable(Runnable::Ksoftirqd);
            }
        }
    }
}

/// A device goes away: its packets in the backlog go with it (`flush_backlog`), and its place on the poll list.
pub fn purge_dev(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    for on in 0..k.cpus.len() {
        let cpu = &mut k.cpus[on];
        cpu.poll_list.retain(|n| *n != Napi::Dev(dev));
        cpu.irqs.retain(|d| *d != dev);
        cpu.recount();
        if !cpu.backlog.iter().any(|s| s.meta.dev == dev) {
            continue;
        }
        let all = std::mem::take(&mut cpu.backlog);
        let (mut kept, mut gone, mut spliced) = (std::collections::VecDeque::new(), vec![], cpu.spliced);
        for (i, skb) in all.into_iter().enumerate() {
            if skb.meta.dev == dev {
                if i < cpu.spliced {
                    spliced -= 1;
                }
                gone.push(skb);
            } else {
                kept.push_back(skb);
            }
        }
        (cpu.backlog, cpu.spliced) = (kept, spliced);
        for skb in gone {
            cx.drop(k, skb, At::NetifRx, Reason::QUEUE_PURGE);
        }
    }
}
