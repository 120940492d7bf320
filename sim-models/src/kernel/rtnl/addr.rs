//! `RTM_NEWADDR`, `RTM_DELADDR` (net/ipv4/devinet.c, iproute2's ipaddress.c).
use super::{Brd, Cx, Errno, IfAddr, Kernel, NsId, RtnlError, Scope, route::no_device};
use crate::{
    kernel::{
        DevId,
        addr::{Ifa, inet_del_ifa, inet_insert_ifa},
        sysctl,
    },
    packet::addr::is_loopback,
};

/// The device that a request names.
fn device(k: &Kernel, ns: NsId, dev: &str) -> Result<DevId, RtnlError> {
    k.dev_by_name(ns, dev).ok_or_else(|| no_device(dev))
}

pub(super) fn new_addr(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: &str, a: &IfAddr) -> Result<(), RtnlError> {
    let dev = device(k, ns, dev)?;
    if a.len > 32 {
        return Err(RtnlError::msg(Errno::EINVAL, "ipv4: Invalid prefix length"));
    }
    // No IPv4 on the device (DEV-8).
    if !k.devs[dev].cold.in_device {
        return Err(RtnlError::new(Errno::ENOBUFS));
    }
    // Even if the address is refused below (DEV-41).
    sysctl::set_all(k, dev);
    let mut ifa = Ifa {
        local: a.local,
        address: a.peer.unwrap_or(a.local),
        len: a.len,
        broadcast: None,
        // iproute2's choice: addresses of 127.0.0.0/8 are the host's own business (ADDR-4).
        scope: a.scope.unwrap_or(if is_loopback(a.local) { Scope::Host } else { Scope::Universe }),
        secondary: false,
        noprefixroute: a.noprefixroute,
        label: 0,
        origin: cx.origin,
    };
    ifa.broadcast = match a.broadcast {
        Some(Brd::Addr(0)) | None => None,
        Some(Brd::Addr(brd)) => Some(brd),
        // `brd +` means nothing where there is no room for a broadcast address (ADDR-4).
        Some(Brd::Plus) => (a.len <= 30).then(|| ifa.last()),
    };
    inet_insert_ifa(k, cx, dev, ifa)
}

pub(super) fn del_addr(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: &str, a: &IfAddr) -> Result<(), RtnlError> {
    let dev = device(k, ns, dev)?;
    if !k.devs[dev].cold.in_device {
        return Err(RtnlError::msg(Errno::ENODEV, "ipv4: Device not found"));
    }
    let any = a.len == IfAddr::ANY_LEN && a.peer.is_none();
    let fits = |i: &Ifa| i.local == a.local && (any || (i.len == a.len && i.contains(a.peer.unwrap_or(a.local))));
    match k.net(ns).addrs.on(dev).iter().position(fits) {
        Some(at) => {
            inet_del_ifa(k, cx, dev, at);
            Ok(())
        }
        None => Err(RtnlError::msg(Errno::EADDRNOTAVAIL, "ipv4: Address not found")),
    }
}
