//! The sysctl tree of a namespace: `net.ipv4.*`, `net.ipv4.conf.{all,default,DEV}.*`, `net.ipv4.neigh.DEV.*`,
//! `net.core.*`.

mod bits;
mod conf;
mod dev;
mod key;
mod neigh;
mod net;
#[cfg(test)]
mod tests;
mod value;

pub use bits::ConfBits;
pub use conf::{DevConf, NetConf};
pub(crate) use neigh::{new_parms, redraw_reachable};

use super::{Cx, DevId, Kernel, NsId, RtnlError};
use key::{Key, Place};

/// `sysctl -w KEY=VALUE` in `ns`; dots or slashes between the words, a device's name may contain dots.
///
/// # Errors
/// In the words of sysctl(8): ENOENT no such key, EINVAL a bad value; EOPNOTSUPP for what the kernel has and the
/// simulator has not.
pub(crate) fn write(k: &mut Kernel, cx: &mut Cx, ns: NsId, key: &str, value: &str) -> Result<(), RtnlError> {
    let key = Key::parse(k, ns, key)?;
    match key.place {
        Place::Conf(whose, name) => dev::write(k, ns, &key, whose, name, value),
        Place::Ipv4(name) => net::write_ipv4(k, ns, &key, name, value),
        Place::Core(name) => net::write_core(k, ns, &key, name, value),
        Place::Neigh(whose, name) => neigh::write(k, cx, &key, whose, name, value),
        Place::Fixed(only) => value::fixed(&key, only, value),
    }
}

/// `sysctl -n KEY` in `ns`.
///
/// # Errors
/// ENOENT: no such key; EOPNOTSUPP: the kernel has it and the simulator has not.
pub fn read(k: &Kernel, ns: NsId, key: &str) -> Result<String, RtnlError> {
    let key = Key::parse(k, ns, key)?;
    match key.place {
        Place::Conf(whose, name) => dev::read(k, ns, &key, whose, name),
        Place::Ipv4(name) => net::read_ipv4(k, ns, &key, name),
        Place::Core(name) => net::read_core(k, ns, &key, name),
        Place::Neigh(whose, name) => neigh::read(k, &key, whose, name),
        Place::Fixed(only) => Ok(only.to_owned()),
    }
}

/// Recomputes what packets ask of `dev`: its own values and those of `all` (DEV-43). To be called after any change of
/// either, and after IPv4 was switched on or off for the device.
pub(crate) fn refresh(k: &mut Kernel, dev: DevId) {
    let d = &k.devs[dev];
    let new = ConfBits::combine(&k.net(d.ns).conf.all, &d.cold.devconf, d.cold.in_device);
    let changed = new.0 ^ d.conf.0;
    k.devs[dev].conf = new;
    if changed & ConfBits::IGNORE_LINKDOWN != 0 {
        k.net_of(dev).v4.set_ignore_linkdown(dev, new.has(ConfBits::IGNORE_LINKDOWN));
    }
}

/// [`refresh`] for all devices of a namespace.
pub(crate) fn refresh_all(k: &mut Kernel, ns: NsId) {
    for i in 0..k.net(ns).devs.len() {
        refresh(k, k.net(ns).devs[i]);
    }
}

/// `ipv4_devconf_setall`, `neigh_parms_data_state_setall`: from the first address on all values of the device count as
/// written (DEV-41).
pub(crate) fn set_all(k: &mut Kernel, dev: DevId) {
    let cold = &mut k.devs[dev].cold;
    cold.devconf.state = u32::MAX;
    cold.neigh.state = u32::MAX;
}
