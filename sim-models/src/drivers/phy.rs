//! (to be written)
use super::{Arg, Driver, Setup};
use crate::kernel::{Cx, DevId, Kernel, RtnlError, SkBuff};

pub struct Phy;
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Config;
impl Driver for Phy {
    type Config = Config;
    const ARGS: &'static [Arg<Config>] = &[];
    const SETUP: Setup = Setup::ETHER;
    fn newlink(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _c: &Config) -> Result<Self, RtnlError> {
        Ok(Phy)
    }
    fn xmit(_k: &mut Kernel, _cx: &mut Cx, _dev: DevId, _skb: SkBuff) {
        unimplemented!()
    }
}
