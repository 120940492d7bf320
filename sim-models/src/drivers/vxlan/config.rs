//! `type vxlan …`

use super::fdb::Remote;
use crate::drivers::Arg;
use crate::kernel::{DevId, Errno, Kernel, NsId, RtnlError};
use crate::packet::{Ip4Addr, addr::is_multicast};

/// `df`: of the outer header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Df {
    #[default]
    Unset,
    Set,
    Inherit,
}

/// The settings of a vxlan device.
#[derive(Clone, Debug, PartialEq)]
pub struct VxlanConfig {
    pub id: Option<u32>,
    /// 0: none.
    pub remote: u32,
    pub local: u32,
    pub dev: Option<String>,
    pub dstport: u16,
    /// 0 and 0: the namespace's local ports.
    pub srcport: (u16, u16),
    /// 0: the namespace's default.
    pub ttl: u8,
    pub learning: bool,
    /// Seconds; 0: entries don't age.
    pub ageing: u32,
    /// 0: no limit.
    pub maxaddr: u32,
    pub df: Df,
}

impl Default for VxlanConfig {
    fn default() -> Self {
        VxlanConfig {
            id: None,
            remote: 0,
            local: 0,
            dev: None,
            // Linux had its own number before IANA gave one.
            dstport: 8472,
            srcport: (0, 0),
            ttl: 0,
            learning: true,
            ageing: 300,
            maxaddr: 0,
            df: Df::Unset,
        }
    }
}

impl VxlanConfig {
    pub(super) fn vni(&self) -> u32 {
        self.id.unwrap_or_default()
    }

    /// The remote for all that is not in the table.
    pub(super) fn default_remote(&self, lower: Option<DevId>) -> Remote {
        Remote { ip: self.remote, port: self.dstport, vni: self.vni(), dev: lower }
    }
}

/// `dev NAME` in the namespace of the request.
///
/// # Errors
/// `ip`'s: there is no such device.
pub(super) fn lower(k: &Kernel, ns: NsId, c: &VxlanConfig) -> Result<Option<DevId>, RtnlError> {
    let Some(name) = &c.dev else { return Ok(None) };
    let none = || RtnlError::tool(Errno::ENODEV, format!("Cannot find device \"{name}\""));
    k.dev_by_name(ns, name).map(Some).ok_or_else(none)
}

fn wrong<T>(value: &str, why: &str) -> Result<T, String> {
    Err(format!("argument \"{value}\" is wrong: {why}"))
}

/// A unicast address.
fn address(value: &str, what: &str) -> Result<u32, String> {
    let Ok(addr) = value.parse::<Ip4Addr>() else {
        return Err(format!("any valid address is expected rather than \"{value}\"."));
    };
    if is_multicast(addr.0) { wrong(value, &format!("invalid {what} address")) } else { Ok(addr.0) }
}

fn number<T: std::str::FromStr>(value: &str, why: &str) -> Result<T, String> {
    value.parse().or_else(|_| wrong(value, why))
}

fn shown_address(addr: u32) -> Option<String> {
    (addr != 0).then(|| Ip4Addr(addr).to_string())
}

fn shown_number(n: u32, unless: u32) -> Option<String> {
    (n != unless).then(|| n.to_string())
}

macro_rules! word {
    ($word:literal $value:literal $set:expr, $show:expr) => {
        Arg { word: $word, value: $value, set: $set, show: $show }
    };
}

pub(super) const ARGS: &[Arg<VxlanConfig>] = &[
    word!("id" "0..16777215" |c, v| {
        let id: u32 = number(v, "invalid id")?;
        c.id = Some(id).filter(|id| *id < 1 << 24);
        if c.id.is_none() { wrong(v, "invalid id") } else { Ok(()) }
    }, |c| c.id.map(|id| id.to_string())),
    word!("remote" "ADDRESS" |c, v| address(v, "remote").map(|a| c.remote = a), |c| shown_address(c.remote)),
    word!("local" "ADDRESS" |c, v| address(v, "local").map(|a| c.local = a), |c| shown_address(c.local)),
    word!("dev" "DEVICE" |c, v| { c.dev = Some(v.to_owned()); Ok(()) }, |c| c.dev.clone()),
    word!("dstport" "PORT" |c, v| number(v, "dst port").map(|p| c.dstport = p), |c| Some(c.dstport.to_string())),
    word!("srcport" "MIN MAX" |c, v| {
        let (min, max) = v.split_once([' ', '-']).unwrap_or((v, ""));
        c.srcport = (number(min, "min port")?, number(max, "max port")?);
        Ok(())
    }, |c| (c.srcport != (0, 0)).then(|| format!("{} {}", c.srcport.0, c.srcport.1))),
    word!("ttl" "0..255|auto" |c, v| {
        c.ttl = if v == "auto" { 0 } else { number(v, "TTL must be <= 255")? };
        Ok(())
    }, |c| shown_number(c.ttl.into(), 0)),
    word!("df" "unset|set|inherit" |c, v| {
        c.df = match v {
            "unset" => Df::Unset,
            "set" => Df::Set,
            "inherit" => Df::Inherit,
            _ => return wrong(v, "DF must be 'unset', 'set' or 'inherit'"),
        };
        Ok(())
    }, |c| match c.df { Df::Unset => None, Df::Set => Some("set".to_owned()), Df::Inherit => Some("inherit".to_owned()) }),
    word!("learning" "" |c, _| { c.learning = true; Ok(()) }, |_| None),
    word!("nolearning" "" |c, _| { c.learning = false; Ok(()) }, |c| (!c.learning).then(String::new)),
    word!("ageing" "SECONDS" |c, v| {
        c.ageing = if v == "none" { 0 } else { number(v, "ageing timer")? };
        Ok(())
    }, |c| shown_number(c.ageing, 300)),
    word!("maxaddress" "NUMBER" |c, v| {
        c.maxaddr = if v == "unlimited" { 0 } else { number(v, "max addresses")? };
        Ok(())
    }, |c| shown_number(c.maxaddr, 0)),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drivers::Config;

    /// iproute2's words, what it says of bad values, and what is shown again.
    #[test]
    fn words() {
        let mut c = Config::Vxlan(VxlanConfig::default());
        for (word, value) in [("id", "42"), ("remote", "10.0.0.2"), ("srcport", "50000 50001"), ("nolearning", "")] {
            assert_eq!(c.set(word, value), Ok(()), "{word}");
        }
        let shown: Vec<String> = c.shown().iter().map(|(w, v)| format!("{w} {v}").trim_end().to_owned()).collect();
        assert_eq!(shown, ["id 42", "remote 10.0.0.2", "dstport 8472", "srcport 50000 50001", "nolearning"]);
        for (word, value, why) in [
            ("id", "16777216", "argument \"16777216\" is wrong: invalid id"),
            ("remote", "239.1.1.1", "argument \"239.1.1.1\" is wrong: invalid remote address"),
            ("local", "224.0.0.1", "argument \"224.0.0.1\" is wrong: invalid local address"),
        ] {
            assert_eq!(c.set(word, value), Err(Some(why.to_owned())));
        }
    }
}
