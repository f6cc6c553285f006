//! What a layer sent lately, by extended sequence number.
//!
//! One store serves three uses: duplicates are found in it, NACKs of every consumer are
//! answered from it, and a new consumer replays from the last key frame in it.  It keeps
//! what is younger than `history_s` and among the last `history_packets`, and everything
//! since the key frame that `pin` names, as far as `history_bytes` and `cache_packets` go
//! (RFC 0003 section 5).  When the pinned part alone is larger than that, it is let go:
//! nobody can start from half a group of pictures.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::config::ForwardingConfig;
use super::packet::Packet;

/// How far before the very first packet an older one may still come.
const REORDER: i64 = 32;

/// Packets by number; `floor` is the lowest number that may still be there.
///
/// A number below `floor` is too old to be told from a duplicate and counts as one.
#[derive(Debug)]
pub struct History {
    pub floor: i64,
    pub head: i64,
    pub pin: Option<i64>,
    pub size: u64,
    packets: FxHashMap<i64, Arc<Packet>>,
    began: i64,
}

impl Default for History {
    fn default() -> Self {
        Self {
            floor: 0,
            head: -1,
            pin: None,
            size: 0,
            packets: FxHashMap::default(),
            began: 0,
        }
    }
}

impl History {
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    pub fn contains(&self, number: i64) -> bool {
        number < self.floor || self.packets.contains_key(&number)
    }

    /// The packet, while it is kept.
    pub fn get(&self, number: i64) -> Option<&Arc<Packet>> {
        self.packets.get(&number)
    }

    /// Keep a packet that the history does not contain; old ones go.
    pub fn add(&mut self, packet: Arc<Packet>, config: &ForwardingConfig) {
        let (number, arrival) = (packet.number, packet.arrival);
        if self.packets.is_empty() {
            // why never down: what was sent under a number must not change
            self.floor = self.floor.max(number - REORDER);
            self.began = number;
        }
        self.head = self.head.max(number);
        self.size += packet.size() as u64;
        self.packets.insert(number, packet);
        self.evict(arrival, config);
    }

    /// A packet was lengthened by `octets` before anybody got it.
    pub fn padded(&mut self, packet: &Arc<Packet>, octets: usize) {
        self.size += octets as u64;
        if let Some(kept) = self.packets.get_mut(&packet.number) {
            *kept = Arc::clone(packet);
        }
    }

    /// Forget everything (the source started anew).
    pub fn clear(&mut self) {
        self.packets = FxHashMap::default();
        self.floor = self.head + 1;
        self.pin = None;
        self.size = 0;
    }

    /// Nothing up to number `head` is to come again; for an empty history.
    pub fn seat(&mut self, head: i64) {
        self.head = self.head.max(head);
        self.floor = self.floor.max(self.head + 1);
    }

    /// Go on with `number`, far ahead: nothing before it is waited for.
    pub fn skip(&mut self, number: i64) {
        self.clear();
        self.floor = self.floor.max(number - REORDER);
        self.head = self.head.max(number - 1);
    }

    /// What is kept and stands at `order` of its stream or behind it, in no order.
    pub fn later(&self, order: i64) -> impl Iterator<Item = &Arc<Packet>> + '_ {
        let kept = self.packets.values();
        kept.filter(move |packet| packet.place.is_some_and(|place| place.order >= order))
    }

    /// The lowest number from `first` on that is kept.
    pub fn oldest(&self, first: i64) -> Option<i64> {
        self.from(first).next().map(|packet| packet.number)
    }

    /// The packets that are there from `first` on, in order.
    pub fn from(&self, first: i64) -> impl Iterator<Item = &Arc<Packet>> + '_ {
        (first.max(self.floor)..=self.head).filter_map(|number| self.packets.get(&number))
    }

    /// Whether more is kept than may be, of octets or of packets without any.
    fn crowded(&self, config: &ForwardingConfig) -> bool {
        self.size > config.history_bytes || self.packets.len() > config.cache_packets
    }

    fn evict(&mut self, now: f64, config: &ForwardingConfig) {
        if self.head < self.began + REORDER && !self.crowded(config) {
            return;
        }
        let oldest = now - config.history_s;
        let last = self.head - config.history_packets;
        while self.floor < self.head {
            if let Some(packet) = self.packets.get(&self.floor) {
                let pinned = self.pin.is_some_and(|pin| self.floor >= pin);
                let young = packet.arrival >= oldest && self.floor > last;
                if (pinned || young) && !self.crowded(config) {
                    return;
                }
                self.size -= packet.size() as u64;
                self.packets.remove(&self.floor);
                if pinned {
                    self.pin = None;
                }
            }
            self.floor += 1;
        }
    }
}
