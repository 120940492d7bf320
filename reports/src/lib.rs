//! Reports: everything that people look at.
