//! `ip link add`, `set`, `del`.

use super::ip::{Verb, verb};
use super::value;
use super::words::{Keyword, Words, exact, find, prefix};
use super::{ParseError, kind, lex::Word};
use sim_models::kernel::rtnl::{LinkAttrs, RtnlOp};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cmd {
    Add,
    Set,
    Del,
}

const COMMANDS: &[Keyword<Verb<Cmd>>] = &[
    prefix("add", Verb::Do(Cmd::Add)),
    prefix("set", Verb::Do(Cmd::Set)),
    prefix("change", Verb::Do(Cmd::Set)),
    prefix("replace", Verb::No),
    prefix("delete", Verb::Do(Cmd::Del)),
    prefix("show", Verb::Show),
    prefix("lst", Verb::Show),
    prefix("list", Verb::Show),
    prefix("xstats", Verb::Show),
    prefix("afstats", Verb::Show),
    prefix("property", Verb::No),
    prefix("help", Verb::Show),
];

#[derive(Clone, Copy)]
enum Key {
    Up,
    Down,
    Name,
    Link,
    Address,
    TxQueueLen,
    Mtu,
    Netns,
    AllMulticast,
    Promisc,
    Arp,
    Master,
    NoMaster,
    Type,
    Dev,
    No,
}

/// In the order of `iplink_parse`.
const WORDS: &[Keyword<Key>] = &[
    exact("up", Key::Up),
    exact("down", Key::Down),
    exact("name", Key::Name),
    exact("index", Key::No),
    prefix("link", Key::Link),
    prefix("address", Key::Address),
    prefix("broadcast", Key::No),
    exact("brd", Key::No),
    prefix("txqueuelen", Key::TxQueueLen),
    exact("qlen", Key::TxQueueLen),
    prefix("txqlen", Key::TxQueueLen),
    exact("mtu", Key::Mtu),
    exact("xdpgeneric", Key::No),
    exact("xdpdrv", Key::No),
    exact("xdpoffload", Key::No),
    exact("xdp", Key::No),
    exact("netns", Key::Netns),
    exact("multicast", Key::No),
    exact("allmulticast", Key::AllMulticast),
    exact("promisc", Key::Promisc),
    exact("trailers", Key::No),
    exact("arp", Key::Arp),
    exact("carrier", Key::No),
    exact("vf", Key::No),
    prefix("master", Key::Master),
    exact("vrf", Key::No),
    prefix("nomaster", Key::NoMaster),
    prefix("dynamic", Key::No),
    prefix("type", Key::Type),
    prefix("alias", Key::No),
    exact("group", Key::No),
    exact("mode", Key::No),
    exact("state", Key::No),
    prefix("numtxqueues", Key::No),
    prefix("numrxqueues", Key::No),
    prefix("addrgenmode", Key::No),
    prefix("link-netns", Key::No),
    prefix("link-netnsid", Key::No),
    exact("protodown", Key::No),
    exact("protodown_reason", Key::No),
    exact("gso_max_size", Key::No),
    exact("gso_max_segs", Key::No),
    exact("gro_max_size", Key::No),
    exact("parentdev", Key::No),
    exact("dev", Key::Dev),
];

/// What is said of one device: of the one the command is about, or of a veth's peer.
#[derive(Default)]
pub(super) struct Said<'a> {
    dev: Option<&'a Word>,
    name: Option<&'a Word>,
    pub attrs: LinkAttrs,
    /// `type KIND`; the words behind it are the driver's.
    pub kind: Option<&'a Word>,
}

/// `ip link` is read.
pub(super) fn link(words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    let cmd = verb(words, "ip", "link", COMMANDS)?;
    let mut said = Said::default();
    said.read(words)?;
    match cmd {
        Cmd::Add => add(said, words),
        Cmd::Set => set(said, words),
        Cmd::Del => {
            if let Some(kind) = said.kind {
                kind::known(kind)?;
            }
            words.end()?;
            Ok(RtnlOp::DelLink { name: said.device(words)? })
        }
    }
}

fn add(mut said: Said<'_>, words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    let name = said.new_name()?;
    let Some(kind) = said.kind else {
        return Err(words.missing("Not enough information: \"type\" argument is required"));
    };
    let config = kind::config(kind, words)?;
    // Without a name the kernel picks the first free one of the kind (DEV-4).
    let name = name.unwrap_or_else(|| format!("{}%d", config.kind()));
    Ok(RtnlOp::NewLink { name, attrs: std::mem::take(&mut said.attrs), config })
}

fn set(mut said: Said<'_>, words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    let name = said.device(words)?;
    // The real tool reads it and does nothing with it.
    said.attrs.link = None;
    if let Some(new) = said.name.filter(|new| new.text != name) {
        said.attrs.rename = Some(new.text.clone());
    }
    if let Some(kind) = said.kind {
        if kind.text == "bridge_slave" {
            said.attrs.slave_args = kind::port_args(words)?;
        } else {
            said.attrs.kind_args = kind::changes(kind, words)?;
        }
    }
    Ok(RtnlOp::SetLink { name, attrs: said.attrs })
}

impl<'a> Said<'a> {
    /// Reads up to the end, or up to and with `type KIND`.
    pub fn read(&mut self, words: &mut Words<'a>) -> Result<(), ParseError> {
        while let Some(word) = words.next() {
            let key = find(WORDS, &word.text);
            match key.map(|k| k.what) {
                Some(Key::Type) => {
                    self.kind = Some(words.arg()?);
                    return Ok(());
                }
                Some(Key::No) => return Err(word.unsupported(key.map_or("", |k| k.text))),
                Some(Key::Dev) => {
                    let value = words.arg()?;
                    self.positional(value)?;
                }
                Some(what) => self.word(what, words)?,
                None => self.positional(word)?,
            }
        }
        Ok(())
    }

    fn word(&mut self, key: Key, words: &mut Words<'a>) -> Result<(), ParseError> {
        let a = &mut self.attrs;
        match key {
            Key::Up => a.up = Some(true),
            Key::Down => a.up = Some(false),
            Key::NoMaster => a.master = Some(None),
            Key::Master => a.master = Some(Some(words.arg()?.text.clone())),
            // The last one counts.
            Key::Link => a.link = Some(words.arg()?.text.as_str().into()),
            Key::Address => a.address = Some(value::mac(words.arg()?)?),
            Key::AllMulticast => a.allmulticast = Some(on_off("allmulticast", words.arg()?)?),
            Key::Promisc => a.promisc = Some(on_off("promisc", words.arg()?)?),
            Key::Arp => a.arp = Some(on_off("arp", words.arg()?)?),
            Key::TxQueueLen => number(&mut a.txqueuelen, "txqueuelen", words.arg()?)?,
            Key::Mtu => number(&mut a.mtu, "mtu", words.arg()?)?,
            Key::Netns => {
                let value = words.arg()?;
                if a.netns.is_some() {
                    return Err(value.duplicate("netns"));
                }
                a.netns = Some(value.text.clone());
            }
            Key::Name => {
                let value = words.arg()?;
                if self.name.is_some() {
                    return Err(value.duplicate("name"));
                }
                if !value::is_ifname(&value.text) {
                    return Err(value.wrong("\"name\" not a valid ifname"));
                }
                self.name = Some(value);
                self.dev = self.dev.or(self.name);
            }
            Key::Type | Key::Dev | Key::No => {}
        }
        Ok(())
    }

    /// A word that is no keyword names the device, once.
    fn positional(&mut self, word: &'a Word) -> Result<(), ParseError> {
        if word.text == "help" {
            return Err(word.only_prints("help"));
        }
        // `name` sets the device, too, and may then still be overruled.
        let taken = match (self.dev, self.name) {
            (Some(dev), Some(name)) => !std::ptr::eq(dev, name),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if taken {
            return Err(word.garbage("dev", WORDS));
        }
        if !value::is_altname(&word.text) {
            return Err(word.wrong("\"dev\" not a valid ifname"));
        }
        self.dev = Some(word);
        Ok(())
    }

    /// The existing device that is meant.
    fn device(&self, words: &Words<'_>) -> Result<String, ParseError> {
        let none = || words.missing("Not enough information: \"dev\" argument is required.");
        Ok(self.dev.ok_or_else(none)?.text.clone())
    }

    /// The name of a device to be made.
    pub fn new_name(&self) -> Result<Option<String>, ParseError> {
        match (self.name, self.dev) {
            (Some(name), Some(dev)) if name.text != dev.text => {
                Err(dev.error("both \"name\" and \"dev\" cannot be used when creating devices."))
            }
            (name, dev) => Ok(name.or(dev).map(|w| w.text.clone())),
        }
    }
}

/// `on_off`: whole words only.
fn on_off(key: &str, word: &Word) -> Result<bool, ParseError> {
    match word.text.as_str() {
        "on" => Ok(true),
        "off" => Ok(false),
        other => Err(word.error(format!("Error: argument of \"{key}\" must be \"on\" or \"off\", not \"{other}\""))),
    }
}

fn number(slot: &mut Option<u32>, key: &str, word: &Word) -> Result<(), ParseError> {
    if slot.is_some() {
        return Err(word.duplicate(key));
    }
    let value = value::i32_of(&word.text);
    *slot = Some(value.ok_or_else(|| word.wrong(&format!("Invalid \"{key}\" value")))?);
    Ok(())
}
