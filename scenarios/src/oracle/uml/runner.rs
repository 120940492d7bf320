//! Several kernels at once: each job goes to one that has nothing to do, or to a new one.

use super::guest::{self, Guest};
use crate::verify::job::{Job, Missing, Record, What};
use std::{
    io,
    path::PathBuf,
    process::{Child, Command},
    sync::{Mutex, mpsc},
    thread,
    time::Duration,
};

/// Starts kernels and gives them jobs.
pub struct Runner {
    program: PathBuf,
    /// Kernels that stand still.
    idle: Mutex<Vec<Guest>>,
    /// To the thread that starts them. A kernel ends with the thread that started it.
    starter: Mutex<mpsc::Sender<Start>>,
}

type Start = (Command, mpsc::Sender<io::Result<Child>>);

/// Virtual time costs nothing: this is a matter of patience with what leaps over it, seconds.
pub const LIMIT_S: u64 = 3600;
/// Real time that a job may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);
/// Jobs that one kernel plays. With more than one some never end (`arp/many-addresses` behind `hello/veth`), and nobody
/// knows why yet; a boot takes half a second.
const JOBS: u32 = 1;

impl Default for Runner {
    /// With this program, if it is `onerouter`.
    fn default() -> Runner {
        Runner::new(std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe")))
    }
}

impl Runner {
    /// With `program` as the first process: `onerouter`, or one that knows its hidden command.
    pub fn new(program: PathBuf) -> Runner {
        let (starter, asked) = mpsc::channel::<Start>();
        thread::spawn(move || {
            for (mut command, answer) in asked {
                let _ = answer.send(command.spawn());
            }
        });
        Runner { program, idle: Mutex::new(Vec::new()), starter: Mutex::new(starter) }
    }

    /// Plays `job` in a kernel.
    ///
    /// # Errors
    /// Why it can't be played here.
    pub fn run(&self, job: &Job) -> Result<Record, Missing> {
        let text = serde_json::to_vec(job).map_err(|e| Missing::Oracle(e.to_string()))?;
        let record = self.exchange(&text, wants_its_own(job)).map_err(|e| Missing::Oracle(format!("uml: {e}")))?;
        serde_json::from_slice::<Result<Record, Missing>>(&record)
            .map_err(|e| Missing::Oracle(format!("uml: no record: {e}")))?
    }

    fn exchange(&self, job: &[u8], alone: bool) -> Result<Vec<u8>, String> {
        let waiting = if alone { None } else { self.idle.lock().ok().and_then(|mut i| i.pop()) };
        let mut guest = match waiting {
            Some(guest) => {
                guest.go_on().map_err(|e| e.to_string())?;
                guest
            }
            None => self.start()?,
        };
        let record = guest.play(job, PATIENCE)?;
        if !alone
            && guest.played < JOBS
            && guest.stop().is_ok()
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push(guest);
        }
        Ok(record)
    }

    fn start(&self) -> Result<Guest, String> {
        let (command, records) = guest::command(&self.program)?;
        let (answer, started) = mpsc::channel();
        let gone = || "nobody starts kernels any more".to_owned();
        self.starter.lock().map_err(|_| gone())?.send((command, answer)).map_err(|_| gone())?;
        let child = started.recv().map_err(|_| gone())?;
        Guest::boot(child.map_err(|e| format!("the kernel does not start: {e}"))?, records)
    }
}

/// What a job leaves behind in the kernel itself is nothing for the next one; what has run before it, nothing for one
/// that takes long enough to meet it.
fn wants_its_own(job: &Job) -> bool {
    const SHORT_NS: u64 = 4_000_000_000;
    let asks = job.setup.iter().chain(job.steps.iter().flat_map(|s| &s.asks));
    let mut asks = asks.map(|a| &a.what);
    job.end_ns > SHORT_NS || asks.any(|w| matches!(w, What::Sysctl { key, .. } if crate::verify::is_host_wide(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::job::{Ask, Step};

    #[test]
    fn a_job_that_changes_the_kernel_or_lasts_has_one_for_itself() {
        let sysctl = |key: &str| What::Sysctl { key: key.to_owned(), value: "64".to_owned() };
        let with = |what| Job {
            steps: vec![Step { at_ns: 0, asks: vec![Ask { host: 0, ns: "root".to_owned(), what }] }],
            ..Job::default()
        };
        assert!(!wants_its_own(&Job::default()));
        assert!(wants_its_own(&Job { end_ns: 300_000_000_000, ..Job::default() }));
        assert!(wants_its_own(&with(sysctl("net.ipv4.neigh.default.gc_thresh3"))));
        assert!(!wants_its_own(&with(sysctl("net.ipv4.ip_forward"))));
    }
}
