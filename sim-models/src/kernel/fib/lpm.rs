//! The routes of one table, or of local and main together, found by longest prefix.
//!
//! Not a trie as in the kernel: up to a few routes a list that is scanned, beyond that a hash table that is asked once
//! for each length that occurs. Measured, warm: 5 to 10 ns for a list of up to 16, 10 to 20 ns for the hash table with
//! 17 to 100,000 routes of 5 lengths; the crate prefix-trie needed 40 to 50 ns for the latter.

use super::{
    Key,
    route::{Answer, Route},
};
use crate::packet::{Addr, Prefix};
use indexmap::{IndexMap, map::Entry};
use rustc_hash::FxBuildHasher;
use std::cmp::Reverse;

/// Up to here a list is scanned.
const FEW: usize = 16;

/// The prefix of a route as the scan wants it.
#[derive(Clone, Copy)]
struct Net<A> {
    addr: A,
    mask: A,
}

enum Shape<A: Addr> {
    /// Both lists side by side, in order of search: longest prefix first, then [`Route::rank`].
    Few {
        nets: Vec<Net<A>>,
        routes: Vec<Route<A>>,
    },
    Many(Box<Many<A>>),
}

/// Routes by longest prefix.
pub(super) struct Lpm<A: Addr> {
    shape: Shape<A>,
    /// Number of routes.
    len: usize,
}

impl<A: Addr> Default for Lpm<A> {
    fn default() -> Self {
        Lpm { shape: Shape::Few { nets: Vec::new(), routes: Vec::new() }, len: 0 }
    }
}

impl<A: Addr> Lpm<A> {
    /// Gives back the room that growing left over.
    pub(super) fn fit(&mut self) {
        if let Shape::Few { nets, routes } = &mut self.shape {
            nets.shrink_to_fit();
            routes.shrink_to_fit();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// `fib_table_lookup`.
    #[inline]
    pub(super) fn lookup(&self, key: &Key<A>, linkstate: bool) -> Answer<'_, A> {
        match &self.shape {
            Shape::Few { nets, routes } => {
                for (net, route) in nets.iter().zip(routes) {
                    if key.dst & net.mask == net.addr
                        && let Some(answer) = route.answers(key, linkstate)
                    {
                        return answer;
                    }
                }
                Answer::Again
            }
            Shape::Many(many) => many.lookup(key, linkstate),
        }
    }

    /// The routes to exactly `prefix`, in order.
    pub(super) fn aliases(&self, prefix: Prefix<A>) -> &[Route<A>] {
        match &self.shape {
            Shape::Few { routes, .. } => &routes[range(routes, prefix)],
            Shape::Many(many) => many.routes.get(&prefix).map_or(&[], Vec::as_slice),
        }
    }

    pub(super) fn aliases_mut(&mut self, prefix: Prefix<A>) -> &mut [Route<A>] {
        match &mut self.shape {
            Shape::Few { routes, .. } => {
                let range = range(routes, prefix);
                &mut routes[range]
            }
            Shape::Many(many) => many.routes.get_mut(&prefix).map_or(&mut [], Vec::as_mut_slice),
        }
    }

    /// Puts `route` before the one that is `at` among those of its prefix.
    pub(super) fn insert(&mut self, at: usize, route: Route<A>) {
        if let Shape::Few { routes, .. } = &mut self.shape
            && routes.len() == FEW
        {
            let mut many = Many { routes: IndexMap::default(), lens: Vec::new() };
            for r in std::mem::take(routes) {
                many.insert(usize::MAX, r);
            }
            self.shape = Shape::Many(Box::new(many));
        }
        self.len += 1;
        match &mut self.shape {
            Shape::Few { nets, routes } => {
                let i = range(routes, route.prefix).start + at;
                let Prefix { addr, len } = route.prefix;
                nets.insert(i, Net { addr, mask: A::MAX.network(len) });
                routes.insert(i, route);
            }
            Shape::Many(many) => many.insert(at, route),
        }
    }

    /// Keeps the routes to `prefix` that `keep` wants; how many went.
    pub(super) fn retain(&mut self, prefix: Prefix<A>, mut keep: impl FnMut(&Route<A>) -> bool) -> usize {
        let gone = match &mut self.shape {
            Shape::Few { nets, routes } => {
                let before = routes.len();
                for i in range(routes, prefix).rev() {
                    if !keep(&routes[i]) {
                        routes.remove(i);
                        nets.remove(i);
                    }
                }
                before - routes.len()
            }
            Shape::Many(many) => many.retain(prefix, keep),
        };
        self.len -= gone;
        if self.len == 0 {
            *self = Lpm::default();
        }
        gone
    }

    /// All routes, in no order that means anything.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Route<A>> {
        let (few, many) = match &self.shape {
            Shape::Few { routes, .. } => (Some(routes), None),
            Shape::Many(many) => (None, Some(many.routes.values().flatten())),
        };
        few.into_iter().flatten().chain(many.into_iter().flatten())
    }

    /// In the kernel's order of dumping: by address, of equal addresses the longest prefix first, then as searched.
    pub(super) fn dump(&self) -> Vec<&Route<A>> {
        let mut all: Vec<&Route<A>> = self.iter().collect();
        all.sort_by_key(|r| (r.prefix.addr, Reverse(r.prefix.len)));
        all
    }
}

/// Where in the list of [`Shape::Few`] the routes to `prefix` are, or would be.
fn range<A: Addr>(routes: &[Route<A>], prefix: Prefix<A>) -> std::ops::Range<usize> {
    let order = |p: Prefix<A>| (Reverse(p.len), p.addr);
    let start = routes.partition_point(|r| order(r.prefix) < order(prefix));
    let len = routes[start..].partition_point(|r| r.prefix == prefix);
    start..start + len
}

/// A hash table, asked once for each length that occurs.
struct Many<A> {
    /// Routes of one prefix in order of [`Route::rank`]; never an empty list.
    routes: IndexMap<Prefix<A>, Vec<Route<A>>, FxBuildHasher>,
    /// The longest first.
    lens: Vec<Length<A>>,
}

/// A length of prefixes that occurs.
struct Length<A> {
    len: u8,
    mask: A,
    /// How many prefixes have it.
    count: u32,
}

impl<A: Addr> Many<A> {
    fn lookup(&self, key: &Key<A>, linkstate: bool) -> Answer<'_, A> {
        for l in &self.lens {
            if let Some(list) = self.routes.get(&Prefix { addr: key.dst & l.mask, len: l.len }) {
                for r in list {
                    if let Some(answer) = r.answers(key, linkstate) {
                        return answer;
                    }
                }
            }
        }
        Answer::Again
    }

    /// `at` as in [`Lpm::insert`], or beyond all of them.
    fn insert(&mut self, at: usize, route: Route<A>) {
        let slot = match self.routes.entry(route.prefix) {
            Entry::Occupied(list) => {
                let list = list.into_mut();
                return list.insert(at.min(list.len()), route);
            }
            Entry::Vacant(slot) => slot,
        };
        let len = route.prefix.len;
        slot.insert(vec![route]);
        match self.place_of(len) {
            Ok(i) => self.lens[i].count += 1,
            Err(i) => self.lens.insert(i, Length { len, mask: A::MAX.network(len), count: 1 }),
        }
    }

    fn retain(&mut self, prefix: Prefix<A>, keep: impl FnMut(&Route<A>) -> bool) -> usize {
        let Some(list) = self.routes.get_mut(&prefix) else { return 0 };
        let before = list.len();
        list.retain(keep);
        let gone = before - list.len();
        if list.is_empty() {
            self.routes.swap_remove(&prefix);
            if let Ok(i) = self.place_of(prefix.len) {
                self.lens[i].count -= 1;
                if self.lens[i].count == 0 {
                    self.lens.remove(i);
                }
            }
        }
        gone
    }

    /// Where a length is among those that occur, or would be.
    fn place_of(&self, len: u8) -> Result<usize, usize> {
        self.lens.binary_search_by_key(&Reverse(len), |l| Reverse(l.len))
    }
}
