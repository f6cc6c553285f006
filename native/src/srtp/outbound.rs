//! Protecting what we send: one per association, in the caller's buffers.
//!
//! An index is used once.  A second use of a nonce would give away the key (RFC 7714 section
//! 8.1), so what may have been used is refused and counted; a packet that goes out again is
//! `repeat`ed, and has to be the very same one.

use super::cipher::Cipher;
use super::layout::{source, RTCP_HEADER, RTCP_INDEX_MASK, RTCP_TRAILER};
use super::leg::fit;
use super::profile::SessionKeys;
use super::sources::Sources;
use super::window::{Window, INDEX_MAX};
use super::SENT_SSRCS_MAX;
use crate::errors::StateError;

/// Why a packet was not protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its index was used, or nobody can know whether it was.
    Used,
    /// It is of one SSRC more than may be sent.
    Sources,
    /// All SRTCP indexes of the key are used.
    Exhausted,
    /// It is shorter than its header and the room for what is added.
    Short,
}

/// The sending direction; `refused` counts packets whose index may have been used.
pub struct Outbound {
    pub refused: u64,
    cipher: Cipher,
    windows: Sources<Window>,
    counters: Sources<u32>,
    leg: bool,
}

impl Outbound {
    /// `ssrcs` bounds how many we may send.
    pub fn new(keys: &SessionKeys, ssrcs: usize) -> Self {
        Self {
            refused: 0,
            cipher: Cipher::new(keys),
            windows: Sources::new(ssrcs),
            counters: Sources::new(ssrcs),
            leg: false,
        }
    }

    /// To another node (RFC 0003 section 13.2): packets may come in any order.
    pub fn leg(keys: &SessionKeys) -> Result<Self, StateError> {
        let mut made = Self::new(fit(keys)?, SENT_SSRCS_MAX);
        made.leg = true;
        Ok(made)
    }

    /// Octets at the end of a packet that `protect` fills.
    pub const fn room(&self) -> usize {
        self.cipher.tag_bytes()
    }

    /// Octets at the end of a compound packet that `protect_rtcp` fills.
    pub const fn rtcp_room(&self) -> usize {
        self.cipher.tag_bytes() + RTCP_TRAILER
    }

    /// Encrypt a packet of known index: header, payload, and room for the tag.
    pub fn protect(
        &mut self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Refused> {
        if packet.len() < header + self.room() {
            return Err(Refused::Short);
        }
        let claimed = match signed(index) {
            Some(index) => self.window(ssrc, index)?.claim(index).then_some(index),
            None => None,
        };
        let Some(index) = claimed else {
            self.refused += 1;
            return Err(Refused::Used);
        };
        self.cipher.seal(packet, header, ssrc, index);
        Ok(())
    }

    /// The same where the index is guessed from the header, as a receiver would.
    pub fn protect_next(&mut self, packet: &mut [u8], header: usize) -> Result<(), Refused> {
        if packet.len() < 12 {
            return Err(Refused::Short);
        }
        let (ssrc, sequence) = source(packet);
        let guessed = self
            .windows
            .get(ssrc)
            .map(|window| window.estimate(sequence));
        let index = guessed.unwrap_or(i64::from(sequence));
        self.protect(packet, header, ssrc, index as u64)
    }

    /// Encrypt a packet that was protected before, to the very same octets.
    ///
    /// The caller's duty: it must be the same packet, or the nonce is lost.  One of a leg
    /// may not have been sent yet, and counts as sent from now on.
    pub fn repeat(
        &mut self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), Refused> {
        if packet.len() < header + self.room() {
            return Err(Refused::Short);
        }
        let index = signed(index).ok_or(Refused::Used)?;
        if self.leg {
            self.window(ssrc, index)?.claim(index);
        }
        self.cipher.seal(packet, header, ssrc, index);
        Ok(())
    }

    /// Encrypt a compound RTCP packet with room for what is added behind it.
    pub fn protect_rtcp(&mut self, packet: &mut [u8]) -> Result<(), Refused> {
        if packet.len() < RTCP_HEADER + self.rtcp_room() {
            return Err(Refused::Short);
        }
        let index = self.next_rtcp(super::layout::word_at(packet, 4))?;
        self.cipher.seal_rtcp(packet, index);
        Ok(())
    }

    /// The window of an SSRC, opened before its first packet.
    fn window(&mut self, ssrc: u32, first: i64) -> Result<&mut Window, Refused> {
        // asked twice, for a borrow that is returned cannot end before the insertion
        if self.windows.get(ssrc).is_none() {
            if self.windows.is_full() {
                return Err(Refused::Sources);
            }
            let window = if self.leg {
                Window::sending_any(first)
            } else {
                Window::sending(first)
            };
            return Ok(self.windows.insert(ssrc, window));
        }
        self.windows.get(ssrc).ok_or(Refused::Sources)
    }

    /// The next unused SRTCP index of an SSRC, from 1.
    fn next_rtcp(&mut self, ssrc: u32) -> Result<u32, Refused> {
        let full = self.counters.is_full();
        match self.counters.get(ssrc) {
            Some(last) if *last >= RTCP_INDEX_MASK => Err(Refused::Exhausted),
            Some(last) => {
                *last += 1;
                Ok(*last)
            }
            None if full => Err(Refused::Sources),
            None => Ok(*self.counters.insert(ssrc, 1)),
        }
    }
}

fn signed(index: u64) -> Option<i64> {
    i64::try_from(index)
        .ok()
        .filter(|index| *index <= INDEX_MAX)
}
