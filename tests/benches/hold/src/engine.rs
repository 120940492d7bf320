//! The same with a whole engine: nexosim, one model that sets an event ahead of each that it is given. Its time is
//! nanoseconds, so increments are cut to those.

use crate::{Law, Random};
use nexosim::{
    model::{Context, Model, schedulable},
    simulation::{Mailbox, SimInit, Simulation},
    time::MonotonicTime,
};
use serde::{Deserialize, Serialize};
use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

thread_local! {
    /// Models have to be storable, so what is only measured with lies here.
    static SHARED: RefCell<Option<(Law, Vec<u64>, Random)>> = const { RefCell::new(None) };
    static TAKEN: Cell<u64> = const { Cell::new(0) };
}

#[derive(Serialize, Deserialize)]
struct Holder {
    pending: u32,
}

/// `spread`: not yet a whole increment ahead.
fn draw(spread: bool) -> Duration {
    SHARED.with_borrow_mut(|shared| {
        let Some((law, table, random)) = shared else { return Duration::from_nanos(1) };
        let r = random.next();
        let mut ahead = (law.1)(r, table);
        if spread {
            ahead = ahead / 1024 * (random.next() % 1024);
        }
        Duration::from_nanos((ahead / 1_000).max(1))
    })
}

#[Model]
impl Holder {
    #[nexosim(schedulable)]
    fn begin(&mut self, _: (), cx: &Context<Self>) {
        for n in 0..self.pending {
            let _ = cx.schedule_event(draw(true), schedulable!(Self::fire), n);
        }
    }

    #[nexosim(schedulable)]
    fn fire(&mut self, n: u32, cx: &Context<Self>) {
        TAKEN.set(TAKEN.get() + 1);
        let _ = cx.schedule_event(draw(false), schedulable!(Self::fire), n);
    }

    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        let _ = cx.schedule_event(Duration::from_nanos(1), schedulable!(Self::begin), ());
    }
}

/// Nanoseconds for one event taken and set.
pub fn hold(pending: u32, law: Law, table: &[u64]) -> Result<f64, String> {
    SHARED.set(Some((law, table.to_vec(), Random::new())));
    TAKEN.set(0);
    let mailbox = Mailbox::new();
    let begun =
        SimInit::with_num_threads(1).add_model(Holder { pending }, mailbox, "holder").init(MonotonicTime::EPOCH);
    let mut sim = begun.map_err(|e| e.to_string())?;
    let run = |sim: &mut Simulation, steps: u64| {
        let (begun, before) = (Instant::now(), TAKEN.get());
        while TAKEN.get() < before + steps {
            sim.step().map_err(|e| e.to_string())?;
        }
        Ok::<f64, String>(begun.elapsed().as_nanos() as f64 / (TAKEN.get() - before) as f64)
    };
    run(&mut sim, u64::from(pending).max(100_000) * 2)?;
    let mut best = f64::MAX;
    for _ in 0..3 {
        best = best.min(run(&mut sim, u64::from(pending).clamp(1_000_000, 2_000_000))?);
    }
    Ok(best)
}
