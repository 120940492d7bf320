//! net/core/neighbour.c: one table for all namespaces, keyed by device and address; the whole NUD state machine.

mod gc;
mod output;
pub mod proxy;
mod state;
mod table;

pub use gc::periodic_work;
pub use output::neigh_xmit_to;
pub(super) use output::{is_known, neigh_output};
pub use state::{UPDATE_ADMIN, UPDATE_OVERRIDE, neigh_timer, neigh_update};
pub use table::{Entry, Table, find_or_create, flush_dev, forced_gc, may_be_there, neigh_lines};
pub(crate) use table::{create_by_admin, known, remove, set_origin};

/// Per-device neighbour sysctls, `net.ipv4.neigh.DEV.*` (NEIGH-2). Times in ticks unless said otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parms {
    /// `base_reachable_time_ms`, in milliseconds.
    pub base_reachable_ms: u32,
    /// Drawn uniformly from [0.5, 1.5) × base when the device is made and when base is written (NEIGH-10), in ms.
    pub reachable_ms: u32,
    /// `retrans_time_ms`, in milliseconds.
    pub retrans_ms: u32,
    /// `delay_first_probe_time`, in seconds.
    pub delay_probe_s: u32,
    /// `gc_stale_time`, in seconds.
    pub gc_stale_s: u32,
    pub mcast_solicit: u32,
    pub ucast_solicit: u32,
    pub app_solicit: u32,
    pub mcast_resolicit: u32,
    /// `locktime`, in 1/100 s.
    pub locktime_cs: u32,
    /// `proxy_delay`, in 1/100 s.
    pub proxy_delay_cs: u32,
    pub proxy_qlen: u32,
    /// `unres_qlen_bytes`, bytes of truesize.
    pub unres_qlen_bytes: u32,
    /// Bit per sysctl that was written explicitly (`data_state`).
    pub state: u32,
}

impl Default for Parms {
    fn default() -> Self {
        Parms {
            base_reachable_ms: 30_000,
            reachable_ms: 30_000,
            retrans_ms: 1_000,
            delay_probe_s: 5,
            gc_stale_s: 60,
            mcast_solicit: 3,
            ucast_solicit: 3,
            app_solicit: 0,
            mcast_resolicit: 0,
            locktime_cs: 100,
            proxy_delay_cs: 80,
            proxy_qlen: 64,
            unres_qlen_bytes: 212_992,
            state: 0,
        }
    }
}

impl Parms {
    /// Draws `reachable_time` anew: `neigh_rand_reach_time`.
    pub fn draw_reachable(&mut self, random: u64) {
        let base = u64::from(self.base_reachable_ms);
        self.reachable_ms = if base == 0 { 0 } else { (random % base + base / 2) as u32 };
    }
}

/// Milliseconds in ticks, rounded up.
fn ticks(hz: u32, ms: u32) -> u64 {
    (u64::from(ms) * u64::from(hz)).div_ceil(1000)
}
