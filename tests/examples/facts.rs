//! Prints docs/facts.md: which numbered facts of kernel behaviour are proved, and by what.

fn main() {
    print!("{}", onerouter_tests::facts::table(&onerouter_tests::facts::facts()));
}
