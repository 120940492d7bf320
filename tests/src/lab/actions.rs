//! The language of a lab's actions: one line each, carried out one after the other.

use sim_core::time::Span;
use std::net::Ipv4Addr;

/// One action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// `sleep S`: nothing is done for so long.
    Sleep(Span),
    /// `serve NS KIND ADDR PORT`: a server in the background.
    Serve { ns: String, kind: Serve, addr: Ipv4Addr, port: u16 },
    /// `udp NS SRC:SPORT DST:DPORT SIZE WAIT [opt…]`: one datagram from a new socket, and at most one answer.
    Udp(Udp),
    /// `tcp NS DST:DPORT SPORT WAIT DATA`: one connection.
    Tcp(Tcp),
    /// `ping NS ARG…`: iputils' ping with `-n -e 7`.
    Ping(Ping),
    /// `sh NS (ip netns exec NS ping … & … & ping …; wait)`: pings that start together.
    Together(Vec<Ping>),
    /// `sh NS i=0; while … bridge fdb show dev DEV | grep -q TEXT || break; sleep S; …`: until no line of the device's
    /// entries has TEXT any more, at most so many tries.
    FdbGone { ns: String, dev: String, text: String, every: Span, tries: u32 },
    /// `sh NS COMMAND`: any other command of a shell in the namespace.
    Sh { ns: String, command: String },
}

/// What a server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Sends every datagram back to its sender, from the source address that routing chooses.
    Udp,
    /// Receives and answers nothing.
    UdpSink,
    /// Echoes until the end of the stream, one connection at a time.
    Tcp,
}

/// `udp`: SO_REUSEADDR, options, bind, connect, send `size` bytes, wait for one datagram, close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Udp {
    pub ns: String,
    pub src: (Ipv4Addr, u16),
    pub dst: (Ipv4Addr, u16),
    /// Bytes of payload.
    pub size: u32,
    /// Zero: don't wait.
    pub wait: Span,
    /// SO_BROADCAST
    pub broadcast: bool,
    /// IP_MTU_DISCOVER.
    pub pmtu: Pmtu,
    /// SO_BINDTODEVICE
    pub dev: Option<String>,
    /// IP_TTL
    pub ttl: Option<u8>,
    /// SO_MARK
    pub mark: Option<u32>,
}

/// IP_MTU_DISCOVER of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pmtu {
    /// `nodf`
    Dont,
    /// The default.
    Want,
    /// `df`
    Do,
}

/// `tcp`: SO_REUSEADDR, bind 0.0.0.0:`sport`, connect within `wait`; send `data` bytes and read as many; shut down,
/// read to the end, 20 ms, close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tcp {
    pub ns: String,
    pub dst: (Ipv4Addr, u16),
    pub sport: u16,
    pub wait: Span,
    /// Bytes; 0: only connect.
    pub data: u32,
}

/// `ping -n -e 7 …` with 56 bytes of payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    pub ns: String,
    pub dst: Ipv4Addr,
    /// `-c`
    pub count: u32,
    /// `-i`
    pub interval: Span,
    /// `-W`: how long the last request is waited for.
    pub timeout: Span,
    /// `-I`: a source address.
    pub source: Option<Ipv4Addr>,
    /// `-e`: the identifier of its echo requests.
    pub id: u16,
}

/// The identifier of an action's echo requests.
const PING_ID: u16 = 7;
/// Bytes of ping's payload.
pub const PING_SIZE: u32 = 56;

/// Reads one action.
///
/// # Errors
/// What is wrong with the line.
pub fn parse(line: &str) -> Result<Action, String> {
    let text = line.split('#').next().unwrap_or_default().trim();
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        ["sleep", s] => Ok(Action::Sleep(seconds(s)?)),
        ["serve", ns, kind, addr, port] => {
            let kind = match *kind {
                "udp" => Serve::Udp,
                "udpsink" => Serve::UdpSink,
                "tcp" => Serve::Tcp,
                other => return Err(format!("`{other}` is not a server")),
            };
            Ok(Action::Serve { ns: (*ns).to_owned(), kind, addr: address(addr)?, port: number(port)? })
        }
        ["udp", ns, src, dst, size, wait, options @ ..] => udp(ns, src, dst, size, wait, options).map(Action::Udp),
        ["tcp", ns, dst, sport, wait, data] => Ok(Action::Tcp(Tcp {
            ns: (*ns).to_owned(),
            dst: endpoint(dst)?,
            sport: number(sport)?,
            wait: seconds(wait)?,
            data: number(data)?,
        })),
        ["ping", ns, args @ ..] => ping(ns, args).map(Action::Ping),
        // A shell's own `#` and blanks are its business.
        ["sh", ns, _, ..] => {
            let command = line.trim_start()["sh".len()..].trim_start()[ns.len()..].trim();
            shell(ns, command)
        }
        _ => Err(format!("`{line}` is not an action")),
    }
}

fn udp(ns: &str, src: &str, dst: &str, size: &str, wait: &str, options: &[&str]) -> Result<Udp, String> {
    let mut udp = Udp {
        ns: ns.to_owned(),
        src: endpoint(src)?,
        dst: endpoint(dst)?,
        size: number(size)?,
        wait: seconds(wait)?,
        broadcast: false,
        pmtu: Pmtu::Want,
        dev: None,
        ttl: None,
        mark: None,
    };
    for option in options {
        match option.split_once('=') {
            None if *option == "bcast" => udp.broadcast = true,
            None if *option == "nodf" => udp.pmtu = Pmtu::Dont,
            None if *option == "df" => udp.pmtu = Pmtu::Do,
            Some(("dev", name)) => udp.dev = Some(name.to_owned()),
            Some(("ttl", n)) => udp.ttl = Some(number(n)?),
            Some(("mark", n)) => udp.mark = Some(number(n)?),
            _ => return Err(format!("`{option}` is not an option of udp")),
        }
    }
    Ok(udp)
}

fn ping(ns: &str, args: &[&str]) -> Result<Ping, String> {
    let mut dst = None;
    let mut ping = Ping {
        ns: ns.to_owned(),
        dst: Ipv4Addr::UNSPECIFIED,
        count: 0,
        interval: Span::from_s(1),
        timeout: Span::from_s(10),
        source: None,
        id: PING_ID,
    };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let Some(option) = arg.strip_prefix('-') else {
            if dst.replace(address(arg)?).is_some() {
                return Err(format!("`{arg}`: a second destination"));
            }
            continue;
        };
        if matches!(option, "n" | "q") {
            continue;
        }
        let value = args.next().ok_or_else(|| format!("`{arg}` needs a value"))?;
        match option {
            "c" => ping.count = number(value)?,
            "i" => ping.interval = seconds(value)?,
            "W" => ping.timeout = seconds(value)?,
            "I" => ping.source = Some(address(value)?),
            "e" => ping.id = number(value)?,
            _ => return Err(format!("`{arg}` is not an option of ping here")),
        }
    }
    ping.dst = dst.ok_or("ping without a destination")?;
    if ping.count == 0 { Err("ping without `-c` never ends".into()) } else { Ok(ping) }
}

/// The two forms of shell command that are understood, else the command as it is.
fn shell(ns: &str, command: &str) -> Result<Action, String> {
    if let Some(list) = command.strip_prefix('(').and_then(|c| c.strip_suffix("; wait)")) {
        let one = |c: &str| {
            let c = c.trim().trim_end_matches(" >/dev/null");
            match c.split_whitespace().collect::<Vec<_>>().as_slice() {
                ["ip", "netns", "exec", ns, "ping", args @ ..] => ping(ns, args),
                ["ping", args @ ..] => ping(ns, args),
                _ => Err(format!("`{c}` is not a ping")),
            }
        };
        return list.split('&').map(one).collect::<Result<_, _>>().map(Action::Together);
    }
    let words: Vec<&str> = command.split([' ', ';']).filter(|w| !w.is_empty()).collect();
    if let [
        "i=0",
        "while",
        "[",
        "$i",
        "-lt",
        tries,
        "]",
        "do",
        "bridge",
        "fdb",
        "show",
        "dev",
        dev,
        "|",
        "grep",
        "-q",
        text,
        "||",
        "break",
        "sleep",
        every,
        "i=$((i+1))",
        "done",
        "echo",
    ] = words.as_slice()
    {
        return Ok(Action::FdbGone {
            ns: ns.to_owned(),
            dev: (*dev).to_owned(),
            text: (*text).to_owned(),
            every: seconds(every)?,
            tries: number(tries)?,
        });
    }
    Ok(Action::Sh { ns: ns.to_owned(), command: command.to_owned() })
}

fn number<T: std::str::FromStr>(s: &str) -> Result<T, String> {
    s.parse().map_err(|_| format!("`{s}` is not a number, or too large"))
}

fn address(s: &str) -> Result<Ipv4Addr, String> {
    s.parse().map_err(|_| format!("`{s}` is not an IPv4 address"))
}

fn endpoint(s: &str) -> Result<(Ipv4Addr, u16), String> {
    let (addr, port) = s.split_once(':').ok_or_else(|| format!("`{s}` is not ADDRESS:PORT"))?;
    Ok((address(addr)?, number(port)?))
}

/// "0.5", "2": seconds with at most six decimals.
fn seconds(s: &str) -> Result<Span, String> {
    let bad = || format!("`{s}` is not a number of seconds");
    let (whole, part) = s.split_once('.').unwrap_or((s, ""));
    if part.len() > 6 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let whole: u32 = whole.parse().map_err(|_| bad())?;
    let micros: u64 = format!("{part:0<6}").parse().map_err(|_| bad())?;
    Ok(Span::from_s(whole.into()) + Span::from_us(micros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab;

    #[test]
    fn each_kind_is_typed() {
        let ip = |a, b, c, d| Ipv4Addr::new(a, b, c, d);
        assert_eq!(parse("sleep 0.25"), Ok(Action::Sleep(Span::from_ms(250))));
        assert_eq!(
            parse("serve b udpsink 0.0.0.0 7000"),
            Ok(Action::Serve { ns: "b".into(), kind: Serve::UdpSink, addr: ip(0, 0, 0, 0), port: 7000 })
        );
        let udp = Udp {
            ns: "a".into(),
            src: (ip(0, 0, 0, 0), 4001),
            dst: (ip(10, 0, 3, 1), 7000),
            size: 10,
            wait: Span::from_ms(500),
            broadcast: false,
            pmtu: Pmtu::Want,
            dev: None,
            ttl: Some(1),
            mark: None,
        };
        assert_eq!(parse("udp a 0.0.0.0:4001 10.0.3.1:7000 10 0.5 ttl=1 # dies at once"), Ok(Action::Udp(udp.clone())));
        let all = Udp { broadcast: true, pmtu: Pmtu::Do, dev: Some("eth0".into()), mark: Some(9), ..udp };
        assert_eq!(
            parse("udp a 0.0.0.0:4001 10.0.3.1:7000 10 0.5 ttl=1 bcast df dev=eth0 mark=9"),
            Ok(Action::Udp(all))
        );
        let tcp = Tcp { ns: "a".into(), dst: (ip(10, 0, 0, 2), 8000), sport: 5000, wait: Span::from_s(1), data: 100 };
        assert_eq!(parse("tcp a 10.0.0.2:8000 5000 1 100"), Ok(Action::Tcp(tcp)));
        let ping = Ping {
            ns: "b".into(),
            dst: ip(10, 0, 0, 1),
            count: 1,
            interval: Span::from_s(1),
            timeout: Span::from_s(10),
            source: Some(ip(10, 0, 0, 3)),
            id: 7,
        };
        assert_eq!(parse("ping b -c 1 -I 10.0.0.3 10.0.0.1"), Ok(Action::Ping(ping)));
        assert_eq!(parse("sh a x  # y"), Ok(Action::Sh { ns: "a".into(), command: "x  # y".into() }));
    }

    #[test]
    fn two_forms_of_shell_are_understood() {
        let together = "sh c1 (ip netns exec c2 ping -n -q -e 2 -c 3 -i 0.2 10.0.0.3 >/dev/null & \
                        ping -n -e 1 -c 3 10.0.0.3; wait)";
        let Ok(Action::Together(pings)) = parse(together) else { panic!("{:?}", parse(together)) };
        let shown: Vec<_> = pings.iter().map(|p| (p.ns.as_str(), p.id, p.count, p.interval)).collect();
        assert_eq!(shown, [("c2", 2, 3, Span::from_ms(200)), ("c1", 1, 3, Span::from_s(1))]);
        let gone = "sh host i=0; while [ $i -lt 250 ]; do bridge fdb show dev v2 | grep -q 00:02 || break; \
                    sleep 0.02; i=$((i+1)); done; echo";
        let (dev, text) = ("v2".to_owned(), "00:02".to_owned());
        let every = Span::from_ms(20);
        assert_eq!(parse(gone), Ok(Action::FdbGone { ns: "host".into(), dev, text, every, tries: 250 }));
    }

    #[test]
    fn a_bad_action_says_what_is_wrong() {
        for (line, what) in [
            ("", "`` is not an action"),
            ("dance a", "`dance a` is not an action"),
            ("serve b http 0.0.0.0 80", "`http` is not a server"),
            ("udp a 0.0.0.0 10.0.3.1:7000 10 0.5", "`0.0.0.0` is not ADDRESS:PORT"),
            ("udp a 0.0.0.0:70000 10.0.3.1:7000 10 0.5", "`70000` is not a number, or too large"),
            ("udp a 0.0.0.0:7 10.0.3.1:7000 10 0.5 fast", "`fast` is not an option of udp"),
            ("ping a -c 1", "ping without a destination"),
            ("ping a 10.0.0.1", "ping without `-c` never ends"),
            ("ping a -f 1 10.0.0.1", "`-f` is not an option of ping here"),
            ("sleep 1e3", "`1e3` is not a number of seconds"),
            ("sleep 0.+1", "`0.+1` is not a number of seconds"),
        ] {
            assert_eq!(parse(line), Err(what.to_owned()), "{line}");
        }
    }

    #[test]
    fn every_action_of_every_lab_is_understood() {
        let mut seen = 0;
        for name in lab::names() {
            let script = lab::script::parse(&lab::read(&name, "setup.sh").unwrap()).unwrap();
            for a in &script.actions {
                parse(&a.text).unwrap_or_else(|e| panic!("{name}:{}: {e}", a.line));
                seen += 1;
            }
        }
        assert_eq!(seen, 78);
    }
}
