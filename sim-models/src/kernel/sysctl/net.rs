//! What a namespace has once: `net.ipv4.*` and `net.core.*`.

use super::{
    NetConf, dev,
    key::{Key, Whose},
    value,
};
use crate::kernel::{Errno, Kernel, NsId, RtnlError};

/// A plain number within bounds.
struct Entry {
    name: &'static str,
    min: i64,
    max: i64,
    get: fn(&NetConf) -> i64,
    set: fn(&mut NetConf, i64),
}

const INT_MAX: i64 = i32::MAX as i64;

macro_rules! entries {
    ($($name:ident: $T:ty, $min:expr, $max:expr;)*) => {
        const ENTRIES: &[Entry] = &[$(Entry {
            name: stringify!($name),
            min: $min,
            max: $max,
            get: |c| i64::from(c.$name),
            set: |c, v| c.$name = v as $T,
        }),*];
    };
}

entries! {
    ip_default_ttl: u8, 1, 255;
    ip_no_pmtu_disc: i32, 0, 255;
    ip_forward_use_pmtu: i32, 0, 255;
    ip_forward_update_priority: i32, 0, 1;
    ip_nonlocal_bind: i32, 0, 255;
    icmp_echo_ignore_all: i32, 0, 1;
    icmp_echo_ignore_broadcasts: i32, 0, 1;
    icmp_errors_use_inbound_ifaddr: i32, 0, 1;
    icmp_msgs_per_sec: u32, 0, INT_MAX;
    icmp_msgs_burst: u32, 0, INT_MAX;
    ipfrag_time: u32, 0, INT_MAX;
    fib_multipath_hash_policy: i32, 0, 3;
    fib_multipath_hash_fields: u32, 1, 0xfff;
    fib_multipath_hash_seed: u32, 0, u32::MAX as i64;
    fib_multipath_use_neigh: i32, 0, 1;
    ipfrag_max_dist: i32, 0, INT_MAX;
    min_pmtu: u32, 68, INT_MAX;
    mtu_expires: u32, 0, INT_MAX;
}

/// What belongs to parts of the kernel that the simulator lacks, and the value that it has.
const FIXED: &[(&str, &str)] = &[
    ("fib_notify_on_flag_change", "0"),
    ("fwmark_reflect", "0"),
    ("icmp_echo_enable_probe", "0"),
    ("icmp_ignore_bogus_error_responses", "1"),
    ("igmp_link_local_mcast_reports", "1"),
    ("igmp_max_memberships", "20"),
    ("igmp_max_msf", "10"),
    ("igmp_qrv", "2"),
    ("ip_autobind_reuse", "0"),
    ("ip_dynaddr", "0"),
    ("ip_early_demux", "1"),
    ("ip_local_reserved_ports", ""),
    ("ip_unprivileged_port_start", "1024"),
    ("ipfrag_high_thresh", "4194304"),
    ("ipfrag_low_thresh", "3145728"),
    ("nexthop_compat_mode", "1"),
    ("ping_group_range", "1\t0"),
    ("raw_l3mdev_accept", "1"),
    ("min_adv_mss", "256"),
];

const FIXED_CORE: &[(&str, &str)] = &[
    ("default_qdisc", "pfifo_fast"),
    ("devconf_inherit_init_net", "0"),
    ("optmem_max", "131072"),
    ("rmem_max", "4194304"),
    ("rps_default_mask", "0"),
    ("somaxconn", "4096"),
    ("tstamp_allow_data", "1"),
    ("txrehash", "1"),
    ("wmem_max", "4194304"),
];

/// `SOCK_MIN_RCVBUF`, `SOCK_MIN_SNDBUF`: bytes.
const MIN_RMEM: i64 = 2304;
const MIN_WMEM: i64 = 4608;
/// `ip_unprivileged_port_start`: the local port range stays above.
const PRIVILEGED: i64 = 1024;

/// The value that `name` has without being modelled; `net.ipv4.route.*` has a directory of its own.
fn fixed(table: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("route.").or_else(|| name.strip_prefix("route/")).unwrap_or(name);
    table.iter().find(|f| f.0 == name).map(|f| f.1)
}

/// Entries of the directory `route`.
const ROUTE: [&str; 2] = ["min_pmtu", "mtu_expires"];

/// The entry of that name, some in a directory of their own.
fn entry(name: &str) -> Option<&'static Entry> {
    let bare = name.strip_prefix("route.").or_else(|| name.strip_prefix("route/"));
    ENTRIES.iter().find(|e| e.name == bare.unwrap_or(name) && ROUTE.contains(&e.name) == bare.is_some())
}

/// The kernel has it, and nobody here asks for it.
fn missing(key: &Key<'_>, name: &str) -> RtnlError {
    if name.starts_with("tcp_") || name.starts_with("udp_") {
        key.unsupported("the default")
    } else {
        value::no_such(&key.path)
    }
}

pub(super) fn read_ipv4(k: &Kernel, ns: NsId, key: &Key<'_>, name: &str) -> Result<String, RtnlError> {
    let conf = &k.net(ns).conf;
    if let Some(e) = entry(name) {
        return Ok((e.get)(conf).to_string());
    }
    match name {
        "ip_forward" => dev::read(k, ns, key, Whose::All, "forwarding"),
        "icmp_ratelimit" => Ok(conf.icmp_ratelimit.to_string()),
        "icmp_ratemask" => Ok((conf.icmp_ratemask as i32).to_string()),
        "ip_local_port_range" => Ok(format!("{}\t{}", conf.ip_local_port_range.0, conf.ip_local_port_range.1)),
        _ => fixed(FIXED, name).map(str::to_owned).ok_or_else(|| missing(key, name)),
    }
}

pub(super) fn write_ipv4(k: &mut Kernel, ns: NsId, key: &Key<'_>, name: &str, value: &str) -> Result<(), RtnlError> {
    if let Some(e) = entry(name) {
        let v = value::int(key, value, e.min, e.max)?;
        (e.set)(&mut k.net_mut(ns).conf, v);
        return Ok(());
    }
    match name {
        "ip_forward" => return dev::write_ip_forward(k, ns, key, value),
        "icmp_ratelimit" => {
            let ms = value::int(key, value, 0, INT_MAX)? as u64;
            k.net_mut(ns).conf.icmp_ratelimit = value::whole_ticks(k.hz, ms).min(INT_MAX as u64) as i32;
        }
        "icmp_ratemask" => k.net_mut(ns).conf.icmp_ratemask = value::any_int(key, value)? as u32,
        "ip_local_port_range" => {
            let range = port_range(key, k.net(ns).conf.ip_local_port_range, value)?;
            k.net_mut(ns).conf.ip_local_port_range = range;
        }
        _ => {
            let only = fixed(FIXED, name).ok_or_else(|| missing(key, name))?;
            return value::fixed(key, only, value);
        }
    }
    Ok(())
}

/// Two numbers, of which the second may be left out (`ipv4_local_port_range`).
fn port_range(key: &Key<'_>, old: (u16, u16), value: &str) -> Result<(u16, u16), RtnlError> {
    let refused = || value::refused(key, Errno::EINVAL);
    let mut words = value.split_whitespace().map(value::number);
    let low = words.next().flatten().ok_or_else(refused)?;
    let high = match words.next() {
        Some(word) => word.ok_or_else(refused)?,
        None => i64::from(old.1),
    };
    if low < PRIVILEGED || high < low || high > 65535 {
        return Err(refused());
    }
    Ok((low as u16, high as u16))
}

pub(super) fn read_core(k: &Kernel, ns: NsId, key: &Key<'_>, name: &str) -> Result<String, RtnlError> {
    let conf = &k.net(ns).conf;
    match name {
        "rmem_default" => Ok(conf.rmem_default.to_string()),
        "wmem_default" => Ok(conf.wmem_default.to_string()),
        "netdev_max_backlog" if ns == NsId::ROOT => Ok(k.max_backlog.to_string()),
        _ => fixed(FIXED_CORE, name).map(str::to_owned).ok_or_else(|| value::no_such(&key.path)),
    }
}

/// The host's own values can be written in its initial namespace only; elsewhere they can be read or don't show.
pub(super) fn write_core(k: &mut Kernel, ns: NsId, key: &Key<'_>, name: &str, value: &str) -> Result<(), RtnlError> {
    match name {
        "rmem_default" | "wmem_default" => {
            if ns != NsId::ROOT {
                return Err(value::refused(key, Errno::EINVAL));
            }
            let min = if name == "rmem_default" { MIN_RMEM } else { MIN_WMEM };
            let bytes = value::int(key, value, min, INT_MAX)? as u32;
            for net in &mut k.nets {
                match name {
                    "rmem_default" => net.conf.rmem_default = bytes,
                    _ => net.conf.wmem_default = bytes,
                }
            }
            Ok(())
        }
        "netdev_max_backlog" if ns == NsId::ROOT => {
            k.max_backlog = value::int(key, value, 0, INT_MAX)? as u32;
            Ok(())
        }
        _ => {
            let only = fixed(FIXED_CORE, name).ok_or_else(|| value::no_such(&key.path))?;
            value::fixed(key, only, value)
        }
    }
}
