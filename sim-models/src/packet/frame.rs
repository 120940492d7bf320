//! What a wire carries: headers as data.

use super::{addr::Mac, raw::Raw, stp::Bpdu};

/// Who made the frame: host number in the high 24 bits, that host's own count in the low 40.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct FrameId(pub u64);

/// One Ethernet frame, without padding, FCS or preamble.
#[derive(Clone, Debug)]
pub struct Frame {
    pub id: FrameId,
    pub dst: Mac,
    pub src: Mac,
    /// The 802.1Q tag beside the frame (`skb->vlan_tci`); not part of [`Frame::len`], but 4 bytes on a wire.
    pub vlan: Option<Vlan>,
    pub net: Net,
    pub payload: Payload,
}

/// An 802.1Q tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    pub proto: VlanProto,
    /// Priority, drop eligible, VLAN: as on the wire.
    pub tci: u16,
}

/// The ethertype that a tag begins with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum VlanProto {
    /// 802.1Q
    #[default]
    Q = 0x8100,
    /// 802.1ad
    Ad = 0x88a8,
}

impl Vlan {
    /// `VLAN_VID_MASK`
    pub const VID: u16 = 0xfff;

    pub fn vid(self) -> u16 {
        self.tci & Vlan::VID
    }
    /// Priority code point.
    pub fn pcp(self) -> u16 {
        self.tci >> 13
    }
}

/// What is rarely in a frame, so that it makes no other one larger: a tag within the frame, behind which the rest is.
#[derive(Clone, Debug)]
pub struct Tagged {
    pub vlan: Vlan,
    pub net: Net,
}

/// A frame within a UDP datagram (RFC 7348).
#[derive(Clone, Debug)]
pub struct Vxlan {
    pub sport: u16,
    pub dport: u16,
    pub vni: u32,
    pub frame: Frame,
}

/// The network layer.
#[derive(Clone, Debug)]
pub enum Net {
    Ip4(Ip4, L4),
    Arp(Arp),
    /// 802.2 with a BPDU.
    Stp(Box<Bpdu>),
    /// One more tag, in the frame itself.
    Vlan(Box<Tagged>),
    /// Any other ethertype; the body is `payload.len` bytes.
    Other(u16),
    /// A body with a fault, `payload.len` bytes.
    Raw(Box<Raw>),
}

/// Bytes behind the innermost header that we keep as data.
#[derive(Clone, Copy, Debug, Default)]
pub struct Payload {
    /// Bytes.
    pub len: u32,
    pub tag: Tag,
}

/// What the sending application would have written into the payload, so that the receiver can measure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag {
    /// 0: belongs to no flow; else the flow's number in the scenario plus 1.
    pub flow: u32,
    /// Number of the packet within its flow, from 0.
    pub seq: u32,
    /// The start of the send system call, or the intended send in an open loop: picoseconds.
    pub born: u64,
}

/// IPv4 header without options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ip4 {
    pub src: u32,
    pub dst: u32,
    /// Total length with the header, bytes.
    pub len: u16,
    pub id: u16,
    /// Flags and fragment offset as on the wire: 0x4000 DF, 0x2000 MF, low 13 bits the offset / 8.
    pub frag: u16,
    pub ttl: u8,
    pub tos: u8,
    pub proto: u8,
}

pub const IPPROTO_ICMP: u8 = 1;
pub const IPPROTO_TCP: u8 = 6;
pub const IPPROTO_UDP: u8 = 17;
pub const IP_DF: u16 = 0x4000;
pub const IP_MF: u16 = 0x2000;
pub const IP_OFFSET: u16 = 0x1fff;
/// Bytes of an IPv4 header without options.
pub const IP_HLEN: u16 = 20;
/// Bytes of an Ethernet header.
pub const ETH_HLEN: u32 = 14;
/// Bytes of an 802.1Q tag.
pub const VLAN_HLEN: u32 = 4;
/// Bytes of a vxlan header.
pub const VXLAN_HLEN: u32 = 8;
/// Bytes of an ARP body for Ethernet and IPv4.
pub const ARP_LEN: u32 = 28;

impl Ip4 {
    #[inline]
    pub fn df(&self) -> bool {
        self.frag & IP_DF != 0
    }
    #[inline]
    pub fn mf(&self) -> bool {
        self.frag & IP_MF != 0
    }
    /// Fragment offset in bytes.
    #[inline]
    pub fn offset(&self) -> u32 {
        u32::from(self.frag & IP_OFFSET) * 8
    }
    /// Is this one fragment of several?
    #[inline]
    pub fn is_fragment(&self) -> bool {
        self.frag & (IP_MF | IP_OFFSET) != 0
    }
}

/// The transport header.
#[derive(Clone, Debug)]
pub enum L4 {
    /// A later fragment, or a protocol that we carry but don't open.
    None,
    Udp {
        sport: u16,
        dport: u16,
    },
    Tcp(Tcp),
    Icmp(Icmp),
    /// A UDP datagram that carries a frame.
    Vxlan(Box<Vxlan>),
    /// Its checksum is wrong: whoever looks at it throws it away.
    Wrong(Box<L4>),
}

impl L4 {
    /// Source and destination port of UDP, a frame within it, or TCP.
    #[inline]
    pub fn ports(&self) -> Option<(u16, u16)> {
        match self {
            L4::Udp { sport, dport } => Some((*sport, *dport)),
            L4::Tcp(t) => Some((t.sport, t.dport)),
            L4::Vxlan(v) => Some((v.sport, v.dport)),
            L4::Wrong(l4) => l4.ports(),
            L4::None | L4::Icmp(_) => None,
        }
    }

    /// What an ICMP error quotes of it: headers, not the frame inside.
    pub fn quoted(&self) -> L4 {
        match self {
            L4::Vxlan(v) => L4::Udp { sport: v.sport, dport: v.dport },
            L4::Wrong(l4) => l4.quoted(),
            other => other.clone(),
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tcp {
    pub sport: u16,
    pub dport: u16,
    pub seq: u32,
    pub ack: u32,
    /// [`TCP_FIN`] and its like.
    pub flags: u8,
    /// Header length with options, bytes.
    pub hlen: u8,
    pub window: u16,
}
pub const TCP_FIN: u8 = 1;
pub const TCP_SYN: u8 = 2;
pub const TCP_RST: u8 = 4;
pub const TCP_PSH: u8 = 8;
pub const TCP_ACK: u8 = 16;

#[derive(Clone, Debug)]
pub struct Icmp {
    pub kind: u8,
    pub code: u8,
    /// Second word of the header: id and sequence of an echo, the MTU of 3/4, the gateway of a redirect.
    pub rest: u32,
    /// The packet that an error is about.
    pub quote: Option<Box<Quote>>,
}

/// The start of the packet that an ICMP error is about.
#[derive(Clone, Debug)]
pub struct Quote {
    pub ip: Ip4,
    pub l4: L4,
    pub tag: Tag,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOp {
    Request,
    Reply,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    pub op: ArpOp,
    /// Sender's hardware and protocol address, target's hardware and protocol address.
    pub sha: Mac,
    pub spa: u32,
    pub tha: Mac,
    pub tpa: u32,
}

impl Frame {
    /// An empty frame, as a recycled buffer is.
    pub fn blank() -> Frame {
        Frame {
            id: FrameId(0),
            dst: Mac::ZERO,
            src: Mac::ZERO,
            vlan: None,
            net: Net::Other(0),
            payload: Payload { len: 0, tag: Tag { flow: 0, seq: 0, born: 0 } },
        }
    }

    /// Bytes from the Ethernet header to the end of the payload, as the kernel counts `skb->len` on a device.
    #[inline]
    pub fn len(&self) -> u32 {
        ETH_HLEN + self.net_len()
    }

    /// Bytes behind the Ethernet header.
    #[inline]
    pub fn net_len(&self) -> u32 {
        if let Net::Ip4(ip, _) = &self.net { u32::from(ip.len) } else { self.other_len() }
    }

    #[cold]
    fn other_len(&self) -> u32 {
        let (mut tags, mut net) = (0, &self.net);
        while let Net::Vlan(t) = net {
            (tags, net) = (tags + VLAN_HLEN, &t.net);
        }
        tags + match net {
            Net::Ip4(ip, _) => u32::from(ip.len),
            Net::Arp(_) => ARP_LEN,
            Net::Stp(bpdu) => bpdu.net_len(),
            Net::Other(_) | Net::Raw(_) | Net::Vlan(_) => self.payload.len,
        }
    }

    /// Bytes on a wire: with the tag beside the frame.
    #[inline]
    pub fn wire_len(&self) -> u32 {
        self.len() + if self.vlan.is_some() { VLAN_HLEN } else { 0 }
    }

    /// Has it a tag, beside it or in it?
    #[inline]
    pub fn is_tagged(&self) -> bool {
        self.vlan.is_some() || matches!(self.net, Net::Vlan(_))
    }

    /// `__vlan_hwaccel_push_inside`: the tag beside the frame becomes a part of it.
    pub fn push_tag(&mut self) {
        if let Some(vlan) = self.vlan.take() {
            let net = std::mem::replace(&mut self.net, Net::Other(0));
            self.net = Net::Vlan(Box::new(Tagged { vlan, net }));
        }
    }

    /// `skb_vlan_untag`: the first tag in the frame is taken out of it, if none is beside it.
    pub fn pop_tag(&mut self) {
        if self.vlan.is_none()
            && let Net::Vlan(_) = self.net
            && let Net::Vlan(t) = std::mem::replace(&mut self.net, Net::Other(0))
        {
            (self.vlan, self.net) = (Some(t.vlan), t.net);
        }
    }

    pub fn is_empty(&self) -> bool {
        false
    }

    pub fn ethertype(&self) -> u16 {
        match &self.net {
            Net::Ip4(..) => 0x0800,
            Net::Arp(_) => 0x0806,
            // A length, not a type.
            Net::Stp(bpdu) => bpdu.net_len() as u16,
            Net::Other(t) => *t,
            Net::Raw(raw) => raw.ethertype,
            Net::Vlan(t) => t.vlan.proto as u16,
        }
    }

    /// The IPv4 header, if there is one.
    #[inline]
    pub fn ip4(&self) -> Option<&Ip4> {
        match &self.net {
            Net::Ip4(ip, _) => Some(ip),
            _ => None,
        }
    }
    #[inline]
    pub fn ip4_mut(&mut self) -> Option<&mut Ip4> {
        match &mut self.net {
            Net::Ip4(ip, _) => Some(ip),
            _ => None,
        }
    }
}
