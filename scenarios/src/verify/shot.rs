//! One frame on one device, as both sides are compared: every header field but those that no two kernels agree on.

use super::{
    frame::{Body, Dir, LabFrame, Packet, Transport},
    job::{App, FlowSeen, Seen, Task},
};
use sim_models::packet::{
    Frame, Ip4Addr, L4, Net,
    decode::{Sums, decode},
};
use std::fmt;

/// A frame where a tap saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shot {
    pub host: usize,
    pub ns: String,
    pub dev: String,
    /// Since scenario time 0.
    pub at_ns: i64,
    pub what: What,
}

/// All of a shot that has to be the same on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    pub frame: LabFrame,
    /// Bytes from the Ethernet header on.
    pub len: u32,
    pub tos: Option<u8>,
    pub echo_id: Option<u16>,
    /// Flow and packet number, where the payload tells and has not been cut off.
    pub tag: Option<(u32, u32)>,
}

/// What a frame belongs to: a flow in one direction. ARP has no direction; errors go by the packet that they are about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowKey {
    /// Ethertype, IP protocol.
    kind: (u16, u8),
    /// Address and port of sender and receiver; of ARP the lower first.
    ends: [(u32, u16); 2],
}

impl Shot {
    /// A frame of either side; `way` as `sll_pkttype` has it.
    #[allow(clippy::too_many_arguments, reason = "they are the fields")]
    pub fn of(
        host: usize,
        ns: &str,
        dev: &str,
        way: u8,
        at_ns: i64,
        frame: &Frame,
        len: u32,
        tag: Option<(u32, u32)>,
    ) -> Shot {
        let l4 = match &frame.net {
            Net::Ip4(_, L4::Wrong(l4)) => Some(&**l4),
            Net::Ip4(_, l4) => Some(l4),
            _ => None,
        };
        let echo_id = match l4 {
            Some(L4::Icmp(icmp)) if matches!(icmp.kind, 0 | 8) => Some((icmp.rest >> 16) as u16),
            _ => None,
        };
        // Later fragments have no header to tell by, and an ICMP error's payload is another packet.
        let whole = matches!(&frame.net, Net::Ip4(ip, L4::Udp { .. }) if !ip.is_fragment());
        let what = What {
            frame: LabFrame::of(pkt_type(way), frame),
            len,
            tos: frame.ip4().map(|ip| ip.tos),
            echo_id,
            tag: tag.filter(|_| whole && frame.payload.len >= 8),
        };
        Shot { host, ns: ns.to_owned(), dev: dev.to_owned(), at_ns, what }
    }

    /// A frame that a real kernel's tap caught.
    pub fn seen(s: &Seen, tag: impl Fn(&[u8]) -> Option<(u32, u32)>) -> Shot {
        let frame = whatever(&s.bytes, s.len);
        // Ethernet, IP, UDP.
        let tag = s.bytes.get(14 + 20 + 8..).and_then(tag);
        Shot::of(s.host, &s.ns, &s.dev, s.way, s.at_ns, &frame, s.len, tag)
    }

    /// The flow and its direction.
    pub fn key(&self) -> FlowKey {
        let (kind, ends) = match &self.what.frame.body {
            Body::Arp(a) => {
                let [a, b] = [(a.spa, 0), (a.tpa, 0)];
                ((0x0806, 0), [a.min(b), a.max(b)])
            }
            Body::Ip(p) => ((0x0800, about(p).proto), ends(p)),
            Body::Stp(_) => ((0, 0), [(0, 0), (0, 0)]),
            Body::Other(ethertype, _) => ((*ethertype, 0), [(0, 0), (0, 0)]),
        };
        FlowKey { kind, ends }
    }

    /// What the frame carries or answers, where it tells: a packet of a flow, an echo request of a ping.
    pub fn packet(&self) -> Option<(u32, u32)> {
        match &self.what.frame.body {
            Body::Ip(Packet { l4: Transport::Icmp { seq: Some(seq), .. }, .. }) => {
                Some((u32::from(self.what.echo_id?) << 16, u32::from(*seq)))
            }
            _ => self.what.tag,
        }
    }

    /// If this is the first packet of a flow whose sender let the kernel choose its port: notes the port.
    pub fn note_port(&self, tasks: &[Task], flows: &mut [FlowSeen]) {
        let (Some((flow, _)), Body::Ip(Packet { l4: Transport::Udp { sport, dport }, .. })) =
            (self.what.tag, &self.what.frame.body)
        else {
            return;
        };
        let Some(seen) = flows.get_mut(flow as usize - 1).filter(|f| f.port == 0) else { return };
        let to = tasks.iter().find(|t| t.flow == flow).and_then(|t| free_port(&t.app));
        if to == Some(*dport) {
            seen.port = *sport;
        }
    }

    /// Replaces the port that a kernel chose for a flow by 0; true if there was one.
    pub fn mask_port(&mut self, chosen: u16, to: u16) -> bool {
        let Body::Ip(p) = &mut self.what.frame.body else { return false };
        mask_port(p, chosen, to)
    }

    /// The same for attempts to connect to `to`, each of which has a port of its own.
    pub fn mask_tcp_port(&mut self, to: u16) -> bool {
        let Body::Ip(p) = &mut self.what.frame.body else { return false };
        mask_tcp_port(p, to)
    }
}

/// Bytes as a frame; what no header can be read from is so many bytes of its ethertype.
pub fn whatever(bytes: &[u8], len: u32) -> Frame {
    let mut frame = decode(bytes, Sums::Ignore).unwrap_or_else(|_| {
        let word = |i: usize| bytes.get(i).copied().unwrap_or(0);
        let mut f = Frame::blank();
        (f.dst, f.src) = (mac(bytes, 0), mac(bytes, 6));
        f.net = Net::Other(u16::from_be_bytes([word(12), word(13)]));
        f
    });
    // Of a capture that was cut short the length alone is known.
    if let Net::Other(_) = frame.net {
        frame.payload.len = len.saturating_sub(14 + if frame.vlan.is_some() { 4 } else { 0 });
    }
    frame
}

/// Where a sender that lets the kernel choose its port sends to.
pub fn free_port(app: &App) -> Option<u16> {
    match app {
        App::Send { port, bind: (_, 0), .. } => Some(*port),
        App::Requests { to, bind: (_, 0), .. } | App::Connect { to, bind: (_, 0), .. } => Some(to.1),
        _ => None,
    }
}

/// The port that a program asks the kernel for.
pub fn own_port(app: &App) -> Option<u16> {
    match app {
        App::Send { bind, .. } | App::Requests { bind, .. } => Some(bind.1).filter(|p| *p != 0),
        App::Sink { port, .. } | App::Echo { port, .. } => Some(*port),
        App::Ping { .. } | App::Connect { .. } | App::Frames { .. } => None,
    }
}

fn mask_port(p: &mut Packet, chosen: u16, to: u16) -> bool {
    match &mut p.l4 {
        Transport::Udp { sport, dport } if (*sport, *dport) == (chosen, to) => *sport = 0,
        Transport::Udp { sport, dport } if (*dport, *sport) == (chosen, to) => *dport = 0,
        Transport::Icmp { quote: Some(quote), .. } => return mask_port(quote, chosen, to),
        _ => return false,
    }
    true
}

fn mask_tcp_port(p: &mut Packet, to: u16) -> bool {
    match &mut p.l4 {
        Transport::Tcp { sport, dport, .. } if *dport == to => *sport = 0,
        Transport::Tcp { sport, dport, .. } if *sport == to => *dport = 0,
        Transport::Icmp { quote: Some(quote), .. } => return mask_tcp_port(quote, to),
        _ => return false,
    }
    true
}

/// The packet that an ICMP error is about, or the packet itself.
fn about(p: &Packet) -> &Packet {
    match &p.l4 {
        Transport::Icmp { quote: Some(quote), .. } => about(quote),
        _ => p,
    }
}

fn ends(p: &Packet) -> [(u32, u16); 2] {
    let p = about(p);
    let (a, b) = match p.l4 {
        Transport::Udp { sport, dport } | Transport::Tcp { sport, dport, .. } => (sport, dport),
        _ => (0, 0),
    };
    [(p.src, a), (p.dst, b)]
}

fn mac(bytes: &[u8], at: usize) -> sim_models::packet::Mac {
    sim_models::packet::Mac(std::array::from_fn(|i| bytes.get(at + i).copied().unwrap_or(0)))
}

fn pkt_type(way: u8) -> sim_models::kernel::PktType {
    use sim_models::kernel::PktType;
    match way {
        1 => PktType::Broadcast,
        2 => PktType::Multicast,
        3 => PktType::OtherHost,
        4 => PktType::Outgoing,
        _ => PktType::Host,
    }
}

impl What {
    /// Is it sent, not received?
    pub fn is_out(&self) -> bool {
        self.frame.dir == Dir::Out
    }
}

impl fmt::Display for What {
    /// One line, fields in a fixed order; those at their usual value are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.frame)?;
        if let Some(tos) = self.tos.filter(|t| *t != 0) {
            write!(f, " tos={tos:#04x}")?;
        }
        if let Some(id) = self.echo_id {
            write!(f, " id={id}")?;
        }
        let usual = match &self.frame.body {
            Body::Ip(p) => u32::from(p.len) + 14,
            Body::Arp(_) => 42,
            Body::Stp(b) => b.net_len() + 14,
            Body::Other(_, len) => *len,
        };
        if self.len != usual {
            write!(f, " bytes={}", self.len)?;
        }
        if let Some((flow, seq)) = self.tag {
            write!(f, " #{flow}.{seq}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FlowKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = |(addr, port): (u32, u16)| match port {
            0 => Ip4Addr(addr).to_string(),
            port => format!("{}:{port}", Ip4Addr(addr)),
        };
        let name = match self.kind {
            (0x0806, _) => "ARP",
            (0x0800, 1) => "ICMP",
            (0x0800, 6) => "TCP",
            (0x0800, 17) => "UDP",
            (0x0800, _) => "IP",
            _ => "other",
        };
        write!(f, "{name} {} > {}", end(self.ends[0]), end(self.ends[1]))
    }
}
