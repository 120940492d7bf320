//! Latency against what a sweep varies.

use scenarios::outcome::PointOutcome;
use sim_core::{
    time::{Rate, Span},
    units::{Bytes, PerSecond},
};

use super::{
    axis::{Axis, Tick},
    picture::{Anchor, DASHED, DOTTED, Frame, Ink, Label, Picture, SOLID},
    sheet::{self, Caption, Key},
};
use crate::{
    figures::{
        FlowFigures, PointFigures, ScenarioFigures, Target,
        load::{self, Load},
    },
    units,
};

const HEIGHT: f64 = 412.0;

/// The curve of one flow along one swept path, everything else that is swept held fixed.
#[derive(Debug)]
pub struct Curve<'f> {
    pub flow: &'f str,
    /// "traffic.web.rate"
    pub path: &'f str,
    /// The other swept values: "r=4"; empty if nothing else is swept.
    pub fixed: String,
    pub at: Vec<CurvePoint<'f>>,
    /// Where what is swept changes the load.
    pub load: Option<Load>,
}

#[derive(Debug)]
pub struct CurvePoint<'f> {
    /// As in the file: "10k/s".
    pub text: &'f str,
    pub value: f64,
    pub flow: &'f FlowFigures<'f>,
}

/// All curves of a scenario, in order of flow and first point; along the swept path with the most values. None where
/// nothing is swept.
pub fn curves<'f>(scenario: &'f ScenarioFigures) -> Vec<Curve<'f>> {
    let Some(path) = longest(scenario) else { return Vec::new() };
    let mut curves: Vec<Curve> = Vec::new();
    for point in &scenario.points {
        let Some(text) = point.outcome.values.get(path) else { continue };
        let fixed = others(point.outcome, path);
        for (flow, _) in point.shown().filter(|(_, worst)| !worst) {
            let name = flow.name.as_str();
            let place = curves.iter().position(|c| c.flow == name && c.fixed == fixed).unwrap_or_else(|| {
                curves.push(Curve { flow: name, path, fixed: fixed.clone(), at: Vec::new(), load: None });
                curves.len() - 1
            });
            curves[place].at.push(CurvePoint { text, value: 0.0, flow });
        }
    }
    // A curve of flows that never arrive has nothing to show.
    curves.retain(|c| c.at.len() > 1 && c.at.iter().any(|p| p.flow.latency.count() > 0));
    for curve in &mut curves {
        if place(curve) {
            let flows: Vec<&FlowFigures> = curve.at.iter().map(|p| p.flow).collect();
            curve.load = load::load(&flows);
        }
    }
    curves.sort_by_key(|c| first_of(scenario, c.flow));
    curves
}

fn first_of(scenario: &ScenarioFigures, flow: &str) -> usize {
    let flows = |p: &PointFigures| p.shown().position(|(f, _)| f.name == flow);
    scenario.points.iter().find_map(flows).unwrap_or(usize::MAX)
}

/// The swept path with the most different values; of equals the first.
fn longest<'f>(scenario: &'f ScenarioFigures) -> Option<&'f str> {
    let first = scenario.points.first()?;
    let different = |path: &str| {
        let mut values: Vec<&str> =
            scenario.points.iter().filter_map(|p| p.outcome.values.get(path)).map(String::as_str).collect();
        values.sort_unstable();
        values.dedup();
        values.len()
    };
    let paths = first.outcome.values.keys().map(|p| (different(p), p.as_str()));
    paths.rev().max_by_key(|(n, _)| *n).filter(|(n, _)| *n > 1).map(|(_, path)| path)
}

fn others(point: &PointOutcome, path: &str) -> String {
    let others = point.values.iter().filter(|(p, _)| p.as_str() != path);
    let others: Vec<String> = others.map(|(p, v)| format!("{p}={v}")).collect();
    others.join(" ")
}

/// Quantities stand where they belong, which gives true; anything else stands in order, evenly.
fn place(curve: &mut Curve) -> bool {
    let texts: Vec<&str> = curve.at.iter().map(|p| p.text.trim().trim_matches('"')).collect();
    let Some(values) = quantities(&texts) else {
        for (i, point) in curve.at.iter_mut().enumerate() {
            point.value = i as f64;
        }
        return false;
    };
    for (point, value) in curve.at.iter_mut().zip(values) {
        point.value = value;
    }
    curve.at.sort_by(|a, b| a.value.total_cmp(&b.value));
    true
}

/// The texts as numbers, if all of them are of one kind: whole numbers, times, frequencies, rates or sizes.
fn quantities(texts: &[&str]) -> Option<Vec<f64>> {
    fn all(texts: &[&str], read: impl Fn(&str) -> Option<f64>) -> Option<Vec<f64>> {
        texts.iter().map(|t| read(t)).collect()
    }
    all(texts, |t| t.parse::<i64>().ok().map(|n| n as f64))
        .or_else(|| all(texts, |t| t.parse::<Span>().ok().map(|s| s.ps() as f64)))
        .or_else(|| all(texts, |t| t.parse::<PerSecond>().ok().map(|f| f.millionths() as f64)))
        .or_else(|| all(texts, |t| t.parse::<Rate>().ok().map(|r| r.bits_per_s() as f64)))
        .or_else(|| all(texts, |t| t.parse::<Bytes>().ok().map(|b| b.0 as f64)))
}

pub fn picture(curve: &Curve, caption: &Caption) -> Picture {
    let mut picture = sheet::sheet(HEIGHT, caption);
    picture.description = description(curve);
    let lossy = curve.at.iter().any(|p| p.flow.lost > 0);
    let split = HEIGHT - sheet::BELOW - 92.0;
    let latency = sheet::lane(sheet::TOP, if lossy { split } else { HEIGHT - sheet::BELOW });
    let loss = sheet::lane(split + 36.0, HEIGHT - sheet::BELOW);
    let ticks = curve.at.iter().map(|p| Tick { value: p.value, label: p.text.trim_matches('"').to_owned() });
    let x = Axis::labelled(ticks.collect(), curve.path).on(latency.left, latency.right);
    let most = curve.at.iter().map(|p| lost_share(p.flow)).fold(0.0, f64::max);
    let loss_y = Axis::share(most * 1.15, 2, "lost").on(loss.bottom, loss.top);
    let (targets, y) = latency_axis(curve, &latency);
    let lanes = [(latency, &y), (loss, &loss_y)];
    sheet::axes(&mut picture, if lossy { &lanes } else { &lanes[..1] }, &x);
    draw_knee(&mut picture, &latency, &x, curve);
    draw_targets(&mut picture, &latency, (&x, &y), curve, &targets);
    draw_latency(&mut picture, &latency, (&x, &y), curve);
    if lossy {
        draw_loss(&mut picture, &loss, (&x, &loss_y), curve);
    }
    picture
}

/// A line down from the point where the knee is.
fn draw_knee(picture: &mut Picture, lane: &Frame, x: &Axis, curve: &Curve) {
    let Some(knee) = curve.load.as_ref().and_then(|l| l.knee) else { return };
    let at = x.at(curve.at[knee].value);
    picture.line(vec![(at, lane.top), (at, lane.bottom)], Ink::Muted, 1.25, DOTTED);
    let words = format!("knee ({})", load::METHOD);
    let right = Label::new((at + 5.0, lane.bottom - 6.0), words, sheet::SMALL, Ink::Muted);
    let left = Label { x: at - 5.0, anchor: Anchor::End, ..right.clone() };
    for label in [right, left] {
        let frame = label.frame();
        if frame.left > lane.left && frame.right < lane.right && picture.note(label) {
            return;
        }
    }
}

fn description(curve: &Curve) -> String {
    let list = curve.at.iter().filter_map(|p| {
        let value = |q| p.flow.percentile(q).map(units::span);
        Some(format!("{} p50 {} p99 {}", p.text, value(500_000)?, value(990_000)?))
    });
    let list: Vec<String> = list.take(12).collect();
    let knee = curve.load.as_ref().map_or(String::new(), |l| match l.knee {
        Some(i) => format!(" Knee at {} ({}).", curve.at[i].text, load::METHOD),
        None => format!(" No knee up to the last point ({}).", load::METHOD),
    });
    format!("Latency of {} against {}: {}.{knee}", curve.flow, curve.path, list.join("; "))
}

fn latency_axis(curve: &Curve, lane: &Frame) -> (Vec<Target>, Axis) {
    let intervals = curve.at.iter().flat_map(|p| [500_000, 990_000].map(|q| interval(p.flow, q)));
    let values = intervals.flatten().flatten();
    let (min, max) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
    let targets = sheet::near(&all_targets(curve), min, max);
    let low = targets.iter().map(|t| t.limit_ps).fold(min, u64::min);
    let high = targets.iter().map(|t| t.limit_ps).fold(max, u64::max);
    // That latency grows evenly with the number of hops shows on a linear axis only.
    (targets, Axis::latency_log_from(20.0, low, high, "latency").on(lane.bottom, lane.top))
}

fn draw_latency(picture: &mut Picture, lane: &Frame, (x, y): (&Axis, &Axis), curve: &Curve) {
    // The dashes last: where both are one line, both can be seen.
    for (per_million, ink, dash, radius) in [(500_000, Ink::Blue, SOLID, 4.5), (990_000, Ink::Orange, DASHED, 3.0)] {
        let at = |p: &CurvePoint, value: u64| (x.at(p.value), y.at(value as f64));
        let line = curve.at.iter().filter_map(|p| Some(at(p, p.flow.percentile(per_million)?)));
        let line: Vec<(f64, f64)> = line.collect();
        for point in &curve.at {
            if let Some([low, high]) = interval(point.flow, per_million)
                && high > low
            {
                picture.line(vec![at(point, low), at(point, high)], ink, 1.25, SOLID);
            }
        }
        line.iter().for_each(|at| picture.dot(*at, radius, ink));
        picture.line(line, ink, 2.25, dash);
    }
    let keys = [Key::line("p50", Ink::Blue, SOLID), Key::line("p99", Ink::Orange, DASHED)];
    sheet::legend(picture, lane, &keys);
}

/// The 95 % interval over seeds around a percentile.
fn interval(flow: &FlowFigures, per_million: u64) -> Option<[u64; 2]> {
    let value = flow.percentile(per_million)?;
    let margin = flow.margin(per_million).unwrap_or(0);
    Some([value.saturating_sub(margin).max(value / 10), value.saturating_add(margin)])
}

/// The targets of any point.
fn all_targets(curve: &Curve) -> Vec<Target> {
    let mut targets: Vec<Target> = curve.at.iter().flat_map(|p| &p.flow.targets).copied().collect();
    targets.sort();
    targets.dedup();
    targets
}

/// A target of all points is a line; one of some points is a stroke at each of them.
fn draw_targets(picture: &mut Picture, lane: &Frame, (x, y): (&Axis, &Axis), curve: &Curve, targets: &[Target]) {
    for target in targets.iter().filter(|t| y.holds(t.limit_ps as f64)) {
        let having: Vec<&CurvePoint> = curve.at.iter().filter(|p| p.flow.targets.contains(target)).collect();
        if having.len() == curve.at.len() {
            sheet::target_lines(picture, lane, y, &[*target]);
            continue;
        }
        let height = y.at(target.limit_ps as f64);
        for point in &having {
            let at = x.at(point.value);
            let (from, to) = ((at - 16.0).max(lane.left), (at + 16.0).min(lane.right));
            picture.line(vec![(from, height), (to, height)], Ink::Orange, 1.75, SOLID);
        }
        if let Some(first) = having.first() {
            sheet::target_label(picture, lane, (x.at(first.value) - 16.0, height), target);
        }
    }
}

fn lost_share(flow: &FlowFigures) -> f64 {
    flow.lost as f64 / flow.expected.max(1) as f64
}

fn draw_loss(picture: &mut Picture, lane: &Frame, (x, y): (&Axis, &Axis), curve: &Curve) {
    for point in curve.at.iter().filter(|p| p.flow.lost > 0) {
        let (at, top) = (x.at(point.value), y.at(lost_share(point.flow)));
        let corners = vec![(at - 5.0, lane.bottom), (at - 5.0, top), (at + 5.0, top), (at + 5.0, lane.bottom)];
        picture.area(corners, Ink::Orange, 1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_of_one_kind_are_numbers() {
        assert_eq!(quantities(&["1", "8"]), Some(vec![1.0, 8.0]));
        assert_eq!(quantities(&["500us", "1ms"]), Some(vec![5e8, 1e9]));
        assert_eq!(quantities(&["10k/s", "1M/s"]), Some(vec![1e10, 1e12]));
        assert_eq!(quantities(&["100mbit", "1gbit"]), Some(vec![1e8, 1e9]));
        assert_eq!(quantities(&["64B", "1500"]), Some(vec![64.0, 1500.0]));
        assert_eq!(quantities(&["64", "1ms"]), None);
        assert_eq!(quantities(&["Poisson", "Steady"]), None);
    }
}
