//! `net.ipv4.conf.{all,default,DEV}.*` (net/ipv4/devinet.c).

use super::{
    DevConf,
    key::{Key, Whose},
    refresh, refresh_all, value,
};
use crate::kernel::{DevId, Kernel, NsId, RtnlError};

/// What else happens when a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// It counts as written; `default` hands it on to devices where it doesn't (`devinet_conf_proc`).
    HandOn,
    /// Cached routes are dropped; `default` hands nothing on (`ipv4_doint_and_flush`).
    Flush,
    /// `devinet_sysctl_forward`.
    Forward,
}

/// One value.
pub(super) struct Field {
    name: &'static str,
    get: fn(&DevConf) -> i32,
    set: fn(&mut DevConf, i32),
    after: After,
}

macro_rules! fields {
    ($($after:ident: $($name:ident)*;)*) => {
        /// All values, in the order of their bits in [`DevConf::state`].
        pub(super) const FIELDS: &[Field] = &[$($(Field {
            name: stringify!($name),
            get: |c| c.$name,
            set: |c, v| c.$name = v,
            after: After::$after,
        }),*),*];
    };
}

fields! {
    HandOn: rp_filter accept_local send_redirects accept_redirects secure_redirects shared_media accept_source_route
        log_martians proxy_arp proxy_arp_pvlan arp_ignore arp_announce arp_filter arp_accept arp_notify
        arp_evict_nocarrier
        drop_gratuitous_arp bc_forwarding ignore_routes_with_linkdown src_valid_mark;
    Flush: promote_secondaries route_localnet;
    Forward: forwarding;
}

/// What belongs to parts of the kernel that the simulator lacks, and the value that it has.
const FIXED: &[(&str, &str)] = &[
    ("bootp_relay", "0"),
    ("disable_policy", "0"),
    ("disable_xfrm", "0"),
    ("drop_unicast_in_l2_multicast", "0"),
    ("force_igmp_version", "0"),
    ("igmpv2_unsolicited_report_interval", "10000"),
    ("igmpv3_unsolicited_report_interval", "1000"),
    ("mc_forwarding", "0"),
    ("medium_id", "0"),
    ("tag", "0"),
];

fn fixed(name: &str) -> Option<&'static str> {
    FIXED.iter().find(|f| f.0 == name).map(|f| f.1)
}

pub(super) fn read(k: &Kernel, ns: NsId, key: &Key<'_>, whose: Whose, name: &str) -> Result<String, RtnlError> {
    let conf = match whose {
        Whose::All => &k.net(ns).conf.all,
        Whose::Default => &k.net(ns).conf.default,
        Whose::Dev(dev) => &k.devs[dev].cold.devconf,
    };
    match FIELDS.iter().find(|f| f.name == name) {
        Some(f) => Ok((f.get)(conf).to_string()),
        None => fixed(name).map(str::to_owned).ok_or_else(|| value::no_such(&key.path)),
    }
}

pub(super) fn write(
    k: &mut Kernel,
    ns: NsId,
    key: &Key<'_>,
    whose: Whose,
    name: &str,
    value: &str,
) -> Result<(), RtnlError> {
    let Some(bit) = FIELDS.iter().position(|f| f.name == name) else {
        let only = fixed(name).ok_or_else(|| value::no_such(&key.path))?;
        return value::fixed(key, only, value);
    };
    let field = &FIELDS[bit];
    let new = value::any_int(key, value)?;
    let conf = conf_mut(k, ns, whose);
    let old = (field.get)(conf);
    (field.set)(conf, new);
    match field.after {
        After::HandOn => {
            conf.state |= 1 << bit;
            if whose == Whose::Default {
                hand_on(k, ns, bit, new);
            }
            if (name == "accept_local" && new == 0) || name == "bc_forwarding" {
                k.net_mut(ns).v4.changed();
            }
        }
        After::Forward if old != new && whose == Whose::All => inet_forward_change(k, ns, new),
        After::Flush | After::Forward => {}
    }
    if field.after != After::HandOn && old != new {
        k.net_mut(ns).v4.changed();
    }
    match whose {
        Whose::Dev(dev) => refresh(k, dev),
        Whose::All | Whose::Default => refresh_all(k, ns),
    }
    Ok(())
}

fn conf_mut(k: &mut Kernel, ns: NsId, whose: Whose) -> &mut DevConf {
    match whose {
        Whose::All => &mut k.net_mut(ns).conf.all,
        Whose::Default => &mut k.net_mut(ns).conf.default,
        Whose::Dev(dev) => &mut k.devs[dev].cold.devconf,
    }
}

/// The devices of `ns` on which IPv4 is on.
fn devices(k: &Kernel, ns: NsId) -> Vec<DevId> {
    k.net(ns).devs.iter().copied().filter(|d| k.devs[*d].cold.in_device).collect()
}

/// `devinet_copy_dflt_conf` (DEV-41).
fn hand_on(k: &mut Kernel, ns: NsId, bit: usize, new: i32) {
    for dev in devices(k, ns) {
        let conf = &mut k.devs[dev].cold.devconf;
        if conf.state & 1 << bit == 0 {
            (FIELDS[bit].set)(conf, new);
        }
    }
}

/// `inet_forward_change` (DEV-44): every device and `default` follow `all`.
fn inet_forward_change(k: &mut Kernel, ns: NsId, on: i32) {
    let conf = &mut k.net_mut(ns).conf;
    conf.all.accept_redirects = i32::from(on == 0);
    conf.default.forwarding = on;
    for dev in devices(k, ns) {
        k.devs[dev].cold.devconf.forwarding = on;
    }
}

/// `net.ipv4.ip_forward` is conf/all/forwarding under another name.
pub(super) fn write_ip_forward(k: &mut Kernel, ns: NsId, key: &Key<'_>, value: &str) -> Result<(), RtnlError> {
    write(k, ns, key, Whose::All, "forwarding", value)
}

const _: () = assert!(FIELDS.len() <= 32, "a bit of DevConf::state for each");
