//! RTP packets, read in place (RFC 3550 section 5).
//!
//! A forwarder looks at a packet once, when it arrives, and sends it many times.  So
//! `parse` copies nothing: it answers with numbers and offsets into bytes that the
//! caller holds.  It checks everything that a later slice relies on, in the order in
//! which `meshproto.wire.rtp` does, because the first check that fails names the counter.

use crate::errors::{DecodeError, StateError};

/// Octets of the fixed header, without CSRC list and extension.
pub const HEADER_LENGTH: usize = 12;

/// Where things are in one RTP packet.
///
/// `padding_length` octets follow the payload, the count included.  `extension_offset`
/// is 0 when there is no extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpView {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub header_length: usize,
    pub payload_length: usize,
    pub padding_length: usize,
    pub extension_profile: u16,
    pub extension_offset: usize,
    pub extension_length: usize,
}

/// Read the header, or say why the packet is not well formed.
pub fn parse(packet: &[u8]) -> Result<RtpView, DecodeError> {
    if packet.len() < HEADER_LENGTH {
        return Err(DecodeError::new("rtp-short"));
    }
    let first = packet[0];
    if first >> 6 != 2 {
        return Err(DecodeError::new("rtp-version"));
    }
    let mut header = HEADER_LENGTH + 4 * usize::from(first & 15);
    let (mut profile, mut offset, mut length) = (0, 0, 0);
    if first & 0x10 != 0 {
        (profile, offset, length) = extension(packet, header)?;
        header = offset + length;
    }
    if header > packet.len() {
        return Err(DecodeError::new("rtp-header"));
    }
    let padding = if first & 0x20 != 0 {
        padding(packet, header)?
    } else {
        0
    };
    Ok(RtpView {
        marker: packet[1] > 127,
        payload_type: packet[1] & 127,
        sequence: u16_at(packet, 2),
        timestamp: u32_at(packet, 4),
        ssrc: u32_at(packet, 8),
        header_length: header,
        payload_length: packet.len() - header - padding,
        padding_length: padding,
        extension_profile: profile,
        extension_offset: offset,
        extension_length: length,
    })
}

/// Profile, offset and length of the extension whose header is at `start`.
fn extension(packet: &[u8], start: usize) -> Result<(u16, usize, usize), DecodeError> {
    if start + 4 > packet.len() {
        return Err(DecodeError::new("rtp-extension"));
    }
    let words = usize::from(u16_at(packet, start + 2));
    Ok((u16_at(packet, start), start + 4, 4 * words))
}

fn padding(packet: &[u8], header: usize) -> Result<usize, DecodeError> {
    let count = usize::from(packet[packet.len() - 1]);
    if count == 0 || count > packet.len() - header {
        return Err(DecodeError::new("rtp-padding"));
    }
    Ok(count)
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The contributing sources of a packet that `parse` accepted.
pub fn csrcs(packet: &[u8]) -> impl Iterator<Item = u32> + '_ {
    (0..usize::from(packet[0] & 15)).map(|index| u32_at(packet, HEADER_LENGTH + 4 * index))
}

/// The payload without padding.
pub fn payload<'a>(packet: &'a [u8], view: &RtpView) -> &'a [u8] {
    &packet[view.header_length..view.header_length + view.payload_length]
}

/// What `build` writes; the extension is a profile and a body already encoded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    pub csrcs: &'a [u32],
    pub extension: Option<(u16, &'a [u8])>,
    pub payload: &'a [u8],
    pub padding: u8,
}

/// Write a packet.
pub fn build(packet: &Outgoing<'_>) -> Result<Vec<u8>, StateError> {
    if packet.payload_type > 127 || packet.csrcs.len() > 15 {
        return Err(StateError("payload type or CSRC count out of range"));
    }
    let mut out = Vec::with_capacity(HEADER_LENGTH + packet.payload.len() + 64);
    out.push(first_octet(packet));
    out.push(packet.payload_type | if packet.marker { 0x80 } else { 0 });
    out.extend_from_slice(&packet.sequence.to_be_bytes());
    out.extend_from_slice(&packet.timestamp.to_be_bytes());
    out.extend_from_slice(&packet.ssrc.to_be_bytes());
    for source in packet.csrcs {
        out.extend_from_slice(&source.to_be_bytes());
    }
    if let Some((profile, body)) = packet.extension {
        push_extension(&mut out, profile, body)?;
    }
    out.extend_from_slice(packet.payload);
    if packet.padding > 0 {
        out.resize(out.len() + usize::from(packet.padding) - 1, 0);
        out.push(packet.padding);
    }
    Ok(out)
}

fn first_octet(packet: &Outgoing<'_>) -> u8 {
    let padding = if packet.padding > 0 { 0x20 } else { 0 };
    let extension = if packet.extension.is_some() { 0x10 } else { 0 };
    0x80 | padding | extension | packet.csrcs.len() as u8
}

fn push_extension(out: &mut Vec<u8>, profile: u16, body: &[u8]) -> Result<(), StateError> {
    // the length field counts words, in 16 bits (RFC 3550 section 5.3.1)
    let words = u16::try_from(body.len() / 4).ok();
    let Some(words) = words.filter(|_| body.len() % 4 == 0) else {
        return Err(StateError("extension body is not 0 to 65535 whole words"));
    };
    out.extend_from_slice(&profile.to_be_bytes());
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(body);
    Ok(())
}
