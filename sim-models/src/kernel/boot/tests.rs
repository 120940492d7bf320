use super::*;
use crate::kernel::rtnl::testing::Lab;

fn lab() -> Lab {
    let mut lab = Lab::new();
    keep(&mut lab.k);
    lab
}

/// What the kernel said since the last call, without remarks.
fn said(lab: &mut Lab) -> Vec<String> {
    let lines = std::mem::take(&mut lab.k.log.lines);
    lines.into_iter().filter(|l| !l.ours).map(|l| l.text).collect()
}

/// Commands and messages of Linux 6.18, recorded with `dmesg`.
#[test]
fn ports_say_what_the_kernel_says() {
    let mut lab = lab();
    lab.run("a link add br0 type bridge\n a link add v1 type veth peer name e0 netns b");
    said(&mut lab);
    let quiet: &[&str] = &[];
    let up = ["br0: port 1(v1) entered blocking state", "br0: port 1(v1) entered forwarding state"];
    let down = ["br0: port 1(v1) entered disabled state"];
    let joins = [
        "br0: port 1(v1) entered blocking state",
        "br0: port 1(v1) entered disabled state",
        "v1: entered allmulticast mode",
        "v1: entered promiscuous mode",
    ];
    let mut expect = |command: &str, messages: &[&str]| {
        lab.run(command);
        assert_eq!(said(&mut lab), messages, "{command}");
    };
    expect("a link set v1 master br0", &joins);
    expect("a link set v1 up", quiet);
    expect("a link set br0 up", quiet);
    expect("b link set e0 up", &up);
    expect("b link set e0 down", &down);
    expect("b link set e0 up", &up);
    expect("a link set br0 down", &down);
    expect("a link set br0 up", &up);
    expect("a link set v1 down", &down);
    let leaves = ["v1: left allmulticast mode", "v1: left promiscuous mode", down[0]];
    expect("a link set v1 nomaster", &leaves);
    expect("a link set v1 up", quiet);
    expect("a link set v1 master br0", &[&joins[..], &up[..]].concat());
    expect("a link set v1 promisc on", quiet);
    expect("a link set v1 promisc off", quiet);
    expect("a link set br0 promisc on", &["br0: entered promiscuous mode"]);
    expect("a link set v1 name v9", &["v9: renamed from v1 (while UP)"]);
    expect("a link set v9 down", &["br0: port 1(v9) entered disabled state"]);
    expect("a link set v9 name w9", &["w9: renamed from v9"]);
    expect("a link set w9 up", &["br0: port 1(w9) entered blocking state", "br0: port 1(w9) entered forwarding state"]);
    let gone = [
        "br0: port 1(w9) entered disabled state",
        "w9 (unregistering): left allmulticast mode",
        "w9 (unregistering): left promiscuous mode",
        "br0: port 1(w9) entered disabled state",
    ];
    expect("b link del e0", &gone);
}

/// The driver of a kind is loaded when the first device of it is asked for, even if that is refused then.
#[test]
fn drivers_are_loaded_once() {
    let mut lab = lab();
    lab.k.log.lines.clear();
    let refused = lab.ip("a", "link add lo type dummy");
    assert!(refused.is_err());
    lab.run("a link add d0 type dummy\n root link add v type veth peer name w netns b\n root link add x type veth");
    lab.run("b link del w\n root link set x netns a");
    let lines: Vec<String> = lab.k.log.lines().iter().filter(|l| l.ours).map(|l| l.text.clone()).collect();
    let loaded = "request_module(\"rtnl-link-dummy\"), driver dummy loaded";
    assert_eq!(
        lines,
        [
            format!("RTM_NEWLINK a/lo kind dummy: {loaded}; refused: RTNETLINK answers: File exists"),
            "RTM_NEWLINK a/d0 kind dummy".to_owned(),
            "RTM_NEWLINK v kind veth: request_module(\"rtnl-link-veth\"), driver veth loaded; peer b/w registered first"
                .to_owned(),
            "RTM_NEWLINK x kind veth; peer veth0 registered first".to_owned(),
            "RTM_DELLINK b/w; its peer v goes, too".to_owned(),
            "RTM_SETLINK x: moves to namespace a; its addresses, routes and neighbours stay behind".to_owned(),
        ]
    );
    assert_eq!(lab.k.loaded, ["loopback", "dummy", "veth"]);
}

#[test]
fn a_run_without_a_reader_makes_no_text() {
    let mut lab = Lab::new();
    lab.run("a link add br0 type bridge\n a link add v1 up master br0 type veth");
    assert!(lab.k.log.lines.is_empty());
}

#[test]
fn requests_follow_one_another_and_time_0_comes_after_them() {
    let mut lab = lab();
    for i in 0..3 {
        lab.run(&format!("a link add d{i} type dummy"));
    }
    let at: Vec<u64> = lab.k.log.lines().iter().filter(|l| l.ours).map(|l| l.uptime.ps() / PS_PER_US).collect();
    assert_eq!(at, [1_000_020, 1_000_030, 1_000_040], "two namespaces were made before");
    lab.k.log.requests = 1 << 40;
    lab.run("a link set d0 name e0");
    lab.at(1);
    lab.run("a link set d1 name e1");
    let last: Vec<u64> = lab.k.log.lines().iter().rev().take(2).map(|l| l.uptime.ps() / PS_PER_US).collect();
    assert_eq!(last, [16_385_000, 16_383_999]);
    assert_eq!(
        [100, 250, 300, 1000].map(|hz| uptime_at_zero(hz).ps() / 1_000_000_000),
        [40_960, 16_384, 13_653, 4_096]
    );
}

#[test]
fn places_and_speeds() {
    assert_eq!([0, 28, 29, 8_189].map(pci), ["0000:00:03.0", "0000:00:1f.0", "0000:01:00.0", "0001:00:00.0"]);
    let shown = |bits| speed(Rate::from_bits_per_s(bits).expect("a rate"));
    assert_eq!(
        [10_000_000_000, 2_500_000_000, 100_000_000, 64_000].map(shown),
        ["10 Gb/s", "2.5 Gb/s", "100 Mb/s", "64 kb/s"]
    );
}

#[test]
fn a_full_log_counts_what_it_loses() {
    let mut lab = lab();
    lab.k.log.lines.resize(MAX_LINES, Line { uptime: Span::ZERO, ours: false, text: String::new(), origin: None });
    lab.run("a link add d0 type dummy");
    assert_eq!((lab.k.log.lines.len(), lab.k.log.lost()), (MAX_LINES, 1));
}
