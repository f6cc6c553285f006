//! What Python sees of the crate.

mod ccfb;
pub mod congestion;
#[cfg(target_os = "linux")]
pub mod copying;
pub mod descriptor;
mod events;
mod extensions;
pub mod forwarder;
pub mod ice;
#[cfg(target_os = "linux")]
pub mod links;
mod parameters;
#[cfg(target_os = "linux")]
pub mod plane;
#[cfg(target_os = "linux")]
mod plane_values;
mod rtcp;
pub mod srtp;
mod stats;
pub mod stun;
mod table;
pub mod wire;
