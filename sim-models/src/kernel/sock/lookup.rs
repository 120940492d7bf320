//! Which socket is a packet for (SOCK-22, 30 to 36)? Each namespace has its own table.

use super::{Proto, SockId, Socket, Sockets};
use crate::kernel::{DevId, Errno, Kernel};
use rustc_hash::FxHashMap;

/// The bound sockets of a namespace: by (address, port), the one bound last first.
#[derive(Default)]
pub struct Table {
    udp: FxHashMap<u64, Vec<SockId>>,
    tcp: FxHashMap<u64, Vec<SockId>>,
    raw: Vec<SockId>,
    /// The next ephemeral port to try.
    pub(super) ephemeral: u16,
}

fn key(addr: u32, port: u16) -> u64 {
    u64::from(addr) << 16 | u64::from(port)
}

/// Who a packet is from and for.
#[derive(Clone, Copy, Debug)]
pub struct Tuple {
    pub saddr: u32,
    pub sport: u16,
    pub daddr: u32,
    pub dport: u16,
    /// The device it came in by.
    pub dev: DevId,
}

impl Table {
    fn map(&mut self, proto: Proto) -> &mut FxHashMap<u64, Vec<SockId>> {
        if matches!(proto, Proto::Tcp(_)) { &mut self.tcp } else { &mut self.udp }
    }

    /// Puts a socket at the head of its chain (SOCK-33).
    pub(super) fn add(&mut self, id: SockId, proto: Proto, addr: u32, port: u16) {
        self.map(proto).entry(key(addr, port)).or_default().insert(0, id);
    }

    pub(super) fn add_raw(&mut self, id: SockId) {
        self.raw.push(id);
    }

    pub(super) fn remove(&mut self, id: SockId, s: &Socket) {
        if s.proto == Proto::RawIcmp {
            self.raw.retain(|r| *r != id);
            return;
        }
        let map = self.map(s.proto);
        let k = key(s.rcv_addr, s.port);
        if let Some(chain) = map.get_mut(&k) {
            chain.retain(|c| *c != id);
            if chain.is_empty() {
                map.remove(&k);
            }
        }
    }

    pub(super) fn raw(&self) -> &[SockId] {
        &self.raw
    }

    /// `__udp4_lib_lookup`: the specific address beats the wildcard, a connected match beats both (SOCK-30 to 33).
    #[inline]
    pub fn udp(&self, all: &Sockets, t: &Tuple) -> Option<SockId> {
        self.best(&self.udp, all, t, t.daddr).or_else(|| self.best(&self.udp, all, t, 0))
    }

    /// The TCP socket that is connecting from exactly there.
    pub fn tcp(&self, all: &Sockets, t: &Tuple) -> Option<SockId> {
        self.best(&self.tcp, all, t, t.daddr).or_else(|| self.best(&self.tcp, all, t, 0))
    }

    #[inline]
    fn best(&self, map: &FxHashMap<u64, Vec<SockId>>, all: &Sockets, t: &Tuple, addr: u32) -> Option<SockId> {
        let chain = map.get(&key(addr, t.dport))?;
        let mut best = None;
        let mut most = 0;
        for id in chain {
            let score = all.get(*id).map_or(0, |s| score(s, t));
            if score > most {
                (best, most) = (Some(*id), score);
            }
        }
        best
    }

    /// Is there a socket for datagrams like `t` that looks at more than where they are for: at their sender, or the device?
    pub fn udp_asks_for_more(&self, all: &Sockets, t: &Tuple) -> bool {
        let chains = [t.daddr, 0].into_iter().filter_map(|a| self.udp.get(&key(a, t.dport)));
        let asks = |s: &Socket| s.peer != 0 || s.peer_port != 0 || s.opts.device.is_some();
        chains.flatten().filter_map(|id| all.get(*id)).any(asks)
    }

    /// Every UDP socket that a broadcast reaches (SOCK-39).
    pub fn udp_all(&self, all: &Sockets, t: &Tuple) -> Vec<SockId> {
        [t.daddr, 0]
            .iter()
            .filter_map(|a| self.udp.get(&key(*a, t.dport)))
            .flatten()
            .copied()
            .filter(|id| all.get(*id).is_some_and(|s| score(s, t) > 0))
            .collect()
    }

    /// SOCK-01 to 04: may a socket with these settings have (addr, port)?
    fn conflicts(&self, k: &Kernel, new: &Socket, addr: u32, port: u16) -> bool {
        let map = if matches!(new.proto, Proto::Tcp(_)) { &self.tcp } else { &self.udp };
        // A wildcard meets every address; a specific one meets itself and the wildcard.
        let mut holders: Vec<SockId> = vec![];
        if addr == 0 {
            // Rare: only a wildcard bind has to look at every chain of the port.
            holders.extend(k.sockets_on_port(map, port));
        } else {
            holders.extend([addr, 0].iter().filter_map(|a| map.get(&key(*a, port))).flatten());
        }
        holders.iter().filter_map(|id| k.sockets.get(*id)).any(|s| {
            let devices = match (s.opts.device, new.opts.device) {
                (Some(a), Some(b)) => a == b,
                _ => true,
            };
            devices && !(s.opts.reuseaddr && new.opts.reuseaddr)
        })
    }
}

impl Kernel {
    fn sockets_on_port(&self, map: &FxHashMap<u64, Vec<SockId>>, port: u16) -> Vec<SockId> {
        // Only membership is asked, never an order.
        let mut found: Vec<SockId> =
            map.iter().filter(|(k, _)| **k as u16 == port).flat_map(|(_, v)| v.iter().copied()).collect();
        found.sort();
        found
    }
}

/// `compute_score` (SOCK-32): 0 no match.
#[inline]
fn score(s: &Socket, t: &Tuple) -> u32 {
    let mut score = 2;
    if s.rcv_addr != 0 && s.rcv_addr != t.daddr {
        return 0;
    }
    if s.peer != 0 {
        if s.peer != t.saddr {
            return 0;
        }
        score += 4;
    }
    if s.peer_port != 0 {
        if s.peer_port != t.sport {
            return 0;
        }
        score += 4;
    }
    if let Some(dev) = s.opts.device {
        if dev != t.dev {
            return 0;
        }
        score += 4;
    }
    score
}

/// `inet_addr_valid_or_nonlocal`: may a socket have this address?
///
/// # Errors
/// EADDRNOTAVAIL
pub fn may_bind(k: &Kernel, ns: crate::kernel::NsId, addr: u32) -> Result<(), Errno> {
    use crate::kernel::rtnl::RouteType::{Broadcast, Local, Multicast};
    let net = k.net(ns);
    let fits = addr == 0 || net.conf.ip_nonlocal_bind != 0;
    if fits || matches!(net.v4.addr_type(addr), Local | Broadcast | Multicast) {
        return Ok(());
    }
    Err(Errno::EADDRNOTAVAIL)
}

/// `bind`: `port` 0 picks an ephemeral one (SOCK-01, 10, 14).
///
/// # Errors
/// EADDRINUSE, EADDRNOTAVAIL, EINVAL if it is bound already.
pub fn bind(k: &mut Kernel, id: SockId, addr: u32, port: u16) -> Result<(), Errno> {
    let s = k.sockets.get(id).ok_or(Errno::EINVAL)?;
    if s.port != 0 {
        return Err(Errno::EINVAL);
    }
    let (ns, proto) = (s.ns, s.proto);
    may_bind(k, ns, addr)?;
    let taken = |k: &Kernel, port: u16| {
        let s = k.sockets.get(id).expect("looked up above");
        k.net(ns).sockets.as_ref().is_some_and(|t| t.conflicts(k, s, addr, port))
    };
    let port = if port == 0 { pick_port(k, ns, taken)? } else { port };
    if taken(k, port) {
        return Err(Errno::EADDRINUSE);
    }
    let source = if addr != 0 && net_is_group(k, ns, addr) { 0 } else { addr };
    let s = k.sockets.get_mut(id).ok_or(Errno::EINVAL)?;
    (s.rcv_addr, s.src_addr, s.port) = (addr, source, port);
    k.sockets.changed();
    if proto != Proto::RawIcmp {
        k.net_mut(ns).sockets.get_or_insert_default().add(id, proto, addr, port);
    }
    Ok(())
}

fn net_is_group(k: &Kernel, ns: crate::kernel::NsId, addr: u32) -> bool {
    use crate::kernel::rtnl::RouteType::{Broadcast, Multicast};
    matches!(k.net(ns).v4.addr_type(addr), Broadcast | Multicast)
}

/// Ephemeral ports ascend through `ip_local_port_range`; a real kernel draws them (a named mask of comparisons).
fn pick_port(k: &mut Kernel, ns: crate::kernel::NsId, taken: impl Fn(&Kernel, u16) -> bool) -> Result<u16, Errno> {
    let (low, high) = k.net(ns).conf.ip_local_port_range;
    for _ in low..=high {
        let t = k.net_mut(ns).sockets.get_or_insert_default();
        let port = t.ephemeral.clamp(low, high);
        t.ephemeral = if port == high { low } else { port + 1 };
        if !taken(k, port) {
            return Ok(port);
        }
    }
    Err(Errno::EADDRINUSE)
}

/// Moves a bound socket to another receive address (`connect` on a wildcard socket, SOCK-34).
pub(super) fn rehash(k: &mut Kernel, id: SockId, addr: u32) {
    let Some(s) = k.sockets.get(id) else { return };
    let (ns, proto, port) = (s.ns, s.proto, s.port);
    let (sockets, nets) = (&k.sockets, &mut k.nets);
    if let (Some(s), Some(t)) = (sockets.get(id), nets[ns.0 as usize].sockets.as_mut()) {
        t.remove(id, s);
        t.add(id, proto, addr, port);
    }
    k.sockets.changed();
    if let Some(s) = k.sockets.get_mut(id) {
        s.rcv_addr = addr;
    }
}
