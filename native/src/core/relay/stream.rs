//! A stream at this node: its slots and legs, and how its packets flow.

use std::mem;
use std::sync::Arc;

use super::slots::BoundSlot;
use super::tables::UpperKey;
use crate::core::ids::{LegKey, NodeId, StreamId};
use crate::core::packet::Packet;
use crate::core::relay_table::LayerMask;
use crate::core::state::Drops;

/// A stream whose tracks are not known yet: a key-frame cache, and what follows it.
pub const UNBOUND_S: f64 = 5.0;
const UNBOUND_OCTETS: usize = 2 << 20;
const UNBOUND_MAX: usize = 4096;

const GAP_START_S: f64 = 0.02;
/// Packets that come closer together than this are of one burst.
const GAP_LEAST_S: f64 = 0.001;
/// A longer gap is a pause of the publisher, not its pace.
const GAP_MAX_S: f64 = 0.5;

/// A packet that waits for its stream's slots: when it came, and over which leg.
#[derive(Debug)]
pub struct Unbound {
    pub at: f64,
    pub upper: UpperKey,
    pub packet: Vec<u8>,
}

/// `newest` is the highest number that was accepted, `fresh` when that was, `began` from
/// when on a silence of the active leg counts.  `waiting`: the active leg was asked to begin
/// and brought nothing yet, `activate_at` is when to ask again.  `silent` and `stalled` are
/// what was told last.  `outgoing` was accepted since legs were last served.
#[derive(Debug)]
pub struct Stream {
    pub id: StreamId,
    pub origin: bool,
    pub slots: Vec<BoundSlot>,
    pub active: Option<UpperKey>,
    pub second: Option<UpperKey>,
    pub legs: Vec<(NodeId, LegKey)>,
    pub newest: i64,
    pub fresh: f64,
    pub began: f64,
    pub gap_s: f64,
    pub waiting: bool,
    pub activate_at: f64,
    pub silent: bool,
    pub stalled: bool,
    pub outgoing: Vec<Arc<Packet>>,
    pub counters: Drops,
    unbound: Vec<Unbound>,
    unbound_octets: usize,
}

impl Stream {
    pub fn new(id: StreamId, now: f64) -> Self {
        Self {
            id,
            origin: false,
            slots: Vec::new(),
            active: None,
            second: None,
            legs: Vec::new(),
            newest: -1,
            fresh: now,
            began: now,
            gap_s: GAP_START_S,
            waiting: false,
            activate_at: 0.0,
            silent: true,
            stalled: false,
            outgoing: Vec::new(),
            counters: Drops::default(),
            unbound: Vec::new(),
            unbound_octets: 0,
        }
    }

    /// The leg to a child.
    pub fn leg(&self, child: &NodeId) -> Option<LegKey> {
        let found = self.legs.iter().find(|leg| leg.0 == *child);
        found.map(|leg| leg.1)
    }

    /// A packet while nobody knows yet what the slots are; all go when they are too many or
    /// too old, for behind a gap only a new key frame helps.
    pub fn keep_unbound(&mut self, upper: UpperKey, packet: &[u8], now: f64) {
        let held = &self.unbound;
        let full = held.len() >= UNBOUND_MAX || self.unbound_octets >= UNBOUND_OCTETS;
        let old = held.first().is_some_and(|first| now - first.at > UNBOUND_S);
        if full || old {
            self.take_unbound();
        }
        self.unbound_octets += packet.len();
        self.unbound.push(Unbound {
            at: now,
            upper,
            packet: packet.to_vec(),
        });
    }

    /// What waited, in order, with the time when it came.
    pub fn take_unbound(&mut self) -> Vec<Unbound> {
        self.unbound_octets = 0;
        mem::take(&mut self.unbound)
    }

    /// Packet `order` was accepted; whether nothing as new was here before.
    pub fn came(&mut self, order: i64, now: f64) -> bool {
        if order <= self.newest {
            return false;
        }
        let gap_s = (now - self.fresh).min(GAP_MAX_S);
        if gap_s > GAP_LEAST_S && self.newest >= 0 {
            // up fast: a slow stream must not seem silent for long
            let part = if gap_s > self.gap_s { 4.0 } else { 16.0 };
            self.gap_s += (gap_s - self.gap_s) / part;
        }
        self.newest = order;
        self.fresh = now;
        true
    }

    /// The slots of these layers, one bit each; slots without a layer bit always.
    pub fn wanted(&self, layers: LayerMask) -> u32 {
        let mut mask = 0;
        for (index, slot) in self.slots.iter().enumerate() {
            let asked = slot.bit.map_or(true, |bit| {
                layers.checked_shr(u32::from(bit)).unwrap_or(0) & 1 == 1
            });
            if slot.layer.is_some() && asked {
                mask |= 1 << index;
            }
        }
        mask
    }
}
