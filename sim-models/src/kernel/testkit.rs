//! For tests of tables: one host with dummy devices, and `ip` commands as text.

use super::{
    Cx, DevId, Kernel, NsId, RtnlOp,
    addr::on_carrier,
    fib,
    rtnl::{Brd, How, IfAddr, LinkAttrs, RouteSpec, RouteType, RtProto, Scope},
    show_addr::dev_addr_lines,
    show_route::ip_route_lines,
};
use crate::{
    cost::Costs,
    drivers::Config,
    packet::{Ip4Addr, Prefix},
};
use sim_core::rng::Streams;

/// A kernel and its context.
pub(crate) struct Lab {
    pub(crate) k: Kernel,
    pub(crate) cx: Cx,
}

pub(crate) fn ip4(s: &str) -> u32 {
    s.parse::<Ip4Addr>().expect("an address").0
}

/// "10.0.0.0/8", "10.0.0.1", "default", "10/8"
pub(crate) fn prefix(s: &str) -> Prefix<u32> {
    if s == "default" {
        return Prefix::new(0, 0);
    }
    let (a, len) = s.split_once('/').unwrap_or((s, "32"));
    let mut a = a.to_owned();
    while a.split('.').count() < 4 {
        a += ".0";
    }
    Prefix::new(ip4(&a), len.parse().expect("a length"))
}

impl Lab {
    /// Namespace `root` with a `lo` that is down.
    pub(crate) fn new() -> Lab {
        let mut cx = Cx::new(0, 250, Costs::flat("zero", 0), Streams::new(1));
        Lab { k: Kernel::new(&mut cx, 0, 1, 250), cx }
    }

    /// One more namespace.
    pub(crate) fn ns(&mut self, name: &str) -> NsId {
        self.k.new_ns(&mut self.cx, name)
    }

    /// A device with carrier, down, in `root`.
    pub(crate) fn dev(&mut self, name: &str) -> DevId {
        self.dev_in(NsId::ROOT, name)
    }

    pub(crate) fn dev_in(&mut self, ns: NsId, name: &str) -> DevId {
        let config = Config::of_kind("dummy").expect("a driver");
        let op = RtnlOp::NewLink { name: name.to_owned(), attrs: LinkAttrs::default(), config };
        assert_eq!(self.rtnl(ns, &op), Ok(()), "ip link add {name} type dummy");
        self.k.dev_by_name(ns, name).expect("a device")
    }

    pub(crate) fn id(&self, name: &str) -> DevId {
        self.k.dev_by_name(NsId::ROOT, name).expect("a device")
    }

    /// The tables of `root`.
    pub(crate) fn v4(&self) -> &fib::Tables<u32> {
        &self.k.net(NsId::ROOT).v4
    }

    /// What linkwatch does about a change of carrier.
    pub(crate) fn carrier(&mut self, name: &str, up: bool) {
        let dev = self.id(name);
        self.k.devs[dev].carrier = up;
        on_carrier(&mut self.k, &mut self.cx, dev, up);
    }

    /// `ip COMMAND`: the text of its error.
    pub(crate) fn ip(&mut self, command: &str) -> Result<(), String> {
        self.ip_in(NsId::ROOT, command)
    }

    pub(crate) fn ip_in(&mut self, ns: NsId, command: &str) -> Result<(), String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let op = match words[..] {
            ["link", "set", name, state] => {
                let attrs = LinkAttrs { up: Some(state == "up"), ..LinkAttrs::default() };
                RtnlOp::SetLink { name: name.to_owned(), attrs }
            }
            ["addr", verb, ref rest @ ..] => {
                let (dev, addr) = address(rest);
                match verb {
                    "add" => RtnlOp::NewAddr { dev, addr },
                    "del" => RtnlOp::DelAddr { dev, addr },
                    _ => panic!("ip addr {verb}"),
                }
            }
            ["route", verb, ref rest @ ..] => {
                let route = route(rest, verb == "del");
                let how = match verb {
                    "del" => return self.rtnl(ns, &RtnlOp::DelRoute { route }),
                    "add" => How::Add,
                    "append" => How::Append,
                    "prepend" => How::Prepend,
                    "replace" => How::Replace,
                    "change" => How::Change,
                    _ => panic!("ip route {verb}"),
                };
                RtnlOp::NewRoute { route, how }
            }
            _ => panic!("ip {command}"),
        };
        self.rtnl(ns, &op)
    }

    fn rtnl(&mut self, ns: NsId, op: &RtnlOp) -> Result<(), String> {
        self.k.rtnl(&mut self.cx, ns, op).map_err(|e| e.to_string())
    }

    /// Commands that must not fail, one a line.
    pub(crate) fn ok(&mut self, commands: &str) {
        for c in commands.lines().map(str::trim).filter(|c| !c.is_empty()) {
            assert_eq!(self.ip(c), Ok(()), "ip {c}");
        }
    }

    /// `sysctl -w KEY=VALUE`
    pub(crate) fn sysctl(&mut self, key: &str, value: &str) -> Result<(), String> {
        self.rtnl(NsId::ROOT, &RtnlOp::Sysctl { key: key.to_owned(), value: value.to_owned() })
    }

    /// `ip route show table TABLE`
    pub(crate) fn routes(&self, table: u32) -> Vec<String> {
        ip_route_lines(&self.k, NsId::ROOT, table)
    }

    /// "10.0.0.1/24 scope global v0", one an address.
    pub(crate) fn addrs(&self, dev: &str) -> Vec<String> {
        let lines = dev_addr_lines(&self.k, self.id(dev));
        lines.iter().step_by(2).map(|l| l.trim().trim_start_matches("inet ").to_owned()).collect()
    }
}

fn address(words: &[&str]) -> (String, IfAddr) {
    let mut a = IfAddr::new(prefix(words[0]));
    if !words[0].contains('/') {
        a.len = 32;
    }
    let mut dev = String::new();
    let mut rest = words[1..].iter().copied();
    while let Some(word) = rest.next() {
        match word {
            "noprefixroute" => a.noprefixroute = true,
            _ => match (word, rest.next().expect("a value")) {
                ("dev", v) => dev = v.to_owned(),
                ("peer", v) => (a.peer, a.len) = (Some(prefix(v).addr), prefix(v).len),
                ("brd", "+") => a.broadcast = Some(Brd::Plus),
                ("brd", v) => a.broadcast = Some(Brd::Addr(ip4(v))),
                ("scope", v) => a.scope = Some(scope(v)),
                (w, _) => panic!("{w}"),
            },
        }
    }
    (dev, a)
}

fn scope(s: &str) -> Scope {
    let all = [Scope::Universe, Scope::Site, Scope::Link, Scope::Host, Scope::Nowhere];
    all.into_iter().find(|x| x.name() == s).expect("a scope")
}

fn kind(s: &str) -> Option<RouteType> {
    use RouteType::{Anycast, Blackhole, Broadcast, Local, Multicast, Prohibit, Throw, Unicast, Unreachable};
    let all = [Unicast, Local, Broadcast, Anycast, Multicast, Blackhole, Unreachable, Prohibit, Throw];
    all.into_iter().find(|x| x.name() == s)
}

fn route(words: &[&str], del: bool) -> RouteSpec {
    let (first, rest) = match kind(words[0]) {
        Some(_) => (words[1], &words[2..]),
        None => (words[0], &words[1..]),
    };
    let mut r = RouteSpec::to(prefix(first));
    r.kind = kind(words[0]).unwrap_or(RouteType::Unicast);
    if del {
        r.proto = RtProto::Unspec;
    }
    let mut rest = rest.iter().copied();
    while let Some(word) = rest.next() {
        if word == "onlink" {
            r.onlink = true;
            continue;
        }
        match (word, rest.next().expect("a value")) {
            ("dev", v) => r.dev = Some(v.to_owned()),
            ("via", v) => r.via = Some(ip4(v)),
            ("src", v) => r.src = Some(ip4(v)),
            ("metric", v) => r.metric = v.parse().expect("a metric"),
            ("mtu", v) => r.mtu = v.parse().expect("an MTU"),
            ("tos", v) => r.tos = u8::from_str_radix(v.trim_start_matches("0x"), 16).expect("a tos"),
            ("scope", v) => r.scope = Some(scope(v)),
            ("proto", v) => r.proto = RtProto::from_name(v).expect("a protocol"),
            ("table", "local") => r.table = Some(255),
            ("table", "main") => r.table = Some(254),
            ("table", "default") => r.table = Some(253),
            ("table", v) => r.table = Some(v.parse().expect("a table")),
            (w, _) => panic!("{w}"),
        }
    }
    r
}
