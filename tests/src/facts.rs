//! Which facts of kernel behaviour are proved, and by what: reads the numbered facts, finds where tests cite them, and
//! writes docs/facts.md.

use crate::source;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

/// How a fact stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A lab, a scenario or a world that a real kernel was compared on cites it.
    Agrees,
    /// A test cites it that knows the fact alone.
    Checked,
    /// Left out, and why.
    OutOfScope(String),
    /// Nothing proves it.
    Open,
}

/// One numbered fact.
#[derive(Clone, Debug)]
pub struct Fact {
    /// "BR-45".
    pub number: String,
    /// Its first sentence.
    pub summary: String,
    pub standing: Standing,
    /// Tests, labs and scenarios that cite it, in order of file.
    pub proofs: Vec<String>,
}

/// All facts in order of the list, each with its proofs.
pub fn facts() -> Vec<Fact> {
    let out_of_scope = lines("tests/facts/out-of-scope.txt");
    let tests = tests();
    let kernel = on_a_real_kernel();
    let text = source::text("tests/facts/facts.txt").unwrap_or_default();
    let facts = text.lines().filter_map(|line| line.split_once(' ')).map(|(number, text)| {
        let none = BTreeSet::new();
        let (seen, tested) = (kernel.get(number).unwrap_or(&none), tests.get(number).unwrap_or(&none));
        let standing = match out_of_scope.iter().find(|(n, _)| n == number) {
            Some((_, why)) => Standing::OutOfScope(why.clone()),
            None if !seen.is_empty() => Standing::Agrees,
            None if !tested.is_empty() => Standing::Checked,
            None => Standing::Open,
        };
        let proofs = seen.iter().chain(tested).cloned().collect();
        Fact { number: number.to_owned(), summary: summary(text), standing, proofs }
    });
    facts.collect()
}

/// The table, as Markdown.
pub fn table(facts: &[Fact]) -> String {
    let count = |f: &dyn Fn(&Standing) -> bool| facts.iter().filter(|x| f(&x.standing)).count();
    let mut out = format!(
        "# Kernel facts and what proves them\n\nMade by `cargo run -q -p onerouter-tests --example facts > docs/facts.md`; \
         `.ci/run facts` checks that it is up to date.\n\n{} facts: {} agree with the real kernel (a lab, scenario or world \
         that was compared with one cites them), {} are checked against the fact only, {} are out of scope, {} are open.\n\n\
         | fact | what it says | standing | proved by |\n| --- | --- | --- | --- |\n",
        facts.len(),
        count(&|s| *s == Standing::Agrees),
        count(&|s| *s == Standing::Checked),
        count(&|s| matches!(s, Standing::OutOfScope(_))),
        count(&|s| *s == Standing::Open),
    );
    for fact in facts {
        let standing = match &fact.standing {
            Standing::Agrees => "agrees with the real kernel".to_owned(),
            Standing::Checked => "checked against the fact only".to_owned(),
            Standing::OutOfScope(why) => format!("out of scope: {why}"),
            Standing::Open => "open".to_owned(),
        };
        // A few proofs are enough to find the way.
        let shown: Vec<String> = fact.proofs.iter().take(3).map(|p| format!("`{p}`")).collect();
        let more = fact.proofs.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(
            out,
            "| {} | {} | {standing} | {}{more} |",
            fact.number,
            fact.summary.replace('|', "\\|"),
            shown.join(", ")
        );
    }
    out
}

/// The first sentence, without marks of emphasis, at most 140 characters.
fn summary(text: &str) -> String {
    let text = text.replace("**seen**", "").replace("**", "");
    let end = text.match_indices(". ").map(|(i, _)| i + 1).find(|i| *i > 20).unwrap_or(text.len());
    let sentence = text[..end].trim();
    if sentence.chars().count() <= 140 {
        return sentence.to_owned();
    }
    let cut: String = sentence.chars().take(137).collect();
    let cut = cut.rsplit_once(' ').map_or(cut.as_str(), |(head, _)| head);
    format!("{cut} …")
}

/// (first word, rest) of each line that is no comment.
fn lines(file: &str) -> Vec<(String, String)> {
    let text = source::text(file).unwrap_or_default();
    let lines = text.lines().filter(|l| !l.starts_with('#')).filter_map(|l| l.split_once(' '));
    lines.map(|(a, b)| (a.to_owned(), b.trim().to_owned())).collect()
}

/// Fact → labs, scenarios and worlds that a real kernel was compared on.
fn on_a_real_kernel() -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (lab, numbers) in lines("tests/facts/on-a-real-kernel.txt") {
        for number in numbers.split_whitespace() {
            out.entry(number.to_owned()).or_default().insert(format!("labs/{lab}"));
        }
    }
    // What no trace of a real kernel is kept of has not been compared with one.
    let gold = |f: &str| {
        let name = f.trim_start_matches("scenarios/").trim_start_matches("tests/");
        let name = name.trim_end_matches(".ron");
        [format!("tests/gold/{name}.json"), format!("tests/gold/uml/{name}.json")]
    };
    let files = source::files();
    let compared = |f: &str| {
        let place = ["scenarios/", "tests/conformance/", "tests/worlds/"].iter().any(|d| f.starts_with(d));
        place && f.ends_with(".ron") && gold(f).iter().any(|g| files.contains(g))
    };
    for file in files.iter().filter(|f| compared(f)) {
        for number in numbers(&source::text(file).unwrap_or_default()) {
            out.entry(number).or_default().insert(file.clone());
        }
    }
    out
}

/// Fact → tests that cite it, "FILE::FUNCTION".
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for file in source::files().iter().filter(|f| f.ends_with(".rs")) {
        let text = source::text(file).unwrap_or_default();
        let of_tests = file.starts_with("tests/")
            || file.ends_with("/tests.rs")
            || file.contains("/tests/")
            || file.rsplit('/').next().is_some_and(|name| name.starts_with("facts_"));
        let text = if of_tests { text } else { source::Rust::of(&text).tests };
        for (function, number) in citations(&text) {
            out.entry(number).or_default().insert(format!("{file}::{function}"));
        }
    }
    out
}

/// (function, fact) of each citation: in a function, or in the comment right above it.
fn citations(text: &str) -> Vec<(String, String)> {
    let (mut function, mut above, mut out) = (String::new(), Vec::new(), Vec::new());
    for line in text.lines() {
        let trimmed = line.trim_start();
        let name = trimmed
            .strip_prefix("pub ")
            .unwrap_or(trimmed)
            .strip_prefix("fn ")
            .map(|rest| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>());
        if let Some(name) = name {
            function = name;
            out.extend(above.drain(..).map(|n| (function.clone(), n)));
        }
        let outside = trimmed.starts_with("///");
        for number in numbers(line) {
            if outside {
                above.push(number);
            } else if !function.is_empty() {
                out.push((function.clone(), number));
            }
        }
    }
    out
}

/// "BR-45", "ARP-10" wherever they stand in `text`; of "BR-45..47" and "BR-45, 46" the first alone.
fn numbers(text: &str) -> BTreeSet<String> {
    const FAMILIES: [&str; 11] = ["TIME", "DEV", "VETH", "NIC", "BR", "ARP", "NEIGH", "ADDR", "RT", "IP", "ICMP"];
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let number = |word: &&str| {
        word.split_once('-').is_some_and(|(family, n)| {
            FAMILIES.contains(&family) && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())
        })
    };
    words.filter(number).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_belong_to_their_function() {
        let text =
            "/// BR-1, BR-2: x\n#[test]\nfn a() {\n  // ARP-3\n  x();\n}\n/// DEV-4\nfn b() {}\n// IP-x UDP-09\n";
        let expected = [("a", "BR-1"), ("a", "BR-2"), ("a", "ARP-3"), ("b", "DEV-4")];
        assert_eq!(citations(text), expected.map(|(f, n)| (f.to_owned(), n.to_owned())));
    }
}
