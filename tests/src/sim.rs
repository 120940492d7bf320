//! Scenarios from text, run in the test itself.

use scenarios::{build, diagnostic::Diagnostic, load, names::Names, outcome::RunOutcome, plan, profile, run};
use scenarios::{plan::Plan, source::Source, traffic};
use sim_models::world::World;
use std::{path::PathBuf, sync::Arc};

/// All diagnostics as the terminal shows them, without colour.
pub fn shown(all: &[Diagnostic]) -> String {
    all.iter().map(|d| format!("{}\n", d.render(false))).collect()
}

/// Every scenario file of the catalogue, sorted.
///
/// # Panics
/// The catalogue can't be read.
pub fn catalogue() -> Vec<PathBuf> {
    let folder = crate::source::root().join("scenarios");
    load::files(&[folder]).unwrap_or_else(|d| panic!("{}", shown(&d)))
}

/// The text of a file of the repository.
///
/// # Panics
/// There is no such file.
pub fn file(path: &str) -> String {
    crate::source::text(path).unwrap_or_else(|| panic!("no file {path}"))
}

/// Reads a scenario and plans its runs.
///
/// # Panics
/// It has mistakes.
pub fn plan(text: &str) -> Plan {
    let source = Arc::new(Source::new("test.ron", text.to_owned()));
    plan::plan(&source).unwrap_or_else(|d| panic!("{}", shown(&d)))
}

/// Runs the first point of a scenario.
///
/// # Panics
/// It has mistakes, or a kernel refuses something.
pub fn outcome(text: &str, seed: u64) -> RunOutcome {
    run::simulate(&plan(text), 0, seed, true, 1).unwrap_or_else(|d| panic!("{}", shown(&d)))
}

/// Builds the world of a scenario without a sweep and starts its traffic; time 0 is now.
///
/// # Panics
/// It has mistakes, or a kernel refuses something.
pub fn world(text: &str, seed: u64) -> World {
    let source = Arc::new(Source::new("test.ron", text.to_owned()));
    let (scenario, _, mistakes) = load::understand(&source);
    let Some(scenario) = scenario.filter(|_| mistakes.is_empty()) else { panic!("{}", shown(&mistakes)) };
    let costs = profile::load(scenario.profile_name()).unwrap_or_else(|e| panic!("{e}"));
    let built = build::build(&source, &scenario, costs, seed).unwrap_or_else(|d| panic!("{}", shown(&d)));
    let mut world = built.world;
    traffic::start(&Names::new(&scenario), &scenario, &mut world);
    world
}
