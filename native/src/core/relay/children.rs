//! Children, as the brain says: legs begin, change and end.

use super::deltas::{forget_idle, neighbour};
use super::tables::{block_of, Leg};
use super::{beats, egress};
use crate::core::agenda::Timer;
use crate::core::events::Event;
use crate::core::ids::{LegKey, NodeId, StreamKey};
use crate::core::relay_table::{LayerMask, PlaneNotice};
use crate::core::state::State;
use crate::errors::Refused;

/// A standby child asks for packets from `order` on, at once.
pub fn activated(state: &mut State, key: LegKey, order: i64, now: f64) {
    let leg = &state.relays.legs[key];
    if !leg.standby {
        return; // said again, because our packets had not arrived yet
    }
    let (stream, neighbour) = (leg.stream, leg.neighbour);
    egress::settle(state, stream, now);
    state.relays.legs[key].standby = false;
    egress::begin(state, key, Some(order), now);
    beats::report(state, key, now);
    let notice = PlaneNotice::LegActivated {
        stream: state.relays.streams[stream].id.clone(),
        child: state.relays.neighbours[neighbour].node.clone(),
        sequence: order,
    };
    state.events.push(Event::Notice(notice));
}

/// What an `OpenLeg` says of its leg.
pub struct Opening {
    pub child: NodeId,
    pub alias: u32,
    pub layers: LayerMask,
    pub standby: bool,
}

/// A leg instead of the one that the child had.
pub fn open_leg(
    state: &mut State,
    key: StreamKey,
    opening: Opening,
    start: Option<i64>,
    now: f64,
) -> Result<(), Refused> {
    close_leg(state, key, &opening.child);
    let limit = state.config.legs_per_stream;
    if state.relays.streams[key].legs.len() >= limit {
        return Err(Refused::Limit("legs_per_stream", limit));
    }
    egress::settle(state, key, now);
    let Opening {
        child,
        alias,
        layers,
        standby,
    } = opening;
    let neighbour = neighbour(state, child.clone())?;
    let repairs = state.config.nacked_packets;
    let made = Leg::new(key, neighbour, alias, layers, standby, repairs);
    let leg = state.relays.legs.insert(made);
    state.relays.streams[key].legs.push((child, leg));
    let found = &mut state.relays.neighbours[neighbour];
    found.legs.push((key, leg));
    let block = block_of(alias);
    found
        .lowers
        .extend(block.map(|(slot, ssrc)| (ssrc, (leg, slot))));
    if !standby {
        egress::begin(state, leg, start, now);
        beats::report(state, leg, now);
    }
    beats::start(state, neighbour, now);
    Ok(())
}

/// Other layers, a pause or its end; a child without a leg is fine.
pub fn set_leg(
    state: &mut State,
    key: StreamKey,
    child: &NodeId,
    layers: LayerMask,
    pause_after: Option<i64>,
    now: f64,
) {
    let Some(leg_key) = state.relays.streams[key].leg(child) else {
        return;
    };
    egress::settle(state, key, now);
    let leg = &mut state.relays.legs[leg_key];
    let (before, held_from) = (leg.wanted, leg.held_from);
    leg.layers = layers;
    leg.hold(pause_after);
    egress::retune(state, leg_key, now, held_from);
    let leg = &state.relays.legs[leg_key];
    if leg.wanted & !before != 0 && !leg.standby {
        beats::report(state, leg_key, now);
    }
}

/// Send nothing more to `child`.
pub fn close_leg(state: &mut State, key: StreamKey, child: &NodeId) {
    let stream = &mut state.relays.streams[key];
    let Some(leg_key) = stream.leg(child) else {
        return;
    };
    stream.legs.retain(|known| known.1 != leg_key);
    state.agenda.cancel(Timer::Leg(leg_key));
    let Some(leg) = state.relays.legs.remove(leg_key) else {
        return;
    };
    if let Some(neighbour) = state.relays.neighbours.get_mut(leg.neighbour) {
        neighbour.legs.retain(|known| known.1 != leg_key);
        for (_, ssrc) in block_of(leg.alias) {
            neighbour.lowers.remove(&ssrc);
        }
    }
    forget_idle(state, leg.neighbour);
}
