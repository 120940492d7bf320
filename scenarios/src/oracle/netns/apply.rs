//! Requests through the real tools: one `ip -batch` and one `bridge -batch` for each namespace, fed line by line, so
//! that no command costs a process. After each line comes a word that no tool knows; its complaint on standard error
//! says that the line before is done, and what stands before it is that line's own.

use super::{spaces::Spaces, sys};
use crate::verify::{
    is_host_wide,
    job::{Ask, FarNic, What},
};
use std::{
    fs, io,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStderr, ChildStdin, Command, Stdio},
};

/// A running `ip -batch` or `bridge -batch` in one namespace.
struct Session {
    host: usize,
    ns: String,
    tool: &'static str,
    child: Reaped,
    to: ChildStdin,
    errors: BufReader<ChildStderr>,
    asked: u64,
    /// It may have printed something that nobody has read.
    spoke: bool,
    /// It is no more.
    ended: bool,
}

/// A process that does not outlive its owner.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// All of them.
#[derive(Default)]
pub struct Tools {
    sessions: Vec<Session>,
    far_ends: u32,
}

/// The word after each line.
const MARK: &str = "done-";

impl Session {
    fn start(spaces: &Spaces, host: usize, ns: &str, tool: &'static str) -> io::Result<Session> {
        spaces.enter(host, ns)?;
        let mut command = Command::new(tool);
        command.args(["-force", "-batch", "-"]).env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Reaped(sys::tied(&mut command).spawn()?);
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let to = child.0.stdin.take().ok_or_else(gone)?;
        let errors = BufReader::new(child.0.stderr.take().ok_or_else(gone)?);
        Ok(Session { host, ns: ns.to_owned(), tool, child, to, errors, asked: 0, spoke: false, ended: false })
    }

    /// One line; what the tool complained of.
    fn ask(&mut self, line: &str) -> io::Result<Option<String>> {
        self.asked += 1;
        self.spoke |= line.split_whitespace().any(|w| matches!(w, "get" | "show" | "list"));
        let mark = format!("{MARK}{}", self.asked);
        self.to.write_all(format!("{line}\n{mark}\n").as_bytes())?;
        self.to.flush()?;
        let mut said: Vec<String> = Vec::new();
        loop {
            let mut text = String::new();
            if self.errors.read_line(&mut text)? == 0 {
                // Some errors end the tool even if it is told to go on.
                self.ended = true;
                said.retain(|l| !l.starts_with("Command failed "));
                return match said.is_empty() {
                    true => Err(io::Error::other(format!("{} ended without a word", self.tool))),
                    false => Ok(Some(said.join("\n").trim_end().to_owned())),
                };
            }
            let text = text.trim_end();
            if text.contains(&format!("\"{mark}\"")) {
                break;
            }
            said.push(text.to_owned());
        }
        // "Command failed -:3" belongs to the mark.
        let mut rest = String::new();
        self.errors.read_line(&mut rest)?;
        said.retain(|l| !l.starts_with("Command failed "));
        Ok((!said.is_empty()).then(|| said.join("\n").trim_end().to_owned()))
    }

    /// Ends it; everything that it printed.
    fn end(self) -> io::Result<String> {
        let Session { mut child, to, .. } = self;
        drop(to);
        let mut text = String::new();
        if let Some(out) = &mut child.0.stdout {
            out.read_to_string(&mut text)?;
        }
        child.0.wait()?;
        Ok(text)
    }
}

impl Tools {
    /// One request; the error's text if it was refused.
    ///
    /// # Errors
    /// The tools can't be run.
    pub fn ask(&mut self, spaces: &mut Spaces, ask: &Ask) -> io::Result<Option<String>> {
        let (host, ns) = (ask.host, ask.ns.as_str());
        if !matches!(ask.what, What::NewNs(_)) && !spaces.enter(host, ns)? {
            return Ok(Some(format!("Cannot open network namespace \"{ns}\": No such file or directory")));
        }
        match &ask.what {
            What::NewNs(name) => match spaces.add(host, name) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    Ok(Some(format!("Cannot create namespace file \"/run/netns/{name}\": File exists")))
                }
                done => done.map(|()| None),
            },
            What::DelNs(name) => {
                // The tools in it would keep it.
                self.sessions.retain(|s| (s.host, s.ns.as_str()) != (host, name.as_str()));
                match spaces.delete(host, name) {
                    Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Some(format!(
                        "Cannot remove namespace file \"/run/netns/{name}\": No such file or directory"
                    ))),
                    done => done.map(|()| None),
                }
            }
            What::Ip(line) => {
                let answer = self.line(spaces, ask, "ip", line)?;
                if changes_names(line) {
                    // A running tool remembers numbers of devices that may now mean something else.
                    self.sessions.clear();
                }
                Ok(answer)
            }
            What::Bridge(line) => self.line(spaces, ask, "bridge", line),
            What::Sysctl { key, value } => {
                if is_host_wide(key) {
                    spaces.enter_initial()?;
                }
                Ok(sys::unhurried(|| sysctl(key, value)))
            }
            What::Nic { name, args, far } => self.nic(spaces, ask, name, args, far.as_ref()),
            What::NicIsThere | What::Nothing => Ok(None),
        }
    }

    fn line(&mut self, spaces: &Spaces, ask: &Ask, tool: &'static str, line: &str) -> io::Result<Option<String>> {
        let is = |s: &Session| s.host == ask.host && s.ns == ask.ns && s.tool == tool;
        let i = match self.sessions.iter().position(is) {
            Some(i) => i,
            None => {
                self.sessions.push(Session::start(spaces, ask.host, &ask.ns, tool)?);
                self.sessions.len() - 1
            }
        };
        let answer = self.sessions[i].ask(line);
        if self.sessions[i].ended {
            self.sessions.remove(i);
        }
        answer
    }

    /// A wire is a veth pair, an unplugged NIC one whose other end is down where nobody is.
    fn nic(
        &mut self,
        spaces: &mut Spaces,
        ask: &Ask,
        name: &str,
        args: &str,
        far: Option<&FarNic>,
    ) -> io::Result<Option<String>> {
        let peer = match far {
            Some(far) => {
                let path = spaces.path(far.host, &far.ns).unwrap_or_default();
                format!("name {}{} netns {path}", far.name, far.args)
            }
            None => {
                self.far_ends += 1;
                format!("name far{} netns {}", self.far_ends, spaces.nowhere()?)
            }
        };
        self.line(spaces, ask, "ip", &format!("link add dev {name}{args} type veth peer {peer}"))
    }

    /// Tables as `ip` prints them: the lines of each of `shows`. Only the last may have lines that begin as those of
    /// `lo` do.
    ///
    /// # Errors
    /// The tool can't be run.
    pub fn tables(&mut self, spaces: &Spaces, host: usize, ns: &str, shows: &[&str]) -> io::Result<Vec<Vec<String>>> {
        let is = |s: &Session| s.host == host && s.ns == ns && s.tool == "ip" && !s.spoke;
        let mut s = match self.sessions.iter().position(is) {
            Some(i) => self.sessions.swap_remove(i),
            None => Session::start(spaces, host, ns, "ip")?,
        };
        // What comes between two tables begins with the number of `lo`, which every namespace has.
        s.to.write_all(format!("{}\n", shows.join("\nlink show dev lo\n")).as_bytes())?;
        let text = s.end()?;
        let mut tables = vec![Vec::new()];
        let mut rest = text.lines();
        while let Some(line) = rest.next() {
            if line.starts_with("1: lo:") && tables.len() < shows.len() {
                // Its second line.
                rest.next();
                tables.push(Vec::new());
            } else if let Some(table) = tables.last_mut() {
                table.push(line.to_owned());
            }
        }
        tables.resize(shows.len(), Vec::new());
        Ok(tables)
    }
}

/// May a line change which number a name has, in this namespace or another?
fn changes_names(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.starts_with(&["link", "del"])
        || words.starts_with(&["link", "set"]) && (words.contains(&"netns") || words.contains(&"name"))
}

/// `sysctl -w`, by the file itself.
fn sysctl(key: &str, value: &str) -> Option<String> {
    let path = if key.contains('/') { key.to_owned() } else { key.replace('.', "/") };
    match fs::write(format!("/proc/sys/{path}"), value) {
        Ok(()) => None,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            Some(format!("sysctl: cannot stat /proc/sys/{path}: No such file or directory"))
        }
        Err(e) => {
            let why = e.to_string();
            let why = why.split(" (os error").next().unwrap_or_default();
            Some(format!("sysctl: setting key \"{key}\": {why}"))
        }
    }
}
