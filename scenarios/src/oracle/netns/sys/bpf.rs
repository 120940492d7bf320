//! Programs for the kernel's own machine, and their tables.

use super::{Result, long, text};
use std::{
    mem::size_of,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
};

/// `union bpf_attr`: as many zeros as any command reads.
type BpfAttr = [u64; 18];

fn bpf(command: i32, attr: &mut BpfAttr) -> Result<i64> {
    // SAFETY: the attributes are passed with their size; pointers in them are to what the caller keeps alive.
    long(unsafe { libc::syscall(libc::SYS_bpf, command, attr.as_mut_ptr(), size_of::<BpfAttr>()) })
}

fn bpf_fd(command: i32, attr: &mut BpfAttr) -> Result<OwnedFd> {
    let fd = bpf(command, attr)?;
    // SAFETY: the descriptor is new and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

/// A hash table in the kernel.
pub struct BpfMap(OwnedFd);

impl BpfMap {
    /// Sizes in bytes.
    pub fn new(key: u32, value: u32, entries: u32) -> Result<BpfMap> {
        const BPF_MAP_CREATE: i32 = 0;
        const HASH: u64 = 1;
        let mut attr = BpfAttr::default();
        attr[0] = HASH | u64::from(key) << 32;
        attr[1] = u64::from(value) | u64::from(entries) << 32;
        bpf_fd(BPF_MAP_CREATE, &mut attr).map(BpfMap)
    }

    /// Its descriptor, for a program.
    pub fn number(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// All keys of `key` bytes with their 64-bit values.
    pub fn entries(&self, key: usize) -> Result<Vec<(Vec<u8>, u64)>> {
        const BPF_MAP_LOOKUP_ELEM: i32 = 1;
        const BPF_MAP_GET_NEXT_KEY: i32 = 4;
        let mut all: Vec<(Vec<u8>, u64)> = Vec::new();
        loop {
            let mut next = vec![0_u8; key];
            let mut value = 0_u64;
            let mut attr = BpfAttr::default();
            attr[0] = self.number() as u64;
            attr[1] = all.last().map_or(0, |l| l.0.as_ptr() as u64);
            attr[2] = next.as_mut_ptr() as u64;
            match bpf(BPF_MAP_GET_NEXT_KEY, &mut attr) {
                Ok(_) => {}
                Err(e) if e.raw_os_error() == Some(libc::ENOENT) => return Ok(all),
                Err(e) => return Err(e),
            }
            attr = BpfAttr::default();
            attr[0] = self.number() as u64;
            attr[1] = next.as_ptr() as u64;
            attr[2] = (&raw mut value) as u64;
            bpf(BPF_MAP_LOOKUP_ELEM, &mut attr)?;
            all.push((next, value));
        }
    }
}

/// Loads a program for a raw tracepoint.
pub fn bpf_load(program: &[u64]) -> Result<OwnedFd> {
    const BPF_PROG_LOAD: i32 = 5;
    const RAW_TRACEPOINT: u64 = 17;
    let license = c"GPL";
    let mut attr = BpfAttr::default();
    attr[0] = RAW_TRACEPOINT | (program.len() as u64) << 32;
    attr[1] = program.as_ptr() as u64;
    attr[2] = license.as_ptr() as u64;
    bpf_fd(BPF_PROG_LOAD, &mut attr)
}

/// Attaches it.
pub fn bpf_attach(tracepoint: &str, program: &OwnedFd) -> Result<OwnedFd> {
    const BPF_RAW_TRACEPOINT_OPEN: i32 = 17;
    let name = text(tracepoint)?;
    let mut attr = BpfAttr::default();
    attr[0] = name.as_ptr() as u64;
    attr[1] = program.as_raw_fd() as u64;
    bpf_fd(BPF_RAW_TRACEPOINT_OPEN, &mut attr)
}
