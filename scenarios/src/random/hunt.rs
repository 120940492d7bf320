//! Random worlds on a real kernel: draws, compares, and makes smaller what differs.

use super::{
    coverage::{Judged, Tally, judge},
    shrink,
    sketch::Sketch,
};
use crate::{
    diagnostic::Diagnostic,
    verify::{Comparison, Options, Verdict, compare, tiers::Difference},
};
use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Mutex, PoisonError},
    thread,
};

/// A batch of worlds.
#[derive(Clone, Copy, Debug)]
pub struct Hunt {
    pub seed: u64,
    /// Worlds that count.
    pub worlds: u64,
    /// Comparisons at once.
    pub jobs: usize,
    /// How often a smaller world is tried, for each that differs.
    pub budget: usize,
}

/// A counted world that does not agree.
#[derive(Debug)]
pub struct Found {
    pub number: u64,
    /// What there is to say of the world, and the smallest one that differs in the same way, as a scenario file with
    /// the difference in comments on top. The world itself if it is not the kernel that it differs from.
    pub comparison: Comparison,
    pub file: String,
}

/// What a batch gave.
#[derive(Debug, Default)]
pub struct Catch {
    pub tally: Tally,
    pub agreed: u64,
    pub differed: u64,
    pub unstable: u64,
    pub not_comparable: u64,
    /// In order of their numbers.
    pub found: Vec<Found>,
    /// Worlds that break a law of the simulator, or are no scenarios at all: number and what is wrong.
    pub faults: Vec<(u64, String)>,
}

/// Worlds that are drawn for each that counts, at most.
const DRAWS: u64 = 20;

/// Draws worlds until enough of them count, and compares each with a kernel: all once, many at a time; then those that
/// do not agree again, few at a time, on a machine that is as quiet as it gets. `told` is called after each comparison
/// that is final, with how many are done. The same worlds for the same seed, however many jobs there are.
pub fn hunt(h: Hunt, options: &Options, told: &(dyn Fn(u64) + Sync)) -> Catch {
    let deck = Mutex::new(Deck::default());
    let lock = || deck.lock().unwrap_or_else(PoisonError::into_inner);
    let ask = |number, world: &Sketch, options| {
        compare(&world.ron(), &name(h.seed, number), options)
            .map_err(|mistakes| mistakes.iter().map(|d: &Diagnostic| d.render(false)).collect::<String>())
    };
    let once = Options { tries: 1, ..*options };
    let first = || {
        loop {
            let Some((number, world)) = lock().draw(h) else { return };
            let found = ask(number, &world, &once);
            let mut deck = lock();
            match found {
                Ok(c) if !matches!(c.verdict, Verdict::Agrees(_)) => deck.again.push_back((number, world)),
                found => told(deck.settle(number, found.map(|c| (c, world.ron())))),
            }
        }
    };
    let again = || {
        loop {
            let Some((number, world)) = lock().again.pop_front() else { return };
            let found = ask(number, &world, options).map(|c| {
                let differs = matches!(c.verdict, Verdict::Differs(_));
                let file = if differs { smaller(&world, &c, options, h.budget) } else { world.ron() };
                (c, file)
            });
            told(lock().settle(number, found));
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    crew(h.jobs, &first);
    crew(h.jobs.min(cores), &again);
    let mut caught = deck.into_inner().unwrap_or_else(PoisonError::into_inner).caught;
    caught.found.sort_by_key(|f| f.number);
    caught.faults.sort();
    caught
}

/// So many threads do the same.
fn crew(jobs: usize, work: &(dyn Fn() + Sync)) {
    thread::scope(|s| {
        for _ in 0..jobs.max(1) {
            s.spawn(work);
        }
    });
}

/// The file that a world would have.
fn name(seed: u64, number: u64) -> String {
    format!("random-{seed}-{number}.ron")
}

/// Worlds not drawn yet, those to be compared again, and what became of the others.
#[derive(Default)]
struct Deck {
    next: u64,
    again: VecDeque<(u64, Sketch)>,
    caught: Catch,
}

impl Deck {
    /// The next world that counts.
    fn draw(&mut self, h: Hunt) -> Option<(u64, Sketch)> {
        while self.caught.tally.counted < h.worlds && self.next < h.worlds.saturating_mul(DRAWS) {
            let number = self.next;
            self.next += 1;
            let world = super::sketch(h.seed, number);
            match judge(&world) {
                Judged::Counted(outcome) => {
                    self.caught.tally.count(&world, &outcome);
                    return Some((number, world));
                }
                Judged::Uncounted(why) => self.caught.tally.redraw(why),
                Judged::Faulty(why) => self.caught.faults.push((number, why)),
            }
        }
        None
    }

    fn settle(&mut self, number: u64, found: Result<(Comparison, String), String>) -> u64 {
        let c = &mut self.caught;
        match found {
            Ok((comparison, file)) => {
                let sum = match comparison.verdict {
                    Verdict::Agrees(_) => &mut c.agreed,
                    Verdict::Differs(_) => &mut c.differed,
                    Verdict::Unstable => &mut c.unstable,
                    Verdict::NotComparable(_) => &mut c.not_comparable,
                };
                *sum += 1;
                if !matches!(comparison.verdict, Verdict::Agrees(_)) {
                    c.found.push(Found { number, comparison, file });
                }
            }
            Err(why) => {
                c.differed += 1;
                c.faults.push((number, why));
            }
        }
        c.agreed + c.differed + c.unstable + c.not_comparable
    }
}

/// What makes two differences the same one: tier, kind of place, kind of thing.
fn kind(d: &Difference) -> (u8, String, String) {
    let place = d.place.rsplit([' ', '/']).next().unwrap_or_default();
    // Of frames only that they differ: smaller worlds have other ones.
    let what = d.what.split([',', ' ']).next().unwrap_or_default();
    match d.tier {
        1 | 5 | 6 => (d.tier, String::new(), String::new()),
        _ if what == "counter" || what == "drops" => (d.tier, String::new(), d.what.clone()),
        _ => (d.tier, place.to_owned(), what.to_owned()),
    }
}

/// The smallest world that still differs in the way of the first difference, as a file.
fn smaller(world: &Sketch, c: &Comparison, options: &Options, budget: usize) -> String {
    let Some(first) = c.tiers.differences.first().map(kind) else { return world.ron() };
    let once = Options { tries: 1, ..*options };
    let mut last = c.clone();
    let (small, _) = shrink::shrink(world, budget, &mut |s| match compare(&s.ron(), "smaller.ron", &once) {
        Ok(c)
            if matches!(c.verdict, Verdict::Differs(_))
                && c.tiers.differences.first().map(kind).as_ref() == Some(&first) =>
        {
            last = c;
            true
        }
        _ => false,
    });
    let mut out = String::new();
    for d in last.tiers.differences.iter().take(6) {
        let line = |s: &str| s.replace('\n', " ");
        let _ = write!(out, "// T{} {}: {}\n//   kernel    {}\n", d.tier, d.place, d.what, line(&d.kernel));
        let _ = writeln!(out, "//   simulator {}", line(&d.simulator));
    }
    out + &small.ron()
}
