//! After a fault of ours: what may be half changed is made anew from what is whole.
//!
//! A panic in the midst of a flush loses what was on its way through the machine: lists
//! that were taken out to be walked, packets between two tables, timers that were being
//! fired.  What a packet or a control call finished before is whole: the histories, each
//! consumer's numbering, the tables by id.  So the path is started again from these, not
//! patched: every list of listeners is made anew, and whoever was being sent to reads on
//! in the history right behind the last number that it was given (`chase`).  No number is
//! used twice, no key frame is waited for, and keys, links and congestion control stay
//! (RFC 0002 section 6.1).
//!
//! One whose own state is the fault would fail every turn and everybody with it: the
//! consumer that was being served at two faults in a row is silenced, and counted.

use super::agenda::Timer;
use super::audience::Audience;
use super::consumer::Phase;
use super::ids::ConsumerKey;
use super::state::State;

/// A timer whose firing was the fault gets another chance after this.
const RETRY_S: f64 = 1.0;

/// Start the path again.
pub fn recover(state: &mut State, now: f64) {
    let blamed = blame(state);
    state.out.abandon();
    state.scratch.clear();
    state.headers.clear();
    for layer in state.layers.values_mut() {
        // what waited to be sent is in the history already
        layer.pending.clear();
        layer.audience = Audience {
            epoch: layer.epoch,
            ..Audience::default()
        };
    }
    let consumers: Vec<ConsumerKey> = state.consumer_ids.values().copied().collect();
    for consumer in consumers {
        if Some(consumer) == blamed {
            state.consumers[consumer].phase = Phase::Silent;
            state.drops.count("consumer-given-up");
        } else {
            take_up(state, consumer, now);
        }
    }
    rearm(state, now);
    state.dirty = state.layers.keys().collect();
}

/// Who was being served when this fault came and when the last one did.
fn blame(state: &mut State) -> Option<ConsumerKey> {
    let served = state.serving.take();
    let before = std::mem::replace(&mut state.suspect, served);
    served.filter(|_| served == before)
}

/// Let the consumer read on where it was, or wait for what it waited for.
fn take_up(state: &mut State, key: ConsumerKey, now: f64) {
    let Some(consumer) = state.consumers.get_mut(key) else {
        return;
    };
    let follows = consumer.follows();
    if let Some(layer) = consumer.target.filter(|_| consumer.phase != Phase::Silent) {
        if let Some(layer) = state.layers.get_mut(layer) {
            if !follows || consumer.layer != consumer.target {
                layer.audience.waiting.insert(key, ());
            }
        }
    }
    let layer = consumer.layer.filter(|_| follows);
    if let Some(layer) = layer.and_then(|layer| state.layers.get_mut(layer)) {
        layer.audience.chasing.insert(key, ());
        consumer.phase = Phase::Chasing;
        consumer.cursor = consumer.numbering.reached_in + 1;
        consumer.pace = None;
        consumer.lag_max_s = consumer.lag_max_s.max(state.config.slow_consumer_s);
        state.agenda.no_later(Timer::Chase(key), now);
    }
}

/// Timers that were taken and not fired come again.
fn rearm(state: &mut State, now: f64) {
    let faulty = state.firing.pop();
    for timer in state.firing.drain(..) {
        state.agenda.no_later(timer, now);
    }
    if let Some(timer) = faulty {
        state.agenda.no_later(timer, now + RETRY_S);
    }
}
