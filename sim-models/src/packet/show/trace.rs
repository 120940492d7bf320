//! The notation of the labs' traces: every header field that a real kernel gives again on every run, and no other
//! (no TOS, IP id, sequence number, window, checksum or echo id).

use crate::kernel::PktType;
use crate::packet::addr::Ip4Addr;
use crate::packet::frame::{
    ArpOp, Frame, IP_HLEN, Icmp, Ip4, L4, Net, TCP_ACK, TCP_FIN, TCP_PSH, TCP_RST, TCP_SYN, Tcp,
};
use std::fmt::Write;

/// One frame as a device's capture shows it: direction, addresses, headers.
///
/// The direction is `out`, or `in ` for this host, `inB` broadcast, `inM` multicast, `inO` another host's.
/// `out 02:00:00:00:00:0a>02:00:00:00:00:0b IP 10.0.0.1>10.0.0.2 ttl=64 len=84 proto=1 DF icmp echo-request/0 seq=1`
pub fn trace_line(pkt_type: PktType, frame: &Frame) -> String {
    let direction = match pkt_type {
        PktType::Outgoing => "out",
        PktType::Host | PktType::Loopback => "in ",
        PktType::Broadcast => "inB",
        PktType::Multicast => "inM",
        PktType::OtherHost => "inO",
    };
    let mut line = format!("{direction} {}>{} ", frame.src, frame.dst);
    if let Some(vlan) = frame.vlan {
        put(&mut line, format_args!("vlan={} ", vlan.vid()));
    }
    let mut net = &frame.net;
    while let Net::Vlan(t) = net {
        put(&mut line, format_args!("vlan={} ", t.vlan.vid()));
        net = &t.net;
    }
    match net {
        Net::Vlan(_) => {}
        Net::Arp(arp) => {
            let op = match arp.op {
                ArpOp::Request => "who-has",
                ArpOp::Reply => "is-at",
            };
            put(&mut line, format_args!("ARP {op} tpa={} tha={}", Ip4Addr(arp.tpa), arp.tha));
            put(&mut line, format_args!(" spa={} sha={}", Ip4Addr(arp.spa), arp.sha));
        }
        Net::Ip4(ip, l4) => ip4(&mut line, ip, l4),
        Net::Raw(raw) => put(&mut line, format_args!("ethertype={:#06x} len={}", raw.ethertype, frame.payload.len)),
        Net::Stp(bpdu) => put(&mut line, format_args!("{bpdu}")),
        Net::Other(kind) => put(&mut line, format_args!("ethertype={kind:#06x} len={}", frame.payload.len)),
    }
    line
}

/// Writing to a string can't fail.
fn put(line: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = line.write_fmt(text);
}

fn ip4(line: &mut String, ip: &Ip4, l4: &L4) {
    put(line, format_args!("IP {}>{}", Ip4Addr(ip.src), Ip4Addr(ip.dst)));
    put(line, format_args!(" ttl={} len={} proto={}", ip.ttl, ip.len, ip.proto));
    if ip.df() {
        line.push_str(" DF");
    }
    if ip.is_fragment() {
        put(line, format_args!(" frag={}{}", ip.offset(), if ip.mf() { "+" } else { "" }));
    }
    transport(line, ip, l4);
}

fn transport(line: &mut String, ip: &Ip4, l4: &L4) {
    match l4 {
        L4::None => {}
        L4::Wrong(l4) => transport(line, ip, l4),
        L4::Udp { sport, dport } => put(line, format_args!(" udp {sport}>{dport}")),
        L4::Vxlan(v) => put(line, format_args!(" udp {}>{}", v.sport, v.dport)),
        L4::Tcp(tcp) => self::tcp(line, ip, tcp),
        L4::Icmp(icmp) => self::icmp(line, icmp),
    }
}

fn tcp(line: &mut String, ip: &Ip4, tcp: &Tcp) {
    const FLAGS: [(u8, char); 5] = [(TCP_FIN, 'F'), (TCP_SYN, 'S'), (TCP_RST, 'R'), (TCP_PSH, 'P'), (TCP_ACK, 'A')];
    put(line, format_args!(" tcp {}>{} ", tcp.sport, tcp.dport));
    line.extend(FLAGS.iter().filter(|(bit, _)| tcp.flags & bit != 0).map(|(_, letter)| letter));
    put(line, format_args!(" plen={}", ip.len.saturating_sub(IP_HLEN + u16::from(tcp.hlen))));
}

fn icmp(line: &mut String, icmp: &Icmp) {
    let code = icmp.code;
    match icmp.kind {
        0 => put(line, format_args!(" icmp echo-reply/{code} seq={}", icmp.rest & 0xffff)),
        3 => put(line, format_args!(" icmp unreach/{code}")),
        5 => put(line, format_args!(" icmp redirect/{code} gw={}", Ip4Addr(icmp.rest))),
        8 => put(line, format_args!(" icmp echo-request/{code} seq={}", icmp.rest & 0xffff)),
        11 => put(line, format_args!(" icmp ttl-exceeded/{code}")),
        other => put(line, format_args!(" icmp {other}/{code}")),
    }
    if icmp.kind == 3 && code == 4 {
        put(line, format_args!(" mtu={}", icmp.rest & 0xffff));
    }
    if let Some(quote) = &icmp.quote {
        line.push_str(" [");
        ip4(line, &quote.ip, &quote.l4);
        line.push(']');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Arp, Mac, Quote};
    use std::str::SplitWhitespace;

    /// Reads a line back: only for this test, so every word that the labs hold and no other.
    fn read(line: &str) -> (PktType, Frame) {
        let (direction, rest) = line.split_at(3);
        let pkt_type = match direction {
            "out" => PktType::Outgoing,
            "in " => PktType::Host,
            "inB" => PktType::Broadcast,
            "inM" => PktType::Multicast,
            "inO" => PktType::OtherHost,
            other => panic!("direction {other:?}"),
        };
        let mut words = rest.split_whitespace();
        let (src, dst) = words.next().unwrap().split_once('>').unwrap();
        let mut frame = Frame::blank();
        (frame.src, frame.dst) = (src.parse().unwrap(), dst.parse().unwrap());
        frame.net = match words.next().unwrap() {
            "ARP" => Net::Arp(read_arp(&mut words)),
            "IP" => {
                let text = rest.split_once("IP ").unwrap().1;
                let (ip, l4) = read_ip4(text);
                Net::Ip4(ip, l4)
            }
            other => panic!("{other}"),
        };
        (pkt_type, frame)
    }

    fn addr(text: &str) -> u32 {
        text.parse::<Ip4Addr>().unwrap().0
    }

    fn read_arp(words: &mut SplitWhitespace) -> Arp {
        let op = if words.next() == Some("is-at") { ArpOp::Reply } else { ArpOp::Request };
        let mut arp = Arp { op, sha: Mac::ZERO, spa: 0, tha: Mac::ZERO, tpa: 0 };
        for word in words {
            match word.split_once('=').unwrap() {
                ("tpa", v) => arp.tpa = addr(v),
                ("spa", v) => arp.spa = addr(v),
                ("tha", v) => arp.tha = v.parse().unwrap(),
                ("sha", v) => arp.sha = v.parse().unwrap(),
                other => panic!("{other:?}"),
            }
        }
        arp
    }

    fn read_ip4(text: &str) -> (Ip4, L4) {
        let (text, quote) = match text.split_once(" [IP ") {
            Some((text, quote)) => (text, Some(quote.strip_suffix(']').unwrap())),
            None => (text, None),
        };
        let quote = quote.map(read_ip4).map(|(ip, l4)| Box::new(Quote { ip, l4, tag: Default::default() }));
        let mut words = text.split_whitespace();
        let (src, dst) = words.next().unwrap().split_once('>').unwrap();
        let mut ip = Ip4 { src: addr(src), dst: addr(dst), ..Ip4::default() };
        let mut l4 = L4::None;
        let ports = |words: &mut SplitWhitespace| {
            let (s, d) = words.next().unwrap().split_once('>').unwrap();
            (s.parse().unwrap(), d.parse().unwrap())
        };
        while let Some(word) = words.next() {
            match word.split_once('=').unwrap_or((word, "")) {
                ("ttl", v) => ip.ttl = v.parse().unwrap(),
                ("len", v) => ip.len = v.parse().unwrap(),
                ("proto", v) => ip.proto = v.parse().unwrap(),
                ("DF", _) => ip.frag |= 0x4000,
                ("frag", v) => {
                    ip.frag |= v.trim_end_matches('+').parse::<u16>().unwrap() / 8;
                    ip.frag |= if v.ends_with('+') { 0x2000 } else { 0 };
                }
                ("udp", _) => {
                    let (sport, dport) = ports(&mut words);
                    l4 = L4::Udp { sport, dport };
                }
                ("tcp", _) => {
                    let (sport, dport) = ports(&mut words);
                    let letters = words.next().unwrap();
                    let bit = |c| 1 << "FSRPA".find(c).unwrap();
                    let flags = letters.chars().map(bit).sum();
                    let plen: u16 = words.next().unwrap().strip_prefix("plen=").unwrap().parse().unwrap();
                    let hlen = (ip.len - 20 - plen) as u8;
                    l4 = L4::Tcp(Tcp { sport, dport, flags, hlen, ..Tcp::default() });
                }
                ("icmp", _) => {
                    let (name, code) = words.next().unwrap().split_once('/').unwrap();
                    let kinds = ["echo-reply", "unreach", "echo-request", "ttl-exceeded"];
                    let kind = [0, 3, 8, 11][kinds.iter().position(|k| *k == name).unwrap()];
                    l4 = L4::Icmp(Icmp { kind, code: code.parse().unwrap(), rest: 0, quote: quote.clone() });
                }
                ("seq" | "mtu", v) => match &mut l4 {
                    L4::Icmp(icmp) => icmp.rest = v.parse().unwrap(),
                    _ => panic!("{text}"),
                },
                other => panic!("{other:?} in {text}"),
            }
        }
        (ip, l4)
    }

    #[test]
    fn every_line_of_every_lab_reads_back() {
        let labs = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/labs");
        let mut lines = 0;
        for lab in std::fs::read_dir(labs).unwrap().map(Result::unwrap).filter(|l| l.path().is_dir()) {
            let text = std::fs::read_to_string(lab.path().join("trace.txt")).unwrap();
            let frames = text.split("== results").next().unwrap();
            for line in frames.lines().filter(|l| !l.starts_with("==")) {
                // "  7 in  …": the number of the frame on its device.
                let (_, line) = line.trim_start().split_once(' ').unwrap();
                let (pkt_type, frame) = read(line);
                assert_eq!(trace_line(pkt_type, &frame), line);
                lines += 1;
            }
        }
        assert!(lines > 500, "{lines} lines");
    }

    #[test]
    fn what_no_lab_holds() {
        let mut frame = Frame::blank();
        frame.payload.len = 46;
        frame.net = Net::Other(0x88b5);
        let zero = "00:00:00:00:00:00";
        assert_eq!(trace_line(PktType::Multicast, &frame), format!("inM {zero}>{zero} ethertype=0x88b5 len=46"));
        let ip = Ip4 { src: 1, dst: 2, len: 56, ttl: 9, proto: 1, frag: 0x2001, ..Ip4::default() };
        frame.net = Net::Ip4(ip, L4::Icmp(Icmp { kind: 5, code: 1, rest: 0x0a00_00fe, quote: None }));
        assert_eq!(
            trace_line(PktType::Loopback, &frame),
            format!("in  {zero}>{zero} IP 0.0.0.1>0.0.0.2 ttl=9 len=56 proto=1 frag=8+ icmp redirect/1 gw=10.0.0.254")
        );
    }
}
