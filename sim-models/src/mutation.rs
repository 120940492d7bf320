//! Deliberate faults, to test the tests: with the cargo feature `mutations` one of them can be switched on, and
//! something that compares the simulator with a real kernel has to notice. Without the feature [`on`] is the constant
//! `false`, and no instruction of it is left.

macro_rules! mutations {
    ($($Name:ident $doc:literal),* $(,)?) => {
        /// A fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum Mutation { $(#[doc = $doc] $Name),* }
        impl Mutation {
            pub const ALL: &'static [Mutation] = &[$(Mutation::$Name),*];
            /// What is wrong, one sentence.
            pub const fn doc(self) -> &'static str { match self { $(Mutation::$Name => $doc),* } }
        }
    };
}

mutations! {
    ForwardFlipped "ip_forward means the opposite",
    TtlKept "a router does not decrement the TTL",
    TtlOneTooMany "a packet with TTL 1 is forwarded",
    ArpFirstAddressOnly "ARP is answered for a device's first address only",
    ArpIgnoreIgnored "arp_ignore is not looked at",
    ArpAnnounceIgnored "arp_announce is not looked at",
    ArpTriesOnce "an unknown neighbour is asked for once only",
    ArpLearnsNothing "a request teaches the answerer nothing",
    MacNotLearned "a bridge does not learn where MAC addresses are",
    FloodMissesOnePort "a bridge does not flood to the port that was added first",
    IcmpSourceWrong "an ICMP error comes from the address that the packet was for",
    IcmpTosWrong "an ICMP error has no precedence (TOS 0xc0)",
    IcmpCodeWrong "an unreachable route is answered with net unreachable",
    IcmpSilent "a closed port is not answered",
    QuoteDecremented "an ICMP error quotes the TTL after its decrement",
    EchoTtlCopied "an echo reply has the TTL of its request",
    EchoSourceByRoute "an echo reply comes from the address that routing prefers",
    DfLost "a datagram that fits has no DF",
    CounterForgotten "IpInDelivers is not counted",
    LinkBytesWithoutHeader "a device counts bytes without the Ethernet header",
    RpFilterIgnored "rp_filter is not looked at",
    RouteSrcIgnored "the src of a route is not looked at",
    BlackholeTells "a blackhole route answers with host unreachable",
    NeighQueueUnlimited "any number of packets waits for a neighbour",
    NeighTimerLate "timers of neighbours ring 1 s too late",
    NeighNeverStale "a neighbour that is in use is never asked for again",
    BucketInArmingOrder "timers of one bucket ring in the order of arming",
    RcvbufUnlimited "a socket's receive buffer has no limit",
    VethTakesAnything "a veth takes frames larger than its peer's MTU",
    DropReasonWrong "a filtered packet has no reason",
    ErrnoForgotten "the sender does not hear of ICMP errors",
    GratuitousArpAlways "an address is announced without arp_notify",
}

#[cfg(feature = "mutations")]
static CURRENT: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(u8::MAX);

/// Switches one fault on, or all off.
#[cfg(feature = "mutations")]
pub fn set(m: Option<Mutation>) {
    CURRENT.store(m.map_or(u8::MAX, |m| m as u8), std::sync::atomic::Ordering::Relaxed);
}

/// Is this fault switched on?
#[inline(always)]
pub fn on(m: Mutation) -> bool {
    #[cfg(feature = "mutations")]
    {
        CURRENT.load(std::sync::atomic::Ordering::Relaxed) == m as u8
    }
    #[cfg(not(feature = "mutations"))]
    {
        let _ = m;
        false
    }
}
