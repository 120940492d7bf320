//! Latency against percentile, the percentiles spread by decades of 1/(1 − p): the tail has as much room as the rest.

use super::{
    axis::{self, Axis},
    picture::{Anchor, Frame, Ink, Label, Picture, SOLID},
    sheet::{self, Caption, Key},
};
use crate::{
    figures::{FlowFigures, Percentile},
    units,
};

const HEIGHT: f64 = 372.0;

/// Percentiles that carry their value.
const NAMED: [u64; 5] = [500_000, 900_000, 990_000, 999_000, 999_900];

pub fn picture(flow: &FlowFigures, caption: &Caption) -> Picture {
    let mut picture = sheet::sheet(HEIGHT, caption);
    let lane = sheet::lane(sheet::TOP, HEIGHT - sheet::BELOW);
    let (Some(first), Some(last), Some(max)) = (flow.percentiles.first(), flow.percentiles.last(), flow.latency.max())
    else {
        picture.description = "Nothing was received.".to_owned();
        sheet::nothing(&mut picture, &lane, "nothing was received");
        return picture;
    };
    picture.description = description(flow, max);
    let targets = sheet::near(&flow.targets, first.latency_ps, max);
    let limits = targets.iter().map(|t| t.limit_ps);
    let bands = flow.percentiles.iter().flat_map(band);
    let low = limits.clone().chain(bands.clone()).fold(first.latency_ps, u64::min);
    let high = limits.chain(bands).fold(max, u64::max);
    let y = Axis::latency(low, high, "latency").on(lane.bottom, lane.top);
    let x = Axis::percentiles(last.per_million, "percentile of messages").on(lane.left, lane.right);
    sheet::axes(&mut picture, &[(lane, &y)], &x);
    let at = |p: &Percentile, value: u64| (x.at(axis::decades(p.per_million)), y.at(value as f64));
    let spread = flow.percentiles.iter().any(|p| p.spread.is_some());
    if spread {
        let upper = flow.percentiles.iter().map(|p| at(p, band(p)[1]));
        let lower = flow.percentiles.iter().rev().map(|p| at(p, band(p)[0]));
        picture.area(upper.chain(lower).collect(), Ink::Blue, 0.2);
        let keys =
            [Key::line("all seeds together", Ink::Blue, SOLID), Key::area("95 % interval over seeds", Ink::Blue)];
        sheet::legend(&mut picture, &lane, &keys);
    }
    sheet::target_lines(&mut picture, &lane, &y, &targets);
    let end = (lane.right, y.at(max as f64));
    let curve = flow.percentiles.iter().map(|p| at(p, p.latency_ps)).chain([end]);
    picture.line(curve.collect(), Ink::Blue, 2.25, SOLID);
    for target in &targets {
        let (x, y) = (x.at(axis::decades(target.per_million)), y.at(target.limit_ps as f64));
        picture.area(vec![(x, y - 5.0), (x + 5.0, y), (x, y + 5.0), (x - 5.0, y)], Ink::Orange, 1.0);
    }
    value(&mut picture, &lane, end, max);
    for p in flow.percentiles.iter().filter(|p| NAMED.contains(&p.per_million)) {
        value(&mut picture, &lane, at(p, p.latency_ps), p.latency_ps);
    }
    picture
}

/// A dot, and its value to the left above, where a rising curve leaves room; at the left edge straight above.
fn value(picture: &mut Picture, lane: &Frame, at: (f64, f64), ps: u64) {
    picture.dot(at, 3.5, Ink::Blue);
    let label = Label::new((at.0 - 3.0, at.1 - 8.0), units::span(ps), sheet::SMALL, Ink::Text).anchor(Anchor::End);
    let outside = (lane.left + 3.0 - label.frame().left).max(0.0);
    let label = Label { x: label.x + outside, y: label.y - if outside > 0.0 { 4.0 } else { 0.0 }, ..label };
    let below = Label { x: at.0 + 3.0, y: at.1 + 17.0, ..label.clone() }.anchor(Anchor::Start);
    if !picture.note(label) {
        picture.note(below);
    }
}

/// The 95 % interval around the value.
fn band(p: &Percentile) -> [u64; 2] {
    let margin = p.spread.map_or(0, |s| s.margin);
    // Nothing travels in no time: an interval wider than its value ends at a tenth of it.
    [p.latency_ps.saturating_sub(margin).max(p.latency_ps / 10), p.latency_ps.saturating_add(margin)]
}

fn description(flow: &FlowFigures, max: u64) -> String {
    let list = flow.percentiles.iter().filter(|p| NAMED.contains(&p.per_million));
    let list = list.map(|p| format!("{} % {}", units::percentile(p.per_million), units::span(p.latency_ps)));
    let list: Vec<String> = list.chain([format!("maximum {}", units::span(max))]).collect();
    format!("Latency by percentile: {}.", list.join(", "))
}
