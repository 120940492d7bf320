use super::*;
use crate::{
    cost::Costs,
    kernel::rtnl::IfAddr,
    packet::Prefix,
    world::{End, World},
};

/// Three hosts on a switch, 10.0.0.1 to 10.0.0.3.
fn world(settings: Settings) -> (World, usize) {
    let mut w = World::new(Costs::flat("zero", 0), 1);
    let rate = Rate::from_bits_per_s(1_000_000_000).expect("a rate");
    for i in 0..3 {
        let h = w.add_host(&format!("h{i}"), 1, 250);
        w.hosts[h].at(Time::ZERO, |k, cx| {
            let up = LinkAttrs { up: Some(true), ..LinkAttrs::default() };
            let config = Config::Physical(phy::PhyConfig { rate, ..phy::PhyConfig::default() });
            k.rtnl(cx, NsId::ROOT, &RtnlOp::NewLink { name: "eth0".into(), attrs: up, config }).expect("a NIC");
            let addr = IfAddr::new(Prefix { addr: 0x0a00_0001 + i, len: 24 });
            k.rtnl(cx, NsId::ROOT, &RtnlOp::NewAddr { dev: "eth0".into(), addr }).expect("an address");
        });
    }
    let sw = w.add_switch("sw", settings);
    for i in 0..3 {
        let dev = w.add_port(sw, &format!("p{i}"), rate).expect("a port");
        let nic = w.hosts[i].kernel.dev_by_name(NsId::ROOT, "eth0").expect("a NIC");
        w.wire(End { host: i, dev: nic }, End { host: sw, dev }, Span::from_ns(500));
    }
    w.run_until(Time::ZERO).expect("setup is settled");
    (w, sw)
}

fn mac(n: u8) -> Mac {
    Mac([2, 0, 0, 0, 9, n])
}

/// Host `from` sends a frame of 60 bytes at `at`.
fn put(w: &mut World, from: usize, at: Time, src: Mac, dst: Mac) {
    w.hosts[from].at(at, |k, cx| {
        let dev = k.dev_by_name(NsId::ROOT, "eth0").expect("a NIC");
        let mut skb = cx.alloc();
        skb.meta.dev = dev;
        (skb.frame.src, skb.frame.dst, skb.frame.net) = (src, dst, crate::packet::Net::Other(0x88b5));
        skb.frame.payload.len = 46;
        crate::kernel::dev::dev_queue_xmit(k, cx, skb);
    });
}

fn received(w: &World) -> [u64; 3] {
    [0, 1, 2].map(|i| {
        let k = &w.hosts[i].kernel;
        k.devs[k.dev_by_name(NsId::ROOT, "eth0").expect("a NIC")].stats.rx_packets
    })
}

fn at_ms(ms: u64) -> Time {
    Time::ZERO + Span::from_ms(ms)
}

#[test]
fn it_floods_learns_and_forgets() {
    let settings = Settings { ageing: Span::from_ms(100), ..Settings::default() };
    let (mut w, sw) = world(settings);
    put(&mut w, 0, at_ms(1), mac(1), mac(2));
    w.run_until(at_ms(2)).expect("a short run");
    assert_eq!(received(&w), [0, 1, 1], "not known yet: to all others");
    put(&mut w, 1, at_ms(2), mac(2), mac(1));
    put(&mut w, 0, at_ms(3), mac(1), mac(2));
    w.run_until(at_ms(4)).expect("a short run");
    assert_eq!(received(&w), [1, 2, 1], "learned from both");
    let lines = |w: &World, t| w.hosts[sw].switch().expect("a switch").station_lines(&w.hosts[sw].kernel, t);
    assert_eq!(lines(&w, at_ms(4)), [format!("{} p0", mac(1)), format!("{} p1", mac(2))]);
    // A frame for its own port is filtered, a group goes to all others.
    put(&mut w, 0, at_ms(4), mac(1), mac(1));
    put(&mut w, 0, at_ms(5), mac(1), Mac::BROADCAST);
    w.run_until(at_ms(6)).expect("a short run");
    assert_eq!(received(&w), [1, 3, 2]);
    put(&mut w, 0, at_ms(150), mac(1), mac(2));
    w.run_until(at_ms(151)).expect("a short run");
    assert_eq!(received(&w), [1, 4, 3], "after the ageing time nobody is known");
    assert_eq!(lines(&w, at_ms(151)), [format!("{} p0", mac(1))]);
    w.check_laws().expect("every frame is accounted for");
}

/// Store and forward: two lines of 84 bytes, two cables of 500 ns, 1 us inside.
#[test]
fn a_frame_takes_what_is_stated() {
    let (mut w, sw) = world(Settings::default());
    put(&mut w, 0, at_ms(1), mac(1), mac(2));
    let line = 84 * 8;
    let arrives = at_ms(1) + Span::from_ns(line + 500 + 1_000 + line + 500);
    w.run_until(arrives).expect("a short run");
    assert_eq!(received(&w), [0, 0, 0]);
    w.run_until(arrives + Span::from_ps(1)).expect("a short run");
    assert_eq!(received(&w), [0, 1, 1]);
    assert_eq!(w.hosts[sw].kernel.devs.iter().map(|(_, d)| d.stats.tx_packets).sum::<u64>(), 2);
}

/// Two senders of full rate into one port: what does not fit is lost there, with its reason.
#[test]
fn a_full_buffer_loses() {
    let (mut w, sw) = world(Settings { buffer: 4, ..Settings::default() });
    put(&mut w, 2, at_ms(1), mac(3), mac(9));
    for _ in 0..20 {
        put(&mut w, 0, at_ms(2), mac(1), mac(3));
        put(&mut w, 1, at_ms(2), mac(2), mac(3));
    }
    w.run_until(at_ms(10)).expect("a short run");
    let lost: u64 =
        w.hosts[sw].cx.obs.drops.iter().filter(|(p, _)| p.reason == Reason::SWITCH_BUFFER).map(|(_, l)| l.count).sum();
    assert!(lost > 0 && received(&w)[2] + lost == 40, "{lost} lost, {:?} received", received(&w));
    w.check_laws().expect("every frame is accounted for");
}
