//! Where things are in protected packets, and what is wrong with those that are not.

use crate::errors::DecodeError;

/// Set in the trailer of an SRTCP packet whose content is encrypted (RFC 3711 section 3.4).
pub const RTCP_ENCRYPTED: u32 = 1 << 31;
pub const RTCP_INDEX_MASK: u32 = RTCP_ENCRYPTED - 1;
pub const RTCP_HEADER: usize = 8;
pub const RTCP_TRAILER: usize = 4;

/// Size of an RTP packet's header with CSRCs and extension (RFC 3550 section 5.1), of which
/// `tag_bytes` of the packet must be left.
pub fn header_length(packet: &[u8], tag_bytes: usize) -> Result<usize, DecodeError> {
    let size = packet.len();
    if size < 12 + tag_bytes || packet[0] >> 6 != 2 {
        return Err(DecodeError::new("srtp-short"));
    }
    let mut length = 12 + 4 * usize::from(packet[0] & 15);
    if packet[0] & 0x10 != 0 {
        length += 4;
        if length > size {
            return Err(DecodeError::new("srtp-header"));
        }
        let words = u16::from_be_bytes([packet[length - 2], packet[length - 1]]);
        length += 4 * usize::from(words);
    }
    if length + tag_bytes > size {
        return Err(DecodeError::new("srtp-header"));
    }
    Ok(length)
}

/// SSRC and sequence number of a packet of at least 12 octets.
pub fn source(packet: &[u8]) -> (u32, u16) {
    let sequence = u16::from_be_bytes([packet[2], packet[3]]);
    (word_at(packet, 8), sequence)
}

pub fn word_at(packet: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]])
}
