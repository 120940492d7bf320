//! `rtnl_dellink`, `unregister_netdevice_many`: a device goes, and all that hangs on it.

use super::{Cx, Errno, Kernel, NsId, RtnlError, create, device, named};
use crate::{
    cpu, drivers,
    kernel::{DevId, addr, linkwatch, neigh},
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

/// The driver says what goes with it (a veth's peer, DEV-33).
pub(super) fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    match drivers::dellink(k, cx, dev) {
        Some(other) => unregister(k, cx, &[dev, other]),
        None => unregister(k, cx, &[dev]),
    }
}

/// `unregister_netdevice_many`: all are closed and taken off the lists, packets that wait for them are lost, and only
/// then addresses, neighbours and the master hear of it.
pub(super) fn unregister(k: &mut Kernel, cx: &mut Cx, devs: &[DevId]) {
    for dev in devs {
        device::dev_close(k, cx, *dev);
    }
    for dev in devs {
        linkwatch::forget(k, *dev);
        create::unlist(k, *dev);
        cpu::purge_dev(k, cx, *dev);
    }
    for dev in devs {
        leave(k, cx, *dev);
        linkwatch::forget(k, *dev);
        k.devs.remove(*dev);
    }
}

/// `NETDEV_UNREGISTER`: what a device loses that goes away, or to another namespace (DEV-30).
pub(super) fn leave(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    addr::on_unregister(k, cx, dev);
    neigh::flush_dev(k, cx, dev, true);
    if let Some(master) = k.devs[dev].master {
        drivers::del_slave(k, cx, master, dev);
    }
}
