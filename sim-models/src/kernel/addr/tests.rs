//! Addresses and the routes that come and go with them, as `ip` on 6.18 shows them after the same requests.

use super::{Ifa, fib_result_prefsrc, inet_select_addr, on_mtu, on_unregister};
use crate::kernel::{
    NsId,
    fib::Key,
    rtnl::Scope,
    testkit::{Lab, ip4},
};

const ROOT: NsId = NsId::ROOT;
const MAIN: u32 = 254;
const LOCAL: u32 = 255;

/// A lab with `v0` up and `v1`, `v2` down.
fn lab() -> Lab {
    let mut lab = Lab::new();
    for dev in ["v0", "v1", "v2"] {
        lab.dev(dev);
    }
    lab.ok("link set v0 up");
    lab
}

fn exists() -> Result<(), String> {
    Err("Error: ipv4: Address already assigned.".to_owned())
}

#[test]
fn routes_of_an_address() {
    // ADDR-1, ADDR-4, ADDR-5, ADDR-12
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v0
         addr add 10.1.0.1/32 dev v0
         addr add 10.2.0.1/31 brd + dev v0
         addr add 10.3.0.1 peer 10.4.0.2/24 brd + dev v0
         addr add 10.5.0.1/24 brd 10.5.0.77 noprefixroute dev v0
         addr add 127.1.0.1/16 dev v0
         addr add 224.0.0.5/24 dev v0
         addr add 250.0.0.5/0 dev v0
         addr add 0.0.0.0/24 dev v0");
    assert_eq!(
        lab.routes(MAIN),
        [
            "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
            "10.2.0.0/31 dev v0 proto kernel scope link src 10.2.0.1",
            "10.4.0.0/24 dev v0 proto kernel scope link src 10.3.0.1",
            "127.1.0.0/16 dev v0 proto kernel scope link src 127.1.0.1",
        ]
    );
    assert_eq!(
        lab.routes(LOCAL),
        [
            "local 10.0.0.1 dev v0 proto kernel scope host src 10.0.0.1",
            "broadcast 10.0.0.255 dev v0 proto kernel scope link src 10.0.0.1",
            "local 10.1.0.1 dev v0 proto kernel scope host src 10.1.0.1",
            "local 10.2.0.1 dev v0 proto kernel scope host src 10.2.0.1",
            "local 10.3.0.1 dev v0 proto kernel scope host src 10.3.0.1",
            "broadcast 10.4.0.255 dev v0 proto kernel scope link src 10.3.0.1",
            "local 10.5.0.1 dev v0 proto kernel scope host src 10.5.0.1",
            "broadcast 10.5.0.77 dev v0 proto kernel scope link src 10.5.0.1",
            "broadcast 10.5.0.255 dev v0 proto kernel scope link src 10.5.0.1",
            "local 127.1.0.1 dev v0 proto kernel scope host src 127.1.0.1",
            "broadcast 127.1.255.255 dev v0 proto kernel scope link src 127.1.0.1",
            "local 224.0.0.5 dev v0 proto kernel scope host src 224.0.0.5",
            "local 250.0.0.5 dev v0 proto kernel scope host src 250.0.0.5",
        ]
    );
    assert_eq!(
        lab.addrs("v0"),
        [
            "127.1.0.1/16 scope host v0",
            "10.0.0.1/24 scope global v0",
            "10.1.0.1/32 scope global v0",
            "10.2.0.1/31 scope global v0",
            "10.3.0.1 peer 10.4.0.2/24 brd 10.4.0.255 scope global v0",
            "10.5.0.1/24 brd 10.5.0.77 scope global noprefixroute v0",
            "224.0.0.5/24 scope global v0",
            "250.0.0.5/0 scope global v0",
        ]
    );
}

#[test]
fn a_device_that_is_down_has_the_local_route_only() {
    // ADDR-2, ADDR-11
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v1");
    let local = "local 10.0.0.1 dev v1 proto kernel scope host src 10.0.0.1";
    assert_eq!(lab.routes(0), [local.replace("v1 ", "v1 table local ")]);
    lab.ok("link set v1 up");
    assert_eq!(lab.routes(MAIN), ["10.0.0.0/24 dev v1 proto kernel scope link src 10.0.0.1"]);
    assert_eq!(lab.routes(LOCAL), [local, "broadcast 10.0.0.255 dev v1 proto kernel scope link src 10.0.0.1"]);
    lab.ok("link set v1 down");
    assert_eq!(lab.routes(MAIN).len(), 0);
    assert_eq!(lab.routes(LOCAL), [local]);
}

#[test]
fn primary_and_secondary() {
    // ADDR-3, ADDR-6, ADDR-7
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v0
         addr add 10.0.0.2/24 dev v0
         addr add 10.0.0.130/25 dev v0
         addr add 10.0.0.1/25 dev v0
         addr add 10.9.0.1/24 scope link dev v0
         addr add 10.0.0.3/24 dev v0");
    assert_eq!(lab.ip("addr add 10.0.0.2/24 dev v0"), exists());
    let refused = Err("Error: ipv4: Invalid scope value.".to_owned());
    assert_eq!(lab.ip("addr add 10.0.0.4/24 scope link dev v0"), refused);
    assert_eq!(lab.ip("addr add 10.0.0.2/24 scope link dev v0"), exists());
    assert_eq!(
        lab.addrs("v0"),
        [
            "10.9.0.1/24 scope link v0",
            "10.0.0.1/24 scope global v0",
            "10.0.0.130/25 scope global v0",
            "10.0.0.1/25 scope global v0",
            "10.0.0.2/24 scope global secondary v0",
            "10.0.0.3/24 scope global secondary v0",
        ]
    );
    let routes = lab.routes(LOCAL);
    assert!(routes.contains(&"local 10.0.0.2 dev v0 proto kernel scope host src 10.0.0.1".to_owned()), "{routes:#?}");
    // Another device may have the same address.
    lab.ok("addr add 10.0.0.2/24 dev v1");
}

#[test]
fn a_primary_takes_its_secondaries_along() {
    // ADDR-8, ADDR-9, ADDR-10
    let mut lab = lab();
    lab.ok("addr add 11.0.0.1/24 dev v0
         addr add 11.0.0.2/24 dev v0
         addr add 12.0.0.1/24 dev v0
         route add 50.0.0.0/8 via 11.0.0.9 src 11.0.0.2
         route add 51.0.0.0/8 via 11.0.0.9
         route add 52.0.0.0/8 via 11.0.0.9 src 11.0.0.1 table 7
         addr del 11.0.0.1/24 dev v0");
    assert_eq!(lab.addrs("v0"), ["12.0.0.1/24 scope global v0"]);
    assert_eq!(
        lab.routes(MAIN),
        ["12.0.0.0/24 dev v0 proto kernel scope link src 12.0.0.1", "51.0.0.0/8 via 11.0.0.9 dev v0"]
    );
    // Only main is searched for routes with a source that is gone.
    assert_eq!(lab.routes(7), ["52.0.0.0/8 via 11.0.0.9 dev v0 src 11.0.0.1"]);
    // The last address takes all routes of the device along.
    lab.ok("addr del 12.0.0.1/24 dev v0");
    assert_eq!(lab.routes(0).len(), 0);
}

#[test]
fn promotion() {
    // ADDR-8: what 6.18 showed after the same requests.
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v0
         addr add 11.0.0.1/24 dev v0
         addr add 11.0.0.2/24 dev v0
         addr add 12.0.0.1/24 dev v0
         addr add 11.0.0.3/24 brd + dev v0
         addr add 12.0.0.2/24 dev v0
         route add 50.0.0.0/8 via 11.0.0.9 src 11.0.0.2
         route add 51.0.0.0/8 via 11.0.0.9 src 11.0.0.1");
    lab.sysctl("net.ipv4.conf.v0.promote_secondaries", "1").expect("a key");
    lab.ok("addr del 11.0.0.1/24 dev v0");
    assert_eq!(
        lab.addrs("v0"),
        [
            "10.0.0.1/24 scope global v0",
            "12.0.0.1/24 scope global v0",
            "11.0.0.2/24 scope global v0",
            "11.0.0.3/24 brd 11.0.0.255 scope global secondary v0",
            "12.0.0.2/24 scope global secondary v0",
        ]
    );
    assert_eq!(
        lab.routes(MAIN),
        [
            "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
            "11.0.0.0/24 dev v0 proto kernel scope link src 11.0.0.2",
            "12.0.0.0/24 dev v0 proto kernel scope link src 12.0.0.1",
            "50.0.0.0/8 via 11.0.0.9 dev v0 src 11.0.0.2",
        ]
    );
    assert_eq!(
        lab.routes(LOCAL),
        [
            "local 10.0.0.1 dev v0 proto kernel scope host src 10.0.0.1",
            "broadcast 10.0.0.255 dev v0 proto kernel scope link src 10.0.0.1",
            "local 11.0.0.2 dev v0 proto kernel scope host src 11.0.0.2",
            "local 11.0.0.3 dev v0 proto kernel scope host src 11.0.0.2",
            "broadcast 11.0.0.255 dev v0 proto kernel scope link src 11.0.0.2",
            "local 12.0.0.1 dev v0 proto kernel scope host src 12.0.0.1",
            "local 12.0.0.2 dev v0 proto kernel scope host src 12.0.0.1",
            "broadcast 12.0.0.255 dev v0 proto kernel scope link src 12.0.0.1",
        ]
    );
    // all/promote_secondaries is ORed with the device's (DEV-43).
    lab.sysctl("net.ipv4.conf.v0.promote_secondaries", "0").expect("a key");
    lab.sysctl("net.ipv4.conf.all.promote_secondaries", "1").expect("a key");
    lab.ok("addr del 12.0.0.1/24 dev v0");
    assert_eq!(lab.addrs("v0")[2], "12.0.0.2/24 scope global v0");
}

#[test]
fn one_address_twice() {
    // ADDR-6, ADDR-9: the address stays local as long as one of the two is left.
    let mut lab = lab();
    lab.ok("link set v1 up
         addr add 13.0.0.1/24 dev v0
         addr add 13.0.0.1/25 dev v0
         addr add 14.0.0.1/24 dev v0
         addr add 14.0.0.1/24 dev v1
         route add 60.0.0.0/8 dev v0 src 14.0.0.1
         addr del 13.0.0.1/24 dev v0
         addr del 14.0.0.1/24 dev v0");
    assert_eq!(
        lab.routes(LOCAL),
        [
            "local 13.0.0.1 dev v0 proto kernel scope host src 13.0.0.1",
            "broadcast 13.0.0.127 dev v0 proto kernel scope link src 13.0.0.1",
            "local 14.0.0.1 dev v1 proto kernel scope host src 14.0.0.1",
            "broadcast 14.0.0.255 dev v1 proto kernel scope link src 14.0.0.1",
        ]
    );
    assert_eq!(lab.routes(MAIN)[2], "60.0.0.0/8 dev v0 scope link src 14.0.0.1");
    let addrs = &lab.k.net(ROOT).addrs;
    assert_eq!(addrs.find(ip4("14.0.0.1")).map(|f| f.0), Some(lab.id("v1")));
    assert_eq!(addrs.find(ip4("14.0.0.2")), None);
    lab.ok("addr del 14.0.0.1/24 dev v1");
    assert_eq!(lab.k.net(ROOT).addrs.find(ip4("14.0.0.1")), None);
    // The route by another device that sent from it has gone, too.
    assert_eq!(lab.routes(MAIN), ["13.0.0.0/25 dev v0 proto kernel scope link src 13.0.0.1"]);
}

#[test]
fn a_source_must_be_local_for_an_address_route_too() {
    // Seen: an address that is another one's broadcast address gets its local route and no other.
    let mut lab = lab();
    lab.ok("link set v1 up
         addr add 10.0.0.1/16 brd 10.1.0.5 dev v0
         addr add 10.1.0.5/24 dev v0");
    assert_eq!(lab.routes(MAIN), ["10.0.0.0/16 dev v0 proto kernel scope link src 10.0.0.1"]);
}

#[test]
fn lo_gets_its_address_at_every_up() {
    // DEV-37, DEV-38; with other addresses, too (seen).
    let mut lab = lab();
    assert_eq!(lab.addrs("lo").len(), 0);
    lab.ok("link set lo up");
    assert_eq!(lab.addrs("lo"), ["127.0.0.1/8 scope host lo"]);
    let up = [
        "local 127.0.0.0/8 dev lo proto kernel scope host src 127.0.0.1",
        "local 127.0.0.1 dev lo proto kernel scope host src 127.0.0.1",
        "broadcast 127.255.255.255 dev lo proto kernel scope link src 127.0.0.1",
    ];
    assert_eq!(lab.routes(LOCAL), up);
    lab.ok("link set lo down");
    assert_eq!(lab.routes(LOCAL), up[..2]);
    lab.ok("addr add 15.0.0.1/24 dev lo
         addr del 127.0.0.1/8 dev lo
         link set lo up");
    assert_eq!(lab.addrs("lo"), ["127.0.0.1/8 scope host lo", "15.0.0.1/24 scope global lo"]);
    assert_eq!(lab.routes(LOCAL)[0], "local 15.0.0.0/24 dev lo proto kernel scope host src 15.0.0.1");
    assert_eq!(lab.routes(MAIN).len(), 0);
}

#[test]
fn down_and_up_lose_all_but_the_connected_routes() {
    // DEV-39, RT-15: static ones by the device don't come back; others and errors stay.
    let mut lab = lab();
    lab.ok("link set v1 up
         addr add 10.0.0.1/24 dev v0
         addr add 10.1.0.1/24 dev v1
         route add default via 10.0.0.9
         route add 61.0.0.0/8 dev v0
         route add local 62.0.0.0/8 dev v0
         route add 63.0.0.0/8 via 10.1.0.9
         route add blackhole 64.0.0.0/8
         link set v0 down
         link set v0 up");
    assert_eq!(
        lab.routes(MAIN),
        [
            "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
            "10.1.0.0/24 dev v1 proto kernel scope link src 10.1.0.1",
            "63.0.0.0/8 via 10.1.0.9 dev v1",
            "blackhole 64.0.0.0/8",
        ]
    );
    assert!(lab.routes(LOCAL).contains(&"local 62.0.0.0/8 dev v0 scope host".to_owned()));
}

#[test]
fn a_device_that_goes_away() {
    // DEV-30, ADDR-9
    let mut lab = lab();
    let v0 = lab.id("v0");
    lab.ok("link set v1 up
         addr add 10.0.0.1/24 dev v0
         addr add 10.0.0.2/24 dev v0
         addr add 10.1.0.1/24 dev v1
         route add 50.0.0.0/8 via 10.1.0.9 src 10.0.0.1
         route add local 62.0.0.0/8 dev v0");
    on_unregister(&mut lab.k, &mut lab.cx, v0);
    assert_eq!(lab.addrs("v0").len(), 0);
    assert_eq!(lab.routes(MAIN), ["10.1.0.0/24 dev v1 proto kernel scope link src 10.1.0.1"]);
    assert_eq!(lab.routes(LOCAL).len(), 2);
    assert!(!lab.k.devs[v0].cold.in_device);
}

#[test]
fn ipv4_needs_an_mtu() {
    // DEV-8
    let mut lab = lab();
    let v0 = lab.id("v0");
    lab.ok("addr add 10.0.0.1/24 dev v0");
    lab.sysctl("net.ipv4.conf.v0.rp_filter", "1").expect("a key");
    lab.k.devs[v0].mtu = 67;
    on_mtu(&mut lab.k, &mut lab.cx, v0);
    assert_eq!(lab.routes(0).len(), 0);
    let none = Err("RTNETLINK answers: No buffer space available".to_owned());
    assert_eq!(lab.ip("addr add 10.0.0.1/24 dev v0"), none);
    let none = Err("RTNETLINK answers: No such device".to_owned());
    assert_eq!(lab.ip("route add 1.0.0.0/8 dev v0"), none);
    lab.ok("route add local 1.0.0.0/8 dev v0");
    lab.k.devs[v0].mtu = 68;
    on_mtu(&mut lab.k, &mut lab.cx, v0);
    assert_eq!(lab.addrs("v0").len(), 0);
    assert_eq!(lab.k.devs[v0].conf.rp_filter(), 0);
    lab.ok("addr add 10.0.0.1/24 dev v0");
}

#[test]
fn source_addresses() {
    // RT-23
    let mut lab = lab();
    lab.ok("link set lo up
         link set v1 up
         addr add 10.0.0.1/24 scope link dev v0
         addr add 10.1.0.1/24 dev v0
         addr add 10.1.0.2/24 dev v0
         addr add 10.2.0.1/24 dev v0
         addr add 10.3.0.1/24 scope host dev v0
         addr add 10.4.0.1/24 scope link dev v1");
    let (v0, v1, v2) = (lab.id("v0"), lab.id("v1"), lab.id("v2"));
    let select = |lab: &Lab, dev, dst, scope| {
        crate::packet::Ip4Addr(inet_select_addr(&lab.k, ROOT, dev, ip4(dst), scope)).to_string()
    };
    // The first primary of suitable scope; the one in the destination's subnet is preferred; secondaries never.
    assert_eq!(select(&lab, Some(v0), "0.0.0.0", Scope::Universe), "10.1.0.1");
    assert_eq!(select(&lab, Some(v0), "10.2.0.9", Scope::Universe), "10.2.0.1");
    assert_eq!(select(&lab, Some(v0), "10.1.0.2", Scope::Universe), "10.1.0.1");
    assert_eq!(select(&lab, Some(v0), "0.0.0.0", Scope::Link), "10.0.0.1");
    assert_eq!(select(&lab, Some(v0), "10.3.0.9", Scope::Link), "10.0.0.1");
    assert_eq!(select(&lab, Some(v0), "10.3.0.9", Scope::Host), "10.3.0.1");
    // Any device: never scope link there, `lo` first if its scope is good enough.
    assert_eq!(select(&lab, Some(v1), "0.0.0.0", Scope::Universe), "10.1.0.1");
    assert_eq!(select(&lab, Some(v2), "0.0.0.0", Scope::Universe), "10.1.0.1");
    assert_eq!(select(&lab, None, "10.2.0.9", Scope::Universe), "10.1.0.1");
    assert_eq!(select(&lab, Some(v2), "0.0.0.0", Scope::Host), "127.0.0.1");
    // route_localnet lets addresses of scope host pass for scope link on the device.
    lab.sysctl("net.ipv4.conf.v0.route_localnet", "1").expect("a key");
    assert_eq!(select(&lab, Some(v0), "10.3.0.9", Scope::Link), "10.3.0.1");
    // Nothing suitable.
    assert_eq!(select(&Lab::new(), None, "0.0.0.0", Scope::Universe), "0.0.0.0");
}

#[test]
fn source_of_a_route() {
    // RT-23, RT-12: what `ip route get` showed on 6.18.
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v0
         addr add 10.1.0.1/24 dev v0
         route add 20.0.0.0/8 via 10.1.0.9
         route add 21.0.0.0/8 via 10.0.0.9 src 10.1.0.1
         route add 10.1.0.128/25 dev v0
         route add 22.0.0.0/8 via 10.1.0.1");
    let at = |dst| {
        let hit = lab.v4().lookup(&Key::to(ip4(dst))).expect("a route");
        (fib_result_prefsrc(&lab.k, ROOT, &hit), hit.nexthop(ip4(dst)))
    };
    assert_eq!(at("20.0.0.1"), (ip4("10.1.0.1"), ip4("10.1.0.9")));
    assert_eq!(at("21.0.0.1"), (ip4("10.1.0.1"), ip4("10.0.0.9")));
    // Without a gateway the destination does not count: the first primary.
    assert_eq!(at("10.1.0.200"), (ip4("10.0.0.1"), ip4("10.1.0.200")));
    // An own address as the gateway: the destination itself is on the link.
    assert_eq!(at("22.0.0.1"), (ip4("10.1.0.1"), ip4("22.0.0.1")));
}

#[test]
fn refusals_of_addresses() {
    let mut lab = lab();
    let no_device = Err("Cannot find device \"nosuch\"".to_owned());
    assert_eq!(lab.ip("addr add 10.0.0.1/24 dev nosuch"), no_device);
    assert_eq!(lab.ip("addr del 10.0.0.1/24 dev nosuch"), no_device);
    lab.ok("addr add 10.0.0.1/24 dev v0");
    assert_eq!(lab.ip("addr add 10.0.0.1/24 dev v0"), exists());
    let missing = Err("Error: ipv4: Address not found.".to_owned());
    assert_eq!(lab.ip("addr del 10.0.0.77/24 dev v0"), missing);
    assert_eq!(lab.ip("addr del 10.0.0.1/26 dev v0"), missing);
    lab.ok("addr add 10.11.0.5 peer 10.12.0.5/24 dev v0");
    assert_eq!(lab.ip("addr del 10.11.0.5/24 dev v0"), missing);
    lab.ok("addr del 10.11.0.5 peer 10.12.0.7/24 dev v0");
}

#[test]
fn a_deletion_without_a_length_fits_any() {
    use crate::kernel::rtnl::{IfAddr, RtnlOp};
    let mut lab = lab();
    lab.ok("addr add 10.0.0.1/24 dev v0");
    let mut addr = IfAddr::new(crate::packet::Prefix::new(ip4("10.0.0.1"), 32));
    addr.len = IfAddr::ANY_LEN;
    let (dev, new) = ("v0".to_owned(), RtnlOp::NewAddr { dev: "v0".to_owned(), addr });
    let refused = lab.k.rtnl(&mut lab.cx, ROOT, &new).map_err(|e| e.to_string());
    assert_eq!(refused, Err("Error: ipv4: Invalid prefix length.".to_owned()));
    assert_eq!(lab.k.rtnl(&mut lab.cx, ROOT, &RtnlOp::DelAddr { dev, addr }), Ok(()));
    assert_eq!(lab.addrs("v0").len(), 0);
}

#[test]
fn every_address_knows_who_asked() {
    let mut lab = lab();
    lab.cx.origin = 7;
    lab.ok("addr add 10.0.0.1/24 dev v0");
    lab.cx.origin = 8;
    lab.ok("addr add 10.0.0.2/24 dev v0");
    lab.cx.origin = 9;
    lab.ok("link set v0 down\nlink set v0 up\nroute add 5.0.0.0/8 dev v0");
    let origins: Vec<u32> = lab.k.net(ROOT).addrs.on(lab.id("v0")).iter().map(|i| i.origin).collect();
    assert_eq!(origins, [7, 8]);
    let origin = |dst| lab.v4().lookup(&Key::to(ip4(dst))).map(|h| h.origin);
    assert_eq!(origin("10.0.0.1"), Ok(7));
    assert_eq!(origin("10.0.0.2"), Ok(8));
    assert_eq!(origin("10.0.0.77"), Ok(7));
    assert_eq!(origin("5.0.0.1"), Ok(9));
}

#[test]
fn namespaces_have_their_own() {
    let mut lab = lab();
    let ns = lab.ns("c1");
    lab.dev_in(ns, "v0");
    lab.ok("addr add 10.0.0.1/24 dev v0");
    assert_eq!(lab.ip_in(ns, "link set v0 up"), Ok(()));
    assert_eq!(lab.ip_in(ns, "addr add 10.0.0.1/24 dev v0"), Ok(()));
    lab.ok("addr del 10.0.0.1/24 dev v0");
    assert_eq!(lab.routes(0).len(), 0);
    assert_eq!(lab.k.net(ns).v4.len(), 3);
}

#[test]
fn thousands_of_addresses() {
    let mut lab = lab();
    for i in 0..3_000_u32 {
        let a = crate::packet::Ip4Addr(ip4("10.0.0.1") + i);
        assert_eq!(lab.ip(&format!("addr add {a}/8 dev v0")), Ok(()));
    }
    assert_eq!(lab.v4().len(), 3_002);
    lab.ok("link set v0 down\nlink set v0 up\naddr del 10.0.0.1/8 dev v0");
    assert_eq!(lab.v4().len(), 0);
}

#[test]
fn subnets() {
    let mut ifa = Ifa {
        local: ip4("10.0.0.1"),
        address: ip4("10.0.0.1"),
        len: 25,
        broadcast: None,
        scope: Scope::Universe,
        secondary: false,
        noprefixroute: false,
        label: 0,
        origin: 0,
    };
    assert_eq!((ifa.mask(), ifa.network(), ifa.last()), (0xffff_ff80, ip4("10.0.0.0"), ip4("10.0.0.127")));
    assert!(ifa.contains(ip4("10.0.0.127")) && !ifa.contains(ip4("10.0.0.128")));
    ifa.len = 0;
    assert!(ifa.contains(ip4("200.0.0.1")));
    assert_eq!((ifa.network(), ifa.last()), (0, u32::MAX));
}
