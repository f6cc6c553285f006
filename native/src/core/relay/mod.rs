//! Legs between nodes: a stream passed on with the numbers of its origin (RFC 0003 section
//! 13).
//!
//! These functions are the door: deltas, packets and RTCP of neighbours, timers and the
//! flush go in here, everything that comes out goes into the outboxes of `State`.  `wire` is
//! what stands in packets, `tables` and `stream` the tables, `slots` the bond between a
//! stream and the layers of the node, `deltas`, `parents` and `children` apply deltas, `ingress` and `egress` move
//! packets, `backfill` chooses from history, `beats` sends signs of life, `switch` judges
//! silence, `control` hears RTCP of links, `arrivals` and
//! `quality` are what children report and what parents make of it.

pub mod arrivals;
pub mod backfill;
pub mod beats;
pub mod children;
pub mod control;
pub mod deltas;
pub mod egress;
pub mod ingress;
pub mod parents;
pub mod quality;
pub mod slots;
pub mod stream;
pub mod switch;
pub mod tables;
pub mod wire;

use std::mem;
use std::sync::Arc;

pub use deltas::{attach, bind, detach, program};
pub use slots::{detach as unbind, number, upstream, SlotRef};
pub use tables::Relays;

use super::agenda::Timer;
use super::events::Event;
use super::ids::{LayerKey, NodeId, StreamId, StreamKey, TransportKey};
use super::packet::Packet;
use super::relay_table::PlaneNotice;
use super::state::State;

/// A decrypted RTP packet of a link; the layer that took it.
pub fn receive(
    state: &mut State,
    transport: TransportKey,
    packet: &[u8],
    now: f64,
) -> Option<LayerKey> {
    let Some(neighbour) = state.transports[transport].neighbour else {
        state.drops.count("wrong-leg");
        return None;
    };
    ingress::receive(state, neighbour, packet, now)
}

/// A decrypted RTCP datagram of a link.
pub fn hear(state: &mut State, transport: TransportKey, compound: &[u8], now: f64) {
    if let Some(neighbour) = state.transports[transport].neighbour {
        control::receive(state, neighbour, compound, now);
    }
}

/// The publisher's first sender report about a layer came.
pub fn clock_found(state: &mut State, slot: SlotRef) {
    beats::clock_found(state, slot.stream);
}

/// These packets of a slot are to be passed on with the next flush.
pub fn pass_on(state: &mut State, slot: SlotRef, packets: &[Arc<Packet>]) {
    let relays = &mut state.relays;
    let Some(stream) = relays.streams.get_mut(slot.stream) else {
        return;
    };
    let placed = packets.iter().filter(|packet| packet.place.is_some());
    stream.outgoing.extend(placed.cloned());
    if !relays.fed.contains(&slot.stream) {
        relays.fed.push(slot.stream);
    }
}

/// When the slot's stream began to be asked of its present parent, and when it last brought
/// something new.
pub fn times(state: &State, slot: SlotRef) -> Option<(f64, f64)> {
    let stream = state.relays.streams.get(slot.stream)?;
    Some((stream.began, stream.fresh))
}

/// Pass on what streams accepted since the last time.
pub fn flush(state: &mut State, now: f64) {
    let mut fed = mem::take(&mut state.relays.fed);
    for &key in &fed {
        egress::flush(state, key, now);
        beats::follow(state, key, now);
        let stream = &mut state.relays.streams[key];
        if stream.origin && stream.silent {
            // the publisher sends (again)
            stream.silent = false;
            let notice = PlaneNotice::Flowing {
                stream: stream.id.clone(),
                parent: NodeId(Arc::new([])),
                sequence: stream.newest,
            };
            state.events.push(Event::Notice(notice));
            judge(state, key, now);
        }
    }
    fed.clear();
    state.relays.fed = fed;
}

/// A deadline of `Judge`, `Beat` or `Leg` has come.
pub fn fire(state: &mut State, timer: Timer, now: f64) {
    match timer {
        Timer::Judge(key) => switch::judge(state, key, now),
        Timer::Beat(key) => beats::tick(state, key, now),
        Timer::Leg(key) => egress::drain(state, key, now),
        _ => {}
    }
}

/// (first number of the key-frame cache, newest number); None without any.
pub fn history(state: &State, stream: &StreamId) -> Option<(i64, i64)> {
    let key = state.relays.stream(stream)?;
    let newest = state.relays.streams[key].newest;
    (newest >= 0).then(|| (backfill::cache_start(state, key), newest))
}

/// Let the stream's silence be judged anew.
fn judge(state: &mut State, key: StreamKey, now: f64) {
    state.agenda.no_later(Timer::Judge(key), now);
}

/// There is somebody (else) to ask for the stream's packets.
fn watch_all(state: &mut State, key: StreamKey, now: f64) {
    let slots = state.relays.streams[key].slots.iter();
    for layer in slots
        .filter_map(|slot| slot.layer)
        .collect::<Vec<LayerKey>>()
    {
        if let Some(nacks) = &mut state.layers[layer].nacks {
            nacks.renew(now);
        }
        state.watch(layer, now);
    }
}
