//! lib/ratelimit.c

/// `DEFAULT_RATELIMIT_BURST` of networking: so many messages in each interval of [`INTERVAL_S`] seconds.
const BURST: u32 = 10;
const INTERVAL_S: u64 = 5;

/// `struct ratelimit_state`
#[derive(Default)]
pub(super) struct RateLimit {
    /// When the interval began, in ticks.
    begin: Option<u64>,
    printed: u32,
    missed: u32,
}

impl RateLimit {
    /// May one more message be written at tick `now`? And how many were not, if a new interval begins with this one.
    pub fn ask(&mut self, now: u64, hz: u64) -> (bool, Option<u32>) {
        let begin = *self.begin.get_or_insert(now);
        let mut suppressed = None;
        if now > begin + INTERVAL_S * hz {
            suppressed = Some(self.missed).filter(|n| *n > 0);
            *self = RateLimit { begin: Some(now), printed: 0, missed: 0 };
        }
        let may = self.printed < BURST;
        if may {
            self.printed += 1;
        } else {
            self.missed += 1;
        }
        (may, suppressed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_in_five_seconds() {
        let mut r = RateLimit::default();
        let written = (0..25).filter(|_| r.ask(100, 250).0).count();
        assert_eq!(written, 10);
        assert_eq!(r.ask(100 + 1250, 250), (false, None), "the interval is over only after its last tick");
        assert_eq!(r.ask(100 + 1251, 250), (true, Some(16)));
        assert_eq!(r.ask(100 + 1252, 250), (true, None));
    }
}
