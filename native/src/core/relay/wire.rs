//! What stands in the packets of a leg, beside RTP itself (RFC 0003 section 13.2).
//!
//! A packet of a leg has one extension of ours, first in its header: how far it may still
//! go, what it is of its frame, and the number that orders all packets of the stream.  It
//! also holds the rollover counter of the sequence number, in the clear: with it the
//! receiver knows the index that SRTP needs instead of guessing it.
//!
//! What the two ends of a leg tell each other while no packets say it goes as RTCP APP
//! packets named "MESH".

use crate::core::packet::{Carried, Place};
use crate::errors::DecodeError;
use crate::wire::extensions::{self, spans};
use crate::wire::rtcp_common::{frame, split};
use crate::wire::rtp::RtpView;

pub const MESH_ID: u8 = 14;
pub const DESCRIPTOR_ID: u8 = 13;

/// What the producers of a stream that comes over the mesh have, under which ids.
pub const MESH_EXTENSIONS: [(u8, &str); 4] = [
    (DESCRIPTOR_ID, extensions::DEPENDENCY_DESCRIPTOR),
    (12, extensions::AUDIO_LEVEL),
    (11, extensions::VIDEO_ORIENTATION),
    (10, extensions::PLAYOUT_DELAY),
];

pub const HOPS_MAX: u8 = 24;
pub const SLOTS: usize = 16;
pub const FIRST_PAYLOAD_TYPE: u16 = 96;
pub const END_OF_FRAME: u8 = 4;
pub const KEY_FRAME: u8 = 2;

/// Layer numbers (24 bits of rollover counter) and stream numbers have 40 bits.
pub const NUMBER_MASK: i64 = (1 << 40) - 1;

/// Legs named in one APP packet: 768 octets.
pub const ENTRIES_MAX: usize = 64;

const APP: u8 = 204;
const NAME: &[u8] = b"MESH";
const VALUE: usize = 10;
const ENTRY: usize = 12;
const HEARTBEAT: u8 = 0;
const KEEP_ALIVE: u8 = 1;
const ACTIVATE: u8 = 2;

/// The mesh extension of one packet; `order` is its number in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeshHeader {
    pub hops: u8,
    pub epoch: u8,
    pub roll_over: i64,
    pub order: i64,
}

/// The value of the extension; `number` is the layer's, of 40 bits.
fn encode_mesh(hops: u8, flags: u8, place: &Place, number: i64) -> [u8; VALUE] {
    let (number, order) = (number.to_be_bytes(), place.order.to_be_bytes());
    let mut value = [0; VALUE];
    value[0] = (hops & 31) << 3 | flags & 7;
    value[1] = place.epoch;
    value[2..5].copy_from_slice(&number[3..6]);
    value[5..].copy_from_slice(&order[3..]);
    value
}

fn decode_mesh(value: &[u8]) -> Result<MeshHeader, DecodeError> {
    if value.len() != VALUE {
        return Err(DecodeError::new("mesh-extension"));
    }
    let number = |octets: &[u8]| octets.iter().fold(0, |sum, &o| sum << 8 | i64::from(o));
    Ok(MeshHeader {
        hops: value[0] >> 3,
        epoch: value[1],
        roll_over: number(&value[2..5]),
        order: number(&value[5..]),
    })
}

/// The mesh header, and what else a leg carries.
pub fn elements(packet: &[u8], view: &RtpView) -> Result<(MeshHeader, Carried), DecodeError> {
    let mut mesh = None;
    let mut carried = Carried::default();
    let (at, length) = (view.extension_offset, view.extension_length);
    for span in spans(packet, view.extension_profile, at, length) {
        let value = &packet[span.start..span.start + span.length];
        if span.id == MESH_ID {
            mesh = Some(decode_mesh(value)?);
        } else if MESH_EXTENSIONS.iter().any(|ours| ours.0 == span.id) {
            carried.push(span.id, value);
        }
    }
    let mesh = mesh.ok_or(DecodeError::new("mesh-extension"))?;
    Ok((mesh, carried))
}

/// Append the whole header extension of a packet, the mesh element first; `told` are the
/// other elements under the ids of the mesh, in order.
pub fn push_block(out: &mut Vec<u8>, place: &Place, number: i64, flags: u8, told: &[(u8, &[u8])]) {
    let mesh = encode_mesh(place.hops.saturating_sub(1), flags, place, number);
    let mut elements: Vec<(u8, &[u8])> = Vec::new();
    let encoded = if told.is_empty() {
        None
    } else {
        elements.push((MESH_ID, &mesh));
        elements.extend_from_slice(told);
        let profile = extensions::profile_for(&elements);
        extensions::encode(profile, &elements)
            .ok()
            .map(|body| (profile, body))
    };
    match encoded {
        Some((profile, body)) => {
            out.extend_from_slice(&profile.to_be_bytes());
            out.extend_from_slice(&((body.len() / 4) as u16).to_be_bytes());
            out.extend_from_slice(&body);
        }
        None => {
            let words = (VALUE + 2) as u16 / 4;
            out.extend_from_slice(&extensions::ONE_BYTE_PROFILE.to_be_bytes());
            out.extend_from_slice(&words.to_be_bytes());
            out.push(MESH_ID << 4 | (VALUE as u8 - 1));
            out.extend_from_slice(&mesh);
            out.push(0);
        }
    }
}

/// (alias of a leg, stream number).
pub type Entry = (u32, i64);

/// What the ends of a leg tell each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Parent to child: the newest number that the parent has, of each standby leg.
    Heartbeat(Vec<Entry>),
    /// Parent to child: nothing to send, but alive.
    KeepAlive,
    /// Child to parent: send these standby legs from these numbers on.
    Activate(Vec<Entry>),
}

/// One RTCP APP packet of `ssrc`.
pub fn encode(message: &Message, ssrc: u32) -> Vec<u8> {
    let (subtype, legs): (u8, &[Entry]) = match message {
        Message::Heartbeat(legs) => (HEARTBEAT, legs),
        Message::KeepAlive => (KEEP_ALIVE, &[]),
        Message::Activate(legs) => (ACTIVATE, legs),
    };
    let mut body = ssrc.to_be_bytes().to_vec();
    body.extend_from_slice(NAME);
    for (alias, order) in legs {
        body.extend_from_slice(&alias.to_be_bytes());
        body.extend_from_slice(&(order & NUMBER_MASK).to_be_bytes());
    }
    frame(APP, subtype, &body, 0).expect("64 entries fit a packet")
}

/// What an RTCP datagram says about legs; anything else in it is skipped.
pub fn messages(compound: &[u8]) -> Result<Vec<Message>, DecodeError> {
    let mut found = Vec::new();
    for part in split(compound) {
        let part = part?;
        if part.packet_type == APP && part.body.get(4..8) == Some(NAME) {
            found.extend(message(part.count, &part.body[8..])?);
        }
    }
    Ok(found)
}

fn message(subtype: u8, data: &[u8]) -> Result<Option<Message>, DecodeError> {
    match subtype {
        HEARTBEAT => Ok(Some(Message::Heartbeat(entries(data)?))),
        KEEP_ALIVE => Ok(Some(Message::KeepAlive)),
        ACTIVATE => Ok(Some(Message::Activate(entries(data)?))),
        _ => Ok(None),
    }
}

fn entries(data: &[u8]) -> Result<Vec<Entry>, DecodeError> {
    if data.len() % ENTRY != 0 || data.is_empty() || data.len() > ENTRIES_MAX * ENTRY {
        return Err(DecodeError::new("mesh-app"));
    }
    let entries = data.chunks_exact(ENTRY).map(|entry| {
        let number = |octets: &[u8]| octets.iter().fold(0, |sum, &o| sum << 8 | u64::from(o));
        let order = number(&entry[4..]) as i64 & NUMBER_MASK;
        (number(&entry[..4]) as u32, order)
    });
    Ok(entries.collect())
}
