//! What is known about a running plane: counters and gauges.

use rustc_hash::FxHashMap;

use super::latency::Histogram;
use super::state::{Engine, Traffic};
use crate::core::ids::{ProducerId, StreamId};
use crate::core::levels::Levels;
use crate::core::stats::{ProducerStats, Stats};
use crate::counters::Counters;

/// See RFC 0002 section 7 for the shape that it gets in Python.
#[derive(Debug)]
pub struct Report {
    pub transports: usize,
    pub received: Traffic,
    pub sent: Traffic,
    pub relayed: Traffic,
    pub uplink: Traffic,
    pub held: u64,
    pub stun_answered: u64,
    pub latency: Histogram,
    pub drops: Counters,
    pub forwarder: Stats,
}

impl Engine {
    /// Everything; costs something per consumer.
    pub fn stats(&mut self) -> Report {
        let mut drops = self.drops.clone();
        for port in &self.ports {
            drops.merge(&port.sender.counters);
        }
        drops.merge(&self.ice.refused);
        drops.merge(&self.ice.server.refused);
        Report {
            transports: self.sessions.len(),
            received: self.received,
            sent: self.sent,
            relayed: self.relayed,
            uplink: Traffic {
                packets: self.uplink.packets,
                octets: self.uplink.octets,
            },
            held: self.uplink.held,
            stun_answered: self.ice.server.answered,
            latency: self.latency.histogram,
            drops,
            forwarder: self.forwarder.stats(self.clock.now()),
        }
    }

    /// Octets that left by the port with their IP headers, and octets of media of them that
    /// went to other nodes.
    pub fn sent(&self) -> (u64, u64) {
        (self.uplink.octets, self.relayed.octets)
    }

    /// The producers' part of `stats`, which costs nothing per consumer.
    pub fn producer_stats(&mut self) -> Vec<(ProducerId, ProducerStats)> {
        self.forwarder.producer_stats(self.clock.now())
    }

    /// How loud each audio producer was after the packet number in `since`.
    pub fn audio_levels(&self, since: &FxHashMap<ProducerId, i64>) -> Levels {
        self.forwarder.audio_levels(since)
    }

    /// First number of a stream's key-frame cache, and its newest number.
    pub fn stream_history(&self, stream: &StreamId) -> Option<(i64, i64)> {
        self.forwarder.stream_history(stream)
    }
}
