//! STUN (RFC 8489): messages, the Binding method, and the plain server of the media port.

pub mod attributes;
pub mod binding;
pub mod bucket;
pub mod message;
mod seal;
pub mod server;

pub use bucket::PrefixBucket;
pub use message::{decode, Message};
pub use server::StunServer;
