//! net/bridge: a switch made of the host's own devices, and a device of its own through which the host takes part.
//!
//! Modelled: learning, ageing, forwarding, flooding, local delivery, the spanning tree protocol, MAC, MTU and carrier
//! that follow the ports, ARP answered for those it knows (neigh_suppress, proxy_arp). Not modelled: VLAN filtering,
//! multicast snooping with a querier (without one the kernel floods all multicast, as here; the IGMP report that a bridge
//! sends of its own when it comes up, BR-20, is left out), br_netfilter.

mod again;
mod arp_proxy;
mod bpdu;
#[cfg(test)]
mod facts_ports;
#[cfg(test)]
mod facts_stp;
mod fdb;
mod forward;
mod input;
mod port;
mod settings;
mod stp;
#[cfg(test)]
mod tests;
mod timer;

pub(crate) use again::take;
pub(crate) use bpdu::br_stp_rcv;
pub use fdb::fdb_lines;
pub(crate) use fdb::{add_entry, cleanup, delete_entry};
pub use port::PortState;
pub(crate) use settings::check_slave_args;
pub use settings::{Config, port_settings};
pub use timer::BrTimer;
pub(crate) use timer::fire;

use super::{Arg, Driver, Event, Kind, Setup};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, RtnlError, SkBuff, rtnl,
    timer::{Timer, TimerId, add_timer},
};
use crate::packet::Mac;

/// A bridge device's state (`struct net_bridge`).
pub struct Bridge(Box<State>);

struct State {
    ports: port::Ports,
    fdb: fdb::Fdb,
    config: Config,
    stp: stp::Stp,
    timers: timer::Timers,
    /// `hold_time`, in ticks: so long an entry is good; 0: nothing is learned.
    hold: u64,
    /// `ageing_time` in force, and the one that was set, in ticks.
    ageing: u64,
    own_ageing: u64,
    /// The MTU was set by hand and follows the ports no more (BR-8).
    mtu_set: bool,
    /// Bumped by every change: what was decided before it is decided anew. Never 0.
    version: u32,
    recent: again::Recent,
    /// When old entries are looked for next: core and timer.
    gc: Option<(u32, TimerId)>,
}

impl State {
    /// `hold_time`: while the tree changes, an entry is good for no longer than the forward delay (BR-17).
    fn hold_time(&self) -> u64 {
        if self.stp.topology_change { self.stp.times.forward_delay } else { self.ageing }
    }
    /// `br_set_ageing_time`
    fn set_ageing(&mut self, ticks: u64) {
        (self.own_ageing, self.ageing) = (ticks, ticks);
        self.hold = self.hold_time();
    }
}

fn state(k: &Kernel, br: DevId) -> &State {
    match &k.devs[br].kind {
        Kind::Bridge(b) => &b.0,
        _ => unreachable!("only a bridge's own driver asks, and only a bridge is a master"),
    }
}

/// To change it.
fn state_mut(k: &mut Kernel, br: DevId) -> &mut State {
    let b = state_quiet(k, br);
    b.version = b.version.wrapping_add(1).max(1);
    b
}

/// To note down what changes no decision about a frame.
fn state_quiet(k: &mut Kernel, br: DevId) -> &mut State {
    match &mut k.devs[br].kind {
        Kind::Bridge(b) => &mut b.0,
        _ => unreachable!("only a bridge's own driver asks, and only a bridge is a master"),
    }
}

impl Driver for Bridge {
    type Config = Config;
    type Shared = ();
    const ARGS: &'static [Arg<Config>] = settings::ARGS;
    const SETUP: Setup = Setup::ETHER;
    const NETNS_IMMUTABLE: bool = true;

    /// `br_dev_newlink`: one fdb entry, its own address (BR-3). Whoever sets an address or a priority makes the bridge
    /// look at its ports, and it finds none that forwards: no carrier. Left alone it has one (BR-4).
    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Config) -> Result<Self, RtnlError> {
        settings::check(c)?;
        let mut fdb = fdb::Fdb::default();
        let mac = k.devs[dev].mac;
        fdb.add_local(mac, 0, cx.jiffies());
        let gc = (c.ageing_time != Config::default().ageing_time).then(|| {
            let ageing = settings::clock_t_to_jiffies(c.ageing_time, k.hz);
            (cx.cpu, add_timer(k, cx, Timer::FdbGc(dev), ageing))
        });
        let bridge = Bridge(Box::new(State {
            ports: port::Ports::default(),
            fdb,
            config: Config::default(),
            stp: settings::stp(&Config::default(), k.hz),
            timers: timer::Timers::default(),
            hold: 0,
            ageing: 0,
            own_ageing: 0,
            mtu_set: false,
            version: 1,
            recent: again::Recent::default(),
            gc,
        }));
        k.devs[dev].kind = Kind::Bridge(bridge);
        settings::init(k, cx, dev, c);
        Ok(match std::mem::replace(&mut k.devs[dev].kind, Kind::unset()) {
            Kind::Bridge(b) => b,
            _ => unreachable!("set above"),
        })
    }

    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        forward::br_dev_xmit(k, cx, dev, skb);
    }

    /// `br_dev_open`
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        port::enable_all(k, cx, dev);
        Ok(())
    }

    /// `br_dev_stop`: nothing is forwarded any more, and what was learned is forgotten (BR-18).
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        port::disable_all(k, cx, dev);
        timer::del_all(k, dev, None);
        fdb::cancel_gc(k, dev);
    }

    fn rx(k: &mut Kernel, cx: &mut Cx, master: DevId, port: DevId, skb: SkBuff) -> Option<SkBuff> {
        input::br_handle_frame(k, cx, master, port, skb)
    }

    /// `br_dev_delete`: the ports are let go first.
    fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Option<DevId> {
        while let Some(port) = state(k, dev).ports.newest() {
            port::del_nbp(k, cx, dev, port);
        }
        timer::del_all(k, dev, None);
        fdb::cancel_gc(k, dev);
        None
    }

    fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Config) -> Result<(), RtnlError> {
        settings::br_changelink(k, cx, dev, c)
    }

    fn config(k: &Kernel, dev: DevId) -> Config {
        settings::config(k, dev)
    }

    /// `br_set_mac_address`
    fn set_mac(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
        if !mac.is_valid() {
            return Err(RtnlError::new(Errno::EADDRNOTAVAIL));
        }
        port::change_bridge_id(k, cx, dev, mac);
        Ok(())
    }

    fn change_mtu(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
        k.devs[dev].mtu = mtu;
        state_mut(k, dev).mtu_set = true;
        Ok(())
    }

    fn add_slave(k: &mut Kernel, cx: &mut Cx, master: DevId, dev: DevId) -> Result<(), RtnlError> {
        port::br_add_if(k, cx, master, dev)
    }

    fn del_slave(k: &mut Kernel, cx: &mut Cx, master: DevId, dev: DevId) {
        port::br_del_if(k, cx, master, dev);
    }

    fn slave_changelink(
        k: &mut Kernel,
        cx: &mut Cx,
        master: DevId,
        port: DevId,
        args: &[(String, String)],
    ) -> Result<(), RtnlError> {
        settings::br_setport(k, cx, master, port, args)
    }

    fn notify(k: &mut Kernel, cx: &mut Cx, master: DevId, port: DevId, event: Event) {
        port::br_device_event(k, cx, master, port, event);
    }
}

/// The MTU is the smallest of the ports', or 1500, unless it was set by hand (`br_mtu_auto_adjust`, BR-8).
fn mtu_auto_adjust(k: &mut Kernel, cx: &mut Cx, br: DevId) {
    if state(k, br).mtu_set {
        return;
    }
    let mtu = state(k, br).ports.devs().map(|p| k.devs[p].mtu).min().unwrap_or(1500);
    // A value that the bridge can't have (a port's jumbo MTU is always within its limits) would be left alone.
    if rtnl::set_mtu(k, cx, br, mtu).is_ok() {
        state_mut(k, br).mtu_set = false;
    }
}
