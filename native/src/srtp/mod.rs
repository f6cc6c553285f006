//! SRTP and SRTCP: what the engine calls, whatever the profile (RFC 0002 section 5.2).
//!
//! One `Outbound` and one `Inbound` per association, made from the keys of its handshake.
//! Both work in the caller's buffer and allocate nothing per packet: a burst is laid out in
//! one arena with room for the tags, protected there and sent from there.
//!
//! AES-GCM is ring's, the old profile made of `aes` and `sha1`.  Nanoseconds to protect a
//! packet of 1,200 octets (median and best of 2,001 rounds on a shared two-core Xeon with
//! VAES and AVX-512, by `cargo run --release --manifest-path
//! native/examples/ciphers/Cargo.toml`):
//!
//! | | ring, or aes + sha1 | aws-lc-rs |
//! |---|---|---|
//! | AES-128-GCM | 260, 205 | 283, 186 |
//! | AES-256-GCM | 291, 235 | 314, 208 |
//! | AES128_CM_SHA1_80 | 1,355, 1,079 | 1,661, 1,174 |
//!
//! A tenth at best is not worth what aws-lc takes to build, over a minute of processor time
//! where ring takes seconds: everybody who installs a node builds it.

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
