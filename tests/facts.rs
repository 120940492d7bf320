//! What proves each numbered fact of kernel behaviour; docs/facts.md is the table, `.ci/run facts` holds it up to date.

use onerouter_tests::facts::{self, Standing};

/// Facts that nothing proves yet: may only become fewer.
const OPEN: usize = 160;

#[test]
fn few_facts_are_open_or_left_out() {
    let facts = facts::facts();
    let open: Vec<&str> = facts.iter().filter(|f| f.standing == Standing::Open).map(|f| f.number.as_str()).collect();
    let left_out = facts.iter().filter(|f| matches!(f.standing, Standing::OutOfScope(_))).count();
    assert_eq!(facts.len(), 336);
    assert!(left_out <= 35, "{left_out} facts are out of scope");
    assert!(open.len() <= OPEN, "{} facts are open, {OPEN} were: {open:?}", open.len());
}
