//! Many comparisons at once: they mostly wait.

use super::{Comparison, Options, Verdict, compare_point, job::Missing};
use crate::{diagnostic::Diagnostic, plan::Plan};
use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// One result of [`compare_all`].
pub type Compared = Result<Comparison, Vec<Diagnostic>>;

/// Compares every point of all plans, `jobs` at a time; results in the order of plans and points. What does not agree then
/// is tried once more alone, on a machine that is as quiet as it gets. `told` is called after each, with how many are
/// done and how many there are.
pub fn compare_all(
    plans: &[Plan],
    jobs: usize,
    options: &Options,
    told: &(dyn Fn(usize, usize) + Sync),
) -> Vec<Vec<Compared>> {
    let all: Vec<(usize, usize)> =
        plans.iter().enumerate().flat_map(|(i, p)| (0..p.points.len()).map(move |k| (i, k))).collect();
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let results: Mutex<Vec<Option<Compared>>> = Mutex::new(all.iter().map(|_| None).collect());
    let work = || {
        while let Some((i, (plan, point))) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, *all.get(i)?)))
        {
            let result = compare_point(&plans[plan], point, options);
            if let Ok(mut results) = results.lock() {
                results[i] = Some(result);
            }
            told(done.fetch_add(1, Ordering::Relaxed) + 1, all.len());
        }
    };
    thread::scope(|s| {
        for _ in 0..jobs.clamp(1, all.len().max(1)) {
            s.spawn(work);
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    for (result, (plan, point)) in results.iter_mut().zip(&all).filter(|_| jobs > 1) {
        let Some(Ok(first)) = result else { continue };
        let late = matches!(first.verdict, Verdict::NotComparable(Missing::Oracle(_)));
        if late || matches!(first.verdict, Verdict::Differs(_) | Verdict::Unstable) {
            let tries = first.tries;
            let alone =
                compare_point(&plans[*plan], *point, options).map(|c| Comparison { tries: c.tries + tries, ..c });
            *result = Some(alone);
        }
    }
    let mut results = results.into_iter().flatten();
    plans.iter().map(|p| results.by_ref().take(p.points.len()).collect()).collect()
}
