//! What was learned about single destinations: a smaller MTU on the way, a better gateway (`struct fib_nh_exception`).
//!
//! Whoever has learned nothing keeps nothing: a lookup asks one length.

use super::{Flow, ip_route_output};
use crate::kernel::{
    Cx, DevId, Kernel, NsId, addr::inet_addr_onlink, fib::Hit, neigh, rtnl::RouteType, sysctl::ConfBits,
};
use crate::packet::addr::{is_lbcast, is_multicast, is_zeronet};
use std::collections::BTreeMap;

/// `FNHE_HASH_SIZE` chains of `FNHE_RECLAIM_DEPTH` entries: beyond that the oldest goes.
const MOST: usize = 2048 * 5;
/// `RT_GC_TIMEOUT`: how long a redirect is believed, seconds.
const REDIRECT_S: u64 = 300;

/// One exception. It hangs on a next hop: [`Hit::id`] and the leg.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    /// Bytes; 0: none learned.
    pub pmtu: u32,
    /// The MTU reported was below `min_pmtu`: nobody sets DF any more (IP-25, 34).
    pub locked: bool,
    /// The gateway that a redirect named; 0: none.
    pub gw: u32,
    /// Ticks.
    pub expires: u64,
    stamp: u64,
    /// Whose change of MTU it follows (IP-38).
    dev: DevId,
}

impl Default for Exception {
    fn default() -> Self {
        Exception { pmtu: 0, locked: false, gw: 0, expires: 0, stamp: 0, dev: DevId::NONE }
    }
}

/// The exceptions of one namespace.
#[derive(Default)]
pub struct Exceptions {
    all: BTreeMap<(u32, u8, u32), Exception>,
}

impl Exceptions {
    /// `find_exception`: what was learned about `dst` by the next hop of `hit`.
    #[inline]
    pub fn find(&self, hit: &Hit<u32>, dst: u32, now: u64) -> Option<&Exception> {
        if self.all.is_empty() {
            return None;
        }
        self.all.get(&(hit.id, hit.leg, dst)).filter(|e| now <= e.expires)
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// `update_or_create_fnhe`: `gw` or `pmtu` 0 leaves what is there.
    fn update(&mut self, key: (u32, u8, u32), dev: DevId, new: Exception, now: u64) {
        self.all.retain(|_, e| now <= e.expires);
        if self.all.len() >= MOST && !self.all.contains_key(&key) {
            let oldest = self.all.iter().min_by_key(|(_, e)| e.stamp).map(|(k, _)| *k);
            oldest.map(|k| self.all.remove(&k));
        }
        let e = self.all.entry(key).or_default();
        if new.gw != 0 {
            e.gw = new.gw;
        }
        if new.pmtu != 0 {
            (e.pmtu, e.locked) = (new.pmtu, new.locked);
        }
        (e.expires, e.stamp, e.dev) = (new.expires, now, dev);
    }

    /// `fib_nhc_update_mtu`: the device has another MTU (IP-38).
    pub fn on_mtu(&mut self, dev: DevId, new: u32, old: u32) {
        for e in self.all.values_mut().filter(|e| e.dev == dev && e.pmtu != 0) {
            if e.locked {
                if new <= e.pmtu {
                    (e.pmtu, e.locked) = (new, false);
                }
            } else if new < e.pmtu || e.pmtu == old {
                e.pmtu = new;
            }
        }
    }
}

/// `__ip_rt_update_pmtu`: somebody on the way of `fl` said that packets must not be larger than `mtu` (IP-33 to 36).
pub(in crate::kernel) fn update_pmtu(k: &mut Kernel, cx: &mut Cx, ns: NsId, fl: &Flow, mtu: u32) {
    let now = cx.jiffies();
    let Ok(rt) = ip_route_output(k, ns, fl, now) else { return };
    let Some(hit) = rt.hit else { return };
    let (min, expires) = (k.net(ns).conf.min_pmtu, k.net(ns).conf.mtu_expires);
    let lifetime = u64::from(expires) * u64::from(k.hz);
    let (old, had) = (rt.dst.mtu(k), k.net(ns).exceptions.find(&hit, rt.to, now).copied());
    if rt.dst.locked || old < mtu {
        return;
    }
    let locked = mtu < min;
    let mtu = if locked { old.min(min) } else { mtu };
    let fresh = had.is_some_and(|e| e.pmtu == mtu && now < e.expires.saturating_sub(lifetime / 2));
    if fresh && !locked {
        return;
    }
    let new = Exception { pmtu: mtu, locked, expires: now + lifetime, ..Exception::default() };
    let dev = rt.dst.dev;
    // Of a route with several legs all learn it.
    for leg in 0..hit.legs.max(1) {
        k.net_mut(ns).exceptions.update((hit.id, leg, rt.to), dev, new, now);
    }
    k.changed();
}

/// `__ip_do_redirect`: a router that came up by `dev` says that packets of `fl` had better go to `new` (ICMP-31, 32).
/// `old`: who says so. True: it is believed.
pub(in crate::kernel) fn do_redirect(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    dev: DevId,
    fl: &Flow,
    old: u32,
    new: u32,
) -> bool {
    let now = cx.jiffies();
    let Ok(rt) = ip_route_output(k, ns, fl, now) else { return false };
    // Only the gateway in use may say it.
    let Some(hit) = rt.hit.filter(|_| rt.dst.nexthop == old && rt.dst.nexthop != rt.to) else { return false };
    let conf = k.devs[dev].conf;
    let wrong = new == old || is_multicast(new) || is_lbcast(new) || is_zeronet(new);
    if wrong || !conf.has(ConfBits::IN_DEVICE) || !conf.has(ConfBits::ACCEPT_REDIRECTS) {
        return false;
    }
    if conf.has(ConfBits::SHARED_MEDIA) {
        if k.net(ns).v4.addr_type(new) != RouteType::Unicast {
            return false;
        }
    } else {
        let known = |k: &Kernel| k.net(ns).v4.has_gateway(new, dev);
        if !inet_addr_onlink(k, dev, new, Some(old)) || (conf.has(ConfBits::SECURE_REDIRECTS) && !known(k)) {
            return false;
        }
    }
    if !neigh::is_known(k, cx, rt.dst.dev, new) {
        return false;
    }
    let expires = now + REDIRECT_S * u64::from(k.hz);
    let exception = Exception { gw: new, expires, ..Exception::default() };
    k.net_mut(ns).exceptions.update((hit.id, hit.leg, rt.to), rt.dst.dev, exception, now);
    k.changed();
    true
}
