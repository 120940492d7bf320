//! `struct net_device`: one structure for physical and virtual devices.

use super::NsId;
use crate::{drivers::Kind, packet::Mac};
use indexmap::{Equivalent, IndexMap};
use rustc_hash::FxBuildHasher;
use std::num::NonZeroU32;

/// A device of this host: slot and generation, since devices die during a run.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DevId {
    pub index: u32,
    generation: NonZeroU32,
}

impl DevId {
    /// No device: never valid in [`Devices::get`].
    pub const NONE: DevId = DevId { index: u32::MAX, generation: NonZeroU32::MAX };
}

/// `IFF_*`, the administrative and derived flags of `ip link`.
pub const IFF_UP: u32 = 0x1;
pub const IFF_BROADCAST: u32 = 0x2;
pub const IFF_LOOPBACK: u32 = 0x8;
pub const IFF_POINTOPOINT: u32 = 0x10;
pub const IFF_RUNNING: u32 = 0x40;
pub const IFF_NOARP: u32 = 0x80;
pub const IFF_PROMISC: u32 = 0x100;
pub const IFF_ALLMULTI: u32 = 0x200;
pub const IFF_MULTICAST: u32 = 0x1000;
pub const IFF_LOWER_UP: u32 = 0x10000;

/// RFC 2863 operational state, as `ip link` prints it (DEV-11).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum OperState {
    Unknown = 0,
    NotPresent = 1,
    Down = 2,
    LowerLayerDown = 3,
    Testing = 4,
    Dormant = 5,
    Up = 6,
}

impl OperState {
    pub const fn name(self) -> &'static str {
        match self {
            OperState::Unknown => "UNKNOWN",
            OperState::NotPresent => "NOTPRESENT",
            OperState::Down => "DOWN",
            OperState::LowerLayerDown => "LOWERLAYERDOWN",
            OperState::Testing => "TESTING",
            OperState::Dormant => "DORMANT",
            OperState::Up => "UP",
        }
    }
}

/// What every packet touches: kept within two cache lines.
pub struct NetDevice {
    /// `IFF_*` as set by the administrator or the driver; RUNNING and LOWER_UP are derived. PROMISC and ALLMULTI say
    /// whether anybody wants it, [`Cold::gflags`] whether the administrator does.
    pub flags: u32,
    /// Bytes.
    pub mtu: u32,
    pub ns: NsId,
    pub ifindex: u32,
    pub mac: Mac,
    pub operstate: OperState,
    /// `netif_carrier_ok`.
    pub carrier: bool,
    /// The active qdisc is noop: administratively down, or no carrier seen by linkwatch (DEV-18).
    pub noop: bool,
    /// Conf bits of `conf/all` and `conf/DEV` combined (DEV-43), see [`super::sysctl`].
    pub conf: super::sysctl::ConfBits,
    /// This device's number among the ports of `master`, 0 without one.
    pub port: u16,
    /// The bridge, bond or VRF whose port this device is.
    pub master: Option<DevId>,
    /// The device whose driver looks first at what comes in here (`rx_handler`): a port's bridge or bond, or one of the
    /// macvlans or ipvlans on top of it.
    pub rx_handler: Option<DevId>,
    pub stats: Stats,
    pub kind: Kind,
    pub cold: Box<Cold>,
}

/// `struct rtnl_link_stats64`, the part that packets bump. Packets and bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub rx_dropped: u32,
    pub tx_dropped: u32,
}

/// What only configuration and unusual packets touch.
#[derive(Clone, Debug)]
pub struct Cold {
    pub name: String,
    /// The device that this one was made on (`IFLA_LINK`); a veth's other end is its driver's to know.
    pub link: Option<DevId>,
    /// Where it was asked for: a tunnel's packets stay there (`link_net`).
    pub link_ns: NsId,
    /// Devices on top of this one, masters not counted: they hear what happens to it (`netdev_upper_dev_link`).
    pub uppers: Vec<DevId>,
    pub min_mtu: u32,
    pub max_mtu: u32,
    pub tx_queue_len: u32,
    /// How many want to see all frames, all multicast frames; what the administrator set (DEV-10).
    pub promiscuity: u32,
    pub allmulti: u32,
    pub gflags: u32,
    /// Further unicast addresses to receive (`dev_uc_add`), with how many asked for each.
    pub uc: Vec<(Mac, u32)>,
    /// Promiscuous for want of a filter for these.
    pub uc_promisc: bool,
    /// The address was set by hand (`NET_ADDR_SET`), DEV-45.
    pub mac_set: bool,
    /// `NETREG_UNREGISTERING`: it is about to go.
    pub unregistering: bool,
    /// A carrier change waits for linkwatch.
    pub linkwatch: bool,
    /// `ip -s -s link`: multicast frames received; frames for other MACs; missed by the NIC.
    pub multicast: u64,
    pub rx_otherhost_dropped: u64,
    pub rx_missed: u64,
    pub rx_nohandler: u64,
    /// Packets that a tunnel had no way for, and those of them for want of a route.
    pub tx_errors: u64,
    pub tx_carrier_errors: u64,
    /// Per-device IPv4 sysctls.
    pub devconf: super::sysctl::DevConf,
    /// Per-device neighbour sysctls.
    pub neigh: super::neigh::Parms,
    /// IPv4 is switched on (`in_device` exists): an address was added, or the device is Ethernet-like with MTU >= 68.
    pub in_device: bool,
}

impl NetDevice {
    #[inline]
    pub fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }
    #[inline]
    pub fn is_loopback(&self) -> bool {
        self.flags & IFF_LOOPBACK != 0
    }
    pub fn name(&self) -> &str {
        &self.cold.name
    }
    /// The state as `ip link` shows it: DOWN unless the device is up, whatever linkwatch found last
    /// (`rtnl_fill_ifinfo`).
    pub fn shown_operstate(&self) -> OperState {
        if self.is_up() { self.operstate } else { OperState::Down }
    }
    /// `netif_oper_up`
    pub fn oper_up(&self) -> bool {
        matches!(self.operstate, OperState::Up | OperState::Unknown)
    }
    /// Flags as `ip link` shows them (`netif_get_flags`, DEV-10).
    pub fn shown_flags(&self) -> u32 {
        let user = IFF_PROMISC | IFF_ALLMULTI;
        let mut f = (self.flags & !user) | (self.cold.gflags & user);
        if self.is_up() {
            if self.oper_up() {
                f |= IFF_RUNNING;
            }
            if self.carrier {
                f |= IFF_LOWER_UP;
            }
        }
        f
    }
}

/// All devices of a host, slots reused under a new generation; found by id, and by name within a namespace.
#[derive(Default)]
pub struct Devices {
    slots: Vec<(NonZeroU32, Option<NetDevice>)>,
    free: Vec<u32>,
    names: IndexMap<Name, DevId, FxBuildHasher>,
    /// Where devices were and what they were called that are gone: a walk may have met them.
    former: Vec<(DevId, NsId, String)>,
}

#[derive(PartialEq, Eq, Hash)]
struct Name(NsId, String);

/// The same to ask with.
#[derive(Hash)]
struct Asked<'a>(NsId, &'a str);

impl Equivalent<Name> for Asked<'_> {
    fn equivalent(&self, name: &Name) -> bool {
        self.0 == name.0 && self.1 == name.1
    }
}

impl Devices {
    /// From now on `dev` is found by its name in its namespace.
    pub fn insert(&mut self, dev: NetDevice) -> DevId {
        let name = Name(dev.ns, dev.cold.name.clone());
        let id = if let Some(index) = self.free.pop() {
            let slot = &mut self.slots[index as usize];
            slot.1 = Some(dev);
            DevId { index, generation: slot.0 }
        } else {
            let index = self.slots.len() as u32;
            self.slots.push((NonZeroU32::MIN, Some(dev)));
            DevId { index, generation: NonZeroU32::MIN }
        };
        self.names.insert(name, id);
        id
    }

    pub fn remove(&mut self, id: DevId) -> Option<NetDevice> {
        let slot = self.slots.get_mut(id.index as usize).filter(|s| s.0 == id.generation)?;
        let dev = slot.1.take()?;
        slot.0 = slot.0.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free.push(id.index);
        self.names.swap_remove(&Asked(dev.ns, &dev.cold.name));
        self.former.push((id, dev.ns, dev.cold.name.clone()));
        Some(dev)
    }

    /// Gives back the room that growing left over.
    pub(crate) fn fit(&mut self) {
        self.slots.shrink_to_fit();
        self.names.shrink_to_fit();
    }

    /// Namespace and name of a device, even if it is gone.
    pub fn name_of(&self, id: DevId) -> Option<(NsId, &str)> {
        let former = || self.former.iter().find(|f| f.0 == id).map(|f| (f.1, f.2.as_str()));
        self.get(id).map(|d| (d.ns, d.name())).or_else(former)
    }

    /// The device called `name` in `ns`.
    pub fn by_name(&self, ns: NsId, name: &str) -> Option<DevId> {
        self.names.get(&Asked(ns, name)).copied()
    }

    /// Gives `id` another name, another namespace, or both. The caller has checked that the name is free there.
    pub(crate) fn rename(&mut self, id: DevId, ns: NsId, name: &str) {
        let dev = &mut self[id];
        let old = std::mem::replace(&mut dev.cold.name, name.to_owned());
        let was = std::mem::replace(&mut dev.ns, ns);
        self.names.swap_remove(&Asked(was, &old));
        self.names.insert(Name(ns, name.to_owned()), id);
    }

    /// The device, unless it is gone.
    #[inline]
    pub fn get(&self, id: DevId) -> Option<&NetDevice> {
        let slot = self.slots.get(id.index as usize)?;
        if slot.0 == id.generation { slot.1.as_ref() } else { None }
    }
    #[inline]
    pub fn get_mut(&mut self, id: DevId) -> Option<&mut NetDevice> {
        let slot = self.slots.get_mut(id.index as usize)?;
        if slot.0 == id.generation { slot.1.as_mut() } else { None }
    }

    /// The device that is in slot `index` now.
    pub fn in_slot(&self, index: u32) -> Option<DevId> {
        let (generation, d) = self.slots.get(index as usize)?;
        d.as_ref().map(|_| DevId { index, generation: *generation })
    }

    /// In order of slots, which is the order of creation as long as nothing was deleted.
    pub fn iter(&self) -> impl Iterator<Item = (DevId, &NetDevice)> {
        self.slots.iter().enumerate().filter_map(|(i, (generation, d))| {
            d.as_ref().map(|d| (DevId { index: i as u32, generation: *generation }, d))
        })
    }
}

impl std::ops::Index<DevId> for Devices {
    type Output = NetDevice;
    #[inline]
    fn index(&self, id: DevId) -> &NetDevice {
        self.get(id).expect("the device exists: packets of a deleted device are purged with it")
    }
}
impl std::ops::IndexMut<DevId> for Devices {
    #[inline]
    fn index_mut(&mut self, id: DevId) -> &mut NetDevice {
        self.get_mut(id).expect("the device exists: packets of a deleted device are purged with it")
    }
}

const _: () = assert!(size_of::<NetDevice>() <= 128 && size_of::<Kind>() <= 16);
