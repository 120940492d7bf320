//! Scenario files: the RON language, checks, plans, runs, verdicts.
pub mod check;
pub mod diagnostic;
pub mod iproute2;
pub mod load;
pub mod names;
pub mod outcome;
pub mod plan;
pub mod profile;
pub mod range;
pub mod read;
mod requests;
pub mod source;
pub mod spec;
pub mod tree;
pub mod values;
pub mod walk;
