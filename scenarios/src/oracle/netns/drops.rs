//! Why and where the kernel throws packets away: a small program of the kernel's own machine, attached to the
//! tracepoint `skb:kfree_skb`, counts by namespace, device, reason and place. It belongs to this process and goes with
//! it. Namespaces tell our packets from the machine's and from those of other worlds.

use super::sys;
use crate::verify::job::{DropSeen, Layout};
use std::{collections::BTreeMap, io, os::fd::OwnedFd};

/// Who counts.
pub enum Drops {
    /// The attached program, its table, and the names of reasons.
    Program { table: sys::BpfMap, _program: OwnedFd, _link: OwnedFd, reasons: BTreeMap<u32, String> },
    /// The kernel itself, if it was built with `tests/uml/skb_drops.c`.
    Kernel,
}

/// One line of the counts: number of the namespace, number of the device.
struct Row {
    ns: u32,
    dev: i32,
    reason: String,
    place: String,
    count: u64,
}

/// Where such a kernel tells.
const COUNTED: &str = "/proc/skb_drops";

/// Bytes of a key: namespace, device, reason, nothing (32 bits each), place (64 bits).
const KEY: usize = 24;
/// Different drops of one world at most.
const ENTRIES: u32 = 4096;

/// An instruction: operation, registers, offset, constant.
type Ins = (u8, u8, u8, i16, i32);

const MOV: u8 = 0xbf;
const MOV_K: u8 = 0xb7;
const ADD_K: u8 = 0x07;
const LOAD64: u8 = 0x79;
const STORE64: u8 = 0x7b;
const STORE32: u8 = 0x63;
const STORE64_K: u8 = 0x7a;
const JUMP: u8 = 0x05;
const IF_ZERO: u8 = 0x15;
const IF_NOT_ZERO: u8 = 0x55;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const ATOMIC64: u8 = 0xdb;
const LOAD_MAP: u8 = 0x18;

const LOOKUP: i32 = 1;
const UPDATE: i32 = 2;
const READ_KERNEL: i32 = 113;

/// Places on the program's stack.
const AT_KEY: i16 = -24;
const AT_DEV: i16 = -20;
const AT_REASON: i16 = -16;
const AT_PLACE: i16 = -8;
const AT_POINTER: i16 = -32;
const AT_ONE: i16 = -40;

/// `len` bytes at register 3 plus `off` go to `to` on the stack; the kernel checks the address.
fn read(to: i16, len: i32, off: u32) -> Vec<Ins> {
    vec![
        (ADD_K, 3, 0, 0, off as i32),
        (MOV, 1, 10, 0, 0),
        (ADD_K, 1, 0, 0, i32::from(to)),
        (MOV_K, 2, 0, 0, len),
        (CALL, 0, 0, 0, READ_KERNEL),
    ]
}

/// Register 3 holds a socket or device: its namespace's number goes into the key. Ends with register 0 being 0 if it
/// was found.
fn namespace(of: u32, l: &Layout) -> Vec<Ins> {
    let mut p = read(AT_POINTER, 8, of);
    p.push((LOAD64, 3, 10, AT_POINTER, 0));
    p.extend(read(AT_KEY, 4, l.net_inum));
    p
}

fn program(l: &Layout, map: i32) -> Vec<Ins> {
    let mut p: Vec<Ins> = vec![
        (MOV, 6, 1, 0, 0),
        (STORE64_K, 10, 0, AT_KEY, 0),
        (STORE64_K, 10, 0, AT_REASON, 0),
        (LOAD64, 7, 6, 0, 0),
        (LOAD64, 1, 6, 8, 0),
        (STORE64, 10, 1, AT_PLACE, 0),
        (LOAD64, 1, 6, 16, 0),
        (STORE32, 10, 1, AT_REASON, 0),
        // skb->dev: what lies there may be something else by now, then reading fails.
        (MOV, 3, 7, 0, 0),
    ];
    p.extend(read(AT_POINTER, 8, l.skb_dev));
    p.push((LOAD64, 8, 10, AT_POINTER, 0));
    let by_dev = {
        let mut d: Vec<Ins> = vec![(MOV, 3, 8, 0, 0)];
        d.extend(read(AT_DEV, 4, l.dev_ifindex));
        d.push((MOV, 3, 8, 0, 0));
        d.extend(namespace(l.dev_net, l));
        d
    };
    let by_sock = |load: Vec<Ins>| {
        let mut s: Vec<Ins> = vec![(STORE64_K, 10, 0, AT_KEY, 0)];
        s.extend(load);
        let tail = namespace(l.sk_net, l);
        s.push((IF_ZERO, 3, 0, tail.len() as i16 + 1, 0));
        s.extend(tail);
        s.push((JUMP, 0, 0, 1, 0));
        s.push((MOV_K, 0, 0, 0, 1));
        s
    };
    // The socket that it was for, then the one that it came from.
    let receiver = by_sock(vec![(LOAD64, 3, 6, 24, 0)]);
    let mut load = vec![(MOV, 3, 7, 0, 0)];
    load.extend(read(AT_POINTER, 8, l.skb_sk));
    load.push((LOAD64, 3, 10, AT_POINTER, 0));
    let sender = by_sock(load);
    let count = count(map);
    let to_count = |after: usize| after as i16;
    p.push((IF_ZERO, 8, 0, by_dev.len() as i16 + 1, 0));
    p.extend(by_dev);
    p.push((IF_ZERO, 0, 0, to_count(receiver.len() + 1 + sender.len()), 0));
    p.extend(receiver);
    p.push((IF_ZERO, 0, 0, to_count(sender.len()), 0));
    p.extend(sender);
    p.extend(count);
    p
}

/// One more under the key.
fn count(map: i32) -> Vec<Ins> {
    let table: [Ins; 2] = [(LOAD_MAP, 1, 1, 0, map), (0, 0, 0, 0, 0)];
    let key: [Ins; 2] = [(MOV, 2, 10, 0, 0), (ADD_K, 2, 0, 0, i32::from(AT_KEY))];
    let mut p = Vec::new();
    p.extend(table);
    p.extend(key);
    p.push((CALL, 0, 0, 0, LOOKUP));
    p.push((IF_NOT_ZERO, 0, 0, 10, 0));
    p.push((STORE64_K, 10, 0, AT_ONE, 1));
    p.extend(table);
    p.extend(key);
    p.extend([(MOV, 3, 10, 0, 0), (ADD_K, 3, 0, 0, i32::from(AT_ONE)), (MOV_K, 4, 0, 0, 0)]);
    p.push((CALL, 0, 0, 0, UPDATE));
    p.push((JUMP, 0, 0, 2, 0));
    p.extend([(MOV_K, 1, 0, 0, 1), (ATOMIC64, 0, 1, 0, 0)]);
    p.extend([(MOV_K, 0, 0, 0, 0), (EXIT, 0, 0, 0, 0)]);
    p
}

fn encoded(program: &[Ins]) -> Vec<u64> {
    let one = |(op, dst, src, off, k): &Ins| {
        u64::from(*op) | u64::from(dst | src << 4) << 8 | u64::from(*off as u16) << 16 | u64::from(*k as u32) << 32
    };
    program.iter().map(one).collect()
}

impl Drops {
    /// Counts from now on.
    ///
    /// # Errors
    /// This process may not, or the kernel can't.
    pub fn watch(layout: &Layout) -> io::Result<Drops> {
        let table = sys::BpfMap::new(KEY as u32, 8, ENTRIES)?;
        let program = sys::bpf_load(&encoded(&program(layout, table.number())))?;
        let link = sys::bpf_attach("kfree_skb", &program)?;
        Ok(Drops::Program { table, _program: program, _link: link, reasons: layout.reasons.clone() })
    }

    /// Has the kernel count from now on.
    ///
    /// # Errors
    /// It can't.
    pub fn counted() -> io::Result<Drops> {
        std::fs::write(COUNTED, "clear").map(|()| Drops::Kernel)
    }

    fn rows(&self) -> io::Result<Vec<Row>> {
        match self {
            Drops::Program { table, reasons, .. } => {
                let row = |(key, count): (Vec<u8>, u64)| {
                    let word = |i: usize| u32::from_ne_bytes(std::array::from_fn(|k| key[i * 4 + k]));
                    let place = u64::from_ne_bytes(std::array::from_fn(|k| key[16 + k]));
                    let reason = reasons.get(&word(2)).cloned().unwrap_or_else(|| format!("reason {}", word(2)));
                    Row { ns: word(0), dev: word(1) as i32, reason, place: format!("@{place:x}"), count }
                };
                Ok(table.entries(KEY)?.into_iter().map(row).collect())
            }
            Drops::Kernel => {
                let text = std::fs::read_to_string(COUNTED)?;
                let row = |line: &str| {
                    let words: Vec<&str> = line.split(' ').collect();
                    let [ns, dev, reason, place, count] = words[..] else { return None };
                    let (reason, place) = (reason.to_owned(), bare(place).to_owned());
                    Some(Row {
                        ns: ns.parse().ok()?,
                        dev: dev.parse().ok()?,
                        reason,
                        place,
                        count: count.parse().ok()?,
                    })
                };
                let rows: Option<Vec<Row>> = text.lines().map(row).collect();
                rows.ok_or_else(|| io::Error::other(format!("more drops than {COUNTED} counts")))
            }
        }
    }

    /// What was thrown away in the namespaces of `ours` (number, host, name); `dev` names a device. Places are
    /// functions, or addresses, "@ffffffff81000000".
    ///
    /// # Errors
    /// The kernel's.
    pub fn seen(
        &self,
        ours: &[(u32, usize, String)],
        dev: impl Fn(usize, &str, i32) -> Option<String>,
    ) -> io::Result<Vec<DropSeen>> {
        let mut all = Vec::new();
        for row in self.rows()? {
            let Some((_, host, ns)) = ours.iter().find(|o| o.0 == row.ns) else { continue };
            let dev = dev(*host, ns, row.dev).unwrap_or_else(|| "-".to_owned());
            let Row { reason, place, count, .. } = row;
            all.push(DropSeen { host: *host, ns: ns.clone(), reason, place, dev, count });
        }
        all.sort_by(|a, b| {
            (a.host, &a.ns, &a.reason, &a.place, &a.dev).cmp(&(b.host, &b.ns, &b.reason, &b.place, &b.dev))
        });
        Ok(all)
    }
}

/// Parts that a compiler moved elsewhere keep the function's name in front.
fn bare(name: &str) -> &str {
    name.split('.').next().unwrap_or(name)
}

/// The kernel's functions by address.
pub struct Symbols(Vec<(u64, String)>);

impl Symbols {
    /// Reads them.
    ///
    /// # Errors
    /// This process may not see addresses.
    pub fn read() -> io::Result<Symbols> {
        let text = std::fs::read_to_string("/proc/kallsyms")?;
        let mut all: Vec<(u64, String)> = text.lines().filter_map(symbol).collect();
        all.sort();
        if all.iter().all(|s| s.0 == 0) {
            return Err(io::Error::other("addresses are hidden (kptr_restrict)"));
        }
        Ok(Symbols(all))
    }

    /// Replaces addresses by names of functions.
    pub fn name(&self, drops: &mut [DropSeen]) {
        for d in drops {
            let Some(at) = d.place.strip_prefix('@').and_then(|t| u64::from_str_radix(t, 16).ok()) else { continue };
            let i = self.0.partition_point(|s| s.0 <= at);
            if let Some((_, name)) = i.checked_sub(1).and_then(|i| self.0.get(i)) {
                d.place = bare(name).to_owned();
            }
        }
    }
}

fn symbol(line: &str) -> Option<(u64, String)> {
    let mut words = line.split_whitespace();
    let (at, kind, name) = (words.next()?, words.next()?, words.next()?);
    matches!(kind, "t" | "T").then(|| Some((u64::from_str_radix(at, 16).ok()?, name.to_owned())))?
}
