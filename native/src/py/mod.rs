//! What Python sees of the crate.

mod extensions;
mod rtcp;
pub mod wire;
