//! A picture as a list of marks in logical pixels: laid out once, rendered to SVG and PNG, and open to tests, which
//! ask it for labels that overlap or leave the sheet.

use super::font;

/// The colours of a picture. The page gives each another value on a dark ground, so nothing else may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Paper,
    Text,
    Muted,
    Grid,
    Blue,
    Orange,
}

impl Ink {
    /// On white. Blue and orange are told apart by every kind of colour vision; dashes tell them apart without colour.
    pub const fn rgb(self) -> (u8, u8, u8) {
        match self {
            Ink::Paper => (0xFF, 0xFF, 0xFF),
            Ink::Text => (0x1B, 0x1F, 0x24),
            Ink::Muted => (0x5A, 0x63, 0x70),
            Ink::Grid => (0xE2, 0xE6, 0xEA),
            Ink::Blue => (0x00, 0x72, 0xB2),
            Ink::Orange => (0xD5, 0x5E, 0x00),
        }
    }
}

/// Which side of its text a label's position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// Lengths of strokes and gaps in turn, logical pixels; empty is a solid line.
pub type Dash = &'static [f64];
pub const SOLID: Dash = &[];
pub const DASHED: Dash = &[6.0, 4.0];
pub const DOTTED: Dash = &[1.5, 3.5];

#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    pub x: f64,
    /// The base line.
    pub y: f64,
    pub text: String,
    /// Em size.
    pub size: f64,
    pub ink: Ink,
    pub bold: bool,
    pub anchor: Anchor,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Mark {
    Rect { from: (f64, f64), to: (f64, f64), ink: Ink },
    Area { points: Vec<(f64, f64)>, ink: Ink, alpha: f64 },
    Line { points: Vec<(f64, f64)>, ink: Ink, width: f64, dash: Dash },
    Dot { at: (f64, f64), radius: f64, ink: Ink },
    Label(Label),
}

/// One figure.
#[derive(Clone, Debug)]
pub struct Picture {
    pub width: f64,
    pub height: f64,
    pub title: String,
    /// What a person who cannot see it should be told, one sentence.
    pub description: String,
    pub marks: Vec<Mark>,
    /// How many of the marks lie under the data: paper, grid.
    ground: usize,
}

/// An upright rectangle: left, top, right, bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Frame {
    pub fn overlaps(&self, other: &Frame) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }
}

impl Label {
    pub fn new(at: (f64, f64), text: impl Into<String>, size: f64, ink: Ink) -> Label {
        let text = crate::units::printable(&text.into());
        Label { x: at.0, y: at.1, text, size, ink, bold: false, anchor: Anchor::Start }
    }
    pub fn anchor(self, anchor: Anchor) -> Label {
        Label { anchor, ..self }
    }
    pub fn bold(self) -> Label {
        Label { bold: true, ..self }
    }
    /// The room it takes.
    pub fn frame(&self) -> Frame {
        let width = font::width(&self.text, self.size, self.bold);
        let back = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let left = self.x - back;
        Frame { left, right: left + width, top: self.y - self.size * 0.76, bottom: self.y + self.size * 0.24 }
    }
}

impl Picture {
    pub fn new(width: f64, height: f64, title: &str) -> Picture {
        let paper = Mark::Rect { from: (0.0, 0.0), to: (width, height), ink: Ink::Paper };
        Picture { width, height, title: title.to_owned(), description: String::new(), marks: vec![paper], ground: 1 }
    }
    pub fn label(&mut self, label: Label) {
        self.marks.push(Mark::Label(label));
    }
    /// From here on marks are data. What is put under a label later lies on the grid and under all data.
    pub fn end_of_ground(&mut self) {
        self.ground = self.marks.len();
    }
    /// Adds the label only where it stays on the sheet and covers no other label, and takes the grid away under it.
    pub fn note(&mut self, label: Label) -> bool {
        let frame = label.frame();
        let free = self.label_if_free(label);
        if free {
            let (from, to) = ((frame.left - 2.0, frame.top - 1.0), (frame.right + 2.0, frame.bottom + 1.0));
            self.marks.insert(self.ground, Mark::Rect { from, to, ink: Ink::Paper });
            self.ground += 1;
        }
        free
    }
    /// Adds the label only where it stays on the sheet and covers no other label.
    pub fn label_if_free(&mut self, label: Label) -> bool {
        let frame = label.frame();
        let inside = frame.left >= 0.0 && frame.right <= self.width && frame.top >= 0.0 && frame.bottom <= self.height;
        let free = inside && self.labels().all(|other| !other.frame().overlaps(&frame));
        if free {
            self.label(label);
        }
        free
    }
    pub fn line(&mut self, points: Vec<(f64, f64)>, ink: Ink, width: f64, dash: Dash) {
        if points.len() > 1 {
            self.marks.push(Mark::Line { points, ink, width, dash });
        }
    }
    pub fn dot(&mut self, at: (f64, f64), radius: f64, ink: Ink) {
        self.marks.push(Mark::Dot { at, radius, ink });
    }
    pub fn area(&mut self, points: Vec<(f64, f64)>, ink: Ink, alpha: f64) {
        if points.len() > 2 {
            self.marks.push(Mark::Area { points, ink, alpha });
        }
    }
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.marks.iter().filter_map(|m| if let Mark::Label(label) = m { Some(label) } else { None })
    }
    /// Pairs of labels that overlap, and labels that leave the sheet (paired with nothing): none in a good picture.
    pub fn collisions(&self) -> Vec<(String, String)> {
        let labels: Vec<(&Label, Frame)> = self.labels().map(|l| (l, l.frame())).collect();
        let mut found = Vec::new();
        for (i, (label, frame)) in labels.iter().enumerate() {
            let outside = frame.left < 0.0 || frame.right > self.width || frame.top < 0.0 || frame.bottom > self.height;
            if outside {
                found.push((label.text.clone(), String::new()));
            }
            for (other, other_frame) in &labels[i + 1..] {
                if frame.overlaps(other_frame) {
                    found.push((label.text.clone(), other.text.clone()));
                }
            }
        }
        found
    }
}
