//! Why packets are lost: `enum skb_drop_reason`, in the kernel's spelling without its prefix.

macro_rules! reasons {
    ($($Name:ident $doc:literal),* $(,)?) => {
        /// A drop reason.
        #[allow(non_camel_case_types, reason = "the kernel's own spelling")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Reason { $(#[doc = $doc] $Name),* }

        impl Reason {
            pub const ALL: &'static [Reason] = &[$(Reason::$Name),*];
            pub const COUNT: usize = Reason::ALL.len();
            pub const fn name(self) -> &'static str {
                match self { $(Reason::$Name => stringify!($Name)),* }
            }
            pub const fn doc(self) -> &'static str {
                match self { $(Reason::$Name => $doc),* }
            }
            pub fn from_name(name: &str) -> Option<Reason> {
                Reason::ALL.iter().copied().find(|r| r.name() == name)
            }
        }
    };
}

reasons! {
    NOT_SPECIFIED "the kernel gives no reason",
    NO_SOCKET "no socket listens on that address and port",
    SOCKET_RCVBUFF "the socket's receive buffer is full",
    PROTO_MEM "the protocol's memory limit is reached",
    CPU_BACKLOG "this core's backlog is full (netdev_max_backlog)",
    DEV_READY "the device is not running",
    UNHANDLED_PROTO "nothing handles this ethertype or ICMP type",
    OTHERHOST "the frame is for another MAC address",
    IP_INHDR "bad IP header, or TTL exceeded",
    IP_CSUM "bad IP header checksum",
    IP_NOPROTO "no handler for this IP protocol",
    IP_INADDRERRORS "not for this host, and it doesn't forward",
    IP_INNOROUTES "no route to forward it by",
    IP_RPFILTER "reverse path filter: the way back leads through another device",
    IP_INVALID_SOURCE "the source address can't be a source",
    IP_INVALID_DEST "the destination address can't be forwarded to",
    IP_LOCALNET "127.0.0.0/8 came from the wire",
    IP_LOCAL_SOURCE "the source is one of our own addresses",
    IP_OUTNOROUTES "no route to send it by",
    PKT_TOO_BIG "larger than the MTU, and it must not be fragmented",
    PKT_TOO_SMALL "shorter than its header says",
    NEIGH_CREATEFAIL "the neighbour table is full",
    NEIGH_FAILED "the next hop did not answer ARP",
    NEIGH_QUEUEFULL "too many packets wait for this neighbour",
    NEIGH_DEAD "the neighbour entry was removed",
    QUEUE_PURGE "the queue it waited in was emptied",
    QDISC_DROP "the device is down or has no carrier: its qdisc is noop",
    QDISC_OVERLIMIT "the qdisc is full",
    MAC_INVALID_SOURCE "the source MAC address is a group address or zero",
    MAC_IEEE_MAC_CONTROL "an IEEE MAC control frame",
    BRIDGE_INGRESS_STP_STATE "the bridge port does not forward",
    NO_TX_TARGET "the bridge has no port, the vxlan no remote to send it to",
    INVALID_PROTO "an ICMP message that is ignored by configuration",
    ICMP_CSUM "bad ICMP checksum",
    DUP_FRAG "this fragment is here already",
    FRAG_REASM_TIMEOUT "the missing fragments did not come in time",
    NETFILTER_DROP "a netfilter rule said drop",
    UNICAST_IN_L2_MULTICAST "a unicast packet in a group frame",
    TCP_RESET "a RST ended the connection",
    RX_MISSED "the NIC's rx ring was full: counted by the NIC, never seen by the kernel",
    DEV_DOWN "the NIC was down or unplugged when the frame arrived: never seen by the kernel",
    WIRE_LOSS "lost on the wire",
    SWITCH_BUFFER "the external switch had no room for it on the way out: never seen by a kernel",
    // Digests hold the number of a reason: new ones come last.
    VXLAN_INVALID_HDR "not a vxlan datagram",
    VXLAN_VNI_NOT_FOUND "no vxlan device has this network number",
    VXLAN_ENTRY_EXISTS "the source is behind another remote by hand",
    LOCAL_MAC "the source is the receiving device's own address",
    UDP_CSUM "bad UDP checksum",
    TCP_CSUM "bad TCP checksum",
}
