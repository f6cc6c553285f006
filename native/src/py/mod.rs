//! What Python sees of the crate.

mod rtcp;
pub mod wire;
