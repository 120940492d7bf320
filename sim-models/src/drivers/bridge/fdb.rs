//! net/bridge/br_fdb.c: which station is behind which port. One hash of the address packed into a word a look-up.

use super::{State, state, state_mut};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NsId, RtnlError,
    rtnl::FdbState,
    timer::{self, Timer},
};
use crate::packet::Mac;
use rustc_hash::FxHashMap;

/// `struct net_bridge_fdb_entry`
pub(super) struct Entry {
    /// When a frame from there was seen last, in ticks.
    updated: u64,
    /// Order of creation.
    made: u32,
    /// Port number; 0: the bridge itself (`dst` NULL).
    pub port: u16,
    /// [`LOCAL`] and its like.
    flags: u8,
}

/// `BR_FDB_LOCAL`: delivered up, never forwarded.
const LOCAL: u8 = 1;
/// `BR_FDB_STATIC`: never ages.
const STATIC: u8 = 1 << 1;
/// `BR_FDB_ADDED_BY_USER`
const USER: u8 = 1 << 2;

impl Entry {
    #[inline]
    pub fn local(&self) -> bool {
        self.flags & LOCAL != 0
    }
    pub fn ages(&self) -> bool {
        self.flags & STATIC == 0
    }
    /// The address of a port or of the bridge, not one that a user declared to be local.
    fn own(&self) -> bool {
        self.flags & (LOCAL | USER) == LOCAL
    }
}

/// The table. A station that is nowhere in it is looked for by flooding. Key and entry are 24 bytes: with 100,000
/// stations a look-up is two cache misses, half of what a map that keeps an order takes. Where the order of entries
/// shows, they are sorted by creation.
#[derive(Default)]
pub(super) struct Fdb {
    map: FxHashMap<Key, Entry>,
    made: u32,
}

/// What [`Fdb::update`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Learned {
    /// It was known there, or nothing is ever learned.
    Known,
    New,
    /// It was behind this port before.
    Moved(u16),
    /// One of the bridge's own addresses came in as a source.
    Own,
}

/// A MAC address in one word, to be compared and hashed as such.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key(u64);

impl Key {
    pub const BROADCAST: Key = Key(0xffff_ffff_ffff);

    #[inline]
    pub fn of(mac: Mac) -> Key {
        let [a, b, c, d, e, f] = mac.0;
        Key(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
    #[inline]
    pub fn word(self) -> u64 {
        self.0
    }
    /// Can it be a source: neither a group nor all zero?
    #[inline]
    pub fn is_valid(self) -> bool {
        self.0 != 0 && !self.is_group()
    }
    #[inline]
    pub fn is_group(self) -> bool {
        self.0 >> 40 & 1 == 1
    }
    /// 01:80:c2:00:00:0X: the X.
    #[inline]
    pub fn reserved(self) -> Option<u8> {
        (self.0 & !0xf == 0x0180_c200_0000).then_some((self.0 & 0xf) as u8)
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [_, _, mac @ ..] = self.0.to_be_bytes();
        Mac(mac).fmt(f)
    }
}

impl Fdb {
    #[inline]
    pub fn find(&self, mac: Key) -> Option<&Entry> {
        self.map.get(&mac)
    }

    /// `br_fdb_update`: a frame from `mac` came in by `port`. A local entry never moves (BR-34); a static one does, it
    /// just never ages (BR-35).
    #[inline]
    pub fn update(&mut self, mac: Key, port: u16, now: u64) -> Learned {
        let Some(e) = self.map.get_mut(&mac) else {
            self.create(mac, port, now, 0);
            return Learned::New;
        };
        if e.local() {
            return Learned::Own;
        }
        e.updated = now;
        if e.port == port { Learned::Known } else { Learned::Moved(std::mem::replace(&mut e.port, port)) }
    }

    fn create(&mut self, mac: Key, port: u16, now: u64, flags: u8) {
        self.made = self.made.wrapping_add(1);
        self.map.insert(mac, Entry { updated: now, made: self.made, port, flags });
    }

    /// `fdb_add_local`: the address of a port, or of the bridge itself (port 0). If it is local already, whoever had
    /// it first keeps it.
    pub fn add_local(&mut self, mac: Mac, port: u16, now: u64) {
        let mac = Key::of(mac);
        if mac.is_valid() && self.find(mac).is_none_or(|e| !e.local()) {
            self.create(mac, port, now, LOCAL | STATIC);
        }
    }

    /// `fdb_delete_local`: the address goes, unless `heir` has it too (another port, or 0 for the bridge).
    fn delete_local(&mut self, mac: Key, heir: Option<u16>) {
        match (heir, self.map.get_mut(&mac)) {
            (Some(heir), Some(e)) => (e.port, e.flags) = (heir, e.flags & !USER),
            _ => {
                self.map.remove(&mac);
            }
        }
    }

    /// Forgets what was learned by `port` (`br_fdb_delete_by_port` without `do_all`).
    pub fn forget_port(&mut self, port: u16) {
        self.map.retain(|_, e| e.port != port || !e.ages());
    }
}

/// Another port than `except` with the address `mac`, or the bridge itself when a port is asked for.
fn heir(k: &Kernel, br: DevId, mac: Key, except: u16) -> Option<u16> {
    let has = |dev: DevId| Key::of(k.devs[dev].mac) == mac;
    let other = state(k, br).ports.iter().find(|(no, p)| *no != except && has(p.dev));
    match other {
        Some((no, _)) => Some(no),
        None if except != 0 && has(br) => Some(0),
        None => None,
    }
}

/// `br_fdb_change_mac_address`: the bridge's own address becomes `new`; its device still has the old one.
pub(super) fn change_bridge_mac(k: &mut Kernel, cx: &mut Cx, br: DevId, new: Mac) {
    let old = Key::of(k.devs[br].mac);
    if state(k, br).fdb.find(old).is_some_and(|e| e.own() && e.port == 0) {
        let heir = heir(k, br, old, 0);
        state_mut(k, br).fdb.delete_local(old, heir);
    }
    state_mut(k, br).fdb.add_local(new, 0, cx.jiffies());
}

/// `br_fdb_changeaddr`: port `no` has a new address.
pub(super) fn change_port_mac(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, new: Mac) {
    let of_port = state(k, br).fdb.map.iter().filter(|(_, e)| e.port == no && e.own());
    if let Some(old) = of_port.max_by_key(|(_, e)| e.made).map(|(mac, _)| *mac) {
        let heir = heir(k, br, old, no);
        state_mut(k, br).fdb.delete_local(old, heir);
    }
    state_mut(k, br).fdb.add_local(new, no, cx.jiffies());
}

/// All entries of a port that is gone already (`br_fdb_delete_by_port` with `do_all`, BR-40).
pub(super) fn delete_port(k: &mut Kernel, br: DevId, no: u16) {
    let of_port: Vec<Key> = state(k, br).fdb.map.iter().filter(|(_, e)| e.port == no).map(|(mac, _)| *mac).collect();
    for mac in of_port {
        let local = state(k, br).fdb.find(mac).is_some_and(Entry::local);
        let heir = if local { heir(k, br, mac, no) } else { None };
        state_mut(k, br).fdb.delete_local(mac, heir);
    }
}

/// `bridge fdb add MAC dev PORT master static|dynamic|permanent` (`fdb_add_entry`, BR-39).
///
/// # Errors
/// EINVAL for a zero address, EPERM for a dynamic entry of a port that neither learns nor forwards, EEXIST.
pub(crate) fn add_entry(
    k: &mut Kernel,
    cx: &mut Cx,
    br: DevId,
    no: u16,
    mac: Mac,
    s: FdbState,
) -> Result<(), RtnlError> {
    let now = cx.jiffies();
    let b = state_mut(k, br);
    if mac == Mac::ZERO {
        return Err(RtnlError::new(Errno::EINVAL));
    }
    if s == FdbState::Dynamic && !b.ports.get(no).is_some_and(|p| p.state.learns()) {
        return Err(RtnlError::new(Errno::EPERM));
    }
    let mac = Key::of(mac);
    if b.fdb.find(mac).is_some() {
        return Err(RtnlError::new(Errno::EEXIST));
    }
    let flags = match s {
        FdbState::Local => LOCAL | STATIC,
        FdbState::Static => STATIC,
        FdbState::Dynamic => 0,
    };
    b.fdb.create(mac, no, now, flags | USER);
    Ok(())
}

/// `bridge fdb del MAC dev PORT master`
///
/// # Errors
/// ENOENT: there is no such entry of that port.
pub(crate) fn delete_entry(k: &mut Kernel, br: DevId, no: u16, mac: Mac) -> Result<(), RtnlError> {
    let (b, mac) = (state_mut(k, br), Key::of(mac));
    if b.fdb.find(mac).is_none_or(|e| e.port != no) {
        return Err(RtnlError::new(Errno::ENOENT));
    }
    b.fdb.map.remove(&mac);
    Ok(())
}

/// `br_fdb_cleanup`, when its timer fires: collects what was not heard of for `ageing_time`, and comes back when the
/// next entry may be old enough, at least 10 ms later (BR-36).
pub(crate) fn cleanup(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    if !k.devs.get(br).is_some_and(|d| matches!(d.kind, super::Kind::Bridge(_))) {
        return;
    }
    let now = cx.jiffies();
    let b = state_mut(k, br);
    b.gc = None;
    let hold = b.hold_time();
    let mut wait = hold;
    b.fdb.map.retain(|_, e| {
        let due = e.updated.saturating_add(hold);
        if !e.ages() {
            return true;
        }
        if due > now {
            wait = wait.min(due - now);
        }
        due > now
    });
    let least = (u64::from(k.hz) * 10).div_ceil(1000);
    arm_gc(k, cx, br, wait.max(least));
}

/// Has the cleanup run `delay` ticks from now.
pub(super) fn arm_gc(k: &mut Kernel, cx: &mut Cx, br: DevId, delay: u64) {
    cancel_gc(k, br);
    let id = timer::add_timer(k, cx, Timer::FdbGc(br), delay);
    state_mut(k, br).gc = Some((cx.cpu, id));
}

pub(super) fn cancel_gc(k: &mut Kernel, br: DevId) {
    if let Some((cpu, id)) = state_mut(k, br).gc.take() {
        timer::del_timer(k, cpu, id);
    }
}

/// Seconds since a frame from there was seen, for the walk: "0.8".
pub(super) fn age(now: u64, e: &Entry, hz: u32) -> String {
    let tenths = now.saturating_sub(e.updated) * 10 / u64::from(hz);
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// One entry as `bridge fdb` prints it: "02:00:00:00:00:01 dev veth1 master docker0", then "permanent", "static", or
/// "stale" for what is old enough to be collected (BR-37, 38).
pub(super) fn line(k: &Kernel, br: DevId, mac: Key, e: &Entry, now: u64) -> String {
    let b: &State = state(k, br);
    let dev = b.ports.get(e.port).map_or(br, |p| p.dev);
    let kind = if e.local() {
        " permanent"
    } else if !e.ages() {
        " static"
    } else if e.updated.saturating_add(b.hold) <= now {
        " stale"
    } else {
        ""
    };
    format!("{mac} dev {} master {}{kind}", k.devs[dev].name(), k.devs[br].name())
}

/// The bridges' entries of a namespace as `bridge fdb` prints them: by device, those made last first. `now` in ticks.
/// The devices' own address filters ("self") are not among them.
pub fn fdb_lines(k: &Kernel, ns: NsId, now: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for dev in &k.net(ns).devs {
        let d = &k.devs[*dev];
        let br = match d.master {
            Some(br) if matches!(k.devs[br].kind, super::Kind::Bridge(_)) => br,
            _ if matches!(d.kind, super::Kind::Bridge(_)) => *dev,
            _ => continue,
        };
        let mut entries: Vec<(&Key, &Entry)> = state(k, br).fdb.map.iter().filter(|(_, e)| e.port == d.port).collect();
        entries.sort_by_key(|(_, e)| std::cmp::Reverse(e.made));
        lines.extend(entries.iter().map(|(mac, e)| line(k, br, **mac, e, now)));
    }
    lines
}
