use std::sync::Arc;

use scenarios::{plan, run, source::Source};

use super::*;

/// The picture of a scenario, at the end of its first run.
fn drawn(text: &str) -> Scene {
    let plan = plan::plan(&Arc::new(Source::new("x.ron", text.to_owned()))).expect("a good scenario");
    let run = run::simulate(&plan, 0, 1, true, 1).expect("a world that stands");
    let topology = run.topology.as_deref().expect("the first run has one");
    scene(topology, &Traffic::of(&run, topology), &plan.title)
}

/// Labels that cover each other or leave the sheet.
fn faults(scene: &Scene) -> Vec<String> {
    let labels: Vec<&Label> = scene.labels().filter(|l| !l.text.is_empty()).collect();
    let mut faults = Vec::new();
    for (i, a) in labels.iter().enumerate() {
        let f = a.frame();
        if f.left < 0.0 || f.top < 0.0 || f.right > scene.width || f.bottom > scene.height {
            faults.push(format!("`{}` leaves the sheet", a.text));
        }
        faults.extend(
            labels[..i].iter().filter(|b| b.frame().overlaps(&f)).map(|b| format!("`{}` ∩ `{}`", a.text, b.text)),
        );
    }
    faults
}

fn texts(scene: &Scene) -> Vec<&str> {
    scene.labels().map(|l| l.text.as_str()).collect()
}

const MIXED: &str = r#"(title: "Mixed", hosts: {
  "gw": (cores: 2, namespaces: {
   "root": (sysctls: {"net.ipv4.ip_forward": 1}, devices: {
     "eth0": Physical(addresses: ["192.0.2.1/24", "192.0.2.100/24"]), "eth1": Physical(rate: "1gbit"), "eth2": Physical(up: false),
     "br-lan": Bridge(ports: ["eth1", "lan1", "lan2", "tor1"], addresses: ["10.1.0.1/24", "10.1.1.1/24"]),
     "lan1": Veth(peer: "c1/eth0"), "lan2": Veth(peer: "c2/eth0"), "tor1": Veth(peer: "r1/up0"),
     "br-dmz": Bridge(ports: ["dmz1"]), "dmz1": Veth(peer: "c1/eth1"),
     "direct0": Veth(peer: "c3/eth0", addresses: ["10.9.0.1/30"]), "dummy0": Dummy(addresses: ["10.66.0.1/32"])}),
   "r1": (sysctls: {"net.ipv4.ip_forward": 1}, devices: {"up0": Peer(addresses: ["10.1.0.9/24"]),
     "a-name-15-chars": Veth(peer: "c4/eth0", addresses: ["10.4.0.1/24"])}),
   "c1": (devices: {"eth0": Peer(addresses: ["10.1.0.11/24"]), "eth1": Peer(addresses: ["10.2.0.11/24"])}),
   "c2": (devices: {"eth0": Peer(addresses: ["10.1.0.12/24"])}),
   "c3": (devices: {"eth0": Peer(addresses: ["10.9.0.2/30"])}),
   "c4": (devices: {"eth0": Peer(addresses: ["10.4.0.2/24"])}),
   "x": (devices: {"v0": Veth(peer: "y/v0", addresses: ["10.7.0.1/24"]), "nic9": Physical(addresses: ["10.8.0.1/24"])}),
   "y": (devices: {"v0": Peer(addresses: ["10.7.0.2/24"])})}),
  "a": (namespaces: {"root": (devices: {"eth0": Physical(addresses: ["192.0.2.2/24"])})}),
  "b": (namespaces: {"root": (devices: {"eth0": Physical(rate: "1gbit", addresses: ["10.1.0.77/24"])})}),
  "c": (namespaces: {"root": (devices: {"eth0": Physical(addresses: ["10.8.0.2/24"])})})},
 wires: [(between: ["gw/root/eth0", "a/root/eth0"], delay: "5us"), (between: ["gw/root/eth1", "b/root/eth0"], delay: "50us"),
   (between: ["gw/x/nic9", "c/root/eth0"], delay: "1ms")],
 traffic: {"p": Ping(from: "gw/c1", to: "gw/c2", count: 20, interval: "1ms"),
   "s": Udp(from: "b/root", to: "gw/c2", address: "10.1.0.12:53/udp", rate: "1k/s", count: 20)})"#;

#[test]
fn everything_of_a_mixed_host_is_there_once_and_nothing_overlaps() {
    let scene = drawn(MIXED);
    assert_eq!(faults(&scene), Vec::<String>::new());
    let names: Vec<&str> = scene.items.iter().map(|i| i.name.as_str()).collect();
    let devices = [
        "root/eth0",
        "root/eth1",
        "root/eth2",
        "root/br-lan",
        "root/lan1",
        "root/tor1",
        "root/br-dmz",
        "root/dmz1",
        "root/direct0",
        "root/dummy0",
        "r1/up0",
        "r1/a-name-15-chars",
        "c1/eth0",
        "c1/eth1",
        "c4/eth0",
        "x/v0",
        "x/nic9",
        "y/v0",
    ];
    for device in devices {
        let path = format!("gw/{device}");
        let times = names.iter().filter(|n| **n == path).count();
        // A NIC that is a bridge's port, or a card's, has a port there and one at the edge.
        assert_eq!(times, 1 + usize::from(["root/eth1", "x/nic9"].contains(&device)), "{path}");
    }
    for veth in [
        "veth gw/root/lan1 to gw/c1/eth0",
        "veth gw/root/dmz1 to gw/c1/eth1",
        "veth gw/root/tor1 to gw/r1/up0",
        "veth gw/x/v0 to gw/y/v0",
    ] {
        assert!(names.contains(&veth), "{veth} is not in {names:?}");
    }
    assert_eq!(names.iter().filter(|n| n.starts_with("cable ")).count(), 3);
    assert_eq!(names.iter().filter(|n| n.ends_with("one router")).count(), 4);
    let texts = texts(&scene);
    for text in [
        "10.1.1.1/24",
        "▣ :53/udp",
        "50 us · 1gbit · 1.1 k/s",
        "r1 · ip_forward=1",
        "also the tables of c1, c2, c3, c4, x, y",
    ] {
        assert!(texts.contains(&text), "{text} is not in {texts:?}");
    }
    let bridge = scene.items.iter().find(|i| i.name == "gw/root/br-lan").expect("drawn");
    assert!(
        bridge.detail.contains("bridge forward_delay") && bridge.detail.contains("inet 10.1.0.1/24"),
        "{}",
        bridge.detail
    );
    assert!(bridge.detail.ends_with("written at x.ron:5"), "{}", bridge.detail);
}

#[test]
fn many_containers_become_a_few_and_a_count() {
    let text = r#"(title: "Many", vars: {"n": 1000}, hosts: {"h1": (namespaces: {
       "root": (devices: {"br0": Bridge(ports: ["v[1..n]"], addresses: ["10.0.255.254/16"]), "v[1..n]": Veth(peer: "c{i}/eth0")}),
       "c[1..n]": (devices: {"eth0": Peer(addresses: ["10.0.{i/250}.{i%250+1}/16"])})})},
     traffic: {"p": Ping(from: "h1/c1", to: "h1/c2", count: 2, interval: "1ms")})"#;
    let scene = drawn(text);
    assert_eq!(faults(&scene), Vec::<String>::new());
    let texts = texts(&scene);
    assert!(texts.contains(&"… 997 more") && texts.contains(&"like c1"), "{texts:?}");
    assert!(scene.width < 700.0 && scene.svg().len() < 20_000, "{} {}", scene.width, scene.svg().len());
}

#[test]
fn many_hosts_and_names_from_outside_do_no_harm() {
    let text = r#"(title: "Many <hosts>", vars: {"n": 30}, hosts: {"h[1..n]": (namespaces: {
       "root": (devices: {"eth0": Physical(addresses: ["10.{i}.0.1/24"]), "eth1": Physical(addresses: ["10.{i+1}.0.2/24"])}),
       "<b>&\"x": (devices: {"a": Veth(peer: "root/p", addresses: ["10.99.0.1/24"])})})},
     wires: [(each: "1..29", between: ["h{i}/root/eth1", "h{i+1}/root/eth0"], delay: "1us")],
     traffic: {"p": Ping(from: "h1/root", to: "h2/root", count: 2, interval: "1ms")})"#;
    let text = text.replace("\"eth1\": Physical", "\"p\": Peer, \"eth1\": Physical");
    let scene = drawn(&text);
    assert_eq!(faults(&scene), Vec::<String>::new());
    assert!(texts(&scene).contains(&"… 21 more hosts"));
    let svg = scene.svg();
    assert!(!svg.contains("<b>") && svg.contains("&lt;b&gt;"), "markup came through");
    assert_eq!(svg, drawn(&text).svg());
}

#[test]
fn a_host_of_nothing_but_its_kernel_is_still_one_router() {
    let topology = TopologyOutcome {
        hosts: vec![scenarios::outcome::HostOutcome { name: "h".to_owned(), cores: 1, ..Default::default() }],
        wires: Vec::new(),
    };
    let scene = scene(&topology, &Traffic::default(), "empty");
    assert_eq!(faults(&scene), Vec::<String>::new());
    assert!(texts(&scene).contains(&"the kernel: one router"));
    assert!(text(&topology).starts_with("host h · one kernel, one router · 1 core"));
}
