use std::path::PathBuf;
fn main() {
    let paths: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let begun = std::time::Instant::now();
    let plans = match scenarios::plans(&paths) {
        Ok(p) => p,
        Err(d) => {
            for d in d {
                println!("{}\n", d.render(false));
            }
            return;
        }
    };
    eprintln!("planned in {:?}", begun.elapsed());
    match scenarios::run::run_all(&plans, 1, &|_, _| {}) {
        Err(d) => {
            for d in d {
                println!("{}\n", d.render(false));
            }
        }
        Ok(b) => {
            for s in b.scenarios {
                println!("== {} {}", s.path, s.title);
                for p in s.points {
                    println!("-- {}", p.label);
                    for r in &p.runs {
                        println!(
                            "seed {} digest {:x} events {} crossings {} ended {} ledger {:?} fault {:?}",
                            r.seed,
                            r.digest,
                            r.events,
                            r.crossings,
                            sim_core::time::Span::from_ps(r.ended_ps),
                            r.ledger,
                            r.fault
                        );
                        for f in &r.flows {
                            let q = |n| {
                                f.latency.quantile(n).map(sim_core::time::Span::from_ps).unwrap_or_default().to_string()
                            };
                            println!(
                                "  {} sent {} received {} lost {} p50 {} p99 {} max {} {:?}",
                                f.name,
                                f.sent,
                                f.received,
                                f.lost,
                                q(500_000),
                                q(990_000),
                                q(1_000_000),
                                f.errors
                            );
                        }
                        if std::env::var("TEXT").is_ok() {
                            println!("{}\n{}", r.walk_text, r.state_text);
                        }
                    }
                    for v in &p.verdicts {
                        println!(
                            "  {} {} {}: {} {}",
                            if v.holds { "ok" } else { "FAIL" },
                            v.place,
                            v.text,
                            v.measured,
                            v.cause
                        );
                    }
                }
            }
        }
    }
    eprintln!("all in {:?}", begun.elapsed());
}
