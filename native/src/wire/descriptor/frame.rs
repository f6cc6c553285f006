//! What forwarding needs to know about one video packet: `FrameFacts`.
//!
//! A relay never decodes.  It starts viewers, switches layers and drops temporal layers
//! on a handful of bits that every payload format puts in front of the compressed data,
//! so each codec module reduces its descriptor to the same eight facts.  Two rules hold
//! for all of them:
//!
//! * a fact is about *this packet*: `keyframe` and `start` are set on the packet in which
//!   the frame begins, its other packets share the RTP timestamp;
//! * H.264 and H.265 may set `start` and `keyframe` several times within one frame
//!   (parameter sets, then the picture), hence a caller compares timestamps before it
//!   believes in a new frame.

/// What one packet says about the frame it belongs to; eight octets, copied freely.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameFacts {
    /// A frame (of one spatial layer) may begin with this packet.
    pub start: bool,
    /// Decoding may start with this packet, at the lowest spatial layer.
    pub keyframe: bool,
    /// The layer ids, 0 where the codec or stream has none.
    pub spatial: u8,
    pub temporal: u8,
    /// A receiver of lower temporal layers may take this one from here on.
    pub switch_up: bool,
    /// As `switch_up`, for spatial layers of one scalable stream.
    pub spatial_switch: bool,
    /// No later frame of the same or a lower layer refers to this one.
    pub discardable: bool,
    /// The frame of this layer ends here; none where only the RTP marker tells.
    pub end: Option<bool>,
}

/// A packet somewhere inside a frame, or one without payload (padding only).
pub const MIDDLE: FrameFacts = FrameFacts {
    start: false,
    keyframe: false,
    spatial: 0,
    temporal: 0,
    switch_up: false,
    spatial_switch: false,
    discardable: false,
    end: None,
};

/// A packet whose payload format says nothing: audio, or a codec we do not know.
pub const OPAQUE: FrameFacts = FrameFacts {
    start: true,
    ..MIDDLE
};
