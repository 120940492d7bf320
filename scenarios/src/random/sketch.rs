//! A generated world before it is text: what the shrinker takes apart, and what is written as a scenario file.

use std::fmt::Write as _;

/// A world.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Sketch {
    pub title: String,
    pub hosts: Vec<Host>,
    /// Paths HOST/NS/DEV of both ends.
    pub wires: Vec<[String; 2]>,
    pub flows: Vec<Flow>,
    pub steps: Vec<Step>,
    /// When it ends, in milliseconds.
    pub duration: u32,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Host {
    pub name: String,
    /// The first is `root`.
    pub nets: Vec<Net>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Net {
    pub name: String,
    pub sysctls: Vec<(String, String)>,
    pub devices: Vec<Device>,
    pub routes: Vec<String>,
    pub rules: Vec<String>,
    pub neighbours: Vec<String>,
    pub commands: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Device {
    pub name: String,
    pub kind: Kind,
    pub addresses: Vec<String>,
    pub mac: Option<String>,
    pub mtu: Option<u32>,
    pub down: bool,
    pub sysctls: Vec<(String, String)>,
    /// Settings of the device as a bridge port.
    pub slave: Vec<(String, String)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One end of a veth pair; the other is the [`Kind::Peer`] `dev` of namespace `ns` of the same host.
    Veth {
        ns: String,
        dev: String,
    },
    Peer,
    Bridge {
        ports: Vec<String>,
        settings: Vec<(String, String)>,
    },
    Physical,
    Loopback,
    /// A kind on top of another device: its name in the file, and its fields as written.
    Upper {
        kind: String,
        link: String,
        settings: Vec<(String, String)>,
    },
}

/// What is sent. Times are milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    pub name: String,
    pub kind: FlowKind,
    /// HOST/NS
    pub from: String,
    /// Who listens; nobody if `None`.
    pub to: Option<String>,
    pub address: String,
    pub port: u16,
    pub count: u32,
    pub interval: u32,
    pub size: u32,
    pub ttl: Option<u8>,
    pub source_port: Option<u16>,
    /// More fields as written: `df: true`.
    pub options: Vec<(String, String)>,
    pub start: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKind {
    Ping,
    Udp,
    Requests,
    /// `to`: receivers, with commas between them.
    Broadcast,
    TcpConnect,
    Frames,
}

/// A request while time runs; it may fail.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Step {
    /// Milliseconds.
    pub at: u32,
    /// HOST/NS
    pub place: String,
    pub run: String,
}

impl Device {
    pub fn new(name: impl Into<String>, kind: Kind) -> Device {
        Device {
            name: name.into(),
            kind,
            addresses: Vec::new(),
            mac: None,
            mtu: None,
            down: false,
            sysctls: Vec::new(),
            slave: Vec::new(),
        }
    }

    /// Names of the bridge's ports.
    pub fn ports(&self) -> &[String] {
        match &self.kind {
            Kind::Bridge { ports, .. } => ports,
            _ => &[],
        }
    }
}

impl Sketch {
    /// Namespaces with their paths HOST/NS.
    pub fn nets(&self) -> impl Iterator<Item = (String, &Net)> {
        self.hosts.iter().flat_map(|h| h.nets.iter().map(move |n| (format!("{}/{}", h.name, n.name), n)))
    }

    /// The scenario file.
    pub fn ron(&self) -> String {
        let mut out = format!("(title: {},\n hosts: {{", text(&self.title));
        for h in &self.hosts {
            let _ = write!(out, "\n  {}: (namespaces: {{", text(&h.name));
            for n in &h.nets {
                let _ = write!(out, "\n   {}: {},", text(&n.name), net(n));
            }
            out.push_str("}),");
        }
        out.push_str("},");
        if !self.wires.is_empty() {
            let wire = |w: &[String; 2]| format!("(between: [{}, {}], delay: \"5us\")", text(&w[0]), text(&w[1]));
            let _ = write!(out, "\n wires: [{}],", joined(self.wires.iter().map(wire)));
        }
        if !self.flows.is_empty() {
            let lines = self.flows.iter().map(|f| format!("\n  {}: {},", text(&f.name), flow(f)));
            let _ = write!(out, "\n traffic: {{{}}},", lines.collect::<String>());
        }
        if !self.steps.is_empty() {
            let step = |s: &Step| {
                let (at, place, run) = (s.at, text(&s.place), text(&s.run));
                format!("\n  (at: \"{at}ms\", in: {place}, run: {run}, may_fail: true),")
            };
            let _ = write!(out, "\n timeline: [{}],", self.steps.iter().map(step).collect::<String>());
        }
        let _ = write!(out, "\n duration: \"{}ms\")\n", self.duration);
        out
    }
}

/// A string of the language.
fn text(s: &str) -> String {
    format!("\"{}\"", s.replace('\\', "\\\\").replace('"', "\\\""))
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn list(all: &[String]) -> String {
    format!("[{}]", joined(all.iter().map(|s| text(s))))
}

fn map(all: &[(String, String)]) -> String {
    format!("{{{}}}", joined(all.iter().map(|(k, v)| format!("{}: {}", text(k), text(v)))))
}

fn net(n: &Net) -> String {
    let mut fields = Vec::new();
    if !n.sysctls.is_empty() {
        fields.push(format!("sysctls: {}", map(&n.sysctls)));
    }
    if !n.devices.is_empty() {
        let lines = n.devices.iter().map(|d| format!("\n     {}: {}", text(&d.name), device(d)));
        fields.push(format!("devices: {{{}}}", lines.collect::<Vec<_>>().join(",")));
    }
    let lists = [("routes", &n.routes), ("rules", &n.rules), ("neighbours", &n.neighbours), ("commands", &n.commands)];
    for (word, all) in lists {
        if !all.is_empty() {
            fields.push(format!("{word}: {}", list(all)));
        }
    }
    format!("({})", fields.join(",\n    "))
}

fn device(d: &Device) -> String {
    let mut fields = Vec::new();
    let word = match &d.kind {
        Kind::Veth { ns, dev } => {
            fields.push(format!("peer: {}", text(&format!("{ns}/{dev}"))));
            "Veth"
        }
        Kind::Peer => "Peer",
        Kind::Bridge { ports, settings } => {
            if !ports.is_empty() {
                fields.push(format!("ports: {}", list(ports)));
            }
            fields.extend(settings.iter().map(|(k, v)| format!("{k}: {v}")));
            "Bridge"
        }
        Kind::Physical => "Physical",
        Kind::Loopback => "Loopback",
        Kind::Upper { kind, link, settings } => {
            fields.push(format!("link: {}", text(link)));
            fields.extend(settings.iter().map(|(k, v)| format!("{k}: {v}")));
            kind
        }
    };
    if let Some(mac) = &d.mac {
        fields.push(format!("mac: {}", text(mac)));
    }
    if let Some(mtu) = d.mtu {
        fields.push(format!("mtu: {mtu}"));
    }
    if !d.addresses.is_empty() {
        fields.push(format!("addresses: {}", list(&d.addresses)));
    }
    if d.down {
        fields.push("up: false".to_owned());
    }
    for (field, all) in [("sysctls", &d.sysctls), ("bridge_slave", &d.slave)] {
        if !all.is_empty() {
            fields.push(format!("{field}: {}", map(all)));
        }
    }
    format!("{word}({})", fields.join(", "))
}

fn flow(f: &Flow) -> String {
    let mut fields = vec![format!("from: {}", text(&f.from))];
    // A ping's `to` only stands for an address.
    if let Some(to) = f.to.as_ref().filter(|_| f.kind == FlowKind::Broadcast) {
        fields.push(format!("to: {}", list(&to.split(',').map(str::to_owned).collect::<Vec<_>>())));
    } else if let Some(to) = f.to.as_ref().filter(|_| f.kind != FlowKind::Ping) {
        fields.push(format!("to: {}", text(to)));
    }
    let rate = format!("rate: \"{}/s\"", 1000 / f.interval.max(1));
    match f.kind {
        FlowKind::Ping => {
            fields.push(format!("address: {}, interval: \"{}ms\"", text(&f.address), f.interval));
        }
        FlowKind::Udp | FlowKind::Broadcast => {
            fields.push(format!("address: {}, {rate}", text(&format!("{}:{}/udp", f.address, f.port))));
        }
        FlowKind::TcpConnect => {
            fields.push(format!("address: {}", text(&format!("{}:{}/tcp", f.address, f.port))));
            fields.push(format!("interval: \"{}ms\", timeout: \"20ms\"", f.interval));
        }
        FlowKind::Frames => fields.push(format!("interval: \"{}ms\"", f.interval)),
        FlowKind::Requests => {
            fields.push(format!("address: {}, concurrency: 1", text(&format!("{}:{}/udp", f.address, f.port))));
        }
    }
    if f.kind != FlowKind::Frames {
        fields.push(format!("count: {}", f.count));
    }
    if !matches!(f.kind, FlowKind::Frames | FlowKind::TcpConnect) {
        fields.push(format!("size: {}", f.size));
    }
    if let Some(ttl) = f.ttl.filter(|_| f.kind != FlowKind::Frames) {
        fields.push(format!("ttl: {ttl}"));
    }
    let bound = matches!(f.kind, FlowKind::Udp | FlowKind::Broadcast | FlowKind::TcpConnect);
    if let Some(port) = f.source_port.filter(|_| bound) {
        fields.push(format!("source_port: {port}"));
    }
    fields.extend(f.options.iter().map(|(k, v)| format!("{k}: {v}")));
    fields.push(format!("start: \"{}ms\"", f.start));
    format!("{:?}({})", f.kind, fields.join(", "))
}
