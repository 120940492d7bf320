//! For tests of links: `ip link` and `bridge fdb` commands as text, and what they print.

use super::*;
use crate::{
    cost::Costs,
    drivers::{
        self,
        bridge::{fdb_lines, port_settings},
        veth::{Peer, VethConfig},
    },
    kernel::{
        PktType, RtnlOp, dev, linkwatch,
        rtnl::{How, IfAddr, Nud},
    },
    packet::frame::{Net, Payload},
};
use sim_core::{
    rng::Streams,
    time::{Span, Time},
};

/// A kernel with namespaces `root`, `a` and `b`.
pub(crate) struct Lab {
    pub(crate) k: Kernel,
    pub(crate) cx: Cx,
}

impl Lab {
    pub(crate) fn new() -> Lab {
        let mut cx = Cx::new(1, 250, Costs::flat("zero", 0), Streams::new(1));
        let mut k = Kernel::new(&mut cx, 1, 1, 250);
        for ns in ["a", "b"] {
            k.new_ns(&mut cx, ns);
        }
        cx.obs.capture = Some(Vec::new());
        Lab { k, cx }
    }

    /// Setup is over, and it is `ms` milliseconds past time 0.
    pub(crate) fn at(&mut self, ms: u64) {
        linkwatch::settle(&mut self.k, &mut self.cx);
        self.cx.clock = Time::ZERO + Span::from_ms(ms);
    }

    pub(crate) fn id(&self, ns: &str) -> NsId {
        self.k.ns_by_name(ns).expect("a namespace of the lab")
    }

    pub(crate) fn dev(&self, ns: &str, name: &str) -> DevId {
        self.k.dev_by_name(self.id(ns), name).unwrap_or_else(|| panic!("{ns} has no {name}"))
    }

    /// `ip -n NS …` or `bridge -n NS …`; the error as it is printed.
    pub(crate) fn ip(&mut self, ns: &str, command: &str) -> Result<(), String> {
        let (op, ns) = (op(command), self.id(ns));
        self.k.rtnl(&mut self.cx, ns, &op).map_err(|e| e.to_string())
    }

    /// Commands that must succeed, one a line: "NS COMMAND".
    pub(crate) fn run(&mut self, commands: &str) {
        for line in commands.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (ns, command) = line.split_once(' ').expect("a namespace and a command");
            self.ip(ns, command).unwrap_or_else(|e| panic!("{line}: {e}"));
        }
    }

    /// "2: x@y: <BROADCAST,MULTICAST> mtu 1500 master br0 state DOWN 02:…", as `ip -o link` without what never changes.
    pub(crate) fn link(&self, ns: &str, name: &str) -> String {
        let dev = self.dev(ns, name);
        let d = &self.k.devs[dev];
        let shown = d.shown_flags();
        let names = [
            (0x8, "LOOPBACK"),
            (0x2, "BROADCAST"),
            (0x1000, "MULTICAST"),
            (0x80, "NOARP"),
            (0x200, "ALLMULTI"),
            (0x100, "PROMISC"),
            (0x1, "UP"),
            (0x10000, "LOWER_UP"),
        ];
        let no_carrier = (d.is_up() && shown & 0x40 == 0).then_some("NO-CARRIER");
        let flags: Vec<&str> =
            no_carrier.into_iter().chain(names.iter().filter(|(bit, _)| shown & bit != 0).map(|(_, n)| *n)).collect();
        let at = match drivers::other_end(&self.k, dev) {
            Some(o) if self.k.devs[o].ns == d.ns => format!("@{}", self.k.devs[o].name()),
            Some(o) => format!("@if{}", self.k.devs[o].ifindex),
            None => String::new(),
        };
        let master = d.master.map_or(String::new(), |m| format!(" master {}", self.k.devs[m].name()));
        let state = d.shown_operstate().name();
        format!("{}: {name}{at}: <{}> mtu {}{master} state {state} {}", d.ifindex, flags.join(","), d.mtu, d.mac)
    }

    /// Flags and state only: "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN".
    pub(crate) fn state(&self, ns: &str, name: &str) -> String {
        let link = self.link(ns, name);
        let flags = link.split(['<', '>']).nth(1).unwrap_or_default();
        format!("{flags} {}", self.k.devs[self.dev(ns, name)].shown_operstate().name())
    }

    pub(crate) fn mac(&self, ns: &str, name: &str) -> String {
        self.k.devs[self.dev(ns, name)].mac.to_string()
    }

    /// Names of all devices, in order of ifindex.
    pub(crate) fn names(&self, ns: &str) -> Vec<String> {
        self.k.net(self.id(ns)).devs.iter().map(|d| self.k.devs[*d].name().to_owned()).collect()
    }

    pub(crate) fn fdb(&mut self, ns: &str) -> Vec<String> {
        let now = self.cx.jiffies();
        fdb_lines(&self.k, self.id(ns), now)
    }

    /// The state of a bridge port: "forwarding".
    pub(crate) fn port(&self, ns: &str, name: &str) -> String {
        let settings = port_settings(&self.k, self.dev(ns, name));
        settings.into_iter().find(|s| s.0 == "state").map_or_else(String::new, |s| s.1)
    }

    /// A frame of some unknown ethertype, `len` bytes long with its header, comes in by a device.
    pub(crate) fn receive(&mut self, ns: &str, name: &str, src: Mac, dst: Mac, len: u32) {
        let rx = self.dev(ns, name);
        let mut skb = self.cx.alloc();
        (skb.frame.src, skb.frame.dst, skb.frame.net) = (src, dst, Net::Other(0x88b5));
        skb.frame.payload = Payload { len: len - 14, ..Payload::default() };
        skb.meta.dev = rx;
        skb.meta.pkt_type = dev::eth_type_trans(self.k.devs[rx].mac, dst);
        dev::netif_receive_skb(&mut self.k, &mut self.cx, skb);
    }

    /// The same is sent through a device.
    pub(crate) fn send(&mut self, ns: &str, name: &str, src: Mac, dst: Mac, len: u32) {
        let tx = self.dev(ns, name);
        let mut skb = self.cx.alloc();
        (skb.frame.src, skb.frame.dst, skb.frame.net) = (src, dst, Net::Other(0x88b5));
        skb.frame.payload = Payload { len: len - 14, ..Payload::default() };
        skb.meta.dev = tx;
        dev::dev_queue_xmit(&mut self.k, &mut self.cx, skb);
    }

    /// What waits in the backlog is received, and what that puts there.
    pub(crate) fn work(&mut self) {
        while let Some(skb) = self.k.cpus[0].take_backlog() {
            dev::netif_receive_skb(&mut self.k, &mut self.cx, skb);
        }
    }

    /// Devices that frames left by, or came up on, since it was asked last: "p1 out", "br0 in".
    pub(crate) fn seen(&mut self) -> Vec<String> {
        let all = self.cx.obs.capture.replace(Vec::new()).unwrap_or_default();
        let way = |t| if t == PktType::Outgoing { "out" } else { "in" };
        all.iter().map(|c| format!("{} {}", self.k.devs[c.dev].name(), way(c.pkt_type))).collect()
    }

    /// Losses so far: "NO_TX_TARGET br_handle_frame p1".
    pub(crate) fn drops(&self) -> Vec<String> {
        self.cx.obs.drops.iter().map(|(p, l)| format!("{} {} {}", p.reason.name(), p.at.name(), l.dev)).collect()
    }
}

/// A test's MAC address.
pub(crate) fn m(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, n])
}

fn op(command: &str) -> RtnlOp {
    let words: Vec<&str> = command.split_whitespace().collect();
    let own = |s: &&str| (*s).to_owned();
    match words[..] {
        ["link", "add", name, ref rest @ ..] => {
            let (attrs, kind) = attrs(rest);
            let config = match kind[..] {
                ["veth", "peer", ref peer @ ..] => veth(peer),
                [kind, ref args @ ..] => {
                    let mut c = Config::of_kind(kind).expect("a driver");
                    let words = c.words();
                    let mut args = args.iter();
                    while let Some(word) = args.next() {
                        let alone = words.iter().any(|w| w.0 == *word && w.1.is_empty());
                        let value = if alone { "" } else { args.next().expect("a value") };
                        c.set(word, value).expect("a setting");
                    }
                    c
                }
                [] => panic!("{command}: no type"),
            };
            RtnlOp::NewLink { name: name.replace('-', ""), attrs, config }
        }
        ["link", "set", name, ref rest @ ..] => {
            let (mut attrs, kind) = attrs(rest);
            let pairs = kind
                .get(1..)
                .unwrap_or_default()
                .chunks(2)
                .map(|a| (own(&a[0]), a.get(1).map_or_else(String::new, own)))
                .collect();
            match kind.first() {
                Some(&"bridge_slave") => attrs.slave_args = pairs,
                Some(_) => attrs.kind_args = pairs,
                None => {}
            }
            RtnlOp::SetLink { name: name.into(), attrs }
        }
        ["link", "del", name] => RtnlOp::DelLink { name: name.into() },
        ["fdb", "add", mac, "dev", dev, "master", state] => {
            let state = match state {
                "static" => FdbState::Static,
                "dynamic" => FdbState::Dynamic,
                _ => FdbState::Local,
            };
            RtnlOp::NewFdb { dev: dev.into(), mac: mac.parse().expect("a MAC"), state }
        }
        ["fdb", how, mac, "dev", dev, ref to @ ..] if to.first() != Some(&"master") => remote(how, mac, dev, to),
        ["addr", "add", addr, "dev", dev] => {
            let (ip, len) = addr.split_once('/').expect("a length");
            let ip = ip.parse::<crate::packet::Ip4Addr>().expect("an address").0;
            let addr = IfAddr::new(crate::packet::Prefix { addr: ip, len: len.parse().expect("a length") });
            RtnlOp::NewAddr { dev: dev.into(), addr }
        }
        ["neigh", "add", ip, "lladdr", mac, "dev", dev] => RtnlOp::NewNeigh {
            dev: dev.into(),
            dst: ip.parse::<crate::packet::Ip4Addr>().expect("an address").0,
            lladdr: mac.parse().ok(),
            state: Nud::Permanent,
            how: How::Add,
        },
        ["fdb", "del", mac, "dev", dev, "master"] => {
            RtnlOp::DelFdb { dev: dev.into(), mac: mac.parse().expect("a MAC") }
        }
        _ => panic!("{command}: not for this lab"),
    }
}

/// `bridge fdb HOW MAC dev DEV [dst IP] [port N] [vni N]`
fn remote(how: &str, mac: &str, dev: &str, to: &[&str]) -> RtnlOp {
    let value = |word: &str| to.iter().position(|w| *w == word).map(|i| to[i + 1]);
    let dst = value("dst").map(|a| a.parse::<crate::packet::Ip4Addr>().expect("an address").0);
    let (port, vni) = (value("port").and_then(|p| p.parse().ok()), value("vni").and_then(|v| v.parse().ok()));
    let (dev, mac) = (dev.to_owned(), mac.parse().expect("a MAC"));
    let how = match how {
        "add" => How::Add,
        "append" => How::Append,
        "replace" => How::Replace,
        _ => return RtnlOp::DelRemote { dev, mac, dst, port, vni },
    };
    RtnlOp::NewRemote { dev, mac, dst, port, vni, state: FdbState::Local, how }
}

fn veth(words: &[&str]) -> Config {
    let (attrs, _) = attrs(words);
    let peer = Peer { name: attrs.rename.clone(), netns: attrs.netns.clone(), attrs };
    Config::Veth(VethConfig { peer: Some(Box::new(peer)) })
}

/// `ip link`'s words up to `type`, and what follows it.
fn attrs<'a>(mut words: &'a [&'a str]) -> (LinkAttrs, Vec<&'a str>) {
    let mut a = LinkAttrs::default();
    loop {
        words = match words {
            [] => return (a, Vec::new()),
            ["type", kind @ ..] => return (a, kind.to_vec()),
            ["up", rest @ ..] => {
                a.up = Some(true);
                rest
            }
            ["down", rest @ ..] => {
                a.up = Some(false);
                rest
            }
            ["nomaster", rest @ ..] => {
                a.master = Some(None);
                rest
            }
            [word, value, rest @ ..] => {
                let on = Some(*value == "on");
                match *word {
                    "link" => a.link = Some((*value).into()),
                    "master" => a.master = Some(Some((*value).into())),
                    "netns" => a.netns = Some((*value).into()),
                    "name" => a.rename = Some((*value).into()),
                    "mtu" => a.mtu = value.parse().ok(),
                    "txqueuelen" => a.txqueuelen = value.parse().ok(),
                    "address" => a.address = value.parse().ok(),
                    "arp" => a.arp = on,
                    "promisc" => a.promisc = on,
                    "allmulticast" => a.allmulticast = on,
                    _ => panic!("{word}: not for this lab"),
                }
                rest
            }
            [word] => panic!("{word}: not for this lab"),
        };
    }
}
