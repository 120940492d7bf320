//! `onerouter verify --random N`: worlds that nobody wrote.

use super::{code, oracle};
use crate::{
    args,
    cli::{FAULT, NOTHING, Streams},
    progress::Progress,
    verify::{Sums, Verified, json, text},
};
use scenarios::{
    random::hunt::{Catch, Found, Hunt, hunt},
    verify::{Options, Verdict},
};
use std::{fmt::Write as _, fs, io, thread, time::Instant};

pub(super) fn command(args: &args::Verify, worlds: u64, streams: &mut Streams) -> io::Result<u8> {
    let oracle = match oracle(args.oracle) {
        Ok(oracle) => oracle,
        Err(why) => {
            streams.complain(&format!("error: {why}\n"));
            return Ok(NOTHING);
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let jobs = args.jobs.map_or(cores * oracle.jobs_a_core(), usize::from);
    let plan = Hunt { seed: args.seed, worlds, jobs, budget: usize::from(args.shrink) };
    let begin = Instant::now();
    let caught = {
        let progress = Progress::new("worlds", streams.err.is_terminal(), &mut *streams.err);
        let all = usize::try_from(worlds).unwrap_or(usize::MAX);
        hunt(plan, &Options::new(oracle.as_ref()), &|done| progress.at(usize::try_from(done).unwrap_or(all), all))
    };
    let seconds = begin.elapsed().as_secs_f64();
    let kept = keep(args, &caught)?;
    let sums = sums(&caught);
    let found: Vec<Verified> = caught.found.into_iter().map(|f| verified(args.seed, f)).collect();
    if args.json {
        let more = (args.seed, &caught.tally, caught.faults.as_slice());
        streams.say(&(json::random(&found, oracle.name(), sums, more)? + "\n"))?;
    } else {
        let mut shown = caught.tally.to_string();
        shown.push_str(&text::found(&found, oracle.name(), streams.paint));
        for (number, why) in &caught.faults {
            let _ = writeln!(shown, "world {number} of seed {}: {why}", args.seed);
        }
        shown.push_str(&kept);
        let rate = worlds as f64 / seconds.max(1e-3);
        let _ = writeln!(shown, "{worlds} worlds in {seconds:.1} s: {rate:.1} a second");
        shown.push_str(&text::last_line(sums));
        streams.say(&shown)?;
    }
    Ok(if caught.faults.is_empty() { code(few_unstable(sums)) } else { FAULT })
}

/// Of a batch at most 1 in 50 may be unstable: a busy machine is no fault of a world's.
fn few_unstable(s: Sums) -> Sums {
    let all = s.agreed + s.differed + s.unstable + s.not_comparable;
    if s.unstable * 50 <= all { Sums { agreed: s.agreed + s.unstable, unstable: 0, ..s } } else { s }
}

/// Writes what differs into its folder, and says so.
fn keep(args: &args::Verify, caught: &Catch) -> io::Result<String> {
    let mut said = String::new();
    for f in caught.found.iter().filter(|f| matches!(f.comparison.verdict, Verdict::Differs(_))) {
        fs::create_dir_all(&args.keep)?;
        let path = args.keep.join(&f.comparison.name);
        fs::write(&path, &f.file)?;
        let _ = writeln!(said, "made smaller: {}", path.display());
    }
    Ok(said)
}

fn verified(seed: u64, f: Found) -> Verified {
    Verified { path: format!("world {} of seed {seed}", f.number), points: vec![f.comparison] }
}

fn sums(c: &Catch) -> Sums {
    let n = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    Sums { agreed: n(c.agreed), differed: n(c.differed), unstable: n(c.unstable), not_comparable: n(c.not_comparable) }
}
