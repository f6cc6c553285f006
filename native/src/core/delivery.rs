//! From layers to consumers: the loop that everything else is arranged for.
//!
//! What arrived at a layer since the last flush is one batch.  It is rendered once per
//! profile and stamped per consumer, consumers outside and packets inside, so that each
//! consumer's packets leave as one burst (RFC 0003 section 7).
//!
//! Whoever is not LIVE reads on in the layer's history (`chase`).

use std::mem;
use std::sync::Arc;

use super::audience::Group;
use super::chase::{age_s, chase, BEHIND_S};
use super::consumer::Phase;
use super::emission::Emitter;
use super::ids::{ConsumerKey, LayerKey};
use super::packet::{equalise, Batch, Packet};
use super::profile::Profile;
use super::rendering::Rendering;
use super::state::State;
use super::{relay, replay, routing};
use crate::wire::parameters::MediaKind;

/// Send what arrived at the layer, and begin with who waits for it.
pub fn flush(state: &mut State, key: LayerKey, now: f64) {
    let Some(layer) = state.layers.get_mut(key) else {
        return;
    };
    if layer.audience.epoch != layer.epoch {
        begin_anew(state, key, now);
    }
    let packets = mem::take(&mut state.layers[key].pending);
    let first = (!packets.is_empty()).then(|| deliver(state, key, packets, now));
    let waiting: Vec<ConsumerKey> = state.layers[key].audience.waiting.keys().collect();
    for consumer in waiting {
        try_begin(state, consumer, key, now, first);
    }
}

/// Send a batch to who listens; the lowest number of it.
fn deliver(state: &mut State, key: LayerKey, mut packets: Vec<Arc<Packet>>, now: f64) -> i64 {
    let layer = &mut state.layers[key];
    let limit = state.config.equalise_bytes;
    let history = &mut layer.history;
    equalise(&mut packets, limit, |packet, octets| {
        history.padded(packet, octets);
    });
    if let Some(slot) = layer.slot {
        relay::pass_on(state, slot, &packets);
    }
    let batch = Batch::new(packets);
    let audience = &state.layers[key].audience;
    // who falls behind meanwhile has the batch already
    let chasing: Vec<ConsumerKey> = audience.chasing.keys().collect();
    if !audience.live.is_empty() {
        live(state, key, &batch, now);
        if batch.first <= state.layers[key].delivered {
            secure(state, key, &batch, now);
        }
    }
    let delivered = &mut state.layers[key].delivered;
    *delivered = batch.newest().number.max(*delivered);
    for consumer in chasing {
        late(state, consumer, &batch, now);
        chase(state, consumer, now);
    }
    batch.first
}

/// Let the consumer begin with a layer at its next key frame, or with the `cached` one.
pub fn await_key(state: &mut State, key: ConsumerKey, target: LayerKey, cached: bool) {
    let consumer = &mut state.consumers[key];
    if let Some(before) = consumer.target.filter(|&before| before != target) {
        if let Some(before) = state.layers.get_mut(before) {
            before.audience.waiting.remove(key);
        }
    }
    let layer = &mut state.layers[target];
    consumer.target = Some(target);
    consumer.wanted_key = if cached { 0 } else { layer.keys.count + 1 };
    layer.audience.waiting.insert(key, ());
}

/// Begin with the layer if it has what the consumer waits for.
///
/// `first` is the number from which on nobody was sent anything yet; where key frames do
/// not matter the consumer begins with it, or with the newest packet.
pub fn try_begin(
    state: &mut State,
    key: ConsumerKey,
    source: LayerKey,
    now: f64,
    first: Option<i64>,
) -> bool {
    settle(state, source, now);
    let (layer, consumer) = (&state.layers[source], &state.consumers[key]);
    let start = match layer.newest {
        // one batch may be more than there is room for
        Some(newest) if layer.live_from_anywhere => {
            layer.history.oldest(first.unwrap_or(newest.number))
        }
        _ if layer.keys.count < consumer.wanted_key => None,
        _ => layer.history.pin,
    };
    let Some(start) = start.filter(|_| state.transports[consumer.transport].sending) else {
        return false;
    };
    detach(state, key);
    let consumer = &mut state.consumers[key];
    let before = consumer.layer;
    consumer.profile = Arc::clone(&consumer.upcoming);
    if !replay::begin(state, key, source, start, now) {
        return false;
    }
    let age_s = age_s(state, source, start, now);
    let consumer = &mut state.consumers[key];
    consumer.phase = Phase::Chasing;
    consumer.replaying = age_s > BEHIND_S;
    consumer.lag_max_s = age_s + state.config.slow_consumer_s;
    let layer = &mut state.layers[source];
    let replaying = consumer.replaying;
    consumer.pace = replaying.then(|| replay::pace_of(layer, start, &state.config, now));
    layer.audience.chasing.insert(key, ());
    routing::started(state, key, before, now);
    chase(state, key, now);
    true
}

/// Take the consumer out of every audience; it sends nothing any more.
pub fn detach(state: &mut State, key: ConsumerKey) {
    let consumer = &mut state.consumers[key];
    for layer in [consumer.layer, consumer.target].into_iter().flatten() {
        if let Some(layer) = state.layers.get_mut(layer) {
            layer.audience.waiting.remove(key);
            layer.audience.leave(key, &consumer.profile);
        }
    }
    consumer.phase = Phase::Silent;
}

/// Packets that still wait for the flush are in the history already: who reads on there
/// meanwhile would get them twice, under the same indices.
pub fn settle(state: &mut State, key: LayerKey, now: f64) {
    let layer = state.layers.get(key);
    if layer.is_some_and(|layer| !layer.pending.is_empty()) {
        flush(state, key, now);
    }
}

fn live(state: &mut State, key: LayerKey, batch: &Batch, now: f64) {
    let layer = &mut state.layers[key];
    let gated = layer.kind == MediaKind::Video;
    // nobody comes or goes while a batch is sent
    let groups = mem::take(&mut layer.audience.live);
    let (mut behind, mut headers) = (Vec::new(), mem::take(&mut state.headers));
    for group in groups.values() {
        let Group { profile, members } = group;
        let whole = render(profile, batch, &mut headers, now);
        for consumer in members.keys() {
            let transport = state.consumers[consumer].transport;
            if gated && !state.transports[transport].admit(now) {
                behind.push(consumer);
            } else {
                send(state, consumer, batch, whole.then_some(&headers), now);
            }
        }
    }
    state.layers[key].audience.live = groups;
    state.headers = headers;
    for consumer in behind {
        fall_behind(state, consumer, key, batch, now);
    }
}

/// Render the batch, if viewers of this kind take all of it.
fn render(profile: &Profile, batch: &Batch, headers: &mut Rendering, now: f64) -> bool {
    let whole = batch.whole && profile.knows_all(batch.types);
    if whole {
        headers.clear();
        for packet in &batch.packets {
            profile.render(packet, now, headers);
        }
    }
    whole
}

fn fall_behind(state: &mut State, key: ConsumerKey, layer: LayerKey, batch: &Batch, now: f64) {
    let audience = &mut state.layers[layer].audience;
    let consumer = &mut state.consumers[key];
    audience.leave(key, &consumer.profile);
    audience.chasing.insert(key, ());
    consumer.phase = Phase::Chasing;
    consumer.cursor = consumer.numbering.reached_in + 1;
    consumer.pace = None;
    consumer.lag_max_s = state.config.slow_consumer_s;
    late(state, key, batch, now);
    chase(state, key, now);
}

/// Packets behind a chasing consumer's cursor would else never be sent.
fn late(state: &mut State, key: ConsumerKey, batch: &Batch, now: f64) {
    let cursor = state.consumers[key].cursor;
    if batch.first >= cursor {
        return;
    }
    let late = batch.packets.iter().filter(|packet| packet.number < cursor);
    let late: Vec<Arc<Packet>> = late.cloned().collect();
    one_by_one(state, key, &late, now);
}

/// A packet that was late for us must not be lost once more on a lossy path.
fn secure(state: &mut State, key: LayerKey, batch: &Batch, now: f64) {
    let layer = &state.layers[key];
    let delivered = layer.delivered;
    let groups = layer.audience.live.values();
    let everybody = groups.flat_map(|group| group.members.keys());
    let lossy: Vec<ConsumerKey> = everybody
        .filter(|&consumer| state.consumers[consumer].lossy())
        .collect();
    for consumer in lossy {
        for packet in batch.packets.iter().filter(|p| p.number <= delivered) {
            let segment = state.consumers[consumer].numbering.find(packet.number);
            if let Some(segment) = segment.filter(|_| !packet.payload.is_empty()) {
                let index = packet.number + segment.sequence;
                state.repeat_soon(consumer, index, now);
            }
        }
    }
}

/// One batch to one consumer; `headers` are the batch's, where its profile has some.
pub fn send(
    state: &mut State,
    key: ConsumerKey,
    batch: &Batch,
    headers: Option<&Rendering>,
    now: f64,
) {
    state.serving = Some(key);
    let consumer = &mut state.consumers[key];
    let Some(segment) = consumer.numbering.segment() else {
        return;
    };
    let in_part = consumer.filter.is_some() || segment.ahead.is_some();
    let known = batch.whole && consumer.profile.knows_all(batch.types);
    if in_part || batch.first < segment.start || !known {
        one_by_one(state, key, &batch.packets, now);
        return;
    }
    let number = state.transports[consumer.transport].number;
    let out = &mut state.out.viewers;
    if let Some(headers) = headers {
        consumer.emit_run(batch, headers, number, out);
    } else {
        let scratch = &mut state.scratch;
        render(&consumer.profile, batch, scratch, now);
        consumer.emit_run(batch, scratch, number, out);
    }
    state.depart(key, batch.size, now);
}

fn one_by_one(state: &mut State, key: ConsumerKey, packets: &[Arc<Packet>], now: f64) {
    let consumer = &mut state.consumers[key];
    let mut emitter = Emitter {
        out: &mut state.out.viewers,
        scratch: &mut state.scratch,
        number: state.transports[consumer.transport].number,
        now,
    };
    consumer.emit_each(packets, &mut emitter);
    let open = state.out.viewers.open().iter();
    let size = open.map(|packet| packet.payload.len()).sum();
    state.depart(key, size, now);
}

/// The layer's source changed: everybody begins again, at a key frame.
fn begin_anew(state: &mut State, key: LayerKey, now: f64) {
    let layer = &mut state.layers[key];
    layer.audience.epoch = layer.epoch;
    for follower in layer.audience.followers() {
        let audience = &mut state.layers[key].audience;
        let consumer = &mut state.consumers[follower];
        audience.leave(follower, &consumer.profile);
        consumer.phase = Phase::Waiting;
        if consumer.target == Some(key) {
            await_key(state, follower, key, true);
        }
    }
    if !state.layers[key].audience.waiting.is_empty() {
        state.want_key(key, now);
    }
}
