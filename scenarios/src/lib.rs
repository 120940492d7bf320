//! Scenario files: the RON language, checks, plans, runs, verdicts.
pub mod outcome;
pub mod walk;
