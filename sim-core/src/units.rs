//! Quantities as text: "1.5us", "10gbit", "2.5M/s", "1500B". Reading is exact or an error, printing rounds to four
//! digits, and neither uses floating point. `{:#}` prints exactly, so that reading it back gives the same value.

use crate::time::{PS_PER_S, Rate, Span, Time};
use std::{fmt, str::FromStr};

/// A frequency of events. Never 0; the finest step is a millionth a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PerSecond {
    millionths: u64,
}

impl PerSecond {
    /// `n` a second; `None` for 0 and above 1.8 × 10¹³.
    pub const fn new(n: u64) -> Option<PerSecond> {
        match n.checked_mul(1_000_000) {
            None | Some(0) => None,
            Some(millionths) => Some(PerSecond { millionths }),
        }
    }
    /// Events in 10⁶ seconds.
    pub const fn millionths(self) -> u64 {
        self.millionths
    }
    /// The span from one event to the next, rounded to the nearest picosecond, at least one.
    pub const fn interval(self) -> Span {
        let ps = (PS_PER_S * 1_000_000 + self.millionths / 2) / self.millionths;
        Span::from_ps(if ps == 0 { 1 } else { ps })
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// Why a text is not the quantity it should be. Printed as one sentence that says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError(String);

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for UnitError {}

/// A kind of quantity: how it is called and what its units are.
struct Kind {
    /// With its article: "a time".
    what: &'static str,
    /// (word, how many of the finest step). The first ones are listed in error texts.
    units: &'static [(&'static str, u128)],
    listed: usize,
    example: &'static str,
    /// What the number counts if it stands alone.
    bare: Option<u128>,
    /// "1 ps"
    finest: &'static str,
    /// "213 days"
    most: &'static str,
    fold_case: bool,
    /// Beginner's words and what they may have meant.
    hints: &'static [(&'static str, &'static str)],
}

const PS: u128 = 1;
const S: u128 = PS_PER_S as u128;

const SPAN: Kind = Kind {
    what: "a time",
    units: &[
        ("ps", PS),
        ("ns", 1_000),
        ("us", 1_000_000),
        ("ms", 1_000_000_000),
        ("s", S),
        ("min", 60 * S),
        ("h", 3_600 * S),
        ("µs", 1_000_000),
        ("μs", 1_000_000),
    ],
    listed: 7,
    example: "1.5us",
    bare: None,
    finest: "1 ps",
    most: "213 days",
    fold_case: false,
    hints: &[("m", "min` or `ms"), ("sec", "s"), ("usec", "us"), ("msec", "ms"), ("nsec", "ns"), ("S", "s")],
};

/// The words of `tc`, which folds case and for which `bps` is bytes.
const RATE: Kind = Kind {
    what: "a data rate",
    units: &[
        ("bit", 1),
        ("kbit", 1_000),
        ("mbit", 1_000_000),
        ("gbit", 1_000_000_000),
        ("tbit", 1_000_000_000_000),
        ("bps", 8),
        ("kbps", 8_000),
        ("mbps", 8_000_000),
        ("gbps", 8_000_000_000),
        ("tbps", 8_000_000_000_000),
        ("kibit", 1 << 10),
        ("mibit", 1 << 20),
        ("gibit", 1 << 30),
        ("tibit", 1 << 40),
        ("kibps", 8 << 10),
        ("mibps", 8 << 20),
        ("gibps", 8 << 30),
        ("tibps", 8 << 40),
    ],
    listed: 5,
    example: "10gbit",
    bare: None,
    finest: "1 bit a second",
    most: "18 million tbit",
    fold_case: true,
    hints: &[
        ("k", "kbit"),
        ("m", "mbit"),
        ("g", "gbit"),
        ("gb", "gbit"),
        ("mb", "mbit"),
        ("kb", "kbit"),
        ("gb/s", "gbit"),
        ("mb/s", "mbit"),
        ("gbit/s", "gbit"),
        ("mbit/s", "mbit"),
    ],
};

const PER_SECOND: Kind = Kind {
    what: "a frequency",
    units: &[("/s", 1_000_000), ("k/s", 1_000_000_000), ("M/s", 1_000_000_000_000), ("G/s", 1_000_000_000_000_000)],
    listed: 4,
    example: "10k/s",
    bare: None,
    finest: "0.000001/s",
    most: "18,000G/s",
    fold_case: false,
    hints: &[("K/s", "k/s"), ("m/s", "M/s"), ("pps", "/s"), ("kpps", "k/s"), ("k", "k/s"), ("M", "M/s"), ("Hz", "/s")],
};

const BYTES: Kind = Kind {
    what: "a size",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
    ],
    listed: 7,
    example: "1500B",
    bare: Some(1),
    finest: "1 byte",
    most: "16 EiB",
    fold_case: false,
    hints: &[
        ("k", "kB` or `KiB"),
        ("K", "kB` or `KiB"),
        ("KB", "kB` or `KiB"),
        ("kb", "kB"),
        ("b", "B"),
        ("M", "MB` or `MiB"),
    ],
};

impl Kind {
    fn words(&self) -> String {
        let words: Vec<&str> = self.units[..self.listed].iter().map(|u| u.0).collect();
        words.join(", ")
    }

    fn error(&self, text: &str, why: &str) -> UnitError {
        // A text may be of any length and hold anything.
        let shown: String = text.chars().take(40).flat_map(char::escape_debug).collect();
        let dots = if text.chars().nth(40).is_some() { "…" } else { "" };
        UnitError(format!("`{shown}{dots}` is not {}: {why}", self.what))
    }

    /// The quantity in its finest steps.
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let no_number = whole.is_empty() || fraction.contains('.') || number.ends_with('.');
        if no_number {
            let why = format!("expected a number and a unit ({}), like `{}`", self.words(), self.example);
            return Err(self.error(text, &why));
        }
        let fraction = fraction.trim_end_matches('0');
        let whole = whole.trim_start_matches('0');
        let step = match (unit, self.bare) {
            ("", Some(step)) => step,
            ("", None) if whole.is_empty() && fraction.is_empty() => 0,
            ("", None) => {
                let why = format!("its unit is missing ({}), like `{}`", self.words(), self.example);
                return Err(self.error(text, &why));
            }
            _ => self.step(unit).ok_or_else(|| self.error(text, &self.unknown(unit)))?,
        };
        let too_much = || self.error(text, &format!("it is more than {}", self.most));
        let too_fine = || self.error(text, &format!("it is finer than {}", self.finest));
        // 20 digits hold any u64, and no unit has more than 18 digits behind its finest step.
        if whole.len() > 20 {
            return Err(too_much());
        }
        if fraction.len() > 18 {
            return Err(too_fine());
        }
        let digits = |s: &str| s.bytes().fold(0_u128, |n, d| n * 10 + u128::from(d - b'0'));
        let scale = 10_u128.pow(fraction.len() as u32);
        let parts = digits(fraction) * step;
        if parts % scale != 0 {
            return Err(too_fine());
        }
        let total = digits(whole).checked_mul(step).and_then(|n| n.checked_add(parts / scale));
        total.and_then(|n| u64::try_from(n).ok()).ok_or_else(too_much)
    }

    fn step(&self, unit: &str) -> Option<u128> {
        let same = |word: &str| if self.fold_case { word.eq_ignore_ascii_case(unit) } else { word == unit };
        self.units.iter().find(|u| same(u.0)).map(|u| u.1)
    }

    fn unknown(&self, unit: &str) -> String {
        let shown: String = unit.chars().take(20).flat_map(char::escape_debug).collect();
        let same = |word: &str| if self.fold_case { word.eq_ignore_ascii_case(unit) } else { word == unit };
        let hint = self.hints.iter().find(|h| same(h.0));
        let help = hint.map(|h| format!("; did you mean `{}`?", h.1)).unwrap_or_default();
        if unit.starts_with(char::is_whitespace) {
            return format!("number and unit stand together, like `{}`", self.example);
        }
        format!("unknown unit `{shown}`, expected one of {}{help}", self.words())
    }

    fn nothing(&self, text: &str) -> UnitError {
        self.error(text, "it can't be 0")
    }
}

/// `value` in the largest of `units` (word, steps; ascending) that is not larger than it, rounded to four digits, or to
/// whole units where those are more.
fn print(value: u64, units: &[(&str, u64)], exact: bool) -> String {
    if value == 0 {
        return "0".to_owned();
    }
    let largest = units.last().map_or(1, |u| u.1);
    let kept = if exact { value } else { round(value, largest) };
    let (word, steps) = units.iter().rev().find(|u| u.1 <= kept).unwrap_or(&units[0]);
    let (whole, rest) = (kept / steps, kept % steps);
    if rest == 0 {
        return format!("{whole}{word}");
    }
    let places = steps.ilog10() as usize;
    let fraction = format!("{rest:0places$}");
    format!("{whole}.{}{word}", fraction.trim_end_matches('0'))
}

/// `value` rounded to four significant digits or to multiples of `largest`, whichever is finer; halves go up.
fn round(value: u64, largest: u64) -> u64 {
    let digits = value.ilog10();
    if digits < 4 {
        return value;
    }
    let grain = 10_u64.pow(digits - 3).min(largest);
    let off = value % grain;
    if off * 2 < grain { value - off } else { (value - off).saturating_add(grain) }
}

const SPANS: &[(&str, u64)] = &[("ps", 1), ("ns", 1_000), ("us", 1_000_000), ("ms", 1_000_000_000), ("s", PS_PER_S)];
const RATES: &[(&str, u64)] =
    &[("bit", 1), ("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("tbit", 1_000_000_000_000)];
const FREQUENCIES: &[(&str, u64)] =
    &[("/s", 1_000_000), ("k/s", 1_000_000_000), ("M/s", 1_000_000_000_000), ("G/s", 1_000_000_000_000_000)];

impl FromStr for Span {
    type Err = UnitError;
    /// "1.5us", "50us", "10ms", "2s", "1min", "1h"; "0" needs no unit.
    fn from_str(text: &str) -> Result<Span, UnitError> {
        SPAN.parse(text).map(Span::from_ps)
    }
}
impl fmt::Display for Span {
    /// "39.8us", "1.024s", "0".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print(self.ps(), SPANS, f.alternate()))
    }
}

impl FromStr for Time {
    type Err = UnitError;
    /// As a [`Span`] since time 0.
    fn from_str(text: &str) -> Result<Time, UnitError> {
        SPAN.parse(text).map(Time::from_ps)
    }
}
impl fmt::Display for Time {
    /// As the [`Span`] since time 0; [`Time::MAX`] is "never".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Time::MAX { f.pad("never") } else { f.pad(&print(self.ps(), SPANS, f.alternate())) }
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    /// "10gbit", "2.5gbit", "64kbit", "100Mbit"; as in `tc`, "1gbps" is a gigabyte a second.
    fn from_str(text: &str) -> Result<Rate, UnitError> {
        Rate::from_bits_per_s(RATE.parse(text)?).ok_or_else(|| RATE.nothing(text))
    }
}
impl fmt::Display for Rate {
    /// "10gbit", "2.5gbit".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print(self.bits_per_s(), RATES, f.alternate()))
    }
}

impl FromStr for PerSecond {
    type Err = UnitError;
    /// "10k/s", "2.5M/s", "1/s", "0.5/s".
    fn from_str(text: &str) -> Result<PerSecond, UnitError> {
        match PER_SECOND.parse(text)? {
            0 => Err(PER_SECOND.nothing(text)),
            millionths => Ok(PerSecond { millionths }),
        }
    }
}
impl fmt::Display for PerSecond {
    /// "10k/s", "2.5M/s".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&print(self.millionths, FREQUENCIES, f.alternate()))
    }
}

impl FromStr for Bytes {
    type Err = UnitError;
    /// "64", "1500B", "9kB" (thousands), "1KiB" (1024).
    fn from_str(text: &str) -> Result<Bytes, UnitError> {
        BYTES.parse(text).map(Bytes)
    }
}
impl fmt::Display for Bytes {
    /// Always exactly: "1500B".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}B", self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn ps(text: &str) -> u64 {
        text.parse::<Span>().unwrap().ps()
    }
    fn why<T: FromStr<Err = UnitError> + fmt::Debug>(text: &str) -> String {
        text.parse::<T>().unwrap_err().to_string()
    }

    #[test]
    fn spans_are_read_exactly() {
        for (text, want) in [
            ("3ps", 3),
            ("100ns", 100_000),
            ("1.5us", 1_500_000),
            ("50us", 50_000_000),
            ("50µs", 50_000_000),
            ("0.000001us", 1),
            ("10ms", 10_000_000_000),
            ("2s", 2 * PS_PER_S),
            ("1min", 60 * PS_PER_S),
            ("1.5h", 5_400 * PS_PER_S),
            ("0", 0),
            ("0.0", 0),
            ("0s", 0),
            ("00012ns", 12_000),
            ("1.50000000000000000000000000us", 1_500_000),
            ("18446744.073709551615s", u64::MAX),
        ] {
            assert_eq!(ps(text), want, "{text}");
        }
        assert_eq!("2s".parse(), Ok(Time::from_ps(2 * PS_PER_S)));
    }

    #[test]
    fn spans_say_what_is_wrong() {
        let units = "ps, ns, us, ms, s, min, h";
        for (text, want) in [
            ("", format!("`` is not a time: expected a number and a unit ({units}), like `1.5us`")),
            ("us", format!("`us` is not a time: expected a number and a unit ({units}), like `1.5us`")),
            ("-5us", format!("`-5us` is not a time: expected a number and a unit ({units}), like `1.5us`")),
            ("1.us", format!("`1.us` is not a time: expected a number and a unit ({units}), like `1.5us`")),
            ("1.2.3us", format!("`1.2.3us` is not a time: expected a number and a unit ({units}), like `1.5us`")),
            ("5", format!("`5` is not a time: its unit is missing ({units}), like `1.5us`")),
            ("5 us", "`5 us` is not a time: number and unit stand together, like `1.5us`".to_owned()),
            (
                "5m",
                format!("`5m` is not a time: unknown unit `m`, expected one of {units}; did you mean `min` or `ms`?"),
            ),
            ("5parsec", format!("`5parsec` is not a time: unknown unit `parsec`, expected one of {units}")),
            ("1e3us", format!("`1e3us` is not a time: unknown unit `e3us`, expected one of {units}")),
            ("1.5ps", "`1.5ps` is not a time: it is finer than 1 ps".to_owned()),
            ("0.0000000000000000000001s", {
                "`0.0000000000000000000001s` is not a time: it is finer than 1 ps".to_owned()
            }),
            ("18446745s", "`18446745s` is not a time: it is more than 213 days".to_owned()),
            ("99999999999999999999h", "`99999999999999999999h` is not a time: it is more than 213 days".to_owned()),
        ] {
            assert_eq!(why::<Span>(text), want);
        }
        assert!(why::<Span>(&"9".repeat(100_000)).len() < 200, "a long text is cut");
        assert!(!why::<Span>("1\u{1b}[2J\n").contains('\u{1b}'), "control characters are escaped");
    }

    #[test]
    fn spans_are_printed_readably() {
        for (value, want) in [
            (0, "0"),
            (3, "3ps"),
            (999, "999ps"),
            (39_800_000, "39.8us"),
            (39_812_345, "39.81us"),
            (39_815_000, "39.82us"),
            (1_024_000_000_000, "1.024s"),
            (999_949_999, "999.9us"),
            (999_950_000, "1ms"),
            (999_999_999_999, "1s"),
            (1_000_500_000, "1.001ms"),
            (90 * PS_PER_S, "90s"),
            (86_399_499_999_999_999, "86399s"),
            (86_399_500_000_000_000, "86400s"),
            (u64::MAX, "18446744s"),
        ] {
            assert_eq!(Span::from_ps(value).to_string(), want, "{value}");
        }
        assert_eq!(format!("{:>8}|{:<8}|", Span::from_us(5), Time::from_ps(7)), "     5us|7ps     |");
        assert_eq!(format!("{:#}", Span::from_ps(39_812_345)), "39.812345us");
        assert_eq!(Time::MAX.to_string(), "never");
    }

    #[test]
    fn exact_text_reads_back() {
        let mut s = Streams::new(2);
        let id = s.named("units");
        for _ in 0..2_000 {
            let n = s.next(id) >> s.below(id, 64);
            let span = Span::from_ps(n);
            assert_eq!(format!("{span:#}").parse(), Ok(span));
            let rate = Rate::from_bits_per_s(n.max(1)).unwrap();
            assert_eq!(format!("{rate:#}").parse(), Ok(rate));
            let frequency = PerSecond { millionths: n.max(1) };
            assert_eq!(format!("{frequency:#}").parse(), Ok(frequency));
            assert_eq!(Bytes(n).to_string().parse(), Ok(Bytes(n)));
        }
    }

    #[test]
    fn rates_are_those_of_tc() {
        let bits = |text: &str| text.parse::<Rate>().unwrap().bits_per_s();
        for (text, want, printed) in [
            ("10gbit", 10_000_000_000, "10gbit"),
            ("2.5gbit", 2_500_000_000, "2.5gbit"),
            ("100Mbit", 100_000_000, "100mbit"),
            ("64kbit", 64_000, "64kbit"),
            ("1.6tbit", 1_600_000_000_000, "1.6tbit"),
            ("9600bit", 9_600, "9.6kbit"),
            ("1gbps", 8_000_000_000, "8gbit"),
            ("1.5bps", 12, "12bit"),
            ("1Mibit", 1_048_576, "1.049mbit"),
        ] {
            assert_eq!((bits(text), text.parse::<Rate>().unwrap().to_string().as_str()), (want, printed));
        }
        let units = "bit, kbit, mbit, gbit, tbit";
        assert_eq!(
            why::<Rate>("10Gb/s"),
            format!("`10Gb/s` is not a data rate: unknown unit `Gb/s`, expected one of {units}; did you mean `gbit`?")
        );
        assert_eq!(why::<Rate>("0gbit"), "`0gbit` is not a data rate: it can't be 0");
        assert_eq!(why::<Rate>("0"), "`0` is not a data rate: it can't be 0");
        assert_eq!(why::<Rate>("0.5bit"), "`0.5bit` is not a data rate: it is finer than 1 bit a second");
        assert_eq!(why::<Rate>("10"), format!("`10` is not a data rate: its unit is missing ({units}), like `10gbit`"));
    }

    #[test]
    fn frequencies_have_an_interval() {
        let of = |text: &str| text.parse::<PerSecond>().unwrap();
        assert_eq!(of("1/s").interval(), Span::from_s(1));
        assert_eq!(of("10k/s").interval(), Span::from_us(100));
        assert_eq!(of("2.5M/s").interval(), Span::from_ns(400));
        assert_eq!(of("0.5/s").interval(), Span::from_s(2));
        assert_eq!(of("3/s").interval(), Span::from_ps(333_333_333_333));
        assert_eq!(of("10000G/s").interval(), Span::from_ps(1), "never 0");
        assert_eq!(of("2500k/s").to_string(), "2.5M/s");
        assert_eq!(of("0.25/s").to_string(), "0.25/s");
        assert_eq!(PerSecond::new(10_000), Some(of("10k/s")));
        assert_eq!(PerSecond::new(0), None);
        assert_eq!(why::<PerSecond>("0/s"), "`0/s` is not a frequency: it can't be 0");
        assert_eq!(
            why::<PerSecond>("10kpps"),
            "`10kpps` is not a frequency: unknown unit `kpps`, expected one of /s, k/s, M/s, G/s; did you mean `k/s`?"
        );
    }

    #[test]
    fn sizes_may_stand_bare() {
        let of = |text: &str| text.parse::<Bytes>().unwrap().0;
        assert_eq!(["64", "1500B", "9kB", "1KiB", "1.5KiB"].map(of), [64, 1_500, 9_000, 1_024, 1_536]);
        assert_eq!(
            why::<Bytes>("1K"),
            "`1K` is not a size: unknown unit `K`, expected one of B, kB, KiB, MB, MiB, GB, GiB; did you mean `kB` or `KiB`?"
        );
        assert_eq!(why::<Bytes>("1.5B"), "`1.5B` is not a size: it is finer than 1 byte");
    }
}
