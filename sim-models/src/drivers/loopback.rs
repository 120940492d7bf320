//! drivers/net/loopback.c: what a namespace sends to itself (DEV-35, 36).

use super::{Arg, Driver, Setup};
use crate::kernel::{At, Cx, DevId, Kernel, RtnlError, SkBuff, dev, netdevice::IFF_LOOPBACK};

pub struct Loopback;

/// It has no settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config;

impl Driver for Loopback {
    type Config = Config;
    type Shared = ();
    const ARGS: &'static [Arg<Config>] = &[];
    const SETUP: Setup =
        Setup { flags: IFF_LOOPBACK, mtu: 65536, min_mtu: 0, max_mtu: 0, tx_queue_len: 1000, carrier: true };
    const VIRTUAL: bool = false;
    const NETNS_IMMUTABLE: bool = true;

    fn newlink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _c: &Config) -> Result<Self, RtnlError> {
        Ok(Loopback)
    }

    /// `loopback_xmit`: the socket lets go of the buffer, the routing decision stays with it. Counters of both
    /// directions are the same numbers; the Ethernet header is pulled off before the bytes are counted.
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, mut skb: SkBuff) {
        cx.at(At::LoopbackXmit, &skb);
        let bytes = u64::from(skb.frame.net_len());
        skb.meta.sock = None;
        skb.meta.pkt_type = dev::eth_type_trans(k.devs[dev].mac, skb.frame.dst);
        if dev::netif_rx(k, cx, skb) {
            let stats = &mut k.devs[dev].stats;
            stats.tx_packets += 1;
            stats.rx_packets += 1;
            stats.tx_bytes += bytes;
            stats.rx_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{PktType, rtnl::testing::Lab};
    use crate::packet::Mac;

    /// DEV-35, DEV-36: counted in both directions alike, through the backlog; down it loses everything.
    #[test]
    fn comes_back() {
        let mut lab = Lab::new();
        lab.run("a link set lo up");
        assert_eq!(lab.link("a", "lo"), "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 state UNKNOWN 00:00:00:00:00:00");
        lab.send("a", "lo", Mac::ZERO, Mac::ZERO, 60_000);
        let s = lab.k.devs[lab.dev("a", "lo")].stats;
        assert_eq!((s.tx_packets, s.tx_bytes, s.rx_packets, s.rx_bytes), (1, 59_986, 1, 59_986));
        assert_eq!(lab.k.cpus[0].waiting(), 1);
        assert_eq!(dev::eth_type_trans(Mac::ZERO, Mac::ZERO), PktType::Host);
        lab.run("a link set lo down");
        lab.send("a", "lo", Mac::ZERO, Mac::ZERO, 60);
        assert_eq!(lab.drops(), ["QDISC_DROP dev_queue_xmit lo"]);
    }
}
