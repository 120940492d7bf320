//! A world as it stands, as data for pictures.

use crate::{
    build::{self, Built},
    names::Names,
    outcome::{DeviceOutcome, HostOutcome, NamespaceOutcome, SocketOutcome, TopologyOutcome, WireOutcome},
    read::Place,
    spec::{Host, Namespace, Scenario},
};
use rustc_hash::FxHashMap;
use sim_models::{
    drivers::{self, phy},
    kernel::{
        DevId, Kernel, NsId,
        rtnl::RT_TABLE_MAIN,
        show_addr::{dev_addr_lines, dev_link_lines},
        show_route::ip_route_lines,
        sock::Proto,
    },
    packet::Ip4Addr,
};

/// The address that every loopback has, which says nothing.
const LOCALHOST: u32 = 0x7f00_0001;

/// Everything that is plugged into `built`'s world now.
pub fn topology(s: &Scenario, built: &Built) -> TopologyOutcome {
    let names = Names::new(s);
    let hosts = built.world.hosts.iter().enumerate().map(|(i, h)| {
        let written = names.hosts.get(i).and_then(|n| n.host);
        let mut host = host(written, &h.kernel, &h.name);
        host.switch = h.switch().is_some();
        place_all(&mut host, written, built);
        host
    });
    let hosts = hosts.collect();
    let wires = s.wires.iter().filter_map(|w| {
        let [a, b] = &w.between.value.0[..] else { return None };
        let world = &built.world;
        let ends = [build::end(&names, world, a)?, build::end(&names, world, b)?];
        let parts = ends.map(|e| {
            let host = &world.hosts[e.host];
            let dev = &host.kernel.devs[e.dev];
            (host.name.clone(), host.kernel.net(dev.ns).name.clone(), dev.name().to_owned())
        });
        let rates =
            ends.map(|e| phy::rate(&world.hosts[e.host].kernel, e.dev).map_or(0, sim_core::time::Rate::bits_per_s));
        let place = Some(built.places.line_at(w.between.place));
        Some(WireOutcome { ends: parts, delay_ps: w.delay.value.0.ps(), rates, place })
    });
    TopologyOutcome { hosts, wires: wires.collect() }
}

fn host(written: Option<&Host>, k: &Kernel, name: &str) -> HostOutcome {
    let mut sockets = listening(k);
    let shown = k.nets.len().min(TopologyOutcome::MAX_NAMESPACES);
    let namespaces = (0..shown).map(|i| {
        let ns = NsId(i as u32);
        let net = k.net(ns);
        let real = |d: &&DevId| !k.devs[**d].is_loopback() || net.addrs.on(**d).iter().any(|a| a.local != LOCALHOST);
        let devices: Vec<&DevId> = net.devs.iter().filter(real).collect();
        let routes = ip_route_lines(k, ns, RT_TABLE_MAIN);
        NamespaceOutcome {
            name: net.name.clone(),
            forwards: net.conf.all.forwarding != 0,
            more: devices.len().saturating_sub(TopologyOutcome::MAX_DEVICES),
            devices: devices.into_iter().take(TopologyOutcome::MAX_DEVICES).map(|d| device(k, *d)).collect(),
            sockets: sockets.remove(&ns.0).unwrap_or_default(),
            more_routes: routes.len().saturating_sub(TopologyOutcome::MAX_ROUTES),
            routes: routes.into_iter().take(TopologyOutcome::MAX_ROUTES).collect(),
            place: None,
        }
    });
    HostOutcome {
        name: name.to_owned(),
        switch: false,
        cores: written.and_then(|h| h.cores.as_ref()).map_or(1, |c| c.value),
        drivers: k.loaded.iter().map(|d| (*d).to_owned()).collect(),
        namespaces: namespaces.collect(),
        more: k.nets.len() - shown,
    }
}

/// By namespace, in the order in which they were opened.
fn listening(k: &Kernel) -> FxHashMap<u32, Vec<SocketOutcome>> {
    let mut of: FxHashMap<u32, Vec<SocketOutcome>> = FxHashMap::default();
    for s in k.sockets.iter() {
        let serves = s.owner.and_then(|t| k.tasks.app(t)).is_some_and(sim_models::apps::App::serves);
        if !serves || s.port == 0 {
            continue;
        }
        let protocol = match s.proto {
            Proto::Udp => "udp",
            Proto::Tcp(_) => "tcp",
            Proto::RawIcmp => "icmp",
        };
        let socket =
            SocketOutcome { protocol: protocol.to_owned(), address: Ip4Addr(s.rcv_addr).to_string(), port: s.port };
        of.entry(s.ns.0).or_default().push(socket);
    }
    of
}

fn device(k: &Kernel, dev: DevId) -> DeviceOutcome {
    let d = &k.devs[dev];
    let mut lines = dev_link_lines(k, dev).to_vec();
    lines.extend(dev_addr_lines(k, dev).into_iter().step_by(2));
    let end = drivers::other_end(k, dev).and_then(|o| k.devs.get(o));
    let addresses = k.net(d.ns).addrs.on(dev).iter().filter(|a| a.local != LOCALHOST);
    DeviceOutcome {
        name: d.name().to_owned(),
        kind: d.kind.name().to_owned(),
        ifindex: d.ifindex,
        up: d.is_up() && d.carrier,
        state: d.shown_operstate().name().to_owned(),
        mac: d.mac.to_string(),
        mtu: d.mtu,
        master: d.master.and_then(|m| k.devs.get(m)).map(|m| m.name().to_owned()),
        other_end: end.map(|o| (k.net(o.ns).name.clone(), o.name().to_owned())),
        addresses: addresses.map(|a| format!("{}/{}", Ip4Addr(a.local), a.len)).collect(),
        lines,
        settings: drivers::config(k, dev).shown().into_iter().map(|(word, value)| format!("{word} {value}")).collect(),
        rx: (d.stats.rx_packets, d.stats.rx_bytes),
        tx: (d.stats.tx_packets, d.stats.tx_bytes),
        place: None,
    }
}

/// Finds where each namespace and device is written.
fn place_all(host: &mut HostOutcome, written: Option<&Host>, built: &Built) {
    let line = |place: Place| Some(built.places.line_at(place));
    let by_name: FxHashMap<&str, (Place, Option<&Namespace>)> = written
        .iter()
        .flat_map(|h| &h.namespaces.entries)
        .map(|e| (e.name.as_str(), (e.place, e.value.as_ref())))
        .collect();
    for ns in &mut host.namespaces {
        let Some((place, written)) = by_name.get(ns.name.as_str()) else { continue };
        ns.place = line(*place);
        let devices: FxHashMap<&str, Place> =
            written.iter().flat_map(|n| &n.devices.entries).map(|e| (e.name.as_str(), e.place)).collect();
        for d in &mut ns.devices {
            d.place = devices.get(d.name.as_str()).and_then(|p| line(*p));
        }
    }
}
