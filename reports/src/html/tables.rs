//! The page's tables.

use std::fmt::Write;

use scenarios::outcome::{FollowedOutcome, Stage, TopologyOutcome};

use super::{anchor, sortable};
use crate::{
    escape::xml,
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, TABLE, load},
    plot::{sweep::Curve, timeline},
    units,
};

/// A time, or a dash.
fn time(ps: Option<u64>) -> String {
    ps.map_or_else(|| "–".to_owned(), units::span)
}

/// Begins a table in a box that scrolls; each column is its title and whether it holds numbers.
fn begin(html: &mut String, id: &str, caption: &str, columns: &[(&str, bool)]) {
    let id = if id.is_empty() { String::new() } else { format!(" id=\"{id}\"") };
    let caption = xml(caption);
    let _ = write!(
        html,
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table{id}>\n\
         <caption>{caption}</caption>\n<thead><tr>"
    );
    for (title, number) in columns {
        let class = if *number { " class=\"n\"" } else { "" };
        let _ = write!(html, "<th scope=\"col\"{class}>{}</th>", xml(title));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
}

fn end(html: &mut String) {
    html.push_str("</tbody></table></div>\n");
}

fn row(html: &mut String, first: &str, numbers: &[String]) {
    let _ = write!(html, "<tr><th scope=\"row\">{}</th>", xml(first));
    for n in numbers {
        let _ = write!(html, "<td class=\"n\">{}</td>", xml(n));
    }
    html.push_str("</tr>\n");
}

/// Every flow at every point in a line.
pub fn summary(html: &mut String, figures: &Figures) {
    let columns = [
        ("", false),
        ("scenario", false),
        ("point", false),
        ("flow", false),
        ("sent", true),
        ("lost", true),
        ("min", true),
        ("p50", true),
        ("p90", true),
        ("p99", true),
        ("p99.9", true),
        ("max", true),
    ];
    begin(html, "summary", "All flows; latency over all seeds", &columns);
    let mut order = 0;
    for scenario in &figures.scenarios {
        for point in &scenario.points {
            for (flow, worst) in point.shown() {
                let reasons: Vec<&str> = point.drops.iter().map(|d| d.reason.as_str()).collect();
                let label = &point.outcome.label;
                let title = &scenario.outcome.title;
                let status = point.status.word();
                let words = format!("{} {title} {label} {} {status} {}", scenario.name, flow.name, reasons.join(" "));
                let _ = write!(
                    html,
                    "<tr {}><td class=\"mark {status}\" title=\"{status}\">{}</td><td><a href=\"#{}\">{}</a></td>\
                     <td>{}</td><th scope=\"row\">{}{}</th>",
                    sortable(order, point.status, &[flow], &words),
                    point.status.mark(),
                    anchor(scenario, point),
                    xml(&scenario.name),
                    xml(label),
                    xml(&flow.name),
                    if worst { " <span class=\"muted\">one of the worst</span>" } else { "" },
                );
                order += 1;
                let quantiles = TABLE.map(|p| time(flow.percentile(p)));
                let counts = [units::thousands(flow.sent), units::thousands(flow.lost), time(flow.latency.min())];
                for n in counts.iter().chain(&quantiles).chain([&time(flow.latency.max())]) {
                    let _ = write!(html, "<td class=\"n\">{n}</td>");
                }
                html.push_str("</tr>\n");
            }
        }
    }
    end(html);
}

/// The expectations of a point.
pub fn verdicts(html: &mut String, point: &PointFigures) {
    if point.outcome.verdicts.is_empty() {
        return;
    }
    let columns = [("", false), ("expected", false), ("measured", true), ("cause", false), ("place", false)];
    begin(html, "", "Expectations", &columns);
    for v in &point.outcome.verdicts {
        let (class, mark) = if v.holds { ("holds", "✔") } else { ("failed", "✖") };
        let _ = writeln!(
            html,
            "<tr><td class=\"mark {class}\" title=\"{class}\">{mark}</td><td><code>{}</code></td><td class=\"n\">{}</td>\
             <td>{}</td><td class=\"muted\">{}</td></tr>",
            xml(&v.text),
            xml(&v.measured),
            xml(&v.cause),
            xml(&v.place)
        );
    }
    end(html);
}

pub fn drops(html: &mut String, point: &PointFigures) {
    let columns = [
        ("reason", false),
        ("place", false),
        ("in", false),
        ("count", true),
        ("first at", true),
        ("meaning", false),
        ("look at, on a real host", false),
    ];
    begin(html, "", "Drops by reason and place, all seeds", &columns);
    for d in &point.drops {
        let look = crate::counters::of(&d.reason);
        let look = if look.is_empty() { "skb:kfree_skb (perf, dropwatch)" } else { look };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><code>{}</code></th><td>{}</td><td><code>{}</code></td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"wrap\">{}</td><td class=\"wrap\"><code>{look}</code></td></tr>",
            xml(&d.reason),
            xml(&d.place),
            xml(&d.hop),
            units::thousands(d.count),
            units::span(d.first_ps),
            xml(&d.meaning)
        );
    }
    end(html);
}

/// Core time by kernel function, with a bar for its share.
pub fn stages(html: &mut String, point: &PointFigures) {
    let total = point.stages.values().fold(0u64, |sum, (_, ps)| sum.saturating_add(*ps));
    let columns =
        [("function", false), ("times", true), ("each", true), ("in all", true), ("share", true), ("", false)];
    begin(html, "", "Core time billed by kernel function, in path order, all seeds", &columns);
    for (hop, (count, ps)) in &point.stages {
        let percent = u128::from(*ps) * 100 / u128::from(total.max(1));
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><code>{}</code></th><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td><span class=\"bar\" style=\"width:{}em\"></span></td></tr>",
            xml(hop),
            units::thousands(*count),
            units::span(ps / (*count).max(1)),
            units::span(*ps),
            xml(&units::percent(*ps, total)),
            units::fixed(percent as u64, 10, 1),
        );
    }
    end(html);
}

pub fn percentiles(html: &mut String, flow: &FlowFigures) {
    begin(
        html,
        "",
        "Latency by percentile",
        &[("percentile", false), ("latency", true), ("95 %, Student t over seeds", true)],
    );
    let named = [0, 100_000, 250_000, 500_000, 750_000, 900_000, 950_000, 990_000, 995_000, 999_000, 999_900];
    for p in flow.percentiles.iter().filter(|p| named.contains(&p.per_million)) {
        let margin = p.spread.map_or_else(|| "–".to_owned(), |s| format!("±{}", units::margin(s.margin, p.latency_ps)));
        row(html, &format!("{} %", units::percentile(p.per_million)), &[units::span(p.latency_ps), margin]);
    }
    row(html, "max", &[time(flow.latency.max()), String::new()]);
    end(html);
}

pub fn cdf(html: &mut String, flow: &FlowFigures) {
    begin(html, "", "Cumulative distribution", &[("share of messages", false), ("latency at most", true)]);
    for percent in (5..=100).step_by(5) {
        row(html, &format!("{percent} %"), &[time(flow.percentile(percent * 10_000))]);
    }
    end(html);
}

pub fn timeline(html: &mut String, flow: &FlowFigures) {
    let columns = [("from", false), ("offered", true), ("carried", true), ("min", true), ("p50", true), ("p99", true)];
    begin(html, "", "Load and latency over virtual time", &columns);
    for step in timeline::steps(flow, 48) {
        let width = step.to_ps - step.from_ps;
        let seeds = flow.seeds.max(1) as u64;
        let load = |count: u64| units::rate(count, width.saturating_mul(seeds));
        let latency = |p| time(step.slot.latency.quantile(p));
        let numbers = [load(step.slot.sent), load(step.slot.received), latency(0), latency(500_000), latency(990_000)];
        row(html, &units::span(step.from_ps), &numbers);
    }
    end(html);
}

/// What each of several receivers has read.
pub fn receivers(html: &mut String, flow: &FlowFigures) {
    if flow.receivers.is_empty() {
        return;
    }
    begin(html, "", "Read by each receiver, all seeds", &[("receiver", false), ("read", true)]);
    for (at, read) in &flow.receivers {
        row(html, at, &[units::thousands(*read)]);
    }
    end(html);
}

pub fn curve(html: &mut String, curve: &Curve) {
    let mut columns =
        vec![(curve.path, false), ("mean", true), ("p50", true), ("p99", true), ("lost", true), ("sent", true)];
    let power = format!("power ({})", load::METHOD);
    if curve.load.is_some() {
        columns.extend([("carried", true), (power.as_str(), true), ("", true)]);
    }
    begin(html, "", &format!("{} against {}", curve.flow, curve.path), &columns);
    for (i, point) in curve.at.iter().enumerate() {
        let with_margin = |p| {
            let value = point.flow.percentile(p);
            let margin = point.flow.margin(p).zip(value).map(|(m, v)| format!(" ±{}", units::margin(m, v)));
            format!("{}{}", time(value), margin.unwrap_or_default())
        };
        let counts = [units::thousands(point.flow.lost), units::thousands(point.flow.sent)];
        let [lost, sent] = counts;
        let mean = point.flow.mean.map(|m| {
            let margin = m.margin_ps.map_or(String::new(), |by| format!(" ±{}", units::margin(by, m.mean_ps)));
            units::span(m.mean_ps) + &margin
        });
        let mut cells =
            vec![mean.unwrap_or_else(|| "–".to_owned()), with_margin(500_000), with_margin(990_000), lost, sent];
        if let Some(load) = &curve.load {
            let knee = if load.knee == Some(i) { "knee" } else { "" };
            cells.push(units::rate(point.flow.received, point.flow.active_ps));
            cells.extend([units::percent(load.power[i], 1_000_000), knee.to_owned()]);
        }
        row(html, point.text, &cells);
    }
    end(html);
}

/// Stages down, followed messages across.
pub fn went(html: &mut String, followed: &[&FollowedOutcome]) {
    let names: Vec<String> =
        followed.iter().map(|f| format!("{} (packet {})", super::followed::name(&f.why), f.packet)).collect();
    let columns: Vec<(&str, bool)> =
        [("stage", false)].into_iter().chain(names.iter().map(|n| (n.as_str(), true))).collect();
    begin(html, "", "Where the time of one message went", &columns);
    for stage in Stage::ALL {
        let of = |f: &&FollowedOutcome| f.stages.iter().find(|(s, _)| s == stage).map(|(_, ps)| *ps);
        if followed.iter().any(|f| of(f).is_some()) {
            let cells: Vec<String> = followed.iter().map(|f| time(of(f))).collect();
            row(html, stage.name(), &cells);
        }
    }
    let all: Vec<String> = followed.iter().map(|f| units::span(f.total_ps)).collect();
    row(html, "in all", &all);
    end(html);
}

/// So many devices are listed in the page; results.json and topology.csv have all.
const DEVICES: usize = 200;

/// Every device, and the cables at its end.
pub fn devices(html: &mut String, topology: &TopologyOutcome) {
    let columns = [
        ("device", false),
        ("kind", false),
        ("state", false),
        ("MAC", false),
        ("MTU", true),
        ("addresses", false),
        ("other end", false),
        ("port of", false),
        ("rx packets", true),
        ("tx packets", true),
        ("written at", false),
    ];
    begin(html, "", "Devices at the end of the run", &columns);
    let mut all = 0;
    for (host, ns, d) in topology.devices() {
        all += 1;
        if all > DEVICES {
            continue;
        }
        let end = topology.far_end(&host.name, &ns.name, d);
        let _ = write!(html, "<tr><th scope=\"row\">{}</th>", xml(&format!("{}/{}/{}", host.name, ns.name, d.name)));
        let addresses = d.addresses.iter().take(8).cloned().collect::<Vec<_>>().join(" ");
        let addresses = if d.addresses.len() > 8 { format!("{addresses} …") } else { addresses };
        for text in [&d.kind, &d.state, &d.mac] {
            let _ = write!(html, "<td>{}</td>", xml(text));
        }
        let _ = write!(html, "<td class=\"n\">{}</td>", d.mtu);
        for text in [&addresses, &end, d.master.as_deref().unwrap_or("")].map(|t: &str| xml(t)) {
            let _ = write!(html, "<td>{text}</td>");
        }
        for n in [d.rx.0, d.tx.0].map(units::thousands) {
            let _ = write!(html, "<td class=\"n\">{n}</td>");
        }
        let _ = writeln!(html, "<td class=\"muted\">{}</td></tr>", xml(d.place.as_deref().unwrap_or("")));
    }
    end(html);
    if all > DEVICES {
        let more = units::thousands((all - DEVICES) as u64);
        let _ = writeln!(html, "<p class=\"muted\">{more} more are in results.json and topology.csv.</p>");
    }
}

/// One line a run: seed, digest, what it took.
pub fn runs(html: &mut String, scenario: &ScenarioFigures) {
    let columns = [
        ("point", false),
        ("seed", true),
        ("digest", false),
        ("events", true),
        ("crossings", true),
        ("virtual time", true),
        ("born", true),
        ("delivered", true),
        ("consumed", true),
        ("dropped", true),
        ("in flight", true),
    ];
    begin(html, "", "Runs; the last five columns are the ledger of frames", &columns);
    for point in &scenario.points {
        for run in &point.outcome.runs {
            let _ = write!(
                html,
                "<tr><td>{}</td><td class=\"n\">{}</td><td><code>{:016x}</code></td>",
                xml(&point.outcome.label),
                run.seed,
                run.digest
            );
            let counts = [run.events, run.crossings].map(units::thousands);
            let ended = [units::span(run.ended_ps)];
            for n in counts.iter().chain(&ended).chain(&run.ledger.map(units::thousands)) {
                let _ = write!(html, "<td class=\"n\">{n}</td>");
            }
            html.push_str("</tr>\n");
        }
    }
    end(html);
}
