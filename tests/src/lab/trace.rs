//! `trace.txt`: what a kernel did in a lab. Blocks `== NS/DEV` with frames in order of capture, `== results`, and
//! `== state NS` with the final tables and the counters as differences from before the first action.

use super::frame::LabFrame;
use indexmap::IndexMap;
use serde_json::Value;
use sim_models::packet::{Ip4Addr, Mac};
use std::{collections::BTreeMap, fmt, fmt::Write as _};

/// Everything that was seen of one lab.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// "NS/DEV" → frames; devices that saw none are left out.
    pub frames: IndexMap<String, Vec<LabFrame>>,
    /// Actions that have a result, as written, with their result line.
    pub results: Vec<(String, Value)>,
    /// Namespace → what it ended with.
    pub state: IndexMap<String, NsState>,
}

/// The final tables and counters of one namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NsState {
    pub neigh: Vec<Neigh>,
    pub fdb: Vec<Fdb>,
    /// Device → counters received and sent; devices without any are left out.
    pub link: BTreeMap<String, Link>,
    /// "Ip.InReceives" → difference.
    pub snmp: BTreeMap<String, u64>,
}

/// One neighbour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neigh {
    pub dst: Ip4Addr,
    pub dev: String,
    pub lladdr: Option<Mac>,
    /// "REACHABLE"
    pub state: String,
}

/// One learned entry of a bridge's forwarding database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fdb {
    pub mac: Mac,
    pub dev: String,
    pub master: String,
}

/// Counters of one device under iproute2's JSON names; zeros are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub rx: Vec<(String, u64)>,
    pub tx: Vec<(String, u64)>,
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (dev, frames) in &self.frames {
            writeln!(f, "== {dev}")?;
            for (i, frame) in frames.iter().enumerate() {
                writeln!(f, "{i:3} {frame}")?;
            }
        }
        writeln!(f, "== results")?;
        for (action, result) in &self.results {
            writeln!(f, "{action}  =>  {}", Json(result))?;
        }
        for (ns, state) in &self.state {
            write!(f, "== state {ns}\n{state}")?;
        }
        Ok(())
    }
}

impl fmt::Display for NsState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Neigh { dst, dev, lladdr, state } in &self.neigh {
            let lladdr = lladdr.map_or_else(|| "None".to_owned(), |m| m.to_string());
            writeln!(f, "neigh {dst} dev {dev} lladdr {lladdr} {state}")?;
        }
        for Fdb { mac, dev, master } in &self.fdb {
            writeln!(f, "fdb {mac} dev {dev} master {master}")?;
        }
        for (dev, Link { rx, tx }) in &self.link {
            writeln!(f, "link {dev} rx {} tx {}", counters(rx), counters(tx))?;
        }
        let snmp: Vec<String> = self.snmp.iter().map(|(name, n)| format!("{name}={n}")).collect();
        writeln!(f, "snmp {}", snmp.join(" "))
    }
}

fn counters(all: &[(String, u64)]) -> String {
    let all: Vec<String> = all.iter().map(|(name, n)| format!("\"{name}\": {n}")).collect();
    format!("{{{}}}", all.join(", "))
}

/// The names that a result line may have, in the order in which it has them.
const RESULT_NAMES: [&str; 9] = ["connected", "echoed", "sent", "reply", "res", "rc", "out", "err", "fault"];

/// Prints a result as it was recorded: a blank after `:` and `,`, names in the order of [`RESULT_NAMES`].
pub struct Json<'a>(pub &'a Value);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Object(map) => {
                let rank = |name: &str| RESULT_NAMES.iter().position(|n| *n == name).unwrap_or(RESULT_NAMES.len());
                let mut names: Vec<&String> = map.keys().collect();
                names.sort_by_key(|n| (rank(n), n.as_str()));
                let all: Vec<String> = names.iter().map(|n| format!("\"{n}\": {}", Json(&map[n.as_str()]))).collect();
                write!(f, "{{{}}}", all.join(", "))
            }
            Value::Array(list) => {
                let all: Vec<String> = list.iter().map(|v| Json(v).to_string()).collect();
                write!(f, "[{}]", all.join(", "))
            }
            other => other.fmt(f),
        }
    }
}

/// Where the reader stands.
enum Block {
    Start,
    Device(String),
    Results,
    State(String),
}

/// Reads a `trace.txt`. What is read prints as the same line again: nothing of it is lost.
///
/// # Errors
/// The line, and what is wrong with it.
pub fn parse(text: &str) -> Result<Trace, String> {
    let mut trace = Trace::default();
    let mut block = Block::Start;
    for (i, line) in text.lines().enumerate() {
        let at = |what: String| format!("line {}: {what}", i + 1);
        if let Some(title) = line.strip_prefix("== ") {
            block = open(&mut trace, title).map_err(at)?;
            continue;
        }
        let again = match &block {
            Block::Start => Err("no block has begun".to_owned()),
            Block::Device(dev) => frame(&mut trace, dev, line),
            Block::Results => result(&mut trace, line),
            Block::State(ns) => state(trace.state.entry(ns.clone()).or_default(), line),
        };
        let again = again.map_err(at)?;
        if again != line {
            return Err(at(format!("it reads back as `{again}`")));
        }
    }
    Ok(trace)
}

fn open(trace: &mut Trace, title: &str) -> Result<Block, String> {
    if title == "results" {
        return Ok(Block::Results);
    }
    if let Some(ns) = title.strip_prefix("state ") {
        return match trace.state.insert(ns.to_owned(), NsState::default()) {
            None => Ok(Block::State(ns.to_owned())),
            Some(_) => Err(format!("a second state of {ns}")),
        };
    }
    match trace.frames.insert(title.to_owned(), Vec::new()) {
        None if title.contains('/') => Ok(Block::Device(title.to_owned())),
        None => Err(format!("`{title}` is not NS/DEV")),
        Some(_) => Err(format!("a second block of {title}")),
    }
}

fn frame(trace: &mut Trace, dev: &str, line: &str) -> Result<String, String> {
    let (_, text) = line.trim_start().split_once(' ').ok_or("a frame has a number")?;
    let frame: LabFrame = text.parse()?;
    let frames = trace.frames.entry(dev.to_owned()).or_default();
    let again = format!("{:3} {frame}", frames.len());
    frames.push(frame);
    Ok(again)
}

fn result(trace: &mut Trace, line: &str) -> Result<String, String> {
    let (action, json) = line.split_once("  =>  ").ok_or("a result is `ACTION  =>  JSON`")?;
    let value: Value = serde_json::from_str(json).map_err(|e| e.to_string())?;
    let again = format!("{action}  =>  {}", Json(&value));
    trace.results.push((action.to_owned(), value));
    Ok(again)
}

fn state(ns: &mut NsState, line: &str) -> Result<String, String> {
    let mut again = String::new();
    let words: Vec<&str> = line.split(' ').collect();
    let bad = || format!("`{line}` is no line of a state");
    match words.as_slice() {
        ["neigh", dst, "dev", dev, "lladdr", lladdr, state] => {
            let lladdr = if *lladdr == "None" { None } else { Some(lladdr.parse()?) };
            let dst = dst.parse().map_err(|_| bad())?;
            ns.neigh.push(Neigh { dst, dev: (*dev).to_owned(), lladdr, state: (*state).to_owned() });
        }
        ["fdb", mac, "dev", dev, "master", master] => {
            ns.fdb.push(Fdb { mac: mac.parse()?, dev: (*dev).to_owned(), master: (*master).to_owned() });
        }
        ["link", dev, "rx", ..] => {
            let (rx, tx) = line["link  rx ".len() + dev.len()..].split_once(" tx ").ok_or_else(bad)?;
            ns.link.insert((*dev).to_owned(), Link { rx: read_counters(rx)?, tx: read_counters(tx)? });
        }
        ["snmp", pairs @ ..] => {
            for pair in pairs.iter().filter(|p| !p.is_empty()) {
                let (name, n) = pair.split_once('=').ok_or_else(bad)?;
                ns.snmp.insert(name.to_owned(), n.parse().map_err(|_| bad())?);
            }
        }
        _ => return Err(bad()),
    }
    // Each kind of line prints its whole table: the last line of that kind is the one just read.
    let kind = words[0];
    let _ = write!(again, "{ns}");
    let dev = if kind == "link" { format!("link {} ", words[1]) } else { format!("{kind} ") };
    again.lines().rfind(|l| l.starts_with(&dev)).map(str::to_owned).ok_or_else(bad)
}

fn read_counters(text: &str) -> Result<Vec<(String, u64)>, String> {
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')).ok_or("counters stand in braces")?;
    let pair = |p: &str| {
        let (name, n) = p.split_once(": ").ok_or_else(|| format!("`{p}` is no counter"))?;
        Ok((name.trim_matches('"').to_owned(), n.parse().map_err(|_| format!("`{p}`: bad number"))?))
    };
    inner.split(", ").filter(|p| !p.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab;

    #[test]
    fn every_trace_reads_and_prints_the_same() {
        for name in lab::names() {
            let text = lab::read(&name, "trace.txt").unwrap();
            let trace = parse(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
            assert_eq!(trace.to_string(), text, "{name}");
        }
    }

    #[test]
    fn results_belong_to_actions_in_order() {
        for name in lab::names() {
            let trace = parse(&lab::read(&name, "trace.txt").unwrap()).unwrap();
            let script = lab::script::parse(&lab::read(&name, "setup.sh").unwrap()).unwrap();
            let with_result: Vec<&str> = script
                .actions
                .iter()
                .map(|a| a.text.as_str())
                .filter(|a| !a.starts_with("serve ") && !a.starts_with("sleep "))
                .collect();
            let results: Vec<&str> = trace.results.iter().map(|r| r.0.as_str()).collect();
            assert_eq!(results, with_result, "{name}");
        }
    }

    #[test]
    fn a_broken_trace_is_refused_by_line() {
        let text = lab::read("veth_ping", "trace.txt").unwrap();
        for (from, to, line) in [
            ("== a/eth0", "=> a/eth0", 1),
            ("  1 in ", "  2 in ", 3),
            ("proto=1 DF", "proto=01 DF", 4),
            ("== b/eth0", "== a/eth0", 8),
            ("\"rc\": 0", "\"rc\":0", 16),
            ("neigh 10.0.0.2", "neigh 10.0.0", 18),
            ("rx {\"bytes\"", "rx {bytes", 19),
            ("snmp Icmp.InEchoReps=2", "snmp Icmp.InEchoReps", 20),
            ("== state b", "== state a", 21),
        ] {
            let bad = text.replacen(from, to, 1);
            assert_ne!(bad, text);
            let error = parse(&bad).unwrap_err();
            assert!(error.starts_with(&format!("line {line}: ")), "{from}: {error}");
        }
    }
}
