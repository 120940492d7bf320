//! What devices and addresses that come and go do to the tables: `inetdev_event`, `fib_netdev_event`,
//! `fib_inetaddr_event`. Link code calls these after it has changed the device.

use super::{Ifa, devinet::inet_insert_ifa, magic};
use crate::kernel::{Cx, DevId, Kernel, arp, neigh, rtnl::Scope, sysctl};
use crate::mutation::{Mutation, on as mutated};

/// 127.0.0.1.
const INADDR_LOOPBACK: u32 = 0x7f00_0001;
/// IPv4 needs this much, bytes (`IPV4_MIN_MTU`, DEV-8).
const MIN_MTU: u32 = 68;

/// An address was added, or became primary.
pub(super) fn inetaddr_up(k: &mut Kernel, _cx: &mut Cx, dev: DevId, ifa: &Ifa) {
    magic::fib_add_ifaddr(k, dev, ifa);
    revive(k, dev);
}

/// An address was deleted; with the last one IPv4 ends on the device (ADDR-10).
pub(super) fn inetaddr_down(k: &mut Kernel, cx: &mut Cx, dev: DevId, ifa: &Ifa, dead: bool) {
    magic::fib_del_ifaddr(k, dev, ifa, None, dead);
    let net = k.net_of(dev);
    net.v4.changed();
    if net.addrs.on(dev).is_empty() {
        net.v4.flush_dev(dev, true, false);
        // NEIGH-20: permanent ones, too.
        neigh::flush_dev(k, cx, dev, true);
        neigh::proxy::ifdown(k, cx, dev);
    }
}

/// `NETDEV_REGISTER`: `dev` is new in its namespace, or has moved there. IPv4 is switched on, with conf/default's
/// values (DEV-41), if the MTU allows it.
pub fn on_register(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if k.devs[dev].mtu >= MIN_MTU {
        inetdev_init(k, cx, dev);
    }
}

/// `inetdev_init`
fn inetdev_init(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    let conf = sysctl::DevConf::from_default(&k.net_of(dev).conf);
    let neigh = sysctl::new_parms(k, cx);
    let cold = &mut k.devs[dev].cold;
    cold.devconf = conf;
    cold.neigh = neigh;
    cold.in_device = true;
    sysctl::refresh(k, dev);
}

/// `NETDEV_UP`: `dev` was set up. `lo` gets 127.0.0.1/8 unless it has it, whatever other addresses there are
/// (DEV-37; seen); the routes of the addresses come back (ADDR-2); with arp_notify they are announced (ARP-25).
pub fn on_up(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if !k.devs[dev].cold.in_device {
        return;
    }
    if k.devs[dev].is_loopback() {
        sysctl::set_all(k, dev);
        let ifa = Ifa {
            local: INADDR_LOOPBACK,
            address: INADDR_LOOPBACK,
            len: 8,
            broadcast: None,
            scope: Scope::Host,
            secondary: false,
            noprefixroute: false,
            label: 0,
            origin: cx.origin,
        };
        // EEXIST: it has it already.
        let _ = inet_insert_ifa(k, cx, dev, ifa);
    }
    if k.devs[dev].conf.arp_notify() != 0 || mutated(Mutation::GratuitousArpAlways) {
        arp::send_gratuitous(k, cx, dev);
    }
    for ifa in k.net_of(dev).addrs.on(dev).to_vec() {
        magic::fib_add_ifaddr(k, dev, &ifa);
    }
    revive(k, dev);
}

/// Next hops by `dev` that were dead serve again.
fn revive(k: &mut Kernel, dev: DevId) {
    let (up, carrier) = (k.devs[dev].is_up(), k.devs[dev].carrier);
    if up {
        k.net_of(dev).v4.revive(dev, carrier);
    }
    k.net_of(dev).v4.changed();
}

/// `NETDEV_CHANGENAME`: labels follow the device's name; of several addresses all but the first get a number, and keep
/// it (`inetdev_changename`).
pub fn on_rename(k: &mut Kernel, dev: DevId) {
    for (at, ifa) in k.net_of(dev).addrs.on_mut(dev).iter_mut().enumerate() {
        match at {
            0 => ifa.label = 0,
            _ if ifa.label == 0 => ifa.label = u16::try_from(at + 1).unwrap_or(u16::MAX),
            _ => {}
        }
    }
}

/// `NETDEV_DOWN`: `dev` was set down. Its routes go, except those to its own addresses (RT-15, DEV-38, ADDR-11).
pub fn on_down(k: &mut Kernel, _cx: &mut Cx, dev: DevId) {
    if k.devs[dev].cold.in_device {
        k.net_of(dev).v4.flush_dev(dev, false, false);
    }
}

/// `NETDEV_UNREGISTER`: `dev` goes away or to another namespace, with all its addresses and routes. It is still in
/// the tables of the old namespace.
pub fn on_unregister(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    inetdev_destroy(k, cx, dev);
    k.net_of(dev).v4.flush_dev(dev, true, true);
}

/// `NETDEV_CHANGE`, sent by linkwatch: the carrier of `dev` came or went (RT-16).
pub fn on_carrier(k: &mut Kernel, _cx: &mut Cx, dev: DevId, up: bool) {
    let d = &k.devs[dev];
    if d.cold.in_device && (d.is_up() || !up) {
        k.net_of(dev).v4.set_linkdown(dev, !up);
    }
}

/// `NETDEV_CHANGEMTU`: below 68 bytes IPv4 is switched off and loses all addresses; from there on it is switched on
/// again, without them (DEV-8). Link code calls it after every change of the MTU.
pub fn on_mtu(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    let valid = k.devs[dev].mtu >= MIN_MTU;
    if k.devs[dev].cold.in_device && !valid {
        inetdev_destroy(k, cx, dev);
    } else if !k.devs[dev].cold.in_device && valid {
        inetdev_init(k, cx, dev);
    }
    k.net_of(dev).v4.changed();
}

/// `inetdev_destroy`: deletes the addresses, nobody inherits.
fn inetdev_destroy(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if !k.devs[dev].cold.in_device {
        return;
    }
    while !k.net_of(dev).addrs.on(dev).is_empty() {
        let ifa = k.net_of(dev).addrs.remove(dev, 0);
        inetaddr_down(k, cx, dev, &ifa, true);
    }
    k.devs[dev].cold.in_device = false;
    sysctl::refresh(k, dev);
    neigh::flush_dev(k, cx, dev, true);
}
