//! net/core/dev.c, the administrative part: up and down, address, MTU, and who hears of it.

use super::{Cx, Errno, Kernel, RtnlError};
use crate::{
    drivers::{self, Event},
    kernel::{
        DevId, addr, arp, boot, neigh,
        netdevice::{IFF_ALLMULTI, IFF_NOARP, IFF_PROMISC, IFF_UP},
    },
    packet::Mac,
};

/// A master hears what happened to its port.
fn notify(k: &mut Kernel, cx: &mut Cx, dev: DevId, event: Event) {
    if let Some(master) = k.devs[dev].master {
        drivers::notify(k, cx, master, dev, event);
    }
}

/// `dev_open`: the driver first (it may bring the carrier), then the qdisc if there is a carrier (DEV-18), then routes.
pub(super) fn dev_open(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if k.devs[dev].is_up() {
        return;
    }
    k.devs[dev].flags |= IFF_UP;
    drivers::open(k, cx, dev);
    let d = &mut k.devs[dev];
    d.noop = !d.carrier;
    addr::on_up(k, cx, dev);
    notify(k, cx, dev, Event::Up);
}

/// `dev_close` (DEV-39): neighbours go with the routes, permanent ones too.
pub(super) fn dev_close(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    if !k.devs[dev].is_up() {
        return;
    }
    let d = &mut k.devs[dev];
    d.flags &= !IFF_UP;
    d.noop = true;
    drivers::stop(k, cx, dev);
    addr::on_down(k, cx, dev);
    neigh::flush_dev(k, cx, dev, true);
    neigh::proxy::ifdown(k, cx, dev);
    notify(k, cx, dev, Event::Down);
}

/// `dev_validate_mtu` (DEV-6)
///
/// # Errors
/// EINVAL with the kernel's texts.
pub(super) fn validate_mtu(min: u32, max: u32, mtu: u32) -> Result<(), RtnlError> {
    if mtu < min {
        return Err(RtnlError::msg(Errno::EINVAL, "mtu less than device minimum"));
    }
    if max > 0 && mtu > max {
        return Err(RtnlError::msg(Errno::EINVAL, "mtu greater than device maximum"));
    }
    Ok(())
}

/// `dev_set_mtu`: the same MTU again is nothing (DEV-7). Below 68 bytes IPv4 is switched off, with all addresses; back
/// above, it is on again without them (DEV-8).
///
/// # Errors
/// Out of the device's limits.
pub(crate) fn set_mtu(k: &mut Kernel, cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
    let d = &k.devs[dev];
    if d.mtu == mtu {
        return Ok(());
    }
    validate_mtu(d.cold.min_mtu, d.cold.max_mtu, mtu)?;
    drivers::change_mtu(k, dev, mtu);
    addr::on_mtu(k, cx, dev);
    notify(k, cx, dev, Event::ChangeMtu);
    Ok(())
}

/// `dev_set_mac_address`: by hand.
///
/// # Errors
/// The driver's, unless the device has that address already.
pub(super) fn set_mac_address(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
    if k.devs[dev].mac != mac {
        drivers::set_mac(k, cx, dev, mac)?;
    }
    k.devs[dev].cold.mac_set = true;
    changeaddr(k, cx, dev);
    Ok(())
}

/// `NETDEV_CHANGEADDR`: `dev` has another address. Its neighbours are forgotten (BR-7), with arp_notify it says so
/// (ARP-25), its master learns of it.
pub(crate) fn changeaddr(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    neigh::flush_dev(k, cx, dev, true);
    if k.devs[dev].conf.arp_notify() != 0 {
        arp::send_gratuitous(k, cx, dev);
    }
    notify(k, cx, dev, Event::ChangeAddr);
}

/// `dev_set_promiscuity`: one more wants to see all frames, or one less.
pub(crate) fn dev_set_promiscuity(k: &mut Kernel, cx: &Cx, dev: DevId, on: bool) {
    if count(&mut k.devs[dev].cold.promiscuity, on) {
        boot::mode(k, cx, dev, on, "promiscuous");
    }
}

/// `dev_set_allmulti`
pub(crate) fn dev_set_allmulti(k: &mut Kernel, cx: &Cx, dev: DevId, on: bool) {
    if count(&mut k.devs[dev].cold.allmulti, on) {
        boot::mode(k, cx, dev, on, "allmulticast");
    }
}

/// True: the first one came, or the last one went.
fn count(n: &mut u32, on: bool) -> bool {
    let was = *n;
    *n = if on { was + 1 } else { was.saturating_sub(1) };
    (was == 0) != (*n == 0)
}

/// `ip link set DEV arp|promisc|allmulticast on|off`. True: an up device is to say that it changed.
pub(super) fn change_flags(k: &mut Kernel, cx: &mut Cx, dev: DevId, a: &super::LinkAttrs) -> bool {
    let d = &mut k.devs[dev];
    let was = d.flags;
    let mut put = |bit: u32, on: Option<bool>| match on {
        Some(true) => d.flags |= bit,
        Some(false) => d.flags &= !bit,
        None => {}
    };
    put(IFF_NOARP, a.arp.map(|on| !on));
    put(IFF_PROMISC, a.promisc);
    put(IFF_ALLMULTI, a.allmulticast);
    let flags = d.flags;
    let changed = was ^ flags;
    if changed & IFF_PROMISC != 0 {
        dev_set_promiscuity(k, cx, dev, flags & IFF_PROMISC != 0);
    }
    if changed & IFF_ALLMULTI != 0 {
        dev_set_allmulti(k, cx, dev, flags & IFF_ALLMULTI != 0);
    }
    // arp_netdev_event
    let arp = changed & IFF_NOARP != 0 && k.devs[dev].is_up();
    if arp {
        neigh::flush_dev(k, cx, dev, true);
    }
    arp
}
