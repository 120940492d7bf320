//! Tables and counters of a namespace: links and forwarding databases from rtnetlink, protocol counters and sockets
//! from `/proc`, the rest in `ip`'s own words.

use super::{apply::Tools, spaces::Spaces, sys};
use crate::verify::job::Space;
use std::{collections::BTreeMap, fs, io};

/// `struct rtnl_link_stats64`, the fields that anything counts here: place and name.
const STATS: &[(usize, &str)] = &[
    (0, "rx_packets"),
    (1, "tx_packets"),
    (2, "rx_bytes"),
    (3, "tx_bytes"),
    (4, "rx_errors"),
    (5, "tx_errors"),
    (6, "rx_dropped"),
    (7, "tx_dropped"),
    (8, "multicast"),
    (15, "rx_missed_errors"),
    (23, "rx_nohandler"),
    (24, "rx_otherhost_dropped"),
];

/// Settings that stand among the counters of `/proc/net/snmp`.
const SETTINGS: [&str; 7] =
    ["Ip.Forwarding", "Ip.DefaultTTL", "Tcp.RtoAlgorithm", "Tcp.RtoMin", "Tcp.RtoMax", "Tcp.MaxConn", "Tcp.CurrEstab"];

/// What a link is right now.
#[derive(Clone, Debug, Default)]
pub struct Link {
    pub index: i32,
    pub name: String,
    pub flags: u32,
    pub operstate: u8,
    pub qdisc: String,
    pub stats: BTreeMap<String, u64>,
}

const IFF_UP: u32 = 1;
const IFF_LOWER_UP: u32 = 1 << 16;
const OPER_UP: u8 = 6;

impl Link {
    /// Has linkwatch nothing more to do? What is up and has carrier is UP or UNKNOWN, and has its qdisc.
    pub fn is_settled(&self) -> bool {
        let carrier = self.flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP;
        !carrier || (matches!(self.operstate, 0 | OPER_UP) && self.qdisc != "noop")
    }
}

/// Counters at one time.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    link: BTreeMap<String, BTreeMap<String, u64>>,
    snmp: BTreeMap<String, u64>,
}

/// Attributes of a netlink message: type and bytes.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let len = usize::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(bytes.get(2..4)?.try_into().ok()?);
        let value = bytes.get(4..len)?;
        bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & 0x3fff, value))
    })
}

fn int(bytes: &[u8]) -> u32 {
    bytes.get(..4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

fn name(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.strip_suffix(&[0]).unwrap_or(bytes)).into_owned()
}

/// Dumps a table of the namespace that the thread is in: the body of each message goes to `each`.
fn dump(kind: u16, body: &[u8], each: impl FnMut(&[u8])) -> io::Result<()> {
    get(kind, libc::NLM_F_DUMP, body, each)
}

fn get(kind: u16, how: i32, body: &[u8], mut each: impl FnMut(&[u8])) -> io::Result<()> {
    const NLMSG_ERROR: u16 = 2;
    const NLMSG_DONE: u16 = 3;
    let fd = sys::socket(sys::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE)?;
    let flags = (libc::NLM_F_REQUEST | how) as u16;
    let mut ask = ((16 + body.len()) as u32).to_ne_bytes().to_vec();
    ask.extend(kind.to_ne_bytes());
    ask.extend(flags.to_ne_bytes());
    ask.extend([1, 0, 0, 0, 0, 0, 0, 0]);
    ask.extend(body);
    let mut refused = 0;
    sys::netlink(&fd, &ask, |mut bytes| {
        while bytes.len() >= 16 {
            let len = (int(bytes) as usize).clamp(16, bytes.len());
            let (kind, body) = (u16::from_ne_bytes([bytes[4], bytes[5]]), &bytes[16..len]);
            match kind {
                NLMSG_DONE => return true,
                NLMSG_ERROR => {
                    refused = (int(body) as i32).saturating_neg();
                    return true;
                }
                _ => each(body),
            }
            if how != libc::NLM_F_DUMP {
                return true;
            }
            bytes = bytes.get(len.next_multiple_of(4)..).unwrap_or_default();
        }
        false
    })?;
    if refused == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(refused)) }
}

/// The links of the namespace that the thread is in.
///
/// # Errors
/// The kernel's.
pub fn links() -> io::Result<Vec<Link>> {
    let mut all = Vec::new();
    dump(libc::RTM_GETLINK, &[0; 16], |body| {
        let mut l = Link { index: int(&body[4..]) as i32, flags: int(&body[8..]), ..Link::default() };
        for (kind, value) in attributes(&body[16..]) {
            match kind {
                libc::IFLA_IFNAME => l.name = name(value),
                libc::IFLA_QDISC => l.qdisc = name(value),
                libc::IFLA_OPERSTATE => l.operstate = value.first().copied().unwrap_or(0),
                libc::IFLA_STATS64 => {
                    let word = |i: usize| value.get(i * 8..i * 8 + 8)?.try_into().ok().map(u64::from_ne_bytes);
                    l.stats = STATS.iter().map(|(i, n)| ((*n).to_owned(), word(*i).unwrap_or(0))).collect();
                }
                _ => {}
            }
        }
        all.push(l);
    })?;
    Ok(all)
}

/// Whoever asks for one link sees what linkwatch has not come to yet: the kernel does it before it answers.
///
/// # Errors
/// The kernel's.
pub fn sync(links: &[Link]) -> io::Result<()> {
    for l in links {
        let mut body = [0; 16];
        body[4..8].copy_from_slice(&l.index.to_ne_bytes());
        get(libc::RTM_GETLINK, 0, &body, |_| {})?;
    }
    Ok(())
}

/// The bridges' forwarding databases in `bridge fdb`'s words, without the devices' own address filters.
fn fdb(links: &[Link]) -> io::Result<Vec<String>> {
    let name = |index: u32| links.iter().find(|l| l.index as u32 == index).map_or("?", |l| l.name.as_str());
    let mut lines = Vec::new();
    let mut body = [0; 12];
    body[0] = libc::AF_BRIDGE as u8;
    dump(libc::RTM_GETNEIGH, &body, |body| {
        let (index, state) = (int(&body[4..]), u16::from_ne_bytes([body[8], body[9]]));
        let (mut mac, mut vlan, mut master, mut to) = (String::new(), String::new(), None, String::new());
        for (kind, value) in attributes(&body[12..]) {
            match kind {
                libc::NDA_LLADDR => {
                    mac = value.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
                }
                libc::NDA_VLAN => {
                    let id = value.get(..2).and_then(|v| v.try_into().ok()).map_or(0, u16::from_ne_bytes);
                    vlan = format!(" vlan {id}");
                }
                libc::NDA_MASTER => master = Some(int(value)),
                libc::NDA_DST if value.len() == 4 => {
                    to.insert_str(0, &format!(" dst {}.{}.{}.{}", value[0], value[1], value[2], value[3]));
                }
                libc::NDA_PORT => to.push_str(&format!(" port {}", u16::from_be_bytes([value[0], value[1]]))),
                libc::NDA_VNI => to.push_str(&format!(" vni {}", int(value))),
                libc::NDA_IFINDEX => to.push_str(&format!(" via {}", name(int(value)))),
                _ => {}
            }
        }
        let Some(master) = master else {
            if !to.is_empty() {
                // A tunnel's own.
                let kind = match state {
                    s if s & libc::NUD_PERMANENT != 0 => " permanent",
                    s if s & libc::NUD_NOARP != 0 => " static",
                    _ => "",
                };
                lines.push(format!("{mac} dev {}{to} self{kind}", name(index)));
            }
            return;
        };
        let kind = match state {
            libc::NUD_PERMANENT => " permanent",
            libc::NUD_NOARP => " static",
            libc::NUD_STALE => " stale",
            _ => "",
        };
        lines.push(format!("{mac} dev {}{vlan} master {}{kind}", name(index), name(master)));
    })?;
    Ok(lines)
}

/// `/proc/net/snmp` and its like: pairs of lines, names and values.
fn pairs(text: &str, out: &mut BTreeMap<String, u64>) {
    let lines: Vec<&str> = text.lines().collect();
    for pair in lines.chunks(2) {
        let [names, values] = pair else { continue };
        let Some((group, names)) = names.split_once(':') else { continue };
        let values = values.split_once(':').map_or("", |v| v.1).split_whitespace();
        for (name, value) in names.split_whitespace().zip(values) {
            let name = format!("{group}.{name}");
            if let Ok(n) = value.parse()
                && !SETTINGS.contains(&name.as_str())
            {
                out.insert(name, n);
            }
        }
    }
}

/// The counters of the namespace that the thread is in.
///
/// # Errors
/// The kernel's.
pub fn counters() -> io::Result<Counters> {
    let mut snmp = BTreeMap::new();
    for file in ["snmp", "netstat"] {
        pairs(&fs::read_to_string(format!("/proc/thread-self/net/{file}"))?, &mut snmp);
    }
    Ok(Counters { link: links()?.into_iter().map(|l| (l.name, l.stats)).collect(), snmp })
}

/// Differences that are not zero.
fn minus(now: &BTreeMap<String, u64>, old: Option<&BTreeMap<String, u64>>) -> BTreeMap<String, u64> {
    let before = |n: &str| old.and_then(|o| o.get(n)).copied().unwrap_or(0);
    now.iter().map(|(n, v)| (n.clone(), v.saturating_sub(before(n)))).filter(|c| c.1 != 0).collect()
}

/// The tables and counters of a namespace, the latter since `before`.
///
/// # Errors
/// The kernel's, or `ip` can't be run.
pub fn read(tools: &mut Tools, spaces: &Spaces, (host, ns): (usize, &str), before: &Counters) -> io::Result<Space> {
    spaces.enter(host, ns)?;
    let now = counters()?;
    let links = links()?;
    let mut space = Space { host, ns: ns.to_owned(), fdb: fdb(&links)?, sockets: sockets()?, ..Space::default() };
    space.snmp = minus(&now.snmp, Some(&before.snmp));
    for (dev, stats) in &now.link {
        let since = minus(stats, before.link.get(dev));
        if !since.is_empty() {
            space.link.insert(dev.clone(), since);
        }
    }
    let shows = ["route show table all", "rule show", "neigh show", "addr show"];
    let mut tables = tools.tables(spaces, host, ns, &shows)?.into_iter();
    let mut next = || tables.next().unwrap_or_default();
    (space.route, space.rule, space.neigh, space.addr) = (next(), next(), next(), next());
    Ok(space)
}

/// The UDP sockets of the namespace that the thread is in: address and port, and the datagrams that it threw away.
fn sockets() -> io::Result<Vec<String>> {
    let text = fs::read_to_string("/proc/thread-self/net/udp")?;
    let mut lines: Vec<String> = text.lines().skip(1).filter_map(socket).collect();
    lines.sort();
    Ok(lines)
}

fn socket(line: &str) -> Option<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (addr, port) = words.get(1)?.split_once(':')?;
    let addr = u32::from_str_radix(addr, 16).ok()?.to_ne_bytes();
    let port = u16::from_str_radix(port, 16).ok()?;
    let [a, b, c, d] = addr;
    Some(format!("{a}.{b}.{c}.{d}:{port} drops {}", words.last()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_lines_are_counters() {
        let mut out = BTreeMap::new();
        pairs("Ip: Forwarding InReceives\nIp: 1 7\nUdp: NoPorts\nUdp: 3\n", &mut out);
        let want = [("Ip.InReceives".to_owned(), 7), ("Udp.NoPorts".to_owned(), 3)];
        assert_eq!(out.into_iter().collect::<Vec<_>>(), want);
    }

    #[test]
    fn a_socket_is_named_by_its_address() {
        let line =
            "  123: 0100000A:1B58 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0 5";
        assert_eq!(socket(line).as_deref(), Some("10.0.0.1:7000 drops 5"));
    }
}
