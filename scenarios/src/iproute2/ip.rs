//! `ip [OPTIONS] OBJECT COMMAND`.

use super::words::{Keyword, Words, exact, find, prefix};
use super::{Command, Op, ParseError, addr, link, neigh, netns, route, rule, value::Family};
use sim_models::kernel::rtnl::RtnlOp;

#[derive(Clone, Copy)]
enum Opt {
    Netns,
    Inet,
    /// Takes a value: a family.
    Family,
    /// Only about printing.
    Print,
    No,
}

/// In the order in which iproute2 tries them.
const OPTIONS: &[Keyword<Opt>] = &[
    prefix("-loops", Opt::No),
    prefix("-family", Opt::Family),
    exact("-4", Opt::Inet),
    exact("-6", Opt::No),
    exact("-0", Opt::No),
    exact("-M", Opt::No),
    exact("-B", Opt::No),
    prefix("-human", Opt::Print),
    prefix("-human-readable", Opt::Print),
    prefix("-iec", Opt::Print),
    prefix("-stats", Opt::Print),
    prefix("-statistics", Opt::Print),
    prefix("-details", Opt::Print),
    prefix("-resolve", Opt::Print),
    prefix("-oneline", Opt::Print),
    prefix("-timestamp", Opt::Print),
    prefix("-tshort", Opt::Print),
    prefix("-Version", Opt::No),
    prefix("-force", Opt::No),
    prefix("-batch", Opt::No),
    prefix("-brief", Opt::Print),
    prefix("-json", Opt::Print),
    prefix("-pretty", Opt::Print),
    prefix("-rcvbuf", Opt::No),
    prefix("-color", Opt::Print),
    prefix("-help", Opt::No),
    prefix("-netns", Opt::Netns),
    prefix("-Numeric", Opt::Print),
    prefix("-all", Opt::No),
    exact("-echo", Opt::No),
];

/// What the options say.
struct Options {
    ns: Option<String>,
    family: Family,
}

fn options(words: &mut Words<'_>) -> Result<Options, ParseError> {
    let mut said = Options { ns: None, family: Family::Any };
    while let Some(word) = words.peek().filter(|w| w.text.starts_with('-')) {
        words.next();
        if word.text == "--" {
            break;
        }
        // "--netns" is as good as "-netns".
        let text = if word.text.starts_with("--") { &word.text[1..] } else { &word.text };
        let Some(option) = find(OPTIONS, text) else {
            let error = word.error(format!("Option \"{text}\" is unknown, try \"ip -help\"."));
            return Err(error.near(text, OPTIONS.iter().map(|k| k.text)));
        };
        match option.what {
            Opt::Netns => said.ns = Some(netns::name(words.arg()?)?),
            Opt::Inet => said.family = Family::Inet,
            Opt::Family => match words.arg()? {
                family if family.text == "inet" => said.family = Family::Inet,
                family if family.text == "inet6" => return Err(family.error("not supported yet: IPv6")),
                family => return Err(family.wrong("invalid protocol family")),
            },
            Opt::Print => {}
            Opt::No if option.text == "-6" => return Err(word.error("not supported yet: IPv6")),
            Opt::No => return Err(word.unsupported(option.text)),
        }
    }
    Ok(said)
}

#[derive(Clone, Copy)]
enum Object {
    Address,
    Route,
    Rule,
    Neighbour,
    Link,
    Netns,
    No,
}

/// In the order in which iproute2 tries them: `ip r` is route, `ip ru` is rule, `ip n` is neighbour.
const OBJECTS: &[Keyword<Object>] = &[
    prefix("address", Object::Address),
    prefix("addrlabel", Object::No),
    prefix("maddress", Object::No),
    prefix("route", Object::Route),
    prefix("rule", Object::Rule),
    prefix("neighbor", Object::Neighbour),
    prefix("neighbour", Object::Neighbour),
    prefix("ntable", Object::No),
    prefix("ntbl", Object::No),
    prefix("link", Object::Link),
    prefix("l2tp", Object::No),
    prefix("fou", Object::No),
    prefix("ila", Object::No),
    prefix("macsec", Object::No),
    prefix("tunnel", Object::No),
    prefix("tunl", Object::No),
    prefix("tuntap", Object::No),
    prefix("tap", Object::No),
    prefix("token", Object::No),
    prefix("tcpmetrics", Object::No),
    prefix("tcp_metrics", Object::No),
    prefix("monitor", Object::No),
    prefix("xfrm", Object::No),
    prefix("mroute", Object::No),
    prefix("mrule", Object::No),
    prefix("netns", Object::Netns),
    prefix("netconf", Object::No),
    prefix("vrf", Object::No),
    prefix("sr", Object::No),
    prefix("nexthop", Object::No),
    prefix("mptcp", Object::No),
    prefix("ioam", Object::No),
    prefix("help", Object::No),
    prefix("stats", Object::No),
];

/// `ip` itself is read. `column` is where the whole command began.
pub(super) fn ip(
    words: &mut Words<'_>,
    outer: Option<&str>,
    column: usize,
    out: &mut Vec<Command>,
) -> Result<(), ParseError> {
    let Options { ns, family } = options(words)?;
    let ns = ns.or_else(|| outer.map(str::to_owned));
    let word =
        words.next().ok_or_else(|| words.missing("an object is missing").help("like `link`, `addr`, `route`"))?;
    let object = find(OBJECTS, &word.text).ok_or_else(|| word.unknown("Object", "ip help", OBJECTS))?;
    let mut rtnl = |op: RtnlOp| out.push(Command { ns: ns.clone(), op: Op::Rtnl(op), column });
    match object.what {
        Object::Address => rtnl(addr::addr(words, family)?),
        Object::Route => rtnl(route::route(words, family)?),
        Object::Rule => rtnl(rule::rule(words, family)?),
        Object::Neighbour => rtnl(neigh::neigh(words, family)?),
        Object::Link => rtnl(link::link(words)?),
        Object::Netns => return netns::netns(words, ns.as_deref(), column, out),
        Object::No => return Err(word.unsupported(object.text)),
    }
    Ok(())
}

/// What the word behind an object asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb<V> {
    Do(V),
    /// It changes nothing.
    Show,
    No,
}

/// The command of an object: `what` is "address", as in iproute2's help.
pub(super) fn verb<V: Copy>(
    words: &mut Words<'_>,
    program: &str,
    what: &str,
    table: &[Keyword<Verb<V>>],
) -> Result<V, ParseError> {
    let word = words.next().ok_or_else(|| words.missing(format!("not supported: `{program} {what}` only prints")))?;
    let Some(found) = find(table, &word.text) else {
        return Err(word.unknown("Command", &format!("{program} {what} help"), table));
    };
    match found.what {
        Verb::Do(verb) => Ok(verb),
        Verb::Show => Err(word.only_prints(&format!("{program} {what} {}", found.text))),
        Verb::No => Err(word.unsupported(&format!("{program} {what} {}", found.text))),
    }
}
