//! `ip address add`, `del`.

use super::ip::{Verb, verb};
use super::value::{self, Family};
use super::words::{Keyword, Words, exact, find, prefix};
use super::{ParseError, lex::Word};
use sim_models::kernel::rtnl::{Brd, IfAddr, RtnlOp, Scope};
use sim_models::packet::{Addr, Prefix};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cmd {
    Add,
    Del,
}

const COMMANDS: &[Keyword<Verb<Cmd>>] = &[
    prefix("add", Verb::Do(Cmd::Add)),
    prefix("change", Verb::No),
    exact("chg", Verb::No),
    prefix("replace", Verb::No),
    prefix("delete", Verb::Do(Cmd::Del)),
    prefix("list", Verb::Show),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("flush", Verb::No),
    prefix("save", Verb::Show),
    prefix("showdump", Verb::Show),
    prefix("restore", Verb::No),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum Key {
    Peer,
    Broadcast,
    Scope,
    Dev,
    Lifetime,
    NoPrefixRoute,
    /// Means something for IPv6 alone.
    Ignored,
    Local,
    No,
}

const WORDS: &[Keyword<Key>] = &[
    exact("peer", Key::Peer),
    exact("remote", Key::Peer),
    prefix("broadcast", Key::Broadcast),
    exact("brd", Key::Broadcast),
    exact("anycast", Key::No),
    exact("scope", Key::Scope),
    exact("dev", Key::Dev),
    exact("label", Key::No),
    prefix("metric", Key::No),
    prefix("priority", Key::No),
    prefix("preference", Key::No),
    prefix("valid_lft", Key::Lifetime),
    prefix("preferred_lft", Key::Lifetime),
    exact("secondary", Key::Ignored),
    exact("temporary", Key::Ignored),
    exact("nodad", Key::Ignored),
    exact("optimistic", Key::Ignored),
    exact("dadfailed", Key::Ignored),
    exact("home", Key::Ignored),
    exact("deprecated", Key::Ignored),
    exact("tentative", Key::Ignored),
    exact("permanent", Key::Ignored),
    exact("mngtmpaddr", Key::Ignored),
    exact("noprefixroute", Key::NoPrefixRoute),
    exact("autojoin", Key::No),
    exact("stable-privacy", Key::Ignored),
    exact("proto", Key::No),
    exact("local", Key::Local),
];

/// What was said so far.
#[derive(Default)]
struct Said {
    local: Option<(Prefix<u32>, bool)>,
    peer: Option<Prefix<u32>>,
    broadcast: Option<Sign>,
    scope: Option<Scope>,
    dev: Option<String>,
    noprefixroute: bool,
}

enum Sign {
    Addr(u32),
    /// `brd +`: all host bits set; `brd -`: none.
    Plus,
    Minus,
}

/// `ip address` is read.
pub(super) fn addr(words: &mut Words<'_>, mut family: Family) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "ip", "address", COMMANDS)?;
    let mut said = Said::default();
    while let Some(word) = words.next() {
        said.word(word, words, &mut family)?;
    }
    let Some(dev) = said.dev.take() else {
        return Err(words.missing("Not enough information: \"dev\" argument is required."));
    };
    let Some((local, with_length)) = said.local else {
        return Err(words.missing("an address is missing").help("like `10.0.0.1/24`"));
    };
    let mut addr = IfAddr::new(local);
    addr.scope = said.scope;
    addr.noprefixroute = said.noprefixroute;
    if let Some(peer) = said.peer {
        addr.peer = Some(peer.addr);
        addr.len = peer.len;
    } else if cmd == Cmd::Del && !with_length {
        // iproute2 calls it a "wildcard deletion" and warns.
        addr.len = IfAddr::ANY_LEN;
    }
    if cmd == Cmd::Del {
        // A deletion asks for neither.
        addr.scope = None;
        return Ok(RtnlOp::DelAddr { dev, addr });
    }
    let subnet = Prefix::new(addr.peer.unwrap_or(addr.local), addr.len);
    addr.broadcast = match said.broadcast {
        Some(Sign::Addr(a)) => Some(Brd::Addr(a)),
        Some(Sign::Plus) => Some(Brd::Plus),
        // Longer than /30 there is none to set.
        Some(Sign::Minus) if subnet.len <= 30 => Some(Brd::Addr(subnet.addr.network(subnet.len))),
        Some(Sign::Minus) | None => None,
    };
    Ok(RtnlOp::NewAddr { dev, addr })
}

impl Said {
    fn word(&mut self, word: &Word, words: &mut Words<'_>, family: &mut Family) -> Result<(), ParseError> {
        let Some(key) = find(WORDS, &word.text) else {
            return self.local(word, family);
        };
        match key.what {
            Key::Peer => {
                let value = words.arg()?;
                if self.peer.is_some() {
                    return Err(value.duplicate("peer"));
                }
                self.peer = Some(family.prefix(value)?.0);
            }
            Key::Broadcast => {
                let value = words.arg()?;
                if self.broadcast.is_some() {
                    return Err(value.duplicate("broadcast"));
                }
                self.broadcast = Some(match value.text.as_str() {
                    "+" => Sign::Plus,
                    "-" => Sign::Minus,
                    _ => Sign::Addr(family.address(value)?),
                });
            }
            Key::Scope => self.scope = Some(value::scope(words.arg()?, "invalid scope value.")?),
            Key::Dev => self.dev = Some(words.arg()?.text.clone()),
            Key::Lifetime => match words.arg()? {
                value if value.text == "forever" => {}
                value => return Err(value.unsupported(&format!("{} {}", key.text, value.text))),
            },
            Key::NoPrefixRoute => self.noprefixroute = true,
            Key::Ignored => {}
            Key::Local => {
                let value = words.arg()?;
                return self.local(value, family);
            }
            Key::No => return Err(word.unsupported(key.text)),
        }
        Ok(())
    }

    fn local(&mut self, word: &Word, family: &mut Family) -> Result<(), ParseError> {
        if word.text == "help" {
            return Err(word.only_prints("help"));
        }
        if self.local.is_some() {
            return Err(word.garbage("local", WORDS));
        }
        let local = family.prefix(word)?;
        self.local = Some(local);
        Ok(())
    }
}
