//! Retransmission in a stream of its own (RFC 4588 section 4).
//!
//! An RTX packet is the original with another SSRC, payload type and sequence number,
//! and the original sequence number as the first two octets of its payload.

use crate::errors::DecodeError;
use crate::wire::rtp::{self, RtpView};

/// `packet` as retransmission, or the reason why it is not RTP.
pub fn wrap(
    packet: &[u8],
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
) -> Result<Vec<u8>, DecodeError> {
    let view = rtp::parse(packet)?;
    let mut out = Vec::with_capacity(packet.len() + 2);
    push_head(&mut out, packet, &view, ssrc, payload_type, sequence);
    out.extend_from_slice(&packet[2..4]);
    out.extend_from_slice(&packet[view.header_length..]);
    Ok(out)
}

/// The original packet of `ssrc` and `payload_type`.
///
/// "rtx-short" when the payload cannot hold the original number: a probe that consists
/// of padding looks like that and carries nothing.
pub fn unwrap(packet: &[u8], ssrc: u32, payload_type: u8) -> Result<Vec<u8>, DecodeError> {
    let view = rtp::parse(packet)?;
    if view.payload_length < 2 {
        return Err(DecodeError::new("rtx-short"));
    }
    let body = view.header_length;
    let original = u16::from_be_bytes([packet[body], packet[body + 1]]);
    let mut out = Vec::with_capacity(packet.len() - 2);
    push_head(&mut out, packet, &view, ssrc, payload_type, original);
    out.extend_from_slice(&packet[body + 2..]);
    Ok(out)
}

fn push_head(
    out: &mut Vec<u8>,
    packet: &[u8],
    view: &RtpView,
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
) {
    out.push(packet[0]);
    out.push(payload_type | if view.marker { 0x80 } else { 0 });
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&view.timestamp.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    out.extend_from_slice(&packet[rtp::HEADER_LENGTH..view.header_length]);
}
