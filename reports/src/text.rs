//! The results of `run` on a terminal.

use std::{fmt::Write, path::Path, time::Duration};

use crate::{
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, Status, TABLE, load},
    paint::Paint,
    plot::sweep,
    units::{self, Unit},
};

/// Longest scenario, point and flow that a table shows in full.
const LONGEST: [usize; 3] = [44, 36, 24];

/// The cells of one row; the mark of the verdict is painted when all widths are known.
struct Cells {
    texts: Vec<String>,
    status: Option<Status>,
    /// Lines below the row.
    below: Vec<String>,
}

/// A row for each flow at each point, and below a point's last row what does not hold there, with place and cause.
pub fn results(figures: &Figures, paint: Paint) -> String {
    let profiles: Vec<&str> = figures.scenarios.iter().map(|s| s.outcome.profile.as_str()).collect();
    let common = profiles.first().filter(|first| profiles.iter().all(|p| p == *first));
    let mut rows = Vec::new();
    for scenario in &figures.scenarios {
        for point in &scenario.points {
            rows.extend(point_rows(scenario, point, common.is_none(), paint));
        }
        if let Some(last) = rows.last_mut() {
            last.below.extend(knees(scenario));
        }
    }
    let last = common.map_or_else(String::new, |p| format!("profile {}", units::printable(p)));
    let heads =
        ["scenario", "point", "flow", "sent", "lost", "min us", "p50", "p90", "p99", "p99.9", "max", "verdict", &last];
    let mut widths = heads.map(|h| h.chars().count());
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(&row.texts) {
            *width = (*width).max(text.chars().count());
        }
    }
    if rows.iter().all(|r| r.texts[1].is_empty()) {
        widths[1] = 0;
    }
    let mut out = String::new();
    put(&mut out, &paint.dim(&line(&heads.map(str::to_owned), &widths, None, paint)));
    for row in &rows {
        put(&mut out, &line(&row.texts, &widths, row.status, paint));
        for below in &row.below {
            put(&mut out, below);
        }
    }
    out
}

fn put(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}

/// One line of the table: words to the left, numbers to the right, bars between the three parts.
fn line(texts: &[String], widths: &[usize; 13], status: Option<Status>, paint: Paint) -> String {
    let mut out = String::new();
    for (i, (text, &width)) in texts.iter().zip(widths).enumerate() {
        if i == 1 && width == 0 {
            continue;
        }
        let gap = match i {
            0 => "",
            5 | 11 => " | ",
            _ => "  ",
        };
        let pad = " ".repeat(width.saturating_sub(text.chars().count()));
        let number = (3..=10).contains(&i);
        let text = match status {
            Some(Status::Failed | Status::Fault) if i == 11 => paint.bad(text),
            Some(Status::Holds) if i == 11 => paint.good(text),
            _ => text.clone(),
        };
        let _ = if number { write!(out, "{gap}{pad}{text}") } else { write!(out, "{gap}{text}{pad}") };
    }
    out
}

fn point_rows(scenario: &ScenarioFigures, point: &PointFigures, with_profile: bool, paint: Paint) -> Vec<Cells> {
    let [scenario_room, point_room, flow_room] = LONGEST;
    let names = [units::fit(&scenario.name, scenario_room), units::fit(&point.outcome.label, point_room)];
    let mut rows: Vec<Cells> = Vec::new();
    for (i, (flow, worst)) in point.shown().enumerate() {
        let mut texts = names.to_vec();
        // The worst of many stand indented under all of them.
        let indent = if worst { "  " } else { "" };
        texts.push(format!("{indent}{}", units::fit(&flow.name, flow_room)));
        texts.push(units::thousands(flow.sent));
        texts.push(units::thousands(flow.lost));
        let values =
            [flow.latency.min()].into_iter().chain(TABLE.map(|p| flow.percentile(p))).chain([flow.latency.max()]);
        texts.extend(values.map(|v| v.map_or_else(|| "–".to_owned(), |ps| units::in_unit(ps, Unit::Us))));
        texts.push(if i == 0 { verdict(point) } else { String::new() });
        let profile = if with_profile { format!(", profile {}", scenario.outcome.profile) } else { String::new() };
        texts.push(units::printable(&format!("{}{profile}", note(point, flow))));
        rows.push(Cells { texts, status: Some(point.status), below: Vec::new() });
    }
    if rows.is_empty() {
        // A scenario may send nothing and only look at tables.
        let mut texts = names.to_vec();
        texts.extend(["(no traffic)", "", "", "", "", "", "", "", ""].map(str::to_owned));
        texts.extend([verdict(point), units::count(point.outcome.runs.len(), "seed", "seeds")]);
        rows.push(Cells { texts, status: Some(point.status), below: Vec::new() });
    }
    if let Some(last) = rows.last_mut() {
        last.below = failures(point, paint);
    }
    rows
}

/// "  knee of web against traffic.web.rate: 40k/s (Kleinrock's power)"
fn knees(scenario: &ScenarioFigures) -> Vec<String> {
    let knee = |c: sweep::Curve| {
        let load = c.load?;
        let at = load.knee.map_or_else(|| "not reached".to_owned(), |i| units::printable(c.at[i].text));
        let fixed = if c.fixed.is_empty() { String::new() } else { format!(" at {}", c.fixed) };
        Some(units::printable(&format!("  knee of {} against {}{fixed}: {at} ({})", c.flow, c.path, load::METHOD)))
    };
    sweep::curves(scenario).into_iter().filter_map(knee).collect()
}

/// "✔ 3 of 3", "✖ 1 of 3 failed".
fn verdict(point: &PointFigures) -> String {
    let (holding, all) = point.verdicts();
    let mark = point.status.mark();
    match point.status {
        Status::Fault => format!("{mark} fault"),
        Status::Failed => format!("{mark} {} of {all} failed", all - holding),
        Status::Holds => format!("{mark} {holding} of {all}"),
        Status::Unjudged => format!("{mark} none"),
    }
}

/// "10 seeds, p99 ±0.6".
fn note(point: &PointFigures, flow: &FlowFigures) -> String {
    let seeds = units::count(point.outcome.runs.len(), "seed", "seeds");
    let margin = flow.margin(990_000).map(|m| format!(", p99 ±{}", units::in_unit(m, Unit::Us)));
    format!("{seeds}{}", margin.unwrap_or_default())
}

/// A line for each expectation that does not hold and each fault.
fn failures(point: &PointFigures, paint: Paint) -> Vec<String> {
    let faults = point.outcome.runs.iter().filter_map(|run| {
        let fault = units::printable(run.fault.as_ref()?);
        Some(format!("  {}  seed {}: {fault}", paint.bad(Status::Fault.mark()), run.seed))
    });
    let failed = point.outcome.verdicts.iter().filter(|v| !v.holds).map(|v| {
        let [place, text, measured, cause] = [&v.place, &v.text, &v.measured, &v.cause].map(|t| units::printable(t));
        let cause = if cause.is_empty() { cause } else { format!("     {cause}") };
        format!("  {} {place}  {text}: {}{cause}", paint.bad(Status::Failed.mark()), paint.strong(&measured))
    });
    faults.chain(failed).collect()
}

/// "1 of 2 points failed in 3.1 s · report: onerouter-report/report.html". The time is the reader's, not the hosts', and
/// stands nowhere else.
pub fn closing(figures: &Figures, took: Duration, report: Option<&Path>, paint: Paint) -> String {
    let (faults, failed, holds) =
        (figures.count(Status::Fault), figures.count(Status::Failed), figures.count(Status::Holds));
    let points = figures.points();
    let of = units::count(points, "point", "points");
    let (verdict, rest) = if faults > 0 {
        (paint.bad(&format!("{faults} of {of} broken by a fault of the simulator")), "")
    } else if failed > 0 {
        (paint.bad(&format!("{failed} of {of} failed")), "")
    } else if holds == 0 {
        (format!("{of} run"), ", nothing expected")
    } else if holds < points {
        (paint.good(&format!("{holds} of {of} as expected")), ", nothing expected of the others")
    } else {
        (paint.good(&format!("{of} as expected")), "")
    };
    let report = report.map_or_else(String::new, |path| format!(" · report: {}", path.display()));
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    format!("{verdict} in {} s{rest}{report}\n", units::fixed(millis, 1000, 1))
}

#[cfg(test)]
mod tests {
    use scenarios::outcome::Batch;

    use super::*;
    use crate::fixture;

    #[test]
    fn a_table_of_two_points() {
        let batch = Batch { scenarios: vec![fixture::outside()] };
        let figures = Figures::of(&batch);
        assert_eq!(results(&figures, Paint::Plain), include_str!("text/outside.txt"));
        let closing = closing(
            &figures,
            Duration::from_millis(3_149),
            Some("onerouter-report/report.html".as_ref()),
            Paint::Plain,
        );
        assert_eq!(closing, "1 of 2 points failed in 3.1 s · report: onerouter-report/report.html\n");
    }

    #[test]
    fn odd_data_keeps_the_columns() {
        let mut odd = fixture::odd();
        odd.points.push(fixture::point("no traffic", &[], vec![fixture::run(1, vec![])], vec![]));
        odd.title = "\u{1b}[31m".to_owned();
        let batch = Batch { scenarios: vec![odd] };
        let text = results(&Figures::of(&batch), Paint::Plain);
        assert_eq!(text, include_str!("text/odd.txt"));
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn nothing_expected_is_not_all_well() {
        let batch = Batch { scenarios: vec![fixture::chain()] };
        let text = closing(&Figures::of(&batch), Duration::ZERO, None, Paint::Plain);
        assert_eq!(text, "8 points run in 0.0 s, nothing expected\n");
    }
}
