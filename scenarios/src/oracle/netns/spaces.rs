//! Network namespaces of several hosts side by side. Each host has a mount namespace of its own with a private
//! `/run/netns`, so that the names of `ip netns` are its own; everything is held by descriptors of this process and
//! goes with it.

use super::sys;
use crate::verify::job::{JobHost, Missing};
use std::{
    fs::{self, File},
    io,
    os::fd::{AsRawFd, OwnedFd},
    os::unix::fs::MetadataExt,
    path::Path,
};

const NAMES: &str = "/run/netns";

/// All namespaces of all hosts.
pub struct Spaces {
    hosts: Vec<Host>,
    /// Where the unplugged ends of cables go.
    nowhere: Option<OwnedFd>,
    /// The kernel's first network namespace, if the kernel is ours: what all share is set there.
    initial: Option<OwnedFd>,
    /// Settings of a new namespace that the machine's own namespace has changed: key, and the kernel's default.
    inherited: Option<Vec<(String, &'static str)>>,
}

struct Host {
    is_switch: bool,
    mounts: OwnedFd,
    spaces: Vec<(String, OwnedFd)>,
    /// Numbers and names of namespaces that were deleted.
    gone: Vec<(u32, String)>,
}

/// The kernel's defaults of `net.ipv4.conf.{all,default}` that a new namespace takes from the initial one (DEV-40);
/// two values: of `all`, and of `default` and `lo`.
const DEFAULTS: &[(&str, &str, &str)] = &[
    ("accept_local", "0", "0"),
    ("accept_redirects", "1", "1"),
    ("accept_source_route", "0", "1"),
    ("arp_accept", "0", "0"),
    ("arp_announce", "0", "0"),
    ("arp_evict_nocarrier", "1", "1"),
    ("arp_filter", "0", "0"),
    ("arp_ignore", "0", "0"),
    ("arp_notify", "0", "0"),
    ("bc_forwarding", "0", "0"),
    ("bootp_relay", "0", "0"),
    ("disable_policy", "0", "0"),
    ("disable_xfrm", "0", "0"),
    ("drop_gratuitous_arp", "0", "0"),
    ("drop_unicast_in_l2_multicast", "0", "0"),
    ("forwarding", "0", "0"),
    ("ignore_routes_with_linkdown", "0", "0"),
    ("log_martians", "0", "0"),
    ("promote_secondaries", "0", "0"),
    ("proxy_arp", "0", "0"),
    ("proxy_arp_pvlan", "0", "0"),
    ("route_localnet", "0", "0"),
    ("rp_filter", "0", "0"),
    ("secure_redirects", "1", "1"),
    ("send_redirects", "1", "1"),
    ("shared_media", "1", "1"),
    ("src_valid_mark", "0", "0"),
];

/// What the simulator has not, switched off in every namespace.
const OFF: &[(&str, &str)] = &[
    ("net/ipv6/conf/all/disable_ipv6", "1"),
    ("net/ipv6/conf/default/disable_ipv6", "1"),
    ("net/bridge/bridge-nf-call-iptables", "0"),
    ("net/bridge/bridge-nf-call-ip6tables", "0"),
    ("net/bridge/bridge-nf-call-arptables", "0"),
];

/// Leaves the machine's own namespaces behind, in a user namespace if need be.
///
/// # Errors
/// This process may not.
pub fn leave() -> Result<(), Missing> {
    let apart = sys::CLONE_NEWNS | sys::CLONE_NEWNET;
    let (uid, gid) = sys::ids();
    let why = |e: io::Error| Missing::Privilege(format!("CAP_SYS_ADMIN, or a user namespace ({e})"));
    if !sys::is_root() || sys::unshare(apart).is_err() {
        sys::unshare(sys::CLONE_NEWUSER | apart).map_err(why)?;
        // Without a group map a process may not say who is in which group.
        let map = |file: &str, text: String| fs::write(format!("/proc/self/{file}"), text).map_err(why);
        map("setgroups", "deny".to_owned())?;
        map("uid_map", format!("0 {uid} 1"))?;
        map("gid_map", format!("0 {gid} 1"))?;
    }
    sys::mounts_are_private().map_err(why)
}

impl Spaces {
    /// The root namespace of each host.
    ///
    /// # Errors
    /// The kernel's.
    pub fn new(hosts: &[JobHost], initial: Option<OwnedFd>) -> io::Result<Spaces> {
        let base = OwnedFd::from(File::open("/proc/thread-self/ns/mnt")?);
        let mut all = Spaces { hosts: Vec::new(), nowhere: None, initial, inherited: None };
        for (i, host) in hosts.iter().enumerate() {
            sys::setns(&base, sys::CLONE_NEWNS)?;
            sys::unshare(sys::CLONE_NEWNS)?;
            if Path::new(NAMES).is_dir() {
                sys::mount("tmpfs", NAMES, "tmpfs", 0)?;
            } else {
                sys::mount("tmpfs", "/run", "tmpfs", 0)?;
                fs::create_dir(NAMES)?;
            }
            let mounts = OwnedFd::from(File::open("/proc/thread-self/ns/mnt")?);
            all.hosts.push(Host { is_switch: host.is_switch, mounts, spaces: Vec::new(), gone: Vec::new() });
            for name in &host.spaces {
                all.add(i, name)?;
            }
        }
        Ok(all)
    }

    /// `ip netns add`
    ///
    /// # Errors
    /// The kernel's; the name is taken.
    pub fn add(&mut self, host: usize, name: &str) -> io::Result<()> {
        sys::setns(&self.hosts[host].mounts, sys::CLONE_NEWNS)?;
        let path = format!("{NAMES}/{name}");
        File::create_new(&path)?;
        sys::unshare(sys::CLONE_NEWNET)?;
        sys::bind_mount("/proc/thread-self/ns/net", &path)?;
        let fd = OwnedFd::from(File::open("/proc/thread-self/ns/net")?);
        self.hosts[host].spaces.push((name.to_owned(), fd));
        self.reset()
    }

    /// `ip netns del`; what else holds the namespace keeps it. The calling thread must not be in it.
    ///
    /// # Errors
    /// The kernel's; there is none of that name.
    pub fn delete(&mut self, host: usize, name: &str) -> io::Result<()> {
        sys::setns(&self.hosts[host].mounts, sys::CLONE_NEWNS)?;
        let h = &mut self.hosts[host];
        let at = h.spaces.iter().position(|s| s.0 == name).ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        let (name, fd) = h.spaces.remove(at);
        h.gone.push((number(&fd)?, name.clone()));
        let path = format!("{NAMES}/{name}");
        sys::unmount(&path)?;
        fs::remove_file(path)
    }

    /// Brings the current namespace to what a freshly booted kernel would have.
    fn reset(&mut self) -> io::Result<()> {
        for (key, value) in OFF {
            // Absent where the kernel lacks the module.
            let _ = fs::write(format!("/proc/sys/{key}"), value);
        }
        if self.inherited.is_none() {
            self.inherited = Some(inherited());
        }
        for (key, value) in self.inherited.iter().flatten() {
            fs::write(key, value)?;
        }
        Ok(())
    }

    /// The calling thread works in this namespace from now on. False: there is none of that name.
    ///
    /// # Errors
    /// The kernel's.
    pub fn enter(&self, host: usize, name: &str) -> io::Result<bool> {
        let Some(h) = self.hosts.get(host) else { return Ok(false) };
        let Some((_, fd)) = h.spaces.iter().find(|s| s.0 == name) else { return Ok(false) };
        sys::setns(&h.mounts, sys::CLONE_NEWNS)?;
        sys::setns(fd, sys::CLONE_NEWNET)?;
        Ok(true)
    }

    /// The calling thread works where settings are that all namespaces share; false: that is not for us.
    ///
    /// # Errors
    /// The kernel's.
    pub fn enter_initial(&self) -> io::Result<bool> {
        let Some(fd) = &self.initial else { return Ok(false) };
        sys::setns(fd, sys::CLONE_NEWNET)?;
        Ok(true)
    }

    /// A path by which any process that may see this one finds the namespace.
    pub fn path(&self, host: usize, name: &str) -> Option<String> {
        let fd = &self.hosts.get(host)?.spaces.iter().find(|s| s.0 == name)?.1;
        Some(format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd()))
    }

    /// A namespace that no host has, for the far ends of unplugged NICs. The calling thread is in it afterwards.
    ///
    /// # Errors
    /// The kernel's.
    pub fn nowhere(&mut self) -> io::Result<String> {
        let fd = match self.nowhere.take() {
            Some(fd) => fd,
            None => {
                sys::unshare(sys::CLONE_NEWNET)?;
                let fd = OwnedFd::from(File::open("/proc/thread-self/ns/net")?);
                self.reset()?;
                fd
            }
        };
        sys::setns(&fd, sys::CLONE_NEWNET)?;
        let path = format!("/proc/{}/fd/{}", std::process::id(), fd.as_raw_fd());
        self.nowhere = Some(fd);
        Ok(path)
    }

    /// Number, host and name of every namespace; the number is its inode's.
    ///
    /// # Errors
    /// The kernel's.
    pub fn numbers(&self) -> io::Result<Vec<(u32, usize, String)>> {
        let mut all = Vec::new();
        for (i, h) in self.hosts.iter().enumerate().filter(|(_, h)| !h.is_switch) {
            for (name, fd) in &h.spaces {
                all.push((number(fd)?, i, name.clone()));
            }
            all.extend(h.gone.iter().map(|(number, name)| (*number, i, name.clone())));
        }
        Ok(all)
    }

    /// Host and name of every namespace that a scenario tells of.
    pub fn all(&self) -> Vec<(usize, String)> {
        self.with_switches().into_iter().filter(|(host, _)| !self.hosts[*host].is_switch).collect()
    }

    /// The same, and those that stand for external switches.
    pub fn with_switches(&self) -> Vec<(usize, String)> {
        let of = |(i, h): (usize, &Host)| h.spaces.iter().map(move |s| (i, s.0.clone())).collect::<Vec<_>>();
        self.hosts.iter().enumerate().flat_map(of).collect()
    }
}

/// A namespace's number: its inode's.
fn number(fd: &OwnedFd) -> io::Result<u32> {
    Ok(u32::try_from(File::from(fd.try_clone()?).metadata()?.ino()).unwrap_or(0))
}

/// What the namespace that the thread is in, a new one, does not have at the kernel's default.
fn inherited() -> Vec<(String, &'static str)> {
    let mut out = Vec::new();
    for (name, all, other) in DEFAULTS {
        for (whose, value) in [("all", all), ("default", other), ("lo", other)] {
            let path = format!("/proc/sys/net/ipv4/conf/{whose}/{name}");
            if fs::read_to_string(&path).is_ok_and(|is| is.trim() != *value) {
                out.push((path, *value));
            }
        }
    }
    // Forwarding of `all` changes every device's: it comes first.
    out.sort_by_key(|(path, _)| !path.ends_with("all/forwarding"));
    out
}
