//! What is refused, where and with which words.

use super::super::*;
use sim_core::rng::Streams;

/// (line, column, text): what ip and bridge of iproute2 6.1 print for these lines.
const THEIRS: &[(&str, usize, &str)] = &[
    ("ip link set dev eth0 mtu foo", 26, "Error: argument \"foo\" is wrong: Invalid \"mtu\" value"),
    ("ip link set dev eth0 mtu", 25, "Command line is not complete. Try option \"help\""),
    ("ip link set dev eth0 foo", 22, "Error: either \"dev\" is duplicate, or \"foo\" is a garbage."),
    ("ip link set dev eth0 mtu 1 mtu 2", 32, "Error: duplicate \"mtu\": \"2\" is the second value."),
    ("ip link set dev eth0 arp maybe", 26, "Error: argument of \"arp\" must be \"on\" or \"off\", not \"maybe\""),
    ("ip link set mtu 1300", 21, "Not enough information: \"dev\" argument is required."),
    ("ip link add foo", 16, "Not enough information: \"type\" argument is required"),
    ("ip link add foo type nosuch", 22, "Error: Unknown device type."),
    ("ip link add foo type phy", 22, "Error: Unknown device type."),
    ("ip link add name foo dev bar type dummy", 26, "both \"name\" and \"dev\" cannot be used when creating devices."),
    (
        "ip link add name averyveryverylongname type dummy",
        18,
        "Error: argument \"averyveryverylongname\" is wrong: \"name\" not a valid ifname",
    ),
    ("ip link add a/b type dummy", 13, "Error: argument \"a/b\" is wrong: \"dev\" not a valid ifname"),
    ("ip link set eth0 address 02:00", 26, "Invalid address length 2 - must be 6 bytes"),
    ("ip link set eth0 address zz:00:00:00:00:00", 26, "\"zz\" is invalid lladdr."),
    ("ip link add br9 type bridge ageing_time abc", 41, "Error: argument \"abc\" is wrong: invalid ageing_time"),
    ("ip link add br9 type bridge ageing_time", 40, "Command line is not complete. Try option \"help\""),
    (
        "ip link add v0 type veth peer name v1 type dummy",
        44,
        "Error: duplicate \"type\": \"dummy\" is the second value.",
    ),
    ("ip link add v0 type veth peer mtu x", 35, "Error: argument \"x\" is wrong: Invalid \"mtu\" value"),
    ("ip link add br9 type bridge foo 1", 29, "bridge: unknown command \"foo\"?"),
    ("ip link foo", 9, "Command \"foo\" is unknown, try \"ip link help\"."),
    ("ip foo", 4, "Object \"foo\" is unknown, try \"ip help\"."),
    ("ip -foo link", 4, "Option \"-foo\" is unknown, try \"ip -help\"."),
    ("ip addr add 10.0.0.1/24", 24, "Not enough information: \"dev\" argument is required."),
    ("ip addr add 10.0.0.1/24 eth0", 25, "Error: either \"local\" is duplicate, or \"eth0\" is a garbage."),
    ("ip addr add 10.0.0.1/33 dev eth0", 13, "Error: any valid prefix is expected rather than \"10.0.0.1/33\"."),
    ("ip -4 addr add foo dev eth0", 16, "Error: inet prefix is expected rather than \"foo\"."),
    ("ip addr add 10.0.0.1/24 brd foo dev eth0", 29, "Error: inet address is expected rather than \"foo\"."),
    ("ip addr add 10.0.0.1/24 brd + brd - dev eth0", 35, "Error: duplicate \"broadcast\": \"-\" is the second value."),
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
];

/// Our own.
const OURS: &[(&str, usize, &str)] = &[
    ("ip link add v0 type vrf table 10", 21, "not supported: `vrf`"),
    (
        "ip link add br9 type bridge mcast_querier 1",
        43,
        "mcast_querier 1 is not supported yet: bridges send no IGMP queries",
    ),
    ("ip link add br9 type bridge vlan_default_pvid 1", 29, "not supported: `vlan_default_pvid`"),
    ("ip link set p1 type bridge_slave vlan_tunnel on", 46, "not supported: `vlan_tunnel on`"),
    ("bridge link set dev p1 mcast_router 2", 37, "not supported: `mcast_router 2`"),
    ("ip link set v0 type veth peer name x", 26, "not supported: `peer`"),
    ("ip link set eth0 vrf red", 18, "not supported: `vrf`"),
    ("ip route add 10.0.0.0/8 nhid 5", 25, "not supported: `nhid`"),
    ("ip rule add l3mdev", 13, "not supported: `l3mdev`"),
    ("ip route add 10.0.0.0/8 advmss lock 1400", 32, "not supported: `advmss lock`"),
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
];

#[test]
fn errors_are_those_of_the_tools() {
    for (line, column, text) in THEIRS.iter().chain(OURS) {
        let error = parse(line).expect_err(line);
        assert_eq!((error.text.as_str(), error.column), (*text, *column), "{line}");
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
        ("ip link add b0 type bridge agein_time 1", "did you mean `ageing_time`?"),
        ("ip link add d0 type dumy", "did you mean `dummy`?"),
        ("ip route add default via 10.0.0.1; ip route add", "like `default` or `10.0.0.0/24`"),
    ] {
        let help = (!help.is_empty()).then(|| help.to_owned());
        assert_eq!(parse(line).err().and_then(|e| e.help), help, "{line}");
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
