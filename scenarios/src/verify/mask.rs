//! What may differ between two kernels, or between two runs of one: a short list of named rules. Each is applied to
//! both sides alike and counted; what no rule names is compared as it is.

use super::{
    frame::Body,
    job::{App, Record, Space, Task},
    shot::{Shot, free_port, own_port},
    simulated::Seen,
};
use sim_models::packet::Bpdu;
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
    StpAge "stp.age" "the message age of a BPDU that its bridge held back: ticks that have passed meanwhile",
    TcpSport "tcp.sport" "a source port of an attempt to connect that no scenario names: the kernel draws one for each",
    UdpSport "udp.sport" "a source port that no scenario names: the kernel draws it; counted by flow",
    NeighState "neigh.state" "REACHABLE, STALE, DELAY, PROBE are one class: the times between them are random; lladdr is compared",
    LinkNumber "link.number" "a device's number, and what `ip` derives from it: devices of the machine come before",
    LinkQdisc "link.qdisc" "the qdisc of a device: a NIC is a veth here, which has none",
    LinkLower "link.lower" "LOWERLAYERDOWN and DOWN of an end without carrier whose other end is in another namespace: the kernel asks the device that has that end's number here, when it comes to it",
    AddrMac "link.address" "the line of MAC addresses of `ip addr`: a bridge without ports draws its own; frames show all others",
    Sorted "table.sorted" "the order of devices, neighbours and forwarding entries, which are kept in hashes",
    FdbVlan "fdb.vlan" "a port's own address once more, under VLAN 1: a kernel that is built with VLAN filtering keeps it, filtering or not",
    DropPing "drop.ping_rcv" "NO_SOCKET in ping_rcv, or in its caller: the kernel's own copy of an echo reply that a raw socket has read",
    DropStp "drop.stp_pdu_rcv" "NOT_SPECIFIED in stp_pdu_rcv, or in what it calls: the kernel frees each BPDU that it has read as if it were lost",
    DropUnborn "drop.unborn" "what a system call gives up before it is a packet of the network: no route was found, a frame is too large for its device, a packet may not be cut up",
    DropReasm "drop.reassembly" "FRAG_REASM_TIMEOUT: a fragment that waits has a tree node where its device was, so no tracepoint tells whose it was",
    DropVersion "drop.version" "a drop reason that kernels had not yet before 6.18: an older one gives a more general one",
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
    /// Why there are none.
    pub no_drops: String,
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
        no_drops: String::new(),
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
        no_drops: record.no_drops.clone(),
        counts: Counts::default(),
    };
    masked(side, tasks)
}

fn masked(mut side: Side, tasks: &[Task]) -> Side {
    let mut counts = Counts::default();
    let ip = side.shots.iter().filter(|s| s.what.tos.is_some()).count() as u64;
    counts.add(Rule::IpId, ip);
    counts.add(Rule::Checksum, ip);
    for shot in &mut side.shots {
        if let Body::Stp(Bpdu::Config(c)) = &mut shot.what.frame.body {
            counts.add(Rule::StpAge, u64::from(c.message_age > 1));
            c.message_age = c.message_age.min(1);
        }
    }
    for task in tasks {
        let Some(to) = free_port(&task.app) else { continue };
        if matches!(task.app, App::Connect { .. }) {
            let masked = side.shots.iter_mut().filter_map(|s| s.mask_tcp_port(to).then_some(())).count();
            counts.add(Rule::TcpSport, u64::from(masked > 0));
            continue;
        }
        let Some(flow) = side.flows.get_mut((task.flow as usize).wrapping_sub(1)).filter(|f| f.port != 0) else {
            continue;
        };
        let port = std::mem::take(&mut flow.port);
        let masked = side.shots.iter_mut().filter_map(|s| s.mask_port(port, to).then_some(())).count();
        counts.add(Rule::UdpSport, u64::from(masked > 0));
    }
    for flow in &mut side.flows {
        flow.port = 0;
    }
    for space in &mut side.spaces {
        mask_space(space, &mut counts);
        mask_sockets(space, tasks);
    }
    if let Some(drops) = &mut side.drops {
        mask_drops(drops, &mut counts);
    }
    side.counts = counts;
    side
}

/// A socket's port is compared if a program of this namespace asks for it; any other was chosen by the kernel.
fn mask_sockets(space: &mut Space, tasks: &[Task]) {
    let here = tasks.iter().filter(|t| t.host == space.host && t.ns == space.ns);
    let named: Vec<u16> = here.filter_map(|t| own_port(&t.app)).collect();
    for line in &mut space.sockets {
        let Some((addr, rest)) = line.split_once(':') else { continue };
        let Some((port, rest)) = rest.split_once(' ') else { continue };
        if !port.parse().is_ok_and(|p| named.contains(&p)) {
            *line = format!("{addr}:* {rest}");
        }
    }
    space.sockets.sort();
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
    let own = |line: &str| line.contains(" vlan 1 ") && line.ends_with(" permanent");
    counts.add(Rule::FdbVlan, space.fdb.iter().filter(|l| own(l)).count() as u64);
    space.fdb.retain(|l| !own(l));
    sorted(&mut space.fdb, counts);
    space.addr = addresses(&space.addr, counts);
}

/// The kernel's smaller functions, and the hop that the simulator makes of each.
const PLACES: &[(&str, &str)] = &[
    ("ip_rcv_core", "ip_rcv"),
    ("ip_rcv_finish_core", "ip_rcv"),
    ("__neigh_event_send", "neigh_output"),
    ("neigh_invalidate", "neigh_output"),
    ("arp_error_report", "neigh_output"),
    ("neigh_destroy", "neigh_output"),
    ("ip_finish_output2", "neigh_output"),
    ("__dev_forward_skb2", "veth_xmit"),
    ("br_dev_queue_push_xmit", "br_forward"),
    ("br_handle_frame_finish", "br_handle_frame"),
    ("br_flood", "br_handle_frame"),
    ("__netif_receive_skb_core", "netif_receive_skb"),
    ("enqueue_to_backlog", "netif_rx"),
    ("__dev_queue_xmit", "dev_queue_xmit"),
    ("__udp4_lib_rcv", "udp_rcv"),
    ("udp_queue_rcv_one_skb", "sock_queue_rcv"),
    ("ip_protocol_deliver_rcu", "ip_local_deliver"),
    ("ip_local_deliver_finish", "ip_local_deliver"),
    ("arp_process", "arp_rcv"),
    ("ip_do_fragment", "ip_fragment"),
    ("ip_frag_queue", "ip_defrag"),
    ("ip_expire", "ip_defrag"),
];

fn mask_drops(drops: &mut Vec<super::job::DropSeen>, counts: &mut Counts) {
    let mut left_out = |rule: Rule, out: fn(&super::job::DropSeen) -> bool| {
        counts.add(rule, drops.iter().filter(|d| out(d)).map(|d| d.count).sum());
        drops.retain(|d| !out(d));
    };
    left_out(Rule::DropPing, |d| d.reason == "NO_SOCKET" && matches!(d.place.as_str(), "ping_rcv" | "icmp_rcv"));
    left_out(Rule::DropStp, |d| {
        d.reason == "NOT_SPECIFIED" && matches!(d.place.as_str(), "stp_pdu_rcv" | "br_stp_rcv")
    });
    left_out(Rule::DropReasm, |d| d.reason == "FRAG_REASM_TIMEOUT");
    left_out(Rule::DropUnborn, |d| {
        let refused = matches!(d.reason.as_str(), "IP_OUTNOROUTES" | "PKT_TOO_BIG");
        d.place == "packet_sendmsg" || refused && d.place.ends_with("_sendmsg")
    });
    for d in drops {
        if d.reason == "QUEUE_PURGE" {
            // All queues are emptied by one function.
            d.place = "skb_queue_purge_reason".to_owned();
        }
        if let Some((_, hop)) = PLACES.iter().find(|p| p.0 == d.place) {
            d.place = (*hop).to_owned();
        }
    }
}

/// Reasons that Linux 6.12 does not give, anywhere or at that place, and what it says instead.
const SINCE_6_18: [(&str, &str, &str); 10] = [
    ("IP_INVALID_SOURCE", "", "NOT_SPECIFIED"),
    ("IP_INVALID_DEST", "", "NOT_SPECIFIED"),
    ("IP_LOCALNET", "", "NOT_SPECIFIED"),
    ("IP_LOCAL_SOURCE", "", "NOT_SPECIFIED"),
    ("QDISC_OVERLIMIT", "", "QDISC_DROP"),
    ("MAC_INVALID_SOURCE", "br_handle_frame", "NOT_SPECIFIED"),
    ("MAC_IEEE_MAC_CONTROL", "", "NOT_SPECIFIED"),
    ("BRIDGE_INGRESS_STP_STATE", "", "NOT_SPECIFIED"),
    ("NO_TX_TARGET", "br_handle_frame", "NOT_SPECIFIED"),
    ("PKT_TOO_SMALL", "arp_rcv", "NOT_SPECIFIED"),
];

/// What the simulator, which gives the reasons of Linux 6.18, would say as a kernel of this release.
pub fn as_of(side: &Side, release: &str) -> Side {
    let mut side = side.clone();
    let mut numbers = release.split(['.', '-']).map_while(|n| n.parse::<u32>().ok());
    let old = (numbers.next().unwrap_or(u32::MAX), numbers.next().unwrap_or(0)) < (6, 18);
    for d in side.drops.iter_mut().flatten().filter(|_| old) {
        if let Some((_, _, general)) = SINCE_6_18.iter().find(|r| r.0 == d.reason && (r.1.is_empty() || r.1 == d.place))
        {
            d.reason = (*general).to_owned();
            side.counts.add(Rule::DropVersion, d.count);
        }
    }
    side
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
    let far = words.first().is_some_and(|name| name.contains("@if"));
    if let Some(state) = words.iter_mut().find(|w| **w == "LOWERLAYERDOWN").filter(|_| far) {
        *state = "DOWN";
        counts.add(Rule::LinkLower, 1);
    }
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
mod tests;
