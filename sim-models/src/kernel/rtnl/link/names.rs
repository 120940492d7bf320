//! What a device may be called, and which number it gets.

use super::{Errno, Kernel, NsId, RtnlError};

/// `IFNAMSIZ` with its closing zero.
const IFNAMSIZ: usize = 16;
/// `__dev_alloc_name` looks at no more numbers than fit into eight pages of bits.
const MAX_NUMBER: usize = 8 * 4096;

/// `check_ifname` of iproute2 for the name that follows `word`.
///
/// # Errors
/// `ip`'s own.
pub(super) fn check_ifname(word: &str, name: &str) -> Result<(), RtnlError> {
    // `dev` is passed on whatever its length, `name` is not.
    let too_long = word == "name" && name.len() >= IFNAMSIZ;
    if name.is_empty() || too_long || name.contains(|c: char| c == '/' || c.is_ascii_whitespace() || c == '\x0b') {
        let text = format!("Error: argument \"{name}\" is wrong: \"{word}\" not a valid ifname");
        return Err(RtnlError::tool(Errno::EINVAL, text));
    }
    Ok(())
}

/// The netlink attribute's policy, the kernel's first look at a name.
///
/// # Errors
/// Longer than 15 bytes.
pub(super) fn check_policy(name: &str) -> Result<(), RtnlError> {
    if name.len() >= IFNAMSIZ {
        return Err(RtnlError::msg(Errno::ERANGE, "Attribute failed policy validation"));
    }
    Ok(())
}

/// `dev_valid_name` (DEV-1)
fn dev_valid_name(name: &str) -> bool {
    let bad = |c: char| matches!(c, '/' | ':' | '\x0b') || c.is_ascii_whitespace();
    !name.is_empty() && name.len() < IFNAMSIZ && name != "." && name != ".." && !name.contains(bad)
}

/// `dev_get_valid_name`: the name itself, or the one with the lowest free number for its `%d` (DEV-4).
///
/// # Errors
/// EINVAL for a bad name, EEXIST for one that is taken, ENFILE if all numbers are.
pub(super) fn dev_get_valid_name(k: &Kernel, ns: NsId, name: &str) -> Result<String, RtnlError> {
    if !dev_valid_name(name) {
        return Err(RtnlError::new(Errno::EINVAL));
    }
    let Some((head, tail)) = name.split_once('%') else {
        return match k.dev_by_name(ns, name) {
            Some(_) => Err(RtnlError::new(Errno::EEXIST)),
            None => Ok(name.to_owned()),
        };
    };
    let tail = tail.strip_prefix('d').filter(|t| !t.contains('%')).ok_or(RtnlError::new(Errno::EINVAL))?;
    let free = (0..MAX_NUMBER).map(|n| format!("{head}{n}{tail}")).find(|n| k.dev_by_name(ns, n).is_none());
    // The kernel cuts what is too long, and may then find it taken.
    let mut found = free.ok_or(RtnlError::new(Errno::ENFILE))?;
    let mut end = found.len().min(IFNAMSIZ - 1);
    while !found.is_char_boundary(end) {
        end -= 1;
    }
    found.truncate(end);
    if k.dev_by_name(ns, &found).is_some() { Err(RtnlError::new(Errno::ENFILE)) } else { Ok(found) }
}

/// `dev_index_reserve`: `wanted` if it is free, else the next number after the one given last (DEV-2, DEV-31).
pub(super) fn dev_index_reserve(k: &mut Kernel, ns: NsId, wanted: u32) -> u32 {
    if wanted != 0 && k.dev_by_index(ns, wanted).is_none() {
        return wanted;
    }
    let mut index = k.net(ns).last_ifindex;
    loop {
        index = if index >= i32::MAX as u32 { 1 } else { index + 1 };
        if k.dev_by_index(ns, index).is_none() {
            k.net_mut(ns).last_ifindex = index;
            return index;
        }
    }
}
