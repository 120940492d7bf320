//! From the located tree to the language's types. Serde's derived code drives it; every field is read from its own
//! slice of the text, so that its mistake has a place and the next field is still looked at.

mod access;
mod de;
mod located;

#[cfg(test)]
mod tests;

use crate::{
    diagnostic::Diagnostic,
    range::{Env, Value},
    source::{Range, Source},
    tree::{Kind, Node},
};
use serde::de::DeserializeOwned;
use std::{
    cell::{Cell, RefCell},
    sync::Arc,
};

pub use located::{At, Entry, List, Named, Place};

/// Most entries that all ranges of a file may unfold into.
pub const MAX_ENTRIES: u32 = 2_000_000;
/// After that many mistakes no more are collected.
const MAX_MISTAKES: usize = 10_000;

/// Reads `node` as a `T`, with the names of the root's `vars`. Mistakes go into `sink`; `None` if even the outermost
/// value is not what it should be.
pub fn read<T: DeserializeOwned>(source: &Arc<Source>, node: &Node, sink: &mut Vec<Diagnostic>) -> Option<T> {
    let env = RefCell::new(Env::new(vars(source, node)));
    let reader = Reader { source, env, sink: RefCell::default(), unfolded: Cell::new(0) };
    let de = de::De::new(&reader, node);
    let value = T::deserialize(de).map_err(|trouble| de.report(trouble)).ok();
    sink.extend(reader.sink.into_inner());
    value
}

/// What all of one reading shares.
struct Reader<'s> {
    source: &'s Arc<Source>,
    /// Reading goes depth first, so the names known at a place are those of the entries that are being read.
    env: RefCell<Env>,
    sink: RefCell<Vec<Diagnostic>>,
    unfolded: Cell<u32>,
}

impl Reader<'_> {
    fn push(&self, d: Diagnostic) {
        let mut sink = self.sink.borrow_mut();
        if sink.len() < MAX_MISTAKES {
            sink.push(d);
        }
    }

    /// One more entry from a range. `false`: too many, which is reported once.
    fn unfold(&self, at: Range) -> bool {
        let n = self.unfolded.get() + 1;
        self.unfolded.set(n);
        if n == MAX_ENTRIES {
            let title = format!("the file's ranges unfold into more than {MAX_ENTRIES} entries");
            self.push(Diagnostic::new(self.source, at, title));
        }
        n < MAX_ENTRIES
    }
}

/// The numbers and texts of `vars`; whatever else stands there is reported when `vars` itself is read.
fn vars(source: &Arc<Source>, root: &Node) -> Vec<(String, Value)> {
    let Some(Node { kind: Kind::Map(entries, _), .. }) = root.field(source, "vars") else { return Vec::new() };
    let mut vars = Vec::new();
    for (name, value) in entries {
        let Some(name) = name.text(source) else { continue };
        let value = match value.text(source) {
            Some(text) => Value::Text(text.into_owned()),
            None => match ron::from_str(value.slice(source)) {
                Ok(n) => Value::Number(n),
                Err(_) => continue,
            },
        };
        vars.push((name.into_owned(), value));
    }
    vars
}
