//! What Python sees of the crate.

mod extensions;
mod parameters;
mod rtcp;
pub mod descriptor;
pub mod wire;
