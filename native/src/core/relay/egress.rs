//! Legs to children: everything that is sent to neighbours (RFC 0003 section 13.3).
//!
//! What a stream accepted since the last flush goes to each child in the order of the
//! stream, one burst per child, before any viewer is served.  Alias and slot make the SSRC
//! of a packet, and all the rest is the same for every child and for ever, so that a
//! repetition needs no memory of what was sent.
//!
//! A leg that begins, resumes or is activated first gets what it lacks out of the history.
//! That may be a whole group of pictures: it leaves in steps, and what is live waits behind
//! it, for a child must see the stream in order.

use std::mem;
use std::sync::Arc;

use super::backfill;
use super::slots::BoundSlot;
use super::tables::{order, ready, rtt_s, slot_of};
use super::wire::FIRST_PAYLOAD_TYPE;
use crate::core::agenda::Timer;
use crate::core::delivery;
use crate::core::ids::{ConsumerId, LayerKey, LegKey, StreamKey, TransportId};
use crate::core::outputs::{Again, Repeat};
use crate::core::packet::Packet;
use crate::core::sequence::nearest;
use crate::core::state::State;

/// The consumer of a leg's bursts: legs have none.
pub const NOBODY: ConsumerId = ConsumerId(u64::MAX);

type Packets = Vec<Arc<Packet>>;

/// Append the header of a packet as it leaves over a leg, always the same octets; its SSRC.
fn write(out: &mut Vec<u8>, alias: u32, slots: &[BoundSlot], packet: &Packet) -> Option<u32> {
    let place = packet.place?;
    let slot = slots.get(usize::from(place.slot))?;
    let mut first = 0x9000 | (FIRST_PAYLOAD_TYPE + u16::from(place.slot));
    if packet.padding > 0 {
        first |= 0x2000;
    }
    if packet.marker {
        first |= 0x80;
    }
    let ssrc = alias.wrapping_add(u32::from(place.slot));
    out.extend_from_slice(&first.to_be_bytes());
    out.extend_from_slice(&(packet.number as u16).to_be_bytes());
    out.extend_from_slice(&packet.timestamp.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
    slot.push_block(out, packet, &place);
    Some(ssrc)
}

/// Pass on what the stream accepted since the last time.
pub fn flush(state: &mut State, key: StreamKey, now: f64) {
    let Some(stream) = state.relays.streams.get_mut(key) else {
        return;
    };
    let mut packets = mem::take(&mut stream.outgoing);
    if packets.is_empty() {
        return;
    }
    packets.sort_by_key(|packet| order(packet));
    let slots = packets
        .iter()
        .fold(0, |mask, packet| mask | 1 << slot_of(packet));
    for leg in legs(state, key) {
        let found = &state.relays.legs[leg];
        if !found.standby && ready(state, found.neighbour).is_some() {
            pass_on(state, leg, &packets, slots, now);
        }
    }
}

/// The legs of a stream, in the order in which they began.
pub fn legs(state: &State, key: StreamKey) -> Vec<LegKey> {
    let legs = state.relays.streams[key].legs.iter();
    legs.map(|leg| leg.1).collect()
}

/// Send from `start` on, or from the key-frame cache, then what is live.
pub fn begin(state: &mut State, key: LegKey, start: Option<i64>, now: f64) {
    want(state, key);
    let packets = match start {
        None => begun(state, key, now),
        Some(start) => {
            let leg = &mut state.relays.legs[key];
            leg.sending = leg.wanted;
            backfill::since(state, key, start)
        }
    };
    send(state, key, packets, now);
}

/// Which slots the leg's layers are now.
fn want(state: &mut State, key: LegKey) {
    let leg = &mut state.relays.legs[key];
    leg.wanted = state.relays.streams[leg.stream].wanted(leg.layers);
}

/// The leg's layers, or the slots of its stream, changed; what was held back since
/// `held_from` may go now, as far as the leg is not paused again.
pub fn retune(state: &mut State, key: LegKey, now: f64, held_from: Option<i64>) {
    want(state, key);
    let leg = &mut state.relays.legs[key];
    leg.sending &= leg.wanted;
    let sending = leg.sending;
    leg.backlog
        .retain(|packet| sending >> slot_of(packet) & 1 == 1);
    if leg.standby {
        return;
    }
    let lacks = leg.wanted != sending;
    let mut found = held_from.map_or(Packets::new(), |from| backfill::since(state, key, from));
    if lacks {
        found.extend(begun(state, key, now));
    }
    found.sort_by_key(|packet| order(packet));
    send(state, key, found, now);
}

/// Send what waits for the flush: a replay must not send it a second time.
pub fn settle(state: &mut State, key: StreamKey, now: f64) {
    let slots = state.relays.streams[key].slots.iter();
    let layers: Vec<LayerKey> = slots.filter_map(|slot| slot.layer).collect();
    for layer in layers {
        delivery::settle(state, layer, now);
    }
    flush(state, key, now);
}

/// The next step of a replay.
pub fn drain(state: &mut State, key: LegKey, now: f64) {
    let step = state.config.leg_burst_packets;
    let Some(leg) = state.relays.legs.get_mut(key) else {
        return;
    };
    let some = step.min(leg.backlog.len());
    if some == 0 {
        return;
    }
    let packets: Packets = leg.backlog.drain(..some).collect();
    let more = !leg.backlog.is_empty();
    depart(state, key, &packets, now);
    if more {
        let when = now + state.config.leg_step_s;
        state.agenda.no_later(Timer::Leg(key), when);
    }
}

/// A child misses these (16 bit) numbers of slot `index`.
pub fn nacked(
    state: &mut State,
    key: LegKey,
    index: u8,
    lost: impl Iterator<Item = u16>,
    now: f64,
) {
    let leg = &state.relays.legs[key];
    let (stream, neighbour, standby) = (leg.stream, leg.neighbour, leg.standby);
    let slot = state.relays.slot(stream, index);
    let layer = slot.and_then(|slot| slot.layer);
    let transport = ready(state, neighbour);
    let (Some(layer), Some(transport)) = (layer, transport.filter(|_| !standby)) else {
        return;
    };
    settle(state, stream, now);
    let interval_s = rtt_s(state, neighbour) / 2.0;
    for sequence in lost.take(state.config.nacked_packets) {
        let history = &state.layers[layer].history;
        let number = nearest(sequence, history.head);
        let Some(packet) = history.get(number).cloned() else {
            ask(state, layer, number, now);
            state.relays.legs[key].repairs.missed += 1;
            continue;
        };
        if may_repeat(state, key, &packet, interval_s, now) {
            let transport = state.transports[transport].id;
            repeat(state, key, transport, &packet, now);
        }
    }
}

fn repeat(state: &mut State, key: LegKey, transport: TransportId, packet: &Packet, now: f64) {
    let rtt_s = rtt_s(state, state.relays.legs[key].neighbour);
    let leg = &mut state.relays.legs[key];
    let slots = &state.relays.streams[leg.stream].slots;
    let mut header = Vec::with_capacity(64);
    if let Some(ssrc) = write(&mut header, leg.alias, slots, packet) {
        leg.repairs.answered += 1;
        leg.quality.repeated(ssrc, packet.number, rtt_s, now);
        state.again.push(Again::Repeat(Repeat {
            transport,
            header,
            payload: packet.payload.clone(),
            ssrc,
            index: packet.number as u64,
        }));
    }
}

fn pass_on(state: &mut State, key: LegKey, packets: &[Arc<Packet>], slots: u32, now: f64) {
    let leg = &state.relays.legs[key];
    let (wanted, sending) = (leg.wanted, leg.sending);
    let begun = if slots & wanted & !sending != 0 {
        begun(state, key, now)
    } else {
        Packets::new()
    };
    let sent = packets
        .iter()
        .filter(|packet| sending >> slot_of(packet) & 1 == 1);
    let mut chosen: Packets = sent.cloned().collect();
    if !begun.is_empty() {
        chosen.extend(begun);
        chosen.sort_by_key(|packet| order(packet));
    }
    send(state, key, chosen, now);
}

fn send(state: &mut State, key: LegKey, mut packets: Packets, now: f64) {
    let leg = &mut state.relays.legs[key];
    if let Some(last) = leg.pause_after {
        packets.retain(|packet| order(packet) <= last);
    }
    if packets.is_empty() {
        return;
    }
    let waiting = !leg.backlog.is_empty();
    if !waiting && packets.len() <= state.config.leg_burst_packets {
        depart(state, key, &packets, now);
        return;
    }
    leg.backlog.extend(packets);
    if leg.backlog.len() > state.config.leg_backlog_packets {
        // a child that needs more than this needs a key frame instead
        leg.overflows += 1;
        leg.backlog.clear();
    } else if !waiting {
        drain(state, key, now);
    }
}

fn depart(state: &mut State, key: LegKey, packets: &[Arc<Packet>], now: f64) {
    let Some(transport) = ready(state, state.relays.legs[key].neighbour) else {
        return;
    };
    let transport = state.transports[transport].id;
    let (relays, out) = (&mut state.relays, &mut state.out.legs);
    let reported = state.config.leg_feedback_s != 0.0;
    let leg = &mut relays.legs[key];
    let slots = &relays.streams[leg.stream].slots;
    for packet in packets {
        let Some(ssrc) = write(out.header(), leg.alias, slots, packet) else {
            continue;
        };
        out.push(packet.payload.clone(), ssrc, packet.number);
        leg.packets += 1;
        leg.octets += packet.size() as u64;
        leg.reached = leg.reached.max(order(packet));
        let top = &mut leg.tops[slot_of(packet)];
        *top = packet.number.max(*top);
        if reported {
            leg.quality.sent(ssrc, packet.number, now);
        }
    }
    out.close(transport, NOBODY, false);
    if let Some(neighbour) = relays.neighbours.get_mut(leg.neighbour) {
        neighbour.sent = now;
    }
}

/// What begins now out of the cache; for the rest key frames are asked for.
fn begun(state: &mut State, key: LegKey, now: f64) -> Packets {
    let (found, lacking) = backfill::cached(state, key);
    for layer in lacking {
        state.want_key(layer, now);
    }
    found
}

fn ask(state: &mut State, key: LayerKey, number: i64, now: f64) {
    if let Some(nacks) = &mut state.layers[key].nacks {
        nacks.want(number, now);
        state.watch(key, now);
    }
}

fn may_repeat(state: &mut State, key: LegKey, packet: &Packet, interval_s: f64, now: f64) -> bool {
    let config = &state.config;
    let leg = &mut state.relays.legs[key];
    let held = leg.pause_after.is_some_and(|last| order(packet) > last);
    let sent = packet.number <= leg.tops[slot_of(packet)];
    if packet.place.is_none() || held || !sent {
        return false;
    }
    let allowed = config.rtx_share * leg.octets as f64 + config.rtx_burst_bytes as f64;
    let name = packet.number << 4 | slot_of(packet) as i64;
    let (repairs, size) = (&mut leg.repairs, packet.size() as u64);
    let spent = (repairs.sent_bytes + size) as f64 > allowed;
    if spent || repairs.recently(name, interval_s, now) {
        repairs.refused += 1;
        return false;
    }
    repairs.sent_bytes += size;
    true
}
