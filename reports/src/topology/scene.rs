//! A drawing as items in logical pixels, and their SVG. An item that has something to say takes the focus.

use std::fmt::Write;

use crate::{
    escape::xml,
    plot::{
        font,
        picture::{Anchor, Dash, Frame, Ink, Label},
    },
};

/// All of a drawing.
#[derive(Debug, Default)]
pub struct Scene {
    pub width: f64,
    pub height: f64,
    pub title: String,
    /// For those who cannot see it, one sentence.
    pub description: String,
    pub items: Vec<Item>,
}

/// Shapes that belong together, and what is told of them.
#[derive(Debug, Default)]
pub struct Item {
    /// "h1/c1/eth0"; empty for what is only ground.
    pub name: String,
    /// Lines of text that hovering or focus shows.
    pub detail: String,
    pub shapes: Vec<Shape>,
}

#[derive(Debug)]
pub enum Shape {
    Box {
        frame: Frame,
        line: Ink,
        fill: Ink,
        radius: f64,
        width: f64,
    },
    Line {
        points: Vec<(f64, f64)>,
        ink: Ink,
        width: f64,
        dash: Dash,
    },
    /// A port: a full disc if frames can pass, else a ring.
    Dot {
        at: (f64, f64),
        radius: f64,
        ink: Ink,
        full: bool,
    },
    Text(Label),
}

impl Item {
    pub fn ground(shapes: Vec<Shape>) -> Item {
        Item { shapes, ..Item::default() }
    }
}

/// Two digits after the point at most: the same on every machine, and short.
fn n(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn hex(ink: Ink) -> String {
    let (r, g, b) = ink.rgb();
    format!("#{r:02X}{g:02X}{b:02X}")
}

impl Scene {
    /// All texts, for tests that look for overlaps.
    pub fn labels(&self) -> impl Iterator<Item = &Label> {
        self.items.iter().flat_map(|i| &i.shapes).filter_map(|s| match s {
            Shape::Text(label) => Some(label),
            _ => None,
        })
    }

    /// The SVG, the same bytes every time.
    pub fn svg(&self) -> String {
        let mut out = String::new();
        let _ = write!(
            out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"topology\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"{}\" role=\"group\" aria-label=\"{}\">\n<desc>{}</desc>\n\
             <rect width=\"{w}\" height=\"{h}\" fill=\"{}\"/>\n",
            font::FAMILY,
            xml(&self.title),
            xml(&self.description),
            hex(Ink::Paper),
            w = n(self.width),
            h = n(self.height),
        );
        for item in &self.items {
            if item.name.is_empty() {
                out.push_str("<g>");
            } else {
                let (name, detail) = (xml(&item.name), xml(&item.detail));
                let _ = write!(
                    out,
                    "<g class=\"item\" tabindex=\"0\" role=\"img\" aria-label=\"{name}\"><title>{detail}</title>"
                );
            }
            item.shapes.iter().for_each(|s| s.write(&mut out));
            out.push_str("</g>\n");
        }
        out.push_str("</svg>\n");
        out
    }
}

impl Shape {
    fn write(&self, out: &mut String) {
        // Writing to a String cannot fail.
        let _ = match self {
            Shape::Box { frame: f, line, fill, radius, width } => write!(
                out,
                "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"{}\" fill=\"{}\" stroke=\"{}\" \
                 stroke-width=\"{}\"/>",
                n(f.left),
                n(f.top),
                n(f.right - f.left),
                n(f.bottom - f.top),
                n(*radius),
                hex(*fill),
                hex(*line),
                n(*width)
            ),
            Shape::Line { points, ink, width, dash } => {
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{},{}", n(*x), n(*y))).collect();
                let dash: Vec<String> = dash.iter().map(|d| n(*d)).collect();
                let dash =
                    if dash.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dash.join(" ")) };
                write!(
                    out,
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{}\" \
                     stroke-linejoin=\"round\"{dash}/>",
                    points.join(" "),
                    hex(*ink),
                    n(*width)
                )
            }
            Shape::Dot { at, radius, ink, full } => {
                let fill = if *full { *ink } else { Ink::Paper };
                write!(
                    out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"1.5\"/>",
                    n(at.0),
                    n(at.1),
                    n(*radius),
                    hex(fill),
                    hex(*ink)
                )
            }
            Shape::Text(label) => {
                let anchor = match label.anchor {
                    Anchor::Start => "",
                    Anchor::Middle => " text-anchor=\"middle\"",
                    Anchor::End => " text-anchor=\"end\"",
                };
                let bold = if label.bold { " font-weight=\"bold\"" } else { "" };
                write!(
                    out,
                    "<text x=\"{}\" y=\"{}\" font-size=\"{}\" fill=\"{}\"{bold}{anchor}>{}</text>",
                    n(label.x),
                    n(label.y),
                    n(label.size),
                    hex(label.ink),
                    xml(&label.text)
                )
            }
        };
    }
}
