//! The routes of one table, or of local and main together, found by longest prefix.

use super::{
    Key,
    route::{Answer, Route},
};
use crate::packet::{Addr, Prefix};
use prefix_trie::{Prefix as _, PrefixMap};
use std::cmp::Reverse;

/// Up to here a list that is scanned beats a trie (measured: about 0.4 ns an entry against 15 to 30 ns).
const FEW: usize = 24;

/// A key as the scan wants it.
#[derive(Clone, Copy)]
struct Net<A> {
    addr: A,
    mask: A,
}

enum Shape<A: Addr> {
    /// Both lists side by side, in order of search: longest prefix first, then [`Route::rank`].
    Few { nets: Vec<Net<A>>, routes: Vec<Route<A>> },
    /// Routes of one prefix in order of [`Route::rank`]; never an empty list.
    Many(Box<PrefixMap<A::Net, Vec<Route<A>>>>),
}

/// Routes by longest prefix.
pub(super) struct Trie<A: Addr> {
    shape: Shape<A>,
    /// Number of routes.
    len: usize,
}

impl<A: Addr> Default for Trie<A> {
    fn default() -> Self {
        Trie { shape: Shape::Few { nets: Vec::new(), routes: Vec::new() }, len: 0 }
    }
}

impl<A: Addr> Trie<A> {
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
            Shape::Many(map) => lookup_many(map, key, linkstate),
        }
    }

    /// The routes to exactly `prefix`, in order.
    pub(super) fn aliases(&self, prefix: Prefix<A>) -> &[Route<A>] {
        match &self.shape {
            Shape::Few { routes, .. } => &routes[range(routes, prefix)],
            Shape::Many(map) => map.get(&prefix.into()).map_or(&[], Vec::as_slice),
        }
    }

    pub(super) fn aliases_mut(&mut self, prefix: Prefix<A>) -> &mut [Route<A>] {
        match &mut self.shape {
            Shape::Few { routes, .. } => {
                let range = range(routes, prefix);
                &mut routes[range]
            }
            Shape::Many(map) => map.get_mut(&prefix.into()).map_or(&mut [], Vec::as_mut_slice),
        }
    }

    /// Puts `route` before the one that is `at` among those of its prefix.
    pub(super) fn insert(&mut self, at: usize, route: Route<A>) {
        if matches!(&self.shape, Shape::Few { routes, .. } if routes.len() == FEW) {
            self.grow();
        }
        self.len += 1;
        match &mut self.shape {
            Shape::Few { nets, routes } => {
                let i = range(routes, route.prefix).start + at;
                let Prefix { addr, len } = route.prefix;
                nets.insert(i, Net { addr, mask: A::MAX.network(len) });
                routes.insert(i, route);
            }
            Shape::Many(map) => {
                if let Some(list) = map.get_mut(&route.prefix.into()) {
                    list.insert(at, route);
                } else {
                    map.insert(route.prefix.into(), vec![route]);
                }
            }
        }
    }

    fn grow(&mut self) {
        if let Shape::Few { routes, .. } = &mut self.shape {
            let mut map: PrefixMap<A::Net, Vec<Route<A>>> = PrefixMap::new();
            for r in std::mem::take(routes) {
                match map.get_mut(&r.prefix.into()) {
                    Some(list) => list.push(r),
                    None => drop(map.insert(r.prefix.into(), vec![r])),
                }
            }
            self.shape = Shape::Many(Box::new(map));
        }
    }

    /// Keeps the routes to `prefix` that `keep` wants; how many went.
    pub(super) fn retain(&mut self, prefix: Prefix<A>, mut keep: impl FnMut(&Route<A>) -> bool) -> usize {
        let gone = match &mut self.shape {
            Shape::Few { nets, routes } => {
                let range = range(routes, prefix);
                let before = routes.len();
                for i in range.rev() {
                    if !keep(&routes[i]) {
                        routes.remove(i);
                        nets.remove(i);
                    }
                }
                before - routes.len()
            }
            Shape::Many(map) => {
                let Some(list) = map.get_mut(&prefix.into()) else { return 0 };
                let before = list.len();
                list.retain(keep);
                let gone = before - list.len();
                if list.is_empty() {
                    map.remove(&prefix.into());
                }
                gone
            }
        };
        self.len -= gone;
        if self.len == 0 {
            *self = Trie::default();
        }
        gone
    }

    /// In the kernel's order of dumping: by address, of equal addresses the longest prefix first, then as searched.
    pub(super) fn dump(&self) -> Vec<&Route<A>> {
        let mut all: Vec<&Route<A>> = match &self.shape {
            Shape::Few { routes, .. } => routes.iter().collect(),
            Shape::Many(map) => map.values().flatten().collect(),
        };
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

fn lookup_many<'a, A: Addr>(map: &'a PrefixMap<A::Net, Vec<Route<A>>>, key: &Key<A>, linkstate: bool) -> Answer<'a, A> {
    let mut len = A::BITS;
    while let Some((net, list)) = map.get_lpm(&Prefix { addr: key.dst, len }.into()) {
        if let Some(answer) = list.iter().find_map(|r| r.answers(key, linkstate)) {
            return answer;
        }
        // All of them were skipped: on to the next shorter prefix.
        match net.prefix_len().checked_sub(1) {
            Some(shorter) => len = shorter,
            None => break,
        }
    }
    Answer::Again
}
