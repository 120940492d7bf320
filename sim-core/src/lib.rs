//! The engine under onerouter: integer time, ordered alarms, named random streams, mergeable measures.
//!
//! Nothing in this crate knows what a network is. A *node* owns its alarms and its state; nodes talk only
//! by messages over *links* with a known least delay. Given the same nodes and the same streams, every run
//! takes the same steps in the same order, whatever the number of threads.
//!
//! | module | what |
//! |---|---|
//! | [`time`] | [`time::Time`], [`time::Span`], [`time::Rate`]: picoseconds and bits a second |
//! | [`units`] | the same as text, [`units::PerSecond`], [`units::Bytes`]; "1.5us", "10gbit", "10k/s" |
//! | [`queue`] | the pending alarms of one node, in an order that is a property of the data |
//! | [`engine`] | the loop over many nodes, with budgets |
//! | [`parallel`] | the same loop on several threads, with the same results |
//! | [`rng`], [`dist`] | named random streams; integer distributions |
//! | [`hist`], [`series`] | histograms and time series that merge exactly |
//! | [`batch`] | batch means, MSER-5: what a row of dependent values tells |
//! | [`digest`] | a stable 64-bit hash |

pub mod batch;
mod calendar;
pub mod digest;
pub mod dist;
pub mod engine;
pub mod hist;
pub mod parallel;
mod pending;
pub mod queue;
pub mod rng;
pub mod series;
pub mod time;
pub mod units;
