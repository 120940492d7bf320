//! Where more load begins to cost more than it brings.

use super::FlowFigures;

/// How the knee is found: Kleinrock's power, throughput divided by mean latency, is greatest there.
pub const METHOD: &str = "Kleinrock's power";

/// A flow along a sweep of its load.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Messages carried, thousandths a second, at each point.
    pub carried: Vec<u64>,
    /// Power at each point, parts per million of the greatest.
    pub power: Vec<u64>,
    /// The point with the greatest power; `None` if that is the last one: the knee was not reached.
    pub knee: Option<usize>,
}

/// `None` unless the points, in order of what is swept, carry different loads: the most at least half as much again as the
/// least.
pub fn load(at: &[&FlowFigures]) -> Option<Load> {
    let measured = |f: &&FlowFigures| {
        let (active, mean) = (f.active_ps, f.latency.mean()?);
        let carried = u128::from(f.received) * 1_000_000_000_000_000 / u128::from(active.max(1));
        (active > 0 && mean > 0).then_some((u64::try_from(carried).unwrap_or(u64::MAX), mean))
    };
    let points: Vec<(u64, u64)> = at.iter().map(measured).collect::<Option<_>>()?;
    let (least, most) = (points.iter().map(|p| p.0).min()?, points.iter().map(|p| p.0).max()?);
    if points.len() < 3 || most / 3 < least / 2 {
        return None;
    }
    // In whole numbers, so that equal points stay equal: thousandths a second times 10^6 by picoseconds.
    let powers: Vec<u128> =
        points.iter().map(|(c, mean)| u128::from(*c) * 1_000_000_000_000 / u128::from(*mean)).collect();
    let greatest = powers.iter().max().copied().filter(|p| *p > 0)?;
    let knee = powers.iter().position(|p| *p == greatest).filter(|i| i + 1 < powers.len());
    let power = powers.iter().map(|p| (p * 1_000_000 / greatest) as u64).collect();
    Some(Load { carried: points.iter().map(|p| p.0).collect(), power, knee })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use scenarios::outcome::FlowOutcome;

    /// Points of (messages a second, mean latency in us), each measured for a second.
    fn of(points: &[(u64, u64)]) -> Option<Load> {
        let flow = |(rate, us): &(u64, u64)| FlowOutcome {
            received: *rate,
            active_ps: 1_000_000_000_000,
            ..fixture::flow_of("x", &[us * 1_000_000])
        };
        let flows: Vec<FlowOutcome> = points.iter().map(flow).collect();
        let figures: Vec<FlowFigures> = flows
            .iter()
            .map(|f| {
                let mut all = FlowFigures::empty(f, String::new());
                (all.received, all.active_ps) = (f.received, f.active_ps);
                all.latency.merge(&f.latency);
                all
            })
            .collect();
        load(&figures.iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_knee_of_a_queue_is_at_half_its_load() {
        // M/M/1 with 10,000/s: 1 / (10,000 - rate).
        let points: Vec<(u64, u64)> = (1..10).map(|i| (i * 1_000, 1_000_000 / (10_000 - i * 1_000))).collect();
        let load = of(&points).unwrap();
        assert_eq!((load.knee, load.power[4], load.carried[4]), (Some(4), 1_000_000, 5_000_000));
        assert!(load.power[0] < load.power[3] && load.power[8] < load.power[5]);
    }

    #[test]
    fn without_a_load_there_is_no_knee() {
        assert_eq!(of(&[(1_000, 10), (1_000, 20), (1_000, 30)]), None, "the load is the same");
        assert_eq!(of(&[(1_000, 10), (9_000, 20)]), None, "two points");
        assert_eq!(of(&[(1_000, 10), (2_000, 10), (4_000, 10)]).map(|l| l.knee), Some(None), "not reached");
        assert_eq!(of(&[]), None);
    }
}
