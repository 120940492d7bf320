//! The spanning tree protocol on the timer wheel: HZ=250, 2 s are 500 ticks and fire after 504 (2.016 s). What bridges
//! say was compared with a 6.18 kernel, frame by frame (scenarios/bridge/stp.ron).

use super::{port_settings, state};
use crate::{
    cost::Costs,
    drivers::{
        Config,
        veth::{Peer, VethConfig},
    },
    kernel::{NsId, PktType, RtnlOp, rtnl::LinkAttrs},
    packet::Net,
    world::World,
};
use sim_core::time::{Span, Time};

/// Bridges br0 in `a` (the root) and `b`, joined by pairs x1/y1 and x2/y2.
struct Ring {
    w: World,
    a: NsId,
    b: NsId,
}

impl Ring {
    fn new(settings: &[(&str, &str)]) -> Ring {
        let mut w = World::new(Costs::flat("zero", 0), 1);
        w.add_host("h", 1, 250);
        let (a, b) = w.hosts[0].at(Time::ZERO, |k, cx| (k.new_ns(cx, "a"), k.new_ns(cx, "b")));
        let mut r = Ring { w, a, b };
        for (ns, mac) in [(a, 1), (b, 2)] {
            let mut config = Config::of_kind("bridge").expect("a driver");
            for (word, value) in settings {
                config.set(word, value).expect("a setting");
            }
            let attrs = LinkAttrs { address: Some(crate::kernel::rtnl::testing::m(mac)), ..LinkAttrs::default() };
            r.op(ns, RtnlOp::NewLink { name: "br0".into(), attrs, config });
        }
        for i in 1..=2 {
            let (x, y) = (format!("x{i}"), format!("y{i}"));
            let attrs = LinkAttrs { netns: Some("b".into()), rename: Some(y.clone()), ..LinkAttrs::default() };
            let peer = Peer { name: Some(y.clone()), netns: Some("b".into()), attrs };
            let config = Config::Veth(VethConfig { peer: Some(Box::new(peer)) });
            r.op(a, RtnlOp::NewLink { name: x.clone(), attrs: LinkAttrs::default(), config });
            r.set(a, &x, |l| l.up = Some(true));
            r.set(b, &y, |l| l.up = Some(true));
            r.set(a, &x, |l| l.master = Some(Some("br0".into())));
            r.set(b, &y, |l| l.master = Some(Some("br0".into())));
        }
        r.w.hosts[0].cx.obs.capture = Some(Vec::new());
        r
    }

    fn op(&mut self, ns: NsId, op: RtnlOp) {
        let now = self.w.hosts[0].cx.clock;
        self.w.hosts[0].at(now, |k, cx| k.rtnl(cx, ns, &op)).unwrap_or_else(|e| panic!("{op:?}: {e}"));
    }

    fn set(&mut self, ns: NsId, name: &str, with: impl FnOnce(&mut LinkAttrs)) {
        let mut attrs = LinkAttrs::default();
        with(&mut attrs);
        self.op(ns, RtnlOp::SetLink { name: name.into(), attrs });
    }

    fn bridge(&mut self, ns: NsId, word: &str, value: &str) {
        self.set(ns, "br0", |l| l.kind_args = vec![(word.into(), value.into())]);
    }

    fn up(&mut self) {
        self.set(self.a, "br0", |l| l.up = Some(true));
        self.set(self.b, "br0", |l| l.up = Some(true));
    }

    fn run(&mut self, ms: u64) {
        self.w.run_until(Time::ZERO + Span::from_ms(ms)).expect("within its budgets");
        self.w.check_laws().expect("kept");
    }

    /// States of x1, x2, y1, y2, by their first letters.
    fn states(&self) -> String {
        let k = &self.w.hosts[0].kernel;
        let of = |ns, name: &str| {
            let dev = k.dev_by_name(ns, name).expect("made");
            port_settings(k, dev)[0].1[..2].to_owned()
        };
        [of(self.a, "x1"), of(self.a, "x2"), of(self.b, "y1"), of(self.b, "y2")].join(" ")
    }

    fn shown(&self, ns: NsId, word: &str) -> String {
        let k = &self.w.hosts[0].kernel;
        let shown = crate::drivers::config(k, k.dev_by_name(ns, "br0").expect("made")).shown();
        shown.into_iter().find(|s| s.0 == word).map_or_else(String::new, |s| s.1)
    }

    /// BPDUs that left by a device: milliseconds and text.
    fn said(&self, ns: NsId, name: &str) -> Vec<String> {
        let host = &self.w.hosts[0];
        let dev = host.kernel.dev_by_name(ns, name).expect("made");
        let all = host.cx.obs.capture.iter().flatten().filter(|c| c.dev == dev && c.pkt_type == PktType::Outgoing);
        all.filter(|c| matches!(c.frame.net, Net::Stp(_)))
            .map(|c| format!("{} {}", c.time.ps() / 1_000_000_000, c.frame))
            .collect()
    }
}

const ON: [(&str, &str); 2] = [("stp_state", "1"), ("forward_delay", "200")];

/// BR-14, TIME-4: listening and learning for a forward delay each; the worse of two ways to the root stays blocked.
#[test]
fn a_ring_is_cut() {
    let mut r = Ring::new(&ON);
    r.up();
    assert_eq!(r.states(), "li li li li");
    r.run(2_000);
    assert_eq!(r.states(), "li li li li");
    r.run(2_100);
    assert_eq!(r.states(), "le le le bl");
    r.run(4_000);
    assert_eq!(r.states(), "le le le bl");
    r.run(4_100);
    assert_eq!(r.states(), "fo fo fo bl");
    let hello = |ms: u64, flags: &str, port: u16| {
        let id = "bridge-id 8000.02:00:00:00:00:01";
        format!("{ms} STP 802.1d, Config, Flags [{flags}], {id}.{port:04x}, length 35")
    };
    assert_eq!(r.said(r.a, "x1")[0], hello(2_016, "none", 0x8001));
    let s = |r: &Ring, ns| {
        let k = &r.w.hosts[0].kernel;
        let s = &state(k, k.dev_by_name(ns, "br0").expect("made")).stp;
        (s.is_root(), s.root_port, s.root_path_cost)
    };
    assert_eq!((s(&r, r.a), s(&r, r.b)), ((true, 0, 0), (false, 1, 2)));
    // The root says hello every two seconds, at whole seconds of the kernel's clock.
    r.run(11_000);
    let times: Vec<String> = r.said(r.a, "x1").iter().map(|l| l.split(' ').next().unwrap_or_default().into()).collect();
    assert!(times.contains(&"6016".into()) && times.contains(&"8032".into()), "{times:?}");
}

/// BR-17: the root ages twice as fast as it forwards while the tree changes, entries are good for a forward delay; the
/// others tell it until it has heard, and follow it.
#[test]
fn topology_change() {
    let mut r = Ring::new(&[("stp_state", "1"), ("forward_delay", "200"), ("max_age", "600")]);
    r.up();
    r.run(4_100);
    let of = |r: &Ring, ns| {
        let k = &r.w.hosts[0].kernel;
        let b = state(k, k.dev_by_name(ns, "br0").expect("made"));
        (b.stp.topology_change, b.ageing, b.hold)
    };
    assert_eq!(of(&r, r.a), (true, 1000, 500));
    assert_eq!(r.shown(r.a, "ageing_time"), "400");
    assert!(r.said(r.b, "y1").iter().any(|l| l.ends_with("STP 802.1d, Topology Change")), "{:?}", r.said(r.b, "y1"));
    r.run(7_000);
    assert_eq!((of(&r, r.b), r.shown(r.b, "ageing_time")), ((true, 1000, 500), "400".into()));
    assert!(r.said(r.a, "x1").iter().any(|l| l.contains("Topology change ACK")));
    // forward_delay + max_age later it is over, and the next hello says so.
    r.run(15_000);
    assert_eq!((of(&r, r.a), of(&r, r.b)), ((false, 75_000, 75_000), (false, 75_000, 75_000)));
}

/// A lost way is replaced: by carrier at once, by silence after max_age; the root's silence makes another root.
#[test]
fn what_takes_over() {
    let mut r = Ring::new(&[("stp_state", "1"), ("forward_delay", "200"), ("max_age", "600")]);
    r.up();
    r.run(5_000);
    r.set(r.a, "x1", |l| l.up = Some(false));
    // The numbers of x1 and y1 are equal: linkwatch is in no hurry (DEV-15).
    assert_eq!(r.states(), "di fo fo bl");
    r.run(6_100);
    assert_eq!(r.states(), "di fo di li");
    r.run(10_300);
    assert_eq!(r.states(), "di fo di fo");
    // br0 in a goes down: b hears nothing more for 6 s, and is the root itself.
    r.set(r.a, "br0", |l| l.up = Some(false));
    r.run(19_000);
    let k = &r.w.hosts[0].kernel;
    assert!(state(k, k.dev_by_name(r.b, "br0").expect("made")).stp.is_root());
}

/// BR-15, BR-16: the delay is brought into limits; what forwards goes on; what listens goes on on its timer when the
/// protocol is switched off.
#[test]
fn switched_on_and_off() {
    let mut r = Ring::new(&[("forward_delay", "0")]);
    r.bridge(r.a, "stp_state", "1");
    assert_eq!((r.shown(r.a, "forward_delay").as_str(), r.shown(r.b, "forward_delay").as_str()), ("200", "0"));
    r.up();
    assert_eq!(r.states(), "li li fo fo");
    r.bridge(r.b, "stp_state", "1");
    assert_eq!(r.states(), "li li fo fo", "a port that forwards goes on");
    r.run(1_000);
    r.bridge(r.a, "stp_state", "0");
    assert_eq!(r.states(), "li li fo fo");
    r.run(2_100);
    assert_eq!(r.states(), "le le fo fo");
    r.run(4_200);
    assert_eq!(r.states(), "fo fo fo bl", "b hears its own BPDUs, which a forwards like anything else");
}

/// Cost, priority, root_block and guard; the state is not the administrator's while the protocol runs.
#[test]
fn port_settings_decide() {
    let mut r = Ring::new(&ON);
    let slave = |r: &mut Ring, name: &str, word: &str, value: &str| {
        let ns = r.b;
        r.set(ns, name, |l| l.slave_args = vec![(word.into(), value.into())]);
    };
    slave(&mut r, "y1", "cost", "100");
    r.up();
    r.run(4_100);
    assert_eq!(r.states(), "fo fo bl fo");
    let refused = |r: &mut Ring, op: &RtnlOp| {
        let (now, ns) = (r.w.hosts[0].cx.clock, r.b);
        r.w.hosts[0].at(now, |k, cx| k.rtnl(cx, ns, op)).expect_err("refused").to_string()
    };
    let args = |word: &str, value: &str| vec![(word.to_owned(), value.to_owned())];
    let attrs = LinkAttrs { slave_args: args("state", "3"), ..LinkAttrs::default() };
    let op = RtnlOp::SetLink { name: "y1".into(), attrs };
    assert_eq!(refused(&mut r, &op), "RTNETLINK answers: Device or resource busy");
    let attrs = LinkAttrs { kind_args: args("forward_delay", "100"), ..LinkAttrs::default() };
    let op = RtnlOp::SetLink { name: "br0".into(), attrs };
    assert_eq!(refused(&mut r, &op), "RTNETLINK answers: Numerical result out of range");
    slave(&mut r, "y2", "guard", "on");
    r.run(8_100);
    assert_eq!(&r.states()[9..], "di", "a BPDU where none is to come");
    // The better bridge becomes the root.
    r.bridge(r.b, "priority", "4096");
    r.run(12_500);
    let k = &r.w.hosts[0].kernel;
    assert!(state(k, k.dev_by_name(r.b, "br0").expect("made")).stp.is_root());
    assert_eq!(r.shown(r.a, "priority"), "32768");
}
