//! What lines mean.

mod errors;
mod lower;

use super::*;
use sim_models::drivers::{
    Config,
    veth::{Peer, VethConfig},
};
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
fn settings_of_drivers() {
    let want = |settings: &[(&str, &str)]| {
        let mut config = Config::of_kind("bridge").unwrap();
        settings.iter().for_each(|(word, value)| config.set(word, value).unwrap());
        RtnlOp::NewLink { name: "br0".to_owned(), attrs: LinkAttrs::default(), config }
    };
    let line = "ip link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0";
    assert_eq!(op(line), want(&[("forward_delay", "0"), ("stp_state", "0"), ("mcast_snooping", "0")]));
    // `mcast_q` is mcast_query_use_ifaddr first, `mcast_s` mcast_snooping.
    assert_eq!(
        op("ip link add br0 type bridge age 0x64 mcast_s 0"),
        want(&[("ageing_time", "100"), ("mcast_snooping", "0")])
    );
    let kind_args = vec![("ageing_time".to_owned(), "100".to_owned())];
    let attrs = LinkAttrs { kind_args, ..LinkAttrs::default() };
    assert_eq!(op("ip link set br0 type bridge ageing 100"), set("br0", attrs));
}

#[test]
fn pairs() {
    let veth = |peer| Config::Veth(VethConfig { peer });
    let new = |config| RtnlOp::NewLink { name: "v0".to_owned(), attrs: LinkAttrs::default(), config };
    assert_eq!(op("ip link add v0 type veth"), new(veth(None)));
    assert_eq!(op("ip link add v0 type veth peer"), new(veth(Some(Box::default()))));
    let attrs = LinkAttrs { address: Some(Mac([2, 0, 0, 0, 0, 2])), mtu: Some(1400), ..LinkAttrs::default() };
    let peer = Peer { name: some("eth0"), netns: some("c1"), attrs };
    for line in [
        "ip link add v0 type veth peer name eth0 address 02:00:00:00:00:02 netns c1 mtu 1400",
        "ip link add v0 type veth peer eth0 netns c1 mtu 1400 address 2:0:0:0:0:2",
    ] {
        assert_eq!(op(line), new(veth(Some(Box::new(peer.clone())))), "{line}");
    }
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
