//! The table itself: entries in slots, found by (device, address).

use super::super::{At, Cx, DevId, Kernel, NsId, Reason, SkBuff, boot, rtnl::Nud, timer::TimerId};
use crate::packet::{Ip4Addr, Mac};
use rustc_hash::FxHashMap;
use std::{cell::Cell, collections::VecDeque};

/// One `struct neighbour`.
pub struct Entry {
    pub dev: DevId,
    pub ip: u32,
    pub mac: Mac,
    pub state: Nud,
    /// Requests sent since the entry began to be asked for.
    pub probes: u32,
    /// Jiffies, signed since "confirmed" may be put before time 0.
    pub confirmed: i64,
    pub updated: i64,
    pub used: i64,
    pub(super) timer: Option<(u32, TimerId)>,
    /// Packets that wait for the answer, and the sum of their truesize.
    pub(super) queue: VecDeque<SkBuff>,
    pub(super) queue_bytes: u32,
    /// The request that made it (for the walk).
    pub origin: u32,
    live: bool,
}

impl Entry {
    /// This is the entry for `ip` on `dev`, and packets may go there without asking anything.
    #[inline(always)]
    pub(in crate::kernel) fn is_connected_to(&self, dev: DevId, ip: u32) -> bool {
        self.ip == ip && self.dev == dev && self.live && is_connected(self.state)
    }

    /// The packet that joined the queue last.
    pub fn newest(&self) -> Option<&SkBuff> {
        self.queue.back()
    }
}

/// Slots of the cache in front of the table.
const RECENT: usize = 256;

/// `arp_tbl`. Thresholds count all namespaces of the host together (NEIGH-18).
pub struct Table {
    pub(super) entries: Vec<Entry>,
    index: FxHashMap<(u32, u32), u32>,
    /// Answers given lately, by a hash of the key; empty slots hold a key that no entry has.
    recent: Box<[Cell<(u64, u32)>; RECENT]>,
    free: Vec<u32>,
    /// Entries that garbage collection may take.
    pub(super) gc_entries: u32,
    pub gc_thresh1: u32,
    pub gc_thresh2: u32,
    pub gc_thresh3: u32,
    last_flush: i64,
    /// The periodic worker's timer is set; when it last drew reachable times.
    pub(super) gc_armed: bool,
    pub(super) last_rand: i64,
    pub(crate) proxies: super::proxy::Proxies,
    /// Stream that `reachable_time` is drawn from.
    pub(crate) rng: Option<sim_core::rng::StreamId>,
}

impl Default for Table {
    fn default() -> Self {
        Table {
            entries: Vec::new(),
            index: FxHashMap::default(),
            recent: Box::new([const { Cell::new((u64::MAX, 0)) }; RECENT]),
            free: Vec::new(),
            gc_entries: 0,
            gc_thresh1: 128,
            gc_thresh2: 512,
            gc_thresh3: 1024,
            last_flush: 0,
            gc_armed: false,
            last_rand: 0,
            proxies: super::proxy::Proxies::default(),
            rng: None,
        }
    }
}

impl Table {
    /// The number of the entry for `ip` on `dev`.
    #[inline]
    pub fn find(&self, dev: DevId, ip: u32) -> Option<u32> {
        let (key, slot) = self.slot(dev.index, ip);
        let (k, n) = slot.get();
        if k == key { Some(n) } else { self.find_slow(dev.index, ip) }
    }

    #[inline]
    fn slot(&self, dev: u32, ip: u32) -> (u64, &Cell<(u64, u32)>) {
        let key = u64::from(dev) << 32 | u64::from(ip);
        (key, &self.recent[(key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize])
    }

    fn find_slow(&self, dev: u32, ip: u32) -> Option<u32> {
        let n = self.index.get(&(dev, ip)).copied()?;
        let (key, slot) = self.slot(dev, ip);
        slot.set((key, n));
        Some(n)
    }

    #[inline]
    pub fn entry(&self, n: u32) -> &Entry {
        &self.entries[n as usize]
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Slots are numbered 0 to this; not all hold an entry.
    pub(super) fn slots(&self) -> u32 {
        self.entries.len() as u32
    }

    pub(super) fn is_live(&self, n: u32) -> bool {
        self.entries[n as usize].live
    }

    /// All live entries, in order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|e| e.live)
    }

    /// Packets that wait for an answer, in all entries, and requests that wait to be answered.
    pub fn waiting(&self) -> u64 {
        self.proxies.waiting() + self.entries.iter().map(|e| e.queue.len() as u64).sum::<u64>()
    }

    pub(crate) fn each_waiting<'p>(&'p self, tell: &mut dyn FnMut(&'p SkBuff)) {
        self.entries.iter().flat_map(|e| &e.queue).for_each(tell);
    }

    fn insert(&mut self, entry: Entry) -> u32 {
        let key = (entry.dev.index, entry.ip);
        let n = match self.free.pop() {
            Some(n) => {
                self.entries[n as usize] = entry;
                n
            }
            None => {
                self.entries.push(entry);
                self.entries.len() as u32 - 1
            }
        };
        self.index.insert(key, n);
        n
    }

    fn remove(&mut self, n: u32) {
        let e = &mut self.entries[n as usize];
        e.live = false;
        let (dev, ip) = (e.dev.index, e.ip);
        self.index.remove(&(dev, ip));
        self.slot(dev, ip).1.set((u64::MAX, 0));
        let e = &self.entries[n as usize];
        if e.state != Nud::Permanent {
            self.gc_entries = self.gc_entries.saturating_sub(1);
        }
        self.free.push(n);
    }

    /// The smallest number of entries at which a new one first looks for old ones to remove, reached?
    fn is_full(&self, now: i64, hz: u32) -> bool {
        self.gc_entries >= self.gc_thresh3
            || (self.gc_entries >= self.gc_thresh2 && now - self.last_flush > 5 * i64::from(hz))
    }
}

/// `__neigh_lookup` with create. `None`: the table is full.
pub fn find_or_create(k: &mut Kernel, cx: &mut Cx, dev: DevId, ip: u32) -> Option<u32> {
    k.neigh4.find(dev, ip).or_else(|| create(k, cx, dev, ip, false))
}

/// An administrator's entry: PERMANENT ones don't count against the thresholds.
pub(crate) fn create_by_admin(k: &mut Kernel, cx: &mut Cx, dev: DevId, ip: u32, permanent: bool) -> Option<u32> {
    create(k, cx, dev, ip, permanent)
}

/// The MAC address of a neighbour that has a valid one (`neigh_lookup`, `neigh_ha_snapshot`).
pub(crate) fn known(k: &Kernel, dev: DevId, ip: u32) -> Option<Mac> {
    let e = k.neigh4.entry(k.neigh4.find(dev, ip)?);
    is_valid(e.state).then_some(e.mac)
}

/// Which request made or changed the entry (for the walk).
pub(crate) fn set_origin(k: &mut Kernel, n: u32, origin: u32) {
    k.neigh4.entries[n as usize].origin = origin;
}

/// Takes an entry out of the table for good.
pub(crate) fn remove(k: &mut Kernel, cx: &mut Cx, n: u32) {
    release(k, cx, n);
}

/// `___neigh_create`: an entry in state NONE, or what the address itself decides (`arp_constructor`, ARP-26).
/// `None`: the table is full (NEIGH-19).
pub(super) fn create(k: &mut Kernel, cx: &mut Cx, dev: DevId, ip: u32, permanent: bool) -> Option<u32> {
    let now = cx.jiffies() as i64;
    if !permanent && k.neigh4.is_full(now, k.hz) {
        forced_gc(k, cx);
        if k.neigh4.gc_entries >= k.neigh4.gc_thresh3 {
            if boot::net_ratelimit(k, cx) {
                boot::says(k, cx, |_| "neighbour: arp_cache: neighbor table overflow!".to_owned());
            }
            return None;
        }
    }
    let d = &k.devs[dev];
    let (state, mac) = super::super::arp::constructor(k, d, ip);
    let base = super::ticks(k.hz, d.cold.neigh.base_reachable_ms) as i64;
    let entry = Entry {
        dev,
        ip,
        mac,
        state,
        probes: 0,
        confirmed: now - 2 * base,
        updated: now,
        used: now,
        timer: None,
        queue: VecDeque::new(),
        queue_bytes: 0,
        origin: u32::MAX,
        live: true,
    };
    if !permanent {
        k.neigh4.gc_entries += 1;
    }
    let n = k.neigh4.insert(entry);
    super::gc::arm(k, cx);
    Some(n)
}

/// `neigh_forced_gc`: removes what is FAILED, NOARP, or was not updated for 5 s, down to the middle threshold.
pub fn forced_gc(k: &mut Kernel, cx: &mut Cx) {
    let now = cx.jiffies() as i64;
    let too_old = now - 5 * i64::from(k.hz);
    let mut excess = k.neigh4.gc_entries.saturating_sub(k.neigh4.gc_thresh2);
    for n in 0..k.neigh4.entries.len() as u32 {
        if excess == 0 {
            break;
        }
        let e = k.neigh4.entry(n);
        let goes = e.live
            && e.state != Nud::Permanent
            && (matches!(e.state, Nud::Failed | Nud::Noarp)
                || crate::packet::addr::is_multicast(e.ip)
                || e.updated < too_old);
        if goes {
            release(k, cx, n);
            excess -= 1;
        }
    }
    k.neigh4.last_flush = now;
}

/// Takes an entry out; what waits in it is purged without ICMP (NEIGH-20).
pub(super) fn release(k: &mut Kernel, cx: &mut Cx, n: u32) {
    super::state::del_timer(k, n);
    let queue = std::mem::take(&mut k.neigh4.entries[n as usize].queue);
    k.neigh4.entries[n as usize].queue_bytes = 0;
    for skb in queue {
        cx.drop(k, skb, At::NeighOutput, Reason::QUEUE_PURGE);
    }
    k.neigh4.remove(n);
}

/// `neigh_ifdown`, `neigh_changeaddr`, `neigh_carrier_down`: the entries of a device go, permanent ones only if
/// `permanent` (NEIGH-20).
pub fn flush_dev(k: &mut Kernel, cx: &mut Cx, dev: DevId, permanent: bool) {
    for n in 0..k.neigh4.entries.len() as u32 {
        let e = k.neigh4.entry(n);
        if e.live && e.dev == dev && (permanent || e.state != Nud::Permanent) {
            release(k, cx, n);
        }
    }
}

/// `ip neigh` of a namespace, one line an entry, sorted by device and address.
pub fn neigh_lines(k: &Kernel, ns: NsId) -> Vec<String> {
    let mut rows: Vec<(u32, u32, String)> = vec![];
    for e in k.neigh4.iter() {
        let Some(d) = k.devs.get(e.dev).filter(|d| d.ns == ns) else { continue };
        // `ip neigh` leaves out NOARP and NONE.
        if matches!(e.state, Nud::Noarp | Nud::None) {
            continue;
        }
        let mac = if is_valid(e.state) { format!(" lladdr {}", e.mac) } else { String::new() };
        rows.push((d.ifindex, e.ip, format!("{} dev {}{mac} {}", Ip4Addr(e.ip), d.name(), e.state.name())));
    }
    rows.sort();
    rows.into_iter().map(|r| r.2).collect()
}

/// `fib_good_nh`: nobody knows that `ip` is not there.
pub fn may_be_there(k: &Kernel, dev: DevId, ip: u32) -> bool {
    k.neigh4.find(dev, ip).is_none_or(|n| is_valid(k.neigh4.entry(n).state))
}

/// `NUD_VALID`
#[inline]
pub(super) fn is_valid(s: Nud) -> bool {
    !matches!(s, Nud::None | Nud::Incomplete | Nud::Failed)
}
/// `NUD_CONNECTED`
#[inline]
pub(super) fn is_connected(s: Nud) -> bool {
    matches!(s, Nud::Permanent | Nud::Noarp | Nud::Reachable)
}
/// `NUD_IN_TIMER`
#[inline]
pub(super) fn in_timer(s: Nud) -> bool {
    matches!(s, Nud::Incomplete | Nud::Reachable | Nud::Delay | Nud::Probe)
}
