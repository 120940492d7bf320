//! Addresses. Tables and keys are generic over the family through [`Addr`].

use std::{fmt, hash::Hash, ops::BitAnd, str::FromStr};

/// An IP address as an unsigned integer in host order.
pub trait Addr: Copy + Ord + fmt::Debug + Hash + BitAnd<Output = Self> + 'static {
    /// 32 or 128.
    const BITS: u8;
    /// The first address of the family.
    const ZERO: Self;
    /// The last one: [`Addr::network`] of it is a netmask.
    const MAX: Self;
    /// The address with all but the first `len` bits cleared.
    #[must_use]
    fn network(self, len: u8) -> Self;
}

impl Addr for u32 {
    const BITS: u8 = 32;
    const ZERO: u32 = 0;
    const MAX: u32 = u32::MAX;
    #[inline]
    fn network(self, len: u8) -> u32 {
        if len == 0 { 0 } else { self & (u32::MAX << (32 - u32::from(len))) }
    }
}

impl Addr for u128 {
    const BITS: u8 = 128;
    const ZERO: u128 = 0;
    const MAX: u128 = u128::MAX;
    #[inline]
    fn network(self, len: u8) -> u128 {
        if len == 0 { 0 } else { self & (u128::MAX << (128 - u32::from(len))) }
    }
}

/// How an IPv4 address is printed; the kernel's own type is `u32` in host order here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Ip4Addr(pub u32);

impl fmt::Display for Ip4Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::Ipv4Addr::from(self.0).fmt(f)
    }
}
impl fmt::Debug for Ip4Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Ip4Addr {
    type Err = std::net::AddrParseError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        s.parse::<std::net::Ipv4Addr>().map(|a| Ip4Addr(a.into()))
    }
}

/// 224.0.0.0/4.
#[inline]
pub fn is_multicast(a: u32) -> bool {
    a >> 28 == 0xe
}
/// 127.0.0.0/8.
#[inline]
pub fn is_loopback(a: u32) -> bool {
    a >> 24 == 127
}
/// 255.255.255.255.
#[inline]
pub fn is_lbcast(a: u32) -> bool {
    a == u32::MAX
}
/// Only the single address 0.0.0.0 (RT-32).
#[inline]
pub fn is_zeronet(a: u32) -> bool {
    a == 0
}

/// `address/length`. Printed with the address as it was given; [`Prefix::network`] clears the host bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Prefix<A> {
    pub addr: A,
    /// 0 to `A::BITS`.
    pub len: u8,
}

impl<A: Addr> Prefix<A> {
    pub fn new(addr: A, len: u8) -> Self {
        Prefix { addr, len }
    }
    /// The same prefix with the host bits cleared.
    #[must_use]
    pub fn network(self) -> Self {
        Prefix { addr: self.addr.network(self.len), len: self.len }
    }
    #[inline]
    pub fn contains(self, a: A) -> bool {
        a.network(self.len) == self.addr.network(self.len)
    }
}

impl fmt::Display for Prefix<u32> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", Ip4Addr(self.addr), self.len)
    }
}

/// A 48-bit Ethernet address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Mac(pub [u8; 6]);

impl Mac {
    pub const ZERO: Mac = Mac([0; 6]);
    pub const BROADCAST: Mac = Mac([0xff; 6]);
    /// All bridges: where BPDUs go.
    pub const BRIDGE_GROUP: Mac = Mac([0x01, 0x80, 0xc2, 0, 0, 0]);

    #[inline]
    pub fn is_multicast(self) -> bool {
        self.0[0] & 1 == 1
    }
    /// Neither group nor all zero (`is_valid_ether_addr`).
    pub fn is_valid(self) -> bool {
        !self.is_multicast() && self != Mac::ZERO
    }
    /// The group address of an IPv4 multicast destination: 01:00:5e and its low 23 bits (ARP-26).
    pub fn of_multicast(dst: u32) -> Mac {
        let b = dst.to_be_bytes();
        Mac([1, 0, 0x5e, b[1] & 0x7f, b[2], b[3]])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}
impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl FromStr for Mac {
    type Err = String;
    fn from_str(s: &str) -> Result<Self, String> {
        let mut mac = [0; 6];
        let parts: Vec<&str> = s.split(':').collect();
        if parts.len() != 6 {
            return Err(format!("\"{s}\" is invalid lladdr."));
        }
        for (byte, part) in mac.iter_mut().zip(parts) {
            if part.len() > 2 {
                return Err(format!("\"{s}\" is invalid lladdr."));
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| format!("\"{s}\" is invalid lladdr."))?;
        }
        Ok(Mac(mac))
    }
}
