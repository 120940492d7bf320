//! Cutting datagrams and putting them together again.

use super::facts_kit::*;

fn sizes(f: &Facts, ns: NsId, dev: &str) -> Vec<String> {
    f.lines(ns, dev, "in  IP").iter().map(|l| l.split(" len=").nth(1).unwrap().replace(" proto=17", "")).collect()
}

fn counted<const N: usize>(f: &Facts, ns: NsId, which: [M; N]) -> [u64; N] {
    which.map(|c| f.mib(ns, c))
}

/// IP-22, IP-24, IP-28, IP-49, UDP-03, UDP-04: local fragments are multiples of 8, in order, without DF, under one id.
#[test]
fn cut_and_joined() {
    let (mut f, a, b) = two();
    f.run(1);
    let r = f.socket(b, "0.0.0.0", 7000);
    f.burst(1, a, "10.0.0.2", 1_472, 1);
    f.run(2);
    f.burst(2, a, "10.0.0.2", 4_000, 1);
    f.run(3);
    let udp = "udp 32768>7000";
    let udp2 = "udp 32769>7000";
    assert_eq!(
        sizes(&f, b, "eth0"),
        [format!("1500 DF {udp}"), format!("1500 frag=0+ {udp2}"), "1500 frag=1480+".into(), "1068 frag=2960".into()]
    );
    let ids: Vec<u16> = f.frames(b, "eth0").iter().filter_map(|x| x.ip4().map(|h| h.id)).collect();
    assert!(ids.len() == 4 && ids[1] == ids[2] && ids[2] == ids[3] && ids[0] != ids[1], "{ids:?}");
    assert_eq!((f.recv(r), f.recv(r)), (Ok(Some(1_472)), Ok(Some(4_000))));
    assert_eq!(counted(&f, a, [M::IpFragCreates, M::IpFragOKs, M::IpOutRequests, M::IpOutTransmits]), [3, 1, 2, 4]);
    assert_eq!(counted(&f, b, [M::IpReasmReqds, M::IpReasmOKs, M::IpInReceives, M::IpInDelivers]), [3, 1, 4, 2]);
}

/// IP-24, UDP-02, UDP-03: `IP_PMTUDISC_DO` refuses, `DONT` never sets DF; 65,507 bytes are the end.
#[test]
fn discovery() {
    let (mut f, a, b) = two();
    f.run(1);
    let with = |pmtudisc| Options { pmtudisc, ..Options::default() };
    let (never, always) = (with(PmtuDisc::Dont), with(PmtuDisc::Do));
    let never = f.socket_as(a, "0.0.0.0", 1, never).unwrap();
    let always = f.socket_as(a, "0.0.0.0", 2, always).unwrap();
    assert_eq!(f.sendto(always, "10.0.0.2", 7000, 1_473), Err(Errno::EMSGSIZE));
    assert_eq!(f.sendto(always, "10.0.0.2", 7000, 1_472), Ok(1_472));
    assert_eq!(f.sendto(never, "10.0.0.2", 7000, 1_472), Ok(1_472));
    assert_eq!(f.sendto(never, "10.0.0.2", 7000, 65_508), Err(Errno::EMSGSIZE));
    assert_eq!(sizes(&f, b, "eth0"), ["1500 DF udp 2>7000", "1500 udp 1>7000"]);
    let r = f.socket(b, "0.0.0.0", 7000);
    assert_eq!(f.sendto(never, "10.0.0.2", 7000, 65_507), Ok(65_507));
    assert_eq!(f.recv(r), Ok(Some(65_507)));
    assert_eq!(f.sendto(never, "", 0, 1), Err(Errno::EDESTADDRREQ));
}

/// UDP-25: what a reassembled datagram counts in the socket's buffer.
#[test]
fn buffers_of_fragments() {
    for (len, truesize) in
        [(1_472, 2_304), (1_473, 2_304), (2_000, 3_584), (5_000, 8_192), (20_000, 32_256), (65_507, 102_656)]
    {
        let (mut f, a, b) = two();
        f.run(1);
        let r = f.socket(b, "0.0.0.0", 7000);
        f.burst(1, a, "10.0.0.2", len, 1);
        f.run(2);
        assert_eq!(f.l.w.hosts[0].kernel.sockets.get(r).unwrap().rmem, truesize, "{len}");
    }
}

/// A fragment of the datagram `id` from a to b: `at` and `len` in bytes behind the IP header.
fn piece(f: &mut Facts, ns: NsId, id: u16, at: u16, len: u16, more: bool) {
    let (h, l4) = udp_packet("10.0.0.1", "10.0.0.2", 64, 0);
    let frag = (at / 8) | if more { 0x2000 } else { 0 };
    let h = Ip4 { id, frag, len: 20 + len, ..h };
    f.inject(ns, "eth0", m(0x0a), m(0x0b), Net::Ip4(h, if at == 0 { l4 } else { L4::None }));
}

/// IP-40, IP-41, IP-42: in any order; a duplicate changes nothing; an overlap ends the whole datagram; another id is
/// another datagram.
#[test]
fn pieces() {
    let (mut f, a, b) = two();
    f.run(1);
    let r = f.socket(b, "0.0.0.0", 7000);
    piece(&mut f, a, 1, 32, 8, false);
    piece(&mut f, a, 1, 16, 16, true);
    piece(&mut f, a, 2, 0, 16, true);
    piece(&mut f, a, 1, 16, 16, true);
    assert_eq!((f.recv(r), f.drops()), (Ok(None), vec!["DUP_FRAG ip_defrag eth0 1".to_owned()]));
    piece(&mut f, a, 1, 0, 16, true);
    assert_eq!(f.recv(r), Ok(Some(32)));
    piece(&mut f, a, 2, 8, 16, false);
    // What was waiting is consumed, as the tracepoint tells it; the one that overlaps is dropped.
    assert_eq!(f.drops()[1], "NOT_SPECIFIED ip_defrag eth0 1");
    let which = [M::IpReasmReqds, M::IpReasmOKs, M::IpReasmFails, M::IpExtReasmOverlaps, M::IpReasmTimeout];
    assert_eq!(counted(&f, b, which), [6, 1, 1, 1, 0]);
}

/// IP-40, IP-45, TIME-4: 30 s from the first fragment (31.52 s were seen on the wheel; 30.72 s from its edge), whatever
/// comes later; the sender hears of it only if the first piece is here.
#[test]
fn time_exceeded() {
    let (mut f, a, b) = two();
    f.run(1);
    piece(&mut f, a, 1, 0, 16, true);
    piece(&mut f, a, 2, 16, 16, true);
    f.run(20_000);
    piece(&mut f, a, 1, 32, 16, true);
    f.run(30_719);
    assert_eq!(f.mib(b, M::IpReasmTimeout), 0);
    f.run(30_721);
    let got: Vec<String> = f.seen(b, "eth0").into_iter().filter(|l| l.contains("icmp")).collect();
    let quote = "[IP 10.0.0.1>10.0.0.2 ttl=64 len=36 proto=17 frag=0+ udp 4000>7000]";
    assert_eq!(got, [format!("30720 out IP 10.0.0.2>10.0.0.1 ttl=64 len=64 proto=1 icmp ttl-exceeded/1 {quote}")]);
    assert_eq!(counted(&f, b, [M::IpReasmTimeout, M::IpReasmFails, M::IpReasmOKs]), [2, 2, 0]);
    assert_eq!(f.drops(), ["FRAG_REASM_TIMEOUT ip_defrag eth0 3"]);
}

/// IP-40: above 4 MiB of waiting buffers nothing more is taken; all of them are gone in the end.
#[test]
fn memory() {
    let (mut f, a, b) = two();
    f.run(1);
    for id in 0..5_000 {
        let (h, l4) = udp_packet("10.0.0.1", "10.0.0.2", 64, 0);
        f.receive(b, "eth0", m(0x0a), Net::Ip4(Ip4 { id, frag: 0x2000, len: 36, ..h }, l4));
    }
    // 832 bytes of buffer and 208 of queue each.
    let kept = (4 << 20) / (832 + 208) + 1;
    assert_eq!(f.mib(b, M::IpReasmFails), 5_000 - kept);
    assert_eq!(f.drops(), [format!("NOT_SPECIFIED ip_defrag eth0 {}", 5_000 - kept)]);
    f.run(40_000);
    assert_eq!(f.mib(b, M::IpReasmFails), 5_000);
    piece(&mut f, a, 1, 0, 16, true);
    assert_eq!(f.mib(b, M::IpReasmFails), 5_000);
}
