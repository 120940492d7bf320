//! One route, and what a table search says of it.

use super::{Hit, Key, multipath::Leg};
use crate::{
    kernel::{
        DevId, Errno,
        rtnl::{RouteType, RtProto, Scope},
    },
    packet::{Addr, Prefix},
};

/// The bits of a tos field that routes are chosen by (`INET_DSCP_LEGACY_TOS_MASK`, RT-30).
pub(super) const TOS_MASK: u8 = 0x1c;

/// One route: `struct fib_alias` and its `fib_info`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route<A> {
    /// Host bits cleared.
    pub prefix: Prefix<A>,
    pub table: u32,
    /// `fib_priority`: the smaller is preferred.
    pub metric: u32,
    /// [`DevId::NONE`] for the types that are errors.
    pub dev: DevId,
    /// A gateway proper only if [`Route::nh_scope`] is link (RT-12).
    pub gw: Option<A>,
    pub prefsrc: Option<A>,
    /// Bytes; 0: none.
    pub mtu: u32,
    /// Which route it is: never given twice in a namespace. Set when it is inserted.
    pub id: u32,
    /// The request that made it.
    pub origin: u32,
    pub kind: RouteType,
    pub tos: u8,
    pub scope: Scope,
    /// `nhc_scope`: nowhere for routes to own addresses, host for what is on the link, link for gateways.
    pub nh_scope: Scope,
    pub proto: RtProto,
    pub onlink: bool,
    /// `RTNH_F_LINKDOWN`: the device has lost its carrier (RT-16).
    pub linkdown: bool,
    /// The device has `ignore_routes_with_linkdown`.
    pub ignore_linkdown: bool,
    /// `mtu lock`: nobody learns another one.
    pub mtu_lock: bool,
    /// `advmss`, `hoplimit`: 0 none.
    pub advmss: u32,
    pub hoplimit: u8,
    /// Several next hops; the fields above then are those of the first.
    pub legs: Option<Box<[Leg<A>]>>,
}

/// What one route, or one table, answers.
pub(super) enum Answer<'a, A> {
    Route(&'a Route<A>),
    Error(Errno),
    /// `-EAGAIN`: nothing here, ask the next table.
    Again,
}

/// `fib_props[].error`: what a type answers instead of a next hop (RT-6).
pub(super) fn error_of<'a, A>(kind: RouteType) -> Option<Answer<'a, A>> {
    match kind {
        RouteType::Blackhole => Some(Answer::Error(Errno::EINVAL)),
        RouteType::Unreachable => Some(Answer::Error(Errno::EHOSTUNREACH)),
        RouteType::Prohibit => Some(Answer::Error(Errno::EACCES)),
        RouteType::Throw => Some(Answer::Again),
        _ => None,
    }
}

impl<A: Addr> Route<A> {
    /// The gateway, if the next hop is one: an own address given as gateway stands for its device (RT-12).
    #[inline]
    pub fn gateway(&self) -> Option<A> {
        if self.nh_scope == Scope::Link { self.gw } else { None }
    }

    /// Whether the route serves `key`, `None`: it is skipped and the search goes on (RT-9). `linkstate`: a next hop
    /// without carrier may be skipped; gateway checks don't want that (`FIB_LOOKUP_IGNORE_LINKSTATE`).
    #[inline]
    pub(super) fn answers(&self, key: &Key<A>, linkstate: bool) -> Option<Answer<'_, A>> {
        if (self.tos != 0 && self.tos != key.tos & TOS_MASK) || self.scope < key.scope {
            return None;
        }
        if self.kind >= RouteType::Blackhole {
            return error_of(self.kind);
        }
        if let Some(legs) = &self.legs {
            return legs.iter().any(|l| l.good(key.oif, linkstate)).then_some(Answer::Route(self));
        }
        if self.linkdown && self.ignore_linkdown && linkstate {
            return None;
        }
        match key.oif {
            Some(oif) if oif != self.dev => None,
            _ => Some(Answer::Route(self)),
        }
    }

    /// Order among the routes of one prefix (RT-7): the larger table, the larger tos, the smaller metric first.
    pub(super) fn rank(&self) -> (u32, u8, u32) {
        (u32::MAX - self.table, u8::MAX - self.tos, self.metric)
    }

    /// The same type and `fib_info`: what the kernel refuses to hold twice. State of the link does not count.
    pub(super) fn same(&self, other: &Self) -> bool {
        let plain =
            |r: &Self| Route { origin: 0, id: 0, linkdown: false, ignore_linkdown: false, legs: None, ..r.clone() };
        let legs = match (&self.legs, &other.legs) {
            (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (a, b) => a.is_none() && b.is_none(),
        };
        legs && plain(self) == plain(other)
    }

    /// The devices of its next hops.
    pub(super) fn devs(&self) -> impl Iterator<Item = DevId> {
        let legs = self.legs.iter().flatten().map(|l| l.dev);
        std::iter::once(self.dev).filter(|_| self.legs.is_none()).chain(legs)
    }

    /// Is one of its next hops by `dev`? `fib_info_nh_uses_dev`
    #[inline]
    pub fn uses(&self, dev: DevId) -> bool {
        match &self.legs {
            None => self.dev == dev,
            Some(legs) => legs.iter().any(|l| l.dev == dev),
        }
    }

    /// [`Route::hit`] by the first next hop that serves `key`.
    #[inline]
    pub fn hit_for(&self, key: &Key<A>) -> Hit<A> {
        let mut hit = self.hit();
        if let Some(legs) = &self.legs
            && let Some((i, leg)) = legs.iter().enumerate().find(|(_, l)| l.good(key.oif, true))
        {
            hit.take(i, leg);
        }
        hit
    }

    /// The answer that [`super::Tables::lookup`] gives.
    pub fn hit(&self) -> Hit<A> {
        Hit {
            kind: self.kind,
            table: self.table,
            prefix: self.prefix,
            scope: self.scope,
            prefsrc: self.prefsrc,
            gw: self.gw,
            dev: self.dev,
            nh_scope: self.nh_scope,
            mtu: self.mtu,
            mtu_lock: self.mtu_lock,
            advmss: self.advmss,
            hoplimit: self.hoplimit,
            tos: self.tos,
            id: self.id,
            leg: 0,
            legs: self.legs.as_ref().map_or(0, |l| l.len() as u8),
            metric: self.metric,
            origin: self.origin,
        }
    }
}

/// Which route to delete (`fib_table_delete`): `None` fits any.
#[derive(Clone, Debug)]
pub struct Match<A> {
    pub prefix: Prefix<A>,
    pub table: u32,
    /// Exactly this one; 0 is a value, too.
    pub tos: u8,
    /// 0: any.
    pub metric: u32,
    pub kind: Option<RouteType>,
    pub scope: Option<Scope>,
    pub proto: Option<RtProto>,
    pub prefsrc: Option<A>,
    pub gw: Option<A>,
    pub dev: Option<DevId>,
    /// Bytes; 0: any.
    pub mtu: u32,
    /// The next hops: gateway and device of each, those left out fit any; empty: any.
    pub legs: Vec<(Option<A>, Option<DevId>)>,
}

impl<A: Addr> Match<A> {
    pub fn new(prefix: Prefix<A>, table: u32) -> Self {
        Match {
            prefix,
            table,
            tos: 0,
            metric: 0,
            kind: None,
            scope: None,
            proto: None,
            prefsrc: None,
            gw: None,
            dev: None,
            mtu: 0,
            legs: Vec::new(),
        }
    }

    pub(super) fn fits(&self, r: &Route<A>) -> bool {
        r.table == self.table
            && r.tos == self.tos
            && (self.metric == 0 || self.metric == r.metric)
            && self.kind.is_none_or(|k| k == r.kind)
            && self.scope.is_none_or(|s| s == r.scope)
            && self.proto.is_none_or(|p| p == r.proto)
            && self.prefsrc.is_none_or(|p| r.prefsrc == Some(p))
            && self.gw.is_none_or(|g| r.gw == Some(g))
            && self.dev.is_none_or(|d| d == r.dev)
            && (self.mtu == 0 || self.mtu == r.mtu)
            && (self.legs.is_empty() || self.legs_fit(r))
    }

    /// `fib_nh_match`: all next hops in their order.
    fn legs_fit(&self, r: &Route<A>) -> bool {
        let one = [(r.gw, r.dev)];
        let legs: Vec<(Option<A>, DevId)> = match &r.legs {
            Some(legs) => legs.iter().map(|l| (l.gw, l.dev)).collect(),
            None => one.to_vec(),
        };
        let fits = |w: &(Option<A>, Option<DevId>), l: &(Option<A>, DevId)| {
            w.0.is_none_or(|g| l.0 == Some(g)) && w.1.is_none_or(|d| d == l.1)
        };
        self.legs.len() <= legs.len() && self.legs.iter().zip(&legs).all(|(w, l)| fits(w, l))
    }
}
