//! Which share of the messages took no longer than x.

use super::{
    axis::{Axis, Tick},
    picture::{Anchor, DOTTED, Frame, Ink, Label, Picture, SOLID},
    sheet::{self, Caption},
};
use crate::{figures::FlowFigures, units};

const HEIGHT: f64 = 372.0;

pub fn picture(flow: &FlowFigures, caption: &Caption) -> Picture {
    let mut picture = sheet::sheet(HEIGHT, caption);
    let lane = sheet::lane(sheet::TOP, HEIGHT - sheet::BELOW);
    let (Some(min), Some(max)) = (flow.latency.min(), flow.latency.max()) else {
        picture.description = "Nothing was received.".to_owned();
        sheet::nothing(&mut picture, &lane, "nothing was received");
        return picture;
    };
    picture.description = description(flow);
    let targets = sheet::near(&flow.targets, min, max);
    let low = targets.iter().map(|t| t.limit_ps).fold(min, u64::min);
    let high = targets.iter().map(|t| t.limit_ps).fold(max, u64::max);
    let x = Axis::latency(low, high, "latency").on(lane.left, lane.right);
    let y = shares().on(lane.bottom, lane.top);
    sheet::axes(&mut picture, &[(lane, &y)], &x);
    for target in &targets {
        let at = x.at(target.limit_ps as f64);
        picture.line(vec![(at, lane.top), (at, lane.bottom)], Ink::Orange, 1.5, DOTTED);
    }
    let steps = steps(flow, min, max);
    picture.line(steps.iter().map(|(v, share)| (x.at(*v), y.at(*share))).collect(), Ink::Blue, 2.25, SOLID);
    for target in &targets {
        mark_target(&mut picture, &lane, (x.at(target.limit_ps as f64), y.at(share(target.per_million))), target);
    }
    for per_million in [500_000, 900_000, 990_000] {
        if let Some(value) = flow.percentile(per_million) {
            let at = (x.at(value as f64), y.at(share(per_million)));
            mark(&mut picture, &lane, at, per_million, value);
        }
    }
    picture
}

fn description(flow: &FlowFigures) -> String {
    let value = |p| flow.percentile(p).map_or_else(|| "–".to_owned(), units::span);
    format!(
        "Cumulative distribution of {} latencies: half are at most {}, 90 % at most {}, 99 % at most {}.",
        units::thousands(flow.latency.count()),
        value(500_000),
        value(900_000),
        value(990_000)
    )
}

fn shares() -> Axis {
    let ticks = [0u32, 25, 50, 75, 100].map(|p| Tick { value: f64::from(p) / 100.0, label: p.to_string() });
    Axis::linear(0.0, 1.0, ticks.to_vec(), "share of messages, %")
}

fn share(per_million: u64) -> f64 {
    per_million as f64 / 1e6
}

/// The distribution as (picoseconds, share at or below). Within a bucket, which is less than a hundredth of its value
/// wide, it rises evenly.
pub fn steps(flow: &FlowFigures, min: u64, max: u64) -> Vec<(f64, f64)> {
    let n = flow.latency.count() as f64;
    let mut below = 0u64;
    let mut steps = Vec::new();
    for (low, high, count) in flow.latency.buckets() {
        steps.push((low.clamp(min, max) as f64, below as f64 / n));
        below = below.saturating_add(count);
        steps.push((high.clamp(min, max) as f64, below as f64 / n));
    }
    steps
}

/// A dot on the curve and its words to the right below, where a rising curve leaves room, else to the left above.
fn mark(picture: &mut Picture, lane: &Frame, at: (f64, f64), per_million: u64, value: u64) {
    picture.dot(at, 3.5, Ink::Blue);
    let text = format!("p{} {}", units::percentile(per_million), units::span(value));
    let right = Label::new((at.0 + 8.0, at.1 + 13.0), text, sheet::SMALL, Ink::Text);
    if right.frame().right <= lane.right {
        picture.note(right);
    } else {
        picture.note(Label { x: at.0 - 8.0, y: at.1 + 4.0, ..right }.anchor(Anchor::End));
    }
}

fn mark_target(picture: &mut Picture, lane: &Frame, at: (f64, f64), target: &crate::figures::Target) {
    let ring = Frame { left: at.0 - 4.0, top: at.1 - 4.0, right: at.0 + 4.0, bottom: at.1 + 4.0 };
    let corners = vec![(at.0, ring.top), (ring.right, at.1), (at.0, ring.bottom), (ring.left, at.1)];
    picture.area(corners, Ink::Orange, 1.0);
    let label = Label::new((at.0 - 7.0, lane.bottom - 8.0), sheet::target_text(target), sheet::SMALL, Ink::Orange);
    let left = label.anchor(Anchor::End);
    for lines in 0..3 {
        let left = Label { y: left.y - f64::from(lines) * 15.0, ..left.clone() };
        let right = Label { x: at.0 + 7.0, anchor: Anchor::Start, ..left.clone() };
        if (left.frame().left > lane.left && picture.note(left)) || picture.note(right) {
            return;
        }
    }
}
