//! Scripts: a host's configuration as the command lines that people have, in a file beside the scenario or as text in it.

use crate::{
    diagnostic::Diagnostic,
    iproute2::{self, Op},
    read::{At, Place},
    requests::{self, Request},
    source::{Range, Source},
    spec::{Host, Scenario},
};
use sim_models::kernel::RtnlOp;
use std::sync::Arc;

/// Commands of a script at most.
const MAX_COMMANDS: usize = 1_000_000;
/// Mistakes of a script that are reported.
const MAX_MISTAKES: usize = 50;

/// A host's script, read.
#[derive(Debug, Default)]
pub struct Script {
    /// The file, if it is one of its own.
    pub file: Option<Arc<Source>>,
    pub lines: Vec<Line>,
    /// Namespaces that it makes, and that are there when it is done, in order.
    pub namespaces: Vec<String>,
    /// The first address that it gives in a namespace, loopback left out.
    addresses: Vec<(String, u32)>,
    /// The whole text.
    pub text: String,
}

/// A line with its commands.
#[derive(Debug)]
pub struct Line {
    /// In the script's file, or in the scenario.
    pub place: Place,
    pub(crate) requests: Vec<Request>,
}

impl Script {
    /// The first address that it gives to namespace `name`.
    pub fn first_address(&self, name: &str) -> Option<u32> {
        self.addresses.iter().find(|(ns, _)| ns == name).map(|(_, a)| *a)
    }

    fn note(&mut self, r: &Request) {
        match &r.op {
            Op::NewNs(name) => self.namespaces.push(name.clone()),
            Op::DelNs(name) => self.namespaces.retain(|n| n != name),
            Op::Rtnl(RtnlOp::NewAddr { addr, .. }) if addr.local >> 24 != 127 => {
                let ns = r.ns.clone().unwrap_or_else(|| crate::names::ROOT.to_owned());
                self.addresses.push((ns, addr.local));
            }
            Op::Rtnl(_) => {}
        }
    }
}

/// Reads the scripts of all hosts, from files or from the scenario itself.
pub(crate) fn load(source: &Arc<Source>, s: &mut Scenario, sink: &mut Vec<Diagnostic>) {
    for entry in &mut s.hosts.value.entries {
        let Some(host) = &mut entry.value else { continue };
        if let Some(written) = host.script.as_ref().filter(|w| w.ok) {
            let script = script(source, written, sink);
            host.read_script = script;
        }
    }
}

/// A string with blanks or line ends is the text itself, any other the path of a file.
fn script(source: &Arc<Source>, written: &At<String>, sink: &mut Vec<Diagnostic>) -> Script {
    let mut script = Script::default();
    if written.value.contains(char::is_whitespace) {
        script.text.clone_from(&written.value);
        let whole = written.place;
        let place = |from: usize, to: usize| crate::check::part(source, whole, &written.value, from..to);
        read(&mut script, source, &place, sink);
        return script;
    }
    match source.beside(&written.value) {
        Ok(file) => {
            script.text.clone_from(&file.text);
            script.file = Some(Arc::clone(&file));
            read(&mut script, &file, &|from, to| Place::new(Range::new(from, to), None), sink);
        }
        Err(why) => {
            let d = Diagnostic::new(source, written.place.range, why);
            sink.push(d.help("`script` is a file beside the scenario, or command lines"));
        }
    }
    script
}

fn read(script: &mut Script, source: &Arc<Source>, place: &dyn Fn(usize, usize) -> Place, sink: &mut Vec<Diagnostic>) {
    let (mut commands, mut mistakes) = (0, 0);
    let text = std::mem::take(&mut script.text);
    for (start, line) in lines(&text) {
        match iproute2::parse(line) {
            Ok(list) if list.is_empty() => {}
            Ok(list) => {
                commands += list.len();
                let requests: Vec<Request> = list.into_iter().map(|c| Request { ns: c.ns, op: c.op }).collect();
                requests.iter().for_each(|r| script.note(r));
                script.lines.push(Line { place: place(start, start + line.trim_end().len()), requests });
            }
            Err(e) => {
                let byte = |n: usize| line.char_indices().nth(n).map_or(line.len(), |(i, _)| i);
                let (from, to) = (byte(e.column.saturating_sub(1)), byte(e.column.saturating_sub(1) + e.width));
                let at = place(start + from.min(line.trim_end().len()), start + to.min(line.trim_end().len()));
                sink.push(requests::told(source, at, &e));
                mistakes += 1;
            }
        }
        if commands > MAX_COMMANDS || mistakes >= MAX_MISTAKES {
            if commands > MAX_COMMANDS {
                let title = format!("a script has at most {MAX_COMMANDS} commands");
                sink.push(Diagnostic::new(source, place(start, start + line.len()).range, title));
            }
            break;
        }
    }
    script.text = text;
}

/// The lines of a text with where they begin; one that ends in `\` goes on in the next.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        if start >= text.len() {
            return None;
        }
        loop {
            let end = text[at..].find('\n').map_or(text.len(), |i| at + i + 1);
            let line = &text[at..end];
            at = end;
            let bare = line.trim_end_matches(['\n', '\r']);
            if !bare.ends_with('\\') || end == text.len() {
                return Some((start, &text[start..end]));
            }
        }
    })
}

impl Host {
    /// Is everything that it has written in the scenario, or may commands have made more?
    pub fn is_scripted(&self) -> bool {
        self.script.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_go_on_after_a_backslash() {
        let text = "a\n# b \\\nc\nd \\\n  e\n\nf\\";
        let found: Vec<(usize, &str)> = lines(text).collect();
        assert_eq!(found, [(0, "a\n"), (2, "# b \\\nc\n"), (10, "d \\\n  e\n"), (18, "\n"), (19, "f\\")]);
    }
}
