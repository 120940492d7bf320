use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use scenarios::outcome::Batch;
use serde_json::Value;

use super::*;
use crate::fixture;

type Files = BTreeMap<String, Vec<u8>>;

/// Every file of a folder, by its name.
fn files(folder: &Path) -> Files {
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

fn report(batch: &Batch, threads: usize, name: &str) -> Files {
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

fn text(files: &Files, name: &str) -> String {
    String::from_utf8(files[name].clone()).unwrap()
}

/// A small batch that has a bit of everything: few flows, since pictures take their time.
fn small() -> Batch {
    let mut odd = fixture::odd();
    odd.points[0].runs[0].flows.retain(|f| f.name == "nothing" || f.name.contains("markup"));
    odd.points[0].runs[0].flows[1].errors.insert("ECONNREFUSED".to_owned(), 3);
    odd.text = "</code></pre><script>alert(1)</script>".to_owned();
    odd.points[0].runs[0].walk_text = "<img src=x onerror=alert(1)>".to_owned();
    odd.path = "/home/somebody/secret/odd.ron".to_owned();
    Batch { scenarios: vec![fixture::outside(), odd] }
}

/// Its report, made once for all tests.
fn small_report() -> &'static Files {
    static REPORT: OnceLock<Files> = OnceLock::new();
    REPORT.get_or_init(|| report(&small(), 2, "small"))
}

#[test]
fn two_reports_are_the_same_bytes_for_any_number_of_threads() {
    let batch = Batch { scenarios: vec![fixture::outside()] };
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

/// The rows of a CSV whose fields hold no line ends, by column name.
fn rows(csv: &str) -> Vec<BTreeMap<String, String>> {
    let fields = |line: &str| -> Vec<String> {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    fields.last_mut().unwrap().push('"');
                }
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    };
    let mut lines = csv.lines();
    let head = fields(lines.next().unwrap());
    let row = |line| {
        let fields = fields(line);
        assert_eq!(fields.len(), head.len(), "{line}");
        head.iter().cloned().zip(fields).collect()
    };
    lines.map(row).collect()
}

/// A number, or null, as CSV has it.
fn number(value: &Value) -> String {
    if value.is_null() { String::new() } else { value.as_u64().unwrap().to_string() }
}

#[test]
fn numbers_in_the_tables_are_those_of_the_json() {
    let files = small_report();
    let json: Value = serde_json::from_slice(&files["results.json"]).unwrap();
    let table = |name: &str| rows(&text(files, name));
    let [flows, percentiles, series, drops, cdf] =
        ["flows.csv", "percentiles.csv", "series.csv", "drops.csv", "cdf.csv"].map(table);
    let (mut flows, mut percentiles) = (flows.iter(), percentiles.iter());
    let (mut series, mut drops, mut cdf) = (series.iter(), drops.iter(), cdf.iter());
    for scenario in json["scenarios"].as_array().unwrap() {
        for point in scenario["points"].as_array().unwrap() {
            for flow in point["flows"].as_array().unwrap() {
                let row = flows.next().unwrap();
                assert_eq!(row["seed"], "all");
                assert_eq!(row["flow"], flow["name"].as_str().unwrap());
                for name in ["sent", "received", "lost", "received_bytes", "active_ps"] {
                    assert_eq!(row[name], number(&flow[name]), "{name}");
                }
                for name in ["min_ps", "mean_ps", "p50_ps", "p90_ps", "p99_ps", "p99_9_ps", "max_ps"] {
                    assert_eq!(row[name], number(&flow["latency"][name]), "{name}");
                }
                for run in point["runs"].as_array().unwrap() {
                    let row = flows.next().unwrap();
                    assert_eq!(row["seed"], number(&run["seed"]));
                    assert_eq!(row["digest"], run["digest"].as_str().unwrap());
                    let of_run = run["flows"].as_array().unwrap().iter().find(|f| f["name"] == flow["name"]).unwrap();
                    assert_eq!(row["p99_ps"], number(&of_run["latency"]["p99_ps"]));
                }
                for p in flow["percentiles"].as_array().unwrap() {
                    let row = percentiles.next().unwrap();
                    assert_eq!(row["per_million"], number(&p["per_million"]));
                    assert_eq!(row["latency_ps"], number(&p["latency_ps"]));
                    assert_eq!(row["seeds_margin_ps"], number(&p["seeds_margin_ps"]));
                }
                for slot in flow["series"]["slots"].as_array().unwrap() {
                    let row = series.next().unwrap();
                    for name in
                        ["from_ps", "sent", "received", "received_bytes", "min_ps", "p50_ps", "p99_ps", "max_ps"]
                    {
                        assert_eq!(row[name], number(&slot[name]), "{name}");
                    }
                }
                for bucket in flow["cdf"].as_array().unwrap() {
                    let row = cdf.next().unwrap();
                    for name in ["from_ps", "to_ps", "count", "count_up_to"] {
                        assert_eq!(row[name], number(&bucket[name]), "{name}");
                    }
                }
            }
            for drop in point["drops"].as_array().unwrap() {
                let row = drops.next().unwrap();
                assert_eq!(row["reason"], drop["reason"].as_str().unwrap());
                assert_eq!(row["meaning"], drop["meaning"].as_str().unwrap());
                assert_eq!(row["count"], number(&drop["count"]));
            }
        }
    }
    assert!([flows.next(), percentiles.next(), series.next(), drops.next(), cdf.next()].iter().all(Option::is_none));
    let web = &json["scenarios"][0]["points"][1]["flows"][0];
    assert_eq!(number(&web["received"]), "19580");
    assert_eq!(web["cdf"].as_array().unwrap().last().unwrap()["count_up_to"], web["received"]);
}

/// Values of an attribute in HTML.
fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let begin = format!(" {name}=\"");
    html.split(&begin).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn the_page_loads_nothing_and_its_links_lead_somewhere() {
    let files = small_report();
    let html = text(files, "report.html");
    assert_eq!(attributes(&html, "src"), [] as [&str; 0]);
    let ids = attributes(&html, "id");
    for link in attributes(&html, "href") {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(ids.contains(&anchor), "{link}"),
            None => assert!(files.contains_key(link), "{link}"),
        }
    }
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "an id twice");
    for word in ["@import", "url(", "http://", "https://"] {
        let rest = html.replace("http://www.w3.org/2000/svg", "");
        assert!(!rest.contains(word), "{word}");
    }
    assert!(html.contains("default-src 'none'"));
    assert!(!html.contains("somebody"), "a path of the machine");
    assert!(!text(files, "results.json").contains("somebody"));
}

#[test]
fn markup_from_outside_stays_text() {
    let html = text(small_report(), "report.html");
    assert_eq!(html.matches("<script").count(), 1, "only the page's own");
    assert!(!html.contains("<img") && !html.contains("<b>markup"));
    assert!(html.contains("&lt;img src=x onerror=alert(1)&gt;"));
    assert!(html.contains("ECONNREFUSED 3"));
}

#[test]
fn every_tag_that_opens_closes() {
    const VOID: [&str; 4] = ["meta", "input", "br", "!doctype"];
    let html = text(small_report(), "report.html");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.as_str();
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        let name = tag.trim_start_matches('/').split([' ', '\n', '/']).next().unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "near {}", &rest[..80.min(rest.len())]);
        } else if !VOID.contains(&name) && !tag.ends_with('/') {
            open.push(name);
        }
        if name == "script" || name == "style" {
            // Their text is not markup.
            let close = format!("</{name}");
            if !tag.starts_with('/') {
                rest = &rest[rest.find(&close).unwrap()..];
            }
        }
    }
    assert_eq!(open, [] as [&str; 0]);
}

#[test]
fn what_failed_stands_first_and_open_with_its_cause() {
    let html = text(small_report(), "report.html");
    let failures = &html[html.find("<ul class=\"failures\">").unwrap()..html.find("</ul>").unwrap()];
    assert!(failures.contains("lost: CPU_BACKLOG 412 at h1/root/veth1"), "{failures}");
    assert!(failures.contains("ledger of h1: 10 born, 9 accounted for"));
    assert!(
        html.contains("id=\"scenarios-docker-outside.100k-s\" open>")
            && html.contains("id=\"scenarios-docker-outside.10k-s\">")
    );
    assert!(html.find("class=\"failures\"").unwrap() < html.find("<svg").unwrap());
}

#[test]
fn of_very_many_flows_the_failed_ones_are_drawn_first() {
    let point = |i: usize| {
        let verdicts = if i == 699 { vec![fixture::verdict(false, "x", "y", "z", None)] } else { vec![] };
        fixture::point(&i.to_string(), &[], vec![fixture::run(1, vec![fixture::flow_of("ping", &[5, 6])])], verdicts)
    };
    let batch = Batch { scenarios: vec![fixture::scenario("many.ron", "Many", (0..700).map(point).collect())] };
    let figures = Figures::of(&batch);
    let jobs = jobs(&figures);
    assert_eq!(jobs.len(), DRAWN_FLOWS * Kind::ALL.len());
    assert_eq!(jobs.iter().filter(|j| j.inline).count(), INLINE_FLOWS * Kind::ALL.len());
    assert_eq!(jobs[0].stem, "plots/many/699.ping.percentiles");
    let page = html::page(&figures, &html::Pictures::new());
    assert_eq!(page.matches("(not drawn: there are too many)").count(), 700 * Kind::ALL.len());
}
