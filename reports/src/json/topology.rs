//! What is plugged into what, as JSON.

use scenarios::outcome::{TopologyOutcome, WireOutcome};
use serde::Serialize;

#[derive(Serialize)]
pub struct TopologyJson<'f> {
    hosts: Vec<HostJson<'f>>,
    wires: Vec<WireJson>,
}

#[derive(Serialize)]
struct HostJson<'f> {
    name: &'f str,
    cores: u32,
    drivers: &'f [String],
    namespaces: Vec<NamespaceJson<'f>>,
    more_namespaces: usize,
}

#[derive(Serialize)]
struct NamespaceJson<'f> {
    name: &'f str,
    ip_forward: bool,
    routes: &'f [String],
    more_routes: usize,
    sockets: Vec<String>,
    devices: Vec<DeviceJson<'f>>,
    more_devices: usize,
    place: Option<&'f str>,
}

#[derive(Serialize)]
struct DeviceJson<'f> {
    name: &'f str,
    kind: &'f str,
    ifindex: u32,
    up: bool,
    state: &'f str,
    mac: &'f str,
    mtu: u32,
    addresses: &'f [String],
    far_end: String,
    master: Option<&'f str>,
    settings: &'f [String],
    rx_packets: u64,
    rx_bytes: u64,
    tx_packets: u64,
    tx_bytes: u64,
    place: Option<&'f str>,
}

#[derive(Serialize)]
struct WireJson {
    ends: [String; 2],
    delay_ps: u64,
    bits_per_s: [u64; 2],
}

pub fn topology_json(t: &TopologyOutcome) -> TopologyJson<'_> {
    let hosts = t.hosts.iter().map(|h| HostJson {
        name: &h.name,
        cores: h.cores,
        drivers: &h.drivers,
        more_namespaces: h.more,
        namespaces: h.namespaces.iter().map(|n| namespace_json(t, &h.name, n)).collect(),
    });
    let wire = |w: &WireOutcome| WireJson {
        ends: [0, 1].map(|i| format!("{}/{}/{}", w.ends[i].0, w.ends[i].1, w.ends[i].2)),
        delay_ps: w.delay_ps,
        bits_per_s: w.rates,
    };
    TopologyJson { hosts: hosts.collect(), wires: t.wires.iter().map(wire).collect() }
}

fn namespace_json<'f>(
    t: &TopologyOutcome,
    host: &str,
    n: &'f scenarios::outcome::NamespaceOutcome,
) -> NamespaceJson<'f> {
    let devices = n.devices.iter().map(|d| DeviceJson {
        name: &d.name,
        kind: &d.kind,
        ifindex: d.ifindex,
        up: d.up,
        state: &d.state,
        mac: &d.mac,
        mtu: d.mtu,
        addresses: &d.addresses,
        far_end: t.far_end(host, &n.name, d),
        master: d.master.as_deref(),
        settings: &d.settings,
        rx_packets: d.rx.0,
        rx_bytes: d.rx.1,
        tx_packets: d.tx.0,
        tx_bytes: d.tx.1,
        place: d.place.as_deref(),
    });
    NamespaceJson {
        name: &n.name,
        ip_forward: n.forwards,
        routes: &n.routes,
        more_routes: n.more_routes,
        sockets: n.sockets.iter().map(|s| format!("{} {}:{}", s.protocol, s.address, s.port)).collect(),
        devices: devices.collect(),
        more_devices: n.more,
        place: n.place.as_deref(),
    }
}
