//! One point of a sweep on the page: verdicts, flows with their pictures, losses, core time, walk, state.

use std::fmt::Write;

use scenarios::outcome::Why;

use super::{Pictures, anchor, followed, tables};
use crate::{
    escape::xml,
    figures::{FlowFigures, PointFigures, ScenarioFigures, Status},
    plot::Kind,
    report::{Stem, flow_stem},
    units,
};

/// Lines for the list of failures at the top.
pub fn failures(html: &mut String, scenario: &ScenarioFigures, point: &PointFigures) {
    let label = if point.outcome.label.is_empty() { String::new() } else { format!(" · {}", point.outcome.label) };
    let link = format!("<a href=\"#{}\">{}{}</a>", anchor(scenario, point), xml(&scenario.name), xml(&label));
    for run in &point.outcome.runs {
        if let Some(fault) = &run.fault {
            let _ = writeln!(
                html,
                "<li>{link}, seed {}: the simulator's own fault <span class=\"cause\">{}</span></li>",
                run.seed,
                xml(fault)
            );
        }
    }
    for v in point.outcome.verdicts.iter().filter(|v| !v.holds) {
        let cause = if v.cause.is_empty() { format!("measured: {}", v.measured) } else { v.cause.clone() };
        let _ = writeln!(
            html,
            "<li>{link}: <code>{}</code> <b>{}</b><span class=\"cause\">{}</span>\
             <span class=\"muted\">{}</span></li>",
            xml(&v.text),
            xml(&v.measured),
            xml(&cause),
            xml(&v.place)
        );
    }
}

/// All of a point, open if it failed or is the only one.
pub fn point(html: &mut String, scenario: &ScenarioFigures, point: &PointFigures, pictures: &Pictures, alone: bool) {
    let open = if alone || point.status <= Status::Failed { " open" } else { "" };
    let name = if point.outcome.label.is_empty() { "Results" } else { &point.outcome.label };
    let keys: Vec<String> = point.shown().filter(|(_, worst)| !worst).map(|(flow, _)| key(flow)).collect();
    let more = if keys.len() > 4 { " · …" } else { "" };
    let _ = write!(
        html,
        "<details class=\"point\" id=\"{}\"{open}>\n<summary><span class=\"mark {}\">{}</span><b>{}</b>\
         <span class=\"key\">{}{more}</span></summary>\n",
        anchor(scenario, point),
        point.status.word(),
        point.status.mark(),
        xml(name),
        xml(&keys[..keys.len().min(4)].join(" · ")),
    );
    tables::verdicts(html, point);
    for (f, worst) in point.shown() {
        flow(html, scenario, point, (f, worst), pictures);
    }
    if !point.drops.is_empty() {
        html.push_str("<h3>Where packets were lost</h3>\n");
        tables::drops(html, point);
        for f in point.outcome.runs.iter().flat_map(|r| &r.followed) {
            let Why::Dropped { reason, place } = &f.why else { continue };
            let words = format!("Walk of the first packet lost by {reason} at {place}");
            let _ = writeln!(html, "<details>\n<summary>{}</summary>", xml(&words));
            followed::walk(html, f);
            html.push_str("</details>\n");
        }
    }
    if !point.stages.is_empty() {
        html.push_str("<details>\n<summary>Where core time went, by kernel function</summary>\n");
        tables::stages(html, point);
        html.push_str("</details>\n");
    }
    if let Some(run) = point.outcome.runs.first() {
        text(html, &format!("Walk of the first packet, seed {}", run.seed), &run.walk_text);
        text(html, &format!("Tables and counters at the end, seed {}", run.seed), &run.state_text);
    }
    html.push_str("</details>\n");
}

/// "web p50 25.3 us, p99 41.7 us, 0 lost".
fn key(flow: &FlowFigures) -> String {
    let value = |p| flow.percentile(p).map_or_else(|| "–".to_owned(), units::span);
    let lost = units::thousands(flow.lost);
    format!("{}: p50 {}, p99 {}, {lost} lost", flow.name, value(500_000), value(990_000))
}

fn text(html: &mut String, title: &str, text: &str) {
    if !text.trim().is_empty() {
        let (title, text) = (xml(title), xml(text));
        let _ = write!(html, "<details>\n<summary>{title}</summary>\n<pre><code>{text}</code></pre>\n</details>\n");
    }
}

/// One number with all that qualifies it, then the pictures.
fn flow(
    html: &mut String,
    scenario: &ScenarioFigures,
    point: &PointFigures,
    (flow, worst): (&FlowFigures, bool),
    pictures: &Pictures,
) {
    let _ = write!(
        html,
        "<h3>{} <span class=\"muted\">{}, {}{}</span></h3>\n<p class=\"number\">",
        xml(&flow.name),
        xml(&flow.kind),
        xml(&flow.measure),
        if worst { ", one of the worst" } else { "" },
    );
    for (name, p) in [("p50", 500_000), ("p99", 990_000), ("p99.9", 999_000)] {
        if let Some(ps) = flow.percentile(p) {
            let margin = flow.margin(p).map(|m| format!(" ±{}", xml(&units::margin(m, ps)))).unwrap_or_default();
            let _ = write!(html, "{name} <b>{}</b>{margin} · ", units::span(ps));
        }
    }
    html.push_str(&mean(flow));
    let errors: Vec<String> = flow.errors.iter().map(|(name, n)| format!("{name} {}", units::thousands(*n))).collect();
    let errors = if errors.is_empty() { String::new() } else { format!(" · the sender saw {}", errors.join(", ")) };
    let _ = writeln!(
        html,
        "lost <b>{}</b> of {} ({}){} · {}, {}{}</p>",
        units::thousands(flow.lost),
        units::thousands(flow.expected),
        xml(&units::percent(flow.lost, flow.expected)),
        if flow.in_flight > 0 { format!(", {} on their way", units::thousands(flow.in_flight)) } else { String::new() },
        units::rate(flow.received, flow.active_ps),
        point.seeds(),
        xml(&errors)
    );
    if let Some(cut) = &flow.warmup {
        let messages = units::thousands(cut.messages);
        let _ = write!(html, "<p class=\"muted\">warm-up: {}, {messages} messages left out", xml(&cut.method));
        if cut.unsettled > 0 {
            let runs = units::count(cut.unsettled, "run", "runs");
            let _ = write!(html, "; {runs} too short to tell where it ends");
        }
        html.push_str("</p>\n");
    }
    tables::receivers(html, flow);
    let mut kinds: Vec<Kind> = Kind::of(flow).collect();
    // Percentiles and distribution first, then where the time went, then the course of time.
    let last = kinds.pop_if(|k| *k == Kind::Timeline);
    figures(html, scenario, point, flow, pictures, &kinds);
    followed::bars(html, point, &flow.name);
    figures(html, scenario, point, flow, pictures, last.as_slice());
}

/// "mean 12.3 us ±0.1 (Student t over seeds) · "
fn mean(flow: &FlowFigures) -> String {
    let Some(mean) = flow.mean else { return String::new() };
    let margin = mean.margin_ps.map_or(String::new(), |m| {
        format!(" ±{} <span class=\"muted\">({})</span>", xml(&units::margin(m, mean.mean_ps)), mean.method)
    });
    format!("mean <b>{}</b>{margin} · ", units::span(mean.mean_ps))
}

fn figures(
    html: &mut String,
    scenario: &ScenarioFigures,
    point: &PointFigures,
    flow: &FlowFigures,
    pictures: &Pictures,
    kinds: &[Kind],
) {
    if kinds.is_empty() {
        return;
    }
    html.push_str("<div class=\"figures\">\n");
    for kind in kinds {
        let title = format!("{}: {}", flow.name, kind.title());
        figure(html, &flow_stem(scenario, point, flow, *kind), pictures, &title, |html| match kind {
            Kind::Percentiles => tables::percentiles(html, flow),
            Kind::Cdf => tables::cdf(html, flow),
            Kind::Timeline => tables::timeline(html, flow),
        });
    }
    html.push_str("</div>\n");
}

/// A picture, links to its files, and its numbers.
pub fn figure(html: &mut String, stem: &Stem, pictures: &Pictures, title: &str, table: impl FnOnce(&mut String)) {
    let title = xml(title);
    html.push_str("<figure>\n");
    if let Some(Some(svg)) = pictures.get(stem) {
        // Narrower than its text can be read, a picture scrolls; hence it must take the focus.
        let _ =
            write!(html, "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{title}\">\n{svg}</div>\n");
    }
    let _ = if pictures.contains_key(stem) {
        writeln!(
            html,
            "<figcaption>{title}: <a href=\"{stem}.svg\">SVG</a>, <a href=\"{stem}.png\">PNG</a></figcaption>"
        )
    } else {
        writeln!(html, "<figcaption>{title} (not drawn: there are too many)</figcaption>")
    };
    html.push_str("<details>\n<summary>as table</summary>\n");
    table(html);
    html.push_str("</details>\n</figure>\n");
}
