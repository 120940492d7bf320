//! (to be written)
use super::{Arg, Driver, Setup};
use crate::kernel::{Cx, DevId, Kernel, RtnlError, SkBuff};

pub struct Bridge;
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config;
impl Driver for Bridge {
    type Config = Config;
    const ARGS: &'static [Arg<Config>] = &[];
    const SETUP: Setup = Setup::ETHER;
    fn newlink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _c: &Config) -> Result<Self, RtnlError> {
        Ok(Bridge)
    }
    fn xmit(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _skb: SkBuff) {
        unimplemented!()
    }
}
pub(crate) fn fdb_gc(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId) {
    unimplemented!()
}
