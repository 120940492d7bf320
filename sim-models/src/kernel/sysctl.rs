//! The sysctl tree of a namespace: `net.ipv4.*`, `net.ipv4.conf.{all,default,DEV}.*`, `net.ipv4.neigh.DEV.*`,
//! `net.core.*`. (write: to come)

use super::{Cx, Kernel, NsId, RtnlError};

/// `struct ipv4_devconf`: values as written, of `all`, `default`, or one device (DEV-42).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevConf {
    pub forwarding: i32,
    pub rp_filter: i32,
    pub accept_local: i32,
    pub route_localnet: i32,
    pub send_redirects: i32,
    pub accept_redirects: i32,
    pub secure_redirects: i32,
    pub shared_media: i32,
    pub accept_source_route: i32,
    pub log_martians: i32,
    pub proxy_arp: i32,
    pub arp_ignore: i32,
    pub arp_announce: i32,
    pub arp_filter: i32,
    pub arp_accept: i32,
    pub arp_notify: i32,
    pub arp_evict_nocarrier: i32,
    pub drop_gratuitous_arp: i32,
    pub promote_secondaries: i32,
    pub bc_forwarding: i32,
    pub ignore_routes_with_linkdown: i32,
    pub src_valid_mark: i32,
    /// Bit per field that was written explicitly (DEV-41).
    pub state: u32,
}

/// The combined values of `all` and the device that packets ask for, in one word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConfBits(pub u32);

impl ConfBits {
    pub const FORWARDING: u32 = 1;
    pub const ACCEPT_LOCAL: u32 = 1 << 1;
    pub const ROUTE_LOCALNET: u32 = 1 << 2;
    pub const SEND_REDIRECTS: u32 = 1 << 3;
    pub const LOG_MARTIANS: u32 = 1 << 4;
    pub const PROXY_ARP: u32 = 1 << 5;
    pub const ARP_FILTER: u32 = 1 << 6;
    pub const DROP_GRATUITOUS_ARP: u32 = 1 << 7;
    pub const SHARED_MEDIA: u32 = 1 << 8;
    pub const BC_FORWARDING: u32 = 1 << 9;
    pub const IGNORE_LINKDOWN: u32 = 1 << 10;
    pub const ACCEPT_REDIRECTS: u32 = 1 << 11;
    pub const PROMOTE_SECONDARIES: u32 = 1 << 12;
    pub const ARP_EVICT_NOCARRIER: u32 = 1 << 13;
    /// IPv4 is on for this device (`in_device` exists).
    pub const IN_DEVICE: u32 = 1 << 14;

    #[inline]
    pub fn has(self, bit: u32) -> bool {
        self.0 & bit != 0
    }
    /// 0 off, 1 strict, 2 loose: the larger of all and the device (RT-34).
    #[inline]
    pub fn rp_filter(self) -> u32 {
        (self.0 >> 16) & 3
    }
    /// 0..8 (ARP-19).
    pub fn arp_ignore(self) -> u32 {
        (self.0 >> 18) & 15
    }
    /// 0..2 (ARP-23).
    pub fn arp_announce(self) -> u32 {
        (self.0 >> 22) & 3
    }
    /// 0..2 (ARP-13).
    pub fn arp_accept(self) -> u32 {
        (self.0 >> 24) & 3
    }
    /// 0..1 (ARP-25).
    pub fn arp_notify(self) -> u32 {
        (self.0 >> 26) & 1
    }
}

/// `struct netns_ipv4` and its neighbours: what a namespace's own sysctls say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetConf {
    pub all: DevConf,
    pub default: DevConf,
    pub ip_default_ttl: u8,
    pub ip_no_pmtu_disc: i32,
    pub ip_forward_use_pmtu: i32,
    pub ip_forward_update_priority: i32,
    pub ip_nonlocal_bind: i32,
    pub icmp_echo_ignore_all: i32,
    pub icmp_echo_ignore_broadcasts: i32,
    pub icmp_errors_use_inbound_ifaddr: i32,
    /// ms
    pub icmp_ratelimit: i32,
    pub icmp_ratemask: u32,
    pub icmp_msgs_per_sec: u32,
    pub icmp_msgs_burst: u32,
    /// Seconds.
    pub ipfrag_time: u32,
    pub fib_multipath_hash_policy: i32,
    pub ip_local_port_range: (u16, u16),
    /// Bytes.
    pub rmem_default: u32,
    pub wmem_default: u32,
}

// SHIM
pub(crate) fn refresh(_k: &mut Kernel, _dev: super::DevId) {}
pub(crate) fn write(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _key: &str, _value: &str) -> Result<(), RtnlError> {
    unimplemented!()
}

impl Default for NetConf {
    /// Compiled defaults (DEV-42). (to be written)
    fn default() -> Self {
        let d = DevConf {
            forwarding: 0,
            rp_filter: 0,
            accept_local: 0,
            route_localnet: 0,
            send_redirects: 1,
            accept_redirects: 1,
            secure_redirects: 1,
            shared_media: 1,
            accept_source_route: 1,
            log_martians: 0,
            proxy_arp: 0,
            arp_ignore: 0,
            arp_announce: 0,
            arp_filter: 0,
            arp_accept: 0,
            arp_notify: 0,
            arp_evict_nocarrier: 1,
            drop_gratuitous_arp: 0,
            promote_secondaries: 0,
            bc_forwarding: 0,
            ignore_routes_with_linkdown: 0,
            src_valid_mark: 0,
            state: 0,
        };
        NetConf {
            all: d.clone(),
            default: d,
            ip_default_ttl: 64,
            ip_no_pmtu_disc: 0,
            ip_forward_use_pmtu: 0,
            ip_forward_update_priority: 1,
            ip_nonlocal_bind: 0,
            icmp_echo_ignore_all: 0,
            icmp_echo_ignore_broadcasts: 1,
            icmp_errors_use_inbound_ifaddr: 0,
            icmp_ratelimit: 1000,
            icmp_ratemask: 6168,
            icmp_msgs_per_sec: 1000,
            icmp_msgs_burst: 50,
            ipfrag_time: 30,
            fib_multipath_hash_policy: 0,
            ip_local_port_range: (32768, 60999),
            rmem_default: 212_992,
            wmem_default: 212_992,
        }
    }
}

impl NetConf {
    /// What a new namespace starts with (DEV-40). (to be written)
    pub(crate) fn inherit(root: &NetConf) -> NetConf {
        root.clone()
    }
}
