//! Each deliberate fault of the simulator has to be noticed by the gold traces:
//! `cargo test -p onerouter-tests --features mutations --test mutations -- --nocapture` prints by which one.

use onerouter_tests::gold;
use sim_models::mutation::{self, Mutation};

/// The first trace that disagrees: scenario, point, tier, and what differs.
fn caught() -> Option<String> {
    for g in gold::all() {
        for (label, tiers) in gold::compared(&g) {
            let name = g.scenario.trim_start_matches("scenarios/").trim_end_matches(".ron");
            match tiers {
                Ok(t) => {
                    if let Some(d) = t.differences.first() {
                        return Some(format!("T{} {name} {label}: {} {}", d.tier, d.place, d.what));
                    }
                }
                // A fault that breaks a law of the simulator itself shows as well.
                Err(why) => return Some(format!("-- {name} {label}: {why}")),
            }
        }
    }
    None
}

#[test]
fn every_fault_is_noticed() {
    assert_eq!(caught(), None, "without a fault");
    assert!(Mutation::ALL.len() >= 20);
    let mut unnoticed = Vec::new();
    println!("{:<24} {:<66} noticed by", "fault", "what is wrong");
    for m in Mutation::ALL {
        mutation::set(Some(*m));
        let by = caught();
        mutation::set(None);
        let name = format!("{m:?}");
        println!("{name:<24} {:<66} {}", m.doc(), by.as_deref().unwrap_or("NOBODY"));
        if by.is_none() {
            unnoticed.push(name);
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed {}", unnoticed.join(", "));
}
