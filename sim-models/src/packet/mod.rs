//! Frames as plain data. Payload is a length; bytes are made only at the border (captures, files).

pub mod addr;
pub mod decode;
pub mod encode;
pub mod frame;
pub mod raw;
pub mod show;
pub mod stp;

pub use addr::{Addr, Ip4Addr, Mac, Prefix};
pub use frame::{Arp, ArpOp, Frame, FrameId, Icmp, Ip4, L4, Net, Payload, Quote, Tag, Tcp};
pub use stp::{Bpdu, BridgeId};
