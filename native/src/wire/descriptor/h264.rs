//! H.264 payloads (RFC 6184 section 5): what a packet carries, and rebuilding streams.
//!
//! A payload is one NAL unit, several under one STAP-A (section 5.7.1), or a piece of one
//! under FU-A (section 5.8).  STAP-B, MTAP and FU-B belong to the interleaved mode, which
//! WebRTC never uses; they are refused.
//!
//! Nothing in these payloads numbers frames.  A picture's first slice is known by
//! first_mb_in_slice = 0, which the exp-Golomb code writes as a leading 1 bit right behind
//! the NAL unit header; parameter sets, SEI and access unit delimiters precede it.

use super::frame::{FrameFacts, MIDDLE};
use crate::errors::DecodeError;

pub const IDR: u8 = 5;
pub const SEI: u8 = 6;
pub const SPS: u8 = 7;
pub const PPS: u8 = 8;
pub const DELIMITER: u8 = 9;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const START_CODE: [u8; 4] = [0, 0, 0, 1];

const FIRST: FrameFacts = FrameFacts {
    start: true,
    ..MIDDLE
};
const KEY: FrameFacts = FrameFacts {
    start: true,
    keyframe: true,
    switch_up: true,
    spatial_switch: true,
    ..MIDDLE
};

fn octet(payload: &[u8], at: usize) -> Result<u8, DecodeError> {
    let found = payload.get(at).copied();
    found.ok_or(DecodeError::new("h264_cut"))
}

/// The facts of a packet.
///
/// `keyframe` on a sequence parameter set too: encoders send it before every IDR
/// picture, in the same access unit, and a decoder needs it.
pub fn describe(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let header = octet(payload, 0)?;
    match header & 31 {
        FU_A => of_fragment(header, payload),
        STAP_A => of_aggregate(payload),
        1..STAP_A => Ok(of_unit(header, payload.get(1))),
        _ => Err(DecodeError::new("h264_type")),
    }
}

fn of_fragment(header: u8, payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let unit = octet(payload, 1)?;
    if unit & 0x80 == 0 {
        return Ok(of_slice(header, false));
    }
    let following = octet(payload, 2)?;
    Ok(of_unit(header & 0x60 | unit & 31, Some(&following)))
}

/// A unit by its header octet and the one behind it.
fn of_unit(header: u8, following: Option<&u8>) -> FrameFacts {
    match header & 31 {
        IDR | SPS => KEY,
        1..IDR => of_slice(header, following.is_some_and(|octet| octet & 0x80 != 0)),
        _ => FIRST,
    }
}

/// A slice, or a later piece of any unit; nal_ref_idc 0 means that nothing refers to it.
fn of_slice(header: u8, start: bool) -> FrameFacts {
    FrameFacts {
        start,
        discardable: header & 0x60 == 0,
        ..MIDDLE
    }
}

fn of_aggregate(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let mut leading = None;
    let mut key = false;
    for unit in units(payload) {
        let unit = unit?;
        let found = of_unit(unit[0], unit.get(1));
        key |= found == KEY;
        leading.get_or_insert(found);
    }
    let leading = leading.ok_or(DecodeError::new("h264_aggregate"))?;
    Ok(match leading {
        _ if key => KEY,
        found if found.start => FIRST,
        found => found,
    })
}

/// The NAL units of a STAP-A, none of them empty; an error ends the walk.
fn units(payload: &[u8]) -> Units<'_> {
    Units {
        rest: payload.get(1..).unwrap_or_default(),
    }
}

struct Units<'a> {
    rest: &'a [u8],
}

impl<'a> Units<'a> {
    fn unit(&mut self) -> Result<&'a [u8], DecodeError> {
        let &[high, low, ref rest @ ..] = self.rest else {
            return Err(DecodeError::new("h264_cut"));
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length == 0 || length > rest.len() {
            return Err(DecodeError::new("h264_aggregate"));
        }
        let (unit, rest) = rest.split_at(length);
        self.rest = rest;
        Ok(unit)
    }
}

impl<'a> Iterator for Units<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let unit = self.unit();
        if unit.is_err() {
            self.rest = &[];
        }
        Some(unit)
    }
}

/// Every unit of a STAP-A, at least one.
fn all_units(payload: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    let found: Vec<_> = units(payload).collect::<Result<_, _>>()?;
    if found.is_empty() {
        return Err(DecodeError::new("h264_aggregate"));
    }
    Ok(found)
}

/// The NAL unit types in one payload, a fragment counting as its unit.
pub fn unit_types(payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match octet(payload, 0)? & 31 {
        STAP_A => Ok(all_units(payload)?
            .iter()
            .map(|unit| unit[0] & 31)
            .collect()),
        FU_A => Ok(vec![octet(payload, 1)? & 31]),
        kind @ 1..STAP_A => Ok(vec![kind]),
        _ => Err(DecodeError::new("h264_type")),
    }
}

/// Rebuilds an Annex B byte stream from payloads in sequence order.
///
/// `unit_bytes_max` bounds a unit that never ends.
#[derive(Clone, Debug)]
pub struct Depacketizer {
    pub unit_bytes_max: usize,
    fragment: Option<Vec<u8>>,
}

impl Depacketizer {
    pub fn new(unit_bytes_max: usize) -> Self {
        Self {
            unit_bytes_max,
            fragment: None,
        }
    }

    /// The NAL units that this payload completes, each behind a start code.
    ///
    /// A fragment that makes its unit too large drops the unit.
    pub fn push(&mut self, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        unit_types(payload)?;
        let kind = payload[0] & 31;
        if kind == FU_A {
            return self.push_fragment(payload);
        }
        self.fragment = None;
        let units = if kind == STAP_A {
            all_units(payload)?
        } else {
            vec![payload]
        };
        let parts = units.iter().flat_map(|unit| [&START_CODE[..], unit]);
        Ok(parts.collect::<Vec<_>>().concat())
    }

    /// Packets are missing here: forget the unit under construction.
    pub fn lost(&mut self) {
        self.fragment = None;
    }

    fn push_fragment(&mut self, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        let header = payload[1];
        if header & 0x80 != 0 {
            let unit = payload[0] & 0xE0 | header & 31;
            self.fragment = Some([&START_CODE[..], &[unit]].concat());
        }
        let Some(mut fragment) = self.fragment.take() else {
            return Ok(Vec::new());
        };
        fragment.extend_from_slice(&payload[2..]);
        if fragment.len() > self.unit_bytes_max {
            return Err(DecodeError::new("h264_unit_size"));
        }
        if header & 0x40 != 0 {
            return Ok(fragment);
        }
        self.fragment = Some(fragment);
        Ok(Vec::new())
    }
}
