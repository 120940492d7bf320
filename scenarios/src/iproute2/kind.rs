//! `type KIND …`: the words that belong to a driver, and those of a bridge's port.

use super::words::{Keyword, Words, exact, find, nearest, prefix};
use super::{ParseError, lex::Word, link, value};
use sim_models::drivers::{Config, veth::Peer};

/// Kinds that iproute2 knows and no driver here is for.
const OTHERS: &[&str] = &[
    "amt",
    "bareudp",
    "batadv",
    "bond",
    "can",
    "erspan",
    "geneve",
    "gre",
    "gretap",
    "gtp",
    "hsr",
    "ifb",
    "ip6gre",
    "ip6gretap",
    "ip6tnl",
    "ipip",
    "ipoib",
    "ipvlan",
    "ipvtap",
    "macsec",
    "macvtap",
    "netdevsim",
    "netkit",
    "nlmon",
    "rmnet",
    "sit",
    "team",
    "tun",
    "vcan",
    "virt_wifi",
    "vrf",
    "vti",
    "vxcan",
    "wireguard",
    "wwan",
    "xfrm",
];

/// A kind that user space can make, with its default settings.
pub(super) fn known(word: &Word) -> Result<Config, ParseError> {
    let ours = Config::of_kind(&word.text).filter(Config::is_virtual);
    ours.ok_or_else(|| {
        if OTHERS.contains(&word.text.as_str()) {
            return word.unsupported(&word.text);
        }
        let kinds = Config::KINDS.iter().map(|k| k.1).filter(|k| Config::of_kind(k).is_some_and(|c| c.is_virtual()));
        word.error("Error: Unknown device type.").near(&word.text, kinds)
    })
}

/// `ip link add … type KIND`: KIND is read, its words follow.
pub(super) fn config(kind: &Word, words: &mut Words<'_>) -> Result<Config, ParseError> {
    let mut config = known(kind)?;
    if let (Config::Veth(veth), Some(word)) = (&mut config, words.peek().filter(|w| w.text == "peer")) {
        words.next();
        veth.peer = Some(Box::new(peer(word, words)?));
    }
    while let Some(word) = words.next() {
        one(&mut config, word, words)?;
    }
    Ok(config)
}

/// `peer` is read; all that follows is said of the other end.
fn peer<'a>(word: &Word, words: &mut Words<'a>) -> Result<Peer, ParseError> {
    let mut said = link::Said::default();
    said.read(words)?;
    if let Some(kind) = said.kind {
        return Err(kind.duplicate("type"));
    }
    let name = said.new_name()?;
    let mut attrs = said.attrs;
    if !(attrs.kind_args.is_empty() && attrs.slave_args.is_empty()) {
        return Err(word.unsupported("peer type"));
    }
    Ok(Peer { name, netns: attrs.netns.take(), attrs })
}

/// `ip link set … type KIND`: the settings to change, by their full words.
pub(super) fn changes(kind: &Word, words: &mut Words<'_>) -> Result<Vec<(String, String)>, ParseError> {
    let mut config = known(kind)?;
    let mut all = Vec::new();
    while let Some(word) = words.next() {
        all.push(one(&mut config, word, words)?);
    }
    Ok(all)
}

/// One setting: tried on `config`, and given back by its full word.
fn one(config: &mut Config, word: &Word, words: &mut Words<'_>) -> Result<(String, String), ParseError> {
    let kind = config.kind();
    let ours = config.words();
    let full = match find(words_of(kind), &word.text) {
        Some(known) => known.text,
        None => match ours.iter().find(|(w, _)| *w == word.text) {
            Some((w, _)) => w,
            None => return Err(stranger(kind, word, &ours)),
        },
    };
    if !ours.iter().any(|(w, _)| *w == full) {
        return Err(word.unsupported(full));
    }
    let alone = ours.iter().any(|(w, form)| *w == full && form.is_empty());
    if alone {
        // The word says it all.
        let _ = config.set(full, "");
        return Ok((full.to_owned(), String::new()));
    }
    let value = words.arg()?;
    let mut text = value.text.clone();
    if full == "srcport" {
        // Two numbers.
        text = format!("{text} {}", words.arg()?.text);
    }
    match config.set(full, &text) {
        Ok(()) => Ok((full.to_owned(), text)),
        Err(None) => Err(word.unsupported(full)),
        // iproute2's own words, but for the beginning.
        Err(Some(why)) if why.starts_with("argument ") => Err(value.error(format!("Error: {why}"))),
        Err(Some(why)) => Err(value.error(why)),
    }
}

fn stranger(kind: &str, word: &Word, ours: &[(&'static str, &'static str)]) -> ParseError {
    let error = match kind {
        _ if word.text == "help" => return word.only_prints("help"),
        "veth" if word.text == "peer" => return word.unsupported("peer").help("a pair is for life"),
        "macvlan" => word.error(format!("macvlan: unknown option \"{}\"?", word.text)),
        "bridge" | "vlan" | "vxlan" => word.error(format!("{kind}: unknown command \"{}\"?", word.text)),
        _ => {
            let text = format!("Garbage instead of arguments \"{} ...\". Try \"ip link help\".", word.text);
            word.error(text)
        }
    };
    match nearest(&word.text, ours.iter().map(|w| w.0)) {
        Some(near) => error.help(format!("did you mean `{near}`?")),
        None => error,
    }
}

/// iproute2's words of a kind, in the order in which it tries them.
fn words_of(kind: &str) -> &'static [Keyword<()>] {
    match kind {
        "bridge" => BRIDGE,
        "vlan" => VLAN,
        "macvlan" => MACVLAN,
        "vxlan" => VXLAN,
        _ => &[],
    }
}

const MACVLAN: &[Keyword<()>] = &[
    prefix("mode", ()),
    prefix("flag", ()),
    prefix("macaddr", ()),
    prefix("nopromisc", ()),
    prefix("bcqueuelen", ()),
    prefix("bclim", ()),
];

const VXLAN: &[Keyword<()>] = &[
    prefix("id", ()),
    prefix("vni", ()),
    prefix("group", ()),
    prefix("remote", ()),
    prefix("local", ()),
    prefix("dev", ()),
    prefix("ttl", ()),
    prefix("hoplimit", ()),
    prefix("tos", ()),
    prefix("dsfield", ()),
    prefix("df", ()),
    prefix("label", ()),
    prefix("ageing", ()),
    prefix("maxaddress", ()),
    prefix("port", ()),
    prefix("srcport", ()),
    prefix("dstport", ()),
    prefix("nolearning", ()),
    prefix("learning", ()),
    prefix("noproxy", ()),
    prefix("proxy", ()),
    prefix("norsc", ()),
    prefix("rsc", ()),
    prefix("nol2miss", ()),
    prefix("l2miss", ()),
    prefix("nol3miss", ()),
    prefix("l3miss", ()),
    prefix("udpcsum", ()),
    prefix("noudpcsum", ()),
    prefix("external", ()),
    prefix("noexternal", ()),
    prefix("gbp", ()),
    prefix("gpe", ()),
];

const VLAN: &[Keyword<()>] = &[
    prefix("protocol", ()),
    prefix("id", ()),
    prefix("reorder_hdr", ()),
    prefix("gvrp", ()),
    prefix("mvrp", ()),
    prefix("loose_binding", ()),
    prefix("bridge_binding", ()),
    prefix("ingress-qos-map", ()),
    prefix("egress-qos-map", ()),
];

const BRIDGE: &[Keyword<()>] = &[
    prefix("forward_delay", ()),
    prefix("hello_time", ()),
    prefix("max_age", ()),
    prefix("ageing_time", ()),
    prefix("stp_state", ()),
    prefix("priority", ()),
    prefix("vlan_filtering", ()),
    prefix("vlan_protocol", ()),
    prefix("group_fwd_mask", ()),
    prefix("group_address", ()),
    exact("no_linklocal_learn", ()),
    prefix("fdb_flush", ()),
    prefix("vlan_default_pvid", ()),
    prefix("vlan_stats_enabled", ()),
    prefix("vlan_stats_per_port", ()),
    prefix("mcast_router", ()),
    prefix("mcast_snooping", ()),
    exact("mcast_vlan_snooping", ()),
    prefix("mcast_query_use_ifaddr", ()),
    prefix("mcast_querier", ()),
    prefix("mcast_hash_elasticity", ()),
    prefix("mcast_hash_max", ()),
    prefix("mcast_last_member_count", ()),
    prefix("mcast_startup_query_count", ()),
    prefix("mcast_last_member_interval", ()),
    prefix("mcast_membership_interval", ()),
    prefix("mcast_querier_interval", ()),
    prefix("mcast_query_interval", ()),
    prefix("mcast_query_response_interval", ()),
    prefix("mcast_startup_query_interval", ()),
    prefix("mcast_stats_enabled", ()),
    prefix("mcast_igmp_version", ()),
    prefix("mcast_mld_version", ()),
    prefix("nf_call_iptables", ()),
    prefix("nf_call_ip6tables", ()),
    prefix("nf_call_arptables", ()),
];

/// What the value of a port's setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// `on` or `off`, also their beginnings.
    Flag,
    /// Not modelled: must be `off`, as it is anyway.
    Off,
    /// A number up to this.
    Number(u32),
    /// Not modelled: must be this number, as it is anyway.
    Only(u32),
    /// A number, or with `bridge link` also the state's name.
    State,
    No,
}

/// The words of `type bridge_slave`, in the order of `bridge_slave_parse_opt`.
const PORT: &[Keyword<Port>] = &[
    prefix("fdb_flush", Port::No),
    prefix("state", Port::State),
    prefix("priority", Port::Number(0xffff)),
    prefix("cost", Port::Number(u32::MAX)),
    prefix("hairpin", Port::Flag),
    prefix("guard", Port::Flag),
    prefix("root_block", Port::Flag),
    prefix("fastleave", Port::Off),
    prefix("learning", Port::Flag),
    prefix("flood", Port::Flag),
    prefix("mcast_flood", Port::Flag),
    prefix("bcast_flood", Port::Flag),
    prefix("mcast_to_unicast", Port::Off),
    prefix("proxy_arp", Port::Flag),
    prefix("proxy_arp_wifi", Port::Flag),
    prefix("mcast_router", Port::Only(1)),
    prefix("mcast_fast_leave", Port::Off),
    prefix("neigh_suppress", Port::Flag),
    prefix("group_fwd_mask", Port::Only(0)),
    prefix("vlan_tunnel", Port::Off),
    prefix("isolated", Port::Flag),
    prefix("locked", Port::Flag),
    prefix("backup_port", Port::No),
    prefix("nobackup_port", Port::No),
];

/// `ip link set … type bridge_slave`: the settings of a port, by their full words; `on` and `off` or numbers.
pub(super) fn port_args(words: &mut Words<'_>) -> Result<Vec<(String, String)>, ParseError> {
    let mut all = Vec::new();
    while let Some(word) = words.next() {
        let Some(key) = find(PORT, &word.text) else {
            let error = word.error(format!("bridge_slave: unknown option \"{}\"?", word.text));
            return Err(error.near(&word.text, PORT.iter().map(|k| k.text)));
        };
        if key.what == Port::No {
            return Err(word.unsupported(key.text));
        }
        let value = port_value(key.what, key.text, words.arg()?)?;
        all.push((key.text.to_owned(), value));
    }
    Ok(all)
}

/// Checks a value and gives it its plain form.
pub(super) fn port_value(what: Port, key: &str, word: &Word) -> Result<String, ParseError> {
    let value = match what {
        Port::Flag | Port::Off => if parse_on_off(key, word)? { "on" } else { "off" }.to_owned(),
        Port::Number(most) => bounded(key, word, most)?,
        Port::Only(_) => bounded(key, word, 0xffff)?,
        Port::State => bounded(key, word, 0xff)?,
        Port::No => return Err(word.unsupported(key)),
    };
    match what {
        Port::Off if value != "off" => Err(word.unsupported(&format!("{key} {value}"))),
        Port::Only(n) if value != n.to_string() => Err(word.unsupported(&format!("{key} {value}"))),
        _ => Ok(value),
    }
}

fn bounded(key: &str, word: &Word, most: u32) -> Result<String, ParseError> {
    let value = value::u32_of(&word.text).filter(|n| *n <= most);
    value.map(|n| n.to_string()).ok_or_else(|| word.wrong(&format!("{key} is invalid")))
}

/// `parse_on_off`: beginnings will do, and `o` is off.
fn parse_on_off(key: &str, word: &Word) -> Result<bool, ParseError> {
    match word.text.as_str() {
        "on" => Ok(true),
        "o" | "of" | "off" => Ok(false),
        other => {
            let text = format!("Error: argument of \"{key}\" must be one of \"off\", \"on\", not \"{other}\"");
            Err(word.error(text))
        }
    }
}
