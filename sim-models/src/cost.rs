//! What each hop costs a core. Protocol code never contains a duration; a profile never contains a decision.

use crate::kernel::At;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use sim_core::time::Span;

/// A cost profile as its RON file gives it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// With a version: changing a number means a new name.
    pub name: String,
    /// Where the numbers come from.
    pub origin: String,
    /// Hop, by the kernel's name → what it costs.
    pub hops: IndexMap<String, Cost>,
}

/// Nanoseconds for one packet, and picoseconds for each byte that the hop copies.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    pub ns: u64,
    #[serde(default)]
    pub ps_per_byte: u64,
}

/// The same as a table, indexed by [`At`].
#[derive(Clone, Debug)]
pub struct Costs {
    fixed: [Span; At::COUNT],
    per_byte: [u64; At::COUNT],
    pub name: String,
    pub origin: String,
}

impl Costs {
    /// Every hop costs `ns` nanoseconds: 0 for pure semantics, 1 makes latency a count of hops.
    pub fn flat(name: &str, ns: u64) -> Costs {
        Costs {
            fixed: [Span::from_ns(ns); At::COUNT],
            per_byte: [0; At::COUNT],
            name: name.to_owned(),
            origin: "not measured".to_owned(),
        }
    }

    /// # Errors
    /// A hop is missing, or one is named that does not exist: all of them, in one text.
    pub fn from_profile(p: &Profile) -> Result<Costs, String> {
        let mut costs = Costs::flat(&p.name, 0);
        costs.origin.clone_from(&p.origin);
        let mut wrong: Vec<String> =
            p.hops.keys().filter(|n| At::from_name(n).is_none()).map(|n| format!("no hop is called `{n}`")).collect();
        for at in At::ALL {
            match p.hops.get(at.name()) {
                Some(c) => {
                    costs.fixed[*at as usize] = Span::from_ns(c.ns);
                    costs.per_byte[*at as usize] = c.ps_per_byte;
                }
                None => wrong.push(format!("hop `{}` has no cost", at.name())),
            }
        }
        if wrong.is_empty() { Ok(costs) } else { Err(format!("profile `{}`: {}", p.name, wrong.join("; "))) }
    }

    #[inline]
    pub fn fixed(&self, at: At) -> Span {
        self.fixed[at as usize]
    }
    /// For `bytes` copied at `at`.
    #[inline]
    pub fn per_byte(&self, at: At, bytes: u32) -> Span {
        Span::from_ps(self.per_byte[at as usize] * u64::from(bytes))
    }
}
