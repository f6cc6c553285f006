//! STUN attributes: their numbers, and the address in the one that answers carry.

use std::net::{IpAddr, SocketAddr};

pub const MAPPED_ADDRESS: u16 = 0x0001;
pub const USERNAME: u16 = 0x0006;
pub const MESSAGE_INTEGRITY: u16 = 0x0008;
pub const ERROR_CODE: u16 = 0x0009;
pub const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
pub const REALM: u16 = 0x0014;
pub const NONCE: u16 = 0x0015;
pub const XOR_MAPPED_ADDRESS: u16 = 0x0020;
pub const PRIORITY: u16 = 0x0024;
pub const USE_CANDIDATE: u16 = 0x0025;
pub const FINGERPRINT: u16 = 0x8028;
pub const ICE_CONTROLLED: u16 = 0x8029;

pub const MAGIC_COOKIE: u32 = 0x2112_A442;

/// 96 bits that tie an answer to its question.
pub type TransactionId = [u8; 12];

/// Whether an attribute of this kind is not answered by 420 (RFC 8489 section 14).
pub const fn is_understood(kind: u16) -> bool {
    matches!(
        kind,
        0x8000
            ..|MAPPED_ADDRESS| USERNAME
                | MESSAGE_INTEGRITY
                | ERROR_CODE
                | UNKNOWN_ATTRIBUTES
                | REALM
                | NONCE
                | XOR_MAPPED_ADDRESS
                | PRIORITY
                | USE_CANDIDATE
    )
}

/// Append an attribute, padded to whole words (the length is not).
pub fn push(out: &mut Vec<u8>, kind: u16, value: &[u8]) {
    out.extend_from_slice(&kind.to_be_bytes());
    out.extend_from_slice(&(value.len() as u16).to_be_bytes());
    out.extend_from_slice(value);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Append XOR-MAPPED-ADDRESS (section 14.2): translators that rewrite every address they see
/// in a payload do not find this one.
pub fn push_xor_address(out: &mut Vec<u8>, address: SocketAddr, transaction: &TransactionId) {
    let mut value = [0; 20];
    let port = address.port() ^ (MAGIC_COOKIE >> 16) as u16;
    value[2..4].copy_from_slice(&port.to_be_bytes());
    let length = match address.ip() {
        IpAddr::V4(ip) => {
            value[1] = 1;
            value[4..8].copy_from_slice(&ip.octets());
            8
        }
        IpAddr::V6(ip) => {
            value[1] = 2;
            value[4..].copy_from_slice(&ip.octets());
            20
        }
    };
    let mask = MAGIC_COOKIE.to_be_bytes();
    for (octet, mask) in value[4..].iter_mut().zip(mask.iter().chain(transaction)) {
        *octet ^= mask;
    }
    push(out, XOR_MAPPED_ADDRESS, &value[..length]);
}
