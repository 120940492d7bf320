//! The texts and numbers here were taken from a 6.18 kernel with iproute2 6.1.

use super::testing::{Lab, m};
use crate::kernel::rtnl::RtnlOp;

fn lab(commands: &str) -> Lab {
    let mut lab = Lab::new();
    lab.run(commands);
    lab
}

#[track_caller]
fn refused(lab: &mut Lab, ns: &str, command: &str, text: &str) {
    assert_eq!(lab.ip(ns, command).expect_err(command), text, "{command}");
}

/// DEV-1, DEV-4
#[test]
fn names() {
    let mut lab = lab("a link add x type veth peer name y");
    let bad = |name: &str, word: &str| format!("Error: argument \"{name}\" is wrong: \"{word}\" not a valid ifname");
    for name in ["a:b", ".", "..", "b%s", "b%d%d"] {
        refused(&mut lab, "a", &format!("link add {name} type bridge"), "RTNETLINK answers: Invalid argument");
    }
    refused(&mut lab, "a", "link add a/b type bridge", &bad("a/b", "dev"));
    refused(&mut lab, "a", "link set x name a/b", &bad("a/b", "name"));
    refused(&mut lab, "a", "link add abcdefghijklmnop type bridge", "Error: Attribute failed policy validation.");
    refused(&mut lab, "a", "link set x name abcdefghijklmnop", &bad("abcdefghijklmnop", "name"));
    refused(&mut lab, "a", "link add q type veth peer name abcdefghijklmnop", &bad("abcdefghijklmnop", "name"));
    for taken in ["link add x type bridge", "link add q type veth peer name y", "link add q type veth peer name q"] {
        refused(&mut lab, "a", taken, "RTNETLINK answers: File exists");
    }
    refused(&mut lab, "a", "link set x name y", "RTNETLINK answers: File exists");
    lab.run(
        "a link add abcdefghijklmno type bridge
         a link add b%d type bridge
         a link add b%d type bridge
         a link add - type bridge
         a link add - type veth peer
         a link add n type veth peer
         a link set b0 name z%d
         a link add b%d type bridge",
    );
    // An unnamed peer is registered first, so it gets the lower number.
    let names = ["lo", "y", "x", "abcdefghijklmno", "z0", "b1", "bridge0", "veth0", "veth1", "veth2", "n", "b0"];
    assert_eq!(lab.names("a"), names);
}

/// DEV-2, DEV-3: a number is used up even by a device that was unregistered again.
#[test]
fn numbers_are_not_reused() {
    let mut lab = lab("a link add x type veth peer name y");
    assert_eq!((lab.link("a", "y").get(..2), lab.link("a", "x").get(..2)), (Some("2:"), Some("3:")));
    assert!(lab.ip("a", "link add q type veth peer name q").is_err());
    lab.run("a link del x\n a link add z type bridge");
    assert_eq!(lab.link("a", "z").get(..2), Some("5:"));
}

/// 02:00:HH:HH:DD:DD by order of creation; a number for those that were given an address, too.
#[test]
fn mac_addresses() {
    let mut lab = lab("a link add x type veth peer name y netns b
         a link add br0 type bridge
         a link add g address 02:00:00:00:00:77 type bridge
         root link add d type dummy");
    let macs =
        [("b", "y"), ("a", "x"), ("a", "br0"), ("a", "g"), ("root", "d"), ("root", "lo")].map(|d| lab.mac(d.0, d.1));
    let host1 = |n: u8| format!("02:00:00:01:00:{n:02x}");
    assert_eq!(macs, [host1(1), host1(2), host1(3), "02:00:00:00:00:77".into(), host1(5), "00:00:00:00:00:00".into()]);
    lab.k.next_mac = 65_535;
    lab.run("a link add br1 type bridge");
    assert_eq!(lab.mac("a", "br1"), "02:01:00:01:00:00");
}

/// What `ip` looks up before it asks.
#[test]
fn lookups() {
    let mut lab = lab("a link add x type veth peer name y");
    for (command, text) in [
        ("link del nope", "Cannot find device \"nope\""),
        ("link set nope up", "Cannot find device \"nope\""),
        ("link set x master nope", "Error: argument \"nope\" is wrong: Device does not exist"),
        ("link set nope master nope", "Error: argument \"nope\" is wrong: Device does not exist"),
        ("link add q master nope type bridge", "Error: argument \"nope\" is wrong: Device does not exist"),
        ("link set x netns nope", "Error: argument \"nope\" is wrong: Invalid \"netns\" value"),
        ("link add q type veth peer name z netns nope", "Error: argument \"nope\" is wrong: Invalid \"netns\" value"),
        ("link set x type bridge_slave foo 1", "bridge_slave: unknown option \"foo\"?"),
        (
            "link set x type bridge_slave hairpin 1",
            "Error: argument of \"hairpin\" must be one of \"off\", \"on\", not \"1\"",
        ),
        ("link set x type bridge_slave cost x", "Error: argument \"x\" is wrong: cost is invalid"),
        ("link set x type bridge_slave cost 5", "RTNETLINK answers: Operation not supported"),
        ("fdb add 02:00:00:00:00:01 dev nope master static", "Cannot find device \"nope\""),
    ] {
        refused(&mut lab, "a", command, text);
    }
    assert!(lab.names("a") == ["lo", "y", "x"]);
}

/// DEV-6, DEV-7, DEV-35
#[test]
fn mtu() {
    let mut lab = lab("a link add x type veth peer name y\n a link add d type dummy");
    let (less, more) = ("Error: mtu less than device minimum.", "Error: mtu greater than device maximum.");
    refused(&mut lab, "a", "link set x mtu 67", less);
    refused(&mut lab, "a", "link set x mtu 65536", more);
    refused(&mut lab, "a", "link add b mtu 67 type bridge", less);
    refused(&mut lab, "a", "link add b mtu 65536 type bridge", more);
    // veth's own check comes before all others and says no more.
    refused(&mut lab, "a", "link add x mtu 67 type veth peer name z", "RTNETLINK answers: Invalid argument");
    refused(&mut lab, "a", "link add q type veth peer name z mtu 65536", "RTNETLINK answers: Invalid argument");
    lab.run("a link set x mtu 68\n a link set lo mtu 10\n a link set d mtu 1\n a link set d mtu 100000");
    assert_eq!(lab.k.devs[lab.dev("a", "x")].mtu, 68);
}

/// DEV-8: below 68 bytes IPv4 goes, with the addresses; it comes back without them.
#[test]
fn a_small_mtu_ends_ipv4() {
    let mut lab = lab("a link add d type dummy\n a link set d up");
    let d = lab.dev("a", "d");
    let addr = crate::kernel::rtnl::IfAddr::new(crate::packet::Prefix::new(0x0a00_0001, 24));
    let ns = lab.id("a");
    lab.k.rtnl(&mut lab.cx, ns, &RtnlOp::NewAddr { dev: "d".into(), addr }).expect("an address");
    let count = |lab: &Lab| (lab.k.net(ns).addrs.on(d).len(), lab.k.devs[d].cold.in_device);
    assert_eq!(count(&lab), (1, true));
    lab.run("a link set d mtu 67");
    assert_eq!(count(&lab), (0, false));
    lab.run("a link set d mtu 68");
    assert_eq!(count(&lab), (0, true));
}

/// The kernel's order: address, MTU, name, flags, master. What came before the error stays done.
#[test]
fn order_of_changes() {
    let mut lab = lab("a link add b0 type bridge\n a link add b1 type bridge\n a link add x type veth peer name y");
    refused(&mut lab, "a", "link set b1 up master b0", "Error: Can not enslave a bridge to a bridge.");
    assert_eq!(lab.state("a", "b1"), "BROADCAST,MULTICAST,UP,LOWER_UP UNKNOWN");
    let busy = "RTNETLINK answers: Cannot assign requested address";
    refused(&mut lab, "a", "link set x mtu 1300 address 01:00:00:00:00:01", busy);
    refused(&mut lab, "a", "link set x name y mtu 1400", "RTNETLINK answers: File exists");
    assert_eq!(lab.k.devs[lab.dev("a", "x")].mtu, 1400);
    refused(&mut lab, "a", "link set x txqueuelen 77 master y", "RTNETLINK answers: Operation not supported");
    assert_eq!(lab.k.devs[lab.dev("a", "x")].cold.tx_queue_len, 1000);
    lab.run("a link set x name z up mtu 1000 address 02:00:00:00:00:09 txqueuelen 7 master b0");
    let line = "5: z@y: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1000 master b0 state LOWERLAYERDOWN 02:00:00:00:00:09";
    assert_eq!(lab.link("a", "z"), line);
}

/// DEV-11, DEV-12, VETH-22
#[test]
fn carrier_of_a_pair() {
    let mut lab = lab("a link add x type veth peer name y\n a link add p type veth peer name q netns b");
    assert_eq!(lab.state("a", "x"), "BROADCAST,MULTICAST DOWN");
    lab.run("a link set x up\n a link set p up");
    assert_eq!(lab.state("a", "x"), "NO-CARRIER,BROADCAST,MULTICAST,UP LOWERLAYERDOWN");
    // Number 2, the other end's, is y's in this namespace: without carrier, too.
    assert_eq!(lab.state("a", "p"), "NO-CARRIER,BROADCAST,MULTICAST,UP LOWERLAYERDOWN");
    lab.run("a link set y up\n b link set q up");
    for (ns, dev) in [("a", "x"), ("a", "y"), ("a", "p"), ("b", "q")] {
        assert_eq!(lab.state(ns, dev), "BROADCAST,MULTICAST,UP,LOWER_UP UP", "{dev}");
        assert!(!lab.k.devs[lab.dev(ns, dev)].noop);
    }
    lab.run("b link set q down");
    // y has a carrier now.
    assert_eq!(lab.state("a", "p"), "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN");
    assert!(lab.k.devs[lab.dev("a", "p")].noop);
    refused(
        &mut lab,
        "a",
        "link add r type veth peer name s up",
        "RTNETLINK answers: Transport endpoint is not connected",
    );
    assert_eq!(lab.names("a"), ["lo", "y", "x", "p"]);
}

/// DEV-29 to 32
#[test]
fn moving() {
    let mut lab = lab("a link add br0 type bridge
         a link add x type veth peer name y
         b link add k type bridge
         a link set x up mtu 1400 master br0
         a link set y up");
    let immutable = "Error: The interface netns is immutable.";
    refused(&mut lab, "a", "link set lo netns b", immutable);
    refused(&mut lab, "a", "link set br0 netns b", immutable);
    lab.run("a link set br0 netns a");
    lab.run("a link set x netns b");
    assert_eq!(lab.link("b", "x"), "4: x@if3: <BROADCAST,MULTICAST> mtu 1400 state DOWN 02:00:00:01:00:03");
    assert_eq!(lab.state("a", "y"), "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN");
    assert_eq!(lab.link("a", "br0").get(..50), Some("2: br0: <BROADCAST,MULTICAST> mtu 1500 state DOWN "));
    // Number 3 is free there, 4 is not: it gets the one after the last that was given, 2.
    lab.run("b link add k2 type bridge\n a link add z%d type veth peer name w");
    lab.run("a link set w netns b\n a link set y netns b");
    assert_eq!(lab.link("b", "w").get(..6), Some("5: w@i"));
    assert_eq!(lab.link("b", "y").get(..6), Some("6: y@x"));
    assert_eq!(crate::drivers::iflink(&lab.k, lab.dev("b", "x")), 6);
    // A name that is taken there.
    lab.run("a link add k type veth peer name l");
    let taken = "Error: An interface with the same name exists in the target netns.";
    refused(&mut lab, "a", "link set k netns b", taken);
    refused(&mut lab, "a", "link set k netns b name k", taken);
    let unable = "Error: Unable to use 'k2' for the new interface name in the target netns.";
    refused(&mut lab, "a", "link set k netns b name k2", unable);
    lab.run("a link set k netns b name k3 up");
    // Its carrier did not change, so linkwatch had no reason to look again: l was seen where k came from.
    assert_eq!(lab.state("b", "k3"), "NO-CARRIER,BROADCAST,MULTICAST,UP LOWERLAYERDOWN");
}

/// DEV-33, DEV-34
#[test]
fn deleting() {
    let mut lab = lab("a link add x type veth peer name y netns b
         b link add br0 type bridge
         b link set y up master br0
         a link set x up
         b link set br0 up");
    refused(&mut lab, "a", "link del lo", "RTNETLINK answers: Operation not supported");
    refused(&mut lab, "a", "link add lo5 type loopback", "Error: Unknown device type.");
    assert_eq!(lab.state("b", "br0"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
    lab.run("a link del x");
    assert_eq!((lab.names("a"), lab.names("b")), (vec!["lo".to_owned()], vec!["lo".into(), "br0".into()]));
    assert_eq!(lab.state("b", "br0"), "NO-CARRIER,BROADCAST,MULTICAST,UP DOWN");
    assert_eq!(lab.mac("b", "br0"), "00:00:00:00:00:00");
    assert!(lab.fdb("b").is_empty());
    lab.run("b link del br0");
    assert_eq!(lab.k.devs.iter().count(), 3);
}

/// A bridge that goes lets its ports go.
#[test]
fn deleting_a_bridge_frees_its_ports() {
    let mut lab = lab("a link add br0 type bridge\n a link add x master br0 type veth peer name y\n a link del br0");
    let d = &lab.k.devs[lab.dev("a", "x")];
    assert_eq!((d.master, d.port, d.cold.promiscuity), (None, 0, 0));
    lab.run("a link add br0 type bridge\n a link set x master br0");
}

/// The driver is loaded when the first device of its kind is asked for.
#[test]
fn drivers_are_loaded_on_request() {
    let lab =
        lab("a link add x type veth peer name y\n b link add br0 type bridge\n a link add z type veth peer name w");
    assert_eq!(lab.k.loaded, ["loopback", "veth", "bridge"]);
}

/// What a device that gives up its address leaves behind.
#[test]
fn flags() {
    let mut lab = lab("a link add x arp off type veth peer name y arp off\n a link set x promisc on allmulticast on");
    let shown = "BROADCAST,MULTICAST,NOARP,ALLMULTI,PROMISC DOWN";
    assert_eq!(lab.state("a", "x"), shown);
    assert_eq!(lab.state("a", "y"), "BROADCAST,MULTICAST,NOARP DOWN");
    lab.run("a link add br0 type bridge\n a link set x master br0 promisc on");
    assert_eq!(lab.k.devs[lab.dev("a", "x")].cold.promiscuity, 2);
    lab.run("a link set x promisc off arp on");
    assert_eq!(lab.k.devs[lab.dev("a", "x")].cold.promiscuity, 1);
    assert_eq!(lab.state("a", "x"), "BROADCAST,MULTICAST,ALLMULTI DOWN");
    let zero = "RTNETLINK answers: Cannot assign requested address";
    refused(&mut lab, "a", "link set x address 00:00:00:00:00:00", zero);
    lab.run("a link set lo address 00:00:00:00:00:00");
}

/// Whatever is asked for, the books agree with each other.
#[test]
fn the_books_agree() {
    for seed in 1..200_u64 {
        let mut lab = Lab::new();
        let mut state = seed;
        let mut pick = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        for _ in 0..60 {
            let (ns, other) = (["a", "b"][pick(2)], ["a", "b"][pick(2)]);
            let (dev, bridge) = (["d0", "d1", "d2", "d3", "br0"][pick(5)], ["br0", "br1"][pick(2)]);
            let mac = m(pick(9) as u8);
            let command = match pick(12) {
                0 => format!("link add {bridge} type bridge"),
                1 => format!("link add {bridge} up address {mac} type bridge"),
                2..=3 => format!("link add {dev} address {mac} type veth peer name d{} netns {other}", pick(4)),
                4 => format!("link del {dev}"),
                5..=6 => format!("link set {dev} {}", ["up", "down"][pick(2)]),
                7 => format!("link set {dev} master {bridge}"),
                8 => format!("link set {bridge} {}", ["up", "down"][pick(2)]),
                9 => format!("link set {dev} netns {other} name d{}", pick(4)),
                10 => format!("link set {dev} address {mac} nomaster"),
                _ => format!("fdb add {} dev {dev} master static", m(pick(20) as u8)),
            };
            let _ = lab.ip(ns, &command);
            check_books(&lab);
        }
    }
}

fn check_books(lab: &Lab) {
    let k = &lab.k;
    let mut listed = 0;
    for net in &k.nets {
        assert!(net.devs.is_sorted_by_key(|d| k.devs[*d].ifindex));
        listed += net.devs.len();
    }
    assert_eq!(listed, k.devs.iter().count());
    for (id, d) in k.devs.iter() {
        assert_eq!(k.dev_by_name(d.ns, d.name()), Some(id));
        assert_eq!(k.dev_by_index(d.ns, d.ifindex), Some(id));
        assert_eq!(d.noop, !(d.is_up() && d.carrier), "{}", d.name());
        assert!(!d.cold.linkwatch, "setup settles at once");
        let iflink = crate::drivers::iflink(k, id);
        match crate::drivers::pair_of(k, id) {
            Some(o) => {
                assert_eq!(crate::drivers::pair_of(k, o), Some(id));
                assert_eq!(iflink, k.devs[o].ifindex);
                assert_eq!(d.carrier, d.is_up() && k.devs[o].is_up());
            }
            None => assert_eq!(iflink, d.ifindex),
        }
        if let Some(br) = d.master {
            assert_eq!(k.devs[br].ns, d.ns);
            assert!(d.port > 0);
        }
    }
}
