//! `RTM_NEWNEIGH`, `RTM_DELNEIGH`. (to be written)
use super::{Cx, How, Kernel, NsId, Nud, RtnlError};
use crate::packet::Mac;

#[allow(clippy::too_many_arguments, reason = "one request, spelled out")]
pub(super) fn new_neigh(
    _k: &mut Kernel,
    _cx: &mut Cx,
    _ns: NsId,
    _dev: &str,
    _dst: u32,
    _lladdr: Option<Mac>,
    _state: Nud,
    _how: How,
) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn del_neigh(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _dev: &str, _dst: u32) -> Result<(), RtnlError> {
    unimplemented!()
}
