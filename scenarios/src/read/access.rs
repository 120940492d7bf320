//! How serde's derived code walks over structures, maps, lists and variants.

use super::{
    Place,
    de::{De, There, Trouble},
};
use crate::{
    diagnostic::{did_you_mean, nearest, one_of},
    range,
    source::Range,
    tree::{Kind, Node, Whole, word},
};
use indexmap::IndexMap;
use serde::{
    Deserializer,
    de::{
        self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::{BorrowedStrDeserializer, StringDeserializer},
    },
    forward_to_deserialize_any,
};

/// A value with its place: two elements.
pub(super) struct AtAccess<'a> {
    pub de: De<'a>,
    pub step: u8,
}

impl<'a> SeqAccess<'a> for AtAccess<'a> {
    type Error = Trouble;
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Trouble> {
        self.step += 1;
        if self.step == 1 {
            let pair = PairDe(self.de.place().pack());
            return seed.deserialize(pair).map(Some);
        }
        if self.de.there != There::Yes {
            self.de.report(self.de.absent());
            return Err(Trouble::Reported);
        }
        seed.deserialize(self.de).map(Some).map_err(|trouble| {
            self.de.report(trouble);
            Trouble::Reported
        })
    }
}

struct PairDe((u64, i64));
impl<'de> Deserializer<'de> for PairDe {
    type Error = Trouble;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_seq(Pair(self.0, 0))
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
struct Pair((u64, i64), u8);
impl<'de> SeqAccess<'de> for Pair {
    type Error = Trouble;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Trouble> {
        self.1 += 1;
        match self.1 {
            1 => seed.deserialize(self.0.0.into_deserializer()).map(Some),
            2 => seed.deserialize(self.0.1.into_deserializer()).map(Some),
            _ => Ok(None),
        }
    }
}

/// The fields of a structure: those that are there, then those that are not, whose types decide whether that is a
/// mistake. Unknown ones are reported and passed over.
pub(super) struct Fields<'a> {
    de: De<'a>,
    name: &'static str,
    known: &'static [&'static str],
    found: std::slice::Iter<'a, (Range, Node)>,
    seen: u128,
    /// Meant by a misspelt name: not missed.
    meant: u128,
    absent: usize,
    whole: Whole,
    value: Option<De<'a>>,
}

impl<'a> Fields<'a> {
    pub fn new(
        de: De<'a>,
        name: &'static str,
        known: &'static [&'static str],
        found: &'a [(Range, Node)],
        whole: Whole,
    ) -> Self {
        Fields { de, name, known, found: found.iter(), seen: 0, meant: 0, absent: 0, whole, value: None }
    }

    fn unknown(&mut self, name: &str, range: Range) {
        let title = format!("`{}` has no field `{name}`", self.name);
        let list = self.known.iter().copied();
        let near = nearest(name, list.clone());
        self.meant |= near.and_then(|n| self.known.iter().position(|k| *k == n)).map_or(0, |i| 1 << i);
        let help = near.map_or_else(|| format!("its fields are {}", and(list)), |n| format!("did you mean `{n}`?"));
        self.de.report(Trouble::said(Some(range), title, Some(help)));
    }
}

fn and<'w>(words: impl Iterator<Item = &'w str>) -> String {
    one_of(words).replace(" or ", " and ")
}

impl<'a> MapAccess<'a> for Fields<'a> {
    type Error = Trouble;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Trouble> {
        while let Some((range, node)) = self.found.next() {
            let name = word(self.de.reader.source, *range);
            let Some(i) = self.known.iter().position(|k| *k == name) else {
                self.unknown(name, *range);
                continue;
            };
            self.seen |= 1 << i;
            self.value = Some(self.de.of(node, self.known[i]));
            return seed.deserialize(BorrowedStrDeserializer::new(name)).map(Some);
        }
        while self.absent < self.known.len() {
            let i = self.absent;
            self.absent += 1;
            if self.seen & (1 << i) == 0 {
                let known = self.whole == Whole::Yes && self.meant & (1 << i) == 0;
                let there = if known { There::No } else { There::Unknown };
                self.value = Some(De { there, stripped: false, field: self.known[i], ..self.de });
                return seed.deserialize(BorrowedStrDeserializer::new(self.known[i])).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Trouble> {
        let de = self.value.take().ok_or(Trouble::Reported)?;
        // Types without a place of their own are reported here, under their field's name.
        seed.deserialize(de).map_err(|trouble| {
            de.report(trouble);
            Trouble::Reported
        })
    }
}

/// A map's entries, ranges unfolded.
pub(super) struct Names<'a> {
    de: De<'a>,
    entries: std::slice::Iter<'a, (Node, Node)>,
    /// The entry with a range that is being unfolded.
    open: Option<(Unfold<'a>, &'a Node, &'a Node)>,
    /// Names so far and where: kept only if ranges or braces could make one twice.
    seen: Option<IndexMap<String, Range>>,
    /// A last key says that names may be missing.
    partial: bool,
    value: Option<(De<'a>, Option<(&'a str, i64)>)>,
}

/// A range on its way from first to last.
struct Unfold<'a> {
    spread: Option<range::Spread<'a>>,
    name: &'a str,
    next: i64,
    last: i64,
}

impl<'a> Names<'a> {
    pub fn new(de: De<'a>, entries: &'a [(Node, Node)], whole: Whole) -> Self {
        let source = de.reader.source;
        let made = entries.iter().any(|(k, _)| k.slice(source).contains(['[', '{']));
        Names {
            de,
            entries: entries.iter(),
            open: None,
            seen: made.then(IndexMap::new),
            partial: whole == Whole::No,
            value: None,
        }
    }

    /// The next name with its place and value.
    fn next(&mut self) -> Option<(String, Place)> {
        loop {
            if let Some((unfold, key, value)) = &mut self.open {
                let number = unfold.next;
                if number <= unfold.last && self.de.reader.unfold(key.range) {
                    unfold.next += 1;
                    let name = unfold.spread.as_ref().map(|s| s.at(number)).unwrap_or_default();
                    let (key, value, var) = (*key, *value, unfold.name);
                    let filled = within(self.de, var, number, || fill(self.de, &name));
                    let place = Place::new(key.mark(), Some(number));
                    self.value = Some((self.de.of(value, ""), Some((var, number))));
                    if let Some(name) = self.accept(filled, key) {
                        return Some((name, place));
                    }
                    continue;
                }
                self.open = None;
            }
            let (key, value) = self.entries.next()?;
            let de = self.de.of(key, "");
            let source = de.reader.source;
            let Some(text) = key.text(source) else {
                de.report(Trouble::said(None, format!("a name is a string, found {}", key.describe()), None));
                self.partial = true;
                continue;
            };
            match self.spread(key, &text) {
                Ok(Some(unfold)) => self.open = Some((unfold, key, value)),
                Ok(None) => {
                    let filled = fill(de, &text);
                    self.value = Some((self.de.of(value, ""), None));
                    if let Some(name) = self.accept(filled, key) {
                        return Some((name, de.place()));
                    }
                }
                Err(title) => {
                    de.report(Trouble::said(None, title, None));
                    self.partial = true;
                }
            }
        }
    }

    fn spread(&self, key: &'a Node, text: &str) -> Result<Option<Unfold<'a>>, String> {
        if !text.contains('[') {
            return Ok(None);
        }
        // Only a plain string can carry a range: its pieces are borrowed from the file.
        let Kind::Str { plain: true } = key.kind else { return Ok(None) };
        let slice = key.slice(self.de.reader.source);
        let spread = range::spread(&slice[1..slice.len() - 1], &self.de.reader.env.borrow())?;
        Ok(spread.map(|s| Unfold { name: s.name, next: s.first, last: s.last, spread: Some(s) }))
    }

    /// The name, if it is one and not there yet.
    fn accept(&mut self, name: Result<String, String>, key: &'a Node) -> Option<String> {
        let de = self.de.of(key, "");
        let name = match name {
            Ok(name) => name,
            Err(title) => {
                de.report(Trouble::said(None, title, None));
                self.partial = true;
                return None;
            }
        };
        if let Some(seen) = &mut self.seen {
            if let Some(before) = seen.get(&name) {
                let (line, column) = de.reader.source.line_column(before.start);
                let help = format!("the first is at {line}:{column}");
                de.report(Trouble::said(None, format!("`{name}` is there twice"), Some(help)));
                return None;
            }
            seen.insert(name.clone(), key.mark());
        }
        Some(name)
    }
}

impl<'a> MapAccess<'a> for Names<'a> {
    type Error = Trouble;

    fn next_key_seed<K: DeserializeSeed<'a>>(&mut self, seed: K) -> Result<Option<K::Value>, Trouble> {
        match self.next() {
            Some((name, place)) => seed.deserialize(KeyDe(Some((name, place)))).map(Some),
            None if std::mem::take(&mut self.partial) => seed.deserialize(KeyDe(None)).map(Some),
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Trouble> {
        let (de, number) = self.value.take().ok_or(Trouble::Reported)?;
        let report = |de: De<'_>, trouble| {
            de.report(trouble);
            Trouble::Reported
        };
        match number {
            None => seed.deserialize(de).map_err(|t| report(de, t)),
            Some((name, number)) => within(de, name, number, || seed.deserialize(de).map_err(|t| report(de, t))),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// Calls `f` while `name` is a range's number.
fn within<R>(de: De, name: &str, number: i64, f: impl FnOnce() -> R) -> R {
    de.reader.env.borrow_mut().enter(name, number);
    let r = f();
    de.reader.env.borrow_mut().leave();
    r
}

fn fill(de: De, text: &str) -> Result<String, String> {
    range::fill(text, &de.reader.env.borrow()).map(|t| t.into_owned())
}

/// A key of [`Names`]: nothing, or (name, range, number).
struct KeyDe(Option<(String, Place)>);
impl<'de> Deserializer<'de> for KeyDe {
    type Error = Trouble;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        match self.0 {
            None => visitor.visit_none(),
            Some((name, place)) => visitor.visit_some(TripleDe(name, place)),
        }
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
struct TripleDe(String, Place);
impl<'de> Deserializer<'de> for TripleDe {
    type Error = Trouble;
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Trouble> {
        visitor.visit_seq(Triple(Some(self.0), self.1.pack(), 0))
    }
    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
struct Triple(Option<String>, (u64, i64), u8);
impl<'de> SeqAccess<'de> for Triple {
    type Error = Trouble;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Trouble> {
        if let Some(name) = self.0.take() {
            return seed.deserialize(StringDeserializer::new(name)).map(Some);
        }
        self.2 += 1;
        match self.2 {
            1 => seed.deserialize(self.1.0.into_deserializer()).map(Some),
            2 => seed.deserialize(self.1.1.into_deserializer()).map(Some),
            _ => Ok(None),
        }
    }
}

/// An absent list.
pub(super) struct NoItems;
impl<'de> SeqAccess<'de> for NoItems {
    type Error = Trouble;
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, _seed: T) -> Result<Option<T::Value>, Trouble> {
        Ok(None)
    }
}

/// A list's items. A string with a range is several; a structure with a field `each: "1..4"` is, too.
pub(super) struct Items<'a> {
    de: De<'a>,
    items: std::slice::Iter<'a, Node>,
    open: Option<(Unfold<'a>, &'a Node)>,
}

impl<'a> Items<'a> {
    pub fn new(de: De<'a>, items: &'a [Node]) -> Self {
        Items { de, items: items.iter(), open: None }
    }

    fn spread(&self, node: &'a Node) -> Result<Option<Unfold<'a>>, Trouble> {
        let source = self.de.reader.source;
        let env = self.de.reader.env.borrow();
        match node.kind {
            Kind::Str { plain: true } => {
                let slice = node.slice(source);
                let spread = range::spread(&slice[1..slice.len() - 1], &env);
                let spread = spread.map_err(|title| Trouble::said(Some(node.mark()), title, None))?;
                Ok(spread.map(|s| Unfold { name: s.name, next: s.first, last: s.last, spread: Some(s) }))
            }
            Kind::Struct { .. } => {
                let Some(each) = node.field(source, "each") else { return Ok(None) };
                let Kind::Str { plain: true } = each.kind else { return Ok(None) };
                let slice = each.slice(source);
                let bounds = range::bounds(&slice[1..slice.len() - 1], &env);
                let (name, next, last) = bounds.map_err(|t| Trouble::said(Some(each.mark()), t, None))?;
                Ok(Some(Unfold { spread: None, name, next, last }))
            }
            _ => Ok(None),
        }
    }
}

impl<'a> SeqAccess<'a> for Items<'a> {
    type Error = Trouble;

    /// After an error the next call goes on with the next item.
    fn next_element_seed<T: DeserializeSeed<'a>>(&mut self, seed: T) -> Result<Option<T::Value>, Trouble> {
        let read = |de: De<'a>, seed: T| {
            seed.deserialize(de).map(Some).map_err(|trouble| {
                de.report(trouble);
                Trouble::Reported
            })
        };
        loop {
            if let Some((unfold, node)) = &mut self.open {
                let (number, name, node) = (unfold.next, unfold.name, *node);
                if number <= unfold.last && self.de.reader.unfold(node.range) {
                    unfold.next += 1;
                    let de = De { unfolded: unfold.spread.is_some(), ..self.de.of(node, self.de.field) };
                    return within(de, name, number, || read(de, seed));
                }
                self.open = None;
            }
            let Some(node) = self.items.next() else { return Ok(None) };
            let de = self.de.of(node, self.de.field);
            match self.spread(node) {
                Ok(Some(unfold)) => self.open = Some((unfold, node)),
                Ok(None) => return read(de, seed),
                Err(trouble) => de.report(trouble),
            }
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// A value with a name in front, or a bare name: one of several kinds.
pub(super) struct EnumAccess<'a> {
    pub de: De<'a>,
    /// "a device"
    pub what: &'static str,
    pub variants: &'static [&'static str],
}

impl<'a> de::EnumAccess<'a> for EnumAccess<'a> {
    type Error = Trouble;
    type Variant = Variant<'a>;

    fn variant_seed<V: DeserializeSeed<'a>>(self, seed: V) -> Result<(V::Value, Variant<'a>), Trouble> {
        let source = self.de.reader.source;
        let range = match &self.de.node.kind {
            Kind::Word => self.de.node.range,
            Kind::Struct { name: Some(name), .. } | Kind::Tuple { name: Some(name), .. } => *name,
            _ => {
                let title = format!("expected {}, found {}", self.what, self.de.node.describe());
                let help = format!("written {}(…)", self.variants.first().unwrap_or(&""));
                return Err(Trouble::said(None, title, Some(help)));
            }
        };
        let name = word(source, range);
        let Some(known) = self.variants.iter().find(|v| **v == name) else {
            let list = self.variants.iter().copied();
            let title = format!("`{name}` is not {}", self.what);
            let help = did_you_mean(name, list.clone()).unwrap_or_else(|| format!("expected {}", one_of(list)));
            return Err(Trouble::said(Some(range), title, Some(help)));
        };
        let value = seed.deserialize(BorrowedStrDeserializer::new(known))?;
        Ok((value, Variant(De { stripped: true, ..self.de })))
    }
}

pub(super) struct Variant<'a>(De<'a>);

impl<'a> VariantAccess<'a> for Variant<'a> {
    type Error = Trouble;

    fn unit_variant(self) -> Result<(), Trouble> {
        match &self.0.node.kind {
            Kind::Word => Ok(()),
            _ => Err(Trouble::said(None, "this word takes no values in ( )".to_owned(), None)),
        }
    }
    fn newtype_variant_seed<T: DeserializeSeed<'a>>(self, seed: T) -> Result<T::Value, Trouble> {
        seed.deserialize(self.0)
    }
    fn tuple_variant<V: Visitor<'a>>(self, _len: usize, visitor: V) -> Result<V::Value, Trouble> {
        self.0.deserialize_any(visitor)
    }
    fn struct_variant<V: Visitor<'a>>(self, f: &'static [&'static str], visitor: V) -> Result<V::Value, Trouble> {
        self.0.deserialize_struct("", f, visitor)
    }
}
