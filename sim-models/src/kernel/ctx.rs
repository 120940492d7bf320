//! What a path function is given besides the kernel: the clock, the alarms, the bill, the witnesses.

use super::{
    At, DevId, Flying, Kernel, Pool, Reason, SkBuff,
    observe::{Observer, StepKind},
    skb::Buf,
};
use crate::{
    cost::Costs,
    packet::{Frame, FrameId},
};
use sim_core::{
    engine::{Sent, Thread},
    queue::Queue,
    rng::Streams,
    time::{PS_PER_S, Span, Time},
};
use std::sync::Arc;

/// What can be due on a host. Eight bytes, `Copy`: packets wait elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// A frame arrives by the host's inbound wire with this number.
    Wire(u32),
    /// A core has work again at the time its last unit ended.
    Cpu(u32),
    /// A core's timer wheel has a bucket due.
    Wheel(u32),
    /// The tx ring of the NIC in this slot of the device table has room again.
    TxDone(u32),
    /// A task's own timer (sleep, interval, receive timeout).
    Task(u32),
    /// A step of the scenario's timeline, or a question from outside.
    Script(u32),
}

impl Default for Alarm {
    fn default() -> Alarm {
        Alarm::Script(0)
    }
}

const _: () = assert!(size_of::<Alarm>() == 8);

/// Where an outbound wire leads.
#[derive(Clone, Copy, Debug)]
pub struct Outbound {
    /// One way.
    pub delay: Span,
    /// The NIC that it is plugged into.
    pub from: DevId,
    /// The receiving host, and the wire's number among its inbound ones.
    pub to: u32,
    pub port: u32,
}

/// The context of one unit of work on one core.
// What every packet touches comes first, in as few cache lines as it fits.
#[repr(C)]
pub struct Cx {
    /// Virtual time on the core that works now; [`Cx::at`] moves it on.
    pub clock: Time,
    /// The core may not go on alone at or after this time: something else may come first.
    pub(crate) horizon: Time,
    /// The same table for all hosts of a world.
    pub costs: Arc<Costs>,
    /// What the hosts of this thread have in common: pending alarms, frames that were sent, the free list.
    pub(crate) thread: Box<Thread<Alarm, Flying, Pool>>,
    pub queue: Queue,
    /// The core that works now.
    pub cpu: u32,
    host: u32,
    tick: Tick,
    next_frame: u64,
    pub outbound: Vec<Outbound>,
    pub obs: Observer,
    pub rng: Streams,
    /// The packet that is being sent was thrown away below (`NET_XMIT_DROP`, -ENOBUFS): its sender may hear of it.
    pub(crate) xmit_dropped: bool,
    /// The request that is being carried out, for the walk's "which line made this": set by the builder.
    pub origin: u32,
}

/// jiffies, without a division per packet.
struct Tick {
    jiffies: u64,
    next: Time,
    len: u64,
}

impl Cx {
    pub fn new(host: u32, hz: u32, costs: impl Into<Arc<Costs>>, rng: Streams) -> Cx {
        let len = PS_PER_S / u64::from(hz.max(1));
        Cx {
            clock: Time::ZERO,
            cpu: 0,
            queue: Queue::new(host),
            thread: Box::default(),
            horizon: Time::MAX,
            costs: costs.into(),
            rng,
            obs: Observer::default(),
            origin: u32::MAX,
            xmit_dropped: false,
            outbound: Vec::new(),
            host,
            next_frame: 0,
            tick: Tick { jiffies: 0, next: Time::from_ps(len), len },
        }
    }

    /// The first line of every modelled kernel function: bills the core, counts the hop, tells the walk.
    #[inline]
    pub fn at(&mut self, at: At, skb: &SkBuff) {
        let begin = self.clock;
        self.clock += self.costs.fixed(at);
        self.obs.hops[at as usize] += 1;
        if skb.meta.traced {
            self.trace_hop(at, begin, skb);
        }
    }

    /// The same where no packet is at hand yet.
    #[inline]
    pub fn work(&mut self, at: At) {
        self.clock += self.costs.fixed(at);
        self.obs.hops[at as usize] += 1;
    }

    /// Bills the bytes that `at` copies.
    #[inline]
    pub fn copy(&mut self, at: At, bytes: u32) {
        self.clock += self.costs.per_byte(at, bytes);
        self.obs.copied[at as usize] += u64::from(bytes);
    }

    #[cold]
    fn trace_hop(&mut self, at: At, begin: Time, skb: &SkBuff) {
        let cost = self.clock.since(begin);
        self.obs.hop(at, begin, cost, self.cpu, skb);
    }

    #[cold]
    fn tell(&mut self, skb: &SkBuff, what: StepKind) {
        self.obs.step(self.clock, skb, what);
    }

    /// The walk hears that a frame came off a wire.
    #[inline]
    pub(crate) fn landed(&mut self, skb: &SkBuff) {
        if skb.meta.traced {
            let now = self.queue.now();
            self.obs.step(now, skb, StepKind::Landed);
        }
    }

    /// Adds a line to the walk under the current hop, if this packet is followed. `text` is made only then.
    #[inline]
    pub fn note(&mut self, skb: &SkBuff, text: impl FnOnce() -> String) {
        if skb.meta.traced {
            self.obs.note(self.clock, skb, text(), None);
        }
    }

    /// The same for an answer from a table whose entry was made by request `origin`.
    #[inline]
    pub fn asked(&mut self, skb: &SkBuff, origin: u32, text: impl FnOnce() -> String) {
        if skb.meta.traced {
            self.obs.note(self.clock, skb, text(), Some(origin));
        }
    }

    /// The only way to lose a packet. `at`: the function that loses it.
    #[inline]
    pub fn drop(&mut self, k: &Kernel, skb: SkBuff, at: At, why: Reason) {
        self.obs.dropped(k, self.clock, &skb, at, why);
        self.free(skb);
    }

    /// The way to use a packet up without losing it: `consume_skb`.
    #[inline]
    pub fn consume(&mut self, skb: SkBuff) {
        self.obs.ledger.consumed += 1;
        if skb.meta.traced {
            self.tell(&skb, StepKind::Consumed);
        }
        self.free(skb);
    }

    /// A fragment became part of a larger packet.
    #[inline]
    pub fn merge(&mut self, skb: SkBuff) {
        self.obs.ledger.merged += 1;
        self.free(skb);
    }

    /// The packet reached the process that it was for.
    #[inline]
    pub fn delivered(&mut self, skb: SkBuff) {
        self.obs.ledger.delivered += 1;
        if skb.meta.traced {
            self.tell(&skb, StepKind::Delivered);
        }
        let tag = skb.frame.payload.tag;
        if tag.flow != 0 {
            self.obs.digest.absorb((u64::from(tag.flow) << 32) | u64::from(tag.seq));
            self.obs.digest.absorb(self.clock.ps());
        }
        self.free(skb);
    }

    #[inline]
    fn free(&mut self, skb: SkBuff) {
        self.thread.shared.give(skb.0);
    }

    /// A new packet, born here and now. The caller sets every header field and `meta.dev`.
    #[inline]
    pub fn alloc(&mut self) -> SkBuff {
        let mut b = self.thread.shared.take();
        b.meta = super::skb::Meta::default();
        b.frame.payload = crate::packet::Payload::default();
        b.frame.id = self.next_id();
        b.frame.vlan = None;
        self.obs.ledger.born += 1;
        SkBuff(b)
    }

    /// `skb_clone`: one more packet with the same content and the same frame id.
    pub fn clone_skb(&mut self, skb: &SkBuff) -> SkBuff {
        let mut b = self.thread.shared.take();
        copy_into(&mut b, skb);
        self.obs.ledger.born += 1;
        SkBuff(b)
    }

    /// The only thing that ever leaves a host: a frame onto outbound wire `wire`, whose last bit leaves at `at`.
    #[inline]
    pub(crate) fn transmit(&mut self, wire: u32, at: Time, skb: SkBuff) {
        self.obs.ledger.flown += 1;
        let o = self.outbound[wire as usize];
        let at = at + o.delay;
        self.horizon = self.horizon.min(at);
        self.thread.out.push(Sent { at, to: o.to, link: o.port, message: skb.fly() });
    }

    /// Sets one of this host's alarms.
    ///
    /// # Panics
    /// If `at` lies in the past.
    #[inline]
    pub fn set_alarm(&mut self, at: Time, what: Alarm) {
        self.queue.set(&mut self.thread.pending, at, what);
    }

    /// The same for a task that sleeps.
    #[inline]
    pub(crate) fn set_timer(&mut self, at: Time, what: Alarm) {
        self.queue.set_timer(&mut self.thread.pending, at, what);
    }

    /// May the core go on at [`Cx::clock`] without the queue?
    #[inline]
    pub(crate) fn may_continue(&mut self) -> bool {
        self.queue.may_continue(&self.thread.pending, self.clock, self.horizon)
    }

    #[inline]
    pub(super) fn next_id(&mut self) -> FrameId {
        let id = FrameId((u64::from(self.host) << 40) | self.next_frame);
        self.next_frame += 1;
        id
    }

    /// Ticks of the kernel's clock since time 0 (`jiffies`), as of [`Cx::clock`].
    #[inline]
    pub fn jiffies(&mut self) -> u64 {
        if self.clock >= self.tick.next {
            self.tick.jiffies = self.clock.ps() / self.tick.len;
            self.tick.next = Time::from_ps((self.tick.jiffies + 1) * self.tick.len);
        }
        self.tick.jiffies
    }

    /// The time of tick `jiffies`.
    pub fn time_of(&self, jiffies: u64) -> Time {
        Time::from_ps(jiffies.saturating_mul(self.tick.len))
    }

    /// `span` in ticks, rounded up as `msecs_to_jiffies` does.
    pub fn ticks(&self, span: Span) -> u64 {
        span.ps().div_ceil(self.tick.len)
    }
}

fn copy_into(b: &mut Buf, from: &Buf) {
    b.meta = from.meta.clone();
    let Frame { id, dst, src, vlan, net, payload } = &from.frame;
    b.frame = Frame { id: *id, dst: *dst, src: *src, vlan: *vlan, net: net.clone(), payload: *payload };
}
