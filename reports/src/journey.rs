//! The life of one packet on a terminal: a rail down the page that breaks where other tables begin to count.
//!
//! `?` a table was asked and this entry answered · `≈` the packet was changed · `~` a cable · `✖` the end.

use scenarios::outcome::{Hop, Journey, JourneyHead, Row};

use crate::{paint::Paint, units};

mod cures;

pub use cures::render as cures;

/// No line is longer, in characters.
pub const WIDTH: usize = 150;
/// Room of a function's name.
const NAME: usize = 20;
/// Least room of a time, and of a cost with a space behind it.
const AT: usize = 9;
const COST: usize = 7;

/// The walk as text, each line ended. Unless `all`, a dropped packet's way before its last host is one remark.
pub fn render(journey: &Journey, all: bool, paint: Paint) -> String {
    let (skipped, rows) = if all { (&[][..], &journey.rows[..]) } else { split(journey) };
    let at = rows.iter().map(|r| time(times(r).0).chars().count() + 1).fold(AT, usize::max);
    let cost = rows.iter().map(|r| cost(times(r).1).chars().count() + 2).fold(COST, usize::max);
    let mut page = Page { text: String::new(), at, cost, paint };
    page.head(&journey.head);
    page.columns(rows, skipped);
    let mut rows = rows.iter().skip(usize::from(matches!(rows.first(), Some(Row::Host { .. })))).peekable();
    while let Some(row) = rows.next() {
        match row {
            // What a function asked or changed stands beside it if it has nothing else to say.
            Row::Hop(hop) if hop.text.is_empty() => {
                let beside = rows.next_if(|r| matches!(r, Row::Ask { .. } | Row::Rewrite { .. }));
                page.hop(hop, beside);
            }
            Row::Hop(hop) => page.hop(hop, None),
            other => page.row(other),
        }
    }
    for (label, text) in &journey.notes {
        page.note(label, text);
    }
    page.text
}

/// The rows of a dropped packet before its last host, and the rest.
fn split(journey: &Journey) -> (&[Row], &[Row]) {
    let dropped = journey.head.verdict.starts_with("DROPPED");
    let last = journey.rows.iter().rposition(|r| matches!(r, Row::Host { .. }));
    journey.rows.split_at(if dropped { last.unwrap_or(0) } else { 0 })
}

/// Time and cost of a row, zeros where it has none.
fn times(row: &Row) -> (u64, u64) {
    match row {
        Row::Hop(hop) => (hop.at_ps, hop.cost_ps),
        Row::Wire { at_ps, cost_ps, .. } => (*at_ps, *cost_ps),
        Row::Drop { at_ps, .. } => (*at_ps, 0),
        _ => (0, 0),
    }
}

/// Microseconds with two digits after the point.
fn time(ps: u64) -> String {
    units::fixed(ps, units::Unit::Us.ps(), 2)
}

/// The same without a zero before the point, as costs are written.
fn cost(ps: u64) -> String {
    let text = time(ps);
    text.strip_prefix('0').unwrap_or(&text).to_owned()
}

struct Page {
    text: String,
    /// Room of a time, and of a cost with a space behind it.
    at: usize,
    cost: usize,
    paint: Paint,
}

/// One line before it is laid out.
#[derive(Default)]
struct Line<'a> {
    at: String,
    cost: String,
    rail: &'a str,
    name: &'a str,
    text: String,
    place: Option<&'a str>,
}

impl Page {
    fn put(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn head(&mut self, head: &JourneyHead) {
        let (packet, place) = (units::fit(&head.packet, WIDTH), units::printable(&head.place));
        let shown = units::fit(&head.verdict, 60);
        let verdict = if shown.starts_with("DROPPED") { self.paint.bad(&shown) } else { self.paint.good(&shown) };
        let parts = [("work", head.work_ps), ("wait", head.wait_ps), ("wire", head.wire_ps)];
        let parts: Vec<String> = parts.iter().map(|(name, ps)| format!("{name} {}", time(*ps))).collect();
        let took = format!("{} us = {}", time(head.total_ps), parts.join(" + "));
        let width = |text: &str| text.chars().count();
        let rest = width(&shown) + 2 + width(&place) + 5 + width(&took);
        if width(&packet) + 5 + rest <= WIDTH {
            self.put(&format!("{}     {verdict}  {place}     {took}", self.paint.strong(&packet)));
        } else if rest <= WIDTH {
            self.put(&self.paint.strong(&packet));
            self.put(&format!("{verdict}  {place}     {took}"));
        } else {
            self.put(&self.paint.strong(&packet));
            self.put(&format!("{verdict}  {}", units::fit(&place, WIDTH - width(&shown) - 2)));
            self.put(&took);
        }
    }

    /// The heads of the columns, with where the walk begins.
    fn columns(&mut self, rows: &[Row], skipped: &[Row]) {
        let begin = match rows.first() {
            Some(Row::Host { host, cpu, context, tables }) => {
                format!("host {host}, cpu {cpu}, {context} · tables of {tables}")
            }
            Some(Row::Hop(hop)) => format!("tables of {}", hop.tables),
            _ => String::new(),
        };
        let mut before: Vec<&str> = Vec::new();
        for row in skipped {
            if let Row::Host { host, .. } = row
                && !before.contains(&host.as_str())
            {
                before.push(host);
            }
        }
        let stages = skipped.iter().filter(|r| matches!(r, Row::Hop(_))).count();
        let remark = if skipped.is_empty() {
            String::new()
        } else {
            format!("     ({}: {}, --all shows them)", before.join(", "), units::count(stages, "stage", "stages"))
        };
        let (at, cost) = (self.at, self.cost - 1);
        let room = WIDTH - at - cost - 3;
        let text = units::fit(&format!("{begin}{remark}"), room);
        self.put(&self.paint.dim(&format!("{:>at$}{:>cost$} ┃ {text}", "at us", "cost")));
    }

    fn hop(&mut self, hop: &Hop, beside: Option<&Row>) {
        let (text, place) = match beside {
            Some(Row::Ask { text, place }) => (format!("? {text}"), place.as_deref().or(hop.place.as_deref())),
            Some(Row::Rewrite { what, text }) => (format!("≈ {what} {text}"), hop.place.as_deref()),
            _ => (hop.text.clone(), hop.place.as_deref()),
        };
        let (at, cost) = (time(hop.at_ps), cost(hop.cost_ps));
        self.line(Line { at, cost, rail: "┃", name: &hop.name, text, place });
    }

    fn row(&mut self, row: &Row) {
        match row {
            Row::Hop(hop) => self.hop(hop, None),
            Row::Ask { text, place } => {
                self.line(Line { rail: "┃", text: format!("? {text}"), place: place.as_deref(), ..Line::default() });
            }
            Row::Rewrite { what, text } => {
                let name = format!("≈ {what}");
                self.line(Line { rail: "┃", name: &name, text: text.clone(), ..Line::default() });
            }
            Row::Note { name, text, place } => {
                let text = text.clone();
                self.line(Line { rail: "┃", name, text, place: place.as_deref(), ..Line::default() });
            }
            Row::Switch { from, to, text } => {
                self.cut(&[&format!("{from} ⇒ {to}"), text, &format!("tables of {to}")]);
            }
            Row::Host { host, cpu, context, tables } => {
                self.cut(&[&format!("host {host}, cpu {cpu}, {context}"), &format!("tables of {tables}")]);
            }
            Row::Wire { at_ps, cost_ps, from, to, text, place } => {
                let text = format!("wire {from} to {to}     {text}");
                let (at, cost) = (time(*at_ps), cost(*cost_ps));
                self.line(Line { at, cost, rail: "~", name: "", text, place: place.as_deref() });
            }
            Row::Drop { at_ps, reason, text, place } => {
                let (at, text) = (time(*at_ps), text.clone());
                self.line(Line { at, rail: "✖", name: reason, text, place: place.as_deref(), ..Line::default() });
            }
        }
    }

    /// The rail breaks: other tables count from here.
    fn cut(&mut self, parts: &[&str]) {
        let parts: Vec<String> = parts.iter().filter(|p| !p.is_empty()).map(|p| units::printable(p)).collect();
        let text = units::fit(&parts.join(" ══ "), WIDTH - self.at - self.cost - 5);
        let mut line = format!("{}╋═ {text} ", "═".repeat(self.at + self.cost));
        while line.chars().count() < WIDTH {
            line.push('═');
        }
        self.put(&self.paint.dim(&line));
    }

    fn line(&mut self, line: Line) {
        let (at, cost) = (self.at, self.cost - 1);
        // Of the rail's neighbour on the right.
        let left = at + cost + 3;
        let place = line.place.map(|p| units::fit(p, 40)).unwrap_or_default();
        let name = units::fit(line.name, 40);
        // The text begins behind the name; a wire has no name and begins at once.
        let begin = left + if line.rail == "~" { 0 } else { NAME };
        let name_over = name.chars().count().saturating_sub(NAME - 1);
        let room = WIDTH - begin - name_over - if place.is_empty() { 0 } else { place.chars().count() + 2 };
        let mut texts = wrap(&units::printable(&line.text), room).into_iter();
        let first = texts.next().unwrap_or_default();
        let name = if line.rail == "~" { String::new() } else { format!("{name:<width$} ", width = NAME - 1) };
        let rail = if line.rail == "✖" { self.paint.bad(line.rail) } else { line.rail.to_owned() };
        let shown = if line.rail == "✖" { self.paint.bad(&name) } else { name.clone() };
        let used = left + name.chars().count() + first.chars().count();
        let gap = " ".repeat(WIDTH.saturating_sub(used + place.chars().count()));
        let place = if place.is_empty() { place } else { format!("{gap}{}", self.paint.dim(&place)) };
        self.put(&format!("{:>at$}{:>cost$} {rail} {shown}{first}{place}", line.at, line.cost));
        let indent = begin - left + name_over;
        for text in texts {
            self.put(&format!("{:width$}┃ {:indent$}{text}", "", "", width = left - 2));
        }
    }

    /// " why     A strict host takes …", wrapped under itself.
    fn note(&mut self, label: &str, text: &str) {
        let label = format!(" {:<7} ", units::fit(label, 40));
        let indent = label.chars().count();
        for (i, line) in wrap(&units::printable(text), WIDTH - indent).iter().enumerate() {
            let head = if i == 0 { self.paint.strong(&label) } else { " ".repeat(indent) };
            self.put(&format!("{head}{line}"));
        }
    }
}

/// `text` in lines of at most `room` characters, broken between words, or within one that is longer than a line.
fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(10);
    if text.chars().count() <= room {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    let mut length = 0;
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        if length > 0 && length + 1 + word.len() > room {
            lines.push(String::new());
            length = 0;
        }
        while word.len() > room {
            let rest = word.split_off(room);
            let full: String = std::mem::replace(&mut word, rest).into_iter().collect();
            if let Some(line) = lines.last_mut() {
                line.push_str(&full);
            }
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if length > 0 {
                line.push(' ');
                length += 1;
            }
            length += word.len();
            line.extend(word);
        }
    }
    lines
}

#[cfg(test)]
mod tests;
