//! `Kernel`: all of a host's state. Path functions are plain functions over `&mut Kernel` and `&mut Cx`, named after
//! the kernel's own, one file a concept.

pub mod addr;
pub mod arp;
pub mod at;
pub mod boot;
mod ctx;
pub mod dev;
pub mod fib;
pub mod icmp;
pub mod ip_defrag;
pub mod ip_forward;
pub mod ip_frag;
pub mod ip_input;
pub mod ip_output;
pub mod linkwatch;
pub mod mib;
pub mod neigh;
pub mod netdevice;
pub mod netns;
pub mod observe;
pub mod reason;
pub mod route;
pub mod rtnl;
pub(crate) mod shortcut;
pub mod show_addr;
pub mod show_json;
pub mod show_route;
pub mod show_rule;
pub mod show_state;
pub mod skb;
pub mod sock;
pub mod sysctl;
#[cfg(test)]
pub(crate) mod testkit;
pub mod timer;

pub use at::At;
pub use ctx::{Alarm, Cx, Outbound};
pub use mib::Mib;
pub use netdevice::{DevId, NetDevice};
pub use reason::Reason;
pub use rtnl::{Errno, RtnlError, RtnlOp};
pub use skb::{Flying, PktType, Pool, SkBuff};

use crate::cpu::Cpu;

/// A namespace of this host: an index into [`Kernel::nets`]. 0 is the initial one, `root`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NsId(pub u32);

impl NsId {
    /// The initial namespace, called `root`.
    pub const ROOT: NsId = NsId(0);
}

/// The one router of a host.
pub struct Kernel {
    pub nets: Vec<NetNs>,
    pub devs: netdevice::Devices,
    /// One neighbour table for all namespaces, keyed by device (NEIGH-18).
    pub neigh4: neigh::Table,
    pub cpus: Vec<Cpu>,
    pub sockets: sock::Sockets,
    pub tasks: crate::apps::Tasks,
    /// Drivers loaded so far, in order (`ip link add` loads what is missing).
    pub loaded: Vec<&'static str>,
    pub linkwatch: linkwatch::LinkWatch,
    /// What drivers keep for the whole host.
    pub(crate) drv: crate::drivers::Shared,
    /// `dmesg`.
    pub log: Box<boot::Log>,
    /// Ticks a second; one of 100, 250, 300, 1000.
    pub hz: u32,
    /// `net.core.netdev_max_backlog`, packets.
    pub max_backlog: u32,
    /// The host's number in the world, part of every MAC and frame id.
    pub host: u32,
    /// Devices made so far: the last bytes of the next MAC address, 02:00:HH:HH:DD:DD (beyond 65,535 the second byte
    /// counts on).
    pub(crate) next_mac: u32,
    /// Namespaces by name: only asked, never iterated.
    pub(crate) ns_names: rustc_hash::FxHashMap<String, NsId>,
    /// Some namespace has policy rules of its own.
    pub(crate) has_rules: bool,
    /// Namespaces that only their processes keep.
    pub(crate) nameless: u32,
    /// Bumped by every change of configuration: what was decided before it is decided anew.
    pub(crate) generation: u32,
    pub(crate) routes: shortcut::Recent,
    /// Nested transmits on devices without a queue (DEV-20).
    pub(crate) xmit_depth: u8,
    /// A packet socket receives every frame, as `tcpdump` does: what no protocol takes is the socket's, not lost.
    pub tapped: bool,
}

/// A set of tables.
pub struct NetNs {
    pub name: String,
    /// Devices in order of ifindex.
    pub devs: Vec<DevId>,
    pub(crate) last_ifindex: u32,
    pub v4: fib::Tables<u32>,
    pub addrs: addr::Addresses,
    pub conf: Box<sysctl::NetConf>,
    pub mib: Box<Mib>,
    /// Sockets bound here; `None` until the first.
    pub sockets: Option<Box<sock::Table>>,
    pub icmp: icmp::Limits,
    /// What was learned about single destinations.
    pub exceptions: route::Exceptions,
    pub frags: ip_defrag::Frags,
    pub(crate) ip_id: u16,
    pub life: netns::Life,
}

impl NetNs {
    fn new(name: &str, conf: sysctl::NetConf) -> NetNs {
        NetNs {
            name: name.to_owned(),
            devs: Vec::new(),
            last_ifindex: 0,
            v4: fib::Tables::default(),
            addrs: addr::Addresses::default(),
            conf: Box::new(conf),
            mib: Box::new(Mib::default()),
            sockets: None,
            icmp: icmp::Limits::default(),
            exceptions: route::Exceptions::default(),
            frags: ip_defrag::Frags::default(),
            ip_id: 0,
            life: netns::Life::Alive,
        }
    }
}

impl Kernel {
    /// A host just booted: namespace `root` with a `lo` that is down, one core. `hz` ticks a second.
    pub fn new(cx: &mut Cx, host: u32, cores: u32, hz: u32) -> Kernel {
        let mut k = Kernel {
            nets: Vec::new(),
            devs: netdevice::Devices::default(),
            neigh4: neigh::Table::default(),
            cpus: (0..cores.max(1)).map(|_| Cpu::new()).collect(),
            sockets: sock::Sockets::default(),
            tasks: crate::apps::Tasks::default(),
            loaded: vec!["loopback"],
            linkwatch: linkwatch::LinkWatch::default(),
            drv: crate::drivers::Shared::default(),
            log: Box::default(),
            hz,
            max_backlog: 1000,
            host,
            next_mac: 0,
            ns_names: rustc_hash::FxHashMap::default(),
            has_rules: false,
            nameless: 0,
            generation: 1,
            routes: shortcut::Recent::default(),
            xmit_depth: 0,
            tapped: false,
        };
        k.new_ns(cx, "root");
        k
    }

    /// The namespace called `name`.
    pub fn ns_by_name(&self, name: &str) -> Option<NsId> {
        self.ns_names.get(name).copied()
    }

    /// The device called `name` in `ns`.
    pub fn dev_by_name(&self, ns: NsId, name: &str) -> Option<DevId> {
        self.devs.by_name(ns, name)
    }

    /// The device with that ifindex in `ns`.
    pub fn dev_by_index(&self, ns: NsId, ifindex: u32) -> Option<DevId> {
        let devs = &self.net(ns).devs;
        devs.binary_search_by_key(&ifindex, |d| self.devs[*d].ifindex).ok().map(|i| devs[i])
    }

    /// Something was configured, or a carrier changed: no earlier decision holds.
    #[inline]
    pub(crate) fn changed(&mut self) {
        self.generation = self.generation.wrapping_add(1).max(1);
    }

    #[inline]
    pub fn net(&self, ns: NsId) -> &NetNs {
        &self.nets[ns.0 as usize]
    }
    #[inline]
    pub fn net_mut(&mut self, ns: NsId) -> &mut NetNs {
        &mut self.nets[ns.0 as usize]
    }
    /// The tables of the namespace that `dev` belongs to: the whole idea in one line.
    #[inline]
    pub fn net_of(&mut self, dev: DevId) -> &mut NetNs {
        let ns = self.devs[dev].ns;
        &mut self.nets[ns.0 as usize]
    }
    /// HOST is left out: "NS/DEV".
    pub fn path(&self, dev: DevId) -> String {
        match self.devs.get(dev) {
            Some(d) => format!("{}/{}", self.net(d.ns).name, d.name()),
            None => "-".to_owned(),
        }
    }
}
