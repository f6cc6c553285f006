//! Rendering: what consumers of one kind have in common is written once.
//!
//! Viewers of a track mostly agreed on the same payload types, extension ids and mid: their
//! packets differ only in SSRC, sequence number, timestamp and transport-wide number.  Such
//! consumers share a `Profile`.  It renders a batch once, into headers that lack nothing
//! but these four numbers, and a consumer then costs one copy of some thirty octets and
//! four stores per packet (RFC 0003 section 7):
//!
//! ```text
//! V P X CC M PT | sequence | timestamp | SSRC | BE DE words | id len | transport-wide
//! number | tail: mid, abs-send-time, carried elements, zero octets
//! ```
//!
//! The publisher's mid, rid and transport-wide number are never carried; abs-send-time is
//! stamped anew; any other extension goes on where both sides negotiated it.

use std::hash::{Hash, Hasher};

use super::packet::{Carried, Packet};
use super::rendering::{Rendering, Template};
use crate::wire::extension_values::encode_abs_send_time;
use crate::wire::extensions;
use crate::wire::parameters::{Codec, Extension};
use crate::wire::rtp::HEADER_LENGTH;

const LAYERS_ALLOCATION: &str =
    "http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00";

/// Extensions that belong to the hop: written by us or not at all.  The time offset is
/// counted to the publisher's sending, the allocation tells of layers that stay here.
const OWN: [&str; 7] = [
    extensions::MID,
    extensions::RID,
    extensions::REPAIRED_RID,
    extensions::ABS_SEND_TIME,
    extensions::TRANSPORT_SEQUENCE,
    extensions::TIME_OFFSET,
    LAYERS_ALLOCATION,
];

const NONE: u8 = 0xFF;

/// What a consumer agreed on with its viewer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Agreed {
    pub codecs: Vec<Codec>,
    pub extensions: Vec<Extension>,
    pub mid: String,
}

/// The id under which `negotiated` has `uri`, the last one counts; 0 without one, or with
/// one that no element can have.
fn id_of(negotiated: &[Extension], uri: &str) -> u8 {
    let found = negotiated.iter().rfind(|extension| extension.uri == uri);
    found.map_or(0, |extension| u8::try_from(extension.id).unwrap_or(0))
}

/// The publisher's id and the viewer's, for what is carried through.
fn carried_ids(source: &[Extension], target: &[Extension]) -> Vec<(u8, u8)> {
    let mut pairs: Vec<(u8, u8)> = Vec::new();
    for extension in source {
        let theirs = id_of(target, &extension.uri);
        let Ok(ours) = u8::try_from(extension.id) else {
            continue;
        };
        if theirs == 0 || OWN.contains(&&*extension.uri) {
            continue;
        }
        pairs.retain(|pair| pair.0 != ours);
        pairs.push((ours, theirs));
    }
    pairs
}

/// The viewer's codec for a publisher's: same name, the same parameters first.
fn counterpart<'a>(codec: &Codec, offered: &'a [Codec]) -> Option<&'a Codec> {
    let mut same = offered.iter().filter(|other| other.name == codec.name);
    let exact = same
        .clone()
        .find(|other| other.parameters == codec.parameters);
    exact.or_else(|| same.next())
}

/// Payload types, extension ids and mid of a set of consumers of one producer.
///
/// `numbered` is the id of the transport-wide number, 0 where not negotiated.  `serial`
/// tells profiles apart.
#[derive(Debug)]
pub struct Profile {
    pub serial: u64,
    pub numbered: u8,
    known: u128,
    types: [u8; 128],
    repairs: [u8; 128],
    mid: Option<(u8, Vec<u8>)>,
    carry: Vec<(u8, u8)>,
    send_time: u8,
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.serial == other.serial
    }
}

impl Eq for Profile {}

impl Hash for Profile {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.serial.hash(state);
    }
}

impl Profile {
    /// Of a producer's codecs and extensions for viewers that `agreed` on theirs.
    pub fn new(serial: u64, codecs: &[Codec], source: &[Extension], agreed: &Agreed) -> Self {
        let target = &agreed.extensions;
        let mid = id_of(target, extensions::MID);
        let named = mid > 0 && !agreed.mid.is_empty();
        let mut profile = Self {
            serial,
            numbered: id_of(target, extensions::TRANSPORT_SEQUENCE),
            known: 0,
            types: [NONE; 128],
            repairs: [NONE; 128],
            mid: named.then(|| (mid, agreed.mid.clone().into_bytes())),
            carry: carried_ids(source, target),
            send_time: id_of(target, extensions::ABS_SEND_TIME),
        };
        for codec in codecs {
            if let Some(theirs) = counterpart(codec, &agreed.codecs) {
                profile.pair(codec.payload_type, theirs);
            }
        }
        profile
    }

    /// Of somebody who has no producer yet: it takes nothing.
    pub fn none() -> Self {
        Self::new(0, &[], &[], &Agreed::default())
    }

    fn pair(&mut self, ours: u8, theirs: &Codec) {
        let at = usize::from(ours & 127);
        self.known |= 1 << at;
        self.types[at] = theirs.payload_type & 127;
        if let Some(repairs) = theirs.rtx_payload_type {
            self.repairs[at] = repairs & 127;
        }
    }

    /// Whether the viewer can take the packet's codec.
    pub fn knows(&self, payload_type: u8) -> bool {
        self.knows_all(1 << (payload_type & 127))
    }

    /// The same for a set of the publisher's payload types, one bit each.
    pub fn knows_all(&self, types: u128) -> bool {
        types & !self.known == 0
    }

    /// What a packet that it `knows` gets for a header, but for the consumer's own
    /// numbers.
    pub fn render(&self, packet: &Packet, now: f64, out: &mut Rendering) {
        let padding = if packet.padding > 0 { 0x2000 } else { 0 };
        let payload_type = self.types[usize::from(packet.payload_type & 127)];
        let first = padding | u16::from(payload_type);
        self.header(packet, first, now, out);
    }

    /// The same for a retransmission (RFC 4588); false where not negotiated.
    pub fn render_repair(&self, packet: &Packet, now: f64, out: &mut Rendering) -> bool {
        let payload_type = self.repairs[usize::from(packet.payload_type & 127)];
        if payload_type == NONE {
            return false;
        }
        self.header(packet, u16::from(payload_type), now, out);
        true
    }

    fn header(&self, packet: &Packet, first: u16, now: f64, out: &mut Rendering) {
        let start = out.bytes.len();
        let marker = if packet.marker { 0x80 } else { 0 };
        out.bytes.extend_from_slice(&[0; HEADER_LENGTH]);
        let cut = self.block(&packet.carried, now, &mut out.bytes);
        let extended = if out.bytes.len() > start + HEADER_LENGTH {
            0x1000
        } else {
            0
        };
        let first = 0x8000 | extended | marker | first;
        out.bytes[start..start + 2].copy_from_slice(&first.to_be_bytes());
        out.bytes[start + 4..start + 8].copy_from_slice(&packet.timestamp.to_be_bytes());
        out.templates.push(Template {
            end: out.bytes.len(),
            number_at: if self.numbered > 0 {
                HEADER_LENGTH + cut
            } else {
                0
            },
        });
    }

    /// The extension, and where in it the transport-wide number stands.
    fn block(&self, carried: &Carried, now: f64, out: &mut Vec<u8>) -> usize {
        let stamp = encode_abs_send_time(now);
        let mut elements: Vec<(u8, &[u8])> = Vec::with_capacity(6);
        if self.numbered > 0 {
            elements.push((self.numbered, &[0, 0]));
        }
        if let Some((id, mid)) = &self.mid {
            elements.push((*id, mid));
        }
        if self.send_time > 0 {
            elements.push((self.send_time, &stamp));
        }
        elements.extend(carried.iter().filter_map(|(id, value)| {
            let pair = self.carry.iter().find(|pair| pair.0 == id)?;
            Some((pair.1, value))
        }));
        if elements.is_empty() {
            return 0;
        }
        let profile = extensions::profile_for(&elements);
        // only a mid of more than 255 octets does not fit, and no description has one
        let body = extensions::encode(profile, &elements).unwrap_or_default();
        out.extend_from_slice(&profile.to_be_bytes());
        out.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
        out.extend_from_slice(&body);
        if profile == extensions::ONE_BYTE_PROFILE {
            5
        } else {
            6
        }
    }
}
