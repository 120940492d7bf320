//! One run, and all of them in parallel.

use crate::{
    build::{self, Built, carry_out},
    campaign::Campaign,
    cure::{self, Remedy},
    diagnostic::{Diagnostic, arrange},
    expect,
    followed::{self, Wanted},
    load,
    names::{Names, NsRef},
    outcome::{Answer, Batch, HostLog, Journey, LogLine, PointOutcome, RunOutcome, ScenarioOutcome},
    plan::Plan,
    profile,
    spec::Scenario,
    state, steps, topology,
    traffic::{self, Sender},
    walk,
    warmup::{self, Cut},
};
use rayon::prelude::*;
use sim_core::time::{Span, Time};
use sim_models::{
    kernel::boot,
    world::{Host, World},
};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Events of a run at most: an endless one ends with an error.
const MAX_EVENTS: u64 = 4_000_000_000;
/// Virtual time of a run that does not say its duration, at most.
const MAX_TIME: Time = Time::from_ps(3_600 * sim_core::time::PS_PER_S);
/// How long packets that are still on their way are waited for.
const LINGER: Span = Span::from_s(60);
/// The clock is looked at so often, at least, to see whether all is done.
const GLANCE: Span = Span::from_ms(1);

/// Of the first so many points of a scenario messages are followed.
const FOLLOWED_POINTS: usize = 64;

/// Which packet is followed: flow number from 1, packet number from 0.
type Follow = (u32, u32);

/// A run that is over, its world still standing.
pub(crate) struct Played {
    pub(crate) scenario: Scenario,
    pub(crate) built: Built,
    pub(crate) ended: Time,
    answers: Vec<Answer>,
    fault: Option<String>,
}

/// Builds the world of a point, runs it, and tells what happened. `texts`: with the walk and the final tables.
/// `threads`: so many may work on this one run, where it has hosts that are joined by cables with delay.
///
/// # Errors
/// A kernel refuses something of the setup or the timeline.
pub fn simulate(
    plan: &Plan,
    point: usize,
    seed: u64,
    texts: bool,
    threads: usize,
) -> Result<RunOutcome, Vec<Diagnostic>> {
    simulated(plan, point, seed, texts, threads, false)
}

/// `follow`: with the messages that stand for percentiles and losses, followed through a second run.
fn simulated(
    plan: &Plan,
    point: usize,
    seed: u64,
    texts: bool,
    threads: usize,
    follow: bool,
) -> Result<RunOutcome, Vec<Diagnostic>> {
    let how = How { follow: texts.then_some((1, 0)), threads, ..How::default() };
    let cuts = warmup::cuts(plan, point, seed, &how)?;
    let how = How { cuts: Some(&cuts), ..how };
    let mut p = play(plan, point, seed, &how)?;
    if p.fault.is_some() && threads > 1 {
        // Where a budget ends a run depends on who got how far: the answer is that of one thread.
        p = play(plan, point, seed, &How { threads: 1, ..how })?;
    }
    let names = Names::new(&p.scenario);
    let mut outcome = state::outcome(&names, &p.scenario, &p.built.world, seed, p.ended);
    warmup::tell(&p.scenario, &p.built.world, &cuts, &mut outcome.flows);
    outcome.fault = p.fault.take().or_else(|| p.built.world.check_laws().err());
    if texts {
        let place = |host, origin| p.built.places.line(host, origin);
        let journey = walk::journey(&p.built.world, false, &place);
        outcome.walk_text = journey.map(|j| j.lines().join("\n")).unwrap_or_default();
        outcome.state_text = state::tables(&p.built.world, p.ended) + &state::refusals(&p.answers);
        let steps = p.scenario.timeline.iter();
        let mut steps: Vec<(u64, String)> =
            steps.map(|s| (s.at.value.0.ps(), format!("{}: {}", s.r#in.value, s.run.value))).collect();
        steps.sort_by_key(|s| s.0);
        outcome.timeline = steps;
        if point == 0 {
            outcome.topology = Some(Box::new(topology::topology(&p.scenario, &p.built)));
        }
    }
    outcome.answers = std::mem::take(&mut p.answers);
    if follow && outcome.fault.is_none() {
        let (wanted, note) = followed::wanted(&p.built.world, &outcome);
        outcome.not_followed = note;
        let flows: Vec<String> = p.scenario.traffic.names().map(str::to_owned).collect();
        // One world at a time.
        drop(p);
        if !wanted.is_empty() {
            let again = play(plan, point, seed, &How { also: &wanted, ..How::default() })?;
            let place = |host, origin| again.built.places.line(host, origin);
            outcome.followed = followed::seen(&again.built.world, &wanted, &flows, &place);
        }
    }
    Ok(outcome)
}

/// The life of one packet: of the flow called `flow` (the first if `None`), number `packet` from 0, in the first seed's
/// run of a point. `None`: there was no such packet.
///
/// # Errors
/// There is no such flow; a kernel refuses something.
pub fn follow(
    plan: &Plan,
    point: usize,
    flow: Option<&str>,
    packet: u32,
    all: bool,
) -> Result<Option<Journey>, Vec<Diagnostic>> {
    let p = played(plan, point, flow, packet, &Typed::default())?;
    let place = |host, origin| p.built.places.line(host, origin);
    Ok(walk::journey(&p.built.world, all, &place))
}

/// Commands besides the scenario's, when they are typed, and an end before the scenario's.
#[derive(Clone, Copy, Default)]
pub(crate) struct Typed<'r> {
    pub remedies: &'r [Remedy],
    pub at: Time,
    pub stop: Option<Time>,
}

/// A run of which one packet was followed, its world still standing.
pub(crate) struct Watched {
    pub built: Built,
    /// Of the followed packet, from 0.
    pub flow: usize,
    /// Whether each message of it wants an answer.
    pub asks: bool,
    /// Where it is sent to, if the scenario names an address.
    pub target: Option<u32>,
    /// There is a timeline.
    pub changes_later: bool,
    pub fault: Option<String>,
}

/// The first address of a namespace that is not a loopback's.
fn first_address(world: &World, at: NsRef) -> Option<u32> {
    let k = &world.hosts[at.host].kernel;
    let net = k.nets.get(at.ns)?;
    let mut real = net.devs.iter().filter(|d| !k.devs[**d].is_loopback()).flat_map(|d| net.addrs.on(*d));
    real.next().map(|a| a.local)
}

/// Plays a point with the first seed and follows a packet; besides what is `typed`.
pub(crate) fn played(
    plan: &Plan,
    point: usize,
    flow: Option<&str>,
    packet: u32,
    typed: &Typed,
) -> Result<Watched, Vec<Diagnostic>> {
    let source = plan.points[point].source(&plan.source);
    let scenario = load::read(&source)?;
    let names: Vec<String> = scenario.traffic.names().map(str::to_owned).collect();
    let flow = match flow {
        None => 0,
        Some(f) => names.iter().position(|n| n == f).ok_or_else(|| {
            let d = Diagnostic::of_file(&plan.source.path, format!("there is no flow `{f}`"));
            vec![d.maybe_help(crate::diagnostic::did_you_mean(f, names.iter().map(String::as_str)))]
        })?,
    };
    let seed = plan.seeds.first().copied().unwrap_or(1);
    let follow = Some((flow as u32 + 1, packet));
    let p = play(plan, point, seed, &How { follow, typed: *typed, ..How::default() })?;
    let traffic = scenario.traffic.iter().nth(flow).map(|(_, t)| t);
    let asks = traffic.is_some_and(|t| t.measure() == "round trip");
    let target = traffic.and_then(|t| match (t.address(), t.to()) {
        (Some((address, _)), _) => Some(address),
        (None, to) => first_address(&p.built.world, Names::new(&scenario).ns(to.first()?).ok()?),
    });
    let changes_later = scenario.timeline.iter().next().is_some();
    Ok(Watched { built: p.built, flow, asks, target, changes_later, fault: p.fault })
}

/// What each host's kernel says while it boots and is set up; with `follow` also in the first seed's run.
///
/// # Errors
/// A kernel refuses something.
pub fn boot(plan: &Plan, point: usize, follow: bool) -> Result<Vec<HostLog>, Vec<Diagnostic>> {
    let seed = plan.seeds.first().copied().unwrap_or(1);
    let mut world = empty_world(plan, point, seed)?;
    world.keep_log = true;
    if follow {
        return play_in(world, plan, point, &How::default()).map(|p| logs(&p.built));
    }
    let source = plan.points[point].source(&plan.source);
    build::build_in(world, &source, &load::read(&source)?).map(|built| logs(&built))
}

fn logs(built: &Built) -> Vec<HostLog> {
    let hosts = built.world.hosts.iter().enumerate().filter(|(_, h)| h.switch().is_none());
    let of = |(i, h): (usize, &Host)| {
        let place = |origin: Option<u32>| built.places.line(i, origin?);
        let line = |l: &boot::Line| LogLine {
            uptime_ps: l.uptime.ps(),
            ours: l.ours,
            text: l.text.clone(),
            place: place(l.origin),
        };
        HostLog {
            host: h.name.clone(),
            zero_ps: boot::uptime_at_zero(h.kernel.hz).ps(),
            lines: h.kernel.log.lines().into_iter().map(line).collect(),
            lost: h.kernel.log.lost(),
        }
    };
    hosts.map(of).collect()
}

fn empty_world(plan: &Plan, point: usize, seed: u64) -> Result<World, Vec<Diagnostic>> {
    let source = plan.points[point].source(&plan.source);
    let scenario = load::read(&source)?;
    let costs = profile::load(scenario.profile_name()).map_err(|e| vec![Diagnostic::of_file(&source.path, e)])?;
    Ok(World::new(costs, seed))
}

/// How a run is played.
pub(crate) struct How<'w> {
    /// The packet that is followed.
    pub(crate) follow: Option<Follow>,
    /// Messages to follow besides; the run ends when the last of them is over.
    pub(crate) also: &'w [Wanted],
    /// How many threads may work on it.
    pub(crate) threads: usize,
    /// What is left out at the beginning of each flow; `None`: that is to be found out.
    pub(crate) cuts: Option<&'w [Cut]>,
    pub(crate) typed: Typed<'w>,
}

impl Default for How<'_> {
    fn default() -> Self {
        How { follow: None, also: &[], threads: 1, cuts: Some(&[]), typed: Typed::default() }
    }
}

pub(crate) fn play(plan: &Plan, point: usize, seed: u64, how: &How) -> Result<Played, Vec<Diagnostic>> {
    play_in(empty_world(plan, point, seed)?, plan, point, how)
}

fn play_in(world: World, plan: &Plan, point: usize, how: &How) -> Result<Played, Vec<Diagnostic>> {
    let source = plan.points[point].source(&plan.source);
    let scenario = load::read(&source)?;
    let mut built = build::build_in(world, &source, &scenario)?;
    built.world.max_events = MAX_EVENTS;
    for h in &mut built.world.hosts {
        h.cx.obs.follow = how.follow;
    }
    let stop = (!how.also.is_empty()).then(|| followed::ask(&mut built.world, how.also)).or(how.typed.stop);
    let (ended, answers, fault) = {
        let names = Names::new(&scenario);
        let senders = traffic::start(&names, &scenario, &mut built.world);
        warmup::prepare(&mut built.world, how.cuts);
        built.world.set_threads(how.threads);
        let mut clock = Clock {
            names: &names,
            built: &mut built,
            senders,
            now: Time::ZERO,
            answers: Vec::new(),
            fault: None,
            stop,
            typed: how.typed,
            cured: false,
        };
        let steps = steps::steps(&source, &names, &scenario)?;
        clock.run(&scenario, &steps)?;
        (clock.now, clock.answers, clock.fault)
    };
    Ok(Played { scenario, built, ended, answers, fault })
}

/// What kernels refuse of the setup, at every point of a plan; nothing is run.
pub fn try_build(plan: &Plan) -> Vec<Diagnostic> {
    let mut mistakes = Vec::new();
    for point in &plan.points {
        let source = point.source(&plan.source);
        let built = load::read(&source).and_then(|scenario| {
            let costs = profile::load(scenario.profile_name());
            let costs = costs.map_err(|e| vec![Diagnostic::of_file(&source.path, e)])?;
            build::build(&source, &scenario, costs, 1)
        });
        mistakes.extend(built.err().into_iter().flatten());
    }
    mistakes
}

/// Drives a world to its end.
struct Clock<'b> {
    names: &'b Names<'b>,
    built: &'b mut Built,
    senders: Vec<Sender>,
    /// Everything before this has happened.
    now: Time,
    answers: Vec<Answer>,
    fault: Option<String>,
    /// It may end earlier than the scenario says.
    stop: Option<Time>,
    typed: Typed<'b>,
    /// What is typed has been carried out; steps of the timeline may be in conflict with it.
    cured: bool,
}

impl Clock<'_> {
    fn run(&mut self, s: &Scenario, steps: &[steps::Step]) -> Result<(), Vec<Diagnostic>> {
        let end = s.duration.as_ref().map(|d| Time::ZERO + d.value.0);
        let end = [end, self.stop].into_iter().flatten().min();
        for step in steps.iter().filter(|step| end.is_none_or(|end| step.at < end)) {
            self.remedy(step.at);
            self.until(step.at);
            if self.fault.is_some() {
                return Ok(());
            }
            self.take(step)?;
        }
        self.remedy(Time::MAX);
        match end {
            Some(end) => self.until(end),
            None => self.drain(),
        }
        Ok(())
    }

    /// Carries out the remedies if their time comes before `t`.
    fn remedy(&mut self, t: Time) {
        let Typed { at, remedies, .. } = self.typed;
        if at < t && !remedies.is_empty() && !self.cured {
            self.cured = true;
            self.until(at);
            if let Err(why) = cure::carry_out(self.built, at, remedies) {
                self.fault.get_or_insert(why);
            }
        }
    }

    fn until(&mut self, t: Time) {
        if self.fault.is_some() || t <= self.now {
            return;
        }
        match self.built.world.run_until(t) {
            Ok(()) => self.now = t,
            Err(e) => {
                self.now = e.at;
                self.fault = Some(e.to_string());
            }
        }
    }

    /// One step of the timeline, at its time.
    fn take(&mut self, step: &steps::Step) -> Result<(), Vec<Diagnostic>> {
        let Built { world, places } = &mut *self.built;
        let host = &mut world.hosts[step.host];
        let names = self.names;
        let answers = &mut self.answers;
        let cured = self.cured;
        host.at(step.at, |k, cx| {
            for p in &step.asked {
                cx.origin = places.add(step.host, p);
                match carry_out(k, cx, &p.ns, &p.act) {
                    Err(why) if !step.may_fail && !cured => {
                        return Err(vec![build::refusal(places.source(), names, p, &why)]);
                    }
                    answer if step.may_fail => answers.push(Answer {
                        at_ps: step.at.ps(),
                        place: names.path(p.at),
                        asked: build::asked(&p.act),
                        refusal: answer.err(),
                    }),
                    _ => {}
                }
            }
            Ok(())
        })
    }

    /// Until all is sent and nothing is on its way any more.
    fn drain(&mut self) {
        let planned = self.senders.iter().filter_map(|s| s.last).max().unwrap_or(self.now);
        self.until(planned.min(MAX_TIME));
        while self.fault.is_none() && !self.all_sent() && self.now < MAX_TIME {
            // The longer it takes, the longer the steps.
            let step = GLANCE.max(Span::from_ps(self.now.ps() / 16));
            self.until((self.now + step).min(MAX_TIME));
        }
        let last = self.now + LINGER;
        while self.fault.is_none() && self.now < last && self.built.world.ledger().1 > 0 {
            self.until((self.now + GLANCE).min(last));
        }
    }

    fn all_sent(&self) -> bool {
        let done = |s: &Sender| self.built.world.hosts[s.host].kernel.tasks.is_done(s.task);
        self.built.world.head() == Time::MAX || self.senders.iter().all(done)
    }
}

/// Runs everything of all plans on `jobs` threads. Results stand in the order of the plans, points and seeds, whoever
/// was first; `progress` is told after each run (done, all). As many worlds exist at a time as there are threads.
///
/// # Errors
/// What kernels refused, in all runs.
pub fn run_all(
    plans: &[Plan],
    jobs: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Batch, Vec<Diagnostic>> {
    let runs: Vec<(usize, usize, usize)> = plans
        .iter()
        .enumerate()
        .flat_map(|(f, plan)| (0..plan.points.len()).flat_map(move |p| (0..plan.seeds.len()).map(move |s| (f, p, s))))
        .collect();
    let campaign = Campaign::new(plans);
    let done = AtomicUsize::new(0);
    // Threads that no run of its own is there for.
    let threads = jobs / runs.len().max(1);
    let one = |&(f, p, s): &(usize, usize, usize)| {
        let first = s == 0;
        let follow = first && p < FOLLOWED_POINTS;
        let result = simulated(&plans[f], p, plans[f].seeds[s], first, threads.max(1), follow);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1, runs.len());
        result.map(|mut run| {
            campaign.take(f, p, first, &mut run);
            run
        })
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).build();
    let results: Vec<Result<RunOutcome, Vec<Diagnostic>>> = match pool {
        Ok(pool) => pool.install(|| runs.par_iter().map(one).collect()),
        Err(_) => runs.iter().map(one).collect(),
    };
    let (mut good, mut bad) = (Vec::with_capacity(results.len()), Vec::new());
    for r in results {
        match r {
            Ok(outcome) => good.push(outcome),
            Err(mistakes) => bad.extend(mistakes),
        }
    }
    if !bad.is_empty() {
        arrange(&mut bad);
        return Err(bad);
    }
    let mut good = good.into_iter();
    let scenarios =
        plans.iter().enumerate().map(|(f, plan)| gather(plan, &mut good, &|p, runs| campaign.give(f, p, runs)));
    Ok(Batch { scenarios: scenarios.collect() })
}

/// Takes the runs of one file off the front, and judges each point.
fn gather(
    plan: &Plan,
    runs: &mut impl Iterator<Item = RunOutcome>,
    give: &dyn Fn(usize, &mut [RunOutcome]),
) -> ScenarioOutcome {
    let mut points = Vec::with_capacity(plan.points.len());
    for (p, point) in plan.points.iter().enumerate() {
        let mut runs: Vec<RunOutcome> = runs.take(plan.seeds.len()).collect();
        give(p, &mut runs);
        let verdicts = expect::judge(&point.source(&plan.source), point, &runs);
        points.push(PointOutcome { label: point.label.clone(), values: point.values.clone(), runs, verdicts });
    }
    let origin = profile::load(&plan.profile).map(|c| c.origin).unwrap_or_default();
    ScenarioOutcome {
        path: plan.source.path.clone(),
        title: plan.title.clone(),
        text: plan.source.text.clone(),
        profile: plan.profile.clone(),
        profile_origin: origin,
        points,
    }
}
