//! The same for a terminal: a tree of hosts, namespaces and devices.

use std::fmt::Write;

use scenarios::outcome::{DeviceOutcome, HostOutcome, TopologyOutcome, WireOutcome};

use super::tell;
use crate::units;

/// Of more namespaces of a host, or devices of a namespace, the first ones are shown and the rest are counted.
const MANY: usize = 24;

/// Every host with its namespaces, devices, sockets and cables, a line each.
pub fn text(topology: &TopologyOutcome) -> String {
    let mut out = String::new();
    for host in &topology.hosts {
        // Writing to a String cannot fail.
        let _ = if host.switch {
            writeln!(out, "switch {}", host.name)
        } else {
            writeln!(out, "host {} · one kernel, one router · {}", host.name, cores(host))
        };
        for ns in host.namespaces.iter().take(MANY) {
            let forwards = if ns.forwards { " · ip_forward=1" } else { "" };
            let sockets: Vec<String> =
                ns.sockets.iter().take(6).map(|s| format!(" ▣ {}:{}/{}", s.address, s.port, s.protocol)).collect();
            let more = if ns.sockets.len() > 6 { format!(" ▣ {} more", ns.sockets.len() - 6) } else { String::new() };
            let _ = writeln!(out, "  {}{forwards}{}{more}", ns.name, sockets.concat());
            for d in ns.devices.iter().take(MANY) {
                let _ = writeln!(out, "    {}", device(topology, host, &ns.name, d));
            }
            let more = ns.devices.len().saturating_sub(MANY) + ns.more;
            if more > 0 {
                let _ = writeln!(out, "    … {} more devices", units::thousands(more as u64));
            }
        }
        let more = host.namespaces.len().saturating_sub(MANY) + host.more;
        if more > 0 {
            let _ = writeln!(out, "  … {} more namespaces", units::thousands(more as u64));
        }
    }
    out
}

fn cores(host: &HostOutcome) -> String {
    units::count(host.cores as usize, "core", "cores")
}

/// "● docker0  bridge  172.17.0.1/16", "● veth1  veth  ═ c1/eth0, port of docker0".
fn device(topology: &TopologyOutcome, host: &HostOutcome, ns: &str, d: &DeviceOutcome) -> String {
    let mut line = format!("{} {:<10} {:<8}", if d.up { '●' } else { '○' }, d.name, d.kind);
    for a in d.addresses.iter().take(4) {
        let _ = write!(line, " {a}");
    }
    if d.addresses.len() > 4 {
        let _ = write!(line, " … {} more", d.addresses.len() - 4);
    }
    if let Some((there, dev)) = &d.other_end {
        let _ = write!(line, " ═ {there}/{dev}");
    }
    if let Some(master) = &d.master {
        let _ = write!(line, " · port of {master}");
    }
    let here = |w: &WireOutcome, i: usize| (w.ends[i].0 == host.name) && w.ends[i].1 == ns && w.ends[i].2 == d.name;
    for w in &topology.wires {
        for (i, o) in [(0, 1), (1, 0)] {
            if here(w, i) {
                let (far, delay, rate) = (&w.ends[o], units::exact(w.delay_ps), tell::bit_rate(w.rates[i]));
                let _ = write!(line, " ── {delay}, {rate} ── {}/{}/{}", far.0, far.1, far.2);
            }
        }
    }
    line.trim_end().to_owned()
}
