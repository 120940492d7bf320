//! What changes the tables: requests, addresses and devices that come and go (net/ipv4/fib_trie.c, fib_semantics.c).

use super::{Leg, Match, Route, Tables, multipath::rebalance};
use crate::{
    kernel::{
        DevId, Errno,
        rtnl::{How, RT_TABLE_LOCAL, RT_TABLE_MAIN, Scope},
    },
    packet::{Addr, Prefix},
};
use std::ops::ControlFlow;

impl<A: Addr> Tables<A> {
    /// `fib_new_table`: makes the table unless it exists. local is kept with main, so it brings main along.
    pub fn new_table(&mut self, table: u32) {
        if table == RT_TABLE_LOCAL {
            self.new_table(RT_TABLE_MAIN);
        }
        if !self.has_table(table) {
            self.made.push(table);
        }
    }

    /// `fib_table_insert`. `route.prefix` has no host bits.
    ///
    /// # Errors
    /// EEXIST: a route with the same prefix, tos and metric exists ([`How::Add`], RT-8), or the very same route
    /// ([`How::Append`], [`How::Prepend`]; [`How::Replace`] and [`How::Change`] if it is not the first of its kind).
    /// ENOENT: nothing to change.
    pub fn insert(&mut self, mut route: Route<A>, how: How) -> Result<(), Errno> {
        self.new_table(route.table);
        if let Some(legs) = &mut route.legs {
            rebalance(legs);
            self.legs = true;
        }
        let list = self.lpm_mut(route.table).aliases(route.prefix);
        // The first that is not preferred to the new one, and the end of those that are its equals.
        let first = list.partition_point(|r| r.rank() < route.rank());
        let equals = list[first..].partition_point(|r| r.rank() == route.rank());
        let at = match place(&list[first..first + equals], &route, how) {
            ControlFlow::Break(answer) => return answer,
            ControlFlow::Continue(at) => first + at,
        };
        route.id = self.next_id;
        self.next_id += 1;
        let (table, prefix) = (route.table, route.prefix);
        let by: Vec<DevId> = route.devs().filter(|d| *d != DevId::NONE).collect();
        let replace = equals > 0 && matches!(how, How::Replace | How::Change);
        if replace {
            let old = std::mem::replace(&mut self.lpm_mut(route.table).aliases_mut(route.prefix)[at], route);
            old.devs().for_each(|d| self.forget(d, table, prefix));
        } else {
            self.lpm_mut(route.table).insert(at, route);
        }
        self.by_dev.extend(by.into_iter().map(|d| (d, table, prefix)));
        self.changed();
        Ok(())
    }

    /// `fib_table_delete`: the first route that fits.
    ///
    /// # Errors
    /// ESRCH: none fits.
    pub fn delete(&mut self, m: &Match<A>) -> Result<Route<A>, Errno> {
        let list = self.lpm(m.table).map_or(&[][..], |t| t.aliases(m.prefix));
        let gone = list.iter().find(|r| m.fits(r)).ok_or(Errno::ESRCH)?.clone();
        self.lpm_mut(m.table).retain(m.prefix, |r| r.id != gone.id);
        gone.devs().for_each(|d| self.forget(d, m.table, m.prefix));
        self.changed();
        Ok(gone)
    }

    /// Drops the index entry of a device unless another route to the prefix still uses it.
    fn forget(&mut self, dev: DevId, table: u32, prefix: Prefix<A>) {
        let list = self.lpm(table).map_or(&[][..], |t| t.aliases(prefix));
        if !list.iter().any(|r| r.uses(dev) && r.table == table) {
            self.by_dev.remove(&(dev, table, prefix));
        }
    }

    /// Something that answers depend on has changed (`rt_cache_flush`).
    pub fn changed(&mut self) {
        self.genid = self.genid.wrapping_add(1);
    }

    /// (table, prefix) of the routes by `dev`.
    fn of_dev(&self, dev: DevId) -> impl Iterator<Item = (u32, Prefix<A>)> {
        let from = (dev, 0, Prefix::new(A::ZERO, 0));
        self.by_dev.range(from..).take_while(move |e| e.0 == dev).map(|e| (e.1, e.2))
    }

    /// `fib_sync_down_dev` and `fib_flush`: deletes the routes by `dev`, which went down (RT-15). Routes to own
    /// addresses stay (ADDR-11) unless `force`: the last address was deleted, or the device goes away. Of several next
    /// hops those by `dev` are dead; the route goes with the last, or if a device of it goes away (`leaves`). How many went.
    pub fn flush_dev(&mut self, dev: DevId, force: bool, leaves: bool) -> usize {
        let mut gone = 0;
        for (table, prefix) in self.of_dev(dev).collect::<Vec<_>>() {
            for r in self.lpm_mut(table).aliases_mut(prefix).iter_mut().filter(|r| r.table == table) {
                r.each_leg(dev, |l| (l.dead, l.linkdown) = (true, true));
            }
            let dead = |r: &Route<A>| match &r.legs {
                Some(legs) => r.uses(dev) && (leaves || legs.iter().all(|l| l.dead)),
                None => r.dev == dev && (force || r.nh_scope != Scope::Nowhere),
            };
            let others: Vec<DevId> = self.lpm_mut(table).aliases(prefix).iter().flat_map(Route::devs).collect();
            gone += self.lpm_mut(table).retain(prefix, |r| r.table != table || !dead(r));
            others.into_iter().for_each(|d| self.forget(d, table, prefix));
        }
        self.changed();
        gone
    }

    /// `fib_sync_down_addr` and `fib_flush`: deletes the routes of main that send from `addr`, which is nobody's
    /// address any more (ADDR-9). How many went.
    pub fn flush_prefsrc(&mut self, addr: A) -> usize {
        let stray = |r: &Route<A>| r.table == RT_TABLE_MAIN && r.prefsrc == Some(addr);
        let prefixes: Vec<(DevId, Prefix<A>)> =
            self.merged.iter().filter(|r| stray(r)).map(|r| (r.dev, r.prefix)).collect();
        let mut gone = 0;
        for (dev, prefix) in prefixes {
            gone += self.merged.retain(prefix, |r| !stray(r));
            self.forget(dev, RT_TABLE_MAIN, prefix);
        }
        self.changed();
        gone
    }

    /// `fib_sync_down_dev` and `fib_sync_up` on a change of carrier: sets or clears the linkdown flag of the next hops
    /// by `dev` (RT-16). Routes to own addresses never have it.
    pub fn set_linkdown(&mut self, dev: DevId, down: bool) {
        self.each_of_dev(dev, |r| {
            r.each_leg(dev, |l| l.linkdown = down || l.dead);
            // Of several next hops all have to be dead, or of this device.
            let all = r.legs.as_ref().is_none_or(|legs| legs.iter().all(|l| l.dead || l.dev == dev));
            r.linkdown = down && all && r.nh_scope != Scope::Nowhere;
        });
    }

    /// `fib_sync_up`: `dev` is up again, with carrier or without; dead next hops by it live (RT-15).
    pub fn revive(&mut self, dev: DevId, carrier: bool) {
        self.each_of_dev(dev, |r| {
            r.each_leg(dev, |l| {
                l.dead = false;
                l.linkdown &= !carrier;
            });
            r.linkdown &= !(carrier && r.legs.is_some());
        });
    }

    /// Tells the next hops by `dev` what its `ignore_routes_with_linkdown` says.
    pub fn set_ignore_linkdown(&mut self, dev: DevId, ignore: bool) {
        self.each_of_dev(dev, |r| {
            r.ignore_linkdown = ignore;
            // Their shares stay until the next event (RT-16).
            let legs = r.legs.iter_mut().flatten().filter(|l| l.dev == dev);
            legs.for_each(|l| l.ignore_linkdown = ignore);
        });
    }

    fn each_of_dev(&mut self, dev: DevId, mut f: impl FnMut(&mut Route<A>)) {
        for (table, prefix) in self.of_dev(dev).collect::<Vec<_>>() {
            self.lpm_mut(table).aliases_mut(prefix).iter_mut().filter(|r| r.uses(dev)).for_each(&mut f);
        }
        self.changed();
    }
}

impl<A: Addr> Route<A> {
    /// Changes the next hops by `dev` of a route with several, and shares anew.
    fn each_leg(&mut self, dev: DevId, mut f: impl FnMut(&mut Leg<A>)) {
        if let Some(legs) = &mut self.legs {
            legs.iter_mut().filter(|l| l.dev == dev).for_each(&mut f);
            rebalance(legs);
        }
    }
}

/// Where among its `equals` (same prefix, table, tos and metric) a new route goes, or why there is nothing to do.
fn place<A: Addr>(equals: &[Route<A>], route: &Route<A>, how: How) -> ControlFlow<Result<(), Errno>, usize> {
    if equals.is_empty() {
        return match how {
            How::Change => ControlFlow::Break(Err(Errno::ENOENT)),
            _ => ControlFlow::Continue(0),
        };
    }
    let twin = equals.iter().position(|r| r.same(route));
    match (how, twin) {
        (How::Add, _) | (How::Append | How::Prepend, Some(_)) => ControlFlow::Break(Err(Errno::EEXIST)),
        (How::Append, None) => ControlFlow::Continue(equals.len()),
        (How::Prepend, None) | (How::Replace | How::Change, None) => ControlFlow::Continue(0),
        // Replacing a route by itself is no change; but a twin further down is in the way.
        (How::Replace | How::Change, Some(0)) => ControlFlow::Break(Ok(())),
        (How::Replace | How::Change, Some(_)) => ControlFlow::Break(Err(Errno::EEXIST)),
    }
}
