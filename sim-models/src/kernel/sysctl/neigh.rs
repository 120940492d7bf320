//! `net.ipv4.neigh.{default,DEV}.*` (net/core/neighbour.c). The defaults are the host's, in its initial namespace.

use super::{
    key::{Key, Whose},
    value,
};
use crate::kernel::{Cx, DevId, Kernel, NsId, RtnlError, neigh::Parms};

/// How a value is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A plain number, or a time that is kept as it was written.
    Plain,
    /// Milliseconds, rounded up to ticks.
    Ms,
    /// `base_reachable_time`: the same in seconds. `retrans_time`: the same in 1/100 s.
    OldSeconds,
    OldHundredths,
    /// `unres_qlen`: packets of the longest Ethernet frame for `unres_qlen_bytes`.
    Packets,
}

/// One value. Several may be views of one field.
struct Field {
    name: &'static str,
    get: fn(&Parms) -> u32,
    set: fn(&mut Parms, u32),
    unit: Unit,
}

/// `SKB_TRUESIZE` of the longest Ethernet frame, bytes.
const TRUESIZE: u64 = 2090;

macro_rules! fields {
    ($($name:ident $field:ident $unit:ident;)*) => {
        const FIELDS: &[Field] = &[$(Field {
            name: stringify!($name),
            get: |p| p.$field,
            set: |p, v| p.$field = v,
            unit: Unit::$unit,
        }),*];
    };
}

fields! {
    base_reachable_time_ms base_reachable_ms Ms;
    base_reachable_time base_reachable_ms OldSeconds;
    retrans_time_ms retrans_ms Ms;
    retrans_time retrans_ms OldHundredths;
    delay_first_probe_time delay_probe_s Plain;
    gc_stale_time gc_stale_s Plain;
    mcast_solicit mcast_solicit Plain;
    ucast_solicit ucast_solicit Plain;
    app_solicit app_solicit Plain;
    mcast_resolicit mcast_resolicit Plain;
    locktime locktime_cs Plain;
    proxy_delay proxy_delay_cs Plain;
    proxy_qlen proxy_qlen Plain;
    unres_qlen_bytes unres_qlen_bytes Plain;
    unres_qlen unres_qlen_bytes Packets;
}

/// What belongs to parts of the kernel that the simulator lacks, and the value that it has.
const FIXED: &[(&str, &str)] = &[("anycast_delay", "100"), ("interval_probe_time_ms", "5000")];

fn fixed(name: &str) -> Option<&'static str> {
    FIXED.iter().find(|f| f.0 == name).map(|f| f.1)
}

/// The thresholds of the table, below `default` only (NEIGH-18).
fn threshold<'a>(k: &'a mut Kernel, whose: Whose, name: &str) -> Option<&'a mut u32> {
    match (whose, name) {
        (Whose::Default, "gc_thresh1") => Some(&mut k.neigh4.gc_thresh1),
        (Whose::Default, "gc_thresh2") => Some(&mut k.neigh4.gc_thresh2),
        (Whose::Default, "gc_thresh3") => Some(&mut k.neigh4.gc_thresh3),
        _ => None,
    }
}

fn parms(k: &Kernel, whose: Whose) -> &Parms {
    match whose {
        Whose::Dev(dev) => &k.devs[dev].cold.neigh,
        _ => &k.net(NsId::ROOT).conf.neigh,
    }
}

pub(super) fn read(k: &Kernel, key: &Key<'_>, whose: Whose, name: &str) -> Result<String, RtnlError> {
    match (whose, name) {
        (Whose::Default, "gc_thresh1") => return Ok(k.neigh4.gc_thresh1.to_string()),
        (Whose::Default, "gc_thresh2") => return Ok(k.neigh4.gc_thresh2.to_string()),
        (Whose::Default, "gc_thresh3") => return Ok(k.neigh4.gc_thresh3.to_string()),
        (Whose::Default, "gc_interval") => return Ok("30".to_owned()),
        _ => {}
    }
    let Some(field) = FIELDS.iter().find(|f| f.name == name) else {
        return fixed(name).map(str::to_owned).ok_or_else(|| value::no_such(&key.path));
    };
    let v = (field.get)(parms(k, whose));
    Ok(match field.unit {
        Unit::Plain | Unit::Ms => v,
        Unit::OldSeconds => v / 1000,
        Unit::OldHundredths => v / 10,
        Unit::Packets => v / TRUESIZE as u32,
    }
    .to_string())
}

pub(super) fn write(
    k: &mut Kernel,
    cx: &mut Cx,
    key: &Key<'_>,
    whose: Whose,
    name: &str,
    value: &str,
) -> Result<(), RtnlError> {
    if let Some(threshold) = threshold(k, whose, name) {
        *threshold = value::int(key, value, 0, i64::from(i32::MAX))? as u32;
        return Ok(());
    }
    let Some(i) = FIELDS.iter().position(|f| f.name == name) else {
        let only = fixed(name).ok_or_else(|| value::no_such(&key.path))?;
        return value::fixed(key, only, value);
    };
    let field = &FIELDS[i];
    let v = value::int(key, value, 0, i64::from(i32::MAX))? as u64;
    let v = match field.unit {
        Unit::Plain => v,
        Unit::Ms => value::whole_ticks(k.hz, v),
        Unit::OldSeconds => v * 1000,
        Unit::OldHundredths => v * 10,
        Unit::Packets => v * TRUESIZE,
    };
    let v = v.min(i32::MAX as u64) as u32;
    match whose {
        Whose::Dev(dev) => {
            set(k, cx, dev, field, v);
            k.devs[dev].cold.neigh.state |= 1 << i;
        }
        _ => {
            let default = &mut k.net_mut(NsId::ROOT).conf.neigh;
            (field.set)(default, v);
            default.state |= 1 << i;
            // Devices whose value was never written follow, as with conf/default (`neigh_copy_dflt_parms`).
            for dev in k.net(NsId::ROOT).devs.clone() {
                if k.devs[dev].cold.neigh.state & 1 << i == 0 {
                    set(k, cx, dev, field, v);
                }
            }
        }
    }
    Ok(())
}

fn set(k: &mut Kernel, cx: &mut Cx, dev: DevId, field: &Field, v: u32) {
    (field.set)(&mut k.devs[dev].cold.neigh, v);
    if matches!(field.name, "base_reachable_time_ms" | "base_reachable_time") {
        let random = draw(k, cx);
        k.devs[dev].cold.neigh.draw_reachable(random);
    }
}

/// Draws the reachable time of every device anew, in order of the devices (NEIGH-10).
pub(crate) fn redraw_reachable(k: &mut Kernel, cx: &mut Cx) {
    let devs: Vec<_> = k.devs.iter().map(|(d, _)| d).collect();
    for d in devs {
        let random = draw(k, cx);
        k.devs[d].cold.neigh.draw_reachable(random);
    }
}

fn draw(k: &mut Kernel, cx: &mut Cx) -> u64 {
    let host = k.host;
    let stream = *k.neigh4.rng.get_or_insert_with(|| cx.rng.named(&format!("neigh/{host}")));
    cx.rng.next(stream)
}

/// `neigh_parms_alloc`: what a new device starts with, the host's defaults and a reachable time of its own
/// (NEIGH-10).
pub(crate) fn new_parms(k: &mut Kernel, cx: &mut Cx) -> Parms {
    let mut parms = k.nets.first().map_or_else(Parms::default, |root| root.conf.neigh.clone());
    parms.draw_reachable(draw(k, cx));
    parms
}

const _: () = assert!(FIELDS.len() <= 32, "a bit of Parms::state for each");
