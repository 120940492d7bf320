//! The program: arguments in, text and an exit code out. A function, so that tests run it without a process.

use std::{
    ffi::OsString,
    io::{self, Write},
    panic::{self, AssertUnwindSafe},
    path::Path,
    process::ExitCode,
    thread,
    time::Instant,
};

use clap::{Parser, error::ErrorKind};
use scenarios::{cure, diagnostic::Diagnostic, outcome::Batch, plan::Plan, run};

use crate::{
    args::{self, Cli, Command},
    dmesg,
    figures::{Figures, Status},
    journey,
    output::{self, Output},
    paint::Paint,
    progress::Progress,
    report, snapshots, text, topology, units,
};

/// All holds.
pub(crate) const GOOD: u8 = 0;
/// An expectation failed, or a snapshot differs.
pub(crate) const FAILED: u8 = 1;
/// Bad input: a scenario, an argument, a place to write to.
pub(crate) const BAD_INPUT: u8 = 2;
/// Our bug: a law broken, a budget used up, a panic.
const FAULT: u8 = 3;
/// Nothing could be compared.
pub(crate) const NOTHING: u8 = 4;

/// Where text goes.
pub trait Sink: Write + Send {
    /// Whether a person is looking: colours and a progress bar, or plain text.
    fn is_terminal(&self) -> bool;
}

impl Sink for io::Stdout {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(self)
    }
}
impl Sink for io::Stderr {
    fn is_terminal(&self) -> bool {
        io::IsTerminal::is_terminal(self)
    }
}
impl Sink for Vec<u8> {
    fn is_terminal(&self) -> bool {
        false
    }
}

/// Runs the program; `args` begins with the program's name. Nobody reading `out` or `err` any more is no error.
pub fn run<A>(args: A, out: &mut dyn Sink, err: &mut dyn Sink) -> ExitCode
where
    A: IntoIterator,
    A::Item: Into<OsString> + Clone,
{
    let (mut out, mut err) = (Patient::new(out), Patient::new(err));
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(arguments(&error, &mut out, &mut err)),
    };
    let mut streams = Streams { paint: Paint::for_terminal(out.is_terminal()), out: &mut out, err: &mut err };
    let code = panic::catch_unwind(AssertUnwindSafe(|| match &cli.command {
        Command::Run(args) => run_command(args, &mut streams),
        Command::Check(args) => check_command(args, &mut streams),
        Command::Walk(args) => walk_command(args, &mut streams),
        Command::Boot(args) => boot_command(args, &mut streams),
        Command::Ask(args) => ask_command(args, &mut streams),
        Command::Topology(args) => topology_command(args, &mut streams),
        Command::Verify(args) => verify::command(args, &mut streams),
        Command::NetnsPlay => verify::play(args::OracleKind::Netns, &mut streams),
        Command::UmlInit => verify::play(args::OracleKind::Uml, &mut streams),
    }));
    let code = code.unwrap_or_else(|_| {
        let text = "error: the simulator failed; this is a bug in it, not in your scenario. Please report it.\n";
        streams.complain(text);
        Ok(FAULT)
    });
    let code = code.and_then(|code| streams.out.flush().and(streams.err.flush()).map(|()| code));
    ExitCode::from(code.unwrap_or_else(|error| {
        streams.complain(&format!("error: cannot write: {error}\n"));
        BAD_INPUT
    }))
}

/// Help and version, or what is wrong with the arguments.
fn arguments<'s>(error: &clap::Error, out: &mut Patient<'s>, err: &mut Patient<'s>) -> u8 {
    let (to, code) = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => (out, GOOD),
        _ => (err, BAD_INPUT),
    };
    let text = error.render();
    let colour = Paint::for_terminal(to.is_terminal()) == Paint::Ansi;
    let text = if colour { text.ansi().to_string() } else { text.to_string() };
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Ok(()) => code,
        Err(_) => BAD_INPUT,
    }
}

/// A writer that goes on quietly when the reader has gone: `onerouter run … | head` still writes its report.
struct Patient<'s> {
    sink: &'s mut dyn Sink,
    gone: bool,
}

impl<'s> Patient<'s> {
    fn new(sink: &'s mut dyn Sink) -> Patient<'s> {
        Patient { sink, gone: false }
    }
    fn is_terminal(&self) -> bool {
        self.sink.is_terminal()
    }
}

impl Write for Patient<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        match self.sink.write(bytes) {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(bytes.len())
            }
            done => done,
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self.sink.flush() {
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            done => done,
        }
    }
}

/// What a command writes to.
struct Streams<'s, 'p> {
    out: &'p mut Patient<'s>,
    err: &'p mut Patient<'s>,
    /// For `out`.
    paint: Paint,
}

impl Streams<'_, '_> {
    fn say(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())
    }
    /// To standard error; if even that fails there is nobody left to tell.
    fn complain(&mut self, text: &str) {
        let _ = self.err.write_all(text.as_bytes());
    }
    /// All mistakes, each with its excerpt, and how many they are.
    fn mistakes(&mut self, mistakes: &[Diagnostic]) -> u8 {
        let styled = Paint::for_terminal(self.err.is_terminal()) == Paint::Ansi;
        for mistake in mistakes {
            self.complain(&format!("{}\n\n", mistake.render(styled)));
        }
        let mut files: Vec<&str> = mistakes.iter().map(Diagnostic::path).collect();
        files.sort_unstable();
        files.dedup();
        let (count, files) =
            (units::count(mistakes.len(), "mistake", "mistakes"), units::count(files.len(), "file", "files"));
        self.complain(&format!("{count} in {files}\n"));
        BAD_INPUT
    }
}

fn run_command(args: &args::Run, streams: &mut Streams) -> io::Result<u8> {
    let begun = Instant::now();
    let plans = match scenarios::plans(&args.paths) {
        Ok(plans) => plans,
        Err(mistakes) => return Ok(streams.mistakes(&mistakes)),
    };
    // Whether there is a place to write to should not come out only when all is done.
    let output = match Output::create(&args.out) {
        Ok(output) => output,
        Err(error) => {
            streams.complain(&format!("error: {error}\n"));
            return Ok(BAD_INPUT);
        }
    };
    let jobs = args.jobs.map_or_else(|| thread::available_parallelism().map_or(1, usize::from), usize::from);
    let batch = {
        let progress = Progress::new("runs", streams.err.is_terminal(), &mut *streams.err);
        run::run_all(&plans, jobs, &|done, all| progress.at(done, all))
    };
    match batch {
        Ok(batch) => judged(args, streams, &batch, output, (jobs, begun)),
        Err(mistakes) => Ok(streams.mistakes(&mistakes)),
    }
}

/// Shows and writes the results; the exit code.
fn judged(
    args: &args::Run,
    streams: &mut Streams,
    batch: &Batch,
    output: Output,
    (jobs, begun): (usize, Instant),
) -> io::Result<u8> {
    let figures = Figures::of(batch);
    streams.say(&text::results(&figures, streams.paint))?;
    let compared = match args.snapshots {
        None => GOOD,
        Some(what) => {
            let (text, code) = snapshots::handle(what, batch, streams.paint);
            streams.say(&text)?;
            code
        }
    };
    streams.out.flush()?;
    let written = {
        let progress = Progress::new("pictures", streams.err.is_terminal(), &mut *streams.err);
        let write = || report::write(&figures, &output, &|all| progress.one_more(all));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        // Without threads it takes longer, but comes out the same.
        let written = pool.map_or_else(|_| write(), |pool| pool.install(write));
        written.and_then(|()| Ok(output.publish()?))
    };
    if let Err(error) = written {
        streams.complain(&format!("error: {error}\n"));
        return Ok(BAD_INPUT);
    }
    let page = args.out.join("report.html");
    streams.say(&text::closing(&figures, begun.elapsed(), Some(&page), streams.paint))?;
    Ok(match figures.status() {
        Status::Fault => FAULT,
        Status::Failed => FAILED,
        Status::Holds | Status::Unjudged => compared,
    })
}

fn check_command(args: &args::Check, streams: &mut Streams) -> io::Result<u8> {
    let found = scenarios::check(&args.paths);
    if !found.diagnostics.is_empty() {
        return Ok(streams.mistakes(&found.diagnostics));
    }
    for file in &found.files {
        let (points, runs) = (units::count(file.points, "point", "points"), units::count(file.runs, "run", "runs"));
        let mark = streams.paint.good(Status::Holds.mark());
        let [path, title] = [&file.path, &file.title].map(|t| units::printable(t));
        streams.say(&format!("{mark} {path}  {points}, {runs}  {title}\n"))?;
    }
    streams.say(&format!("{}, no mistake\n", units::count(found.files.len(), "file", "files")))?;
    Ok(GOOD)
}

/// The one scenario of a path. `what` is done with it, and not with several.
fn one_plan(path: &Path, what: &str, streams: &mut Streams) -> Result<Plan, u8> {
    let mut plans = scenarios::plans(&[path.to_owned()]).map_err(|mistakes| streams.mistakes(&mistakes))?;
    match plans.pop() {
        Some(plan) if plans.is_empty() => Ok(plan),
        _ => {
            let count = units::thousands(plans.len() as u64 + 1);
            streams.complain(&format!("error: {what} of one scenario, and there are {count} below this path\n"));
            Err(BAD_INPUT)
        }
    }
}

fn boot_command(args: &args::Boot, streams: &mut Streams) -> io::Result<u8> {
    let plan = match one_plan(&args.file, "boot shows the kernels", streams) {
        Ok(plan) => plan,
        Err(code) => return Ok(code),
    };
    let logs = match run::boot(&plan, 0, args.follow) {
        Ok(logs) => logs,
        Err(mistakes) => return Ok(streams.mistakes(&mistakes)),
    };
    let shown: Vec<_> = logs.iter().filter(|l| args.host.as_ref().is_none_or(|h| *h == l.host)).collect();
    if let (Some(host), true) = (&args.host, shown.is_empty()) {
        let names: Vec<&str> = logs.iter().map(|l| l.host.as_str()).take(20).collect();
        let text = format!("error: {} has no host `{host}`; its hosts are {}", plan.source.path, names.join(", "));
        streams.complain(&format!("{}\n", units::printable(&text)));
        return Ok(BAD_INPUT);
    }
    let text = dmesg::render(&shown, streams.paint);
    streams.say(&text)?;
    Ok(GOOD)
}

/// Runs the first point with the first seed as far as asked, and prints what the tool prints then.
fn ask_command(args: &args::Ask, streams: &mut Streams) -> io::Result<u8> {
    let at = match args.at.as_deref().map(scenarios::ask::time) {
        Some(Err(why)) => {
            streams.complain(&format!("error: --at: {}\n", units::printable(&why)));
            return Ok(BAD_INPUT);
        }
        Some(Ok(at)) => Some(at),
        None => None,
    };
    let question = match scenarios::iproute2::question(&args.command) {
        Ok(question) => question,
        Err(e) => {
            streams.complain(&format!("{}\n", units::printable(&e.text)));
            return Ok(BAD_INPUT);
        }
    };
    let plan = match one_plan(&args.file, "a host is asked", streams) {
        Ok(plan) => plan,
        Err(code) => return Ok(code),
    };
    match scenarios::ask::ask(&plan, &args.place, at, &question) {
        Ok(answer) => {
            answer.err.iter().for_each(|l| streams.complain(&format!("{}\n", units::printable(l))));
            for line in &answer.out {
                streams.say(&format!("{line}\n"))?;
            }
            Ok(answer.code)
        }
        Err(mistakes) => Ok(streams.mistakes(&mistakes)),
    }
}

/// Runs the first point with the first seed, and shows what was plugged into what at its end.
fn topology_command(args: &args::Topology, streams: &mut Streams) -> io::Result<u8> {
    let plan = match one_plan(&args.file, "topology shows what is plugged into what", streams) {
        Ok(plan) => plan,
        Err(code) => return Ok(code),
    };
    let run = match run::simulate(&plan, 0, plan.seeds.first().copied().unwrap_or(1), true, 1) {
        Ok(run) => run,
        Err(mistakes) => return Ok(streams.mistakes(&mistakes)),
    };
    let Some(topology) = &run.topology else { return Ok(FAULT) };
    let Some(out) = &args.svg else {
        let text: Vec<String> = topology::text(topology).lines().map(units::printable).collect();
        streams.say(&text.join("\n"))?;
        streams.say("\n")?;
        return Ok(GOOD);
    };
    let traffic = topology::Traffic::of(&run, topology);
    let svg = topology::scene(topology, &traffic, &plan.title).svg();
    if out.as_os_str() == "-" {
        streams.say(&svg)?;
    } else if let Err(error) = output::replace(out, svg.as_bytes()) {
        streams.complain(&format!("error: {error}\n"));
        return Ok(BAD_INPUT);
    }
    Ok(GOOD)
}

fn walk_command(args: &args::Walk, streams: &mut Streams) -> io::Result<u8> {
    let plan = match one_plan(&args.file, "walk follows a packet", streams) {
        Ok(plan) => plan,
        Err(code) => return Ok(code),
    };
    let plan = &plan;
    match run::follow(plan, 0, args.flow.as_deref(), args.packet, args.all) {
        Ok(Some(mut journey)) => {
            note_point(plan, &mut journey.notes);
            let mut text = journey::render(&journey, args.all, streams.paint);
            if args.cure {
                match cure::cures(plan, 0, args.flow.as_deref(), args.packet) {
                    Ok(cures) => text += &journey::cures(cures.as_ref(), &journey.head, streams.paint),
                    Err(mistakes) => return Ok(streams.mistakes(&mistakes)),
                }
            }
            streams.say(&text)?;
            Ok(GOOD)
        }
        Ok(None) => {
            let flow = args.flow.as_deref().map_or_else(|| "the first flow".to_owned(), |f| format!("flow `{f}`"));
            let text = format!("error: {flow} of {} sent no packet number {}\n", plan.source.path, args.packet);
            streams.complain(&units::printable(text.trim_end()));
            streams.complain("\n");
            Ok(BAD_INPUT)
        }
        Err(mistakes) => Ok(streams.mistakes(&mistakes)),
    }
}

/// Of a sweep the first point is walked: says so.
fn note_point(plan: &Plan, notes: &mut Vec<(String, String)>) {
    if let [first, _, ..] = plan.points.as_slice() {
        notes.push(("point".to_owned(), format!("{}, the first of {}", first.label, plan.points.len())));
    }
}

mod verify;

#[cfg(test)]
mod tests;
