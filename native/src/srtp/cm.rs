//! SRTP with AES counter mode and HMAC-SHA1-80 (RFC 3711, RFC 5764 section 4.1.2).
//!
//! For peers that know nothing else (GStreamer).  The rollover counter is authenticated
//! without being sent (section 4.2); it takes the place of the tag while the tag is made,
//! so that nothing is joined.

use hmac::{Hmac, Mac};
use sha1::Sha1;

use super::counter::CounterMode;
use super::layout::{word_at, RTCP_ENCRYPTED, RTCP_HEADER, RTCP_TRAILER};
use super::profile::SessionKeys;

pub const TAG: usize = 10;
const ROLLOVER: usize = 4;

/// The keys of one direction of AES128_CM_SHA1_80.
pub struct Cm {
    rtp: CounterMode,
    rtcp: CounterMode,
    rtp_auth: Hmac<Sha1>,
    rtcp_auth: Hmac<Sha1>,
    rtp_salt: u128,
    rtcp_salt: u128,
}

impl Cm {
    pub fn new(keys: &SessionKeys) -> Self {
        let auth = |key: &[u8]| Hmac::new_from_slice(key).expect("a key of any length");
        Self {
            rtp: CounterMode::new(&keys.rtp_key),
            rtcp: CounterMode::new(&keys.rtcp_key),
            rtp_auth: auth(&keys.rtp_auth),
            rtcp_auth: auth(&keys.rtcp_auth),
            rtp_salt: salt(&keys.rtp_salt),
            rtcp_salt: salt(&keys.rtcp_salt),
        }
    }

    /// Encrypt what follows the header; the last 10 octets are room for the tag.
    pub fn seal(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) {
        let end = packet.len() - TAG;
        let block = block(self.rtp_salt, ssrc, index as u64);
        self.rtp.apply(block, &mut packet[header..end]);
        let tag = self.mac(packet, index).finalize().into_bytes();
        packet[end..].copy_from_slice(&tag[..TAG]);
    }

    /// Verify and decrypt in place.  False, and unspecified octets, where it is forged.
    pub fn open(&self, packet: &mut [u8], header: usize, ssrc: u32, index: i64) -> bool {
        let end = packet.len() - TAG;
        let mut told = [0; TAG];
        told.copy_from_slice(&packet[end..]);
        if self
            .mac(packet, index)
            .verify_truncated_left(&told)
            .is_err()
        {
            return false;
        }
        let block = block(self.rtp_salt, ssrc, index as u64);
        self.rtp.apply(block, &mut packet[header..end]);
        true
    }

    /// What makes the tag of a packet, which is written over: its own is lost.
    fn mac(&self, packet: &mut [u8], index: i64) -> Hmac<Sha1> {
        let end = packet.len() - TAG;
        let rollover = ((index >> 16) as u32).to_be_bytes();
        packet[end..end + ROLLOVER].copy_from_slice(&rollover);
        self.rtp_auth
            .clone()
            .chain_update(&packet[..end + ROLLOVER])
    }

    /// Encrypt a compound packet whose last 14 octets are room for trailer and tag.
    pub fn seal_rtcp(&self, packet: &mut [u8], index: u32) {
        let end = packet.len() - TAG;
        let (block, plain) = (self.rtcp_block(packet, index), end - RTCP_TRAILER);
        self.rtcp.apply(block, &mut packet[RTCP_HEADER..plain]);
        let trailer = (RTCP_ENCRYPTED | index).to_be_bytes();
        packet[plain..end].copy_from_slice(&trailer);
        let tag = self.rtcp_auth.clone().chain_update(&packet[..end]);
        packet[end..].copy_from_slice(&tag.finalize().into_bytes()[..TAG]);
    }

    /// Verify and decrypt in place.  The length of the plain packet, if it is genuine.
    pub fn open_rtcp(&self, packet: &mut [u8], word: u32, index: u32) -> Option<usize> {
        let end = packet.len() - TAG;
        let mac = self.rtcp_auth.clone().chain_update(&packet[..end]);
        // in constant time: how much of a forged tag is right must not show
        mac.verify_truncated_left(&packet[end..]).ok()?;
        let plain = end - RTCP_TRAILER;
        if word & RTCP_ENCRYPTED != 0 {
            let block = self.rtcp_block(packet, index);
            self.rtcp.apply(block, &mut packet[RTCP_HEADER..plain]);
        }
        Some(plain)
    }

    fn rtcp_block(&self, packet: &[u8], index: u32) -> u128 {
        block(self.rtcp_salt, word_at(packet, 4), u64::from(index))
    }
}

fn salt(octets: &[u8]) -> u128 {
    let mut block = [0; 16];
    block[..14].copy_from_slice(octets);
    u128::from_be_bytes(block)
}

/// The first counter block of a packet: salt, SSRC and index (section 4.1.1).
fn block(salt: u128, ssrc: u32, index: u64) -> u128 {
    salt ^ u128::from(ssrc) << 64 ^ u128::from(index) << 16
}
