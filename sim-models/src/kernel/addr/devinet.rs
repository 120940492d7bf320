//! Adding and deleting an address of a device: primaries, secondaries, promotion (net/ipv4/devinet.c).

use super::{Ifa, event, magic};
use crate::kernel::{Cx, DevId, Errno, Kernel, RtnlError, sysctl::ConfBits};

/// `inet_insert_ifa`: adds an address; `ifa.secondary` is decided here (ADDR-6). 0.0.0.0 is ignored (ADDR-12).
///
/// # Errors
/// EEXIST "ipv4: Address already assigned", EINVAL "ipv4: Invalid scope value" (another scope than the rest of its
/// subnet).
pub fn inet_insert_ifa(k: &mut Kernel, cx: &mut Cx, dev: DevId, mut ifa: Ifa) -> Result<(), RtnlError> {
    if ifa.local == 0 {
        return Ok(());
    }
    ifa.secondary = false;
    let list = k.net_of(dev).addrs.on(dev);
    // Looked for before anything else is found wrong (`find_matching_ifa`).
    if list.iter().any(|other| other.local == ifa.local && other.same_subnet(&ifa)) {
        return Err(RtnlError::msg(Errno::EEXIST, "ipv4: Address already assigned"));
    }
    let mut at = 0;
    for (i, other) in list.iter().enumerate() {
        if !other.secondary && ifa.scope <= other.scope {
            at = i + 1;
        }
        if other.same_subnet(&ifa) {
            if other.scope != ifa.scope {
                return Err(RtnlError::msg(Errno::EINVAL, "ipv4: Invalid scope value"));
            }
            ifa.secondary = true;
        }
    }
    if ifa.secondary {
        at = list.len();
    }
    k.net_of(dev).addrs.insert(dev, at, ifa);
    event::inetaddr_up(k, cx, dev, &ifa);
    Ok(())
}

/// `inet_del_ifa`: deletes the address that is `at` in the list of `dev`, and what hangs on it: its secondaries, or
/// one of them takes its place if promote_secondaries is on (ADDR-8).
///
/// # Panics
/// There is no such address: a mistake of the caller.
pub fn inet_del_ifa(k: &mut Kernel, cx: &mut Cx, dev: DevId, at: usize) {
    let gone = k.net_of(dev).addrs.on(dev)[at];
    let heir = if gone.secondary { None } else { delete_secondaries(k, cx, dev, at) };
    if let Some(heir) = heir {
        // All addresses of the subnet change the address that they send from: away with their routes, which come back
        // below. Done while the list is still whole, so that it is known what else needs those routes.
        let rest = k.net_of(dev).addrs.on(dev)[heir.at..].to_vec();
        for ifa in rest {
            if gone.same_subnet(&ifa) {
                magic::fib_del_ifaddr(k, dev, &ifa, Some(&gone), false);
            }
        }
    }
    k.net_of(dev).addrs.remove(dev, at);
    event::inetaddr_down(k, cx, dev, &gone, false);
    if let Some(heir) = heir {
        promote(k, cx, dev, &gone, heir);
    }
}

/// The secondary that becomes primary.
#[derive(Clone, Copy)]
struct Heir {
    /// Where it is in the list, as long as the old primary is in it.
    at: usize,
    /// Where it goes once that is gone; `None`: it follows it already.
    to: Option<usize>,
}

/// What the end of primary `at` does to its secondaries: deletes them, or finds the heir among them.
fn delete_secondaries(k: &mut Kernel, cx: &mut Cx, dev: DevId, at: usize) -> Option<Heir> {
    let promote = k.devs[dev].conf.has(ConfBits::PROMOTE_SECONDARIES);
    let gone = k.net_of(dev).addrs.on(dev)[at];
    // Where the list goes on after the last primary of this scope or nearer, counted without the old primary.
    let mut to = at;
    let mut between = false;
    let mut i = at + 1;
    while let Some(ifa) = k.net_of(dev).addrs.on(dev).get(i).copied() {
        if !ifa.secondary && gone.scope <= ifa.scope {
            to = i;
        }
        if !ifa.secondary || !gone.same_subnet(&ifa) {
            between = true;
            i += 1;
        } else if promote {
            return Some(Heir { at: i, to: between.then_some(to) });
        } else {
            k.net_of(dev).addrs.remove(dev, i);
            event::inetaddr_down(k, cx, dev, &ifa, false);
        }
    }
    None
}

/// Makes `heir` the primary of the subnet, after `gone` has left the list.
fn promote(k: &mut Kernel, cx: &mut Cx, dev: DevId, gone: &Ifa, heir: Heir) {
    let addrs = &mut k.net_of(dev).addrs;
    let mut ifa = addrs.remove(dev, heir.at - 1);
    ifa.secondary = false;
    addrs.insert(dev, heir.to.unwrap_or(heir.at - 1), ifa);
    event::inetaddr_up(k, cx, dev, &ifa);
    let rest = k.net_of(dev).addrs.on(dev)[heir.at..].to_vec();
    for other in rest {
        if gone.same_subnet(&other) {
            magic::fib_add_ifaddr(k, dev, &other);
        }
    }
}
