//! Payload descriptors: which frame, layer and role a video packet has (RFC 0003).
//!
//! `describe` is the one entry of the packet path.  The codec modules hold what is
//! particular: `vp8` also rewrites picture ids in place, `h264` also rebuilds the byte
//! stream for tests, `dependency` and `layers` read the header extensions that tell the
//! same where the payload is encrypted end to end.

pub mod av1;
mod bits;
pub mod dependency;
pub mod frame;
pub mod h264;
pub mod h265;
pub mod layers;
pub mod vp8;
pub mod vp9;

use crate::errors::DecodeError;
pub use frame::{FrameFacts, MIDDLE, OPAQUE};

/// Reads the facts of a payload of at least one octet; a shorter one is refused.
pub type Describer = fn(&[u8]) -> Result<FrameFacts, DecodeError>;

/// The function behind `describe`, to be kept per producer; none for opaque codecs.
pub fn describer(codec: &str) -> Option<Describer> {
    match codec {
        "vp8" => Some(vp8::describe),
        "vp9" => Some(vp9::describe),
        "h264" => Some(h264::describe),
        "h265" => Some(h265::describe),
        "av1" => Some(av1::describe),
        _ => None,
    }
}

/// The facts of one RTP payload (padding removed) of `codec`, in lower case.
///
/// Refused when the payload cannot be of that codec; a caller that expects end-to-end
/// encryption then falls back to the dependency descriptor.
pub fn describe(codec: &str, payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    match describer(codec) {
        None => Ok(OPAQUE),
        Some(_) if payload.is_empty() => Ok(MIDDLE),
        Some(describe) => describe(payload),
    }
}
