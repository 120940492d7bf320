//! drivers/net/dummy.c: counts what it is given and throws it away. The smallest driver there is.

use super::{Arg, Driver, Setup};
use crate::kernel::{
    At, Cx, DevId, Kernel, RtnlError, SkBuff,
    netdevice::{IFF_BROADCAST, IFF_NOARP},
};

pub struct Dummy;

/// It has no settings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config;

impl Driver for Dummy {
    type Config = Config;
    type Shared = ();
    const ARGS: &'static [Arg<Config>] = &[];
    const SETUP: Setup = Setup { flags: IFF_BROADCAST | IFF_NOARP, min_mtu: 0, max_mtu: 0, ..Setup::ETHER };

    fn newlink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _c: &Config) -> Result<Self, RtnlError> {
        Ok(Dummy)
    }

    /// `dummy_xmit`
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        cx.at(At::DummyXmit, &skb);
        let stats = &mut k.devs[dev].stats;
        stats.tx_packets += 1;
        stats.tx_bytes += u64::from(skb.frame.len());
        cx.consume(skb);
    }
}

#[cfg(test)]
mod tests {
    use crate::kernel::rtnl::testing::{Lab, m};
    use crate::packet::Mac;

    #[test]
    fn counts_and_consumes() {
        let mut lab = Lab::new();
        lab.run("a link add d up type dummy");
        assert_eq!(lab.state("a", "d"), "BROADCAST,NOARP,UP,LOWER_UP UNKNOWN");
        lab.send("a", "d", m(1), Mac::BROADCAST, 60);
        let s = lab.k.devs[lab.dev("a", "d")].stats;
        assert_eq!((s.tx_packets, s.tx_bytes, s.rx_packets, s.tx_dropped), (1, 60, 0, 0));
        assert_eq!(lab.cx.obs.ledger.consumed, 1);
    }
}
