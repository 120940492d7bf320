//! The timeline: commands at their times, through the same door as the setup.

use crate::{
    build::{Placed, step},
    diagnostic::Diagnostic,
    names::Names,
    source::Source,
    spec::Scenario,
};
use sim_core::time::Time;
use std::sync::Arc;

/// What is asked of one host at one time.
#[derive(Clone, Debug)]
pub struct Step {
    pub at: Time,
    pub host: usize,
    pub asked: Vec<Placed>,
    /// What the kernel refuses is noted, and the run goes on.
    pub may_fail: bool,
}

/// The scenario's steps in order of time; those of one time in the order of the file.
///
/// # Errors
/// Lines that are not of iproute2's language.
pub fn steps(source: &Arc<Source>, names: &Names, s: &Scenario) -> Result<Vec<Step>, Vec<Diagnostic>> {
    let (mut steps, mut bad) = (Vec::new(), Vec::new());
    for written in s.timeline.iter() {
        let Ok(at) = names.ns(&written.r#in) else { continue };
        match step(source, at, &written.run) {
            Ok(asked) => {
                let may_fail = written.may_fail.as_ref().is_some_and(|m| m.value);
                steps.push(Step { at: Time::ZERO + written.at.value.0, host: at.host, asked, may_fail });
            }
            Err(d) => bad.push(d),
        }
    }
    steps.sort_by_key(|s| s.at);
    if bad.is_empty() { Ok(steps) } else { Err(bad) }
}
