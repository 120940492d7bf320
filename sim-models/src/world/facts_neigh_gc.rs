//! The periodic collection of neighbours nobody uses.

use super::facts_kit::{at, ip, m, two};
use crate::kernel::{
    RtnlOp,
    neigh::neigh_lines,
    rtnl::{How, Nud},
};

/// NEIGH-18: below 128 entries of the whole host nothing is collected; from 128 on an entry goes that was not used for
/// gc_stale_time (60 s), at a look every 15 s. PERMANENT entries stay.
#[test]
fn unused_entries_go_from_gc_thresh1_on() {
    for (entries, left) in [(127, 127), (128, 1)] {
        let (mut f, a, _) = two();
        for n in 0..entries {
            let state = if n == 0 { Nud::Permanent } else { Nud::Stale };
            let dst = ip("10.0.0.10") + n;
            let op = RtnlOp::NewNeigh { dev: "eth0".into(), dst, lladdr: Some(m(9)), state, how: How::Add };
            f.l.op(0, a, op);
        }
        let count = |f: &super::facts_kit::Facts| neigh_lines(&f.l.w.hosts[0].kernel, a).len();
        f.l.w.run_until(at(59_000)).unwrap();
        assert_eq!(count(&f), entries as usize, "nothing is 60 s old yet");
        f.l.w.run_until(at(80_000)).unwrap();
        assert_eq!(count(&f), left, "of {entries}");
        f.l.w.check_laws().unwrap();
    }
}
