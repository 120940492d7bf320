//! Many flows of a kind: people want to see all of them as one, and the worst. The data files have every one.

use std::cmp::Reverse;

use indexmap::IndexMap;
use sim_core::hist::Hist;

use super::flow::{FlowFigures, percentiles};
use crate::{names::Slugs, units};

/// So many flows of a kind are shown one by one.
const FEW: usize = 6;
/// Of more, so many of the worst are shown besides all together.
const WORST: usize = 3;

/// One flow that is shown: its place among the flows or the crowds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    Flow(usize),
    Crowd(usize),
    Worst(usize),
}

/// The flows of each kind taken together where they are many, and what to show in which order.
pub fn shown<'b>(flows: &[FlowFigures<'b>], slugs: &mut Slugs) -> (Vec<FlowFigures<'b>>, Vec<Shown>) {
    let mut kinds: IndexMap<(&str, &str), Vec<usize>> = IndexMap::new();
    for (i, flow) in flows.iter().enumerate() {
        kinds.entry((&flow.kind, &flow.measure)).or_default().push(i);
    }
    if kinds.values().all(|of| of.len() <= FEW) {
        return (Vec::new(), (0..flows.len()).map(Shown::Flow).collect());
    }
    let (mut crowds, mut shown) = (Vec::new(), Vec::new());
    for ((kind, _), of) in &kinds {
        if of.len() <= FEW {
            shown.extend(of.iter().copied().map(Shown::Flow));
            continue;
        }
        let members: Vec<&FlowFigures> = of.iter().map(|i| &flows[*i]).collect();
        let name = format!("all {} {kind}", units::thousands(of.len() as u64));
        let slug = slugs.take(&format!("all-{kind}"), "all");
        let all = together(&members, name, slug);
        shown.push(Shown::Crowd(crowds.len()));
        let mut worst = of.clone();
        // None stands out where all are alike.
        worst.retain(|i| flows[*i].lost > 0 || flows[*i].percentile(990_000) > all.percentile(990_000));
        worst.sort_by_key(|i| (Reverse(flows[*i].lost), Reverse(flows[*i].percentile(990_000)), *i));
        worst.truncate(WORST);
        shown.extend(worst.into_iter().map(Shown::Worst));
        crowds.push(all);
    }
    (crowds, shown)
}

/// Several flows as if they were one.
fn together<'b>(members: &[&FlowFigures<'b>], name: String, slug: String) -> FlowFigures<'b> {
    let mut all = FlowFigures::empty(members[0].runs[0].1, slug);
    all.name = name;
    all.seeds = members.iter().map(|m| m.seeds).max().unwrap_or(0);
    let mut seeds: IndexMap<u64, Hist> = IndexMap::new();
    for member in members {
        all.sent = all.sent.saturating_add(member.sent);
        all.received = all.received.saturating_add(member.received);
        all.lost = all.lost.saturating_add(member.lost);
        all.expected = all.expected.saturating_add(member.expected);
        all.in_flight = all.in_flight.saturating_add(member.in_flight);
        all.bytes = all.bytes.saturating_add(member.bytes);
        // They ran side by side.
        all.active_ps = all.active_ps.max(member.active_ps);
        for (error, count) in &member.errors {
            let sum = all.errors.entry(error).or_default();
            *sum = sum.saturating_add(*count);
        }
        all.latency.merge(&member.latency);
        all.series.merge(&member.series);
        for (run, flow) in &member.runs {
            seeds.entry(run.seed).or_default().merge(&flow.latency);
        }
    }
    let seeds: Vec<&Hist> = seeds.values().collect();
    all.percentiles = percentiles(&all.latency, &seeds);
    all
}

#[cfg(test)]
mod tests {
    use crate::{
        figures::Figures,
        fixture::{self, US},
    };

    #[test]
    fn few_are_shown_one_by_one_and_many_as_one_with_the_worst() {
        let ping = |i: u64| fixture::flow_of(&format!("p{i}"), &[i * US, 2 * i * US]);
        let runs =
            |n: u64| vec![1, 2].into_iter().map(|seed| fixture::run(seed, (1..=n).map(ping).collect())).collect();
        let scenario = |n| fixture::scenario("x.ron", "", vec![fixture::point("", &[], runs(n), vec![])]);
        let names = |n| -> Vec<String> {
            let batch = scenarios::outcome::Batch { scenarios: vec![scenario(n)] };
            let figures = Figures::of(&batch);
            let point = &figures.scenarios[0].points[0];
            assert_eq!(point.flows.len() as u64, n);
            assert_eq!(point.shown().map(|(f, _)| f.sent).next(), Some(if n > 6 { n * 4 } else { 4 }));
            point.shown().map(|(f, worst)| format!("{}{}", f.name, if worst { " worst" } else { "" })).collect()
        };
        assert_eq!(names(2), ["p1", "p2"]);
        assert_eq!(names(6).len(), 6);
        assert_eq!(names(1_000), ["all 1,000 Ping", "p1000 worst", "p999 worst", "p998 worst"]);
        assert_eq!(names(7), ["all 7 Ping"]);
    }
}
