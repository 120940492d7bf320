//! One running kernel.

use super::{init, kernel, sys};
use crate::oracle::netns;
use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, Write},
    os::unix::fs::FileExt,
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    thread,
    time::Duration,
};

/// Real time that a boot may take on a busy machine.
const BOOT: Duration = Duration::from_secs(120);
/// Last words that are kept.
const WORDS: usize = 6;

/// A kernel that plays jobs; it ends with its owner.
pub struct Guest {
    child: Child,
    /// Where its records go: a pipe would be full again and again.
    records: File,
    to: ChildStdin,
    lines: Receiver<String>,
    said: Arc<Mutex<VecDeque<String>>>,
    /// Jobs that it has played.
    pub played: u32,
}

/// The command that starts a kernel with `program` as its first process, and the file that its records go to.
///
/// # Errors
/// There is no kernel, or the program's path can't be said on a kernel's command line.
pub fn command(program: &Path) -> Result<(Command, File), String> {
    let file = kernel::find()?;
    let path = program.to_str().filter(|p| !p.contains(char::is_whitespace));
    let path = path.ok_or_else(|| format!("the path {} has spaces", program.display()))?;
    let records = sys::memory().map_err(|e| format!("no file in memory: {e}"))?;
    let mut command = Command::new(file);
    command.args(["mem=256M", "rootfstype=hostfs", "rootflags=/", "rw", "quiet", "panic=-1"]);
    // Unsaid, these would be put behind the first process's own arguments.
    command.args(["root=98:0", "console=tty0"]);
    // Its kernel log goes to standard error, jobs come through a serial line, records go through another.
    command.args(["con=null", "con0=null,fd:2", "ssl=null", "ssl0=fd:0,fd:1"]);
    command.arg(format!("ssl1=null,fd:{}", sys::RECORDS));
    // Where it may make no folder, it leaves none.
    command.args(["uml_dir=/proc/self", "umid=none"]);
    command.args(["time-travel=inf-cpu", "time-travel-start=0"]);
    command.arg(format!("init={path}"));
    command.arg(format!("{}=1", init::GUARD));
    command.arg(format!("PATH={}", std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin:/usr/bin:/bin"));
    command.args(["--", init::COMMAND]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    netns::sys::tied(&mut command);
    sys::apart(&mut command, &records);
    Ok((command, records))
}

impl Guest {
    /// Takes a kernel that was just started.
    ///
    /// # Errors
    /// It does not come up: its last words.
    pub fn boot(mut child: Child, records: File) -> Result<Guest, String> {
        let gone = || "no pipe".to_owned();
        let to = child.stdin.take().ok_or_else(gone)?;
        let (out, err) = (child.stdout.take().ok_or_else(gone)?, child.stderr.take().ok_or_else(gone)?);
        let said = Arc::new(Mutex::new(VecDeque::new()));
        let keep = Arc::clone(&said);
        thread::spawn(move || lines(err, |line| remember(&keep, line)));
        let keep = Arc::clone(&said);
        let (tell, told) = channel();
        thread::spawn(move || {
            lines(out, |line| {
                // Before its line works, the kernel talks of itself there.
                if line.starts_with('@') {
                    let _ = tell.send(line);
                } else {
                    remember(&keep, line);
                }
            });
        });
        let mut guest = Guest { child, records, to, lines: told, said, played: 0 };
        match guest.next(BOOT) {
            Ok(line) if line == init::READY => Ok(guest),
            Ok(line) => Err(format!("it says {line}")),
            Err(why) => Err(why),
        }
    }

    fn next(&mut self, limit: Duration) -> Result<String, String> {
        self.lines.recv_timeout(limit).map_err(|e| match e {
            RecvTimeoutError::Timeout => format!("no answer for {} s", limit.as_secs()),
            RecvTimeoutError::Disconnected => {
                // Its last words may still be on their way.
                let _ = self.child.wait();
                thread::sleep(Duration::from_millis(50));
                let said = self.said.lock().map(|s| s.iter().cloned().collect::<Vec<_>>()).unwrap_or_default();
                format!("its kernel ended: {}", said.join(" / "))
            }
        })
    }

    /// One job, as text; its record.
    ///
    /// # Errors
    /// The kernel ended, or does not answer.
    pub fn play(&mut self, job: &[u8], limit: Duration) -> Result<Vec<u8>, String> {
        self.played += 1;
        // The kernel writes where this file stands.
        self.records.rewind().map_err(|e| e.to_string())?;
        // Where it has ended, its last words say more than this error.
        let _ = self.to.write_all(job).and_then(|()| self.to.write_all(b"\n")).and_then(|()| self.to.flush());
        let line = self.next(limit)?;
        if let Some(why) = line.strip_prefix(init::FAILED) {
            return Err(why.to_owned());
        }
        let len = line.strip_prefix(init::RECORD).and_then(|n| n.parse().ok());
        let mut record = vec![0; len.ok_or_else(|| format!("it says {line}"))?];
        self.records.read_exact_at(&mut record, 0).map_err(|e| format!("its record: {e}"))?;
        Ok(record)
    }

    /// It stands still from now on: with nothing to do it would leap through time.
    ///
    /// # Errors
    /// It has ended.
    pub fn stop(&self) -> io::Result<()> {
        sys::signal(self.child.id(), libc::SIGSTOP)
    }

    /// It goes on.
    ///
    /// # Errors
    /// It has ended.
    pub fn go_on(&self) -> io::Result<()> {
        sys::signal(self.child.id(), libc::SIGCONT)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn remember(said: &Mutex<VecDeque<String>>, line: String) {
    // Of a kernel's end the reason counts, not the stack.
    if line.contains("[<") || line.contains("Call Trace") {
        return;
    }
    if let Ok(mut said) = said.lock() {
        if said.len() == WORDS {
            said.pop_front();
        }
        said.push_back(line);
    }
}

/// Each line of what is read, without its end.
fn lines(from: impl Read, mut each: impl FnMut(String)) {
    let mut from = BufReader::new(from);
    let mut bytes = Vec::new();
    while from.read_until(b'\n', &mut bytes).is_ok_and(|n| n > 0) {
        let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
        bytes.clear();
        if !line.is_empty() {
            each(line);
        }
    }
}
