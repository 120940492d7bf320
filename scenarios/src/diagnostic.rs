//! Mistakes, each with its place in a file, an excerpt and often a suggestion. All of a file are collected.

use crate::source::{Range, Source};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use std::sync::Arc;

/// One mistake.
#[derive(Clone, Debug)]
pub struct Diagnostic(Box<Mistake>);

/// What there is to say of it.
#[derive(Clone, Debug)]
pub struct Mistake {
    source: Arc<Source>,
    /// `None`: the file as a whole.
    range: Option<Range>,
    /// What is wrong, in one line.
    pub title: String,
    /// What stands under the excerpt; may be empty.
    pub label: String,
    pub help: Option<String>,
    /// The number of the range that it is about, and how many further numbers have the same mistake.
    number: Option<i64>,
    more: u64,
    /// The point of the sweep where it first shows; empty: in the file as it stands.
    variant: String,
}

impl Mistake {
    /// The text that it is about, as it stands in the file; `None`: the file as a whole.
    pub fn excerpt(&self) -> Option<&str> {
        let range = self.range?;
        self.source.text.get(range.start as usize..range.end as usize)
    }
}

impl std::ops::Deref for Diagnostic {
    type Target = Mistake;
    fn deref(&self) -> &Mistake {
        &self.0
    }
}
impl std::ops::DerefMut for Diagnostic {
    fn deref_mut(&mut self) -> &mut Mistake {
        &mut self.0
    }
}

/// Columns of the longest line that is shown whole.
const WIDE: usize = 160;

impl Diagnostic {
    pub fn new(source: &Arc<Source>, range: Range, title: impl Into<String>) -> Diagnostic {
        let variant = if source.is_spliced(range) { String::new() } else { source.variant.clone() };
        let (source, range) = source.original(range);
        let mut d = Diagnostic::bare(source, title.into());
        (d.range, d.variant) = (Some(range), variant);
        d
    }

    /// About a file that could not be read, or a path without a file.
    pub fn of_file(path: &str, title: impl Into<String>) -> Diagnostic {
        let source = Arc::new(Source::new(path, String::new()));
        Diagnostic::bare(source, title.into())
    }

    fn bare(source: Arc<Source>, title: String) -> Diagnostic {
        let (label, variant) = (String::new(), String::new());
        Diagnostic(Box::new(Mistake { source, range: None, title, label, help: None, number: None, more: 0, variant }))
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Diagnostic {
        self.help = help.or(self.0.help.take());
        self
    }

    /// It is about this number of a range.
    #[must_use]
    pub fn number(mut self, number: Option<i64>) -> Diagnostic {
        self.number = number;
        self
    }

    /// The title, and for which numbers of a range, at which point of a sweep.
    pub fn headline(&self) -> String {
        let mut text = self.title.clone();
        if let Some(n) = self.number {
            text += &format!(", for number {n}");
        }
        if self.more > 0 {
            text += &format!(" and {} more", self.more);
        }
        if !self.variant.is_empty() {
            text += &format!(", with {}", self.variant);
        }
        text
    }

    /// Does it point into `range` of a file as it stands?
    pub fn is_within(&self, range: Range) -> bool {
        self.range.is_some_and(|r| range.start <= r.start && r.end <= range.end)
    }

    pub fn path(&self) -> &str {
        &self.source.path
    }
    /// Both from 1; `None` for the file as a whole.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        self.range.map(|r| self.source.line_column(r.start))
    }

    /// The message with its excerpt; `styled` with the terminal's colours. Ends without a newline.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let title = Level::ERROR.primary_title(self.headline());
        let help = self.help.as_deref().map(|help| Level::HELP.message(help));
        let Some(range) = self.range else {
            let group = Group::with_title(title).element(Origin::path(self.source.path.as_str())).elements(help);
            return renderer.render(&[group]).trim_end().to_owned();
        };
        let (line, column) = self.source.line_column(range.start);
        let (shown, mark, cut) = self.window(line, column, range);
        let label = (!self.label.is_empty()).then_some(self.label.as_str());
        let snippet = Snippet::source(shown)
            .line_start(line)
            .path(self.source.path.as_str())
            .annotation(AnnotationKind::Primary.span(mark).label(label));
        let text = renderer.render(&[Group::with_title(title).element(snippet).elements(help)]);
        // Of a cut line the renderer only knows the column in what is left of it.
        let place = |column: usize| format!("{}:{line}:{column}", self.source.path);
        text.trim_end().replacen(&place(column - cut), &place(column), 1)
    }

    /// The line to show and the bytes of it to mark; of a long line only what is near, and how many
    /// characters are left out before.
    fn window(&self, line: usize, column: usize, range: Range) -> (String, std::ops::Range<usize>, usize) {
        let text = self.source.line(line);
        let length = self.source.text[range.bytes()].lines().next().map_or(0, |l| l.chars().count());
        let mut from = 0;
        let mut cut = text.to_owned();
        if text.len() > WIDE {
            from = (column - 1).saturating_sub(WIDE / 4);
            cut = text.chars().skip(from).take(WIDE).collect();
        }
        let byte = |n: usize| cut.char_indices().nth(n).map_or(cut.len(), |(i, _)| i);
        let start = byte(column - 1 - from);
        let end = byte(column - 1 - from + length).max(start);
        (cut, start..end, from)
    }
}

/// Sorts by file and place, leaves out what is said twice, and says only once what goes for many numbers of a range.
pub fn arrange(list: &mut Vec<Diagnostic>) {
    list.sort_by(|a, b| a.key().cmp(&b.key()));
    let mut kept: Vec<Diagnostic> = Vec::new();
    for d in list.drain(..) {
        match kept.last_mut() {
            Some(last) if last.same_place(&d) && last.number.is_some() && d.number.is_some() => {
                last.more += u64::from(last.number != d.number && last.variant == d.variant);
            }
            Some(last) if last.same_place(&d) && last.title == d.title => {}
            _ => kept.push(d),
        }
    }
    *list = kept;
}

impl Diagnostic {
    fn key(&self) -> (&str, Option<Range>, bool, &str, &str, Option<i64>) {
        // Of a range the numbers stand together, else the titles do.
        let title = if self.number.is_some() { "" } else { self.title.as_str() };
        (&self.source.path, self.range, self.number.is_some(), title, &self.variant, self.number)
    }
    fn same_place(&self, other: &Diagnostic) -> bool {
        self.source.path == other.source.path && self.range == other.range
    }
}

/// "did you mean `x`?", if one of `known` is near.
pub fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|k| format!("did you mean `{k}`?"))
}

/// The known word that `word` is most likely a slip of.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let limit = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for k in known {
        if k.len().abs_diff(word.len()) > 2 * limit + 2 {
            continue;
        }
        let mut distance = strsim::osa_distance(word, k);
        if k.eq_ignore_ascii_case(word) {
            distance = 0;
        }
        if distance <= limit && distance < length && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, k));
        }
    }
    best.map(|(_, k)| k)
}

/// "`a`, `b` or `c`"
pub fn one_of<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|w| format!("`{w}`")).collect();
    match words.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_place_excerpt_and_help() {
        let source =
            Arc::new(Source::new("docker/outside.ron", "(a: 1,\n  \"docker0\": Bridge(ports: [\"veht1\"]))".into()));
        let at = source.text.find("veht1").unwrap();
        let d = Diagnostic::new(&source, Range::new(at, at + 5), "port `veht1` of bridge `docker0` is not a device")
            .label("no such device")
            .maybe_help(did_you_mean("veht1", ["docker0", "veth1"]));
        let text = d.render(false);
        assert_eq!(
            text,
            [
                "error: port `veht1` of bridge `docker0` is not a device",
                " --> docker/outside.ron:2:30",
                "  |",
                "2 |   \"docker0\": Bridge(ports: [\"veht1\"]))",
                "  |                              ^^^^^ no such device",
                "  |",
                "  = help: did you mean `veth1`?",
            ]
            .join("\n")
        );
    }

    #[test]
    fn a_long_line_is_cut_and_control_characters_do_no_harm() {
        let source = Arc::new(Source::new("x.ron", format!("{}\u{1b}[31mbad{}", "a".repeat(5000), "b".repeat(5000))));
        let d = Diagnostic::new(&source, Range::new(5005, 5008), "bad").label("here");
        let text = d.render(false);
        assert!(text.contains("x.ron:1:5006") && text.len() < 800 && !text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn the_nearest_word_is_suggested_and_no_far_one() {
        assert_eq!(nearest("adresses", ["routes", "addresses"]), Some("addresses"));
        assert_eq!(nearest("poisson", ["Poisson", "Constant"]), Some("Poisson"));
        assert_eq!(nearest("x", ["y", "z"]), None);
        assert_eq!(nearest("frobnicate", ["addresses"]), None);
        assert_eq!(one_of(["a", "b", "c"]), "`a`, `b` or `c`");
    }
}
