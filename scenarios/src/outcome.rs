//! What a run gives: plain data, nothing of a `World`. Reports read only this.

use indexmap::IndexMap;
use sim_core::{hist::Hist, series::Series};

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
    /// Kernel hop name → (count, picoseconds of core time), in path order, hops that never ran left out.
    pub stages: IndexMap<String, (u64, u64)>,
    /// Born, delivered, consumed, dropped, still in flight at the end.
    pub ledger: [u64; 5],
    /// The walk of the first packet of the first flow, and the final tables and counters, as text.
    pub walk_text: String,
    pub state_text: String,
    /// The run was stopped by a budget, or broke a law: exit code 3.
    pub fault: Option<String>,
}

/// One traffic entry.
#[derive(Clone, Debug)]
pub struct FlowOutcome {
    pub name: String,
    /// "Ping", "Udp", "Requests".
    pub kind: String,
    /// "one way" or "round trip".
    pub measure: String,
    pub sent: u64,
    pub received: u64,
    /// Sent and neither received nor still on the way.
    pub lost: u64,
    /// Picoseconds.
    pub latency: Hist,
    pub series: Series,
    /// Bytes of payload received.
    pub bytes: u64,
    /// Virtual time from the first send to the last receive, picoseconds.
    pub active_ps: u64,
    /// Errors that the sending process saw, by name ("ECONNREFUSED"): count.
    pub errors: IndexMap<String, u64>,
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
