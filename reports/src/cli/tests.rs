use std::{collections::BTreeMap, fs, path::Path};

use std::path::PathBuf;

use super::*;

/// A folder of a test's own, removed at its end.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Place {
        let path = std::env::temp_dir().join(format!("onerouter-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Place(path)
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).unwrap();
        self.path(name)
    }
}
impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PAIR: &str = r#"(title: "A pair",
 hosts: {
  "h1": (namespaces: {
   "a": (devices: {"eth0": Veth(peer: "b/eth0", addresses: ["10.0.0.1/24"])}),
   "b": (devices: {"eth0": Peer(addresses: ["10.0.0.2/24"])})})},
 traffic: {"ping": Ping(from: "h1/a", to: "h1/b", count: 3, interval: "10ms")},
 expect: [Delivered(of: "ping", exactly: 3)],
 seeds: 2)
"#;

/// Exit code, standard output, standard error.
fn onerouter(args: &[&str]) -> (ExitCode, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = run(["onerouter"].iter().chain(args), &mut out, &mut err);
    (code, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
}

fn code(code: u8) -> ExitCode {
    ExitCode::from(code)
}

/// Every file below a folder, by its name in it.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.strip_prefix(folder).unwrap().to_owned(), fs::read(&path).unwrap());
            }
        }
    }
    files
}

#[test]
fn help_and_version_go_to_standard_output() {
    let (exit, out, err) = onerouter(&["--help"]);
    assert_eq!((exit, err.as_str()), (code(GOOD), ""));
    assert!(out.contains("Exit codes:\n  0  all holds\n"), "{out}");
    let (exit, out, _) = onerouter(&["--version"]);
    assert_eq!((exit, out), (code(GOOD), format!("onerouter {}\n", env!("CARGO_PKG_VERSION"))));
    for topic in ["run", "check", "walk"] {
        assert!(onerouter(&[topic, "--help"]).1.contains("Examples:\n"), "{topic}");
    }
}

#[test]
fn wrong_arguments_are_bad_input() {
    for args in [&[][..], &["fly"], &["run"], &["run", "a", "--jobs", "0"], &["walk", "a", "--packet", "-1"]] {
        let (exit, out, err) = onerouter(args);
        assert_eq!((exit, out.as_str()), (code(BAD_INPUT), ""), "{args:?}");
        assert!(err.contains("Usage:") || err.starts_with("error: "), "{err}");
    }
    assert!(onerouter(&["chekc", "a"]).2.contains("'check'"), "a suggestion");
}

#[test]
fn a_run_judges_and_writes_and_does_not_depend_on_threads() {
    let place = Place::new("run");
    let file = place.file("pair.ron", PAIR);
    let [one, eight] = ["1", "8"].map(|jobs| {
        let out = place.path(jobs);
        let (exit, text, err) = onerouter(&["run", &file, "--jobs", jobs, "--out", &out]);
        assert_eq!((exit, err.as_str()), (code(GOOD), ""), "{text}");
        assert!(text.contains("ping     6     0 |") && text.contains("✔ 1 of 1  2 seeds"), "{text}");
        assert!(text.ends_with(&format!("· report: {out}/report.html\n")), "{text}");
        assert!(text.contains("1 point as expected in "), "{text}");
        contents(Path::new(&out))
    });
    assert!(one.contains_key(Path::new("results.json")) && one.contains_key(Path::new("report.html")));
    assert!(one == eight, "results differ");
    let json: serde_json::Value = serde_json::from_slice(&one[Path::new("results.json")]).unwrap();
    let flow = &json["scenarios"][0]["points"][0]["flows"][0];
    assert_eq!((flow["sent"].as_u64(), flow["received"].as_u64(), flow["seeds"].as_u64()), (Some(6), Some(6), Some(2)));
}

#[test]
fn a_failed_expectation_is_shown_with_its_place_and_is_exit_code_1() {
    let place = Place::new("fail");
    let file = place.file("pair.ron", &PAIR.replace("exactly: 3)", "exactly: 4)"));
    let (exit, out, _) = onerouter(&["run", &file, "--out", &place.path("out")]);
    assert_eq!(exit, code(FAILED));
    assert!(out.contains("✖ 1 of 1 failed"), "{out}");
    assert!(out.contains(&format!("  ✖ {file}:7:11  Delivered(of: \"ping\", exactly: 4): 3 of 3")), "{out}");
    assert!(out.contains("1 of 1 point failed in "), "{out}");
    assert!(place.0.join("out/report.html").exists(), "a failure is worth a report");
}

#[test]
fn snapshots_are_written_and_compared() {
    let place = Place::new("snapshots");
    let file = place.file("pair.ron", PAIR);
    let out = place.path("out");
    let with = |what| onerouter(&["run", &file, "--out", &out, "--snapshots", what]);
    assert_eq!(with("check").0, code(NOTHING), "there is none yet");
    assert_eq!(with("update").0, code(GOOD));
    assert_eq!(with("check").0, code(GOOD));
    place.file("pair.txt", "something else\n");
    let (exit, text, _) = with("check");
    assert_eq!(exit, code(FAILED));
    assert!(text.contains("- something else"), "{text}");
}

#[test]
fn bad_scenarios_are_bad_input_before_anything_runs() {
    let place = Place::new("bad");
    let file = place.file("pair.ron", &PAIR.replace("b/eth0", "c/eth0"));
    let gone = place.path("gone.ron");
    fs::create_dir(place.0.join("empty")).unwrap();
    for command in ["run", "check", "walk"] {
        let (exit, out, err) = onerouter(&[command, &file]);
        assert_eq!((exit, out.as_str()), (code(BAD_INPUT), ""), "{command}");
        assert!(err.contains("pair.ron:4:") && err.contains("in 1 file\n"), "{err}");
        for path in [&gone, &place.path("empty")] {
            let (exit, out, err) = onerouter(&[command, path]);
            assert_eq!((exit, out.as_str()), (code(BAD_INPUT), ""), "{command} {path}");
            assert!(err.contains(path.as_str()), "{err}");
        }
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_anything_runs() {
    let place = Place::new("place");
    let file = place.file("pair.ron", PAIR);
    for out in [&file, &place.path("")] {
        let (exit, text, err) = onerouter(&["run", &file, "--out", out]);
        assert_eq!((exit, text.as_str()), (code(BAD_INPUT), ""), "{out}");
        assert!(err.starts_with("error: cannot write the report to "), "{err}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), PAIR);
    assert_eq!(fs::read_dir(&place.0).unwrap().count(), 1, "nothing is left lying about");
}

#[test]
fn check_lists_what_it_read() {
    let place = Place::new("check");
    let file = place.file("pair.ron", PAIR);
    let (exit, out, err) = onerouter(&["check", &file]);
    assert_eq!((exit, err.as_str()), (code(GOOD), ""));
    assert_eq!(out, format!("✔ {file}  1 point, 2 runs  A pair\n1 file, no mistake\n"));
}

#[test]
fn a_walk_tells_one_packets_life() {
    let place = Place::new("walk");
    let file = place.file("pair.ron", &PAIR.replace(" seeds: 2", " sweep: {\"traffic.ping.count\": [3, 4]}"));
    let (exit, out, err) = onerouter(&["walk", &file, "--flow", "ping", "--packet", "1"]);
    assert_eq!((exit, err.as_str()), (code(GOOD), ""), "{out}");
    assert!(out.starts_with("IP 10.0.0.1 > 10.0.0.2: ICMP echo request"), "{out}");
    assert!(out.contains("┃ icmp_rcv") && out.contains("═ h1/a ⇒ h1/b ══"), "{out}");
    assert!(out.ends_with(" point   3, the first of 2\n"), "{out}");
    let (exit, _, err) = onerouter(&["walk", &file, "--flow", "pong"]);
    assert_eq!(exit, code(BAD_INPUT));
    assert!(err.contains("there is no flow `pong`"), "{err}");
    let (exit, _, err) = onerouter(&["walk", &file, "--packet", "3"]);
    assert_eq!(exit, code(BAD_INPUT));
    assert!(err.contains("the first flow") && err.contains("sent no packet number 3"), "{err}");
    place.file("other.ron", PAIR);
    assert!(onerouter(&["walk", &place.path("")]).2.contains("there are 2 below this path"));
}

/// A reader that goes away at once, or a full disk.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
impl Sink for Broken {
    fn is_terminal(&self) -> bool {
        false
    }
}

#[test]
fn a_reader_that_has_gone_is_no_error_and_the_report_is_written() {
    let place = Place::new("gone");
    let file = place.file("pair.ron", PAIR);
    let out = place.path("out");
    let mut err = Vec::new();
    let args = ["onerouter", "run", &file, "--out", &out];
    let exit = run(args, &mut Broken(io::ErrorKind::BrokenPipe), &mut err);
    assert_eq!((exit, err.as_slice()), (code(GOOD), &b""[..]));
    assert!(place.0.join("out/report.html").exists());
    let exit = run(args, &mut Broken(io::ErrorKind::StorageFull), &mut err);
    assert_eq!(exit, code(BAD_INPUT));
    assert!(String::from_utf8(err).unwrap().starts_with("error: cannot write: "));
}
