//! The scenario language as its users meet it: the reference's examples run, and no field of any scenario is swallowed.

use scenarios::{
    load, plan, run,
    source::Source,
    tree::{self, Kind, Node},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_path_buf()
}

/// Every scenario of the catalogue.
fn catalogue() -> Vec<PathBuf> {
    let files = load::files(&[root().join("scenarios")]);
    files.unwrap_or_else(|e| panic!("{}", e.iter().map(|d| d.render(false)).collect::<String>()))
}

/// Blocks of the reference that are marked as scenarios.
fn examples(text: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (i, line) in text.lines().enumerate() {
        match &mut open {
            None if line == "```ron" => open = Some((i + 1, String::new())),
            None => {}
            Some(_) if line == "```" => blocks.extend(open.take()),
            Some((_, block)) => {
                block.push_str(line);
                block.push('\n');
            }
        }
    }
    blocks
}

#[test]
fn every_example_of_the_reference_runs_as_it_says() {
    let text = std::fs::read_to_string(root().join("docs/scenario-language.md")).expect("the reference");
    let blocks = examples(&text);
    assert!(blocks.len() >= 5, "{} examples", blocks.len());
    for (line, block) in blocks {
        let source = Arc::new(Source::new(&format!("example of line {line}"), block));
        let show = |bad: Vec<scenarios::diagnostic::Diagnostic>| -> String {
            bad.iter().map(|d| d.render(false) + "\n").collect()
        };
        let plan = plan::plan(&source).unwrap_or_else(|e| panic!("{}", show(e)));
        let batch = run::run_all(&[plan], 1, &|_, _| {}).unwrap_or_else(|e| panic!("{}", show(e)));
        for p in &batch.scenarios[0].points {
            assert!(p.runs.iter().all(|r| r.fault.is_none()), "line {line}: {:?}", p.runs[0].fault);
            for v in &p.verdicts {
                assert!(v.holds, "line {line}: {} {}: {} {}", p.label, v.text, v.measured, v.cause);
            }
        }
    }
}

/// Byte after the bracket that opens each structure.
fn structures(source: &Source, node: &Node, out: &mut Vec<usize>) {
    match &node.kind {
        Kind::Struct { fields, .. } => {
            let slice = node.slice(source);
            out.push(node.range.start as usize + slice.find('(').expect("a structure has a bracket") + 1);
            fields.iter().for_each(|(_, v)| structures(source, v, out));
        }
        Kind::Map(entries, _) => entries.iter().for_each(|(_, v)| structures(source, v, out)),
        Kind::List(items, _) | Kind::Tuple { items, .. } => items.iter().for_each(|v| structures(source, v, out)),
        _ => {}
    }
}

#[test]
fn a_bogus_field_is_refused_in_every_structure() {
    let mut tried = 0;
    for file in catalogue() {
        let text = std::fs::read_to_string(&file).expect("a scenario");
        let source = Arc::new(Source::new("x.ron", text.clone()));
        let mut places = Vec::new();
        structures(&source, &tree::parse(&source).0.expect("a tree"), &mut places);
        for at in places {
            tried += 1;
            let broken = format!("{}bogus_field: 1, {}", &text[..at], &text[at..]);
            let source = Arc::new(Source::new("x.ron", broken));
            let (_, _, found) = load::understand(&source);
            let refused = found.iter().any(|d| {
                d.title.ends_with("has no field `bogus_field`")
                    && d.line_column() == Some(source.line_column(at as u32))
            });
            assert!(refused, "{} accepts a bogus field at byte {at}", file.display());
        }
    }
    assert!(tried > 60, "only {tried} structures");
}

#[test]
fn every_scenario_says_first_what_it_teaches() {
    let files = catalogue();
    assert!(files.len() >= 6);
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a scenario");
        assert!(text.starts_with("// "), "{} has no first comment", file.display());
    }
}
