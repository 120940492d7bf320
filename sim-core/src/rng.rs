//! Named random streams. (contract; to be written)

/// The streams of one node, made by name at build time, used by id.
#[derive(Default)]
pub struct Streams;
/// One stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamId(pub u32);
impl Streams {
    /// All streams of a run derive from `seed`.
    pub fn new(_seed: u64) -> Streams {
        Streams
    }
    /// The stream called `name`: its seed is a stable hash of (run seed, name); adding one changes no other.
    pub fn named(&mut self, _name: &str) -> StreamId {
        unimplemented!()
    }
    /// 64 uniform bits.
    pub fn next(&mut self, _id: StreamId) -> u64 {
        unimplemented!()
    }
    /// Uniform in `0..n` (own integer sampling, not a library's range algorithm). `n` > 0.
    pub fn below(&mut self, _id: StreamId, _n: u64) -> u64 {
        unimplemented!()
    }
}
