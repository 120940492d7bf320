//! net/ipv4/route.c: where a packet goes, for input and for output, and whether its source is believable.

mod exception;
mod get;
mod input;
mod output;
mod tell;

pub use exception::{Exception, Exceptions};
pub(super) use exception::{do_redirect, update_pmtu};
pub use get::{Get, Got, route_get};
pub(super) use input::{input_lookup, ip_route_input};
pub use output::{Flow, Remembered, Route, Way, ip_route_output};
pub(super) use output::{ip_route_output_sock, tell_output};
pub(super) use tell::route_text;

use super::{DevId, Errno, Kernel, NsId, Reason, sysctl::ConfBits};

/// `struct dst_entry`: what was decided about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dst {
    /// The device to leave by; for local delivery the one it counts as having come in by.
    pub dev: DevId,
    /// The gateway, or the destination itself.
    pub nexthop: u32,
    pub kind: DstKind,
    /// Bytes; 0: the device's own. What was learned about the destination counts (IP-20).
    pub mtu: u32,
    /// Nobody may set DF because of this MTU (IP-25).
    pub locked: bool,
    /// Sender and next hop share a link: tell the sender (`IPSKB_DOREDIRECT`, ICMP-21).
    pub redirect: bool,
}

impl Dst {
    /// Nothing known but the way.
    #[inline]
    pub(super) const fn here(dev: DevId, nexthop: u32, kind: DstKind) -> Dst {
        Dst { dev, nexthop, kind, mtu: 0, locked: false, redirect: false }
    }

    /// `fill_route_from_fnhe`: what was learned about the destination; its MTU if `mtu`.
    fn learned(&mut self, e: &Exception, mtu: bool) {
        if e.gw != 0 {
            self.nexthop = e.gw;
        }
        if mtu && e.pmtu != 0 {
            self.mtu = e.pmtu;
        }
        self.locked |= e.locked;
    }

    /// What the packet must fit into, bytes: the route's MTU, else the device's (IP-20).
    #[inline]
    pub(super) fn mtu(&self, k: &Kernel) -> u32 {
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
