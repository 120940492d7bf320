//! The little shell that the labs' `setup.sh` are written in: functions with positional parameters, `for NAME in …`,
//! assignments, `$x` and `"$@"`, `shift`, `;`, comments. Anything else is an error that names the line.

use std::collections::BTreeMap;

/// One simple command with everything expanded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simple {
    /// Line of the script that wrote it (of the call, if a function ran it).
    pub line: usize,
    pub words: Vec<String>,
}

/// What is wrong, and on which line of the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShellError {
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for ShellError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}
impl std::error::Error for ShellError {}

fn err<T>(line: usize, what: impl Into<String>) -> Result<T, ShellError> {
    Err(ShellError { line, what: what.into() })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// `$name`, `$1`
    Var(String),
    /// `"$@"`
    All,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(Vec<Piece>),
    /// `;` or the end of a line.
    End,
    Open,
    Close,
}

/// Cuts the script into tokens, each with its line.
fn tokens(script: &str) -> Result<Vec<(usize, Token)>, ShellError> {
    let mut out = Vec::new();
    for (i, text) in script.lines().enumerate() {
        let line = i + 1;
        let mut rest = text.chars().peekable();
        while let Some(&c) = rest.peek() {
            match c {
                ' ' | '\t' => {
                    rest.next();
                }
                '#' => break,
                ';' | '(' | ')' => {
                    rest.next();
                    out.push((line, [Token::End, Token::Open, Token::Close][";()".find(c).unwrap_or(0)].clone()));
                }
                _ => out.push((line, Token::Word(word(line, &mut rest)?))),
            }
        }
        out.push((line, Token::End));
    }
    Ok(out)
}

/// Reads one word, up to a blank or one of `;()`.
fn word(line: usize, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Vec<Piece>, ShellError> {
    let (mut pieces, mut text, mut quoted) = (Vec::new(), String::new(), false);
    while let Some(&c) = rest.peek() {
        match c {
            ' ' | '\t' | ';' | '(' | ')' if !quoted => break,
            '"' => {
                quoted = !quoted;
                rest.next();
            }
            '$' => {
                rest.next();
                let piece = variable(line, rest)?;
                if piece == Piece::All && !quoted {
                    return err(line, "unquoted $@");
                }
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
            }
            '\'' | '\\' | '`' | '|' | '&' | '<' | '>' | '*' | '?' | '[' | '~' => {
                return err(line, format!("`{c}` is not in this little shell"));
            }
            _ => {
                text.push(c);
                rest.next();
            }
        }
    }
    if quoted {
        return err(line, "a quotation does not end");
    }
    if !text.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// Reads what follows a `$`: `@`, one digit, or a name.
fn variable(line: usize, rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Piece, ShellError> {
    match rest.peek() {
        Some('@') => {
            rest.next();
            Ok(Piece::All)
        }
        Some(d) if d.is_ascii_digit() => {
            let name = d.to_string();
            rest.next();
            Ok(Piece::Var(name))
        }
        _ => {
            let mut name = String::new();
            while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                name.push(c);
            }
            if name.is_empty() { err(line, "`$` without a name") } else { Ok(Piece::Var(name)) }
        }
    }
}

#[derive(Clone, Debug)]
enum Node {
    Simple(usize, Vec<Vec<Piece>>),
    For { line: usize, name: String, items: Vec<Vec<Piece>>, body: Vec<Node> },
    Function { name: String, body: Vec<Node> },
}

struct Parser {
    tokens: std::iter::Peekable<std::vec::IntoIter<(usize, Token)>>,
    line: usize,
}

impl Parser {
    fn next(&mut self) -> Option<Token> {
        let (line, token) = self.tokens.next()?;
        self.line = line;
        Some(token)
    }

    /// Commands up to the word `end`, or to the end of the script if there is none.
    fn list(&mut self, end: Option<&str>) -> Result<Vec<Node>, ShellError> {
        let mut nodes = Vec::new();
        loop {
            let Some(token) = self.next() else {
                return match end {
                    None => Ok(nodes),
                    Some(end) => err(self.line, format!("`{end}` is missing")),
                };
            };
            match token {
                Token::End => {}
                Token::Open | Token::Close => return err(self.line, "a parenthesis out of place"),
                Token::Word(w) if end.is_some_and(|e| is(&w, e)) => return Ok(nodes),
                Token::Word(w) => nodes.push(self.command(w)?),
            }
        }
    }

    fn command(&mut self, first: Vec<Piece>) -> Result<Node, ShellError> {
        let line = self.line;
        if is(&first, "for") {
            return self.for_loop(line);
        }
        if self.tokens.next_if(|t| t.1 == Token::Open).is_some() {
            let name = plain(&first).ok_or(ShellError { line, what: "a function's name".into() })?;
            if self.next() != Some(Token::Close) {
                return err(line, "`)` is missing");
            }
            self.expect("{")?;
            return Ok(Node::Function { name, body: self.list(Some("}"))? });
        }
        let mut words = vec![first];
        words.extend(self.words()?);
        Ok(Node::Simple(line, words))
    }

    /// The words up to the end of the command.
    fn words(&mut self) -> Result<Vec<Vec<Piece>>, ShellError> {
        let mut words = Vec::new();
        loop {
            match self.next() {
                Some(Token::Word(w)) => words.push(w),
                Some(Token::End) | None => return Ok(words),
                Some(Token::Open | Token::Close) => return err(self.line, "a parenthesis out of place"),
            }
        }
    }

    fn for_loop(&mut self, line: usize) -> Result<Node, ShellError> {
        let name = match self.next() {
            Some(Token::Word(w)) => plain(&w),
            _ => None,
        };
        let name = name.ok_or(ShellError { line, what: "`for` without a name".into() })?;
        self.expect("in")?;
        let items = self.words()?;
        self.expect("do")?;
        Ok(Node::For { line, name, items, body: self.list(Some("done"))? })
    }

    fn expect(&mut self, word: &str) -> Result<(), ShellError> {
        match self.next() {
            Some(Token::Word(w)) if is(&w, word) => Ok(()),
            _ => err(self.line, format!("`{word}` is missing")),
        }
    }
}

fn plain(w: &[Piece]) -> Option<String> {
    match w {
        [Piece::Text(t)] => Some(t.clone()),
        _ => None,
    }
}

fn is(w: &[Piece], text: &str) -> bool {
    matches!(w, [Piece::Text(t)] if t == text)
}

/// More commands than any lab has: a script that calls itself ends here.
const MAX_COMMANDS: usize = 10_000;
const MAX_DEPTH: usize = 16;

#[derive(Default)]
struct Machine {
    vars: BTreeMap<String, String>,
    functions: BTreeMap<String, Vec<Node>>,
    out: Vec<Simple>,
}

impl Machine {
    fn run(
        &mut self,
        nodes: &[Node],
        args: &mut Vec<String>,
        depth: usize,
        call: Option<usize>,
    ) -> Result<(), ShellError> {
        for node in nodes {
            match node {
                Node::Function { name, body } => {
                    self.functions.insert(name.clone(), body.clone());
                }
                Node::For { line, name, items, body } => {
                    for value in self.expand(*line, items, args)? {
                        self.vars.insert(name.clone(), value);
                        self.run(body, args, depth, call)?;
                    }
                }
                Node::Simple(line, words) => self.simple(*line, words, args, depth, call)?,
            }
        }
        Ok(())
    }

    fn simple(
        &mut self,
        line: usize,
        words: &[Vec<Piece>],
        args: &mut Vec<String>,
        depth: usize,
        call: Option<usize>,
    ) -> Result<(), ShellError> {
        if let [w] = words
            && let Some(Piece::Text(t)) = w.first()
            && let Some((name, value)) = t.split_once('=')
        {
            let mut pieces = vec![Piece::Text(value.to_owned())];
            pieces.extend_from_slice(&w[1..]);
            let value = self.expand(line, &[pieces], args)?.concat();
            self.vars.insert(name.to_owned(), value);
            return Ok(());
        }
        let words = self.expand(line, words, args)?;
        if words == ["shift"] {
            if args.is_empty() {
                return err(line, "nothing to shift");
            }
            args.remove(0);
        } else if let Some(body) = self.functions.get(&words[0]) {
            if depth == MAX_DEPTH {
                return err(line, "functions are nested too deeply");
            }
            let body = body.clone();
            self.run(&body, &mut words[1..].to_vec(), depth + 1, call.or(Some(line)))?;
        } else if words != ["set", "-e"] {
            if self.out.len() == MAX_COMMANDS {
                return err(line, format!("more than {MAX_COMMANDS} commands"));
            }
            self.out.push(Simple { line: call.unwrap_or(line), words });
        }
        Ok(())
    }

    fn expand(&self, line: usize, words: &[Vec<Piece>], args: &[String]) -> Result<Vec<String>, ShellError> {
        let mut out = Vec::new();
        for pieces in words {
            if pieces.as_slice() == [Piece::All] {
                out.extend_from_slice(args);
                continue;
            }
            let mut text = String::new();
            for p in pieces {
                match p {
                    Piece::Text(t) => text.push_str(t),
                    Piece::All => return err(line, "\"$@\" inside a word"),
                    Piece::Var(name) => {
                        let value = match name.parse::<usize>() {
                            Ok(n) => n.checked_sub(1).and_then(|n| args.get(n)),
                            Err(_) => self.vars.get(name),
                        };
                        text.push_str(value.ok_or(ShellError { line, what: format!("${name} has no value") })?);
                    }
                }
            }
            out.push(text);
        }
        Ok(out)
    }
}

/// Runs `script` and gives the simple commands that it would run, in order.
///
/// # Errors
/// Anything that this little shell does not know, with its line.
pub fn run(script: &str) -> Result<Vec<Simple>, ShellError> {
    let mut parser = Parser { tokens: tokens(script)?.into_iter().peekable(), line: 0 };
    let nodes = parser.list(None)?;
    let mut machine = Machine::default();
    machine.run(&nodes, &mut Vec::new(), 0, None)?;
    Ok(machine.out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(script: &str) -> Vec<String> {
        run(script).unwrap().iter().map(|s| format!("{}: {}", s.line, s.words.join(" "))).collect()
    }

    #[test]
    fn functions_loops_and_parameters_expand() {
        let script = "set -e\ntwo(){ # a b\n echo $1; say \"$@\"; }\nrest(){ n=$1; shift; echo $n: \"$@\"; }\n\
                      for i in 1 2; do two a$i b; done # twice\nrest x y z";
        assert_eq!(lines(script), ["5: echo a1", "5: say a1 b", "5: echo a2", "5: say a2 b", "6: echo x: y z"]);
    }

    #[test]
    fn what_it_does_not_know_is_an_error_with_its_line() {
        for (script, line, what) in [
            ("a\nb | c", 2, "`|` is not in this little shell"),
            ("a \"b", 1, "a quotation does not end"),
            ("echo $nobody", 1, "$nobody has no value"),
            ("for i in 1 2; do a", 1, "`done` is missing"),
            ("(a)", 1, "a parenthesis out of place"),
            ("f(){ f; }\nf", 1, "functions are nested too deeply"),
            ("a=$(b)", 1, "`$` without a name"),
        ] {
            assert_eq!(run(script), err(line, what), "{script}");
        }
    }

    #[test]
    fn the_number_of_commands_is_limited() {
        let ten = "0 1 2 3 4 5 6 7 8 9";
        let mut script = "x $a$b$c$d$e".to_owned();
        for v in ["a", "b", "c", "d", "e"] {
            script = format!("for {v} in {ten}; do {script}; done");
        }
        assert_eq!(run(&script).unwrap_err().what, "more than 10000 commands");
    }
}
