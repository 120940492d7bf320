//! Requests at random, lowered and read back.

use super::*;
use sim_core::rng::{StreamId, Streams};
use sim_models::drivers::veth::Peer;
use sim_models::kernel::rtnl::NextHop;

fn hop(via: Option<u32>, dev: Option<String>, weight: u16, onlink: bool) -> NextHop {
    NextHop { via, dev, weight, onlink }
}

/// A random choice, one list a call.
struct Pick(Streams, StreamId);

impl Pick {
    fn of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.0.below(self.1, all.len() as u64) as usize].clone()
    }
    fn maybe<T: Clone>(&mut self, all: &[T]) -> Option<T> {
        (self.0.below(self.1, 2) == 0).then(|| self.of(all))
    }
    fn attrs(&mut self) -> LinkAttrs {
        LinkAttrs {
            address: self.maybe(&[Mac([2, 0, 0, 0, 0, 9]), Mac::ZERO, Mac::BROADCAST]),
            mtu: self.maybe(&[0, 68, 1500, i32::MAX as u32]),
            txqueuelen: self.maybe(&[0, 1000]),
            up: self.maybe(&[true, false]),
            arp: self.maybe(&[true, false]),
            promisc: self.maybe(&[true, false]),
            allmulticast: self.maybe(&[true, false]),
            master: self.maybe(&[None, some("br0"), some("mtu"), some("it's")]),
            netns: self.maybe(&["c1".to_owned(), "up".to_owned()]),
            ..LinkAttrs::default()
        }
    }
    fn name(&mut self) -> String {
        self.of(&["eth0", "lo", "up", "dev", "type", "a b", "eth0.100", "veth%d", "x'\"y", "é", "-n", "#1"]).to_owned()
    }
    fn addr(&mut self, delete: bool) -> IfAddr {
        let mut addr = IfAddr::new(Prefix::new(self.of(&[ip4("10.0.0.1"), 0, u32::MAX]), self.of(&[0, 8, 24, 32])));
        addr.peer = self.maybe(&[ip4("10.0.0.2")]);
        if delete {
            if addr.peer.is_none() {
                addr.len = self.of(&[addr.len, IfAddr::ANY_LEN]);
            }
        } else {
            addr.scope = self.maybe(&[Scope::Universe, Scope::Site, Scope::Link, Scope::Host, Scope::Nowhere]);
            addr.broadcast = self.maybe(&[Brd::Plus, Brd::Addr(ip4("10.0.0.255"))]);
        }
        addr.noprefixroute = self.of(&[true, false]);
        addr
    }
    fn route(&mut self, delete: bool) -> RouteSpec {
        use RouteType::*;
        let kinds = [Unicast, Local, Broadcast, Anycast, Multicast, Blackhole, Unreachable, Prohibit, Throw];
        RouteSpec {
            dst: Prefix::new(self.of(&[0, ip4("10.0.0.1"), u32::MAX]), self.of(&[0, 8, 32])),
            kind: self.of(&kinds),
            table: self.maybe(&[1, 253, 254, 255, u32::MAX]),
            via: self.maybe(&[ip4("10.0.0.2"), 0]),
            dev: self.maybe(&["eth0".to_owned(), "via".to_owned(), "é x".to_owned()]),
            src: self.maybe(&[ip4("10.0.0.3")]),
            metric: self.of(&[0, 1, u32::MAX]),
            tos: self.of(&[0, 4, 255]),
            scope: self.maybe(&[Scope::Universe, Scope::Link, Scope::Host]),
            proto: if delete {
                self.of(&[RtProto::Unspec, RtProto::Boot])
            } else {
                self.of(&[RtProto::Boot, RtProto::Unspec, RtProto::Other(77)])
            },
            onlink: self.of(&[true, false]),
            mtu: self.of(&[0, 1400]),
            mtu_lock: false,
            advmss: self.of(&[0, 1000]),
            hoplimit: self.of(&[0, 7]),
            nexthops: self
                .maybe(&[vec![hop(Some(1), None, 1, false), hop(None, some("eth0"), 256, true)]])
                .unwrap_or_default(),
        }
    }
    fn config(&mut self) -> Config {
        let mut config = Config::of_kind(self.of(&["dummy", "bridge", "veth"])).unwrap();
        if let Config::Veth(veth) = &mut config {
            let name = self.maybe(&["eth0".to_owned(), "up".to_owned()]);
            let mut peer = Peer { name, netns: self.maybe(&["c1".to_owned()]), attrs: self.attrs() };
            peer.attrs.netns = None;
            veth.peer = self.maybe(&[Box::new(peer), Box::default()]);
        }
        for (word, value) in self.kind_args() {
            assert!(config.kind() != "bridge" || config.set(&word, &value).is_ok());
        }
        config
    }
    fn kind_args(&mut self) -> Vec<(String, String)> {
        let all = [("forward_delay", "0"), ("ageing_time", "100"), ("stp_state", "0"), ("priority", "4096")];
        self.maybe(&all).into_iter().map(|(w, v)| (w.to_owned(), v.to_owned())).collect()
    }
    fn op(&mut self) -> RtnlOp {
        let (dev, mac) = (self.name(), Mac([2, 0, 0, 0, 0, 1]));
        let how = self.of(&[How::Add, How::Append, How::Prepend, How::Replace, How::Change]);
        match self.0.below(self.1, 12) {
            0 => {
                let config = self.config();
                RtnlOp::NewLink { name: dev, attrs: self.attrs(), config }
            }
            1 => {
                let mut attrs = self.attrs();
                attrs.rename = self.maybe(&["eth7".to_owned(), "down".to_owned()]).filter(|n| *n != dev);
                let slave = [("state", "3"), ("hairpin", "on"), ("flood", "off"), ("cost", "7")];
                attrs.slave_args = self.maybe(&slave).into_iter().map(|(w, v)| (w.to_owned(), v.to_owned())).collect();
                if attrs.slave_args.is_empty() {
                    attrs.kind_args = self.kind_args();
                }
                set(&dev, attrs)
            }
            2 => RtnlOp::DelLink { name: dev },
            3 => RtnlOp::NewAddr { dev, addr: self.addr(false) },
            4 => RtnlOp::DelAddr { dev, addr: self.addr(true) },
            5 => RtnlOp::NewRoute { route: self.route(false), how },
            6 => RtnlOp::DelRoute { route: self.route(true) },
            7 => {
                let states = [
                    Nud::None,
                    Nud::Incomplete,
                    Nud::Reachable,
                    Nud::Stale,
                    Nud::Delay,
                    Nud::Probe,
                    Nud::Failed,
                    Nud::Noarp,
                    Nud::Permanent,
                ];
                let how = self.of(&[How::Add, How::Replace, How::Change]);
                RtnlOp::NewNeigh { dev, dst: ip4("10.0.0.9"), lladdr: self.maybe(&[mac]), state: self.of(&states), how }
            }
            8 => RtnlOp::DelNeigh { dev, dst: ip4("10.0.0.9") },
            9 => RtnlOp::NewFdb { dev, mac, state: self.of(&[FdbState::Local, FdbState::Static, FdbState::Dynamic]) },
            10 => RtnlOp::DelFdb { dev, mac },
            _ => {
                let value = self.of(&["1", "", "0 1", "a'b", "x=y", "$1", "2>1"]).to_owned();
                RtnlOp::Sysctl { key: "net.ipv4.ip_forward".to_owned(), value }
            }
        }
    }
}

#[test]
fn what_is_lowered_reads_back() {
    let mut streams = Streams::new(1);
    let id = streams.named("ops");
    let mut pick = Pick(streams, id);
    for _ in 0..20_000 {
        let op = pick.op();
        let line = to_command(&op);
        // A device to be made can't have some of these names, one that is there is only looked for.
        let bad_name = matches!(&op, RtnlOp::NewLink { name, .. } | RtnlOp::SetLink { name, .. } | RtnlOp::DelLink { name } if name.contains(' '));
        match parse(&line) {
            Ok(all) => {
                assert_eq!(all, [Command { ns: None, op: Op::Rtnl(op), column: 1 }], "{line}");
            }
            Err(e) => assert!(bad_name && e.text.ends_with("not a valid ifname"), "{line}: {e}"),
        }
        let ns = Command { ns: pick.maybe(&["c1".to_owned(), "a b".to_owned()]), op: Op::Rtnl(pick.op()), column: 1 };
        if let Ok(all) = parse(&ns.to_string()) {
            assert_eq!(all, [ns]);
        }
    }
}

#[test]
fn rules() {
    for line in [
        "ip rule add from 10.0.0.0/24 to 10.9.0.0/16 tos 0x8 fwmark 0x3/0x7 iif v1 oif v2 uidrange 3-7 ipproto icmp table 44 suppress_prefixlength 8 proto static pref 50",
        "ip rule add not from 10.0.0.1/32 table 100",
        "ip rule add sport 10-20 dport 53-53 table main",
        "ip rule add goto 100 pref 5",
        "ip rule add nop pref 5",
        "ip rule add to 1.0.0.0/8 blackhole",
        "ip rule add unreachable table 7",
        "ip rule add fwmark 0x0/0xff table local",
        "ip rule del from 10.0.0.1/32",
        "ip rule del unicast pref 0",
    ] {
        let read = super::parse(line).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(read.len(), 1);
        assert_eq!(read[0].to_string(), line);
    }
}
