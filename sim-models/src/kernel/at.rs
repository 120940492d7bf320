//! The hops: every modelled kernel function that a packet passes begins with `cx.at(At::X, &skb)`, which bills its
//! cost, counts it and tells the walk. One list; a cost profile that lacks an entry does not load.

macro_rules! hops {
    ($($Name:ident $text:literal $doc:literal),* $(,)?) => {
        /// A place on the path, named after the kernel function that it models.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum At { $(#[doc = $doc] $Name),* }

        impl At {
            pub const ALL: &'static [At] = &[$(At::$Name),*];
            pub const COUNT: usize = At::ALL.len();
            /// The kernel's own name.
            pub const fn name(self) -> &'static str {
                match self { $(At::$Name => $text),* }
            }
            /// One sentence about it.
            pub const fn doc(self) -> &'static str {
                match self { $(At::$Name => $doc),* }
            }
            pub fn from_name(name: &str) -> Option<At> {
                At::ALL.iter().copied().find(|a| a.name() == name)
            }
        }
    };
}

// In the order of a forwarded packet's way: what one packet touches lies close together.
hops! {
    Syscall "syscall" "entry and exit of a system call",
    UdpSendmsg "udp_sendmsg" "a datagram is built from user memory",
    PingSendmsg "raw_sendmsg" "a raw socket sends an echo request",
    TcpConnect "tcp_v4_connect" "a SYN is built",
    IpRouteOutput "ip_route_output" "output route lookup in the sender's namespace",
    ArpSend "arp_send" "an ARP packet is built",
    Irq "irq" "the NIC interrupts a core",
    Softirq "net_rx_action" "the receive softirq starts on this core",
    NapiPoll "napi_poll" "the driver takes a frame from its rx ring",
    NetifRx "netif_rx" "queued to this core's backlog",
    NetifReceiveSkb "netif_receive_skb" "taps, then the rx handler, then the protocol",
    BrHandleFrame "br_handle_frame" "a frame enters the bridge by a port: learn, look up",
    BrPassFrameUp "br_pass_frame_up" "the bridge hands the frame to its own host",
    IpRcv "ip_rcv" "the IPv4 header is checked",
    IpRouteInput "ip_route_input" "input route lookup and source validation",
    IpForward "ip_forward" "TTL, MTU, then on to another device",
    IpOutput "ip_output" "LOCAL_OUT and POST_ROUTING are passed, the device is set",
    IpFinishOutput "ip_finish_output" "MTU check, then to the neighbour",
    NeighOutput "neigh_output" "the link-layer address of the next hop is filled in, or asked for",
    DevQueueXmit "dev_queue_xmit" "the packet is given to its device, through the qdisc if it has one",
    BrDevXmit "br_dev_xmit" "the bridge device sends through its ports",
    BrForward "br_forward" "a copy leaves by a port",
    VethXmit "veth_xmit" "the buffer is handed to the peer",
    PhyXmit "ndo_start_xmit" "a descriptor is written into the NIC's tx ring",
    LoopbackXmit "loopback_xmit" "the buffer comes back to this host",
    VlanXmit "vlan_dev_hard_start_xmit" "the frame gets a tag and goes to the device below",
    VlanDoReceive "vlan_do_receive" "the tag says which VLAN device has received it",
    MacvlanXmit "macvlan_start_xmit" "to another macvlan of the same device, or out of the device below",
    MacvlanHandleFrame "macvlan_handle_frame" "the destination says which macvlan has received it",
    VxlanXmit "vxlan_xmit" "the frame is looked up, and put into a UDP datagram for each remote",
    VxlanRcv "vxlan_rcv" "a frame is taken out of its UDP datagram",
    DummyXmit "dummy_xmit" "the frame is counted and thrown away",
    IpError "ip_error" "the packet can't be routed",
    IpFragment "ip_fragment" "one packet becomes several",
    IpLocalDeliver "ip_local_deliver" "it is for this host: to the protocol",
    IpDefrag "ip_defrag" "a fragment joins its datagram",
    ArpRcv "arp_rcv" "an ARP packet is answered or learned from",
    IcmpRcv "icmp_rcv" "an ICMP message is looked at",
    IcmpSend "icmp_send" "an ICMP error is built",
    IcmpReply "icmp_reply" "an echo request is answered",
    UdpRcv "udp_rcv" "the socket that listens on address and port is looked up",
    TcpRcv "tcp_v4_rcv" "the socket of the segment is looked up",
    TcpSendReset "tcp_v4_send_reset" "a RST is built",
    SockQueueRcv "sock_queue_rcv" "the datagram joins the socket's receive queue",
    Wakeup "try_to_wake_up" "the waiting task becomes runnable",
    ContextSwitch "context_switch" "the core changes to another task",
    RecvMsg "recvmsg" "a datagram is copied to user memory",
    BrSendBpdu "br_send_bpdu" "the spanning tree protocol says what it knows",
    BrStpRcv "br_stp_rcv" "a bridge port hears a BPDU",
    RunTimers "run_timer_softirq" "expired timers run",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique() {
        for (i, a) in At::ALL.iter().enumerate() {
            assert_eq!(At::from_name(a.name()), Some(*a));
            assert_eq!(*a as usize, i);
        }
    }
}
