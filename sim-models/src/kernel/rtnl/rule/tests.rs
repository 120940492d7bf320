//! What `ip rule` prints and does on 6.18.

use super::*;
use crate::kernel::{
    fib::Key,
    rtnl::{RtnlOp, RuleAction},
    show_rule::ip_rule_lines,
    testkit::{Lab, ip4, prefix},
};

/// `v0` up with 10.0.0.1/24, `v1` up with 10.1.0.1/24.
fn lab() -> Lab {
    let mut lab = Lab::new();
    lab.dev("v0");
    lab.dev("v1");
    lab.ok("link set lo up
         link set v0 up
         link set v1 up
         addr add 10.0.0.1/24 dev v0
         addr add 10.1.0.1/24 dev v1");
    lab
}

fn rule(f: impl FnOnce(&mut RuleSpec)) -> RuleSpec {
    let mut r = RuleSpec { action: Some(RuleAction::Lookup), table: 254, ..RuleSpec::any() };
    f(&mut r);
    r
}

fn add(lab: &mut Lab, f: impl FnOnce(&mut RuleSpec)) -> Result<(), String> {
    let op = RtnlOp::NewRule { rule: rule(f) };
    lab.k.rtnl(&mut lab.cx, NsId::ROOT, &op).map_err(|e| e.to_string())
}

fn del(lab: &mut Lab, f: impl FnOnce(&mut RuleSpec)) -> Result<(), String> {
    let mut r = RuleSpec::any();
    f(&mut r);
    lab.k.rtnl(&mut lab.cx, NsId::ROOT, &RtnlOp::DelRule { rule: r }).map_err(|e| e.to_string())
}

fn lines(lab: &Lab) -> Vec<String> {
    ip_rule_lines(&lab.k, NsId::ROOT)
}

/// The table that answers, or the error's name.
fn table(lab: &Lab, key: Key<u32>) -> Result<u32, &'static str> {
    lab.v4().lookup(&key).map(|h| h.table).map_err(Errno::name)
}

const DEFAULT: [&str; 3] =
    ["0:\tfrom all lookup local", "32766:\tfrom all lookup main", "32767:\tfrom all lookup default"];

#[test]
fn three_rules_to_begin_with() {
    // RT-1
    assert_eq!(lines(&lab()), DEFAULT);
}

#[test]
fn the_first_change_parts_local_from_main_for_good() {
    // RT-2, RT-3
    let mut lab = lab();
    lab.ok("route add local 10.50.0.0/16 dev lo\nroute add 10.50.1.0/24 dev v1");
    assert_eq!(table(&lab, Key::to(ip4("10.50.1.1"))), Ok(254));
    assert_eq!(add(&mut lab, |r| (r.pref, r.from) = (Some(5), prefix("1.2.3.4"))), Ok(()));
    assert_eq!(table(&lab, Key::to(ip4("10.50.1.1"))), Ok(255));
    assert_eq!(del(&mut lab, |r| r.pref = Some(5)), Ok(()));
    assert_eq!(lines(&lab), DEFAULT);
    assert_eq!(table(&lab, Key::to(ip4("10.50.1.1"))), Ok(255));
    // Routes are where they were, and addresses still come and go.
    assert_eq!(lab.routes(255).iter().filter(|l| l.starts_with("local 10.")).count(), 3);
    lab.ok("addr add 10.7.0.1/24 dev v0\naddr del 10.1.0.1/24 dev v1\nlink set v1 down");
    assert_eq!(
        lab.routes(254),
        [
            "10.0.0.0/24 dev v0 proto kernel scope link src 10.0.0.1",
            "10.7.0.0/24 dev v0 proto kernel scope link src 10.7.0.1"
        ]
    );
    assert_eq!(table(&lab, Key::to(ip4("10.7.0.1"))), Ok(255));
}

#[test]
fn what_rules_ask() {
    // RT-4
    let mut lab = lab();
    lab.ok("route add 20.0.0.0/8 dev v0 table 7\nroute add 20.0.0.0/8 dev v1");
    let to = Key::to(ip4("20.0.0.1"));
    let v0 = lab.id("v0");
    let index = lab.k.devs[v0].ifindex;
    let by = |f: fn(&mut RuleSpec), yes: &[Key<u32>], no: &[Key<u32>]| {
        let mut lab = self::lab();
        lab.ok("route add 20.0.0.0/8 dev v0 table 7\nroute add 20.0.0.0/8 dev v1");
        let mut line = String::new();
        for not in [false, true] {
            let made = add(&mut lab, |r| {
                f(r);
                (r.table, r.not, r.pref) = (7, not, Some(9));
            });
            assert_eq!(made, Ok(()));
            line = lines(&lab)[1].clone();
            let of = |keys: &[Key<u32>]| keys.iter().map(|k| table(&lab, *k) == Ok(7)).collect::<Vec<_>>();
            assert_eq!(of(yes), vec![!not; yes.len()], "{line}");
            assert_eq!(of(no), vec![not; no.len()], "{line}");
            assert_eq!(del(&mut lab, |r| r.pref = Some(9)), Ok(()));
        }
        line.replacen("9:\tnot ", "", 1)
    };
    let from = |s| Key { src: ip4(s), ..to };
    let shown = [
        by(|r| r.from = prefix("10.1.0.0/16"), &[from("10.1.2.3")], &[to, from("10.2.0.1")]),
        by(|r| r.to = prefix("20.0.0.1"), &[to], &[Key { dst: ip4("20.0.0.2"), ..to }]),
        by(|r| r.iif = Some("v0".into()), &[Key { iif: index, ..to }], &[to, Key { iif: index + 1, ..to }]),
        // What is sent from here has come in by lo.
        by(|r| r.iif = Some("lo".into()), &[to], &[Key { iif: index, ..to }]),
        by(|r| (r.mark, r.mask) = (5, 0xff), &[Key { mark: 0x105, ..to }], &[to, Key { mark: 4, ..to }]),
        by(|r| r.mask = 0xff, &[to, Key { mark: 0x100, ..to }], &[Key { mark: 1, ..to }]),
        by(|r| r.tos = 0x10, &[Key { tos: 0x10, ..to }, Key { tos: 0xf0, ..to }], &[to, Key { tos: 0x18, ..to }]),
        by(|r| r.ipproto = 17, &[Key { proto: 17, ..to }], &[to, Key { proto: 1, ..to }]),
        by(|r| r.dport = Some((53, 53)), &[Key { dport: 53, ..to }], &[to, Key { dport: 54, ..to }]),
        by(|r| r.sport = Some((10, 20)), &[Key { sport: 20, ..to }], &[to, Key { sport: 21, ..to }]),
        by(|r| r.uid = Some((0, 9)), &[to], &[]),
        by(|r| r.uid = Some((1, 9)), &[], &[to]),
    ];
    let want = [
        "from 10.1.0.0/16 lookup 7",
        "from all to 20.0.0.1 lookup 7",
        "from all iif v0 lookup 7",
        "from all iif lo lookup 7",
        "from all fwmark 0x5/0xff lookup 7",
        "from all fwmark 0/0xff lookup 7",
        "from all tos 0x10 lookup 7",
        "from all ipproto udp lookup 7",
        "from all dport 53 lookup 7",
        "from all sport 10-20 lookup 7",
        "from all uidrange 0-9 lookup 7",
        "from all uidrange 1-9 lookup 7",
    ];
    assert_eq!(shown, want);
    // The device that the sender is bound to; its route must be by that one, too.
    assert_eq!(add(&mut lab, |r| (r.oif, r.table) = (Some("v0".into()), 7)), Ok(()));
    assert_eq!(table(&lab, Key { oif: Some(v0), ..to }), Ok(7));
    assert_eq!(table(&lab, to), Ok(254));
}

#[test]
fn what_rules_do() {
    // RT-5
    let mut lab = lab();
    lab.ok("route add default dev v1\nroute add throw 20.0.0.0/8 table 7\nroute add 21.0.0.0/8 dev v0 table 7");
    let to = |a| Key::to(ip4(a));
    let with = |lab: &mut Lab, from: &str, action, pref| {
        let made = add(lab, |r| {
            (r.to, r.action, r.pref) = (prefix(from), Some(action), Some(pref));
            r.table = if action == RuleAction::Lookup { 7 } else { 0 };
        });
        assert_eq!(made, Ok(()));
    };
    with(&mut lab, "30.0.0.1", RuleAction::Unreachable, 10);
    with(&mut lab, "30.0.0.2", RuleAction::Prohibit, 11);
    with(&mut lab, "30.0.0.3", RuleAction::Blackhole, 12);
    with(&mut lab, "30.0.0.4", RuleAction::Goto(50), 13);
    with(&mut lab, "30.0.0.4", RuleAction::Blackhole, 14);
    with(&mut lab, "30.0.0.5", RuleAction::Goto(51), 15);
    with(&mut lab, "0.0.0.0/0", RuleAction::Lookup, 20);
    with(&mut lab, "30.0.0.5", RuleAction::Prohibit, 21);
    with(&mut lab, "0.0.0.0/0", RuleAction::Nop, 50);
    assert_eq!(table(&lab, to("30.0.0.1")), Err("ENETUNREACH"));
    assert_eq!(table(&lab, to("30.0.0.2")), Err("EACCES"));
    assert_eq!(table(&lab, to("30.0.0.3")), Err("EINVAL"));
    // Jumped over the blackhole; a jump to nowhere is none; throw and no match go on to main.
    assert_eq!(table(&lab, to("30.0.0.4")), Ok(254));
    assert_eq!(table(&lab, to("30.0.0.5")), Err("EACCES"));
    assert_eq!((table(&lab, to("20.0.0.1")), table(&lab, to("21.0.0.1"))), (Ok(254), Ok(7)));
    let text = lines(&lab);
    assert_eq!(
        text[4..7],
        [
            "13:\tfrom all to 30.0.0.4 goto 50",
            "14:\tfrom all to 30.0.0.4 blackhole",
            "15:\tfrom all to 30.0.0.5 goto 51 [unresolved]"
        ]
    );
    // Nothing found in the end.
    assert_eq!(del(&mut lab, |r| r.table = 254), Ok(()));
    assert_eq!(table(&lab, to("40.0.0.1")), Err("ENETUNREACH"));
}

#[test]
fn short_prefixes_can_be_left_out() {
    // RT-5: the way of wg-quick, where everything but the default route is asked of main first.
    let mut lab = lab();
    lab.ok("route add default dev v1\nroute add default dev v0 table 7\nroute add 30.0.0.0/8 dev v1");
    assert_eq!(add(&mut lab, |r| (r.suppress, r.pref) = (Some(0), Some(10))), Ok(()));
    assert_eq!(add(&mut lab, |r| (r.table, r.pref) = (7, Some(11))), Ok(()));
    assert_eq!(table(&lab, Key::to(ip4("30.0.0.1"))), Ok(254));
    assert_eq!(table(&lab, Key::to(ip4("40.0.0.1"))), Ok(7));
    assert_eq!(lines(&lab)[1], "10:\tfrom all lookup main suppress_prefixlength 0");
}

/// Seen on 6.18: each new rule without a preference comes before those made so earlier.
#[test]
fn preferences_go_downwards() {
    let mut lab = lab();
    for a in ["1.1.1.1", "1.1.1.2", "1.1.1.1"] {
        assert_eq!(add(&mut lab, |r| r.from = prefix(a)), Ok(()));
    }
    let want =
        ["32763:\tfrom 1.1.1.1 lookup main", "32764:\tfrom 1.1.1.2 lookup main", "32765:\tfrom 1.1.1.1 lookup main"];
    assert_eq!(lines(&lab)[1..4], want);
    // Of equal preference the older is asked first.
    assert_eq!(add(&mut lab, |r| (r.pref, r.table) = (Some(32764), 9)), Ok(()));
    assert_eq!(lines(&lab)[2..4], ["32764:\tfrom 1.1.1.2 lookup main", "32764:\tfrom all lookup 9"]);
    // Without rule 0 the second one is another.
    assert_eq!(del(&mut lab, |r| r.pref = Some(0)), Ok(()));
    assert_eq!(add(&mut lab, |r| r.table = 8), Ok(()));
    assert_eq!(lines(&lab)[0..2], ["32763:\tfrom 1.1.1.1 lookup main", "32763:\tfrom all lookup 8"]);
}

#[test]
fn refusals() {
    let mut lab = lab();
    let one = |r: &mut RuleSpec| (r.from, r.pref) = (prefix("1.1.1.1"), Some(7));
    assert_eq!(add(&mut lab, one), Ok(()));
    let exists = Err("RTNETLINK answers: File exists".to_owned());
    assert_eq!(add(&mut lab, one), exists);
    // A rule that leaves open what an old one says counts as the same (seen).
    assert_eq!(add(&mut lab, |r| r.pref = Some(7)), exists);
    let answers = [
        add(&mut lab, |r| (r.action, r.table, r.pref) = (Some(RuleAction::Goto(5)), 0, Some(5))),
        add(&mut lab, |r| r.tos = 0x11),
        add(&mut lab, |r| r.sport = Some((9, 8))),
        add(&mut lab, |r| r.dport = Some((0, 8))),
        add(&mut lab, |r| r.uid = Some((2, 1))),
        del(&mut lab, |r| r.pref = Some(8)),
        del(&mut lab, |r| r.from = prefix("1.1.1.2")),
    ];
    let want = [
        "Error: Backward goto not supported.",
        "Error: Invalid dsfield (tos): ECN bits must be 0.",
        "Error: Invalid sport range.",
        "Error: Invalid dport range.",
        "Error: Invalid uid range.",
        "RTNETLINK answers: No such file or directory",
        "RTNETLINK answers: No such file or directory",
    ];
    assert_eq!(answers.map(|a| a.unwrap_err()), want);
}

/// Seen on 6.18: a rule keeps the name of its device, whatever becomes of that.
#[test]
fn devices_come_and_go() {
    let mut lab = lab();
    assert_eq!(add(&mut lab, |r| (r.iif, r.table) = (Some("v9".into()), 7)), Ok(()));
    assert_eq!(lines(&lab)[1], "32765:\tfrom all iif v9 [detached] lookup 7");
    lab.dev("v9");
    assert_eq!(lines(&lab)[1], "32765:\tfrom all iif v9 lookup 7");
    lab.k.rtnl(&mut lab.cx, NsId::ROOT, &RtnlOp::DelLink { name: "v9".into() }).expect("deleted");
    assert_eq!(lines(&lab)[1], "32765:\tfrom all iif v9 [detached] lookup 7");
}
