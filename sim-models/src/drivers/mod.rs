//! The contract between the kernel and its device drivers, and the list of them. A driver is one file here and one
//! line in `drivers!`; the RON variant, `ip link add … type KIND`, its settings and their printing follow from that.

pub mod bridge;
mod dummy;
mod loopback;
pub mod macvlan;
pub mod phy;
pub mod veth;
pub mod vlan;
pub mod vxlan;

use crate::kernel::{Cx, DevId, Errno, Kernel, NsId, RtnlError, SkBuff};
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

/// A device that is asked for, before it is registered: [`Driver::prepare`] may refuse it, or change how it looks.
#[derive(Clone, Copy, Debug)]
pub struct New {
    /// The namespace that it is asked for in, where names and numbers of other devices mean something.
    pub link_ns: NsId,
    /// `link DEV` (`IFLA_LINK`).
    pub link: Option<DevId>,
    /// `None`: drawn.
    pub address: Option<Mac>,
    /// The address was asked for (`NET_ADDR_SET`).
    pub mac_set: bool,
    /// Bytes; `None`: that of `setup`.
    pub mtu: Option<u32>,
    pub setup: Setup,
}

/// What a master hears of its ports, and a device of the one below it (`NETDEV_*`).
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
    /// What the driver keeps for a whole host, not for one device.
    type Shared: Default;
    /// Made by user space on request; `false` for what device enumeration finds or every namespace has.
    const VIRTUAL: bool = true;

    /// It is made on another device: `link DEV`.
    const LINK: bool = false;
    /// Looks at a request before the device is registered (the first half of `newlink`).
    ///
    /// # Errors
    /// The kernel's own.
    fn prepare(_k: &Kernel, _new: &mut New, _c: &Self::Config) -> Result<(), RtnlError> {
        Ok(())
    }
    /// Makes the driver's state for the registered device `dev`.
    ///
    /// # Errors
    /// The kernel's own for a bad request; the device is unregistered again.
    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Self::Config) -> Result<Self, RtnlError>;
    /// Sends a frame (`ndo_start_xmit`).
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff);
    /// `IFF_UP` was set, `IFF_UP` was cleared (`ndo_open`, `ndo_stop`).
    ///
    /// # Errors
    /// The driver's own: the device then stays down.
    fn open(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) -> Result<(), RtnlError> {
        Ok(())
    }
    fn stop(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
    /// As the [`NetDevice::rx_handler`](crate::kernel::NetDevice::rx_handler) of `port`: takes a frame that was received
    /// there; gives it back to pass it on to the stack, or, with another `skb.dev`, to have it received there.
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
    /// The other one of a pair.
    fn pair_of(_k: &Kernel, _dev: DevId) -> Option<DevId> {
        None
    }
    /// Filters by several unicast addresses (`IFF_UNICAST_FLT`).
    const UNICAST_FLT: bool = false;
    /// A link aggregate: its ports' events are urgent (DEV-14).
    const LAG: bool = false;
    /// Somebody wants to see more, or the last one no longer does: `flag` is PROMISC or ALLMULTI
    /// (`ndo_change_rx_flags`).
    fn change_rx_flags(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _flag: u32, _on: bool) {}
    /// A timer that the driver set for the device ([`Timer::Device`](crate::kernel::timer::Timer)) has fired.
    fn timer(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
    /// Something happened to the device below it.
    fn lower_event(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _lower: DevId, _event: Event) {}
    /// The device below it is unregistered: does it go, too?
    fn goes_with_lower(_k: &Kernel, _dev: DevId, _lower: DevId) -> bool {
        true
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
    ///
    /// # Errors
    /// The driver's own, for limits that another device sets.
    fn change_mtu(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
        k.devs[dev].mtu = mtu;
        Ok(())
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
    /// What the value looks like, for help texts: "0|1", "TIME". Empty: the word alone says it, and is set with "".
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
            /// Is it made on another device (`link DEV`)?
            pub fn has_link(&self) -> bool { match self { $(Config::$Name(_) => <$T as Driver>::LINK),* } }
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
                    match value {
                        "false" if arg.value.is_empty() => Ok(()),
                        "true" if arg.value.is_empty() => (arg.set)(c, ""),
                        value => (arg.set)(c, value),
                    }.map_err(Some)
                }),* }
            }
            /// (keyword, value) of each setting that has something to show.
            pub fn shown(&self) -> Vec<(&'static str, String)> {
                match self { $(Config::$Name(c) => {
                    <$T as Driver>::ARGS.iter().filter_map(|a| (a.show)(c).map(|v| (a.word, v))).collect()
                }),* }
            }
        }

        /// What drivers keep for a whole host.
        #[derive(Default)]
        #[allow(non_snake_case, dead_code, reason = "named as the drivers are, of which most keep nothing here")]
        pub struct Shared { $(pub(crate) $Name: <$T as Driver>::Shared),* }

        impl Kind {
            /// Does it filter by several unicast addresses?
            pub fn unicast_filter(&self) -> bool { match self { $(Kind::$Name(_) => <$T as Driver>::UNICAST_FLT),* } }
            /// Is it a link aggregate?
            pub fn is_lag(&self) -> bool { match self { $(Kind::$Name(_) => <$T as Driver>::LAG),* } }
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
        pub(crate) fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
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
        /// The other one of a pair.
        pub(crate) fn pair_of(k: &Kernel, dev: DevId) -> Option<DevId> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::pair_of(k, dev)),* }
        }
        pub(crate) fn prepare(k: &Kernel, new: &mut New, c: &Config) -> Result<(), RtnlError> {
            match c { $(Config::$Name(c) => <$T as Driver>::prepare(k, new, c)),* }
        }
        pub(crate) fn change_rx_flags(k: &mut Kernel, cx: &mut Cx, dev: DevId, flag: u32, on: bool) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::change_rx_flags(k, cx, dev, flag, on)),* }
        }
        fn lower_event(k: &mut Kernel, cx: &mut Cx, dev: DevId, lower: DevId, event: Event) {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::lower_event(k, cx, dev, lower, event)),* }
        }
        pub(crate) fn timer(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
            match k.devs.get(dev).map(|d| &d.kind) {
                $(Some(Kind::$Name(_)) => <$T as Driver>::timer(k, cx, dev),)*
                None => {}
            }
        }
        pub(crate) fn goes_with_lower(k: &Kernel, dev: DevId, lower: DevId) -> bool {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::goes_with_lower(k, dev, lower)),* }
        }
        pub(crate) fn set_mac(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::set_mac(k, cx, dev, mac)),* }
        }
        pub(crate) fn change_mtu(k: &mut Kernel, cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
            match k.devs[dev].kind { $(Kind::$Name(_) => <$T as Driver>::change_mtu(k, cx, dev, mtu)),* }
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
    Vlan "vlan": vlan::Vlan,
    Macvlan "macvlan": macvlan::Macvlan,
    Vxlan "vxlan": vxlan::Vxlan,
}

/// The device at the other end of `dev`, or the one that it is made on: `@NAME` of `ip link`.
pub fn other_end(k: &Kernel, dev: DevId) -> Option<DevId> {
    pair_of(k, dev).or(k.devs[dev].cold.link).filter(|d| k.devs.get(*d).is_some())
}

/// `dev_get_iflink`: the number of that device, or its own (DEV-15).
pub fn iflink(k: &Kernel, dev: DevId) -> u32 {
    k.devs[other_end(k, dev).unwrap_or(dev)].ifindex
}

/// `call_netdevice_notifiers`: the master hears what happened to `dev`, then all devices on top of it.
pub(crate) fn notify_all(k: &mut Kernel, cx: &mut Cx, dev: DevId, event: Event) {
    if let Some(master) = k.devs[dev].master {
        notify(k, cx, master, dev, event);
    }
    // An empty list is copied without allocating.
    for upper in k.devs[dev].cold.uppers.clone() {
        if k.devs.get(upper).is_some() {
            lower_event(k, cx, upper, dev, event);
        }
    }
}

impl Kind {
    /// What a device has until its driver's `newlink` made the real state.
    pub(crate) fn unset() -> Kind {
        Kind::Dummy(dummy::Dummy)
    }
}
