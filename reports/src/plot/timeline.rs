//! Load and latency over virtual time, two lanes on one axis.

use sim_core::series::Slot;

use super::{
    axis::Axis,
    picture::{Anchor, DASHED, DOTTED, Frame, Ink, Label, Picture, SOLID},
    sheet::{self, Caption, Key},
};
use crate::{
    figures::{DropFigure, FlowFigures, Target},
    units,
};

const HEIGHT: f64 = 452.0;
const LOAD_BOTTOM: f64 = 168.0;

/// One step of a timeline: slots of a series merged until each says something.
#[derive(Debug)]
pub struct Step {
    /// Picoseconds.
    pub from_ps: u64,
    pub to_ps: u64,
    pub slot: Slot,
}

/// The slots of a flow's series in which anything happened, and when each begins, in picoseconds.
pub fn slots<'f>(flow: &'f FlowFigures) -> impl Iterator<Item = (u64, &'f Slot)> {
    let width = flow.series.width().ps();
    let slots = flow.series.slots().iter().enumerate().filter(|(_, s)| s.sent > 0 || s.received > 0);
    slots.map(move |(i, slot)| (width.saturating_mul(i as u64), slot))
}

/// At most about `most` steps from the first slot in which anything happened to the last, each with twenty messages
/// or so.
pub fn steps(flow: &FlowFigures, most: usize) -> Vec<Step> {
    let slots = flow.series.slots();
    let touched = |s: &Slot| s.sent > 0 || s.received > 0;
    let (Some(first), Some(last)) = (slots.iter().position(touched), slots.iter().rposition(touched)) else {
        return Vec::new();
    };
    let messages = slots.iter().map(|s| s.sent.max(s.received)).sum::<u64>();
    let wanted = (messages / 20).clamp(8, most as u64) as usize;
    let together = (last + 1 - first).div_ceil(wanted);
    let width = flow.series.width().ps();
    let mut steps: Vec<Step> = Vec::new();
    for (i, chunk) in slots[first..=last].chunks(together).enumerate() {
        let from_ps = width.saturating_mul((first + i * together) as u64);
        let to_ps = from_ps.saturating_add(width.saturating_mul(chunk.len() as u64));
        // A stump at the end would show a load of its own: it belongs to the step before.
        if chunk.len() * 2 <= together && !steps.is_empty() {
            let previous = steps.len() - 1;
            steps[previous].take(chunk, to_ps);
        } else {
            let mut step = Step { from_ps, to_ps, slot: Slot::default() };
            step.take(chunk, to_ps);
            steps.push(step);
        }
    }
    steps
}

impl Step {
    fn take(&mut self, slots: &[Slot], to_ps: u64) {
        slots.iter().for_each(|s| self.slot.merge(s));
        self.to_ps = to_ps;
    }
    fn rate(&self, count: u64, seeds: usize) -> f64 {
        count as f64 / seeds.max(1) as f64 / ((self.to_ps - self.from_ps).max(1) as f64 / 1e12)
    }
}

pub fn picture(flow: &FlowFigures, drops: &[DropFigure], events: &[(u64, String)], caption: &Caption) -> Picture {
    let mut picture = sheet::sheet(HEIGHT, caption);
    let lanes = [sheet::lane(sheet::TOP, LOAD_BOTTOM), sheet::lane(LOAD_BOTTOM + 44.0, HEIGHT - sheet::BELOW)];
    let steps = steps(flow, 96);
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        picture.description = "Nothing was sent.".to_owned();
        sheet::nothing(&mut picture, &lanes[1], "nothing was sent");
        return picture;
    };
    picture.description = description(flow, &steps);
    let x = Axis::time(first.from_ps as f64, last.to_ps as f64, 6, "virtual time").on(lanes[0].left, lanes[0].right);
    let most = steps.iter().map(|s| s.rate(s.slot.sent.max(s.slot.received), flow.seeds)).fold(0.0, f64::max);
    let load_y = Axis::rate(most, 3).on(lanes[0].bottom, lanes[0].top);
    let (targets, y) = latency_axis(flow, &lanes[1], &steps);
    sheet::axes(&mut picture, &[(lanes[0], &load_y), (lanes[1], &y)], &x);
    load(&mut picture, flow, &lanes[0], (&x, &load_y), &steps);
    if flow.latency.count() == 0 {
        sheet::nothing(&mut picture, &lanes[1], "nothing was received");
    } else {
        sheet::target_lines(&mut picture, &lanes[1], &y, &targets);
        latency(&mut picture, &lanes[1], (&x, &y), &steps);
    }
    happened(&mut picture, &lanes, &x, events);
    marks(&mut picture, &lanes[1], &x, drops);
    picture
}

fn description(flow: &FlowFigures, steps: &[Step]) -> String {
    let p99 = steps.iter().filter_map(|s| s.slot.latency.quantile(990_000));
    let (low, high) = (p99.clone().min().unwrap_or(0), p99.max().unwrap_or(0));
    format!(
        "Load and latency of {} over virtual time from {} to {}; the 99th percentile of a step lies between {} and {}.",
        flow.name,
        units::span(steps.first().map_or(0, |s| s.from_ps)),
        units::span(steps.last().map_or(0, |s| s.to_ps)),
        units::span(low),
        units::span(high)
    )
}

fn load(picture: &mut Picture, flow: &FlowFigures, lane: &Frame, (x, y): (&Axis, &Axis), steps: &[Step]) {
    let stairs = |count: fn(&Slot) -> u64| -> Vec<(f64, f64)> {
        let ends = steps.iter().flat_map(|s| {
            let rate = y.at(s.rate(count(&s.slot), flow.seeds));
            [(x.at(s.from_ps as f64), rate), (x.at(s.to_ps as f64), rate)]
        });
        ends.collect()
    };
    picture.line(stairs(|s| s.received), Ink::Blue, 2.0, SOLID);
    picture.line(stairs(|s| s.sent), Ink::Orange, 1.75, DASHED);
    let keys = [Key::line("offered", Ink::Orange, DASHED), Key::line("carried", Ink::Blue, SOLID)];
    sheet::legend(picture, lane, &keys);
}

/// From the least latency to the largest p99 of any step, and to targets that are near.
fn latency_axis(flow: &FlowFigures, lane: &Frame, steps: &[Step]) -> (Vec<Target>, Axis) {
    let min = flow.latency.min().unwrap_or(0);
    let max = steps.iter().filter_map(|s| s.slot.latency.quantile(990_000)).max().unwrap_or(min);
    let targets = sheet::near(&flow.targets, min, max);
    let low = targets.iter().map(|t| t.limit_ps).fold(min, u64::min);
    let high = targets.iter().map(|t| t.limit_ps).fold(max, u64::max);
    (targets, Axis::latency(low, high, "latency").on(lane.bottom, lane.top))
}

fn latency(picture: &mut Picture, lane: &Frame, (x, y): (&Axis, &Axis), steps: &[Step]) {
    let at = |s: &Step, value: u64| (x.at((s.from_ps + (s.to_ps - s.from_ps) / 2) as f64), y.at(value as f64));
    let runs = steps.chunk_by(|a, b| a.slot.received > 0 && b.slot.received > 0);
    let runs: Vec<&[Step]> = runs.filter(|run| run[0].slot.received > 0).collect();
    let curve = |run: &[Step], p: u64| -> Vec<(f64, f64)> {
        run.iter().filter_map(|s| Some(at(s, s.slot.latency.quantile(p)?))).collect()
    };
    for run in &runs {
        let mut ribbon = curve(run, 990_000);
        ribbon.extend(curve(run, 0).into_iter().rev());
        picture.area(ribbon, Ink::Blue, 0.2);
        picture.line(curve(run, 500_000), Ink::Blue, 2.0, SOLID);
        picture.line(curve(run, 990_000), Ink::Orange, 1.75, DASHED);
        // A step that stands alone has no line: dots, and a bar from its least to its p99.
        if let [alone] = run {
            let values = [0, 500_000, 990_000].map(|p| alone.slot.latency.quantile(p).unwrap_or(0));
            picture.line(vec![at(alone, values[0]), at(alone, values[2])], Ink::Blue, 1.0, SOLID);
            picture.dot(at(alone, values[2]), 2.0, Ink::Orange);
            picture.dot(at(alone, values[1]), 2.5, Ink::Blue);
        }
    }
    let keys =
        [Key::area("min to p99", Ink::Blue), Key::line("p50", Ink::Blue, SOLID), Key::line("p99", Ink::Orange, DASHED)];
    sheet::legend(picture, lane, &keys);
}

/// A dotted line through all lanes where the timeline did something, with what it did; of many only the first few.
fn happened(picture: &mut Picture, lanes: &[Frame; 2], x: &Axis, events: &[(u64, String)]) {
    for (ps, words) in events.iter().filter(|e| x.holds(e.0 as f64)).take(12) {
        let at = x.at(*ps as f64);
        picture.line(vec![(at, lanes[0].top), (at, lanes[1].bottom)], Ink::Text, 1.0, DOTTED);
        let room = (lanes[0].right - lanes[0].left) * 0.6;
        let words = super::font::fit(&format!("┊ {words}"), sheet::FOOT, false, room);
        // Between the lanes, where no data are.
        let label = Label::new((at + 3.0, lanes[0].bottom + 14.0), words, sheet::FOOT, Ink::Text);
        if label.frame().right <= lanes[0].right {
            picture.note(label);
        } else {
            let left = Label { x: at - 3.0, ..label };
            picture.note(left.anchor(Anchor::End));
        }
    }
}

/// A triangle where the first packet of each kind was lost.
fn marks(picture: &mut Picture, lane: &Frame, x: &Axis, drops: &[DropFigure]) {
    for drop in drops.iter().filter(|d| x.holds(d.first_ps as f64)) {
        let at = x.at(drop.first_ps as f64);
        picture.area(vec![(at - 5.0, lane.top), (at + 5.0, lane.top), (at, lane.top + 8.0)], Ink::Text, 1.0);
        picture.line(vec![(at, lane.top), (at, lane.bottom)], Ink::Muted, 1.0, DOTTED);
        let text = format!("first {}", drop.reason);
        let label = Label::new((at + 8.0, lane.top + 9.0), text, sheet::FOOT, Ink::Text);
        if label.frame().right <= lane.right {
            picture.note(label);
        } else {
            let left = Label { x: at - 8.0, ..label };
            picture.note(left.anchor(Anchor::End));
        }
    }
}
