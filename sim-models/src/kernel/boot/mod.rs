//! What `dmesg` shows: device enumeration, drivers that are loaded, and what the kernel says of its devices from then on.
//!
//! The log is fed by the operations themselves, in the words of Linux 6.18; where a real kernel says nothing a line of
//! ours may stand, marked as such. Nobody reads the log of a run in a campaign, so it is kept only if asked for
//! ([`keep`]): otherwise no text is made.
//!
//! Uptimes: enumeration at 0.4 s, requests of user space from 1 s on, 10 us apart, and time 0 of the scenario
//! [`TICKS_AT_ZERO`] ticks after power-on, an edge of the timer wheel.

mod ratelimit;

use super::{Cx, DevId, Kernel, NsId, Reason, SkBuff, sysctl::ConfBits};
use crate::{
    drivers::{self, phy},
    packet::{Ip4Addr, Mac, Net, addr::is_loopback},
};
use ratelimit::RateLimit;
use sim_core::time::{PS_PER_S, Rate, Span};

/// Ticks between power-on and time 0: 16.384 s with HZ=250.
pub const TICKS_AT_ZERO: u64 = 4096;
/// Lines kept of one host: a storm of messages must not fill the memory.
const MAX_LINES: usize = 100_000;

const PS_PER_US: u64 = PS_PER_S / 1_000_000;
/// When devices are enumerated, and when user space starts, microseconds of uptime.
const ENUMERATION_US: u64 = 408_000;
const USER_SPACE_US: u64 = 1_000_000;
/// From one request of user space to the next, microseconds.
const REQUEST_US: u64 = 10;

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Since power-on.
    pub uptime: Span,
    /// A line of ours: a real kernel says nothing there.
    pub ours: bool,
    pub text: String,
    /// The request that caused it, `None`: time itself did.
    pub origin: Option<u32>,
}

/// The ring buffer behind `dmesg`.
#[derive(Default)]
pub struct Log {
    on: bool,
    lines: Vec<Line>,
    /// Lines beyond [`MAX_LINES`].
    lost: u64,
    /// NICs found so far.
    nics: u32,
    requests: u64,
    /// Time 0 has come.
    running: bool,
    asked: Option<u32>,
    net_ratelimit: RateLimit,
}

impl Log {
    /// The messages in order of time.
    pub fn lines(&self) -> Vec<&Line> {
        let mut lines: Vec<&Line> = self.lines.iter().collect();
        lines.sort_by_key(|l| l.uptime);
        lines
    }
    /// How many more there were than are kept.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// A request of user space begins; what is said until [`Log::done`] is on its account.
    pub(super) fn request(&mut self, origin: u32) {
        self.requests += 1;
        self.asked = Some(origin).filter(|o| *o != u32::MAX);
    }
    pub(super) fn done(&mut self) {
        self.asked = None;
    }
    /// Setup is over, time runs.
    pub(super) fn ready(&mut self) {
        self.running = true;
    }

    fn put(&mut self, uptime: Span, ours: bool, text: String) {
        if self.lines.len() < MAX_LINES {
            self.lines.push(Line { uptime, ours, text, origin: self.asked });
        } else {
            self.lost += 1;
        }
    }
}

/// Uptime of time 0 of the scenario.
pub fn uptime_at_zero(hz: u32) -> Span {
    Span::from_ps(TICKS_AT_ZERO.saturating_mul(PS_PER_S / u64::from(hz.max(1))))
}

/// Keeps a log from here on; the host has just been switched on.
pub fn keep(k: &mut Kernel) {
    k.log.on = true;
    for (us, family) in [(310_000, "PF_NETLINK/PF_ROUTE"), (320_000, "PF_INET"), (330_000, "PF_PACKET")] {
        let text = format!("NET: Registered {family} protocol family");
        k.log.put(Span::from_ps(us * PS_PER_US), false, text);
    }
}

fn now(k: &Kernel, cx: &Cx) -> Span {
    let zero = uptime_at_zero(k.hz);
    if k.log.running {
        return Span::from_ps(zero.ps().saturating_add(cx.clock.ps()));
    }
    let us = USER_SPACE_US + REQUEST_US * k.log.requests.saturating_sub(1);
    Span::from_ps((us * PS_PER_US).min(zero.ps().saturating_sub(PS_PER_US)))
}

/// The kernel says something (`printk`).
#[inline]
pub(crate) fn says(k: &mut Kernel, cx: &Cx, text: impl FnOnce(&Kernel) -> String) {
    if k.log.on {
        let (at, text) = (now(k, cx), text(k));
        k.log.put(at, false, text);
    }
}

/// A remark of ours.
#[inline]
pub(crate) fn remarks(k: &mut Kernel, cx: &Cx, text: impl FnOnce(&Kernel) -> String) {
    if k.log.on {
        let (at, text) = (now(k, cx), text(k));
        k.log.put(at, true, text);
    }
}

/// `net_ratelimit`: may a message that packets cause be written? All of a host share ten in five seconds.
pub(crate) fn net_ratelimit(k: &mut Kernel, cx: &mut Cx) -> bool {
    if !k.log.on {
        return false;
    }
    let (now, hz) = (cx.jiffies(), u64::from(k.hz));
    let (may, suppressed) = k.log.net_ratelimit.ask(now, hz);
    if let Some(n) = suppressed {
        says(k, cx, |_| format!("net_ratelimit: {n} callbacks suppressed"));
    }
    may
}

/// "eth0", "c1/eth0" outside of the initial namespace: what a remark of ours calls a device.
pub(crate) fn place(k: &Kernel, ns: NsId, name: &str) -> String {
    if ns == NsId::ROOT { name.to_owned() } else { format!("{}/{name}", k.net(ns).name) }
}

/// `netdev_name`, `netdev_reg_state`
fn netdev(k: &Kernel, dev: DevId) -> String {
    let d = &k.devs[dev];
    let state = if d.cold.unregistering { " (unregistering)" } else { "" };
    format!("{}{state}", d.name())
}

/// `__dev_set_promiscuity`, `netif_set_allmulti`: said when the first one wants it and when the last one does no more.
pub(crate) fn mode(k: &mut Kernel, cx: &Cx, dev: DevId, entered: bool, mode: &str) {
    let what = if entered { "entered" } else { "left" };
    says(k, cx, |k| format!("{}: {what} {mode} mode", netdev(k, dev)));
}

/// The PCI function that NIC number `n` is: behind what every machine has in the first slots.
fn pci(n: u32) -> String {
    let slot = n + 3;
    format!("{:04x}:{:02x}:{:02x}.0", slot >> 13, (slot >> 5) & 0xff, slot & 0x1f)
}

/// The next NIC's number.
pub(crate) fn next_nic(k: &mut Kernel) -> u32 {
    k.log.nics += 1;
    k.log.nics - 1
}

/// Uptime of a step of NIC `n`'s probing.
fn probing(n: u32, step: u64) -> Span {
    let us = ENUMERATION_US + u64::from(n) * 3_000 + step * 1_000;
    Span::from_ps(us.min(USER_SPACE_US - 1_000 + step) * PS_PER_US)
}

/// "10 Gb/s"
fn speed(rate: Rate) -> String {
    let bits = rate.bits_per_s();
    let (unit, name) = match bits {
        1_000_000_000.. => (1_000_000_000, "Gb/s"),
        1_000_000.. => (1_000_000, "Mb/s"),
        _ => (1_000, "kb/s"),
    };
    let tenths = bits.saturating_mul(10) / unit;
    if tenths.is_multiple_of(10) {
        format!("{} {name}", tenths / 10)
    } else {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    }
}

/// Device enumeration found a NIC, and its driver has set it up (`pci_setup_device`, the driver's `probe`).
pub(crate) fn probed(k: &mut Kernel, dev: DevId) {
    let Some(n) = phy::number(k, dev).filter(|_| k.log.on) else { return };
    let at = pci(n);
    let found = format!("pci {at}: [1af4:1000] type 00 class 0x020000 conventional PCI endpoint");
    k.log.put(probing(n, 0), false, found);
    let drivers::Config::Physical(c) = drivers::config(k, dev) else { return };
    let d = &k.devs[dev];
    let (name, mac) = (place(k, d.ns, d.name()), d.mac);
    let text = format!("phy {at} {name}: {}, 1 queue, rings {}/{}, {mac}", speed(c.rate), c.tx_ring, c.rx_ring);
    k.log.put(probing(n, 1), false, text);
}

/// A NIC's carrier came or went; other devices say nothing of theirs.
pub(crate) fn link(k: &mut Kernel, cx: &Cx, dev: DevId, up: bool) {
    let (Some(n), Some(rate)) = (phy::number(k, dev).filter(|_| k.log.on), phy::rate(k, dev)) else { return };
    let d = &k.devs[dev];
    let state = if up { format!("Up - {}, full duplex", speed(rate)) } else { "Down".to_owned() };
    let text = format!("phy {} {}: Link is {state}", pci(n), place(k, d.ns, d.name()));
    let at = if k.log.running { now(k, cx) } else { probing(n, 2) };
    k.log.put(at, false, text);
}

/// `ip_handle_martian_source`, `martian_destination` of net/ipv4/route.c: with `log_martians`, and with the hardware
/// header if it is the source that is odd. `pair`: destination and source, of an ARP request target and sender.
#[cold]
pub(crate) fn martian(k: &mut Kernel, cx: &mut Cx, skb: &SkBuff, dev: DevId, pair: (u32, u32), why: Reason) {
    let wanted = k.log.on && k.devs[dev].conf.has(ConfBits::LOG_MARTIANS) && why != Reason::NOT_SPECIFIED;
    if !wanted || !net_ratelimit(k, cx) {
        return;
    }
    let destination = why == Reason::IP_INVALID_DEST || (why == Reason::IP_LOCALNET && is_loopback(pair.0));
    let (to, from, name) = (Ip4Addr(pair.0), Ip4Addr(pair.1), k.devs[dev].name().to_owned());
    if destination {
        return says(k, cx, |_| format!("IPv4: martian destination {to} from {from}, dev {name}"));
    }
    says(k, cx, |_| format!("IPv4: martian source {to} from {from}, on dev {name}"));
    let kind = if matches!(skb.frame.net, Net::Arp(_)) { "08 06" } else { "08 00" };
    let bytes = |m: Mac| m.0.map(|b| format!("{b:02x}")).join(" ");
    let (d, s) = (bytes(skb.frame.dst), bytes(skb.frame.src));
    says(k, cx, |_| format!("ll header: 00000000: {d} {s} {kind}"));
}

#[cfg(test)]
mod tests;
