//! `ip rule add`, `del`.

use super::ip::{Verb, verb};
use super::route::table;
use super::value::{self, Family};
use super::words::{Keyword, Words, exact, find, prefix};
use super::{ParseError, lex::Word};
use sim_models::kernel::{
    rtnl::{RT_TABLE_MAIN, RtnlOp, RuleAction, RuleSpec},
    show_rule::ipproto,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cmd {
    Add,
    Del,
}

const COMMANDS: &[Keyword<Verb<Cmd>>] = &[
    prefix("list", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("show", Verb::Show),
    prefix("save", Verb::Show),
    prefix("restore", Verb::No),
    prefix("add", Verb::Do(Cmd::Add)),
    prefix("delete", Verb::Do(Cmd::Del)),
    prefix("flush", Verb::No),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum Key {
    Not,
    From,
    To,
    Pref,
    Tos,
    Fwmark,
    Proto,
    Table,
    Suppress,
    Dev,
    Oif,
    Uid,
    Type,
    IpProto,
    Sport,
    Dport,
    Lookup,
    Goto,
    Nop,
    No,
}

const WORDS: &[Keyword<Key>] = &[
    exact("not", Key::Not),
    exact("from", Key::From),
    exact("to", Key::To),
    prefix("preference", Key::Pref),
    prefix("order", Key::Pref),
    prefix("priority", Key::Pref),
    exact("tos", Key::Tos),
    prefix("dsfield", Key::Tos),
    exact("fwmark", Key::Fwmark),
    prefix("realms", Key::No),
    prefix("protocol", Key::Proto),
    exact("tun_id", Key::No),
    prefix("table", Key::Table),
    exact("lookup", Key::Lookup),
    exact("suppress_prefixlength", Key::Suppress),
    exact("sup_pl", Key::Suppress),
    exact("suppress_ifgroup", Key::No),
    exact("sup_group", Key::No),
    exact("dev", Key::Dev),
    exact("iif", Key::Dev),
    exact("oif", Key::Oif),
    exact("l3mdev", Key::No),
    exact("uidrange", Key::Uid),
    exact("nat", Key::No),
    prefix("map-to", Key::No),
    exact("type", Key::Type),
    exact("ipproto", Key::IpProto),
    exact("sport", Key::Sport),
    exact("dport", Key::Dport),
    // What iproute2 tries among the types.
    exact("goto", Key::Goto),
    exact("nop", Key::Nop),
];

/// In the order of `rtnl_rtntype_a2n`; `None` where a rule of that type makes no sense to the simulator.
const TYPES: &[Keyword<Option<RuleAction>>] = &[
    exact("local", None),
    exact("nat", None),
    prefix("broadcast", None),
    exact("brd", None),
    prefix("anycast", None),
    prefix("multicast", None),
    prefix("prohibit", Some(RuleAction::Prohibit)),
    prefix("unreachable", Some(RuleAction::Unreachable)),
    prefix("blackhole", Some(RuleAction::Blackhole)),
    prefix("xresolve", None),
    prefix("unicast", Some(RuleAction::Lookup)),
    exact("throw", None),
];

/// `ip rule` is read.
pub(super) fn rule(words: &mut Words<'_>, mut family: Family) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "ip", "rule", COMMANDS)?;
    if words.peek().is_none() {
        let verb = if cmd == Cmd::Add { "add" } else { "del" };
        return Err(words.missing(format!("\"ip rule {verb}\" requires arguments.")));
    }
    let mut rule = RuleSpec::any();
    if cmd == Cmd::Add {
        rule.action = Some(RuleAction::Lookup);
    }
    while let Some(word) = words.next() {
        self::word(&mut rule, word, words, &mut family)?;
    }
    if cmd == Cmd::Add && rule.table == 0 && rule.action == Some(RuleAction::Lookup) {
        rule.table = RT_TABLE_MAIN;
    }
    Ok(if cmd == Cmd::Add { RtnlOp::NewRule { rule } } else { RtnlOp::DelRule { rule } })
}

fn word(rule: &mut RuleSpec, word: &Word, words: &mut Words<'_>, family: &mut Family) -> Result<(), ParseError> {
    let Some(key) = find(WORDS, &word.text) else { return action(rule, word) };
    match key.what {
        Key::Not => rule.not = true,
        Key::From => rule.from = family.prefix(words.arg()?)?.0,
        Key::To => rule.to = family.prefix(words.arg()?)?.0,
        Key::Pref => rule.pref = Some(number(words.arg()?, "preference value is invalid")?),
        Key::Tos => {
            let arg = words.arg()?;
            rule.tos = value::dsfield(arg).map_err(|_| arg.wrong("TOS value is invalid"))?;
        }
        Key::Fwmark => fwmark(rule, words.arg()?)?,
        Key::Proto => {
            let arg = words.arg()?;
            rule.proto = value::protocol(arg).map_err(|_| arg.wrong("\"protocol\" value is invalid"))?;
        }
        Key::Table | Key::Lookup => rule.table = table(words.arg()?, "invalid table ID")?,
        Key::Suppress => rule.suppress = Some(number(words.arg()?, "suppress_prefixlength value is invalid")?),
        Key::Dev => rule.iif = Some(device(words.arg()?, "\"iif\"/\"dev\"")?),
        Key::Oif => rule.oif = Some(device(words.arg()?, "\"oif\"")?),
        Key::Uid => {
            let arg = words.arg()?;
            let range = arg.text.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            rule.uid = Some(range.ok_or_else(|| arg.wrong("invalid UID range"))?);
        }
        Key::Type => return action(rule, words.arg()?),
        Key::IpProto => {
            let arg = words.arg()?;
            let wrong = || arg.wrong("Invalid \"ipproto\" value");
            rule.ipproto = ipproto(&arg.text).ok_or_else(wrong)?;
        }
        Key::Sport => rule.sport = Some(ports(words.arg()?)?),
        Key::Dport => rule.dport = Some(ports(words.arg()?)?),
        Key::Goto => rule.action = Some(RuleAction::Goto(number(words.arg()?, "invalid target")?)),
        Key::Nop => rule.action = Some(RuleAction::Nop),
        Key::No => return Err(word.unsupported(key.text)),
    }
    Ok(())
}

/// A word that stands alone: what the rule does.
fn action(rule: &mut RuleSpec, word: &Word) -> Result<(), ParseError> {
    match find(TYPES, &word.text) {
        Some(kind) => match kind.what {
            Some(action) => rule.action = Some(action),
            None => return Err(word.unsupported(kind.text)),
        },
        None if word.text == "help" => return Err(word.only_prints("help")),
        None => {
            let known = WORDS.iter().map(|k| k.text).chain(TYPES.iter().map(|k| k.text));
            return Err(word.wrong("Failed to parse rule type").near(&word.text, known));
        }
    }
    Ok(())
}

fn number(word: &Word, why: &str) -> Result<u32, ParseError> {
    value::u32_of(&word.text).ok_or_else(|| word.wrong(why))
}

/// `MARK[/MASK]`
fn fwmark(rule: &mut RuleSpec, word: &Word) -> Result<(), ParseError> {
    let (mark, mask) = match word.text.split_once('/') {
        Some((mark, mask)) => (mark, Some(mask)),
        None => (word.text.as_str(), None),
    };
    rule.mark = value::u32_of(mark)
        .ok_or_else(|| word.error(format!("Error: argument \"{mark}\" is wrong: fwmark value is invalid")))?;
    rule.mask = match mask {
        Some(mask) => value::u32_of(mask)
            .ok_or_else(|| word.error(format!("Error: argument \"{mask}\" is wrong: fwmask value is invalid")))?,
        // Compared whole, unless there is nothing to compare.
        None if rule.mark != 0 => u32::MAX,
        None => 0,
    };
    Ok(())
}

fn device(word: &Word, key: &str) -> Result<String, ParseError> {
    if !value::is_ifname(&word.text) {
        return Err(word.wrong(&format!("{key} not a valid ifname")));
    }
    Ok(word.text.clone())
}

/// `PORT[-PORT]`
fn ports(word: &Word) -> Result<(u16, u16), ParseError> {
    let (first, last) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
    let both = first.parse().ok().zip(last.parse().ok());
    both.ok_or_else(|| word.wrong("invalid port range"))
}
