//! What a bridge does with frames and requests. States and texts were compared with a 6.18 kernel.

use super::fdb_lines;
use crate::{
    cost::Costs,
    drivers::Config,
    kernel::{
        NsId, RtnlOp, dev,
        observe::{Step, StepKind},
        rtnl::{
            LinkAttrs,
            testing::{Lab, m},
        },
    },
    packet::Mac,
    world::World,
};
use sim_core::time::{Span, Time};

const GROUP: Mac = Mac([0x01, 0x00, 0x5e, 0, 0, 9]);

/// Bridge br0 in `a` with ports p1, p2, p3, all up; their MACs end in 11, 12, 13, the bridge's is set to ff.
fn three() -> Lab {
    let mut lab = Lab::new();
    lab.run("a link add br0 address 02:00:00:00:00:ff type bridge mcast_snooping 0\n a link set br0 up");
    for i in 1..=3 {
        lab.run(&format!(
            "a link add p{i} address 02:00:00:00:00:1{i} type veth peer name q{i} netns b
             a link set p{i} up\n b link set q{i} up\n a link set p{i} master br0"
        ));
    }
    lab.at(1_000);
    lab
}

fn reserved(last: u8) -> Mac {
    Mac([0x01, 0x80, 0xc2, 0, 0, last])
}

/// BR-45, BR-26, BR-28: newest port first, local delivery last; what was learned is forwarded.
#[test]
fn flood_learn_forward() {
    let mut lab = three();
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    assert_eq!(lab.seen(), ["p1 in", "p3 out", "p2 out", "br0 in"]);
    lab.receive("a", "p2", m(2), m(1), 60);
    assert_eq!(lab.seen(), ["p2 in", "p1 out"]);
    lab.receive("a", "p1", m(1), m(2), 60);
    assert_eq!(lab.seen(), ["p1 in", "p2 out"]);
    lab.receive("a", "p1", m(1), m(99), 60);
    assert_eq!(lab.seen(), ["p1 in", "p3 out", "p2 out"]);
    let fdb = lab.fdb("a");
    assert!(fdb.contains(&"02:00:00:00:00:02 dev p2 master br0".to_owned()), "{fdb:?}");
    // The station moves (BR-34).
    lab.receive("a", "p3", m(1), m(2), 60);
    assert!(lab.fdb("a").contains(&"02:00:00:00:00:01 dev p3 master br0".to_owned()));
}

/// BR-30: the bridge counts what it receives without the Ethernet header, what it sends with it.
#[test]
fn counters() {
    let mut lab = three();
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 42);
    lab.send("a", "br0", m(0xff), m(1), 60);
    let s = lab.k.devs[lab.dev("a", "br0")].stats;
    assert_eq!((s.rx_packets, s.rx_bytes, s.tx_packets, s.tx_bytes), (1, 28, 1, 60));
    lab.receive("a", "p1", m(1), GROUP, 42);
    assert_eq!(lab.k.devs[lab.dev("a", "br0")].cold.multicast, 1);
}

/// BR-21, BR-22, BR-24 and the reasons of lost frames.
#[test]
fn what_is_dropped() {
    let mut lab = three();
    lab.receive("a", "p1", GROUP, m(2), 60);
    lab.receive("a", "p1", Mac::ZERO, m(2), 60);
    lab.receive("a", "p1", m(1), reserved(1), 60);
    assert_eq!(lab.drops(), ["MAC_INVALID_SOURCE br_handle_frame p1", "MAC_IEEE_MAC_CONTROL br_handle_frame p1"]);
    lab.seen();
    // Without STP its frames are forwarded; LLDP and others are for the port's own stack, which learns first.
    lab.receive("a", "p1", m(1), reserved(0), 60);
    assert_eq!(lab.seen(), ["p1 in", "p3 out", "p2 out", "br0 in"]);
    lab.receive("a", "p1", m(7), reserved(0xe), 60);
    assert_eq!(lab.seen(), ["p1 in"]);
    assert!(lab.fdb("a").contains(&"02:00:00:00:00:07 dev p1 master br0".to_owned()));
    assert!(lab.drops().contains(&"UNHANDLED_PROTO netif_receive_skb p1".to_owned()));
    lab.run("a link set br0 type bridge group_fwd_mask 0x4000");
    lab.receive("a", "p1", m(1), reserved(0xe), 60);
    assert_eq!(lab.seen().len(), 4);
    // A port that does not forward.
    lab.run("a link set p1 type bridge_slave state 1");
    lab.receive("a", "p1", m(8), m(2), 60);
    lab.run("a link set p1 type bridge_slave state 2");
    lab.receive("a", "p1", m(9), m(2), 60);
    assert!(lab.drops().contains(&"BRIDGE_INGRESS_STP_STATE br_handle_frame p1".to_owned()));
    let fdb = lab.fdb("a").join("\n");
    assert!(!fdb.contains(":08") && fdb.contains(":09"), "a learning port learns, a listening one doesn't: {fdb}");
}

/// BR-28, BR-29: frames for the bridge's own addresses go up and nowhere else.
#[test]
fn local_delivery() {
    let mut lab = three();
    for dst in [m(0xff), m(0x11), m(0x12)] {
        lab.receive("a", "p1", m(1), dst, 60);
        assert_eq!(lab.seen(), ["p1 in", "br0 in"]);
    }
    // A user's permanent entry is local, too (BR-39).
    lab.run("a fdb add 02:00:00:00:00:55 dev p2 master permanent");
    lab.receive("a", "p1", m(1), m(0x55), 60);
    assert_eq!(lab.seen(), ["p1 in", "br0 in"]);
    // A promiscuous bridge hears all.
    lab.run("a link set br0 promisc on");
    lab.receive("a", "p2", m(2), m(1), 60);
    assert_eq!(lab.seen(), ["p2 in", "p1 out", "br0 in"]);
}

/// BR-42, BR-43: back to where it came from only with hairpin; isolated ports don't talk to each other.
#[test]
fn hairpin_and_isolated() {
    let mut lab = three();
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    lab.seen();
    lab.receive("a", "p1", m(2), m(1), 60);
    assert_eq!(lab.seen(), ["p1 in"]);
    assert_eq!(lab.drops().pop().as_deref(), Some("NOT_SPECIFIED br_handle_frame p1"));
    lab.run("a link set p1 type bridge_slave hairpin on");
    lab.receive("a", "p1", m(2), m(1), 60);
    assert_eq!(lab.seen(), ["p1 in", "p1 out"]);
    lab.run("a link set p1 type bridge_slave isolated on hairpin off\n a link set p2 type bridge_slave isolated on");
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    assert_eq!(lab.seen(), ["p1 in", "p3 out", "br0 in"]);
    lab.send("a", "br0", m(0xff), Mac::BROADCAST, 60);
    assert_eq!(lab.seen(), ["br0 out", "p3 out", "p2 out", "p1 out"]);
}

/// BR-44: what a flood leaves out. The bridge's own broadcasts and groups are never left out, its unknown unicasts are.
#[test]
fn flood_flags() {
    let mut lab = three();
    lab.run("a link set p3 type bridge_slave flood off mcast_flood off bcast_flood off");
    for (dst, up) in [(m(99), false), (GROUP, true), (Mac::BROADCAST, true)] {
        lab.receive("a", "p1", m(1), dst, 60);
        let mut want = vec!["p1 in", "p2 out"];
        want.extend(up.then_some("br0 in"));
        assert_eq!(lab.seen(), want);
    }
    lab.send("a", "br0", m(0xff), m(99), 60);
    assert_eq!(lab.seen(), ["br0 out", "p2 out", "p1 out"]);
    lab.send("a", "br0", m(0xff), GROUP, 60);
    assert_eq!(lab.seen(), ["br0 out", "p3 out", "p2 out", "p1 out"]);
    lab.run("a link set p2 type bridge_slave flood off");
    lab.receive("a", "p1", m(1), m(99), 60);
    assert!(lab.drops().contains(&"NO_TX_TARGET br_handle_frame p1".to_owned()));
}

/// BR-46: four bytes more than the MTU pass, five don't.
#[test]
fn too_long_for_a_port() {
    let mut lab = three();
    lab.run("a link set p2 mtu 1400");
    lab.receive("a", "p2", m(2), Mac::BROADCAST, 60);
    lab.seen();
    lab.receive("a", "p1", m(1), m(2), 1404 + 14);
    assert_eq!(lab.seen(), ["p1 in", "p2 out"]);
    lab.receive("a", "p1", m(1), m(2), 1405 + 14);
    assert_eq!(lab.seen(), ["p1 in"]);
    assert_eq!(lab.drops().pop().as_deref(), Some("NOT_SPECIFIED br_forward p2"));
    assert_eq!(lab.k.devs[lab.dev("a", "p2")].stats.tx_dropped, 0);
}

/// BR-48, BR-49: to itself a bridge can't send, and to a port's own address it sends out of that port.
#[test]
fn sending_to_own_addresses() {
    let mut lab = three();
    lab.send("a", "br0", m(0xff), m(0xff), 60);
    assert_eq!(lab.seen(), ["br0 out"]);
    assert_eq!(lab.drops(), ["NOT_SPECIFIED br_dev_xmit br0"]);
    lab.send("a", "br0", m(0xff), m(0x12), 60);
    assert_eq!(lab.seen(), ["br0 out", "p2 out"]);
}

/// BR-35 to 39: kinds of entries and how they are printed, newest first.
#[test]
fn entries() {
    let mut lab = three();
    lab.run(
        "a fdb add 02:00:00:00:00:61 dev p1 master static
         a fdb add 02:00:00:00:00:62 dev p1 master dynamic
         a fdb add 02:00:00:00:00:63 dev p1 master permanent",
    );
    assert_eq!(
        lab.fdb("a"),
        [
            "02:00:00:00:00:ff dev br0 master br0 permanent",
            "02:00:00:00:00:63 dev p1 master br0 permanent",
            "02:00:00:00:00:62 dev p1 master br0",
            "02:00:00:00:00:61 dev p1 master br0 static",
            "02:00:00:00:00:11 dev p1 master br0 permanent",
            "02:00:00:00:00:12 dev p2 master br0 permanent",
            "02:00:00:00:00:13 dev p3 master br0 permanent",
        ]
    );
    for (command, text) in [
        ("fdb add 02:00:00:00:00:61 dev p2 master static", "RTNETLINK answers: File exists"),
        ("fdb add 00:00:00:00:00:00 dev p1 master static", "RTNETLINK answers: Invalid argument"),
        ("fdb add 02:00:00:00:00:64 dev br0 master static", "RTNETLINK answers: Operation not supported"),
        ("fdb add 02:00:00:00:00:64 dev lo master static", "Error: FDB add only supported for Ethernet devices."),
        ("fdb del 02:00:00:00:00:61 dev lo master", "Error: FDB delete only supported for Ethernet devices."),
        ("fdb del 02:00:00:00:00:61 dev p2 master", "RTNETLINK answers: No such file or directory"),
        ("fdb del 02:00:00:00:00:64 dev p1 master", "RTNETLINK answers: No such file or directory"),
    ] {
        assert_eq!(lab.ip("a", command).expect_err(command), text);
    }
    // A static entry moves with its station (BR-35), a local one never does (BR-34).
    lab.receive("a", "p2", m(0x61), m(0xff), 60);
    lab.receive("a", "p2", m(0x63), m(0xff), 60);
    let fdb = lab.fdb("a");
    assert!(fdb.contains(&"02:00:00:00:00:61 dev p2 master br0 static".to_owned()));
    assert!(fdb.contains(&"02:00:00:00:00:63 dev p1 master br0 permanent".to_owned()));
    // BR-19: a port that goes down forgets what it learned, only that.
    lab.run("a link set p1 down\n a link set p2 down");
    assert_eq!(
        lab.ip("a", "fdb add 02:00:00:00:00:65 dev p1 master dynamic").expect_err("down"),
        "RTNETLINK answers: Operation not permitted"
    );
    let fdb = lab.fdb("a").join("\n");
    assert!(!fdb.contains(":62 ") && fdb.contains(":61 ") && fdb.contains(":63 "), "{fdb}");
    lab.run("a fdb del 02:00:00:00:00:61 dev p2 master\n a link set p1 nomaster");
    assert_eq!(lab.fdb("a").len(), 3);
}

/// BR-3, BR-6, BR-40: whose address is whose.
#[test]
fn addresses_follow_the_ports() {
    let mut lab = Lab::new();
    lab.run("a link add br0 type bridge");
    let own = lab.mac("a", "br0");
    assert_eq!(lab.fdb("a"), [format!("{own} dev br0 master br0 permanent")]);
    lab.run(
        "a link add p1 address 02:00:00:00:00:05 master br0 type veth peer name q1
         a link add p2 address 02:00:00:00:00:03 master br0 type veth peer name q2",
    );
    assert_eq!(lab.mac("a", "br0"), "02:00:00:00:00:03");
    let both = ["02:00:00:00:00:05 dev p1 master br0 permanent", "02:00:00:00:00:03 dev p2 master br0 permanent"];
    assert_eq!(lab.fdb("a"), both);
    // Another port with the same address inherits the entry.
    lab.run("a link set p1 address 02:00:00:00:00:03");
    assert_eq!(lab.fdb("a"), ["02:00:00:00:00:03 dev p2 master br0 permanent"]);
    lab.run("a link set p2 nomaster");
    assert_eq!(lab.fdb("a"), ["02:00:00:00:00:03 dev p1 master br0 permanent"]);
    lab.run("a link set p1 nomaster");
    assert_eq!((lab.mac("a", "br0"), lab.fdb("a")), ("00:00:00:00:00:00".to_owned(), vec![]));
    lab.run("a link set br0 address 02:00:00:00:00:09\n a link set p1 master br0");
    assert_eq!(lab.mac("a", "br0"), "02:00:00:00:00:09");
}

/// BR-8
#[test]
fn mtu_follows_the_ports() {
    let mut lab = Lab::new();
    lab.run("a link add br0 mtu 1400 type bridge\n a link add p1 mtu 1300 type veth peer name q1");
    let mtu = |lab: &Lab| lab.k.devs[lab.dev("a", "br0")].mtu;
    assert_eq!(mtu(&lab), 1400);
    lab.run("a link set p1 master br0");
    assert_eq!(mtu(&lab), 1300);
    lab.run("a link set p1 mtu 1250");
    assert_eq!(mtu(&lab), 1250);
    lab.run("a link set p1 nomaster");
    assert_eq!(mtu(&lab), 1500);
    // The same MTU again is nothing, another one is the user's for ever.
    lab.run("a link set br0 mtu 1500\n a link set p1 master br0");
    assert_eq!(mtu(&lab), 1250);
    lab.run("a link set br0 mtu 1600\n a link set p1 mtu 900");
    assert_eq!(mtu(&lab), 1600);
}

/// BR-4, BR-5, BR-12, BR-18, BR-19
#[test]
fn carrier_and_port_states() {
    let mut lab = Lab::new();
    lab.run(
        "a link add br0 up type bridge
         a link add br1 up address 02:00:00:00:00:01 type bridge
         a link add br2 up type bridge priority 5",
    );
    let (none, lost) = ("BROADCAST,MULTICAST,UP,LOWER_UP UNKNOWN", "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN");
    assert_eq!([lab.state("a", "br0"), lab.state("a", "br1"), lab.state("a", "br2")], [none, lost, lost]);
    lab.run("a link add p1 type veth peer name q1\n a link set p1 master br0");
    assert_eq!((lab.state("a", "br0").as_str(), lab.port("a", "p1").as_str()), (lost, "disabled"));
    lab.run("a link set p1 up\n a link set q1 up");
    let up = "BROADCAST,MULTICAST,UP,LOWER_UP UP";
    assert_eq!((lab.state("a", "br0").as_str(), lab.port("a", "p1").as_str()), (up, "forwarding"));
    let down = "RTNETLINK answers: Network is down";
    lab.run("a link set p1 type bridge_slave state 4");
    assert_eq!(lab.port("a", "p1"), "forwarding", "without STP nobody blocks for long");
    lab.run("a link set p1 type bridge_slave state 0");
    assert_eq!(lab.port("a", "p1"), "forwarding", "NETDEV_CHANGE enables it again");
    lab.run("a link set p1 type bridge_slave state 2");
    assert_eq!((lab.state("a", "br0").as_str(), lab.port("a", "p1").as_str()), (lost, "learning"));
    lab.run("a link set q1 down");
    assert_eq!(lab.port("a", "p1"), "disabled");
    assert_eq!(lab.ip("a", "link set p1 type bridge_slave state 3").expect_err("no carrier"), down);
    lab.run("a link set p1 type bridge_slave state 0\n a link set q1 up");
    assert_eq!(lab.port("a", "p1"), "forwarding");
    lab.run("a link set br0 down");
    assert_eq!(lab.port("a", "p1"), "disabled");
    lab.run("a link set br0 up");
    assert_eq!((lab.state("a", "br0").as_str(), lab.port("a", "p1").as_str()), (up, "forwarding"));
    lab.run("a link set p1 nomaster");
    assert_eq!(lab.state("a", "br0"), lost);
}

/// BR-9: who can't be a port; a port can be taken over.
#[test]
fn enslaving() {
    let mut lab = Lab::new();
    lab.run(
        "a link add br0 type bridge
         a link add br1 type bridge
         a link add p1 master br0 type veth peer name q1
         a link add p2 master br0 type veth peer name q2",
    );
    for (command, text) in [
        ("link set lo master br0", "RTNETLINK answers: Invalid argument"),
        ("link set br1 master br0", "Error: Can not enslave a bridge to a bridge."),
        ("link set q1 master q2", "RTNETLINK answers: Operation not supported"),
        ("link add bx master br0 type bridge", "Error: Can not enslave a bridge to a bridge."),
        ("link set p1 type bridge_slave cost 0", "RTNETLINK answers: Numerical result out of range"),
        ("link set p1 type bridge_slave priority 64", "RTNETLINK answers: Numerical result out of range"),
        ("link set p1 type bridge_slave state 9", "RTNETLINK answers: Invalid argument"),
        ("link set p1 type bridge_slave state 300", "Error: argument \"300\" is wrong: state is invalid"),
        ("link set p1 type bridge_slave vlan_tunnel on", "bridge_slave: vlan_tunnel on is not supported yet"),
        ("link set br0 type bridge foo 1", "bridge: unknown command \"foo\"?"),
        ("link set br0 type bridge priority 70000", "Error: argument \"70000\" is wrong: invalid priority"),
        ("link set br0 type bridge hello_time 1", "RTNETLINK answers: Numerical result out of range"),
        ("link set br0 type bridge group_fwd_mask 1", "RTNETLINK answers: Invalid argument"),
    ] {
        assert_eq!(lab.ip("a", command).expect_err(command), text);
    }
    assert!(!lab.names("a").contains(&"bx".to_owned()));
    lab.run("a link set p1 master br0\n a link set p1 master br1\n a link set p2 nomaster\n a link set p2 master br1");
    let (p1, p2, br1) = (lab.dev("a", "p1"), lab.dev("a", "p2"), lab.dev("a", "br1"));
    let port = |d| (lab.k.devs[d].master, lab.k.devs[d].port, lab.k.devs[d].cold.allmulti);
    assert_eq!((port(p1), port(p2)), ((Some(br1), 1, 1), (Some(br1), 2, 1)));
}

/// BR-9: 1023 ports, the lowest free number each.
#[test]
fn a_bridge_is_full() {
    let mut lab = Lab::new();
    lab.run("a link add br0 type bridge");
    for i in 0..1023 {
        lab.run(&format!("a link add p{i} master br0 type dummy"));
    }
    let full = lab.ip("a", "link add one master br0 type dummy").expect_err("full");
    assert_eq!(full, "RTNETLINK answers: Exchange full");
    assert!(lab.k.dev_by_name(lab.id("a"), "one").is_none());
    lab.run("a link del p7\n a link add one master br0 type dummy");
    assert_eq!(lab.k.devs[lab.dev("a", "one")].port, 8);
}

/// BR-36, BR-37: an entry is used until it is collected, and it is collected when the work comes by.
#[test]
fn ageing() {
    let mut lab = three();
    let br0 = lab.dev("a", "br0");
    lab.run("a link set br0 type bridge ageing_time 100");
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    let entry = |lab: &mut Lab| lab.fdb("a").into_iter().find(|l| l.contains("00:01 "));
    lab.at(1_999);
    assert_eq!(entry(&mut lab).as_deref(), Some("02:00:00:00:00:01 dev p1 master br0"));
    super::cleanup(&mut lab.k, &mut lab.cx, br0);
    lab.at(2_000);
    assert_eq!(entry(&mut lab).as_deref(), Some("02:00:00:00:00:01 dev p1 master br0 stale"));
    lab.seen();
    lab.receive("a", "p2", m(2), m(1), 60);
    assert_eq!(lab.seen(), ["p2 in", "p1 out"], "still forwarded by it");
    super::cleanup(&mut lab.k, &mut lab.cx, br0);
    assert_eq!(entry(&mut lab), None);
    assert!(super::state(&lab.k, br0).gc.is_some());
    lab.run("a link set br0 down");
    assert!(super::state(&lab.k, br0).gc.is_none());
    // Ageing 0 is a hub.
    lab.run("a link set br0 type bridge ageing_time 0\n a link set br0 up");
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    assert_eq!(entry(&mut lab), None);
}

/// Times are kept in ticks, rounded down both ways.
#[test]
fn settings_read_back() {
    let mut lab = Lab::new();
    lab.run("a link add br0 type bridge forward_delay 1 hello_time 0x96 ageing_time 0144");
    let shown = crate::drivers::config(&lab.k, lab.dev("a", "br0")).shown();
    let get = |word: &str| shown.iter().find(|s| s.0 == word).map(|s| s.1.as_str());
    assert_eq!((get("forward_delay"), get("hello_time"), get("ageing_time")), (Some("0"), Some("150"), Some("100")));
    assert_eq!((get("max_age"), get("priority")), (Some("2000"), Some("32768")));
}

/// BR-36, TIME-2: the cleanup comes by on the timer wheel. A second of ageing is 250 ticks at HZ=250, and granules of
/// eight: 1.024 s.
#[test]
fn ageing_on_the_wheel() {
    let mut w = World::new(Costs::flat("zero", 0), 1);
    w.add_host("h", 1, 250);
    w.hosts[0].at(Time::ZERO, |k, cx| {
        let mut bridge = Config::of_kind("bridge").expect("a driver");
        bridge.set("ageing_time", "100").expect("a setting");
        let link = |name: &str, config, master: Option<&str>| {
            let attrs = LinkAttrs { up: Some(true), master: master.map(|m| Some(m.into())), ..LinkAttrs::default() };
            RtnlOp::NewLink { name: name.into(), attrs, config }
        };
        let dummy = || Config::of_kind("dummy").expect("a driver");
        for op in [link("br0", bridge, None), link("p1", dummy(), Some("br0")), link("p2", dummy(), Some("br0"))] {
            k.rtnl(cx, NsId::ROOT, &op).expect("allowed");
        }
        let mut skb = cx.alloc();
        (skb.frame.src, skb.frame.dst) = (m(1), Mac::BROADCAST);
        skb.meta.dev = k.dev_by_name(NsId::ROOT, "p1").expect("made");
        dev::netif_receive_skb(k, cx, skb);
    });
    let mut known_at = |ms: u64| {
        w.run_until(Time::ZERO + Span::from_ms(ms)).expect("within its budgets");
        fdb_lines(&w.hosts[0].kernel, NsId::ROOT, 0).iter().any(|l| l == "02:00:00:00:00:01 dev p1 master br0")
    };
    assert!(known_at(1_023));
    assert!(!known_at(1_100));
}

/// What the walk says.
#[test]
fn in_the_walk() {
    let mut lab = three();
    let mut notes = |dst: Mac, from: &str, src: Mac| {
        lab.cx.obs.walk.clear();
        let rx = lab.dev("a", from);
        let mut skb = lab.cx.alloc();
        (skb.frame.src, skb.frame.dst, skb.meta.dev, skb.meta.traced) = (src, dst, rx, true);
        dev::netif_receive_skb(&mut lab.k, &mut lab.cx, skb);
        let text = |s: &Step| match &s.what {
            StepKind::Note { text, .. } => Some(text.clone()),
            _ => None,
        };
        lab.cx.obs.walk.iter().filter_map(text).filter(|t| !t.contains("backlog")).collect::<Vec<_>>()
    };
    assert_eq!(
        notes(Mac::BROADCAST, "p1", m(1)),
        [
            "fdb: learned 02:00:00:00:00:01 dev p1 master br0",
            "flood to 2 ports, and up to this host",
            "14 bytes into the buffer of b/q3",
            "14 bytes into the buffer of b/q2",
        ]
    );
    assert_eq!(
        notes(m(1), "p2", m(2)),
        [
            "fdb: learned 02:00:00:00:00:02 dev p2 master br0",
            "? fdb 02:00:00:00:00:01 dev p1 master br0, age 0.0 s",
            "14 bytes into the buffer of b/q1",
        ]
    );
    assert_eq!(
        notes(m(9), "p3", m(2)),
        [
            "fdb: 02:00:00:00:00:02 moved from p2 to p3",
            "? fdb 02:00:00:00:00:09: no entry in br0",
            "flood to 2 ports",
            "14 bytes into the buffer of b/q2",
            "14 bytes into the buffer of b/q1",
        ]
    );
    assert_eq!(notes(m(0xff), "p3", m(2)), ["? fdb 02:00:00:00:00:ff dev br0 master br0 permanent"]);
    assert_eq!(
        notes(m(0xff), "p3", m(0x11))[0],
        "received on p3 with own address as source address (02:00:00:00:00:11)"
    );
}
