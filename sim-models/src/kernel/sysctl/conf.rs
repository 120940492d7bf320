//! The values: of a namespace, of all its devices, of one.

use crate::kernel::neigh::Parms;

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
    pub proxy_arp_pvlan: i32,
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
    /// Bit per field that was written explicitly (DEV-41), one of those in `dev.rs`.
    pub state: u32,
}

impl DevConf {
    /// What a new device starts with: conf/default as it is now (DEV-41). Which of its values were written explicitly
    /// is copied, too: a later write of such a one no longer reaches the device.
    pub fn from_default(conf: &NetConf) -> DevConf {
        conf.default.clone()
    }

    /// Compiled defaults of `all`, and of `default` with `accept_source_route` 1 (DEV-42).
    fn compiled(accept_source_route: i32) -> DevConf {
        DevConf {
            forwarding: 0,
            rp_filter: 0,
            accept_local: 0,
            route_localnet: 0,
            send_redirects: 1,
            accept_redirects: 1,
            secure_redirects: 1,
            shared_media: 1,
            accept_source_route,
            log_martians: 0,
            proxy_arp: 0,
            proxy_arp_pvlan: 0,
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
        }
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
    pub fib_multipath_hash_fields: u32,
    /// 0: a real kernel draws one at boot; here it stays 0.
    pub fib_multipath_hash_seed: u32,
    pub fib_multipath_use_neigh: i32,
    /// Bytes: no smaller path MTU is believed (IP-34).
    pub min_pmtu: u32,
    /// Seconds that a learned MTU holds.
    pub mtu_expires: u32,
    /// Bytes.
    pub ipfrag_high_thresh: u64,
    pub ipfrag_max_dist: i32,
    pub ip_local_port_range: (u16, u16),
    /// Bytes; one value for the host, written in its initial namespace.
    pub rmem_default: u32,
    pub wmem_default: u32,
    /// Neighbour parameters of new devices (`net.ipv4.neigh.default.*`): the host's, kept in its initial namespace.
    pub neigh: Parms,
}

impl Default for NetConf {
    /// Compiled defaults (DEV-42).
    fn default() -> Self {
        NetConf {
            all: DevConf::compiled(0),
            default: DevConf::compiled(1),
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
            fib_multipath_hash_fields: 7,
            fib_multipath_hash_seed: 0,
            fib_multipath_use_neigh: 0,
            min_pmtu: 552,
            mtu_expires: 600,
            ipfrag_high_thresh: 4 << 20,
            ipfrag_max_dist: 64,
            ip_local_port_range: (32768, 60999),
            rmem_default: 212_992,
            wmem_default: 212_992,
            neigh: Parms::default(),
        }
    }
}

impl NetConf {
    /// What a new namespace starts with: conf/all and conf/default of the initial one as they are now, the compiled
    /// defaults for the rest (DEV-40, `devinet_init_net`).
    pub(crate) fn inherit(root: &NetConf) -> NetConf {
        NetConf {
            all: root.all.clone(),
            default: root.default.clone(),
            rmem_default: root.rmem_default,
            wmem_default: root.wmem_default,
            ..NetConf::default()
        }
    }
}
