//! The values of the header extensions that this project reads or writes.
//!
//! Each is a pair of functions; decoders refuse a wrong length.

use crate::errors::{DecodeError, StateError};

/// RFC 6464: `level` in -dBov, 0 (loud) to 127 (silence).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioLevel {
    pub voice: bool,
    pub level: u8,
}

/// 3GPP TS 26.114: turn by `rotation` degrees (0, 90, 180, 270) for display.
///
/// `camera` is 1 for a back camera, `flip` asks for a mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VideoOrientation {
    pub camera: u8,
    pub flip: u8,
    pub rotation: u16,
}

/// Bounds for the receiver's buffer, in units of 10 ms, each below 4096.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlayoutDelay {
    pub minimum: u16,
    pub maximum: u16,
}

fn fixed<const N: usize>(value: &[u8], reason: &'static str) -> Result<[u8; N], DecodeError> {
    value.try_into().map_err(|_| DecodeError::new(reason))
}

fn number24([high, middle, low]: [u8; 3]) -> u32 {
    u32::from_be_bytes([0, high, middle, low])
}

fn octets24(number: u32) -> [u8; 3] {
    let [_, high, middle, low] = number.to_be_bytes();
    [high, middle, low]
}

/// Seconds modulo 64 in 6.18 fixed point.
pub fn decode_abs_send_time(value: &[u8]) -> Result<u32, DecodeError> {
    fixed(value, "ext-abs-send-time").map(number24)
}

/// The send time of any steady clock, modulo 64 s.
pub fn encode_abs_send_time(time_s: f64) -> [u8; 3] {
    octets24((time_s * 262_144.0) as i128 as u32)
}

/// The sequence number counted over the whole transport.
pub fn decode_transport_sequence(value: &[u8]) -> Result<u16, DecodeError> {
    fixed(value, "ext-transport-sequence").map(u16::from_be_bytes)
}

pub fn encode_transport_sequence(sequence: u16) -> [u8; 2] {
    sequence.to_be_bytes()
}

/// RFC 5450: ticks from timestamp to transmission, signed 24 bit.
pub fn decode_time_offset(value: &[u8]) -> Result<i32, DecodeError> {
    let number = number24(fixed(value, "ext-time-offset")?);
    Ok((number << 8) as i32 >> 8)
}

/// Inverse of `decode_time_offset`; out of range is refused.
pub fn encode_time_offset(ticks: i32) -> Result<[u8; 3], StateError> {
    if !(-0x80_0000..0x80_0000).contains(&ticks) {
        return Err(StateError("time offset exceeds 24 bits"));
    }
    Ok(octets24(ticks as u32))
}

/// The one-octet level (a two-byte form may pad it; RFC 6464 section 3).
pub fn decode_audio_level(value: &[u8]) -> Result<AudioLevel, DecodeError> {
    let ([octet] | [octet, _]) = value else {
        return Err(DecodeError::new("ext-audio-level"));
    };
    Ok(AudioLevel {
        voice: *octet > 127,
        level: octet & 127,
    })
}

pub fn encode_audio_level(level: AudioLevel) -> [u8; 1] {
    [level.level & 127 | if level.voice { 0x80 } else { 0 }]
}

/// One octet: four unused bits, camera, flip, two bits of rotation.
pub fn decode_video_orientation(value: &[u8]) -> Result<VideoOrientation, DecodeError> {
    let [octet] = fixed(value, "ext-video-orientation")?;
    Ok(VideoOrientation {
        camera: octet >> 3 & 1,
        flip: octet >> 2 & 1,
        rotation: u16::from(octet & 3) * 90,
    })
}

pub fn encode_video_orientation(orientation: VideoOrientation) -> [u8; 1] {
    let (camera, flip) = (orientation.camera & 1, orientation.flip & 1);
    [camera << 3 | flip << 2 | ((orientation.rotation / 90) & 3) as u8]
}

/// Two 12 bit numbers.
pub fn decode_playout_delay(value: &[u8]) -> Result<PlayoutDelay, DecodeError> {
    let number = number24(fixed(value, "ext-playout-delay")?);
    Ok(PlayoutDelay {
        minimum: (number >> 12) as u16,
        maximum: (number & 0xFFF) as u16,
    })
}

/// Out of range is refused.
pub fn encode_playout_delay(delay: PlayoutDelay) -> Result<[u8; 3], StateError> {
    if delay.minimum > delay.maximum || delay.maximum > 0xFFF {
        return Err(StateError("not 0 <= minimum <= maximum < 4096"));
    }
    Ok(octets24(
        u32::from(delay.minimum) << 12 | u32::from(delay.maximum),
    ))
}

/// A mid or rid: ASCII, not empty (RFC 7941 carries UTF-8, RFC 8852 narrows it).
pub fn decode_text(value: &[u8]) -> Result<&str, DecodeError> {
    let end = value.iter().rposition(|&octet| octet != 0);
    let text = &value[..end.map_or(0, |last| last + 1)];
    let text = std::str::from_utf8(text).ok();
    text.filter(|text| !text.is_empty() && text.is_ascii())
        .ok_or(DecodeError::new("ext-text"))
}

/// A mid or rid; what is not ASCII is refused.
pub fn encode_text(text: &str) -> Result<&[u8], StateError> {
    if !text.is_ascii() {
        return Err(StateError("mid or rid is not ASCII"));
    }
    Ok(text.as_bytes())
}
