//! The figures as tables (RFC 4180, line feeds), one row a thing; columns carry units. The same numbers as in
//! `results.json`.

use std::io::{self, Write};

use scenarios::outcome::Why;
use sim_core::hist::Hist;

use crate::{
    escape::csv as field,
    figures::{BATCH_MEANS, Figures, FlowFigures, PointFigures, ScenarioFigures, load},
    plot::{sweep, timeline},
    units, version,
};

/// Writes one table.
pub type Writer = fn(&Figures, &mut dyn Write) -> io::Result<()>;

/// File name and writer of each table.
pub const TABLES: [(&str, Writer); 11] = [
    ("flows.csv", flows),
    ("percentiles.csv", percentiles),
    ("cdf.csv", cdf),
    ("series.csv", series),
    ("drops.csv", drops),
    ("curves.csv", curves),
    ("stages.csv", stages),
    ("verdicts.csv", verdicts),
    ("topology.csv", topology),
    ("followed.csv", followed),
    ("runs.csv", runs),
];

/// A number, or nothing.
fn maybe(n: Option<u64>) -> String {
    n.map(|n| n.to_string()).unwrap_or_default()
}

/// The first columns of every row: scenario, point.
fn head(scenario: &ScenarioFigures, point: &PointFigures) -> String {
    format!("{},{}", field(&scenario.name), field(&point.outcome.label))
}

fn points<'f>(figures: &'f Figures) -> impl Iterator<Item = (&'f ScenarioFigures<'f>, &'f PointFigures<'f>)> {
    figures.scenarios.iter().flat_map(|s| s.points.iter().map(move |p| (s, p)))
}

fn each_flow(
    figures: &Figures,
    to: &mut dyn Write,
    mut row: impl FnMut(&str, &FlowFigures, &mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    for (scenario, point) in points(figures) {
        for flow in &point.flows {
            row(&format!("{},{}", head(scenario, point), field(&flow.name)), flow, to)?;
        }
    }
    Ok(())
}

fn latency(hist: &Hist) -> String {
    let quantiles = [500_000, 900_000, 990_000, 999_000].map(|p| maybe(hist.quantile(p)));
    format!("{},{},{},{}", maybe(hist.min()), maybe(hist.mean()), quantiles.join(","), maybe(hist.max()))
}

/// A row for each flow with all seeds together (seed "all"), then one for each seed.
fn flows(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(
        to,
        "scenario,point,flow,seed,kind,measure,sent,received,lost,received_bytes,active_ps,min_ps,mean_ps,p50_ps,p90_ps,\
         p99_ps,p99_9_ps,max_ps,p99_margin_ps,digest,status,expected,in_flight,mean_margin_ps,mean_method,warmup,left_out,\
         receivers"
    )?;
    for (scenario, point) in points(figures) {
        let head = head(scenario, point);
        for flow in &point.flows {
            let (name, kind, measure) = (field(&flow.name), field(&flow.kind), field(&flow.measure));
            writeln!(
                to,
                "{head},{name},all,{kind},{measure},{},{},{},{},{},{},{},,{},{},{},{},{},{}",
                flow.sent,
                flow.received,
                flow.lost,
                flow.bytes,
                flow.active_ps,
                latency(&flow.latency),
                maybe(flow.margin(990_000)),
                point.status.word(),
                flow.expected,
                flow.in_flight,
                mean_of(flow),
                warmup_of(flow.warmup.as_ref().map(|w| (w.method.as_str(), w.messages))),
                field(&receivers(flow.receivers.iter().map(|(at, n)| (*at, *n))))
            )?;
            for (run, flow) in &flow.runs {
                writeln!(
                    to,
                    "{head},{name},{},{kind},{measure},{},{},{},{},{},{},,{:016x},,{},{},{},{},{},{}",
                    run.seed,
                    flow.sent,
                    flow.received,
                    flow.lost,
                    flow.bytes,
                    flow.active_ps,
                    latency(&flow.latency),
                    run.digest,
                    flow.expected,
                    flow.in_flight,
                    maybe(flow.batch_mean.map(|b| b.margin)),
                    field(flow.batch_mean.map_or("", |_| BATCH_MEANS)),
                    warmup_of(flow.warmup.as_ref().map(|w| (w.method.as_str(), w.messages))),
                    field(&receivers(flow.receivers.iter().map(|(at, n)| (at.as_str(), *n))))
                )?;
            }
        }
    }
    Ok(())
}

/// Half the interval of the mean, and the method.
fn mean_of(flow: &FlowFigures) -> String {
    let mean = flow.mean.filter(|m| m.margin_ps.is_some());
    format!("{},{}", maybe(mean.and_then(|m| m.margin_ps)), field(mean.map_or("", |m| m.method)))
}

/// Method, and messages left out.
fn warmup_of(cut: Option<(&str, u64)>) -> String {
    cut.map_or_else(|| ",".to_owned(), |(method, messages)| format!("{},{messages}", field(method)))
}

/// "h1/c2 10 h1/c3 10"
fn receivers<'r>(all: impl Iterator<Item = (&'r str, u64)>) -> String {
    all.map(|(at, n)| format!("{at} {n}")).collect::<Vec<_>>().join(" ")
}

/// A row a point of each flow along a sweep.
fn curves(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(
        to,
        "scenario,flow,path,fixed,value,mean_ps,mean_margin_ps,mean_method,p50_ps,p99_ps,lost,sent,carried_per_1000_s,\
         power_per_million,knee,knee_method"
    )?;
    for scenario in &figures.scenarios {
        for curve in sweep::curves(scenario) {
            let (name, flow) = (field(&scenario.name), field(curve.flow));
            let (path, fixed) = (field(curve.path), field(&curve.fixed));
            for (i, p) in curve.at.iter().enumerate() {
                let load = curve.load.as_ref();
                writeln!(
                    to,
                    "{name},{flow},{path},{fixed},{},{},{},{},{},{},{},{},{},{},{}",
                    field(p.text),
                    maybe(p.flow.mean.map(|m| m.mean_ps)),
                    mean_of(p.flow),
                    maybe(p.flow.percentile(500_000)),
                    maybe(p.flow.percentile(990_000)),
                    p.flow.lost,
                    p.flow.sent,
                    maybe(load.map(|l| l.carried[i])),
                    maybe(load.map(|l| l.power[i])),
                    load.map_or("", |l| if l.knee == Some(i) { "true" } else { "false" }),
                    load.map_or("", |_| load::METHOD)
                )?;
            }
        }
    }
    Ok(())
}

fn percentiles(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,flow,per_million,latency_ps,seeds_mean_ps,seeds_margin_ps")?;
    each_flow(figures, to, |head, flow, to| {
        for p in &flow.percentiles {
            let (mean, margin) = (maybe(p.spread.map(|s| s.mean)), maybe(p.spread.map(|s| s.margin)));
            writeln!(to, "{head},{},{},{mean},{margin}", p.per_million, p.latency_ps)?;
        }
        Ok(())
    })
}

fn cdf(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,flow,from_ps,to_ps,count,count_up_to")?;
    each_flow(figures, to, |head, flow, to| {
        let mut up_to = 0u64;
        for (low, high, count) in flow.latency.buckets() {
            up_to = up_to.saturating_add(count);
            writeln!(to, "{head},{low},{high},{count},{up_to}")?;
        }
        Ok(())
    })
}

fn series(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,flow,from_ps,slot_ps,sent,received,received_bytes,min_ps,p50_ps,p99_ps,max_ps")?;
    each_flow(figures, to, |head, flow, to| {
        let width = flow.series.width().ps();
        for (from, slot) in timeline::slots(flow) {
            let values = [0, 500_000, 990_000, 1_000_000].map(|p| maybe(slot.latency.quantile(p)));
            let (sent, received, bytes) = (slot.sent, slot.received, slot.bytes);
            writeln!(to, "{head},{from},{width},{sent},{received},{bytes},{}", values.join(","))?;
        }
        Ok(())
    })
}

fn drops(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,reason,place,hop,count,first_ps,meaning")?;
    for (scenario, point) in points(figures) {
        for drop in &point.drops {
            writeln!(
                to,
                "{},{},{},{},{},{},{}",
                head(scenario, point),
                field(&drop.reason),
                field(&drop.place),
                field(&drop.hop),
                drop.count,
                drop.first_ps,
                field(&drop.meaning)
            )?;
        }
    }
    Ok(())
}

fn stages(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,hop,count,core_ps")?;
    for (scenario, point) in points(figures) {
        for (hop, (count, ps)) in &point.stages {
            writeln!(to, "{},{},{count},{ps}", head(scenario, point), field(hop))?;
        }
    }
    Ok(())
}

/// A row a stage of each followed message.
fn followed(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,seed,flow,packet,why,stage,stage_ps,total_ps")?;
    for (scenario, point) in points(figures) {
        let head = head(scenario, point);
        for run in point.outcome.runs.iter().take(1) {
            for f in &run.followed {
                let why = match &f.why {
                    Why::Percentile(p) => format!("p{}", units::percentile(*p)),
                    Why::Dropped { reason, place } => format!("{reason} at {place}"),
                };
                let who = format!("{head},{},{},{},{}", run.seed, field(&f.flow), f.packet, field(&why));
                for (stage, ps) in &f.stages {
                    writeln!(to, "{who},{},{ps},{}", field(stage.name()), f.total_ps)?;
                }
                if f.stages.is_empty() {
                    writeln!(to, "{who},,,{}", f.total_ps)?;
                }
            }
        }
    }
    Ok(())
}

/// Where every row of the other tables comes from: a row a run.
fn runs(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,seed,digest,events,crossings,ended_ps,profile,profile_origin,program")?;
    for (scenario, point) in points(figures) {
        let (profile, origin) = (field(&scenario.outcome.profile), field(&scenario.outcome.profile_origin));
        let (head, program) = (head(scenario, point), field(&version::program()));
        for r in &point.outcome.runs {
            let (seed, digest, events) = (r.seed, r.digest, r.events);
            writeln!(
                to,
                "{head},{seed},{digest:016x},{events},{},{},{profile},{origin},{program}",
                r.crossings, r.ended_ps
            )?;
        }
    }
    Ok(())
}

/// A row a device, at the end of each scenario's first run.
fn topology(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(
        to,
        "scenario,device,kind,ifindex,up,state,mac,mtu,addresses,far_end,master,rx_packets,rx_bytes,tx_packets,tx_bytes,place"
    )?;
    for scenario in &figures.scenarios {
        let Some((topology, _)) = &scenario.topology else { continue };
        for (h, n, d) in topology.devices() {
            let (path, far) = (format!("{}/{}/{}", h.name, n.name, d.name), topology.far_end(&h.name, &n.name, d));
            let texts = [&d.state, &d.mac].map(|t| field(t)).join(",");
            let (addresses, master) = (d.addresses.join(" "), d.master.as_deref().unwrap_or(""));
            writeln!(
                to,
                "{},{},{},{},{},{texts},{},{},{},{},{},{},{},{},{}",
                field(&scenario.name),
                field(&path),
                field(&d.kind),
                d.ifindex,
                d.up,
                d.mtu,
                field(&addresses),
                field(&far),
                field(master),
                d.rx.0,
                d.rx.1,
                d.tx.0,
                d.tx.1,
                field(d.place.as_deref().unwrap_or(""))
            )?;
        }
    }
    Ok(())
}

fn verdicts(figures: &Figures, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to, "scenario,point,place,expectation,holds,measured,cause")?;
    for (scenario, point) in points(figures) {
        for v in &point.outcome.verdicts {
            writeln!(
                to,
                "{},{},{},{},{},{}",
                head(scenario, point),
                field(&v.place),
                field(&v.text),
                v.holds,
                field(&v.measured),
                field(&v.cause)
            )?;
        }
    }
    Ok(())
}
