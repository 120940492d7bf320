//! Neighbours. (stub)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parms;
#[derive(Default)]
pub struct Table;
