//! The whole way of a packet like the last one. What is decided about a packet depends on little: where it came in, its
//! addresses and its TOS; mostly not even on where it came in and its source, so long as that is believable
//! ([`Kernel::believes`]). And it stays so until something is configured. So the first packet goes through `ip_rcv`,
//! `ip_forward` and so on to the neighbour, the way it took is kept, and the next one like it is billed for the same
//! hops in one sum, and counted in one place. [`settle`] adds those counts up before anybody looks at them.
//!
//! Results are those of the long way, to the bit (`tests/determinism.rs` compares). A feature that looks at packets on
//! this way, or lets them depend on more, has to say so in [`learn`] or [`take`].

use super::{
    At, Cx, DevId, Kernel, NsId, PktType, SkBuff,
    ip_forward::rt_tos2priority,
    ip_output::Out,
    mib::M,
    route::{Dst, DstKind, In},
    sock::{self, SockId, lookup::Tuple},
    sysctl::ConfBits,
};
use crate::packet::{
    L4, Mac, Net,
    frame::{IP_MF, IP_OFFSET},
};
use sim_core::time::Span;

/// Decisions made lately for packets that came in: as in the kernel, a cache that changes nothing but the time it takes.
/// Empty until the first packet.
#[derive(Default)]
pub(crate) struct Recent {
    slots: Vec<Cached>,
    /// Those with packets that are not added up yet.
    busy: Vec<u32>,
    /// Sockets whose datagrams are not added up yet.
    pub(super) senders: Vec<SockId>,
    /// Every packet goes the long way.
    off: bool,
}

/// How much of a way is known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Where it leads, no more.
    Route,
    /// On to the neighbour.
    Forward,
    /// Up to UDP.
    Local,
}

/// One decision, and what it was made for.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Cached {
    generation: u32,
    dst: u32,
    /// Of an entry for all sources that of the last packet.
    src: u32,
    /// [`DevId::NONE`]: all devices of the namespace that are configured like that.
    rx: DevId,
    conf: ConfBits,
    tos: u8,
    known: Known,
    mac: Mac,
    /// Packets longer than this go the long way, bytes.
    mtu: u32,
    neigh: u32,
    cost: Span,
    /// Packets and bytes that took this way since [`settle`].
    packets: u64,
    bytes: u64,
    priority: u32,
    /// The socket that the last one was for, its ports, and [`sock::Sockets::version`] then.
    sock: Option<SockId>,
    ports: (u16, u16),
    sockets: u32,
    ns: NsId,
    out_ns: NsId,
    to: Dst,
}

impl Cached {
    const NONE: Cached = Cached {
        generation: 0,
        dst: 0,
        src: 0,
        rx: DevId::NONE,
        conf: ConfBits(0),
        tos: 0,
        known: Known::Route,
        mac: Mac([0; 6]),
        mtu: 0,
        neigh: 0,
        cost: Span::ZERO,
        packets: 0,
        bytes: 0,
        priority: 0,
        sock: None,
        ports: (0, 0),
        sockets: 0,
        ns: NsId::ROOT,
        out_ns: NsId::ROOT,
        to: Dst::here(DevId::NONE, 0, DstKind::Unicast),
    };

    #[inline]
    fn is_for(&self, k: &Kernel, rx: DevId, dst: u32, tos: u8) -> bool {
        self.generation == k.generation && self.dst == dst && self.rx == rx && self.tos == tos
    }
}

impl Cached {
    /// Where it leads what came in by `rx`.
    #[inline]
    fn way_from(&self, rx: DevId) -> Dst {
        Dst { dev: if self.to.dev == DevId::NONE { rx } else { self.to.dev }, ..self.to }
    }

    /// The sender's port, where it matters.
    #[inline]
    fn port_of(&self, sport: u16) -> u16 {
        if self.rx == DevId::NONE { 0 } else { sport }
    }
}

impl Recent {
    /// As large as the host: a few decisions for each device.
    #[cold]
    fn make(&mut self, devices: usize) {
        self.slots = vec![Cached::NONE; (devices * 16).next_power_of_two().clamp(64, 1 << 18)];
        self.busy = Vec::with_capacity(self.slots.len());
    }

    /// Where the decision for packets from `src` lies that come in by `rx`.
    #[inline]
    fn slot(&self, rx: DevId, dst: u32, src: u32) -> usize {
        self.place((u64::from(dst) << 32 | u64::from(src)) ^ (u64::from(rx.index) << 17))
    }

    /// Where that for all packets of a namespace lies, if it is not beside it: the other place of the pair.
    #[inline]
    fn common(&self, ns: NsId, dst: u32) -> usize {
        self.place(u64::from(dst) << 32 | u64::from(ns.0))
    }

    #[inline]
    fn place(&self, key: u64) -> usize {
        (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize & self.slots.len().wrapping_sub(1)
    }

    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    /// From now on every packet goes the long way: to compare.
    pub(crate) fn switch_off(&mut self) {
        self.off = true;
    }
}

impl Kernel {
    /// Is `src` believed wherever packets may come from anywhere? It is no group, no loopback and none of our own.
    #[inline]
    fn believes(&self, ns: NsId, src: u32) -> bool {
        !matches!(src >> 24, 0 | 127 | 224..) && !self.net(ns).addrs.has(src)
    }
}

/// The slot of the decision for a packet like that, if one is known and nothing was configured since.
#[inline(always)]
fn find(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8) -> Option<usize> {
    let slot = k.routes.common(rx.ns, dst);
    if is_common_for(k, k.routes.slots.get(slot)?, rx, dst, src, tos) {
        return Some(slot);
    }
    find_elsewhere(k, rx, dst, src, tos)
}

#[inline(always)]
fn is_common_for(k: &Kernel, c: &Cached, rx: In, dst: u32, src: u32, tos: u8) -> bool {
    c.is_for(k, DevId::NONE, dst, tos)
        && c.ns == rx.ns
        && c.conf == rx.conf
        && c.to.dev != rx.dev
        && (c.src == src || k.believes(rx.ns, src))
}

/// In the other place of the pair; or one that is for that source and that device.
#[inline(never)]
fn find_elsewhere(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8) -> Option<usize> {
    let beside = k.routes.common(rx.ns, dst) ^ 1;
    if is_common_for(k, k.routes.slots.get(beside)?, rx, dst, src, tos) {
        return Some(beside);
    }
    let slot = k.routes.slot(rx.dev, dst, src);
    let c = k.routes.slots.get(slot)?;
    (c.is_for(k, rx.dev, dst, tos) && c.src == src).then_some(slot)
}

/// The decision for a packet like that.
#[inline]
pub(super) fn route(k: &Kernel, rx: In, dst: u32, src: u32, tos: u8) -> Option<Dst> {
    find(k, rx, dst, src, tos).map(|slot| k.routes.slots[slot].way_from(rx.dev))
}

/// Does the decision `to` for a packet from `src` hold for all that come in by devices like `rx`, whatever their source?
/// The checks of the source (`fib_validate_source`) then are those of [`Kernel::believes`].
fn is_common(k: &Kernel, rx: In, (dst, src): (u32, u32), to: Dst) -> bool {
    let way = match to.kind {
        DstKind::Local => true,
        DstKind::Unicast => to.dev != rx.dev,
        DstKind::Broadcast | DstKind::Multicast | DstKind::Error(_) => false,
    };
    let conf = rx.conf;
    let v4 = &k.net(rx.ns).v4;
    let checks = conf.rp_filter() != 0 || conf.has(ConfBits::ACCEPT_LOCAL) || v4.custom_local || v4.policy().is_some();
    let faults = cfg!(feature = "mutations");
    way && !checks && !faults && k.believes(rx.ns, src) && k.believes(rx.ns, dst) == (to.kind == DstKind::Unicast)
}

/// Keeps a decision. Martians and errors are not kept.
pub(super) fn keep_route(k: &mut Kernel, cx: &mut Cx, rx: In, dst: u32, src: u32, tos: u8, to: Dst) {
    if k.routes.slots.is_empty() {
        let devices = k.devs.iter().count();
        k.routes.make(devices);
    }
    let common = is_common(k, rx, (dst, src), to);
    let mut slot = if common { k.routes.common(rx.ns, dst) } else { k.routes.slot(rx.dev, dst, src) };
    let other = k.routes.slots[slot];
    if common && other.generation == k.generation && (other.dst, other.ns) != (dst, rx.ns) {
        slot ^= 1;
    }
    // A slot that is used by turns is in the list again and again.
    if k.routes.busy.len() >= k.routes.slots.len() {
        settle(k, cx);
    }
    settle_one(k, cx, slot);
    let (generation, ns, conf) = (k.generation, rx.ns, rx.conf);
    let mut c = Cached { generation, dst, src, rx: rx.dev, conf, tos, ns, to, ..Cached::NONE };
    if common {
        c.rx = DevId::NONE;
        if to.kind == DstKind::Local {
            c.to.dev = DevId::NONE;
        }
    }
    k.routes.slots[slot] = c;
}

const FORWARD: [At; 7] = [
    At::NetifReceiveSkb,
    At::IpRcv,
    At::IpRouteInput,
    At::IpForward,
    At::IpOutput,
    At::IpFinishOutput,
    At::NeighOutput,
];
const LOCAL: [At; 4] = [At::NetifReceiveSkb, At::IpRcv, At::IpRouteInput, At::IpLocalDeliver];

/// A packet goes the long way `to`, by `out` if it is forwarded: those like it may take the short one.
#[cold]
pub(super) fn learn(k: &mut Kernel, cx: &mut Cx, skb: &SkBuff, rx: In, to: Dst, out: Option<&Out>) {
    let Some(ip) = skb.frame.ip4() else { return };
    let (dst, src, tos) = (ip.dst, ip.src, ip.tos);
    let Some(slot) = find(k, rx, dst, src, tos) else { return };
    // A deliberate fault sits somewhere on the long way; ports hand their frames to their master.
    let unusual = cfg!(feature = "mutations") || k.routes.off || k.devs[rx.dev].master.is_some() || to.redirect;
    let mut c = k.routes.slots[slot];
    if unusual || c.known != Known::Route || c.way_from(rx.dev) != to {
        return;
    }
    let hops: &[At] = if let Some(out) = out {
        let Some(n) = k.neigh4.find(to.dev, to.nexthop) else { return };
        if out.loopback {
            return;
        }
        (c.known, c.neigh, c.mac, c.mtu) = (Known::Forward, n, out.mac, out.mtu);
        (c.out_ns, c.priority) = (out.ns, rt_tos2priority(tos));
        &FORWARD
    } else {
        (c.known, c.mtu) = (Known::Local, u32::MAX);
        &LOCAL
    };
    c.cost = hops.iter().fold(Span::ZERO, |sum, at| sum + cx.costs.fixed(*at));
    k.routes.slots[slot] = c;
}

/// Where [`take`] has brought a packet.
pub(super) enum Taken {
    /// Nowhere: it has to go the long way.
    Nowhere,
    /// To `dev_queue_xmit`.
    Forward,
    /// To `udp_rcv`.
    Local,
    /// To that socket.
    Socket(SockId),
}

/// The short way of a packet that has arrived on `skb.dev`, if there is one.
#[inline(always)]
pub(super) fn take(k: &mut Kernel, cx: &mut Cx, skb: &mut SkBuff, rx: In) -> Taken {
    let buf = &mut *skb.0;
    let Net::Ip4(ip, l4) = &mut buf.frame.net else { return Taken::Nowhere };
    let m = &mut buf.meta;
    let Some(slot) = find(k, rx, ip.dst, ip.src, ip.tos) else { return Taken::Nowhere };
    let c = &mut k.routes.slots[slot];
    let len = u32::from(ip.len);
    if c.known == Known::Route
        || m.pkt_type != PktType::Host
        || m.traced
        || m.dst.is_some()
        || len > c.mtu
        || cx.obs.capture.is_some()
    {
        return Taken::Nowhere;
    }
    let forward = c.known == Known::Forward;
    let mut taken = Taken::Forward;
    if forward {
        // The neighbour's cached header holds as long as its state is connected (NEIGH-23).
        let e = k.neigh4.entry(c.neigh);
        if ip.ttl <= 1 || !e.is_connected_to(c.to.dev, c.to.nexthop) {
            return Taken::Nowhere;
        }
        ip.ttl -= 1;
        (buf.frame.dst, buf.frame.src) = (e.mac, c.mac);
        m.priority = c.priority;
        m.dev = c.to.dev;
    } else {
        let L4::Udp { sport, dport } = *l4 else { return Taken::Nowhere };
        if ip.frag & (IP_MF | IP_OFFSET) != 0 {
            return Taken::Nowhere;
        }
        m.dst = Some(c.way_from(m.dev));
        taken = match c.sock {
            Some(id) if c.sockets == k.sockets.version && c.ports == (c.port_of(sport), dport) => Taken::Socket(id),
            _ => Taken::Local,
        };
    }
    if c.packets == 0 {
        k.routes.busy.push(slot as u32);
    }
    c.packets += 1;
    c.bytes += u64::from(len);
    cx.clock += c.cost;
    c.src = ip.src;
    m.iif = rx.ifindex;
    m.sock = None;
    taken
}

/// A packet that has come this far was for socket `id`: so is the next one from and to the same ports.
#[inline(never)]
pub(super) fn found(k: &mut Kernel, skb: &SkBuff, id: SockId) {
    let Net::Ip4(ip, L4::Udp { sport, dport }) = &skb.frame.net else { return };
    let rx = In::by(k, skb.meta.dev);
    let Some(slot) = find(k, rx, ip.dst, ip.src, ip.tos) else { return };
    let c = k.routes.slots[slot];
    let t = Tuple { saddr: ip.src, sport: *sport, daddr: ip.dst, dport: *dport, dev: rx.dev };
    let table = k.net(c.ns).sockets.as_ref();
    // A tunnel's packets are its driver's; a connected socket asks for the sender.
    let any = c.rx != DevId::NONE || table.is_some_and(|table| !table.udp_asks_for_more(&k.sockets, &t));
    if c.known == Known::Local && any && k.sockets.get(id).is_some_and(|s| !s.encap) {
        let sockets = k.sockets.version;
        let c = &mut k.routes.slots[slot];
        (c.sock, c.ports, c.sockets) = (Some(id), (c.port_of(*sport), *dport), sockets);
    }
}

/// Adds up what took short ways: before anybody looks at counters.
pub(crate) fn settle(k: &mut Kernel, cx: &mut Cx) {
    for i in 0..k.routes.busy.len() {
        let slot = k.routes.busy[i] as usize;
        settle_one(k, cx, slot);
    }
    k.routes.busy.clear();
    sock::settle(k, cx);
}

fn settle_one(k: &mut Kernel, cx: &mut Cx, slot: usize) {
    let c = &mut k.routes.slots[slot];
    let (n, bytes) = (std::mem::take(&mut c.packets), std::mem::take(&mut c.bytes));
    if n == 0 {
        return;
    }
    let c = *c;
    let hops: &[At] = if c.known == Known::Forward { &FORWARD } else { &LOCAL };
    for at in hops {
        cx.obs.hops[*at as usize] += n;
    }
    let mib = &mut k.net_mut(c.ns).mib;
    mib[M::IpInReceives] += n;
    mib[M::IpExtInOctets] += bytes;
    mib[super::ip_input::ecn(c.tos)] += n;
    if c.known == Known::Local {
        mib[M::IpInDelivers] += n;
        return;
    }
    mib[M::IpForwDatagrams] += n;
    let mib = &mut k.net_mut(c.out_ns).mib;
    mib[M::IpOutTransmits] += n;
    mib[M::IpExtOutOctets] += bytes;
}
