//! A frame as the bytes on the wire, with correct checksums: for capture files and for comparing with a real kernel's
//! captures.

use super::addr::Mac;
use super::frame::{Arp, ArpOp, Frame, IP_HLEN, IPPROTO_TCP, IPPROTO_UDP, Icmp, Ip4, L4, Net, Quote, Tcp, Vlan, Vxlan};

/// Bytes of a UDP header, of an ICMP header, of a TCP header without options.
pub const UDP_HLEN: usize = 8;
pub const ICMP_HLEN: usize = 8;
pub const TCP_HLEN: usize = 20;

/// The frame without padding, FCS or preamble: `frame.wire_len()` bytes, appended to `out`.
///
/// What a [`Frame`] does not hold is made up: payload bytes are 0 and TCP options are no-operations. Where IPv4's
/// total length has no room for the headers it is the length that counts. A first fragment's UDP header gives the
/// length of that fragment and no checksum, since the rest of its datagram is not known here.
pub fn encode(frame: &Frame, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&frame.dst.0);
    out.extend_from_slice(&frame.src.0);
    if let Some(vlan) = frame.vlan {
        encode_tag(vlan, out);
    }
    let mut net = &frame.net;
    while let Net::Vlan(t) = net {
        encode_tag(t.vlan, out);
        net = &t.net;
    }
    let ethertype = match net {
        Net::Vlan(_) => 0,
        Net::Arp(_) => 0x0806,
        Net::Ip4(..) => 0x0800,
        Net::Stp(bpdu) => bpdu.net_len() as u16,
        Net::Other(t) => *t,
        Net::Raw(raw) => raw.ethertype,
    };
    out.extend_from_slice(&ethertype.to_be_bytes());
    match net {
        Net::Arp(arp) => encode_arp(arp, out),
        Net::Ip4(ip, l4) => encode_ip4(ip, l4, usize::from(ip.len), out),
        Net::Raw(raw) => out.extend_from_slice(&raw.bytes),
        Net::Stp(bpdu) => bpdu.encode(out),
        Net::Other(_) | Net::Vlan(_) => {}
    }
    out.resize(start + frame.wire_len() as usize, 0);
}

fn encode_tag(vlan: Vlan, out: &mut Vec<u8>) {
    out.extend_from_slice(&(vlan.proto as u16).to_be_bytes());
    out.extend_from_slice(&vlan.tci.to_be_bytes());
}

fn encode_arp(arp: &Arp, out: &mut Vec<u8>) {
    let op: u16 = match arp.op {
        ArpOp::Request => 1,
        ArpOp::Reply => 2,
    };
    // Ethernet, IPv4, 6 and 4 bytes of address.
    out.extend_from_slice(&[0, 1, 8, 0, 6, 4]);
    out.extend_from_slice(&op.to_be_bytes());
    for (Mac(mac), ip) in [(arp.sha, arp.spa), (arp.tha, arp.tpa)] {
        out.extend_from_slice(&mac);
        out.extend_from_slice(&ip.to_be_bytes());
    }
}

/// The packet's first `room` bytes.
fn encode_ip4(ip: &Ip4, l4: &L4, room: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[0x45, ip.tos]);
    for word in [ip.len, ip.id, ip.frag] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.extend_from_slice(&[ip.ttl, ip.proto, 0, 0]);
    out.extend_from_slice(&ip.src.to_be_bytes());
    out.extend_from_slice(&ip.dst.to_be_bytes());
    let sum = checksum(0, &out[start..]);
    out[start + 10..start + 12].copy_from_slice(&sum.to_be_bytes());

    let body = usize::from(ip.len.saturating_sub(IP_HLEN));
    encode_l4(ip, l4, body, out);
    out.truncate(start + room);
}

fn encode_l4(ip: &Ip4, l4: &L4, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    match l4 {
        L4::None => out.resize(at + body, 0),
        L4::Udp { sport, dport } => encode_udp(ip, *sport, *dport, body, out),
        L4::Tcp(tcp) => encode_tcp(ip, tcp, body, out),
        L4::Vxlan(vxlan) => encode_vxlan(vxlan, body, out),
        L4::Icmp(icmp) => encode_icmp(icmp, body, out),
        L4::Wrong(l4) => encode_wrong(ip, l4, body, out),
    }
}

/// As it should be, but for the checksum.
fn encode_wrong(ip: &Ip4, l4: &L4, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    encode_l4(ip, l4, body, out);
    let sum = match l4 {
        L4::Udp { .. } => 6,
        L4::Tcp(_) => 16,
        _ => 2,
    };
    if let Some(byte) = out.get_mut(at + sum) {
        *byte ^= 0x55;
    }
}

fn encode_udp(ip: &Ip4, sport: u16, dport: u16, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    for word in [sport, dport, body as u16, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    out.resize(at + body, 0);
    if body >= UDP_HLEN && !ip.is_fragment() {
        let sum = match checksum(pseudo(ip, IPPROTO_UDP, body), &out[at..]) {
            // 0 means "no checksum" (RFC 768).
            0 => u16::MAX,
            sum => sum,
        };
        out[at + 6..at + 8].copy_from_slice(&sum.to_be_bytes());
    }
}

/// Over IPv4 the outer UDP header has no checksum.
fn encode_vxlan(v: &Vxlan, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    for word in [v.sport, v.dport, body as u16, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    // The I flag: the network's number is valid.
    out.extend_from_slice(&[8, 0, 0, 0]);
    out.extend_from_slice(&(v.vni << 8).to_be_bytes());
    encode(&v.frame, out);
    out.resize(at + body, 0);
}

fn encode_tcp(ip: &Ip4, tcp: &Tcp, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    // Whole words: 5 to 15 of them.
    let words = (usize::from(tcp.hlen).div_ceil(4)).clamp(TCP_HLEN / 4, 15);
    out.extend_from_slice(&tcp.sport.to_be_bytes());
    out.extend_from_slice(&tcp.dport.to_be_bytes());
    out.extend_from_slice(&tcp.seq.to_be_bytes());
    out.extend_from_slice(&tcp.ack.to_be_bytes());
    out.extend_from_slice(&[(words as u8) << 4, tcp.flags]);
    out.extend_from_slice(&tcp.window.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    const NOP: u8 = 1;
    out.resize(at + words * 4, NOP);
    out.resize(at + body, 0);
    if body >= TCP_HLEN && !ip.is_fragment() {
        let sum = checksum(pseudo(ip, IPPROTO_TCP, body), &out[at..]);
        out[at + 16..at + 18].copy_from_slice(&sum.to_be_bytes());
    }
}

fn encode_icmp(icmp: &Icmp, body: usize, out: &mut Vec<u8>) {
    let at = out.len();
    out.extend_from_slice(&[icmp.kind, icmp.code, 0, 0]);
    out.extend_from_slice(&icmp.rest.to_be_bytes());
    if let Some(Quote { ip, l4, .. }) = icmp.quote.as_deref() {
        encode_ip4(ip, l4, body.saturating_sub(ICMP_HLEN), out);
    }
    out.resize(at + body, 0);
    if body >= ICMP_HLEN {
        let sum = checksum(0, &out[at..]);
        out[at + 2..at + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

/// The sum over the pseudo header (RFC 768, RFC 9293).
pub(super) fn pseudo(ip: &Ip4, proto: u8, len: usize) -> u32 {
    let halves = |a: u32| (a >> 16) + (a & 0xffff);
    halves(ip.src) + halves(ip.dst) + u32::from(proto) + len as u32
}

/// The internet checksum (RFC 1071) over `bytes`, begun with `sum`; 0 over data that holds its own right checksum.
pub(super) fn checksum(sum: u32, bytes: &[u8]) -> u16 {
    // At most 65,535 bytes: the sum of the words stays below 2^32.
    let mut sum = bytes
        .chunks(2)
        .fold(sum, |sum, pair| sum + (u32::from(pair[0]) << 8) + pair.get(1).map_or(0, |low| u32::from(*low)));
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{Ip4Addr, Payload, Tag};

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: String = hex.split_whitespace().collect();
        (0..digits.len()).step_by(2).map(|i| u8::from_str_radix(&digits[i..i + 2], 16).unwrap()).collect()
    }
    fn encoded(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        encode(frame, &mut out);
        out
    }

    /// Captured on a loopback device: the kernel's answer to a SYN for a closed port.
    #[test]
    fn a_reset_is_byte_for_byte_the_kernels() {
        let want = "0000 0000 0000 0000 0000 0000 0800 4500 0028 0000 4000 4006 3cce 7f00 0001 7f00
                    0001 1f41 1389 0000 0000 7da4 4e88 5014 0000 b2d7 0000";
        let lo = "127.0.0.1".parse::<Ip4Addr>().unwrap().0;
        let ip = Ip4 { src: lo, dst: lo, len: 40, id: 0, frag: 0x4000, ttl: 64, tos: 0, proto: 6 };
        let tcp = Tcp { sport: 8001, dport: 5001, seq: 0, ack: 0x7da4_4e88, flags: 0x14, hlen: 20, window: 0 };
        let mut frame = Frame::blank();
        frame.net = Net::Ip4(ip, L4::Tcp(tcp));
        assert_eq!(encoded(&frame), bytes(want));
    }

    #[test]
    fn checksums_are_those_of_the_rfcs() {
        // RFC 1071, section 3: the words sum up to ddf2.
        assert_eq!(checksum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(0, &[0xab]), !0xab00, "an odd byte counts as the high one");
        assert_eq!(checksum(0, &[0xff; 65_535]), !0xff00);
    }

    #[test]
    fn a_udp_sum_of_nothing_is_all_ones() {
        // Ports chosen so that the sum comes out as 0, which would mean "none".
        let ip = Ip4 { len: 28, proto: 17, ..Ip4::default() };
        let rest = 17 + 8 + 8;
        let mut frame = Frame::blank();
        frame.net = Net::Ip4(ip, L4::Udp { sport: 0xffff - rest, dport: 0 });
        assert_eq!(encoded(&frame)[40..42], [0xff, 0xff]);
    }

    #[test]
    fn the_length_is_the_frames_whatever_the_headers_say() {
        let quote = Quote { ip: Ip4 { len: 1500, proto: 6, ..Ip4::default() }, l4: L4::None, tag: Tag::default() };
        let icmp = Icmp { kind: 3, code: 3, rest: 0, quote: Some(Box::new(quote)) };
        let tcp = Tcp { hlen: 255, ..Tcp::default() };
        for l4 in [L4::None, L4::Udp { sport: 1, dport: 2 }, L4::Tcp(tcp), L4::Icmp(icmp)] {
            for len in [0, 1, 19, 20, 21, 27, 28, 29, 47, 48, 79, 80, 81, 1500, u16::MAX] {
                let mut frame = Frame::blank();
                frame.net = Net::Ip4(Ip4 { len, ..Ip4::default() }, l4.clone());
                let mut out = vec![7; 3];
                encode(&frame, &mut out);
                assert_eq!(out.len(), 3 + frame.len() as usize);
                assert_eq!(out[..3], [7; 3], "appended");
            }
        }
        let mut frame = Frame::blank();
        frame.net = Net::Other(0x88b5);
        frame.payload = Payload { len: 46, tag: Tag::default() };
        assert_eq!(encoded(&frame).len(), 60);
    }
}
