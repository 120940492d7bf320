//! Broken scenario files under `bad/`: each ends with one comment `// error LINE:COLUMN: TEXT` for every mistake in it.
//! All of them are found at once, at their places, and nothing else is.

use onerouter_tests::source;

/// What a file says of itself.
fn expected(text: &str) -> Vec<(String, String)> {
    let comments = text.lines().filter_map(|l| l.strip_prefix("// error "));
    comments.filter_map(|c| c.split_once(": ")).map(|(place, text)| (place.to_owned(), text.to_owned())).collect()
}

#[test]
fn every_mistake_of_a_file_is_found_at_its_place() {
    let files: Vec<String> = source::files().into_iter().filter(|f| f.starts_with("tests/bad/")).collect();
    assert!(!files.is_empty());
    for file in files {
        let text = source::text(&file).unwrap();
        let expected = expected(&text);
        assert!(!expected.is_empty(), "{file} expects nothing");
        let found = scenarios::check(&[source::root().join(&file)]).diagnostics;
        let shown: Vec<String> = found.iter().map(|d| d.render(false)).collect();
        let all = shown.join("\n\n");
        let mut rest: Vec<&String> = shown.iter().collect();
        for (place, text) in &expected {
            let at = format!("{}:{place}\n", file.rsplit('/').next().unwrap());
            let hit = rest.iter().position(|s| s.contains(&at) && s.contains(text));
            let hit = hit.unwrap_or_else(|| panic!("{file}: no `{text}` at {place} in\n{all}"));
            rest.remove(hit);
        }
        assert!(
            rest.is_empty(),
            "{file}: not expected:\n{}",
            rest.iter().map(|s| s.as_str()).collect::<Vec<_>>().join("\n\n")
        );
    }
}

#[test]
fn ten_different_mistakes_are_ten_messages() {
    assert_eq!(expected(&source::text("tests/bad/ten.ron").unwrap()).len(), 10);
}
