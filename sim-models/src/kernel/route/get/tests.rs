//! What `ip route get` printed on 6.18 (iproute2 6.1) for the same tables.

use super::*;
use crate::kernel::{
    rtnl::{RtnlOp, RuleAction, RuleSpec},
    testkit::{Lab, ip4, prefix},
};

fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.dev("v1");
    lab.dev("v3");
    lab.ok("link set lo up
         link set v1 up
         link set v3 up
         addr add 10.0.0.1/24 dev v1
         addr add 10.1.0.1/24 dev v3
         addr add 10.1.0.7/24 dev v3
         route add default via 10.0.0.9
         route add unreachable 20.0.0.0/8
         route add blackhole 21.0.0.0/8
         route add prohibit 22.0.0.0/8
         route add throw 23.0.0.0/8
         route add 24.0.0.0/8 via 10.1.0.9 src 10.1.0.7 mtu 1400
         route add 25.0.0.0/8 via 10.1.0.9 table 100");
    let rule = RuleSpec { from: prefix("10.1.0.1"), table: 100, action: Some(RuleAction::Lookup), ..RuleSpec::any() };
    lab.k.rtnl(&mut lab.cx, NsId::ROOT, &RtnlOp::NewRule { rule }).expect("a rule");
    lab
}

/// "DST from SRC iif DEV …" as `ip route get` takes it: both lines as one, or the error.
fn get(lab: &mut Lab, line: &str) -> (String, String) {
    let words: Vec<&str> = line.split(' ').collect();
    let mut get = Get { dst: ip4(words[0]), ..Get::default() };
    for pair in words[1..].chunks(2) {
        match (pair[0], pair[1]) {
            ("from", a) => get.from = ip4(a),
            ("iif", d) => get.iif = Some(d.to_owned()),
            ("oif", d) => get.oif = Some(d.to_owned()),
            ("mark", m) => get.mark = m.parse().expect("a mark"),
            ("uid", u) => get.uid = Some(u.parse().expect("a uid")),
            (w, _) => panic!("{w}"),
        }
    }
    match route_get(&mut lab.k, &mut lab.cx, NsId::ROOT, &get) {
        Ok(got) => (got.lines(&lab.k, NsId::ROOT).join(""), got.json(&lab.k, NsId::ROOT).to_string()),
        Err(e) => (e.to_string(), String::new()),
    }
}

fn check(lab: &mut Lab, all: &[(&str, &str)]) {
    for (line, text) in all {
        assert_eq!(get(lab, line).0, *text, "ip route get {line}");
    }
}

const UNREACHABLE: &str = "RTNETLINK answers: Network is unreachable";
const INVALID: &str = "RTNETLINK answers: Invalid argument";
const NO_ROUTE: &str = "RTNETLINK answers: No route to host";

/// RT-6, RT-10, RT-23, RT-24, RT-25, RT-26: what is sent from here.
#[test]
fn output() {
    let mut lab = lab();
    check(
        &mut lab,
        &[
            ("8.8.8.8", "8.8.8.8 via 10.0.0.9 dev v1 src 10.0.0.1 uid 0    cache"),
            ("10.0.0.5", "10.0.0.5 dev v1 src 10.0.0.1 uid 0    cache"),
            ("10.0.0.1", "local 10.0.0.1 dev lo table local src 10.0.0.1 uid 0    cache <local>"),
            ("127.0.0.1", "local 127.0.0.1 dev lo table local src 127.0.0.1 uid 0    cache <local>"),
            ("10.0.0.255", "broadcast 10.0.0.255 dev v1 table local src 10.0.0.1 uid 0    cache <local,brd>"),
            ("255.255.255.255", "broadcast 255.255.255.255 dev v1 src 10.0.0.1 uid 0    cache <local,brd>"),
            ("255.255.255.255 oif v1", "broadcast 255.255.255.255 dev v1 src 10.0.0.1 uid 0    cache <local,brd>"),
            ("224.0.0.1", "multicast 224.0.0.1 dev v1 src 10.0.0.1 rt_offload_failed uid 0    cache <local,mc>"),
            ("224.0.0.1 oif v1", "multicast 224.0.0.1 dev v1 src 10.0.0.1 rt_offload_failed uid 0    cache <local,mc>"),
            ("20.0.0.1", NO_ROUTE),
            ("21.0.0.1", INVALID),
            ("22.0.0.1", "RTNETLINK answers: Permission denied"),
            ("23.0.0.1", UNREACHABLE),
            ("24.0.0.1", "24.0.0.1 via 10.1.0.9 dev v3 src 10.1.0.7 uid 0    cache mtu 1400"),
            ("25.0.0.1", "25.0.0.1 via 10.0.0.9 dev v1 src 10.0.0.1 uid 0    cache"),
            ("25.0.0.1 from 10.1.0.1", "25.0.0.1 from 10.1.0.1 via 10.1.0.9 dev v3 table 100 uid 0    cache"),
            ("8.8.8.8 from 10.1.0.7", "8.8.8.8 from 10.1.0.7 via 10.0.0.9 dev v1 uid 0    cache"),
            ("8.8.8.8 from 1.2.3.4", UNREACHABLE),
            ("8.8.8.8 oif v3", "8.8.8.8 dev v3 src 10.1.0.1 uid 0    cache"),
            ("8.8.8.8 oif nosuch", "Cannot find device \"nosuch\""),
            ("8.8.8.8 mark 5", "8.8.8.8 via 10.0.0.9 dev v1 src 10.0.0.1 mark 5 uid 0    cache"),
            ("8.8.8.8 uid 5", "8.8.8.8 via 10.0.0.9 dev v1 src 10.0.0.1 uid 5    cache"),
            ("0.0.0.0", "local 0.0.0.0 dev lo src 127.0.0.1 uid 0    cache <local>"),
        ],
    );
}

/// RT-31, RT-34, RT-36, RT-38, RT-41, ICMP-21: what came in.
#[test]
fn input() {
    let mut lab = lab();
    check(
        &mut lab,
        &[
            ("8.8.8.8 from 10.0.0.50 iif v1", NO_ROUTE),
            ("8.8.8.8 iif v1", INVALID),
            (
                "10.1.0.1 from 10.0.0.50 iif v1",
                "local 10.1.0.1 from 10.0.0.50 dev lo table local    cache <local> iif v1",
            ),
        ],
    );
    assert_eq!(lab.sysctl("net.ipv4.ip_forward", "1"), Ok(()));
    check(
        &mut lab,
        &[
            ("8.8.8.8 from 10.0.0.50 iif v1", "8.8.8.8 from 10.0.0.50 via 10.0.0.9 dev v1    cache <redirect> iif v1"),
            ("10.0.0.9 from 10.0.0.50 iif v1", "10.0.0.9 from 10.0.0.50 dev v1    cache <redirect> iif v1"),
            ("10.1.0.5 from 10.0.0.50 iif v1", "10.1.0.5 from 10.0.0.50 dev v3    cache iif v1"),
            ("20.0.0.1 from 10.0.0.50 iif v1", NO_ROUTE),
            ("21.0.0.1 from 10.0.0.50 iif v1", INVALID),
            ("8.8.8.8 from 10.1.0.7 iif v1", INVALID),
            (
                "10.0.0.255 from 10.0.0.50 iif v1",
                "broadcast 10.0.0.255 from 10.0.0.50 dev lo table local    cache <local,brd> iif v1",
            ),
            (
                "255.255.255.255 from 10.0.0.5 iif v1",
                "broadcast 255.255.255.255 from 10.0.0.5 dev lo    cache <local,brd> iif v1",
            ),
            (
                "224.0.0.1 from 10.0.0.5 iif v1",
                "multicast 224.0.0.1 from 10.0.0.5 dev lo rt_offload_failed    cache <local,mc> iif v1",
            ),
            ("224.0.0.5 from 10.0.0.5 iif v1", INVALID),
            ("127.0.0.1 from 10.0.0.5 iif v1", INVALID),
            ("8.8.8.8 from 10.0.0.50 iif lo", "8.8.8.8 from 10.0.0.50 via 10.0.0.9 dev v1    cache iif lo"),
        ],
    );
    assert_eq!(lab.sysctl("net.ipv4.conf.all.rp_filter", "1"), Ok(()));
    check(
        &mut lab,
        &[
            ("8.8.8.8 from 10.1.0.50 iif v1", INVALID),
            ("10.1.0.5 from 10.0.0.50 iif v1 mark 7", "10.1.0.5 from 10.0.0.50 dev v3 mark 7    cache iif v1"),
        ],
    );
}

#[test]
fn as_json() {
    let mut lab = lab();
    let json = |lab: &mut Lab, line| get(lab, line).1;
    let all = [
        (
            "8.8.8.8",
            r#"{"dst":"8.8.8.8","gateway":"10.0.0.9","dev":"v1","prefsrc":"10.0.0.1","flags":[],"uid":0,"cache":[]}"#,
        ),
        (
            "224.0.0.1",
            r#"{"type":"multicast","dst":"224.0.0.1","dev":"v1","prefsrc":"10.0.0.1","flags":["rt_offload_failed"],"uid":0,"cache":["local","mc"]}"#,
        ),
        (
            "24.0.0.1",
            r#"{"dst":"24.0.0.1","gateway":"10.1.0.9","dev":"v3","prefsrc":"10.1.0.7","flags":[],"uid":0,"cache":[],"metrics":[{"mtu":1400}]}"#,
        ),
        (
            "25.0.0.1 from 10.1.0.1",
            r#"{"dst":"25.0.0.1","from":"10.1.0.1","gateway":"10.1.0.9","dev":"v3","table":"100","flags":[],"uid":0,"cache":[]}"#,
        ),
        (
            "10.1.0.1 from 10.0.0.50 iif v1",
            r#"{"type":"local","dst":"10.1.0.1","from":"10.0.0.50","dev":"lo","table":"local","flags":[],"cache":["local"],"iif":"v1"}"#,
        ),
    ];
    for (line, want) in all {
        assert_eq!(json(&mut lab, line), want, "{line}");
    }
}
