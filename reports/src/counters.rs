//! What to look at on a real host when packets are lost for a reason: the counter that goes up, and the tool that
//! shows it. Every drop also shows in `perf trace -e skb:kfree_skb` or `dropwatch`, with the reason by name.

/// The counter, as `nstat`, `ip -s`, `bridge` or a file under /proc names it; empty if only the drop reason tells.
pub fn of(reason: &str) -> &'static str {
    match reason {
        "NO_SOCKET" => "nstat -az UdpNoPorts, TcpOutRsts; IcmpOutDestUnreachs",
        "SOCKET_RCVBUFF" => "nstat -az UdpRcvbufErrors; ss -uam (d of skmem)",
        "PROTO_MEM" => "nstat -az UdpMemErrors; /proc/net/sockstat",
        "CPU_BACKLOG" => "/proc/net/softnet_stat, second column",
        "UNHANDLED_PROTO" => "ip -s -s link: rx dropped (nohandler)",
        "OTHERHOST" => "ip -s -s link: rx otherhost",
        "IP_INHDR" => "nstat -az IpInHdrErrors",
        "IP_CSUM" => "nstat -az IpExtInCsumErrors",
        "IP_NOPROTO" => "nstat -az IpInUnknownProtos",
        "IP_INADDRERRORS" => "nstat -az IpInAddrErrors; sysctl net.ipv4.ip_forward",
        "IP_INNOROUTES" => "nstat -az IpExtInNoRoutes; ip route get ADDRESS from SOURCE iif DEV",
        "IP_RPFILTER" => "nstat -az TcpExtIPReversePathFilter; sysctl net.ipv4.conf.DEV.rp_filter",
        "IP_INVALID_SOURCE" | "IP_INVALID_DEST" | "IP_LOCALNET" | "IP_LOCAL_SOURCE" => {
            "sysctl net.ipv4.conf.DEV.log_martians=1, then dmesg"
        }
        "IP_OUTNOROUTES" => "nstat -az IpOutNoRoutes; ip route get ADDRESS",
        "PKT_TOO_BIG" => "nstat -az IpFragFails; ip link (mtu)",
        "PKT_TOO_SMALL" => "nstat -az IpExtInTruncatedPkts",
        "NEIGH_CREATEFAIL" => "dmesg: neighbour: arp_cache: neighbor table overflow!; /proc/net/stat/arp_cache",
        "NEIGH_FAILED" => "ip neigh (FAILED); /proc/net/stat/arp_cache: res_failed",
        "NEIGH_QUEUEFULL" => "/proc/net/stat/arp_cache: unresolved_discards",
        "QDISC_DROP" | "QDISC_OVERLIMIT" => "tc -s qdisc: dropped",
        "BRIDGE_INGRESS_STP_STATE" => "bridge link (state)",
        "NO_TX_TARGET" => "bridge fdb show; ip -s link show BRIDGE: tx dropped",
        "ICMP_CSUM" => "nstat -az IcmpInCsumErrors",
        "DUP_FRAG" | "FRAG_REASM_TIMEOUT" => "nstat -az IpReasmFails, IpReasmTimeout",
        "NETFILTER_DROP" => "nft list ruleset (counters); nft monitor trace",
        "RX_MISSED" => "ip -s -s link: rx missed; ethtool -S",
        "DEV_DOWN" | "DEV_READY" => "ip -s link",
        "WIRE_LOSS" => "ip -s -s link: rx errors; ethtool -S",
        _ => "",
    }
}
