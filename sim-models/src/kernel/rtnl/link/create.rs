//! `rtnl_newlink`: making a device.

use super::{Config, Cx, Errno, Kernel, LinkAttrs, NsId, RtnlError, device, master, named, names, netns, remove, set};
use crate::{
    drivers::{self, Kind, New, veth::Peer},
    kernel::{
        DevId, NetDevice, addr, boot, neigh,
        netdevice::{Cold, OperState, Stats},
        sysctl::{ConfBits, DevConf},
    },
    packet::Mac,
};

/// Every namespace has a `lo`, DOWN, ifindex 1 (DEV-37).
pub(crate) fn register_lo(k: &mut Kernel, cx: &mut Cx, ns: NsId, c: &Config) {
    let made = create(k, cx, ns, "lo", New::of(ns, None, &LinkAttrs::default(), c), c);
    debug_assert!(made.is_ok(), "a new namespace has no device that could be in the way");
}

/// `ip link add NAME … type KIND …`. An empty name is none: the device is called KINDn.
///
/// # Errors
/// `ip`'s and the kernel's, in their order. If making one of two devices fails, or a setting is refused, none is left.
pub(in super::super) fn new_link(
    k: &mut Kernel,
    cx: &mut Cx,
    ns: NsId,
    name: &str,
    a: &LinkAttrs,
    c: &Config,
) -> Result<(), RtnlError> {
    if !name.is_empty() {
        names::check_ifname("dev", name)?;
    }
    let target = netns(k, ns, a.netns.as_deref())?;
    let upper = master(k, cx, ns, a)?;
    let link = a.link.as_deref().map(|name| named(k, cx, ns, name)).transpose()?;
    let peer = drivers::peer(c);
    let peer_ns = netns(k, ns, peer.as_ref().and_then(|p| p.netns.as_deref()))?;
    if let Some(name) = peer.as_ref().and_then(|p| p.name.as_deref()) {
        names::check_ifname("name", name)?;
    }
    names::check_policy(name)?;
    if matches!(c, Config::Loopback(_)) {
        return Err(RtnlError::msg(Errno::EOPNOTSUPP, "Unknown device type"));
    }
    // request_module
    let loads = c.is_virtual() && !k.loaded.contains(&c.kind());
    if loads {
        k.loaded.push(c.kind());
    }
    let place = Place { ns, target, peer_ns, link };
    let made = newlink(k, cx, name, place, a, c);
    if c.is_virtual() {
        tell(k, cx, name, target, c, loads, &made);
    }
    let dev = made?;
    configure(k, cx, dev, a, upper).inspect_err(|_| remove::dellink(k, cx, dev))
}

/// Where a device is asked for, where it is to be, and its peer; what it is made on.
#[derive(Clone, Copy)]
struct Place {
    ns: NsId,
    target: NsId,
    peer_ns: NsId,
    link: Option<DevId>,
}

/// `__rtnl_newlink`: one device, or two that are joined.
fn newlink(
    k: &mut Kernel,
    cx: &mut Cx,
    name: &str,
    Place { ns, target, peer_ns, link }: Place,
    a: &LinkAttrs,
    c: &Config,
) -> Result<DevId, RtnlError> {
    let peer = drivers::peer(c);
    validate(a, c, peer.is_some())?;
    if let Some(p) = &peer {
        validate(&p.attrs, c, true)?;
    }
    if k.dev_by_name(target, name).is_some() {
        return Err(RtnlError::new(Errno::EEXIST));
    }
    validate_mtu(a, c)?;
    let first = peer.map(|p| create_peer(k, cx, peer_ns, &p, c)).transpose()?;
    let template = if name.is_empty() { format!("{}%d", c.kind()) } else { name.to_owned() };
    let made = create(k, cx, target, &template, New::of(ns, link, a, c), c);
    let dev = made.inspect_err(|_| remove::unregister(k, cx, first.as_slice()))?;
    if let Some(first) = first {
        join(k, dev, first);
    }
    Ok(dev)
}

/// What `dmesg` does not show: who asked for a device, which driver was loaded for it, what came of it.
fn tell(k: &mut Kernel, cx: &Cx, name: &str, ns: NsId, c: &Config, loads: bool, made: &Result<DevId, RtnlError>) {
    boot::remarks(k, cx, |k| {
        let kind = c.kind();
        let name = made.as_ref().map_or(name, |dev| k.devs[*dev].name());
        let loaded =
            if loads { format!(": request_module(\"rtnl-link-{kind}\"), driver {kind} loaded") } else { String::new() };
        let more = match made {
            Err(e) => format!("; refused: {e}"),
            Ok(dev) => drivers::pair_of(k, *dev).map_or(String::new(), |p| {
                let p = &k.devs[p];
                format!("; peer {} registered first", boot::place(k, p.ns, p.name()))
            }),
        };
        format!("RTM_NEWLINK {} kind {kind}{loaded}{more}", boot::place(k, ns, name))
    });
}

/// `ops->validate`: all Ethernet drivers look at the address; the driver of pairs at the MTU, too, and says no more than
/// EINVAL.
fn validate(a: &LinkAttrs, c: &Config, of_pair: bool) -> Result<(), RtnlError> {
    if a.address.is_some_and(|mac| !mac.is_valid()) {
        return Err(RtnlError::new(Errno::EADDRNOTAVAIL));
    }
    if of_pair {
        validate_mtu(a, c).map_err(|e| RtnlError::new(e.errno))?;
    }
    Ok(())
}

fn validate_mtu(a: &LinkAttrs, c: &Config) -> Result<(), RtnlError> {
    let limits = c.setup();
    a.mtu.map_or(Ok(()), |mtu| device::validate_mtu(limits.min_mtu, limits.max_mtu, mtu))
}

/// The other one of a pair (`veth_newlink`): up it can't come, since it is not joined to anything yet.
fn create_peer(k: &mut Kernel, cx: &mut Cx, ns: NsId, p: &Peer, c: &Config) -> Result<DevId, RtnlError> {
    let template = p.name.clone().unwrap_or_else(|| format!("{}%d", c.kind()));
    let dev = create(k, cx, ns, &template, New::of(ns, None, &p.attrs, c), c)?;
    if p.attrs.up == Some(true) {
        remove::unregister(k, cx, &[dev]);
        return Err(RtnlError::new(Errno::ENOTCONN));
    }
    device::change_flags(k, cx, dev, &p.attrs);
    Ok(dev)
}

fn join(k: &mut Kernel, dev: DevId, peer: DevId) {
    drivers::pair(k, dev, peer);
}

/// `rtnl_configure_link`, then the master.
fn configure(k: &mut Kernel, cx: &mut Cx, dev: DevId, a: &LinkAttrs, upper: Option<u32>) -> Result<(), RtnlError> {
    device::change_flags(k, cx, dev, a);
    if a.up == Some(true) {
        device::dev_open(k, cx, dev)?;
    }
    if let Some(upper) = upper {
        set::do_set_master(k, cx, dev, upper)?;
    }
    Ok(())
}

/// `rtnl_create_link`, `register_netdevice` and the driver's part. Everything about the request but the name was
/// checked.
fn create(k: &mut Kernel, cx: &mut Cx, ns: NsId, name: &str, mut new: New, c: &Config) -> Result<DevId, RtnlError> {
    drivers::prepare(k, &mut new, c)?;
    let name = names::dev_get_valid_name(k, ns, name)?;
    let ifindex = names::dev_index_reserve(k, ns, 0);
    let loopback = matches!(c, Config::Loopback(_));
    let drawn = if loopback { Mac::ZERO } else { next_mac(k) };
    new.address.get_or_insert(drawn);
    let dev = k.devs.insert(blank(k, ns, ifindex, name, new));
    list(k, dev);
    addr::on_register(k, cx, dev);
    if let Err(e) = drivers::newlink(k, cx, dev, c) {
        remove::unregister(k, cx, &[dev]);
        return Err(e);
    }
    boot::probed(k, dev);
    Ok(dev)
}

/// The address that a device gets if none is asked for: 02:00:HH:HH:DD:DD, host and number of the device by order of
/// creation. A host's devices beyond number 65,535 count on in the second byte.
fn next_mac(k: &mut Kernel) -> Mac {
    k.next_mac += 1;
    let [_, carry, hi, lo] = k.next_mac.to_be_bytes();
    let [_, _, host_hi, host_lo] = k.host.to_be_bytes();
    Mac([2, carry, host_hi, host_lo, hi, lo])
}

impl New {
    /// What is asked for, on what the driver's setup gives.
    fn of(link_ns: NsId, link: Option<DevId>, a: &LinkAttrs, c: &Config) -> New {
        let mut setup = c.setup();
        setup.tx_queue_len = a.txqueuelen.unwrap_or(setup.tx_queue_len);
        New { link_ns, link, address: a.address, mac_set: a.address.is_some(), mtu: a.mtu, setup }
    }
}

/// A device as `alloc_netdev` and its driver's setup make it.
fn blank(k: &Kernel, ns: NsId, ifindex: u32, name: String, new: New) -> NetDevice {
    let setup = new.setup;
    NetDevice {
        flags: setup.flags,
        mtu: new.mtu.unwrap_or(setup.mtu),
        ns,
        ifindex,
        mac: new.address.unwrap_or(Mac::ZERO),
        operstate: OperState::Unknown,
        carrier: setup.carrier,
        noop: true,
        conf: ConfBits::default(),
        port: 0,
        master: None,
        rx_handler: None,
        stats: Stats::default(),
        kind: Kind::unset(),
        cold: Box::new(Cold {
            name,
            link: new.link,
            link_ns: new.link_ns,
            uppers: Vec::new(),
            min_mtu: setup.min_mtu,
            max_mtu: setup.max_mtu,
            tx_queue_len: setup.tx_queue_len,
            promiscuity: 0,
            allmulti: 0,
            gflags: 0,
            uc: Vec::new(),
            uc_promisc: false,
            mac_set: new.mac_set,
            unregistering: false,
            linkwatch: false,
            multicast: 0,
            rx_otherhost_dropped: 0,
            rx_missed: 0,
            rx_nohandler: 0,
            tx_errors: 0,
            tx_carrier_errors: 0,
            devconf: DevConf::from_default(&k.net(ns).conf),
            neigh: neigh::Parms::default(),
            in_device: false,
        }),
    }
}

/// `list_netdevice`: into the namespace's list, which is in order of ifindex.
pub(super) fn list(k: &mut Kernel, dev: DevId) {
    let (ns, ifindex) = (k.devs[dev].ns, k.devs[dev].ifindex);
    let devs = &k.nets[ns.0 as usize].devs;
    let at = devs.partition_point(|d| k.devs[*d].ifindex < ifindex);
    k.net_mut(ns).devs.insert(at, dev);
}

/// `unlist_netdevice`
pub(super) fn unlist(k: &mut Kernel, dev: DevId) {
    let (ns, ifindex) = (k.devs[dev].ns, k.devs[dev].ifindex);
    let devs = &k.nets[ns.0 as usize].devs;
    let at = devs.partition_point(|d| k.devs[*d].ifindex < ifindex);
    if devs.get(at) == Some(&dev) {
        k.net_mut(ns).devs.remove(at);
    }
}
