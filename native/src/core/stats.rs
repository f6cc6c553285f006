//! Counters and gauges of a forwarder as plain data (RFC 0003 section 10).
//!
//! The shape is fixed and holds no addresses, names or text of remotes.

use slotmap::SlotMap;

use super::consumer::Consumer;
use super::ids::{ConsumerId, LayerKey, NeighbourKey, ProducerId, StreamId, TransportId};
use super::layer::Layer;
use super::producer::Producer;
use super::relay::stream::Stream;
use super::relay::tables::{Leg, Upper, UpperKey};
use super::relay_table::Second;
use super::state::State;
use super::table::Rid;
use super::transport::Transport;

/// Everything at one instant.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    pub drops: Vec<(&'static str, u64)>,
    pub transports: Vec<(TransportId, TransportStats)>,
    pub producers: Vec<(ProducerId, ProducerStats)>,
    pub consumers: Vec<(ConsumerId, ConsumerStats)>,
    pub streams: Vec<(StreamId, StreamStats)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TransportStats {
    pub kind: &'static str,
    pub sending: bool,
    pub ssrcs: usize,
    pub rtt_s: Option<f64>,
    pub estimate_bps: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ProducerStats {
    pub kind: &'static str,
    pub transport: TransportId,
    pub layers: Vec<(Rid, LayerStats)>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct LayerStats {
    pub ssrc: Option<u32>,
    pub packets: i64,
    pub lost: i64,
    pub jitter: i64,
    pub bitrate_bps: i64,
    pub width: u32,
    pub height: u32,
    pub history_packets: usize,
    pub history_bytes: u64,
    pub cached: bool,
    pub key_frames: u64,
    pub key_frames_requested: u64,
    pub nacks_requested: u64,
    pub nacks_recovered: u64,
    pub nacks_abandoned: u64,
    pub consumers: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ConsumerStats {
    pub kind: &'static str,
    pub transport: TransportId,
    pub phase: &'static str,
    pub rid: Option<Rid>,
    pub packets: u64,
    pub octets: u64,
    pub dropped: u64,
    pub overflows: u64,
    pub fraction_lost: f64,
    pub key_frame_requests: u64,
    pub repaired: u64,
    pub repaired_octets: u64,
    pub repairs_missed: u64,
    pub repairs_refused: u64,
}

/// A stream of the mesh.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamStats {
    pub origin: bool,
    pub newest: i64,
    pub silent: bool,
    pub counters: Vec<(&'static str, u64)>,
    pub active: Option<UpperStats>,
    pub second: Option<UpperStats>,
    pub legs: Vec<LegStats>,
}

/// A leg that brings a stream; `purpose` is "active" or what the second one is for.
#[derive(Clone, Debug, PartialEq)]
pub struct UpperStats {
    pub transport: Option<TransportId>,
    pub purpose: &'static str,
    pub packets: u64,
    pub told: i64,
}

/// A leg to a child.
#[derive(Clone, Debug, PartialEq)]
pub struct LegStats {
    pub transport: Option<TransportId>,
    pub standby: bool,
    pub paused: bool,
    pub packets: u64,
    pub octets: u64,
    pub waiting: usize,
    pub loss: f64,
    pub queue_s: Option<f64>,
    pub overflows: u64,
    pub repaired: u64,
    pub repairs_missed: u64,
    pub repairs_refused: u64,
}

/// Everything at this instant; `now` is for the rates.
pub fn snapshot(state: &mut State, now: f64) -> Stats {
    let producers = producers(state, now);
    let transports = state.transport_ids.iter();
    let consumers = state.consumer_ids.iter();
    Stats {
        drops: state.drops.iter().collect(),
        transports: transports
            .map(|(id, key)| (id, transport(&state.transports[*key])))
            .collect(),
        producers,
        consumers: consumers
            .map(|(id, key)| (id, consumer(state, &state.consumers[*key])))
            .collect(),
        streams: streams(state),
    }
}

/// The producers' part alone: what has to be read often, whatever the audience.
pub fn producers(state: &mut State, now: f64) -> Vec<(ProducerId, ProducerStats)> {
    let (layers, producers) = (&mut state.layers, &state.producers);
    let ids = state.producer_ids.iter();
    let mut found = Vec::with_capacity(state.producer_ids.len());
    for (id, key) in ids {
        let producer = &producers[*key];
        let transport = state.transports[producer.transport].id;
        found.push((id, self::producer(producer, transport, layers, now)));
    }
    found
}

fn streams(state: &State) -> Vec<(StreamId, StreamStats)> {
    let known = state.relays.stream_ids.iter();
    known
        .map(|(id, key)| (id.clone(), stream(state, &state.relays.streams[*key])))
        .collect()
}

fn stream(state: &State, stream: &Stream) -> StreamStats {
    let upper = |key: Option<UpperKey>| key.map(|key| upper(state, &state.relays.uppers[key]));
    let legs = stream.legs.iter();
    StreamStats {
        origin: stream.origin,
        newest: stream.newest,
        silent: stream.silent,
        counters: stream.counters.iter().collect(),
        active: upper(stream.active),
        second: upper(stream.second),
        legs: legs
            .map(|(_, key)| leg(state, &state.relays.legs[*key]))
            .collect(),
    }
}

fn upper(state: &State, upper: &Upper) -> UpperStats {
    UpperStats {
        transport: leads_over(state, upper.neighbour),
        purpose: upper.purpose.map_or("active", Second::name),
        packets: upper.packets,
        told: upper.told,
    }
}

fn leg(state: &State, leg: &Leg) -> LegStats {
    LegStats {
        transport: leads_over(state, leg.neighbour),
        standby: leg.standby,
        paused: leg.pause_after.is_some(),
        packets: leg.packets,
        octets: leg.octets,
        waiting: leg.backlog.len(),
        loss: four_digits(leg.quality.loss),
        queue_s: leg.quality.queue_s,
        overflows: leg.overflows,
        repaired: leg.repairs.answered,
        repairs_missed: leg.repairs.missed,
        repairs_refused: leg.repairs.refused,
    }
}

/// Rounded as a decimal number is.
fn four_digits(share: f64) -> f64 {
    format!("{share:.4}").parse().unwrap_or(share)
}

/// The transport to a neighbour, whether packets can be protected or not.
fn leads_over(state: &State, key: NeighbourKey) -> Option<TransportId> {
    let transport = state.relays.neighbours.get(key)?.transport?;
    Some(state.transports.get(transport)?.id)
}

fn producer(
    producer: &Producer,
    transport: TransportId,
    layers: &mut SlotMap<LayerKey, Layer>,
    now: f64,
) -> ProducerStats {
    let each = producer.layers.iter();
    ProducerStats {
        kind: producer.kind.name(),
        transport,
        layers: each
            .map(|(rid, key)| (rid.clone(), layer(&mut layers[*key], now)))
            .collect(),
    }
}

fn transport(transport: &Transport) -> TransportStats {
    TransportStats {
        kind: transport.kind.name(),
        sending: transport.sending,
        ssrcs: transport.sources.len(),
        rtt_s: transport.rtt_s,
        estimate_bps: transport.estimate_bps(),
    }
}

fn layer(layer: &mut Layer, now: f64) -> LayerStats {
    let (nacks, keys) = (layer.nacks.as_ref(), &layer.keys);
    LayerStats {
        ssrc: layer.ssrc,
        packets: layer.reception.received,
        lost: layer.reception.lost(),
        jitter: layer.reception.jitter(),
        bitrate_bps: layer.rate.rate_bps(now) as i64,
        width: layer.size.0,
        height: layer.size.1,
        history_packets: layer.history.len(),
        history_bytes: layer.history.size,
        cached: layer.history.pin.is_some(),
        key_frames: keys.count,
        key_frames_requested: keys.requested,
        nacks_requested: nacks.map_or(0, |nacks| nacks.requested),
        nacks_recovered: nacks.map_or(0, |nacks| nacks.recovered),
        nacks_abandoned: nacks.map_or(0, |nacks| nacks.abandoned),
        consumers: layer.audience.len(),
    }
}

fn consumer(state: &State, consumer: &Consumer) -> ConsumerStats {
    let repairs = &consumer.repairs;
    let rid = consumer.layer.and(consumer.announced.clone());
    ConsumerStats {
        kind: consumer.kind.name(),
        transport: state.transports[consumer.transport].id,
        phase: consumer.phase.name(),
        rid,
        packets: consumer.packets,
        octets: consumer.octets,
        dropped: consumer.dropped,
        overflows: consumer.overflows,
        fraction_lost: f64::from(consumer.fraction_lost) / 256.0,
        key_frame_requests: consumer.requests,
        repaired: repairs.answered,
        repaired_octets: repairs.sent_bytes,
        repairs_missed: repairs.missed,
        repairs_refused: repairs.refused,
    }
}
