//! The fragmenting half of net/ipv4/ip_output.c: cutting.

use super::{
    At, Cx, Kernel, Reason, SkBuff,
    ip_output::{self, Out},
    mib::M,
    sock::truesize,
};
use crate::{
    cpu,
    packet::{
        Ip4, L4, Net,
        frame::{IP_HLEN, IP_MF, IP_OFFSET},
    },
};
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
