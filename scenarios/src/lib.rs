//! Scenario files: the RON language, checks, plans, runs, verdicts.
//!
//! Order of work: [`load`] (every mistake of a file at once) → [`plan`] (sweep × seeds) → [`build`] (requests through
//! the kernel's one door, which may refuse) → [`run`] → [`expect`] (verdicts).

pub mod ask;
pub mod build;
pub mod campaign;
pub mod check;
pub mod cure;
pub mod diagnostic;
pub mod expect;
pub mod followed;
pub mod iproute2;
pub mod load;
pub mod names;
#[cfg(target_os = "linux")]
pub mod oracle;
pub mod outcome;
pub mod plan;
pub mod profile;
pub mod random;
pub mod range;
pub mod read;
mod requests;
pub mod run;
pub mod script;
pub mod snapshot;
pub mod source;
pub mod spec;
pub mod state;
pub mod steps;
pub mod topology;
pub mod trace;
pub mod traffic;
pub mod tree;
pub mod values;
pub mod verify;
pub mod walk;
mod warmup;

#[cfg(test)]
mod tests;

use diagnostic::{Diagnostic, arrange};
use plan::Plan;
use rayon::prelude::*;
use source::Source;
use std::{path::PathBuf, sync::Arc};

/// What `check` found.
#[derive(Debug, Default)]
pub struct CheckReport {
    pub files: Vec<Checked>,
    /// Sorted by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// A file without a mistake.
#[derive(Debug)]
pub struct Checked {
    pub path: String,
    pub title: String,
    /// Points of its sweep, and runs with all seeds.
    pub points: usize,
    pub runs: usize,
}

/// Reads every scenario under `paths` and plans its runs.
///
/// # Errors
/// Every mistake of every file, sorted by place.
pub fn plans(paths: &[PathBuf]) -> Result<Vec<Plan>, Vec<Diagnostic>> {
    let (plans, mistakes) = read_all(paths);
    if mistakes.is_empty() { Ok(plans) } else { Err(mistakes) }
}

fn read_all(paths: &[PathBuf]) -> (Vec<Plan>, Vec<Diagnostic>) {
    let files = match load::files(paths) {
        Ok(files) => files,
        Err(mistakes) => return (Vec::new(), mistakes),
    };
    let read = |path: &PathBuf| Source::read(path).map_err(|d| vec![d]).and_then(|s| plan::plan(&Arc::new(s)));
    let results: Vec<Result<Plan, Vec<Diagnostic>>> = files.par_iter().map(read).collect();
    let (mut plans, mut mistakes) = (Vec::new(), Vec::new());
    for r in results {
        match r {
            Ok(plan) => plans.push(plan),
            Err(bad) => mistakes.extend(bad),
        }
    }
    arrange(&mut mistakes);
    (plans, mistakes)
}

/// Reads every scenario under `paths`, and builds the world of each point without running it. Exit code 2 if there is
/// a diagnostic, else 0.
pub fn check(paths: &[PathBuf]) -> CheckReport {
    let (plans, mut diagnostics) = read_all(paths);
    let refused: Vec<Vec<Diagnostic>> = plans.par_iter().map(run::try_build).collect();
    let mut files = Vec::new();
    for (plan, refused) in plans.into_iter().zip(refused) {
        if refused.is_empty() {
            let points = plan.points.len();
            files.push(Checked {
                path: plan.source.path.clone(),
                title: plan.title,
                points,
                runs: points * plan.seeds.len(),
            });
        }
        diagnostics.extend(refused);
    }
    arrange(&mut diagnostics);
    CheckReport { files, diagnostics }
}
