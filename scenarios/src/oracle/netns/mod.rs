//! The running kernel as oracle: fresh namespaces of a process of their own, in which nothing of the machine's is
//! touched and of which nothing is left when the process ends, however it ends.
//!
//! [`play`] plays a [`Job`](crate::verify::job::Job) in the current process; [`Runner`] starts one for it.

mod apply;
mod btf;
mod drops;
mod play;
mod programs;
mod runner;
mod spaces;
mod state;
#[allow(unsafe_code, reason = "the one place of the crate for system calls")]
pub(super) mod sys;
mod wheel;

pub use play::{Ground, play, play_in};
pub use runner::{COMMAND, Runner, serve};
