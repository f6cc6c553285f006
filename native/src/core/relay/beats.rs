//! Signs of life and clocks for children (RFC 0003 section 13.5).
//!
//! A standby child gets the stream's newest number when packets come, and at least every
//! 50 ms; any child gets a keep-alive when nothing else went to it for 30 ms.  One timer per
//! neighbour does both for all its legs, and also re-issues the publisher's sender reports
//! under each leg's SSRCs: sound and picture are put together at the last hop, from the same
//! times as at the first.

use super::tables::{ready, rtt_s, LONG_AGO};
use super::wire::{self, Entry, Message};
use crate::core::agenda::Timer;
use crate::core::clock::ntp_bits;
use crate::core::ids::{LayerKey, LegKey, NeighbourKey, StreamKey};
use crate::core::outputs::OutRtcp;
use crate::core::state::State;
use crate::wire::rtcp::{self, ReceiverReport, RtcpPacket, SenderReport};

const GRID_HZ: f64 = 100.0;
/// The least time that an Activate is given.
const AGAIN_S: f64 = 0.025;
/// A leg that began before anything could be told is looked at again.
const CLOCK_SOON_S: f64 = 0.1;
/// Sender reports in one datagram: 900 octets.
const REPORTS_MAX: usize = 32;

/// A leg to the neighbour began.
pub fn start(state: &mut State, key: NeighbourKey, now: f64) {
    state.agenda.no_later(Timer::Beat(key), now);
}

/// What is due to the neighbour.
pub fn tick(state: &mut State, key: NeighbourKey, now: f64) {
    let legs = legs(state, key);
    if legs.is_empty() {
        return;
    }
    if ready(state, key).is_some() {
        due(state, key, &legs, now);
    }
    let when = next(state, key, &legs, now);
    state.agenda.at(Timer::Beat(key), when);
}

fn legs(state: &State, key: NeighbourKey) -> Vec<LegKey> {
    let neighbour = state.relays.neighbours.get(key);
    let legs = neighbour.map_or(&[][..], |neighbour| &neighbour.legs);
    legs.iter().map(|leg| leg.1).collect()
}

fn due(state: &mut State, key: NeighbourKey, legs: &[LegKey], now: f64) {
    let late = now + 1.0 / GRID_HZ;
    let table = &state.relays.legs;
    let (standby, active): (Vec<LegKey>, Vec<LegKey>) =
        legs.iter().copied().partition(|&leg| table[leg].standby);
    let heartbeat_s = state.config.heartbeat_s;
    if standby
        .iter()
        .any(|&leg| table[leg].beat_at + heartbeat_s < late)
    {
        beat(state, key, &standby, now);
    }
    for &leg in &active {
        if now - state.relays.legs[leg].reported_at >= state.config.report_s {
            report(state, leg, now);
        }
    }
    let sent = state.relays.neighbours[key].sent;
    if !active.is_empty() && sent + state.config.keep_alive_s < late {
        post(state, key, &Message::KeepAlive, now);
    }
}

/// On a grid, so that a node with many children wakes up a hundred times a second at most;
/// rounded down, for the intervals are promises.
fn next(state: &State, key: NeighbourKey, legs: &[LegKey], now: f64) -> f64 {
    let (config, soonest) = (&state.config, now + 1.0 / GRID_HZ);
    let sent = state.relays.neighbours[key].sent;
    let due = legs.iter().map(|&leg| {
        let leg = &state.relays.legs[leg];
        if leg.standby {
            leg.beat_at + config.heartbeat_s
        } else {
            sent + config.keep_alive_s
        }
    });
    let due = due.reduce(f64::min).unwrap_or(soonest);
    let when = (due.max(soonest) * GRID_HZ).floor() / GRID_HZ;
    if when > now {
        when
    } else {
        soonest
    }
}

/// The stream's newest number moved: standby children hear of it.
pub fn follow(state: &mut State, key: StreamKey, now: f64) {
    let gap_s = state.config.heartbeat_gap_s;
    for leg in super::egress::legs(state, key) {
        let found = &state.relays.legs[leg];
        if found.standby && now - found.beat_at >= gap_s {
            beat(state, found.neighbour, &[leg], now);
        }
    }
}

/// Ask the active leg to begin behind what is here.
pub fn activate(state: &mut State, key: StreamKey, now: f64) {
    let stream = &state.relays.streams[key];
    let active = stream
        .active
        .and_then(|active| state.relays.uppers.get(active));
    let Some((alias, neighbour)) = active.map(|active| (active.alias, active.neighbour)) else {
        return;
    };
    let entry = (alias, stream.newest + 1);
    let wait_s = (rtt_s(state, neighbour) * 1.25).max(AGAIN_S);
    state.relays.streams[key].activate_at = now + wait_s;
    post(state, neighbour, &Message::Activate(vec![entry]), now);
}

/// The clocks of everything that the leg carries.
pub fn report(state: &mut State, key: LegKey, now: f64) {
    let reports = reports(state, key, now);
    let waited_s = if reports.is_empty() {
        state.config.report_s - CLOCK_SOON_S
    } else {
        0.0
    };
    let leg = &mut state.relays.legs[key];
    leg.reported_at = now - waited_s;
    let neighbour = leg.neighbour;
    let Some(transport) = ready(state, neighbour) else {
        return;
    };
    let transport = &state.transports[transport];
    for some in reports.chunks(REPORTS_MAX) {
        // first a packet of ours: SRTCP counts by the SSRC that it begins with
        let mut packets = vec![RtcpPacket::ReceiverReport(ReceiverReport {
            ssrc: transport.ssrc,
            reports: Vec::new(),
        })];
        packets.extend(some.iter().cloned().map(RtcpPacket::SenderReport));
        let packet = rtcp::build(&packets).expect("32 reports fit a datagram");
        state.rtcp.push(OutRtcp {
            transport: transport.id,
            packet,
        });
        state.relays.neighbours[neighbour].sent = now;
    }
}

/// A layer got its first report: children wait for it.
pub fn clock_found(state: &mut State, key: StreamKey) {
    if !state.relays.streams.contains_key(key) {
        return;
    }
    for leg in super::egress::legs(state, key) {
        state.relays.legs[leg].reported_at = LONG_AGO;
    }
}

fn reports(state: &State, key: LegKey, now: f64) -> Vec<SenderReport> {
    let leg = &state.relays.legs[key];
    let stream = &state.relays.streams[leg.stream];
    let mut found = Vec::new();
    for (index, slot) in stream.slots.iter().enumerate() {
        let layer = slot.layer.filter(|_| leg.wanted >> index & 1 == 1);
        let mapped = layer.and_then(|layer| mapping(state, layer, stream.origin, now));
        found.extend(mapped.map(|(ntp_time, rtp_time)| SenderReport {
            ssrc: leg.alias.wrapping_add(index as u32),
            ntp_time,
            rtp_time,
            ..SenderReport::default()
        }));
    }
    found
}

/// NTP time and timestamp of this instant.  The origin moves its publisher's times to its
/// own clock, as for viewers, so that times of arrival fit in.
fn mapping(state: &State, key: LayerKey, origin: bool, now: f64) -> Option<(u64, u32)> {
    let layer = &state.layers[key];
    if let Some(ntp_s) = layer.clock.ntp_s {
        let ntp_s = ntp_s + (now - layer.clock.received);
        let timestamp = layer.clock.timestamp_at(ntp_s).unwrap_or(0);
        let publisher = state.publisher(key).filter(|_| origin);
        let shift_s = publisher.and_then(|key| state.transports[key].clock.shift_s);
        return Some((ntp_bits(ntp_s + shift_s.unwrap_or(0.0)), timestamp));
    }
    let newest = layer.newest.filter(|_| origin)?;
    let ticks = ((now - newest.arrival) * layer.clock_rate_hz()).round_ties_even();
    let ntp_s = now + state.config.ntp_offset_s;
    let timestamp = newest.timestamp.wrapping_add(ticks as i64 as u32);
    Some((ntp_bits(ntp_s), timestamp))
}

fn beat(state: &mut State, key: NeighbourKey, legs: &[LegKey], now: f64) {
    let relays = &state.relays;
    let told = legs.iter().map(|&leg| {
        let leg = &relays.legs[leg];
        (leg.alias, relays.streams[leg.stream].newest)
    });
    let known: Vec<Entry> = told.filter(|entry| entry.1 >= 0).collect();
    for some in known.chunks(wire::ENTRIES_MAX) {
        post(state, key, &Message::Heartbeat(some.to_vec()), now);
    }
    for &leg in legs {
        state.relays.legs[leg].beat_at = now;
    }
}

fn post(state: &mut State, key: NeighbourKey, message: &Message, now: f64) {
    let Some(transport) = ready(state, key) else {
        return;
    };
    let transport = &state.transports[transport];
    state.rtcp.push(OutRtcp {
        transport: transport.id,
        packet: wire::encode(message, transport.ssrc),
    });
    state.relays.neighbours[key].sent = now;
}
