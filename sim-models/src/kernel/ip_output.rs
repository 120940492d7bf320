//! net/ipv4/ip_output.c: from a routing decision to the neighbour.

use super::{
    At, Cx, Kernel, PktType, Reason, SkBuff, dev, icmp, ip_frag,
    mib::M,
    neigh,
    route::{Dst, DstKind},
};

/// `ip_local_out`: a packet made on this host. The caller has set `skb.meta.dev` to the output device.
pub(super) fn ip_local_out(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst) {
    k.net_of(dst.dev).mib[M::IpOutRequests] += 1;
    // LOCAL_OUT would be called here.
    match dst.kind {
        DstKind::Broadcast | DstKind::Multicast => ip_mc_output(k, cx, skb, dst),
        _ => {
            let mtu = mtu_of(k, dst);
            ip_output(k, cx, skb, dst, mtu);
        }
    }
}

/// What the packet must fit into, bytes (IP-20).
#[inline]
fn mtu_of(k: &Kernel, dst: Dst) -> u32 {
    if dst.mtu != 0 { dst.mtu } else { k.devs[dst.dev].mtu }
}

/// `ip_mc_output`: a broadcast is also heard by this host itself (RT-27).
fn ip_mc_output(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst) {
    if dst.kind == DstKind::Broadcast && !k.devs[dst.dev].is_loopback() {
        let mut copy = cx.clone_skb(&skb);
        copy.meta.dev = dst.dev;
        copy.meta.pkt_type = PktType::Loopback;
        copy.meta.dst = Some(dst);
        dev::netif_rx(k, cx, copy);
    }
    let mtu = mtu_of(k, dst);
    ip_output(k, cx, skb, dst, mtu);
}

/// `ip_output`: the device is set, `mtu` is what the packet must fit into; POST_ROUTING would be called here.
#[inline]
pub(super) fn ip_output(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, dst: Dst, mtu: u32) {
    cx.at(At::IpOutput, &skb);
    let from = skb.meta.dev;
    skb.meta.dev = dst.dev;
    skb.meta.dst = Some(dst);
    let len = skb.frame.net_len();
    if len > mtu {
        return too_long(k, cx, skb, dst, mtu, from);
    }
    ip_finish_output2(k, cx, skb, dst);
}

/// IP-21: fragment, or refuse.
#[cold]
fn too_long(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff, dst: Dst, mtu: u32, from: super::DevId) {
    let df = skb.frame.ip4().is_some_and(|ip| ip.df());
    if df && !skb.meta.ignore_df {
        k.net_of(dst.dev).mib[M::IpFragFails] += 1;
        skb.meta.dev = from;
        icmp::icmp_send(k, cx, &mut skb, icmp::DEST_UNREACH, icmp::FRAG_NEEDED, mtu);
        return cx.drop(k, skb, At::IpFragment, Reason::PKT_TOO_BIG);
    }
    ip_frag::ip_fragment(k, cx, skb, dst, mtu);
}

/// `ip_finish_output2`
#[inline]
pub(super) fn ip_finish_output2(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, dst: Dst) {
    cx.at(At::IpFinishOutput, &skb);
    let len = u64::from(skb.frame.net_len());
    let mib = &mut k.net_of(dst.dev).mib;
    match dst.kind {
        DstKind::Broadcast => {
            mib[M::IpExtOutBcastPkts] += 1;
            mib[M::IpExtOutBcastOctets] += len;
        }
        DstKind::Multicast => {
            mib[M::IpExtOutMcastPkts] += 1;
            mib[M::IpExtOutMcastOctets] += len;
        }
        _ => {}
    }
    mib[M::IpOutTransmits] += 1;
    mib[M::IpExtOutOctets] += len;
    neigh::neigh_output(k, cx, dst.dev, dst.nexthop, skb);
}
