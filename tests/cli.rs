//! The command line, in-process: arguments in, text and exit code out. Whatever the input, it ends with a result or a
//! clear error, never with a panic.

use onerouter_tests::sim;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Codes as the program's help lists them.
const HOLDS: u8 = 0;
const FAILED: u8 = 1;
const BAD_INPUT: u8 = 2;
const NOTHING_COMPARED: u8 = 4;

/// What one call gave.
struct Done {
    code: ExitCode,
    out: String,
    err: String,
}

fn onerouter(args: &[&str]) -> Done {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let all = ["onerouter"].iter().chain(args);
    let code = reports::cli::run(all, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("the program prints UTF-8");
    Done { code, out: text(out), err: text(err) }
}

impl Done {
    #[track_caller]
    fn ends_with(self, code: u8) -> Done {
        // `ExitCode` shows its number in no other way.
        let (is, wanted) = (format!("{:?}", self.code), format!("{:?}", ExitCode::from(code)));
        assert_eq!(is, wanted, "\nstandard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Bad input: exit 2, a text that names what is wrong, and not a word of a bug.
    #[track_caller]
    fn refuses(self, naming: &str) -> Done {
        let done = self.ends_with(BAD_INPUT);
        assert!(done.err.contains(naming), "`{naming}` is not in\n{}", done.err);
        assert!(!done.err.contains("bug") && !done.err.contains("panicked"), "{}", done.err);
        done
    }
}

/// An empty folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cli-{name}"));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// A file in a folder, and its path as text.
fn write(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    text(&path)
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A scenario that runs in no time; `{}` is one more field.
fn small(more: &str) -> String {
    format!(
        "(title: \"small\", hosts: {{\"h\": (namespaces: {{\"a\": (devices: {{\"eth0\": Veth(peer: \"b/eth0\", addresses: \
         [\"10.0.0.1/24\"])}}), \"b\": (devices: {{\"eth0\": Peer(addresses: [\"10.0.0.2/24\"])}})}})}},\n \
         traffic: {{\"ping\": Ping(from: \"h/a\", to: \"h/b\", count: 3, interval: \"10ms\")}}{more})"
    )
}

#[test]
fn a_run_writes_a_report() {
    let here = folder("report");
    let file = write(&here, "small.ron", small(", expect: [Delivered(of: \"ping\", exactly: 3)]"));
    let out = text(&here.join("out"));
    let done = onerouter(&["run", &file, "--out", &out]).ends_with(HOLDS);
    assert!(done.out.contains("small") && done.err.is_empty(), "{}\n{}", done.out, done.err);
    let page = fs::read_to_string(here.join("out/report.html")).unwrap();
    assert!(page.contains("<svg"));
    for far in ["src=\"http", "href=\"http", "src=\"//", "url(http", "@import"] {
        assert!(!page.contains(far), "the page needs a network: {far}");
    }
    let names: Vec<String> = contents(&here.join("out")).into_keys().collect();
    for ending in [".html", ".json", ".csv", ".svg", ".png"] {
        assert!(names.iter().any(|n| n.ends_with(ending)), "no {ending} in {names:?}");
    }
    // An older report of ours is replaced.
    onerouter(&["run", &file, "--out", &out]).ends_with(HOLDS);
    assert_eq!(contents(&here.join("out")).into_keys().collect::<Vec<_>>(), names);
}

/// Relative path → bytes of every file below a folder.
fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(f) = folders.pop() {
        for entry in fs::read_dir(&f).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                all.insert(text(path.strip_prefix(folder).unwrap()), fs::read(&path).unwrap());
            }
        }
    }
    all
}

#[test]
fn threads_change_no_byte_of_the_report() {
    let here = folder("jobs");
    let sweep = ", sweep: {\"traffic.ping.count\": [1, 2, 3]}, seeds: 3";
    let file = write(&here, "small.ron", small(sweep));
    let write = |jobs: &str, out: &str| {
        let out = here.join(out);
        onerouter(&["run", &file, "--jobs", jobs, "--out", &text(&out)]).ends_with(HOLDS);
        contents(&out)
    };
    let (one, eight, again) = (write("1", "one"), write("8", "eight"), write("8", "again"));
    assert!(one.len() > 4);
    for other in [eight, again] {
        assert_eq!(one.keys().collect::<Vec<_>>(), other.keys().collect::<Vec<_>>());
        let differ: Vec<&String> = one.iter().filter(|(name, bytes)| other[*name] != **bytes).map(|f| f.0).collect();
        assert!(differ.is_empty(), "{differ:?}");
    }
}

#[test]
fn an_expectation_that_fails_is_exit_1_and_named() {
    let here = folder("fails");
    let file = write(&here, "small.ron", small(",\n expect: [Delivered(of: \"ping\", exactly: 4)]"));
    let done = onerouter(&["run", &file, "--out", &text(&here.join("out"))]).ends_with(FAILED);
    assert!(done.out.contains("small.ron:3:11"), "{}", done.out);
}

#[test]
fn snapshots_are_compared_byte_for_byte() {
    let here = folder("snapshots");
    let file = write(&here, "small.ron", small(""));
    let out = text(&here.join("out"));
    let run = |what: &str| onerouter(&["run", &file, "--out", &out, "--snapshots", what]);
    run("check").ends_with(NOTHING_COMPARED);
    run("update").ends_with(HOLDS);
    run("check").ends_with(HOLDS);
    let snapshot = here.join("small.txt");
    let kept = fs::read_to_string(&snapshot).unwrap();
    // A byte changed, a byte more.
    for bad in [kept.replacen('1', "2", 1), format!("{kept}\n")] {
        fs::write(&snapshot, &bad).unwrap();
        run("check").ends_with(FAILED);
        assert_eq!(fs::read_to_string(&snapshot).unwrap(), bad, "check writes nothing");
    }
    run("update").ends_with(HOLDS);
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), kept);
}

#[test]
fn the_catalogue_has_no_mistakes() {
    let folder = text(&onerouter_tests::source::root().join("scenarios"));
    let done = onerouter(&["check", &folder]).ends_with(HOLDS);
    assert_eq!(done.err, "");
    for file in sim::catalogue() {
        let name = text(Path::new(file.file_name().unwrap()));
        assert!(done.out.contains(&name), "{name} is not in\n{}", done.out);
    }
}

#[test]
fn a_walk_names_the_kernels_functions() {
    let here = folder("walk");
    let file = write(&here, "small.ron", small(""));
    let done = onerouter(&["walk", &file]).ends_with(HOLDS);
    for hop in ["raw_sendmsg", "ip_output", "dev_queue_xmit", "veth_xmit", "netif_rx", "ip_rcv", "icmp_rcv"] {
        assert!(done.out.contains(hop), "no {hop} in\n{}", done.out);
    }
    onerouter(&["walk", &file, "--packet", "2"]).ends_with(HOLDS);
    onerouter(&["walk", &file, "--packet", "3"]).refuses("3");
    let done = onerouter(&["walk", &file, "--flow", "pong"]).refuses("pong");
    assert!(done.err.contains("ping"), "a suggestion: {}", done.err);
}

/// The picture in the documentation is what the command that it names draws.
#[test]
fn a_topology_is_drawn_the_same_every_time() {
    let here = folder("topology");
    let root = onerouter_tests::source::root();
    let file = text(&root.join("scenarios/docker/outside.ron"));
    let out = here.join("outside.svg");
    onerouter(&["topology", &file, "--svg", &text(&out)]).ends_with(HOLDS);
    let drawn = fs::read_to_string(&out).unwrap();
    let kept = root.join("docs/images/topology.svg");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|v| v == "always") {
        fs::write(&kept, &drawn).unwrap();
    }
    let differs = "onerouter topology scenarios/docker/outside.ron --svg docs/images/topology.svg writes it";
    assert!(fs::read_to_string(&kept).is_ok_and(|k| k == drawn), "{} differs: {differs}", kept.display());
    assert_eq!(onerouter(&["topology", &file, "--svg", "-"]).ends_with(HOLDS).out, drawn);
    let tree = onerouter(&["topology", &file]).ends_with(HOLDS).out;
    assert!(tree.contains("docker0") && tree.contains("── 5 us, 10gbit ── h2/root/eth0"), "{tree}");
    onerouter(&["topology", &file, "--svg", &text(&here.join("no/such/folder.svg"))]).refuses("folder.svg");
    onerouter(&["topology", &text(&root.join("scenarios"))]).refuses("one scenario");
    assert_eq!(fs::read_dir(&here).unwrap().count(), 1, "nothing else is left behind");
}

#[test]
fn help_is_no_error_and_a_wrong_argument_is() {
    for args in [&["--help"][..], &["--version"], &["run", "--help"], &["walk", "--help"]] {
        let done = onerouter(args).ends_with(HOLDS);
        assert!(!done.out.is_empty() && done.err.is_empty());
    }
    for (args, naming) in [
        (&["run"][..], "PATH"),
        (&["sing"], "sing"),
        (&["run", "x", "--jobs", "0"], "0"),
        (&["run", "x", "--jobs", "many"], "many"),
        (&["run", "x", "--snapshots", "burn"], "burn"),
        (&["run", "x", "--fast"], "--fast"),
    ] {
        onerouter(args).refuses(naming);
    }
}

#[test]
fn places_that_can_not_be_written_are_refused() {
    let here = folder("out");
    let file = write(&here, "small.ron", small(""));
    let taken = write(&here, "taken", "precious");
    onerouter(&["run", &file, "--out", &taken]).refuses("taken");
    assert_eq!(fs::read_to_string(&taken).unwrap(), "precious");
    let inside = format!("{taken}/below");
    onerouter(&["run", &file, "--out", &inside]).refuses("taken");
    // A folder that is not a report of ours stays as it is.
    fs::create_dir(here.join("own")).unwrap();
    write(&here.join("own"), "letter.txt", "precious");
    onerouter(&["run", &file, "--out", &text(&here.join("own"))]).refuses("own");
    assert_eq!(fs::read_to_string(here.join("own/letter.txt")).unwrap(), "precious");
}

#[test]
fn what_is_no_scenario_is_refused() {
    let here = folder("bad");
    let out = text(&here.join("out"));
    let run = |path: &str| onerouter(&["run", path, "--out", &out]);
    fs::create_dir(here.join("empty")).unwrap();
    fs::create_dir_all(here.join("folder.ron")).unwrap();
    run(&text(&here.join("empty"))).refuses("empty");
    run(&text(&here.join("missing.ron"))).refuses("missing.ron");
    run(&text(&here.join("folder.ron"))).refuses("folder.ron");
    run("").refuses("");
    for (name, bytes) in [
        ("nothing.ron", b"".to_vec()),
        ("blank.ron", b"  \n\n".to_vec()),
        ("latin.ron", b"(title: \"caf\xe9\")".to_vec()),
        ("zeros.ron", vec![0; 1000]),
        ("half.ron", b"(title: \"x\", hosts: {".to_vec()),
        ("word.ron", b"hello".to_vec()),
        ("list.ron", b"[1, 2]".to_vec()),
        ("comment.ron", b"/* never closed".to_vec()),
        ("quote.ron", b"(title: \"never closed".to_vec()),
        ("bom.ron", b"\xef\xbb\xbf\xef\xbb\xbf(".to_vec()),
        ("nothing-in-it.ron", b"()".to_vec()),
    ] {
        let file = write(&here, name, bytes);
        let done = run(&file).refuses(name);
        assert!(done.out.is_empty(), "{name}: {}", done.out);
    }
    assert!(!here.join("out").exists(), "nothing was run, so nothing is written");
}

/// Unreadable for whoever runs the test: a link to nowhere, and, unless it is root, a file without permission.
#[cfg(unix)]
#[test]
fn an_unreadable_file_is_refused() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let here = folder("unreadable");
    symlink(here.join("nowhere"), here.join("link.ron")).unwrap();
    onerouter(&["check", &text(&here.join("link.ron"))]).refuses("link.ron");
    let locked = write(&here, "locked.ron", small(""));
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
    if fs::read(&locked).is_err() {
        onerouter(&["check", &locked]).refuses("locked.ron");
    }
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o600)).unwrap();
    // A loop of folders ends.
    symlink(&here, here.join("loop")).unwrap();
    onerouter(&["check", &text(&here)]).refuses("link.ron");
}

#[test]
fn size_and_depth_are_refused_not_suffered() {
    let here = folder("large");
    let out = text(&here.join("out"));
    let run = |path: &str| onerouter(&["run", path, "--out", &out]);
    // 100 MB, of nothing and of text.
    let zeros = here.join("zeros.ron");
    fs::File::create(&zeros).unwrap().set_len(100 << 20).unwrap();
    run(&text(&zeros)).refuses("zeros.ron");
    fs::remove_file(&zeros).unwrap();
    let brackets = write(&here, "text.ron", "(title: [\n".repeat(10 << 20));
    run(&brackets).refuses("text.ron");
    fs::remove_file(&brackets).unwrap();
    for (name, open) in
        [("round.ron", "("), ("square.ron", "["), ("curly.ron", "{"), ("field.ron", "(title: "), ("comment.ron", "/*")]
    {
        run(&write(&here, name, open.repeat(100_000))).refuses(name);
    }
    // Numbers beyond any machine.
    for (name, from, to) in [
        ("count.ron", "count: 3", "count: 99999999999999999999"),
        ("range.ron", "\"b\":", "\"b[1..99999999999]\":"),
        ("interval.ron", "\"10ms\"", "\"99999999999999999999s\""),
        ("name.ron", "\"eth0\": Veth", "\"eth0eth0eth0eth0eth0\": Veth"),
    ] {
        let bad = small("").replacen(from, to, 1);
        assert_ne!(bad, small(""));
        run(&write(&here, name, bad)).refuses(name);
    }
}

#[test]
fn of_two_equal_names_both_places_are_told() {
    let here = folder("twice");
    let twice = small(
        ",\n traffic: {\"ping\": Ping(from: \"h/a\", to: \"h/b\", count: 1), \n\"ping\": Ping(from: \"h/a\", to: \"h/b\", count: 1)}",
    );
    let file = write(&here, "twice.ron", twice);
    let done = onerouter(&["check", &file]).refuses("twice.ron:3:2");
    assert!(done.err.contains("twice.ron:4:2"), "{}", done.err);
}

#[test]
fn boot_is_dmesg() {
    let outside = sim::catalogue().into_iter().find(|p| p.ends_with("docker/outside.ron")).expect("a scenario");
    let outside = outside.to_string_lossy();
    let one = onerouter(&["boot", &outside, "--host", "h1"]).ends_with(HOLDS).out;
    for text in [
        "[    0.408000] pci 0000:00:03.0: [1af4:1000] type 00 class 0x020000 conventional PCI endpoint",
        "› RTM_NEWLINK docker0 kind bridge: request_module(\"rtnl-link-bridge\"), driver bridge loaded",
        "docker0: port 1(veth1) entered forwarding state",
        "[   16.384000] › time 0 of the scenario",
    ] {
        assert!(one.contains(text), "`{text}` is not in\n{one}");
    }
    assert!(!one.contains("host h2") && one.lines().all(|l| l.starts_with('[')), "{one}");
    let all = onerouter(&["boot", &outside]).ends_with(HOLDS).out;
    assert!(all.contains("host h1\n") && all.contains("host h2\n"));
    onerouter(&["boot", &outside, "--host", "h3"]).refuses("its hosts are h1, h2");
    onerouter(&["boot", "."]).ends_with(BAD_INPUT);
    // After time 0: recorded on 6.18 as "IPv4: martian source …", and the header of the frame.
    let martians = sim::catalogue().into_iter().find(|p| p.ends_with("routing/martians.ron")).expect("a scenario");
    let said = onerouter(&["boot", &martians.to_string_lossy(), "--follow"]).ends_with(HOLDS).out;
    assert_eq!(said.matches("IPv4: martian source 192.0.2.1 from 10.9.9.9, on dev v1").count(), 3, "{said}");
    assert!(said.contains("ll header: 00000000: 02 00 00 00 00 02 02 00 00 00 00 01 08 00"), "{said}");
}
