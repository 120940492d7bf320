//! Gold traces of the repository, and the simulator beside them.

use crate::{sim, source};
use scenarios::{
    plan,
    source::Source,
    verify::{
        gold::{self, Gold},
        tiers::Tiers,
    },
};
use std::sync::Arc;

/// The files, sorted.
pub fn files() -> Vec<String> {
    source::files().into_iter().filter(|f| f.starts_with("tests/gold/") && f.ends_with(".json")).collect()
}

/// All of them.
///
/// # Panics
/// One is none.
pub fn all() -> Vec<Gold> {
    files().iter().map(|f| gold::read(&sim::file(f)).unwrap_or_else(|e| panic!("{f}: {e}"))).collect()
}

/// Point by point: how far the simulator agrees.
///
/// # Panics
/// The scenario can't be read.
pub fn compared(g: &Gold) -> Vec<(String, Result<Tiers, String>)> {
    // By its whole path: it may name files beside it.
    let path = source::root().join(&g.scenario);
    let source = Source::read(&path).unwrap_or_else(|d| panic!("{}", sim::shown(&[d])));
    let source = Arc::new(source);
    let plan = plan::plan(&source).unwrap_or_else(|d| panic!("{}", sim::shown(&d)));
    let point = |(i, p): (usize, &gold::Point)| {
        let now = plan.points.get(i).filter(|now| now.label == p.label);
        let tiers = match now {
            Some(_) => gold::check(&plan, i, p, (&g.oracle, &g.kernel)),
            None => Err("the scenario has no such point any more".to_owned()),
        };
        (p.label.clone(), tiers)
    };
    g.points.iter().enumerate().map(point).collect()
}
