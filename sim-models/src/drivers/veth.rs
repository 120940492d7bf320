//! drivers/net/veth.c: a pair of devices; what one sends the other receives, through the core's backlog. Without
//! NAPI and GRO, which are off by default (VETH-18).

use super::{Arg, Driver, Kind, Setup};
use crate::kernel::{At, Cx, DevId, Kernel, Reason, RtnlError, SkBuff, dev, linkwatch, rtnl::LinkAttrs};
use crate::mutation::{Mutation, on as mutated};
use crate::packet::frame::{ETH_HLEN, VLAN_HLEN};

/// One end.
pub struct Veth {
    /// The other end; [`DevId::NONE`] before the two are joined, and while they are deleted.
    peer: DevId,
}

/// `type veth peer …`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VethConfig {
    /// `None`: `vethN` in the same namespace.
    pub peer: Option<Box<Peer>>,
}

/// `peer [name NAME] [address M] [mtu N] [txqueuelen N] [netns NS]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Peer {
    /// `None`: the first free `vethN`.
    pub name: Option<String>,
    /// `None`: where the request is made.
    pub netns: Option<String>,
    /// Of these `veth_newlink` heeds address, mtu, txqueuelen and flags; `up` it can't do yet and refuses.
    pub attrs: LinkAttrs,
}

/// `__is_skb_forwardable`: may `skb` go to a device that is `up` or not and has this MTU? It may be longer by a VLAN tag,
/// has it one or not (VETH-2).
#[inline]
pub(super) fn is_skb_forwardable(up: bool, mtu: u32, skb: &SkBuff) -> bool {
    up && (mutated(Mutation::VethTakesAnything)
        || skb.frame.len() <= mtu + ETH_HLEN + VLAN_HLEN
        || skb.meta.gso_size != 0)
}

/// The end of a frame that may not go to `to`: the kernel gives no reason, the walk says it.
#[cold]
pub(super) fn drop_unforwardable(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, at: At, to: DevId) {
    let d = &k.devs[to];
    cx.note(&skb, || match d.is_up() {
        true => format!("{} bytes, and the MTU of {} is {}", skb.frame.net_len(), k.path(to), d.mtu),
        false => format!("{} is down", k.path(to)),
    });
    cx.drop(k, skb, at, Reason::NOT_SPECIFIED);
}

/// `dev_forward_skb`: `to` receives the frame through the backlog, with nothing left of its way so far. False: dropped.
pub(super) fn dev_forward_skb(k: &mut Kernel, cx: &mut Cx, at: At, to: DevId, mut skb: SkBuff) -> bool {
    let ns = k.devs[skb.meta.dev].ns;
    let d = &mut k.devs[to];
    if !is_skb_forwardable(d.is_up(), d.mtu, &skb) {
        d.stats.rx_dropped += 1;
        drop_unforwardable(k, cx, skb, at, to);
        return false;
    }
    skb.meta.pkt_type = dev::eth_type_trans(d.mac, skb.frame.dst);
    let crosses = d.ns != ns;
    scrub(&mut skb, crosses);
    skb.meta.dev = to;
    dev::netif_rx(k, cx, skb)
}

fn peer_of(k: &Kernel, dev: DevId) -> DevId {
    match k.devs[dev].kind {
        Kind::Veth(Veth { peer }) => peer,
        _ => DevId::NONE,
    }
}

fn set_peer(k: &mut Kernel, dev: DevId, peer: DevId) {
    if let Some(d) = k.devs.get_mut(dev) {
        d.kind = Kind::Veth(Veth { peer });
    }
}

/// `____dev_forward_skb`, the scrubbing: nothing but the mark survives, and that not across namespaces (VETH-5). The
/// socket stays attached until the next IP input (VETH-6).
#[inline]
fn scrub(skb: &mut SkBuff, crosses: bool) {
    let m = &mut skb.meta;
    m.dst = None;
    m.priority = 0;
    m.iif = 0;
    m.ignore_df = false;
    if crosses {
        m.mark = 0;
    }
}

impl Driver for Veth {
    type Config = VethConfig;
    type Shared = ();
    const ARGS: &'static [Arg<VethConfig>] = &[];
    const SETUP: Setup = Setup::ETHER;

    /// `veth_newlink` for one end: it has no carrier until both are up.
    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, _c: &VethConfig) -> Result<Self, RtnlError> {
        linkwatch::netif_carrier_off(k, cx, dev);
        Ok(Veth { peer: DevId::NONE })
    }

    fn peer(c: &VethConfig) -> Option<Peer> {
        Some(c.peer.as_deref().cloned().unwrap_or_default())
    }

    fn pair(k: &mut Kernel, dev: DevId, peer: DevId) {
        set_peer(k, dev, peer);
        set_peer(k, peer, dev);
    }

    fn pair_of(k: &Kernel, dev: DevId) -> Option<DevId> {
        Some(peer_of(k, dev)).filter(|p| k.devs.get(*p).is_some())
    }

    /// `veth_xmit`: the same buffer goes to the peer. To set `skb.dev` is to change the namespace. The bytes are counted
    /// as put into the peer's memory; the kernel copies none of them (VETH-1), so no measured profile bills them, and
    /// `textbook` does.
    #[inline]
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, mut skb: SkBuff) {
        cx.at(At::VethXmit, &skb);
        let peer = peer_of(k, dev);
        let bytes = u64::from(skb.frame.len()) - if mutated(Mutation::LinkBytesWithoutHeader) { 14 } else { 0 };
        let ns = k.devs[dev].ns;
        let Some(rcv) = k.devs.get_mut(peer) else {
            k.devs[dev].stats.tx_dropped += 1;
            cx.xmit_dropped = true;
            return cx.drop(k, skb, At::VethXmit, Reason::NOT_SPECIFIED);
        };
        if !is_skb_forwardable(rcv.is_up(), rcv.mtu, &skb) {
            rcv.stats.rx_dropped += 1;
            k.devs[dev].stats.tx_dropped += 1;
            cx.xmit_dropped = true;
            return drop_unforwardable(k, cx, skb, At::VethXmit, peer);
        }
        let crosses = rcv.ns != ns;
        skb.meta.pkt_type = dev::eth_type_trans(rcv.mac, skb.frame.dst);
        scrub(&mut skb, crosses);
        cx.copy(At::VethXmit, bytes as u32);
        cx.note(&skb, || format!("{bytes} bytes into the buffer of {}", k.path(peer)));
        skb.meta.dev = peer;
        if dev::netif_rx(k, cx, skb) {
            let tx = &mut k.devs[dev].stats;
            tx.tx_packets += 1;
            tx.tx_bytes += bytes;
            // VETH-17: the receiver's counters are these numbers.
            let rx = &mut k.devs[peer].stats;
            rx.rx_packets += 1;
            rx.rx_bytes += bytes;
        } else {
            k.devs[dev].stats.tx_dropped += 1;
            cx.xmit_dropped = true;
        }
    }

    /// `veth_open`: the second end that is opened brings the carrier for both (VETH-22).
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        let peer = peer_of(k, dev);
        if k.devs.get(peer).is_some_and(|p| p.is_up()) {
            linkwatch::netif_carrier_on(k, cx, dev);
            linkwatch::netif_carrier_on(k, cx, peer);
        }
        Ok(())
    }

    /// `veth_close`
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        linkwatch::netif_carrier_off(k, cx, dev);
        let peer = peer_of(k, dev);
        if k.devs.get(peer).is_some() {
            linkwatch::netif_carrier_off(k, cx, peer);
        }
    }

    /// `veth_dellink`: neither end goes alone (DEV-33).
    fn dellink(k: &mut Kernel, _cx: &mut Cx, dev: DevId) -> Option<DevId> {
        let peer = Self::pair_of(k, dev);
        set_peer(k, dev, DevId::NONE);
        set_peer(k, peer?, DevId::NONE);
        peer
    }

    fn config(k: &Kernel, dev: DevId) -> VethConfig {
        let peer = Self::pair_of(k, dev).map(|p| {
            let d = &k.devs[p];
            let netns = (d.ns != k.devs[dev].ns).then(|| k.net(d.ns).name.clone());
            Box::new(Peer { name: Some(d.name().to_owned()), netns, attrs: LinkAttrs::default() })
        });
        VethConfig { peer }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{
        route::{Dst, DstKind},
        rtnl::testing::{Lab, m},
    };
    use crate::packet::Mac;

    fn pair(peer_mtu: u32) -> Lab {
        let mut lab = Lab::new();
        lab.run(&format!(
            "a link add x type veth peer name y netns b mtu {peer_mtu}
             a link set x up
             b link set y up"
        ));
        lab.at(1_000);
        lab
    }

    fn stats(lab: &Lab, ns: &str, name: &str) -> (u64, u64, u32, u32) {
        let s = lab.k.devs[lab.dev(ns, name)].stats;
        (s.tx_packets, s.rx_packets, s.tx_dropped, s.rx_dropped)
    }

    /// VETH-2, VETH-3, VETH-17: 1504 bytes of IP pass an MTU of 1500, 1505 don't; both ends count the loss, and neither
    /// counts the packet.
    #[test]
    fn four_bytes_of_slack() {
        let mut lab = pair(1500);
        lab.send("a", "x", m(1), Mac::BROADCAST, 1504 + 14);
        assert_eq!((stats(&lab, "a", "x"), stats(&lab, "b", "y")), ((1, 0, 0, 0), (0, 1, 0, 0)));
        lab.send("a", "x", m(1), Mac::BROADCAST, 1505 + 14);
        assert_eq!((stats(&lab, "a", "x"), stats(&lab, "b", "y")), ((1, 0, 1, 0), (0, 1, 0, 1)));
        assert_eq!(lab.drops(), ["NOT_SPECIFIED veth_xmit x"]);
        let bytes = |ns, dev| lab.k.devs[lab.dev(ns, dev)].stats;
        assert_eq!((bytes("a", "x").tx_bytes, bytes("b", "y").rx_bytes), (1518, 1518));
        assert_eq!(lab.k.cpus[0].waiting(), 1, "handed over through the backlog (VETH-7)");
    }

    /// VETH-2: what counts is the receiver's MTU, and a super-packet passes whatever its size.
    #[test]
    fn the_receiver_decides() {
        let mut lab = pair(1000);
        lab.send("a", "x", m(1), Mac::BROADCAST, 1018);
        lab.send("a", "x", m(1), Mac::BROADCAST, 1019);
        assert_eq!(stats(&lab, "a", "x"), (1, 0, 1, 0));
        let mut skb = lab.cx.alloc();
        skb.frame.net = crate::packet::Net::Other(1);
        skb.frame.payload.len = 60_000;
        assert!(!is_skb_forwardable(true, 1500, &skb));
        skb.meta.gso_size = 1448;
        assert!(is_skb_forwardable(true, 1500, &skb) && !is_skb_forwardable(false, 1500, &skb));
        lab.cx.consume(skb);
    }

    /// VETH-8, DEV-18, VETH-23: a full backlog, and no carrier.
    #[test]
    fn losses_elsewhere() {
        let mut lab = pair(1500);
        lab.k.max_backlog = 0;
        lab.send("a", "x", m(1), Mac::BROADCAST, 60);
        lab.send("a", "x", m(1), Mac::BROADCAST, 60);
        assert_eq!((stats(&lab, "a", "x"), stats(&lab, "b", "y")), ((1, 0, 1, 0), (0, 1, 0, 1)));
        lab.run("b link set y down");
        lab.send("a", "x", m(1), Mac::BROADCAST, 60);
        assert_eq!((stats(&lab, "a", "x"), stats(&lab, "b", "y")), ((1, 0, 2, 0), (0, 1, 0, 1)));
        assert_eq!(lab.drops(), ["CPU_BACKLOG netif_rx y", "QDISC_DROP dev_queue_xmit x"]);
        lab.run("a link del x");
        assert_eq!(lab.k.cpus[0].waiting(), 0, "what waits for a deleted device is purged");
        assert_eq!((lab.cx.obs.ledger.born, lab.cx.obs.ledger.dropped), (3, 3));
    }

    /// VETH-5
    #[test]
    fn what_survives_the_crossing() {
        let mut lab = Lab::new();
        let mut skb = lab.cx.alloc();
        let lo = lab.dev("a", "lo");
        skb.meta.dst = Some(Dst { dev: lo, nexthop: 1, kind: DstKind::Local, mtu: 0, locked: false, redirect: false });
        skb.meta.mark = 7;
        skb.meta.priority = 6;
        skb.meta.iif = 5;
        skb.meta.ignore_df = true;
        scrub(&mut skb, false);
        let m = &skb.meta;
        assert_eq!((m.mark, m.priority, m.iif, m.ignore_df, m.dst.is_none()), (7, 0, 0, false, true));
        scrub(&mut skb, true);
        assert_eq!(skb.meta.mark, 0);
        lab.cx.consume(skb);
    }

    /// The settings name the other end, wherever it is.
    #[test]
    fn config_names_the_peer() {
        let lab = pair(1500);
        let peer = |ns, dev| Veth::config(&lab.k, lab.dev(ns, dev)).peer.expect("a peer");
        assert_eq!((peer("a", "x").name.as_deref(), peer("a", "x").netns.as_deref()), (Some("y"), Some("b")));
        assert_eq!(peer("b", "y").netns.as_deref(), Some("a"));
    }
}
