//! ICMP. (stub)
#[derive(Default)]
pub struct Limits;
