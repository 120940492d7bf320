//! Reports: everything that people look at.
pub mod escape;
pub mod figures;
pub mod names;
pub mod plot;
pub mod spread;
pub mod units;

#[cfg(test)]
mod fixture;
