//! Attempts to connect, one after the other.

use super::{Next, Programs};
use crate::{
    oracle::netns::{spaces::Spaces, sys},
    verify::job::App,
};
use std::io;

impl Programs {
    pub(super) fn tcp(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        let flow = self.all[i].task.flow;
        let App::Connect { to, wait_ns, ref times, .. } = self.all[i].task.app else { return Ok(Next::Done) };
        let sent = self.all[i].sent as usize;
        if self.all[i].sock.is_none() {
            let Some(due) = times.get(sent).map(|t| *t as i64) else { return Ok(Next::Done) };
            let now = clock();
            if due > now {
                return Ok(Next::Sleep(due));
            }
            self.all[i].sent += 1;
            self.sent_late(flow, now - due);
            self.all[i].give_up = now.saturating_add(i64::try_from(wait_ns).unwrap_or(i64::MAX));
            if let Err(e) = self.open(i, spaces)? {
                return Ok(self.refused(i, flow, &e));
            }
        }
        let Some(fd) = &self.all[i].sock else { return Ok(Next::Done) };
        // Asked once more, the kernel tells what has become of it.
        match sys::connect(fd, to) {
            Ok(()) => {
                self.all[i].sock = None;
                Ok(Next::Again)
            }
            Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => {
                self.poll.add(fd, i as u64)?;
                Ok(Next::Again)
            }
            Err(e) if e.raw_os_error() == Some(libc::EALREADY) => {
                let end = self.all[i].give_up;
                if clock() >= end {
                    self.all[i].sock = None;
                    return Ok(Next::Again);
                }
                Ok(Next::Wait(Some(end)))
            }
            Err(e) => Ok(self.refused(i, flow, &e)),
        }
    }

    fn refused(&mut self, i: usize, flow: u32, e: &io::Error) -> Next {
        self.failed(flow, e);
        if e.raw_os_error() == Some(libc::ECONNREFUSED)
            && let Some(f) = self.flow(flow)
        {
            f.received += 1;
        }
        self.all[i].sock = None;
        Next::Again
    }
}
