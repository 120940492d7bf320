//! Pictures of latency. Each is laid out by us in logical pixels (`picture`), so that the page, the PNG and the tests see
//! the same thing, and drawn by plotters (`render`).

mod axis;
pub mod cdf;
pub mod font;
pub mod percentiles;
pub mod picture;
pub mod render;
mod sheet;
pub mod sweep;
pub mod timeline;

use picture::Picture;
use sheet::Caption;
use sweep::Curve;

use crate::{
    figures::{FlowFigures, PointFigures, ScenarioFigures},
    units, version,
};

/// The kinds of picture that each flow at each point gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Cdf,
    Percentiles,
    Timeline,
}

impl Kind {
    pub const ALL: [Kind; 3] = [Kind::Percentiles, Kind::Cdf, Kind::Timeline];

    /// The kinds that have something to show of `flow`.
    pub fn of(flow: &FlowFigures) -> impl Iterator<Item = Kind> {
        let (any_sent, any_received) = (flow.sent > 0, flow.latency.count() > 0);
        Kind::ALL.into_iter().filter(move |kind| if *kind == Kind::Timeline { any_sent } else { any_received })
    }

    /// Part of the file's name.
    pub const fn slug(self) -> &'static str {
        match self {
            Kind::Cdf => "cdf",
            Kind::Percentiles => "percentiles",
            Kind::Timeline => "timeline",
        }
    }
    /// What the picture shows, for titles.
    pub const fn title(self) -> &'static str {
        match self {
            Kind::Cdf => "latency distribution",
            Kind::Percentiles => "latency by percentile",
            Kind::Timeline => "load and latency over time",
        }
    }
}

/// One picture of one flow at one point.
pub fn of_flow(kind: Kind, scenario: &ScenarioFigures, point: &PointFigures, flow: &FlowFigures) -> Picture {
    let lost = if flow.lost > 0 { format!(" · {} lost", units::thousands(flow.lost)) } else { String::new() };
    let measured =
        format!("latency: {}, n = {} · {}{lost}", &flow.measure, units::thousands(flow.latency.count()), point.seeds());
    let caption = Caption {
        title: format!("{}: {}", flow.name, kind.title()),
        subtitle: join(&[&scenario.name, &point.outcome.label, &scenario.outcome.title]),
        foot: [measured, profile(scenario)],
    };
    match kind {
        Kind::Cdf => cdf::picture(flow, &caption),
        Kind::Percentiles => percentiles::picture(flow, &caption),
        Kind::Timeline => timeline::picture(flow, &point.drops, point.timeline(), &caption),
    }
}

/// The picture of one flow along a sweep.
pub fn of_curve(scenario: &ScenarioFigures, curve: &Curve) -> Picture {
    let n: u64 = curve.at.iter().map(|p| p.flow.latency.count()).sum();
    let seeds = curve.at.iter().map(|p| p.flow.seeds).max().unwrap_or(0);
    let measure = curve.at.first().map_or("", |p| p.flow.measure.as_str());
    let measured = format!(
        "latency: {measure}, n = {} at {} · {} each{}",
        units::thousands(n),
        units::count(curve.at.len(), "point", "points"),
        units::count(seeds, "seed", "seeds"),
        if seeds > 1 { "; bars: 95 % interval, Student t over seeds" } else { "" },
    );
    let caption = Caption {
        title: format!("{}: latency against {}", curve.flow, curve.path),
        subtitle: join(&[&scenario.name, &curve.fixed, &scenario.outcome.title]),
        foot: [measured, profile(scenario)],
    };
    sweep::picture(curve, &caption)
}

fn profile(scenario: &ScenarioFigures) -> String {
    let origin = &scenario.outcome.profile_origin;
    let from = if origin.is_empty() { String::new() } else { format!(" · {origin}") };
    format!("{} · cost profile {}{from}", version::program(), scenario.outcome.profile)
}

fn join(parts: &[&str]) -> String {
    let parts: Vec<&str> = parts.iter().copied().filter(|p| !p.is_empty()).collect();
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{figures::Figures, fixture};

    fn all_pictures() -> Vec<(String, Picture)> {
        let batch = fixture::batch();
        let figures = Figures::of(&batch);
        let mut pictures = Vec::new();
        for scenario in &figures.scenarios {
            for point in &scenario.points {
                for (flow, _) in point.shown() {
                    for kind in Kind::ALL {
                        let name = format!("{}-{}-{}-{}", scenario.slug, point.slug, flow.slug, kind.slug());
                        pictures.push((name, of_flow(kind, scenario, point, flow)));
                    }
                }
            }
            for curve in sweep::curves(scenario) {
                pictures.push((format!("{}-{}-sweep", scenario.slug, curve.flow), of_curve(scenario, &curve)));
            }
        }
        pictures
    }

    #[test]
    fn no_label_covers_another_or_leaves_the_sheet() {
        for (name, picture) in all_pictures() {
            assert_eq!(picture.collisions(), [], "{name}");
            assert!(!picture.description.is_empty(), "{name}");
        }
    }

    #[test]
    fn pictures_have_the_same_bytes_twice() {
        for ((name, first), (_, second)) in
            all_pictures().iter().zip(all_pictures()).filter(|((n, _), _)| n.contains("10k"))
        {
            assert_eq!(render::svg(first).unwrap(), render::svg(&second).unwrap(), "{name}");
            let (mut a, mut b) = (Vec::new(), Vec::new());
            render::png(first, &mut a).unwrap();
            render::png(&second, &mut b).unwrap();
            assert!(a == b && a.starts_with(b"\x89PNG"), "{name}");
        }
    }
}
