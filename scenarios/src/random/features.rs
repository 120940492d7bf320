//! What a world may hold at all. Each is drawn before anything else ("swarm testing"): a world that has every feature
//! a little shows less than worlds that lack most of them and have the others often.

use super::chance::Chance;

macro_rules! features {
    ($($name:ident $percent:literal $doc:literal),* $(,)?) => {
        /// Which features a world has.
        #[derive(Clone, Debug, Default)]
        pub(super) struct Features { $(#[doc = $doc] pub $name: bool),* }

        impl Features {
            /// Each by its own chance.
            pub fn draw(chance: &mut Chance) -> Features {
                Features { $($name: chance.percent($percent)),* }
            }
        }
    };
}

features! {
    two_hosts 20 "a second host behind a wire",
    bridges 55 "bridges",
    bridge_settings 40 "settings of bridges and of their ports",
    prefixes 30 "prefix lengths other than 24",
    overlap 20 "two segments with one subnet",
    secondary 35 "more addresses on a device",
    address_words 20 "`brd`, `scope`, `peer`, `noprefixroute`",
    loopback 25 "addresses on lo",
    duplicate 10 "one address twice",
    route_types 40 "blackhole, unreachable, prohibit, throw",
    route_words 30 "metrics, sources, onlink, scope, mtu",
    wrong_routes 25 "routes that lead astray",
    forwarding 80 "ip_forward",
    conf 45 "the other sysctls of devices",
    icmp_conf 55 "sysctls of ICMP and of IP",
    fast_arp 35 "an unanswered ARP request ends within 200 ms",
    mtu 30 "MTUs",
    static_neigh 20 "neighbours made by hand",
    static_fdb 20 "forwarding entries made by hand",
    macs 15 "MAC addresses made by hand",
    flaps 30 "links set down and up",
    moves 22 "devices moved or deleted",
    changes 35 "addresses, routes, neighbours, sysctls changed midway",
    invalid 40 "requests that a kernel refuses",
    ping 80 "echo requests",
    udp 65 "datagrams to a port where somebody listens",
    closed 45 "datagrams to a port where nobody listens",
    requests 20 "requests and replies",
    ttl 30 "small TTLs",
    large 42 "datagrams larger than the MTU",
    broadcast 30 "datagrams to a broadcast address",
    tcp 12 "attempts to connect over TCP",
    frames 35 "frames written byte by byte",
    sockets 30 "socket options: DF, TOS, mark, device, source",
    macvlan 22 "macvlan devices",
    buffers 6 "small receive buffers, and a slow receiver",
    queues 8 "one packet at most waits for ARP",
    strict 12 "rp_filter everywhere",
    strangers 45 "destinations that nobody has",
    down 12 "devices that are not up",
    rules 30 "policy rules and tables of their own",
    several 20 "routes with several next hops",
}
