//! Queues that theory knows exactly, built as scenarios: the 95 % interval of what is simulated is narrow, and covers the
//! exact value as often as it promises. Each interval comes from one run, by batch means: 32 long stretches of consecutive
//! messages are taken for independent (Student's t), since neighbours are not. Of the tail: the percentiles of 32 stretches
//! of time.
//!
//! A few seeds each in `cargo test`; all hundred with
//! `cargo test --release -p onerouter-tests --features theory --test theory -- --nocapture` (`.ci/run theory`).

use onerouter_tests::sim;
use scenarios::{outcome::FlowOutcome, plan, run, source::Source};
use sim_core::hist::Hist;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// A value and half the width of its 95 % interval, picoseconds.
#[derive(Clone, Copy, Debug)]
struct Estimate {
    value: f64,
    margin: f64,
}

/// What a run's flow tells of the quantity.
type Measure = fn(&FlowOutcome) -> Estimate;

fn mean(f: &FlowOutcome) -> Estimate {
    let i = f.batch_mean.expect("enough messages");
    Estimate { value: i.mean as f64, margin: i.margin as f64 }
}

fn p99(f: &FlowOutcome) -> Estimate {
    const STRETCHES: usize = 32;
    // The last slot is not full.
    let slots = &f.series.slots()[..f.series.slots().len() - 1];
    let each = slots.len() / STRETCHES;
    let stretches = slots[slots.len() - each * STRETCHES..].chunks(each).map(|slots| {
        let mut all = Hist::default();
        slots.iter().for_each(|s| all.merge(&s.latency));
        quantile(&all, 0.99)
    });
    let values: Vec<f64> = stretches.collect();
    let n = values.len() as f64;
    let centre = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    // t for 31 degrees of freedom.
    Estimate { value: quantile(&f.latency, 0.99), margin: 2.040 * (squares / (n - 1.0) / n).sqrt() }
}

/// A quantile with its place in its bucket, which is up to 0.8 % wide.
fn quantile(h: &Hist, p: f64) -> f64 {
    let rank = h.count() as f64 * p;
    let mut below = 0.0;
    for (low, high, count) in h.buckets() {
        let count = count as f64;
        if below + count >= rank {
            return low as f64 + (high - low + 1) as f64 * (rank - below) / count;
        }
        below += count;
    }
    h.max().unwrap_or(0) as f64
}

const US: f64 = 1e6;

/// File, quantity, its exact value in picoseconds, how it is measured.
fn queues() -> [(&'static str, &'static str, f64, Measure); 5] {
    let rate = |per_s: f64| 1e12 / per_s;
    [
        ("mm1", "mean", rate(10_000.0 - 5_000.0), mean),
        ("mm1-tail", "mean", rate(10_000.0 - 3_000.0), mean),
        ("mm1-tail", "p99", 100_f64.ln() * rate(10_000.0 - 3_000.0), p99),
        ("md1", "mean", 150.0 * US, mean),
        ("tandem", "mean", 400.0 * US, mean),
    ]
}

/// The flow of each seed from 1 on.
fn flows(file: &str, seeds: u64) -> Vec<FlowOutcome> {
    let path = format!("tests/theory/{file}.ron");
    let source = Arc::new(Source::new(&path, sim::file(&path)));
    let plan = plan::plan(&source).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let (next, done) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    thread::scope(|s| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            s.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds {
                        return;
                    }
                    let run = run::simulate(&plan, 0, seed, false, 1).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
                    assert_eq!((run.fault.as_deref(), run.flows[0].lost), (None, 0), "{file}, seed {seed}");
                    done.lock().expect("no thread panicked").push((seed, run.flows.into_iter().next()));
                }
            });
        }
    });
    let mut all = done.into_inner().expect("no thread panicked");
    all.sort_by_key(|a| a.0);
    all.into_iter().filter_map(|a| a.1).collect()
}

/// At least so many of the first `seeds` seeds cover the exact value, none with an interval wider than ±2 %.
fn holds(seeds: u64, at_least: usize) {
    let mut findings = Vec::new();
    let mut last: Option<(&str, Vec<FlowOutcome>)> = None;
    for (file, quantity, exact, measure) in queues() {
        if last.as_ref().is_none_or(|l| l.0 != file) {
            last = Some((file, flows(file, seeds)));
        }
        let all = last.as_ref().map_or(&[][..], |l| &l.1);
        let estimates: Vec<Estimate> = all.iter().map(measure).collect();
        let covered = estimates.iter().filter(|e| (e.value - exact).abs() <= e.margin).count();
        let widest = estimates.iter().map(|e| e.margin / e.value).fold(0.0, f64::max);
        let off = estimates.iter().map(|e| e.value).sum::<f64>() / seeds as f64 / exact - 1.0;
        println!(
            "{file:9} {quantity:4} exact {:.2} us: {covered} of {seeds} cover it, widest ±{:.2} %, all together {:+.3} %",
            exact / US,
            widest * 100.0,
            off * 100.0
        );
        if covered < at_least || widest > 0.02 {
            findings.push(format!("{file} {quantity}: {covered} of {seeds} cover it, widest ±{:.2} %", widest * 100.0));
        }
    }
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn queues_agree_with_theory() {
    let (seeds, at_least) = if cfg!(feature = "theory") { (100, 90) } else { (4, 3) };
    holds(seeds, at_least);
}
