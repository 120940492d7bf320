//! `struct sk_buff`: a frame and what one kernel knows of it. Moved, never shared: a packet is in exactly one place.

use super::{netdevice::DevId, route::Dst, sock::SockId};
use crate::packet::Frame;
use std::ops::{Deref, DerefMut};

/// How a frame was addressed, seen from the device that received it (`eth_type_trans`, DEV-27).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum PktType {
    #[default]
    Host,
    Broadcast,
    Multicast,
    OtherHost,
    Outgoing,
    Loopback,
}

/// What one kernel knows of a frame. Never leaves the host.
#[derive(Clone, Debug)]
pub struct Meta {
    /// `skb->dev`: where the packet is; its namespace picks the tables.
    pub dev: DevId,
    /// `skb->skb_iif`: ifindex of the device it came in by, 0 if sent from here.
    pub iif: u32,
    /// `skb->sk`: the sending socket, until the next IP input (VETH-6).
    pub sock: Option<SockId>,
    /// `skb_dst`: the routing decision.
    pub dst: Option<Dst>,
    pub mark: u32,
    pub priority: u32,
    pub hash: u32,
    /// Bytes that the kernel accounts for this buffer (UDP-22, NEIGH-7).
    pub truesize: u32,
    /// When it began to wait where it waits now: picoseconds (the walk shows it).
    pub since: u64,
    pub gso_size: u16,
    pub gso_segs: u16,
    pub pkt_type: PktType,
    /// The walk follows this packet.
    pub traced: bool,
    /// `skb->ignore_df`.
    pub ignore_df: bool,
}

impl Default for Meta {
    fn default() -> Self {
        Meta {
            dev: DevId::NONE,
            iif: 0,
            sock: None,
            dst: None,
            mark: 0,
            priority: 0,
            hash: 0,
            truesize: 832,
            since: 0,
            gso_size: 0,
            gso_segs: 0,
            pkt_type: PktType::Host,
            traced: false,
            ignore_df: false,
        }
    }
}

/// A frame and its meta, in one box.
#[derive(Clone, Debug)]
#[repr(align(64))]
pub struct Buf {
    pub frame: Frame,
    pub meta: Meta,
}
const _: () = assert!(size_of::<Buf>() <= 256);

/// A packet inside a kernel.
#[must_use = "a packet is delivered, consumed, dropped with a reason, or kept somewhere: it can't just vanish"]
#[derive(Debug)]
pub struct SkBuff(pub(crate) Box<Buf>);

/// The same box on a wire: its meta is cleared, so nothing of one kernel reaches another.
#[must_use]
#[derive(Debug)]
pub struct Flying {
    buf: Box<Buf>,
    /// The walk follows it over the wire, too.
    pub traced: bool,
}

impl Deref for SkBuff {
    type Target = Buf;
    #[inline]
    fn deref(&self) -> &Buf {
        &self.0
    }
}
impl DerefMut for SkBuff {
    #[inline]
    fn deref_mut(&mut self) -> &mut Buf {
        &mut self.0
    }
}

impl SkBuff {
    /// Leaves the kernel for a wire.
    #[inline]
    pub fn fly(mut self) -> Flying {
        let traced = self.meta.traced;
        // The receiving NIC's buffers are taken to be as large as the sender's.
        self.0.meta = Meta { truesize: self.0.meta.truesize, ..Meta::default() };
        Flying { buf: self.0, traced }
    }
}

impl Flying {
    /// Comes off the wire into `dev`.
    #[inline]
    pub fn land(self, dev: DevId) -> SkBuff {
        let mut skb = SkBuff(self.buf);
        skb.meta.dev = dev;
        skb.meta.traced = self.traced;
        skb
    }
    pub fn frame(&self) -> &Frame {
        &self.buf.frame
    }
}

/// Free list: one per thread, since it has no effect on results.
#[derive(Default)]
#[allow(clippy::vec_box, reason = "the boxes themselves are what is recycled")]
pub struct Pool(Vec<Box<Buf>>);

impl Pool {
    #[inline]
    pub(crate) fn take(&mut self) -> Box<Buf> {
        self.0.pop().unwrap_or_else(|| Box::new(Buf { frame: Frame::blank(), meta: Meta::default() }))
    }
    #[inline]
    pub(crate) fn give(&mut self, b: Box<Buf>) {
        if self.0.len() < 65_536 {
            self.0.push(b);
        }
    }
}

impl sim_core::parallel::Spare for Pool {
    fn len(&self) -> usize {
        self.0.len()
    }
    fn halve(&mut self) -> Pool {
        Pool(self.0.split_off(self.0.len() / 2))
    }
    fn join(&mut self, mut other: Pool) {
        self.0.append(&mut other.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sizes that memory layout relies on; a change here is a decision.
    #[test]
    fn sizes() {
        eprintln!(
            "Frame {} Meta {} Buf {} Dst {}",
            size_of::<Frame>(),
            size_of::<Meta>(),
            size_of::<Buf>(),
            size_of::<Dst>()
        );
        assert!(size_of::<Buf>() <= 256);
        assert!(size_of::<Option<DevId>>() == 8, "DevId has a niche");
    }
}
