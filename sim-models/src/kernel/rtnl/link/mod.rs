//! `RTM_NEWLINK`, `RTM_DELLINK` (net/core/rtnetlink.c) and the entries of a bridge's table. What `ip` looks up before it
//! asks the kernel is looked up here, with `ip`'s own words if it is not there.

mod create;
mod device;
mod names;
mod remove;
mod set;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub(super) use create::new_link;
pub(crate) use create::register_lo;
pub(crate) use device::{
    changeaddr, dev_close, dev_open, dev_set_allmulti, dev_set_promiscuity, dev_uc_add, dev_uc_del, set_mac_address,
    set_mtu, upper_dev_link, upper_dev_unlink,
};
pub(crate) use remove::cleanup_net;
pub(super) use remove::del_link;
pub(super) use set::set_link;

use super::{Config, Cx, Errno, FdbState, Kernel, LinkAttrs, NsId, RtnlError};
use crate::{
    drivers::{bridge, vxlan},
    kernel::DevId,
    packet::Mac,
};

/// The device that a request names (`ll_name_to_index`). Asking for it settles its link state, as any `ip … dev NAME`
/// does.
///
/// # Errors
/// `ip`'s: there is no such device.
fn named(k: &mut Kernel, cx: &mut Cx, ns: NsId, name: &str) -> Result<DevId, RtnlError> {
    let missing = || RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{name}\""));
    let dev = k.dev_by_name(ns, name).ok_or_else(missing)?;
    crate::kernel::linkwatch::sync_dev(k, cx, dev);
    Ok(dev)
}

/// `netns NAME`, or where the request is made.
///
/// # Errors
/// `ip`'s: there is no such namespace.
fn netns(k: &Kernel, ns: NsId, name: Option<&str>) -> Result<NsId, RtnlError> {
    let Some(name) = name else {
        return Ok(ns);
    };
    k.ns_by_name(name).ok_or_else(|| {
        RtnlError::tool(Errno::EINVAL, format!("Error: argument \"{name}\" is wrong: Invalid \"netns\" value"))
    })
}

/// `master NAME`: its ifindex; 0 for `nomaster`.
///
/// # Errors
/// `ip`'s: there is no such device.
fn master(k: &mut Kernel, cx: &mut Cx, ns: NsId, a: &LinkAttrs) -> Result<Option<u32>, RtnlError> {
    match &a.master {
        None => Ok(None),
        Some(None) => Ok(Some(0)),
        Some(Some(name)) => match named(k, cx, ns, name) {
            Ok(dev) => Ok(Some(k.devs[dev].ifindex)),
            Err(_) => {
                let text = format!("Error: argument \"{name}\" is wrong: Device does not exist");
                Err(RtnlError::tool(Errno::ENODEV, text))
            }
        },
    }
}

/// The bridge whose port `dev` is, and the port's number. `what`: "add" or "delete".
fn bridge_of(k: &Kernel, dev: DevId, what: &str) -> Result<(DevId, u16), RtnlError> {
    let d = &k.devs[dev];
    if d.is_loopback() {
        return Err(RtnlError::msg(Errno::EINVAL, format!("FDB {what} only supported for Ethernet devices")));
    }
    d.master.map(|br| (br, d.port)).ok_or(RtnlError::new(Errno::EOPNOTSUPP))
}

/// `bridge fdb add MAC dev DEV master …` (`rtnl_fdb_add`)
pub(super) fn new_fdb(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    dev: &str,
    mac: Mac,
    s: FdbState,
) -> Result<(), RtnlError> {
    let dev = named(k, cx, ns, dev)?;
    let (br, no) = bridge_of(k, dev, "add")?;
    bridge::add_entry(k, cx, br, no, mac, s)
}

/// `bridge fdb del MAC dev DEV master` (`rtnl_fdb_del`)
pub(super) fn del_fdb(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: &str, mac: Mac) -> Result<(), RtnlError> {
    let dev = named(k, cx, ns, dev)?;
    let (br, no) = bridge_of(k, dev, "delete")?;
    bridge::delete_entry(k, br, no, mac)
}

/// Address, remote, its port and network.
type To = (Mac, Option<u32>, Option<u16>, Option<u32>);

/// `bridge fdb add … dst IP` (`rtnl_fdb_add` with `self`)
pub(super) fn new_remote(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    dev: &str,
    (mac, dst, port, vni): To,
    s: FdbState,
    how: super::How,
) -> Result<(), RtnlError> {
    let dev = named(k, cx, ns, dev)?;
    vxlan::add_remote(k, cx, dev, mac, dst, (port, vni), s, how)
}

/// `bridge fdb del … [dst IP]`
pub(super) fn del_remote(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    dev: &str,
    (mac, dst, port, vni): To,
) -> Result<(), RtnlError> {
    let dev = named(k, cx, ns, dev)?;
    vxlan::delete_remote(k, dev, mac, dst, (port, vni))
}
