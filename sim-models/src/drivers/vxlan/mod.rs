//! drivers/net/vxlan: frames in UDP datagrams (RFC 7348) over IPv4. The datagrams are sent and received in the namespace
//! that the device was made in, wherever it is now. Not modelled: multicast groups as remotes, collect metadata
//! (`external`), `proxy`, `rsc`, `l2miss`, `gbp`, VNI filtering, the path MTU that a tunnel tells its users.

mod config;
mod fdb;
mod recv;
mod send;
#[cfg(test)]
mod tests;

pub use config::{Df, VxlanConfig};
pub use fdb::fdb_lines;
pub(crate) use fdb::{add_remote, delete_remote};
pub(crate) use recv::rcv;

use super::{Arg, Driver, Event, Kind, New, Setup};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NsId, RtnlError, SkBuff, rtnl,
    sock::{self, Proto, SockId, lookup},
    timer::{self, Timer, TimerId},
};
use rustc_hash::FxHashMap;

/// A vxlan device's state (`struct vxlan_dev`).
pub struct Vxlan(Box<State>);

struct State {
    config: VxlanConfig,
    /// Where the datagrams are.
    net: NsId,
    /// `dev NAME`: what the default remote is reached by.
    lower: Option<DevId>,
    fdb: fdb::Fdb,
    /// When old entries are looked for: core and timer.
    age: Option<(u32, TimerId)>,
}

/// Bytes that a frame grows by: outer IPv4, UDP, vxlan, and its own Ethernet header.
const HEADROOM: u32 = 20 + 8 + 8 + 14;

/// `struct vxlan_sock`: one for all devices of a namespace with one port.
pub struct Sock {
    id: SockId,
    /// Those that are up, by order of opening.
    devs: Vec<DevId>,
}

/// Sockets by namespace and port, and all devices: only asked, never iterated in order of the hash.
#[derive(Default)]
pub struct Shared {
    socks: FxHashMap<(NsId, u16), Sock>,
    all: Vec<DevId>,
}

fn state(k: &Kernel, dev: DevId) -> &State {
    match &k.devs[dev].kind {
        Kind::Vxlan(v) => &v.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

fn state_mut(k: &mut Kernel, dev: DevId) -> &mut State {
    match &mut k.devs[dev].kind {
        Kind::Vxlan(v) => &mut v.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

/// `vxlan_find_vni`: the device that is up and has this port and number in `net`.
fn find_vni(k: &Kernel, net: NsId, port: u16, vni: u32) -> Option<DevId> {
    let sock = k.drv.Vxlan.socks.get(&(net, port))?;
    sock.devs.iter().copied().find(|d| state(k, *d).config.vni() == vni)
}

/// `vxlan_cleanup` every ten seconds, or when the next entry is due.
const AGE_INTERVAL_S: u64 = 10;

impl Driver for Vxlan {
    type Config = VxlanConfig;
    type Shared = Shared;
    const ARGS: &'static [Arg<VxlanConfig>] = config::ARGS;
    const SETUP: Setup = Setup::ETHER;

    /// `vxlan_config_validate` and `vxlan_config_apply`: over `dev` the MTU is what leaves room for the headers.
    fn prepare(k: &Kernel, new: &mut New, c: &VxlanConfig) -> Result<(), RtnlError> {
        let missing = "Required attributes not provided to perform the operation";
        c.id.ok_or_else(|| RtnlError::msg(Errno::EINVAL, missing))?;
        let lower = config::lower(k, new.link_ns, c)?;
        let taken = k.drv.Vxlan.all.iter().any(|d| {
            let s = state(k, *d);
            s.net == new.link_ns && s.config.id == c.id && s.config.dstport == c.dstport
        });
        if taken {
            return Err(RtnlError::msg(Errno::EEXIST, "A VXLAN device with the specified VNI already exists"));
        }
        if let Some(lower) = lower {
            let most = k.devs[lower].mtu.saturating_sub(HEADROOM).max(68);
            new.mtu = Some(new.mtu.unwrap_or(most).min(most));
        }
        Ok(())
    }

    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &VxlanConfig) -> Result<Self, RtnlError> {
        let net = k.devs[dev].cold.link_ns;
        let lower = config::lower(k, net, c)?;
        let mut fdb = fdb::Fdb::default();
        if c.remote != 0 {
            fdb.set_default(c.default_remote(lower), cx.jiffies());
        }
        if let Some(lower) = lower {
            rtnl::upper_dev_link(k, lower, dev);
        }
        k.drv.Vxlan.all.push(dev);
        Ok(Vxlan(Box::new(State { config: c.clone(), net, lower, fdb, age: None })))
    }

    #[inline]
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        send::vxlan_xmit(k, cx, dev, skb);
    }

    /// `vxlan_open`: the socket, which the first device of a port makes.
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        let (net, port, ageing) = (state(k, dev).net, state(k, dev).config.dstport, state(k, dev).config.ageing);
        if !k.drv.Vxlan.socks.contains_key(&(net, port)) {
            let id = sock::socket(k, net, Proto::Udp, None);
            if let Err(e) = lookup::bind(k, id, 0, port) {
                sock::close(k, cx, id);
                return Err(RtnlError::new(e));
            }
            if let Some(s) = k.sockets.get_mut(id) {
                s.encap = true;
            }
            k.drv.Vxlan.socks.insert((net, port), Sock { id, devs: Vec::new() });
        }
        if let Some(s) = k.drv.Vxlan.socks.get_mut(&(net, port)) {
            s.devs.push(dev);
        }
        if ageing != 0 {
            let id = timer::add_timer(k, cx, Timer::Device(dev), AGE_INTERVAL_S * u64::from(k.hz));
            state_mut(k, dev).age = Some((cx.cpu, id));
        }
        Ok(())
    }

    /// `vxlan_stop`: what was learned is forgotten, the last device of a port closes the socket.
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        if let Some((cpu, id)) = state_mut(k, dev).age.take() {
            timer::del_timer(k, cpu, id);
        }
        state_mut(k, dev).fdb.flush_learned();
        let key = (state(k, dev).net, state(k, dev).config.dstport);
        let Some(s) = k.drv.Vxlan.socks.get_mut(&key) else { return };
        s.devs.retain(|d| *d != dev);
        if s.devs.is_empty() {
            let id = s.id;
            k.drv.Vxlan.socks.remove(&key);
            sock::close(k, cx, id);
        }
    }

    fn timer(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        let now = cx.jiffies();
        let next = AGE_INTERVAL_S * u64::from(k.hz);
        let hz = u64::from(k.hz);
        let s = state_mut(k, dev);
        s.age = None;
        let ageing = u64::from(s.config.ageing) * hz;
        let due = s.fdb.age(now, ageing).map_or(next, |at| at.saturating_sub(now).clamp(1, next));
        let id = timer::add_timer(k, cx, Timer::Device(dev), due);
        state_mut(k, dev).age = Some((cx.cpu, id));
    }

    fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Option<DevId> {
        rtnl::dev_close(k, cx, dev);
        if let Some(lower) = state(k, dev).lower {
            rtnl::upper_dev_unlink(k, lower, dev);
        }
        k.drv.Vxlan.all.retain(|d| *d != dev);
        None
    }

    /// `vxlan_changelink`: not the number, not the port.
    fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &VxlanConfig) -> Result<(), RtnlError> {
        let old = &state(k, dev).config;
        for (changed, what) in [(old.id != c.id, "VNI"), (old.dstport != c.dstport, "port")] {
            if changed {
                return Err(RtnlError::msg(Errno::EOPNOTSUPP, format!("Cannot change {what}")));
            }
        }
        if old.dev != c.dev {
            return Err(RtnlError::tool(Errno::EOPNOTSUPP, "not supported: a change of `dev`"));
        }
        let (moved, now, lower) = (old.remote != c.remote, cx.jiffies(), state(k, dev).lower);
        let s = state_mut(k, dev);
        if moved {
            s.fdb.move_default(s.config.default_remote(lower), (c.remote != 0).then(|| c.default_remote(lower)), now);
        }
        s.config = c.clone();
        Ok(())
    }

    fn config(k: &Kernel, dev: DevId) -> VxlanConfig {
        state(k, dev).config.clone()
    }

    /// `vxlan_change_mtu`: over `dev` with room for the headers; that one may shrink later all the same.
    fn change_mtu(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
        if let Some(lower) = state(k, dev).lower
            && mtu > k.devs[lower].mtu.saturating_sub(HEADROOM)
        {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        k.devs[dev].mtu = mtu;
        Ok(())
    }

    fn lower_event(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _lower: DevId, _event: Event) {}
}
