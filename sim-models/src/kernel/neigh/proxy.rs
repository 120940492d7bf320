//! What this host answers ARP for besides its own addresses: entries of `ip neigh add proxy`, and requests that wait
//! for a proxy's answer (`pneigh_enqueue`, ARP-12).

use super::super::{
    At, Cx, DevId, Kernel, Reason, SkBuff, arp,
    timer::{self, Timer, TimerId},
};
use sim_core::rng::StreamId;
use std::collections::BTreeSet;

/// `proxy_queue`, and the entries.
#[derive(Default)]
pub struct Proxies {
    entries: BTreeSet<(DevId, u32)>,
    /// Requests in order of arrival, and the tick in which each is due.
    queue: Vec<(SkBuff, u64)>,
    /// `proxy_timer`: core, timer and tick.
    timer: Option<(u32, TimerId, u64)>,
    rng: Option<StreamId>,
}

impl Proxies {
    /// `pneigh_lookup`
    pub fn has(&self, dev: DevId, ip: u32) -> bool {
        self.entries.contains(&(dev, ip))
    }
    /// `ip neigh add proxy IP dev DEV`; the same again is nothing.
    pub fn add(&mut self, dev: DevId, ip: u32) {
        self.entries.insert((dev, ip));
    }
    /// False: there was none.
    pub fn remove(&mut self, dev: DevId, ip: u32) -> bool {
        self.entries.remove(&(dev, ip))
    }
    pub(super) fn waiting(&self) -> u64 {
        self.queue.len() as u64
    }
}

/// `pneigh_enqueue`: the request waits for a random time below `proxy_delay`. More than `proxy_qlen` of one device are
/// too many.
pub fn enqueue(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    let dev = skb.meta.dev;
    let p = &k.devs[dev].cold.neigh;
    let delay = u64::from(p.proxy_delay_cs) * u64::from(k.hz) / 100;
    let most = p.proxy_qlen as usize;
    let host = k.host;
    let proxies = &mut k.neigh4.proxies;
    if proxies.queue.iter().filter(|(q, _)| q.meta.dev == dev).count() > most {
        return cx.drop(k, skb, At::ArpRcv, Reason::NOT_SPECIFIED);
    }
    let stream = *proxies.rng.get_or_insert_with(|| cx.rng.named(&format!("neigh-proxy/{host}")));
    let wait = cx.rng.next(stream) % delay.max(1);
    let ms = wait * 1000 / u64::from(k.hz);
    cx.note(&skb, || format!("proxy_delay: answered in {ms} ms"));
    let due = cx.jiffies() + wait;
    k.neigh4.proxies.queue.push((skb, due));
    let next = match k.neigh4.proxies.timer.take() {
        Some((cpu, id, at)) => {
            timer::del_timer(k, cpu, id);
            at.min(due)
        }
        None => due,
    };
    arm(k, cx, next);
}

fn arm(k: &mut Kernel, cx: &mut Cx, at: u64) {
    let delay = at.saturating_sub(cx.jiffies());
    let id = timer::add_timer(k, cx, Timer::NeighProxy, delay);
    k.neigh4.proxies.timer = Some((cx.cpu, id, at));
}

/// `neigh_proxy_process`: answers what is due.
pub fn process(k: &mut Kernel, cx: &mut Cx) {
    k.neigh4.proxies.timer = None;
    let now = cx.jiffies();
    let (due, later): (Vec<_>, Vec<_>) =
        std::mem::take(&mut k.neigh4.proxies.queue).into_iter().partition(|(_, at)| *at <= now);
    k.neigh4.proxies.queue = later;
    for (skb, _) in due {
        if k.devs.get(skb.meta.dev).is_some_and(|d| d.is_up()) {
            arp::redo(k, cx, skb);
        } else {
            cx.drop(k, skb, At::ArpRcv, Reason::NOT_SPECIFIED);
        }
    }
    if let Some(next) = k.neigh4.proxies.queue.iter().map(|(_, at)| *at).min() {
        arm(k, cx, next);
    }
}

/// `pneigh_ifdown_and_unlock`, `pneigh_queue_purge`: the device goes down.
pub fn ifdown(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
    k.neigh4.proxies.entries.retain(|(d, _)| *d != dev);
    let (gone, rest): (Vec<_>, Vec<_>) =
        std::mem::take(&mut k.neigh4.proxies.queue).into_iter().partition(|(skb, _)| skb.meta.dev == dev);
    k.neigh4.proxies.queue = rest;
    for (skb, _) in gone {
        cx.drop(k, skb, At::ArpRcv, Reason::NOT_SPECIFIED);
    }
}
