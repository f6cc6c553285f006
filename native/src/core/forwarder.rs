//! The packet path as one pure machine (RFC 0003): the door to this part of the crate.
//!
//! A driver owns sockets, keys and time.  Its duties:
//!
//! 1. `add_transport` for every remote, and `set_sending(transport, true, now)` as soon as
//!    packets to it can be protected; before that its consumers wait and use no numbers.
//! 2. `program` every `PlaneDelta`.
//! 3. For each batch that the socket gave: `receive_rtp` and `receive_rtcp` with decrypted
//!    packets, then **one** `flush`.  Send the bursts in order; keep the protected packets
//!    of bursts that ask for it (`Burst::keep`).
//! 4. After `flush`: `poll_resend`, `poll_rtcp` and `poll_event` until they are empty.
//! 5. When `next_timeout` has come: `handle_timeout`, `flush` and the polls.
//!
//! Nothing that a remote sends is an error; what is refused is counted in `stats`.  Local
//! misuse and full tables are `Refused`.

use std::mem;

use rustc_hash::FxHashMap;

use super::agenda::Timer;
use super::audience::Audience;
use super::config::{ForwardingConfig, RandomSource};
use super::events::{Event, ForwardingEvent};
use super::ids::{
    ConsumerId, LayerKey, NodeId, ProducerId, ProducerKey, StreamId, TransportId, TransportKey,
};
use super::levels::{self, Levels};
use super::outputs::{Again, Departures, OutRtcp};
use super::state::State;
use super::stats::{self, ProducerStats, Stats};
use super::table::{PlaneDelta, TransportKind};
use super::transport::Transport;
use super::{
    allotment, chase, delivery, hearing, ingress, pulling, recovery, relay, repair, requests,
    retransmit, routing,
};
use crate::errors::Refused;

/// Producers in, consumers out.
pub struct Forwarder {
    state: State,
}

impl Forwarder {
    /// `random` draws SSRCs and first numbers of ours.
    pub fn new(config: ForwardingConfig, random: Box<dyn RandomSource + Send>) -> Self {
        Self {
            state: State::new(config, random),
        }
    }

    /// Make a remote known.  `start_bitrate_bps` 0 is the default of congestion control.  A
    /// LOCAL transport may be sent to at once, a CLIENT or RELAY after `set_sending`.  A
    /// RELAY transport leads to `node`.
    pub fn add_transport(
        &mut self,
        id: TransportId,
        kind: TransportKind,
        start_bitrate_bps: i64,
        node: Option<NodeId>,
    ) -> Result<(), Refused> {
        let state = &mut self.state;
        if state.transport_ids.contains(id) {
            return Err(Refused::State(format!("transport {id} exists")));
        }
        if state.transport_ids.len() >= state.config.transports {
            return Err(Refused::Limit("transports", state.config.transports));
        }
        if node.is_none() == (kind == TransportKind::Relay) {
            let said = "a RELAY transport, and no other, leads to a node";
            return Err(Refused::State(said.to_owned()));
        }
        let made = Transport::new(id, kind, start_bitrate_bps, &mut *state.random);
        let key = state.transports.insert(made);
        if let Some(node) = node {
            relay::attach(state, key, node).inspect_err(|_| {
                state.transports.remove(key);
            })?;
        }
        state.transport_ids.insert(id, key);
        Ok(())
    }

    /// Forget the remote with its producers and consumers; unknown ids are fine.
    pub fn remove_transport(&mut self, id: TransportId) {
        if let Some(key) = self.known(id) {
            relay::detach(&mut self.state, key);
            routing::remove_transport(&mut self.state, key);
        }
    }

    /// Whether packets to the transport can be protected and addressed now.
    ///
    /// Its consumers begin at the moment this becomes true, from the key-frame cache.
    pub fn set_sending(&mut self, id: TransportId, sending: bool, now: f64) -> Result<(), Refused> {
        let key = routing::transport(&self.state, id)?;
        routing::set_sending(&mut self.state, key, sending, now);
        Ok(())
    }

    /// A check of a link was answered after `rtt_s`, or (None) was not.
    pub fn measured(&mut self, id: TransportId, rtt_s: Option<f64>) {
        if let (Some(key), Some(rtt_s)) = (self.known(id), rtt_s) {
            let known = &mut self.state.transports[key].rtt_s;
            let before = known.unwrap_or(rtt_s);
            *known = Some(before + (rtt_s - before) / 8.0);
        }
    }

    /// Apply one change of the table.
    pub fn program(&mut self, delta: PlaneDelta, now: f64) -> Result<(), Refused> {
        match delta {
            PlaneDelta::Forwarding(delta) => routing::program(&mut self.state, delta, now),
            PlaneDelta::Relay(delta) => relay::program(&mut self.state, delta, now),
            PlaneDelta::Bind(delta) => relay::bind(&mut self.state, delta, now),
        }
    }

    /// A decrypted RTP packet of a publisher or neighbour.
    pub fn receive_rtp(&mut self, id: TransportId, packet: &[u8], now: f64) {
        let Some(key) = self.known(id) else {
            self.state.drops.count("unknown-transport");
            return;
        };
        let state = &mut self.state;
        let layer = if state.transports[key].kind == TransportKind::Relay {
            relay::receive(state, key, packet, now)
        } else {
            ingress::receive(state, key, packet, now)
        };
        if let Some(layer) = layer.filter(|layer| !state.dirty.contains(layer)) {
            state.dirty.push(layer);
        }
    }

    /// A decrypted compound RTCP packet of anybody.
    pub fn receive_rtcp(&mut self, id: TransportId, packet: &[u8], now: f64) {
        match self.known(id) {
            Some(key) => {
                hearing::receive(&mut self.state, key, packet, now);
                self.state.serving = None;
            }
            None => self.state.drops.count("unknown-transport"),
        }
    }

    /// Everything that is to leave now, in order, instead of what `out` holds.
    pub fn flush(&mut self, now: f64, out: &mut Departures) {
        let state = &mut self.state;
        let dirty = mem::take(&mut state.dirty);
        for &layer in &dirty {
            flush_layer(state, layer, now);
        }
        state.dirty = dirty;
        state.dirty.clear();
        relay::flush(state, now);
        state.serving = None;
        out.clear();
        mem::swap(&mut state.out, out);
    }

    /// Have room for so many copies in one flush (`Departures::warm`).
    pub fn warm(&mut self, copies: usize) {
        self.state.out.warm(copies);
    }

    /// The next protected packet that is to be sent again as it is.
    pub fn poll_resend(&mut self) -> Option<Again> {
        self.state.again.pop()
    }

    /// The next RTCP compound to protect and send.
    pub fn poll_rtcp(&mut self) -> Option<OutRtcp> {
        self.state.rtcp.pop()
    }

    /// The next thing that control should know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.state.events.pop()
    }

    /// (first number of the key-frame cache, newest number) of a stream; None while it has
    /// no packets here.
    pub fn stream_history(&self, stream: &StreamId) -> Option<(i64, i64)> {
        relay::history(&self.state, stream)
    }

    /// The next deadline; None while there is nothing to wait for.
    pub fn next_timeout(&mut self) -> Option<f64> {
        self.state.agenda.earliest()
    }

    /// Do what is due; follow with `flush`.
    pub fn handle_timeout(&mut self, now: f64) {
        let state = &mut self.state;
        state.firing = state.agenda.due(now);
        state.firing.reverse();
        while let Some(&timer) = state.firing.last() {
            fire(state, timer, now);
            state.firing.pop();
        }
        state.serving = None;
    }

    /// The fault that `recover` is called for came while this consumer was served.
    pub fn blame(&mut self, consumer: ConsumerId) {
        self.state.serving = self.state.consumer_ids.get(consumer).copied();
    }

    /// A panic was caught that came out of this machine: start again from what is whole.
    pub fn recover(&mut self, now: f64) {
        recovery::recover(&mut self.state, now);
    }

    /// Lose what a panic in the midst of a flush loses, while `serving` was served: for the
    /// tests of `recover`.
    pub fn lose_track(&mut self, serving: Option<ConsumerId>) {
        let serving = serving.and_then(|id| self.state.consumer_ids.get(id));
        self.state.serving = serving.copied();
        for layer in self.state.layers.values_mut() {
            layer.audience = Audience::default();
        }
        self.state.dirty.clear();
    }

    /// Counters and gauges; `now` is for the rates.
    pub fn stats(&mut self, now: f64) -> Stats {
        stats::snapshot(&mut self.state, now)
    }

    /// How loud each audio producer was after the packet number in `since`.
    pub fn audio_levels(&self, since: &FxHashMap<ProducerId, i64>) -> Levels {
        levels::audio_levels(&self.state, since)
    }

    /// The producers' part of `stats` alone, which costs nothing per consumer.
    pub fn producer_stats(&mut self, now: f64) -> Vec<(ProducerId, ProducerStats)> {
        stats::producers(&mut self.state, now)
    }

    fn known(&self, id: TransportId) -> Option<TransportKey> {
        self.state.transport_ids.get(id).copied()
    }
}

fn flush_layer(state: &mut State, key: LayerKey, now: f64) {
    let Some(layer) = state.layers.get_mut(key) else {
        return;
    };
    if mem::take(&mut layer.fresh) {
        routing::layer_began(state, key, now);
    }
    delivery::flush(state, key, now);
    let layer = &mut state.layers[key];
    layer.check_cache(&state.config, now);
    let missing = layer.nacks.as_ref().is_some_and(|nacks| !nacks.is_empty());
    if layer.keys.pending() || missing {
        requests::layer_due(state, key, now);
    }
}

fn fire(state: &mut State, timer: Timer, now: f64) {
    match timer {
        Timer::Chase(key) => chase::chase(state, key, now),
        Timer::Repair(key) => retransmit::send(state, key, now),
        Timer::Layer(key) => requests::layer_due(state, key, now),
        Timer::Arrivals(key) => {
            requests::arrivals_due(state, key);
            let when = now + state.config.transport_feedback_s;
            state.agenda.again(timer, when);
        }
        Timer::Reports(key) => {
            requests::reports_due(state, key, now);
            state.agenda.again(timer, now + state.config.report_s);
        }
        Timer::Congestion(key) => repair::pad(state, key, now),
        Timer::Allocation(key) => allotment::due(state, key, now),
        Timer::Pull(key) => pulling::due(state, key, now),
        Timer::Silence(key) => listen(state, key, now),
        Timer::Judge(_) | Timer::Beat(_) | Timer::Leg(_) => relay::fire(state, timer, now),
    }
}

/// Tell when a producer fell silent, once per silence.
fn listen(state: &mut State, key: ProducerKey, now: f64) {
    let producer = &mut state.producers[key];
    let silence_s = now - producer.heard_at(&state.layers, now);
    let limit_s = state.config.silence_s;
    let (silent, id) = (silence_s >= limit_s, producer.id);
    let told = mem::replace(&mut producer.silent, silent);
    if silent && !told {
        state.emit(ForwardingEvent::ProducerSilent {
            producer: id,
            silence_s,
        });
    }
    let wait_s = (limit_s - silence_s).max(limit_s / 5.0);
    state.agenda.at(Timer::Silence(key), now + wait_s);
}
