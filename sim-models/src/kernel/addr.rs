//! IPv4 addresses of devices. (contract; to be written)

use super::{Cx, DevId, Kernel, NsId, rtnl::Scope};

/// One `struct in_ifaddr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ifa {
    pub local: u32,
    /// The peer's address; equal to `local` without `peer`.
    pub address: u32,
    pub len: u8,
    pub broadcast: Option<u32>,
    pub scope: Scope,
    /// `IFA_F_SECONDARY`
    pub secondary: bool,
    pub noprefixroute: bool,
    /// The request that made it (for the walk).
    pub origin: u32,
}

/// The addresses of one namespace, by device, in the kernel's order (ADDR-7).
#[derive(Default)]
pub struct Addresses {
    _x: (),
}

impl Addresses {
    /// `in_dev->ifa_list` of one device.
    pub fn on(&self, _dev: DevId) -> &[Ifa] {
        unimplemented!()
    }
}

/// `inet_select_addr`: a source address on `dev` (or on any device) for `dst`, of `scope` or wider (RT-23). 0: none.
pub fn inet_select_addr(_k: &Kernel, _ns: NsId, _dev: Option<DevId>, _dst: u32, _scope: Scope) -> u32 {
    unimplemented!()
}

// SHIM until the other part is there.
pub(crate) fn on_up(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
pub(crate) fn on_down(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
pub(crate) fn on_unregister(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {}
pub(crate) fn on_carrier(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _up: bool) {}
