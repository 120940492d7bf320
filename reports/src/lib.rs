//! Reports: everything that people look at.
pub mod args;
pub mod cli;
pub mod csv;
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
pub mod units;
pub mod verify;

#[cfg(test)]
mod fixture;
