//! `RTM_NEWADDR`, `RTM_DELADDR`. (to be written)
use super::{Cx, IfAddr, Kernel, NsId, RtnlError};

pub(super) fn new_addr(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _dev: &str, _a: &IfAddr) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn del_addr(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _dev: &str, _a: &IfAddr) -> Result<(), RtnlError> {
    unimplemented!()
}
