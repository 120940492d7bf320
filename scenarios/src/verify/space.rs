//! The simulator's tables and counters of every namespace, in the words and under the names in which a real kernel
//! gives them.

use super::job::Space;
use sim_core::time::{PS_PER_S, Time};
use sim_models::{
    drivers::{bridge, vxlan},
    kernel::{
        Kernel, NetDevice, NsId, neigh, netns::Life, show_addr::ip_addr_lines, show_route::ip_route_lines,
        show_rule::ip_rule_lines, sock::Proto,
    },
    packet::Ip4Addr,
    world::World,
};
use std::collections::BTreeMap;

type Table = BTreeMap<String, u64>;

/// Counters at one time: of each host, of each of its namespaces.
pub type Before = Vec<Vec<(BTreeMap<String, Table>, Table)>>;

/// All counters now.
pub fn counters(world: &World) -> Before {
    let of = |k: &Kernel| (0..k.nets.len()).map(|ns| (links(k, ns), snmp(k, ns))).collect();
    world.hosts.iter().map(|h| of(&h.kernel)).collect()
}

fn links(k: &Kernel, ns: usize) -> BTreeMap<String, Table> {
    let devs = k.net(NsId(ns as u32)).devs.iter().filter_map(|d| k.devs.get(*d));
    devs.map(|d| (d.name().to_owned(), link(d))).collect()
}

fn snmp(k: &Kernel, ns: usize) -> Table {
    k.net(NsId(ns as u32)).mib.nonzero().map(|(name, n)| (name.into_owned(), n)).collect()
}

/// Counters under the names of `struct rtnl_link_stats64`.
fn link(d: &NetDevice) -> Table {
    let (s, c) = (&d.stats, &d.cold);
    let all = [
        ("rx_bytes", s.rx_bytes),
        ("rx_packets", s.rx_packets),
        ("rx_dropped", s.rx_dropped.into()),
        ("multicast", c.multicast),
        ("rx_missed_errors", c.rx_missed),
        ("rx_nohandler", c.rx_nohandler),
        ("rx_otherhost_dropped", c.rx_otherhost_dropped),
        ("tx_bytes", s.tx_bytes),
        ("tx_packets", s.tx_packets),
        ("tx_dropped", s.tx_dropped.into()),
    ];
    all.into_iter().map(|(name, n)| (name.to_owned(), n)).collect()
}

/// Differences that are not zero.
fn minus(now: &Table, old: Option<&Table>) -> Table {
    let before = |n: &str| old.and_then(|o| o.get(n)).copied().unwrap_or(0);
    now.iter().map(|(n, v)| (n.clone(), v.saturating_sub(before(n)))).filter(|c| c.1 != 0).collect()
}

/// Every namespace at time `now`; counters as differences from `before`.
pub fn spaces(world: &World, now: Time, before: &Before) -> Vec<Space> {
    let mut all = Vec::new();
    for (host, h) in world.hosts.iter().enumerate() {
        let k = &h.kernel;
        let ticks = u128::from(now.ps()) * u128::from(k.hz) / u128::from(PS_PER_S);
        for ns in 0..k.nets.len() {
            let id = NsId(ns as u32);
            if k.net(id).life != Life::Alive {
                continue;
            }
            let before = before[host].get(ns);
            let mut space = Space { host, ns: k.net(id).name.clone(), ..Space::default() };
            space.addr = ip_addr_lines(k, id);
            space.route = ip_route_lines(k, id, 0);
            space.rule = ip_rule_lines(k, id);
            space.neigh = neigh::neigh_lines(k, id);
            space.fdb = bridge::fdb_lines(k, id, u64::try_from(ticks).unwrap_or(u64::MAX));
            space.fdb.extend(vxlan::fdb_lines(k, id));
            space.snmp = minus(&snmp(k, ns), before.map(|b| &b.1));
            for (dev, now) in links(k, ns) {
                let since = minus(&now, before.and_then(|b| b.0.get(&dev)));
                if !since.is_empty() {
                    space.link.insert(dev, since);
                }
            }
            space.sockets = sockets(k, id);
            all.push(space);
        }
    }
    all
}

fn sockets(k: &Kernel, ns: NsId) -> Vec<String> {
    let udp = k.sockets.iter().filter(|s| s.ns == ns && s.proto == Proto::Udp && s.port != 0);
    let mut lines: Vec<String> = udp.map(|s| format!("{}:{} drops {}", Ip4Addr(s.rcv_addr), s.port, s.drops)).collect();
    lines.sort();
    lines
}
