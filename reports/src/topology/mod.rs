//! What is plugged into what, as a picture that is the same every time: a card for each host, its kernel drawn as the
//! one router that it is, namespaces as cards on top, cables between hosts.

mod draw;
mod place;
mod plan;
mod scene;
mod tell;
mod text;

use std::collections::BTreeMap;

use scenarios::outcome::{DropOutcome, RunOutcome, TopologyOutcome};

pub use scene::{Item, Scene, Shape};
pub use text::text;

use crate::{
    plot::{
        font,
        picture::{Frame, Ink, Label, SOLID},
    },
    units,
};
use place::{NAME, Placed, TEXT};
use plan::HostPlan;

const MARGIN: f64 = 14.0;
const BETWEEN: f64 = 22.0;
/// Between two cables that run side by side.
const CABLE: f64 = 14.0;
/// Of more hosts, so many are drawn.
const HOSTS: (usize, usize) = (12, 9);

/// What the first run carried and lost, for widths and labels.
#[derive(Clone, Debug, Default)]
pub struct Traffic {
    ended_ps: u64,
    /// The most that any device carried, packets in both directions.
    most: u64,
    lost: BTreeMap<String, u64>,
}

impl Traffic {
    pub fn of(run: &RunOutcome, topology: &TopologyOutcome) -> Traffic {
        let mut lost = BTreeMap::new();
        for DropOutcome { place, count, .. } in &run.drops {
            *lost.entry(place.clone()).or_default() += count;
        }
        let devices = topology.hosts.iter().flat_map(|h| &h.namespaces).flat_map(|n| &n.devices);
        let most = devices.map(|d| d.rx.0 + d.tx.0).max().unwrap_or(0);
        Traffic { ended_ps: run.ended_ps, most, lost }
    }
    /// Packets lost at a device, HOST/NS/DEV.
    fn lost(&self, path: &str) -> u64 {
        self.lost.get(path).copied().unwrap_or(0)
    }
    /// Thickness of a line over which so many packets went.
    fn width(&self, packets: u64) -> f64 {
        if self.most == 0 { 1.75 } else { 1.5 + 2.5 * (packets as f64 / self.most as f64) }
    }
    fn rate(&self, packets: u64) -> String {
        units::rate(packets, self.ended_ps)
    }
    /// "50,000 packets, 10 k/s".
    fn load(&self, packets: u64) -> String {
        format!("{} packets, {}", units::thousands(packets), self.rate(packets))
    }
}

/// Lays out everything. `title` names it for those who cannot see it.
pub fn scene(topology: &TopologyOutcome, traffic: &Traffic, title: &str) -> Scene {
    let all = topology.hosts.len();
    let shown = if all > HOSTS.0 { HOSTS.1 } else { all };
    let placed: Vec<Placed> = topology.hosts[..shown].iter().map(|h| Placed::of(HostPlan::of(h), traffic)).collect();
    let width = placed.iter().map(Placed::least_width).fold(0.0, f64::max);
    let right = MARGIN + width;
    let mut scene = Scene { title: title.to_owned(), description: describe(topology), ..Scene::default() };
    let mut ends: BTreeMap<(String, String, String), f64> = BTreeMap::new();
    let mut y = MARGIN;
    for p in &placed {
        for (i, dev) in p.plan.nics.iter().enumerate() {
            let host = p.plan.host;
            let key = (host.name.clone(), host.namespaces[dev.0].name.clone(), p.plan.dev(*dev).name.clone());
            ends.insert(key, y + p.nic_y(i));
        }
        draw::Pen { placed: p, traffic, at: (MARGIN, y), right, items: &mut scene.items }.draw();
        y += p.height() + BETWEEN;
    }
    if all > shown {
        let words = format!("… {} more hosts", units::thousands((all - shown) as u64));
        let frame = Frame { left: MARGIN, top: y, right, bottom: y + 34.0 };
        let label = Label::new((MARGIN + 14.0, y + 21.0), words, NAME, Ink::Muted);
        let shapes =
            vec![Shape::Box { frame, line: Ink::Muted, fill: Ink::Paper, radius: 9.0, width: 1.0 }, Shape::Text(label)];
        scene.items.push(Item::ground(shapes));
        y += 34.0 + BETWEEN;
    }
    scene.height = y - BETWEEN + MARGIN;
    scene.width = cables(topology, traffic, &ends, right, &mut scene.items) + MARGIN;
    scene
}

/// Cables to the right of the hosts, each down its own track; the right end of all.
fn cables(
    topology: &TopologyOutcome,
    traffic: &Traffic,
    ends: &BTreeMap<(String, String, String), f64>,
    right: f64,
    items: &mut Vec<Item>,
) -> f64 {
    let mut drawn = Vec::new();
    for w in &topology.wires {
        let [Some(a), Some(b)] = [0, 1].map(|i| ends.get(&w.ends[i]).copied()) else { continue };
        let devices = [0, 1].map(|i| find(topology, &w.ends[i]));
        let packets = devices.iter().flatten().map(|d| d.tx.0).sum();
        drawn.push((a.min(b), a.max(b), packets, tell::wire(w, devices, traffic)));
    }
    let label = drawn.iter().map(|(.., [label, ..])| font::width(label, TEXT, false)).fold(0.0, f64::max);
    let first = right + label + 24.0;
    // Short cables run inside, so that few lines cross.
    let mut order: Vec<usize> = (0..drawn.len()).collect();
    order.sort_by(|a, b| (drawn[*a].1 - drawn[*a].0).total_cmp(&(drawn[*b].1 - drawn[*b].0)).then(a.cmp(b)));
    let mut tracks: Vec<Vec<(f64, f64)>> = Vec::new();
    for i in order {
        let (top, bottom, packets, [label, name, detail]) = &drawn[i];
        let free = |t: &Vec<(f64, f64)>| t.iter().all(|(from, to)| *bottom + 4.0 < *from || *to + 4.0 < *top);
        let track = tracks.iter().position(free).unwrap_or(tracks.len());
        if track == tracks.len() {
            tracks.push(Vec::new());
        }
        tracks[track].push((*top, *bottom));
        let x = first + CABLE * track as f64;
        let points = vec![(right, *top), (x, *top), (x, *bottom), (right, *bottom)];
        let width = traffic.width(*packets);
        let line = Shape::Line { points, ink: Ink::Orange, width, dash: SOLID };
        let label = Label::new((right + 10.0, top - 6.0), label, TEXT, Ink::Text);
        let shapes = vec![line, Shape::Text(label)];
        items.push(Item { name: name.clone(), detail: detail.clone(), shapes });
    }
    if drawn.is_empty() { right } else { first + CABLE * (tracks.len() - 1) as f64 + 4.0 }
}

fn find<'t>(
    topology: &'t TopologyOutcome,
    (host, ns, dev): &(String, String, String),
) -> Option<&'t scenarios::outcome::DeviceOutcome> {
    let host = topology.hosts.iter().find(|h| h.name == *host)?;
    let ns = host.namespaces.iter().find(|n| n.name == *ns)?;
    ns.devices.iter().find(|d| d.name == *dev)
}

fn describe(topology: &TopologyOutcome) -> String {
    let namespaces: usize = topology.hosts.iter().filter(|h| !h.switch).map(|h| h.namespaces.len() + h.more).sum();
    let devices: usize = topology.hosts.iter().flat_map(|h| &h.namespaces).map(|n| n.devices.len() + n.more).sum();
    let switches = topology.hosts.iter().filter(|h| h.switch).count();
    let and = if switches == 0 { String::new() } else { format!("{}; ", units::count(switches, "switch", "switches")) };
    format!(
        "{}, each with one kernel that is one router; {and}{}, {}, {}.",
        units::count(topology.hosts.len() - switches, "host", "hosts"),
        units::count(namespaces, "namespace", "namespaces"),
        units::count(devices, "device", "devices"),
        units::count(topology.wires.len(), "cable", "cables")
    )
}

#[cfg(test)]
mod tests;
