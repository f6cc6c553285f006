//! Reports, source descriptions and farewells (RFC 3550 sections 6.4 to 6.6).
//!
//! Bodies arrive from `rtcp_common::split`; what a profile appends behind the report
//! blocks is ignored.

use super::rtcp_common as common;
use super::rtp::u32_at;
use crate::errors::{DecodeError, StateError};

/// The one SDES item every source must send.
pub const CNAME: u8 = 1;

/// What the five bit count field holds: blocks, chunks or sources per packet.
pub const MAX_COUNT: usize = 31;

const NTP_UNIX_OFFSET_S: f64 = 2_208_988_800.0; // 1900 to 1970
const BLOCK: usize = 24;
const SENDER: usize = 24;

/// How one source is received.
///
/// `fraction_lost` is in 1/256 since the last report, `packets_lost` is signed (late
/// duplicates make it negative), `last_report` the middle of the last sender report's
/// NTP time, and `delay` the time since then in 1/65536 s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    pub ssrc: u32,
    pub fraction_lost: u8,
    pub packets_lost: i32,
    pub highest_sequence: u32,
    pub jitter: u32,
    pub last_report: u32,
    pub delay: u32,
}

impl ReportBlock {
    /// 24 octets; `packets_lost` is clamped to its 24 bits.
    fn push(&self, out: &mut Vec<u8>) {
        let lost = self.packets_lost.clamp(-0x80_0000, 0x7F_FFFF) as u32 & 0xFF_FFFF;
        let loss = u32::from(self.fraction_lost) << 24 | lost;
        let words = [self.ssrc, loss, self.highest_sequence];
        push_words(out, &words);
        push_words(out, &[self.jitter, self.last_report, self.delay]);
    }

    fn read(block: &[u8]) -> Self {
        let loss = u32_at(block, 4);
        Self {
            ssrc: u32_at(block, 0),
            fraction_lost: (loss >> 24) as u8,
            packets_lost: (loss & 0x7F_FFFF) as i32 - (loss & 0x80_0000) as i32,
            highest_sequence: u32_at(block, 8),
            jitter: u32_at(block, 12),
            last_report: u32_at(block, 16),
            delay: u32_at(block, 20),
        }
    }
}

/// SR: `ntp_time` (64 bit) and `rtp_time` name the same instant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    pub ssrc: u32,
    pub ntp_time: u64,
    pub rtp_time: u32,
    pub packet_count: u32,
    pub octet_count: u32,
    pub reports: Vec<ReportBlock>,
}

impl SenderReport {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let mut body = self.ssrc.to_be_bytes().to_vec();
        body.extend_from_slice(&self.ntp_time.to_be_bytes());
        let counters = [self.rtp_time, self.packet_count, self.octet_count];
        push_words(&mut body, &counters);
        report(common::SENDER_REPORT, body, &self.reports)
    }

    /// Refuses a body without the promised blocks.
    pub fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let reports = blocks(body, SENDER, count).ok_or(DecodeError::new("rtcp-sender-report"))?;
        Ok(Self {
            ssrc: u32_at(body, 0),
            ntp_time: u64::from(u32_at(body, 4)) << 32 | u64::from(u32_at(body, 8)),
            rtp_time: u32_at(body, 12),
            packet_count: u32_at(body, 16),
            octet_count: u32_at(body, 20),
            reports,
        })
    }
}

/// RR: reports about up to 31 sources by receiver `ssrc`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceiverReport {
    pub ssrc: u32,
    pub reports: Vec<ReportBlock>,
}

impl ReceiverReport {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let head = self.ssrc.to_be_bytes().to_vec();
        report(common::RECEIVER_REPORT, head, &self.reports)
    }

    /// Refuses a body without the promised blocks.
    pub fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let reports = blocks(body, 4, count).ok_or(DecodeError::new("rtcp-receiver-report"))?;
        let ssrc = u32_at(body, 0);
        Ok(Self { ssrc, reports })
    }
}

/// One SDES item: type and value.
pub type Item = (u8, Vec<u8>);

/// SDES: source and items of each chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDescription {
    pub chunks: Vec<(u32, Vec<Item>)>,
}

impl SourceDescription {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let count = checked_count(self.chunks.len())?;
        let mut body = Vec::new();
        for (ssrc, items) in &self.chunks {
            push_chunk(&mut body, *ssrc, items)?;
        }
        common::frame(common::SOURCE_DESCRIPTION, count, &body, 0)
    }

    /// Refuses an item that runs past the end and a list that does not end.
    pub fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let (mut chunks, mut at) = (Vec::new(), 0);
        for _ in 0..count {
            if at + 4 > body.len() {
                return Err(DecodeError::new("rtcp-sdes"));
            }
            let ssrc = u32_at(body, at);
            let (items, end) = items(body, at + 4).ok_or(DecodeError::new("rtcp-sdes"))?;
            chunks.push((ssrc, items));
            at = end;
        }
        Ok(Self { chunks })
    }
}

/// BYE: these sources end, for `reason` if one is given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bye {
    pub sources: Vec<u32>,
    pub reason: Vec<u8>,
}

impl Bye {
    /// The whole packet.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let count = checked_count(self.sources.len())?;
        let mut body = Vec::new();
        push_words(&mut body, &self.sources);
        let length = u8::try_from(self.reason.len());
        let length = length.map_err(|_| StateError("BYE reason exceeds 255 octets"))?;
        if length > 0 {
            body.push(length);
            body.extend_from_slice(&self.reason);
            body.resize(body.len().next_multiple_of(4), 0);
        }
        common::frame(common::BYE, count, &body, 0)
    }

    /// Refuses a source or a reason that runs past the end.
    pub fn decode(count: u8, body: &[u8]) -> Result<Self, DecodeError> {
        let refused = DecodeError::new("rtcp-bye");
        let (named, rest) = body
            .split_at_checked(4 * usize::from(count))
            .ok_or(refused)?;
        let reason = match rest {
            [] => &[][..],
            [length, text @ ..] => text.get(..usize::from(*length)).ok_or(refused)?,
        };
        Ok(Self {
            sources: named.chunks_exact(4).map(|word| u32_at(word, 0)).collect(),
            reason: reason.to_vec(),
        })
    }
}

/// The description that gives `ssrc` its canonical name.
pub fn cname(ssrc: u32, name: &[u8]) -> SourceDescription {
    SourceDescription {
        chunks: vec![(ssrc, vec![(CNAME, name.to_vec())])],
    }
}

/// 64 bit NTP time: seconds since 1900 in the upper half, fraction in the lower.
pub fn ntp_time(unix_s: f64) -> u64 {
    // through 128 bits, because the era after 2036 wraps and a cast to u64 saturates
    ((unix_s + NTP_UNIX_OFFSET_S) * 4_294_967_296.0) as i128 as u64
}

/// The middle 32 bits, as `last_report` holds them (1/65536 s).
pub fn compact_ntp(ntp: u64) -> u32 {
    (ntp >> 16) as u32
}

/// The blocks behind the first `start` octets, unless the body is too short for them.
fn blocks(body: &[u8], start: usize, count: u8) -> Option<Vec<ReportBlock>> {
    let promised = body.get(start..start + BLOCK * usize::from(count))?;
    Some(
        promised
            .chunks_exact(BLOCK)
            .map(ReportBlock::read)
            .collect(),
    )
}

/// Items up to the null octet, and where the next chunk starts.
fn items(body: &[u8], mut at: usize) -> Option<(Vec<Item>, usize)> {
    let mut found = Vec::new();
    loop {
        let kind = *body.get(at)?;
        if kind == 0 {
            return Some((found, (at | 3) + 1));
        }
        let end = at + 2 + usize::from(*body.get(at + 1)?);
        found.push((kind, body.get(at + 2..end)?.to_vec()));
        at = end;
    }
}

fn push_chunk(out: &mut Vec<u8>, ssrc: u32, items: &[Item]) -> Result<(), StateError> {
    push_words(out, &[ssrc]);
    for (kind, value) in items {
        let length = u8::try_from(value.len()).ok().filter(|_| *kind > 0);
        let length = length.ok_or(StateError("SDES item out of range"))?;
        out.extend_from_slice(&[*kind, length]);
        out.extend_from_slice(value);
    }
    // at least one null octet ends the list, and the chunk ends on a word
    out.resize((out.len() + 1).next_multiple_of(4), 0);
    Ok(())
}

fn report(
    packet_type: u8,
    mut body: Vec<u8>,
    reports: &[ReportBlock],
) -> Result<Vec<u8>, StateError> {
    let count = checked_count(reports.len())?;
    reports.iter().for_each(|block| block.push(&mut body));
    common::frame(packet_type, count, &body, 0)
}

fn checked_count(count: usize) -> Result<u8, StateError> {
    if count > MAX_COUNT {
        return Err(StateError(
            "more than 31 entries do not fit one RTCP packet",
        ));
    }
    Ok(count as u8)
}

fn push_words(out: &mut Vec<u8>, words: &[u32]) {
    words
        .iter()
        .for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}
