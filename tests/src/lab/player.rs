//! Plays a lab in the simulator: setup through the one door, then the actions one after the other in virtual time.

use super::{
    actions::{self, Action, PING_SIZE, Pmtu, Serve},
    frame::LabFrame,
    ping,
    raw::RawFrame,
    rules::{self, Counts, Rule},
    script::{Script, Setup, SetupKind},
    state::{self, Counters},
    trace::Trace,
};
use indexmap::IndexMap;
use scenarios::iproute2::{self, Op};
use serde_json::{Value, json};
use sim_core::time::{Span, Time};
use sim_models::{
    apps::{self, App, TaskId, ping::Event, tcp_connect::TcpConnect, udp_echo::UdpEcho, udp_once::UdpOnce, udp_sink},
    cost::Costs,
    drivers::bridge,
    kernel::{
        NsId, RtnlOp,
        observe::Captured,
        sock::{Options, PmtuDisc},
    },
    world::World,
};
use std::net::Ipv4Addr;

/// What the simulator did in a lab.
#[derive(Clone, Debug, Default)]
pub struct Played {
    pub trace: Trace,
    /// Namespace → its frames, all devices in one order.
    pub raw: IndexMap<String, Vec<RawFrame>>,
    /// How often each rule of the normalisation was used.
    pub counts: Counts,
    /// Of all events and all that became of packets.
    pub digest: u64,
}

/// Carrier changes have passed linkwatch, and the timers are past their first round.
const SETTLE: Span = Span::from_s(4);
const PAUSE: Span = Span::from_ms(30);
const PAUSE_SERVE: Span = Span::from_ms(50);
const PAUSE_END: Span = Span::from_ms(100);
/// No action of any lab takes longer.
const LONGEST: Span = Span::from_s(60);
/// How closely the end of an action is looked for.
const STEP: Span = Span::from_us(100);

/// Plays `script` on one host with the cost profile `costs`. `inline`: a core runs to completion where nothing else
/// comes first; else every step goes through the queue.
///
/// # Errors
/// What the simulator can't do, or refuses to: the line and why.
pub fn play(script: &Script, costs: Costs, inline: bool) -> Result<Played, String> {
    let mut stage = Stage::build(script, costs)?;
    stage.host().cx.queue.set_inline(inline);
    let before = stage.counters();
    stage.host().cx.obs.capture = Some(Vec::new());
    stage.host().kernel.tapped = true;
    let mut results = Vec::new();
    for line in &script.actions {
        let action = actions::parse(&line.text).map_err(|e| format!("line {}: {e}", line.line))?;
        let result = stage.act(&action).map_err(|e| format!("line {}: {e}", line.line))?;
        if let Some(result) = result {
            results.push((line.text.clone(), result));
        }
    }
    stage.pass(PAUSE_END)?;
    stage.world.check_laws()?;
    Ok(stage.finish(results, &before))
}

/// One host, its namespaces, and the time.
struct Stage {
    world: World,
    /// In order of their names, as a trace has them.
    namespaces: Vec<(String, NsId)>,
    now: Time,
    counts: Counts,
}

impl Stage {
    fn build(script: &Script, costs: Costs) -> Result<Stage, String> {
        let mut world = World::new(costs, 1);
        world.add_host("lab", 1, 250);
        let mut stage = Stage { world, namespaces: Vec::new(), now: Time::ZERO, counts: Counts::default() };
        for setup in &script.setup {
            stage.setup(setup).map_err(|e| format!("line {}: {e}", setup.line))?;
        }
        stage.namespaces.sort();
        stage.pass(SETTLE)?;
        Ok(stage)
    }

    fn host(&mut self) -> &mut sim_models::world::Host {
        &mut self.world.hosts[0]
    }

    fn ns(&self, name: &str) -> Result<NsId, String> {
        let found = self.namespaces.iter().find(|n| n.0 == name);
        found.map(|n| n.1).ok_or_else(|| format!("no namespace is called `{name}`"))
    }

    fn setup(&mut self, setup: &Setup) -> Result<(), String> {
        let now = self.now;
        match &setup.what {
            SetupKind::NewNs(name) => {
                let ns = self.host().at(now, |k, cx| k.new_ns(cx, name));
                self.namespaces.push((name.clone(), ns));
            }
            SetupKind::Run { ns, command } => {
                let ns = self.ns(ns)?;
                for c in iproute2::parse(command).map_err(|e| format!("`{command}`: {e}"))? {
                    let Op::Rtnl(op) = c.op else { return Err(format!("`{command}` is not for a namespace")) };
                    if let Some(pin) = pinned(&op) {
                        self.counts.add(pin, 1);
                        continue;
                    }
                    let done = self.host().at(now, |k, cx| k.rtnl(cx, ns, &op));
                    done.map_err(|e| format!("`{command}`: {e}"))?;
                }
            }
        }
        Ok(())
    }

    fn counters(&self) -> Vec<Counters> {
        let k = &self.world.hosts[0].kernel;
        self.namespaces.iter().map(|n| state::counters(k, n.1)).collect()
    }

    /// Lets `span` pass.
    fn pass(&mut self, span: Span) -> Result<(), String> {
        self.now += span;
        self.world.run_until(self.now).map_err(|e| e.to_string())
    }

    /// Starts a task now.
    fn spawn(&mut self, ns: &str, app: App) -> Result<TaskId, String> {
        let (ns, now) = (self.ns(ns)?, self.now);
        Ok(self.host().at(now, |k, cx| apps::spawn(k, cx, ns, 0, app, now)))
    }

    /// Runs a task to its end.
    fn run(&mut self, ns: &str, app: App) -> Result<TaskId, String> {
        let id = self.spawn(ns, app)?;
        self.wait(id)?;
        Ok(id)
    }

    fn wait(&mut self, id: TaskId) -> Result<(), String> {
        let end = self.now + LONGEST;
        while !self.host().kernel.tasks.is_done(id) {
            if self.now >= end {
                return Err("the action does not end".to_owned());
            }
            self.pass(STEP)?;
        }
        Ok(())
    }

    /// Carries out one action, with the pause that follows it.
    fn act(&mut self, action: &Action) -> Result<Option<Value>, String> {
        let (result, pause) = match action {
            Action::Sleep(span) => (None, *span),
            Action::Serve { ns, kind, addr, port } => {
                let addr = u32::from(*addr);
                let app = match kind {
                    Serve::Udp => App::UdpEcho(Box::new(UdpEcho::new(addr, *port, None))),
                    Serve::UdpSink => App::UdpSink(Box::new(udp_sink::UdpSink::new(addr, *port))),
                    Serve::Tcp => return Err("a TCP server is not modelled".to_owned()),
                };
                self.spawn(ns, app)?;
                (None, PAUSE_SERVE)
            }
            Action::Udp(udp) => (Some(self.udp(udp)?), PAUSE),
            Action::Tcp(tcp) => (Some(self.tcp(tcp)?), PAUSE),
            Action::Ping(ping) => (Some(self.ping(ping)?), PAUSE),
            Action::Together(pings) => {
                let mut ids = Vec::new();
                for ping in pings {
                    ids.push(self.spawn(&ping.ns, App::Ping(Box::new(pinger(ping))))?);
                }
                for id in ids {
                    self.wait(id)?;
                }
                (Some(silence()), PAUSE)
            }
            Action::FdbGone { ns, dev, text, every, tries } => {
                self.fdb_gone(ns, &format!(" dev {dev} "), text, *every, *tries)?;
                (Some(silence()), PAUSE)
            }
            Action::Sh { ns, command } => (Some(self.sh(ns, command)?), PAUSE),
        };
        self.pass(pause)?;
        Ok(result)
    }

    /// A command that only prints, as the shell of the lab shows it: `expires` is masked there.
    fn sh(&mut self, ns: &str, command: &str) -> Result<Value, String> {
        let words: Vec<String> =
            command.split('|').next().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
        let question = scenarios::iproute2::question(&words).map_err(|e| format!("`{command}`: {e}"))?;
        let (ns, now) = (self.ns(ns)?, self.now);
        let answer = self.host().at(now, |k, cx| scenarios::ask::answer(k, cx, ns, &question));
        let mask = |l: &String| {
            let words: Vec<&str> = l.split(' ').collect();
            let masked = words.iter().enumerate().map(|(i, w)| match i.checked_sub(1).map(|i| words[i]) {
                Some("expires") => "N",
                _ => w,
            });
            let line = masked.collect::<Vec<_>>().join(" ");
            // iproute2 leaves a blank at the end of a route's first line.
            if l.starts_with(' ') { line } else { line + " " }
        };
        let out: Vec<String> = answer.out.iter().map(mask).collect();
        Ok(json!({ "rc": answer.code, "out": out, "err": answer.err.join("\n") }))
    }

    fn udp(&mut self, a: &actions::Udp) -> Result<Value, String> {
        let ns = self.ns(&a.ns)?;
        let k = &self.world.hosts[0].kernel;
        let device = match &a.dev {
            Some(name) => Some(k.dev_by_name(ns, name).ok_or_else(|| format!("no device is called `{name}`"))?),
            None => None,
        };
        let opts = Options {
            broadcast: a.broadcast,
            reuseaddr: true,
            pmtudisc: match a.pmtu {
                Pmtu::Dont => PmtuDisc::Dont,
                Pmtu::Want => PmtuDisc::Want,
                Pmtu::Do => PmtuDisc::Do,
            },
            ttl: a.ttl,
            mark: a.mark.unwrap_or(0),
            device,
            ..Options::default()
        };
        let app = UdpOnce::new(endpoint(a.src), endpoint(a.dst), a.size, a.wait, opts);
        let id = self.run(&a.ns, App::UdpOnce(Box::new(app)))?;
        let Some(App::UdpOnce(done)) = self.world.hosts[0].kernel.tasks.app(id) else { return Err(LOST.into()) };
        let mut result = json!({});
        if let Some(sent) = done.sent {
            result["sent"] = sent.into();
        }
        if let Some(reply) = done.reply {
            result["reply"] = reply.into();
        }
        if let Some(error) = done.error {
            result["res"] = error.text().into();
        } else if done.timed_out {
            result["res"] = "timeout".into();
        }
        Ok(result)
    }

    fn tcp(&mut self, a: &actions::Tcp) -> Result<Value, String> {
        let app = TcpConnect::new(endpoint(a.dst), a.sport, a.wait);
        let id = self.run(&a.ns, App::TcpConnect(Box::new(app)))?;
        let Some(App::TcpConnect(done)) = self.world.hosts[0].kernel.tasks.app(id) else { return Err(LOST.into()) };
        match done.error {
            Some(error) => Ok(json!({ "res": error.text() })),
            None if done.timed_out => Ok(json!({ "res": "timeout" })),
            None => Err("a TCP connection is not modelled".to_owned()),
        }
    }

    fn ping(&mut self, a: &actions::Ping) -> Result<Value, String> {
        let begun = self.now;
        let id = self.run(&a.ns, App::Ping(Box::new(pinger(a))))?;
        let total = self.now.since(begun);
        let Some(App::Ping(done)) = self.world.hosts[0].kernel.tasks.app(id) else { return Err(LOST.into()) };
        if let Some(error) = done.error {
            return Ok(json!({ "rc": 2, "out": [], "err": format!("ping: connect: {}\n", error.text()) }));
        }
        let mut run = ping::Run {
            dst: a.dst,
            source: a.source,
            size: PING_SIZE,
            transmitted: done.sent,
            total,
            lines: Vec::new(),
        };
        for event in &done.events {
            run.lines.push(match *event {
                Event::Reply { from, seq, ttl, bytes, rtt } => {
                    ping::Line::Reply { from: from.into(), seq: seq.into(), ttl, bytes, rtt }
                }
                Event::Error(e) => {
                    let seq = done.sent;
                    ping::Line::Error { from: e.from.into(), seq, kind: e.kind, code: e.code, mtu: e.info }
                }
                Event::Send(_) => continue,
            });
        }
        let out = rules::ping(&run.output(), &mut self.counts);
        Ok(json!({ "rc": run.code(), "out": out, "err": "" }))
    }

    /// Looks at a device's entries of the forwarding database until none has `text` in it.
    fn fdb_gone(&mut self, ns: &str, dev: &str, text: &str, every: Span, tries: u32) -> Result<(), String> {
        let ns = self.ns(ns)?;
        for _ in 0..tries {
            let k = &self.world.hosts[0].kernel;
            let lines = bridge::fdb_lines(k, ns, state::ticks(k, self.now));
            if !lines.iter().any(|l| l.contains(dev) && l.contains(text)) {
                break;
            }
            self.pass(every)?;
        }
        Ok(())
    }

    fn finish(mut self, results: Vec<(String, Value)>, before: &[Counters]) -> Played {
        let captured = self.host().cx.obs.capture.take().unwrap_or_default();
        let digest = self.world.digest();
        let mut played = Played { counts: self.counts, digest, ..Played::default() };
        let k = &self.world.hosts[0].kernel;
        for ((name, ns), before) in self.namespaces.iter().zip(before) {
            let state = state::read(k, *ns, self.now, before, &mut played.counts);
            played.trace.state.insert(name.clone(), state);
        }
        for Captured { ns, dev, pkt_type, frame, .. } in &captured {
            let (ns, path) = (&k.net(*ns).name, k.path(*dev));
            let seen = LabFrame::of(*pkt_type, frame);
            let dev = path.rsplit('/').next().unwrap_or_default();
            let raw = RawFrame::of(dev, seen.dir.name(), frame);
            played.raw.entry(ns.clone()).or_default().push(raw);
            played.trace.frames.entry(path.clone()).or_default().push(seen);
        }
        played.counts.add(Rule::Unprinted, captured.len() as u64);
        played.trace.frames.sort_keys();
        played.trace.results = results;
        played
    }
}

/// What a shell gives that prints an empty line.
fn silence() -> Value {
    json!({ "rc": 0, "out": [""], "err": "" })
}

/// The task for one ping.
fn pinger(a: &actions::Ping) -> apps::ping::Ping {
    let mut app = apps::ping::Ping::new(0, a.dst.into(), a.count.into());
    app.src = a.source.map_or(0, u32::from);
    (app.id, app.size, app.interval, app.linger) = (a.id, PING_SIZE, a.interval, a.timeout);
    app.verbose = true;
    app
}

const LOST: &str = "the task is not what was started";

fn endpoint((addr, port): (Ipv4Addr, u16)) -> (u32, u16) {
    (addr.into(), port)
}

/// Settings that ask for what the simulator always has.
fn pinned(op: &RtnlOp) -> Option<Rule> {
    let RtnlOp::Sysctl { key, .. } = op else { return None };
    if key.starts_with("net.ipv6.") {
        Some(Rule::PinIpv6)
    } else if key.starts_with("net.bridge.bridge-nf-call-") {
        Some(Rule::PinBridgeNf)
    } else {
        None
    }
}
