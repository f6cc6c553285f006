//! One encoding of a producer as it comes in: numbered, kept, measured, asked for.
//!
//! A layer turns packets into `Packet`s with numbers that never wrap, refuses duplicates,
//! keeps the history that serves NACKs and new viewers, and notes gaps and key frames.
//! What arrived since the last flush lies in `pending`; `audience` is kept by `delivery`.
//!
//! A source may start anew under its old SSRC (its numbers jump) or under another one.
//! Then the layer continues with numbers behind the old ones under a new `epoch`, and
//! consumers begin again at the next key frame, as if they had changed layers.

use std::sync::Arc;

use bytes::Bytes;

use super::audience::Audience;
use super::clock::LayerClock;
use super::config::ForwardingConfig;
use super::format::{Incoming, PayloadFormat};
use super::history::History;
use super::ids::ProducerId;
use super::keyframes::KeyFrames;
use super::nacks::NackGenerator;
use super::packet::{Carried, Packet};
use super::reception::{PartRates, RateMeter, Reception};
use super::relay::SlotRef;
use super::sequence::nearest;
use super::table::Rid;
use crate::wire::descriptor::dependency::{self, Structure};
use crate::wire::descriptor::{FrameFacts, MIDDLE, OPAQUE};
use crate::wire::parameters::{Codec, MediaKind};

/// A step of more numbers than this is believed when the next packet confirms it
/// (RFC 3550 appendix A.1, MAX_DROPOUT).
const JUMP: i64 = 3000;

/// The packet of the highest number, as far as anybody asks.
#[derive(Clone, Copy, Debug)]
pub struct Newest {
    pub number: i64,
    pub timestamp: u32,
    pub arrival: f64,
}

/// A layer of `producer`; `rid` is "" without simulcast.
///
/// `live_from_anywhere`: nothing tells key frames apart (sound, unknown codecs), so a
/// consumer may begin with any packet.  `slot` is the layer's place in a stream of the
/// mesh, if it has one.  `replaying`: what comes is the cache of a parent, behind what
/// viewers saw of other layers.
#[derive(Debug)]
pub struct Layer {
    pub producer: ProducerId,
    pub kind: MediaKind,
    pub rid: Rid,
    pub ssrc: Option<u32>,
    pub rtx_ssrc: Option<u32>,
    pub epoch: u64,
    pub audience: Audience,
    pub history: History,
    pub pending: Vec<Arc<Packet>>,
    pub reception: Reception,
    pub clock: LayerClock,
    pub rate: RateMeter,
    pub takes_pli: bool,
    pub keys: KeyFrames,
    pub nacks: Option<NackGenerator>,
    pub live_from_anywhere: bool,
    pub newest: Option<Newest>,
    pub fresh: bool,
    pub delivered: i64,
    pub slot: Option<SlotRef>,
    pub last_arrival: f64,
    pub replaying: bool,
    pub size: (u32, u32),
    pub parts: PartRates,
    pub since_key: u64,
    structure: Option<Arc<Structure>>,
    expected_after_jump: Option<u16>,
    key_timestamp: Option<u32>,
}

impl Layer {
    pub fn new(
        producer: ProducerId,
        kind: MediaKind,
        rid: Rid,
        codec: &Codec,
        config: &ForwardingConfig,
    ) -> Self {
        let negotiated = |feedback: &str| codec.feedback.iter().any(|known| known == feedback);
        let takes_pli = negotiated("nack pli");
        let answers = takes_pli || negotiated("ccm fir");
        Self {
            producer,
            kind,
            rid,
            ssrc: None,
            rtx_ssrc: None,
            epoch: 0,
            audience: Audience::default(),
            history: History::default(),
            pending: Vec::new(),
            reception: Reception::new(codec.clock_rate_hz),
            clock: LayerClock::new(codec.clock_rate_hz),
            rate: RateMeter::default(),
            takes_pli,
            keys: KeyFrames::new(config, answers && kind == MediaKind::Video),
            nacks: negotiated("nack").then(|| NackGenerator::new(config)),
            live_from_anywhere: kind == MediaKind::Audio,
            newest: None,
            fresh: true,
            delivered: -1,
            slot: None,
            last_arrival: 0.0,
            replaying: false,
            size: (0, 0),
            parts: PartRates::default(),
            since_key: 0,
            structure: None,
            expected_after_jump: None,
            key_timestamp: None,
        }
    }

    /// Ticks per second of the timestamps.
    pub fn clock_rate_hz(&self) -> f64 {
        f64::from(self.clock.clock_rate_hz)
    }

    /// The extended number of a packet that is to be taken, or why it is not.
    pub fn admit(&mut self, sequence: u16, repaired: bool) -> Result<i64, &'static str> {
        let number = self.number(sequence, repaired).ok_or("sequence-jump")?;
        if self.history.contains(number) {
            return Err("duplicate");
        }
        Ok(number)
    }

    fn number(&mut self, sequence: u16, repaired: bool) -> Option<i64> {
        let head = self.history.head;
        if head < 0 {
            return (!repaired).then(|| i64::from(sequence) + 65536);
        }
        let number = nearest(sequence, head);
        if self.newest.is_some() && (number - head).abs() <= JUMP {
            self.expected_after_jump = None;
            return Some(number);
        }
        if repaired {
            return None;
        }
        if self.newest.is_some() {
            if self.expected_after_jump != Some(sequence) {
                self.expected_after_jump = Some(sequence.wrapping_add(1));
                return None;
            }
            self.restart();
        }
        Some(head + 1 + ((i64::from(sequence) - head - 1) & 0xFFFF))
    }

    /// A packet whose number is known, to be kept next.
    pub fn make(
        &mut self,
        number: i64,
        form: &PayloadFormat,
        incoming: &Incoming<'_>,
        carried: Carried,
    ) -> Packet {
        Packet {
            number,
            timestamp: incoming.timestamp,
            payload: Bytes::copy_from_slice(incoming.payload),
            padding: 0,
            payload_type: form.payload_type,
            codec: Arc::clone(&form.codec),
            marker: incoming.marker,
            carried,
            facts: self.facts(form, incoming.payload, incoming.frame),
            arrival: incoming.now,
            numbers: None,
            place: None,
        }
    }

    /// Another source follows: forget what the last one left open.
    pub fn restart(&mut self) {
        self.epoch += 1;
        self.history.clear();
        self.pending.clear();
        self.fresh = true;
        self.keys.lost();
        self.reception = Reception::new(self.clock.clock_rate_hz);
        self.clock = LayerClock::new(self.clock.clock_rate_hz);
        self.newest = None;
        self.structure = None;
        self.key_timestamp = None;
        if let Some(nacks) = &mut self.nacks {
            nacks.restart();
        }
    }

    /// Wish for a younger key frame when the cache grew too old or too large.
    pub fn check_cache(&mut self, config: &ForwardingConfig, now: f64) {
        let Some(arrived) = self.keys.arrived else {
            return;
        };
        if self.history.pin.is_none() {
            self.keys.lost();
        } else if now - arrived > config.cache_age_s || self.since_key > config.cache_bytes {
            self.keys.refresh();
        }
    }

    fn facts(&mut self, form: &PayloadFormat, payload: &[u8], frame: Option<&[u8]>) -> FrameFacts {
        if self.kind == MediaKind::Audio || payload.is_empty() {
            return OPAQUE;
        }
        if let Some(frame) = frame.filter(|_| !form.self_told) {
            if let Some(told) = self.told_by(frame) {
                return told;
            }
        }
        let Some(describe) = form.describe else {
            self.live_from_anywhere = true;
            return OPAQUE;
        };
        describe(payload).unwrap_or_else(|_| {
            let told = frame.and_then(|frame| self.told_by(frame));
            told.unwrap_or(MIDDLE)
        })
    }

    /// The facts that a dependency descriptor tells.
    fn told_by(&mut self, frame: &[u8]) -> Option<FrameFacts> {
        let found = dependency::parse(frame, self.structure.as_deref()).ok()?;
        if let Some(structure) = &found.structure {
            self.structure = Some(Arc::clone(structure));
            if let Some(&largest) = structure.resolutions.last() {
                self.size = largest;
            }
        }
        found.frame.is_some().then(|| found.facts())
    }

    /// Take a packet that `make` made, and that is not in the history.
    ///
    /// `awaited`: a viewer of another layer waits for a key frame of this one.
    pub fn keep(
        &mut self,
        mut packet: Packet,
        repaired: bool,
        awaited: bool,
        config: &ForwardingConfig,
    ) {
        packet.seal();
        let packet = Arc::new(packet);
        let (now, number) = (packet.arrival, packet.number);
        self.history.add(Arc::clone(&packet), config);
        self.last_arrival = now;
        self.reception
            .count(number, packet.timestamp, now, repaired);
        self.rate.count(packet.size(), now);
        if self.newest.map_or(true, |newest| number > newest.number) {
            self.newest = Some(Newest {
                number,
                timestamp: packet.timestamp,
                arrival: now,
            });
        }
        let nacks = self.nacks.as_mut();
        if nacks.is_some_and(|nacks| !nacks.received(number, now)) {
            self.keys.want();
        }
        if self.kind == MediaKind::Video {
            self.follow_frame(&packet, awaited);
        }
        self.pending.push(packet);
    }

    fn follow_frame(&mut self, packet: &Packet, awaited: bool) {
        let size = packet.size() as u64;
        self.since_key += size;
        self.parts
            .count(&packet.facts, packet.size(), packet.arrival);
        let began = self.key_timestamp == Some(packet.timestamp);
        let behind = self.history.pin.is_some_and(|pin| packet.number < pin);
        if !packet.facts.keyframe || began || behind {
            return;
        }
        // parameter sets may precede the packet that shows the key frame
        let mut start = packet.number;
        while let Some(before) = self.history.get(start - 1) {
            if before.timestamp != packet.timestamp {
                break;
            }
            start -= 1;
        }
        self.history.pin = Some(start);
        self.key_timestamp = Some(packet.timestamp);
        self.since_key = size;
        self.keys.came(packet.arrival, !(self.replaying && awaited));
    }
}
