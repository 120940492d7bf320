//! The way in (`vxlan_rcv`).

use super::{
    fdb::{Learned, Remote},
    find_vni, state_mut,
};
use crate::kernel::{At, Cx, DevId, Kernel, PktType, Reason, SkBuff, dev, mib::M};
use crate::packet::{Ip4Addr, L4, Net};

/// 127.0.0.1: where a frame comes from that never left this host.
const LOOPBACK: u32 = 0x7f00_0001;

/// A datagram for a vxlan socket (`vxlan_rcv`): counted as received, whatever becomes of it.
#[cold]
pub(crate) fn rcv(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) {
    cx.at(At::VxlanRcv, &skb);
    let net = k.devs[skb.meta.dev].ns;
    k.net_mut(net).mib[M::UdpInDatagrams] += 1;
    let (id, payload) = (skb.frame.id, skb.frame.payload);
    let (remote, vxlan) = match std::mem::replace(&mut skb.frame.net, Net::Other(0x0800)) {
        Net::Ip4(ip, L4::Vxlan(v)) => (ip.src, v),
        other => {
            skb.frame.net = other;
            let short = payload.len < 8;
            let why = if short { Reason::PKT_TOO_SMALL } else { Reason::VXLAN_INVALID_HDR };
            return cx.drop(k, skb, At::VxlanRcv, why);
        }
    };
    let (vni, port) = (vxlan.vni, vxlan.dport);
    skb.frame = vxlan.frame;
    (skb.frame.id, skb.frame.payload.tag) = (id, payload.tag);
    let Some(to) = find_vni(k, net, port, vni) else {
        cx.note(&skb, || format!("vni {vni}: nobody here has that network"));
        return cx.drop(k, skb, At::VxlanRcv, Reason::VXLAN_VNI_NOT_FOUND);
    };
    cx.note(&skb, || format!("vni {vni} from {}: received by {}", Ip4Addr(remote), k.path(to)));
    skb.meta.dst = None;
    skb.meta.sock = None;
    if k.devs[to].ns != net {
        skb.meta.mark = 0;
    }
    skb.meta.pkt_type = dev::eth_type_trans(k.devs[to].mac, skb.frame.dst);
    if skb.frame.src == k.devs[to].mac {
        return cx.drop(k, skb, At::VxlanRcv, Reason::LOCAL_MAC);
    }
    if let Err(why) = snoop(k, cx, to, remote, &skb) {
        return cx.drop(k, skb, At::VxlanRcv, why);
    }
    let stats = &mut k.devs[to].stats;
    stats.rx_packets += 1;
    stats.rx_bytes += u64::from(skb.frame.net_len());
    skb.meta.dev = to;
    dev::netif_rx(k, cx, skb);
}

/// `vxlan_snoop`: the source is behind `remote`, if the device learns.
fn snoop(k: &mut Kernel, cx: &mut Cx, dev: DevId, remote: u32, skb: &SkBuff) -> Result<(), Reason> {
    let now = cx.jiffies();
    let up = k.devs[dev].is_up();
    let s = state_mut(k, dev);
    if !s.config.learning {
        return Ok(());
    }
    let src = skb.frame.src;
    if !src.is_valid() {
        return Err(Reason::MAC_INVALID_SOURCE);
    }
    let room = up && (s.config.maxaddr == 0 || s.fdb.len() < s.config.maxaddr as usize);
    let from = Remote { ip: remote, port: s.config.dstport, vni: s.config.vni(), dev: None };
    let learned = s.fdb.learn(src, from, now, room);
    cx.note(skb, || {
        let name = k.devs[dev].name();
        match learned {
            Learned::Known => format!("fdb: {src} is known in {name}"),
            Learned::New => format!("fdb: learned {src} dev {name} dst {}", Ip4Addr(remote)),
            Learned::Moved(old) => format!("fdb: {src} migrated from {} to {}", Ip4Addr(old), Ip4Addr(remote)),
            Learned::Fixed => format!("fdb: {src} is behind another remote by hand"),
        }
    });
    if learned == Learned::Fixed { Err(Reason::VXLAN_ENTRY_EXISTS) } else { Ok(()) }
}

/// `vxlan_encap_bypass`: sender and receiver are on this host, and nothing is put into anything.
pub(super) fn bypass(k: &mut Kernel, cx: &mut Cx, from: DevId, to: DevId, mut skb: SkBuff) {
    let len = u64::from(skb.frame.len());
    cx.note(&skb, || format!("the remote is this host: straight to {}", k.path(to)));
    skb.meta.pkt_type = PktType::Host;
    // A frame that its table refuses goes on all the same here.
    let _ = snoop(k, cx, to, LOOPBACK, &skb);
    let tx = &mut k.devs[from].stats;
    tx.tx_packets += 1;
    tx.tx_bytes += len;
    skb.meta.dev = to;
    if dev::netif_rx(k, cx, skb) {
        let rx = &mut k.devs[to].stats;
        rx.rx_packets += 1;
        rx.rx_bytes += len;
    } else {
        k.devs[to].stats.rx_dropped += 1;
    }
}
