//! The words that random worlds are made of, by name: which of them a world holds.

use super::sketch::{FlowKind, Kind, Sketch};

/// A world taken apart into what the words look at.
struct View<'s> {
    sketch: &'s Sketch,
    /// Routes of the setup, and command lines of the setup and the timeline.
    routes: Vec<&'s str>,
    commands: Vec<&'s str>,
    /// Names of sysctls without `net.ipv4.` and without the device, and what they are set to.
    sysctls: Vec<(&'s str, &'s str)>,
    addresses: Vec<&'s str>,
}

impl<'s> View<'s> {
    fn of(sketch: &'s Sketch) -> View<'s> {
        let nets = || sketch.hosts.iter().flat_map(|h| &h.nets);
        let last = |key: &'s str| key.rsplit('.').next().unwrap_or(key);
        let devices = || nets().flat_map(|n| &n.devices);
        let set = nets().flat_map(|n| &n.sysctls).chain(devices().flat_map(|d| &d.sysctls));
        let steps = sketch.steps.iter().map(|s| s.run.as_str());
        View {
            sketch,
            routes: nets().flat_map(|n| n.routes.iter().map(String::as_str)).collect(),
            commands: nets().flat_map(|n| n.commands.iter().map(String::as_str)).chain(steps).collect(),
            sysctls: set.map(|(k, v)| (last(k), v.as_str())).collect(),
            addresses: devices().flat_map(|d| d.addresses.iter().map(String::as_str)).collect(),
        }
    }

    fn devices(&self) -> impl Iterator<Item = &'s super::sketch::Device> {
        self.sketch.hosts.iter().flat_map(|h| &h.nets).flat_map(|n| &n.devices)
    }
    fn flow(&self, f: impl Fn(&super::sketch::Flow) -> bool) -> bool {
        self.sketch.flows.iter().any(f)
    }
    fn option(&self, has: &str) -> bool {
        self.flow(|f| f.options.iter().any(|o| o.0 == "socket" && o.1.contains(has)))
    }
    fn sysctl(&self, name: &str) -> bool {
        self.sysctls.iter().any(|s| s.0 == name)
    }
    fn command(&self, has: &str) -> bool {
        self.commands.iter().any(|c| c.contains(has))
    }
    fn step(&self, f: impl Fn(&str) -> bool) -> bool {
        self.sketch.steps.iter().any(|s| f(&s.run))
    }
    fn route(&self, has: &str) -> bool {
        self.routes.iter().any(|r| r.contains(has)) || self.step(|s| s.starts_with("ip route") && s.contains(has))
    }
    fn rule(&self, has: &str) -> bool {
        let mut rules = self.sketch.hosts.iter().flat_map(|h| &h.nets).flat_map(|n| &n.rules);
        rules.any(|r| r.contains(has)) || self.step(|s| s.starts_with("ip rule") && s.contains(has))
    }
    fn port(&self, word: &str) -> bool {
        self.devices().any(|d| d.slave.iter().any(|s| s.0 == word)) || self.command(&format!("bridge_slave {word}"))
    }
}

type Word = (&'static str, fn(&View) -> bool);

/// The length behind an address or route.
fn len_of(line: &str) -> Option<u8> {
    line.split([' ', '/']).nth(1)?.parse().ok()
}

/// The vocabulary, in the order in which it is printed.
const WORDS: &[Word] = &[
    ("two hosts", |v| v.sketch.hosts.len() > 1),
    ("veth", |v| v.devices().any(|d| matches!(d.kind, Kind::Veth { .. }))),
    ("bridge", |v| v.devices().any(|d| matches!(d.kind, Kind::Bridge { .. }))),
    ("macvlan", |v| v.devices().any(|d| matches!(&d.kind, Kind::Upper { kind, .. } if kind == "Macvlan"))),
    ("bridge with two ports", |v| v.devices().any(|d| d.ports().len() > 1)),
    ("bridges joined by veth", |v| joined(v.sketch)),
    ("bridge without ports", |v| v.devices().any(|d| matches!(d.kind, Kind::Bridge { .. }) && d.ports().is_empty())),
    ("NIC as bridge port", |v| v.devices().any(|d| d.ports().iter().any(|p| p == "nic"))),
    ("port hairpin", |v| v.port("hairpin")),
    ("port isolated", |v| v.port("isolated")),
    ("port learning", |v| v.port("learning")),
    ("port flood", |v| v.port("flood")),
    ("port bcast_flood", |v| v.port("bcast_flood")),
    ("several addresses", |v| v.devices().any(|d| d.addresses.len() > 1)),
    ("address brd", |v| v.addresses.iter().any(|a| a.contains("brd")) || v.command("brd +")),
    ("address scope", |v| v.addresses.iter().any(|a| a.contains("scope"))),
    ("address peer", |v| v.addresses.iter().any(|a| a.contains("peer"))),
    ("address noprefixroute", |v| v.addresses.iter().any(|a| a.contains("noprefixroute"))),
    ("prefix of 31 bits", |v| v.addresses.iter().any(|a| len_of(a) == Some(31))),
    ("prefix of 16 bits or less", |v| v.addresses.iter().any(|a| len_of(a).is_some_and(|l| l <= 16))),
    ("address on lo", |v| v.devices().any(|d| matches!(d.kind, Kind::Loopback))),
    ("route via", |v| v.route("via")),
    ("default route", |v| v.route("default")),
    ("route blackhole", |v| v.route("blackhole")),
    ("route unreachable", |v| v.route("unreachable")),
    ("route prohibit", |v| v.route("prohibit")),
    ("route throw", |v| v.route("throw")),
    ("route local", |v| v.routes.iter().any(|r| r.starts_with("local"))),
    ("route broadcast", |v| v.routes.iter().any(|r| r.starts_with("broadcast"))),
    ("route metric", |v| v.route("metric")),
    ("route src", |v| v.route(" src ")),
    ("route mtu", |v| v.route(" mtu ")),
    ("route tos", |v| v.route(" tos ")),
    ("route onlink", |v| v.route("onlink")),
    ("route nexthop", |v| v.route(" nexthop ")),
    ("table of its own", |v| v.route(" table ")),
    ("rule from", |v| v.rule("from")),
    ("rule to", |v| v.rule("to ")),
    ("rule iif", |v| v.rule("iif")),
    ("rule oif", |v| v.rule("oif")),
    ("rule tos", |v| v.rule("tos")),
    ("rule not", |v| v.rule("not ")),
    ("rule ipproto", |v| v.rule("ipproto")),
    ("rule dport", |v| v.rule("dport")),
    ("rule fwmark", |v| v.rule("fwmark")),
    ("rule that says no", |v| v.rule("blackhole") || v.rule("unreachable") || v.rule("prohibit")),
    ("rule goto", |v| v.rule("goto")),
    ("rule suppress_prefixlength", |v| v.rule("suppress_prefixlength")),
    ("rule changed midway", |v| v.step(|s| s.starts_with("ip rule"))),
    ("ip_forward", |v| v.sysctl("ip_forward")),
    ("forwarding of a device", |v| v.sysctl("forwarding")),
    ("rp_filter", |v| v.sysctl("rp_filter")),
    ("arp_ignore", |v| v.sysctl("arp_ignore")),
    ("arp_announce", |v| v.sysctl("arp_announce")),
    ("arp_filter", |v| v.sysctl("arp_filter")),
    ("arp_accept", |v| v.sysctl("arp_accept")),
    ("arp_notify", |v| v.sysctl("arp_notify")),
    ("proxy_arp", |v| v.sysctl("proxy_arp")),
    ("accept_local", |v| v.sysctl("accept_local")),
    ("send_redirects", |v| v.sysctl("send_redirects")),
    ("accept_redirects", |v| v.sysctl("accept_redirects")),
    ("shared_media", |v| v.sysctl("shared_media")),
    ("route_localnet", |v| v.sysctl("route_localnet")),
    ("promote_secondaries", |v| v.sysctl("promote_secondaries")),
    ("drop_gratuitous_arp", |v| v.sysctl("drop_gratuitous_arp")),
    ("ignore_routes_with_linkdown", |v| v.sysctl("ignore_routes_with_linkdown")),
    ("retrans_time_ms", |v| v.sysctl("retrans_time_ms")),
    ("icmp_echo_ignore_all", |v| v.sysctl("icmp_echo_ignore_all")),
    ("icmp_echo_ignore_broadcasts", |v| v.sysctl("icmp_echo_ignore_broadcasts")),
    ("icmp_errors_use_inbound_ifaddr", |v| v.sysctl("icmp_errors_use_inbound_ifaddr")),
    ("unres_qlen_bytes", |v| v.sysctl("unres_qlen_bytes")),
    ("rmem_default", |v| v.sysctl("rmem_default")),
    ("ip_default_ttl", |v| v.sysctl("ip_default_ttl")),
    ("ip_no_pmtu_disc", |v| v.sysctl("ip_no_pmtu_disc")),
    ("icmp_ratemask", |v| v.sysctl("icmp_ratemask")),
    ("MTU", |v| v.devices().any(|d| d.mtu.is_some())),
    ("MAC address by hand", |v| v.devices().any(|d| d.mac.is_some())),
    ("device that is down", |v| v.devices().any(|d| d.down)),
    ("neighbour by hand", |v| v.sketch.hosts.iter().flat_map(|h| &h.nets).any(|n| !n.neighbours.is_empty())),
    ("forwarding entry by hand", |v| v.command("bridge fdb add")),
    ("link down midway", |v| v.step(|s| s.starts_with("ip link set") && s.ends_with(" down"))),
    ("link up midway", |v| v.step(|s| s.starts_with("ip link set") && s.ends_with(" up"))),
    ("device to another namespace", |v| v.step(|s| s.contains(" netns "))),
    ("device deleted", |v| v.step(|s| s.starts_with("ip link del"))),
    ("device renamed", |v| v.step(|s| s.starts_with("ip link set") && s.contains(" name "))),
    ("device made midway", |v| v.step(|s| s.starts_with("ip link add n"))),
    ("port joins", |v| v.step(|s| s.contains(" master ") && s.starts_with("ip link set"))),
    ("port leaves", |v| v.step(|s| s.contains("nomaster"))),
    ("address added midway", |v| v.step(|s| s.starts_with("ip addr add"))),
    ("address deleted midway", |v| v.step(|s| s.starts_with("ip addr del"))),
    ("route changed midway", |v| v.step(|s| s.starts_with("ip route"))),
    ("neighbour changed midway", |v| v.step(|s| s.starts_with("ip neigh"))),
    ("forwarding entry changed midway", |v| v.step(|s| s.starts_with("bridge fdb"))),
    ("sysctl changed midway", |v| v.step(|s| s.starts_with("sysctl"))),
    ("MTU changed midway", |v| v.step(|s| s.contains(" mtu ") && s.starts_with("ip link"))),
    ("MAC address changed midway", |v| v.step(|s| s.contains(" address "))),
    ("arp off or promisc midway", |v| v.step(|s| s.contains(" arp o") || s.contains("promisc"))),
    ("Ping", |v| v.flow(|f| f.kind == FlowKind::Ping)),
    ("Udp to an open port", |v| v.flow(|f| f.kind == FlowKind::Udp && f.to.is_some())),
    ("Udp to a closed port", |v| v.flow(|f| f.kind == FlowKind::Udp && f.to.is_none())),
    ("Requests", |v| v.flow(|f| f.kind == FlowKind::Requests)),
    ("Broadcast", |v| v.flow(|f| f.kind == FlowKind::Broadcast)),
    ("Broadcast to all ones", |v| v.flow(|f| f.address == "255.255.255.255")),
    ("TcpConnect", |v| v.flow(|f| f.kind == FlowKind::TcpConnect)),
    ("Frames", |v| v.flow(|f| f.kind == FlowKind::Frames)),
    ("socket pmtudisc Do", |v| v.option("pmtudisc: Do)")),
    ("socket pmtudisc Dont", |v| v.option("pmtudisc: Dont")),
    ("socket tos", |v| v.option("tos")),
    ("socket mark", |v| v.option("mark")),
    ("socket device", |v| v.option("device: ")),
    ("socket source", |v| v.option("source")),
    ("socket recverr", |v| v.option("recverr")),
    ("slow receiver", |v| v.flow(|f| f.options.iter().any(|o| o.0 == "service"))),
    ("TTL 1", |v| v.flow(|f| f.ttl == Some(1))),
    ("TTL 2 to 5", |v| v.flow(|f| f.ttl.is_some_and(|t| t > 1))),
    ("larger than 1500 bytes", |v| v.flow(|f| f.size > 1480)),
    ("larger than 1500 bytes, DF", |v| v.flow(|f| f.size > 1480 && f.options.iter().any(|o| o.1.contains("Do)")))),
    ("larger than 1500 bytes, no DF", |v| v.flow(|f| f.size > 1480 && f.options.iter().any(|o| o.1.contains("Dont")))),
    ("to 127.0.0.0/8", |v| v.flow(|f| f.address.starts_with("127."))),
];

/// Is a bridge's port the other end of another bridge's?
fn joined(s: &Sketch) -> bool {
    s.hosts.iter().any(|h| {
        let enslaved = |ns: &str, dev: &str| {
            h.nets.iter().filter(|n| n.name == ns).flat_map(|n| &n.devices).any(|d| d.ports().iter().any(|p| p == dev))
        };
        h.nets.iter().any(|n| {
            n.devices.iter().any(|d| match &d.kind {
                Kind::Veth { ns, dev } => enslaved(&n.name, &d.name) && enslaved(ns, dev),
                _ => false,
            })
        })
    })
}

/// All words.
pub fn words() -> impl Iterator<Item = &'static str> {
    WORDS.iter().map(|w| w.0)
}

/// The words that a world holds, in order.
pub fn held(sketch: &Sketch) -> Vec<&'static str> {
    let view = View::of(sketch);
    WORDS.iter().filter(|w| w.1(&view)).map(|w| w.0).collect()
}
