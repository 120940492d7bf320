//! The forwarding table of a vxlan device: which addresses are behind which remotes; the address of zeros stands for all
//! others.

use super::{state, state_mut};
use crate::drivers::Kind;
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NsId, RtnlError,
    rtnl::{FdbState, How},
};
use crate::packet::{Ip4Addr, Mac};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

/// `struct vxlan_rdst`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub ip: u32,
    pub port: u16,
    pub vni: u32,
    pub dev: Option<DevId>,
}

/// `struct vxlan_fdb`
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub remotes: Vec<Remote>,
    pub kind: FdbState,
    /// Ticks.
    updated: u64,
}

/// In the order in which entries were made.
#[derive(Default)]
pub(super) struct Fdb(IndexMap<Mac, Entry, FxBuildHasher>);

/// What became of a source address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Learned {
    Known,
    New,
    Moved(u32),
    /// It is behind another remote by hand: the frame is thrown away.
    Fixed,
}

impl Fdb {
    /// Where frames to `dst` go: its own entry, or that for all others (`vxlan_find_mac_tx`).
    #[inline]
    pub fn find(&self, dst: Mac) -> Option<&Entry> {
        self.0.get(&dst).or_else(|| self.0.get(&Mac::ZERO))
    }

    pub fn has(&self, dst: Mac) -> bool {
        self.0.contains_key(&dst)
    }

    pub fn set_default(&mut self, remote: Remote, now: u64) {
        self.0.insert(Mac::ZERO, Entry { remotes: vec![remote], kind: FdbState::Local, updated: now });
    }

    /// The default remote was changed: it goes, another may come (`vxlan_changelink`).
    pub fn move_default(&mut self, old: Remote, new: Option<Remote>, now: u64) {
        self.delete(Mac::ZERO, Some(old));
        match (new, self.0.get_mut(&Mac::ZERO)) {
            (Some(new), Some(e)) => e.remotes.push(new),
            (Some(new), None) => self.set_default(new, now),
            (None, _) => {}
        }
    }

    /// `vxlan_snoop`: `src` sends from `remote`. `room` for one more.
    pub fn learn(&mut self, src: Mac, remote: Remote, now: u64, room: bool) -> Learned {
        match self.0.get_mut(&src) {
            None if room => {
                self.0.insert(src, Entry { remotes: vec![remote], kind: FdbState::Dynamic, updated: now });
                Learned::New
            }
            None => Learned::Known,
            Some(e) => {
                let first = e.remotes.first().map_or(0, |r| r.ip);
                if first == remote.ip {
                    e.updated = now;
                    return Learned::Known;
                }
                if e.kind != FdbState::Dynamic {
                    return Learned::Fixed;
                }
                if let Some(r) = e.remotes.first_mut() {
                    r.ip = remote.ip;
                }
                e.updated = now;
                Learned::Moved(first)
            }
        }
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// What was learned is forgotten.
    pub fn flush_learned(&mut self) {
        self.0.retain(|_, e| e.kind != FdbState::Dynamic);
    }

    /// `vxlan_cleanup`: entries older than `ageing` ticks go. When the next one is due, if any ages.
    pub fn age(&mut self, now: u64, ageing: u64) -> Option<u64> {
        let mut next = None;
        self.0.retain(|_, e| {
            let due = e.updated + ageing;
            if e.kind != FdbState::Dynamic {
                return true;
            }
            if due > now {
                next = Some(next.map_or(due, |n: u64| n.min(due)));
            }
            due > now
        });
        next
    }

    /// `vxlan_fdb_update`
    fn update(&mut self, mac: Mac, r: Remote, kind: FdbState, how: How, now: u64, room: bool) -> Result<(), RtnlError> {
        let group = mac.is_multicast() || mac == Mac::ZERO;
        let Some(e) = self.0.get_mut(&mac) else {
            if how == How::Replace && group {
                return Err(RtnlError::new(Errno::EOPNOTSUPP));
            }
            if !room {
                return Err(RtnlError::new(Errno::ENOSPC));
            }
            self.0.insert(mac, Entry { remotes: vec![r], kind, updated: now });
            return Ok(());
        };
        if how == How::Add {
            return Err(RtnlError::new(Errno::EEXIST));
        }
        if e.kind != kind {
            (e.kind, e.updated) = (kind, now);
        }
        if how == How::Replace {
            if group {
                return Err(RtnlError::msg(Errno::EOPNOTSUPP, "Cannot replace non-unicast fdb entries"));
            }
            if !e.remotes.contains(&r)
                && let Some(first) = e.remotes.first_mut()
            {
                *first = r;
            }
        } else if group && !e.remotes.contains(&r) {
            // To an address of one station nothing is appended, and nothing said.
            e.remotes.push(r);
        }
        Ok(())
    }

    /// `__vxlan_fdb_delete`: one remote of several, or the entry. A remote that is not there is deleted with success.
    fn delete(&mut self, mac: Mac, r: Option<Remote>) -> bool {
        let Some(e) = self.0.get_mut(&mac) else { return false };
        if let Some(r) = r {
            if !e.remotes.contains(&r) {
                return true;
            }
            if e.remotes.len() > 1 {
                e.remotes.retain(|x| *x != r);
                return true;
            }
        }
        self.0.shift_remove(&mac);
        true
    }
}

/// Is it a vxlan device? The filters of others are not modelled.
fn check(k: &Kernel, dev: DevId) -> Result<(), RtnlError> {
    match k.devs[dev].kind {
        Kind::Vxlan(_) => Ok(()),
        _ => Err(RtnlError::tool(Errno::EOPNOTSUPP, "not supported: an entry of the device's own filter")),
    }
}

fn remote(k: &Kernel, dev: DevId, ip: u32, port: Option<u16>, vni: Option<u32>) -> Remote {
    let c = &state(k, dev).config;
    Remote { ip, port: port.unwrap_or(c.dstport), vni: vni.unwrap_or(c.vni()), dev: None }
}

/// `bridge fdb add|append|replace MAC dev DEV dst IP …` (`vxlan_fdb_add`)
#[allow(clippy::too_many_arguments, reason = "the attributes of one request")]
pub(crate) fn add_remote(
    k: &mut Kernel,
    cx: &mut Cx,
    dev: DevId,
    mac: Mac,
    dst: Option<u32>,
    (port, vni): (Option<u16>, Option<u32>),
    kind: FdbState,
    how: How,
) -> Result<(), RtnlError> {
    check(k, dev)?;
    let dst = dst.ok_or(RtnlError::new(Errno::EINVAL))?;
    let r = remote(k, dev, dst, port, vni);
    let now = cx.jiffies();
    let s = state_mut(k, dev);
    let room = s.config.maxaddr == 0 || s.fdb.len() < s.config.maxaddr as usize;
    s.fdb.update(mac, r, kind, how, now, room)
}

/// `bridge fdb del MAC dev DEV [dst IP]` (`vxlan_fdb_delete`)
pub(crate) fn delete_remote(
    k: &mut Kernel,
    dev: DevId,
    mac: Mac,
    dst: Option<u32>,
    (port, vni): (Option<u16>, Option<u32>),
) -> Result<(), RtnlError> {
    check(k, dev)?;
    let r = dst.filter(|ip| *ip != 0).map(|ip| remote(k, dev, ip, port, vni));
    if state_mut(k, dev).fdb.delete(mac, r) { Ok(()) } else { Err(RtnlError::new(Errno::ENOENT)) }
}

/// One line of `bridge fdb` for each remote, the newest entry first.
pub fn fdb_lines(k: &Kernel, ns: NsId) -> Vec<String> {
    let mut lines = Vec::new();
    for dev in k.net(ns).devs.iter().filter(|d| matches!(k.devs[**d].kind, Kind::Vxlan(_))) {
        let s = state(k, *dev);
        for (mac, e) in s.fdb.0.iter().rev() {
            lines
                .extend(e.remotes.iter().map(|r| format!("{mac} dev {} {}", k.devs[*dev].name(), text(k, *dev, e, r))));
        }
    }
    lines
}

/// "dst 10.0.0.2 self permanent"
pub(super) fn text(k: &Kernel, dev: DevId, e: &Entry, r: &Remote) -> String {
    let c = &state(k, dev).config;
    let mut line = format!("dst {}", Ip4Addr(r.ip));
    if r.port != c.dstport {
        line += &format!(" port {}", r.port);
    }
    if r.vni != c.vni() {
        line += &format!(" vni {}", r.vni);
    }
    if let Some(via) = r.dev.and_then(|d| k.devs.get(d)) {
        line += &format!(" via {}", via.name());
    }
    line + match e.kind {
        FdbState::Local => " self permanent",
        FdbState::Static => " self static",
        FdbState::Dynamic => " self",
    }
}
