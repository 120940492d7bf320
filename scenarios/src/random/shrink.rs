//! Makes a world smaller as long as it keeps a property: delta debugging on its structure. Whole parts go first
//! (flows, steps, namespaces with everything that leads to them, devices), then single lines, then values become the
//! plainest ones.

use super::sketch::{Device, FlowKind, Kind, Sketch};

/// The smallest world found from `sketch` on for which `keeps` holds, and how often `keeps` was asked; at most `budget`
/// times. `keeps` holds for `sketch` itself.
pub fn shrink(sketch: &Sketch, budget: usize, keeps: &mut dyn FnMut(&Sketch) -> bool) -> (Sketch, usize) {
    let mut s = Shrinker { best: sketch.clone(), asked: 0, budget, keeps };
    loop {
        let before = s.best.clone();
        for pass in PASSES {
            s.pass(*pass);
        }
        if s.best == before || s.asked >= s.budget {
            return (s.best, s.asked);
        }
    }
}

struct Shrinker<'k> {
    best: Sketch,
    asked: usize,
    budget: usize,
    keeps: &'k mut dyn FnMut(&Sketch) -> bool,
}

/// All that can be done to a world in one way, each as a world of its own. Number i is made on demand: `None` past the
/// last. A pass that can cut several neighbours at once is told how many.
type Pass = fn(&Sketch, at: usize, many: usize) -> Option<Sketch>;

const PASSES: &[Pass] = &[flows, steps, nets, devices, lines, sysctls, uppers, words, values, times];

impl Shrinker<'_> {
    /// Large cuts first, then halves of them.
    fn pass(&mut self, pass: Pass) {
        let mut many = 8;
        while many > 0 {
            let mut at = 0;
            while let Some(smaller) = pass(&self.best, at, many) {
                if self.asked >= self.budget {
                    return;
                }
                if smaller == self.best || !self.ask(&smaller) {
                    at += many;
                }
            }
            many /= 2;
        }
    }

    fn ask(&mut self, smaller: &Sketch) -> bool {
        self.asked += 1;
        let kept = (self.keeps)(smaller);
        if kept {
            self.best = smaller.clone();
        }
        kept
    }
}

/// Takes `many` entries out from `at` on, of all lists together; `None` if `at` is past the last.
fn cut<T>(lists: Vec<&mut Vec<T>>, at: usize, many: usize) -> bool {
    let mut skip = at;
    let mut left = many;
    for list in lists {
        if skip >= list.len() {
            skip -= list.len();
            continue;
        }
        let end = (skip + left).min(list.len());
        left -= end - skip;
        list.drain(skip..end);
        skip = 0;
        if left == 0 {
            break;
        }
    }
    left < many
}

fn flows(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    cut(vec![&mut s.flows], at, many).then_some(s)
}

fn steps(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    cut(vec![&mut s.steps], at, many).then_some(s)
}

/// A namespace goes with all that leads to it. One at a time: the first of a host stays.
fn nets(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let places: Vec<(usize, usize)> =
        (0..s.hosts.len()).flat_map(|h| (0..s.hosts[h].nets.len()).map(move |n| (h, n))).collect();
    let (h, n) = *places.get(at)?;
    if many > 1 {
        return Some(s);
    }
    let path = format!("{}/{}", s.hosts[h].name, s.hosts[h].nets[n].name);
    let names: Vec<String> = s.hosts[h].nets[n].devices.iter().map(|d| d.name.clone()).collect();
    for name in names {
        remove_device(&mut s, h, n, &name);
    }
    s.flows.retain(|f| f.from != path);
    s.flows.iter_mut().filter(|f| f.to.as_ref() == Some(&path)).for_each(|f| f.to = None);
    s.steps.retain(|t| t.place != path);
    match n {
        0 if s.hosts.len() > 1 && s.hosts[h].nets.len() == 1 => drop(s.hosts.remove(h)),
        0 => s.hosts[h].nets[0] = super::sketch::Net { name: "root".to_owned(), ..Default::default() },
        _ => drop(s.hosts[h].nets.remove(n)),
    }
    Some(s)
}

fn devices(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let mut places = Vec::new();
    for (h, host) in s.hosts.iter().enumerate() {
        for (n, net) in host.nets.iter().enumerate() {
            places.extend(net.devices.iter().map(|d| (h, n, d.name.clone())));
        }
    }
    let (h, n, name) = places.get(at)?.clone();
    if many == 1 {
        remove_device(&mut s, h, n, &name);
    }
    Some(s)
}

/// A device goes, with its other end, as a port, and with the wire.
fn remove_device(s: &mut Sketch, h: usize, n: usize, name: &str) {
    let net = &mut s.hosts[h].nets[n];
    let own = net.name.clone();
    let Some(i) = net.devices.iter().position(|d| d.name == name) else { return };
    let gone = net.devices.remove(i);
    forget(net, name);
    match gone.kind {
        Kind::Veth { ns, dev } => {
            for net in s.hosts[h].nets.iter_mut().filter(|net| net.name == ns) {
                net.devices.retain(|d| d.name != dev);
                forget(net, &dev);
            }
        }
        Kind::Peer => {
            for net in &mut s.hosts[h].nets {
                let leads = |d: &Device| matches!(&d.kind, Kind::Veth { ns, dev } if *ns == own && dev == name);
                let near = net.devices.iter().find(|d| leads(d)).map(|d| d.name.clone());
                net.devices.retain(|d| !leads(d));
                near.iter().for_each(|near| forget(net, near));
            }
        }
        Kind::Physical => {
            let wires = std::mem::take(&mut s.wires);
            for net in s.hosts.iter_mut().flat_map(|h| &mut h.nets).filter(|_| !wires.is_empty()) {
                net.devices.retain(|d| d.kind != Kind::Physical);
                forget(net, name);
            }
        }
        _ => {}
    }
}

/// Takes a device's name out of a namespace's bridges and tables.
fn forget(net: &mut super::sketch::Net, name: &str) {
    for d in &mut net.devices {
        if let Kind::Bridge { ports, .. } = &mut d.kind {
            ports.retain(|p| p != name);
        }
    }
    net.devices.retain(|d| !matches!(&d.kind, Kind::Upper { link, .. } if link == name));
    let names = |line: &String| line.split(' ').any(|w| w == name);
    for list in [&mut net.routes, &mut net.rules, &mut net.neighbours, &mut net.commands] {
        list.retain(|l| !names(l));
    }
    net.sysctls.retain(|(k, _)| !k.split('.').any(|w| w == name));
}

/// Addresses, routes, rules, neighbours, commands.
fn lines(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let mut lists = Vec::new();
    for net in s.hosts.iter_mut().flat_map(|h| &mut h.nets) {
        lists.extend(net.devices.iter_mut().map(|d| &mut d.addresses));
        lists.extend([&mut net.routes, &mut net.rules, &mut net.neighbours, &mut net.commands]);
    }
    cut(lists, at, many).then_some(s)
}

/// Sysctls, settings of ports, options of flows.
fn sysctls(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let mut lists = Vec::new();
    for net in s.hosts.iter_mut().flat_map(|h| &mut h.nets) {
        lists.push(&mut net.sysctls);
        lists.extend(net.devices.iter_mut().flat_map(|d| [&mut d.sysctls, &mut d.slave]));
    }
    lists.extend(s.flows.iter_mut().map(|f| &mut f.options));
    cut(lists, at, many).then_some(s)
}

/// A device that is a port is none any more.
fn uppers(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let mut lists = Vec::new();
    for d in s.hosts.iter_mut().flat_map(|h| &mut h.nets).flat_map(|n| &mut n.devices) {
        if let Kind::Bridge { ports, .. } = &mut d.kind {
            lists.push(ports);
        }
    }
    cut(lists, at, many).then_some(s)
}

/// What stands behind a route, an address or a neighbour: two words fewer at the end.
fn words(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    let mut s = s.clone();
    let mut all: Vec<&mut String> = Vec::new();
    for net in s.hosts.iter_mut().flat_map(|h| &mut h.nets) {
        all.extend(net.devices.iter_mut().flat_map(|d| &mut d.addresses));
        all.extend(&mut net.routes);
    }
    all.extend(s.steps.iter_mut().map(|t| &mut t.run));
    let line = all.get_mut(at)?;
    let kept: Vec<&str> = line.split(' ').collect();
    if many <= 2 && kept.len() > many {
        let shorter = kept[..kept.len() - many].join(" ");
        **line = shorter;
    }
    Some(s)
}

/// Values become those that would be there anyway, one at a time.
fn values(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    if many > 1 {
        return None;
    }
    let mut s = s.clone();
    let mut left = at;
    let mut mine = || {
        let hit = left == 0;
        left = left.wrapping_sub(1);
        hit
    };
    for d in s.hosts.iter_mut().flat_map(|h| &mut h.nets).flat_map(|n| &mut n.devices) {
        if mine() {
            d.mtu = None;
            return Some(s);
        }
        if mine() {
            d.mac = None;
            return Some(s);
        }
        if mine() {
            d.down = false;
            return Some(s);
        }
        if mine() {
            if let Kind::Bridge { settings, .. } = &mut d.kind {
                settings.truncate(1);
            }
            return Some(s);
        }
    }
    for f in &mut s.flows {
        if mine() {
            f.ttl = None;
            return Some(s);
        }
        if mine() {
            f.count = 1;
            return Some(s);
        }
        if mine() {
            f.size = 56;
            return Some(s);
        }
        if mine() {
            f.size = f.size.min(1472);
            return Some(s);
        }
        if mine() {
            f.to = None;
            return Some(s);
        }
        if mine() {
            f.kind = FlowKind::Ping;
            return Some(s);
        }
    }
    None
}

/// What follows comes earlier where something went, and the end with it.
fn times(s: &Sketch, at: usize, many: usize) -> Option<Sketch> {
    if at > 1 || many > 1 {
        return None;
    }
    let mut s = s.clone();
    if at == 1 {
        let last = s.flows.iter().map(|f| f.start).chain(s.steps.iter().map(|t| t.at)).max().unwrap_or(0);
        s.duration = s.duration.min(last + 100);
        return Some(s);
    }
    let first = s.flows.iter().map(|f| f.start).chain(s.steps.iter().map(|t| t.at)).min()?;
    let early = first.saturating_sub(20);
    s.flows.iter_mut().for_each(|f| f.start -= early);
    s.steps.iter_mut().for_each(|t| t.at -= early);
    s.duration -= early;
    Some(s)
}
