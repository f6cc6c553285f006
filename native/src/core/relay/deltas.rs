//! Deltas about streams and legs, applied (RFC 0011 section 8).
//!
//! `Refused::State` is for what control can know: a stream that was never opened, a slot
//! whose producer is not there.  That a neighbour has no transport at the moment is no
//! error: the brain decides with links that may have fallen a moment ago, and such a leg is
//! silent.

use std::sync::Arc;

use super::children::{self, Opening};
use super::slots::{self, BoundSlot, SlotRef};
use super::stream::Stream;
use super::tables::Neighbour;
use super::wire::SLOTS;
use super::{egress, ingress, parents};
use crate::core::agenda::Timer;
use crate::core::ids::{
    LayerKey, NeighbourKey, NodeId, ProducerKey, StreamId, StreamKey, TransportKey,
};
use crate::core::packet::Packet;
use crate::core::relay_table::{BindStream, RelayDelta, Slot};
use crate::core::state::State;
use crate::errors::Refused;

/// Apply one delta.
pub fn program(state: &mut State, delta: RelayDelta, now: f64) -> Result<(), Refused> {
    match delta {
        RelayDelta::OpenStream { stream, origin } => open_stream(state, stream, origin, now),
        RelayDelta::CloseStream { stream } => {
            close_stream(state, &stream);
            Ok(())
        }
        RelayDelta::SetActive {
            stream,
            parent,
            alias,
            base: _,
        } => {
            let stream = opened(state, &stream)?;
            parents::set_active(state, stream, parent, alias, now)
        }
        RelayDelta::SetSecond {
            stream,
            parent,
            purpose,
            alias,
            base: _,
        } => {
            let stream = opened(state, &stream)?;
            parents::set_second(state, stream, parent, purpose, alias, now)
        }
        RelayDelta::OpenLeg {
            stream,
            child,
            alias,
            layers,
            start,
            standby,
        } => {
            let stream = opened(state, &stream)?;
            let leg = Opening {
                child,
                alias,
                layers,
                standby,
            };
            children::open_leg(state, stream, leg, start.map(|start| start as i64), now)
        }
        RelayDelta::SetLeg {
            stream,
            child,
            layers,
            pause_after,
        } => {
            let stream = opened(state, &stream)?;
            let pause_after = pause_after.map(|last| last as i64);
            children::set_leg(state, stream, &child, layers, pause_after, now);
            Ok(())
        }
        RelayDelta::CloseLeg { stream, child } => {
            let stream = opened(state, &stream)?;
            children::close_leg(state, stream, &child);
            Ok(())
        }
    }
}

/// The transport leads to `node`: its legs go over it from now on.
pub fn attach(state: &mut State, transport: TransportKey, node: NodeId) -> Result<(), Refused> {
    let key = neighbour(state, node)?;
    state.relays.neighbours[key].transport = Some(transport);
    state.transports[transport].neighbour = Some(key);
    Ok(())
}

/// The transport is gone; what is known of the node's legs stays.
pub fn detach(state: &mut State, transport: TransportKey) {
    let known = state.transports.get(transport);
    let Some(key) = known.and_then(|known| known.neighbour) else {
        return;
    };
    let neighbour = state.relays.neighbours.get_mut(key);
    if let Some(neighbour) = neighbour.filter(|found| found.transport == Some(transport)) {
        neighbour.transport = None;
        forget_idle(state, key);
    }
}

fn opened(state: &State, id: &StreamId) -> Result<StreamKey, Refused> {
    let missing = || Refused::State("the stream was not opened".to_owned());
    state.relays.stream(id).ok_or_else(missing)
}

fn open_stream(state: &mut State, id: StreamId, origin: bool, now: f64) -> Result<(), Refused> {
    let known = state.relays.stream(&id);
    let key = match known {
        Some(key) => key,
        None => {
            let limit = state.config.streams;
            if state.relays.stream_ids.len() >= limit {
                return Err(Refused::Limit("streams", limit));
            }
            let made = Stream::new(id.clone(), now);
            let key = state.relays.streams.insert(made);
            state.relays.stream_ids.push((id, key));
            key
        }
    };
    let stream = &mut state.relays.streams[key];
    if origin && !stream.origin {
        stream.origin = true;
        number(state, key);
    }
    state.relays.streams[key].origin = origin;
    Ok(())
}

fn close_stream(state: &mut State, id: &StreamId) {
    let Some(key) = state.relays.stream(id) else {
        return;
    };
    state.relays.stream_ids.retain(|known| known.1 != key);
    for index in 0..state.relays.streams[key].slots.len() {
        slots::detach(state, slot(key, index));
    }
    let stream = &state.relays.streams[key];
    let children: Vec<NodeId> = stream.legs.iter().map(|leg| leg.0.clone()).collect();
    let uppers = [stream.active, stream.second];
    for child in children {
        children::close_leg(state, key, &child);
    }
    for upper in uppers {
        parents::release(state, upper);
    }
    state.relays.fed.retain(|fed| *fed != key);
    state.agenda.cancel(Timer::Judge(key));
    state.relays.streams.remove(key);
}

fn slot(stream: StreamKey, index: usize) -> SlotRef {
    SlotRef {
        stream,
        index: index as u8,
    }
}

/// Slot n of the stream is the n-th from now on.
pub fn bind(state: &mut State, delta: BindStream, now: f64) -> Result<(), Refused> {
    let key = opened(state, &delta.stream)?;
    if delta.slots.len() > SLOTS {
        return Err(Refused::Limit("slots", SLOTS));
    }
    let mut layers = Vec::with_capacity(delta.slots.len());
    for slot in &delta.slots {
        layers.push(layer(state, slot)?);
    }
    for &(layer, _) in &layers {
        let bound = state.layers[layer].slot;
        if bound.is_some_and(|bound| bound.stream != key) {
            let said = format!("layer {:?} is of another stream", state.layers[layer].rid);
            return Err(Refused::State(said));
        }
    }
    let mut changed = 0;
    for (index, (told, &(layer, producer))) in delta.slots.iter().zip(&layers).enumerate() {
        let bound = &mut state.relays.streams[key].slots;
        if index >= bound.len() {
            bound.push(BoundSlot::default());
        }
        bound[index].bit = told.bit;
        if bound[index].layer != Some(layer) {
            changed |= 1 << index;
            slots::attach(state, slot(key, index), layer, producer);
        }
    }
    for index in delta.slots.len()..state.relays.streams[key].slots.len() {
        slots::detach(state, slot(key, index));
    }
    number(state, key);
    // why before legs: they begin with the key frame that may be among these
    ingress::receive_unbound(state, key, now);
    for leg in egress::legs(state, key) {
        state.relays.legs[leg].sending &= !changed;
    }
    // why first: packets that wait for the flush may still be padded
    egress::settle(state, key, now);
    for leg in egress::legs(state, key) {
        egress::retune(state, leg, now, None);
    }
    super::watch_all(state, key, now);
    Ok(())
}

fn layer(state: &State, slot: &Slot) -> Result<(LayerKey, ProducerKey), Refused> {
    let producer = state.producer_ids.get(slot.producer).copied();
    let layer = producer.and_then(|key| state.producers[key].layer(&slot.rid));
    let said = || format!("slot of unknown layer {} {:?}", slot.producer, slot.rid);
    layer.zip(producer).ok_or_else(|| Refused::State(said()))
}

/// At the origin: what was there before the stream was belongs to it, too.
fn number(state: &mut State, key: StreamKey) {
    let stream = &state.relays.streams[key];
    if !stream.origin {
        return;
    }
    let mut found: Vec<(usize, LayerKey, Arc<Packet>)> = Vec::new();
    for (index, bound) in stream.slots.iter().enumerate() {
        let Some(layer) = bound.layer else {
            continue;
        };
        let kept = state.layers[layer].history.from(0);
        let unplaced = kept.filter(|packet| packet.place.is_none());
        found.extend(unplaced.map(|packet| (index, layer, Arc::clone(packet))));
    }
    found.sort_by(|one, other| {
        let arrival = one.2.arrival.total_cmp(&other.2.arrival);
        arrival.then(one.2.number.cmp(&other.2.number))
    });
    for (index, layer, packet) in found {
        let mut placed = Packet::clone(&packet);
        slots::number(state, slot(key, index), &mut placed);
        let placed = Arc::new(placed);
        let layer = &mut state.layers[layer];
        layer.history.padded(&placed, 0);
        // what waits for the flush is the same packet
        for waiting in &mut layer.pending {
            if Arc::ptr_eq(waiting, &packet) {
                *waiting = Arc::clone(&placed);
            }
        }
    }
}

/// The neighbour that is `node`.
pub fn neighbour(state: &mut State, node: NodeId) -> Result<NeighbourKey, Refused> {
    if let Some(&key) = state.relays.nodes.get(&node) {
        return Ok(key);
    }
    let limit = state.config.transports;
    if state.relays.nodes.len() >= limit {
        return Err(Refused::Limit("transports", limit));
    }
    let made = Neighbour::new(node.clone());
    let key = state.relays.neighbours.insert(made);
    state.relays.nodes.insert(node, key);
    Ok(key)
}

/// Let go of a neighbour that nothing leads to any more.
pub fn forget_idle(state: &mut State, key: NeighbourKey) {
    let Some(neighbour) = state.relays.neighbours.get(key) else {
        return;
    };
    let led_to = state
        .relays
        .uppers
        .values()
        .any(|upper| upper.neighbour == key);
    if neighbour.transport.is_some() || !neighbour.legs.is_empty() || led_to {
        return;
    }
    if let Some(gone) = state.relays.neighbours.remove(key) {
        state.relays.nodes.remove(&gone.node);
    }
    state.agenda.cancel(Timer::Beat(key));
}
