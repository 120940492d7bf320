//! What the workspace tests share: the labs recorded on a real kernel, and how to play them in the simulator.

pub mod lab;
