//! The contract between the kernel and its device drivers, and the list of them. A driver is one file here and one
//! line in `drivers!`; the RON variant, `ip link add … type KIND`, its settings and their printing follow from that.

pub mod bridge;
mod dummy;
mod loopback;
pub mod phy;
pub mod veth;

use crate::kernel::{Cx, DevId, Errno, Kernel, RtnlError, SkBuff};
use crate::packet::Mac;

/// How a new device of this kind looks before anyone sets anything (`ndo_setup`).
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// `IFF_*`.
    pub flags: u32,
    /// Bytes.
    pub mtu: u32,
    pub min_mtu: u32,
    /// 0: no limit.
    pub max_mtu: u32,
    pub tx_queue_len: u32,
    /// Carrier from the start.
    pub carrier: bool,
}

impl Setup {
    /// `ether_setup` (DEV-5).
    pub const ETHER: Setup = Setup {
        flags: crate::kernel::netdevice::IFF_BROADCAST | crate::kernel::netdevice::IFF_MULTICAST,
        mtu: 1500,
        min_mtu: 68,
        max_mtu: 65535,
        tx_queue_len: 1000,
        carrier: true,
    };
}

/// What a master hears of its ports (`NETDEV_*`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Up,
    Down,
    /// Operational state or carrier.
    Change,
    ChangeMtu,
    /// Its MAC address; the old one is in the master's own books.
    ChangeAddr,
}

/// A device driver: plain functions over the whole kernel, since a driver may route, transmit on other devices, or
/// be re-entered, just as in Linux.
pub trait Driver: Sized + 'static {
    /// The typed netlink attributes.
    type Config: Default + Clone + std::fmt::Debug + PartialEq + 'static;
    /// The settings by their iproute2 keywords.
    const ARGS: &'static [Arg<Self::Config>];
    const SETUP: Setup;
    /// Made by user space on request; `false` for what device enumeration finds or every namespace has.
    const VIRTUAL: bool = true;

    /// Makes the driver's state for the registered device `dev`.
    ///
    /// # Errors
    /// The kernel's own for a bad request; the device is unregistered again.
    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Self::Config) -> Result<Self, RtnlError>;
    /// Sends a frame (`ndo_start_xmit`).
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff);
    /// `IFF_UP` was set, `IFF_UP` was cleared (`ndo_open`, `ndo_stop`).
    fn open(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
    fn stop(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
    /// As a master: takes a frame that port `port` received (`rx_handler`); gives it back to pass it on to the stack.
    fn rx(_k: &mut Kernel, _cx: &mut Cx, _master: DevId, _port: DevId, skb: SkBuff) -> Option<SkBuff> {
        Some(skb)
    }
    /// The device goes away (`dellink`); more devices that go with it (a veth's peer).
    fn dellink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) -> Option<DevId> {
        None
    }
    /// Some settings are changed later (`changelink`).
    ///
    /// # Errors
    /// The kernel's own for a bad value.
    fn changelink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _c: &Self::Config) -> Result<(), RtnlError> {
        Ok(())
    }
    /// The settings as they are now, for printing and for [`Driver::changelink`].
    fn config(_k: &Kernel, _dev: DevId) -> Self::Config {
        Self::Config::default()
    }

    /// Such a device can't move to another namespace (`netns_immutable`, DEV-29).
    const NETNS_IMMUTABLE: bool = false;
    /// Devices of this kind come in pairs: what is asked for of the other one, which is registered first (DEV-3).
    fn peer(_c: &Self::Config) -> Option<veth::Peer> {
        None
    }
    /// Joins the two devices of a pair.
    fn pair(_k: &mut Kernel, _dev: DevId, _peer: DevId) {}
    /// The device at the other end, if there is one (`ndo_get_iflink`).
    fn other_end(_k: &Kernel, _dev: DevId) -> Option<DevId> {
        None
    }
    /// Changes the MAC address (`ndo_set_mac_address`).
    ///
    /// # Errors
    /// EADDRNOTAVAIL: not a valid unicast address.
    fn set_mac(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
        if !mac.is_valid() {
            return Err(RtnlError::new(Errno::EADDRNOTAVAIL));
        }
        k.devs[dev].mac = mac;
        Ok(())
    }
    /// The MTU, within the device's limits (`ndo_change_mtu`).
    fn change_mtu(k: &mut Kernel, dev: DevId, mtu: u32) {
        k.devs[dev].mtu = mtu;
    }
    /// As a master: takes `dev` as a port, gives it back (`ndo_add_slave`, `ndo_del_slave`).
    ///
    /// # Errors
    /// EOPNOTSUPP: such a device is no master; else the kernel's own reasons.
    fn add_slave(_k: &mut Kernel, _cx: &mut Cx, _master: DevId, _dev: DevId) -> Result<(), RtnlError> {
        Err(RtnlError::new(Errno::EOPNOTSUPP))
    }
    fn del_slave(_k: &mut Kernel, _cx: &mut Cx, _master: DevId, _dev: DevId) {}
    /// As a master: settings of a port (`slave_changelink`), iproute2's keyword and value each.
    ///
    /// # Errors
    /// iproute2's for an unknown word or a bad value, the kernel's for what it refuses.
    fn slave_changelink(
        _k: &mut Kernel,
        _cx: &mut Cx,
        _master: DevId,
        _port: DevId,
        _args: &[(String, String)],
    ) -> Result<(), RtnlError> {
        Err(RtnlError::new(Errno::EOPNOTSUPP))
    }
    /// As a master: something happened to a port.
    fn notify(_k: &mut Kernel, _cx: &mut Cx, _master: DevId, _port: DevId, _event: Event) {}
}

/// One setting of a driver.
pub struct Arg<C: 'static> {
    /// iproute2's keyword, which is also the field's name in RON.
    pub word: &'static str,
    /// What the value looks like, for help texts: "0|1", "TIME".
    pub value: &'static str,
    /// For a bad value iproute2's words, without the `Error: ` before them: `argument "x" is wrong: invalid priority`.
    pub set: fn(&mut C, &str) -> Result<(), String>,
    pub show: fn(&C) -> Option<String>,
}

macro_rules! drivers {
    ($($Name:ident $word:literal: $T:ty),* $(,)?) => {
        /// A device's driver state.
        pub enum Kind { $($Name($T)),* }

        /// The settings of a device to be made.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Config { $($Name(<$T as Driver>::Config)),* }

        impl Config {
            /// RON variant and iproute2 kind of every driver, in order.
            pub const KINDS: &'static [(&'static str, &'static str)] = &[$((stringify!($Name), $word)),*];

            /// Default settings by iproute2's kind.
            pub fn of_kind(kind: &str) -> Option<Config> {
                match kind { $($word => Some(Config::$Name(Default::default())),)* _ => None }
            }
            /// Default settings by RON variant.
            pub fn of_variant(name: &str) -> Option<Config> {
                $(if name == stringify!($Name) { return Some(Config::$Name(Default::default())); })*
                None
            }
            /// iproute2's kind.
            pub fn kind(&self) -> &'static str { match self { $(Config::$Name(_) => $word),* } }
            /// Made by user space?
            pub fn is_virtual(&self) -> bool { match self { $(Config::$Name(_) => <$T as Driver>::VIRTUAL),* } }
            pub fn setup(&self) -> Setup { match self { $(Config::$Name(_) => <$T as Driver>::SETUP),* } }
            /// (keyword, form of its value) of each setting.
            pub fn words(&self) -> Vec<(&'static str, &'static str)> {
                match self { $(Config::$Name(_) => <$T as Driver>::ARGS.iter().map(|a| (a.word, a.value)).collect()),* }
            }
            /// Changes one setting.
            ///
            /// # Errors
            /// `None`: no such setting. `Some(text)`: a bad value.
            pub fn set(&mut self, word: &str, value: &str) -> Result<(), Option<String>> {
                match self { $(Config::$Name(c) => {
                    let arg = <$T as Driver>::ARGS.iter().find(|a| a.word == word).ok_or(None)?;
                    (arg.set)(c, value).map_err(Some)
                }),* }
            }
            /// (keyword, value) of each setting that has something to show.
            pub fn shown(&self) -> Vec<(&'static str, String)> {
                match self { $(Config::$Name(c) => {
                    <$T as Driver>::ARGS.iter().filter_map(|a| (a.show)(c).map(|v| (a.word, v))).collect()
                }),* }
            }
        }

        impl Kind {
            pub fn name(&self) -> &'static str { match self { $(Kind::$Name(_) => $word),* } }
            /// Made by user space on request?
            pub fn is_virtual(&self) -> bool { match self { $(Kind::$Name(_) => <$T as Driver>::VIRTUAL),* } }
            /// Can't it move to another namespace?
            pub fn netns_immutable(&self) -> bool {
                match self { $(Kind::$Name(_) => <$T as Driver>::NETNS_IMMUTABLE),* }
            }
        }

        #[inline]
        pub(crate) fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::xmit(k, cx, dev, skb)),* }
        }
        pub(crate) fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::open(k, cx, dev)),* }
        }
        pub(crate) fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::stop(k, cx, dev)),* }
        }
        #[inline]
        pub(crate) fn rx(k: &mut Kernel, cx: &mut Cx, master: DevId, port: DevId, skb: SkBuff) -> Option<SkBuff> {
            match k.devs[master].kind { $(Kind::$Name(_) => <$T as Driver>::rx(k, cx, master, port, skb)),* }
        }
        pub(crate) fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Option<DevId> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::dellink(k, cx, dev)),* }
        }
        pub(crate) fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Config) -> Result<(), RtnlError> {
            let kind = match c { $(Config::$Name(c) => Kind::$Name(<$T as Driver>::newlink(k, cx, dev, c)?)),* };
            k.devs[dev].kind = kind;
            Ok(())
        }
        pub(crate) fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Config) -> Result<(), RtnlError> {
            match c { $(Config::$Name(c) => <$T as Driver>::changelink(k, cx, dev, c)),* }
        }
        pub(crate) fn peer(c: &Config) -> Option<veth::Peer> {
            match c { $(Config::$Name(c) => <$T as Driver>::peer(c)),* }
        }
        pub(crate) fn pair(k: &mut Kernel, dev: DevId, peer: DevId) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::pair(k, dev, peer)),* }
        }
        /// The device at the other end of `dev`: `@NAME` of `ip link`.
        pub fn other_end(k: &Kernel, dev: DevId) -> Option<DevId> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::other_end(k, dev)),* }
        }
        pub(crate) fn set_mac(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::set_mac(k, cx, dev, mac)),* }
        }
        pub(crate) fn change_mtu(k: &mut Kernel, dev: DevId, mtu: u32) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::change_mtu(k, dev, mtu)),* }
        }
        pub(crate) fn add_slave(k: &mut Kernel, cx: &mut Cx, master: DevId, dev: DevId) -> Result<(), RtnlError> {
            match k.devs[master].kind { $(Kind::$Name(_) => <$T as Driver>::add_slave(k, cx, master, dev)),* }
        }
        pub(crate) fn del_slave(k: &mut Kernel, cx: &mut Cx, master: DevId, dev: DevId) {
            match k.devs[master].kind { $(Kind::$Name(_) => <$T as Driver>::del_slave(k, cx, master, dev)),* }
        }
        pub(crate) fn slave_changelink(
            k: &mut Kernel,
            cx: &mut Cx,
            master: DevId,
            port: DevId,
            args: &[(String, String)],
        ) -> Result<(), RtnlError> {
            match k.devs[master].kind {
                $(Kind::$Name(_) => <$T as Driver>::slave_changelink(k, cx, master, port, args)),*
            }
        }
        pub(crate) fn notify(k: &mut Kernel, cx: &mut Cx, master: DevId, port: DevId, event: Event) {
            match k.devs[master].kind { $(Kind::$Name(_) => <$T as Driver>::notify(k, cx, master, port, event)),* }
        }
        /// The device's settings as they are now.
        pub fn config(k: &Kernel, dev: DevId) -> Config {
            match k.devs[dev].kind { $(Kind::$Name(_) => Config::$Name(<$T as Driver>::config(k, dev))),* }
        }
    };
}

drivers! {
    Loopback "loopback": loopback::Loopback,
    Physical "phy": phy::Phy,
    Veth "veth": veth::Veth,
    Bridge "bridge": bridge::Bridge,
    Dummy "dummy": dummy::Dummy,
}

impl Kind {
    /// What a device has until its driver's `newlink` made the real state.
    pub(crate) fn unset() -> Kind {
        Kind::Dummy(dummy::Dummy)
    }
}
