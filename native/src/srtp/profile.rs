//! What can be negotiated, and from the keys of a handshake to those of a session.
//!
//! The derivation is AES in counter mode over the master salt with a label mixed in (RFC
//! 3711 section 4.3); the AEAD profiles use the same one with a 12 byte salt (RFC 7714
//! section 11).  The key derivation rate is 0, as DTLS-SRTP demands, so every key is derived
//! once.

use super::counter::CounterMode;
use crate::errors::StateError;

const AUTH_BYTES: usize = 20;

/// An SRTP protection profile (RFC 5764, RFC 7714).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    AeadAes128Gcm,
    AeadAes256Gcm,
    Aes128CmSha1,
}

impl Profile {
    /// By the name that the handshake has for it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "AEAD_AES_128_GCM" => Some(Self::AeadAes128Gcm),
            "AEAD_AES_256_GCM" => Some(Self::AeadAes256Gcm),
            "AES128_CM_SHA1_80" => Some(Self::Aes128CmSha1),
            _ => None,
        }
    }

    pub const fn key_bytes(self) -> usize {
        match self {
            Self::AeadAes256Gcm => 32,
            _ => 16,
        }
    }

    pub const fn salt_bytes(self) -> usize {
        if self.is_gcm() {
            12
        } else {
            14
        }
    }

    /// Octets that protecting adds to an RTP packet; to RTCP four more.
    pub const fn tag_bytes(self) -> usize {
        if self.is_gcm() {
            16
        } else {
            10
        }
    }

    pub const fn is_gcm(self) -> bool {
        !matches!(self, Self::Aes128CmSha1)
    }
}

/// The derived keys of one direction; the `auth` ones are empty with AEAD.
pub struct SessionKeys {
    pub profile: Profile,
    pub rtp_key: Vec<u8>,
    pub rtp_auth: Vec<u8>,
    pub rtp_salt: Vec<u8>,
    pub rtcp_key: Vec<u8>,
    pub rtcp_auth: Vec<u8>,
    pub rtcp_salt: Vec<u8>,
}

impl SessionKeys {
    /// From the master key and salt of one direction.
    pub fn derive(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, StateError> {
        if key.len() != profile.key_bytes() || salt.len() != profile.salt_bytes() {
            return Err(StateError("SRTP keys do not fit the profile"));
        }
        let make = |label, length| derive(key, salt, label, length);
        let auth = if profile.is_gcm() { 0 } else { AUTH_BYTES };
        Ok(Self {
            profile,
            rtp_key: make(0, profile.key_bytes()),
            rtp_auth: make(1, auth),
            rtp_salt: make(2, profile.salt_bytes()),
            rtcp_key: make(3, profile.key_bytes()),
            rtcp_auth: make(4, auth),
            rtcp_salt: make(5, profile.salt_bytes()),
        })
    }
}

/// One session key of `length` octets (RFC 3711 section 4.3.1, rate 0).
///
/// A 12 byte salt is read as if two zero octets followed it.
pub fn derive(key: &[u8], salt: &[u8], label: u8, length: usize) -> Vec<u8> {
    let mut block = [0; 16];
    block[..salt.len()].copy_from_slice(salt);
    block[7] ^= label;
    let mut derived = vec![0; length];
    CounterMode::new(key).apply(u128::from_be_bytes(block), &mut derived);
    derived
}
