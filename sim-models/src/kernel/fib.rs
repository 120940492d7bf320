//! Routing tables. (contract; to be written)

use super::{
    DevId, Errno,
    rtnl::{RouteType, Scope},
};
use crate::packet::{Addr, Prefix};

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

/// The answer.
#[derive(Clone, Copy, Debug)]
pub struct Hit<A> {
    pub kind: RouteType,
    pub table: u32,
    /// The prefix that matched.
    pub prefix: Prefix<A>,
    pub scope: Scope,
    pub prefsrc: Option<A>,
    pub gw: Option<A>,
    pub dev: DevId,
    /// Scope of the next hop: what source selection may use (RT-23).
    pub nh_scope: Scope,
    /// `mtu` of the route, bytes; 0: the device's.
    pub mtu: u32,
    pub metric: u32,
    /// The request that made the route (for the walk).
    pub origin: u32,
}

/// A namespace's tables and rules for one family.
pub struct Tables<A: Addr> {
    /// Bumped by every change: whoever keeps an answer compares it.
    pub genid: u32,
    _a: std::marker::PhantomData<A>,
}

impl<A: Addr> Default for Tables<A> {
    fn default() -> Self {
        Tables { genid: 0, _a: std::marker::PhantomData }
    }
}

impl<A: Addr> Tables<A> {
    /// `fib_lookup`: rules (if any were ever added), tables, longest prefix, tos, metric, scope.
    ///
    /// # Errors
    /// ENETUNREACH no route; EINVAL blackhole, EHOSTUNREACH unreachable, EACCES prohibit (RT-6).
    pub fn lookup(&self, _key: &Key<A>) -> Result<Hit<A>, Errno> {
        unimplemented!()
    }
    /// `inet_addr_type`: what the local table says of an address; unicast if it has no entry.
    pub fn addr_type(&self, _addr: A) -> RouteType {
        unimplemented!()
    }
}
