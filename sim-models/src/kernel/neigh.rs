//! Neighbours. (stub)
use super::{Cx, DevId, Kernel};
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parms;
#[derive(Default)]
pub struct Table;

// SHIM until the other part is there.
pub fn flush_dev(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _permanent: bool) {}
