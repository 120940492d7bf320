//! RON text as a located tree: every name and value knows where it stands. The parser goes on after a mistake, so
//! that a file's mistakes are reported together; values themselves (numbers, escapes) are left to `ron`.

mod lex;
mod parse;
mod seen;

use crate::source::{Range, Source};
use std::borrow::Cow;

pub use parse::{MAX_DEPTH, MAX_NODES, parse};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    pub range: Range,
    pub kind: Kind,
}

/// What a value is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// A bare word: `true`, `None`, `Poisson`.
    Word,
    Number,
    /// A string; `plain`: its content stands between the quotes as it is, without escapes.
    Str {
        plain: bool,
    },
    Char,
    List(Vec<Node>, Whole),
    Map(Vec<(Node, Node)>, Whole),
    /// `(a: 1)`, `Name(a: 1)`, and also `()` and `Name()`.
    Struct {
        name: Option<Range>,
        fields: Vec<(Range, Node)>,
        whole: Whole,
    },
    /// `(1, 2)`, `Name(1)`.
    Tuple {
        name: Option<Range>,
        items: Vec<Node>,
    },
    /// Could not be read; the mistake is reported already.
    Bad,
}

/// Was everything in the brackets understood? If not, what seems to be missing there may just not have been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Yes,
    No,
}

impl Node {
    /// How the value is called in messages.
    pub fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Word => "a word",
            Kind::Number => "a number",
            Kind::Str { .. } => "a string",
            Kind::Char => "a character",
            Kind::List(..) => "a list [ ]",
            Kind::Map(..) => "a map { }",
            Kind::Struct { .. } => "a structure ( )",
            Kind::Tuple { .. } => "values in ( )",
            Kind::Bad => "something unreadable",
        }
    }

    /// The text as it stands in the file.
    pub fn slice<'s>(&self, source: &'s Source) -> &'s str {
        &source.text[self.range.bytes()]
    }

    /// A string's content; `None` for other values.
    pub fn text<'s>(&self, source: &'s Source) -> Option<Cow<'s, str>> {
        match self.kind {
            Kind::Str { plain } => Some(content(self.slice(source), plain)),
            _ => None,
        }
    }

    /// The bytes to mark in a message: a string's content without its quotes.
    pub fn mark(&self) -> Range {
        let Range { start, end } = self.range;
        match self.kind {
            Kind::Str { plain: true } if end - start > 2 => Range { start: start + 1, end: end - 1 },
            _ => self.range,
        }
    }

    /// The value of a field of a structure.
    pub fn field<'n>(&'n self, source: &Source, name: &str) -> Option<&'n Node> {
        match &self.kind {
            Kind::Struct { fields, .. } => fields.iter().find(|(n, _)| word(source, *n) == name).map(|(_, v)| v),
            _ => None,
        }
    }
}

/// A name as it is meant: `r#type` is `type`.
pub fn word(source: &Source, range: Range) -> &str {
    let w = &source.text[range.bytes()];
    w.strip_prefix("r#").unwrap_or(w)
}

/// The content of a string literal that the parser has accepted.
fn content(literal: &str, plain: bool) -> Cow<'_, str> {
    if plain {
        return Cow::Borrowed(&literal[1..literal.len() - 1]);
    }
    match ron::from_str::<String>(literal) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(literal),
    }
}
