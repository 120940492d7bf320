//! `verify` leaves nothing behind: the machine's own network state is the same before and after, also when it is killed
//! in the middle. Needs the program (`cargo build`) and the privilege to make namespaces; else the test says so and ends.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// The program beside this test's own.
fn program() -> Option<PathBuf> {
    let me = std::env::current_exe().ok()?;
    let path = me.parent()?.parent()?.join("onerouter");
    path.is_file().then_some(path)
}

fn output(program: &str, args: &[&str]) -> String {
    let done = Command::new(program).args(args).output();
    done.map(|o| String::from_utf8_lossy(&o.stdout).into_owned()).unwrap_or_default()
}

/// What could be changed: links, addresses, routes, rules, names of namespaces, mounts, settings.
fn machine() -> Vec<(String, String)> {
    let mut all = Vec::new();
    for args in [&["-d", "link"][..], &["addr"], &["route", "show", "table", "all"], &["rule"], &["netns"]] {
        all.push((format!("ip {}", args.join(" ")), output("ip", args)));
    }
    // Other programs mount and unmount as well: only what has to do with namespaces counts.
    let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let ours: Vec<&str> = mounts.lines().filter(|l| l.contains("netns") || l.starts_with("nsfs")).collect();
    all.push(("mounts".to_owned(), ours.join("\n")));
    for tree in ["net/ipv4", "net/core", "net/bridge", "net/ipv6/conf"] {
        settings(&Path::new("/proc/sys").join(tree), &mut all);
    }
    all
}

fn settings(at: &Path, all: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(at).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            settings(&path, all);
        } else if let Ok(text) = fs::read_to_string(&path) {
            all.push((path.to_string_lossy().into_owned(), text));
        }
    }
    all.sort();
}

fn start(program: &Path) -> Child {
    let folder = onerouter_tests::source::root();
    let scenarios = [folder.join("tests/conformance/two-absent.ron"), folder.join("scenarios/bridge/no-address.ron")];
    let mut command = Command::new(program);
    command.arg("verify").args(scenarios).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().expect("the program starts")
}

/// All processes below `pid`.
fn below(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task");
    let tasks = fs::read_dir(path).into_iter().flatten().flatten();
    let children = tasks.filter_map(|t| fs::read_to_string(t.path().join("children")).ok());
    let direct: Vec<u32> =
        children.flat_map(|c| c.split_whitespace().filter_map(|p| p.parse().ok()).collect::<Vec<_>>()).collect();
    direct.iter().flat_map(|p| std::iter::once(*p).chain(below(*p)).collect::<Vec<_>>()).collect()
}

fn lives(pid: &u32) -> bool {
    let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // What is dead but not yet collected has let go of everything.
    !state.is_empty() && !state.contains(") Z ")
}

#[test]
fn nothing_is_left_behind() {
    let Some(program) = program() else {
        println!("skipped: isolation (the program is not built: cargo build)");
        return;
    };
    let before = machine();
    let done = start(&program).wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    if text.contains("no privilege") {
        println!("skipped: isolation (no privilege to make namespaces)");
        return;
    }
    assert!(text.contains("agree"), "{text}");
    assert_eq!(before, machine());

    // Killed in the middle: whatever it has started goes with it.
    let mut killed = start(&program);
    let limit = Instant::now() + Duration::from_secs(10);
    let mut children = Vec::new();
    while children.len() < 2 && Instant::now() < limit {
        thread::sleep(Duration::from_millis(5));
        children = below(killed.id());
    }
    thread::sleep(Duration::from_millis(120));
    children.extend(below(killed.id()));
    assert!(children.len() >= 2, "no kernel was being played on");
    killed.kill().expect("it can be killed");
    killed.wait().expect("it is dead");
    while children.iter().any(lives) && Instant::now() < limit {
        thread::sleep(Duration::from_millis(10));
    }
    let left: Vec<&u32> = children.iter().filter(|p| lives(p)).collect();
    assert!(left.is_empty(), "processes are left: {left:?}");
    assert_eq!(before, machine());
}
