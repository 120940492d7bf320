//! Messages that were followed through a second run of the same point and seed.

use super::Journey;

/// One message, and where its time went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FollowedOutcome {
    pub flow: String,
    /// Its number within the flow, from 0.
    pub packet: u32,
    pub why: Why,
    /// From its birth (an open loop's: from when it was meant to be sent) until its end, picoseconds.
    pub total_ps: u64,
    /// How that divides among [`Stage::ALL`]; empty of a message that was lost.
    pub stages: Vec<(Stage, u64)>,
    /// With its answer, if it got one.
    pub journey: Journey,
}

/// Why it was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its latency is that percentile of its flow in this run, parts per million.
    Percentile(u64),
    /// It was the first that was lost for this reason at this place.
    Dropped { reason: String, place: String },
}

macro_rules! stages {
    ($($Name:ident $text:literal $wait:literal $doc:literal),* $(,)?) => {
        /// A part of a message's way.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Stage { $(#[doc = $doc] $Name),* }

        impl Stage {
            /// In the order of the way.
            pub const ALL: &'static [Stage] = &[$(Stage::$Name),*];
            /// As a legend names it.
            pub const fn name(self) -> &'static str {
                match self { $(Stage::$Name => $text),* }
            }
            /// Nothing works on the message meanwhile.
            pub const fn is_wait(self) -> bool {
                match self { $(Stage::$Name => $wait),* }
            }
            /// One sentence about it.
            pub const fn doc(self) -> &'static str {
                match self { $(Stage::$Name => $doc),* }
            }
        }
    };
}

stages! {
    SendWait "send wait" true "from when it was meant to be sent until the sender's system call",
    Send "send" false "system call, datagram, ICMP or answer being built",
    Route "route" false "IPv4: header, route lookup, forwarding, output",
    Neighbour "neighbour" true "waiting in the neighbour entry for an ARP answer, and being given a MAC",
    Driver "driver" false "device queue, driver, softirq's per-packet work",
    Bridge "bridge" false "the bridge's lookup and forwarding",
    Queue "queue" true "waiting in a qdisc for room in the tx ring",
    Wire "wire" true "tx ring, serialisation and propagation on a cable",
    SoftirqWait "softirq wait" true "waiting in a backlog or rx ring for a core",
    Receive "receive" false "socket lookup, socket queue, copy to user memory",
    SocketWait "socket wait, wakeup" true "waiting in the socket's buffer until the process runs",
}
