//! `ip route add`, `append`, `prepend`, `replace`, `change`, `del`.
//!
//! What is left open stays open in the request (`RouteSpec::table`, `RouteSpec::scope`): which table and scope
//! iproute2 would send follows from the route's type and gateway alone (RT-14), whoever made the request.

use super::ip::{Verb, verb};
use super::value::{self, Family};
use super::words::{Keyword, Words, exact, find, prefix};
use super::{ParseError, lex::Word};
use sim_models::kernel::rtnl::{
    How, NextHop, RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, RouteSpec, RouteType, RtProto, RtnlOp,
};
use sim_models::packet::Prefix;

/// `None`: delete.
type Cmd = Option<How>;

const COMMANDS: &[Keyword<Verb<Cmd>>] = &[
    prefix("add", Verb::Do(Some(How::Add))),
    prefix("change", Verb::Do(Some(How::Change))),
    exact("chg", Verb::Do(Some(How::Change))),
    prefix("replace", Verb::Do(Some(How::Replace))),
    prefix("prepend", Verb::Do(Some(How::Prepend))),
    prefix("append", Verb::Do(Some(How::Append))),
    prefix("test", Verb::No),
    prefix("delete", Verb::Do(None)),
    prefix("list", Verb::Show),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("get", Verb::Show),
    prefix("flush", Verb::No),
    prefix("save", Verb::Show),
    prefix("restore", Verb::No),
    prefix("showdump", Verb::Show),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum Key {
    Src,
    Via,
    Tos,
    Metric,
    Scope,
    Mtu,
    Advmss,
    Hoplimit,
    Onlink,
    Nexthop,
    Protocol,
    Table,
    Dev,
    To,
    No,
}

const WORDS: &[Keyword<Key>] = &[
    exact("src", Key::Src),
    exact("as", Key::No),
    exact("via", Key::Via),
    exact("from", Key::No),
    exact("tos", Key::Tos),
    prefix("dsfield", Key::Tos),
    exact("expires", Key::No),
    prefix("metric", Key::Metric),
    prefix("priority", Key::Metric),
    exact("preference", Key::Metric),
    exact("scope", Key::Scope),
    exact("mtu", Key::Mtu),
    exact("hoplimit", Key::Hoplimit),
    exact("advmss", Key::Advmss),
    prefix("reordering", Key::No),
    exact("rtt", Key::No),
    exact("rto_min", Key::No),
    prefix("window", Key::No),
    prefix("cwnd", Key::No),
    prefix("initcwnd", Key::No),
    prefix("initrwnd", Key::No),
    prefix("features", Key::No),
    prefix("quickack", Key::No),
    prefix("congctl", Key::No),
    prefix("rttvar", Key::No),
    prefix("ssthresh", Key::No),
    prefix("realms", Key::No),
    exact("onlink", Key::Onlink),
    exact("nexthop", Key::Nexthop),
    exact("nhid", Key::No),
    prefix("protocol", Key::Protocol),
    prefix("table", Key::Table),
    prefix("vrf", Key::No),
    exact("dev", Key::Dev),
    exact("oif", Key::Dev),
    prefix("pref", Key::No),
    exact("encap", Key::No),
    exact("ttl-propagate", Key::No),
    prefix("fastopen_no_cookie", Key::No),
    exact("to", Key::To),
];

/// In the order of `rtnl_rtntype_a2n`; `None` where the kernel has it and we don't.
const TYPES: &[Keyword<Option<RouteType>>] = &[
    exact("local", Some(RouteType::Local)),
    exact("nat", None),
    prefix("broadcast", Some(RouteType::Broadcast)),
    exact("brd", Some(RouteType::Broadcast)),
    prefix("anycast", Some(RouteType::Anycast)),
    prefix("multicast", Some(RouteType::Multicast)),
    prefix("prohibit", Some(RouteType::Prohibit)),
    prefix("unreachable", Some(RouteType::Unreachable)),
    prefix("blackhole", Some(RouteType::Blackhole)),
    prefix("xresolve", None),
    prefix("unicast", Some(RouteType::Unicast)),
    exact("throw", Some(RouteType::Throw)),
];

/// What was said so far.
struct Said {
    delete: bool,
    to: bool,
    via: bool,
    route: RouteSpec,
}

/// `ip route` is read.
pub(super) fn route(words: &mut Words<'_>, mut family: Family) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "ip", "route", COMMANDS)?;
    let mut route = RouteSpec::to(Prefix::new(0, 0));
    if cmd.is_none() {
        // A deletion fits routes of any protocol unless it names one.
        route.proto = RtProto::Unspec;
    }
    let mut said = Said { delete: cmd.is_none(), to: false, via: false, route };
    while let Some(word) = words.next() {
        said.word(word, words, &mut family)?;
    }
    if !said.to {
        return Err(words.missing("a destination is missing").help("like `default` or `10.0.0.0/24`"));
    }
    let route = said.route;
    Ok(match cmd {
        Some(how) => RtnlOp::NewRoute { route, how },
        None => RtnlOp::DelRoute { route },
    })
}

impl Said {
    fn word(&mut self, word: &Word, words: &mut Words<'_>, family: &mut Family) -> Result<(), ParseError> {
        let Some(key) = find(WORDS, &word.text) else {
            return self.destination(word, words, family);
        };
        let route = &mut self.route;
        match key.what {
            Key::Src => route.src = Some(family.address(words.arg()?)?),
            Key::Via => {
                if self.via {
                    return Err(word.wrong("use nexthop syntax to specify multiple via"));
                }
                self.via = true;
                route.via = Some(gateway(words, family)?);
            }
            Key::Tos => route.tos = value::dsfield(words.arg()?)?,
            Key::Metric => route.metric = number(words.arg()?, "metric")?,
            Key::Scope => route.scope = Some(value::scope(words.arg()?, "invalid \"scope\" value")?),
            Key::Mtu => {
                let mut value = words.arg()?;
                if value.text == "lock" {
                    route.mtu_lock = true;
                    value = words.arg()?;
                }
                route.mtu = number(value, "mtu")?;
            }
            Key::Advmss => {
                let value = words.arg()?;
                if value.text == "lock" {
                    return Err(value.unsupported("advmss lock"));
                }
                route.advmss = number(value, "mss")?;
            }
            Key::Hoplimit => {
                let value = words.arg()?;
                if value.text == "lock" {
                    return Err(value.unsupported("hoplimit lock"));
                }
                let limit = value::u32_of(&value.text).and_then(|n| u8::try_from(n).ok());
                route.hoplimit = limit.ok_or_else(|| value.wrong("\"hoplimit\" value is invalid"))?;
            }
            Key::Onlink => route.onlink = true,
            Key::Nexthop => return nexthops(route, words, family),
            Key::Protocol => route.proto = value::protocol(words.arg()?)?,
            Key::Table => route.table = Some(table(words.arg()?, "\"table\" value is invalid")?),
            Key::Dev => route.dev = Some(words.arg()?.text.clone()),
            Key::To => {
                let value = words.arg()?;
                return self.destination(value, words, family);
            }
            Key::No => return Err(word.unsupported(key.text)),
        }
        Ok(())
    }

    /// `[ TYPE ] PREFIX`
    fn destination(&mut self, word: &Word, words: &mut Words<'_>, family: &mut Family) -> Result<(), ParseError> {
        let (mut word, starts_with_digit) = (word, word.text.starts_with(|c: char| c.is_ascii_digit()));
        if let Some(kind) = find(TYPES, &word.text).filter(|_| !starts_with_digit) {
            let Some(what) = kind.what else { return Err(word.unsupported(kind.text)) };
            if self.delete && what == RouteType::Unicast {
                // In a request to delete, unicast stands for "of any type".
                return Err(word.unsupported("ip route del unicast"));
            }
            self.route.kind = what;
            word = words.arg()?;
        }
        if word.text == "help" {
            return Err(word.only_prints("help"));
        }
        if self.to {
            return Err(word.garbage("to", WORDS));
        }
        self.to = true;
        let expected = |e: ParseError| {
            let words = WORDS.iter().map(|k| k.text).chain(TYPES.iter().map(|k| k.text)).chain(["default"]);
            e.near(&word.text, words)
        };
        self.route.dst = family.prefix(word).map_err(expected)?.0;
        Ok(())
    }
}

/// More than a route may have.
const MANY: usize = 250;

/// `nexthop via … dev … weight …`, to the end of the line. The first `nexthop` is read.
fn nexthops(route: &mut RouteSpec, words: &mut Words<'_>, family: &mut Family) -> Result<(), ParseError> {
    loop {
        let mut hop = NextHop { via: None, dev: None, weight: 1, onlink: false };
        let mut more = false;
        while let Some(word) = words.next() {
            match word.text.as_str() {
                "nexthop" => {
                    more = true;
                    break;
                }
                "via" => hop.via = Some(gateway(words, family)?),
                "dev" => hop.dev = Some(words.arg()?.text.clone()),
                "weight" => {
                    let value = words.arg()?;
                    let weight = value::u32_of(&value.text).and_then(|w| u16::try_from(w).ok());
                    let weight = weight.filter(|w| (1..=256).contains(w));
                    hop.weight = weight.ok_or_else(|| value.wrong("\"weight\" is invalid"))?;
                }
                "onlink" => hop.onlink = true,
                "realms" | "encap" | "as" => return Err(word.unsupported(&format!("nexthop {}", word.text))),
                other => {
                    let text = format!("Error: \"nexthop\" or end of line is expected instead of \"{other}\"");
                    return Err(word.error(text).near(other, ["via", "dev", "weight", "onlink"].into_iter()));
                }
            }
        }
        route.nexthops.push(hop);
        if !more {
            return Ok(());
        }
        if route.nexthops.len() >= MANY {
            return Err(words.missing(format!("not supported: more than {MANY} next hops")));
        }
    }
}

/// `via [ FAMILY ] ADDRESS`
fn gateway(words: &mut Words<'_>, family: &mut Family) -> Result<u32, ParseError> {
    let word = words.arg()?;
    match word.text.as_str() {
        "inet" => { Family::Inet }.address(words.arg()?),
        "inet6" => Err(word.error("not supported yet: IPv6")),
        _ => family.address(word),
    }
}

fn number(word: &Word, key: &str) -> Result<u32, ParseError> {
    value::u32_of(&word.text).ok_or_else(|| word.wrong(&format!("\"{key}\" value is invalid")))
}

/// `rtnl_rttable_a2n`, with the names that /etc/iproute2/rt_tables has as it is shipped.
pub(super) fn table(word: &Word, why: &str) -> Result<u32, ParseError> {
    match word.text.as_str() {
        "local" => Ok(RT_TABLE_LOCAL),
        "main" => Ok(RT_TABLE_MAIN),
        "default" => Ok(RT_TABLE_DEFAULT),
        "unspec" => Ok(RT_TABLE_MAIN),
        _ => match value::u32_of(&word.text).ok_or_else(|| word.wrong(why))? {
            // RT_TABLE_UNSPEC: the kernel takes it for main.
            0 => Ok(RT_TABLE_MAIN),
            id => Ok(id),
        },
    }
}
