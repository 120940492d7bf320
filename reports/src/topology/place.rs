//! Where everything of one host stands: first across, then tracks for lines that must go round, then down.

use std::collections::BTreeMap;

use scenarios::outcome::{DeviceOutcome, NamespaceOutcome};

use super::{
    Traffic,
    plan::{Card, Cell, Dev, HostPlan},
};
use crate::{plot::font, units};

pub const PAD: f64 = 14.0;
pub const NAME: f64 = 12.5;
pub const TEXT: f64 = 11.0;
pub const LINE: f64 = 15.0;
pub const TRACK: f64 = 12.0;
pub const BAR: f64 = 26.0;
/// Height of the host's title, and of the row that names the kernel.
pub const TITLE: f64 = 30.0;
/// Between two NICs at the host's edge.
const NIC: f64 = 34.0;
const GAP: f64 = 14.0;
/// No host is narrower than this, without its NICs.
const LEAST: f64 = 360.0;
/// No label is wider.
pub const WIDEST: f64 = 230.0;

/// Which edge of what a device's port is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Card,
    BarTop,
    BarBottom,
    Router,
}

/// The port of a device: across, and on what.
#[derive(Clone, Copy, Debug)]
pub struct Spot {
    pub x: f64,
    pub side: Side,
}

pub struct CardBox {
    pub card: Card,
    pub left: f64,
    pub right: f64,
    pub lines: Vec<String>,
    /// Stands for cards that are plugged into the bar below.
    pub on_bar: bool,
}

pub struct BarBox {
    pub dev: Dev,
    pub left: f64,
    pub right: f64,
    pub more_ports: usize,
}

pub struct SectionBox {
    pub ns: Option<usize>,
    pub left: f64,
    pub right: f64,
    pub lines: Vec<(String, bool)>,
}

/// A line between two ports that are not above each other, on a track of its own.
pub struct Link {
    pub from: Dev,
    pub to: Dev,
    /// Above the bars or below; which track; `None`: straight.
    pub track: Option<(bool, usize)>,
    /// The one is only the lower device of the other.
    pub lower: bool,
    /// `to` is a NIC at the edge: where the line goes down to it.
    pub join: Option<usize>,
}

/// One host with all its places, relative to its upper left corner.
pub struct Placed<'t> {
    pub plan: HostPlan<'t>,
    pub cards: Vec<CardBox>,
    pub bars: Vec<BarBox>,
    pub sections: Vec<SectionBox>,
    /// Counted things: centre, text.
    pub counted: Vec<(f64, String)>,
    pub spots: BTreeMap<Dev, Spot>,
    pub links: Vec<Link>,
    joins: usize,
    /// While the cards of a bar are placed.
    on_bar: bool,
    /// Right end of what stands above the router.
    right: f64,
    nic_room: f64,
    pub cards_bottom: f64,
    pub bars_top: f64,
    pub router_top: f64,
    pub router_bottom: f64,
    /// Lines of text below the router's ports.
    pub port_lines: usize,
    tracks: [usize; 2],
}

/// The words of a device where it is plugged in: its name, and what was lost there.
pub fn name_of(plan: &HostPlan, traffic: &Traffic, dev: Dev) -> String {
    let ns = &plan.host.namespaces[dev.0].name;
    let d = plan.dev(dev);
    match traffic.lost(&format!("{}/{ns}/{}", plan.host.name, d.name)) {
        0 => d.name.clone(),
        lost => format!("{} ▼{}", d.name, units::thousands(lost)),
    }
}

/// Addresses as lines, at most `most`.
pub fn addresses(d: &DeviceOutcome, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = d.addresses.iter().take(most).cloned().collect();
    if d.addresses.len() > most {
        lines.pop();
        lines.push(format!("… {} more", d.addresses.len() + 1 - most));
    }
    lines
}

fn width(text: &str, em: f64, bold: bool) -> f64 {
    font::width(text, em, bold).min(WIDEST)
}

fn sockets(ns: &NamespaceOutcome) -> Vec<String> {
    let text = |s: &scenarios::outcome::SocketOutcome| {
        let address = if s.address == "0.0.0.0" { "" } else { &s.address };
        format!("▣ {address}:{}/{}", s.port, s.protocol)
    };
    let mut lines: Vec<String> = ns.sockets.iter().take(3).map(text).collect();
    if ns.sockets.len() > 3 {
        lines.push(format!("▣ {} more", ns.sockets.len() - 3));
    }
    lines
}

impl<'t> Placed<'t> {
    pub fn of(plan: HostPlan<'t>, traffic: &Traffic) -> Placed<'t> {
        let mut placed = Placed {
            plan,
            cards: Vec::new(),
            bars: Vec::new(),
            sections: Vec::new(),
            counted: Vec::new(),
            spots: BTreeMap::new(),
            links: Vec::new(),
            joins: 0,
            on_bar: false,
            right: 0.0,
            nic_room: 0.0,
            cards_bottom: 0.0,
            bars_top: 0.0,
            router_top: 0.0,
            router_bottom: 0.0,
            port_lines: 0,
            tracks: [0, 0],
        };
        placed.across(traffic);
        placed.link();
        placed.down();
        placed
    }

    /// The least width that it needs.
    pub fn least_width(&self) -> f64 {
        let title = width(&self.plan.host.name, NAME, true) + 120.0;
        (self.right + PAD + self.nic_room + PAD).max(title).max(LEAST + self.nic_room)
    }
    pub fn height(&self) -> f64 {
        self.router_bottom + PAD
    }
    pub fn router_right(&self, host_right: f64) -> f64 {
        host_right - PAD - self.nic_room
    }
    /// Where line number `join` goes down to its NIC.
    pub fn join_x(&self, host_right: f64, join: usize) -> f64 {
        self.router_right(host_right) + 10.0 + 7.0 * join as f64
    }
    pub fn nic_y(&self, i: usize) -> f64 {
        self.router_top + 24.0 + NIC * i as f64
    }
    pub fn y_of(&self, side: Side) -> f64 {
        match side {
            Side::Card => self.cards_bottom,
            Side::BarTop => self.bars_top,
            Side::BarBottom => self.bars_top + BAR,
            Side::Router => self.router_top,
        }
    }
    pub fn track_y(&self, (upper, track): (bool, usize)) -> f64 {
        let from = if upper { self.cards_bottom + 16.0 } else { self.bars_bottom() + 24.0 };
        from + TRACK * track as f64
    }
    fn bars_bottom(&self) -> f64 {
        self.bars_top + if self.bars.is_empty() { 0.0 } else { BAR }
    }

    fn across(&mut self, traffic: &Traffic) {
        let mut x = PAD + 10.0;
        for s in std::mem::take(&mut self.plan.sections) {
            let left = x - 10.0;
            for cell in s.cells {
                x = self.cell(cell, x, traffic) + GAP;
            }
            let lines = self.section_lines(s.ns, s.more);
            let wide = lines.iter().take(1).map(|l| width(&l.0, TEXT, l.1)).fold(96.0, f64::max);
            let wide = lines.iter().skip(1).map(|l| width(&l.0, TEXT, l.1).min(WIDEST)).fold(wide, f64::max);
            let right = (x - GAP + 10.0).max(left + wide + 18.0);
            self.sections.push(SectionBox { ns: s.ns, left, right, lines });
            x = right + 10.0;
            self.right = right;
        }
        for card in std::mem::take(&mut self.plan.free) {
            let right = self.card(card, x, 0.0, traffic);
            x = right + GAP;
            self.right = self.right.max(right);
        }
        self.right = self.right.max(self.spots.values().map(|s| s.x).fold(0.0, f64::max));
        let nic = |dev: &Dev| {
            let label = self.nic_label(*dev, traffic);
            width(&label, TEXT, false)
        };
        self.nic_room = self.plan.nics.iter().map(nic).fold(0.0, f64::max);
        if !self.plan.nics.is_empty() {
            self.nic_room += 28.0;
        }
    }

    /// "eth0 192.0.2.10/24", with how many more addresses there are.
    pub fn nic_label(&self, dev: Dev, traffic: &Traffic) -> String {
        let d = self.plan.dev(dev);
        let name = name_of(&self.plan, traffic, dev);
        match d.addresses.as_slice() {
            [] => name,
            [one] => format!("{name} {one}"),
            [one, more @ ..] => format!("{name} {one} +{}", more.len()),
        }
    }

    /// Places a cell from `x` on; its right end.
    fn cell(&mut self, cell: Cell, x: f64, traffic: &Traffic) -> f64 {
        match cell {
            Cell::Bar { dev, cards, ports, more_ports } => {
                // Its own line to the router goes down near its left end.
                let mut at = x + 26.0;
                self.on_bar = true;
                for card in cards {
                    at = self.card(card, at, 0.0, traffic) + GAP;
                }
                self.on_bar = false;
                for port in ports {
                    let name = name_of(&self.plan, traffic, port);
                    let end = self.plan.other_end(port);
                    // What leads to another part of the router goes below, what leads to a card goes above.
                    let routed = end.is_some_and(|e| e.0 == 0 || self.plan.host.namespaces[e.0].forwards);
                    let below = routed || self.plan.dev(port).kind == "phy";
                    let side = if below { Side::BarBottom } else { Side::BarTop };
                    self.spots.insert(port, Spot { x: at + 8.0, side });
                    at += width(&name, TEXT, false) + 8.0 + 7.0 + GAP;
                }
                if more_ports > 0 {
                    at += 86.0;
                }
                let d = self.plan.dev(dev);
                let text = width(&format!("{} {}", d.name, d.kind), NAME, true) + 26.0;
                let label = d.addresses.iter().map(|a| width(a, TEXT, false)).fold(text, f64::max);
                let right = (at - GAP + 10.0).max(x + label + 16.0);
                self.bars.push(BarBox { dev, left: x, right, more_ports });
                right
            }
            Cell::Port { dev, card } => {
                let name = width(&name_of(&self.plan, traffic, dev), TEXT, true);
                let d = self.plan.dev(dev);
                let wide = addresses(d, 3).iter().map(|a| width(a, TEXT, false)).fold(name, f64::max);
                let right = match card {
                    Some(card) => self.card(card, x, wide, traffic),
                    None => x + wide,
                };
                let above = self.plan.other_end(dev).and_then(|end| self.spots.get(&end));
                let at = above.filter(|s| s.side == Side::Card && s.x >= x && s.x <= right);
                let at = at.map_or((x + right) / 2.0, |s| s.x);
                // A label is centred at its port: neither end may leave the cell.
                let right = right.max(at + wide / 2.0);
                let shift = (x - (at - wide / 2.0)).max(0.0);
                self.spots.insert(dev, Spot { x: at + shift, side: Side::Router });
                right + shift
            }
            Cell::More(text) => {
                let wide = width(&text, TEXT, false);
                self.counted.push((x + wide / 2.0, text));
                x + wide
            }
        }
    }

    /// Places a card at least `least` wide from `x` on, with the ports of its devices; its right end.
    fn card(&mut self, card: Card, x: f64, least: f64, traffic: &Traffic) -> f64 {
        let Card::One(n) = card else {
            let lines = card_lines(&self.plan, card);
            let wide = lines.iter().map(|l| width(l, TEXT, false)).fold(70.0, f64::max) + 16.0;
            self.cards.push(CardBox { card, left: x, right: x + wide, lines, on_bar: self.on_bar });
            return x + wide;
        };
        let lines = card_lines(&self.plan, card);
        let devices = self.plan.host.namespaces[n].devices.len().min(6);
        let names: Vec<f64> = (0..devices).map(|d| width(&name_of(&self.plan, traffic, (n, d)), TEXT, false)).collect();
        let each = names.iter().copied().fold(24.0, f64::max) + 14.0;
        let text = lines.iter().enumerate().map(|(i, l)| width(l, if i == 0 { NAME } else { TEXT }, i == 0));
        let wide = text.fold(70.0, f64::max).max(each * devices as f64).max(least) + 16.0;
        // The port of a bridge below bears its name beside the line.
        let bridge_label = self.peers_label(n, traffic);
        let wide = if devices == 1 { wide.max(2.0 * bridge_label) } else { wide.max(bridge_label * devices as f64) };
        for d in 0..devices {
            let at = x + wide * (2 * d + 1) as f64 / (2 * devices) as f64;
            self.spots.insert((n, d), Spot { x: at, side: Side::Card });
            let Some(end) = self.plan.other_end((n, d)) else { continue };
            // Plugged into the bar right below.
            if self.plan.dev(end).master.is_some() && !self.spots.contains_key(&end) {
                self.spots.insert(end, Spot { x: at, side: Side::BarTop });
            }
        }
        self.cards.push(CardBox { card, left: x, right: x + wide, lines, on_bar: self.on_bar });
        x + wide
    }

    /// The widest label of a port that the card's devices are plugged into.
    fn peers_label(&self, n: usize, traffic: &Traffic) -> f64 {
        let devices = 0..self.plan.host.namespaces[n].devices.len();
        let ends = devices.filter_map(|d| self.plan.other_end((n, d)));
        let masters = ends.filter(|e| self.plan.dev(*e).master.is_some());
        masters.map(|e| width(&name_of(&self.plan, traffic, e), TEXT, false) + 10.0).fold(0.0, f64::max)
    }

    fn section_lines(&self, ns: Option<usize>, more: usize) -> Vec<(String, bool)> {
        let Some(n) = ns else {
            return vec![(format!("… {} more namespaces", units::thousands(more as u64)), false)];
        };
        let ns = &self.plan.host.namespaces[n];
        let mut lines = vec![(format!("{} · ip_forward={}", ns.name, u8::from(ns.forwards)), true)];
        lines.extend(sockets(ns).into_iter().map(|s| (s, false)));
        lines.extend(ns.routes.iter().take(4).map(|r| (short(r), false)));
        let more = ns.routes.len().saturating_sub(4) + ns.more_routes;
        if more > 0 {
            lines.push((format!("… {} more routes", units::thousands(more as u64)), false));
        }
        lines
    }

    /// Which ports are joined, and by which way.
    fn link(&mut self) {
        let drawn: Vec<Dev> = self.spots.keys().copied().collect();
        let mut links = Vec::new();
        for from in drawn {
            let Some(to) = self.plan.other_end(from) else {
                continue;
            };
            let pair = self.plan.other_end(to) == Some(from);
            if (pair && to < from) || !(self.spots.contains_key(&to) || self.plan.nics.contains(&to)) {
                continue;
            }
            links.push((from, to, !pair));
        }
        // A NIC that is a bridge's port, or belongs to a card: from there to the edge.
        links.extend(self.plan.nics.iter().filter(|n| self.spots.contains_key(n)).map(|n| (*n, *n, false)));
        let mut tracks: [Vec<Vec<(f64, f64)>>; 2] = [Vec::new(), Vec::new()];
        for (from, to, lower) in links {
            let a = self.spots[&from];
            let at_edge = self.plan.nics.contains(&to);
            let b = if at_edge { Spot { x: self.right + 20.0, side: a.side } } else { self.spots[&to] };
            let join = at_edge.then(|| {
                self.joins += 1;
                self.joins - 1
            });
            let straight = !at_edge && (a.x - b.x).abs() < 0.5 && a.side != b.side;
            let upper = [a.side, b.side].iter().any(|s| matches!(s, Side::Card | Side::BarTop));
            let track = (!straight).then(|| {
                let of = &mut tracks[usize::from(upper)];
                (upper, free_track(of, (a.x.min(b.x) - 4.0, a.x.max(b.x) + 4.0)))
            });
            self.links.push(Link { from, to, track, lower, join });
        }
        self.tracks = [tracks[0].len(), tracks[1].len()];
        self.nic_room += 7.0 * self.joins as f64;
    }

    fn down(&mut self) {
        let lines = self.cards.iter().map(|c| c.lines.len()).max().unwrap_or(0);
        let card = if lines > 0 { 8.0 + LINE * lines as f64 + 18.0 } else { 0.0 };
        self.cards_bottom = TITLE + card;
        let any_top = self.spots.values().any(|s| s.side == Side::BarTop);
        let upper = TRACK * self.tracks[1] as f64;
        self.bars_top = self.cards_bottom
            + match (lines > 0, any_top) {
                (true, _) => 34.0 + upper,
                (false, true) => 26.0 + upper,
                (false, false) => 2.0 + upper,
            };
        let any_bottom = self.spots.values().any(|s| s.side == Side::BarBottom);
        let lower = TRACK * self.tracks[0] as f64 + if any_bottom { 12.0 } else { 0.0 };
        let plugged = !self.sections.is_empty();
        let room = if self.bars.is_empty() { 10.0 } else { 26.0 };
        let room = if self.tracks[0] > 0 { room + 18.0 } else { room };
        self.router_top = self.bars_bottom() + if plugged { room + lower } else { 8.0 };
        let of_ports = |d: &Dev| {
            let named = usize::from(self.spots.contains_key(d));
            named + addresses(self.plan.dev(*d), 3).len()
        };
        let routed = self.spots.iter().filter(|(_, s)| s.side == Side::Router).map(|(d, _)| of_ports(d));
        let bars = self.bars.iter().map(|b| addresses(self.plan.dev(b.dev), 3).len());
        let counted = usize::from(!self.counted.is_empty());
        self.port_lines = routed.chain(bars).max().unwrap_or(0).max(counted);
        let text = self.sections.iter().map(|s| s.lines.len()).max().unwrap_or(0);
        let mut height = 12.0 + LINE * self.port_lines as f64 + LINE * text as f64 + 30.0;
        let nics = self.plan.nics.len() + usize::from(self.plan.more_nics > 0);
        height = height.max(16.0 + NIC * nics as f64);
        self.router_bottom = self.router_top + height;
    }
}

/// What stands on a card: its name, then addresses and sockets.
fn card_lines(plan: &HostPlan, card: Card) -> Vec<String> {
    let n = match card {
        Card::One(n) => n,
        Card::More(more, like) => {
            let more = format!("… {} more", units::thousands(more as u64));
            return match like {
                Some(n) => vec![more, format!("like {}", plan.host.namespaces[n].name)],
                None => vec![more],
            };
        }
    };
    let ns = &plan.host.namespaces[n];
    let mut lines = vec![ns.name.clone()];
    for d in &ns.devices {
        let name = if ns.devices.len() > 1 { format!("{} ", d.name) } else { String::new() };
        lines.extend(addresses(d, 3).iter().map(|a| format!("{name}{a}")));
    }
    if lines.len() > 7 {
        let more = lines.len() - 6;
        lines.truncate(6);
        lines.push(format!("… {more} more"));
    }
    lines.extend(sockets(ns));
    lines
}

/// A route without what it says of its maker.
fn short(route: &str) -> String {
    route.replace(" proto kernel", "").replace(" scope link", "")
}

/// The first track on which nothing lies between the ends of `want`.
fn free_track(tracks: &mut Vec<Vec<(f64, f64)>>, want: (f64, f64)) -> usize {
    let free = |t: &Vec<(f64, f64)>| t.iter().all(|(from, to)| want.1 < *from || *to < want.0);
    let i = tracks.iter().position(free).unwrap_or_else(|| {
        tracks.push(Vec::new());
        tracks.len() - 1
    });
    tracks[i].push(want);
    i
}
