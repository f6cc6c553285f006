//! The video layers allocation extension (libwebrtc, `video-layers-allocation00`).
//!
//! A publisher tells which simulcast streams and spatial layers it sends right now, with
//! the target bitrate of each temporal layer: enough to choose a layer before its bitrate
//! could be measured.
//!
//! ```text
//! RID NS SBM           own stream, number of streams - 1, common spatial layer bitmap
//! SL_BM ...            when SBM = 0: one bitmap (4 bits) per stream, octet aligned
//! TL TL TL TL ...      temporal layers - 1, 2 bits per active spatial layer
//! leb128 ...           target bitrates in kb/s, cumulative over temporal layers
//! w h f ...            optional: width - 1, height - 1 (16 bits), frames/s (8 bits)
//! ```
//!
//! A single zero octet means that nothing is sent; as it carries no allocation, it is
//! refused like a cut one.

use crate::errors::DecodeError;

const SIZE_OCTETS: usize = 5;
const LEB128_OCTETS_MAX: u32 = 5;
const STREAMS_MAX: usize = 4;

const CUT: DecodeError = DecodeError::new("layers_cut");

/// One layer in use; `bitrates_bps` by temporal layer, each including the lower.
///
/// `width`, `height` and `frames_per_s` are 0 where the extension leaves them out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpatialLayer {
    pub spatial: u8,
    pub bitrates_bps: Vec<u64>,
    pub width: u32,
    pub height: u32,
    pub frames_per_s: u8,
}

/// The layers in use; `stream` is the index of the stream that said it.
///
/// `spatial_layers` has one list per simulcast stream, in the order of the offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayersAllocation {
    pub stream: u8,
    pub spatial_layers: Vec<Vec<SpatialLayer>>,
}

/// Read the extension's value.
pub fn parse(data: &[u8]) -> Result<LayersAllocation, DecodeError> {
    let header = *data.first().ok_or(CUT)?;
    if header == 0 {
        return Err(DecodeError::new("layers_none"));
    }
    let (stream, streams) = (header >> 6, (header >> 4 & 3) + 1);
    if stream >= streams {
        return Err(DecodeError::new("layers_stream"));
    }
    let (bitmaps, rest) = bitmaps(data, usize::from(streams))?;
    let mut spatial_layers: Vec<Vec<_>> = bitmaps[..usize::from(streams)]
        .iter()
        .map(|bitmap| active(*bitmap).collect())
        .collect();
    let mut layers: Vec<_> = spatial_layers.iter_mut().flatten().collect();
    let rest = bitrates(rest, &mut layers)?;
    sizes(rest, &mut layers)?;
    Ok(LayersAllocation {
        stream,
        spatial_layers,
    })
}

/// The bitmap of each stream, and what stands behind them.
fn bitmaps(data: &[u8], streams: usize) -> Result<([u8; STREAMS_MAX], &[u8]), DecodeError> {
    let (header, rest) = data.split_first().ok_or(CUT)?;
    if header & 15 != 0 {
        return Ok(([header & 15; STREAMS_MAX], rest));
    }
    let (told, rest) = rest.split_at_checked(streams.div_ceil(2)).ok_or(CUT)?;
    let mut found = [0; STREAMS_MAX];
    for (pair, octet) in found.chunks_exact_mut(2).zip(told) {
        pair.copy_from_slice(&[octet >> 4, octet & 15]);
    }
    Ok((found, rest))
}

/// The layers of one stream, about which nothing else is known yet.
fn active(bitmap: u8) -> impl Iterator<Item = SpatialLayer> {
    let spatial = (0..4).filter(move |spatial| bitmap >> spatial & 1 != 0);
    spatial.map(|spatial| SpatialLayer {
        spatial,
        bitrates_bps: Vec::new(),
        width: 0,
        height: 0,
        frames_per_s: 0,
    })
}

/// Fill in the bitrates; the answer is what stands behind them.
fn bitrates<'a>(data: &'a [u8], layers: &mut [&mut SpatialLayer]) -> Result<&'a [u8], DecodeError> {
    let octets = layers.len().div_ceil(4);
    let (counts, mut rest) = data.split_at_checked(octets).ok_or(CUT)?;
    for (index, layer) in layers.iter_mut().enumerate() {
        let count = (counts[index / 4] >> (6 - 2 * (index % 4)) & 3) + 1;
        for _ in 0..count {
            layer.bitrates_bps.push(1000 * leb128(&mut rest)?);
        }
    }
    Ok(rest)
}

/// Take a value from the front of `rest`.
fn leb128(rest: &mut &[u8]) -> Result<u64, DecodeError> {
    let mut value = 0;
    for index in 0..LEB128_OCTETS_MAX {
        let (octet, behind) = rest.split_first().ok_or(CUT)?;
        *rest = behind;
        value |= u64::from(octet & 0x7F) << (7 * index);
        if octet & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(DecodeError::new("layers_leb128"))
}

fn sizes(data: &[u8], layers: &mut [&mut SpatialLayer]) -> Result<(), DecodeError> {
    if data.is_empty() {
        return Ok(());
    }
    if data.len() != layers.len() * SIZE_OCTETS {
        return Err(DecodeError::new("layers_sizes"));
    }
    for (layer, size) in layers.iter_mut().zip(data.chunks_exact(SIZE_OCTETS)) {
        layer.width = u32::from(u16::from_be_bytes([size[0], size[1]])) + 1;
        layer.height = u32::from(u16::from_be_bytes([size[2], size[3]])) + 1;
        layer.frames_per_s = size[4];
    }
    Ok(())
}
