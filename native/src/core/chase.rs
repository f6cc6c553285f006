//! Who is behind the newest packet: it reads on in its layer's history.
//!
//! Whoever is not LIVE has a cursor into the history instead of a queue of its own: a slow
//! or new consumer costs no memory, and what it skips was never copied.  Slow ones are
//! bounded in time; one that falls further behind waits for the next key frame, alone (RFC
//! 0003 section 8).

use std::sync::Arc;

use super::agenda::Timer;
use super::consumer::Phase;
use super::delivery::{await_key, send, settle};
use super::ids::{ConsumerKey, LayerKey};
use super::packet::{Batch, Packet};
use super::replay;
use super::state::State;
use crate::congestion::pacer::Priority;

const CHUNK: usize = 4;

/// A replay that lags less goes on in order when a key frame comes, instead of jumping to
/// it.
pub const BEHIND_S: f64 = 0.1;

const EPSILON_S: f64 = 0.0005;

/// Send from the history as much as may leave now.
pub fn chase(state: &mut State, key: ConsumerKey, now: f64) {
    let Some(source) = state.consumers[key].layer else {
        return;
    };
    settle(state, source, now);
    if state.consumers[key].phase != Phase::Chasing || !keep_up(state, key, source, now) {
        return;
    }
    while state.consumers[key].cursor <= state.layers[source].history.head {
        let ready_at = ready_at(state, key, now);
        if ready_at > now + EPSILON_S {
            let wake_at = ready_at.max(now + state.config.replay_step_s);
            state.agenda.at(Timer::Chase(key), wake_at);
            return;
        }
        send_chunk(state, key, source, now);
    }
    let consumer = &mut state.consumers[key];
    consumer.replaying = false;
    let segment = consumer.numbering.segment();
    if segment.is_some_and(|segment| segment.ahead.is_some()) {
        return; // what was written is later than the newest: the next one meets it
    }
    consumer.phase = Phase::Live;
    let audience = &mut state.layers[source].audience;
    audience.join_live(key, &consumer.profile);
}

/// The next few packets of one frame.
fn send_chunk(state: &mut State, key: ConsumerKey, source: LayerKey, now: f64) {
    let (layer, consumer) = (&state.layers[source], &mut state.consumers[key]);
    let mut packets = layer.history.from(consumer.cursor).peekable();
    let frame = packets.peek().map(|packet| packet.timestamp);
    let same = packets.take_while(|packet| Some(packet.timestamp) == frame);
    let chunk: Vec<Arc<Packet>> = same.take(CHUNK).cloned().collect();
    let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else {
        consumer.cursor = layer.history.head + 1;
        return;
    };
    consumer.cursor = last.number + 1;
    replay::place(consumer, layer, first, &state.config, now);
    let batch = Batch::new(chunk);
    if let Some(pace) = &mut consumer.pace {
        pace.spent(batch.size, now);
    }
    send(state, key, &batch, None, now);
}

fn ready_at(state: &State, key: ConsumerKey, now: f64) -> f64 {
    let consumer = &state.consumers[key];
    let kind = if consumer.replaying {
        Priority::Replay
    } else {
        Priority::Live
    };
    let ready_at = state.transports[consumer.transport].ready_at(now, kind);
    let pace = consumer.pace.as_ref();
    pace.map_or(ready_at, |pace| ready_at.max(pace.ready_at))
}

/// Go on, jump to a newer key frame, or give up when too far behind (false).
///
/// A replay is cut short where it can be.  Who was live misses nothing that it can still
/// get in time: a burst after a silence is no reason to skip pictures.
fn keep_up(state: &mut State, key: ConsumerKey, source: LayerKey, now: f64) -> bool {
    let lag_s = age_s(state, source, state.consumers[key].cursor, now);
    let (layer, consumer) = (&state.layers[source], &state.consumers[key]);
    let late = consumer.cursor < layer.history.floor || lag_s > consumer.lag_max_s;
    let hurries = late || (consumer.replaying && lag_s > BEHIND_S);
    let newer = hurries.then(|| newer_key(state, source, consumer.cursor, now));
    let (layer, consumer) = (&mut state.layers[source], &mut state.consumers[key]);
    if let Some(pin) = newer.flatten() {
        replay::jump(consumer, pin);
        consumer.pace = None;
        consumer.replaying = false;
        consumer.lag_max_s = state.config.slow_consumer_s;
        return true;
    }
    if !late {
        return true;
    }
    consumer.overflows += 1;
    layer.audience.leave(key, &consumer.profile);
    consumer.phase = Phase::Waiting;
    // who is on its way to another layer would wait here for good, though this one may be of
    // a publisher that went
    let target = consumer.target.unwrap_or(source);
    await_key(state, key, target, target != source);
    state.want_key(target, now);
    false
}

/// The key frame behind `cursor`, if it is young enough to go on with.
fn newer_key(state: &State, layer: LayerKey, cursor: i64, now: f64) -> Option<i64> {
    let pin = state.layers[layer]
        .history
        .pin
        .filter(|&pin| pin > cursor)?;
    let young = age_s(state, layer, pin, now) <= state.config.slow_consumer_s;
    young.then_some(pin)
}

/// How long ago the first packet from `number` on arrived.
pub fn age_s(state: &State, layer: LayerKey, number: i64, now: f64) -> f64 {
    let first = state.layers[layer].history.from(number).next();
    first.map_or(0.0, |first| now - first.arrival)
}
