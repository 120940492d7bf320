//! What iputils' ping prints, from what happened to its packets.

use sim_core::time::Span;
use std::net::Ipv4Addr;

/// A whole run of ping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub dst: Ipv4Addr,
    /// `-I ADDRESS`
    pub source: Option<Ipv4Addr>,
    /// Bytes of payload.
    pub size: u32,
    pub transmitted: u64,
    /// From the first send to the last answer or to giving up.
    pub total: Span,
    pub lines: Vec<Line>,
}

/// What one packet that came back was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    Reply {
        from: Ipv4Addr,
        seq: u64,
        ttl: u8,
        bytes: u32,
        rtt: Span,
    },
    /// An ICMP error: type, code, and the MTU of 3/4.
    Error {
        from: Ipv4Addr,
        seq: u64,
        kind: u8,
        code: u8,
        mtu: u32,
    },
}

impl Run {
    /// Standard output.
    pub fn output(&self) -> Vec<String> {
        let Run { dst, size, .. } = self;
        let from = self.source.map(|s| format!("from {s} : ")).unwrap_or_default();
        let mut out = vec![format!("PING {dst} ({dst}) {from}{size}({}) bytes of data.", size + 28)];
        out.extend(self.lines.iter().map(line));
        out.push(String::new());
        out.push(format!("--- {dst} ping statistics ---"));
        out.push(self.summary());
        out.push(self.round_trips().unwrap_or_default());
        out
    }

    /// Exit code: 1 if nothing came back.
    pub fn code(&self) -> i32 {
        i32::from(self.rtts().next().is_none())
    }

    fn rtts(&self) -> impl Iterator<Item = Span> {
        self.lines.iter().filter_map(|l| match l {
            Line::Reply { rtt, .. } => Some(*rtt),
            Line::Error { .. } => None,
        })
    }

    fn summary(&self) -> String {
        let received = self.rtts().count() as u64;
        let errors = self.lines.len() as u64 - received;
        let errors = if errors > 0 { format!(", +{errors} errors") } else { String::new() };
        let lost = self.transmitted.saturating_sub(received);
        let loss = percent(lost, self.transmitted.max(1));
        let total = self.total.ps() / 1_000_000_000;
        format!(
            "{} packets transmitted, {received} received{errors}, {loss}% packet loss, time {total}ms",
            self.transmitted
        )
    }

    /// Times in microseconds, as ping computes them.
    fn round_trips(&self) -> Option<String> {
        let all: Vec<u64> = self.rtts().map(|r| r.ps() / 1_000_000).collect();
        let n = all.len() as u64;
        let (min, max) = (all.iter().min()?, all.iter().max()?);
        let avg = all.iter().sum::<u64>() / n;
        let mdev = (all.iter().map(|t| t * t).sum::<u64>() / n).saturating_sub(avg * avg).isqrt();
        let ms = |us: u64| format!("{}.{:03}", us / 1000, us % 1000);
        Some(format!("rtt min/avg/max/mdev = {}/{}/{}/{} ms", ms(*min), ms(avg), ms(*max), ms(mdev)))
    }
}

fn line(line: &Line) -> String {
    match *line {
        Line::Reply { from, seq, ttl, bytes, rtt } => {
            format!("{bytes} bytes from {from}: icmp_seq={seq} ttl={ttl} time={} ms", milliseconds(rtt))
        }
        Line::Error { from, seq, kind, code, mtu } => {
            let text = match (kind, code) {
                (3, 0) => "Destination Net Unreachable".to_owned(),
                (3, 1) => "Destination Host Unreachable".to_owned(),
                (3, 2) => "Destination Protocol Unreachable".to_owned(),
                (3, 3) => "Destination Port Unreachable".to_owned(),
                (3, 4) => format!("Frag needed and DF set (mtu = {mtu})"),
                (3, 13) => "Packet filtered".to_owned(),
                (11, 0) => "Time to live exceeded".to_owned(),
                (11, 1) => "Frag reassembly time exceeded".to_owned(),
                (3, _) => format!("Dest Unreachable, Bad Code: {code}"),
                (_, _) => format!("Bad ICMP type: {kind}"),
            };
            format!("From {from} icmp_seq={seq} {text}")
        }
    }
}

/// Three digits that count: 0.041, 1.23, 45.6, 789.
fn milliseconds(rtt: Span) -> String {
    let us = rtt.ps() / 1_000_000;
    match us {
        0..=999 => format!("0.{us:03}"),
        1_000..=9_999 => format!("{}.{:02}", us / 1000, us % 1000 / 10),
        10_000..=99_999 => format!("{}.{}", us / 1000, us % 1000 / 100),
        _ => format!("{}", us / 1000),
    }
}

/// `part` of `whole` in percent with six digits that count, as printf's %g.
fn percent(part: u64, whole: u64) -> String {
    let scale: u64 = if part * 10 < whole { 100_000 } else { 10_000 };
    let n = (part * 100 * scale + whole / 2) / whole;
    let text = format!("{}.{:0width$}", n / scale, n % scale, width = scale.ilog10() as usize);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::rules::{self, Counts};

    const B: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);

    fn reply(seq: u64, us: u64) -> Line {
        Line::Reply { from: B, seq, ttl: 64, bytes: 64, rtt: Span::from_us(us) }
    }

    #[test]
    fn prints_as_iputils() {
        let error = Line::Error { from: Ipv4Addr::new(10, 0, 0, 1), seq: 3, kind: 3, code: 1, mtu: 0 };
        let run = Run {
            dst: B,
            source: Some(Ipv4Addr::new(10, 0, 0, 3)),
            size: 56,
            transmitted: 3,
            total: Span::from_ms(2031),
            lines: vec![reply(1, 41), reply(2, 61), error],
        };
        assert_eq!(
            run.output(),
            [
                "PING 10.0.0.2 (10.0.0.2) from 10.0.0.3 : 56(84) bytes of data.",
                "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.041 ms",
                "64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=0.061 ms",
                "From 10.0.0.1 icmp_seq=3 Destination Host Unreachable",
                "",
                "--- 10.0.0.2 ping statistics ---",
                "3 packets transmitted, 2 received, +1 errors, 33.3333% packet loss, time 2031ms",
                "rtt min/avg/max/mdev = 0.041/0.051/0.061/0.010 ms",
            ]
        );
        assert_eq!(run.code(), 0);
    }

    #[test]
    fn without_an_answer_the_rules_leave_two_lines() {
        let run = Run { dst: B, source: None, size: 56, transmitted: 1, total: Span::ZERO, lines: vec![] };
        let left = rules::ping(&run.output(), &mut Counts::default());
        assert_eq!(left, ["--- 10.0.0.2 ping statistics ---", "1 packets transmitted, 0 received, 100% packet loss,"]);
        assert_eq!(run.code(), 1);
    }

    #[test]
    fn numbers_have_the_digits_that_ping_gives_them() {
        let ms: Vec<String> = [0, 41, 999, 1_234, 45_678, 789_012].map(Span::from_us).map(milliseconds).into();
        assert_eq!(ms, ["0.000", "0.041", "0.999", "1.23", "45.6", "789"]);
        let percent: Vec<String> = [(0, 1), (1, 1), (1, 3), (2, 3), (1, 12), (1, 8)].map(|(a, b)| percent(a, b)).into();
        assert_eq!(percent, ["0", "100", "33.3333", "66.6667", "8.33333", "12.5"]);
    }
}
