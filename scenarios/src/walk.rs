//! The life of one packet: what the kernels' witnesses wrote down, as rows.

use crate::outcome::{Hop, Journey, JourneyHead, Row};
use sim_core::time::{Span, Time};
use sim_models::{
    kernel::{
        At,
        observe::{Step, StepKind},
    },
    packet::FrameId,
    world::World,
};

/// One step with the host that it happened on.
struct Seen<'a> {
    host: usize,
    step: &'a Step,
}

/// Turns what `world` recorded of the followed packet into a journey. `place` gives the scenario line of a request.
/// With `all`, the packets that it caused (ARP, answers) are shown, too. `None` if nothing was recorded.
pub fn journey(world: &World, all: bool, place: &dyn Fn(usize, u32) -> Option<String>) -> Option<Journey> {
    let packet = world.followed().unwrap_or_default();
    tell(world, &steps(world, |_| true), all, packet, place)
}

/// The same of one of several that were followed: the steps that are its `own`.
pub fn journey_of(
    world: &World,
    own: impl Fn(&Step) -> bool,
    place: &dyn Fn(usize, u32) -> Option<String>,
) -> Option<Journey> {
    let steps = steps(world, own);
    let tag = steps.first()?.1.tag;
    let mut frames = world.hosts.iter().flat_map(|h| &h.cx.obs.also_followed);
    let packet = frames.find(|f| f.payload.tag == tag).map(ToString::to_string);
    tell(world, &steps, true, packet.unwrap_or_default(), place)
}

/// Every step of the walk that is wanted, with its host, in order of time.
pub fn steps(world: &World, own: impl Fn(&Step) -> bool) -> Vec<(usize, &Step)> {
    let hosts = world.hosts.iter().enumerate();
    let all = hosts.flat_map(|(host, h)| h.cx.obs.walk.iter().map(move |step| (host, step)));
    let mut steps: Vec<(usize, &Step)> = all.filter(|(_, s)| own(s)).collect();
    steps.sort_by_key(|(host, s)| (s.time, *host));
    steps
}

fn tell(
    world: &World,
    steps: &[(usize, &Step)],
    all: bool,
    packet: String,
    place: &dyn Fn(usize, u32) -> Option<String>,
) -> Option<Journey> {
    let seen: Vec<Seen> = steps.iter().map(|(host, step)| Seen { host: *host, step }).collect();
    let first = seen.first()?.step;
    let (main, begin) = (first.frame, first.time);
    let other = seen.iter().map(|s| s.step.frame).find(|f| *f != main);
    let mut t = Teller::new(world, begin, place);
    for s in seen.iter().filter(|s| all || s.step.frame == main) {
        t.tell(s);
    }
    t.flush();
    let head = JourneyHead { packet, ..t.head(main, &seen) };
    let mut notes = std::mem::take(&mut t.notes);
    if other.is_some() && !all {
        notes.push(("also".to_owned(), "packets that this one caused are left out: --all shows them".to_owned()));
    }
    Some(Journey { head, rows: t.rows, notes })
}

struct Teller<'a> {
    world: &'a World,
    begin: Time,
    place: &'a dyn Fn(usize, u32) -> Option<String>,
    rows: Vec<Row>,
    /// The hop that later notes belong to.
    open: Option<Hop>,
    host: Option<usize>,
    tables: String,
    sent: Option<(Time, String)>,
    work: u64,
    wire: u64,
    end: Time,
    notes: Vec<(String, String)>,
}

impl<'a> Teller<'a> {
    fn new(world: &'a World, begin: Time, place: &'a dyn Fn(usize, u32) -> Option<String>) -> Self {
        Teller {
            world,
            begin,
            place,
            rows: vec![],
            open: None,
            host: None,
            tables: String::new(),
            sent: None,
            work: 0,
            wire: 0,
            end: begin,
            notes: vec![],
        }
    }

    fn since(&self, t: Time) -> u64 {
        t.since(self.begin).ps()
    }

    /// "h1/root", "eth0"
    fn names(&self, s: &Seen) -> (String, String) {
        let h = &self.world.hosts[s.host];
        match h.kernel.devs.name_of(s.step.dev) {
            Some((_, port)) if h.switch().is_some() => (h.name.clone(), port.to_owned()),
            Some((ns, dev)) => (format!("{}/{}", h.name, h.kernel.net(ns).name), dev.to_owned()),
            None => (h.name.clone(), "-".to_owned()),
        }
    }

    fn flush(&mut self) {
        if let Some(h) = self.open.take() {
            self.rows.push(Row::Hop(h));
        }
    }

    fn tell(&mut self, s: &Seen) {
        self.end = self.end.max(s.step.time);
        match &s.step.what {
            StepKind::Hop { at, cost, cpu } => self.hop(s, *at, cost.ps(), *cpu),
            StepKind::Note { text, origin } => self.note(s, text, *origin),
            StepKind::Landed => self.landed(s),
            StepKind::Switched { text, left, .. } => {
                self.flush();
                let (name, port) = self.names(s);
                let text = format!("store and forward, {text}");
                self.rows.push(Row::Note { name: format!("switch {name}"), text, place: None });
                self.wire += left.since(s.step.time).ps();
                self.sent = Some((*left, format!("{name}/{port}")));
            }
            StepKind::Drop { reason, at } => {
                self.flush();
                let text = format!("{}: {}", at.name(), reason.doc());
                self.rows.push(Row::Drop {
                    at_ps: self.since(s.step.time),
                    reason: reason.name().into(),
                    text,
                    place: None,
                });
            }
            StepKind::Consumed | StepKind::Delivered => self.flush(),
        }
    }

    fn hop(&mut self, s: &Seen, at: At, cost: u64, cpu: u32) {
        self.flush();
        let (tables, dev) = self.names(s);
        if self.host != Some(s.host) {
            let context = if matches!(at, At::NapiPoll) { "softirq" } else { "system call" };
            let host = self.world.hosts[s.host].name.clone();
            self.rows.push(Row::Host { host, cpu, context: context.into(), tables: tables.clone() });
            self.host = Some(s.host);
        } else if self.tables != tables {
            let text = format!("skb->dev = {dev}; route and priority forgotten");
            self.rows.push(Row::Switch { from: self.tables.clone(), to: tables.clone(), text });
        }
        self.tables.clone_from(&tables);
        self.work += cost;
        let end = s.step.time + sim_core::time::Span::from_ps(cost);
        self.end = self.end.max(end);
        if at == At::PhyXmit {
            self.sent = Some((end, format!("{tables}/{dev}")));
        }
        let text = if shows_device(at) { dev } else { String::new() };
        let at_ps = self.since(s.step.time);
        self.open = Some(Hop { at_ps, cost_ps: cost, tables, cpu, name: at.name().into(), text, place: None });
    }

    fn note(&mut self, s: &Seen, text: &str, origin: Option<u32>) {
        let place = origin.and_then(|o| (self.place)(s.host, o));
        // The first remark stands on the hop's own line.
        if let Some(h) = self.open.take_if(|h| h.place.is_none() && (h.text.is_empty() || !h.text.contains(' '))) {
            let joined = if h.text.is_empty() { text.to_owned() } else { format!("{}  {text}", h.text) };
            self.rows.push(Row::Hop(Hop { text: joined, place, ..h }));
            return;
        }
        self.flush();
        self.rows.push(if let Some(asked) = text.strip_prefix("? ") {
            Row::Ask { text: asked.to_owned(), place }
        } else if let Some(changed) = text.strip_prefix("≈ ") {
            let (what, text) = changed.split_once(' ').unwrap_or((changed, ""));
            Row::Rewrite { what: what.into(), text: text.into() }
        } else {
            Row::Note { name: String::new(), text: text.to_owned(), place }
        });
    }

    fn landed(&mut self, s: &Seen) {
        self.flush();
        let (tables, dev) = self.names(s);
        let Some((left, from)) = self.sent.take() else { return };
        let cost = s.step.time.since(left).ps();
        self.wire += cost;
        let at_ps = self.since(left);
        let delay = self.world.delay_into(s.host, s.step.dev).unwrap_or(Span::ZERO);
        let line = Span::from_ps(cost.saturating_sub(delay.ps()));
        let text = if line == Span::ZERO { format!("delay {delay}") } else { format!("line {line} + delay {delay}") };
        self.rows.push(Row::Wire { at_ps, cost_ps: cost, from, to: format!("{tables}/{dev}"), text, place: None });
    }

    /// What became of the packet, and where its time went.
    fn head(&self, main: FrameId, seen: &[Seen]) -> JourneyHead {
        let mine = || seen.iter().filter(|s| s.step.frame == main);
        let delivered = mine().rfind(|s| matches!(s.step.what, StepKind::Delivered));
        let dropped = mine().find(|s| matches!(s.step.what, StepKind::Drop { .. }));
        let consumed = mine().rfind(|s| matches!(s.step.what, StepKind::Consumed));
        let (verdict, at) = match (delivered, dropped, consumed) {
            (Some(s), _, _) => ("DELIVERED".to_owned(), Some(s)),
            (None, Some(s), _) => match s.step.what {
                StepKind::Drop { reason, .. } => (format!("DROPPED {}", reason.name()), Some(s)),
                _ => (String::new(), None),
            },
            // An echo request is used up by the kernel itself, which answers it.
            (None, None, Some(s)) if answered(seen) => ("ANSWERED".to_owned(), Some(s)),
            (None, None, Some(s)) => ("CONSUMED".to_owned(), Some(s)),
            (None, None, None) => ("IN FLIGHT".to_owned(), mine().next_back()),
        };
        let place = at.map(|s| {
            let (tables, dev) = self.names(s);
            match s.step.what {
                StepKind::Drop { at, .. } => format!("{tables}, {}", at.name()),
                _ => format!("{tables}/{dev}"),
            }
        });
        let end = at.map_or(self.end, |s| s.step.time);
        let total = end.since(self.begin).ps();
        JourneyHead {
            packet: String::new(),
            verdict,
            place: place.unwrap_or_default(),
            total_ps: total,
            work_ps: self.work,
            wire_ps: self.wire,
            wait_ps: total.saturating_sub(self.work + self.wire),
        }
    }
}

/// Did the kernel send an echo reply of its own?
fn answered(seen: &[Seen]) -> bool {
    seen.iter().any(|s| matches!(s.step.what, StepKind::Hop { at: At::IcmpReply, .. }))
}

/// Hops whose line names the device.
fn shows_device(at: At) -> bool {
    matches!(
        at,
        At::DevQueueXmit
            | At::VethXmit
            | At::LoopbackXmit
            | At::BrDevXmit
            | At::PhyXmit
            | At::DummyXmit
            | At::NetifRx
            | At::NapiPoll
            | At::NetifReceiveSkb
            | At::BrForward
            | At::BrPassFrameUp
    )
}

impl Journey {
    /// One short line a row, for snapshots: no times beyond the total, so that a new cost profile changes little.
    pub fn lines(&self) -> Vec<String> {
        let mut out = vec![format!("{}  {}  {}", self.head.packet, self.head.verdict, self.head.place)];
        for r in &self.rows {
            out.push(match r {
                Row::Hop(h) if h.text.is_empty() => format!("  {}", h.name),
                Row::Hop(h) => format!("  {:<18}  {}", h.name, h.text),
                Row::Ask { text, .. } => format!("  {:<18}  ? {text}", ""),
                Row::Rewrite { what, text } => format!("  {:<18}  ≈ {what} {text}", ""),
                Row::Note { text, .. } => format!("  {:<18}  {text}", ""),
                Row::Switch { from, to, .. } => format!("═ {from} ⇒ {to}"),
                Row::Host { cpu, tables, .. } => format!("═ {tables}, cpu {cpu}"),
                Row::Wire { from, to, .. } => format!("~ wire {from} to {to}"),
                Row::Drop { reason, text, .. } => format!("✖ {reason}  {text}"),
            });
        }
        out
    }
}
