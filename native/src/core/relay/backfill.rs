//! What a leg sends out of the history before it is live (RFC 0003 section 13.3).
//!
//! A new leg begins with the key-frame cache, one that was activated or paused with a stream
//! number.  Nothing that left over the leg is chosen again: a layer that is wanted once more
//! within the same group of pictures goes on where it stopped.

use std::sync::Arc;

use super::tables::{order, slot_of, Leg};
use crate::core::config::ForwardingConfig;
use crate::core::ids::{LayerKey, LegKey, StreamKey};
use crate::core::layer::Layer;
use crate::core::packet::Packet;
use crate::core::state::State;

type Packets = Vec<Arc<Packet>>;

/// The packets with which wanted slots begin, in order, and the layers that cannot begin
/// yet.  Slots that can are `sending` from now on.
///
/// Sound begins where the oldest of the pictures does, or with its newest packet.
pub fn cached(state: &mut State, key: LegKey) -> (Packets, Vec<LayerKey>) {
    let leg = &mut state.relays.legs[key];
    let (mut pictures, mut sound, mut lacking) = (Packets::new(), Vec::new(), Vec::new());
    for (index, slot) in state.relays.streams[leg.stream].slots.iter().enumerate() {
        let bit = 1 << index;
        let Some(layer_key) = slot.layer.filter(|_| bit & leg.wanted & !leg.sending != 0) else {
            continue;
        };
        let layer = &state.layers[layer_key];
        if layer.live_from_anywhere {
            sound.push(layer);
        } else {
            let pinned = pinned(layer, &state.config);
            if pinned.is_empty() {
                lacking.push(layer_key);
                continue;
            }
            pictures.extend(pinned);
        }
        leg.sending |= bit;
    }
    let first = pictures.iter().map(|packet| order(packet)).min();
    pictures.extend(heard(&sound, first));
    (unsent(leg, pictures), lacking)
}

/// What is kept of the slots that are sent, from stream number `start` on.
pub fn since(state: &State, key: LegKey, start: i64) -> Packets {
    let leg = &state.relays.legs[key];
    let mut found = Packets::new();
    for (index, slot) in state.relays.streams[leg.stream].slots.iter().enumerate() {
        let Some(layer) = slot.layer.filter(|_| leg.sending >> index & 1 == 1) else {
            continue;
        };
        let history = &state.layers[layer].history;
        let mut kept: Packets = history.later(start.max(0)).cloned().collect();
        if let Some(pin) = history.pin.filter(|_| !kept.is_empty()) {
            if !reaches(&state.layers[layer], start) {
                // what precedes the key frame has lost what it was made from
                kept.retain(|packet| packet.number >= pin);
            }
        }
        found.extend(kept);
    }
    unsent(leg, found)
}

/// The stream number with which a leg begins that begins with the cache.
pub fn cache_start(state: &State, key: StreamKey) -> i64 {
    let stream = &state.relays.streams[key];
    let layers = stream.slots.iter().filter_map(|slot| slot.layer);
    let starts = layers.filter_map(|layer| {
        let pinned = pinned(&state.layers[layer], &state.config);
        pinned.iter().map(|packet| order(packet)).min()
    });
    starts.min().unwrap_or(stream.newest)
}

fn pinned(layer: &Layer, config: &ForwardingConfig) -> Packets {
    let pin = layer.history.pin;
    let Some(pin) = pin.filter(|_| layer.since_key <= config.cache_bytes) else {
        return Packets::new();
    };
    let kept = layer.history.from(pin);
    kept.filter(|packet| packet.place.is_some())
        .cloned()
        .collect()
}

fn heard(sound: &[&Layer], first: Option<i64>) -> Packets {
    let mut found = Packets::new();
    for layer in sound {
        let newest = layer
            .newest
            .and_then(|newest| layer.history.get(newest.number));
        if let Some(place) = newest.and_then(|newest| newest.place) {
            let from = first.unwrap_or(place.order);
            found.extend(layer.history.later(from).cloned());
        }
    }
    found
}

fn unsent(leg: &Leg, mut packets: Packets) -> Packets {
    packets.retain(|packet| packet.number > leg.tops[slot_of(packet)]);
    // why the number as well: a stream that was opened anew counts from 0 once more
    packets.sort_by_key(|packet| (order(packet), packet.number));
    packets
}

/// Whether the history goes back to stream number `start`.
fn reaches(layer: &Layer, start: i64) -> bool {
    let oldest = layer.history.from(layer.history.floor).next();
    oldest.is_some_and(|oldest| oldest.place.is_some() && order(oldest) <= start)
}
