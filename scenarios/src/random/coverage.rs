//! Which worlds count, and what a batch of them has shown.
//!
//! A world counts only if a packet is delivered, or dropped for a reason, beyond its first device: worlds in which
//! nothing gets anywhere agree with every kernel. What is judged is the simulator's run: the packet reached a process in
//! another namespace than its sender's, or was lost in one.

use super::{
    sketch::{FlowKind, Sketch},
    vocabulary,
};
use crate::{build, diagnostic::Diagnostic, load, outcome::RunOutcome, plan, profile, run, source::Source};
use sim_models::kernel::Reason;
use std::{collections::BTreeMap, fmt, sync::Arc};

/// More events than any sensible world of a few packets has: a storm.
const STORM: u64 = 50_000;

/// Why a world was drawn again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Uncounted {
    /// The simulated kernel refuses something of the setup.
    Refused,
    /// Nothing came beyond its first device.
    Nowhere,
    /// Frames go in circles.
    Storm,
}

impl Uncounted {
    pub const ALL: [Uncounted; 3] = [Uncounted::Refused, Uncounted::Nowhere, Uncounted::Storm];

    pub const fn name(self) -> &'static str {
        match self {
            Uncounted::Refused => "refused at setup",
            Uncounted::Nowhere => "nothing beyond the first device",
            Uncounted::Storm => "a storm",
        }
    }
}

/// What the simulator makes of a world.
#[derive(Debug)]
pub enum Judged {
    Counted(Box<RunOutcome>),
    Uncounted(Uncounted),
    /// Not of the language, or a law is broken: a fault of generator or simulator.
    Faulty(String),
}

/// Runs a world in the simulator and decides whether it counts.
pub fn judge(sketch: &Sketch) -> Judged {
    let source = Arc::new(Source::new("random.ron", sketch.ron()));
    let shown = |all: &[Diagnostic]| all.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n");
    let plan = match plan::plan(&source) {
        Ok(plan) => plan,
        Err(mistakes) => return Judged::Faulty(shown(&mistakes)),
    };
    match buildable(&source) {
        Ok(()) => {}
        Err(mistakes) if mistakes.iter().all(|d| d.title.starts_with("the kernel refuses")) => {
            return Judged::Uncounted(Uncounted::Refused);
        }
        Err(mistakes) => return Judged::Faulty(shown(&mistakes)),
    }
    let outcome = match run::simulate(&plan, 0, plan.seeds.first().copied().unwrap_or(1), false, 1) {
        Ok(outcome) => outcome,
        Err(mistakes) => return Judged::Faulty(shown(&mistakes)),
    };
    match &outcome.fault {
        Some(fault) => Judged::Faulty(fault.clone()),
        None if outcome.events > STORM => Judged::Uncounted(Uncounted::Storm),
        None if !counts(sketch, &outcome) => Judged::Uncounted(Uncounted::Nowhere),
        None => Judged::Counted(Box::new(outcome)),
    }
}

fn buildable(source: &Arc<Source>) -> Result<(), Vec<Diagnostic>> {
    let scenario = load::read(source)?;
    let costs = profile::load(scenario.profile_name()).map_err(|e| vec![Diagnostic::of_file(&source.path, e)])?;
    build::build(source, &scenario, costs, 1).map(drop)
}

fn counts(sketch: &Sketch, outcome: &RunOutcome) -> bool {
    let senders: Vec<&str> = sketch.flows.iter().map(|f| f.from.as_str()).collect();
    let owns = |path: &str, address: &str| {
        let own = |a: &String| a.split(['/', ' ']).next() == Some(address);
        sketch.nets().any(|(p, n)| p == path && n.devices.iter().any(|d| d.addresses.iter().any(own)))
    };
    let away = |f: &super::sketch::Flow| {
        let answered = f.kind == FlowKind::Ping || f.to.as_deref().is_some_and(|to| to != f.from);
        answered && !owns(&f.from, &f.address) && !f.address.starts_with("127.")
    };
    let arrived = sketch.flows.iter().zip(&outcome.flows).any(|(f, o)| o.received > 0 && away(f));
    let lost_at = |place: &str| place.rsplit_once('/').is_some_and(|(net, _)| !senders.contains(&net));
    arrived || outcome.drops.iter().any(|d| lost_at(&d.place))
}

/// What a batch of worlds has shown.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub counted: u64,
    pub uncounted: BTreeMap<Uncounted, u64>,
    words: BTreeMap<&'static str, u64>,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// A world that counts, and how it ended.
    pub fn count(&mut self, sketch: &Sketch, outcome: &RunOutcome) {
        self.counted += 1;
        for word in vocabulary::held(sketch) {
            *self.words.entry(word).or_default() += 1;
        }
        let mut reasons: Vec<&str> = outcome.drops.iter().map(|d| d.reason.as_str()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        for reason in reasons {
            *self.reasons.entry(reason.to_owned()).or_default() += 1;
        }
    }

    /// A world that was drawn again.
    pub fn redraw(&mut self, why: Uncounted) {
        *self.uncounted.entry(why).or_default() += 1;
    }

    /// Each word of the vocabulary and each drop reason that the simulator can give.
    pub fn rows(&self) -> Vec<Row> {
        let words = vocabulary::words().map(|w| Row {
            item: w.to_owned(),
            worlds: self.words.get(w).copied().unwrap_or(0),
            exception: None,
        });
        let reasons = Reason::ALL.iter().map(|r| Row {
            item: format!("drop {}", r.name()),
            worlds: self.reasons.get(r.name()).copied().unwrap_or(0),
            exception: EXCEPTIONS.iter().find(|e| e.0 == *r).map(|e| e.1),
        });
        words.chain(reasons).collect()
    }

    /// In so many counted worlds everything has to be: 20 of 2,000.
    pub fn floor(&self) -> u64 {
        self.counted.div_ceil(100).min(20)
    }

    /// What is in fewer, and is no exception.
    pub fn rare(&self) -> Vec<Row> {
        let floor = self.floor();
        self.rows().into_iter().filter(|r| r.exception.is_none() && r.worlds < floor).collect()
    }
}

/// One line of the table of what a batch has shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub item: String,
    /// Counted worlds that hold it.
    pub worlds: u64,
    /// Why it need not be in any.
    pub exception: Option<&'static str>,
}

const NEVER: &str = "the simulator never gives it";
const SHARED: &str = "a limit that all namespaces of a machine share";
const NIC: &str = "of a NIC or a switch: a veth stands for the wire";
const SECONDS: &str = "takes a second or more";

/// Drop reasons that random worlds can't show, and why.
const EXCEPTIONS: &[(Reason, &str)] = &[
    (Reason::PROTO_MEM, NEVER),
    (Reason::CPU_BACKLOG, SHARED),
    (Reason::DEV_READY, NEVER),
    (Reason::NEIGH_CREATEFAIL, SHARED),
    (Reason::NEIGH_DEAD, NEVER),
    (Reason::QDISC_OVERLIMIT, NIC),
    (Reason::FRAG_REASM_TIMEOUT, SECONDS),
    (Reason::NETFILTER_DROP, NEVER),
    (Reason::UNICAST_IN_L2_MULTICAST, NEVER),
    (Reason::TCP_RESET, NEVER),
    (Reason::RX_MISSED, NIC),
    (Reason::DEV_DOWN, NIC),
    (Reason::WIRE_LOSS, NEVER),
    (Reason::SWITCH_BUFFER, NIC),
    (Reason::VXLAN_INVALID_HDR, "no vxlan in random worlds"),
    (Reason::VXLAN_VNI_NOT_FOUND, "no vxlan in random worlds"),
    (Reason::VXLAN_ENTRY_EXISTS, "no vxlan in random worlds"),
    (Reason::LOCAL_MAC, "no vxlan in random worlds"),
];

impl fmt::Display for Tally {
    /// The table, and below it what is rare, and what was drawn again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = self.rows();
        let width = rows.iter().map(|r| r.item.len()).max().unwrap_or(0);
        for r in &rows {
            let why = r.exception.map(|why| format!("  {why}")).unwrap_or_default();
            writeln!(f, "{:<width$} {:>6}{why}", r.item, r.worlds)?;
        }
        let rare: Vec<String> = self.rare().into_iter().map(|r| format!("{} {}", r.item, r.worlds)).collect();
        let all = rows.iter().filter(|r| r.exception.is_none()).count();
        write!(f, "{} of {all} in {} counted worlds or more", all - rare.len(), self.floor())?;
        match rare.is_empty() {
            true => writeln!(f)?,
            false => writeln!(f, "; rarer: {}", rare.join(", "))?,
        }
        write!(f, "{} worlds counted", self.counted)?;
        for why in Uncounted::ALL {
            let n = self.uncounted.get(&why).copied().unwrap_or(0);
            write!(f, "; drawn again: {n} {}", why.name())?;
        }
        writeln!(f)
    }
}
