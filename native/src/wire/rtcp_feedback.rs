//! Feedback from receivers: what is missing, and how much they can take.
//!
//! Generic NACK and PLI (RFC 4585 sections 6.2.1 and 6.3.1), FIR (RFC 5104 section
//! 4.3.1) and the receiver's bandwidth estimate REMB (draft-alvestrand-rmcat-remb-03).
//! All share two SSRCs: who speaks, and about which source.

use super::rtcp_common as common;
use super::rtp::{u16_at, u32_at};
use crate::errors::{DecodeError, StateError};

pub const NACK_FORMAT: u8 = 1;
pub const TWCC_FORMAT: u8 = 15;
pub const PLI_FORMAT: u8 = 1;
pub const FIR_FORMAT: u8 = 4;
pub const APPLICATION_FORMAT: u8 = 15;

/// REMB can state 2^81; more than this is read as this.
pub const MAX_BITRATE_BPS: u64 = 1 << 48;

const SOURCES: usize = 8;
const REMB: &[u8] = b"REMB";

/// These packets of `media_ssrc` did not arrive.
///
/// Kept as on the wire, (first, mask of the 16 after it): one pair of 4 octets can name
/// 17 packets, and it is for the reader to stop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nack {
    pub sender_ssrc: u32,
    pub media_ssrc: u32,
    pub pairs: Vec<(u16, u16)>,
}

impl Nack {
    /// Every sequence number named, in the order of the pairs.
    pub fn lost(&self) -> impl Iterator<Item = u16> + '_ {
        self.pairs.iter().flat_map(|&(first, mask)| {
            let named = (0..16).filter(move |bit| mask >> bit & 1 == 1);
            let after = named.map(move |bit| first.wrapping_add(1 + bit));
            std::iter::once(first).chain(after)
        })
    }

    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let mut body = head(self.sender_ssrc, self.media_ssrc);
        for (first, mask) in &self.pairs {
            body.extend_from_slice(&first.to_be_bytes());
            body.extend_from_slice(&mask.to_be_bytes());
        }
        common::frame(common::TRANSPORT_FEEDBACK, NACK_FORMAT, &body, 0)
    }

    /// Refuses a body without at least one whole pair (RFC 4585 section 6.2.1).
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (sender_ssrc, media_ssrc) = sources(body)?;
        if body.len() < 12 || body.len() % 4 != 0 {
            return Err(DecodeError::new("rtcp-nack"));
        }
        let pairs = body[SOURCES..].chunks_exact(4);
        Ok(Self {
            sender_ssrc,
            media_ssrc,
            pairs: pairs
                .map(|pair| (u16_at(pair, 0), u16_at(pair, 2)))
                .collect(),
        })
    }
}

/// PLI: the decoder of `media_ssrc` needs a key frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureLossIndication {
    pub sender_ssrc: u32,
    pub media_ssrc: u32,
}

impl PictureLossIndication {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let body = head(self.sender_ssrc, self.media_ssrc);
        common::frame(common::PAYLOAD_FEEDBACK, PLI_FORMAT, &body, 0)
    }

    /// Refuses a body without both SSRCs.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (sender_ssrc, media_ssrc) = sources(body)?;
        Ok(Self {
            sender_ssrc,
            media_ssrc,
        })
    }
}

/// FIR: (ssrc, command number) per source that is to send a key frame.
///
/// A repeated command number is a retransmission, not a new request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FullIntraRequest {
    pub sender_ssrc: u32,
    pub media_ssrc: u32,
    pub entries: Vec<(u32, u8)>,
}

impl FullIntraRequest {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let mut body = head(self.sender_ssrc, self.media_ssrc);
        for (ssrc, number) in &self.entries {
            body.extend_from_slice(&ssrc.to_be_bytes());
            body.extend_from_slice(&[*number, 0, 0, 0]);
        }
        common::frame(common::PAYLOAD_FEEDBACK, FIR_FORMAT, &body, 0)
    }

    /// Refuses a body without at least one whole entry.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let (sender_ssrc, media_ssrc) = sources(body)?;
        if body.len() < 16 || body.len() % 8 != 0 {
            return Err(DecodeError::new("rtcp-fir"));
        }
        let entries = body[SOURCES..].chunks_exact(8);
        Ok(Self {
            sender_ssrc,
            media_ssrc,
            entries: entries.map(|entry| (u32_at(entry, 0), entry[4])).collect(),
        })
    }
}

/// REMB: all of `ssrcs` together should stay below `bitrate_bps`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BitrateEstimate {
    pub sender_ssrc: u32,
    pub bitrate_bps: u64,
    pub ssrcs: Vec<u32>,
}

impl BitrateEstimate {
    /// The whole packet; the bitrate is rounded down to 18 significant bits.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let named = u8::try_from(self.ssrcs.len()).ok();
        let Some(named) = named.filter(|_| self.bitrate_bps <= MAX_BITRATE_BPS) else {
            return Err(StateError("REMB out of range"));
        };
        let bits = u64::BITS - self.bitrate_bps.leading_zeros();
        let exponent = bits.saturating_sub(18);
        let rate = exponent << 18 | (self.bitrate_bps >> exponent) as u32;
        let mut body = head(self.sender_ssrc, 0);
        body.extend_from_slice(REMB);
        body.extend_from_slice(&(u32::from(named) << 24 | rate).to_be_bytes());
        for ssrc in &self.ssrcs {
            body.extend_from_slice(&ssrc.to_be_bytes());
        }
        common::frame(common::PAYLOAD_FEEDBACK, APPLICATION_FORMAT, &body, 0)
    }

    /// None when the application-defined message is not a REMB; refuses one that names
    /// more sources than it holds.
    pub fn decode(body: &[u8]) -> Result<Option<Self>, DecodeError> {
        let (sender_ssrc, _) = sources(body)?;
        if body.get(8..12) != Some(REMB) {
            return Ok(None);
        }
        let refused = DecodeError::new("rtcp-remb");
        let count = usize::from(*body.get(12).ok_or(refused)?);
        let named = body.get(16..16 + 4 * count).ok_or(refused)?;
        let word = u32_at(body, 12);
        // 18 bits and up to 63 places
        let rate = u128::from(word & 0x3_FFFF) << (word >> 18 & 63);
        Ok(Some(Self {
            sender_ssrc,
            bitrate_bps: rate.min(u128::from(MAX_BITRATE_BPS)) as u64,
            ssrcs: named.chunks_exact(4).map(|ssrc| u32_at(ssrc, 0)).collect(),
        }))
    }
}

/// The fewest (first, mask) pairs for sequence numbers in sending order (over a wrap too).
pub fn nack_pairs(lost: impl IntoIterator<Item = u16>) -> Vec<(u16, u16)> {
    let mut pairs: Vec<(u16, u16)> = Vec::new();
    for sequence in lost {
        match pairs.last_mut() {
            Some((first, _)) if *first == sequence => {}
            Some((first, mask)) if sequence.wrapping_sub(*first) <= 16 => {
                *mask |= 1 << (sequence.wrapping_sub(*first) - 1);
            }
            _ => pairs.push((sequence, 0)),
        }
    }
    pairs
}

/// Sender and media SSRC at the head of every feedback body.
pub fn sources(body: &[u8]) -> Result<(u32, u32), DecodeError> {
    if body.len() < SOURCES {
        return Err(DecodeError::new("rtcp-feedback"));
    }
    Ok((u32_at(body, 0), u32_at(body, 4)))
}

fn head(sender_ssrc: u32, media_ssrc: u32) -> Vec<u8> {
    let both = u64::from(sender_ssrc) << 32 | u64::from(media_ssrc);
    both.to_be_bytes().to_vec()
}
