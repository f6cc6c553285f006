//! What Python sees of the crate.

pub mod congestion;
pub mod descriptor;
mod extensions;
mod parameters;
mod rtcp;
pub mod wire;
