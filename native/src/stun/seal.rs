//! Writing STUN messages: attributes, then what vouches for them.

use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::attributes::{self, TransactionId, MAGIC_COOKIE};
use super::message::HEADER;

/// Octets of FINGERPRINT with its header.
pub const FINGERPRINT: usize = 8;

const INTEGRITY: usize = 24;
const FINGERPRINT_MASK: u32 = 0x5354_554E;

/// The start of a message, to which attributes are pushed.
pub fn begin(message_type: u16, transaction: &TransactionId) -> Vec<u8> {
    let mut message = Vec::with_capacity(128);
    message.extend_from_slice(&message_type.to_be_bytes());
    message.extend_from_slice(&[0; 2]);
    message.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
    message.extend_from_slice(transaction);
    message
}

/// Close a message: MESSAGE-INTEGRITY (with `key`), then FINGERPRINT, where asked for.
pub fn finish(mut message: Vec<u8>, key: Option<&[u8]>, with_fingerprint: bool) -> Vec<u8> {
    if let Some(key) = key {
        let tag = integrity(key, &message).finalize().into_bytes();
        attributes::push(&mut message, attributes::MESSAGE_INTEGRITY, &tag);
    }
    if with_fingerprint {
        write_length(&mut message, FINGERPRINT);
        let value = fingerprint(&message);
        attributes::push(&mut message, attributes::FINGERPRINT, &value);
    }
    write_length(&mut message, 0);
    message
}

/// What makes MESSAGE-INTEGRITY behind `message` (RFC 8489 section 14.5): it covers what
/// stands before it, under a header length that counts it.
pub fn integrity(key: &[u8], message: &[u8]) -> Hmac<Sha1> {
    let length = (message.len() - HEADER + INTEGRITY) as u16;
    let mac: Hmac<Sha1> = Mac::new_from_slice(key).expect("a key of any length");
    mac.chain_update(&message[..2])
        .chain_update(length.to_be_bytes())
        .chain_update(&message[4..])
}

/// The value of FINGERPRINT behind `message`, whose length counts it (section 14.7).
pub fn fingerprint(message: &[u8]) -> [u8; 4] {
    (crc32fast::hash(message) ^ FINGERPRINT_MASK).to_be_bytes()
}

fn write_length(message: &mut [u8], more: usize) {
    let length = (message.len() - HEADER + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}
