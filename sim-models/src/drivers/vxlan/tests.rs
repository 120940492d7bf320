use super::*;
use crate::kernel::rtnl::testing::{Lab, m};
use crate::packet::{L4, Mac, Net};

/// `a` (10.0.0.1 on `x`) and `b` (10.0.0.2 on `y`) on a veth pair, each with the vxlan device `v` of VNI 42.
fn lab(a: &str, b: &str) -> Lab {
    let mut lab = Lab::new();
    lab.run(&format!(
        "root link add d type dummy
         a link add d type dummy
         a link add x type veth peer name y netns b
         a link set x up address 02:00:00:00:0a:01
         b link set y up address 02:00:00:00:0a:02
         a addr add 10.0.0.1/24 dev x
         b addr add 10.0.0.2/24 dev y
         a neigh add 10.0.0.2 lladdr 02:00:00:00:0a:02 dev x
         b neigh add 10.0.0.1 lladdr 02:00:00:00:0a:01 dev y
         a link add v type vxlan id 42 dstport 4789 {a}
         b link add v type vxlan id 42 dstport 4789 {b}
         a link set v up address 02:00:00:00:00:01
         b link set v up address 02:00:00:00:00:02"
    ));
    lab.at(1_000);
    lab.seen();
    lab
}

fn stats(lab: &Lab, ns: &str, name: &str) -> (u64, u64, u64, u64) {
    let s = lab.k.devs[lab.dev(ns, name)].stats;
    (s.tx_packets, s.tx_bytes, s.rx_packets, s.rx_bytes)
}

fn fdb(lab: &Lab, ns: &str) -> Vec<String> {
    fdb_lines(&lab.k, lab.id(ns))
}

/// A broadcast goes to the default remote, 50 bytes larger than its body; the receiver learns who is where, and answers to
/// that one. Neither end counts the inner Ethernet header, as seen on 6.18.
#[test]
fn there_and_back() {
    let mut lab = lab("remote 10.0.0.2 dev x srcport 50000-50001", "");
    assert_eq!(fdb(&lab, "a"), ["00:00:00:00:00:00 dev v dst 10.0.0.2 via x self permanent"]);
    assert_eq!(fdb(&lab, "b"), [""; 0]);
    lab.send("a", "v", m(1), Mac::BROADCAST, 60);
    let skb = lab.k.cpus[0].take_backlog().expect("a datagram");
    assert_eq!(skb.frame.len(), 60 + 50);
    let Net::Ip4(ip, L4::Vxlan(v)) = &skb.frame.net else { panic!("{}", skb.frame) };
    assert_eq!((ip.ttl, ip.tos, ip.df(), v.sport, v.dport, v.vni), (64, 0, false, 50_000, 4789, 42));
    crate::kernel::dev::netif_receive_skb(&mut lab.k, &mut lab.cx, skb);
    lab.work();
    assert_eq!(lab.seen(), ["v out", "x out", "y in", "v in"]);
    assert_eq!((stats(&lab, "a", "v"), stats(&lab, "b", "v")), ((1, 46, 0, 0), (0, 0, 1, 46)));
    assert_eq!(fdb(&lab, "b"), ["02:00:00:00:00:01 dev v dst 10.0.0.1 self"]);
    lab.send("b", "v", m(2), m(1), 60);
    lab.work();
    assert_eq!(lab.seen(), ["v out", "y out", "x in", "v in"]);
    assert_eq!(fdb(&lab, "a")[0], "02:00:00:00:00:02 dev v dst 10.0.0.2 self");
}

/// Without an entry, and without one for all others: nowhere.
#[test]
fn unknown_destination() {
    let mut lab = lab("", "");
    lab.send("a", "v", m(1), m(9), 60);
    assert_eq!(lab.drops(), ["NO_TX_TARGET vxlan_xmit v"]);
    assert_eq!(lab.k.devs[lab.dev("a", "v")].stats.tx_dropped, 1);
    // Two for all others: a copy for each, the first remote last.
    lab.run(
        "a fdb append 00:00:00:00:00:00 dev v dst 10.0.0.2
         a fdb append 00:00:00:00:00:00 dev v dst 10.0.0.3
         a fdb append 02:00:00:00:00:09 dev v dst 10.0.0.2",
    );
    lab.seen();
    lab.send("a", "v", m(1), m(8), 60);
    assert_eq!(lab.seen(), ["v out", "x out", "x out"], "the question for 10.0.0.3, and the datagram to 10.0.0.2");
    // No way there, and a remote that is this host without that network.
    lab.run("a fdb replace 02:00:00:00:00:09 dev v dst 192.168.9.9");
    lab.send("a", "v", m(1), m(9), 60);
    lab.run(
        "a addr add 127.0.0.1/8 dev lo\n a link set lo up\n a fdb replace 02:00:00:00:00:09 dev v dst 10.0.0.1 vni 7",
    );
    lab.send("a", "v", m(1), m(9), 60);
    let cold = &lab.k.devs[lab.dev("a", "v")].cold;
    assert_eq!((cold.tx_errors, cold.tx_carrier_errors), (2, 1));
}

/// What a receiver throws away.
#[test]
fn refused_datagrams() {
    let mut lab = lab("remote 10.0.0.2", "nolearning");
    lab.run("b fdb add 02:00:00:00:00:05 dev v dst 10.0.0.9\n a fdb add 02:00:00:00:00:06 dev v dst 10.0.0.2 vni 43");
    lab.send("a", "v", m(2), Mac::BROADCAST, 60);
    lab.send("a", "v", m(1), m(6), 60);
    lab.work();
    assert_eq!(lab.drops(), ["LOCAL_MAC vxlan_rcv y", "VXLAN_VNI_NOT_FOUND vxlan_rcv y"]);
    lab.send("a", "v", m(5), Mac::BROADCAST, 60);
    lab.work();
    assert_eq!((fdb(&lab, "b").len(), stats(&lab, "b", "v").2), (1, 1), "it learns nothing, and so minds nothing");
    lab.run("b link set v type vxlan learning");
    lab.send("a", "v", m(5), Mac::BROADCAST, 60);
    lab.work();
    assert_eq!(lab.drops().last().map(String::as_str), Some("VXLAN_ENTRY_EXISTS vxlan_rcv y"));
    // A vxlan that is down has no socket: the datagram meets nobody.
    lab.run("b link set v down");
    lab.send("a", "v", m(1), Mac::BROADCAST, 60);
    lab.work();
    assert_eq!(lab.drops().last().map(String::as_str), Some("NO_SOCKET udp_rcv y"));
}

/// A source that moves is followed; what was learned goes when the device goes down.
#[test]
fn learned_entries() {
    let mut f = fdb::Fdb::default();
    let at = |ip| fdb::Remote { ip, port: 4789, vni: 1, dev: None };
    use fdb::Learned;
    assert_eq!(f.learn(m(1), at(1), 0, false), Learned::Known);
    assert_eq!(f.learn(m(1), at(1), 0, true), Learned::New);
    assert_eq!(f.learn(m(1), at(2), 5, true), Learned::Moved(1));
    assert_eq!(f.learn(m(1), at(2), 9, true), Learned::Known);
    assert_eq!((f.age(18, 10), f.len()), (Some(19), 1), "each frame keeps it young");
    assert_eq!((f.age(19, 10), f.len()), (None, 0));
    f.learn(m(1), at(1), 0, true);
    f.set_default(at(3), 0);
    f.flush_learned();
    assert_eq!(f.len(), 1);
}

/// The namespace that it was made in is that of its datagrams, wherever it goes.
#[test]
fn moved_away() {
    let mut lab = lab("remote 10.0.0.2", "remote 10.0.0.1");
    lab.run("a link set v netns root\n root link set v up");
    lab.send("root", "v", m(1), Mac::BROADCAST, 60);
    lab.work();
    assert_eq!(lab.seen(), ["v out", "x out", "y in", "v in"]);
}

/// As 6.18 answers.
#[test]
fn requests() {
    let mut lab = lab("remote 10.0.0.2 dev x", "");
    assert!(lab.link("a", "v").contains("mtu 1450"), "{}", lab.link("a", "v"));
    let exists = "RTNETLINK answers: File exists";
    let invalid = "RTNETLINK answers: Invalid argument";
    for (command, error) in [
        ("link add w type vxlan", "Error: Required attributes not provided to perform the operation."),
        ("link add w type vxlan id 42 dstport 4789", "Error: A VXLAN device with the specified VNI already exists."),
        ("link add w type vxlan id 43 dev nope", "Cannot find device \"nope\""),
        ("link set v mtu 1451", invalid),
        ("link set v type vxlan id 50", "Error: Cannot change VNI."),
        ("link set v type vxlan dstport 9", "Error: Cannot change port."),
        ("fdb add 00:00:00:00:00:00 dev v dst 10.0.0.3", exists),
        ("fdb add 02:00:00:00:00:09 dev v", invalid),
        ("fdb replace 00:00:00:00:00:00 dev v dst 10.0.0.3", "Error: Cannot replace non-unicast fdb entries."),
        ("fdb del 02:00:00:00:00:66 dev v dst 10.0.0.3", "RTNETLINK answers: No such file or directory"),
    ] {
        assert_eq!(lab.ip("a", command), Err(error.into()), "{command}");
    }
    lab.run(
        "a fdb append 00:00:00:00:00:00 dev v dst 10.0.0.3
         a fdb add 02:00:00:00:00:01 dev v dst 10.0.0.3
         a fdb append 02:00:00:00:00:01 dev v dst 10.0.0.4
         a fdb del 02:00:00:00:00:01 dev v dst 10.0.0.9
         a link set v type vxlan remote 10.0.0.7",
    );
    assert_eq!(
        fdb(&lab, "a"),
        [
            "02:00:00:00:00:01 dev v dst 10.0.0.3 self permanent",
            "00:00:00:00:00:00 dev v dst 10.0.0.3 self permanent",
            "00:00:00:00:00:00 dev v dst 10.0.0.7 via x self permanent"
        ],
        "what is not there is deleted with success"
    );
    lab.run(
        "a link add w mtu 2000 type vxlan id 44 dev x maxaddress 1\n a fdb add 02:00:00:00:00:01 dev w dst 10.0.0.3",
    );
    assert!(lab.link("a", "w").contains("mtu 1450"));
    let full = Err("RTNETLINK answers: No space left on device".to_owned());
    assert_eq!(lab.ip("a", "fdb add 02:00:00:00:00:02 dev w dst 10.0.0.3"), full);
    lab.run("a link del x");
    assert_eq!(lab.names("a"), ["lo", "d"], "what is made on a device goes with it");
}
