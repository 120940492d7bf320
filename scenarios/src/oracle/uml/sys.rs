//! System calls that std has no safe form of; each function is safe to call, and gives the kernel's errno.

use std::{
    fs::File,
    io,
    mem::zeroed,
    os::{
        fd::{AsRawFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::Command,
};

fn check(n: libc::c_int) -> io::Result<libc::c_int> {
    if n < 0 { Err(io::Error::last_os_error()) } else { Ok(n) }
}

/// A process of its own for what follows: its number in the old one, `None` in the new one. To be called with one
/// thread only.
pub fn fork() -> io::Result<Option<i32>> {
    // SAFETY: no other thread holds a lock that the new process would wait for.
    let pid = check(unsafe { libc::fork() })?;
    Ok((pid != 0).then_some(pid))
}

/// The process ends here and now.
pub fn exit() -> ! {
    // SAFETY: nothing is run at the end.
    unsafe { libc::_exit(0) }
}

/// Waits until that process has ended; any others that end meanwhile are forgotten.
pub fn wait(pid: i32) -> io::Result<()> {
    loop {
        // SAFETY: no status is asked for.
        if check(unsafe { libc::waitpid(-1, std::ptr::null_mut(), 0) })? == pid {
            return Ok(());
        }
    }
}

/// Signals a process of ours.
pub fn signal(pid: u32, signal: i32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    // SAFETY: no pointer is passed.
    check(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// A terminal line passes bytes on as they are.
pub fn raw(tty: &File) -> io::Result<()> {
    // SAFETY: the settings are plain data, read and written during the calls.
    unsafe {
        let mut t: libc::termios = zeroed();
        check(libc::tcgetattr(tty.as_raw_fd(), &raw mut t))?;
        libc::cfmakeraw(&raw mut t);
        check(libc::tcsetattr(tty.as_raw_fd(), libc::TCSANOW, &raw const t)).map(drop)
    }
}

/// Waits until a serial line has passed on what was written.
pub fn flushed(tty: &File) -> io::Result<()> {
    // SAFETY: the descriptor is open.
    check(unsafe { libc::tcdrain(tty.as_raw_fd()) }).map(drop)
}

/// Ends the kernel.
pub fn power_off() -> io::Result<()> {
    // SAFETY: no pointer is passed.
    check(unsafe { libc::reboot(libc::RB_POWER_OFF) }).map(drop)
}

/// A file in memory that has no name.
pub fn memory() -> io::Result<File> {
    // SAFETY: the name is a constant, the descriptor is new and belongs to nobody else.
    unsafe {
        let fd = check(libc::memfd_create(c"onerouter".as_ptr(), libc::MFD_CLOEXEC))?;
        Ok(File::from(OwnedFd::from_raw_fd(fd)))
    }
}

/// A command whose process has `file` as descriptor [`RECORDS`], and its own group: signals of a terminal don't reach it.
pub fn apart(command: &mut Command, file: &File) {
    let fd = file.as_raw_fd();
    command.process_group(0);
    // SAFETY: between fork and exec only system calls are made; the file is open while the command is.
    unsafe {
        command.pre_exec(move || {
            if fd == RECORDS {
                check(libc::fcntl(fd, libc::F_SETFD, 0)).map(drop)
            } else {
                check(libc::dup2(fd, RECORDS)).map(drop)
            }
        });
    }
}

/// The descriptor that a kernel's second serial line writes to.
pub const RECORDS: i32 = 9;
