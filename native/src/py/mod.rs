//! What Python sees of the crate.

pub mod descriptor;
pub mod wire;
