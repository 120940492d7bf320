//! What the workspace tests share: the labs recorded on a real kernel, how to play them in the simulator, and a look
//! at the repository's own source.

pub mod counting;
pub mod facts;
pub mod gold;
pub mod lab;
pub mod sim;
pub mod source;
