//! net/8021q: a device for one VLAN of the device below it. What it sends gets a tag, what comes in there with that tag
//! is its own. The device below keeps the tag beside the frame, so that no length counts it.

use super::{Arg, Driver, Event, Kind, New, Setup};
use crate::kernel::{
    At, Cx, DevId, Errno, Kernel, PktType, RtnlError, SkBuff, dev, linkwatch,
    netdevice::{IFF_ALLMULTI, IFF_LOOPBACK, IFF_PROMISC, IFF_UP},
    rtnl,
};
use crate::packet::{
    Mac,
    frame::{Vlan as Tag, VlanProto},
};
use rustc_hash::FxHashMap;

/// A VLAN device's state (`struct vlan_dev_priv`).
pub struct Vlan(Box<State>);

struct State {
    real: DevId,
    config: VlanConfig,
    /// The address of the device below as it was last seen.
    real_mac: Mac,
    /// It has the address of the device below, and follows it (`NET_ADDR_STOLEN`).
    stolen: bool,
}

/// `type vlan id VID …`
#[derive(Clone, Debug, PartialEq)]
pub struct VlanConfig {
    pub id: Option<u16>,
    pub proto: VlanProto,
    /// The tag is put beside the frame and taken out of it; off, it stays in the frame.
    pub reorder_hdr: bool,
    /// Up and down do not follow the device below.
    pub loose_binding: bool,
}

impl Default for VlanConfig {
    fn default() -> Self {
        VlanConfig { id: None, proto: VlanProto::Q, reorder_hdr: true, loose_binding: false }
    }
}

/// (device below, protocol, VLAN) → VLAN device: only asked, never iterated.
#[derive(Default)]
pub struct Groups(FxHashMap<(DevId, VlanProto, u16), DevId>);

/// iproute2's `on_off`.
pub(super) fn on_off(word: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" | "true" => Ok(true),
        "off" | "false" => Ok(false),
        other => Err(format!("argument of \"{word}\" must be \"on\" or \"off\", not \"{other}\"")),
    }
}

pub(super) fn shown(on: bool) -> Option<String> {
    Some(if on { "on" } else { "off" }.to_owned())
}

const ARGS: &[Arg<VlanConfig>] = &[
    Arg {
        word: "id",
        value: "0..4095",
        set: |c, v| {
            c.id = Some(v.parse().map_err(|_| format!("argument \"{v}\" is wrong: id is invalid"))?);
            Ok(())
        },
        show: |c| c.id.map(|id| id.to_string()),
    },
    Arg {
        word: "protocol",
        value: "802.1Q|802.1ad",
        set: |c, v| {
            c.proto = match v.to_ascii_lowercase().as_str() {
                "802.1q" => VlanProto::Q,
                "802.1ad" => VlanProto::Ad,
                _ => return Err(format!("argument \"{v}\" is wrong: protocol is invalid")),
            };
            Ok(())
        },
        show: |c| Some(if c.proto == VlanProto::Q { "802.1Q" } else { "802.1ad" }.to_owned()),
    },
    Arg {
        word: "reorder_hdr",
        value: "on|off",
        set: |c, v| on_off("reorder_hdr", v).map(|on| c.reorder_hdr = on),
        show: |c| shown(c.reorder_hdr),
    },
    Arg {
        word: "loose_binding",
        value: "on|off",
        set: |c, v| on_off("loose_binding", v).map(|on| c.loose_binding = on),
        show: |c| shown(c.loose_binding),
    },
];

fn state(k: &Kernel, dev: DevId) -> &State {
    match &k.devs[dev].kind {
        Kind::Vlan(v) => &v.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

fn state_mut(k: &mut Kernel, dev: DevId) -> &mut State {
    match &mut k.devs[dev].kind {
        Kind::Vlan(v) => &mut v.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

/// `vlan_do_receive`: a tagged frame has come in. `Ok`: it is received by a VLAN device now. `Err`: nobody has that
/// VLAN here, or nothing is left of the frame.
#[cold]
pub(crate) fn do_receive(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) -> Result<SkBuff, Option<SkBuff>> {
    let Some(tag) = skb.frame.vlan else { return Err(Some(skb)) };
    let key = |dev| (dev, tag.proto, tag.vid());
    // A port of a bond has no VLANs of its own: they are the bond's.
    let (groups, master) = (&k.drv.Vlan.0, k.devs[skb.meta.dev].master.filter(|m| k.devs[*m].kind.is_lag()));
    let found = groups.get(&key(skb.meta.dev)).or_else(|| groups.get(&key(master?))).copied();
    let Some(vlan) = found.filter(|v| k.devs.get(*v).is_some()) else { return Err(Some(skb)) };
    cx.at(At::VlanDoReceive, &skb);
    cx.note(&skb, || format!("VLAN {}: received by {}", tag.vid(), k.path(vlan)));
    let reorder = state(k, vlan).config.reorder_hdr;
    let d = &mut k.devs[vlan];
    if d.flags & IFF_UP == 0 {
        let why = crate::kernel::Reason::NOT_SPECIFIED;
        cx.drop(k, skb, At::VlanDoReceive, why);
        return Err(None);
    }
    skb.meta.dev = vlan;
    if skb.meta.pkt_type == PktType::OtherHost && skb.frame.dst == d.mac {
        skb.meta.pkt_type = PktType::Host;
    }
    skb.frame.vlan = None;
    let d = &mut k.devs[vlan];
    d.stats.rx_packets += 1;
    d.stats.rx_bytes += u64::from(skb.frame.net_len()) + if reorder { 0 } else { 4 };
    if skb.meta.pkt_type == PktType::Multicast {
        d.cold.multicast += 1;
    }
    Ok(skb)
}

/// The tag is of no VLAN device: the frame is another's, unless the tag has a priority only.
#[cold]
pub(crate) fn no_device(skb: &mut SkBuff) {
    if skb.frame.vlan.take().is_some_and(|tag| tag.vid() != 0) {
        skb.meta.pkt_type = PktType::OtherHost;
    }
}

impl Driver for Vlan {
    type Config = VlanConfig;
    type Shared = Groups;
    const ARGS: &'static [Arg<VlanConfig>] = ARGS;
    const SETUP: Setup = Setup { min_mtu: 0, carrier: false, ..Setup::ETHER };
    const UNICAST_FLT: bool = true;
    const LINK: bool = true;

    /// `vlan_validate`, `vlan_newlink` up to the registration, `vlan_dev_init`.
    fn prepare(k: &Kernel, new: &mut New, c: &VlanConfig) -> Result<(), RtnlError> {
        let refuse = |errno, text: &str| RtnlError::msg(errno, format!("8021q: {text}"));
        if c.id.is_some_and(|id| id >= Tag::VID) {
            return Err(refuse(Errno::ERANGE, "Invalid VLAN id"));
        }
        let id = c.id.ok_or_else(|| refuse(Errno::EINVAL, "VLAN id not specified"))?;
        let real = new.link.ok_or_else(|| refuse(Errno::EINVAL, "link not specified"))?;
        let r = &k.devs[real];
        if r.is_loopback() {
            return Err(refuse(Errno::EOPNOTSUPP, "VLANs not supported on device"));
        }
        if k.drv.Vlan.0.contains_key(&(real, c.proto, id)) {
            return Err(refuse(Errno::EEXIST, "VLAN device already exists"));
        }
        if new.mtu.is_some_and(|mtu| mtu > r.mtu) {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        new.mtu.get_or_insert(r.mtu);
        new.address.get_or_insert(r.mac);
        new.setup.flags = r.flags & !(IFF_UP | IFF_PROMISC | IFF_ALLMULTI | IFF_LOOPBACK);
        new.setup.carrier = r.carrier;
        Ok(())
    }

    /// `register_vlan_dev`
    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &VlanConfig) -> Result<Self, RtnlError> {
        let (Some(real), Some(id)) = (k.devs[dev].cold.link, c.id) else {
            return Err(RtnlError::new(Errno::EINVAL));
        };
        rtnl::upper_dev_link(k, real, dev);
        k.drv.Vlan.0.insert((real, c.proto, id), dev);
        linkwatch::stacked_transfer_operstate(k, cx, real, dev);
        linkwatch::fire_event(k, cx, dev);
        let (real_mac, stolen) = (k.devs[real].mac, !k.devs[dev].cold.mac_set);
        Ok(Vlan(Box::new(State { real, config: c.clone(), real_mac, stolen })))
    }

    /// `vlan_dev_hard_start_xmit`
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, mut skb: SkBuff) {
        cx.at(At::VlanXmit, &skb);
        let State { real, ref config, .. } = *state(k, dev);
        let tag = Tag { proto: config.proto, tci: config.id.unwrap_or_default() };
        // validate_xmit_vlan: this device can't keep a tag beside the frame.
        skb.frame.push_tag();
        let len = u64::from(skb.frame.len()) + if config.reorder_hdr { 0 } else { 4 };
        skb.frame.vlan = Some(tag);
        skb.meta.dev = real;
        cx.note(&skb, || format!("VLAN {}: tagged, out of {}", tag.vid(), k.devs[real].name()));
        let lost = dev::dev_queue_xmit_result(k, cx, skb);
        cx.xmit_dropped |= lost;
        let stats = &mut k.devs[dev].stats;
        if lost {
            stats.tx_dropped += 1;
        } else {
            stats.tx_packets += 1;
            stats.tx_bytes += len;
        }
    }

    /// `vlan_dev_open`
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        let State { real, ref config, stolen, .. } = *state(k, dev);
        let (up, real_mac, carrier) = (k.devs[real].is_up(), k.devs[real].mac, k.devs[real].carrier);
        if !up && !config.loose_binding {
            return Err(RtnlError::new(Errno::ENETDOWN));
        }
        if k.devs[dev].mac != real_mac {
            if stolen {
                inherit(k, cx, dev, real_mac);
            } else {
                let mac = k.devs[dev].mac;
                rtnl::dev_uc_add(k, cx, real, mac);
            }
        }
        state_mut(k, dev).real_mac = real_mac;
        if carrier {
            linkwatch::netif_carrier_on(k, cx, dev);
        }
        Ok(())
    }

    /// `vlan_dev_stop`
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        let real = state(k, dev).real;
        let mac = k.devs[dev].mac;
        if k.devs.get(real).is_some_and(|r| r.mac != mac) {
            rtnl::dev_uc_del(k, cx, real, mac);
        }
        linkwatch::netif_carrier_off(k, cx, dev);
    }

    fn dellink(k: &mut Kernel, _cx: &mut Cx, dev: DevId) -> Option<DevId> {
        let State { real, ref config, .. } = *state(k, dev);
        let key = (real, config.proto, config.id.unwrap_or_default());
        k.drv.Vlan.0.remove(&key);
        rtnl::upper_dev_unlink(k, real, dev);
        None
    }

    /// `vlan_changelink`: flags only.
    fn changelink(k: &mut Kernel, _cx: &mut Cx, dev: DevId, c: &VlanConfig) -> Result<(), RtnlError> {
        let config = &mut state_mut(k, dev).config;
        (config.reorder_hdr, config.loose_binding) = (c.reorder_hdr, c.loose_binding);
        Ok(())
    }

    fn config(k: &Kernel, dev: DevId) -> VlanConfig {
        state(k, dev).config.clone()
    }

    /// `vlan_dev_change_mtu`
    fn change_mtu(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
        if k.devs[state(k, dev).real].mtu < mtu {
            return Err(RtnlError::new(Errno::ERANGE));
        }
        k.devs[dev].mtu = mtu;
        Ok(())
    }

    /// `vlan_dev_set_mac_address`
    fn set_mac(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
        if !mac.is_valid() {
            return Err(RtnlError::new(Errno::EADDRNOTAVAIL));
        }
        let real = state(k, dev).real;
        let (old, real_mac) = (k.devs[dev].mac, k.devs[real].mac);
        if k.devs[dev].is_up() {
            if mac != real_mac {
                rtnl::dev_uc_add(k, cx, real, mac);
            }
            if old != real_mac {
                rtnl::dev_uc_del(k, cx, real, old);
            }
        }
        k.devs[dev].mac = mac;
        state_mut(k, dev).stolen = false;
        Ok(())
    }

    /// `vlan_dev_change_rx_flags`
    fn change_rx_flags(k: &mut Kernel, cx: &mut Cx, dev: DevId, flag: u32, on: bool) {
        let real = state(k, dev).real;
        match flag {
            IFF_ALLMULTI => rtnl::dev_set_allmulti(k, cx, real, on),
            _ => rtnl::dev_set_promiscuity(k, cx, real, on),
        }
    }

    /// `vlan_device_event`: up, down, carrier, MTU and address follow the device below.
    fn lower_event(k: &mut Kernel, cx: &mut Cx, dev: DevId, real: DevId, event: Event) {
        let loose = state(k, dev).config.loose_binding;
        let (up, mtu) = (k.devs[dev].is_up(), k.devs[dev].mtu);
        match event {
            Event::Change => linkwatch::stacked_transfer_operstate(k, cx, real, dev),
            Event::ChangeAddr if up => sync_address(k, cx, dev, real),
            Event::ChangeMtu if mtu > k.devs[real].mtu => {
                let mtu = k.devs[real].mtu;
                // The kernel does not ask how this went either.
                let _ = rtnl::set_mtu(k, cx, dev, mtu);
            }
            Event::Down if up && !loose => {
                rtnl::dev_close(k, cx, dev);
                linkwatch::stacked_transfer_operstate(k, cx, real, dev);
            }
            Event::Up if !up => {
                if !loose {
                    let _ = rtnl::dev_open(k, cx, dev);
                }
                linkwatch::stacked_transfer_operstate(k, cx, real, dev);
            }
            Event::ChangeAddr | Event::ChangeMtu | Event::Down | Event::Up => {}
        }
    }
}

/// `vlan_dev_inherit_address`
fn inherit(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) {
    k.devs[dev].mac = mac;
    rtnl::changeaddr(k, cx, dev);
}

/// `vlan_sync_address`
fn sync_address(k: &mut Kernel, cx: &mut Cx, dev: DevId, real: DevId) {
    let (new, own) = (k.devs[real].mac, k.devs[dev].mac);
    let State { real_mac: old, stolen, .. } = *state(k, dev);
    if old == new {
        return;
    }
    if stolen {
        inherit(k, cx, dev, new);
    } else if own != old && own == new {
        rtnl::dev_uc_del(k, cx, real, own);
    } else if own == old {
        rtnl::dev_uc_add(k, cx, real, own);
    }
    state_mut(k, dev).real_mac = new;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rtnl::testing::{Lab, m};
    use crate::packet::Net;

    /// `x` of namespace `a` joined to `y` of `b`, each with VLAN 10.
    fn lab() -> Lab {
        let mut lab = Lab::new();
        lab.run(
            "a link add d type dummy
             a link add x type veth peer name y netns b
             a link set x up
             b link set y up
             a link add x10 link x type vlan id 10
             b link add y10 link y type vlan id 10
             a link set x10 up
             b link set y10 up",
        );
        lab.at(1_000);
        lab
    }

    fn stats(lab: &Lab, ns: &str, name: &str) -> (u64, u64, u64, u64) {
        let s = lab.k.devs[lab.dev(ns, name)].stats;
        (s.tx_packets, s.tx_bytes, s.rx_packets, s.rx_bytes)
    }

    /// DEV-23: the tag stands beside the frame, no device counts it; the VLAN device counts what it receives without
    /// the Ethernet header. A tag that nobody has makes the frame another's.
    #[test]
    fn tagged_and_untagged() {
        let mut lab = lab();
        lab.send("a", "x10", m(1), Mac::BROADCAST, 60);
        lab.work();
        assert_eq!(lab.seen(), ["x10 out", "x out", "y in", "y10 in"]);
        assert_eq!(stats(&lab, "a", "x10"), (1, 60, 0, 0));
        assert_eq!(stats(&lab, "a", "x"), (1, 60, 0, 0));
        assert_eq!(stats(&lab, "b", "y"), (0, 0, 1, 60));
        assert_eq!(stats(&lab, "b", "y10"), (0, 0, 1, 46));
        lab.run("b link del y10");
        lab.send("a", "x10", m(1), Mac::BROADCAST, 60);
        lab.work();
        assert_eq!(lab.seen(), ["x10 out", "x out", "y in"]);
        assert_eq!(lab.drops(), ["UNHANDLED_PROTO netif_receive_skb y10", "UNHANDLED_PROTO netif_receive_skb y"]);
    }

    /// A VLAN device on a VLAN device: the inner tag goes into the frame, and is four bytes of it.
    #[test]
    fn a_tag_within() {
        let mut lab = lab();
        lab.run("a link add x10.5 link x10 up type vlan id 5\n b link add y10.5 link y10 up type vlan id 5");
        lab.send("a", "x10.5", m(1), Mac::BROADCAST, 60);
        let skb = lab.k.cpus[0].take_backlog().expect("a frame");
        assert!(matches!(&skb.frame.net, Net::Vlan(t) if t.vlan.vid() == 5));
        assert_eq!((skb.frame.vlan.map(Tag::vid), skb.frame.len(), skb.frame.wire_len()), (Some(10), 64, 68));
        dev::netif_receive_skb(&mut lab.k, &mut lab.cx, skb);
        assert_eq!((stats(&lab, "a", "x10.5").1, stats(&lab, "a", "x10").1), (60, 64));
        assert_eq!((stats(&lab, "b", "y10").3, stats(&lab, "b", "y10.5").3), (50, 46));
    }

    /// Up, down, carrier, MTU and address follow the device below (`vlan_device_event`); loosely bound ones stay up.
    #[test]
    fn follows_the_device_below() {
        let mut lab = lab();
        lab.run("a link add x20 link x up type vlan id 20 loose_binding on");
        assert_eq!(lab.state("a", "x10"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
        lab.run("b link set y down");
        assert_eq!(lab.state("a", "x10"), "NO-CARRIER,BROADCAST,MULTICAST,UP LOWERLAYERDOWN");
        lab.run("b link set y up\n a link set x mtu 1400");
        let mtu = |lab: &Lab| lab.k.devs[lab.dev("a", "x10")].mtu;
        assert_eq!(mtu(&lab), 1400);
        assert_eq!(
            lab.ip("a", "link set x10 mtu 1401"),
            Err("RTNETLINK answers: Numerical result out of range".into())
        );
        lab.run("a link set x mtu 1500 address 02:00:00:00:aa:01");
        assert_eq!((mtu(&lab), lab.mac("a", "x10")), (1400, "02:00:00:00:aa:01".into()));
        lab.run("a link set x down");
        assert_eq!(lab.state("a", "x10"), "BROADCAST,MULTICAST DOWN");
        // A device that is down does not say that it lost its carrier, too.
        assert_eq!(lab.state("a", "x20"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
        assert_eq!(lab.ip("a", "link set x10 up"), Err("RTNETLINK answers: Network is down".into()));
        lab.run("a link set x up");
        assert_eq!(lab.state("a", "x10"), "BROADCAST,MULTICAST,UP,LOWER_UP UP");
        lab.run("a link del x");
        assert_eq!(lab.names("a"), ["lo", "d"], "what is made on a device goes with it");
    }

    /// An address of its own is one more for the device below, which has no filter for it.
    #[test]
    fn an_own_address() {
        let mut lab = lab();
        lab.run("a link set x10 address 02:00:00:00:aa:02");
        let x = lab.dev("a", "x");
        assert_eq!(lab.k.devs[x].cold.uc, [(Mac([2, 0, 0, 0, 0xaa, 2]), 1)]);
        assert_eq!((lab.k.devs[x].cold.promiscuity, lab.k.devs[x].shown_flags() & IFF_PROMISC), (1, 0));
        lab.run("a link set x address 02:00:00:00:aa:03\n a link set x10 down");
        assert_eq!((lab.k.devs[x].cold.uc.len(), lab.k.devs[x].cold.promiscuity), (0, 0));
        lab.run("a link set x10 up promisc on");
        assert_eq!(lab.k.devs[x].cold.promiscuity, 2, "the address, and the wish");
    }

    /// The texts of net/8021q/vlan_netlink.c.
    #[test]
    fn refusals() {
        let mut lab = lab();
        for (command, error) in [
            ("link add v type vlan id 5", "Error: 8021q: link not specified."),
            ("link add v link x type vlan", "Error: 8021q: VLAN id not specified."),
            ("link add v link x type vlan id 4095", "Error: 8021q: Invalid VLAN id."),
            ("link add v link x type vlan id 10", "Error: 8021q: VLAN device already exists."),
            ("link add v link lo type vlan id 10", "Error: 8021q: VLANs not supported on device."),
            ("link add v link x mtu 1501 type vlan id 11", "RTNETLINK answers: Invalid argument"),
            ("link add v link nil type vlan id 11", "Cannot find device \"nil\""),
        ] {
            assert_eq!(lab.ip("a", command), Err(error.into()), "{command}");
        }
        lab.run("a link add v link x type vlan id 10 protocol 802.1ad");
        assert!(
            lab.link("a", "v").starts_with("5: v@x: <BROADCAST,MULTICAST> mtu 1500 state DOWN"),
            "{}",
            lab.link("a", "v")
        );
    }
}
