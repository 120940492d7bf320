//! net/ipv4/ip_input.c: the header is checked, the way is found, local packets go up.

use super::{
    At, Cx, Kernel, PktType, Reason, SkBuff, boot, icmp, ip_forward,
    mib::M,
    route::{self, Dst, DstKind, In},
    shortcut, sock,
};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::{
    Net,
    frame::{IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_UDP},
    raw::Fault,
};

/// `ip_rcv`, `ip_rcv_core` and `ip_rcv_finish` (IP-1 to 7) of a well-formed header; see [`bad_header`] for others.
#[inline]
pub(super) fn ip_rcv(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, rx: In) {
    cx.at(At::IpRcv, &skb);
    if skb.meta.pkt_type == PktType::OtherHost {
        k.devs[rx.dev].cold.rx_otherhost_dropped += 1;
        return cx.drop(k, skb, At::IpRcv, Reason::OTHERHOST);
    }
    let Some(ip) = skb.frame.ip4() else {
        return cx.drop(k, skb, At::IpRcv, Reason::NOT_SPECIFIED);
    };
    let len = u64::from(ip.len);
    let ecn = ecn(ip.tos);
    let mib = &mut k.net_mut(rx.ns).mib;
    mib[M::IpInReceives] += 1;
    mib[M::IpExtInOctets] += len;
    mib[ecn] += 1;
    // IP-6: orphaned here (VETH-6). PRE_ROUTING would be called at this point.
    skb.meta.sock = None;
    let dst = match skb.meta.dst {
        Some(dst) => dst,
        None => match route::ip_route_input(k, cx, &mut skb, rx) {
            Ok(dst) => dst,
            Err(reason) => return martian(k, cx, skb, rx, reason),
        },
    };
    // A packet on its way through carries its decision along as an argument; who keeps it writes it down.
    if dst.kind == DstKind::Unicast {
        return ip_forward::ip_forward(k, cx, skb, dst, rx);
    }
    skb.meta.dst = Some(dst);
    if dst.kind == DstKind::Local {
        shortcut::learn(k, cx, &skb, rx, dst, None);
        return ip_local_deliver(k, cx, skb);
    }
    unusual(k, cx, skb, dst, rx, len);
}

/// `ip_rcv_core` of a header with a fault (IP-2 to 5).
#[cold]
pub(super) fn bad_header(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, fault: Fault) {
    cx.at(At::IpRcv, &skb);
    let dev = skb.meta.dev;
    if skb.meta.pkt_type == PktType::OtherHost {
        k.devs[dev].cold.rx_otherhost_dropped += 1;
        return cx.drop(k, skb, At::IpRcv, Reason::OTHERHOST);
    }
    let tos = match &skb.frame.net {
        Net::Raw(raw) => raw.bytes.get(1).copied().unwrap_or(0),
        _ => 0,
    };
    let mib = &mut k.net_of(dev).mib;
    mib[M::IpInReceives] += 1;
    mib[M::IpExtInOctets] += u64::from(skb.frame.net_len());
    if fault != Fault::IpHeader {
        mib[ecn(tos)] += 1;
    }
    let reason = match fault {
        Fault::IpTruncated => {
            mib[M::IpExtInTruncatedPkts] += 1;
            Reason::PKT_TOO_SMALL
        }
        Fault::IpSum => {
            mib[M::IpExtInCsumErrors] += 1;
            mib[M::IpInHdrErrors] += 1;
            Reason::IP_CSUM
        }
        Fault::IpHeader | Fault::IpLength | Fault::Arp | Fault::ArpShort => {
            mib[M::IpInHdrErrors] += 1;
            Reason::IP_INHDR
        }
    };
    cx.drop(k, skb, At::IpRcv, reason);
}

/// The counter of packets with this ECN field.
#[inline]
pub(super) fn ecn(tos: u8) -> M {
    match tos & 3 {
        0 => M::IpExtInNoECTPkts,
        1 => M::IpExtInECT1Pkts,
        2 => M::IpExtInECT0Pkts,
        _ => M::IpExtInCEPkts,
    }
}

#[cold]
fn martian(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, rx: In, reason: Reason) {
    if reason == Reason::IP_RPFILTER {
        k.net_mut(rx.ns).mib[M::TcpExtIPReversePathFilter] += 1;
    }
    if let Some((dst, src)) = skb.frame.ip4().map(|ip| (ip.dst, ip.src)) {
        boot::martian(k, cx, &skb, rx.dev, (dst, src), reason);
    }
    let reason = if mutated(Mutation::DropReasonWrong) { Reason::NOT_SPECIFIED } else { reason };
    cx.drop(k, skb, At::IpRcv, reason);
}

#[cold]
fn unusual(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst, rx: In, len: u64) {
    let mib = &mut k.net_mut(rx.ns).mib;
    match dst.kind {
        DstKind::Broadcast => {
            mib[M::IpExtInBcastPkts] += 1;
            mib[M::IpExtInBcastOctets] += len;
        }
        DstKind::Multicast => {
            mib[M::IpExtInMcastPkts] += 1;
            mib[M::IpExtInMcastOctets] += len;
        }
        DstKind::Error(errno) => return ip_forward::ip_error(k, cx, skb, errno, rx),
        DstKind::Unicast | DstKind::Local => {}
    }
    ip_local_deliver(k, cx, skb);
}

/// `ip_local_deliver` (IP-8). LOCAL_IN would be called here.
fn ip_local_deliver(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::IpLocalDeliver, &skb);
    if skb.frame.ip4().is_some_and(|ip| ip.is_fragment()) {
        match super::ip_defrag::ip_defrag(k, cx, skb) {
            Some(whole) => ip_local_deliver_finish(k, cx, whole),
            None => return,
        }
        return;
    }
    ip_local_deliver_finish(k, cx, skb);
}

/// `ip_protocol_deliver_rcu`
pub(super) fn ip_local_deliver_finish(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    let proto = skb.frame.ip4().map_or(0, |ip| ip.proto);
    let raw = sock::raw::raw_local_deliver(k, cx, &skb);
    let mib = &mut k.net_of(skb.meta.dev).mib;
    match proto {
        IPPROTO_UDP => {
            mib[M::IpInDelivers] += u64::from(!mutated(Mutation::CounterForgotten));
            sock::udp::udp_rcv(k, cx, skb);
        }
        IPPROTO_ICMP => {
            mib[M::IpInDelivers] += 1;
            icmp::icmp_rcv(k, cx, skb);
        }
        IPPROTO_TCP => {
            mib[M::IpInDelivers] += 1;
            sock::tcp::tcp_v4_rcv(k, cx, skb);
        }
        _ if raw => {
            mib[M::IpInDelivers] += 1;
            cx.consume(skb);
        }
        _ => {
            // IP-8, ICMP-15
            mib[M::IpInUnknownProtos] += 1;
            icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::PROT_UNREACH, 0);
            cx.drop(k, skb, At::IpLocalDeliver, Reason::IP_NOPROTO);
        }
    }
}
