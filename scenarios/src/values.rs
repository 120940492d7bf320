//! Values that are written as text: times, rates, addresses, shares. Each says what it should look like.

use serde::{Deserialize, Deserializer, de};
use sim_core::{
    time::{Rate, Span},
    units::{Bytes, PerSecond},
};
use sim_models::packet::{Frame, Ip4Addr, Mac, raw};
use std::{fmt, marker::PhantomData, ops::Deref, str::FromStr};

/// A header and the largest packet of IPv4.
const MAX_FRAME: usize = 14 + 65_535;

/// A type that has a form as text.
pub trait Written: Sized {
    /// What is expected, with an example: `a time such as "5us"`.
    const WHAT: &'static str;
    /// Some value, used where the real one could not be read; such a scenario never runs.
    const STAND_IN: Self;
    /// # Errors
    /// Why it isn't one; a second line is taken as the help.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A value read from a string or, if it makes sense, a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<T>(pub T);

impl<T> Deref for Text<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
impl<T: fmt::Debug> fmt::Debug for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<T: Written> Default for Text<T> {
    fn default() -> Self {
        Text(T::STAND_IN)
    }
}

impl<'de, T: Written> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(TextVisitor(PhantomData))
    }
}

struct TextVisitor<T>(PhantomData<T>);
impl<T: Written> de::Visitor<'_> for TextVisitor<T> {
    type Value = Text<T>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(T::WHAT)
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Text<T>, E> {
        T::parse(text).map(Text).map_err(E::custom)
    }
    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Text<T>, E> {
        self.visit_str(&n.to_string())
    }
    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Text<T>, E> {
        self.visit_str(&n.to_string())
    }
    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Text<T>, E> {
        self.visit_str(&n.to_string())
    }
}

macro_rules! quantities {
    ($($T:ty, $what:literal, $stand_in:expr;)*) => {$(
        impl Written for $T {
            const WHAT: &'static str = $what;
            const STAND_IN: $T = $stand_in;
            fn parse(text: &str) -> Result<$T, String> {
                text.parse().map_err(|e: sim_core::units::UnitError| e.to_string())
            }
        }
    )*};
}

quantities! {
    Span, "a time such as \"5us\"", Span::ZERO;
    Rate, "a data rate such as \"10gbit\"", match Rate::from_bits_per_s(1) { Some(r) => r, None => unreachable!() };
    PerSecond, "a frequency such as \"10k/s\"", match PerSecond::new(1) { Some(r) => r, None => unreachable!() };
    Bytes, "a size such as 64 or \"1500B\"", Bytes(0);
}

impl Written for Mac {
    const WHAT: &'static str = "a MAC address such as \"02:00:00:00:00:01\"";
    const STAND_IN: Mac = Mac::ZERO;
    fn parse(text: &str) -> Result<Mac, String> {
        let mac: Mac =
            text.parse().map_err(|_| format!("`{}` is not a MAC address\nlike 02:00:00:00:00:01", short(text)))?;
        if mac.is_valid() {
            return Ok(mac);
        }
        Err(format!(
            "`{mac}` can't be a device's address: it is {}",
            if mac == Mac::ZERO { "all zero" } else { "a group's" }
        ))
    }
}

/// An IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip(pub u32);

impl Written for Ip {
    const WHAT: &'static str = "an address such as \"10.0.0.1\"";
    const STAND_IN: Ip = Ip(0);
    fn parse(text: &str) -> Result<Ip, String> {
        match text.parse::<Ip4Addr>() {
            Ok(a) => Ok(Ip(a.0)),
            Err(_) if text.parse::<std::net::Ipv6Addr>().is_ok() => {
                Err(format!("`{}` is an IPv6 address: only IPv4 is there so far", short(text)))
            }
            Err(_) if text.contains('/') => Err(format!("`{}` is a prefix, expected one address", short(text))),
            Err(_) => Err(format!(
                "`{}` is not an address\nan IPv4 address is four numbers from 0 to 255, like 10.0.0.1",
                short(text)
            )),
        }
    }
}

/// Where datagrams are sent: "172.17.0.2:80/udp", or without the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub address: u32,
    pub port: u16,
}

impl Written for Endpoint {
    const WHAT: &'static str = "an address with a port such as \"172.17.0.2:80/udp\"";
    const STAND_IN: Endpoint = Endpoint { address: 0, port: 1 };
    fn parse(text: &str) -> Result<Endpoint, String> {
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "udp"));
        match protocol {
            "udp" => Endpoint::of(text, rest, "172.17.0.2:80/udp"),
            "tcp" => {
                Err("data over TCP is not supported yet\nTcpConnect(…) tries to connect; here write /udp".to_owned())
            }
            other => Err(format!("`{}` is not a protocol: expected udp", short(other))),
        }
    }
}

impl Endpoint {
    /// "172.17.0.2:80"
    fn of(text: &str, rest: &str, like: &str) -> Result<Endpoint, String> {
        let Some((address, port)) = rest.rsplit_once(':') else {
            return Err(format!("`{}` has no port\nlike {like}", short(text)));
        };
        let port = match port.parse::<u16>() {
            Ok(port) if port > 0 => port,
            _ => return Err(format!("`{}` is not a port: expected 1 to 65535", short(port))),
        };
        Ok(Endpoint { address: Ip::parse(address)?.0, port })
    }
}

/// Where to connect to: "172.17.0.2:80/tcp", or without the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpEndpoint(pub Endpoint);

impl Written for TcpEndpoint {
    const WHAT: &'static str = "an address with a port such as \"172.17.0.2:80/tcp\"";
    const STAND_IN: TcpEndpoint = TcpEndpoint(Endpoint::STAND_IN);
    fn parse(text: &str) -> Result<TcpEndpoint, String> {
        let (rest, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        match protocol {
            "tcp" => Endpoint::of(text, rest, "172.17.0.2:80/tcp").map(TcpEndpoint),
            other => Err(format!("`{}` is not TCP: expected tcp", short(other))),
        }
    }
}

/// A frame from its destination MAC address on: its bytes, and what they say.
#[derive(Clone)]
pub struct FrameBytes {
    pub bytes: Vec<u8>,
    /// `None` in the stand-in alone.
    pub frame: Option<Frame>,
}

impl fmt::Debug for FrameBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x?}", self.bytes)
    }
}

impl Written for FrameBytes {
    const WHAT: &'static str = "a frame as hexadecimal digits, from its destination MAC address on";
    const STAND_IN: FrameBytes = FrameBytes { bytes: Vec::new(), frame: None };
    fn parse(text: &str) -> Result<FrameBytes, String> {
        let help = "as `tcpdump -xx` prints it: destination, source, ethertype, and what follows";
        let bytes = raw::from_hex(text).map_err(|why| format!("{why}\n{help}"))?;
        if bytes.len() > MAX_FRAME {
            return Err(format!("a frame has at most {MAX_FRAME} bytes, not {}", bytes.len()));
        }
        let frame = raw::read(&bytes).map_err(|e| format!("{e}\n{help}"))?;
        Ok(FrameBytes { bytes, frame: Some(frame) })
    }
}

/// A span that is the same each time, or drawn anew: "10us", "exponential 10us".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Law {
    Constant(Span),
    /// With this mean.
    Exponential(Span),
}

impl Law {
    /// Of all that it draws.
    pub fn mean(self) -> Span {
        match self {
            Law::Constant(span) | Law::Exponential(span) => span,
        }
    }
}

impl Written for Law {
    const WHAT: &'static str = "a time such as \"10us\" or \"exponential 10us\"";
    const STAND_IN: Law = Law::Constant(Span::ZERO);
    fn parse(text: &str) -> Result<Law, String> {
        let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or(("constant", text));
        let span = || <Span as Written>::parse(rest.trim());
        match word {
            "constant" => span().map(Law::Constant),
            "exponential" => span().map(Law::Exponential),
            other => Err(format!(
                "`{}` is not a law of times\nwritten \"10us\", always the same, or \"exponential 10us\", its mean",
                short(other)
            )),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", Ip4Addr(self.address), self.port)
    }
}

/// What counts as the beginning of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmup {
    /// What is received before this time.
    Until(Span),
    /// What MSER-5 leaves out, flow by flow.
    Mser5,
}

impl Written for Warmup {
    const WHAT: &'static str = "a time such as \"10ms\", or \"MSER-5\"";
    const STAND_IN: Warmup = Warmup::Until(Span::ZERO);
    fn parse(text: &str) -> Result<Warmup, String> {
        if text.starts_with(|c: char| c.is_ascii_digit()) {
            return <Span as Written>::parse(text).map(Warmup::Until);
        }
        match text {
            "MSER-5" => Ok(Warmup::Mser5),
            other => {
                Err(format!("`{}` is not a warm-up\nwritten \"10ms\", a time, or \"MSER-5\", a method", short(other)))
            }
        }
    }
}

/// A part of all packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    Count(u64),
    /// Millionths.
    Share(u64),
}

impl Written for Amount {
    const WHAT: &'static str = "a number of packets or a share such as \"99.9%\"";
    const STAND_IN: Amount = Amount::Count(0);
    fn parse(text: &str) -> Result<Amount, String> {
        let wrong = |why: &str| format!("`{}` is not an amount: {why}, like 1000 or \"99.9%\"", short(text));
        match text.strip_suffix('%') {
            Some(number) => match per_million(number) {
                Some(n) if n <= 1_000_000 => Ok(Amount::Share(n)),
                Some(_) => Err(wrong("a share is at most 100%")),
                None => Err(wrong("a share has at most four digits after its point")),
            },
            None => text.parse().map(Amount::Count).map_err(|_| wrong("expected a whole number or a share")),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Amount::Count(n) => write!(f, "{n}"),
            Amount::Share(n) => write!(f, "{}%", hundredths(n)),
        }
    }
}

/// A percentile in millionths of all values, 0 < p ≤ 100 %.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percentile(pub u64);

impl Written for Percentile {
    const WHAT: &'static str = "a percentile such as \"99.9\"";
    const STAND_IN: Percentile = Percentile(1);
    fn parse(text: &str) -> Result<Percentile, String> {
        match per_million(text) {
            Some(n) if (1..=1_000_000).contains(&n) => Ok(Percentile(n)),
            _ => Err(format!(
                "`{}` is not a percentile: expected a number above 0 and up to 100, like 99.9",
                short(text)
            )),
        }
    }
}

impl fmt::Display for Percentile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hundredths(self.0))
    }
}

/// "99.9" as 999,000. `None`: no such number, or finer than a millionth.
fn per_million(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    if whole.is_empty() || whole.len() > 9 || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
        return None;
    }
    let scaled: u64 = format!("{fraction:0<4}").parse().ok()?;
    Some(whole.parse::<u64>().ok()? * 10_000 + scaled)
}

/// Millionths as percents: 999,000 is "99.9".
pub fn hundredths(millionths: u64) -> String {
    let (whole, fraction) = (millionths / 10_000, millionths % 10_000);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:04}").trim_end_matches('0').to_owned()
}

/// A setting's value as text, written as a string, a number or a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word(pub String);

impl Deref for Word {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;
impl de::Visitor<'_> for WordVisitor {
    type Value = Word;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string or a number")
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.to_owned()))
    }
    fn visit_u64<E: de::Error>(self, n: u64) -> Result<Word, E> {
        Ok(Word(n.to_string()))
    }
    fn visit_i64<E: de::Error>(self, n: i64) -> Result<Word, E> {
        Ok(Word(n.to_string()))
    }
    fn visit_f64<E: de::Error>(self, n: f64) -> Result<Word, E> {
        Ok(Word(n.to_string()))
    }
    fn visit_bool<E: de::Error>(self, b: bool) -> Result<Word, E> {
        Ok(Word(if b { "1" } else { "0" }.to_owned()))
    }
}

/// Whatever stands there; it is looked at elsewhere.
#[derive(Clone, Copy, Debug, Default)]
pub struct Anything;

impl<'de> Deserialize<'de> for Anything {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_ignored_any(de::IgnoredAny).map(|_| Anything)
    }
}

/// The beginning of a text that may be of any length and hold anything.
pub fn short(text: &str) -> String {
    let kept: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { kept + "…" } else { kept }
}

/// A type whose `FromStr` is all there is to say.
pub fn parse<T: FromStr>(text: &str, what: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{}` is not {what}", short(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact() {
        for (text, want) in [("99.9%", 999_000), ("100%", 1_000_000), ("0.0001%", 1), ("50.00%", 500_000)] {
            assert_eq!(Amount::parse(text), Ok(Amount::Share(want)), "{text}");
        }
        assert_eq!(Amount::parse("99.9%").unwrap().to_string(), "99.9%");
        assert_eq!(Amount::parse("17"), Ok(Amount::Count(17)));
        for text in ["101%", "0.00001%", "%", "x", "-1", "1.5", "9999999999%", ".5%", ""] {
            assert!(Amount::parse(text).is_err(), "{text}");
        }
        assert_eq!(Percentile::parse("99.99"), Ok(Percentile(999_900)));
        assert!(Percentile::parse("0").is_err() && Percentile::parse("100.1").is_err());
    }

    #[test]
    fn an_endpoint_says_what_is_wrong_with_it() {
        assert_eq!(Endpoint::parse("10.0.0.1:80/udp"), Ok(Endpoint { address: 0x0a00_0001, port: 80 }));
        assert_eq!(Endpoint::parse("10.0.0.1:80").map(|e| e.to_string()), Ok("10.0.0.1:80".to_owned()));
        for (text, why) in [
            ("10.0.0.1", "has no port"),
            ("10.0.0.1:0", "`0` is not a port"),
            ("10.0.0.1:70000", "`70000` is not a port"),
            ("10.0.0.300:80", "`10.0.0.300` is not an address"),
            ("10.0.0.1:80/tcp", "data over TCP is not supported yet"),
            ("10.0.0.1:80/sctp", "`sctp` is not a protocol"),
            ("::1:80/udp", "IPv6"),
        ] {
            let e = Endpoint::parse(text).unwrap_err();
            assert!(e.contains(why), "{text}: {e}");
        }
        assert!(Ip::parse("10.0.0.1/24").unwrap_err().contains("prefix"));
        assert_eq!(TcpEndpoint::parse("10.0.0.1:80/tcp"), TcpEndpoint::parse("10.0.0.1:80"));
        assert!(TcpEndpoint::parse("10.0.0.1:80/udp").unwrap_err().contains("`udp` is not TCP"));
    }

    #[test]
    fn a_warmup_is_a_time_or_a_method() {
        assert_eq!(Warmup::parse("10ms"), Ok(Warmup::Until(Span::from_ms(10))));
        assert_eq!(Warmup::parse("MSER-5"), Ok(Warmup::Mser5));
        assert!(Warmup::parse("mser").unwrap_err().contains("`mser` is not a warm-up"));
    }

    #[test]
    fn a_law_is_a_span_or_says_how_it_is_drawn() {
        let us = Span::from_us;
        assert_eq!(Law::parse("10us"), Ok(Law::Constant(us(10))));
        assert_eq!(Law::parse("constant 10us"), Ok(Law::Constant(us(10))));
        assert_eq!(Law::parse(" exponential  2ms "), Ok(Law::Exponential(us(2_000))));
        assert!(Law::parse("exponential").unwrap_err().contains("exponential"));
        assert!(Law::parse("gamma 3us").unwrap_err().contains("`gamma` is not a law of times"));
        assert!(Law::parse("exponential 3").is_err());
    }
}
