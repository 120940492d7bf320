//! Where the kernel's timer wheel stands.

use super::{play::Ground, sys};
use std::fs;

const MS: i64 = 1_000_000;
/// 250 ticks a second.
const TICK: i64 = 4 * MS;

/// The first time from `from` on (monotonic, ns) at which the timer wheel stands as the simulator's does at time 0: at
/// an edge of the levels that a scenario of `length` uses. Where the machine does not tell its ticks, `from`.
///
/// With `seconds` the kernel's own count of whole seconds (`round_jiffies`) begins there, too, and on a machine only the
/// finest levels are looked at: the next common edge of all may be half a minute away.
///
/// On a machine that is a moment after the tick, which may be late itself; in virtual time it is the tick.
pub fn edge(length: i64, seconds: bool, from: i64, ground: Ground) -> i64 {
    let level = match (seconds, ground) {
        (true, Ground::Machine) => 1_000,
        // The least common multiple.
        (true, Ground::Guest) => 1_000 * (level(length / MS, ground) / 8).max(1),
        _ => level(length / MS, ground),
    };
    let Some(now) = Ticks::now() else { return from };
    let after = now.after(from);
    let edge = after + (-after).rem_euclid(level);
    let moment = if ground == Ground::Machine { TICK / 20 } else { 0 };
    now.time(edge) + moment
}

/// Ticks from edge to edge of the highest level that counts. Nobody waits long for one on a machine.
fn level(length_ms: i64, ground: Ground) -> i64 {
    match length_ms {
        ..252 => 1,
        252..2_016 => 8,
        2_016..16_128 => 64,
        16_128..129_024 => 512,
        _ if ground == Ground::Machine => 512,
        129_024..1_032_192 => 4_096,
        _ => 32_768,
    }
}

/// A tick's number, and when it was.
struct Ticks {
    jiffies: i64,
    at: i64,
}

impl Ticks {
    /// The last tick, where root may read it.
    fn now() -> Option<Ticks> {
        let text = fs::read_to_string("/proc/timer_list").ok()?;
        let now = sys::monotonic();
        let jiffies = text.lines().find_map(|l| l.strip_prefix("jiffies: "))?.trim().parse().ok()?;
        // Of the tick's own timer, where it is listed; else ticks are where the clock's full ones are.
        let phase = tick_timer(&text).map_or(0, |expires| expires.rem_euclid(TICK));
        Some(Ticks { jiffies, at: (now - phase).div_euclid(TICK) * TICK + phase })
    }

    /// The number of the first tick at or after `t`.
    fn after(&self, t: i64) -> i64 {
        self.jiffies + (t - self.at + TICK - 1).div_euclid(TICK)
    }

    fn time(&self, jiffies: i64) -> i64 {
        self.at + (jiffies - self.jiffies) * TICK
    }
}

/// When the tick rings next: behind its handler's name comes " # expires at 4004000000-4004000000 nsecs […]".
fn tick_timer(list: &str) -> Option<i64> {
    let mut lines = list.lines();
    lines.find(|l| l.contains("tick_nohz_handler") || l.contains("tick_sched_timer"))?;
    let expires = lines.next()?.trim_start().strip_prefix("# expires at ")?;
    expires.split('-').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_a_multiple_of_its_level() {
        let t = Ticks { jiffies: 1003, at: 40_001_000 };
        assert_eq!((t.after(40_001_000), t.after(40_001_001), t.after(44_001_000)), (1003, 1004, 1004));
        assert_eq!(t.time(1008), 60_001_000);
        assert_eq!((level(100, Ground::Machine), level(300_000, Ground::Machine)), (1, 512));
        assert_eq!((level(300_000, Ground::Guest), level(2_000_000, Ground::Guest)), (4096, 32_768));
    }

    #[test]
    fn the_ticks_timer_is_found() {
        let list = "cpu: 0\n #0: <0>, hrtimer_wakeup, S:01\n # expires at 5-55 nsecs [in 5 to 55 nsecs]\n \
                    #1: <1>, tick_nohz_handler, S:01\n # expires at 4004000000-4004000000 nsecs [in 1 to 1 nsecs]\n";
        assert_eq!(tick_timer(list), Some(4_004_000_000));
        assert_eq!(tick_timer("jiffies: 7\n"), None);
    }
}
