//! The language: what may stand in a scenario file. Every structure denies fields that it does not know.

mod device;
mod expect;
mod traffic;

use crate::{
    read::{At, List, Named},
    values::{Anything, Text, Warmup, Word},
};
use serde::Deserialize;
use sim_core::time::{Rate, Span};

pub use device::{Device, PEER};
pub use expect::{Bounds, Delivered, Drops, Errors, Expect, Latency, Lost};
pub use traffic::{
    Arrivals, Broadcast, Frames, OnOff, Ping, PmtuDisc, Relay, Replay, Requests, Server, Socket, TcpConnect, Traffic,
    Udp,
};

/// A scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub title: At<String>,
    /// What it teaches.
    pub doc: Option<At<String>>,
    /// First seed, 1 if not said, and how many, 1 if not said.
    pub seed: Option<At<u64>>,
    pub seeds: Option<At<u64>>,
    /// Name of the cost profile; the newest measured one if not said.
    pub profile: Option<At<String>>,
    /// When the run ends; if not said, when all traffic is done and nothing is in flight.
    pub duration: Option<At<Text<Span>>>,
    /// Latencies of what is received before are not counted.
    pub warmup: Option<At<Text<Warmup>>>,
    /// Names for numbers and texts, used as `{name}` and in ranges.
    pub vars: Named<At<Word>>,
    pub hosts: At<Named<Host>>,
    pub wires: List<Wire>,
    pub switches: Named<Switched>,
    pub traffic: Named<Traffic>,
    pub timeline: List<Step>,
    pub expect: List<Expectation>,
    /// Path of a value → the values that it takes, read by [`crate::plan`].
    pub sweep: Named<At<Anything>>,
}

impl Scenario {
    /// The cost profile that it asks for.
    pub fn profile_name(&self) -> &str {
        self.profile.as_ref().map_or(crate::profile::DEFAULT, |p| p.value.as_str())
    }
}

/// A machine with one kernel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// 1 to 64; 1 if not said.
    pub cores: Option<At<u32>>,
    /// Ticks a second: 100, 250 (if not said), 300 or 1000.
    pub hz: Option<At<u32>>,
    pub namespaces: Named<Namespace>,
    /// Command lines, or the path of a file with them: what is done in `root` after everything that is written here.
    pub script: Option<At<String>>,
    #[serde(skip)]
    pub read_script: crate::script::Script,
}

/// A set of tables.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// As `sysctl -w` takes them, with the namespace's own view.
    pub sysctls: Named<At<Word>>,
    pub devices: Named<Device>,
    /// As `ip route add` takes them.
    pub routes: List<At<String>>,
    /// As `ip rule add` takes them.
    pub rules: List<At<String>>,
    /// As `ip neigh add` takes them.
    pub neighbours: List<At<String>>,
    /// What is left to do: `ip …`, `sysctl …`, in order.
    pub commands: List<At<String>>,
}

/// A cable between two NICs.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wire {
    /// Two paths HOST/NS/DEV.
    pub between: At<List<At<String>>>,
    /// How long a bit is on its way.
    pub delay: At<Text<Span>>,
    /// Of both NICs, where it differs from theirs.
    pub rate: Option<At<Text<Rate>>>,
    /// One for each number of a range: "1..4".
    #[allow(dead_code, reason = "unfolded while the list is read")]
    each: Option<At<Anything>>,
}

/// A box between cables.
#[derive(Debug, Deserialize)]
pub enum Switched {
    Switch(Switch),
}

impl Switched {
    pub fn get(&self) -> &Switch {
        let Switched::Switch(switch) = self;
        switch
    }
}

/// A switch: what comes in by one port goes out by the others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    pub ports: List<At<String>>,
    /// Of each port whose wire does not say its own; 10gbit if not said.
    pub rate: Option<At<Text<Rate>>>,
    /// From the last bit in to the first bit out; 1us if not said.
    pub latency: Option<At<Text<Span>>>,
    /// 300s if not said.
    pub ageing: Option<At<Text<Span>>>,
    /// Frames that may wait at each port; 256 if not said.
    pub buffer: Option<At<u32>>,
}

/// A command at a time.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Since time 0.
    pub at: At<Text<Span>>,
    /// HOST/NS
    pub r#in: At<String>,
    pub run: At<String>,
    /// A refusal is an answer like any other and does not end the run; `false` if not said.
    pub may_fail: Option<At<bool>>,
    #[allow(dead_code, reason = "unfolded while the list is read")]
    each: Option<At<Anything>>,
}

/// An expectation and where it stands.
pub type Expectation = At<Expect>;
