//! The STUN method Binding (RFC 8489 section 3), the only one served here.
//!
//! Error responses have no reason phrase, so that no answer to a stranger is longer than it
//! must be.

use std::net::SocketAddr;

use super::attributes;
use super::message::Message;
use super::seal;

pub const REQUEST: u16 = 0x0001;
pub const SUCCESS: u16 = 0x0101;
pub const ERROR: u16 = 0x0111;

pub const BAD_REQUEST: u16 = 400;
pub const UNAUTHENTICATED: u16 = 401;
pub const UNKNOWN_ATTRIBUTE: u16 = 420;
/// RFC 8445 section 7.3.1.1.
pub const ROLE_CONFLICT: u16 = 487;

/// The answer to `request`: where it came from.
pub fn success(
    request: &Message<'_>,
    address: SocketAddr,
    key: Option<&[u8]>,
    fingerprint: bool,
) -> Vec<u8> {
    let mut message = seal::begin(SUCCESS, &request.transaction);
    attributes::push_xor_address(&mut message, address, &request.transaction);
    seal::finish(message, key, fingerprint)
}

/// The refusal of `request`; 420 lists the attributes that were not understood.
pub fn error(request: &Message<'_>, code: u16, key: Option<&[u8]>, fingerprint: bool) -> Vec<u8> {
    let mut message = seal::begin(ERROR, &request.transaction);
    let value = [0, 0, (code / 100) as u8, (code % 100) as u8];
    attributes::push(&mut message, attributes::ERROR_CODE, &value);
    if code == UNKNOWN_ATTRIBUTE {
        let listed: Vec<u8> = request
            .unknown
            .iter()
            .flat_map(|kind| kind.to_be_bytes())
            .collect();
        attributes::push(&mut message, attributes::UNKNOWN_ATTRIBUTES, &listed);
    }
    seal::finish(message, key, fingerprint)
}
