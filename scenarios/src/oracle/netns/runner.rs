//! A process for each job: this program again, with a hidden command, the job on its standard input and the record on
//! its standard output.

use super::{play, sys};
use crate::verify::job::{Job, Missing, Record};
use std::{
    ffi::OsString,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How to start the process that plays a job.
#[derive(Clone, Debug)]
pub struct Runner {
    pub program: PathBuf,
    pub args: Vec<OsString>,
    /// The longest scenario, seconds.
    pub limit_s: u64,
}

/// The hidden command of `onerouter`.
pub const COMMAND: &str = "netns-play";
/// Nobody waits longer for one scenario, seconds.
pub const LIMIT_S: u64 = 20;
/// So much longer than the scenario a job may take.
const PATIENCE: Duration = Duration::from_secs(30);

impl Default for Runner {
    /// This program, if it is `onerouter`.
    fn default() -> Runner {
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("/proc/self/exe"));
        Runner { program, args: vec![COMMAND.into()], limit_s: LIMIT_S }
    }
}

impl Runner {
    /// Plays `job` in a process of its own.
    ///
    /// # Errors
    /// Why it can't be played here.
    pub fn run(&self, job: &Job) -> Result<Record, Missing> {
        let text = serde_json::to_vec(job).map_err(|e| Missing::Oracle(e.to_string()))?;
        let limit = PATIENCE + Duration::from_nanos(job.end_ns);
        let answer = self.exchange(&text, limit).map_err(|e| Missing::Oracle(format!("netns: {e}")))?;
        serde_json::from_slice(&answer)
            .map_err(|e| Missing::Oracle(format!("netns: its process gave no record: {e}")))?
    }

    fn exchange(&self, job: &[u8], limit: Duration) -> io::Result<Vec<u8>> {
        let mut command = Command::new(&self.program);
        command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = sys::tied(&mut command).spawn()?;
        let (to, from) = (child.stdin.take(), child.stdout.take());
        if let Some(mut to) = to {
            // Whoever does not want to read it will not answer either.
            let _ = to.write_all(job);
        }
        let (tell, told) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut bytes = Vec::new();
                let read = from.map_or(Ok(0), |mut f| f.read_to_end(&mut bytes));
                let _ = tell.send(read.map(|_| bytes));
            });
            let answer = told.recv_timeout(limit);
            // Without an answer in time it is killed, and the reader finds the end.
            if answer.is_err() {
                child.kill()?;
            }
            child.wait()?;
            answer.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut)))
        })
    }
}

/// The hidden command: a job from standard input, its record to standard output.
///
/// # Errors
/// Either can't be used.
pub fn serve() -> io::Result<()> {
    let mut text = Vec::new();
    io::stdin().read_to_end(&mut text)?;
    let job: Job = serde_json::from_slice(&text)?;
    let record = play::play(&job);
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, &record)?;
    out.flush()
}
