//! net/bridge/br_arp_nd_proxy.c: a bridge that knows the answer to an ARP request gives it itself, and keeps the question
//! from ports that need not hear it (BR-50).

use super::{
    fdb::Key,
    port::{NEIGH_SUPPRESS, PROXYARP, PROXYARP_WIFI},
    state,
};
use crate::kernel::{Cx, DevId, Kernel, SkBuff, arp, neigh, netdevice::IFF_NOARP};
use crate::packet::{
    Arp, ArpOp, Ip4Addr, Net,
    addr::{is_loopback, is_multicast},
};

/// `br_do_proxy_suppress_arp`, of a frame that came in by port `no` (0: the host itself sends it). True: ports with
/// `neigh_suppress` or `proxy_arp_wifi` are not to have it.
#[cold]
pub(super) fn do_proxy_suppress(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, skb: &SkBuff) -> bool {
    let Net::Arp(arp) = skb.frame.net else { return false };
    let b = state(k, br);
    let flags = |no: u16| b.ports.get(no).map_or(0, |p| p.flags);
    if k.devs[br].flags & IFF_NOARP != 0 || is_loopback(arp.tpa) || is_multicast(arp.tpa) {
        return false;
    }
    let suppress = b.ports.iter().any(|(_, p)| p.flags & NEIGH_SUPPRESS != 0);
    if suppress && flags(no) & NEIGH_SUPPRESS != 0 {
        return false;
    }
    if suppress && arp.spa == arp.tpa {
        cx.note(skb, || "neigh_suppress: gratuitous ARP is kept from ports with it".to_owned());
        return true;
    }
    if arp.op != ArpOp::Request {
        return false;
    }
    if suppress && k.net(k.devs[br].ns).addrs.on(br).iter().any(|a| a.local == arp.tpa) {
        cx.note(skb, || format!("neigh_suppress: {} is this host's own", Ip4Addr(arp.tpa)));
        return true;
    }
    let Some(mac) = neigh::known(k, br, arp.tpa) else { return false };
    let Some(behind) = b.fdb.find(Key::of(mac)).map(|e| flags(e.port)) else { return false };
    if flags(no) & PROXYARP != 0 || behind & (PROXYARP_WIFI | NEIGH_SUPPRESS) != 0 {
        cx.note(skb, || format!("the bridge knows {}: answered with {mac}", Ip4Addr(arp.tpa)));
        let answer = Arp { op: ArpOp::Reply, sha: mac, spa: arp.tpa, tha: arp.sha, tpa: arp.spa };
        arp::send_for(k, cx, skb.meta.dev, answer, arp.sha, skb.meta.traced);
        return true;
    }
    suppress
}
