//! net/bridge/br_if.c and br_stp_if.c: devices that are ports, and their states.

use super::{bpdu, fdb, mtu_auto_adjust, state, state_mut, stp, timer};
use crate::drivers::{Event, Kind, phy};
use crate::kernel::{Cx, DevId, Errno, Kernel, RtnlError, boot, rtnl};
use crate::packet::Mac;

/// `BR_STATE_*`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PortState {
    Disabled = 0,
    Listening = 1,
    Learning = 2,
    Forwarding = 3,
    Blocking = 4,
}

impl PortState {
    /// `None`: there is no such state.
    pub fn from_number(n: u8) -> Option<PortState> {
        use PortState::*;
        [Disabled, Listening, Learning, Forwarding, Blocking].get(usize::from(n)).copied()
    }
    /// As iproute2 prints it.
    pub const fn name(self) -> &'static str {
        match self {
            PortState::Disabled => "disabled",
            PortState::Listening => "listening",
            PortState::Learning => "learning",
            PortState::Forwarding => "forwarding",
            PortState::Blocking => "blocking",
        }
    }
    /// `nbp_state_should_learn`
    #[inline]
    pub(super) fn learns(self) -> bool {
        matches!(self, PortState::Learning | PortState::Forwarding)
    }
}

pub(super) const HAIRPIN: u16 = 1;
pub(super) const LEARNING: u16 = 1 << 1;
pub(super) const FLOOD: u16 = 1 << 2;
pub(super) const MCAST_FLOOD: u16 = 1 << 3;
pub(super) const BCAST_FLOOD: u16 = 1 << 4;
pub(super) const ISOLATED: u16 = 1 << 5;
/// `guard`: a BPDU disables the port.
pub(super) const BPDU_GUARD: u16 = 1 << 6;
pub(super) const ROOT_BLOCK: u16 = 1 << 7;
pub(super) const NEIGH_SUPPRESS: u16 = 1 << 8;
pub(super) const PROXYARP: u16 = 1 << 9;
pub(super) const PROXYARP_WIFI: u16 = 1 << 10;
pub(super) const LOCKED: u16 = 1 << 11;
/// Any of them, and the bridge looks into ARP.
pub(super) const LOOKS_INTO_ARP: u16 = NEIGH_SUPPRESS | PROXYARP | PROXYARP_WIFI;

/// `struct net_bridge_port`
#[derive(Clone, Copy)]
pub(super) struct Port {
    pub dev: DevId,
    pub state: PortState,
    /// [`HAIRPIN`] and its like.
    pub flags: u16,
    /// 0..63
    pub priority: u8,
    pub cost: u32,
}

/// The ports of a bridge: by number, and in the order in which they joined.
#[derive(Default)]
pub(super) struct Ports {
    /// Index: number; 0 is reserved.
    slots: Vec<Option<Port>>,
    /// Numbers, those that joined first first.
    order: Vec<u16>,
}

/// `BR_MAX_PORTS`, number 0 included, which no port gets.
const MAX_PORTS: u16 = 1024;

impl Ports {
    #[inline]
    pub fn get(&self, no: u16) -> Option<&Port> {
        self.slots.get(usize::from(no))?.as_ref()
    }
    pub fn get_mut(&mut self, no: u16) -> Option<&mut Port> {
        self.slots.get_mut(usize::from(no))?.as_mut()
    }
    #[inline]
    pub fn len(&self) -> usize {
        self.order.len()
    }
    /// The port that joined as number `i` of those that are left.
    #[inline]
    pub fn nth(&self, i: usize) -> Option<(u16, &Port)> {
        let no = *self.order.get(i)?;
        Some((no, self.get(no)?))
    }
    /// Newest first, as the kernel's list is (BR-45).
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Port)> {
        self.order.iter().rev().filter_map(|no| Some((*no, self.get(*no)?)))
    }
    pub fn devs(&self) -> impl Iterator<Item = DevId> + '_ {
        self.iter().map(|(_, p)| p.dev)
    }
    pub fn newest(&self) -> Option<DevId> {
        self.devs().next()
    }
    /// The lowest free number (`find_portno`).
    fn free_number(&self) -> Option<u16> {
        (1..MAX_PORTS).find(|no| self.get(*no).is_none())
    }
    fn insert(&mut self, no: u16, port: Port) {
        let index = usize::from(no);
        if self.slots.len() <= index {
            self.slots.resize(index + 1, None);
        }
        self.slots[index] = Some(port);
        self.order.push(no);
    }
    fn remove(&mut self, no: u16) {
        if let Some(slot) = self.slots.get_mut(usize::from(no)) {
            *slot = None;
        }
        self.order.retain(|n| *n != no);
    }
}

/// `port_cost`: by the speed that ethtool reports, 100 if it is not known (BR-11). A veth says 10 Gbit/s (VETH-21).
fn port_cost(k: &Kernel, dev: DevId) -> u32 {
    let mbit = match k.devs[dev].kind {
        Kind::Veth(_) => 10_000,
        _ => phy::rate(k, dev).map_or(0, |r| r.bits_per_s() / 1_000_000),
    };
    match mbit {
        10_000 => 2,
        5_000 => 3,
        2_500 => 4,
        1_000 => 5,
        100 => 19,
        n if n > 10_000 => 1,
        _ => 100,
    }
}

/// `br_add_if`: `dev` becomes a port (BR-9, 10).
///
/// # Errors
/// EINVAL for loopback and invalid addresses, ELOOP for bridges, EBUSY for ports, EXFULL beyond 1023 ports.
pub(super) fn br_add_if(k: &mut Kernel, cx: &mut Cx, br: DevId, dev: DevId) -> Result<(), RtnlError> {
    let d = &k.devs[dev];
    if d.is_loopback() || !d.mac.is_valid() {
        return Err(RtnlError::new(Errno::EINVAL));
    }
    if matches!(d.kind, Kind::Bridge(_)) {
        return Err(RtnlError::msg(Errno::ELOOP, "Can not enslave a bridge to a bridge"));
    }
    if d.master.is_some() || d.rx_handler.is_some() {
        return Err(RtnlError::new(Errno::EBUSY));
    }
    let no = state(k, br).ports.free_number().ok_or(RtnlError::new(Errno::EXFULL))?;
    let flags = LEARNING | FLOOD | MCAST_FLOOD | BCAST_FLOOD;
    let cost = port_cost(k, dev);
    state_mut(k, br).ports.insert(no, Port { dev, state: PortState::Disabled, flags, priority: 32, cost });
    init_port(k, cx, br, no);
    set_state(k, cx, br, no, PortState::Disabled);
    rtnl::dev_set_allmulti(k, cx, dev, true);
    rtnl::dev_set_promiscuity(k, cx, dev, true);
    let d = &mut k.devs[dev];
    (d.master, d.rx_handler, d.port) = (Some(br), Some(br), no);
    let mac = d.mac;
    let usable = d.is_up() && d.oper_up();
    state_mut(k, br).fdb.add_local(mac, no, cx.jiffies());
    let changed = recalculate_bridge_id(k, cx, br);
    if usable && k.devs[br].is_up() {
        enable_port(k, cx, br, no);
    }
    if changed {
        rtnl::changeaddr(k, cx, br);
    }
    mtu_auto_adjust(k, cx, br);
    Ok(())
}

/// `br_del_if`
pub(super) fn br_del_if(k: &mut Kernel, cx: &mut Cx, br: DevId, dev: DevId) {
    del_nbp(k, cx, br, dev);
    mtu_auto_adjust(k, cx, br);
    if recalculate_bridge_id(k, cx, br) {
        rtnl::changeaddr(k, cx, br);
    }
}

/// `del_nbp`: the port with all its entries goes.
pub(super) fn del_nbp(k: &mut Kernel, cx: &mut Cx, br: DevId, dev: DevId) {
    let no = k.devs[dev].port;
    rtnl::dev_set_allmulti(k, cx, dev, false);
    rtnl::dev_set_promiscuity(k, cx, dev, false);
    disable_port(k, cx, br, no);
    state_mut(k, br).ports.remove(no);
    *state_mut(k, br).stp.port_mut(no) = stp::StpPort::default();
    fdb::delete_port(k, br, no);
    let d = &mut k.devs[dev];
    (d.master, d.rx_handler, d.port) = (None, None, 0);
}

/// `br_set_state`: also the same state again is said.
pub(super) fn set_state(k: &mut Kernel, cx: &Cx, br: DevId, no: u16, to: PortState) {
    if let Some(p) = state_mut(k, br).ports.get_mut(no) {
        p.state = to;
        let dev = p.dev;
        announce(k, cx, br, no, dev, to);
    }
}

/// `br_info` of a port's state.
fn announce(k: &mut Kernel, cx: &Cx, br: DevId, no: u16, dev: DevId, to: PortState) {
    boot::says(k, cx, |k| {
        format!("{}: port {no}({}) entered {} state", k.devs[br].name(), k.devs[dev].name(), to.name())
    });
}

/// `br_init_port`: nothing was heard there yet.
fn init_port(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    let priority = state(k, br).ports.get(no).map_or(0, |p| p.priority);
    let s = &mut state_mut(k, br).stp;
    s.port_mut(no).id = stp::port_id(priority, no);
    s.become_designated(no);
    set_state(k, cx, br, no, PortState::Blocking);
    let p = state_mut(k, br).stp.port_mut(no);
    (p.topology_change_ack, p.config_pending) = (false, false);
}

/// `br_stp_enable_port`
fn enable_port(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    init_port(k, cx, br, no);
    stp::port_state_selection(k, cx, br);
}

/// `br_stp_disable_port`: what was learned there is forgotten (BR-19).
pub(super) fn disable_port(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    let s = &mut state_mut(k, br).stp;
    let was_root = s.is_root();
    s.become_designated(no);
    set_state(k, cx, br, no, PortState::Disabled);
    let p = state_mut(k, br).stp.port_mut(no);
    (p.topology_change_ack, p.config_pending) = (false, false);
    timer::del_all(k, br, Some(no));
    state_mut(k, br).fdb.forget_port(no);
    stp::reconsider(k, cx, br, was_root);
}

/// `br_stp_enable_bridge`
pub(super) fn enable_all(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    if state(k, br).stp.enabled {
        let at = cx.jiffies() + state(k, br).stp.times.hello_time;
        timer::mod_timer(k, cx, br, timer::BrTimer::Hello, at);
    }
    fdb::arm_gc(k, cx, br, u64::from(k.hz / 10));
    bpdu::config_generation(k, cx, br);
    let ports: Vec<(u16, DevId)> = state(k, br).ports.iter().map(|(no, p)| (no, p.dev)).collect();
    for (no, dev) in ports {
        if k.devs[dev].is_up() && k.devs[dev].oper_up() {
            enable_port(k, cx, br, no);
        }
    }
}

/// `br_stp_disable_bridge`
pub(super) fn disable_all(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let ports: Vec<(u16, PortState)> = state(k, br).ports.iter().map(|(no, p)| (no, p.state)).collect();
    for (no, was) in ports {
        if was != PortState::Disabled {
            disable_port(k, cx, br, no);
        }
    }
    stp::set_topology_change(k, br, false);
    state_mut(k, br).stp.topology_change_detected = false;
}

/// `br_stp_recalculate_bridge_id`: unless it was set by hand, the bridge's address is the lowest of its ports', all
/// zero without ports (BR-6). True: it changed.
fn recalculate_bridge_id(k: &mut Kernel, cx: &mut Cx, br: DevId) -> bool {
    if k.devs[br].cold.mac_set {
        return false;
    }
    let lowest = state(k, br).ports.devs().map(|p| k.devs[p].mac).min().unwrap_or(Mac::ZERO);
    if lowest == state(k, br).stp.id.mac() {
        return false;
    }
    change_bridge_id(k, cx, br, lowest);
    true
}

/// `br_stp_change_bridge_id`: the ports are looked at again, too, which is how a bridge whose first port is down loses
/// its carrier (BR-5).
pub(super) fn change_bridge_id(k: &mut Kernel, cx: &mut Cx, br: DevId, mac: Mac) {
    fdb::change_bridge_mac(k, cx, br, mac);
    k.devs[br].mac = mac;
    stp::change_address(k, cx, br, mac);
}

/// `br_device_event`: something happened to a port.
pub(super) fn br_device_event(k: &mut Kernel, cx: &mut Cx, br: DevId, dev: DevId, event: Event) {
    let no = k.devs[dev].port;
    let usable = k.devs[dev].is_up() && k.devs[dev].oper_up();
    let running = k.devs[br].is_up();
    match event {
        Event::Up if running && usable => enable_port(k, cx, br, no),
        Event::Down if running => disable_port(k, cx, br, no),
        Event::Up | Event::Down => {}
        Event::Change => carrier_check(k, cx, br, no, running, usable),
        Event::ChangeMtu => mtu_auto_adjust(k, cx, br),
        Event::ChangeAddr => {
            let mac = k.devs[dev].mac;
            fdb::change_port_mac(k, cx, br, no, mac);
            if recalculate_bridge_id(k, cx, br) {
                rtnl::changeaddr(k, cx, br);
            }
        }
    }
}

/// `br_port_carrier_check`
fn carrier_check(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, running: bool, usable: bool) {
    let disabled = state(k, br).ports.get(no).is_none_or(|p| p.state == PortState::Disabled);
    match (running, usable, disabled) {
        (true, true, true) => enable_port(k, cx, br, no),
        (true, false, false) => disable_port(k, cx, br, no),
        _ => {}
    }
}
