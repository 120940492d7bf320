//! Cores. (stub)
pub struct Cpu;
impl Cpu {
    pub fn new() -> Cpu {
        Cpu
    }
}
