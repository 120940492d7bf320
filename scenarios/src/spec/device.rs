//! A device: what any may have, and the settings of its driver under their iproute2 keywords.

use crate::{
    read::{At, List, Named, Place},
    values::{Text, Word},
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, EnumAccess, MapAccess, VariantAccess, Visitor},
};
use sim_models::{drivers::Config, packet::Mac};
use std::{fmt, sync::LazyLock};

/// The variant that is no driver: the other end of a veth, which the veth's own entry makes.
pub const PEER: &str = "Peer";

/// One device of a namespace.
#[derive(Debug, Default)]
pub struct Device {
    /// "Bridge": the driver's RON variant, or [`PEER`].
    pub variant: &'static str,
    /// NS/DEV of a veth's other end.
    pub peer: Option<At<String>>,
    /// DEV or NS/DEV: the device that it is made on.
    pub link: Option<At<String>>,
    /// Devices of this namespace that it is the master of.
    pub ports: List<At<String>>,
    pub master: Option<At<String>>,
    /// As `ip address add` takes them.
    pub addresses: List<At<String>>,
    pub mac: Option<At<Text<Mac>>>,
    /// Bytes.
    pub mtu: Option<At<u32>>,
    pub txqueuelen: Option<At<u32>>,
    /// True if not said.
    pub up: Option<At<bool>>,
    pub arp: Option<At<bool>>,
    pub promisc: Option<At<bool>>,
    pub allmulticast: Option<At<bool>>,
    /// Short names, "rp_filter" for net.ipv4.conf.DEV.rp_filter, or whole keys.
    pub sysctls: Named<At<Word>>,
    /// Its settings as a port of its master: `ip link set DEV type bridge_slave …`.
    pub bridge_slave: Named<At<Word>>,
    /// The driver's own settings.
    pub settings: Vec<(&'static str, At<Word>)>,
}

/// Fields that a device of any kind may have.
const COMMON: &[&str] = &[
    "addresses",
    "mac",
    "mtu",
    "up",
    "txqueuelen",
    "master",
    "arp",
    "promisc",
    "allmulticast",
    "sysctls",
    "bridge_slave",
];

/// Variant → its fields, made once from the list of drivers.
static FIELDS: LazyLock<Vec<(&'static str, &'static [&'static str])>> = LazyLock::new(|| {
    let kinds = Config::KINDS.iter().map(|(variant, _)| *variant);
    let fields = |variant: &'static str| {
        let mut fields: Vec<&'static str> = Vec::new();
        let config = Config::of_variant(variant);
        match variant {
            "Veth" => fields.push("peer"),
            PEER | "Physical" | "Loopback" => {}
            _ if config.as_ref().is_some_and(Config::has_link) => fields.push("link"),
            _ => fields.push("ports"),
        }
        fields.extend(config.iter().flat_map(Config::words).map(|(word, _)| word).filter(|w| *w != "peer"));
        fields.extend(COMMON);
        let fields: &'static [&'static str] = Box::leak(fields.into_boxed_slice());
        (variant, fields)
    };
    kinds.chain([PEER]).map(fields).collect()
});

static VARIANTS: LazyLock<Vec<&'static str>> = LazyLock::new(|| FIELDS.iter().map(|(v, _)| *v).collect());

impl Device {
    /// The driver's settings as it understands them.
    ///
    /// # Errors
    /// The place of a setting and what is wrong with it.
    pub fn config(&self) -> Result<Option<Config>, (Place, String)> {
        let Some(mut config) = Config::of_variant(self.variant) else { return Ok(None) };
        for (word, value) in &self.settings {
            let Some(text) = value.get() else { continue };
            config.set(word, text).map_err(|why| {
                let why = why.unwrap_or_else(|| "the driver does not know it".to_owned());
                (value.place, format!("bad value for `{word}`: {why}"))
            })?;
        }
        Ok(Some(config))
    }

    pub fn is_up(&self) -> bool {
        self.up.as_ref().is_none_or(|up| **up)
    }
}

impl<'de> Deserialize<'de> for Device {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Device, D::Error> {
        let variants: &'static [&'static str] = &VARIANTS;
        d.deserialize_enum("a device", variants, DeviceVisitor)
    }
}

struct DeviceVisitor;
impl<'de> Visitor<'de> for DeviceVisitor {
    type Value = Device;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a device")
    }
    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Device, A::Error> {
        let (name, variant) = data.variant::<String>()?;
        let unknown = || serde::de::Error::custom(format!("`{name}` is not a kind of device"));
        let (name, fields) = FIELDS.iter().find(|(v, _)| *v == name).ok_or_else(unknown)?;
        variant.newtype_variant_seed(FieldsOf { name, fields })
    }
}

/// The fields of one variant.
struct FieldsOf {
    name: &'static str,
    fields: &'static [&'static str],
}

impl<'de> DeserializeSeed<'de> for FieldsOf {
    type Value = Device;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<Device, D::Error> {
        d.deserialize_struct(self.name, self.fields, self)
    }
}

impl<'de> Visitor<'de> for FieldsOf {
    type Value = Device;
    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "the settings of a {}", self.name)
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Device, A::Error> {
        let mut d = Device { variant: self.name, ..Device::default() };
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "peer" => d.peer = Some(map.next_value()?),
                "link" => d.link = Some(map.next_value()?),
                "ports" => d.ports = map.next_value()?,
                "master" => d.master = map.next_value()?,
                "addresses" => d.addresses = map.next_value()?,
                "mac" => d.mac = map.next_value()?,
                "mtu" => d.mtu = map.next_value()?,
                "txqueuelen" => d.txqueuelen = map.next_value()?,
                "up" => d.up = map.next_value()?,
                "arp" => d.arp = map.next_value()?,
                "promisc" => d.promisc = map.next_value()?,
                "allmulticast" => d.allmulticast = map.next_value()?,
                "sysctls" => d.sysctls = map.next_value()?,
                "bridge_slave" => d.bridge_slave = map.next_value()?,
                other => {
                    let word = self.fields.iter().find(|f| **f == other).copied().unwrap_or_default();
                    if let Some(value) = map.next_value::<Option<At<Word>>>()? {
                        d.settings.push((word, value));
                    }
                }
            }
        }
        Ok(d)
    }
}
