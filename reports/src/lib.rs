//! Reports: everything that people look at.
pub mod args;
pub mod cli;
pub mod counters;
pub mod csv;
pub mod dmesg;
pub mod escape;
pub mod figures;
pub mod html;
pub mod journey;
pub mod json;
pub mod names;
pub mod output;
pub mod paint;
pub mod plot;
mod progress;
pub mod report;
mod snapshots;
pub mod spread;
pub mod text;
pub mod topology;
pub mod units;
pub mod verify;
pub mod version;

#[cfg(test)]
mod fixture;
