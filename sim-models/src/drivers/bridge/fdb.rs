//! net/bridge/br_fdb.c: which station is behind which port. One hash of the address packed into a word a look-up.

use super::{State, state, state_mut};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NsId, RtnlError,
    rtnl::FdbState,
    timer::{self, Timer},
};
use crate::packet::Mac;
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// `struct net_bridge_fdb_entry`
pub(super) struct Entry {
    pub mac: Mac,
    /// Port number; 0: the bridge itself (`dst` NULL).
    pub port: u16,
    /// `BR_FDB_LOCAL`: delivered up, never forwarded.
    pub local: bool,
    /// `BR_FDB_STATIC`: never ages.
    pub fixed: bool,
    /// `BR_FDB_ADDED_BY_USER`
    user: bool,
    /// When a frame from there was seen last, in ticks.
    pub updated: u64,
    /// Order of creation.
    made: u64,
}

/// The table. A station that is nowhere in it is looked for by flooding.
#[derive(Default)]
pub(super) struct Fdb {
    map: IndexMap<u64, Entry, FxBuildHasher>,
    made: u64,
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

#[inline]
fn key(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

impl Fdb {
    #[inline]
    pub fn find(&self, mac: Mac) -> Option<&Entry> {
        self.map.get(&key(mac))
    }

    /// `br_fdb_update`: a frame from `mac` came in by `port`. A local entry never moves (BR-34); a static one does, it
    /// just never ages (BR-35).
    #[inline]
    pub fn update(&mut self, mac: Mac, port: u16, now: u64) -> Learned {
        let Some(e) = self.map.get_mut(&key(mac)) else {
            self.create(mac, port, now, false, false);
            return Learned::New;
        };
        if e.local {
            return Learned::Own;
        }
        e.updated = now;
        if e.port == port { Learned::Known } else { Learned::Moved(std::mem::replace(&mut e.port, port)) }
    }

    fn create(&mut self, mac: Mac, port: u16, now: u64, local: bool, fixed: bool) -> &mut Entry {
        self.made += 1;
        let e = Entry { mac, port, local, fixed, user: false, updated: now, made: self.made };
        self.map.entry(key(mac)).insert_entry(e).into_mut()
    }

    /// `fdb_add_local`: the address of a port, or of the bridge itself (port 0). If it is local already, whoever had
    /// it first keeps it.
    pub fn add_local(&mut self, mac: Mac, port: u16, now: u64) {
        if mac.is_valid() && self.find(mac).is_none_or(|e| !e.local) {
            self.map.swap_remove(&key(mac));
            self.create(mac, port, now, true, true);
        }
    }

    /// `fdb_delete_local`: the address goes, unless `heir` has it too (another port, or 0 for the bridge).
    fn delete_local(&mut self, mac: Mac, heir: Option<u16>) {
        match (heir, self.map.get_mut(&key(mac))) {
            (Some(heir), Some(e)) => (e.port, e.user) = (heir, false),
            _ => drop(self.map.swap_remove(&key(mac))),
        }
    }

    fn remove(&mut self, mac: Mac) {
        self.map.swap_remove(&key(mac));
    }

    /// Forgets what was learned by `port` (`br_fdb_delete_by_port` without `do_all`).
    pub fn forget_port(&mut self, port: u16) {
        self.map.retain(|_, e| e.port != port || e.fixed);
    }
}

/// Another port than `except` with the address `mac`, or the bridge itself when a port is asked for.
fn heir(k: &Kernel, br: DevId, mac: Mac, except: u16) -> Option<u16> {
    let other = state(k, br).ports.iter().find(|(no, p)| *no != except && k.devs[p.dev].mac == mac);
    match other {
        Some((no, _)) => Some(no),
        None if except != 0 && k.devs[br].mac == mac => Some(0),
        None => None,
    }
}

/// `br_fdb_change_mac_address`: the bridge's own address becomes `new`; its device still has the old one.
pub(super) fn change_bridge_mac(k: &mut Kernel, cx: &mut Cx, br: DevId, new: Mac) {
    let old = k.devs[br].mac;
    if state(k, br).fdb.find(old).is_some_and(|e| e.local && e.port == 0 && !e.user) {
        let heir = heir(k, br, old, 0);
        state_mut(k, br).fdb.delete_local(old, heir);
    }
    state_mut(k, br).fdb.add_local(new, 0, cx.jiffies());
}

/// `br_fdb_changeaddr`: port `no` has a new address.
pub(super) fn change_port_mac(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, new: Mac) {
    if let Some(old) = state(k, br).fdb.map.values().find(|e| e.port == no && e.local && !e.user).map(|e| e.mac) {
        let heir = heir(k, br, old, no);
        state_mut(k, br).fdb.delete_local(old, heir);
    }
    state_mut(k, br).fdb.add_local(new, no, cx.jiffies());
}

/// All entries of a port that is gone already (`br_fdb_delete_by_port` with `do_all`, BR-40).
pub(super) fn delete_port(k: &mut Kernel, br: DevId, no: u16) {
    let of_port: Vec<Mac> = state(k, br).fdb.map.values().filter(|e| e.port == no).map(|e| e.mac).collect();
    for mac in of_port {
        let local = state(k, br).fdb.find(mac).is_some_and(|e| e.local);
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
    if b.fdb.find(mac).is_some() {
        return Err(RtnlError::new(Errno::EEXIST));
    }
    b.fdb.create(mac, no, now, s == FdbState::Local, s != FdbState::Dynamic).user = true;
    Ok(())
}

/// `bridge fdb del MAC dev PORT master`
///
/// # Errors
/// ENOENT: there is no such entry of that port.
pub(crate) fn delete_entry(k: &mut Kernel, br: DevId, no: u16, mac: Mac) -> Result<(), RtnlError> {
    let b = state_mut(k, br);
    if b.fdb.find(mac).is_none_or(|e| e.port != no) {
        return Err(RtnlError::new(Errno::ENOENT));
    }
    b.fdb.remove(mac);
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
    let hold = b.ageing;
    let mut wait = hold;
    b.fdb.map.retain(|_, e| {
        let due = e.updated.saturating_add(hold);
        if e.fixed {
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
pub(super) fn line(k: &Kernel, br: DevId, e: &Entry, now: u64) -> String {
    let b: &State = state(k, br);
    let dev = b.ports.get(e.port).map_or(br, |p| p.dev);
    let kind = if e.local {
        " permanent"
    } else if e.fixed {
        " static"
    } else if e.updated.saturating_add(b.ageing) <= now {
        " stale"
    } else {
        ""
    };
    format!("{} dev {} master {}{kind}", e.mac, k.devs[dev].name(), k.devs[br].name())
}

/// The bridges' entries of a namespace as `bridge fdb` prints them: by device, those made last first. `now` in ticks.
/// The devices' own address filters ("self") are not among them.
pub fn fdb_lines(k: &Kernel, ns: NsId, now: u64) -> Vec<String> {
    let mut lines = Vec::new();
    for dev in &k.net(ns).devs {
        let d = &k.devs[*dev];
        let br = match d.master {
            Some(br) => br,
            None if matches!(d.kind, super::Kind::Bridge(_)) => *dev,
            None => continue,
        };
        let mut entries: Vec<&Entry> = state(k, br).fdb.map.values().filter(|e| e.port == d.port).collect();
        entries.sort_by_key(|e| std::cmp::Reverse(e.made));
        lines.extend(entries.iter().map(|e| line(k, br, e, now)));
    }
    lines
}
