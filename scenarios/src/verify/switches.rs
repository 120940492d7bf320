//! An external switch on a real kernel: a bridge in a namespace that nobody looks at. It has no rate and no buffer.

use super::job::{Ask, FarNic, What};
use crate::{
    names::{DevRef, Names, PortRef},
    spec::Scenario,
};
use std::collections::BTreeMap;

/// The bridge; no port of a scenario has such a name.
const BRIDGE: &str = "+switch";

/// Who is plugged into which port.
#[derive(Default)]
pub struct Switches {
    /// Switches are hosts behind the others.
    hosts: usize,
    count: usize,
    /// NIC → switch and name of the port.
    nics: BTreeMap<DevRef, (usize, String)>,
    /// Cables between two switches.
    between: Vec<[(usize, String); 2]>,
}

impl Switches {
    pub fn new(names: &Names, s: &Scenario) -> Switches {
        let mut all = Switches { hosts: names.hosts.len(), count: names.switches.len(), ..Switches::default() };
        let named = |p: PortRef| (p.switch, names.switches[p.switch].1[p.port].to_owned());
        for wire in s.wires.iter() {
            let ends: Vec<&str> = wire.between.iter().map(|p| p.value.as_str()).collect();
            let [a, b] = ends[..] else { continue };
            match (names.port(a).and_then(Result::ok), names.port(b).and_then(Result::ok)) {
                (Some(a), Some(b)) => all.between.push([named(a), named(b)]),
                (Some(port), None) => all.nics.extend(names.dev(b).ok().map(|nic| (nic, named(port)))),
                (None, Some(port)) => all.nics.extend(names.dev(a).ok().map(|nic| (nic, named(port)))),
                (None, None) => {}
            }
        }
        all
    }

    /// The requests that make the bridges and the cables between them.
    pub fn setup(&self) -> Vec<Ask> {
        let mut all = Vec::new();
        for host in self.hosts..self.hosts + self.count {
            all.push(ip(host, format!("link add {BRIDGE} type bridge mcast_snooping 0")));
            all.push(ip(host, format!("link set {BRIDGE} up")));
        }
        for [a, b] in &self.between {
            let what = What::Nic { name: a.1.clone(), args: String::new(), far: Some(self.far(b)) };
            all.push(Ask { host: self.hosts + a.0, ns: "root".to_owned(), what });
            all.extend([a, b].map(|p| plug_in(self.hosts + p.0, &p.1)));
        }
        all
    }

    fn far(&self, port: &(usize, String)) -> FarNic {
        let (host, name) = (self.hosts + port.0, port.1.clone());
        FarNic { host, ns: "root".to_owned(), name, args: String::new() }
    }

    /// The port that a NIC is plugged into.
    pub fn port(&self, nic: DevRef) -> Option<FarNic> {
        self.nics.get(&nic).map(|port| self.far(port))
    }
}

/// A port joins its switch.
pub fn plug_in(host: usize, port: &str) -> Ask {
    ip(host, format!("link set {port} master {BRIDGE} up"))
}

fn ip(host: usize, line: String) -> Ask {
    Ask { host, ns: "root".to_owned(), what: What::Ip(line) }
}
