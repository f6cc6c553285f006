//! The last packets of a client whose consumers have no RTX.
//!
//! They may have to go out again byte for byte (RFC 0002 section 4).  What is kept is header
//! and payload rather than ciphertext: the payload is one object for all consumers, and the
//! same bytes under the same nonce give the same ciphertext.  Nothing in here is ever
//! altered, which is what makes that safe.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::core::outputs::OutPacket;

const PACKETS: usize = 512;

/// One packet as it was protected.
#[derive(Debug)]
pub struct Kept {
    pub header: Box<[u8]>,
    pub payload: Bytes,
    pub ssrc: u32,
    pub index: u64,
}

/// The newest packets, oldest first.
#[derive(Debug, Default)]
pub struct Repeats(VecDeque<Kept>);

impl Repeats {
    /// Remember a packet that was protected.
    pub fn keep(&mut self, packet: &OutPacket<'_>) {
        self.0.push_back(Kept {
            header: packet.header.into(),
            payload: packet.payload.clone(),
            ssrc: packet.ssrc,
            index: packet.index,
        });
    }

    /// After a burst: forget the oldest beyond the limit, by the dozen.
    pub fn trim(&mut self) {
        if self.0.len() > PACKETS {
            self.0.drain(..self.0.len() - PACKETS + PACKETS / 8);
        }
    }

    /// The packet, or None when it is gone.
    pub fn find(&self, ssrc: u32, index: u64) -> Option<&Kept> {
        let mut newest_first = self.0.iter().rev();
        newest_first.find(|kept| kept.ssrc == ssrc && kept.index == index)
    }
}
