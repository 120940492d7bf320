//! What is sent.

use crate::{
    read::At,
    values::{Endpoint, Ip, Text},
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
    pub rate: At<Text<PerSecond>>,
    /// Constant if not said.
    pub arrivals: Option<At<Arrivals>>,
    pub count: At<u64>,
    /// Bytes of payload; 64 if not said.
    pub size: Option<At<Text<Bytes>>>,
    /// The kernel's choice if not said.
    pub source_port: Option<At<u16>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
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
    /// Of an open loop; Constant if not said.
    pub arrivals: Option<At<Arrivals>>,
    pub count: At<u64>,
    /// Bytes of payload; 64 if not said; the reply has as many if not said.
    pub size: Option<At<Text<Bytes>>>,
    pub reply: Option<At<Text<Bytes>>>,
    pub ttl: Option<At<u8>>,
    pub start: Option<At<Text<Span>>>,
}

/// How the times of sending are spread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum Arrivals {
    /// The same span between any two.
    #[default]
    Constant,
    /// Spans drawn from the exponential law.
    Poisson,
}

impl Traffic {
    /// The word in the file.
    pub fn kind(&self) -> &'static str {
        match self {
            Traffic::Ping(_) => "Ping",
            Traffic::Udp(_) => "Udp",
            Traffic::Requests(_) => "Requests",
        }
    }
    pub fn from(&self) -> &At<String> {
        match self {
            Traffic::Ping(t) => &t.from,
            Traffic::Udp(t) => &t.from,
            Traffic::Requests(t) => &t.from,
        }
    }
    pub fn to(&self) -> Option<&At<String>> {
        match self {
            Traffic::Ping(t) => t.to.as_ref(),
            Traffic::Udp(t) => t.to.as_ref(),
            Traffic::Requests(t) => t.to.as_ref(),
        }
    }
    pub fn count(&self) -> &At<u64> {
        match self {
            Traffic::Ping(t) => &t.count,
            Traffic::Udp(t) => &t.count,
            Traffic::Requests(t) => &t.count,
        }
    }
    pub fn size(&self) -> Option<&At<Text<Bytes>>> {
        match self {
            Traffic::Ping(t) => t.size.as_ref(),
            Traffic::Udp(t) => t.size.as_ref(),
            Traffic::Requests(t) => t.size.as_ref(),
        }
    }
    /// The destination's address, where it is said.
    pub fn address(&self) -> Option<(u32, crate::read::Place)> {
        match self {
            Traffic::Ping(t) => t.address.as_ref().filter(|a| a.ok).map(|a| (a.value.0.0, a.place)),
            Traffic::Udp(t) => t.address.get().map(|a| (a.address, t.address.place)),
            Traffic::Requests(t) => t.address.get().map(|a| (a.address, t.address.place)),
        }
    }
    /// The port that is sent to.
    pub fn port(&self) -> Option<u16> {
        match self {
            Traffic::Ping(_) => None,
            Traffic::Udp(t) => t.address.get().map(|a| a.port),
            Traffic::Requests(t) => t.address.get().map(|a| a.port),
        }
    }
    /// What kind of server it wants: the address to bind, and for requests the bytes of a reply (`None`: as many as
    /// were asked with). `None`: it wants none.
    pub fn server(&self) -> Option<Server> {
        match self {
            Traffic::Ping(_) => None,
            Traffic::Udp(t) => Some(Server::Sink { listen: t.listen.as_ref().map_or(0, |a| a.value.0.0) }),
            Traffic::Requests(t) => Some(Server::Echo {
                listen: t.listen.as_ref().map_or(0, |a| a.value.0.0),
                reply: t.reply.as_ref().map(|r| r.value.0.0),
            }),
        }
    }
}

/// The receiving end of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// Reads and answers nothing.
    Sink { listen: u32 },
    /// Answers every request.
    Echo { listen: u32, reply: Option<u64> },
}
