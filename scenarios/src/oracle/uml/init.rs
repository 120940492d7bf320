//! The first process of such a kernel: this program, started by it. Jobs come in by one serial line, a line each; records
//! go out by another, and the first says that there is one.

use super::sys;
use crate::{oracle::netns, verify::job::Job};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process,
};

/// The hidden command of `onerouter`.
pub const COMMAND: &str = "uml-init";
/// Set in the environment by the kernel's command line: nobody else is to mount anything.
pub const GUARD: &str = "ONEROUTER_UML";
/// What the first line says: that jobs may come; that there is a record of so many bytes; why there is none.
pub const READY: &str = "@ready";
pub const RECORD: &str = "@record ";
pub const FAILED: &str = "@failed ";

const LINE: &str = "/dev/ttyS0";
const RECORDS: &str = "/dev/ttyS1";
const TEMPORARY: [&str; 2] = ["/run", "/tmp"];

/// The hidden command: jobs until the line ends, then the kernel ends.
///
/// # Errors
/// This is no such kernel; it can't be used.
pub fn serve() -> io::Result<()> {
    if process::id() != 1 || std::env::var_os(GUARD).is_none() {
        return Err(io::Error::other("this is for the first process of a kernel that `verify --oracle uml` started"));
    }
    let done = jobs();
    if let Err(e) = &done {
        // The console.
        eprintln!("onerouter: {e}");
    }
    sys::power_off()?;
    done
}

fn jobs() -> io::Result<()> {
    for (kind, at) in [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev")] {
        mount(kind, at)?;
    }
    for at in TEMPORARY.into_iter().filter(|at| Path::new(at).is_dir()) {
        mount("tmpfs", at)?;
    }
    fs::create_dir_all("/run/netns")?;
    // Tunnel drivers that are built in would give every new namespace devices of theirs.
    let _ = fs::write("/proc/sys/net/core/fb_tunnels_only_for_init_net", "1");
    let mut line = open(LINE)?;
    let mut records = open(RECORDS)?;
    let mut from = BufReader::new(line.try_clone()?);
    writeln!(line, "{READY}")?;
    let mut text = String::new();
    loop {
        text.clear();
        if from.read_line(&mut text)? == 0 {
            return Ok(());
        }
        // A process for each: it leaves its namespaces for good.
        match sys::fork()? {
            Some(pid) => sys::wait(pid)?,
            None => {
                let done = one(&text, &mut records);
                let said = done.map_or_else(|e| format!("{FAILED}{e}"), |n| format!("{RECORD}{n}"));
                writeln!(line, "{said}")?;
                sys::exit();
            }
        }
    }
}

fn mount(kind: &str, at: &str) -> io::Result<()> {
    match netns::sys::mount(kind, at, kind, 0) {
        // The kernel did that itself.
        Err(e) if e.kind() == io::ErrorKind::ResourceBusy => Ok(()),
        done => done.map_err(|e| io::Error::other(format!("{kind} on {at}: {e}"))),
    }
}

fn open(line: &str) -> io::Result<File> {
    let file = File::options().read(true).write(true).open(line)?;
    sys::raw(&file)?;
    Ok(file)
}

/// How long the record is.
fn one(job: &str, records: &mut File) -> io::Result<usize> {
    let job: Job = serde_json::from_str(job)?;
    let record = serde_json::to_vec(&netns::play_in(&job, netns::Ground::Guest))?;
    records.write_all(&record)?;
    sys::flushed(records)?;
    Ok(record.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_is_a_first_process() {
        // Whoever calls it by hand must not find anything mounted.
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(serve().is_err());
        assert_eq!(fs::read_to_string("/proc/self/mounts").unwrap(), mounts);
    }
}
