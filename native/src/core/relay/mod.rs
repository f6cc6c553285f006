//! The seam to relay legs: what `core` asks of them, and when.
//!
//! Legs carry streams between nodes (RFC 0003 section 13).  They are not ported yet: a
//! RELAY transport is refused, a delta about legs too, and nothing below finds a stream.
//! The reference is `meshproto.forwarding.relay`; each function names what it will be.

use std::sync::Arc;

use super::agenda::Timer;
use super::ids::{LayerKey, NodeId, StreamId, StreamKey, TransportKey};
use super::packet::Packet;
use super::relay_table::{BindStream, RelayDelta};
use super::state::State;
use crate::errors::Refused;

/// Slot `index` of a stream: a layer's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRef {
    pub stream: StreamKey,
    pub index: u8,
}

/// The tables of streams, neighbours and legs.
#[derive(Debug, Default)]
pub struct Relays {}

fn not_ported() -> Refused {
    Refused::State("relay legs are not part of the native plane yet".to_owned())
}

/// `Relaying.program`.
pub fn program(_state: &mut State, _delta: RelayDelta, _now: f64) -> Result<(), Refused> {
    Err(not_ported())
}

/// `LegTable` for `BindStream`.
pub fn bind(_state: &mut State, _delta: BindStream, _now: f64) -> Result<(), Refused> {
    Err(not_ported())
}

/// `Relaying.attach`: a link to `node` is there.
pub fn attach(_state: &mut State, _transport: TransportKey, _node: NodeId) -> Result<(), Refused> {
    Err(not_ported())
}

/// `Relaying.detach`: a link is gone; called before its transport is.
pub fn detach(_state: &mut State, _transport: TransportKey) {}

/// `Relaying.receive`: a decrypted RTP packet of a link; the layer that took it.
pub fn receive(
    _state: &mut State,
    _transport: TransportKey,
    _packet: &[u8],
    _now: f64,
) -> Option<LayerKey> {
    None
}

/// `Relaying.hear`: a decrypted RTCP datagram of a link.
pub fn hear(_state: &mut State, _transport: TransportKey, _compound: &[u8], _now: f64) {}

/// `Relaying.clock_found`: the publisher's first sender report about a layer came.
pub fn clock_found(_state: &mut State, _slot: SlotRef) {}

/// `BoundSlot.number`: at the origin, give an accepted packet its place in the stream.
pub fn number(_state: &mut State, _slot: SlotRef, _packet: &mut Packet) {}

/// Part of `Delivery.flush`: these packets of a slot are to be passed on (`Stream.outgoing`
/// and `State.fed`).
pub fn pass_on(_state: &mut State, _slot: SlotRef, _packets: &[Arc<Packet>]) {}

/// `BoundSlot.upstream`: the transport of the active leg, and the slot's SSRC there.
pub fn upstream(_state: &State, _slot: SlotRef) -> Option<(TransportKey, u32)> {
    None
}

/// `BoundSlot.detach`: the slot's layer goes.
pub fn unbind(_state: &mut State, _slot: SlotRef) {}

/// When the slot's stream began to be asked of its present parent, and when it last brought
/// something new (`Stream.began`, `Stream.fresh`).
pub fn times(_state: &State, _slot: SlotRef) -> Option<(f64, f64)> {
    None
}

/// `Relaying.flush`: pass on what streams accepted since the last time.
pub fn flush(_state: &mut State, _now: f64) {}

/// `Relaying.fire`: a deadline of `Judge`, `Beat` or `Leg` has come.
pub fn fire(_state: &mut State, _timer: Timer, _now: f64) {}

/// `Relaying.history`: (first number of the key-frame cache, newest number).
pub fn history(_state: &State, _stream: &StreamId) -> Option<(i64, i64)> {
    None
}
