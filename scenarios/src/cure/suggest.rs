//! What could help, by the reason of a loss. Wrong guesses cost a run, and show that they do not help.

use super::{Case, Remedy, path};
use sim_models::{
    drivers,
    kernel::{
        At, DevId, Kernel, NetDevice, NetNs, NsId, Reason, addr::Ifa, rtnl::RT_TABLE_MAIN, show_route::ip_route_lines,
    },
    packet::Ip4Addr,
};

/// So many neighbours are tried as gateways.
const GATEWAYS: usize = 4;
/// The table of a rule that is tried.
const TABLE: u32 = 100;

/// The cause in a sentence; empty where the walk says it all.
pub fn why(case: &Case) -> String {
    let text = match case.reason {
        Some(Reason::IP_RPFILTER) => "A strict host takes a packet only from the device by which it would answer.",
        Some(Reason::IP_INADDRERRORS) => "A host that does not forward takes only what is for its own addresses.",
        Some(Reason::NO_SOCKET) => {
            "Nobody listens there: a process has to, on that address or on 0.0.0.0. No setting helps."
        }
        Some(Reason::IP_INNOROUTES) => "Who forwards a packet needs a route for its destination.",
        Some(Reason::NEIGH_FAILED) => "Nobody on that link answers for the address of the next hop.",
        Some(Reason::NEIGH_CREATEFAIL) => "The table of neighbours is one for all namespaces of a host, and full.",
        Some(Reason::SOCKET_RCVBUFF) => {
            "The process reads more slowly than packets come; what waits for it has a limit."
        }
        Some(Reason::CPU_BACKLOG) => "Packets come faster than this core handles them; what waits for it has a limit.",
        Some(Reason::IP_INHDR) => "Every router takes one off the TTL: a packet that goes round in circles dies of it.",
        Some(Reason::PKT_TOO_BIG) => "It is larger than the MTU, and its sender said that it must not be fragmented.",
        Some(Reason::NO_TX_TARGET) => {
            "A bridge never sends a frame back through the port by which it came, unless it is a hairpin."
        }
        Some(Reason::BRIDGE_INGRESS_STP_STATE) => {
            "The spanning tree blocks the port, or still listens and learns there."
        }
        Some(Reason::IP_INVALID_SOURCE | Reason::IP_LOCAL_SOURCE | Reason::IP_LOCALNET) => {
            "The address can't be one that such a packet comes from: a martian."
        }
        Some(Reason::NOT_SPECIFIED) if case.at == Some(At::VethXmit) => {
            "A veth throws away what is larger than the MTU of its other end; nobody is told."
        }
        Some(Reason::OTHERHOST) => {
            "It carries a MAC address that is not this device's: the sender learned a wrong one."
        }
        None => "It arrived; who has it finds no way back to its sender.",
        _ => "",
    };
    text.to_owned()
}

/// What is worth trying, the likeliest first; each cure is one command or several that belong together.
pub fn remedies(case: &Case) -> Vec<Vec<Remedy>> {
    let s = Suggest { case };
    let mut all = match case.reason {
        Some(Reason::IP_INADDRERRORS) => vec![vec![s.here("sysctl -w net.ipv4.ip_forward=1")]],
        Some(Reason::IP_RPFILTER) => s.rp_filter(),
        Some(Reason::IP_OUTNOROUTES) => [s.address(), s.routes()].concat(),
        Some(Reason::IP_INNOROUTES) | None => s.routes(),
        Some(Reason::NEIGH_FAILED) => s.neighbour(),
        Some(Reason::IP_INHDR) => s.no_loop(),
        Some(Reason::SOCKET_RCVBUFF) => {
            let now = s.k().net(NsId::ROOT).conf.rmem_default;
            [16, 256]
                .iter()
                .map(|n| vec![s.root(format!("sysctl -w net.core.rmem_default={}", now.saturating_mul(*n)))])
                .collect()
        }
        Some(Reason::CPU_BACKLOG) => {
            let now = u64::from(s.k().max_backlog).max(100);
            [10, 100]
                .iter()
                .map(|n| vec![s.root(format!("sysctl -w net.core.netdev_max_backlog={}", now * n))])
                .collect()
        }
        Some(Reason::NEIGH_CREATEFAIL) => {
            let set = |n: u32, to: u32| s.root(format!("sysctl -w net.ipv4.neigh.default.gc_thresh{n}={to}"));
            vec![vec![set(3, 16_384), set(2, 8_192)]]
        }
        Some(Reason::IP_INVALID_SOURCE | Reason::IP_LOCAL_SOURCE | Reason::IP_LOCALNET | Reason::IP_INVALID_DEST) => {
            let dev = case.dev_name();
            let set = |name: &str| vec![s.here(&format!("sysctl -w net.ipv4.conf.{dev}.{name}=1"))];
            vec![set("accept_local"), set("route_localnet")]
        }
        Some(Reason::BRIDGE_INGRESS_STP_STATE) => s.spanning_tree(),
        Some(Reason::QDISC_DROP | Reason::DEV_READY | Reason::DEV_DOWN) => s.up(),
        Some(Reason::OTHERHOST) => s.one_answer(),
        Some(Reason::NOT_SPECIFIED) if case.at == Some(At::IpError) => s.routes(),
        _ => s.bridge(case.host, case.dev, &["hairpin on", "isolated off", "flood on"]),
    };
    if matches!(case.reason, Some(Reason::PKT_TOO_BIG | Reason::NOT_SPECIFIED)) {
        all.splice(0..0, s.mtu());
    }
    all
}

struct Suggest<'c, 'w> {
    case: &'c Case<'w>,
}

impl Suggest<'_, '_> {
    fn k(&self) -> &Kernel {
        &self.case.world.hosts[self.case.host].kernel
    }

    fn at(&self, host: usize, ns: NsId, line: impl Into<String>) -> Remedy {
        Remedy { host, ns, place: path(self.case.world, host, ns), line: line.into() }
    }

    fn here(&self, line: &str) -> Remedy {
        self.at(self.case.host, self.case.ns, line)
    }

    /// Of the whole host.
    fn root(&self, line: String) -> Remedy {
        self.at(self.case.host, NsId::ROOT, line)
    }

    fn rp_filter(&self) -> Vec<Vec<Remedy>> {
        let (dev, dst, src) = (self.case.dev_name(), Ip4Addr(self.case.dst), Ip4Addr(self.case.src));
        let rule = self.here(&format!("ip rule add from {dst} table {TABLE}"));
        let mut all: Vec<Vec<Remedy>> = self
            .gateways(Some(self.case.dev), 1)
            .into_iter()
            .map(|gw| {
                let route = format!("ip route add default via {} dev {dev} table {TABLE}", Ip4Addr(gw));
                vec![rule.clone(), self.here(&route)]
            })
            .collect();
        if let Some(gw) = self.gateways(Some(self.case.dev), 1).first() {
            all.push(vec![self.here(&format!("ip route replace {src} via {} dev {dev}", Ip4Addr(*gw)))]);
        }
        for line in [format!("{dev}.rp_filter=2"), "all.rp_filter=2".to_owned(), format!("{dev}.rp_filter=0")] {
            all.push(vec![self.here(&format!("sysctl -w net.ipv4.conf.{line}"))]);
        }
        let set = |of: &str| self.here(&format!("sysctl -w net.ipv4.conf.{of}.rp_filter=0"));
        all.push(vec![set("all"), set(dev)]);
        all
    }

    /// A route to the destination by each neighbour that may know the way; and what says no goes.
    fn routes(&self) -> Vec<Vec<Remedy>> {
        let dst = Ip4Addr(self.case.dst);
        let no = ["blackhole", "unreachable", "prohibit", "throw"];
        let lines = ip_route_lines(self.k(), self.case.ns, RT_TABLE_MAIN);
        let refusing = lines.iter().filter(|line| no.iter().any(|n| line.starts_with(n)));
        let mut all: Vec<Vec<Remedy>> =
            refusing.map(|line| vec![self.here(&format!("ip route del {}", line.trim()))]).collect();
        for gw in self.gateways(None, GATEWAYS).into_iter().filter(|gw| *gw != self.case.dst) {
            all.push(vec![self.here(&format!("ip route add {dst} via {}", Ip4Addr(gw)))]);
        }
        all
    }

    /// An address in the destination's network for a device that has none.
    fn address(&self) -> Vec<Vec<Remedy>> {
        let net = |n: &'_ NetNs| n.devs.iter().flat_map(|d| n.addrs.on(*d)).find(|a| a.local == self.case.dst).cloned();
        let hosts = &self.case.world.hosts;
        let Some(there) = hosts.iter().flat_map(|h| &h.kernel.nets).find_map(net) else { return Vec::new() };
        let taken = |a: u32| hosts.iter().flat_map(|h| &h.kernel.nets).any(|n| n.addrs.has(a));
        let last = there.network() | !there.mask();
        let Some(free) = (there.network() + 1..last).rev().take(GATEWAYS * 64).find(|a| !taken(*a)) else {
            return Vec::new();
        };
        let own = self.k().net(self.case.ns);
        let bare = |d: &&DevId| {
            let dev = &self.k().devs[**d];
            !dev.is_loopback() && dev.is_up() && dev.master.is_none() && own.addrs.on(**d).is_empty()
        };
        let line =
            |d: &DevId| format!("ip address add {}/{} dev {}", Ip4Addr(free), there.len, self.k().devs[*d].name());
        own.devs.iter().filter(bare).take(GATEWAYS).map(|d| vec![self.here(&line(d))]).collect()
    }

    /// Addresses of other namespaces on links of this one (or on its device `dev`): those that have the destination
    /// first, then those that forward.
    fn gateways(&self, dev: Option<DevId>, most: usize) -> Vec<u32> {
        let own = self.k().net(self.case.ns);
        let devs = own.devs.iter().filter(|d| dev.is_none_or(|dev| dev == **d));
        let links: Vec<_> = devs.filter(|d| !self.k().devs[**d].is_loopback()).flat_map(|d| own.addrs.on(*d)).collect();
        let mut found = Vec::new();
        for (h, host) in self.case.world.hosts.iter().enumerate() {
            for (n, net) in host.kernel.nets.iter().enumerate() {
                if (h, n) == (self.case.host, self.case.ns.0 as usize) {
                    continue;
                }
                let rank = (!net.addrs.has(self.case.dst), net.conf.all.forwarding == 0);
                let addresses = net.devs.iter().flat_map(|d| net.addrs.on(*d));
                let near = addresses.filter(|a| links.iter().any(|l| l.contains(a.local)) && !own.addrs.has(a.local));
                found.extend(near.map(|a| (rank, a.local)));
            }
        }
        found.sort_by_key(|(rank, _)| *rank);
        let mut all: Vec<u32> = Vec::new();
        for (_, a) in found {
            if !all.contains(&a) {
                all.push(a);
            }
        }
        all.truncate(most);
        all
    }

    /// Who is at the other end could answer for the address.
    fn neighbour(&self) -> Vec<Vec<Remedy>> {
        let mut all = self.taken();
        for (host, dev) in self.case.caused.iter().take(GATEWAYS) {
            all.extend(self.bridge(*host, *dev, &["hairpin on", "isolated off"]));
        }
        if let Some((host, dev)) = self.far_end() {
            let k = &self.case.world.hosts[host].kernel;
            let (ns, name) = (k.devs[dev].ns, k.devs[dev].name().to_owned());
            if host == self.case.host && k.devs[dev].master.is_some() {
                all.extend(self.bridge(host, dev, &["hairpin on", "isolated off", "flood on"]));
                return all;
            }
            for set in ["proxy_arp=1", "arp_ignore=0", "arp_filter=0"] {
                all.push(vec![self.at(host, ns, format!("sysctl -w net.ipv4.conf.{name}.{set}"))]);
            }
        }
        all.extend(self.up());
        all.extend(self.routes());
        all
    }

    /// The device is a bridge's port and has an address, which belongs on the bridge.
    fn taken(&self) -> Vec<Vec<Remedy>> {
        let k = self.k();
        let Some(master) = k.devs.get(self.case.dev).and_then(|d| k.devs.get(d.master?)) else { return Vec::new() };
        let (port, bridge) = (self.case.dev_name(), master.name());
        let of = |a: &Ifa| {
            let address = format!("{}/{}", Ip4Addr(a.local), a.len);
            [format!("ip address del {address} dev {port}"), format!("ip address add {address} dev {bridge}")]
        };
        let moved: Vec<Remedy> =
            k.net(self.case.ns).addrs.on(self.case.dev).iter().flat_map(of).map(|line| self.here(&line)).collect();
        if moved.is_empty() { Vec::new() } else { vec![moved] }
    }

    /// Only the device that has the address answers for it.
    fn one_answer(&self) -> Vec<Vec<Remedy>> {
        let set = |name: &str| self.here(&format!("sysctl -w net.ipv4.conf.all.{name}"));
        vec![vec![set("arp_ignore=1")], vec![set("arp_ignore=1"), set("arp_announce=2")], vec![set("arp_filter=1")]]
    }

    /// The device at the other end of the veth pair or cable.
    fn far_end(&self) -> Option<(usize, DevId)> {
        let case = self.case;
        if let Some(dev) = drivers::other_end(self.k(), case.dev) {
            return Some((case.host, dev));
        }
        case.world.other_end(case.host, case.dev)
    }

    /// Devices that are down, here and at the other end.
    fn up(&self) -> Vec<Vec<Remedy>> {
        let mut all = Vec::new();
        for (host, dev) in [Some((self.case.host, self.case.dev)), self.far_end()].into_iter().flatten() {
            let Some(d) = self.case.world.hosts[host].kernel.devs.get(dev) else { continue };
            if !d.is_up() {
                all.push(vec![self.at(host, d.ns, format!("ip link set dev {} up", d.name()))]);
            }
        }
        all
    }

    /// Who forwards says that there is no such way, instead of sending the packet round.
    fn no_loop(&self) -> Vec<Vec<Remedy>> {
        let mut all = self.routes();
        for (h, host) in self.case.world.hosts.iter().enumerate() {
            let forwarding = |n: &usize| host.kernel.nets[*n].conf.all.forwarding != 0;
            for n in (0..host.kernel.nets.len()).filter(forwarding).take(GATEWAYS) {
                let line = format!("ip route add unreachable {}", Ip4Addr(self.case.dst));
                all.push(vec![self.at(h, NsId(n as u32), line)]);
            }
        }
        all
    }

    /// The other end takes larger frames, or this one sends smaller ones.
    fn mtu(&self) -> Vec<Vec<Remedy>> {
        let mut all = Vec::new();
        if let Some((host, dev)) = self.far_end() {
            let (near, far) = (&self.k().devs[self.case.dev], &self.case.world.hosts[host].kernel.devs[dev]);
            if far.mtu < near.mtu {
                all.push(vec![self.at(host, far.ns, format!("ip link set dev {} mtu {}", far.name(), near.mtu))]);
                all.push(vec![self.here(&format!("ip link set dev {} mtu {}", near.name(), far.mtu))]);
            }
        }
        all
    }

    /// Settings of a bridge's port, or of each of a bridge's ports.
    fn bridge(&self, host: usize, dev: DevId, settings: &[&str]) -> Vec<Vec<Remedy>> {
        let k = &self.case.world.hosts[host].kernel;
        let Some(d) = k.devs.get(dev) else { return Vec::new() };
        let of = |(id, port): (DevId, &NetDevice)| (port.master == Some(dev)).then_some(id);
        let ports = if d.master.is_some() { vec![dev] } else { k.devs.iter().filter_map(of).collect() };
        let line = |p: &DevId, set: &str| {
            let port = &k.devs[*p];
            vec![self.at(host, port.ns, format!("bridge link set dev {} {set}", port.name()))]
        };
        settings.iter().flat_map(|set| ports.iter().take(GATEWAYS).map(move |p| line(p, set))).collect()
    }

    fn spanning_tree(&self) -> Vec<Vec<Remedy>> {
        let master = self.k().devs.get(self.case.dev).and_then(|d| d.master);
        let Some(bridge) = master.and_then(|m| self.k().devs.get(m)) else { return Vec::new() };
        let set = |what: &str| {
            vec![self.at(self.case.host, bridge.ns, format!("ip link set dev {} type bridge {what}", bridge.name()))]
        };
        vec![set("stp_state 0"), set("forward_delay 200")]
    }
}
