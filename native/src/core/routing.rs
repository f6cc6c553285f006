//! The forwarding table applied: deltas in, consumers put on layers.
//!
//! What the deltas mean is RFC 0003 section 2.  Everything here happens a few times a
//! second at most; the packet path only sees the outcome: which consumer stands in which
//! layer's audience.

use std::mem;

use super::agenda::Timer;
use super::events::ForwardingEvent;
use super::ids::{
    ConsumerId, ConsumerKey, LayerKey, ProducerId, ProducerKey, TransportId, TransportKey,
};
use super::membership::{add_consumer, add_producer, remove_consumer, remove_producer};
use super::producer::Producer;
use super::scalable::LayerFilter;
use super::state::State;
use super::table::{ForwardingDelta, Selection};
use super::{delivery, pulling};
use crate::errors::Refused;
use crate::wire::parameters::MediaKind;

/// Apply one delta; what is refused changes nothing.
pub fn program(state: &mut State, delta: ForwardingDelta, now: f64) -> Result<(), Refused> {
    match delta {
        ForwardingDelta::AddProducer(delta) => add_producer(state, *delta, now)?,
        ForwardingDelta::RemoveProducer(id) => {
            let key = producer(state, id)?;
            remove_producer(state, key);
        }
        ForwardingDelta::AddConsumer(delta) => add_consumer(state, *delta, now)?,
        ForwardingDelta::MoveConsumer(id, to) => {
            let (key, to) = (consumer(state, id)?, producer(state, to)?);
            follow(state, key, to, now)?;
        }
        ForwardingDelta::SetSelection(id, selection) => {
            let key = consumer(state, id)?;
            select(state, key, selection, now)?;
        }
        ForwardingDelta::RemoveConsumer(id) => {
            let key = consumer(state, id)?;
            remove_consumer(state, key);
        }
        ForwardingDelta::RequestKeyFrame(id) => {
            let key = producer(state, id)?;
            let layers: Vec<LayerKey> = state.producers[key].layer_keys().collect();
            for layer in layers {
                state.want_key(layer, now);
            }
        }
    }
    Ok(())
}

/// The transport can, or cannot, be sent to.
pub fn set_sending(state: &mut State, key: TransportKey, sending: bool, now: f64) {
    let transport = &mut state.transports[key];
    transport.sending = sending;
    let consumers: Vec<ConsumerKey> = transport.consumers.values().copied().collect();
    for consumer in consumers {
        if sending {
            choose(state, consumer, now);
        } else {
            silence(state, consumer);
        }
    }
}

/// Take a remote out with everything that belongs to it.
pub fn remove_transport(state: &mut State, key: TransportKey) {
    let transport = &state.transports[key];
    let consumers: Vec<ConsumerKey> = transport.consumers.values().copied().collect();
    let producers: Vec<ProducerKey> = transport.producers.values().copied().collect();
    for consumer in consumers {
        remove_consumer(state, consumer);
    }
    for producer in producers {
        remove_producer(state, producer);
    }
    if let Some(transport) = state.transports.remove(key) {
        state.transport_ids.remove(transport.id);
    }
    for timer in [
        Timer::Arrivals(key),
        Timer::Reports(key),
        Timer::Congestion(key),
        Timer::Allocation(key),
    ] {
        state.agenda.cancel(timer);
    }
}

/// Put the consumer on the layer that its selection asks for, or keep it.
pub fn choose(state: &mut State, key: ConsumerKey, now: f64) {
    let consumer = &state.consumers[key];
    let sending = state.transports[consumer.transport].sending;
    let from = consumer
        .producer
        .filter(|_| sending && !consumer.selection.paused);
    let Some(from) = from else {
        silence(state, key);
        return;
    };
    let producer = &state.producers[from];
    let own = |layer: &LayerKey| state.layers[*layer].producer == producer.id;
    let layer = match &consumer.selection.rid {
        Some(rid) if producer.simulcast => producer.layer(rid),
        _ => match consumer.target.filter(own) {
            Some(target) => Some(target),
            None => producer.cheapest(&mut state.layers, now),
        },
    };
    cap(state, key, now);
    if let Some(layer) = layer {
        aim(state, key, layer, now);
    }
}

/// Let the consumer follow `layer` as soon as it can.
pub fn aim(state: &mut State, key: ConsumerKey, layer: LayerKey, now: f64) {
    let consumer = &mut state.consumers[key];
    let (sends, target) = (consumer.follows(), consumer.target);
    let on_it = sends && consumer.layer == Some(layer);
    if target == Some(layer) && on_it {
        return;
    }
    if let Some(before) = target.filter(|&target| target != layer) {
        if let Some(before) = state.layers.get_mut(before) {
            before.audience.waiting.remove(key);
        }
    }
    if on_it {
        consumer.target = Some(layer);
        return;
    }
    if target != Some(layer) || !state.layers[layer].audience.waiting.contains(key) {
        delivery::await_key(state, key, layer, !sends);
    }
    if !delivery::try_begin(state, key, layer, now, None) {
        state.want_key(layer, now);
    }
}

/// The first packets of a layer came: consumers without any may take it, and those that it
/// was fetched for need not wait for their next turn.
pub fn layer_began(state: &mut State, layer: LayerKey, now: f64) {
    let id = state.layers[layer].producer;
    let everybody: Vec<ConsumerKey> = state.consumer_ids.values().copied().collect();
    for key in everybody {
        let consumer = &state.consumers[key];
        let from = consumer.producer.map(|from| &state.producers[from]);
        let Some(from) = from.filter(|from| from.id == id) else {
            continue;
        };
        if consumer.target.is_none() {
            choose(state, key, now);
        } else if from.pull.is_some() && state.transports[consumer.transport].sender.is_some() {
            let timer = Timer::Allocation(consumer.transport);
            state.agenda.no_later(timer, now);
        }
    }
}

pub fn follow(
    state: &mut State,
    key: ConsumerKey,
    from: ProducerKey,
    now: f64,
) -> Result<(), Refused> {
    let (consumer, producer) = (&mut state.consumers[key], &mut state.producers[from]);
    check_kind(consumer.id, consumer.kind, producer)?;
    let before = consumer.producer.replace(from);
    consumer.wishes = Vec::new();
    consumer.upcoming = producer.profile(&consumer.agreed, &mut state.profiles);
    let transport = &mut state.transports[consumer.transport];
    transport.numbering |= consumer.upcoming.numbered > 0;
    choose(state, key, now);
    pulling::changed(state, before);
    pulling::changed(state, Some(from));
    Ok(())
}

fn select(
    state: &mut State,
    key: ConsumerKey,
    selection: Selection,
    now: f64,
) -> Result<(), Refused> {
    let consumer = &mut state.consumers[key];
    let from = consumer.producer;
    let simulcast = from
        .map(|from| &state.producers[from])
        .filter(|p| p.simulcast);
    if let (Some(rid), Some(producer)) = (&selection.rid, simulcast) {
        if producer.layer(rid).is_none() {
            let said = format!("consumer {} has no layer '{rid}' to get", consumer.id);
            return Err(Refused::State(said));
        }
    }
    consumer.selection = selection;
    choose(state, key, now);
    pulling::changed(state, from);
    Ok(())
}

/// Let the filter follow the caps of selection and bandwidth.
pub fn cap(state: &mut State, key: ConsumerKey, now: f64) {
    let consumer = &mut state.consumers[key];
    let spatial = lower(consumer.selection.max_spatial, consumer.max_spatial);
    let temporal = lower(consumer.selection.max_temporal, consumer.max_temporal);
    let capped = spatial.is_some() || temporal.is_some();
    let Some(filter) = &mut consumer.filter else {
        consumer.filter = capped.then(|| LayerFilter::new(spatial, temporal));
        return;
    };
    filter.cap(spatial, temporal);
    if !capped && filter.idle() {
        consumer.filter = None;
    } else if let Some(layer) = consumer.layer.filter(|_| filter.needs_key()) {
        state.want_key(layer, now);
    }
}

/// The consumer began with a layer; `before` is the one that it had.
pub fn started(state: &mut State, key: ConsumerKey, before: Option<LayerKey>, now: f64) {
    let consumer = &mut state.consumers[key];
    let Some(source) = consumer.layer else {
        return;
    };
    let layer = &mut state.layers[source];
    consumer.key_sent_at = now;
    let (id, from, to) = (consumer.id, consumer.producer, consumer.transport);
    let stale = layer
        .keys
        .arrived
        .is_some_and(|at| now - at > state.config.cache_fresh_s);
    if before != Some(source) || consumer.announced.as_ref() != Some(&layer.rid) {
        let rid = Some(layer.rid.clone());
        consumer.announced.clone_from(&rid);
        state.emit(ForwardingEvent::LayerSwitched { consumer: id, rid });
        pulling::changed(state, from);
    }
    if stale {
        state.layers[source].keys.refresh();
        state.watch(source, now);
    }
    // with the first packets, so that the player need not guess (RFC 0003 section 5)
    state.agenda.at(Timer::Reports(to), now);
}

pub fn silence(state: &mut State, key: ConsumerKey) {
    delivery::detach(state, key);
    let consumer = &mut state.consumers[key];
    consumer.target = None;
    if mem::take(&mut consumer.announced).is_some() {
        let consumer = consumer.id;
        state.emit(ForwardingEvent::LayerSwitched {
            consumer,
            rid: None,
        });
    }
}

/// The transport of an id that control named.
pub fn transport(state: &State, id: TransportId) -> Result<TransportKey, Refused> {
    let found = state.transport_ids.get(id).copied();
    found.ok_or_else(|| Refused::State(format!("transport {id} is unknown")))
}

pub fn producer(state: &State, id: ProducerId) -> Result<ProducerKey, Refused> {
    let found = state.producer_ids.get(id).copied();
    found.ok_or_else(|| Refused::State(format!("producer {id} is unknown")))
}

fn consumer(state: &State, id: ConsumerId) -> Result<ConsumerKey, Refused> {
    let found = state.consumer_ids.get(id).copied();
    found.ok_or_else(|| Refused::State(format!("consumer {id} is unknown")))
}

pub fn check_kind(id: ConsumerId, kind: MediaKind, producer: &Producer) -> Result<(), Refused> {
    if kind == producer.kind {
        return Ok(());
    }
    let said = format!("consumer {id} is not {}", producer.kind.name());
    Err(Refused::State(said))
}

fn lower(a: Option<u8>, b: Option<u8>) -> Option<u8> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}
