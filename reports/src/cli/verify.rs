//! `onerouter verify`: scenarios on a real kernel, compared with the simulator.

mod gold;
mod random;

use super::{BAD_INPUT, FAILED, GOOD, NOTHING, Streams};
use crate::{
    args,
    progress::Progress,
    verify::{Sums, Verified, json, sums, text},
};
use scenarios::{
    diagnostic::{Diagnostic, arrange},
    plan::Plan,
    verify::{Options, Oracle, compare_all},
};
use std::{io, thread};

pub(super) fn command(args: &args::Verify, streams: &mut Streams) -> io::Result<u8> {
    if args.masks {
        streams.say(&text::rules())?;
        return Ok(GOOD);
    }
    if let Some(worlds) = args.random {
        return random::command(args, u64::from(worlds), streams);
    }
    let plans = match scenarios::plans(&args.paths) {
        Ok(plans) => plans,
        Err(mistakes) => return Ok(streams.mistakes(&mistakes)),
    };
    let oracle = match oracle(args.oracle) {
        Ok(oracle) => oracle,
        Err(why) => {
            streams.complain(&format!("error: {why}\n"));
            return Ok(NOTHING);
        }
    };
    if let Some(what) = args.gold {
        return gold::command(args, what, &plans, oracle.as_ref(), streams);
    }
    match verify(args, &plans, oracle.as_ref(), streams) {
        Ok(all) => {
            let shown = if args.json {
                json::text(&all, oracle.name())? + "\n"
            } else if args.markdown {
                text::markdown(&all, oracle.name())
            } else {
                text::results(&all, oracle.name(), streams.paint)
            };
            streams.say(&shown)?;
            Ok(code(sums(&all)))
        }
        Err(mistakes) => Ok(streams.mistakes(&mistakes)),
    }
}

/// The exit code of a batch.
fn code(s: Sums) -> u8 {
    match s {
        Sums { agreed: 0, differed: 0, unstable: 0, .. } => NOTHING,
        Sums { differed: 0, unstable: 0, .. } => GOOD,
        _ => FAILED,
    }
}

fn verify(
    args: &args::Verify,
    plans: &[Plan],
    oracle: &dyn Oracle,
    streams: &mut Streams,
) -> Result<Vec<Verified>, Vec<Diagnostic>> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores * oracle.jobs_a_core(), usize::from);
    let compared = {
        let progress = Progress::new("scenarios", streams.err.is_terminal(), &mut *streams.err);
        compare_all(plans, jobs, &Options::new(oracle), &|done, all| progress.at(done, all))
    };
    let (mut all, mut mistakes) = (Vec::new(), Vec::new());
    for (plan, points) in plans.iter().zip(compared) {
        let mut verified = Verified { path: plan.source.path.clone(), points: Vec::new() };
        for point in points {
            match point {
                Ok(c) => verified.points.push(c),
                Err(bad) => mistakes.extend(bad),
            }
        }
        all.push(verified);
    }
    arrange(&mut mistakes);
    if mistakes.is_empty() { Ok(all) } else { Err(mistakes) }
}

#[cfg(target_os = "linux")]
fn oracle(which: args::OracleKind) -> Result<Box<dyn Oracle>, String> {
    match which {
        args::OracleKind::Netns => Ok(Box::new(scenarios::oracle::netns::Runner::default())),
        args::OracleKind::Uml => Ok(Box::new(scenarios::oracle::uml::Runner::default())),
    }
}

#[cfg(not(target_os = "linux"))]
fn oracle(_which: args::OracleKind) -> Result<Box<dyn Oracle>, String> {
    Err("oracle not available: a real kernel needs Linux".to_owned())
}

/// The hidden commands: one job on the running kernel; the first process of a kernel of our own.
#[cfg(target_os = "linux")]
pub(super) fn play(which: args::OracleKind, streams: &mut Streams) -> io::Result<u8> {
    let served = match which {
        args::OracleKind::Netns => scenarios::oracle::netns::serve(),
        args::OracleKind::Uml => scenarios::oracle::uml::serve(),
    };
    if let Err(e) = served {
        streams.complain(&format!("error: {e}\n"));
        return Ok(BAD_INPUT);
    }
    Ok(GOOD)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn play(_which: args::OracleKind, streams: &mut Streams) -> io::Result<u8> {
    streams.complain("error: oracle not available: a real kernel needs Linux\n");
    Ok(BAD_INPUT)
}
