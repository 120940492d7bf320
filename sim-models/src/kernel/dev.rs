//! net/core/dev.c. (stub)
use super::{Cx, Kernel, SkBuff};

/// Gives a frame to `skb.dev`: its qdisc, or straight to the driver. The Ethernet header is in place.
pub fn dev_queue_xmit(_k: &mut Kernel, _cx: &mut Cx, _skb: SkBuff) {
    unimplemented!()
}
/// A frame has arrived on `skb.dev`: taps, rx handler of its master, protocol. Inline, no queue.
pub fn netif_receive_skb(_k: &mut Kernel, _cx: &mut Cx, _skb: SkBuff) {
    unimplemented!()
}
/// Queues a frame for `skb.dev` to this core's backlog. False: dropped (backlog full, device not running).
pub fn netif_rx(_k: &mut Kernel, _cx: &mut Cx, _skb: SkBuff) -> bool {
    unimplemented!()
}

/// `eth_type_trans`: how the frame is addressed, seen from `mac` (DEV-27).
#[inline]
pub fn eth_type_trans(mac: crate::packet::Mac, dst: crate::packet::Mac) -> super::PktType {
    use super::PktType;
    if dst == mac {
        PktType::Host
    } else if dst.is_multicast() {
        if dst == crate::packet::Mac::BROADCAST { PktType::Broadcast } else { PktType::Multicast }
    } else {
        PktType::OtherHost
    }
}
