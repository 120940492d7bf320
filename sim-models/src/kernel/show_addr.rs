//! Devices and their addresses in the words of `ip addr` (iproute2 6.1), without blanks at line ends.

use super::{
    DevId, Kernel, NetDevice, NsId,
    addr::Ifa,
    netdevice::{
        IFF_ALLMULTI, IFF_BROADCAST, IFF_LOOPBACK, IFF_LOWER_UP, IFF_MULTICAST, IFF_NOARP, IFF_POINTOPOINT,
        IFF_PROMISC, IFF_RUNNING, IFF_UP,
    },
};
use crate::{
    drivers::{self, Kind},
    packet::{Ip4Addr, Mac},
};
use std::fmt::Write as _;

/// Flags in iproute2's order.
const FLAGS: &[(u32, &str)] = &[
    (IFF_LOOPBACK, "LOOPBACK"),
    (IFF_BROADCAST, "BROADCAST"),
    (IFF_POINTOPOINT, "POINTOPOINT"),
    (IFF_MULTICAST, "MULTICAST"),
    (IFF_NOARP, "NOARP"),
    (IFF_ALLMULTI, "ALLMULTI"),
    (IFF_PROMISC, "PROMISC"),
    (IFF_UP, "UP"),
    (IFF_LOWER_UP, "LOWER_UP"),
];

/// `ip -4 addr show` in `ns`, all devices: two lines a device, two an address.
pub fn ip_addr_lines(k: &Kernel, ns: NsId) -> Vec<String> {
    let lines = |dev: &DevId| {
        let mut lines = dev_link_lines(k, *dev).to_vec();
        lines.extend(dev_addr_lines(k, *dev));
        lines
    };
    k.net(ns).devs.iter().flat_map(lines).collect()
}

/// The address lines of one device, two an address.
pub fn dev_addr_lines(k: &Kernel, dev: DevId) -> Vec<String> {
    let d = &k.devs[dev];
    k.net(d.ns).addrs.on(dev).iter().flat_map(|i| ifa_lines(i, d.name())).collect()
}

/// What `ip link` says of a device. The qdisc is that of the driver, noop while the device is down: the real tool
/// shows noop only until the first time that a device is set up.
pub fn dev_link_lines(k: &Kernel, dev: DevId) -> [String; 2] {
    let d = &k.devs[dev];
    let other = drivers::other_end(k, dev).and_then(|o| k.devs.get(o));
    // The other end goes by its number where its name means nothing.
    let link = match other {
        Some(o) if o.ns == d.ns => format!("@{}", o.name()),
        Some(o) => format!("@if{}", o.ifindex),
        None => String::new(),
    };
    let qdisc = qdisc_name(d);
    let mut line = format!("{}: {}{link}: <{}> mtu {} qdisc {qdisc}", d.ifindex, d.name(), flags(d, other), d.mtu);
    // Writing to a String cannot fail.
    if let Some(master) = d.master.and_then(|m| k.devs.get(m)) {
        let _ = write!(line, " master {}", master.name());
    }
    let _ = write!(line, " state {} group default qlen {}", d.shown_operstate().name(), d.cold.tx_queue_len);
    let (kind, brd) = if d.is_loopback() { ("loopback", Mac::ZERO) } else { ("ether", Mac::BROADCAST) };
    let mut second = format!("    link/{kind} {} brd {brd}", d.mac);
    match other {
        // The initial namespace has no name that `ip netns` knows.
        Some(o) if o.ns != d.ns && o.ns == NsId::ROOT => second += " link-netnsid 0",
        Some(o) if o.ns != d.ns => {
            let _ = write!(second, " link-netns {}", k.net(o.ns).name);
        }
        _ => {}
    }
    [line, second]
}

/// The qdisc that `ip link` names.
pub(super) fn qdisc_name(d: &NetDevice) -> &'static str {
    match d.kind {
        _ if !d.is_up() => "noop",
        Kind::Physical(_) => "pfifo_fast",
        _ => "noqueue",
    }
}

fn flags(d: &NetDevice, other: Option<&NetDevice>) -> String {
    flag_names(d, other).join(",")
}

/// The words between angle brackets.
pub(super) fn flag_names(d: &NetDevice, other: Option<&NetDevice>) -> Vec<&'static str> {
    let shown = d.shown_flags();
    let mut words = Vec::new();
    if shown & IFF_UP != 0 && shown & IFF_RUNNING == 0 {
        words.push("NO-CARRIER");
    }
    words.extend(FLAGS.iter().filter(|f| shown & f.0 != 0).map(|f| f.1));
    if other.is_some_and(|o| o.ns == d.ns && !o.is_up()) {
        words.push("M-DOWN");
    }
    words
}

fn ifa_lines(i: &Ifa, dev: &str) -> [String; 2] {
    let mut line = format!("    inet {}", Ip4Addr(i.local));
    let _ = match i.address == i.local {
        true => write!(line, "/{}", i.len),
        false => write!(line, " peer {}/{}", Ip4Addr(i.address), i.len),
    };
    if let Some(brd) = i.broadcast {
        let _ = write!(line, " brd {}", Ip4Addr(brd));
    }
    let _ = write!(line, " scope {}", i.scope.name());
    for (set, flag) in [(i.secondary, "secondary"), (i.noprefixroute, "noprefixroute")] {
        if set {
            let _ = write!(line, " {flag}");
        }
    }
    let _ = write!(line, " {}", i.label(dev));
    [line, "       valid_lft forever preferred_lft forever".to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drivers::{
            Config,
            veth::{Peer, VethConfig},
        },
        kernel::{RtnlOp, rtnl::LinkAttrs, testkit::Lab},
    };

    fn veth(lab: &mut Lab, name: &str, peer: &str, netns: Option<&str>) {
        let peer = Peer { name: Some(peer.to_owned()), netns: netns.map(str::to_owned), attrs: LinkAttrs::default() };
        let config = Config::Veth(VethConfig { peer: Some(Box::new(peer)) });
        let op = RtnlOp::NewLink { name: name.to_owned(), attrs: LinkAttrs::default(), config };
        assert_eq!(lab.k.rtnl(&mut lab.cx, NsId::ROOT, &op), Ok(()));
    }

    #[test]
    fn as_the_real_tool() {
        // DEV-10, DEV-12: seen on 6.18 but for the addresses of the link layer.
        let mut lab = Lab::new();
        let c1 = lab.ns("c1");
        veth(&mut lab, "v0", "v1", None);
        veth(&mut lab, "v2", "eth0", Some("c1"));
        lab.ok("link set v0 up
                link set lo up
                addr add 10.0.0.1/24 brd + dev v0
                addr add 10.0.0.2/24 dev v0");
        let shown = |ns| -> Vec<String> {
            ip_addr_lines(&lab.k, ns)
                .into_iter()
                .filter(|l| !l.contains("link/ether") && !l.contains("valid_lft"))
                .collect()
        };
        assert_eq!(
            shown(NsId::ROOT),
            [
                "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN group default qlen 1000",
                "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00",
                "    inet 127.0.0.1/8 scope host lo",
                "2: v1@v0: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000",
                "3: v0@v1: <NO-CARRIER,BROADCAST,MULTICAST,UP,M-DOWN> mtu 1500 qdisc noqueue state LOWERLAYERDOWN \
                 group default qlen 1000",
                "    inet 10.0.0.1/24 brd 10.0.0.255 scope global v0",
                "    inet 10.0.0.2/24 scope global secondary v0",
                "4: v2@if2: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000",
            ]
        );
        assert_eq!(
            shown(c1)[2],
            "2: eth0@if4: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default qlen 1000"
        );
        assert!(ip_addr_lines(&lab.k, c1)[3].ends_with("brd ff:ff:ff:ff:ff:ff link-netnsid 0"));
        assert!(ip_addr_lines(&lab.k, NsId::ROOT).last().is_some_and(|l| l.ends_with(" link-netns c1")));
    }
}
