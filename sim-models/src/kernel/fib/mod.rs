//! Routing tables: `fib_lookup` and what keeps the tables (net/ipv4/fib_trie.c, fib_frontend.c).
//!
//! As long as a namespace never had a policy rule, its tables local and main are one: the longest prefix wins
//! over both, and of equal prefixes that of local (RT-2). Every route carries the number of its table, so that the
//! two can still be told apart.

mod change;
mod lpm;
pub(crate) mod multipath;
mod route;
mod rules;
pub(crate) mod semantics;
#[cfg(test)]
mod tests;

pub use multipath::Leg;
pub use route::{Match, Route};
pub use rules::{Policy, Rule};

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
    /// IP protocol and ports: 0 where they are not known.
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
}

impl<A: Addr> Key<A> {
    /// The question that a packet to `dst` sent from here asks, nothing bound.
    pub fn to(dst: A) -> Self {
        Key {
            dst,
            src: A::ZERO,
            iif: 1,
            oif: None,
            mark: 0,
            tos: 0,
            scope: Scope::Universe,
            proto: 0,
            sport: 0,
            dport: 0,
        }
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
    pub mtu_lock: bool,
    pub advmss: u32,
    pub hoplimit: u8,
    pub tos: u8,
    /// [`Route::id`]
    pub id: u32,
    /// Which of the route's next hops, and how many it has; 0 of 0: the only one.
    pub leg: u8,
    pub legs: u8,
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

/// A namespace's tables for one family, and the rules that say which of them are asked.
pub struct Tables<A: Addr> {
    /// Bumped by every change: whoever keeps an answer compares it.
    pub genid: u32,
    /// local and main (RT-2); main alone once there is a policy.
    merged: Lpm<A>,
    /// `None` until the first rule is added or deleted.
    policy: Option<Box<Policy<A>>>,
    /// A route of type local was asked for (`fib_has_custom_local_routes`).
    pub custom_local: bool,
    next_id: u32,
    legs: bool,
    /// The tables that exist, oldest first. They come into being with the first route asked for, even if it is refused.
    made: Vec<u32>,
    /// default and the numbered ones.
    others: BTreeMap<u32, Lpm<A>>,
    /// (device, table, prefix) of all routes that have a device: what a device's events must look at.
    by_dev: BTreeSet<(DevId, u32, Prefix<A>)>,
}

impl<A: Addr> Default for Tables<A> {
    fn default() -> Self {
        Tables {
            genid: 0,
            merged: Lpm::default(),
            policy: None,
            custom_local: false,
            next_id: 1,
            legs: false,
            made: Vec::new(),
            others: BTreeMap::new(),
            by_dev: BTreeSet::new(),
        }
    }
}

impl<A: Addr> Tables<A> {
    /// Gives back the room that growing left over.
    pub(crate) fn fit(&mut self) {
        self.merged.fit();
    }

    /// `fib_lookup`: what the rules say; without any, tables local and main, then default: longest prefix, tos, metric,
    /// scope.
    ///
    /// # Errors
    /// ENETUNREACH no route; EINVAL blackhole, EHOSTUNREACH unreachable, EACCES prohibit (RT-6).
    pub fn lookup(&self, key: &Key<A>) -> Result<Hit<A>, Errno> {
        self.find(key).map(|r| r.hit_for(key))
    }

    /// The same, without copying the route: what packets ask.
    ///
    /// # Errors
    /// As [`Tables::lookup`].
    #[inline]
    pub fn find(&self, key: &Key<A>) -> Result<&Route<A>, Errno> {
        self.find_with(key, true)
    }

    #[inline]
    fn find_with(&self, key: &Key<A>, linkstate: bool) -> Result<&Route<A>, Errno> {
        if let Some(policy) = &self.policy {
            return self.find_by_rule(policy, key, linkstate);
        }
        match self.merged.lookup(key, linkstate) {
            Answer::Route(r) => Ok(r),
            Answer::Error(e) => Err(e),
            Answer::Again => self.find_default(key, linkstate),
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
            return Ok(r.hit_for(key));
        }
        self.find_with(key, false).map(|r| r.hit_for(key))
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

    /// Is `gw` a gateway by `dev` of any route (`ip_fib_check_default`)?
    pub fn has_gateway(&self, gw: A, dev: DevId) -> bool {
        let one = |r: &Route<A>| match &r.legs {
            None => r.gateway() == Some(gw) && r.dev == dev,
            Some(legs) => legs.iter().any(|l| l.gw == Some(gw) && l.dev == dev && !l.dead),
        };
        self.merged.iter().chain(self.others.values().flat_map(Lpm::iter)).any(one)
    }

    /// Was there ever a route with several next hops?
    #[inline]
    pub fn has_legs(&self) -> bool {
        self.legs
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
            RT_TABLE_LOCAL if self.policy.is_some() => self.others.get(&table),
            RT_TABLE_MAIN | RT_TABLE_LOCAL => Some(&self.merged),
            _ => self.others.get(&table),
        }
    }

    fn lpm_mut(&mut self, table: u32) -> &mut Lpm<A> {
        match table {
            RT_TABLE_LOCAL if self.policy.is_some() => self.others.entry(table).or_default(),
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
