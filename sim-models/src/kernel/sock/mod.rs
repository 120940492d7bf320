//! Sockets. (stub)
use std::num::NonZeroU32;
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct SockId(pub NonZeroU32);
#[derive(Default)]
pub struct Sockets;
#[derive(Default)]
pub struct Table;
