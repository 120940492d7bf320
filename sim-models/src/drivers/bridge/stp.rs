//! net/bridge/br_stp.c: who is root, which port leads there, who forwards on each segment (IEEE 802.1D-1998, 8.6).
//! Runs without the protocol, too: then nobody else is heard of, and each port of a bridge is a designated one.

use super::{
    bpdu,
    port::{self, PortState, ROOT_BLOCK},
    state, state_mut,
    timer::{self, BrTimer},
};
use crate::kernel::{Cx, DevId, Kernel, boot, linkwatch};
use crate::packet::{BridgeId, Mac};

/// What a port offers as a way to the root, the better the less: root, cost, bridge, its port, ours.
type Offer = (BridgeId, u64, BridgeId, u16, u16);

/// What a bridge knows of the tree. Times in ticks.
pub(super) struct Stp {
    /// `stp_state` 1: the kernel's own protocol runs.
    pub enabled: bool,
    /// Its priority and address; the address is zero until a first port joins.
    pub id: BridgeId,
    pub root: BridgeId,
    pub root_path_cost: u32,
    /// 0: this bridge is the root.
    pub root_port: u16,
    /// In force: the root's.
    pub times: Times,
    /// This bridge's own, in force when it is the root.
    pub own: Times,
    pub topology_change: bool,
    pub topology_change_detected: bool,
    /// By port number.
    pub ports: Vec<StpPort>,
}

/// Ticks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Times {
    pub max_age: u64,
    pub hello_time: u64,
    pub forward_delay: u64,
}

/// What was last heard, or is said, on a port's segment.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct StpPort {
    /// Priority in the high 6 bits, number in the low 10.
    pub id: u16,
    pub root: BridgeId,
    pub cost: u32,
    pub bridge: BridgeId,
    pub port: u16,
    /// When the root said it: tick.
    pub age: u64,
    pub topology_change_ack: bool,
    pub config_pending: bool,
}

impl Stp {
    pub fn new(priority: u16, own: Times) -> Stp {
        let id = BridgeId::new(priority, Mac::ZERO);
        Stp {
            enabled: false,
            id,
            root: id,
            root_path_cost: 0,
            root_port: 0,
            times: own,
            own,
            topology_change: false,
            topology_change_detected: false,
            ports: Vec::new(),
        }
    }
    pub fn is_root(&self) -> bool {
        self.id == self.root
    }
    pub fn port(&self, no: u16) -> StpPort {
        self.ports.get(usize::from(no)).copied().unwrap_or_default()
    }
    pub fn port_mut(&mut self, no: u16) -> &mut StpPort {
        let index = usize::from(no);
        if self.ports.len() <= index {
            self.ports.resize(index + 1, StpPort::default());
        }
        &mut self.ports[index]
    }
    /// `br_is_designated_port`: this bridge's own word is the best on that segment.
    pub fn is_designated(&self, no: u16) -> bool {
        let p = self.port(no);
        p.bridge == self.id && p.port == p.id
    }
    /// `br_become_designated_port`
    pub fn become_designated(&mut self, no: u16) {
        let (root, cost, bridge) = (self.root, self.root_path_cost, self.id);
        let p = self.port_mut(no);
        (p.root, p.cost, p.bridge, p.port) = (root, cost, bridge, p.id);
    }
}

/// `br_make_port_id`
pub(super) fn port_id(priority: u8, no: u16) -> u16 {
    u16::from(priority) << 10 | no & 0x3ff
}

/// Numbers of the ports that are not disabled, newest first.
fn live(k: &Kernel, br: DevId) -> Vec<u16> {
    state(k, br).ports.iter().filter(|(_, p)| p.state != PortState::Disabled).map(|(no, _)| no).collect()
}

/// How good the way to the root by port `no` is: the smaller the better. `None`: it leads to no better root.
fn way(k: &Kernel, br: DevId, no: u16) -> Option<Offer> {
    let b = state(k, br);
    let (p, cost) = (b.stp.port(no), b.ports.get(no)?.cost);
    let leads = !b.stp.is_designated(no) && p.root < b.stp.id;
    leads.then(|| (p.root, u64::from(p.cost) + u64::from(cost), p.bridge, p.port, p.id))
}

/// `br_configuration_update`: root and designated ports from what is known.
pub(super) fn configuration_update(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    root_selection(k, cx, br);
    for no in live(k, br) {
        if should_become_designated(&state(k, br).stp, no) {
            state_mut(k, br).stp.become_designated(no);
        }
    }
}

/// `br_root_selection`
fn root_selection(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let mut best: Option<(Offer, u16)> = None;
    for no in live(k, br) {
        let Some(way) = way(k, br, no).filter(|w| best.is_none_or(|(b, _)| *w < b)) else { continue };
        if state(k, br).ports.get(no).is_some_and(|p| p.flags & ROOT_BLOCK != 0) {
            root_port_block(k, cx, br, no);
        } else {
            best = Some((way, no));
        }
    }
    let stp = &mut state_mut(k, br).stp;
    match best {
        Some((way, no)) => (stp.root_port, stp.root, stp.root_path_cost) = (no, way.0, way.1 as u32),
        None => (stp.root_port, stp.root, stp.root_path_cost) = (0, stp.id, 0),
    }
}

/// `br_root_port_block`: a port with `root_block` never leads to the root.
fn root_port_block(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    boot::says(k, cx, |k| {
        let dev = state(k, br).ports.get(no).map_or(br, |p| p.dev);
        format!("{}: port {no}({}) tried to become root port (blocked)", k.devs[br].name(), k.devs[dev].name())
    });
    port::set_state(k, cx, br, no, PortState::Listening);
    let delay = state(k, br).stp.times.forward_delay;
    if delay > 0 {
        let at = cx.jiffies() + delay;
        timer::mod_timer(k, cx, br, BrTimer::ForwardDelay(no), at);
    }
}

/// `br_should_become_designated_port`
fn should_become_designated(stp: &Stp, no: u16) -> bool {
    let p = stp.port(no);
    stp.is_designated(no) || p.root != stp.root || (stp.root_path_cost, stp.id, p.id) < (p.cost, p.bridge, p.port)
}

/// `br_become_root_bridge`
pub(super) fn become_root_bridge(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let stp = &mut state_mut(k, br).stp;
    stp.times = stp.own;
    let hello = stp.times.hello_time;
    topology_change_detection(k, cx, br);
    timer::del_timer(k, br, BrTimer::Tcn);
    if k.devs[br].is_up() {
        bpdu::config_generation(k, cx, br);
        // Without the protocol the timer says nothing to anybody, and is not kept.
        if state(k, br).stp.enabled {
            let at = cx.jiffies() + hello;
            timer::mod_timer(k, cx, br, BrTimer::Hello, at);
        }
    }
}

/// `br_topology_change_detection` (BR-17): the root shortens its ageing and tells all; others tell the root.
pub(super) fn topology_change_detection(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let stp = &state(k, br).stp;
    if !stp.enabled || !k.devs[br].is_up() {
        return;
    }
    let (root, detected, own) = (stp.is_root(), stp.topology_change_detected, stp.own);
    boot::says(k, cx, |k| {
        let what = if root { "propagating" } else { "sending tcn bpdu" };
        format!("{}: topology change detected, {what}", k.devs[br].name())
    });
    let now = cx.jiffies();
    if root {
        set_topology_change(k, br, true);
        timer::mod_timer(k, cx, br, BrTimer::TopologyChange, now + own.forward_delay + own.max_age);
    } else if !detected {
        bpdu::transmit_tcn(k, cx, br);
        timer::mod_timer(k, cx, br, BrTimer::Tcn, now + own.hello_time);
    }
    state_mut(k, br).stp.topology_change_detected = true;
}

/// `__br_set_topology_change`: while the tree changes, what was learned is forgotten after twice the forward delay.
pub(super) fn set_topology_change(k: &mut Kernel, br: DevId, on: bool) {
    let b = state_mut(k, br);
    if b.stp.enabled && b.stp.topology_change != on {
        b.ageing = if on { 2 * b.stp.times.forward_delay } else { b.own_ageing };
    }
    b.stp.topology_change = on;
    b.hold = b.hold_time();
}

/// `br_port_state_selection`: root port and designated ports are on their way to forwarding, all others block; the
/// bridge has a carrier if any port forwards (BR-5).
pub(super) fn port_state_selection(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    for no in live(k, br) {
        let stp = &mut state_mut(k, br).stp;
        let (leads, designated) = (no == stp.root_port, stp.is_designated(no));
        if leads || !designated {
            let p = stp.port_mut(no);
            (p.config_pending, p.topology_change_ack) = (false, false);
        } else {
            timer::del_timer(k, br, BrTimer::MessageAge(no));
        }
        if leads || designated {
            make_forwarding(k, cx, br, no);
        } else {
            make_blocking(k, cx, br, no);
        }
    }
    if state(k, br).ports.iter().any(|(_, p)| p.state == PortState::Forwarding) {
        linkwatch::netif_carrier_on(k, cx, br);
    } else {
        linkwatch::netif_carrier_off(k, cx, br);
    }
}

/// `br_make_blocking`
fn make_blocking(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    let Some(was) = state(k, br).ports.get(no).map(|p| p.state) else { return };
    if was == PortState::Blocking {
        return;
    }
    if was.learns() {
        topology_change_detection(k, cx, br);
    }
    port::set_state(k, cx, br, no, PortState::Blocking);
    timer::del_timer(k, br, BrTimer::ForwardDelay(no));
}

/// `br_make_forwarding`: without STP at once (BR-12, 13), with it by way of listening and learning (BR-14). The timer
/// that the kernel arms without STP, too, finds nothing to do then, and is left out.
fn make_forwarding(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    let b = state(k, br);
    if b.ports.get(no).is_none_or(|p| p.state != PortState::Blocking) {
        return;
    }
    let delay = b.stp.times.forward_delay;
    if !b.stp.enabled || delay == 0 {
        port::set_state(k, cx, br, no, PortState::Forwarding);
        topology_change_detection(k, cx, br);
        timer::del_timer(k, br, BrTimer::ForwardDelay(no));
    } else {
        port::set_state(k, cx, br, no, PortState::Listening);
        let at = cx.jiffies() + delay;
        timer::mod_timer(k, cx, br, BrTimer::ForwardDelay(no), at);
    }
}

/// `br_hello_timer_expired`
pub(super) fn hello_timer_expired(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    if !k.devs[br].is_up() {
        return;
    }
    bpdu::config_generation(k, cx, br);
    if state(k, br).stp.enabled {
        let at = cx.jiffies() + state(k, br).stp.times.hello_time;
        let at = timer::round_jiffies(k, cx, at);
        timer::mod_timer(k, cx, br, BrTimer::Hello, at);
    }
}

/// `br_tcn_timer_expired`: nobody has acknowledged yet.
pub(super) fn tcn_timer_expired(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    if !state(k, br).stp.is_root() && k.devs[br].is_up() {
        bpdu::transmit_tcn(k, cx, br);
        let at = cx.jiffies() + state(k, br).stp.own.hello_time;
        timer::mod_timer(k, cx, br, BrTimer::Tcn, at);
    }
}

/// `br_topology_change_timer_expired`
pub(super) fn topology_change_timer_expired(k: &mut Kernel, br: DevId) {
    state_mut(k, br).stp.topology_change_detected = false;
    set_topology_change(k, br, false);
}

/// `br_message_age_timer_expired`: whoever spoke on that segment is not heard any more.
pub(super) fn message_age_timer_expired(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    let Some(p) = state(k, br).ports.get(no).filter(|p| p.state != PortState::Disabled) else { return };
    let dev = p.dev;
    boot::says(k, cx, |k| {
        let id = state(k, br).stp.port(no).bridge;
        format!("{}: port {no}({}) neighbor {id} lost", k.devs[br].name(), k.devs[dev].name())
    });
    let was_root = state(k, br).stp.is_root();
    state_mut(k, br).stp.become_designated(no);
    configuration_update(k, cx, br);
    port_state_selection(k, cx, br);
    if state(k, br).stp.is_root() && !was_root {
        become_root_bridge(k, cx, br);
    }
}

/// `br_forward_delay_timer_expired` (BR-14, 15): listening, then learning, then forwarding, whether STP is still on or
/// not.
pub(super) fn forward_delay_timer_expired(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    match state(k, br).ports.get(no).map(|p| p.state) {
        Some(PortState::Listening) => {
            port::set_state(k, cx, br, no, PortState::Learning);
            let at = cx.jiffies() + state(k, br).stp.times.forward_delay;
            timer::mod_timer(k, cx, br, BrTimer::ForwardDelay(no), at);
        }
        Some(PortState::Learning) => {
            port::set_state(k, cx, br, no, PortState::Forwarding);
            let stp = &state(k, br).stp;
            if live(k, br).into_iter().any(|no| stp.port(no).bridge == stp.id) {
                topology_change_detection(k, cx, br);
            }
            linkwatch::netif_carrier_on(k, cx, br);
        }
        _ => {}
    }
}

/// `br_hold_timer_expired`: a second has passed since the last configuration went out there.
pub(super) fn hold_timer_expired(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    if state(k, br).stp.port(no).config_pending {
        bpdu::transmit_config(k, cx, br, no);
    }
}

/// `br_stp_set_enabled` (BR-15, 16): the delay is brought into the standard's limits; ports that forward go on
/// forwarding. Switched off, ports on their way stay on it.
pub(super) fn set_enabled(k: &mut Kernel, cx: &mut Cx, br: DevId, on: bool) {
    if state(k, br).stp.enabled == on {
        return;
    }
    if !on {
        state_mut(k, br).stp.enabled = false;
        return;
    }
    let hz = u64::from(k.hz);
    let stp = &mut state_mut(k, br).stp;
    let delay = stp.own.forward_delay.clamp(2 * hz, 30 * hz);
    set_forward_delay(stp, delay);
    stp.enabled = true;
    if k.devs[br].is_up() {
        let at = cx.jiffies() + state(k, br).stp.times.hello_time;
        timer::mod_timer(k, cx, br, BrTimer::Hello, at);
    }
    port_state_selection(k, cx, br);
}

/// `__br_set_forward_delay`; hello time and maximal age are set alike.
pub(super) fn set_forward_delay(stp: &mut Stp, ticks: u64) {
    stp.own.forward_delay = ticks;
    if stp.is_root() {
        stp.times.forward_delay = ticks;
    }
}

/// What follows from a new address or priority, or from less to choose from.
pub(super) fn reconsider(k: &mut Kernel, cx: &mut Cx, br: DevId, was_root: bool) {
    configuration_update(k, cx, br);
    port_state_selection(k, cx, br);
    if state(k, br).stp.is_root() && !was_root {
        become_root_bridge(k, cx, br);
    }
}

/// `br_stp_set_bridge_priority`
pub(super) fn set_bridge_priority(k: &mut Kernel, cx: &mut Cx, br: DevId, priority: u16) {
    let ports = live(k, br);
    let stp = &mut state_mut(k, br).stp;
    let was_root = stp.is_root();
    let id = BridgeId::new(priority, stp.id.mac());
    for no in ports {
        if stp.is_designated(no) {
            stp.port_mut(no).bridge = BridgeId::new(priority, stp.port(no).bridge.mac());
        }
    }
    stp.id = id;
    reconsider(k, cx, br, was_root);
}

/// `br_stp_change_bridge_id`, as far as the tree is concerned.
pub(super) fn change_address(k: &mut Kernel, cx: &mut Cx, br: DevId, mac: Mac) {
    let stp = &mut state_mut(k, br).stp;
    let (was_root, old) = (stp.is_root(), stp.id.mac());
    stp.id = BridgeId::new(stp.id.priority(), mac);
    for p in &mut stp.ports {
        for id in [&mut p.bridge, &mut p.root] {
            if id.mac() == old {
                *id = BridgeId::new(id.priority(), mac);
            }
        }
    }
    reconsider(k, cx, br, was_root);
}

/// `br_stp_set_port_priority`
pub(super) fn set_port_priority(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, priority: u8) {
    let stp = &mut state_mut(k, br).stp;
    let id = port_id(priority, no);
    let (designated, own) = (stp.is_designated(no), stp.id);
    let p = stp.port_mut(no);
    if designated {
        p.port = id;
    }
    p.id = id;
    if p.bridge == own && p.id < p.port {
        stp.become_designated(no);
        port_state_selection(k, cx, br);
    }
}
