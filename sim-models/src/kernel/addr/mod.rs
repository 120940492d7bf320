//! IPv4 addresses of devices, and which of them a packet is sent from (net/ipv4/devinet.c).

mod devinet;
mod event;
mod magic;
#[cfg(test)]
mod tests;

pub use devinet::{inet_del_ifa, inet_insert_ifa};
pub use event::{on_carrier, on_down, on_mtu, on_register, on_rename, on_unregister, on_up};

use super::{DevId, Kernel, NsId, fib::Hit, rtnl::Scope, sysctl::ConfBits};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::Addr;
use rustc_hash::FxHashMap;
use std::collections::BTreeMap;

/// One `struct in_ifaddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifa {
    pub local: u32,
    /// The peer's address; equal to `local` without `peer`.
    pub address: u32,
    pub len: u8,
    pub broadcast: Option<u32>,
    pub scope: Scope,
    /// `IFA_F_SECONDARY`
    pub secondary: bool,
    pub noprefixroute: bool,
    /// What stands behind the device's name in the label after a rename: "eth0:2"; 0: nothing.
    pub label: u16,
    /// The request that made it (for the walk).
    pub origin: u32,
}

impl Ifa {
    /// `ifa_mask`.
    #[inline]
    pub fn mask(&self) -> u32 {
        u32::MAX.network(self.len)
    }
    /// The first address of its subnet.
    #[inline]
    pub fn network(&self) -> u32 {
        self.address & self.mask()
    }
    /// `ifa_label` on a device called `dev`: at most 15 bytes, of which the number keeps its own.
    pub fn label(&self, dev: &str) -> String {
        const ROOM: usize = 15;
        if self.label == 0 {
            return dev.to_owned();
        }
        let number = format!(":{}", self.label);
        let name = dev.get(..ROOM - number.len()).unwrap_or(dev);
        format!("{name}{number}")
    }
    /// The last one.
    pub fn last(&self) -> u32 {
        self.address | !self.mask()
    }
    /// `inet_ifa_match`: whether `a` is in its subnet.
    #[inline]
    pub fn contains(&self, a: u32) -> bool {
        (a ^ self.address) & self.mask() == 0
    }
    /// The same mask and the same subnet: primary and secondary of each other (ADDR-6).
    pub(crate) fn same_subnet(&self, other: &Ifa) -> bool {
        self.len == other.len && self.contains(other.address)
    }
}

/// `inet_addr_onlink`: is `a`, and `b` if there is one, in the subnet of an address of `dev`?
pub(in crate::kernel) fn inet_addr_onlink(k: &Kernel, dev: DevId, a: u32, b: Option<u32>) -> bool {
    let b = b.filter(|b| *b != 0);
    k.net(k.devs[dev].ns).addrs.on(dev).iter().any(|i| i.contains(a) && b.is_none_or(|b| i.contains(b)))
}

/// The addresses of one namespace, by device, in the kernel's order (ADDR-7).
#[derive(Default)]
pub struct Addresses {
    /// No device with an empty list.
    by_dev: BTreeMap<DevId, Vec<Ifa>>,
    /// `inet_addr_lst`: the device that got an address last, and how often the address exists. Never iterated.
    index: FxHashMap<u32, (DevId, u32)>,
}

impl Addresses {
    /// Gives back the room that growing left over.
    pub(crate) fn fit(&mut self) {
        self.by_dev.values_mut().for_each(Vec::shrink_to_fit);
    }

    /// `in_dev->ifa_list` of one device.
    #[inline]
    pub fn on(&self, dev: DevId) -> &[Ifa] {
        self.by_dev.get(&dev).map_or(&[], Vec::as_slice)
    }
    pub(crate) fn on_mut(&mut self, dev: DevId) -> &mut [Ifa] {
        self.by_dev.get_mut(&dev).map_or(&mut [], Vec::as_mut_slice)
    }

    /// `inet_lookup_ifaddr_rcu`: who has the address `local`; of several devices the one that got it last.
    #[inline]
    pub fn find(&self, local: u32) -> Option<(DevId, &Ifa)> {
        let (dev, _) = *self.index.get(&local)?;
        self.on(dev).iter().find(|i| i.local == local).map(|i| (dev, i))
    }

    /// Is `local` an address of any device here?
    #[inline]
    pub fn has(&self, local: u32) -> bool {
        self.index.contains_key(&local)
    }

    /// `inet_ifa_byprefix`: the primary address of a subnet.
    fn primary(&self, dev: DevId, of: &Ifa) -> Option<Ifa> {
        self.on(dev).iter().find(|i| i.len == of.len && i.contains(of.network())).copied()
    }

    fn insert(&mut self, dev: DevId, at: usize, ifa: Ifa) {
        self.by_dev.entry(dev).or_default().insert(at, ifa);
        let entry = self.index.entry(ifa.local).or_insert((dev, 0));
        *entry = (dev, entry.1 + 1);
    }

    fn remove(&mut self, dev: DevId, at: usize) -> Ifa {
        let list = self.by_dev.entry(dev).or_default();
        let ifa = list.remove(at);
        if list.is_empty() {
            self.by_dev.remove(&dev);
        }
        let left = self.index.remove(&ifa.local).map_or(0, |e| e.1 - 1);
        if left > 0 {
            let has = |list: &Vec<Ifa>| list.iter().any(|i| i.local == ifa.local);
            let newest = self.by_dev.iter().rev().find(|(_, list)| has(list)).map_or(dev, |(d, _)| *d);
            self.index.insert(ifa.local, (newest, left));
        }
        ifa
    }
}

/// `inet_select_addr`: a source address on `dev` (or on any device) for `dst`, of `scope` or wider (RT-23). 0: none.
/// `dst` 0 stands for no particular destination.
pub fn inet_select_addr(k: &Kernel, ns: NsId, dev: Option<DevId>, dst: u32, scope: Scope) -> u32 {
    let net = k.net(ns);
    if let Some(dev) = dev {
        // With route_localnet an address of scope host counts as one of scope link.
        let nearest = if k.devs[dev].conf.has(ConfBits::ROUTE_LOCALNET) { Scope::Link } else { Scope::Host };
        let mut any = 0;
        for ifa in net.addrs.on(dev).iter().filter(|i| !i.secondary && i.scope.min(nearest) <= scope) {
            if dst == 0 || ifa.contains(dst) {
                return ifa.local;
            }
            if any == 0 {
                any = ifa.local;
            }
        }
        if any != 0 {
            return any;
        }
    }
    // Any device, `lo` first since it has the lowest ifindex; an address of scope link is of no use elsewhere.
    let fits = |i: &&Ifa| !i.secondary && i.scope != Scope::Link && i.scope <= scope;
    net.devs.iter().find_map(|d| net.addrs.on(*d).iter().find(fits)).map_or(0, |i| i.local)
}

/// `fib_result_prefsrc`: the source address that a route gives a packet sent from here (RT-23). 0: none.
#[inline]
pub fn fib_result_prefsrc(k: &Kernel, ns: NsId, hit: &Hit<u32>) -> u32 {
    match hit.prefsrc {
        Some(src) if !mutated(Mutation::RouteSrcIgnored) => src,
        _ => inet_select_addr(k, ns, Some(hit.dev), hit.gw.unwrap_or(0), hit.scope),
    }
}
