//! Finds names that are there twice.

use indexmap::IndexMap;
use std::borrow::Cow;

/// Names met so far in one pair of brackets, and where.
#[derive(Default)]
pub(super) struct Seen<'s> {
    few: Vec<(Cow<'s, str>, u32)>,
    many: IndexMap<Cow<'s, str>, u32>,
}

impl<'s> Seen<'s> {
    /// Where it was before, if it was.
    pub fn insert(&mut self, name: Cow<'s, str>, at: u32) -> Option<u32> {
        if self.few.len() < 16 {
            if let Some((_, before)) = self.few.iter().find(|(n, _)| *n == name) {
                return Some(*before);
            }
            self.few.push((name, at));
            return None;
        }
        if self.many.is_empty() {
            self.many.extend(self.few.iter().cloned());
        }
        match self.many.get(&name) {
            Some(before) => Some(*before),
            None => {
                self.many.insert(name, at);
                None
            }
        }
    }
}
