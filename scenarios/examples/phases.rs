use std::sync::Arc;
struct Instant(u64);
impl Instant {
    fn now() -> Instant {
        let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
        Instant(text.split(' ').next().unwrap().parse().unwrap())
    }
    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::from_nanos(Instant::now().0 - self.0)
    }
}
fn main() {
    let path = std::env::args().nth(1).unwrap();
    let t = Instant::now();
    let source = Arc::new(scenarios::source::Source::read(path.as_ref()).unwrap());
    let (root, mut sink) = scenarios::tree::parse(&source);
    let root = root.unwrap();
    eprintln!("tree {:?}", t.elapsed());
    let t = Instant::now();
    let s: scenarios::spec::Scenario = scenarios::read::read(&source, &root, &mut sink).unwrap();
    eprintln!("read {:?}", t.elapsed());
    let t = Instant::now();
    let names = scenarios::names::Names::new(&s);
    eprintln!("names {:?}", t.elapsed());
    let t = Instant::now();
    scenarios::check::meaning(&source, &s, &[], &mut sink);
    eprintln!("check {:?}", t.elapsed());
    let t = Instant::now();
    let mut asked = Vec::new();
    scenarios::build::before_cables(&names, 0, &s, &mut |p| asked.push(p));
    scenarios::build::with_cables(&source, &names, 0, &mut |p| asked.push(p)).unwrap();
    eprintln!("ops {} {:?}", asked.len(), t.elapsed());
    let t = Instant::now();
    let b = scenarios::build::build(&source, &s, scenarios::profile::load("unit").unwrap(), 1)
        .map_err(|e| e[0].render(false))
        .unwrap_or_else(|e| panic!("{e}"));
    eprintln!("build {:?}", t.elapsed());
    let t = Instant::now();
    drop(b);
    drop(asked);
    drop(names);
    drop(s);
    eprintln!("drop {:?}", t.elapsed());
}
