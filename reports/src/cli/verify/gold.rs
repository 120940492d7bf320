//! `onerouter verify --gold`: the kernel's traces into files, or compared with those that are there.

use super::super::{FAILED, GOOD, NOTHING, Streams};
use crate::{args, verify::text};
use rayon::prelude::*;
use scenarios::{
    plan::Plan,
    verify::{
        Options, Oracle,
        gold::{self, Gold, Point},
    },
};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What became of one scenario.
enum Done {
    Written(PathBuf),
    Same,
    /// Lines to show.
    Differs(Vec<String>),
    Without(String),
}

pub(super) fn command(
    args: &args::Verify,
    what: args::Snapshots,
    plans: &[Plan],
    oracle: &dyn Oracle,
    streams: &mut Streams,
) -> io::Result<u8> {
    let threads = args.jobs.map_or(8, usize::from);
    let all = || -> Vec<(String, Done)> {
        plans.par_iter().map(|p| (p.source.path.clone(), one(p, what, &args.gold_dir, oracle))).collect()
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let all = pool.map_or_else(|_| all(), |pool| pool.install(all));
    let (mut drifted, mut compared) = (0, 0);
    for (path, done) in &all {
        let line = match done {
            Done::Written(to) => format!("written       {path}: {}\n", to.display()),
            Done::Same => format!("the same      {path}\n"),
            Done::Differs(lines) => format!("drifted       {path}\n  {}\n", lines.join("\n  ")),
            Done::Without(why) => format!("not compared  {path}: {why}\n"),
        };
        drifted += usize::from(matches!(done, Done::Differs(_)));
        compared += usize::from(!matches!(done, Done::Without(_)));
        streams.say(&line)?;
    }
    streams.say(&format!("{compared} of {} scenarios have gold traces, {drifted} drifted\n", all.len()))?;
    Ok(match (drifted, compared) {
        (0, 0) => NOTHING,
        (0, _) => GOOD,
        _ => FAILED,
    })
}

fn one(plan: &Plan, what: args::Snapshots, dir: &Path, oracle: &dyn Oracle) -> Done {
    let new = match trace(plan, oracle) {
        Ok(new) => new,
        Err(why) => return Done::Without(why),
    };
    let path = path(dir, oracle.name(), &plan.source.path);
    match what {
        args::Snapshots::Update => match write(&path, &new) {
            Ok(()) => Done::Written(path),
            Err(e) => Done::Without(format!("{}: {e}", path.display())),
        },
        args::Snapshots::Check => {
            let old = fs::read_to_string(&path).map_err(|e| e.to_string()).and_then(|t| gold::read(&t));
            match old {
                Ok(old) => compare(plan, &old, &new),
                Err(why) => Done::Without(format!("{}: {why}", path.display())),
            }
        }
    }
}

/// The kernel's trace of all points.
fn trace(plan: &Plan, oracle: &dyn Oracle) -> Result<Gold, String> {
    let (mut points, mut from): (Vec<Point>, _) = (Vec::new(), None);
    for at in 0..plan.points.len() {
        let recorded = gold::record(plan, at, &Options::new(oracle));
        let (c, kept) = recorded.map_err(|d| d.iter().map(|d| d.title.clone()).collect::<Vec<_>>().join("; "))?;
        let (point, record) = kept.ok_or_else(|| format!("{} {}", c.label, text::verdict(&c)))?;
        points.push(point);
        from = Some(record);
    }
    let from = from.ok_or("it has no point")?;
    let gold = gold::file(&plan.source.path, &from, points);
    // What will not be read back is not written.
    gold::read(&gold::text(&gold))
}

fn compare(plan: &Plan, old: &Gold, new: &Gold) -> Done {
    let mut lines = Vec::new();
    for (at, new) in new.points.iter().enumerate() {
        match old.points.get(at).map(|old_point| gold::drift(plan, at, old_point, new, &old.oracle)) {
            Some(Ok(tiers)) => {
                let shown = tiers.differences.iter().take(4);
                lines.extend(
                    shown.map(|d| format!("T{} {} {}: {} | {}", d.tier, d.place, d.what, d.kernel, d.simulator)),
                );
            }
            Some(Err(why)) => lines.push(why),
            None => lines.push(format!("{}: a new point", new.label)),
        }
    }
    if lines.is_empty() { Done::Same } else { Done::Differs(lines) }
}

/// "tests/gold/routing/loop.json" for ".../routing/loop.ron" on the running kernel, "tests/gold/uml/routing/loop.json" on
/// another.
fn path(dir: &Path, oracle: &str, scenario: &str) -> PathBuf {
    let parts: Vec<&str> = scenario.trim_end_matches(".ron").rsplit('/').take(2).collect();
    let name = parts.into_iter().rev().collect::<Vec<_>>().join("/");
    if oracle == "netns" { dir.join(format!("{name}.json")) } else { dir.join(format!("{oracle}/{name}.json")) }
}

fn write(path: &Path, gold: &Gold) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, gold::text(gold))
}
