//! Hosts and the cables between them: carries frames from one kernel to another, and adds up what they saw.

use crate::{
    apps::{self, App},
    cost::Costs,
    cpu,
    drivers::phy,
    kernel::{
        Alarm, At, Cx, DevId, Errno, Flying, Kernel, Pool, RtnlError, SkBuff, boot, observe::Ledger, shortcut, timer,
    },
    packet::Tag,
    switch::{self, Switch},
};
use sim_core::{
    digest::Digest,
    engine::{self, Exhausted, Node, Sent, ThreadOf},
    parallel::Team,
    queue::{Pending, Queue},
    rng::Streams,
    time::{Rate, Span, Time},
};
use std::collections::VecDeque;

/// A host: its kernel, and what the kernel needs to run.
pub struct Host {
    pub name: String,
    pub kernel: Kernel,
    pub cx: Cx,
    inbound: Vec<Inbound>,
    /// This is no host but a box that sends frames on; its kernel only holds the ports.
    switch: Option<Box<Switch>>,
}

/// The receiving end of one direction of a cable: frames in flight, in order of arrival, and one alarm.
struct Inbound {
    dev: DevId,
    /// The one that arrives next, which the alarm is set for.
    next: Option<Flying>,
    /// Those behind it.
    rest: VecDeque<(Time, Flying)>,
}

/// Everything that is simulated together.
pub struct World {
    pub hosts: Vec<Host>,
    thread: Box<ThreadOf<Host>>,
    costs: std::sync::Arc<Costs>,
    seed: u64,
    /// How the hosts are spread over threads, where several work on it.
    team: Option<Team<Host>>,
    /// Hosts that are added keep a log (`dmesg`).
    pub keep_log: bool,
    /// Stop with an error after so many events.
    pub max_events: u64,
}

/// One end of a cable.
#[derive(Clone, Copy, Debug)]
pub struct End {
    pub host: usize,
    pub dev: DevId,
}

impl World {
    /// An empty world. All random streams derive from `seed`.
    pub fn new(costs: Costs, seed: u64) -> World {
        World {
            hosts: Vec::new(),
            thread: Box::default(),
            costs: costs.into(),
            seed,
            team: None,
            keep_log: false,
            max_events: u64::MAX,
        }
    }

    /// Boots a host. `hz`: ticks a second.
    pub fn add_host(&mut self, name: &str, cores: u32, hz: u32) -> usize {
        let number = self.hosts.len() as u32;
        let mut cx = Cx::new(number, hz, self.costs.clone(), Streams::new(self.seed));
        let mut kernel = Kernel::new(&mut cx, number, cores, hz);
        if self.keep_log {
            boot::keep(&mut kernel);
        }
        self.hosts.push(Host { name: name.to_owned(), kernel, cx, inbound: Vec::new(), switch: None });
        self.hosts.len() - 1
    }

    /// An external switch without ports. It counts among [`World::hosts`], where hosts should come first.
    pub fn add_switch(&mut self, name: &str, settings: switch::Settings) -> usize {
        let number = self.add_host(name, 1, 250);
        self.hosts[number].switch = Some(Box::new(Switch::new(settings)));
        number
    }

    /// One more port of a switch, for the end of a wire.
    ///
    /// # Errors
    /// The name is none, or is taken. EOPNOTSUPP: `on` is a host.
    pub fn add_port(&mut self, on: usize, name: &str, rate: Rate) -> Result<DevId, RtnlError> {
        let Host { kernel, cx, switch, .. } = &mut self.hosts[on];
        let switch = switch.as_mut().ok_or(RtnlError::new(Errno::EOPNOTSUPP))?;
        switch.add_port(kernel, cx, name, rate)
    }

    /// Plugs a cable between two physical NICs. `delay` is one way; the carrier comes up on both ends.
    pub fn wire(&mut self, a: End, b: End, delay: Span) {
        for (from, to) in [(a, b), (b, a)] {
            let there = self.hosts[to.host].inbound.len() as u32;
            self.hosts[to.host].inbound.push(Inbound { dev: to.dev, next: None, rest: VecDeque::new() });
            let h = &mut self.hosts[from.host];
            let wire = h.cx.outbound.len() as u32;
            h.cx.outbound.push(crate::kernel::Outbound { delay, to: to.host as u32, port: there, from: from.dev });
            phy::plug(&mut h.kernel, from.dev, wire, 0);
        }
        for end in [a, b] {
            let h = &mut self.hosts[end.host];
            crate::kernel::linkwatch::netif_carrier_on(&mut h.kernel, &mut h.cx, end.dev);
        }
    }

    /// Runs everything before `until`.
    ///
    /// # Errors
    /// A budget is used up: `max_events`, or too many events at one instant.
    pub fn run_until(&mut self, until: Time) -> Result<(), Exhausted> {
        for h in &mut self.hosts {
            // Time 0 is after boot and setup: what linkwatch has to do about them is done.
            crate::kernel::linkwatch::settle(&mut h.kernel, &mut h.cx);
            h.cx.queue.set_limit(self.max_events);
        }
        self.hand_over();
        let end = match &mut self.team {
            Some(team) => team.run(&mut self.hosts, &mut self.thread, until, self.max_events),
            None => engine::run(&mut self.hosts, &mut self.thread, until, self.max_events),
        };
        for h in &mut self.hosts {
            shortcut::settle(&mut h.kernel, &mut h.cx);
            apps::flow::settle(&mut h.cx);
        }
        end
    }

    /// Lets at most `threads` threads work on this world from now on: hosts that are joined by cables with delay run side
    /// by side. Results are the same for any number; after an error what the hosts have done beyond it is not.
    pub fn set_threads(&mut self, threads: usize) {
        self.team = Team::new(&self.hosts, threads);
    }

    /// From now on no step is taken without the queue and no packet takes a short way: to compare, since results are the
    /// same.
    pub fn take_no_shortcuts(&mut self) {
        for h in &mut self.hosts {
            h.cx.queue.set_inline(false);
            h.kernel.routes.switch_off();
        }
    }

    /// Everything is set up: gives back the room that growing tables left over.
    pub fn fit(&mut self) {
        for h in &mut self.hosts {
            h.kernel.devs.fit();
            h.kernel.nets.shrink_to_fit();
            for net in &mut h.kernel.nets {
                net.v4.fit();
                net.addrs.fit();
                net.devs.shrink_to_fit();
            }
            h.kernel.ns_names.shrink_to_fit();
        }
    }

    /// How long the cable into `dev` is, one way.
    pub fn delay_into(&self, host: usize, dev: DevId) -> Option<Span> {
        let port = self.hosts[host].inbound.iter().position(|i| i.dev == dev)?;
        let mut outbound = self.hosts.iter().flat_map(|h| &h.cx.outbound);
        outbound.find(|o| o.to as usize == host && o.port as usize == port).map(|o| o.delay)
    }

    /// The host and NIC at the other end of the cable that `dev` is plugged into.
    pub fn other_end(&self, host: usize, dev: DevId) -> Option<(usize, DevId)> {
        let out = self.hosts[host].cx.outbound.iter().find(|o| o.from == dev)?;
        let there = self.hosts.get(out.to as usize)?.inbound.get(out.port as usize)?;
        Some((out.to as usize, there.dev))
    }

    /// What hosts sent outside of a run (a request's gratuitous ARP) gets on its way.
    fn hand_over(&mut self) {
        for from in 0..self.hosts.len() {
            for s in std::mem::take(&mut self.hosts[from].cx.thread.out) {
                self.hosts[s.to as usize].receive(s, &mut self.thread.pending);
            }
        }
    }

    /// The time of the earliest pending event, [`Time::MAX`] if none.
    pub fn head(&self) -> Time {
        self.hosts.iter().map(|h| h.cx.thread.pending.head()).min().unwrap_or(Time::MAX).min(self.thread.pending.head())
    }

    /// The digest of all that happened: the hosts' digests in order.
    pub fn digest(&self) -> u64 {
        let mut d = Digest::default();
        for h in &self.hosts {
            d.absorb(h.cx.queue.digest().value());
            d.absorb(h.cx.obs.digest.value());
        }
        d.value()
    }

    /// Events taken so far.
    pub fn events(&self) -> u64 {
        self.hosts.iter().map(|h| h.cx.queue.taken()).sum()
    }

    /// Device crossings so far: frames received on a device.
    pub fn crossings(&self) -> u64 {
        self.hosts.iter().map(|h| h.cx.obs.hops[At::NetifReceiveSkb as usize]).sum()
    }

    /// Births, ends, and what is still on its way, over all hosts.
    pub fn ledger(&self) -> (Ledger, u64) {
        let mut sum = Ledger::default();
        for l in self.hosts.iter().map(|h| h.cx.obs.ledger) {
            sum.born += l.born;
            sum.landed += l.landed;
            sum.flown += l.flown;
            sum.delivered += l.delivered;
            sum.consumed += l.consumed;
            sum.dropped += l.dropped;
            sum.merged += l.merged;
        }
        (sum, self.hosts.iter().map(Host::in_flight).sum())
    }

    /// Flow and number of every message that is still on its way, sorted, once for each frame of it and each process that
    /// works on it.
    pub fn messages_in_flight(&self) -> Vec<(u32, u32)> {
        let mut all = Vec::new();
        for h in &self.hosts {
            h.each_message(&mut |tag| all.extend((tag.flow != 0).then_some((tag.flow, tag.seq))));
        }
        all.sort_unstable();
        all
    }

    /// The followed packet as tcpdump would print it.
    pub fn followed(&self) -> Option<String> {
        self.hosts.iter().find_map(|h| h.cx.obs.followed.as_ref()).map(ToString::to_string)
    }

    /// Law 2: every frame born is delivered, consumed, merged, dropped with a reason, or in flight; nothing waits
    /// without an alarm that will move it.
    ///
    /// # Errors
    /// What does not add up.
    pub fn check_laws(&self) -> Result<(), String> {
        let (l, in_flight) = self.ledger();
        let ended = l.delivered + l.consumed + l.dropped + l.merged + in_flight;
        if l.born != ended {
            return Err(format!(
                "conservation: {} frames were born, {ended} are accounted for ({l:?}, {in_flight} in flight)",
                l.born
            ));
        }
        for h in &self.hosts {
            if self.head() == Time::MAX && !h.kernel.cpus.iter().all(cpu::Cpu::is_idle) {
                return Err(format!("{}: a core has work but nothing will wake it", h.name));
            }
        }
        Ok(())
    }
}

impl Host {
    /// `None`: it is a host with a kernel that works.
    pub fn switch(&self) -> Option<&Switch> {
        self.switch.as_deref()
    }

    /// Frames that wait anywhere in this host, or fly towards it.
    pub fn in_flight(&self) -> u64 {
        let k = &self.kernel;
        let flying: usize = self.inbound.iter().map(|i| i.rest.len() + usize::from(i.next.is_some())).sum();
        flying as u64
            + k.cpus.iter().map(cpu::Cpu::waiting).sum::<u64>()
            + k.neigh4.waiting()
            + k.sockets.waiting()
            + k.devs.iter().map(|(d, _)| phy::waiting(k, d)).sum::<u64>()
            + k.nets.iter().map(|n| n.frags.waiting()).sum::<u64>()
    }

    /// What [`Host::in_flight`] counts, and what processes hold in their hands.
    fn each_message(&self, tell: &mut dyn FnMut(Tag)) {
        let k = &self.kernel;
        for i in &self.inbound {
            i.next.iter().chain(i.rest.iter().map(|(_, f)| f)).for_each(|f| tell(f.frame().payload.tag));
        }
        let each: &mut dyn FnMut(&SkBuff) = &mut |skb| tell(skb.frame.payload.tag);
        k.cpus.iter().for_each(|c| c.each_waiting(each));
        k.neigh4.each_waiting(each);
        k.sockets.each_waiting(each);
        k.devs.iter().for_each(|(d, _)| phy::each_waiting(k, d, each));
        k.nets.iter().for_each(|n| n.frags.each_waiting(each));
        k.tasks.apps().filter_map(App::holds).for_each(tell);
    }

    /// Runs `f` at virtual time `at`, which must not lie in the past, on core 0: a request from outside. Whatever it
    /// queues is worked on when the simulation goes on.
    pub fn at<T>(&mut self, at: Time, f: impl FnOnce(&mut Kernel, &mut Cx) -> T) -> T {
        self.cx.clock = at.max(self.cx.queue.now());
        self.cx.cpu = 0;
        let result = f(&mut self.kernel, &mut self.cx);
        let when = self.cx.clock.max(self.cx.queue.now());
        self.cx.set_alarm(when, Alarm::Script(0));
        result
    }

    /// One event.
    #[inline]
    fn dispatch(&mut self, now: Time, what: Alarm) {
        let (k, cx) = (&mut self.kernel, &mut self.cx);
        match what {
            Alarm::Wire(port) => {
                let i = &mut self.inbound[port as usize];
                let dev = i.dev;
                let Some(f) = land(i, cx, port) else { return };
                match &mut self.switch {
                    None => phy::frame(k, cx, dev, f),
                    Some(sw) => switch::frame(sw, k, cx, dev, f),
                }
            }
            Alarm::Cpu(on) => cpu::alarm(k, cx, on),
            Alarm::Wheel(on) => {
                if timer::alarm_is_due(k, cx, on, now) {
                    cpu::timer_irq(k, on);
                    cpu::kick(k, cx, on);
                }
            }
            Alarm::TxDone(slot) => {
                cx.clock = now;
                phy::tx_done(k, cx, slot);
            }
            Alarm::Task(t) => {
                if let Some(on) = apps::alarm(k, now, t) {
                    cpu::kick(k, cx, on);
                }
            }
            Alarm::Script(_) => {
                for on in 0..k.cpus.len() as u32 {
                    cpu::kick(k, cx, on);
                }
            }
        }
    }
}

/// The first frame in flight has arrived; the alarm of the next one is set.
#[inline]
fn land(i: &mut Inbound, cx: &mut Cx, port: u32) -> Option<Flying> {
    let frame = i.next.take()?;
    if let Some((at, behind)) = i.rest.pop_front() {
        i.next = Some(behind);
        cx.queue.message(&mut cx.thread.pending, at, port, Alarm::Wire(port));
    }
    Some(frame)
}

impl Node for Host {
    type Event = Alarm;
    type Message = Flying;
    type Shared = Pool;

    #[inline]
    fn parts(&mut self) -> (&mut Queue, &mut Box<ThreadOf<Host>>) {
        (&mut self.cx.queue, &mut self.cx.thread)
    }

    #[inline]
    fn run(&mut self, at: Time, what: Alarm, horizon: Time) {
        self.cx.horizon = horizon;
        self.dispatch(at, what);
    }

    #[inline]
    fn receive(&mut self, s: Sent<Flying>, pending: &mut Pending<Alarm>) {
        let i = &mut self.inbound[s.link as usize];
        if i.next.is_some() {
            return i.rest.push_back((s.at, s.message));
        }
        i.next = Some(s.message);
        pending.message(s.at, self.kernel.host, s.link, Alarm::Wire(s.link));
    }

    fn links(&self, tell: &mut dyn FnMut(u32, Span)) {
        for o in &self.cx.outbound {
            // The shortest frame, with preamble and gap.
            let frame = phy::rate(&self.kernel, o.from).map_or(Span::ZERO, |r: Rate| r.span_of(84));
            tell(o.to, o.delay + frame);
        }
    }

    fn weight(&self) -> u64 {
        1 + self.kernel.devs.iter().count() as u64
    }
}

#[cfg(test)]
mod facts_arp;
#[cfg(test)]
mod facts_forward;
#[cfg(test)]
mod facts_frag;
#[cfg(test)]
mod facts_host;
#[cfg(test)]
mod facts_icmp;
#[cfg(test)]
mod facts_kit;
#[cfg(test)]
mod facts_neigh;
#[cfg(test)]
mod facts_neigh_gc;
#[cfg(test)]
mod facts_route;
#[cfg(test)]
mod facts_sock;
#[cfg(test)]
pub(crate) mod tests;
