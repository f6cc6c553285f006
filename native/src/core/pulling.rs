//! Which layers of a simulcast track are asked of the mesh (RFC 0003 section 13.7).
//!
//! A node that only watches need not have every layer of a stream: what its viewers get or
//! are about to get is enough.  So each producer that legs feed keeps a list of rids that
//! are *pulled*, and control is told when it changes (`LayersWanted`).  Additions are told
//! soon, removals after they were of no use for a while, because a layer that comes and
//! goes costs a key frame each time.

use super::agenda::Timer;
use super::consumer::Consumer;
use super::events::ForwardingEvent;
use super::ids::{ConsumerKey, ProducerKey};
use super::producer::Producer;
use super::pull::{note, of, Pull};
use super::relay;
use super::state::{State, BREATH_S};
use super::table::Rid;

/// Between two words to control: a stream of selections must not be one of records.
const GAP_S: f64 = 0.1;

/// A layer stays pulled so long after its last use: estimates swing within seconds.
const HOLD_S: f64 = 2.0;

/// A pulled layer that brought nothing so long, while the stream flows, is not sent by
/// anybody: a way up the tree takes less than half of it.
const BARREN_S: f64 = 2.0;

/// Until a barren layer is considered anew: encoders resume layers within minutes.
const RETRY_S: f64 = 30.0;

/// A stream flows while its newest packet is younger.
const FLOWING_S: f64 = 0.5;

/// Something about a producer's consumers changed.
pub fn changed(state: &mut State, key: Option<ProducerKey>) {
    let Some(key) = key else {
        return;
    };
    let producer = state.producers.get(key);
    if let Some(pull) = producer.and_then(|producer| producer.pull.as_ref()) {
        state
            .agenda
            .no_later(Timer::Pull(key), pull.told_at + GAP_S);
    }
}

/// Automatic choice: the consumer could do with these.
pub fn wish(state: &mut State, key: ConsumerKey, rids: Vec<Rid>) {
    let consumer = &mut state.consumers[key];
    if consumer.wishes != rids {
        consumer.wishes = rids;
        let producer = consumer.producer;
        changed(state, producer);
    }
}

/// Look what is of use, and tell if that changed.
pub fn due(state: &mut State, key: ProducerKey, now: f64) {
    let Some(mut pull) = state.producers[key].pull.take() else {
        return;
    };
    judge(state, key, &mut pull, now);
    let wanted = wanted(state, key, &pull, now);
    for rid in pull.wanted.iter().chain(&wanted) {
        note(&mut pull.used, rid, now);
    }
    pull.wanted = wanted;
    let held = held(&pull, now);
    let needed = |rid: &&Rid| pull.wanted.contains(rid) || held.contains(rid);
    let mut told: Vec<Rid> = pull.rids.iter().filter(needed).cloned().collect();
    if told.is_empty() {
        told.extend(pull.rids.first().cloned());
    }
    if told.iter().ne(pull.told.iter().map(|entry| &entry.0)) {
        let since = |rid: &Rid| of(&pull.told, rid).unwrap_or(now);
        pull.told = told.iter().map(|rid| (rid.clone(), since(rid))).collect();
        pull.told_at = now;
        let producer = state.producers[key].id;
        state.emit(ForwardingEvent::LayersWanted {
            producer,
            rids: told,
        });
    }
    if let Some(soonest) = soonest(state, key, &pull, &held, now) {
        // why not at once: what is held until now may be held by a rounding yet
        let when = soonest.max(now + BREATH_S);
        state.agenda.no_later(Timer::Pull(key), when);
    }
    state.producers[key].pull = Some(pull);
}

/// What was told and is wanted no more, but was of use a moment ago.
fn held(pull: &Pull, now: f64) -> Vec<Rid> {
    let told = pull.told.iter().map(|entry| &entry.0);
    let idle = told.filter(|rid| !pull.wanted.contains(rid));
    let fresh = |rid: &&Rid| now - of(&pull.used, rid).unwrap_or(f64::NEG_INFINITY) < HOLD_S;
    idle.filter(fresh).cloned().collect()
}

/// When something may change by itself.
fn soonest(state: &State, key: ProducerKey, pull: &Pull, held: &[Rid], now: f64) -> Option<f64> {
    let producer = &state.producers[key];
    let ends = held
        .iter()
        .filter_map(|rid| Some(of(&pull.used, rid)? + HOLD_S));
    let missing = pull.told.iter().filter(|(rid, since)| {
        pull.wanted.contains(rid) && last_arrival(state, producer, rid) < *since
    });
    let looks = missing.map(|_| now + BARREN_S / 2.0);
    ends.chain(looks).reduce(f64::min)
}

fn last_arrival(state: &State, producer: &Producer, rid: &str) -> f64 {
    let layer = producer.layer(rid).and_then(|key| state.layers.get(key));
    layer.map_or(0.0, |layer| layer.last_arrival)
}

/// Find layers that nobody sends.
fn judge(state: &State, key: ProducerKey, pull: &mut Pull, now: f64) {
    let producer = &state.producers[key];
    for (rid, since) in &pull.told {
        let layer = producer.layer(rid).map(|key| &state.layers[key]);
        let silent = layer.filter(|layer| layer.last_arrival < *since);
        let times = silent.and_then(|layer| relay::times(state, layer.slot?));
        let Some((began, fresh)) = times else {
            continue;
        };
        if now - since.max(began) >= BARREN_S && now - fresh < FLOWING_S {
            note(&mut pull.barren, rid, now + RETRY_S);
        }
    }
}

/// What the producer's consumers have use for, in the order in which they came.
fn wanted(state: &State, key: ProducerKey, pull: &Pull, now: f64) -> Vec<Rid> {
    let mut found: Vec<Rid> = Vec::new();
    for key_of in state.consumer_ids.values() {
        let consumer = &state.consumers[*key_of];
        if consumer.producer == Some(key) && !consumer.selection.paused {
            for rid in wishes(state, consumer, key, pull, now) {
                if !found.contains(&rid) {
                    found.push(rid);
                }
            }
        }
    }
    found
}

/// What one consumer gets, and what it would take.
fn wishes(state: &State, consumer: &Consumer, key: ProducerKey, pull: &Pull, now: f64) -> Vec<Rid> {
    let id = state.producers[key].id;
    let followed = consumer.layer.filter(|_| consumer.follows());
    let followed = followed.map(|layer| &state.layers[layer]);
    let own = followed.filter(|layer| layer.producer == id);
    let mut found: Vec<Rid> = own.map(|layer| layer.rid.clone()).into_iter().collect();
    if let Some(rid) = consumer.selection.rid.as_ref() {
        if pull.rids.contains(rid) {
            found.push(rid.clone());
            return found;
        }
    }
    let mut sent = pull.rids.iter().filter(|rid| !pull.is_barren(rid, now));
    let wished = consumer.wishes.iter();
    let mut wished = wished
        .filter(|wish| sent.clone().any(|rid| rid == *wish))
        .peekable();
    if wished.peek().is_some() {
        found.extend(wished.cloned());
    } else {
        found.extend(sent.next().or(pull.rids.first()).cloned());
    }
    found
}
