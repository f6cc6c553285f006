//! Media parameters two ends agreed on: the values between SDP and forwarding table.

use crate::errors::StateError;

/// The two kinds of RTP media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    Audio,
    Video,
}

impl MediaKind {
    /// The word for it, as a description says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }

    /// Inverse of `name`.
    pub fn of(name: &str) -> Result<Self, StateError> {
        match name {
            "audio" => Ok(Self::Audio),
            "video" => Ok(Self::Video),
            _ => Err(StateError("media kind is neither audio nor video")),
        }
    }
}

/// One codec under the payload type that one transport gave it.
///
/// `name` is lower case ("vp8", "h264", "opus").  `feedback` holds the rtcp-fb values
/// negotiated for it, such as "nack", "nack pli", "ccm fir", "transport-cc",
/// "goog-remb".  `rtx_payload_type` is None where RFC 4588 was not negotiated.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Codec {
    pub payload_type: u8,
    pub name: String,
    pub clock_rate_hz: u32,
    pub channels: u32,
    pub parameters: String,
    pub rtx_payload_type: Option<u8>,
    pub feedback: Vec<String>,
}

impl Codec {
    /// One channel, no parameters, nothing negotiated.
    pub fn new(payload_type: u8, name: &str, clock_rate_hz: u32) -> Self {
        Self {
            payload_type,
            name: name.to_owned(),
            clock_rate_hz,
            channels: 1,
            parameters: String::new(),
            rtx_payload_type: None,
            feedback: Vec::new(),
        }
    }
}

/// An RTP header extension (RFC 8285) under the id that one transport gave it.
///
/// A description may give ids that no element can have; they match nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Extension {
    pub id: u16,
    pub uri: String,
}

/// An SSRC the publisher's description declared; `repairs` names the SSRC whose
/// retransmissions it carries (ssrc-group FID).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SsrcBinding {
    pub ssrc: u32,
    pub rid: String,
    pub repairs: Option<u32>,
}
