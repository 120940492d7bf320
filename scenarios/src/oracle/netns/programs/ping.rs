//! `ping`, as iputils does it.

use super::{Next, Programs, calls::payload};
use crate::{
    oracle::netns::{spaces::Spaces, sys},
    verify::job::App,
};
use std::io;

/// What a ping remembers, to know when it is done; ns.
#[derive(Default)]
pub(super) struct Pinging {
    next: i64,
    last_send: i64,
    longest: i64,
    received: u64,
    errors: u64,
    /// When each request left.
    times: Vec<i64>,
}

impl Programs {
    pub(super) fn ping(&mut self, i: usize, spaces: &Spaces, clock: &dyn Fn() -> i64) -> io::Result<Next> {
        let flow = self.all[i].task.flow;
        let App::Ping { count, id, .. } = self.all[i].task.app else { return Ok(Next::Done) };
        if self.all[i].sock.is_none() {
            if let Err(e) = self.open(i, spaces)? {
                self.failed(flow, &e);
                return Ok(Next::Done);
            }
            self.all[i].ping.next = self.all[i].task.start_ns as i64;
            return Ok(Next::Again);
        }
        match self.read(i) {
            Some(Ok((n, _))) => {
                // The raw socket gives the IP header, too.
                let icmp = self.buffer[..n].get(20..).unwrap_or_default();
                if icmp.len() >= 8 && icmp[0] == 0 && icmp[4..6] == id.to_be_bytes() {
                    let seq = usize::from(u16::from_be_bytes([icmp[6], icmp[7]]));
                    let (now, p) = (clock(), &mut self.all[i].ping);
                    p.received += 1;
                    let sent = seq.checked_sub(1).and_then(|i| p.times.get(i)).copied().unwrap_or(now);
                    p.longest = p.longest.max(now - sent);
                    if let Some(f) = self.flow(flow) {
                        f.received += 1;
                    }
                }
                return Ok(Next::Again);
            }
            Some(Err(_)) => return Ok(Next::Again),
            None => {}
        }
        let mut about = [0; 8];
        let queued = self.all[i].sock.as_ref().map(|fd| sys::queued_error(fd, &mut about));
        if let Some(Ok(errno)) = queued {
            // Every raw socket hears of every ping's errors: iputils looks for its own.
            if about[4..6] != id.to_be_bytes() {
                return Ok(Next::Again);
            }
            self.all[i].ping.errors += 1;
            self.failed_with(flow, errno);
            return Ok(Next::Again);
        }
        let (now, p) = (clock(), &self.all[i]);
        if p.sent >= count {
            return Ok(self.ping_rests(i, now));
        }
        if now < p.ping.next {
            return Ok(Next::Wait(Some(p.ping.next)));
        }
        self.echo_request(i, now);
        Ok(Next::Again)
    }

    fn echo_request(&mut self, i: usize, now: i64) {
        let flow = self.all[i].task.flow;
        let App::Ping { dst, size, interval_ns, id, .. } = self.all[i].task.app else { return };
        let (seq, meant) = (self.all[i].sent as u32, self.all[i].ping.next);
        let packet = echo_request(id, (seq + 1) as u16, &payload(flow, seq, size));
        self.sent_late(flow, now - meant);
        let p = &mut self.all[i];
        p.sent += 1;
        p.ping.times.push(now);
        p.ping.last_send = now;
        // At the meant times: a late one does not make the others late.
        p.ping.next = meant + interval_ns as i64;
        let done = p.sock.as_ref().map(|fd| sys::send(fd, &packet, Some((dst, 0))));
        if let Some(Err(e)) = done {
            self.failed(flow, &e);
        }
    }

    /// All is sent: waits for the last answers as iputils does, then closes.
    fn ping_rests(&mut self, i: usize, now: i64) -> Next {
        let p = &mut self.all[i];
        let App::Ping { count, interval_ns, linger_ns, .. } = p.task.app else { return Next::Done };
        let wait = if p.ping.received > 0 { (p.ping.longest * 2).max(interval_ns as i64) } else { linger_ns as i64 };
        let end = p.ping.last_send + wait;
        if p.ping.received + p.ping.errors >= count || now >= end {
            p.sock = None;
            return Next::Done;
        }
        Next::Wait(Some(end))
    }
}

fn echo_request(id: u16, seq: u16, data: &[u8]) -> Vec<u8> {
    let mut p = vec![8, 0, 0, 0];
    p.extend(id.to_be_bytes());
    p.extend(seq.to_be_bytes());
    p.extend(data);
    let mut sum: u32 = p.chunks(2).map(|c| u32::from(c[0]) << 8 | u32::from(*c.get(1).unwrap_or(&0))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let sum = !(sum as u16);
    p[2..4].copy_from_slice(&sum.to_be_bytes());
    p
}
