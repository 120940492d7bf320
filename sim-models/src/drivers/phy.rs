//! A physical NIC: tx ring, serialisation at the line rate, pfifo_fast above it; rx ring, interrupt, NAPI (NIC-1 to 9).

use super::{Arg, Driver, Setup};
use crate::{
    cpu,
    kernel::{Alarm, At, Cx, DevId, Flying, Kernel, NetDevice, Reason, RtnlError, SkBuff, boot, dev},
};
use sim_core::time::{Rate, Span, Time};
use std::collections::VecDeque;

/// `Physical(rate: "10gbit")`
#[derive(Clone, Debug, PartialEq)]
pub struct PhyConfig {
    /// Line rate.
    pub rate: Rate,
    /// Descriptors.
    pub tx_ring: u32,
    pub rx_ring: u32,
}

impl Default for PhyConfig {
    fn default() -> Self {
        PhyConfig { rate: TEN_GBIT, tx_ring: 256, rx_ring: 256 }
    }
}

const TEN_GBIT: Rate = match Rate::from_bits_per_s(10_000_000_000) {
    Some(r) => r,
    None => unreachable!(),
};

/// Driver state, behind a box.
pub struct Phy(Box<Nic>);

// What every packet touches comes first, in as few cache lines as it fits.
#[repr(C)]
struct Nic {
    /// The last bit of what was given to the hardware leaves at this time.
    busy_until: Time,
    /// When each descriptor in the tx ring is done: that of the frame which found the line free, and the ones behind it.
    first_done: Time,
    /// Picoseconds a byte takes, where that is a whole number, as at every Ethernet rate; else 0.
    ps_per_byte: u64,
    /// The host's outbound wire, once a cable is plugged in.
    wire: Option<u32>,
    /// The core that its interrupt goes to.
    cpu: u32,
    /// NAPI is scheduled: the interrupt is off.
    napi: bool,
    tx_alarm: bool,
    rate: Rate,
    in_ring: VecDeque<Time>,
    tx_ring: usize,
    rx: VecDeque<SkBuff>,
    rx_ring: usize,
    qdisc: Qdisc,
    /// Which NIC of the host it is, from 0.
    number: u32,
}

/// pfifo_fast: three bands, each `txqueuelen` packets (NIC-9).
#[derive(Default)]
struct Qdisc {
    bands: [VecDeque<SkBuff>; 3],
}

/// Band by `skb->priority & 15`.
const BAND: [usize; 16] = [1, 2, 2, 2, 1, 2, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1];

/// Preamble, start of frame, FCS and gap around each frame; the shortest frame without FCS (NIC-10).
const OVERHEAD: u64 = 4 + 8 + 12;
const SHORTEST: u64 = 60;

impl Driver for Phy {
    type Config = PhyConfig;
    type Shared = ();
    const VIRTUAL: bool = false;
    const SETUP: Setup = Setup { carrier: false, max_mtu: 9_000, ..Setup::ETHER };
    const ARGS: &'static [Arg<PhyConfig>] = &[
        Arg {
            word: "rate",
            value: "RATE",
            set: |c, v| v.parse().map(|r| c.rate = r).map_err(|e| format!("{e}")),
            show: |c| Some(c.rate.to_string()),
        },
        Arg {
            word: "tx_ring",
            value: "DESCRIPTORS",
            set: |c, v| ring(v).map(|n| c.tx_ring = n),
            show: |c| Some(c.tx_ring.to_string()),
        },
        Arg {
            word: "rx_ring",
            value: "DESCRIPTORS",
            set: |c, v| ring(v).map(|n| c.rx_ring = n),
            show: |c| Some(c.rx_ring.to_string()),
        },
    ];

    fn newlink(k: &mut Kernel, _cx: &mut Cx, _dev: DevId, c: &PhyConfig) -> Result<Self, RtnlError> {
        Ok(Phy(Box::new(Nic {
            rate: c.rate,
            ps_per_byte: whole_ps_per_byte(c.rate),
            wire: None,
            busy_until: Time::ZERO,
            first_done: Time::ZERO,
            in_ring: VecDeque::new(),
            tx_ring: c.tx_ring as usize,
            qdisc: Qdisc::default(),
            tx_alarm: false,
            rx: VecDeque::new(),
            rx_ring: c.rx_ring as usize,
            napi: false,
            cpu: 0,
            number: boot::next_nic(k),
        })))
    }

    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        start_xmit(k, cx, dev, skb);
    }

    /// `dev_deactivate` and the driver's own stop: what waits above and below the ring is thrown away.
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        let n = nic(k, dev);
        let waiting: Vec<SkBuff> = n.qdisc.bands.iter_mut().flat_map(|b| b.drain(..)).chain(n.rx.drain(..)).collect();
        for skb in waiting {
            cx.drop(k, skb, At::PhyXmit, Reason::QUEUE_PURGE);
        }
    }

    fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Option<DevId> {
        Self::stop(k, cx, dev);
        None
    }

    fn config(k: &Kernel, dev: DevId) -> PhyConfig {
        match &k.devs[dev].kind {
            super::Kind::Physical(Phy(n)) => {
                PhyConfig { rate: n.rate, tx_ring: n.tx_ring as u32, rx_ring: n.rx_ring as u32 }
            }
            _ => PhyConfig::default(),
        }
    }
}

fn ring(v: &str) -> Result<u32, String> {
    v.parse().ok().filter(|n| (1..=65_536).contains(n)).ok_or_else(|| format!("`{v}` is not a ring size: 1 to 65536"))
}

fn nic(k: &mut Kernel, dev: DevId) -> &mut Nic {
    match &mut k.devs[dev].kind {
        super::Kind::Physical(Phy(n)) => n,
        _ => unreachable!("only called for devices of this driver"),
    }
}

/// Plugs a cable in: the host's outbound wire `wire`. The core `cpu` takes its interrupts.
pub fn plug(k: &mut Kernel, dev: DevId, wire: u32, cpu: u32) {
    let n = nic(k, dev);
    n.wire = Some(wire);
    n.cpu = cpu;
}

/// The line rate.
pub fn rate(k: &Kernel, dev: DevId) -> Option<Rate> {
    match &k.devs.get(dev)?.kind {
        super::Kind::Physical(Phy(n)) => Some(n.rate),
        _ => None,
    }
}

/// The host's outbound wire that `dev` is plugged into.
pub fn wire(k: &Kernel, dev: DevId) -> Option<u32> {
    match &k.devs.get(dev)?.kind {
        super::Kind::Physical(Phy(n)) => n.wire,
        _ => None,
    }
}

/// How long a frame of `len` bytes, header included, takes on the line of `dev`; no time at other devices.
pub fn line_time(k: &Kernel, dev: DevId, len: u32) -> Span {
    match k.devs.get(dev).map(|d| &d.kind) {
        Some(super::Kind::Physical(Phy(n))) => on_the_line(n, len),
        _ => Span::ZERO,
    }
}

/// Which NIC of the host `dev` is, from 0; `None` for other devices.
pub fn number(k: &Kernel, dev: DevId) -> Option<u32> {
    match &k.devs.get(dev)?.kind {
        super::Kind::Physical(Phy(n)) => Some(n.number),
        _ => None,
    }
}

/// Frames that wait in this device: qdisc and rx ring.
pub fn waiting(k: &Kernel, dev: DevId) -> u64 {
    match &k.devs[dev].kind {
        super::Kind::Physical(Phy(n)) => n.rx.len() as u64 + n.qdisc.bands.iter().map(|b| b.len() as u64).sum::<u64>(),
        _ => 0,
    }
}

pub(crate) fn each_waiting<'p>(k: &'p Kernel, dev: DevId, tell: &mut dyn FnMut(&'p SkBuff)) {
    if let super::Kind::Physical(Phy(n)) = &k.devs[dev].kind {
        n.rx.iter().chain(n.qdisc.bands.iter().flatten()).for_each(tell);
    }
}

fn whole_ps_per_byte(rate: Rate) -> u64 {
    let ps = rate.span_of(1).ps();
    if ps.checked_mul(rate.bits_per_s()) == Some(8 * sim_core::time::PS_PER_S) { ps } else { 0 }
}

/// How long a frame of `len` bytes, header included, takes on the line.
#[inline]
fn on_the_line(n: &Nic, len: u32) -> Span {
    let bytes = u64::from(len).max(SHORTEST) + OVERHEAD;
    if n.ps_per_byte != 0 { Span::from_ps(bytes * n.ps_per_byte) } else { n.rate.span_of(bytes) }
}

impl Phy {
    /// `__dev_xmit_skb`: does an empty pfifo_fast let a packet through to the driver? Else it waits its turn (NIC-4).
    #[inline]
    pub(crate) fn takes(&mut self, clock: Time) -> bool {
        // Nothing on the line: the ring is empty, and so is the qdisc above it.
        self.0.busy_until <= clock || self.0.has_room(clock)
    }
}

impl Nic {
    /// May a packet go to the ring now, past the qdisc?
    fn has_room(&mut self, clock: Time) -> bool {
        !self.tx_alarm && self.ring_used(clock) < self.tx_ring
    }

    /// Descriptors in use at `clock`.
    fn ring_used(&mut self, clock: Time) -> usize {
        while self.in_ring.front().is_some_and(|done| *done <= clock) {
            self.in_ring.pop_front();
        }
        usize::from(self.first_done > clock) + self.in_ring.len()
    }

    /// When the next descriptor is free again.
    fn next_free(&self, clock: Time) -> Time {
        if self.first_done > clock { self.first_done } else { self.in_ring.front().copied().unwrap_or(clock) }
    }
}

/// Into the qdisc.
#[cold]
pub(crate) fn enqueue(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
    let limit = k.devs[dev].cold.tx_queue_len as usize;
    let band = BAND[(skb.meta.priority & 15) as usize];
    let n = nic(k, dev);
    let waiting = n.qdisc.bands[band].len();
    if waiting >= limit {
        cx.xmit_dropped = true;
        return cx.drop(k, skb, At::DevQueueXmit, Reason::QDISC_OVERLIMIT);
    }
    cx.note(&skb, || format!("pfifo_fast: {waiting} of {limit} waiting in band {band}"));
    n.qdisc.bands[band].push_back(skb);
    if !n.tx_alarm {
        n.tx_alarm = true;
        let at = n.next_free(cx.clock).max(cx.queue.now());
        cx.set_alarm(at, Alarm::TxDone(dev.index));
    }
}

/// A descriptor is free again: the qdisc's next packets go to the ring (`__qdisc_run`).
pub(crate) fn tx_done(k: &mut Kernel, cx: &mut Cx, slot: u32) {
    let clock = cx.clock;
    // The NIC may be gone by now, and its slot another device's.
    let Some(dev) = k.devs.in_slot(slot).filter(|d| matches!(k.devs[*d].kind, super::Kind::Physical(_))) else {
        return;
    };
    let n = nic(k, dev);
    n.tx_alarm = false;
    loop {
        let n = nic(k, dev);
        if n.ring_used(clock) >= n.tx_ring {
            break;
        }
        let Some(skb) = n.qdisc.bands.iter_mut().find_map(VecDeque::pop_front) else { return };
        dev::dev_hard_start_xmit(k, cx, dev, skb);
    }
    let n = nic(k, dev);
    if n.qdisc.bands.iter().any(|b| !b.is_empty()) {
        n.tx_alarm = true;
        let at = n.next_free(clock).max(cx.queue.now());
        cx.set_alarm(at, Alarm::TxDone(dev.index));
    }
}

/// `ndo_start_xmit`: a descriptor in the ring; the hardware sends it when the line is free.
pub(crate) fn start_xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
    if let Some(skb) = start_on(&mut k.devs[dev], cx, skb) {
        cx.drop(k, skb, At::PhyXmit, Reason::DEV_DOWN);
    }
}

/// The same with the device at hand. Gives the packet back where no cable is plugged in.
#[inline(always)]
pub(crate) fn start_on(d: &mut NetDevice, cx: &mut Cx, skb: SkBuff) -> Option<SkBuff> {
    cx.at(At::PhyXmit, &skb);
    let len = skb.frame.len();
    let clock = cx.clock;
    d.stats.tx_packets += 1;
    d.stats.tx_bytes += u64::from(len);
    let super::Kind::Physical(Phy(n)) = &mut d.kind else { unreachable!("only called for devices of this driver") };
    let line = on_the_line(n, skb.frame.wire_len());
    let free = n.busy_until <= clock;
    let done = if free { clock } else { n.busy_until } + line;
    n.busy_until = done;
    if !free {
        n.in_ring.push_back(done);
    } else {
        n.first_done = done;
        if !n.in_ring.is_empty() {
            n.in_ring.clear();
        }
    }
    let Some(wire) = n.wire else { return Some(skb) };
    if skb.meta.traced {
        let rate = n.rate;
        cx.note(&skb, || format!("{len} B at {rate}: {line} on the line"));
    }
    cx.transmit(wire, done, skb);
    None
}

/// A frame has come off the wire: into the rx ring by DMA, and an interrupt if none is pending (NIC-1).
#[inline]
pub(crate) fn frame(k: &mut Kernel, cx: &mut Cx, dev: DevId, frame: Flying) {
    cx.obs.ledger.landed += 1;
    let mut skb = frame.land(dev);
    let now = cx.queue.now();
    skb.meta.since = now.ps();
    cx.landed(&skb);
    let Some(d) = k.devs.get_mut(dev) else {
        return cx.drop(k, skb, At::NapiPoll, Reason::DEV_DOWN);
    };
    let up = d.is_up();
    let super::Kind::Physical(Phy(n)) = &mut d.kind else { unreachable!("only called for devices of this driver") };
    if !up {
        return cx.drop(k, skb, At::NapiPoll, Reason::DEV_DOWN);
    }
    let on = n.cpu;
    // The ring is empty and the core idle: the frame is polled at once.
    if !n.napi && k.cpus[on as usize].is_free(now) {
        return cpu::direct(k, cx, on, skb);
    }
    if n.rx.len() >= n.rx_ring {
        d.cold.rx_missed += 1;
        return cx.drop(k, skb, At::NapiPoll, Reason::RX_MISSED);
    }
    n.rx.push_back(skb);
    if !std::mem::replace(&mut n.napi, true) {
        cpu::irq(k, on, dev);
    }
    cpu::kick(k, cx, on);
}

/// One packet of the driver's poll; false if the ring is empty: NAPI is done and the interrupt is on again (NIC-2).
#[inline]
pub(crate) fn poll(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> bool {
    if k.devs.get(dev).is_none() {
        return false;
    }
    let n = nic(k, dev);
    let Some(skb) = n.rx.pop_front() else {
        n.napi = false;
        return false;
    };
    receive(k, cx, skb);
    true
}

/// The driver hands one frame to the stack.
#[inline(always)]
pub(crate) fn receive(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    cx.at(At::NapiPoll, &skb);
    let d = &mut k.devs[skb.meta.dev];
    d.stats.rx_packets += 1;
    d.stats.rx_bytes += u64::from(skb.frame.len());
    skb.meta.pkt_type = dev::eth_type_trans(d.mac, skb.frame.dst);
    dev::netif_receive_skb(k, cx, skb);
}

/// Nothing is left in the rx ring?
#[inline]
pub(crate) fn rx_is_empty(k: &mut Kernel, dev: DevId) -> bool {
    k.devs.get(dev).is_none() || nic(k, dev).rx.is_empty()
}
