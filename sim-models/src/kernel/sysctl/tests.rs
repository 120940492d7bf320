//! The sysctl tree against what sysctl(8) showed on 6.18.

use super::read;
use crate::kernel::{Errno, NsId, RtnlOp, sysctl::ConfBits, testkit::Lab};

const ROOT: NsId = NsId::ROOT;

fn lab() -> Lab {
    let mut lab = Lab::new();
    for dev in ["v0", "v1"] {
        lab.dev(dev);
    }
    lab
}

fn get(lab: &Lab, key: &str) -> String {
    read(&lab.k, ROOT, key).unwrap_or_else(|e| e.to_string())
}

/// Writes that must not fail.
fn set(lab: &mut Lab, key: &str, value: &str) {
    assert_eq!(lab.sysctl(key, value), Ok(()), "{key}={value}");
}

fn invalid(key: &str) -> Result<(), String> {
    Err(format!("sysctl: setting key \"{key}\": Invalid argument"))
}

#[test]
fn compiled_defaults() {
    // DEV-42
    let lab = lab();
    for (key, value) in [
        ("net.ipv4.conf.all.accept_source_route", "0"),
        ("net.ipv4.conf.default.accept_source_route", "1"),
        ("net.ipv4.conf.v0.accept_source_route", "1"),
        ("net.ipv4.conf.v0.arp_evict_nocarrier", "1"),
        ("net.ipv4.conf.lo.igmpv2_unsolicited_report_interval", "10000"),
        ("net.ipv4.ip_default_ttl", "64"),
        ("net.ipv4.ip_forward", "0"),
        ("net.ipv4.ip_forward_update_priority", "1"),
        ("net.ipv4.icmp_ratelimit", "1000"),
        ("net.ipv4.icmp_ratemask", "6168"),
        ("net.ipv4.icmp_msgs_per_sec", "1000"),
        ("net.ipv4.icmp_msgs_burst", "50"),
        ("net.ipv4.icmp_echo_ignore_broadcasts", "1"),
        ("net.ipv4.ipfrag_time", "30"),
        ("net.ipv4.ip_local_port_range", "32768\t60999"),
        ("net.ipv4.route.min_pmtu", "552"),
        ("net.core.rmem_default", "212992"),
        ("net.core.wmem_default", "212992"),
        ("net.core.netdev_max_backlog", "1000"),
        ("net.ipv4.neigh.default.gc_thresh1", "128"),
        ("net.ipv4.neigh.v0.base_reachable_time_ms", "30000"),
        ("net.ipv4.neigh.v0.base_reachable_time", "30"),
        ("net.ipv4.neigh.v0.retrans_time", "100"),
        ("net.ipv4.neigh.v0.unres_qlen", "101"),
        ("net.ipv4.neigh.v0.unres_qlen_bytes", "212992"),
        ("net/ipv4/neigh/v0/locktime", "100"),
        ("net.ipv6.conf.all.disable_ipv6", "1"),
        ("net.bridge.bridge-nf-call-iptables", "0"),
    ] {
        assert_eq!(get(&lab, key), value, "{key}");
    }
    for name in ["accept_redirects", "send_redirects", "secure_redirects", "shared_media", "arp_evict_nocarrier"] {
        assert_eq!(get(&lab, &format!("net.ipv4.conf.all.{name}")), "1", "{name}");
    }
    for name in [
        "rp_filter",
        "arp_ignore",
        "proxy_arp",
        "accept_local",
        "route_localnet",
        "log_martians",
        "promote_secondaries",
    ] {
        assert_eq!(get(&lab, &format!("net.ipv4.conf.default.{name}")), "0", "{name}");
    }
}

#[test]
fn ip_forward() {
    // DEV-44
    let mut lab = lab();
    set(&mut lab, "net.ipv4.ip_forward", "2");
    for dev in ["all", "default", "lo", "v0"] {
        assert_eq!(get(&lab, &format!("net.ipv4.conf.{dev}.forwarding")), "2");
    }
    assert_eq!(get(&lab, "net.ipv4.conf.all.accept_redirects"), "0");
    assert_eq!(get(&lab, "net.ipv4.conf.default.accept_redirects"), "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v0.accept_redirects"), "1");
    assert!(lab.k.devs[lab.id("v0")].conf.has(ConfBits::FORWARDING));
    // Writing the value that is there changes no device back.
    set(&mut lab, "net.ipv4.conf.v0.forwarding", "0");
    set(&mut lab, "net/ipv4/conf/all/forwarding", "2");
    assert_eq!(get(&lab, "net.ipv4.conf.v0.forwarding"), "0");
    assert!(!lab.k.devs[lab.id("v0")].conf.has(ConfBits::FORWARDING));
    set(&mut lab, "net.ipv4.ip_forward", "0");
    assert_eq!(get(&lab, "net.ipv4.conf.all.accept_redirects"), "1");
    // default/forwarding reaches later devices only.
    set(&mut lab, "net.ipv4.conf.default.forwarding", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v0.forwarding"), "0");
    lab.dev("v2");
    assert_eq!(get(&lab, "net.ipv4.conf.v2.forwarding"), "1");
}

#[test]
fn defaults_reach_devices_until_they_are_written() {
    // DEV-41
    let mut lab = lab();
    lab.ok("link set v0 up\naddr add 10.0.0.1/24 dev v0");
    set(&mut lab, "net.ipv4.conf.default.rp_filter", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v0.rp_filter"), "0");
    assert_eq!(get(&lab, "net.ipv4.conf.v1.rp_filter"), "1");
    assert_eq!(lab.k.devs[lab.id("v1")].conf.rp_filter(), 1);
    set(&mut lab, "net.ipv4.conf.v1.arp_ignore", "2");
    set(&mut lab, "net.ipv4.conf.default.arp_ignore", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v1.arp_ignore"), "2");
    // That it was written is inherited (seen).
    lab.dev("v2");
    set(&mut lab, "net.ipv4.conf.default.rp_filter", "2");
    assert_eq!(get(&lab, "net.ipv4.conf.v2.rp_filter"), "1");
    // Some are never handed on (seen).
    set(&mut lab, "net.ipv4.conf.default.promote_secondaries", "1");
    set(&mut lab, "net.ipv4.conf.default.route_localnet", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v1.promote_secondaries"), "0");
    assert_eq!(get(&lab, "net.ipv4.conf.v1.route_localnet"), "0");
    // An address that is ignored counts as one.
    lab.ok("addr add 0.0.0.0/24 dev v1");
    set(&mut lab, "net.ipv4.conf.default.arp_filter", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.v1.arp_filter"), "0");
}

#[test]
fn all_and_device_combine() {
    // DEV-43
    let mut lab = lab();
    let bits = |lab: &Lab| lab.k.devs[lab.id("v0")].conf;
    // OR
    for (name, bit) in [
        ("accept_local", ConfBits::ACCEPT_LOCAL),
        ("log_martians", ConfBits::LOG_MARTIANS),
        ("proxy_arp", ConfBits::PROXY_ARP),
        ("send_redirects", ConfBits::SEND_REDIRECTS),
        ("shared_media", ConfBits::SHARED_MEDIA),
        ("route_localnet", ConfBits::ROUTE_LOCALNET),
        ("promote_secondaries", ConfBits::PROMOTE_SECONDARIES),
        ("arp_filter", ConfBits::ARP_FILTER),
        ("drop_gratuitous_arp", ConfBits::DROP_GRATUITOUS_ARP),
        ("ignore_routes_with_linkdown", ConfBits::IGNORE_LINKDOWN),
    ] {
        for (all, dev, both) in [("0", "0", false), ("1", "0", true), ("0", "1", true), ("1", "1", true)] {
            set(&mut lab, &format!("net.ipv4.conf.all.{name}"), all);
            set(&mut lab, &format!("net.ipv4.conf.v0.{name}"), dev);
            assert_eq!(bits(&lab).has(bit), both, "{name} {all} {dev}");
        }
    }
    // AND
    for (name, bit) in
        [("bc_forwarding", ConfBits::BC_FORWARDING), ("arp_evict_nocarrier", ConfBits::ARP_EVICT_NOCARRIER)]
    {
        for (all, dev, both) in [("0", "1", false), ("1", "0", false), ("1", "1", true)] {
            set(&mut lab, &format!("net.ipv4.conf.all.{name}"), all);
            set(&mut lab, &format!("net.ipv4.conf.v0.{name}"), dev);
            assert_eq!(bits(&lab).has(bit), both, "{name} {all} {dev}");
        }
    }
    // The larger one; what the kernel does not know acts as it treats it.
    for (all, dev, filter) in [("0", "1", 1), ("2", "1", 2), ("1", "2", 2), ("0", "77", 2), ("-5", "0", 0)] {
        set(&mut lab, "net.ipv4.conf.all.rp_filter", all);
        set(&mut lab, "net.ipv4.conf.v0.rp_filter", dev);
        assert_eq!(bits(&lab).rp_filter(), filter, "{all} {dev}");
    }
    set(&mut lab, "net.ipv4.conf.all.arp_ignore", "8");
    set(&mut lab, "net.ipv4.conf.v0.arp_announce", "2");
    set(&mut lab, "net.ipv4.conf.v0.arp_accept", "2");
    set(&mut lab, "net.ipv4.conf.all.arp_notify", "1");
    let b = bits(&lab);
    assert_eq!((b.arp_ignore(), b.arp_announce(), b.arp_accept(), b.arp_notify()), (8, 2, 2, 1));
    set(&mut lab, "net.ipv4.conf.all.arp_ignore", "9");
    assert_eq!(bits(&lab).arp_ignore(), 0);
    // Redirects are accepted if both say so on a router, if one says so on a host.
    for (forwarding, all, dev, both) in
        [("0", "0", "1", true), ("0", "0", "0", false), ("1", "0", "1", false), ("1", "1", "1", true)]
    {
        set(&mut lab, "net.ipv4.conf.v0.forwarding", forwarding);
        set(&mut lab, "net.ipv4.conf.all.accept_redirects", all);
        set(&mut lab, "net.ipv4.conf.v0.accept_redirects", dev);
        assert_eq!(bits(&lab).has(ConfBits::ACCEPT_REDIRECTS), both, "{forwarding} {all} {dev}");
    }
    assert!(bits(&lab).has(ConfBits::IN_DEVICE));
}

#[test]
fn a_new_namespace_inherits_conf_only() {
    // DEV-40
    let mut lab = lab();
    set(&mut lab, "net.ipv4.ip_forward", "1");
    set(&mut lab, "net.ipv4.conf.all.rp_filter", "2");
    set(&mut lab, "net.ipv4.ip_default_ttl", "9");
    let ns = lab.ns("c1");
    let v0 = lab.dev_in(ns, "v0");
    let get = |key| read(&lab.k, ns, key).expect("a key");
    assert_eq!(get("net.ipv4.conf.default.forwarding"), "1");
    assert_eq!(get("net.ipv4.conf.v0.forwarding"), "1");
    assert_eq!(get("net.ipv4.ip_default_ttl"), "64");
    assert_eq!(lab.k.devs[v0].conf.rp_filter(), 2);
    // Law 3: no value of one namespace changes another.
    set(&mut lab, "net.ipv4.ip_forward", "0");
    assert_eq!(read(&lab.k, ns, "net.ipv4.conf.v0.forwarding").expect("a key"), "1");
}

#[test]
fn numbers() {
    let mut lab = lab();
    let key = "net.ipv4.conf.v0.rp_filter";
    for (value, is) in
        [("0x10", "16"), ("010", "8"), ("-1", "-1"), ("1 abc", "1"), ("1 2", "1"), (" 7 ", "7"), ("77\n", "77")]
    {
        set(&mut lab, key, value);
        assert_eq!(get(&lab, key), is, "{value:?}");
    }
    for value in ["", "abc", "1abc", "2147483648", "99999999999", "+1", "0x", "- 1", "--1", "09", "-2147483649"] {
        assert_eq!(lab.sysctl(key, value), invalid(key), "{value:?}");
    }
    assert_eq!(get(&lab, key), "77");
}

#[test]
fn bounds() {
    let mut lab = lab();
    for (name, good, bad) in [
        ("ip_default_ttl", &["1", "255", "0x10"][..], &["0", "256", "-1"][..]),
        ("ip_no_pmtu_disc", &["0", "3", "255"], &["256", "-1"]),
        ("ip_forward_update_priority", &["0", "1"], &["2"]),
        ("ip_nonlocal_bind", &["1"], &["256"]),
        ("icmp_echo_ignore_all", &["1"], &["2", "-1"]),
        ("icmp_ratelimit", &["0", "1000"], &["-5", "2147483648"]),
        ("icmp_ratemask", &["-5"], &["4294967295"]),
        ("icmp_msgs_per_sec", &["5"], &["-5"]),
        ("icmp_msgs_burst", &["0"], &["-1"]),
        ("fib_multipath_hash_policy", &["3"], &["4"]),
    ] {
        let key = format!("net.ipv4.{name}");
        for value in good {
            set(&mut lab, &key, value);
        }
        for value in bad {
            assert_eq!(lab.sysctl(&key, value), invalid(&key), "{value}");
        }
    }
    assert_eq!(get(&lab, "net.ipv4.icmp_ratemask"), "-5");
    // Ticks of 4 ms.
    set(&mut lab, "net.ipv4.icmp_ratelimit", "5");
    assert_eq!(get(&lab, "net.ipv4.icmp_ratelimit"), "8");
}

#[test]
fn port_range() {
    let mut lab = lab();
    let key = "net.ipv4.ip_local_port_range";
    for value in ["2000 1999", "2000 70000", "3000 abc", "1023 4000", "0 4000", "", "5"] {
        assert_eq!(lab.sysctl(key, value), invalid(key), "{value}");
    }
    set(&mut lab, key, "2000");
    assert_eq!(get(&lab, key), "2000\t60999");
    set(&mut lab, key, "2000 4000 6");
    assert_eq!(get(&lab, key), "2000\t4000");
}

#[test]
fn keys() {
    let mut lab = lab();
    for (key, path) in [
        ("net.ipv4.nosuch", "net/ipv4/nosuch"),
        ("net/ipv4/nosuch", "net/ipv4/nosuch"),
        ("net.ipv4.conf.nosuch.rp_filter", "net/ipv4/conf/nosuch/rp_filter"),
        ("net.ipv4.conf.v0.nosuch", "net/ipv4/conf/v0/nosuch"),
        ("net.ipv4.conf.v0/1.rp_filter", "net/ipv4/conf/v0.1/rp_filter"),
        ("net.ipv4.conf.rp_filter", "net/ipv4/conf/rp_filter"),
        ("net.ipv4.neigh.all.locktime", "net/ipv4/neigh/all/locktime"),
        ("net.ipv4.neigh.v0.nosuch", "net/ipv4/neigh/v0/nosuch"),
        ("net.ipv4.neigh.v0.gc_thresh1", "net/ipv4/neigh/v0/gc_thresh1"),
        ("net.ipv6.conf.nosuch.disable_ipv6", "net/ipv6/conf/nosuch/disable_ipv6"),
        ("net.core.nosuch", "net/core/nosuch"),
        ("kernel.hostname", "kernel/hostname"),
        ("nosuch", "nosuch"),
        ("", ""),
    ] {
        let text = format!("sysctl: cannot stat /proc/sys/{path}: No such file or directory");
        let op = RtnlOp::Sysctl { key: key.to_owned(), value: "1".to_owned() };
        let e = lab.k.rtnl(&mut lab.cx, ROOT, &op).expect_err(key);
        assert_eq!((e.errno, e.to_string()), (Errno::ENOENT, text.clone()));
        assert_eq!(get(&lab, key), text);
    }
}

#[test]
fn names_with_dots() {
    let mut lab = lab();
    lab.dev("eth0.100");
    for key in
        ["net.ipv4.conf.eth0/100.rp_filter", "net.ipv4.conf.eth0.100.rp_filter", "net/ipv4/conf/eth0.100/rp_filter"]
    {
        set(&mut lab, "net.ipv4.conf.eth0/100.rp_filter", "0");
        set(&mut lab, key, "2");
        assert_eq!(lab.k.devs[lab.id("eth0.100")].conf.rp_filter(), 2, "{key}");
    }
    assert_eq!(lab.sysctl("net.ipv4.conf.eth0/100.rp_filter", "x"), invalid("net.ipv4.conf.eth0/100.rp_filter"));
    // The device itself, not the one whose name is shorter.
    lab.dev("eth0");
    set(&mut lab, "net.ipv4.conf.eth0.100.arp_ignore", "1");
    assert_eq!(get(&lab, "net.ipv4.conf.eth0.arp_ignore"), "0");
}

#[test]
fn what_is_off_stays_off() {
    let mut lab = lab();
    set(&mut lab, "net.ipv6.conf.all.disable_ipv6", "1");
    set(&mut lab, "net.ipv6.conf.v0.disable_ipv6", "1");
    set(&mut lab, "net.bridge.bridge-nf-call-iptables", "0");
    set(&mut lab, "net.ipv4.conf.v0.tag", "0");
    set(&mut lab, "net.ipv4.ip_early_demux", "1");
    for (key, value) in [
        ("net.ipv6.conf.all.disable_ipv6", "0"),
        ("net.bridge.bridge-nf-call-iptables", "1"),
        ("net.ipv4.conf.v0.tag", "1"),
        ("net.ipv4.ip_early_demux", "0"),
        ("net.ipv4.tcp_timestamps", "0"),
    ] {
        let text = lab.sysctl(key, value).expect_err(key);
        assert!(text.contains("not supported by the simulator"), "{text}");
    }
    assert_eq!(lab.sysctl("net.ipv6.conf.all.disable_ipv6", "abc"), invalid("net.ipv6.conf.all.disable_ipv6"));
}

#[test]
fn the_hosts_own_values() {
    let mut lab = lab();
    let ns = lab.ns("c1");
    set(&mut lab, "net.core.rmem_default", "2304");
    assert_eq!(lab.sysctl("net.core.rmem_default", "2303"), invalid("net.core.rmem_default"));
    set(&mut lab, "net.core.netdev_max_backlog", "5");
    assert_eq!(lab.k.max_backlog, 5);
    assert_eq!(lab.k.net(ns).conf.rmem_default, 2304);
    // A container reads the one and does not see the other.
    let mut write = |key: &str| {
        let op = RtnlOp::Sysctl { key: key.to_owned(), value: "300000".to_owned() };
        lab.k.rtnl(&mut lab.cx, ns, &op).map_err(|e| e.errno)
    };
    assert_eq!(write("net.core.rmem_default"), Err(Errno::EINVAL));
    assert_eq!(write("net.core.netdev_max_backlog"), Err(Errno::ENOENT));
    assert_eq!(write("net.ipv4.neigh.default.gc_thresh1"), Err(Errno::ENOENT));
    assert_eq!(write("net.ipv4.neigh.default.locktime"), Err(Errno::ENOENT));
}

#[test]
fn neighbours() {
    // NEIGH-10, NEIGH-18
    let mut lab = lab();
    let ns = lab.ns("c1");
    let other = lab.dev_in(ns, "v0");
    for (name, value, is) in [
        ("retrans_time_ms", "50", "52"),
        ("retrans_time", "7", "7"),
        ("base_reachable_time_ms", "1001", "1004"),
        ("delay_first_probe_time", "0", "0"),
        ("mcast_solicit", "1", "1"),
        ("locktime", "0", "0"),
        ("proxy_delay", "0", "0"),
        ("unres_qlen", "3", "3"),
    ] {
        let key = format!("net.ipv4.neigh.v0.{name}");
        set(&mut lab, &key, value);
        assert_eq!(get(&lab, &key), is, "{name}");
    }
    assert_eq!(get(&lab, "net.ipv4.neigh.v0.unres_qlen_bytes"), "6270");
    let reachable = lab.k.devs[lab.id("v0")].cold.neigh.reachable_ms;
    assert!((502..1506).contains(&reachable), "{reachable}");
    let key = "net.ipv4.neigh.v0.mcast_solicit";
    assert_eq!(lab.sysctl(key, "-1"), invalid(key));
    // The host's defaults reach devices of its initial namespace that were never written, and all new ones.
    set(&mut lab, "net.ipv4.neigh.default.gc_thresh1", "7");
    assert_eq!(lab.k.neigh4.gc_thresh1, 7);
    set(&mut lab, "net.ipv4.neigh.default.ucast_solicit", "9");
    set(&mut lab, "net.ipv4.neigh.default.mcast_solicit", "9");
    assert_eq!(get(&lab, "net.ipv4.neigh.v0.ucast_solicit"), "9");
    assert_eq!(get(&lab, "net.ipv4.neigh.v0.mcast_solicit"), "1");
    assert_eq!(lab.k.devs[other].cold.neigh.ucast_solicit, 3);
    let new = lab.dev_in(ns, "v1");
    assert_eq!(lab.k.devs[new].cold.neigh.ucast_solicit, 9);
    // With an address all values count as written.
    lab.ok("addr add 10.0.0.1/24 dev v1");
    set(&mut lab, "net.ipv4.neigh.default.app_solicit", "2");
    assert_eq!(get(&lab, "net.ipv4.neigh.v1.app_solicit"), "0");
}
