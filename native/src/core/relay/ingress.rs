//! Packets of legs that come in: the checks of RFC 0011 section 8.
//!
//! The SSRC says which leg and slot a packet is of.  Only the active leg and one that joins
//! or doubles it may bring packets; one that has no hops left went in a circle.  What was
//! here before is dropped before the history, so of two legs each packet counts once, and
//! what the second leg brought first is what a move waits for.

use super::slots::{self, SlotRef};
use super::stream::UNBOUND_S;
use super::tables::{ready, UpperKey};
use super::wire;
use crate::core::events::{Event, ForwardingEvent};
use crate::core::ids::{LayerKey, NeighbourKey, NodeId, StreamKey};
use crate::core::outputs::OutRtcp;
use crate::core::relay_table::{PlaneNotice, Second};
use crate::core::state::State;
use crate::wire::rtp::{self, RtpView};

/// The layer that took the packet, None if it was dropped.
pub fn receive(state: &mut State, key: NeighbourKey, packet: &[u8], now: f64) -> Option<LayerKey> {
    let keep_alive_s = state.config.keep_alive_s;
    state
        .relays
        .neighbours
        .get_mut(key)?
        .hear(keep_alive_s, now);
    read(state, key, packet, now)
}

fn read(state: &mut State, key: NeighbourKey, packet: &[u8], now: f64) -> Option<LayerKey> {
    let parsed = rtp::parse(packet).and_then(|view| {
        let (mesh, carried) = wire::elements(packet, &view)?;
        Ok((view, mesh, carried))
    });
    let (view, mesh, carried) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            state.drops.count(error.reason);
            return None;
        }
    };
    let neighbour = state.relays.neighbours.get_mut(key)?;
    let found = neighbour.uppers.get(&view.ssrc).copied();
    let Some((upper_key, index)) = found else {
        state.drops.count("wrong-leg");
        neighbour.keep_early(view.ssrc, packet, now);
        return None;
    };
    let upper = state.relays.uppers.get_mut(upper_key)?;
    if upper.purpose == Some(Second::Standby) {
        state.drops.count("wrong-leg");
        return None;
    }
    let stream_key = upper.stream;
    let stream = state.relays.streams.get_mut(stream_key)?;
    stream.counters.count("received");
    if upper.purpose.is_none() {
        stream.waiting = false;
    }
    note(state, key, &view, now);
    let upper = state.relays.uppers.get_mut(upper_key)?;
    let stream = state.relays.streams.get_mut(stream_key)?;
    if mesh.hops == 0 {
        stream.counters.count("hop-limit");
        if stream.counters.get("hop-limit") == 1 {
            state.emit(ForwardingEvent::LimitReached {
                limit: "hops",
                maximum: usize::from(wire::HOPS_MAX),
            });
        }
        return None;
    }
    if usize::from(index) >= stream.slots.len() {
        stream.counters.count("unbound-slot");
        if stream.slots.is_empty() {
            hold(state, upper_key, packet, mesh.order, now);
        }
        return None;
    }
    upper.packets += 1;
    let slot = SlotRef {
        stream: stream_key,
        index,
    };
    match slots::take(state, slot, packet, &view, &mesh, carried, now) {
        Ok(layer) => {
            taken(state, upper_key, layer, mesh.order, view.ssrc, now);
            Some(layer)
        }
        Err(reason) => {
            state.relays.streams[stream_key].counters.count(reason);
            if matches!(reason, "duplicate" | "stale") {
                nothing_new(state, upper_key, mesh.order, now);
            }
            None
        }
    }
}

/// Remember when it came, and tell the parent now and then.
fn note(state: &mut State, key: NeighbourKey, view: &RtpView, now: f64) {
    let transport = ready(state, key);
    let Some(neighbour) = state.relays.neighbours.get_mut(key) else {
        return;
    };
    let arrivals = &mut neighbour.arrivals;
    arrivals.note(view.ssrc, view.sequence, now);
    if !arrivals.due(state.config.leg_feedback_s, now) {
        return;
    }
    let transport = transport.and_then(|key| state.transports.get(key));
    if let Some(transport) = transport {
        let report = arrivals.report(transport.ssrc, now).encode();
        state.rtcp.push(OutRtcp {
            transport: transport.id,
            packet: report.expect("a source that came has 1 to 512 packets"),
        });
    }
}

/// A leg became known: what had overtaken the word of it counts after all.
pub fn receive_early(state: &mut State, key: NeighbourKey, now: f64) {
    let neighbour = state.relays.neighbours.get_mut(key);
    let early = neighbour.map(|neighbour| neighbour.take_early(now));
    for packet in early.unwrap_or_default() {
        state.drops.count("early-leg");
        let layer = receive(state, key, &packet, now);
        soil(state, layer);
    }
}

/// The slots became known: what waited for that counts after all.
pub fn receive_unbound(state: &mut State, key: StreamKey, now: f64) {
    let stream = &mut state.relays.streams[key];
    let uppers = [stream.active, stream.second];
    for held in stream.take_unbound() {
        if now - held.at > UNBOUND_S || !uppers.contains(&Some(held.upper)) {
            continue;
        }
        let upper = state.relays.uppers.get(held.upper);
        if let Some(neighbour) = upper.map(|upper| upper.neighbour) {
            let layer = read(state, neighbour, &held.packet, now);
            soil(state, layer);
        }
    }
}

/// The layer has something for the next flush.
fn soil(state: &mut State, layer: Option<LayerKey>) {
    if let Some(layer) = layer.filter(|layer| !state.dirty.contains(layer)) {
        state.dirty.push(layer);
    }
}

/// Nobody said yet what the stream is made of; that it flows is plain.
fn hold(state: &mut State, key: UpperKey, packet: &[u8], order: i64, now: f64) {
    let stream_key = state.relays.uppers[key].stream;
    let stream = &mut state.relays.streams[stream_key];
    stream.keep_unbound(key, packet, now);
    stream.fresh = now;
    if stream.silent {
        flows(state, key, order, now);
    }
}

fn taken(state: &mut State, key: UpperKey, layer: LayerKey, order: i64, ssrc: u32, now: f64) {
    let found = &mut state.layers[layer];
    if found.ssrc.is_none() {
        found.ssrc = Some(ssrc);
        let newest = found
            .newest
            .and_then(|newest| found.history.get(newest.number));
        let codec = newest.map_or(String::new(), |packet| packet.codec.to_string());
        let (producer, rid) = (found.producer, found.rid.clone());
        state.emit(ForwardingEvent::LayerFound {
            producer,
            rid,
            ssrc,
            codec,
        });
    }
    let upper = &mut state.relays.uppers[key];
    let stream = &mut state.relays.streams[upper.stream];
    if !stream.came(order, now) {
        return;
    }
    let silent = stream.silent;
    if upper.purpose == Some(Second::Joining) && !upper.proven {
        upper.proven = true;
        let notice = PlaneNotice::FirstNew {
            stream: stream.id.clone(),
            parent: node(state, key),
            sequence: order as u64,
        };
        state.events.push(Event::Notice(notice));
    }
    if silent {
        flows(state, key, order, now);
    }
}

/// The neighbour that a leg comes from.
pub fn node(state: &State, key: UpperKey) -> NodeId {
    let upper = &state.relays.uppers[key];
    state.relays.neighbours[upper.neighbour].node.clone()
}

fn flows(state: &mut State, key: UpperKey, order: i64, now: f64) {
    let stream_key = state.relays.uppers[key].stream;
    let stream = &mut state.relays.streams[stream_key];
    stream.silent = false;
    let notice = PlaneNotice::Flowing {
        stream: stream.id.clone(),
        parent: node(state, key),
        sequence: order,
    };
    state.events.push(Event::Notice(notice));
    super::judge(state, stream_key, now);
}

/// A joining leg that only echoes: its packets were all here before.
fn nothing_new(state: &mut State, key: UpperKey, order: i64, now: f64) {
    let config = &state.config;
    let upper = &mut state.relays.uppers[key];
    let joining = upper.purpose == Some(Second::Joining);
    if !joining || upper.told_nothing_new || upper.proven {
        return;
    }
    if now - upper.since < config.joining_s || upper.packets < config.joining_packets {
        return;
    }
    upper.told_nothing_new = true;
    let stream = &state.relays.streams[upper.stream];
    let notice = PlaneNotice::NothingNew {
        stream: stream.id.clone(),
        parent: node(state, key),
        newest: stream.newest,
        lead: (stream.newest - order).max(0),
    };
    state.events.push(Event::Notice(notice));
}
