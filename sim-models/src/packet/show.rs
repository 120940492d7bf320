//! A frame as one line of text: as `tcpdump -n -S` prints it, and in the notation of the labs' traces.

mod trace;

pub use trace::trace_line;

use super::addr::Ip4Addr;
use super::frame::{ARP_LEN, Arp, ArpOp, Frame, IP_HLEN, Icmp, Ip4, L4, Net, Tcp, Vlan};
use super::{
    Mac,
    encode::{TCP_HLEN, UDP_HLEN},
};
use std::fmt;

impl fmt::Display for Frame {
    /// As `tcpdump -n -S` (4.99) without the time.
    ///
    /// A tag is shown as with `-e`, and a frame within a datagram on the same line. It differs where a frame holds no
    /// bytes: ports never make it open a payload (port 53 is "UDP", not a DNS query),
    /// TCP options are left out, and a first fragment's UDP length is that fragment's own.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vlan) = self.vlan {
            write_tag(f, vlan)?;
        }
        let mut net = &self.net;
        while let Net::Vlan(t) = net {
            write_tag(f, t.vlan)?;
            net = &t.net;
        }
        match net {
            Net::Vlan(_) => Ok(()),
            Net::Arp(arp) => write_arp(f, arp),
            Net::Ip4(ip, l4) => write_ip4(f, ip, l4),
            Net::Raw(raw) => {
                let (kind, len) = (raw.ethertype, self.len());
                write!(f, "{} > {}, bad {} ({kind:#06x}), length {len}", self.src, self.dst, name(kind))
            }
            Net::Stp(bpdu) => bpdu.fmt(f),
            Net::Other(kind) => {
                write!(f, "{} > {}, ethertype {} ({kind:#06x}), length {}", self.src, self.dst, name(*kind), self.len())
            }
        }
    }
}

fn write_tag(f: &mut fmt::Formatter<'_>, vlan: Vlan) -> fmt::Result {
    write!(f, "vlan {}, p {}, ", vlan.vid(), vlan.pcp())
}

fn name(ethertype: u16) -> &'static str {
    match ethertype {
        0x0800 => "IPv4",
        0x0806 => "ARP",
        0x86dd => "IPv6",
        0x8100 => "802.1Q",
        0x88cc => "LLDP",
        _ => "Unknown",
    }
}

fn write_arp(f: &mut fmt::Formatter<'_>, arp: &Arp) -> fmt::Result {
    let (spa, tpa) = (Ip4Addr(arp.spa), Ip4Addr(arp.tpa));
    match arp.op {
        ArpOp::Request => {
            write!(f, "ARP, Request who-has {tpa}")?;
            if arp.tha != Mac::ZERO {
                write!(f, " ({})", arp.tha)?;
            }
            write!(f, " tell {spa}, length {ARP_LEN}")
        }
        ArpOp::Reply => write!(f, "ARP, Reply {spa} is-at {}, length {ARP_LEN}", arp.sha),
    }
}

fn write_ip4(f: &mut fmt::Formatter<'_>, ip: &Ip4, l4: &L4) -> fmt::Result {
    let (src, dst) = (Ip4Addr(ip.src), Ip4Addr(ip.dst));
    let body = usize::from(ip.len.saturating_sub(IP_HLEN));
    match l4 {
        L4::Udp { sport, dport } => {
            write!(f, "IP {src}.{sport} > {dst}.{dport}: UDP, length {}", body.saturating_sub(UDP_HLEN))
        }
        L4::Wrong(l4) => {
            write_ip4(f, ip, l4)?;
            write!(f, " [bad cksum]")
        }
        L4::Vxlan(v) => {
            let (sport, dport, vni) = (v.sport, v.dport, v.vni);
            write!(f, "IP {src}.{sport} > {dst}.{dport}: VXLAN, flags [I] (0x08), vni {vni}: {}", v.frame)
        }
        L4::Tcp(tcp) => {
            write!(f, "IP {src}.{} > {dst}.{}: ", tcp.sport, tcp.dport)?;
            write_tcp(f, tcp, body.saturating_sub(usize::from(tcp.hlen).max(TCP_HLEN)) as u32)
        }
        L4::Icmp(icmp) => {
            write!(f, "IP {src} > {dst}: ICMP ")?;
            write_icmp(f, icmp)?;
            write!(f, ", length {body}")
        }
        L4::None if ip.offset() > 0 => write!(f, "IP {src} > {dst}: ip-proto-{}", ip.proto),
        // Two blanks and the length: a protocol that tcpdump does not open.
        L4::None => write!(f, "IP {src} > {dst}:  ip-proto-{} {body}", ip.proto),
    }
}

/// In the order tcpdump gives them.
const FLAGS: [(u8, char); 8] = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (16, '.'), (32, 'U'), (64, 'E'), (128, 'W')];

fn write_tcp(f: &mut fmt::Formatter<'_>, tcp: &Tcp, payload: u32) -> fmt::Result {
    use super::frame::{TCP_ACK, TCP_FIN, TCP_RST, TCP_SYN};
    if tcp.flags == 0 {
        write!(f, "Flags [none]")?;
    } else {
        let set: String = FLAGS.iter().filter(|(bit, _)| tcp.flags & bit != 0).map(|(_, c)| c).collect();
        write!(f, "Flags [{set}]")?;
    }
    if payload > 0 {
        write!(f, ", seq {}:{}", tcp.seq, tcp.seq.wrapping_add(payload))?;
    } else if tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST) != 0 {
        write!(f, ", seq {}", tcp.seq)?;
    }
    if tcp.flags & TCP_ACK != 0 {
        write!(f, ", ack {}", tcp.ack)?;
    }
    write!(f, ", win {}, length {payload}", tcp.window)
}

fn write_icmp(f: &mut fmt::Formatter<'_>, icmp: &Icmp) -> fmt::Result {
    let Icmp { kind, code, rest, .. } = *icmp;
    match kind {
        0 | 8 => {
            let what = if kind == 8 { "request" } else { "reply" };
            write!(f, "echo {what}, id {}, seq {}", rest >> 16, rest & 0xffff)
        }
        3 => write_unreachable(f, icmp),
        4 => write!(f, "source quench"),
        5 => write_redirect(f, icmp),
        11 => match code {
            0 => write!(f, "time exceeded in-transit"),
            1 => write!(f, "ip reassembly time exceeded"),
            n => write!(f, "time exceeded-#{n}"),
        },
        12 if code == 0 => write!(f, "parameter problem - octet {}", rest >> 24),
        12 => write!(f, "parameter problem - code {code}"),
        n => write!(f, "type-#{n}"),
    }
}

/// The destination of the packet that an error is about; without a quote there is none to name.
fn about(icmp: &Icmp) -> Ip4Addr {
    Ip4Addr(icmp.quote.as_ref().map_or(0, |q| q.ip.dst))
}

fn write_unreachable(f: &mut fmt::Formatter<'_>, icmp: &Icmp) -> fmt::Result {
    let dst = about(icmp);
    match icmp.code {
        0 => write!(f, "net {dst} unreachable"),
        1 => write!(f, "host {dst} unreachable"),
        2 => write!(f, "{dst} protocol {} unreachable", icmp.quote.as_ref().map_or(0, |q| q.ip.proto)),
        3 => match icmp.quote.as_ref().map(|q| (&q.l4, q.ip.proto)) {
            Some((L4::Udp { dport, .. }, _)) => write!(f, "{dst} udp port {dport} unreachable"),
            Some((L4::Tcp(tcp), _)) => write!(f, "{dst} tcp port {} unreachable", tcp.dport),
            other => write!(f, "{dst} protocol {} port 0 unreachable", other.map_or(0, |o| o.1)),
        },
        4 if icmp.rest & 0xffff == 0 => write!(f, "{dst} unreachable - need to frag"),
        4 => write!(f, "{dst} unreachable - need to frag (mtu {})", icmp.rest & 0xffff),
        5 => write!(f, "{dst} unreachable - source route failed"),
        6 => write!(f, "net {dst} unreachable - unknown"),
        7 => write!(f, "host {dst} unreachable - unknown"),
        8 => write!(f, "{dst} unreachable - source host isolated"),
        9 => write!(f, "net {dst} unreachable - admin prohibited"),
        10 => write!(f, "host {dst} unreachable - admin prohibited"),
        11 => write!(f, "net {dst} unreachable - tos prohibited"),
        12 => write!(f, "host {dst} unreachable - tos prohibited"),
        13 => write!(f, "host {dst} unreachable - admin prohibited filter"),
        14 => write!(f, "host {dst} unreachable - host precedence violation"),
        15 => write!(f, "host {dst} unreachable - precedence cutoff"),
        n => write!(f, "{dst} unreachable - #{n}"),
    }
}

fn write_redirect(f: &mut fmt::Formatter<'_>, icmp: &Icmp) -> fmt::Result {
    let (dst, gateway) = (about(icmp), Ip4Addr(icmp.rest));
    match icmp.code {
        0 => write!(f, "redirect {dst} to net {gateway}"),
        1 => write!(f, "redirect {dst} to host {gateway}"),
        2 => write!(f, "redirect-tos {dst} to net {gateway}"),
        3 => write!(f, "redirect-tos {dst} to host {gateway}"),
        n => write!(f, "redirect-#{n} {dst} to {gateway}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Quote, Tag};

    fn ip(len: u16, proto: u8, frag: u16) -> Ip4 {
        Ip4 { src: 0x0a00_0001, dst: 0x0a00_0002, len, id: 1, frag, ttl: 64, tos: 0, proto }
    }
    fn line(net: Net) -> String {
        let mut frame = Frame::blank();
        frame.src = Mac([2, 0, 0, 0, 0, 0x0a]);
        frame.dst = Mac([2, 0, 0, 0, 0, 0x0b]);
        frame.payload.len = 50;
        frame.net = net;
        frame.to_string()
    }
    fn arp(op: ArpOp, spa: u32, tha: Mac, tpa: u32) -> String {
        line(Net::Arp(Arp { op, sha: Mac([2, 0, 0, 0, 0, 0x0a]), spa, tha, tpa }))
    }
    fn tcp(flags: u8, seq: u32, ack: u32, len: u16) -> String {
        let tcp = Tcp { sport: 5001, dport: 8001, seq, ack, flags, hlen: 20, window: 64240 };
        line(Net::Ip4(ip(len, 6, 0x4000), L4::Tcp(tcp)))
    }
    fn icmp(kind: u8, code: u8, rest: u32, quoted: L4) -> String {
        let proto = match quoted {
            L4::Tcp(_) => 6,
            L4::Udp { .. } => 17,
            _ => 132,
        };
        let about = Ip4 { dst: 0x0a00_0909, len: 38, proto, ..Ip4::default() };
        let quote = Some(Box::new(Quote { ip: about, l4: quoted, tag: Tag::default() }));
        let quote = if matches!(kind, 3 | 5 | 11 | 12) { quote } else { None };
        line(Net::Ip4(ip(66, 1, 0), L4::Icmp(Icmp { kind, code, rest, quote })))
    }

    /// All texts here are what tcpdump 4.99.3 printed for the encoded frames.
    #[test]
    fn arp_as_tcpdump() {
        let (a, b) = (0x0a00_0001, 0x0a00_0002);
        let known = Mac([2, 0, 0, 0, 0, 0x0b]);
        for (got, want) in [
            (arp(ArpOp::Request, a, Mac::ZERO, b), "ARP, Request who-has 10.0.0.2 tell 10.0.0.1, length 28"),
            (
                arp(ArpOp::Request, a, known, b),
                "ARP, Request who-has 10.0.0.2 (02:00:00:00:00:0b) tell 10.0.0.1, length 28",
            ),
            (arp(ArpOp::Request, 0, Mac::ZERO, a), "ARP, Request who-has 10.0.0.1 tell 0.0.0.0, length 28"),
            (arp(ArpOp::Reply, a, known, b), "ARP, Reply 10.0.0.1 is-at 02:00:00:00:00:0a, length 28"),
        ] {
            assert_eq!(got, want);
        }
    }

    #[test]
    fn ip_as_tcpdump() {
        let udp = || L4::Udp { sport: 4000, dport: 9000 };
        for (net, want) in [
            (Net::Ip4(ip(38, 17, 0x4000), udp()), "IP 10.0.0.1.4000 > 10.0.0.2.9000: UDP, length 10"),
            (Net::Ip4(ip(1500, 17, 0x2000), udp()), "IP 10.0.0.1.4000 > 10.0.0.2.9000: UDP, length 1472"),
            (Net::Ip4(ip(500, 17, 370), L4::None), "IP 10.0.0.1 > 10.0.0.2: ip-proto-17"),
            (Net::Ip4(ip(100, 253, 0), L4::None), "IP 10.0.0.1 > 10.0.0.2:  ip-proto-253 80"),
            (Net::Other(0x88b5), "02:00:00:00:00:0a > 02:00:00:00:00:0b, ethertype Unknown (0x88b5), length 64"),
        ] {
            assert_eq!(line(net), want);
        }
    }

    #[test]
    fn tcp_as_tcpdump() {
        let head = "IP 10.0.0.1.5001 > 10.0.0.2.8001: Flags";
        for (got, want) in [
            (tcp(2, 1000, 0, 40), "[S], seq 1000, win 64240, length 0"),
            (tcp(18, 2000, 1001, 40), "[S.], seq 2000, ack 1001, win 64240, length 0"),
            (tcp(16, 1001, 2001, 40), "[.], ack 2001, win 64240, length 0"),
            (tcp(24, 1001, 2001, 140), "[P.], seq 1001:1101, ack 2001, win 64240, length 100"),
            (tcp(17, 1101, 2001, 40), "[F.], seq 1101, ack 2001, win 64240, length 0"),
            (tcp(4, 7, 0, 40), "[R], seq 7, win 64240, length 0"),
            (tcp(20, 0, 1001, 40), "[R.], seq 0, ack 1001, win 64240, length 0"),
            (tcp(0, 5, 0, 40), "[none], win 64240, length 0"),
            (tcp(0xc2, 5, 0, 60), "[SEW], seq 5:25, win 64240, length 20"),
        ] {
            assert_eq!(got, format!("{head} {want}"));
        }
    }

    #[test]
    fn icmp_as_tcpdump() {
        let udp = || L4::Udp { sport: 4000, dport: 7001 };
        let gateway = 0x0a00_00fe;
        for (got, want) in [
            (icmp(8, 0, 7 << 16 | 1, udp()), "echo request, id 7, seq 1"),
            (icmp(0, 0, 7 << 16 | 2, udp()), "echo reply, id 7, seq 2"),
            (icmp(3, 0, 0, udp()), "net 10.0.9.9 unreachable"),
            (icmp(3, 1, 0, udp()), "host 10.0.9.9 unreachable"),
            (icmp(3, 2, 0, L4::None), "10.0.9.9 protocol 132 unreachable"),
            (icmp(3, 3, 0, udp()), "10.0.9.9 udp port 7001 unreachable"),
            (icmp(3, 3, 0, L4::Tcp(Tcp { dport: 8001, ..Tcp::default() })), "10.0.9.9 tcp port 8001 unreachable"),
            (icmp(3, 3, 0, L4::None), "10.0.9.9 protocol 132 port 0 unreachable"),
            (icmp(3, 4, 1000, udp()), "10.0.9.9 unreachable - need to frag (mtu 1000)"),
            (icmp(3, 4, 0, udp()), "10.0.9.9 unreachable - need to frag"),
            (icmp(3, 9, 0, udp()), "net 10.0.9.9 unreachable - admin prohibited"),
            (icmp(3, 10, 0, udp()), "host 10.0.9.9 unreachable - admin prohibited"),
            (icmp(3, 13, 0, udp()), "host 10.0.9.9 unreachable - admin prohibited filter"),
            (icmp(3, 16, 0, udp()), "10.0.9.9 unreachable - #16"),
            (icmp(4, 0, 0, udp()), "source quench"),
            (icmp(5, 0, gateway, udp()), "redirect 10.0.9.9 to net 10.0.0.254"),
            (icmp(5, 1, gateway, udp()), "redirect 10.0.9.9 to host 10.0.0.254"),
            (icmp(5, 3, gateway, udp()), "redirect-tos 10.0.9.9 to host 10.0.0.254"),
            (icmp(11, 0, 0, udp()), "time exceeded in-transit"),
            (icmp(11, 1, 0, udp()), "ip reassembly time exceeded"),
            (icmp(12, 0, 20 << 24, udp()), "parameter problem - octet 20"),
            (icmp(40, 0, 0, udp()), "type-#40"),
        ] {
            assert_eq!(got, format!("IP 10.0.0.1 > 10.0.0.2: ICMP {want}, length 46"));
        }
    }
}
