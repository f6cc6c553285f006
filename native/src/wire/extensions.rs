//! RTP header extensions: the elements of a packet (RFC 8285).
//!
//! `spans` copies nothing, because a forwarder keeps most elements as they are.  A
//! malformed element ends the reading and what stood before it counts, as section 4.2
//! asks for ids 15 and 0 with a length.  What the values mean is in `extension_values`.

use crate::errors::StateError;

pub const ONE_BYTE_PROFILE: u16 = 0xBEDE;
pub const TWO_BYTE_PROFILE: u16 = 0x1000;

pub const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
pub const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
pub const REPAIRED_RID: &str = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
pub const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
pub const TIME_OFFSET: &str = "urn:ietf:params:rtp-hdrext:toffset";
pub const VIDEO_ORIENTATION: &str = "urn:3gpp:video-orientation";
pub const ABS_SEND_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time";
pub const PLAYOUT_DELAY: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
pub const TRANSPORT_SEQUENCE: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
pub const DEPENDENCY_DESCRIPTOR: &str = "https://aomediacodec.github.io/av1-rtp-spec/\
#dependency-descriptor-rtp-header-extension";

/// One element: its id, and where its value starts in the packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub id: u8,
    pub start: usize,
    pub length: usize,
}

/// Whether `profile` names the two-byte form; its low four bits are free.
pub fn is_two_byte(profile: u16) -> bool {
    profile & 0xFFF0 == TWO_BYTE_PROFILE
}

/// Every element of the body at `offset`, in order; the numbers are an `RtpView`'s.
pub fn spans(packet: &[u8], profile: u16, offset: usize, length: usize) -> Spans<'_> {
    let known = profile == ONE_BYTE_PROFILE || is_two_byte(profile);
    let end = if known { offset + length } else { offset };
    Spans {
        body: &packet[..end.min(packet.len())],
        at: offset,
        one_byte: profile == ONE_BYTE_PROFILE,
    }
}

/// The walk over the elements.
#[derive(Clone, Debug)]
pub struct Spans<'a> {
    body: &'a [u8],
    at: usize,
    one_byte: bool,
}

impl Spans<'_> {
    /// Id, start and length of the element whose first octet is `head`, at `at`.
    fn element(&self, head: u8) -> Option<Span> {
        let (id, start, length) = if self.one_byte {
            (head >> 4, self.at + 1, usize::from(head & 15) + 1)
        } else {
            let length = usize::from(*self.body.get(self.at + 1)?);
            (head, self.at + 2, length)
        };
        let refused = self.one_byte && matches!(id, 0 | 15);
        let fits = start + length <= self.body.len();
        (!refused && fits).then_some(Span { id, start, length })
    }
}

impl Iterator for Spans<'_> {
    type Item = Span;

    fn next(&mut self) -> Option<Span> {
        while self.body.get(self.at) == Some(&0) {
            self.at += 1;
        }
        let found = self.body.get(self.at).and_then(|&head| self.element(head));
        self.at = found.map_or(self.body.len(), |span| span.start + span.length);
        found
    }
}

/// The profile that can hold `elements`: one-byte where possible.
pub fn profile_for(elements: &[(u8, &[u8])]) -> u16 {
    let fits = elements.iter().all(|&(id, value)| fits_one_byte(id, value));
    if fits {
        ONE_BYTE_PROFILE
    } else {
        TWO_BYTE_PROFILE
    }
}

fn fits_one_byte(id: u8, value: &[u8]) -> bool {
    matches!(id, 1..=14) && matches!(value.len(), 1..=16)
}

/// The extension body, padded to whole words, without its 4 octet header.
///
/// Refused where the profile cannot hold an element.
pub fn encode(profile: u16, elements: &[(u8, &[u8])]) -> Result<Vec<u8>, StateError> {
    let mut body = Vec::new();
    for &(id, value) in elements {
        if profile == ONE_BYTE_PROFILE {
            push_one_byte(&mut body, id, value)?;
        } else if is_two_byte(profile) {
            push_two_byte(&mut body, id, value)?;
        }
        body.extend_from_slice(value);
    }
    body.resize(body.len().next_multiple_of(4), 0);
    Ok(body)
}

fn push_one_byte(body: &mut Vec<u8>, id: u8, value: &[u8]) -> Result<(), StateError> {
    if !fits_one_byte(id, value) {
        return Err(StateError("element does not fit the one-byte form"));
    }
    body.push(id << 4 | (value.len() - 1) as u8);
    Ok(())
}

fn push_two_byte(body: &mut Vec<u8>, id: u8, value: &[u8]) -> Result<(), StateError> {
    let length = u8::try_from(value.len()).ok().filter(|_| id > 0);
    let length = length.ok_or(StateError("element does not fit the two-byte form"))?;
    body.extend_from_slice(&[id, length]);
    Ok(())
}
