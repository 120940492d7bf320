//! net/ipv4/route.c: where a packet goes, for input and for output, and whether its source is believable.

use super::{
    At, Cx, DevId, Errno, Kernel, NsId, Reason, SkBuff, addr,
    fib::{Hit, Key},
    netdevice::IFF_LOOPBACK,
    rtnl::{RouteType, Scope},
    shortcut,
    sysctl::ConfBits,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    Ip4Addr,
    addr::{is_lbcast, is_loopback, is_multicast, is_zeronet},
};

/// `struct dst_entry`: what was decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dst {
    /// The device to leave by; for local delivery the one it counts as having come in by.
    pub dev: DevId,
    /// The gateway, or the destination itself.
    pub nexthop: u32,
    pub kind: DstKind,
    /// Bytes; 0: the device's own.
    pub mtu: u32,
    /// Sender and next hop share a link: tell the sender (`IPSKB_DOREDIRECT`, ICMP-21).
    pub redirect: bool,
}

impl Dst {
    /// What the packet must fit into, bytes: the route's MTU, else the device's (IP-20).
    #[inline]
    pub(super) fn mtu(&self, k: &super::Kernel) -> u32 {
        if self.mtu != 0 { self.mtu } else { k.devs[self.dev].mtu }
    }
}

/// Which function takes the packet on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DstKind {
    /// `ip_local_deliver`, unicast.
    Local,
    /// `ip_local_deliver`; sent from here also out of the device (`ip_mc_output`).
    Broadcast,
    Multicast,
    /// `ip_forward` on input, `ip_output` on output.
    Unicast,
    /// `ip_error`
    Error(Errno),
}

/// [`input_slow`], or the same answer as last time if nothing was configured since. Martians and errors are not kept.
#[inline]
fn input_route(k: &mut Kernel, cx: &mut Cx, rx: In, dst: u32, src: u32, tos: u8) -> Result<Dst, NoRoute> {
    if let Some(to) = shortcut::route(k, rx.dev, dst, src, tos) {
        return Ok(to);
    }
    let to = input_slow(k, rx, dst, src, tos)?;
    shortcut::keep_route(k, cx, rx, dst, src, tos, to);
    Ok(to)
}

/// Where a packet came in: what the functions of the receive path ask of it again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct In {
    pub dev: DevId,
    pub ns: NsId,
    pub ifindex: u32,
    pub conf: ConfBits,
}

impl In {
    pub(super) fn by(k: &Kernel, dev: DevId) -> In {
        let d = &k.devs[dev];
        In { dev, ns: d.ns, ifindex: d.ifindex, conf: d.conf }
    }
}

/// Why an input lookup gave no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoRoute {
    /// A martian: dropped at once.
    Martian(Reason),
    /// `ip_error` takes it.
    Error(Errno),
}

/// `ip_route_input`: fills in the packet's dst (RT-31 to 36).
///
/// # Errors
/// The packet is to be dropped for this reason.
#[inline]
pub(super) fn ip_route_input(k: &mut Kernel, cx: &mut Cx, skb: &mut SkBuff, rx: In) -> Result<Dst, Reason> {
    cx.at(At::IpRouteInput, skb);
    let Some(ip) = skb.frame.ip4() else { return Err(Reason::NOT_SPECIFIED) };
    let (dst, src, tos) = (ip.dst, ip.src, ip.tos);
    if is_multicast(dst) {
        return multicast_input(rx, src, dst);
    }
    let found = input_route(k, cx, rx, dst, src, tos);
    if skb.meta.traced {
        tell(k, cx, skb, rx, dst, src, &found);
    }
    match found {
        Ok(dst) => Ok(dst),
        Err(NoRoute::Error(errno)) => {
            Ok(Dst { dev: rx.dev, nexthop: dst, kind: DstKind::Error(errno), mtu: 0, redirect: false })
        }
        Err(NoRoute::Martian(reason)) => Err(reason),
    }
}

/// Multicast that this host joined: only 224.0.0.1, on every device (RT-41).
fn multicast_input(rx: In, src: u32, dst: u32) -> Result<Dst, Reason> {
    if !rx.conf.has(ConfBits::IN_DEVICE) || dst != 0xe000_0001 {
        return Err(Reason::NOT_SPECIFIED);
    }
    if is_multicast(src) || is_lbcast(src) || is_loopback(src) {
        return Err(Reason::IP_INVALID_SOURCE);
    }
    Ok(Dst { dev: rx.dev, nexthop: dst, kind: DstKind::Multicast, mtu: 0, redirect: false })
}

/// The same without a packet at hand: what ARP asks (ARP-7).
///
/// # Errors
/// No route, or a martian source or destination.
pub(super) fn input_lookup(k: &Kernel, rx: DevId, dst: u32, src: u32) -> Result<Dst, NoRoute> {
    input_slow(k, In::by(k, rx), dst, src, 0)
}

#[cold]
fn tell(k: &Kernel, cx: &mut Cx, skb: &SkBuff, rx: In, dst: u32, src: u32, found: &Result<Dst, NoRoute>) {
    let net = k.net(rx.ns);
    let forwarding = u8::from(rx.conf.has(ConfBits::FORWARDING));
    let (filter, name) = (rx.conf.rp_filter(), k.devs[rx.dev].name());
    let there = Key { dst, src, iif: rx.ifindex, oif: None, mark: 0, tos: 0, scope: Scope::Universe };
    let back = Key { dst: src, src: dst, iif: 1, ..there };
    match (found, net.v4.lookup(&there), net.v4.lookup(&back)) {
        (Ok(_), Ok(hit), _) => cx.asked(skb, hit.origin, || {
            format!("? {}    forwarding={forwarding} rp_filter={filter}", route_text(k, &hit))
        }),
        (Ok(_), Err(_), _) => cx.note(skb, || "limited broadcast: for this host".to_owned()),
        (Err(NoRoute::Error(_)), Ok(hit), _) if forwarding == 0 => cx.asked(skb, hit.origin, || {
            format!("? {}, but {name} does not forward: net.ipv4.ip_forward=0", route_text(k, &hit))
        }),
        (Err(NoRoute::Error(errno)), _, _) => {
            cx.note(skb, || format!("? no usable route to {}: {}", Ip4Addr(dst), errno.name()));
        }
        (Err(NoRoute::Martian(Reason::IP_RPFILTER)), _, Ok(hit)) => cx.asked(skb, hit.origin, || {
            let via = k.devs.get(hit.dev).map_or("-", |d| d.name());
            format!("rp_filter={filter} on {name}: reverse path to {} is via {via}", Ip4Addr(src))
        }),
        (Err(NoRoute::Martian(Reason::IP_RPFILTER)), _, Err(_)) => {
            cx.note(skb, || format!("rp_filter={filter} on {name}: no way back to {}", Ip4Addr(src)));
        }
        (Err(NoRoute::Martian(reason)), _, _) => cx.note(skb, || reason.doc().to_owned()),
    }
}

/// "main: 172.17.0.0/16 dev docker0", "local: local 172.17.0.2 dev eth0".
pub(super) fn route_text(k: &Kernel, hit: &Hit<u32>) -> String {
    let table = match hit.table {
        255 => "local".to_owned(),
        254 => "main".to_owned(),
        253 => "default".to_owned(),
        n => format!("table {n}"),
    };
    let kind = if hit.kind == RouteType::Unicast { String::new() } else { format!("{} ", hit.kind.name()) };
    let prefix = match (hit.prefix.len, hit.prefix.addr) {
        (0, _) => "default".to_owned(),
        (32, a) => Ip4Addr(a).to_string(),
        _ => hit.prefix.to_string(),
    };
    let via = match hit.gw {
        Some(gw) if hit.nh_scope == Scope::Link => format!(" via {}", Ip4Addr(gw)),
        _ => String::new(),
    };
    let dev = k.devs.get(hit.dev).map_or(String::new(), |d| format!(" dev {}", d.name()));
    format!("{table}: {kind}{prefix}{via}{dev}")
}

/// `ip_route_input_slow`
fn input_slow(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8) -> Result<Dst, NoRoute> {
    let conf = rx.conf;
    // Everything unusual about the addresses themselves, told apart in one go: 0.x, 127.x, 224.x and above.
    let odd = |a: u32| matches!(a >> 24, 0 | 127 | 224..);
    if (odd(dst) || odd(src) || !conf.has(ConfBits::IN_DEVICE))
        && let Some(done) = odd_addresses(k, rx, dst, src, tos)?
    {
        return Ok(done);
    }
    let forwarding = conf.has(ConfBits::FORWARDING) != mutated(Mutation::ForwardFlipped);
    let key = Key { dst, src, iif: rx.ifindex, oif: None, mark: 0, tos, scope: Scope::Universe };
    let hit = match k.net(rx.ns).v4.find(&key) {
        Ok(hit) => hit,
        Err(e) => return Err(NoRoute::Error(if forwarding { e } else { Errno::EHOSTUNREACH })),
    };
    let here = |kind| Dst { dev: rx.dev, nexthop: dst, kind, mtu: 0, redirect: false };
    match hit.kind {
        RouteType::Local => {
            validate_source(k, rx, src, dst, tos, None)?;
            Ok(here(DstKind::Local))
        }
        RouteType::Broadcast if !conf.has(ConfBits::BC_FORWARDING) => {
            validate_source(k, rx, src, dst, tos, None)?;
            Ok(here(DstKind::Broadcast))
        }
        _ if !forwarding => Err(NoRoute::Error(Errno::EHOSTUNREACH)),
        RouteType::Unicast | RouteType::Broadcast => {
            let direct = validate_source(k, rx, src, dst, tos, Some(hit.dev))?;
            let nexthop = hit.gateway().unwrap_or(dst);
            let redirect = direct && hit.dev == rx.dev && conf.has(ConfBits::SEND_REDIRECTS);
            Ok(Dst { dev: hit.dev, nexthop, kind: DstKind::Unicast, mtu: hit.mtu, redirect })
        }
        _ => Err(NoRoute::Martian(Reason::IP_INVALID_DEST)),
    }
}

/// The checks that come before the tables (RT-31): `Some` if they decide.
#[cold]
fn odd_addresses(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8) -> Result<Option<Dst>, NoRoute> {
    let martian = |r| Err(NoRoute::Martian(r));
    if !rx.conf.has(ConfBits::IN_DEVICE) {
        return martian(Reason::NOT_SPECIFIED);
    }
    if is_multicast(src) || is_lbcast(src) {
        return martian(Reason::IP_INVALID_SOURCE);
    }
    if is_lbcast(dst) || (src == 0 && dst == 0) {
        if src != 0 {
            validate_source(k, rx, src, dst, tos, None)?;
        }
        return Ok(Some(Dst { dev: rx.dev, nexthop: dst, kind: DstKind::Broadcast, mtu: 0, redirect: false }));
    }
    if is_zeronet(src) {
        return martian(Reason::IP_INVALID_SOURCE);
    }
    if is_zeronet(dst) {
        return martian(Reason::IP_INVALID_DEST);
    }
    if (is_loopback(dst) || is_loopback(src)) && !rx.conf.has(ConfBits::ROUTE_LOCALNET) {
        return martian(Reason::IP_LOCALNET);
    }
    Ok(None)
}

/// `fib_validate_source` (RT-33 to 35). `out`: the device it would be forwarded to. True: the sender is directly
/// connected.
#[inline]
fn validate_source(k: &Kernel, rx: In, src: u32, dst: u32, tos: u8, out: Option<DevId>) -> Result<bool, NoRoute> {
    let conf = rx.conf;
    if conf.rp_filter() == 0 && (out != Some(rx.dev) || !conf.has(ConfBits::SEND_REDIRECTS)) {
        if !conf.has(ConfBits::ACCEPT_LOCAL) && k.net(rx.ns).addrs.has(src) {
            return Err(NoRoute::Martian(Reason::IP_LOCAL_SOURCE));
        }
        return Ok(false);
    }
    validate_fully(k, rx, src, dst, tos)
}

/// `__fib_validate_source`: the route back is looked up.
fn validate_fully(k: &Kernel, rx: In, src: u32, dst: u32, tos: u8) -> Result<bool, NoRoute> {
    let martian = |r| Err(NoRoute::Martian(r));
    let net = k.net(rx.ns);
    let mode = if mutated(Mutation::RpFilterIgnored) { 0 } else { rx.conf.rp_filter() };
    let last_resort = if mode == 0 { Ok(false) } else { martian(Reason::IP_RPFILTER) };
    let key = Key { dst: src, src: dst, iif: 1, oif: None, mark: 0, tos, scope: Scope::Universe };
    let Ok(back) = net.v4.find(&key) else { return last_resort };
    match back.kind {
        RouteType::Unicast => {}
        RouteType::Local if rx.conf.has(ConfBits::ACCEPT_LOCAL) => {}
        RouteType::Local => return martian(Reason::IP_LOCAL_SOURCE),
        _ => return martian(Reason::IP_INVALID_SOURCE),
    }
    let direct = |scope: Scope| scope >= Scope::Host;
    if back.dev == rx.dev || (back.kind == RouteType::Local && k.devs[rx.dev].is_loopback()) {
        return Ok(direct(back.nh_scope));
    }
    if net.addrs.on(rx.dev).is_empty() {
        return last_resort;
    }
    if mode == 1 {
        return martian(Reason::IP_RPFILTER);
    }
    let bound = net.v4.find(&Key { oif: Some(rx.dev), ..key });
    Ok(bound.is_ok_and(|h| h.kind == RouteType::Unicast && direct(h.nh_scope)))
}

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
}

impl Flow {
    pub fn to(dst: u32) -> Flow {
        Flow { dst, src: 0, oif: None, tos: 0, mark: 0, scope: Scope::Universe }
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

/// The route that a socket's last packet took: it holds until something is configured (RT-28).
#[derive(Clone, Copy, Debug)]
pub struct Remembered {
    flow: Flow,
    generation: u32,
    route: Route,
}

/// [`ip_route_output`] for a socket that sends again and again.
///
/// # Errors
/// As [`ip_route_output`].
#[inline]
pub(super) fn ip_route_output_sock(
    k: &mut Kernel,
    id: super::sock::SockId,
    ns: NsId,
    fl: &Flow,
) -> Result<Route, Errno> {
    let generation = k.generation;
    if let Some(r) = k.sockets.get(id).and_then(|s| s.route.as_ref())
        && r.generation == generation
        && r.flow == *fl
    {
        return Ok(r.route);
    }
    let route = ip_route_output(k, ns, fl)?;
    if let Some(s) = k.sockets.get_mut(id) {
        s.route = Some(Box::new(Remembered { flow: *fl, generation, route }));
    }
    Ok(route)
}

/// `ip_route_output_key_hash_rcu` (RT-10, 23 to 26).
///
/// # Errors
/// The errno that the sender's system call gives.
pub fn ip_route_output(k: &Kernel, ns: NsId, fl: &Flow) -> Result<Route, Errno> {
    let net = k.net(ns);
    let group = is_multicast(fl.dst) || is_lbcast(fl.dst);
    let mut oif = fl.oif;
    if fl.src != 0 {
        if is_multicast(fl.src) || is_lbcast(fl.src) {
            return Err(Errno::EINVAL);
        }
        if oif.is_none() && group {
            let dev = net.devs.iter().copied().find(|d| net.addrs.on(*d).iter().any(|a| a.local == fl.src));
            let dev = dev.ok_or(Errno::EINVAL)?;
            return make_route(k, fl, fl.src, fl.dst, dev, fl.dst, RouteType::Unicast, None);
        }
        if net.v4.addr_type(fl.src) != RouteType::Local {
            return Err(Errno::EINVAL);
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
    let key = Key { dst: fl.dst, src, iif: 1, oif, mark: fl.mark, tos: fl.tos, scope: fl.scope };
    let hit = match net.v4.lookup(&key) {
        Ok(hit) => hit,
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
    let nexthop = match hit.gw {
        Some(gw) if hit.nh_scope == Scope::Link => gw,
        _ => fl.dst,
    };
    if src == 0 {
        src = addr::fib_result_prefsrc(k, ns, &hit);
    }
    make_route(k, fl, src, fl.dst, hit.dev, nexthop, hit.kind, Some(hit))
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
    let mtu = hit.map_or(0, |h| h.mtu);
    Ok(Route { dst: Dst { dev, nexthop, kind, mtu, redirect: false }, src, to, hit })
}
