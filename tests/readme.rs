//! README promises: the table "the seed, line by line" is run, row by row, and the catalogue is all there.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository").to_owned()
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).expect("README.md")
}

/// The lines of the section called `title`.
fn section<'t>(text: &'t str, title: &str) -> Vec<&'t str> {
    let begin = format!("## {title}");
    text.lines().skip_while(|l| *l != begin).skip(1).take_while(|l| !l.starts_with("## ")).collect()
}

/// One row of the table: its number, the command, the text that it has to print.
struct Row {
    number: String,
    command: String,
    shows: String,
}

fn rows(text: &str) -> Vec<Row> {
    let cells =
        |line: &str| -> Vec<String> { line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect() };
    let table = section(text, "The seed, line by line").into_iter().filter(|l| l.starts_with('|')).skip(2);
    let bare = |cell: &str| cell.strip_prefix('`').and_then(|c| c.strip_suffix('`')).map(str::to_owned);
    table
        .map(|line| match &cells(line)[..] {
            [number, _, command, shows] => Row {
                number: number.clone(),
                command: bare(command).unwrap_or_else(|| panic!("row {number}: {command} is no command")),
                shows: bare(shows).unwrap_or_else(|| panic!("row {number}: {shows} is no text")),
            },
            other => panic!("not four cells: {other:?}"),
        })
        .collect()
}

/// Exit code 0 or not, and what was printed.
fn run(command: &str, out: &Path) -> (bool, String) {
    let mut args: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    if args[1] == "run" {
        args.extend(["--out".to_owned(), out.to_string_lossy().into_owned()]);
    }
    let (mut text, mut err) = (Vec::new(), Vec::new());
    let code = reports::cli::run(&args, &mut text, &mut err);
    let text = String::from_utf8_lossy(&text).into_owned() + &String::from_utf8_lossy(&err);
    (format!("{code:?}") == format!("{:?}", std::process::ExitCode::SUCCESS), text)
}

#[test]
fn every_sentence_of_the_seed_is_shown_by_its_command() {
    std::env::set_current_dir(root()).expect("the repository");
    let text = readme();
    let rows = rows(&text);
    let numbers: Vec<u32> =
        rows.iter().filter_map(|r| r.number.trim_end_matches(char::is_alphabetic).parse().ok()).collect();
    assert!((1..=12).all(|n| numbers.contains(&n)), "a sentence is missing: {numbers:?}");
    let out = std::env::temp_dir().join(format!("onerouter-readme-{}", std::process::id()));
    for row in &rows {
        assert!(row.command.starts_with("onerouter "), "row {}: {}", row.number, row.command);
        let (good, printed) = run(&row.command, &out);
        assert!(good, "row {}: `{}` failed:\n{printed}", row.number, row.command);
        assert!(
            printed.contains(&row.shows),
            "row {}: `{}` does not show `{}`:\n{printed}",
            row.number,
            row.command,
            row.shows
        );
    }
    std::fs::remove_dir_all(&out).expect("the report of the last row");
}

#[test]
fn the_catalogue_names_every_scenario() {
    let text = readme();
    let named = section(&text, "The catalogue").join("\n");
    for path in onerouter_tests::sim::catalogue() {
        let name = path.strip_prefix(root()).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        let name = name.split_once("scenarios/").map_or(name.as_str(), |(_, n)| n);
        assert!(named.contains(&format!("(scenarios/{name})")), "README's catalogue lacks {name}");
    }
    for line in named.lines().filter(|l| l.starts_with("| [")) {
        let file = line.split(['(', ')']).nth(1).unwrap_or_default();
        assert!(root().join(file).is_file(), "{file} is in the catalogue but not in the repository");
    }
}

#[test]
fn pictures_are_there() {
    for line in readme().lines().filter(|l| l.starts_with("![")) {
        let file = line.rsplit_once('(').map_or("", |(_, f)| f.trim_end_matches(')'));
        assert!(root().join(file).is_file(), "{file} is missing: docs/images/make.sh makes it");
    }
}
