//! The cursor over the words of one command, and how iproute2 recognises keywords.

use super::{ParseError, lex::Word};

/// The words of a command, from left to right.
pub(super) struct Words<'a> {
    rest: &'a [Word],
    end: usize,
    /// How many commands this one stands in (`ip netns exec NS`, `sudo`).
    depth: u32,
}

/// No sensible line goes deeper.
const MAX_DEPTH: u32 = 16;

impl<'a> Words<'a> {
    pub fn new(words: &'a [Word], end: usize) -> Words<'a> {
        Words { rest: words, end, depth: 0 }
    }

    pub fn next(&mut self) -> Option<&'a Word> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    pub fn peek(&self) -> Option<&'a Word> {
        self.rest.first()
    }

    /// The value of the keyword before it (`NEXT_ARG`).
    pub fn arg(&mut self) -> Result<&'a Word, ParseError> {
        self.next().ok_or_else(|| self.missing("Command line is not complete. Try option \"help\""))
    }

    /// A command within this one begins.
    pub fn deeper(&mut self) -> Result<(), ParseError> {
        self.depth += 1;
        match self.peek() {
            Some(word) if self.depth > MAX_DEPTH => {
                Err(word.error(format!("more than {MAX_DEPTH} commands within one another")))
            }
            _ => Ok(()),
        }
    }

    /// A word is missing at the end of the line.
    pub fn missing(&self, text: impl Into<String>) -> ParseError {
        ParseError { column: self.end, width: 1, text: text.into(), help: None }
    }

    /// Nothing may follow.
    pub fn end(&mut self) -> Result<(), ParseError> {
        match self.next() {
            None => Ok(()),
            Some(word) => Err(word.error(format!("`{}` is one word too many", word.text))),
        }
    }
}

/// A word that iproute2 knows at some place.
#[derive(Clone, Copy)]
pub(super) struct Keyword<K> {
    pub text: &'static str,
    /// Any beginning of it will do (`matches`).
    pub prefix: bool,
    pub what: K,
}

/// Only as a whole.
pub(super) const fn exact<K>(text: &'static str, what: K) -> Keyword<K> {
    Keyword { text, prefix: false, what }
}
/// Also its beginnings.
pub(super) const fn prefix<K>(text: &'static str, what: K) -> Keyword<K> {
    Keyword { text, prefix: true, what }
}

/// The first of `table` that `word` means. Tables stand in the order in which iproute2 tries them, since that decides
/// what an abbreviation means.
pub(super) fn find<K: Copy>(table: &[Keyword<K>], word: &str) -> Option<Keyword<K>> {
    table.iter().find(|k| k.text == word || (k.prefix && !word.is_empty() && k.text.starts_with(word))).copied()
}

/// Of `known` the word that is likely to have been meant by `word`.
pub(super) fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // A long word is not worth the comparing.
    let word: String = word.chars().take(32).collect();
    let near = known.map(|k| (strsim::damerau_levenshtein(&word, k), k)).min_by_key(|(d, _)| *d)?;
    (near.0 <= 1 + word.chars().count() / 4).then_some(near.1)
}

impl Word {
    /// iproute2 knows the word, the simulator does not model it.
    pub fn unsupported(&self, full: &str) -> ParseError {
        self.error(format!("not supported: `{full}`"))
    }
    /// `invarg`
    pub fn wrong(&self, why: &str) -> ParseError {
        self.error(format!("Error: argument \"{}\" is wrong: {why}", self.text))
    }
    /// `duparg`
    pub fn duplicate(&self, key: &str) -> ParseError {
        self.error(format!("Error: duplicate \"{key}\": \"{}\" is the second value.", self.text))
    }
    /// `duparg2`: the place for a word without a keyword is taken; with the keyword that may have been meant.
    pub fn garbage<K: Copy>(&self, key: &str, table: &[Keyword<K>]) -> ParseError {
        let text = format!("Error: either \"{key}\" is duplicate, or \"{}\" is a garbage.", self.text);
        self.error(text).near(&self.text, table.iter().map(|k| k.text))
    }
    /// A list of commands has none of this name.
    pub fn unknown<K: Copy>(&self, what: &str, help: &str, table: &[Keyword<K>]) -> ParseError {
        let text = format!("{what} \"{}\" is unknown, try \"{help}\".", self.text);
        self.error(text).near(&self.text, table.iter().map(|k| k.text))
    }
    /// A command that changes nothing: it prints.
    pub fn only_prints(&self, full: &str) -> ParseError {
        self.error(format!("not supported: `{full}` only prints"))
    }
}

impl ParseError {
    /// With "did you mean", if one of `known` is near.
    pub(super) fn near<'a>(self, word: &str, known: impl Iterator<Item = &'a str>) -> ParseError {
        match nearest(word, known) {
            Some(near) if near != word => self.help(format!("did you mean `{near}`?")),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_keyword_that_fits_wins() {
        let table = [exact("src", 1), prefix("metric", 2), prefix("mtu", 3), exact("m", 4)];
        let what = |word| find(&table, word).map(|k| k.what);
        assert_eq!(
            [what("src"), what("sr"), what("m"), what("mt"), what("metrics")],
            [Some(1), None, Some(2), Some(3), None]
        );
        assert_eq!(what(""), None);
    }

    #[test]
    fn near_words_are_found_far_ones_not() {
        let known = || ["via", "dev", "metric", "onlink"].into_iter();
        assert_eq!(nearest("metrc", known()), Some("metric"));
        assert_eq!(nearest("onlnik", known()), Some("onlink"));
        assert_eq!(nearest("elephant", known()), None);
    }
}
