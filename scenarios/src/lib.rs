//! Scenario files: the RON language, checks, plans, runs, verdicts.
pub mod diagnostic;
pub mod outcome;
pub mod range;
pub mod read;
pub mod source;
pub mod spec;
pub mod tree;
pub mod values;
