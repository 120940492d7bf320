//! A serde deserialiser over the located tree. Single values are given to `ron` as their slice of the text.

use super::{
    Place, Reader,
    access::{AtAccess, EnumAccess, Fields, Items, Names, NoItems},
    located::{AT, LIST, NAMED},
};
use crate::{
    diagnostic::Diagnostic,
    range,
    source::Range,
    tree::{Kind, Node, Whole, word},
};
use ron::extensions::Extensions;
use serde::{
    Deserializer,
    de::{self, Expected, Unexpected, Visitor},
    forward_to_deserialize_any,
};
use std::{borrow::Cow, fmt, sync::LazyLock};

/// What makes RON pleasant: `Bridge(ports: […])` for a variant that holds a structure, and values without `Some`.
static OPTIONS: LazyLock<ron::Options> = LazyLock::new(|| {
    ron::Options::default().with_default_extension(Extensions::UNWRAP_VARIANT_NEWTYPES | Extensions::IMPLICIT_SOME)
});

/// A mistake on its way to where it is reported.
#[derive(Debug)]
pub(super) enum Trouble {
    Reported,
    Said(Box<Said>),
}

#[derive(Debug)]
pub(super) struct Said {
    /// `None`: the value that was being read.
    pub range: Option<Range>,
    pub title: String,
    pub help: Option<String>,
}

impl Trouble {
    pub fn said(range: Option<Range>, title: String, help: Option<String>) -> Trouble {
        Trouble::Said(Box::new(Said { range, title, help }))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Reported => f.write_str("already reported"),
            Trouble::Said(s) => f.write_str(&s.title),
        }
    }
}
impl std::error::Error for Trouble {}

impl de::Error for Trouble {
    /// A second line is the help.
    fn custom<T: fmt::Display>(msg: T) -> Trouble {
        let text = msg.to_string();
        match text.split_once('\n') {
            Some((title, help)) => Trouble::said(None, title.to_owned(), Some(help.to_owned())),
            None => Trouble::said(None, text, None),
        }
    }

    fn invalid_type(found: Unexpected, expected: &dyn Expected) -> Trouble {
        let found = match found {
            Unexpected::Str(s) => format!("the string \"{}\"", shorten(s)),
            Unexpected::Bool(b) => format!("`{b}`"),
            Unexpected::Unsigned(n) => format!("the number {n}"),
            Unexpected::Signed(n) => format!("the number {n}"),
            Unexpected::Float(n) => format!("the number {n}"),
            Unexpected::Other(what) => what.to_owned(),
            other => other.to_string(),
        };
        Trouble::said(None, format!("expected {}, found {found}", friendly(&expected.to_string())), None)
    }
}

/// What the language calls its enums.
fn what(name: &'static str) -> &'static str {
    match name {
        "Traffic" => "a kind of traffic",
        "Expect" => "an expectation",
        "Arrivals" => "a law of arrivals",
        "PmtuDisc" => "a way of path MTU discovery",
        other => other,
    }
}

/// Rust's names of types mean nothing to the author of a scenario.
fn friendly(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "i32" | "i64" => "a whole number",
        "a boolean" => "`true` or `false`",
        other => other,
    }
}

fn shorten(text: &str) -> String {
    let short: String = text.chars().take(40).flat_map(char::escape_debug).collect();
    if text.chars().nth(40).is_some() { short + "…" } else { short }
}

/// Is the value there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Yes,
    /// `node` is what should have it.
    No,
    /// Perhaps in what was not understood.
    Unknown,
}

/// A value to be read.
#[derive(Clone, Copy)]
pub(super) struct De<'a> {
    pub reader: &'a Reader<'a>,
    pub node: &'a Node,
    /// The field that it is the value of; empty for entries and items.
    pub field: &'a str,
    pub there: There,
    /// The value's own name, `Bridge`, has been used already.
    pub stripped: bool,
    /// A string whose range stands for the number that is being unfolded.
    pub unfolded: bool,
}

impl<'a> De<'a> {
    pub fn new(reader: &'a Reader<'a>, node: &'a Node) -> De<'a> {
        De { reader, node, field: "", there: There::Yes, stripped: false, unfolded: false }
    }

    /// The same with another value.
    pub fn of(self, node: &'a Node, field: &'a str) -> De<'a> {
        De { field, ..De::new(self.reader, node) }
    }

    pub fn place(self) -> Place {
        Place::new(self.node.mark(), self.reader.env.borrow().number())
    }

    /// Puts a mistake into the list.
    pub fn report(self, trouble: Trouble) {
        let Trouble::Said(said) = trouble else { return };
        if matches!(self.node.kind, Kind::Bad) {
            return; // said by the parser
        }
        let range = said.range.unwrap_or_else(|| self.node.mark());
        let label = if self.field.is_empty() || self.there != There::Yes {
            String::new()
        } else {
            format!("in `{}`", self.field)
        };
        let d = Diagnostic::new(self.reader.source, range, said.title).label(label).maybe_help(said.help);
        self.reader.push(d.number(self.reader.env.borrow().number()));
    }

    fn mismatch(self, expected: &dyn Expected) -> Trouble {
        let found = Unexpected::Other(self.node.describe());
        de::Error::invalid_type(found, expected)
    }

    /// A string's content with its braces worked out.
    pub fn string(self, expected: &dyn Expected) -> Result<Cow<'a, str>, Trouble> {
        let source = self.reader.source;
        let Some(text) = self.node.text(source) else {
            let mut trouble = self.mismatch(expected);
            if let (Trouble::Said(said), Kind::Number | Kind::Word) = (&mut trouble, &self.node.kind) {
                said.help = Some(format!("written in quotes: \"{}\"", self.node.slice(source)));
            }
            return Err(trouble);
        };
        let env = self.reader.env.borrow();
        let said = |title| Trouble::said(None, title, None);
        let text = match (self.unfolded, env.number()) {
            (true, Some(n)) => match range::spread(&text, &env).map_err(said)? {
                Some(spread) => Cow::Owned(spread.at(n)),
                None => text,
            },
            _ => text,
        };
        match text {
            Cow::Borrowed(t) => range::fill(t, &env),
            Cow::Owned(t) => range::fill(&t, &env).map(|t| Cow::Owned(t.into_owned())),
        }
        .map_err(said)
    }

    /// The text of a number, which may also come out of braces in a string.
    fn number_text(self, expected: &dyn Expected) -> Result<Cow<'a, str>, Trouble> {
        let slice = self.node.slice(self.reader.source);
        match self.node.kind {
            Kind::Number => Ok(Cow::Borrowed(slice)),
            Kind::Str { .. } if slice.contains('{') => self.string(expected),
            Kind::Str { .. } => {
                let mut trouble = self.mismatch(expected);
                if let Trouble::Said(said) = &mut trouble {
                    let bare = slice.trim_matches('"');
                    said.help = bare.parse::<i64>().is_ok().then(|| format!("written without quotes: {bare}"));
                }
                Err(trouble)
            }
            _ => Err(self.mismatch(expected)),
        }
    }

    fn unsigned<V: Visitor<'a>>(self, max: u64, visitor: V) -> Result<V::Value, Trouble> {
        let text = self.number_text(&visitor)?;
        match OPTIONS.from_str::<u64>(&text) {
            Ok(n) if n <= max => visitor.visit_u64(n),
            _ => {
                let title = format!("`{}` is not a whole number from 0 to {max}", shorten(&text));
                Err(Trouble::said(None, title, None))
            }
        }
    }

    /// A field that has to be there is not.
    pub fn absent(self) -> Trouble {
        if self.there == There::Unknown {
            return Trouble::Reported;
        }
        // Point at the structure's name, or at its first bracket.
        let Range { start, end } = self.node.range;
        let head = match &self.node.kind {
            Kind::Struct { name: Some(name), .. } => *name,
            _ => Range { start, end: (start + 1).min(end) },
        };
        Trouble::said(Some(head), format!("`{}` is missing", self.field), None)
    }
}

macro_rules! unsigned {
    ($($method:ident $T:ty),*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
            self.unsigned(u64::from(<$T>::MAX), visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for De<'de> {
    type Error = Trouble;

    /// A string, a number or a word, whatever it is.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.node.kind {
            Kind::Str { .. } => match self.string(&visitor)? {
                Cow::Borrowed(t) => visitor.visit_borrowed_str(t),
                Cow::Owned(t) => visitor.visit_string(t),
            },
            Kind::Number | Kind::Word => {
                let slice = self.node.slice(self.reader.source);
                let mut ron = ron::Deserializer::from_str_with_options(slice, &OPTIONS)
                    .map_err(|e| Trouble::said(None, e.code.to_string(), None))?;
                ron.deserialize_any(visitor).map_err(|e| Trouble::said(None, e.to_string(), None))
            }
            _ => Err(self.mismatch(&visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.string(&visitor)? {
            Cow::Borrowed(t) => visitor.visit_borrowed_str(t),
            Cow::Owned(t) => visitor.visit_string(t),
        }
    }
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match OPTIONS.from_str::<bool>(self.node.slice(self.reader.source)) {
            Ok(b) => visitor.visit_bool(b),
            Err(_) => Err(self.mismatch(&visitor)),
        }
    }

    unsigned!(deserialize_u8 u8, deserialize_u16 u16, deserialize_u32 u32, deserialize_u64 u64);

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        if self.there != There::Yes {
            return visitor.visit_none();
        }
        match &self.node.kind {
            Kind::Word if self.node.slice(self.reader.source) == "None" => visitor.visit_none(),
            Kind::Tuple { name: Some(n), items } if word(self.reader.source, *n) == "Some" && items.len() == 1 => {
                visitor.visit_some(self.of(&items[0], self.field))
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, v: V) -> Result<V::Value, Trouble> {
        match (name, &self.node.kind) {
            (AT, _) => v.visit_seq(AtAccess { de: self, step: 0 }),
            (NAMED, _) if self.there != There::Yes => v.visit_map(Names::new(self, &[], Whole::Yes)),
            (NAMED, Kind::Map(entries, whole)) => v.visit_map(Names::new(self, entries, *whole)),
            (LIST, _) if self.there != There::Yes => v.visit_seq(NoItems),
            (LIST, Kind::List(items, _)) => v.visit_seq(Items::new(self, items)),
            (NAMED | LIST, _) => {
                // The fields after it are still to be read: it counts as empty.
                self.report(self.mismatch(&v));
                if name == NAMED { v.visit_map(Names::new(self, &[], Whole::No)) } else { v.visit_seq(NoItems) }
            }
            _ => v.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        if self.there != There::Yes {
            return Err(self.absent());
        }
        let source = self.reader.source;
        match &self.node.kind {
            Kind::Struct { name: own, fields: found, whole } => {
                if let (Some(own), false) = (own, self.stripped)
                    && word(source, *own) != name
                {
                    let title = format!("expected a structure ( ), found `{}(…)`", word(source, *own));
                    return Err(Trouble::said(Some(*own), title, None));
                }
                visitor.visit_map(Fields::new(self, name, fields, found, *whole))
            }
            // A bare variant, `Dummy`, is one without fields.
            Kind::Word if self.stripped => visitor.visit_map(Fields::new(self, name, fields, &[], Whole::Yes)),
            Kind::Tuple { items, .. } if self.stripped && items.len() == 1 => {
                De { stripped: false, ..self.of(&items[0], self.field) }.deserialize_struct(name, fields, visitor)
            }
            _ => Err(Trouble::said(
                None,
                format!("expected a structure (name: value, …), found {}", self.node.describe()),
                None,
            )),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Trouble> {
        if self.there != There::Yes {
            return Err(self.absent());
        }
        visitor.visit_enum(EnumAccess { de: self, what: what(name), variants })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map identifier
    }
}
