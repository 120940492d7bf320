//! net/core/dev.c: the one way out of the stack and the one way in.

use super::{
    At, Cx, DevId, Kernel, PktType, Reason, SkBuff, arp, ip_input,
    route::In,
    shortcut::{self, Taken},
    sock::udp,
};
use crate::{
    cpu,
    drivers::{self, Kind},
    packet::{Mac, Net},
};

/// `eth_type_trans`: how the frame is addressed, seen from `mac` (DEV-27).
#[inline]
pub fn eth_type_trans(mac: Mac, dst: Mac) -> PktType {
    if dst == mac {
        PktType::Host
    } else if dst.is_multicast() {
        if dst == Mac::BROADCAST { PktType::Broadcast } else { PktType::Multicast }
    } else {
        PktType::OtherHost
    }
}

/// `__dev_queue_xmit`: gives a frame to `skb.dev`, through its qdisc or straight to the driver. The Ethernet header
/// is in place.
#[inline]
pub fn dev_queue_xmit(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::DevQueueXmit, &skb);
    let dev = skb.meta.dev;
    let d = &mut k.devs[dev];
    // DEV-18: down or without carrier, its qdisc is noop.
    if d.noop {
        d.stats.tx_dropped += 1;
        return cx.drop(k, skb, At::DevQueueXmit, Reason::QDISC_DROP);
    }
    if let Kind::Physical(nic) = &mut d.kind {
        if !nic.takes(cx.clock) {
            return drivers::phy::enqueue(k, cx, dev, skb);
        }
        if cx.obs.capture.is_some() {
            cx.obs.tap(k, cx.clock, dev, PktType::Outgoing, &skb);
            return drivers::phy::start_xmit(k, cx, dev, skb);
        }
        if let Some(skb) = drivers::phy::start_on(d, cx, skb) {
            cx.drop(k, skb, At::PhyXmit, Reason::DEV_DOWN);
        }
        return;
    }
    // DEV-20: devices on devices on devices.
    if k.xmit_depth >= 8 {
        k.devs[dev].stats.tx_dropped += 1;
        return cx.drop(k, skb, At::DevQueueXmit, Reason::NOT_SPECIFIED);
    }
    k.xmit_depth += 1;
    dev_hard_start_xmit(k, cx, dev, skb);
    k.xmit_depth -= 1;
}

/// [`dev_queue_xmit`] for who wants to know: was the frame thrown away on the way (`NET_XMIT_DROP`)? A noop qdisc does
/// not say so (`NET_XMIT_CN`).
pub fn dev_queue_xmit_result(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) -> bool {
    let before = std::mem::replace(&mut cx.xmit_dropped, false);
    dev_queue_xmit(k, cx, skb);
    std::mem::replace(&mut cx.xmit_dropped, before)
}

/// Taps, then the driver (DEV-21, 22).
#[inline]
pub fn dev_hard_start_xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
    cx.obs.tap(k, cx.clock, dev, PktType::Outgoing, &skb);
    drivers::xmit(k, cx, dev, skb);
}

/// `netif_rx`: queues a frame for `skb.dev` to this core's backlog (VETH-7, 8). False: dropped.
#[inline]
pub fn netif_rx(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) -> bool {
    cx.at(At::NetifRx, &skb);
    skb.meta.since = cx.clock.ps();
    let limit = k.max_backlog;
    let cpu = &mut k.cpus[cx.cpu as usize];
    if cpu.input_len() > limit as usize {
        cpu.dropped += 1;
        k.devs[skb.meta.dev].stats.rx_dropped += 1;
        cx.drop(k, skb, At::NetifRx, Reason::CPU_BACKLOG);
        return false;
    }
    if skb.meta.traced {
        let waiting = cpu.input_len();
        let c = cx.cpu;
        cx.note(&skb, || format!("backlog of cpu {c}: {waiting} of {limit} before it"));
    }
    cpu::enqueue_backlog(k, cx, skb);
    true
}

/// `__netif_receive_skb_core`: a frame has arrived on `skb.dev`. Taps, the VLAN device that its tag belongs to, the rx
/// handler, the protocol; inline, no queue (DEV-23).
#[inline]
pub fn netif_receive_skb(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    let d = &k.devs[skb.meta.dev];
    let rx = In { dev: skb.meta.dev, ns: d.ns, ifindex: d.ifindex, conf: d.conf };
    if let Some(handler) = d.rx_handler {
        if let Some(skb) = drivers::bridge::take(k, cx, handler, skb) {
            receive_core(k, cx, skb);
        }
        return;
    }
    if d.master.is_some() {
        return receive_core(k, cx, skb);
    }
    match shortcut::take(k, cx, &mut skb, rx) {
        Taken::Forward => dev_queue_xmit(k, cx, skb),
        Taken::Local => udp::udp_rcv(k, cx, skb),
        Taken::Socket(id) => udp::udp_rcv_to(k, cx, id, skb),
        Taken::Nowhere => receive_core(k, cx, skb),
    }
}

/// The long way.
fn receive_core(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    cx.at(At::NetifReceiveSkb, &skb);
    if skb.frame.is_tagged() {
        return receive_tagged(k, cx, skb);
    }
    let dev = skb.meta.dev;
    cx.obs.tap(k, cx.clock, dev, skb.meta.pkt_type, &skb);
    let d = &k.devs[dev];
    let mut rx = In { dev, ns: d.ns, ifindex: d.ifindex, conf: d.conf };
    skb.meta.iif = d.ifindex;
    if let Some(handler) = d.rx_handler {
        match drivers::rx(k, cx, handler, dev, skb) {
            Some(back) if back.meta.dev == dev => skb = back,
            Some(back) => return another_round(k, cx, back),
            None => return,
        }
        rx = In::by(k, dev);
    }
    deliver(k, cx, skb, rx);
}

/// By ethertype.
#[inline(always)]
fn deliver(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, rx: In) {
    if let Net::Ip4(..) = skb.frame.net {
        return ip_input::ip_rcv(k, cx, skb, rx);
    }
    other_protocol(k, cx, skb);
}

#[cold]
fn other_protocol(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    match skb.frame.net {
        Net::Arp(_) => arp::arp_rcv(k, cx, skb),
        Net::Raw(ref raw) if raw.ethertype == 0x0806 => arp::arp_rcv(k, cx, skb),
        Net::Raw(ref raw) => {
            let fault = raw.fault;
            ip_input::bad_header(k, cx, skb, fault);
        }
        Net::Stp(_) => drivers::bridge::br_stp_rcv(k, cx, skb),
        Net::Ip4(..) | Net::Other(_) | Net::Vlan(_) => {
            // DEV-24; the last tap has taken it, if there is one and no rx handler came in between.
            if k.tapped && k.devs[skb.meta.dev].rx_handler.is_none() {
                return cx.consume(skb);
            }
            k.devs[skb.meta.dev].stats.rx_dropped += 1;
            cx.drop(k, skb, At::NetifReceiveSkb, Reason::UNHANDLED_PROTO);
        }
    }
}

/// `RX_HANDLER_ANOTHER`: another device has received it.
#[cold]
fn another_round(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    netif_receive_skb(k, cx, skb);
}

/// The same for a frame with a tag: the VLAN device goes before the rx handler, and what nobody wants is another's.
#[cold]
fn receive_tagged(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    let dev = skb.meta.dev;
    skb.frame.pop_tag();
    cx.obs.tap(k, cx.clock, dev, skb.meta.pkt_type, &skb);
    skb.meta.iif = k.devs[dev].ifindex;
    let mut skb = match drivers::vlan::do_receive(k, cx, skb) {
        Ok(skb) => return another_round(k, cx, skb),
        Err(Some(back)) => back,
        Err(None) => return,
    };
    if let Some(handler) = k.devs[dev].rx_handler {
        match drivers::rx(k, cx, handler, dev, skb) {
            Some(back) if back.meta.dev == dev => skb = back,
            Some(back) => return another_round(k, cx, back),
            None => return,
        }
    }
    drivers::vlan::no_device(&mut skb);
    let rx = In::by(k, dev);
    deliver(k, cx, skb, rx);
}
