//! Ranges in names, "c[1..1000]", and arithmetic in strings, "10.0.{i/256}.{i%256}".
//!
//! A range gives its number the name `i`, or another one: "r[k=1..4]". In `{…}` stand whole numbers, names, `+ - * / %`
//! and brackets; `{i:03}` pads with zeros, `{i:02x}` writes hexadecimal. A brace that holds anything else is left alone,
//! `{{` is a brace.

use std::borrow::Cow;

/// Most numbers in one range.
pub const MAX_RANGE: i64 = 1_000_000;

/// What a name in braces stands for.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Number(i64),
    /// A text from `vars`, put in as it is.
    Text(String),
}

/// The names that are known while a value is read: an inner range's hides an outer one of the same name, ranges hide
/// `vars`.
#[derive(Clone, Debug, Default)]
pub struct Env {
    vars: Vec<(String, Value)>,
    ranges: Vec<(String, i64)>,
}

impl Env {
    pub fn new(vars: Vec<(String, Value)>) -> Env {
        Env { vars, ranges: Vec::new() }
    }
    /// An entry of a range begins, an entry of a range ends.
    pub fn enter(&mut self, name: &str, number: i64) {
        self.ranges.push((name.to_owned(), number));
    }
    pub fn leave(&mut self) {
        self.ranges.pop();
    }
    /// The number of the innermost range.
    pub fn number(&self) -> Option<i64> {
        self.ranges.last().map(|(_, n)| *n)
    }

    fn get(&self, name: &str) -> Option<Value> {
        match self.ranges.iter().rev().find(|(n, _)| n == name) {
            Some((_, n)) => Some(Value::Number(*n)),
            None => self.vars.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()),
        }
    }

    fn names(&self) -> Vec<&str> {
        let ranges = self.ranges.iter().rev().map(|(n, _)| n.as_str());
        ranges.chain(self.vars.iter().map(|(n, _)| n.as_str())).collect()
    }
}

/// A range found in a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread<'t> {
    before: &'t str,
    after: &'t str,
    /// What its number is called.
    pub name: &'t str,
    pub first: i64,
    /// Inclusive.
    pub last: i64,
}

impl Spread<'_> {
    /// The name for one number.
    pub fn at(&self, number: i64) -> String {
        format!("{}{number}{}", self.before, self.after)
    }
    /// How many numbers.
    pub fn len(&self) -> i64 {
        (self.last - self.first + 1).max(0)
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The range in `text`, if there is one.
///
/// # Errors
/// It is there and can't be read, in one sentence.
pub fn spread<'t>(text: &'t str, env: &Env) -> Result<Option<Spread<'t>>, String> {
    let Some(open) = text.find('[') else { return Ok(None) };
    let Some(close) = text[open..].find(']').map(|i| open + i) else { return Ok(None) };
    let inside = &text[open + 1..close];
    let Some(dots) = inside.find("..") else { return Ok(None) };
    let (before, after) = (&text[..open], &text[close + 1..]);
    if after.contains('[') {
        return Err(format!("`{text}` has more than one range"));
    }
    numbers(inside, dots, env).map(|(name, first, last)| Some(Spread { before, after, name, first, last }))
}

/// `1..4`, `k=1..n-1`: name, first and last number.
///
/// # Errors
/// In one sentence.
pub fn bounds<'t>(text: &'t str, env: &Env) -> Result<(&'t str, i64, i64), String> {
    let dots = text.find("..").ok_or_else(|| format!("`{text}` is not a range: expected `1..4` or `k=1..4`"))?;
    numbers(text, dots, env)
}

fn numbers<'t>(inside: &'t str, dots: usize, env: &Env) -> Result<(&'t str, i64, i64), String> {
    let (left, right) = (&inside[..dots], &inside[dots + 2..]);
    let (name, left) = match left.split_once('=') {
        Some((name, rest)) => (name.trim(), rest),
        None => ("i", left),
    };
    if !is_name(name) {
        return Err(format!("`{name}` can't name the number of a range: expected a word"));
    }
    let (first, last) = (evaluate(left, env)?, evaluate(right.strip_prefix('=').unwrap_or(right), env)?);
    let literal = |t: &str| t.trim().parse::<i64>().is_ok();
    if last < first && literal(left) && literal(right) {
        return Err(format!("the range {first}..{last} is empty"));
    }
    if last.saturating_sub(first) >= MAX_RANGE {
        return Err(format!("the range {first}..{last} has more than {MAX_RANGE} numbers"));
    }
    Ok((name, first, last))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `text` with every `{…}` worked out.
///
/// # Errors
/// A name that is not known, a division by 0, an overflow: in one sentence.
pub fn fill<'t>(text: &'t str, env: &Env) -> Result<Cow<'t, str>, String> {
    if !text.contains('{') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let tail = &rest[open + 1..];
        if let Some(after) = tail.strip_prefix('{') {
            out.push('{');
            rest = after;
            continue;
        }
        match tail.find('}').map(|end| (&tail[..end], &tail[end + 1..])) {
            Some((inside, after)) if looks_like_arithmetic(inside) => {
                write(&mut out, inside, env)?;
                rest = after;
            }
            _ => {
                out.push('{');
                rest = tail;
            }
        }
    }
    out.push_str(rest);
    Ok(if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) })
}

/// No blanks, commas or quotes, which nft and shells put into braces.
fn looks_like_arithmetic(inside: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | '*' | '/' | '%' | '(' | ')' | ':');
    !inside.is_empty() && inside.chars().all(word) && inside.contains(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn write(out: &mut String, inside: &str, env: &Env) -> Result<(), String> {
    use std::fmt::Write;
    let (expression, form) = inside.split_once(':').unwrap_or((inside, ""));
    if form.is_empty() && is_name(expression) {
        match env.get(expression) {
            Some(Value::Text(t)) => {
                out.push_str(&t);
                return Ok(());
            }
            Some(Value::Number(n)) => {
                let _ = write!(out, "{n}");
                return Ok(());
            }
            None => {}
        }
    }
    let n = evaluate(expression, env)?;
    let (width, hex) = match form.strip_suffix('x') {
        Some(width) => (width, true),
        None => (form, false),
    };
    let width: usize = match width.strip_prefix('0').unwrap_or(width) {
        "" => 0,
        digits => digits
            .parse()
            .ok()
            .filter(|w| *w <= 32)
            .ok_or_else(|| format!("`{form}` is not a form: expected 02, x or 02x"))?,
    };
    let _ = if hex { write!(out, "{n:0width$x}") } else { write!(out, "{n:0width$}") };
    Ok(())
}

/// The number that an expression gives.
///
/// # Errors
/// In one sentence.
pub fn evaluate(text: &str, env: &Env) -> Result<i64, String> {
    let mut p = Arithmetic { text, at: 0, depth: 0, env };
    let n = p.sum()?;
    p.blank();
    if p.at < text.len() {
        return Err(format!("`{}` can't be read in `{text}`", &text[p.at..]));
    }
    Ok(n)
}

struct Arithmetic<'t, 'e> {
    text: &'t str,
    at: usize,
    depth: u32,
    env: &'e Env,
}

impl Arithmetic<'_, '_> {
    fn blank(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn operator(&mut self, of: &[u8]) -> Option<u8> {
        self.blank();
        let b = *self.text.as_bytes().get(self.at)?;
        of.contains(&b).then(|| {
            self.at += 1;
            b
        })
    }

    fn sum(&mut self) -> Result<i64, String> {
        let mut n = self.product()?;
        while let Some(op) = self.operator(b"+-") {
            let m = self.product()?;
            let r = if op == b'+' { n.checked_add(m) } else { n.checked_sub(m) };
            n = r.ok_or_else(|| self.too_large())?;
        }
        Ok(n)
    }

    fn product(&mut self) -> Result<i64, String> {
        let mut n = self.atom()?;
        while let Some(op) = self.operator(b"*/%") {
            let m = self.atom()?;
            if op != b'*' && m == 0 {
                return Err(format!("division by 0 in `{}`", self.text));
            }
            let r = match op {
                b'*' => n.checked_mul(m),
                b'/' => n.checked_div_euclid(m),
                _ => n.checked_rem_euclid(m),
            };
            n = r.ok_or_else(|| self.too_large())?;
        }
        Ok(n)
    }

    fn atom(&mut self) -> Result<i64, String> {
        self.depth += 1;
        if self.depth > 64 {
            return Err(format!("too many brackets or signs in `{}`", self.text));
        }
        let n = self.atom_inside();
        self.depth -= 1;
        n
    }

    fn atom_inside(&mut self) -> Result<i64, String> {
        if self.operator(b"-").is_some() {
            return self.atom()?.checked_neg().ok_or_else(|| self.too_large());
        }
        if self.operator(b"(").is_some() {
            let n = self.sum()?;
            self.operator(b")").ok_or_else(|| format!("`)` is missing in `{}`", self.text))?;
            return Ok(n);
        }
        self.blank();
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..end];
        self.at += end;
        if word.starts_with(|c: char| c.is_ascii_digit()) {
            return word.parse().map_err(|_| format!("`{word}` is not a whole number"));
        }
        if word.is_empty() {
            return Err(format!("a number or a name is missing in `{}`", self.text));
        }
        match self.env.get(word) {
            Some(Value::Number(n)) => Ok(n),
            Some(Value::Text(t)) => t.parse().map_err(|_| format!("`{word}` is the text \"{t}\", not a number")),
            None => Err(self.unknown(word)),
        }
    }

    fn too_large(&self) -> String {
        format!("`{}` is too large", self.text)
    }

    fn unknown(&self, word: &str) -> String {
        let known = self.env.names();
        if known.is_empty() {
            return format!("`{word}` is not known here: no range is around it, and `vars` has no such name");
        }
        format!("`{word}` is not known here: expected {}", crate::diagnostic::one_of(known))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars() -> Vec<(String, Value)> {
        vec![("n".to_owned(), Value::Number(4)), ("rate".to_owned(), Value::Text("10k/s".to_owned()))]
    }
    fn filled(text: &str, i: i64) -> Result<String, String> {
        let mut env = Env::new(vars());
        env.enter("i", i);
        fill(text, &env).map(Cow::into_owned)
    }

    #[test]
    fn arithmetic_follows_the_usual_order() {
        for (text, want) in [
            ("10.{i/256}.{i%256}.{i%250+1}", "10.3.232.1"),
            ("{i+1}", "1001"),
            ("{2*(i-1)}", "1998"),
            ("{-i}", "-1000"),
            ("{i:02x}:{i:05}", "3e8:01000"),
            ("{n}-{rate}", "4-10k/s"),
            ("nft { type nat } {tcp, udp} {{i}", "nft { type nat } {tcp, udp} {i}"),
            ("{22}", "{22}"),
        ] {
            assert_eq!(filled(text, 1000).as_deref(), Ok(want), "{text}");
        }
    }

    #[test]
    fn mistakes_are_said_in_a_sentence() {
        for (text, want) in [
            ("{j}", "`j` is not known here: expected `i`, `n` or `rate`"),
            ("{i/0}", "division by 0 in `i/0`"),
            ("{i/(n-4)}", "division by 0 in `i/(n-4)`"),
            ("{i+}", "a number or a name is missing in `i+`"),
            ("{(i}", "`)` is missing in `(i`"),
            ("{rate+1}", "`rate` is the text \"10k/s\", not a number"),
            ("{i*9223372036854775807}", "`i*9223372036854775807` is too large"),
            ("{i:zz}", "`zz` is not a form: expected 02, x or 02x"),
        ] {
            assert_eq!(filled(text, 3), Err(want.to_owned()), "{text}");
        }
        let deep = format!("{{{}i{}}}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(filled(&deep, 1).is_err());
    }

    #[test]
    fn ranges_include_both_ends() {
        let env = Env::new(vars());
        let s = spread("c[1..3]x", &env).unwrap().unwrap();
        assert_eq!((s.at(1), s.at(3), s.len(), s.name), ("c1x".to_owned(), "c3x".to_owned(), 3, "i"));
        let s = spread("r[k=0..n+1]", &env).unwrap().unwrap();
        assert_eq!((s.name, s.first, s.last), ("k", 0, 5));
        assert_eq!(spread("plain", &env), Ok(None));
        assert!(spread("r[1..n-4]", &env).unwrap().unwrap().is_empty());
        assert_eq!(spread("r[5..1]", &env), Err("the range 5..1 is empty".to_owned()));
        assert_eq!(spread("r[1..2]x[1..2]", &env), Err("`r[1..2]x[1..2]` has more than one range".to_owned()));
        assert!(spread("r[1..99999999]", &env).is_err());
        assert!(spread("r[1..m]", &env).is_err());
    }

    #[test]
    fn an_inner_range_hides_an_outer_one() {
        let mut env = Env::default();
        env.enter("i", 1);
        env.enter("h", 7);
        env.enter("i", 2);
        assert_eq!(fill("{h}-{i}", &env).unwrap(), "7-2");
        assert_eq!(env.number(), Some(2));
        env.leave();
        assert_eq!(fill("{h}-{i}", &env).unwrap(), "7-1");
    }
}
