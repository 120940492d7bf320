//! The running kernel as oracle: fresh namespaces of a process of their own, in which nothing of the machine's is
//! touched and of which nothing is left when the process ends, however it ends.
//!
//! [`play`] plays a [`Job`](crate::verify::job::Job) in the current process; [`Runner`] starts one for it.

mod apply;
mod play;
mod programs;
mod runner;
mod spaces;
mod state;
#[allow(unsafe_code, reason = "the one place of the crate for system calls")]
mod sys;

pub use play::play;
pub use runner::{COMMAND, Runner, serve};
