//! What is sent.

use crate::{
    read::{At, List},
    trace::Trace,
    values::{Anything, Endpoint, FrameBytes, Ip, Law, TcpEndpoint, Text},
};
use serde::Deserialize;
use sim_core::{
    time::Span,
    units::{Bytes, PerSecond},
};

/// One flow.
#[derive(Debug, Deserialize)]
pub enum Traffic {
    Ping(Ping),
    Udp(Udp),
    Requests(Requests),
    Broadcast(Broadcast),
    Replay(Replay),
    TcpConnect(TcpConnect),
    Frames(Frames),
}

/// `ping`: echo requests, each latency a round trip.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    /// HOST/NS
    pub from: At<String>,
    /// HOST/NS whose first address is meant, if `address` is not said.
    pub to: Option<At<String>>,
    pub address: Option<At<Text<Ip>>>,
    pub count: At<u64>,
    /// From one request to the next; 1 s if not said.
    pub interval: Option<At<Text<Span>>>,
    /// Bytes after the ICMP header; 56 if not said.
    pub size: Option<At<Text<Bytes>>>,
    /// Of the request; the namespace's default if not said.
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    pub socket: Option<At<Socket>>,
}

/// Datagrams one way, whatever becomes of them.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Udp {
    /// HOST/NS
    pub from: At<String>,
    /// HOST/NS where a process listens on the port; nobody listens if not said.
    pub to: Option<At<String>>,
    pub address: At<Text<Endpoint>>,
    /// The address that the receiver binds; any if not said.
    pub listen: Option<At<Text<Ip>>>,
    /// Programs that each datagram passes before, in this order.
    pub through: List<Relay>,
    pub rate: At<Text<PerSecond>>,
    /// Constant if not said.
    pub arrivals: Option<At<Arrivals>>,
    pub count: At<u64>,
    /// Bytes of payload; 64 if not said.
    pub size: Option<At<Text<Bytes>>>,
    /// How long the receiver works on each; not at all if not said.
    pub service: Option<At<Text<Law>>>,
    /// The kernel's choice if not said.
    pub source_port: Option<At<u16>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    pub socket: Option<At<Socket>>,
}

/// A program that reads datagrams, works on each, and sends it on to the next.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relay {
    /// HOST/NS where it runs.
    pub at: At<String>,
    /// Where it is sent to.
    pub address: At<Text<Endpoint>>,
    pub service: Option<At<Text<Law>>>,
    #[allow(dead_code, reason = "unfolded while the list is read")]
    each: Option<At<Anything>>,
}

/// Requests and replies over UDP, each latency a round trip.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// HOST/NS
    pub from: At<String>,
    /// HOST/NS where the server listens; nobody listens if not said.
    pub to: Option<At<String>>,
    pub address: At<Text<Endpoint>>,
    /// The address that the server binds; any if not said.
    pub listen: Option<At<Text<Ip>>>,
    /// Open loop: requests a second, whether answers come or not.
    pub rate: Option<At<Text<PerSecond>>>,
    /// Closed loop: that many clients, each waits for its answer before it asks again.
    pub concurrency: Option<At<u32>>,
    /// How long a client of a closed loop thinks before it asks; not at all if not said.
    pub think: Option<At<Text<Law>>>,
    /// Of an open loop; Constant if not said.
    pub arrivals: Option<At<Arrivals>>,
    pub count: At<u64>,
    /// Bytes of payload; 64 if not said; the reply has as many if not said.
    pub size: Option<At<Text<Bytes>>>,
    pub reply: Option<At<Text<Bytes>>>,
    /// How long the server works on each request, one after the other; not at all if not said.
    pub service: Option<At<Text<Law>>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    pub socket: Option<At<Socket>>,
}

/// Datagrams to a broadcast address; each receiver's copy counts.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Broadcast {
    /// HOST/NS
    pub from: At<String>,
    /// HOST/NS of every receiver.
    pub to: At<List<At<String>>>,
    pub address: At<Text<Endpoint>>,
    /// The address that receivers bind; any if not said.
    pub listen: Option<At<Text<Ip>>>,
    pub rate: At<Text<PerSecond>>,
    pub arrivals: Option<At<Arrivals>>,
    pub count: At<u64>,
    pub size: Option<At<Text<Bytes>>>,
    pub source_port: Option<At<u16>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    /// `broadcast` is set if it does not say otherwise.
    pub socket: Option<At<Socket>>,
}

/// Datagrams one way, at the times and with the sizes of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replay {
    /// HOST/NS
    pub from: At<String>,
    /// HOST/NS of every receiver; nobody listens if not said.
    pub to: List<At<String>>,
    /// Where a line says nothing else.
    pub address: At<Text<Endpoint>>,
    pub listen: Option<At<Text<Ip>>>,
    /// Path of the CSV file, from the scenario's folder.
    pub file: At<String>,
    pub source_port: Option<At<u16>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    pub socket: Option<At<Socket>>,
    /// What the file holds.
    #[serde(skip)]
    pub read: Trace,
}

/// Attempts to connect over TCP, each latency the time until it is refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TcpConnect {
    /// HOST/NS
    pub from: At<String>,
    /// Where somebody would listen: not there yet.
    pub to: Option<At<String>>,
    pub address: At<Text<TcpEndpoint>>,
    pub count: At<u64>,
    /// From one attempt to the next; 1 s if not said. The next waits until the one before it is over.
    pub interval: Option<At<Text<Span>>>,
    /// When an attempt is given up; if not said, when the kernel does.
    pub timeout: Option<At<Text<Span>>>,
    pub source_port: Option<At<u16>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
    pub socket: Option<At<Socket>>,
}

/// Frames as they are, through a packet socket.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frames {
    /// HOST/NS
    pub from: At<String>,
    /// The device of that namespace by which they leave.
    pub device: At<String>,
    /// Each from its destination MAC address on, in hexadecimal digits.
    pub frames: At<List<At<Text<FrameBytes>>>>,
    /// From one to the next; 1 s if not said.
    pub interval: Option<At<Text<Span>>>,
    pub start: Option<At<Text<Span>>>,
}

/// What the sending program asks of its socket.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Socket {
    /// `SO_BROADCAST`
    pub broadcast: Option<At<bool>>,
    /// `SO_BINDTODEVICE`: a device of its namespace.
    pub device: Option<At<String>>,
    /// The address that it binds.
    pub source: Option<At<Text<Ip>>>,
    /// `IP_MTU_DISCOVER`; Want if not said.
    pub pmtudisc: Option<At<PmtuDisc>>,
    /// `IP_TOS`
    pub tos: Option<At<u8>>,
    /// `SO_MARK`
    pub mark: Option<At<u32>>,
    /// `IP_RECVERR`; a ping has it always.
    pub recverr: Option<At<bool>>,
}

/// `IP_MTU_DISCOVER`, the words of `ping -M`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum PmtuDisc {
    /// Never set DF.
    Dont,
    /// DF where the packet fits, fragments where it does not.
    #[default]
    Want,
    /// Always DF: what does not fit is refused.
    Do,
}

/// How the times of sending are spread.
#[derive(Debug, Default, Deserialize)]
pub enum Arrivals {
    /// The same span between any two.
    #[default]
    Constant,
    /// Spans drawn from the exponential law.
    Poisson,
    /// Bursts at the rate, and silence.
    OnOff(OnOff),
}

/// How long bursts and the silence between them are.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnOff {
    pub on: At<Text<Law>>,
    pub off: At<Text<Law>>,
}

/// Asks the same of any kind.
macro_rules! any {
    ($traffic:expr, $t:ident => $what:expr) => {
        match $traffic {
            Traffic::Ping($t) => $what,
            Traffic::Udp($t) => $what,
            Traffic::Requests($t) => $what,
            Traffic::Broadcast($t) => $what,
            Traffic::Replay($t) => $what,
            Traffic::TcpConnect($t) => $what,
            Traffic::Frames($t) => $what,
        }
    };
}

impl Traffic {
    /// The word in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Traffic::Ping(_) => "Ping",
            Traffic::Udp(_) => "Udp",
            Traffic::Requests(_) => "Requests",
            Traffic::Broadcast(_) => "Broadcast",
            Traffic::Replay(_) => "Replay",
            Traffic::TcpConnect(_) => "TcpConnect",
            Traffic::Frames(_) => "Frames",
        }
    }
    /// What its latency is the time of.
    pub fn measure(&self) -> &'static str {
        match self {
            Traffic::Udp(_) | Traffic::Broadcast(_) | Traffic::Replay(_) => "one way",
            Traffic::Frames(_) => "nothing",
            Traffic::Ping(_) | Traffic::Requests(_) | Traffic::TcpConnect(_) => "round trip",
        }
    }
    pub fn from(&self) -> &At<String> {
        any!(self, t => &t.from)
    }
    /// Where somebody receives.
    pub fn to(&self) -> Vec<&At<String>> {
        match self {
            Traffic::Ping(t) => t.to.iter().collect(),
            Traffic::Udp(t) => t.to.iter().collect(),
            Traffic::Requests(t) => t.to.iter().collect(),
            Traffic::Broadcast(t) => t.to.iter().collect(),
            Traffic::Replay(t) => t.to.iter().collect(),
            Traffic::TcpConnect(t) => t.to.iter().collect(),
            Traffic::Frames(_) => Vec::new(),
        }
    }
    /// How many get each message.
    pub fn copies(&self) -> u64 {
        match self {
            Traffic::Broadcast(t) => t.to.iter().count() as u64,
            // Nobody is meant to read them.
            Traffic::Frames(_) => 0,
            _ => 1,
        }
    }
    /// `None`: as many as a file has.
    pub fn count(&self) -> Option<&At<u64>> {
        match self {
            Traffic::Ping(t) => Some(&t.count),
            Traffic::Udp(t) => Some(&t.count),
            Traffic::Requests(t) => Some(&t.count),
            Traffic::Broadcast(t) => Some(&t.count),
            Traffic::TcpConnect(t) => Some(&t.count),
            Traffic::Replay(_) | Traffic::Frames(_) => None,
        }
    }
    pub fn size(&self) -> Option<&At<Text<Bytes>>> {
        match self {
            Traffic::Ping(t) => t.size.as_ref(),
            Traffic::Udp(t) => t.size.as_ref(),
            Traffic::Requests(t) => t.size.as_ref(),
            Traffic::Broadcast(t) => t.size.as_ref(),
            Traffic::Replay(_) | Traffic::TcpConnect(_) | Traffic::Frames(_) => None,
        }
    }
    pub fn ttl(&self) -> Option<&At<u8>> {
        match self {
            Traffic::Ping(t) => t.ttl.as_ref(),
            Traffic::Udp(t) => t.ttl.as_ref(),
            Traffic::Requests(t) => t.ttl.as_ref(),
            Traffic::Broadcast(t) => t.ttl.as_ref(),
            Traffic::Replay(t) => t.ttl.as_ref(),
            Traffic::TcpConnect(t) => t.ttl.as_ref(),
            Traffic::Frames(_) => None,
        }
    }
    pub fn start(&self) -> Option<&At<Text<Span>>> {
        any!(self, t => t.start.as_ref())
    }
    pub fn socket(&self) -> Option<&At<Socket>> {
        match self {
            Traffic::Ping(t) => t.socket.as_ref(),
            Traffic::Udp(t) => t.socket.as_ref(),
            Traffic::Requests(t) => t.socket.as_ref(),
            Traffic::Broadcast(t) => t.socket.as_ref(),
            Traffic::Replay(t) => t.socket.as_ref(),
            Traffic::TcpConnect(t) => t.socket.as_ref(),
            Traffic::Frames(_) => None,
        }
    }
    pub fn source_port(&self) -> Option<&At<u16>> {
        match self {
            Traffic::Ping(_) | Traffic::Requests(_) | Traffic::Frames(_) => None,
            Traffic::Udp(t) => t.source_port.as_ref(),
            Traffic::Broadcast(t) => t.source_port.as_ref(),
            Traffic::Replay(t) => t.source_port.as_ref(),
            Traffic::TcpConnect(t) => t.source_port.as_ref(),
        }
    }
    pub fn arrivals(&self) -> Option<&At<Arrivals>> {
        match self {
            Traffic::Udp(t) => t.arrivals.as_ref(),
            Traffic::Requests(t) => t.arrivals.as_ref(),
            Traffic::Broadcast(t) => t.arrivals.as_ref(),
            Traffic::Ping(_) | Traffic::Replay(_) | Traffic::TcpConnect(_) | Traffic::Frames(_) => None,
        }
    }
    /// The destination's address and port, where they are said.
    pub fn endpoint(&self) -> Option<(Endpoint, crate::read::Place)> {
        let address = match self {
            Traffic::Ping(_) | Traffic::Frames(_) => return None,
            Traffic::TcpConnect(t) => return t.address.get().map(|a| (a.0.0, t.address.place)),
            Traffic::Udp(t) => &t.address,
            Traffic::Requests(t) => &t.address,
            Traffic::Broadcast(t) => &t.address,
            Traffic::Replay(t) => &t.address,
        };
        address.get().map(|a| (a.0, address.place))
    }
    /// The destination's address, where it is said.
    pub fn address(&self) -> Option<(u32, crate::read::Place)> {
        match self {
            Traffic::Ping(t) => t.address.as_ref().filter(|a| a.ok).map(|a| (a.value.0.0, a.place)),
            _ => self.endpoint().map(|(e, place)| (e.address, place)),
        }
    }
    /// Every server that it wants, with where it runs and its port.
    pub fn servers(&self) -> Vec<(&At<String>, u16, Server)> {
        let Some((endpoint, _)) = self.endpoint() else { return Vec::new() };
        let listen = |at: &Option<At<Text<Ip>>>| at.as_ref().map_or(0, |a| a.value.0.0);
        let law = |of: &Option<At<Text<Law>>>| of.as_ref().map(|l| l.value.0);
        let (server, mut all) = match self {
            Traffic::Ping(_) | Traffic::TcpConnect(_) | Traffic::Frames(_) => return Vec::new(),
            Traffic::Udp(t) => (Server::Sink { listen: listen(&t.listen), service: law(&t.service) }, relays(t)),
            Traffic::Requests(t) => {
                let reply = t.reply.as_ref().map(|r| r.value.0.0);
                (Server::Echo { listen: listen(&t.listen), reply, service: law(&t.service) }, Vec::new())
            }
            Traffic::Broadcast(t) => (Server::Sink { listen: listen(&t.listen), service: None }, Vec::new()),
            Traffic::Replay(t) => (Server::Sink { listen: listen(&t.listen), service: None }, Vec::new()),
        };
        all.extend(self.to().into_iter().map(|at| (at, endpoint.port, server)));
        all
    }
}

/// Each relay, with where it sends on to.
fn relays(u: &Udp) -> Vec<(&At<String>, u16, Server)> {
    let next = |i: usize| u.through.get(i + 1).map_or(u.address.value.0, |r| r.address.value.0);
    let relay = |i: usize, r: &Relay| Server::Relay { service: r.service.as_ref().map(|s| s.value.0), to: next(i) };
    u.through.iter().enumerate().map(|(i, r)| (&r.at, r.address.port, relay(i, r))).collect()
}

/// The receiving end of a flow. `listen`: the address that it binds; `service`: how long it works on each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Reads and answers nothing.
    Sink { listen: u32, service: Option<Law> },
    /// Answers every request, with as many bytes if `reply` is `None`.
    Echo { listen: u32, reply: Option<u64>, service: Option<Law> },
    /// Sends on to the next.
    Relay { service: Option<Law>, to: Endpoint },
}
