//! `sysctl -w KEY=VALUE…` and `echo VALUE > /proc/sys/…`.

use super::words::Words;
use super::{ParseError, lex::Word};
use sim_models::kernel::rtnl::RtnlOp;

/// `sysctl` is read.
pub(super) fn sysctl(words: &mut Words<'_>, mut emit: impl FnMut(RtnlOp)) -> Result<(), ParseError> {
    let mut write = false;
    let mut any = false;
    while let Some(word) = words.next() {
        if word.text.starts_with('-') && word.text.len() > 1 {
            write |= option(word)?;
            continue;
        }
        any = true;
        emit(setting(word, write)?);
    }
    if any { Ok(()) } else { Err(words.missing("a setting is missing").help("like `net.ipv4.ip_forward=1`")) }
}

/// Whether `-w` is among them.
fn option(word: &Word) -> Result<bool, ParseError> {
    match word.text.as_str() {
        "--write" => return Ok(true),
        "--quiet" | "--ignore" | "--names" | "--values" => return Ok(false),
        _ => {}
    }
    let mut write = false;
    for letter in word.text.chars().skip(1) {
        match letter {
            'w' => write = true,
            // Quiet, ignore unknown keys, print names or values only.
            'q' | 'e' | 'n' | 'N' => {}
            _ => return Err(word.unsupported(&word.text)),
        }
    }
    Ok(write)
}

fn setting(word: &Word, write: bool) -> Result<RtnlOp, ParseError> {
    let Some((key, value)) = word.text.split_once('=') else {
        return Err(if write {
            word.error(format!("sysctl: \"{}\" must be of the form name=value", word.text))
        } else {
            word.only_prints("sysctl KEY").help("KEY=VALUE sets")
        });
    };
    if key.is_empty() {
        return Err(word
            .error(format!("sysctl: malformed setting \"{}\"", word.text))
            .help("KEY=VALUE, without blanks"));
    }
    Ok(RtnlOp::Sysctl { key: key.to_owned(), value: value.to_owned() })
}

/// Where sysctls are files.
const PROC: &str = "/proc/sys/";

/// `echo` is read.
pub(super) fn echo(words: &mut Words<'_>) -> Result<RtnlOp, ParseError> {
    let mut text: Vec<&str> = Vec::new();
    loop {
        let needs = "echo is known only as `echo VALUE > /proc/sys/…`";
        let word = words.next().ok_or_else(|| words.missing(needs))?;
        match word.text.as_str() {
            _ if word.redirect => break,
            "-n" if text.is_empty() => {}
            value => text.push(value),
        }
    }
    let file = words.arg()?;
    let Some(key) = file.text.strip_prefix(PROC).filter(|k| !k.is_empty()) else {
        return Err(file
            .error(format!("not supported: writing to `{}`", file.text))
            .help("only files below /proc/sys"));
    };
    Ok(RtnlOp::Sysctl { key: key.to_owned(), value: text.join(" ") })
}
