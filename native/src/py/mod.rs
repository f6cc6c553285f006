//! What Python sees of the crate.

pub mod congestion;
pub mod descriptor;
mod events;
mod extensions;
pub mod forwarder;
pub mod ice;
mod parameters;
mod rtcp;
pub mod srtp;
mod stats;
pub mod stun;
mod table;
pub mod wire;
