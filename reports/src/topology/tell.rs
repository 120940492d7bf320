//! What hovering or focus tells of a thing: the words of `ip -d link`, addresses, routes, counters.

use scenarios::outcome::{DeviceOutcome, HostOutcome, NamespaceOutcome, WireOutcome};

use super::Traffic;
use crate::units;

/// So many lines of a list are told.
const LINES: usize = 12;

pub fn host(host: &HostOutcome) -> String {
    if host.switch {
        return format!("switch {}", host.name);
    }
    let cores = units::count(host.cores as usize, "core", "cores");
    let namespaces = units::count(host.namespaces.len() + host.more, "namespace", "namespaces");
    format!("host {}: one kernel, {cores}, {namespaces}\ndrivers loaded: {}", host.name, host.drivers.join(" "))
}

pub fn router(host: &HostOutcome) -> String {
    if host.switch {
        return format!("switch {}: learns, forwards, floods", host.name);
    }
    let mut lines = vec![format!("the kernel of {}: one router for all its namespaces", host.name)];
    for ns in host.namespaces.iter().take(LINES) {
        lines.push(format!(
            "{}: ip_forward={}, {}",
            ns.name,
            u8::from(ns.forwards),
            units::count(ns.routes.len() + ns.more_routes, "route", "routes")
        ));
    }
    if host.namespaces.len() > LINES {
        lines.push(format!("… {} more", host.namespaces.len() - LINES));
    }
    lines.join("\n")
}

pub fn namespace(host: &HostOutcome, ns: &NamespaceOutcome) -> String {
    let mut lines = vec![format!("namespace {}/{}: ip_forward={}", host.name, ns.name, u8::from(ns.forwards))];
    for s in ns.sockets.iter().take(LINES) {
        lines.push(format!("socket {} {}:{}", s.protocol, s.address, s.port));
    }
    lines.extend(ns.routes.iter().take(LINES).map(|r| format!("route {r}")));
    let more = ns.routes.len().saturating_sub(LINES) + ns.more_routes;
    if more > 0 {
        lines.push(format!("… {} more routes", units::thousands(more as u64)));
    }
    lines.extend(ns.place.iter().map(|p| format!("written at {p}")));
    lines.join("\n")
}

pub fn device(path: &str, d: &DeviceOutcome) -> String {
    let mut lines = vec![path.to_owned()];
    lines.extend(d.lines.iter().take(2).cloned());
    lines.push(format!("    {} {}", d.kind, d.settings.join(" ")).trim_end().to_owned());
    lines.extend(d.lines.iter().skip(2).take(LINES).cloned());
    if d.lines.len() > LINES + 2 {
        lines.push(format!("    … {} more addresses", d.lines.len() - LINES - 2));
    }
    let of = |(packets, bytes)| format!("{} packets {} bytes", units::thousands(packets), units::thousands(bytes));
    lines.push(format!("    rx {}, tx {}", of(d.rx), of(d.tx)));
    lines.extend(d.place.iter().map(|p| format!("written at {p}")));
    lines.join("\n")
}

/// Name and detail of a line between two devices of a host.
pub fn link((a, b): (&str, &str), lower: bool, d: &DeviceOutcome, traffic: &Traffic) -> (String, String) {
    let name = if lower { format!("{a}, on top of {b}") } else { format!("{} {a} to {b}", d.kind) };
    let there = format!("to {b}: {}", traffic.load(d.tx.0));
    let back = format!("to {a}: {}", traffic.load(d.rx.0));
    let detail = format!("{name}\n{there}\n{back}");
    (name, detail)
}

/// "5 us · 10gbit · 10 k/s" for the label, and name and detail.
pub fn wire(w: &WireOutcome, ends: [Option<&DeviceOutcome>; 2], traffic: &Traffic) -> [String; 3] {
    let mut label = vec![units::exact(w.delay_ps)];
    let rates = w.rates.map(bit_rate);
    label.push(if rates[0] == rates[1] { rates[0].clone() } else { rates.join("/") });
    let sent = ends.map(|e| e.map_or(0, |d| d.tx.0));
    let most = sent[0].max(sent[1]);
    if most > 0 {
        label.push(traffic.rate(most));
    }
    let path = |i: usize| format!("{}/{}/{}", w.ends[i].0, w.ends[i].1, w.ends[i].2);
    let name = format!("cable {} to {}", path(0), path(1));
    let mut detail = vec![name.clone(), format!("delay {}, rate {}", units::exact(w.delay_ps), rates.join(" and "))];
    detail.push(format!("to {}: {}", path(1), traffic.load(sent[0])));
    detail.push(format!("to {}: {}", path(0), traffic.load(sent[1])));
    detail.extend(w.place.iter().map(|p| format!("written at {p}")));
    [label.join(" · "), name, detail.join("\n")]
}

/// As `tc` words it: "10gbit".
pub fn bit_rate(bits: u64) -> String {
    for (one, word) in [(1_000_000_000, "gbit"), (1_000_000, "mbit"), (1_000, "kbit")] {
        if bits >= one {
            let text = units::fixed(bits, one, 3).replace(',', "");
            return format!("{}{word}", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    format!("{bits}bit")
}
