//! `rtnl_dellink`, `unregister_netdevice_many`: a device goes, and all that hangs on it.

use super::{Cx, Errno, Kernel, NsId, RtnlError, create, device, named, set};
use crate::{
    cpu, drivers,
    kernel::{DevId, addr, boot, linkwatch, neigh},
};

/// `ip link del NAME`
///
/// # Errors
/// No such device; EOPNOTSUPP for what nobody made on request, such as `lo` (DEV-34).
pub(in super::super) fn del_link(k: &mut Kernel, cx: &mut Cx, ns: NsId, name: &str) -> Result<(), RtnlError> {
    let dev = named(k, cx, ns, name)?;
    if !k.devs[dev].kind.is_virtual() {
        return Err(RtnlError::new(Errno::EOPNOTSUPP));
    }
    dellink(k, cx, dev);
    Ok(())
}

/// `cleanup_net` for the devices of a namespace: NICs return to the initial one, as devN if the name is taken there
/// (`default_device_exit_net`); virtual ones are deleted, the youngest first; `lo` is the last.
pub(crate) fn cleanup_net(k: &mut Kernel, cx: &mut Cx, ns: NsId) {
    for dev in k.net(ns).devs.clone() {
        let d = &k.devs[dev];
        if !d.kind.is_virtual() && !d.is_loopback() {
            // There is always a devN that is free.
            let moved = set::change_net_namespace(k, cx, dev, NsId::ROOT, Some("dev%d"));
            debug_assert!(moved.is_ok());
        }
    }
    while let Some(dev) = k.net(ns).devs.iter().copied().rfind(|d| k.devs[*d].kind.is_virtual()) {
        dellink(k, cx, dev);
    }
    let rest = k.net(ns).devs.clone();
    unregister(k, cx, &rest);
}

/// The driver says what goes with it (a veth's peer, DEV-33).
pub(super) fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    boot::remarks(k, cx, |k| {
        let d = &k.devs[dev];
        let other = drivers::pair_of(k, dev).map(|o| &k.devs[o]);
        let too = other.map_or(String::new(), |o| format!("; its peer {} goes, too", boot::place(k, o.ns, o.name())));
        format!("RTM_DELLINK {}{too}", boot::place(k, d.ns, d.name()))
    });
    match drivers::dellink(k, cx, dev) {
        Some(other) => unregister(k, cx, &[dev, other]),
        None => unregister(k, cx, &[dev]),
    }
}

/// `unregister_netdevice_many`: all are closed and taken off the lists, packets that wait for them are lost, and only
/// then addresses, neighbours and the master hear of it.
pub(super) fn unregister(k: &mut Kernel, cx: &mut Cx, devs: &[DevId]) {
    for dev in devs {
        k.devs[*dev].cold.unregistering = true;
        device::dev_close(k, cx, *dev);
    }
    for dev in devs {
        linkwatch::forget(k, *dev);
        create::unlist(k, *dev);
        cpu::purge_dev(k, cx, *dev);
    }
    for dev in devs {
        leave(k, cx, *dev);
        // What is made on it goes with it.
        for upper in std::mem::take(&mut k.devs[*dev].cold.uppers) {
            if k.devs.get(upper).is_some_and(|u| !u.cold.unregistering) && drivers::goes_with_lower(k, upper, *dev) {
                dellink(k, cx, upper);
            }
        }
        linkwatch::forget(k, *dev);
        k.devs.remove(*dev);
    }
}

/// `NETDEV_UNREGISTER`: what a device loses that goes away, or to another namespace (DEV-30).
pub(super) fn leave(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    addr::on_unregister(k, cx, dev);
    neigh::flush_dev(k, cx, dev, true);
    neigh::proxy::ifdown(k, cx, dev);
    if let Some(master) = k.devs[dev].master {
        drivers::del_slave(k, cx, master, dev);
    }
}
