//! One of the two kinds of cipher, chosen by the profile.

use super::cm::{self, Cm};
use super::gcm::{self, Gcm};
use super::profile::SessionKeys;

/// Seals and opens in the caller's buffer; knows no state but its keys.
pub enum Cipher {
    // GCM's keys hold tables: most of the memory of an association
    Gcm(Box<Gcm>),
    Cm(Box<Cm>),
}

impl Cipher {
    pub fn new(keys: &SessionKeys) -> Self {
        if keys.profile.is_gcm() {
            Self::Gcm(Box::new(Gcm::new(keys)))
        } else {
            Self::Cm(Box::new(Cm::new(keys)))
        }
    }

    pub const fn tag_bytes(&self) -> usize {
        match self {
            Self::Gcm(_) => gcm::TAG,
            Self::Cm(_) => cm::TAG,
        }
    }

    /// Encrypt what follows the header; the last octets are room for the tag.
    pub fn seal(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) {
        match self {
            Self::Gcm(gcm) => gcm.seal(packet, header, ssrc, index),
            Self::Cm(cm) => cm.seal(packet, header, ssrc, index),
        }
    }

    /// Whether the packet is genuine; it is decrypted then, and unspecified if not.
    pub fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) -> bool {
        match self {
            Self::Gcm(gcm) => gcm.open(packet, header, ssrc, index),
            Self::Cm(cm) => cm.open(packet, header, ssrc, index),
        }
    }

    /// Encrypt a compound packet; the last octets are room for trailer and tag.
    pub fn seal_rtcp(&self, packet: &mut [u8], index: u32) {
        match self {
            Self::Gcm(gcm) => gcm.seal_rtcp(packet, index),
            Self::Cm(cm) => cm.seal_rtcp(packet, index),
        }
    }

    /// Where the word with flag and index begins: RFC 7714 puts it behind the tag, RFC 3711
    /// before it.
    pub fn trailer_at(&self, length: usize) -> usize {
        match self {
            Self::Gcm(_) => length - 4,
            Self::Cm(_) => length - 4 - cm::TAG,
        }
    }

    /// The length of the plain compound packet in place, if it is genuine.
    pub fn open_rtcp(&self, packet: &mut [u8], word: u32, index: u32) -> Option<usize> {
        match self {
            Self::Gcm(gcm) => gcm.open_rtcp(packet, word, index),
            Self::Cm(cm) => cm.open_rtcp(packet, word, index),
        }
    }
}
