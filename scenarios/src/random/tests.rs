use super::{
    Sketch,
    coverage::{Judged, Tally, judge},
    shrink, sketch,
};

/// Every world is of the language, and the simulator holds its laws in it.
#[test]
fn every_world_is_read_built_and_run() {
    let worlds: u64 = std::env::var("ONEROUTER_WORLDS").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let first: u64 = std::env::var("ONEROUTER_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    let mut tally = Tally::default();
    for number in 0..worlds {
        let world = sketch(first, number);
        match judge(&world) {
            Judged::Counted(outcome) => tally.count(&world, &outcome),
            Judged::Uncounted(why) => tally.redraw(why),
            Judged::Faulty(why) => {
                let same =
                    |s: &Sketch| matches!(judge(s), Judged::Faulty(w) if w.split(' ').next() == why.split(' ').next());
                let (small, _) = shrink::shrink(&world, 3000, &mut |s| same(s));
                panic!("{}\n{why}\nsmaller:\n{}", world.ron(), small.ron());
            }
        }
    }
    println!("{tally}");
    assert!(tally.counted > worlds / 3, "{tally}");
}

#[test]
fn a_world_depends_on_seed_and_number_alone() {
    let one = sketch(7, 3).ron();
    assert_eq!(one, sketch(7, 3).ron());
    assert_ne!(one, sketch(7, 4).ron());
    assert_ne!(one, sketch(8, 3).ron());
}

/// What is left of a world that has to hold an echo request and an answer to it: a veth pair or two; three where the
/// answer goes home another way round a ring, of which no part can be taken alone.
#[test]
fn a_world_shrinks_to_what_its_property_needs() {
    let answered = |s: &Sketch| match judge(s) {
        Judged::Counted(o) => o.flows.iter().any(|f| f.kind == "Ping" && f.received > 0),
        _ => false,
    };
    let worlds = (0..40).map(|n| sketch(11, n)).filter(|s| answered(s));
    let mut shrunk = 0;
    for world in worlds.take(5) {
        let (small, asked) = shrink::shrink(&world, 2000, &mut |s| answered(s));
        let text = small.ron();
        assert!(answered(&small) && asked <= 2000, "{text}");
        let devices: usize = small.nets().map(|(_, n)| n.devices.len()).sum();
        assert!(devices <= 6 && (small.flows.len(), small.steps.len()) == (1, 0), "{text}");
        shrunk += 1;
    }
    assert_eq!(shrunk, 5);
}
