//! Routes, sysctls, MTUs, neighbours and forwarding entries of a world.

use super::{
    sketch::{Device, Kind},
    topology::{Draft, Iface, dotted},
};
use std::collections::{BTreeSet, VecDeque};

/// Sysctls of a device (or of `all`, `default`), and the values worth trying.
const CONF: &[(&str, &[&str])] = &[
    ("rp_filter", &["1", "2"]),
    ("arp_ignore", &["1", "2", "3", "8"]),
    ("arp_announce", &["1", "2"]),
    ("arp_filter", &["1"]),
    ("arp_accept", &["1", "2"]),
    ("arp_notify", &["1"]),
    ("proxy_arp", &["1"]),
    ("accept_local", &["1"]),
    ("send_redirects", &["0"]),
    ("accept_redirects", &["0"]),
    ("shared_media", &["0"]),
    ("route_localnet", &["1"]),
    ("promote_secondaries", &["1"]),
    ("drop_gratuitous_arp", &["1"]),
    ("forwarding", &["0", "1"]),
    ("ignore_routes_with_linkdown", &["1"]),
];

/// The same of a namespace.
const OF_NET: &[(&str, &[&str])] = &[
    ("icmp_echo_ignore_all", &["1"]),
    ("icmp_echo_ignore_all", &["1"]),
    ("icmp_echo_ignore_broadcasts", &["1"]),
    ("icmp_echo_ignore_broadcasts", &["0"]),
    ("icmp_errors_use_inbound_ifaddr", &["1"]),
    ("ip_default_ttl", &["3", "100"]),
    ("ip_no_pmtu_disc", &["1"]),
    ("icmp_ratemask", &["0"]),
];

/// Where a namespace's packets go for a segment: the first gateway on the shortest way.
type Way = Option<(usize, u32)>;

impl Draft {
    /// Everything of this file.
    pub fn tables(&mut self) {
        self.sysctls();
        self.mtus();
        for h in 0..self.sketch.hosts.len() {
            for n in 0..self.sketch.hosts[h].nets.len() {
                self.routes(h, n);
                if self.on.wrong_routes && self.chance.percent(35) {
                    self.wrong_route(h, n);
                }
                if self.on.route_types && self.chance.percent(45) {
                    self.special_route(h, n);
                }
                if self.on.several && self.chance.percent(60) {
                    self.several(h, n);
                }
                if self.on.rules && self.chance.percent(60) {
                    self.rules(h, n);
                }
            }
        }
        self.by_hand();
    }

    /// Settings of one device: its name, then what is set.
    fn devices(&mut self, mut f: impl FnMut(&mut Draft, usize, usize, usize)) {
        for h in 0..self.sketch.hosts.len() {
            for n in 0..self.sketch.hosts[h].nets.len() {
                for d in 0..self.sketch.hosts[h].nets[n].devices.len() {
                    f(self, h, n, d);
                }
            }
        }
    }

    fn sysctls(&mut self) {
        for h in 0..self.sketch.hosts.len() {
            for n in 0..self.sketch.hosts[h].nets.len() {
                let several = self.ifaces.iter().filter(|i| (i.host, i.net) == (h, n)).count() > 1;
                let mut set = Vec::new();
                if self.on.forwarding && self.chance.percent(if several { 88 } else { 20 }) {
                    set.push(("net.ipv4.ip_forward".to_owned(), "1".to_owned()));
                }
                if self.on.strict {
                    let value = self.chance.pick(&["1", "1", "2"]).to_string();
                    set.push(("net.ipv4.conf.all.rp_filter".to_owned(), value));
                }
                if self.on.buffers && n == 0 {
                    set.push(("net.core.rmem_default".to_owned(), "2304".to_owned()));
                }
                if self.on.icmp_conf && self.chance.percent(75) {
                    let (name, values) = *self.chance.pick(OF_NET);
                    set.push((format!("net.ipv4.{name}"), (*self.chance.pick(values)).to_owned()));
                }
                if self.on.conf && self.chance.percent(35) {
                    let (mut name, mut values) = *self.chance.pick(CONF);
                    if name == "arp_notify" {
                        // Its frames would belong to the setup.
                        (name, values) = CONF[0];
                    }
                    let whose = *self.chance.pick(&["all", "all", "default"]);
                    let value = (*self.chance.pick(values)).to_owned();
                    set.push((format!("net.ipv4.conf.{whose}.{name}"), value));
                }
                let mut keys = BTreeSet::new();
                set.retain(|(key, _)| keys.insert(key.clone()));
                self.sketch.hosts[h].nets[n].sysctls.extend(set);
            }
        }
        self.devices(|draft, h, n, d| {
            let name = draft.sketch.hosts[h].nets[n].devices[d].name.clone();
            if name == "lo" {
                return;
            }
            let mut set = Vec::new();
            if draft.on.fast_arp {
                set.push((format!("net.ipv4.neigh.{name}.retrans_time_ms"), "50".to_owned()));
            }
            // What stands for a wire takes no time: answers come before the next fragment is sent.
            if draft.on.queues && !draft.on.two_hosts {
                set.push((format!("net.ipv4.neigh.{name}.unres_qlen_bytes"), "1".to_owned()));
            }
            if draft.on.conf {
                // A proxy's answer comes after a random while unless told otherwise.
                set.push((format!("net.ipv4.neigh.{name}.proxy_delay"), "0".to_owned()));
                if draft.chance.percent(35) {
                    let (key, values) = *draft.chance.pick(CONF);
                    set.push((key.to_owned(), (*draft.chance.pick(values)).to_owned()));
                }
            }
            draft.sketch.hosts[h].nets[n].devices[d].sysctls.extend(set);
        });
    }

    fn mtus(&mut self) {
        self.devices(|draft, h, n, d| {
            let mtu = *draft.chance.pick(&[68, 200, 576, 600, 1000, 1280, 1400, 1496, 1504, 9000]);
            let mac = format!("02:{h:02x}:{n:02x}:aa:{:02x}:{d:02x}", draft.chance.below(3));
            let (change, manual) =
                (draft.on.mtu && draft.chance.percent(25), draft.on.macs && draft.chance.percent(25));
            let down = draft.on.down && draft.chance.percent(15);
            let flag = *draft.chance.pick(&[
                ("hairpin", "on"),
                ("isolated", "on"),
                ("learning", "off"),
                ("flood", "off"),
                ("bcast_flood", "off"),
            ]);
            let port = draft.on.bridge_settings && draft.chance.percent(30);
            let net = &mut draft.sketch.hosts[h].nets[n];
            let name = net.devices[d].name.clone();
            let enslaved = net.devices.iter().any(|b| b.ports().contains(&name));
            let dev = &mut net.devices[d];
            if matches!(dev.kind, Kind::Loopback) {
                return;
            }
            let wired = matches!(dev.kind, Kind::Physical);
            if change && !wired {
                dev.mtu = Some(mtu);
            }
            if manual {
                dev.mac = Some(mac);
            }
            // What stands for a wire on a real kernel tells its other end.
            dev.down |= down && !wired;
            if port && enslaved {
                dev.slave.push((flag.0.to_owned(), flag.1.to_owned()));
            }
        });
    }

    fn forwards(&self, h: usize, n: usize) -> bool {
        self.sketch.hosts[h].nets[n].sysctls.iter().any(|s| s.0 == "net.ipv4.ip_forward")
    }

    /// For each segment: through which interface of (h, n), and which gateway on it; by hops.
    fn ways(&self, h: usize, n: usize) -> Vec<Way> {
        let mut first: Vec<Option<Way>> = vec![None; self.segments.len()];
        let mut queue = VecDeque::new();
        for (i, iface) in self.ifaces.iter().enumerate() {
            if (iface.host, iface.net) == (h, n) && iface.addr.is_some() && first[iface.segment].is_none() {
                first[iface.segment] = Some(None);
                queue.push_back((iface.segment, i, None));
            }
        }
        while let Some((segment, out, gateway)) = queue.pop_front() {
            for next in self.ifaces.iter().filter(|i| i.segment == segment && i.addr.is_some()) {
                if (next.host, next.net) == (h, n) || !self.forwards(next.host, next.net) {
                    continue;
                }
                let gateway: Option<u32> = gateway.or(next.addr);
                for on in self.ifaces.iter().filter(|i| (i.host, i.net) == (next.host, next.net) && i.addr.is_some()) {
                    if first[on.segment].is_none() {
                        first[on.segment] = Some(gateway.map(|g| (out, g)));
                        queue.push_back((on.segment, out, gateway));
                    }
                }
            }
        }
        first.into_iter().map(Option::flatten).collect()
    }

    fn routes(&mut self, h: usize, n: usize) {
        let ways = self.ways(h, n);
        let mut lines = Vec::new();
        let leaf = self.ifaces.iter().filter(|i| (i.host, i.net) == (h, n) && i.addr.is_some()).count() == 1;
        let gateways: Vec<u32> = ways.iter().flatten().map(|w| w.1).collect();
        if let Some(g) = gateways.first().filter(|_| leaf && self.chance.percent(70)) {
            lines.push(format!("default via {}{}", dotted(*g), self.words(h, n)));
        } else {
            for (s, way) in ways.iter().enumerate() {
                let Some((out, gateway)) = way else { continue };
                if !self.chance.percent(88) {
                    continue;
                }
                let (base, len) = (self.segments[s].base, self.segments[s].len);
                let dev = match self.chance.percent(25) {
                    true => format!(" dev {}", self.ifaces[*out].dev),
                    false => String::new(),
                };
                let words = self.words(h, n);
                let line = format!("{}/{len} via {}{dev}{words}", dotted(masked(base, len)), dotted(*gateway));
                // Overlapping segments give one route twice.
                if !lines.iter().any(|l: &String| l.split(' ').next() == line.split(' ').next()) {
                    lines.push(line);
                }
            }
        }
        self.sketch.hosts[h].nets[n].routes.extend(lines);
    }

    /// What may stand behind a route.
    fn words(&mut self, h: usize, n: usize) -> String {
        if !self.on.route_words || !self.chance.percent(40) {
            return String::new();
        }
        let own: Vec<u32> = self.ifaces.iter().filter(|i| (i.host, i.net) == (h, n)).filter_map(|i| i.addr).collect();
        match self.chance.below(5) {
            0 => format!(" metric {}", self.chance.between(1, 300)),
            1 => self.chance.maybe(&own).map(|a| format!(" src {}", dotted(*a))).unwrap_or_default(),
            2 => format!(" mtu {}", self.chance.pick(&[600, 1000, 1300, 1400])),
            3 => format!(" proto {}", self.chance.pick(&["static", "kernel", "bird", "77"])),
            _ => " tos 0x10".to_owned(),
        }
    }

    /// A route that leads somewhere else: another gateway, on-link, longer or shorter than it should be.
    fn wrong_route(&mut self, h: usize, n: usize) {
        let here: Vec<Iface> = self.of(h, n).filter(|i| i.addr.is_some()).cloned().collect();
        let Some(iface) = self.chance.maybe(&here).cloned() else { return };
        let around: Vec<u32> =
            self.ifaces.iter().filter(|i| i.segment == iface.segment).filter_map(|i| i.addr).collect();
        let s = self.chance.below(self.segments.len());
        let len = *self.chance.pick(&[0, 8, 9, 16, 24, 25, 28, 32]);
        let base = masked(self.segments[s].base + self.chance.between(1, 4), len);
        let gateway = *self.chance.pick(&around);
        let metric = self.chance.between(1, 9);
        let line = match self.chance.below(3) {
            0 => format!("{}/{len} via {} metric {metric}", dotted(base), dotted(gateway)),
            1 => format!("{}/{len} dev {} metric {metric}", dotted(base), iface.dev),
            _ => format!("{}/{len} via {} dev {} onlink metric {metric}", dotted(base), dotted(gateway), iface.dev),
        };
        self.sketch.hosts[h].nets[n].routes.push(line);
    }

    fn special_route(&mut self, h: usize, n: usize) {
        let kind = *self.chance.pick(&["blackhole", "unreachable", "prohibit", "throw", "local", "broadcast"]);
        let s = self.chance.below(self.segments.len());
        // Not everything: what a host sends to itself from an address that it does not have is a world of its own.
        let lens: &[u8] = if kind == "local" { &[16, 24, 25, 29, 32] } else { &[0, 16, 24, 25, 29, 32] };
        let len = *self.chance.pick(lens);
        let base = masked(self.segments[s].base + self.chance.between(1, 4), len);
        let to = if len == 0 { "default".to_owned() } else { format!("{}/{len}", dotted(base)) };
        let devs: Vec<String> = self.of(h, n).map(|i| i.dev.clone()).collect();
        let line = match (kind, self.chance.maybe(&devs)) {
            ("local", _) => format!("local {to} dev lo"),
            ("broadcast", Some(dev)) => format!("broadcast {to} dev {dev}"),
            ("broadcast", None) => return,
            _ => format!("{kind} {to} metric {}", self.chance.between(1, 50)),
        };
        self.sketch.hosts[h].nets[n].routes.push(line);
    }

    /// Interfaces of a namespace.
    pub fn of(&self, h: usize, n: usize) -> impl Iterator<Item = &Iface> {
        self.ifaces.iter().filter(move |i| (i.host, i.net) == (h, n))
    }

    /// Neighbours and forwarding entries that nobody learned.
    fn by_hand(&mut self) {
        let ifaces: Vec<Iface> = self.ifaces.iter().filter(|i| i.addr.is_some()).cloned().collect();
        for i in &ifaces {
            if self.on.static_neigh && self.chance.percent(25) {
                let s = &self.segments[i.segment];
                let dst = dotted(s.base + self.chance.between(1, 5));
                let mac = self.chance.between(1, 9);
                let nud = *self.chance.pick(&["permanent", "noarp", "stale", "reachable"]);
                let line = format!("{dst} dev {} lladdr 02:00:00:00:00:{mac:02x} nud {nud}", i.dev);
                self.sketch.hosts[i.host].nets[i.net].neighbours.push(line);
            }
        }
        if !self.on.static_fdb {
            return;
        }
        self.devices(|draft, h, n, d| {
            let net = &draft.sketch.hosts[h].nets[n];
            let ports: Vec<String> = Device::ports(&net.devices[d]).to_vec();
            for port in ports {
                if draft.chance.percent(30) {
                    let state = *draft.chance.pick(&["static", "permanent"]);
                    let mac = draft.chance.between(1, 9);
                    let line = format!("bridge fdb add 02:00:00:00:00:{mac:02x} dev {port} master {state}");
                    draft.sketch.hosts[h].nets[n].commands.push(line);
                }
            }
        });
    }
}

/// The network that an address is in.
pub(super) fn masked(addr: u32, len: u8) -> u32 {
    addr & (u32::MAX).checked_shl(32 - u32::from(len)).unwrap_or(0)
}
