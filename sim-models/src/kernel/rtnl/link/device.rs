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

/// `dev_open`: the driver first (it may bring the carrier), then the qdisc if there is a carrier (DEV-18), then routes.
///
/// # Errors
/// The driver's: the device stays down.
pub(crate) fn dev_open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
    if k.devs[dev].is_up() {
        return Ok(());
    }
    k.devs[dev].flags |= IFF_UP;
    if let Err(e) = drivers::open(k, cx, dev) {
        k.devs[dev].flags &= !IFF_UP;
        return Err(e);
    }
    set_rx_mode(k, cx, dev);
    let d = &mut k.devs[dev];
    d.noop = !d.carrier;
    addr::on_up(k, cx, dev);
    drivers::notify_all(k, cx, dev, Event::Up);
    Ok(())
}

/// `dev_close` (DEV-39): neighbours go with the routes, permanent ones too.
pub(crate) fn dev_close(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
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
    drivers::notify_all(k, cx, dev, Event::Down);
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
    let old = k.devs[dev].mtu;
    drivers::change_mtu(k, cx, dev, mtu)?;
    k.net_of(dev).exceptions.on_mtu(dev, mtu, old);
    addr::on_mtu(k, cx, dev);
    drivers::notify_all(k, cx, dev, Event::ChangeMtu);
    Ok(())
}

/// `dev_set_mac_address`: by hand.
///
/// # Errors
/// The driver's, unless the device has that address already.
pub(crate) fn set_mac_address(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
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
    drivers::notify_all(k, cx, dev, Event::ChangeAddr);
}

/// `__dev_set_promiscuity`: one more wants to see all frames, or one less. The driver hears of the first and the last.
pub(crate) fn dev_set_promiscuity(k: &mut Kernel, cx: &mut Cx, dev: DevId, on: bool) {
    if count(&mut k.devs[dev].cold.promiscuity, on) {
        flag(k, dev, IFF_PROMISC, on);
        boot::mode(k, cx, dev, on, "promiscuous");
        drivers::change_rx_flags(k, cx, dev, IFF_PROMISC, on);
    }
}

/// `netif_set_allmulti`
pub(crate) fn dev_set_allmulti(k: &mut Kernel, cx: &mut Cx, dev: DevId, on: bool) {
    if count(&mut k.devs[dev].cold.allmulti, on) {
        flag(k, dev, IFF_ALLMULTI, on);
        boot::mode(k, cx, dev, on, "allmulticast");
        drivers::change_rx_flags(k, cx, dev, IFF_ALLMULTI, on);
    }
}

fn flag(k: &mut Kernel, dev: DevId, bit: u32, on: bool) {
    let flags = &mut k.devs[dev].flags;
    if on { *flags |= bit } else { *flags &= !bit }
}

/// True: the first one came, or the last one went.
fn count(n: &mut u32, on: bool) -> bool {
    let was = *n;
    *n = if on { was + 1 } else { was.saturating_sub(1) };
    (was == 0) != (*n == 0)
}

/// `dev_uc_add`: `dev` is to receive what is sent to `mac`, too.
pub(crate) fn dev_uc_add(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) {
    let uc = &mut k.devs[dev].cold.uc;
    match uc.iter_mut().find(|a| a.0 == mac) {
        Some(a) => a.1 += 1,
        None => uc.push((mac, 1)),
    }
    set_rx_mode(k, cx, dev);
}

/// `dev_uc_del`
pub(crate) fn dev_uc_del(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) {
    let Some(d) = k.devs.get_mut(dev) else { return };
    let uc = &mut d.cold.uc;
    if let Some(i) = uc.iter().position(|a| a.0 == mac) {
        uc[i].1 -= 1;
        if uc[i].1 == 0 {
            uc.remove(i);
        }
    }
    set_rx_mode(k, cx, dev);
}

/// `__dev_set_rx_mode`: a device that can't filter by several addresses has to be promiscuous to hear them.
fn set_rx_mode(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    let d = &mut k.devs[dev];
    if !d.is_up() || d.kind.unicast_filter() {
        return;
    }
    let wanted = !d.cold.uc.is_empty();
    if wanted != d.cold.uc_promisc {
        d.cold.uc_promisc = wanted;
        dev_set_promiscuity(k, cx, dev, wanted);
    }
}

/// `netdev_upper_dev_link`: `upper` hears from now on what happens to `lower`.
pub(crate) fn upper_dev_link(k: &mut Kernel, lower: DevId, upper: DevId) {
    k.devs[lower].cold.uppers.push(upper);
}

/// `netdev_upper_dev_unlink`
pub(crate) fn upper_dev_unlink(k: &mut Kernel, lower: DevId, upper: DevId) {
    if let Some(d) = k.devs.get_mut(lower) {
        d.cold.uppers.retain(|u| *u != upper);
    }
}

/// `ip link set DEV arp|promisc|allmulticast on|off`. True: an up device is to say that it changed.
pub(super) fn change_flags(k: &mut Kernel, cx: &mut Cx, dev: DevId, a: &super::LinkAttrs) -> bool {
    let d = &mut k.devs[dev];
    let was = (d.flags, d.cold.gflags);
    let put = |flags: &mut u32, bit: u32, on: Option<bool>| match on {
        Some(true) => *flags |= bit,
        Some(false) => *flags &= !bit,
        None => {}
    };
    put(&mut d.flags, IFF_NOARP, a.arp.map(|on| !on));
    put(&mut d.cold.gflags, IFF_PROMISC, a.promisc);
    put(&mut d.cold.gflags, IFF_ALLMULTI, a.allmulticast);
    let (arp, user) = (was.0 ^ d.flags, (was.1 ^ d.cold.gflags, d.cold.gflags));
    if user.0 & IFF_PROMISC != 0 {
        dev_set_promiscuity(k, cx, dev, user.1 & IFF_PROMISC != 0);
    }
    if user.0 & IFF_ALLMULTI != 0 {
        dev_set_allmulti(k, cx, dev, user.1 & IFF_ALLMULTI != 0);
    }
    // arp_netdev_event
    let arp = arp & IFF_NOARP != 0 && k.devs[dev].is_up();
    if arp {
        neigh::flush_dev(k, cx, dev, true);
    }
    arp
}
