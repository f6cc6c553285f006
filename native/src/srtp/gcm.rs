//! SRTP with AES-GCM (RFC 7714): some arithmetic around one AEAD call.
//!
//! The nonce is SSRC, rollover counter and sequence number xored with the salt, so it is one
//! number xored with the packet index.  The RTP header is associated data.  For SRTCP the
//! index is a counter of its own that travels in the packet (section 9).
//!
//! Everything happens in the caller's buffer, whose last octets are the tag's: a packet is
//! copied into the burst it leaves with anyway.

use ring::aead::{Aad, LessSafeKey, Nonce, UnboundKey, AES_128_GCM, AES_256_GCM};

use super::layout::{word_at, RTCP_ENCRYPTED, RTCP_HEADER, RTCP_TRAILER};
use super::profile::SessionKeys;

pub const TAG: usize = 16;

/// The keys of one direction of an AEAD profile.
pub struct Gcm {
    rtp: LessSafeKey,
    rtcp: LessSafeKey,
    rtp_salt: u128,
    rtcp_salt: u128,
}

impl Gcm {
    pub fn new(keys: &SessionKeys) -> Self {
        Self {
            rtp: aead(&keys.rtp_key),
            rtcp: aead(&keys.rtcp_key),
            rtp_salt: salt(&keys.rtp_salt),
            rtcp_salt: salt(&keys.rtcp_salt),
        }
    }

    /// Encrypt what follows the header; the last 16 octets are room for the tag.
    pub fn seal(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) {
        let nonce = nonce(self.rtp_salt, ssrc, index as u64);
        let (head, rest) = packet.split_at_mut(header);
        seal(&self.rtp, nonce, head, rest);
    }

    /// Verify and decrypt in place.  False, and unspecified octets, where it is forged.
    pub fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) -> bool {
        let nonce = nonce(self.rtp_salt, ssrc, index as u64);
        let (head, rest) = packet.split_at_mut(header);
        self.rtp.open_in_place(nonce, Aad::from(head), rest).is_ok()
    }

    /// Encrypt a compound packet whose last 20 octets are room for tag and trailer.
    pub fn seal_rtcp(&self, packet: &mut [u8], index: u32) {
        let nonce = nonce(self.rtcp_salt, word_at(packet, 4), u64::from(index));
        let trailer = (RTCP_ENCRYPTED | index).to_be_bytes();
        let associated = associated(packet, trailer);
        let end = packet.len() - RTCP_TRAILER;
        packet[end..].copy_from_slice(&trailer);
        seal(
            &self.rtcp,
            nonce,
            &associated,
            &mut packet[RTCP_HEADER..end],
        );
    }

    /// Verify and decrypt in place.  The length of the plain packet, if it is genuine.
    ///
    /// Unencrypted packets carry everything as associated data (section 9.3).
    pub fn open_rtcp(&self, packet: &mut [u8], word: u32, index: u32) -> Option<usize> {
        let nonce = nonce(self.rtcp_salt, word_at(packet, 4), u64::from(index));
        let end = packet.len() - RTCP_TRAILER;
        let plain = end - TAG;
        if word & RTCP_ENCRYPTED != 0 {
            let associated = associated(packet, word.to_be_bytes());
            let sealed = &mut packet[RTCP_HEADER..end];
            let opened = self
                .rtcp
                .open_in_place(nonce, Aad::from(associated), sealed);
            return opened.is_ok().then_some(plain);
        }
        // the trailer moves up to what it is associated with
        let mut tag = [0; TAG];
        tag.copy_from_slice(&packet[plain..end]);
        packet.copy_within(end.., plain);
        let associated = Aad::from(&packet[..plain + RTCP_TRAILER]);
        let opened = self.rtcp.open_in_place(nonce, associated, &mut tag);
        opened.is_ok().then_some(plain)
    }
}

fn aead(key: &[u8]) -> LessSafeKey {
    let algorithm = if key.len() == 16 {
        &AES_128_GCM
    } else {
        &AES_256_GCM
    };
    LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key of the profile's size"))
}

fn salt(octets: &[u8]) -> u128 {
    let mut block = [0; 16];
    block[4..].copy_from_slice(octets);
    u128::from_be_bytes(block)
}

/// 96 bits: two zero octets, SSRC, 48 bits of index (sections 8.1 and 9.1), salted.
fn nonce(salt: u128, ssrc: u32, index: u64) -> Nonce {
    let block = (salt ^ u128::from(ssrc) << 48 ^ u128::from(index)).to_be_bytes();
    let mut nonce = [0; 12];
    nonce.copy_from_slice(&block[4..]);
    Nonce::assume_unique_for_key(nonce)
}

/// What SRTCP authenticates besides: header and trailer.
fn associated(packet: &[u8], trailer: [u8; RTCP_TRAILER]) -> [u8; RTCP_HEADER + RTCP_TRAILER] {
    let mut both = [0; RTCP_HEADER + RTCP_TRAILER];
    both[..RTCP_HEADER].copy_from_slice(&packet[..RTCP_HEADER]);
    both[RTCP_HEADER..].copy_from_slice(&trailer);
    both
}

fn seal(key: &LessSafeKey, nonce: Nonce, associated: &[u8], rest: &mut [u8]) {
    let (plain, room) = rest.split_at_mut(rest.len() - TAG);
    let tag = key
        .seal_in_place_separate_tag(nonce, Aad::from(associated), plain)
        .expect("a packet is shorter than AES-GCM's limit");
    room.copy_from_slice(tag.as_ref());
}
