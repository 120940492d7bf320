//! linkwatch: what follows a carrier change (DEV-13 to 15). (to be written)

/// Events that wait.
#[derive(Default)]
pub struct LinkWatch {
    _x: (),
}
pub fn netif_carrier_on(_k: &mut super::Kernel, _cx: &mut super::Cx, _dev: super::DevId) {
    unimplemented!()
}
pub(crate) fn run(_k: &mut super::Kernel, _cx: &mut super::Cx) {
    unimplemented!()
}
