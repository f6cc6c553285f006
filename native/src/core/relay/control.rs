//! RTCP of neighbours: requests of children, clocks and heartbeats of parents.
//!
//! A neighbour may be anybody: what it says counts only for legs that run over its own link.
//! Requests for key frames are one per layer, whoever asks (RFC 0003 section 6.4); those of
//! layers that the leg does not carry are not heard.

use super::tables::{rtt_s, UpperKey};
use super::wire::{self, Message};
use super::{beats, children, egress};
use crate::core::clock::ntp_seconds;
use crate::core::hearing::lost;
use crate::core::ids::{LayerKey, LegKey, NeighbourKey};
use crate::core::state::State;
use crate::wire::ccfb::{self, CongestionFeedback};
use crate::wire::rtcp::{self, RtcpPacket, SenderReport};

const ABSORB_MIN_S: f64 = 0.1;

/// One decrypted RTCP datagram; what cannot be read is counted.
pub fn receive(state: &mut State, key: NeighbourKey, compound: &[u8], now: f64) {
    let keep_alive_s = state.config.keep_alive_s;
    if let Some(neighbour) = state.relays.neighbours.get_mut(key) {
        neighbour.hear(keep_alive_s, now);
    }
    let parsed = rtcp::parse(compound).and_then(|packets| {
        let messages = wire::messages(compound)?;
        Ok((packets, messages, ccfb::find(compound)?))
    });
    let (packets, messages, feedback) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            state.drops.count(error.reason);
            return;
        }
    };
    for report in &feedback {
        heard(state, key, report, now);
    }
    for message in messages {
        self::message(state, key, message, now);
    }
    for packet in packets {
        act(state, key, packet, now);
    }
}

/// What a child reports of what came.
fn heard(state: &mut State, key: NeighbourKey, report: &CongestionFeedback, now: f64) {
    let rtt_s = rtt_s(state, key);
    let neighbour = state.relays.neighbours.get(key);
    for (_, leg) in neighbour.map_or(&[][..], |neighbour| &neighbour.legs) {
        if let Some(leg) = state.relays.legs.get_mut(*leg) {
            leg.quality.heard(report, rtt_s, now);
        }
    }
}

fn message(state: &mut State, key: NeighbourKey, message: Message, now: f64) {
    match message {
        Message::Heartbeat(legs) => {
            for (alias, order) in legs {
                told(state, key, alias, order, now);
            }
        }
        Message::Activate(legs) => {
            for (alias, order) in legs {
                let found = lower(state, key, alias).map(|found| found.0);
                match found.filter(|&leg| state.relays.legs[leg].alias == alias) {
                    Some(leg) => children::activated(state, leg, order, now),
                    None => state.drops.count("wrong-leg"),
                }
            }
        }
        Message::KeepAlive => {} // that it came is all it says
    }
}

/// The leg and slot that an SSRC means on the way down.
fn lower(state: &State, key: NeighbourKey, ssrc: u32) -> Option<(LegKey, u8)> {
    state.relays.neighbours.get(key)?.lowers.get(&ssrc).copied()
}

/// The same on the way here.
fn upper(state: &State, key: NeighbourKey, ssrc: u32) -> Option<(UpperKey, u8)> {
    state.relays.neighbours.get(key)?.uppers.get(&ssrc).copied()
}

fn told(state: &mut State, key: NeighbourKey, alias: u32, order: i64, now: f64) {
    let found = upper(state, key, alias).map(|found| found.0);
    let Some(found) = found.filter(|&found| state.relays.uppers[found].alias == alias) else {
        state.drops.count("wrong-leg");
        return;
    };
    let upper = &mut state.relays.uppers[found];
    (upper.told, upper.told_at) = (order, now);
    let stream_key = upper.stream;
    let stream = &state.relays.streams[stream_key];
    if stream.silent || now >= stream.fresh + state.config.silence_of_legs_s {
        super::judge(state, stream_key, now);
    }
}

fn act(state: &mut State, key: NeighbourKey, packet: RtcpPacket, now: f64) {
    match packet {
        RtcpPacket::Nack(nack) => {
            let found = bound(state, key, nack.media_ssrc);
            let Some((leg, index, _)) = found else {
                state.drops.count("wrong-leg");
                return;
            };
            egress::nacked(state, leg, index, lost(&nack), now);
        }
        RtcpPacket::PictureLossIndication(lost) => key_frame(state, key, lost.media_ssrc, now),
        RtcpPacket::FullIntraRequest(request) => {
            for (ssrc, _) in request.entries {
                key_frame(state, key, ssrc, now);
            }
        }
        RtcpPacket::SenderReport(report) => clock(state, key, &report, now),
        _ => {} // the link's quality is measured by its checks
    }
}

/// The leg, slot and layer that an SSRC means on the way down.
fn bound(state: &State, key: NeighbourKey, ssrc: u32) -> Option<(LegKey, u8, Option<LayerKey>)> {
    let (leg, index) = lower(state, key, ssrc)?;
    let slot = state.relays.slot(state.relays.legs[leg].stream, index)?;
    Some((leg, index, slot.layer))
}

fn key_frame(state: &mut State, key: NeighbourKey, ssrc: u32, now: f64) {
    let Some((leg, index, Some(layer))) = bound(state, key, ssrc) else {
        state.drops.count("wrong-leg");
        return;
    };
    let leg = &state.relays.legs[leg];
    if leg.standby || leg.wanted >> index & 1 == 0 {
        return;
    }
    let patience_s = (1.5 * rtt_s(state, key)).max(ABSORB_MIN_S);
    let arrived = state.layers[layer].keys.arrived;
    if arrived.is_some_and(|arrived| now - arrived < patience_s) {
        return; // one is on its way
    }
    state.want_key(layer, now);
}

fn clock(state: &mut State, key: NeighbourKey, report: &SenderReport, now: f64) {
    let Some((found, index)) = upper(state, key, report.ssrc) else {
        return;
    };
    let stream = state.relays.uppers[found].stream;
    let slot = state.relays.slot(stream, index);
    let Some(layer) = slot
        .and_then(|slot| slot.layer)
        .filter(|_| report.ntp_time != 0)
    else {
        return;
    };
    let Some(publisher) = state.publisher(layer) else {
        return;
    };
    if state.relays.streams[stream].origin {
        return;
    }
    let ours = now + state.config.ntp_offset_s;
    let clock = &mut state.transports[publisher].clock;
    clock.heard(ntp_seconds(report.ntp_time), ours);
    let clock = &mut state.layers[layer].clock;
    let first = clock.ntp_s.is_none();
    clock.heard(report.ntp_time, report.rtp_time, now);
    if first {
        beats::clock_found(state, stream);
    }
}
