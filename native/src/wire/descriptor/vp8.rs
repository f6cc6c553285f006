//! The VP8 payload descriptor (RFC 7741 section 4.2): reading and renumbering.
//!
//! ```text
//! 0 1 2 3 4 5 6 7
//! X R N S R PID        first octet
//! I L T K RSV          when X
//! M PictureID          when I, one octet or two (M)
//! TL0PICIDX            when L
//! TID Y KEYIDX         when T or K
//! ```
//!
//! A receiver treats a hole in picture ids or TL0PICIDX as lost references, so a consumer
//! that changes its layer, or gets fewer temporal layers than were sent, needs numbers of
//! its own.  The fields are found once per incoming packet (`locate`) and written once
//! per consumer (`renumber`, into the consumer's copy); the descriptor never changes its
//! length, so a 7 bit id stays one modulo 128.

use super::frame::FrameFacts;
use crate::errors::DecodeError;

const X: u8 = 0x80;
const N: u8 = 0x20;
const S: u8 = 0x10;
const PID: u8 = 0x07;
const I: u8 = 0x80;
const L: u8 = 0x40;
const T: u8 = 0x20;
const K: u8 = 0x10;
const M: u8 = 0x80;
const Y: u8 = 0x20;

/// Where the numbers of a descriptor stand and what they are.
///
/// Offsets are octets from the start of the payload, 0 where the field is absent.
/// `picture_bits` is 7 or 15, and 0 without a picture id; `size` is the length of the
/// whole descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    pub picture_at: u8,
    pub picture_bits: u8,
    pub picture_id: u16,
    pub tl0_at: u8,
    pub tl0picidx: u8,
    pub layer_at: u8,
    pub keyidx: u8,
    pub temporal: u8,
    pub sync: bool,
    pub size: u8,
}

/// Every field of the descriptor, absent ones as 0 (RFC 7741 section 4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub non_reference: bool,
    pub start: bool,
    pub partition: u8,
    pub has_temporal: bool,
    pub has_keyidx: bool,
    pub extended: bool,
    pub numbers: Numbers,
    pub keyframe: bool,
}

fn octet(payload: &[u8], at: u8) -> Result<u8, DecodeError> {
    let found = payload.get(usize::from(at)).copied();
    found.ok_or(DecodeError::new("vp8_cut"))
}

/// Find the numbers; refused when the descriptor is cut.
pub fn locate(payload: &[u8]) -> Result<Numbers, DecodeError> {
    let mut found = Numbers {
        size: 1,
        ..Numbers::default()
    };
    if octet(payload, 0)? & X == 0 {
        return Ok(found);
    }
    let flags = octet(payload, 1)?;
    found.size = 2;
    if flags & I != 0 {
        picture_id(payload, &mut found)?;
    }
    if flags & L != 0 {
        (found.tl0_at, found.tl0picidx) = (found.size, octet(payload, found.size)?);
        found.size += 1;
    }
    if flags & (T | K) != 0 {
        let layer = octet(payload, found.size)?;
        if flags & T != 0 {
            (found.temporal, found.sync) = (layer >> 6, layer & Y != 0);
        }
        if flags & K != 0 {
            (found.layer_at, found.keyidx) = (found.size, layer & 0x1F);
        }
        found.size += 1;
    }
    Ok(found)
}

fn picture_id(payload: &[u8], found: &mut Numbers) -> Result<(), DecodeError> {
    let high = octet(payload, found.size)?;
    found.picture_at = found.size;
    (found.picture_bits, found.picture_id) = (7, u16::from(high));
    found.size += 1;
    if high & M != 0 {
        let low = octet(payload, found.size)?;
        (found.picture_bits, found.picture_id) = (15, u16::from_be_bytes([high & !M, low]));
        found.size += 1;
    }
    Ok(())
}

/// The whole descriptor; the frame data follows at `numbers.size`.
pub fn parse(payload: &[u8]) -> Result<Descriptor, DecodeError> {
    let numbers = locate(payload)?;
    let first = payload[0];
    let flags = if first & X != 0 { payload[1] } else { 0 };
    let data = payload.get(usize::from(numbers.size));
    Ok(Descriptor {
        non_reference: first & N != 0,
        start: first & S != 0,
        partition: first & PID,
        has_temporal: flags & T != 0,
        has_keyidx: flags & K != 0,
        extended: first & X != 0,
        numbers,
        // section 4.3: the P bit of the frame header is 0 in a key frame
        keyframe: begins(first) && data.is_some_and(|octet| octet & 1 == 0),
    })
}

/// Whether a frame begins with the packet: start of the first partition.
fn begins(first: u8) -> bool {
    first & (S | PID) == S
}

/// The facts of a packet.
///
/// It reads only what it needs, and so accepts a packet that is cut behind that.
pub fn describe(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let first = octet(payload, 0)?;
    let (at, layer) = if first & X != 0 {
        layer_octet(payload)?
    } else {
        (1, 0)
    };
    let start = begins(first);
    let keyframe = start && octet(payload, at)? & 1 == 0;
    Ok(FrameFacts {
        start,
        keyframe,
        temporal: layer >> 6,
        switch_up: keyframe || layer & Y != 0,
        spatial_switch: keyframe,
        discardable: first & N != 0,
        ..FrameFacts::default()
    })
}

/// Where the extended descriptor ends, and its TID octet (0 when there is none).
fn layer_octet(payload: &[u8]) -> Result<(u8, u8), DecodeError> {
    let flags = octet(payload, 1)?;
    let (mut at, mut layer) = (2, 0);
    if flags & I != 0 {
        at += if octet(payload, 2)? & M != 0 { 2 } else { 1 };
    }
    if flags & L != 0 {
        at += 1;
    }
    if flags & T != 0 {
        layer = octet(payload, at)?;
    }
    if flags & (T | K) != 0 {
        at += 1;
    }
    Ok((at, layer))
}

/// Write new numbers into the fields that `payload` has (modulo their widths).
///
/// `found` is what `locate` said of this payload, or of the one it is a copy of.
pub fn renumber(payload: &mut [u8], found: &Numbers, picture_id: u16, tl0picidx: u8, keyidx: u8) {
    let at = usize::from(found.picture_at);
    let [high, low] = picture_id.to_be_bytes();
    if found.picture_bits == 15 {
        (payload[at], payload[at + 1]) = (M | high, low);
    } else if at != 0 {
        payload[at] = low & !M;
    }
    if found.tl0_at != 0 {
        payload[usize::from(found.tl0_at)] = tl0picidx;
    }
    if found.layer_at != 0 {
        let layer = &mut payload[usize::from(found.layer_at)];
        *layer = *layer & 0xE0 | keyidx & 0x1F;
    }
}

/// `locate` and `renumber` in one step; no `keyidx` keeps the packet's own.
pub fn rewrite(
    payload: &mut [u8],
    picture_id: u16,
    tl0picidx: u8,
    keyidx: Option<u8>,
) -> Result<(), DecodeError> {
    let found = locate(payload)?;
    let keyidx = keyidx.unwrap_or(found.keyidx);
    renumber(payload, &found, picture_id, tl0picidx, keyidx);
    Ok(())
}
