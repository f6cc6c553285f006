//! Verifying and decrypting what arrives: one per association, in place.
//!
//! Nothing is remembered before a packet authenticated (RFC 3711 section 3.3): a forged one
//! costs one decryption and changes nothing.  The number of SSRCs is bounded, because each
//! needs a window.

use super::cipher::Cipher;
use super::layout::{header_length, source, word_at, RTCP_HEADER, RTCP_INDEX_MASK, RTCP_TRAILER};
use super::leg::{fit, index_of};
use super::profile::SessionKeys;
use super::sources::Sources;
use super::window::Window;
use super::HEARD_SSRCS_MAX;
use crate::errors::{DecodeError, StateError};

/// The receiving direction.
pub struct Inbound {
    cipher: Cipher,
    windows: Sources<Window>,
    rtcp_windows: Sources<Window>,
    leg: bool,
}

impl Inbound {
    /// `ssrcs` bounds how many the remote may use.
    pub fn new(keys: &SessionKeys, ssrcs: usize) -> Self {
        Self {
            cipher: Cipher::new(keys),
            windows: Sources::new(ssrcs),
            rtcp_windows: Sources::new(ssrcs),
            leg: false,
        }
    }

    /// From another node: packets name their index, and old SSRCs give way to new ones.
    pub fn leg(keys: &SessionKeys) -> Result<Self, StateError> {
        let mut made = Self::new(fit(keys)?, HEARD_SSRCS_MAX);
        made.leg = true;
        Ok(made)
    }

    /// How many SSRCs were heard, and are remembered.
    pub fn ssrcs(&self) -> usize {
        self.windows.len()
    }

    /// The length of the plain RTP packet, which is in place of the protected one.
    ///
    /// Where it is refused the octets are unspecified.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, DecodeError> {
        let tag = self.cipher.tag_bytes();
        let header = header_length(packet, tag)?;
        let (ssrc, sequence) = source(packet);
        let told = if self.leg {
            Some(index_of(packet)?)
        } else {
            None
        };
        let full = self.windows.is_full() && !self.leg;
        let index = match self.windows.get(ssrc) {
            Some(window) => {
                let index = told.unwrap_or_else(|| window.estimate(sequence));
                if !window.is_fresh(index) {
                    return Err(DecodeError::new("srtp-replay"));
                }
                index
            }
            None if full => return Err(DecodeError::new("srtp-ssrcs")),
            None => told.unwrap_or(i64::from(sequence)),
        };
        if !self.cipher.open(packet, header, ssrc, index) {
            return Err(DecodeError::new("srtp-auth"));
        }
        remember(&mut self.windows, ssrc, index);
        Ok(packet.len() - tag)
    }

    /// The length of the plain compound RTCP packet, which is in place of the protected one.
    pub fn unprotect_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, DecodeError> {
        let added = self.cipher.tag_bytes() + RTCP_TRAILER;
        if packet.len() < RTCP_HEADER + added || packet[0] >> 6 != 2 {
            return Err(DecodeError::new("srtcp-short"));
        }
        let word = word_at(packet, self.cipher.trailer_at(packet.len()));
        let (ssrc, index) = (word_at(packet, 4), word & RTCP_INDEX_MASK);
        let full = self.rtcp_windows.is_full();
        match self.rtcp_windows.get(ssrc) {
            None if full => return Err(DecodeError::new("srtcp-ssrcs")),
            Some(window) if !window.is_fresh(i64::from(index)) => {
                return Err(DecodeError::new("srtcp-replay"));
            }
            _ => {}
        }
        let Some(length) = self.cipher.open_rtcp(packet, word, index) else {
            return Err(DecodeError::new("srtcp-auth"));
        };
        remember(&mut self.rtcp_windows, ssrc, i64::from(index));
        Ok(length)
    }
}

fn remember(windows: &mut Sources<Window>, ssrc: u32, index: i64) {
    match windows.get(ssrc) {
        Some(window) => window.accept(index),
        None => {
            windows.insert(ssrc, Window::received(index));
        }
    }
}
