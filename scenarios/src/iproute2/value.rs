//! Numbers and addresses as iproute2 reads them.

use super::{ParseError, lex::Word};
use sim_models::{
    kernel::rtnl::{RtProto, Scope},
    packet::{Mac, Prefix},
};

/// `strtoul` with base 0: decimal, 0x… or 0… (octal), the whole word.
pub(super) fn number(text: &str) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    // from_str_radix takes a sign.
    if digits.starts_with(['+', '-']) { None } else { u64::from_str_radix(digits, radix).ok() }
}

/// `get_u32` and its like.
pub(super) fn u32_of(text: &str) -> Option<u32> {
    number(text).and_then(|n| u32::try_from(n).ok())
}

/// `get_integer`, of which the kernel's attribute takes no negative value.
pub(super) fn i32_of(text: &str) -> Option<u32> {
    u32_of(text).filter(|n| i32::try_from(*n).is_ok())
}

/// `get_addr_ipv4`: one to four numbers, those left out at the end are 0.
fn ipv4(text: &str) -> Option<u32> {
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut bytes = [0; 4];
    for (byte, part) in bytes.iter_mut().zip(parts) {
        *byte = number(part).and_then(|n| u8::try_from(n).ok())?;
    }
    Some(u32::from_be_bytes(bytes))
}

/// The family that iproute2 expects: "inet" with `-4` and after the first address, else "any valid".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Any,
    Inet,
}

impl Family {
    fn name(self) -> &'static str {
        match self {
            Family::Any => "any valid",
            Family::Inet => "inet",
        }
    }

    fn expected(self, what: &str, word: &Word) -> ParseError {
        if word.text.contains(':')
            && word.text.split('/').next().is_some_and(|a| a.parse::<std::net::Ipv6Addr>().is_ok())
        {
            return word.error("not supported yet: IPv6");
        }
        word.error(format!("Error: {} {what} is expected rather than \"{}\".", self.name(), word.text))
    }

    /// `get_addr`
    pub fn address(&mut self, word: &Word) -> Result<u32, ParseError> {
        match word.text.as_str() {
            "default" | "any" | "all" => Ok(0),
            text => {
                let addr = ipv4(text).ok_or_else(|| self.expected("address", word))?;
                *self = Family::Inet;
                Ok(addr)
            }
        }
    }

    /// `get_prefix`, and whether a length was given.
    pub fn prefix(&mut self, word: &Word) -> Result<(Prefix<u32>, bool), ParseError> {
        if matches!(word.text.as_str(), "default" | "any" | "all") {
            return Ok((Prefix::new(0, 0), word.text == "default"));
        }
        let (addr, len) = match word.text.split_once('/') {
            Some((addr, len)) => (addr, Some(len)),
            None => (word.text.as_str(), None),
        };
        let found = ipv4(addr).zip(len.map_or(Some(32), mask));
        let (addr, bits) = found.ok_or_else(|| self.expected("prefix", word))?;
        *self = Family::Inet;
        Ok((Prefix::new(addr, bits), len.is_some()))
    }
}

/// A prefix length, or a netmask.
fn mask(text: &str) -> Option<u8> {
    if let Some(n) = number(text) {
        return u8::try_from(n).ok().filter(|n| *n <= 32);
    }
    let mask = ipv4(text)?;
    let len = mask.leading_ones();
    (mask.count_ones() == len).then_some(len as u8)
}

/// `ll_addr_a2n` for Ethernet.
pub(super) fn mac(word: &Word) -> Result<Mac, ParseError> {
    let byte = |part: &str| {
        let byte = if part.starts_with('+') { None } else { u8::from_str_radix(part, 16).ok() };
        // The text names the part that is wrong.
        byte.ok_or_else(|| word.error(format!("\"{part}\" is invalid lladdr.")))
    };
    let bytes: Vec<u8> = word.text.split(':').map(byte).collect::<Result<_, _>>()?;
    let len = bytes.len();
    bytes.try_into().map(Mac).map_err(|_| word.error(format!("Invalid address length {len} - must be 6 bytes")))
}

/// `rtnl_rtscope_a2n`. A number is as good as its name.
pub(super) fn scope(word: &Word, why: &str) -> Result<Scope, ParseError> {
    let all = [Scope::Universe, Scope::Site, Scope::Link, Scope::Host, Scope::Nowhere];
    let by_number = number(&word.text).filter(|n| *n <= 255);
    match all.into_iter().find(|s| s.name() == word.text || by_number == Some(*s as u64)) {
        Some(scope) => Ok(scope),
        None if by_number.is_some() => Err(word.unsupported(&format!("scope {}", word.text))),
        None => Err(word.wrong(why).near(&word.text, all.iter().map(|s| s.name()))),
    }
}

/// /etc/iproute2/rt_protos as it is shipped.
const PROTOCOLS: &[(&str, u8)] = &[
    ("unspec", 0),
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("gated", 8),
    ("ra", 9),
    ("mrt", 10),
    ("zebra", 11),
    ("bird", 12),
    ("dnrouted", 13),
    ("xorp", 14),
    ("ntk", 15),
    ("dhcp", 16),
    ("keepalived", 18),
    ("babel", 42),
    ("openr", 99),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

/// `rtnl_rtprot_a2n`
pub(super) fn protocol(word: &Word) -> Result<RtProto, ParseError> {
    let by_name = PROTOCOLS.iter().find(|p| p.0 == word.text).map(|p| p.1);
    let id = by_name.or_else(|| number(&word.text).and_then(|n| u8::try_from(n).ok()));
    match id {
        Some(0) => Ok(RtProto::Unspec),
        Some(2) => Ok(RtProto::Kernel),
        Some(3) => Ok(RtProto::Boot),
        Some(4) => Ok(RtProto::Static),
        Some(other) => Ok(RtProto::Other(other)),
        None => {
            let error = word.wrong("\"protocol\" value is invalid");
            Err(error.near(&word.text, PROTOCOLS.iter().map(|p| p.0)))
        }
    }
}

/// As [`protocol`] reads it.
pub(super) fn protocol_name(protocol: RtProto) -> String {
    let id = match protocol {
        RtProto::Unspec => 0,
        RtProto::Kernel => 2,
        RtProto::Boot => 3,
        RtProto::Static => 4,
        RtProto::Other(id) => id,
    };
    PROTOCOLS.iter().find(|p| p.1 == id).map_or_else(|| id.to_string(), |p| p.0.to_owned())
}

/// /etc/iproute2/rt_dsfield as it is shipped.
const DSFIELD: &[(&str, u8)] = &[
    ("default", 0),
    ("AF11", 0x28),
    ("AF12", 0x30),
    ("AF13", 0x38),
    ("AF21", 0x48),
    ("AF22", 0x50),
    ("AF23", 0x58),
    ("AF31", 0x68),
    ("AF32", 0x70),
    ("AF33", 0x78),
    ("AF41", 0x88),
    ("AF42", 0x90),
    ("AF43", 0x98),
    ("CS1", 0x20),
    ("CS2", 0x40),
    ("CS3", 0x60),
    ("CS4", 0x80),
    ("CS5", 0xa0),
    ("CS6", 0xc0),
    ("CS7", 0xe0),
    ("EF", 0xb8),
];

/// `rtnl_dsfield_a2n`: a name or a hexadecimal number.
pub(super) fn dsfield(word: &Word) -> Result<u8, ParseError> {
    if let Some((_, value)) = DSFIELD.iter().find(|d| d.0 == word.text) {
        return Ok(*value);
    }
    let digits = word.text.strip_prefix("0x").or_else(|| word.text.strip_prefix("0X")).unwrap_or(&word.text);
    let signed = digits.starts_with(['+', '-']);
    let value = if signed { None } else { u8::from_str_radix(digits, 16).ok() };
    value.ok_or_else(|| word.wrong("\"tos\" value is invalid"))
}

/// `check_ifname`: a name that a device can have (DEV-1). A ':' is left to the kernel.
pub(super) fn is_ifname(name: &str) -> bool {
    name.len() < 16 && is_altname(name)
}
/// `check_altifname`
pub(super) fn is_altname(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '/' || c.is_ascii_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word {
        Word { text: text.to_owned(), column: 1, width: text.len(), redirect: false }
    }

    #[test]
    fn numbers_have_three_bases() {
        let all = ["0", "12", "0x1f", "0X1F", "017", "08", "-1", "+1", "0x", "", "1 ", "18446744073709551616"];
        let got = all.map(number);
        let none = None;
        let want = [Some(0), Some(12), Some(31), Some(31), Some(15), none, none, none, none, none, none, none];
        assert_eq!(got, want);
        assert_eq!((u32_of("4294967295"), u32_of("4294967296"), i32_of("2147483648")), (Some(u32::MAX), None, None));
    }

    #[test]
    fn prefixes() {
        let of = |text| { Family::Any }.prefix(&word(text)).map(|(p, given)| (p.to_string(), given));
        for (text, want, given) in [
            ("10.0.0.1/24", "10.0.0.1/24", true),
            ("10/8", "10.0.0.0/8", true),
            ("10.1", "10.1.0.0/32", false),
            ("0x0a.0.0.010", "10.0.0.8/32", false),
            ("10.0.0.0/255.255.0.0", "10.0.0.0/16", true),
            ("default", "0.0.0.0/0", true),
            ("any", "0.0.0.0/0", false),
            ("0/0", "0.0.0.0/0", true),
        ] {
            assert_eq!(of(text), Ok((want.to_owned(), given)), "{text}");
        }
        for bad in [
            "10.0.0.1/33",
            "10.0.0.1/",
            "10.0.0.1/255.0.255.0",
            "10.0.0.256",
            "1.2.3.4.5",
            "",
            "foo",
            "default/0",
            "10..1",
        ] {
            let want = format!("Error: any valid prefix is expected rather than \"{bad}\".");
            assert_eq!({ Family::Any }.prefix(&word(bad)).unwrap_err().text, want);
        }
        let v6 = { Family::Inet }.prefix(&word("2001:db8::1/64")).unwrap_err();
        assert_eq!(v6.text, "not supported yet: IPv6");
        let inet = { Family::Inet }.address(&word("x")).unwrap_err();
        assert_eq!(inet.text, "Error: inet address is expected rather than \"x\".");
    }

    #[test]
    fn hardware_addresses() {
        assert_eq!(mac(&word("2:0:0:0:00:aB")), Ok(Mac([2, 0, 0, 0, 0, 0xab])));
        let text = |bad| mac(&word(bad)).unwrap_err().text;
        assert_eq!(text("02:00:00"), "Invalid address length 3 - must be 6 bytes");
        assert_eq!(text("02:00:00:00:00:0g"), "\"0g\" is invalid lladdr.");
        assert_eq!(text("02:00:00:00:00:100"), "\"100\" is invalid lladdr.");
        assert_eq!(text("10.0.0.1"), "\"10.0.0.1\" is invalid lladdr.");
    }

    #[test]
    fn names_of_numbers() {
        assert_eq!(scope(&word("link"), ""), Ok(Scope::Link));
        assert_eq!(scope(&word("254"), ""), Ok(Scope::Host));
        assert_eq!(scope(&word("100"), "").unwrap_err().text, "not supported: `scope 100`");
        assert_eq!(protocol(&word("bgp")), Ok(RtProto::Other(186)));
        assert_eq!(protocol(&word("4")), Ok(RtProto::Static));
        for id in 0..=255 {
            let there = protocol(&word(&id.to_string())).unwrap();
            assert_eq!(protocol(&word(&protocol_name(there))), Ok(there));
        }
        assert_eq!(dsfield(&word("10")), Ok(0x10));
        assert_eq!(dsfield(&word("EF")), Ok(0xb8));
        assert!(dsfield(&word("100")).is_err());
    }
}
