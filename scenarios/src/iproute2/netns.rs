//! `ip netns add`, `del`, `exec`.

use super::ip::{Verb, verb};
use super::words::{Keyword, Words, prefix};
use super::{Command, Op, ParseError, lex::Word, program};

#[derive(Clone, Copy)]
enum Netns {
    Add,
    Del,
    Exec,
}

const COMMANDS: &[Keyword<Verb<Netns>>] = &[
    prefix("list", Verb::Show),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("list-id", Verb::Show),
    prefix("help", Verb::Show),
    prefix("add", Verb::Do(Netns::Add)),
    prefix("set", Verb::No),
    prefix("delete", Verb::Do(Netns::Del)),
    prefix("identify", Verb::Show),
    prefix("pids", Verb::Show),
    prefix("exec", Verb::Do(Netns::Exec)),
    prefix("monitor", Verb::Show),
    prefix("attach", Verb::No),
];

/// A name that a file can have: namespaces are files under /run/netns.
pub(super) fn name(word: &Word) -> Result<String, ParseError> {
    let name = &word.text;
    let bad = name.is_empty() || name.len() > 255 || name.contains('/') || name == "." || name == "..";
    if bad { Err(word.error(format!("Invalid netns name \"{name}\""))) } else { Ok(name.clone()) }
}

/// `ip netns` is read; `ns` is where it runs.
pub(super) fn netns(
    words: &mut Words<'_>,
    ns: Option<&str>,
    column: usize,
    out: &mut Vec<Command>,
) -> Result<(), ParseError> {
    let verb = verb(words, "ip", "netns", COMMANDS)?;
    let word = words.next().ok_or_else(|| words.missing("No netns name specified"))?;
    let name = name(word)?;
    let op = match verb {
        Netns::Add => Op::NewNs(name),
        Netns::Del => Op::DelNs(name),
        Netns::Exec => {
            if words.peek().is_none() {
                return Err(words.missing("No command specified"));
            }
            words.deeper()?;
            let before = out.len();
            program(words, Some(&name), out)?;
            out[before..].iter_mut().for_each(|c| c.column = column);
            return Ok(());
        }
    };
    out.push(Command { ns: ns.map(str::to_owned), op, column });
    // iproute2 takes no notice of further words here.
    words.end()
}
