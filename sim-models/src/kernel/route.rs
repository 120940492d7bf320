//! Routing decisions.
use super::{DevId, rtnl::RouteType};

/// `struct dst_entry`, what it decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dst {
    pub dev: DevId,
    /// Next hop: the gateway, or the destination itself.
    pub nexthop: u32,
    /// A gateway is used.
    pub via_gw: bool,
    pub kind: RouteType,
    /// Bytes; 0: the device's.
    pub mtu: u32,
}
