//! Tracks and viewers come and go: the tables that `routing` works on.

use super::agenda::Timer;
use super::consumer::Consumer;
use super::ids::{ConsumerKey, LayerKey, ProducerKey, TransportKey};
use super::layer::Layer;
use super::producer::Producer;
use super::pull::Pull;
use super::repairs::Repairs;
use super::routing::{check_kind, follow, producer, silence, transport};
use super::state::State;
use super::table::{AddConsumer, AddProducer, Rid, TransportKind};
use super::{delivery, pulling, relay};
use crate::errors::Refused;

pub fn add_producer(state: &mut State, delta: AddProducer, now: f64) -> Result<(), Refused> {
    let owner = transport(state, delta.transport)?;
    let (id, limit) = (delta.producer, state.config.producers);
    if state.producer_ids.contains(id) {
        return Err(Refused::State(format!("producer {id} exists")));
    }
    if state.producer_ids.len() >= limit {
        return Err(Refused::Limit("producers", limit));
    }
    let Some(codec) = delta.codecs.first().cloned() else {
        return Err(Refused::State(format!("producer {id} has no codec")));
    };
    let rids = layers_of(&delta.rids);
    let most = state.config.layers_per_producer;
    if rids.len() > most {
        return Err(Refused::Limit("layers_per_producer", most));
    }
    let mut producer = Producer::new(delta, owner);
    for rid in rids {
        if producer.layer(&rid).is_none() {
            let layer = Layer::new(id, producer.kind, rid.clone(), &codec, &state.config);
            producer.layers.push((rid, state.layers.insert(layer)));
        }
    }
    enter(state, producer, owner, now);
    Ok(())
}

/// A track without simulcast has one layer named "".
fn layers_of(rids: &[Rid]) -> Vec<Rid> {
    if rids.is_empty() {
        vec!["".into()]
    } else {
        rids.to_vec()
    }
}

/// A producer begins, and its timers with it.
fn enter(state: &mut State, mut producer: Producer, owner: TransportKey, now: f64) {
    let transport = &mut state.transports[owner];
    transport.learn(&producer.extensions);
    let meshed = transport.kind == TransportKind::Mesh;
    if meshed && producer.simulcast {
        let rids = producer.layers.iter().map(|layer| layer.0.clone());
        producer.pull = Some(Pull::new(rids.collect(), now));
    }
    let id = producer.id;
    let key = state.producers.insert(producer);
    state.producer_ids.insert(id, key);
    transport.producers.insert(id, key);
    let (agenda, config) = (&mut state.agenda, &state.config);
    agenda.at(Timer::Silence(key), now + config.silence_s);
    if meshed {
        return; // nobody is there to be reported to
    }
    agenda.no_later(Timer::Reports(owner), now + config.report_s);
    if transport.arrivals.is_some() {
        let when = now + config.transport_feedback_s;
        agenda.no_later(Timer::Arrivals(owner), when);
    }
}

pub fn remove_producer(state: &mut State, key: ProducerKey) {
    let consumers: Vec<ConsumerKey> = state.consumer_ids.values().copied().collect();
    for consumer in consumers {
        if state.consumers[consumer].producer == Some(key) {
            silence(state, consumer);
            state.consumers[consumer].producer = None;
        }
    }
    let Some(producer) = state.producers.remove(key) else {
        return;
    };
    let transport = &mut state.transports[producer.transport];
    let sources = transport.sources.iter();
    let gone = sources.filter(|(_, source)| source.producer == key);
    for ssrc in gone.map(|source| source.0).collect::<Vec<u32>>() {
        transport.sources.remove(ssrc);
        transport.latched -= 1;
    }
    transport.producers.remove(producer.id);
    state.producer_ids.remove(producer.id);
    state.agenda.cancel(Timer::Silence(key));
    state.agenda.cancel(Timer::Pull(key));
    for layer in producer.layer_keys() {
        remove_layer(state, layer);
    }
}

fn remove_layer(state: &mut State, key: LayerKey) {
    if let Some(slot) = state.layers[key].slot {
        relay::unbind(state, slot);
    }
    let layer = &mut state.layers[key];
    layer.history.clear();
    layer.pending = Vec::new();
    state.dirty.retain(|dirty| *dirty != key);
    state.agenda.cancel(Timer::Layer(key));
    state.retire(key);
}

pub fn add_consumer(state: &mut State, delta: AddConsumer, now: f64) -> Result<(), Refused> {
    let to = transport(state, delta.transport)?;
    let from = producer(state, delta.producer)?;
    let (id, limit) = (delta.consumer, state.config.consumers);
    let known = state.transports[to].consumers.contains(delta.ssrc);
    if known || state.consumer_ids.contains(id) {
        let said = format!("consumer {id} or its SSRC exists");
        return Err(Refused::State(said));
    }
    if state.consumer_ids.len() >= limit {
        return Err(Refused::Limit("consumers", limit));
    }
    // lower half: no wrap before the viewer's first packet (RFC 3711 section 3.3.1)
    let first_repair = state.random.getrandbits(15) as i64;
    check_kind(id, delta.kind, &state.producers[from])?;
    let (ssrc, rtx_ssrc) = (delta.ssrc, delta.rtx_ssrc);
    state.transports[to].spend(ssrc, rtx_ssrc, 2 * limit)?;
    let repairs = Repairs::new(first_repair, state.config.nacked_packets);
    let made = Consumer::new(delta, to, &state.nobody, repairs);
    let key = state.consumers.insert(made);
    state.consumer_ids.insert(id, key);
    state.transports[to].consumers.insert(ssrc, key);
    state.agenda.no_later(Timer::Allocation(to), now);
    follow(state, key, from, now)
}

pub fn remove_consumer(state: &mut State, key: ConsumerKey) {
    delivery::detach(state, key);
    let Some(consumer) = state.consumers.remove(key) else {
        return;
    };
    state.consumer_ids.remove(consumer.id);
    let transport = &mut state.transports[consumer.transport];
    transport.consumers.remove(consumer.ssrc);
    state.agenda.cancel(Timer::Chase(key));
    state.agenda.cancel(Timer::Repair(key));
    pulling::changed(state, consumer.producer);
}
