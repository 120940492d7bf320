//! The decision about a packet that came in (`ip_route_input`), and whether its source is believable.

use super::{Dst, DstKind, Get, In, NoRoute, output::select_leg, tell::tell};
use crate::kernel::{
    At, Cx, DevId, Errno, Kernel, Reason, SkBuff,
    addr::inet_addr_onlink,
    fib::{self, Key, multipath::FlowKeys},
    rtnl::{RouteType, Scope},
    shortcut,
    sysctl::ConfBits,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    Icmp, L4, Net, Tcp,
    addr::{is_lbcast, is_loopback, is_multicast, is_zeronet},
    frame::IPPROTO_UDP,
};

/// A question to [`input_slow`].
#[derive(Clone, Copy)]
struct Asked {
    rx: In,
    dst: u32,
    src: u32,
    tos: u8,
    /// Mark, protocol, ports: 0 unless a rule wants them (`fib4_rules_early_flow_dissect`).
    mark: u32,
    proto: u8,
    sport: u16,
    dport: u16,
    /// What a route with several next hops sorts the packet by, if it is not what stands above.
    hash: Option<FlowKeys>,
    /// Ticks; `u64::MAX`: nothing that was learned counts.
    now: u64,
}

impl Asked {
    /// Of addresses alone.
    fn new(rx: In, dst: u32, src: u32, tos: u8, now: u64) -> Asked {
        Asked { rx, dst, src, tos, mark: 0, proto: 0, sport: 0, dport: 0, hash: None, now }
    }

    /// With what a rule may ask of the packet.
    #[cold]
    fn dissect(&mut self, skb: &SkBuff) {
        self.mark = skb.meta.mark;
        let Net::Ip4(ip, l4) = &skb.frame.net else { return };
        self.proto = ip.proto;
        if let L4::Udp { sport, dport } | L4::Tcp(Tcp { sport, dport, .. }) = l4 {
            (self.sport, self.dport) = (*sport, *dport);
        }
    }
}

/// What `fib_multipath_hash_policy` looks at in a packet on its way (RT-18).
#[cold]
fn hash_keys(k: &Kernel, a: &Asked, skb: &SkBuff) -> FlowKeys {
    let whole = FlowKeys { src: a.src, dst: a.dst, ..FlowKeys::default() };
    let Net::Ip4(ip, l4) = &skb.frame.net else { return whole };
    match (k.net(a.rx.ns).conf.fib_multipath_hash_policy, l4) {
        // An ICMP error goes the way of the packet that it is about.
        (0, L4::Icmp(Icmp { quote: Some(q), .. })) => FlowKeys { src: q.ip.src, dst: q.ip.dst, ..whole },
        (0 | 2, _) => whole,
        // No fragment has ports, not even the first.
        (_, L4::Udp { sport, dport } | L4::Tcp(Tcp { sport, dport, .. })) if !ip.is_fragment() => {
            FlowKeys { proto: ip.proto, sport: *sport, dport: *dport, ..whole }
        }
        _ => FlowKeys { proto: ip.proto, ..whole },
    }
}

/// [`input_slow`], or the same answer as last time if nothing was configured since. Martians and errors are not kept,
/// nor is anything that depends on more than addresses, or on time.
#[inline]
fn input_route(k: &mut Kernel, cx: &mut Cx, rx: In, skb: &SkBuff, dst: u32, src: u32, tos: u8) -> Result<Dst, NoRoute> {
    if let Some(to) = shortcut::route(k, rx, dst, src, tos) {
        return Ok(to);
    }
    input_anew(k, cx, rx, skb, (dst, src, tos))
}

fn input_anew(
    k: &mut Kernel,
    cx: &mut Cx,
    rx: In,
    skb: &SkBuff,
    (dst, src, tos): (u32, u32, u8),
) -> Result<Dst, NoRoute> {
    let mut asked = Asked::new(rx, dst, src, tos, cx.jiffies());
    let net = k.net(rx.ns);
    let mut keep = net.exceptions.is_empty();
    if net.v4.by_flow() {
        asked.dissect(skb);
        keep = false;
    }
    if net.v4.has_legs() {
        asked.hash = Some(hash_keys(k, &asked, skb));
        keep = false;
    }
    let to = input_slow(k, &asked)?;
    if keep {
        shortcut::keep_route(k, cx, rx, dst, src, tos, to);
    }
    Ok(to)
}

/// `ip_route_input`: fills in the packet's dst (RT-31 to 36).
///
/// # Errors
/// The packet is to be dropped for this reason.
#[inline]
pub(in crate::kernel) fn ip_route_input(k: &mut Kernel, cx: &mut Cx, skb: &mut SkBuff, rx: In) -> Result<Dst, Reason> {
    cx.at(At::IpRouteInput, skb);
    let Some(ip) = skb.frame.ip4() else { return Err(Reason::NOT_SPECIFIED) };
    let (dst, src, tos) = (ip.dst, ip.src, ip.tos);
    if is_multicast(dst) {
        return multicast_input(rx, src, dst);
    }
    let found = input_route(k, cx, rx, skb, dst, src, tos);
    if skb.meta.traced {
        tell(k, cx, skb, rx, dst, src, &found);
    }
    match found {
        Ok(dst) => Ok(dst),
        Err(NoRoute::Error(errno)) => Ok(Dst::here(rx.dev, dst, DstKind::Error(errno))),
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
    Ok(Dst::here(rx.dev, dst, DstKind::Multicast))
}

/// The same without a packet at hand: what ARP asks (ARP-7).
///
/// # Errors
/// No route, or a martian source or destination.
pub(in crate::kernel) fn input_lookup(k: &Kernel, rx: DevId, dst: u32, src: u32) -> Result<Dst, NoRoute> {
    input_slow(k, &Asked::new(In::by(k, rx), dst, src, 0, u64::MAX))
}

/// What `ip route get … iif` asks.
pub(super) fn lookup_for(k: &Kernel, rx: In, get: &Get, now: u64) -> Result<Dst, NoRoute> {
    if is_multicast(get.dst) {
        return multicast_input(rx, get.from, get.dst).map_err(NoRoute::Martian);
    }
    let Get { mark, sport, dport, tos, .. } = *get;
    let proto = if get.proto == 0 { IPPROTO_UDP } else { get.proto };
    let mut asked = Asked { mark, proto, sport, dport, ..Asked::new(rx, get.dst, get.from, tos, now) };
    let by_ports = matches!(k.net(rx.ns).conf.fib_multipath_hash_policy, 1 | 3);
    asked.hash = (!by_ports).then_some(FlowKeys { src: get.from, dst: get.dst, ..FlowKeys::default() });
    input_slow(k, &asked)
}

/// `ip_route_input_slow`
fn input_slow(k: &Kernel, a: &Asked) -> Result<Dst, NoRoute> {
    let Asked { rx, dst, src, tos, mark, proto, sport, dport, .. } = *a;
    let conf = rx.conf;
    // Everything unusual about the addresses themselves, told apart in one go: 0.x, 127.x, 224.x and above.
    let odd = |a: u32| matches!(a >> 24, 0 | 127 | 224..);
    if (odd(dst) || odd(src) || !conf.has(ConfBits::IN_DEVICE))
        && let Some(done) = odd_addresses(k, a)?
    {
        return Ok(done);
    }
    let forwarding = conf.has(ConfBits::FORWARDING) != mutated(Mutation::ForwardFlipped);
    let key = Key { src, iif: rx.ifindex, mark, tos, proto, sport, dport, ..Key::to(dst) };
    let hit = match k.net(rx.ns).v4.find(&key) {
        Ok(hit) => hit,
        Err(e) => return Err(NoRoute::Error(if forwarding { e } else { Errno::EHOSTUNREACH })),
    };
    match hit.kind {
        RouteType::Local => {
            validate_source(k, a, None)?;
            Ok(Dst::here(rx.dev, dst, DstKind::Local))
        }
        RouteType::Broadcast if !conf.has(ConfBits::BC_FORWARDING) => {
            validate_source(k, a, None)?;
            Ok(Dst::here(rx.dev, dst, DstKind::Broadcast))
        }
        // Whoever forwards broadcasts need not forward anything else (RT-40).
        RouteType::Broadcast => make_route(k, a, hit, &key),
        _ if !forwarding => Err(NoRoute::Error(Errno::EHOSTUNREACH)),
        RouteType::Unicast => make_route(k, a, hit, &key),
        _ => Err(NoRoute::Martian(Reason::IP_INVALID_DEST)),
    }
}

/// `ip_mkroute_input`, `__mkroute_input`: by which next hop, with which MTU.
fn make_route(k: &Kernel, a: &Asked, route: &fib::Route<u32>, key: &Key<u32>) -> Result<Dst, NoRoute> {
    let (rx, conf) = (a.rx, a.rx.conf);
    let mut hit = route.hit_for(key);
    if let Some(legs) = &route.legs {
        let all = FlowKeys { src: a.src, dst: a.dst, proto: a.proto, sport: a.sport, dport: a.dport };
        select_leg(k, rx.ns, &mut hit, legs, a.hash.unwrap_or(all), 0);
    }
    let direct = validate_source(k, a, Some(hit.dev))?;
    let mut dst =
        Dst { mtu: hit.mtu, locked: hit.mtu_lock, ..Dst::here(hit.dev, hit.nexthop(a.dst), DstKind::Unicast) };
    if direct && hit.dev == rx.dev && conf.has(ConfBits::SEND_REDIRECTS) {
        // ICMP-21: the sender and the gateway on one link, and, unless media are shared, in one subnet.
        let gw = hit.gw.unwrap_or(0);
        dst.redirect = conf.has(ConfBits::SHARED_MEDIA) || inet_addr_onlink(k, rx.dev, a.src, Some(gw));
    }
    if let Some(e) = k.net(rx.ns).exceptions.find(&hit, a.dst, a.now) {
        // A forwarder goes by a learned MTU only if told to, or if the MTU is locked.
        let use_pmtu = k.net(rx.ns).conf.ip_forward_use_pmtu != 0 || e.locked || hit.mtu_lock;
        dst.learned(e, use_pmtu);
    }
    Ok(dst)
}

/// The checks that come before the tables (RT-31): `Some` if they decide.
#[cold]
fn odd_addresses(k: &Kernel, a: &Asked) -> Result<Option<Dst>, NoRoute> {
    let Asked { rx, dst, src, .. } = *a;
    let martian = |r| Err(NoRoute::Martian(r));
    if !rx.conf.has(ConfBits::IN_DEVICE) {
        return martian(Reason::NOT_SPECIFIED);
    }
    if is_multicast(src) || is_lbcast(src) {
        return martian(Reason::IP_INVALID_SOURCE);
    }
    if is_lbcast(dst) || (src == 0 && dst == 0) {
        if src != 0 {
            validate_source(k, a, None)?;
        }
        return Ok(Some(Dst::here(rx.dev, dst, DstKind::Broadcast)));
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

/// `fib_validate_source` (RT-33 to 35). Own routes of type local and policy rules make the addresses alone too little to
/// go by. `out`: the device it would be forwarded to. True: the sender is directly connected.
#[inline]
fn validate_source(k: &Kernel, a: &Asked, out: Option<DevId>) -> Result<bool, NoRoute> {
    let Asked { rx, src, .. } = *a;
    let conf = rx.conf;
    if conf.rp_filter() == 0 && (out != Some(rx.dev) || !conf.has(ConfBits::SEND_REDIRECTS)) {
        if conf.has(ConfBits::ACCEPT_LOCAL) {
            return Ok(false);
        }
        let net = k.net(rx.ns);
        if !net.v4.custom_local && net.v4.policy().is_none() {
            if net.addrs.has(src) {
                return Err(NoRoute::Martian(Reason::IP_LOCAL_SOURCE));
            }
            return Ok(false);
        }
    }
    validate_fully(k, a)
}

/// `__fib_validate_source`: the route back is looked up.
fn validate_fully(k: &Kernel, a: &Asked) -> Result<bool, NoRoute> {
    let Asked { rx, dst, src, tos, .. } = *a;
    let martian = |r| Err(NoRoute::Martian(r));
    let net = k.net(rx.ns);
    let mode = if mutated(Mutation::RpFilterIgnored) { 0 } else { rx.conf.rp_filter() };
    let last_resort = if mode == 0 { Ok(false) } else { martian(Reason::IP_RPFILTER) };
    let mark = if rx.conf.has(ConfBits::SRC_VALID_MARK) { a.mark } else { 0 };
    // The way back: ports change places, too.
    let (proto, sport, dport) = (a.proto, a.dport, a.sport);
    let key = Key { src: dst, mark, tos, proto, sport, dport, ..Key::to(src) };
    let Ok(back) = net.v4.find(&key) else { return last_resort };
    match back.kind {
        RouteType::Unicast => {}
        RouteType::Local if rx.conf.has(ConfBits::ACCEPT_LOCAL) => {}
        RouteType::Local => return martian(Reason::IP_LOCAL_SOURCE),
        _ => return martian(Reason::IP_INVALID_SOURCE),
    }
    let direct = |scope: Scope| scope >= Scope::Host;
    if back.uses(rx.dev) || (back.kind == RouteType::Local && k.devs[rx.dev].is_loopback()) {
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
