//! Tasks. (stub)
#[derive(Default)]
pub struct Tasks;
