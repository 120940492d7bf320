//! Latency against percentile, the percentiles spread by decades of 1/(1 − p): the tail has as much room as the rest.

use super::{
    axis::{self, Axis},
    picture::{Anchor, Ink, Label, Picture, SOLID},
    sheet::{self, Caption, Key},
};
use crate::{
    figures::{FlowFigures, Percentile},
    units,
};

const HEIGHT: f64 = 372.0;

pub fn picture(flow: &FlowFigures, caption: &Caption) -> Picture {
    let mut picture = sheet::sheet(HEIGHT, caption);
    let lane = sheet::lane(sheet::TOP, HEIGHT - sheet::BELOW);
    let (Some(first), Some(last)) = (flow.percentiles.first(), flow.percentiles.last()) else {
        picture.description = "Nothing was received.".to_owned();
        sheet::nothing(&mut picture, &lane, "nothing was received");
        return picture;
    };
    picture.description = description(flow);
    let targets = sheet::near(&flow.targets, first.latency_ps, last.latency_ps);
    let limits = targets.iter().map(|t| t.limit_ps);
    let bands = flow.percentiles.iter().flat_map(band);
    let low = limits.clone().chain(bands.clone()).fold(first.latency_ps, u64::min);
    let high = limits.chain(bands).fold(last.latency_ps, u64::max);
    let y = Axis::latency(low, high, "latency").on(lane.bottom, lane.top);
    let x = Axis::percentiles(last.per_million, "percentile of messages").on(lane.left, lane.right);
    sheet::y_axis(&mut picture, &lane, &y);
    sheet::x_axis(&mut picture, &[lane], &x);
    let at = |p: &Percentile, value: u64| (x.at(axis::decades(p.per_million)), y.at(value as f64));
    let spread = flow.percentiles.iter().any(|p| p.spread.is_some());
    if spread {
        let upper = flow.percentiles.iter().map(|p| at(p, band(p)[1]));
        let lower = flow.percentiles.iter().rev().map(|p| at(p, band(p)[0]));
        picture.area(upper.chain(lower).collect(), Ink::Blue, 0.2);
    }
    sheet::target_lines(&mut picture, &lane, &y, &targets);
    picture.line(flow.percentiles.iter().map(|p| at(p, p.latency_ps)).collect(), Ink::Blue, 2.25, SOLID);
    for target in &targets {
        let (x, y) = (x.at(axis::decades(target.per_million)), y.at(target.limit_ps as f64));
        let corners = vec![(x, y - 4.0), (x + 4.0, y), (x, y + 4.0), (x - 4.0, y)];
        picture.area(corners, Ink::Orange, 1.0);
    }
    for p in flow.percentiles.iter().filter(|p| [500_000, 900_000, 990_000, 999_000, 999_900].contains(&p.per_million)) {
        let at = at(p, p.latency_ps);
        picture.dot(at, 3.5, Ink::Blue);
        let label = Label::new((at.0, at.1 - 9.0), units::span(p.latency_ps), sheet::SMALL, Ink::Text);
        let label = label.anchor(Anchor::Middle);
        let over = label.frame().right - lane.right;
        sheet::noted(&mut picture, Label { x: label.x - over.max(0.0), ..label });
    }
    let mut keys = vec![Key::line("all seeds together", Ink::Blue, SOLID)];
    if spread {
        keys.push(Key::area("95 % interval over seeds", Ink::Blue));
        sheet::legend(&mut picture, &lane, &keys);
    }
    picture
}

/// The 95 % interval around the value.
fn band(p: &Percentile) -> [u64; 2] {
    let margin = p.spread.map_or(0, |s| s.margin);
    // Nothing travels in no time: an interval wider than its value ends at a tenth of it.
    [p.latency_ps.saturating_sub(margin).max(p.latency_ps / 10), p.latency_ps.saturating_add(margin)]
}

fn description(flow: &FlowFigures) -> String {
    let list = flow.percentiles.iter().filter(|p| [500_000, 900_000, 990_000, 999_000, 999_900].contains(&p.per_million));
    let list: Vec<String> =
        list.map(|p| format!("{} % {}", units::percentile(p.per_million), units::span(p.latency_ps))).collect();
    format!("Latency by percentile: {}.", list.join(", "))
}
