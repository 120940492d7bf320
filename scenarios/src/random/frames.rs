//! Frames that no kernel sends: most of them are thrown away, each for a reason of its own.

use super::{
    sketch::Kind,
    topology::{Draft, Iface},
};

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Nothing,
    Forged,
    OwnSource,
    GroupSource,
    LoopbackSource,
    NoDestination,
    HeaderSum,
    HeaderLength,
    Short,
    Ttl,
    Protocol,
    Ethertype,
    OtherMac,
    GroupMac,
    ControlMac,
    UdpSum,
    TcpSum,
    IcmpSum,
    IcmpType,
    TwiceTheSame,
    Arp,
}

const FLAWS: &[Flaw] = &[
    Flaw::Nothing,
    Flaw::Forged,
    Flaw::OwnSource,
    Flaw::GroupSource,
    Flaw::LoopbackSource,
    Flaw::NoDestination,
    Flaw::HeaderSum,
    Flaw::HeaderLength,
    Flaw::Short,
    Flaw::Ttl,
    Flaw::Protocol,
    Flaw::Ethertype,
    Flaw::OtherMac,
    Flaw::GroupMac,
    Flaw::ControlMac,
    Flaw::UdpSum,
    Flaw::TcpSum,
    Flaw::IcmpSum,
    Flaw::IcmpType,
    Flaw::TwiceTheSame,
    Flaw::Arp,
];

/// Nobody's address on the wire.
const SENDER: [u8; 6] = [2, 0, 0, 0, 0xee, 1];

/// Everything that a flaw may touch.
struct Parts {
    dst_mac: [u8; 6],
    src_mac: [u8; 6],
    ethertype: u16,
    src: u32,
    dst: u32,
    ttl: u8,
    /// First byte, total length beyond the true one, fragment word.
    first: u8,
    longer: i32,
    fragment: u16,
    header_sum: u16,
    proto: u8,
    payload: Vec<u8>,
}

/// The Internet checksum of `bytes`, `sum` added.
fn checksum(bytes: &[u8], sum: u32) -> u16 {
    let words = bytes.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0)));
    let mut sum = words.fold(sum, |a, b| a + b);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

impl Parts {
    fn bytes(&self) -> Vec<u8> {
        let mut out = [self.dst_mac, self.src_mac].concat();
        out.extend(self.ethertype.to_be_bytes());
        let len = (20 + self.payload.len() as i32 + self.longer) as u16;
        let mut ip = vec![self.first, 0];
        ip.extend(len.to_be_bytes());
        ip.extend([0, 7]);
        ip.extend(self.fragment.to_be_bytes());
        ip.extend([self.ttl, self.proto, 0, 0]);
        ip.extend(self.src.to_be_bytes());
        ip.extend(self.dst.to_be_bytes());
        let sum = checksum(&ip, u32::from(self.header_sum)).to_be_bytes();
        ip[10..12].copy_from_slice(&sum);
        out.extend(ip);
        out.extend(&self.payload);
        out
    }

    /// The sum of the pseudo header.
    fn pseudo(&self) -> u32 {
        let halves = |a: u32| (a >> 16) + (a & 0xffff);
        halves(self.src) + halves(self.dst) + u32::from(self.proto) + self.payload.len() as u32
    }

    fn udp(&mut self, port: u16, wrong: u16) {
        self.proto = 17;
        self.payload = [[0x0f, 0xa0], port.to_be_bytes(), [0, 16], [0, 0]].concat();
        self.payload.extend(*b"12345678");
        let sum = checksum(&self.payload, self.pseudo()).wrapping_add(wrong);
        self.payload[6..8].copy_from_slice(&sum.to_be_bytes());
    }

    fn tcp(&mut self, wrong: u16) {
        self.proto = 6;
        self.payload = vec![0x0f, 0xa0, 0, 80, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0x10, 0, 0, 0, 0, 0];
        let sum = checksum(&self.payload, self.pseudo()).wrapping_add(wrong);
        self.payload[16..18].copy_from_slice(&sum.to_be_bytes());
    }

    fn icmp(&mut self, kind: u8, wrong: u16) {
        self.proto = 1;
        self.payload = vec![kind, 0, 0, 0, 0, 7, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8];
        let sum = checksum(&self.payload, 0).wrapping_add(wrong);
        self.payload[2..4].copy_from_slice(&sum.to_be_bytes());
    }

    fn spoil(&mut self, flaw: Flaw) {
        match flaw {
            Flaw::Forged => self.src = 0x0b09_0909,
            Flaw::OwnSource => self.src = self.dst,
            Flaw::GroupSource => self.src = 0xe000_0001,
            Flaw::LoopbackSource => self.src = 0x7f00_0001,
            Flaw::NoDestination => self.dst = 0,
            Flaw::HeaderSum => self.header_sum = 1,
            Flaw::HeaderLength => self.first = 0x44,
            Flaw::Short => self.longer = 30,
            Flaw::Ttl => self.ttl = 1,
            Flaw::Ethertype => self.ethertype = 0x88b5,
            Flaw::OtherMac => self.dst_mac = [2, 0, 0, 0, 0xee, 0x99],
            Flaw::GroupMac => self.src_mac = [3, 0, 0, 0, 0xee, 1],
            Flaw::ControlMac => self.dst_mac = [1, 0x80, 0xc2, 0, 0, 1],
            // More fragments follow, and never do.
            Flaw::TwiceTheSame => self.fragment = 0x2000,
            _ => {}
        }
        match flaw {
            Flaw::UdpSum => self.udp(9, 1),
            Flaw::TcpSum => self.tcp(1),
            Flaw::IcmpSum => self.icmp(8, 1),
            Flaw::IcmpType => self.icmp(40, 0),
            Flaw::OtherMac | Flaw::OwnSource => self.icmp(8, 0),
            _ => self.udp(9, 0),
        }
        if flaw == Flaw::Protocol {
            self.proto = 253;
        }
    }
}

/// An ARP request that asks from nowhere, or for a group.
fn arp(dst: [u8; 6], spa: u32, tpa: u32) -> Vec<u8> {
    let mut out = [dst, SENDER].concat();
    out.extend([8, 6, 0, 1, 8, 0, 6, 4, 0, 1]);
    out.extend(SENDER);
    out.extend(spa.to_be_bytes());
    out.extend([0; 6]);
    out.extend(tpa.to_be_bytes());
    out
}

impl Draft {
    /// Frames for one neighbour of `from`, as fields of a flow: the device, and each frame in hexadecimal digits.
    pub fn crafted(&mut self, from: &Iface) -> Option<Vec<(String, String)>> {
        let near: Vec<Iface> = self
            .ifaces
            .iter()
            .filter(|i| i.segment == from.segment && (i.host, i.net) != (from.host, from.net) && i.addr.is_some())
            .cloned()
            .collect();
        let to = self.chance.maybe(&near)?.clone();
        let mac = self.known_mac(&to)?;
        let dst = to.addr?;
        let bridged = near.iter().any(|i| i.dev.starts_with("br")) && !from.dev.starts_with("br");
        let mut frames = Vec::new();
        for _ in 0..self.chance.between(1, 3) {
            // Only bridges mind these, and not every frame comes to one.
            let flaws = if bridged && self.chance.percent(60) { &[Flaw::GroupMac, Flaw::ControlMac] } else { FLAWS };
            let flaw = *self.chance.pick(flaws);
            let beyond = self.chance.percent(30);
            // To somebody behind it, now and then.
            let other: Vec<u32> = self.ifaces.iter().filter_map(|i| i.addr).collect();
            let beyond = self.chance.maybe(&other).copied().filter(|_| beyond);
            let (src, dst) = (from.addr.unwrap_or(0x0a00_0001), beyond.unwrap_or(dst));
            if flaw == Flaw::Arp {
                let (spa, tpa) = *self.chance.pick(&[(0, dst), (0x7f00_0001, dst), (src, 0xe000_0001), (dst, dst)]);
                frames.push(arp(*self.chance.pick(&[[0xff; 6], mac]), spa, tpa));
                continue;
            }
            let (dst_mac, src_mac) = (mac, SENDER);
            let mut p = Parts {
                dst_mac,
                src_mac,
                ethertype: 0x0800,
                src,
                dst,
                ttl: 64,
                first: 0x45,
                longer: 0,
                fragment: 0,
                header_sum: 0,
                proto: 17,
                payload: Vec::new(),
            };
            p.spoil(flaw);
            frames.push(p.bytes());
            if flaw == Flaw::TwiceTheSame {
                frames.push(p.bytes());
            }
        }
        let text = |f: &Vec<u8>| format!("\"{}\"", f.iter().map(|b| format!("{b:02x}")).collect::<String>());
        let list = frames.iter().map(text).collect::<Vec<_>>().join(", ");
        Some(vec![("device".to_owned(), format!("\"{}\"", from.dev)), ("frames".to_owned(), format!("[{list}]"))])
    }

    /// The MAC address of an interface, which it is given by hand if it has none yet.
    fn known_mac(&mut self, i: &Iface) -> Option<[u8; 6]> {
        let (host, net) = (i.host as u8, i.net as u8);
        let d = self.device(i.host, i.net, &i.dev)?;
        if matches!(d.kind, Kind::Loopback) {
            return None;
        }
        let number: u8 = d.name.bytes().fold(0, |a, b| a.wrapping_mul(31).wrapping_add(b));
        let own = [2, 0xcc, host, net, 0, number];
        let text = |m: [u8; 6]| m.map(|b| format!("{b:02x}")).join(":");
        let mac = d.mac.get_or_insert_with(|| text(own)).clone();
        let mut bytes = mac.split(':').filter_map(|b| u8::from_str_radix(b, 16).ok());
        Some(std::array::from_fn(|_| bytes.next().unwrap_or(0)))
    }
}
