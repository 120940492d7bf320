//! Namespaces, devices and addresses of a world.

use super::{
    chance::Chance,
    features::Features,
    sketch::{Device, Host, Kind, Net, Sketch},
};

/// An interface with a stack of its own: not a bridge's port.
#[derive(Clone, Debug)]
pub(super) struct Iface {
    pub host: usize,
    pub net: usize,
    pub dev: String,
    pub segment: usize,
    /// Its first address, if it has one.
    pub addr: Option<u32>,
}

/// A broadcast domain and the subnet that it was given.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub base: u32,
    pub len: u8,
}

/// A world being made.
pub(super) struct Draft {
    pub chance: Chance,
    pub on: Features,
    pub sketch: Sketch,
    pub ifaces: Vec<Iface>,
    pub segments: Vec<Segment>,
    /// Broadcast domains while devices are still added: each point's parent.
    parents: Vec<usize>,
    /// (host, net, device, point)
    points: Vec<(usize, usize, String, usize)>,
}

/// An address as text.
pub(super) fn dotted(addr: u32) -> String {
    std::net::Ipv4Addr::from(addr).to_string()
}

impl Draft {
    pub fn new(mut chance: Chance, title: String) -> Draft {
        let on = Features::draw(&mut chance);
        let sketch = Sketch { title, ..Sketch::default() };
        let (ifaces, segments) = (Vec::new(), Vec::new());
        Draft { chance, on, sketch, ifaces, segments, parents: Vec::new(), points: Vec::new() }
    }

    /// Hosts, namespaces, devices, who is joined to whom.
    pub fn topology(&mut self) {
        let hosts = if self.on.two_hosts { 2 } else { 1 };
        let nets = self.chance.between(2, 6).max(hosts);
        for h in 0..hosts {
            let share = if hosts == 1 { nets } else { (nets / 2 + h * (nets % 2)).max(1) };
            let names = (0..share).map(|i| if i == 0 { "root".to_owned() } else { format!("c{i}") });
            let nets = names.map(|name| Net { name, ..Net::default() }).collect();
            self.sketch.hosts.push(Host { name: format!("h{}", h + 1), nets });
        }
        if self.on.bridges {
            for _ in 0..self.chance.between(1, 3) {
                self.bridge();
            }
        }
        for h in 0..self.sketch.hosts.len() {
            for n in 1..self.sketch.hosts[h].nets.len() {
                let to = self.chance.below(n);
                self.pair(h, to, n);
            }
            for _ in 0..self.chance.weighted(&[(5, 0), (3, 1), (1, 2)]) {
                let n = self.sketch.hosts[h].nets.len();
                let (a, b) = (self.chance.below(n), self.chance.below(n));
                self.pair(h, a, b);
            }
        }
        if hosts == 2 {
            self.wire();
        }
        self.order();
        self.pad();
        self.lonely();
        self.macvlans();
        self.domains();
    }

    fn net(&mut self, host: usize, net: usize) -> &mut Net {
        &mut self.sketch.hosts[host].nets[net]
    }

    fn point(&mut self, host: usize, net: usize, dev: &str) -> usize {
        let p = self.parents.len();
        self.parents.push(p);
        self.points.push((host, net, dev.to_owned(), p));
        p
    }

    fn root_of(&self, mut p: usize) -> usize {
        while self.parents[p] != p {
            p = self.parents[p];
        }
        p
    }

    fn bridge(&mut self) {
        let host = self.chance.below(self.sketch.hosts.len());
        let net = self.chance.below(self.sketch.hosts[host].nets.len());
        let name = format!("br{}", self.net(host, net).devices.len());
        let mut settings = vec![("mcast_snooping".to_owned(), "0".to_owned())];
        if self.on.bridge_settings && self.chance.percent(60) {
            let more =
                [("forward_delay", "200"), ("ageing_time", "6000"), ("priority", "4096"), ("group_fwd_mask", "8")];
            let (word, value) = *self.chance.pick(&more);
            settings.push((word.to_owned(), value.to_owned()));
        }
        self.net(host, net).devices.push(Device::new(&name, Kind::Bridge { ports: Vec::new(), settings }));
        self.point(host, net, &name);
    }

    /// A veth pair between two namespaces (or within one), either end maybe a port of a bridge there. Never a circle of
    /// bridges: without a spanning tree it would be a storm.
    fn pair(&mut self, host: usize, a: usize, b: usize) {
        let number = self.sketch.hosts[host].nets.iter().map(|n| n.devices.len()).sum::<usize>();
        let (near, far) = (format!("v{number}"), format!("eth{number}"));
        let ns = self.net(host, b).name.clone();
        let kind = Kind::Veth { ns, dev: far.clone() };
        self.net(host, a).devices.push(Device::new(&near, kind));
        self.net(host, b).devices.push(Device::new(&far, Kind::Peer));
        let p = self.plug(host, a, &near, 75);
        let q = self.plug(host, b, &far, 35);
        let (p, q) = (self.root_of(p), self.root_of(q));
        if p == q {
            // The far end leaves its bridge.
            for d in &mut self.net(host, b).devices {
                if let Kind::Bridge { ports, .. } = &mut d.kind {
                    ports.retain(|name| *name != far);
                }
            }
            let q = self.point(host, b, &far);
            self.parents[q] = p;
        } else {
            self.parents[q] = p;
        }
    }

    /// The device's point: the bridge that it became a port of, or its own.
    fn plug(&mut self, host: usize, net: usize, dev: &str, percent: u32) -> usize {
        let bridges: Vec<usize> = (0..self.net(host, net).devices.len())
            .filter(|i| matches!(self.sketch.hosts[host].nets[net].devices[*i].kind, Kind::Bridge { .. }))
            .collect();
        let Some(i) = self.chance.maybe(&bridges).copied().filter(|_| self.chance.percent(percent)) else {
            return self.point(host, net, dev);
        };
        let bridge = &mut self.net(host, net).devices[i];
        let name = bridge.name.clone();
        if let Kind::Bridge { ports, .. } = &mut bridge.kind {
            ports.push(dev.to_owned());
        }
        self.points.iter().find(|p| (p.0, p.1) == (host, net) && p.2 == name).map_or(0, |p| p.3)
    }

    fn wire(&mut self) {
        let mut ends = Vec::new();
        for host in 0..2 {
            self.net(host, 0).devices.push(Device::new("nic", Kind::Physical));
            ends.push(self.plug(host, 0, "nic", 35));
        }
        let (p, q) = (self.root_of(ends[0]), self.root_of(ends[1]));
        self.parents[q] = p;
        self.sketch.wires.push(["h1/root/nic".to_owned(), "h2/root/nic".to_owned()]);
    }

    /// A device before all others, where links go down midway: else the ends of the first veth pair have one number,
    /// and the kernel notices the loss of its carrier when it pleases (DEV-15).
    fn pad(&mut self) {
        if self.on.flaps || self.on.moves {
            for h in 0..self.sketch.hosts.len() {
                let settings = vec![("mcast_snooping".to_owned(), "0".to_owned())];
                let mut pad = Device::new("pad", Kind::Bridge { ports: Vec::new(), settings });
                pad.mac = Some("02:00:00:00:fe:01".to_owned());
                self.net(h, 0).devices.insert(0, pad);
            }
        }
    }

    /// A bridge without ports draws its address, unless it is told one.
    fn lonely(&mut self) {
        let mut number = 0;
        for d in self.sketch.hosts.iter_mut().flat_map(|h| &mut h.nets).flat_map(|n| &mut n.devices) {
            if matches!(&d.kind, Kind::Bridge { ports, .. } if ports.is_empty()) && d.mac.is_none() {
                number += 1;
                d.mac = Some(format!("02:00:00:00:fd:{number:02x}"));
            }
        }
    }

    /// Macvlans on devices that are no ports, in the same namespace or another one of the host.
    fn macvlans(&mut self) {
        if !self.on.macvlan {
            return;
        }
        for number in 0..self.chance.between(1, 3) {
            let at = self.chance.below(self.points.len());
            let (host, net, lower, point) = self.points[at].clone();
            if self.points.iter().any(|p| (p.0, p.1, &p.2) == (host, net, &lower) && p.3 != point) || lower == "nic" {
                continue;
            }
            let nets = self.sketch.hosts[host].nets.len();
            // Elsewhere: a worker hands on what is broadcast, and whoever answers for the same address in the device's own
            // namespace is now before it, now after it.
            let own = (net + 1 + self.chance.below(nets.max(2) - 1)) % nets;
            let root = self.root_of(point);
            let twice = self.points.iter().any(|p| (p.0, p.1) == (host, own) && self.root_of(p.3) == root);
            if own == net || twice {
                continue;
            }
            let link = format!("{}/{lower}", self.sketch.hosts[host].nets[net].name);
            let mode = *self.chance.pick(&["bridge", "bridge", "vepa", "private"]);
            let settings = vec![("mode".to_owned(), format!("\"{mode}\""))];
            let name = format!("m{number}");
            let kind = Kind::Upper { kind: "Macvlan".to_owned(), link, settings };
            let mut device = Device::new(&name, kind);
            device.mac = Some(format!("02:00:00:00:fb:{number:02x}"));
            self.net(host, own).devices.push(device);
            let p = self.point(host, own, &name);
            self.parents[p] = root;
        }
    }

    /// Devices stand in any order: numbers and bridge addresses follow from it.
    fn order(&mut self) {
        if self.chance.percent(50) {
            for h in 0..self.sketch.hosts.len() {
                for n in 0..self.sketch.hosts[h].nets.len() {
                    let mut devices = std::mem::take(&mut self.net(h, n).devices);
                    self.chance.shuffle(&mut devices);
                    self.net(h, n).devices = devices;
                }
            }
        }
    }

    fn domains(&mut self) {
        let mut numbers: Vec<usize> = Vec::new();
        for i in 0..self.points.len() {
            let (host, net, dev, p) = self.points[i].clone();
            let root = self.root_of(p);
            let segment = numbers.iter().position(|r| *r == root).unwrap_or_else(|| {
                numbers.push(root);
                numbers.len() - 1
            });
            self.ifaces.push(Iface { host, net, dev, segment, addr: None });
        }
        for s in 0..numbers.len() {
            let same = self.on.overlap && s > 0 && self.chance.percent(50);
            let base = if same { self.segments[s - 1].base } else { 0x0a00_0000 | (s as u32 + 1) << 16 };
            let crowd = self.ifaces.iter().filter(|i| i.segment == s).count();
            let mut lens = vec![(6, 24_u8)];
            if self.on.prefixes {
                lens.extend([(2, 16), (1, 25), (1, 28), (1, 8)]);
                lens.extend([(1, 30), (1, 31)].into_iter().filter(|_| crowd <= 2));
            }
            let len = self.chance.weighted(&lens);
            self.segments.push(Segment { base, len });
        }
    }

    pub fn device(&mut self, host: usize, net: usize, dev: &str) -> Option<&mut Device> {
        self.net(host, net).devices.iter_mut().find(|d| d.name == dev)
    }

    /// HOST/NS
    pub fn path(&self, host: usize, net: usize) -> String {
        format!("{}/{}", self.sketch.hosts[host].name, self.sketch.hosts[host].nets[net].name)
    }

    /// First addresses, then what else there may be.
    pub fn addresses(&mut self) {
        for i in 0..self.ifaces.len() {
            let Iface { host, net, ref dev, segment, .. } = self.ifaces[i];
            let dev = dev.clone();
            let bridge = dev.starts_with("br");
            if !self.chance.percent(if bridge { 65 } else { 93 }) {
                continue;
            }
            let Segment { base, len } = self.segments[segment];
            let before = self.ifaces[..i].iter().filter(|o| self.segments[o.segment].base == base).count() as u32;
            let first = u32::from(len != 31);
            let number = match self.on.duplicate && before > 0 && self.chance.percent(25) {
                true => first,
                false => before + first,
            };
            let addr = base + number;
            self.ifaces[i].addr = Some(addr);
            let words = self.address_words(len);
            let mut all = vec![format!("{}/{len}{words}", dotted(addr))];
            if self.on.secondary && self.chance.percent(45) {
                all.extend(self.more_addresses(segment, number));
            }
            if let Some(d) = self.device(host, net, &dev) {
                d.addresses = all;
            }
        }
        self.loopbacks();
    }

    fn address_words(&mut self, len: u8) -> &'static str {
        if !self.on.address_words || !self.chance.percent(40) {
            return "";
        }
        let words = [" brd +", " noprefixroute", " scope link", " scope host", " scope site"];
        // `brd +` wants room for a broadcast address.
        let word = *self.chance.pick(&words);
        if len > 30 && word == " brd +" { "" } else { word }
    }

    fn more_addresses(&mut self, segment: usize, number: u32) -> Vec<String> {
        let Segment { base, len } = self.segments[segment];
        let room = if len >= 32 { 0 } else { (1_u32 << (32 - len).min(8)) - 1 };
        let mut all = Vec::new();
        for _ in 0..self.chance.between(1, 2) {
            let near = base + (number + self.chance.between(8, 60)) % room.max(2);
            let other = self.chance.between(25, 27);
            let far = 0xac10_0000 | (self.chance.between(1, 3) << 8) | number;
            let peer = self.chance.between(1, 200);
            let choices = [
                (6, format!("{}/{len}", dotted(near))),
                (2, format!("{}/{other}", dotted(near))),
                (3, format!("{}/24", dotted(far))),
                (1, format!("{}/32", dotted(far))),
                (u32::from(self.on.address_words) * 2, format!("{} peer 172.31.0.{peer}/32", dotted(far))),
            ];
            let weights: Vec<(u32, usize)> = choices.iter().enumerate().map(|(i, c)| (c.0, i)).collect();
            let text = choices[self.chance.weighted(&weights)].1.clone();
            if !all.contains(&text) {
                all.push(text);
            }
        }
        all
    }

    fn loopbacks(&mut self) {
        if !self.on.loopback {
            return;
        }
        let mut number = 0;
        for h in 0..self.sketch.hosts.len() {
            for n in 0..self.sketch.hosts[h].nets.len() {
                number += 1;
                if self.chance.percent(35) {
                    let mut lo = Device::new("lo", Kind::Loopback);
                    lo.addresses.push(format!("192.168.{number}.1/32"));
                    lo.down = self.on.down && self.chance.percent(30);
                    self.net(h, n).devices.push(lo);
                }
            }
        }
    }
}
