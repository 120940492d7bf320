//! Requests while time runs: what people do to a network midway, and what a kernel refuses.

use super::{
    sketch::Device,
    tables::masked,
    topology::{Draft, dotted},
};

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A link goes down, and maybe up again.
    Flap,
    /// A device goes to another namespace, to another bridge, or away.
    Move,
    /// Addresses, routes, neighbours, settings.
    Change,
    /// Something that is not possible.
    Invalid,
}

/// HOST/NS and a command line.
pub(super) type Request = (String, String);

/// Something to do to this world: one request, or two that belong together.
pub(super) fn draw(draft: &mut Draft, kind: Kind) -> Vec<Request> {
    let h = draft.chance.below(draft.sketch.hosts.len());
    let n = draft.chance.below(draft.sketch.hosts[h].nets.len());
    let place = draft.path(h, n);
    let mut at = Here { h, n, draft };
    let lines = match kind {
        Kind::Flap => at.flap(),
        Kind::Move => at.travel().into_iter().collect(),
        Kind::Change => at.change().into_iter().collect(),
        Kind::Invalid => at.invalid().into_iter().collect(),
    };
    lines.into_iter().map(|l| (place.clone(), l)).collect()
}

/// A namespace of the world.
struct Here<'d> {
    h: usize,
    n: usize,
    draft: &'d mut Draft,
}

impl Here<'_> {
    fn devices(&self) -> &[Device] {
        &self.draft.sketch.hosts[self.h].nets[self.n].devices
    }

    /// Not a NIC: what stands for one on a real kernel is a pair of devices, whose other end goes with it.
    fn device(&mut self) -> Option<String> {
        let names: Vec<String> =
            self.devices().iter().map(|d| d.name.clone()).filter(|n| n != "lo" && n != "nic").collect();
        self.draft.chance.maybe(&names).cloned()
    }

    fn bridge(&mut self) -> Option<String> {
        let names: Vec<String> =
            self.devices().iter().map(|d| d.name.clone()).filter(|n| n.starts_with("br")).collect();
        self.draft.chance.maybe(&names).cloned()
    }

    fn port(&mut self) -> Option<String> {
        let names: Vec<String> =
            self.devices().iter().flat_map(|d| d.ports().iter().cloned()).filter(|p| p != "nic").collect();
        self.draft.chance.maybe(&names).cloned()
    }

    /// A device and an address line that it has.
    fn owned(&mut self) -> Option<(String, String)> {
        let all: Vec<(String, String)> = self
            .devices()
            .iter()
            .flat_map(|d| d.addresses.iter().map(|a| (d.name.clone(), a.split(' ').next().unwrap_or(a).to_owned())))
            // Without a length the tool warns.
            .filter(|(_, a)| a.contains('/'))
            .collect();
        self.draft.chance.maybe(&all).cloned()
    }

    fn route(&mut self) -> Option<String> {
        let all = self.draft.sketch.hosts[self.h].nets[self.n].routes.clone();
        self.draft.chance.maybe(&all).cloned()
    }

    /// Another namespace of this host, or a bad name.
    fn other(&mut self) -> String {
        let nets = &self.draft.sketch.hosts[self.h].nets;
        let names: Vec<String> = nets.iter().skip(1).map(|n| n.name.clone()).collect();
        self.draft.chance.maybe(&names).cloned().unwrap_or_else(|| "nowhere".to_owned())
    }

    /// An address of a segment that this namespace is on, or of any.
    fn near(&mut self) -> u32 {
        let own: Vec<usize> = self.draft.of(self.h, self.n).map(|i| i.segment).collect();
        let any = self.draft.chance.below(self.draft.segments.len());
        let s = self.draft.chance.maybe(&own).copied().unwrap_or(any);
        self.draft.segments[s].base + self.draft.chance.between(1, 12)
    }

    fn prefix(&mut self) -> String {
        let s = self.draft.chance.below(self.draft.segments.len());
        let len = *self.draft.chance.pick(&[0, 8, 16, 24, 24, 25, 30, 32]);
        match len {
            0 => "default".to_owned(),
            _ => format!("{}/{len}", dotted(masked(self.draft.segments[s].base + 1, len))),
        }
    }

    fn flap(&mut self) -> Vec<String> {
        let Some(dev) = self.device() else { return Vec::new() };
        let mut lines = vec![format!("ip link set {dev} down")];
        if self.draft.chance.percent(60) {
            lines.push(format!("ip link set {dev} up"));
        }
        lines
    }

    fn travel(&mut self) -> Option<String> {
        let dev = self.device()?;
        if self.draft.chance.percent(20)
            && let Some(port) = self.port()
        {
            return Some(format!("ip link set {port} nomaster"));
        }
        Some(match self.draft.chance.below(7) {
            0 => format!("ip link set {dev} netns {}", self.other()),
            1 => format!("ip link del {dev}"),
            2 => format!("ip link set {} nomaster", self.port()?),
            3 => format!("ip link set {dev} master {}", self.bridge()?),
            4 => format!("ip link set {dev} name {dev}x"),
            5 => {
                let b = self.draft.chance.between(1, 9);
                format!("ip link add nb{b} address 02:00:00:00:fc:0{b} type bridge mcast_snooping 0")
            }
            _ => {
                let v = self.draft.chance.between(1, 9);
                format!("ip link add nv{v} type veth peer name nw{v}")
            }
        })
    }

    fn change(&mut self) -> Option<String> {
        if self.draft.on.rules && self.draft.chance.percent(35) {
            return self.change_rule();
        }
        match self.draft.chance.below(4) {
            0 => self.change_address(),
            1 => self.change_route(),
            2 => self.change_link(),
            _ => self.change_neighbour(),
        }
    }

    fn change_address(&mut self) -> Option<String> {
        if self.draft.chance.percent(50)
            && let Some((dev, addr)) = self.owned()
        {
            return Some(format!("ip addr del {addr} dev {dev}"));
        }
        let dev = self.device()?;
        let addr = dotted(self.near() + 40);
        let len = *self.draft.chance.pick(&[8, 16, 24, 24, 25, 32]);
        let words = *self.draft.chance.pick(&["", "", " brd +", " scope link", " noprefixroute"]);
        Some(format!("ip addr add {addr}/{len}{} dev {dev}", if len > 30 { "" } else { words }))
    }

    fn change_route(&mut self) -> Option<String> {
        let how = *self.draft.chance.pick(&["add", "append", "prepend", "replace", "change", "del"]);
        if how == "del"
            && let Some(route) = self.route()
        {
            return Some(format!("ip route del {route}"));
        }
        let to = self.prefix();
        Some(match self.draft.chance.below(4) {
            0 => format!("ip route {how} {to} via {}", dotted(self.near())),
            1 => format!("ip route {how} {to} dev {}", self.device()?),
            2 => format!("ip route {how} {to} via {} metric {}", dotted(self.near()), self.draft.chance.between(0, 9)),
            _ => {
                let kind = *self.draft.chance.pick(&["blackhole", "unreachable", "prohibit", "throw"]);
                format!("ip route {how} {kind} {to}")
            }
        })
    }

    fn change_rule(&mut self) -> Option<String> {
        let own = self.draft.sketch.hosts[self.h].nets[self.n].rules.clone();
        Some(match self.draft.chance.below(5) {
            0 | 1 => match self.draft.chance.maybe(&own) {
                Some(rule) => format!("ip rule del {rule}"),
                None => format!("ip rule del pref {}", self.draft.chance.pick(&[0, 100, 32765, 32766, 32767])),
            },
            2 => format!("ip rule del {}", self.draft.rule(self.h, self.n)),
            _ => format!("ip rule add {}", self.draft.rule(self.h, self.n)),
        })
    }

    fn change_link(&mut self) -> Option<String> {
        let dev = self.device()?;
        Some(match self.draft.chance.below(7) {
            0 => format!("ip link set {dev} mtu {}", self.draft.chance.pick(&[60, 68, 600, 1280, 1400, 1500, 9000])),
            1 => format!("ip link set {dev} address 02:00:00:00:bb:{:02x}", self.draft.chance.between(1, 200)),
            2 => format!("ip link set {dev} arp {}", self.draft.chance.pick(&["off", "on"])),
            3 => format!("ip link set {dev} promisc on"),
            4 => {
                let (word, value) = *self.draft.chance.pick(&[
                    ("rp_filter", 1),
                    ("arp_ignore", 1),
                    ("forwarding", 0),
                    ("forwarding", 1),
                    ("arp_announce", 2),
                ]);
                format!("sysctl -w net.ipv4.conf.{dev}.{word}={value}")
            }
            5 => {
                let port = self.port()?;
                let word =
                    *self.draft.chance.pick(&["hairpin", "isolated", "learning", "flood", "bcast_flood", "state"]);
                let values = if word == "state" { ["0", "1"] } else { ["on", "off"] };
                let value = *self.draft.chance.pick(&values);
                format!("ip link set {port} type bridge_slave {word} {value}")
            }
            _ => format!("sysctl -w net.ipv4.ip_forward={}", self.draft.chance.between(0, 1)),
        })
    }

    fn change_neighbour(&mut self) -> Option<String> {
        let dst = dotted(self.near());
        let mac = format!("02:00:00:00:00:{:02x}", self.draft.chance.between(1, 9));
        if self.draft.chance.percent(25) {
            let port = self.port()?;
            let how = *self.draft.chance.pick(&["add", "add", "del"]);
            let state = *self.draft.chance.pick(&["static", "permanent", "dynamic"]);
            let state = if how == "add" { format!(" {state}") } else { String::new() };
            return Some(format!("bridge fdb {how} {mac} dev {port} master{state}"));
        }
        let dev = self.device()?;
        Some(match self.draft.chance.below(4) {
            0 => format!("ip neigh del {dst} dev {dev}"),
            n => {
                let how = ["add", "replace", "change"][n - 1];
                let nud = *self.draft.chance.pick(&["permanent", "noarp", "stale", "reachable", "failed"]);
                format!("ip neigh {how} {dst} dev {dev} lladdr {mac} nud {nud}")
            }
        })
    }

    fn invalid(&mut self) -> Option<String> {
        match self.draft.chance.below(2) {
            0 => self.invalid_link(),
            _ => self.invalid_entry(),
        }
    }

    fn invalid_link(&mut self) -> Option<String> {
        let dev = self.device()?;
        Some(match self.draft.chance.below(14) {
            0 => format!("ip link set {} master {}", self.bridge()?, self.bridge()?),
            1 => format!("ip link set lo master {}", self.bridge()?),
            2 => format!("ip link set {} master {dev}", self.port().unwrap_or_else(|| dev.clone())),
            3 => format!("ip link add {dev} address 02:00:00:00:fa:01 type bridge mcast_snooping 0"),
            4 => format!("ip link add {dev} type veth peer name zz"),
            5 => format!("ip link add zz type veth peer name {dev}"),
            6 => "ip link del lo".to_owned(),
            7 => format!("ip link set {} netns {}", self.bridge()?, self.other()),
            8 => format!("ip link set {dev} mtu {}", self.draft.chance.pick(&[0, 1, 67, 65536, 100_000])),
            9 => format!("ip link set {dev} name lo"),
            10 => format!(
                "ip link set {dev} address {}",
                self.draft.chance.pick(&["01:00:5e:00:00:01", "00:00:00:00:00:00"])
            ),
            11 => "ip link set nothere up".to_owned(),
            12 => format!("ip link set {dev} type bridge_slave hairpin on"),
            _ => format!("ip link set lo netns {}", self.other()),
        })
    }

    fn invalid_entry(&mut self) -> Option<String> {
        let dev = self.device()?;
        let near = dotted(self.near());
        Some(match self.draft.chance.below(13) {
            0 => {
                let (dev, addr) = self.owned()?;
                format!("ip addr add {addr} dev {dev}")
            }
            1 => format!("ip addr del 203.0.113.9/24 dev {dev}"),
            2 => format!("ip route add {}", self.route()?),
            3 => format!("ip route add 203.0.113.0/24 via 198.51.100.{}", self.draft.chance.between(1, 9)),
            4 => format!("ip route add 203.0.113.0/24 via {near} src 198.51.100.1"),
            5 => format!("ip route del 203.0.113.0/{}", self.draft.chance.between(20, 32)),
            6 => "ip route add 203.0.113.0/24 dev nothere".to_owned(),
            7 => format!("ip route change 203.0.113.0/24 dev {dev}"),
            8 => format!("ip route add 203.0.113.1/24 dev {dev}"),
            9 => format!("ip neigh del {near} dev {dev}"),
            10 => {
                format!("ip neigh add 224.0.0.{} dev {dev} lladdr 02:00:00:00:00:01", self.draft.chance.between(1, 9))
            }
            11 => format!("bridge fdb del 02:00:00:00:99:99 dev {dev} master"),
            _ => format!("ip route add 203.0.113.0/24 via {near} dev lo"),
        })
    }
}
