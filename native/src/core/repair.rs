//! The repair stream itself (RFC 4588 section 4): one packet of it, and the padding that
//! congestion control wants for a probe: packets sent before, which may even be of use.

use std::sync::Arc;

use super::emission::renumbered;
use super::ids::{ConsumerKey, TransportKey};
use super::packet::{Packet, OVERHEAD};
use super::rendering::Written;
use super::rewrite::Segment;
use super::state::State;
use crate::wire::parameters::MediaKind;

const PROBE_PACKETS: i64 = 64;

/// Let congestion control pass time, and send the padding that it wants.
pub fn pad(state: &mut State, key: TransportKey, now: f64) {
    let Some(sender) = &mut state.transports[key].sender else {
        return;
    };
    sender.handle_timeout(now);
    let octets = sender.padding_due(now);
    if octets > 0 {
        probe(state, key, octets, now);
    }
    state.attend(key, now);
}

fn probe(state: &mut State, key: TransportKey, mut octets: i64, now: f64) {
    let Some(carrier) = probe_carrier(state, key) else {
        return;
    };
    let Some(last) = state.consumers[carrier].last else {
        return;
    };
    let segment = last.segment;
    let oldest = segment.start.max(last.number - PROBE_PACKETS);
    for number in (oldest..=last.number).rev() {
        if octets <= 0 {
            break;
        }
        let packet = kept(state, &segment, number);
        if let Some(packet) = packet.filter(|packet| !packet.payload.is_empty()) {
            let index = number + segment.sequence;
            render(state, carrier, &segment, index, &packet, now);
            octets -= (packet.size() + OVERHEAD) as i64;
        }
    }
    state.repeat(carrier, &[], now);
}

/// A video consumer with a repair stream that is sending.
fn probe_carrier(state: &State, key: TransportKey) -> Option<ConsumerKey> {
    let mut consumers = state.transports[key].consumers.values().copied();
    consumers.find(|&key| {
        let consumer = &state.consumers[key];
        let video = consumer.kind == MediaKind::Video;
        video && consumer.rtx_ssrc.is_some() && consumer.follows()
    })
}

/// The packet of a segment's source, while it is kept.
pub fn kept(state: &State, segment: &Segment, number: i64) -> Option<Arc<Packet>> {
    let source = state.layers.get(segment.source)?;
    source.history.get(number).cloned()
}

/// Push the packet as one of the repair stream (RFC 4588 section 4), if there is one.
pub fn render(
    state: &mut State,
    key: ConsumerKey,
    segment: &Segment,
    index: i64,
    packet: &Packet,
    now: f64,
) -> bool {
    let (consumer, headers) = (&mut state.consumers[key], &mut state.scratch);
    headers.clear();
    let Some(ssrc) = consumer.rtx_ssrc else {
        return false;
    };
    if !consumer.profile.render_repair(packet, now, headers) {
        return false;
    }
    let out = &mut state.out.viewers;
    let number = state.transports[consumer.transport].number + out.open().len() as i64;
    let written = Written {
        ssrc,
        index: consumer.repairs.index,
        timestamp: segment.written(packet.timestamp),
        number,
    };
    if let Some(header) = headers.last() {
        header.stamp(&written, 0, out.header());
    }
    let media = renumbered(packet, segment);
    let length = media.len() - usize::from(packet.padding);
    let mut payload = Vec::with_capacity(2 + length);
    payload.extend_from_slice(&(index as u16).to_be_bytes());
    payload.extend_from_slice(&media[..length]);
    out.push(payload.into(), ssrc, written.index);
    consumer.repairs.index += 1;
    true
}
