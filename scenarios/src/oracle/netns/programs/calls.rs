//! What system calls are given and give back: payload, socket options, names of errors.

use crate::{
    oracle::netns::sys,
    verify::job::{MAGIC, SockOpts},
};
use std::{io, os::fd::OwnedFd};

/// `size` bytes that tell flow and number, as far as they have the room.
pub(super) fn payload(flow: u32, seq: u32, size: u32) -> Vec<u8> {
    let mut bytes = vec![0; size as usize];
    let head = [MAGIC.to_be_bytes(), (flow as u16).to_be_bytes()].concat();
    let head = [head.as_slice(), &seq.to_be_bytes()].concat();
    let n = head.len().min(bytes.len());
    bytes[..n].copy_from_slice(&head[..n]);
    bytes
}

/// Sets what differs from the kernel's defaults.
///
/// # Errors
/// The kernel's.
pub(super) fn options(fd: &OwnedFd, o: &SockOpts) -> io::Result<()> {
    let (sock, ip) = (libc::SOL_SOCKET, libc::IPPROTO_IP);
    let on = 1_i32;
    for (name, wanted) in [(libc::SO_BROADCAST, o.broadcast), (libc::SO_REUSEADDR, o.reuseaddr)] {
        if wanted {
            sys::set(fd, sock, name, &on)?;
        }
    }
    // What every socket has unless `ip_no_pmtu_disc` says otherwise is not asked for.
    if o.pmtudisc != 1 {
        sys::set(fd, ip, libc::IP_MTU_DISCOVER, &i32::from(o.pmtudisc))?;
    }
    if o.recverr {
        sys::set(fd, ip, libc::IP_RECVERR, &on)?;
    }
    if let Some(ttl) = o.ttl {
        sys::set(fd, ip, libc::IP_TTL, &i32::from(ttl))?;
    }
    if o.tos != 0 {
        sys::set(fd, ip, libc::IP_TOS, &i32::from(o.tos))?;
    }
    if o.mark != 0 {
        sys::set(fd, sock, libc::SO_MARK, &o.mark)?;
    }
    if let Some(dev) = &o.device {
        sys::set_text(fd, sock, libc::SO_BINDTODEVICE, dev)?;
    }
    if let Some(bytes) = o.rcvbuf {
        // The kernel doubles what it is told.
        let half = i32::try_from(bytes / 2).unwrap_or(i32::MAX);
        if sys::set(fd, sock, libc::SO_RCVBUFFORCE, &half).is_err() {
            sys::set(fd, sock, libc::SO_RCVBUF, &half)?;
        }
    }
    Ok(())
}

/// `ICMP_FILTER` as iputils sets it: echo replies and errors come through.
///
/// # Errors
/// The kernel's.
pub(super) fn only_answers(fd: &OwnedFd) -> io::Result<()> {
    const SOL_RAW: i32 = 255;
    const ICMP_FILTER: i32 = 1;
    // Echo reply, unreachable, source quench, redirect, time exceeded, parameter problem.
    let through = [0, 3, 4, 5, 11, 12].iter().fold(0_u32, |all, kind| all | 1 << kind);
    sys::set(fd, SOL_RAW, ICMP_FILTER, &!through)
}

/// "ECONNREFUSED"
pub(super) fn errno_name(errno: i32) -> String {
    let names = [
        (libc::EACCES, "EACCES"),
        (libc::EADDRINUSE, "EADDRINUSE"),
        (libc::EADDRNOTAVAIL, "EADDRNOTAVAIL"),
        (libc::EAGAIN, "EAGAIN"),
        (libc::ECONNREFUSED, "ECONNREFUSED"),
        (libc::EHOSTDOWN, "EHOSTDOWN"),
        (libc::EHOSTUNREACH, "EHOSTUNREACH"),
        (libc::EINVAL, "EINVAL"),
        (libc::EMSGSIZE, "EMSGSIZE"),
        (libc::ENETDOWN, "ENETDOWN"),
        (libc::ENETUNREACH, "ENETUNREACH"),
        (libc::ENOBUFS, "ENOBUFS"),
        (libc::ENODEV, "ENODEV"),
        (libc::ENOPROTOOPT, "ENOPROTOOPT"),
        (libc::EOPNOTSUPP, "EOPNOTSUPP"),
        (libc::EPERM, "EPERM"),
        (libc::EPROTO, "EPROTO"),
        (libc::ETIMEDOUT, "ETIMEDOUT"),
        (libc::ENXIO, "ENXIO"),
        (libc::EXDEV, "EXDEV"),
    ];
    names.iter().find(|n| n.0 == errno).map_or_else(|| format!("errno {errno}"), |n| n.1.to_owned())
}
