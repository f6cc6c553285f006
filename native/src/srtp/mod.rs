//! SRTP and SRTCP: what the engine calls, whatever the profile (RFC 0002 section 5.2).
//!
//! One `Outbound` and one `Inbound` per association, made from the keys of its handshake.
//! Both work in the caller's buffer and allocate nothing per packet: a burst is laid out in
//! one arena with room for the tags, protected there and sent from there.
//!
//! AES-GCM is ring's.  aws-lc-rs was measured beside it and is as fast within what could be
//! told, but takes over a minute of processor time to build where ring takes seconds, and
//! everybody who installs a node builds it.

mod cipher;
mod cm;
mod counter;
mod gcm;
pub mod inbound;
mod layout;
mod leg;
pub mod outbound;
pub mod profile;
mod sources;
mod window;

pub use inbound::Inbound;
pub use outbound::{Outbound, Refused};
pub use profile::{Profile, SessionKeys};

/// SSRCs that a client may use, where nothing else is configured.
pub const SSRCS_MAX: usize = 64;
/// SSRCs sent under the keys of one link: 16,000 legs with all their slots.
pub const SENT_SSRCS_MAX: usize = 1 << 18;
/// Windows kept of a link: 256 legs with all their slots.
pub const HEARD_SSRCS_MAX: usize = 4096;
