//! net/ipv4/route.c: where a packet goes, for input and for output, and whether its source is believable.

mod input;
mod output;
mod tell;

pub(crate) use input::Recent;
pub(super) use input::{input_lookup, ip_route_input};
pub(super) use output::ip_route_output_sock;
pub use output::{Flow, Remembered, Route, ip_route_output};
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
    /// Bytes; 0: the device's own.
    pub mtu: u32,
    /// Sender and next hop share a link: tell the sender (`IPSKB_DOREDIRECT`, ICMP-21).
    pub redirect: bool,
}

impl Dst {
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
