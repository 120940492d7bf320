//! What happens in a world: traffic, one flow after the other, and requests in between.

use super::{
    requests,
    sketch::{Flow, FlowKind, Step},
    topology::{Draft, Iface, dotted},
};

/// Milliseconds before the first flow, between flows, and after the last one. Longer where an ARP request without an
/// answer is waited for (three times 50 ms and the wheel's granules), so that no flow meets a timer of another.
const LEAD: u32 = 40;
const SLOT: u32 = 45;
const SLOT_FAST_ARP: u32 = 240;
const TAIL: u32 = 80;
/// A world ends before the first ARP request of any flow is repeated (1 s), unless it is repeated every 50 ms.
const MAX_SLOTS: usize = 14;
const MAX_SLOTS_FAST_ARP: usize = 4;

impl Draft {
    /// Flows and steps in slots of their own, in random order.
    pub fn actions(&mut self) {
        let (slot, most) = match self.on.fast_arp {
            true => (SLOT_FAST_ARP, MAX_SLOTS_FAST_ARP),
            false => (SLOT, MAX_SLOTS),
        };
        let flows = self.chance.between(2, 5) as usize;
        let mut steps = Vec::new();
        for (wanted, kind) in [
            (self.on.flaps, requests::Kind::Flap),
            (self.on.moves, requests::Kind::Move),
            (self.on.changes, requests::Kind::Change),
            (self.on.invalid, requests::Kind::Invalid),
        ] {
            if wanted {
                for _ in 0..self.chance.between(1, 3) {
                    steps.extend(requests::draw(self, kind));
                }
            }
        }
        let flows = flows.min(most);
        // Steps take no time of their own: some before each flow.
        let mut before: Vec<usize> = steps.iter().map(|_| self.chance.below(flows + 1)).collect();
        before.sort_unstable();
        let mut steps = steps.into_iter().zip(before).peekable();
        let mut at = LEAD;
        for i in 0..=flows {
            while let Some(((place, run), _)) = steps.next_if(|s| s.1 <= i) {
                self.sketch.steps.push(Step { at, place, run });
                at += 12;
            }
            if i < flows {
                at += 12;
                self.flow(i, at);
                at += slot;
            }
        }
        self.sketch.duration = at + TAIL;
    }

    fn flow(&mut self, number: usize, start: u32) {
        let from = self.chance.below(self.ifaces.len());
        let (host, net) = (self.ifaces[from].host, self.ifaces[from].net);
        let kinds = [
            (1 + u32::from(self.on.ping) * 10, 0),
            (u32::from(self.on.udp) * 8, 1),
            (u32::from(self.on.closed) * 6, 2),
            (u32::from(self.on.requests) * 5, 3),
        ];
        let kind = self.chance.weighted(&kinds);
        let target = self.target(host, net);
        let to = target.1.filter(|_| kind == 1 || kind == 3).map(|t| self.path(t.0, t.1));
        let port = 5000 + number as u16 * 10;
        let mut flow = Flow {
            name: format!("f{}", number + 1),
            kind: [FlowKind::Ping, FlowKind::Udp, FlowKind::Udp, FlowKind::Requests][kind],
            from: self.path(host, net),
            to,
            address: dotted(target.0),
            port,
            count: self.chance.between(1, 3),
            interval: 10,
            size: if kind == 0 { *self.chance.pick(&[0, 1, 56, 500]) } else { *self.chance.pick(&[32, 64, 500]) },
            ttl: None,
            source_port: Some(port + 1),
            options: Vec::new(),
            start,
        };
        if kind == 3 {
            // An unanswered request is waited for: one is enough.
            flow.count = 1;
        }
        if self.on.ttl && self.chance.percent(35) {
            flow.ttl = Some(*self.chance.pick(&[1, 1, 2, 3, 5]));
        }
        if self.on.large && kind != 3 && self.chance.percent(45) {
            flow.size = *self.chance.pick(&[972, 1372, 1396, 1472, 1473, 1500, 2000, 3000, 6000]);
        }
        self.sketch.flows.push(flow);
    }

    /// Where a flow goes, and who owns that address.
    fn target(&mut self, host: usize, net: usize) -> (u32, Option<(usize, usize)>) {
        if self.on.strangers && self.chance.percent(30) {
            let s = self.chance.below(self.segments.len());
            let base = self.segments[s].base;
            let addr = match self.chance.below(4) {
                0 => base + self.chance.between(90, 99),
                1 => 0xc633_6400 + self.chance.between(1, 9),
                2 => 0x7f00_0000 + self.chance.between(1, 2),
                _ => base + 7,
            };
            return (addr, None);
        }
        let owners: Vec<Iface> = self.ifaces.iter().filter(|i| i.addr.is_some()).cloned().collect();
        let others: Vec<Iface> = owners.iter().filter(|i| (i.host, i.net) != (host, net)).cloned().collect();
        let list = if others.is_empty() || self.chance.percent(5) { &owners } else { &others };
        let Some(to) = self.chance.maybe(list) else { return (0x0a01_0001, None) };
        let first = to.addr.unwrap_or_default();
        let owner = Some((to.host, to.net));
        // One of its other addresses, now and then.
        let (h, n, dev) = (to.host, to.net, to.dev.clone());
        let all: Vec<u32> = self
            .device(h, n, &dev)
            .map(|d| d.addresses.iter().filter_map(|a| address(a)).collect())
            .unwrap_or_default();
        let addr = self.chance.maybe(&all).copied().unwrap_or(first);
        (addr, owner)
    }
}

/// The address at the front of a line of `ip addr add`.
pub(super) fn address(line: &str) -> Option<u32> {
    let first = line.split([' ', '/']).next()?;
    first.parse::<std::net::Ipv4Addr>().ok().map(u32::from)
}
