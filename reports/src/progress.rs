//! How far it is: a bar where somebody is looking, a line now and then in a log.

use std::{
    io::Write,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// A line in a log at most so often, and none before that.
const QUIET: Duration = Duration::from_secs(10);

/// Shows progress until dropped.
pub struct Progress<'w> {
    what: &'static str,
    bar: Option<ProgressBar>,
    done: AtomicUsize,
    /// The log, and when its last line was written.
    log: Mutex<(&'w mut (dyn Write + Send), Instant)>,
}

impl<'w> Progress<'w> {
    /// `what` is counted: "runs".
    pub fn new(what: &'static str, is_terminal: bool, log: &'w mut (dyn Write + Send)) -> Progress<'w> {
        let bar = is_terminal.then(|| {
            let bar = ProgressBar::new(0);
            // A template that does not parse would be seen by the test below; the plain bar will do then.
            let style = ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}, {elapsed}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("━╸ "));
            bar.set_message(what);
            bar
        });
        Progress { what, bar, done: AtomicUsize::new(0), log: Mutex::new((log, Instant::now())) }
    }

    /// `done` of `all` are done.
    pub fn at(&self, done: usize, all: usize) {
        if let Some(bar) = &self.bar {
            bar.set_length(all as u64);
            // Threads report in any order: a bar does not run backwards.
            bar.set_position(bar.position().max(done as u64));
            return;
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.1.elapsed() >= QUIET && done < all {
            log.1 = Instant::now();
            let _ = writeln!(log.0, "{done} of {all} {}", self.what);
        }
    }

    /// One more of `all` is done.
    pub fn one_more(&self, all: usize) {
        self.at(self.done.fetch_add(1, Ordering::Relaxed) + 1, all);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_parses() {
        assert!(ProgressStyle::with_template("{bar:40} {pos} of {len} {msg}, {elapsed}").is_ok());
    }

    #[test]
    fn a_log_stays_quiet_at_first_and_then_has_lines() {
        let mut log = Vec::new();
        let progress = Progress::new("runs", false, &mut log);
        progress.at(1, 3);
        progress.log.lock().unwrap().1 -= QUIET;
        progress.at(2, 3);
        progress.at(3, 3);
        drop(progress);
        assert_eq!(String::from_utf8(log).unwrap(), "2 of 3 runs\n");
    }
}
