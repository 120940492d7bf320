//! The report's folder: page, figures, pictures.

use std::{fmt, path::Path};

use rayon::prelude::*;

use crate::{
    csv,
    figures::{Figures, FlowFigures, PointFigures, ScenarioFigures, Status},
    html, json,
    output::{Output, OutputError},
    plot::{self, Kind, render, sweep},
};

/// A picture's file without the ending, relative to the folder: "plots/docker-outside/10k-s.web.cdf".
pub type Stem = String;

/// So many flows at points have their pictures in the page itself, the failed ones before the others; the rest are
/// linked. A page of more is slow to open.
const INLINE_FLOWS: usize = 120;

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
        Ok(if job.inline { Some((job.stem.clone(), svg)) } else { None })
    };
    let pictures: Result<Vec<Option<(Stem, String)>>, ReportError> = jobs.par_iter().map(draw).collect();
    let inline: html::Inline = pictures?.into_iter().flatten().collect();
    output.file("report.html", |to| to.write_all(html::page(figures, &inline).as_bytes()))?;
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
        for (i, curve) in sweep::curves(scenario).into_iter().enumerate() {
            jobs.push(Job {
                stem: curve_stem(scenario, i),
                inline: i < INLINE_FLOWS,
                what: What::Curve(scenario, curve),
            });
        }
        for point in &scenario.points {
            flows.extend(point.flows.iter().map(|flow| (point.status, scenario, point, flow)));
        }
    }
    // Stable: the failed ones first, else as run.
    flows.sort_by_key(|(status, ..)| (*status > Status::Failed) as u8);
    for (i, (_, scenario, point, flow)) in flows.into_iter().enumerate() {
        for kind in Kind::ALL {
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
    let png: &Path = &output.folder().join(format!("{}.png", job.stem));
    render::png(&picture, png).map_err(failed)?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::fixture;

    /// Every file of a folder, by its name.
    fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn report(batch: &scenarios::outcome::Batch, threads: usize, name: &str) -> BTreeMap<String, Vec<u8>> {
        let out = std::env::temp_dir().join(format!("onerouter-report-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&out);
        let output = Output::create(&out).unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| write(&Figures::of(batch), &output, &|_| {})).unwrap();
        output.publish().unwrap();
        let files = files(&out);
        fs::remove_dir_all(&out).unwrap();
        files
    }

    #[test]
    fn two_reports_are_the_same_bytes_for_any_number_of_threads() {
        let batch = scenarios::outcome::Batch { scenarios: vec![fixture::outside()] };
        let (one, many) = (report(&batch, 1, "one"), report(&batch, 4, "many"));
        assert_eq!(one.keys().collect::<Vec<_>>(), many.keys().collect::<Vec<_>>());
        assert!(one == many, "{:?}", one.iter().zip(&many).find(|(a, b)| a != b).map(|(a, _)| a.0));
        for name in ["report.html", "results.json", "plots/docker-outside/10k-s.web.cdf.svg"] {
            assert!(one.contains_key(name), "{name}");
        }
        let pngs = one.iter().filter(|(name, _)| name.ends_with(".png"));
        assert!(pngs.clone().all(|(_, bytes)| bytes.starts_with(b"\x89PNG")));
        assert_eq!(pngs.count(), 7);
    }
}
