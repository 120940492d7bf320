use super::*;
use sim_core::rng::{StreamId, Streams};
use sim_models::drivers::Config;
use sim_models::kernel::rtnl::{Brd, FdbState, How, IfAddr, LinkAttrs, Nud, RouteSpec, RouteType, RtProto, Scope};
use sim_models::packet::{Ip4Addr, Mac, Prefix};

fn op(line: &str) -> RtnlOp {
    match parse(line) {
        Ok(mut all) if all.len() == 1 => match all.remove(0) {
            Command { op: Op::Rtnl(op), .. } => op,
            other => panic!("{line}: {other:?}"),
        },
        other => panic!("{line}: {other:?}"),
    }
}

fn ip4(text: &str) -> u32 {
    text.parse::<Ip4Addr>().unwrap().0
}
fn net(text: &str) -> Prefix<u32> {
    let (addr, len) = text.split_once('/').unwrap();
    Prefix::new(ip4(addr), len.parse().unwrap())
}
fn set(name: &str, attrs: LinkAttrs) -> RtnlOp {
    RtnlOp::SetLink { name: name.to_owned(), attrs }
}
fn route(dst: &str) -> RouteSpec {
    RouteSpec::to(net(dst))
}
fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn abbreviations_mean_what_they_mean_to_iproute2() {
    let up = || set("eth0", LinkAttrs { up: Some(true), ..LinkAttrs::default() });
    for line in
        ["ip link set eth0 up", "ip l s eth0 up", "ip li ch dev eth0 up", "sudo /sbin/ip -o -s --d link set up eth0"]
    {
        assert_eq!(op(line), up(), "{line}");
    }
    let addr = || RtnlOp::NewAddr { dev: "eth0".to_owned(), addr: IfAddr::new(net("10.0.0.1/24")) };
    for line in
        ["ip addr add 10.0.0.1/24 dev eth0", "ip a a local 10.0.0.1/24 dev eth0", "ip -4 ad ad dev eth0 10.0.0.1/24"]
    {
        assert_eq!(op(line), addr(), "{line}");
    }
    for (line, how) in [
        ("ip r a default", How::Add),
        ("ip ro ap default", How::Append),
        ("ip route r default", How::Replace),
        ("ip route p default", How::Prepend),
        ("ip route c default", How::Change),
        ("ip route chg default", How::Change),
    ] {
        assert_eq!(op(line), RtnlOp::NewRoute { route: route("0.0.0.0/0"), how }, "{line}");
    }
    // `ip n` is neighbour, `ip net` is netns.
    assert_eq!(op("ip n d 10.0.0.2 dev eth0"), RtnlOp::DelNeigh { dev: "eth0".to_owned(), dst: ip4("10.0.0.2") });
    assert_eq!(parse("ip net a x").unwrap()[0].op, Op::NewNs("x".to_owned()));
}

#[test]
fn links() {
    let mac = Mac([2, 0, 0, 0, 0, 9]);
    let attrs = LinkAttrs { address: Some(mac), mtu: Some(1400), txqueuelen: Some(10), ..LinkAttrs::default() };
    let dummy = Config::of_kind("dummy").unwrap();
    assert_eq!(
        op("ip link add d0 addr 2:0:0:0:0:9 mtu 1400 qlen 10 type dummy"),
        RtnlOp::NewLink { name: "d0".to_owned(), attrs, config: dummy.clone() }
    );
    for line in
        ["ip link add name d0 type dummy", "ip link add dev d0 type dummy", "ip link add name d0 dev d0 type dummy"]
    {
        let config = dummy.clone();
        assert_eq!(op(line), RtnlOp::NewLink { name: "d0".to_owned(), attrs: LinkAttrs::default(), config });
    }
    let unnamed = RtnlOp::NewLink { name: "dummy%d".to_owned(), attrs: LinkAttrs::default(), config: dummy };
    assert_eq!(op("ip link add type dummy"), unnamed, "DEV-4");
    let all = LinkAttrs {
        up: Some(false),
        arp: Some(false),
        promisc: Some(true),
        allmulticast: Some(true),
        master: Some(some("br0")),
        netns: some("c1"),
        rename: some("eth7"),
        ..LinkAttrs::default()
    };
    let line = "ip link set dev eth0 name eth7 down arp off promisc on allmulticast on master br0 netns c1";
    assert_eq!(op(line), set("eth0", all));
    assert_eq!(op("ip link set eth0 name eth0"), set("eth0", LinkAttrs::default()), "no renaming to the same name");
    assert_eq!(op("ip link set eth0 nom"), set("eth0", LinkAttrs { master: Some(None), ..LinkAttrs::default() }));
    assert_eq!(op("ip link del eth0 type dummy"), RtnlOp::DelLink { name: "eth0".to_owned() });
}

#[test]
fn ports() {
    let args = |list: &[(&str, &str)]| {
        let slave_args = list.iter().map(|(w, v)| ((*w).to_owned(), (*v).to_owned())).collect();
        set("p1", LinkAttrs { slave_args, ..LinkAttrs::default() })
    };
    let want = args(&[("hairpin", "on"), ("state", "3"), ("cost", "50")]);
    assert_eq!(op("ip link set p1 type bridge_slave hair on stat 0x3 cost 50"), want);
    assert_eq!(op("bridge link set dev p1 hairpin on state forwarding cost 50"), want);
    assert_eq!(op("bridge l s dev p1 learning of flood o"), args(&[("learning", "off"), ("flood", "off")]));
}

#[test]
fn addresses() {
    let mut addr = IfAddr::new(net("10.0.0.1/24"));
    let new = |addr| RtnlOp::NewAddr { dev: "eth0".to_owned(), addr };
    (addr.broadcast, addr.scope, addr.noprefixroute) = (Some(Brd::Plus), Some(Scope::Link), true);
    assert_eq!(op("ip addr add 10.0.0.1/24 brd + scope link noprefixroute dev eth0"), new(addr));
    (addr.broadcast, addr.scope, addr.noprefixroute) = (Some(Brd::Addr(ip4("10.0.0.0"))), None, false);
    assert_eq!(op("ip addr add 10.0.0.1/255.255.255.0 broadcast - nodad dev eth0 valid_lft forever"), new(addr));
    (addr.local, addr.peer, addr.broadcast) = (ip4("10.0.0.1"), Some(ip4("10.9.0.1")), None);
    assert_eq!(op("ip addr add 10.0.0.1 peer 10.9.0.1/24 dev eth0"), new(addr), "the length is the peer's");
    assert_eq!(op("ip addr add 10.0.0.1 dev eth0"), new(IfAddr::new(net("10.0.0.1/32"))));
    let del = |line| match op(line) {
        RtnlOp::DelAddr { addr, .. } => addr.len,
        other => panic!("{other:?}"),
    };
    assert_eq!(del("ip addr del 10.0.0.1/24 dev eth0"), 24);
    assert_eq!(del("ip addr del 10.0.0.1 dev eth0"), IfAddr::ANY_LEN, "any length");
}

#[test]
fn routes() {
    let full = RouteSpec {
        kind: RouteType::Unicast,
        table: Some(100),
        via: Some(ip4("10.0.0.2")),
        dev: some("eth0"),
        src: Some(ip4("10.0.0.1")),
        metric: 5,
        tos: 0x10,
        scope: Some(Scope::Link),
        proto: RtProto::Static,
        onlink: true,
        mtu: 1400,
        ..route("10.9.0.0/16")
    };
    let line = "ip ro add to 10.9/16 via inet 10.0.0.2 oif eth0 src 10.0.0.1 met 5 pro static tab 100 \
                scope 253 d 10 mtu 1400 onlink";
    assert_eq!(op(line), RtnlOp::NewRoute { route: full, how: How::Add });
    // Scope and table of RT-14 are left to the door.
    let local = RouteSpec { kind: RouteType::Local, dev: some("lo"), ..route("10.66.0.0/16") };
    assert_eq!(op("ip route add local 10.66.0.0/16 dev lo"), RtnlOp::NewRoute { route: local, how: How::Add });
    for (word, kind) in [
        ("bl", RouteType::Blackhole),
        ("unr", RouteType::Unreachable),
        ("pro", RouteType::Prohibit),
        ("throw", RouteType::Throw),
    ] {
        // "pro" is `protocol` before it is `prohibit`.
        let word = if word == "pro" { "prohibit" } else { word };
        let route = RouteSpec { kind, ..route("10.60.1.0/24") };
        assert_eq!(op(&format!("ip r a {word} 10.60.1.0/24")), RtnlOp::NewRoute { route, how: How::Add });
    }
    let any = RouteSpec { proto: RtProto::Unspec, ..route("0.0.0.0/0") };
    assert_eq!(op("ip route del default"), RtnlOp::DelRoute { route: any });
    for (text, table) in [("main", 254), ("local", 255), ("default", 253), ("0", 254), ("0x100", 256)] {
        let want = RouteSpec { table: Some(table), ..route("0.0.0.0/0") };
        assert_eq!(op(&format!("ip route add default table {text}")), RtnlOp::NewRoute { route: want, how: How::Add });
    }
}

#[test]
fn neighbours_and_fdb() {
    let mac = Mac([2, 0, 0, 0, 0, 1]);
    let new =
        |lladdr, state, how| RtnlOp::NewNeigh { dev: "eth0".to_owned(), dst: ip4("10.0.0.9"), lladdr, state, how };
    let permanent = new(Some(mac), Nud::Permanent, How::Add);
    assert_eq!(op("ip neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev eth0"), permanent);
    let reachable = new(Some(mac), Nud::Reachable, How::Replace);
    assert_eq!(op("ip n r to 10.0.0.9 ll 2:0:0:0:0:1 dev eth0 nud reach"), reachable);
    assert_eq!(op("ip neigh change 10.0.0.9 lladdr null dev eth0 nud 4"), new(None, Nud::Stale, How::Change));
    for (words, state) in [
        ("master", FdbState::Local),
        ("master permanent", FdbState::Local),
        ("mas temp", FdbState::Static),
        ("master dynamic", FdbState::Dynamic),
        ("master static dynamic", FdbState::Dynamic),
        ("master dynamic local", FdbState::Local),
    ] {
        let line = format!("bridge fdb add 02:00:00:00:00:01 dev v1 {words}");
        assert_eq!(op(&line), RtnlOp::NewFdb { dev: "v1".to_owned(), mac, state }, "BR-38: {line}");
    }
    let del = RtnlOp::DelFdb { dev: "v1".to_owned(), mac };
    assert_eq!(op("bridge f del 02:00:00:00:00:01 dev v1 master"), del);
}

#[test]
fn namespaces_and_several_commands() {
    let all = parse("ip netns add c1; ip -n c1 link set lo up && ip netns exec c1 ip -n c2 l s lo up\nip netns del c1")
        .unwrap();
    let seen: Vec<_> = all.iter().map(|c| (c.ns.as_deref(), c.column)).collect();
    assert_eq!(seen, [(None, 1), (Some("c1"), 18), (Some("c2"), 45), (None, 81)]);
    assert_eq!((&all[0].op, &all[3].op), (&Op::NewNs("c1".to_owned()), &Op::DelNs("c1".to_owned())));
    let all = parse("ip netns exec r sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.eth0.proxy_arp=1").unwrap();
    let text: Vec<_> = all.iter().map(ToString::to_string).collect();
    assert_eq!(
        text,
        [
            "ip netns exec r sysctl -qw net.ipv4.ip_forward=1",
            "ip netns exec r sysctl -qw net.ipv4.conf.eth0.proxy_arp=1"
        ]
    );
    assert_eq!(parse("bridge -n c1 fdb add 2:0:0:0:0:1 dev v1 master").unwrap()[0].ns.as_deref(), Some("c1"));
    assert_eq!(parse(" # nothing\n"), Ok(vec![]));
}

#[test]
fn sysctls() {
    let set = |key: &str, value: &str| RtnlOp::Sysctl { key: key.to_owned(), value: value.to_owned() };
    let want = set("net.ipv4.ip_forward", "1");
    for line in [
        "sysctl -w net.ipv4.ip_forward=1",
        "sysctl -q net.ipv4.ip_forward=1",
        "sysctl -e --write net.ipv4.ip_forward=1",
    ] {
        assert_eq!(op(line), want);
    }
    assert_eq!(op("sysctl -w 'net.ipv4.ping_group_range=0 1'"), set("net.ipv4.ping_group_range", "0 1"));
    assert_eq!(op("echo -n 1 >/proc/sys/net/ipv4/ip_forward"), set("net/ipv4/ip_forward", "1"));
    assert_eq!(op("echo 0 1 > /proc/sys/net/ipv4/ping_group_range"), set("net/ipv4/ping_group_range", "0 1"));
}

/// Texts without a star are what ip, bridge (iproute2 6.1) print for the line; a star marks our own.
#[test]
fn errors_are_those_of_the_tools() {
    for (line, column, text) in [
        ("ip link set dev eth0 mtu foo", 26, "Error: argument \"foo\" is wrong: Invalid \"mtu\" value"),
        ("ip link set dev eth0 mtu", 25, "Command line is not complete. Try option \"help\""),
        ("ip link set dev eth0 foo", 22, "Error: either \"dev\" is duplicate, or \"foo\" is a garbage."),
        ("ip link set dev eth0 mtu 1 mtu 2", 32, "Error: duplicate \"mtu\": \"2\" is the second value."),
        ("ip link set dev eth0 arp maybe", 26, "Error: argument of \"arp\" must be \"on\" or \"off\", not \"maybe\""),
        ("ip link set mtu 1300", 21, "Not enough information: \"dev\" argument is required."),
        ("ip link add foo", 16, "Not enough information: \"type\" argument is required"),
        ("ip link add foo type nosuch", 22, "Error: Unknown device type."),
        ("ip link add foo type phy", 22, "Error: Unknown device type."),
        (
            "ip link add name foo dev bar type dummy",
            26,
            "both \"name\" and \"dev\" cannot be used when creating devices.",
        ),
        (
            "ip link add name averyveryverylongname type dummy",
            18,
            "Error: argument \"averyveryverylongname\" is wrong: \"name\" not a valid ifname",
        ),
        ("ip link add a/b type dummy", 13, "Error: argument \"a/b\" is wrong: \"dev\" not a valid ifname"),
        ("ip link set eth0 address 02:00", 26, "Invalid address length 2 - must be 6 bytes"),
        ("ip link set eth0 address zz:00:00:00:00:00", 26, "\"zz\" is invalid lladdr."),
        ("ip link add br9 type bridge foo 1", 29, "bridge: unknown command \"foo\"?"),
        ("ip link foo", 9, "Command \"foo\" is unknown, try \"ip link help\"."),
        ("ip foo", 4, "Object \"foo\" is unknown, try \"ip help\"."),
        ("ip -foo link", 4, "Option \"-foo\" is unknown, try \"ip -help\"."),
        ("ip addr add 10.0.0.1/24", 24, "Not enough information: \"dev\" argument is required."),
        ("ip addr add 10.0.0.1/24 eth0", 25, "Error: either \"local\" is duplicate, or \"eth0\" is a garbage."),
        ("ip addr add 10.0.0.1/33 dev eth0", 13, "Error: any valid prefix is expected rather than \"10.0.0.1/33\"."),
        ("ip -4 addr add foo dev eth0", 16, "Error: inet prefix is expected rather than \"foo\"."),
        ("ip addr add 10.0.0.1/24 brd foo dev eth0", 29, "Error: inet address is expected rather than \"foo\"."),
        (
            "ip addr add 10.0.0.1/24 brd + brd - dev eth0",
            35,
            "Error: duplicate \"broadcast\": \"-\" is the second value.",
        ),
        ("ip addr add 10.0.0.1/24 scope foo dev eth0", 31, "Error: argument \"foo\" is wrong: invalid scope value."),
        ("ip route add 10.9.0.0/16 foo", 26, "Error: either \"to\" is duplicate, or \"foo\" is a garbage."),
        ("ip route add foo", 14, "Error: any valid prefix is expected rather than \"foo\"."),
        ("ip route add 10.9.0.0/16 via", 29, "Command line is not complete. Try option \"help\""),
        ("ip route add 10.9.0.0/16 via foo", 30, "Error: inet address is expected rather than \"foo\"."),
        (
            "ip route add 10.9.0.0/16 via 10.0.0.2 via 10.0.0.3",
            39,
            "Error: argument \"via\" is wrong: use nexthop syntax to specify multiple via",
        ),
        ("ip route add 10.9.0.0/16 metric foo", 33, "Error: argument \"foo\" is wrong: \"metric\" value is invalid"),
        ("ip route add 10.9.0.0/16 tos 1g", 30, "Error: argument \"1g\" is wrong: \"tos\" value is invalid"),
        ("ip route add 10.9.0.0/16 proto foo", 32, "Error: argument \"foo\" is wrong: \"protocol\" value is invalid"),
        ("ip route add 10.9.0.0/16 table foo", 32, "Error: argument \"foo\" is wrong: \"table\" value is invalid"),
        ("ip route add unreachable", 25, "Command line is not complete. Try option \"help\""),
        ("ip neigh add 10.0.0.9", 22, "Device and destination are required arguments."),
        ("ip neigh add 10.0.0.9 dev eth0 nud foo", 36, "Error: argument \"foo\" is wrong: nud state is bad"),
        ("ip neigh foo", 10, "Command \"foo\" is unknown, try \"ip neigh help\"."),
        ("ip netns add", 13, "No netns name specified"),
        ("ip netns add a/b", 14, "Invalid netns name \"a/b\""),
        ("ip netns exec a", 16, "No command specified"),
        ("bridge fdb add foo dev eth1 master", 16, "Invalid mac address foo"),
        ("bridge fdb add dev eth1 master", 31, "Device and address are required arguments."),
        ("bridge link set dev eth1 state foo", 32, "Error: invalid STP port state"),
        (
            "bridge link set dev eth1 hairpin maybe",
            34,
            "Error: argument of \"hairpin\" must be one of \"off\", \"on\", not \"maybe\"",
        ),
        ("bridge link set hairpin on", 27, "Device is a required argument."),
        ("ip link set eth1 type bridge_slave state foo", 42, "Error: argument \"foo\" is wrong: state is invalid"),
        ("ip link set eth1 type bridge_slave foo", 36, "bridge_slave: unknown option \"foo\"?"),
        // * From here on.
        ("ip rule add from 10.0.0.1 table 100", 4, "not supported yet: policy rules"),
        ("ip link add v0 type vrf table 10", 21, "not supported: `vrf`"),
        ("ip link set eth0 vrf red", 18, "not supported: `vrf`"),
        ("ip route add 10.0.0.0/8 nexthop via 10.0.0.1", 25, "not supported yet: multipath routes (`nexthop`)"),
        ("ip route add 10.0.0.0/8 advmss 1400", 25, "not supported: `advmss`"),
        ("ip addr add 2001:db8::1/64 dev eth0", 13, "not supported yet: IPv6"),
        ("ip -6 route add default", 4, "not supported yet: IPv6"),
        ("ip addr show dev eth0", 9, "not supported: `ip address show` only prints"),
        ("ip addr flush dev eth0", 9, "not supported: `ip address flush`"),
        ("bridge fdb add 02:00:00:00:00:07 dev eth1", 42, "not supported: an entry of the device's own filter"),
        ("ip link del eth0 type dummy foo", 29, "`foo` is one word too many"),
        ("tc qdisc add dev eth0 root netem delay 1ms", 1, "not supported yet: `tc`"),
        ("sysctl -w net.ipv4.ip_forward", 11, "sysctl: \"net.ipv4.ip_forward\" must be of the form name=value"),
        ("sysctl -p", 8, "not supported: `-p`"),
        ("echo 1 > /tmp/x", 10, "not supported: writing to `/tmp/x`"),
        ("echo 1", 7, "echo is known only as `echo VALUE > /proc/sys/…`"),
        ("ip link set eth0 up | cat", 21, "not supported: `|`"),
    ] {
        let error = parse(line).expect_err(line);
        assert_eq!((error.text.as_str(), error.column), (text, column), "{line}");
    }
}

#[test]
fn near_words_are_suggested() {
    for (line, help) in [
        ("ip link set eth0 upp", "did you mean `up`?"),
        ("ip route ad default", ""),
        ("ip route delte default", "did you mean `delete`?"),
        ("ip route add 10.0.0.0/8 metrc 5", "did you mean `metric`?"),
        ("ip route add blckhole 10.0.0.0/8", "did you mean `blackhole`?"),
        ("ip lnik set eth0 up", "did you mean `link`?"),
        ("ip addr add 10.0.0.1/24 scope lnik dev eth0", "did you mean `link`?"),
        ("bridge link set dev v1 hairpn on", "did you mean `hairpin`?"),
        ("brige fdb", "did you mean `bridge`?"),
        ("ip link add d0 type dumy", "did you mean `dummy`?"),
        ("ip route add default via 10.0.0.1; ip route add", "like `default` or `10.0.0.0/24`"),
    ] {
        let help = (!help.is_empty()).then(|| help.to_owned());
        assert_eq!(parse(line).err().and_then(|e| e.help), help, "{line}");
    }
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
        }
    }
    fn op(&mut self) -> RtnlOp {
        let (dev, mac) = (self.name(), Mac([2, 0, 0, 0, 0, 1]));
        let how = self.of(&[How::Add, How::Append, How::Prepend, How::Replace, How::Change]);
        match self.0.below(self.1, 12) {
            0 => {
                let config = Config::of_kind(self.of(&["dummy", "bridge", "veth"])).unwrap();
                RtnlOp::NewLink { name: dev, attrs: self.attrs(), config }
            }
            1 => {
                let mut attrs = self.attrs();
                attrs.rename = self.maybe(&["eth7".to_owned(), "down".to_owned()]).filter(|n| *n != dev);
                let slave = [("state", "3"), ("hairpin", "on"), ("flood", "off"), ("cost", "7")];
                attrs.slave_args = self.maybe(&slave).into_iter().map(|(w, v)| (w.to_owned(), v.to_owned())).collect();
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
fn no_line_makes_it_panic() {
    let words = [
        "ip",
        "link",
        "add",
        "set",
        "dev",
        "eth0",
        "type",
        "bridge",
        "veth",
        "peer",
        "name",
        "route",
        "addr",
        "neigh",
        "via",
        "10.0.0.1",
        "10.0.0.0/8",
        "-n",
        "netns",
        "exec",
        "mtu",
        "-1",
        "sysctl",
        "-w",
        "a=b",
        "echo",
        ">",
        "/proc/sys/x",
        ";",
        "&&",
        "'",
        "\"",
        "\\",
        "#",
        "é",
        "\u{0}",
        "99999999999999999999",
        "bridge_slave",
        "state",
        "fdb",
        "master",
        "help",
        "",
        "0x",
        "/",
        "\n",
    ];
    let mut streams = Streams::new(2);
    let id = streams.named("lines");
    let mut errors = 0;
    for _ in 0..50_000 {
        let n = streams.below(id, 12);
        let line: Vec<&str> = (0..n).map(|_| words[streams.below(id, words.len() as u64) as usize]).collect();
        let line = line.join(if streams.below(id, 8) == 0 { "" } else { " " });
        if let Err(e) = parse(&line) {
            errors += 1;
            assert!(e.column >= 1 && e.column <= line.chars().count() + 1 && e.width >= 1, "{line:?}: {e:?}");
        }
    }
    assert!(errors > 10_000);
    let nested = "ip netns exec a ".repeat(4_000);
    assert!(parse(&nested).is_err());
    assert!(parse(&"sudo ".repeat(13_000)).is_err());
    assert!(parse(&"x".repeat(100_000)).is_err());
}
