//! Which socket gets a datagram, what fits into its buffer, and which errors it hears of.

use super::facts_kit::*;

/// UDP-20, UDP-21, UDP-22, UDP-23: what fits is counted in buffers, not in bytes; the rest is lost without ICMP.
#[test]
fn capacity() {
    for (size, fit) in [(10, 256), (197, 256), (198, 166), (645, 166), (646, 92), (1_472, 92)] {
        let (mut f, a, b) = two();
        f.run(1);
        let r = f.socket(b, "0.0.0.0", 7000);
        f.burst(1, a, "10.0.0.2", size, 300);
        f.run(2);
        let s = f.l.w.hosts[0].kernel.sockets.get(r).unwrap();
        assert_eq!((s.drops, s.rmem <= s.rcvbuf), (300 - fit, true), "{size}");
        assert_eq!(f.drops(), [format!("SOCKET_RCVBUFF sock_queue_rcv eth0 {}", 300 - fit)]);
        assert_eq!(
            [M::UdpRcvbufErrors, M::UdpInErrors, M::IcmpOutMsgs].map(|c| f.mib(b, c)),
            [300 - fit, 300 - fit, 0]
        );
    }
}

/// IP-32, UDP-07: what does not get past the first device is ENOBUFS only for those who ask for errors; it is counted in
/// any case.
#[test]
fn thrown_away_by_the_device() {
    let (mut f, a, b) = two();
    f.run(1);
    f.l.op(
        0,
        a,
        RtnlOp::SetLink { name: "eth0".into(), attrs: LinkAttrs { mtu: Some(9_000), ..LinkAttrs::default() } },
    );
    f.neighbour(a, "eth0", "10.0.0.2", 0x0b);
    let mut counted = [0, 0, 0];
    for (recverr, answer, more) in [(false, Ok(4_000), [1, 1, 0]), (true, Err(Errno::ENOBUFS), [1, 0, 0])] {
        let opts = Options { recverr, ..Options::default() };
        let s = f.socket_as(a, "0.0.0.0", 0, opts).unwrap();
        assert_eq!(f.sendto(s, "10.0.0.2", 7000, 4_000), answer);
        f.settle();
        for (sum, n) in counted.iter_mut().zip(more) {
            *sum += n;
        }
        let mib = [M::IpOutDiscards, M::UdpSndbufErrors, M::UdpOutDatagrams].map(|c| f.mib(a, c));
        assert_eq!(mib, counted, "recverr {recverr}");
    }
    assert_eq!((f.drops(), f.mib(b, M::IpInReceives)), (vec!["NOT_SPECIFIED veth_xmit eth0 2".to_owned()], 0));
}

/// UDP-20: an empty buffer takes anything once.
#[test]
fn once_too_large() {
    let (mut f, a, b) = two();
    f.run(1);
    let r = f.socket(b, "0.0.0.0", 7000);
    f.l.w.hosts[0].kernel.sockets.get_mut(r).unwrap().rcvbuf = 2_304;
    f.burst(1, a, "10.0.0.2", 9_000, 2);
    f.run(2);
    assert_eq!(f.l.w.hosts[0].kernel.sockets.get(r).unwrap().drops, 1);
    assert_eq!((f.recv(r), f.recv(r)), (Ok(Some(9_000)), Ok(None)));
}

/// UDP-26, UDP-27: reading gives the memory back a quarter of the buffer at a time, or when the reader has read all that
/// it took over.
#[test]
fn memory_comes_back_late() {
    let (mut f, a, b) = two();
    f.run(1);
    let r = f.socket(b, "0.0.0.0", 7000);
    f.burst(1, a, "10.0.0.2", 10, 256);
    f.run(2);
    let rmem = |f: &Facts| f.l.w.hosts[0].kernel.sockets.get(r).unwrap().rmem;
    for read in 1..=64 {
        assert_eq!(rmem(&f), 212_992, "before read {read}");
        f.recv(r).unwrap().unwrap();
    }
    assert_eq!(rmem(&f), 159_744);
    while f.recv(r).unwrap().is_some() {}
    assert_eq!(rmem(&f), 0);
    // One alone is given back at once.
    f.burst(2, a, "10.0.0.2", 10, 1);
    f.settle();
    assert_eq!((f.recv(r), rmem(&f)), (Ok(Some(10)), 0));
}

/// SOCK-30, SOCK-31, SOCK-33, SOCK-35: connected, then the specific address, then the wildcard; the last bound of equals.
#[test]
fn who_gets_it() {
    let (mut f, a, b) = two();
    let eth0 = f.dev(b, "eth0");
    f.run(1);
    let reuse = Options { reuseaddr: true, ..Options::default() };
    let on_dev = Options { device: Some(eth0), ..reuse };
    let any1 = f.socket_as(b, "0.0.0.0", 7000, reuse).unwrap();
    let sender = f.socket(a, "0.0.0.0", 4000);
    let mut sent = 0;
    let mut next = |f: &mut Facts, socks: &[SockId]| {
        sent += 1;
        f.sendto(sender, "10.0.0.2", 7000, sent).unwrap();
        let got: Vec<usize> = (0..socks.len()).filter(|i| f.recv(socks[*i]) == Ok(Some(sent))).collect();
        got
    };
    assert_eq!(next(&mut f, &[any1]), [0]);
    let any2 = f.socket_as(b, "0.0.0.0", 7000, reuse).unwrap();
    assert_eq!(next(&mut f, &[any1, any2]), [1]);
    let any_dev = f.socket_as(b, "0.0.0.0", 7000, on_dev).unwrap();
    let any3 = f.socket_as(b, "0.0.0.0", 7000, reuse).unwrap();
    assert_eq!(next(&mut f, &[any1, any2, any_dev, any3]), [2]);
    let specific = f.socket_as(b, "10.0.0.2", 7000, reuse).unwrap();
    assert_eq!(next(&mut f, &[any_dev, specific]), [1]);
    let connected = f.socket_as(b, "0.0.0.0", 7000, reuse).unwrap();
    f.connect(connected, "10.0.0.1", 4000).unwrap();
    assert_eq!(next(&mut f, &[specific, connected]), [1]);
    f.connect(connected, "10.0.0.1", 4001).unwrap();
    assert_eq!(next(&mut f, &[specific, connected]), [0]);
}

/// SOCK-01, SOCK-02, SOCK-04, SOCK-10: who may bind what.
#[test]
fn binding() {
    let (mut f, _, b) = two();
    let (eth0, lo) = (f.dev(b, "eth0"), f.dev(b, "lo"));
    f.run(1);
    let plain = Options::default();
    let reuse = Options { reuseaddr: true, ..plain };
    let on = |d| Options { device: Some(d), ..plain };
    let used = Err(Errno::EADDRINUSE);
    f.socket(b, "10.0.0.2", 1);
    assert_eq!(f.socket_as(b, "0.0.0.0", 1, plain), used);
    assert_eq!(f.socket_as(b, "10.0.0.2", 1, reuse), used);
    assert!(f.socket_as(b, "127.0.0.1", 1, plain).is_ok());
    f.socket_as(b, "0.0.0.0", 2, reuse).unwrap();
    assert!(f.socket_as(b, "10.0.0.2", 2, reuse).is_ok());
    f.socket_as(b, "0.0.0.0", 3, on(eth0)).unwrap();
    assert!(f.socket_as(b, "0.0.0.0", 3, on(lo)).is_ok());
    assert_eq!(f.socket_as(b, "0.0.0.0", 3, plain), used);
    assert_eq!(f.socket_as(b, "10.0.0.9", 4, plain), Err(Errno::EADDRNOTAVAIL));
    for own in ["10.0.0.255", "127.1.2.3", "224.0.0.5"] {
        assert!(f.socket_as(b, own, 5, plain).is_ok(), "{own}");
    }
}

/// SOCK-34, SOCK-36: connecting fixes the receive address, and a second time keeps the source of the first.
#[test]
fn connecting() {
    let (mut f, a, b) = two();
    f.l.addr(0, b, "eth0", "10.0.0.3/24");
    f.run(1);
    let r = f.socket(b, "0.0.0.0", 7000);
    let s = f.socket(a, "0.0.0.0", 4000);
    f.sendto(s, "10.0.0.3", 7000, 1).unwrap();
    assert_eq!(f.recv(r), Ok(Some(1)));
    f.connect(r, "10.0.0.1", 4000).unwrap();
    f.sendto(s, "10.0.0.3", 7000, 2).unwrap();
    assert_eq!((f.recv(r), f.mib(b, M::UdpNoPorts)), (Ok(None), 1));
    f.sendto(s, "10.0.0.2", 7000, 3).unwrap();
    assert_eq!(f.recv(r), Ok(Some(3)));
    f.connect(r, "127.0.0.1", 9).unwrap();
    assert_eq!(f.l.w.hosts[0].kernel.sockets.get(r).unwrap().src_addr, ip("10.0.0.2"));
}

/// UDP-40, UDP-41: a closed port reaches a connected socket once, by its next call, which does nothing else; an
/// unconnected one never.
#[test]
fn refused() {
    let (mut f, a, b) = two();
    f.run(1);
    let s = f.socket(a, "0.0.0.0", 4000);
    assert_eq!((f.sendto(s, "10.0.0.2", 9, 1), f.recv(s)), (Ok(1), Ok(None)));
    f.connect(s, "10.0.0.2", 9).unwrap();
    let calls: Vec<_> = (0..4).map(|_| f.sendto(s, "", 0, 1)).collect();
    let no = Err(Errno::ECONNREFUSED);
    assert_eq!(calls, [Ok(1), no, Ok(1), no]);
    assert_eq!((f.sendto(s, "", 0, 1), f.recv(s), f.recv(s)), (Ok(1), no.map(|_: u32| None), Ok(None)));
    assert_eq!(f.mib(b, M::UdpNoPorts), 4);
}

/// SOCK-24: what a host sends to itself has come in by the owner of the address, for sockets that are bound to a device.
#[test]
fn by_the_owner_of_the_address() {
    let (mut f, a, _) = two();
    let (eth0, lo) = (f.dev(a, "eth0"), f.dev(a, "lo"));
    f.run(1);
    let on = |d| Options { device: Some(d), ..Options::default() };
    let e = f.socket_as(a, "0.0.0.0", 7000, on(eth0)).unwrap();
    let l = f.socket_as(a, "0.0.0.0", 7000, on(lo)).unwrap();
    let s = f.socket(a, "0.0.0.0", 9);
    f.sendto(s, "10.0.0.1", 7000, 1).unwrap();
    f.sendto(s, "127.0.0.1", 7000, 2).unwrap();
    assert_eq!((f.recv(e), f.recv(e), f.recv(l), f.recv(l)), (Ok(Some(1)), Ok(None), Ok(Some(2)), Ok(None)));
}

/// UDP-06, RT-27, SOCK-39, SOCK-40: a broadcast needs leave; every matching socket has it, on this host, too; a socket
/// on the unicast address has not; nobody is told if there is none.
#[test]
fn broadcasts() {
    let (mut f, a, b) = two();
    f.run(1);
    let reuse = Options { reuseaddr: true, broadcast: true, ..Options::default() };
    let own = f.socket(a, "0.0.0.0", 7000);
    let any1 = f.socket_as(b, "0.0.0.0", 7000, reuse).unwrap();
    let any2 = f.socket_as(b, "10.0.0.255", 7000, reuse).unwrap();
    let unicast = f.socket_as(b, "10.0.0.2", 7000, reuse).unwrap();
    let s = f.socket(a, "0.0.0.0", 9);
    assert_eq!(f.sendto(s, "10.0.0.255", 7000, 1), Err(Errno::EACCES));
    let s = f.socket_as(a, "0.0.0.0", 10, reuse).unwrap();
    assert_eq!(f.sendto(s, "10.0.0.255", 7000, 2), Ok(2));
    let got = [own, any1, any2, unicast].map(|s| f.recv(s).unwrap());
    assert_eq!(got, [Some(2), Some(2), Some(2), None]);
    assert_eq!(f.lines(a, "eth0", "IP").len(), 1, "out of the device; its own copy passes no tap");
    assert_eq!([M::IpExtOutBcastPkts, M::IpExtInBcastPkts, M::IpInReceives].map(|c| f.mib(a, c)), [1, 1, 1]);
    // Each fragment counts; the copy that comes back is whole.
    assert_eq!(f.sendto(s, "10.0.0.255", 7000, 3_000), Ok(3_000));
    let which = [M::IpExtOutBcastPkts, M::IpExtOutBcastOctets, M::IpExtInBcastPkts, M::IpReasmReqds];
    assert_eq!(which.map(|c| f.mib(a, c)), [1 + 3, 30 + 3_068, 2, 0]);
    assert_eq!(f.sendto(s, "10.0.0.255", 8, 2), Ok(2));
    assert_eq!((f.mib(b, M::UdpIgnoredMulti), f.mib(b, M::IcmpOutMsgs)), (1, 0));
}
