//! `RTM_NEWLINK`, `RTM_DELLINK`, fdb entries. (to be written)
use super::{Config, Cx, FdbState, Kernel, LinkAttrs, NsId, RtnlError};
use crate::packet::Mac;

/// Every namespace has a `lo`, DOWN, ifindex 1 (DEV-37).
pub(crate) fn register_lo(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _c: &Config) {
    unimplemented!()
}
pub(super) fn new_link(
    _k: &mut Kernel,
    _cx: &mut Cx,
    _ns: NsId,
    _name: &str,
    _a: &LinkAttrs,
    _c: &Config,
) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn set_link(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _name: &str, _a: &LinkAttrs) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn del_link(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _name: &str) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn new_fdb(
    _k: &mut Kernel,
    _cx: &mut Cx,
    _ns: NsId,
    _dev: &str,
    _mac: Mac,
    _s: FdbState,
) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn del_fdb(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _dev: &str, _mac: Mac) -> Result<(), RtnlError> {
    unimplemented!()
}
