//! drivers/net/macvlan.c: devices with addresses of their own on one device below. What comes in below goes to the
//! macvlan that has the destination address; what a macvlan sends goes to another one of the same device (mode bridge)
//! or out below, never to the device below itself. Copies of broadcasts, which a worker of the kernel hands on, are handed
//! on at once. Not modelled: mode source, multicast groups other than 224.0.0.1.

use super::{Arg, Driver, Event, Kind, New, Setup, veth};
use crate::kernel::{
    At, Cx, DevId, Errno, Kernel, PktType, Reason, RtnlError, SkBuff, dev, ip_defrag, linkwatch,
    netdevice::{IFF_ALLMULTI, IFF_PROMISC},
    rtnl,
    sysctl::ConfBits,
};
use crate::packet::{Mac, frame::ETH_HLEN};
use rustc_hash::FxHashMap;

/// A macvlan's state (`struct macvlan_dev`).
pub struct Macvlan(Box<State>);

struct State {
    lower: DevId,
    config: MacvlanConfig,
}

/// `enum macvlan_mode`: bits, so that several can be meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Mode {
    Private = 1,
    #[default]
    Vepa = 2,
    Bridge = 4,
    Passthru = 8,
}

impl Mode {
    const ALL: [(Mode, &'static str); 4] =
        [(Mode::Private, "private"), (Mode::Vepa, "vepa"), (Mode::Bridge, "bridge"), (Mode::Passthru, "passthru")];

    /// As iproute2 spells it.
    pub fn name(self) -> &'static str {
        Mode::ALL.iter().find(|m| m.0 == self).map_or("", |m| m.1)
    }
}

/// `type macvlan mode MODE`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MacvlanConfig {
    pub mode: Mode,
    /// In mode passthru the device below is not made promiscuous.
    pub nopromisc: bool,
}

const ARGS: &[Arg<MacvlanConfig>] = &[
    Arg {
        word: "mode",
        value: "private|vepa|bridge|passthru",
        set: |c, v| {
            let found = Mode::ALL.iter().find(|m| m.1 == v);
            if v == "source" {
                return Err("not supported: `mode source`".to_owned());
            }
            let words = "\"private\", \"vepa\", \"bridge\", \"passthru\" or \"source\"";
            c.mode = found.ok_or_else(|| format!("argument of \"mode\" must be {words}, not \"{v}\""))?.0;
            Ok(())
        },
        show: |c| Some(c.mode.name().to_owned()),
    },
    Arg {
        word: "nopromisc",
        value: "",
        set: |c, _| {
            c.nopromisc = true;
            Ok(())
        },
        show: |c| c.nopromisc.then(String::new),
    },
];

/// `struct macvlan_port` of each device that macvlans are on: only asked, never iterated.
#[derive(Default)]
pub struct Ports(FxHashMap<DevId, Port>);

#[derive(Default)]
struct Port {
    /// In order of creation.
    vlans: Vec<DevId>,
    /// Those that are up, by address.
    by_mac: FxHashMap<Mac, DevId>,
    /// The same in the order in which copies of a broadcast are made: bucket, device.
    hashed: Vec<(u8, DevId)>,
    passthru: bool,
    /// What the address of the device below was before a macvlan in mode passthru changed it.
    perm: Mac,
    addr_change: bool,
}

/// `macvlan_eth_hash`: the bucket that decides who is first.
fn eth_hash(mac: Mac) -> u8 {
    const GOLDEN_RATIO_64: u64 = 0x61c8_8646_80b5_83eb;
    let m = mac.0;
    let value = u64::from_le_bytes([0, 0, m[0], m[1], m[2], m[3], m[4], m[5]]);
    (value.wrapping_mul(GOLDEN_RATIO_64) >> 56) as u8
}

impl Port {
    /// `macvlan_hash_add`: the newest is the first of its bucket.
    fn add(&mut self, dev: DevId, mac: Mac) {
        let bucket = eth_hash(mac);
        let at = self.hashed.partition_point(|h| h.0 < bucket);
        self.hashed.insert(at, (bucket, dev));
        self.by_mac.insert(mac, dev);
    }
    fn del(&mut self, dev: DevId, mac: Mac) {
        self.hashed.retain(|h| h.1 != dev);
        self.by_mac.remove(&mac);
    }
}

fn state(k: &Kernel, dev: DevId) -> &State {
    match &k.devs[dev].kind {
        Kind::Macvlan(m) => &m.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

fn state_mut(k: &mut Kernel, dev: DevId) -> &mut State {
    match &mut k.devs[dev].kind {
        Kind::Macvlan(m) => &mut m.0,
        _ => unreachable!("only called for devices of this driver"),
    }
}

fn mode(k: &Kernel, dev: DevId) -> Mode {
    state(k, dev).config.mode
}

fn port(k: &mut Kernel, lower: DevId) -> &mut Port {
    k.drv.Macvlan.0.entry(lower).or_default()
}

fn passthru(k: &Kernel, lower: DevId) -> bool {
    k.drv.Macvlan.0.get(&lower).is_some_and(|p| p.passthru)
}

/// `macvlan_addr_busy`: the device below or another macvlan has that address.
fn addr_busy(k: &Kernel, lower: DevId, mac: Mac) -> bool {
    let p = k.drv.Macvlan.0.get(&lower);
    let own = p.is_some_and(|p| !p.passthru && !p.addr_change) && k.devs[lower].mac == mac;
    own || p.is_some_and(|p| p.by_mac.contains_key(&mac))
}

/// Does `dev` hear this group (`mc_filter`)? Broadcast always, 224.0.0.1 with IPv4, all if it is promiscuous.
fn hears(k: &Kernel, dev: DevId, dst: Mac) -> bool {
    let d = &k.devs[dev];
    dst == Mac::BROADCAST
        || d.flags & (IFF_PROMISC | IFF_ALLMULTI) != 0
        || (d.conf.has(ConfBits::IN_DEVICE) && dst == Mac::of_multicast(0xe000_0001))
}

/// `macvlan_count_rx`
fn count_rx(k: &mut Kernel, dev: DevId, len: u32, success: bool, multicast: bool) {
    let d = &mut k.devs[dev];
    if success {
        d.stats.rx_packets += 1;
        d.stats.rx_bytes += u64::from(len);
        d.cold.multicast += u64::from(multicast);
    } else {
        d.stats.rx_dropped += 1;
    }
}

/// `macvlan_broadcast`: a copy for each macvlan on `lower` in one of `modes`, but not for `src`. A copy that another
/// macvlan sends counts the Ethernet header twice.
fn broadcast(k: &mut Kernel, cx: &mut Cx, lower: DevId, src: Option<DevId>, modes: u8, skb: &SkBuff) {
    let local = modes == Mode::Bridge as u8;
    let all = k.drv.Macvlan.0.get(&lower).map(|p| p.hashed.clone()).unwrap_or_default();
    for (_, to) in all {
        if Some(to) == src || mode(k, to) as u8 & modes == 0 || !hears(k, to, skb.frame.dst) {
            continue;
        }
        cx.note(skb, || format!("a copy for macvlan {}", k.path(to)));
        let mut copy = cx.clone_skb(skb);
        let (len, done) = if local {
            copy.meta.sock = None;
            (skb.frame.len() + ETH_HLEN, veth::dev_forward_skb(k, cx, At::MacvlanXmit, to, copy))
        } else {
            copy.meta.dev = to;
            copy.meta.pkt_type = group(copy.frame.dst);
            (skb.frame.len(), dev::netif_rx(k, cx, copy))
        };
        count_rx(k, to, len, done, true);
    }
}

fn group(dst: Mac) -> PktType {
    if dst == Mac::BROADCAST { PktType::Broadcast } else { PktType::Multicast }
}

const EVERYONE: u8 = Mode::Private as u8 | Mode::Vepa as u8 | Mode::Bridge as u8 | Mode::Passthru as u8;

/// The group half of `macvlan_handle_frame`: copies for the macvlans, and the frame itself for the device below; unless
/// a private one's own frame has come back.
fn handle_group(k: &mut Kernel, cx: &mut Cx, lower: DevId, mut skb: SkBuff) -> Option<SkBuff> {
    skb = ip_defrag::ip_check_defrag(k, cx, skb)?;
    let src = k.drv.Macvlan.0.get(&lower).and_then(|p| p.by_mac.get(&skb.frame.src)).copied();
    let modes = match src.map(|s| (s, mode(k, s))) {
        None => EVERYONE,
        Some((_, Mode::Vepa)) => Mode::Vepa as u8 | Mode::Bridge as u8,
        // Those in mode bridge have seen it on its way out.
        Some((_, Mode::Bridge)) => Mode::Vepa as u8,
        Some((own, Mode::Private | Mode::Passthru)) => {
            skb.meta.dev = own;
            skb.meta.pkt_type = group(skb.frame.dst);
            let done = dev::netif_rx(k, cx, skb);
            count_rx(k, own, 0, done, false);
            return None;
        }
    };
    broadcast(k, cx, lower, src, modes, &skb);
    Some(skb)
}

/// `macvlan_queue_xmit`. True: thrown away.
fn queue_xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, mut skb: SkBuff) -> bool {
    let lower = state(k, dev).lower;
    let dst = skb.frame.dst;
    if mode(k, dev) == Mode::Bridge {
        if dst.is_multicast() {
            broadcast(k, cx, lower, Some(dev), Mode::Bridge as u8, &skb);
        } else {
            let found = k.drv.Macvlan.0.get(&lower).and_then(|p| p.by_mac.get(&dst)).copied();
            if let Some(to) = found.filter(|to| mode(k, *to) == Mode::Bridge) {
                cx.note(&skb, || format!("{dst} is macvlan {}, in mode bridge, too: handed over", k.path(to)));
                veth::dev_forward_skb(k, cx, At::MacvlanXmit, lower, skb);
                return false;
            }
        }
    }
    cx.note(&skb, || {
        let below = k.path(lower);
        if dst == k.devs[lower].mac {
            format!("{dst} is {below} itself: a macvlan and the device below it do not talk; out of {below}")
        } else {
            format!("out of {below}")
        }
    });
    skb.meta.dev = lower;
    dev::dev_queue_xmit_result(k, cx, skb)
}

impl Driver for Macvlan {
    type Config = MacvlanConfig;
    type Shared = Ports;
    const ARGS: &'static [Arg<MacvlanConfig>] = ARGS;
    const SETUP: Setup = Setup { carrier: false, ..Setup::ETHER };
    const UNICAST_FLT: bool = true;
    const LINK: bool = true;

    /// `macvlan_common_newlink` up to the registration.
    fn prepare(k: &Kernel, new: &mut New, c: &MacvlanConfig) -> Result<(), RtnlError> {
        let mut lower = new.link.ok_or(RtnlError::new(Errno::EINVAL))?;
        // A macvlan on a macvlan is one on the same device.
        if let Kind::Macvlan(m) = &k.devs[lower].kind {
            lower = m.0.lower;
        }
        new.link = Some(lower);
        let (l, p) = (&k.devs[lower], k.drv.Macvlan.0.get(&lower));
        if new.mtu.is_some_and(|mtu| mtu > l.mtu) {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        new.mtu.get_or_insert(l.mtu);
        (new.setup.min_mtu, new.setup.max_mtu) = (68, l.cold.max_mtu);
        if p.is_none() && l.is_loopback() {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        if p.is_none() && l.rx_handler.is_some() {
            return Err(RtnlError::new(Errno::EBUSY));
        }
        let first = p.is_none_or(|p| p.vlans.is_empty());
        if p.is_some_and(|p| p.passthru) || (c.mode == Mode::Passthru && !first) {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        if c.mode == Mode::Passthru {
            new.address = Some(l.mac);
        }
        new.setup.carrier = l.carrier;
        Ok(())
    }

    fn newlink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &MacvlanConfig) -> Result<Self, RtnlError> {
        let lower = k.devs[dev].cold.link.ok_or(RtnlError::new(Errno::EINVAL))?;
        let perm = k.devs[lower].mac;
        let p = port(k, lower);
        if p.vlans.is_empty() {
            (p.passthru, p.perm) = (c.mode == Mode::Passthru, perm);
        }
        p.vlans.push(dev);
        k.devs[lower].rx_handler.get_or_insert(dev);
        rtnl::upper_dev_link(k, lower, dev);
        linkwatch::stacked_transfer_operstate(k, cx, lower, dev);
        linkwatch::fire_event(k, cx, dev);
        Ok(Macvlan(Box::new(State { lower, config: c.clone() })))
    }

    /// `macvlan_start_xmit`
    fn xmit(k: &mut Kernel, cx: &mut Cx, dev: DevId, skb: SkBuff) {
        cx.at(At::MacvlanXmit, &skb);
        let len = u64::from(skb.frame.len());
        let lost = queue_xmit(k, cx, dev, skb);
        cx.xmit_dropped |= lost;
        let stats = &mut k.devs[dev].stats;
        if lost {
            stats.tx_dropped += 1;
        } else {
            stats.tx_packets += 1;
            stats.tx_bytes += len;
        }
    }

    /// `macvlan_handle_frame` for the device below.
    fn rx(k: &mut Kernel, cx: &mut Cx, _first: DevId, lower: DevId, mut skb: SkBuff) -> Option<SkBuff> {
        cx.at(At::MacvlanHandleFrame, &skb);
        if skb.meta.pkt_type == PktType::Loopback {
            return Some(skb);
        }
        if skb.frame.dst.is_multicast() {
            return handle_group(k, cx, lower, skb);
        }
        let p = k.drv.Macvlan.0.get(&lower)?;
        let found = if p.passthru { p.vlans.first() } else { p.by_mac.get(&skb.frame.dst) }.copied();
        let Some(to) = found else {
            cx.note(&skb, || format!("{} is no macvlan's: for {} itself", skb.frame.dst, k.path(lower)));
            return Some(skb);
        };
        cx.note(&skb, || format!("{} is macvlan {}", skb.frame.dst, k.path(to)));
        if !k.devs[to].is_up() {
            cx.drop(k, skb, At::MacvlanHandleFrame, Reason::NOT_SPECIFIED);
            return None;
        }
        count_rx(k, to, skb.frame.len(), true, false);
        skb.meta.dev = to;
        skb.meta.pkt_type = PktType::Host;
        Some(skb)
    }

    /// `macvlan_open`: the device below hears one more address, or everything.
    fn open(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Result<(), RtnlError> {
        let (lower, mac, flags) = (state(k, dev).lower, k.devs[dev].mac, k.devs[dev].flags);
        if passthru(k, lower) {
            if !state(k, dev).config.nopromisc {
                rtnl::dev_set_promiscuity(k, cx, lower, true);
            }
        } else {
            if addr_busy(k, lower, mac) {
                return Err(RtnlError::new(Errno::EADDRINUSE));
            }
            rtnl::dev_uc_add(k, cx, lower, mac);
            rx_flags(k, cx, lower, flags, true);
        }
        port(k, lower).add(dev, mac);
        Ok(())
    }

    /// `macvlan_stop`
    fn stop(k: &mut Kernel, cx: &mut Cx, dev: DevId) {
        let (lower, mac, flags) = (state(k, dev).lower, k.devs[dev].mac, k.devs[dev].flags);
        if !passthru(k, lower) {
            rx_flags(k, cx, lower, flags, false);
            rtnl::dev_uc_del(k, cx, lower, mac);
        } else if !state(k, dev).config.nopromisc {
            rtnl::dev_set_promiscuity(k, cx, lower, false);
        }
        port(k, lower).del(dev, mac);
    }

    /// `macvlan_dellink`; with the last one goes the port, and the device below has its old address again.
    fn dellink(k: &mut Kernel, cx: &mut Cx, dev: DevId) -> Option<DevId> {
        let lower = state(k, dev).lower;
        // It is closed while it still is one of the port's.
        rtnl::dev_close(k, cx, dev);
        rtnl::upper_dev_unlink(k, lower, dev);
        let p = port(k, lower);
        p.vlans.retain(|v| *v != dev);
        let (next, restore) = (p.vlans.first().copied(), p.passthru.then_some(p.perm));
        if let Some(l) = k.devs.get_mut(lower) {
            l.rx_handler = next;
        }
        if next.is_none() {
            k.drv.Macvlan.0.remove(&lower);
            if let Some(perm) = restore.filter(|m| k.devs.get(lower).is_some_and(|l| l.mac != *m)) {
                // Nobody hears of a refusal.
                let _ = rtnl::set_mac_address(k, cx, lower, perm);
            }
        }
        None
    }

    /// `macvlan_changelink`: passthru is for life.
    fn changelink(k: &mut Kernel, cx: &mut Cx, dev: DevId, c: &MacvlanConfig) -> Result<(), RtnlError> {
        let State { lower, ref config } = *state(k, dev);
        if (c.mode == Mode::Passthru) != (config.mode == Mode::Passthru) {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        if passthru(k, lower) && c.nopromisc != config.nopromisc && k.devs[dev].is_up() {
            rtnl::dev_set_promiscuity(k, cx, lower, !c.nopromisc);
        }
        state_mut(k, dev).config = c.clone();
        Ok(())
    }

    fn config(k: &Kernel, dev: DevId) -> MacvlanConfig {
        state(k, dev).config.clone()
    }

    fn change_mtu(k: &mut Kernel, _cx: &mut Cx, dev: DevId, mtu: u32) -> Result<(), RtnlError> {
        if k.devs[state(k, dev).lower].mtu < mtu {
            return Err(RtnlError::new(Errno::EINVAL));
        }
        k.devs[dev].mtu = mtu;
        Ok(())
    }

    /// `macvlan_set_mac_address`
    fn set_mac(k: &mut Kernel, cx: &mut Cx, dev: DevId, mac: Mac) -> Result<(), RtnlError> {
        if !mac.is_valid() {
            return Err(RtnlError::new(Errno::EADDRNOTAVAIL));
        }
        let lower = state(k, dev).lower;
        if mode(k, dev) == Mode::Passthru {
            port(k, lower).addr_change = true;
            return rtnl::set_mac_address(k, cx, lower, mac);
        }
        if addr_busy(k, lower, mac) {
            return Err(RtnlError::new(Errno::EADDRINUSE));
        }
        sync_address(k, cx, dev, lower, mac)
    }

    /// `macvlan_change_rx_flags`
    fn change_rx_flags(k: &mut Kernel, cx: &mut Cx, dev: DevId, flag: u32, on: bool) {
        let lower = state(k, dev).lower;
        if k.devs[dev].is_up() && (flag == IFF_ALLMULTI || !passthru(k, lower)) {
            rx_flags(k, cx, lower, flag, on);
        }
    }

    /// `macvlan_device_event`
    fn lower_event(k: &mut Kernel, cx: &mut Cx, dev: DevId, lower: DevId, event: Event) {
        let (mtu, below) = (k.devs[dev].mtu, &k.devs[lower]);
        match event {
            Event::Up | Event::Down | Event::Change => linkwatch::stacked_transfer_operstate(k, cx, lower, dev),
            Event::ChangeMtu if mtu > below.mtu => {
                let mtu = below.mtu;
                // The kernel does not ask how this went either.
                let _ = rtnl::set_mtu(k, cx, dev, mtu);
            }
            Event::ChangeAddr if passthru(k, lower) => {
                let mac = below.mac;
                let _ = sync_address(k, cx, dev, lower, mac);
            }
            Event::ChangeMtu | Event::ChangeAddr => {}
        }
    }
}

/// Those of `flags` that the device below is to follow.
fn rx_flags(k: &mut Kernel, cx: &mut Cx, lower: DevId, flags: u32, on: bool) {
    if flags & IFF_ALLMULTI != 0 {
        rtnl::dev_set_allmulti(k, cx, lower, on);
    }
    if flags & IFF_PROMISC != 0 {
        rtnl::dev_set_promiscuity(k, cx, lower, on);
    }
}

/// `macvlan_sync_address`
fn sync_address(k: &mut Kernel, cx: &mut Cx, dev: DevId, lower: DevId, mac: Mac) -> Result<(), RtnlError> {
    let (old, through) = (k.devs[dev].mac, passthru(k, lower));
    if k.devs[dev].is_up() {
        if addr_busy(k, lower, mac) {
            return Err(RtnlError::new(Errno::EADDRINUSE));
        }
        if !through {
            rtnl::dev_uc_add(k, cx, lower, mac);
            rtnl::dev_uc_del(k, cx, lower, old);
        }
        let p = port(k, lower);
        p.del(dev, old);
        p.add(dev, mac);
    }
    k.devs[dev].mac = mac;
    let below = k.devs[lower].mac;
    let p = port(k, lower);
    if p.passthru && !p.addr_change {
        p.perm = below;
    }
    p.addr_change = false;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::rtnl::testing::{Lab, m};

    /// `p` of `root` joined to `q` of `b`; on `p` the macvlans `m1` of `a` and `m2` of `root`, all up.
    fn lab(mode: &str) -> Lab {
        let mut lab = Lab::new();
        lab.run(&format!(
            "root link add d type dummy
             root link add p type veth peer name q netns b
             root link set p up
             b link set q up
             root link add m1 link p netns a type macvlan mode {mode}
             root link add m2 link p type macvlan mode {mode}
             a link set m1 up address 02:00:00:00:00:01
             root link set m2 up address 02:00:00:00:00:02"
        ));
        lab.at(1_000);
        lab.seen();
        lab
    }

    fn stats(lab: &Lab, ns: &str, name: &str) -> (u64, u64, u64, u64) {
        let s = lab.k.devs[lab.dev(ns, name)].stats;
        (s.tx_packets, s.tx_bytes, s.rx_packets, s.rx_bytes)
    }

    /// Mode bridge hands unicast over through the device below, whose taps see it, and copies broadcasts; a copy counts
    /// the Ethernet header twice, as seen on 6.18.
    #[test]
    fn bridge() {
        let mut lab = lab("bridge");
        lab.send("a", "m1", m(1), m(2), 60);
        lab.work();
        assert_eq!(lab.seen(), ["m1 out", "p in", "m2 in"]);
        assert_eq!((stats(&lab, "a", "m1"), stats(&lab, "root", "m2")), ((1, 60, 0, 0), (0, 0, 1, 60)));
        assert_eq!(stats(&lab, "root", "p"), (0, 0, 0, 0));
        lab.send("a", "m1", m(1), Mac::BROADCAST, 60);
        lab.work();
        assert_eq!(lab.seen(), ["m1 out", "p out", "m2 in", "q in"]);
        assert_eq!(stats(&lab, "root", "m2"), (0, 0, 2, 60 + 74));
    }

    /// The puzzle: what a macvlan sends to the device below leaves by the wire.
    #[test]
    fn never_the_device_below() {
        let mut lab = lab("bridge");
        let p = lab.k.devs[lab.dev("root", "p")].mac;
        lab.send("a", "m1", m(1), p, 60);
        lab.work();
        assert_eq!(lab.seen(), ["m1 out", "p out", "q in"]);
        lab.send("root", "p", p, m(1), 60);
        lab.work();
        assert_eq!(lab.seen(), ["p out", "q in"]);
    }

    /// Modes private and vepa send everything out; what comes back goes to the others (vepa) or to the sender itself
    /// (private).
    #[test]
    fn private_and_vepa() {
        for (mode, back) in [("private", vec!["p in", "m1 in"]), ("vepa", vec!["p in", "m2 in"])] {
            let mut lab = lab(mode);
            lab.send("a", "m1", m(1), m(2), 60);
            lab.work();
            assert_eq!(lab.seen(), ["m1 out", "p out", "q in"]);
            lab.send("b", "q", m(1), Mac::BROADCAST, 60);
            lab.work();
            assert_eq!(lab.seen()[1..], back, "{mode}");
        }
    }

    /// What comes in below: by address to one, a broadcast to all and to the device below.
    #[test]
    fn from_outside() {
        let mut lab = lab("vepa");
        lab.send("b", "q", m(9), m(2), 60);
        lab.send("b", "q", m(9), Mac::BROADCAST, 60);
        lab.send("b", "q", m(9), Mac([1, 0, 0x5e, 0, 0, 9]), 60);
        lab.work();
        let seen = lab.seen();
        assert_eq!(seen[..3], ["q out", "q out", "q out"]);
        assert_eq!(seen[3..6], ["p in", "m2 in", "p in"]);
        // Buckets of the hash decide who is first; a group that nobody joined is heard by the device below only.
        assert_eq!(seen[6..], ["p in", "m2 in", "m1 in"]);
        lab.run("root link set m2 down");
        lab.send("b", "q", m(9), m(2), 60);
        lab.work();
        assert_eq!(lab.seen(), ["q out", "p in"], "of a macvlan that is down the device below knows nothing");
    }

    /// Mode passthru: one macvlan has everything, and the address is the device's.
    #[test]
    fn passthru() {
        let mut lab = Lab::new();
        lab.run(
            "a link add p type veth peer name q netns b
             a link set p up address 02:00:00:00:00:05
             b link set q up
             a link add m link p type macvlan mode passthru
             a link set m up",
        );
        assert_eq!(lab.mac("a", "m"), "02:00:00:00:00:05");
        let p = lab.dev("a", "p");
        assert_eq!(lab.k.devs[p].cold.promiscuity, 1);
        lab.at(1_000);
        lab.seen();
        lab.send("b", "q", m(9), m(77), 60);
        lab.work();
        assert_eq!(lab.seen(), ["q out", "p in", "m in"]);
        assert_eq!(lab.ip("a", "link add n link p type macvlan"), Err("RTNETLINK answers: Invalid argument".into()));
        lab.run("a link set m address 02:00:00:00:00:06");
        assert_eq!(lab.mac("a", "p"), "02:00:00:00:00:06");
        lab.run("a link del m");
        assert_eq!((lab.mac("a", "p"), lab.k.devs[p].cold.promiscuity), ("02:00:00:00:00:05".into(), 0));
        assert!(lab.k.devs[p].rx_handler.is_none());
    }

    /// As 6.18 refuses it.
    #[test]
    fn refusals() {
        let mut lab = lab("bridge");
        let below = lab.mac("root", "p");
        let invalid = "RTNETLINK answers: Invalid argument";
        for (command, error) in [
            ("link add x type macvlan", invalid),
            ("link add x link p mtu 1600 type macvlan", invalid),
            ("link add x link lo type macvlan", invalid),
            ("link add x link p type macvlan mode passthru", invalid),
            (
                "link add x link p address 01:00:00:00:00:01 type macvlan",
                "RTNETLINK answers: Cannot assign requested address",
            ),
            ("link set m2 type macvlan mode passthru", invalid),
            ("link set m2 mtu 1501", invalid),
        ] {
            assert_eq!(lab.ip("root", command), Err(error.into()), "{command}");
        }
        let busy = Err("RTNETLINK answers: Address already in use".to_owned());
        assert_eq!(lab.ip("root", &format!("link set m2 address {below}")), busy);
        lab.run(&format!("root link add y link m2 address {below} type macvlan"));
        assert_eq!(lab.ip("root", "link set y up"), busy);
        assert_eq!(crate::drivers::other_end(&lab.k, lab.dev("root", "y")), Some(lab.dev("root", "p")));
        lab.run("root link add br0 type bridge");
        assert_eq!(lab.ip("root", "link set p master br0"), Err("RTNETLINK answers: Device or resource busy".into()));
        lab.run("root link set m2 master br0\n root link set p mtu 1400");
        assert_eq!(lab.k.devs[lab.dev("a", "m1")].mtu, 1400);
        lab.run("root link del p");
        assert_eq!(
            (lab.names("a"), lab.names("root")),
            (vec!["lo".to_owned()], vec!["lo".into(), "d".into(), "br0".into()])
        );
    }
}
