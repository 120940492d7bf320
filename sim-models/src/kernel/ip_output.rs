//! net/ipv4/ip_output.c: from a routing decision to the neighbour.

use super::{
    At, Cx, Kernel, NsId, PktType, Reason, SkBuff, dev, icmp, ip_frag,
    mib::M,
    neigh,
    route::{Dst, DstKind},
};
use crate::packet::{Mac, frame::IP_HLEN};

/// Where a packet goes out: the decision, and what the functions of the transmit path ask of the device again and again.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out {
    pub dst: Dst,
    pub ns: NsId,
    pub mac: Mac,
    /// What the packet must fit into, bytes (IP-20).
    pub mtu: u32,
    pub loopback: bool,
}

impl Out {
    #[inline]
    pub(super) fn by(k: &Kernel, dst: Dst) -> Out {
        let d = &k.devs[dst.dev];
        let mtu = if dst.mtu != 0 { dst.mtu } else { d.mtu };
        Out { dst, ns: d.ns, mac: d.mac, mtu, loopback: d.is_loopback() }
    }
}

/// `ip_send_skb`: a packet made on this host, whose sender wants to know whether it was thrown away before it got
/// further than the first device (true), as at a full qdisc, a full neighbour table, or an oversize veth.
pub(super) fn ip_send_skb(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst) -> bool {
    cx.xmit_dropped = false;
    ip_local_out(k, cx, skb, dst);
    if cx.xmit_dropped {
        discarded(k, dst);
    }
    cx.xmit_dropped
}

#[cold]
fn discarded(k: &mut Kernel, dst: Dst) {
    let ns = k.devs[dst.dev].ns;
    k.net_mut(ns).mib[M::IpOutDiscards] += 1;
}

/// `ip_local_out`: a packet made on this host. The caller has set `skb.meta.dev` to the output device.
pub(crate) fn ip_local_out(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst) {
    let out = Out::by(k, dst);
    k.net_mut(out.ns).mib[M::IpOutRequests] += 1;
    // LOCAL_OUT would be called here.
    if matches!(dst.kind, DstKind::Broadcast | DstKind::Multicast) {
        return ip_mc_output(k, cx, skb, &out);
    }
    ip_output(k, cx, skb, &out);
}

/// `ip_mc_output`: a broadcast is also heard by this host itself (RT-27).
#[cold]
fn ip_mc_output(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, out: &Out) {
    if out.dst.kind == DstKind::Broadcast && !out.loopback {
        let mut copy = cx.clone_skb(&skb);
        copy.meta.dev = out.dst.dev;
        copy.meta.pkt_type = PktType::Loopback;
        copy.meta.dst = Some(out.dst);
        dev::netif_rx(k, cx, copy);
    }
    count_group(k, &skb, out);
    ip_output(k, cx, skb, out);
}

/// OutBcastPkts and its like, which count each fragment.
fn count_group(k: &mut Kernel, skb: &SkBuff, out: &Out) {
    let len = skb.frame.net_len();
    let header = u32::from(IP_HLEN);
    let pieces = match out.mtu.saturating_sub(header) & !7 {
        _ if len <= out.mtu => 1,
        0 => return,
        _ if skb.frame.ip4().is_some_and(|ip| ip.df()) => return,
        room => (len - header).div_ceil(room),
    };
    let mib = &mut k.net_mut(out.ns).mib;
    let [packets, octets] = if out.dst.kind == DstKind::Broadcast {
        [M::IpExtOutBcastPkts, M::IpExtOutBcastOctets]
    } else {
        [M::IpExtOutMcastPkts, M::IpExtOutMcastOctets]
    };
    mib[packets] += u64::from(pieces);
    mib[octets] += u64::from(len + (pieces - 1) * header);
}

/// A piece that was counted is not sent after all.
pub(super) fn uncount_group(k: &mut Kernel, piece: &SkBuff, out: &Out) {
    let [packets, octets] = match out.dst.kind {
        DstKind::Broadcast => [M::IpExtOutBcastPkts, M::IpExtOutBcastOctets],
        DstKind::Multicast => [M::IpExtOutMcastPkts, M::IpExtOutMcastOctets],
        _ => return,
    };
    let mib = &mut k.net_mut(out.ns).mib;
    mib[packets] -= 1;
    mib[octets] -= u64::from(piece.frame.net_len());
}

/// `ip_output`: the device is set; POST_ROUTING would be called here.
#[inline(always)]
pub(super) fn ip_output(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, out: &Out) {
    cx.at(At::IpOutput, &skb);
    if skb.frame.net_len() > out.mtu {
        return too_long(k, cx, skb, out);
    }
    skb.meta.dev = out.dst.dev;
    ip_finish_output2(k, cx, skb, out);
}

/// IP-21: fragment, or refuse.
#[cold]
fn too_long(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, out: &Out) {
    let df = skb.frame.ip4().is_some_and(|ip| ip.df());
    skb.meta.dst = Some(out.dst);
    if df && !skb.meta.ignore_df {
        k.net_mut(out.ns).mib[M::IpFragFails] += 1;
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::FRAG_NEEDED, out.mtu);
        return cx.drop(k, skb, At::IpFragment, Reason::PKT_TOO_BIG);
    }
    skb.meta.dev = out.dst.dev;
    ip_frag::ip_fragment(k, cx, skb, out);
}

/// `ip_finish_output2`
#[inline(always)]
pub(super) fn ip_finish_output2(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, out: &Out) {
    cx.at(At::IpFinishOutput, &skb);
    let len = u64::from(skb.frame.net_len());
    let mib = &mut k.net_mut(out.ns).mib;
    mib[M::IpOutTransmits] += 1;
    mib[M::IpExtOutOctets] += len;
    neigh::neigh_output(k, cx, out, skb);
}
