//! One frame of a trace: what is left of it after the fields that no two kernels agree on (IP id, checksums, TCP
//! sequence numbers and options, payload). Reads and prints the form of `trace.txt`, and is made from a simulated one.

use super::bpdu;
use sim_models::{
    kernel::PktType,
    packet::{Arp, ArpOp, Bpdu, Frame, Icmp, Ip4, Ip4Addr, L4, Mac, Net, Quote, frame::IPPROTO_ICMP},
};
use std::{fmt, str::FromStr};

/// How a frame passed a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dir {
    Out,
    In,
    InBroadcast,
    InMulticast,
    /// For another MAC address (a promiscuous port sees it).
    InOther,
}

impl Dir {
    const ALL: [(Dir, &'static str); 5] = [
        (Dir::Out, "out"),
        (Dir::In, "in"),
        (Dir::InBroadcast, "inB"),
        (Dir::InMulticast, "inM"),
        (Dir::InOther, "inO"),
    ];

    /// As a trace spells it.
    pub fn name(self) -> &'static str {
        Dir::ALL.iter().find(|d| d.0 == self).map_or("?", |d| d.1)
    }
}

impl From<PktType> for Dir {
    fn from(t: PktType) -> Dir {
        match t {
            PktType::Outgoing => Dir::Out,
            PktType::Host | PktType::Loopback => Dir::In,
            PktType::Broadcast => Dir::InBroadcast,
            PktType::Multicast => Dir::InMulticast,
            PktType::OtherHost => Dir::InOther,
        }
    }
}

/// A frame as a trace has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabFrame {
    pub dir: Dir,
    pub src: Mac,
    pub dst: Mac,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Arp(Arp),
    Ip(Packet),
    Stp(Bpdu),
    /// Neither IPv4 nor ARP: ethertype and length.
    Other(u16, u32),
}

/// An IPv4 packet, at top level or quoted in an ICMP error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    pub src: u32,
    pub dst: u32,
    pub ttl: u8,
    /// Bytes, with the header.
    pub len: u16,
    pub proto: u8,
    pub df: bool,
    /// Offset in bytes, and whether more fragments follow.
    pub frag: Option<(u32, bool)>,
    pub l4: Transport,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A later fragment, or a protocol that is not opened.
    None,
    Udp {
        sport: u16,
        dport: u16,
    },
    Tcp {
        sport: u16,
        dport: u16,
        flags: u8,
        payload: u32,
    },
    Icmp {
        kind: u8,
        code: u8,
        seq: Option<u16>,
        mtu: Option<u32>,
        quote: Option<Box<Packet>>,
    },
}

/// Names of ICMP types; others print as their number.
const ICMP: [(u8, &str); 5] =
    [(0, "echo-reply"), (3, "unreach"), (5, "redirect"), (8, "echo-request"), (11, "ttl-exceeded")];
/// TCP flags in the order they are printed: the lowest bit first.
const FLAGS: &str = "FSRPA";
/// Unreachable because it needs a fragment: the second word has the MTU.
const FRAG_NEEDED: (u8, u8) = (3, 4);

impl LabFrame {
    /// What a tap with `pkt_type` saw of `frame`.
    pub fn of(pkt_type: PktType, frame: &Frame) -> LabFrame {
        let body = match &frame.net {
            Net::Arp(arp) => Body::Arp(*arp),
            Net::Ip4(ip, l4) => Body::Ip(packet(ip, l4)),
            Net::Stp(bpdu) => Body::Stp(**bpdu),
            Net::Other(_) | Net::Raw(_) | Net::Vlan(_) => Body::Other(frame.ethertype(), frame.len()),
        };
        LabFrame { dir: pkt_type.into(), src: frame.src, dst: frame.dst, body }
    }
}

impl LabFrame {
    /// What the frame belongs to: ethertype, IP protocol, and both addresses, the lower first.
    pub fn flow(&self) -> (u16, u8, u32, u32) {
        let (ethertype, proto, a, b) = match &self.body {
            Body::Arp(a) => (0x0806, 0, a.spa, a.tpa),
            Body::Ip(p) => (0x0800, p.proto, p.src, p.dst),
            Body::Stp(_) => (0, 0, 0, 0),
            Body::Other(ethertype, _) => (*ethertype, 0, 0, 0),
        };
        (ethertype, proto, a.min(b), a.max(b))
    }
}

fn packet(ip: &Ip4, l4: &L4) -> Packet {
    let l4 = match l4 {
        L4::None => Transport::None,
        L4::Wrong(l4) => return packet(ip, l4),
        L4::Udp { sport, dport } => Transport::Udp { sport: *sport, dport: *dport },
        L4::Vxlan(v) => Transport::Udp { sport: v.sport, dport: v.dport },
        L4::Tcp(t) => Transport::Tcp {
            sport: t.sport,
            dport: t.dport,
            flags: t.flags,
            payload: u32::from(ip.len).saturating_sub(20 + u32::from(t.hlen)),
        },
        L4::Icmp(icmp) => transport_of(icmp),
    };
    Packet {
        src: ip.src,
        dst: ip.dst,
        ttl: ip.ttl,
        len: ip.len,
        proto: ip.proto,
        df: ip.df(),
        frag: ip.is_fragment().then(|| (ip.offset(), ip.mf())),
        l4,
    }
}

fn transport_of(icmp: &Icmp) -> Transport {
    let echo = matches!(icmp.kind, 0 | 8);
    Transport::Icmp {
        kind: icmp.kind,
        code: icmp.code,
        seq: echo.then_some(icmp.rest as u16),
        mtu: ((icmp.kind, icmp.code) == FRAG_NEEDED).then_some(icmp.rest & 0xffff),
        quote: icmp.quote.as_deref().map(|Quote { ip, l4, .. }| Box::new(packet(ip, l4))),
    }
}

impl fmt::Display for LabFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<3} {}>{} ", self.dir.name(), self.src, self.dst)?;
        match &self.body {
            Body::Arp(a) => {
                let op = if a.op == ArpOp::Request { "who-has" } else { "is-at" };
                let (tpa, spa) = (Ip4Addr(a.tpa), Ip4Addr(a.spa));
                write!(f, "ARP {op} tpa={tpa} tha={} spa={spa} sha={}", a.tha, a.sha)
            }
            Body::Ip(p) => p.fmt(f),
            Body::Stp(bpdu) => bpdu::write(f, bpdu),
            Body::Other(ethertype, len) => write!(f, "ETH {ethertype:04x} len={len}"),
        }
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Packet { src, dst, ttl, len, proto, .. } = self;
        write!(f, "IP {}>{} ttl={ttl} len={len} proto={proto}", Ip4Addr(*src), Ip4Addr(*dst))?;
        if self.df {
            write!(f, " DF")?;
        }
        if let Some((offset, more)) = self.frag {
            write!(f, " frag={offset}{}", if more { "+" } else { "" })?;
        }
        self.l4.fmt(f)
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::None => Ok(()),
            Transport::Udp { sport, dport } => write!(f, " udp {sport}>{dport}"),
            Transport::Tcp { sport, dport, flags, payload } => {
                let names: String =
                    FLAGS.chars().enumerate().filter(|(bit, _)| flags & (1 << bit) != 0).map(|(_, c)| c).collect();
                write!(f, " tcp {sport}>{dport} {names} plen={payload}")
            }
            Transport::Icmp { kind, code, seq, mtu, quote } => {
                match ICMP.iter().find(|k| k.0 == *kind) {
                    Some((_, name)) => write!(f, " icmp {name}/{code}")?,
                    None => write!(f, " icmp {kind}/{code}")?,
                }
                if let Some(seq) = seq {
                    write!(f, " seq={seq}")?;
                }
                if let Some(mtu) = mtu {
                    write!(f, " mtu={mtu}")?;
                }
                quote.as_ref().map_or(Ok(()), |q| write!(f, " [{q}]"))
            }
        }
    }
}

/// Words of a line, taken from the left.
pub(super) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(super) fn peek(&self) -> &'a str {
        self.0.split(' ').next().unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Result<&'a str, String> {
        let word = self.peek();
        if word.is_empty() {
            return Err("the line is too short".into());
        }
        self.0 = self.0[word.len()..].strip_prefix(' ').unwrap_or_default();
        Ok(word)
    }

    /// The next word without its prefix.
    pub(super) fn after<T: FromStr>(&mut self, prefix: &str) -> Result<T, String> {
        let word = self.next()?;
        let value = word.strip_prefix(prefix).ok_or_else(|| format!("`{word}` where `{prefix}…` is expected"))?;
        value.parse().map_err(|_| format!("`{word}`: bad value"))
    }

    /// The same if the next word begins so.
    fn maybe<T: FromStr>(&mut self, prefix: &str) -> Result<Option<T>, String> {
        if self.peek().starts_with(prefix) { self.after(prefix).map(Some) } else { Ok(None) }
    }

    /// `A>B`.
    fn pair<T: FromStr>(&mut self) -> Result<(T, T), String> {
        let word = self.next()?;
        let bad = || format!("`{word}` is not A>B");
        let (a, b) = word.split_once('>').ok_or_else(bad)?;
        Ok((a.parse().map_err(|_| bad())?, b.parse().map_err(|_| bad())?))
    }
}

impl FromStr for LabFrame {
    type Err = String;

    /// Reads what [`LabFrame`] prints.
    fn from_str(s: &str) -> Result<LabFrame, String> {
        let (dir, rest) = s.split_once(' ').ok_or("the line is too short")?;
        let dir = Dir::ALL.iter().find(|d| d.1 == dir).ok_or_else(|| format!("`{dir}` is no direction"))?.0;
        let mut words = Words(rest.trim_start());
        let (src, dst) = words.pair()?;
        let body = match words.next()? {
            "ARP" => Body::Arp(read_arp(&mut words)?),
            "IP" => Body::Ip(read_packet(&mut words)?),
            "STP" => Body::Stp(bpdu::read(&mut words)?),
            "ETH" => {
                let kind = u16::from_str_radix(words.next()?, 16).map_err(|_| "no ethertype behind `ETH`")?;
                Body::Other(kind, words.after("len=")?)
            }
            other => return Err(format!("`{other}` is neither ARP, IP, STP nor ETH")),
        };
        if words.0.is_empty() {
            Ok(LabFrame { dir, src, dst, body })
        } else {
            Err(format!("`{}` is too much", words.0))
        }
    }
}

fn read_arp(words: &mut Words<'_>) -> Result<Arp, String> {
    let op = match words.next()? {
        "who-has" => ArpOp::Request,
        "is-at" => ArpOp::Reply,
        other => return Err(format!("`{other}` is no ARP operation")),
    };
    let (tpa, tha): (Ip4Addr, Mac) = (words.after("tpa=")?, words.after("tha=")?);
    let (spa, sha): (Ip4Addr, Mac) = (words.after("spa=")?, words.after("sha=")?);
    Ok(Arp { op, sha, spa: spa.0, tha, tpa: tpa.0 })
}

fn read_packet(words: &mut Words<'_>) -> Result<Packet, String> {
    let (src, dst): (Ip4Addr, Ip4Addr) = words.pair()?;
    let (ttl, len, proto) = (words.after("ttl=")?, words.after("len=")?, words.after("proto=")?);
    let df = words.peek() == "DF";
    if df {
        words.next()?;
    }
    let frag = match words.maybe::<String>("frag=")? {
        None => None,
        Some(text) => {
            let number = text.trim_end_matches('+');
            Some((number.parse().map_err(|_| format!("`frag={text}`: bad value"))?, number.len() < text.len()))
        }
    };
    let l4 = match words.peek() {
        "" => Transport::None,
        "udp" => {
            words.next()?;
            let (sport, dport) = words.pair()?;
            Transport::Udp { sport, dport }
        }
        "tcp" => {
            words.next()?;
            let (sport, dport) = words.pair()?;
            Transport::Tcp { sport, dport, flags: read_flags(words.next()?)?, payload: words.after("plen=")? }
        }
        "icmp" if proto == IPPROTO_ICMP => {
            words.next()?;
            read_icmp(words)?
        }
        other => return Err(format!("`{other}` is no transport")),
    };
    Ok(Packet { src: src.0, dst: dst.0, ttl, len, proto, df, frag, l4 })
}

fn read_flags(text: &str) -> Result<u8, String> {
    text.chars().try_fold(0, |flags, c| match FLAGS.find(c) {
        Some(bit) => Ok(flags | 1 << bit),
        None => Err(format!("`{c}` is no TCP flag")),
    })
}

fn read_icmp(words: &mut Words<'_>) -> Result<Transport, String> {
    let word = words.next()?;
    let (name, code) = word.split_once('/').ok_or_else(|| format!("`{word}` is not TYPE/CODE"))?;
    let kind = match ICMP.iter().find(|k| k.1 == name) {
        Some(k) => k.0,
        None => name.parse().map_err(|_| format!("`{name}` is no ICMP type"))?,
    };
    let code = code.parse().map_err(|_| format!("`{word}`: bad code"))?;
    let (seq, mtu) = (words.maybe("seq=")?, words.maybe("mtu=")?);
    let quote = match words.0.strip_prefix("[IP ") {
        None => None,
        Some(inner) => {
            let inner = inner.strip_suffix(']').ok_or("`]` is missing")?;
            words.0 = "";
            let mut inner = Words(inner);
            let packet = read_packet(&mut inner)?;
            if !inner.0.is_empty() {
                return Err(format!("`{}` is too much", inner.0));
            }
            Some(Box::new(packet))
        }
    };
    Ok(Transport::Icmp { kind, code, seq, mtu, quote })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_models::packet::{
        Payload, Tag, Tcp,
        frame::{IPPROTO_TCP, IPPROTO_UDP},
    };

    fn frame(net: Net) -> Frame {
        let mac = |n| Mac([2, 0, 0, 0, 0, n]);
        Frame { dst: mac(2), src: mac(1), net, payload: Payload::default(), ..Frame::blank() }
    }

    fn ip(proto: u8, len: u16, frag: u16) -> Ip4 {
        Ip4 { src: 0x0a00_0001, dst: 0x0a00_0002, len, id: 7, frag, ttl: 64, tos: 0, proto }
    }

    #[test]
    fn a_simulated_frame_prints_as_a_recorded_one_and_reads_back() {
        let udp = L4::Udp { sport: 4000, dport: 7000 };
        let tcp = L4::Tcp(Tcp { sport: 1, dport: 2, flags: 0x12, hlen: 40, ..Tcp::default() });
        let quote = Quote { ip: ip(IPPROTO_UDP, 1428, 0x4000), l4: udp.clone(), tag: Tag::default() };
        let error = Icmp { kind: 3, code: 4, rest: 1000, quote: Some(Box::new(quote)) };
        let echo = Icmp { kind: 8, code: 0, rest: 7 << 16 | 5, quote: None };
        let net = |ip, l4| Net::Ip4(ip, l4);
        let cases = [
            (
                PktType::Outgoing,
                net(ip(IPPROTO_UDP, 38, 0x4000), udp.clone()),
                "out M1>M2 IP A>B ttl=64 len=38 proto=17 DF udp 4000>7000",
            ),
            (
                PktType::Host,
                net(ip(IPPROTO_UDP, 996, 0x2000), udp),
                "in  M1>M2 IP A>B ttl=64 len=996 proto=17 frag=0+ udp 4000>7000",
            ),
            (
                PktType::OtherHost,
                net(ip(IPPROTO_UDP, 452, 122), L4::None),
                "inO M1>M2 IP A>B ttl=64 len=452 proto=17 frag=976",
            ),
            (
                PktType::Host,
                net(ip(IPPROTO_TCP, 60, 0x4000), tcp),
                "in  M1>M2 IP A>B ttl=64 len=60 proto=6 DF tcp 1>2 SA plen=0",
            ),
            (
                PktType::Host,
                net(ip(IPPROTO_ICMP, 576, 0), L4::Icmp(error)),
                "in  M1>M2 IP A>B ttl=64 len=576 proto=1 icmp unreach/4 mtu=1000 \
                 [IP A>B ttl=64 len=1428 proto=17 DF udp 4000>7000]",
            ),
            (
                PktType::Multicast,
                net(ip(IPPROTO_ICMP, 84, 0x4000), L4::Icmp(echo)),
                "inM M1>M2 IP A>B ttl=64 len=84 proto=1 DF icmp echo-request/0 seq=5",
            ),
        ];
        for (pkt_type, net, text) in cases {
            let text = text.replace("M1", "02:00:00:00:00:01").replace("M2", "02:00:00:00:00:02");
            let text = text.replace("A>B", "10.0.0.1>10.0.0.2");
            let made = LabFrame::of(pkt_type, &frame(net));
            assert_eq!(made.to_string(), text);
            assert_eq!(text.parse(), Ok(made));
        }
    }

    /// Mutation test of the rule frame.unprinted: of two frames that differ in one field, the texts differ, but for
    /// the fields that the rule names and those that are compared apart.
    #[test]
    fn only_the_unprinted_fields_are_hidden() {
        type Change = fn(&mut Ip4);
        let ip_fields: [(&str, Change, bool); 8] = [
            ("src", |i| i.src ^= 1, true),
            ("dst", |i| i.dst ^= 1, true),
            ("len", |i| i.len += 1, true),
            ("frag", |i| i.frag ^= 0x4000, true),
            ("ttl", |i| i.ttl -= 1, true),
            ("proto", |i| i.proto ^= 64, true),
            ("id", |i| i.id ^= 1, false),
            ("tos", |i| i.tos ^= 1, false),
        ];
        let quote = Quote { ip: ip(IPPROTO_UDP, 38, 0), l4: L4::Udp { sport: 1, dport: 2 }, tag: Tag::default() };
        let error = Icmp { kind: 3, code: 3, rest: 0, quote: Some(Box::new(quote)) };
        let good = frame(Net::Ip4(ip(IPPROTO_ICMP, 66, 0), L4::Icmp(error)));
        let text = |f: &Frame| LabFrame::of(PktType::Host, f).to_string();
        for (name, change, shows) in ip_fields {
            let mut bad = good.clone();
            bad.ip4_mut().map(change).unwrap();
            assert_eq!(text(&bad) != text(&good), shows, "{name}");
            let mut bad = good.clone();
            let Net::Ip4(_, L4::Icmp(icmp)) = &mut bad.net else { unreachable!() };
            icmp.quote.as_deref_mut().map(|q| change(&mut q.ip)).unwrap();
            assert_eq!(text(&bad) != text(&good), shows, "quoted {name}");
        }
        type TcpChange = fn(&mut Tcp);
        let tcp_fields: [(&str, TcpChange, bool); 7] = [
            ("sport", |t| t.sport += 1, true),
            ("dport", |t| t.dport += 1, true),
            ("flags", |t| t.flags ^= 8, true),
            ("hlen", |t| t.hlen += 4, true),
            ("seq", |t| t.seq += 1, false),
            ("ack", |t| t.ack += 1, false),
            ("window", |t| t.window += 1, false),
        ];
        let tcp = Tcp { sport: 1, dport: 2, flags: 0x10, hlen: 32, ..Tcp::default() };
        let good = frame(Net::Ip4(ip(IPPROTO_TCP, 152, 0), L4::Tcp(tcp)));
        for (name, change, shows) in tcp_fields {
            let mut bad = good.clone();
            let Net::Ip4(_, L4::Tcp(t)) = &mut bad.net else { unreachable!() };
            change(t);
            assert_eq!(text(&bad) != text(&good), shows, "{name}");
        }
    }

    #[test]
    fn a_broken_line_is_refused() {
        let good = "in  02:00:00:00:00:01>02:00:00:00:00:02 IP 10.0.0.1>10.0.0.2 ttl=64 len=84 proto=1 \
                    icmp unreach/3 [IP 10.0.0.2>10.0.0.1 ttl=64 len=38 proto=17 udp 1>2]";
        assert!(good.parse::<LabFrame>().is_ok());
        for (from, to) in [
            ("in ", "on "),
            ("ttl=64 len", "ttl=640 len"),
            ("len=84", "size=84"),
            ("udp", "xdp"),
            ("]", ""),
            ("1>2]", "1>2 x]"),
            ("unreach/3", "unreach"),
            ("unreach", "sunk"),
            ("10.0.0.1>", "10.0.0>"),
            ("IP 10.0.0.1", "IX 10.0.0.1"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            assert!(bad.parse::<LabFrame>().is_err(), "{bad}");
        }
    }
}
