//! How many errors may go out: one budget for the namespace, one for each destination (ICMP-9 to 12, RT-37).

use super::{DEST_UNREACH, FRAG_NEEDED};
use crate::kernel::{Cx, DevId, Kernel, NsId, mib::M};
use rustc_hash::FxHashMap;
use sim_core::rng::StreamId;

/// The budgets of one namespace.
#[derive(Default)]
pub struct Limits {
    credit: i64,
    stamp: i64,
    rng: Option<StreamId>,
    peers: FxHashMap<u32, Peer>,
}

/// `struct inet_peer`, its rate fields. Ticks.
struct Peer {
    tokens: i64,
    last: i64,
    redirects: u32,
}

/// Is the type limited at all (`icmp_ratemask`)? 3/4 never is.
pub(super) fn is_limited(k: &Kernel, ns: NsId, kind: u8, code: u8) -> bool {
    let mask = k.net(ns).conf.icmp_ratemask;
    kind <= 18 && (kind, code) != (DEST_UNREACH, FRAG_NEEDED) && mask >> kind & 1 == 1
}

/// `icmp_global_allow` (ICMP-11). Starts empty; the first use fills it.
pub(super) fn global_allow(k: &mut Kernel, cx: &mut Cx, ns: NsId) -> bool {
    let (now, hz) = (cx.jiffies() as i64, i64::from(k.hz));
    let net = k.net_mut(ns);
    let (rate, burst) = (i64::from(net.conf.icmp_msgs_per_sec), i64::from(net.conf.icmp_msgs_burst));
    let l = &mut net.icmp;
    if l.credit <= 0 {
        // Boot was long ago: an untouched budget counts as a full second's worth.
        let passed = if l.stamp == 0 { hz } else { (now - l.stamp).min(hz) };
        let more = rate * passed / hz;
        if passed < hz / 50 || more == 0 {
            net.mib[M::IcmpOutRateLimitGlobal] += 1;
            return false;
        }
        l.stamp = now.max(1);
        l.credit = (l.credit + more).min(burst);
    }
    true
}

/// `icmp_global_consume` (ICMP-11): only what the destination's own budget lets through is charged, 0 to 2 at random.
pub(super) fn global_consume(k: &mut Kernel, cx: &mut Cx, ns: NsId) {
    let host = k.host;
    let net = k.net_mut(ns);
    let name = &net.name;
    let rng = *net.icmp.rng.get_or_insert_with(|| cx.rng.named(&format!("icmp/{host}/{name}")));
    net.icmp.credit -= cx.rng.below(rng, 3) as i64;
}

/// A bucket that nobody used yet is full: boot was long ago.
fn peer(k: &mut Kernel, now: i64, ns: NsId, addr: u32) -> &mut Peer {
    let hz = i64::from(k.hz);
    k.net_mut(ns).icmp.peers.entry(addr).or_insert(Peer { tokens: 0, last: now - 60 * hz, redirects: 0 })
}

/// `inet_peer_xrlim_allow`: one in `icmp_ratelimit`, six at once (ICMP-10). The tokens are cut to six only when time has
/// passed since the bucket was last looked at: with `icmp_ratelimit=0` what [`error_allowed`] left of them survives.
pub(super) fn host_allow(k: &mut Kernel, cx: &mut Cx, ns: NsId, addr: u32) -> bool {
    let now = cx.jiffies() as i64;
    let one = i64::from(k.net(ns).conf.icmp_ratelimit) * i64::from(k.hz) / 1000;
    let p = peer(k, now, ns, addr);
    if now != p.last {
        p.tokens = (p.tokens + now - p.last).min(6 * one);
        p.last = now;
    }
    let ok = p.tokens >= one;
    if ok {
        p.tokens -= one;
    } else {
        k.net_mut(ns).mib[M::IcmpOutRateLimitHost] += 1;
    }
    ok
}

/// `ip_error`'s own use of the same bucket: cost 1 s, at most 5 s (RT-37).
pub(crate) fn error_allowed(k: &mut Kernel, cx: &mut Cx, rx: DevId, addr: u32) -> bool {
    let (now, hz, ns) = (cx.jiffies() as i64, i64::from(k.hz), k.devs[rx].ns);
    let p = peer(k, now, ns, addr);
    p.tokens = (p.tokens + now - p.last).min(5 * hz);
    p.last = now;
    let ok = p.tokens >= hz;
    if ok {
        p.tokens -= hz;
    }
    ok
}

/// Pacing of redirects per source (ICMP-22): after n sent, the next not before 20 ms × 2ⁿ; nine at most, until the
/// source was silent for 20.48 s.
pub(crate) fn redirect_allowed(k: &mut Kernel, cx: &mut Cx, ns: NsId, addr: u32) -> bool {
    let now = cx.jiffies() as i64;
    let load = i64::from(k.hz) / 50;
    let p = peer(k, now, ns, addr);
    if now > p.last + (load << 10) {
        p.tokens = 0;
        p.redirects = 0;
    }
    if p.redirects >= 9 {
        p.last = now;
        return false;
    }
    if p.redirects != 0 && now <= p.last + (load << p.redirects) {
        return false;
    }
    p.last = now;
    p.redirects += 1;
    true
}
