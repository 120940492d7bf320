//! Frames as they are.

use super::{Next, Programs};
use crate::{
    oracle::netns::{spaces::Spaces, sys},
    verify::job::App,
};
use sim_models::packet::raw;
use std::io;

impl Programs {
    pub(super) fn frames(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        let p = &self.all[i];
        let (flow, sent) = (p.task.flow, p.sent as usize);
        let App::Frames { device, frames, times } = &p.task.app else { return Ok(Next::Done) };
        let (Some(due), Some(frame)) = (times.get(sent).map(|t| *t as i64), frames.get(sent)) else {
            return Ok(Next::Done);
        };
        let now = clock();
        if due > now {
            return Ok(Next::Sleep(due));
        }
        let (device, bytes) = (device.clone(), raw::from_hex(frame).unwrap_or_default());
        if p.sock.is_none() {
            spaces.enter(p.task.host, &p.task.ns)?;
            // Protocol 0: it receives nothing.
            let fd = sys::socket(sys::AF_PACKET, libc::SOCK_RAW, 0)?;
            self.all[i].sock = Some(fd);
        }
        self.all[i].sent += 1;
        self.sent_late(flow, now - due);
        spaces.enter(self.all[i].task.host, &self.all[i].task.ns)?;
        let Some(fd) = &self.all[i].sock else { return Ok(Next::Done) };
        if let Err(e) = sys::send_frame(fd, &device, &bytes) {
            self.failed(flow, &e);
        }
        Ok(Next::Again)
    }
}
