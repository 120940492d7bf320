use super::*;

/// What is tried for a packet of a catalogue scenario: (mark, commands).
fn tried(file: &str, flow: Option<&str>) -> Option<Vec<(Worth, String)>> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let plans = crate::plans(&[path]).expect("a good scenario");
    let cures = cures(&plans[0], 0, flow, 0).expect("it runs")?;
    let line = |t: &Tried| t.remedies.iter().map(|r| format!("{} {}", r.place, r.line)).collect::<Vec<_>>().join("; ");
    Some(cures.tried.iter().map(|t| (t.worth, line(t))).collect())
}

fn works(file: &str, flow: Option<&str>, command: &str) {
    let tried = tried(file, flow).expect("a case");
    assert!(tried.iter().any(|(w, c)| *w == Worth::Works && c == command), "{tried:#?}");
}

#[test]
fn what_is_known_to_help_helps() {
    works("routing/ip-forward.ron", None, "h1/root sysctl -w net.ipv4.ip_forward=1");
    works("routing/asymmetric.ron", None, "h1/server sysctl -w net.ipv4.conf.eth0.rp_filter=2");
    works("veth/mtu.ron", Some("large"), "h1/b ip link set dev eth0 mtu 9000");
}

/// The greater of `all` and the device's own value counts: zero for one of them is not enough.
#[test]
fn what_does_not_help_is_shown_as_such() {
    let tried = tried("routing/asymmetric.ron", None).expect("a case");
    let zero = "h1/server sysctl -w net.ipv4.conf.eth0.rp_filter=0";
    assert!(tried.contains(&(Worth::Fails, zero.to_owned())), "{tried:#?}");
    assert!(tried.windows(2).all(|w| w[0].0 as u8 <= w[1].0 as u8), "what works comes first");
}

#[test]
fn what_arrives_needs_no_cure() {
    assert_eq!(tried("hello/veth.ron", None), None);
}

/// One thing in the way of another: the tables that count are those of the moment of the loss.
#[test]
fn cures_reach_across_bridges_and_timelines() {
    works("bridge/hairpin.ron", None, "h1/root bridge link set dev v1 hairpin on");
    works("bridge/no-address.ron", Some("without"), "h1/root ip address add 10.0.0.254/24 dev br0");
    works("routing/link-down.ron", Some("far"), "h1/forgets ip route add 192.0.2.1 via 10.0.1.254");
    works("routing/no-way-back.ron", None, "h2/root ip route add 10.0.0.2 via 192.0.2.10");
}
