//! net/ipv4/ip_fragment.c and inet_fragment.c: fragments become datagrams again.

use super::{
    At, Cx, Kernel, NsId, Reason, SkBuff, icmp,
    mib::M,
    sock::tailroom,
    timer::{self, Timer, TimerId},
};
use crate::packet::{Ip4, Net, frame::IP_HLEN};
use rustc_hash::FxHashMap;

/// What belongs together (IP-40).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct FragKey {
    src: u32,
    dst: u32,
    id: u16,
    proto: u8,
}

/// `struct ipq`: the fragments of one datagram, in order of offset.
#[derive(Default)]
pub struct FragQueue {
    key: FragKey,
    parts: Vec<SkBuff>,
    /// Where fragments lie without a gap, in the order of bytes: only what was added at the end joins the one before.
    runs: Vec<(u32, u32)>,
    /// The furthest end of all, bytes; that of the datagram once its last fragment is here.
    len: u32,
    last_in: bool,
    /// Bytes that are here.
    meat: u32,
    /// A bit for each ECN field that is among them (`ip4_frag_ecn`).
    ecn: u8,
    timer: Option<(u32, TimerId)>,
}

/// Why a fragment does not join.
enum Refused {
    /// Its bytes are all here already.
    Duplicate,
    /// Some of them are.
    Overlap,
    /// It is empty, or contradicts the datagram's end.
    Corrupt,
}

/// The datagrams of one namespace that wait for more fragments. Numbers are those of the timers.
#[derive(Default)]
pub struct Frags {
    queues: FxHashMap<u32, FragQueue>,
    index: FxHashMap<FragKey, u32>,
    next: u32,
    /// Bytes of truesize that wait.
    mem: u64,
}

/// `ipfrag_high_thresh`, bytes: above it fragments are refused (IP-40).
const HIGH_THRESH: u64 = 4 << 20;
/// What the queue itself counts, bytes of `struct ipq`.
const QUEUE_SIZE: u64 = 208;

impl Frags {
    /// Fragments that wait.
    pub fn waiting(&self) -> u64 {
        // A sum: the order does not show.
        self.queues.values().map(|q| q.parts.len() as u64).sum()
    }

    /// In no order: a set is made of them.
    pub(crate) fn each_waiting<'p>(&'p self, tell: &mut dyn FnMut(&'p SkBuff)) {
        self.queues.values().flat_map(|q| &q.parts).for_each(tell);
    }

    fn take(&mut self, number: u32) -> Option<FragQueue> {
        let q = self.queues.remove(&number)?;
        self.index.remove(&q.key);
        let parts: u64 = q.parts.iter().map(|p| u64::from(p.meta.truesize)).sum();
        self.mem -= parts + QUEUE_SIZE;
        Some(q)
    }
}

/// What mixtures of ECN fields make (`ip_frag_ecn_table`): `None`: the datagram is thrown away; else what is added.
fn ecn_of(bits: u8) -> Option<u8> {
    const NOT_ECT: u8 = 1;
    const CE: u8 = 8;
    match bits {
        _ if bits & NOT_ECT != 0 && bits != NOT_ECT => None,
        _ if bits & CE != 0 && bits != CE => Some(3),
        _ => Some(0),
    }
}

impl FragQueue {
    /// The first half of `ip_frag_queue`: where the fragment lies, if it may be so (IP-43).
    fn place(&mut self, ip: &Ip4) -> Result<(u32, u32), Refused> {
        let begin = ip.offset();
        let mut end = begin + u32::from(ip.len - IP_HLEN);
        if !ip.mf() {
            if end < self.len || self.last_in && end != self.len {
                return Err(Refused::Corrupt);
            }
            (self.last_in, self.len) = (true, end);
        } else {
            end &= !7;
            if end > self.len {
                if self.last_in {
                    return Err(Refused::Corrupt);
                }
                self.len = end;
            }
        }
        if begin == end { Err(Refused::Corrupt) } else { Ok((begin, end)) }
    }

    /// `inet_frag_queue_insert` (IP-42).
    fn insert(&mut self, begin: u32, end: u32) -> Result<(), Refused> {
        match self.runs.last_mut() {
            Some(last) if last.1 < end => {
                match begin {
                    _ if begin < last.1 => return Err(Refused::Overlap),
                    _ if begin == last.1 => last.1 = end,
                    _ => self.runs.push((begin, end)),
                }
                return Ok(());
            }
            _ => {}
        }
        let at = self.runs.partition_point(|r| r.1 <= begin);
        match self.runs.get(at) {
            Some(r) if end <= r.0 => {}
            Some(r) if begin >= r.0 && end <= r.1 => return Err(Refused::Duplicate),
            Some(_) => return Err(Refused::Overlap),
            None => {}
        }
        self.runs.insert(at, (begin, end));
        Ok(())
    }

    /// Is all here?
    fn whole(&self) -> bool {
        self.last_in && self.runs.first().is_some_and(|r| r.0 == 0) && self.meat == self.len
    }
}

/// `ip_check_defrag`: for a driver whose devices are to get whole datagrams.
pub(crate) fn ip_check_defrag(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) -> Option<SkBuff> {
    if skb.frame.ip4().is_some_and(Ip4::is_fragment) { ip_defrag(k, cx, skb) } else { Some(skb) }
}

/// `ip_defrag`: a fragment joins its datagram; the datagram, if it is complete now (IP-40 to 44, 47, 49).
pub(super) fn ip_defrag(k: &mut Kernel, cx: &mut Cx, mut skb: SkBuff) -> Option<SkBuff> {
    cx.at(At::IpDefrag, &skb);
    let ns = k.devs[skb.meta.dev].ns;
    k.net_mut(ns).mib[M::IpReasmReqds] += 1;
    let Some(ip) = skb.frame.ip4().copied() else {
        cx.drop(k, skb, At::IpDefrag, Reason::NOT_SPECIFIED);
        return None;
    };
    if k.net(ns).frags.mem > HIGH_THRESH {
        k.net_mut(ns).mib[M::IpReasmFails] += 1;
        cx.drop(k, skb, At::IpDefrag, Reason::NOT_SPECIFIED);
        return None;
    }
    let key = FragKey { src: ip.src, dst: ip.dst, id: ip.id, proto: ip.proto };
    let number = find_or_create(k, cx, ns, key);
    let frags = &mut k.net_mut(ns).frags;
    let q = frags.queues.get_mut(&number)?;
    let placed = q.place(&ip).and_then(|(begin, end)| q.insert(begin, end).map(|()| (begin, end)));
    let (begin, end) = match placed {
        Ok(placed) => placed,
        Err(why) => {
            refused(k, cx, ns, number, skb, &why);
            return None;
        }
    };
    if let Some(h) = skb.frame.ip4_mut() {
        h.len = IP_HLEN + (end - begin) as u16;
    }
    (q.meat, q.ecn) = (q.meat + end - begin, q.ecn | 1 << (ip.tos & 3));
    let at = q.parts.partition_point(|p| p.frame.ip4().is_some_and(|h| h.offset() < begin));
    frags.mem += u64::from(skb.meta.truesize);
    q.parts.insert(at, skb);
    if q.whole() { join(k, cx, ns, number) } else { None }
}

/// A duplicate alone is dropped; anything else takes the whole datagram along, of which the tracepoint sees no more.
#[cold]
fn refused(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32, skb: SkBuff, why: &Refused) {
    if let Refused::Duplicate = why {
        return cx.drop(k, skb, At::IpDefrag, Reason::DUP_FRAG);
    }
    let mib = &mut k.net_mut(ns).mib;
    mib[M::IpExtReasmOverlaps] += u64::from(matches!(why, Refused::Overlap));
    mib[M::IpReasmFails] += 1;
    discard(k, cx, ns, number);
    cx.drop(k, skb, At::IpDefrag, Reason::NOT_SPECIFIED);
}

fn find_or_create(k: &mut Kernel, cx: &mut Cx, ns: NsId, key: FragKey) -> u32 {
    if let Some(n) = k.net(ns).frags.index.get(&key) {
        return *n;
    }
    let number = k.net(ns).frags.next;
    let ticks = u64::from(k.net(ns).conf.ipfrag_time) * u64::from(k.hz);
    let id = timer::add_timer(k, cx, Timer::IpFrag(ns, number), ticks);
    let frags = &mut k.net_mut(ns).frags;
    frags.next = frags.next.wrapping_add(1);
    frags.mem += QUEUE_SIZE;
    frags.index.insert(key, number);
    frags.queues.insert(number, FragQueue { key, timer: Some((cx.cpu, id)), ..FragQueue::default() });
    number
}

/// `ip_frag_reasm`: the first fragment becomes the datagram, the others are used up.
fn join(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32) -> Option<SkBuff> {
    let q = k.net(ns).frags.queues.get(&number)?;
    let (len, ecn) = (q.len + u32::from(IP_HLEN), ecn_of(q.ecn));
    let (Ok(len), Some(ecn)) = (u16::try_from(len), ecn) else {
        k.net_mut(ns).mib[M::IpReasmFails] += 1;
        discard(k, cx, ns, number);
        return None;
    };
    let q = k.net_mut(ns).frags.take(number)?;
    if let Some((cpu, id)) = q.timer {
        timer::del_timer(k, cpu, id);
    }
    k.net_mut(ns).mib[M::IpReasmOKs] += 1;
    let mut parts = q.parts.into_iter();
    let mut whole = parts.next()?;
    let first = whole.frame.ip4().map_or(0, |h| h.len - IP_HLEN);
    let mut room = tailroom(u32::from(first.saturating_sub(8)));
    for p in parts {
        let len = p.frame.ip4().map_or(0, |h| h.len - IP_HLEN);
        // `skb_try_coalesce`: bytes that fit behind the first ones are copied there, and cost no buffer (UDP-25).
        if u32::from(len) <= room {
            room -= u32::from(len);
        } else {
            room = 0;
            whole.meta.truesize += p.meta.truesize;
        }
        cx.merge(p);
    }
    if let Net::Ip4(h, l4) = &mut whole.frame.net {
        h.len = len;
        h.frag = 0;
        h.tos |= ecn;
        whole.frame.payload.len = u32::from(len - IP_HLEN).saturating_sub(super::sock::l4_header(l4));
    }
    cx.note(&whole, || format!("reassembled: {len} bytes"));
    Some(whole)
}

/// The queue goes, and what it held with it: the kernel calls that consumed (`inet_frag_destroy`).
fn discard(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32) {
    let Some(q) = k.net_mut(ns).frags.take(number) else { return };
    if let Some((cpu, id)) = q.timer {
        timer::del_timer(k, cpu, id);
    }
    for p in q.parts {
        cx.consume(p);
    }
}

/// `ip_expire`: the rest did not come; the sender hears of it if the first fragment is here (IP-45).
pub(crate) fn ip_expire(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32) {
    let Some(mut q) = k.net_mut(ns).frags.take(number) else { return };
    let mib = &mut k.net_mut(ns).mib;
    mib[M::IpReasmFails] += 1;
    mib[M::IpReasmTimeout] += 1;
    if let Some(first) = q.parts.first_mut().filter(|p| p.frame.ip4().is_some_and(|h| h.offset() == 0)) {
        icmp::icmp_send(k, cx, first, icmp::TIME_EXCEEDED, icmp::EXC_FRAGTIME, 0);
    }
    for p in q.parts {
        cx.drop(k, p, At::IpDefrag, Reason::FRAG_REASM_TIMEOUT);
    }
}
