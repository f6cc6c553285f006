//! A track on its way out: which layer it follows, and under which numbers.
//!
//! A consumer is in one of four phases (RFC 0003 section 6), see `Phase`.  How packets are
//! rewritten for it is in `emission`.

use std::sync::Arc;

use super::ids::{ConsumerId, LayerKey, ProducerKey, TransportKey};
use super::packet::Packet;
use super::profile::{Agreed, Profile};
use super::repairs::{Recent, Repairs};
use super::replay::Pace;
use super::rewrite::{Numbering, Segment};
use super::scalable::LayerFilter;
use super::table::{AddConsumer, Rid, Selection};
use crate::wire::descriptor::vp8::Numbers;
use crate::wire::descriptor::FrameFacts;
use crate::wire::parameters::MediaKind;

const FILLERS: usize = 64;

/// Fraction lost in 256ths: 2 %.
const LOSSY_FROM: u8 = 5;

/// A browser's report may cover a dozen packets: at 5 % loss half of them show none, so
/// one report without a loss says nothing.
const CALM_S: f64 = 2.0;

/// What a consumer is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Nothing to send: paused, no producer, or the transport cannot send yet.
    Silent,
    /// It needs a key frame that is not there.
    Waiting,
    /// It sends from the layer's history, behind the newest packet: from the cached key
    /// frame on, or because its path did not admit the last burst.
    Chasing,
    /// It sends what arrives.
    Live,
}

impl Phase {
    /// The word for it in statistics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Waiting => "waiting",
            Self::Chasing => "chasing",
            Self::Live => "live",
        }
    }
}

/// The newest packet that was forwarded, and the offsets that it was sent with.
#[derive(Clone, Copy, Debug)]
pub struct Last {
    pub number: i64,
    pub timestamp: u32,
    pub marker: bool,
    pub arrival: f64,
    pub numbers: Option<Numbers>,
    pub segment: Segment,
    pub payload_type: u8,
    pub facts: FrameFacts,
}

impl Last {
    pub fn new(packet: &Packet, segment: Segment) -> Self {
        Self {
            number: packet.number,
            timestamp: packet.timestamp,
            marker: packet.marker,
            arrival: packet.arrival,
            numbers: packet.numbers,
            segment,
            payload_type: packet.payload_type,
            facts: packet.facts,
        }
    }
}

/// The state behind an `AddConsumer`.
///
/// `layer` is followed now, `target` is where it wants to be; they differ while a change
/// of layer waits for a key frame.  `profile` belongs to the producer of `layer`,
/// `upcoming` to that of `target`.  `cursor` is the next source number while chasing.
/// `keeps_protected`: without RTX a retransmission is the protected packet itself; a
/// viewer that did not negotiate NACK (sound, mostly) asks for none.  `wishes` are the
/// rids that automatic choice could do with.
#[derive(Debug)]
pub struct Consumer {
    pub id: ConsumerId,
    pub kind: MediaKind,
    pub ssrc: u32,
    pub rtx_ssrc: Option<u32>,
    pub keeps_protected: bool,
    pub first_timestamp: u32,
    pub agreed: Arc<Agreed>,
    pub transport: TransportKey,
    pub producer: Option<ProducerKey>,
    pub profile: Arc<Profile>,
    pub upcoming: Arc<Profile>,
    pub announced: Option<Rid>,
    pub selection: Selection,
    pub max_temporal: Option<u8>,
    pub max_spatial: Option<u8>,
    pub phase: Phase,
    pub layer: Option<LayerKey>,
    pub target: Option<LayerKey>,
    pub cursor: i64,
    pub pace: Option<Pace>,
    pub replaying: bool,
    pub lag_max_s: f64,
    pub wanted_key: u64,
    pub wishes: Vec<Rid>,
    pub filter: Option<LayerFilter>,
    pub numbering: Numbering,
    pub last: Option<Last>,
    pub key_sent_at: f64,
    pub repairs: Repairs,
    pub fraction_lost: u8,
    pub requests: u64,
    pub packets: u64,
    pub octets: u64,
    pub dropped: u64,
    pub overflows: u64,
    lossy_reports: u32,
    lossy_at: f64,
    pub fillers: Recent<i64>,
    pub dropped_picture: Option<u16>,
}

impl Consumer {
    pub fn new(
        delta: AddConsumer,
        transport: TransportKey,
        nobody: &Arc<Profile>,
        repairs: Repairs,
    ) -> Self {
        let nack = |feedback: &String| feedback == "nack";
        let asks = delta
            .codecs
            .iter()
            .any(|codec| codec.feedback.iter().any(nack));
        Self {
            id: delta.consumer,
            kind: delta.kind,
            ssrc: delta.ssrc,
            rtx_ssrc: delta.rtx_ssrc,
            keeps_protected: delta.rtx_ssrc.is_none() && asks,
            first_timestamp: delta.first_timestamp,
            transport,
            producer: None,
            profile: Arc::clone(nobody),
            upcoming: Arc::clone(nobody),
            announced: None,
            selection: delta.selection,
            max_temporal: None,
            max_spatial: None,
            phase: Phase::Silent,
            layer: None,
            target: None,
            cursor: 0,
            pace: None,
            replaying: false,
            lag_max_s: 0.0,
            wanted_key: 0,
            wishes: Vec::new(),
            filter: None,
            numbering: Numbering::new(i64::from(delta.first_sequence)),
            last: None,
            key_sent_at: f64::NEG_INFINITY,
            repairs,
            fraction_lost: 0,
            requests: 0,
            packets: 0,
            octets: 0,
            dropped: 0,
            overflows: 0,
            lossy_reports: 0,
            lossy_at: f64::NEG_INFINITY,
            fillers: Recent::new(FILLERS),
            dropped_picture: None,
            agreed: Arc::new(Agreed {
                codecs: delta.codecs,
                extensions: delta.extensions,
                mid: delta.mid,
            }),
        }
    }

    /// Whether so much gets lost, and for so long that it is not congestion, that a
    /// repetition is worth sending twice.
    pub fn lossy(&self) -> bool {
        self.lossy_reports > 1 && self.rtx_ssrc.is_some()
    }

    /// The viewer reported its losses since the last report, in 256ths.
    pub fn reported(&mut self, fraction_lost: u8, now: f64) {
        self.fraction_lost = fraction_lost;
        if now - self.lossy_at > CALM_S {
            self.lossy_reports = 0;
        }
        if fraction_lost >= LOSSY_FROM {
            self.lossy_reports += 1;
            self.lossy_at = now;
        }
    }

    /// Whether `index` was padding in place of a packet that came too late.
    pub fn is_filler(&self, index: i64) -> bool {
        self.fillers.iter().any(|&filler| filler == index)
    }

    /// Whether it gets packets of `layer` now.
    pub fn follows(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Chasing)
    }
}
