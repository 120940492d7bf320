//! `bridge fdb add`, `replace`, `del`; `bridge link set`.

use super::ip::{Verb, verb};
use super::kind::{Port, port_value};
use super::value;
use super::words::{Keyword, Words, exact, find, prefix};
use super::{Op, ParseError, lex::Word, netns};
use sim_models::kernel::rtnl::{FdbState, How, LinkAttrs, RtnlOp};

#[derive(Clone, Copy)]
enum Opt {
    Netns,
    Print,
    No,
}

const OPTIONS: &[Keyword<Opt>] = &[
    prefix("-help", Opt::No),
    prefix("-Version", Opt::No),
    prefix("-stats", Opt::Print),
    prefix("-statistics", Opt::Print),
    prefix("-details", Opt::Print),
    prefix("-oneline", Opt::Print),
    prefix("-timestamp", Opt::Print),
    prefix("-family", Opt::No),
    exact("-4", Opt::Print),
    exact("-6", Opt::No),
    prefix("-netns", Opt::Netns),
    prefix("-color", Opt::Print),
    prefix("-compressvlans", Opt::Print),
    prefix("-force", Opt::No),
    prefix("-json", Opt::Print),
    prefix("-pretty", Opt::Print),
    prefix("-batch", Opt::No),
];

#[derive(Clone, Copy)]
enum Object {
    Link,
    Fdb,
    No,
}

const OBJECTS: &[Keyword<Object>] = &[
    prefix("link", Object::Link),
    prefix("fdb", Object::Fdb),
    prefix("mdb", Object::No),
    prefix("vlan", Object::No),
    prefix("vni", Object::No),
    prefix("monitor", Object::No),
    prefix("help", Object::No),
];

/// `bridge` itself is read.
pub(super) fn bridge(
    words: &mut Words<'_>,
    outer: Option<&str>,
    emit: &mut impl FnMut(Option<String>, Op),
) -> Result<(), ParseError> {
    let mut ns = outer.map(str::to_owned);
    while let Some(word) = words.peek().filter(|w| w.text.starts_with('-')) {
        words.next();
        if word.text == "--" {
            break;
        }
        let text = if word.text.starts_with("--") { &word.text[1..] } else { &word.text };
        match find(OPTIONS, text).map(|k| (k.what, k.text)) {
            Some((Opt::Netns, _)) => ns = Some(netns::name(words.arg()?)?),
            Some((Opt::Print, _)) => {}
            Some((Opt::No, full)) => return Err(word.unsupported(full)),
            None => return Err(word.error(format!("Option \"{text}\" is unknown, try \"bridge help\"."))),
        }
    }
    let word = words.next().ok_or_else(|| words.missing("an object is missing").help("`fdb` or `link`"))?;
    let object = find(OBJECTS, &word.text).ok_or_else(|| word.unknown("Object", "bridge help", OBJECTS))?;
    let op = match object.what {
        Object::Link => link(words)?,
        Object::Fdb => fdb(words)?,
        Object::No => return Err(word.unsupported(&format!("bridge {}", object.text))),
    };
    emit(ns, Op::Rtnl(op));
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FdbCmd {
    Add,
    Append,
    Replace,
    Del,
}

const FDB_COMMANDS: &[Keyword<Verb<FdbCmd>>] = &[
    prefix("add", Verb::Do(FdbCmd::Add)),
    prefix("append", Verb::Do(FdbCmd::Append)),
    prefix("replace", Verb::Do(FdbCmd::Replace)),
    prefix("delete", Verb::Do(FdbCmd::Del)),
    prefix("get", Verb::Show),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("list", Verb::Show),
    exact("flush", Verb::No),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum FdbKey {
    Dev,
    Dst,
    Port,
    Vni,
    Own,
    Master,
    Local,
    Static,
    Dynamic,
    To,
    No,
}

const FDB_WORDS: &[Keyword<FdbKey>] = &[
    exact("dev", FdbKey::Dev),
    exact("dst", FdbKey::Dst),
    exact("nhid", FdbKey::No),
    exact("port", FdbKey::Port),
    exact("vni", FdbKey::Vni),
    exact("src_vni", FdbKey::No),
    exact("via", FdbKey::No),
    exact("self", FdbKey::Own),
    prefix("master", FdbKey::Master),
    prefix("router", FdbKey::No),
    prefix("local", FdbKey::Local),
    prefix("permanent", FdbKey::Local),
    prefix("temp", FdbKey::Static),
    prefix("static", FdbKey::Static),
    prefix("dynamic", FdbKey::Dynamic),
    prefix("vlan", FdbKey::No),
    prefix("use", FdbKey::No),
    prefix("extern_learn", FdbKey::No),
    prefix("sticky", FdbKey::No),
    exact("to", FdbKey::To),
];

/// `bridge fdb` is read. An entry is permanent unless said otherwise (BR-38).
fn fdb(words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "bridge", "fdb", FDB_COMMANDS)?;
    let (mut dev, mut addr, mut master) = (None, None, false);
    let (mut local, mut aged, mut dynamic) = (false, false, false);
    let (mut dst, mut port, mut vni, mut own) = (None, None, None, false);
    while let Some(word) = words.next() {
        let key = find(FDB_WORDS, &word.text);
        match key.map(|k| k.what) {
            Some(FdbKey::Dev) => dev = Some(words.arg()?.text.clone()),
            Some(FdbKey::Master) => master = true,
            Some(FdbKey::Own) => own = true,
            Some(FdbKey::Dst) => dst = Some(value::Family::Any.address(words.arg()?)?),
            Some(FdbKey::Port) => port = Some(bounded(words.arg()?, "invalid port")?),
            Some(FdbKey::Vni) => vni = Some(bounded::<u32>(words.arg()?, "invalid vni")?),
            Some(FdbKey::Local) => local = true,
            Some(FdbKey::Static) => aged = true,
            Some(FdbKey::Dynamic) => dynamic = true,
            Some(FdbKey::No) => return Err(word.unsupported(key.map_or("", |k| k.text))),
            Some(FdbKey::To) | None => {
                let word = if key.is_some() { words.arg()? } else { word };
                if word.text == "help" {
                    return Err(word.only_prints("help"));
                }
                if addr.is_some() {
                    return Err(word.garbage("to", FDB_WORDS));
                }
                addr = Some(word);
            }
        }
    }
    let (Some(dev), Some(addr)) = (dev, addr) else {
        return Err(words.missing("Device and address are required arguments."));
    };
    let mac = value::mac(addr).map_err(|_| addr.error(format!("Invalid mac address {}", addr.text)))?;
    let state = match () {
        () if local || !(aged || dynamic) => FdbState::Local,
        () if dynamic => FdbState::Dynamic,
        () => FdbState::Static,
    };
    match (cmd, master) {
        (_, true) if own || dst.is_some() => Err(words.missing("not supported: `self` or `dst`, and `master`")),
        (FdbCmd::Add | FdbCmd::Replace, true) => Ok(RtnlOp::NewFdb { dev, mac, state }),
        (FdbCmd::Append, true) => Err(words.missing("not supported: `append`")),
        (FdbCmd::Del, true) => Ok(RtnlOp::DelFdb { dev, mac }),
        (FdbCmd::Del, false) => Ok(RtnlOp::DelRemote { dev, mac, dst, port, vni }),
        (_, false) if dst.is_none() => {
            let error = words.missing("not supported: an entry of the device's own filter");
            Err(error.help("the word `master` makes it an entry of the bridge, `dst ADDRESS` one of a vxlan"))
        }
        (cmd, false) => {
            let how = match cmd {
                FdbCmd::Append => How::Append,
                FdbCmd::Replace => How::Replace,
                FdbCmd::Add | FdbCmd::Del => How::Add,
            };
            Ok(RtnlOp::NewRemote { dev, mac, dst, port, vni, state, how })
        }
    }
}

fn bounded<N: TryFrom<u32>>(word: &Word, why: &str) -> Result<N, ParseError> {
    let number = value::u32_of(&word.text).and_then(|n| N::try_from(n).ok());
    number.ok_or_else(|| word.wrong(why))
}

const LINK_COMMANDS: &[Keyword<Verb<()>>] = &[
    prefix("set", Verb::Do(())),
    prefix("change", Verb::Do(())),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("list", Verb::Show),
    prefix("help", Verb::Show),
];

/// `None`: the device's name.
const LINK_WORDS: &[Keyword<Option<Port>>] = &[
    exact("dev", None),
    exact("guard", Some(Port::Flag)),
    exact("hairpin", Some(Port::Flag)),
    exact("fastleave", Some(Port::Off)),
    exact("root_block", Some(Port::Flag)),
    exact("learning", Some(Port::Flag)),
    exact("learning_sync", Some(Port::No)),
    exact("flood", Some(Port::Flag)),
    exact("mcast_router", Some(Port::Only(1))),
    exact("mcast_flood", Some(Port::Flag)),
    exact("bcast_flood", Some(Port::Flag)),
    exact("mcast_to_unicast", Some(Port::Off)),
    exact("cost", Some(Port::Number(u32::MAX))),
    exact("priority", Some(Port::Number(0xffff))),
    exact("state", Some(Port::State)),
    exact("hwmode", Some(Port::No)),
    exact("self", Some(Port::No)),
    exact("master", Some(Port::No)),
    exact("neigh_suppress", Some(Port::Flag)),
    exact("vlan_tunnel", Some(Port::Off)),
    exact("isolated", Some(Port::Flag)),
    exact("locked", Some(Port::Flag)),
    exact("mab", Some(Port::No)),
    exact("backup_port", Some(Port::No)),
    exact("nobackup_port", Some(Port::No)),
];

/// By number.
const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];

/// `bridge link` is read.
fn link(words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    verb(words, "bridge", "link", LINK_COMMANDS)?;
    let (mut dev, mut args) = (None, Vec::new());
    while let Some(word) = words.next() {
        let Some(key) = find(LINK_WORDS, &word.text) else {
            let error = word.error(format!("`{}` is not a setting of a port", word.text));
            return Err(error.near(&word.text, LINK_WORDS.iter().map(|k| k.text)));
        };
        match key.what {
            None => dev = Some(words.arg()?.text.clone()),
            Some(Port::No) => return Err(word.unsupported(key.text)),
            Some(Port::State) => args.push(("state".to_owned(), state(words.arg()?)?)),
            Some(what) => args.push((key.text.to_owned(), port_value(what, key.text, words.arg()?)?)),
        }
    }
    let Some(name) = dev else { return Err(words.missing("Device is a required argument.")) };
    Ok(RtnlOp::SetLink { name, attrs: LinkAttrs { slave_args: args, ..LinkAttrs::default() } })
}

fn state(word: &Word) -> Result<String, ParseError> {
    let by_name = STATES.iter().position(|s| *s == word.text);
    let by_number = word.text.parse::<u8>().ok().map(usize::from);
    let error = || word.error("Error: invalid STP port state").near(&word.text, STATES.into_iter());
    by_name.or(by_number).map(|n| n.to_string()).ok_or_else(error)
}
