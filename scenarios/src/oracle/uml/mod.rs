//! A kernel that runs as an ordinary process (User Mode Linux) as oracle: no root, every device type that it was built
//! with, limits that nobody else shares, and virtual time. In it this very program is the first process, seen through
//! the host's files, and plays jobs as the `netns` oracle does.
//!
//! Time there stands still while anything works and leaps while nothing does. So a job takes as long as its work,
//! whatever its timers; a timer rings to the tick; two runs are alike.
//!
//! [`Runner`] starts such kernels and gives them jobs; [`serve`] is their first process.

mod guest;
mod init;
mod kernel;
mod runner;
#[allow(unsafe_code, reason = "system calls of a kernel's first process, and of whoever stops and starts a kernel")]
mod sys;

pub use init::{COMMAND, serve};
pub use kernel::{BUILD, VARIABLE};
pub use runner::{LIMIT_S, Runner};
