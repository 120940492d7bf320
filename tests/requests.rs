//! Wrong requests: what `ip`, `bridge` and `sysctl` and the kernel say to them (`requests/gold.txt`, made by
//! `requests/kernel.sh` on Linux 6.18 with iproute2 6.1), and what the simulator says.

use onerouter_tests::source;
use scenarios::iproute2::{self, Op};
use sim_core::rng::Streams;
use sim_models::{
    cost::Costs,
    kernel::{Cx, Kernel, NsId},
};

/// One request and its answer.
struct Request<'a> {
    line: &'a str,
    /// `-`: the tool asked the kernel for nothing.
    errno: &'a str,
    /// The first line that was printed.
    text: &'a str,
}

fn requests(gold: &str) -> Vec<Request<'_>> {
    let mut all = Vec::new();
    for block in gold.split("> ").skip(1) {
        let mut lines = block.lines();
        let line = lines.next().unwrap_or_default();
        let errno = lines.next().and_then(|l| l.split(' ').nth(2)).unwrap_or("-");
        all.push(Request { line, errno, text: lines.next().unwrap_or_default() });
    }
    all
}

/// A command line in `ns`: the errno of a refusal, and what is printed. No errno: what is read was refused before any
/// kernel was asked.
fn ask(k: &mut Kernel, cx: &mut Cx, ns: NsId, line: &str) -> Result<(), (String, String)> {
    let commands = iproute2::parse(line).map_err(|e| (String::new(), e.text))?;
    for c in commands {
        let ns = c.ns.as_deref().map_or(Some(ns), |name| k.ns_by_name(name));
        let ns = ns.ok_or_else(|| ("-".to_owned(), "no such namespace".to_owned()))?;
        match c.op {
            Op::Rtnl(op) => {
                let tool = |e: &sim_models::kernel::RtnlError| e.verbatim && !line.starts_with("sysctl");
                k.rtnl(cx, ns, &op).map_err(|e| {
                    let errno = if tool(&e) { "-" } else { e.errno.name() };
                    (errno.to_owned(), e.to_string())
                })?;
            }
            Op::NewNs(name) => {
                k.new_ns(cx, &name);
            }
            Op::DelNs(name) => {
                k.del_ns(cx, &name);
            }
        }
    }
    Ok(())
}

/// Every one of them has the real text, and the real errno where the kernel was asked.
#[test]
fn wrong_requests_are_refused_as_the_kernel_refuses_them() {
    let mut cx = Cx::new(0, 250, Costs::flat("zero", 0), Streams::new(1));
    let mut k = Kernel::new(&mut cx, 0, 1, 250);
    let setup = source::text("tests/requests/setup.txt").expect("setup.txt");
    for line in setup.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        assert_eq!(ask(&mut k, &mut cx, NsId::ROOT, line), Ok(()), "{line}");
    }
    let a = k.ns_by_name("req-a").expect("req-a");
    let gold = source::text("tests/requests/gold.txt").expect("gold.txt");
    let all = requests(&gold);
    assert!(all.len() >= 150, "{} requests", all.len());
    let mut wrong = Vec::new();
    for r in &all {
        let (errno, text) = match ask(&mut k, &mut cx, a, r.line) {
            Ok(()) => ("0".to_owned(), "done".to_owned()),
            Err(e) => e,
        };
        let text = text.lines().next().unwrap_or_default().trim_end();
        if text != r.text || (!errno.is_empty() && errno != r.errno) {
            wrong.push(format!("{}\n  kernel    {} {}\n  simulator {errno} {text}", r.line, r.errno, r.text));
        }
    }
    assert!(wrong.is_empty(), "{} of {} differ\n{}", wrong.len(), all.len(), wrong.join("\n"));
}
