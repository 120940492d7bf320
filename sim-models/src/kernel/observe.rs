//! Witnesses: they see everything and change nothing. Counts per hop and the ledger are always on; the walk's
//! recorder and the capture of frames exist only where someone asked for them.

use super::{At, DevId, Kernel, NsId, PktType, Reason, SkBuff};
use crate::packet::{Frame, FrameId, Tag};
use indexmap::IndexMap;
use sim_core::{
    digest::Digest,
    time::{Span, Time},
};

/// What became of all packets of a host. Balanced at the end of every run, in release builds, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Made here: sent, answered, cloned, fragmented.
    pub born: u64,
    /// Came off a wire; left by a wire.
    pub landed: u64,
    pub flown: u64,
    /// Read by a process.
    pub delivered: u64,
    /// Used up by the kernel itself: answered echo requests, ARP, taps.
    pub consumed: u64,
    pub dropped: u64,
    /// Became part of a larger packet.
    pub merged: u64,
}

/// Where and why packets were lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    pub reason: Reason,
    pub at: At,
    pub ns: NsId,
    pub dev: DevId,
}

/// How often, and who was first.
#[derive(Clone, Debug)]
pub struct Lost {
    pub count: u64,
    pub first: Time,
    pub first_frame: FrameId,
    pub first_tag: Tag,
    /// Names as they were at the first loss.
    pub ns: String,
    pub dev: String,
}

/// One line of a walk.
#[derive(Clone, Debug)]
pub struct Step {
    pub frame: FrameId,
    /// Which message of which flow it belongs to; flow 0: none, as ARP.
    pub tag: Tag,
    pub time: Time,
    /// Where the packet was (`skb->dev`).
    pub dev: DevId,
    pub what: StepKind,
}

#[derive(Clone, Debug)]
pub enum StepKind {
    /// A hop began; what it cost; which core.
    Hop { at: At, cost: Span, cpu: u32 },
    /// Something to say under the last hop; the request that made the table entry.
    Note { text: String, origin: Option<u32> },
    /// It came off a wire into the rx ring.
    Landed,
    /// An external switch sends it on: its first bit goes out at `begins`, the last has left at `left`.
    Switched { text: String, begins: Time, left: Time },
    /// Used up by the kernel itself.
    Consumed,
    /// A process has read it.
    Delivered,
    /// The packet was lost.
    Drop { at: At, reason: Reason },
}

/// Direction of a captured frame, as `sll_pkttype` gives it.
#[derive(Clone, Debug)]
pub struct Captured {
    pub time: Time,
    pub ns: NsId,
    pub dev: DevId,
    /// [`PktType::Outgoing`] for sent frames, else how it was addressed.
    pub pkt_type: PktType,
    pub frame: Frame,
}

/// All witnesses of one host.
// What every packet touches comes first, in as few cache lines as it fits.
#[repr(C)]
pub struct Observer {
    pub ledger: Ledger,
    /// Frames on every device in both directions, if asked for (`AF_PACKET` taps).
    pub capture: Option<Vec<Captured>>,
    /// The packet to follow: (flow number + 1, packet number).
    pub follow: Option<(u32, u32)>,
    /// What waits to be measured.
    pub(crate) messages: crate::apps::flow::Messages,
    pub hops: [u64; At::COUNT],
    pub digest: Digest,
    /// Bytes that each hop copied, for the bill.
    pub copied: [u64; At::COUNT],
    pub drops: IndexMap<Place, Lost>,
    /// Measures by flow number minus 1.
    pub flows: Vec<crate::apps::flow::FlowStat>,
    pub walk: Vec<Step>,
    /// The followed packet as it first reached a device.
    pub followed: Option<Frame>,
    /// Messages to follow besides, by flow number + 1 and the time they are born at, picoseconds; and the first frame
    /// of each. Their steps are told apart by [`Step::tag`].
    pub also: Vec<(u32, u64)>,
    pub also_followed: Vec<Frame>,
}

impl Default for Observer {
    fn default() -> Self {
        Observer {
            hops: [0; At::COUNT],
            copied: [0; At::COUNT],
            ledger: Ledger::default(),
            drops: IndexMap::new(),
            digest: Digest::default(),
            messages: crate::apps::flow::Messages::default(),
            flows: Vec::new(),
            follow: None,
            walk: Vec::new(),
            followed: None,
            also: Vec::new(),
            also_followed: Vec::new(),
            capture: None,
        }
    }
}

/// A walk is cut here: a packet in a routing loop or a storm would fill the memory.
const WALK_LIMIT: usize = 20_000;

impl Observer {
    /// Is this one of the messages to follow besides [`Observer::follow`]?
    #[inline]
    pub fn follows_too(&self, tag: &Tag) -> bool {
        !self.also.is_empty() && self.also.contains(&(tag.flow, tag.born))
    }

    /// Somebody looks at more than counters: frames on devices, or messages to be chosen.
    #[inline]
    pub(crate) fn looks_closely(&self) -> bool {
        self.capture.is_some() || !self.also.is_empty()
    }

    pub(super) fn hop(&mut self, at: At, time: Time, cost: Span, cpu: u32, skb: &SkBuff) {
        self.step(time, skb, StepKind::Hop { at, cost, cpu });
    }

    pub(super) fn note(&mut self, time: Time, skb: &SkBuff, text: String, origin: Option<u32>) {
        self.step(time, skb, StepKind::Note { text, origin });
    }

    pub(crate) fn step(&mut self, time: Time, skb: &SkBuff, what: StepKind) {
        let complete = matches!(what, StepKind::Hop { at: At::IpOutput, .. });
        if complete && self.followed.is_none() && skb.frame.payload.tag.flow != 0 {
            self.followed = Some(skb.frame.clone());
        }
        if complete && !self.also.is_empty() {
            let tag = skb.frame.payload.tag;
            if self.follows_too(&tag) && self.also_followed.iter().all(|f| f.payload.tag != tag) {
                self.also_followed.push(skb.frame.clone());
            }
        }
        if self.walk.len() < WALK_LIMIT {
            let (frame, tag) = (skb.frame.id, skb.frame.payload.tag);
            self.walk.push(Step { frame, tag, time, dev: skb.meta.dev, what });
        }
    }

    #[cold]
    pub(super) fn dropped(&mut self, k: &Kernel, time: Time, skb: &SkBuff, at: At, why: Reason) {
        self.ledger.dropped += 1;
        let dev = skb.meta.dev;
        let ns = k.devs.get(dev).map_or(NsId::ROOT, |d| d.ns);
        self.digest.absorb(why as u64);
        self.digest.absorb(time.ps());
        let lost = self.drops.entry(Place { reason: why, at, ns, dev }).or_insert_with(|| Lost {
            count: 0,
            first: time,
            first_frame: skb.frame.id,
            first_tag: skb.frame.payload.tag,
            ns: k.net(ns).name.clone(),
            dev: k.devs.get(dev).map_or_else(|| "-".to_owned(), |d| d.name().to_owned()),
        });
        lost.count += 1;
        if skb.meta.traced {
            self.step(time, skb, StepKind::Drop { at, reason: why });
        }
    }

    /// A tap on `dev` sees the frame. `AF_PACKET` passes over a broadcast's copy to its sender (`packet_rcv`).
    #[inline]
    pub fn tap(&mut self, k: &Kernel, time: Time, dev: DevId, pkt_type: PktType, skb: &SkBuff) {
        if self.capture.is_some() && pkt_type != PktType::Loopback {
            self.captured(k, time, dev, pkt_type, skb);
        }
    }

    #[cold]
    fn captured(&mut self, k: &Kernel, time: Time, dev: DevId, pkt_type: PktType, skb: &SkBuff) {
        let ns = k.devs[dev].ns;
        if let Some(all) = &mut self.capture {
            all.push(Captured { time, ns, dev, pkt_type, frame: skb.frame.clone() });
        }
    }
}
