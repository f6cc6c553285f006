//! Congestion control feedback: which packets of which source came, and when (RFC 8888).
//!
//! Unlike transport-wide feedback it needs no numbers of its own in the packets: it names
//! SSRCs and their sequence numbers, so that legs, which are the same octets for every
//! child, can be reported on.  Times are steps of 1/1024 s before the report's timestamp,
//! which is the middle of an NTP time; only differences mean anything.
//!
//! ECN marks are written as zero and not read: nothing here sets them.

use super::rtcp_common::{frame, split, TRANSPORT_FEEDBACK};
use super::rtp::{u16_at, u32_at};
use crate::errors::{DecodeError, StateError};

pub const TICKS_HZ: f64 = 1024.0;
pub const STAMP_HZ: f64 = 65_536.0;
/// Steps of the timestamp in one step of an offset.
pub const STAMPS_PER_TICK: i64 = 64;
/// Packets of one source that one report speaks of; the RFC allows 16,384.
pub const STATUSES_MAX: usize = 512;

const FORMAT: u8 = 11;
const HEAD: usize = 8;
const RECEIVED: u16 = 0x8000;
const OFFSET: u16 = 0x1FFF;
const EARLIER: u16 = 0x1FFE;
const UNKNOWN: u16 = 0x1FFF;

/// The packets of `ssrc` from number `begin` on, one after the other: ticks before the
/// report's timestamp at which each came, None for those that did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReport {
    pub ssrc: u32,
    pub begin: u16,
    pub offsets: Vec<Option<u16>>,
}

impl SourceReport {
    /// (sequence number, offset) of each.
    pub fn packets(&self) -> impl Iterator<Item = (u16, Option<u16>)> + '_ {
        let offsets = self.offsets.iter().enumerate();
        offsets.map(|(place, offset)| (self.begin.wrapping_add(place as u16), *offset))
    }
}

/// One feedback packet; `stamp` counts 1/65,536 s, modulo 2^32.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CongestionFeedback {
    pub sender_ssrc: u32,
    pub sources: Vec<SourceReport>,
    pub stamp: u32,
}

impl CongestionFeedback {
    /// The whole packet; refused where a source has no packets, or too many.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let mut body = self.sender_ssrc.to_be_bytes().to_vec();
        for source in &self.sources {
            let count = source.offsets.len();
            if count == 0 || count > STATUSES_MAX {
                return Err(StateError("a report speaks of 1 to 512 packets"));
            }
            body.extend_from_slice(&source.ssrc.to_be_bytes());
            body.extend_from_slice(&source.begin.to_be_bytes());
            body.extend_from_slice(&(count as u16).to_be_bytes());
            for offset in &source.offsets {
                let status = offset.map_or(0, |ticks| RECEIVED | ticks.min(EARLIER));
                body.extend_from_slice(&status.to_be_bytes());
            }
            body.resize(body.len().next_multiple_of(4), 0);
        }
        body.extend_from_slice(&self.stamp.to_be_bytes());
        frame(TRANSPORT_FEEDBACK, FORMAT, &body, 0)
    }

    /// The body of such a packet.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        if body.len() < 8 || body.len() % 4 != 0 {
            return Err(DecodeError::new("ccfb-short"));
        }
        let (mut at, end) = (4, body.len() - 4);
        let mut sources = Vec::new();
        while at < end {
            if at + HEAD > end {
                return Err(DecodeError::new("ccfb-source"));
            }
            let (ssrc, begin) = (u32_at(body, at), u16_at(body, at + 4));
            let count = usize::from(u16_at(body, at + 6));
            at += HEAD;
            let size = 2 * count.next_multiple_of(2);
            if count > STATUSES_MAX || at + size > end {
                return Err(DecodeError::new("ccfb-count"));
            }
            let words = body[at..at + 2 * count].chunks_exact(2);
            let offsets = words.map(|word| offset(u16_at(word, 0))).collect();
            at += size;
            sources.push(SourceReport {
                ssrc,
                begin,
                offsets,
            });
        }
        Ok(Self {
            sender_ssrc: u32_at(body, 0),
            sources,
            stamp: u32_at(body, end),
        })
    }
}

/// The feedback packets of a datagram; other packets are skipped.
pub fn find(compound: &[u8]) -> Result<Vec<CongestionFeedback>, DecodeError> {
    let mut found = Vec::new();
    for part in split(compound) {
        let part = part?;
        if (part.packet_type, part.count) == (TRANSPORT_FEEDBACK, FORMAT) {
            found.push(CongestionFeedback::decode(part.body)?);
        }
    }
    Ok(found)
}

fn offset(word: u16) -> Option<u16> {
    if word & RECEIVED == 0 {
        return None;
    }
    // why 0: it came, and after the timestamp or at an unknown time
    let told = word & OFFSET;
    Some(if told == UNKNOWN { 0 } else { told })
}
