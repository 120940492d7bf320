//! Expectations: flows, reasons, errors and places that exist, and bounds that say something.

use super::{Checker, all};
use crate::{
    diagnostic::did_you_mean,
    plan::{Sweep, ends_with},
    read::At,
    spec::{Expect, Expectation, Scenario},
    values::{Amount, Text},
};
use indexmap::IndexSet;
use sim_models::kernel::{Errno, Reason};

pub(super) fn check(c: &mut Checker, s: &Scenario, sweeps: &[Sweep]) {
    let flows: IndexSet<&str> = s.traffic.names().collect();
    for e in s.expect.iter().filter(|e| e.ok) {
        if let Some(of) = e.of()
            && let Some(name) = of.get()
            && !flows.contains(name.as_str())
            && !s.traffic.partial
        {
            let help =
                did_you_mean(name, s.traffic.names().take(1000)).unwrap_or_else(|| match s.traffic.entries.len() {
                    0 => "the scenario has no traffic".to_owned(),
                    _ => format!("its flows are {}", all(s.traffic.names().take(20))),
                });
            c.say(of.place, format!("there is no flow `{name}`"), "", Some(help));
        }
        bounds(c, e);
        words(c, e);
        when(c, e, sweeps);
    }
}

fn bounds(c: &mut Checker, e: &Expectation) {
    let Some(b) = e.bounds() else {
        if let Expect::Latency(l) = &e.value
            && l.below.is_none()
            && l.above.is_none()
        {
            c.say(e.place, "a latency is compared with nothing", "expected `below` or `above`", None);
        }
        return;
    };
    if b.exactly.is_none() && b.at_least.is_none() && b.at_most.is_none() {
        c.say(e.place, "nothing is compared here", "expected `exactly`, `at_least` or `at_most`", None);
    }
    if let (Some(exactly), true) = (b.exactly, b.at_least.is_some() || b.at_most.is_some()) {
        c.say(exactly.place, "`exactly` leaves nothing for `at_least` and `at_most`", "", None);
    }
    let has_share = |a: &Option<&At<Text<Amount>>>| a.is_some_and(|a| matches!(a.value.0, Amount::Share(_)));
    if matches!(e.value, Expect::Drops(_) | Expect::Errors(_))
        && let Some(Some(share)) = [b.exactly, b.at_least, b.at_most].iter().find(|a| has_share(a))
    {
        let title = format!("{} of what? expected a number of packets", share.value.0);
        c.say(share.place, title, "", Some("Lost(of: …) takes a share of a flow".to_owned()));
    }
}

/// Reasons, errors and places.
fn words(c: &mut Checker, e: &Expectation) {
    match &e.value {
        Expect::Drops(d) => {
            if let Some(reason) = &d.reason
                && let Some(name) = reason.get()
                && Reason::from_name(name).is_none()
            {
                let help = did_you_mean(name, Reason::ALL.iter().map(|r| r.name()));
                c.say(reason.place, format!("no packet is dropped for the reason `{name}`"), "", help);
            }
            if let Some(at) = &d.at {
                c.resolve(at, |names, path| match path.matches('/').count() {
                    0 if names.switches.iter().any(|s| s.0 == path) => Ok(()),
                    0 => names.host(path).map(|_| ()),
                    1 if names.port(path).is_some_and(|p| p.is_ok()) => Ok(()),
                    1 => names.ns(path).map(|_| ()),
                    _ => names.dev(path).map(|_| ()),
                });
            }
        }
        Expect::Errors(x) => {
            if let Some(errno) = &x.errno
                && let Some(name) = errno.get()
                && !Errno::ALL.iter().any(|e| e.name() == name)
            {
                let help = did_you_mean(name, Errno::ALL.iter().map(|e| e.name()));
                c.say(errno.place, format!("there is no error `{name}`"), "", help);
            }
        }
        Expect::Delivered(_) | Expect::Lost(_) | Expect::Latency(_) => {}
    }
}

/// Conditions speak of what is swept, and of values that it takes.
fn when(c: &mut Checker, e: &Expectation, sweeps: &[Sweep]) {
    for (entry, value) in e.when().iter() {
        let fits: Vec<&Sweep> = sweeps.iter().filter(|s| ends_with(&s.path, &entry.name)).collect();
        match fits[..] {
            [] => {
                let help = match sweeps {
                    [] => "nothing is swept".to_owned(),
                    _ => format!("swept are {}", all(sweeps.iter().map(|s| s.path.as_str()))),
                };
                c.say(entry.place, format!("`{}` is not swept", entry.name), "", Some(help));
            }
            [sweep] => {
                let Some(text) = value.get() else { continue };
                if !sweep.values.iter().any(|(_, v)| *v == text.0) {
                    let title = format!("`{}` never has the value `{}`", entry.name, text.0);
                    let values = all(sweep.values.iter().map(|(_, v)| v.as_str()).take(20));
                    c.say(value.place, title, "", Some(format!("its values are {values}")));
                }
            }
            _ => c.say(entry.place, format!("`{}` may mean several swept paths", entry.name), "write more of it", None),
        }
    }
}
