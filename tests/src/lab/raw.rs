//! `state.json`: what a trace's text leaves out. From it come the frames' lengths, TOS and echo identifiers, and the
//! order of frames across the devices of one namespace.

use indexmap::IndexMap;
use serde_json::Value;
use sim_models::packet::{Frame, L4, Net};
use std::fmt;

/// One frame in the order in which its namespace saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawFrame {
    pub dev: String,
    /// "out", "in", …
    pub dir: String,
    /// Bytes with the Ethernet header.
    pub len: u32,
    /// Type of service of an IPv4 packet.
    pub tos: Option<u8>,
    /// Identifier of an echo request or reply.
    pub echo_id: Option<u16>,
}

impl RawFrame {
    /// What a tap on `dev` saw.
    pub fn of(dev: &str, dir: &str, frame: &Frame) -> RawFrame {
        let echo_id = match &frame.net {
            Net::Ip4(_, L4::Icmp(icmp)) if matches!(icmp.kind, 0 | 8) => Some((icmp.rest >> 16) as u16),
            _ => None,
        };
        RawFrame {
            dev: dev.to_owned(),
            dir: dir.to_owned(),
            len: frame.len(),
            tos: frame.ip4().map(|ip| ip.tos),
            echo_id,
        }
    }
}

impl fmt::Display for RawFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} bytes", self.dev, self.dir, self.len)?;
        self.tos.map_or(Ok(()), |tos| write!(f, " tos={tos}"))?;
        self.echo_id.map_or(Ok(()), |id| write!(f, " id={id}"))
    }
}

/// Namespace → its frames, all devices in one order.
///
/// # Errors
/// The text is not a lab's `state.json`.
pub fn frames(json: &str) -> Result<IndexMap<String, Vec<RawFrame>>, String> {
    let all: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let list = all["frames"].as_array().ok_or("no frames")?;
    let mut out: IndexMap<String, Vec<RawFrame>> = IndexMap::new();
    for f in list {
        let text = |name: &str| f[name].as_str().map(str::to_owned).ok_or_else(|| format!("a frame without `{name}`"));
        let number = |name: &str| f[name].as_u64().and_then(|n| u32::try_from(n).ok());
        out.entry(text("ns")?).or_default().push(RawFrame {
            dev: text("dev")?,
            dir: text("dir")?,
            len: number("flen").ok_or("a frame without `flen`")?,
            tos: number("tos").and_then(|n| u8::try_from(n).ok()),
            echo_id: number("icmp_id").and_then(|n| u16::try_from(n).ok()),
        });
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{self, trace};

    /// Both files of a lab tell of the same frames: device by device the same directions in the same order.
    #[test]
    fn the_raw_frames_are_those_of_the_trace() {
        for name in lab::names() {
            let raw = frames(&lab::read(&name, "state.json").unwrap()).unwrap();
            let trace = trace::parse(&lab::read(&name, "trace.txt").unwrap()).unwrap();
            let mut seen = 0;
            for (path, frames) in &trace.frames {
                let (ns, dev) = path.split_once('/').unwrap();
                let ours: Vec<String> = frames.iter().map(|f| f.to_string()[..3].trim_end().to_owned()).collect();
                let theirs: Vec<String> = raw[ns].iter().filter(|r| r.dev == dev).map(|r| r.dir.clone()).collect();
                assert_eq!(ours, theirs, "{name} {path}");
                seen += frames.len();
            }
            assert_eq!(seen, raw.values().map(Vec::len).sum::<usize>(), "{name}");
        }
    }

    /// ICMP errors carry TOS 0xc0, echo requests the identifier that `ping -e 7` asks for.
    #[test]
    fn what_the_text_leaves_out_is_read() {
        let raw = frames(&lab::read("ttl", "state.json").unwrap()).unwrap();
        assert_eq!(raw["a"][3].to_string(), "eth0 in 80 bytes tos=192");
        let raw = frames(&lab::read("veth_ping", "state.json").unwrap()).unwrap();
        assert_eq!(raw["b"][2].to_string(), "eth0 in 98 bytes tos=0 id=7");
    }
}
