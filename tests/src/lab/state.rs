//! The final tables and counters of a simulated namespace, as a trace has them.

use super::{
    rules::{self, Counts},
    trace::{Fdb, Link, Neigh, NsState},
};
use sim_core::time::{PS_PER_S, Time};
use sim_models::{
    drivers::bridge,
    kernel::{Kernel, NetDevice, NsId, rtnl::Nud},
    packet::Ip4Addr,
};
use std::collections::BTreeMap;

/// Counters of one namespace at one time, all of them, zeros left out.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    snmp: BTreeMap<String, u64>,
    link: BTreeMap<String, Link>,
}

/// Reads the counters of `ns`.
pub fn counters(k: &Kernel, ns: NsId) -> Counters {
    let snmp = k.net(ns).mib.nonzero().map(|(name, n)| (name.into_owned(), n)).collect();
    let devs = k.net(ns).devs.iter().filter_map(|d| k.devs.get(*d));
    Counters { snmp, link: devs.map(|d| (d.name().to_owned(), link(d))).collect() }
}

/// Counters under the names that `ip -j -s -s link` gives them.
fn link(d: &NetDevice) -> Link {
    let (s, c) = (&d.stats, &d.cold);
    let rx = [
        ("bytes", s.rx_bytes),
        ("packets", s.rx_packets),
        ("dropped", s.rx_dropped.into()),
        ("multicast", c.multicast),
        ("missed_errors", c.rx_missed),
        ("nohandler", c.rx_nohandler),
        ("otherhost", c.rx_otherhost_dropped),
    ];
    let tx = [("bytes", s.tx_bytes), ("packets", s.tx_packets), ("dropped", s.tx_dropped.into())];
    let nonzero = |all: &[(&str, u64)]| all.iter().filter(|c| c.1 != 0).map(|c| (c.0.to_owned(), c.1)).collect();
    Link { rx: nonzero(&rx), tx: nonzero(&tx) }
}

/// What `ns` ends with at time `now`: its tables as they are, its counters as differences from `before`.
pub fn read(k: &Kernel, ns: NsId, now: Time, before: &Counters, counts: &mut Counts) -> NsState {
    let after = counters(k, ns);
    let mut state = NsState::default();
    for e in k.neigh4.iter() {
        let Some(dev) = k.devs.get(e.dev).filter(|d| d.ns == ns) else { continue };
        if matches!(e.state, Nud::None | Nud::Noarp) {
            continue;
        }
        let valid = !matches!(e.state, Nud::Incomplete | Nud::Failed);
        state.neigh.push(Neigh {
            dst: Ip4Addr(e.ip),
            dev: dev.name().to_owned(),
            lladdr: valid.then_some(e.mac),
            state: e.state.name().to_owned(),
        });
    }
    rules::sorted(&mut state.neigh, |n| format!("{} {}", n.dst, n.dev), counts);
    state.fdb = fdb(k, ns, ticks(k, now));
    rules::sorted(&mut state.fdb, |f| format!("{} {}", f.mac, f.dev), counts);
    let none = Link::default();
    for (dev, now) in &after.link {
        let old = before.link.get(dev).unwrap_or(&none);
        let l = Link { rx: minus(&now.rx, &old.rx), tx: minus(&now.tx, &old.tx) };
        if l != none {
            state.link.insert(dev.clone(), l);
        }
    }
    for (name, n) in &after.snmp {
        let n = n - before.snmp.get(name).unwrap_or(&0);
        if n != 0 {
            state.snmp.insert(name.clone(), n);
        }
    }
    state
}

/// `now` in ticks of the host's clock.
pub fn ticks(k: &Kernel, now: Time) -> u64 {
    let ticks = u128::from(now.ps()) * u128::from(k.hz) / u128::from(PS_PER_S);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Differences that are not zero.
fn minus(now: &[(String, u64)], old: &[(String, u64)]) -> Vec<(String, u64)> {
    let before = |name: &str| old.iter().find(|o| o.0 == name).map_or(0, |o| o.1);
    now.iter().map(|(name, n)| (name.clone(), n - before(name))).filter(|c| c.1 != 0).collect()
}

/// Learned entries of all bridges of `ns`, from the lines that `bridge fdb` prints.
fn fdb(k: &Kernel, ns: NsId, now: u64) -> Vec<Fdb> {
    let lines = bridge::fdb_lines(k, ns, now);
    lines.iter().filter_map(|line| learned(line)).collect()
}

/// `MAC dev DEV master BRIDGE`, and whatever the entry's age makes of it; none for the bridge's own addresses.
fn learned(line: &str) -> Option<Fdb> {
    let words: Vec<&str> = line.split(' ').collect();
    match words.as_slice() {
        [_, _, _, _, _, "permanent"] => None,
        [mac, "dev", dev, "master", master, ..] => {
            Some(Fdb { mac: mac.parse().ok()?, dev: (*dev).to_owned(), master: (*master).to_owned() })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_learned_entries_are_read() {
        let text = |line: &str| learned(line).map(|f| format!("{} {} {}", f.mac, f.dev, f.master));
        assert_eq!(text("02:00:00:00:00:01 dev v1 master br0").as_deref(), Some("02:00:00:00:00:01 v1 br0"));
        assert_eq!(text("02:00:00:00:00:01 dev v1 master br0 stale").as_deref(), Some("02:00:00:00:00:01 v1 br0"));
        assert_eq!(text("02:00:00:00:00:01 dev br0 master br0 permanent"), None);
    }

    #[test]
    fn differences_leave_zeros_out() {
        let c = |n: &[(&str, u64)]| n.iter().map(|c| (c.0.to_owned(), c.1)).collect::<Vec<_>>();
        assert_eq!(minus(&c(&[("bytes", 9), ("packets", 2)]), &c(&[("bytes", 4), ("packets", 2)])), c(&[("bytes", 5)]));
    }
}
