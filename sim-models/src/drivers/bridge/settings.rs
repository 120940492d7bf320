//! The bridge's settings (`IFLA_BR_*`) and those of its ports (`IFLA_BRPORT_*`), by iproute2's keywords and in its units.

use super::{
    State, fdb,
    port::{self, PortState},
    state, state_mut,
    stp::{self, Stp, Times},
};
use crate::drivers::Arg;
use crate::kernel::{Cx, DevId, Errno, Kernel, RtnlError, linkwatch};

/// `type bridge …`. Times in 1/100 s, as iproute2 takes them.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Listening and learning take so long each; without STP no time at all (BR-13).
    pub forward_delay: u32,
    pub hello_time: u32,
    pub max_age: u32,
    /// After this time a station is forgotten; 0: nothing is learned, all is flooded.
    pub ageing_time: u32,
    /// Not 0: the spanning tree protocol runs.
    pub stp_state: u32,
    pub priority: u16,
    /// Only 0.
    pub vlan_filtering: u8,
    /// Bit X: frames to 01:80:c2:00:00:0X are forwarded like others.
    pub group_fwd_mask: u16,
    /// 0 or 1: the same, as long as nobody queries.
    pub mcast_snooping: u8,
    /// Only 0.
    pub mcast_querier: u8,
}

impl Default for Config {
    /// BR-1
    fn default() -> Self {
        Config {
            forward_delay: 1500,
            hello_time: 200,
            max_age: 2000,
            ageing_time: 30_000,
            stp_state: 0,
            priority: 32_768,
            vlan_filtering: 0,
            group_fwd_mask: 0,
            mcast_snooping: 1,
            mcast_querier: 0,
        }
    }
}

/// iproute2's `get_unsigned` with base 0: decimal, 0x… or 0….
fn number(text: &str, max: u64) -> Option<u64> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => (hex, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if !digits.starts_with(|c: char| c.is_digit(radix)) {
        return None;
    }
    u64::from_str_radix(digits, radix).ok().filter(|n| *n <= max)
}

fn bad(word: &str, value: &str) -> String {
    format!("argument \"{value}\" is wrong: invalid {word}")
}

macro_rules! numbers {
    ($($word:ident $form:literal: $T:ty $(, only $why:literal)?);* $(;)?) => {
        pub(super) const ARGS: &[Arg<Config>] = &[$(Arg {
            word: stringify!($word),
            value: $form,
            set: |c, text| {
                let n = number(text, u64::from(<$T>::MAX)).ok_or_else(|| bad(stringify!($word), text))?;
                $(if n != 0 {
                    return Err(format!(concat!(stringify!($word), " {} is not supported yet: ", $why), text));
                })?
                c.$word = n as $T;
                Ok(())
            },
            show: |c| Some(c.$word.to_string()),
        }),*];
    };
}

numbers! {
    forward_delay "FORWARD_DELAY": u32;
    hello_time "HELLO_TIME": u32;
    max_age "MAX_AGE": u32;
    ageing_time "AGEING_TIME": u32;
    stp_state "STP_STATE": u32;
    priority "PRIORITY": u16;
    vlan_filtering "VLAN_FILTERING": u8, only "bridges know no VLANs";
    group_fwd_mask "MASK": u16;
    mcast_snooping "MULTICAST_SNOOPING": u8;
    mcast_querier "MULTICAST_QUERIER": u8, only "bridges send no IGMP queries";
}

/// The kernel's own conversions between 1/100 s and ticks, which both round down.
pub(super) fn clock_t_to_jiffies(cs: u32, hz: u32) -> u64 {
    u64::from(cs) * u64::from(hz) / 100
}

fn jiffies_to_clock_t(ticks: u64, hz: u32) -> u32 {
    (ticks * 100 / u64::from(hz)) as u32
}

/// A new bridge's part in the tree.
pub(super) fn stp(c: &Config, hz: u32) -> Stp {
    let ticks = |cs| clock_t_to_jiffies(cs, hz);
    let own =
        Times { max_age: ticks(c.max_age), hello_time: ticks(c.hello_time), forward_delay: ticks(c.forward_delay) };
    Stp::new(c.priority, own)
}

/// The settings as they read back: times are kept in ticks, and those of the tree are its root's.
pub(super) fn config(k: &Kernel, br: DevId) -> Config {
    let b = state(k, br);
    let centis = |ticks| jiffies_to_clock_t(ticks, k.hz);
    Config {
        forward_delay: centis(b.stp.times.forward_delay),
        hello_time: centis(b.stp.times.hello_time),
        max_age: centis(b.stp.times.max_age),
        ageing_time: centis(b.ageing),
        stp_state: u32::from(b.stp.enabled),
        priority: b.stp.id.priority(),
        ..b.config.clone()
    }
}

/// `br_dev_newlink`: an address that was asked for, then the settings.
pub(super) fn init(k: &mut Kernel, cx: &mut Cx, br: DevId, c: &Config) {
    let (hz, mac) = (k.hz, k.devs[br].mac);
    state_mut(k, br).set_ageing(clock_t_to_jiffies(c.ageing_time, hz));
    if k.devs[br].cold.mac_set {
        stp::change_address(k, cx, br, mac);
    }
    apply(k, cx, br, &Config { ageing_time: config(k, br).ageing_time, ..c.clone() });
}

/// What the kernel refuses.
///
/// # Errors
/// ERANGE for times out of range, EINVAL for groups that must not be forwarded.
pub(super) fn check(c: &Config) -> Result<(), RtnlError> {
    if !(100..=1000).contains(&c.hello_time) || !(600..=4000).contains(&c.max_age) {
        return Err(RtnlError::new(Errno::ERANGE));
    }
    if c.group_fwd_mask & 7 != 0 {
        return Err(RtnlError::new(Errno::EINVAL));
    }
    Ok(())
}

/// `br_changelink`
pub(super) fn br_changelink(k: &mut Kernel, cx: &mut Cx, br: DevId, c: &Config) -> Result<(), RtnlError> {
    check(c)?;
    let delay = clock_t_to_jiffies(c.forward_delay, k.hz);
    let second = u64::from(k.hz);
    let old = config(k, br);
    if old.forward_delay != c.forward_delay && old.stp_state != 0 && !(2 * second..=30 * second).contains(&delay) {
        return Err(RtnlError::new(Errno::ERANGE));
    }
    apply(k, cx, br, c);
    Ok(())
}

/// Sets what differs, in the kernel's order.
fn apply(k: &mut Kernel, cx: &mut Cx, br: DevId, c: &Config) {
    let (hz, old) = (k.hz, config(k, br));
    let ticks = |cs| clock_t_to_jiffies(cs, hz);
    let b: &mut State = state_mut(k, br);
    b.config = c.clone();
    let root = b.stp.is_root();
    if old.forward_delay != c.forward_delay {
        stp::set_forward_delay(&mut b.stp, ticks(c.forward_delay));
    }
    if old.hello_time != c.hello_time {
        b.stp.own.hello_time = ticks(c.hello_time);
    }
    if old.max_age != c.max_age {
        b.stp.own.max_age = ticks(c.max_age);
    }
    if root {
        b.stp.times = b.stp.own;
    }
    if old.ageing_time != c.ageing_time {
        // br_set_ageing_time has the cleanup run at once.
        b.set_ageing(ticks(c.ageing_time));
        fdb::cancel_gc(k, br);
        fdb::cleanup(k, cx, br);
    }
    if (old.stp_state != 0) != (c.stp_state != 0) {
        stp::set_enabled(k, cx, br, c.stp_state != 0);
    }
    if old.priority != c.priority {
        stp::set_bridge_priority(k, cx, br, c.priority);
    }
}

/// One setting of a port, read.
enum Set {
    State(u8),
    Priority(u16),
    Cost(u32),
    Flag(u16, bool),
}

/// Words of `type bridge_slave` that switch a flag on or off.
const FLAGS: [(&str, u16); 12] = [
    ("hairpin", port::HAIRPIN),
    ("guard", port::BPDU_GUARD),
    ("root_block", port::ROOT_BLOCK),
    ("learning", port::LEARNING),
    ("flood", port::FLOOD),
    ("mcast_flood", port::MCAST_FLOOD),
    ("bcast_flood", port::BCAST_FLOOD),
    ("proxy_arp", port::PROXYARP),
    ("proxy_arp_wifi", port::PROXYARP_WIFI),
    ("neigh_suppress", port::NEIGH_SUPPRESS),
    ("isolated", port::ISOLATED),
    ("locked", port::LOCKED),
];

/// Words that iproute2 knows besides. At their defaults they say nothing new.
const DEFAULTS: [(&str, &str); 6] = [
    ("fastleave", "off"),
    ("mcast_fast_leave", "off"),
    ("mcast_to_unicast", "off"),
    ("vlan_tunnel", "off"),
    ("mcast_router", "1"),
    ("group_fwd_mask", "0"),
];

fn parse(word: &str, value: &str) -> Result<Option<Set>, String> {
    let int =
        |max: u64| number(value, max).ok_or_else(|| format!("Error: argument \"{value}\" is wrong: {word} is invalid"));
    let set = match word {
        "state" => Set::State(int(u64::from(u8::MAX))? as u8),
        "priority" => Set::Priority(int(u64::from(u16::MAX))? as u16),
        "cost" => Set::Cost(int(u64::from(u32::MAX))? as u32),
        _ => match FLAGS.iter().find(|(name, _)| *name == word) {
            Some((_, flag)) if matches!(value, "on" | "off") => Set::Flag(*flag, value == "on"),
            Some(_) => {
                return Err(format!("Error: argument of \"{word}\" must be one of \"off\", \"on\", not \"{value}\""));
            }
            None if DEFAULTS.contains(&(word, value)) => return Ok(None),
            None if DEFAULTS.iter().any(|(name, _)| *name == word) => {
                return Err(format!("bridge_slave: {word} {value} is not supported yet"));
            }
            None => return Err(format!("bridge_slave: unknown option \"{word}\"?")),
        },
    };
    Ok(Some(set))
}

/// Reads the words of `type bridge_slave …`, in the order in which the kernel will set them: flags, cost, priority,
/// state.
fn read_slave_args(args: &[(String, String)]) -> Result<Vec<Set>, RtnlError> {
    let mut sets = Vec::new();
    for (word, value) in args {
        sets.extend(parse(word, value).map_err(|text| RtnlError::tool(Errno::EINVAL, text))?);
    }
    sets.sort_by_key(|s| match s {
        Set::Flag(..) => 0,
        Set::Cost(_) => 1,
        Set::Priority(_) => 2,
        Set::State(_) => 3,
    });
    Ok(sets)
}

/// Can `ip` read `type bridge_slave …`, whatever the device is?
///
/// # Errors
/// `ip`'s own.
pub(crate) fn check_slave_args(args: &[(String, String)]) -> Result<(), RtnlError> {
    read_slave_args(args).map(drop)
}

/// `br_setport`
///
/// # Errors
/// iproute2's texts for what it can't read; ERANGE, EINVAL, ENETDOWN from the kernel.
pub(super) fn br_setport(
    k: &mut Kernel,
    cx: &mut Cx,
    br: DevId,
    dev: DevId,
    args: &[(String, String)],
) -> Result<(), RtnlError> {
    let no = k.devs[dev].port;
    let link = (k.devs[dev].is_up(), k.devs[dev].oper_up());
    for set in read_slave_args(args)? {
        let Some(p) = state_mut(k, br).ports.get_mut(no) else {
            return Err(RtnlError::new(Errno::EINVAL));
        };
        match set {
            Set::Flag(flag, true) => p.flags |= flag,
            Set::Flag(flag, false) => p.flags &= !flag,
            Set::Cost(c) if (1..=65_535).contains(&c) => {
                p.cost = c;
                stp::configuration_update(k, cx, br);
                stp::port_state_selection(k, cx, br);
            }
            Set::Priority(n) if n <= 63 => {
                p.priority = n as u8;
                stp::set_port_priority(k, cx, br, no, n as u8);
            }
            Set::Cost(_) | Set::Priority(_) => return Err(RtnlError::new(Errno::ERANGE)),
            Set::State(_) if state(k, br).stp.enabled => return Err(RtnlError::new(Errno::EBUSY)),
            Set::State(n) => {
                let to = allowed_state(n, link).map_err(RtnlError::new)?;
                port::set_state(k, cx, br, no, to);
                stp::port_state_selection(k, cx, br);
            }
        }
    }
    // NETDEV_CHANGE: a port that was disabled by hand but is usable is enabled again at once.
    linkwatch::netdev_state_change(k, cx, dev);
    Ok(())
}

/// `br_set_port_state`: a port that is down can't be set, one without carrier only be disabled.
fn allowed_state(n: u8, (up, oper_up): (bool, bool)) -> Result<PortState, Errno> {
    let to = PortState::from_number(n).ok_or(Errno::EINVAL)?;
    if !up || (!oper_up && to != PortState::Disabled) { Err(Errno::ENETDOWN) } else { Ok(to) }
}

/// The settings of `dev` as a port, in `ip -d link`'s words and order; empty if it is none.
pub fn port_settings(k: &Kernel, dev: DevId) -> Vec<(&'static str, String)> {
    let d = &k.devs[dev];
    let Some(p) = d.master.and_then(|br| state(k, br).ports.get(d.port)) else {
        return Vec::new();
    };
    let on = |flag| if p.flags & flag != 0 { "on" } else { "off" }.to_owned();
    let mut out =
        vec![("state", p.state.name().to_owned()), ("priority", p.priority.to_string()), ("cost", p.cost.to_string())];
    out.extend(FLAGS.iter().map(|(word, flag)| (*word, on(*flag))));
    out
}
