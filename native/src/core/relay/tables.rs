//! The tables of relay legs: neighbours, streams, and the legs between them.
//!
//! A *neighbour* is a node with a link.  An *upper* leg brings a stream, a (lower) *leg*
//! takes it to a child; both are known by their alias, the first of 16 SSRCs, one for each
//! slot of the stream (RFC 0003 section 13.1).  These are values that the other modules of
//! this folder read and write; what they mean stands there.

use std::collections::VecDeque;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use slotmap::{new_key_type, SlotMap};

use super::arrivals::Arrivals;
use super::quality::Quality;
use super::slots::BoundSlot;
use super::stream::Stream;
use super::wire::SLOTS;
use crate::core::ids::{LegKey, NeighbourKey, NodeId, StreamId, StreamKey, TransportKey};
use crate::core::packet::Packet;
use crate::core::relay_table::{LayerMask, Second};
use crate::core::repairs::Repairs;
use crate::core::state::State;

pub const LONG_AGO: f64 = f64::NEG_INFINITY;

const JITTER_MAX_S: f64 = 0.05;
/// Packets kept per neighbour for a leg that is not known yet: four steps of a replay.
const EARLY_MAX: usize = 256;
const EARLY_S: f64 = 0.25;
/// The round trip of a link that was not measured yet.
const RTT_S: f64 = 0.05;

new_key_type! {
    /// A leg that brings a stream.
    pub struct UpperKey;
}

/// Everything about streams and legs.  `fed` are the streams that accepted something since
/// legs were last served.
#[derive(Debug, Default)]
pub struct Relays {
    pub neighbours: SlotMap<NeighbourKey, Neighbour>,
    pub nodes: FxHashMap<NodeId, NeighbourKey>,
    pub streams: SlotMap<StreamKey, Stream>,
    pub stream_ids: Vec<(StreamId, StreamKey)>,
    pub uppers: SlotMap<UpperKey, Upper>,
    pub legs: SlotMap<LegKey, Leg>,
    pub fed: Vec<StreamKey>,
}

impl Relays {
    pub fn stream(&self, id: &StreamId) -> Option<StreamKey> {
        let found = self.stream_ids.iter().find(|known| known.0 == *id);
        found.map(|known| known.1)
    }

    /// Slot `index` of a stream, while it has one.
    pub fn slot(&self, stream: StreamKey, index: u8) -> Option<&BoundSlot> {
        self.streams.get(stream)?.slots.get(usize::from(index))
    }

    /// The SSRCs of an upper leg mean nothing any more.
    pub fn forget(&mut self, key: UpperKey) -> Option<Upper> {
        let upper = self.uppers.remove(key)?;
        if let Some(neighbour) = self.neighbours.get_mut(upper.neighbour) {
            neighbour.uppers.retain(|_, found| found.0 != key);
        }
        Some(upper)
    }
}

/// The transport to a neighbour, while packets to it can be protected.
pub fn ready(state: &State, key: NeighbourKey) -> Option<TransportKey> {
    let transport = state.relays.neighbours.get(key)?.transport?;
    let known = state.transports.get(transport)?;
    known.sending.then_some(transport)
}

/// The round trip to a neighbour, as far as it was measured.
pub fn rtt_s(state: &State, key: NeighbourKey) -> f64 {
    let neighbour = state.relays.neighbours.get(key);
    let transport = neighbour.and_then(|neighbour| neighbour.transport);
    let transport = transport.and_then(|key| state.transports.get(key));
    transport.and_then(|found| found.rtt_s).unwrap_or(RTT_S)
}

/// A node and the SSRCs of its legs, by direction.
///
/// `heard` and `sent` are when anything came from it, or was sent to it, over the media
/// path.  `jitter_s` is how much later than promised signs of life use to come.
#[derive(Debug)]
pub struct Neighbour {
    pub node: NodeId,
    pub transport: Option<TransportKey>,
    pub uppers: FxHashMap<u32, (UpperKey, u8)>,
    pub lowers: FxHashMap<u32, (LegKey, u8)>,
    /// by stream, in the order in which they began
    pub legs: Vec<(StreamKey, LegKey)>,
    pub heard: f64,
    pub sent: f64,
    pub jitter_s: f64,
    pub arrivals: Arrivals,
    early: VecDeque<(f64, u32, Vec<u8>)>,
}

impl Neighbour {
    pub fn new(node: NodeId) -> Self {
        Self {
            node,
            transport: None,
            uppers: FxHashMap::default(),
            lowers: FxHashMap::default(),
            legs: Vec::new(),
            heard: LONG_AGO,
            sent: LONG_AGO,
            jitter_s: 0.0,
            arrivals: Arrivals::default(),
            early: VecDeque::new(),
        }
    }

    /// A packet of no leg that is known: perhaps it overtook the Accept.
    pub fn keep_early(&mut self, ssrc: u32, packet: &[u8], now: f64) {
        if self.early.len() >= EARLY_MAX {
            self.early.pop_front();
        }
        self.early.push_back((now, ssrc, packet.to_vec()));
    }

    /// Packets of legs that became known a moment after they came, in order.
    pub fn take_early(&mut self, now: f64) -> Vec<Vec<u8>> {
        let uppers = &self.uppers;
        let ours = |early: &(f64, u32, Vec<u8>)| uppers.contains_key(&early.1);
        let fresh = |early: &(f64, u32, Vec<u8>)| ours(early) && now - early.0 < EARLY_S;
        if !self.early.iter().any(fresh) {
            return Vec::new();
        }
        let taken = self.early.iter().filter(|early| fresh(early));
        let taken = taken.map(|early| early.2.clone()).collect();
        self.early.retain(|early| !uppers.contains_key(&early.1));
        taken
    }

    /// Something authentic came over the media path.
    pub fn hear(&mut self, keep_alive_s: f64, now: f64) {
        let late_s = now - self.heard - keep_alive_s;
        if 0.0 < late_s && late_s < 1.0 {
            let moved = self.jitter_s + (late_s - self.jitter_s) / 8.0;
            self.jitter_s = moved.min(JITTER_MAX_S);
        } else if self.jitter_s != 0.0 {
            self.jitter_s *= 0.998;
        }
        self.heard = now;
    }
}

/// The SSRCs of a leg, in order of slots.
pub fn block_of(alias: u32) -> impl Iterator<Item = (u8, u32)> {
    (0..SLOTS as u8).map(move |slot| (slot, alias.wrapping_add(u32::from(slot))))
}

/// A leg that brings the stream; `purpose` None means that it is the active one.
///
/// `told` is the newest number of the last heartbeat.  A joining leg has brought
/// `packets`, and is `proven` once one of them was new.
#[derive(Debug)]
pub struct Upper {
    pub stream: StreamKey,
    pub neighbour: NeighbourKey,
    pub alias: u32,
    pub purpose: Option<Second>,
    pub since: f64,
    pub told: i64,
    pub told_at: f64,
    pub packets: u64,
    pub proven: bool,
    pub told_nothing_new: bool,
}

impl Upper {
    pub fn new(
        stream: StreamKey,
        neighbour: NeighbourKey,
        alias: u32,
        purpose: Option<Second>,
        now: f64,
    ) -> Self {
        Self {
            stream,
            neighbour,
            alias,
            purpose,
            since: now,
            told: -1,
            told_at: LONG_AGO,
            packets: 0,
            proven: false,
            told_nothing_new: false,
        }
    }
}

/// A leg to a child.
///
/// `wanted` and `sending` are slots, one bit each: those that the child's layers mean, and
/// those that began already; the others wait for a key frame.  `backlog` holds what a replay
/// still has to send, in order, with what is live behind it.  While the leg is paused above
/// `pause_after`, everything from `held_from` on was held back; `reached` is the highest
/// stream number that left, `tops` has the layer numbers by slot.
#[derive(Debug)]
pub struct Leg {
    pub stream: StreamKey,
    pub neighbour: NeighbourKey,
    pub alias: u32,
    pub layers: LayerMask,
    pub standby: bool,
    pub pause_after: Option<i64>,
    pub held_from: Option<i64>,
    pub reached: i64,
    pub wanted: u32,
    pub sending: u32,
    pub tops: [i64; SLOTS],
    pub backlog: VecDeque<Arc<Packet>>,
    pub repairs: Repairs,
    pub quality: Quality,
    pub beat_at: f64,
    pub reported_at: f64,
    pub packets: u64,
    pub octets: u64,
    pub overflows: u64,
}

impl Leg {
    pub fn new(
        stream: StreamKey,
        neighbour: NeighbourKey,
        alias: u32,
        layers: LayerMask,
        standby: bool,
        repairs_max: usize,
    ) -> Self {
        Self {
            stream,
            neighbour,
            alias,
            layers,
            standby,
            pause_after: None,
            held_from: None,
            reached: -1,
            wanted: 0,
            sending: 0,
            tops: [-1; SLOTS],
            backlog: VecDeque::new(),
            repairs: Repairs::new(0, repairs_max),
            quality: Quality::default(),
            beat_at: LONG_AGO,
            reported_at: LONG_AGO,
            packets: 0,
            octets: 0,
            overflows: 0,
        }
    }

    /// Pause above `pause_after`, or pause no more.
    pub fn hold(&mut self, pause_after: Option<i64>) {
        self.pause_after = pause_after;
        let Some(last) = pause_after else {
            self.held_from = None;
            return;
        };
        self.backlog.retain(|packet| order(packet) <= last);
        // what left already must not leave again
        self.held_from = Some(last.max(self.reached) + 1);
    }
}

/// The packet's number in its stream, -1 outside one.
pub fn order(packet: &Packet) -> i64 {
    packet.place.map_or(-1, |place| place.order)
}

/// Its slot, 0 outside a stream.
pub fn slot_of(packet: &Packet) -> usize {
    packet.place.map_or(0, |place| usize::from(place.slot))
}
