//! What happens in a world: traffic, one flow after the other, and requests in between.

use super::{
    requests,
    sketch::{Flow, FlowKind, Step},
    topology::{Draft, Iface, Segment, dotted},
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
            // A ping makes its own buffer large: a small one is for others.
            (u32::from(!self.on.buffers) * (1 + u32::from(self.on.ping) * 10), FlowKind::Ping),
            (u32::from(self.on.buffers) * 6, FlowKind::Udp),
            (u32::from(self.on.udp) * 8 + u32::from(self.on.closed) * 6, FlowKind::Udp),
            (u32::from(self.on.requests) * 5, FlowKind::Requests),
            (u32::from(self.on.broadcast) * 5, FlowKind::Broadcast),
            (u32::from(self.on.tcp) * 5, FlowKind::TcpConnect),
            (u32::from(self.on.frames) * 7, FlowKind::Frames),
        ];
        let kind = self.chance.weighted(&kinds);
        let (udp, closed) = (u32::from(self.on.udp) * 8, u32::from(self.on.closed) * 6);
        let listens = match kind {
            FlowKind::Udp => {
                udp + closed == 0 || self.on.buffers || self.chance.weighted(&[(udp, true), (closed, false)])
            }
            kind => kind == FlowKind::Requests,
        };
        let target = self.target(host, net);
        let port = 5000 + number as u16 * 10;
        let sizes: &[u32] = if kind == FlowKind::Ping { &[0, 1, 56, 500] } else { &[32, 64, 500] };
        let mut flow = Flow {
            name: format!("f{}", number + 1),
            kind,
            from: self.path(host, net),
            to: target.1.filter(|_| listens).map(|t| self.path(t.0, t.1)),
            address: dotted(target.0),
            port,
            count: self.chance.between(1, 3),
            interval: 10,
            size: *self.chance.pick(sizes),
            ttl: None,
            source_port: Some(port + 1),
            options: Vec::new(),
            start,
        };
        if self.on.ttl && self.chance.percent(35) {
            flow.ttl = Some(*self.chance.pick(&[1, 1, 2, 3, 5]));
        }
        match kind {
            // One that is not answered is waited for: one is enough.
            FlowKind::Requests | FlowKind::TcpConnect => flow.count = 1,
            FlowKind::Broadcast => self.shout(&mut flow, from),
            FlowKind::Frames => match self.crafted(&self.ifaces[from].clone()) {
                Some(options) => flow.options = options,
                None => flow.kind = self.plain(),
            },
            FlowKind::Ping | FlowKind::Udp => {}
        }
        // On a wire that takes no time the answer to a fragment may come before the next one is sent.
        if self.on.large && !self.on.two_hosts && !matches!(flow.kind, FlowKind::Requests) && self.chance.percent(45) {
            flow.size = *self.chance.pick(&[972, 1372, 1396, 1472, 1473, 1500, 2000, 3000, 6000]);
        }
        if self.on.buffers && flow.kind == FlowKind::Udp && flow.to.is_some() {
            (flow.count, flow.interval, flow.size) = (8, 1, 500);
            flow.options.push(("service".to_owned(), "\"30ms\"".to_owned()));
        }
        let cuts = flow.size > 1480 && self.chance.percent(50);
        if flow.kind != FlowKind::Frames && cuts {
            let how = *self.chance.pick(&["Do", "Dont"]);
            flow.options.push(("socket".to_owned(), format!("(pmtudisc: {how})")));
        } else if flow.kind != FlowKind::Frames && self.on.sockets && self.chance.percent(60) {
            self.socket(&mut flow, from);
        }
        self.sketch.flows.push(flow);
    }

    /// What is sent where nothing else can be.
    fn plain(&self) -> FlowKind {
        if self.on.buffers { FlowKind::Udp } else { FlowKind::Ping }
    }

    /// To everybody on a segment, or everybody anywhere.
    fn shout(&mut self, flow: &mut Flow, from: usize) {
        let Iface { host, net, segment, .. } = self.ifaces[from].clone();
        let Segment { base, len } = self.segments[segment];
        let all = base | u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        flow.address = dotted(*self.chance.pick(&[all, all, u32::MAX, base]));
        let mut near: Vec<String> = self
            .ifaces
            .iter()
            .filter(|i| i.segment == segment && (i.host, i.net) != (host, net))
            .map(|i| self.path(i.host, i.net))
            .collect();
        near.sort();
        near.dedup();
        if near.is_empty() {
            flow.kind = self.plain();
        } else {
            flow.to = Some(near.join(","));
        }
    }

    /// An option of its socket.
    fn socket(&mut self, flow: &mut Flow, from: usize) {
        let Iface { dev, addr, .. } = self.ifaces[from].clone();
        let source = addr.map_or("tos: 8".to_owned(), |a| format!("source: \"{}\"", dotted(a)));
        let choices = [
            (6, "pmtudisc: Do".to_owned()),
            (3, "pmtudisc: Dont".to_owned()),
            (2, "tos: 16".to_owned()),
            (2, "mark: 5".to_owned()),
            (2, format!("device: \"{dev}\"")),
            (2, source),
            (1, "recverr: true".to_owned()),
        ];
        let weights: Vec<(u32, usize)> = choices.iter().enumerate().map(|(i, c)| (c.0, i)).collect();
        let text = &choices[self.chance.weighted(&weights)].1;
        flow.options.push(("socket".to_owned(), format!("({text})")));
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
