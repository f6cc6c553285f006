//! The VP9 payload descriptor (RFC 9628 section 4.2).
//!
//! ```text
//! 0 1 2 3 4 5 6 7
//! I P L F B E V Z      first octet
//! M picture id         when I, 7 or 15 bits
//! TID U SID D          when L
//! TL0PICIDX            when L and not F
//! P_DIFF N             when P and F, up to three
//! scalability structure  when V (section 4.2.1)
//! ```
//!
//! `describe` stops at the layer octet, which is all that forwarding needs; `parse` reads
//! everything, for tests and for the layer sizes in the scalability structure.

use super::frame::FrameFacts;
use crate::errors::DecodeError;

const I: u8 = 0x80;
const P: u8 = 0x40;
const L: u8 = 0x20;
const F: u8 = 0x10;
const B: u8 = 0x08;
const E: u8 = 0x04;
const V: u8 = 0x02;
const Z: u8 = 0x01;
const REFERENCES_MAX: usize = 3;

/// One picture of the group that the scalability structure lays out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureOfGroup {
    pub temporal: u8,
    pub switch_up: bool,
    pub references: Vec<u8>,
}

/// The scalability structure; `sizes` (width, height) and `group` may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure {
    pub spatial_layers: u8,
    pub sizes: Vec<(u16, u16)>,
    pub has_group: bool,
    pub group: Vec<PictureOfGroup>,
}

/// Every field; absent numbers are 0.  Frame data follows at `size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    pub has_picture_id: bool,
    pub inter_picture: bool,
    pub has_layer: bool,
    pub flexible: bool,
    pub begins: bool,
    pub ends: bool,
    pub not_reference: bool,
    pub picture_id: u16,
    pub temporal: u8,
    pub switch_up: bool,
    pub spatial: u8,
    pub inter_layer: bool,
    pub tl0picidx: u8,
    pub references: Vec<u8>,
    pub structure: Option<Structure>,
    pub size: usize,
}

/// Takes octets from the front; past the end the packet is cut.
struct Octets<'a> {
    payload: &'a [u8],
    at: usize,
}

impl Octets<'_> {
    fn take(&mut self) -> Result<u8, DecodeError> {
        let found = self.payload.get(self.at).copied();
        self.at += 1;
        found.ok_or(DecodeError::new("vp9_cut"))
    }

    fn take_u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes([self.take()?, self.take()?]))
    }
}

/// The whole descriptor.
pub fn parse(payload: &[u8]) -> Result<Descriptor, DecodeError> {
    let mut octets = Octets { payload, at: 0 };
    let first = octets.take()?;
    let has = |bit: u8| first & bit != 0;
    let (mut number, mut layer, mut tl0) = (0, 0, 0);
    if has(I) {
        number = picture_id(&mut octets)?;
    }
    if has(L) {
        layer = octets.take()?;
        if !has(F) {
            tl0 = octets.take()?;
        }
    }
    let mut references = Vec::new();
    if has(P) && has(F) {
        references = differences(&mut octets)?;
    }
    let mut found = None;
    if has(V) {
        found = Some(structure(&mut octets)?);
    }
    Ok(Descriptor {
        has_picture_id: has(I),
        inter_picture: has(P),
        has_layer: has(L),
        flexible: has(F),
        begins: has(B),
        ends: has(E),
        not_reference: has(Z),
        picture_id: number,
        temporal: layer >> 5,
        switch_up: layer & 0x10 != 0,
        spatial: layer >> 1 & 7,
        inter_layer: layer & 1 != 0,
        tl0picidx: tl0,
        references,
        structure: found,
        size: octets.at,
    })
}

fn picture_id(octets: &mut Octets<'_>) -> Result<u16, DecodeError> {
    let octet = octets.take()?;
    if octet & 0x80 == 0 {
        return Ok(u16::from(octet));
    }
    Ok(u16::from_be_bytes([octet & 0x7F, octets.take()?]))
}

fn differences(octets: &mut Octets<'_>) -> Result<Vec<u8>, DecodeError> {
    let mut found = Vec::with_capacity(REFERENCES_MAX);
    while found.len() < REFERENCES_MAX {
        let octet = octets.take()?;
        found.push(octet >> 1);
        if octet & 1 == 0 {
            return Ok(found);
        }
    }
    Err(DecodeError::new("vp9_references"))
}

fn structure(octets: &mut Octets<'_>) -> Result<Structure, DecodeError> {
    let octet = octets.take()?;
    let spatial_layers = (octet >> 5) + 1;
    let has_group = octet & 0x08 != 0;
    let mut sizes = Vec::new();
    if octet & 0x10 != 0 {
        for _ in 0..spatial_layers {
            sizes.push((octets.take_u16()?, octets.take_u16()?));
        }
    }
    let mut group = Vec::new();
    if has_group {
        for _ in 0..octets.take()? {
            group.push(picture_of_group(octets)?);
        }
    }
    Ok(Structure {
        spatial_layers,
        sizes,
        has_group,
        group,
    })
}

fn picture_of_group(octets: &mut Octets<'_>) -> Result<PictureOfGroup, DecodeError> {
    let octet = octets.take()?;
    let count = usize::from(octet >> 2 & 3);
    let references: Result<Vec<u8>, _> = (0..count).map(|_| octets.take()).collect();
    Ok(PictureOfGroup {
        temporal: octet >> 5,
        switch_up: octet & 0x10 != 0,
        references: references?,
    })
}

/// The facts of a packet.
///
/// A key picture is one whose lowest spatial layer is not predicted from another
/// picture; its upper layers are predicted from the lower ones only.
pub fn describe(payload: &[u8]) -> Result<FrameFacts, DecodeError> {
    let mut octets = Octets { payload, at: 0 };
    let first = octets.take()?;
    let mut layer = 0;
    if first & L != 0 {
        if first & I != 0 {
            picture_id(&mut octets)?;
        }
        layer = octets.take()?;
    }
    let spatial = layer >> 1 & 7;
    let intra = first & (B | P) == B;
    let keyframe = intra && spatial == 0;
    Ok(FrameFacts {
        start: first & B != 0,
        keyframe,
        spatial,
        temporal: layer >> 5,
        switch_up: keyframe || layer & 0x10 != 0,
        spatial_switch: intra,
        discardable: false,
        end: Some(first & E != 0),
    })
}
