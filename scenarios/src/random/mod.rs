//! Random worlds: small, short, made of the published language, so that whatever differs from a real kernel is a file
//! that anybody can run.
//!
//! A world is drawn from a seed and a number and depends on nothing else. First it is decided which features it has at
//! all ([`features`]), then who is joined to whom ([`topology`]), which tables there are ([`tables`]), what is sent and
//! what is asked for while time runs ([`actions`], [`requests`]). Its text is [`Sketch::ron`]. What a world has to hold
//! to count, and which words a batch of worlds used, is in [`coverage`]; [`shrink`] makes a world smaller as long as it
//! keeps a property.

mod actions;
mod chance;
pub mod coverage;
mod features;
mod frames;
pub mod hunt;
mod requests;
mod rules;
pub mod shrink;
mod sketch;
mod tables;
mod topology;
pub mod vocabulary;

#[cfg(test)]
mod tests;

pub use sketch::{Device, Flow, FlowKind, Host, Kind, Net, Sketch, Step};

use crate::{plan, run, source::Source};
use chance::Chance;
use std::sync::Arc;
use topology::Draft;

/// So many lines of a setup may be refused, else the world is none.
const MAX_REFUSALS: usize = 12;
/// When refused lines are tried again, in milliseconds.
const FIRST_STEP: u32 = 10;

/// World `number` of the batch that `seed` stands for.
pub fn sketch(seed: u64, number: u64) -> Sketch {
    let mut draft = Draft::new(Chance::new(seed, number), format!("random world {number} of seed {seed}"));
    draft.topology();
    draft.addresses();
    draft.tables();
    draft.actions();
    settle(draft.sketch)
}

/// What the simulated kernel refuses of the setup becomes a request that may fail, before anything else happens: a real
/// kernel has to refuse it, too.
fn settle(mut sketch: Sketch) -> Sketch {
    for _ in 0..MAX_REFUSALS {
        let source = Arc::new(Source::new("random.ron", sketch.ron()));
        let Ok(plan) = plan::plan(&source) else { break };
        let refused = run::try_build(&plan);
        let Some((mistake, text)) = refused.first().and_then(|d| Some((d, d.excerpt()?.trim_matches('"')))) else {
            break;
        };
        let net = mistake.help.as_deref().and_then(|h| h.strip_prefix("asked in ")?.split(':').next());
        if net.is_none_or(|net| !postpone(&mut sketch, net, text)) {
            break;
        }
    }
    sketch
}

/// A line of the setup of namespace `path` becomes a step.
fn postpone(sketch: &mut Sketch, path: &str, text: &str) -> bool {
    let Some((host, net)) = path.split_once('/') else { return false };
    let Some(net) =
        sketch.hosts.iter_mut().filter(|h| h.name == host).flat_map(|h| &mut h.nets).find(|n| n.name == net)
    else {
        return false;
    };
    let address = net.devices.iter_mut().find_map(|d| {
        let i = d.addresses.iter().position(|a| a == text)?;
        d.addresses.remove(i);
        Some(format!("ip addr add {text} dev {}", d.name))
    });
    let mut line = |of: fn(&mut Net) -> &mut Vec<String>, before: &str| {
        let i = of(net).iter().position(|l| l == text)?;
        of(net).remove(i);
        Some(format!("{before}{text}"))
    };
    let run = address
        .or_else(|| line(|n| &mut n.routes, "ip route add "))
        .or_else(|| line(|n| &mut n.neighbours, "ip neigh add "))
        .or_else(|| line(|n| &mut n.commands, ""));
    let Some(run) = run else { return false };
    sketch.steps.insert(0, Step { at: FIRST_STEP, place: path.to_owned(), run });
    true
}
