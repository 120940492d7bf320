//! `ip route get`: what the kernel would do with a packet (`inet_rtm_getroute`), and how iproute2 6.1 prints the answer.

use super::{Dst, DstKind, Flow, In, NoRoute, input, ip_route_output};
use crate::kernel::{
    Cx, DevId, Errno, Kernel, NsId, RtnlError,
    fib::{Hit, Key},
    rtnl::{RT_TABLE_MAIN, RouteType},
    show_json::{Json, list, text},
    show_route::{metrics_json, metrics_text, route_json, route_line, table_name},
};
use crate::packet::{
    Ip4Addr,
    addr::{is_lbcast, is_multicast},
};
use std::fmt::Write as _;

/// What is asked: the words of `ip route get`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Get {
    pub dst: u32,
    /// `from`; 0: none.
    pub from: u32,
    /// A packet that comes in by this device; `None`: one that is sent from here.
    pub iif: Option<String>,
    pub oif: Option<String>,
    pub mark: u32,
    pub tos: u8,
    pub uid: Option<u32>,
    /// 0: UDP.
    pub proto: u8,
    pub sport: u16,
    pub dport: u16,
    /// `fibmatch`: the route that answers, not what comes of it.
    pub fibmatch: bool,
}

/// The answer.
#[derive(Clone, Debug)]
pub struct Got {
    get: Get,
    kind: RouteType,
    dst: Dst,
    out: DevId,
    gateway: Option<u32>,
    /// 0: no table was asked.
    table: u32,
    tos: u8,
    prefsrc: Option<u32>,
    uid: Option<u32>,
    /// `RTCF_*`, by iproute2's names.
    flags: Vec<&'static str>,
    hit: Option<Hit<u32>>,
    /// `expires`, seconds.
    expires: Option<u64>,
}

/// Carries it out in `ns`.
///
/// # Errors
/// As the kernel answers: ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL (also for martians), ENODEV.
pub fn route_get(k: &mut Kernel, cx: &mut Cx, ns: NsId, get: &Get) -> Result<Got, RtnlError> {
    let device = |name: &Option<String>| match name {
        Some(name) => match k.dev_by_name(ns, name) {
            Some(dev) => Ok(Some(dev)),
            None => Err(RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{name}\""))),
        },
        None => Ok(None),
    };
    let (iif, oif) = (device(&get.iif)?, device(&get.oif)?);
    let now = cx.jiffies();
    let got = match iif {
        Some(dev) => of_input(k, get, dev, now),
        None => of_output(k, ns, get, oif, now),
    };
    let mut got = got.map_err(RtnlError::new)?;
    let found = got.hit.and_then(|hit| k.net(ns).exceptions.find(&hit, get.dst, now).copied());
    if let Some(e) = found {
        got.expires = Some((e.expires - now) / u64::from(k.hz));
        if e.gw != 0 {
            got.flags.push("redirected");
        }
    }
    if get.fibmatch && got.hit.is_none() {
        return Err(RtnlError::new(Errno::EHOSTUNREACH));
    }
    Ok(got)
}

fn of_output(k: &Kernel, ns: NsId, get: &Get, oif: Option<DevId>, now: u64) -> Result<Got, Errno> {
    let proto = if get.proto == 0 { 17 } else { get.proto };
    let (sport, dport) = (get.sport, get.dport);
    let flow = Flow { src: get.from, oif, tos: get.tos, mark: get.mark, proto, sport, dport, ..Flow::to(get.dst) };
    let rt = ip_route_output(k, ns, &flow, now)?;
    let group = is_multicast(get.dst) || is_lbcast(get.dst);
    let kind = match rt.dst.kind {
        DstKind::Broadcast => RouteType::Broadcast,
        DstKind::Multicast => RouteType::Multicast,
        DstKind::Local => RouteType::Local,
        _ => rt.hit.map_or(RouteType::Unicast, |h| h.kind),
    };
    let mut flags = Vec::new();
    let heard = match rt.dst.kind {
        DstKind::Multicast => joined(get.dst),
        DstKind::Broadcast | DstKind::Local => true,
        _ => k.devs[rt.dst.dev].is_loopback(),
    };
    if heard {
        flags.push("local");
    }
    match rt.dst.kind {
        DstKind::Broadcast => flags.push("brd"),
        DstKind::Multicast => flags.push("mc"),
        _ => {}
    }
    let gateway = (rt.dst.nexthop != rt.to && !group && rt.dst.kind == DstKind::Unicast).then_some(rt.dst.nexthop);
    Ok(Got {
        get: get.clone(),
        kind,
        dst: rt.dst,
        out: rt.dst.dev,
        gateway,
        table: rt.hit.map_or(0, |h| h.table),
        tos: rt.hit.map_or(0, |h| h.tos),
        prefsrc: (rt.src != get.from).then_some(rt.src),
        uid: Some(get.uid.unwrap_or(0)),
        flags,
        hit: rt.hit,
        expires: None,
    })
}

/// Groups that this host is a member of on every device.
fn joined(group: u32) -> bool {
    group == 0xe000_0001
}

fn of_input(k: &Kernel, get: &Get, dev: DevId, now: u64) -> Result<Got, Errno> {
    let rx = In::by(k, dev);
    let lo = k.net(rx.ns).devs[0];
    let dst = input::lookup_for(k, rx, get, now).map_err(|e| match e {
        NoRoute::Martian(_) => Errno::EINVAL,
        NoRoute::Error(e) => e,
    })?;
    let key = Key { src: get.from, iif: rx.ifindex, mark: get.mark, tos: get.tos, ..Key::to(get.dst) };
    let hit = if is_lbcast(get.dst) || is_multicast(get.dst) { None } else { k.net(rx.ns).v4.lookup(&key).ok() };
    let (kind, flags, out) = match dst.kind {
        DstKind::Local => (RouteType::Local, vec!["local"], lo),
        DstKind::Broadcast => (RouteType::Broadcast, vec!["local", "brd"], lo),
        DstKind::Multicast => (RouteType::Multicast, vec!["local", "mc"], lo),
        _ if dst.redirect => (RouteType::Unicast, vec!["redirect"], dst.dev),
        _ => (RouteType::Unicast, vec![], dst.dev),
    };
    let gateway = (dst.kind == DstKind::Unicast && dst.nexthop != get.dst).then_some(dst.nexthop);
    Ok(Got {
        get: get.clone(),
        kind,
        dst,
        out,
        gateway,
        table: hit.map_or(0, |h| h.table),
        tos: hit.map_or(0, |h| h.tos),
        prefsrc: None,
        uid: get.uid,
        flags,
        hit: hit.filter(|_| dst.kind == DstKind::Unicast),
        expires: None,
    })
}

impl Got {
    /// The lines that `ip route get` prints, without blanks at their ends.
    pub fn lines(&self, k: &Kernel, ns: NsId) -> Vec<String> {
        if self.get.fibmatch {
            return self.matched(k, ns, |r| route_line(k, r, true)).into_iter().collect();
        }
        let mut line = match self.kind {
            RouteType::Unicast => String::new(),
            kind => format!("{} ", kind.name()),
        };
        let mut put = |w: std::fmt::Arguments<'_>| line.write_fmt(w).unwrap_or(());
        put(format_args!("{}", Ip4Addr(self.get.dst)));
        if self.get.from != 0 {
            put(format_args!(" from {}", Ip4Addr(self.get.from)));
        }
        if self.tos != 0 {
            put(format_args!(" tos {:#04x}", self.tos));
        }
        if let Some(gw) = self.gateway {
            put(format_args!(" via {}", Ip4Addr(gw)));
        }
        put(format_args!(" dev {}", k.devs[self.out].name()));
        if self.table != 0 && self.table != RT_TABLE_MAIN {
            put(format_args!(" table {}", table_name(self.table)));
        }
        if let Some(src) = self.prefsrc {
            put(format_args!(" src {}", Ip4Addr(src)));
        }
        if self.kind == RouteType::Multicast {
            // The kernel's bit for multicast is iproute2's bit for something else.
            put(format_args!(" rt_offload_failed"));
        }
        if self.get.mark != 0 {
            put(format_args!(" mark {}", mark(self.get.mark)));
        }
        if let Some(uid) = self.uid {
            put(format_args!(" uid {uid}"));
        }
        vec![line, self.cache_line()]
    }

    fn cache_line(&self) -> String {
        let mut line = "    cache".to_owned();
        if !self.flags.is_empty() {
            line += &format!(" <{}>", self.flags.join(","));
        }
        if let Some(s) = self.expires {
            line += &format!(" expires {s}sec");
        }
        line += &self.metrics().map_or_else(String::new, |h| metrics_text(&h));
        if let Some(iif) = &self.get.iif {
            line += &format!(" iif {iif}");
        }
        line
    }

    /// The route's metrics, with the MTU that was learned.
    fn metrics(&self) -> Option<Hit<u32>> {
        let hit = self.hit?;
        let learned = self.dst.mtu != 0 || self.dst.locked;
        Some(if learned { Hit { mtu: self.dst.mtu, mtu_lock: self.dst.locked, ..hit } } else { hit })
    }

    /// The route itself, for `fibmatch`.
    fn matched<T>(&self, k: &Kernel, ns: NsId, show: impl FnOnce(&crate::kernel::fib::Route<u32>) -> T) -> Option<T> {
        let hit = self.hit?;
        k.net(ns).v4.routes(hit.table).into_iter().find(|r| r.id == hit.id).map(show)
    }

    /// The object that `ip -j route get` prints in its list.
    pub fn json(&self, k: &Kernel, ns: NsId) -> Json {
        if self.get.fibmatch {
            return self.matched(k, ns, |r| route_json(k, r, true)).unwrap_or_default();
        }
        let mut j = Json::default();
        if self.kind != RouteType::Unicast {
            j.put("type", text(self.kind.name()));
        }
        j.put("dst", text(&Ip4Addr(self.get.dst).to_string()));
        if self.get.from != 0 {
            j.put("from", text(&Ip4Addr(self.get.from).to_string()));
        }
        if self.tos != 0 {
            j.put("tos", text(&format!("{:#04x}", self.tos)));
        }
        if let Some(gw) = self.gateway {
            j.put("gateway", text(&Ip4Addr(gw).to_string()));
        }
        j.put("dev", text(k.devs[self.out].name()));
        if self.table != 0 && self.table != RT_TABLE_MAIN {
            j.put("table", text(&table_name(self.table)));
        }
        if let Some(src) = self.prefsrc {
            j.put("prefsrc", text(&Ip4Addr(src).to_string()));
        }
        let flags: &[&str] = if self.kind == RouteType::Multicast { &["rt_offload_failed"] } else { &[] };
        j.put("flags", list(flags.iter().map(|f| text(f))));
        if self.get.mark != 0 {
            j.put("mark", self.get.mark.to_string());
        }
        if let Some(uid) = self.uid {
            j.put("uid", uid.to_string());
        }
        j.put("cache", list(self.flags.iter().map(|f| text(f))));
        if let Some(s) = self.expires {
            j.put("expires", s.to_string());
        }
        if let Some(m) = self.metrics().and_then(|h| metrics_json(&h)) {
            j.put("metrics", m);
        }
        if let Some(iif) = &self.get.iif {
            j.put("iif", text(iif));
        }
        j
    }
}

/// Small ones in decimal, others in hexadecimal, as iproute2 does.
fn mark(mark: u32) -> String {
    if mark >= 16 { format!("{mark:#x}") } else { mark.to_string() }
}

#[cfg(test)]
mod tests;
