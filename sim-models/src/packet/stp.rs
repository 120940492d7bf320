//! Bridge protocol data units of the spanning tree protocol (IEEE 802.1D-1998, 9.3), in an LLC frame with SAP 0x42.

use super::{
    addr::Mac,
    decode::DecodeError,
    frame::{ETH_HLEN, Frame},
};
use std::fmt;

/// Who a bridge is: priority in the high 16 bits, MAC address below. The smaller the better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct BridgeId(pub u64);

impl BridgeId {
    pub fn new(priority: u16, mac: Mac) -> BridgeId {
        let [a, b, c, d, e, f] = mac.0;
        BridgeId(u64::from(priority) << 48 | u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
    }
    pub fn priority(self) -> u16 {
        (self.0 >> 48) as u16
    }
    pub fn mac(self) -> Mac {
        let [_, _, mac @ ..] = self.0.to_be_bytes();
        Mac(mac)
    }
}

impl fmt::Display for BridgeId {
    /// As tcpdump prints it: "8000.02:00:00:00:00:01".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04x}.{}", self.priority(), self.mac())
    }
}

/// One unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bpdu {
    Config(Config),
    /// Topology change notification: upwards, to the root.
    Tcn,
}

/// A configuration BPDU: what its sender believes. Times in 1/256 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Config {
    pub topology_change: bool,
    pub topology_change_ack: bool,
    pub root: BridgeId,
    pub root_path_cost: u32,
    pub bridge: BridgeId,
    /// Priority and number of the port that sent it.
    pub port: u16,
    pub message_age: u16,
    pub max_age: u16,
    pub hello_time: u16,
    pub forward_delay: u16,
}

/// DSAP, SSAP and control field: 802.1D's SAP, unnumbered information.
const LLC: [u8; 3] = [0x42, 0x42, 3];
const CONFIG_LEN: u32 = 35;
const TCN_LEN: u32 = 4;
const CONFIG: u8 = 0;
const TCN: u8 = 0x80;

impl Bpdu {
    /// Bytes behind the Ethernet header: the value of its length field, too.
    pub const fn net_len(&self) -> u32 {
        LLC.len() as u32
            + match self {
                Bpdu::Config(_) => CONFIG_LEN,
                Bpdu::Tcn => TCN_LEN,
            }
    }

    /// Appends [`Bpdu::net_len`] bytes.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&LLC);
        // Protocol and version.
        out.extend_from_slice(&[0; 3]);
        let Bpdu::Config(c) = self else { return out.push(TCN) };
        out.extend_from_slice(&[CONFIG, u8::from(c.topology_change) | u8::from(c.topology_change_ack) << 7]);
        out.extend_from_slice(&c.root.0.to_be_bytes());
        out.extend_from_slice(&c.root_path_cost.to_be_bytes());
        out.extend_from_slice(&c.bridge.0.to_be_bytes());
        for word in [c.port, c.message_age, c.max_age, c.hello_time, c.forward_delay] {
            out.extend_from_slice(&word.to_be_bytes());
        }
    }

    /// Reads what lies behind an Ethernet header with a length in place of a type. `None`: other LLC traffic.
    ///
    /// # Errors
    /// A configuration that ends too early.
    pub(super) fn decode(bytes: &[u8]) -> Result<Option<Bpdu>, DecodeError> {
        let Some([0, 0, 0, kind, b @ ..]) = bytes.strip_prefix(&LLC) else { return Ok(None) };
        match *kind {
            TCN => Ok(Some(Bpdu::Tcn)),
            CONFIG if b.len() + 4 < CONFIG_LEN as usize => Err(DecodeError::Short("BPDU")),
            CONFIG => {
                let word = |at: usize| u16::from_be_bytes([b[at], b[at + 1]]);
                let id = |at: usize| BridgeId(b[at..at + 8].iter().fold(0, |n, byte| n << 8 | u64::from(*byte)));
                Ok(Some(Bpdu::Config(Config {
                    topology_change: b[0] & 1 != 0,
                    topology_change_ack: b[0] & 0x80 != 0,
                    root: id(1),
                    root_path_cost: u32::from(word(9)) << 16 | u32::from(word(11)),
                    bridge: id(13),
                    port: word(21),
                    message_age: word(23),
                    max_age: word(25),
                    hello_time: word(27),
                    forward_delay: word(29),
                })))
            }
            _ => Ok(None),
        }
    }
}

impl fmt::Display for Bpdu {
    /// As tcpdump 4.99 prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Bpdu::Config(c) = self else { return f.write_str("STP 802.1d, Topology Change") };
        let flags = match (c.topology_change, c.topology_change_ack) {
            (false, false) => "none",
            (true, false) => "Topology change",
            (false, true) => "Topology change ACK",
            (true, true) => "Topology change, Topology change ACK",
        };
        write!(f, "STP 802.1d, Config, Flags [{flags}], bridge-id {}.{:04x}, length {CONFIG_LEN}", c.bridge, c.port)
    }
}

impl Bpdu {
    /// The frame of this unit, from a port with address `src` to all bridges.
    pub fn fill(self, frame: &mut Frame, src: Mac) {
        (frame.dst, frame.src) = (Mac::BRIDGE_GROUP, src);
        frame.net = super::Net::Stp(Box::new(self));
    }
}

const _: () = assert!(ETH_HLEN == 14);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{
        decode::{Sums, decode},
        encode::encode,
    };

    /// Captured on a bridge port of Linux 6.18: the first hello of a root with HZ=250.
    const HELLO: &[u8] = &[
        0x01, 0x80, 0xc2, 0, 0, 0, 2, 0, 0, 0, 0x0a, 1, 0, 0x26, 0x42, 0x42, 3, 0, 0, 0, 0, 0, 0x80, 0, 2, 0, 0, 0,
        0x0a, 1, 0, 0, 0, 0, 0x80, 0, 2, 0, 0, 0, 0x0a, 1, 0x80, 1, 0, 0, 0x14, 0, 2, 0, 2, 0,
    ];

    #[test]
    fn bytes_there_and_back() {
        let frame = decode(HELLO, Sums::Check).expect("sound");
        assert_eq!(
            frame.to_string(),
            "STP 802.1d, Config, Flags [none], bridge-id 8000.02:00:00:00:0a:01.8001, length 35"
        );
        let mut out = Vec::new();
        encode(&frame, &mut out);
        assert_eq!((out.as_slice(), frame.len()), (HELLO, 52));
        let mut tcn = Frame::blank();
        Bpdu::Tcn.fill(&mut tcn, Mac([2, 0, 0, 0, 0, 1]));
        let mut out = Vec::new();
        encode(&tcn, &mut out);
        assert_eq!(out[12..], [0, 7, 0x42, 0x42, 3, 0, 0, 0, 0x80]);
        let tcn = decode(&out, Sums::Check).expect("sound");
        assert_eq!(tcn.to_string(), "STP 802.1d, Topology Change");
        for len in 15..52 {
            let _ = decode(&HELLO[..len], Sums::Check);
        }
    }

    #[test]
    fn flags_and_order() {
        let c = Config { topology_change: true, topology_change_ack: true, ..Config::default() };
        assert!(Bpdu::Config(c).to_string().contains("Flags [Topology change, Topology change ACK], bridge-id 0000."));
        assert!(BridgeId::new(4096, Mac([0xff; 6])) < BridgeId::new(32768, Mac::ZERO), "priority counts first");
    }
}
