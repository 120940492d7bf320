//! Many independent runs of one scenario file, with a seed each.
//!
//!     many FILE PACKETS RUNS THREADS
//!
//! PACKETS takes the place of every `count:` of the file. Prints one line: `runs N seconds X`.

use scenarios::{plan, run, source::Source};
use std::{path::Path, process::ExitCode, sync::Arc, time::Instant};

fn main() -> ExitCode {
    match many() {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("many: {why}");
            ExitCode::from(2)
        }
    }
}

fn many() -> Result<String, String> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [file, packets, runs, threads] = &args[..] else { return Err("many FILE PACKETS RUNS THREADS".to_owned()) };
    let number = |text: &String| text.parse::<u64>().map_err(|_| format!("`{text}` is not a number"));
    let (packets, runs, threads) = (number(packets)?, number(runs)?, number(threads)?);
    let said = |all: Vec<scenarios::diagnostic::Diagnostic>| {
        all.iter().map(|d| d.render(false)).collect::<Vec<_>>().join("\n")
    };
    let mut source = Source::read(Path::new(file)).map_err(|d| said(vec![d]))?;
    let mut parts = source.text.split("count: ");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text += &format!("count: {packets}{}", part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    source = Source::new(file, text);
    let mut plan = plan::plan(&Arc::new(source)).map_err(said)?;
    plan.seeds = (1..=runs).collect();
    let begun = Instant::now();
    run::run_all(&[plan], threads as usize, &|_, _| {}).map_err(said)?;
    Ok(format!("runs {runs} seconds {:.4}", begun.elapsed().as_secs_f64()))
}
