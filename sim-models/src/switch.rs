//! An external switch: a box of its own between cables. It takes each frame in whole, learns where its sender is, and sends
//! it on by the port where the receiver was heard last, or by all others (IEEE 802.1D without the spanning tree protocol).
//!
//! Its ports are NICs: they count, have a rate, and take a cable. Nothing in it is a core: what a frame waits for is
//! its stated latency and the line that it leaves by. A frame that finds no room on its way out is lost.

use crate::{
    drivers::{Config, phy},
    kernel::{
        At, Cx, DevId, Flying, Kernel, NsId, Reason, RtnlError, RtnlOp, SkBuff, observe::StepKind, rtnl::LinkAttrs,
    },
    packet::Mac,
};
use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use sim_core::time::{Rate, Span, Time};
use std::collections::VecDeque;

/// What a switch is set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From the last bit in to the first bit out, where the line is free.
    pub latency: Span,
    /// After so long without a frame from it a station is forgotten. At once, if zero: a hub.
    pub ageing: Span,
    /// Frames that may wait at each port.
    pub buffer: usize,
}

impl Default for Settings {
    /// 1 us, 300 s (IEEE 802.1D), 256 frames.
    fn default() -> Self {
        Settings { latency: Span::from_us(1), ageing: Span::from_s(300), buffer: 256 }
    }
}

/// Stations known at most; further ones are not learned.
const MAX_STATIONS: usize = 16_384;

/// The state of a switch.
pub struct Switch {
    settings: Settings,
    ports: Vec<Port>,
    /// Station → its port, and when it was heard last.
    stations: IndexMap<Mac, (u32, Time), FxBuildHasher>,
}

struct Port {
    dev: DevId,
    /// When the line is free again.
    busy_until: Time,
    /// When each frame that waits, or is on the line, has left.
    leaving: VecDeque<Time>,
}

impl Switch {
    pub fn new(settings: Settings) -> Switch {
        Switch { settings, ports: Vec::new(), stations: IndexMap::default() }
    }

    /// One more port, which is up.
    ///
    /// # Errors
    /// The name is none, or is taken.
    pub fn add_port(&mut self, k: &mut Kernel, cx: &mut Cx, name: &str, rate: Rate) -> Result<DevId, RtnlError> {
        let config = Config::Physical(phy::PhyConfig { rate, ..phy::PhyConfig::default() });
        let attrs = LinkAttrs { up: Some(true), ..LinkAttrs::default() };
        k.rtnl(cx, NsId::ROOT, &RtnlOp::NewLink { name: name.to_owned(), attrs, config })?;
        let dev = k.dev_by_name(NsId::ROOT, name).unwrap_or(DevId::NONE);
        self.ports.push(Port { dev, busy_until: Time::ZERO, leaving: VecDeque::new() });
        Ok(dev)
    }

    /// "02:00:00:00:00:01 p1", in the order in which stations were heard first, forgotten ones left out.
    pub fn station_lines(&self, k: &Kernel, now: Time) -> Vec<String> {
        let fresh = self.stations.iter().filter(|(_, (_, at))| self.is_fresh(*at, now));
        fresh.map(|(mac, (port, _))| format!("{mac} {}", self.name(k, *port))).collect()
    }

    fn name<'k>(&self, k: &'k Kernel, port: u32) -> &'k str {
        k.devs.get(self.ports[port as usize].dev).map_or("-", |d| d.name())
    }

    fn is_fresh(&self, heard: Time, now: Time) -> bool {
        now < heard + self.settings.ageing
    }

    fn learn(&mut self, src: Mac, port: u32, now: Time) {
        if src.is_multicast() || (self.stations.len() >= MAX_STATIONS && !self.stations.contains_key(&src)) {
            return;
        }
        self.stations.insert(src, (port, now));
    }

    /// The port where `dst` is; `None`: not known, or a group.
    fn find(&self, dst: Mac, now: Time) -> Option<u32> {
        let (port, heard) = self.stations.get(&dst).filter(|_| !dst.is_multicast())?;
        self.is_fresh(*heard, now).then_some(*port)
    }
}

/// A frame has come off a cable into port `dev`.
pub(crate) fn frame(sw: &mut Switch, k: &mut Kernel, cx: &mut Cx, dev: DevId, frame: Flying) {
    cx.obs.ledger.landed += 1;
    let now = cx.queue.now();
    cx.clock = now;
    let skb = frame.land(dev);
    cx.landed(&skb);
    let stats = &mut k.devs[dev].stats;
    stats.rx_packets += 1;
    stats.rx_bytes += u64::from(skb.frame.len());
    let Some(port) = sw.ports.iter().position(|p| p.dev == dev) else {
        return cx.drop(k, skb, At::PhyXmit, Reason::DEV_DOWN);
    };
    let port = port as u32;
    sw.learn(skb.frame.src, port, now);
    match sw.find(skb.frame.dst, now) {
        // The receiver heard it on its own cable.
        Some(out) if out == port => cx.consume(skb),
        Some(out) => send(sw, k, cx, out, skb, false),
        None => flood(sw, k, cx, port, skb),
    }
}

fn flood(sw: &mut Switch, k: &mut Kernel, cx: &mut Cx, from: u32, skb: SkBuff) {
    let plugged = |p: &u32| *p != from && phy::wire(k, sw.ports[*p as usize].dev).is_some();
    let out: Vec<u32> = (0..sw.ports.len() as u32).filter(plugged).collect();
    let Some((last, others)) = out.split_last() else { return cx.consume(skb) };
    for port in others {
        let copy = cx.clone_skb(&skb);
        send(sw, k, cx, *port, copy, true);
    }
    send(sw, k, cx, *last, skb, true);
}

/// Onto the line of port `out`, when its turn comes.
fn send(sw: &mut Switch, k: &mut Kernel, cx: &mut Cx, out: u32, mut skb: SkBuff, flooded: bool) {
    let now = cx.clock;
    let Settings { latency, buffer, .. } = sw.settings;
    let port = &mut sw.ports[out as usize];
    let dev = port.dev;
    skb.meta.dev = dev;
    while port.leaving.front().is_some_and(|left| *left <= now) {
        port.leaving.pop_front();
    }
    let Some(wire) = phy::wire(k, dev) else {
        return cx.drop(k, skb, At::PhyXmit, Reason::DEV_DOWN);
    };
    if port.leaving.len() >= buffer {
        k.devs[dev].stats.tx_dropped += 1;
        return cx.drop(k, skb, At::PhyXmit, Reason::SWITCH_BUFFER);
    }
    let len = skb.frame.len();
    let begins = port.busy_until.max(now + latency);
    let left = begins + phy::line_time(k, dev, len);
    port.busy_until = left;
    port.leaving.push_back(left);
    let stats = &mut k.devs[dev].stats;
    stats.tx_packets += 1;
    stats.tx_bytes += u64::from(len);
    if skb.meta.traced {
        let waiting = port.leaving.len() - 1;
        let what = if flooded { "floods" } else { "knows the port" };
        let text = format!("{what}: out by {}, {waiting} of {buffer} before it", k.devs[dev].name());
        cx.obs.step(now, &skb, StepKind::Switched { text, begins, left });
    }
    cx.transmit(wire, left, skb);
}

#[cfg(test)]
mod tests;
