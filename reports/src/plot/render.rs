//! From marks to files, by plotters' two backends.

use std::{fmt, io};

use plotters::{
    backend::{BitMapBackend, DrawingBackend},
    prelude::SVGBackend,
    style::{
        Color, RGBAColor, RGBColor, ShapeStyle, TextStyle,
        text_anchor::{HPos, Pos, VPos},
    },
};

use super::{
    font,
    picture::{Anchor, Dash, Ink, Label, Mark, Picture},
};

/// Backend pixels a logical pixel: plotters' coordinates are whole numbers, and quarters of a pixel are fine enough.
const FINE: f64 = 4.0;

/// Why a picture could not be drawn or written.
#[derive(Debug)]
pub struct DrawError(String);

impl fmt::Display for DrawError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for DrawError {}

fn failed(error: impl fmt::Display) -> DrawError {
    DrawError(error.to_string())
}

/// A picture as SVG text, with its title and description for those who cannot see it.
pub fn svg(picture: &Picture) -> Result<String, DrawError> {
    let size = backend_size(picture);
    let mut text = String::new();
    {
        let mut back = SVGBackend::with_string(&mut text, size);
        Pen { back: &mut back, line: 1.24, raster: false }.draw(picture)?;
        back.present().map_err(failed)?;
    }
    let Some((_, body)) = text.split_once('\n') else { return Err(failed("an empty picture")) };
    let escape = crate::escape::xml;
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" \
         font-family=\"{}\" role=\"img\" aria-label=\"{}\">\n<title>{}</title>\n<desc>{}</desc>\n{}",
        picture.width,
        picture.height,
        size.0,
        size.1,
        font::FAMILY,
        escape(&picture.title),
        escape(&picture.title),
        escape(&picture.description),
        compact(body),
    ))
}

/// plotters' SVG with less of the same: strokes of one dashed line as one path, the font named once, no opacity of 1,
/// and no line end within a text, which viewers show as a space.
fn compact(body: &str) -> String {
    let family = format!(" font-family=\"{}\"", font::FAMILY);
    let body = body.replace("\n</text>", "</text>").replace(" \"/>", "\"/>").replace(&family, "");
    let mut text = String::with_capacity(body.len());
    let mut open = None;
    for line in body.replace(" opacity=\"1\"", "").lines() {
        let stroke = line.strip_prefix("<polyline ").and_then(|l| l.strip_suffix("\"/>")?.split_once("points=\""));
        if let Some((style, points)) = stroke {
            if open != Some(style.to_owned()) {
                text.push_str(if open.is_some() { "\"/>\n" } else { "" });
                text.push_str(&format!("<path {style}d=\""));
                open = Some(style.to_owned());
            }
            text.push('M');
            text.push_str(points);
        } else {
            text.push_str(if open.take().is_some() { "\"/>\n" } else { "" });
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Writes a picture as PNG.
pub fn png(picture: &Picture, to: &mut dyn io::Write) -> Result<(), DrawError> {
    let (width, height) = backend_size(picture);
    let mut pixels = vec![0u8; width as usize * height as usize * 3];
    {
        let mut back = BitMapBackend::with_buffer(&mut pixels, (width, height));
        Pen { back: &mut back, line: font::LINE, raster: true }.draw(picture)?;
        back.present().map_err(failed)?;
    }
    let mut encoder = png::Encoder::new(to, width / 2, height / 2);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Default);
    // Flat areas: prediction would only spoil their repetition.
    encoder.set_filter(png::FilterType::NoFilter);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(&halved(&pixels, width as usize)).map_err(failed)?;
    writer.finish().map_err(failed)
}

/// Even, since a PNG has half of it.
fn backend_size(picture: &Picture) -> (u32, u32) {
    let side = |s: f64| ((s * FINE) as u32).next_multiple_of(2);
    (side(picture.width), side(picture.height))
}

/// The means of squares of four pixels: plotters' bitmap lines have hard edges, so a PNG is drawn too large.
fn halved(pixels: &[u8], width: usize) -> Vec<u8> {
    let mut small = vec![0; pixels.len() / 4];
    for (row, two) in small.chunks_exact_mut(width / 2 * 3).zip(pixels.chunks_exact(width * 6)) {
        let (upper, lower) = two.split_at(width * 3);
        let squares = upper.chunks_exact(6).zip(lower.chunks_exact(6));
        for (pixel, (a, b)) in row.chunks_exact_mut(3).zip(squares) {
            let mean = |i: usize| {
                ((u16::from(a[i]) + u16::from(a[i + 3]) + u16::from(b[i]) + u16::from(b[i + 3]) + 2) / 4) as u8
            };
            pixel.copy_from_slice(&[mean(0), mean(1), mean(2)]);
        }
    }
    small
}

struct Pen<'b, B: DrawingBackend> {
    back: &'b mut B,
    /// The backend's text size over the em size.
    line: f64,
    /// Whether wide lines are drawn segment by segment: plotters' own outline of a bent wide line crosses itself, and
    /// its fill then leaves holes.
    raster: bool,
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    // Rounded half up by floor, which every machine does alike; far outside the sheet is far enough.
    let whole = |v: f64| (v * FINE + 0.5).floor().clamp(-1e6, 1e6) as i32;
    (whole(x), whole(y))
}

fn rgb(ink: Ink) -> RGBColor {
    let (r, g, b) = ink.rgb();
    RGBColor(r, g, b)
}

impl<B: DrawingBackend> Pen<'_, B> {
    fn draw(&mut self, picture: &Picture) -> Result<(), DrawError> {
        picture.marks.iter().try_for_each(|mark| match mark {
            Mark::Rect { from, to, ink } => {
                self.back.draw_rect(pixel(*from), pixel(*to), &rgb(*ink), true).map_err(failed)
            }
            Mark::Area { points, ink, alpha } => self.area(points, rgb(*ink).mix(*alpha)),
            Mark::Line { points, ink, width, dash } => self.line(points, *ink, *width, dash),
            Mark::Dot { at, radius, ink } => {
                let radius = (radius * FINE + 0.5) as u32;
                self.back.draw_circle(pixel(*at), radius, &rgb(*ink), true).map_err(failed)
            }
            Mark::Label(label) => self.label(label),
        })
    }

    fn area(&mut self, points: &[(f64, f64)], color: RGBAColor) -> Result<(), DrawError> {
        let mut corners: Vec<(i32, i32)> = points.iter().map(|p| pixel(*p)).collect();
        corners.dedup();
        if corners.len() < 3 {
            return Ok(());
        }
        self.back.fill_polygon(corners, &color).map_err(failed)
    }

    fn line(&mut self, points: &[(f64, f64)], ink: Ink, width: f64, dash: Dash) -> Result<(), DrawError> {
        dashes(points, dash).iter().try_for_each(|stroke| self.stroke(stroke, ink, width))
    }

    fn stroke(&mut self, points: &[(f64, f64)], ink: Ink, width: f64) -> Result<(), DrawError> {
        let path = straightened(points);
        let stroke_width = ((width * FINE + 0.5) as u32).max(1);
        let style: ShapeStyle = rgb(ink).stroke_width(stroke_width);
        if !self.raster || stroke_width == 1 {
            return if path.len() > 1 { self.back.draw_path(path, &style).map_err(failed) } else { Ok(()) };
        }
        for ends in path.windows(2) {
            self.segment(ends[0], ends[1], stroke_width, rgb(ink))?;
        }
        let joints = path.get(1..path.len().saturating_sub(1)).unwrap_or_default();
        let radius = stroke_width / 2;
        joints.iter().try_for_each(|at| self.back.draw_circle(*at, radius, &rgb(ink), true).map_err(failed))
    }

    /// A rectangle of the line's width around one straight piece.
    fn segment(&mut self, a: (i32, i32), b: (i32, i32), width: u32, color: RGBColor) -> Result<(), DrawError> {
        let half = f64::from(width) / 2.0;
        let (dx, dy) = (f64::from(b.0 - a.0), f64::from(b.1 - a.1));
        let length = (dx * dx + dy * dy).sqrt();
        if length < 0.5 {
            return Ok(());
        }
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let corner = |p: (i32, i32), s: f64| {
            ((f64::from(p.0) + s * nx).round() as i32, (f64::from(p.1) + s * ny).round() as i32)
        };
        let corners = [corner(a, 1.0), corner(b, 1.0), corner(b, -1.0), corner(a, -1.0)];
        self.back.fill_polygon(corners, &color).map_err(failed)
    }

    fn label(&mut self, label: &Label) -> Result<(), DrawError> {
        if !font::ready() {
            return Err(failed("the embedded font does not load"));
        }
        let em = label.size * FINE;
        // Both backends are asked to hang the text from its top, since there the base line is at a known distance.
        let drop = if self.raster { em * self.line / 2.0 } else { em * 0.76 };
        let (x, y) = (label.x * FINE, label.y * FINE - drop);
        let h_pos = match label.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let color = rgb(label.ink);
        let style =
            TextStyle::from(font::desc(em, label.bold, self.line)).color(&color).pos(Pos::new(h_pos, VPos::Top));
        let at = ((x + 0.5).floor() as i32, (y + 0.5).floor() as i32);
        self.back.draw_text(&label.text, &style, at).map_err(failed)
    }
}

/// Backend points of a line without repetitions and without points in the middle of a straight run.
fn straightened(points: &[(f64, f64)]) -> Vec<(i32, i32)> {
    let mut path: Vec<(i32, i32)> = Vec::with_capacity(points.len());
    for at in points.iter().map(|p| pixel(*p)) {
        if path.last() == Some(&at) {
            continue;
        }
        if let [.., a, b] = path[..] {
            let (ux, uy) = (i64::from(b.0 - a.0), i64::from(b.1 - a.1));
            let (vx, vy) = (i64::from(at.0 - b.0), i64::from(at.1 - b.1));
            if ux * vy == uy * vx && ux * vx + uy * vy > 0 {
                path.pop();
            }
        }
        path.push(at);
    }
    path
}

/// Cuts a line into its strokes.
fn dashes(points: &[(f64, f64)], dash: Dash) -> Vec<Vec<(f64, f64)>> {
    if dash.is_empty() {
        return vec![points.to_vec()];
    }
    let mut strokes = Vec::new();
    let mut stroke: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut turn, mut left) = (0usize, dash[0]);
    for ends in points.windows(2) {
        let (mut a, b) = (ends[0], ends[1]);
        loop {
            let (dx, dy) = (b.0 - a.0, b.1 - a.1);
            let length = (dx * dx + dy * dy).sqrt();
            if length <= left {
                left -= length;
                stroke.push(b);
                break;
            }
            let cut = (a.0 + dx / length * left, a.1 + dy / length * left);
            stroke.push(cut);
            if turn.is_multiple_of(2) {
                strokes.push(std::mem::take(&mut stroke));
            }
            stroke = vec![cut];
            a = cut;
            turn += 1;
            left = dash[turn % dash.len()];
        }
    }
    if turn.is_multiple_of(2) {
        strokes.push(stroke);
    }
    strokes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::picture::{DASHED, SOLID};

    #[test]
    fn straight_runs_lose_their_middle() {
        let line = [(0.0, 0.0), (1.0, 0.0), (1.0, 0.0), (2.0, 0.0), (2.0, 5.0), (2.0, 2.0)];
        assert_eq!(straightened(&line), [(0, 0), (8, 0), (8, 20), (8, 8)]);
    }

    #[test]
    fn dashes_follow_bends() {
        let strokes = dashes(&[(0.0, 0.0), (4.0, 0.0), (4.0, 10.0)], DASHED);
        assert_eq!(strokes, [vec![(0.0, 0.0), (4.0, 0.0), (4.0, 2.0)], vec![(4.0, 6.0), (4.0, 10.0)]]);
        assert_eq!(dashes(&[(0.0, 0.0), (9.0, 0.0)], SOLID).len(), 1);
    }

    #[test]
    fn strokes_of_one_line_are_one_path() {
        let mut picture = Picture::new(100.0, 50.0, "");
        picture.line(vec![(0.0, 0.0), (30.0, 0.0)], Ink::Blue, 1.0, DASHED);
        picture.line(vec![(0.0, 0.0), (30.0, 0.0)], Ink::Orange, 1.0, SOLID);
        let text = svg(&picture).unwrap();
        assert_eq!(text.matches("<path ").count(), 2, "{text}");
        assert!(
            text.contains("stroke=\"#0072B2\" stroke-width=\"4\" d=\"M0,0 24,0M40,0 64,0M80,0 104,0\"/>"),
            "{text}"
        );
        assert!(text.ends_with("d=\"M0,0 120,0\"/>\n</svg>\n"), "{text}");
    }

    #[test]
    fn svg_is_well_formed_and_escaped() {
        let mut picture = Picture::new(100.0, 50.0, "a < b & \"c\"");
        picture.label(Label::new((5.0, 20.0), "<script>\u{1}", 10.0, Ink::Text).bold());
        let text = svg(&picture).unwrap();
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"), "{text}");
        assert!(
            text.contains("a &lt; b &amp; &quot;c&quot;") && text.contains("&lt;script&gt;\u{FFFD}</text>"),
            "{text}"
        );
        assert!(!text.contains("<script"));
    }
}
