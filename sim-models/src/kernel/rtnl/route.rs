//! `RTM_NEWROUTE`, `RTM_DELROUTE` (net/ipv4/fib_frontend.c, fib_semantics.c, iproute2's iproute.c).
use super::{Cx, Errno, How, Kernel, NsId, RouteSpec, RouteType, RtProto, RtnlError};
use crate::kernel::{
    DevId,
    fib::{
        Match,
        semantics::{MAX_MTU, fib_create_info, invalid, scope_of, table},
    },
};

/// iproute2 knows no such device.
pub(crate) fn no_device(name: &str) -> RtnlError {
    RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{name}\""))
}

/// The device that a request names.
fn device(k: &Kernel, ns: NsId, r: &RouteSpec) -> Result<Option<DevId>, RtnlError> {
    match &r.dev {
        Some(name) => k.dev_by_name(ns, name).map(Some).ok_or_else(|| no_device(name)),
        None => Ok(None),
    }
}

/// `rtm_to_fib_config`: what is wrong whatever the tables hold.
fn check(r: &RouteSpec) -> Result<(), RtnlError> {
    if r.tos & 3 != 0 {
        return Err(invalid("Invalid dsfield (tos): ECN bits must be 0"));
    }
    if r.dst.len > 32 {
        return Err(invalid("Invalid prefix length"));
    }
    if r.dst.network() != r.dst {
        return Err(invalid("Invalid prefix for given prefix length"));
    }
    Ok(())
}

pub(super) fn new_route(k: &mut Kernel, cx: &mut Cx, ns: NsId, r: &RouteSpec, how: How) -> Result<(), RtnlError> {
    let oif = device(k, ns, r)?;
    check(r)?;
    // From here on the table exists, even if the route is refused.
    k.net_mut(ns).v4.new_table(table(r));
    let route = fib_create_info(k, ns, r, oif, cx.origin)?;
    let v4 = &mut k.net_mut(ns).v4;
    v4.insert(route, how).map_err(RtnlError::new)?;
    v4.custom_local |= r.kind == RouteType::Local;
    Ok(())
}

/// Unspecified fields fit any route: `kind` unicast and `proto` boot count as unspecified, since they are what a
/// request has that names none.
pub(super) fn del_route(k: &mut Kernel, _cx: &mut Cx, ns: NsId, r: &RouteSpec) -> Result<(), RtnlError> {
    let dev = device(k, ns, r)?;
    check(r)?;
    let table = table(r);
    if !k.net(ns).v4.has_table(table) {
        return Err(RtnlError::msg(Errno::ESRCH, "FIB table does not exist"));
    }
    let mut legs = Vec::with_capacity(r.nexthops.len());
    for hop in &r.nexthops {
        let dev = match &hop.dev {
            Some(name) => Some(k.dev_by_name(ns, name).ok_or_else(|| no_device(name))?),
            None => None,
        };
        legs.push((hop.via, dev));
    }
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
        legs,
        ..Match::new(r.dst, table)
    };
    k.net_mut(ns).v4.delete(&wanted).map(drop).map_err(RtnlError::new)
}

#[cfg(test)]
mod tests;
