//! Parents, as the brain says: the active leg of a stream, and the second one.

use super::deltas::{forget_idle, neighbour};
use super::tables::{block_of, rtt_s, Upper, UpperKey};
use super::{beats, ingress};
use crate::core::ids::{NodeId, StreamKey};
use crate::core::relay_table::Second;
use crate::core::state::State;
use crate::errors::Refused;

/// Packets come from `parent`; None: from nobody.
pub fn set_active(
    state: &mut State,
    key: StreamKey,
    parent: Option<NodeId>,
    alias: u32,
    now: f64,
) -> Result<(), Refused> {
    let stream = &state.relays.streams[key];
    let (active, second) = (stream.active, stream.second);
    if is(state, active, parent.as_ref(), alias) {
        return Ok(()); // the brain confirms what the plane did
    }
    release(state, active);
    let stream = &mut state.relays.streams[key];
    (stream.active, stream.waiting, stream.silent) = (None, false, false);
    stream.began = now;
    let Some(parent) = parent else {
        return Ok(());
    };
    let mut standby = false;
    let same = second.filter(|&second| ingress::node(state, second) == parent);
    if let Some(second) = same {
        let upper = &mut state.relays.uppers[second];
        state.relays.streams[key].second = None;
        if upper.alias == alias {
            standby = upper.purpose == Some(Second::Standby);
            (upper.purpose, upper.since) = (None, now);
            state.relays.streams[key].active = Some(second);
        } else {
            release(state, Some(second));
        }
    }
    let active = match state.relays.streams[key].active {
        Some(active) => active,
        None => upper(state, key, parent, alias, None, now)?,
    };
    let neighbour = state.relays.uppers[active].neighbour;
    let rtt_s = rtt_s(state, neighbour);
    let stream = &mut state.relays.streams[key];
    stream.active = Some(active);
    if standby {
        stream.began += rtt_s;
        stream.waiting = true;
        beats::activate(state, key, now);
    }
    super::watch_all(state, key, now);
    super::judge(state, key, now);
    ingress::receive_early(state, neighbour, now);
    Ok(())
}

/// Whether the upper leg is that of this parent under this alias.
fn is(state: &State, upper: Option<UpperKey>, parent: Option<&NodeId>, alias: u32) -> bool {
    let (Some(key), Some(parent)) = (upper, parent) else {
        return false;
    };
    state.relays.uppers[key].alias == alias && ingress::node(state, key) == *parent
}

/// The second leg and its use; `parent` None takes it away.
pub fn set_second(
    state: &mut State,
    key: StreamKey,
    parent: Option<NodeId>,
    purpose: Second,
    alias: u32,
    now: f64,
) -> Result<(), Refused> {
    let second = state.relays.streams[key].second;
    if is(state, second, parent.as_ref(), alias) {
        let known = second.map(|second| state.relays.uppers[second].purpose);
        if known == Some(Some(purpose)) {
            return Ok(());
        }
    }
    release(state, second);
    state.relays.streams[key].second = None;
    if let Some(parent) = parent {
        let second = upper(state, key, parent, alias, Some(purpose), now)?;
        state.relays.streams[key].second = Some(second);
        super::judge(state, key, now);
        let neighbour = state.relays.uppers[second].neighbour;
        ingress::receive_early(state, neighbour, now);
    }
    Ok(())
}

fn upper(
    state: &mut State,
    stream: StreamKey,
    parent: NodeId,
    alias: u32,
    purpose: Option<Second>,
    now: f64,
) -> Result<UpperKey, Refused> {
    let neighbour = neighbour(state, parent)?;
    let made = Upper::new(stream, neighbour, alias, purpose, now);
    let key = state.relays.uppers.insert(made);
    let known = &mut state.relays.neighbours[neighbour].uppers;
    known.extend(block_of(alias).map(|(slot, ssrc)| (ssrc, (key, slot))));
    Ok(key)
}

/// The leg brings nothing more.
pub fn release(state: &mut State, key: Option<UpperKey>) {
    let forgotten = key.and_then(|key| state.relays.forget(key));
    if let Some(upper) = forgotten {
        forget_idle(state, upper.neighbour);
    }
}
