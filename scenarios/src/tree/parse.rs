//! The parser. It reports and goes on: after a mistake it looks for the next comma or closing bracket.

use super::{
    Kind, Node, Whole, content,
    lex::{Cursor, Literal},
    seen::Seen,
    word,
};
use crate::{
    diagnostic::Diagnostic,
    source::{Range, Source},
};
use std::{borrow::Cow, sync::Arc};

/// Deepest nesting of brackets.
pub const MAX_DEPTH: usize = 64;
/// Most values in a file.
pub const MAX_NODES: usize = 1_000_000;
/// After that many syntax errors the rest of the file is not looked at.
const MAX_ERRORS: usize = 50;

/// The file as a tree, and every mistake in its syntax. `None`: nothing could be made of it.
pub fn parse(source: &Arc<Source>) -> (Option<Node>, Vec<Diagnostic>) {
    let mut p = Parser { source, c: Cursor::new(&source.text), open: vec![], nodes: 0, errors: vec![], stop: false };
    let root = p.file();
    (root, p.errors)
}

struct Parser<'s> {
    source: &'s Arc<Source>,
    c: Cursor<'s>,
    /// Where each open bracket stands, and what closes it.
    open: Vec<(usize, u8)>,
    nodes: usize,
    errors: Vec<Diagnostic>,
    /// Nothing more can be read.
    stop: bool,
}

/// How an element of brackets ended.
enum After {
    More,
    Closed,
}

impl<'s> Parser<'s> {
    fn file(&mut self) -> Option<Node> {
        self.space();
        while self.c.rest().starts_with("#!") {
            self.attribute();
            self.space();
        }
        if self.c.ended() {
            if self.errors.is_empty() {
                let d = Diagnostic::of_file(&self.source.path, "the file is empty");
                self.errors.push(d.help("a scenario is written (title: \"…\", hosts: {…}, …)"));
            }
            return None;
        }
        let root = self.value();
        self.space();
        if !self.c.ended() && !self.stop {
            let at = self.c.at;
            self.error(Range::new(at, at + 1), "expected the end of the file", "after the scenario's last bracket");
        }
        Some(root)
    }

    /// `#![enable(…)]`: accepted, since what it can switch on is on anyway.
    fn attribute(&mut self) {
        let start = self.c.at;
        let end = self.c.rest().find(']').map_or(self.c.text.len(), |i| start + i + 1);
        self.c.at = end;
        if !self.c.text[start..end].starts_with("#![enable(") {
            self.error(Range::new(start, end), "expected `#![enable(…)]` or a scenario", "");
        }
    }

    fn error(&mut self, range: Range, title: impl Into<String>, label: &str) {
        self.error_help(range, title, label, None);
    }

    fn error_help(&mut self, range: Range, title: impl Into<String>, label: &str, help: Option<String>) {
        if self.stop {
            return;
        }
        // A range never ends inside a character or past the text.
        let text = &self.source.text;
        let start = (range.start as usize).min(text.len());
        let mut end = (range.end as usize).clamp(start, text.len());
        while !text.is_char_boundary(end) {
            end += 1;
        }
        self.errors.push(Diagnostic::new(self.source, Range::new(start, end), title).label(label).maybe_help(help));
        if self.errors.len() >= MAX_ERRORS {
            self.halt();
        }
    }

    fn halt(&mut self) {
        self.stop = true;
        self.c.at = self.c.text.len();
    }

    fn space(&mut self) {
        if let Err(start) = self.c.space() {
            self.error(start, "this comment has no end", "expected `*/`");
            self.halt();
        }
    }

    fn value(&mut self) -> Node {
        self.nodes += 1;
        let start = self.c.at;
        if self.nodes > MAX_NODES && !self.stop {
            let title = format!("more than {MAX_NODES} values in a file");
            let help = "many similar things need few lines: a name may carry a range, \"c[1..1000]\"".to_owned();
            self.error_help(Range::new(start, start + 1), title, "", Some(help));
            self.halt();
        }
        let kind = match self.c.byte() {
            _ if self.c.at_string() => self.string(),
            Some(b'(') => self.parens(None),
            Some(b'[') => self.brackets(Self::list),
            Some(b'{') => self.brackets(Self::map),
            Some(b'\'') => self.character(),
            Some(b'0'..=b'9' | b'+' | b'-' | b'.') => self.number(),
            _ if self.c.at_word() => self.word_or_named(),
            _ => {
                self.expected_value();
                Kind::Bad
            }
        };
        Node { range: Range::new(start, self.c.at), kind }
    }

    fn expected_value(&mut self) {
        if self.stop || self.c.ended() {
            return;
        }
        let at = self.c.at;
        let found = self.c.char().unwrap_or(' ');
        let title = format!("expected a value, found `{}`", found.escape_default());
        let help = matches!(found, ':' | '=').then(|| "fields are written name: value".to_owned());
        self.error_help(Range::new(at, at + 1), title, "", help);
        if !matches!(found, ',' | ')' | ']' | '}') {
            self.c.bump();
            self.c.skip();
        }
    }

    fn word_or_named(&mut self) -> Kind {
        let start = self.c.at;
        let name = self.c.word();
        let bare = &self.c.text[name.bytes()];
        if bare == "b" && matches!(self.c.byte(), Some(b'"' | b'\'')) {
            self.error(name, "byte strings have no use here", "remove the `b`");
            return Kind::Bad;
        }
        let after = self.c.at;
        self.space();
        if self.c.byte() == Some(b'(') {
            return self.parens(Some(Range::new(start, after)));
        }
        self.c.at = after;
        Kind::Word
    }

    fn string(&mut self) -> Kind {
        let start = self.c.at;
        match self.c.string() {
            Literal::Unterminated => {
                self.error(Range::new(start, start + 1), "this string has no end", "expected another `\"`");
                self.halt();
                Kind::Bad
            }
            Literal::Whole { plain } => {
                let literal = &self.c.text[start..self.c.at];
                if !plain && let Err(e) = ron::from_str::<String>(literal) {
                    let (line, column) = (e.span.start.line, e.span.start.col);
                    let at = start + offset_of(literal, line, column);
                    self.error(Range::new(at, at + 1), lower_first(&e.code.to_string()), "in this string");
                    return Kind::Bad;
                }
                Kind::Str { plain }
            }
        }
    }

    fn character(&mut self) -> Kind {
        let start = self.c.at;
        match self.c.character() {
            Some(_) => Kind::Char,
            None => {
                let line = self.c.rest().lines().next().unwrap_or("");
                let end = line[1..].find('\'').map_or(line.len(), |i| i + 2);
                self.c.at = start + end;
                self.error(Range::new(start, start + end), "strings are written in double quotes", "");
                Kind::Bad
            }
        }
    }

    fn number(&mut self) -> Kind {
        let range = self.c.number();
        let text = &self.c.text[range.bytes()];
        if !matches!(ron::from_str::<ron::Value>(text), Ok(ron::Value::Number(_))) {
            let title = format!("`{text}` is not a number");
            let help = format!("values with a unit are written in quotes: \"{text}\"");
            self.error_help(range, title, "", Some(help));
            return Kind::Bad;
        }
        Kind::Number
    }

    /// Anything in brackets, one level deeper.
    fn brackets(&mut self, inside: fn(&mut Self, usize) -> Kind) -> Kind {
        let start = self.c.at;
        let closer = match self.c.byte() {
            Some(b'(') => b')',
            Some(b'[') => b']',
            _ => b'}',
        };
        if self.open.len() >= MAX_DEPTH {
            let title = format!("brackets are nested deeper than {MAX_DEPTH}");
            self.error(Range::new(start, start + 1), title, "");
            self.c.at += 1;
            while !self.c.ended() && self.c.byte() != Some(closer) {
                self.c.skip();
                if self.c.byte() != Some(closer) {
                    self.c.bump();
                }
            }
            self.c.eat(closer);
            return Kind::Bad;
        }
        self.c.at += 1;
        self.open.push((start, closer));
        let kind = inside(self, start);
        self.open.pop();
        kind
    }

    /// After an element: a comma, the end, or a mistake. `whole` becomes `No` if something was skipped.
    fn after(&mut self, whole: &mut Whole) -> After {
        self.space();
        if self.c.eat(b',') {
            self.space();
            return if self.close(whole) { After::Closed } else { After::More };
        }
        if self.close(whole) {
            return After::Closed;
        }
        // A word that touches the end of a string was meant to stand in one: everything after is inside out.
        let word_follows = self.c.char().is_some_and(|c| c.is_alphanumeric() || c == '_');
        if word_follows && self.c.text[..self.c.at].ends_with('"') {
            let at = self.c.at;
            let help = "perhaps the quote that ends a string before this is missing".to_owned();
            self.error_help(Range::new(at - 1, at), "a string ends here, and a word follows", "", Some(help));
            *whole = Whole::No;
            self.halt();
            return After::Closed;
        }
        // What follows looks like the next element: only the comma is missing.
        let previous = self.c.text[..self.c.at].trim_end().len();
        self.error(Range::new(previous, previous + 1), "expected a comma", "before the next entry");
        if !(self.c.at_string() || self.c.at_word() || matches!(self.c.byte(), Some(b'(' | b'[' | b'{'))) {
            *whole = Whole::No;
            self.c.skip();
            return self.after_skip(whole);
        }
        After::More
    }

    fn after_skip(&mut self, whole: &mut Whole) -> After {
        self.space();
        if self.c.eat(b',') {
            self.space();
        }
        if self.close(whole) { After::Closed } else { After::More }
    }

    /// Is this the end of the innermost brackets? Also if the file ends, or a bracket closes an outer pair.
    fn close(&mut self, whole: &mut Whole) -> bool {
        let Some(&(start, closer)) = self.open.last() else { return true };
        loop {
            let Some(found) = self.c.byte() else {
                *whole = Whole::No;
                if !self.stop {
                    let bracket = char::from(self.c.text.as_bytes()[start]);
                    let title = format!("`{bracket}` is never closed");
                    let label = format!("expected `{}` before the file ends", char::from(closer));
                    self.error(Range::new(start, start + 1), title, &label);
                    self.halt();
                }
                return true;
            };
            if found == closer {
                self.c.at += 1;
                return true;
            }
            if !matches!(found, b')' | b']' | b'}') {
                return false;
            }
            *whole = Whole::No;
            let at = self.c.at;
            let (line, column) = self.source.line_column(start as u32);
            let bracket = char::from(self.c.text.as_bytes()[start]);
            let title = format!("`{}` does not close `{bracket}` of {line}:{column}", char::from(found));
            let label = format!("expected `{}`", char::from(closer));
            self.error(Range::new(at, at + 1), title, &label);
            if self.open.iter().rev().skip(1).any(|(_, c)| *c == found) {
                return true; // it closes an outer one: ours was forgotten
            }
            self.c.at += 1;
            self.space();
            if self.c.byte() != Some(closer) {
                return true; // it stands in place of ours
            }
        }
    }

    fn list(&mut self, _start: usize) -> Kind {
        let (mut items, mut whole) = (Vec::new(), Whole::Yes);
        self.space();
        let mut closed = self.close(&mut whole);
        while !closed {
            items.push(self.value());
            closed = matches!(self.after(&mut whole), After::Closed);
        }
        Kind::List(items, whole)
    }

    fn map(&mut self, _start: usize) -> Kind {
        let (mut entries, mut whole): (Vec<(Node, Node)>, _) = (Vec::new(), Whole::Yes);
        let mut seen = Seen::default();
        self.space();
        let mut closed = self.close(&mut whole);
        while !closed {
            let key = self.value();
            self.space();
            if !self.c.eat(b':') {
                whole = Whole::No;
                self.missing_colon(&key);
                closed = matches!(self.after_skip(&mut whole), After::Closed);
                continue;
            }
            self.space();
            let value = self.value();
            let name = match key.kind {
                Kind::Str { plain } => content(&self.c.text[key.range.bytes()], plain),
                _ => Cow::Borrowed(&self.c.text[key.range.bytes()]),
            };
            if !matches!(key.kind, Kind::Bad) && self.first(&mut seen, name, &key) {
                entries.push((key, value));
            }
            closed = matches!(self.after(&mut whole), After::Closed);
        }
        Kind::Map(entries, whole)
    }

    fn missing_colon(&mut self, key: &Node) {
        if self.stop || matches!(key.kind, Kind::Bad) {
            self.c.skip();
            return;
        }
        let end = key.range.end as usize;
        let help = (self.c.byte() == Some(b'=')).then(|| "entries are written \"name\": value".to_owned());
        self.error_help(Range::new(end, end + 1), "expected `:` and a value after this name", "", help);
        self.c.skip();
    }

    /// Not there before? Else reports it.
    fn first(&mut self, seen: &mut Seen<'s>, name: Cow<'s, str>, key: &Node) -> bool {
        let Some(before) = seen.insert(name, key.range.start) else { return true };
        let (line, column) = self.source.line_column(before);
        let name = self.c.text[key.range.bytes()].trim_matches('"');
        let title = format!("`{name}` is there twice");
        self.error(key.mark(), title, &format!("the first is at {line}:{column}"));
        false
    }

    fn parens(&mut self, name: Option<Range>) -> Kind {
        let kind = self.brackets(Self::fields_or_items);
        match kind {
            Kind::Struct { fields, whole, .. } => Kind::Struct { name, fields, whole },
            Kind::Tuple { items, .. } => Kind::Tuple { name, items },
            other => other,
        }
    }

    fn fields_or_items(&mut self, _start: usize) -> Kind {
        let (mut fields, mut items, mut whole) = (Vec::new(), Vec::new(), Whole::Yes);
        let mut seen = Seen::default();
        self.space();
        let mut closed = self.close(&mut whole);
        while !closed {
            match self.field_name() {
                Some(name) => {
                    self.space();
                    let value = self.value();
                    let key = Node { range: name, kind: Kind::Word };
                    if self.first(&mut seen, Cow::Borrowed(word(self.source, name)), &key) {
                        fields.push((name, value));
                    }
                }
                None => items.push(self.value()),
            }
            closed = matches!(self.after(&mut whole), After::Closed);
        }
        if items.is_empty() || !fields.is_empty() {
            for stray in items.iter().filter(|i| !matches!(i.kind, Kind::Bad)) {
                self.error(stray.range, "expected `name: value`", "a value without a name");
            }
            if !items.is_empty() {
                whole = Whole::No;
            }
            return Kind::Struct { name: None, fields, whole };
        }
        if items.iter().all(|i| matches!(i.kind, Kind::Bad)) {
            return Kind::Bad;
        }
        Kind::Tuple { name: None, items }
    }

    /// `word :`, else nothing is consumed. Slips (`"word": 1`, `word = 1`, `word 1`) are reported and understood.
    fn field_name(&mut self) -> Option<Range> {
        let start = self.c.at;
        let quoted = self.c.at_string();
        let name = match (quoted, self.c.at_word()) {
            (true, _) => {
                self.c.string();
                Range::new(start + 1, (self.c.at - 1).max(start + 1))
            }
            (false, true) => self.c.word(),
            _ => return None,
        };
        self.space();
        if quoted {
            if self.c.eat(b':') {
                let range = Range::new(start, name.end as usize + 1);
                self.error(range, "names of fields are written without quotes", "");
                return Some(name);
            }
        } else if self.c.eat(b':') {
            return Some(name);
        } else if self.c.byte() == Some(b'=') {
            let at = self.c.at;
            self.c.at += 1;
            self.error(Range::new(at, at + 1), "expected `:`, found `=`", "");
            return Some(name);
        } else if self.c.at_string() || matches!(self.c.byte(), Some(b'[' | b'{' | b'0'..=b'9')) {
            let end = name.end as usize;
            self.error(Range::new(end, end + 1), "expected `:` after this name", "");
            return Some(name);
        }
        self.c.at = start;
        None
    }
}

/// Byte offset of a line and column, both from 1, columns in characters.
fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let rest = &text[start.min(text.len())..];
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(i, _)| i)
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |c| c.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Arc<Source>, Option<Node>, Vec<String>) {
        let source = Arc::new(Source::new("x.ron", text.to_owned()));
        let (root, errors) = parse(&source);
        let show = |d: &Diagnostic| match d.line_column() {
            Some((l, c)) => format!("{l}:{c} {}", d.title),
            None => d.title.clone(),
        };
        (Arc::clone(&source), root, errors.iter().map(show).collect())
    }
    fn errors(text: &str) -> Vec<String> {
        read(text).2
    }

    #[test]
    fn everything_that_ron_allows_is_read() {
        let text = "#![enable(implicit_some)]\n// a comment\n(a: 1, /* b: /* 2 */ */ r#type: \"x\\n\\u{e9}\", c: {\"k\": [1, -2.5e+3, 0xff, 1_000,],}, \
                    d: 'x', e: '\\'', f: Some(Poisson), g: r#\"raw \"quoted\"\"#, h: (), i: (1, \"two\"), j: Named(k: true), l: Bare())";
        let (source, root, errors) = read(text);
        assert_eq!(errors, Vec::<String>::new());
        let root = root.unwrap();
        assert_eq!(root.field(&source, "type").unwrap().text(&source).unwrap(), "x\né");
        assert_eq!(root.field(&source, "g").unwrap().text(&source).unwrap(), "raw \"quoted\"");
        assert!(matches!(root.field(&source, "i").unwrap().kind, Kind::Tuple { .. }));
        let j = root.field(&source, "j").unwrap();
        assert!(matches!(j.kind, Kind::Struct { name: Some(n), .. } if word(&source, n) == "Named"));
    }

    #[test]
    fn several_mistakes_are_reported_with_their_places() {
        assert_eq!(
            errors("(a: 1 b: 2,\n c: ,\n d: 10gbit,\n e: 'text',\n f: {\"x\" 1, \"y\": 2, \"y\": 3},\n a: 4)"),
            [
                "1:6 expected a comma",
                "2:5 expected a value, found `,`",
                "3:5 `10gbit` is not a number",
                "4:5 strings are written in double quotes",
                "5:9 expected `:` and a value after this name",
                "5:22 `y` is there twice",
                "6:2 `a` is there twice",
            ]
        );
        assert_eq!(
            errors("(a 1, b = 2, \"c\": 3, d {}, 7)"),
            [
                "1:3 expected `:` after this name",
                "1:9 expected `:`, found `=`",
                "1:14 names of fields are written without quotes",
                "1:23 expected `:` after this name",
                "1:28 expected `name: value`",
            ]
        );
    }

    #[test]
    fn brackets_that_do_not_match_are_named() {
        assert_eq!(
            errors("(a: [1, 2),\n"),
            ["1:10 `)` does not close `[` of 1:5", "1:11 expected the end of the file"]
        );
        assert_eq!(errors("(a: [1, 2"), ["1:5 `[` is never closed"]);
        assert_eq!(errors("(a: (b: 1], c: 2)"), ["1:10 `]` does not close `(` of 1:5"]);
        assert_eq!(errors("(a: 1) x"), ["1:8 expected the end of the file"]);
    }

    #[test]
    fn strings_and_comments_need_an_end() {
        assert_eq!(errors("(a: \"abc"), ["1:5 this string has no end"]);
        assert_eq!(errors("(a: r#\"abc\""), ["1:5 this string has no end"]);
        assert_eq!(errors("(a: 1, /* never"), ["1:8 this comment has no end"]);
        assert_eq!(errors("(a: \"x\\qy\", b: [}])").len(), 2);
    }

    #[test]
    fn an_empty_file_is_said_to_be_empty() {
        assert_eq!(errors(""), ["the file is empty"]);
        assert_eq!(errors("// only a comment"), ["the file is empty"]);
    }

    #[test]
    fn depth_and_size_have_limits() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(errors(&deep), ["1:65 brackets are nested deeper than 64"]);
        let open = "(".repeat(100_000);
        assert_eq!(errors(&open)[0], "1:65 brackets are nested deeper than 64");
        let wide = format!("[{}]", "1,".repeat(MAX_NODES));
        assert_eq!(errors(&wide), [format!("1:{} more than 1000000 values in a file", 2 * MAX_NODES)]);
        assert!(errors(&"(a: 1 ".repeat(10_000)).len() <= MAX_ERRORS);
    }

    #[test]
    fn many_names_are_looked_up_fast() {
        let text: String = (0..100_000).map(|i| format!("\"n{i}\": 1,")).collect();
        assert_eq!(errors(&format!("{{{text} \"n5\": 2}}")).len(), 1);
    }

    #[test]
    fn any_bytes_end_with_an_answer() {
        let pieces = [
            "(", ")", "[", "]", "{", "}", ",", ":", "\"", "'", "\\", "a", "1", "r#", "/*", "*/", "//", "\n", "é", "-",
            "=", "b\"",
        ];
        let mut seed = 1u64;
        for _ in 0..3000 {
            let mut text = String::new();
            for _ in 0..30 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                text.push_str(pieces[(seed >> 33) as usize % pieces.len()]);
            }
            let (_, _, errors) = read(&text);
            assert!(errors.len() <= MAX_ERRORS, "{text}");
        }
    }
}
