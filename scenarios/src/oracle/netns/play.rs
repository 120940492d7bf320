//! One job on the kernel that this process runs on, in namespaces of its own: setup, settle, time 0, programs and
//! steps at their times, quiet, final tables.

use super::{
    apply::Tools,
    btf,
    drops::Drops,
    programs::Programs,
    spaces::{self, Spaces},
    state::{self, Counters},
    sys, wheel,
};
use crate::verify::job::{Ask, DropSeen, Job, Missing, Record, Seen, What};
use std::{collections::BTreeMap, fs::File, io, os::fd::OwnedFd};

const MS: i64 = 1_000_000;
/// Links settle within a second; linkwatch works at most once a second for what is not urgent.
const SETTLE_LIMIT: i64 = 4000 * MS;
const SETTLE_STEP: std::time::Duration = std::time::Duration::from_millis(2);
/// From settling to scenario time 0. In virtual time linkwatch has its second, and is as free as the simulator's.
const LEAD: i64 = MS;
const VIRTUAL_LEAD: i64 = 2000 * MS;
/// So long no frame is seen before the state is read.
const QUIET: i64 = 4 * MS;
/// So much longer than the simulator's end the kernel is waited for at most.
const OVERTIME: i64 = 2000 * MS;
/// Bytes kept of each frame: all headers, those of an ICMP error's quote, and the tag behind them.
const SNAP: usize = 160;

/// Whose kernel it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// The machine's: others use it, too, and time passes while anything works.
    Machine,
    /// One of our own in virtual time.
    Guest,
}

/// Plays `job` on the machine's kernel. To be called once in a process with one thread: it leaves the machine's
/// namespaces for good.
///
/// # Errors
/// Why it can't be played here.
pub fn play(job: &Job) -> Result<Record, Missing> {
    play_in(job, Ground::Machine)
}

/// Plays `job`, as [`play`] does.
///
/// # Errors
/// Why it can't be played here.
pub fn play_in(job: &Job, ground: Ground) -> Result<Record, Missing> {
    // Before this process is anybody else: only the machine's own root may watch drops.
    let drops = if job.drops { watch(job, ground) } else { Err("not asked for".to_owned()) };
    let initial = File::open("/proc/thread-self/ns/net").map_err(|e| Missing::KernelFeature(e.to_string()))?;
    spaces::leave()?;
    if ground == Ground::Machine {
        // A timer that sleeps longer than asked makes packets late.
        let cores = sys::cores();
        if let Some(core) = cores.get(std::process::id() as usize % cores.len().max(1)) {
            let _ = sys::pin(*core);
        }
    }
    if ground == Ground::Machine {
        // Whoever may not is slow on a busy machine.
        let _ = sys::prefer();
    }
    let initial = (ground == Ground::Guest).then(|| OwnedFd::from(initial));
    run(job, ground, drops, initial).unwrap_or_else(|e| Err(Missing::KernelFeature(e.to_string())))
}

fn watch(job: &Job, ground: Ground) -> Result<Drops, String> {
    let watched = match ground {
        Ground::Machine => job.layout.clone().map_or_else(btf::layout, Ok).and_then(|l| Drops::watch(&l)),
        Ground::Guest => Drops::counted(),
    };
    watched.map_err(|e| format!("drops can't be watched: {e}"))
}

/// Sees all frames of one namespace.
struct Tap {
    host: usize,
    ns: String,
    fd: OwnedFd,
    names: BTreeMap<i32, String>,
}

/// Everything that is going on.
struct Stage<'j> {
    job: &'j Job,
    spaces: Spaces,
    tools: Tools,
    taps: Vec<Tap>,
    record: Record,
    /// Scenario time 0 in both clocks.
    zero: i64,
    zero_real: i64,
    last_frame: i64,
}

fn run(
    job: &Job,
    ground: Ground,
    drops: Result<Drops, String>,
    initial: Option<OwnedFd>,
) -> io::Result<Result<Record, Missing>> {
    let spaces = Spaces::new(&job.hosts, initial)?;
    let oracle = match ground {
        Ground::Machine => "netns",
        Ground::Guest => "uml",
    };
    let record = Record { oracle: oracle.to_owned(), release: sys::release(), config: config(), ..Record::default() };
    let mut s =
        Stage { job, spaces, tools: Tools::default(), taps: Vec::new(), record, zero: 0, zero_real: 0, last_frame: 0 };
    for ask in &job.setup {
        if let Some(missing) = s.ask(ask)? {
            return Ok(Err(missing));
        }
    }
    s.settle()?;
    let before = s.counters()?;
    let dropped_before = s.drops(drops.as_ref().ok())?;
    s.open_taps()?;
    let lead = if ground == Ground::Guest { VIRTUAL_LEAD } else { LEAD };
    // Only while time counts. Whoever may not is late on a busy machine: then two runs differ.
    let _ = sys::hurry();
    let ahead = sys::ahead();
    s.zero = wheel::edge(job.end_ns as i64, counts_seconds(job), sys::monotonic() + lead, ground);
    s.zero_real = s.zero + ahead;
    // The programs' sockets are open until their tables are read.
    let mut programs = Programs::new(&job.tasks)?;
    if let Some(missing) = s.perform(&mut programs)? {
        return Ok(Err(missing));
    }
    let _ = sys::calm();
    s.drain()?;
    match &drops {
        Ok(drops) => s.record.drops = Some(since(s.drops(Some(drops))?, &dropped_before)),
        Err(why) => s.record.no_drops.clone_from(why),
    }
    for (host, ns) in s.spaces.all() {
        let none = Counters::default();
        let before = before.get(&(host, ns.clone())).unwrap_or(&none);
        let space = state::read(&mut s.tools, &s.spaces, (host, &ns), before)?;
        s.record.spaces.push(space);
    }
    for tap in &s.taps {
        if sys::tap_lost(&tap.fd)? > 0 {
            return Ok(Err(Missing::KernelFeature("more frames than the capture could hold".to_owned())));
        }
    }
    s.record.pins = pins(job);
    s.record.late_ns = u64::try_from(programs.late).unwrap_or(0);
    s.record.flows = std::mem::take(&mut programs.flows);
    let record = std::mem::take(&mut s.record);
    // Closing packet sockets takes the kernel a quarter of a second: that is left to the end of the process, and whoever
    // waits for the record need not wait for it.
    std::mem::forget((s, programs, drops));
    Ok(Ok(record))
}

impl Stage<'_> {
    /// One request; why nothing can be compared, if the kernel lacks what it asks for.
    fn ask(&mut self, ask: &Ask) -> io::Result<Option<Missing>> {
        if let What::DelNs(name) = &ask.what {
            self.taps.retain(|t| (t.host, &t.ns) != (ask.host, name));
        }
        let answer = self.tools.ask(&mut self.spaces, ask)?;
        let missing = answer.as_deref().and_then(|text| lacking(&ask.what, text));
        self.record.answers.push(answer);
        Ok(missing)
    }

    fn settle(&mut self) -> io::Result<()> {
        self.sync()?;
        let limit = sys::monotonic() + SETTLE_LIMIT;
        for (host, ns) in self.spaces.with_switches() {
            self.spaces.enter(host, &ns)?;
            while !state::links()?.iter().all(state::Link::is_settled) && sys::monotonic() < limit {
                std::thread::sleep(SETTLE_STEP);
            }
            // UNKNOWN may be what it stays, or what linkwatch has not looked at yet: a question by name has it look.
            for link in state::links()?.into_iter().filter(|l| l.operstate == 0) {
                let what = What::Ip(format!("link show dev {}", link.name));
                self.tools.ask(&mut self.spaces, &Ask { host, ns: ns.clone(), what })?;
            }
        }
        Ok(())
    }

    /// Asks for every link: linkwatch has then come to it. Twice, since a port's state may change its bridge's.
    fn sync(&self) -> io::Result<()> {
        for _ in 0..2 {
            for (host, ns) in self.spaces.with_switches() {
                self.spaces.enter(host, &ns)?;
                state::sync(&state::links()?)?;
            }
        }
        Ok(())
    }

    fn counters(&self) -> io::Result<BTreeMap<(usize, String), Counters>> {
        let mut all = BTreeMap::new();
        for (host, ns) in self.spaces.all() {
            self.spaces.enter(host, &ns)?;
            all.insert((host, ns), state::counters()?);
        }
        Ok(all)
    }

    fn drops(&self, drops: Option<&Drops>) -> io::Result<Vec<DropSeen>> {
        let Some(drops) = drops else { return Ok(Vec::new()) };
        drops.seen(&self.spaces.numbers()?, |host, ns, index| {
            let tap = self.taps.iter().find(|t| t.host == host && t.ns == ns)?;
            tap.names.get(&index).cloned()
        })
    }

    fn open_taps(&mut self) -> io::Result<()> {
        for (host, ns) in self.spaces.all() {
            self.spaces.enter(host, &ns)?;
            self.taps.push(Tap { host, ns, fd: sys::tap()?, names: BTreeMap::new() });
        }
        self.name_devices()
    }

    /// Frames that are read from now on are of devices with these names.
    fn name_devices(&mut self) -> io::Result<()> {
        for tap in &mut self.taps {
            self.spaces.enter(tap.host, &tap.ns)?;
            for l in state::links()? {
                tap.names.insert(l.index, l.name);
            }
        }
        Ok(())
    }

    /// Reads what the taps have caught.
    fn drain(&mut self) -> io::Result<()> {
        let mut bytes = [0; SNAP];
        for tap in &self.taps {
            loop {
                let t = match sys::tapped(&tap.fd, &mut bytes) {
                    Ok(t) => t,
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                    // A device went down under the tap: what was caught is still there.
                    Err(e) if matches!(e.raw_os_error(), Some(libc::ENETDOWN | libc::ENXIO)) => continue,
                    Err(e) => return Err(e),
                };
                let at_ns = t.at - self.zero_real;
                self.last_frame = self.last_frame.max(at_ns);
                let dev = tap.names.get(&t.ifindex).cloned().unwrap_or_else(|| format!("if{}", t.ifindex));
                let (host, ns, len) = (tap.host, tap.ns.clone(), t.len as u32);
                let kept = bytes[..t.len.min(SNAP)].to_vec();
                self.record.frames.push(Seen { host, ns, dev, way: t.way, at_ns, len, bytes: kept });
            }
        }
        Ok(())
    }

    /// From time 0 to the end.
    fn perform(&mut self, programs: &mut Programs) -> io::Result<Option<Missing>> {
        let zero = self.zero;
        let clock = move || sys::monotonic() - zero;
        let end = self.job.end_ns as i64;
        let mut steps = self.job.steps.iter().peekable();
        loop {
            while let Some(step) = steps.next_if(|s| s.at_ns as i64 <= clock()) {
                self.drain()?;
                for ask in &step.asks {
                    if let Some(missing) = self.ask(ask)? {
                        return Ok(Some(missing));
                    }
                }
                self.sync()?;
                self.name_devices()?;
                // What follows from it is late by as much.
                programs.late = programs.late.max(clock() - step.at_ns as i64);
            }
            programs.run(&self.spaces, &clock)?;
            if programs.has_work() {
                continue;
            }
            self.drain()?;
            let now = clock();
            let done = programs.all_sent() && steps.peek().is_none() && now >= end;
            if done && now - self.last_frame >= QUIET || now > end + OVERTIME {
                break;
            }
            let until = if now < end { end } else { (now + MS).max(self.last_frame + QUIET) };
            let next = [programs.head(), steps.peek().map(|s| s.at_ns as i64), Some(until)];
            programs.collect(next.into_iter().flatten().min().unwrap_or(until) - now)?;
        }
        Ok(None)
    }
}

/// Hash of the kernel's configuration, where it tells.
fn config() -> String {
    let Ok(bytes) = std::fs::read("/proc/config.gz") else { return String::new() };
    let mut digest = sim_core::digest::Digest::default();
    for part in bytes.chunks(8) {
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        digest.absorb(u64::from_le_bytes(word));
    }
    format!("{:016x}", digest.value())
}

/// What was dropped beyond `before`. Devices have no names yet then.
fn since(mut now: Vec<DropSeen>, before: &[DropSeen]) -> Vec<DropSeen> {
    for d in &mut now {
        let same = |b: &&DropSeen| (b.host, &b.ns, &b.reason, &b.place) == (d.host, &d.ns, &d.reason, &d.place);
        d.count = d.count.saturating_sub(before.iter().filter(same).map(|b| b.count).sum());
    }
    now.retain(|d| d.count > 0);
    now
}

/// Does anything round its timers to whole seconds? The spanning tree protocol does.
fn counts_seconds(job: &Job) -> bool {
    let asks = job.setup.iter().chain(job.steps.iter().flat_map(|s| &s.asks));
    asks.into_iter().any(|a| matches!(&a.what, What::Ip(line) if line.contains(" stp_state 1")))
}

/// What a kernel's complaint says about itself.
fn lacking(what: &What, text: &str) -> Option<Missing> {
    let (What::Ip(line) | What::Bridge(line)) = what else {
        let What::Sysctl { key, .. } = what else { return None };
        // Of a device: it is not there, which is an answer.
        let of_device = ["conf", "neigh"].iter().any(|t| key.split(['.', '/']).nth(2) == Some(t));
        let lacks = text.contains("cannot stat") && !of_device;
        return lacks.then(|| Missing::KernelFeature(format!("sysctl {key}")));
    };
    if text.contains("Unknown device type") {
        let mut words = line.split_whitespace().skip_while(|w| *w != "type");
        return Some(Missing::DeviceType(words.nth(1).unwrap_or("?").to_owned()));
    }
    None
}

/// What was set that the scenario does not say.
fn pins(job: &Job) -> Vec<String> {
    let nics = job.setup.iter().filter(|a| matches!(a.what, What::Nic { .. })).count();
    let mut pins = vec!["disable_ipv6=1".to_owned(), "bridge-nf-call-*=0".to_owned()];
    pins.push("conf/all and conf/default at the kernel's defaults".to_owned());
    let snooping = |a: &Ask| matches!(&a.what, What::Ip(line) if line.ends_with(" mcast_snooping 0"));
    if job.setup.iter().chain(job.steps.iter().flat_map(|s| &s.asks)).any(snooping) {
        pins.push("mcast_snooping=0".to_owned());
    }
    if !job.steps.is_empty() {
        pins.push("links asked for after each step".to_owned());
    }
    if nics > 0 {
        pins.push(format!("{nics} veth for wires"));
    }
    pins
}
