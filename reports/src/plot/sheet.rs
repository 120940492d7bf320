//! What all pictures share: head, foot, axes, legend, target lines.

use super::{
    axis::Axis,
    font,
    picture::{Anchor, DOTTED, Dash, Frame, Ink, Label, Picture, SOLID},
};
use crate::{figures::Target, units};

pub const WIDTH: f64 = 640.0;
pub const TITLE: f64 = 15.0;
pub const SMALL: f64 = 11.5;
pub const FOOT: f64 = 10.5;
const MARGIN: f64 = 14.0;
/// Top of the first lane: below title, subtitle and the row of axis title and legend.
pub const TOP: f64 = 84.0;
/// Below the last lane: tick labels, axis title, three lines of footer.
pub const BELOW: f64 = 88.0;
/// Left of the lanes.
pub const LEFT: f64 = 58.0;
pub const RIGHT: f64 = WIDTH - 18.0;

/// The words around a figure.
#[derive(Clone, Debug, Default)]
pub struct Caption {
    /// "web: latency"
    pub title: String,
    /// "docker/outside.ron · 10k/s · one way"
    pub subtitle: String,
    /// What was measured, in one line, and under which profile, in two at most.
    pub foot: [String; 2],
}

/// One entry of a legend.
pub struct Key {
    pub text: &'static str,
    pub ink: Ink,
    pub dash: Dash,
    /// A broad pale sample, for an area.
    pub area: bool,
}

impl Key {
    pub const fn line(text: &'static str, ink: Ink, dash: Dash) -> Key {
        Key { text, ink, dash, area: false }
    }
    pub const fn area(text: &'static str, ink: Ink) -> Key {
        Key { text, ink, dash: SOLID, area: true }
    }
}

/// A sheet with head and foot, `height` pixels high.
pub fn sheet(height: f64, caption: &Caption) -> Picture {
    let mut picture = Picture::new(WIDTH, height, &caption.title);
    let room = WIDTH - 2.0 * MARGIN;
    let title = font::fit(&caption.title, TITLE, true, room);
    picture.label(Label::new((MARGIN, 26.0), title, TITLE, Ink::Text).bold());
    let subtitle = font::fit(&caption.subtitle, SMALL, false, room);
    picture.label(Label::new((MARGIN, 44.0), subtitle, SMALL, Ink::Muted));
    let [measured, profile] = &caption.foot;
    let (first, rest) = font::wrap(profile, FOOT, false, room);
    for (line, y) in [measured.as_str(), first, rest].into_iter().zip([height - 38.0, height - 23.0, height - 8.0]) {
        picture.label(Label::new((MARGIN, y), font::fit(line, FOOT, false, room), FOOT, Ink::Muted));
    }
    picture
}

/// The lane between two heights.
pub fn lane(top: f64, bottom: f64) -> Frame {
    Frame { left: LEFT, top, right: RIGHT, bottom }
}

/// The grid, tick labels and titles of lanes that share a horizontal axis; whatever is drawn after this is data. The
/// title of a vertical axis stands above its lane, where it need not be turned.
pub fn axes(picture: &mut Picture, lanes: &[(Frame, &Axis)], x: &Axis) {
    for (lane, y) in lanes {
        for tick in &x.ticks {
            let at = x.at(tick.value);
            picture.line(vec![(at, lane.top), (at, lane.bottom)], Ink::Grid, 1.0, SOLID);
        }
        for tick in &y.ticks {
            let at = y.at(tick.value);
            picture.line(vec![(lane.left, at), (lane.right, at)], Ink::Grid, 1.0, SOLID);
            let label = Label::new((lane.left - 7.0, at + SMALL * 0.36), &tick.label, SMALL, Ink::Muted);
            // A label longer than its margin is rather left out than cut.
            picture.label_if_free(label.anchor(Anchor::End));
        }
        picture.line(vec![(lane.left, lane.bottom), (lane.right, lane.bottom)], Ink::Muted, 1.0, SOLID);
        picture.label(Label::new((MARGIN, lane.top - 12.0), &y.title, SMALL, Ink::Text));
    }
    if let Some((last, _)) = lanes.last() {
        x_labels(picture, last, x);
        let middle = (last.left + last.right) / 2.0;
        let title = font::fit(&x.title, SMALL, false, last.right - last.left);
        picture.label(Label::new((middle, last.bottom + 34.0), title, SMALL, Ink::Text).anchor(Anchor::Middle));
    }
    picture.end_of_ground();
}

/// Labels that would touch are left out.
fn x_labels(picture: &mut Picture, lane: &Frame, axis: &Axis) {
    let mut free_from = f64::NEG_INFINITY;
    for tick in &axis.ticks {
        let text = font::fit(&tick.label, SMALL, false, 110.0);
        let label = Label::new((axis.at(tick.value), lane.bottom + 17.0), text, SMALL, Ink::Muted);
        let mut label = label.anchor(Anchor::Middle);
        let frame = label.frame();
        if frame.right > WIDTH - 2.0 {
            label.x -= frame.right - (WIDTH - 2.0);
        }
        if label.frame().left >= free_from && picture.label_if_free(label) {
            free_from = frame.right + 10.0;
        }
    }
}

/// Samples and words, right-aligned above a lane.
pub fn legend(picture: &mut Picture, lane: &Frame, keys: &[Key]) {
    let y = lane.top - 12.0;
    let mut right = lane.right;
    for key in keys.iter().rev() {
        let width = font::width(key.text, SMALL, false);
        picture.label(Label::new((right - width, y), key.text, SMALL, Ink::Text));
        let (from, to) = (right - width - 30.0, right - width - 6.0);
        if key.area {
            let corners = vec![(from, y - 9.0), (to, y - 9.0), (to, y), (from, y)];
            picture.area(corners, key.ink, 0.2);
        } else {
            picture.line(vec![(from, y - 4.0), (to, y - 4.0)], key.ink, 2.0, key.dash);
        }
        right = from - 14.0;
    }
}

/// "target p99 < 80 us".
pub fn target_text(target: &Target) -> String {
    let side = if target.above { '>' } else { '<' };
    format!("target p{} {side} {}", units::percentile(target.per_million), units::exact(target.limit_ps))
}

/// Those targets that are worth their place on a latency axis from `min` to `max`: one far away would squeeze the
/// data.
pub fn near(targets: &[Target], min: u64, max: u64) -> Vec<Target> {
    let near = |t: &&Target| t.limit_ps <= max.saturating_mul(20) && t.limit_ps >= min / 20;
    targets.iter().filter(near).copied().collect()
}

/// A horizontal line at each target, its words above the right end, on a scrap of paper.
pub fn target_lines(picture: &mut Picture, lane: &Frame, axis: &Axis, targets: &[Target]) {
    for target in targets.iter().filter(|t| axis.holds(t.limit_ps as f64)) {
        let y = axis.at(target.limit_ps as f64);
        picture.line(vec![(lane.left, y), (lane.right, y)], Ink::Orange, 1.5, DOTTED);
        target_label(picture, lane, (lane.left + 6.0, y), target);
    }
}

/// The words of a target, above its line if there is room, else below; the other way round if the data should be above.
pub fn target_label(picture: &mut Picture, lane: &Frame, (x, y): (f64, f64), target: &Target) {
    let above = Label::new((x, y - 5.0), target_text(target), SMALL, Ink::Orange);
    let over = (above.frame().right - lane.right).max(0.0);
    let above = Label { x: x - over, ..above };
    let below = Label { y: y + SMALL + 4.0, ..above.clone() };
    let order = if target.above { [below, above] } else { [above, below] };
    for label in order {
        let frame = label.frame();
        if frame.top > lane.top && frame.bottom < lane.bottom && picture.note(label) {
            return;
        }
    }
}

/// The words where there is nothing to draw.
pub fn nothing(picture: &mut Picture, lane: &Frame, text: &str) {
    let at = ((lane.left + lane.right) / 2.0, (lane.top + lane.bottom) / 2.0);
    picture.label(Label::new(at, text, 13.0, Ink::Muted).anchor(Anchor::Middle));
}
