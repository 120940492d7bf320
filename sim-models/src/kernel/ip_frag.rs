//! net/ipv4/ip_fragment.c and the fragmenting half of ip_output.c: cutting and putting together again.

use super::{
    At, Cx, Kernel, NsId, Reason, SkBuff, icmp,
    ip_output::{self, Out},
    mib::M,
    sock::{tailroom, truesize},
    timer::{self, Timer, TimerId},
};
use crate::{
    cpu,
    packet::{
        Ip4, L4, Net,
        frame::{IP_HLEN, IP_MF, IP_OFFSET},
    },
};
use rustc_hash::FxHashMap;

/// What belongs together (IP-40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FragKey {
    src: u32,
    dst: u32,
    id: u16,
    proto: u8,
}

/// `struct ipq`: the fragments of one datagram, in order of offset.
pub struct FragQueue {
    key: FragKey,
    parts: Vec<SkBuff>,
    timer: Option<(u32, TimerId)>,
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

/// `ip_do_fragment`: pieces of at most the MTU, all but the last a multiple of 8 (IP-22, 28). The first that the device
/// throws away is the last that is sent.
pub(super) fn ip_fragment(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, out: &Out) {
    cx.at(At::IpFragment, &skb);
    let Net::Ip4(ip, _) = &skb.frame.net else {
        return cx.drop(k, skb, At::IpFragment, Reason::NOT_SPECIFIED);
    };
    let ip = *ip;
    let room = (out.mtu.saturating_sub(u32::from(IP_HLEN)) & !7) as u16;
    if room == 0 {
        k.net_mut(out.ns).mib[M::IpFragFails] += 1;
        return cx.drop(k, skb, At::IpFragment, Reason::NOT_SPECIFIED);
    }
    let body = ip.len - IP_HLEN;
    let mut at = 0;
    while at < body {
        let len = room.min(body - at);
        let piece = piece(cx, &skb, &ip, at, len);
        cx.xmit_dropped = false;
        ip_output::ip_finish_output2(k, cx, piece, out);
        at += len;
        if cx.xmit_dropped {
            return failed(k, cx, skb, out, (room, at));
        }
        k.net_mut(out.ns).mib[M::IpFragCreates] += 1;
        if at < body {
            cpu::do_softirq(k, cx);
        }
    }
    k.net_mut(out.ns).mib[M::IpFragOKs] += 1;
    cx.note(&skb, || format!("cut into {} fragments", body.div_ceil(room)));
    cx.consume(skb);
}

/// `len` bytes of a packet from `at` on.
fn piece(cx: &mut Cx, skb: &SkBuff, ip: &Ip4, at: u16, len: u16) -> SkBuff {
    let mut piece = cx.clone_skb(skb);
    let last = at + len == ip.len - IP_HLEN;
    let offset = (ip.frag & IP_OFFSET) + at / 8;
    let more = if last { ip.frag & IP_MF } else { IP_MF };
    let flags = ip.frag & !(IP_OFFSET | IP_MF);
    if let Net::Ip4(h, l4) = &mut piece.frame.net {
        *h = Ip4 { len: IP_HLEN + len, frag: flags | more | offset, ..*ip };
        if at > 0 {
            *l4 = L4::None;
        }
    }
    piece.frame.payload.len = u32::from(len);
    // A buffer of its own, as large as that of a datagram of this size (UDP-25).
    piece.meta.truesize = truesize(u32::from(len.saturating_sub(8)));
    piece
}

/// A piece was thrown away by the device. A packet made here was built as pieces (`ip_append_data`), of which those from
/// `at` on go one by one; one that is forwarded goes as a whole.
#[cold]
fn failed(k: &mut Kernel, cx: &mut Cx, skb: SkBuff, out: &Out, (room, mut at): (u16, u16)) {
    k.net_mut(out.ns).mib[M::IpFragFails] += 1;
    let ip = match skb.frame.ip4() {
        Some(ip) if skb.meta.iif == 0 => *ip,
        _ => return cx.drop(k, skb, At::IpFragment, Reason::NOT_SPECIFIED),
    };
    while at < ip.len - IP_HLEN {
        let len = room.min(ip.len - IP_HLEN - at);
        let rest = piece(cx, &skb, &ip, at, len);
        ip_output::uncount_group(k, &rest, out);
        cx.drop(k, rest, At::IpFragment, Reason::NOT_SPECIFIED);
        at += len;
    }
    cx.consume(skb);
}

/// `ip_defrag`: a fragment joins its datagram; the datagram, if it is complete now (IP-40 to 43, 49).
pub(crate) fn ip_defrag(k: &mut Kernel, cx: &mut Cx, skb: SkBuff) -> Option<SkBuff> {
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
    let begin = |s: &SkBuff| s.frame.ip4().map_or(0, Ip4::offset);
    let end = |s: &SkBuff| s.frame.ip4().map_or(0, |h| h.offset() + u32::from(h.len - IP_HLEN));
    let size = u64::from(skb.meta.truesize);
    let q = k.net_mut(ns).frags.queues.get_mut(&number)?;
    let at = q.parts.partition_point(|p| begin(p) < begin(&skb));
    let duplicate = q.parts.get(at).is_some_and(|p| begin(p) == begin(&skb) && end(p) == end(&skb));
    if duplicate {
        cx.drop(k, skb, At::IpDefrag, Reason::DUP_FRAG);
        return None;
    }
    let overlaps = q.parts.get(at).is_some_and(|p| begin(p) < end(&skb))
        || at.checked_sub(1).is_some_and(|i| end(&q.parts[i]) > begin(&skb));
    q.parts.insert(at, skb);
    k.net_mut(ns).frags.mem += size;
    if overlaps {
        let mib = &mut k.net_mut(ns).mib;
        mib[M::IpExtReasmOverlaps] += 1;
        mib[M::IpReasmFails] += 1;
        discard(k, cx, ns, number, Reason::NOT_SPECIFIED);
        return None;
    }
    let q = k.net(ns).frags.queues.get(&number)?;
    let whole = q.parts.first().is_some_and(|p| begin(p) == 0)
        && q.parts.windows(2).all(|w| end(&w[0]) == begin(&w[1]))
        && q.parts.last().is_some_and(|p| p.frame.ip4().is_some_and(|h| !h.mf()));
    whole.then(|| join(k, cx, ns, number)).flatten()
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
    frags.queues.insert(number, FragQueue { key, parts: Vec::new(), timer: Some((cx.cpu, id)) });
    number
}

/// `ip_frag_reasm`: the first fragment becomes the datagram, the others are used up.
fn join(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32) -> Option<SkBuff> {
    let q = k.net_mut(ns).frags.take(number)?;
    if let Some((cpu, id)) = q.timer {
        timer::del_timer(k, cpu, id);
    }
    k.net_mut(ns).mib[M::IpReasmOKs] += 1;
    let mut parts = q.parts.into_iter();
    let mut whole = parts.next()?;
    let mut body = whole.frame.ip4().map_or(0, |h| h.len - IP_HLEN);
    let mut room = tailroom(u32::from(body.saturating_sub(8)));
    for p in parts {
        let len = p.frame.ip4().map_or(0, |h| h.len - IP_HLEN);
        body += len;
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
        h.len = IP_HLEN + body;
        h.frag = 0;
        whole.frame.payload.len = u32::from(body) - super::sock::l4_header(l4);
    }
    cx.note(&whole, || format!("reassembled: {} bytes", IP_HLEN + body));
    Some(whole)
}

fn discard(k: &mut Kernel, cx: &mut Cx, ns: NsId, number: u32, why: Reason) {
    let Some(q) = k.net_mut(ns).frags.take(number) else { return };
    if let Some((cpu, id)) = q.timer {
        timer::del_timer(k, cpu, id);
    }
    for p in q.parts {
        cx.drop(k, p, At::IpDefrag, why);
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
