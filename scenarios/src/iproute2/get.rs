//! `ip route get`: a question, which changes nothing.

use super::ParseError;
use super::value::{self, Family};
use super::words::{Keyword, Words, exact, find, prefix};
use sim_models::kernel::{Errno, RtnlError, route::Get, show_rule::ipproto};

#[derive(Clone, Copy)]
enum Key {
    To,
    From,
    Tos,
    Iif,
    Oif,
    Mark,
    Uid,
    Fibmatch,
    IpProto,
    Sport,
    Dport,
    No,
}

const WORDS: &[Keyword<Key>] = &[
    exact("tos", Key::Tos),
    prefix("dsfield", Key::Tos),
    prefix("from", Key::From),
    prefix("iif", Key::Iif),
    prefix("mark", Key::Mark),
    prefix("oif", Key::Oif),
    exact("dev", Key::Oif),
    prefix("notify", Key::No),
    prefix("connected", Key::No),
    prefix("vrf", Key::No),
    prefix("uid", Key::Uid),
    prefix("fibmatch", Key::Fibmatch),
    exact("as", Key::No),
    exact("sport", Key::Sport),
    exact("dport", Key::Dport),
    exact("ipproto", Key::IpProto),
    exact("to", Key::To),
];

/// What `ip route get` was asked, the words behind `get`; a warning that iproute2 prints first.
pub(super) fn get(words: &mut Words<'_>) -> Result<(Get, Option<String>), ParseError> {
    let (mut get, mut family, mut warning) = (Get::default(), Family::Any, None);
    let mut to = false;
    while let Some(word) = words.next() {
        let Some(key) = find(WORDS, &word.text) else {
            to = true;
            get.dst = destination(word, &mut family, &mut warning)?;
            continue;
        };
        match key.what {
            Key::To => {
                to = true;
                get.dst = destination(words.arg()?, &mut family, &mut warning)?;
            }
            Key::From => {
                let arg = words.arg()?;
                let from = family.prefix(arg)?.0;
                if from.len != 32 && from.len != 0 {
                    // The kernel's own words.
                    let e = RtnlError::msg(Errno::EINVAL, "ipv4: Invalid values in header for route get request");
                    return Err(arg.error(e.to_string()));
                }
                get.from = from.addr;
            }
            Key::Tos => get.tos = value::dsfield(words.arg()?)?,
            Key::Iif => get.iif = Some(words.arg()?.text.clone()),
            Key::Oif => get.oif = Some(words.arg()?.text.clone()),
            Key::Mark => {
                let arg = words.arg()?;
                get.mark = value::u32_of(&arg.text).ok_or_else(|| arg.wrong("invalid mark value"))?;
            }
            Key::Uid => {
                let arg = words.arg()?;
                get.uid = Some(value::u32_of(&arg.text).ok_or_else(|| arg.wrong("invalid UID"))?);
            }
            Key::Fibmatch => get.fibmatch = true,
            Key::IpProto => {
                let arg = words.arg()?;
                get.proto = ipproto(&arg.text).ok_or_else(|| arg.wrong("Invalid \"ipproto\" value"))?;
            }
            Key::Sport => get.sport = port(words, "invalid sport")?,
            Key::Dport => get.dport = port(words, "invalid dport")?,
            Key::No => return Err(word.unsupported(&format!("ip route get {}", key.text))),
        }
    }
    if !to {
        return Err(words.missing("need at least a destination address"));
    }
    Ok((get, warning))
}

fn destination(word: &super::lex::Word, family: &mut Family, warning: &mut Option<String>) -> Result<u32, ParseError> {
    let (p, _) = family.prefix(word)?;
    if p.len != 32 && word.text.contains('/') {
        *warning = Some(format!("Warning: /{} as prefix is invalid, only /32 (or none) is supported.", p.len));
    }
    Ok(p.addr)
}

fn port(words: &mut Words<'_>, why: &str) -> Result<u16, ParseError> {
    let arg = words.arg()?;
    value::u32_of(&arg.text).and_then(|p| u16::try_from(p).ok()).ok_or_else(|| arg.wrong(why))
}
