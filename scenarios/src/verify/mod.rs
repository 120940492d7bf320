//! Is it true? The same scenario on a real kernel and in the simulator, compared frame by frame, table by table,
//! counter by counter.
//!
//! [`compare`] does it for one scenario, [`compare_all`] for many at once. What is asked of a kernel is a [`job::Job`],
//! what it did a [`job::Record`]: plain data, made by [`simulated`], played by an oracle, masked by the named rules of
//! [`mask`], told apart by [`tiers`].

mod bpdu;
pub mod frame;
pub mod gold;
pub mod job;
pub mod mask;
mod pool;
mod programs;
pub mod shot;
pub mod simulated;
mod space;
mod switches;
pub mod tiers;

pub use pool::compare_all;

use crate::{
    diagnostic::Diagnostic,
    plan::{self, Plan},
    source::Source,
};
use job::{Job, Missing, Record};
use mask::Side;
use std::{collections::BTreeSet, sync::Arc, thread};
use tiers::{Clock, Difference, Tiers};

/// A real kernel: plays a job and says what it saw, or why it can't.
pub trait Oracle: Sync {
    /// "netns", "uml"
    fn name(&self) -> &'static str;
    /// The longest scenario that it plays, seconds.
    fn limit_s(&self) -> u64;
    /// Do limits that all namespaces of a kernel share belong to the scenario alone?
    fn owns_the_kernel(&self) -> bool;
    /// Does time pass there only where a timer or a program says so?
    fn is_exact(&self) -> bool {
        false
    }
    /// Packets of a flow that are compared at most.
    fn packets(&self) -> u64 {
        simulated::MOST_PACKETS
    }
    /// Comparisons at once for each core: those on a machine's kernel mostly wait.
    fn jobs_a_core(&self) -> usize {
        6
    }
    /// # Errors
    /// Why it can't be played.
    fn play(&self, job: &Job) -> Result<Record, Missing>;
}

/// How a comparison is done.
pub struct Options<'o> {
    pub oracle: &'o dyn Oracle,
    /// How often a scenario is tried while runs of the kernel differ, or the simulator from them.
    pub tries: u32,
    /// With drop reasons (T4).
    pub drops: bool,
    /// Packets of a flow at most, on both sides.
    pub packets: u64,
}

impl<'o> Options<'o> {
    pub fn new(oracle: &'o dyn Oracle) -> Options<'o> {
        Options { oracle, tries: 3, drops: true, packets: oracle.packets() }
    }
}

/// What is said of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Up to this tier.
    Agrees(u8),
    /// From this tier on.
    Differs(u8),
    /// The kernel does not agree with itself.
    Unstable,
    NotComparable(Missing),
}

/// Everything about one scenario at one point.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub name: String,
    /// Of the sweep's point; empty without.
    pub label: String,
    pub verdict: Verdict,
    /// Tier by tier, of the last try.
    pub tiers: Tiers,
    pub pins: Vec<String>,
    pub release: String,
    /// Where two runs of the kernel differ.
    pub unstable: Vec<Difference>,
    /// Tries that were needed.
    pub tries: u32,
    /// Names of the flows.
    pub flows: Vec<String>,
    /// A packet was delivered, or dropped on purpose, beyond its first device.
    pub travelled: bool,
    /// Reasons for which the simulator dropped something.
    pub reasons: BTreeSet<String>,
    /// How late the kernel's programs were at most, ns.
    pub late_ns: u64,
}

/// Compares the first point of a scenario.
///
/// # Errors
/// Mistakes of the scenario.
pub fn compare(ron_text: &str, name: &str, options: &Options) -> Result<Comparison, Vec<Diagnostic>> {
    let plan = plan::plan(&Arc::new(Source::new(name, ron_text.to_owned())))?;
    compare_point(&plan, 0, options)
}

/// Compares one point of a plan.
///
/// # Errors
/// Mistakes of the scenario.
pub fn compare_point(plan: &Plan, point: usize, options: &Options) -> Result<Comparison, Vec<Diagnostic>> {
    compare_keeping(plan, point, options, &mut |_, _, _| {})
}

/// Is told what a run of the kernel gave, plain and masked.
type Keep<'k> = &'k mut dyn FnMut(&Job, &Record, &Side);

fn compare_keeping(plan: &Plan, point: usize, options: &Options, keep: Keep) -> Result<Comparison, Vec<Diagnostic>> {
    let seed = plan.seeds.first().copied().unwrap_or(1);
    let mut simulated = simulated::simulate(plan, point, seed, options.packets)?;
    simulated.job.drops = options.drops;
    let (job, seen) = (&simulated.job, &simulated.seen);
    let mut c = Comparison {
        name: plan.source.path.clone(),
        label: plan.points[point].label.clone(),
        verdict: Verdict::Unstable,
        tiers: Tiers::default(),
        pins: Vec::new(),
        release: String::new(),
        unstable: Vec::new(),
        tries: 0,
        flows: seen.names.clone(),
        travelled: seen.travelled,
        reasons: seen.drops.iter().map(|d| d.reason.clone()).collect(),
        late_ns: 0,
    };
    let missing = seen.missing.clone().or_else(|| not_here(job, options.oracle));
    if let Some(missing) = missing.or_else(|| too_busy(seen, options.oracle)) {
        c.verdict = Verdict::NotComparable(missing);
        return Ok(c);
    }
    let ours = mask::of_simulator(seen, &job.tasks);
    while c.tries < options.tries.max(1) {
        c.tries += 1;
        if let Err(missing) = once(&mut c, job, &ours, &seen.asked, (options.oracle, &mut *keep)) {
            c.verdict = Verdict::NotComparable(missing);
            return Ok(c);
        }
        // In virtual time another try is the same.
        let sure = options.oracle.is_exact() && matches!(c.verdict, Verdict::Differs(_));
        if sure || matches!(c.verdict, Verdict::Agrees(_)) {
            break;
        }
    }
    Ok(c)
}

/// Two runs of the kernel at the same time; the verdict of this try.
fn once(
    c: &mut Comparison,
    job: &Job,
    ours: &Side,
    asked: &[String],
    (oracle, keep): (&dyn Oracle, Keep),
) -> Result<(), Missing> {
    let (first, second) = thread::scope(|s| {
        let other = s.spawn(|| oracle.play(job));
        let first = oracle.play(job);
        (first, other.join().unwrap_or_else(|_| Err(Missing::Oracle("its thread failed".to_owned()))))
    });
    let (first, second) = (first?, second?);
    let side = |r: &Record| mask::of_kernel(r, &job.tasks, job::tag);
    let (a, b) = (side(&first), side(&second));
    let ours = &mask::as_of(ours, &first.release);
    let apart = tiers::tiers(job, &a, &b, asked, Clock::ANY);
    // What a program, or a slow request before it, was late by is nobody's timer.
    let late = i64::try_from(first.late_ns.max(second.late_ns)).unwrap_or(i64::MAX / 4);
    let clock = Clock { exact: oracle.is_exact(), noise: tiers::noise(job, &a, &b).max(late) };
    c.tiers = tiers::tiers(job, &a, ours, asked, clock);
    if apart.differences.iter().any(|d| d.tier == 6) {
        // The kernel itself promises no order here.
        c.tiers.differences.retain(|d| d.tier != 6);
        c.tiers.skipped.insert(6, "two kernel runs differ in the order of flows".to_owned());
    }
    (c.pins, c.release) = (first.pins.clone(), first.release.clone());
    c.late_ns = first.late_ns.max(second.late_ns);
    keep(job, &first, &a);
    c.unstable = apart.differences.clone();
    c.verdict = if !apart.differences.iter().all(|d| d.tier == 6) {
        Verdict::Unstable
    } else {
        match c.tiers.differences.iter().map(|d| d.tier).min() {
            None => Verdict::Agrees(c.tiers.reached()),
            Some(tier) => Verdict::Differs(tier),
        }
    };
    Ok(())
}

/// Why a job can't be compared on this oracle, as far as the job alone tells.
fn not_here(job: &Job, oracle: &dyn Oracle) -> Option<Missing> {
    let needs_s = job.end_ns.div_ceil(1_000_000_000);
    if needs_s > oracle.limit_s() {
        return Some(Missing::TooLong { needs_s, limit_s: oracle.limit_s() });
    }
    let asks = job.setup.iter().chain(job.steps.iter().flat_map(|s| &s.asks));
    asks.filter_map(|a| match &a.what {
        job::What::Sysctl { key, .. } if is_host_wide(key) && !(oracle.owns_the_kernel() && job.hosts.len() == 1) => {
            Some(Missing::HostWideLimit(key.replace('/', ".")))
        }
        _ => None,
    })
    .next()
}

/// Where work takes no time, nobody is ever behind with it: what was lost because somebody was, is lost elsewhere only.
fn too_busy(seen: &simulated::Seen, oracle: &dyn Oracle) -> Option<Missing> {
    let behind = |d: &job::DropSeen| matches!(d.reason.as_str(), "SOCKET_RCVBUFF" | "CPU_BACKLOG");
    let why = "the time that work takes, for which packets are lost here";
    (oracle.is_exact() && seen.drops.iter().any(behind)).then(|| Missing::KernelFeature(why.to_owned()))
}

/// Is this a setting that all namespaces of a kernel share?
pub(crate) fn is_host_wide(key: &str) -> bool {
    let key = key.replace('/', ".");
    key.starts_with("net.ipv4.neigh.default.")
        || key.starts_with("net.core.") && key != "net.core.somaxconn" && key != "net.core.rmem_default"
}

#[cfg(target_os = "linux")]
impl Oracle for crate::oracle::netns::Runner {
    fn name(&self) -> &'static str {
        "netns"
    }
    fn limit_s(&self) -> u64 {
        self.limit_s
    }
    fn owns_the_kernel(&self) -> bool {
        false
    }
    fn play(&self, job: &Job) -> Result<Record, Missing> {
        self.run(job)
    }
}

#[cfg(target_os = "linux")]
impl Oracle for crate::oracle::uml::Runner {
    fn name(&self) -> &'static str {
        "uml"
    }
    fn limit_s(&self) -> u64 {
        crate::oracle::uml::LIMIT_S
    }
    fn owns_the_kernel(&self) -> bool {
        true
    }
    fn is_exact(&self) -> bool {
        true
    }
    /// A system call costs such a kernel ten times as much, and what the first 200 show, the next do not change.
    fn packets(&self) -> u64 {
        200
    }
    fn jobs_a_core(&self) -> usize {
        1
    }
    fn play(&self, job: &Job) -> Result<Record, Missing> {
        self.run(job)
    }
}
