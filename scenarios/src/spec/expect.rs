//! What is expected of a run.

use crate::{
    read::{At, Named},
    values::{Amount, Anything, Percentile, Text, Word},
};
use serde::Deserialize;
use sim_core::time::Span;

/// One expectation.
#[derive(Debug, Deserialize)]
pub enum Expect {
    Delivered(Delivered),
    Lost(Lost),
    Latency(Latency),
    Drops(Drops),
    Errors(Errors),
}

impl Default for Expect {
    /// Stands where an expectation could not be read.
    fn default() -> Self {
        Expect::Drops(Drops::default())
    }
}

macro_rules! bounded {
    ($($(#[$doc:meta])* $Name:ident { $($(#[$fdoc:meta])* $field:ident: $T:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $Name {
            $($(#[$fdoc])* pub $field: $T,)*
            pub exactly: Option<At<Text<Amount>>>,
            pub at_least: Option<At<Text<Amount>>>,
            pub at_most: Option<At<Text<Amount>>>,
            /// Swept path, or its end → value: only at those points.
            pub when: Named<At<Word>>,
            /// One for each number of a range: "1..4".
            #[allow(dead_code, reason = "unfolded while the list is read")]
            each: Option<At<Anything>>,
        }
        impl $Name {
            pub fn bounds(&self) -> Bounds<'_> {
                Bounds { exactly: self.exactly.as_ref(), at_least: self.at_least.as_ref(), at_most: self.at_most.as_ref() }
            }
        }
    )*};
}

/// What a number is compared with: at least one is there.
#[derive(Clone, Copy, Debug)]
pub struct Bounds<'e> {
    pub exactly: Option<&'e At<Text<Amount>>>,
    pub at_least: Option<&'e At<Text<Amount>>>,
    pub at_most: Option<&'e At<Text<Amount>>>,
}

bounded! {
    /// How many packets of a flow came (and, for round trips, were answered): in each run if a number, of all runs
    /// together if a share.
    Delivered { of: At<String> }
    /// How many did not.
    Lost { of: At<String> }
    /// How many packets were dropped, of all flows, with a reason, at a place HOST, HOST/NS or HOST/NS/DEV.
    Drops {
        /// In the kernel's spelling; any if not said.
        reason: Option<At<String>>,
        at: Option<At<String>>,
    }
    /// How many errors the sending process saw.
    Errors {
        of: At<String>,
        /// "ECONNREFUSED"; any if not said.
        errno: Option<At<String>>,
    }
}

/// A percentile of a flow's latency, over all runs together.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    pub of: At<String>,
    pub p: At<Text<Percentile>>,
    /// Not included.
    pub below: Option<At<Text<Span>>>,
    pub above: Option<At<Text<Span>>>,
    pub when: Named<At<Word>>,
    #[allow(dead_code, reason = "unfolded while the list is read")]
    each: Option<At<Anything>>,
}

impl Expect {
    /// The flow that it is about.
    pub fn of(&self) -> Option<&At<String>> {
        match self {
            Expect::Delivered(e) => Some(&e.of),
            Expect::Lost(e) => Some(&e.of),
            Expect::Latency(e) => Some(&e.of),
            Expect::Errors(e) => Some(&e.of),
            Expect::Drops(_) => None,
        }
    }
    /// The points at which it is asked; empty: all.
    pub fn when(&self) -> &Named<At<Word>> {
        match self {
            Expect::Delivered(e) => &e.when,
            Expect::Lost(e) => &e.when,
            Expect::Latency(e) => &e.when,
            Expect::Errors(e) => &e.when,
            Expect::Drops(e) => &e.when,
        }
    }
    /// `None` for a latency.
    pub fn bounds(&self) -> Option<Bounds<'_>> {
        match self {
            Expect::Delivered(e) => Some(e.bounds()),
            Expect::Lost(e) => Some(e.bounds()),
            Expect::Errors(e) => Some(e.bounds()),
            Expect::Drops(e) => Some(e.bounds()),
            Expect::Latency(_) => None,
        }
    }
}
