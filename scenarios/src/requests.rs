//! Lines in iproute2's language into requests, with the place of a mistake inside its string.

use crate::{
    check::part,
    diagnostic::Diagnostic,
    iproute2::{self, Op},
    read::{At, Place},
    source::Source,
};
use sim_models::kernel::RtnlOp;
use std::sync::Arc;

/// One request, and the namespace that it names itself (`ip -n NS …`).
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub ns: Option<String>,
    pub op: Op,
}

/// What a field of a scenario is the middle of.
struct Frame<'f> {
    before: &'f str,
    after: &'f str,
    /// The kind of request that has to come out.
    fits: fn(&RtnlOp) -> bool,
    what: &'static str,
}

/// `ip address add … dev DEV`
pub(crate) fn address(source: &Arc<Source>, text: &At<String>, dev: &str) -> Result<Vec<Request>, Diagnostic> {
    let after = format!(" dev {dev}");
    let fits = |op: &RtnlOp| matches!(op, RtnlOp::NewAddr { .. });
    framed(source, text, &Frame { before: "ip address add ", after: &after, fits, what: "an address" })
}

/// `ip route add …`
pub(crate) fn route(source: &Arc<Source>, text: &At<String>) -> Result<Vec<Request>, Diagnostic> {
    let fits = |op: &RtnlOp| matches!(op, RtnlOp::NewRoute { .. });
    framed(source, text, &Frame { before: "ip route add ", after: "", fits, what: "a route" })
}

/// `ip rule add …`
pub(crate) fn rule(source: &Arc<Source>, text: &At<String>) -> Result<Vec<Request>, Diagnostic> {
    let fits = |op: &RtnlOp| matches!(op, RtnlOp::NewRule { .. });
    framed(source, text, &Frame { before: "ip rule add ", after: "", fits, what: "a rule" })
}

/// `ip neigh add …`
pub(crate) fn neighbour(source: &Arc<Source>, text: &At<String>) -> Result<Vec<Request>, Diagnostic> {
    let fits = |op: &RtnlOp| matches!(op, RtnlOp::NewNeigh { .. } | RtnlOp::Proxy { .. });
    framed(source, text, &Frame { before: "ip neigh add ", after: "", fits, what: "a neighbour" })
}

/// A whole command line.
pub(crate) fn command(source: &Arc<Source>, line: &At<String>) -> Result<Vec<Request>, Diagnostic> {
    let Some(text) = line.get() else { return Ok(Vec::new()) };
    match iproute2::parse(text) {
        Ok(commands) => Ok(commands.into_iter().map(|c| Request { ns: c.ns, op: c.op }).collect()),
        Err(e) => Err(complain(source, line, &e, 0)),
    }
}

fn framed(source: &Arc<Source>, text: &At<String>, f: &Frame) -> Result<Vec<Request>, Diagnostic> {
    let Some(own) = text.get() else { return Ok(Vec::new()) };
    let commands = match iproute2::parse(&[f.before, own, f.after].concat()) {
        Ok(commands) => commands,
        Err(e) => return Err(complain(source, text, &e, f.before.chars().count())),
    };
    match &commands[..] {
        [c] if c.ns.is_none() && matches!(&c.op, Op::Rtnl(op) if (f.fits)(op)) => {
            Ok(commands.into_iter().map(|c| Request { ns: None, op: c.op }).collect())
        }
        _ => {
            let title = format!("expected {} as `{}` takes it", f.what, f.before.trim_end());
            Err(at(source, text, title))
        }
    }
}

fn at(source: &Arc<Source>, text: &At<String>, title: String) -> Diagnostic {
    Diagnostic::new(source, text.place.range, title).number(text.place.number())
}

/// A mistake in a line, of which the first `skip` characters are not in the file.
fn complain(source: &Arc<Source>, line: &At<String>, e: &iproute2::ParseError, skip: usize) -> Diagnostic {
    let column = e.column.saturating_sub(1).saturating_sub(skip);
    let byte = |n: usize| line.value.char_indices().nth(n).map_or(line.value.len(), |(i, _)| i);
    let (from, to) = (byte(column), byte(column + e.width));
    told(source, part(source, line.place, &line.value, from..to), e)
}

/// What the tool says, at its place.
pub(crate) fn told(source: &Arc<Source>, place: Place, e: &iproute2::ParseError) -> Diagnostic {
    let title = e.text.strip_prefix("Error: ").unwrap_or(&e.text).trim_end_matches('.').to_owned();
    Diagnostic::new(source, place.range, title).number(place.number()).maybe_help(e.help.clone())
}
