//! RTCP that leaves: what we ask of publishers and report to everybody.
//!
//! Requests (NACK, PLI, FIR) go out alone, as reduced-size RTCP (RFC 5506): they are
//! urgent.  Reports carry an SDES with our CNAME, as RFC 3550 section 6.1 wants it.

use super::ids::{ConsumerKey, LayerKey, ProducerKey, TransportKey};
use super::outputs::OutRtcp;
use super::reports::{report_block, sender_report};
use super::state::{State, BREATH_S};
use crate::wire::parameters::MediaKind;
use crate::wire::rtcp::{
    self, BitrateEstimate, FullIntraRequest, Nack, PictureLossIndication, ReceiverReport,
    RtcpPacket, SenderReport, SourceDescription,
};
use crate::wire::rtcp_reports::{CNAME, MAX_COUNT};

/// Numbers in one NACK packet: far below a datagram even without a single pair.
const NACKED_AT_ONCE: usize = 128;

/// NACKs and key-frame requests of a layer whose time has come.
pub fn layer_due(state: &mut State, key: LayerKey, now: f64) {
    let Some((to, ssrc)) = state.asked(key) else {
        return;
    };
    let path_s = state.transports[to].rtt_s.unwrap_or(0.0);
    let layer = &mut state.layers[key];
    let (lost, abandoned) = match &mut layer.nacks {
        Some(nacks) => nacks.due(now, path_s),
        None => (Vec::new(), false),
    };
    if abandoned && layer.kind == MediaKind::Video {
        layer.keys.want();
    }
    let (asks, takes_pli) = (layer.keys.due(now), layer.takes_pli);
    let own = state.transports[to].ssrc;
    for some in lost.chunks(NACKED_AT_ONCE) {
        let numbers = some.iter().map(|&number| number as u16);
        let nack = Nack {
            sender_ssrc: own,
            media_ssrc: ssrc,
            pairs: rtcp::nack_pairs(numbers),
        };
        post(state, to, &[RtcpPacket::Nack(nack)]);
    }
    if asks {
        let request = key_frame_request(state, own, ssrc, takes_pli);
        post(state, to, &[request]);
    }
    state.watch(key, now + BREATH_S);
}

fn key_frame_request(state: &mut State, own: u32, ssrc: u32, takes_pli: bool) -> RtcpPacket {
    if takes_pli {
        return RtcpPacket::PictureLossIndication(PictureLossIndication {
            sender_ssrc: own,
            media_ssrc: ssrc,
        });
    }
    state.fir_number = state.fir_number.wrapping_add(1);
    RtcpPacket::FullIntraRequest(FullIntraRequest {
        sender_ssrc: own,
        media_ssrc: 0,
        entries: vec![(ssrc, state.fir_number)],
    })
}

/// Transport-wide feedback for what arrived since the last one.
pub fn arrivals_due(state: &mut State, key: TransportKey) {
    let transport = &mut state.transports[key];
    let media = transport.sources.keys().next();
    if let (Some(media), Some(arrivals)) = (media, &mut transport.arrivals) {
        let id = transport.id;
        for packet in arrivals.take(transport.ssrc, media) {
            let transport = id;
            state.rtcp.push(OutRtcp { transport, packet });
        }
    }
}

/// Reports about everything that enters or leaves over the transport.
pub fn reports_due(state: &mut State, key: TransportKey, now: f64) {
    let sent = sender_reports(state, key, now);
    let mut named: Vec<u32> = sent.iter().map(|report| report.ssrc).collect();
    let mut packets: Vec<RtcpPacket> = sent.into_iter().map(RtcpPacket::SenderReport).collect();
    let transport = &state.transports[key];
    if !transport.producers.is_empty() {
        named.push(transport.ssrc);
        packets.push(RtcpPacket::ReceiverReport(receiver_report(state, key, now)));
    }
    if packets.is_empty() {
        return;
    }
    let name = state.config.cname.as_bytes();
    let described = named.iter().take(MAX_COUNT);
    packets.push(RtcpPacket::SourceDescription(SourceDescription {
        chunks: described
            .map(|&ssrc| (ssrc, vec![(CNAME, name.to_vec())]))
            .collect(),
    }));
    packets.extend(estimate(state, key).map(RtcpPacket::BitrateEstimate));
    post(state, key, &packets);
}

fn sender_reports(state: &mut State, key: TransportKey, now: f64) -> Vec<SenderReport> {
    let consumers = state.transports[key].consumers.values();
    let consumers: Vec<ConsumerKey> = consumers.copied().collect();
    let mut reports = Vec::with_capacity(consumers.len());
    for consumer in consumers {
        let consumer = &state.consumers[consumer];
        let Some(last) = &consumer.last else {
            continue;
        };
        let source = last.segment.source;
        let Some(publisher) = state.publisher(source) else {
            continue;
        };
        let clock = &state.transports[publisher].clock;
        let layer = &state.layers[source];
        if let Some(report) = sender_report(consumer, layer, clock, &state.config, now) {
            state.transports[key].reported.note(report.ntp_time, now);
            reports.push(report);
        }
    }
    reports.truncate(MAX_COUNT);
    reports
}

/// The layers that enter over a transport, in order.
fn entering(state: &State, key: TransportKey) -> Vec<(ProducerKey, LayerKey)> {
    let producers = state.transports[key].producers.values();
    let layers = producers.flat_map(|&producer| {
        let layers = state.producers[producer].layer_keys();
        layers.map(move |layer| (producer, layer))
    });
    layers.collect()
}

fn receiver_report(state: &mut State, key: TransportKey, now: f64) -> ReceiverReport {
    let mut reports = Vec::new();
    for (_, layer) in entering(state, key) {
        reports.extend(report_block(&mut state.layers[layer], now));
    }
    reports.truncate(MAX_COUNT);
    ReceiverReport {
        ssrc: state.transports[key].ssrc,
        reports,
    }
}

/// REMB for publishers that negotiated it and no transport-wide feedback.
fn estimate(state: &State, key: TransportKey) -> Option<BitrateEstimate> {
    let transport = &state.transports[key];
    if transport.arrivals.is_some() {
        return None;
    }
    let taking = entering(state, key).into_iter();
    let taking = taking.filter(|(producer, _)| state.producers[*producer].takes_remb);
    let ssrcs: Vec<u32> = taking
        .filter_map(|(_, layer)| state.layers[layer].ssrc)
        .collect();
    (!ssrcs.is_empty()).then_some(BitrateEstimate {
        sender_ssrc: transport.ssrc,
        bitrate_bps: state.config.publisher_bitrate_bps,
        ssrcs,
    })
}

fn post(state: &mut State, to: TransportKey, packets: &[RtcpPacket]) {
    // what is written here is bounded, so that it always fits its packet
    if let Ok(packet) = rtcp::build(packets) {
        let transport = state.transports[to].id;
        state.rtcp.push(OutRtcp { transport, packet });
    }
}
