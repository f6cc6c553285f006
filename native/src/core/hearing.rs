//! RTCP that arrives: what viewers and publishers tell us (RFC 3550, 4585, 5104).
//!
//! Reports, transport-wide feedback and bandwidth estimates end here and feed congestion
//! control; NACKs are answered from history; requests for key frames are merged into the
//! layer's own.  A viewer that is being replayed to asks in vain, because the key frame it
//! wants is on its way, and so does one that was just sent a key frame.

use super::agenda::Timer;
use super::clock::ntp_seconds;
use super::consumer::{Consumer, Phase};
use super::ids::{ConsumerKey, TransportKey};
use super::state::State;
use super::table::TransportKind;
use super::transport::Transport;
use super::{relay, retransmit};
use crate::wire::parameters::MediaKind;
use crate::wire::rtcp::{self, Nack, ReportBlock, RtcpPacket, SenderReport};

const ABSORB_MIN_S: f64 = 0.1;

/// One decrypted RTCP datagram; what cannot be read is counted.
pub fn receive(state: &mut State, key: TransportKey, compound: &[u8], now: f64) {
    if state.transports[key].kind == TransportKind::Relay {
        relay::hear(state, key, compound, now);
        return;
    }
    match rtcp::parse(compound) {
        Err(error) => state.drops.count(error.reason),
        Ok(packets) => {
            for packet in packets {
                act(state, key, packet, now);
            }
        }
    }
}

fn act(state: &mut State, key: TransportKey, packet: RtcpPacket, now: f64) {
    match packet {
        RtcpPacket::SenderReport(report) => {
            publisher_time(state, key, &report, now);
            reports(state, key, &report.reports, now);
        }
        RtcpPacket::ReceiverReport(report) => reports(state, key, &report.reports, now),
        RtcpPacket::Bye(bye) => {
            for ssrc in bye.sources {
                ended(state, key, ssrc);
            }
        }
        RtcpPacket::Nack(nack) => {
            if let Some(consumer) = watching(state, key, nack.media_ssrc) {
                retransmit::nacked(state, consumer, lost(&nack), now);
            }
        }
        RtcpPacket::PictureLossIndication(lost) => key_frame(state, key, lost.media_ssrc, now),
        RtcpPacket::FullIntraRequest(request) => {
            for (ssrc, _) in request.entries {
                key_frame(state, key, ssrc, now);
            }
        }
        RtcpPacket::BitrateEstimate(estimate) => {
            if let Some(sender) = sender_of(&mut state.transports[key]) {
                sender.on_remb(estimate.bitrate_bps as f64, now);
                path_changed(state, key, now);
            }
        }
        RtcpPacket::TransportFeedback(feedback) => {
            if let Some(sender) = sender_of(&mut state.transports[key]) {
                sender.on_feedback(&feedback.arrivals, now);
                retransmit::lost(state, key, &feedback.arrivals, now);
                path_changed(state, key, now);
            }
        }
        RtcpPacket::SourceDescription(_) => {}
    }
}

/// The numbers that a NACK names, in its order.
pub fn lost(nack: &Nack) -> impl Iterator<Item = u16> + '_ {
    nack.pairs.iter().flat_map(|&(first, mask)| {
        let named = (0..16).filter(move |bit| mask >> bit & 1 == 1);
        let behind = named.map(move |bit| first.wrapping_add(bit + 1));
        std::iter::once(first).chain(behind)
    })
}

type Sender = crate::congestion::sender::TransportSender<ConsumerKey>;

/// The congestion control of a transport that has a viewer at its end.
fn sender_of(transport: &mut Transport) -> Option<&mut Sender> {
    let watched = !transport.consumers.is_empty();
    transport.sender.as_mut().filter(|_| watched)
}

/// A viewer said something about the path to it.
fn path_changed(state: &mut State, key: TransportKey, now: f64) {
    if state.transports[key].overcommitted() {
        state.agenda.no_later(Timer::Allocation(key), now);
    }
    state.attend(key, now);
}

fn watching(state: &State, key: TransportKey, ssrc: u32) -> Option<ConsumerKey> {
    state.transports[key].consumers.get(ssrc).copied()
}

fn publisher_time(state: &mut State, key: TransportKey, report: &SenderReport, now: f64) {
    let transport = &mut state.transports[key];
    let source = transport.sources.get(report.ssrc).copied();
    let Some(source) = source.filter(|source| !source.repair && report.ntp_time != 0) else {
        return;
    };
    let ours = now + state.config.ntp_offset_s;
    transport.clock.heard(ntp_seconds(report.ntp_time), ours);
    let layer = &state.layers[source.layer];
    if let (None, Some(slot)) = (layer.clock.ntp_s, layer.slot) {
        relay::clock_found(state, slot);
    }
    let clock = &mut state.layers[source.layer].clock;
    clock.heard(report.ntp_time, report.rtp_time, now);
}

fn reports(state: &mut State, key: TransportKey, blocks: &[ReportBlock], now: f64) {
    let transport = &mut state.transports[key];
    let mut worst: Option<u8> = None;
    for block in blocks {
        let Some(&consumer) = transport.consumers.get(block.ssrc) else {
            continue;
        };
        let measured = transport.reported.round_trip_s(block, now);
        transport.rtt_s = measured.or(transport.rtt_s);
        state.consumers[consumer].reported(block.fraction_lost, now);
        worst = worst.max(Some(block.fraction_lost));
    }
    if let (Some(worst), Some(sender)) = (worst, &mut transport.sender) {
        sender.on_loss(f64::from(worst) / 256.0, transport.rtt_s, now);
        state.attend(key, now);
    }
}

fn key_frame(state: &mut State, key: TransportKey, ssrc: u32, now: f64) {
    let Some(key) = watching(state, key, ssrc) else {
        return;
    };
    let consumer = &mut state.consumers[key];
    if consumer.kind != MediaKind::Video {
        return;
    }
    consumer.requests += 1;
    let layer = if consumer.phase == Phase::Waiting {
        consumer.target
    } else {
        consumer.layer
    };
    let consumer = &state.consumers[key];
    if let Some(layer) = layer.filter(|_| !absorbed(state, consumer, now)) {
        state.want_key(layer, now);
    }
}

fn absorbed(state: &State, consumer: &Consumer, now: f64) -> bool {
    if consumer.phase == Phase::Silent || consumer.replaying {
        return true;
    }
    let mut sent_at = consumer.key_sent_at;
    if let Some(layer) = consumer.layer.filter(|_| consumer.phase == Phase::Live) {
        sent_at = sent_at.max(state.layers[layer].keys.arrived.unwrap_or(sent_at));
    }
    let rtt_s = state.transports[consumer.transport].rtt_s.unwrap_or(0.0);
    now - sent_at < (1.5 * rtt_s).max(ABSORB_MIN_S)
}

/// The publisher says that a source ended: another may take its layer.
fn ended(state: &mut State, key: TransportKey, ssrc: u32) {
    let Some(source) = state.transports[key].sources.remove(ssrc) else {
        return;
    };
    let layer = &mut state.layers[source.layer];
    if source.repair {
        layer.rtx_ssrc = None;
    } else {
        layer.ssrc = None;
    }
}
