//! The hold model: a queue holds N events; the earliest is taken, and another is set ahead of it, again and again. The
//! classic measure of an event queue, for the one that ships, for two heaps, and for nexosim's engine.
//!
//!     cd tests/benches/hold && cargo run --release [PENDING…] [LAW…]
//!
//! Prints a line for each size and law of increments: nanoseconds for one event taken and set, best of three.

mod engine;

use sim_core::{queue::Pending, time::Time};
use std::{cmp::Reverse, collections::BinaryHeap, hint::black_box, time::Instant};

/// A queue of (time, number), all different.
trait Queue: Default {
    fn push(&mut self, at: u64, n: u32);
    fn pop(&mut self) -> (u64, u32);
}

/// What ships.
#[derive(Default)]
struct Ours(Pending<u64>);
impl Queue for Ours {
    #[inline]
    fn push(&mut self, at: u64, n: u32) {
        self.0.message(Time::from_ps(at), 0, n, u64::from(n));
    }
    #[inline]
    fn pop(&mut self) -> (u64, u32) {
        match self.0.pop_before(Time::MAX) {
            Some((key, n)) => (key.at.ps(), n as u32),
            None => (0, 0),
        }
    }
}

type Entry = (u128, u64);
fn entry(at: u64, n: u32) -> Entry {
    (u128::from(at) << 64 | u128::from(n), u64::from(n))
}
fn parts(e: Entry) -> (u64, u32) {
    ((e.0 >> 64) as u64, e.1 as u32)
}

/// std's heap.
#[derive(Default)]
struct Binary(BinaryHeap<Reverse<Entry>>);
impl Queue for Binary {
    #[inline]
    fn push(&mut self, at: u64, n: u32) {
        self.0.push(Reverse(entry(at, n)));
    }
    #[inline]
    fn pop(&mut self) -> (u64, u32) {
        self.0.pop().map_or((0, 0), |Reverse(e)| parts(e))
    }
}

/// A heap of four children a node.
#[derive(Default)]
struct Quaternary(Vec<Entry>);
impl Queue for Quaternary {
    #[inline]
    fn push(&mut self, at: u64, n: u32) {
        let e = entry(at, n);
        let v = &mut self.0;
        let mut i = v.len();
        v.push(e);
        while i > 0 && v[(i - 1) / 4].0 > e.0 {
            v[i] = v[(i - 1) / 4];
            i = (i - 1) / 4;
        }
        v[i] = e;
    }
    #[inline]
    fn pop(&mut self) -> (u64, u32) {
        let v = &mut self.0;
        let Some(&top) = v.first() else { return (0, 0) };
        let last = v.pop().unwrap_or(top);
        let (mut i, len) = (0, v.len());
        if len == 0 {
            return parts(top);
        }
        loop {
            let first = i * 4 + 1;
            if first >= len {
                break;
            }
            let mut least = first;
            for c in first + 1..len.min(first + 4) {
                if v[c].0 < v[least].0 {
                    least = c;
                }
            }
            if v[least].0 >= last.0 {
                break;
            }
            v[i] = v[least];
            i = least;
        }
        v[i] = last;
        parts(top)
    }
}

/// A small generator: the same increments for all.
struct Random(u64);
impl Random {
    fn new() -> Random {
        Random(0x2545_f491_4f6c_dd1d)
    }
    #[inline]
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

/// Picoseconds ahead, a millisecond or so on average; those of the exponential law from a table.
type Law = (&'static str, fn(u64, &[u64]) -> u64);
const LAWS: [Law; 4] = [
    ("uniform", |r, _| r % 2_000_000_000),
    ("exponential", |r, table| table[(r >> 20) as usize % table.len()]),
    // Packets and timers: nine in ten soon, one a hundred times later.
    ("bimodal", |r, _| if r % 10 == 0 { 9_000_000_000 + (r >> 8) % 2_000_000_000 } else { (r >> 8) % 200_000_000 }),
    ("equal", |_, _| 1_000_000_000),
];

fn exponential() -> Vec<u64> {
    (0..65_536).map(|i| (-1e9 * (1.0 - (f64::from(i) + 0.5) / 65_536.0).ln()) as u64).collect()
}

/// Nanoseconds for one event taken and set.
fn hold<Q: Queue>(pending: u32, law: fn(u64, &[u64]) -> u64, table: &[u64]) -> f64 {
    let (mut q, mut random) = (Q::default(), Random::new());
    for n in 0..pending {
        let r = random.next();
        // Spread out from the start, as events that are all equally far ahead are.
        q.push(law(r, table) / 1024 * (random.next() % 1024), n);
    }
    let steps = u64::from(pending).clamp(1_000_000, 5_000_000);
    let mut run = |q: &mut Q, steps| {
        let begun = Instant::now();
        for _ in 0..steps {
            let (at, n) = q.pop();
            q.push(at + law(random.next(), table), n);
        }
        begun.elapsed().as_nanos() as f64 / steps as f64
    };
    // Until the load is that of the law, not of the start.
    run(&mut q, u64::from(pending).max(100_000) * 2);
    let best = (0..3).map(|_| run(&mut q, steps)).fold(f64::MAX, f64::min);
    black_box(q.pop());
    best
}

fn main() {
    let mut sizes: Vec<u32> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let laws: Vec<String> = std::env::args().skip(1).filter(|a| a.parse::<u32>().is_err()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 100_000, 10_000_000];
    }
    let table = exponential();
    println!("{:>9} {:12} {:>8} {:>8} {:>8} {:>8}", "pending", "increments", "ours", "binary", "4-ary", "nexosim");
    for pending in sizes {
        for (name, law) in LAWS.into_iter().filter(|l| laws.is_empty() || laws.iter().any(|n| n == l.0)) {
            let (ours, binary, four) = (
                hold::<Ours>(pending, law, &table),
                hold::<Binary>(pending, law, &table),
                hold::<Quaternary>(pending, law, &table),
            );
            // Beyond that it takes more memory than many machines have.
            let engine = if pending > 1_000_000 {
                "-".to_owned()
            } else {
                engine::hold(pending, (name, law), &table).map_or_else(|e| e, |ns| format!("{ns:.1}"))
            };
            println!("{pending:>9} {name:12} {ours:>8.1} {binary:>8.1} {four:>8.1} {engine:>8}");
        }
    }
}
