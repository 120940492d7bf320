//! The command `onerouter`.

use std::{io, process::ExitCode};

fn main() -> ExitCode {
    reports::cli::run(std::env::args_os(), &mut io::stdout(), &mut io::stderr())
}
