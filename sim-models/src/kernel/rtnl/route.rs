//! `RTM_NEWROUTE`, `RTM_DELROUTE` (net/ipv4/fib_frontend.c, fib_semantics.c, iproute2's iproute.c).
use super::{
    Cx, Errno, How, Kernel, NsId, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteSpec, RouteType, RtProto, RtnlError, Scope,
};
use crate::kernel::{
    DevId,
    fib::{Key, Match, Route},
    sysctl::ConfBits,
};

/// More than any packet has; what `mtu` is cut to, bytes (`ip_metrics_convert`).
const MAX_MTU: u32 = 65535 - 15;

/// EINVAL with a reason.
fn invalid(text: &str) -> RtnlError {
    RtnlError::msg(Errno::EINVAL, text)
}

/// iproute2 knows no such device.
pub(super) fn no_device(name: &str) -> RtnlError {
    RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{name}\""))
}

/// The table that a request means.
fn table(r: &RouteSpec) -> u32 {
    match (r.table, r.kind) {
        (Some(0), _) => RT_TABLE_MAIN,
        (Some(t), _) => t,
        (None, RouteType::Local | RouteType::Broadcast | RouteType::Anycast) => RT_TABLE_LOCAL,
        (None, _) => RT_TABLE_MAIN,
    }
}

/// The scope that iproute2 gives the types that have one of their own (RT-14).
fn scope_of(kind: RouteType) -> Option<Scope> {
    match kind {
        RouteType::Local => Some(Scope::Host),
        RouteType::Broadcast | RouteType::Multicast | RouteType::Anycast => Some(Scope::Link),
        _ => None,
    }
}

/// The device that a request names.
fn device(k: &Kernel, ns: NsId, r: &RouteSpec) -> Result<Option<DevId>, RtnlError> {
    match &r.dev {
        Some(name) => k.dev_by_name(ns, name).map(Some).ok_or_else(|| no_device(name)),
        None => Ok(None),
    }
}

/// `fib_valid_key_len`.
fn check_prefix(r: &RouteSpec) -> Result<(), RtnlError> {
    if r.dst.len > 32 {
        return Err(invalid("Invalid prefix length"));
    }
    if r.dst.network() != r.dst {
        return Err(invalid("Invalid prefix for given prefix length"));
    }
    Ok(())
}

fn check_tos(r: &RouteSpec) -> Result<(), RtnlError> {
    if r.tos & 3 == 0 { Ok(()) } else { Err(invalid("Invalid dsfield (tos): ECN bits must be 0")) }
}

pub(super) fn new_route(k: &mut Kernel, cx: &mut Cx, ns: NsId, r: &RouteSpec, how: How) -> Result<(), RtnlError> {
    let oif = device(k, ns, r)?;
    check_tos(r)?;
    // The table comes into being even if the route is refused.
    k.net_mut(ns).v4.new_table(table(r));
    check_prefix(r)?;
    let route = fib_create_info(k, cx, ns, r, oif)?;
    k.net_mut(ns).v4.insert(route, how).map_err(RtnlError::new)
}

/// `fib_create_info`: the checks of everything but the prefix.
fn fib_create_info(k: &Kernel, cx: &Cx, ns: NsId, r: &RouteSpec, oif: Option<DevId>) -> Result<Route<u32>, RtnlError> {
    let on_link = if r.via.is_none() && r.kind == RouteType::Unicast { Scope::Link } else { Scope::Universe };
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
        origin: cx.origin,
        kind: r.kind,
        tos: r.tos,
        scope,
        nh_scope: Scope::Nowhere,
        proto: r.proto,
        onlink: r.onlink,
        linkdown: false,
        ignore_linkdown: false,
    };
    if r.kind >= RouteType::Blackhole {
        if route.gw.is_some() || oif.is_some() {
            return Err(invalid("Gateway, device and multipath can not be specified for this route type"));
        }
    } else {
        check_nexthop(k, ns, &mut route, oif)?;
    }
    if route.prefsrc.is_some_and(|src| !valid_prefsrc(k, ns, &route, src)) {
        return Err(invalid("Invalid prefsrc address"));
    }
    Ok(route)
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
    if k.net(ns).v4.addr_type_on(dev, gw) != RouteType::Unicast {
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
    v4.addr_type_in(None, src, own) == RouteType::Local || v4.addr_type(src) == RouteType::Local
}

/// Unspecified fields fit any route: `kind` unicast and `proto` boot count as unspecified, since they are what a
/// request has that names none.
pub(super) fn del_route(k: &mut Kernel, _cx: &mut Cx, ns: NsId, r: &RouteSpec) -> Result<(), RtnlError> {
    let dev = device(k, ns, r)?;
    check_tos(r)?;
    let table = table(r);
    if !k.net(ns).v4.has_table(table) {
        return Err(RtnlError::msg(Errno::ESRCH, "FIB table does not exist"));
    }
    check_prefix(r)?;
    let wanted = Match {
        tos: r.tos,
        metric: r.metric,
        kind: Some(r.kind).filter(|kind| *kind != RouteType::Unicast),
        scope: r.scope.or(scope_of(r.kind)),
        proto: Some(r.proto).filter(|p| !matches!(p, RtProto::Unspec | RtProto::Boot)),
        prefsrc: r.src.filter(|src| *src != 0),
        gw: r.via.filter(|gw| *gw != 0),
        dev,
        mtu: r.mtu.min(MAX_MTU),
        ..Match::new(r.dst, table)
    };
    k.net_mut(ns).v4.delete(&wanted).map(drop).map_err(RtnlError::new)
}
