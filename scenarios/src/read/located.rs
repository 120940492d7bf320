//! What a value read from a file is wrapped in: where it stands, and whether it could be read.
//!
//! These types take what [`super::de`] hands them under a reserved name. A value that can't be read is reported there
//! and replaced by its type's default, so that the fields after it are read as well.

use crate::source::Range;
use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use std::{fmt, marker::PhantomData, ops::Deref};

pub(super) const AT: &str = "\0at";
pub(super) const NAMED: &str = "\0named";
pub(super) const LIST: &str = "\0list";

/// Where something stands: a range of the file, and the number if it comes from a range in a name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub range: Range,
    number: i64,
}

impl Place {
    const NO_NUMBER: i64 = i64::MIN;

    pub fn new(range: Range, number: Option<i64>) -> Place {
        Place { range, number: number.unwrap_or(Place::NO_NUMBER) }
    }
    /// The number of the innermost range that it comes from.
    pub fn number(self) -> Option<i64> {
        (self.number != Place::NO_NUMBER).then_some(self.number)
    }
    pub(super) fn pack(self) -> (u64, i64) {
        ((u64::from(self.range.start) << 32) | u64::from(self.range.end), self.number)
    }
    fn unpack(range: u64, number: i64) -> Place {
        Place { range: Range { start: (range >> 32) as u32, end: range as u32 }, number }
    }
}

/// A value and its place.
#[derive(Clone, Copy, Debug, Default)]
pub struct At<T> {
    pub place: Place,
    /// It was read; else `value` is only a stand-in.
    pub ok: bool,
    pub value: T,
}

impl<T> Deref for At<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> At<T> {
    /// The value, if it could be read.
    pub fn get(&self) -> Option<&T> {
        self.ok.then_some(&self.value)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_newtype_struct(AT, AtVisitor(PhantomData))
    }
}

struct AtVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for AtVisitor<T> {
    type Value = At<T>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<At<T>, A::Error> {
        let (range, number) = seq.next_element::<(u64, i64)>()?.unwrap_or_default();
        let place = Place::unpack(range, number);
        // What went wrong with the value is reported already.
        Ok(match seq.next_element::<T>() {
            Ok(Some(value)) => At { place, ok: true, value },
            _ => At { place, ok: false, value: T::default() },
        })
    }
}

/// A map from names, in the order of the file, its ranges unfolded.
#[derive(Clone, Debug)]
pub struct Named<T> {
    pub entries: Vec<Entry<T>>,
    /// Something in it could not be read, names may be missing.
    pub partial: bool,
}

/// One entry of a [`Named`].
#[derive(Clone, Debug)]
pub struct Entry<T> {
    pub name: String,
    /// Of the name.
    pub place: Place,
    /// `None`: it could not be read.
    pub value: Option<T>,
}

impl<T> Default for Named<T> {
    fn default() -> Self {
        Named { entries: Vec::new(), partial: false }
    }
}

impl<T> Named<T> {
    /// The entries that could be read.
    pub fn iter(&self) -> impl Iterator<Item = (&Entry<T>, &T)> {
        self.entries.iter().filter_map(|e| e.value.as_ref().map(|v| (e, v)))
    }
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|e| e.name.as_str())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_newtype_struct(NAMED, NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map from names, { \"name\": … }")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut named = Named { entries: Vec::with_capacity(map.size_hint().unwrap_or(0)), partial: false };
        while let Some(key) = map.next_key::<Option<(String, u64, i64)>>()? {
            let Some((name, range, number)) = key else {
                named.partial = true;
                continue;
            };
            let value = map.next_value::<T>().ok();
            named.entries.push(Entry { name, place: Place::unpack(range, number), value });
        }
        Ok(named)
    }
}

/// A list, its ranges unfolded, without what could not be read.
#[derive(Clone, Debug)]
pub struct List<T>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        List(Vec::new())
    }
}

impl<T> Deref for List<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_newtype_struct(LIST, ListVisitor(PhantomData))
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a list, [ … ]")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0));
        loop {
            match seq.next_element::<T>() {
                Ok(Some(item)) => list.push(item),
                Ok(None) => break,
                Err(_) => {} // reported; the next call goes on with the next item
            }
        }
        Ok(List(list))
    }
}
