//! The timer wheel. (stub)
