//! Transport-wide feedback: when each packet of a transport arrived
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1).
//!
//! The status of each packet is one of three symbols, packed into 16 bit chunks: a run
//! of one symbol, 14 symbols of one bit or 7 of two.  Then follow the arrival times as
//! differences of one or two octets, in steps of 250 us.
//!
//! A run of 8,191 symbols takes two octets, so a small datagram can claim a long list;
//! `MAX_STATUSES` bounds what is believed.  The builder takes what fits `max_octets` and
//! the range of a difference, and says how far it came: the caller goes on from there.

use super::rtcp_common as common;
use super::rtp::{u16_at, u32_at};
use crate::errors::{DecodeError, StateError};

/// Resolution of arrival times.
pub const TICK_US: i64 = 250;

/// Unit of the reference time.
pub const REFERENCE_US: i64 = 64_000;

/// Arrival times start again after this: 12.4 days.
pub const WRAP_US: i64 = REFERENCE_US << 24;

/// Packets one feedback may report on; more is refused.
pub const MAX_STATUSES: usize = 16_384;

/// Default size limit of a built feedback.
pub const MAX_OCTETS: usize = 1_200;

const FORMAT: u8 = 15;
const HEAD: usize = 16;
const LONGEST_RUN: usize = 0x1FFF;
// a symbol's value is the number of octets of its delta
const MISSING: u8 = 0;
const SMALL: u8 = 1;
const LARGE: u8 = 2;

/// Transport sequence number, and arrival time in us or None if it did not arrive.
pub type Arrival = (u16, Option<i64>);

/// One feedback packet, arrivals without gaps from `base_sequence` on.
///
/// Times count from the receiver's own zero, modulo `WRAP_US`; only differences mean
/// anything.  `reference` is in units of 64 ms, 24 bit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TransportFeedback {
    pub sender_ssrc: u32,
    pub media_ssrc: u32,
    pub base_sequence: u16,
    pub reference: u32,
    pub feedback_count: u8,
    pub arrivals: Vec<Arrival>,
}

impl TransportFeedback {
    /// The whole packet, if one can hold it.
    pub fn encode(&self) -> Result<Vec<u8>, StateError> {
        let (sender, media) = (self.sender_ssrc, self.media_ssrc);
        let count = self.feedback_count;
        let (packet, taken) = build(sender, media, count, &self.arrivals, 1 << 18)?;
        if taken < self.arrivals.len() {
            return Err(StateError("arrivals do not fit one feedback"));
        }
        Ok(packet)
    }

    /// Read a feedback body, padding removed.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        if body.len() < HEAD {
            return Err(DecodeError::new("twcc-short"));
        }
        let (base_sequence, count) = (u16_at(body, 8), usize::from(u16_at(body, 10)));
        if count > MAX_STATUSES {
            return Err(DecodeError::new("twcc-statuses"));
        }
        let reference = u32_at(body, 12) >> 8;
        let (statuses, at) = read_statuses(body, count)?;
        let start_us = i64::from(reference) * REFERENCE_US;
        Ok(Self {
            sender_ssrc: u32_at(body, 0),
            media_ssrc: u32_at(body, 4),
            base_sequence,
            reference,
            feedback_count: body[15],
            arrivals: read_deltas(&body[at..], base_sequence, start_us, &statuses)?,
        })
    }
}

/// The reference field for a first arrival.
pub fn reference_time(arrival_us: i64) -> u32 {
    (arrival_us.div_euclid(REFERENCE_US) & 0xFF_FFFF) as u32
}

/// `count` symbols, and where the deltas start.
fn read_statuses(body: &[u8], count: usize) -> Result<(Vec<u8>, usize), DecodeError> {
    let (mut statuses, mut at) = (Vec::with_capacity(count + 14), HEAD);
    while statuses.len() < count {
        if at + 2 > body.len() {
            return Err(DecodeError::new("twcc-chunks"));
        }
        let chunk = u16_at(body, at);
        at += 2;
        if chunk & 0x8000 == 0 {
            let end = statuses.len() + (usize::from(chunk) & LONGEST_RUN);
            statuses.resize(end.min(count), (chunk >> 13) as u8);
        } else if chunk & 0x4000 != 0 {
            statuses.extend((0..7).rev().map(|place| (chunk >> (2 * place) & 3) as u8));
        } else {
            statuses.extend((0..14).rev().map(|place| (chunk >> place & 1) as u8));
        }
    }
    statuses.truncate(count);
    Ok((statuses, at))
}

fn read_deltas(
    mut deltas: &[u8],
    base: u16,
    mut time_us: i64,
    statuses: &[u8],
) -> Result<Vec<Arrival>, DecodeError> {
    let mut arrivals = Vec::with_capacity(statuses.len());
    let mut sequence = base;
    for &status in statuses {
        let delta = match (status, deltas) {
            (MISSING, _) => None,
            (SMALL, [ticks, ..]) => Some(i64::from(*ticks)),
            (LARGE, [high, low, ..]) => Some(i64::from(i16::from_be_bytes([*high, *low]))),
            _ => return Err(DecodeError::new("twcc-deltas")),
        };
        deltas = &deltas[usize::from(status)..];
        time_us += delta.unwrap_or(0) * TICK_US;
        arrivals.push((sequence, delta.map(|_| time_us)));
        sequence = sequence.wrapping_add(1);
    }
    Ok(arrivals)
}

/// A feedback packet for the first of `arrivals`, and how many of them it covers.
///
/// `arrivals` have rising sequence numbers modulo 2^16; numbers left out count as
/// missing.  At least the first is covered; an empty list is refused.
pub fn build(
    sender_ssrc: u32,
    media_ssrc: u32,
    feedback_count: u8,
    arrivals: &[Arrival],
    max_octets: usize,
) -> Result<(Vec<u8>, usize), StateError> {
    let &(base, _) = arrivals
        .first()
        .ok_or(StateError("no arrivals to report"))?;
    let first = arrivals.iter().find_map(|arrival| arrival.1).unwrap_or(0);
    let (statuses, deltas, taken) = collect(arrivals, first, max_octets);
    let mut body = Vec::with_capacity(HEAD + statuses.len() / 7 * 2 + 2 + deltas.len());
    body.extend_from_slice(&sender_ssrc.to_be_bytes());
    body.extend_from_slice(&media_ssrc.to_be_bytes());
    body.extend_from_slice(&base.to_be_bytes());
    body.extend_from_slice(&(statuses.len() as u16).to_be_bytes());
    let word = reference_time(first) << 8 | u32::from(feedback_count);
    body.extend_from_slice(&word.to_be_bytes());
    push_chunks(&mut body, &statuses);
    body.extend_from_slice(&deltas);
    let padding = (body.len().next_multiple_of(4) - body.len()) as u8;
    let packet = common::frame(common::TRANSPORT_FEEDBACK, FORMAT, &body, padding)?;
    Ok((packet, taken))
}

/// Symbols and deltas of as many arrivals as fit, and their number.
fn collect(arrivals: &[Arrival], first_us: i64, max_octets: usize) -> (Vec<u8>, Vec<u8>, usize) {
    let (mut statuses, mut deltas) = (Vec::new(), Vec::new());
    let base = arrivals[0].0;
    let mut tick = first_us.div_euclid(REFERENCE_US) * (REFERENCE_US / TICK_US);
    // the costliest chunk carries 7 symbols in 2 octets
    let mut room = max_octets as i64 - 4 - HEAD as i64 - 3 - 2;
    for (taken, &(sequence, time_us)) in arrivals.iter().enumerate() {
        let offset = usize::from(sequence.wrapping_sub(base));
        let delta = time_us.map_or(0, |time| time.div_euclid(TICK_US) - tick);
        let status = symbol(time_us, delta);
        room -= i64::from(status);
        let full = offset + 1 > MAX_STATUSES || offset < statuses.len();
        if taken > 0 && (full || room * 7 < 2 * (offset as i64 + 1)) {
            return (statuses, deltas, taken);
        }
        let Ok(large) = i16::try_from(delta) else {
            return (statuses, deltas, taken);
        };
        statuses.resize(offset, MISSING);
        statuses.push(status);
        match status {
            SMALL => deltas.push(delta as u8),
            LARGE => deltas.extend_from_slice(&large.to_be_bytes()),
            _ => {}
        }
        tick += delta;
    }
    (statuses, deltas, arrivals.len())
}

fn symbol(time_us: Option<i64>, delta: i64) -> u8 {
    match (time_us, delta) {
        (None, _) => MISSING,
        (_, 0..=255) => SMALL,
        _ => LARGE,
    }
}

/// Pack greedily: a run where it beats a vector, else the widest vector.
fn push_chunks(out: &mut Vec<u8>, statuses: &[u8]) {
    let mut rest = statuses;
    while let Some(&symbol) = rest.first() {
        let near = &rest[..rest.len().min(14)];
        let width = if near.contains(&LARGE) { 7 } else { 14 };
        let same = rest.iter().take_while(|&&status| status == symbol);
        let run = same.take(LONGEST_RUN).count();
        let (chunk, taken) = if run >= width.min(rest.len()) {
            (u16::from(symbol) << 13 | run as u16, run)
        } else {
            (vector(rest, width), width.min(rest.len()))
        };
        out.extend_from_slice(&chunk.to_be_bytes());
        rest = &rest[taken..];
    }
}

fn vector(statuses: &[u8], width: usize) -> u16 {
    let bits = 14 / width;
    let places = (0..width).map(|at| statuses.get(at).copied().unwrap_or(MISSING));
    let word = places.fold(0, |word, status| word << bits | u16::from(status));
    0x8000 | if bits == 2 { 0x4000 } else { 0 } | word
}
