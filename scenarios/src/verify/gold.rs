//! Gold traces: what a real kernel did, masked, in files that are kept. With them the simulator is checked where there
//! is no kernel to ask. A file says where it comes from; one that does not come from a real kernel is refused.

use super::{
    Comparison, Options, Verdict,
    job::{DropSeen, FlowSeen, Job, Record, Space},
    mask::{self, Side},
    shot::{Shot, What},
    simulated,
    tiers::{self, Clock, Tiers},
};
use crate::{diagnostic::Diagnostic, plan::Plan};
use serde::{Deserialize, Serialize};

/// Packets of a flow in a gold trace: enough to see it work, few enough to keep.
pub const PACKETS: u64 = 12;
const FORMAT: u32 = 1;
/// What a busy machine may have added to any time of a trace that was recorded once, ns.
const JITTER_NS: i64 = 30_000_000;

/// How closely times of a trace have to agree.
fn clock(oracle: &str) -> Clock {
    if oracle == "uml" { Clock { exact: true, noise: 0 } } else { Clock { exact: false, noise: JITTER_NS } }
}

/// One scenario's file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gold {
    pub format: u32,
    /// "netns", "uml"
    pub oracle: String,
    /// "6.18.44"
    pub kernel: String,
    /// Hash of the kernel's configuration, 16 hexadecimal digits.
    pub config: String,
    /// "scenarios/hello/veth.ron"
    pub scenario: String,
    pub points: Vec<Point>,
}

/// One point of its sweep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Point {
    pub label: String,
    pub answers: Vec<Option<String>>,
    /// A line a frame, in order within each namespace.
    pub frames: Vec<String>,
    pub spaces: Vec<Space>,
    pub flows: Vec<FlowSeen>,
    pub drops: Option<Vec<DropSeen>>,
}

/// Reads a gold file.
///
/// # Errors
/// It is none, or does not come from a real kernel.
pub fn read(text: &str) -> Result<Gold, String> {
    let gold: Gold = serde_json::from_str(text).map_err(|e| format!("not a gold trace: {e}"))?;
    if gold.format != FORMAT {
        return Err(format!("format {} is not {FORMAT}", gold.format));
    }
    if !matches!(gold.oracle.as_str(), "netns" | "uml") {
        return Err(format!("`{}` is no real kernel", gold.oracle));
    }
    let number = |p: &str| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit());
    if gold.kernel.split('.').count() < 2 || !gold.kernel.split('.').all(number) {
        return Err(format!("`{}` is no version of a kernel", gold.kernel));
    }
    if gold.config.len() != 16 || !gold.config.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err("it does not say the kernel's configuration".to_owned());
    }
    if gold.points.iter().all(|p| p.frames.is_empty() && p.answers.is_empty()) {
        return Err("it holds nothing".to_owned());
    }
    Ok(gold)
}

/// The text of a gold file.
pub fn text(gold: &Gold) -> String {
    serde_json::to_string_pretty(gold).unwrap_or_default() + "\n"
}

fn line(job: &Job, s: &Shot) -> String {
    let or = |n: Option<String>| n.unwrap_or_else(|| "-".to_owned());
    let tag = or(s.what.tag.map(|(flow, seq)| format!("{flow}.{seq}")));
    let (tos, id) = (or(s.what.tos.map(|t| t.to_string())), or(s.what.echo_id.map(|i| i.to_string())));
    let (host, ns, dev) = (&job.hosts[s.host].name, &s.ns, &s.dev);
    format!("{host}/{ns}/{dev} {} {} {tos} {id} {tag} {}", s.at_ns / 1000, s.what.len, s.what.frame)
}

fn shot(job: &Job, line: &str) -> Result<Shot, String> {
    let bad = || format!("`{line}` is no frame");
    let mut words = line.splitn(7, ' ');
    let mut word = || words.next().ok_or_else(bad);
    let path = word()?;
    let number = |w: &str| w.parse::<i64>().map_err(|_| bad());
    let (at_us, len, tos, id, tag) = (number(word()?)?, number(word()?)?, word()?, word()?, word()?);
    let optional = |w: &str| if w == "-" { Ok(None) } else { number(w).map(Some) };
    let tag = match tag.split_once('.') {
        Some((flow, seq)) => Some((number(flow)? as u32, number(seq)? as u32)),
        None => None,
    };
    let what = What {
        frame: word()?.parse()?,
        len: len as u32,
        tos: optional(tos)?.map(|t| t as u8),
        echo_id: optional(id)?.map(|i| i as u16),
        tag,
    };
    let mut parts = path.splitn(3, '/');
    let (Some(host), Some(ns), Some(dev)) = (parts.next(), parts.next(), parts.next()) else { return Err(bad()) };
    let host = job.hosts.iter().position(|h| h.name == host).ok_or_else(bad)?;
    Ok(Shot { host, ns: ns.to_owned(), dev: dev.to_owned(), at_ns: at_us * 1000, what })
}

fn point(job: &Job, label: &str, side: &Side) -> Point {
    Point {
        label: label.to_owned(),
        answers: side.answers.clone(),
        frames: side.shots.iter().map(|s| line(job, s)).collect(),
        spaces: side.spaces.clone(),
        flows: side.flows.clone(),
        drops: side.drops.clone(),
    }
}

fn side(job: &Job, p: &Point) -> Result<Side, String> {
    let shots = p.frames.iter().map(|l| shot(job, l)).collect::<Result<_, _>>()?;
    let (answers, spaces) = (p.answers.clone(), p.spaces.clone());
    Ok(Side {
        answers,
        shots,
        spaces,
        flows: p.flows.clone(),
        drops: p.drops.clone(),
        no_drops: "the gold trace has no drop reasons".to_owned(),
        ..Side::default()
    })
}

/// A comparison, and the kernel's side of it, where the kernel agrees with itself.
pub type Recorded = (Comparison, Option<(Point, Record)>);

/// The kernel's own trace of a point, where it agrees with itself; the comparison says how it went.
///
/// # Errors
/// Mistakes of the scenario.
pub fn record(plan: &Plan, at: usize, options: &Options) -> Result<Recorded, Vec<Diagnostic>> {
    let mut kept = None;
    let options = Options { packets: PACKETS, ..*options };
    let c = super::compare_keeping(plan, at, &options, &mut |job, record, side| {
        kept = Some((point(job, &plan.points[at].label, side), record.clone()));
    })?;
    let stable = matches!(c.verdict, Verdict::Agrees(_) | Verdict::Differs(_));
    Ok((c, kept.filter(|_| stable)))
}

/// How far the simulator agrees with a gold trace of this point, from an oracle and its kernel's release.
///
/// # Errors
/// What makes the two incomparable: the scenario has changed since, or a line can't be read.
pub fn check(plan: &Plan, at: usize, gold: &Point, (oracle, release): (&str, &str)) -> Result<Tiers, String> {
    let seed = plan.seeds.first().copied().unwrap_or(1);
    let simulated = simulated::simulate(plan, at, seed, PACKETS);
    let simulated = simulated.map_err(|d| d.iter().map(|d| d.title.clone()).collect::<Vec<_>>().join("; "))?;
    let job = &simulated.job;
    let ours = mask::as_of(&mask::of_simulator(&simulated.seen, &job.tasks), release);
    Ok(tiers::tiers(job, &side(job, gold)?, &ours, &simulated.seen.asked, clock(oracle)))
}

/// How far a kernel's new trace of this point agrees with the gold one.
///
/// # Errors
/// As for [`check`].
pub fn drift(plan: &Plan, at: usize, gold: &Point, new: &Point, oracle: &str) -> Result<Tiers, String> {
    let seed = plan.seeds.first().copied().unwrap_or(1);
    let simulated = simulated::simulate(plan, at, seed, PACKETS);
    let simulated = simulated.map_err(|d| d.iter().map(|d| d.title.clone()).collect::<Vec<_>>().join("; "))?;
    let job = &simulated.job;
    Ok(tiers::tiers(job, &side(job, gold)?, &side(job, new)?, &simulated.seen.asked, clock(oracle)))
}

/// A new file.
pub fn file(scenario: &str, record: &Record, points: Vec<Point>) -> Gold {
    Gold {
        format: FORMAT,
        oracle: record.oracle.clone(),
        kernel: record.release.clone(),
        config: record.config.clone(),
        scenario: scenario.to_owned(),
        points,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gold() -> Gold {
        let record = Record {
            oracle: "netns".into(),
            release: "6.18.44".into(),
            config: "0123456789abcdef".into(),
            ..Record::default()
        };
        let p = Point {
            label: String::new(),
            answers: vec![None],
            frames: Vec::new(),
            spaces: Vec::new(),
            flows: Vec::new(),
            drops: None,
        };
        file("x.ron", &record, vec![p])
    }

    #[test]
    fn only_a_real_kernel_makes_gold() {
        assert_eq!(read(&text(&gold())), Ok(gold()));
        let refused = |change: fn(&mut Gold)| {
            let mut g = gold();
            change(&mut g);
            read(&text(&g)).unwrap_err()
        };
        assert_eq!(refused(|g| g.oracle = "simulator".into()), "`simulator` is no real kernel");
        assert_eq!(refused(|g| g.kernel = "onerouter".into()), "`onerouter` is no version of a kernel");
        assert_eq!(refused(|g| g.config.clear()), "it does not say the kernel's configuration");
        assert_eq!(refused(|g| g.points.clear()), "it holds nothing");
        assert!(read("{}").is_err());
    }

    #[test]
    fn a_frame_reads_back() {
        let job = Job { hosts: vec![super::super::job::JobHost::new("h1", false)], ..Job::default() };
        let text = "h1/a/eth0 1234 98 0 7 - out 02:00:00:00:00:01>02:00:00:00:00:02 IP 10.0.0.1>10.0.0.2 ttl=64 len=84 \
                    proto=1 DF icmp echo-request/0 seq=1";
        let s = shot(&job, text).unwrap();
        assert_eq!((line(&job, &s), s.at_ns, s.what.echo_id), (text.to_owned(), 1_234_000, Some(7)));
        assert!(shot(&job, &text.replace("h1/", "h2/")).is_err());
    }
}
