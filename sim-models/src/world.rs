//! World. (stub)
