//! How loud audio is, read out of the packets that are kept (RFC 6464).
//!
//! Nobody counts levels as packets pass: whoever wants to know who speaks asks a few times
//! a second, and the history has the last packets with their header extensions.  A level is
//! the loudness in -dBov: 0 is the loudest, 127 is silence.

use rustc_hash::FxHashMap;

use super::ids::ProducerId;
use super::layer::Layer;
use super::producer::Producer;
use super::state::State;
use crate::wire::extension_values::decode_audio_level;
use crate::wire::extensions;
use crate::wire::parameters::MediaKind;

/// Packets that are looked at, of one producer at one time.
const LOOK_BACK: i64 = 64;

/// A producer, the number of its newest packet, and the levels since last time.
pub type Levels = Vec<(ProducerId, i64, Vec<u8>)>;

/// The levels of all audio packets after the number in `since`, the oldest first.
pub fn audio_levels(state: &State, since: &FxHashMap<ProducerId, i64>) -> Levels {
    let mut found = Vec::new();
    for key in state.producer_ids.values() {
        let producer = &state.producers[*key];
        let only = producer.layer_keys().last();
        if let Some(layer) = only.filter(|_| producer.kind == MediaKind::Audio) {
            let layer = &state.layers[layer];
            let levels = levels(producer, layer, since.get(&producer.id).copied());
            found.push((producer.id, layer.history.head, levels));
        }
    }
    found
}

fn levels(producer: &Producer, layer: &Layer, since: Option<i64>) -> Vec<u8> {
    let earliest = layer.history.head - LOOK_BACK;
    let first = since.map_or(earliest, |since| since.max(earliest)) + 1;
    let carried = layer
        .history
        .from(first)
        .flat_map(|packet| packet.carried.iter());
    let told = carried.filter(|(id, _)| tells(producer, *id));
    let read = told.filter_map(|(_, value)| decode_audio_level(value).ok());
    read.map(|level| level.level).collect()
}

/// Whether elements of that id are levels.
fn tells(producer: &Producer, id: u8) -> bool {
    let mut known = producer.extensions.iter();
    known.any(|extension| extension.id == u16::from(id) && extension.uri == extensions::AUDIO_LEVEL)
}
