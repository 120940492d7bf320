//! Frames that a program wrote byte by byte (`AF_PACKET`): what is well-formed is read as any other, and what a kernel
//! would find fault with is kept as bytes, with the fault.

use super::decode::{DecodeError, Sums, decode};
use super::encode::checksum;
use super::frame::{ARP_LEN, ETH_HLEN, Frame, FrameId, IP_HLEN, L4, Net, Payload};
use super::{Mac, Tag};

/// What is wrong with a frame's network header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Too short for an IPv4 header, another version, or a header length below 20 (IP-3).
    IpHeader,
    /// A total length below the header's (IP-5); the rest is as it should be.
    IpLength,
    /// The header's checksum is wrong (IP-4).
    IpSum,
    /// The frame is shorter than the packet's total length (IP-5).
    IpTruncated,
    /// An ARP packet that is cut short (ARP-2).
    ArpShort,
    /// Of other kinds of address, or neither request nor reply (ARP-2, ARP-3).
    Arp,
}

/// A body that no header could be read from.
#[derive(Clone, Debug)]
pub struct Raw {
    pub ethertype: u16,
    pub fault: Fault,
    /// Everything behind the Ethernet header; [`Payload::len`] is its length.
    pub bytes: Box<[u8]>,
}

/// Reads a frame as a program gives it to a packet socket.
///
/// # Errors
/// The bytes end within an Ethernet or a transport header; IPv4 options, or bytes behind the packet (padding), which are
/// not modelled.
pub fn read(bytes: &[u8]) -> Result<Frame, DecodeError> {
    if bytes.len() < ETH_HLEN as usize {
        return Err(DecodeError::Short("Ethernet"));
    }
    let body = &bytes[ETH_HLEN as usize..];
    let ethertype = u16::from_be_bytes([bytes[12], bytes[13]]);
    let fault = match ethertype {
        0x0800 => ip_fault(body)?,
        0x0806 if body.len() < ARP_LEN as usize => Some(Fault::ArpShort),
        0x0806 => decode(bytes, Sums::Check).is_err().then_some(Fault::Arp),
        _ => None,
    };
    if let Some(fault) = fault {
        return Ok(faulty(bytes, ethertype, fault));
    }
    match decode(bytes, Sums::Check) {
        Ok(mut frame) => {
            // The program wrote the tag into the frame.
            frame.push_tag();
            Ok(frame)
        }
        Err(DecodeError::Sum(_)) => {
            let mut frame = decode(bytes, Sums::Ignore)?;
            if let Net::Ip4(_, l4) = &mut frame.net {
                *l4 = L4::Wrong(Box::new(l4.clone()));
            }
            Ok(frame)
        }
        Err(e) => Err(e),
    }
}

/// In the order of `ip_rcv_core`.
fn ip_fault(body: &[u8]) -> Result<Option<Fault>, DecodeError> {
    let header = usize::from(IP_HLEN);
    if body.len() < header || body[0] >> 4 != 4 || body[0] & 15 < 5 {
        return Ok(Some(Fault::IpHeader));
    }
    if body[0] & 15 > 5 {
        return Err(DecodeError::Field("IPv4's header length (options are not modelled)"));
    }
    let total = usize::from(u16::from_be_bytes([body[2], body[3]]));
    Ok(match () {
        () if checksum(0, &body[..header]) != 0 => Some(Fault::IpSum),
        () if body.len() < total => Some(Fault::IpTruncated),
        () if total < header => Some(Fault::IpLength),
        () if body.len() > total => {
            return Err(DecodeError::Field("what follows the packet (padding is not modelled)"));
        }
        () => None,
    })
}

fn faulty(bytes: &[u8], ethertype: u16, fault: Fault) -> Frame {
    let mac = |at: usize| Mac(std::array::from_fn(|i| bytes[at + i]));
    let body: Box<[u8]> = bytes[ETH_HLEN as usize..].into();
    let payload = Payload { len: body.len() as u32, tag: Tag::default() };
    let net = Net::Raw(Box::new(Raw { ethertype, fault, bytes: body }));
    Frame { id: FrameId(0), dst: mac(0), src: mac(6), vlan: None, net, payload }
}

/// Bytes written as hexadecimal digits, with blanks and colons where one likes.
///
/// # Errors
/// The character that is no digit, or a half byte at the end.
pub fn from_hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|c| !c.is_whitespace() && *c != ':')
        .map(|c| c.to_digit(16).ok_or_else(|| format!("`{c}` is no hexadecimal digit")))
        .collect::<Result<_, _>>()?;
    if digits.len() % 2 == 1 {
        return Err("half a byte is left over".to_owned());
    }
    Ok(digits.chunks(2).map(|d| (d[0] << 4 | d[1]) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::encode::encode;

    const MACS: &str = "02:00:00:00:00:0b 02:00:00:00:00:0a";
    const UDP: &str = "0800 4500 0021 1234 4000 4011 1496 0a000001 0a000002  0fa0 0009 000d 0000 68656c6c6f";

    fn of(rest: &str) -> Result<Frame, DecodeError> {
        read(&from_hex(&format!("{MACS} {rest}")).unwrap())
    }
    fn fault(rest: &str) -> Fault {
        match of(rest).unwrap().net {
            Net::Raw(raw) => raw.fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn sound_frames_are_read_as_any_other() {
        let sum = checksum(0, &from_hex(UDP).unwrap()[2..22]);
        assert_eq!(sum, 0, "the example's own header");
        assert_eq!(of(UDP).unwrap().to_string(), "IP 10.0.0.1.4000 > 10.0.0.2.9: UDP, length 5");
        let other = of("88b5 0102").unwrap();
        assert_eq!((other.ethertype(), other.len()), (0x88b5, 16));
        assert!(of("8100 0005 88b5 0102").unwrap().vlan.is_none(), "the tag is in the frame");
    }

    #[test]
    fn faults_in_the_order_of_ip_rcv_core() {
        assert_eq!(fault("0800 4500"), Fault::IpHeader);
        assert_eq!(fault(&UDP.replacen("4500", "6500", 1)), Fault::IpHeader);
        assert_eq!(fault(&UDP.replacen("4500", "4400", 1)), Fault::IpHeader);
        assert_eq!(fault(&UDP.replacen("1496", "1497", 1)), Fault::IpSum);
        assert_eq!(fault(&UDP.replacen("6c6f", "", 1)), Fault::IpTruncated);
        assert_eq!(fault(&UDP.replacen("0021", "0010", 1).replacen("1496", "14a7", 1)), Fault::IpLength);
        assert_eq!(fault("0806 0001 0800 0604 0003"), Fault::ArpShort);
        assert_eq!(fault(&format!("0806 0001 0800 0604 0003{}", "00".repeat(20))), Fault::Arp);
    }

    #[test]
    fn a_wrong_transport_checksum_is_the_receivers_business() {
        let wrong = of(&UDP.replacen("000d 0000", "000d 1111", 1)).unwrap();
        assert!(matches!(&wrong.net, Net::Ip4(_, L4::Wrong(inner)) if matches!(**inner, L4::Udp { dport: 9, .. })));
    }

    #[test]
    fn what_is_not_modelled_is_said() {
        let text = |rest: &str| of(rest).unwrap_err().to_string();
        assert!(text(&format!("{UDP} 00")).contains("padding is not modelled"));
        assert!(text(&UDP.replacen("4500", "4600", 1)).contains("options are not modelled"));
        assert_eq!(from_hex("0g").unwrap_err(), "`g` is no hexadecimal digit");
        assert_eq!(from_hex("0:0 0").unwrap_err(), "half a byte is left over");
    }

    #[test]
    fn bytes_come_back_but_for_payload() {
        for rest in ["0800 4500", "0806 0001 0800 0604 0003", UDP, "88b5 0000"] {
            let bytes = from_hex(&format!("{MACS} {rest}")).unwrap();
            let mut out = Vec::new();
            encode(&read(&bytes).unwrap(), &mut out);
            assert_eq!(out[..20.min(out.len())], bytes[..20.min(bytes.len())]);
            assert_eq!(out.len(), bytes.len());
        }
    }
}
