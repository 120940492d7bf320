use super::*;

fn hop(at: u64, cost: u64, tables: &str, name: &str, text: &str, place: Option<&str>) -> Row {
    Row::Hop(Hop {
        at_ps: at * 10_000,
        cost_ps: cost * 10_000,
        tables: tables.to_owned(),
        cpu: 0,
        name: name.to_owned(),
        text: text.to_owned(),
        place: place.map(str::to_owned),
    })
}
fn ask(text: &str, place: Option<&str>) -> Row {
    Row::Ask { text: text.to_owned(), place: place.map(str::to_owned) }
}
fn rewrite(what: &str, text: &str) -> Row {
    Row::Rewrite { what: what.to_owned(), text: text.to_owned() }
}
fn note(name: &str, text: &str, place: Option<&str>) -> Row {
    Row::Note { name: name.to_owned(), text: text.to_owned(), place: place.map(str::to_owned) }
}
fn host(host: &str, cpu: u32, context: &str, tables: &str) -> Row {
    Row::Host { host: host.to_owned(), cpu, context: context.to_owned(), tables: tables.to_owned() }
}

/// A datagram from another host into a container.
fn delivered() -> Journey {
    Journey {
        head: JourneyHead {
            packet: "IP 192.0.2.20.42494 > 172.17.0.2.80: UDP, length 64".to_owned(),
            verdict: "DELIVERED".to_owned(),
            place: "h1/c1 socket 0.0.0.0:80".to_owned(),
            total_ps: 14_220_000,
            work_ps: 8_240_000,
            wait_ps: 900_000,
            wire_ps: 5_080_000,
        },
        rows: vec![
            host("h2", 0, "process", "h2/root"),
            hop(0, 90, "h2/root", "udp_sendmsg", "", None),
            ask("main: 172.17.0.0/16 via 192.0.2.10 dev eth0 src 192.0.2.20", Some("outside.ron:31")),
            hop(90, 40, "h2/root", "neigh_output", "", None),
            ask("neigh 192.0.2.10 dev eth0 lladdr 02:00:00:00:01:01 REACHABLE", None),
            hop(130, 70, "h2/root", "dev_queue_xmit", "eth0, pfifo_fast, 0 of 1000 waiting", None),
            Row::Wire {
                at_ps: 2_000_000,
                cost_ps: 5_080_000,
                from: "h2/root/eth0".to_owned(),
                to: "h1/root/eth0".to_owned(),
                text: "98 B at 10gbit .08 + delay 5.00".to_owned(),
                place: Some("outside.ron:40".to_owned()),
            },
            host("h1", 1, "softirq", "h1/root"),
            hop(708, 35, "h1/root", "netif_receive_skb", "eth0, for my MAC", None),
            hop(743, 12, "h1/root", "ip_rcv", "ttl 64", None),
            hop(831, 31, "h1/root", "ip_route_input", "forwarding=1 rp_filter=0", None),
            ask("rule 0 local: no", None),
            ask("rule 32766 main: 172.17.0.0/16 dev docker0", Some("outside.ron:8")),
            hop(866, 12, "h1/root", "ip_forward", "", None),
            rewrite("ttl", "64 → 63"),
            hop(935, 26, "h1/root", "ip_finish_output", "", None),
            ask("neigh 172.17.0.2 dev docker0 REACHABLE", None),
            rewrite("MAC", "02:42:00:00:00:01 > 02:42:ac:11:00:02"),
            hop(991, 45, "h1/root", "veth_xmit", "veth1 hands the frame to its peer", None),
            Row::Switch {
                from: "h1/root".to_owned(),
                to: "h1/c1".to_owned(),
                text: "skb->dev = eth0 of c1; route, conntrack and mark forgotten".to_owned(),
            },
            hop(1036, 120, "h1/c1", "netif_rx", "backlog of cpu 1: 1 of 1000, waited .90", None),
            hop(1197, 70, "h1/c1", "udp_rcv", "", None),
            ask("0.0.0.0:80 (1 candidate)", Some("outside.ron:12")),
        ],
        notes: Vec::new(),
    }
}

fn dropped() -> Journey {
    Journey {
        head: JourneyHead {
            packet: "IP 203.0.113.7 > 198.51.100.10: ICMP echo request, id 1, seq 1, length 64".to_owned(),
            verdict: "DROPPED IP_RPFILTER".to_owned(),
            place: "gw/root, ip_rcv_finish_core".to_owned(),
            total_ps: 22_270_000,
            work_ps: 12_000_000,
            wait_ps: 270_000,
            wire_ps: 10_000_000,
        },
        rows: vec![
            host("client", 0, "process", "client/root"),
            hop(0, 90, "client/root", "ping_v4_sendmsg", "", None),
            host("rtr", 0, "softirq", "rtr/root"),
            hop(710, 90, "rtr/root", "ip_rcv", "ttl 64", None),
            host("gw", 0, "softirq", "gw/root"),
            hop(2140, 35, "gw/root", "netif_receive_skb", "eth1", None),
            hop(2187, 40, "gw/root", "ip_route_input", "it is for this host", None),
            ask("rule 0 local: local 198.51.100.10 dev eth1", None),
            note(
                "rp_filter",
                "the way back, to 203.0.113.7 from 198.51.100.10, is main: default via 192.0.2.1 dev eth0; it leaves by \
                 eth0 and came in by eth1; rp_filter=1, strict (the larger of all=1, eth1=1)",
                Some("two-uplinks.ron:18"),
            ),
            Row::Drop {
                at_ps: 22_270_000,
                reason: "IP_RPFILTER".to_owned(),
                text: "TcpExtIPReversePathFilter 0 → 1; no ICMP goes out; no log (log_martians=0)".to_owned(),
                place: None,
            },
        ],
        notes: vec![(
            "why".to_owned(),
            "A strict host takes a packet only from the device by which it would answer.".to_owned(),
        )],
    }
}

#[test]
fn a_delivered_packet() {
    assert_eq!(render(&delivered(), false, Paint::Plain), include_str!("delivered.txt"));
}

#[test]
fn a_dropped_packet_shows_its_last_host() {
    assert_eq!(render(&dropped(), false, Paint::Plain), include_str!("dropped.txt"));
}

#[test]
fn colour_changes_no_character() {
    for journey in [delivered(), dropped()] {
        let (plain, mut ansi) = (render(&journey, true, Paint::Plain), render(&journey, true, Paint::Ansi));
        while let Some(begin) = ansi.find('\u{1b}') {
            let end = ansi[begin..].find('m').unwrap();
            ansi.replace_range(begin..=begin + end, "");
        }
        // Colour may end behind trailing spaces.
        let ansi: Vec<&str> = ansi.lines().map(str::trim_end).collect();
        assert_eq!(ansi, plain.lines().collect::<Vec<_>>());
    }
}

#[test]
fn all_shows_all() {
    let text = render(&dropped(), true, Paint::Plain);
    assert!(text.contains("ping_v4_sendmsg") && text.contains("host rtr, cpu 0, softirq"), "{text}");
}

#[test]
fn whatever_the_data_no_line_is_too_long_and_none_moves_the_cursor() {
    let long = "x\u{1b}[2J ".repeat(80) + &"y".repeat(400);
    let text = |s: &str| s.to_owned();
    let mut journey = Journey {
        head: JourneyHead {
            packet: long.clone(),
            verdict: text("DROPPED X"),
            place: long.clone(),
            ..Default::default()
        },
        rows: vec![
            Row::Host { host: long.clone(), cpu: u32::MAX, context: long.clone(), tables: long.clone() },
            hop(u64::MAX / 10_000, u64::MAX / 10_000, &long, &long, &long, Some(&long)),
            ask(&long, Some(&long)),
            rewrite(&long, &long),
            note(&long, &long, Some(&long)),
            Row::Switch { from: long.clone(), to: long.clone(), text: long.clone() },
        ],
        notes: vec![(long.clone(), long.clone())],
    };
    journey.rows.push(Row::Drop { at_ps: 1, reason: long.clone(), text: long.clone(), place: Some(long) });
    let text = render(&journey, true, Paint::Plain);
    for line in text.lines() {
        assert!(line.chars().count() <= WIDTH, "{} {line}", line.chars().count());
        assert!(!line.chars().any(units::is_control), "{line:?}");
    }
}

#[test]
fn an_empty_walk_is_a_head() {
    let text = render(&Journey::default(), false, Paint::Plain);
    assert_eq!(text.lines().count(), 2, "{text}");
}
