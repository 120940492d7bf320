//! What was plugged into what when a run ended: plain data for pictures and tables.

/// All hosts and cables of one run, as they were at its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopologyOutcome {
    /// In the order of the file.
    pub hosts: Vec<HostOutcome>,
    pub wires: Vec<WireOutcome>,
}

/// A machine: one kernel, which is one router.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostOutcome {
    pub name: String,
    /// It is an external switch: no kernel, its ports are the devices of its one namespace.
    pub switch: bool,
    pub cores: u32,
    /// Names of the drivers that were loaded, in order.
    pub drivers: Vec<String>,
    /// `root` first, then in the order of the file.
    pub namespaces: Vec<NamespaceOutcome>,
    /// Namespaces beyond the first [`TopologyOutcome::MAX_NAMESPACES`], which are only counted.
    pub more: usize,
}

/// A set of tables, and the devices and sockets that use it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceOutcome {
    pub name: String,
    /// `net.ipv4.ip_forward`
    pub forwards: bool,
    /// In order of ifindex, without a `lo` that has only 127.0.0.1.
    pub devices: Vec<DeviceOutcome>,
    /// Devices beyond the first [`TopologyOutcome::MAX_DEVICES`], which are only counted.
    pub more: usize,
    /// Sockets that a server waits on.
    pub sockets: Vec<SocketOutcome>,
    /// The main table as `ip route` prints it.
    pub routes: Vec<String>,
    /// Routes beyond the first [`TopologyOutcome::MAX_ROUTES`].
    pub more_routes: usize,
    /// The line of the scenario that it stands on: "outside.ron:5"; `None` if nothing is written of it.
    pub place: Option<String>,
}

/// A `net_device`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceOutcome {
    pub name: String,
    /// Its driver's word: "veth", "bridge", "phy".
    pub kind: String,
    pub ifindex: u32,
    /// `IFF_UP` and carrier: frames can pass.
    pub up: bool,
    /// As `ip link` prints it: "UP", "LOWERLAYERDOWN".
    pub state: String,
    pub mac: String,
    /// Bytes.
    pub mtu: u32,
    /// Name of the bridge, or other master, that it is a port of; in the same namespace.
    pub master: Option<String>,
    /// The device at its other end, (namespace, device) of the same host: a veth's peer, a virtual device's lower one.
    pub other_end: Option<(String, String)>,
    /// "172.17.0.1/16", in the kernel's order.
    pub addresses: Vec<String>,
    /// What `ip addr` says of it, line by line.
    pub lines: Vec<String>,
    /// The driver's settings as `ip -d link` words them: "forward_delay 1500".
    pub settings: Vec<String>,
    /// Packets and bytes in both directions.
    pub rx: (u64, u64),
    pub tx: (u64, u64),
    /// Where the scenario writes it; `None` if it came into being otherwise.
    pub place: Option<String>,
}

/// A socket that waits for whoever comes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketOutcome {
    /// "udp"
    pub protocol: String,
    /// "0.0.0.0" or the address it is bound to.
    pub address: String,
    pub port: u16,
}

/// A cable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireOutcome {
    /// (host, namespace, device) of both ends, in the order of the file.
    pub ends: [(String, String, String); 2],
    /// One way, picoseconds.
    pub delay_ps: u64,
    /// Bits a second that either end sends with.
    pub rates: [u64; 2],
    pub place: Option<String>,
}

impl TopologyOutcome {
    /// So many namespaces of a host are told apart.
    pub const MAX_NAMESPACES: usize = 2_000;
    /// So many devices of a namespace.
    pub const MAX_DEVICES: usize = 4_000;
    /// So many routes of a namespace.
    pub const MAX_ROUTES: usize = 50;

    /// Every device that is told apart, with where it is.
    pub fn devices(&self) -> impl Iterator<Item = (&HostOutcome, &NamespaceOutcome, &DeviceOutcome)> {
        let namespaces = self.hosts.iter().flat_map(|h| h.namespaces.iter().map(move |n| (h, n)));
        namespaces.flat_map(|(h, n)| n.devices.iter().map(move |d| (h, n, d)))
    }

    /// HOST/NS/DEV of what is at the other end of a device: a veth's peer, a lower device, the far end of a cable; empty
    /// if nothing is.
    pub fn far_end(&self, host: &str, ns: &str, d: &DeviceOutcome) -> String {
        if let Some((ns, dev)) = &d.other_end {
            return format!("{host}/{ns}/{dev}");
        }
        let here = |e: &(String, String, String)| e.0 == host && e.1 == ns && e.2 == d.name;
        let far = self.wires.iter().find_map(|w| match &w.ends {
            [a, b] if here(a) => Some(b),
            [a, b] if here(b) => Some(a),
            _ => None,
        });
        far.map(|(host, ns, dev)| format!("{host}/{ns}/{dev}")).unwrap_or_default()
    }
}
