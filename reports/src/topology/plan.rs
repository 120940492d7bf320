//! What of a host is drawn, and in which order: namespaces that route are sections of the router, the others are cards
//! above it; what is many becomes a few and a count.

use std::collections::BTreeMap;

use scenarios::outcome::{DeviceOutcome, HostOutcome};

use crate::units;

/// Namespace and device of a host, by number.
pub type Dev = (usize, usize);

/// Of more cards below one bridge, or beside each other, the first ones are drawn and the rest are counted.
const CARDS: (usize, usize) = (5, 3);
const PORTS: (usize, usize) = (8, 5);
const BARS: (usize, usize) = (6, 4);
const SECTIONS: (usize, usize) = (9, 7);
const NICS: (usize, usize) = (10, 7);

/// One host, sorted out.
pub struct HostPlan<'t> {
    pub host: &'t HostOutcome,
    pub sections: Vec<Section>,
    /// Cards whose devices lead neither to a bridge nor to the router.
    pub free: Vec<Card>,
    /// Physical devices, at the host's edge.
    pub nics: Vec<Dev>,
    pub more_nics: usize,
    by_name: BTreeMap<(&'t str, &'t str), Dev>,
}

/// A namespace that routes: its part of the router, with what is plugged in there.
pub struct Section {
    /// `None`: stands for as many that are not drawn.
    pub ns: Option<usize>,
    pub cells: Vec<Cell>,
    pub more: usize,
}

/// What takes a place above the router.
pub enum Cell {
    /// A bridge or another master, the cards plugged into it, and its ports that lead elsewhere.
    Bar { dev: Dev, cards: Vec<Card>, ports: Vec<Dev>, more_ports: usize },
    /// A device that is plugged into the router itself, and the card at its other end.
    Port { dev: Dev, card: Option<Card> },
    /// So many that are not drawn: "… 12 more ports".
    More(String),
}

/// A namespace that does not route.
#[derive(Clone, Copy)]
pub enum Card {
    One(usize),
    /// So many more, all like this one if they are all alike.
    More(usize, Option<usize>),
}

impl<'t> HostPlan<'t> {
    pub fn of(host: &'t HostOutcome) -> HostPlan<'t> {
        let mut by_name = BTreeMap::new();
        for (n, ns) in host.namespaces.iter().enumerate() {
            for (d, dev) in ns.devices.iter().enumerate() {
                by_name.insert((ns.name.as_str(), dev.name.as_str()), (n, d));
            }
        }
        let mut plan =
            HostPlan { host, sections: Vec::new(), free: Vec::new(), nics: Vec::new(), more_nics: 0, by_name };
        plan.fill();
        plan
    }

    pub fn dev(&self, (n, d): Dev) -> &'t DeviceOutcome {
        &self.host.namespaces[n].devices[d]
    }

    /// The device at the other end, if it is drawn on this host.
    pub fn other_end(&self, dev: Dev) -> Option<Dev> {
        let (ns, name) = self.dev(dev).other_end.as_ref()?;
        self.find(ns, name)
    }

    pub fn find(&self, ns: &str, dev: &str) -> Option<Dev> {
        self.by_name.get(&(ns, dev)).copied()
    }

    fn is_physical(&self, dev: Dev) -> bool {
        self.dev(dev).kind == "phy"
    }

    /// Is another device of its namespace plugged into it?
    fn is_master(&self, (n, d): Dev) -> bool {
        let devices = &self.host.namespaces[n].devices;
        devices[d].kind == "bridge" || devices.iter().any(|o| o.master.as_ref() == Some(&devices[d].name))
    }

    fn routes(&self, n: usize) -> bool {
        let ns = &self.host.namespaces[n];
        (n == 0 && !ns.devices.is_empty()) || ns.forwards || (0..ns.devices.len()).any(|d| self.is_master((n, d)))
    }

    fn fill(&mut self) {
        let all = self.host.namespaces.len();
        let routing: Vec<bool> = (0..all).map(|n| self.routes(n)).collect();
        // Where each card goes: the first of its devices whose other end belongs to a namespace that routes.
        let mut above: BTreeMap<Dev, Vec<usize>> = BTreeMap::new();
        let mut free = Vec::new();
        for n in (0..all).filter(|n| !routing[*n]) {
            let ns = &self.host.namespaces[n];
            if n == 0 || (ns.devices.is_empty() && ns.sockets.is_empty()) {
                continue;
            }
            let ends = (0..ns.devices.len()).filter_map(|d| self.other_end((n, d)));
            match ends.into_iter().find(|end| routing[end.0]) {
                Some(end) => above.entry(self.holder(end)).or_default().push(n),
                None => free.push(n),
            }
        }
        for n in (0..all).filter(|n| routing[*n]) {
            let section = self.section(n, &mut above);
            self.sections.push(section);
        }
        let (keep, more) = cut(self.sections.len(), SECTIONS);
        self.sections.truncate(keep);
        if more + self.host.more > 0 {
            self.sections.push(Section { ns: None, cells: Vec::new(), more: more + self.host.more });
        }
        self.free = self.cards(&free);
        let physical = (0..all).flat_map(|n| (0..self.host.namespaces[n].devices.len()).map(move |d| (n, d)));
        let mut nics: Vec<Dev> = physical.filter(|d| self.is_physical(*d)).collect();
        (_, self.more_nics) = cut(nics.len(), NICS);
        nics.truncate(nics.len() - self.more_nics);
        self.nics = nics;
    }

    /// The bar that a device is plugged into, or itself.
    fn holder(&self, dev: Dev) -> Dev {
        let ns = &self.host.namespaces[dev.0].name;
        self.dev(dev).master.as_ref().and_then(|m| self.find(ns, m)).unwrap_or(dev)
    }

    fn section(&self, n: usize, above: &mut BTreeMap<Dev, Vec<usize>>) -> Section {
        let count = self.host.namespaces[n].devices.len();
        let all = || (0..count).map(|d| (n, d)).filter(|d| !self.is_physical(*d));
        let bars: Vec<Dev> = all().filter(|d| self.is_master(*d)).collect();
        let ports: Vec<Dev> = all().filter(|d| !self.is_master(*d) && self.dev(*d).master.is_none()).collect();
        let mut cells = Vec::new();
        let (keep, more) = cut(bars.len(), BARS);
        for bar in &bars[..keep] {
            cells.push(self.bar(*bar, &above.remove(bar).unwrap_or_default()));
        }
        if more > 0 {
            cells.push(Cell::More(format!("… {} more bridges", units::thousands(more as u64))));
        }
        let (keep, more) = cut(ports.len(), PORTS);
        for port in &ports[..keep] {
            let card = above.remove(port).and_then(|c| c.first().copied());
            cells.push(Cell::Port { dev: *port, card: card.map(Card::One) });
        }
        let more = more + self.host.namespaces[n].more;
        if more > 0 {
            cells.push(Cell::More(format!("… {} more ports", units::thousands(more as u64))));
        }
        Section { ns: Some(n), cells, more: 0 }
    }

    fn bar(&self, bar: Dev, above: &[usize]) -> Cell {
        let cards = self.cards(above);
        let name = &self.dev(bar).name;
        let slaves = (0..self.host.namespaces[bar.0].devices.len()).map(|d| (bar.0, d));
        // Ports that lead to a card right above need no place of their own.
        let elsewhere = |d: &Dev| self.other_end(*d).is_none_or(|end| !above.contains(&end.0));
        let ports: Vec<Dev> = slaves.filter(|d| self.dev(*d).master.as_ref() == Some(name)).filter(elsewhere).collect();
        let (keep, more_ports) = cut(ports.len(), PORTS);
        Cell::Bar { dev: bar, cards, ports: ports[..keep].to_vec(), more_ports }
    }

    fn cards(&self, of: &[usize]) -> Vec<Card> {
        let (keep, more) = cut(of.len(), CARDS);
        let mut cards: Vec<Card> = of[..keep].iter().map(|n| Card::One(*n)).collect();
        if more > 0 {
            let alike = of[keep..].iter().all(|n| self.shape(*n) == self.shape(of[0]));
            cards.push(Card::More(more, alike.then_some(of[0])));
        }
        cards
    }

    /// What makes two containers look alike.
    fn shape(&self, n: usize) -> String {
        let ns = &self.host.namespaces[n];
        let device = |d: &DeviceOutcome| format!("{} {} {} {}", d.name, d.kind, d.up, d.addresses.len());
        let devices: Vec<String> = ns.devices.iter().map(device).collect();
        let sockets: Vec<String> = ns.sockets.iter().map(|s| format!("{} {}", s.protocol, s.port)).collect();
        [devices.join(", "), sockets.join(", ")].join("; ")
    }
}

/// Of `n` things, how many are drawn and how many only counted.
fn cut(n: usize, (most, few): (usize, usize)) -> (usize, usize) {
    if n <= most { (n, 0) } else { (few, n - few) }
}
