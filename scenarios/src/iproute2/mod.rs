//! Command lines of iproute2 and sysctl into requests of the kernel's one door, and back.
//!
//! `ip`, `bridge`, `sysctl` and `echo VALUE > /proc/sys/…` are read as the real tools read them (iproute2 6.1): the same
//! abbreviations, the same defaults, the same texts for what is wrong. A word that iproute2 knows and the simulator does
//! not model is an error that names the word, never silently left out.
//!
//! | module | what |
//! |---|---|
//! | [`lex`] | a line into words with their columns, at `;` and `&&` into commands |
//! | [`words`] | the cursor over a command's words, keywords and their abbreviations |
//! | [`value`] | numbers, addresses, prefixes, hardware addresses |
//! | [`ip`], [`link`], [`addr`], [`route`], [`rule`], [`neigh`], [`netns`] | `ip` and its objects |
//! | [`kind`] | what follows `type`: the words of a driver, of a bridge port |
//! | [`bridge`], [`sysctl`] | `bridge fdb`, `bridge link`; `sysctl`, `echo … > /proc/sys/…` |
//! | [`question`], [`get`] | commands that only print |
//! | [`lower`] | a request back into its line |

mod addr;
mod bridge;
mod get;
mod ip;
mod kind;
mod lex;
mod link;
mod lower;
mod neigh;
mod netns;
mod question;
mod route;
mod rule;
mod sysctl;
mod value;
mod words;

pub use lower::to_command;
pub use question::{Ask, Question, question};

use lex::Word;
use sim_models::kernel::rtnl::RtnlOp;
use std::fmt;
use words::Words;

/// One command, ready to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// The namespace it is for, by `ip -n NS` or `ip netns exec NS`; `None`: the one it is typed in.
    pub ns: Option<String>,
    pub op: Op,
    /// Where the command starts in its line: characters, from 1.
    pub column: usize,
}

/// What a command asks for.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "requests are few and live shortly")]
pub enum Op {
    Rtnl(RtnlOp),
    /// `ip netns add NAME`
    NewNs(String),
    /// `ip netns del NAME`
    DelNs(String),
}

/// Why a line is not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// Of the offending word: characters, from 1; one past the line's end where a word is missing.
    pub column: usize,
    /// How many characters the word has, at least 1.
    pub width: usize,
    /// iproute2's own text where it has one.
    pub text: String,
    /// What was expected or may have been meant.
    pub help: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.text)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}
impl std::error::Error for ParseError {}

/// At most this many bytes of line, so that no input takes long.
const LINE_LIMIT: usize = 64 * 1024;

/// Reads a line. It may hold several commands, separated by `;`, `&&` or line ends; an empty line holds none. Columns
/// count over the whole of it.
///
/// # Errors
/// The first word that can't be understood, or that asks for something not modelled.
pub fn parse(line: &str) -> Result<Vec<Command>, ParseError> {
    if line.len() > LINE_LIMIT {
        let text = format!("the line is longer than {LINE_LIMIT} bytes");
        return Err(ParseError { column: 1, width: 1, text, help: None });
    }
    let mut commands = Vec::new();
    for simple in lex::split(line)? {
        let mut words = Words::new(&simple.words, simple.end);
        program(&mut words, None, &mut commands)?;
    }
    Ok(commands)
}

/// One command with its program's name in front, in namespace `ns`.
fn program(words: &mut Words<'_>, ns: Option<&str>, out: &mut Vec<Command>) -> Result<(), ParseError> {
    let Some(name) = words.next() else { return Ok(()) };
    let column = name.column;
    let mut emit = |ns: Option<String>, op| out.push(Command { ns, op, column });
    let base = name.text.rsplit('/').next().unwrap_or_default();
    match base {
        "ip" => return ip::ip(words, ns, column, out),
        "bridge" => bridge::bridge(words, ns, &mut emit)?,
        "sysctl" => sysctl::sysctl(words, |op| emit(ns.map(str::to_owned), Op::Rtnl(op)))?,
        "echo" => emit(ns.map(str::to_owned), Op::Rtnl(sysctl::echo(words)?)),
        // Everyone here is root.
        "sudo" => {
            words.deeper()?;
            return program(words, ns, out);
        }
        _ => return Err(unknown_program(name)),
    }
    words.end()
}

/// Tools that a scenario may well want, some day.
const LATER: &[&str] = &[
    "tc",
    "nft",
    "iptables",
    "ip6tables",
    "iptables-restore",
    "ethtool",
    "ss",
    "ping",
    "arping",
    "tcpdump",
    "nc",
    "sleep",
    "conntrack",
    "ifconfig",
    "route",
    "arp",
    "brctl",
    "vconfig",
    "docker",
    "modprobe",
];

fn unknown_program(name: &Word) -> ParseError {
    if LATER.contains(&name.text.as_str()) {
        return name.error(format!("not supported yet: `{}`", name.text));
    }
    let known = ["ip", "bridge", "sysctl", "echo"];
    let error = name.error(format!("{}: command not found", name.text));
    match words::nearest(&name.text, known.into_iter()) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error.help("known are ip, bridge, sysctl and echo"),
    }
}

#[cfg(test)]
mod tests;
