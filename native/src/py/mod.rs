//! What Python sees of the crate.

pub mod congestion;
pub mod wire;
