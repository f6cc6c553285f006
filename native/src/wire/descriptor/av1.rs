//! AV1 payloads (AV1 RTP specification 1.0, section 4): aggregation header and OBUs.
//!
//! ```text
//! Z Y W W N - - -      aggregation header: the first element continues (Z), the last
//!                      is continued (Y), number of elements or 0 (W), new coded video
//!                      sequence (N)
//! ```
//!
//! Elements carry a leb128 length, but for the last one when W says how many there are.
//! `describe` looks at the aggregation header and the first OBUs; streams with a
//! dependency descriptor tell more there, also when the payload is encrypted.

use super::frame::{FrameFacts, MIDDLE};
use crate::errors::DecodeError;

pub const SEQUENCE_HEADER: u8 = 1;
pub const DELIMITER: u8 = 2;
pub const FRAME_HEADER: u8 = 3;
pub const METADATA: u8 = 5;
pub const FRAME: u8 = 6;
const LEB128_OCTETS_MAX: usize = 8;

const CUT: DecodeError = DecodeError::new("av1_cut");

/// One payload split into its OBU elements, without their length fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aggregation<'a> {
    pub continues: bool,
    pub continued: bool,
    pub element_count: u8,
    pub new_sequence: bool,
    pub elements: Vec<&'a [u8]>,
}

/// Split a payload.
pub fn parse(payload: &[u8]) -> Result<Aggregation<'_>, DecodeError> {
    if payload.len() < 2 {
        return Err(CUT);
    }
    let header = payload[0];
    if header & 0x88 == 0x88 {
        // section 4.4: a new sequence cannot begin with the rest of an older OBU
        return Err(DecodeError::new("av1_new_sequence_continues"));
    }
    Ok(Aggregation {
        continues: header & 0x80 != 0,
        continued: header & 0x40 != 0,
        element_count: header >> 4 & 3,
        new_sequence: header & 0x08 != 0,
        elements: elements(payload).collect::<Result<_, _>>()?,
    })
}

/// The elements of a payload of two octets or more; an error ends the walk.
fn elements(payload: &[u8]) -> Elements<'_> {
    Elements {
        rest: &payload[1..],
        found: 0,
        count: payload[0] >> 4 & 3,
    }
}

/// The walk; `count` is what W says.
struct Elements<'a> {
    rest: &'a [u8],
    found: usize,
    count: u8,
}

impl<'a> Elements<'a> {
    fn element(&mut self) -> Result<&'a [u8], DecodeError> {
        self.found += 1;
        let mut length = self.rest.len();
        if self.found != usize::from(self.count) {
            let (told, size) = leb128(self.rest)?;
            self.rest = &self.rest[size..];
            length = usize::try_from(told).unwrap_or(usize::MAX);
        }
        if length > self.rest.len() {
            return Err(DecodeError::new("av1_element_size"));
        }
        let (element, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(element)
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let missing = self.found < usize::from(self.count);
        let item = match self.rest {
            [] if missing => Err(DecodeError::new("av1_element_count")),
            [] => return None,
            _ => self.element(),
        };
        if item.is_err() {
            (self.rest, self.count) = (&[], 0);
        }
        Some(item)
    }
}

/// The value in front of `data`, and how many octets it takes.
fn leb128(data: &[u8]) -> Result<(u64, usize), DecodeError> {
    let mut value = 0;
    for index in 0..LEB128_OCTETS_MAX {
        let octet = *data.get(index).ok_or(CUT)?;
        value |= u64::from(octet & 0x7F) << (7 * index);
        if octet & 0x80 == 0 {
            return Ok((value, index + 1));
        }
    }
    Err(DecodeError::new("av1_leb128"))
}

/// The facts of a packet.
///
/// The sequence header opens a key frame unless the frame that follows it in the same
/// packet says it is none (encoders may repeat the header).
pub fn describe(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let header = *payload.first().ok_or(CUT)?;
    if header & 0x80 != 0 {
        return Ok(MIDDLE);
    }
    let first = first_element(payload)?;
    let obu = *first.first().ok_or(CUT)?;
    let kind = kind_of(obu);
    let opening = matches!(kind, SEQUENCE_HEADER | DELIMITER);
    let keyframe = header & 0x08 != 0 || opening && opens_key_frame(payload)?;
    let (mut spatial, mut temporal) = (0, 0);
    if obu & 4 != 0 {
        let extension = first.get(1).ok_or(CUT)?;
        (temporal, spatial) = (extension >> 5, extension >> 3 & 3);
    }
    Ok(FrameFacts {
        start: opening || matches!(kind, FRAME_HEADER | METADATA | FRAME),
        keyframe: keyframe && spatial == 0,
        spatial,
        temporal,
        switch_up: keyframe,
        spatial_switch: keyframe,
        ..MIDDLE
    })
}

fn kind_of(obu: u8) -> u8 {
    obu >> 3 & 15
}

/// Everything from the first element on, behind its length if it has one.
fn first_element(payload: &[u8]) -> Result<&[u8], DecodeError> {
    let (header, rest) = payload.split_first().ok_or(CUT)?;
    if rest.is_empty() || header & 0x30 == 0x10 {
        return Ok(rest);
    }
    let (_, size) = leb128(rest)?;
    Ok(&rest[size..])
}

fn opens_key_frame(payload: &[u8]) -> Result<bool, DecodeError> {
    // the whole payload has to be well formed before one of its frames is believed
    elements(payload).try_for_each(|element| element.map(drop))?;
    let mut sequence = false;
    for element in elements(payload) {
        match element? {
            [] => (),
            element => match kind_of(element[0]) {
                SEQUENCE_HEADER => sequence = true,
                FRAME | FRAME_HEADER => return Ok(sequence && is_key_frame(element)?),
                _ => (),
            },
        }
    }
    Ok(sequence)
}

/// show_existing_frame = 0 and frame_type = KEY_FRAME (AV1 section 5.9.2).
fn is_key_frame(element: &[u8]) -> Result<bool, DecodeError> {
    let mut at = if element[0] & 4 != 0 { 2 } else { 1 };
    if element[0] & 2 != 0 {
        at += leb128(element.get(at..).unwrap_or_default())?.1;
    }
    Ok(element.get(at).is_some_and(|octet| octet & 0xE0 == 0))
}
