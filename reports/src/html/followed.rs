//! Where the time of single messages went: a bar for each percentile, which opens to the walk of that very message.

use std::fmt::Write;

use scenarios::outcome::{FollowedOutcome, Stage, Why};

use super::tables;
use crate::{escape::xml, figures::PointFigures, journey, paint::Paint, units};

/// Bars share one scale unless the longest is so many times the shortest.
const SCALE: u64 = 8;

/// The bars of one flow, and the same numbers as a table; nothing if none of its messages was followed.
pub fn bars(html: &mut String, point: &PointFigures, flow: &str) {
    let Some(run) = point.outcome.runs.first() else { return };
    let percentile = |f: &&FollowedOutcome| matches!(f.why, Why::Percentile(_)) && f.flow == flow && f.total_ps > 0;
    let followed: Vec<&FollowedOutcome> = run.followed.iter().filter(percentile).collect();
    if followed.is_empty() {
        if !run.not_followed.is_empty() {
            let _ = writeln!(html, "<p class=\"muted\">Where the time went: {}.</p>", xml(&run.not_followed));
        }
        return;
    }
    let longest = followed.iter().map(|f| f.total_ps).max().unwrap_or(1);
    let shortest = followed.iter().map(|f| f.total_ps).min().unwrap_or(1);
    let shared = longest <= shortest.saturating_mul(SCALE);
    let scale = if shared { "one scale" } else { "each bar is its own whole" };
    let _ =
        write!(html, "<figure class=\"wide went\">\n<h4>Where it went</h4>\n<ul class=\"key\" aria-hidden=\"true\">");
    for stage in Stage::ALL.iter().filter(|s| followed.iter().any(|f| f.stages.iter().any(|(of, _)| of == *s))) {
        let _ =
            write!(html, "<li title=\"{}\"><i class=\"{}\"></i>{}</li>", xml(stage.doc()), class(*stage), stage.name());
    }
    html.push_str("</ul>\n");
    for f in &followed {
        bar(html, f, if shared { longest } else { f.total_ps });
    }
    let _ = write!(
        html,
        "<figcaption>One message for each percentile, followed through a second run of seed {}; {scale}; hatched: it \
         waits. Open a bar for the walk of that message. {}</figcaption>\n<details>\n<summary>as table</summary>\n",
        run.seed,
        if run.not_followed.is_empty() { String::new() } else { format!("{}.", xml(&run.not_followed)) }
    );
    tables::went(html, &followed);
    html.push_str("</details>\n</figure>\n");
}

/// "p99", "p99.9".
pub fn name(why: &Why) -> String {
    match why {
        Why::Percentile(p) => format!("p{}", units::percentile(*p)),
        Why::Dropped { reason, .. } => reason.clone(),
    }
}

fn class(stage: Stage) -> String {
    format!("s{}{}", stage as usize, if stage.is_wait() { " wait" } else { "" })
}

fn bar(html: &mut String, f: &FollowedOutcome, scale: u64) {
    let share = |ps: u64| units::fixed((u128::from(ps) * 100_000 / u128::from(scale.max(1))) as u64, 1_000, 3);
    let parts: Vec<String> =
        f.stages.iter().map(|(stage, ps)| format!("{} {}", stage.name(), units::span(*ps))).collect();
    let _ = write!(
        html,
        "<details class=\"went\">\n<summary><span class=\"p\">{} <b>{}</b></span><span class=\"stack\" role=\"img\" \
         aria-label=\"{}\">",
        name(&f.why),
        units::span(f.total_ps),
        xml(&parts.join(", "))
    );
    for (stage, ps) in &f.stages {
        let (wide, text) = (share(*ps), format!("{} {}", stage.name(), units::span(*ps)));
        let _ =
            write!(html, "<span class=\"{}\" style=\"width:{wide}%\" title=\"{}\"></span>", class(*stage), xml(&text));
    }
    html.push_str("</span></summary>\n");
    walk(html, f);
    html.push_str("</details>\n");
}

/// The walk of a followed message.
pub fn walk(html: &mut String, f: &FollowedOutcome) {
    let text = journey::render(&f.journey, true, Paint::Plain);
    let _ = write!(
        html,
        "<p class=\"muted\">{}, packet {}</p>\n<pre><code>{}</code></pre>\n",
        xml(&f.flow),
        units::thousands(u64::from(f.packet)),
        xml(&text)
    );
}
