//! What Python sees of the crate.

pub mod congestion;
pub mod descriptor;
mod events;
mod extensions;
pub mod forwarder;
mod parameters;
mod rtcp;
mod stats;
mod table;
pub mod wire;
