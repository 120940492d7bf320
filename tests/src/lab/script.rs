//! `setup.sh` of a lab: who makes which namespace, what is run in it, and the actions that follow.

use super::shell::{self, ShellError, Simple};

/// The comment that ends the setup; the comments behind it are the actions.
const ACTIONS: &str = "# --- actions";

/// A lab's topology and what is done in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// One sentence (`#doc …`).
    pub doc: String,
    pub setup: Vec<Setup>,
    pub actions: Vec<ActionLine>,
}

/// One command of the setup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// Line of `setup.sh`.
    pub line: usize,
    pub what: SetupKind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetupKind {
    /// `ip netns add NAME`
    NewNs(String),
    /// A command in a namespace, as a user would type it there: `ip link set lo up`.
    Run { ns: String, command: String },
}

/// One action as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionLine {
    /// Line of `setup.sh`.
    pub line: usize,
    pub text: String,
}

/// Reads a lab's `setup.sh`.
///
/// # Errors
/// A line that is neither a comment nor a command that a lab may have.
pub fn parse(text: &str) -> Result<Script, ShellError> {
    let mut doc = String::new();
    let mut head = None;
    let mut actions = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if let Some(d) = line.strip_prefix("#doc ") {
            doc = d.to_owned();
        }
        if line.starts_with(ACTIONS) {
            head = Some(i);
        } else if head.is_some() && !line.is_empty() {
            let Some(action) = line.strip_prefix("# ") else {
                return Err(ShellError { line: i + 1, what: "an action is a comment".into() });
            };
            actions.push(ActionLine { line: i + 1, text: action.to_owned() });
        }
    }
    let Some(head) = head else {
        return Err(ShellError { line: text.lines().count(), what: format!("no line begins with `{ACTIONS}`") });
    };
    let setup: String = text.lines().take(head).map(|l| format!("{l}\n")).collect();
    let setup = shell::run(&setup)?.into_iter().map(command).collect::<Result<_, _>>()?;
    Ok(Script { doc, setup, actions })
}

/// Finds the namespace of a command: `ip netns add`, `ip -n NS …` and `ip netns exec NS …` are all that labs use.
fn command(simple: Simple) -> Result<Setup, ShellError> {
    let line = simple.line;
    let words: Vec<&str> = simple.words.iter().map(String::as_str).collect();
    let what = match words.as_slice() {
        ["ip", "netns", "add", ns] => SetupKind::NewNs((*ns).to_owned()),
        ["ip", "netns", "exec", ns, rest @ ..] if !rest.is_empty() => {
            SetupKind::Run { ns: (*ns).to_owned(), command: rest.join(" ") }
        }
        ["ip", "-n", ns, rest @ ..] if !rest.is_empty() => {
            SetupKind::Run { ns: (*ns).to_owned(), command: format!("ip {}", rest.join(" ")) }
        }
        _ => return Err(ShellError { line, what: format!("`{}` is not a lab's command", words.join(" ")) }),
    };
    Ok(Setup { line, what })
}

impl Script {
    /// The namespaces in order of creation.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.setup.iter().filter_map(|s| match &s.what {
            SetupKind::NewNs(name) => Some(name.as_str()),
            SetupKind::Run { .. } => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(s: &Setup) -> String {
        match &s.what {
            SetupKind::NewNs(ns) => format!("+{ns}"),
            SetupKind::Run { ns, command } => format!("{ns}: {command}"),
        }
    }

    #[test]
    fn bridge3_is_what_bash_would_run() {
        let script = parse(&super::super::read("bridge3", "setup.sh").unwrap()).unwrap();
        assert_eq!(script.namespaces().collect::<Vec<_>>(), ["host", "c1", "c2", "c3"]);
        let shown: Vec<String> = script.setup.iter().map(shown).collect();
        assert_eq!(shown.len(), 4 * 3 + 2 + 3 * 5);
        assert_eq!(shown[0], "+host");
        assert_eq!(shown[1], "host: sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1");
        assert_eq!(shown[2], "host: ip link set lo up");
        assert_eq!(
            shown[12],
            "host: ip link add br0 address 02:00:00:00:ff:00 type bridge forward_delay 0 stp_state 0 mcast_snooping 0"
        );
        assert_eq!(
            shown[19..24],
            [
                "c2: ip link add eth0 address 02:00:00:00:00:02 type veth peer name v2 address 02:00:00:00:01:02 netns host",
                "c2: ip link set eth0 up",
                "host: ip link set v2 up",
                "host: ip link set v2 master br0",
                "c2: ip addr add 10.0.0.2/24 dev eth0",
            ]
        );
        let actions: Vec<&str> = script.actions.iter().map(|a| a.text.as_str()).collect();
        assert_eq!(actions, ["ping c1 -c 1 10.0.0.2", "ping c3 -c 1 10.0.0.1"]);
        assert_eq!((script.setup[0].line, script.actions[0].line), (11, 15));
    }

    #[test]
    fn every_lab_is_understood() {
        let labs = super::super::names();
        assert_eq!(labs.len(), 22);
        for lab in labs {
            let script = parse(&super::super::read(&lab, "setup.sh").unwrap()).unwrap_or_else(|e| panic!("{lab}: {e}"));
            assert!(script.namespaces().count() >= 2 && !script.actions.is_empty(), "{lab}");
            assert!(!script.doc.is_empty(), "{lab}");
        }
    }

    /// bash itself expands the scripts to the same commands; `ip` only prints its arguments there.
    #[test]
    fn bash_agrees_on_every_lab() {
        use std::process::Command;
        if Command::new("bash").arg("--version").output().is_err() {
            println!("skipped: no bash");
            return;
        }
        for lab in super::super::names() {
            let text = super::super::read(&lab, "setup.sh").unwrap();
            let script = format!("ip(){{ echo ip \"$@\"; }}\n{}", text.split(ACTIONS).next().unwrap());
            let out = Command::new("bash").arg("-c").arg(script).output().unwrap();
            assert!(out.status.success(), "{lab}");
            let ours: String = shell::run(text.split(ACTIONS).next().unwrap())
                .unwrap()
                .iter()
                .map(|s| s.words.join(" ") + "\n")
                .collect();
            assert_eq!(String::from_utf8(out.stdout).unwrap(), ours, "{lab}");
        }
    }

    #[test]
    fn other_commands_are_refused_by_line() {
        for (text, line) in [
            ("ip netns add a\nrm x\n# --- actions\n", 2),
            ("ip -n a\n# --- actions\n", 1),
            ("ip netns add a\n", 1),
            ("# --- actions\nping\n", 2),
        ] {
            assert_eq!(parse(text).unwrap_err().line, line, "{text}");
        }
    }
}
