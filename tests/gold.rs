//! The simulator against the traces that a real kernel left in `tests/gold/`, and where those come from.
//! `onerouter verify scenarios --gold update` records them again, `--gold check` shows what has changed.

use onerouter_tests::{gold, sim, source};
use scenarios::verify::gold as trace;

#[test]
fn the_simulator_does_what_the_kernel_did() {
    let all = gold::all();
    assert!(all.len() >= 10, "only {} gold traces", all.len());
    let (mut findings, mut frames, mut points) = (Vec::new(), 0, 0);
    for g in &all {
        for (label, tiers) in gold::compared(g) {
            let name = format!("{} {label}", g.scenario);
            match tiers {
                Ok(t) => {
                    frames += t.frames;
                    points += 1;
                    for d in t.differences {
                        findings.push(format!(
                            "{name}: T{} {} {}\n    kernel    {}\n    simulator {}",
                            d.tier, d.place, d.what, d.kernel, d.simulator
                        ));
                    }
                }
                Err(why) => findings.push(format!("{name}: {why}")),
            }
        }
    }
    println!("{points} points of {} scenarios, {frames} frames", all.len());
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    assert!(frames > 1000);
}

#[test]
fn every_gold_trace_comes_from_a_real_kernel_and_a_scenario_of_the_catalogue() {
    for file in gold::files() {
        let text = sim::file(&file);
        let g = trace::read(&text).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(trace::text(&g), text, "{file} is not as it was written");
        assert!(source::text(&g.scenario).is_some(), "{file} is of {}, which is not there", g.scenario);
        // One that was made by anything else is refused, whatever else is right about it.
        for (from, to) in [(g.oracle.as_str(), "simulator"), (g.kernel.as_str(), "x.y"), (g.config.as_str(), "")] {
            let forged = text.replacen(&format!("\"{from}\""), &format!("\"{to}\""), 1);
            assert!(trace::read(&forged).is_err(), "{file}: `{to}` for `{from}` is accepted");
        }
    }
}
