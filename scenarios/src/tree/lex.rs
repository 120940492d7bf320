//! Characters, comments and single tokens.

use crate::source::Range;

/// A position that moves over the text.
pub(super) struct Cursor<'s> {
    pub text: &'s str,
    pub at: usize,
}

/// Where a string literal ended, or how it failed.
pub(super) enum Literal {
    Whole { plain: bool },
    Unterminated,
}

impl<'s> Cursor<'s> {
    pub fn new(text: &'s str) -> Cursor<'s> {
        Cursor { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } }
    }

    pub fn rest(&self) -> &'s str {
        &self.text[self.at..]
    }
    pub fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
    pub fn char(&self) -> Option<char> {
        self.rest().chars().next()
    }
    pub fn ended(&self) -> bool {
        self.at >= self.text.len()
    }
    pub fn eat(&mut self, b: u8) -> bool {
        let hit = self.byte() == Some(b);
        self.at += usize::from(hit);
        hit
    }
    /// Steps over one character of any length.
    pub fn bump(&mut self) {
        self.at += self.char().map_or(0, char::len_utf8);
    }

    /// Steps over white space and comments. A block comment that never ends takes the rest of the text.
    ///
    /// # Errors
    /// Where such a comment begins.
    pub fn space(&mut self) -> Result<(), Range> {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start();
            self.at += rest.len() - trimmed.len();
            if trimmed.starts_with("//") {
                self.at += trimmed.find('\n').unwrap_or(trimmed.len());
            } else if trimmed.starts_with("/*") {
                let start = self.at;
                if !self.block_comment() {
                    return Err(Range::new(start, start + 2));
                }
            } else {
                return Ok(());
            }
        }
    }

    /// `/* … */`, nested.
    fn block_comment(&mut self) -> bool {
        let bytes = self.text.as_bytes();
        let mut depth = 0;
        while self.at < bytes.len() {
            match &bytes[self.at..] {
                [b'/', b'*', ..] => (depth, self.at) = (depth + 1, self.at + 2),
                [b'*', b'/', ..] => {
                    (depth, self.at) = (depth - 1, self.at + 2);
                    if depth == 0 {
                        return true;
                    }
                }
                _ => self.at += 1,
            }
        }
        false
    }

    /// Does a bare word start here?
    pub fn at_word(&self) -> bool {
        self.char().is_some_and(|c| c == '_' || c.is_alphabetic()) && !self.at_raw_string()
    }

    fn at_raw_string(&self) -> bool {
        let rest = self.rest().as_bytes();
        rest.first() == Some(&b'r') && {
            let hashes = rest[1..].iter().take_while(|b| **b == b'#').count();
            rest.get(1 + hashes) == Some(&b'"')
        }
    }

    /// `word` or `r#word`.
    pub fn word(&mut self) -> Range {
        let start = self.at;
        let raw = self.rest().starts_with("r#");
        if raw {
            self.at += 2;
        }
        let more = |c: char| c == '_' || c.is_alphanumeric() || (raw && matches!(c, '.' | '+' | '-'));
        self.at += self.rest().find(|c| !more(c)).unwrap_or(self.rest().len());
        Range::new(start, self.at)
    }

    /// What looks like a number, with everything that is stuck to it ("10gbit", "10.0.0.1/24").
    pub fn number(&mut self) -> Range {
        let start = self.at;
        self.at += 1;
        let bytes = self.text.as_bytes();
        while let Some(b) = bytes.get(self.at) {
            let next = bytes.get(self.at + 1);
            let sign = matches!(b, b'+' | b'-') && matches!(bytes[self.at - 1], b'e' | b'E');
            let slash = matches!(b, b'/' | b':' | b'%') && next.is_some_and(u8::is_ascii_digit);
            if !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'%') || sign || slash) {
                break;
            }
            self.at += 1;
        }
        Range::new(start, self.at)
    }

    /// Does a string start here, plain or raw?
    pub fn at_string(&self) -> bool {
        self.byte() == Some(b'"') || self.at_raw_string()
    }

    /// A string literal.
    pub fn string(&mut self) -> Literal {
        if self.byte() == Some(b'r') {
            return self.raw_string();
        }
        let bytes = self.text.as_bytes();
        let mut plain = true;
        self.at += 1;
        while let Some(b) = bytes.get(self.at) {
            match b {
                b'"' => {
                    self.at += 1;
                    return Literal::Whole { plain };
                }
                b'\\' => {
                    plain = false;
                    self.at += 1;
                    self.bump();
                }
                _ => self.at += 1,
            }
        }
        self.at = self.text.len();
        Literal::Unterminated
    }

    fn raw_string(&mut self) -> Literal {
        let hashes = self.rest()[1..].bytes().take_while(|b| *b == b'#').count();
        let end = format!("\"{}", "#".repeat(hashes));
        self.at += 2 + hashes;
        match self.rest().find(&end) {
            Some(i) => {
                self.at += i + end.len();
                Literal::Whole { plain: false }
            }
            None => {
                self.at = self.text.len();
                Literal::Unterminated
            }
        }
    }

    /// `'x'`, `'\n'`. `None`: no such thing here; a string in single quotes, perhaps.
    pub fn character(&mut self) -> Option<Range> {
        let start = self.at;
        let rest = &self.rest()[1..];
        let mut chars = rest.char_indices();
        let (_, first) = chars.next()?;
        let escape = first == '\\';
        let near = rest.char_indices().skip(if escape { 2 } else { 1 }).take(if escape { 9 } else { 1 });
        let end = near.into_iter().find(|(_, c)| *c == '\'')?.0;
        self.at += 1 + end + 1;
        Some(Range::new(start, self.at))
    }

    /// Steps over what can't be understood, up to a comma or a closing bracket of this level. Never recurses.
    pub fn skip(&mut self) {
        let mut depth = 0u32;
        while !self.ended() {
            if self.space().is_err() {
                return;
            }
            match self.byte() {
                None => return,
                Some(b',') if depth == 0 => return,
                Some(b')' | b']' | b'}') if depth == 0 => return,
                Some(b')' | b']' | b'}') => (depth, self.at) = (depth - 1, self.at + 1),
                Some(b'(' | b'[' | b'{') => (depth, self.at) = (depth + 1, self.at + 1),
                _ if self.at_string() => {
                    self.string();
                }
                _ if self.at_word() => {
                    self.word();
                }
                _ => self.bump(),
            }
        }
    }
}
