//! `rtnl_setlink`: changing a device.

use super::{Cx, Errno, Kernel, LinkAttrs, NsId, RtnlError, create, device, master, named, names, netns, remove};
use crate::{
    drivers::{self, bridge},
    kernel::{DevId, addr, boot, linkwatch},
};

/// `ip link set NAME …`: first the driver's own settings and those of the port, then as [`do_setlink`] orders it. What
/// was done before something is refused stays done, as in the kernel.
///
/// # Errors
/// `ip`'s and the kernel's, in their order.
pub(in super::super) fn set_link(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    name: &str,
    a: &LinkAttrs,
) -> Result<(), RtnlError> {
    let target = netns(k, ns, a.netns.as_deref())?;
    let upper = master(k, cx, ns, a)?;
    if let Some(new) = &a.rename {
        names::check_ifname("name", new)?;
    }
    let dev = named(k, cx, ns, name)?;
    bridge::check_slave_args(&a.slave_args)?;
    let mut notify = false;
    if !a.kind_args.is_empty() {
        changelink(k, cx, dev, &a.kind_args)?;
        notify = true;
    }
    if !a.slave_args.is_empty() {
        let upper = k.devs[dev].master.ok_or(RtnlError::new(Errno::EOPNOTSUPP))?;
        drivers::slave_changelink(k, cx, upper, dev, &a.slave_args)?;
        notify = true;
    }
    if k.devs[dev].ns != target {
        // `ip` does not pass on the name that the device has already.
        let pattern = a.rename.as_deref().filter(|new| *new != name);
        change_net_namespace(k, cx, dev, target, pattern)?;
    }
    let done = do_setlink(k, cx, dev, a, upper, &mut notify);
    if notify {
        linkwatch::netdev_state_change(k, cx, dev);
    }
    done
}

/// `do_setlink` from the address on. `notify`: whether the device is to say that it changed.
fn do_setlink(
    k: &mut Kernel,
    cx: &mut Cx,
    dev: DevId,
    a: &LinkAttrs,
    upper: Option<u32>,
    notify: &mut bool,
) -> Result<(), RtnlError> {
    if let Some(mac) = a.address {
        device::set_mac_address(k, cx, dev, mac)?;
    }
    if let Some(mtu) = a.mtu {
        device::set_mtu(k, cx, dev, mtu)?;
    }
    if let Some(new) = &a.rename {
        change_name(k, cx, dev, new)?;
    }
    *notify |= device::change_flags(k, cx, dev, a);
    match a.up {
        Some(true) => device::dev_open(k, cx, dev)?,
        Some(false) => device::dev_close(k, cx, dev),
        None => {}
    }
    if let Some(upper) = upper {
        do_set_master(k, cx, dev, upper)?;
    }
    if let Some(len) = a.txqueuelen {
        *notify |= k.devs[dev].cold.tx_queue_len != len;
        k.devs[dev].cold.tx_queue_len = len;
    }
    Ok(())
}

/// `type KIND WORD VALUE …`, onto the settings as they are.
fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, args: &[(String, String)]) -> Result<(), RtnlError> {
    let mut config = drivers::config(k, dev);
    for (word, value) in args {
        config.set(word, value).map_err(|e| {
            let text = match e {
                Some(text) => format!("Error: {text}"),
                None => format!("{}: unknown command \"{word}\"?", config.kind()),
            };
            RtnlError::tool(Errno::EINVAL, text)
        })?;
    }
    drivers::changelink(k, cx, dev, &config)
}

/// `dev_change_name`: an up device may be renamed, too.
fn change_name(k: &mut Kernel, cx: &Cx, dev: DevId, new: &str) -> Result<(), RtnlError> {
    let (ns, old) = (k.devs[dev].ns, k.devs[dev].name().to_owned());
    if old != new {
        let name = names::dev_get_valid_name(k, ns, new)?;
        k.devs.rename(dev, ns, &name);
        addr::on_rename(k, dev);
        let up = if k.devs[dev].is_up() { " (while UP)" } else { "" };
        boot::says(k, cx, |_| format!("{name}: renamed from {old}{up}"));
    }
    Ok(())
}

/// `do_set_master`: an old master lets go of it first, even if the new one then refuses it. `upper`: an ifindex of the
/// device's own namespace, 0 for none.
pub(super) fn do_set_master(k: &mut Kernel, cx: &mut Cx, dev: DevId, upper: u32) -> Result<(), RtnlError> {
    if let Some(old) = k.devs[dev].master {
        if k.devs[old].ifindex == upper {
            return Ok(());
        }
        drivers::del_slave(k, cx, old, dev);
    }
    if upper == 0 {
        return Ok(());
    }
    let new = k.dev_by_index(k.devs[dev].ns, upper).ok_or(RtnlError::new(Errno::EINVAL))?;
    drivers::add_slave(k, cx, new, dev)
}

/// `dev_change_net_namespace` (DEV-29 to 32): the device is closed and loses addresses, routes, neighbours and its
/// master; it keeps its MAC, MTU, statistics, its peer, its name if that is free there (`pattern` is the second choice),
/// and its ifindex, if it is.
pub(super) fn change_net_namespace(
    k: &mut Kernel,
    cx: &mut Cx,
    dev: DevId,
    ns: NsId,
    pattern: Option<&str>,
) -> Result<(), RtnlError> {
    if k.devs[dev].kind.netns_immutable() {
        return Err(RtnlError::msg(Errno::EINVAL, "The interface netns is immutable"));
    }
    let mut name = k.devs[dev].name().to_owned();
    if k.dev_by_name(ns, &name).is_some() {
        let taken = "An interface with the same name exists in the target netns";
        let pattern = pattern.ok_or(RtnlError::msg(Errno::EEXIST, taken))?;
        name = names::dev_get_valid_name(k, ns, pattern).map_err(|e| {
            let text = format!("Unable to use '{pattern}' for the new interface name in the target netns");
            RtnlError::msg(e.errno, text)
        })?;
    }
    let ifindex = names::dev_index_reserve(k, ns, k.devs[dev].ifindex);
    boot::remarks(k, cx, |k| {
        let (from, to) = (boot::place(k, k.devs[dev].ns, k.devs[dev].name()), &k.net(ns).name);
        format!("RTM_SETLINK {from}: moves to namespace {to}; its addresses, routes and neighbours stay behind")
    });
    device::dev_close(k, cx, dev);
    create::unlist(k, dev);
    remove::leave(k, cx, dev);
    k.devs.rename(dev, ns, &name);
    k.devs[dev].ifindex = ifindex;
    create::list(k, dev);
    addr::on_register(k, cx, dev);
    Ok(())
}
