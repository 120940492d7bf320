//! `ip neighbour add`, `replace`, `change`, `del`.

use super::ip::{Verb, verb};
use super::value::{self, Family};
use super::words::{Keyword, Words, exact, find, prefix};
use super::{ParseError, lex::Word};
use sim_models::kernel::rtnl::{How, Nud, RtnlOp};
use sim_models::packet::Mac;

/// `None`: delete.
type Cmd = Option<How>;

const COMMANDS: &[Keyword<Verb<Cmd>>] = &[
    prefix("add", Verb::Do(Some(How::Add))),
    prefix("change", Verb::Do(Some(How::Change))),
    exact("chg", Verb::Do(Some(How::Change))),
    prefix("replace", Verb::Do(Some(How::Replace))),
    prefix("delete", Verb::Do(None)),
    prefix("get", Verb::Show),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("list", Verb::Show),
    prefix("flush", Verb::No),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum Key {
    Lladdr,
    Nud,
    Dev,
    To,
    Proxy,
    No,
}

const WORDS: &[Keyword<Key>] = &[
    prefix("lladdr", Key::Lladdr),
    exact("nud", Key::Nud),
    prefix("proxy", Key::Proxy),
    exact("router", Key::No),
    exact("use", Key::No),
    exact("managed", Key::No),
    prefix("extern_learn", Key::No),
    exact("dev", Key::Dev),
    prefix("protocol", Key::No),
    exact("to", Key::To),
];

/// In the order of `nud_state_a2n`.
const STATES: &[Keyword<Nud>] = &[
    prefix("permanent", Nud::Permanent),
    prefix("reachable", Nud::Reachable),
    exact("noarp", Nud::Noarp),
    exact("none", Nud::None),
    exact("stale", Nud::Stale),
    exact("incomplete", Nud::Incomplete),
    exact("delay", Nud::Delay),
    exact("probe", Nud::Probe),
    prefix("failed", Nud::Failed),
];

/// The word that [`STATES`] has for a state.
pub(super) fn state_name(state: Nud) -> &'static str {
    STATES.iter().find(|k| k.what == state).map_or("none", |k| k.text)
}

fn state(word: &Word) -> Result<Nud, ParseError> {
    let number = value::number(&word.text);
    let known = find(STATES, &word.text).or_else(|| STATES.iter().find(|k| number == Some(k.what as u64)).copied());
    let wrong = || word.wrong("nud state is bad").near(&word.text, STATES.iter().map(|k| k.text));
    known.map(|k| k.what).ok_or_else(wrong)
}

/// iproute2 takes any number of bytes here; the kernel takes no fewer than the device has.
fn hardware(word: &Word) -> Result<Mac, ParseError> {
    let short = word.text.split(':').count() < 6;
    value::mac(word)
        .map_err(|e| if short && !e.text.starts_with('"') { word.error("Error: Invalid link address.") } else { e })
}

/// `ip neighbour` is read.
pub(super) fn neigh(words: &mut Words<'_>, family: Family) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "ip", "neigh", COMMANDS)?;
    let (mut dst, mut dev, mut lladdr, mut nud, mut proxy) = (None, None, None, Nud::Permanent, false);
    while let Some(word) = words.next() {
        let key = find(WORDS, &word.text);
        match key.map(|k| k.what) {
            Some(Key::Lladdr) => {
                let value = words.arg()?;
                if lladdr.is_some() {
                    return Err(value.duplicate("lladdr"));
                }
                lladdr = Some(value);
            }
            Some(Key::Nud) => nud = state(words.arg()?)?,
            Some(Key::Dev) => dev = Some(words.arg()?.text.clone()),
            Some(Key::Proxy) => {
                let word = words.arg()?;
                if dst.is_some() {
                    return Err(word.duplicate("address"));
                }
                (dst, proxy) = (Some({ family }.address(word)?), true);
            }
            Some(Key::No) => return Err(word.unsupported(key.map_or("", |k| k.text))),
            Some(Key::To) | None => {
                let word = if key.is_some() { words.arg()? } else { word };
                if word.text == "help" {
                    return Err(word.only_prints("help"));
                }
                if dst.is_some() {
                    return Err(word.garbage("to", WORDS));
                }
                dst = Some({ family }.address(word)?);
            }
        }
    }
    let (Some(dev), Some(dst)) = (dev, dst) else {
        return Err(words.missing("Device and destination are required arguments."));
    };
    let lladdr = lladdr.filter(|w| w.text != "null").map(hardware).transpose()?;
    Ok(match cmd {
        // What else was said of it does not matter.
        how if proxy => RtnlOp::Proxy { dev, dst, add: how.is_some() },
        Some(how) => RtnlOp::NewNeigh { dev, dst, lladdr, state: nud, how },
        None => RtnlOp::DelNeigh { dev, dst },
    })
}
