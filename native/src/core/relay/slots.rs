//! Slots: which layer of which producer is number n of a stream (RFC 0003 section 13.1).
//!
//! At the origin the layers are the publisher's, and each packet that a layer accepts gets
//! the stream's next number here.  Elsewhere the layers belong to producers of a MESH
//! transport, and packets bring their numbers along.
//!
//! Numbers of a slot never come again, whatever layer is bound to it: under one alias they
//! are the nonces of its packets.  A layer that takes a slot over goes on behind the last
//! one's numbers, in a new epoch.

use std::sync::Arc;

use super::tables::ready;
use super::wire::{self, MeshHeader};
use crate::core::format::{Incoming, PayloadFormat};
use crate::core::ids::{LayerKey, ProducerKey, StreamKey, TransportKey};
use crate::core::ingress::awaited;
use crate::core::nacks::NackGenerator;
use crate::core::packet::{Carried, Packet, Place};
use crate::core::sequence::newer;
use crate::core::state::State;
use crate::wire::parameters::MediaKind;
use crate::wire::rtp::{self, RtpView};

/// A leg that was not asked for a layer for a while goes on far ahead: then the layer begins
/// anew instead of waiting for what was never sent.
const JUMP: i64 = 3000;
/// A layer without packets for so long was not wanted, or has stopped.
const PAUSE_S: f64 = 0.5;
/// Beyond this a gap is older than what parents keep.
const HISTORY_S: f64 = 1.0;

/// Slot `index` of a stream: a layer's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRef {
    pub stream: StreamKey,
    pub index: u8,
}

/// `bit` is its layer in a `LayerMask`, None for what is always carried.
///
/// `epoch` is the one on the wire, None before the first packet; `head` the highest number
/// of the layers that were bound before.
#[derive(Debug)]
pub struct BoundSlot {
    pub bit: Option<u8>,
    pub layer: Option<LayerKey>,
    pub epoch: Option<u8>,
    head: i64,
    form: Option<PayloadFormat>,
    /// (the producer's id of an extension, the mesh's)
    ids: Vec<(u8, u8)>,
    shift: i64,
    codec: Option<Arc<str>>,
    video: bool,
}

impl Default for BoundSlot {
    fn default() -> Self {
        Self {
            bit: None,
            layer: None,
            epoch: None,
            head: -1,
            form: None,
            ids: Vec::new(),
            shift: 0,
            codec: None,
            video: false,
        }
    }
}

impl BoundSlot {
    /// Append the header extension of a packet on every leg: the same for all children.
    pub fn push_block(&self, out: &mut Vec<u8>, packet: &Packet, place: &Place) {
        let mut flags = if packet.marker { wire::END_OF_FRAME } else { 0 };
        if packet.facts.keyframe && self.video && self.layer.is_some() {
            flags |= wire::KEY_FRAME;
        }
        let mut told: Vec<(u8, &[u8])> = Vec::new();
        for (id, value) in packet.carried.iter() {
            let ours = self.ids.iter().rfind(|ids| ids.0 == id);
            told.extend(ours.map(|ids| (ids.1, value)));
        }
        // why sorted: the octets must not depend on the order that a publisher chose
        told.sort_by(|one, other| other.cmp(one));
        wire::push_block(out, place, packet.number, flags, &told);
    }
}

fn bound(state: &mut State, slot: SlotRef) -> Option<&mut BoundSlot> {
    let stream = state.relays.streams.get_mut(slot.stream)?;
    stream.slots.get_mut(usize::from(slot.index))
}

/// Let `layer` be this slot from now on.
pub fn attach(state: &mut State, slot: SlotRef, key: LayerKey, producer: ProducerKey) {
    detach(state, slot);
    let State {
        relays,
        layers,
        producers,
        config,
        ..
    } = state;
    let stream = &mut relays.streams[slot.stream];
    let origin = stream.origin;
    let bound = &mut stream.slots[usize::from(slot.index)];
    let (layer, producer) = (&mut layers[key], &producers[producer]);
    bound.layer = Some(key);
    layer.slot = Some(slot);
    bound.form = producer.form(producer.codecs[0].payload_type).cloned();
    bound.codec = None;
    bound.video = layer.kind == MediaKind::Video;
    bound.ids.clear();
    for (ours, uri) in wire::MESH_EXTENSIONS {
        let known = producer.extensions.iter().rfind(|known| known.uri == uri);
        let id = known.and_then(|known| u8::try_from(known.id).ok());
        bound.ids.extend(id.map(|id| (id, ours)));
    }
    if bound.head >= 0 {
        if layer.newest.is_some() {
            layer.restart();
        }
        layer.history.seat(bound.head);
    }
    if origin {
        let before = bound.epoch.map_or(-1, i64::from);
        bound.shift = before + 1 - layer.epoch as i64;
        return;
    }
    // legs always repair and take requests (section 13.4)
    if layer.nacks.is_none() {
        layer.nacks = Some(NackGenerator::new(config));
    }
    layer.takes_pli = true;
    layer.keys.supported = layer.kind == MediaKind::Video;
}

/// The layer is gone; its numbers stay used.
pub fn detach(state: &mut State, slot: SlotRef) {
    let Some(key) = bound(state, slot).and_then(|bound| bound.layer.take()) else {
        return;
    };
    let Some(layer) = state.layers.get_mut(key) else {
        return;
    };
    layer.slot = None;
    let head = layer.history.head;
    if let Some(bound) = bound(state, slot) {
        bound.head = bound.head.max(head);
    }
}

/// At the origin: give an accepted packet its place in the stream.
pub fn number(state: &mut State, slot: SlotRef, packet: &mut Packet) {
    let Some(stream) = state.relays.streams.get_mut(slot.stream) else {
        return;
    };
    let Some(bound) = stream.slots.get_mut(usize::from(slot.index)) else {
        return;
    };
    let layer = bound.layer.and_then(|key| state.layers.get(key));
    let Some(layer) = layer.filter(|_| stream.origin) else {
        return;
    };
    if bound.codec.is_none() && !packet.payload.is_empty() {
        bound.codec = Some(Arc::clone(&packet.codec));
    }
    if bound.codec.as_ref() != Some(&packet.codec) {
        stream.counters.count("other-codec");
        return; // the slot means one codec to those below (section 13.2)
    }
    let epoch = (layer.epoch as i64 + bound.shift) as u8;
    let order = stream.newest + 1;
    packet.place = Some(Place {
        slot: slot.index,
        order,
        hops: wire::HOPS_MAX,
        epoch,
    });
    bound.epoch = Some(epoch);
    stream.came(order, packet.arrival);
}

/// A packet of a leg, or the reason why it was not taken.
pub fn take(
    state: &mut State,
    slot: SlotRef,
    packet: &[u8],
    view: &RtpView,
    mesh: &MeshHeader,
    carried: Carried,
    now: f64,
) -> Result<LayerKey, &'static str> {
    let found = bound(state, slot).ok_or("unbound-slot")?;
    let (key, form) = (found.layer, found.form.clone());
    let (key, form) = key.zip(form).ok_or("unbound-slot")?;
    let number = mesh.roll_over << 16 | i64::from(view.sequence);
    admit(state, slot, key, number, mesh.epoch, now)?;
    resume(state, slot, key, mesh.order, now);
    let frame = carried.iter().find(|told| told.0 == wire::DESCRIPTOR_ID);
    let frame = frame.map(|told| told.1.to_vec());
    let incoming = Incoming {
        timestamp: view.timestamp,
        marker: view.marker,
        payload: rtp::payload(packet, view),
        frame: frame.as_deref(),
        now,
    };
    let mut made = state.layers[key].make(number, &form, &incoming, carried);
    made.place = Some(Place {
        slot: slot.index,
        order: mesh.order,
        hops: mesh.hops,
        epoch: mesh.epoch,
    });
    self::number(state, slot, &mut made);
    let awaited = awaited(state, key);
    state.layers[key].keep(made, false, awaited, &state.config);
    Ok(key)
}

/// Tell a layer that begins (again) with the parent's cache from a live one.
fn resume(state: &mut State, slot: SlotRef, key: LayerKey, order: i64, now: f64) {
    let stream = &state.relays.streams[slot.stream];
    if stream.slots[usize::from(slot.index)].bit.is_none() {
        return;
    }
    let layer = &mut state.layers[key];
    if now - layer.last_arrival > PAUSE_S {
        layer.replaying = true;
        layer.keys.ask_anew(); // a parent hears nothing about layers not wanted
    }
    if order > stream.newest {
        layer.replaying = false;
    }
}

/// Whether a number may be taken, and what that does to the layer.
fn admit(
    state: &mut State,
    slot: SlotRef,
    key: LayerKey,
    number: i64,
    epoch: u8,
    now: f64,
) -> Result<(), &'static str> {
    let stream = &mut state.relays.streams[slot.stream];
    let bound = &mut stream.slots[usize::from(slot.index)];
    let layer = &mut state.layers[key];
    let known = *bound.epoch.get_or_insert(epoch);
    if epoch != known {
        if !newer(u32::from(epoch), u32::from(known), 8) {
            return Err("old-epoch");
        }
        if number <= layer.history.head {
            return Err("stale"); // a new epoch with old numbers: nonces would come again
        }
        bound.epoch = Some(epoch);
        if layer.newest.is_some() {
            layer.restart();
        }
    }
    if number < layer.history.floor {
        return Err("stale");
    }
    if layer.history.contains(number) {
        return Err("duplicate");
    }
    // a layer that was not wanted for a while lacks what nobody will ever send
    let paused = bound.bit.is_some() && now - layer.last_arrival > HISTORY_S;
    let tolerated = if paused && layer.newest.is_some() {
        1
    } else {
        JUMP
    };
    if number - layer.history.head > tolerated {
        if layer.newest.is_some() {
            layer.restart();
        }
        layer.history.skip(number);
    }
    Ok(())
}

/// The transport of the active leg, and the slot's SSRC there.
pub fn upstream(state: &State, slot: SlotRef) -> Option<(TransportKey, u32)> {
    let active = state.relays.streams.get(slot.stream)?.active?;
    let upper = state.relays.uppers.get(active)?;
    let transport = ready(state, upper.neighbour)?;
    Some((transport, upper.alias.wrapping_add(u32::from(slot.index))))
}
