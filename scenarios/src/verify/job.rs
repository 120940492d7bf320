//! What an oracle is asked to do, and what it saw: plain data, so that it can cross into another process, or into a
//! kernel that runs as one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A scenario at one point of its sweep, as requests and system calls.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Job {
    pub hosts: Vec<JobHost>,
    /// In order, as the simulator's kernels were asked.
    pub setup: Vec<Ask>,
    /// The programs, in the order in which they were started.
    pub tasks: Vec<Task>,
    /// In order of time.
    pub steps: Vec<Step>,
    /// Scenario time at which nothing is on its way any more, ns.
    pub end_ns: u64,
    /// Within so much after `end_ns` no protocol timer is due, ns.
    pub calm_ns: u64,
    /// With drop reasons.
    pub drops: bool,
    /// Of the kernel that plays it, if known; else it is asked.
    pub layout: Option<Layout>,
}

/// Where a kernel keeps what the counting of drops reads, bytes from the start of each structure; its drop reasons.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub skb_dev: u32,
    pub skb_sk: u32,
    pub dev_ifindex: u32,
    pub dev_net: u32,
    pub sk_net: u32,
    pub net_inum: u32,
    pub reasons: BTreeMap<u32, String>,
}

/// A host: the names of its namespaces, `root` first. Namespaces beyond these are made by requests.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct JobHost {
    pub name: String,
    /// Made before anything is asked for: `root` alone.
    pub spaces: Vec<String>,
    /// It stands for an external switch: a bridge in a namespace that nobody looks at.
    pub is_switch: bool,
}

impl JobHost {
    pub fn new(name: &str, is_switch: bool) -> JobHost {
        JobHost { name: name.to_owned(), spaces: vec!["root".to_owned()], is_switch }
    }
}

/// One request, made in the namespace called `ns` of host number `host`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ask {
    pub host: usize,
    pub ns: String,
    pub what: What,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// `ip netns add NAME`
    NewNs(String),
    /// `ip netns del NAME`
    DelNs(String),
    /// A line for `ip -batch`, without the leading `ip`.
    Ip(String),
    /// A line for `bridge -batch`, without the leading `bridge`.
    Bridge(String),
    /// `sysctl -w KEY=VALUE`; the key as the scenario has it.
    Sysctl { key: String, value: String },
    /// A NIC; `args` as after `ip link add dev NAME`. With `far`, the wire's other end is made with it.
    Nic { name: String, args: String, far: Option<FarNic> },
    /// A NIC that came with its wire's other end.
    NicIsThere,
    /// Something that the simulator does on its own account: nothing is asked of the kernel.
    Nothing,
}

/// The other end of a wire: host, namespace, name, and what comes after `peer name NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FarNic {
    pub host: usize,
    pub ns: String,
    pub name: String,
    pub args: String,
}

/// Requests at a time, ns.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    pub at_ns: u64,
    pub asks: Vec<Ask>,
}

/// A program in a namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Task {
    pub host: usize,
    pub ns: String,
    /// Number of the flow, from 1; 0 for a server.
    pub flow: u32,
    pub start_ns: u64,
    pub app: App,
}

/// What a program does. Times are ns; `times` are meant times of sending since scenario time 0.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum App {
    Ping {
        dst: u32,
        src: u32,
        size: u32,
        count: u64,
        interval_ns: u64,
        linger_ns: u64,
        id: u16,
        opts: SockOpts,
    },
    /// `each`: size and destination of each packet, where they are not all alike.
    Send {
        dst: u32,
        port: u16,
        bind: (u32, u16),
        size: u32,
        times: Vec<u64>,
        each: Vec<(u32, u32)>,
        opts: SockOpts,
    },
    /// `service`: how long it works on each message, ns, one after the other; empty: not at all.
    Sink {
        addr: u32,
        port: u16,
        service: Vec<u64>,
        opts: SockOpts,
    },
    /// `forward`: where it sends them instead of back.
    Echo {
        addr: u32,
        port: u16,
        reply: Option<u32>,
        service: Vec<u64>,
        forward: Option<(u32, u16)>,
        opts: SockOpts,
    },
    Requests {
        to: (u32, u16),
        bind: (u32, u16),
        size: u32,
        count: u64,
        load: Load,
        timeout_ns: u64,
        opts: SockOpts,
    },
    /// Frames as they are, each the bytes in hexadecimal digits.
    Frames {
        device: String,
        frames: Vec<String>,
        times: Vec<u64>,
    },
    /// Attempts over TCP, one after the other.
    Connect {
        to: (u32, u16),
        bind: (u32, u16),
        times: Vec<u64>,
        wait_ns: u64,
        opts: SockOpts,
    },
}

/// Who decides when a request is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Load {
    Open(Vec<u64>),
    Closed(u32),
    /// So many clients, and how long they think before each request, ns, in the order in which they begin to.
    Thinking(u32, Vec<u64>),
}

/// Socket options; what is not said is the kernel's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SockOpts {
    pub broadcast: bool,
    pub reuseaddr: bool,
    /// `IP_MTU_DISCOVER`: 0 DONT, 1 WANT, 2 DO.
    pub pmtudisc: u8,
    pub ttl: Option<u8>,
    pub tos: u8,
    pub mark: u32,
    pub device: Option<String>,
    pub recverr: bool,
    /// Bytes of `sk_rcvbuf`, where the scenario sets `net.core.rmem_default`.
    pub rcvbuf: Option<u32>,
}

/// What an oracle saw.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Record {
    /// "netns", "uml"
    pub oracle: String,
    /// "6.18.44"
    pub release: String,
    /// Hash of the kernel's configuration, 16 hexadecimal digits; empty where the kernel does not tell.
    pub config: String,
    /// Answers to the requests of the setup, then of the steps: `None`, or the error's text.
    pub answers: Vec<Option<String>>,
    /// In order of capture within each namespace.
    pub frames: Vec<Seen>,
    /// Every namespace of every host, in order.
    pub spaces: Vec<Space>,
    /// By number of the flow minus 1.
    pub flows: Vec<FlowSeen>,
    /// Packets thrown away between time 0 and the end; or why they were not looked at.
    pub drops: Option<Vec<DropSeen>>,
    pub no_drops: String,
    /// How late the latest send was, ns.
    pub late_ns: u64,
    /// What was set that the scenario does not say: "disable_ipv6=1".
    pub pins: Vec<String>,
}

/// Why a scenario can't be compared here, from a fixed list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Missing {
    DeviceType(String),
    KernelFeature(String),
    Privilege(String),
    HostWideLimit(String),
    TooLong { needs_s: u64, limit_s: u64 },
    Oracle(String),
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Missing::DeviceType(what) => write!(f, "missing device type {what}"),
            Missing::KernelFeature(what) => write!(f, "missing kernel feature: {what}"),
            Missing::Privilege(what) => write!(f, "no privilege: {what}"),
            Missing::HostWideLimit(what) => write!(f, "host-wide limit {what}"),
            Missing::TooLong { needs_s, limit_s } => {
                write!(f, "longer than the netns limit: {needs_s} s of {limit_s}")
            }
            Missing::Oracle(what) => write!(f, "oracle not available: {what}"),
        }
    }
}

/// One captured frame.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Seen {
    pub host: usize,
    pub ns: String,
    pub dev: String,
    /// `sll_pkttype`: 0 host, 1 broadcast, 2 multicast, 3 other host, 4 outgoing.
    pub way: u8,
    /// Since scenario time 0; frames before it are left out.
    pub at_ns: i64,
    /// Bytes from the Ethernet header on.
    pub len: u32,
    /// The first of them.
    #[serde(with = "hex")]
    pub bytes: Vec<u8>,
}

/// What a namespace ended with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    pub host: usize,
    pub ns: String,
    /// Lines as `ip` and `bridge` print them.
    pub addr: Vec<String>,
    pub route: Vec<String>,
    pub rule: Vec<String>,
    pub neigh: Vec<String>,
    pub fdb: Vec<String>,
    /// Device → counter → difference since time 0; zeros left out.
    pub link: BTreeMap<String, BTreeMap<String, u64>>,
    pub snmp: BTreeMap<String, u64>,
    /// UDP sockets that were not closed: "0.0.0.0:7000", with the datagrams that they dropped.
    pub sockets: Vec<String>,
}

/// What the programs of a flow saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSeen {
    pub sent: u64,
    pub received: u64,
    /// "ECONNREFUSED" → how often.
    pub errors: BTreeMap<String, u64>,
    /// The port that the kernel chose for the sender; 0: none.
    pub port: u16,
}

/// Packets lost at one place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropSeen {
    pub host: usize,
    pub ns: String,
    /// "NO_SOCKET"
    pub reason: String,
    /// The kernel function that threw it away.
    pub place: String,
    pub dev: String,
    pub count: u64,
}

/// What payload begins with, where it has the room: a word of ours, the flow's number, the packet's number.
const TAG: usize = 8;
pub const MAGIC: u16 = 0x4f52;

/// The flow and the packet's number that payload tells of.
pub fn tag(payload: &[u8]) -> Option<(u32, u32)> {
    let p = payload.get(..TAG)?;
    let word = |i: usize| u16::from_be_bytes([p[i], p[i + 1]]);
    (word(0) == MAGIC).then(|| (u32::from(word(2)), u32::from(word(4)) << 16 | u32::from(word(6))))
}

/// Bytes as hexadecimal digits.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let digit = |d: u8| char::from(DIGITS[usize::from(d)]);
        let text: String = bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]).collect();
        s.serialize_str(&text)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(d)?;
        let value = |c: u8| char::from(c).to_digit(16).ok_or_else(|| D::Error::custom("not hexadecimal"));
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|p| Ok((value(p[0])? << 4 | value(*p.get(1).unwrap_or(&b'0'))?) as u8)).collect()
    }
}
