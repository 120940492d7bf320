//! The routes that an address brings along (net/ipv4/fib_frontend.c, `fib_magic`).

use super::Ifa;
use crate::{
    kernel::{
        DevId, Kernel,
        fib::{Match, semantics::fib_create_info},
        rtnl::{How, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteSpec, RouteType, RtProto, Scope},
    },
    packet::{Prefix, addr},
};

/// The table that a type of route lives in by itself.
fn home(kind: RouteType) -> u32 {
    if kind == RouteType::Unicast { RT_TABLE_MAIN } else { RT_TABLE_LOCAL }
}

/// Scope of a route that an address makes.
fn scope(kind: RouteType) -> Scope {
    if kind == RouteType::Local { Scope::Host } else { Scope::Link }
}

/// `fib_magic(RTM_NEWROUTE)`: `prim` is the address that packets by this route are sent from.
fn add(k: &mut Kernel, dev: DevId, kind: RouteType, dst: Prefix<u32>, prim: &Ifa, origin: u32) {
    let spec = RouteSpec {
        kind,
        src: Some(prim.local),
        scope: Some(scope(kind)),
        proto: RtProto::Kernel,
        ..RouteSpec::to(dst)
    };
    let ns = k.devs[dev].ns;
    k.net_mut(ns).v4.new_table(home(kind));
    // A refusal is nobody's mistake: the route may exist, or the source be another device's broadcast address.
    if let Ok(route) = fib_create_info(k, ns, &spec, Some(dev), origin) {
        let _ = k.net_mut(ns).v4.insert(route, How::Append);
    }
}

/// `fib_magic(RTM_DELROUTE)`.
fn del(k: &mut Kernel, dev: DevId, kind: RouteType, dst: Prefix<u32>, prim: &Ifa) {
    let wanted = Match {
        kind: Some(kind),
        scope: Some(scope(kind)),
        proto: Some(RtProto::Kernel),
        prefsrc: Some(prim.local),
        dev: Some(dev),
        ..Match::new(dst, home(kind))
    };
    // ESRCH is no mistake: another address's end, or the device's, has taken it along.
    let _ = k.net_of(dev).v4.delete(&wanted);
}

fn host(a: u32) -> Prefix<u32> {
    Prefix::new(a, 32)
}

/// Whether the address makes routes to its subnet.
fn has_subnet(ifa: &Ifa) -> bool {
    !addr::is_zeronet(ifa.network()) && (ifa.network() != ifa.local || ifa.len < 32)
}

/// The type of the route to the subnet: all of it is local on `lo`.
fn subnet_kind(k: &Kernel, dev: DevId) -> RouteType {
    if k.devs[dev].is_loopback() { RouteType::Local } else { RouteType::Unicast }
}

/// `fib_add_ifaddr`: the routes of an address; of a device that is down only the one to the address itself
/// (ADDR-1 to 4).
pub(super) fn fib_add_ifaddr(k: &mut Kernel, dev: DevId, ifa: &Ifa) {
    let prim = if ifa.secondary {
        // A secondary address without its primary would be a mistake in the list.
        let Some(prim) = k.net_of(dev).addrs.primary(dev, ifa) else { return };
        prim
    } else {
        *ifa
    };
    add(k, dev, RouteType::Local, host(ifa.local), &prim, ifa.origin);
    if !k.devs[dev].is_up() {
        return;
    }
    if let Some(brd) = ifa.broadcast.filter(|b| !addr::is_lbcast(*b)) {
        add(k, dev, RouteType::Broadcast, host(brd), &prim, ifa.origin);
    }
    if has_subnet(ifa) && !ifa.secondary {
        if !ifa.noprefixroute {
            let kind = subnet_kind(k, dev);
            add(k, dev, kind, Prefix::new(ifa.network(), ifa.len), &prim, ifa.origin);
        }
        if ifa.len < 31 {
            add(k, dev, RouteType::Broadcast, host(ifa.last()), &prim, ifa.origin);
        }
    }
}

/// Which routes of a deleted address another one on the device still needs.
#[derive(Default)]
struct Needed {
    local: bool,
    /// The explicit broadcast address; the last address of the subnet; its first.
    broadcast: bool,
    last: bool,
    first: bool,
    /// The address is still in the list: it is about to be promoted.
    kept: bool,
}

/// `fib_del_ifaddr`: deletes the routes of an address, except those that others still need. `iprim`: the primary
/// address that goes, while its secondaries change over to the next one. `dead`: the device goes away with all
/// addresses, nobody needs anything.
pub(super) fn fib_del_ifaddr(k: &mut Kernel, dev: DevId, ifa: &Ifa, iprim: Option<&Ifa>, dead: bool) {
    let mut subnet = false;
    let mut prim = *ifa;
    if ifa.secondary {
        match k.net_of(dev).addrs.primary(dev, ifa) {
            Some(p) => prim = p,
            None => return,
        }
    } else if has_subnet(ifa) {
        if !ifa.noprefixroute {
            let kind = subnet_kind(k, dev);
            del(k, dev, kind, Prefix::new(ifa.network(), ifa.len), &prim);
        }
        subnet = true;
    }
    let ok = if dead { Needed::default() } else { needed(k, dev, ifa, iprim, &prim) };
    if let Some(brd) = ifa.broadcast.filter(|_| !ok.broadcast) {
        del(k, dev, RouteType::Broadcast, host(brd), &prim);
    }
    if subnet && ifa.len < 31 {
        if !ok.last {
            del(k, dev, RouteType::Broadcast, host(ifa.last()), &prim);
        }
        if !ok.first {
            del(k, dev, RouteType::Broadcast, host(ifa.network()), &prim);
        }
    }
    if !ok.local {
        del(k, dev, RouteType::Local, host(ifa.local), &prim);
        let v4 = &mut k.net_of(dev).v4;
        if !ok.kept && v4.addr_type(ifa.local) != RouteType::Local {
            v4.flush_prefsrc(ifa.local);
        }
    }
}

/// Looks through the addresses that are left for those that make the same routes with the same source.
fn needed(k: &mut Kernel, dev: DevId, ifa: &Ifa, iprim: Option<&Ifa>, prim: &Ifa) -> Needed {
    let mut ok = Needed::default();
    let mut shares_source = false;
    let mut prim1: Option<Ifa> = None;
    let addrs = &k.net_of(dev).addrs;
    for other in addrs.on(dev) {
        if other == ifa {
            ok.kept = true;
            continue;
        }
        if iprim.is_some_and(|p| p.same_subnet(other)) {
            continue;
        }
        if other.secondary {
            if prim.same_subnet(other) {
                prim1 = Some(*prim);
            } else {
                // The secondaries come last: it is known by now whether another primary has the same address.
                if !shares_source {
                    continue;
                }
                if !prim1.is_some_and(|p| p.same_subnet(other)) {
                    prim1 = addrs.primary(dev, other);
                }
                if prim1.is_none_or(|p| p.local != prim.local) {
                    continue;
                }
            }
        } else {
            if prim.local != other.local {
                continue;
            }
            prim1 = Some(*other);
            shares_source |= prim != other;
        }
        ok.local |= ifa.local == other.local;
        ok.broadcast |= ifa.broadcast == other.broadcast;
        ok.last |= other.broadcast == Some(ifa.last());
        ok.first |= other.broadcast == Some(ifa.network());
        if prim1.as_ref() == Some(other) && other.len < 31 && !addr::is_zeronet(other.network()) {
            let ends = [other.last(), other.network()];
            ok.broadcast |= ends.contains(&ifa.broadcast.unwrap_or(0));
            ok.last |= ends.contains(&ifa.last());
            ok.first |= ends.contains(&ifa.network());
        }
    }
    ok
}
