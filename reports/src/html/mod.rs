//! The report page: one file that needs no network, no script and no colour to be read. Verdicts first, then numbers,
//! then pictures, then what is needed to run it again.

mod followed;
mod point;
mod tables;

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    escape::xml,
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, Status},
    plot::sweep,
    report::{Stem, curve_stem, topology_stem},
    units, version,
};

/// The pictures that were drawn, by the names of their files; with each its SVG if it stands in the page itself.
pub type Pictures = BTreeMap<Stem, Option<String>>;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// The page, with pictures in place or linked.
pub fn page(figures: &Figures, pictures: &Pictures) -> String {
    let mut html = String::new();
    // Nothing but what stands in this very file may be loaded.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#scenarios\">Skip to the scenarios</a>\n",
        xml(&title(figures))
    );
    head(&mut html, figures);
    html.push_str("<main>\n");
    verdicts(&mut html, figures);
    html.push_str("<div id=\"scenarios\">\n");
    let alone = figures.points() == 1;
    for (order, scenario) in figures.scenarios.iter().enumerate() {
        scenario_card(&mut html, order, scenario, pictures, alone);
    }
    html.push_str("</div>\n</main>\n");
    let _ = write!(
        html,
        "<footer><p>Written by {}. Every figure of this page: <a href=\"results.json\">results.json</a>, \
         <a href=\"flows.csv\">flows.csv</a>, <a href=\"percentiles.csv\">percentiles.csv</a>, \
         <a href=\"cdf.csv\">cdf.csv</a>, <a href=\"series.csv\">series.csv</a>, <a href=\"drops.csv\">drops.csv</a>, \
         <a href=\"curves.csv\">curves.csv</a>, <a href=\"stages.csv\">stages.csv</a>, <a href=\"verdicts.csv\">verdicts.csv</a>, <a href=\"topology.csv\">topology.csv</a>, <a href=\"followed.csv\">followed.csv</a>, \
         <a href=\"runs.csv\">runs.csv</a> (seed, digest, profile and program of each). \
         Times are virtual: what the simulated hosts would have seen.</p></footer>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        version::program()
    );
    html
}

fn title(figures: &Figures) -> String {
    let bad = figures.count(Status::Failed) + figures.count(Status::Fault);
    match (bad, figures.scenarios.as_slice()) {
        (0, [one]) => format!("✔ {} · onerouter", one.name),
        (0, _) => "✔ onerouter report".to_owned(),
        (bad, _) => format!("✖ {bad} failed · onerouter report"),
    }
}

/// "✔ 38 hold  ✖ 2 failed".
fn head(html: &mut String, figures: &Figures) {
    html.push_str("<header>\n<h1>onerouter report</h1>\n<p class=\"tally\">");
    let words = [
        (Status::Fault, "broken by a fault of the simulator"),
        (Status::Failed, "failed"),
        (Status::Holds, "as expected"),
        (Status::Unjudged, "with nothing expected"),
    ];
    for (status, words) in words {
        let count = figures.count(status);
        if count > 0 {
            let count = units::count(count, "point", "points");
            let (class, mark) = (status.word(), status.mark());
            let _ = write!(html, "<span class=\"{class}\"><span class=\"mark\">{mark}</span>{count} {words}</span> ");
        }
    }
    html.push_str("</p>\n</header>\n");
}

/// What failed, each with its cause; then every flow in a line.
fn verdicts(html: &mut String, figures: &Figures) {
    html.push_str("<section class=\"card\" aria-labelledby=\"verdicts\">\n<h2 id=\"verdicts\">Verdict</h2>\n");
    let mut failures = String::new();
    for status in [Status::Fault, Status::Failed] {
        for scenario in &figures.scenarios {
            for point in scenario.points.iter().filter(|p| p.status == status) {
                point::failures(&mut failures, scenario, point);
            }
        }
    }
    if failures.is_empty() {
        let judged = figures.count(Status::Holds) > 0;
        html.push_str(if judged { "<p>All expectations hold.</p>\n" } else { "<p>Nothing was expected.</p>\n" });
    } else {
        let _ = write!(html, "<ul class=\"failures\">\n{failures}</ul>\n");
    }
    html.push_str(
        "<div class=\"tools\" hidden>\
         <label for=\"filter\">Filter</label><input id=\"filter\" type=\"search\" placeholder=\"name, point, drop reason …\">\
         <label for=\"order\">Sort</label><select id=\"order\">\
         <option value=\"file\">as run</option><option value=\"worst\">worst first</option>\
         <option value=\"slowest\">slowest p99 first</option><option value=\"lost\">most lost first</option></select>\
         <button id=\"all\" type=\"button\">Open all</button>\
         <span id=\"shown\" class=\"muted\" role=\"status\"></span></div>\n",
    );
    tables::summary(html, figures);
    html.push_str("</section>\n");
}

/// Anchor of a point.
fn anchor(scenario: &ScenarioFigures, point: &PointFigures) -> String {
    if point.slug.is_empty() { format!("{}.run", scenario.slug) } else { format!("{}.{}", scenario.slug, point.slug) }
}

/// Data that the page's script filters and sorts by.
fn sortable(order: usize, status: Status, flows: &[&FlowFigures], words: &str) -> String {
    let slow = flows.iter().filter_map(|f| f.percentile(990_000)).max().unwrap_or(0);
    let lost: u64 = flows.iter().map(|f| f.lost).fold(0, u64::saturating_add);
    format!(
        "data-order=\"{order}\" data-rank=\"{}\" data-slow=\"{slow}\" data-lost=\"{lost}\" data-words=\"{}\"",
        status as u8,
        xml(&words.to_lowercase())
    )
}

/// Everything of one scenario.
fn scenario_card(html: &mut String, order: usize, scenario: &ScenarioFigures, pictures: &Pictures, alone: bool) {
    let status = scenario.status();
    let flows: Vec<&FlowFigures> = scenario.points.iter().flat_map(|p| &p.flows).collect();
    let mut words = vec![scenario.name.as_str(), &scenario.outcome.title, status.word()];
    for point in &scenario.points {
        words.push(&point.outcome.label);
        words.extend(point.shown().map(|(f, _)| f.name.as_str()));
        words.extend(point.drops.iter().map(|d| d.reason.as_str()));
    }
    words.dedup();
    let _ = write!(
        html,
        "<section class=\"card scenario\" id=\"{slug}\" aria-labelledby=\"{slug}.title\" {}>\n\
         <h2 id=\"{slug}.title\"><span class=\"mark {}\">{}</span>{}</h2>\n<p>{}</p>\n",
        sortable(order, status, &flows, &words.join(" ")),
        status.word(),
        status.mark(),
        xml(&scenario.name),
        xml(&scenario.outcome.title),
        slug = scenario.slug,
    );
    let curves = sweep::curves(scenario);
    if !curves.is_empty() {
        html.push_str("<div class=\"figures\">\n");
        for (i, curve) in curves.iter().enumerate() {
            let stem = curve_stem(scenario, i);
            point::figure(html, &stem, pictures, &format!("{} against {}", curve.flow, curve.path), |html| {
                tables::curve(html, curve);
            });
        }
        html.push_str("</div>\n");
    }
    for point in &scenario.points {
        point::point(html, scenario, point, pictures, alone);
    }
    topology(html, scenario, pictures);
    rerun(html, scenario);
    html.push_str("</section>\n");
}

/// What is plugged into what, where a word more is told of whatever the pointer or the focus is on.
fn topology(html: &mut String, scenario: &ScenarioFigures, pictures: &Pictures) {
    let Some((topology, _)) = &scenario.topology else { return };
    let stem = topology_stem(scenario);
    html.push_str("<h3>Topology</h3>\n<figure class=\"wide\">\n");
    let of = scenario.points.first().map_or(String::new(), |p| {
        let label = if p.outcome.label.is_empty() { String::new() } else { format!("point {}, ", p.outcome.label) };
        p.outcome.runs.first().map_or(String::new(), |r| format!(" at the end of {label}seed {}", r.seed))
    });
    if let Some(Some(svg)) = pictures.get(&stem) {
        let _ = write!(
            html,
            "<div class=\"scroll\">\n{svg}</div>\n<pre class=\"told\" aria-live=\"polite\" hidden></pre>\n"
        );
    }
    let picture = if pictures.contains_key(&stem) {
        format!(": <a href=\"{stem}.svg\">SVG</a>")
    } else {
        " (not drawn: there are too many)".to_owned()
    };
    let _ = write!(
        html,
        "<figcaption>What is plugged into what{}{picture}. ● up ○ down; blue veth, orange cable, dotted lower device; the \
         thicker, the more it carried; ▼ lost there. Hover over a part, or move the focus to it, for more.</figcaption>\n\
         <details>\n<summary>as table</summary>\n",
        xml(&of)
    );
    tables::devices(html, topology);
    html.push_str("</details>\n</figure>\n");
}

/// What it takes to get the same bytes again.
fn rerun(html: &mut String, scenario: &ScenarioFigures) {
    let outcome = scenario.outcome;
    let command = format!("onerouter run {}", shell_word(scenario.path()));
    let _ = write!(
        html,
        "<details class=\"rerun\">\n<summary>Run it again</summary>\n<pre><code>{}</code></pre>\n\
         <p>{}, cost profile {} <span class=\"muted\">({})</span>. The same file and seed give the same bytes, \
         on any machine and with any number of threads.</p>\n",
        xml(&command),
        version::program(),
        xml(&outcome.profile),
        xml(if outcome.profile_origin.is_empty() { "origin unknown" } else { &outcome.profile_origin }),
    );
    tables::runs(html, scenario);
    let _ =
        write!(html, "<h4>{}</h4>\n<pre><code>{}</code></pre>\n</details>\n", xml(&scenario.name), xml(&outcome.text));
}

/// `text` as one word of a POSIX shell.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,=@%:".contains(c);
    if !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        text.to_owned()
    } else {
        let text = if text.starts_with('-') { format!("./{text}") } else { text.to_owned() };
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_command_line_are_quoted_where_needed() {
        assert_eq!(shell_word("a/b.ron"), "a/b.ron");
        assert_eq!(shell_word("it's.ron"), "'it'\\''s.ron'");
        assert_eq!(shell_word("-x.ron"), "'./-x.ron'");
        assert_eq!(shell_word(""), "''");
    }
}
