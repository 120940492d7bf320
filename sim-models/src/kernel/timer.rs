//! (shim)
use super::{Cx, DevId, Kernel};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    FdbGc(DevId),
    Linkwatch,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimerId(u32);
pub fn add_timer(_k: &mut Kernel, _cx: &mut Cx, _timer: Timer, _delay: u64) -> TimerId {
    TimerId(0)
}
pub fn del_timer(_k: &mut Kernel, _cpu: u32, _id: TimerId) {}
