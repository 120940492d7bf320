//! What can be known of a scenario before a kernel is asked: names that lead nowhere, numbers that make no sense,
//! ends that do not fit together. What a kernel would say is left to the kernel.

mod expect;
mod topology;
mod traffic;

use crate::{
    diagnostic::{Diagnostic, did_you_mean, one_of},
    names::{Names, NoSuch, bad_name},
    plan::{MAX_SEEDS, Sweep},
    profile,
    read::{At, Place},
    source::{Range, Source},
    spec::Scenario,
};
use std::sync::Arc;

/// HZ that a kernel can be built with.
const HZ: [u32; 4] = [100, 250, 300, 1000];
/// Most cores of a host.
const MAX_CORES: u32 = 64;

/// Checks the meaning of `s`; mistakes go into `sink`. Nothing is said of what could not be read.
pub fn meaning(source: &Arc<Source>, s: &Scenario, sweeps: &[Sweep], sink: &mut Vec<Diagnostic>) {
    let names = Names::new(s);
    let mut c = Checker { source, names: &names, sink };
    c.outer(s);
    topology::check(&mut c, s);
    traffic::check(&mut c, s);
    expect::check(&mut c, s, sweeps);
}

/// What all checks share.
struct Checker<'c, 's> {
    source: &'c Arc<Source>,
    names: &'c Names<'s>,
    sink: &'c mut Vec<Diagnostic>,
}

impl Checker<'_, '_> {
    /// Reports a mistake.
    fn say(&mut self, at: Place, title: impl Into<String>, label: &str, help: Option<String>) {
        let d = Diagnostic::new(self.source, at.range, title).label(label).maybe_help(help);
        self.sink.push(d.number(at.number()));
    }

    /// Reports a path that leads nowhere, unless it may lead to what could not be read.
    fn no_such(&mut self, at: Place, before: &str, e: NoSuch, label: &str) {
        if !e.excused {
            self.say(at, format!("{before}{}", e.title), label, e.help);
        }
    }

    /// What the path of a value leads to; `None` if it was not read or leads nowhere, which is reported.
    fn resolve<T>(&mut self, path: &At<String>, find: impl Fn(&Names, &str) -> Result<T, NoSuch>) -> Option<T> {
        match find(self.names, path.get()?) {
            Ok(found) => Some(found),
            Err(e) => {
                self.no_such(path.place, "", e, "");
                None
            }
        }
    }

    /// A whole number has to lie in a range.
    fn within(&mut self, value: Option<&At<u64>>, range: std::ops::RangeInclusive<u64>, what: &str) {
        if let Some(v) = value
            && let Some(n) = v.get()
            && !range.contains(n)
        {
            self.say(v.place, format!("{what} {n} is out of range: {} to {}", range.start(), range.end()), "", None);
        }
    }

    /// Profile, seeds, hosts, and what is not there yet.
    fn outer(&mut self, s: &Scenario) {
        self.within(s.seeds.as_ref(), 1..=MAX_SEEDS, "the number of seeds");
        if let Some(p) = &s.profile
            && let Some(name) = p.get()
            && !profile::names().any(|n| n == name)
        {
            let help =
                did_you_mean(name, profile::names()).unwrap_or_else(|| format!("there are {}", all(profile::names())));
            self.say(p.place, format!("there is no cost profile `{name}`"), "", Some(help));
        }
        if let Some(d) = &s.duration
            && d.get().is_some_and(|d| d.0.ps() == 0)
        {
            self.say(d.place, "a run of duration 0 has no time for anything", "", None);
        }
        if s.hosts.ok && s.hosts.entries.is_empty() && !s.hosts.partial {
            self.say(s.hosts.place, "a scenario needs a host", "", None);
        }
        for (entry, host) in s.hosts.iter() {
            self.name(entry.place, "host", &entry.name);
            if let Some(cores) = host.cores.as_ref().filter(|c| c.ok && !(1..=MAX_CORES).contains(&c.value)) {
                let title = format!("a host has 1 to {MAX_CORES} cores, not {}", cores.value);
                self.say(cores.place, title, "", None);
            }
            if let Some(hz) = host.hz.as_ref().filter(|h| h.ok && !HZ.contains(&h.value)) {
                let title = format!("no kernel has HZ={}: expected 100, 250, 300 or 1000", hz.value);
                self.say(hz.place, title, "", None);
            }
            for ns in &host.namespaces.entries {
                self.name(ns.place, "namespace", &ns.name);
            }
        }
    }

    fn name(&mut self, at: Place, what: &str, name: &str) {
        if let Some(why) = bad_name(name) {
            self.say(at, format!("`{}` can't be the name of a {what}: {why}", crate::values::short(name)), "", None);
        }
    }
}

/// "`a`, `b` and `c`"
fn all<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    one_of(words).replace(" or ", " and ")
}

/// The place of a part of a string's content. Of a string that stands in the file otherwise than it is meant (escapes,
/// braces), the whole.
pub(crate) fn part(source: &Source, at: Place, content: &str, part: std::ops::Range<usize>) -> Place {
    let written = source.text.get(at.range.bytes()).unwrap_or_default();
    // Of a raw string the range begins at its `r`.
    let raw = written.strip_prefix('r').map(|rest| rest.trim_start_matches('#'));
    let before = raw.filter(|rest| rest.starts_with('"')).map_or(0, |rest| written.len() - rest.len() + 1);
    if written.get(before..before + content.len()) != Some(content) || (before == 0 && written != content) {
        return at;
    }
    let begin = at.range.start as usize + before;
    let start = begin + part.start;
    // One past the end of the string: its last character.
    let end = (begin + part.end).max(start + 1).min(begin + content.len());
    let start = start.min(end.saturating_sub(1)).max(at.range.start as usize);
    if !source.text.is_char_boundary(start) || !source.text.is_char_boundary(end) {
        return at;
    }
    Place::new(Range::new(start, end), at.number())
}
