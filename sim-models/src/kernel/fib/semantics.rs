//! What the kernel makes of a request for a route, and when it refuses (net/ipv4/fib_semantics.c).

use super::{Key, Leg, Route};
use crate::kernel::{
    DevId, Errno, Kernel, NsId, RtnlError,
    addr::inet_select_addr,
    rtnl::{NextHop, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteSpec, RouteType, Scope, no_device},
    sysctl::ConfBits,
};

/// More than any packet has; what `mtu` is cut to, bytes (`ip_metrics_convert`).
pub(crate) const MAX_MTU: u32 = 65535 - 15;

/// EINVAL with a reason.
pub(crate) fn invalid(text: &str) -> RtnlError {
    RtnlError::msg(Errno::EINVAL, text)
}

/// The table that a request means.
pub(crate) fn table(r: &RouteSpec) -> u32 {
    match (r.table, r.kind) {
        (Some(0), _) => RT_TABLE_MAIN,
        (Some(t), _) => t,
        (None, RouteType::Local | RouteType::Broadcast | RouteType::Anycast) => RT_TABLE_LOCAL,
        (None, _) => RT_TABLE_MAIN,
    }
}

/// The scope that iproute2 gives the types that have one of their own (RT-14).
pub(crate) fn scope_of(kind: RouteType) -> Option<Scope> {
    match kind {
        RouteType::Local => Some(Scope::Host),
        RouteType::Broadcast | RouteType::Multicast | RouteType::Anycast => Some(Scope::Link),
        _ => None,
    }
}

/// `fib_create_info`: checks everything but the prefix, and finds the next hop. `oif`: the device that `r.dev` names;
/// `origin`: who asks.
///
/// # Errors
/// The kernel's own, with its texts.
pub(crate) fn fib_create_info(
    k: &Kernel,
    ns: NsId,
    r: &RouteSpec,
    oif: Option<DevId>,
    origin: u32,
) -> Result<Route<u32>, RtnlError> {
    let on_link = if r.via.is_none() && r.nexthops.is_empty() && r.kind == RouteType::Unicast {
        Scope::Link
    } else {
        Scope::Universe
    };
    let scope = r.scope.unwrap_or(scope_of(r.kind).unwrap_or(on_link));
    let needed = match r.kind {
        RouteType::Local => Scope::Host,
        RouteType::Broadcast | RouteType::Anycast => Scope::Link,
        _ => Scope::Universe,
    };
    if scope < needed {
        return Err(invalid("Invalid scope"));
    }
    let mut route = Route {
        prefix: r.dst,
        table: table(r),
        metric: r.metric,
        dev: DevId::NONE,
        gw: r.via.filter(|gw| *gw != 0),
        prefsrc: r.src.filter(|src| *src != 0),
        mtu: r.mtu.min(MAX_MTU),
        origin,
        kind: r.kind,
        tos: r.tos,
        scope,
        nh_scope: Scope::Nowhere,
        proto: r.proto,
        onlink: r.onlink,
        linkdown: false,
        ignore_linkdown: false,
        mtu_lock: r.mtu_lock,
        advmss: r.advmss,
        hoplimit: r.hoplimit,
        legs: None,
        id: 0,
    };
    if r.kind >= RouteType::Blackhole {
        if route.gw.is_some() || oif.is_some() || !r.nexthops.is_empty() {
            return Err(invalid("Gateway, device and multipath can not be specified for this route type"));
        }
        // Nothing is ever sent by it: its source is not looked at.
        return Ok(route);
    }
    match &r.nexthops[..] {
        [] => check_nexthop(k, ns, &mut route, oif)?,
        hops => several(k, ns, &mut route, hops, oif)?,
    }
    if route.prefsrc.is_some_and(|src| !valid_prefsrc(k, ns, &route, src)) {
        return Err(invalid("Invalid prefsrc address"));
    }
    Ok(route)
}

/// `fib_get_nhs`: several next hops, or one that is given in the same way.
fn several(
    k: &Kernel,
    ns: NsId,
    route: &mut Route<u32>,
    hops: &[NextHop],
    oif: Option<DevId>,
) -> Result<(), RtnlError> {
    let (gw, dev) = (hops[0].via, hops[0].dev.as_deref().and_then(|d| k.dev_by_name(ns, d)));
    if oif.is_some() && oif != dev {
        return Err(invalid("Nexthop device index does not match RTA_OIF"));
    }
    if route.gw.is_some() && route.gw != gw {
        return Err(invalid("Nexthop gateway does not match RTA_GATEWAY or RTA_VIA"));
    }
    if route.scope == Scope::Host && hops.len() > 1 {
        return Err(invalid("Route with host scope can not have multiple nexthops"));
    }
    let mut legs = Vec::with_capacity(hops.len());
    for hop in hops {
        let oif = match &hop.dev {
            Some(name) => Some(k.dev_by_name(ns, name).ok_or_else(|| no_device(name))?),
            None => None,
        };
        let mut one = Route { gw: hop.via.filter(|gw| *gw != 0), onlink: hop.onlink, legs: None, ..route.clone() };
        check_nexthop(k, ns, &mut one, oif)?;
        let scope = if one.nh_scope == Scope::Link { one.scope } else { one.scope.max(Scope::Link) };
        legs.push(Leg {
            gw: one.gw,
            dev: one.dev,
            nh_scope: one.nh_scope,
            weight: hop.weight,
            onlink: hop.onlink,
            saddr: inet_select_addr(k, ns, Some(one.dev), one.gw.unwrap_or(0), scope),
            dead: false,
            linkdown: one.linkdown,
            ignore_linkdown: one.ignore_linkdown,
            bound: -1,
        });
    }
    let first = legs[0];
    (route.gw, route.dev, route.nh_scope, route.onlink) = (first.gw, first.dev, first.nh_scope, first.onlink);
    (route.linkdown, route.ignore_linkdown) = (first.linkdown, first.ignore_linkdown);
    if legs.len() > 1 {
        route.linkdown = legs.iter().all(|l| l.linkdown);
        route.legs = Some(legs.into_boxed_slice());
        route.onlink = false;
    }
    Ok(())
}

/// Finds the device of the next hop and whether it can be used.
fn check_nexthop(k: &Kernel, ns: NsId, route: &mut Route<u32>, oif: Option<DevId>) -> Result<(), RtnlError> {
    if route.scope > Scope::Host {
        return Err(invalid("Invalid scope"));
    }
    if route.scope == Scope::Host {
        if route.gw.is_some() {
            return Err(invalid("Route with host scope can not have a gateway"));
        }
        route.dev = oif.ok_or(RtnlError::new(Errno::ENODEV))?;
    } else {
        match route.gw {
            Some(gw) if route.onlink => check_onlink(k, ns, route, gw, oif)?,
            Some(gw) => check_gw(k, ns, route, gw, oif)?,
            None => check_nongw(k, route, oif)?,
        }
        route.linkdown = !k.devs[route.dev].carrier;
    }
    route.ignore_linkdown = k.devs[route.dev].conf.has(ConfBits::IGNORE_LINKDOWN);
    Ok(())
}

/// `fib_check_nh_nongw` (RT-14).
fn check_nongw(k: &Kernel, route: &mut Route<u32>, oif: Option<DevId>) -> Result<(), RtnlError> {
    if route.onlink {
        return Err(invalid("Invalid flags for nexthop - PERVASIVE and ONLINK can not be set"));
    }
    let dev = oif.filter(|d| k.devs[*d].cold.in_device).ok_or(RtnlError::new(Errno::ENODEV))?;
    if !k.devs[dev].is_up() {
        return Err(RtnlError::msg(Errno::ENETDOWN, "Device for nexthop is not up"));
    }
    route.dev = dev;
    route.nh_scope = Scope::Host;
    Ok(())
}

/// The part of `fib_check_nh_v4_gw` for `onlink` (RT-13).
fn check_onlink(k: &Kernel, ns: NsId, route: &mut Route<u32>, gw: u32, oif: Option<DevId>) -> Result<(), RtnlError> {
    if route.scope >= Scope::Link {
        return Err(invalid("Nexthop has invalid scope"));
    }
    let dev = oif.ok_or_else(|| RtnlError::msg(Errno::ENODEV, "Nexthop device required for onlink"))?;
    if !k.devs[dev].is_up() {
        return Err(RtnlError::msg(Errno::ENETDOWN, "Nexthop device is not up"));
    }
    if k.net(ns).v4.addr_type(gw) != RouteType::Unicast {
        return Err(invalid("Nexthop has invalid gateway"));
    }
    route.dev = dev;
    route.nh_scope = Scope::Link;
    Ok(())
}

/// `fib_check_nh_v4_gw`: the gateway must be reachable without another gateway (RT-12).
fn check_gw(k: &Kernel, ns: NsId, route: &mut Route<u32>, gw: u32, oif: Option<DevId>) -> Result<(), RtnlError> {
    // A nearer scope than the route's own, at least link.
    let scope = if route.scope < Scope::Link { Scope::Link } else { Scope::Host };
    let key = Key { oif, scope, ..Key::to(gw) };
    let bad = |errno| RtnlError::msg(errno, "Nexthop has invalid gateway");
    let hit = k.net(ns).v4.lookup_gw(route.table, &key).map_err(bad)?;
    if !matches!(hit.kind, RouteType::Unicast | RouteType::Local) {
        return Err(bad(Errno::EINVAL));
    }
    if !k.devs[hit.dev].is_up() {
        return Err(RtnlError::new(Errno::ENETDOWN));
    }
    route.dev = hit.dev;
    route.nh_scope = hit.scope;
    Ok(())
}

/// `fib_valid_prefsrc`: one of our addresses, or the one that the route itself makes ours.
fn valid_prefsrc(k: &Kernel, ns: NsId, route: &Route<u32>, src: u32) -> bool {
    if route.kind == RouteType::Local && route.prefix.addr != 0 && src == route.prefix.addr {
        return true;
    }
    let v4 = &k.net(ns).v4;
    let own = if route.table == RT_TABLE_MAIN { RT_TABLE_LOCAL } else { route.table };
    v4.addr_type_in(own, src) == RouteType::Local || v4.addr_type(src) == RouteType::Local
}
