//! Sends frames as they are, through a packet socket (`AF_PACKET`, `SOCK_RAW`).

use super::{
    Env, Next,
    flow::{self, Pace},
};
use crate::{
    kernel::{At, Cx, Errno, Kernel, dev, netdevice::IFF_UP, sock},
    packet::{
        Frame,
        frame::{ETH_HLEN, VLAN_HLEN},
    },
};
use sim_core::time::Time;
use std::sync::Arc;

/// `Frames(…)` of a scenario.
pub struct Frames {
    /// Number of the flow in the scenario, plus 1.
    pub flow: u32,
    /// The device that they leave by, by name.
    pub device: String,
    /// Each as it was written, and as it was read.
    pub frames: Arc<[(Box<[u8]>, Frame)]>,
    pub pace: Pace,
    done: usize,
    /// The meant time of the next frame.
    due: Option<Time>,
}

impl Frames {
    pub fn new(flow: u32, device: &str, frames: Arc<[(Box<[u8]>, Frame)]>, pace: Pace) -> Frames {
        Frames { flow, device: device.to_owned(), frames, pace, done: 0, due: None }
    }

    pub(super) fn step(&mut self, k: &mut Kernel, cx: &mut Cx, env: Env) -> Next {
        let frames = self.frames.clone();
        let Some((_, frame)) = frames.get(self.done) else { return Next::Done };
        let due = match self.due {
            Some(due) => due,
            None => self.pace.next(cx, self.done as u64),
        };
        self.due = Some(due);
        if due > cx.clock {
            return Next::Sleep(due);
        }
        flow::sent(cx, self.flow, due);
        if let Err(e) = self.packet_snd(k, cx, env, frame) {
            flow::failed(cx, self.flow, e);
        }
        (self.done, self.due) = (self.done + 1, None);
        Next::Again
    }

    /// `packet_snd` (DEV-9).
    ///
    /// # Errors
    /// ENODEV: no such device; ENETDOWN: it is down; EMSGSIZE: larger than its MTU, a header, and a tag if there is one,
    /// allow; ENOBUFS: thrown away below.
    fn packet_snd(&self, k: &mut Kernel, cx: &mut Cx, env: Env, frame: &Frame) -> Result<(), Errno> {
        let dev = k.dev_by_name(env.ns, &self.device).ok_or(Errno::ENODEV)?;
        let d = &k.devs[dev];
        if d.flags & IFF_UP == 0 {
            cx.work(At::Syscall);
            return Err(Errno::ENETDOWN);
        }
        let tag = if frame.is_tagged() { VLAN_HLEN } else { 0 };
        if frame.len() > d.mtu + ETH_HLEN + tag {
            cx.work(At::Syscall);
            return Err(Errno::EMSGSIZE);
        }
        let mut skb = cx.alloc();
        let id = skb.frame.id;
        skb.frame = Frame { id, ..frame.clone() };
        skb.meta.dev = dev;
        skb.meta.truesize = sock::truesize(frame.net_len());
        skb.meta.traced = cx.obs.follow == Some((self.flow, self.done as u32));
        cx.at(At::Syscall, &skb);
        if dev::dev_queue_xmit_result(k, cx, skb) { Err(Errno::ENOBUFS) } else { Ok(()) }
    }
}
