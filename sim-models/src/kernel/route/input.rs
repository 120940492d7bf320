//! The decision about a packet that came in (`ip_route_input`), and whether its source is believable.

use super::{Dst, DstKind, In, NoRoute, tell::tell};
use crate::kernel::{
    At, Cx, DevId, Errno, Kernel, Reason, SkBuff,
    fib::Key,
    rtnl::{RouteType, Scope},
    sysctl::ConfBits,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    L4, Net,
    addr::{is_lbcast, is_loopback, is_multicast, is_zeronet},
};

/// Decisions made lately for packets that came in: as in the kernel, a cache that changes nothing but the time it takes.
/// Empty until the first packet.
#[derive(Default)]
pub(crate) struct Recent(Vec<Cached>);

/// One decision, and what it was made for.
#[derive(Clone, Copy)]
struct Cached {
    rx: DevId,
    dst: u32,
    src: u32,
    tos: u8,
    generation: u32,
    to: Dst,
}

impl Recent {
    /// As large as the host: a few decisions for each device.
    #[cold]
    fn make(&mut self, devices: usize) {
        let to = Dst { dev: DevId::NONE, nexthop: 0, kind: DstKind::Unicast, mtu: 0, redirect: false };
        let none = Cached { rx: DevId::NONE, dst: 0, src: 0, tos: 0, generation: 0, to };
        self.0 = vec![none; (devices * 4).next_power_of_two().clamp(16, 4096)];
    }

    #[inline]
    fn slot(&self, rx: DevId, dst: u32, src: u32) -> usize {
        let key = (u64::from(dst) << 32 | u64::from(src)) ^ (u64::from(rx.index) << 17);
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48) as usize & (self.0.len() - 1)
    }
}

/// What a lookup may ask besides addresses and tos: 0 unless a rule wants it (`fib4_rules_early_flow_dissect`).
#[derive(Clone, Copy, Default)]
struct More {
    mark: u32,
    proto: u8,
    sport: u16,
    dport: u16,
}

impl More {
    #[cold]
    fn of(skb: &SkBuff) -> More {
        let mark = skb.meta.mark;
        let Net::Ip4(ip, l4) = &skb.frame.net else { return More { mark, ..More::default() } };
        let (sport, dport) = match l4 {
            L4::Udp { sport, dport } | L4::Tcp(crate::packet::Tcp { sport, dport, .. }) => (*sport, *dport),
            _ => (0, 0),
        };
        More { mark, proto: ip.proto, sport, dport }
    }
}

/// [`input_slow`], or the same answer as last time if nothing was configured since. Martians and errors are not kept,
/// nor is anything where rules look at more than addresses.
#[inline]
fn input_route(k: &mut Kernel, rx: In, skb: &SkBuff, dst: u32, src: u32, tos: u8) -> Result<Dst, NoRoute> {
    if k.routes.0.is_empty() {
        let devices = k.devs.iter().count();
        k.routes.make(devices);
    }
    let slot = k.routes.slot(rx.dev, dst, src);
    let c = &k.routes.0[slot];
    if c.generation == k.generation && c.rx == rx.dev && c.dst == dst && c.src == src && c.tos == tos {
        return Ok(c.to);
    }
    if k.net(rx.ns).v4.by_flow() {
        return input_slow(k, rx, dst, src, tos, More::of(skb));
    }
    let to = input_slow(k, rx, dst, src, tos, More::default())?;
    k.routes.0[slot] = Cached { rx: rx.dev, dst, src, tos, generation: k.generation, to };
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
    let found = input_route(k, rx, skb, dst, src, tos);
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
pub(in crate::kernel) fn input_lookup(k: &Kernel, rx: DevId, dst: u32, src: u32) -> Result<Dst, NoRoute> {
    input_slow(k, In::by(k, rx), dst, src, 0, More::default())
}

/// `ip_route_input_slow`
fn input_slow(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8, more: More) -> Result<Dst, NoRoute> {
    let conf = rx.conf;
    // Everything unusual about the addresses themselves, told apart in one go: 0.x, 127.x, 224.x and above.
    let odd = |a: u32| matches!(a >> 24, 0 | 127 | 224..);
    if (odd(dst) || odd(src) || !conf.has(ConfBits::IN_DEVICE))
        && let Some(done) = odd_addresses(k, rx, dst, src, tos, more)?
    {
        return Ok(done);
    }
    let forwarding = conf.has(ConfBits::FORWARDING) != mutated(Mutation::ForwardFlipped);
    let More { mark, proto, sport, dport } = more;
    let key = Key { src, iif: rx.ifindex, mark, tos, proto, sport, dport, ..Key::to(dst) };
    let hit = match k.net(rx.ns).v4.find(&key) {
        Ok(hit) => hit,
        Err(e) => return Err(NoRoute::Error(if forwarding { e } else { Errno::EHOSTUNREACH })),
    };
    let here = |kind| Dst { dev: rx.dev, nexthop: dst, kind, mtu: 0, redirect: false };
    match hit.kind {
        RouteType::Local => {
            validate_source(k, rx, (src, dst, tos), more, None)?;
            Ok(here(DstKind::Local))
        }
        RouteType::Broadcast if !conf.has(ConfBits::BC_FORWARDING) => {
            validate_source(k, rx, (src, dst, tos), more, None)?;
            Ok(here(DstKind::Broadcast))
        }
        _ if !forwarding => Err(NoRoute::Error(Errno::EHOSTUNREACH)),
        RouteType::Unicast | RouteType::Broadcast => {
            let direct = validate_source(k, rx, (src, dst, tos), more, Some(hit.dev))?;
            let nexthop = hit.gateway().unwrap_or(dst);
            let redirect = direct && hit.dev == rx.dev && conf.has(ConfBits::SEND_REDIRECTS);
            Ok(Dst { dev: hit.dev, nexthop, kind: DstKind::Unicast, mtu: hit.mtu, redirect })
        }
        _ => Err(NoRoute::Martian(Reason::IP_INVALID_DEST)),
    }
}

/// The checks that come before the tables (RT-31): `Some` if they decide.
#[cold]
fn odd_addresses(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8, more: More) -> Result<Option<Dst>, NoRoute> {
    let martian = |r| Err(NoRoute::Martian(r));
    if !rx.conf.has(ConfBits::IN_DEVICE) {
        return martian(Reason::NOT_SPECIFIED);
    }
    if is_multicast(src) || is_lbcast(src) {
        return martian(Reason::IP_INVALID_SOURCE);
    }
    if is_lbcast(dst) || (src == 0 && dst == 0) {
        if src != 0 {
            validate_source(k, rx, (src, dst, tos), more, None)?;
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

/// `fib_validate_source` (RT-33 to 35). Own routes of type local and policy rules make the addresses alone too little to
/// go by. `out`: the device it would be forwarded to. True: the sender is directly
/// connected.
#[inline]
fn validate_source(
    k: &Kernel,
    rx: In,
    of: (u32, u32, u8),
    more: More,
    out: Option<DevId>,
) -> Result<bool, NoRoute> {
    let conf = rx.conf;
    if conf.rp_filter() == 0 && (out != Some(rx.dev) || !conf.has(ConfBits::SEND_REDIRECTS)) {
        if conf.has(ConfBits::ACCEPT_LOCAL) {
            return Ok(false);
        }
        let net = k.net(rx.ns);
        if !net.v4.custom_local && net.v4.policy().is_none() {
            if net.addrs.has(of.0) {
                return Err(NoRoute::Martian(Reason::IP_LOCAL_SOURCE));
            }
            return Ok(false);
        }
    }
    validate_fully(k, rx, of, more)
}

/// `__fib_validate_source`: the route back is looked up.
fn validate_fully(k: &Kernel, rx: In, (src, dst, tos): (u32, u32, u8), more: More) -> Result<bool, NoRoute> {
    let martian = |r| Err(NoRoute::Martian(r));
    let net = k.net(rx.ns);
    let mode = if mutated(Mutation::RpFilterIgnored) { 0 } else { rx.conf.rp_filter() };
    let last_resort = if mode == 0 { Ok(false) } else { martian(Reason::IP_RPFILTER) };
    let mark = if rx.conf.has(ConfBits::SRC_VALID_MARK) { more.mark } else { 0 };
    // The way back: ports change places, too.
    let (proto, sport, dport) = (more.proto, more.dport, more.sport);
    let key = Key { src: dst, mark, tos, proto, sport, dport, ..Key::to(src) };
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

