//! The index of a packet between nodes stands in it, in the clear (RFC 0003 section 13.2).
//!
//! A leg begins anywhere in its origin's numbers, so that a receiver could not guess the
//! rollover counter; a wrong one fails to authenticate.

use super::profile::SessionKeys;
use crate::errors::{DecodeError, StateError};
use crate::wire::extensions::{is_two_byte, ONE_BYTE_PROFILE};

const MESH_ID: u8 = 14;
const VALUE_BYTES: usize = 10;
const BLOCK_AT: usize = 12;
const ONE_BYTE_AT: usize = 17;
const TWO_BYTE_AT: usize = 18;

/// Keys that a link between nodes can use: those of AES-GCM.
pub fn fit(keys: &SessionKeys) -> Result<&SessionKeys, StateError> {
    if keys.profile.is_gcm() {
        Ok(keys)
    } else {
        Err(StateError("a link between nodes needs AES-GCM"))
    }
}

/// The packet index out of the mesh element, which is the first of its header extension.
pub fn index_of(packet: &[u8]) -> Result<i64, DecodeError> {
    let refused = DecodeError::new("srtp-mesh");
    if packet.len() < TWO_BYTE_AT + VALUE_BYTES || packet[0] & 0x1F != 0x10 {
        return Err(refused);
    }
    let profile = u16::from_be_bytes([packet[BLOCK_AT], packet[BLOCK_AT + 1]]);
    let first = packet[BLOCK_AT + 4];
    let (told, at) = if profile == ONE_BYTE_PROFILE {
        (first == MESH_ID << 4 | (VALUE_BYTES as u8 - 1), ONE_BYTE_AT)
    } else {
        let sized = usize::from(packet[ONE_BYTE_AT]) == VALUE_BYTES;
        (
            is_two_byte(profile) && first == MESH_ID && sized,
            TWO_BYTE_AT,
        )
    };
    if !told {
        return Err(refused);
    }
    let number = [
        packet[at + 2],
        packet[at + 3],
        packet[at + 4],
        packet[2],
        packet[3],
    ];
    Ok(number
        .iter()
        .fold(0, |sum, octet| sum << 8 | i64::from(*octet)))
}
