//! net/bridge: a switch made of the host's own devices, and a device of its own through which the host takes part.
//!
//! Modelled: learning, ageing, forwarding, flooding, local delivery, port states without the spanning tree protocol,
//! MAC, MTU and carrier that follow the ports. Not modelled: STP, VLAN filtering, multicast snooping with a querier
//! (without one the kernel floods all multicast, as here; the IGMP report that a bridge sends of its own when it comes
//! up, BR-20, is left out), proxy ARP, br_netfilter.

mod again;
mod fdb;
mod forward;
mod input;
mod port;
mod settings;
#[cfg(test)]
mod tests;

pub(crate) use again::take;
pub use fdb::fdb_lines;
pub(crate) use fdb::{add_entry, cleanup, delete_entry};
pub use port::PortState;
pub(crate) use settings::check_slave_args;
pub use settings::{Config, port_settings};

use super::{Arg, Driver, Event, Kind, Setup};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, RtnlError, SkBuff, linkwatch, rtnl,
    timer::{self, TimerId},
};
use crate::packet::Mac;

/// A bridge device's state (`struct net_bridge`).
pub struct Bridge(Box<State>);

struct State {
    ports: port::Ports,
    fdb: fdb::Fdb,
    config: Config,
    /// `ageing_time`, in ticks; 0: nothing is learned.
    ageing: u64,
    /// The MTU was set by hand and follows the ports no more (BR-8).
    mtu_set: bool,
    /// Bumped by every change: what was decided before it is decided anew. Never 0.
    version: u32,
    recent: again::Recent,
    /// When old entries are looked for next: core and timer.
    gc: Option<(u32, TimerId)>,
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
        fdb.add_local(k.devs[dev].mac, 0, cx.jiffies());
        if k.devs[dev].cold.mac_set || c.priority != Config::default().priority {
            linkwatch::netif_carrier_off(k, cx, dev);
        }
        let config = settings::rounded(c, k.hz);
        let ageing = settings::clock_t_to_jiffies(c.ageing_time, k.hz);
        let gc = (c.ageing_time != Config::default().ageing_time)
            .then(|| (cx.cpu, timer::add_timer(k, cx, timer::Timer::FdbGc(dev), ageing)));
        Ok(Bridge(Box::new(State {
            ports: port::Ports::default(),
            fdb,
            config,
            ageing,
            mtu_set: false,
            version: 1,
            recent: again::Recent::default(),
            gc,
        })))
    }

    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        forward::br_dev_xmit(k, cx, dev, skb);
    }

    /// `br_dev_open`
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        fdb::arm_gc(k, cx, dev, u64::from(k.hz / 10));
        port::enable_all(k, cx, dev);
        Ok(())
    }

    /// `br_dev_stop`: nothing is forwarded any more, and what was learned is forgotten (BR-18).
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        port::disable_all(k, cx, dev);
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
        fdb::cancel_gc(k, dev);
        None
    }

    fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &Config) -> Result<(), RtnlError> {
        settings::br_changelink(k, cx, dev, c)
    }

    fn config(k: &Kernel, dev: DevId) -> Config {
        state(k, dev).config.clone()
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
