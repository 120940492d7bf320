//! JSON objects as iproute2 writes them: keys in their order, no blanks.

use std::fmt;

/// An object. Values are JSON already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Json(Vec<(&'static str, String)>);

impl Json {
    /// Adds a key with a value that is JSON.
    pub fn put(&mut self, key: &'static str, value: String) {
        self.0.push((key, value));
    }
    /// Adds a string.
    pub fn say(&mut self, key: &'static str, value: impl AsRef<str>) {
        self.put(key, text(value.as_ref()));
    }
    /// Adds a number.
    pub fn num(&mut self, key: &'static str, value: impl Into<u64>) {
        self.put(key, value.into().to_string());
    }
    /// Adds a truth value.
    pub fn set(&mut self, key: &'static str, value: bool) {
        self.put(key, value.to_string());
    }
    /// The keys and their values as JSON.
    pub fn fields(&self) -> &[(&'static str, String)] {
        &self.0
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, (key, value)) in self.0.iter().enumerate() {
            let comma = if i > 0 { "," } else { "" };
            write!(f, "{comma}\"{key}\":{value}")?;
        }
        f.write_str("}")
    }
}

/// A string as JSON.
pub fn text(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if (c as u32) < 0x20 => out += &format!("\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Values as a JSON list.
pub fn list(all: impl IntoIterator<Item = String>) -> String {
    format!("[{}]", all.into_iter().collect::<Vec<_>>().join(","))
}

/// Objects as a JSON list, as `ip -j` prints a table.
pub fn table(rows: impl IntoIterator<Item = Json>) -> String {
    list(rows.into_iter().map(|r| r.to_string()))
}
