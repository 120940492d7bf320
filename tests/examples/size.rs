//! How long a scenario takes to build, and how much memory.
//!
//!     size FILE THINGS [SECONDS]
//!
//! Prints one line: `seconds X bytes-each X`: the time from a checked scenario to a world at time 0, and the memory that the
//! world then holds over THINGS. With SECONDS it runs to that time, and prints what it holds then and the frames on their
//! way.

use onerouter_tests::counting;
use scenarios::{build, load, names::Names, profile, source::Source, traffic};
use sim_core::time::{Span, Time};
use std::{path::Path, process::ExitCode, sync::Arc, time::Instant};

#[global_allocator]
static COUNTING: counting::Counting = counting::Counting;

fn main() -> ExitCode {
    match size() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("size: {why}");
            ExitCode::from(2)
        }
    }
}

fn size() -> Result<(), String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, things, until @ ..] = &args[..] else { return Err("size FILE THINGS [SECONDS]".to_owned()) };
    let things: f64 = things.parse().map_err(|_| format!("`{things}` is not a number"))?;
    let begun = Instant::now();
    let source = Arc::new(Source::read(Path::new(file)).map_err(|d| d.render(false))?);
    let (scenario, _, mistakes) = load::understand(&source);
    let Some(scenario) = scenario.filter(|_| mistakes.is_empty()) else { return Err("mistakes".to_owned()) };
    let read = begun.elapsed().as_secs_f64();
    let costs = profile::load(scenario.profile_name())?;
    let (begun, before) = (Instant::now(), counting::bytes());
    let built = build::build(&source, &scenario, costs, 1).map_err(|d| format!("{} mistakes", d.len()))?;
    let mut world = built.world;
    traffic::start(&Names::new(&scenario), &scenario, &mut world);
    world.run_until(Time::ZERO + Span::from_ps(1)).map_err(|e| e.to_string())?;
    let (seconds, held) = (begun.elapsed().as_secs_f64(), counting::bytes() - before);
    print!("seconds {seconds:.3} bytes-each {:.0} read {read:.3}", held as f64 / things);
    if let Some(s) = until.first() {
        let s: f64 = s.parse().map_err(|_| format!("`{s}` is not a number of seconds"))?;
        world.run_until(Time::ZERO + Span::from_ps((s * 1e12) as u64)).map_err(|e| e.to_string())?;
        print!(" held {} in-flight {}", counting::bytes() - before, world.ledger().1);
    }
    println!();
    Ok(())
}
