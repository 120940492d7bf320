//! The bytes of a frame back into data. Reads what [`super::encode`] writes, and what a real kernel's capture holds of
//! the protocols modelled here; everything else is carried as a length.

use super::encode::{ICMP_HLEN, TCP_HLEN, UDP_HLEN, checksum, pseudo};
use super::frame::{
    ARP_LEN, Arp, ArpOp, ETH_HLEN, Frame, FrameId, IP_HLEN, IP_OFFSET, IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP, Icmp,
    Ip4, L4, Net, Payload, Quote, Tag, Tcp, Vlan, VlanProto,
};
use super::{addr::Mac, stp::Bpdu};
use std::fmt;

/// Are checksums looked at? A packet captured where it is sent has its transport checksum still to come
/// (`CHECKSUM_PARTIAL`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    Check,
    Ignore,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes end within this header.
    Short(&'static str),
    /// A field of this name has a value that can't be right, or that a [`Frame`] can't hold.
    Field(&'static str),
    /// The checksum of this header is wrong.
    Sum(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Short(what) => write!(f, "the frame ends within its {what} header"),
            DecodeError::Field(what) => write!(f, "{what} is not one that can be read"),
            DecodeError::Sum(what) => write!(f, "the {what} checksum is wrong"),
        }
    }
}
impl std::error::Error for DecodeError {}

fn u16_at(b: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([b[at], b[at + 1]])
}
fn u32_at(b: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]])
}
fn mac_at(b: &[u8], at: usize) -> Mac {
    Mac(std::array::from_fn(|i| b[at + i]))
}
fn need<'a>(bytes: &'a [u8], len: usize, what: &'static str) -> Result<&'a [u8], DecodeError> {
    if bytes.len() < len { Err(DecodeError::Short(what)) } else { Ok(bytes) }
}

/// Reads one frame. Its `id` and tags are blank: they are not on the wire. Bytes behind the packet (Ethernet's padding)
/// are left out. Payload may be cut short, as by a capture's snap length; then no transport checksum is checked.
///
/// # Errors
/// The bytes end within a header, an IPv4 header has options, or, where `sums` asks for it, a checksum is wrong.
pub fn decode(bytes: &[u8], sums: Sums) -> Result<Frame, DecodeError> {
    let b = need(bytes, ETH_HLEN as usize, "Ethernet")?;
    let (dst, src, mut ethertype) = (mac_at(b, 0), mac_at(b, 6), u16_at(b, 12));
    let mut body = &b[ETH_HLEN as usize..];
    let mut vlan = None;
    if let Some(proto) = tag_proto(ethertype) {
        let tag = need(body, 4, "802.1Q")?;
        vlan = Some(Vlan { proto, tci: u16_at(tag, 0) });
        (ethertype, body) = (u16_at(tag, 2), &body[4..]);
    }
    let (net, len) = match ethertype {
        0x0800 => {
            let (ip, l4, len) = decode_ip4(body, sums)?;
            (Net::Ip4(ip, l4), len)
        }
        0x0806 => (Net::Arp(decode_arp(body)?), 0),
        length @ ..0x600 => match Bpdu::decode(body)? {
            Some(bpdu) => (Net::Stp(Box::new(bpdu)), 0),
            None => (Net::Other(length), body.len() as u32),
        },
        other => (Net::Other(other), body.len() as u32),
    };
    Ok(Frame { id: FrameId(0), dst, src, vlan, net, payload: Payload { len, tag: Tag::default() } })
}

fn tag_proto(ethertype: u16) -> Option<VlanProto> {
    [VlanProto::Q, VlanProto::Ad].into_iter().find(|p| *p as u16 == ethertype)
}

fn decode_arp(bytes: &[u8]) -> Result<Arp, DecodeError> {
    let b = need(bytes, ARP_LEN as usize, "ARP")?;
    if b[..6] != [0, 1, 8, 0, 6, 4] {
        return Err(DecodeError::Field("ARP's kind of address"));
    }
    let op = match u16_at(b, 6) {
        1 => ArpOp::Request,
        2 => ArpOp::Reply,
        _ => return Err(DecodeError::Field("ARP's operation")),
    };
    Ok(Arp { op, sha: mac_at(b, 8), spa: u32_at(b, 14), tha: mac_at(b, 18), tpa: u32_at(b, 24) })
}

fn decode_ip4_header(bytes: &[u8], sums: Sums) -> Result<Ip4, DecodeError> {
    let b = need(bytes, usize::from(IP_HLEN), "IPv4")?;
    if b[0] >> 4 != 4 {
        return Err(DecodeError::Field("IPv4's version"));
    }
    if b[0] & 15 != 5 {
        return Err(DecodeError::Field("IPv4's header length (options are not modelled)"));
    }
    if sums == Sums::Check && checksum(0, &b[..usize::from(IP_HLEN)]) != 0 {
        return Err(DecodeError::Sum("IPv4"));
    }
    let ip = Ip4 {
        src: u32_at(b, 12),
        dst: u32_at(b, 16),
        len: u16_at(b, 2),
        id: u16_at(b, 4),
        frag: u16_at(b, 6),
        ttl: b[8],
        tos: b[1],
        proto: b[9],
    };
    if ip.len < IP_HLEN { Err(DecodeError::Field("IPv4's total length")) } else { Ok(ip) }
}

/// The packet, and how many bytes lie behind its innermost header.
fn decode_ip4(bytes: &[u8], sums: Sums) -> Result<(Ip4, L4, u32), DecodeError> {
    let ip = decode_ip4_header(bytes, sums)?;
    let whole = usize::from(ip.len);
    let b = &bytes[usize::from(IP_HLEN)..bytes.len().min(whole)];
    let body = whole - usize::from(IP_HLEN);
    // Neither a part of a datagram nor a cut one can be summed up.
    let sums = if b.len() < body || ip.is_fragment() { Sums::Ignore } else { sums };
    let (l4, header) = decode_l4(&ip, b, sums)?;
    Ok((ip, l4, body.saturating_sub(header) as u32))
}

/// The transport header and its length. The quote of an ICMP error counts as payload.
fn decode_l4(ip: &Ip4, b: &[u8], sums: Sums) -> Result<(L4, usize), DecodeError> {
    if ip.frag & IP_OFFSET != 0 {
        return Ok((L4::None, 0));
    }
    match ip.proto {
        IPPROTO_UDP => {
            let b = need(b, UDP_HLEN, "UDP")?;
            if sums == Sums::Check && u16_at(b, 6) != 0 && checksum(pseudo(ip, IPPROTO_UDP, b.len()), b) != 0 {
                return Err(DecodeError::Sum("UDP"));
            }
            Ok((L4::Udp { sport: u16_at(b, 0), dport: u16_at(b, 2) }, UDP_HLEN))
        }
        IPPROTO_TCP => {
            let tcp = decode_tcp(b)?;
            if sums == Sums::Check && checksum(pseudo(ip, IPPROTO_TCP, b.len()), b) != 0 {
                return Err(DecodeError::Sum("TCP"));
            }
            Ok((L4::Tcp(tcp), usize::from(tcp.hlen)))
        }
        IPPROTO_ICMP => decode_icmp(b, sums),
        _ => Ok((L4::None, 0)),
    }
}

fn decode_tcp(bytes: &[u8]) -> Result<Tcp, DecodeError> {
    let b = need(bytes, TCP_HLEN, "TCP")?;
    let hlen = (b[12] >> 4) * 4;
    if usize::from(hlen) < TCP_HLEN {
        return Err(DecodeError::Field("TCP's header length"));
    }
    need(b, usize::from(hlen), "TCP")?;
    Ok(Tcp {
        sport: u16_at(b, 0),
        dport: u16_at(b, 2),
        seq: u32_at(b, 4),
        ack: u32_at(b, 8),
        flags: b[13],
        hlen,
        window: u16_at(b, 14),
    })
}

/// Does a message of this type quote the packet it is about (RFC 792)?
fn is_error(kind: u8) -> bool {
    matches!(kind, 3 | 4 | 5 | 11 | 12)
}

fn decode_icmp(bytes: &[u8], sums: Sums) -> Result<(L4, usize), DecodeError> {
    let b = need(bytes, ICMP_HLEN, "ICMP")?;
    if sums == Sums::Check && checksum(0, b) != 0 {
        return Err(DecodeError::Sum("ICMP"));
    }
    let (kind, code, rest) = (b[0], b[1], u32_at(b, 4));
    let about = &b[ICMP_HLEN..];
    let quote = if is_error(kind) { Some(Box::new(decode_quote(about)?)) } else { None };
    Ok((L4::Icmp(Icmp { kind, code, rest, quote }), ICMP_HLEN))
}

/// A quote may end anywhere behind its IPv4 header; a transport header that is cut (TCP's is, at 8 bytes) is read as
/// far as its ports, and a quoted ICMP message's own quote is not followed.
fn decode_quote(bytes: &[u8]) -> Result<Quote, DecodeError> {
    // The sender of the error has changed the header (TTL) without summing it up again, or the other way round.
    let ip = decode_ip4_header(bytes, Sums::Ignore)?;
    let b = &bytes[usize::from(IP_HLEN)..];
    let l4 = match ip.proto {
        _ if ip.frag & IP_OFFSET != 0 || b.len() < UDP_HLEN => L4::None,
        IPPROTO_UDP => L4::Udp { sport: u16_at(b, 0), dport: u16_at(b, 2) },
        IPPROTO_TCP => L4::Tcp(decode_tcp(b).unwrap_or_else(|_| Tcp {
            sport: u16_at(b, 0),
            dport: u16_at(b, 2),
            seq: u32_at(b, 4),
            ..Tcp::default()
        })),
        IPPROTO_ICMP => L4::Icmp(Icmp { kind: b[0], code: b[1], rest: u32_at(b, 4), quote: None }),
        _ => L4::None,
    };
    Ok(Quote { ip, l4, tag: Tag::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::encode::encode;

    fn frame(net: Net, payload: u32) -> Frame {
        let mut frame = Frame::blank();
        frame.src = Mac([2, 0, 0, 0, 0, 0x0a]);
        frame.dst = Mac([2, 0, 0, 0, 0, 0x0b]);
        frame.payload.len = payload;
        frame.net = net;
        frame
    }
    fn ip(len: u16, proto: u8, frag: u16) -> Ip4 {
        Ip4 { src: 0x0a00_0001, dst: 0x0a00_00fe, len, id: 77, frag, ttl: 63, tos: 0xc0, proto }
    }
    fn tcp(hlen: u8) -> Tcp {
        Tcp { sport: 5001, dport: 8001, seq: 0xdead_beef, ack: 0xcafe_f00d, flags: 18, hlen, window: 64240 }
    }
    fn icmp(kind: u8, code: u8, rest: u32, quote: Option<(Ip4, L4)>) -> L4 {
        let quote = quote.map(|(ip, l4)| Box::new(Quote { ip, l4, tag: Tag::default() }));
        L4::Icmp(Icmp { kind, code, rest, quote })
    }

    /// One of each.
    fn all() -> Vec<Frame> {
        let udp = L4::Udp { sport: 4000, dport: 7001 };
        let arp = |op| {
            let (sha, tha) = (Mac([2, 0, 0, 0, 0, 0x0a]), Mac([2, 0, 0, 0, 0, 0x0b]));
            Net::Arp(Arp { op, sha, spa: 0x0a00_0001, tha, tpa: 0x0a00_0002 })
        };
        let echo = icmp(8, 0, 7 << 16 | 1, None);
        vec![
            frame(arp(ArpOp::Request), 0),
            frame(arp(ArpOp::Reply), 0),
            frame(Net::Other(0x88b5), 46),
            frame(Net::Ip4(ip(38, 17, 0x4000), udp.clone()), 10),
            frame(Net::Ip4(ip(28, 17, 0), udp.clone()), 0),
            frame(Net::Ip4(ip(65535, 17, 0), udp.clone()), 65507),
            frame(Net::Ip4(ip(1500, 17, 0x2000), udp.clone()), 1472),
            frame(Net::Ip4(ip(1500, 17, 0x2000 | 185), L4::None), 1480),
            frame(Net::Ip4(ip(60, 6, 0x4000), L4::Tcp(tcp(40))), 0),
            frame(Net::Ip4(ip(153, 6, 0x4000), L4::Tcp(tcp(32))), 101),
            frame(Net::Ip4(ip(84, 1, 0x4000), echo.clone()), 56),
            frame(Net::Ip4(ip(100, 253, 0), L4::None), 80),
            frame(Net::Ip4(ip(66, 1, 0), icmp(3, 3, 0, Some((ip(38, 17, 0x4000), udp.clone())))), 38),
            frame(Net::Ip4(ip(576, 1, 0), icmp(3, 4, 1000, Some((ip(1428, 17, 0x4000), udp.clone())))), 548),
            frame(Net::Ip4(ip(112, 1, 0), icmp(11, 0, 0, Some((ip(84, 1, 0x4000), echo)))), 84),
            frame(Net::Ip4(ip(96, 1, 0), icmp(3, 1, 0, Some((ip(60, 6, 0), L4::Tcp(tcp(40)))))), 68),
            frame(Net::Ip4(ip(576, 1, 0), icmp(11, 1, 0, Some((ip(996, 17, 0x2000 | 5), L4::None)))), 548),
        ]
    }

    fn encoded(frame: &Frame) -> Vec<u8> {
        let mut out = Vec::new();
        encode(frame, &mut out);
        out
    }

    #[test]
    fn what_was_encoded_comes_back() {
        for frame in all() {
            let bytes = encoded(&frame);
            let back = decode(&bytes, Sums::Check).unwrap();
            assert_eq!(format!("{back:?}"), format!("{frame:?}"));
            let padded = [bytes.as_slice(), &[0; 18]].concat();
            if frame.ip4().is_some() {
                assert_eq!(format!("{:?}", decode(&padded, Sums::Check).unwrap()), format!("{frame:?}"), "padding");
            }
        }
    }

    #[test]
    fn one_wrong_bit_is_found() {
        // Every bit behind the Ethernet header but those of a fragment's or an unknown protocol's body, and those that
        // say which header it is.
        for frame in all().iter().filter(|f| f.ip4().is_some_and(|ip| !ip.is_fragment() && ip.proto != 253)) {
            let bytes = encoded(frame);
            for bit in 14 * 8..bytes.len().min(200) * 8 {
                let mut wrong = bytes.clone();
                wrong[bit / 8] ^= 1 << (bit % 8);
                assert!(decode(&wrong, Sums::Check).is_err(), "bit {bit} of {frame}");
            }
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        for frame in all() {
            let bytes = encoded(&frame);
            for len in 0..bytes.len().min(120) {
                if let Ok(short) = decode(&bytes[..len], Sums::Check) {
                    assert_eq!(short.ethertype(), frame.ethertype());
                }
            }
            for at in 0..bytes.len().min(100) {
                for value in [0, 1, 4, 0x40, 0x4f, 0x7f, 0xff] {
                    let mut wrong = bytes.clone();
                    wrong[at] = value;
                    if let Ok(frame) = decode(&wrong, Sums::Ignore) {
                        assert!(!encoded(&frame).is_empty() && !frame.to_string().is_empty());
                    }
                }
            }
        }
    }

    /// Captured on a loopback device where it was sent: its UDP checksum is only the pseudo header's.
    #[test]
    fn a_kernels_frame_with_its_sum_to_come() {
        let bytes = [
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0x45, 0, 0, 0x21, 0xe5, 0x9b, 0x40, 0, 0x40, 0x11, 0x57, 0x2e,
            0x7f, 0, 0, 1, 0x7f, 0, 0, 1, 0x0f, 0xa0, 0, 9, 0, 0x0d, 0xfe, 0x20, b'h', b'e', b'l', b'l', b'o',
        ];
        let frame = decode(&bytes, Sums::Ignore).unwrap();
        assert_eq!(frame.to_string(), "IP 127.0.0.1.4000 > 127.0.0.1.9: UDP, length 5");
        assert_eq!((frame.len(), frame.payload.len, frame.ip4().unwrap().id), (47, 5, 58779));
        assert_eq!(decode(&bytes, Sums::Check).unwrap_err(), DecodeError::Sum("UDP"));
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let bytes = encoded(&all()[3]);
        let text = |at: usize, value: u8| {
            let mut wrong = bytes.clone();
            wrong[at] = value;
            decode(&wrong, Sums::Check).unwrap_err().to_string()
        };
        assert_eq!(
            decode(&bytes[..13], Sums::Check).unwrap_err().to_string(),
            "the frame ends within its Ethernet header"
        );
        assert_eq!(decode(&bytes[..40], Sums::Check).unwrap_err().to_string(), "the frame ends within its UDP header");
        assert_eq!(text(14, 0x65), "IPv4's version is not one that can be read");
        assert_eq!(text(14, 0x46), "IPv4's header length (options are not modelled) is not one that can be read");
        assert_eq!(text(22, 9), "the IPv4 checksum is wrong");
    }
}
