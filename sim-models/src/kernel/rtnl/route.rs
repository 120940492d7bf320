//! `RTM_NEWROUTE`, `RTM_DELROUTE`. (to be written)
use super::{Cx, How, Kernel, NsId, RouteSpec, RtnlError};

pub(super) fn new_route(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _r: &RouteSpec, _how: How) -> Result<(), RtnlError> {
    unimplemented!()
}
pub(super) fn del_route(_k: &mut Kernel, _cx: &mut Cx, _ns: NsId, _r: &RouteSpec) -> Result<(), RtnlError> {
    unimplemented!()
}
