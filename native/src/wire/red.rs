//! Redundant audio (RFC 2198): the blocks of a payload, the primary one last.

use crate::errors::DecodeError;

/// One block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    pub payload_type: u8,
    pub timestamp_offset: u16,
    pub data: &'a [u8],
}

/// Every block, or the reason why headers or blocks run past the end.
///
/// As the reference does, the primary's octet is taken as it is: its top bit is clear.
pub fn decode(payload: &[u8]) -> Result<Vec<Block<'_>>, DecodeError> {
    let (headers, primary) = headers(payload)?;
    let mut at = primary + 1;
    let mut blocks = Vec::with_capacity(headers.len() / 4 + 1);
    for header in headers.chunks_exact(4) {
        let length = usize::from(header[2] & 3) << 8 | usize::from(header[3]);
        let data = payload.get(at..at + length);
        blocks.push(Block {
            payload_type: header[0] & 127,
            timestamp_offset: u16::from(header[1]) << 6 | u16::from(header[2] >> 2),
            data: data.ok_or(DecodeError::new("red-block"))?,
        });
        at += length;
    }
    blocks.push(Block {
        payload_type: payload[primary],
        timestamp_offset: 0,
        data: &payload[at..],
    });
    Ok(blocks)
}

/// The four-octet headers, and where the primary's single octet stands.
fn headers(payload: &[u8]) -> Result<(&[u8], usize), DecodeError> {
    let mut at = 0;
    while payload.get(at).is_some_and(|octet| octet & 0x80 != 0) {
        at += 4;
    }
    if at >= payload.len() {
        return Err(DecodeError::new("red-header"));
    }
    Ok((&payload[..at], at))
}
