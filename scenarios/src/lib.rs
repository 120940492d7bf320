//! Scenario files: the RON language, checks, plans, runs, verdicts.
pub mod iproute2;
pub mod outcome;
pub mod walk;
