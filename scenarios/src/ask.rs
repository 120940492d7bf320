//! Questions to a simulated host: what `ip`, `bridge` and `sysctl` print there, at any time of a run.

use crate::{
    diagnostic::Diagnostic,
    iproute2::{Ask, Question},
    names::Names,
    plan::Plan,
    run::{self, How, Typed},
    values::Written,
};
use sim_core::time::{PS_PER_S, Span, Time};
use sim_models::{
    drivers::bridge,
    kernel::{
        Cx, Kernel, NsId,
        neigh::neigh_lines,
        route::{Get, route_get},
        show_addr::{dev_link_lines, ip_addr_lines},
        show_json,
        show_route::{ip_route_json, ip_route_lines},
        show_rule::ip_rule_lines,
        show_state, sysctl,
    },
};

/// What the tool prints: lines on standard output or standard error, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub out: Vec<String>,
    pub err: Vec<String>,
    pub code: u8,
}

/// A time of a run: "200ms".
///
/// # Errors
/// Why it is none.
pub fn time(text: &str) -> Result<Time, String> {
    <Span as Written>::parse(text).map(|s| Time::ZERO + s)
}

/// Asks namespace `place` (HOST/NS) of a plan's first point, with the first seed, at `at`; at the end of the run if
/// `None`.
///
/// # Errors
/// There is no such namespace; a kernel refuses something of the setup or of the timeline until then.
pub fn ask(plan: &Plan, place: &str, at: Option<Time>, question: &Question) -> Result<Answer, Vec<Diagnostic>> {
    let seed = plan.seeds.first().copied().unwrap_or(1);
    // Steps at the very end of a run are not taken, those at `at` are.
    let typed = Typed { stop: at.map(|t| t + Span::from_ps(1)), ..Typed::default() };
    let mut played = run::play(plan, 0, seed, &How { typed, ..How::default() })?;
    let names = Names::new(&played.scenario);
    let there = names.ns(place).map(|at| (at.host, names.net(at).name.to_owned()));
    let (host, ns) = there.map_err(|e| vec![Diagnostic::of_file(&plan.source.path, e.title)])?;
    let now = played.ended;
    Ok(played.built.world.hosts[host].at(now, |k, cx| match k.ns_by_name(&ns) {
        Some(id) => answer(k, cx, id, question),
        None => Answer { err: vec![format!("Cannot open network namespace \"{ns}\"")], code: 1, ..Answer::default() },
    }))
}

/// What the tool prints in `ns` now.
pub fn answer(k: &mut Kernel, cx: &mut Cx, ns: NsId, q: &Question) -> Answer {
    let ticks = u128::from(cx.clock.ps()) * u128::from(k.hz) / u128::from(PS_PER_S);
    let ticks = u64::try_from(ticks).unwrap_or(u64::MAX);
    let table = |rows: Vec<show_json::Json>| vec![show_json::table(rows)];
    let out = match (&q.ask, q.json) {
        (Ask::RouteGet(get, warning), json) => return got(k, cx, ns, get, warning.as_deref(), json),
        (Ask::Sysctl { key, bare }, _) => {
            return match sysctl::read(k, ns, key) {
                Ok(value) if *bare => Answer { out: vec![value], ..Answer::default() },
                Ok(value) => Answer { out: vec![format!("{key} = {value}")], ..Answer::default() },
                Err(e) => Answer { err: vec![e.to_string()], code: 255, ..Answer::default() },
            };
        }
        (Ask::Link, true) => table(show_state::ip_link_json(k, ns, q.details)),
        (Ask::Link, false) => k.net(ns).devs.iter().flat_map(|d| dev_link_lines(k, *d)).collect(),
        (Ask::Addr, true) => table(show_state::ip_addr_json(k, ns)),
        (Ask::Addr, false) => ip_addr_lines(k, ns),
        (Ask::Route(t), true) => table(ip_route_json(k, ns, *t)),
        (Ask::Route(t), false) => ip_route_lines(k, ns, *t),
        (Ask::Rule, true) => table(show_state::ip_rule_json(k, ns)),
        (Ask::Rule, false) => ip_rule_lines(k, ns),
        (Ask::Neigh, true) => table(show_state::ip_neigh_json(k, ns)),
        (Ask::Neigh, false) => neigh_lines(k, ns),
        (Ask::Fdb, true) => table(show_state::bridge_fdb_json(k, ns, ticks)),
        (Ask::Fdb, false) => bridge::fdb_lines(k, ns, ticks),
    };
    Answer { out, ..Answer::default() }
}

/// `ip route get`
fn got(k: &mut Kernel, cx: &mut Cx, ns: NsId, get: &Get, warning: Option<&str>, json: bool) -> Answer {
    let err = warning.map(str::to_owned).into_iter().collect();
    match route_get(k, cx, ns, get) {
        Ok(got) if json => Answer { out: vec![show_json::table([got.json(k, ns)])], err, code: 0 },
        Ok(got) => Answer { out: got.lines(k, ns), err, code: 0 },
        Err(e) => Answer { out: Vec::new(), err: err.into_iter().chain([e.to_string()]).collect(), code: 2 },
    }
}
