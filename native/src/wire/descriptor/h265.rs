//! H.265 payloads (RFC 7798 section 4): key frames, layers, first slices.
//!
//! The two octets of every NAL unit header hold type (6 bits), layer id (6) and temporal
//! id plus one (3).  Aggregation packets (type 48, section 4.4.2) and fragmentation units
//! (49, section 4.4.3) begin with such a header too; decoding order numbers are never
//! negotiated in WebRTC and not expected.  PACI packets (50) are looked through.

use super::frame::FrameFacts;
use crate::errors::DecodeError;

pub const VPS: u8 = 32;
pub const SPS: u8 = 33;
pub const PPS: u8 = 34;
const AGGREGATE: u8 = 48;
const FRAGMENT: u8 = 49;
const PACI: u8 = 50;
/// Types 0 to 31 are slices of pictures.
const PICTURES_MAX: u8 = 31;

const CUT: DecodeError = DecodeError::new("h265_cut");
const BAD_AGGREGATE: DecodeError = DecodeError::new("h265_aggregate");

/// The facts of a packet.
pub fn describe(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let &[first, second, ref body @ ..] = payload else {
        return Err(CUT);
    };
    if kind_of(first) == PACI {
        let (first, body) = without_paci(first, body)?;
        return describe_plain([first, second], body);
    }
    describe_plain([first, second], body)
}

fn kind_of(first: u8) -> u8 {
    first >> 1 & 63
}

/// A payload that is no PACI packet, its header apart from what follows.
fn describe_plain(header: [u8; 2], body: &[u8]) -> Result<FrameFacts, DecodeError> {
    match kind_of(header[0]) {
        FRAGMENT => of_fragment(header, body),
        AGGREGATE => of_aggregate(body),
        kind if kind > PACI => Err(DecodeError::new("h265_type")),
        kind => of_unit(kind, header, true, leading_one(body)),
    }
}

/// first_slice_segment_in_pic_flag, the bit behind the header of a picture's unit.
fn leading_one(body: &[u8]) -> bool {
    body.first().is_some_and(|octet| octet & 0x80 != 0)
}

fn of_fragment(header: [u8; 2], body: &[u8]) -> Result<FrameFacts, DecodeError> {
    let (&unit, data) = body.split_first().ok_or(CUT)?;
    let begins = unit & 0x80 != 0;
    if begins && data.is_empty() {
        return Err(CUT);
    }
    of_unit(unit & 63, header, begins, begins && leading_one(data))
}

fn of_unit(
    kind: u8,
    [first, second]: [u8; 2],
    begins: bool,
    first_slice: bool,
) -> Result<FrameFacts, DecodeError> {
    let temporal = (second & 7).checked_sub(1);
    let temporal = temporal.ok_or(DecodeError::new("h265_temporal_id"))?;
    let spatial = (first & 1) << 5 | second >> 3;
    // random access pictures, or the parameter sets in front of one
    let access = begins && matches!(kind, 16..=23 | VPS..=SPS);
    Ok(FrameFacts {
        start: begins && (first_slice || kind > PICTURES_MAX),
        keyframe: access && spatial == 0,
        spatial,
        temporal,
        // TSA and STSA pictures
        switch_up: access || matches!(kind, 2..=5),
        spatial_switch: access,
        // the even types below 16 are sub-layer non-reference pictures
        discardable: kind < 15 && kind % 2 == 0,
        end: None,
    })
}

/// The facts of the first key frame in it, or else of the first unit.
fn of_aggregate(mut rest: &[u8]) -> Result<FrameFacts, DecodeError> {
    let mut leading = None;
    while !rest.is_empty() {
        let &[high, low, ref behind @ ..] = rest else {
            return Err(CUT);
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let unit = behind.get(..length).ok_or(BAD_AGGREGATE)?;
        let &[first, second, ref data @ ..] = unit else {
            return Err(BAD_AGGREGATE);
        };
        if kind_of(first) >= AGGREGATE {
            return Err(BAD_AGGREGATE);
        }
        let found = of_unit(kind_of(first), [first, second], true, leading_one(data))?;
        if found.keyframe {
            return Ok(found);
        }
        leading.get_or_insert(found);
        rest = &behind[length..];
    }
    leading.ok_or(BAD_AGGREGATE)
}

/// The unit inside a PACI packet (section 4.4.4): its own first octet, and its body.
fn without_paci(first: u8, body: &[u8]) -> Result<(u8, &[u8]), DecodeError> {
    let &[head, sizes, ref rest @ ..] = body else {
        return Err(CUT);
    };
    let kind = kind_of(head);
    let extension = usize::from((head & 1) << 4 | sizes >> 4);
    if kind == PACI {
        return Err(DecodeError::new("h265_paci"));
    }
    let unit = rest.get(extension..).unwrap_or_default();
    Ok((first & 0x81 | kind << 1, unit))
}
