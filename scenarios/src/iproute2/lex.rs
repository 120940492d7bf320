//! A line into words. So much of a shell as a list of commands needs: quotes, comments, `;` and `&&`, one `>`. All else
//! that a shell gives a meaning is refused, so that no line is silently read in another sense.

use super::ParseError;

/// One word, quotes removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub text: String,
    /// Characters, from 1.
    pub column: usize,
    /// Characters in the line, quotes included.
    pub width: usize,
    /// An unquoted `>`.
    pub redirect: bool,
}

impl Word {
    pub fn error(&self, text: impl Into<String>) -> ParseError {
        ParseError { column: self.column, width: self.width.max(1), text: text.into(), help: None }
    }
}

impl ParseError {
    /// The same with what was expected.
    pub(super) fn help(mut self, help: impl Into<String>) -> ParseError {
        self.help = Some(help.into());
        self
    }
}

/// The words up to a separator.
pub(super) struct Simple {
    pub words: Vec<Word>,
    /// The column behind its last word.
    pub end: usize,
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    done: Vec<Simple>,
    words: Vec<Word>,
}

/// The simple commands of a line, empty ones left out.
pub(super) fn split(line: &str) -> Result<Vec<Simple>, ParseError> {
    let mut lexer = Lexer { chars: line.chars().collect(), at: 0, done: Vec::new(), words: Vec::new() };
    while let Some(c) = lexer.peek(0) {
        lexer.step(c)?;
    }
    lexer.finish();
    Ok(lexer.done)
}

impl Lexer {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn finish(&mut self) {
        if let Some(last) = self.words.last() {
            let end = last.column + last.width;
            self.done.push(Simple { words: std::mem::take(&mut self.words), end });
        }
    }

    fn step(&mut self, c: char) -> Result<(), ParseError> {
        match c {
            '\n' | ';' => {
                self.at += 1;
                self.finish();
            }
            '&' if self.peek(1) == Some('&') => {
                self.at += 2;
                self.finish();
            }
            // The line goes on.
            '\\' if self.peek(1) == Some('\n') => self.at += 2,
            '\\' if self.peek(1) == Some('\r') && self.peek(2) == Some('\n') => self.at += 3,
            '#' => {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            }
            '>' if self.peek(1) != Some('>') => {
                self.words.push(Word { text: ">".to_owned(), column: self.at + 1, width: 1, redirect: true });
                self.at += 1;
            }
            '|' | '&' | '<' | '>' | '(' | ')' | '`' => return Err(self.refuse(c)),
            c if c.is_whitespace() => self.at += 1,
            _ => self.word()?,
        }
        Ok(())
    }

    fn refuse(&self, c: char) -> ParseError {
        let text = format!("not supported: `{c}`");
        let error = ParseError { column: self.at + 1, width: 1, text, help: None };
        error.help("this is a list of commands, not a shell")
    }

    fn word(&mut self) -> Result<(), ParseError> {
        let (start, mut text) = (self.at, String::new());
        while let Some(c) = self.peek(0) {
            match c {
                ';' | '&' | '|' | '<' | '>' | '(' | ')' => break,
                c if c.is_whitespace() => break,
                '\'' | '"' => self.quoted(c, &mut text)?,
                '\\' => {
                    text.extend(self.peek(1));
                    self.at += 2;
                }
                '$' | '`' => return Err(self.refuse(c)),
                _ => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        self.at = self.at.min(self.chars.len());
        self.words.push(Word { text, column: start + 1, width: self.at - start, redirect: false });
        Ok(())
    }

    fn quoted(&mut self, quote: char, text: &mut String) -> Result<(), ParseError> {
        let opened = self.at;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(c) if c == quote => break,
                Some(c @ ('$' | '`')) if quote == '"' => return Err(self.refuse(c)),
                Some('\\') if quote == '"' && matches!(self.peek(1), Some('"' | '\\')) => {
                    text.extend(self.peek(1));
                    self.at += 2;
                }
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
                None => {
                    let text = format!("this {quote} is never closed");
                    return Err(ParseError { column: opened + 1, width: 1, text, help: None });
                }
            }
        }
        self.at += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<Vec<String>> {
        let simple = split(line).unwrap();
        simple.into_iter().map(|s| s.words.into_iter().map(|w| w.text).collect()).collect()
    }

    #[test]
    fn words_quotes_and_separators() {
        assert_eq!(texts("ip a;ip r && ip l\nip n # all"), [["ip", "a"], ["ip", "r"], ["ip", "l"], ["ip", "n"]]);
        assert_eq!(texts(" ; ;; # nothing"), Vec::<Vec<String>>::new());
        assert_eq!(texts(r#"sysctl -w "a=1 2"b 'c#"' d\ e #f"#), [["sysctl", "-w", "a=1 2b", "c#\"", "d e"]]);
        assert_eq!(texts("echo 1>/proc"), [["echo", "1", ">", "/proc"]]);
        assert_eq!(texts("ip '' x\\"), [["ip", "", "x"]]);
    }

    #[test]
    fn columns_count_characters() {
        let simple = split("é 'ü x'  ip").unwrap();
        let places: Vec<_> = simple[0].words.iter().map(|w| (w.column, w.width)).collect();
        assert_eq!(places, [(1, 1), (3, 5), (10, 2)]);
        assert_eq!(simple[0].end, 12);
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused() {
        for (line, column) in [
            ("ip a | grep x", 6),
            ("ip a &", 6),
            ("echo $X", 6),
            ("echo `x`", 6),
            ("x >> y", 3),
            ("echo \"a$b\"", 8),
            ("(ip a)", 1),
        ] {
            let error = split(line).err().unwrap();
            assert_eq!(error.column, column, "{line}");
            assert!(error.text.starts_with("not supported: `"), "{}", error.text);
        }
        assert_eq!(split("ip 'a").err().unwrap().text, "this ' is never closed");
    }
}
