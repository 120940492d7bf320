//! Flags of ports, and what a bridge answers itself. What is expected here a 6.18 kernel did, in the same steps.

use super::port_settings;
use crate::{
    kernel::{
        PktType, RtnlOp, dev,
        rtnl::{
            How, Nud,
            testing::{Lab, m},
        },
    },
    packet::{Arp, ArpOp, Ip4, L4, Mac, Net, frame::IPPROTO_UDP},
};

/// Bridge br0 (…ff, 10.0.0.254) in `a` with ports p1, p2, p3.
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

fn receive(lab: &mut Lab, port: &str, src: Mac, dst: Mac, net: Net) {
    let rx = lab.dev("a", port);
    let mut skb = lab.cx.alloc();
    (skb.frame.src, skb.frame.dst, skb.frame.net) = (src, dst, net);
    skb.meta.dev = rx;
    skb.meta.pkt_type = dev::eth_type_trans(lab.k.devs[rx].mac, dst);
    dev::netif_receive_skb(&mut lab.k, &mut lab.cx, skb);
}

/// 10.0.0.`from` at …`from` asks for 10.0.0.`about`.
fn ask(lab: &mut Lab, port: &str, from: u8, about: u8) -> Vec<String> {
    let ip = |n: u8| 0x0a00_0000 + u32::from(n);
    let arp = Arp { op: ArpOp::Request, sha: m(from), spa: ip(from), tha: Mac::ZERO, tpa: ip(about) };
    lab.seen();
    receive(lab, port, m(from), Mac::BROADCAST, Net::Arp(arp));
    let a = lab.id("a");
    let all = lab.cx.obs.capture.replace(Vec::new()).unwrap_or_default();
    let line = |dev, t, net: &Net| {
        let way = if t == PktType::Outgoing { "out" } else { "in" };
        let what = match net {
            Net::Arp(r) if r.op == ArpOp::Reply => format!(" is-at {:02x}", r.sha.0[5]),
            _ => String::new(),
        };
        format!("{} {way}{what}", lab.k.devs[dev].name())
    };
    all.iter().filter(|c| lab.k.devs[c.dev].ns == a).map(|c| line(c.dev, c.pkt_type, &c.frame.net)).collect()
}

fn knows(lab: &mut Lab, about: u8) {
    let dst = 0x0a00_0000 + u32::from(about);
    let (a, how) = (lab.id("a"), How::Add);
    let op = RtnlOp::NewNeigh { dev: "br0".into(), dst, lladdr: Some(m(about)), state: Nud::Permanent, how };
    lab.k.rtnl(&mut lab.cx, a, &op).expect("allowed");
}

/// BR-50: who is known on a port with `neigh_suppress` is answered for, and not asked; gratuitous requests stay away from
/// there, too; what nobody knows is asked everywhere, and such a port's own questions go everywhere.
#[test]
fn neigh_suppress() {
    let mut lab = three();
    knows(&mut lab, 2);
    lab.run("a fdb add 02:00:00:00:00:02 dev p2 master static");
    assert_eq!(ask(&mut lab, "p1", 1, 2), ["p1 in", "p3 out", "p2 out", "br0 in"]);
    lab.run("a link set p2 type bridge_slave neigh_suppress on");
    assert_eq!(ask(&mut lab, "p1", 1, 2), ["p1 in", "p1 out is-at 02", "p3 out", "br0 in"]);
    assert_eq!(ask(&mut lab, "p1", 1, 1), ["p1 in", "p3 out", "br0 in"]);
    assert_eq!(ask(&mut lab, "p1", 1, 9), ["p1 in", "p3 out", "p2 out", "br0 in"]);
    assert_eq!(ask(&mut lab, "p2", 2, 1), ["p2 in", "p3 out", "p1 out", "br0 in"]);
    // Known, and behind a port without it: still not asked there.
    knows(&mut lab, 3);
    lab.run("a fdb add 02:00:00:00:00:03 dev p3 master static");
    assert_eq!(ask(&mut lab, "p1", 1, 3), ["p1 in", "p3 out", "br0 in"]);
    lab.run("a link set p2 type bridge_slave neigh_suppress off");
    assert_eq!(ask(&mut lab, "p1", 1, 2), ["p1 in", "p3 out", "p2 out", "br0 in"]);
}

/// BR-44, BR-50: a port with `proxy_arp` is never flooded to, and who asks there is answered for all that are known;
/// `proxy_arp_wifi` answers for those behind it.
#[test]
fn proxy_arp() {
    let mut lab = three();
    knows(&mut lab, 2);
    lab.run("a fdb add 02:00:00:00:00:02 dev p2 master static\n a link set p1 type bridge_slave proxy_arp on");
    assert_eq!(ask(&mut lab, "p1", 1, 2), ["p1 in", "p1 out is-at 02", "p3 out", "p2 out", "br0 in"]);
    assert_eq!(ask(&mut lab, "p3", 3, 1), ["p3 in", "p2 out", "br0 in"]);
    lab.run("a link set p1 type bridge_slave proxy_arp off\n a link set p2 type bridge_slave proxy_arp_wifi on");
    assert_eq!(ask(&mut lab, "p1", 1, 2), ["p1 in", "p1 out is-at 02", "p3 out", "br0 in"]);
    assert_eq!(ask(&mut lab, "p1", 1, 9), ["p1 in", "p3 out", "p2 out", "br0 in"]);
}

/// BR-26: a locked port takes only what its table says is behind it, and learns nothing.
#[test]
fn locked() {
    let mut lab = three();
    lab.run("a link set p1 type bridge_slave locked on\n a fdb add 02:00:00:00:00:01 dev p1 master static");
    lab.receive("a", "p1", m(9), Mac::BROADCAST, 60);
    assert_eq!((lab.seen(), lab.drops()), (vec!["p1 in".into()], vec!["NOT_SPECIFIED br_handle_frame p1".into()]));
    lab.receive("a", "p1", m(1), Mac::BROADCAST, 60);
    assert_eq!(lab.seen(), ["p1 in", "p3 out", "p2 out", "br0 in"]);
    lab.receive("a", "p1", m(0x12), Mac::BROADCAST, 60);
    assert_eq!(lab.seen(), ["p1 in"], "a local address does not pass either");
    assert!(!lab.fdb("a").join("\n").contains(":09 "));
}

/// BR-10, BR-11: what becomes of a device that joins.
#[test]
fn a_new_port() {
    let lab = three();
    let p1 = lab.dev("a", "p1");
    assert_eq!((lab.k.devs[p1].cold.allmulti, lab.k.devs[p1].cold.promiscuity), (1, 1));
    let shown: Vec<String> = port_settings(&lab.k, p1).into_iter().map(|(word, v)| format!("{word} {v}")).collect();
    let want = "state forwarding, priority 32, cost 2, hairpin off, guard off, root_block off, learning on, flood on, \
                mcast_flood on, bcast_flood on, proxy_arp off, proxy_arp_wifi off, neigh_suppress off, isolated off, \
                locked off";
    assert_eq!(shown.join(", "), want);
}

/// BR-25, BR-27, BR-31, BR-47: a frame for the bridge's own address is for this host, whatever the port's is; groups are
/// flooded and delivered, without a querier; nothing in a frame is changed on the way.
#[test]
fn how_frames_pass() {
    let mut lab = three();
    let ip = Ip4 { src: 1, dst: 2, len: 28, ttl: 1, proto: IPPROTO_UDP, ..Ip4::default() };
    let packet = || Net::Ip4(ip, L4::Udp { sport: 1, dport: 2 });
    let kinds = |lab: &mut Lab| -> Vec<(String, PktType, u8)> {
        let all = lab.cx.obs.capture.replace(Vec::new()).unwrap_or_default();
        let ttl = |n: &Net| if let Net::Ip4(ip, _) = n { ip.ttl } else { 0 };
        all.iter().map(|c| (lab.k.devs[c.dev].name().to_owned(), c.pkt_type, ttl(&c.frame.net))).collect()
    };
    lab.seen();
    receive(&mut lab, "p1", m(1), m(0xff), packet());
    assert_eq!(kinds(&mut lab), [("p1".into(), PktType::OtherHost, 1), ("br0".into(), PktType::Host, 1)]);
    for (dst, kind) in [(Mac([1, 0, 0x5e, 0, 0, 9]), PktType::Multicast), (Mac::BROADCAST, PktType::Broadcast)] {
        receive(&mut lab, "p1", m(1), dst, packet());
        let out = PktType::Outgoing;
        let want = [("p1", kind), ("p3", out), ("p2", out), ("br0", kind)].map(|(d, t)| (d.to_owned(), t, 1));
        assert_eq!(kinds(&mut lab), want);
    }
    assert_eq!(lab.k.devs[lab.dev("a", "br0")].cold.multicast, 1);
}
