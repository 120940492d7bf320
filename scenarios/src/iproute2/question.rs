//! Commands that only print: `ip … show`, `ip route get`, `bridge fdb`, `sysctl KEY`.

use super::{
    ParseError, get,
    lex::Word,
    route::table,
    words::{Words, find, prefix},
};
use sim_models::kernel::route::Get;

/// What is to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Link,
    Addr,
    /// Of a table; 0: all of them.
    Route(u32),
    /// With the warning that comes first.
    RouteGet(Box<Get>, Option<String>),
    Rule,
    Neigh,
    Fdb,
    /// `sysctl -n KEY` or with the key.
    Sysctl {
        key: String,
        bare: bool,
    },
}

/// A question and how its answer is to look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub ask: Ask,
    /// `-j`
    pub json: bool,
    /// `-d`
    pub details: bool,
}

/// Reads a command that only prints, word by word as a shell would give them.
///
/// # Errors
/// The first word that can't be understood, or that asks for something not modelled.
pub fn question(args: &[String]) -> Result<Question, ParseError> {
    let mut column = 1;
    let mut all = Vec::with_capacity(args.len());
    for text in args {
        let width = text.chars().count();
        all.push(Word { text: text.clone(), column, width, redirect: false });
        column += width + 1;
    }
    let mut words = Words::new(&all, column.saturating_sub(1).max(1));
    let name = words.next().ok_or_else(|| words.missing("a command is missing").help("like `ip route`"))?;
    let mut q = Question { ask: Ask::Link, json: false, details: false };
    match name.text.as_str() {
        "ip" => ip(&mut words, &mut q)?,
        "bridge" => {
            options(&mut words, &mut q)?;
            let word = words.next().ok_or_else(|| words.missing("an object is missing").help("like `fdb`"))?;
            match find(&[prefix("fdb", ())], &word.text) {
                Some(_) => q.ask = Ask::Fdb,
                None => return Err(word.unsupported(&format!("bridge {}", word.text))),
            }
            show(&mut words)?;
        }
        "sysctl" => sysctl(&mut words, &mut q)?,
        _ => return Err(super::unknown_program(name)),
    }
    words.end()?;
    Ok(q)
}

/// `-j`, `-d`, `-4`, `-p` and what changes nothing here.
fn options(words: &mut Words<'_>, q: &mut Question) -> Result<(), ParseError> {
    while let Some(word) = words.peek().filter(|w| w.text.starts_with('-')) {
        words.next();
        match word.text.trim_start_matches('-') {
            "j" | "js" | "json" => q.json = true,
            "d" | "details" => q.details = true,
            "4" | "o" | "oneline" | "c" | "color" => {}
            _ => return Err(word.unsupported(&word.text)),
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Object {
    Link,
    Addr,
    Route,
    Rule,
    Neigh,
}

fn ip(words: &mut Words<'_>, q: &mut Question) -> Result<(), ParseError> {
    options(words, q)?;
    let word = words.next().ok_or_else(|| words.missing("an object is missing").help("like `route`"))?;
    // In iproute2's order.
    let objects = [
        prefix("address", Object::Addr),
        prefix("route", Object::Route),
        prefix("rule", Object::Rule),
        prefix("neighbor", Object::Neigh),
        prefix("neighbour", Object::Neigh),
        prefix("link", Object::Link),
    ];
    let object = find(&objects, &word.text).ok_or_else(|| word.unsupported(&format!("ip {}", word.text)))?;
    match object.what {
        Object::Link => q.ask = Ask::Link,
        Object::Addr => q.ask = Ask::Addr,
        Object::Rule => q.ask = Ask::Rule,
        Object::Neigh => q.ask = Ask::Neigh,
        Object::Route => return route(words, q),
    }
    show(words)
}

/// `show`, `list` or nothing.
fn show(words: &mut Words<'_>) -> Result<(), ParseError> {
    if let Some(word) = words.next()
        && find(&[prefix("show", ()), prefix("list", ()), prefix("lst", ())], &word.text).is_none()
    {
        return Err(word.error(format!("not supported: `{}`, only what prints all", word.text)));
    }
    Ok(())
}

fn route(words: &mut Words<'_>, q: &mut Question) -> Result<(), ParseError> {
    q.ask = Ask::Route(254);
    let Some(word) = words.next() else { return Ok(()) };
    if find(&[prefix("get", ())], &word.text).is_some() {
        let (asked, warning) = get::get(words)?;
        q.ask = Ask::RouteGet(Box::new(asked), warning);
        return Ok(());
    }
    if find(&[prefix("show", ()), prefix("list", ()), prefix("lst", ())], &word.text).is_none() {
        return Err(word.error(format!("not supported: `ip route {}` as a question", word.text)));
    }
    if let Some(word) = words.next() {
        if find(&[prefix("table", ())], &word.text).is_none() {
            return Err(word.unsupported(&format!("ip route show {}", word.text)));
        }
        let arg = words.arg()?;
        q.ask = Ask::Route(if arg.text == "all" { 0 } else { table(arg, "table id value is invalid")? });
    }
    Ok(())
}

fn sysctl(words: &mut Words<'_>, q: &mut Question) -> Result<(), ParseError> {
    let mut bare = false;
    while let Some(word) = words.peek().filter(|w| w.text.starts_with('-')) {
        words.next();
        match word.text.as_str() {
            "-n" | "--values" => bare = true,
            _ => return Err(word.unsupported(&word.text)),
        }
    }
    let key = words.next().ok_or_else(|| words.missing("a key is missing").help("like `net.ipv4.ip_forward`"))?;
    if key.text.contains('=') {
        return Err(key.error("not supported: a question sets nothing"));
    }
    q.ask = Ask::Sysctl { key: key.text.clone(), bare };
    Ok(())
}
