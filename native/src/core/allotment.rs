//! Automatic choice of layers: what congestion control says, turned into aims.
//!
//! A few times a second the demands of a transport's video consumers are put to its
//! `TransportSender`, which knows the estimate and hands out layers.  A change takes effect
//! at the next key frame of the new layer (`routing::aim`), and caps at the next frame that
//! allows it.
//!
//! Congestion control knows layers by rid.  The spatial layers of a scalable stream are put
//! to it under names of our own, so that one ladder serves simulcast and scalable coding.

use std::sync::Arc;

use super::agenda::Timer;
use super::events::ForwardingEvent;
use super::ids::{ConsumerKey, LayerKey, ProducerKey, TransportKey};
use super::layer::Layer;
use super::pull::Pull;
use super::state::State;
use super::table::Rid;
use super::{pulling, routing};
use crate::congestion::allocation::Demand;
use crate::congestion::ladder::{LayerRate, Target};
use crate::wire::parameters::MediaKind;

const TENTH: f64 = 0.1;
const ALL: u8 = 7;

/// A video consumer with a producer, and the layers that it may have.
struct Wanting {
    consumer: ConsumerKey,
    producer: ProducerKey,
    layers: Arc<[LayerRate]>,
}

/// Decide anew for every video consumer of the transport.
pub fn due(state: &mut State, key: TransportKey, now: f64) {
    let transport = &state.transports[key];
    if transport.sender.is_none() || transport.consumers.is_empty() {
        return;
    }
    let again = now + state.config.allocation_s;
    state.agenda.again(Timer::Allocation(key), again);
    let consumers: Vec<ConsumerKey> = transport.consumers.values().copied().collect();
    let mut audio_bps = 0;
    for &consumer in &consumers {
        audio_bps += rate_bps(state, consumer, now);
    }
    let mut video = Vec::with_capacity(consumers.len());
    for consumer in consumers {
        video.extend(wanting(state, consumer, now));
    }
    if !still(state, key, audio_bps, &video) {
        decide(state, key, audio_bps, &video, now);
    }
}

fn decide(state: &mut State, key: TransportKey, audio_bps: i64, video: &[Wanting], now: f64) {
    let demands: Vec<Demand<'_, ConsumerKey>> =
        video.iter().map(|wanting| demand(state, wanting)).collect();
    let Some(sender) = &mut state.transports[key].sender else {
        return;
    };
    let outcome = sender.allocate(audio_bps, &demands, now);
    let spare_bps = sender.estimate_bps() - outcome.allocated_bps;
    for wanting in video {
        let found = outcome.targets.iter().rfind(|t| t.0 == wanting.consumer);
        if let Some((consumer, target)) = found {
            let rids = wishes(&wanting.layers, target, spare_bps);
            pulling::wish(state, *consumer, rids);
            apply(state, wanting, target, now);
        }
    }
    announce(state, key);
    state.attend(key, now);
}

fn apply(state: &mut State, wanting: &Wanting, target: &Target, now: f64) {
    let key = wanting.consumer;
    let max_spatial = spatial_cap(state, wanting.producer, target);
    let consumer = &mut state.consumers[key];
    consumer.max_temporal = target.max_temporal;
    consumer.max_spatial = max_spatial;
    routing::cap(state, key, now);
    let consumer = &state.consumers[key];
    let chosen = consumer.selection.rid.as_ref().or(target.rid.as_ref());
    let producer = &state.producers[wanting.producer];
    let layer = producer.layer(chosen.map_or("", |rid| rid));
    let Some(layer) = layer.filter(|_| producer.simulcast && !consumer.selection.paused) else {
        return;
    };
    if state.transports[consumer.transport].sending {
        let near = near(state, layer, wanting.producer, now);
        routing::aim(state, key, near, now);
    }
}

fn announce(state: &mut State, key: TransportKey) {
    let transport = &mut state.transports[key];
    let estimate_bps = transport.estimate_bps();
    let told = transport.told_bps;
    if (estimate_bps - told).abs() as f64 > TENTH * told as f64 {
        transport.told_bps = estimate_bps;
        let transport = transport.id;
        state.emit(ForwardingEvent::EstimateChanged {
            transport,
            bitrate_bps: estimate_bps,
        });
    }
}

/// Whether nothing is to be sent, as the last time: what was decided then, holds.
fn still(state: &mut State, key: TransportKey, audio_bps: i64, video: &[Wanting]) -> bool {
    let mut rates = video.iter().flat_map(|wanting| wanting.layers.iter());
    let moving = audio_bps != 0 || rates.any(|layer| layer.bitrate_bps != 0);
    let transport = &mut state.transports[key];
    let moved = std::mem::replace(&mut transport.moving, moving);
    !moved && !moving
}

/// The layer that was chosen, and the next better one where it nearly fits: it is to be
/// here when the margin for going up is reached as well.
fn wishes(layers: &[LayerRate], target: &Target, spare_bps: i64) -> Vec<Rid> {
    let of = |rid: &Rid| layers.iter().rfind(|layer| layer.rid == *rid);
    let Some((rid, present)) = target.rid.as_ref().and_then(|rid| Some((rid, of(rid)?))) else {
        return Vec::new();
    };
    let present = present.bitrate_bps;
    let above = layers.iter().filter(|layer| layer.bitrate_bps > present);
    let better = above.min_by_key(|layer| (layer.bitrate_bps, &layer.rid));
    let near = better.filter(|better| better.bitrate_bps - present <= spare_bps);
    let better = near.map(|better| better.rid.clone());
    std::iter::once(rid.clone()).chain(better).collect()
}

fn rate_bps(state: &mut State, consumer: ConsumerKey, now: f64) -> i64 {
    let consumer = &state.consumers[consumer];
    match consumer.layer {
        Some(layer) if consumer.kind != MediaKind::Video => {
            state.layers[layer].rate.rate_bps(now) as i64
        }
        _ => 0,
    }
}

fn demand<'a>(state: &State, wanting: &'a Wanting) -> Demand<'a, ConsumerKey> {
    let selection = &state.consumers[wanting.consumer].selection;
    let simulcast = state.producers[wanting.producer].simulcast;
    Demand {
        consumer: wanting.consumer,
        layers: &wanting.layers,
        rid: selection.rid.clone().filter(|_| simulcast),
        paused: selection.paused,
    }
}

/// A video consumer that has a producer, and that one's layers as they are now.
fn wanting(state: &mut State, key: ConsumerKey, now: f64) -> Option<Wanting> {
    let consumer = &state.consumers[key];
    let video = consumer.kind == MediaKind::Video;
    let from = consumer.producer.filter(|_| video)?;
    let producer = &state.producers[from];
    let only = producer.layers.first().filter(|_| !producer.simulcast);
    let layer = only.map(|only| &mut state.layers[only.1]);
    let cap = consumer.selection.max_spatial;
    let layers = match layer.filter(|layer| layer.parts.spatial > 0) {
        Some(scalable) => spatial_rates(scalable, cap, now),
        None => measured(state, from, now),
    };
    Some(Wanting {
        consumer: key,
        producer: from,
        layers,
    })
}

/// The producer's layers, measured once for all viewers that are due together.
fn measured(state: &mut State, key: ProducerKey, now: f64) -> Arc<[LayerRate]> {
    let producer = &state.producers[key];
    if producer.measured.0 == now {
        return Arc::clone(&producer.measured.1);
    }
    let sending = if producer.simulcast {
        producer.sending(&mut state.layers, now)
    } else {
        producer.layer_keys().collect()
    };
    let mut rates: Vec<LayerRate> = Vec::with_capacity(producer.layers.len());
    for (rid, layer) in &producer.layers {
        let sends = sending.contains(layer);
        rates.push(rate(rid, &mut state.layers[*layer], sends, now));
    }
    let producer = &mut state.producers[key];
    if let Some(pull) = &mut producer.pull {
        price(pull, &mut rates, now);
    }
    let rates: Arc<[LayerRate]> = rates.into();
    producer.measured = (now, Arc::clone(&rates));
    rates
}

/// Say what layers that do not come would cost, while any comes.
fn price(pull: &mut Pull, rates: &mut [LayerRate], now: f64) {
    if rates.iter().all(|rate| rate.bitrate_bps == 0) {
        return;
    }
    for rate in rates {
        if rate.bitrate_bps != 0 {
            rate.bitrate_bps = pull.learn(&rate.rid, rate.bitrate_bps, now);
        } else {
            rate.bitrate_bps = pull.price_bps(&rate.rid, now);
            rate.temporal_bps = Vec::new();
        }
    }
}

fn rate(rid: &Rid, layer: &mut Layer, sends: bool, now: f64) -> LayerRate {
    let mut found = LayerRate {
        rid: rid.clone(),
        bitrate_bps: 0,
        temporal_bps: Vec::new(),
    };
    if sends {
        let parts = &mut layer.parts;
        if parts.temporal > 0 {
            let all = 0..=parts.temporal;
            found.temporal_bps = all.map(|t| parts.up_to_bps(ALL, t, now)).collect();
        }
        found.bitrate_bps = layer.rate.rate_bps(now) as i64;
    }
    found
}

/// The spatial layers of a scalable stream as rids "0", "1", ...
fn spatial_rates(layer: &mut Layer, cap: Option<u8>, now: f64) -> Arc<[LayerRate]> {
    let parts = &mut layer.parts;
    let highest = cap.map_or(parts.spatial, |cap| cap.min(parts.spatial));
    let temporal = parts.temporal;
    let rates = (0..=highest).map(|spatial| LayerRate {
        rid: spatial.to_string().into(),
        bitrate_bps: parts.up_to_bps(spatial, ALL, now),
        temporal_bps: (0..=temporal)
            .map(|t| parts.up_to_bps(spatial, t, now))
            .collect(),
    });
    rates.collect()
}

/// The cap that a target of `spatial_rates` means; None for the highest.
fn spatial_cap(state: &State, producer: ProducerKey, target: &Target) -> Option<u8> {
    let producer = &state.producers[producer];
    let rid = target.rid.as_ref().filter(|_| !producer.simulcast)?;
    let spatial: u8 = rid.parse().ok()?;
    let layer = producer.layer_keys().next()?;
    (spatial < state.layers[layer].parts.spatial).then_some(spatial)
}

/// The layer, or while it is not sent the best one below it that is.
fn near(state: &mut State, layer: LayerKey, from: ProducerKey, now: f64) -> LayerKey {
    let producer = &state.producers[from];
    let mut sending = producer.sending(&mut state.layers, now);
    let Some(&best) = sending.last().filter(|_| !sending.contains(&layer)) else {
        return layer;
    };
    let Some(pull) = &producer.pull else {
        return best;
    };
    let rank = |key: LayerKey| {
        let rid = &state.layers[key].rid;
        pull.rids.iter().position(|known| known == rid)
    };
    sending.sort_by_key(|&key| rank(key));
    let below = sending.iter().rfind(|&&key| rank(key) < rank(layer));
    below.or(sending.first()).copied().unwrap_or(layer)
}
