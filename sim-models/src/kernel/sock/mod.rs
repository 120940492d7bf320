//! Sockets as system calls see them, and the tables that find them.

mod again;
pub mod lookup;
pub mod raw;
pub mod tcp;
pub mod udp;

pub(super) use again::settle;
pub use lookup::Table;

use super::{DevId, Errno, Kernel, NsId, SkBuff, route::Flow};
use crate::{
    apps::TaskId,
    packet::{
        L4, Tag,
        frame::{IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP},
    },
};
use std::{collections::VecDeque, num::NonZeroU32};

/// A socket of this host.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct SockId(NonZeroU32);

impl SockId {
    fn slot(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What the socket speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proto {
    Udp,
    /// `SOCK_RAW, IPPROTO_ICMP`; sees every ICMP message.
    RawIcmp,
    Tcp(tcp::State),
}

/// `IP_MTU_DISCOVER` (IP-24).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PmtuDisc {
    /// Never set DF.
    Dont,
    /// DF where the packet fits; larger ones are fragmented here.
    #[default]
    Want,
    /// Always DF; larger ones are refused with EMSGSIZE.
    Do,
    /// As [`PmtuDisc::Do`], but only the device's MTU counts, whatever was learned.
    Probe,
    /// Never DF, no larger than the device's MTU; nothing is learned.
    Interface,
    /// Never DF, fragmented by the device's MTU; nothing is learned.
    Omit,
}

/// Socket options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `SO_BROADCAST`
    pub broadcast: bool,
    /// `SO_REUSEADDR`
    pub reuseaddr: bool,
    pub pmtudisc: PmtuDisc,
    /// `IP_TTL`; `None`: `net.ipv4.ip_default_ttl`.
    pub ttl: Option<u8>,
    /// `IP_TOS`
    pub tos: u8,
    /// `SO_MARK`
    pub mark: u32,
    /// `SO_BINDTODEVICE`
    pub device: Option<DevId>,
    /// `IP_RECVERR`
    pub recverr: bool,
}

/// `struct sock`, the part that is modelled. Addresses and ports are 0 where unset.
pub struct Socket {
    pub ns: NsId,
    pub proto: Proto,
    pub opts: Options,
    /// Where it receives (`inet_rcv_saddr`), what it sends from (`inet_saddr`).
    pub rcv_addr: u32,
    pub src_addr: u32,
    pub port: u16,
    pub peer: u32,
    pub peer_port: u16,
    /// The task that is woken when something arrives.
    pub owner: Option<TaskId>,
    /// `sk_err`
    pub err: Option<Errno>,
    /// Errors with their details: only where `IP_RECVERR` is set.
    pub errqueue: VecDeque<IcmpError>,
    pub(super) queue: VecDeque<SkBuff>,
    /// How many at the front of the queue the reader has already taken over (UDP-27).
    reader: usize,
    /// Bytes of truesize in use; freed by reading but not yet given back (UDP-26); the limit.
    pub rmem: u32,
    deficit: u32,
    pub rcvbuf: u32,
    pub drops: u64,
    /// A tunnel's: what arrives goes to its driver (`encap_rcv`).
    pub encap: bool,
    pub(super) route: Option<Box<crate::kernel::route::Remembered>>,
    /// The whole way of its last datagram.
    pub(super) again: Option<Box<again::Again>>,
    /// Where that went, and how long it was.
    pub(super) last: ((u32, u16), u32),
    pub(super) tcp: tcp::Probe,
}

impl Socket {
    /// `setsockopt`: all of them; `IP_MTU_DISCOVER` is left as the namespace has it unless it is asked for.
    pub fn set_options(&mut self, opts: Options) {
        let pmtudisc = if opts.pmtudisc == PmtuDisc::Want { self.opts.pmtudisc } else { opts.pmtudisc };
        self.opts = Options { pmtudisc, ..opts };
        if let Some(a) = &mut self.again {
            a.forget();
        }
    }

    /// What the socket asks of routing for a packet to `dst`, port `dport`.
    #[inline]
    pub(super) fn flow_to(&self, dst: u32, dport: u16) -> Flow {
        let Options { device: oif, tos, mark, .. } = self.opts;
        let proto = match self.proto {
            Proto::Udp => IPPROTO_UDP,
            Proto::Tcp(_) => IPPROTO_TCP,
            Proto::RawIcmp => IPPROTO_ICMP,
        };
        Flow { src: self.src_addr, oif, tos, mark, proto, sport: self.port, dport, ..Flow::to(dst) }
    }
}

/// An ICMP error that concerns a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IcmpError {
    pub kind: u8,
    pub code: u8,
    pub info: u32,
    /// Who sent it.
    pub from: u32,
}

impl IcmpError {
    /// errno, and whether it reaches a connected socket without `IP_RECVERR` (ICMP-30).
    pub fn errno(self) -> (Errno, bool) {
        match (self.kind, self.code) {
            (3, 0) => (Errno::ENETUNREACH, false),
            (3, 2) => (Errno::ENOPROTOOPT, true),
            (3, 3) => (Errno::ECONNREFUSED, true),
            (3, 4) => (Errno::EMSGSIZE, true),
            (3, 5) => (Errno::EOPNOTSUPP, false),
            (3, 6 | 9) => (Errno::ENETUNREACH, true),
            (3, 7 | 8) => (Errno::EHOSTDOWN, true),
            (3, 10 | 13 | 14 | 15) => (Errno::EHOSTUNREACH, true),
            (3, 11) => (Errno::ENETUNREACH, false),
            (12, _) => (Errno::EPROTO, true),
            _ => (Errno::EHOSTUNREACH, false),
        }
    }
}

/// A datagram as `recvfrom` gives it.
#[derive(Clone, Copy, Debug)]
pub struct Received {
    pub from: u32,
    pub port: u16,
    /// The address it was sent to.
    pub to: u32,
    /// Bytes of payload.
    pub len: u32,
    pub ttl: u8,
    pub tag: Tag,
    /// ICMP type, code, second word (raw sockets).
    pub icmp: (u8, u8, u32),
    /// The walk follows it: an answer is followed, too.
    pub traced: bool,
}

/// All sockets of a host, in slots.
#[derive(Default)]
pub struct Sockets {
    slots: Vec<Option<Box<Socket>>>,
    free: Vec<u32>,
    /// Bumped by whatever changes which socket a packet is for.
    pub(in crate::kernel) version: u32,
}

impl Sockets {
    /// An address, a peer or an option has changed: a packet may be for another socket now.
    pub(crate) fn changed(&mut self) {
        self.version = self.version.wrapping_add(1);
    }

    fn insert(&mut self, s: Socket) -> SockId {
        self.changed();
        let slot = match self.free.pop() {
            Some(i) => {
                self.slots[i as usize] = Some(Box::new(s));
                i
            }
            None => {
                self.slots.push(Some(Box::new(s)));
                self.slots.len() as u32 - 1
            }
        };
        SockId(NonZeroU32::MIN.saturating_add(slot))
    }
    /// The socket, unless it was closed.
    #[inline]
    pub fn get(&self, id: SockId) -> Option<&Socket> {
        self.slots.get(id.slot())?.as_deref()
    }
    #[inline]
    pub fn get_mut(&mut self, id: SockId) -> Option<&mut Socket> {
        self.slots.get_mut(id.slot())?.as_deref_mut()
    }
    fn remove(&mut self, id: SockId) -> Option<Box<Socket>> {
        let s = self.slots.get_mut(id.slot())?.take()?;
        self.changed();
        self.free.push(id.slot() as u32);
        Some(s)
    }
    /// Datagrams that wait to be read.
    pub fn waiting(&self) -> u64 {
        self.slots.iter().flatten().map(|s| s.queue.len() as u64).sum()
    }
    pub(crate) fn each_waiting<'p>(&'p self, tell: &mut dyn FnMut(&'p SkBuff)) {
        self.slots.iter().flatten().flat_map(|s| &s.queue).for_each(tell);
    }
    pub fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.slots.iter().flatten().map(|b| &**b)
    }
}

/// `socket(AF_INET, …)`
pub fn socket(k: &mut Kernel, ns: NsId, proto: Proto, owner: Option<TaskId>) -> SockId {
    let rcvbuf = k.net(ns).conf.rmem_default;
    let pmtudisc = if k.net(ns).conf.ip_no_pmtu_disc != 0 { PmtuDisc::Dont } else { PmtuDisc::Want };
    let id = k.sockets.insert(Socket {
        ns,
        proto,
        opts: Options { pmtudisc, ..Options::default() },
        rcv_addr: 0,
        src_addr: 0,
        port: 0,
        peer: 0,
        peer_port: 0,
        owner,
        err: None,
        errqueue: VecDeque::new(),
        queue: VecDeque::new(),
        reader: 0,
        rmem: 0,
        deficit: 0,
        rcvbuf,
        drops: 0,
        encap: false,
        route: None,
        again: None,
        last: ((0, 0), 0),
        tcp: tcp::Probe::default(),
    });
    if proto == Proto::RawIcmp {
        k.net_mut(ns).sockets.get_or_insert_default().add_raw(id);
    }
    id
}

/// `close`: what waits in the socket goes with it.
pub fn close(k: &mut Kernel, cx: &mut super::Cx, id: SockId) {
    again::settle_one(k, cx, id);
    let Some(s) = k.sockets.remove(id) else { return };
    if let Some(t) = k.net_mut(s.ns).sockets.as_mut() {
        t.remove(id, &s);
    }
    tcp::stop(k, &s);
    for skb in s.queue {
        cx.drop(k, skb, super::At::SockQueueRcv, super::Reason::QUEUE_PURGE);
    }
}

/// Takes `sk_err`: reported once.
pub fn take_error(k: &mut Kernel, id: SockId) -> Option<Errno> {
    k.sockets.get_mut(id)?.err.take()
}

/// The largest payload of each size of buffer, and what the buffer counts, bytes (UDP-22).
const BUFFERS: [(u32, u32); 6] = [(197, 832), (645, 1280), (1669, 2304), (3717, 4352), (7813, 8448), (16_005, 16_640)];

/// What the kernel accounts for a buffer of `payload` bytes on veth or lo (UDP-22, 24).
pub fn truesize(payload: u32) -> u32 {
    BUFFERS.iter().find(|b| payload <= b.0).map_or(payload.saturating_add(832), |b| b.1)
}

/// Bytes that still fit into the buffer behind `payload` bytes: `skb_tailroom`.
pub(super) fn tailroom(payload: u32) -> u32 {
    BUFFERS.iter().find(|b| payload <= b.0).map_or(0, |b| b.0 - payload)
}

/// Transports count it if no table has a route (IP-31); an unreachable, prohibit or blackhole route is none of theirs.
fn no_route(k: &mut Kernel, ns: NsId, e: Errno) {
    if e == Errno::ENETUNREACH {
        k.net_mut(ns).mib[super::mib::M::IpOutNoRoutes] += 1;
    }
}

/// Bytes of the transport header.
pub(super) fn l4_header(l4: &L4) -> u32 {
    match l4 {
        L4::None => 0,
        L4::Udp { .. } | L4::Icmp(_) | L4::Vxlan(_) => 8,
        L4::Tcp(t) => u32::from(t.hlen),
        L4::Wrong(l4) => l4_header(l4),
    }
}
