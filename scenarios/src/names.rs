//! HOST/NS/DEV: from written paths to numbers, with a suggestion where there is no such thing.

use crate::{
    diagnostic::did_you_mean,
    read::At,
    spec::{Device, Host, Namespace, Scenario, Switch},
};
use rustc_hash::FxHashMap;

/// The namespace that every host has.
pub const ROOT: &str = "root";

/// Everything that has a name, in order: hosts as in the file; of each host `root` first, then as in the file.
pub struct Names<'s> {
    pub hosts: Vec<HostNames<'s>>,
    /// External switches with their ports; in the world they come after the hosts.
    pub switches: Vec<(&'s str, Vec<&'s str>)>,
    // Only asked, never iterated.
    by_host: FxHashMap<&'s str, usize>,
    by_ns: FxHashMap<(usize, &'s str), usize>,
    by_dev: FxHashMap<(usize, usize, &'s str), usize>,
}

/// A host and its namespaces.
pub struct HostNames<'s> {
    pub name: &'s str,
    /// `None`: it could not be read, nothing is known of what it has.
    pub host: Option<&'s Host>,
    pub nets: Vec<NetNames<'s>>,
    /// Names may be missing here.
    partial: bool,
}

/// A namespace and its devices.
pub struct NetNames<'s> {
    pub name: &'s str,
    /// `None`: it could not be read, or is a `root` that is not written.
    pub net: Option<&'s Namespace>,
    pub devices: Vec<(&'s str, Option<&'s Device>)>,
    /// Names may be missing here.
    partial: bool,
    /// The host's script makes it: it is there only when that is done, and its number is the kernel's choice.
    pub made: bool,
}

/// A namespace of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NsRef {
    pub host: usize,
    /// Also its number in the kernel, unless the host's script makes it.
    pub ns: usize,
}

/// A device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DevRef {
    pub host: usize,
    pub ns: usize,
    pub dev: usize,
}

/// A port of an external switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRef {
    pub switch: usize,
    pub port: usize,
}

/// A path does not lead anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSuch {
    pub title: String,
    pub help: Option<String>,
    /// It may be among what could not be read: then there is nothing to say.
    pub excused: bool,
}

impl<'s> Names<'s> {
    pub fn new(s: &'s Scenario) -> Names<'s> {
        let mut names = Names {
            hosts: Vec::new(),
            switches: s.switches.iter().map(|(e, sw)| (e.name.as_str(), ports(sw.get()))).collect(),
            by_host: FxHashMap::default(),
            by_ns: FxHashMap::default(),
            by_dev: FxHashMap::default(),
        };
        for entry in &s.hosts.entries {
            let h = names.hosts.len();
            names.by_host.insert(&entry.name, h);
            let host = entry.value.as_ref();
            let partial = host.is_none_or(|h| h.namespaces.partial);
            names.hosts.push(HostNames { name: &entry.name, host, nets: Vec::new(), partial });
            names.add_net(h, ROOT, None);
            for ns in host.iter().flat_map(|h| &h.namespaces.entries) {
                names.add_net(h, &ns.name, Some(ns.value.as_ref()));
            }
            for name in host.iter().flat_map(|h| &h.read_script.namespaces) {
                names.add_made(h, name);
            }
        }
        names
    }

    /// `net`: `None` if it is not written, `Some(None)` if it could not be read.
    fn add_net(&mut self, h: usize, name: &'s str, net: Option<Option<&'s Namespace>>) {
        let count = self.hosts[h].nets.len();
        let n = *self.by_ns.entry((h, name)).or_insert(count);
        if n == count {
            let partial = self.hosts[h].host.is_some_and(Host::is_scripted);
            let nets = &mut self.hosts[h].nets;
            nets.push(NetNames { name, net: None, devices: Vec::new(), partial, made: false });
        }
        let Some(net) = net else { return };
        let nets = &mut self.hosts[h].nets;
        nets[n].partial |= net.is_none_or(|net| net.devices.partial);
        nets[n].net = net;
        for device in net.iter().flat_map(|net| &net.devices.entries) {
            self.by_dev.insert((h, n, &device.name), nets[n].devices.len());
            nets[n].devices.push((&device.name, device.value.as_ref()));
        }
    }

    /// One that the host's script makes: what is in it is not known here.
    fn add_made(&mut self, h: usize, name: &'s str) {
        let nets = &mut self.hosts[h].nets;
        let n = *self.by_ns.entry((h, name)).or_insert(nets.len());
        if n == nets.len() {
            nets.push(NetNames { name, net: None, devices: Vec::new(), partial: true, made: true });
        }
    }

    /// SWITCH/PORT; `None` if the path does not begin with the name of a switch.
    ///
    /// # Errors
    /// There is no such port.
    pub fn port(&self, path: &str) -> Option<Result<PortRef, NoSuch>> {
        let (name, port) = path.split_once('/')?;
        let switch = self.switches.iter().position(|s| s.0 == name)?;
        let ports = &self.switches[switch].1;
        Some(match ports.iter().position(|p| *p == port) {
            Some(port) => Ok(PortRef { switch, port }),
            None => {
                let title = format!("switch `{name}` has no port `{port}`");
                Err(no(title, did_you_mean(port, some(ports.iter().copied()))))
            }
        })
    }

    /// HOST/NS
    ///
    /// # Errors
    /// It is no such path, or there is no such host or namespace.
    pub fn ns(&self, path: &str) -> Result<NsRef, NoSuch> {
        match path.split('/').collect::<Vec<_>>()[..] {
            [host, ns] => self.ns_in(self.host(host)?, ns),
            [host] if self.by_host.contains_key(host) => {
                let help = Some(format!("did you mean `{host}/{ROOT}`?"));
                Err(no(format!("`{path}` is a host: expected HOST/NS"), help))
            }
            _ => Err(no(format!("`{path}` is not a path of a namespace: expected HOST/NS"), None)),
        }
    }

    /// HOST/NS/DEV
    ///
    /// # Errors
    /// It is no such path, or there is no such host, namespace or device.
    pub fn dev(&self, path: &str) -> Result<DevRef, NoSuch> {
        match path.split('/').collect::<Vec<_>>()[..] {
            [host, ns, dev] => self.dev_in(self.ns_in(self.host(host)?, ns)?, dev),
            [host, dev] if self.by_host.contains_key(host) => {
                let help = Some(format!("did you mean `{host}/{ROOT}/{dev}`?"));
                Err(no(format!("`{path}` has two parts: expected HOST/NS/DEV"), help))
            }
            _ => Err(no(format!("`{path}` is not a path of a device: expected HOST/NS/DEV"), None)),
        }
    }

    /// NS/DEV inside a host.
    ///
    /// # Errors
    /// It is no such path, or there is no such namespace or device.
    pub fn dev_of_host(&self, host: usize, path: &str) -> Result<DevRef, NoSuch> {
        match path.split('/').collect::<Vec<_>>()[..] {
            [ns, dev] => self.dev_in(self.ns_in(host, ns)?, dev),
            [_, ns, dev] if self.by_ns.contains_key(&(host, ns)) => {
                let help = Some(format!("did you mean `{ns}/{dev}`?"));
                Err(no(format!("`{path}` names a host: inside of one a path is NS/DEV"), help))
            }
            _ => Err(no(format!("`{path}` is not a path inside a host: expected NS/DEV"), None)),
        }
    }

    /// DEV of the same namespace, or NS/DEV of the same host.
    ///
    /// # Errors
    /// It is no such path, or there is no such namespace or device.
    pub fn link(&self, at: NsRef, path: &str) -> Result<DevRef, NoSuch> {
        if path.contains('/') { self.dev_of_host(at.host, path) } else { self.dev_in(at, path) }
    }

    /// # Errors
    /// There is no such host.
    pub fn host(&self, name: &str) -> Result<usize, NoSuch> {
        self.by_host.get(name).copied().ok_or_else(|| {
            let known = self.hosts.iter().map(|h| h.name);
            no(format!("there is no host `{name}`"), did_you_mean(name, some(known)))
        })
    }

    /// # Errors
    /// There is no such namespace on that host.
    pub fn ns_in(&self, host: usize, name: &str) -> Result<NsRef, NoSuch> {
        match self.by_ns.get(&(host, name)) {
            Some(ns) => Ok(NsRef { host, ns: *ns }),
            None => {
                let h = &self.hosts[host];
                let known = h.nets.iter().map(|n| n.name);
                let title = format!("host `{}` has no namespace `{name}`", h.name);
                Err(NoSuch { excused: h.partial, ..no(title, did_you_mean(name, some(known))) })
            }
        }
    }

    /// # Errors
    /// There is no such device in that namespace.
    pub fn dev_in(&self, at: NsRef, name: &str) -> Result<DevRef, NoSuch> {
        match self.by_dev.get(&(at.host, at.ns, name)) {
            Some(dev) => Ok(DevRef { host: at.host, ns: at.ns, dev: *dev }),
            None => {
                let net = self.net(at);
                let known = net.devices.iter().map(|d| d.0);
                let title = format!("`{name}` is not a device of `{}`", self.path(at));
                Err(NoSuch { excused: net.partial, ..no(title, did_you_mean(name, some(known))) })
            }
        }
    }

    pub fn net(&self, at: NsRef) -> &NetNames<'s> {
        &self.hosts[at.host].nets[at.ns]
    }
    /// `None`: it could not be read.
    pub fn device(&self, at: DevRef) -> Option<&'s Device> {
        self.hosts[at.host].nets[at.ns].devices[at.dev].1
    }
    /// "h1/c1"
    pub fn path(&self, at: NsRef) -> String {
        let host = &self.hosts[at.host];
        format!("{}/{}", host.name, host.nets[at.ns].name)
    }
    /// "h1/c1/eth0"
    pub fn dev_path(&self, at: DevRef) -> String {
        let net = &self.hosts[at.host].nets[at.ns];
        format!("{}/{}/{}", self.hosts[at.host].name, net.name, net.devices[at.dev].0)
    }
    /// "c1/eth0"
    pub fn dev_path_in_host(&self, at: DevRef) -> String {
        let net = &self.hosts[at.host].nets[at.ns];
        format!("{}/{}", net.name, net.devices[at.dev].0)
    }

    /// Every namespace, host by host.
    pub fn all(&self) -> impl Iterator<Item = (NsRef, &NetNames<'s>)> {
        self.hosts
            .iter()
            .enumerate()
            .flat_map(|(host, h)| h.nets.iter().enumerate().map(move |(ns, net)| (NsRef { host, ns }, net)))
    }
}

fn ports(switch: &Switch) -> Vec<&str> {
    switch.ports.iter().filter_map(At::get).map(String::as_str).collect()
}

fn no(title: String, help: Option<String>) -> NoSuch {
    NoSuch { title, help, excused: false }
}

/// A suggestion is looked for among so many names at most.
fn some<'n>(names: impl Iterator<Item = &'n str>) -> impl Iterator<Item = &'n str> {
    names.take(1000)
}

/// Why a host's or a namespace's name is none, if it is none.
pub fn bad_name(name: &str) -> Option<&'static str> {
    match name {
        "" => Some("it is empty"),
        "." | ".." => Some("it has a meaning of its own in paths"),
        _ if name.len() > 255 => Some("it is longer than 255 bytes"),
        _ if name.contains('/') => Some("it contains `/`"),
        _ if name.contains(|c: char| c.is_whitespace() || c.is_control()) => Some("it contains blanks"),
        _ => None,
    }
}

/// Why a device's name is none (`dev_valid_name`), if it is none.
pub fn bad_dev_name(name: &str) -> Option<&'static str> {
    match bad_name(name) {
        None if name.len() > 15 => Some("it is longer than 15 bytes"),
        None if name.contains(':') => Some("it contains `:`"),
        why => why,
    }
}
