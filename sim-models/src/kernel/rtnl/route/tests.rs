//! What `ip route` prints for good and for bad requests on 6.18.

use crate::kernel::{
    NsId,
    rtnl::{RouteSpec, RtnlOp},
    testkit::{Lab, prefix},
};

/// `v0` up with 10.0.0.1/24, `v2` down.
fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.dev("v2");
    lab.ok("link set v0 up\naddr add 10.0.0.1/24 dev v0");
    lab
}

/// Requests that are refused, and what is printed then.
fn refused(lab: &mut Lab, requests: &[(&str, &str)]) {
    for (request, text) in requests {
        assert_eq!(lab.ip(&format!("route {request}")), Err((*text).to_owned()), "ip route {request}");
    }
}

const BAD_GATEWAY: &str = "Error: Nexthop has invalid gateway.";
const NO_SUCH: &str = "RTNETLINK answers: No such process";
const NO_DEVICE: &str = "RTNETLINK answers: No such device";

#[test]
fn gateways() {
    // RT-12
    let mut lab = lab();
    lab.ok("route add 99.0.0.0/8 via 10.0.0.9");
    refused(
        &mut lab,
        &[
            ("add 98.0.0.0/8 via 10.99.0.2", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 10.0.0.9 dev v2", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 10.0.0.255", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 224.0.0.5", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 127.0.0.5", BAD_GATEWAY),
            // Reachable only through another gateway.
            ("add 98.0.0.0/8 via 99.1.1.1", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 10.0.0.9 scope link", BAD_GATEWAY),
            ("add 98.0.0.0/8 via 10.0.0.9 scope host", "Error: Route with host scope can not have a gateway."),
        ],
    );
    // An own address, with its own device; 127/8 once lo is up.
    lab.ok("link set lo up
         route add 97.0.0.0/8 via 10.0.0.1
         route add 96.0.0.0/8 via 127.0.0.5");
    assert_eq!(
        lab.routes(254)[1..],
        ["96.0.0.0/8 via 127.0.0.5 dev lo", "97.0.0.0/8 via 10.0.0.1 dev v0", "99.0.0.0/8 via 10.0.0.9 dev v0"]
    );
    // A gateway behind a device that went down, and a dev-only route by it.
    lab.ok("link set v0 down");
    refused(
        &mut lab,
        &[
            ("add 98.0.0.0/8 via 10.0.0.9", BAD_GATEWAY),
            ("add 98.0.0.0/8 dev v0", "Error: Device for nexthop is not up."),
            // Own addresses stay, but the device is down.
            ("add 98.0.0.0/8 via 10.0.0.1", "RTNETLINK answers: Network is down"),
        ],
    );
}

#[test]
fn a_gateway_is_looked_for_in_its_own_table_first() {
    // RT-12
    let mut lab = lab();
    lab.ok("route add 20.0.0.0/24 dev v0 table 7");
    refused(&mut lab, &[("add 30.0.0.0/8 via 20.0.0.9", BAD_GATEWAY)]);
    lab.ok("route add 30.0.0.0/8 via 20.0.0.9 table 7
         route add 31.0.0.0/8 via 10.0.0.9 table 7");
    assert_eq!(lab.routes(7).len(), 3);
}

#[test]
fn onlink() {
    // RT-13
    let mut lab = lab();
    lab.ok("route add 95.0.0.0/8 via 10.88.0.9 dev v0 onlink");
    refused(
        &mut lab,
        &[
            ("add 96.0.0.0/8 via 10.0.0.9 dev v0 onlink scope link", "Error: Nexthop has invalid scope."),
            ("add 94.0.0.0/8 via 10.88.0.9 onlink", "Error: Nexthop device required for onlink."),
            ("add 94.0.0.0/8 via 10.0.0.255 dev v0 onlink", BAD_GATEWAY),
            ("add 94.0.0.0/8 via 10.0.0.1 dev v0 onlink", BAD_GATEWAY),
            ("add 94.0.0.0/8 via 10.0.0.9 dev v2 onlink", "Error: Nexthop device is not up."),
            ("add 94.0.0.0/8 dev v0 onlink", "Error: Invalid flags for nexthop - PERVASIVE and ONLINK can not be set."),
        ],
    );
    assert_eq!(lab.routes(254)[1..], ["95.0.0.0/8 via 10.88.0.9 dev v0 onlink"]);
}

#[test]
fn without_a_gateway() {
    // RT-14
    let mut lab = lab();
    refused(
        &mut lab,
        &[
            ("add 96.0.0.0/8 dev v2", "Error: Device for nexthop is not up."),
            ("add 96.0.0.0/8", NO_DEVICE),
            ("add local 88.0.0.0/8", NO_DEVICE),
            ("add 68.0.0.0/8 via 0.0.0.0", NO_DEVICE),
            ("add 96.0.0.0/8 dev nosuch", "Cannot find device \"nosuch\""),
            ("add 96.0.0.0/8 dev v0 src 10.9.9.9", "Error: Invalid prefsrc address."),
            ("add 96.0.0.0/8 via 10.0.0.9 src 10.0.0.255", "Error: Invalid prefsrc address."),
        ],
    );
    // iproute2's choice of scope.
    lab.ok("route add 68.0.0.0/8 via 0.0.0.0 dev v0
         route add 69.0.0.0/8 dev v0 src 10.0.0.1
         route add 80.0.0.0/8 dev v0 scope global
         route add 81.0.0.0/8 dev v0 scope host
         route add multicast 86.0.0.0/8 dev v0
         route add local 89.1.0.0/16 dev v0 table main");
    assert_eq!(
        lab.routes(254)[1..],
        [
            "68.0.0.0/8 dev v0",
            "69.0.0.0/8 dev v0 scope link src 10.0.0.1",
            "80.0.0.0/8 dev v0",
            "81.0.0.0/8 dev v0 scope host",
            "multicast 86.0.0.0/8 dev v0 scope link",
            "local 89.1.0.0/16 dev v0 scope host",
        ]
    );
}

#[test]
fn types() {
    // RT-6: errors have neither device nor gateway, and nobody looks at their source.
    let mut lab = lab();
    lab.ok("route add blackhole 93.0.0.0/8
         route add unreachable 92.0.0.0/8 metric 7
         route add prohibit 91.0.0.0/8 src 1.2.3.4
         route add throw 90.0.0.0/8
         route add local 89.0.0.0/8 dev v2
         route add broadcast 87.0.0.0/8 dev v0
         route add anycast 85.0.0.0/8 dev v0");
    let extra = "Error: Gateway, device and multipath can not be specified for this route type.";
    refused(
        &mut lab,
        &[
            ("add blackhole 94.0.0.0/8 dev v0", extra),
            ("add unreachable 94.0.0.0/8 via 10.0.0.9", extra),
            ("add local 88.0.0.0/8 via 10.0.0.9", "Error: Route with host scope can not have a gateway."),
            ("add local 88.0.0.0/8 dev v0 scope link", "Error: Invalid scope."),
            ("add broadcast 88.0.0.0/8 dev v0 scope global", "Error: Invalid scope."),
        ],
    );
    assert_eq!(
        lab.routes(254)[1..],
        [
            "throw 90.0.0.0/8",
            "prohibit 91.0.0.0/8 src 1.2.3.4",
            "unreachable 92.0.0.0/8 metric 7",
            "blackhole 93.0.0.0/8"
        ]
    );
    assert_eq!(
        lab.routes(255)[2..],
        [
            "anycast 85.0.0.0/8 dev v0 scope link",
            "broadcast 87.0.0.0/8 dev v0 scope link",
            "local 89.0.0.0/8 dev v2 scope host",
        ]
    );
}

#[test]
fn malformed() {
    let mut lab = lab();
    let prefix = "Error: Invalid prefix for given prefix length.";
    let tos = "Error: Invalid dsfield (tos): ECN bits must be 0.";
    refused(
        &mut lab,
        &[
            ("add 10.0.0.1/8 via 10.0.0.2", prefix),
            ("del 10.0.0.1/8", prefix),
            ("del 20.0.0.1/8 table 500", prefix),
            ("add 79.0.0.0/8 via 10.0.0.9 tos 3", tos),
            ("add 79.0.0.1/8 via 10.0.0.9 tos 3", tos),
            ("del 99.0.0.0/8 table 77", "Error: FIB table does not exist."),
        ],
    );
    let long = RouteSpec { dev: Some("v0".to_owned()), ..RouteSpec::to(crate::packet::Prefix::new(1, 33)) };
    let e = lab.k.rtnl(&mut lab.cx, NsId::ROOT, &RtnlOp::DelRoute { route: long }).expect_err("too long");
    assert_eq!(e.to_string(), "Error: Invalid prefix length.");
}

#[test]
fn deletion_fits_what_is_left_out() {
    let mut lab = lab();
    lab.ok("route add 83.0.0.0/8 via 10.0.0.9 mtu 1400
         route add 82.0.0.0/8 via 10.0.0.9 tos 0x10 metric 5 proto static src 10.0.0.1
         route add blackhole 93.0.0.0/8
         route add local 89.0.0.0/8 dev v0
         route add broadcast 87.0.0.0/8 dev v0");
    refused(
        &mut lab,
        &[
            ("del 99.0.0.0/8", NO_SUCH),
            ("del 82.0.0.0/8", NO_SUCH),
            ("del 82.0.0.0/8 tos 0x10 metric 6", NO_SUCH),
            ("del 82.0.0.0/8 tos 0x10 src 10.0.0.2", NO_SUCH),
            ("del 82.0.0.0/8 tos 0x10 proto kernel", NO_SUCH),
            ("del 83.0.0.0/8 mtu 1300", NO_SUCH),
            ("del blackhole 83.0.0.0/8", NO_SUCH),
            ("del 83.0.0.0/8 dev v2", NO_SUCH),
            ("del 83.0.0.0/8 scope link", NO_SUCH),
            ("del 83.0.0.0/8 via 10.0.0.8", NO_SUCH),
            ("del 83.0.0.0/8 dev nosuch", "Cannot find device \"nosuch\""),
            // Of another table.
            ("del 89.0.0.0/8", NO_SUCH),
        ],
    );
    lab.ok("route del 83.0.0.0/8 dev v0
         route del 82.0.0.0/8 tos 0x10
         route del 93.0.0.0/8
         route del local 89.0.0.0/8
         route del broadcast 87.0.0.0/8
         route del 10.0.0.0/24");
    assert_eq!(lab.routes(254).len(), 0);
    assert_eq!(lab.routes(255).len(), 2);
}

#[test]
fn a_deletion_as_add_would_write_it() {
    // A request that names neither type nor protocol says unicast and boot; the deletion takes that for "any".
    let mut lab = lab();
    lab.ok("route add blackhole 93.0.0.0/8 proto static");
    let route = RouteSpec::to(prefix("93.0.0.0/8"));
    assert_eq!(lab.k.rtnl(&mut lab.cx, NsId::ROOT, &RtnlOp::DelRoute { route }), Ok(()));
}

#[test]
fn printing() {
    let mut lab = lab();
    lab.ok("route add default via 10.0.0.9
         route add default via 10.0.0.8 metric 10
         route add 11.0.0.1 dev v0 metric 4294967295
         route add 82.0.0.0/8 via 10.0.0.9 tos 0x10 metric 5 proto static src 10.0.0.1
         route add 83.0.0.0/8 via 10.0.0.9 mtu 1400
         route add 84.0.0.0/8 dev v0 proto 99 mtu 99999999
         route add 85.0.0.0/8 dev v0 proto 200
         route add 86.0.0.0/8 dev v0 table 500
         route add 87.0.0.0/8 dev v0 table default");
    lab.carrier("v0", false);
    assert_eq!(
        lab.routes(0),
        [
            "86.0.0.0/8 dev v0 table 500 scope link linkdown",
            "87.0.0.0/8 dev v0 table default scope link linkdown",
            "default via 10.0.0.9 dev v0 linkdown",
            "default via 10.0.0.8 dev v0 metric 10 linkdown",
            "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1 linkdown",
            "11.0.0.1 dev v0 scope link metric 4294967295 linkdown",
            "82.0.0.0/8 tos 0x10 via 10.0.0.9 dev v0 proto static src 10.0.0.1 metric 5 linkdown",
            "83.0.0.0/8 via 10.0.0.9 dev v0 linkdown mtu 1400",
            "84.0.0.0/8 dev v0 proto openr scope link linkdown mtu 65520",
            "85.0.0.0/8 dev v0 proto 200 scope link linkdown",
            "local 10.0.0.1 dev v0 table local proto kernel scope host src 10.0.0.1",
            "broadcast 10.0.0.255 dev v0 table local proto kernel scope link src 10.0.0.1 linkdown",
        ]
    );
}
