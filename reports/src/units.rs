//! Numbers as people read them. Integer arithmetic only, so the same number has the same text on every machine.

use std::fmt::Write;

/// A unit of time that a column, an axis or a sentence is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    Ns,
    Us,
    Ms,
    S,
}

impl Unit {
    pub const ALL: [Unit; 4] = [Unit::Ns, Unit::Us, Unit::Ms, Unit::S];

    /// The unit in which a scale whose largest value is `ps` picoseconds reads best.
    pub fn for_max(ps: u64) -> Unit {
        match ps {
            0..2_000_000 => Unit::Ns,
            2_000_000..2_000_000_000 => Unit::Us,
            2_000_000_000..2_000_000_000_000 => Unit::Ms,
            _ => Unit::S,
        }
    }
    /// The unit in which the single value `ps` has one to three digits before the point.
    pub fn for_value(ps: u64) -> Unit {
        match ps {
            0..1_000_000 => Unit::Ns,
            1_000_000..1_000_000_000 => Unit::Us,
            1_000_000_000..1_000_000_000_000 => Unit::Ms,
            _ => Unit::S,
        }
    }
    /// Picoseconds in one.
    pub const fn ps(self) -> u64 {
        match self {
            Unit::Ns => 1_000,
            Unit::Us => 1_000_000,
            Unit::Ms => 1_000_000_000,
            Unit::S => 1_000_000_000_000,
        }
    }
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Ns => "ns",
            Unit::Us => "us",
            Unit::Ms => "ms",
            Unit::S => "s",
        }
    }
}

/// `n` with a comma between thousands: "1,000,000".
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `n / one` with `decimals` digits after the point, rounded to nearest, thousands separated.
pub fn fixed(n: u64, one: u64, decimals: usize) -> String {
    let scale = 10u128.pow(decimals.min(12) as u32);
    let scaled = (u128::from(n) * scale + u128::from(one) / 2) / u128::from(one);
    let mut text = thousands(u64::try_from(scaled / scale).unwrap_or(u64::MAX));
    if decimals > 0 {
        let _ = write!(text, ".{:0width$}", scaled % scale, width = decimals);
    }
    text
}

/// `ps` in `unit`, three digits or so: "3.46", "24.9", "112.4", "1,235". No unit is written.
pub fn in_unit(ps: u64, unit: Unit) -> String {
    let one = unit.ps();
    let decimals = match ps / one {
        0..10 => 2,
        10..1_000 => 1,
        _ => 0,
    };
    // The smallest unit is not subdivided where that says nothing: 0 ns.
    if ps == 0 { "0".to_owned() } else { fixed(ps, one, decimals) }
}

/// `ps` in the unit that suits it: "96.5 us".
pub fn span(ps: u64) -> String {
    let unit = Unit::for_value(ps);
    format!("{} {}", in_unit(ps, unit), unit.name())
}

/// The uncertainty `ps` of `value_ps`, in the unit in which [`span`] writes the value: "0.30". One that would round to
/// nothing is rounded up. No unit is written.
pub fn margin(ps: u64, value_ps: u64) -> String {
    let unit = Unit::for_value(value_ps);
    in_unit(if ps > 0 { ps.max(unit.ps() / 100) } else { 0 }, unit)
}

/// `ps` as a person would have written it: "80 us", "1.5 ms".
pub fn exact(ps: u64) -> String {
    let unit = Unit::for_value(ps);
    let text = fixed(ps, unit.ps(), 3);
    format!("{} {}", text.trim_end_matches('0').trim_end_matches('.'), unit.name())
}

/// A share as per cent with at most two digits after the point; never "0 %" for something, nor "100 %" for not all.
pub fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "–".to_owned();
    }
    let hundredths = (u128::from(part) * 10_000 + u128::from(whole) / 2) / u128::from(whole);
    let hundredths = match hundredths {
        0 if part > 0 => return "< 0.01 %".to_owned(),
        10_000 if part < whole => return "> 99.99 %".to_owned(),
        h => u64::try_from(h).unwrap_or(u64::MAX),
    };
    let text = fixed(hundredths, 100, 2);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A percentile given as parts per million: 999_000 is "99.9".
pub fn percentile(per_million: u64) -> String {
    let text = fixed(per_million, 10_000, 4);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Packets (or bytes) a second from a count within `ps`: "12.3 k/s".
pub fn rate(count: u64, ps: u64) -> String {
    if ps == 0 {
        return "–".to_owned();
    }
    let milli = u128::from(count) * 1_000_000_000_000_000 / u128::from(ps);
    let milli = u64::try_from(milli).unwrap_or(u64::MAX);
    let (one, name) = match milli {
        0..1_000_000 => (1_000, "/s"),
        1_000_000..1_000_000_000 => (1_000_000, "k/s"),
        _ => (1_000_000_000, "M/s"),
    };
    let decimals = if milli >= one * 100 || milli.is_multiple_of(one) { 0 } else { 1 };
    format!("{} {name}", fixed(milli, one, decimals))
}

/// "1 point", "3 points".
pub fn count(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", thousands(n as u64), if n == 1 { one } else { many })
}

/// `text` cut to `width` characters, the last an ellipsis if something was cut; control characters become U+FFFD.
pub fn fit(text: &str, width: usize) -> String {
    let clean = printable(text);
    if clean.chars().count() <= width {
        return clean;
    }
    let mut cut: String = clean.chars().take(width.saturating_sub(1)).collect();
    cut.push('…');
    cut
}

/// `text` without anything that could move a cursor or break a line.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_control(c) { '\u{FFFD}' } else { c }).collect()
}

/// C0, C1, line and paragraph separators, and the characters that change the direction of text.
pub fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_000), "1,000");
        assert_eq!(thousands(u64::MAX), "18,446,744,073,709,551,615");
    }

    #[test]
    fn times_have_three_digits_or_so() {
        assert_eq!(in_unit(3_456_000, Unit::Us), "3.46");
        assert_eq!(in_unit(24_949_000, Unit::Us), "24.9");
        assert_eq!(in_unit(112_400_000, Unit::Us), "112.4");
        assert_eq!(in_unit(1_234_500_000, Unit::Us), "1,235");
        assert_eq!(in_unit(0, Unit::Ns), "0");
        assert_eq!(span(96_500_000), "96.5 us");
        assert_eq!(span(3_000_000_000_000), "3.00 s");
        assert_eq!(span(999), "1.00 ns");
        assert_eq!(span(u64::MAX), "18,446,744 s");
        assert_eq!(margin(300_000, 41_200_000), "0.30");
        assert_eq!(margin(4_380, 42_900_000), "0.01");
        assert_eq!(margin(0, 42_900_000), "0");
        assert_eq!(exact(80_000_000), "80 us");
        assert_eq!(exact(1_500_000_000), "1.5 ms");
        assert_eq!(exact(0), "0 ns");
    }

    #[test]
    fn shares_never_lie_about_nothing_and_all() {
        assert_eq!(percent(1, 1_000_000), "< 0.01 %");
        assert_eq!(percent(999_999, 1_000_000), "> 99.99 %");
        assert_eq!(percent(1, 2), "50 %");
        assert_eq!(percent(5, 5), "100 %");
        assert_eq!(percent(0, 5), "0 %");
        assert_eq!(percent(0, 0), "–");
        assert_eq!(percentile(999_000), "99.9");
        assert_eq!(percentile(500_000), "50");
        assert_eq!(percentile(999_999), "99.9999");
    }

    #[test]
    fn rates_have_a_prefix() {
        assert_eq!(rate(10_000, 1_000_000_000_000), "10 k/s");
        assert_eq!(rate(1, 0), "–");
        assert_eq!(rate(1, 2_000_000_000_000), "0.5 /s");
        assert_eq!(rate(1_488_095, 1_000_000_000_000), "1.5 M/s");
    }

    #[test]
    fn text_that_moves_the_cursor_is_made_harmless() {
        assert_eq!(fit("a\u{1b}[2Jb", 20), "a\u{FFFD}[2Jb");
        assert_eq!(fit("abcdef", 4), "abc…");
    }
}
