//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// The simulator of Linux host networking.
#[derive(Debug, Parser)]
#[command(
    name = "onerouter",
    version,
    about = "Simulates the networking of Linux hosts: namespaces, bridges, routes, neighbours, cores, down to the kernel \
             function",
    after_help = EXIT_CODES,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 110
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0  all holds
  1  an expectation failed, or a snapshot differs
  2  bad input: a scenario, an argument, or a place to write to
  3  a fault of the simulator itself: please report it
  4  nothing could be compared";

const RUN_EXAMPLES: &str = "\
Examples:
  onerouter run scenarios                       everything below a folder
  onerouter run scenarios/docker/outside.ron    one file
  onerouter run scenarios --snapshots check     also compare NAME.txt beside each NAME.ron
  onerouter run a.ron --out /tmp/a --jobs 1     elsewhere, with one thread

Results do not depend on --jobs: the same files give the same bytes.";

const CHECK_EXAMPLES: &str = "\
Examples:
  onerouter check scenarios          all mistakes of all files, each with its place and a suggestion";

const WALK_EXAMPLES: &str = "\
Examples:
  onerouter walk scenarios/docker/outside.ron                       the first packet of the first flow
  onerouter walk scenarios/docker/outside.ron --flow web --packet 41
  onerouter walk scenarios/routing/loop.ron --all                   also the way before the host that dropped it
  onerouter walk scenarios/routing/ip-forward.ron --cure            and what would help, tried on copies of the world

In the walk, ? is a question to a table with the entry that answered, ≈ a change to the packet, ~ a cable, ✖ its end.
The exit code is 0 whatever became of the packet.";

const BOOT_EXAMPLES: &str = "\
Examples:
  onerouter boot scenarios/docker/outside.ron                   all hosts
  onerouter boot scenarios/docker/outside.ron --host h1         one of them
  onerouter boot scenarios/neigh/overflow.ron --follow          also what the kernels say while the scenario runs

Lines that begin with › are ours: a real kernel says nothing there. The others are what dmesg of Linux 6.18 shows. At the
right stands the line of the scenario that asked.";

const VERIFY_EXAMPLES: &str = "\
Examples:
  onerouter verify scenarios                    everything below a folder, on the running kernel
  onerouter verify mine.ron --json              one scenario, as JSON
  onerouter verify scenarios --oracle uml       on a kernel of its own, in virtual time (tests/uml/build.sh builds it)
  onerouter verify --masks                      what is never compared, and why

Tiers: T1 frames by device and flow, T2 tables and errors, T3 counters, T4 drop reasons, T5 times, T6 order of all frames.
Needs iproute2, and root or user namespaces; works in namespaces of its own, of which nothing is left.
The exit code is 1 if a scenario differs or is unstable, 4 if nothing could be compared.";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios, judge their expectations, write a report
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
    /// Look for mistakes in scenarios without running them
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Show the life of one packet, stage by stage, with the tables it met
    #[command(after_help = WALK_EXAMPLES)]
    Walk(Walk),
    /// Show what dmesg would: devices found and made, drivers loaded, what the kernel says of them
    #[command(after_help = BOOT_EXAMPLES)]
    Boot(Boot),
    /// Show what is plugged into what: hosts, namespaces, devices, cables, and one router for each host
    #[command(after_help = TOPOLOGY_EXAMPLES)]
    Topology(Topology),
    /// Ask a host of the simulated world what `ip`, `bridge` or `sysctl` prints there
    #[command(after_help = ASK_EXAMPLES)]
    Ask(Ask),
    /// Play scenarios on a real kernel, and compare every frame, table and counter
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(Verify),
    /// Play one job of `verify` from standard input
    #[command(hide = true, name = "netns-play")]
    NetnsPlay,
    /// The first process of a kernel that `verify` started
    #[command(hide = true, name = "uml-init")]
    UmlInit,
}

const ASK_EXAMPLES: &str = "\
Examples:
  onerouter ask scenarios/routing/two-uplinks.ron h1/server ip route get 10.9.9.9 from 203.0.113.2
  onerouter ask scenarios/routing/two-uplinks.ron h1/server ip -j rule
  onerouter ask scenarios/neigh/moved.ron h1/client --at 10ms ip neigh

Output, error texts and exit code are the tool's own (iproute2 6.1); of a sweep the first point is asked, with the first
seed.";

const TOPOLOGY_EXAMPLES: &str = "\
Examples:
  onerouter topology scenarios/docker/outside.ron                   as text
  onerouter topology scenarios/docker/outside.ron --svg net.svg     as a picture
  onerouter topology scenarios/docker/outside.ron --svg - | xmllint --format -

Of a sweep the first point is shown, with the first seed, at the end of the run.";

#[derive(Debug, Args)]
pub struct Run {
    /// Scenario files, and folders with *.ron files in them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Threads; as many as there are cores if not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub jobs: Option<u16>,
    /// Folder of the report; an older report there is replaced, anything else is not
    #[arg(short, long, value_name = "DIR", default_value = "onerouter-report")]
    pub out: PathBuf,
    /// Compare the text snapshot beside each scenario, or write it anew
    #[arg(long, value_name = "WHAT")]
    pub snapshots: Option<Snapshots>,
}

/// What to do with the text snapshot NAME.txt beside NAME.ron.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Snapshots {
    /// Compare it byte for byte; a difference is exit code 1
    Check,
    /// Write it
    Update,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Scenario files, and folders with *.ron files in them
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Walk {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Traffic entry whose packet to follow; the first if not given
    #[arg(short, long, value_name = "FLOW")]
    pub flow: Option<String>,
    /// Which of its packets, from 0
    #[arg(short, long, value_name = "N", default_value_t = 0)]
    pub packet: u32,
    /// Also the way before the host that dropped it
    #[arg(short, long)]
    pub all: bool,
    /// If it was lost: what helps, each cure tried on a copy of the same world
    #[arg(short, long)]
    pub cure: bool,
}

#[derive(Debug, Args)]
pub struct Boot {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Only this host
    #[arg(long, value_name = "HOST")]
    pub host: Option<String>,
    /// Run the scenario, and show also what its kernels say after time 0
    #[arg(short, long, visible_alias = "all")]
    pub follow: bool,
}

#[derive(Debug, Args)]
pub struct Ask {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Whom: HOST/NS
    #[arg(value_name = "HOST/NS")]
    pub place: String,
    /// When, as `200ms`; at the end of the run if not given
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// What: a command of ip, bridge or sysctl that prints
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Topology {
    /// Scenario file
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Draw a picture into this file, or to standard output if it is `-`
    #[arg(long, value_name = "OUT")]
    pub svg: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Verify {
    /// Scenario files, and folders with *.ron files in them
    #[arg(required_unless_present_any = ["masks", "random"], value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Draw so many random worlds instead of reading files
    #[arg(long, value_name = "N", conflicts_with = "paths", value_parser = clap::value_parser!(u32).range(1..))]
    pub random: Option<u32>,
    /// What the random worlds are drawn from
    #[arg(long, value_name = "S", default_value = "1", requires = "random")]
    pub seed: u64,
    /// Folder for random worlds that differ, made as small as they get
    #[arg(long, value_name = "DIR", default_value = "onerouter-random", requires = "random")]
    pub keep: PathBuf,
    /// The kernel to compare with
    #[arg(long, value_name = "WHICH", default_value = "netns")]
    pub oracle: OracleKind,
    /// Comparisons at once; six for each core if not given
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// How often a smaller world is tried for each random one that differs; 0: it is kept as it is
    #[arg(long, value_name = "N", default_value_t = 100, requires = "random")]
    pub shrink: u16,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// As the table of README.md
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
    /// Write the kernel's traces to the folder of gold traces, or compare with those there
    #[arg(long, value_name = "WHAT")]
    pub gold: Option<Snapshots>,
    /// Folder of gold traces
    #[arg(long, value_name = "DIR", default_value = "tests/gold")]
    pub gold_dir: PathBuf,
    /// Say what is never compared, and why
    #[arg(long)]
    pub masks: bool,
}

/// A real kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OracleKind {
    /// The running one, in namespaces of verify's own
    Netns,
    /// One that runs as a process, in virtual time; tests/uml/build.sh builds it
    Uml,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn clap_finds_nothing_wrong() {
        Cli::command().debug_assert();
    }

    #[test]
    fn arguments_are_read() {
        let cli = Cli::try_parse_from(["onerouter", "run", "a", "b", "--jobs", "2", "--snapshots", "check"]).unwrap();
        let Command::Run(run) = cli.command else { panic!("not run") };
        assert_eq!((run.paths.len(), run.jobs, run.snapshots), (2, Some(2), Some(Snapshots::Check)));
        assert_eq!(run.out, PathBuf::from("onerouter-report"));
        for bad in [&["run"][..], &["run", "a", "--jobs", "0"], &["run", "a", "--snapshots", "maybe"], &["walk"], &[]] {
            let args = ["onerouter"].iter().chain(bad);
            assert!(Cli::try_parse_from(args).is_err(), "{bad:?}");
        }
    }
}
