//! The embedded font: Noto Sans, so that a picture is the same on a machine without any font.

use std::sync::OnceLock;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

/// What an SVG asks for: our font where it is installed, else what the system has that is alike. The embedded font is
/// registered under the same text.
pub const FAMILY: &str = "Noto Sans, Helvetica Neue, Helvetica, Arial, sans-serif";

/// Noto Sans' ascent plus descent over its em: the renderer's size is a line's height.
pub const LINE: f64 = 1.362;

/// Registers the font once a process; `false` if the embedded bytes are no font, which a test rules out.
pub fn ready() -> bool {
    static READY: OnceLock<bool> = OnceLock::new();
    *READY.get_or_init(|| {
        register_font(FAMILY, FontStyle::Normal, ttf_noto_sans::REGULAR).is_ok()
            && register_font(FAMILY, FontStyle::Bold, ttf_noto_sans::BOLD).is_ok()
    })
}

/// The font at an em size, in pixels.
pub fn desc(em: f64, bold: bool, line: f64) -> FontDesc<'static> {
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), em * line, style)
}

/// How wide `text` is at an em size, in the same pixels.
pub fn width(text: &str, em: f64, bold: bool) -> f64 {
    const FINE: f64 = 1000.0;
    ready();
    match desc(FINE, bold, LINE).layout_box(text) {
        Ok((from, to)) => f64::from(to.0 - from.0) * em / FINE,
        Err(_) => text.chars().count() as f64 * em * 0.6,
    }
}

/// `text` cut so that it is no wider than `room`, with an ellipsis if something was cut.
pub fn fit(text: &str, em: f64, bold: bool, room: f64) -> String {
    if width(text, em, bold) <= room {
        return text.to_owned();
    }
    let mut cut: Vec<char> = text.chars().collect();
    // No letter is narrower than a tenth of an em or so: cut a very long text at once.
    cut.truncate((room / em * 10.0).max(1.0) as usize);
    while !cut.is_empty() {
        cut.pop();
        let shorter: String = cut.iter().chain(&['…']).collect();
        if width(&shorter, em, bold) <= room {
            return shorter;
        }
    }
    String::new()
}

/// As many words of `text` as are no wider than `room`, at least one, and the rest.
pub fn wrap(text: &str, em: f64, bold: bool, room: f64) -> (&str, &str) {
    let mut at = text.len();
    while width(&text[..at], em, bold) > room {
        let Some(space) = text[..at].rfind(' ') else { break };
        at = space;
    }
    (&text[..at], text[at..].trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_font_is_a_font_and_measures() {
        assert!(ready());
        let (regular, bold) = (width("latency", 12.0, false), width("latency", 12.0, true));
        assert!((35.0..45.0).contains(&regular), "{regular}");
        assert!(bold > regular);
        assert!(width("iiii", 12.0, false) < width("MMMM", 12.0, false));
    }

    #[test]
    fn lines_break_at_words() {
        assert_eq!(wrap("short", 12.0, false, 100.0), ("short", ""));
        assert_eq!(wrap("unbreakable", 12.0, false, 1.0), ("unbreakable", ""));
        let (first, rest) = wrap("some words and others", 12.0, false, 70.0);
        assert!(width(first, 12.0, false) <= 70.0 && !first.is_empty() && rest.ends_with("others"), "{first}|{rest}");
        assert_eq!(format!("{first} {rest}"), "some words and others");
    }

    #[test]
    fn long_text_is_cut() {
        let cut = fit(&"wide ".repeat(1000), 12.0, false, 100.0);
        assert!(cut.ends_with('…') && width(&cut, 12.0, false) <= 100.0 && cut.len() > 10);
        assert_eq!(fit("short", 12.0, false, 100.0), "short");
        assert_eq!(fit("short", 12.0, false, 0.0), "");
    }
}
