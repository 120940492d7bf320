//! Routing tables: `fib_lookup` and what keeps the tables (net/ipv4/fib_trie.c, fib_frontend.c).
//!
//! As long as a namespace never had a policy rule, its tables local and main are one: the longest prefix wins
//! over both, and of equal prefixes that of local (RT-2). Every route carries the number of its table, so that the
//! two can still be told apart.

mod change;
mod lpm;
mod route;
pub(crate) mod semantics;
#[cfg(test)]
mod tests;

pub use route::{Match, Route};

use super::{
    DevId, Errno,
    rtnl::{RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteType, Scope},
};
use crate::packet::{Addr, Prefix, addr};
use lpm::Lpm;
use route::Answer;
use std::collections::{BTreeMap, BTreeSet};

/// A question to the tables (`struct flowi4`). Ifindexes, 0 for any.
#[derive(Clone, Copy, Debug)]
pub struct Key<A> {
    pub dst: A,
    pub src: A,
    /// ifindex of the input device; of `lo` for what is sent from here (RT-4).
    pub iif: u32,
    /// The device that the packet must leave by, if the sender bound one.
    pub oif: Option<DevId>,
    pub mark: u32,
    pub tos: u8,
    /// Only routes of this scope or nearer: [`Scope::Universe`] for any.
    pub scope: Scope,
}

impl<A: Addr> Key<A> {
    /// The question that a packet to `dst` sent from here asks, nothing bound.
    pub fn to(dst: A) -> Self {
        Key { dst, src: A::ZERO, iif: 1, oif: None, mark: 0, tos: 0, scope: Scope::Universe }
    }
}

/// The answer.
#[derive(Clone, Copy, Debug)]
pub struct Hit<A> {
    pub kind: RouteType,
    pub table: u32,
    /// The prefix that matched.
    pub prefix: Prefix<A>,
    pub scope: Scope,
    pub prefsrc: Option<A>,
    /// The next hop only if [`Hit::nh_scope`] is link; else the destination itself is on the link (RT-12).
    pub gw: Option<A>,
    pub dev: DevId,
    /// Scope of the next hop: nowhere for own addresses, host for what is on the link, link for gateways.
    pub nh_scope: Scope,
    /// `mtu` of the route, bytes; 0: the device's.
    pub mtu: u32,
    pub metric: u32,
    /// The request that made the route (for the walk).
    pub origin: u32,
}

impl<A: Addr> Hit<A> {
    /// Whom the link layer is asked for: the gateway if it is one, else `dst` itself (`rt_nexthop`). A gateway that is
    /// one of our own addresses only names a device (RT-12).
    #[inline]
    pub fn nexthop(&self, dst: A) -> A {
        match self.gw {
            Some(gw) if self.nh_scope == Scope::Link => gw,
            _ => dst,
        }
    }
}

/// A namespace's tables for one family. Policy rules, once there are any, would be asked in [`Tables::lookup`].
pub struct Tables<A: Addr> {
    /// Bumped by every change: whoever keeps an answer compares it.
    pub genid: u32,
    /// local and main (RT-2).
    merged: Lpm<A>,
    /// The tables that exist, oldest first. They come into being with the first route asked for, even if it is refused.
    made: Vec<u32>,
    /// default and the numbered ones.
    others: BTreeMap<u32, Lpm<A>>,
    /// (device, table, prefix) of all routes that have a device: what a device's events must look at.
    by_dev: BTreeSet<(DevId, u32, Prefix<A>)>,
}

impl<A: Addr> Default for Tables<A> {
    fn default() -> Self {
        Tables { genid: 0, merged: Lpm::default(), made: Vec::new(), others: BTreeMap::new(), by_dev: BTreeSet::new() }
    }
}

impl<A: Addr> Tables<A> {
    /// Gives back the room that growing left over.
    pub(crate) fn fit(&mut self) {
        self.merged.fit();
    }

    /// `fib_lookup`: tables local and main, then default: longest prefix, tos, metric, scope.
    ///
    /// # Errors
    /// ENETUNREACH no route; EINVAL blackhole, EHOSTUNREACH unreachable, EACCES prohibit (RT-6).
    pub fn lookup(&self, key: &Key<A>) -> Result<Hit<A>, Errno> {
        self.find(key).map(Route::hit)
    }

    /// The same, without copying the route: what packets ask.
    ///
    /// # Errors
    /// As [`Tables::lookup`].
    #[inline]
    pub fn find(&self, key: &Key<A>) -> Result<&Route<A>, Errno> {
        match self.merged.lookup(key, true) {
            Answer::Route(r) => Ok(r),
            Answer::Error(e) => Err(e),
            Answer::Again => self.find_default(key, true),
        }
    }

    #[cold]
    fn find_default(&self, key: &Key<A>, linkstate: bool) -> Result<&Route<A>, Errno> {
        match self.others.get(&RT_TABLE_DEFAULT).map_or(Answer::Again, |t| t.lookup(key, linkstate)) {
            Answer::Route(r) => Ok(r),
            Answer::Error(e) => Err(e),
            Answer::Again => Err(Errno::ENETUNREACH),
        }
    }

    /// The lookup that checks a gateway (RT-12): in `table` first unless that is main, then as any packet's; carrier
    /// does not count.
    ///
    /// # Errors
    /// As [`Tables::lookup`].
    pub fn lookup_gw(&self, table: u32, key: &Key<A>) -> Result<Hit<A>, Errno> {
        if table != RT_TABLE_MAIN
            && self.has_table(table)
            && let Answer::Route(r) = self.lpm(table).map_or(Answer::Again, |t| t.lookup(key, false))
        {
            return Ok(r.hit());
        }
        match self.merged.lookup(key, false) {
            Answer::Route(r) => Ok(r.hit()),
            Answer::Error(e) => Err(e),
            Answer::Again => self.find_default(key, false).map(Route::hit),
        }
    }

    /// Whether the table was ever used: a deletion from another one is refused in words of its own.
    pub fn has_table(&self, table: u32) -> bool {
        self.made.contains(&table)
    }

    /// The tables in the order of `ip route show table all`: by the low byte of the number, the newest first.
    pub fn tables(&self) -> Vec<u32> {
        let mut all: Vec<u32> = self.made.iter().rev().copied().collect();
        all.sort_by_key(|t| t & 0xff);
        all
    }

    /// The routes of one table in the order of `ip route show table N`.
    pub fn routes(&self, table: u32) -> Vec<&Route<A>> {
        let mut all = self.lpm(table).map_or(Vec::new(), Lpm::dump);
        all.retain(|r| r.table == table);
        all
    }

    /// Number of routes in all tables.
    pub fn len(&self) -> usize {
        self.merged.len() + self.others.values().map(Lpm::len).sum::<usize>()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lpm(&self, table: u32) -> Option<&Lpm<A>> {
        match table {
            RT_TABLE_MAIN | RT_TABLE_LOCAL => Some(&self.merged),
            _ => self.others.get(&table),
        }
    }

    fn lpm_mut(&mut self, table: u32) -> &mut Lpm<A> {
        match table {
            RT_TABLE_MAIN | RT_TABLE_LOCAL => &mut self.merged,
            _ => self.others.entry(table).or_default(),
        }
    }
}

impl Tables<u32> {
    /// `inet_addr_type`: what the local table says of an address; unicast if it has no entry. As long as local and main
    /// are one, the longest prefix may be one of main (seen).
    #[inline]
    pub fn addr_type(&self, addr: u32) -> RouteType {
        self.addr_type_in(RT_TABLE_LOCAL, addr)
    }

    /// `inet_addr_type_table`, `__inet_dev_addr_type`. A table that does not exist says broadcast of everything.
    #[inline]
    pub fn addr_type_in(&self, table: u32, a: u32) -> RouteType {
        if addr::is_zeronet(a) || addr::is_lbcast(a) {
            return RouteType::Broadcast;
        }
        if addr::is_multicast(a) {
            return RouteType::Multicast;
        }
        let Some(lpm) = self.lpm(table).filter(|_| self.has_table(table)) else { return RouteType::Broadcast };
        match lpm.lookup(&Key::to(a), true) {
            Answer::Route(r) => r.kind,
            _ => RouteType::Unicast,
        }
    }
}
