//! The repository's own rules: which crate may use which, lengths, banned words, and that nothing that is listed in
//! the code (drop reasons, hops, drivers, tests) is forgotten.

use onerouter_tests::source::{self, Rust};
use std::collections::BTreeMap;

/// The five crates from left to right: a crate may use those to its left.
const CRATES: [(&str, &str); 5] = [
    ("sim-core", "sim-core"),
    ("sim-models", "sim-models"),
    ("scenarios", "scenarios"),
    ("reports", "reports"),
    ("tests", "onerouter-tests"),
];

/// What else the two simulation crates may use: nothing that has a clock, a thread or a random seed of its own.
const SIMULATION_MAY_USE: [(&str, &[&str]); 2] =
    [("sim-core", &["rand", "libm"]), ("sim-models", &["serde", "indexmap", "rustc-hash", "prefix-trie"])];

const MAX_FILE: usize = 500;
const MAX_FUNCTION: usize = 70;

/// Words that the engine does not know.
const NETWORKING: [&str; 30] = [
    "packet",
    "packets",
    "socket",
    "sockets",
    "ip",
    "ipv4",
    "ipv6",
    "arp",
    "icmp",
    "udp",
    "tcp",
    "ethernet",
    "mac",
    "vlan",
    "veth",
    "bridge",
    "router",
    "routers",
    "route",
    "routes",
    "netns",
    "nic",
    "skb",
    "skbuff",
    "subnet",
    "mtu",
    "ttl",
    "datagram",
    "netdevice",
    "qdisc",
];

/// Drop reasons that the model can't give yet. Whoever adds what they are for takes them off this list: frames that
/// arrive damaged, wires that lose, netfilter, TCP data, the memory limit of UDP, devices that go while packets wait,
/// the switch that refuses unicast in a group frame.
const REASONS_WITHOUT_USE: [&str; 7] =
    ["WIRE_LOSS", "NETFILTER_DROP", "TCP_RESET", "PROTO_MEM", "DEV_READY", "NEIGH_DEAD", "UNICAST_IN_L2_MULTICAST"];

/// The same for hops.
const HOPS_WITHOUT_USE: [&str; 0] = [];

/// All Rust files, cut apart.
fn rust() -> BTreeMap<String, Rust> {
    let files = source::files().into_iter().filter(|f| f.ends_with(".rs"));
    files.filter_map(|f| source::text(&f).map(|t| (f, Rust::of(&t)))).collect()
}

/// Fails with all findings at once.
fn none(what: &str, findings: &[String]) {
    assert!(findings.is_empty(), "{what}:\n  {}", findings.join("\n  "));
}

/// Words of letters, digits and `_`, with the number of their line.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let of_line = |l| str::split(l, |c: char| !c.is_alphanumeric() && c != '_').filter(|w: &&str| !w.is_empty());
    text.lines().enumerate().flat_map(move |(i, l)| of_line(l).map(move |w| (i + 1, w)))
}

/// (section, name) of every dependency in a manifest.
fn dependencies(manifest: &str) -> Vec<(String, String)> {
    let mut section = String::new();
    let mut out = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_matches(['[', ']']).to_owned();
            if let Some((kind, dep)) = section.rsplit_once("dependencies.") {
                out.push((format!("{kind}dependencies"), dep.to_owned()));
            }
        } else if section.ends_with("dependencies") && !line.starts_with('#') {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default().trim_matches('"');
            if !name.is_empty() {
                out.push((section.clone(), name.to_owned()));
            }
        }
    }
    out
}

#[test]
fn a_crate_uses_only_those_to_its_left() {
    let mut findings = Vec::new();
    for (place, (folder, _)) in CRATES.iter().enumerate() {
        let manifest = source::text(&format!("{folder}/Cargo.toml")).expect("every crate has a manifest");
        let deps = dependencies(&manifest);
        assert!(deps.len() > 1, "{folder}: no dependencies were read");
        let other = SIMULATION_MAY_USE.iter().find(|m| m.0 == *folder).map(|m| m.1);
        for (section, dep) in deps {
            match CRATES.iter().position(|c| c.1 == dep) {
                Some(other) if other < place => {}
                None if other.is_none_or(|o| o.contains(&dep.as_str())) => {}
                _ => findings.push(format!("{folder}: [{section}] {dep}")),
            }
        }
    }
    none("edges that may not be", &findings);
}

#[test]
fn dependencies_are_read_in_every_form() {
    let text = "[dependencies]\na = \"1\"\nb.workspace = true\n# c\n[dev-dependencies.d]\nx = 1\n\
                [target.'cfg(unix)'.dependencies]\ne = {}\n[lints]\nf = 1";
    let names: Vec<String> = dependencies(text).into_iter().map(|d| d.1).collect();
    assert_eq!(names, ["a", "b", "d", "e"]);
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Vec::new();
    for (file, rust) in rust() {
        if rust.lines > MAX_FILE {
            findings.push(format!("{file}: {} lines without tests, at most {MAX_FILE}", rust.lines));
        }
        for (name, line, len) in rust.functions() {
            if len > MAX_FUNCTION {
                findings.push(format!("{file}:{line}: fn {name} has {len} lines, at most {MAX_FUNCTION}"));
            }
        }
    }
    none("too long", &findings);
}

#[test]
fn nothing_is_left_undone() {
    let mut findings = Vec::new();
    for (file, rust) in rust() {
        for banned in ["todo!(", "unimplemented!(", "#[ignore", "dbg!("] {
            for (i, _) in rust.code.match_indices(banned) {
                findings.push(format!("{file}:{}: {banned}", rust.code[..i].matches('\n').count() + 1));
            }
        }
    }
    none("left undone", &findings);
}

#[test]
fn the_engine_knows_nothing_of_networks() {
    let mut findings = Vec::new();
    for file in source::files().iter().filter(|f| f.starts_with("sim-core/")) {
        let text = source::text(file).unwrap_or_default();
        for (line, word) in words(&text) {
            let lower = word.to_lowercase();
            let parts = lower.split('_').chain([lower.as_str()]);
            if let Some(part) = parts.into_iter().find(|p| NETWORKING.contains(p)) {
                findings.push(format!("{file}:{line}: `{part}`"));
            }
        }
    }
    none("networking words in sim-core", &findings);
}

/// (name, text) of the entries `Name "text"` in the invocation of a list macro.
fn entries(file: &str, call: &str) -> Vec<(String, String)> {
    let text = source::text(file).unwrap_or_default();
    let begin = text.find(call).unwrap_or_else(|| panic!("{file} has no `{call}`"));
    let body = &text[begin + call.len()..];
    let body = &body[..body.find("\n}").unwrap_or(body.len())];
    let mut entries = Vec::new();
    for (i, _) in body.match_indices(" \"") {
        let name = body[..i].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
        // Inside a string or comment the name would be blank.
        if name.starts_with(|c: char| c.is_ascii_uppercase()) && source::scrub(&body[..i]).ends_with(name) {
            let text = body[i + 2..].split('"').next().unwrap_or_default();
            entries.push((name.to_owned(), text.to_owned()));
        }
    }
    entries
}

/// Checks that every `Type::Name` is used in shipped code outside `home`, but for those on `without`.
fn all_used(kind: &str, call: &str, home: &str, without: &[&str]) {
    let names: Vec<String> = entries(home, call).into_iter().map(|e| e.0).collect();
    assert!(names.len() > 10, "the list of {kind} was not read");
    let all = rust();
    // Who asks for a reason does not give it: only the models' own code counts.
    let shipped = || all.iter().filter(|(f, _)| *f != home && f.starts_with("sim-models/")).map(|(_, r)| &r.shipped);
    let mut findings = Vec::new();
    for name in &names {
        let path = format!("{kind}::{name}");
        let word_ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let used = shipped().any(|code| code.match_indices(&path).any(|(i, p)| word_ends(&code[i + p.len()..])));
        match (used, without.contains(&name.as_str())) {
            (false, false) => findings.push(format!("{path} is never used")),
            (true, true) => findings.push(format!("{path} is used: take it off the list of those without use")),
            _ => {}
        }
    }
    for name in without {
        if !names.iter().any(|n| n == name) {
            findings.push(format!("{kind}::{name} does not exist"));
        }
    }
    none(kind, &findings);
}

#[test]
fn every_drop_reason_is_given_somewhere() {
    let home = "sim-models/src/kernel/reason.rs";
    all_used("Reason", "\nreasons! {", home, &REASONS_WITHOUT_USE);
}

#[test]
fn every_hop_is_passed_somewhere() {
    let home = "sim-models/src/kernel/at.rs";
    all_used("At", "\nhops! {", home, &HOPS_WITHOUT_USE);
}

#[test]
fn every_driver_has_a_test_that_names_it() {
    let drivers = entries("sim-models/src/drivers/mod.rs", "\ndrivers! {");
    assert!(drivers.len() >= 5, "{drivers:?}");
    let all = rust();
    let mut findings = Vec::new();
    for (driver, kind) in &drivers {
        let named = all.iter().any(|(file, rust)| {
            let whole = file.starts_with("tests/").then(|| source::text(file).unwrap_or_default());
            let text = whole.as_ref().unwrap_or(&rust.tests);
            file != "tests/tidy.rs" && words(text).any(|(_, w)| w == driver || w == kind)
        });
        if !named {
            findings.push(driver.clone());
        }
    }
    none("drivers without a test that names them", &findings);
}

#[test]
fn no_file_knows_the_machine_it_was_written_on() {
    // Written in two parts, so that this file is no finding itself.
    let mut machine = vec![["/wo", "rk/"].concat(), ["/bash_", "jobs"].concat()];
    // Wherever the repository lies now, nothing in it may say so; a path as short as "/src" says nothing.
    let here = source::root().to_string_lossy().into_owned();
    if here.matches('/').count() > 1 {
        machine.push(here);
    }
    let mut findings = Vec::new();
    for file in source::files() {
        let Some(text) = source::text(&file) else { continue };
        for (i, line) in text.lines().enumerate() {
            if let Some(path) = machine.iter().find(|p| line.contains(p.as_str())) {
                findings.push(format!("{file}:{}: {path}", i + 1));
            }
        }
    }
    none("paths of somebody's machine", &findings);
}

#[test]
fn no_test_file_is_forgotten() {
    let manifest = source::text("tests/Cargo.toml").unwrap_or_default();
    let of = |prefix: &str| -> Vec<String> {
        source::files().into_iter().filter(|f| f.starts_with(prefix) && f.ends_with(".rs")).collect()
    };
    let here: Vec<String> = of("tests/").into_iter().filter(|f| f.matches('/').count() == 1).collect();
    assert!(!here.is_empty(), "no test file was found");
    let declared = |file: &str| manifest.contains(&format!("path = \"{}\"", &file["tests/".len()..]));
    let findings: Vec<String> = here.into_iter().filter(|f| !declared(f)).collect();
    none("test files without a [[test]] (autotests is off)", &findings);
}

#[test]
fn there_is_exactly_one_binary() {
    // Else `cargo run` from the top would ask which one.
    let mut bins = Vec::new();
    for (folder, _) in CRATES {
        let manifest = source::text(&format!("{folder}/Cargo.toml")).unwrap_or_default();
        bins.extend(manifest.matches("[[bin]]").map(|_| folder));
        let files = source::files();
        let own = |f: &&String| f.starts_with(&format!("{folder}/src/bin/"));
        bins.extend(files.iter().filter(own).map(|_| folder));
        if files.contains(&format!("{folder}/src/main.rs")) && !manifest.contains("[[bin]]") {
            bins.push(folder);
        }
    }
    assert_eq!(bins, ["reports"]);
}
