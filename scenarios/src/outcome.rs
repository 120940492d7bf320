//! What a run gives: plain data, nothing of a `World`. Reports read only this.

mod followed;
mod topology;

pub use followed::{FollowedOutcome, Stage, Why};
pub use topology::{DeviceOutcome, HostOutcome, NamespaceOutcome, SocketOutcome, TopologyOutcome, WireOutcome};

use indexmap::IndexMap;
use sim_core::{batch::Interval, hist::Hist, series::Series};

/// Everything that one call of `run` produced, in order of path, point, seed.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub scenarios: Vec<ScenarioOutcome>,
}

/// One scenario file.
#[derive(Clone, Debug)]
pub struct ScenarioOutcome {
    /// As given on the command line, with forward slashes: "scenarios/docker/outside.ron".
    pub path: String,
    pub title: String,
    /// The file's text.
    pub text: String,
    /// Name of the cost profile, and the machine it was measured on.
    pub profile: String,
    pub profile_origin: String,
    /// Points of the sweep; one with an empty label if nothing is swept.
    pub points: Vec<PointOutcome>,
}

/// One point of a sweep: all its seeds.
#[derive(Clone, Debug)]
pub struct PointOutcome {
    /// "10k/s", "r=4 rate=10k/s"; empty without a sweep.
    pub label: String,
    /// Swept path → value at this point.
    pub values: IndexMap<String, String>,
    pub runs: Vec<RunOutcome>,
    /// Verdicts over all seeds together.
    pub verdicts: Vec<Verdict>,
}

/// One seed.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    pub seed: u64,
    pub digest: u64,
    /// Events taken; device crossings; virtual time simulated in picoseconds.
    pub events: u64,
    pub crossings: u64,
    pub ended_ps: u64,
    pub flows: Vec<FlowOutcome>,
    pub drops: Vec<DropOutcome>,
    /// What the kernel said to the requests of the timeline that may fail, in the order in which they were made.
    pub answers: Vec<Answer>,
    /// Kernel hop name → (count, picoseconds of core time), in path order, hops that never ran left out.
    pub stages: IndexMap<String, (u64, u64)>,
    /// Born, delivered, consumed, dropped, still in flight at the end.
    pub ledger: [u64; 5],
    /// The walk of the first packet of the first flow, and the final tables and counters, as text.
    pub walk_text: String,
    pub state_text: String,
    /// What was plugged into what at the end; only of a scenario's first run.
    pub topology: Option<Box<TopologyOutcome>>,
    /// Messages followed through a second run: one for each of some percentiles of each flow, and the first one of each
    /// kind of loss; only of a point's first run.
    pub followed: Vec<FollowedOutcome>,
    /// Why some were not followed; empty if all were.
    pub not_followed: String,
    /// What the timeline did, picoseconds and command line; only of a point's first run.
    pub timeline: Vec<(u64, String)>,
    /// The run was stopped by a budget, or broke a law: exit code 3.
    pub fault: Option<String>,
}

/// The kernel's answer to a request that may fail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub at_ps: u64,
    /// HOST/NS that it was asked in.
    pub place: String,
    /// As a command line.
    pub asked: String,
    /// As iproute2 prints it: "RTNETLINK answers: File exists"; `None`: it was done.
    pub refusal: Option<String>,
}

/// One traffic entry.
#[derive(Clone, Debug, Default)]
pub struct FlowOutcome {
    pub name: String,
    /// "Ping", "Udp", "Requests", "Broadcast", "Replay", "TcpConnect".
    pub kind: String,
    /// "one way" or "round trip".
    pub measure: String,
    pub sent: u64,
    pub received: u64,
    /// How many should have been received: more than were sent where each has several receivers.
    pub expected: u64,
    /// Sent and neither received nor still on the way.
    pub lost: u64,
    /// On their way when the run ended.
    pub in_flight: u64,
    /// Each receiver, HOST/NS, with what it has read, where there are several.
    pub receivers: IndexMap<String, u64>,
    /// Picoseconds.
    pub latency: Hist,
    /// The mean of this run with a 95 % interval by batch means, picoseconds; `None`: too few messages for one, or several
    /// receivers.
    pub batch_mean: Option<Interval>,
    /// What was left out at the beginning.
    pub warmup: Option<WarmupOutcome>,
    pub series: Series,
    /// Bytes of payload received.
    pub bytes: u64,
    /// Virtual time from the first send to the last receive, picoseconds.
    pub active_ps: u64,
    /// Errors that the sending process saw, by name ("ECONNREFUSED"): count.
    pub errors: IndexMap<String, u64>,
}

/// The beginning of a run, whose latencies are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WarmupOutcome {
    /// "MSER-5", "until 10ms".
    pub method: String,
    /// Messages left out.
    pub messages: u64,
    /// The method found the run long enough to tell.
    pub settled: bool,
}

/// Losses of one kind at one place.
#[derive(Clone, Debug)]
pub struct DropOutcome {
    /// "NO_SOCKET"
    pub reason: String,
    /// What the reason means, one sentence.
    pub meaning: String,
    /// "udp_rcv"
    pub hop: String,
    /// "h1/c1/eth0"
    pub place: String,
    pub count: u64,
    /// Time of the first, picoseconds.
    pub first_ps: u64,
}

/// One line of `expect`.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// "scenarios/docker/outside.ron:14:52"
    pub place: String,
    /// As written: `Latency(of: "web", p: "99", below: "80us")`
    pub text: String,
    pub holds: bool,
    /// What was measured: "96.5 us".
    pub measured: String,
    /// Why, in one sentence, when it does not hold and a cause is known: "lost: CPU_BACKLOG 412 at h1/root/veth1".
    pub cause: String,
    /// The target that a latency plot draws: flow name, percentile × 10,000, picoseconds.
    pub target: Option<(String, u64, u64)>,
}

/// What a host's kernel said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostLog {
    pub host: String,
    /// Uptime at time 0 of the scenario, picoseconds.
    pub zero_ps: u64,
    /// In order of time.
    pub lines: Vec<LogLine>,
    /// How many more there were than are kept.
    pub lost: u64,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Since power-on, picoseconds.
    pub uptime_ps: u64,
    /// A real kernel says nothing there.
    pub ours: bool,
    pub text: String,
    /// The line that asked for it: "outside.ron:6".
    pub place: Option<String>,
}

/// The life of one packet as data; `walk` prints it, and nothing in it is laid out yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Journey {
    pub head: JourneyHead,
    /// In order of time.
    pub rows: Vec<Row>,
    /// Closing remarks, a label ("why", "on a real host") and a sentence each.
    pub notes: Vec<(String, String)>,
}

/// The first line of a walk: who travelled, what became of it, how long it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JourneyHead {
    /// As tcpdump would print it: "IP 192.0.2.20.42494 > 192.0.2.10.80: UDP, length 64".
    pub packet: String,
    /// "DELIVERED", "DROPPED", "CONSUMED", "IN FLIGHT"; a drop's reason follows: "DROPPED IP_RPFILTER".
    pub verdict: String,
    /// Where it ended: "h1/c1 socket 0.0.0.0:80", "gw/root, ip_rcv_finish_core".
    pub place: String,
    /// Picoseconds from the first row to the end, and how they divide.
    pub total_ps: u64,
    /// On a core, in a stage.
    pub work_ps: u64,
    /// In a queue: backlog, qdisc, ring, neighbour entry, socket buffer.
    pub wait_ps: u64,
    /// Serialisation and propagation.
    pub wire_ps: u64,
}

/// One line of a walk. `place` is the scenario line that made the entry in question: "outside.ron:31".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    /// A kernel function ran.
    Hop(Hop),
    /// A table was asked and this entry answered: "main: 192.0.2.0/24 dev eth0 src 192.0.2.20".
    Ask { text: String, place: Option<String> },
    /// The packet changed: what ("dst", "ttl", "MAC"), and from what to what.
    Rewrite { what: String, text: String },
    /// A remark on the hop above; `name` may be empty.
    Note { name: String, text: String, place: Option<String> },
    /// From here other tables count: another namespace of the same kernel.
    Switch { from: String, to: String, text: String },
    /// The packet came into the hands of a core of a host.
    Host { host: String, cpu: u32, context: String, tables: String },
    /// The packet crossed a cable.
    Wire { at_ps: u64, cost_ps: u64, from: String, to: String, text: String, place: Option<String> },
    /// The packet was dropped here.
    Drop { at_ps: u64, reason: String, text: String, place: Option<String> },
}

/// One kernel function on a packet's way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hop {
    /// Since the packet's first row, picoseconds.
    pub at_ps: u64,
    /// Core time billed, picoseconds.
    pub cost_ps: u64,
    /// Whose tables count: "h1/root".
    pub tables: String,
    pub cpu: u32,
    /// The kernel's name: "ip_rcv".
    pub name: String,
    pub text: String,
    pub place: Option<String>,
}
