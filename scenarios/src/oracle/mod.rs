//! Real kernels that a scenario can be played on.

pub mod netns;
pub mod uml;
