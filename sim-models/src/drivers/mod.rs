//! The contract between the kernel and its device drivers, and the list of them. A driver is one file here and one
//! line in [`drivers!`]; the RON variant, `ip link add … type KIND`, its settings and their printing follow from that.

pub mod bridge;
mod dummy;
mod loopback;
pub mod phy;
pub mod veth;

use crate::kernel::{Cx, DevId, Kernel, RtnlError, SkBuff};

/// How a new device of this kind looks before anyone sets anything (`ndo_setup`).
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// `IFF_*`.
    pub flags: u32,
    /// Bytes.
    pub mtu: u32,
    pub min_mtu: u32,
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
}

/// One setting of a driver.
pub struct Arg<C: 'static> {
    /// iproute2's keyword, which is also the field's name in RON.
    pub word: &'static str,
    /// What the value looks like, for help texts: "0|1", "TIME".
    pub value: &'static str,
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

#[cfg(test)]
impl Kind {
    /// For devices of which a test only looks at the tables.
    pub(crate) fn for_tests() -> Kind {
        Kind::Dummy(dummy::Dummy)
    }
}
