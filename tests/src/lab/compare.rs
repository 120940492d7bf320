//! Tells two traces of one lab apart: every frame on every device in order, every result, every final table and
//! counter. Nothing is masked here; what may differ is named in [`super::rules`].

use super::trace::{Json, Trace};
use indexmap::IndexMap;
use std::fmt;

/// One block of a lab in which the simulator and the kernel disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// "host/v1", "results", "state a"
    pub block: String,
    /// The first line that differs, from 0.
    pub first: usize,
    pub kernel: Vec<String>,
    pub simulator: Vec<String>,
}

/// All blocks in which the two disagree, in the kernel's order, then those that only the simulator has.
pub fn differences(kernel: &Trace, simulator: &Trace) -> Vec<Difference> {
    let (kernel, simulator) = (blocks(kernel), blocks(simulator));
    let none = Vec::new();
    let mut names: Vec<&String> = kernel.keys().collect();
    names.extend(simulator.keys().filter(|n| !kernel.contains_key(*n)));
    let mut out = Vec::new();
    for name in names {
        let (k, s) = (kernel.get(name).unwrap_or(&none), simulator.get(name).unwrap_or(&none));
        // A block without a line on one side and absent on the other still differs by its presence.
        if kernel.contains_key(name) == simulator.contains_key(name) {
            out.extend(lines(name, k, s));
        } else {
            out.push(Difference { block: name.clone(), first: 0, kernel: k.clone(), simulator: s.clone() });
        }
    }
    out
}

/// Tells two lists of lines apart.
pub fn lines(block: &str, kernel: &[String], simulator: &[String]) -> Option<Difference> {
    if kernel == simulator {
        return None;
    }
    let same = kernel.iter().zip(simulator).position(|(a, b)| a != b);
    let first = same.unwrap_or(kernel.len().min(simulator.len()));
    Some(Difference { block: block.to_owned(), first, kernel: kernel.to_vec(), simulator: simulator.to_vec() })
}

/// A trace as blocks of lines.
fn blocks(trace: &Trace) -> IndexMap<String, Vec<String>> {
    let mut blocks = IndexMap::new();
    for (dev, frames) in &trace.frames {
        blocks.insert(dev.clone(), frames.iter().map(ToString::to_string).collect());
    }
    let results = trace.results.iter().map(|(action, value)| format!("{action}  =>  {}", Json(value)));
    blocks.insert("results".to_owned(), results.collect());
    for (ns, state) in &trace.state {
        blocks.insert(format!("state {ns}"), state.to_string().lines().map(split_snmp).collect::<Vec<_>>().concat());
    }
    blocks
}

/// Counters one a line, so that a difference names the counter.
fn split_snmp(line: &str) -> Vec<String> {
    match line.strip_prefix("snmp ") {
        Some(rest) => rest.split_whitespace().map(|c| format!("snmp {c}")).collect(),
        None => vec![line.to_owned()],
    }
}

/// Lines shown before and after the first that differs.
const CONTEXT: usize = 2;

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (k, s) = (&self.kernel, &self.simulator);
        writeln!(f, "== {}: line {} differs (kernel {}, simulator {})", self.block, self.first, k.len(), s.len())?;
        let end = (self.first + CONTEXT + 1).min(k.len().max(s.len()));
        for i in self.first.saturating_sub(CONTEXT)..end {
            match (k.get(i), s.get(i)) {
                (Some(a), Some(b)) if a == b => writeln!(f, "{i:4} both      {a}")?,
                (a, b) => {
                    let (a, b) = (a.map_or("-", String::as_str), b.map_or("-", String::as_str));
                    writeln!(f, "{i:4} kernel    {a}\n     simulator {b}")?;
                    let same = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
                    writeln!(f, "               {:same$}^", "")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::{self, trace};

    #[test]
    fn a_trace_equals_itself() {
        for name in lab::names() {
            let t = trace::parse(&lab::read(&name, "trace.txt").unwrap()).unwrap();
            assert_eq!(differences(&t, &t.clone()), []);
        }
    }

    /// Changes the last letter or digit of every word of every line of every trace in turn. Each change must make the
    /// text unreadable or be reported as a difference. Block by block, for speed.
    #[test]
    fn no_changed_field_is_hidden() {
        let (mut unreadable, mut reported) = (0, 0);
        for name in lab::names() {
            let text = lab::read(&name, "trace.txt").unwrap();
            for block in
                text.split("\n== ").map(|b| format!("== {}\n", b.trim_start_matches("== ").trim_end_matches('\n')))
            {
                let good = trace::parse(&block).unwrap();
                for (i, _) in block.match_indices([' ', '\n']) {
                    let Some(at) = block[..i].rfind(|c: char| c.is_ascii_alphanumeric()) else { continue };
                    let mut bad = block.clone().into_bytes();
                    bad[at] = match bad[at] {
                        b'9' => b'8',
                        b'z' => b'y',
                        b'Z' => b'Y',
                        c => c + 1,
                    };
                    match trace::parse(&String::from_utf8(bad).unwrap()) {
                        Err(_) => unreadable += 1,
                        Ok(other) => {
                            assert!(!differences(&good, &other).is_empty(), "{name}: byte {at} of\n{block}");
                            reported += 1;
                        }
                    }
                }
            }
        }
        assert!(reported > 6_500 && reported + unreadable > 11_000, "{reported} reported, {unreadable} unreadable");
    }

    #[test]
    fn lines_out_of_order_left_out_or_added_are_differences() {
        let text = lab::read("bridge3", "trace.txt").unwrap();
        let good = trace::parse(&text).unwrap();
        let mut swapped = good.clone();
        swapped.frames["host/v1"].swap(1, 2);
        let mut shorter = good.clone();
        shorter.frames["host/v1"].pop();
        let mut without = good.clone();
        without.frames.shift_remove("host/br0");
        let mut poorer = good.clone();
        poorer.state["c1"].snmp.remove("Ip.InDelivers");
        let mut richer = good.clone();
        richer.frames.insert("host/lo".into(), Vec::new());
        for (bad, block, first) in [
            (swapped, "host/v1", 1),
            (shorter, "host/v1", 7),
            (without, "host/br0", 0),
            (poorer, "state c1", 13),
            (richer, "host/lo", 0),
        ] {
            let found = differences(&good, &bad);
            assert_eq!(found.len(), 1);
            assert_eq!((found[0].block.as_str(), found[0].first), (block, first));
        }
    }

    #[test]
    fn a_difference_points_at_the_first_frame() {
        let text = lab::read("veth_ping", "trace.txt").unwrap();
        let good = trace::parse(&text).unwrap();
        let bad = trace::parse(&text.replacen("ttl=64 len=84 proto=1 icmp", "ttl=63 len=84 proto=1 icmp", 1)).unwrap();
        let [found] = &differences(&good, &bad)[..] else { panic!("one block differs") };
        let shown = found.to_string();
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "== a/eth0: line 3 differs (kernel 6, simulator 6)");
        assert!(lines[1].starts_with("   1 both      in  02:"));
        assert!(lines[3].contains("ttl=64") && lines[3].starts_with("   3 kernel    in"), "{shown}");
        assert!(lines[4].contains("ttl=63") && lines[4].starts_with("     simulator in"), "{shown}");
        assert_eq!(lines[5].find('^'), lines[4].find("3 len"), "{shown}");
    }
}
