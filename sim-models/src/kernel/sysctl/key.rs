//! Keys: from what a user writes to a place in the tree.

use super::value;
use crate::kernel::{DevId, Errno, Kernel, NsId, RtnlError};

/// A directory below `conf/` or `neigh/`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Whose {
    All,
    Default,
    Dev(DevId),
}

/// Where a key leads; the name is its last word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place<'a> {
    Conf(Whose, &'a str),
    Neigh(Whose, &'a str),
    /// Directly below `net/ipv4`, or in a directory of its own there.
    Ipv4(&'a str),
    Core(&'a str),
    /// What belongs to a part of the kernel that the simulator lacks: the value that says that it is off.
    Fixed(&'static str),
}

/// A key that was found.
pub(super) struct Key<'a> {
    pub(super) place: Place<'a>,
    /// As a path below /proc/sys.
    pub(super) path: String,
}

impl<'a> Key<'a> {
    /// Finds `key` in the tree of `ns`. As sysctl(8) does it, the first separator says whether dots or slashes
    /// separate words; a device's dots may be written as they are, since no other word has any.
    ///
    /// # Errors
    /// ENOENT: there is no such directory, or no such device.
    pub(super) fn parse(k: &Kernel, ns: NsId, key: &'a str) -> Result<Key<'a>, RtnlError> {
        let key = key.trim();
        let dots = key.find(['.', '/']).is_some_and(|i| key.as_bytes()[i] == b'.');
        let path = if dots { swap(key) } else { key.to_owned() };
        let sep = if dots { '.' } else { '/' };
        match place(k, ns, key, sep) {
            Some(place) => Ok(Key { place, path }),
            None => Err(value::no_such(&path)),
        }
    }

    /// The key exists, but not in the simulator.
    pub(super) fn unsupported(&self, only: &str) -> RtnlError {
        RtnlError::tool(
            Errno::EOPNOTSUPP,
            format!("sysctl: setting key \"{}\": not supported by the simulator, only {only}", swap(&self.path)),
        )
    }
}

/// Dots for slashes and slashes for dots.
pub(super) fn swap(key: &str) -> String {
    let swapped = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    key.chars().map(swapped).collect()
}

fn place<'a>(k: &Kernel, ns: NsId, key: &'a str, sep: char) -> Option<Place<'a>> {
    let (net, rest) = key.split_once(sep)?;
    let (family, rest) = rest.split_once(sep).filter(|_| net == "net")?;
    // "DIR.DEV.NAME"
    let of_device = |rest: &'a str| {
        let (dev, name) = rest.rsplit_once(sep)?;
        whose(k, ns, dev, sep).map(|w| (w, name))
    };
    match family {
        "ipv4" => match rest.split_once(sep) {
            Some(("conf", rest)) => of_device(rest).map(|(w, name)| Place::Conf(w, name)),
            Some(("neigh", rest)) => of_device(rest)
                // The defaults of neighbours are the host's; they are in the initial namespace's tree only.
                .filter(|(w, _)| *w != Whose::All && (*w != Whose::Default || ns == NsId::ROOT))
                .map(|(w, name)| Place::Neigh(w, name)),
            _ => Some(Place::Ipv4(rest)),
        },
        "core" => Some(Place::Core(rest)),
        "ipv6" => {
            let (_, name) = rest.split_once(sep).filter(|(dir, _)| *dir == "conf").and_then(|(_, r)| of_device(r))?;
            (name == "disable_ipv6").then_some(Place::Fixed("1"))
        }
        "bridge" => rest.starts_with("bridge-nf-call-").then_some(Place::Fixed("0")),
        _ => None,
    }
}

fn whose(k: &Kernel, ns: NsId, dev: &str, sep: char) -> Option<Whose> {
    match dev {
        "all" => return Some(Whose::All),
        "default" => return Some(Whose::Default),
        _ => {}
    }
    // With dots, a slash stands for a dot in the name.
    let found = if sep == '.' { k.dev_by_name(ns, &dev.replace('/', ".")) } else { k.dev_by_name(ns, dev) }?;
    // The directory goes with IPv4 (DEV-8).
    k.devs[found].cold.in_device.then_some(Whose::Dev(found))
}
