//! The report's folder: page, figures, pictures.

use std::fmt;

use rayon::prelude::*;

use crate::{
    csv,
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, Status},
    html, json,
    output::{Output, OutputError},
    plot::{self, Kind, render, sweep},
    topology,
};

/// A picture's file without the ending, relative to the folder: "plots/docker-outside/10k-s.web.cdf".
pub type Stem = String;

/// So many flows at points have their pictures in the page itself, the failed ones before the others; the rest are
/// linked. A page of more is slow to open.
const INLINE_FLOWS: usize = 120;
/// So many flows at points have pictures at all; the figures of the rest are in the tables and files.
const DRAWN_FLOWS: usize = 600;
/// So many curves of a scenario are drawn.
const CURVES: usize = 48;

/// Why a report could not be written.
#[derive(Debug)]
pub enum ReportError {
    Output(OutputError),
    Draw(Stem, render::DrawError),
}

impl fmt::Display for ReportError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ReportError::Output(error) => error.fmt(f),
            ReportError::Draw(stem, error) => write!(f, "cannot draw {stem}: {error}"),
        }
    }
}
impl std::error::Error for ReportError {}

impl From<OutputError> for ReportError {
    fn from(error: OutputError) -> ReportError {
        ReportError::Output(error)
    }
}

/// The file of one picture of a flow.
pub fn flow_stem(scenario: &ScenarioFigures, point: &PointFigures, flow: &FlowFigures, kind: Kind) -> Stem {
    let point = if point.slug.is_empty() { String::new() } else { format!("{}.", point.slug) };
    format!("plots/{}/{point}{}.{}", scenario.slug, flow.slug, kind.slug())
}

/// The file of the picture of a scenario's curve number `i`.
pub fn curve_stem(scenario: &ScenarioFigures, i: usize) -> Stem {
    format!("plots/{}/sweep-{}", scenario.slug, i + 1)
}

/// The file of the picture of what is plugged into what.
pub fn topology_stem(scenario: &ScenarioFigures) -> Stem {
    format!("plots/{}/topology", scenario.slug)
}

/// One picture to be drawn.
struct Job<'f> {
    stem: Stem,
    inline: bool,
    what: What<'f>,
}

enum What<'f> {
    Flow(Kind, &'f ScenarioFigures<'f>, &'f PointFigures<'f>, &'f FlowFigures<'f>),
    Curve(&'f ScenarioFigures<'f>, sweep::Curve<'f>),
}

/// Writes all files of the report into `output`; `drawn` is told of each picture, with how many there are.
pub fn write(figures: &Figures, output: &Output, drawn: &(dyn Fn(usize) + Sync)) -> Result<(), ReportError> {
    let jobs = jobs(figures);
    let total = jobs.len();
    let draw = |job: &Job| {
        let svg = draw(job, output)?;
        drawn(total);
        Ok((job.stem.clone(), job.inline.then_some(svg)))
    };
    let pictures: Result<Vec<(Stem, Option<String>)>, ReportError> = jobs.par_iter().map(draw).collect();
    let mut pictures: html::Pictures = pictures?.into_iter().collect();
    for (i, scenario) in figures.scenarios.iter().enumerate().take(DRAWN_FLOWS) {
        if let Some((topology, traffic)) = &scenario.topology {
            let title = format!("{}: what is plugged into what", scenario.name);
            let svg = topology::scene(topology, traffic, &title).svg();
            let stem = topology_stem(scenario);
            output.file(&format!("{stem}.svg"), |to| to.write_all(svg.as_bytes()))?;
            pictures.insert(stem, (i < INLINE_FLOWS).then_some(svg));
        }
    }
    output.file("report.html", |to| to.write_all(html::page(figures, &pictures).as_bytes()))?;
    output.file("results.json", |to| json::write(figures, to))?;
    for (name, table) in csv::TABLES {
        output.file(name, |to| table(figures, to))?;
    }
    Ok(())
}

fn jobs<'f>(figures: &'f Figures) -> Vec<Job<'f>> {
    let mut flows: Vec<(Status, &ScenarioFigures, &PointFigures, &FlowFigures)> = Vec::new();
    let mut jobs = Vec::new();
    for scenario in &figures.scenarios {
        for (i, curve) in sweep::curves(scenario).into_iter().take(CURVES).enumerate() {
            jobs.push(Job {
                stem: curve_stem(scenario, i),
                inline: i < INLINE_FLOWS,
                what: What::Curve(scenario, curve),
            });
        }
        for point in &scenario.points {
            flows.extend(point.shown().map(|(flow, _)| (point.status, scenario, point, flow)));
        }
    }
    // Stable: the failed ones first, else as run.
    flows.sort_by_key(|(status, ..)| (*status > Status::Failed) as u8);
    for (i, (_, scenario, point, flow)) in flows.into_iter().take(DRAWN_FLOWS).enumerate() {
        for kind in Kind::of(flow) {
            let stem = flow_stem(scenario, point, flow, kind);
            jobs.push(Job { stem, inline: i < INLINE_FLOWS, what: What::Flow(kind, scenario, point, flow) });
        }
    }
    jobs
}

/// Draws one picture into its two files; its SVG.
fn draw(job: &Job, output: &Output) -> Result<String, ReportError> {
    let picture = match &job.what {
        What::Flow(kind, scenario, point, flow) => plot::of_flow(*kind, scenario, point, flow),
        What::Curve(scenario, curve) => plot::of_curve(scenario, curve),
    };
    let failed = |error| ReportError::Draw(job.stem.clone(), error);
    let svg = render::svg(&picture).map_err(failed)?;
    output.file(&format!("{}.svg", job.stem), |to| to.write_all(svg.as_bytes()))?;
    output.file(&format!("{}.png", job.stem), |to| render::png(&picture, to).map_err(std::io::Error::other))?;
    Ok(svg)
}

#[cfg(test)]
mod tests;
