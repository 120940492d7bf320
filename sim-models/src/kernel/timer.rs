//! The kernel's timer wheel (kernel/time/timer.c): nine levels of 64 buckets, each level eight times coarser than the
//! one before. A timer never fires early, and late by up to one granule of its level (TIME-1, 2). Timers of a bucket
//! fire last armed first, buckets of higher levels before those of lower ones (TIME-9).

use super::{Cx, DevId, Kernel, ctx::Alarm};
use crate::mutation::{Mutation, on as mutated};
use sim_core::time::Time;

/// What a timer does when it fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// `neigh_timer_handler` of the entry with this number.
    Neigh(u32),
    /// `neigh_periodic_work`
    NeighGc,
    /// `neigh_proxy_process`
    NeighProxy,
    /// `br_fdb_cleanup` of this bridge.
    FdbGc(DevId),
    /// One of a bridge's protocol timers, and the number of its arming.
    Bridge(DevId, crate::drivers::bridge::BrTimer, u32),
    /// What this device's driver waits for.
    Device(DevId),
    /// `ip_expire` of this namespace's datagram with this number.
    IpFrag(super::NsId, u32),
    /// linkwatch's next batch.
    Linkwatch,
    /// A TCP socket's retransmission timer.
    Tcp(super::sock::SockId),
}

/// An armed timer: valid until it fires or is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u32);

const LEVELS: usize = 9;
const SIZE: usize = 64;
const NIL: u32 = u32::MAX;
/// The bucket of a node that is in none.
const FREE: u16 = u16::MAX;

#[derive(Clone, Copy)]
struct Node {
    timer: Timer,
    /// As asked for, jiffies.
    expires: u64,
    next: u32,
    prev: u32,
    bucket: u16,
}

/// The wheel of one core, with one alarm: for the next bucket due.
pub struct Wheel {
    /// The next tick to be looked at.
    clk: u64,
    next_expiry: u64,
    pending: [u64; LEVELS],
    head: Box<[u32; LEVELS * SIZE]>,
    /// When each non-empty bucket is due, jiffies.
    due: Box<[u64; LEVELS * SIZE]>,
    nodes: Vec<Node>,
    free: Vec<u32>,
    /// The tick that an alarm is set for.
    alarm: u64,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel {
            clk: 0,
            next_expiry: u64::MAX,
            pending: [0; LEVELS],
            head: Box::new([NIL; LEVELS * SIZE]),
            due: Box::new([0; LEVELS * SIZE]),
            nodes: Vec::new(),
            free: Vec::new(),
            alarm: u64::MAX,
        }
    }
}

/// The bucket for `expires`, and when that bucket is due (`calc_wheel_index`).
fn place(expires: u64, clk: u64) -> (usize, u64) {
    let Some(delta) = expires.checked_sub(clk) else {
        return ((clk & 63) as usize, clk);
    };
    let mut level = 0;
    while level < LEVELS - 1 && delta >= 63 << (3 * level) {
        level += 1;
    }
    // Beyond the last level the timer is put at its end.
    let expires = expires.min(clk + (63 << (3 * (LEVELS - 1))));
    let slot = (expires >> (3 * level)) + 1;
    (level * SIZE + (slot & 63) as usize, slot << (3 * level))
}

impl Wheel {
    /// An idle wheel's clock follows the kernel's (`forward_timer_base`).
    fn forward(&mut self, jiffies: u64) {
        if jiffies > self.clk {
            self.clk = jiffies.min(self.next_expiry);
        }
    }

    /// Arms a timer for tick `expires`; `jiffies` is now.
    pub fn add(&mut self, timer: Timer, expires: u64, jiffies: u64) -> TimerId {
        self.forward(jiffies);
        let node = Node { timer, expires, next: NIL, prev: NIL, bucket: 0 };
        let id = match self.free.pop() {
            Some(id) => {
                self.nodes[id as usize] = node;
                id
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        };
        self.enqueue(id, expires);
        TimerId(id)
    }

    /// Moves an armed timer; in the same bucket it keeps its place (`mod_timer`).
    pub fn modify(&mut self, id: TimerId, expires: u64, jiffies: u64) {
        let old = self.nodes[id.0 as usize].expires;
        if old == expires {
            return;
        }
        self.forward(jiffies);
        let (bucket, _) = place(expires, self.clk);
        self.nodes[id.0 as usize].expires = expires;
        if bucket != usize::from(self.nodes[id.0 as usize].bucket) {
            self.unlink(id.0);
            self.enqueue(id.0, expires);
        }
    }

    /// Is it `timer` that was armed under this number? False once it was given to [`Wheel::expire`]'s caller.
    pub fn holds(&self, id: TimerId, timer: Timer) -> bool {
        self.nodes.get(id.0 as usize).is_some_and(|n| n.bucket != FREE && n.timer == timer)
    }

    /// Deletes an armed timer.
    pub fn del(&mut self, id: TimerId) {
        self.unlink(id.0);
        self.nodes[id.0 as usize].bucket = FREE;
        self.free.push(id.0);
    }

    /// The tick of the next bucket due; may be early if its timers were deleted.
    pub fn next_expiry(&self) -> u64 {
        self.next_expiry
    }

    /// How many timers are armed.
    pub fn len(&self) -> usize {
        self.nodes.len() - self.free.len()
    }

    /// No timer is armed.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn enqueue(&mut self, id: u32, expires: u64) {
        let (bucket, due) = place(expires, self.clk);
        let first = self.head[bucket];
        if first != NIL {
            self.nodes[first as usize].prev = id;
        }
        let n = &mut self.nodes[id as usize];
        (n.next, n.prev, n.bucket) = (first, NIL, bucket as u16);
        self.head[bucket] = id;
        self.due[bucket] = due;
        self.pending[bucket / SIZE] |= 1 << (bucket % SIZE);
        self.next_expiry = self.next_expiry.min(due);
    }

    fn unlink(&mut self, id: u32) {
        let Node { next, prev, bucket, .. } = self.nodes[id as usize];
        let bucket = usize::from(bucket);
        match prev {
            NIL => self.head[bucket] = next,
            p => self.nodes[p as usize].next = next,
        }
        if next != NIL {
            self.nodes[next as usize].prev = prev;
        }
        if self.head[bucket] == NIL {
            self.pending[bucket / SIZE] &= !(1 << (bucket % SIZE));
        }
    }

    /// Takes the timers of the next tick that is due by `jiffies`, in the order in which they fire, into `out`.
    /// False if none is due. What they arm goes to a later tick.
    pub fn expire(&mut self, jiffies: u64, out: &mut Vec<Timer>) -> bool {
        if self.next_expiry > jiffies {
            return false;
        }
        let tick = self.next_expiry;
        for level in (0..LEVELS).rev() {
            // A level takes part only where the tick lies on its granule.
            if tick & ((1 << (3 * level)) - 1) != 0 {
                continue;
            }
            let bucket = level * SIZE + ((tick >> (3 * level)) & 63) as usize;
            if self.pending[level] >> (bucket % SIZE) & 1 == 0 || self.due[bucket] != tick {
                continue;
            }
            let first = out.len();
            let mut id = self.head[bucket];
            while id != NIL {
                let node = &mut self.nodes[id as usize];
                node.bucket = FREE;
                out.push(node.timer);
                self.free.push(id);
                id = node.next;
            }
            if mutated(Mutation::BucketInArmingOrder) {
                out[first..].reverse();
            }
            self.head[bucket] = NIL;
            self.pending[level] &= !(1 << (bucket % SIZE));
        }
        self.clk = tick + 1;
        self.next_expiry = self.earliest();
        true
    }

    fn earliest(&self) -> u64 {
        let mut best = u64::MAX;
        for (level, mut bits) in self.pending.iter().copied().enumerate() {
            while bits != 0 {
                best = best.min(self.due[level * SIZE + bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
        }
        best
    }
}

/// Arms `timer` on the current core, `delay` ticks from now.
pub fn add_timer(k: &mut Kernel, cx: &mut Cx, timer: Timer, delay: u64) -> TimerId {
    let now = cx.jiffies();
    let id = k.cpus[cx.cpu as usize].wheel.add(timer, now.saturating_add(delay), now);
    set_alarm(k, cx);
    id
}

/// Deletes a timer that was armed on `cpu`.
pub fn del_timer(k: &mut Kernel, cpu: u32, id: TimerId) {
    k.cpus[cpu as usize].wheel.del(id);
}

/// Sees to it that an alarm is set for the wheel's next bucket.
pub(crate) fn set_alarm(k: &mut Kernel, cx: &mut Cx) {
    let wheel = &mut k.cpus[cx.cpu as usize].wheel;
    if wheel.next_expiry < wheel.alarm {
        wheel.alarm = wheel.next_expiry;
        let at = cx.time_of(wheel.alarm).max(cx.queue.now());
        cx.set_alarm(at, Alarm::Wheel(cx.cpu));
    }
}

/// The wheel's alarm went off at `now`. True if it is the current one, not one that an earlier one replaced.
pub(crate) fn alarm_is_due(k: &mut Kernel, cx: &Cx, cpu: u32, now: Time) -> bool {
    let wheel = &mut k.cpus[cpu as usize].wheel;
    if wheel.alarm == u64::MAX || cx.time_of(wheel.alarm) > now {
        return false;
    }
    wheel.alarm = u64::MAX;
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fire(w: &mut Wheel, until: u64) -> Vec<(u64, u32)> {
        let mut fired = vec![];
        while w.next_expiry() <= until {
            let tick = w.next_expiry();
            let mut out = vec![];
            assert!(w.expire(tick, &mut out));
            fired.extend(out.iter().map(|t| match t {
                Timer::Neigh(n) => (tick, *n),
                _ => unreachable!(),
            }));
        }
        fired
    }

    /// TIME-2, TIME-3, CLK-02: the granule of each level, always the next boundary.
    #[test]
    fn delays_round_up_to_the_next_granule() {
        for (delay, fires) in [(0, 1), (1, 2), (62, 63), (63, 64), (64, 72), (250, 256), (503, 504), (504, 512)] {
            let mut w = Wheel::default();
            w.add(Timer::Neigh(0), delay, 0);
            assert_eq!(fire(&mut w, u64::MAX - 1), [(fires, 0)], "delay {delay}");
        }
        // 1 s at HZ=250, armed off the edge: 1.0 to 1.032 s later (TIME-4).
        let mut w = Wheel::default();
        w.add(Timer::Neigh(0), 3 + 250, 3);
        assert_eq!(fire(&mut w, 1000), [(256, 0)]);
        // 5 s: granule 64 ticks.
        let mut w = Wheel::default();
        w.add(Timer::Neigh(0), 10 + 1250, 10);
        assert_eq!(fire(&mut w, 10_000), [(1280, 0)]);
        // 300 s: granule 4096 ticks, 16.4 s.
        let mut w = Wheel::default();
        w.add(Timer::Neigh(0), 75_000, 0);
        assert_eq!(fire(&mut w, 100_000), [(77_824, 0)]);
    }

    /// TIME-9: last armed first within a bucket; higher levels first within a tick.
    #[test]
    fn order_within_a_tick() {
        let mut w = Wheel::default();
        for n in 11..=16 {
            w.add(Timer::Neigh(n), 250, 0);
        }
        assert_eq!(fire(&mut w, 300).iter().map(|f| f.1).collect::<Vec<_>>(), [16, 15, 14, 13, 12, 11]);

        let mut w = Wheel::default();
        w.add(Timer::Neigh(1), 250, 0); // level 1, due at 256
        w.add(Timer::Neigh(2), 255, 200); // level 0, due at 256
        w.add(Timer::Neigh(3), 250, 0); // level 0 now, due at 251
        assert_eq!(fire(&mut w, 300), [(251, 3), (256, 1), (256, 2)]);
    }

    /// TIME-9: `mod_timer` into the same bucket keeps the place; into another it goes to the front.
    #[test]
    fn mod_timer_keeps_its_place_in_the_bucket() {
        let mut w = Wheel::default();
        let a = w.add(Timer::Neigh(1), 249, 0);
        w.add(Timer::Neigh(2), 249, 0);
        w.modify(a, 250, 0);
        assert_eq!(fire(&mut w, 300).iter().map(|f| f.1).collect::<Vec<_>>(), [2, 1]);
        let mut w = Wheel::default();
        let a = w.add(Timer::Neigh(1), 10, 0);
        w.add(Timer::Neigh(2), 249, 0);
        w.modify(a, 250, 0);
        assert_eq!(fire(&mut w, 300).iter().map(|f| f.1).collect::<Vec<_>>(), [1, 2]);
    }

    #[test]
    fn deleted_timers_do_not_fire_and_slots_are_reused() {
        let mut w = Wheel::default();
        let a = w.add(Timer::Neigh(1), 5, 0);
        w.add(Timer::Neigh(2), 5, 0);
        w.del(a);
        w.add(Timer::Neigh(3), 5, 0);
        assert_eq!(fire(&mut w, 100), [(6, 3), (6, 2)]);
        assert!(w.is_empty());
        assert_eq!(w.nodes.len(), 2);
    }

    /// Against a list: every timer fires once, never early, within its granule, whatever is armed in between.
    #[test]
    fn never_early_never_lost() {
        let (mut w, mut seed, mut now, mut armed) = (Wheel::default(), 1u64, 0u64, vec![]);
        for n in 0..3000u32 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let delay = (seed >> 33) % [60, 500, 4000, 30_000][n as usize % 4];
            w.add(Timer::Neigh(n), now + delay, now);
            armed.push((n, now + delay, now));
            if n % 3 == 0 {
                for (tick, id) in fire(&mut w, now + 40) {
                    let i = armed.iter().position(|a| a.0 == id).expect("fires once");
                    let (_, expires, at) = armed.swap_remove(i);
                    let granule = [1, 8, 64, 512]
                        [(expires - at).checked_ilog2().map_or(0, |l| (l.max(5) - 5) as usize / 3).min(3)];
                    assert!(tick > expires && tick - expires <= granule * 8, "{expires} fired at {tick}");
                }
                now += 40;
            }
        }
        assert_eq!(fire(&mut w, 1_000_000).len(), armed.len());
    }
}
