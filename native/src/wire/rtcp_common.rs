//! What every RTCP packet shares: the four-octet header, padding, and the compound.
//!
//! A datagram holds one or more packets end to end (RFC 3550 section 6.1); with RFC 5506
//! any type may come first.  The work is bounded by the datagram and by `MAX_PACKETS`.

use crate::errors::{DecodeError, StateError};

pub const SENDER_REPORT: u8 = 200;
pub const RECEIVER_REPORT: u8 = 201;
pub const SOURCE_DESCRIPTION: u8 = 202;
pub const BYE: u8 = 203;
pub const TRANSPORT_FEEDBACK: u8 = 205;
pub const PAYLOAD_FEEDBACK: u8 = 206;

/// Packets read from one compound; more is refused.
pub const MAX_PACKETS: usize = 256;

/// One packet of a compound, its padding cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    pub packet_type: u8,
    pub count: u8,
    pub body: &'a [u8],
}

/// Every packet in order; an error follows the packets before it, and ends the walk.
pub fn split(compound: &[u8]) -> Split<'_> {
    Split {
        rest: compound,
        packets: 0,
    }
}

#[derive(Clone, Debug)]
pub struct Split<'a> {
    rest: &'a [u8],
    packets: usize,
}

impl<'a> Split<'a> {
    fn part(&mut self) -> Result<Part<'a>, DecodeError> {
        let &[first, packet_type, high, low, ..] = self.rest else {
            return Err(DecodeError::new("rtcp-short"));
        };
        let end = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        self.packets += 1;
        if first >> 6 != 2 {
            return Err(DecodeError::new("rtcp-version"));
        }
        if end > self.rest.len() {
            return Err(DecodeError::new("rtcp-length"));
        }
        if self.packets > MAX_PACKETS {
            return Err(DecodeError::new("rtcp-count"));
        }
        let (packet, rest) = self.rest.split_at(end);
        let body = unpadded(&packet[4..], first & 0x20 != 0)?;
        self.rest = rest;
        Ok(Part {
            packet_type,
            count: first & 31,
            body,
        })
    }
}

/// RFC 3550 asks for whole words; feedback of many senders pads by octets, and some set
/// the bit and leave the count 0: then nothing is cut.
fn unpadded(body: &[u8], padded: bool) -> Result<&[u8], DecodeError> {
    if !padded {
        return Ok(body);
    }
    let count = body.last().map_or(1, |&octet| usize::from(octet));
    let kept = body.len().checked_sub(count);
    kept.map(|length| &body[..length])
        .ok_or(DecodeError::new("rtcp-padding"))
}

impl<'a> Iterator for Split<'a> {
    type Item = Result<Part<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let part = self.part();
        if part.is_err() {
            self.rest = &[];
        }
        Some(part)
    }
}

/// A whole packet; `body` with `padding` octets must be whole words, as many as the
/// length field counts.
pub fn frame(packet_type: u8, count: u8, body: &[u8], padding: u8) -> Result<Vec<u8>, StateError> {
    let length = body.len() + usize::from(padding);
    let words = u16::try_from(length / 4).ok();
    let Some(words) = words.filter(|_| length % 4 == 0 && count <= 31) else {
        return Err(StateError("RTCP body or count does not fit a packet"));
    };
    let mut out = Vec::with_capacity(4 + length);
    out.push(0x80 | if padding > 0 { 0x20 } else { 0 } | count);
    out.push(packet_type);
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(body);
    if padding > 0 {
        out.resize(3 + length, 0);
        out.push(padding);
    }
    Ok(out)
}
