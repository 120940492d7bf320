//! Cures of a lost packet: commands that could help, each tried on a copy of the same world. A simulated world can be
//! had as often as one likes, so nothing is guessed: the copy is built anew, the commands are carried out before the
//! first packet, and the whole scenario is played.

mod case;
mod suggest;

pub use case::Case;

use crate::{
    build::{self, Act, Built, Target},
    diagnostic::Diagnostic,
    iproute2::{self, Op},
    plan::Plan,
    run::{self, Typed, Watched},
};
use sim_core::time::{Span, Time};
use sim_models::{kernel::NsId, world::World};

/// More are not tried for one case.
const MOST: usize = 12;
/// Of so many that get the packet further the next step is looked for.
const FURTHER: usize = 3;

/// One command of a cure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remedy {
    pub host: usize,
    pub ns: NsId,
    /// "h1/root"
    pub place: String,
    /// As one types it there.
    pub line: String,
}

/// What a cure was worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worth {
    /// The packet arrives, and is answered where an answer is asked for.
    Works,
    /// It gets further than before.
    Partly,
    /// It is lost as before, or the kernel refuses the command.
    Fails,
}

/// A cure that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tried {
    pub remedies: Vec<Remedy>,
    pub worth: Worth,
    /// "10 of 10 answered", "dropped IP_RPFILTER at h1/server/eth0"
    pub outcome: String,
}

/// Why a packet was lost, and what helps.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cures {
    /// One sentence; empty if nothing is to be said beyond the walk.
    pub why: String,
    pub tried: Vec<Tried>,
}

/// What can be done for a packet: of the flow called `flow` (the first if `None`), number `packet` from 0, of a point's
/// first seed. `None`: it arrived, and was answered if an answer was asked for, or there was no such packet.
///
/// # Errors
/// There is no such flow; a kernel refuses something of the scenario itself.
pub fn cures(plan: &Plan, point: usize, flow: Option<&str>, packet: u32) -> Result<Option<Cures>, Vec<Diagnostic>> {
    let whole = run::played(plan, point, flow, packet, &Typed::default())?;
    let Some(ended) = Case::of(&whole).map(|case| case.ended) else { return Ok(None) };
    let changes_later = whole.changes_later;
    // Tables as they were when the packet was lost, not as the timeline left them.
    let stop = Some(ended + Span::from_ns(1));
    let before = if changes_later {
        run::played(plan, point, flow, packet, &Typed { stop, ..Typed::default() })?
    } else {
        whole
    };
    let Some(case) = Case::of(&before) else { return Ok(None) };
    // What is typed at the start would be undone by the timeline; what is typed late is too late for sockets.
    let at = if changes_later { Time::from_ps(case.born.ps().saturating_sub(1_000_000)) } else { Time::ZERO };
    let mut search = Search { plan, point, flow, packet, at, tried: Vec::new(), left: MOST };
    search.all(&case, &[])?;
    // One thing was in the way of another: what got the packet further is kept, and the next one looked for.
    let further: Vec<Tried> = search.tried.iter().filter(|t| t.worth == Worth::Partly).take(FURTHER).cloned().collect();
    for t in further {
        if search.tried.iter().any(|t| t.worth == Worth::Works) {
            break;
        }
        let after = run::played(plan, point, flow, packet, &Typed { remedies: &t.remedies, at, stop: None })?;
        if let Some(case) = Case::of(&after) {
            search.left = MOST;
            let before = search.tried.len();
            search.all(&case, &t.remedies)?;
            // Of longer ways only those that lead to the end are worth a line.
            let longer = search.tried.split_off(before);
            search.tried.extend(longer.into_iter().filter(|t| t.worth == Worth::Works));
        }
    }
    // What works comes first; the order of suggestion holds among equals.
    search.tried.sort_by_key(|t| t.worth as u8);
    Ok(Some(Cures { why: suggest::why(&case), tried: search.tried }))
}

/// Cures of one packet, as they are tried.
struct Search<'p> {
    plan: &'p Plan,
    point: usize,
    flow: Option<&'p str>,
    packet: u32,
    at: Time,
    tried: Vec<Tried>,
    /// So many more may be tried.
    left: usize,
}

impl Search<'_> {
    /// Tries everything that may help `case`, each after the commands `before`.
    fn all(&mut self, case: &Case, before: &[Remedy]) -> Result<(), Vec<Diagnostic>> {
        for more in suggest::remedies(case) {
            let remedies = [before, &more].concat();
            let known = self.tried.iter().any(|t| t.remedies == remedies);
            if self.left == 0 || known || !more.iter().all(|r| iproute2::parse(&r.line).is_ok()) {
                continue;
            }
            self.left -= 1;
            let after = run::played(
                self.plan,
                self.point,
                self.flow,
                self.packet,
                &Typed { remedies: &remedies, at: self.at, stop: None },
            )?;
            let (worth, outcome) = judge(case, &after);
            self.tried.push(Tried { remedies, worth, outcome });
        }
        Ok(())
    }
}

fn judge(before: &Case, after: &Watched) -> (Worth, String) {
    if let Some(fault) = &after.fault {
        return (Worth::Fails, fault.clone());
    }
    let (sent, received) = case::counts(&after.built.world, after.flow);
    let verb = if before.asks { "answered" } else { "arrive" };
    match Case::of(after) {
        None => (Worth::Works, format!("{received} of {sent} {verb}")),
        Some(now) if now.place() == before.place() && now.reason == before.reason => (Worth::Fails, now.told()),
        Some(now) => (Worth::Partly, now.told()),
    }
}

/// Carries them out in a world, at its time `at`.
///
/// # Errors
/// The kernel's words, with the command.
pub(crate) fn carry_out(built: &mut Built, at: Time, remedies: &[Remedy]) -> Result<(), String> {
    for r in remedies {
        let commands = iproute2::parse(&r.line).map_err(|e| format!("{}: {}", r.line, e.text))?;
        for c in commands {
            let target = c.ns.map_or(Target::Number(r.ns.0), Target::Named);
            let act = match c.op {
                Op::Rtnl(op) => Act::Rtnl(op),
                Op::NewNs(name) => Act::NewNs(name),
                Op::DelNs(name) => Act::DelNs(name),
            };
            let mut done = Ok(());
            built.world.hosts[r.host].at(at, |k, cx| {
                cx.origin = 0;
                done = build::carry_out(k, cx, &target, &act);
            });
            done.map_err(|why| format!("refused: {why}"))?;
        }
    }
    Ok(())
}

/// "h1/root"
fn path(world: &World, host: usize, ns: NsId) -> String {
    let h = &world.hosts[host];
    format!("{}/{}", h.name, h.kernel.net(ns).name)
}

#[cfg(test)]
mod tests;
