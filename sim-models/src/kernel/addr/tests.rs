use crate::kernel::testkit::Lab;
#[test]
fn zz_replay() {
    let Ok(dir) = std::env::var("FUZZ") else { return };
    let mut files: Vec<_> = std::fs::read_dir(&dir)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "cmds"))
        .collect();
    files.sort();
    for f in files {
        let mut out = String::new();
        let mut lab = Lab::new();
        for d in ["v0", "v1", "v2"] {
            lab.dev(d);
        }
        for c in std::fs::read_to_string(&f).unwrap().lines() {
            let w: Vec<&str> = c.split_whitespace().collect();
            let r = match w[..] {
                ["carrier", d, s] => {
                    lab.carrier(d, s == "up");
                    Ok(())
                }
                ["sysctl", kv] => {
                    let (k, v) = kv.split_once('=').unwrap();
                    lab.sysctl(k, v)
                }
                _ => lab.ip(c),
            };
            out += &format!("$ {c}\n");
            if let Err(e) = r {
                out += &format!("!{e}\n");
            }
            for l in lab.routes(0) {
                out += &l;
                out += "\n";
            }
            for d in ["lo", "v0", "v1", "v2"] {
                for l in lab.addrs(d) {
                    out += &format!("{d}: {l}\n");
                }
            }
        }
        std::fs::write(f.with_extension("sim"), out).unwrap();
    }
}
