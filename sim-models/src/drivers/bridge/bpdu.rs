//! net/bridge/br_stp_bpdu.c: what bridges say to each other, and what they make of it.

use super::{
    port::{self, BPDU_GUARD, PortState},
    state, state_mut,
    stp::{self, Times},
    timer::{self, BrTimer},
};
use crate::kernel::{At, Cx, DevId, Kernel, PktType, Reason, SkBuff, boot, dev, linkwatch};
use crate::packet::{Bpdu, Mac, Net, stp::Config};

/// Units of a BPDU's times in a second.
const STP_HZ: u64 = 256;

/// `br_config_bpdu_generation`: on all ports where this bridge has the say.
pub(super) fn config_generation(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let ports: Vec<u16> = state(k, br).ports.iter().filter(|p| p.1.state != PortState::Disabled).map(|p| p.0).collect();
    for no in ports {
        if state(k, br).stp.is_designated(no) {
            transmit_config(k, cx, br, no);
        }
    }
}

/// `br_transmit_config`: at most one a second on each port (`BR_HOLD_TIME`).
pub(super) fn transmit_config(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16) {
    if !state(k, br).stp.enabled {
        return;
    }
    if timer::pending(k, br, BrTimer::Hold(no)) {
        state_mut(k, br).stp.port_mut(no).config_pending = true;
        return;
    }
    let (now, hz) = (cx.jiffies(), u64::from(k.hz));
    let s = &state(k, br).stp;
    let (p, times) = (s.port(no), s.times);
    // The kernel adds a tick, and more where ticks are shorter than the unit.
    let age = if s.is_root() { 0 } else { now - s.port(s.root_port).age.min(now) + hz / STP_HZ + 1 };
    if age >= times.max_age {
        return;
    }
    let units = |ticks: u64| (ticks * STP_HZ / hz) as u16;
    let config = Config {
        topology_change: s.topology_change,
        topology_change_ack: p.topology_change_ack,
        root: s.root,
        root_path_cost: s.root_path_cost,
        bridge: s.id,
        port: p.id,
        message_age: units(age),
        max_age: units(times.max_age),
        hello_time: units(times.hello_time),
        forward_delay: units(times.forward_delay),
    };
    send(k, cx, br, no, Bpdu::Config(config));
    let p = state_mut(k, br).stp.port_mut(no);
    (p.topology_change_ack, p.config_pending) = (false, false);
    let at = timer::round_jiffies(k, cx, now + hz);
    timer::mod_timer(k, cx, br, BrTimer::Hold(no), at);
}

/// `br_transmit_tcn`: towards the root.
pub(super) fn transmit_tcn(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    let s = &state(k, br).stp;
    let (on, no) = (s.enabled, s.root_port);
    if on {
        send(k, cx, br, no, Bpdu::Tcn);
    }
}

/// `br_send_bpdu`
fn send(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, bpdu: Bpdu) {
    let Some(out) = state(k, br).ports.get(no).map(|p| p.dev) else { return };
    let mut skb = cx.alloc();
    bpdu.fill(&mut skb.frame, k.devs[out].mac);
    skb.meta.dev = out;
    // TC_PRIO_CONTROL
    skb.meta.priority = 7;
    cx.at(At::BrSendBpdu, &skb);
    dev::dev_queue_xmit(k, cx, skb);
}

/// `llc_rcv`, `br_stp_rcv`: a BPDU has come up on a device.
pub(crate) fn br_stp_rcv(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) {
    cx.at(At::BrStpRcv, &skb);
    let from = skb.meta.dev;
    if skb.meta.pkt_type == PktType::OtherHost {
        return cx.drop(k, skb, At::BrStpRcv, Reason::NOT_SPECIFIED);
    }
    let br = k.devs[from].master.filter(|br| matches!(k.devs[*br].kind, super::Kind::Bridge(_)));
    if let (Some(br), Net::Stp(bpdu)) = (br, &skb.frame.net) {
        let (no, bpdu) = (k.devs[from].port, **bpdu);
        let b = state(k, br);
        let listens = b.ports.get(no).is_some_and(|p| p.state != PortState::Disabled);
        if b.stp.enabled && k.devs[br].is_up() && listens && skb.frame.dst == Mac::BRIDGE_GROUP {
            received(k, cx, br, no, bpdu);
        }
    }
    cx.consume(skb);
    linkwatch::work(k, cx);
}

fn received(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, bpdu: Bpdu) {
    let Some((flags, dev)) = state(k, br).ports.get(no).map(|p| (p.flags, p.dev)) else { return };
    if flags & BPDU_GUARD != 0 {
        boot::says(k, cx, |k| {
            format!("{}: BPDU received on blocked port {no}({})", k.devs[br].name(), k.devs[dev].name())
        });
        return port::disable_port(k, cx, br, no);
    }
    match bpdu {
        // 802.1D would not send it.
        Bpdu::Config(c) if c.message_age > c.max_age => {}
        Bpdu::Config(c) => received_config(k, cx, br, no, c),
        Bpdu::Tcn if state(k, br).stp.is_designated(no) => {
            boot::says(k, cx, |k| {
                format!("{}: port {no}({}) received tcn bpdu", k.devs[br].name(), k.devs[dev].name())
            });
            stp::topology_change_detection(k, cx, br);
            state_mut(k, br).stp.port_mut(no).topology_change_ack = true;
            transmit_config(k, cx, br, no);
        }
        Bpdu::Tcn => {}
    }
}

/// `br_received_config_bpdu`: better than what is known of that segment: believed. Worse, where this bridge has the
/// say: contradicted.
fn received_config(k: &mut Kernel, cx: &mut Cx, br: DevId, no: u16, c: Config) {
    let s = &state(k, br).stp;
    if !supersedes(s, no, &c) {
        if s.is_designated(no) {
            transmit_config(k, cx, br, no);
        }
        return;
    }
    let was_root = s.is_root();
    let (now, hz) = (cx.jiffies(), u64::from(k.hz));
    let ticks = |units: u16| (u64::from(units) * hz).div_ceil(STP_HZ);
    let (age, max_age) = (ticks(c.message_age), ticks(c.max_age));
    let p = state_mut(k, br).stp.port_mut(no);
    (p.root, p.cost, p.bridge, p.port) = (c.root, c.root_path_cost, c.bridge, c.port);
    p.age = now.saturating_sub(age);
    timer::mod_timer(k, cx, br, BrTimer::MessageAge(no), now + (max_age - age));
    stp::configuration_update(k, cx, br);
    stp::port_state_selection(k, cx, br);
    if was_root && !state(k, br).stp.is_root() {
        timer::del_timer(k, br, BrTimer::Hello);
        if state(k, br).stp.topology_change_detected {
            timer::del_timer(k, br, BrTimer::TopologyChange);
            transmit_tcn(k, cx, br);
            let at = now + state(k, br).stp.own.hello_time;
            timer::mod_timer(k, cx, br, BrTimer::Tcn, at);
        }
    }
    if no == state(k, br).stp.root_port {
        state_mut(k, br).stp.times =
            Times { max_age, hello_time: ticks(c.hello_time), forward_delay: ticks(c.forward_delay) };
        stp::set_topology_change(k, br, c.topology_change);
        config_generation(k, cx, br);
        if c.topology_change_ack {
            state_mut(k, br).stp.topology_change_detected = false;
            timer::del_timer(k, br, BrTimer::Tcn);
        }
    }
}

/// `br_supersedes_port_info`
fn supersedes(s: &stp::Stp, no: u16, c: &Config) -> bool {
    let p = s.port(no);
    let (heard, known) = ((c.root, c.root_path_cost, c.bridge), (p.root, p.cost, p.bridge));
    heard < known || heard == known && (c.bridge != s.id || c.port <= p.port)
}
