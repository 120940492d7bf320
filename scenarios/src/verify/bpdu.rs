//! A BPDU as a trace has it: "config root=1000.02:00:00:00:00:02 cost=0 bridge=1000.02:00:00:00:00:02.8001 age=0 max=5120
//! hello=512 delay=512 tc ack", or "tcn".

use super::frame::Words;
use sim_models::packet::{Bpdu, BridgeId, stp::Config};
use std::fmt;

/// Every field; times as they are on the wire, in 1/256 s.
pub(super) fn write(f: &mut fmt::Formatter<'_>, bpdu: &Bpdu) -> fmt::Result {
    let Bpdu::Config(c) = bpdu else { return write!(f, "STP tcn") };
    write!(f, "STP config root={} cost={} bridge={}.{:04x}", c.root, c.root_path_cost, c.bridge, c.port)?;
    write!(f, " age={} max={}", c.message_age, c.max_age)?;
    write!(f, " hello={} delay={}", c.hello_time, c.forward_delay)?;
    if c.topology_change {
        write!(f, " tc")?;
    }
    if c.topology_change_ack {
        write!(f, " ack")?;
    }
    Ok(())
}

/// "1000.02:00:00:00:00:02"
fn id(text: &str) -> Option<BridgeId> {
    let (priority, mac) = text.split_once('.')?;
    Some(BridgeId::new(u16::from_str_radix(priority, 16).ok()?, mac.parse().ok()?))
}

/// Reads what [`write`] has written.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(words: &mut Words<'_>) -> Result<Bpdu, String> {
    match words.next()? {
        "tcn" => return Ok(Bpdu::Tcn),
        "config" => {}
        other => return Err(format!("`{other}` is no BPDU")),
    }
    let root: String = words.after("root=")?;
    let root_path_cost = words.after("cost=")?;
    let sender: String = words.after("bridge=")?;
    let bad = |text: &str| format!("`{text}` is no bridge");
    let (bridge, port) = sender.rsplit_once('.').ok_or_else(|| bad(&sender))?;
    let mut c = Config {
        root: id(&root).ok_or_else(|| bad(&root))?,
        root_path_cost,
        bridge: id(bridge).ok_or_else(|| bad(bridge))?,
        port: u16::from_str_radix(port, 16).map_err(|_| bad(&sender))?,
        message_age: words.after("age=")?,
        max_age: words.after("max=")?,
        hello_time: words.after("hello=")?,
        forward_delay: words.after("delay=")?,
        ..Config::default()
    };
    for (word, flag) in [("tc", &mut c.topology_change), ("ack", &mut c.topology_change_ack)] {
        if words.peek() == word {
            words.next()?;
            *flag = true;
        }
    }
    Ok(Bpdu::Config(c))
}
