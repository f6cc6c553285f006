//! Silence and the second leg: what a plane decides on its own (RFC 0003 section 13.5).
//!
//! A stream is silent when nothing new came over any leg for a while.  When the active leg
//! is dead - its node gives no sign of life either - and heartbeats of the standby show that
//! there is more, the standby becomes the active leg at once; the brain hears of it
//! afterwards.  When the parent lives, only its own subtree can tell more, so the brain
//! decides.  At the origin the same silence is the publisher's.
//!
//! Whoever judges late was away itself: a driver takes what waits in its sockets before it
//! lets deadlines come due, so silence is the neighbour's and not our own.

use super::tables::{rtt_s, UpperKey};
use super::{beats, ingress};
use crate::core::agenda::Timer;
use crate::core::events::Event;
use crate::core::ids::{NeighbourKey, StreamKey};
use crate::core::relay_table::{PlaneNotice, Second};
use crate::core::state::State;

/// Between two looks at a silence that goes on: a step of the common grid.
const AGAIN_S: f64 = 0.025;
/// A silence is at least so many of the stream's usual gaps.
const GAPS: f64 = 3.0;
/// A keep-alive may be so many times later than keep-alives use to be.
const LATENESSES: f64 = 4.0;
/// A heartbeat that is older says nothing about a standby: four went missing.
const BEATS_KNOWN_S: f64 = 0.2;

/// Look whether the stream is silent, and set the next look.
pub fn judge(state: &mut State, key: StreamKey, now: f64) {
    let Some(stream) = state.relays.streams.get(key) else {
        return;
    };
    if stream.origin {
        let quiet_s = now - stream.fresh;
        if !stream.silent && quiet_s >= patience_s(state, key) {
            tell(state, key, false);
        }
    } else if stream.active.is_some() {
        legs(state, key, now);
    }
    arm(state, key, now);
}

fn legs(state: &mut State, key: StreamKey, now: f64) {
    let stream = &state.relays.streams[key];
    if stream.waiting && now >= stream.activate_at {
        // why again: an Activate is a datagram, and may have been lost
        beats::activate(state, key, now);
    }
    let Some(active) = state.relays.streams[key].active else {
        return;
    };
    let alive = is_alive(state, state.relays.uppers[active].neighbour, now);
    if !alive && take_second(state, key, active, now) {
        return;
    }
    let stream = &state.relays.streams[key];
    let quiet_s = now - stream.fresh.max(stream.began);
    if quiet_s < patience_s(state, key) {
        return;
    }
    if !stream.silent || (stream.stalled && !alive) {
        tell(state, key, alive);
    }
}

/// Make the second leg the active one, if it has what the active one lacks.
fn take_second(state: &mut State, key: StreamKey, active: UpperKey, now: f64) -> bool {
    let stream = &state.relays.streams[key];
    let Some(second) = stream.second else {
        return false;
    };
    let (upper, since) = (
        &state.relays.uppers[second],
        state.relays.uppers[active].since,
    );
    if now < stream.began.max(since) + state.config.silence_of_legs_s {
        return false;
    }
    let standby = upper.purpose == Some(Second::Standby);
    let ready = if standby {
        is_ahead(state, key, second, now)
    } else {
        let carries = is_alive(state, upper.neighbour, now) && upper.packets > 0;
        upper.purpose == Some(Second::Dual) && carries
    };
    if !ready {
        return false;
    }
    let rtt_s = rtt_s(state, upper.neighbour);
    state.relays.uppers[second].purpose = None;
    state.relays.forget(active);
    let parent = ingress::node(state, second);
    let stream = &mut state.relays.streams[key];
    (stream.active, stream.second) = (Some(second), None);
    stream.silent = false;
    stream.began = now;
    let notice = PlaneNotice::Activated {
        stream: stream.id.clone(),
        parent,
        sequence: stream.newest + 1,
    };
    if standby {
        // why later: the Activate must get there, and the packets come back
        stream.began += rtt_s;
        stream.waiting = true;
        beats::activate(state, key, now);
    }
    state.events.push(Event::Notice(notice));
    super::watch_all(state, key, now);
    true
}

fn is_ahead(state: &State, key: StreamKey, second: UpperKey, now: f64) -> bool {
    let (stream, upper) = (&state.relays.streams[key], &state.relays.uppers[second]);
    let config = &state.config;
    if now < stream.fresh + config.silence_of_legs_s || now - upper.told_at > BEATS_KNOWN_S {
        return false;
    }
    upper.told >= stream.newest + config.activate_packets as i64
}

fn is_alive(state: &State, key: NeighbourKey, now: f64) -> bool {
    now < dead_at(state, key)
}

/// When a neighbour counts as dead if nothing more comes from it.
fn dead_at(state: &State, key: NeighbourKey) -> f64 {
    let (config, neighbour) = (&state.config, &state.relays.neighbours[key]);
    let usual_s = config.keep_alive_s + LATENESSES * neighbour.jitter_s;
    neighbour.heard + config.silence_of_legs_s.max(usual_s)
}

fn patience_s(state: &State, key: StreamKey) -> f64 {
    let gap_s = state.relays.streams[key].gap_s;
    state.config.silence_of_legs_s.max(GAPS * gap_s)
}

fn tell(state: &mut State, key: StreamKey, link_alive: bool) {
    let stream = &mut state.relays.streams[key];
    (stream.silent, stream.stalled) = (true, link_alive);
    let notice = PlaneNotice::Silent {
        stream: stream.id.clone(),
        link_alive,
    };
    state.events.push(Event::Notice(notice));
}

/// The next look: at the end of the shortest patience, or soon again.
fn arm(state: &mut State, key: StreamKey, now: f64) {
    let (stream, timer) = (&state.relays.streams[key], Timer::Judge(key));
    if stream.origin {
        if !stream.silent {
            let due = stream.fresh + patience_s(state, key);
            state.agenda.at(timer, due.max(now + AGAIN_S / 5.0));
        }
        return;
    }
    let Some(active) = stream.active else {
        return;
    };
    let moments = moments(state, key, active).into_iter().flatten();
    let ahead = moments.filter(|&at| at > now).reduce(f64::min);
    if let Some(at) = ahead {
        state.agenda.at(timer, at);
    } else if is_undecided(state, key) {
        state.agenda.again(timer, now + AGAIN_S);
    }
}

/// When what is judged can change by time alone.
fn moments(state: &State, key: StreamKey, active: UpperKey) -> [Option<f64>; 4] {
    let (stream, upper) = (&state.relays.streams[key], &state.relays.uppers[active]);
    let quiet_since = stream.fresh.max(stream.began);
    let least_s = state.config.silence_of_legs_s;
    let second = stream.second.is_some();
    [
        Some(quiet_since + patience_s(state, key)),
        second.then(|| quiet_since.max(upper.since) + least_s),
        // why to the moment: a step of the grid more is a third of a repair
        (second || stream.stalled).then(|| dead_at(state, upper.neighbour)),
        stream.waiting.then_some(stream.activate_at),
    ]
}

/// Whether time alone can change what is to be told.
fn is_undecided(state: &State, key: StreamKey) -> bool {
    let stream = &state.relays.streams[key];
    let pending = !stream.silent || stream.stalled || stream.waiting;
    pending || stream.second.is_some()
}
