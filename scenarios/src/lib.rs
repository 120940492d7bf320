//! Scenario files: the RON language, checks, plans, runs, verdicts.
pub mod diagnostic;
pub mod outcome;
pub mod source;
pub mod tree;
