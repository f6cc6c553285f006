//! What Python sees of the crate.

pub mod wire;
