//! Simulates one scenario file and says how long it took.
//!
//!     bench FILE [PACKETS [THREADS]]
//!
//! PACKETS takes the place of every `count:` of the file; 1 thread unless THREADS says more. Prints one line:
//! `delivered N crossings N events N ns-per-datagram X digest X`; the time is that of building and running, without
//! reading and checking the file.

use scenarios::{plan, run, source::Source};
use std::{fmt::Write as _, path::Path, process::ExitCode, sync::Arc, time::Instant};

fn main() -> ExitCode {
    match bench() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}

fn bench() -> Result<String, String> {
    let mut args = std::env::args().skip(1);
    let file = args.next().ok_or("which FILE?")?;
    let packets = match args.next() {
        Some(n) => Some(n.parse::<u64>().map_err(|_| format!("`{n}` is not a number of packets"))?),
        None => None,
    };
    let threads = match args.next() {
        Some(n) => n.parse::<usize>().map_err(|_| format!("`{n}` is not a number of threads"))?,
        None => 1,
    };
    let said = |all: Vec<scenarios::diagnostic::Diagnostic>| {
        all.iter().fold(String::new(), |mut text, d| {
            let _ = writeln!(text, "{}", d.render(false));
            text
        })
    };
    let mut source = Source::read(Path::new(&file)).map_err(|d| said(vec![d]))?;
    if let Some(n) = packets {
        source = Source::new(&file, with_count(&source.text, n));
    }
    let plan = plan::plan(&Arc::new(source)).map_err(said)?;
    let begun = Instant::now();
    let outcome = run::simulate(&plan, 0, plan.seeds.first().copied().unwrap_or(1), false, threads).map_err(said)?;
    let ns = begun.elapsed().as_nanos() as f64;
    if let Some(fault) = outcome.fault {
        return Err(fault);
    }
    let delivered: u64 = outcome.flows.iter().map(|f| f.received).sum();
    let each = ns / delivered.max(1) as f64;
    Ok(format!(
        "delivered {delivered} crossings {} events {} ns-per-datagram {each:.1} digest {:016x}",
        outcome.crossings, outcome.events, outcome.digest
    ))
}

/// The text with every `count: NUMBER` changed.
fn with_count(text: &str, n: u64) -> String {
    let mut parts = text.split("count: ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let _ = write!(out, "count: {n}{}", part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    out
}
