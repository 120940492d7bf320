//! The decision about a packet that is sent from here (`ip_route_output`).

use super::{Dst, DstKind};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NetNs, NsId, SkBuff, addr,
    fib::{
        Hit, Key, Leg,
        multipath::{self, FlowKeys},
    },
    neigh,
    netdevice::IFF_LOOPBACK,
    rtnl::{RouteType, Scope},
    sock::SockId,
    sysctl::ConfBits,
};
use crate::packet::{
    Ip4Addr,
    addr::{is_lbcast, is_loopback, is_multicast},
};

/// What a sender asks: `struct flowi4` on output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    pub dst: u32,
    /// 0: to be chosen.
    pub src: u32,
    /// The device that the socket is bound to.
    pub oif: Option<DevId>,
    pub tos: u8,
    pub mark: u32,
    /// Only on-link destinations (`SO_DONTROUTE`): [`Scope::Link`].
    pub scope: Scope,
    /// IP protocol and ports, 0 where there are none: rules may ask for them.
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
}

impl Flow {
    pub fn to(dst: u32) -> Flow {
        Flow { dst, src: 0, oif: None, tos: 0, mark: 0, scope: Scope::Universe, proto: 0, sport: 0, dport: 0 }
    }
}

/// An output route: the decision and the source address to use.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    pub dst: Dst,
    pub src: u32,
    /// The destination, which an unset one turns into.
    pub to: u32,
    /// What matched, for the walk; `None` where no table was asked.
    pub hit: Option<Hit<u32>>,
}

impl Route {
    /// The TTL of packets by it: `hoplimit`, or the namespace's own (IP-29).
    pub fn ttl(&self, default: u8) -> u8 {
        self.hit.map(|h| h.hoplimit).filter(|ttl| *ttl != 0).unwrap_or(default)
    }
}

/// As much of a [`Route`] as each packet of a socket needs.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub dst: Dst,
    pub src: u32,
    pub to: u32,
    /// 0: the namespace's own.
    pub hoplimit: u8,
}

/// The way that a socket's last packet took: it holds until something is configured (RT-28).
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    flow: Flow,
    generation: u32,
    way: Way,
}

/// [`ip_route_output`] for a socket that sends again and again.
///
/// # Errors
/// As [`ip_route_output`].
#[inline]
pub(in crate::kernel) fn ip_route_output_sock(
    k: &mut Kernel,
    cx: &mut Cx,
    id: SockId,
    ns: NsId,
    fl: &Flow,
) -> Result<Way, Errno> {
    let generation = k.generation;
    if let Some(r) = k.sockets.get(id).and_then(|s| s.route.as_ref())
        && r.generation == generation
        && r.flow == *fl
    {
        return Ok(r.way);
    }
    output_anew(k, cx, id, ns, fl)
}

#[cold]
fn output_anew(k: &mut Kernel, cx: &mut Cx, id: SockId, ns: NsId, fl: &Flow) -> Result<Way, Errno> {
    let Route { dst, src, to, hit } = ip_route_output(k, ns, fl, cx.jiffies())?;
    let way = Way { dst, src, to, hoplimit: hit.map_or(0, |h| h.hoplimit) };
    // What was learned ends with time.
    let generation = k.generation;
    if k.net(ns).exceptions.is_empty()
        && let Some(s) = k.sockets.get_mut(id)
    {
        s.route = Some(Box::new(Remembered { flow: *fl, generation, way }));
    }
    Ok(way)
}

/// What the walk says of the way that a socket's packet takes.
#[inline]
pub(in crate::kernel) fn tell_output(k: &Kernel, cx: &mut Cx, skb: &SkBuff, ns: NsId, fl: &Flow, src: u32) {
    if skb.meta.traced
        && let Ok(Route { hit: Some(hit), .. }) = ip_route_output(k, ns, fl, cx.jiffies())
    {
        cx.asked(skb, hit.origin, || format!("? {} src {}", super::route_text(k, &hit), Ip4Addr(src)));
    }
}

/// `ip_route_output_key_hash_rcu` (RT-10, 23 to 26). `now`: ticks; what was learned about the destination may be over.
///
/// # Errors
/// The errno that the sender's system call gives.
pub fn ip_route_output(k: &Kernel, ns: NsId, fl: &Flow, now: u64) -> Result<Route, Errno> {
    let net = k.net(ns);
    let group = is_multicast(fl.dst) || is_lbcast(fl.dst);
    let mut oif = fl.oif;
    if fl.src != 0 {
        if is_multicast(fl.src) || is_lbcast(fl.src) {
            return Err(Errno::EINVAL);
        }
        if oif.is_none() && group {
            let dev = net.devs.iter().copied().find(|d| net.addrs.on(*d).iter().any(|a| a.local == fl.src));
            let dev = dev.ok_or(Errno::ENETUNREACH)?;
            return make_route(k, fl, fl.src, fl.dst, dev, fl.dst, RouteType::Unicast, None);
        }
        if !net.addrs.has(fl.src) && net.v4.addr_type(fl.src) != RouteType::Local {
            return Err(Errno::ENETUNREACH);
        }
    }
    let mut src = fl.src;
    if let Some(dev) = oif {
        let d = k.devs.get(dev).ok_or(Errno::ENODEV)?;
        if !d.is_up() || !d.conf.has(ConfBits::IN_DEVICE) {
            return Err(Errno::ENETUNREACH);
        }
        if is_lbcast(fl.dst) || fl.dst >> 8 == 0x00e0_0000 {
            if src == 0 {
                src = addr::inet_select_addr(k, ns, Some(dev), 0, Scope::Link);
            }
            return make_route(k, fl, src, fl.dst, dev, fl.dst, RouteType::Unicast, None);
        }
    }
    if fl.dst == 0 {
        let to = if src == 0 { 0x7f00_0001 } else { src };
        return make_route(k, fl, to, to, net.devs[0], to, RouteType::Local, None);
    }
    let Flow { mark, tos, scope, proto, sport, dport, .. } = *fl;
    let key = Key { src, oif, mark, tos, scope, proto, sport, dport, ..Key::to(fl.dst) };
    let (hit, legs) = match net.v4.find(&key) {
        Ok(r) => (r.hit_for(&key), r.legs.as_deref()),
        Err(e) => {
            // RT-10: bound to a device without a matching route: on-link by that device.
            let dev = oif.take().ok_or(e)?;
            if src == 0 {
                src = addr::inet_select_addr(k, ns, Some(dev), 0, Scope::Link);
            }
            return make_route(k, fl, src, fl.dst, dev, fl.dst, RouteType::Unicast, None);
        }
    };
    if hit.kind == RouteType::Local {
        if src == 0 {
            src = hit.prefsrc.unwrap_or(fl.dst);
        }
        return make_route(k, fl, src, fl.dst, net.devs[0], fl.dst, RouteType::Local, Some(hit));
    }
    let mut hit = hit;
    if let (Some(legs), None) = (legs, fl.oif) {
        select_leg(k, ns, &mut hit, legs, output_keys(net, fl, src), src);
    }
    if src == 0 {
        src = addr::fib_result_prefsrc(k, ns, &hit);
    }
    // A group is nobody's to forward unless a route is for groups.
    let to_group = is_lbcast(fl.dst) || (is_multicast(fl.dst) && hit.prefix.len < 4);
    let nexthop = if to_group { fl.dst } else { hit.nexthop(fl.dst) };
    let mut route = make_route(k, fl, src, fl.dst, hit.dev, nexthop, hit.kind, Some(hit))?;
    if let Some(e) = net.exceptions.find(&hit, fl.dst, now) {
        route.dst.learned(e, true);
    }
    Ok(route)
}

/// What `fib_multipath_hash_policy` looks at in a packet that is sent from here (RT-18, 20).
fn output_keys(net: &NetNs, fl: &Flow, src: u32) -> FlowKeys {
    let whole = FlowKeys { src, dst: fl.dst, ..FlowKeys::default() };
    match net.conf.fib_multipath_hash_policy {
        0 | 2 => whole,
        _ => FlowKeys { proto: fl.proto, sport: fl.sport, dport: fl.dport, ..whole },
    }
}

/// `fib_select_path` for a route with several next hops. `src`: the source address if it is chosen already.
#[cold]
pub(super) fn select_leg(k: &Kernel, ns: NsId, hit: &mut Hit<u32>, legs: &[Leg<u32>], mut keys: FlowKeys, src: u32) {
    let conf = &k.net(ns).conf;
    if conf.fib_multipath_hash_policy == 3 {
        keys.only(conf.fib_multipath_hash_fields);
    }
    let hash = keys.hash(conf.fib_multipath_hash_seed);
    let use_neigh = conf.fib_multipath_use_neigh != 0;
    let good = |l: &Leg<u32>| {
        !use_neigh || l.nh_scope != Scope::Link || l.gw.is_none_or(|gw| neigh::may_be_there(k, l.dev, gw))
    };
    if let Some(i) = multipath::select(legs, hash, src, good) {
        hit.take(i, &legs[i]);
    }
}

/// `__mkroute_output`
#[allow(clippy::too_many_arguments, reason = "what was found, spelled out")]
fn make_route(
    k: &Kernel,
    fl: &Flow,
    src: u32,
    to: u32,
    dev: DevId,
    nexthop: u32,
    kind: RouteType,
    hit: Option<Hit<u32>>,
) -> Result<Route, Errno> {
    let d = &k.devs[dev];
    let on_lo = d.flags & IFF_LOOPBACK != 0;
    if is_loopback(src) && !on_lo && !d.conf.has(ConfBits::ROUTE_LOCALNET) {
        return Err(Errno::EINVAL);
    }
    let kind = match kind {
        _ if is_lbcast(fl.dst) => DstKind::Broadcast,
        _ if is_multicast(fl.dst) => DstKind::Multicast,
        RouteType::Broadcast => DstKind::Broadcast,
        RouteType::Local => DstKind::Local,
        _ => DstKind::Unicast,
    };
    let (mtu, locked) = hit.map_or((0, false), |h| (h.mtu, h.mtu_lock));
    Ok(Route { dst: Dst { mtu, locked, ..Dst::here(dev, nexthop, kind) }, src, to, hit })
}
