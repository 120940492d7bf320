//! The normalisation between a simulated lab and a recorded one: a short list of named rules, each counted. What no
//! rule names is compared as it is.

use super::frame::LabFrame;
use std::{collections::BTreeMap, fmt};

/// One thing that a recorded trace does not have as the programs gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    PingFirst,
    PingTime,
    PingTotal,
    PingRtt,
    PingBlank,
    Unprinted,
    Sorted,
    PinIpv6,
    PinBridgeNf,
    OrderFlow,
}

impl Rule {
    pub const ALL: [Rule; 10] = [
        Rule::PingFirst,
        Rule::PingTime,
        Rule::PingTotal,
        Rule::PingRtt,
        Rule::PingBlank,
        Rule::Unprinted,
        Rule::Sorted,
        Rule::PinIpv6,
        Rule::PinBridgeNf,
        Rule::OrderFlow,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Rule::PingFirst => "ping.first",
            Rule::PingTime => "ping.time",
            Rule::PingTotal => "ping.total",
            Rule::PingRtt => "ping.rtt",
            Rule::PingBlank => "ping.blank",
            Rule::Unprinted => "frame.unprinted",
            Rule::Sorted => "state.sorted",
            Rule::PinIpv6 => "pin.ipv6",
            Rule::PinBridgeNf => "pin.bridge-nf",
            Rule::OrderFlow => "order.flow",
        }
    }

    /// What it does, one sentence.
    pub const fn what(self) -> &'static str {
        match self {
            Rule::PingFirst => "ping's first line is left out",
            Rule::PingTime => "`time=0.041 ms` of an answer becomes `time=T`",
            Rule::PingTotal => "` time 201ms` is cut off the end of ping's summary",
            Rule::PingRtt => "the line of round trip statistics is left out",
            Rule::PingBlank => "empty lines of ping are left out",
            Rule::Unprinted => {
                "IP id, checksums, TCP numbers, window and options are in no trace (TOS, length, echo id: compared apart)"
            }
            Rule::Sorted => "neighbours and fdb entries are sorted by their text",
            Rule::PinIpv6 => "IPv6 is switched off in the setup: the simulator has none",
            Rule::PinBridgeNf => "bridge-nf-call-* is switched off in the setup: no bridge here calls IP's hooks",
            Rule::OrderFlow => "where senders start at one moment, frames are in order within each flow only",
        }
    }
}

/// How often each rule changed something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Rule, u64>);

impl Counts {
    pub fn add(&mut self, rule: Rule, n: u64) {
        *self.0.entry(rule).or_default() += n;
    }

    pub fn get(&self, rule: Rule) -> u64 {
        self.0.get(&rule).copied().unwrap_or_default()
    }

    /// Adds the counts of another lab.
    pub fn merge(&mut self, other: &Counts) {
        for (rule, n) in &other.0 {
            self.add(*rule, *n);
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in Rule::ALL {
            writeln!(f, "{:>6} × {}: {}", self.get(rule), rule.name(), rule.what())?;
        }
        Ok(())
    }
}

/// ping's output as a trace has it.
pub fn ping(lines: &[String], counts: &mut Counts) -> Vec<String> {
    let mut out = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        if i == 0 && line.starts_with("PING ") {
            counts.add(Rule::PingFirst, 1);
        } else if line.is_empty() {
            counts.add(Rule::PingBlank, 1);
        } else if line.starts_with("rtt min/avg/max/mdev = ") && line.ends_with(" ms") {
            counts.add(Rule::PingRtt, 1);
        } else if let Some(short) = without_time(line) {
            counts.add(Rule::PingTime, 1);
            out.push(short);
        } else if let Some(short) = without_total(line) {
            counts.add(Rule::PingTotal, 1);
            out.push(short);
        } else {
            out.push(line.clone());
        }
    }
    out
}

fn without_time(line: &str) -> Option<String> {
    let (head, number) = line.strip_suffix(" ms")?.split_once(" time=")?;
    decimal(number).then(|| format!("{head} time=T"))
}

fn without_total(line: &str) -> Option<String> {
    let (head, number) = line.strip_suffix("ms")?.split_once(", time ")?;
    decimal(number).then(|| format!("{head},"))
}

fn decimal(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(part)
}

/// Sorts a table's entries by their text; counts the entries that moved.
pub fn sorted<T: Clone + PartialEq>(table: &mut [T], text: impl Fn(&T) -> String, counts: &mut Counts) {
    let before = table.to_vec();
    table.sort_by_cached_key(text);
    let moved = before.iter().zip(table.iter()).filter(|(a, b)| a != b).count();
    counts.add(Rule::Sorted, moved as u64);
}

/// Brings a device's frames into an order by flow; within a flow they keep theirs. Counts the frames that moved.
pub fn by_flow(frames: &mut [LabFrame], counts: &mut Counts) {
    let before = frames.to_vec();
    frames.sort_by_key(LabFrame::flow);
    let moved = before.iter().zip(frames.iter()).filter(|(a, b)| a != b).count();
    counts.add(Rule::OrderFlow, moved as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole run of ping; what stands in ‹› may be hidden by a rule, all else must show.
    const PING: &str = "PING ‹10.0.0.2 (10.0.0.2) 56(84) bytes of data.›
64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=‹0.041› ms
64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=‹112› ms
From 10.0.0.1 icmp_seq=3 Destination Host Unreachable

--- 10.0.0.2 ping statistics ---
3 packets transmitted, 2 received, +1 errors, 33% packet loss, time ‹2031›ms
rtt min/avg/max/mdev = ‹0.041/0.051/0.061/0.010› ms";

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn ping_is_cut_as_the_recorder_cut_it() {
        let mut counts = Counts::default();
        let raw = lines(&PING.replace(['‹', '›'], ""));
        assert_eq!(
            ping(&raw, &mut counts),
            [
                "64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=T",
                "64 bytes from 10.0.0.2: icmp_seq=2 ttl=64 time=T",
                "From 10.0.0.1 icmp_seq=3 Destination Host Unreachable",
                "--- 10.0.0.2 ping statistics ---",
                "3 packets transmitted, 2 received, +1 errors, 33% packet loss,",
            ]
        );
        let counted: Vec<u64> = Rule::ALL.iter().map(|r| counts.get(*r)).collect();
        assert_eq!(counted, [1, 2, 1, 1, 1, 0, 0, 0, 0, 0]);
    }

    /// Mutation test of all ping rules: change one character anywhere, and it shows, unless it is one of those that
    /// a rule is there to hide.
    #[test]
    fn no_ping_rule_hides_more_than_it_says() {
        let plain: Vec<char> = PING.replace(['‹', '›'], "").chars().collect();
        let mut hidden = Vec::new();
        let mut inside = false;
        for c in PING.chars() {
            match c {
                '‹' => inside = true,
                '›' => inside = false,
                _ => hidden.push(inside),
            }
        }
        let normal = |text: &[char]| ping(&lines(&text.iter().collect::<String>()), &mut Counts::default());
        let good = normal(&plain);
        let mut shown = 0;
        for (i, may_hide) in hidden.iter().enumerate() {
            let mut bad = plain.clone();
            // A digit becomes another digit, so that the line keeps its form.
            bad[i] = match bad[i] {
                '\n' => continue,
                d if d.is_ascii_digit() => char::from(b'0' + (d as u8 - b'0' + 1) % 10),
                _ => '#',
            };
            if *may_hide {
                continue;
            }
            assert_ne!(normal(&bad), good, "a change of character {i} in `{}` is hidden", PING);
            shown += 1;
        }
        assert!(shown > 250);
    }

    #[test]
    fn sorting_hides_only_order() {
        let mut counts = Counts::default();
        let mut table = vec!["b", "a", "c"];
        sorted(&mut table, |s| (*s).to_owned(), &mut counts);
        assert_eq!((table.as_slice(), counts.get(Rule::Sorted)), (["a", "b", "c"].as_slice(), 2));
        let mut other = vec!["b", "a", "d"];
        sorted(&mut other, |s| (*s).to_owned(), &mut Counts::default());
        assert_ne!(table, other);
    }

    /// Two flows and their ARP, in the order of `names`.
    fn frames(names: &str) -> Vec<LabFrame> {
        let ip = |a: u8, b: u8, kind: &str| {
            format!(
                "in  02:00:00:00:00:01>02:00:00:00:00:02 IP 10.0.0.{a}>10.0.0.{b} ttl=64 len=84 proto=1 \
                 icmp echo-{kind}/0 seq=1"
            )
        };
        let arp = "inB 02:00:00:00:00:01>ff:ff:ff:ff:ff:ff ARP who-has tpa=10.0.0.3 tha=00:00:00:00:00:00 \
                   spa=10.0.0.1 sha=02:00:00:00:00:01";
        let of = |c| match c {
            'a' => ip(1, 3, "request"),
            'b' => ip(3, 1, "reply"),
            'c' => ip(2, 3, "request"),
            _ => arp.to_owned(),
        };
        names.chars().map(|c| of(c).parse().unwrap()).collect()
    }

    #[test]
    fn order_within_a_flow_is_kept_and_shows() {
        let order = |names: &str| {
            let mut all = frames(names);
            let mut counts = Counts::default();
            by_flow(&mut all, &mut counts);
            (all, counts.get(Rule::OrderFlow))
        };
        // A flow is a pair of addresses of one protocol, in both directions.
        assert_eq!(order("abcx").0, order("cxab").0);
        assert_eq!((order("abcx").1, order("cxab").1), (0, 4));
        assert_ne!(order("xabc").0, order("xbac").0);
        assert_ne!(order("xabc").0, order("xab").0);
        assert_ne!(order("xabc").0, order("xabb").0);
    }
}
