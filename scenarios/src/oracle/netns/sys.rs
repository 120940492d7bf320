//! System calls that std has no safe form of. All unsafe code of the crate is here; each function is safe to call, and
//! gives the kernel's errno.

use std::{
    ffi::CString,
    io,
    mem::{size_of, size_of_val, zeroed},
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    os::unix::process::CommandExt,
    process::Command,
    ptr,
};

mod bpf;

pub use bpf::{BpfMap, bpf_attach, bpf_load};
pub use libc::{AF_INET, AF_NETLINK, AF_PACKET, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER};

type Result<T> = io::Result<T>;

fn check(n: libc::c_int) -> Result<libc::c_int> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n) }
}

fn long(n: libc::c_long) -> Result<libc::c_long> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n) }
}

fn size(n: isize) -> Result<usize> {
    usize::try_from(n).map_err(|_| io::Error::last_os_error())
}

fn text(s: &str) -> Result<CString> {
    CString::new(s).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// New namespaces for the calling thread.
pub fn unshare(flags: i32) -> Result<()> {
    // SAFETY: no pointer is passed.
    check(unsafe { libc::unshare(flags) }).map(drop)
}

/// The calling thread joins a namespace.
pub fn setns(fd: &OwnedFd, kind: i32) -> Result<()> {
    // SAFETY: the descriptor is open.
    check(unsafe { libc::setns(fd.as_raw_fd(), kind) }).map(drop)
}

/// `mount(2)`; an empty text stands for no pointer.
pub fn mount(source: &str, target: &str, kind: &str, flags: u64) -> Result<()> {
    let (source, target, kind_text) = (text(source)?, text(target)?, text(kind)?);
    let kind = if kind.is_empty() { ptr::null() } else { kind_text.as_ptr() };
    // SAFETY: all texts live until the call is over.
    check(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), kind, flags, ptr::null()) }).map(drop)
}

/// Everything mounted from now on stays in this mount namespace.
pub fn mounts_are_private() -> Result<()> {
    mount("none", "/", "", libc::MS_REC | libc::MS_PRIVATE)
}

/// `mount --bind`
pub fn bind_mount(source: &str, target: &str) -> Result<()> {
    mount(source, target, "", libc::MS_BIND)
}

/// `umount -l`
pub fn unmount(target: &str) -> Result<()> {
    let target = text(target)?;
    // SAFETY: the text ends with a zero.
    check(unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH) }).map(drop)
}

/// The process is killed when the thread that started it ends.
pub fn die_with_parent() -> Result<()> {
    // SAFETY: no pointer is passed.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).map(drop)
}

/// A command whose process is killed when its starter ends.
pub fn tied(command: &mut Command) -> &mut Command {
    // SAFETY: between fork and exec only one system call is made.
    unsafe { command.pre_exec(die_with_parent) }
}

/// The calling thread runs on this core only.
pub fn pin(cpu: usize) -> Result<()> {
    // SAFETY: a set of cores is plain data, and is passed with its size.
    check(unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::CPU_SET(cpu % libc::CPU_SETSIZE as usize, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    })
    .map(drop)
}

/// The calling thread, and what it starts, goes before all that has no such priority.
pub fn hurry() -> Result<()> {
    scheduled(libc::SCHED_RR, 1)
}

/// It goes with all others again.
pub fn calm() -> Result<()> {
    scheduled(libc::SCHED_OTHER, 0)
}

fn scheduled(policy: i32, priority: i32) -> Result<()> {
    let p = libc::sched_param { sched_priority: priority };
    // SAFETY: the struct is read during the call.
    check(unsafe { libc::sched_setscheduler(0, policy, &raw const p) }).map(drop)
}

/// Does `f` without hurry. A sysctl that needs a lock which somebody else holds is tried again and again: whoever
/// hurries keeps the holder from ever coming to its end.
pub fn unhurried<T>(f: impl FnOnce() -> T) -> T {
    // SAFETY: no pointer is passed.
    let hurries = unsafe { libc::sched_getscheduler(0) } == libc::SCHED_RR;
    if hurries {
        let _ = calm();
    }
    let done = f();
    if hurries {
        let _ = hurry();
    }
    done
}

/// The calling thread, and what it starts, gets more of a busy core than others do.
pub fn prefer() -> Result<()> {
    // SAFETY: no pointer is passed.
    check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -15) }).map(drop)
}

/// Cores that the calling thread may run on.
pub fn cores() -> Vec<usize> {
    // SAFETY: as above; a failed call leaves the set empty.
    unsafe {
        let mut set: libc::cpu_set_t = zeroed();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set);
        (0..libc::CPU_SETSIZE as usize).filter(|c| libc::CPU_ISSET(*c, &set)).collect()
    }
}

/// Is this process root where it is?
pub fn is_root() -> bool {
    // SAFETY: no pointer is passed.
    unsafe { libc::geteuid() == 0 }
}

/// User and group of this process.
pub fn ids() -> (u32, u32) {
    // SAFETY: no pointer is passed.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

fn clock(id: libc::clockid_t) -> i64 {
    // SAFETY: the struct is written by the call.
    unsafe {
        let mut t: libc::timespec = zeroed();
        libc::clock_gettime(id, &raw mut t);
        t.tv_sec * 1_000_000_000 + t.tv_nsec
    }
}

/// Nanoseconds of a clock that never jumps.
pub fn monotonic() -> i64 {
    clock(libc::CLOCK_MONOTONIC)
}

/// Nanoseconds of the clock that frames are stamped with.
pub fn realtime() -> i64 {
    clock(libc::CLOCK_REALTIME)
}

/// How far [`realtime`] is ahead of [`monotonic`]: both are read at once, or again.
pub fn ahead() -> i64 {
    const AT_ONCE_NS: i64 = 20_000;
    let look = || {
        let (before, real, after) = (monotonic(), realtime(), monotonic());
        (after - before, real - before)
    };
    let looks = (0..20).map(|_| look());
    let mut best = look();
    for l in looks {
        if best.0 < AT_ONCE_NS {
            break;
        }
        best = best.min(l);
    }
    best.1
}

/// `socket(2)`, closed on exec, never blocking.
pub fn socket(family: i32, kind: i32, proto: i32) -> Result<OwnedFd> {
    let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the descriptor is new and belongs to nobody else.
    unsafe { Ok(OwnedFd::from_raw_fd(check(libc::socket(family, kind, proto))?)) }
}

/// A socket that sees every frame of the namespace, and has their times.
pub fn tap() -> Result<OwnedFd> {
    let fd = socket(AF_PACKET, libc::SOCK_RAW, i32::from((libc::ETH_P_ALL as u16).to_be()))?;
    set(&fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS, &1_i32)?;
    let much: i32 = 64 << 20;
    if set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &much).is_err() {
        // In a user namespace only as much as the machine allows anyone.
        set(&fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &much)?;
    }
    Ok(fd)
}

/// `setsockopt` of a plain value.
pub fn set<T: Copy>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> Result<()> {
    // SAFETY: the value is passed with its size.
    check(unsafe {
        libc::setsockopt(fd.as_raw_fd(), level, name, ptr::from_ref(value).cast(), size_of_val(value) as u32)
    })
    .map(drop)
}

/// `setsockopt` of a text.
pub fn set_text(fd: &OwnedFd, level: i32, name: i32, value: &str) -> Result<()> {
    // SAFETY: the text is passed with its length.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, value.as_ptr().cast(), value.len() as u32) }).map(drop)
}

fn inet((addr, port): (u32, u16)) -> libc::sockaddr_in {
    // SAFETY: an address of zeros is a good one.
    let mut a: libc::sockaddr_in = unsafe { zeroed() };
    (a.sin_family, a.sin_port, a.sin_addr.s_addr) = (AF_INET as u16, port.to_be(), addr.to_be());
    a
}

/// `bind`
pub fn bind(fd: &OwnedFd, to: (u32, u16)) -> Result<()> {
    let a = inet(to);
    // SAFETY: the address is passed with its size.
    check(unsafe { libc::bind(fd.as_raw_fd(), (&raw const a).cast(), size_of_val(&a) as u32) }).map(drop)
}

/// `connect`
pub fn connect(fd: &OwnedFd, to: (u32, u16)) -> Result<()> {
    let a = inet(to);
    // SAFETY: the address is passed with its size.
    check(unsafe { libc::connect(fd.as_raw_fd(), (&raw const a).cast(), size_of_val(&a) as u32) }).map(drop)
}

/// The port that the socket is bound to.
pub fn port(fd: &OwnedFd) -> Result<u16> {
    let mut a = inet((0, 0));
    let mut len = size_of_val(&a) as u32;
    // SAFETY: the call writes at most `len` bytes.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), (&raw mut a).cast(), &raw mut len) })?;
    Ok(u16::from_be(a.sin_port))
}

/// `sendto`; `None`: to where the socket is connected.
pub fn send(fd: &OwnedFd, bytes: &[u8], to: Option<(u32, u16)>) -> Result<usize> {
    let a = inet(to.unwrap_or_default());
    let (at, len) = match to {
        Some(_) => ((&raw const a).cast(), size_of_val(&a) as u32),
        None => (ptr::null(), 0),
    };
    // SAFETY: buffer and address are passed with their sizes.
    size(unsafe { libc::sendto(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0, at, len) })
}

/// `sendto` of a packet socket: a frame as it is, by the device of that name.
///
/// # Errors
/// ENODEV: there is none in this namespace; the kernel's.
pub fn send_frame(fd: &OwnedFd, device: &str, bytes: &[u8]) -> Result<()> {
    let name = std::ffi::CString::new(device)?;
    // SAFETY: an address of zeros is a good one, and the name ends with a zero.
    let mut a: libc::sockaddr_ll = unsafe { zeroed() };
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::from_raw_os_error(libc::ENODEV));
    }
    a.sll_family = AF_PACKET as u16;
    a.sll_ifindex = index as i32;
    // SAFETY: buffer and address are passed with their sizes.
    size(unsafe {
        let (at, len) = ((&raw const a).cast(), size_of_val(&a) as u32);
        libc::sendto(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0, at, len)
    })
    .map(drop)
}

/// `recvfrom`: bytes, and who sent them.
pub fn receive(fd: &OwnedFd, bytes: &mut [u8]) -> Result<(usize, (u32, u16))> {
    let mut a = inet((0, 0));
    let mut len = size_of_val(&a) as u32;
    // SAFETY: the call writes at most as many bytes as it is told.
    let n = size(unsafe {
        let (at, room) = (bytes.as_mut_ptr().cast(), bytes.len());
        libc::recvfrom(fd.as_raw_fd(), at, room, 0, (&raw mut a).cast(), &raw mut len)
    })?;
    Ok((n, (u32::from_be(a.sin_addr.s_addr), u16::from_be(a.sin_port))))
}

/// A message's aligned room for ancillary data.
#[repr(align(8))]
struct Room([u8; 512]);

/// The errno of the first entry of the error queue (`MSG_ERRQUEUE`); `data` gets the start of the packet that it is
/// about, from its transport header on.
pub fn queued_error(fd: &OwnedFd, data: &mut [u8]) -> Result<i32> {
    let mut room = Room([0; 512]);
    // SAFETY: all buffers outlive the call and are passed with their sizes; what is read was written by the kernel.
    unsafe {
        let mut iov = libc::iovec { iov_base: data.as_mut_ptr().cast(), iov_len: data.len() };
        let mut m: libc::msghdr = zeroed();
        (m.msg_iov, m.msg_iovlen) = (&raw mut iov, 1);
        (m.msg_control, m.msg_controllen) = (room.0.as_mut_ptr().cast(), room.0.len());
        size(libc::recvmsg(fd.as_raw_fd(), &raw mut m, libc::MSG_ERRQUEUE | libc::MSG_DONTWAIT))?;
        let mut c = libc::CMSG_FIRSTHDR(&raw const m);
        while !c.is_null() {
            if ((*c).cmsg_level, (*c).cmsg_type) == (libc::IPPROTO_IP, libc::IP_RECVERR) {
                let e: libc::sock_extended_err = ptr::read_unaligned(libc::CMSG_DATA(c).cast());
                return i32::try_from(e.ee_errno).map_err(|_| io::Error::from(io::ErrorKind::InvalidData));
            }
            c = libc::CMSG_NXTHDR(&raw const m, c);
        }
    }
    Err(io::Error::from(io::ErrorKind::NotFound))
}

/// A frame from a [`tap`].
pub struct Tapped {
    pub ifindex: i32,
    /// `sll_pkttype`
    pub way: u8,
    /// Nanoseconds of [`realtime`].
    pub at: i64,
    /// Of the whole frame; the buffer may hold less.
    pub len: usize,
}

/// The next frame of a [`tap`].
pub fn tapped(fd: &OwnedFd, bytes: &mut [u8]) -> Result<Tapped> {
    let mut room = Room([0; 512]);
    // SAFETY: as in `queued_error`.
    unsafe {
        let mut from: libc::sockaddr_ll = zeroed();
        let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        let mut m: libc::msghdr = zeroed();
        (m.msg_name, m.msg_namelen) = ((&raw mut from).cast(), size_of_val(&from) as u32);
        (m.msg_iov, m.msg_iovlen) = (&raw mut iov, 1);
        (m.msg_control, m.msg_controllen) = (room.0.as_mut_ptr().cast(), room.0.len());
        let len = size(libc::recvmsg(fd.as_raw_fd(), &raw mut m, libc::MSG_TRUNC | libc::MSG_DONTWAIT))?;
        let mut at = 0;
        let mut c = libc::CMSG_FIRSTHDR(&raw const m);
        while !c.is_null() {
            if ((*c).cmsg_level, (*c).cmsg_type) == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                let t: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(c).cast());
                at = t.tv_sec * 1_000_000_000 + t.tv_nsec;
            }
            c = libc::CMSG_NXTHDR(&raw const m, c);
        }
        Ok(Tapped { ifindex: from.sll_ifindex, way: from.sll_pkttype, at, len })
    }
}

/// Frames that a [`tap`] had no room for.
pub fn tap_lost(fd: &OwnedFd) -> Result<u32> {
    let mut s = [0_u32; 2];
    let mut len = size_of_val(&s) as u32;
    // SAFETY: the call writes at most `len` bytes.
    check(unsafe {
        libc::getsockopt(fd.as_raw_fd(), libc::SOL_PACKET, libc::PACKET_STATISTICS, s.as_mut_ptr().cast(), &raw mut len)
    })?;
    Ok(s[1])
}

/// An epoll instance: descriptors become ready in the order in which something arrived for them.
pub struct Poll(OwnedFd);

impl Poll {
    pub fn new() -> Result<Poll> {
        // SAFETY: the descriptor is new and belongs to nobody else.
        unsafe { Ok(Poll(OwnedFd::from_raw_fd(check(libc::epoll_create1(libc::EPOLL_CLOEXEC))?))) }
    }

    /// Tells of `fd` under the number `key`, once for each arrival.
    pub fn add(&self, fd: &OwnedFd, key: u64) -> Result<()> {
        let mut e = libc::epoll_event { events: (libc::EPOLLIN | libc::EPOLLET) as u32, u64: key };
        // SAFETY: the event is read during the call.
        check(unsafe { libc::epoll_ctl(self.0.as_raw_fd(), libc::EPOLL_CTL_ADD, fd.as_raw_fd(), &raw mut e) }).map(drop)
    }

    /// Waits at most `ns` nanoseconds; numbers of what is ready, in order of arrival.
    pub fn wait(&self, ns: i64) -> Result<Vec<u64>> {
        let mut ready = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let ns = ns.max(0);
        let t = libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 };
        // SAFETY: the array is passed with its length.
        let n = unsafe {
            let (at, room) = (ready.as_mut_ptr(), ready.len() as i32);
            libc::syscall(libc::SYS_epoll_pwait2, self.0.as_raw_fd(), at, room, &raw const t, ptr::null::<u8>(), 0)
        };
        match long(n) {
            Ok(n) => Ok(ready[..n as usize].iter().map(|e| e.u64).collect()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(e) => Err(e),
        }
    }
}

/// Asks rtnetlink (`bytes` is a whole message) and gives all bytes of its answers, up to the end of the dump.
pub fn netlink(fd: &OwnedFd, bytes: &[u8], mut each: impl FnMut(&[u8]) -> bool) -> Result<()> {
    // SAFETY: buffers are passed with their sizes.
    size(unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0) })?;
    let mut buffer = vec![0_u8; 64 << 10];
    loop {
        // SAFETY: the call writes at most as many bytes as it is told.
        let n = size(unsafe { libc::recv(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) });
        match n {
            Ok(n) => {
                if each(&buffer[..n]) {
                    return Ok(());
                }
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => readable(fd.as_raw_fd()),
            Err(e) => return Err(e),
        }
    }
}

/// Waits until there is something to read.
fn readable(fd: RawFd) {
    let mut p = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry is passed.
    unsafe { libc::poll(&raw mut p, 1, 1000) };
}

/// `uname -r` without what a distribution puts behind the numbers.
pub fn release() -> String {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    text.split(['-', '+', '\n']).next().unwrap_or_default().to_owned()
}

/// Standard output ends here: whoever reads it finds the end, before this process has gone.
pub fn close_output() -> Result<()> {
    let nothing = std::fs::OpenOptions::new().write(true).open("/dev/null")?;
    // SAFETY: both descriptors are open; what is written later goes nowhere.
    check(unsafe { libc::dup2(nothing.as_raw_fd(), libc::STDOUT_FILENO) }).map(drop)
}
