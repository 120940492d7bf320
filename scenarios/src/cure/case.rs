//! What became of a packet that did not do what it was sent for.

use crate::{run::Watched, walk};
use sim_core::time::Time;
use sim_models::{
    apps::flow::FlowStat,
    kernel::{
        At, DevId, NsId, Reason,
        observe::{Step, StepKind},
    },
    packet::Net,
    world::World,
};

/// A packet that was lost, or whose answer was, or that nobody answered.
pub struct Case<'w> {
    pub world: &'w World,
    /// Where it ended.
    pub host: usize,
    pub ns: NsId,
    pub dev: DevId,
    /// `None`: it arrived, and no answer was sent.
    pub reason: Option<Reason>,
    pub at: Option<At>,
    /// The flow wants answers.
    pub asks: bool,
    /// It is the answer that was lost; addresses are the answer's.
    pub is_answer: bool,
    pub src: u32,
    pub dst: u32,
    /// The bridge ports that packets came in by which it caused, as ARP requests: host and device.
    pub caused: Vec<(usize, DevId)>,
    /// When it was sent, and when it ended.
    pub born: Time,
    pub ended: Time,
}

impl<'w> Case<'w> {
    /// The case of the packet that was followed. `None`: nothing is wrong with it.
    pub(crate) fn of(watched: &'w Watched) -> Option<Case<'w>> {
        let (world, flow, asks) = (&watched.built.world, watched.flow, watched.asks);
        let frame = world.hosts.iter().find_map(|h| h.cx.obs.followed.as_ref());
        let (from, to) = match frame.map(|f| &f.net) {
            Some(Net::Ip4(ip, _)) => (ip.src, ip.dst),
            // It got no source address.
            _ => (0, watched.target?),
        };
        let mut steps = walk::steps(world, |_| true);
        let first = steps.first()?.1;
        let (main, born) = (first.frame, first.time);
        // What it caused itself, ARP and errors, is another matter; but the bridges that it came through may have
        // stopped it.
        let bridged = |(_, s): &&(usize, &Step)| {
            s.frame != main && s.tag.flow == 0 && matches!(s.what, StepKind::Hop { at: At::BrHandleFrame, .. })
        };
        let caused = steps.iter().filter(bridged).map(|(host, s)| (*host, s.dev)).collect();
        steps.retain(|(_, s)| s.frame == main || s.tag.flow as usize == flow + 1);
        let drop = |(_, s): &&(usize, &Step)| matches!(s.what, StepKind::Drop { .. });
        let lost = steps.iter().filter(drop).find(|(_, s)| s.frame == main);
        let lost = lost.or_else(|| steps.iter().find(drop));
        // Of a request the answer counts, which is another frame; copies that a bridge flooded may be lost.
        let read = |(_, s): &(usize, &Step)| matches!(s.what, StepKind::Delivered) && (s.frame != main || !asks);
        let delivered = steps.iter().any(read);
        let (sent, received) = counts(world, flow);
        let (host, step) = match lost {
            Some(lost) if !delivered => *lost,
            None if received < sent && !delivered => *steps.iter().rev().find(|(_, s)| s.frame == main)?,
            _ => return None,
        };
        let (reason, at) = match step.what {
            StepKind::Drop { reason, at } => (Some(reason), Some(at)),
            _ => (None, None),
        };
        let is_answer = step.frame != main || reason.is_none();
        let (src, dst) = if is_answer { (to, from) } else { (from, to) };
        let ns = world.hosts[host].kernel.devs.get(step.dev).map_or(NsId::ROOT, |d| d.ns);
        Some(Case {
            world,
            host,
            ns,
            dev: step.dev,
            reason,
            at,
            asks,
            is_answer,
            src,
            dst,
            born,
            ended: step.time,
            caused,
        })
    }

    /// "h1/root/eth0"
    pub fn place(&self) -> String {
        format!("{}/{}", self.tables(), self.dev_name())
    }

    /// "h1/root"
    pub fn tables(&self) -> String {
        super::path(self.world, self.host, self.ns)
    }

    /// The device that it was on.
    pub fn dev_name(&self) -> &str {
        let name = self.world.hosts[self.host].kernel.devs.get(self.dev).map(|d| d.name());
        name.unwrap_or("-")
    }

    /// "dropped IP_RPFILTER at h1/server/eth0"
    pub fn told(&self) -> String {
        let what = if self.is_answer { "the answer is " } else { "" };
        match self.reason {
            Some(reason) => format!("{what}dropped {} at {}", reason.name(), self.place()),
            None => format!("arrives at {}, no answer comes back", self.tables()),
        }
    }
}

/// How many messages of a flow were sent and came to their end.
pub fn counts(world: &World, flow: usize) -> (u64, u64) {
    let mut sum = FlowStat::default();
    world.hosts.iter().filter_map(|h| h.cx.obs.flows.get(flow)).for_each(|f| sum.merge(f));
    (sum.sent, sum.received)
}
