//! The way out (`vxlan_xmit`).

use super::{
    Df,
    fdb::{Remote, text},
    find_vni, recv, state,
};
use crate::kernel::{
    At, Cx, DevId, Errno, Kernel, NsId, Reason, SkBuff, ip_output,
    route::{self, DstKind, Flow},
};
use crate::packet::{
    Ip4, Ip4Addr, L4, Mac, Net,
    frame::{Frame, IP_DF, IP_HLEN, IPPROTO_UDP, VXLAN_HLEN, Vxlan},
};

/// `vxlan_xmit`: to the remotes of the destination's entry, else to those of all others, else to nobody. The first remote
/// is the last to be sent to, and has the frame itself.
pub(super) fn vxlan_xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
    cx.at(At::VxlanXmit, &skb);
    let dst = skb.frame.dst;
    say(k, cx, dev, &skb);
    let Some(e) = state(k, dev).fdb.find(dst).filter(|e| !e.remotes.is_empty()) else {
        k.devs[dev].stats.tx_dropped += 1;
        return cx.drop(k, skb, At::VxlanXmit, Reason::NO_TX_TARGET);
    };
    let first = e.remotes[0];
    for i in 1..e.remotes.len() {
        let Some(r) = state(k, dev).fdb.find(dst).and_then(|e| e.remotes.get(i)).copied() else { break };
        let copy = cx.clone_skb(&skb);
        xmit_one(k, cx, dev, r, copy);
    }
    xmit_one(k, cx, dev, first, skb);
}

fn say(k: &Kernel, cx: &mut Cx, dev: DevId, skb: &SkBuff) {
    let dst = skb.frame.dst;
    cx.note(skb, || {
        let (name, fdb) = (k.devs[dev].name(), &state(k, dev).fdb);
        match fdb.find(dst) {
            Some(e) => {
                let whose = if fdb.has(dst) { dst } else { Mac::ZERO };
                let all: Vec<String> = e.remotes.iter().map(|r| text(k, dev, e, r)).collect();
                format!("? fdb {dst} in {name}: {whose} {}", all.join(", "))
            }
            None => format!("? fdb {dst} in {name}: no entry, and none for all others (00:00:00:00:00:00)"),
        }
    });
}

/// The way was not found: `vxlan_xmit_one` at its error label.
fn tx_error(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff, why: &str) {
    cx.note(&skb, || why.to_owned());
    k.devs[dev].cold.tx_errors += 1;
    cx.drop(k, skb, At::VxlanXmit, Reason::NOT_SPECIFIED);
}

/// A number for a flow, for the source port: `skb_get_hash` is random in every kernel, this one is not.
fn flow_hash(frame: &Frame) -> u32 {
    let (a, b) = match &frame.net {
        Net::Ip4(ip, l4) => {
            let (sport, dport) = if ip.is_fragment() { (0, 0) } else { l4.ports().unwrap_or((0, 0)) };
            (u64::from(ip.src) << 32 | u64::from(ip.dst), u64::from(sport) << 16 | u64::from(dport))
        }
        _ => {
            let m = |m: Mac| m.0.iter().fold(0, |n: u64, b| n << 8 | u64::from(*b));
            (m(frame.src), m(frame.dst))
        }
    };
    let mixed = (a ^ b.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 32) as u32
}

/// `udp_flow_src_port`
fn source_port(k: &Kernel, net: NsId, (min, max): (u16, u16), frame: &Frame) -> u16 {
    let (min, max) = if max <= min { k.net(net).conf.ip_local_port_range } else { (min, max) };
    let hash = flow_hash(frame);
    let hash = u64::from(hash ^ (hash << 16));
    ((hash * u64::from(max - min)) >> 32) as u16 + min
}

/// `vxlan_xmit_one`
fn xmit_one(k: &mut Kernel, cx: &mut Cx, dev: DevId, r: Remote, mut skb: SkBuff) {
    if r.ip == 0 {
        k.devs[dev].stats.tx_dropped += 1;
        return cx.drop(k, skb, At::VxlanXmit, Reason::NOT_SPECIFIED);
    }
    let (net, config) = (state(k, dev).net, &state(k, dev).config);
    let (local, ports, ttl, df) = (config.local, config.srcport, config.ttl, config.df);
    let flow = Flow { src: local, oif: r.dev, ..Flow::to(r.ip) };
    let rt = match route::ip_route_output(k, net, &flow, cx.jiffies()) {
        Ok(rt) if rt.dst.dev != dev => rt,
        Ok(_) => return tx_error(k, cx, dev, skb, "the way to the remote leads through this device itself"),
        Err(e) => {
            k.devs[dev].cold.tx_carrier_errors += u64::from(e == Errno::ENETUNREACH);
            let why = format!("no way to the remote {}: {}", Ip4Addr(r.ip), e.text());
            return tx_error(k, cx, dev, skb, &why);
        }
    };
    if rt.dst.kind == DstKind::Local {
        // encap_bypass_if_local
        return match find_vni(k, net, r.port, r.vni) {
            Some(to) => recv::bypass(k, cx, dev, to, skb),
            None => tx_error(k, cx, dev, skb, "the remote is this host, where nobody has that network"),
        };
    }
    let sport = source_port(k, net, ports, &skb.frame);
    let inner_len = u64::from(skb.frame.net_len());
    let (inner_tos, inner_df) = skb.frame.ip4().map_or((0, false), |ip| (ip.tos, ip.df()));
    skb.frame.push_tag();
    let total = skb.frame.len() + VXLAN_HLEN + 8 + u32::from(IP_HLEN);
    let df = df == Df::Set || (df == Df::Inherit && inner_df);
    let outer = k.net_mut(net);
    outer.ip_id = outer.ip_id.wrapping_add(1);
    let ip = Ip4 {
        src: rt.src,
        dst: r.ip,
        len: total.min(u32::from(u16::MAX)) as u16,
        id: outer.ip_id,
        frag: if df { IP_DF } else { 0 },
        ttl: if ttl == 0 { outer.conf.ip_default_ttl } else { ttl },
        // ip_tunnel_ecn_encap: congestion that was experienced is not passed on as such.
        tos: if inner_tos & 3 == 3 { 2 } else { inner_tos & 3 },
        proto: IPPROTO_UDP,
    };
    encapsulate(&mut skb, ip, (sport, r.port), r.vni);
    cx.note(&skb, || format!("vni {}: to the remote {}, {total} bytes of IP", r.vni, Ip4Addr(r.ip)));
    skb.meta.dst = None;
    skb.meta.priority = 0;
    if k.devs[dev].ns != net {
        skb.meta.mark = 0;
    }
    skb.meta.dev = rt.dst.dev;
    let before = std::mem::replace(&mut cx.xmit_dropped, false);
    ip_output::ip_local_out(k, cx, skb, rt.dst);
    let lost = std::mem::replace(&mut cx.xmit_dropped, before);
    let Some(d) = k.devs.get_mut(dev) else { return };
    if lost {
        d.stats.tx_dropped += 1;
    } else {
        // iptunnel_xmit: without the inner Ethernet header.
        d.stats.tx_packets += 1;
        d.stats.tx_bytes += inner_len;
    }
}

/// The frame becomes the payload of a datagram; it keeps its number and its tag, so that it can be followed.
fn encapsulate(skb: &mut SkBuff, ip: Ip4, (sport, dport): (u16, u16), vni: u32) {
    let outer = Frame { id: skb.frame.id, payload: skb.frame.payload, ..Frame::blank() };
    let frame = std::mem::replace(&mut skb.frame, outer);
    skb.frame.net = Net::Ip4(ip, L4::Vxlan(Box::new(Vxlan { sport, dport, vni, frame })));
}
