//! One host's places as shapes.

use super::{
    Traffic,
    place::{BAR, CardBox, LINE, Link, NAME, PAD, Placed, Side, TEXT, WIDEST, addresses, name_of},
    plan::{Card, Dev},
    scene::{Item, Shape},
    tell,
};
use crate::plot::{
    font,
    picture::{Anchor, DASHED, DOTTED, Dash, Frame, Ink, Label, SOLID},
};

/// Draws one host.
pub struct Pen<'p, 't> {
    pub placed: &'p Placed<'t>,
    pub traffic: &'p Traffic,
    /// Upper left corner, and the right edge that all hosts share.
    pub at: (f64, f64),
    pub right: f64,
    pub items: &'p mut Vec<Item>,
}

fn text(x: f64, y: f64, words: &str, ink: Ink) -> Label {
    Label::new((x, y), font::fit(words, TEXT, false, WIDEST), TEXT, ink)
}

fn boxed(frame: Frame, line: Ink, fill: Ink, radius: f64, width: f64) -> Shape {
    Shape::Box { frame, line, fill, radius, width }
}

impl Pen<'_, '_> {
    fn host(&self) -> &str {
        &self.placed.plan.host.name
    }
    fn y(&self, y: f64) -> f64 {
        self.at.1 + y
    }
    fn path(&self, dev: Dev) -> String {
        let ns = &self.placed.plan.host.namespaces[dev.0].name;
        format!("{}/{ns}/{}", self.host(), self.placed.plan.dev(dev).name)
    }
    fn spot(&self, dev: Dev) -> Option<(f64, f64)> {
        let s = self.placed.spots.get(&dev)?;
        Some((self.at.0 + s.x, self.y(self.placed.y_of(s.side))))
    }

    pub fn draw(&mut self) {
        self.frame();
        self.router();
        for card in &self.placed.cards {
            self.card(card);
        }
        for i in 0..self.placed.bars.len() {
            self.bar(i);
        }
        for link in &self.placed.links {
            self.link(link);
        }
        let ports: Vec<Dev> = self.placed.spots.keys().copied().collect();
        ports.into_iter().for_each(|dev| self.port(dev));
        for i in 0..self.placed.plan.nics.len() {
            self.nic(i);
        }
        if self.placed.plan.more_nics > 0 {
            let y = self.y(self.placed.nic_y(self.placed.plan.nics.len()));
            let words = format!("… {} more", self.placed.plan.more_nics);
            let label = text(self.right - 10.0, y, &words, Ink::Muted).anchor(Anchor::End);
            self.items.push(Item::ground(vec![Shape::Text(label)]));
        }
    }

    fn frame(&mut self) {
        let frame = Frame { left: self.at.0, top: self.at.1, right: self.right, bottom: self.y(self.placed.height()) };
        let title = Label::new(
            (self.at.0 + PAD, self.at.1 + 20.0),
            format!("{} {}", what(self.placed.plan.host), self.host()),
            NAME,
            Ink::Text,
        );
        let shapes = vec![boxed(frame, Ink::Muted, Ink::Paper, 9.0, 1.0), Shape::Text(title.bold())];
        let host = self.placed.plan.host;
        self.items.push(Item { name: format!("{} {}", what(host), host.name), detail: tell::host(host), shapes });
    }

    fn router(&mut self) {
        let (top, bottom) = (self.y(self.placed.router_top), self.y(self.placed.router_bottom));
        let right = self.placed.router_right(self.right);
        let frame = Frame { left: self.at.0 + PAD, top, right, bottom };
        let mut shapes = vec![boxed(frame, Ink::Text, Ink::Grid, 7.0, 1.5)];
        let plan = &self.placed.plan;
        let (x, y) = (self.at.0 + PAD + 9.0, bottom - 9.0);
        let name =
            Label::new((x, y), if plan.host.switch { SWITCH } else { "the kernel: one router" }, TEXT, Ink::Text)
                .bold();
        let room = right - x - 16.0 - font::width(&name.text, TEXT, true);
        let words = font::fit(&router_words(self.placed), TEXT, false, room);
        if !words.is_empty() {
            shapes.push(Shape::Text(Label::new((right - 9.0, y), words, TEXT, Ink::Muted).anchor(Anchor::End)));
        }
        shapes.push(Shape::Text(name));
        self.items.push(Item {
            name: if plan.host.switch {
                format!("the switch {}", plan.host.name)
            } else {
                format!("the kernel of {}: one router", plan.host.name)
            },
            detail: tell::router(plan.host),
            shapes,
        });
        let from = top + 16.0 + LINE * self.placed.port_lines as f64;
        for (i, s) in self.placed.sections.iter().enumerate() {
            let (left, edge) = (self.at.0 + s.left + 9.0, self.at.0 + s.right);
            let mut shapes = Vec::new();
            if i > 0 {
                let x = self.at.0 + s.left;
                let points = vec![(x, top + 6.0), (x, bottom - 26.0)];
                shapes.push(Shape::Line { points, ink: Ink::Muted, width: 1.0, dash: DOTTED });
            }
            for (l, (words, bold)) in s.lines.iter().enumerate() {
                // The last section may use the room up to the router's edge.
                let end = if i + 1 == self.placed.sections.len() { right } else { edge };
                let words = font::fit(words, TEXT, *bold, end - left - 6.0);
                let ink = if *bold { Ink::Text } else { Ink::Muted };
                let label = Label::new((left, from + LINE * l as f64), words, TEXT, ink);
                shapes.push(Shape::Text(if *bold { label.bold() } else { label }));
            }
            let item = match s.ns {
                Some(n) => {
                    let ns = &plan.host.namespaces[n];
                    let name = format!("namespace {}/{}", plan.host.name, ns.name);
                    Item { name, detail: tell::namespace(plan.host, ns), shapes }
                }
                None => Item::ground(shapes),
            };
            self.items.push(item);
        }
        for (x, words) in &self.placed.counted {
            let label = text(self.at.0 + x, top + 16.0, words, Ink::Muted).anchor(Anchor::Middle);
            self.items.push(Item::ground(vec![Shape::Text(label)]));
        }
    }

    fn card(&mut self, card: &CardBox) {
        let bottom = self.y(self.placed.cards_bottom);
        let ports = if matches!(card.card, Card::One(_)) { 18.0 } else { 4.0 };
        let top = bottom - 8.0 - LINE * card.lines.len() as f64 - ports;
        let frame = Frame { left: self.at.0 + card.left, top, right: self.at.0 + card.right, bottom };
        let mut shapes = vec![boxed(frame, Ink::Muted, Ink::Paper, 5.0, 1.0)];
        if card.on_bar && !matches!(card.card, Card::One(_)) {
            let x = (frame.left + frame.right) / 2.0;
            let points = vec![(x, bottom), (x, self.y(self.placed.bars_top))];
            shapes.push(Shape::Line { points, ink: Ink::Blue, width: 1.75, dash: DOTTED });
        }
        let room = card.right - card.left - 14.0;
        for (i, line) in card.lines.iter().enumerate() {
            let first = i == 0 && matches!(card.card, Card::One(_));
            let (em, ink) = if first { (NAME, Ink::Text) } else { (TEXT, Ink::Muted) };
            let at = (frame.left + 8.0, top + 15.0 + LINE * i as f64);
            let label = Label::new(at, font::fit(line, em, first, room), em, ink);
            shapes.push(Shape::Text(if first { label.bold() } else { label }));
        }
        let host = self.placed.plan.host;
        let Card::One(n) = card.card else { return self.items.push(Item::ground(shapes)) };
        let ns = &host.namespaces[n];
        let name = format!("namespace {}/{}", host.name, ns.name);
        self.items.push(Item { name, detail: tell::namespace(host, ns), shapes });
    }

    fn bar(&mut self, i: usize) {
        let bar = &self.placed.bars[i];
        let d = self.placed.plan.dev(bar.dev);
        let (top, left) = (self.y(self.placed.bars_top), self.at.0 + bar.left);
        let frame = Frame { left, top, right: self.at.0 + bar.right, bottom: top + BAR };
        let mut shapes = Vec::new();
        // Only what has an address is plugged into the router.
        let router = self.y(self.placed.router_top);
        if !d.addresses.is_empty() {
            let x = left + 14.0;
            let (ink, dash) = if d.up { (Ink::Text, SOLID) } else { (Ink::Muted, DASHED) };
            shapes.push(Shape::Line { points: vec![(x, top + BAR), (x, router)], ink, width: 1.75, dash });
            shapes.push(Shape::Dot { at: (x, router), radius: 4.0, ink: Ink::Text, full: d.up });
            for (l, address) in addresses(d, 3).iter().enumerate() {
                let y = router + 16.0 + LINE * l as f64;
                shapes.push(Shape::Text(text(x - 6.0, y, address, Ink::Text)));
            }
        }
        shapes.push(boxed(frame, Ink::Blue, Ink::Paper, 4.0, 2.0));
        let name = Label::new((left + 9.0, top + 17.0), &d.name, NAME, Ink::Text).bold();
        let wide = font::width(&d.name, NAME, true);
        shapes.push(Shape::Text(Label::new((left + 15.0 + wide, top + 17.0), &d.kind, TEXT, Ink::Muted)));
        shapes.push(Shape::Text(name));
        if bar.more_ports > 0 {
            let words = format!("… {} more ports", bar.more_ports);
            let label = text(frame.right - 6.0, top - 7.0, &words, Ink::Muted).anchor(Anchor::End);
            shapes.push(Shape::Text(label));
        }
        self.items.push(Item { name: self.path(bar.dev), detail: tell::device(&self.path(bar.dev), d), shapes });
    }

    /// How a line looks: blue for a veth, thicker the more it carried; dashed where nothing can pass.
    fn stroke(&self, dev: Dev, lower: bool) -> (Ink, f64, Dash) {
        let d = self.placed.plan.dev(dev);
        let width = self.traffic.width(d.rx.0 + d.tx.0);
        match (lower, d.up) {
            (true, _) => (Ink::Muted, 1.5, DOTTED),
            (_, false) => (Ink::Muted, width, DASHED),
            _ => (Ink::Blue, width, SOLID),
        }
    }

    fn link(&mut self, link: &Link) {
        let Some(from) = self.spot(link.from) else { return };
        let (ink, width, dash) = self.stroke(link.from, link.lower);
        let track = link.track.map(|t| self.y(self.placed.track_y(t)));
        let end = match link.join {
            Some(join) => {
                let x = self.placed.join_x(self.right, join);
                let nic = self.placed.plan.nics.iter().position(|n| *n == link.to).unwrap_or(0);
                (x, self.y(self.placed.nic_y(nic)))
            }
            None => match self.spot(link.to) {
                Some(end) => end,
                None => return,
            },
        };
        let mut points = vec![from];
        if let Some(y) = track {
            points.extend([(from.0, y), (end.0, y)]);
        }
        points.push(end);
        if link.join.is_some() {
            points.push((self.right, end.1));
        }
        let (a, b) = (self.path(link.from), self.path(link.to));
        let d = self.placed.plan.dev(link.from);
        let shapes = vec![Shape::Line { points, ink, width, dash }];
        let (name, detail) = tell::link((&a, &b), link.lower, d, self.traffic);
        // A NIC's own line says nothing that the NIC does not.
        self.items.push(if link.from == link.to { Item::ground(shapes) } else { Item { name, detail, shapes } });
    }

    /// The port of a device, its name, and where it is plugged into the router its addresses.
    fn port(&mut self, dev: Dev) {
        let (Some((x, y)), Some(spot)) = (self.spot(dev), self.placed.spots.get(&dev)) else { return };
        let d = self.placed.plan.dev(dev);
        let words = name_of(&self.placed.plan, self.traffic, dev);
        let lost = self.traffic.lost(&self.path(dev)) > 0;
        let ink = if lost { Ink::Orange } else { Ink::Text };
        let mut shapes =
            vec![Shape::Dot { at: (x, y), radius: 4.0, ink: if lost { Ink::Orange } else { Ink::Blue }, full: d.up }];
        match spot.side {
            Side::Card => shapes.push(Shape::Text(text(x, y - 8.0, &words, ink).anchor(Anchor::Middle))),
            Side::BarTop => shapes.push(Shape::Text(text(x + 7.0, y - 7.0, &words, ink))),
            Side::BarBottom => shapes.push(Shape::Text(text(x + 7.0, y + 15.0, &words, ink))),
            Side::Router => {
                let name = text(x, y + 16.0, &words, ink).bold().anchor(Anchor::Middle);
                shapes.push(Shape::Text(name));
                for (l, address) in addresses(d, 3).iter().enumerate() {
                    let label = text(x, y + 16.0 + LINE * (l + 1) as f64, address, Ink::Text);
                    shapes.push(Shape::Text(label.anchor(Anchor::Middle)));
                }
            }
        }
        self.items.push(Item { name: self.path(dev), detail: tell::device(&self.path(dev), d), shapes });
    }

    /// A NIC at the host's edge, its line to the router if it has an address and is nobody's port.
    fn nic(&mut self, i: usize) {
        let dev = self.placed.plan.nics[i];
        let d = self.placed.plan.dev(dev);
        let y = self.y(self.placed.nic_y(i));
        let mut shapes = Vec::new();
        let edge = self.placed.router_right(self.right);
        if !self.placed.spots.contains_key(&dev) {
            let (ink, dash) = if d.up { (Ink::Text, SOLID) } else { (Ink::Muted, DASHED) };
            let from = if d.addresses.is_empty() { self.right - 16.0 } else { edge };
            let width = self.traffic.width(d.rx.0 + d.tx.0);
            shapes.push(Shape::Line { points: vec![(from, y), (self.right, y)], ink, width, dash });
            if !d.addresses.is_empty() {
                shapes.push(Shape::Dot { at: (edge, y), radius: 4.0, ink: Ink::Text, full: d.up });
            }
        }
        let lost = self.traffic.lost(&self.path(dev)) > 0;
        let ink = if lost { Ink::Orange } else { Ink::Text };
        shapes.push(Shape::Dot { at: (self.right, y), radius: 5.0, ink, full: d.up });
        let words = self.placed.nic_label(dev, self.traffic);
        shapes.push(Shape::Text(text(self.right - 10.0, y - 6.0, &words, ink).anchor(Anchor::End)));
        self.items.push(Item { name: self.path(dev), detail: tell::device(&self.path(dev), d), shapes });
    }
}

/// "also the tables of a, b": of the namespaces that have no section.
/// What an external switch does.
const SWITCH: &str = "learns, forwards, floods";

fn what(host: &scenarios::outcome::HostOutcome) -> &'static str {
    if host.switch { "switch" } else { "host" }
}

fn router_words(placed: &Placed) -> String {
    let host = placed.plan.host;
    if host.switch {
        return String::new();
    }
    let sections: Vec<usize> = placed.sections.iter().filter_map(|s| s.ns).collect();
    let others: Vec<&str> = (0..host.namespaces.len())
        .filter(|n| !sections.contains(n) && (*n > 0 || host.namespaces.len() == 1))
        .map(|n| host.namespaces[n].name.as_str())
        .collect();
    let also = if sections.is_empty() { "the tables of" } else { "also the tables of" };
    match others.len() {
        0 => String::new(),
        1..=6 => format!("{also} {}", others.join(", ")),
        many => format!("{also} {} … ({many})", others[..3].join(", ")),
    }
}
