//! Two sides of one scenario, tier by tier.

use super::{
    job::{App, Job, Load},
    mask::{Counts, Rule, Side},
    shot::{Shot, What},
    simulated::granule,
};
use sim_core::time::Span;
use std::collections::{BTreeMap, BTreeSet};

/// One difference: what both sides have in the same place.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// 1 to 6.
    pub tier: u8,
    /// "h1/root/eth0", "h1/root route"
    pub place: String,
    /// What differs there: "frame 3, flow UDP 10.0.0.1 10.0.0.2:7000, t=0.010 s; 6 of 48 frames differ".
    pub what: String,
    pub kernel: String,
    pub simulator: String,
    /// Scenario time of the first divergent frame, ns.
    pub at_ns: i64,
    /// Flow and number of the packet that it carries, where that is known.
    pub packet: Option<(u32, u32)>,
    /// Where it arose: what lies between the last frame that agrees and this one; may be empty.
    pub stage: String,
}

/// How far two sides agree.
#[derive(Clone, Debug, Default)]
pub struct Tiers {
    pub differences: Vec<Difference>,
    /// Tiers that were not compared, and why.
    pub skipped: BTreeMap<u8, String>,
    pub counts: Counts,
    pub frames: u64,
    pub devices: u64,
    pub tables: u64,
    pub counters: u64,
    pub drops: u64,
    pub timers: u64,
    /// Times were compared to the tick.
    pub exact: bool,
    /// All frames of each namespace came in the same order.
    pub total_order: bool,
}

/// What programs and a scheduler may add to any time.
const SLACK: Span = Span::from_ms(6);
/// What the simulator's programs and cores need, while a kernel in virtual time needs nothing: less than a tick.
const WORK: Span = Span::from_ms(2);
/// A gap in a flow that no program made: a timer's.
const TIMER: i64 = 40_000_000;
/// Differences of a tier that are kept.
const KEPT: usize = 20;

impl Tiers {
    /// The highest tier that agrees with all below it, those that were not compared left out; 0: not even the first.
    pub fn reached(&self) -> u8 {
        let differs = |t: u8| self.differences.iter().any(|d| d.tier == t);
        let good = (1..=6).take_while(|t| !differs(*t));
        good.filter(|t| !self.skipped.contains_key(t)).last().unwrap_or(0)
    }

    fn add(&mut self, d: Difference) {
        if self.differences.iter().filter(|o| o.tier == d.tier).count() < KEPT {
            self.differences.push(d);
        }
    }

    /// Two texts that should be one.
    fn line(&mut self, tier: u8, place: String, what: &str, kernel: String, simulator: String) {
        if kernel != simulator {
            let what = what.to_owned();
            self.add(Difference { tier, place, what, kernel, simulator, at_ns: 0, packet: None, stage: String::new() });
        }
    }
}

/// How closely times have to agree.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The kernel's time is virtual, and its timer wheel stood as the simulator's does at time 0: timers ring at the same
    /// tick. Else within the granule of a timer so long, and what a busy machine adds.
    pub exact: bool,
    /// How far two runs of the kernel were apart at most, ns.
    pub noise: i64,
}

impl Clock {
    /// Takes any time for any other.
    pub const ANY: Clock = Clock { exact: false, noise: i64::MAX / 4 };

    /// How far a gap of `want` ns may be off, ns.
    fn tolerance(self, want: i64) -> i64 {
        let own = if self.exact {
            ns(WORK)
        } else {
            ns(granule(Span::from_ps(want.unsigned_abs().saturating_mul(1000)))) + ns(SLACK)
        };
        own + self.noise
    }
}

fn ns(s: Span) -> i64 {
    i64::try_from(s.ps() / 1000).unwrap_or(i64::MAX)
}

/// Compares `kernel` with `other`: the simulator, or another run of the kernel.
pub fn tiers(job: &Job, kernel: &Side, other: &Side, asked: &[String], clock: Clock) -> Tiers {
    let mut t = Tiers::default();
    t.counts.merge(&kernel.counts);
    let pairs = frames(job, kernel, other, &mut t);
    tables(job, kernel, other, asked, &mut t);
    counters(job, kernel, other, &mut t);
    drops(job, kernel, other, &mut t);
    times(job, &pairs, clock, &mut t);
    t.exact = clock.exact;
    order(job, kernel, other, &mut t);
    t
}

fn path(job: &Job, s: &Shot) -> String {
    format!("{}/{}/{}", job.hosts[s.host].name, s.ns, s.dev)
}

type Grouped<'s> = BTreeMap<(String, String), Vec<&'s Shot>>;

/// Sequences that have to be the same: by device and flow in one direction, and, under names of their own, by device
/// and packet, in both directions.
fn grouped<'s>(job: &Job, side: &'s Side) -> Grouped<'s> {
    let mut all = Grouped::new();
    for shot in &side.shots {
        let dev = path(job, shot);
        if let Some((flow, seq)) = shot.packet() {
            all.entry((dev.clone(), format!("~packet {flow}.{seq}"))).or_default().push(shot);
        }
        all.entry((dev, shot.key().to_string())).or_default().push(shot);
    }
    all
}

/// T1: of each device and flow the same frames in the same order. Gives the pairs of equal sequences.
fn frames<'s>(job: &Job, kernel_side: &'s Side, other: &'s Side, t: &mut Tiers) -> Vec<(Vec<&'s Shot>, Vec<&'s Shot>)> {
    let (mut ours, mut theirs) = (grouped(job, kernel_side), grouped(job, other));
    let keys: BTreeSet<(String, String)> = ours.keys().chain(theirs.keys()).cloned().collect();
    t.frames = kernel_side.shots.len() as u64;
    t.devices = keys.iter().map(|k| &k.0).collect::<BTreeSet<_>>().len() as u64;
    let mut same = Vec::new();
    let mut found = Vec::new();
    for key in keys {
        let (a, b) = (ours.remove(&key).unwrap_or_default(), theirs.remove(&key).unwrap_or_default());
        let n = a.len().max(b.len());
        let differs = |i: &usize| a.get(*i).map(|s| &s.what) != b.get(*i).map(|s| &s.what);
        let Some(i) = (0..n).find(differs) else {
            if !key.1.starts_with('~') {
                same.push((a, b));
            }
            continue;
        };
        let wrong = (0..n).filter(differs).count();
        let at = [a.get(i), b.get(i)].into_iter().flatten().map(|s| s.at_ns).min().unwrap_or(0);
        let text = |s: Option<&&Shot>| s.map_or_else(|| "nothing".to_owned(), |s| s.what.to_string());
        let packet = [b.get(i), a.get(i)].into_iter().flatten().find_map(|s| s.what.tag);
        let (s, ms) = (at / 1_000_000_000, at / 1_000_000 % 1000);
        let flow = key.1.trim_start_matches('~');
        let what = format!("frame {i}, flow {flow}, t={s}.{ms:03} s; {wrong} of {n} frames differ");
        let (kernel, simulator) = (text(a.get(i)), text(b.get(i)));
        let stage = a.get(i).or(b.get(i)).map(|s| stage(job, kernel_side, s)).unwrap_or_default();
        let d = Difference { tier: 1, what, place: key.0.clone(), kernel, simulator, at_ns: at, packet, stage };
        found.push((at, key.1.starts_with('~'), d));
    }
    // What a flow's sequence shows need not be said of each packet once more.
    found.sort_by_key(|(at, packet, _)| (*packet, *at));
    found.into_iter().for_each(|(_, _, d)| t.add(d));
    same
}

/// Where a frame became what it is: behind the last frame of the same packet, or of what it answers, that was seen
/// before it.
fn stage(job: &Job, kernel: &Side, bad: &Shot) -> String {
    let here = path(job, bad);
    let own = |s: &&Shot| s.packet().is_some() && s.packet() == bad.packet() && s.at_ns < bad.at_ns;
    let before = kernel.shots.iter().filter(own).max_by_key(|s| s.at_ns);
    match before {
        None if bad.what.is_out() => format!("made in {}/{}", job.hosts[bad.host].name, bad.ns),
        None => format!("on its way to {here}"),
        Some(s) if !bad.what.is_out() => format!("between {} and {here}", path(job, s)),
        Some(s) if s.what.is_out() => format!("after {} had sent it", path(job, s)),
        Some(s) => {
            let place = format!("{}/{}", job.hosts[bad.host].name, bad.ns);
            let how = if s.what.frame.src == bad.what.frame.src { "bridged" } else { "forwarded or answered" };
            format!("{how} in {place}, between {} and {here}", path(job, s))
        }
    }
}

/// T2: tables, answers to requests, what programs saw.
fn tables(job: &Job, kernel: &Side, other: &Side, asked: &[String], t: &mut Tiers) {
    let silence = |a: Option<&Option<String>>| match a {
        Some(None) => "done".to_owned(),
        Some(Some(text)) => text.clone(),
        None => "was not asked".to_owned(),
    };
    for (i, what) in asked.iter().enumerate() {
        let (k, s) = (silence(kernel.answers.get(i)), silence(other.answers.get(i)));
        t.line(2, what.clone(), "answer to a request", k, s);
    }
    for i in 0..kernel.flows.len().max(other.flows.len()) {
        let text = |side: &Side| match side.flows.get(i) {
            Some(f) => format!("sent {} received {} errors {:?}", f.sent, f.received, f.errors),
            None => "no such flow".to_owned(),
        };
        t.line(2, format!("flow {}", i + 1), "what the program saw", text(kernel), text(other));
    }
    for (k, s) in kernel.spaces.iter().zip(&other.spaces) {
        let all = [
            ("addr", &k.addr, &s.addr),
            ("route", &k.route, &s.route),
            ("rule", &k.rule, &s.rule),
            ("neigh", &k.neigh, &s.neigh),
            ("fdb", &k.fdb, &s.fdb),
            ("sockets", &k.sockets, &s.sockets),
        ];
        for (name, k_lines, s_lines) in all {
            t.tables += 1;
            let place = format!("{}/{} {name}", job.hosts[k.host].name, k.ns);
            let n = k_lines.len().max(s_lines.len());
            let get = |l: &[String], i: usize| l.get(i).cloned().unwrap_or_else(|| "nothing".to_owned());
            if let Some(i) = (0..n).find(|i| k_lines.get(*i) != s_lines.get(*i)) {
                t.line(2, place, &format!("line {}", i + 1), get(k_lines, i), get(s_lines, i));
            }
        }
    }
}

/// T3: counters.
fn counters(job: &Job, kernel: &Side, other: &Side, t: &mut Tiers) {
    let none = BTreeMap::new();
    for (k, s) in kernel.spaces.iter().zip(&other.spaces) {
        let space = format!("{}/{}", job.hosts[k.host].name, k.ns);
        let devs: BTreeSet<&String> = k.link.keys().chain(s.link.keys()).collect();
        for dev in devs {
            let (a, b) = (k.link.get(dev).unwrap_or(&none), s.link.get(dev).unwrap_or(&none));
            table(&format!("{space}/{dev}"), a, b, t);
        }
        table(&space, &k.snmp, &s.snmp, t);
    }
}

fn table(place: &str, a: &BTreeMap<String, u64>, b: &BTreeMap<String, u64>, t: &mut Tiers) {
    let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
    for name in names {
        t.counters += 1;
        let n = |m: &BTreeMap<String, u64>| m.get(name).copied().unwrap_or(0).to_string();
        t.line(3, place.to_owned(), &format!("counter {name}"), n(a), n(b));
    }
}

/// T4: reasons and places of drops.
fn drops(job: &Job, kernel: &Side, other: &Side, t: &mut Tiers) {
    let (Some(k), Some(s)) = (&kernel.drops, &other.drops) else {
        let why = if kernel.no_drops.is_empty() { &other.no_drops } else { &kernel.no_drops };
        t.skipped.insert(4, why.clone());
        return;
    };
    let sums = |list: &[super::job::DropSeen]| {
        let mut all: BTreeMap<(String, String), u64> = BTreeMap::new();
        for d in list {
            let place = format!("{}/{}", job.hosts[d.host].name, d.ns);
            *all.entry((place, format!("{} in {}", d.reason, d.place))).or_default() += d.count;
        }
        all
    };
    let (k, s) = (sums(k), sums(s));
    t.drops = k.values().sum();
    let keys: BTreeSet<&(String, String)> = k.keys().chain(s.keys()).collect();
    for key in keys {
        let n = |m: &BTreeMap<(String, String), u64>| m.get(key).copied().unwrap_or(0).to_string();
        t.line(4, key.0.clone(), &format!("drops {}", key.1), n(&k), n(&s));
    }
}

/// T5: gaps within each flow.
fn times(job: &Job, pairs: &[(Vec<&Shot>, Vec<&Shot>)], clock: Clock, t: &mut Tiers) {
    for (a, b) in pairs {
        let (mut before, mut meant) = (0, 0);
        for (k, s) in a.iter().zip(b) {
            let (is, want) = (k.at_ns - before, s.at_ns - meant);
            (before, meant) = (k.at_ns, s.at_ns);
            t.timers += u64::from(want >= TIMER && k.what.tag.is_none() && k.what.echo_id.is_none());
            // What programs and cores needed before does not make a time wrong that the clock says.
            let at = clock.exact && (k.at_ns - s.at_ns).abs() <= clock.tolerance(want);
            if !at && (is - want).abs() > clock.tolerance(want) {
                let seconds = |ns: i64| format!("{:.4} s after the one before", ns as f64 / 1e9);
                t.add(Difference {
                    tier: 5,
                    place: path(job, k),
                    what: format!("time of {}", k.what),
                    kernel: seconds(is),
                    simulator: seconds(want),
                    at_ns: k.at_ns,
                    packet: k.what.tag,
                    stage: String::new(),
                });
                break;
            }
        }
    }
}

/// How far apart two runs of one kernel are in any gap, ns.
pub fn noise(job: &Job, a: &Side, b: &Side) -> i64 {
    let mut t = Tiers::default();
    let mut most = 0;
    for (a, b) in frames(job, a, b, &mut t) {
        let (mut x, mut y) = (0, 0);
        for (k, s) in a.iter().zip(&b) {
            most = most.max(((k.at_ns - x) - (s.at_ns - y)).abs());
            (x, y) = (k.at_ns, s.at_ns);
        }
    }
    most
}

/// Does only one thing happen at a time? One program that waits for each answer, or packets that leave so far apart
/// that they don't meet. Not where hosts are joined: a packet's fragments are on the wire together, but reach the other
/// end of a veth one by one.
pub fn is_single_actor(job: &Job) -> bool {
    // A worker hands on what is broadcast to a macvlan: it is another actor.
    let another = |what: &super::job::What| match what {
        super::job::What::Nic { far, .. } => far.is_some(),
        super::job::What::Ip(line) => line.contains(" type macvlan"),
        _ => false,
    };
    if job.setup.iter().any(|a| another(&a.what)) {
        return false;
    }
    const APART_NS: u64 = 2_000_000;
    let mut times = Vec::new();
    let senders: Vec<&super::job::Task> = job.tasks.iter().filter(|t| t.flow != 0).collect();
    for task in &senders {
        match &task.app {
            App::Ping { count, interval_ns, .. } => times.extend((0..*count).map(|i| task.start_ns + i * interval_ns)),
            App::Send { times: all, .. }
            | App::Frames { times: all, .. }
            | App::Connect { times: all, .. }
            | App::Requests { load: Load::Open(all), .. } => times.extend(all),
            App::Requests { load: Load::Closed(n) | Load::Thinking(n, _), .. } => return senders.len() == 1 && *n == 1,
            App::Sink { .. } | App::Echo { .. } => {}
        }
    }
    times.sort_unstable();
    times.windows(2).all(|w| w[1] - w[0] >= APART_NS)
}

/// T6: the frames of each namespace in one order.
fn order(job: &Job, kernel: &Side, other: &Side, t: &mut Tiers) {
    let of = |side: &'_ Side| -> BTreeMap<(usize, String), Vec<(String, What)>> {
        let mut all: BTreeMap<(usize, String), Vec<(String, What)>> = BTreeMap::new();
        for s in &side.shots {
            all.entry((s.host, s.ns.clone())).or_default().push((s.dev.clone(), s.what.clone()));
        }
        all
    };
    let (k, s) = (of(kernel), of(other));
    let mut moved = 0;
    for (key, a) in &k {
        let none = Vec::new();
        let b = s.get(key).unwrap_or(&none);
        moved += a.iter().zip(b).filter(|(x, y)| x != y).count() as u64;
        let Some(i) = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i)) else { continue };
        if t.differences.iter().any(|d| d.tier == 1) || !is_single_actor(job) {
            continue;
        }
        let text = |l: &[(String, What)]| l.get(i).map_or_else(|| "nothing".to_owned(), |(d, w)| format!("{d} {w}"));
        t.line(6, format!("{}/{}", job.hosts[key.0].name, key.1), &format!("frame {i}"), text(a), text(b));
    }
    t.total_order = moved == 0 && !t.differences.iter().any(|d| d.tier == 1);
    if moved > 0 && !is_single_actor(job) {
        t.counts.add(Rule::OrderFlow, moved);
        t.skipped.insert(6, "several packets are on their way at once".to_owned());
    }
}
