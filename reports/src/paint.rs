//! Colour on terminals, and only there.

use anstyle::{AnsiColor, Style};

/// How to write what stands out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    Plain,
    Ansi,
}

impl Paint {
    /// Colour on a terminal, unless NO_COLOR (no-color.org) or a terminal without any says otherwise.
    pub fn for_terminal(is_terminal: bool) -> Paint {
        let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
        if is_terminal && !set("NO_COLOR") && !dumb { Paint::Ansi } else { Paint::Plain }
    }
    pub fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }
    pub fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }
    pub fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }
    pub fn dim(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }
    fn with(self, style: Style, text: &str) -> String {
        match self {
            Paint::Plain => text.to_owned(),
            Paint::Ansi => format!("{style}{text}{style:#}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_plain_and_a_pipe_is_plain() {
        assert_eq!(Paint::Plain.bad("x"), "x");
        assert_eq!(Paint::Ansi.strong("x"), "\u{1b}[1mx\u{1b}[0m");
        assert_eq!(Paint::for_terminal(false), Paint::Plain);
    }
}
