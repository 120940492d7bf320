//! What may differ between two kernels, or between two runs of one: a short list of named rules. Each is applied to
//! both sides alike and counted; what no rule names is compared as it is.

use super::{
    job::{Record, Space, Task},
    shot::{Shot, free_port},
    simulated::Seen,
};
use std::collections::BTreeMap;

macro_rules! rules {
    ($($Name:ident $text:literal $doc:literal),* $(,)?) => {
        /// One rule of the list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Rule { $(#[doc = $doc] $Name),* }
        impl Rule {
            pub const ALL: &'static [Rule] = &[$(Rule::$Name),*];
            pub const fn name(self) -> &'static str { match self { $(Rule::$Name => $text),* } }
            /// What it leaves out, and why, in one sentence.
            pub const fn doc(self) -> &'static str { match self { $(Rule::$Name => $doc),* } }
        }
    };
}

rules! {
    IpId "ip.id" "the IP identification of a packet: drawn from a hash that is seeded at boot",
    Checksum "checksum" "a transport checksum: a captured frame has only the pseudo header's sum, the rest is the NIC's work",
    UdpSport "udp.sport" "a source port that no scenario names: the kernel draws it; counted by flow",
    NeighState "neigh.state" "REACHABLE, STALE, DELAY, PROBE are one class: the times between them are random; lladdr is compared",
    LinkNumber "link.number" "a device's number, and what `ip` derives from it: devices of the machine come before",
    LinkQdisc "link.qdisc" "the qdisc of a device: a NIC is a veth here, which has none",
    AddrMac "link.address" "the line of MAC addresses of `ip addr`: a bridge without ports draws its own; frames show all others",
    Sorted "table.sorted" "the order of devices, neighbours and forwarding entries, which are kept in hashes",
    OrderFlow "order.flow" "the order of frames of different flows, where several programs send at once; kept within each flow",
}

/// How often each rule was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(BTreeMap<Rule, u64>);

impl Counts {
    pub fn add(&mut self, rule: Rule, n: u64) {
        if n > 0 {
            *self.0.entry(rule).or_default() += n;
        }
    }
    pub fn get(&self, rule: Rule) -> u64 {
        self.0.get(&rule).copied().unwrap_or_default()
    }
    pub fn merge(&mut self, other: &Counts) {
        for (rule, n) in &other.0 {
            self.add(*rule, *n);
        }
    }
    /// Rules that were used, in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (Rule, u64)> + '_ {
        self.0.iter().map(|(r, n)| (*r, *n))
    }
}

/// One side of a comparison, masked.
#[derive(Clone, Debug, Default)]
pub struct Side {
    pub answers: Vec<Option<String>>,
    pub shots: Vec<Shot>,
    pub spaces: Vec<Space>,
    /// By flow: sent, received, errors.
    pub flows: Vec<super::job::FlowSeen>,
    pub drops: Option<Vec<super::job::DropSeen>>,
    pub counts: Counts,
}

/// The simulator's side.
pub fn of_simulator(seen: &Seen, tasks: &[Task]) -> Side {
    let side = Side {
        answers: seen.answers.clone(),
        shots: seen.shots.clone(),
        spaces: seen.spaces.clone(),
        flows: seen.flows.clone(),
        drops: Some(seen.drops.clone()),
        counts: Counts::default(),
    };
    masked(side, tasks)
}

/// A kernel's side; `tag` reads flow and packet number out of payload.
pub fn of_kernel(record: &Record, tasks: &[Task], tag: impl Fn(&[u8]) -> Option<(u32, u32)> + Copy) -> Side {
    let shots = record.frames.iter().filter(|f| f.at_ns >= 0).map(|f| Shot::seen(f, tag)).collect();
    let side = Side {
        answers: record.answers.clone(),
        shots,
        spaces: record.spaces.clone(),
        flows: record.flows.clone(),
        drops: record.drops.clone(),
        counts: Counts::default(),
    };
    masked(side, tasks)
}

fn masked(mut side: Side, tasks: &[Task]) -> Side {
    let mut counts = Counts::default();
    let ip = side.shots.iter().filter(|s| s.what.tos.is_some()).count() as u64;
    counts.add(Rule::IpId, ip);
    counts.add(Rule::Checksum, ip);
    for task in tasks {
        let Some(to) = free_port(&task.app) else { continue };
        let Some(flow) = side.flows.get_mut((task.flow as usize).wrapping_sub(1)).filter(|f| f.port != 0) else {
            continue;
        };
        let port = std::mem::take(&mut flow.port);
        let masked = side.shots.iter_mut().filter_map(|s| s.mask_port(port, to).then_some(())).count();
        counts.add(Rule::UdpSport, u64::from(masked > 0));
        let own = format!(":{port} ");
        for space in side.spaces.iter_mut().filter(|s| s.host == task.host && s.ns == task.ns) {
            for line in &mut space.sockets {
                *line = line.replacen(&own, ":* ", 1);
            }
            space.sockets.sort();
        }
    }
    for flow in &mut side.flows {
        flow.port = 0;
    }
    for space in &mut side.spaces {
        mask_space(space, &mut counts);
    }
    side.counts = counts;
    side
}

fn mask_space(space: &mut Space, counts: &mut Counts) {
    for line in space.route.iter_mut().chain(&mut space.rule).chain(&mut space.neigh).chain(&mut space.addr) {
        line.truncate(line.trim_end().len());
    }
    for line in &mut space.neigh {
        for state in ["REACHABLE", "STALE", "DELAY", "PROBE"] {
            if let Some(front) = line.strip_suffix(state) {
                *line = format!("{front}VALID");
                counts.add(Rule::NeighState, 1);
                break;
            }
        }
    }
    sorted(&mut space.neigh, counts);
    sorted(&mut space.fdb, counts);
    space.addr = addresses(&space.addr, counts);
}

fn sorted(lines: &mut [String], counts: &mut Counts) {
    let before = lines.to_vec();
    lines.sort();
    counts.add(Rule::Sorted, before.iter().zip(lines.iter()).filter(|(a, b)| a != b).count() as u64);
}

/// The lines of `ip addr`, device by device in order of their names.
fn addresses(lines: &[String], counts: &mut Counts) -> Vec<String> {
    let mut devices: Vec<Vec<String>> = Vec::new();
    for line in lines {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            devices.push(vec![device(line, counts)]);
        } else if line.trim_start().starts_with("link/") {
            counts.add(Rule::AddrMac, 1);
        } else if let Some(d) = devices.last_mut() {
            d.push(line.trim().to_owned());
        }
    }
    let before = devices.clone();
    devices.sort();
    counts.add(Rule::Sorted, before.iter().zip(&devices).filter(|(a, b)| a != b).count() as u64);
    devices.concat()
}

/// "2: eth0@if3: <UP> mtu 1500 qdisc noqueue state UP group default qlen 1000" without numbers and qdisc.
fn device(line: &str, counts: &mut Counts) -> String {
    let mut words: Vec<&str> = line.split_whitespace().skip(1).collect();
    counts.add(Rule::LinkNumber, 1);
    if let Some(name) = words.first_mut() {
        *name = name.trim_end_matches(':').split('@').next().unwrap_or_default();
    }
    if let Some(i) = words.iter().position(|w| *w == "qdisc") {
        words.drain(i..(i + 2).min(words.len()));
        counts.add(Rule::LinkQdisc, 1);
    }
    // `ip -batch` says it once a link was shown before.
    words.join(" ").replace(" mode DEFAULT", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_keeps_all_but_its_numbers() {
        let mut counts = Counts::default();
        let line = "2: eth0@if3: <BROADCAST,UP> mtu 1400 qdisc noqueue state UP group default qlen 1000";
        assert_eq!(device(line, &mut counts), "eth0 <BROADCAST,UP> mtu 1400 state UP group default qlen 1000");
        assert_eq!(counts.get(Rule::LinkQdisc), 1);
    }

    #[test]
    fn a_neighbour_keeps_its_address_and_whether_it_is_valid() {
        let lines = |text: &str| {
            let mut space = Space { neigh: vec![text.to_owned()], ..Space::default() };
            mask_space(&mut space, &mut Counts::default());
            space.neigh
        };
        let of = |mac: &str, state: &str| lines(&format!("10.0.0.2 dev eth0 lladdr 02:00:00:00:00:0{mac} {state}"));
        assert_eq!(of("1", "STALE"), of("1", "REACHABLE"));
        assert_ne!(of("1", "STALE"), of("2", "STALE"));
        assert_ne!(of("1", "STALE"), of("1", "FAILED"));
        assert_ne!(of("1", "STALE"), of("1", "PERMANENT"));
    }
}
