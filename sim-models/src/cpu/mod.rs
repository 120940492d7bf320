//! Cores. A core does one unit of work after another: one packet through the softirq, one step of a task, the due
//! timers. Work that comes while it is busy waits. Softirqs go before tasks; in them timers go before packets.

mod softirq;

pub(crate) use softirq::after_request;
pub use softirq::{do_softirq, enqueue_backlog, irq, purge_dev};

use crate::{
    apps::TaskId,
    kernel::{
        At, Cx, DevId, Kernel, SkBuff,
        timer::{self, Wheel},
    },
};
use sim_core::time::{Span, Time};
use std::collections::VecDeque;

/// A poll list entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Napi {
    /// The core's own backlog: veth, loopback, tunnels.
    Backlog,
    Dev(DevId),
}

/// `struct softnet_data` and the run queue.
// What every packet touches comes first, in as few cache lines as it fits.
#[repr(C)]
pub struct Cpu {
    /// When the unit that runs now, or ran last, ends.
    pub free_at: Time,
    /// What there is to do: a bit for each of the queues below that is not empty.
    work: u8,
    /// An alarm is set for `free_at`.
    alarm: bool,
    backlog_scheduled: bool,
    timer_due: bool,
    /// /proc/net/softnet_stat: processed, dropped, time_squeeze.
    pub processed: u64,
    softirq: softirq::State,
    /// `input_pkt_queue`, with `process_queue` at its front: the first `spliced` packets.
    backlog: VecDeque<SkBuff>,
    spliced: usize,
    poll_list: VecDeque<Napi>,
    current: Option<TaskId>,
    /// Who ran last: changing to another costs a context switch.
    last: Option<Runnable>,
    slice_began: Time,
    run: VecDeque<Runnable>,
    /// Interrupts that this core has not taken yet.
    irqs: VecDeque<DevId>,
    pub wheel: Wheel,
    pub dropped: u64,
    pub time_squeeze: u64,
}

/// Bits of [`Cpu::work`].
const POLL: u8 = 1;
const CURRENT: u8 = 2;
const IRQ: u8 = 4;
const TIMER: u8 = 8;
const RUN: u8 = 16;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Runnable {
    Task(TaskId),
    Ksoftirqd,
}

/// How long a task may run while others wait (EEVDF's base slice on a small machine).
const SLICE: Span = Span::from_us(2_800);

impl Default for Cpu {
    fn default() -> Self {
        Cpu::new()
    }
}

impl Cpu {
    /// The task that this core runs.
    pub(crate) fn current(&self) -> Option<TaskId> {
        self.current
    }

    pub fn new() -> Cpu {
        Cpu {
            free_at: Time::ZERO,
            alarm: false,
            backlog: VecDeque::new(),
            spliced: 0,
            poll_list: VecDeque::new(),
            backlog_scheduled: false,
            work: 0,
            irqs: VecDeque::new(),
            timer_due: false,
            softirq: softirq::State::default(),
            run: VecDeque::new(),
            current: None,
            last: None,
            slice_began: Time::ZERO,
            wheel: Wheel::default(),
            processed: 0,
            dropped: 0,
            time_squeeze: 0,
        }
    }

    /// Length of `input_pkt_queue`, what `netdev_max_backlog` limits (VETH-8).
    #[inline]
    pub fn input_len(&self) -> usize {
        self.backlog.len() - self.spliced
    }

    /// Packets in the backlog.
    pub fn waiting(&self) -> u64 {
        self.backlog.len() as u64
    }

    pub(crate) fn each_waiting<'p>(&'p self, tell: &mut dyn FnMut(&'p SkBuff)) {
        self.backlog.iter().for_each(tell);
    }

    /// For tests that do a core's work by hand.
    #[cfg(test)]
    pub(crate) fn take_backlog(&mut self) -> Option<SkBuff> {
        self.spliced = self.spliced.saturating_sub(1);
        self.backlog.pop_front()
    }

    #[inline]
    fn has_work(&self) -> bool {
        debug_assert_eq!(self.work, self.counted_work());
        self.work != 0
    }

    /// [`Cpu::work`] by looking at the queues themselves.
    fn counted_work(&self) -> u8 {
        u8::from(!self.poll_list.is_empty()) * POLL
            + u8::from(self.current.is_some()) * CURRENT
            + u8::from(!self.irqs.is_empty()) * IRQ
            + u8::from(self.timer_due) * TIMER
            + u8::from(!self.run.is_empty()) * RUN
    }

    /// To be called after one of the queues changed.
    #[inline]
    fn recount(&mut self) {
        self.work = self.counted_work();
    }

    fn make_runnable(&mut self, who: Runnable) {
        self.run.push_back(who);
        self.work |= RUN;
    }

    /// Nothing runs at `now`, and nothing waits to run.
    #[inline]
    pub(crate) fn is_free(&self, now: Time) -> bool {
        self.free_at <= now && !self.has_work()
    }

    /// No queue of this core is non-empty: what must hold when nothing is set to wake it.
    pub fn is_idle(&self) -> bool {
        !self.has_work() && self.backlog.is_empty()
    }
}

/// A task became runnable on its core.
pub(crate) fn wake(k: &mut Kernel, on: u32, task: TaskId) {
    k.cpus[on as usize].make_runnable(Runnable::Task(task));
}

/// The wheel's alarm of core `on` went off: TIMER_SOFTIRQ is raised.
pub(crate) fn timer_irq(k: &mut Kernel, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    cpu.timer_due = true;
    cpu.work |= TIMER;
}

/// Something may have come for core `on`: it begins now if it is idle, else an alarm tells it when it is done.
#[inline]
pub fn kick(k: &mut Kernel, cx: &mut Cx, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    if !cpu.has_work() {
        return;
    }
    let now = cx.queue.now();
    if cpu.free_at > now {
        if !cpu.alarm {
            cpu.alarm = true;
            let at = cpu.free_at;
            cx.set_alarm(at, crate::kernel::Alarm::Cpu(on));
        }
        return;
    }
    run(k, cx, on, now);
}

/// The core's own alarm went off.
#[inline]
pub(crate) fn alarm(k: &mut Kernel, cx: &mut Cx, on: u32) {
    k.cpus[on as usize].alarm = false;
    kick(k, cx, on);
}

/// One unit after another, without the queue as long as nothing else can come first.
fn run(k: &mut Kernel, cx: &mut Cx, on: u32, now: Time) {
    cx.clock = now;
    cx.cpu = on;
    loop {
        unit(k, cx, on);
        if !goes_on(k, cx, on) {
            return;
        }
    }
}

/// A unit has ended: is there more, and may it be done without the queue?
#[inline]
fn goes_on(k: &mut Kernel, cx: &mut Cx, on: u32) -> bool {
    let cpu = &mut k.cpus[on as usize];
    cpu.free_at = cx.clock;
    if !cpu.has_work() || cpu.alarm {
        return false;
    }
    if cx.may_continue() {
        return true;
    }
    cpu.alarm = true;
    cx.set_alarm(cx.clock, crate::kernel::Alarm::Cpu(on));
    false
}

/// What [`unit`] does with a frame that is alone in its rx ring on a core that is free, without passing it through the
/// queues: interrupt, softirq, poll. The same bill, the same order.
#[inline]
pub(crate) fn direct(k: &mut Kernel, cx: &mut Cx, on: u32, skb: SkBuff) {
    cx.clock = cx.queue.now();
    cx.cpu = on;
    cx.work(At::Irq);
    softirq::direct(k, cx, on, skb);
    if goes_on(k, cx, on) {
        let clock = cx.clock;
        run(k, cx, on, clock);
    }
}

/// One unit of work: interrupts first, then softirqs, then the task that runs, then the next one.
#[inline]
fn unit(k: &mut Kernel, cx: &mut Cx, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    if cpu.work & (IRQ | TIMER | POLL) != 0 && interrupts(k, cx, on) {
        return;
    }
    match k.cpus[on as usize].current {
        Some(task) => step(k, cx, on, task),
        None => next(k, cx, on),
    }
}

/// The next interrupt, and a unit of the softirqs; false: ksoftirqd has them.
fn interrupts(k: &mut Kernel, cx: &mut Cx, on: u32) -> bool {
    let cpu = &mut k.cpus[on as usize];
    if let Some(dev) = cpu.irqs.pop_front() {
        cx.work(At::Irq);
        softirq::napi_schedule(cpu, dev);
        cpu.work |= POLL;
        if cpu.irqs.is_empty() {
            cpu.work &= !IRQ;
        }
    }
    if cpu.timer_due {
        timers(k, cx, on);
        return true;
    }
    if cpu.work & POLL != 0 && !cpu.softirq.deferred() {
        softirq::net_rx(k, cx, on);
        return true;
    }
    false
}

fn timers(k: &mut Kernel, cx: &mut Cx, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    cpu.timer_due = false;
    cpu.work &= !TIMER;
    cx.work(At::RunTimers);
    let jiffies = cx.jiffies();
    let mut due = Vec::new();
    while k.cpus[on as usize].wheel.expire(jiffies, &mut due) {
        for t in due.drain(..) {
            fire(k, cx, t);
        }
    }
    timer::set_alarm(k, cx);
}

fn fire(k: &mut Kernel, cx: &mut Cx, t: timer::Timer) {
    use timer::Timer;
    match t {
        Timer::Neigh(n) => crate::kernel::neigh::neigh_timer(k, cx, n),
        Timer::NeighGc => crate::kernel::neigh::periodic_work(k, cx),
        Timer::NeighProxy => crate::kernel::neigh::proxy::process(k, cx),
        Timer::FdbGc(dev) => crate::drivers::bridge::cleanup(k, cx, dev),
        Timer::Bridge(dev, what, serial) => crate::drivers::bridge::fire(k, cx, dev, what, serial),
        Timer::Device(dev) => crate::drivers::timer(k, cx, dev),
        Timer::IpFrag(ns, n) => crate::kernel::ip_defrag::ip_expire(k, cx, ns, n),
        Timer::Linkwatch => crate::kernel::linkwatch::run(k, cx),
        Timer::Tcp(id) => crate::kernel::sock::tcp::syn_timer(k, cx, id),
    }
}

/// The next in the run queue.
fn next(k: &mut Kernel, cx: &mut Cx, on: u32) {
    let cpu = &mut k.cpus[on as usize];
    let Some(who) = cpu.run.pop_front() else {
        // ksoftirqd was asked for, but its work was done by another softirq meanwhile.
        cpu.softirq.undefer();
        return;
    };
    if cpu.run.is_empty() {
        cpu.work &= !RUN;
    }
    if cpu.last != Some(who) {
        cx.work(At::ContextSwitch);
        cpu.last = Some(who);
    }
    cpu.slice_began = cx.clock;
    match who {
        Runnable::Task(task) => {
            cpu.current = Some(task);
            cpu.work |= CURRENT;
            step(k, cx, on, task);
        }
        Runnable::Ksoftirqd => {
            cpu.softirq.undefer();
            if !cpu.poll_list.is_empty() {
                softirq::net_rx(k, cx, on);
            }
        }
    }
}

/// One step of the task that runs: at most one system call.
fn step(k: &mut Kernel, cx: &mut Cx, on: u32, task: TaskId) {
    let more = crate::apps::step(k, cx, task);
    let cpu = &mut k.cpus[on as usize];
    if !more {
        cpu.current = None;
        cpu.work &= !CURRENT;
    } else if !cpu.run.is_empty() && cx.clock.since(cpu.slice_began) >= SLICE {
        cpu.current = None;
        cpu.work &= !CURRENT;
        cpu.make_runnable(Runnable::Task(task));
    }
}
