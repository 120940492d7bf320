//! Policy rules and the tables that they lead to.

use super::{
    tables::masked,
    topology::{Draft, dotted},
};

/// Tables that rules lead to; the last has no routes.
const TABLES: &[&str] = &["100", "200", "main", "local", "default", "7"];

impl Draft {
    /// A few rules of a namespace, and routes for their tables.
    pub fn rules(&mut self, h: usize, n: usize) {
        for _ in 0..self.chance.weighted(&[(3, 1), (3, 2), (1, 4)]) {
            let rule = self.rule(h, n);
            self.sketch.hosts[h].nets[n].rules.push(rule);
        }
        let routes = self.sketch.hosts[h].nets[n].routes.clone();
        for route in routes.iter().filter(|r| !["local", "broadcast"].iter().any(|w| r.contains(w))) {
            if self.chance.percent(60) {
                let table = self.chance.pick(&[100, 200, 253]);
                let line = match route.split_once(" nexthop ") {
                    Some((to, hops)) => format!("{to} table {table} nexthop {hops}"),
                    None => format!("{route} table {table}"),
                };
                self.sketch.hosts[h].nets[n].routes.push(line);
            }
        }
        if self.chance.percent(40) {
            let kind = *self.chance.pick(&["unreachable", "blackhole", "prohibit", "throw"]);
            let (to, table) = (self.subnet(), *self.chance.pick(&[100, 200]));
            self.sketch.hosts[h].nets[n].routes.push(format!("{kind} {to} table {table} metric 9"));
        }
    }

    /// A route with several next hops, and a hash that two kernels agree on: the seed is given, and no socket's own hash
    /// counts.
    pub fn several(&mut self, h: usize, n: usize) {
        let here: Vec<_> = self.of(h, n).filter(|i| i.addr.is_some()).cloned().collect();
        let mut hops = Vec::new();
        for i in &here {
            let others = self.ifaces.iter().filter(|o| o.segment == i.segment && (o.host, o.net) != (h, n));
            hops.extend(others.filter_map(|o| o.addr).map(|gw| format!("via {}", dotted(gw))));
            hops.push(format!("dev {}", i.dev));
        }
        if hops.len() < 2 {
            return;
        }
        let mut line = if self.chance.percent(50) { "default".to_owned() } else { self.subnet() };
        if line == "all" {
            line = "default".to_owned();
        }
        line += &format!(" metric {}", self.chance.between(1, 90));
        for _ in 0..self.chance.between(2, 3) {
            line += &format!(" nexthop {}", self.chance.pick(&hops));
            if self.chance.percent(40) {
                line += &format!(" weight {}", self.chance.pick(&[1, 2, 3, 10, 256]));
            }
        }
        let net = &mut self.sketch.hosts[h].nets[n];
        net.routes.push(line);
        let (seed, policy) = (self.chance.between(1, 99), *self.chance.pick(&["0", "0", "2", "3"]));
        let net = &mut self.sketch.hosts[h].nets[n];
        net.sysctls.push(("net.ipv4.fib_multipath_hash_seed".to_owned(), seed.to_string()));
        net.sysctls.push(("net.ipv4.fib_multipath_hash_policy".to_owned(), policy.to_owned()));
    }

    /// "10.1.0.0/16", "10.1.0.2", "all"
    fn subnet(&mut self) -> String {
        let s = self.chance.below(self.segments.len());
        let addr = self.segments[s].base + self.chance.between(1, 4);
        match *self.chance.pick(&[0, 8, 16, 24, 24, 32, 32]) {
            0 => "all".to_owned(),
            32 => dotted(addr),
            len => format!("{}/{len}", dotted(masked(addr, len))),
        }
    }

    /// One rule as `ip rule add` takes it.
    pub fn rule(&mut self, h: usize, n: usize) -> String {
        let devs: Vec<String> = self.of(h, n).map(|i| i.dev.clone()).chain(["lo".to_owned()]).collect();
        let dev = self.chance.pick(&devs).clone();
        let selector = match self.chance.below(11) {
            0..=2 => format!("from {}", self.subnet()),
            3 | 4 => format!("to {}", self.subnet()),
            5 => format!("iif {dev}"),
            6 => format!("oif {dev}"),
            7 => format!("from {} to {}", self.subnet(), self.subnet()),
            8 => format!("ipproto {}", self.chance.pick(&["udp", "icmp", "tcp"])),
            9 => format!("ipproto udp dport {}", self.chance.pick(&["7000-7010", "7", "1000-60000"])),
            _ => self.chance.pick(&["tos 0x10", "fwmark 5", "fwmark 0/0xff", "uidrange 0-0"]).to_string(),
        };
        let not = if self.chance.percent(12) { "not " } else { "" };
        let pref = match self.chance.percent(60) {
            true => format!(" pref {}", self.chance.pick(&[50, 100, 150, 200, 1000, 32766, 40_000])),
            false => String::new(),
        };
        let action = match self.chance.below(10) {
            0 => self.chance.pick(&["blackhole", "unreachable", "prohibit"]).to_string(),
            1 => format!("goto {}", self.chance.pick(&[100, 150, 200, 32766, 50_000])),
            2 => "nop".to_owned(),
            3 => format!("table main suppress_prefixlength {}", self.chance.pick(&[0, 8, 16, 24])),
            _ => format!("table {}", self.chance.pick(TABLES)),
        };
        format!("{not}{selector} {action}{pref}")
    }
}
