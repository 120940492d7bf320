//! `RTM_NEWNEIGH`, `RTM_DELNEIGH`: what `ip neigh` asks (`neigh_add`, `neigh_delete`).
use super::{Cx, Errno, How, Kernel, NsId, Nud, RtnlError};
use crate::{
    kernel::{DevId, neigh},
    packet::Mac,
};

fn device(k: &Kernel, ns: NsId, dev: &str) -> Result<DevId, RtnlError> {
    k.dev_by_name(ns, dev).ok_or_else(|| RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{dev}\"")))
}

/// `ip neigh add|replace|change DST lladdr MAC nud STATE dev DEV`
#[allow(clippy::too_many_arguments, reason = "one request, spelled out")]
pub(super) fn new_neigh(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    dev: &str,
    dst: u32,
    lladdr: Option<Mac>,
    state: Nud,
    how: How,
) -> Result<(), RtnlError> {
    let dev = device(k, ns, dev)?;
    let known = k.neigh4.find(dev, dst);
    let n = match (known, how) {
        (Some(_), How::Add) => return Err(RtnlError::new(Errno::EEXIST)),
        (None, How::Change) => return Err(RtnlError::new(Errno::ENOENT)),
        (Some(n), _) => n,
        (None, _) => neigh::create_by_admin(k, cx, dev, dst, state == Nud::Permanent)
            .ok_or_else(|| RtnlError::new(Errno::ENOBUFS))?,
    };
    neigh::set_origin(k, n, cx.origin);
    neigh::neigh_update(k, cx, n, lladdr, state, neigh::UPDATE_ADMIN | neigh::UPDATE_OVERRIDE);
    Ok(())
}

/// `ip neigh del DST dev DEV`: what waits for the entry hears "host unreachable" (NEIGH-21).
pub(super) fn del_neigh(k: &mut Kernel, cx: &mut Cx, ns: NsId, dev: &str, dst: u32) -> Result<(), RtnlError> {
    let dev = device(k, ns, dev)?;
    let n = k.neigh4.find(dev, dst).ok_or_else(|| RtnlError::new(Errno::ENOENT))?;
    neigh::neigh_update(k, cx, n, None, Nud::Failed, neigh::UPDATE_ADMIN | neigh::UPDATE_OVERRIDE);
    neigh::remove(k, cx, n);
    Ok(())
}

/// `ip neigh add|del proxy IP dev DEV`: adding what is there already is nothing.
pub(super) fn proxy(k: &mut Kernel, ns: NsId, dev: &str, dst: u32, add: bool) -> Result<(), RtnlError> {
    let dev = device(k, ns, dev)?;
    let proxies = &mut k.neigh4.proxies;
    if add {
        proxies.add(dev, dst);
    } else if !proxies.remove(dev, dst) {
        return Err(RtnlError::new(Errno::ENOENT));
    }
    Ok(())
}
