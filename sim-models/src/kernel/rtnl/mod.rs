//! The one door for configuration: `RTM_*` requests with the kernel's own checks and errors. Scenario files,
//! `ip` commands, importers and random generators all become a list of [`RtnlOp`]s; so does what `verify` asks
//! of a real kernel.

mod addr;
mod errno;
mod link;
mod neigh;
mod route;
mod rule;

#[cfg(test)]
pub(crate) use link::testing;
pub(crate) use link::{
    changeaddr, cleanup_net, dev_close, dev_open, dev_set_allmulti, dev_set_promiscuity, dev_uc_add, dev_uc_del,
    register_lo, set_mac_address, set_mtu, upper_dev_link, upper_dev_unlink,
};

pub use errno::Errno;
pub(crate) use route::no_device;
pub(crate) use rule::attach_all as attach_rules;
pub use rule::{RuleAction, RuleSpec};

use super::{Cx, Kernel, NsId};
use crate::{
    drivers::Config,
    packet::{Mac, Prefix},
};
use std::fmt;

/// One request. Names are resolved in the namespace it is made in.
#[derive(Clone, Debug, PartialEq)]
pub enum RtnlOp {
    /// `ip link add NAME … type KIND …` (`RTM_NEWLINK` with `NLM_F_CREATE|NLM_F_EXCL`).
    NewLink {
        name: String,
        attrs: LinkAttrs,
        config: Config,
    },
    /// `ip link set NAME …`
    SetLink {
        name: String,
        attrs: LinkAttrs,
    },
    /// `ip link del NAME`
    DelLink {
        name: String,
    },
    /// `ip addr add … dev DEV`
    NewAddr {
        dev: String,
        addr: IfAddr,
    },
    DelAddr {
        dev: String,
        addr: IfAddr,
    },
    /// `ip route add|append|replace|change|prepend …`
    NewRoute {
        route: RouteSpec,
        how: How,
    },
    DelRoute {
        route: RouteSpec,
    },
    /// `ip rule add|del …`
    NewRule {
        rule: RuleSpec,
    },
    DelRule {
        rule: RuleSpec,
    },
    /// `ip neigh add|replace … dev DEV`
    NewNeigh {
        dev: String,
        dst: u32,
        lladdr: Option<Mac>,
        state: Nud,
        how: How,
    },
    DelNeigh {
        dev: String,
        dst: u32,
    },
    /// `ip neigh add|del proxy IP dev DEV`
    Proxy {
        dev: String,
        dst: u32,
        add: bool,
    },
    /// `bridge fdb add MAC dev DEV master static|dynamic|permanent`
    NewFdb {
        dev: String,
        mac: Mac,
        state: FdbState,
    },
    DelFdb {
        dev: String,
        mac: Mac,
    },
    /// `bridge fdb add|append|replace MAC dev DEV dst IP …`: the table of a tunnel device itself.
    NewRemote {
        dev: String,
        mac: Mac,
        dst: Option<u32>,
        port: Option<u16>,
        vni: Option<u32>,
        state: FdbState,
        how: How,
    },
    /// `bridge fdb del MAC dev DEV [dst IP]`
    DelRemote {
        dev: String,
        mac: Mac,
        dst: Option<u32>,
        port: Option<u16>,
        vni: Option<u32>,
    },
    /// `sysctl -w KEY=VALUE`, dots or slashes
    Sysctl {
        key: String,
        value: String,
    },
}

/// What `ip link add` and `ip link set` may say of any device; `None` leaves it alone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinkAttrs {
    /// `link DEV` of `ip link add`: the device that it is made on.
    pub link: Option<Box<str>>,
    pub address: Option<Mac>,
    /// Bytes.
    pub mtu: Option<u32>,
    pub txqueuelen: Option<u32>,
    pub up: Option<bool>,
    pub arp: Option<bool>,
    pub promisc: Option<bool>,
    pub allmulticast: Option<bool>,
    /// `master BR` or `nomaster`.
    pub master: Option<Option<String>>,
    /// Name of a namespace of this host.
    pub netns: Option<String>,
    /// `name NEW`
    pub rename: Option<String>,
    /// `type KIND WORD VALUE …` of `ip link set`: changes of the driver's own settings.
    pub kind_args: Vec<(String, String)>,
    /// `type bridge_slave WORD VALUE …`: settings of the device as a port of its master.
    pub slave_args: Vec<(String, String)>,
}

/// An address as `ip addr` gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfAddr {
    pub local: u32,
    /// `peer ADDR`; the prefix length then belongs to it.
    pub peer: Option<u32>,
    pub len: u8,
    pub broadcast: Option<Brd>,
    pub scope: Option<Scope>,
    pub noprefixroute: bool,
}

impl IfAddr {
    /// [`IfAddr::len`] of a deletion that names no prefix length: any fits (`ip addr del ADDR dev DEV`).
    pub const ANY_LEN: u8 = u8::MAX;

    pub fn new(p: Prefix<u32>) -> IfAddr {
        IfAddr { local: p.addr, peer: None, len: p.len, broadcast: None, scope: None, noprefixroute: false }
    }
}

/// `brd ADDR`, `brd +`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Brd {
    Addr(u32),
    Plus,
}

/// `rt_scope_t`: larger is nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    Universe = 0,
    Site = 200,
    Link = 253,
    Host = 254,
    Nowhere = 255,
}

impl Scope {
    /// As iproute2 prints it.
    pub const fn name(self) -> &'static str {
        match self {
            Scope::Universe => "global",
            Scope::Site => "site",
            Scope::Link => "link",
            Scope::Host => "host",
            Scope::Nowhere => "nowhere",
        }
    }
}

/// `rtm_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RouteType {
    Unicast = 1,
    Local = 2,
    Broadcast = 3,
    Anycast = 4,
    Multicast = 5,
    Blackhole = 6,
    Unreachable = 7,
    Prohibit = 8,
    Throw = 9,
}

impl RouteType {
    /// As iproute2 spells it.
    pub const fn name(self) -> &'static str {
        match self {
            RouteType::Unicast => "unicast",
            RouteType::Local => "local",
            RouteType::Broadcast => "broadcast",
            RouteType::Anycast => "anycast",
            RouteType::Multicast => "multicast",
            RouteType::Blackhole => "blackhole",
            RouteType::Unreachable => "unreachable",
            RouteType::Prohibit => "prohibit",
            RouteType::Throw => "throw",
        }
    }
}

/// `rtm_protocol`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RtProto {
    Unspec,
    Kernel,
    /// What `ip route add` sets by itself.
    Boot,
    Static,
    Other(u8),
}

pub const RT_TABLE_DEFAULT: u32 = 253;
pub const RT_TABLE_MAIN: u32 = 254;
pub const RT_TABLE_LOCAL: u32 = 255;

/// A route as `ip route` gives it.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSpec {
    pub dst: Prefix<u32>,
    pub kind: RouteType,
    /// `None`: main, or local for the types that live there.
    pub table: Option<u32>,
    pub via: Option<u32>,
    pub dev: Option<String>,
    pub src: Option<u32>,
    pub metric: u32,
    pub tos: u8,
    /// `None`: what iproute2 would send (RT-14).
    pub scope: Option<Scope>,
    pub proto: RtProto,
    pub onlink: bool,
    /// Bytes; 0: none.
    pub mtu: u32,
    /// `mtu lock`
    pub mtu_lock: bool,
    /// 0: none.
    pub advmss: u32,
    pub hoplimit: u8,
    /// `nexthop …`, once or several times.
    pub nexthops: Vec<NextHop>,
}

/// `nexthop via … dev … weight …` of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextHop {
    pub via: Option<u32>,
    pub dev: Option<String>,
    /// 1 to 256.
    pub weight: u16,
    pub onlink: bool,
}

impl RouteSpec {
    pub fn to(dst: Prefix<u32>) -> RouteSpec {
        RouteSpec {
            dst,
            kind: RouteType::Unicast,
            table: None,
            via: None,
            dev: None,
            src: None,
            metric: 0,
            tos: 0,
            scope: None,
            proto: RtProto::Boot,
            onlink: false,
            mtu: 0,
            mtu_lock: false,
            advmss: 0,
            hoplimit: 0,
            nexthops: Vec::new(),
        }
    }
}

/// Netlink flags of a "new" request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `NLM_F_CREATE|NLM_F_EXCL`
    Add,
    /// `NLM_F_CREATE|NLM_F_APPEND`
    Append,
    /// `NLM_F_CREATE`
    Prepend,
    /// `NLM_F_CREATE|NLM_F_REPLACE`
    Replace,
    /// `NLM_F_REPLACE`
    Change,
}

/// `nud` of `ip neigh`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Nud {
    None = 0,
    Incomplete = 1,
    Reachable = 2,
    Stale = 4,
    Delay = 8,
    Probe = 0x10,
    Failed = 0x20,
    Noarp = 0x40,
    Permanent = 0x80,
}

impl Nud {
    pub const fn name(self) -> &'static str {
        match self {
            Nud::None => "NONE",
            Nud::Incomplete => "INCOMPLETE",
            Nud::Reachable => "REACHABLE",
            Nud::Stale => "STALE",
            Nud::Delay => "DELAY",
            Nud::Probe => "PROBE",
            Nud::Failed => "FAILED",
            Nud::Noarp => "NOARP",
            Nud::Permanent => "PERMANENT",
        }
    }
}

/// What kind of bridge fdb entry (BR-38).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FdbState {
    /// Delivered up, never forwarded; printed as "permanent".
    Local,
    Static,
    Dynamic,
}

/// The kernel's answer to a bad request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtnlError {
    pub errno: Errno,
    /// `NL_SET_ERR_MSG`: what the kernel says besides.
    pub extack: Option<String>,
    /// The text is printed as it is.
    pub verbatim: bool,
}

impl RtnlError {
    pub fn new(errno: Errno) -> RtnlError {
        RtnlError { errno, extack: None, verbatim: false }
    }
    pub fn msg(errno: Errno, extack: impl Into<String>) -> RtnlError {
        RtnlError { errno, extack: Some(extack.into()), verbatim: false }
    }
    /// iproute2's own complaint, before it asks the kernel; `errno` is what the kernel would have answered.
    pub fn tool(errno: Errno, text: impl Into<String>) -> RtnlError {
        RtnlError { errno, extack: Some(text.into()), verbatim: true }
    }
}

impl fmt::Display for RtnlError {
    /// As iproute2 prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.extack {
            Some(text) if self.verbatim => f.write_str(text),
            Some(text) => write!(f, "Error: {text}."),
            None => write!(f, "RTNETLINK answers: {}", self.errno.text()),
        }
    }
}
impl std::error::Error for RtnlError {}

impl Kernel {
    /// Carries out one request in `ns`.
    ///
    /// # Errors
    /// The kernel's own: errno and extack text. Nothing is changed then, unless the kernel itself leaves a part done.
    pub fn rtnl(&mut self, cx: &mut Cx, ns: NsId, op: &RtnlOp) -> Result<(), RtnlError> {
        self.changed();
        self.log.request(cx.origin);
        let answer = match op {
            RtnlOp::NewLink { name, attrs, config } => link::new_link(self, cx, ns, name, attrs, config),
            RtnlOp::SetLink { name, attrs } => link::set_link(self, cx, ns, name, attrs),
            RtnlOp::DelLink { name } => link::del_link(self, cx, ns, name),
            RtnlOp::NewAddr { dev, addr } => addr::new_addr(self, cx, ns, dev, addr),
            RtnlOp::DelAddr { dev, addr } => addr::del_addr(self, cx, ns, dev, addr),
            RtnlOp::NewRoute { route, how } => route::new_route(self, cx, ns, route, *how),
            RtnlOp::DelRoute { route } => route::del_route(self, cx, ns, route),
            RtnlOp::NewRule { rule } => rule::new_rule(self, cx, ns, rule),
            RtnlOp::DelRule { rule } => rule::del_rule(self, cx, ns, rule),
            RtnlOp::NewNeigh { dev, dst, lladdr, state, how } => {
                neigh::new_neigh(self, cx, ns, dev, *dst, *lladdr, *state, *how)
            }
            RtnlOp::DelNeigh { dev, dst } => neigh::del_neigh(self, cx, ns, dev, *dst),
            RtnlOp::Proxy { dev, dst, add } => neigh::proxy(self, ns, dev, *dst, *add),
            RtnlOp::NewFdb { dev, mac, state } => link::new_fdb(self, cx, ns, dev, *mac, *state),
            RtnlOp::DelFdb { dev, mac } => link::del_fdb(self, cx, ns, dev, *mac),
            RtnlOp::NewRemote { dev, mac, dst, port, vni, state, how } => {
                link::new_remote(self, cx, ns, dev, (*mac, *dst, *port, *vni), *state, *how)
            }
            RtnlOp::DelRemote { dev, mac, dst, port, vni } => {
                link::del_remote(self, cx, ns, dev, (*mac, *dst, *port, *vni))
            }
            RtnlOp::Sysctl { key, value } => super::sysctl::write(self, cx, ns, key, value),
        };
        if matches!(op, RtnlOp::NewLink { .. } | RtnlOp::SetLink { .. } | RtnlOp::DelLink { .. }) {
            rule::attach_all(self);
        }
        super::linkwatch::work(self, cx);
        self.log.done();
        answer
    }
}
