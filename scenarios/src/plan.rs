//! Sweep × seeds → list of runs: a pure function of the file's text.
//!
//! A sweep's path names a value of the file; at each point that value's text is replaced by another's and the file is
//! read again, so that types are checked for free and each point is a file of its own.

use crate::{
    diagnostic::{Diagnostic, arrange, did_you_mean},
    read::List,
    source::{Range, Source},
    spec::Expectation,
    tree::{Kind, Node, word},
};
use indexmap::IndexMap;
use std::sync::Arc;

/// Most points of a file.
pub const MAX_POINTS: usize = 10_000;
/// Most seeds of a file.
pub const MAX_SEEDS: u64 = 100_000;

/// One line of `sweep`.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// As written: "traffic.web.rate".
    pub path: String,
    /// What is replaced.
    target: Range,
    /// What stands there instead: place, and text for people.
    pub values: Vec<(Range, String)>,
}

/// One point of the sweep: what to replace by what.
#[derive(Clone, Debug, Default)]
pub struct Point {
    /// "10k/s", "n=4 rate=10k/s"; empty without a sweep.
    pub label: String,
    /// Swept path → value.
    pub values: IndexMap<String, String>,
    edits: Vec<(Range, Range)>,
    /// What the file expects at this point, its places those of the point's own text.
    pub expect: Arc<List<Expectation>>,
}

impl Point {
    /// The file's text at this point.
    pub fn source(&self, file: &Arc<Source>) -> Arc<Source> {
        if self.edits.is_empty() {
            return Arc::clone(file);
        }
        let parts: Vec<String> = self.values.iter().map(|(p, v)| format!("{p} = {v}")).collect();
        Arc::new(file.splice(&parts.join(", "), &self.edits))
    }

    /// Does it have `value` for the swept path that is, or ends with, `path`? `None`: no such path.
    pub fn has(&self, path: &str, value: &str) -> Option<bool> {
        let found = self.values.iter().find(|(p, _)| ends_with(p, path))?;
        Some(found.1 == value)
    }
}

/// Is `end` the whole path, or its last parts?
pub fn ends_with(path: &str, end: &str) -> bool {
    path == end || path.strip_suffix(end).is_some_and(|front| front.ends_with('.'))
}

/// The file's sweeps; what is wrong with them goes into `sink`.
pub fn sweeps(source: &Arc<Source>, root: &Node, sink: &mut Vec<Diagnostic>) -> Vec<Sweep> {
    let Some(Node { kind: Kind::Map(entries, _), .. }) = root.field(source, "sweep") else { return Vec::new() };
    let mut sweeps: Vec<Sweep> = Vec::new();
    for (key, list) in entries {
        match sweep(source, root, key, list) {
            Ok(s) => {
                let overlaps = |o: &&Sweep| o.target.start < s.target.end && s.target.start < o.target.end;
                if let Some(other) = sweeps.iter().find(overlaps) {
                    let title = format!("`{}` and `{}` sweep the same text", other.path, s.path);
                    sink.push(Diagnostic::new(source, key.mark(), title));
                } else {
                    sweeps.push(s);
                }
            }
            Err(Some(d)) => sink.push(d),
            Err(None) => {}
        }
    }
    let points = sweeps.iter().fold(1_usize, |n, s| n.saturating_mul(s.values.len()));
    if points > MAX_POINTS {
        let title = format!("the sweep has {points} points: at most {MAX_POINTS}");
        let key = entries.first().map_or(root.range, |(k, _)| k.mark());
        sink.push(Diagnostic::new(source, key, title));
        sweeps.clear();
    }
    sweeps
}

fn sweep(source: &Arc<Source>, root: &Node, key: &Node, list: &Node) -> Result<Sweep, Option<Diagnostic>> {
    let at = |range: Range, title: String| Diagnostic::new(source, range, title);
    let path = key.text(source).ok_or(None)?.into_owned();
    let items = match &list.kind {
        Kind::List(items, _) if !items.is_empty() => items,
        Kind::List(..) => return Err(Some(at(list.range, format!("the list of values of `{path}` is empty")))),
        Kind::Bad => return Err(None),
        _ => {
            let title = format!("expected a list of values, [ … ], found {}", list.describe());
            return Err(Some(at(list.range, title)));
        }
    };
    let first = path.split('.').next().unwrap_or_default();
    if matches!(first, "sweep" | "seed" | "seeds") {
        let title = format!("`{first}` can't be swept");
        let help = if first == "sweep" {
            "a path starts at the file's outermost fields"
        } else {
            "`seeds: 10` repeats each point"
        };
        return Err(Some(at(key.mark(), title).help(help)));
    }
    let target = find(source, root, &path).map_err(|miss| {
        let title = format!("the swept path `{path}` leads nowhere: {}", miss.why);
        Some(at(key.mark(), title).maybe_help(miss.help))
    })?;
    let mut values = Vec::with_capacity(items.len());
    for item in items {
        let text = item.text(source).map_or_else(|| item.slice(source).to_owned(), |t| t.into_owned());
        if values.iter().any(|(_, v)| *v == text) {
            return Err(Some(at(item.mark(), format!("`{text}` is there twice"))));
        }
        values.push((item.range, text));
    }
    Ok(Sweep { path, target: target.range, values })
}

/// Why a path leads nowhere.
struct Miss {
    /// How far it went, to keep the best guess.
    depth: usize,
    why: String,
    help: Option<String>,
}

/// The value that `path` leads to. A name that holds dots is matched whole, longest first.
fn find<'n>(source: &Source, node: &'n Node, path: &str) -> Result<&'n Node, Miss> {
    descend(source, node, path, "the file", 0)
}

fn descend<'n>(source: &Source, node: &'n Node, path: &str, what: &str, depth: usize) -> Result<&'n Node, Miss> {
    if path.is_empty() {
        return Ok(node);
    }
    let miss = |why: String, help| Err(Miss { depth, why, help });
    let children: Vec<(String, &Node)> = match &node.kind {
        Kind::Struct { fields, .. } => fields.iter().map(|(n, v)| (word(source, *n).to_owned(), v)).collect(),
        Kind::Map(entries, _) => {
            entries.iter().filter_map(|(k, v)| k.text(source).map(|t| (t.into_owned(), v))).collect()
        }
        Kind::List(items, _) => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        Kind::Tuple { name: Some(_), items } if items.len() == 1 => {
            return descend(source, &items[0], path, what, depth);
        }
        Kind::Tuple { items, .. } => items.iter().enumerate().map(|(i, v)| (i.to_string(), v)).collect(),
        _ => return miss(format!("{what} is {}, with nothing inside", node.describe()), None),
    };
    let rest = |name: &str| {
        let after = path.strip_prefix(name)?;
        if after.is_empty() { Some(after) } else { after.strip_prefix('.') }
    };
    let mut fits: Vec<_> = children.iter().filter_map(|(name, v)| rest(name).map(|r| (name, *v, r))).collect();
    fits.sort_by_key(|(name, _, _)| std::cmp::Reverse(name.len()));
    let mut best: Option<Miss> = None;
    for (name, value, rest) in fits {
        match descend(source, value, rest, &format!("`{name}`"), depth + 1) {
            Ok(found) => return Ok(found),
            Err(m) if best.as_ref().is_none_or(|b| m.depth > b.depth) => best = Some(m),
            Err(_) => {}
        }
    }
    if let Some(best) = best {
        return Err(best);
    }
    let next = path.split('.').next().unwrap_or(path);
    let help = did_you_mean(next, children.iter().map(|(n, _)| n.as_str())).or_else(|| match node.kind {
        Kind::Struct { .. } => Some(format!("if it is a field, write the value that `{next}` has without the sweep")),
        _ => None,
    });
    miss(format!("{what} has no `{next}` written in it"), help)
}

/// Every combination of the values, the last sweep changing fastest; one point without edits if nothing is swept.
pub fn points(sweeps: &[Sweep]) -> Vec<Point> {
    let mut points = vec![Point::default()];
    for s in sweeps {
        points = points
            .iter()
            .flat_map(|p| {
                s.values.iter().map(|(range, text)| {
                    let mut p = p.clone();
                    p.values.insert(s.path.clone(), text.clone());
                    p.edits.push((s.target, *range));
                    p
                })
            })
            .collect();
    }
    for p in &mut points {
        p.label = label(&p.values);
    }
    points
}

/// The value alone if one thing is swept, else "name=value" of each.
fn label(values: &IndexMap<String, String>) -> String {
    if values.len() == 1 {
        return values[0].clone();
    }
    let parts: Vec<String> = values.iter().map(|(p, v)| format!("{}={v}", short_name(p, values))).collect();
    parts.join(" ")
}

/// As many of a path's last parts as tell it from the other ones.
fn short_name<'p>(path: &'p str, all: &IndexMap<String, String>) -> &'p str {
    let ends = path.rmatch_indices('.').map(|(i, _)| &path[i + 1..]);
    let alone = |end: &&str| all.keys().filter(|other| ends_with(other, end)).count() == 1;
    ends.into_iter().find(alone).unwrap_or(path)
}

/// Everything there is to run of one file.
#[derive(Debug)]
pub struct Plan {
    pub source: Arc<Source>,
    pub title: String,
    pub profile: String,
    pub points: Vec<Point>,
    pub seeds: Vec<u64>,
}

/// Reads a file's text, and the text of each of its points.
///
/// # Errors
/// Every mistake that can be known before a kernel is asked.
pub fn plan(source: &Arc<Source>) -> Result<Plan, Vec<Diagnostic>> {
    let (scenario, sweeps, mut sink) = crate::load::understand(source);
    let mut scenario = match scenario {
        Some(s) if sink.is_empty() => s,
        _ => {
            arrange(&mut sink);
            return Err(sink);
        }
    };
    let mut points = points(&sweeps);
    for point in &mut points {
        if point.edits.is_empty() {
            point.expect = Arc::new(std::mem::take(&mut scenario.expect));
            continue;
        }
        let (scenario, _, mistakes) = crate::load::understand(&point.source(source));
        sink.extend(mistakes);
        point.expect = Arc::new(scenario.map(|s| s.expect).unwrap_or_default());
    }
    if !sink.is_empty() {
        arrange(&mut sink);
        return Err(sink);
    }
    let first = scenario.seed.as_ref().map_or(1, |s| **s);
    let count = scenario.seeds.as_ref().map_or(1, |s| **s);
    Ok(Plan {
        source: Arc::clone(source),
        title: scenario.title.value.clone(),
        profile: scenario.profile_name().to_owned(),
        points,
        seeds: (0..count).map(|i| first.wrapping_add(i)).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"(title: "x", vars: {"n": 1}, hosts: {"h1": (namespaces: {"root": (
        sysctls: {"net.ipv4.ip_forward": 1, "net.ipv4.conf.eth0.100.rp_filter": 0},
        devices: {"eth0": Physical(rate: "10gbit"), "eth0.100": Dummy(mtu: 1400)})})},
        traffic: {"web": Udp(from: "h1/root", address: "10.0.0.1:1", rate: "1/s", count: 1)}, SWEEP)"#;

    fn read(sweep: &str) -> (Arc<Source>, Vec<Sweep>, Vec<String>) {
        let source = Arc::new(Source::new("x.ron", TEXT.replace("SWEEP", sweep)));
        let (root, mut sink) = crate::tree::parse(&source);
        let sweeps = sweeps(&source, &root.unwrap(), &mut sink);
        (source, sweeps, sink.iter().map(|d| format!("{} | {}", d.title, d.help.clone().unwrap_or_default())).collect())
    }

    #[test]
    fn points_are_every_combination_and_texts_of_their_own() {
        let (source, sweeps, errors) = read(
            r#"sweep: {"vars.n": [1, 2], "traffic.web.rate": ["1/s", "5k/s"],
               "hosts.h1.namespaces.root.sysctls.net.ipv4.ip_forward": [0]}"#,
        );
        assert_eq!(errors, Vec::<String>::new());
        let points = points(&sweeps);
        let labels: Vec<&str> = points.iter().map(|p| p.label.as_str()).collect();
        assert_eq!(
            labels,
            [
                "n=1 rate=1/s ip_forward=0",
                "n=1 rate=5k/s ip_forward=0",
                "n=2 rate=1/s ip_forward=0",
                "n=2 rate=5k/s ip_forward=0"
            ]
        );
        let text = &points[3].source(&source).text;
        assert!(
            text.contains("\"n\": 2") && text.contains("rate: \"5k/s\"") && text.contains("ip_forward\": 0"),
            "{text}"
        );
        assert_eq!(points[3].has("rate", "5k/s"), Some(true));
        assert_eq!(points[3].has("ip_forward", "1"), Some(false));
        assert_eq!(points[3].has("forward", "1"), None);
        let all = |paths: &[&str]| paths.iter().map(|p| ((*p).to_owned(), "1".to_owned())).collect();
        assert_eq!(label(&all(&["traffic.a.rate", "traffic.b.rate", "vars.n"])), "a.rate=1 b.rate=1 n=1");
    }

    #[test]
    fn a_name_with_dots_is_matched_whole() {
        let (source, sweeps, _) = read(
            r#"sweep: {"hosts.h1.namespaces.root.devices.eth0.100.mtu": [9000],
               "hosts.h1.namespaces.root.sysctls.net.ipv4.conf.eth0.100.rp_filter": [1]}"#,
        );
        let text = &points(&sweeps)[0].source(&source).text;
        assert!(text.contains("Dummy(mtu: 9000)") && text.contains("rp_filter\": 1"), "{text}");
    }

    #[test]
    fn a_path_that_leads_nowhere_says_where_it_stopped() {
        for (sweep, want) in [
            (r#"sweep: {"traffic.wbe.rate": [1]}"#, "`traffic` has no `wbe` written in it | did you mean `web`?"),
            (
                r#"sweep: {"traffic.web.size": [1]}"#,
                "`web` has no `size` written in it | if it is a field, write the value that `size` has without the sweep",
            ),
            (r#"sweep: {"title.x": [1]}"#, "`title` is a string, with nothing inside | "),
            (r#"sweep: {"seeds": [1]}"#, "`seeds` can't be swept | `seeds: 10` repeats each point"),
            (r#"sweep: {"vars.n": []}"#, "the list of values of `vars.n` is empty | "),
            (r#"sweep: {"vars.n": [1, 1]}"#, "`1` is there twice | "),
            (r#"sweep: {"vars": [{"n": 2}], "vars.n": [1]}"#, "`vars` and `vars.n` sweep the same text | "),
        ] {
            let (_, _, errors) = read(sweep);
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(errors[0].ends_with(want), "{errors:?}");
        }
        let list = |n: usize| (0..n).map(|i| i.to_string()).collect::<Vec<_>>().join(",");
        let (_, _, errors) =
            read(&format!(r#"sweep: {{"vars.n": [{}], "traffic.web.count": [{}]}}"#, list(200), list(100)));
        assert_eq!(errors, ["the sweep has 20000 points: at most 10000 | "]);
    }
}
